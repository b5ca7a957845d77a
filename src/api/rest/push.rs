//! Browsers that are told of things while no page of ours is open.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, Path};
use crate::api::problem::{Code, Problem};
use crate::ids::RecordId;
use crate::scheduler::{NewPushSubscription, PushSubscription};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::SignedIn, routes!(push_subscriptions, subscribe, unsubscribe))
        .add(Access::SignedIn, routes!(delete_push_subscription))
}

/// One's own browsers that are told of things, the oldest first
#[utoipa::path(get, path = "/api/me/push-subscriptions", tag = "me",
    responses((status = 200, body = Vec<PushSubscription>)))]
async fn push_subscriptions(State(rest): State<Rest>, caller: Caller) -> Result<Json<Vec<PushSubscription>>, Problem> {
    Ok(Json(rest.scheduler.push_subscriptions(caller.actor).await?))
}

/// Tell this browser of things
///
/// With what it gives of its `PushSubscription`. A browser belongs to whoever has signed in with it last.
#[utoipa::path(post, path = "/api/me/push-subscriptions", tag = "me", request_body = NewPushSubscription,
    responses((status = 201, body = PushSubscription)))]
async fn subscribe(
    State(rest): State<Rest>,
    caller: Caller,
    Json(new): Json<NewPushSubscription>,
) -> Result<(StatusCode, Json<PushSubscription>), Problem> {
    // An address of a private network is refused here; where a name leads is looked at when something is sent.
    if let Some(guard) = rest.dispatcher.push_guard() {
        let refused = |error| Problem::new(Code::InvalidBody).detail(error).with("field", "endpoint");
        guard.url(&new.endpoint).map_err(refused)?;
    }
    Ok((StatusCode::CREATED, Json(rest.scheduler.add_push_subscription(caller.actor, new).await?)))
}

/// A browser by what it knows of itself.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThisBrowser {
    /// The push service's URL for this browser.
    endpoint: Line<2048>,
}

/// Tell this browser of nothing any more
#[utoipa::path(delete, path = "/api/me/push-subscriptions", tag = "me", request_body = ThisBrowser,
    responses((status = 204)))]
async fn unsubscribe(
    State(rest): State<Rest>,
    caller: Caller,
    Json(browser): Json<ThisBrowser>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.remove_push_endpoint(caller.actor, &browser.endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tell one of one's own browsers of nothing any more
#[utoipa::path(delete, path = "/api/me/push-subscriptions/{subscription_id}", tag = "me",
    params(("subscription_id" = RecordId, Path)), responses((status = 204)))]
async fn delete_push_subscription(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<RecordId>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.remove_push_subscription(caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

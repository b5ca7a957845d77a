//! Webhooks, as administrators look after them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, PageParams, Paged, Path, Slice};
use crate::api::problem::{Code, Problem};
use crate::ids::{DeliveryId, WebhookId};
use crate::notify::dispatch::{ReplayError, replay};
use crate::scheduler::{
    Delivery, DeliveryFilter, DeliveryState, Mark, NewWebhook, WEBHOOK_EVENTS, Webhook, WebhookChanges,
};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Admin, routes!(webhooks, create_webhook))
        .add(Access::Admin, routes!(webhook_events))
        .add(Access::Admin, routes!(change_webhook, delete_webhook))
        .add(Access::Admin, routes!(rotate_webhook_secret))
        .add(Access::Admin, routes!(test_webhook))
        .add(Access::Admin, routes!(deliveries))
        .add(Access::Admin, routes!(replay_delivery))
}

/// All webhooks, the oldest first
#[utoipa::path(get, path = "/api/admin/webhooks", tag = "administration",
    responses((status = 200, body = Vec<Webhook>)))]
async fn webhooks(State(rest): State<Rest>, caller: Caller) -> Result<Json<Vec<Webhook>>, Problem> {
    Ok(Json(rest.scheduler.webhooks(caller.actor).await?))
}

/// Every event that a webhook can be told of
#[utoipa::path(get, path = "/api/admin/webhooks/events", tag = "administration",
    responses((status = 200, body = Vec<String>)))]
async fn webhook_events() -> Json<&'static [&'static str]> {
    Json(&WEBHOOK_EVENTS)
}

/// A webhook with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewlyMade {
    #[serde(flatten)]
    webhook: Webhook,
    /// What deliveries are signed with (Standard Webhooks); it is told here and never again.
    secret: String,
}

/// Set up a webhook
///
/// The secret in the answer is told once.
#[utoipa::path(post, path = "/api/admin/webhooks", tag = "administration", request_body = NewWebhook,
    responses((status = 201, body = NewlyMade)))]
async fn create_webhook(
    State(rest): State<Rest>,
    caller: Caller,
    Json(new): Json<NewWebhook>,
) -> Result<(StatusCode, Json<NewlyMade>), Problem> {
    may_lead_there(&rest, &new.url)?;
    let (webhook, secret) = rest.scheduler.add_webhook(caller.actor, new).await?;
    Ok((StatusCode::CREATED, Json(NewlyMade { webhook, secret: secret.reveal().to_owned() })))
}

/// Change a webhook
#[utoipa::path(patch, path = "/api/admin/webhooks/{webhook_id}", tag = "administration",
    params(("webhook_id" = WebhookId, Path)), request_body = WebhookChanges,
    responses((status = 200, body = Webhook)))]
async fn change_webhook(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    Json(changes): Json<WebhookChanges>,
) -> Result<Json<Webhook>, Problem> {
    if let Some(url) = &changes.url {
        may_lead_there(&rest, url)?;
    }
    Ok(Json(rest.scheduler.update_webhook(caller.actor, id, changes).await?))
}

/// Remove a webhook, and what was to be delivered to it
#[utoipa::path(delete, path = "/api/admin/webhooks/{webhook_id}", tag = "administration",
    params(("webhook_id" = WebhookId, Path)), responses((status = 204)))]
async fn delete_webhook(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<WebhookId>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.delete_webhook(caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The secret of a webhook.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    /// It is told here and never again.
    secret: String,
}

/// Give a webhook another secret
#[utoipa::path(post, path = "/api/admin/webhooks/{webhook_id}/secret", tag = "administration",
    params(("webhook_id" = WebhookId, Path)), responses((status = 200, body = NewSecret)))]
async fn rotate_webhook_secret(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<WebhookId>,
) -> Result<Json<NewSecret>, Problem> {
    let secret = rest.scheduler.rotate_webhook_secret(caller.actor, id).await?;
    Ok(Json(NewSecret { secret: secret.reveal().to_owned() }))
}

/// A delivery that was queued.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Queued {
    delivery_id: DeliveryId,
}

/// Send a webhook an event of no consequence
///
/// `webhook.ping`; the list of deliveries says what became of it.
#[utoipa::path(post, path = "/api/admin/webhooks/{webhook_id}/test", tag = "administration",
    params(("webhook_id" = WebhookId, Path)), responses((status = 202, body = Queued)))]
async fn test_webhook(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<WebhookId>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let delivery_id = rest.scheduler.ping_webhook(caller.actor, id).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { delivery_id })))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// To one webhook.
    #[serde(default)]
    webhook_id: Option<WebhookId>,
    /// Where they stand.
    #[serde(default)]
    #[param(inline)]
    state: Option<DeliveryState>,
    /// Of one event, such as `call.ended`.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 100)]
    event: Option<Line<100>>,
}

/// What was delivered, is to be delivered and could not be delivered, the latest first
#[utoipa::path(get, path = "/api/admin/deliveries", tag = "administration", params(Wanted, PageParams),
    responses((status = 200, body = Slice<Delivery>)))]
async fn deliveries(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<Wanted, Mark<DeliveryId>>,
) -> Result<Json<Slice<Delivery>>, Problem> {
    let Wanted { webhook_id, state, event } = page.filter;
    let filter = DeliveryFilter { webhook: webhook_id, state, event: event.map(Line::into_string) };
    let found = rest.scheduler.deliveries(caller.actor, filter, page.after, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, Delivery::mark)))
}

/// Deliver something once more
///
/// The same event, which its receiver knows by its id.
#[utoipa::path(post, path = "/api/admin/deliveries/{delivery_id}/replay", tag = "administration",
    params(("delivery_id" = DeliveryId, Path)), responses((status = 202, body = Queued)))]
async fn replay_delivery(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let scheduler = &rest.scheduler;
    let replayed = replay(scheduler.store(), caller.actor, id, scheduler.now()).await;
    let delivery_id = replayed.map_err(|error| match error {
        ReplayError::NotFound => Code::NotFound.into(),
        ReplayError::StillDue | ReplayError::Inactive => Problem::new(Code::NotRepeatable).detail(error),
        ReplayError::Store(error) => error.into(),
    })?;
    Ok((StatusCode::ACCEPTED, Json(Queued { delivery_id })))
}

/// An address of a network that is not allowed is refused here. Where a name leads is looked at with each delivery.
fn may_lead_there(rest: &Rest, url: &str) -> Result<(), Problem> {
    let refused = |error| Problem::new(Code::InvalidBody).detail(error).with("field", "url");
    rest.dispatcher.webhook_guard().url(url.trim()).map(drop).map_err(refused)
}

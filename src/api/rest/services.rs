//! What experts offer.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, IfMatch, Json, OfficeRoutes, Path, Query, Versioned};
use crate::api::problem::Problem;
use crate::ids::{ServiceId, UserId};
use crate::scheduler::{Service, ServiceDraft};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Anyone, routes!(services))
        .add(Access::Anyone, routes!(service))
        .add(Access::Staff, routes!(create_service))
        .add(Access::Staff, routes!(update_service))
        .add(Access::Staff, routes!(activate_service))
        .add(Access::Staff, routes!(deactivate_service))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// The expert; the caller, if left out.
    #[serde(default)]
    expert_id: Option<UserId>,
}

impl Whose {
    fn expert(self, caller: &Caller) -> Result<UserId, Problem> {
        self.expert_id.map_or_else(|| caller.user(), Ok)
    }
}

/// The services of an expert: all of one's own, of others what is offered
#[utoipa::path(get, path = "/api/services", tag = "services", params(Whose),
    responses((status = 200, body = Vec<Service>)))]
async fn services(
    State(rest): State<Rest>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<Json<Vec<Service>>, Problem> {
    let expert = whose.expert(&caller)?;
    Ok(Json(rest.scheduler.services(caller.actor, expert).await?))
}

/// One service
#[utoipa::path(get, path = "/api/services/{service_id}", tag = "services", params(("service_id" = ServiceId, Path)),
    responses((status = 200, body = Service, headers(("etag" = String)))))]
async fn service(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<ServiceId>,
) -> Result<Versioned<Json<Service>>, Problem> {
    Ok(told(rest.scheduler.service(caller.actor, id).await?))
}

/// Offer a service
///
/// Experts make their own; administrators say for which expert.
#[utoipa::path(post, path = "/api/services", tag = "services", params(Whose), request_body = ServiceDraft,
    responses((status = 201, body = Service, headers(("etag" = String)))))]
async fn create_service(
    State(rest): State<Rest>,
    caller: Caller,
    Query(whose): Query<Whose>,
    Json(draft): Json<ServiceDraft>,
) -> Result<(StatusCode, Versioned<Json<Service>>), Problem> {
    let expert = whose.expert(&caller)?;
    Ok((StatusCode::CREATED, told(rest.scheduler.create_service(caller.actor, expert, draft).await?)))
}

/// Write a service anew
///
/// Appointments keep what they were booked with. What is left out is as for a new one.
#[utoipa::path(put, path = "/api/services/{service_id}", tag = "services",
    params(("service_id" = ServiceId, Path), ("if-match" = String, Header, description = "The service's ETag, or `*`.")),
    request_body = ServiceDraft, responses((status = 200, body = Service, headers(("etag" = String)))))]
async fn update_service(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<ServiceId>,
    version: IfMatch,
    Json(draft): Json<ServiceDraft>,
) -> Result<Versioned<Json<Service>>, Problem> {
    Ok(told(rest.scheduler.update_service(caller.actor, id, draft, version.expected()?).await?))
}

/// Put a service on the list
#[utoipa::path(post, path = "/api/services/{service_id}/activate", tag = "services",
    params(("service_id" = ServiceId, Path)),
    responses((status = 200, body = Service, headers(("etag" = String)))))]
async fn activate_service(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<ServiceId>,
) -> Result<Versioned<Json<Service>>, Problem> {
    Ok(told(rest.scheduler.set_service_active(caller.actor, id, true, None).await?))
}

/// Take a service off the list
///
/// What has been booked of it takes place.
#[utoipa::path(post, path = "/api/services/{service_id}/deactivate", tag = "services",
    params(("service_id" = ServiceId, Path)),
    responses((status = 200, body = Service, headers(("etag" = String)))))]
async fn deactivate_service(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<ServiceId>,
) -> Result<Versioned<Json<Service>>, Problem> {
    Ok(told(rest.scheduler.set_service_active(caller.actor, id, false, None).await?))
}

fn told(service: Service) -> Versioned<Json<Service>> {
    Versioned(service.version, Json(service))
}

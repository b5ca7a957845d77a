//! When an expert can be booked.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, IfMatch, Json, Line, OfficeRoutes, Versioned};
use crate::api::problem::Problem;
use crate::ids::ServiceId;
use crate::scheduler::{Hours, HoursPreview, Interval};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Expert, routes!(availability, replace_availability))
        .add(Access::Expert, routes!(preview_availability))
}

/// One's own hours
#[utoipa::path(get, path = "/api/me/availability", tag = "services",
    responses((status = 200, body = Hours, headers(("etag" = String)))))]
async fn availability(State(rest): State<Rest>, caller: Caller) -> Result<Versioned<Json<Hours>>, Problem> {
    Ok(told(rest.scheduler.hours(caller.actor, caller.user()?).await?))
}

/// Put other hours in the place of all that there are
///
/// Appointments stay where they are.
#[utoipa::path(put, path = "/api/me/availability", tag = "services",
    params(("if-match" = String, Header, description = "The hours' ETag, or `*`.")), request_body = Hours,
    responses((status = 200, body = Hours, headers(("etag" = String)))))]
async fn replace_availability(
    State(rest): State<Rest>,
    caller: Caller,
    version: IfMatch,
    Json(hours): Json<Hours>,
) -> Result<Versioned<Json<Hours>>, Problem> {
    let expected = version.expected()?;
    Ok(told(rest.scheduler.replace_hours(caller.actor, caller.user()?, hours, expected).await?))
}

/// Hours to be tried, and for when.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HoursTrial {
    hours: Hours,
    /// The service whose slots are wanted as well.
    #[serde(default)]
    service_id: Option<ServiceId>,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    from: UnixTime,
    /// At most 62 days later.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    to: UnixTime,
    /// The zone of the slots' local times.
    #[schema(example = "Europe/Rome")]
    tz: Line<64>,
}

/// What hours would mean that are not stored yet
#[utoipa::path(post, path = "/api/me/availability/preview", tag = "services", request_body = HoursTrial,
    responses((status = 200, body = HoursPreview)))]
async fn preview_availability(
    State(rest): State<Rest>,
    caller: Caller,
    Json(trial): Json<HoursTrial>,
) -> Result<Json<HoursPreview>, Problem> {
    let range = Interval::new(trial.from, trial.to);
    let expert = caller.user()?;
    let preview =
        rest.scheduler.preview_hours(caller.actor, expert, trial.hours, trial.service_id, range, &trial.tz).await?;
    Ok(Json(preview))
}

fn told(hours: Hours) -> Versioned<Json<Hours>> {
    Versioned(hours.version(), Json(hours))
}

//! Which times can be booked, and why others cannot.

use axum::extract::State;
use jiff::civil::DateTime;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, Path, Query};
use crate::api::problem::{Code, Problem};
use crate::ids::{AppointmentId, ServiceId};
use crate::scheduler::{Error, Interval, OfferedSlots, SlotSearch, WhyNot};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Anyone, routes!(slots)).add(Access::Anyone, routes!(explain_slot))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The first start that is looked for.
    #[serde(with = "rfc3339")]
    #[param(value_type = String, format = DateTime)]
    from: UnixTime,
    /// Up to, and without, this one; at most 62 days later.
    #[serde(with = "rfc3339")]
    #[param(value_type = String, format = DateTime)]
    to: UnixTime,
    /// The zone of the local times.
    #[param(value_type = String, max_length = 64, example = "Europe/Rome")]
    tz: Line<64>,
    /// An appointment that is to be moved: its own time does not stand in its way.
    #[serde(default)]
    moving: Option<AppointmentId>,
}

/// The times at which a service can be booked
#[utoipa::path(get, path = "/api/services/{service_id}/slots", tag = "booking",
    params(("service_id" = ServiceId, Path), Wanted), responses((status = 200, body = OfferedSlots)))]
async fn slots(
    State(rest): State<Rest>,
    caller: Caller,
    Path(service): Path<ServiceId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<OfferedSlots>, Problem> {
    let range = Interval::new(wanted.from, wanted.to);
    let search = SlotSearch { service, range, tz: wanted.tz.into_string(), moving: wanted.moving };
    Ok(Json(rest.scheduler.slots(caller.actor, search).await.map_err(of_the_query)?))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// A point in time; or else `local` and `tz`.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    starts_at: Option<UnixTime>,
    /// What a clock shows.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "2026-03-08T02:30")]
    local: Option<DateTime>,
    /// The zone of that clock.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 64, example = "America/New_York")]
    tz: Option<Line<64>>,
}

/// Why a time cannot be booked
///
/// Every reason, for each start that is meant: two where clocks show the time twice. None where it is offered.
#[utoipa::path(get, path = "/api/services/{service_id}/explain", tag = "booking",
    params(("service_id" = ServiceId, Path), Asked), responses((status = 200, body = Vec<WhyNot>)))]
async fn explain_slot(
    State(rest): State<Rest>,
    caller: Caller,
    Path(service): Path<ServiceId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<WhyNot>>, Problem> {
    let scheduler = &rest.scheduler;
    let explained = match (asked.starts_at, asked.local, asked.tz) {
        (Some(starts_at), None, None) => scheduler.explain(caller.actor, service, starts_at).await.map(|why| vec![why]),
        (None, Some(local), Some(tz)) => scheduler.explain_local(caller.actor, service, local, &tz).await,
        _ => return Err(Problem::new(Code::InvalidQuery).detail("It takes startsAt, or local and tz.")),
    };
    Ok(Json(explained.map_err(of_the_query)?))
}

/// What the scheduler calls a value that is not possible came in the query here.
fn of_the_query(error: Error) -> Problem {
    match error {
        Error::Invalid { field, .. } => Problem::new(Code::InvalidQuery).detail(error).with("field", field),
        error => error.into(),
    }
}

//! The lobby: who waits, and letting in.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, OfficeRoutes, Path, Query};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::scheduler::{LobbyEntry, SeatRole};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Staff, routes!(waiting))
        .add(Access::Expert, routes!(admit_next))
        .add(Access::Staff, routes!(admit))
        .add(Access::Guest, routes!(leave))
}

/// Somebody who waits.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    seat_id: SeatId,
    appointment_id: AppointmentId,
    title: String,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: UnixTime,
    name: String,
    role: SeatRole,
    /// Without an account.
    guest: bool,
    /// Since when.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    since: UnixTime,
}

impl From<LobbyEntry> for Waiting {
    fn from(entry: LobbyEntry) -> Self {
        Self {
            seat_id: entry.seat,
            appointment_id: entry.appointment,
            title: entry.title,
            starts_at: entry.starts_at,
            name: entry.name,
            role: entry.role,
            guest: entry.is_guest,
            since: entry.since,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Another expert, for administrators.
    #[serde(default)]
    expert_id: Option<UserId>,
}

/// Who waits, first come first
#[utoipa::path(get, path = "/api/lobby", tag = "calls", params(Whose), responses((status = 200, body = Vec<Waiting>)))]
async fn waiting(
    State(rest): State<Rest>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<Json<Vec<Waiting>>, Problem> {
    let expert = whose.expert_id.map_or_else(|| caller.user(), Ok)?;
    let waiting = rest.scheduler.lobby(caller.actor, expert).await?;
    Ok(Json(waiting.into_iter().map(Waiting::from).collect()))
}

/// Let in whoever has waited longest
#[utoipa::path(post, path = "/api/lobby/admit-next", tag = "calls", responses((status = 200, body = Waiting)))]
async fn admit_next(State(rest): State<Rest>, caller: Caller) -> Result<Json<Waiting>, Problem> {
    Ok(Json(rest.scheduler.admit_next(caller.actor).await?.into()))
}

/// Let somebody in
#[utoipa::path(post, path = "/api/seats/{seat_id}/admit", tag = "calls", params(("seat_id" = SeatId, Path)),
    responses((status = 204)))]
async fn admit(State(rest): State<Rest>, caller: Caller, Path(seat): Path<SeatId>) -> Result<StatusCode, Problem> {
    rest.scheduler.admit(caller.actor, seat).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give up waiting
#[utoipa::path(delete, path = "/api/appointments/{appointment_id}/lobby", tag = "calls",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 204)))]
async fn leave(
    State(rest): State<Rest>,
    caller: Caller,
    Path(appointment): Path<AppointmentId>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.leave_lobby(caller.actor, appointment).await?;
    Ok(StatusCode::NO_CONTENT)
}

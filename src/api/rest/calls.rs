//! Windows of running calls: opening early, keeping open longer.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, OfficeRoutes, Path};
use crate::api::problem::Problem;
use crate::ids::AppointmentId;
use crate::store::Actor;
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Staff, routes!(extend)).add(Access::Staff, routes!(open))
}

/// When a room is open now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WindowNow {
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    opens_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    closes_at: UnixTime,
    /// The start of the expert's next appointment, where this one may delay it.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    delays: Option<UnixTime>,
}

/// Keep the room open longer
///
/// By one step (15 minutes), as often as the settings allow (twice). Everybody in the room is told.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/extend", tag = "calls",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = WindowNow)))]
async fn extend(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<WindowNow>, Problem> {
    keep_open(&rest, caller.actor, id).await
}

pub(super) async fn keep_open(rest: &Rest, actor: Actor, id: AppointmentId) -> Result<Json<WindowNow>, Problem> {
    let extended = rest.scheduler.extend(actor, id).await?;
    let opens_at = extended.appointment.window(&rest.scheduler.settings().window).opens;
    Ok(Json(WindowNow { opens_at, closes_at: extended.closes_at, delays: extended.delays }))
}

/// Open the room before its time
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/open", tag = "calls",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = WindowNow)))]
async fn open(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<WindowNow>, Problem> {
    let appointment = rest.scheduler.open_early(caller.actor, id).await?;
    let window = appointment.window(&rest.scheduler.settings().window);
    Ok(Json(WindowNow { opens_at: window.opens, closes_at: window.closes, delays: None }))
}

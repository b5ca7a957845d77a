//! When rooms are open: opening early, keeping open longer, otherwise than the service says.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::decisions::On;
use super::fields::given;
use super::view::{Told, View};
use crate::api::office::{Access, Caller, Json, OfficeRoutes, Path};
use crate::api::problem::Problem;
use crate::ids::AppointmentId;
use crate::scheduler::{CloseAnchor, WindowChange};
use crate::store::Actor;
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Staff, routes!(extend)).add(Access::Staff, routes!(open)).add(Access::Staff, routes!(window))
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

/// What a window has otherwise; what is left out stays, `null` goes back to what the service has.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OtherWindow {
    /// How long before the start the room opens.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, maximum = 1440)]
    open_before_min: Option<Option<u32>>,
    /// How long after the end, or the start, it closes.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, maximum = 1440)]
    close_after_min: Option<Option<u32>>,
    /// What that is counted from.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<CloseAnchor>)]
    close_anchor: Option<Option<CloseAnchor>>,
}

/// Have the room open and close otherwise than the service says
///
/// An open room follows at once, and everybody in it is told. It is refused where the room would be closed by then, or
/// an open one not open yet.
#[utoipa::path(patch, path = "/api/appointments/{appointment_id}/window", tag = "calls",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = OtherWindow,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn window(on: On, Json(other): Json<OtherWindow>) -> Result<Told, Problem> {
    let OtherWindow { open_before_min, close_after_min, close_anchor } = other;
    let change = WindowChange { open_before_min, close_after_min, close_anchor };
    on.rest.scheduler.change_window(on.caller.actor, on.id, change, on.expected).await?;
    on.told().await
}

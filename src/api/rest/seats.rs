//! Who takes part in an appointment besides the two sides.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::routes;

use super::Rest;
use super::view::{self, SeatView};
use crate::api::office::{Access, Caller, Json, OfficeRoutes, Path};
use crate::api::problem::{Code, Problem};
use crate::ids::{AppointmentId, SeatId};
use crate::scheduler::{NewSeat, SeatChange};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Guest, routes!(seats))
        .add(Access::Staff, routes!(add_seat))
        .add(Access::Staff, routes!(change_seat))
        .add(Access::Guest, routes!(remove_seat))
}

/// Who takes part, as far as the caller may know
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/seats", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Vec<SeatView>)))]
async fn seats(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<Vec<SeatView>>, Problem> {
    Ok(Json(view::seats(&rest.scheduler.appointment(caller.actor, id).await?)))
}

/// Give somebody a seat, before the call or during it
///
/// Whoever has an account by the address gets it as that account; others are guests, who get a link.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/seats", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path)), request_body = NewSeat,
    responses((status = 201, body = SeatView)))]
async fn add_seat(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    Json(new): Json<NewSeat>,
) -> Result<(StatusCode, Json<SeatView>), Problem> {
    let seat = rest.scheduler.add_seat(caller.actor, id, new, None).await?;
    Ok((StatusCode::CREATED, one(&rest, &caller, id, seat.id).await?))
}

/// Change what somebody may in an appointment; who is in the call notices at once
#[utoipa::path(patch, path = "/api/seats/{seat_id}", tag = "appointments", params(("seat_id" = SeatId, Path)),
    request_body = SeatChange, responses((status = 200, body = SeatView)))]
async fn change_seat(
    State(rest): State<Rest>,
    caller: Caller,
    Path(seat): Path<SeatId>,
    Json(change): Json<SeatChange>,
) -> Result<Json<SeatView>, Problem> {
    let seat = rest.scheduler.change_seat(caller.actor, seat, change, None).await?;
    one(&rest, &caller, seat.appointment_id, seat.id).await
}

/// Take a seat away, or give up one's own from which one only attends
///
/// Whoever is in the call is sent out of it.
#[utoipa::path(delete, path = "/api/seats/{seat_id}", tag = "appointments", params(("seat_id" = SeatId, Path)),
    responses((status = 204)))]
async fn remove_seat(
    State(rest): State<Rest>,
    caller: Caller,
    Path(seat): Path<SeatId>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.remove_seat(caller.actor, seat, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(rest: &Rest, caller: &Caller, id: AppointmentId, seat: SeatId) -> Result<Json<SeatView>, Problem> {
    let seats = view::seats(&rest.scheduler.appointment(caller.actor, id).await?);
    // Somebody else may have taken it away in the meantime.
    seats.into_iter().find(|view| view.id == seat).map(Json).ok_or(Problem::new(Code::NotFound))
}

//! What the two sides decide of an appointment. Each command says in `If-Match` which version it was decided on, and
//! is answered with the appointment as it is then.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::view::{Told, View, told};
use crate::api::office::{Access, Caller, IfMatch, Json, OfficeRoutes, Path, Prose};
use crate::api::problem::{Code, Problem};
use crate::ids::AppointmentId;
use crate::scheduler::{Correction, Error, Move, NoShow};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Staff, routes!(approve))
        .add(Access::Staff, routes!(reject))
        .add(Access::SignedIn, routes!(propose))
        .add(Access::SignedIn, routes!(accept))
        .add(Access::SignedIn, routes!(decline))
        .add(Access::SignedIn, routes!(reschedule))
        .add(Access::SignedIn, routes!(cancel))
        .add(Access::Staff, routes!(complete))
        .add(Access::Staff, routes!(outcome))
}

/// Words to the other side.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Words {
    #[serde(default)]
    message: Prose<5_000>,
}

/// Another time.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OtherTime {
    /// The new start; it takes as long as before.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: UnixTime,
    #[serde(default)]
    message: Prose<5_000>,
    /// Even where the expert's hours have no room for it; for the expert and administrators to say.
    #[serde(default)]
    outside_hours: bool,
}

impl From<OtherTime> for Move {
    fn from(other: OtherTime) -> Self {
        let OtherTime { starts_at, message, outside_hours } = other;
        Self { starts_at, message: message.into_string(), outside_hours }
    }
}

/// Say yes to a request
///
/// The appointment has its room and its address from then on.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/approve", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn approve(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(words): Json<Words>,
) -> Result<Told, Problem> {
    rest.scheduler.approve(caller.actor, id, &words.message, version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// Say no to a request
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/reject", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn reject(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(words): Json<Words>,
) -> Result<Told, Problem> {
    rest.scheduler.reject(caller.actor, id, &words.message, version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// Propose another time to the other side
///
/// Nothing is held for it. An earlier proposal is replaced.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/propose", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = OtherTime,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn propose(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(time): Json<OtherTime>,
) -> Result<Told, Problem> {
    rest.scheduler.propose(caller.actor, id, time.into(), version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// Take the time that the other side proposes
///
/// The appointment is moved, and approved if it was not.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/accept", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)),
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn accept(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
) -> Result<Told, Problem> {
    rest.scheduler.accept_proposal(caller.actor, id, version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// Do not take the time that the other side proposes, or take one's own proposal back
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/decline", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn decline(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(words): Json<Words>,
) -> Result<Told, Problem> {
    rest.scheduler.decline_proposal(caller.actor, id, &words.message, version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// Move an appointment
///
/// The room and the entry in calendars stay the same. Customers move it to what is offered; where the service says so
/// the expert is asked again.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/reschedule", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = OtherTime,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn reschedule(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(time): Json<OtherTime>,
) -> Result<Told, Problem> {
    rest.scheduler.reschedule(caller.actor, id, time.into(), version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// Call an appointment off
///
/// A customer of a session with others in it gives up the own seat, and is answered 204 as there is nothing more to
/// see.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/cancel", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String))), (status = 204)))]
async fn cancel(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(words): Json<Words>,
) -> Result<Response, Problem> {
    rest.scheduler.cancel(caller.actor, id, &words.message, version.expected()?).await?;
    match rest.scheduler.appointment(caller.actor, id).await {
        Err(Error::NotFound) => Ok(StatusCode::NO_CONTENT.into_response()),
        _ => told(&rest, &caller, id).await.map(IntoResponse::into_response),
    }
}

/// Put an appointment down as done; its call ends
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/complete", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)),
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn complete(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
) -> Result<Told, Problem> {
    rest.scheduler.complete(caller.actor, id, version.expected()?).await?;
    told(&rest, &caller, id).await
}

/// What really came about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CameAbout {
    outcome: Outcome,
    /// With `no_show`: who did not come.
    #[serde(default)]
    no_show: Option<NoShow>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It took place.
    Completed,
    /// Somebody did not come.
    NoShow,
}

/// Correct what an appointment was put down as
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/outcome", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = CameAbout,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn outcome(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    version: IfMatch,
    Json(came): Json<CameAbout>,
) -> Result<Told, Problem> {
    let correction = match (came.outcome, came.no_show) {
        (Outcome::Completed, None) => Correction::Completed,
        (Outcome::NoShow, Some(side)) => Correction::NoShow(side),
        _ => {
            let detail = "noShow says who did not come, and goes with the outcome no_show.";
            return Err(Problem::new(Code::InvalidBody).detail(detail).with("field", "noShow"));
        }
    };
    rest.scheduler.correct(caller.actor, id, correction, version.expected()?).await?;
    told(&rest, &caller, id).await
}

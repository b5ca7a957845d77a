//! What the two sides decide of an appointment. Each command says in `If-Match` which version it was decided on, and
//! is answered with the appointment as it is then.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
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

/// The appointment that a command is given on, by whom, and the version that it was decided on.
pub(super) struct On {
    pub(super) rest: Rest,
    pub(super) caller: Caller,
    pub(super) id: AppointmentId,
    pub(super) expected: Option<i64>,
}

impl FromRequestParts<Rest> for On {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, rest).await?;
        let Path(id) = Path::from_request_parts(parts, rest).await?;
        let expected = IfMatch::from_request_parts(parts, rest).await?.expected()?;
        Ok(Self { rest: rest.clone(), caller, id, expected })
    }
}

impl On {
    /// The appointment as the caller sees it afterwards.
    pub(super) async fn told(&self) -> Result<Told, Problem> {
        told(&self.rest, &self.caller, self.id).await
    }
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
async fn approve(on: On, Json(words): Json<Words>) -> Result<Told, Problem> {
    on.rest.scheduler.approve(on.caller.actor, on.id, &words.message, on.expected).await?;
    on.told().await
}

/// Say no to a request
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/reject", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn reject(on: On, Json(words): Json<Words>) -> Result<Told, Problem> {
    on.rest.scheduler.reject(on.caller.actor, on.id, &words.message, on.expected).await?;
    on.told().await
}

/// Propose another time to the other side
///
/// Nothing is held for it. An earlier proposal is replaced.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/propose", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = OtherTime,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn propose(on: On, Json(time): Json<OtherTime>) -> Result<Told, Problem> {
    on.rest.scheduler.propose(on.caller.actor, on.id, time.into(), on.expected).await?;
    on.told().await
}

/// Take the time that the other side proposes
///
/// The appointment is moved, and approved if it was not.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/accept", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)),
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn accept(on: On) -> Result<Told, Problem> {
    on.rest.scheduler.accept_proposal(on.caller.actor, on.id, on.expected).await?;
    on.told().await
}

/// Do not take the time that the other side proposes, or take one's own proposal back
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/decline", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn decline(on: On, Json(words): Json<Words>) -> Result<Told, Problem> {
    on.rest.scheduler.decline_proposal(on.caller.actor, on.id, &words.message, on.expected).await?;
    on.told().await
}

/// Move an appointment
///
/// The room and the entry in calendars stay the same. Customers move it to what is offered; where the service says so
/// the expert is asked again.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/reschedule", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = OtherTime,
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn reschedule(on: On, Json(time): Json<OtherTime>) -> Result<Told, Problem> {
    on.rest.scheduler.reschedule(on.caller.actor, on.id, time.into(), on.expected).await?;
    on.told().await
}

/// Call an appointment off
///
/// A customer of a session with others in it gives up the own seat, and is answered 204 as there is nothing more to
/// see.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/cancel", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)), request_body = Words,
    responses((status = 200, body = View, headers(("etag" = String))), (status = 204)))]
async fn cancel(on: On, Json(words): Json<Words>) -> Result<Response, Problem> {
    on.rest.scheduler.cancel(on.caller.actor, on.id, &words.message, on.expected).await?;
    match on.rest.scheduler.appointment(on.caller.actor, on.id).await {
        Err(Error::NotFound) => Ok(StatusCode::NO_CONTENT.into_response()),
        _ => on.told().await.map(IntoResponse::into_response),
    }
}

/// Put an appointment down as done; its call ends
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/complete", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path), ("if-match" = String, Header)),
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn complete(on: On) -> Result<Told, Problem> {
    on.rest.scheduler.complete(on.caller.actor, on.id, on.expected).await?;
    on.told().await
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
async fn outcome(on: On, Json(came): Json<CameAbout>) -> Result<Told, Problem> {
    let correction = match (came.outcome, came.no_show) {
        (Outcome::Completed, None) => Correction::Completed,
        (Outcome::NoShow, Some(side)) => Correction::NoShow(side),
        _ => {
            let detail = "noShow says who did not come, and goes with the outcome no_show.";
            return Err(Problem::new(Code::InvalidBody).detail(detail).with("field", "noShow"));
        }
    };
    on.rest.scheduler.correct(on.caller.actor, on.id, correction, on.expected).await?;
    on.told().await
}

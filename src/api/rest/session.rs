//! Signing in by password, signing out, and the devices that somebody is signed in on.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::fields::{DeviceView, Password, SignedOut};
use super::visitor::{SignedInUser, Visitor, welcome, without_cookie};
use crate::accounts::AccountsError;
use crate::api::office::{Access, Caller, Class, Json, Line, OfficeRoutes, Path};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, SeatId, SessionId};
use crate::scheduler::{Appointment, Error, Seat, SeatRole};
use crate::store::Actor;
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Anyone, routes!(who_am_i, sign_out))
        .add_as(Class::SignIn, Access::Anyone, routes!(sign_in))
        .add(Access::SignedIn, routes!(list_devices))
        .add(Access::SignedIn, routes!(sign_others_out))
        .add(Access::SignedIn, routes!(sign_device_out))
}

/// Who is signed in: an account, a guest, or nobody.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WhoAmI {
    /// The server's time.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    now: UnixTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<SignedInUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<GuestSeat>,
}

/// A guest's seat in an appointment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GuestSeat {
    seat_id: SeatId,
    appointment_id: AppointmentId,
    /// The appointment's title.
    title: String,
    name: String,
    role: SeatRole,
    /// The appointment's time zone.
    tz: String,
}

impl Rest {
    /// What a guest is told of the seat that a link led to.
    pub(super) async fn guest_seat(&self, seat: SeatId) -> Result<GuestSeat, Problem> {
        let query = move |reader: &crate::store::Reader<'_>| {
            let seat = Seat::load(reader, seat)?;
            let appointment = Appointment::load(reader, seat.appointment_id)?;
            Ok::<_, Error>((seat, appointment))
        };
        let (seat, appointment) = self.scheduler.store().read(Actor::Guest(seat), query).await?;
        Ok(GuestSeat {
            seat_id: seat.id,
            appointment_id: appointment.id,
            title: appointment.title,
            name: seat.name,
            role: seat.role,
            tz: appointment.tz,
        })
    }
}

/// Who is signed in
///
/// The cookie of an account's session is given anew, so that it lasts as long as the session.
#[utoipa::path(get, path = "/api/session", tag = "session", responses((status = 200, body = WhoAmI)))]
async fn who_am_i(State(rest): State<Rest>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let mut answer = WhoAmI { now: rest.gate.now(), user: None, guest: None };
    match caller.actor {
        Actor::User(id, _) => answer.user = Some(rest.accounts.person(caller.actor, id).await?.into()),
        Actor::Guest(seat) => answer.guest = Some(rest.guest_seat(seat).await?),
        Actor::Anonymous | Actor::System => {}
    }
    let renewed = answer.user.as_ref().and_then(|_| {
        let cookie = rest.gate.cookie();
        cookie.find(&headers).and_then(|token| cookie.set(token, rest.gate.session_ttl))
    });
    let mut response = Json(answer).into_response();
    if let Some(cookie) = renewed {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What somebody signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credentials {
    email: Line<254>,
    #[schema(inline)]
    password: Password,
}

/// Sign in by password
///
/// Who has no account is told the same as who has the password wrong. The session that the browser had before ends.
#[utoipa::path(post, path = "/api/session", tag = "session", request_body = Credentials,
    responses((status = 200, body = SignedInUser)))]
async fn sign_in(
    State(rest): State<Rest>,
    Visitor(device): Visitor,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Problem> {
    rest.limit_name(&credentials.email)?;
    let signed_in = rest.accounts.sign_in(&credentials.email, credentials.password.reveal(), device).await?;
    welcome(&rest.gate, StatusCode::OK, signed_in)
}

/// Sign out
///
/// Also where the session has ended already.
#[utoipa::path(delete, path = "/api/session", tag = "session", responses((status = 204)))]
async fn sign_out(State(rest): State<Rest>, caller: Caller) -> Result<Response, Problem> {
    if let Some(session) = caller.session {
        match rest.accounts.sign_out(caller.actor, session).await {
            // Another tab was quicker.
            Ok(()) | Err(AccountsError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(without_cookie(&rest.gate, StatusCode::NO_CONTENT))
}

/// The devices that one is signed in on
///
/// The latest first; there are at most 50.
#[utoipa::path(get, path = "/api/sessions", tag = "session", responses((status = 200, body = Vec<DeviceView>)))]
async fn list_devices(State(rest): State<Rest>, caller: Caller) -> Result<Json<Vec<DeviceView>>, Problem> {
    let rows = rest.accounts.sessions(caller.actor).await?;
    Ok(Json(rows.into_iter().map(|row| DeviceView::new(row, caller.session)).collect()))
}

/// Sign a device out
#[utoipa::path(delete, path = "/api/sessions/{session_id}", tag = "session",
    params(("session_id" = SessionId, Path)), responses((status = 204)))]
async fn sign_device_out(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Response, Problem> {
    rest.accounts.sign_out(caller.actor, id).await?;
    let answer = StatusCode::NO_CONTENT;
    Ok(if caller.session == Some(id) { without_cookie(&rest.gate, answer) } else { answer.into_response() })
}

/// Sign all other devices out
#[utoipa::path(post, path = "/api/sessions/revoke-others", tag = "session",
    responses((status = 200, body = SignedOut)))]
async fn sign_others_out(State(rest): State<Rest>, caller: Caller) -> Result<Json<SignedOut>, Problem> {
    let signed_out = rest.accounts.sign_out_everywhere(caller.actor, caller.user()?, caller.session).await?;
    Ok(Json(SignedOut { signed_out }))
}

//! `GET /call/{roomName}`: whether there is a call behind the page for who asks, by the rules of the token route. What
//! stands against it is the page, in words and with the status that says so; the app takes over from there.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use jiff::tz::TimeZone;
use serde::Deserialize;
use visavis_signaling::token::{VerifiedToken, verify};

use super::negotiate::language;
use super::shell::{CallState, PageState, document};
use super::words::Cause;
use crate::api::office::{Caller, Framed, Gate, Path, Query};
use crate::api::problem::{Code, Problem};
use crate::api::rest::Rest;
use crate::ids::{AppointmentId, SeatId};
use crate::notify::templates::{Locale, moment};
use crate::scheduler::{Applicant, Conflict, Denied, Error, Status, Window};
use crate::store::Actor;
use crate::units::UnixTime;

/// What may stand in the address besides the room.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    /// Whose room it is, as the visitor has it.
    #[serde(default)]
    appointment_id: Option<String>,
    /// A token for the room, in the place of a session.
    #[serde(default)]
    token: Option<String>,
}

/// What the room is to the visitor.
#[derive(Default)]
struct Call {
    appointment: Option<AppointmentId>,
    window: Option<Window>,
    /// Why the visitor does not come in, for people and for programs.
    refusal: Option<(Cause, Problem)>,
}

impl Call {
    fn refused(cause: Cause, problem: impl Into<Problem>) -> Self {
        Self { refusal: Some((cause, problem.into())), ..Self::default() }
    }
}

/// The page of a call.
pub(super) async fn call(
    State(rest): State<Rest>,
    gate: Gate,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    Path(room): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let reader = Reader::new(&rest, caller.actor, &headers).await;
    let call = judge(&rest, &reader, caller.actor, &room, &asked, gate.now()).await?;
    let Call { appointment, window, refusal } = call;
    let (cause, problem) = refusal.unzip();
    let status = cause.as_ref().map_or(StatusCode::OK, Cause::status);
    let state = CallState {
        room_name: room,
        appointment_id: appointment,
        opens_at: window.map(|window| window.opens),
        closes_at: window.map(|window| window.closes),
        server_time: gate.now(),
    };
    let state = PageState { problem, call: Some(state), ..rest.page_state(status).await };
    let html = match cause {
        None => rest.web.shell.page(&state),
        Some(cause) => {
            // The token is for this address alone, and signing in makes it needless.
            let words = cause.words(reader.locale, uri.path(), appointment.filter(|_| caller.actor.user().is_some()));
            rest.web.shell.words(reader.locale, &state, &words)
        }
    };
    let mut response = document(status, html);
    if let Some(problem) = &state.problem {
        response.extensions_mut().insert(problem.code());
    }
    Ok(response)
}

/// The same page in another site's frame.
pub(super) async fn framed_call(
    rest: State<Rest>,
    gate: Gate,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    room: Path<String>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    let mut response = call(rest, gate, caller, headers, uri, room, asked).await?;
    response.extensions_mut().insert(Framed);
    Ok(response)
}

/// How the visitor reads.
struct Reader {
    locale: Locale,
    zone: TimeZone,
}

impl Reader {
    /// The account's language and zone, or else the browser's language.
    async fn new(rest: &Rest, actor: Actor, headers: &HeaderMap) -> Self {
        let person = match actor {
            Actor::User(user, _) => rest.accounts.person(actor, user).await.ok(),
            _ => None,
        };
        let locale = person.as_ref().map_or_else(|| language(headers), |person| Locale::of(&person.locale));
        let zone = person.and_then(|person| TimeZone::get(&person.tz).ok()).unwrap_or(TimeZone::UTC);
        Self { locale, zone }
    }
}

async fn judge(
    rest: &Rest,
    reader: &Reader,
    actor: Actor,
    room: &str,
    asked: &Asked,
    now: UnixTime,
) -> Result<Call, Problem> {
    let call = match &asked.token {
        Some(token) => by_token(rest, reader, room, token, now).await?,
        None if actor == Actor::Anonymous => Call::refused(Cause::SignedOut, Code::SignInRequired),
        None => by_seat(rest, reader, actor, room, now).await?,
    };
    // Another appointment's number beside the room is a wrong address, and tells nothing of either.
    let wanted = asked.appointment_id.as_deref().filter(|id| !id.is_empty());
    let fits = wanted.is_none_or(|id| call.appointment.is_some_and(|own| id.parse() == Ok(own)));
    let known = call.appointment.is_some() || call.refusal.is_none();
    Ok(if known && !fits { Call::refused(Cause::NotFound, Code::NotFound) } else { call })
}

/// A call of who has a seat in it.
async fn by_seat(rest: &Rest, reader: &Reader, actor: Actor, room: &str, now: UnixTime) -> Result<Call, Problem> {
    let door = match rest.scheduler.door(actor, room.to_owned()).await {
        Ok(door) => door,
        Err(Error::NotFound) => return Ok(Call::refused(Cause::NotFound, Code::NotFound)),
        Err(error) => return Err(error.into()),
    };
    if let Some(Error::Denied(Denied::Removed)) = door.refusal {
        // The appointment's times are not theirs to know any more.
        return Ok(Call::refused(Cause::Removed, Code::Removed));
    }
    let refusal = door.refusal.map(|error| refusal(error, reader, now)).transpose()?;
    Ok(Call { appointment: Some(door.appointment), window: Some(door.window), refusal })
}

/// A call of who has a token for it.
async fn by_token(rest: &Rest, reader: &Reader, room: &str, token: &str, now: UnixTime) -> Result<Call, Problem> {
    let Ok(VerifiedToken { claims, expires_at, .. }) = verify(&rest.keys, token, now) else {
        return Ok(Call::refused(Cause::InvalidToken, Code::InvalidToken));
    };
    // The clocks of those who make tokens and of who checks them may differ at the door; here it is one clock.
    if now >= expires_at {
        return Ok(Call::refused(Cause::InvalidToken, Code::InvalidToken));
    }
    if !claims.video.as_ref().is_some_and(|video| video.room_join && video.room == room) {
        return Ok(Call::refused(Cause::ForeignToken, Code::ForeignToken));
    }
    let seat: Option<SeatId> = claims.identity.parse().ok();
    let applicant = Applicant { room: room.to_owned(), identity: claims.identity, jti: claims.jti };
    let judged = rest.scheduler.may_enter(applicant, false).await;
    // Whose seat the token is made for may know its room's times; a forged identity has no token that passes.
    let known = !matches!(judged, Err(Error::NotFound | Error::Denied(Denied::ForeignToken | Denied::Removed)));
    let door = match seat.filter(|_| known) {
        Some(seat) => rest.scheduler.door(Actor::Guest(seat), room.to_owned()).await.ok(),
        None => None,
    };
    let (appointment, window) = door.map(|door| (door.appointment, door.window)).unzip();
    let refusal = judged.err().map(|error| refusal(error, reader, now)).transpose()?;
    Ok(Call { appointment, window, refusal })
}

/// What the page says of a refusal. Faults of ours are no refusals.
fn refusal(error: Error, reader: &Reader, now: UnixTime) -> Result<(Cause, Problem), Problem> {
    let cause = match &error {
        Error::NotFound => Cause::NotFound,
        Error::Denied(Denied::WindowNotOpen { opens_at }) => {
            Cause::NotOpen(moment(reader.locale, &reader.zone, now, *opens_at))
        }
        Error::Denied(Denied::WindowClosed { .. }) => Cause::Closed,
        // The place in the queue is nobody's who has not asked for it.
        Error::Denied(Denied::LobbyWaiting { .. }) => return Ok((Cause::Lobby, Code::LobbyWaiting.into())),
        Error::Denied(Denied::Removed) => Cause::Removed,
        Error::Denied(Denied::ForeignToken) => Cause::ForeignToken,
        Error::Denied(Denied::TokenUsed) => Cause::UsedToken,
        Error::Conflict(Conflict::NotJoinable(Status::Hold | Status::Pending)) => Cause::Unanswered,
        Error::Conflict(Conflict::NotJoinable(status)) => Cause::Over(*status),
        _ => return Err(error.into()),
    };
    Ok((cause, error.into()))
}

//! Tokens for appointments' rooms: identity and name from the seat, grants by role, expiry never past the close, every
//! one recorded by its id.

use std::time::Duration;

use rusqlite::OptionalExtension;
use visavis_signaling::token::{ApiKey, Claims, VideoGrant, mint};

use super::Entrance;
use super::lobby::{self, Place};
use crate::ids::{AppointmentId, RecordId, SeatId, UserId};
use crate::scheduler::board::Entry;
use crate::scheduler::records::{Appointment, Permissions, Seat, SeatRole};
use crate::scheduler::{Denied, Error, Scheduler};
use crate::store::{Actor, StoreError, Tx};
use crate::units::UnixTime;

/// How long a token is good for a first connect; it is refreshed while its holder is in the room.
const FIRST_CONNECT: Duration = Duration::from_secs(10 * 60);
/// Clocks differ a little.
const BACKDATED: Duration = Duration::from_secs(5);

/// What somebody asks for (`POST /api/livekit/token`).
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// The room.
    pub room_name: String,
    /// Who the caller says it is: its e-mail address, its account's id or its seat's; or nothing.
    pub identity: Option<String>,
}

/// A token and what goes with it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: String,
    /// Its end.
    pub expires_at: UnixTime,
    /// When the room closes.
    pub closes_at: UnixTime,
    /// The scheduled end.
    pub ends_at: UnixTime,
    /// Whose room it is.
    pub appointment: AppointmentId,
    /// The identity in the room.
    pub seat: SeatId,
    /// The role in it.
    pub role: SeatRole,
}

impl Scheduler {
    /// Makes a token for the caller, or says why there is none. A caller who must wait is put into the lobby.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a room that is not the caller's, whether there is one or not; [`Denied`] for one's own
    /// room at the wrong time; [`super::Conflict::NotJoinable`] for an appointment that takes no calls.
    pub async fn token(&self, actor: Actor, request: TokenRequest, key: ApiKey) -> Result<IssuedToken, Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        let room = request.room_name.clone();
        // Reading first: most refusals need no writing.
        let judged = self
            .read(Actor::System, move |reader| {
                let (appointment, seat) = find(reader, actor, &request.room_name)?;
                check_identity(reader, &seat, actor, request.identity.as_deref())?;
                let entrance = Entrance::new(reader, &rules, &appointment, &seat)?;
                entrance.judge_but_for_the_lobby(now)?;
                let (window, waits) = (entrance.window, entrance.must_wait(now));
                Ok((appointment, seat, window, waits))
            })
            .await?;
        let (appointment, seat, window, waits) = judged;
        if waits {
            let Place { position, waiting, since } = self.wait(seat.id, now).await?;
            return Err(Denied::LobbyWaiting { position, waiting, since }.into());
        }
        let expires_at = now.plus(FIRST_CONNECT).min(window.closes);
        self.inner.board.put(&room, Entry::of(&appointment, window), now);
        let (appointment_id, ends_at) = (appointment.id, appointment.ends_at);
        let issue = move |tx: &mut Tx<'_>| {
            let jti = RecordId::new(now, tx.rng()).to_string();
            // Waiting ends with the admission that it was for.
            lobby::settle(tx, &seat, now)?;
            record(tx, &jti, Some(appointment.id), Some(seat.id), &room, &seat.id.to_string(), now)?;
            let mut claims = Claims::join(seat.id.to_string(), room.as_str());
            claims.jti = Some(jti);
            claims.name.clone_from(&seat.name);
            claims.video = Some(grant(&room, seat.role, seat.permissions));
            claims.attributes.insert("visavis.role".into(), seat.role.as_str().into());
            let start = now.minus(BACKDATED);
            let token = mint(&claims, &key, expires_at.since(start), start)
                .map_err(|error| Error::Store(StoreError::Internal(error.to_string())))?;
            Ok((token, seat))
        };
        let (token, seat) = self.write(issue).await?;
        Ok(IssuedToken {
            token,
            expires_at,
            closes_at: window.closes,
            ends_at,
            appointment: appointment_id,
            seat: seat.id,
            role: seat.role,
        })
    }
}

/// The appointment of a room and the caller's seat in it.
pub(super) fn find(reader: &rusqlite::Connection, actor: Actor, room: &str) -> Result<(Appointment, Seat), Error> {
    let appointment = Appointment::of_room(reader, room)?;
    let seat = match actor {
        Actor::User(user, _) => Seat::of_user(reader, appointment.id, user)?,
        Actor::Guest(seat) => Seat::load(reader, seat)?,
        Actor::Anonymous | Actor::System => return Err(Error::NotFound),
    };
    if seat.appointment_id != appointment.id {
        return Err(Error::NotFound);
    }
    Ok((appointment, seat))
}

/// A client may say who it is, but not that it is somebody else.
fn check_identity(
    reader: &rusqlite::Connection,
    seat: &Seat,
    actor: Actor,
    claimed: Option<&str>,
) -> Result<(), Error> {
    let Some(claimed) = claimed.filter(|claimed| !claimed.is_empty()) else { return Ok(()) };
    if claimed == seat.id.to_string() || actor.id().is_some_and(|own| own == claimed) {
        return Ok(());
    }
    let email = match actor {
        Actor::User(user, _) => email(reader, user)?,
        _ => None,
    };
    if email.is_some_and(|email| email.eq_ignore_ascii_case(claimed)) {
        return Ok(());
    }
    Err(Denied::IdentityMismatch.into())
}

fn email(reader: &rusqlite::Connection, user: UserId) -> Result<Option<String>, Error> {
    let mut query = reader.prepare_cached("SELECT email FROM my_users WHERE id = ?1")?;
    Ok(query.query_row([user], |row| row.get(0)).optional()?)
}

/// What a role may do in its room; never more than that room.
pub(in crate::scheduler) fn grant(room: &str, role: SeatRole, permissions: Permissions) -> VideoGrant {
    let mut video = VideoGrant::join(room);
    video.room_admin = role == SeatRole::Host;
    video.can_publish_sources = sources(permissions).iter().map(|source| (*source).to_owned()).collect();
    video.can_publish = Some(!video.can_publish_sources.is_empty());
    video.can_subscribe = Some(true);
    video.can_publish_data = Some(permissions.data);
    video.can_update_own_metadata = Some(true);
    video
}

/// LiveKit's names of what may be published.
fn sources(permissions: Permissions) -> Vec<&'static str> {
    let Permissions { audio, video, screen, .. } = permissions;
    let all = [("microphone", audio), ("camera", video), ("screen_share", screen), ("screen_share_audio", screen)];
    all.iter().filter(|(_, allowed)| *allowed).map(|(name, _)| *name).collect()
}

/// Remembers a token, so that the rooms know it for ours.
pub(super) fn record(
    tx: &Tx<'_>,
    jti: &str,
    appointment: Option<AppointmentId>,
    seat: Option<SeatId>,
    room: &str,
    identity: &str,
    now: UnixTime,
) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO room_tokens (jti, appointment_id, seat_id, room_name, identity, issued_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((jti, appointment, seat, room, identity, now.0))?;
    Ok(())
}

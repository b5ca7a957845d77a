//! Signed-in devices: opaque tokens, stored hashed, that die at once when they are revoked.
//!
//! Every request asks the database anew. A lookup costs some twenty microseconds among 50 000 sessions, and in return
//! there is no cache that would know for a while longer what does not hold any more.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::secrets::{hash_of, new_secret, presented};
use super::{Accounts, AccountsError, require_admin, require_self_or_admin, subject};
use crate::config::Secret;
use crate::ids::{SeatId, SessionId, UserId};
use crate::store::{Actor, Reader, Role, RowExt, Tx};
use crate::units::UnixTime;

/// How stale `last_seen_at` may be, and with it how much sooner an unused session ends.
const SEEN: Duration = Duration::from_secs(5 * 60);
/// Most sessions of one account or seat; the oldest makes room.
const MAX_SESSIONS: i64 = 50;
const MAX_USER_AGENT: usize = 256;
const MAX_ADDRESS: usize = 64;

/// Where somebody signs in from.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// What the browser calls itself.
    pub user_agent: String,
    /// The client's address.
    pub address: String,
    /// The session that was there before, which the new one takes the place of.
    pub replaces: Option<SessionId>,
}

/// A session that has just been opened. The token is shown once.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Id.
    pub id: SessionId,
    /// What the browser presents from now on.
    pub token: Secret,
    /// When it ends unless it is used.
    pub expires_at: UnixTime,
    /// Whose it is.
    pub owner: Owner,
}

/// Whose a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An account's.
    User(UserId),
    /// A guest's.
    Seat(SeatId),
}

/// Who presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Id.
    pub id: SessionId,
    /// On whose behalf requests are answered.
    pub actor: Actor,
    /// When it ends unless it is used.
    pub expires_at: UnixTime,
}

/// A device as its owner sees it in the list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Id.
    pub id: SessionId,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The address that it signed in from.
    pub address: String,
    /// When it signed in.
    pub created_at: UnixTime,
    /// When it was there last, to within five minutes.
    pub last_seen_at: UnixTime,
    /// When it ends unless it is used.
    pub expires_at: UnixTime,
}

impl Accounts {
    /// Who presents this token.
    ///
    /// # Errors
    ///
    /// [`AccountsError::SessionExpired`], [`AccountsError::AccountDisabled`].
    pub async fn resolve(&self, token: &str) -> Result<Session, AccountsError> {
        let hash = presented(token).ok_or(AccountsError::SessionExpired)?;
        let now = self.now();
        let (session, seen) = self.store().read(Actor::System, move |reader| look_up(reader, &hash, now)).await?;
        if now.since(seen) < SEEN {
            return Ok(session);
        }
        // A guest's ends with the appointment, however often it is used.
        let ttl = session.actor.user().map(|_| self.settings().session_ttl);
        let expires_at = ttl.map_or(session.expires_at, |ttl| now.plus(ttl));
        let store = self.store().clone();
        // The request does not wait for the disk, and a full one keeps nobody out.
        tokio::spawn(async move {
            let touch = move |tx: &mut Tx<'_>| touch(tx, session.id, now, expires_at);
            if let Err(error) = store.write::<(), AccountsError>(touch).await {
                tracing::debug!(%error, "when a session was used last is not noted");
            }
        });
        Ok(Session { expires_at, ..session })
    }

    /// The devices that somebody is signed in on, the latest first.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Store`].
    pub async fn sessions(&self, actor: Actor) -> Result<Vec<SessionRow>, AccountsError> {
        let now = self.now();
        let query = move |reader: &Reader<'_>| {
            let sql = "SELECT id, user_agent, address, created_at, last_seen_at, expires_at FROM my_sessions
                 WHERE expires_at > ?1 ORDER BY last_seen_at DESC, id DESC LIMIT ?2";
            let mut statement = reader.prepare_cached(sql)?;
            let rows = statement.query_map((now.0, MAX_SESSIONS), SessionRow::from_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.store().read(actor, query).await
    }

    /// Signs a device out: the one that asks, or another one of the same person.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`], also where it is somebody else's.
    pub async fn sign_out(&self, actor: Actor, session: SessionId) -> Result<(), AccountsError> {
        let now = self.now();
        let (user, seat) = match actor {
            Actor::User(user, _) => (Some(user), None),
            Actor::Guest(seat) => (None, Some(seat)),
            Actor::Anonymous | Actor::System => return Err(AccountsError::WrongRole),
        };
        let revoke = move |tx: &mut Tx<'_>| {
            let sql = "UPDATE sessions SET revoked_at = ?2
                 WHERE id = ?1 AND revoked_at IS NULL AND user_id IS ?3 AND seat_id IS ?4";
            match tx.prepare_cached(sql)?.execute((session, now.0, user, seat))? {
                0 => Err(AccountsError::NotFound),
                _ => Ok(()),
            }
        };
        self.store().write(revoke).await
    }

    /// Signs somebody out on all devices but `except`. Gives how many there were.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`].
    pub async fn sign_out_everywhere(
        &self,
        actor: Actor,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<usize, AccountsError> {
        require_self_or_admin(actor, user)?;
        let now = self.now();
        let revoke = move |tx: &mut Tx<'_>| {
            let count = revoke_all(tx, now, user, except)?;
            tx.audit(now, actor, "user.signed_out", &subject(user), &json!({ "sessions": count }))?;
            Ok(count)
        };
        self.store().write(revoke).await
    }

    /// The devices that somebody else is signed in on.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`].
    pub async fn sessions_of(&self, actor: Actor, user: UserId) -> Result<Vec<SessionRow>, AccountsError> {
        require_admin(actor)?;
        // A view of sessions shows their owner's alone, so it is asked on the owner's behalf.
        self.sessions(Actor::User(user, Role::Customer)).await
    }
}

impl SessionRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user_agent: row.get(1)?,
            address: row.get(2)?,
            created_at: row.time(3)?,
            last_seen_at: row.time(4)?,
            expires_at: row.time(5)?,
        })
    }
}

/// A session with the time at which it was seen last.
fn look_up(reader: &Reader<'_>, hash: &str, now: UnixTime) -> Result<(Session, UnixTime), AccountsError> {
    let sql = "SELECT id, user_id, seat_id, last_seen_at, expires_at FROM system_sessions
         WHERE token_hash = ?1 AND revoked_at IS NULL AND expires_at > ?2";
    let row = |row: &Row<'_>| {
        Ok((
            row.get(0)?,
            row.get::<_, Option<UserId>>(1)?,
            row.get::<_, Option<SeatId>>(2)?,
            row.time(3)?,
            row.time(4)?,
        ))
    };
    let found = reader.prepare_cached(sql)?.query_row((hash, now.0), row).optional()?;
    let (id, user, seat, seen, expires_at) = found.ok_or(AccountsError::SessionExpired)?;
    let actor = match (user, seat) {
        (Some(user), _) => user_of(reader, user)?,
        (None, Some(seat)) if is_open(reader, seat)? => Actor::Guest(seat),
        _ => return Err(AccountsError::SessionExpired),
    };
    Ok((Session { id, actor, expires_at }, seen))
}

fn user_of(reader: &Reader<'_>, user: UserId) -> Result<Actor, AccountsError> {
    let sql = "SELECT role, status FROM system_users WHERE id = ?1";
    let row = |row: &Row<'_>| Ok((row.get::<_, Role>(0)?, row.get::<_, String>(1)?));
    match reader.prepare_cached(sql)?.query_row([user], row)? {
        (role, status) if status == "active" => Ok(Actor::User(user, role)),
        (_, status) if status == "disabled" => Err(AccountsError::AccountDisabled),
        _ => Err(AccountsError::SessionExpired),
    }
}

/// Whether a guest's seat is still there, and its appointment not over.
fn is_open(reader: &Reader<'_>, seat: SeatId) -> Result<bool, AccountsError> {
    let sql = "SELECT 1 FROM system_seats s JOIN system_appointments a ON a.id = s.appointment_id
         WHERE s.id = ?1 AND s.removed_at IS NULL AND a.status IN ('hold', 'pending', 'approved', 'in_progress')";
    Ok(reader.prepare_cached(sql)?.query_row([seat], |_| Ok(())).optional()?.is_some())
}

fn touch(tx: &mut Tx<'_>, id: SessionId, now: UnixTime, expires_at: UnixTime) -> Result<(), AccountsError> {
    // Several requests may have seen the same stale time; one of them writes.
    let sql = "UPDATE sessions SET last_seen_at = ?2, expires_at = ?3
         WHERE id = ?1 AND revoked_at IS NULL AND last_seen_at < ?2";
    tx.prepare_cached(sql)?.execute((id, now.0, expires_at.0))?;
    Ok(())
}

/// Opens a session: always a new one, whatever the browser came with.
pub(super) fn open(
    tx: &mut Tx<'_>,
    now: UnixTime,
    owner: Owner,
    expires_at: UnixTime,
    device: &Device,
) -> Result<NewSession, AccountsError> {
    let (user, seat) = match owner {
        Owner::User(user) => (Some(user), None),
        Owner::Seat(seat) => (None, Some(seat)),
    };
    if let Some(before) = device.replaces {
        let sql = "UPDATE sessions SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
        tx.prepare_cached(sql)?.execute((before, now.0))?;
    }
    let sql = "UPDATE sessions SET revoked_at = ?3 WHERE id IN (
           SELECT id FROM sessions WHERE (user_id = ?1 OR seat_id = ?2) AND revoked_at IS NULL AND expires_at > ?3
           ORDER BY last_seen_at DESC, id DESC LIMIT -1 OFFSET ?4)";
    tx.prepare_cached(sql)?.execute((user, seat, now.0, MAX_SESSIONS - 1))?;

    let (id, token) = (SessionId::new(now, tx.rng()), new_secret(tx.rng()));
    tx.prepare_cached(
        "INSERT INTO sessions (id, token_hash, user_id, seat_id, user_agent, address, created_at, last_seen_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
    )?
    .execute((
        id,
        hash_of(token.reveal()),
        user,
        seat,
        shortened(&device.user_agent, MAX_USER_AGENT),
        shortened(&device.address, MAX_ADDRESS),
        now.0,
        expires_at.0,
    ))?;
    Ok(NewSession { id, token, expires_at, owner })
}

/// Revokes an account's sessions but one. Gives how many there were.
pub(super) fn revoke_all(
    tx: &Tx<'_>,
    now: UnixTime,
    user: UserId,
    except: Option<SessionId>,
) -> Result<usize, AccountsError> {
    let sql = "UPDATE sessions SET revoked_at = ?2
         WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND id IS NOT ?3";
    Ok(tx.prepare_cached(sql)?.execute((user, now.0, except))?)
}

/// Lets nobody into a call any more by the tokens of an account's seats.
pub(super) fn revoke_room_tokens(tx: &Tx<'_>, now: UnixTime, user: UserId) -> Result<(), AccountsError> {
    let sql = "UPDATE room_tokens SET revoked_at = ?2
         WHERE revoked_at IS NULL AND seat_id IN (SELECT id FROM seats WHERE user_id = ?1)";
    tx.prepare_cached(sql)?.execute((user, now.0))?;
    Ok(())
}

/// What a client says of itself, of a length that fits and without anything that moves a cursor.
fn shortened(text: &str, characters: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(characters).collect()
}

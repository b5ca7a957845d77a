//! The lobby. Whoever waits is not in the SFU: the token route says so and is asked again every few seconds, which is
//! how the waiting is heard of. The time that somebody has waited counts as having been there.

use std::time::Duration;

use rusqlite::OptionalExtension;
use serde_json::json;

use crate::ids::{AppointmentId, SeatId, UserId};
use crate::scheduler::Status;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, Seat, SeatRole};
use crate::scheduler::{Conflict, Error, Scheduler};
use crate::store::{Actor, RowExt, Tx};
use crate::units::UnixTime;

/// Whoever has not asked for this long has given up waiting.
pub const WAITING_IS_HEARD_OF: Duration = Duration::from_secs(45);

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) position: u32,
    pub(super) waiting: u32,
    pub(super) since: UnixTime,
}

/// Somebody who waits, as the expert sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct LobbyEntry {
    /// Whose seat.
    pub seat: SeatId,
    /// In which appointment.
    pub appointment: AppointmentId,
    /// What it is called.
    pub title: String,
    /// When it starts.
    pub starts_at: UnixTime,
    /// The name of who waits.
    pub name: String,
    /// Client, observer, interpreter.
    pub role: SeatRole,
    /// Somebody without an account.
    pub is_guest: bool,
    /// Since when.
    pub since: UnixTime,
}

/// Seats that wait for an expert, first come first.
const QUEUE: &str = "SELECT s.id, s.appointment_id, a.title, a.starts_at, s.name, s.role, s.is_guest, s.waiting_since
    FROM my_seats s JOIN my_appointments a ON a.id = s.appointment_id
    WHERE a.expert_id = ?1 AND a.status IN ('approved', 'in_progress') AND s.waiting_since IS NOT NULL
      AND s.waiting_seen_at > ?2 AND s.removed_at IS NULL AND s.admitted_at IS NULL
    ORDER BY s.waiting_since, s.id LIMIT 500";

impl Scheduler {
    /// Notes that somebody waits, and says in which place.
    pub(super) async fn wait(&self, seat: SeatId, now: UnixTime) -> Result<Place, Error> {
        self.write(move |tx| {
            let seat = Seat::load(tx, seat)?;
            let appointment = Appointment::load(tx, seat.appointment_id)?;
            let since = note_waiting(tx, &appointment, &seat, now)?;
            let queue = queue(tx, appointment.expert_id, now)?;
            let position = queue.iter().position(|entry| entry.seat == seat.id).map_or(queue.len(), |at| at + 1);
            Ok(Place { position: position as u32, waiting: queue.len() as u32, since })
        })
        .await
    }

    /// Who waits for an expert; administrators may ask for any.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`].
    pub async fn lobby(&self, actor: Actor, expert: UserId) -> Result<Vec<LobbyEntry>, Error> {
        let now = self.now();
        if actor.user() != Some(expert) && !actor.is_admin() {
            return Err(Error::NotYours);
        }
        self.read(Actor::System, move |reader| queue(reader, expert, now)).await
    }

    /// Lets somebody in. Done once, it holds for the whole appointment.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`].
    pub async fn admit(&self, actor: Actor, seat: SeatId) -> Result<(), Error> {
        let now = self.now();
        self.write(move |tx| admit(tx, actor, seat, now)).await
    }

    /// Lets in whoever has waited longest, and says whom.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when nobody waits.
    pub async fn admit_next(&self, actor: Actor) -> Result<LobbyEntry, Error> {
        let now = self.now();
        let expert = actor.user().ok_or(Error::NotYours)?;
        self.write(move |tx| {
            let next = queue(tx, expert, now)?.into_iter().next().ok_or(Error::NotFound)?;
            admit(tx, actor, next.seat, now)?;
            Ok(next)
        })
        .await
    }

    /// Whoever waits gives up. Nothing happens to others.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for another's seat.
    pub async fn leave_lobby(&self, actor: Actor, id: AppointmentId) -> Result<(), Error> {
        let now = self.now();
        self.write(move |tx| {
            let seat = match actor {
                Actor::User(user, _) => Seat::of_user(tx, id, user)?,
                Actor::Guest(seat) => Seat::load(tx, seat)?,
                _ => return Err(Error::NotFound),
            };
            if seat.appointment_id != id {
                return Err(Error::NotFound);
            }
            end_waiting(tx, &seat, now)
        })
        .await
    }
}

/// Ends the waiting of those who have not been heard of; called by the sweep.
pub(in crate::scheduler) fn forget_silent(tx: &mut Tx<'_>, now: UnixTime) -> Result<(), Error> {
    let silent: Vec<Seat> = {
        let sql = "SELECT * FROM my_seats WHERE waiting_since IS NOT NULL AND waiting_seen_at <= ?1 LIMIT 100";
        let mut query = tx.prepare_cached(sql)?;
        query.query_map([now.minus(WAITING_IS_HEARD_OF).0], Seat::from_row)?.collect::<Result<_, _>>()?
    };
    silent.iter().try_for_each(|seat| end_waiting(tx, seat, now))
}

pub(super) fn queue(
    connection: &rusqlite::Connection,
    expert: UserId,
    now: UnixTime,
) -> Result<Vec<LobbyEntry>, Error> {
    let mut query = connection.prepare_cached(QUEUE)?;
    let rows = query.query_map((expert, now.minus(WAITING_IS_HEARD_OF).0), |row| {
        Ok(LobbyEntry {
            seat: row.get(0)?,
            appointment: row.get(1)?,
            title: row.get(2)?,
            starts_at: row.time(3)?,
            name: row.get(4)?,
            role: row.word(5)?,
            is_guest: row.get(6)?,
            since: row.time(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Since when somebody waits now, this asking included.
fn note_waiting(tx: &mut Tx<'_>, appointment: &Appointment, seat: &Seat, now: UnixTime) -> Result<UnixTime, Error> {
    let heard_of = seat.waiting_seen_at.is_some_and(|seen| now.since(seen) < WAITING_IS_HEARD_OF && seen <= now);
    let since = match (seat.waiting_since, seat.waiting_seen_at) {
        (Some(since), Some(seen)) if heard_of => {
            tx.prepare_cached("UPDATE seats SET waiting_seen_at = ?2, waited_ms = waited_ms + ?3 WHERE id = ?1")?
                .execute((seat.id, now.0, now.since(seen).as_millis() as i64))?;
            return Ok(since);
        }
        _ => now,
    };
    tx.prepare_cached(
        "UPDATE seats SET waiting_since = ?2, waiting_seen_at = ?2, waited_ms = max(waited_ms, 1) WHERE id = ?1",
    )?
    .execute((seat.id, now.0))?;
    let detail = json!({ "seatId": seat.id, "name": seat.name, "role": seat.role });
    Change::new(Kind::Waiting, appointment, Actor::System).detail(detail).record(tx, now)?;
    Ok(since)
}

fn admit(tx: &mut Tx<'_>, actor: Actor, seat: SeatId, now: UnixTime) -> Result<(), Error> {
    let seat = Seat::load(tx, seat)?;
    let appointment = Appointment::load(tx, seat.appointment_id)?;
    if actor.user() != Some(appointment.expert_id) {
        return Err(if actor.is_admin() { Error::NotYours } else { Error::NotFound });
    }
    if !matches!(appointment.status, Status::Approved | Status::InProgress) {
        return Err(Conflict::NotJoinable(appointment.status).into());
    }
    if seat.removed_at.is_some() {
        return Err(Error::NotFound);
    }
    if seat.admitted_at.is_some() {
        return Ok(());
    }
    tx.prepare_cached("UPDATE seats SET admitted_at = ?2 WHERE id = ?1")?.execute((seat.id, now.0))?;
    let detail = json!({ "seatId": seat.id, "name": seat.name });
    Change::new(Kind::Admitted, &appointment, actor).detail(detail).record(tx, now)
}

/// The waiting of somebody who goes in now.
pub(super) fn settle(tx: &mut Tx<'_>, seat: &Seat, now: UnixTime) -> Result<(), Error> {
    if seat.waiting_since.is_none() {
        return Ok(());
    }
    stop(tx, seat, now)
}

fn end_waiting(tx: &mut Tx<'_>, seat: &Seat, now: UnixTime) -> Result<(), Error> {
    if seat.waiting_since.is_none() {
        return Ok(());
    }
    stop(tx, seat, now)?;
    let appointment = Appointment::load(tx, seat.appointment_id)?;
    let detail = json!({ "seatId": seat.id, "name": seat.name });
    Change::new(Kind::WaitingEnded, &appointment, Actor::System).detail(detail).record(tx, now)
}

/// Adds the time since the last asking, as far as that can have been waiting.
fn stop(tx: &Tx<'_>, seat: &Seat, now: UnixTime) -> Result<(), Error> {
    let last = seat.waiting_seen_at.map_or(Duration::ZERO, |seen| now.since(seen));
    let last = if last < WAITING_IS_HEARD_OF { last } else { Duration::ZERO };
    let sql = "UPDATE seats SET waiting_since = NULL, waiting_seen_at = NULL, waited_ms = waited_ms + ?2 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute((seat.id, last.as_millis() as i64))?;
    Ok(())
}

/// Whether anybody of a side has waited in the lobby of an appointment.
pub(in crate::scheduler) fn has_waited(tx: &Tx<'_>, id: AppointmentId, role: SeatRole) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM seats WHERE appointment_id = ?1 AND role = ?2 AND waited_ms > 0 LIMIT 1";
    let mut query = tx.prepare_cached(sql)?;
    Ok(query.query_row((id, role.as_str()), |_| Ok(())).optional()?.is_some())
}

//! What the rooms ask: at every signaling connect and resume, and again and again while somebody is in.

use std::time::Duration;

use rusqlite::OptionalExtension;

use super::trial::TRIAL_PREFIX;
use super::{Entrance, ROOM_PREFIX};
use crate::ids::{AppointmentId, SeatId};
use crate::scheduler::board::Entry;
use crate::scheduler::records::{Appointment, Seat};
use crate::scheduler::{Denied, Error, Scheduler};
use crate::store::{Actor, Reader};
use crate::units::UnixTime;

/// A guest whose call broke off may come back with the same token for this long.
const GUEST_RETURNS: Duration = Duration::from_secs(120);

/// Who asks to enter which room, by a token whose signature holds.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// The room.
    pub room: String,
    /// The identity.
    pub identity: String,
    /// The token's id.
    pub jti: Option<String>,
}

/// A token as it was issued.
struct Issued {
    appointment: Option<AppointmentId>,
    seat: Option<SeatId>,
    room: String,
    identity: String,
    used_at: Option<UnixTime>,
    revoked: bool,
}

impl Scheduler {
    /// May somebody come in, or take up a session? `enters` is false where the question has no consequence.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where there is no such room for this token; [`Denied`] and
    /// [`super::super::Conflict::NotJoinable`] as for a token.
    pub async fn may_enter(&self, applicant: Applicant, enters: bool) -> Result<(), Error> {
        let ours = applicant.room.starts_with(ROOM_PREFIX) || applicant.room.starts_with(TRIAL_PREFIX);
        if !ours {
            return Ok(());
        }
        let (now, rules, trusts) = (self.now(), self.inner.settings.window, self.inner.settings.trust_api_tokens);
        let asked = applicant.clone();
        let (entry, is_guest) = self
            .read(Actor::System, move |reader| {
                let issued = issued(reader, &asked)?;
                if asked.room.starts_with(TRIAL_PREFIX) {
                    issued.ok_or(Error::NotFound)?;
                    return Ok((None, false));
                }
                let appointment = Appointment::of_room(reader, &asked.room)?;
                let window = appointment.window(&rules);
                let entry = Some(Entry::of(&appointment, window));
                let Some(issued) = issued else {
                    // Made elsewhere, with a key of ours: it may pass for the room itself, at its time.
                    if !trusts {
                        return Err(Denied::ForeignToken.into());
                    }
                    judge_stranger(&appointment, window, now)?;
                    return Ok((entry, false));
                };
                let seat = Seat::load(reader, issued.seat.ok_or(Error::NotFound)?)?;
                if issued.appointment != Some(appointment.id) || seat.appointment_id != appointment.id {
                    return Err(Error::NotFound);
                }
                if issued.revoked {
                    return Err(Denied::Removed.into());
                }
                Entrance::new(reader, &rules, &appointment, &seat)?.judge(now)?;
                let is_guest = seat.user_id.is_none();
                if is_guest && issued.used_at.is_some() && !was_here(reader, seat.id, now)? {
                    return Err(Denied::TokenUsed.into());
                }
                Ok((entry, is_guest && issued.used_at.is_none()))
            })
            .await?;
        match entry {
            Some(entry) => self.inner.board.put(&applicant.room, entry, now),
            // A room to try devices in is known from its making, and only until its end.
            None if !self.inner.board.get(&applicant.room).is_some_and(|entry| entry.window.holds(now)) => {
                return Err(Error::NotFound);
            }
            None => {}
        }
        if enters && is_guest {
            self.write(move |tx| {
                let sql = "UPDATE room_tokens SET used_at = ?2 WHERE jti = ?1 AND used_at IS NULL";
                let used = tx.prepare_cached(sql)?.execute((applicant.jti, now.0))?;
                // Two at once: one of them was first.
                if used == 1 { Ok(()) } else { Err(Denied::TokenUsed.into()) }
            })
            .await?;
        }
        Ok(())
    }

    /// The room belongs to the scheduler and is open: it may be made by whoever joins it.
    pub fn may_create(&self, room: &str) -> bool {
        room.starts_with(ROOM_PREFIX) || room.starts_with(TRIAL_PREFIX)
    }

    /// When an open room closes; none for rooms that are nobody's appointment.
    pub fn closes_at(&self, room: &str) -> Option<UnixTime> {
        self.inner.board.get(room).map(|entry| entry.window.closes)
    }

    /// The scheduled end of an open room's appointment.
    pub fn ends_at(&self, room: &str) -> Option<UnixTime> {
        self.inner.board.get(room).filter(|entry| entry.appointment.is_some()).map(|entry| entry.ends_at)
    }

    /// Whether chat of an open room is kept with its appointment.
    pub fn keeps_chat(&self, room: &str) -> bool {
        self.inner.board.get(room).is_some_and(|entry| entry.keep_chat)
    }

    /// Whether what happens in a room is of any interest here.
    pub fn records(&self, room: &str) -> bool {
        room.starts_with(ROOM_PREFIX)
    }
}

/// The token of an applicant, if it was issued here for this room and this identity.
fn issued(reader: &Reader<'_>, applicant: &Applicant) -> Result<Option<Issued>, Error> {
    let Some(jti) = &applicant.jti else { return Ok(None) };
    let sql = "SELECT appointment_id, seat_id, room_name, identity, used_at, revoked_at IS NOT NULL
        FROM system_room_tokens WHERE jti = ?1";
    let found = reader
        .prepare_cached(sql)?
        .query_row([jti], |row| {
            Ok(Issued {
                appointment: row.get(0)?,
                seat: row.get(1)?,
                room: row.get(2)?,
                identity: row.get(3)?,
                used_at: row.get::<_, Option<i64>>(4)?.map(UnixTime),
                revoked: row.get(5)?,
            })
        })
        .optional()?;
    Ok(found.filter(|issued| issued.room == applicant.room && issued.identity == applicant.identity))
}

fn judge_stranger(appointment: &Appointment, window: crate::scheduler::Window, now: UnixTime) -> Result<(), Error> {
    use crate::scheduler::{Conflict, Status};
    if !matches!(appointment.status, Status::Approved | Status::InProgress) {
        return Err(Conflict::NotJoinable(appointment.status).into());
    }
    if now < window.opens {
        return Err(Denied::WindowNotOpen { opens_at: window.opens }.into());
    }
    if !window.admits_new(now) {
        return Err(Denied::WindowClosed { closed_at: window.last_join.min(window.closes) }.into());
    }
    Ok(())
}

/// Whether a seat is in its call, or was a moment ago.
fn was_here(reader: &Reader<'_>, seat: SeatId, now: UnixTime) -> Result<bool, Error> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM system_call_logs WHERE seat_id = ?1 AND (ended_at IS NULL OR ended_at > ?2))";
    Ok(reader.prepare_cached(sql)?.query_row((seat, now.minus(GUEST_RETURNS).0), |row| row.get(0))?)
}

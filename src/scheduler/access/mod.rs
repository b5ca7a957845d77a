//! Who may be in an appointment's room, and when. One judgement, [`Entrance::judge`], is asked at all three places:
//! when a token is wanted, at every signaling connect and resume, and, as to time, by the room itself.

mod admission;
mod door;
mod explain;
mod lobby;
mod prolong;
mod token;
mod trial;

#[cfg(test)]
mod tests;

pub use admission::Applicant;
pub use door::Door;
pub use explain::{JoinExplanation, JoinReason};
pub use lobby::{LobbyEntry, WAITING_IS_HEARD_OF};
pub(super) use lobby::{forget_silent, has_waited};
pub use prolong::{Extended, WindowChange};
pub use token::{IssuedToken, TokenRequest};
pub use trial::{TRIAL_PREFIX, TRIAL_TIME};

use rusqlite::Connection;

use super::records::{Appointment, Lobby, Seat, SeatRole};
use super::{Conflict, Denied, Error, Status, Window, WindowRules};
use crate::units::UnixTime;

/// How the names of appointments' rooms begin.
pub const ROOM_PREFIX: &str = "appointment-";

/// An appointment's room with one seat in front of it.
pub(super) struct Entrance<'a> {
    pub(super) appointment: &'a Appointment,
    pub(super) seat: &'a Seat,
    pub(super) window: Window,
    /// This seat has been in the room before.
    pub(super) was_in: bool,
}

impl<'a> Entrance<'a> {
    pub(super) fn new(
        connection: &Connection,
        rules: &WindowRules,
        appointment: &'a Appointment,
        seat: &'a Seat,
    ) -> Result<Self, Error> {
        let sql = if connection.is_readonly("main")? {
            "SELECT EXISTS (SELECT 1 FROM system_call_logs WHERE seat_id = ?1 AND appointment_id = ?2)"
        } else {
            "SELECT EXISTS (SELECT 1 FROM call_logs WHERE seat_id = ?1 AND appointment_id = ?2)"
        };
        let mut query = connection.prepare_cached(sql)?;
        let was_in = query.query_row((seat.id, appointment.id), |row| row.get(0))?;
        Ok(Self { appointment, seat, window: appointment.window(rules), was_in })
    }

    /// May this seat be in the room now?
    pub(super) fn judge(&self, now: UnixTime) -> Result<(), Error> {
        self.judge_but_for_the_lobby(now)?;
        if self.must_wait(now) {
            // The place in the queue is for whoever answers with it.
            return Err(Denied::LobbyWaiting { position: 0, waiting: 0, since: now }.into());
        }
        Ok(())
    }

    pub(super) fn judge_but_for_the_lobby(&self, now: UnixTime) -> Result<(), Error> {
        if self.seat.removed_at.is_some() {
            return Err(Denied::Removed.into());
        }
        if !matches!(self.appointment.status, Status::Approved | Status::InProgress) {
            // What is over by its time reads as a closed window, whatever has become of it.
            let over = matches!(self.appointment.status, Status::Completed | Status::NoShow);
            if over && now >= self.window.closes {
                return Err(Denied::WindowClosed { closed_at: self.window.closes }.into());
            }
            return Err(Conflict::NotJoinable(self.appointment.status).into());
        }
        if now < self.window.opens {
            return Err(Denied::WindowNotOpen { opens_at: self.window.opens }.into());
        }
        let closes = self.closes();
        if now >= closes {
            return Err(Denied::WindowClosed { closed_at: closes }.into());
        }
        Ok(())
    }

    /// When the room closes to this seat.
    fn closes(&self) -> UnixTime {
        // With the start as anchor nobody new comes in late; who has been in may come back, and the expert always.
        let known = self.was_in || self.seat.role == SeatRole::Host;
        if known { self.window.closes } else { self.window.last_join.min(self.window.closes) }
    }

    /// Whether this seat has to be admitted first.
    pub(super) fn must_wait(&self, now: UnixTime) -> bool {
        if self.seat.role == SeatRole::Host || self.seat.admitted_at.is_some() {
            return false;
        }
        match self.appointment.lobby {
            Lobby::Off => false,
            Lobby::On => true,
            Lobby::UntilStart => self.seat.user_id.is_none() || now < self.appointment.starts_at,
        }
    }
}

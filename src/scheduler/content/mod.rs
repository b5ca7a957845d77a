//! What belongs to an appointment and stays: what was written in it, its files, its notes, and how it was rated.
//!
//! Readers show each actor the rows of its own appointments. Who writes has a seat: [`Party`] is that seat with its
//! appointment, and every command here begins by asking for it.

mod files;
mod messages;
mod notes;
mod ratings;

pub use files::{File, MAX_FILES, MAX_FILES_SIZE, StoredFile, Upload, display_name};
pub use messages::{History, MAX_BODY, Message, NewMessage};
pub use notes::{MAX_NOTE_BODY, MAX_NOTES, NewNote, Note, NoteChanges, Visibility};
pub use ratings::{MAX_COMMENT, NewRating, Rating, RatingFigures};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::records::{Appointment, Seat, SeatRole};
use super::{Conflict, Denied, Error, Status};
use crate::ids::AppointmentId;
use crate::store::Actor;

/// Most rows that one question is answered with, one more than any page has.
pub(super) const MOST: usize = 501;

/// The place in a list behind which the next piece of it begins: time and id of the row before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark<I> {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The row.
    pub id: I,
}

/// Where a list goes on that begins with the latest: what is asked for lies before this.
pub(super) fn before<I: ToString>(mark: Option<Mark<I>>) -> (i64, String) {
    // The sign comes behind every id.
    mark.map_or((i64::MAX, "~".to_owned()), |mark| (mark.at, mark.id.to_string()))
}

/// Somebody's seat, with the appointment that it is in.
pub(super) struct Party {
    pub(super) appointment: Appointment,
    pub(super) seat: Seat,
}

impl Party {
    /// The caller's seat in an appointment, from which nobody has removed the caller.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a stranger, [`Error::NotYours`] for administrators, who see it and have no part in it,
    /// [`Denied::Removed`].
    pub(super) fn load(connection: &Connection, actor: Actor, id: AppointmentId) -> Result<Self, Error> {
        let appointment = Appointment::load(connection, id)?;
        let seat = match actor {
            Actor::User(user, _) => Seat::of_user(connection, id, user),
            Actor::Guest(seat) => Seat::load(connection, seat),
            Actor::Anonymous | Actor::System => Err(Error::NotFound),
        };
        match seat {
            Ok(seat) if seat.appointment_id != id || seat.user_id != actor.user() => Err(Error::NotFound),
            Ok(seat) if seat.removed_at.is_none() => Ok(Self { appointment, seat }),
            // The two sides know of their appointment, whatever became of their seats.
            Ok(seat) if seat.user_id.is_some_and(|user| appointment.is_side(user)) => Err(Denied::Removed.into()),
            Ok(_) => Err(Error::NotFound),
            Err(Error::NotFound) if actor.is_admin() => Err(Error::NotYours),
            Err(error) => Err(error),
        }
    }

    /// Things are added to appointments that are asked for, agreed on, or over; not to those that came to nothing.
    pub(super) fn must_take_content(&self) -> Result<(), Error> {
        use Status::{Approved, Completed, InProgress, NoShow, Pending};
        match self.appointment.status {
            Pending | Approved | InProgress | Completed | NoShow => Ok(()),
            status => Err(Conflict::WrongStatus(status).into()),
        }
    }

    pub(super) fn is_host(&self) -> bool {
        self.seat.role == SeatRole::Host
    }
}

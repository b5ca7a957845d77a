//! The commands of booking. Each one looks inside the transaction that changes something whether the caller may do
//! it: customers with their own appointments, experts with theirs, administrators where it says so. An appointment
//! that is not the caller's is not there; one that is, and another's to decide on, is not the caller's to do.
//!
//! Where a command takes `expected`, it is the version that the caller has seen; another one is refused as
//! [`Error::Stale`].

mod actions;
mod cancel;
mod complete;
mod decide;
mod group;
mod hold;
mod place;
mod request;
mod reschedule;
mod seats;

pub use actions::Action;
pub(super) use actions::actions;
pub(super) use cancel::end_waiting;
pub use complete::Correction;
pub use decide::Move;
pub use hold::{HOLD_TIME, Held, HoldRequest, MAX_HOLDS};
pub use request::{BookFor, BookingRequest, MAX_NOTE_TO_EXPERT, Wanted};
pub use seats::{MAX_EXTRA_SEATS, NewSeat, SeatChange};

use rusqlite::Connection;

use super::records::{Appointment, Seat, SeatRole};
use super::services::Service;
use super::{Error, texts};
use crate::ids::{AppointmentId, ServiceId};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// The longest message from one side to the other, in characters.
pub const MAX_MESSAGE: usize = 5_000;

/// What somebody is to an appointment.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scheduler) enum Part {
    /// Its expert.
    Expert,
    /// One of its customers, with the seat.
    Customer(Seat),
    /// Somebody else with a seat.
    Attendee(Seat),
    /// Somebody who has had a seat, or booked it once.
    Past,
    /// Runs the installation, and has no part in it.
    Admin,
}

/// An appointment and what the caller is to it.
pub(in crate::scheduler) struct Standing {
    pub(in crate::scheduler) appointment: Appointment,
    pub(in crate::scheduler) part: Part,
}

impl Standing {
    /// Finds out what somebody is to an appointment.
    pub(in crate::scheduler) fn of(tx: &Connection, actor: Actor, id: AppointmentId) -> Result<Self, Error> {
        let appointment = Appointment::load(tx, id)?;
        let own = match actor {
            Actor::User(user, _) if user != appointment.expert_id => Seat::of_user(tx, id, user),
            Actor::Guest(seat) => Seat::load(tx, seat),
            Actor::User(..) | Actor::Anonymous | Actor::System => Err(Error::NotFound),
        };
        match own {
            Ok(seat) => Self::new(appointment, actor, Some(seat).filter(|seat| seat.appointment_id == id)),
            Err(Error::NotFound) => Self::new(appointment, actor, None),
            Err(error) => Err(error),
        }
    }

    /// As [`Self::of`] where appointment and seats are at hand.
    pub(in crate::scheduler) fn among(appointment: Appointment, seats: &[Seat], actor: Actor) -> Result<Self, Error> {
        let own = seats.iter().find(|seat| match actor {
            Actor::User(user, _) => seat.user_id == Some(user),
            Actor::Guest(id) => seat.id == id,
            Actor::Anonymous | Actor::System => false,
        });
        Self::new(appointment, actor, own.cloned())
    }

    fn new(appointment: Appointment, actor: Actor, own: Option<Seat>) -> Result<Self, Error> {
        let part = match own {
            _ if actor.user() == Some(appointment.expert_id) => Part::Expert,
            Some(seat) if seat.removed_at.is_none() && seat.role == SeatRole::Client => Part::Customer(seat),
            Some(seat) if seat.removed_at.is_none() => Part::Attendee(seat),
            _ if actor.is_admin() => Part::Admin,
            // What one has booked stays in one's history.
            _ if actor.user() == Some(appointment.customer_id) => Part::Past,
            _ => return Err(Error::NotFound),
        };
        Ok(Self { appointment, part })
    }

    /// As [`Self::of`] for what the expert and administrators do.
    pub(in crate::scheduler) fn running(
        tx: &Tx<'_>,
        actor: Actor,
        id: AppointmentId,
        expected: Option<i64>,
    ) -> Result<Self, Error> {
        let standing = Self::of(tx, actor, id)?;
        if !standing.runs() {
            return Err(Error::NotYours);
        }
        standing.seen(expected)
    }

    /// As [`Self::of`] for what either side does.
    pub(super) fn sided(tx: &Tx<'_>, actor: Actor, id: AppointmentId, expected: Option<i64>) -> Result<Self, Error> {
        let standing = Self::of(tx, actor, id)?;
        if !standing.runs() && !matches!(standing.part, Part::Customer(_)) {
            return Err(Error::NotYours);
        }
        standing.seen(expected)
    }

    /// The expert's side: the expert, and administrators in the expert's stead.
    pub(in crate::scheduler) fn runs(&self) -> bool {
        matches!(self.part, Part::Expert | Part::Admin)
    }

    /// Refuses what was decided on by another version than there is.
    pub(super) fn seen(self, expected: Option<i64>) -> Result<Self, Error> {
        if expected.is_some_and(|expected| expected != self.appointment.version) { Err(Error::Stale) } else { Ok(self) }
    }
}

/// The customers who have a seat.
pub(super) fn clients(tx: &Connection, id: AppointmentId) -> Result<Vec<Seat>, Error> {
    let mut seats = Seat::of_appointment(tx, id)?;
    seats.retain(|seat| seat.role == SeatRole::Client && seat.removed_at.is_none());
    Ok(seats)
}

/// A service that can be booked now: it is offered, by an expert who can be found.
fn offered_service(tx: &Tx<'_>, id: ServiceId) -> Result<Service, Error> {
    use super::Conflict;
    let service = Service::load(tx, id)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM public_experts WHERE id = ?1)";
    let found: bool = tx.prepare_cached(sql)?.query_row([service.expert_id], |row| row.get(0))?;
    if service.active && found { Ok(service) } else { Err(Conflict::ServiceInactive.into()) }
}

/// The appointment has other seats than before: its version says so too.
fn touch(tx: &Tx<'_>, id: AppointmentId, now: UnixTime) -> Result<Appointment, Error> {
    tx.prepare_cached("UPDATE appointments SET updated_at = ?2 WHERE id = ?1")?.execute((id, now.0))?;
    Appointment::load(tx, id)
}

/// Words to the other side.
fn message(text: &str) -> Result<String, Error> {
    texts::prose("message", text, MAX_MESSAGE)
}

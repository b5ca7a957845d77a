//! Ten minutes in which a slot is somebody's who is still filling in the rest.

use std::time::Duration;

use rusqlite::named_params;
use serde_json::json;

use super::place::{self, Leeway};
use super::{Part, Standing, offered_service};
use crate::ids::{AppointmentId, ServiceId, UserId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::offers::zone;
use crate::scheduler::records::Appointment;
use crate::scheduler::services::{Service, minutes};
use crate::scheduler::{CloseAnchor, Conflict, Error, Scheduler, Slot, Status, sweep};
use crate::store::{Actor, Role, Tx};
use crate::units::UnixTime;

/// How long a slot is held.
pub const HOLD_TIME: Duration = Duration::from_secs(10 * 60);
/// How many one customer holds at once.
pub const MAX_HOLDS: u32 = 3;

/// What somebody wants held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// Of which service.
    pub service: ServiceId,
    /// Which start.
    pub starts_at: UnixTime,
    /// The zone in which the customer reads a clock.
    pub tz: String,
    /// An older hold of the caller's that is given back for this one.
    pub replaces: Option<AppointmentId>,
}

/// What has come of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// The slot is the caller's until `hold_expires_at`.
    Slot(Box<Appointment>),
    /// Others meet then. Seats of a session are not held: it can be asked for as it is.
    Session(Slot),
}

impl Scheduler {
    /// Holds a slot for a customer.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but customers; [`Error::NotFound`] and [`Conflict::ServiceInactive`] for the
    /// service; [`Conflict::NotOffered`], [`Conflict::SlotTaken`], [`Conflict::SessionFull`],
    /// [`Conflict::CustomerOverlap`] for the start; [`Conflict::TooManyHolds`]; [`Error::Invalid`] for the zone.
    pub async fn hold(&self, actor: Actor, request: HoldRequest) -> Result<Held, Error> {
        let customer = customer(actor)?;
        let tz = zone("tz", &request.tz)?.name().to_owned();
        let now = self.now();
        self.write(move |tx| {
            sweep::expire_holds(tx, now)?;
            let service = offered_service(tx, request.service)?;
            if let Some(older) = request.replaces {
                give_back(tx, actor, older, now)?;
            }
            let slot = place::check(tx, &service, request.starts_at, now, Leeway::Offered, None)?;
            if slot.shared {
                return Ok(Held::Session(slot));
            }
            if holds_of(tx, customer)? >= MAX_HOLDS {
                return Err(Conflict::TooManyHolds.into());
            }
            let new = NewAppointment {
                service: &service,
                customer,
                starts_at: request.starts_at,
                tz: &tz,
                status: Status::Hold,
                hold_expires_at: Some(now.plus(HOLD_TIME)),
                note: "",
                message: "",
            };
            let appointment = new.insert(tx, now)?;
            Change::new(Kind::Held, &appointment, actor).record(tx, now)?;
            Ok(Held::Slot(Box::new(appointment)))
        })
        .await
    }
}

/// Only customers book for themselves.
pub(super) fn customer(actor: Actor) -> Result<UserId, Error> {
    match actor {
        Actor::User(user, Role::Customer) => Ok(user),
        _ => Err(Error::NotYours),
    }
}

fn holds_of(tx: &Tx<'_>, customer: UserId) -> Result<u32, Error> {
    let sql = "SELECT count(*) FROM appointments WHERE customer_id = ?1 AND status = 'hold'";
    Ok(tx.prepare_cached(sql)?.query_row([customer], |row| row.get(0))?)
}

/// Gives a hold of the caller's back. One that is a hold no more is left as it is.
fn give_back(tx: &mut Tx<'_>, actor: Actor, id: AppointmentId, now: UnixTime) -> Result<(), Error> {
    let standing = Standing::of(tx, actor, id)?;
    if !matches!(standing.part, Part::Customer(_)) || standing.appointment.status != Status::Hold {
        return Ok(());
    }
    release(tx, actor, &standing.appointment, now)?;
    Ok(())
}

/// The time of a hold is free again.
pub(super) fn release(tx: &mut Tx<'_>, actor: Actor, hold: &Appointment, now: UnixTime) -> Result<Appointment, Error> {
    hold.status.to(Status::Cancelled)?;
    sweep::set_status(tx, hold.id, Status::Cancelled, now)?;
    let after = Appointment::load(tx, hold.id)?;
    Change::new(Kind::Released, &after, actor).detail(json!({})).record(tx, now)?;
    Ok(after)
}

/// An appointment that is about to be.
pub(super) struct NewAppointment<'a> {
    pub(super) service: &'a Service,
    pub(super) customer: UserId,
    pub(super) starts_at: UnixTime,
    pub(super) tz: &'a str,
    pub(super) status: Status,
    pub(super) hold_expires_at: Option<UnixTime>,
    pub(super) note: &'a str,
    pub(super) message: &'a str,
}

impl NewAppointment<'_> {
    /// Writes the row; triggers give it its seats and, if it is approved, its room. What the service has at this
    /// moment stays with the appointment.
    pub(super) fn insert(&self, tx: &mut Tx<'_>, now: UnixTime) -> Result<Appointment, Error> {
        let service = self.service;
        let id = AppointmentId::new(now, tx.rng());
        let secret = tx.random_hex::<10>();
        let (ends_at, block) =
            (self.starts_at.plus(minutes(service.duration_min)), service.rules().block(self.starts_at));
        tx.prepare_cached(
            "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from,
               busy_to, tz, status, capacity, room_secret, ical_uid, hold_expires_at, lobby, keep_chat, open_before_min,
               close_after_min, close_anchor, customer_note, decision_message, created_at, updated_at)
             VALUES (:id, :customer, :expert, :service, :title, :starts, :ends, :busy_from, :busy_to, :tz, :status,
               :capacity, :secret, :uid, :expires, :lobby, :keep_chat, :opens, :closes, :anchor, :note, :message, :now,
               :now)",
        )?
        .execute(named_params! {
            ":id": id, ":customer": self.customer, ":expert": service.expert_id, ":service": service.id,
            ":title": service.title, ":starts": self.starts_at.0, ":ends": ends_at.0, ":busy_from": block.from.0,
            ":busy_to": block.to.0, ":tz": self.tz, ":status": self.status.as_str(), ":capacity": service.capacity,
            ":secret": secret, ":uid": format!("{id}@visavis"), ":expires": self.hold_expires_at.map(|at| at.0),
            ":lobby": service.lobby.as_str(), ":keep_chat": service.keep_chat, ":opens": service.open_before_min,
            ":closes": service.close_after_min, ":anchor": service.close_anchor.map(CloseAnchor::as_str), ":note": self.note, ":message": self.message,
            ":now": now.0,
        })?;
        Appointment::load(tx, id)
    }
}

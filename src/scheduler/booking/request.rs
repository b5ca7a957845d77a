//! From a hold, or straight from a slot, to an appointment.

use rusqlite::OptionalExtension;
use serde_json::json;

use super::group::join;
use super::hold::{NewAppointment, customer};
use super::place::{self, Leeway};
use super::seats::{NewSeat, add_all};
use super::{Part, Standing, message, offered_service};
use crate::ids::{AppointmentId, ServiceId, UserId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::consent::NewConsent;
use crate::scheduler::offers::zone;
use crate::scheduler::records::{Appointment, Approval};
use crate::scheduler::services::{Service, manages};
use crate::scheduler::{Conflict, Error, Scheduler, Status, sweep, texts};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// The longest note that a customer sends along, in characters.
pub const MAX_NOTE_TO_EXPERT: usize = 5_000;

/// What a customer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What the customer holds.
    Hold(AppointmentId),
    /// A slot that nobody holds, or a session that others have begun.
    Start {
        /// Of which service.
        service: ServiceId,
        /// When.
        starts_at: UnixTime,
        /// The zone in which the customer reads a clock.
        tz: String,
    },
}

/// A customer's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingRequest {
    /// What for.
    pub wanted: Wanted,
    /// What the expert should know.
    pub note: String,
    /// Who comes along to interpret or to listen.
    pub companions: Vec<NewSeat>,
    /// What the customer agrees to, where the customer was asked.
    pub consent: Option<NewConsent>,
}

/// What an expert or an administrator books for a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookFor {
    /// For whom.
    pub customer: UserId,
    /// Which service.
    pub service: ServiceId,
    /// When. Notice, horizon and the grid of starts do not count.
    pub starts_at: UnixTime,
    /// Even where the expert's hours have no room for it.
    pub outside_hours: bool,
    /// What the customer is told.
    pub message: String,
    /// Who else takes part.
    pub companions: Vec<NewSeat>,
}

impl Scheduler {
    /// Asks for an appointment. Of a service that approves by itself it is approved at once.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but customers; [`Error::NotFound`] for another's hold; [`Conflict::HoldExpired`],
    /// [`Conflict::IllegalTransition`] for a hold that is none any more; otherwise as [`Scheduler::hold`], and
    /// [`Error::Invalid`] for the note or the companions.
    pub async fn request(&self, actor: Actor, request: BookingRequest) -> Result<Appointment, Error> {
        let user = customer(actor)?;
        let note = texts::prose("note", &request.note, MAX_NOTE_TO_EXPERT)?;
        let consent = request.consent.as_ref().map(NewConsent::checked).transpose()?;
        let agreed = move |tx: &Tx<'_>, id, now| consent.as_ref().map_or(Ok(()), |it| it.record(tx, id, user, now));
        let now = self.now();
        self.write(move |tx| {
            sweep::expire_holds(tx, now)?;
            let appointment = match request.wanted {
                Wanted::Hold(hold) => from_hold(tx, actor, hold, &note, now)?,
                Wanted::Start { service, starts_at, tz } => {
                    let tz = zone("tz", &tz)?.name().to_owned();
                    let service = offered_service(tx, service)?;
                    let slot = place::check(tx, &service, starts_at, now, Leeway::Offered, None)?;
                    if slot.shared {
                        let joined = join(tx, actor, user, &service, starts_at, (&note, ""), now)?;
                        agreed(tx, joined.id, now)?;
                        return add_all(tx, actor, joined, &request.companions, now);
                    }
                    let (status, hold_expires_at) = (asked_status(&service), None);
                    let new = NewAppointment {
                        service: &service,
                        customer: user,
                        starts_at,
                        tz: &tz,
                        status,
                        hold_expires_at,
                        note: &note,
                        message: "",
                    };
                    new.insert(tx, now)?
                }
            };
            agreed(tx, appointment.id, now)?;
            let (kind, detail) = match appointment.status {
                Status::Approved => (Kind::Approved, json!({ "auto": true })),
                _ => (Kind::Requested, json!({})),
            };
            Change::new(kind, &appointment, actor).detail(detail).record(tx, now)?;
            add_all(tx, actor, appointment, &request.companions, now)
        })
        .await
    }

    /// Books for a customer, approved directly: the expert for oneself, an administrator for any expert. A start at
    /// which others meet already gives the customer a seat there.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for another's service; [`Error::NotFound`], [`Conflict::ServiceInactive`] for the service;
    /// [`Conflict::NotOffered`] for a start that has passed or lies outside the hours, [`Conflict::SlotTaken`],
    /// [`Conflict::SessionFull`], [`Conflict::CustomerOverlap`]; [`Error::Invalid`] for the customer, the message or
    /// the companions.
    pub async fn book_for(&self, actor: Actor, booking: BookFor) -> Result<Appointment, Error> {
        let words = message(&booking.message)?;
        let now = self.now();
        self.write(move |tx| {
            let service = Service::load(tx, booking.service)?;
            if !manages(actor, service.expert_id) {
                return Err(Error::NotYours);
            }
            if !service.active {
                return Err(Conflict::ServiceInactive.into());
            }
            sweep::expire_holds(tx, now)?;
            let tz = zone_of_customer(tx, booking.customer)?;
            let leeway = Leeway::of_expert(booking.outside_hours);
            let slot = place::check(tx, &service, booking.starts_at, now, leeway, None)?;
            if slot.shared {
                let joined = join(tx, actor, booking.customer, &service, booking.starts_at, ("", &words), now)?;
                return add_all(tx, actor, joined, &booking.companions, now);
            }
            let new = NewAppointment {
                service: &service,
                customer: booking.customer,
                starts_at: booking.starts_at,
                tz: &tz,
                status: Status::Approved,
                hold_expires_at: None,
                note: "",
                message: &words,
            };
            let appointment = new.insert(tx, now)?;
            let detail = json!({ "onBehalf": true, "outsideHours": booking.outside_hours });
            Change::new(Kind::Approved, &appointment, actor).detail(detail).message(&words).record(tx, now)?;
            add_all(tx, actor, appointment, &booking.companions, now)
        })
        .await
    }
}

/// What a request begins as.
const fn asked_status(service: &Service) -> Status {
    match service.approval {
        Approval::Manual => Status::Pending,
        Approval::Auto => Status::Approved,
    }
}

fn from_hold(
    tx: &mut Tx<'_>,
    actor: Actor,
    hold: AppointmentId,
    note: &str,
    now: UnixTime,
) -> Result<Appointment, Error> {
    let standing = Standing::of(tx, actor, hold)?;
    if !matches!(standing.part, Part::Customer(_)) {
        return Err(Error::NotYours);
    }
    let before = standing.appointment;
    if before.status == Status::Expired && before.hold_expires_at.is_some() {
        return Err(Conflict::HoldExpired.into());
    }
    let service = offered_service(tx, before.service_id)?;
    let status = asked_status(&service);
    if before.status != Status::Hold {
        return Err(Conflict::IllegalTransition(crate::scheduler::IllegalTransition {
            from: before.status,
            to: status,
        })
        .into());
    }
    tx.prepare_cached(
        "UPDATE appointments SET status = ?2, hold_expires_at = NULL, customer_note = ?3, updated_at = ?4 WHERE id = ?1",
    )?
    .execute((hold, before.status.to(status)?.as_str(), note, now.0))?;
    Appointment::load(tx, hold)
}

/// The zone of somebody who can be booked for.
fn zone_of_customer(tx: &Tx<'_>, customer: UserId) -> Result<String, Error> {
    let sql = "SELECT tz FROM users WHERE id = ?1 AND role = 'customer' AND status = 'active'";
    let tz = tx.prepare_cached(sql)?.query_row([customer], |row| row.get(0)).optional()?;
    tz.ok_or_else(|| Error::invalid("customerId", "there is no such customer"))
}

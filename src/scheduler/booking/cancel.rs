//! Calling off: of the whole appointment, or of one's own seat in a session that goes on without.

use serde_json::json;

use super::group::{others_stay, vacate};
use super::hold::release;
use super::reschedule::in_time;
use super::{Part, Standing, message, touch};
use crate::ids::AppointmentId;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, Seat};
use crate::scheduler::services::{Service, minutes};
use crate::scheduler::{EndReason, Error, Scheduler, Status};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// What a cancellation has come to.
enum Outcome {
    /// It was only held.
    Released,
    /// There is no appointment any more.
    Cancelled,
    /// Others keep theirs.
    Left(Seat),
}

impl Scheduler {
    /// Calls an appointment off, or gives a hold back. Customers can until the notice that the service wants, of what
    /// is only asked for at any time; experts and administrators always. A customer of a session with others in it
    /// gives up the own seat only. Whoever is in the call is sent away.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for those who only attend, [`Error::Stale`],
    /// [`super::super::Conflict::IllegalTransition`], [`super::super::Conflict::TooLate`], [`Error::Invalid`].
    pub async fn cancel(
        &self,
        actor: Actor,
        id: AppointmentId,
        words: &str,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let (words, now) = (message(words)?, self.now());
        let (outcome, after) = self
            .write(move |tx| {
                let standing = Standing::sided(tx, actor, id, expected)?;
                let before = &standing.appointment;
                before.status.to(Status::Cancelled)?;
                if before.status == Status::Hold {
                    return Ok((Outcome::Released, release(tx, actor, before, now)?));
                }
                if let Part::Customer(seat) = &standing.part {
                    check_notice(tx, before, now)?;
                    if others_stay(tx, before, seat)? {
                        let after = leave(tx, actor, id, seat, &words, now)?;
                        return Ok((Outcome::Left(seat.clone()), after));
                    }
                }
                let by = match standing.part {
                    Part::Expert => "expert",
                    Part::Admin => "admin",
                    _ => "customer",
                };
                tx.prepare_cached(
                    "UPDATE appointments SET status = 'cancelled', cancelled_by = ?2, decision_message = ?3,
                       proposed_starts_at = NULL, proposed_ends_at = NULL, proposed_by = NULL, proposed_message = NULL,
                       updated_at = ?4 WHERE id = ?1",
                )?
                .execute((id, by, &words, now.0))?;
                end_waiting(tx, id)?;
                let after = Appointment::load(tx, id)?;
                let detail = json!({ "previousStatus": before.status, "side": by });
                Change::new(Kind::Cancelled, &after, actor).detail(detail).message(&words).record(tx, now)?;
                Ok((Outcome::Cancelled, after))
            })
            .await?;
        match outcome {
            Outcome::Released => {}
            Outcome::Cancelled => self.end_call(&after, EndReason::Cancelled),
            Outcome::Left(seat) => self.send_away(&after, &seat),
        }
        Ok(after)
    }

    /// The call of an appointment is over, whoever is in it.
    pub(in crate::scheduler) fn end_call(&self, appointment: &Appointment, reason: EndReason) {
        self.follow(appointment);
        if let (Some(rooms), Some(room)) = (self.rooms(), &appointment.meeting_room_name) {
            rooms.close(room, reason);
        }
    }

    /// Whoever had a seat is not to be in the call any more.
    pub(super) fn send_away(&self, appointment: &Appointment, seat: &Seat) {
        if let (Some(rooms), Some(room)) = (self.rooms(), &appointment.meeting_room_name) {
            rooms.remove(room, &seat.id.to_string());
        }
    }
}

/// Refuses customers once the notice has passed. What is not approved binds nobody.
pub(super) fn check_notice(tx: &Tx<'_>, appointment: &Appointment, now: UnixTime) -> Result<(), Error> {
    if appointment.status == Status::Pending {
        return Ok(());
    }
    let service = Service::load(tx, appointment.service_id)?;
    in_time(appointment.starts_at.minus(minutes(service.cancel_notice_min)), now)
}

/// Somebody gives up the own seat.
pub(super) fn leave(
    tx: &mut Tx<'_>,
    actor: Actor,
    id: AppointmentId,
    seat: &Seat,
    words: &str,
    now: UnixTime,
) -> Result<Appointment, Error> {
    vacate(tx, seat, now)?;
    let after = touch(tx, id, now)?;
    let detail = json!({ "seatId": seat.id, "userId": seat.user_id, "name": seat.name, "role": seat.role });
    Change::new(Kind::Left, &after, actor).detail(detail).message(words).record(tx, now)?;
    Ok(after)
}

/// Nobody waits for what does not take place.
pub(in crate::scheduler) fn end_waiting(tx: &Tx<'_>, id: AppointmentId) -> Result<(), Error> {
    let sql = "UPDATE seats SET waiting_since = NULL, waiting_seen_at = NULL
        WHERE appointment_id = ?1 AND waiting_since IS NOT NULL";
    tx.prepare_cached(sql)?.execute([id])?;
    Ok(())
}

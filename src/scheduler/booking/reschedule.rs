//! Another time in place: the same row, the same room, the same entry in calendars.

use serde_json::{Value, json};

use super::decide::Move;
use super::place;
use super::{Standing, message};
use crate::ids::AppointmentId;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, Approval};
use crate::scheduler::services::{Service, minutes};
use crate::scheduler::{Conflict, EndReason, Error, IllegalTransition, Scheduler, Status, sweep};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

impl Scheduler {
    /// Moves an appointment. A customer moves it to what is offered, until the notice that the service wants, and the
    /// expert is asked again where the service says so; the expert moves it at will, and it stays what it is. A call
    /// that is going on ends, unless the room is open at the new time too.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the two sides, and for customers of a session with others
    /// in it; [`Error::Stale`]; [`Conflict::IllegalTransition`]; [`Conflict::TooLate`]; [`Conflict::NotOffered`],
    /// [`Conflict::SlotTaken`], [`Conflict::CustomerOverlap`] for the time; [`Error::Invalid`].
    pub async fn reschedule(
        &self,
        actor: Actor,
        id: AppointmentId,
        to: Move,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let (words, now) = (message(&to.message)?, self.now());
        let (before, after) = self
            .write(move |tx| {
                let standing = Standing::sided(tx, actor, id, expected)?;
                let leeway = standing.leeway(tx, to.outside_hours)?;
                let runs = standing.runs();
                let before = standing.appointment;
                let service = Service::load(tx, before.service_id)?;
                let next = next_status(&before, runs, &service)?;
                if !runs {
                    in_time(before.starts_at.minus(minutes(service.reschedule_notice_min)), now)?;
                }
                is_another(&before, to.starts_at)?;
                sweep::expire_holds(tx, now)?;
                place::check(tx, &service, to.starts_at, now, leeway, Some(&before))?;
                shift(tx, &before, to.starts_at, next, now)?;
                let after = Appointment::load(tx, id)?;
                let mut detail = told_of(&before);
                detail["outsideHours"] = json!(leeway == place::Leeway::Anywhere);
                Change::new(Kind::Rescheduled, &after, actor).detail(detail).message(&words).record(tx, now)?;
                Ok((before, after))
            })
            .await?;
        self.has_moved(&before, &after, now);
        Ok(after)
    }

    /// Lets the room know, and whoever is in it.
    pub(super) fn has_moved(&self, before: &Appointment, after: &Appointment, now: UnixTime) {
        self.follow(after);
        let (Some(rooms), Some(room)) = (self.rooms(), &after.meeting_room_name) else { return };
        let rules = &self.inner.settings.window;
        if !before.window(rules).holds(now) {
            return;
        }
        let window = after.window(rules);
        if window.holds(now) && after.status == Status::Approved {
            rooms.notice(
                room,
                json!({
                    "type": "rescheduled",
                    "startsAt": rfc3339(after.starts_at),
                    "endsAt": rfc3339(after.ends_at),
                    "closesAt": rfc3339(window.closes),
                }),
            );
        } else {
            rooms.close(room, EndReason::Rescheduled);
        }
    }
}

/// What an appointment is after it was moved.
fn next_status(before: &Appointment, runs: bool, service: &Service) -> Result<Status, Error> {
    match before.status {
        Status::Pending => Ok(Status::Pending),
        Status::Approved if !runs && service.reapprove && service.approval == Approval::Manual => Ok(Status::Pending),
        Status::Approved => Ok(Status::Approved),
        // A call that broke off is taken up another time; customers ask the expert for that.
        Status::InProgress if runs => Ok(Status::Approved),
        from => Err(IllegalTransition { from, to: Status::Approved }.into()),
    }
}

/// Another time is another one.
pub(super) fn is_another(before: &Appointment, starts_at: UnixTime) -> Result<(), Error> {
    if starts_at == before.starts_at {
        return Err(Error::invalid("startsAt", "the appointment starts then already"));
    }
    Ok(())
}

/// Refuses what would have had to be done by then.
pub(super) fn in_time(until: UnixTime, now: UnixTime) -> Result<(), Error> {
    if now <= until { Ok(()) } else { Err(Conflict::TooLate { until }.into()) }
}

/// Writes another time. What was granted for the old one, such as admissions and extensions, is not for the new one.
pub(super) fn shift(
    tx: &Tx<'_>,
    before: &Appointment,
    starts_at: UnixTime,
    next: Status,
    now: UnixTime,
) -> Result<(), Error> {
    let moved = |time: UnixTime| UnixTime(time.0 + starts_at.0 - before.starts_at.0);
    if before.status == Status::InProgress {
        // Times stand while it is in progress.
        before.status.to(Status::Approved)?;
        sweep::set_status(tx, before.id, Status::Approved, now)?;
    }
    tx.prepare_cached(
        "UPDATE appointments SET starts_at = ?2, ends_at = ?3, busy_from = ?4, busy_to = ?5, status = ?6,
           proposed_starts_at = NULL, proposed_ends_at = NULL, proposed_by = NULL, proposed_message = NULL,
           extended_min = 0, extensions = 0, opened_at = NULL, in_progress_at = NULL, emptied_at = NULL, updated_at = ?7
         WHERE id = ?1",
    )?
    .execute((
        before.id,
        starts_at.0,
        moved(before.ends_at).0,
        moved(before.busy_from).0,
        moved(before.busy_to).0,
        next.as_str(),
        now.0,
    ))?;
    tx.prepare_cached(
        "UPDATE seats SET admitted_at = NULL, waiting_since = NULL, waiting_seen_at = NULL, waited_ms = 0
         WHERE appointment_id = ?1",
    )?
    .execute([before.id])?;
    Ok(())
}

/// What the audit log keeps of the time that an appointment had.
pub(super) fn told_of(before: &Appointment) -> Value {
    json!({
        "previousStartsAt": rfc3339(before.starts_at),
        "previousEndsAt": rfc3339(before.ends_at),
        "previousStatus": before.status,
    })
}

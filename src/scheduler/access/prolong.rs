//! What moves a window: the expert opens the room early, keeps it open longer, or has it otherwise than the service.

use std::time::Duration;

use serde_json::json;

use crate::ids::AppointmentId;
use crate::scheduler::board::Entry;
use crate::scheduler::booking::Standing;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::Appointment;
use crate::scheduler::services::{Service, minutes};
use crate::scheduler::{
    CloseAnchor, Conflict, Error, MAX_MARGIN, Scheduler, Status, Window, WindowOverrides, WindowState,
};
use crate::store::{Actor, RowExt, Tx};
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

/// What an extension has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Extended {
    /// The appointment afterwards.
    pub appointment: Appointment,
    /// When the room closes now.
    pub closes_at: UnixTime,
    /// The start of the expert's next appointment, where this one may delay it.
    pub delays: Option<UnixTime>,
}

/// What one appointment's window has otherwise than before. What is left out stays; `None` stands for what the
/// service has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowChange {
    /// See [`crate::scheduler::WindowRules::before`], in minutes.
    pub open_before_min: Option<Option<u32>>,
    /// See [`crate::scheduler::WindowRules::after`], in minutes.
    pub close_after_min: Option<Option<u32>>,
    /// See [`crate::scheduler::WindowRules::anchor`].
    pub close_anchor: Option<Option<CloseAnchor>>,
}

impl WindowChange {
    /// Refuses margins that nobody can mean.
    fn check(&self) -> Result<(), Error> {
        for (field, given) in [("openBeforeMin", self.open_before_min), ("closeAfterMin", self.close_after_min)] {
            if given.flatten().is_some_and(|given| minutes(given) > MAX_MARGIN) {
                return Err(Error::invalid(field, "it is at most a day"));
            }
        }
        Ok(())
    }

    /// What an appointment has after it that had `own`.
    fn of(&self, own: &WindowOverrides, service: &WindowOverrides) -> WindowOverrides {
        let margin = |given: Option<Option<u32>>, own, service| match given {
            Some(given) => given.map(minutes).or(service),
            None => own,
        };
        WindowOverrides {
            before: margin(self.open_before_min, own.before, service.before),
            after: margin(self.close_after_min, own.after, service.after),
            anchor: self.close_anchor.map_or(own.anchor, |given| given.or(service.anchor)),
            extension: own.extension,
        }
    }
}

impl Scheduler {
    /// Keeps the room open longer, by one step of the rules. Everybody in it is told; tokens follow.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the expert and administrators,
    /// [`Conflict::NotExtended`].
    pub async fn extend(&self, actor: Actor, id: AppointmentId) -> Result<Extended, Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        let extended = self
            .write(move |tx| {
                let before = Standing::running(tx, actor, id, None)?.appointment;
                if !matches!(before.status, Status::Approved | Status::InProgress) {
                    return Err(Conflict::NotJoinable(before.status).into());
                }
                let own = rules.with(&before.overrides);
                let total = own
                    .extend(&before.window(&rules), before.extended, now)
                    .map_err(|error| Error::Conflict(Conflict::NotExtended(error)))?;
                let sql = "UPDATE appointments SET extended_min = ?2, extensions = extensions + 1, updated_at = ?3 WHERE id = ?1";
                tx.prepare_cached(sql)?.execute((id, (total.as_secs() / 60) as i64, now.0))?;
                let appointment = Appointment::load(tx, id)?;
                let closes_at = appointment.window(&rules).closes;
                let delays = next_start(tx, &appointment, closes_at)?;
                let detail = json!({ "closesAt": rfc3339(closes_at), "delays": delays.map(rfc3339) });
                Change::new(Kind::Extended, &appointment, actor).detail(detail).record(tx, now)?;
                Ok(Extended { appointment, closes_at, delays })
            })
            .await?;
        self.follow(&extended.appointment);
        self.tell_of_next(&extended.appointment, extended.delays);
        Ok(extended)
    }

    /// Changes when the room of one appointment opens and closes; an open room follows at once, and everybody in it is
    /// told. What extensions have added stays added.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the expert and administrators, [`Error::Stale`],
    /// [`Conflict::NotJoinable`] for what is over or only held, [`Error::Invalid`] for margins that nobody can mean and
    /// for those by which the room would be closed already, or an open one not open yet.
    pub async fn change_window(
        &self,
        actor: Actor,
        id: AppointmentId,
        change: WindowChange,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        change.check()?;
        let (now, rules) = (self.now(), self.inner.settings.window);
        let (appointment, delays) = self
            .write(move |tx| {
                let before = Standing::running(tx, actor, id, expected)?.appointment;
                if !matches!(before.status, Status::Pending | Status::Approved | Status::InProgress) {
                    return Err(Conflict::NotJoinable(before.status).into());
                }
                let service = Service::load(tx, before.service_id)?.overrides();
                let overrides = change.of(&before.overrides, &service);
                if overrides == before.overrides {
                    return Ok((before, None));
                }
                let planned = Appointment { overrides, ..before.clone() }.window(&rules);
                leaves_room(before.window(&rules), planned, now)?;
                store(tx, id, &overrides, now)?;
                let after = Appointment::load(tx, id)?;
                let window = after.window(&rules);
                let later = window.closes > before.window(&rules).closes;
                let delays = if later { next_start(tx, &after, window.closes)? } else { None };
                let detail = json!({
                    "opensAt": rfc3339(window.opens),
                    "closesAt": rfc3339(window.closes),
                    "lastJoinAt": rfc3339(window.last_join),
                    "delays": delays.map(rfc3339),
                });
                Change::new(Kind::WindowChanged, &after, actor).detail(detail).record(tx, now)?;
                Ok((after, delays))
            })
            .await?;
        self.follow(&appointment);
        self.tell_of_next(&appointment, delays);
        Ok(appointment)
    }

    /// Opens the room before its time.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`], [`Conflict::NotJoinable`].
    pub async fn open_early(&self, actor: Actor, id: AppointmentId) -> Result<Appointment, Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        let appointment = self
            .write(move |tx| {
                let before = Standing::running(tx, actor, id, None)?.appointment;
                if !matches!(before.status, Status::Approved | Status::InProgress) {
                    return Err(Conflict::NotJoinable(before.status).into());
                }
                if !matches!(before.window(&rules).state(now), WindowState::NotOpen { .. }) {
                    return Ok(before);
                }
                tx.prepare_cached("UPDATE appointments SET opened_at = ?2, updated_at = ?2 WHERE id = ?1")?
                    .execute((id, now.0))?;
                let appointment = Appointment::load(tx, id)?;
                Change::new(Kind::OpenedEarly, &appointment, actor).record(tx, now)?;
                Ok(appointment)
            })
            .await?;
        self.follow(&appointment);
        Ok(appointment)
    }

    /// Lets an open room know whom its later close may delay.
    fn tell_of_next(&self, appointment: &Appointment, delays: Option<UnixTime>) {
        if let (Some(rooms), Some(room), Some(delays)) = (self.rooms(), &appointment.meeting_room_name, delays) {
            rooms.notice(room, json!({ "type": "next_waits", "startsAt": rfc3339(delays) }));
        }
    }

    /// Lets an open room know what has become of its appointment. Called after every change.
    pub(in crate::scheduler) fn follow(&self, appointment: &Appointment) {
        let Some(room) = &appointment.meeting_room_name else { return };
        let window = appointment.window(&self.inner.settings.window);
        self.inner.board.update(room, Entry::of(appointment, window));
    }
}

/// Whoever is or may be in the room is not shut out of it by another window: for that the call is ended.
fn leaves_room(was: Window, will: Window, now: UnixTime) -> Result<(), Error> {
    if now >= will.closes {
        return Err(Error::invalid("closeAfterMin", "the room would be closed already; complete or cancel instead"));
    }
    if was.holds(now) && !will.holds(now) {
        return Err(Error::invalid("openBeforeMin", "the room is open, and would not be yet"));
    }
    Ok(())
}

fn store(tx: &Tx<'_>, id: AppointmentId, own: &WindowOverrides, now: UnixTime) -> Result<(), Error> {
    let minutes = |margin: Option<Duration>| margin.map(|margin| (margin.as_secs() / 60) as i64);
    tx.prepare_cached(
        "UPDATE appointments SET open_before_min = ?2, close_after_min = ?3, close_anchor = ?4, updated_at = ?5
         WHERE id = ?1",
    )?
    .execute((id, minutes(own.before), minutes(own.after), own.anchor.map(CloseAnchor::as_str), now.0))?;
    Ok(())
}

/// The start of the expert's next appointment before the room closes.
fn next_start(tx: &Tx<'_>, appointment: &Appointment, closes_at: UnixTime) -> Result<Option<UnixTime>, Error> {
    let sql = "SELECT min(starts_at) FROM appointments WHERE expert_id = ?1 AND id <> ?2 AND busy_from < ?3
        AND busy_from > ?4 AND starts_at >= ?5 AND status IN ('hold', 'pending', 'approved', 'in_progress')";
    let from = appointment.starts_at.minus(Duration::from_secs(24 * 3600));
    let params = (appointment.expert_id, appointment.id, closes_at.0, from.0, appointment.starts_at.0);
    Ok(tx.prepare_cached(sql)?.query_row(params, |row| row.maybe_time(0))?)
}

//! What moves a window: the expert opens the room early, or keeps it open longer.

use std::time::Duration;

use serde_json::json;

use crate::ids::AppointmentId;
use crate::scheduler::Status;
use crate::scheduler::board::Entry;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::Appointment;
use crate::scheduler::{Conflict, Error, Scheduler, WindowState};
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
                let before = administered(tx, actor, id)?;
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
        if let (Some(rooms), Some(room), Some(delays)) =
            (self.rooms(), &extended.appointment.meeting_room_name, extended.delays)
        {
            rooms.notice(room, json!({ "type": "next_waits", "startsAt": rfc3339(delays) }));
        }
        Ok(extended)
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
                let before = administered(tx, actor, id)?;
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

    /// Lets an open room know what has become of its appointment. Called after every change.
    pub(in crate::scheduler) fn follow(&self, appointment: &Appointment) {
        let Some(room) = &appointment.meeting_room_name else { return };
        let window = appointment.window(&self.inner.settings.window);
        self.inner.board.update(room, Entry::of(appointment, window));
    }
}

/// The appointment, for its expert or an administrator.
pub(in crate::scheduler) fn administered(tx: &Tx<'_>, actor: Actor, id: AppointmentId) -> Result<Appointment, Error> {
    let appointment = Appointment::load(tx, id)?;
    let user = actor.user().ok_or(Error::NotFound)?;
    if user == appointment.expert_id || actor.is_admin() {
        return Ok(appointment);
    }
    // Who is part of it may know that it is there.
    match crate::scheduler::records::Seat::of_user(tx, id, user) {
        Ok(seat) if seat.removed_at.is_none() => Err(Error::NotYours),
        _ => Err(Error::NotFound),
    }
}

/// The start of the expert's next appointment before the room closes.
fn next_start(tx: &Tx<'_>, appointment: &Appointment, closes_at: UnixTime) -> Result<Option<UnixTime>, Error> {
    let sql = "SELECT min(starts_at) FROM appointments WHERE expert_id = ?1 AND id <> ?2 AND busy_from < ?3
        AND busy_from > ?4 AND starts_at >= ?5 AND status IN ('hold', 'pending', 'approved', 'in_progress')";
    let from = appointment.starts_at.minus(Duration::from_secs(24 * 3600));
    let params = (appointment.expert_id, appointment.id, closes_at.0, from.0, appointment.starts_at.0);
    Ok(tx.prepare_cached(sql)?.query_row(params, |row| row.maybe_time(0))?)
}

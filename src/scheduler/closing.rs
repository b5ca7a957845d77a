//! That a room closes soon, as pages hear of it: a live event for everybody with a seat, ten, five and one minute
//! before, whether anybody is in the room or not. Those who are in it hear of it from the room as well.
//!
//! What has been told is stored with the event itself, so a restart neither loses a warning nor gives it twice. Of
//! several that became due together only the latest is given; a close that is moved has warnings of its own.

use serde_json::json;

use super::change::{Change, Kind};
use super::records::Appointment;
use super::{CLOSE_WARNINGS, Error, MAX_EXTENSION, MAX_MARGIN, WindowRules, minutes_left, sweep};
use crate::ids::AppointmentId;
use crate::store::{Actor, Tx};
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

/// Appointments whose next warning is due. The close is [`WindowRules::window`]'s.
pub(super) const DUE: &str = "
    SELECT a.* FROM (
      SELECT *, ends_at + coalesce(close_after_min * 60000, ?1) + extended_min * 60000 AS closes_at FROM my_appointments
      WHERE status IN ('approved', 'in_progress') AND ends_at BETWEEN ?2 AND ?3
    ) a LEFT JOIN close_warnings w ON w.appointment_id = a.id
    WHERE a.closes_at > ?4 AND a.closes_at <= ?3 AND (w.closes_at IS NOT a.closes_at OR w.next_at <= ?4)
    LIMIT 200";

/// Warns of the closes that are near. What does not fit into one transaction comes with the next.
pub(super) fn warn(tx: &mut Tx<'_>, rules: &WindowRules, now: UnixTime) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM close_warnings WHERE closes_at <= ?1")?.execute([now.0])?;
    let (earliest, near) = (now.minus(MAX_MARGIN).minus(MAX_EXTENSION), now.plus(CLOSE_WARNINGS[0]));
    let after = rules.after.as_millis() as i64;
    for appointment in sweep::select(tx, DUE, (after, earliest.0, near.0, now.0))? {
        let window = appointment.window(rules);
        remember(tx, appointment.id, window.closes, window.next_warning(now))?;
        tell(tx, &appointment, window.closes, now)?;
    }
    Ok(())
}

fn remember(tx: &Tx<'_>, id: AppointmentId, closes: UnixTime, next: UnixTime) -> Result<(), Error> {
    let sql = "INSERT INTO close_warnings (appointment_id, closes_at, next_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (appointment_id) DO UPDATE SET closes_at = excluded.closes_at, next_at = excluded.next_at";
    tx.prepare_cached(sql)?.execute((id, closes.0, next.0))?;
    Ok(())
}

fn tell(tx: &mut Tx<'_>, appointment: &Appointment, closes: UnixTime, now: UnixTime) -> Result<(), Error> {
    let detail = json!({ "closesAt": rfc3339(closes), "minutesLeft": minutes_left(closes, now) });
    Change::new(Kind::Closing, appointment, Actor::System).detail(detail).record(tx, now)
}

//! What time alone brings about. Everything here may be done at any moment and as often as one likes.

use std::time::Duration;

use serde_json::json;

use super::change::{Change, Kind};
use super::facts::was_in;
use super::records::{Appointment, SeatRole};
use super::{Error, NoShow, Scheduler, Status, WindowRules};
use super::{access, closing};
use crate::ids::AppointmentId;
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// A call that everybody has left is over after this long, once its time is up.
const EMPTY: Duration = Duration::from_secs(10 * 60);
/// How many of a kind are dealt with in one transaction.
const BATCH: usize = 200;
/// Appointments of longer ago are looked at no more.
const LONG_AGO: Duration = Duration::from_secs(400 * 24 * 3600);

/// Approved appointments whose time is up.
pub(super) const OVER: &str = "SELECT * FROM my_appointments WHERE status IN ('approved', 'in_progress')
    AND ends_at <= ?1 AND ends_at > ?2 ORDER BY ends_at LIMIT 1000";
/// Holds that have lapsed.
pub(super) const LAPSED: &str =
    "SELECT * FROM my_appointments WHERE status = 'hold' AND hold_expires_at <= ?1 LIMIT 500";
/// Requests whose time has come.
pub(super) const UNANSWERED: &str =
    "SELECT * FROM my_appointments WHERE status = 'pending' AND starts_at <= ?1 LIMIT 200";

impl Scheduler {
    /// Does whatever is due at this moment. How many appointments have changed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn sweep(&self) -> Result<usize, Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        let changed: Vec<Appointment> = self
            .write(move |tx| {
                expire_holds(tx, now)?;
                let mut changed = expire_requests(tx, now)?;
                for appointment in select(tx, OVER, (now.0, now.minus(LONG_AGO).0))? {
                    let closed = now >= appointment.window(&rules).closes;
                    let deserted = appointment.status == Status::InProgress
                        && appointment.emptied_at.is_some_and(|since| now >= since.plus(EMPTY) && since <= now);
                    if (closed || deserted) && changed.len() < BATCH {
                        changed.push(conclude(tx, &appointment, &rules, now)?);
                    }
                }
                closing::warn(tx, &rules, now)?;
                access::forget_silent(tx, now)?;
                Ok(changed)
            })
            .await?;
        for appointment in &changed {
            self.follow(appointment);
        }
        Ok(changed.len())
    }

    /// Notes that calls that are open now are alive: should the process die, they end here.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn heartbeat(&self) -> Result<(), Error> {
        let now = self.now();
        self.write(move |tx| {
            tx.prepare_cached("UPDATE call_logs SET heartbeat_at = ?1 WHERE ended_at IS NULL AND heartbeat_at < ?1")?
                .execute([now.0])?;
            Ok(())
        })
        .await
    }
}

/// Holds that have lapsed give their time back. Every booking begins with this.
pub(super) fn expire_holds(tx: &mut Tx<'_>, now: UnixTime) -> Result<(), Error> {
    for appointment in select(tx, LAPSED, [now.0])? {
        set_status(tx, appointment.id, Status::Expired, now)?;
        let after = Appointment::load(tx, appointment.id)?;
        Change::new(Kind::Expired, &after, Actor::System).detail(json!({ "from": "hold" })).record(tx, now)?;
    }
    Ok(())
}

/// Requests that nobody answered before their start.
fn expire_requests(tx: &mut Tx<'_>, now: UnixTime) -> Result<Vec<Appointment>, Error> {
    let mut changed = Vec::new();
    for appointment in select(tx, UNANSWERED, [now.0])? {
        set_status(tx, appointment.id, Status::Expired, now)?;
        let after = Appointment::load(tx, appointment.id)?;
        Change::new(Kind::Expired, &after, Actor::System).detail(json!({ "from": "pending" })).record(tx, now)?;
        changed.push(after);
    }
    Ok(changed)
}

/// What an appointment that is over was: it follows from who was there. Time in the lobby counts.
fn conclude(
    tx: &mut Tx<'_>,
    appointment: &Appointment,
    rules: &WindowRules,
    now: UnixTime,
) -> Result<Appointment, Error> {
    let opens = appointment.window(rules).opens;
    let customer =
        was_in(tx, appointment, SeatRole::Client, opens)? || access::has_waited(tx, appointment.id, SeatRole::Client)?;
    let expert = was_in(tx, appointment, SeatRole::Host, opens)?;
    // Both were in it at once, or it would not have begun.
    let missing = if appointment.status == Status::InProgress { None } else { NoShow::of(customer, expert) };
    let (status, kind) = match missing {
        None => (Status::Completed, Kind::Completed),
        Some(_) => (Status::NoShow, Kind::NoShow),
    };
    let completed_at = (status == Status::Completed).then_some(now.0);
    tx.prepare_cached(
        "UPDATE appointments SET status = ?2, no_show = ?3, completed_at = ?4, updated_at = ?5 WHERE id = ?1",
    )?
    .execute((appointment.id, status.as_str(), missing.map(NoShow::as_str), completed_at, now.0))?;
    let after = Appointment::load(tx, appointment.id)?;
    Change::new(kind, &after, Actor::System).detail(json!({ "noShow": missing })).record(tx, now)?;
    Ok(after)
}

pub(super) fn set_status(tx: &Tx<'_>, id: AppointmentId, status: Status, now: UnixTime) -> Result<(), Error> {
    tx.prepare_cached("UPDATE appointments SET status = ?2, updated_at = ?3 WHERE id = ?1")?.execute((
        id,
        status.as_str(),
        now.0,
    ))?;
    Ok(())
}

pub(super) fn select(tx: &Tx<'_>, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Appointment>, Error> {
    let mut query = tx.prepare_cached(sql)?;
    Ok(query.query_map(params, Appointment::from_row)?.collect::<Result<_, _>>()?)
}

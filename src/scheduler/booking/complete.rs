//! How an appointment is put down as having ended, and how that is corrected.

use serde_json::json;

use super::Standing;
use super::cancel::end_waiting;
use crate::ids::AppointmentId;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::Appointment;
use crate::scheduler::{EndReason, Error, IllegalTransition, NoShow, Scheduler, Status};
use crate::store::Actor;

/// What really came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// It took place.
    Completed,
    /// Somebody did not come.
    NoShow(NoShow),
}

impl Scheduler {
    /// The expert says that it is done; the call ends. What has not begun by its time cannot be done.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the expert and administrators, [`Error::Stale`],
    /// [`super::super::Conflict::IllegalTransition`].
    pub async fn complete(&self, actor: Actor, id: AppointmentId, expected: Option<i64>) -> Result<Appointment, Error> {
        let now = self.now();
        let after = self
            .write(move |tx| {
                let before = Standing::running(tx, actor, id, expected)?.appointment;
                let begun = before.status == Status::InProgress
                    || (before.status == Status::Approved && now >= before.starts_at);
                if !begun {
                    return Err(IllegalTransition { from: before.status, to: Status::Completed }.into());
                }
                tx.prepare_cached(
                    "UPDATE appointments SET status = ?2, completed_at = ?3, updated_at = ?3 WHERE id = ?1",
                )?
                .execute((id, before.status.to(Status::Completed)?.as_str(), now.0))?;
                end_waiting(tx, id)?;
                let after = Appointment::load(tx, id)?;
                Change::new(Kind::Completed, &after, actor).detail(json!({ "marked": true })).record(tx, now)?;
                Ok(after)
            })
            .await?;
        self.end_call(&after, EndReason::Completed);
        Ok(after)
    }

    /// Corrects what an appointment was put down as. Nobody is written to for it; the audit log has both.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the expert and administrators, [`Error::Stale`],
    /// [`super::super::Conflict::IllegalTransition`] for what is not over.
    pub async fn correct(
        &self,
        actor: Actor,
        id: AppointmentId,
        correction: Correction,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let now = self.now();
        self.write(move |tx| {
            let before = Standing::running(tx, actor, id, expected)?.appointment;
            let (next, no_show) = match correction {
                Correction::Completed => (Status::Completed, None),
                Correction::NoShow(side) => (Status::NoShow, Some(side)),
            };
            if !matches!(before.status, Status::Completed | Status::NoShow) {
                return Err(IllegalTransition { from: before.status, to: next }.into());
            }
            if (before.status, before.no_show) == (next, no_show) {
                return Ok(before);
            }
            let completed_at = no_show.is_none().then(|| before.completed_at.unwrap_or(now).0);
            tx.prepare_cached(
                "UPDATE appointments SET status = ?2, no_show = ?3, completed_at = ?4, updated_at = ?5 WHERE id = ?1",
            )?
            .execute((id, next.as_str(), no_show.map(NoShow::as_str), completed_at, now.0))?;
            let after = Appointment::load(tx, id)?;
            let detail = json!({
                "previousStatus": before.status, "previousNoShow": before.no_show, "noShow": no_show,
            });
            Change::new(Kind::Corrected, &after, actor).detail(detail).record(tx, now)?;
            Ok(after)
        })
        .await
    }
}

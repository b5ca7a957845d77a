//! What the expert decides on, and what either side proposes to the other.

use serde_json::json;

use super::place::{self, Leeway};
use super::reschedule::{is_another, shift, told_of};
use super::{Part, Standing, clients, message};
use crate::ids::AppointmentId;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, Proposal};
use crate::scheduler::services::Service;
use crate::scheduler::{Conflict, Error, IllegalTransition, Scheduler, Status, sweep};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

/// Another time for an appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The new start.
    pub starts_at: UnixTime,
    /// Words to the other side.
    pub message: String,
    /// Even where the expert's hours have no room for it; only the expert's side can say so.
    pub outside_hours: bool,
}

impl Scheduler {
    /// The expert says yes: the appointment has a room from now on.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the expert and administrators, [`Error::Stale`],
    /// [`Conflict::IllegalTransition`], [`Conflict::TooLate`] once it should have begun, [`Error::Invalid`].
    pub async fn approve(
        &self,
        actor: Actor,
        id: AppointmentId,
        words: &str,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let (words, now) = (message(words)?, self.now());
        self.write(move |tx| {
            let before = Standing::running(tx, actor, id, expected)?.appointment;
            awaits(&before, Status::Approved)?;
            if now >= before.starts_at {
                return Err(Conflict::TooLate { until: before.starts_at }.into());
            }
            settle(tx, &before, Status::Approved, &words, now)?;
            let after = Appointment::load(tx, id)?;
            Change::new(Kind::Approved, &after, actor).message(&words).record(tx, now)?;
            Ok(after)
        })
        .await
    }

    /// The expert says no.
    ///
    /// # Errors
    ///
    /// As [`Self::approve`].
    pub async fn reject(
        &self,
        actor: Actor,
        id: AppointmentId,
        words: &str,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let (words, now) = (message(words)?, self.now());
        self.write(move |tx| {
            let before = Standing::running(tx, actor, id, expected)?.appointment;
            awaits(&before, Status::Rejected)?;
            settle(tx, &before, Status::Rejected, &words, now)?;
            let after = Appointment::load(tx, id)?;
            Change::new(Kind::Rejected, &after, actor).message(&words).record(tx, now)?;
            Ok(after)
        })
        .await
    }

    /// Proposes another time to the other side, in the place of an earlier proposal. Nothing is held for it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the two sides, and for customers of a session with others
    /// in it; [`Error::Stale`]; [`Conflict::IllegalTransition`] for what is neither asked for nor approved;
    /// [`Conflict::NotOffered`] and [`Conflict::SlotTaken`] for the time; [`Error::Invalid`].
    pub async fn propose(
        &self,
        actor: Actor,
        id: AppointmentId,
        proposed: Move,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let (words, now) = (message(&proposed.message)?, self.now());
        let user = actor.user().ok_or(Error::NotFound)?;
        self.write(move |tx| {
            let standing = Standing::sided(tx, actor, id, expected)?;
            let leeway = standing.leeway(tx, proposed.outside_hours)?;
            let before = standing.appointment;
            negotiable(&before)?;
            two_sided(tx, id)?;
            is_another(&before, proposed.starts_at)?;
            sweep::expire_holds(tx, now)?;
            let service = Service::load(tx, before.service_id)?;
            place::check(tx, &service, proposed.starts_at, now, leeway, Some(&before))?;
            let ends_at = proposed.starts_at.plus(before.ends_at.since(before.starts_at));
            tx.prepare_cached(
                "UPDATE appointments SET proposed_starts_at = ?2, proposed_ends_at = ?3, proposed_by = ?4,
                   proposed_message = ?5, updated_at = ?6 WHERE id = ?1",
            )?
            .execute((id, proposed.starts_at.0, ends_at.0, user, &words, now.0))?;
            let after = Appointment::load(tx, id)?;
            let detail = json!({
                "proposedStartsAt": rfc3339(proposed.starts_at),
                "proposedEndsAt": rfc3339(ends_at),
                "outsideHours": leeway == Leeway::Anywhere,
            });
            Change::new(Kind::Proposed, &after, actor).detail(detail).message(&words).record(tx, now)?;
            Ok(after)
        })
        .await
    }

    /// The other side takes what is proposed: the appointment is moved, and approved if it was not yet, as both have
    /// agreed then.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for the side that has proposed it and where others have joined since;
    /// [`Error::Stale`], [`Conflict::NothingProposed`], [`Conflict::IllegalTransition`], [`Conflict::NotOffered`] for a
    /// time that has passed, [`Conflict::SlotTaken`], [`Conflict::CustomerOverlap`].
    pub async fn accept_proposal(
        &self,
        actor: Actor,
        id: AppointmentId,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let now = self.now();
        let (before, after) = self
            .write(move |tx| {
                let standing = Standing::sided(tx, actor, id, expected)?;
                negotiable(&standing.appointment)?;
                let proposal = standing.proposal()?;
                if standing.has_proposed(&proposal) {
                    return Err(Error::NotYours);
                }
                two_sided(tx, id)?;
                let before = standing.appointment;
                sweep::expire_holds(tx, now)?;
                let service = Service::load(tx, before.service_id)?;
                // Both sides want it so; what the hours and the notice say was asked when it was proposed.
                place::check(tx, &service, proposal.starts_at, now, Leeway::Anywhere, Some(&before))?;
                shift(tx, &before, proposal.starts_at, Status::Approved, now)?;
                let after = Appointment::load(tx, id)?;
                let kind = if before.status == Status::Pending { Kind::Approved } else { Kind::Rescheduled };
                let mut detail = told_of(&before);
                detail["proposed"] = json!(true);
                Change::new(kind, &after, actor).detail(detail).record(tx, now)?;
                Ok((before, after))
            })
            .await?;
        self.has_moved(&before, &after, now);
        Ok(after)
    }

    /// The other side does not take what is proposed, or the side that has proposed it takes it back. The appointment
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`], [`Error::Stale`], [`Conflict::NothingProposed`], [`Error::Invalid`].
    pub async fn decline_proposal(
        &self,
        actor: Actor,
        id: AppointmentId,
        words: &str,
        expected: Option<i64>,
    ) -> Result<Appointment, Error> {
        let (words, now) = (message(words)?, self.now());
        self.write(move |tx| {
            let standing = Standing::sided(tx, actor, id, expected)?;
            let proposal = standing.proposal()?;
            let withdrawn = standing.has_proposed(&proposal);
            tx.prepare_cached(
                "UPDATE appointments SET proposed_starts_at = NULL, proposed_ends_at = NULL, proposed_by = NULL,
                   proposed_message = NULL, updated_at = ?2 WHERE id = ?1",
            )?
            .execute((id, now.0))?;
            let after = Appointment::load(tx, id)?;
            let detail = json!({ "proposedStartsAt": rfc3339(proposal.starts_at), "withdrawn": withdrawn });
            Change::new(Kind::ProposalDeclined, &after, actor).detail(detail).message(&words).record(tx, now)?;
            Ok(after)
        })
        .await
    }
}

impl Standing {
    /// How free this side is in choosing a time.
    pub(super) fn leeway(&self, tx: &Tx<'_>, outside_hours: bool) -> Result<Leeway, Error> {
        if self.runs() {
            return Ok(Leeway::of_expert(outside_hours));
        }
        two_sided(tx, self.appointment.id)?;
        Ok(Leeway::Offered)
    }

    fn proposal(&self) -> Result<Proposal, Error> {
        self.appointment.proposal.clone().ok_or_else(|| Conflict::NothingProposed.into())
    }

    /// Whether it was this side that made a proposal: the customer, or the expert and administrators.
    pub(super) fn has_proposed(&self, proposal: &Proposal) -> bool {
        match &self.part {
            Part::Customer(seat) => seat.user_id == Some(proposal.by),
            // With one customer, who is not that customer is the expert's side.
            _ => proposal.by != self.appointment.customer_id,
        }
    }
}

/// What moves others is not one customer's to choose: with several there is no side that could answer for all of them.
fn two_sided(tx: &Tx<'_>, id: AppointmentId) -> Result<(), Error> {
    if clients(tx, id)?.len() > 1 { Err(Error::NotYours) } else { Ok(()) }
}

/// It waits for the expert's answer.
fn awaits(appointment: &Appointment, next: Status) -> Result<(), Error> {
    if appointment.status == Status::Pending {
        return Ok(());
    }
    Err(IllegalTransition { from: appointment.status, to: next }.into())
}

/// Another time can be talked about.
fn negotiable(appointment: &Appointment) -> Result<(), Error> {
    match appointment.status {
        Status::Pending | Status::Approved => Ok(()),
        from => Err(IllegalTransition { from, to: Status::Approved }.into()),
    }
}

/// Writes a decision; what was proposed is settled with it.
fn settle(tx: &Tx<'_>, before: &Appointment, next: Status, words: &str, now: UnixTime) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE appointments SET status = ?2, decision_message = ?3, proposed_starts_at = NULL, proposed_ends_at = NULL,
           proposed_by = NULL, proposed_message = NULL, updated_at = ?4 WHERE id = ?1",
    )?
    .execute((before.id, before.status.to(next)?.as_str(), words, now.0))?;
    Ok(())
}

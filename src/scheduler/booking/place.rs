//! Whether a start can be booked, as the transaction sees it that books it.

use std::time::Duration;

use crate::scheduler::offers::Ground;
use crate::scheduler::records::Appointment;
use crate::scheduler::services::Service;
use crate::scheduler::{Conflict, Error, Interval, MAX_HORIZON, Reason, Slot, why};
use crate::store::Tx;
use crate::units::UnixTime;

/// How free somebody is in choosing a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leeway {
    /// What is offered, as customers are.
    Offered,
    /// Any time in the expert's hours, without notice, horizon and grid: the expert, and administrators.
    InHours,
    /// Any time to come that is free: the expert, who says so explicitly.
    Anywhere,
}

impl Leeway {
    /// What experts and administrators have.
    pub(super) const fn of_expert(outside_hours: bool) -> Self {
        if outside_hours { Self::Anywhere } else { Self::InHours }
    }

    /// Whether a reason stands against a start even so.
    const fn minds(self, reason: &Reason) -> bool {
        match reason {
            Reason::BelowNotice { .. } | Reason::BeyondHorizon { .. } | Reason::OffGrid { .. } => {
                matches!(self, Self::Offered)
            }
            Reason::OutsideAvailability { .. } | Reason::Closed { .. } => !matches!(self, Self::Anywhere),
            _ => true,
        }
    }
}

/// The slot at a start, or why it cannot be had. `moving` does not stand in its own way.
pub(super) fn check(
    tx: &Tx<'_>,
    service: &Service,
    starts_at: UnixTime,
    now: UnixTime,
    leeway: Leeway,
    moving: Option<&Appointment>,
) -> Result<Slot, Error> {
    let near = Interval::new(starts_at, starts_at.plus(Duration::from_millis(1)));
    let ground = Ground::load(tx, service, near, now, moving)?;
    if let Some(slot) = ground.offer().slot_at(starts_at, now) {
        return Ok(slot);
    }
    let ground = ground.under(why::hours_around(tx, service, starts_at)?);
    let mut reasons = ground.offer().explain(starts_at, now);
    reasons.retain(|reason| leeway.minds(reason));
    if leeway != Leeway::Offered && starts_at > now.plus(MAX_HORIZON) {
        reasons.push(Reason::BeyondHorizon { latest: now.plus(MAX_HORIZON) });
    }
    refuse(reasons)?;
    // Whoever may book besides what is offered joins a session all the same where there is one.
    let shared = ground.session_at(starts_at);
    let ends_at = ground.rules.consultation(starts_at).to;
    Ok(shared.unwrap_or(Slot { starts_at, ends_at, seats_left: ground.rules.capacity, shared: false }))
}

/// Reasons as the refusal that they amount to.
fn refuse(reasons: Vec<Reason>) -> Result<(), Error> {
    let all = |is: fn(&Reason) -> bool| reasons.iter().all(is);
    if reasons.is_empty() {
        return Ok(());
    }
    Err(if all(|reason| matches!(reason, Reason::Taken { .. } | Reason::Buffer { .. })) {
        Conflict::SlotTaken.into()
    } else if all(|reason| matches!(reason, Reason::SessionFull)) {
        Conflict::SessionFull.into()
    } else {
        Conflict::NotOffered(reasons.into_iter().map(Reason::without_note).collect()).into()
    })
}

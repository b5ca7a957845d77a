//! What the caller can do with an appointment now. Commands look again when they are given; this is for screens.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Part, Standing};
use crate::scheduler::{Error, Status, WindowRules};
use crate::units::UnixTime;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ask for what is held.
    Request,
    /// Say yes.
    Approve,
    /// Say no.
    Reject,
    /// Propose another time.
    Propose,
    /// Take the time that the other side proposes.
    AcceptProposal,
    /// Do not take it, or take it back.
    DeclineProposal,
    /// Move it.
    Reschedule,
    /// Call it off, give a hold back, or give up the own seat in a session.
    Cancel,
    /// Say that it is done.
    Complete,
    /// Correct what it was put down as.
    Correct,
    /// Open the room before its time.
    OpenEarly,
    /// Keep the room open longer.
    Extend,
    /// Have the room open and close otherwise than the service says.
    ChangeWindow,
    /// Come into the room, by way of the lobby perhaps.
    Join,
    /// Give, change and take seats.
    ChangeSeats,
}

/// What a service wants of its customers.
struct Terms {
    cancel_notice: Duration,
    reschedule_notice: Duration,
}

impl Terms {
    fn of(connection: &Connection, standing: &Standing) -> Result<Self, Error> {
        let sql = "SELECT cancel_notice_min, reschedule_notice_min FROM my_terms WHERE appointment_id = ?1";
        let minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
        let mut query = connection.prepare_cached(sql)?;
        let row = query.query_row([standing.appointment.id], |row| {
            Ok(Self { cancel_notice: minutes(row.get(0)?), reschedule_notice: minutes(row.get(1)?) })
        });
        row.optional()?.ok_or(Error::NotFound)
    }
}

/// What somebody can do at that moment with an appointment in which so many customers have a seat.
pub(in crate::scheduler) fn actions(
    connection: &Connection,
    standing: &Standing,
    customers: usize,
    rules: &WindowRules,
    now: UnixTime,
) -> Result<Vec<Action>, Error> {
    let it = &standing.appointment;
    let window = it.window(rules);
    let live = matches!(it.status, Status::Approved | Status::InProgress);
    let mut can = Vec::new();
    let mut add = |action: Action, when: bool| {
        if when {
            can.push(action);
        }
    };
    let negotiable = matches!(it.status, Status::Pending | Status::Approved) && customers <= 1;
    let proposed = it.proposal.as_ref().map(|proposal| standing.has_proposed(proposal));
    match &standing.part {
        Part::Expert | Part::Admin => {
            add(Action::Approve, it.status == Status::Pending && now < it.starts_at);
            add(Action::Reject, it.status == Status::Pending);
            add(Action::Reschedule, matches!(it.status, Status::Pending | Status::Approved | Status::InProgress));
            add(Action::Cancel, it.status.is_active());
            add(
                Action::Complete,
                it.status == Status::InProgress || (it.status == Status::Approved && now >= it.starts_at),
            );
            add(Action::Correct, matches!(it.status, Status::Completed | Status::NoShow));
            add(Action::OpenEarly, live && now < window.opens);
            add(Action::Extend, live && rules.with(&it.overrides).extend(&window, it.extended, now).is_ok());
            let to_come = it.status == Status::Pending || live;
            add(Action::ChangeWindow, to_come && now < window.closes);
            add(Action::ChangeSeats, it.status.is_active());
            add(Action::Join, standing.part == Part::Expert && live && window.holds(now));
        }
        Part::Customer(_) => {
            let terms = Terms::of(connection, standing)?;
            add(Action::Request, it.status == Status::Hold && it.hold_expires_at.is_some_and(|end| now < end));
            let in_time = now <= it.starts_at.minus(terms.reschedule_notice);
            add(Action::Reschedule, negotiable && in_time);
            let in_time = it.status == Status::Pending || now <= it.starts_at.minus(terms.cancel_notice);
            add(Action::Cancel, it.status == Status::Hold || (it.status.is_active() && in_time));
            add(Action::Join, live && window.holds(now));
        }
        Part::Attendee(_) => add(Action::Join, live && window.holds(now)),
        Part::Past => {}
    }
    if standing.runs() || matches!(standing.part, Part::Customer(_)) {
        add(Action::Propose, negotiable);
        add(Action::AcceptProposal, negotiable && proposed == Some(false));
        add(Action::DeclineProposal, proposed.is_some());
    }
    Ok(can)
}

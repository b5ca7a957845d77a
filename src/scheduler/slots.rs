//! Which starts are offered for booking.
//!
//! A slot is offered when its start is on the grid of the expert's hours, the whole consultation lies in them, and
//! the consultation with its buffers meets nothing that is booked. Buffers may stick out of the hours. Sessions with
//! seats left are offered as they stand.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::availability::Schedule;
use super::expand::{Expansion, Piece};
use super::interval::{Interval, Intervals};
use super::zone::{Instants, Zone};
use crate::units::{UnixTime, rfc3339};

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// The shortest consultation, and the finest grid.
pub const MIN_DURATION: Duration = minutes(5);
/// The longest consultation.
pub const MAX_DURATION: Duration = minutes(12 * 60);
/// The longest buffer; a consultation and both buffers stay within a day.
pub const MAX_BUFFER: Duration = minutes(4 * 60);
/// The coarsest grid.
pub const MAX_STEP: Duration = minutes(12 * 60);
/// The longest notice: a leap year.
pub const MAX_NOTICE: Duration = minutes(366 * 24 * 60);
/// How far ahead can be booked, at most.
pub const MAX_HORIZON: Duration = minutes(730 * 24 * 60);
/// The most people in one session.
pub const MAX_CAPACITY: u32 = 100;

/// What a service asks of its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRules {
    /// How long a consultation takes.
    pub duration: Duration,
    /// Time that is kept free before it.
    pub buffer_before: Duration,
    /// Time that is kept free after it.
    pub buffer_after: Duration,
    /// From one start to the next, as the expert's clocks show it.
    pub step: Duration,
    /// How long before the start a booking must be made.
    pub min_notice: Duration,
    /// How long before the start a booking can be made.
    pub horizon: Duration,
    /// How many customers a session has room for.
    pub capacity: u32,
}

impl Default for ServiceRules {
    fn default() -> Self {
        Self {
            duration: minutes(30),
            buffer_before: Duration::ZERO,
            buffer_after: Duration::ZERO,
            step: minutes(30),
            min_notice: minutes(60),
            horizon: minutes(60 * 24 * 60),
            capacity: 1,
        }
    }
}

/// Rules that no service can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceRulesError {
    /// See [`MIN_DURATION`] and [`MAX_DURATION`].
    #[error("a consultation takes 5 minutes to 12 hours, in whole minutes")]
    Duration,
    /// See [`MAX_BUFFER`].
    #[error("a buffer is at most 4 hours, in whole minutes")]
    Buffer,
    /// See [`MIN_DURATION`] and [`MAX_STEP`].
    #[error("starts are 5 minutes to 12 hours apart, in whole minutes")]
    Step,
    /// See [`MAX_NOTICE`].
    #[error("notice is at most a year, and less than the horizon")]
    Notice,
    /// See [`MAX_HORIZON`].
    #[error("bookings can be made up to two years ahead")]
    Horizon,
    /// See [`MAX_CAPACITY`].
    #[error("a session has room for 1 to {MAX_CAPACITY} customers")]
    Capacity,
}

impl ServiceRules {
    /// Refuses what cannot be worked with.
    pub fn check(&self) -> Result<(), ServiceRulesError> {
        let whole = |time: Duration| time.subsec_nanos() == 0 && time.as_secs().is_multiple_of(60);
        let refuse = |bad: bool, error: ServiceRulesError| if bad { Err(error) } else { Ok(()) };
        let duration = (MIN_DURATION..=MAX_DURATION).contains(&self.duration) && whole(self.duration);
        let buffer = |time: Duration| time <= MAX_BUFFER && whole(time);
        let step = (MIN_DURATION..=MAX_STEP).contains(&self.step) && whole(self.step);
        refuse(!duration, ServiceRulesError::Duration)?;
        refuse(!buffer(self.buffer_before) || !buffer(self.buffer_after), ServiceRulesError::Buffer)?;
        refuse(!step, ServiceRulesError::Step)?;
        refuse(self.horizon > MAX_HORIZON, ServiceRulesError::Horizon)?;
        refuse(self.min_notice > MAX_NOTICE || self.min_notice >= self.horizon, ServiceRulesError::Notice)?;
        refuse(!(1..=MAX_CAPACITY).contains(&self.capacity), ServiceRulesError::Capacity)
    }

    /// The consultation that starts then.
    pub fn consultation(&self, starts_at: UnixTime) -> Interval {
        Interval::new(starts_at, starts_at.plus(self.duration))
    }

    /// What it takes up of the expert's time: itself and its buffers.
    pub fn block(&self, starts_at: UnixTime) -> Interval {
        let consultation = self.consultation(starts_at);
        Interval::new(consultation.from.minus(self.buffer_before), consultation.to.plus(self.buffer_after))
    }

    /// The starts that can be booked at that moment as far as notice and horizon go.
    pub fn bookable(&self, now: UnixTime) -> Interval {
        // The horizon's last moment is in it.
        Interval::new(now.plus(self.min_notice), now.plus(self.horizon).plus(Duration::from_millis(1)))
    }

    /// In milliseconds, and within bounds even where nobody has checked: a walk along the grid must end.
    pub(super) fn step_millis(&self) -> i64 {
        self.step.clamp(minutes(1), MAX_STEP).as_millis() as i64
    }
}

/// A session of the same service that others have booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// When it starts.
    pub starts_at: UnixTime,
    /// When it ends.
    pub ends_at: UnixTime,
    /// How many more it has room for.
    pub seats_left: u32,
}

/// A time that can be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// When the consultation starts.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: UnixTime,
    /// When it ends.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: UnixTime,
    /// How many can still book it.
    pub seats_left: u32,
    /// Others have booked it already.
    pub shared: bool,
}

/// A slot's start as the clocks of a zone show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotLocal {
    /// The date there.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// Hours and minutes, of 24 hours.
    #[schema(example = "09:00")]
    pub time: String,
    /// How far those clocks are ahead of UTC.
    #[schema(example = "+02:00")]
    pub offset: String,
    /// The clocks show this time twice on that date: a label needs the offset.
    pub ambiguous: bool,
}

impl Slot {
    /// How it reads in a customer's zone.
    pub fn local(&self, zone: &Zone) -> SlotLocal {
        let civil = zone.civil(self.starts_at);
        let seconds = zone.offset(self.starts_at).seconds();
        let (sign, ahead) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        SlotLocal {
            date: civil.date(),
            time: format!("{:02}:{:02}", civil.hour(), civil.minute()),
            offset: format!("{sign}{:02}:{:02}", ahead / 60, ahead % 60),
            ambiguous: matches!(zone.instants(civil), Instants::Twice(..)),
        }
    }
}

/// All that decides what is offered of one service of one expert.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The expert's hours.
    pub schedule: &'a Schedule,
    /// What the service asks for.
    pub rules: &'a ServiceRules,
    /// What is taken of the expert's time, each with its own buffers; what lies outside the range asked for does not
    /// matter. Sessions in `shared` are in here too.
    pub busy: &'a Intervals,
    /// Sessions of this service that could be joined, full ones too.
    pub shared: &'a [Shared],
}

impl Offer<'_> {
    /// The slots that start in `range`, each later than the one before. Ranges that join up give the slots of the
    /// whole.
    pub fn slots(&self, range: Interval, now: UnixTime) -> Vec<Slot> {
        let starts = range.clip(self.rules.bookable(now));
        if starts.is_empty() {
            return Vec::new();
        }
        let sessions: Vec<_> = self.shared.iter().filter(|session| starts.has(session.starts_at)).collect();
        // What starts at the range's end still needs hours behind it.
        let ends = sessions.iter().map(|session| session.ends_at);
        let last = ends.fold(starts.to.plus(self.rules.duration), UnixTime::max);
        let expansion = self.schedule.expand(Interval::new(starts.from, last));
        let fresh = self.fresh(starts, &expansion);
        with_sessions(fresh, sessions, &expansion.closed)
    }

    /// The slot that starts then, if it is offered.
    pub fn slot_at(&self, starts_at: UnixTime, now: UnixTime) -> Option<Slot> {
        let moment = Interval::new(starts_at, starts_at.plus(Duration::from_millis(1)));
        self.slots(moment, now).first().copied()
    }

    /// Slots that nobody has booked.
    fn fresh(&self, starts: Interval, expansion: &Expansion) -> Vec<Slot> {
        let mut slots = Vec::new();
        let mut open = expansion.open.as_slice().iter().peekable();
        let mut busy = self.busy.after(self.rules.block(starts.from).from).iter().peekable();
        for starts_at in grid(&expansion.pieces, starts, self.rules.step_millis()) {
            let (consultation, block) = (self.rules.consultation(starts_at), self.rules.block(starts_at));
            while open.next_if(|hours| hours.to <= starts_at).is_some() {}
            if !open.peek().is_some_and(|hours| hours.contains(consultation)) {
                continue;
            }
            while busy.next_if(|taken| taken.to <= block.from).is_some() {}
            if busy.peek().is_some_and(|taken| taken.meets(block)) {
                continue;
            }
            slots.push(Slot { starts_at, ends_at: consultation.to, seats_left: self.rules.capacity, shared: false });
        }
        slots
    }
}

/// The slots together with sessions that can be joined. A session stands for its start: there is no other slot.
fn with_sessions(mut slots: Vec<Slot>, mut sessions: Vec<&Shared>, closed: &Intervals) -> Vec<Slot> {
    if sessions.is_empty() {
        return slots;
    }
    // Of two at once, the one with more room.
    sessions.sort_by_key(|session| (session.starts_at, Reverse(session.seats_left)));
    sessions.dedup_by_key(|session| session.starts_at);
    slots.retain(|slot| sessions.binary_search_by_key(&slot.starts_at, |session| session.starts_at).is_err());
    slots.extend(sessions.into_iter().filter(|session| session.can_be_joined(closed)).map(Slot::from));
    slots.sort_by_key(|slot| slot.starts_at);
    slots
}

impl Shared {
    /// It has room, and nothing is closed that was open when it was booked first.
    pub(super) fn can_be_joined(&self, closed: &Intervals) -> bool {
        self.seats_left > 0 && closed.meeting(self.span()).next().is_none()
    }

    pub(super) fn span(&self) -> Interval {
        Interval::new(self.starts_at, self.ends_at)
    }
}

impl From<&Shared> for Slot {
    fn from(session: &Shared) -> Self {
        Slot { starts_at: session.starts_at, ends_at: session.ends_at, seats_left: session.seats_left, shared: true }
    }
}

/// The starts in `range` that the pieces' grids have, in order and each once.
pub(super) fn grid(pieces: &[Piece], range: Interval, step: i64) -> Vec<UnixTime> {
    let mut starts = Vec::new();
    for piece in pieces {
        let span = piece.span.clip(range);
        // Hours never begin before their anchor, so this is not negative.
        let since = span.from.0 - piece.anchor;
        let mut start = piece.anchor + (since + step - 1) / step * step;
        while start < span.to.0 {
            starts.push(UnixTime(start));
            start += step;
        }
    }
    // Pieces of different zones may interleave; otherwise this is one pass.
    starts.sort();
    starts.dedup();
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_within_bounds_pass_and_others_are_named() {
        let fine = ServiceRules::default();
        assert_eq!(fine.check(), Ok(()));
        let seconds = Duration::from_secs;
        type Change = fn(&mut ServiceRules);
        let cases: [(Change, ServiceRulesError); 14] = [
            (|r| r.duration = Duration::ZERO, ServiceRulesError::Duration),
            (|r| r.duration = minutes(4), ServiceRulesError::Duration),
            (|r| r.duration = minutes(721), ServiceRulesError::Duration),
            (|r| r.duration = Duration::from_secs(601), ServiceRulesError::Duration),
            (|r| r.duration = Duration::from_millis(600_001), ServiceRulesError::Duration),
            (|r| r.buffer_before = minutes(241), ServiceRulesError::Buffer),
            (|r| r.buffer_after = Duration::from_secs(1), ServiceRulesError::Buffer),
            (|r| r.step = Duration::ZERO, ServiceRulesError::Step),
            (|r| r.step = Duration::MAX, ServiceRulesError::Step),
            (|r| r.horizon = Duration::MAX, ServiceRulesError::Horizon),
            (|r| r.min_notice = Duration::MAX, ServiceRulesError::Notice),
            (|r| r.min_notice = r.horizon, ServiceRulesError::Notice),
            (|r| r.capacity = 0, ServiceRulesError::Capacity),
            (|r| r.capacity = MAX_CAPACITY + 1, ServiceRulesError::Capacity),
        ];
        for (change, error) in cases {
            let mut rules = fine.clone();
            change(&mut rules);
            assert_eq!(rules.check(), Err(error), "{rules:?}");
        }
        let widest = ServiceRules {
            duration: MAX_DURATION,
            buffer_before: MAX_BUFFER,
            buffer_after: MAX_BUFFER,
            min_notice: seconds(0),
            ..fine
        };
        assert_eq!(widest.check(), Ok(()));
        let block = widest.block(UnixTime(0));
        assert!(block.to.since(block.from) <= minutes(24 * 60));
    }

    #[test]
    fn a_slot_reads_as_the_customers_clocks_show_it() {
        let slot = |text: &str| {
            let starts_at = rfc3339::parse(text).unwrap();
            Slot { starts_at, ends_at: starts_at.plus(minutes(30)), seats_left: 1, shared: false }
        };
        let local = |text: &str, zone: &str| slot(text).local(&Zone::named(zone).unwrap());
        let read = |text: &str, zone: &str| {
            let SlotLocal { date, time, offset, ambiguous } = local(text, zone);
            (format!("{date} {time} {offset}"), ambiguous)
        };
        assert_eq!(read("2026-07-01T07:00:00Z", "Europe/Rome"), ("2026-07-01 09:00 +02:00".into(), false));
        assert_eq!(read("2026-07-01T03:15:00Z", "Asia/Kathmandu"), ("2026-07-01 09:00 +05:45".into(), false));
        assert_eq!(read("2026-07-01T02:00:00Z", "America/St_Johns"), ("2026-06-30 23:30 -02:30".into(), false));
        assert_eq!(read("2026-11-01T05:30:00Z", "America/New_York"), ("2026-11-01 01:30 -04:00".into(), true));
        assert_eq!(read("2026-11-01T06:30:00Z", "America/New_York"), ("2026-11-01 01:30 -05:00".into(), true));
        assert_eq!(read("2026-11-01T07:00:00Z", "America/New_York"), ("2026-11-01 02:00 -05:00".into(), false));
        assert_eq!(
            serde_json::to_string(&local("2026-07-01T07:00:00Z", "Europe/Rome")).unwrap(),
            r#"{"date":"2026-07-01","time":"09:00","offset":"+02:00","ambiguous":false}"#
        );
        assert_eq!(
            serde_json::to_string(&slot("2026-07-01T07:00:00Z")).unwrap(),
            r#"{"startsAt":"2026-07-01T07:00:00Z","endsAt":"2026-07-01T07:30:00Z","seatsLeft":1,"shared":false}"#
        );
    }
}

//! Why a start is not offered: every reason, not only the first.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use serde::Serialize;
use utoipa::ToSchema;

use super::interval::Interval;
use super::slots::{Offer, grid};
use super::zone::{DAY, Instants, Zone};
use crate::units::{UnixTime, rfc3339};

/// How far around a start its expert's hours are looked for, each way.
const AROUND_HOURS: Duration = Duration::from_millis(62 * DAY as u64);
/// How far around a start the grid's next ones are looked for, each way.
const AROUND_GRID: Duration = Duration::from_millis(2 * DAY as u64);

/// One thing that stands against a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "code", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Reason {
    /// It is over.
    Past,
    /// Bookings must be made earlier.
    BelowNotice {
        /// The first start that notice leaves.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        earliest: UnixTime,
    },
    /// It cannot be booked yet.
    BeyondHorizon {
        /// The last start that can be booked now.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        latest: UnixTime,
    },
    /// The consultation does not lie in the expert's hours.
    OutsideAvailability {
        /// The nearest hours that have room for it; none within two months.
        nearest: Option<Interval>,
    },
    /// The expert has closed that date, or a part of it that the consultation would need.
    Closed {
        /// The date in the expert's zone.
        #[schema(value_type = String, format = Date)]
        date: Date,
        /// What is closed of it.
        span: Interval,
        /// The expert's note; for others see [`Reason::without_note`].
        note: Option<String>,
    },
    /// The clocks jump over that time: it is in nobody's day.
    DoesNotExist {
        /// The zone whose clocks do.
        zone: String,
        /// When.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        at: UnixTime,
        /// What they would show then.
        #[schema(value_type = String)]
        from: DateTime,
        /// What they show instead.
        #[schema(value_type = String)]
        to: DateTime,
    },
    /// In the expert's hours, but consultations start at other times.
    OffGrid {
        /// The nearest start before.
        #[serde(with = "rfc3339::option")]
        #[schema(value_type = Option<String>, format = DateTime)]
        before: Option<UnixTime>,
        /// The nearest start after.
        #[serde(with = "rfc3339::option")]
        #[schema(value_type = Option<String>, format = DateTime)]
        after: Option<UnixTime>,
    },
    /// The expert has something else then. Nobody is named.
    Taken {
        /// When, with its buffers.
        span: Interval,
    },
    /// The expert has something else so shortly before or after that buffers would meet it.
    Buffer {
        /// When, with its buffers.
        span: Interval,
    },
    /// The session that starts then has no seat left.
    SessionFull,
}

impl Reason {
    /// What others than the expert may read of it.
    #[must_use]
    pub fn without_note(self) -> Reason {
        match self {
            Reason::Closed { date, span, .. } => Reason::Closed { date, span, note: None },
            other => other,
        }
    }
}

/// What there is to say about a time that somebody read off a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The start that is meant; none where the clocks jump over it.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<UnixTime>,
    /// What stands against it; nothing if it is offered.
    pub reasons: Vec<Reason>,
}

impl Offer<'_> {
    /// Everything that stands against a start; nothing exactly if [`Offer::slots`] has it.
    pub fn explain(&self, starts_at: UnixTime, now: UnixTime) -> Vec<Reason> {
        let mut reasons = Vec::new();
        self.explain_time(starts_at, now, &mut reasons);
        let here = self.shared.iter().filter(|session| session.starts_at == starts_at);
        // Of two at once, the one with more room is the one that is offered.
        if let Some(session) = here.max_by_key(|session| session.seats_left) {
            // A session stands whatever the hours are now; only what has been closed since stops it.
            self.explain_closed(session.span(), &mut reasons);
            if session.seats_left == 0 {
                reasons.push(Reason::SessionFull);
            }
            return reasons;
        }
        self.explain_closed(self.rules.consultation(starts_at), &mut reasons);
        self.explain_hours(starts_at, &mut reasons);
        self.explain_busy(starts_at, &mut reasons);
        reasons
    }

    /// As [`Offer::explain`] for a time on the clocks of a zone: twice where they show it twice.
    pub fn explain_local(&self, civil: DateTime, zone: &Zone, now: UnixTime) -> Vec<Explanation> {
        let explained = |starts_at| Explanation { starts_at: Some(starts_at), reasons: self.explain(starts_at, now) };
        match zone.instants(civil) {
            Instants::Once(starts_at) => vec![explained(starts_at)],
            Instants::Twice(first, second) => vec![explained(first), explained(second)],
            Instants::Never { at, from, to } => {
                let zone = zone.name().to_owned();
                vec![Explanation { starts_at: None, reasons: vec![Reason::DoesNotExist { zone, at, from, to }] }]
            }
            Instants::Beyond => vec![explained(UnixTime(if civil.year() < 0 { i64::MIN } else { i64::MAX }))],
        }
    }

    fn explain_time(&self, starts_at: UnixTime, now: UnixTime, reasons: &mut Vec<Reason>) {
        let bookable = self.rules.bookable(now);
        if starts_at < now {
            reasons.push(Reason::Past);
        }
        if starts_at < bookable.from {
            reasons.push(Reason::BelowNotice { earliest: bookable.from });
        }
        if starts_at >= bookable.to {
            reasons.push(Reason::BeyondHorizon { latest: bookable.to.minus(Duration::from_millis(1)) });
        }
    }

    fn explain_closed(&self, span: Interval, reasons: &mut Vec<Reason>) {
        for (closed, span) in self.schedule.closings(span) {
            reasons.push(Reason::Closed { date: closed.date, span, note: closed.note.clone() });
        }
    }

    fn explain_hours(&self, starts_at: UnixTime, reasons: &mut Vec<Reason>) {
        let consultation = self.rules.consultation(starts_at);
        let around = |time: Duration| Interval::new(consultation.from.minus(time), consultation.to.plus(time));
        let expansion = self.schedule.expand(around(AROUND_GRID));
        if !expansion.open.contain(consultation) {
            let wide = self.schedule.open(around(AROUND_HOURS));
            let roomy = wide.as_slice().iter().filter(|hours| hours.to.since(hours.from) >= self.rules.duration);
            let nearest = roomy.min_by_key(|hours| distance(hours, consultation)).copied();
            reasons.push(Reason::OutsideAvailability { nearest });
        }
        if !expansion.pieces.iter().any(|piece| piece.span.has(starts_at)) {
            return;
        }
        let mut starts = grid(&expansion.pieces, around(AROUND_GRID), self.rules.step_millis());
        if starts.binary_search(&starts_at).is_err() {
            starts.retain(|start| expansion.open.contain(self.rules.consultation(*start)));
            let next = starts.partition_point(|start| *start < starts_at);
            let before = next.checked_sub(1).map(|last| starts[last]);
            reasons.push(Reason::OffGrid { before, after: starts.get(next).copied() });
        }
    }

    fn explain_busy(&self, starts_at: UnixTime, reasons: &mut Vec<Reason>) {
        let consultation = self.rules.consultation(starts_at);
        for span in self.busy.meeting(self.rules.block(starts_at)) {
            let taken = span.meets(consultation);
            reasons.push(if taken { Reason::Taken { span } } else { Reason::Buffer { span } });
        }
    }
}

/// How far hours are from a consultation; those that share some of it are near, the more so the more of it they hold.
fn distance(hours: &Interval, consultation: Interval) -> Duration {
    let early = hours.from.since(consultation.from);
    let late = consultation.to.since(hours.to);
    // By how much the consultation would have to move to lie in them.
    early.max(late)
}

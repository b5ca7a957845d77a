//! From hours on the clock to instants.
//!
//! A zone's clocks are cut into stretches in which they do not change; hours are then laid over each stretch. What no
//! stretch shows (a gap, a skipped date) falls out by itself, and what two of them show comes out twice.

use super::availability::{DateHours, DayHours, Schedule, ZoneHours};
use super::interval::{Interval, Intervals};
use super::zone::{DAY, MINUTE, Stretch};
use crate::units::{UnixTime, rfc3339};

/// More is never looked at in one go: two years of horizon, and what a consultation needs beyond.
const MAX_RANGE: i64 = 740 * DAY;

/// A schedule over a range of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Expansion {
    /// Hours of each date, in order; those of different zones may overlap.
    pub(super) pieces: Vec<Piece>,
    /// All of it as one.
    pub(super) open: Intervals,
    /// What exceptions close.
    pub(super) closed: Intervals,
}

/// Hours of one date, as far as the clocks do not change in them and nothing is cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub(super) span: Interval,
    /// When the hours begin by the clocks of this piece, from where the grid of starts counts. This need not be in
    /// the piece: the clocks may have changed in between.
    pub(super) anchor: i64,
}

impl Schedule {
    /// When the expert can be booked, within `range`, of which at most two years are looked at.
    pub fn open(&self, range: Interval) -> Intervals {
        self.expand(range).open
    }

    /// As [`Schedule::open`], with what the grid of slots needs.
    pub(super) fn expand(&self, range: Interval) -> Expansion {
        let range = bounded(range);
        let (mut pieces, mut closed) = (Vec::new(), Vec::new());
        for hours in &self.zones {
            for stretch in hours.zone.stretches(range) {
                hours.lay_open(&stretch, &mut pieces);
                hours.lay_closed(&stretch, &mut closed);
            }
        }
        let closed = Intervals::union(closed);
        let mut pieces = cut(pieces, &closed);
        pieces.sort();
        let open = Intervals::union(pieces.iter().map(|piece| piece.span).collect());
        Expansion { pieces, open, closed }
    }

    /// Closings that take something from `span`, each with all that it closes.
    pub(super) fn closings(&self, span: Interval) -> Vec<(&DateHours, Interval)> {
        let mut found = Vec::new();
        // A closing is a day at most, or two days and a bit where the calendar stutters.
        let around =
            Interval::new(UnixTime(span.from.0.saturating_sub(3 * DAY)), UnixTime(span.to.0.saturating_add(3 * DAY)));
        for hours in &self.zones {
            let stretches = hours.zone.stretches(bounded(around));
            for closed in &hours.closed {
                let parts = stretches.iter().map(|stretch| closed.laid_over(stretch)).collect();
                // Where the clocks go back, one closing may be apart in two.
                let parts = Intervals::union(parts);
                found.extend(parts.meeting(span).map(|part| (closed, part)));
            }
        }
        found
    }
}

impl ZoneHours {
    /// The week's hours and openings, day by day.
    fn lay_open(&self, stretch: &Stretch, pieces: &mut Vec<Piece>) {
        let mut opened = on_days(&self.opened, stretch);
        if opened.is_empty() && self.weekly.iter().all(Vec::is_empty) {
            return;
        }
        let mut hours = Vec::new();
        for day in stretch.days() {
            // The first of January 1970 was a Thursday.
            let weekday = (day + 3).rem_euclid(7) as usize;
            let valid = |rule: &&DayHours| rule.first_day <= day && day <= rule.last_day;
            hours.clear();
            hours.extend(self.weekly[weekday].iter().filter(valid).map(|rule| (rule.from_min, rule.to_min)));
            let (today, later) = opened.split_at(opened.partition_point(|opening| opening.day <= day));
            if !today.is_empty() {
                hours.extend(today.iter().map(|opening| (opening.from_min, opening.to_min)));
                hours.sort_unstable();
            }
            opened = later;
            lay_day(stretch, day, &hours, pieces);
        }
    }

    fn lay_closed(&self, stretch: &Stretch, spans: &mut Vec<Interval>) {
        spans.extend(on_days(&self.closed, stretch).iter().map(|closed| closed.laid_over(stretch)));
    }
}

impl DateHours {
    fn laid_over(&self, stretch: &Stretch) -> Interval {
        let midnight = self.day * DAY;
        stretch.showing(midnight + i64::from(self.from_min) * MINUTE, midnight + i64::from(self.to_min) * MINUTE)
    }
}

/// Lays a day's hours, given in the order of their beginnings. What overlaps or touches is one, and counts its grid
/// from its beginning.
fn lay_day(stretch: &Stretch, day: i64, hours: &[(u16, u16)], pieces: &mut Vec<Piece>) {
    let mut lay = |(from_min, to_min): (u16, u16)| {
        let (from, to) = (day * DAY + i64::from(from_min) * MINUTE, day * DAY + i64::from(to_min) * MINUTE);
        let span = stretch.showing(from, to);
        if !span.is_empty() {
            pieces.push(Piece { span, anchor: from - stretch.offset });
        }
    };
    let mut whole: Option<(u16, u16)> = None;
    for &(from, to) in hours {
        whole = match whole {
            Some((first, last)) if from <= last => Some((first, last.max(to))),
            Some(done) => {
                lay(done);
                Some((from, to))
            }
            None => Some((from, to)),
        };
    }
    whole.into_iter().for_each(lay);
}

/// Those entries, sorted by day, whose day the stretch shows.
fn on_days<'a>(entries: &'a [DateHours], stretch: &Stretch) -> &'a [DateHours] {
    let days = stretch.days();
    let from = entries.partition_point(|entry| entry.day < *days.start());
    let to = entries.partition_point(|entry| entry.day <= *days.end());
    &entries[from..to]
}

/// The pieces without what lies in the holes.
fn cut(pieces: Vec<Piece>, holes: &Intervals) -> Vec<Piece> {
    if holes.as_slice().is_empty() {
        return pieces;
    }
    let mut left = Vec::with_capacity(pieces.len());
    for Piece { span, anchor } in pieces {
        let mut from = span.from;
        for hole in holes.meeting(span) {
            if from < hole.from {
                left.push(Piece { span: Interval::new(from, hole.from), anchor });
            }
            from = hole.to;
        }
        if from < span.to {
            left.push(Piece { span: Interval::new(from, span.to), anchor });
        }
    }
    left
}

/// Keeps to the calendar, a day from its ends, and to what can be looked at in one go.
fn bounded(range: Interval) -> Interval {
    let calendar = Interval::new(
        UnixTime(rfc3339::timestamp(UnixTime(i64::MIN)).as_millisecond() + DAY),
        UnixTime(rfc3339::timestamp(UnixTime(i64::MAX)).as_millisecond() - DAY),
    );
    let range = range.clip(calendar);
    range.clip(Interval::new(range.from, UnixTime(range.from.0.saturating_add(MAX_RANGE))))
}

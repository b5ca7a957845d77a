//! The same answers found the slow way: minute by minute, asking each zone what its clocks show.

use super::*;

/// One minute of the range.
#[derive(Clone)]
struct Minute {
    /// Somebody can be seen in it.
    open: bool,
    /// A closing is in it.
    closed: bool,
    /// For each set of hours it lies in, how many minutes of civil time those hours began before.
    since: Vec<i64>,
}

pub(super) struct Oracle<'a> {
    pub(super) weekly: &'a [WeeklyRule],
    pub(super) exceptions: &'a [DateException],
    pub(super) rules: &'a ServiceRules,
    pub(super) busy: &'a [Interval],
    pub(super) shared: &'a [Shared],
}

impl Oracle<'_> {
    /// (start, end, seats left, shared) of everything that is offered.
    pub(super) fn slots(&self, range: Interval, now: UnixTime) -> Vec<(i64, i64, u32, bool)> {
        let longest = 60 * 60_000 + self.rules.duration.as_millis() as i64;
        let (first, last) = (range.from.0, range.to.0 + longest);
        let minutes: Vec<_> = (first..last).step_by(60_000).map(|t| self.minute(UnixTime(t))).collect();
        let duration = self.rules.duration.as_secs() as usize / 60;
        let (notice, horizon) = (self.rules.min_notice.as_millis() as i64, self.rules.horizon.as_millis() as i64);
        let step = self.rules.step.as_secs() as i64 / 60;
        let free = |from: i64, to: i64| !self.busy.iter().any(|busy| busy.from.0 < to && from < busy.to.0);

        let mut offered = Vec::new();
        for start in (range.from.0..range.to.0).step_by(60_000) {
            if start < now.0 + notice || start > now.0 + horizon {
                continue;
            }
            if let Some(session) = self.shared.iter().find(|session| session.starts_at.0 == start) {
                let mut minutes =
                    (start..session.ends_at.0).step_by(60_000).map(|t| &minutes[((t - first) / 60_000) as usize]);
                if session.seats_left > 0 && !minutes.any(|minute| minute.closed) {
                    offered.push((start, session.ends_at.0, session.seats_left, true));
                }
                continue;
            }
            let at = ((start - first) / 60_000) as usize;
            let on_grid = minutes[at].since.iter().any(|since| since % step == 0);
            let in_hours = minutes[at..at + duration].iter().all(|minute| minute.open);
            let end = start + duration as i64 * 60_000;
            let before = self.rules.buffer_before.as_millis() as i64;
            let after = self.rules.buffer_after.as_millis() as i64;
            if on_grid && in_hours && free(start - before, end + after) {
                offered.push((start, end, self.rules.capacity, false));
            }
        }
        offered
    }

    fn minute(&self, time: UnixTime) -> Minute {
        let shown = |tz: &str| {
            let civil = Zone::named(tz).unwrap().civil(time);
            (civil.date(), i64::from(civil.hour()) * 60 + i64::from(civil.minute()))
        };
        let mut minute = Minute { open: false, closed: false, since: Vec::new() };
        let mut zones: Vec<_> = self.weekly.iter().map(|rule| rule.tz.as_str()).collect();
        zones.extend(self.exceptions.iter().map(|exception| exception.tz.as_str()));
        zones.sort();
        zones.dedup();
        let mut openings = Vec::new();
        for zone in zones {
            let (date, now) = shown(zone);
            let of_today = |rule: &&WeeklyRule| {
                rule.tz == zone
                    && i64::from(rule.weekday) == i64::from(date.weekday().to_monday_one_offset())
                    && rule.valid_from.is_none_or(|from| from <= date)
                    && rule.valid_to.is_none_or(|to| date <= to)
            };
            let mut hours: Vec<_> =
                self.weekly.iter().filter(of_today).map(|rule| (rule.from_min, rule.to_min)).collect();
            for exception in self.exceptions.iter().filter(|exception| exception.tz == zone && exception.date == date) {
                match exception.kind {
                    ExceptionKind::Open => hours.push((exception.from_min, exception.to_min)),
                    ExceptionKind::Closed => {
                        minute.closed |= i64::from(exception.from_min) <= now && now < i64::from(exception.to_min);
                    }
                }
            }
            openings.extend(since(&hours, now));
        }
        if !minute.closed {
            minute.open = !openings.is_empty();
            minute.since = openings;
        }
        minute
    }
}

/// How many minutes before `now` the hours around it began, walking back through the day; none if it is in none.
fn since(hours: &[(u16, u16)], now: i64) -> Option<i64> {
    let inside = |minute: i64| hours.iter().any(|(from, to)| i64::from(*from) <= minute && minute < i64::from(*to));
    if !inside(now) {
        return None;
    }
    let mut first = now;
    while first > 0 && inside(first - 1) {
        first -= 1;
    }
    Some(now - first)
}

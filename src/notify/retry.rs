//! When a failed delivery is tried again. Pure: times and randomness are arguments.

use std::time::Duration;

use rand::Rng;

use crate::units::UnixTime;

/// Whether trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same will fail the same way.
    Never,
    /// It may succeed later, not before this long where the other side has said so.
    Later(Option<Duration>),
}

impl Retry {
    /// What an HTTP status that is not a success says.
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            408 | 425 | 429 => Retry::Later(retry_after),
            // A service that does not know a method or a version will not learn it within a day.
            501 | 505 => Retry::Never,
            500.. => Retry::Later(retry_after),
            _ => Retry::Never,
        }
    }
}

/// Pauses that grow up to a limit, for a limited time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Pause after the first attempt; each further one is twice as long.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// No attempt later than this after the first one.
    pub ends_after: Duration,
}

impl Backoff {
    /// For webhooks: from ten seconds up to four hours, for a day.
    pub const WEBHOOK: Self = Self::new(10, 4 * 3600, 24 * 3600);
    /// For mail: servers that greylist want minutes.
    pub const MAIL: Self = Self::new(60, 3600, 24 * 3600);
    /// For SMS and push, which are worth nothing when late.
    pub const PROMPT: Self = Self::new(5, 300, 1800);

    const fn new(first: u64, longest: u64, ends_after: u64) -> Self {
        Self {
            first: Duration::from_secs(first),
            longest: Duration::from_secs(longest),
            ends_after: Duration::from_secs(ends_after),
        }
    }

    /// When to try again after `attempts` failed ones, the first of which was due at `first_at`; none when that is
    /// over. A pause varies by a fifth up or down, so that what failed together does not come back together. The last
    /// attempt is at the very end of the time.
    pub fn next(
        &self,
        attempts: u32,
        first_at: UnixTime,
        now: UnixTime,
        asked: Option<Duration>,
        rng: &mut impl Rng,
    ) -> Option<UnixTime> {
        let end = first_at.plus(self.ends_after);
        if now >= end {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        let pause = doubled.min(self.longest);
        let varied = pause.saturating_mul(800 + rng.next_u32() % 401) / 1000;
        let pause = varied.max(asked.unwrap_or_default().min(self.longest));
        Some(now.plus(pause).min(end))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const START: UnixTime = UnixTime(1_000_000_000_000);

    #[test]
    fn pauses_double_up_to_the_longest_and_end_after_a_day() {
        let mut rng = SmallRng::seed_from_u64(1);
        let (mut now, mut attempts, mut pauses) = (START, 1, Vec::new());
        while let Some(next) = Backoff::WEBHOOK.next(attempts, START, now, None, &mut rng) {
            pauses.push(next.since(now).as_secs_f64());
            now = next;
            attempts += 1;
            assert!(attempts < 100, "this does not end");
        }
        assert_eq!(now, START.plus(Backoff::WEBHOOK.ends_after), "the last attempt is at the end");
        assert!(pauses.len() > 12, "{pauses:?}");
        for (i, pause) in pauses[..pauses.len() - 1].iter().enumerate() {
            let nominal = (10.0 * 2f64.powi(i as i32)).min(4.0 * 3600.0);
            assert!((0.8..=1.2).contains(&(pause / nominal)), "pause {i} is {pause} s, not about {nominal}");
        }
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let mut rng = SmallRng::seed_from_u64(2);
        let mut next = || Backoff::WEBHOOK.next(5, START, START, None, &mut rng).unwrap();
        let times: std::collections::BTreeSet<_> = (0..50).map(|_| next()).collect();
        assert!(times.len() > 25);
    }

    #[test]
    fn the_other_sides_wish_is_heeded_within_reason() {
        let mut rng = SmallRng::seed_from_u64(3);
        let mut after = |asked| {
            let next = Backoff::WEBHOOK.next(1, START, START, Some(Duration::from_secs(asked)), &mut rng);
            next.unwrap().since(START).as_secs()
        };
        assert_eq!(after(600), 600);
        assert_eq!(after(1_000_000), 4 * 3600);
        assert!(after(1) >= 8);
    }

    #[test]
    fn numbers_out_of_range_do_no_harm() {
        let mut rng = SmallRng::seed_from_u64(4);
        assert!(Backoff::WEBHOOK.next(u32::MAX, START, START, Some(Duration::MAX), &mut rng).is_some());
        assert!(Backoff::WEBHOOK.next(0, START, START, None, &mut rng).is_some());
        assert_eq!(Backoff::WEBHOOK.next(1, START, UnixTime(i64::MAX), None, &mut rng), None);
    }

    #[test]
    fn refusals_are_final_and_troubles_are_not() {
        for status in [400, 401, 403, 404, 410, 422, 301, 501] {
            assert_eq!(Retry::of_status(status, None), Retry::Never, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(Retry::of_status(status, None), Retry::Later(None), "{status}");
        }
    }
}

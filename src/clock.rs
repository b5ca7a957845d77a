//! Injected time. Only this file, `net/` and the runtime's timers read the system's clocks;
//! everything else takes its time from a [`Clock`] or as an argument.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::units::UnixTime;

/// A source of monotonic and calendar time.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for durations and deadlines.
    fn now(&self) -> Instant;
    /// Calendar time, for tokens, reports and records.
    fn unix(&self) -> UnixTime;
}

/// The clock that most of the program holds.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clocks.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> UnixTime {
        // A system clock before 1970 reads as 1970: tokens then fail as "not yet valid", which is right.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime(since.as_millis() as i64)
    }
}

/// The system's calendar in nanoseconds since 1970, by which the kernel stamps what arrives: for measuring delays on
/// one machine.
pub fn wall_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// A clock that moves only when told to, for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    base: Instant,
    start: UnixTime,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: UnixTime) -> Self {
        Self { base: Instant::now(), start, elapsed: Mutex::new(Duration::ZERO) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += by;
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.base + self.elapsed()
    }

    fn unix(&self) -> UnixTime {
        UnixTime(self.start.0 + self.elapsed().as_millis() as i64)
    }
}

/// A clock whose calendar is shifted against another's, so that development mode can try what happens at another
/// time. Monotonic time is the other's: timers and timeouts run on as before.
pub struct ShiftedClock {
    inner: SharedClock,
    offset: watch::Sender<i64>,
}

impl ShiftedClock {
    /// Furthest that a calendar is shifted, either way: ten years.
    pub const MAX_OFFSET: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

    /// A clock that is not shifted yet.
    pub fn new(inner: SharedClock) -> Self {
        Self { inner, offset: watch::Sender::new(0) }
    }

    /// How many milliseconds the calendar is ahead of the other's; behind where negative.
    pub fn offset_millis(&self) -> i64 {
        *self.offset.borrow()
    }

    /// What turns when the calendar is shifted, for those who have told somebody what time it is.
    pub fn shifts(&self) -> watch::Receiver<i64> {
        self.offset.subscribe()
    }

    /// Shifts the calendar to so many milliseconds ahead of the other's. False, and nothing changes, when that is
    /// further than [`Self::MAX_OFFSET`].
    pub fn shift(&self, offset_millis: i64) -> bool {
        let possible = u128::from(offset_millis.unsigned_abs()) <= Self::MAX_OFFSET.as_millis();
        if possible {
            self.offset.send_replace(offset_millis);
        }
        possible
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn unix(&self) -> UnixTime {
        UnixTime(self.inner.unix().0.saturating_add(self.offset_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_moves_the_calendar_and_leaves_timers_alone() {
        let inner = Arc::new(ManualClock::new(UnixTime(10_000)));
        let clock = ShiftedClock::new(Arc::clone(&inner) as SharedClock);
        let before = clock.now();
        assert!(clock.shift(-3_000));
        inner.advance(Duration::from_millis(500));
        assert_eq!(clock.unix(), UnixTime(7_500));
        assert_eq!(clock.now() - before, Duration::from_millis(500));
        for too_far in [i64::MAX, i64::MIN] {
            assert!(!clock.shift(too_far));
        }
        assert_eq!(clock.offset_millis(), -3_000);
    }

    #[test]
    fn a_manual_clock_moves_both_times_together() {
        let clock = ManualClock::new(UnixTime(1_000));
        let before = clock.now();
        clock.advance(Duration::from_millis(250));
        assert_eq!(clock.unix(), UnixTime(1_250));
        assert_eq!(clock.now() - before, Duration::from_millis(250));
    }
}

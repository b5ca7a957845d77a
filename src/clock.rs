//! Injected time. Only this file, `net/` and the runtime's timers read the system's clocks;
//! everything else takes its time from a [`Clock`] or as an argument.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_both_times_together() {
        let clock = ManualClock::new(UnixTime(1_000));
        let before = clock.now();
        clock.advance(Duration::from_millis(250));
        assert_eq!(clock.unix(), UnixTime(1_250));
        assert_eq!(clock.now() - before, Duration::from_millis(250));
    }
}

//! Injected time: nothing in this crate reads a clock.

use std::time::Duration;

/// A point in time, in milliseconds since the Unix epoch, UTC.
///
/// Milliseconds are what LiveKit puts on the wire in `pong` and `joined_at_ms`;
/// tokens count in seconds and are converted at the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// From whole seconds since the epoch; saturates at the ends of the range.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// From fractional seconds since the epoch, as JWT dates are written
    /// (RFC 7519 §2, NumericDate); saturates at the ends of the range.
    pub fn from_secs_f64(seconds: f64) -> Self {
        // A float-to-int cast saturates, and maps NaN to zero.
        Self((seconds * 1_000.0) as i64)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This time moved later, saturating.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This time moved earlier, saturating.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long `self` lies after `earlier`; zero when it does not.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_millis(millis.unsigned_abs())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_also_before_the_epoch() {
        assert_eq!(UnixTime(1_999).as_secs(), 1);
        assert_eq!(UnixTime(-1).as_secs(), -1);
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(UnixTime(i64::MAX).plus(Duration::from_secs(1)).0, i64::MAX);
        assert_eq!(UnixTime(i64::MIN).minus(Duration::MAX).0, i64::MIN);
        assert_eq!(UnixTime::from_secs_f64(1e300).0, i64::MAX);
        assert_eq!(UnixTime(5).since(UnixTime(9)), Duration::ZERO);
        assert_eq!(UnixTime(i64::MAX).since(UnixTime(i64::MIN)), Duration::from_millis(i64::MAX.unsigned_abs()));
    }
}

//! How much is lost.

use std::time::{Duration, Instant};

/// Less is not worth a thought.
pub const LOW: f32 = 0.02;
/// More is congestion, whatever delay says.
pub const HIGH: f32 = 0.12;
/// Counted over one to two of these.
const WINDOW: Duration = Duration::from_millis(600);
/// Fewer packets say nothing.
const ENOUGH: u32 = 20;

/// Counts packets that arrived and that did not.
#[derive(Debug, Default)]
pub struct LossWindow {
    /// Sent and lost, in this window and in the one before.
    counts: [(u32, u32); 2],
    begun: Option<Instant>,
}

impl LossWindow {
    /// Time passes: before packets are counted.
    pub fn turn(&mut self, now: Instant) {
        let begun = *self.begun.get_or_insert(now);
        if now.saturating_duration_since(begun) >= WINDOW {
            self.counts = [(0, 0), self.counts[0]];
            self.begun = Some(now);
        }
    }

    /// One packet's fate.
    pub fn count(&mut self, arrived: bool) {
        self.counts[0].0 += 1;
        self.counts[0].1 += u32::from(!arrived);
    }

    /// The share that was lost lately.
    pub fn share(&self, now: Instant) -> f32 {
        self.counted(now).map_or(0.0, |(sent, lost)| lost / sent)
    }

    /// More than [`HIGH`] is lost, and not by chance: of few packets it takes more of them to say so.
    pub fn is_high(&self, now: Instant) -> bool {
        self.counted(now).is_some_and(|(sent, lost)| lost / sent > HIGH + 2.0 * (HIGH * (1.0 - HIGH) / sent).sqrt())
    }

    /// Sent and lost lately, if that is enough to say anything.
    fn counted(&self, now: Instant) -> Option<(f32, f32)> {
        let stale = self.begun.is_none_or(|begun| now.saturating_duration_since(begun) > WINDOW * 4);
        let (sent, lost) = self.counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        (!stale && sent >= ENOUGH).then_some((sent as f32, lost as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_the_last_second_and_of_enough_packets() {
        let start = Instant::now();
        let mut loss = LossWindow::default();
        loss.turn(start);
        for index in 0..10 {
            loss.count(index % 2 == 0);
        }
        assert_eq!(loss.share(start), 0.0, "too few");
        for index in 0..90 {
            loss.count(index % 10 != 0);
        }
        assert!((loss.share(start) - 0.14).abs() < 0.001);
        assert!(!loss.is_high(start), "of a hundred it may be chance");
        for index in 0..900 {
            loss.count(index % 6 != 0);
        }
        assert!(loss.is_high(start));
        assert_eq!(loss.share(start + Duration::from_secs(5)), 0.0);
    }
}

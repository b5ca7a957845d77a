//! How long packets wait on the way beyond what the way itself takes: the delay now against the least that was seen.
//!
//! The trend sees queues grow. One that is full does not grow, and one-way delay itself must tell of it.

use std::time::{Duration, Instant};

/// The least delay is remembered for one to two of these.
const EPOCH: Duration = Duration::from_secs(15);
/// The delay now is the least of this time, so that a single late packet is none.
const RECENT: Duration = Duration::from_millis(200);

/// Compares delays. The two clocks have different epochs, so only differences mean anything.
#[derive(Debug, Default)]
pub struct StandingQueue {
    origin: Option<(Instant, Duration)>,
    /// Least delay in microseconds, of this epoch and of the one before.
    least: [Option<i64>; 2],
    epoch: Option<Instant>,
    recent: [Option<i64>; 2],
    window: Option<Instant>,
}

impl StandingQueue {
    /// Time passes: before packets are observed.
    pub fn turn(&mut self, now: Instant) {
        turn(&mut self.epoch, &mut self.least, now, EPOCH);
        turn(&mut self.window, &mut self.recent, now, RECENT);
    }

    /// One packet's times.
    pub fn observe(&mut self, sent: Instant, arrived: Duration) {
        let origin = *self.origin.get_or_insert((sent, arrived));
        let delay = delay(origin, sent, arrived);
        for [least, _] in [&mut self.least, &mut self.recent] {
            *least = Some(least.map_or(delay, |least| least.min(delay)));
        }
    }

    /// How long a packet waited, of those that were observed.
    pub fn waited(&self, sent: Instant, arrived: Duration) -> Option<Duration> {
        let least = self.least.iter().flatten().min()?;
        Some(Duration::from_micros(delay(self.origin?, sent, arrived).saturating_sub(*least).max(0) as u64))
    }

    /// How long the queue stands.
    pub fn standing(&self) -> Duration {
        let least = |of: &[Option<i64>; 2]| of.iter().flatten().min().copied();
        match (least(&self.recent), least(&self.least)) {
            (Some(recent), Some(least)) => Duration::from_micros(recent.saturating_sub(least).max(0) as u64),
            _ => Duration::ZERO,
        }
    }

    /// What is a queue by what was seen before is the way itself.
    pub fn forget_least(&mut self) {
        (self.least, self.epoch) = (self.recent, None);
    }

    /// The way may be another one now.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

/// How much longer a packet was on its way than the first one, in microseconds.
fn delay((origin, first): (Instant, Duration), sent: Instant, arrived: Duration) -> i64 {
    let since = match sent.checked_duration_since(origin) {
        Some(after) => micros(after),
        None => -micros(origin.saturating_duration_since(sent)),
    };
    micros(arrived).saturating_sub(micros(first)).saturating_sub(since)
}

/// Keeps the least of the current and of the previous period.
fn turn(begun: &mut Option<Instant>, least: &mut [Option<i64>; 2], now: Instant, period: Duration) {
    let started = *begun.get_or_insert(now);
    if now.saturating_duration_since(started) >= period {
        *least = [None, least[0]];
        *begun = Some(now);
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX) / 2 * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_stands_full_is_seen_although_nothing_grows() {
        let start = Instant::now();
        let mut queue = StandingQueue::default();
        let ms = Duration::from_millis;
        for index in 0..100 {
            let sent = start + ms(index * 20);
            let wait = if index < 20 { 0 } else { 250 };
            queue.turn(sent + ms(wait + 50));
            queue.observe(sent, ms(5000 + index * 20 + wait));
        }
        assert_eq!(queue.standing(), ms(250));
    }

    #[test]
    fn one_late_packet_is_no_queue() {
        let start = Instant::now();
        let mut queue = StandingQueue::default();
        let ms = Duration::from_millis;
        for index in 0..100 {
            let sent = start + ms(index * 20);
            let late = if index == 98 { 80 } else { 0 };
            queue.turn(sent + ms(50));
            queue.observe(sent, ms(5000 + index * 20 + late));
        }
        assert_eq!(queue.standing(), ms(0));
    }
}

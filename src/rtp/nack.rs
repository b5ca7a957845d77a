//! What is missing of a received stream and when to ask for it again (RFC 4585 §6.2.1; numbers as LiveKit's
//! mediatransportutil `pkg/nack`).

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use crate::units::SeqNo;

/// Missing packets that are kept track of; the oldest give way.
const MAX_OUTSTANDING: usize = 100;
/// Requests for one packet.
const MAX_TRIES: u8 = 5;
/// Wait before the first request, for packets that are merely out of order, and between requests at least.
const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// Wait between requests at most.
const MAX_INTERVAL: Duration = Duration::from_millis(400);
/// Growth of the wait from one request to the next, in quarters.
const BACKOFF_QUARTERS: u32 = 5;
/// Round trip until one has been measured.
const DEFAULT_RTT: Duration = Duration::from_millis(70);

#[derive(Clone, Copy, Debug)]
struct Missing {
    ext_seq: u64,
    tries: u8,
    due: Instant,
}

/// The missing packets of one received stream.
#[derive(Clone, Debug)]
pub struct NackTracker {
    /// Ascending.
    missing: ArrayVec<Missing, MAX_OUTSTANDING>,
    highest: Option<u64>,
    rtt: Duration,
}

impl Default for NackTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl NackTracker {
    /// A tracker that has seen no packet.
    pub const fn new() -> Self {
        Self { missing: ArrayVec::new_const(), highest: None, rtt: DEFAULT_RTT }
    }

    /// Takes note of a packet, whether original or repaired: it is missing no longer, and those between the newest
    /// one and it are missing from now on.
    pub fn on_packet(&mut self, ext_seq: u64, now: Instant) {
        let Some(highest) = self.highest else {
            self.highest = Some(ext_seq);
            return;
        };
        if ext_seq <= highest {
            if let Ok(index) = self.missing.binary_search_by_key(&ext_seq, |missing| missing.ext_seq) {
                self.missing.remove(index);
            }
            return;
        }
        self.highest = Some(ext_seq);
        let first = (highest + 1).max(ext_seq.saturating_sub(MAX_OUTSTANDING as u64));
        let due = now + MIN_INTERVAL;
        let surplus = (self.missing.len() + (ext_seq - first) as usize).saturating_sub(MAX_OUTSTANDING);
        self.missing.drain(..surplus);
        self.missing.extend((first..ext_seq).map(|ext_seq| Missing { ext_seq, tries: 0, due }));
    }

    /// A new measurement of the round trip to the sender; three quarters of it count (as in LiveKit).
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = if rtt.is_zero() { DEFAULT_RTT } else { (rtt * 3 + self.rtt) / 4 };
    }

    /// Appends to `out`, in order, what to ask for now, and gives up what was asked for often enough.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<SeqNo>) {
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        let rtt = self.rtt;
        self.missing.retain(|missing| {
            if missing.due > now {
                return true;
            }
            if missing.tries >= MAX_TRIES {
                return false;
            }
            out.push(SeqNo(missing.ext_seq as u16));
            missing.due = now + backoff(rtt, missing.tries);
            missing.tries += 1;
            true
        });
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.missing.iter().map(|missing| missing.due).min()
    }

    /// How many packets are missing.
    pub fn outstanding(&self) -> usize {
        self.missing.len()
    }

    /// Forgets everything, as when the stream restarts with other numbers; the round trip is kept.
    pub fn clear(&mut self) {
        self.missing.clear();
        self.highest = None;
    }
}

/// The wait after the request that `tries` others preceded.
fn backoff(rtt: Duration, tries: u8) -> Duration {
    let tries = u32::from(tries);
    (rtt * BACKOFF_QUARTERS.pow(tries) / 4u32.pow(tries)).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Bench {
        tracker: NackTracker,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { tracker: NackTracker::new(), start: Instant::now() }
        }

        fn packet(&mut self, seq: u64, millis: u64) {
            self.tracker.on_packet(seq, self.start + Duration::from_millis(millis));
        }

        fn poll(&mut self, millis: u64) -> Vec<u16> {
            let mut out = Vec::new();
            self.tracker.poll(self.start + Duration::from_millis(millis), &mut out);
            out.into_iter().map(|seq| seq.0).collect()
        }
    }

    #[test]
    fn a_gap_is_asked_for_after_twenty_milliseconds() {
        let mut bench = Bench::new();
        bench.packet(65_534, 0);
        bench.packet(65_538, 10);
        assert!(bench.poll(29).is_empty());
        assert_eq!(bench.poll(30), [65_535, 0, 1]);
        assert!(bench.poll(31).is_empty());
    }

    #[test]
    fn a_packet_that_was_only_late_is_not_asked_for() {
        let mut bench = Bench::new();
        bench.packet(1, 0);
        bench.packet(4, 0);
        bench.packet(2, 5);
        assert_eq!(bench.poll(20), [3]);
        bench.packet(3, 25);
        assert_eq!(bench.tracker.outstanding(), 0);
        assert_eq!(bench.tracker.next_timeout(), None);
    }

    #[test]
    fn five_requests_follow_each_other_with_growing_waits() {
        let mut bench = Bench::new();
        bench.packet(1, 0);
        bench.packet(3, 0);
        let asked: Vec<u64> = (0..2_000).filter(|millis| !bench.poll(*millis).is_empty()).collect();
        // 20, then 70 ms × 1.25^n.
        assert_eq!(asked, [20, 90, 178, 288, 425]);
        assert_eq!(bench.tracker.outstanding(), 0, "given up");
    }

    #[test]
    fn waits_follow_the_round_trip_within_limits() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            bench.tracker.set_rtt(Duration::from_millis(2));
        }
        bench.packet(1, 0);
        bench.packet(3, 0);
        let asked: Vec<u64> = (0..2_000).filter(|millis| !bench.poll(*millis).is_empty()).collect();
        assert_eq!(asked, [20, 40, 60, 80, 100]);
        for _ in 0..20 {
            bench.tracker.set_rtt(Duration::from_secs(3));
        }
        bench.packet(5, 3_000);
        let asked: Vec<u64> = (3_000..6_000).filter(|millis| !bench.poll(*millis).is_empty()).collect();
        assert_eq!(asked, [3_020, 3_420, 3_820, 4_220, 4_620]);
    }

    #[test]
    fn at_most_a_hundred_are_outstanding_and_the_oldest_give_way() {
        let mut bench = Bench::new();
        bench.packet(1, 0);
        bench.packet(50, 0);
        bench.packet(1_000, 0);
        assert_eq!(bench.tracker.outstanding(), 100);
        assert_eq!(bench.poll(20).first(), Some(&900));
        bench.packet(1_011, 30);
        assert_eq!(bench.tracker.outstanding(), 100);
        assert_eq!(bench.poll(50), (1_001..1_011).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_packet_has_no_predecessors() {
        let mut bench = Bench::new();
        bench.packet(500, 0);
        bench.packet(499, 1);
        assert_eq!(bench.tracker.outstanding(), 0);
    }

    proptest! {
        #[test]
        fn never_asks_for_what_has_come(packets in proptest::collection::vec(0u64..300, 1..300)) {
            let mut bench = Bench::new();
            let mut seen = std::collections::HashSet::new();
            for (step, seq) in packets.into_iter().enumerate() {
                bench.packet(70_000 + seq, step as u64 * 10);
                seen.insert((70_000 + seq) as u16);
                let asked = bench.poll(step as u64 * 10);
                prop_assert!(asked.iter().all(|seq| !seen.contains(seq)));
                prop_assert!(bench.tracker.outstanding() <= 100);
            }
        }
    }
}

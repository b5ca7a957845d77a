//! The estimate on a simulated way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::Estimator;
use crate::rtp::twcc::PacketResult;
use crate::units::Bitrate;

const MS: Duration = Duration::from_millis(1);

/// A bottleneck with a finite queue, and a source that sends what it may, up to a limit.
struct Way {
    now: Instant,
    start: Instant,
    estimator: Estimator,
    capacity: Bitrate,
    delay: Duration,
    depth: Duration,
    loss: f64,
    source: Bitrate,
    /// Probes are sent when the source would like more than it may.
    probes: bool,
    free: Instant,
    credit: f64,
    next_seq: u64,
    /// What the receiver will say: when, and of what.
    waiting: VecDeque<(Instant, PacketResult)>,
    next_feedback: Instant,
    rng: SmallRng,
    queue_ms: Vec<f64>,
    drops: usize,
    sent: usize,
    estimates: Vec<(Duration, f64)>,
}

impl Way {
    fn new(capacity_kbps: u64) -> Self {
        let now = Instant::now() + Duration::from_secs(100);
        Self {
            now,
            start: now,
            estimator: Estimator::new(),
            capacity: Bitrate::from_kbps(capacity_kbps),
            delay: 25 * MS,
            depth: 300 * MS,
            loss: 0.0,
            source: Bitrate::from_kbps(5000),
            probes: true,
            free: now,
            credit: 0.0,
            next_seq: 0,
            waiting: VecDeque::new(),
            next_feedback: now,
            rng: SmallRng::seed_from_u64(7),
            queue_ms: Vec::new(),
            drops: 0,
            sent: 0,
            estimates: Vec::new(),
        }
    }

    fn packet(&mut self, size: u16) {
        self.sent += 1;
        let seq = self.next_seq;
        self.next_seq += 1;
        let queue = self.free.saturating_duration_since(self.now);
        self.queue_ms.push(queue.as_secs_f64() * 1000.0);
        let mut result = PacketResult { ext_seq: seq, sent: self.now, size, arrived: None };
        if queue > self.depth {
            self.drops += 1;
        } else {
            let takes = Duration::from_secs_f64(f64::from(size) * 8.0 / self.capacity.bps() as f64);
            self.free = self.free.max(self.now) + takes;
            if !self.rng.random_bool(self.loss) {
                let at = self.free + self.delay;
                result.arrived = Some(at.duration_since(self.start) + Duration::from_secs(77));
            }
        }
        let told = result.arrived.map_or(self.free + self.delay, |_| self.free + self.delay);
        self.waiting.push_back((told, result));
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += MS;
            let rate = self.estimator.bitrate().min(self.source);
            // Frames of 33 ms, spread by nothing: a burst each.
            self.credit += rate.bps() as f64 / 8000.0;
            if self.now.duration_since(self.start).as_millis().is_multiple_of(33) {
                while self.credit >= 1200.0 {
                    self.credit -= 1200.0;
                    self.packet(1200);
                }
            }
            if self.probes
                && let Some(plan) = self.estimator.plan_probe(self.now, self.source, true)
            {
                let first = self.next_seq;
                for _ in 0..plan.packets {
                    self.packet((plan.bytes / u64::from(plan.packets)).min(1200) as u16);
                }
                self.estimator.probe_sent(self.now, first..self.next_seq);
            }
            if self.now >= self.next_feedback {
                self.next_feedback = self.now + 50 * MS;
                let heard = self.now - self.delay;
                let mut results = Vec::new();
                while self.waiting.front().is_some_and(|(told, _)| *told <= heard) {
                    results.extend(self.waiting.pop_front().map(|(_, result)| result));
                }
                self.estimator.on_results(self.now, &results, 2 * self.delay);
                let at = self.now.duration_since(self.start);
                self.estimates.push((at, self.estimator.bitrate().bps() as f64 / 1000.0));
            }
        }
    }

    /// Forgets what was measured so far.
    fn settle(&mut self) {
        self.queue_ms.clear();
        self.estimates.clear();
        (self.drops, self.sent) = (0, 0);
    }

    fn mean(&self) -> f64 {
        self.estimates.iter().map(|(_, kbps)| kbps).sum::<f64>() / self.estimates.len() as f64
    }

    fn mean_queue(&self) -> f64 {
        self.queue_ms.iter().sum::<f64>() / self.queue_ms.len() as f64
    }

    fn report(&self, name: &str) {
        println!(
            "{name}: mean {:.0} kbit/s, queue {:.0} ms, {} of {} dropped",
            self.mean(),
            self.mean_queue(),
            self.drops,
            self.sent
        );
    }
}

#[test]
fn a_megabit_is_found_and_its_queue_stays_short() {
    let mut way = Way::new(1000);
    way.run(Duration::from_secs(15));
    way.report("1 Mbit/s, first 15 s");
    assert_eq!(way.drops, 0);
    way.settle();
    way.run(Duration::from_secs(45));
    way.report("1 Mbit/s");
    assert!((800.0..=1000.0).contains(&way.mean()), "{}", way.mean());
    assert!(way.mean_queue() < 100.0);
    assert_eq!(way.drops, 0);
}

#[test]
fn two_megabits_are_found_by_probes_within_seconds() {
    let mut way = Way::new(2000);
    way.run(Duration::from_secs(3));
    way.report("2 Mbit/s, first 3 s");
    assert!(way.estimates.iter().any(|(_, kbps)| *kbps > 1600.0));
    way.settle();
    way.run(Duration::from_secs(40));
    way.report("2 Mbit/s");
    assert!((1600.0..=2000.0).contains(&way.mean()), "{}", way.mean());
    assert!(way.mean_queue() < 100.0);
}

#[test]
fn where_nothing_speaks_against_more_fifteen_megabits_are_found_in_little_more_than_a_second() {
    let mut way = Way::new(50_000);
    way.source = Bitrate::from_kbps(15_000);
    way.run(Duration::from_millis(1500));
    way.report("50 Mbit/s, first 1.5 s");
    assert!(way.estimator.bitrate() >= way.source, "{:?}", way.estimator.bitrate());
    assert_eq!(way.drops, 0);
}

#[test]
fn a_way_that_becomes_a_longer_one_is_not_taken_for_a_queue_for_long() {
    for capacity in [1000, 5000] {
        let mut way = Way::new(5000);
        way.run(Duration::from_secs(20));
        way.delay = 250 * MS;
        way.capacity = Bitrate::from_kbps(capacity);
        way.run(Duration::from_secs(10));
        way.settle();
        way.run(Duration::from_secs(20));
        way.report(&format!("5 Mbit/s → {capacity} kbit/s and 250 ms instead of 25, after 10 s"));
        assert!(way.mean() > 0.75 * capacity as f64, "{}", way.mean());
        assert!(way.mean_queue() < 100.0, "{}", way.mean_queue());
    }
}

#[test]
fn a_drop_of_capacity_is_followed_at_once_and_its_return_within_seconds() {
    let mut way = Way::new(2000);
    way.run(Duration::from_secs(20));
    way.capacity = Bitrate::from_kbps(500);
    way.settle();
    way.run(Duration::from_secs(2));
    way.report("2 Mbit/s → 500 kbit/s, first 2 s");
    assert!(way.estimator.bitrate() <= way.capacity, "{:?}", way.estimator.bitrate());
    way.settle();
    way.run(Duration::from_secs(30));
    way.report("500 kbit/s");
    assert!((375.0..=500.0).contains(&way.mean()), "{}", way.mean());
    assert!(way.mean_queue() < 100.0, "{}", way.mean_queue());
    assert_eq!(way.drops, 0);
    way.capacity = Bitrate::from_kbps(2000);
    way.settle();
    way.run(Duration::from_secs(15));
    way.report("back to 2 Mbit/s, first 15 s");
    assert!(way.estimator.bitrate() >= Bitrate::from_kbps(1600), "{:?}", way.estimator.bitrate());
}

#[test]
fn loss_that_is_the_ways_own_does_not_starve_the_call() {
    for (loss, least) in [(0.02, 800.0), (0.05, 700.0), (0.1, 500.0)] {
        let mut way = Way::new(1000);
        way.loss = loss;
        way.run(Duration::from_secs(15));
        way.settle();
        way.run(Duration::from_secs(45));
        way.report(&format!("1 Mbit/s with {loss} lost"));
        assert!((least..=1000.0).contains(&way.mean()), "{loss}: {}", way.mean());
        assert!(way.mean_queue() < 100.0);
    }
}

#[test]
fn what_little_flows_does_not_make_believe_in_much_without_probes() {
    let mut way = Way::new(10_000);
    way.source = Bitrate::from_kbps(300);
    way.probes = false;
    way.run(Duration::from_secs(60));
    assert!(way.estimator.bitrate() <= Bitrate::from_kbps(1001), "{:?}", way.estimator.bitrate());
}

#[test]
fn feedback_that_lies_leaves_the_figure_within_its_bounds() {
    let mut rng = SmallRng::seed_from_u64(3);
    let start = Instant::now() + Duration::from_secs(1000);
    let mut estimator = Estimator::new();
    let mut now = start;
    for _ in 0..5000 {
        now += 20 * MS;
        let result = |rng: &mut SmallRng| PacketResult {
            ext_seq: rng.random(),
            sent: start - Duration::from_millis(rng.random_range(0..900_000)),
            size: rng.random(),
            arrived: rng
                .random_bool(0.8)
                .then(|| Duration::from_micros(rng.random::<u64>() >> rng.random_range(0..60))),
        };
        let results: Vec<_> = (0..rng.random_range(0..8)).map(|_| result(&mut rng)).collect();
        estimator.on_results(now, &results, Duration::from_millis(rng.random_range(0..10_000)));
        if let Some(plan) = estimator.plan_probe(now, Bitrate(rng.random()), rng.random()) {
            assert!(plan.packets <= 60);
            estimator.probe_sent(now, 5..5 + u64::from(plan.packets));
        }
        assert!((super::FLOOR..=super::CEILING).contains(&estimator.bitrate()));
    }
}

#[test]
fn a_receivers_own_figure_counts_only_without_transport_wide_feedback() {
    let mut estimator = Estimator::new();
    estimator.on_remb(Bitrate::from_kbps(400));
    assert_eq!(estimator.bitrate(), Bitrate::from_kbps(400));
    estimator.on_remb(Bitrate(0));
    assert_eq!(estimator.bitrate(), super::FLOOR);
    estimator.on_remb(Bitrate(1 << 40));
    assert_eq!(estimator.bitrate(), super::CEILING);
    let arrived = Some(Duration::from_secs(1));
    let result = PacketResult { ext_seq: 1, sent: Instant::now(), size: 100, arrived };
    estimator.on_results(Instant::now(), &[result], Duration::ZERO);
    assert_eq!(estimator.bitrate(), super::START);
}

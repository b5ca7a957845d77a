//! Probes: a few packets more in quick succession, to learn whether a higher layer would fit before it is sent.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::rtp::twcc::PacketResult;
use crate::units::Bitrate;

/// A probe lasts so long, so that it fills a shallow queue by no more than that.
const LENGTH: Duration = Duration::from_millis(20);
/// It has so many packets at least, else it measures nothing.
const LEAST_PACKETS: u32 = 6;
const MOST_PACKETS: u32 = 60;
/// Tries at most so much more than the estimate.
const STEP: f64 = 2.0;
/// And where the last one came through as fast as it was sent, and nothing has ever spoken against more.
const LONG_STEP: f64 = 3.0;
/// Between probes, first and at most: each one in vain doubles it.
const PAUSE: Duration = Duration::from_millis(800);
/// And while nothing has ever spoken against more: where nobody knows the way yet, everybody waits for their pictures.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After backing off nothing is tried for so long.
const AFTER_DECREASE: Duration = Duration::from_secs(2);
/// So long a probe waits for a moment in which nothing else leaves.
const POLITE: Duration = Duration::from_millis(1500);
/// So long may the answer take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Share of the packets that must have arrived.
const ARRIVED: f64 = 0.8;
/// Packets that arrive so far from even are still even.
const EVEN: Duration = Duration::from_millis(1);
/// What was measured is believed to this share.
const BELIEVED: f64 = 0.95;
/// Less of what was tried came through in its time: the way is the limit, not the probe.
const LIMITED: f64 = 0.85;

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePlan {
    /// At this rate.
    pub bitrate: Bitrate,
    /// So many bytes in all, what flows anyway included.
    pub bytes: u64,
    /// So many packets at least.
    pub packets: u32,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// So much is believed in.
    pub bitrate: Bitrate,
    /// It came slower than it was sent: the way carries no more than that.
    pub limit: Option<Bitrate>,
    /// How far off an even flow its packets came, in the mean; nothing behind a narrow place alone.
    pub noise: Duration,
}

#[derive(Debug)]
struct Running {
    numbers: Range<u64>,
    began: Instant,
    seen: u32,
    arrived: u32,
    bytes: u64,
    first: Option<(Instant, Duration, u16)>,
    last: Option<(Instant, Duration, u16)>,
    spacing: Spacing,
}

/// How evenly packets arrive: sums of bytes so far and of times in milliseconds, for a line through them.
#[derive(Clone, Copy, Debug, Default)]
struct Spacing {
    count: f64,
    bytes: f64,
    times: f64,
    bytes_squared: f64,
    times_squared: f64,
    products: f64,
}

/// How soon one probe follows another, and how far it reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Haste {
    /// Nothing has been tried.
    #[default]
    Beginning,
    /// Everything that was tried came through.
    Soaring,
    /// The way has shown a limit.
    Spent,
}

/// Plans probes and reads their results.
#[derive(Debug)]
pub struct Prober {
    running: Option<Running>,
    next: Option<Instant>,
    pause: Duration,
    haste: Haste,
    /// Since when other packets have been in the way of the next one.
    crowded: Option<Instant>,
}

impl Default for Prober {
    fn default() -> Self {
        Self { running: None, next: None, pause: PAUSE, haste: Haste::default(), crowded: None }
    }
}

impl Prober {
    /// The next probe, when it is time for one. It had better not follow other packets closely: `idle`.
    pub fn plan(
        &mut self,
        now: Instant,
        target: Bitrate,
        wanted: Bitrate,
        quiet: bool,
        since_decrease: Option<Duration>,
        idle: bool,
    ) -> Option<ProbePlan> {
        if let Some(running) = &self.running {
            if now.saturating_duration_since(running.began) < PATIENCE {
                return None;
            }
            self.running = None;
            self.learned(now, false);
        }
        if since_decrease.is_some() {
            self.haste = Haste::Spent;
        }
        let due = self.next.is_none_or(|next| now >= next);
        let calm = quiet && since_decrease.is_none_or(|since| since >= AFTER_DECREASE);
        if !due || !calm || wanted <= target {
            return None;
        }
        let crowded = *self.crowded.get_or_insert(now);
        if !idle && now.saturating_duration_since(crowded) < POLITE {
            return None;
        }
        self.crowded = None;
        let step = if self.haste == Haste::Soaring { LONG_STEP } else { STEP };
        let bps = (target.bps() as f64 * step).min(wanted.bps() as f64 * 1.15);
        let bytes = (bps * LENGTH.as_secs_f64() / 8.0) as u64;
        let packets = ((bytes / 1100) as u32).clamp(LEAST_PACKETS, MOST_PACKETS);
        Some(ProbePlan { bitrate: Bitrate(bps as u64), bytes, packets })
    }

    /// A probe is on its way.
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// A probe has been sent with these numbers.
    pub fn sent(&mut self, now: Instant, numbers: Range<u64>) {
        if numbers.end.saturating_sub(numbers.start) < u64::from(LEAST_PACKETS) {
            // Nothing was there to send it with: try again soon.
            self.next = Some(now + Duration::from_millis(200));
            return;
        }
        self.running = Some(Running {
            numbers,
            began: now,
            seen: 0,
            arrived: 0,
            bytes: 0,
            first: None,
            last: None,
            spacing: Spacing::default(),
        });
    }

    /// Reads what feedback says of the running probe; its figure when it is complete.
    pub fn on_results(&mut self, now: Instant, results: &[PacketResult]) -> Option<Measured> {
        let running = self.running.as_mut()?;
        for result in results.iter().filter(|result| running.numbers.contains(&result.ext_seq)) {
            running.seen += 1;
            let Some(arrived) = result.arrived else { continue };
            running.arrived += 1;
            running.bytes += u64::from(result.size);
            let since = arrived.as_secs_f64() - running.first.map_or(arrived, |(_, first, _)| first).as_secs_f64();
            running.spacing.add(running.bytes as f64, since * 1000.0);
            let packet = (result.sent, arrived, result.size);
            if running.first.is_none_or(|(_, first, _)| arrived < first) {
                running.first = Some(packet);
            }
            if running.last.is_none_or(|(_, last, _)| arrived >= last) {
                running.last = Some(packet);
            }
        }
        let complete = results.last().is_some_and(|result| result.ext_seq + 1 >= running.numbers.end);
        if !complete {
            return None;
        }
        let measured = running.measure();
        self.running = None;
        match measured {
            None => self.learned(now, false),
            Some(Measured { limit: Some(_), .. }) => self.haste = Haste::Spent,
            Some(_) => {}
        }
        measured
    }

    /// What a probe was good for: one in vain makes the next wait longer.
    pub fn learned(&mut self, now: Instant, more: bool) {
        self.haste = match self.haste {
            Haste::Beginning | Haste::Soaring if more => Haste::Soaring,
            _ => Haste::Spent,
        };
        self.pause = if more { PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        let pause = if self.haste == Haste::Soaring { SHORT_PAUSE } else { self.pause };
        self.next = Some(now + pause);
    }
}

impl Spacing {
    fn add(&mut self, bytes: f64, ms: f64) {
        self.count += 1.0;
        self.bytes += bytes;
        self.times += ms;
        self.bytes_squared += bytes * bytes;
        self.times_squared += ms * ms;
        self.products += bytes * ms;
    }

    /// How far off the line packets arrive, in the mean. A narrow place lets them go evenly.
    fn noise(&self) -> Duration {
        let of = |squares: f64, one: f64, other: f64| squares / self.count - one * other / (self.count * self.count);
        let across = of(self.bytes_squared, self.bytes, self.bytes);
        let both = of(self.products, self.bytes, self.times);
        let off =
            of(self.times_squared, self.times, self.times) - if across > 0.0 { both * both / across } else { 0.0 };
        Duration::try_from_secs_f64(off.max(0.0).sqrt() / 1000.0).unwrap_or_default()
    }
}

impl Running {
    fn measure(&self) -> Option<Measured> {
        let count = self.numbers.end - self.numbers.start;
        if f64::from(self.arrived) < count as f64 * ARRIVED || self.arrived < LEAST_PACKETS {
            return None;
        }
        let ((_, first, first_size), (_, last, _)) = (self.first?, self.last?);
        // The time between the first and the last carried everything but the first.
        let took = last.checked_sub(first)?.max(Duration::from_millis(1));
        let bytes = self.bytes.saturating_sub(u64::from(first_size));
        // Either end may have come as much later or earlier as packets do: of what that leaves open, the least is believed
        // in, and the most is the limit.
        let noise = self.spacing.noise().saturating_sub(EVEN);
        let open = (noise * 2).min(took / 2);
        let received = Bitrate::of(bytes, took + open).bps();
        let at_most = Bitrate::of(bytes, took - open).bps();
        // A way that is faster than the probe delivers it as it was sent; one may believe in no more than was tried.
        let tried = Bitrate::of(self.bytes, LENGTH).bps();
        let believed = |bps: f64| Bitrate((bps * BELIEVED) as u64);
        // What got lost took its time as well, and would have counted.
        let carried = at_most as f64 * count as f64 / f64::from(self.arrived);
        let limited = carried < tried as f64 * LIMITED;
        Some(Measured {
            bitrate: believed(received.min(tried) as f64),
            limit: limited.then(|| believed(carried)),
            noise,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A probe of twelve packets of 1000 bytes that arrive at these times, in milliseconds.
    fn probed(arrivals: [u64; 12]) -> Option<Measured> {
        let start = Instant::now();
        let mut prober = Prober::default();
        prober.sent(start, 0..12);
        let results = arrivals.iter().enumerate().map(|(index, ms)| PacketResult {
            ext_seq: index as u64,
            sent: start,
            size: 1000,
            arrived: Some(Duration::from_millis(5000 + ms)),
        });
        prober.on_results(start + Duration::from_millis(200), &results.collect::<Vec<_>>())
    }

    #[test]
    fn a_narrow_place_is_measured_by_packets_that_come_evenly() {
        let even = probed([0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88]);
        assert_eq!(
            even,
            Some(Measured { bitrate: Bitrate(950_000), limit: Some(Bitrate(950_000)), noise: Duration::ZERO })
        );
    }

    #[test]
    fn probes_follow_one_another_soon_and_reach_far_until_one_is_in_vain() {
        let start = Instant::now();
        let mut prober = Prober::default();
        let (target, wanted) = (Bitrate(1_000_000), Bitrate(50_000_000));
        let plan = |prober: &mut Prober, after| {
            prober.plan(start + after, target, wanted, true, None, true).map(|plan| plan.bitrate.bps())
        };
        assert_eq!(plan(&mut prober, Duration::ZERO), Some(2_000_000));
        prober.learned(start, true);
        assert_eq!(plan(&mut prober, SHORT_PAUSE), Some(3_000_000));
        prober.learned(start, false);
        assert_eq!(plan(&mut prober, PAUSE), None);
        assert_eq!(plan(&mut prober, PAUSE * 2), Some(2_000_000));
        prober.learned(start, true);
        assert_eq!(plan(&mut prober, SHORT_PAUSE), None, "the way is known now");
    }

    #[test]
    fn of_packets_that_come_by_chance_the_least_is_believed_and_the_most_is_the_limit() {
        let Some(uneven) = probed([0, 0, 30, 30, 30, 31, 60, 60, 60, 60, 88, 88]) else { panic!("measured") };
        assert!(uneven.noise > Duration::from_millis(4), "{uneven:?}");
        assert!(
            uneven.bitrate.bps() < 900_000 && uneven.limit.is_some_and(|limit| limit.bps() > 1_000_000),
            "{uneven:?}"
        );
    }
}

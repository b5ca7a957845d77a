//! What may be sent: up while nothing speaks against it, down to what arrives when something does
//! (draft-ietf-rmcat-gcc-02 §5.5 and §6).

use std::time::{Duration, Instant};

use super::probe::Measured;
use super::trend::Usage;
use super::{CEILING, FLOOR, loss};
use crate::units::Bitrate;

/// A queue that stands so long hurts nobody.
pub const TOLERATED_QUEUE: Duration = Duration::from_millis(50);
/// One that grows is none before it is so long, and on a way that delays packets by chance a longer one.
const LEAST_QUEUE: Duration = Duration::from_millis(8);
/// One that stands so long is congestion, growing or not.
const CONGESTED_QUEUE: Duration = Duration::from_millis(90);
/// On congestion this share of what arrives is kept.
const BACK_OFF: f64 = 0.85;
/// A standing queue is given so long to run empty.
const DRAIN: Duration = Duration::from_millis(600);
/// While it does, this share of what arrives is kept at least.
const DRAIN_LEAST: f64 = 0.55;
/// Growth per second far from where congestion was met, and near to it.
const FAR: f64 = 0.08;
const NEAR: f64 = 0.02;
/// No more than so much beyond what arrives can be believed without a probe.
const BEYOND_ACKED: f64 = 1.5;
/// So much of what arrives needs no proof.
const VERIFIED: f64 = 1.1;
/// What a probe found to be the limit is not exceeded for so long without another.
const LIMIT_HOLDS: Duration = Duration::from_secs(20);
/// After backing off, the way is left alone for a round trip and this.
const SETTLE: Duration = Duration::from_millis(150);

/// A queue that stays as long as it was, within this, although less is sent
const SAME_QUEUE: Duration = Duration::from_millis(15);
/// after backing off so often is none of ours: the way has become a longer one.
const IN_VAIN: u32 = 2;
/// Back-offs that lie further apart, beyond what draining takes, have nothing to do with each other.
const IN_A_ROW: Duration = Duration::from_secs(1);

/// Of the noise that a probe met so much is left at the next one.
const NOISE_STAYS: f64 = 0.7;

/// What is known of the way when feedback comes.
#[derive(Clone, Copy, Debug)]
pub struct Congestion {
    /// What the trend of delay says.
    pub usage: Usage,
    /// How long the queue stands.
    pub queue: Duration,
    /// Share lost.
    pub loss: f32,
    /// It is so much that it is congestion, whatever delay says.
    pub heavy_loss: bool,
    /// What arrives.
    pub acked: Option<Bitrate>,
    /// Round trip.
    pub rtt: Duration,
}

impl Congestion {
    /// Delay speaks of it, and not loss alone.
    pub fn is_delay(&self) -> bool {
        self.queue > CONGESTED_QUEUE || self.usage == Usage::Over
    }
}

/// A queue that was backed off from.
#[derive(Clone, Copy, Debug)]
struct Stood {
    queue: Duration,
    /// When that was done last, and how often since it was done first.
    last: Instant,
    again: u32,
    /// What was kept the first time.
    kept: f64,
}

/// The rate.
#[derive(Debug)]
pub struct RateControl {
    target: f64,
    updated: Option<Instant>,
    decreased: Option<Instant>,
    /// Mean and spread of what arrived when congestion was met, in bits per second.
    met: Option<(f64, f64)>,
    /// Until when less is sent so that a queue runs empty, and what may be sent then.
    draining_until: Option<Instant>,
    after_drain: f64,
    /// What was backed off from last.
    stood: Option<Stood>,
    /// What the last probe found to be all that the way carries, and when.
    limit: Option<(Instant, f64)>,
    /// How much probes' packets are delayed by chance.
    noise: Duration,
}

impl RateControl {
    /// Starts with an assumption.
    pub fn new(start: Bitrate) -> Self {
        Self {
            target: start.bps() as f64,
            updated: None,
            decreased: None,
            met: None,
            draining_until: None,
            after_drain: 0.0,
            stood: None,
            limit: None,
            noise: Duration::ZERO,
        }
    }

    /// What may be sent.
    pub fn target(&self) -> Bitrate {
        Bitrate(self.target as u64)
    }

    /// What may be sent once the queue has run empty.
    pub fn sustained(&self) -> Bitrate {
        Bitrate(if self.draining_until.is_some() { self.after_drain.max(self.target) } else { self.target } as u64)
    }

    /// The limit of the way was met not long ago, so that the figure is near to it.
    pub fn is_limited(&self, now: Instant) -> bool {
        let lately = |at: Instant| now.saturating_duration_since(at) < LIMIT_HOLDS;
        self.decreased.is_some_and(lately) || self.limit.is_some_and(|(at, _)| lately(at))
    }

    /// How long ago it was lowered.
    pub fn since_decrease(&self, now: Instant) -> Option<Duration> {
        self.decreased.map(|at| now.saturating_duration_since(at))
    }

    /// Feedback came.
    pub fn update(&mut self, now: Instant, seen: &Congestion) {
        let elapsed = self.updated.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let elapsed = elapsed.min(Duration::from_millis(500)).as_secs_f64();
        if let Some(until) = self.draining_until {
            // The queue has run empty, or was none of ours.
            if now >= until || seen.queue < TOLERATED_QUEUE / 2 {
                self.draining_until = None;
                self.set(self.after_drain);
            }
            return;
        }
        let settled = self.since_decrease(now).is_none_or(|since| since > seen.rtt + SETTLE);
        let congested = seen.usage == Usage::Over && seen.queue >= LEAST_QUEUE + self.noise * 2
            || seen.queue > CONGESTED_QUEUE
            || seen.heavy_loss;
        if congested {
            if settled {
                self.back_off(now, seen);
            }
            return;
        }
        // While a queue empties, and while one stands, nothing is added.
        if !settled || seen.usage == Usage::Under || seen.queue > TOLERATED_QUEUE {
            return;
        }
        self.grow(now, elapsed, seen);
    }

    fn back_off(&mut self, now: Instant, seen: &Congestion) {
        self.decreased = Some(now);
        let acked = seen.acked.map_or(self.target, |acked| acked.bps() as f64);
        if !seen.is_delay() {
            // Loss alone: by half of what is lost, and no lower than what does arrive.
            self.set((self.target * f64::from(1.0 - 0.5 * seen.loss)).max(acked.min(self.target) * BACK_OFF));
            return;
        }
        self.remember(acked);
        let kept = (acked * BACK_OFF).min(self.target * BACK_OFF.max(0.95));
        self.after_drain = kept.max(FLOOR.bps() as f64);
        let row = DRAIN + seen.rtt * 2 + IN_A_ROW;
        let same = self.stood.filter(|stood| {
            let close = now.saturating_duration_since(stood.last) <= row;
            close && !seen.heavy_loss && seen.queue.abs_diff(stood.queue) <= SAME_QUEUE
        });
        self.stood = Some(match same {
            Some(stood) => Stood { last: now, again: stood.again + 1, ..stood },
            None => Stood { queue: seen.queue, last: now, again: 0, kept: self.after_drain },
        });
        // What stands in the queue leaves at the way's own rate; so much less must be sent until it is gone.
        let share = 1.0 - seen.queue.as_secs_f64() / DRAIN.as_secs_f64();
        self.set((acked * share.clamp(DRAIN_LEAST, 1.0)).min(kept));
        self.draining_until = Some(now + DRAIN + seen.rtt);
    }

    /// Backing off again and again has not made the queue any shorter, so that it is none: the way takes longer than it
    /// did. What was kept at first is what it carries then.
    pub fn was_in_vain(&mut self) -> bool {
        let Some(stood) = self.stood.take_if(|stood| stood.again >= IN_VAIN) else { return false };
        self.draining_until = None;
        self.met = None;
        self.set(stood.kept.max(self.target));
        true
    }

    fn grow(&mut self, now: Instant, elapsed: f64, seen: &Congestion) {
        let near = self.met.is_some_and(|(mean, spread)| {
            let reach = 3.0 * spread.max(mean * 0.03);
            (self.target - mean).abs() < reach
        });
        if let Some((mean, spread)) = self.met
            && seen.acked.is_some_and(|acked| acked.bps() as f64 > mean + 3.0 * spread.max(mean * 0.03))
        {
            // More arrives than when congestion was met: the way is another one now.
            self.met = None;
        }
        // Loss that goes with no delay may be the way's own; it makes growth careful, not impossible.
        let speed = if near || seen.loss > loss::LOW { NEAR } else { FAR };
        let grown = self.target * (1.0 + speed).powf(elapsed) + if near { 0.0 } else { 1000.0 * elapsed };
        let limit = seen.acked.map_or(self.target, |acked| {
            let acked = acked.bps() as f64;
            let fresh = self.limit.filter(|(at, _)| now.saturating_duration_since(*at) < LIMIT_HOLDS);
            let most = acked * BEYOND_ACKED + 10_000.0;
            fresh.map_or(most, |(_, limit)| most.min(limit.max(acked * VERIFIED)))
        });
        if grown <= limit {
            self.set(grown);
        }
    }

    /// A probe measured so much. What was believed in beyond what arrives has met its test then.
    pub fn probed(&mut self, now: Instant, probe: Measured, acked: Option<Bitrate>, quiet: bool) {
        self.noise = probe.noise.max(self.noise.mul_f64(NOISE_STAYS));
        let measured = probe.bitrate.bps() as f64;
        if self.draining_until.is_some() || !quiet {
            return;
        }
        let limit = probe.limit.map(|limit| limit.bps() as f64);
        self.limit = limit.map(|limit| (now, limit));
        if measured <= self.target {
            // Jitter may have stretched a probe: what has arrived for a while is believed in more.
            let least = acked.map_or(self.target, |acked| acked.bps() as f64 * VERIFIED);
            if let Some(limit) = limit {
                self.set(self.target.min(limit.max(least)));
            }
            return;
        }
        let settled = self.since_decrease(now).is_none_or(|since| since > Duration::from_millis(500));
        if settled {
            self.set(measured);
        }
    }

    /// Feedback stays away.
    pub fn unheard(&mut self, now: Instant) {
        if self.updated.is_some_and(|at| now.saturating_duration_since(at) >= Duration::from_millis(500)) {
            self.updated = Some(now);
            self.set(self.target * 0.8);
        }
    }

    fn remember(&mut self, acked: f64) {
        const WEIGHT: f64 = 0.2;
        self.met = Some(match self.met {
            Some((mean, spread)) if (acked - mean).abs() < 3.0 * spread.max(mean * 0.1) => {
                let off = acked - mean;
                (mean + WEIGHT * off, (1.0 - WEIGHT) * spread + WEIGHT * off.abs())
            }
            _ => (acked, acked * 0.03),
        });
    }

    fn set(&mut self, target: f64) {
        self.target = target.clamp(FLOOR.bps() as f64, CEILING.bps() as f64);
    }
}

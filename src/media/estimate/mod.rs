//! How much the way to one subscriber carries, by its transport-wide feedback.
//!
//! Three witnesses: whether delay grows (`trend`, on `groups` of packets), how long the queue on the way stands
//! (`queue`), and how much is lost (`loss`). `rate` turns them into a figure between what has arrived (`acked`) and what
//! may be tried, and `probe` measures beyond what flows: a forwarder's traffic is what publishers send, so that without
//! probes nobody would ever learn that a higher layer fits.
//!
//! After "A Google Congestion Control Algorithm for Real-Time Communication" (draft-ietf-rmcat-gcc-02), with the
//! standing queue as a witness of its own: on a queue that is always full, delay does not grow any more.

mod acked;
mod groups;
mod loss;
mod probe;
mod queue;
mod rate;
mod trend;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use probe::ProbePlan;

use self::acked::AckedRate;
use self::groups::Groups;
use self::loss::LossWindow;
use self::probe::Prober;
use self::queue::StandingQueue;
use self::rate::{Congestion, RateControl};
use self::trend::{Trend, Usage};
use super::pace::Pace;
use crate::rtp::twcc::PacketResult;
use crate::units::Bitrate;

/// What is assumed before anything has been measured: a small picture and everybody's voice.
const START: Bitrate = Bitrate::from_kbps(1000);
/// Never less: voices alone take that much.
const FLOOR: Bitrate = Bitrate::from_kbps(60);
/// Never more.
const CEILING: Bitrate = Bitrate::from_kbps(100_000);
/// Without feedback for so long, while packets are being sent, the way is taken to be broken.
const SILENCE: Duration = Duration::from_millis(1500);

/// Near the limit packets leave at so much of the estimate, in percent, and at once as many as make so much time.
const PACE_NEAR: u64 = 110;
const BURST_NEAR: Duration = Duration::from_millis(10);
/// Elsewhere only what is large against the estimate does not leave at once; no frame of a usual size is.
const PACE_FAR: u64 = 250;
const BURST_FAR: Duration = Duration::from_millis(100);
const LEAST_BURST_FAR: u64 = 16_000;

/// What made the estimate what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is an assumption.
    #[default]
    Start,
    /// Nothing spoke against more.
    Growth,
    /// Packets waited, or ever longer.
    Delay,
    /// Many were lost.
    Loss,
    /// A probe came through so fast, and no faster.
    Probe,
    /// Feedback stays away.
    Silence,
    /// The receiver says so.
    Remb,
}

/// The estimate of one subscriber's way.
#[derive(Debug)]
pub struct Estimator {
    why: Why,
    groups: Groups,
    trend: Trend,
    queue: StandingQueue,
    loss: LossWindow,
    acked: AckedRate,
    rate: RateControl,
    prober: Prober,
    /// When the first packet left.
    begun: Option<Instant>,
    /// When feedback came last.
    heard: Option<Instant>,
    /// The next packet's number when silence was last looked for.
    next_number: u64,
    /// The receiver's own figure, for one that gives no transport-wide feedback.
    remb: Option<Bitrate>,
}

impl Default for Estimator {
    fn default() -> Self {
        Self::new()
    }
}

impl Estimator {
    /// Nothing has been sent.
    pub fn new() -> Self {
        Self {
            why: Why::Start,
            groups: Groups::default(),
            trend: Trend::default(),
            queue: StandingQueue::default(),
            loss: LossWindow::default(),
            acked: AckedRate::default(),
            rate: RateControl::new(START),
            prober: Prober::default(),
            begun: None,
            heard: None,
            next_number: 0,
            remb: None,
        }
    }

    /// What one feedback said, in the order of the packets' numbers. `rtt` is zero while unknown.
    pub fn on_results(&mut self, now: Instant, results: &[PacketResult], rtt: Duration) {
        if results.is_empty() {
            return;
        }
        if self.heard.replace(now).is_some_and(|heard| now.saturating_duration_since(heard) > SILENCE) {
            // What lies before an outage says nothing of the way after it.
            self.groups = Groups::default();
            self.trend = Trend::default();
            self.acked = AckedRate::default();
            self.queue.restart();
        }
        self.loss.turn(now);
        if results.iter().any(|result| result.arrived.is_some()) {
            self.queue.turn(now);
        }
        for result in results {
            self.loss.count(result.arrived.is_some());
            let Some(arrived) = result.arrived else { continue };
            self.acked.arrived(arrived, result.size);
            self.queue.observe(result.sent, arrived);
            if let Some(delta) = self.groups.add(result.sent, arrived) {
                self.trend.add(delta);
            }
        }
        let congestion = Congestion {
            usage: self.trend.usage(),
            queue: self.queue.standing(),
            loss: self.loss.share(now),
            heavy_loss: self.loss.is_high(now),
            acked: self.acked.rate(),
            rtt: if rtt.is_zero() { Duration::from_millis(100) } else { rtt },
        };
        let before = self.rate.target();
        self.rate.update(now, &congestion);
        if self.rate.was_in_vain() {
            self.queue.forget_least();
            self.trend = Trend::default();
        }
        self.why = match self.rate.target() {
            target if target < before && congestion.is_delay() => Why::Delay,
            target if target < before => Why::Loss,
            target if target > before => Why::Growth,
            _ => self.why,
        };
        if let Some(measured) = self.prober.on_results(now, results) {
            let quiet = congestion.usage != Usage::Over && congestion.queue < rate::TOLERATED_QUEUE;
            let before = self.rate.target();
            self.rate.probed(now, measured, congestion.acked, quiet);
            self.prober.learned(now, self.rate.target() > before);
            if self.rate.target() != before {
                self.why = Why::Probe;
            }
        }
    }

    /// The receiver's own estimate (REMB); it counts only where there is no transport-wide feedback.
    pub fn on_remb(&mut self, bitrate: Bitrate) {
        self.remb = Some(bitrate.clamp(FLOOR, CEILING));
        if self.heard.is_none() {
            self.why = Why::Remb;
        }
    }

    /// Has a look whether feedback stays away although packets are being sent, by the number of the next one: then less
    /// is tried until it comes back.
    pub fn on_silence(&mut self, now: Instant, next_number: u64) {
        let sent = std::mem::replace(&mut self.next_number, next_number) != next_number;
        if sent && self.heard.is_some_and(|heard| now.saturating_duration_since(heard) > SILENCE) {
            self.rate.unheard(now);
            self.why = Why::Silence;
        }
    }

    /// What made the estimate what it is.
    pub const fn why(&self) -> Why {
        self.why
    }

    /// How long a packet, of those told of, waited beyond what the way itself takes.
    pub fn waited(&self, result: &PacketResult) -> Option<Duration> {
        self.queue.waited(result.sent, result.arrived?)
    }

    /// What may be sent.
    #[cfg(test)]
    pub fn bitrate(&self) -> Bitrate {
        match self.remb {
            Some(remb) if self.heard.is_none() => remb,
            _ => self.rate.target(),
        }
    }

    /// What may be sent for long: while a queue is given time to run empty, less is for a moment. None for a way that
    /// nothing will ever be known of: its receiver gives no feedback.
    pub fn sustained(&self, now: Instant) -> Option<Bitrate> {
        let begun = self.begun.is_none_or(|begun| now.saturating_duration_since(begun) < SILENCE);
        match self.remb {
            _ if self.heard.is_some() => Some(self.rate.sustained()),
            Some(remb) => Some(remb),
            None => begun.then_some(START),
        }
    }

    /// Packets leave from now on, if they have not before.
    pub fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// How fast packets may leave; none where nothing has been measured.
    pub fn pace(&self, now: Instant) -> Option<Pace> {
        self.heard?;
        let estimate = self.rate.sustained();
        let at = |percent| Bitrate(estimate.bps() * percent / 100);
        // While a probe is on its way, what follows it would stand behind it.
        Some(if self.rate.is_limited(now) || self.prober.is_running() {
            Pace::new(at(PACE_NEAR), BURST_NEAR, 0)
        } else {
            Pace::new(at(PACE_FAR), BURST_FAR, LEAST_BURST_FAR)
        })
    }

    /// A probe to be sent now, where `wanted` is more than the estimate; `idle` when nothing else has just left.
    pub fn plan_probe(&mut self, now: Instant, wanted: Bitrate, idle: bool) -> Option<ProbePlan> {
        let quiet = self.trend.usage() != Usage::Over
            && self.queue.standing() < rate::TOLERATED_QUEUE
            && !self.loss.is_high(now);
        self.prober.plan(now, self.rate.target(), wanted.min(CEILING), quiet, self.rate.since_decrease(now), idle)
    }

    /// What was sent of a probe: the extended transport-wide numbers of its packets, first and one beyond the last.
    pub fn probe_sent(&mut self, now: Instant, numbers: std::ops::Range<u64>) {
        self.prober.sent(now, numbers);
    }
}

#[cfg(test)]
mod tests;

//! What the control plane counts. Plain atomics without names: `api` gives them their Prometheus names, and the
//! media wing counts for itself, in integers of each shard.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::units::MediaKind;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of things that are there now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// One less.
    pub fn dec(&self) {
        self.add(-1);
    }

    /// `n` more, or fewer where negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// There are `n` now.
    pub fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One counter for each cause. Causes are words of the program, so there are only so many of them; for paths
/// where a lock costs nothing.
#[derive(Debug, Default)]
pub struct Causes(Mutex<BTreeMap<&'static str, u64>>);

impl Causes {
    /// Counts one.
    pub fn count(&self, cause: &'static str) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).entry(cause).or_default() += 1;
    }

    /// Every cause that occurred, by name.
    pub fn get(&self) -> Vec<(&'static str, u64)> {
        let causes = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        causes.iter().map(|(cause, count)| (*cause, *count)).collect()
    }
}

/// One number for audio, one for video.
#[derive(Debug, Default)]
pub struct ByKind<T> {
    /// Audio.
    pub audio: T,
    /// Video.
    pub video: T,
}

impl<T> ByKind<T> {
    /// The one of a kind.
    pub fn of(&self, kind: MediaKind) -> &T {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }
}

/// What goes outward: by channel (`mail`, `sms`, `push`), and webhooks by what became of them.
#[derive(Debug, Default)]
pub struct Outward {
    /// Messages that went out.
    pub sent: Causes,
    /// Messages that nobody was to hear of any more.
    pub dropped: Causes,
    /// Messages that cannot be sent.
    pub failed: Causes,
    /// Attempts after which a message is tried again.
    pub retried: Causes,
    /// Attempts to deliver a webhook: `delivered`, `retried`, `failed`.
    pub deliveries: Causes,
    queues: [Gauge; 4],
}

impl Outward {
    /// What waits to be sent, by name.
    pub const QUEUES: [&str; 4] = ["mail", "sms", "push", "webhook"];

    /// How many messages of a queue are due; of a name that is none, the last.
    pub fn queue(&self, name: &str) -> &Gauge {
        let index = Self::QUEUES.iter().position(|queue| *queue == name).unwrap_or(Self::QUEUES.len() - 1);
        &self.queues[index]
    }
}

/// The control plane's counters; one of these in a process, shared by `Arc`.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Rooms that are open.
    pub rooms: Gauge,
    /// Participants in rooms, hidden ones included.
    pub participants: Gauge,
    /// Tracks that are published.
    pub tracks_published: ByKind<Gauge>,
    /// Track subscriptions.
    pub tracks_subscribed: ByKind<Gauge>,
    /// Attempts to publish, by kind.
    pub publish_attempts: ByKind<Counter>,
    /// Tracks whose media arrived.
    pub publish_successes: ByKind<Counter>,
    /// Steps of joining, by LiveKit's names of the states: `signal_connected`, `signal_failed`,
    /// `signal_validation_failed`, `rtc_connected`, `rtc_active`, ….
    pub joins: Causes,
    /// Signaling messages received.
    pub signal_requests: Counter,
    /// Signaling messages sent.
    pub signal_responses: Counter,
    /// Signaling connections that are open.
    pub signal_connections: Gauge,
    /// Connections refused before the upgrade, by cause.
    pub connect_refused: Causes,
    /// Tokens refused, by cause.
    pub token_refused: Causes,
    /// Signaling connections that ended by a fault, and requests that were refused, by cause.
    pub signal_errors: Causes,
    /// Requests to the office that were answered with a problem, by its code.
    pub problems: Causes,
    /// Handlers of the office that panicked.
    pub handler_panics: Counter,
    /// Mail, SMS, notifications and webhooks.
    pub outward: Outward,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_each_by_itself() {
        let causes = Causes::default();
        causes.count("expired");
        causes.count("signature");
        causes.count("expired");
        assert_eq!(causes.get(), [("expired", 2), ("signature", 1)]);
    }

    #[test]
    fn a_gauge_goes_both_ways() {
        let gauges = ByKind::<Gauge>::default();
        gauges.of(MediaKind::Video).add(3);
        gauges.of(MediaKind::Video).dec();
        assert_eq!((gauges.audio.get(), gauges.video.get()), (0, 2));
    }
}

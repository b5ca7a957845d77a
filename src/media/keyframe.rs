//! Key-frame requests to one layer: coalesced, spaced out, and repeated until a key frame comes.

use std::time::{Duration, Instant};

/// A layer that has sent nothing for this long is asked no more; when it sends again, whoever waits asks anew.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(5);

/// The state of the requests to one layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyFrameRequests {
    wanted: bool,
    sent: Option<Instant>,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame.
    pub fn request(&mut self) {
        self.wanted = true;
    }

    /// A key frame has begun: nobody waits any longer.
    pub fn satisfied(&mut self) {
        self.wanted = false;
    }

    /// When [`KeyFrameRequests::take`] will next say yes.
    pub fn due(&self, now: Instant, interval: Duration) -> Option<Instant> {
        if !self.wanted {
            return None;
        }
        Some(self.sent.map_or(now, |sent| (sent + interval).max(now)))
    }

    /// True when a request must go out now; counts as sent. `interval` is the least time between two requests,
    /// `last_packet` the arrival of the layer's newest packet.
    pub fn take(&mut self, now: Instant, interval: Duration, last_packet: Instant) -> bool {
        if !self.wanted || self.due(now, interval).is_some_and(|due| due > now) {
            return false;
        }
        if now.saturating_duration_since(last_packet) > GIVE_UP_AFTER {
            self.wanted = false;
            return false;
        }
        self.sent = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Duration = Duration::from_millis(500);
    const HIGH: Duration = Duration::from_secs(1);

    #[test]
    fn many_requests_within_the_interval_are_one_and_it_is_repeated_until_a_key_frame_comes() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut requests = KeyFrameRequests::default();
        let mut sent = Vec::new();
        for ms in (0..3000).step_by(10) {
            if ms < 400 {
                requests.request();
            }
            if ms == 1700 {
                requests.satisfied();
            }
            if requests.take(at(ms), LOW, at(ms)) {
                sent.push(ms);
            }
        }
        assert_eq!(sent, [0, 500, 1000, 1500]);
        requests.request();
        assert_eq!(requests.due(at(3000), LOW), Some(at(3000)));
        assert!(requests.take(at(3000), LOW, at(3000)));
        assert_eq!(requests.due(at(3100), HIGH), Some(at(4000)));
    }

    #[test]
    fn a_silent_layer_is_left_alone() {
        let t0 = Instant::now();
        let mut requests = KeyFrameRequests::default();
        requests.request();
        assert!(!requests.take(t0 + Duration::from_secs(6), HIGH, t0));
        assert_eq!(requests.due(t0 + Duration::from_secs(6), HIGH), None);
    }
}

//! The last resort: where the way to a subscriber carries too little even for the lowest layers, the pictures that
//! matter least stand still, so that voices and the others stay whole. Only for clients that know what that is.

use std::time::{Duration, Instant};

/// The way must be short for so long before anything is paused.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Whatever is paused stays so at least this long: a picture that comes and goes is worse than none.
const LEAST: Duration = Duration::from_secs(5);
/// After so long it is tried without knowing that it fits: little flows, so that little can be known. Each time in vain
/// doubles it.
const RETRY: Duration = Duration::from_secs(10);
const DOUBLINGS: u32 = 3;
/// What has flown for so long was not in vain.
const PROVEN: Duration = Duration::from_secs(20);

/// A picture's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    since: Option<Instant>,
    /// When it went on last.
    resumed: Option<Instant>,
    vain: u32,
}

impl Pause {
    /// It stands still.
    pub const fn paused(&self) -> bool {
        self.since.is_some()
    }

    /// It stops.
    pub fn pause(&mut self, now: Instant) {
        let proven = self.resumed.is_none_or(|at| now.saturating_duration_since(at) >= PROVEN);
        self.vain = if proven { 0 } else { (self.vain + 1).min(DOUBLINGS) };
        self.since.get_or_insert(now);
    }

    /// It goes on.
    pub fn resume(&mut self, now: Instant) {
        self.since = None;
        self.resumed = Some(now);
    }

    /// It may go on, if it fits; always while it flows.
    pub fn may_flow(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now.saturating_duration_since(since) >= LEAST)
    }

    /// It may go on whether it fits or not.
    pub fn retries(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= RETRY * (1 << self.vain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paused_in_vain_again_and_again_is_tried_ever_less_often() {
        let mut now = Instant::now();
        let mut pause = Pause::default();
        assert!(!pause.paused() && pause.may_flow(now) && !pause.retries(now));
        for wait in [10, 20, 40, 80, 80] {
            pause.pause(now);
            assert!(!pause.may_flow(now + LEAST / 2) && pause.may_flow(now + LEAST));
            assert!(!pause.retries(now + Duration::from_secs(wait - 1)));
            now += Duration::from_secs(wait);
            assert!(pause.retries(now));
            pause.resume(now);
            now += PATIENCE;
        }
        now += PROVEN;
        pause.pause(now);
        assert!(pause.retries(now + RETRY));
    }
}

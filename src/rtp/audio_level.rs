//! How loud a participant is, smoothed (LiveKit `pkg/sfu/audio/audiolevel.go`).

use std::time::{Duration, Instant};

use crate::units::{ClockRate, RtpTime};

const SILENCE: u8 = 127;

/// What counts as speaking (LiveKit's `audio` settings).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelParams {
    /// Levels up to this many -dBov count as active.
    pub active_level: u8,
    /// Length of a window, in milliseconds of media; at least 1.
    pub window_ms: u32,
    /// A window is active when so many percent of it were.
    pub min_percentile: u8,
    /// The level is an exponential average over so many windows; 0 and 1 for the last one alone.
    pub smooth_intervals: u32,
}

impl Default for LevelParams {
    fn default() -> Self {
        Self { active_level: 35, window_ms: 400, min_percentile: 40, smooth_intervals: 2 }
    }
}

impl LevelParams {
    fn min_active_ms(&self) -> u32 {
        self.window_ms * u32::from(self.min_percentile.min(100)) / 100
    }

    /// Weight of a new window in the average.
    fn smoothing(&self) -> f64 {
        2.0 / (f64::from(self.smooth_intervals.max(1)) + 1.0)
    }

    /// Without packets for so long (muted, or DTX) the level is zero.
    fn stale(&self) -> Duration {
        Duration::from_millis(2 * u64::from(self.window_ms))
    }
}

/// A participant's loudness at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loudness {
    /// Linear level: 0 silence, 1 loudest.
    pub level: f64,
    /// Loud enough for an active speaker.
    pub active: bool,
}

/// Collects the audio levels of one track's packets in windows of media time.
#[derive(Clone, Debug)]
pub struct LevelWindow {
    params: LevelParams,
    clock_rate: ClockRate,
    newest: Option<RtpTime>,
    last_observed: Option<Instant>,
    loudest: u8,
    active_ms: u32,
    observed_ms: u32,
    smoothed: f64,
}

impl LevelWindow {
    /// A silent track with this RTP clock.
    pub const fn new(clock_rate: ClockRate, params: LevelParams) -> Self {
        // A clock that stands still would be divided by.
        let clock_rate = if clock_rate.0 == 0 { ClockRate(1) } else { clock_rate };
        Self {
            params,
            clock_rate,
            newest: None,
            last_observed: None,
            loudest: SILENCE,
            active_ms: 0,
            observed_ms: 0,
            smoothed: 0.0,
        }
    }

    /// Takes note of a packet's level (-dBov, RFC 6464). It stands for the time since the packet before it, by their
    /// timestamps; packets older than the newest are ignored.
    pub fn observe(&mut self, level: u8, timestamp: RtpTime, now: Instant) {
        let newest = *self.newest.get_or_insert(timestamp);
        let ticks = timestamp.distance_from(newest);
        if ticks < 0 {
            return;
        }
        self.newest = Some(timestamp);
        self.last_observed = Some(now);
        // A longer step tells of a pause, not of a longer sound; it fills the window all the same.
        let millis = self.clock_rate.duration(ticks as u32).as_millis().min(u128::from(self.params.window_ms)) as u32;
        self.observed_ms += millis;
        if level <= self.params.active_level {
            self.active_ms += millis;
            self.loudest = self.loudest.min(level);
        }
        if self.observed_ms >= self.params.window_ms.max(1) {
            self.close_window();
        }
    }

    /// The level now.
    pub fn level(&mut self, now: Instant) -> Loudness {
        if self.last_observed.is_none_or(|last| now.saturating_duration_since(last) >= self.params.stale()) {
            self.restart(0.0);
            // Whatever timestamp comes next begins anew, even if the sender's clock was set back.
            self.newest = None;
        }
        Loudness { level: self.smoothed, active: self.smoothed >= linear(f64::from(self.params.active_level)) }
    }

    fn close_window(&mut self) {
        let mut smoothed = 0.0;
        if self.active_ms > 0 && self.active_ms >= self.params.min_active_ms() {
            // The loudest level, less what the window was short of being all active.
            let weight = 20.0 * (f64::from(self.active_ms) / f64::from(self.params.window_ms.max(1))).log10();
            let level = linear(f64::from(self.loudest) - weight);
            smoothed = self.smoothed + (level - self.smoothed) * self.params.smoothing();
        }
        self.restart(smoothed);
    }

    fn restart(&mut self, smoothed: f64) {
        self.smoothed = smoothed;
        self.loudest = SILENCE;
        self.active_ms = 0;
        self.observed_ms = 0;
    }
}

/// A level rounded up to eighths and at most 1, as LiveKit tells it to clients, so that small changes are no changes.
pub fn quantise(level: f64) -> f32 {
    ((level * 8.0).ceil() / 8.0).clamp(0.0, 1.0) as f32
}

/// -dBov to linear.
fn linear(level: f64) -> f64 {
    10f64.powf(-level / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: ClockRate = ClockRate(48_000);

    struct Bench {
        window: LevelWindow,
        timestamp: u32,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                window: LevelWindow::new(OPUS, LevelParams::default()),
                timestamp: u32::MAX - 3_000,
                now: Instant::now(),
            }
        }

        /// So many packets of 20 ms at one level.
        fn packets(&mut self, count: usize, level: u8) -> Loudness {
            for _ in 0..count {
                self.timestamp = self.timestamp.wrapping_add(960);
                self.now += Duration::from_millis(20);
                self.window.observe(level, RtpTime(self.timestamp), self.now);
            }
            self.window.level(self.now)
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_steady_voice_approaches_its_level() {
        let mut bench = Bench::new();
        assert_eq!(bench.packets(20, 20), Loudness::default(), "the window is not full yet");
        let first = bench.packets(1, 20);
        assert!(first.active && close(first.level, 0.1 * LevelParams::default().smoothing()), "{first:?}");
        let later = bench.packets(20 * 10, 20);
        assert!((later.level - 0.1).abs() < 1e-4, "{later:?}");
    }

    #[test]
    fn less_than_forty_percent_of_sound_is_silence() {
        let mut bench = Bench::new();
        bench.packets(1, 127);
        bench.packets(7, 20);
        assert_eq!(bench.packets(13, 127).level, 0.0);
        bench.packets(8, 20);
        let level = bench.packets(12, 127).level;
        assert!(
            close(level, 0.1 * 0.4 * LevelParams::default().smoothing()),
            "weighted by how much was active: {level}"
        );
    }

    #[test]
    fn a_sound_below_the_threshold_is_silence() {
        let mut bench = Bench::new();
        assert_eq!(bench.packets(100, 36), Loudness::default());
    }

    #[test]
    fn the_level_falls_to_zero_when_packets_stop() {
        let mut bench = Bench::new();
        assert!(bench.packets(100, 10).active);
        assert!(bench.window.level(bench.now + LevelParams::default().stale() - Duration::from_millis(1)).active);
        assert_eq!(bench.window.level(bench.now + LevelParams::default().stale()), Loudness::default());
    }

    #[test]
    fn late_packets_and_wild_steps_are_harmless() {
        let mut bench = Bench::new();
        bench.packets(50, 20);
        bench.window.observe(0, RtpTime(bench.timestamp.wrapping_sub(5_000)), bench.now);
        bench.window.observe(0, RtpTime(bench.timestamp.wrapping_add(i32::MAX as u32)), bench.now);
        assert!(bench.window.level(bench.now).level <= 1.0);
    }

    #[test]
    fn levels_are_rounded_up_to_eighths() {
        assert_eq!([0.0, 0.01, 0.125, 0.126, 0.99, 1.3].map(quantise), [0.0, 0.125, 0.125, 0.25, 1.0, 1.0]);
    }
}

//! Whether delay grows: a line through the accumulated differences, held against a threshold that follows the noise
//! of the way (draft-ietf-rmcat-gcc-02 §5.3 to 5.5, with the line of later implementations in place of the filter).

use std::collections::VecDeque;

use super::groups::Delta;

/// Observations in the line.
const WINDOW: usize = 20;
/// Weight of the past in the smoothed delay.
const SMOOTHING: f64 = 0.9;
/// Steepness counts so much, and more the more observations there are, up to [`MOST`].
const GAIN: f64 = 4.0;
const MOST: f64 = 60.0;
/// The threshold follows slowly upwards and faster downwards, in milliseconds per millisecond.
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
const THRESHOLD: std::ops::RangeInclusive<f64> = 6.0..=600.0;
/// Excursions so far beyond the threshold do not move it: they are what it is for.
const EXCURSION: f64 = 15.0;
/// Growth counts as overuse after this time in milliseconds.
const PERSISTENCE: f64 = 10.0;

/// What the trend says of the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Delay stays.
    #[default]
    Normal,
    /// A queue is building up.
    Over,
    /// A queue is running empty.
    Under,
}

/// The line.
#[derive(Debug)]
pub struct Trend {
    /// Arrival and smoothed delay, both in milliseconds.
    points: VecDeque<(f64, f64)>,
    origin: Option<f64>,
    accumulated: f64,
    smoothed: f64,
    count: f64,
    threshold: f64,
    updated: Option<f64>,
    over_for: f64,
    over_count: u32,
    steepness: f64,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            points: VecDeque::with_capacity(WINDOW),
            origin: None,
            accumulated: 0.0,
            smoothed: 0.0,
            count: 0.0,
            threshold: 12.5,
            updated: None,
            over_for: 0.0,
            over_count: 0,
            steepness: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// One more observation.
    pub fn add(&mut self, delta: Delta) {
        let arrived = delta.arrived.as_secs_f64() * 1000.0;
        let at = arrived - *self.origin.get_or_insert(arrived);
        self.count = (self.count + 1.0).min(MOST);
        self.accumulated += delta.delay_ms;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back((at, self.smoothed));
        let previous = self.points.iter().rev().nth(1).map_or(0.0, |(before, _)| at - before);
        let steepness = if self.points.len() == WINDOW { self.slope() } else { self.steepness };
        self.detect(steepness, at, previous);
    }

    /// What it says now.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    fn slope(&self) -> f64 {
        let count = self.points.len() as f64;
        let (sum_x, sum_y) = self.points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (above, below) = self.points.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
            (above + (x - mean_x) * (y - mean_y), below + (x - mean_x) * (x - mean_x))
        });
        if below == 0.0 { self.steepness } else { above / below }
    }

    fn detect(&mut self, steepness: f64, at: f64, elapsed: f64) {
        let measure = self.count * steepness * GAIN;
        if measure > self.threshold {
            self.over_for += if self.over_count == 0 { elapsed / 2.0 } else { elapsed };
            self.over_count += 1;
            if self.over_for > PERSISTENCE && self.over_count > 1 && steepness >= self.steepness {
                self.over_for = 0.0;
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = 0.0;
            self.over_count = 0;
            self.usage = if measure < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.steepness = steepness;
        self.follow(measure, at);
    }

    fn follow(&mut self, measure: f64, at: f64) {
        let elapsed = (at - self.updated.replace(at).unwrap_or(at)).clamp(0.0, 100.0);
        if measure.abs() > self.threshold + EXCURSION {
            return;
        }
        let speed = if measure.abs() < self.threshold { DOWN } else { UP };
        let moved = self.threshold + speed * (measure.abs() - self.threshold) * elapsed;
        self.threshold = moved.clamp(*THRESHOLD.start(), *THRESHOLD.end());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fed(each_ms: impl Fn(u64) -> f64, count: u64) -> Usage {
        let mut trend = Trend::default();
        for index in 0..count {
            let arrived = Duration::from_millis(1000 + index * 20);
            trend.add(Delta { delay_ms: each_ms(index), arrived });
        }
        trend.usage()
    }

    #[test]
    fn growth_is_overuse_shrinking_is_underuse_and_noise_is_neither() {
        assert_eq!(fed(|_| 2.0, 60), Usage::Over);
        assert_eq!(fed(|_| -2.0, 60), Usage::Under);
        assert_eq!(fed(|_| 0.0, 60), Usage::Normal);
        assert_eq!(fed(|index| if index % 2 == 0 { 4.0 } else { -4.0 }, 61), Usage::Normal);
    }

    #[test]
    fn lies_about_time_leave_it_finite() {
        let mut trend = Trend::default();
        for index in 0..200u64 {
            let arrived = Duration::from_millis(if index % 3 == 0 { 10_000_000 } else { index });
            trend.add(Delta { delay_ms: if index % 2 == 0 { 1e9 } else { -1e9 }, arrived });
        }
        assert!(trend.threshold.is_finite() && trend.steepness.is_finite());
    }
}

//! What the connection of one track is worth: a simplified E-model with the weights that LiveKit's clients are used
//! to (`pkg/sfu/connectionquality`), as a mean opinion score and the cause that keeps it from being better.

use std::time::Duration;

use visavis_signaling::proto::ConnectionQuality;

use crate::units::MediaKind;

/// A track without fault.
pub const BEST: f64 = 100.0;
/// However bad it is, it can come back soon.
const WORST: f64 = 30.0;
/// Above these a connection is excellent, or good.
const EXCELLENT: f64 = 80.0;
const GOOD: f64 = 40.0;
/// Bad news is believed at once, good news when it lasts: nobody's mark flickers.
const FALLING: f64 = 0.8;
const RISING: f64 = 0.4;
/// Points for each percent of packets lost: of video 2 % make it good, 6 % poor; of Opus with its correction 3.75 % and
/// 11.25 %.
const VIDEO_LOSS: f64 = 10.0;
const AUDIO_LOSS: f64 = 8.0 / 1.5;
/// Points for each spatial layer that the subscriber should have and has not.
const LAYER: f64 = 35.0;
/// Windows without a packet after which nothing is known of a track any more.
const FORGOTTEN: u8 = 3;

/// What spoils a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Packets are lost on the way to the server.
    LossUp,
    /// Packets are lost on the way from the server.
    LossDown,
    /// The way is long.
    Delay,
    /// The line is uneven.
    Jitter,
    /// The way is narrow: pictures are smaller than asked for.
    Layer,
}

/// Which way a track goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

/// What some seconds brought of one track.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// To us or from us.
    pub way: Way,
    /// Audio or video.
    pub kind: MediaKind,
    /// Packets that should have come.
    pub packets: f64,
    /// Those of them that did not.
    pub lost: f64,
    /// Round trip.
    pub rtt: Option<Duration>,
    /// Interarrival jitter.
    pub jitter: Option<Duration>,
    /// Spatial layers less than were asked for and are to be had.
    pub missing_layers: u8,
}

impl Window {
    /// Nothing has come yet.
    pub const fn new(way: Way, kind: MediaKind, rtt: Option<Duration>) -> Self {
        Self { way, kind, packets: 0.0, lost: 0.0, rtt, jitter: None, missing_layers: 0 }
    }

    /// Points, and what takes away most of them.
    fn judge(&self) -> (f64, Cause) {
        let weight = if self.kind == MediaKind::Video { VIDEO_LOSS } else { AUDIO_LOSS };
        let loss = weight * 100.0 * (self.lost / self.packets).clamp(0.0, 1.0);
        let millis = |time: Option<Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
        // A playout buffer absorbs jitter by waiting about twice as long.
        let (way, uneven) = (millis(self.rtt) / 2.0, 2.0 * millis(self.jitter));
        let delay = impairment(way + uneven);
        let layers = f64::from(self.missing_layers) * LAYER;
        let lossy = if self.way == Way::Up { Cause::LossUp } else { Cause::LossDown };
        let slow = if uneven > way { Cause::Jitter } else { Cause::Delay };
        let line = loss + delay;
        let cause = match () {
            () if layers > line => Cause::Layer,
            () if delay > loss => slow,
            () => lossy,
        };
        ((BEST - line.max(layers)).max(0.0), cause)
    }
}

/// What a delay takes away, in milliseconds one way.
fn impairment(delay: f64) -> f64 {
    if delay > 160.0 { (delay - 120.0) / 10.0 } else { delay / 40.0 }
}

/// The score of one track over time.
#[derive(Clone, Copy, Debug)]
pub struct Scorer {
    score: f64,
    cause: Cause,
    idle: u8,
}

impl Scorer {
    /// Nothing bad is known.
    pub const fn new() -> Self {
        Self { score: BEST, cause: Cause::Delay, idle: 0 }
    }

    /// Takes another window into account. One without packets says nothing: a muted microphone, a layer that nobody
    /// wants, a picture that stands still.
    pub fn update(&mut self, window: &Window) {
        if window.packets <= 0.0 {
            self.idle = self.idle.saturating_add(1);
            if self.idle >= FORGOTTEN {
                self.score = BEST;
            }
            return;
        }
        self.idle = 0;
        let (points, cause) = window.judge();
        let factor = if points < self.score { FALLING } else { RISING };
        if points < BEST {
            self.cause = cause;
        }
        self.score = (factor * points + (1.0 - factor) * self.score).max(WORST);
    }

    /// Points and cause.
    pub const fn verdict(&self) -> Verdict {
        Verdict { score: self.score, cause: self.cause }
    }
}

/// How a connection does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Points, up to [`BEST`].
    pub score: f64,
    /// What takes away most of them, if any are.
    pub cause: Cause,
}

impl Verdict {
    /// Nothing bad is known.
    pub const fn best() -> Self {
        Scorer::new().verdict()
    }

    /// The worse of two.
    pub fn worse(self, other: Self) -> Self {
        if other.score < self.score { other } else { self }
    }

    /// As a mean opinion score, 1 to 4.5.
    pub fn mos(&self) -> f64 {
        let r = self.score.clamp(0.0, BEST);
        1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)
    }

    /// As clients know it.
    pub fn quality(&self) -> ConnectionQuality {
        match self.score {
            score if score > EXCELLENT => ConnectionQuality::Excellent,
            score if score > GOOD => ConnectionQuality::Good,
            _ => ConnectionQuality::Poor,
        }
    }

    /// What keeps it from being excellent.
    pub fn fault(&self) -> Option<Cause> {
        (self.quality() != ConnectionQuality::Excellent).then_some(self.cause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(kind: MediaKind) -> Window {
        Window {
            way: Way::Down,
            kind,
            packets: 500.0,
            lost: 0.0,
            rtt: Some(Duration::from_millis(30)),
            jitter: Some(Duration::from_millis(3)),
            missing_layers: 0,
        }
    }

    fn after(windows: &[(Window, usize)]) -> Verdict {
        let mut scorer = Scorer::new();
        for (window, times) in windows {
            (0..*times).for_each(|_| scorer.update(window));
        }
        scorer.verdict()
    }

    #[test]
    fn a_good_line_is_excellent() {
        let verdict = after(&[(clean(MediaKind::Video), 10)]);
        assert_eq!((verdict.quality(), verdict.fault()), (ConnectionQuality::Excellent, None));
        assert!(verdict.mos() > 4.4, "{}", verdict.mos());
    }

    #[test]
    fn each_fault_is_named_and_marks_the_connection_down() {
        let video = clean(MediaKind::Video);
        let cases = [
            (Window { lost: 15.0, ..video }, ConnectionQuality::Good, Cause::LossDown),
            (Window { lost: 50.0, way: Way::Up, ..video }, ConnectionQuality::Poor, Cause::LossUp),
            (Window { lost: 15.0, ..clean(MediaKind::Audio) }, ConnectionQuality::Excellent, Cause::LossDown),
            (Window { lost: 25.0, ..clean(MediaKind::Audio) }, ConnectionQuality::Good, Cause::LossDown),
            (Window { rtt: Some(Duration::from_millis(900)), ..video }, ConnectionQuality::Good, Cause::Delay),
            (Window { jitter: Some(Duration::from_millis(250)), ..video }, ConnectionQuality::Good, Cause::Jitter),
            (Window { missing_layers: 1, ..video }, ConnectionQuality::Good, Cause::Layer),
            (Window { missing_layers: 2, ..video }, ConnectionQuality::Poor, Cause::Layer),
        ];
        for (window, quality, cause) in cases {
            let verdict = after(&[(window, 12)]);
            assert_eq!(verdict.quality(), quality, "{window:?}: {verdict:?}");
            assert_eq!(verdict.cause, cause, "{window:?}");
        }
    }

    #[test]
    fn it_falls_in_one_window_and_rises_in_several() {
        let bad = Window { lost: 100.0, ..clean(MediaKind::Video) };
        assert_eq!(after(&[(bad, 1)]).quality(), ConnectionQuality::Poor);
        assert_eq!(after(&[(bad, 1), (clean(MediaKind::Video), 1)]).quality(), ConnectionQuality::Good);
        assert_eq!(after(&[(bad, 3), (clean(MediaKind::Video), 5)]).quality(), ConnectionQuality::Excellent);
    }

    #[test]
    fn silence_says_nothing_and_is_forgotten_after_a_while() {
        let bad = Window { lost: 100.0, ..clean(MediaKind::Video) };
        let silent = Window { packets: 0.0, ..clean(MediaKind::Video) };
        assert_eq!(after(&[(silent, 9)]), Verdict::best());
        assert_eq!(after(&[(bad, 2), (silent, 2)]).quality(), ConnectionQuality::Poor);
        assert_eq!(after(&[(bad, 2), (silent, 3)]).quality(), ConnectionQuality::Excellent);
    }

    proptest! {
        #[test]
        fn no_figures_make_a_connection_lost_or_the_score_leave_its_scale(
            windows in proptest::collection::vec((0.0f64..1e6, -10.0f64..1e6, 0u64..100_000, 0u64..100_000, any::<u8>()), 1..20)
        ) {
            let mut scorer = Scorer::new();
            for (packets, lost, rtt, jitter, missing_layers) in windows {
                let (rtt, jitter) = (Some(Duration::from_millis(rtt)), Some(Duration::from_millis(jitter)));
                scorer.update(&Window { packets, lost, rtt, jitter, missing_layers, ..clean(MediaKind::Audio) });
                let verdict = scorer.verdict();
                prop_assert!((WORST..=BEST).contains(&verdict.score));
                prop_assert!((1.0..=4.5).contains(&verdict.mos()));
                prop_assert_ne!(verdict.quality(), ConnectionQuality::Lost);
            }
        }
    }
}

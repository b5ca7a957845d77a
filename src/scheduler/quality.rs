//! From a minute's figures to a mean opinion score and its cause: a simplified E-model (ITU-T G.107) with the
//! impairments of Opus. Where the media core judged for itself, by what each track met with, its word counts.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::units::Bitrate;

/// How somebody's connection did in a minute; what was not measured is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Mean round trip.
    pub rtt: Option<Duration>,
    /// Worst jitter of what was published.
    pub jitter: Option<Duration>,
    /// Share of packets lost on the way to the server, 0 to 1.
    pub loss_up: Option<f64>,
    /// Share of packets lost on the way from the server, 0 to 1.
    pub loss_down: Option<f64>,
    /// Mean rate to the server.
    pub bitrate_up: Option<Bitrate>,
    /// Mean rate from the server.
    pub bitrate_down: Option<Bitrate>,
    /// The lowest video layer received.
    pub layer: Option<&'static str>,
    /// What the media core thinks of it.
    pub judged: Option<Assessment>,
}

/// What a minute was worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// Mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// What kept it from being better, where it was not good.
    pub cause: Option<Cause>,
}

/// What spoilt a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Packets are lost on the way to the server.
    LossUp,
    /// Packets are lost on the way from the server.
    LossDown,
    /// The way is long.
    Delay,
    /// The line is uneven.
    Jitter,
    /// The line is narrow, and so is the picture.
    Layer,
}

impl Cause {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::LossUp => "loss_up",
            Cause::LossDown => "loss_down",
            Cause::Delay => "delay",
            Cause::Jitter => "jitter",
            Cause::Layer => "layer",
        }
    }

    /// The cause of that word.
    pub fn parse(word: &str) -> Option<Cause> {
        let all = [Cause::LossUp, Cause::LossDown, Cause::Delay, Cause::Jitter, Cause::Layer];
        all.into_iter().find(|cause| cause.as_str() == word)
    }
}

/// R of a connection without fault that carries Opus.
const BEST: f64 = 93.2;
/// How well Opus stands random loss, in G.107's terms (Bpl with in-band correction).
const ROBUSTNESS: f64 = 20.0;
/// A score below this has a cause.
pub(super) const GOOD: f64 = 4.0;
/// What decoding and playing out take at least.
const PLAYOUT: f64 = 40.0;

/// Judges a minute; none where nothing was measured that could be judged.
pub fn assess(figures: &Figures) -> Option<Assessment> {
    if figures.rtt.is_none() && figures.loss_up.is_none() && figures.loss_down.is_none() {
        return None;
    }
    if let Some(judged) = figures.judged {
        return Some(Assessment { cause: judged.cause.filter(|_| judged.mos < GOOD), ..judged });
    }
    let millis = |time: Option<Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let (rtt, jitter) = (millis(figures.rtt), millis(figures.jitter));
    let share = |loss: Option<f64>| loss.unwrap_or_default().clamp(0.0, 1.0);
    let loss_impairment = |loss: f64| 95.0 * loss * 100.0 / (loss * 100.0 + ROBUSTNESS);
    let delay_impairment = |delay: f64| 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    let (up, down) = (loss_impairment(share(figures.loss_up)), loss_impairment(share(figures.loss_down)));
    // A playout buffer absorbs jitter by waiting about twice as long.
    let uneven = delay_impairment(rtt / 2.0 + PLAYOUT + 2.0 * jitter) - delay_impairment(rtt / 2.0 + PLAYOUT);
    let long = delay_impairment(rtt / 2.0 + PLAYOUT);
    let r = (BEST - up.max(down) - long - uneven).clamp(0.0, 100.0);
    let mos = (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5);
    let worst = [(up, Cause::LossUp), (down, Cause::LossDown), (long, Cause::Delay), (uneven, Cause::Jitter)]
        .into_iter()
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let cause = worst.filter(|_| mos < GOOD).map(|(_, cause)| cause);
    Some(Assessment { mos, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rtt: u64, up: f64, down: f64, jitter: u64) -> Figures {
        Figures {
            rtt: Some(Duration::from_millis(rtt)),
            jitter: Some(Duration::from_millis(jitter)),
            loss_up: Some(up),
            loss_down: Some(down),
            ..Figures::default()
        }
    }

    #[test]
    fn a_good_line_scores_well_and_has_nothing_to_explain() {
        let good = assess(&figures(20, 0.0, 0.0, 2)).expect("figures");
        assert!(good.mos > 4.2, "{good:?}");
        assert_eq!(good.cause, None);
        assert_eq!(assess(&Figures::default()), None);
    }

    #[test]
    fn the_cause_is_what_weighs_most() {
        let cause = |figures| assess(&figures).and_then(|it| it.cause);
        assert_eq!(cause(figures(20, 0.1, 0.0, 2)), Some(Cause::LossUp));
        assert_eq!(cause(figures(20, 0.01, 0.1, 2)), Some(Cause::LossDown));
        assert_eq!(cause(figures(900, 0.0, 0.0, 2)), Some(Cause::Delay));
        assert_eq!(cause(figures(100, 0.0, 0.0, 400)), Some(Cause::Jitter));
    }

    #[test]
    fn more_loss_and_longer_ways_never_score_better() {
        let mos = |figures| assess(&figures).map(|it| it.mos).unwrap_or_default();
        let mut last = 5.0;
        for loss in [0.0, 0.01, 0.05, 0.1, 0.3, 1.0] {
            let now = mos(figures(50, loss, 0.0, 5));
            assert!(now <= last && now >= 1.0, "{loss}: {now}");
            last = now;
        }
        assert!(mos(figures(50, 0.0, 0.0, 5)) >= mos(figures(500, 0.0, 0.0, 5)));
    }
}

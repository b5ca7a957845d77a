//! What a publisher need send of one track: for each codec the best quality that any subscriber wants (LiveKit's
//! `pkg/rtc/dynacast`). More is asked for at once, less only after a while, so that a subscriber who changes its mind
//! does not make the publisher's encoders stop and start. Sound has no layers and is cheap: of a track in several codecs
//! each is wanted or not, and that is told at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use visavis_signaling::proto::{
    SubscribedAudioCodec, SubscribedAudioCodecUpdate, SubscribedCodec, SubscribedQuality, SubscribedQualityUpdate,
    VideoQuality,
};

use crate::media::Quality;
use crate::rooms::participant::ParticipantKey;
use crate::rtp::Codec;
use crate::units::MediaKind;

/// Less is asked for when it has been enough for this long.
pub const LOWER_AFTER: Duration = Duration::from_secs(5);
/// A new track that nobody wants is told so after this long: its first subscribers are under way.
pub const FIRST_AFTER: Duration = Duration::from_secs(10);

const QUALITIES: [Quality; 3] = [Quality::Low, Quality::Medium, Quality::High];

/// The best quality that is wanted of each codec; none where nobody wants it.
pub type Wanted = Vec<(Codec, Option<Quality>)>;

/// What the subscribers of one track want, and what its publisher was told of that.
#[derive(Debug)]
pub struct Dynacast {
    wants: HashMap<ParticipantKey, (Codec, Quality)>,
    lanes: Vec<Lane>,
    since: Instant,
    kind: MediaKind,
    told: Option<Wanted>,
    /// When less is asked for, while more was than is wanted now.
    lower_at: Option<Instant>,
}

/// One codec's subscribers.
#[derive(Debug)]
struct Lane {
    codec: Codec,
    /// How many want each quality.
    counts: [u32; QUALITIES.len()],
}

impl Dynacast {
    /// A track that nobody has subscribed to.
    pub fn new(now: Instant, kind: MediaKind) -> Self {
        Self { wants: HashMap::new(), lanes: Vec::new(), since: now, kind, told: None, lower_at: None }
    }

    /// The track is published in this codec too.
    pub fn add_codec(&mut self, codec: Codec) {
        self.lane(codec);
    }

    /// What a subscriber wants from now on.
    pub fn want(&mut self, subscriber: ParticipantKey, want: Option<(Codec, Quality)>) {
        let before = match want {
            Some(want) => self.wants.insert(subscriber, want),
            None => self.wants.remove(&subscriber),
        };
        if let Some((codec, quality)) = before {
            self.lane(codec).counts[quality as usize] -= 1;
        }
        if let Some((codec, quality)) = want {
            self.lane(codec).counts[quality as usize] += 1;
        }
    }

    /// What the publisher is to be told now, if anything.
    pub fn look(&mut self, now: Instant) -> Option<Wanted> {
        let wanted = self.wanted();
        let video = self.kind == MediaKind::Video;
        let due = match &self.told {
            _ if wanted.is_empty() => false,
            None => !self.wants.is_empty() || video && now.saturating_duration_since(self.since) >= FIRST_AFTER,
            Some(told) if *told == wanted => {
                self.lower_at = None;
                false
            }
            Some(told) if video && lowers_only(told, &wanted) => now >= *self.lower_at.get_or_insert(now + LOWER_AFTER),
            Some(_) => true,
        };
        due.then(|| self.tell(wanted))
    }

    /// Time alone may change what [`Self::look`] says.
    pub fn is_waiting(&self) -> bool {
        self.kind == MediaKind::Video && (self.lower_at.is_some() || self.told.is_none())
    }

    /// The publisher may not know what it was told, or did not care: it is told anew.
    pub fn forget(&mut self) {
        self.told = None;
    }

    fn tell(&mut self, wanted: Wanted) -> Wanted {
        self.lower_at = None;
        self.told = Some(wanted.clone());
        wanted
    }

    fn wanted(&self) -> Wanted {
        let best = |lane: &Lane| QUALITIES.into_iter().rev().find(|quality| lane.counts[*quality as usize] > 0);
        self.lanes.iter().map(|lane| (lane.codec, best(lane))).collect()
    }

    fn lane(&mut self, codec: Codec) -> &mut Lane {
        let at = self.lanes.iter().position(|lane| lane.codec == codec).unwrap_or_else(|| {
            self.lanes.push(Lane { codec, counts: [0; QUALITIES.len()] });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }
}

/// Nothing of `wanted` goes beyond what was told.
fn lowers_only(told: &Wanted, wanted: &Wanted) -> bool {
    // Codecs are only ever added, at the end.
    told.len() == wanted.len() && told.iter().zip(wanted).all(|(told, wanted)| wanted.1 <= told.1)
}

/// The message for the publisher of sound.
pub fn audio_update(track_sid: &str, wanted: &Wanted) -> SubscribedAudioCodecUpdate {
    let codec = |(codec, best): &(Codec, Option<Quality>)| SubscribedAudioCodec {
        codec: codec.name().to_ascii_lowercase(),
        enabled: best.is_some(),
    };
    SubscribedAudioCodecUpdate {
        track_sid: track_sid.into(),
        subscribed_audio_codecs: wanted.iter().map(codec).collect(),
    }
}

/// The message for the publisher of a picture.
pub fn update(track_sid: &str, wanted: &Wanted) -> SubscribedQualityUpdate {
    let qualities = |best: Option<Quality>| {
        [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High].into_iter().zip(QUALITIES).map(
            move |(quality, index)| SubscribedQuality {
                quality: quality as i32,
                enabled: best.is_some_and(|best| index <= best),
            },
        )
    };
    let first = wanted.first().and_then(|(_, best)| *best);
    #[allow(deprecated, reason = "older clients read it")]
    SubscribedQualityUpdate {
        track_sid: track_sid.into(),
        subscribed_qualities: qualities(first).collect(),
        subscribed_codecs: wanted
            .iter()
            .map(|(codec, best)| SubscribedCodec {
                codec: codec.name().to_ascii_lowercase(),
                qualities: qualities(*best).collect(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANA: ParticipantKey = ParticipantKey(1);
    const BEN: ParticipantKey = ParticipantKey(2);

    fn vp8(now: Instant) -> Dynacast {
        let mut dynacast = Dynacast::new(now, MediaKind::Video);
        dynacast.add_codec(Codec::Vp8);
        dynacast
    }

    fn of(quality: Quality) -> Option<(Codec, Quality)> {
        Some((Codec::Vp8, quality))
    }

    #[test]
    fn the_first_wish_is_told_at_once_however_small() {
        let now = Instant::now();
        let mut dynacast = vp8(now);
        assert_eq!(dynacast.look(now), None);
        dynacast.want(ANA, of(Quality::Low));
        assert_eq!(dynacast.look(now), Some(vec![(Codec::Vp8, Some(Quality::Low))]));
        assert_eq!(dynacast.look(now), None);
    }

    #[test]
    fn a_track_that_nobody_wants_is_told_so_once_subscribers_would_have_come() {
        let now = Instant::now();
        let mut dynacast = vp8(now);
        assert_eq!(dynacast.look(now + FIRST_AFTER - Duration::from_millis(1)), None);
        assert_eq!(dynacast.look(now + FIRST_AFTER), Some(vec![(Codec::Vp8, None)]));
        assert_eq!(dynacast.look(now + 2 * FIRST_AFTER), None);
    }

    #[test]
    fn more_is_asked_for_at_once_and_less_after_a_while() {
        let now = Instant::now();
        let mut dynacast = vp8(now);
        dynacast.want(ANA, of(Quality::Low));
        dynacast.look(now);
        dynacast.want(BEN, of(Quality::High));
        assert_eq!(dynacast.look(now), Some(vec![(Codec::Vp8, Some(Quality::High))]));
        dynacast.want(BEN, None);
        assert_eq!(dynacast.look(now), None);
        // A further step down does not begin the wait anew.
        dynacast.want(ANA, None);
        assert_eq!(dynacast.look(now + LOWER_AFTER / 2), None);
        assert_eq!(dynacast.look(now + LOWER_AFTER), Some(vec![(Codec::Vp8, None)]));
        dynacast.want(ANA, of(Quality::Low));
        assert_eq!(dynacast.look(now + LOWER_AFTER), Some(vec![(Codec::Vp8, Some(Quality::Low))]), "nothing is less");
    }

    #[test]
    fn whoever_changes_its_mind_in_time_changes_nothing() {
        let now = Instant::now();
        let mut dynacast = vp8(now);
        dynacast.want(ANA, of(Quality::High));
        dynacast.look(now);
        dynacast.want(ANA, None);
        dynacast.look(now);
        dynacast.want(ANA, of(Quality::High));
        assert_eq!(dynacast.look(now + LOWER_AFTER / 2), None);
        dynacast.want(ANA, None);
        assert_eq!(dynacast.look(now + LOWER_AFTER), None, "the wait begins anew");
        assert_eq!(dynacast.look(now + 2 * LOWER_AFTER), Some(vec![(Codec::Vp8, None)]));
    }

    #[test]
    fn a_codec_more_is_told_at_once_with_whatever_became_less() {
        let now = Instant::now();
        let mut dynacast = vp8(now);
        dynacast.want(ANA, of(Quality::High));
        dynacast.look(now);
        dynacast.want(ANA, Some((Codec::H264, Quality::High)));
        let both = vec![(Codec::Vp8, None), (Codec::H264, Some(Quality::High))];
        assert_eq!(dynacast.look(now), Some(both));
    }

    #[test]
    fn what_may_be_forgotten_is_told_again() {
        let now = Instant::now();
        let mut dynacast = vp8(now);
        dynacast.want(ANA, of(Quality::Medium));
        let first = dynacast.look(now);
        dynacast.forget();
        assert_eq!(dynacast.look(now), first);
    }

    #[test]
    fn the_message_names_each_quality_of_each_codec() {
        let update = update("TR_1", &vec![(Codec::Vp9, Some(Quality::Medium)), (Codec::Vp8, None)]);
        let seen = |at: usize| {
            let codec = &update.subscribed_codecs[at];
            let enabled = codec.qualities.iter().map(|it| (it.quality, it.enabled)).collect::<Vec<_>>();
            (codec.codec.clone(), enabled)
        };
        assert_eq!(seen(0), ("vp9".into(), vec![(0, true), (1, true), (2, false)]));
        assert_eq!(seen(1), ("vp8".into(), vec![(0, false), (1, false), (2, false)]));
        #[allow(deprecated)]
        let legacy = &update.subscribed_qualities;
        assert_eq!(*legacy, update.subscribed_codecs[0].qualities);
    }

    proptest! {
        #[test]
        fn the_publisher_never_knows_less_than_is_wanted(
            steps in proptest::collection::vec((0u32..4, 0u8..5, 0u64..4000), 0..60)
        ) {
            let mut now = Instant::now();
            let mut dynacast = vp8(now);
            let mut wants: HashMap<u32, (Codec, Quality)> = HashMap::new();
            let mut told: Wanted = Vec::new();
            for (who, what, passes) in steps {
                now += Duration::from_millis(passes);
                let want = match what {
                    0 => None,
                    4 => Some((Codec::H264, Quality::Medium)),
                    level => of(QUALITIES[usize::from(level) - 1]),
                };
                dynacast.want(ParticipantKey(who), want);
                match want {
                    Some(want) => wants.insert(who, want),
                    None => wants.remove(&who),
                };
                if let Some(update) = dynacast.look(now) {
                    told = update;
                }
                for (codec, quality) in wants.values() {
                    let known = told.iter().find(|(told, _)| told == codec).and_then(|(_, best)| *best);
                    prop_assert!(known >= Some(*quality));
                }
            }
            now += LOWER_AFTER;
            let first = dynacast.look(now);
            told = first.or(dynacast.look(now + LOWER_AFTER)).unwrap_or(told);
            for (codec, best) in told {
                let wanted = wants.values().filter(|(it, _)| *it == codec).map(|(_, quality)| *quality).max();
                prop_assert_eq!(best, wanted);
            }
        }
    }
}

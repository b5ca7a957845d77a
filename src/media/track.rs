//! A publication: its layers, who gets it, and how loud it is.

use std::time::Instant;

use arrayvec::ArrayVec;
use smallvec::SmallVec;

use crate::ids::MediaTrackId;
use crate::rtp::audio_level::{LevelParams, LevelWindow};
use crate::units::{ClockRate, MediaKind, Mid, Rid, RtpTime};

use super::command::TrackSpec;
use super::demand::Demand;
use super::forwarder::ForwarderKey;
use super::mirror::Origin;
use super::relay::Relay;
use super::select::{LAYERS, LayerIndex, LayerSet};
use super::speakers::RoomKey;
use super::stream::{Stream, StreamKey};
use super::table::{Key, Table};

/// Names a track within its shard.
pub type TrackKey = Key<Track>;

/// A published track's state.
pub struct Track {
    /// Its name.
    pub id: MediaTrackId,
    /// The publisher's connection, or the shard that it is on.
    pub origin: Origin,
    /// The room whose speakers it belongs to; none where another shard looks at them.
    pub room: Option<RoomKey>,
    /// Its section.
    pub mid: Mid,
    /// What it publishes.
    pub spec: TrackSpec,
    /// Nothing is forwarded while muted.
    pub muted: bool,
    /// The streams, by quality.
    pub layers: [Option<StreamKey>; LAYERS],
    /// The layers that send.
    pub active: LayerSet,
    /// Who gets it.
    pub forwarders: Vec<ForwarderKey>,
    /// Shards that have a mirror of it.
    pub relays: SmallVec<[Relay; 4]>,
    /// When they were told last of its layers.
    pub told: Option<Instant>,
    /// Of a mirror: what it wants.
    pub demand: Demand,
    /// How loud it is.
    pub level: LevelWindow,
    /// What counts as loud.
    level_params: LevelParams,
    level_rate: ClockRate,
    /// Its first packet has been reported.
    pub started: bool,
}

impl Track {
    /// A track without streams.
    pub fn new(
        id: MediaTrackId,
        origin: Origin,
        room: Option<RoomKey>,
        mid: Mid,
        spec: TrackSpec,
        level: LevelParams,
    ) -> Self {
        Self {
            id,
            origin,
            room,
            mid,
            muted: spec.muted,
            level: LevelWindow::new(ClockRate(48_000), level),
            level_params: level,
            level_rate: ClockRate(48_000),
            spec,
            layers: [None; LAYERS],
            active: LayerSet::default(),
            forwarders: Vec::new(),
            relays: SmallVec::new(),
            told: None,
            demand: Demand::default(),
            started: false,
        }
    }

    /// Audio or video.
    pub const fn kind(&self) -> MediaKind {
        self.spec.kind
    }

    /// The layer that a stream is: by its rid as announced or by the rid's usual meaning; without rid by its
    /// place among `declared` streams. `rids` are those of the section.
    pub fn layer_of(&self, rid: Option<&Rid>, position: usize, declared: usize, rids: &[Rid]) -> LayerIndex {
        if self.kind() == MediaKind::Audio {
            return 0;
        }
        if let Some(rid) = rid {
            if let Some(layer) = self.spec.layers.iter().find(|layer| layer.rid.as_ref() == Some(rid)) {
                return layer.quality as usize;
            }
            if rids.len() == 1 {
                return self.best_layer();
            }
            return layer_of_rid(rid)
                .unwrap_or_else(|| rids.iter().position(|listed| listed == rid).unwrap_or_default().min(LAYERS - 1));
        }
        if declared <= 1 {
            // One stream, whole: SVC, or no simulcast.
            return self.best_layer();
        }
        let qualities: ArrayVec<LayerIndex, LAYERS> =
            self.spec.layers.iter().map(|layer| layer.quality as usize).take(LAYERS).collect();
        qualities.get(position).copied().unwrap_or(position.min(LAYERS - 1))
    }

    /// Takes note of an audio packet's level.
    pub fn heard(&mut self, now: Instant, level: u8, timestamp: RtpTime, rate: ClockRate) {
        if rate != self.level_rate {
            self.level_rate = rate;
            self.level = LevelWindow::new(rate, self.level_params);
        }
        self.level.observe(level, timestamp, now);
    }

    /// Attaches a stream as one of the layers. The stream that it replaces is returned.
    pub fn attach(&mut self, layer: LayerIndex, stream: StreamKey) -> Option<StreamKey> {
        self.active.remove(layer);
        self.layers[layer].replace(stream).filter(|old| *old != stream)
    }

    /// Detaches a stream that is gone.
    pub fn detach(&mut self, stream: StreamKey) {
        for layer in 0..LAYERS {
            if self.layers[layer] == Some(stream) {
                self.layers[layer] = None;
                self.active.remove(layer);
            }
        }
    }

    /// Looks which layers have stopped. True when that changed.
    pub fn refresh_active(&mut self, now: Instant, streams: &Table<Stream>) -> bool {
        let before = self.active;
        let all: [Option<&Stream>; LAYERS] = self.layers.map(|stream| stream.and_then(|stream| streams.get(stream)));
        for layer in 0..LAYERS {
            let Some(stream) = all[layer] else {
                self.active.remove(layer);
                continue;
            };
            let others = all.iter().enumerate().filter(|(index, _)| *index != layer);
            if others.flat_map(|(_, other)| other).any(|other| stream.stopped_beside(now, other)) {
                self.active.remove(layer);
            }
        }
        self.active != before
    }

    /// The highest announced quality.
    fn best_layer(&self) -> LayerIndex {
        self.spec.layers.iter().map(|layer| layer.quality as usize).max().unwrap_or(LAYERS - 1)
    }
}

/// The layer that a rid stands for in the clients of LiveKit (q, h, f) and in OBS (2, 1, 0).
pub fn layer_of_rid(rid: &str) -> Option<LayerIndex> {
    match rid {
        "q" | "2" => Some(0),
        "h" | "1" => Some(1),
        "f" | "0" => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::media::command::{LayerSpec, Quality};

    fn track(layers: &[(Quality, Option<&str>)]) -> Track {
        let spec = TrackSpec {
            kind: MediaKind::Video,
            layers: layers
                .iter()
                .map(|(quality, rid)| LayerSpec {
                    quality: *quality,
                    rid: rid.map(|rid| Rid::from(rid).unwrap()),
                    width: 0,
                    height: 0,
                })
                .collect(),
            muted: false,
            encrypted: false,
            codecs: Vec::new(),
        };
        Track::new(
            MediaTrackId(1),
            Origin::Here(Key::for_tests(0)),
            None,
            Mid::from("0").unwrap(),
            spec,
            LevelParams::default(),
        )
    }

    fn rids(names: &[&str]) -> Vec<Rid> {
        names.iter().map(|name| Rid::from(name).unwrap()).collect()
    }

    #[test]
    fn rids_mean_the_same_in_either_order_and_in_both_alphabets() {
        let track = track(&[(Quality::Low, None), (Quality::Medium, None), (Quality::High, None)]);
        for names in [["q", "h", "f"], ["f", "h", "q"]] {
            let all = rids(&names);
            assert_eq!(track.layer_of(Some(&rids(&["q"])[0]), 0, 0, &all), 0);
            assert_eq!(track.layer_of(Some(&rids(&["f"])[0]), 0, 0, &all), 2);
        }
        let obs = rids(&["2", "1", "0"]);
        assert_eq!(obs.iter().map(|rid| track.layer_of(Some(rid), 0, 0, &obs)).collect::<Vec<_>>(), [0, 1, 2]);
        let own = rids(&["a", "b", "c"]);
        assert_eq!(own.iter().map(|rid| track.layer_of(Some(rid), 0, 0, &own)).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn announced_rids_win_and_a_lone_stream_is_the_best_layer() {
        let two = track(&[(Quality::Low, Some("q")), (Quality::High, Some("h"))]);
        let all = rids(&["q", "h"]);
        assert_eq!(two.layer_of(Some(&all[1]), 0, 0, &all), 2);
        assert_eq!(two.layer_of(None, 0, 1, &[]), 2);
        assert_eq!(two.layer_of(None, 1, 2, &[]), 2, "second of two declared streams");
        assert_eq!(track(&[]).layer_of(None, 0, 0, &[]), 2);
    }
}

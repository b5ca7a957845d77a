//! What a shard hands to other shards: packets that it has opened, for subscribers of the same room who live there, of
//! the layers that they want (`demand`).
//!
//! A packet is queued by name alone, as for subscribers here, and is copied out of its stream's cache when
//! [`Shard::relay`] hands everything over, once in a turn of the loop. What is repaired is relayed as soon as the repair
//! has come. What the way to another shard has no room for is dropped and counted; over there it is a packet like any
//! that the network lost, except that nobody has it any more: its subscribers ask in vain, and then for a key frame.

use std::time::Instant;

use smallvec::SmallVec;

use crate::ids::{MediaDataTrackId, MediaTrackId, ShardIndex};
use crate::units::{NtpTime, RtpTime, Ssrc};

use super::counters::Drop;
use super::feedback::LAYER_INTERVAL;
use super::packet::SourcePacket;
use super::select::{LayerIndex, LayerSet};
use super::shard::Shard;
use super::stream::StreamKey;
use super::track::TrackKey;

/// The shards that have a mirror of something.
pub type Relays = SmallVec<[ShardIndex; 4]>;

/// A shard that has a mirror of a track.
#[derive(Clone, Copy, Debug)]
pub struct Relay {
    /// Which.
    pub to: ShardIndex,
    /// The layers that go there.
    pub layers: LayerSet,
}

/// Messages of data tracks that wait for the end of a turn at most.
const MAX_DATA: usize = 4096;

/// What goes from one shard to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relayed<'a> {
    /// A packet, opened, with its publisher's numbers.
    Packet {
        /// Its track.
        track: MediaTrackId,
        /// Its layer.
        layer: u8,
        /// It came as a retransmission, which is undone.
        repaired: bool,
        /// The whole of it.
        packet: &'a [u8],
    },
    /// A sender report.
    Clock {
        /// The track.
        track: MediaTrackId,
        /// The layer.
        layer: u8,
        /// The layer's stream.
        ssrc: Ssrc,
        /// Wall time by the publisher's clock.
        theirs: NtpTime,
        /// The same instant on the stream's clock.
        rtp: RtpTime,
        /// When it arrived, by ours.
        ours: NtpTime,
    },
    /// Back to the shard that has the publisher: a key frame is needed.
    KeyFrame {
        /// The track.
        track: MediaTrackId,
        /// The layer.
        layer: u8,
    },
    /// Back to that shard as well: these layers are wanted, and no others.
    Wants {
        /// The track.
        track: MediaTrackId,
        /// The layers, each a bit.
        layers: u8,
        /// The shard that wants them.
        of: ShardIndex,
    },
    /// What the layers of a video track are.
    Layers {
        /// The track.
        track: MediaTrackId,
        /// Those that are relayed, each a bit.
        relayed: u8,
        /// What is told of each; `demand` knows how to read it.
        report: &'a [u8],
    },
    /// A packet of a data track.
    Data {
        /// The data track.
        track: MediaDataTrackId,
        /// The packet.
        payload: &'a [u8],
    },
}

/// The ways to the other shards.
pub trait RelaySink {
    /// Takes a message for a shard; false when there is no room for it.
    fn relay(&mut self, to: ShardIndex, message: Relayed<'_>) -> bool;
}

enum Waiting {
    Packet { track: TrackKey, layer: u8, stream: StreamKey, seq: u64, repaired: bool },
    Clock { track: TrackKey, layer: u8 },
    KeyFrame { to: ShardIndex, track: MediaTrackId, layer: u8 },
    Wants { to: ShardIndex, track: MediaTrackId, layers: LayerSet, of: ShardIndex },
    Layers { track: TrackKey, at: Instant },
}

/// What waits to be handed over.
#[derive(Default)]
pub struct RelayQueue {
    waiting: Vec<Waiting>,
    data: Vec<(MediaDataTrackId, Relays, Vec<u8>)>,
}

impl RelayQueue {
    /// How many packets wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A packet of a data track. What does not fit is lost, as it may be on these tracks.
    pub fn data(&mut self, track: MediaDataTrackId, to: &Relays, payload: Vec<u8>) {
        if self.data.len() < MAX_DATA {
            self.data.push((track, to.clone(), payload));
        }
    }

    /// A key frame is needed of a layer that another shard has.
    pub fn key_frame(&mut self, to: ShardIndex, track: MediaTrackId, layer: LayerIndex) {
        self.waiting.push(Waiting::KeyFrame { to, track, layer: layer as u8 });
    }

    /// These layers are wanted of a track that another shard has.
    pub fn wants(&mut self, to: ShardIndex, track: MediaTrackId, layers: LayerSet, of: ShardIndex) {
        self.waiting.push(Waiting::Wants { to, track, layers, of });
    }

    /// Mirrors are told what a track's layers are.
    pub fn layers(&mut self, at: Instant, track: TrackKey) {
        self.waiting.push(Waiting::Layers { track, at });
    }
}

impl Shard {
    /// [`super::Command::RelayTrack`]. The other shard's subscribers are told at once how its sound and picture belong
    /// together, as far as that is known. All layers go there until it says which it wants.
    pub(super) fn relay_track(&mut self, now: Instant, id: MediaTrackId, to: ShardIndex) {
        let Some(key) = self.track_ids.get(&id).copied() else { return self.counters.drop(Drop::UnknownId) };
        let Some(track) = self.tracks.get_mut(key) else { return };
        if track.origin.here().is_none() || track.relays.iter().any(|relay| relay.to == to) {
            return self.counters.drop(Drop::UnknownId);
        }
        track.relays.push(Relay { to, layers: LayerSet::ALL });
        let origin = track.origin;
        LayerSet::ALL.iter().for_each(|layer| self.relay_known_clock(key, layer));
        self.tell_layers(now, key);
        self.look_at(now + LAYER_INTERVAL, origin);
    }

    /// Tells a layer's clock, if it is known.
    pub(super) fn relay_known_clock(&mut self, key: TrackKey, layer: LayerIndex) {
        let stream = self.tracks.get(key).and_then(|track| track.layers[layer]);
        if stream.and_then(|stream| self.streams.get(stream)).is_some_and(|it| it.stats.sender_clock().is_some()) {
            self.relay_clock(key, layer);
        }
    }

    /// [`super::Command::StopRelay`].
    pub(super) fn stop_relay(&mut self, id: MediaTrackId, to: ShardIndex) {
        let key = self.track_ids.get(&id).copied();
        match key.and_then(|key| self.tracks.get_mut(key)) {
            Some(track) => track.relays.retain(|relay| relay.to != to),
            None => self.counters.drop(Drop::UnknownId),
        }
    }

    /// A packet of a track that has mirrors, kept in its stream's cache.
    pub(super) fn relay_packet(&mut self, track: TrackKey, layer: LayerIndex, packet: &SourcePacket, repaired: bool) {
        let (layer, SourcePacket { stream, seq, .. }) = (layer as u8, *packet);
        self.relays.waiting.push(Waiting::Packet { track, layer, stream, seq, repaired });
    }

    /// A layer's clock is known anew.
    pub(super) fn relay_clock(&mut self, track: TrackKey, layer: LayerIndex) {
        self.relays.waiting.push(Waiting::Clock { track, layer: layer as u8 });
    }

    /// Hands over everything that waits for other shards; once in a turn, and whenever [`Shard::should_flush`] says so.
    pub fn relay(&mut self, sink: &mut dyn RelaySink) {
        if self.relays.waiting.is_empty() && self.relays.data.is_empty() {
            return;
        }
        let mut queue = std::mem::take(&mut self.relays);
        for waiting in queue.waiting.drain(..) {
            self.hand_over(&waiting, sink);
        }
        for (track, relays, payload) in queue.data.drain(..) {
            for to in relays {
                self.relay_one(sink, to, payload.len(), Relayed::Data { track, payload: &payload });
            }
        }
        // The buffers are used again.
        self.relays = queue;
    }

    fn hand_over(&mut self, waiting: &Waiting, sink: &mut dyn RelaySink) {
        match *waiting {
            Waiting::Packet { track, layer, stream, seq, repaired } => {
                let Shard { tracks, streams, counters, .. } = self;
                let Some(track) = tracks.get(track) else { return };
                let Some(packet) = streams.get(stream).and_then(|stream| stream.cache.get(seq)) else {
                    return counters.drop(Drop::Stale);
                };
                let message = Relayed::Packet { track: track.id, layer, repaired, packet };
                for relay in track.relays.iter().filter(|relay| relay.layers.contains(usize::from(layer))) {
                    if sink.relay(relay.to, message) {
                        counters.relay_out.count(packet.len());
                    } else {
                        counters.drop(Drop::RelayFull);
                    }
                }
            }
            Waiting::Clock { track, layer } => {
                let Some(track) = self.tracks.get(track) else { return };
                let stream = track.layers[usize::from(layer)].and_then(|stream| self.streams.get(stream));
                let Some((stream, clock)) = stream.and_then(|it| it.stats.sender_clock().map(|clock| (it, clock)))
                else {
                    return;
                };
                let (track, ssrc, relays) = (track.id, stream.ssrc, track.relays.clone());
                let ours = self.ntp(clock.at);
                let message = Relayed::Clock { track, layer, ssrc, theirs: clock.ntp, rtp: clock.rtp, ours };
                relays.into_iter().for_each(|relay| self.relay_one(sink, relay.to, 0, message));
            }
            Waiting::KeyFrame { to, track, layer } => {
                self.relay_one(sink, to, 0, Relayed::KeyFrame { track, layer });
            }
            Waiting::Wants { to, track, layers, of } => {
                self.relay_one(sink, to, 0, Relayed::Wants { track, layers: layers.0, of });
            }
            Waiting::Layers { track, at } => {
                let Some(track) = self.tracks.get(track) else { return };
                let (id, relays, report) = (track.id, track.relays.clone(), self.layers_report(at, track));
                for Relay { to, layers } in relays {
                    let message = Relayed::Layers { track: id, relayed: layers.0, report: &report };
                    self.relay_one(sink, to, report.len(), message);
                }
            }
        }
    }

    fn relay_one(&mut self, sink: &mut dyn RelaySink, to: ShardIndex, bytes: usize, message: Relayed<'_>) {
        if sink.relay(to, message) {
            self.counters.relay_out.count(bytes);
        } else {
            self.counters.drop(Drop::RelayFull);
        }
    }
}

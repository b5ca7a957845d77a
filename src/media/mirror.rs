//! What a shard keeps of publishers that live on other shards.
//!
//! A mirrored track is a track like any other: its streams have caches, out of which NACKs of the subscribers here are
//! answered; selectors choose among its layers, of which those are relayed that somebody here gets or waits for, while
//! the others are told of (`demand`). What goes back to a publisher is different too: its own shard asks it for what is
//! missing, and key-frame requests go there, spaced out here as they are there.

use std::time::Instant;

use arrayvec::ArrayString;
use rand::Rng;
use smallvec::SmallVec;

use crate::ids::{ShardIndex, TransportId};
use crate::rtp::{ExtensionMap, ExtensionTable, ExtensionValues, RtpHeader};
use crate::transport::ReceiverSection;
use crate::units::{NtpTime, RtpTime, Ssrc};

use super::command::MirroredTrack;
use super::counters::Drop;
use super::forwarder::quality_of;
use super::relay::Relayed;
use super::select::{LAYERS, LayerSet};
use super::shard::Shard;
use super::stream::{Stream, StreamKey};
use super::table::Key;
use super::track::{Track, TrackKey};
use super::transports::{ClockMap, TransportKey};

/// A shard that has so many tracks, or data tracks, mirrors no more. Each stream of a mirror takes as much memory as the
/// one that it mirrors.
pub const MAX_MIRRORED: usize = 16 * 1024;

/// Names a mirror within its shard.
pub type MirrorKey = Key<Mirror>;

/// Where the packets of a stream come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A connection of this shard.
    Here(TransportKey),
    /// A publisher on another one.
    Mirror(MirrorKey),
}

impl Origin {
    /// The publisher's connection, if it is on this shard.
    pub const fn here(self) -> Option<TransportKey> {
        match self {
            Self::Here(key) => Some(key),
            Self::Mirror(_) => None,
        }
    }
}

/// A publisher on another shard.
pub struct Mirror {
    /// Its connection's name.
    id: TransportId,
    /// The shard that has it.
    pub(super) from: ShardIndex,
    /// This shard, as that one knows it.
    pub(super) here: ShardIndex,
    /// What was negotiated with it.
    pub sections: Vec<ReceiverSection>,
    extensions: ExtensionTable,
    tracks: Vec<TrackKey>,
    /// Its wall clock.
    pub clock: ClockMap,
    /// Name of its streams' sources towards subscribers here.
    pub cname: ArrayString<16>,
    /// When its streams are looked at next, for key-frame requests.
    pub next_look: Option<Instant>,
}

impl Mirror {
    fn negotiated(&mut self, sections: Vec<ReceiverSection>) {
        let mut map = ExtensionMap::default();
        for (kind, id) in sections.iter().flat_map(|section| section.extensions.iter()) {
            map.set(kind, id);
        }
        self.extensions = ExtensionTable::new(&map);
        self.sections = sections;
    }
}

impl Shard {
    /// [`super::Command::MirrorTrack`].
    pub(super) fn mirror_track(&mut self, mirrored: MirroredTrack) {
        let MirroredTrack { from, here, publisher, receivers, track: id, mid, spec } = mirrored;
        let taken = self.track_ids.contains_key(&id) || self.transport_ids.contains_key(&publisher);
        if taken || self.tracks.len() >= MAX_MIRRORED {
            return self.counters.drop(Drop::UnknownId);
        }
        let key = match self.mirror_ids.get(&publisher) {
            Some(key) => *key,
            None => self.add_mirror(publisher, from, here),
        };
        self.set_mirrored(key, receivers);
        let mut track = Track::new(id, Origin::Mirror(key), None, mid, spec, self.config.tuning.level);
        // The control plane hears of its first packet from the other shard.
        track.started = true;
        let track = self.tracks.insert(track);
        self.track_ids.insert(id, track);
        if let Some(mirror) = self.mirrors.get_mut(key) {
            mirror.tracks.push(track);
        }
    }

    fn add_mirror(&mut self, id: TransportId, from: ShardIndex, here: ShardIndex) -> MirrorKey {
        let mut cname = ArrayString::new();
        // Sixteen digits are what fits.
        let _ = std::fmt::Write::write_fmt(&mut cname, format_args!("{:016x}", self.rng.next_u64()));
        let key = self.mirrors.insert(Mirror {
            id,
            from,
            here,
            sections: Vec::new(),
            extensions: ExtensionTable::default(),
            tracks: Vec::new(),
            clock: ClockMap::default(),
            cname,
            next_look: None,
        });
        self.mirror_ids.insert(id, key);
        key
    }

    /// The sections of a publisher on another shard.
    pub(super) fn set_mirrored(&mut self, key: MirrorKey, receivers: Vec<ReceiverSection>) {
        let Some(mirror) = self.mirrors.get_mut(key) else { return };
        mirror.negotiated(receivers);
        for track in mirror.tracks.clone() {
            let Some(track) = self.tracks.get(track) else { continue };
            let Some(mirror) = self.mirrors.get(key) else { continue };
            let Some(section) = mirror.sections.iter().position(|section| section.mid == track.mid) else { continue };
            for stream in track.layers.into_iter().flatten() {
                if let Some(stream) = self.streams.get_mut(stream) {
                    stream.section = section;
                    stream.extensions = mirror.extensions;
                    stream.refresh_codec(&mirror.sections[section].codecs);
                }
            }
            for forwarder in &track.forwarders {
                if let Some(forwarder) = self.forwarders.get_mut(*forwarder) {
                    forwarder.forget_route();
                }
            }
        }
    }

    /// A mirrored track has ended: its streams with it, and with the last one its publisher's mirror.
    pub(super) fn end_mirrored(&mut self, key: MirrorKey, track: TrackKey, streams: [Option<StreamKey>; LAYERS]) {
        for stream in streams.into_iter().flatten() {
            self.streams.remove(stream);
        }
        let Some(mirror) = self.mirrors.get_mut(key) else { return };
        mirror.tracks.retain(|other| *other != track);
        if mirror.tracks.is_empty() {
            self.mirror_ids.remove(&mirror.id);
            self.mirrors.remove(key);
            self.timers.set(super::timers::Owner::Mirror(key.index() as u32), None);
        }
    }

    /// The shard ends: what is mirrored goes as if it had ended.
    pub(super) fn remove_mirrors(&mut self) {
        let mirrored = self.tracks.iter().filter(|(_, track)| track.origin.here().is_none());
        let ids: Vec<_> = mirrored.map(|(_, track)| track.id).collect();
        ids.into_iter().for_each(|id| self.remove_track(id));
        self.mirrored_data().into_iter().for_each(|id| self.remove_data_track(id));
    }

    /// Takes what another shard hands over.
    pub fn relayed(&mut self, now: Instant, message: Relayed<'_>) {
        match message {
            Relayed::Packet { track, layer, repaired, packet } => {
                self.counters.relay_in.count(packet.len());
                let Some(track) = self.track_ids.get(&track).copied() else {
                    return self.counters.drop(Drop::RelayUnknownTrack);
                };
                let Ok(header) = RtpHeader::parse(packet) else { return self.counters.drop(Drop::MalformedRtp) };
                let Some(stream) = self.mirrored_stream(now, track, layer, header.ssrc) else { return };
                let Some(extensions) = self.streams.get(stream).map(|stream| stream.extensions) else { return };
                let values = ExtensionValues::read(header.extensions(packet), &extensions);
                self.on_original(now, stream, header, values, packet, repaired);
            }
            Relayed::Clock { track, layer, ssrc, theirs, rtp, ours } => {
                self.counters.relay_in.count(0);
                if let Some(track) = self.track_ids.get(&track).copied()
                    && let Some(stream) = self.mirrored_stream(now, track, layer, ssrc)
                {
                    self.on_relayed_clock(now, stream, theirs, rtp, ours);
                }
            }
            Relayed::KeyFrame { track, layer } => {
                self.counters.relay_in.count(0);
                let track = self.track_ids.get(&track).and_then(|track| self.tracks.get(*track));
                let Some(track) = track else { return };
                let (muted, stream) = (track.muted, track.layers.get(usize::from(layer)).copied().flatten());
                match stream {
                    // The other shard knows already that it is no longer muted.
                    Some(stream) if muted => {
                        if let Some(stream) = self.streams.get_mut(stream) {
                            stream.key_frames.request();
                        }
                    }
                    Some(stream) => self.request_key_frame(now, stream),
                    None => {}
                }
            }
            Relayed::Wants { track, layers, of } => {
                self.counters.relay_in.count(0);
                self.on_wants(track, of, LayerSet(layers));
            }
            Relayed::Layers { track, relayed, report } => {
                self.counters.relay_in.count(report.len());
                self.on_layers(now, track, LayerSet(relayed), report);
            }
            Relayed::Data { track, payload } => {
                self.counters.relay_in.count(payload.len());
                self.on_relayed_data(now, track, payload);
            }
        }
    }

    /// The stream that is this layer of a mirrored track now; another one that was it before has been replaced.
    pub(super) fn mirrored_stream(&mut self, now: Instant, key: TrackKey, layer: u8, ssrc: Ssrc) -> Option<StreamKey> {
        let track = self.tracks.get(key)?;
        let layer = usize::from(layer);
        let known = *track.layers.get(layer)?;
        if let Some(known) = known
            && self.streams.get(known).is_some_and(|stream| stream.ssrc == ssrc)
        {
            return Some(known);
        }
        let Origin::Mirror(mirror) = track.origin else { return None };
        let mirror = self.mirrors.get(mirror)?;
        let section = mirror.sections.iter().position(|section| section.mid == track.mid)?;
        let packets = self.config.tuning.packets(track.kind());
        let mut stream = Stream::new(now, track.origin, ssrc, section, track.kind(), packets);
        stream.extensions = mirror.extensions;
        let stream = self.streams.insert(stream);
        self.attach_as(now, key, stream, layer);
        Some(stream)
    }

    fn on_relayed_clock(&mut self, now: Instant, key: StreamKey, theirs: NtpTime, rtp: RtpTime, ours: NtpTime) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        stream.stats.on_sender_report(theirs, rtp, now);
        let Origin::Mirror(mirror) = stream.origin else { return };
        let track = stream.track;
        if let Some(mirror) = self.mirrors.get_mut(mirror) {
            mirror.clock.observe(theirs, ours);
        }
        if let Some(track) = track {
            self.clock_known(now, track, key);
        }
    }

    /// Looks at the streams of a mirror: asks for key frames.
    pub(super) fn mirror_due(&mut self, now: Instant, key: MirrorKey) {
        let Some(mirror) = self.mirrors.get_mut(key).filter(|mirror| mirror.next_look.is_some_and(|due| due <= now))
        else {
            return;
        };
        mirror.next_look = None;
        let from = mirror.from;
        let tracks: SmallVec<[TrackKey; 8]> = mirror.tracks.iter().copied().collect();
        let mut next = None;
        for track in tracks.iter().filter_map(|track| self.tracks.get(*track)) {
            for (layer, stream) in track.layers.iter().enumerate() {
                let Some(stream) = stream.and_then(|stream| self.streams.get_mut(stream)) else { continue };
                let interval = self.config.tuning.pli_interval(quality_of(layer));
                if stream.key_frames.take(now, interval, stream.last_packet) {
                    self.relays.key_frame(from, track.id, layer);
                }
                let due = stream.key_frames.due(now, interval);
                next = next.into_iter().chain(due).min();
            }
        }
        if let Some(next) = next {
            self.look_at(next, Origin::Mirror(key));
        }
    }
}

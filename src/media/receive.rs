//! The way of a received RTP packet: parsed once, counted, kept, offered to each forwarder.

use std::time::Instant;

use crate::rtp::rtx;
use crate::rtp::{ExtensionValues, RtpHeader};
use crate::units::MediaKind;

use super::counters::Drop;
use super::demand::needed_by;
use super::event::Event;
use super::feedback::{LAYER_INTERVAL, NACK_INTERVAL};
use super::flight::{self, What};
use super::forwarder::{ForwarderKey, Verdict, quality_of};
use super::keyframe::GIVE_UP_AFTER;
use super::mirror::Origin;
use super::packet::SourcePacket;
use super::send::{Form, Queued};
use super::shard::Shard;
use super::stream::StreamKey;
use super::timers::Owner;
use super::track::TrackKey;
use super::transports::{Source, TransportKey};

/// Packets taken out of the cache when a switch begins with a late packet.
const MAX_CATCH_UP: u64 = 256;

impl Shard {
    /// One plaintext RTP packet of a peer.
    pub(super) fn on_rtp(&mut self, now: Instant, key: TransportKey, packet: &mut [u8]) {
        let Ok(header) = RtpHeader::parse(packet) else {
            return self.counters.drop(Drop::MalformedRtp);
        };
        let Some(state) = self.transports.get_mut(key) else { return };
        let values = ExtensionValues::read(header.extensions(packet), &state.receiving.extensions);
        if let Some(seq) = values.transport_seq
            && state.receiving.wants_twcc
        {
            let idle = state.receiving.twcc.next_timeout().is_none();
            state.receiving.twcc.record(seq, now);
            if idle && let Some(due) = state.receiving.twcc.next_timeout() {
                self.timers.at_latest(Owner::Transport(key.index() as u32), due);
            }
        }
        let source = match state.receiving.sources.get_mut(&header.ssrc) {
            Some(entry) => {
                entry.last_heard = now;
                entry.source
            }
            None => match self.bind_source(now, key, &header, &values) {
                Some(source) => source,
                None => return,
            },
        };
        match source {
            Source::Media(stream) => {
                self.counters.rtp_in.count(packet.len());
                self.on_original(now, stream, header, values, packet, false);
            }
            Source::Repair { section, rid, media } => {
                self.counters.rtx_in.count(packet.len());
                let media = media.filter(|media| self.streams.get(*media).is_some());
                let media = media.or_else(|| {
                    let found = self.media_of(key, section, rid)?;
                    let entry = self.transports.get_mut(key)?.receiving.sources.get_mut(&header.ssrc)?;
                    entry.source = Source::Repair { section, rid, media: Some(found) };
                    Some(found)
                });
                self.on_repair(now, key, section, media, header, packet);
            }
        }
    }

    /// A retransmission: what it carries is dealt with as if it came on its own stream.
    fn on_repair(
        &mut self,
        now: Instant,
        key: TransportKey,
        section: usize,
        media: Option<StreamKey>,
        header: RtpHeader,
        packet: &mut [u8],
    ) {
        if header.payload_len() < rtx::OSN_LEN {
            // A probe for bandwidth.
            return;
        }
        let Some(stream) = media.and_then(|media| self.streams.get(media)) else {
            return self.counters.drop(Drop::BadRetransmission);
        };
        let ssrc = stream.ssrc;
        let Some(receiving) = self.transports.get(key).map(|state| &state.receiving) else { return };
        let Some((codec, true)) = receiving.codec_of(section, header.payload_type) else {
            return self.counters.drop(Drop::UnknownPayloadType);
        };
        let payload_type = codec.payload_type;
        let Some(original) = rtx::decap(packet, &header, ssrc, payload_type) else {
            return self.counters.drop(Drop::BadRetransmission);
        };
        let Ok(header) = RtpHeader::parse(original) else {
            return self.counters.drop(Drop::BadRetransmission);
        };
        let Some(state) = self.transports.get(key) else { return };
        let values = ExtensionValues::read(header.extensions(original), &state.receiving.extensions);
        if let Some(media) = media {
            self.on_original(now, media, header, values, original, true);
        }
    }

    /// A packet of a media stream, in its first transmission or repaired.
    pub(super) fn on_original(
        &mut self,
        now: Instant,
        key: StreamKey,
        header: RtpHeader,
        values: ExtensionValues<'_>,
        packet: &[u8],
        repaired: bool,
    ) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let (sections, may_nack) = match stream.origin {
            Origin::Here(key) => (self.transports.get(key).map(|state| &state.receiving.sections), true),
            // What the publisher's shard lacks it asks for itself.
            Origin::Mirror(key) => (self.mirrors.get(key).map(|mirror| &mirror.sections), false),
        };
        let Some(section) = sections.and_then(|sections| sections.get(stream.section)) else { return };
        let Some(codec) = stream.codec_of(header.payload_type, &section.codecs) else {
            return self.counters.drop(Drop::UnknownPayloadType);
        };
        let (codec, wants_nack, clock_rate) = (codec.codec, codec.nack && may_nack, codec.clock_rate);
        let placed = if repaired {
            stream.stats.on_recovered(header.seq)
        } else {
            stream.stats.on_packet(header.seq, header.timestamp, packet.len(), now)
        };
        // A stray from far off, or the repair of something older than anything we keep.
        let Some(placed) = placed else { return self.counters.drop(Drop::Duplicate) };
        if placed.restarted {
            stream.forget_structure();
            stream.cache.clear();
            stream.nack.clear();
        }
        if wants_nack {
            stream.nack.on_packet(placed.ext_seq, now);
        }
        if !stream.cache.insert(placed.ext_seq, packet) {
            return self.counters.drop(Drop::Duplicate);
        }
        let woke = now.saturating_duration_since(stream.last_packet) > GIVE_UP_AFTER;
        stream.arrived(now, &header);
        let missing = wants_nack && stream.nack.outstanding() > 0;
        let publisher = stream.origin;
        if let Some(descriptor) = values.dependency_descriptor {
            stream.learn(placed.ext_seq, descriptor);
        }
        let packet = SourcePacket::new(key, placed.ext_seq, header, codec, &values, packet, stream.structure());
        if let Some(layers) = &packet.layers {
            stream.arrived_in(layers, &header);
        }
        if packet.opens && stream.kind == MediaKind::Video {
            stream.key_frames.satisfied();
            let track = stream.track.and_then(|track| self.tracks.get(track));
            let state = publisher.here().and_then(|key| self.transports.get_mut(key));
            if let (Some(track), Some(state)) = (track, state) {
                let (track, layer) = (flight::number(track.id), stream.layer as u8);
                state.flight.note(now, What::KeyFrame { track, layer, times: 1 });
            }
        }
        let (track, layer) = (stream.track, stream.layer);
        let late = stream.stats.highest().is_some_and(|highest| placed.ext_seq < highest);
        if missing {
            self.look_soon(now, publisher);
        }
        let Some(track_key) = track else { return };
        if placed.restarted {
            self.stop_forwarders(track_key, key);
            if let Some(track) = self.tracks.get_mut(track_key) {
                // Seen as active again below, which has the forwarders choose anew.
                track.active.remove(layer);
            }
        }
        if woke {
            // Key frames that were wanted while it was silent are no longer asked for.
            self.refresh_forwarders(now, track_key);
        }
        let Some(track) = self.tracks.get_mut(track_key) else { return };
        if !track.active.contains(layer) && !repaired {
            track.active.insert(layer);
            let simulcast = track.layers.iter().flatten().count() > 1;
            self.track_has_packets(track_key);
            self.refresh_forwarders(now, track_key);
            self.tell_layers(now, track_key);
            if simulcast {
                self.look_at(now + LAYER_INTERVAL, publisher);
            }
        }
        let Some(track) = self.tracks.get_mut(track_key) else { return };
        if track.muted {
            return;
        }
        let relayed = track.relays.iter().any(|relay| relay.layers.contains(layer));
        if let Some(level) = values.audio_level
            && let Some(room) = track.room
            && track.kind() == MediaKind::Audio
        {
            track.heard(now, level.level, header.timestamp, clock_rate);
            if level.level <= self.config.tuning.level.active_level {
                self.heard(now, room);
            }
        }
        if relayed {
            self.relay_packet(track_key, layer, &packet, repaired);
        }
        self.forward(now, track_key, layer, packet, late);
    }

    /// Offers a packet to each forwarder of the track.
    fn forward(&mut self, now: Instant, track: TrackKey, layer: usize, packet: SourcePacket, late: bool) {
        let Shard { tracks, forwarders, streams, transports, send, counters, events, .. } = self;
        let Some(track) = tracks.get(track) else { return };
        if track.forwarders.is_empty() {
            return;
        }
        let Some(stream) = streams.get(packet.stream) else { return };
        let Some(params) = stream.codec.as_ref().map(|current| &current.params) else { return };
        let (mut gathered, mut unserved) = (None, false);
        for key in &track.forwarders {
            let Some(forwarder) = forwarders.get_mut(*key) else { continue };
            let verdict = forwarder.offer(now, &packet, stream, layer, track.active, |old| {
                let old = old.and_then(|old| streams.get(old)).and_then(|old| old.stats.sender_clock());
                [old, stream.stats.sender_clock()]
            });
            let (out, switched) = match verdict {
                Verdict::Send(out) => (out, false),
                Verdict::Switched(out) => (out, true),
                Verdict::Nothing => continue,
                Verdict::Repeated => {
                    counters.drop(Drop::Duplicate);
                    continue;
                }
            };
            let Some(route) = forwarder.route(params) else { continue };
            let Some(payload_type) = route.payload_type else { continue };
            let index = *gathered.get_or_insert_with(|| send.gather(packet));
            let queued = Queued {
                packet: index,
                forwarder: *key,
                out,
                payload_type,
                strip_red: route.strip_red,
                form: Form::First,
                kind: forwarder.kind,
            };
            if !send.push(now, forwarder.subscriber, queued) {
                counters.drop(Drop::QueueFull);
            }
            let shown = forwarder.shown(layer);
            if forwarder.kind == MediaKind::Video && forwarder.reported != Some(shown) {
                forwarder.reported = Some(shown);
                counters.switches += 1;
                if let Some(subscriber) = transports.get_mut(forwarder.subscriber) {
                    let quality = quality_of(shown);
                    let number = flight::number(track.id);
                    subscriber.flight.note(now, What::Layer { track: number, layer: What::layer(quality) });
                    events.push_back(Event::LayerChanged { track: track.id, subscriber: subscriber.id, quality });
                }
            }
            // The beginning of this key frame came too late to get a higher layer from it.
            unserved |= packet.opens && late && forwarder.lacks_layers();
            if !switched {
                continue;
            }
            if late {
                // The key frame's first packet was repaired; what followed it is here already.
                let highest = stream.stats.highest().unwrap_or(packet.seq).min(packet.seq + MAX_CATCH_UP);
                for seq in packet.seq + 1..=highest {
                    let cached = stream.cached(packet.stream, seq);
                    let Some(cached) = cached else { continue };
                    if let Verdict::Send(out) =
                        forwarder.offer(now, &cached, stream, layer, track.active, |_| [None, None])
                    {
                        let packet = send.gather(cached);
                        if !send.push(now, forwarder.subscriber, Queued { packet, out, ..queued }) {
                            counters.drop(Drop::QueueFull);
                        }
                    }
                }
            }
        }
        if unserved {
            self.request_key_frame(now, packet.stream);
        }
    }

    /// A stream ends or begins anew: the forwarders that it fed need a key frame to go on.
    pub(super) fn stop_forwarders(&mut self, track: TrackKey, stream: StreamKey) {
        let Some(track) = self.tracks.get(track) else { return };
        for key in &track.forwarders {
            if let Some(forwarder) = self.forwarders.get_mut(*key)
                && forwarder.source() == Some(stream)
            {
                forwarder.stop();
            }
        }
    }

    /// The first packet of a track has come, or had come before the track was known.
    pub(super) fn track_has_packets(&mut self, key: TrackKey) {
        if let Some(track) = self.tracks.get_mut(key)
            && !track.started
        {
            track.started = true;
            let id = track.id;
            self.emit(Event::TrackStarted { track: id });
        }
    }

    /// The layers of a track, or what is wanted of them, have changed: every forwarder chooses again.
    pub(super) fn refresh_forwarders(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else { return };
        let keys: smallvec::SmallVec<[_; 16]> = track.forwarders.iter().copied().collect();
        for forwarder in keys {
            self.refresh_forwarder(now, forwarder);
        }
    }

    /// A forwarder chooses its layer again, and asks for a key frame where it needs one.
    pub(super) fn refresh_forwarder(&mut self, now: Instant, key: ForwarderKey) {
        let Some(forwarder) = self.forwarders.get_mut(key) else { return };
        let track_key = forwarder.track;
        let Some(track) = self.tracks.get(track_key) else { return };
        if !forwarder.is_open() || track.muted {
            return;
        }
        let needs_key_frame = forwarder.selector.refresh(now, track.active);
        if forwarder.kind == MediaKind::Audio {
            return;
        }
        if let Some(state) = self.transports.get_mut(forwarder.subscriber) {
            state.sending.content_with = None;
        }
        let needed = needed_by(forwarder, track.active);
        let stream = match needs_key_frame {
            true => forwarder.selector.awaited().and_then(|layer| track.layers[layer]),
            false => forwarder.source().filter(|_| forwarder.lacks_layers()),
        };
        self.ask_for_layers(now, track_key, needed);
        if let Some(stream) = stream {
            self.request_key_frame(now, stream);
        }
    }

    /// Asks the publisher of a stream for a key frame, now or as soon as it may be asked again.
    pub(super) fn request_key_frame(&mut self, now: Instant, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        stream.key_frames.request();
        let publisher = stream.origin;
        self.look_at(now, publisher);
    }

    /// Has the streams of a publisher looked at now.
    pub(super) fn look_at(&mut self, due: Instant, publisher: Origin) {
        let (next_look, owner) = match publisher {
            Origin::Here(key) => {
                let Some(state) = self.transports.get_mut(key) else { return };
                (&mut state.next_look, Owner::Transport(key.index() as u32))
            }
            Origin::Mirror(key) => {
                let Some(mirror) = self.mirrors.get_mut(key) else { return };
                (&mut mirror.next_look, Owner::Mirror(key.index() as u32))
            }
        };
        if next_look.is_none_or(|next| due < next) {
            *next_look = Some(due);
            self.timers.at_latest(owner, due);
        }
    }

    /// Has the streams of a publisher looked at once NACKs may be due.
    fn look_soon(&mut self, now: Instant, publisher: Origin) {
        self.look_at(now + NACK_INTERVAL, publisher);
    }
}

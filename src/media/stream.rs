//! One received stream: a track's layer, or what may become one.

use std::time::{Duration, Instant};

use crate::rtp::cache::PacketCache;
use crate::rtp::dd::Structure;
use crate::rtp::layers::Layers;
use crate::rtp::nack::NackTracker;
use crate::rtp::stats::ReceiveStats;
use crate::rtp::{CodecParams, ExtensionTable, ExtensionValues, RtpHeader};
use crate::units::{Bitrate, ClockRate, MediaKind, PayloadType, Rid, Ssrc};

use super::demand::LayerReport;
use super::keyframe::{GIVE_UP_AFTER, KeyFrameRequests};
use super::mirror::Origin;
use super::packet::SourcePacket;
use super::rates::LayerRates;
use super::select::LayerIndex;
use super::table::Key;
use super::track::TrackKey;

/// Names a stream within its shard.
pub type StreamKey = Key<Stream>;

/// A layer that is silent for this long while another one goes on counts as stopped.
const STOPPED_AFTER: Duration = Duration::from_millis(750);
/// How many frames of the other layer it takes.
const FRAMES: usize = 3;
/// How long a rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// The codec of the packets that arrive just now.
#[derive(Clone, Debug)]
pub struct CurrentCodec {
    /// What was negotiated for it.
    pub params: CodecParams,
}

/// A received stream's state.
pub struct Stream {
    /// The publisher's connection, or the shard that it is on.
    pub origin: Origin,
    /// Its identifier.
    pub ssrc: Ssrc,
    /// Its section, an index into the connection's list.
    pub section: usize,
    /// What its header extensions are.
    pub extensions: ExtensionTable,
    /// Its simulcast stream id.
    pub rid: Option<Rid>,
    /// Its place among the declared streams of its section, where they are declared.
    pub position: usize,
    /// Audio or video.
    pub kind: MediaKind,
    /// The track it belongs to, once the control plane has named one.
    pub track: Option<TrackKey>,
    /// Its layer within the track.
    pub layer: LayerIndex,
    /// The codec of the newest packet.
    pub codec: Option<CurrentCodec>,
    /// Loss, jitter, the sender's clock.
    pub stats: ReceiveStats,
    /// What is missing.
    pub nack: NackTracker,
    /// The last packets.
    pub cache: PacketCache,
    /// Key-frame requests.
    pub key_frames: KeyFrameRequests,
    /// Running number of full intra requests (RFC 5104 §4.3.1.1).
    pub fir_number: u8,
    /// Losses counted so far.
    pub reported_lost: i64,
    /// When the newest packet came.
    pub last_packet: Instant,
    /// When each of the last frames ended, oldest first.
    frames: [Instant; FRAMES],
    window: (Instant, u64),
    rate: Bitrate,
    /// What its dependency descriptors refer to, and which packet brought that.
    structure: Option<(u64, Box<Structure>)>,
    /// What the layers inside it take, where it tells of any.
    rates: Option<Box<LayerRates>>,
}

impl Stream {
    /// A stream that nothing has been received of.
    pub fn new(now: Instant, origin: Origin, ssrc: Ssrc, section: usize, kind: MediaKind, packets: usize) -> Self {
        Self {
            origin,
            ssrc,
            section,
            extensions: ExtensionTable::default(),
            rid: None,
            position: 0,
            kind,
            track: None,
            layer: 0,
            codec: None,
            stats: ReceiveStats::new(ClockRate(90_000)),
            nack: NackTracker::new(),
            cache: PacketCache::new(kind, packets),
            key_frames: KeyFrameRequests::default(),
            fir_number: 0,
            reported_lost: 0,
            last_packet: now,
            frames: [now; FRAMES],
            window: (now, 0),
            rate: Bitrate(0),
            structure: None,
            rates: None,
        }
    }

    /// The parameters of a packet's payload type; remembered until another comes. None when the section has
    /// no such payload type.
    pub fn codec_of(&mut self, payload_type: PayloadType, codecs: &[CodecParams]) -> Option<&CodecParams> {
        if self.codec.as_ref().is_none_or(|current| current.params.payload_type != payload_type) {
            let params = codecs.iter().find(|params| params.payload_type == payload_type)?.clone();
            if self.stats.highest().is_none() {
                self.stats.set_clock_rate(params.clock_rate);
            }
            self.codec = Some(CurrentCodec { params });
        }
        self.codec.as_ref().map(|current| &current.params)
    }

    /// The section's codecs have changed: the newest packet's is looked up again.
    pub fn refresh_codec(&mut self, codecs: &[CodecParams]) {
        let payload_type = self.codec.take().map(|current| current.params.payload_type);
        if let Some(payload_type) = payload_type {
            self.codec_of(payload_type, codecs);
        }
    }

    /// Takes note of a packet's arrival and size.
    #[inline]
    pub fn arrived(&mut self, now: Instant, header: &RtpHeader) {
        self.last_packet = now;
        if header.marker {
            self.frames.rotate_left(1);
            self.frames[FRAMES - 1] = now;
        }
        let (since, bytes) = self.window;
        let bytes = bytes + forwarded_bytes(header);
        let age = now.saturating_duration_since(since);
        if age >= RATE_WINDOW {
            self.rate = Bitrate::of(bytes, age);
            self.window = (now, 0);
            if let Some(rates) = &mut self.rates {
                rates.turn(age);
            }
        } else {
            self.window.1 = bytes;
        }
    }

    /// Of a mirror: what its publisher's shard tells of it, which counts for its rate while it is not `relayed`, and
    /// until that has been measured here. True when it had long been silent and sends again.
    pub fn told(&mut self, now: Instant, told: &LayerReport, relayed: bool) -> bool {
        let silent = now.saturating_duration_since(self.last_packet);
        self.last_packet = self.last_packet.max(now.checked_sub(told.silent).unwrap_or(self.last_packet));
        if !relayed || self.rate == Bitrate(0) {
            self.rate = told.rate;
            if told.temporal.as_flattened().iter().any(|value| *value > 0) {
                self.rates.get_or_insert_default().told(&told.temporal);
            }
        }
        if !relayed {
            self.window = (now, 0);
        }
        silent > GIVE_UP_AFTER && told.silent < GIVE_UP_AFTER
    }

    /// Of a mirror: its packets are relayed again, from another place than where they ended.
    pub fn goes_on_elsewhere(&mut self, now: Instant) {
        self.stats.lose_place();
        self.window = (now, 0);
    }

    /// Takes note of a packet's layer.
    #[inline]
    pub fn arrived_in(&mut self, layers: &Layers, header: &RtpHeader) {
        self.rates.get_or_insert_default().count(layers, forwarded_bytes(header));
    }

    /// What the layers inside it take, where it tells of any.
    pub fn rates(&self) -> Option<&LayerRates> {
        self.rates.as_deref()
    }

    /// Keeps the structure that a dependency descriptor brings.
    pub fn learn(&mut self, seq: u64, descriptor: &[u8]) {
        if self.structure.as_ref().is_some_and(|(known, _)| *known > seq) {
            return;
        }
        let Some(new) = Structure::brought(descriptor) else { return };
        match &mut self.structure {
            Some((known, structure)) => {
                *known = seq;
                **structure = new;
            }
            None => self.structure = Some((seq, Box::new(new))),
        }
    }

    /// The stream began anew.
    pub fn forget_structure(&mut self) {
        self.structure = None;
    }

    /// What its dependency descriptors refer to.
    pub fn structure(&self) -> Option<&Structure> {
        self.structure.as_ref().map(|(_, structure)| &**structure)
    }

    /// The rate over the last second; zero when nothing has come for two.
    pub fn rate(&self, now: Instant) -> Bitrate {
        if now.saturating_duration_since(self.last_packet) > 2 * RATE_WINDOW { Bitrate(0) } else { self.rate }
    }

    /// The publisher has stopped this layer, judged by `other`, a layer of the same track: slow content slows
    /// them all, so silence alone says nothing.
    pub fn stopped_beside(&self, now: Instant, other: &Stream) -> bool {
        now.saturating_duration_since(self.last_packet) >= STOPPED_AFTER && other.frames[0] > self.last_packet
    }

    /// A packet out of the cache, read again.
    pub fn cached(&self, key: StreamKey, seq: u64) -> Option<SourcePacket> {
        let bytes = self.cache.get(seq)?;
        let header = RtpHeader::parse(bytes).ok()?;
        let values = ExtensionValues::read(header.extensions(bytes), &self.extensions);
        let current = self.codec.as_ref().filter(|current| current.params.payload_type == header.payload_type)?;
        Some(SourcePacket::new(key, seq, header, current.params.codec, &values, bytes, self.structure()))
    }
}

/// What subscribers get of a packet. Padding is the publisher's way to learn what its own line carries, much of it on the
/// stream of the lowest layer: no subscriber is sent any of that.
fn forwarded_bytes(header: &RtpHeader) -> u64 {
    if header.payload_len() == 0 { 0 } else { u64::from(header.len - u16::from(header.padding_len)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::table::Key;

    #[test]
    fn the_rate_of_a_layer_is_of_what_subscribers_get_of_it() {
        let start = Instant::now();
        let mut stream = Stream::new(start, Origin::Here(Key::for_tests(0)), Ssrc(7), 0, MediaKind::Video, 16);
        // A picture of 130 bytes, then padding of 247, for two seconds.
        let picture: Vec<u8> = [&[0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[1; 118]].concat();
        let padding: Vec<u8> = [&[0xA0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7][..], &[235; 235]].concat();
        for number in 0..200 {
            let now = start + Duration::from_millis(10 * number);
            stream.arrived(now, &RtpHeader::parse(&picture).unwrap());
            stream.arrived(now, &RtpHeader::parse(&padding).unwrap());
        }
        let rate = stream.rate(start + Duration::from_secs(2)).bps();
        assert!((100_000..108_000).contains(&rate), "{rate} for 104 kbit/s");
    }
}

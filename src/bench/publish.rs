//! A participant's outgoing media: packets of its microphone and its camera, what is asked of them by RTCP, and
//! repetitions. Without sockets and clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::account::{Ledger, TrackSent, Window};
use super::scenario::Layer;
use super::stamp::{STAMP_LEN, Stamp, TrackId};
use super::traffic::{Camera, Frame, Microphone, OPUS_INTERVAL, TraceFrame, split};
use crate::rtp::cache::PacketCache;
use crate::rtp::packet::FIXED_HEADER_LEN;
use crate::rtp::rtcp::{Rtcp, build};
use crate::rtp::rtx::OSN_LEN;
use crate::rtp::stats::SenderStats;
use crate::rtp::write::{HeaderFields, abs_send_time, write_header};
use crate::rtp::{AudioLevel, ExtensionKind, ExtensionMap, RtpHeader};
use crate::transport::sdp::AnsweredSection;
use crate::units::{ClockRate, MediaKind, Mid, NtpTime, PayloadType, RtpTime, SeqNo, Ssrc, UnixTime};

/// Payload of a video packet at most: with header, extensions and tag this makes Chromium's 1200 bytes.
const MAX_VIDEO_PAYLOAD: usize = 1145;
/// VP8 payload descriptor with picture id, TL0PICIDX and temporal layer (RFC 7741 §4.2).
const VP8_DESCRIPTOR: usize = 6;
/// Packets of a frame that leave at once. libwebrtc's pacer sends bursts of 40 ms at 2.5 times the rate: an ordinary
/// frame whole, a key frame in some.
const BURST: usize = 18;
/// Time between the bursts of a large frame.
const BURST_INTERVAL: Duration = Duration::from_millis(20);
/// Packets kept for repetition.
const CACHE: usize = 512;
/// Time between sender reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Key frames on request are no closer than this, as libwebrtc's are.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(300);
/// Room for a packet with its tag.
pub const PACKET_ROOM: usize = 1600;

const OPUS_CLOCK: ClockRate = ClockRate(48_000);
const VIDEO_CLOCK: ClockRate = ClockRate(90_000);

/// What a participant publishes on one section.
#[derive(Clone, Debug)]
pub enum Source {
    /// Opus.
    Microphone {
        /// Its stream.
        ssrc: u32,
    },
    /// VP8 in layers.
    Camera {
        /// The layers, smallest first.
        layers: Vec<Layer>,
        /// Streams of media and of repetitions, by layer.
        ssrcs: Vec<[u32; 2]>,
        /// Sizes to replay on the best layer.
        trace: Option<Arc<[TraceFrame]>>,
    },
}

/// A track to be published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Which track of the run.
    pub track: TrackId,
    /// The section that carries it.
    pub mid: Mid,
    /// What it carries.
    pub source: Source,
    /// Of its traffic.
    pub seed: u64,
}

/// Where finished plaintext packets go; `again` says that the very same was sealed before.
pub trait PacketSink {
    /// Seals and sends `packet[..len]`, behind which there is room for the tag.
    fn send(&mut self, packet: &mut [u8], len: usize, again: bool);
}

/// What is the same for all packets of a participant.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Monotonic.
    pub now: Instant,
    /// Calendar, in nanoseconds.
    pub wall: u64,
    /// The run's mark.
    pub run: u32,
    /// What counts.
    pub window: Window,
}

enum Encoder {
    Microphone(Microphone),
    Camera(Box<Camera>),
}

/// One RTP stream: a microphone, or one layer of a camera.
struct Stream {
    track: TrackId,
    layer: u8,
    layers: u8,
    encoder: Encoder,
    rid: &'static str,
    mid: Mid,
    size: (u16, u16),
    ssrc: Ssrc,
    rtx_ssrc: Ssrc,
    payload_type: PayloadType,
    rtx_type: Option<PayloadType>,
    extensions: ExtensionMap,
    /// The peer has reported on the stream: mid and rid are known.
    acknowledged: bool,
    ext_seq: u64,
    rtx_seq: SeqNo,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    ledger: Ledger,
    stats: SenderStats,
    cache: PacketCache,
    due: Instant,
    /// The rest of a frame that is too large for one burst.
    rest: Option<Rest>,
    key_wanted: bool,
    last_key: Option<Instant>,
}

struct Rest {
    frame: Frame,
    next: usize,
    due: Instant,
}

/// Everything that one participant sends.
pub struct Publisher {
    streams: Vec<Stream>,
    transport_seq: u16,
    next_report: Instant,
    /// Packets repeated on request.
    pub repeated: u64,
    /// Key frames asked for.
    pub key_requests: u64,
}

impl Publisher {
    /// A publisher of nothing yet. `phase` spreads its work over time.
    pub fn new(now: Instant, phase: Duration) -> Self {
        Self { streams: Vec::new(), transport_seq: 0, next_report: now + phase, repeated: 0, key_requests: 0 }
    }

    /// The stream that RTCP of ours names as its sender.
    pub fn first_ssrc(&self) -> Option<Ssrc> {
        self.streams.first().map(|stream| stream.ssrc)
    }

    /// Begins to send a publication as the server has answered it. Nothing happens where it does already, or where the
    /// server takes no codec of ours.
    pub fn start(&mut self, publication: &Publication, answered: &AnsweredSection, now: Instant, phase: Duration) {
        if self.streams.iter().any(|stream| stream.track == publication.track) || !answered.receives {
            return;
        }
        let Some(codec) = answered.codecs.first() else { return };
        let common = Common { publication, answered, payload_type: codec.payload_type, rtx_type: codec.rtx };
        match &publication.source {
            Source::Microphone { ssrc } => {
                let encoder = Encoder::Microphone(Microphone::new(publication.seed));
                self.streams.push(common.stream(0, 1, "", encoder, [*ssrc, 0], now + phase));
            }
            Source::Camera { layers, ssrcs, trace } => {
                for (at, (layer, ssrcs)) in layers.iter().zip(ssrcs).enumerate() {
                    let trace = trace.clone().filter(|_| at + 1 == layers.len());
                    let encoder = Encoder::Camera(Box::new(Camera::new(layer, publication.seed + at as u64, trace)));
                    let (index, count) = (at as u8, layers.len() as u8);
                    let mut stream = common.stream(index, count, layer.rid, encoder, *ssrcs, now + phase);
                    stream.size = (layer.width, layer.height);
                    self.streams.push(stream);
                }
            }
        }
    }

    /// When [`Self::send_due`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.streams.iter().map(Stream::next_due).min()
    }

    /// Sends every packet that is due.
    pub fn send_due(&mut self, moment: &Moment, wall: impl Fn() -> u64, sink: &mut impl PacketSink) {
        for stream in &mut self.streams {
            stream.send_due(moment, &wall, &mut self.transport_seq, sink);
        }
    }

    /// Appends the sender reports that are due to `out`.
    pub fn report(&mut self, moment: &Moment, out: &mut Vec<u8>) {
        if self.streams.is_empty() || self.next_report > moment.now {
            return;
        }
        self.next_report = moment.now + REPORT_INTERVAL;
        let ntp = NtpTime::from_unix(UnixTime((moment.wall / 1_000_000) as i64));
        for stream in &mut self.streams {
            let rtp = RtpTime(stream.timestamp);
            let report = stream.stats.sender_report(stream.ssrc, ntp, rtp, moment.now);
            build::sender_report(out, &report, &[]);
        }
        if let Some(first) = self.streams.first() {
            build::source_description(out, first.ssrc, "visavis-bench");
        }
    }

    /// When [`Self::report`] has something to do.
    pub fn report_due(&self) -> Option<Instant> {
        (!self.streams.is_empty()).then_some(self.next_report)
    }

    /// Obeys one RTCP packet of the server's.
    pub fn on_rtcp(&mut self, packet: &Rtcp<'_>, moment: &Moment, sink: &mut impl PacketSink) {
        match packet {
            Rtcp::Pli { media, .. } => self.want_key(*media),
            Rtcp::Fir { entries, .. } => entries.iter().for_each(|(media, _)| self.want_key(media)),
            Rtcp::Nack { media, seqs, .. } => {
                let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == *media) else { return };
                for seq in seqs.iter() {
                    let repeated = stream.repeat(seq, moment, &mut self.transport_seq, sink);
                    self.repeated += u64::from(repeated);
                }
            }
            Rtcp::ReceiverReport { blocks, .. } | Rtcp::SenderReport { blocks, .. } => {
                for block in blocks.iter() {
                    for stream in self.streams.iter_mut().filter(|stream| stream.ssrc == block.ssrc) {
                        stream.acknowledged = true;
                    }
                }
            }
            _ => {}
        }
    }

    fn want_key(&mut self, media: Ssrc) {
        self.key_requests += 1;
        for stream in self.streams.iter_mut().filter(|stream| stream.ssrc == media) {
            stream.key_wanted = true;
        }
    }

    /// A new window begins.
    pub fn open_window(&mut self) {
        self.streams.iter_mut().for_each(|stream| stream.ledger.open());
    }

    /// What was sent within the window, by track.
    pub fn sent(&self, out: &mut Vec<TrackSent>) {
        for stream in &self.streams {
            let sent = stream.ledger.sent();
            match out.last_mut() {
                Some(last) if last.track == stream.track => last.layers.push(sent),
                _ => out.push(TrackSent { track: stream.track, layers: [sent].into_iter().collect() }),
            }
        }
    }
}

/// What the streams of one publication share.
struct Common<'a> {
    publication: &'a Publication,
    answered: &'a AnsweredSection,
    payload_type: PayloadType,
    rtx_type: Option<PayloadType>,
}

impl Common<'_> {
    fn stream(
        &self,
        layer: u8,
        layers: u8,
        rid: &'static str,
        encoder: Encoder,
        [ssrc, rtx]: [u32; 2],
        due: Instant,
    ) -> Stream {
        let seed = self.publication.seed;
        let kind = if matches!(encoder, Encoder::Camera(_)) { MediaKind::Video } else { MediaKind::Audio };
        Stream {
            track: self.publication.track,
            layer,
            layers,
            encoder,
            rid,
            mid: self.publication.mid,
            size: (0, 0),
            ssrc: Ssrc(ssrc),
            rtx_ssrc: Ssrc(rtx),
            payload_type: self.payload_type,
            rtx_type: self.rtx_type,
            extensions: self.answered.extensions,
            acknowledged: false,
            // Anywhere in the first half, as RFC 3550 wants it unpredictable and SRTP its first wrap far away.
            ext_seq: (seed >> 16) & 0x7FFF,
            rtx_seq: SeqNo((seed >> 32) as u16 & 0x7FFF),
            timestamp: (seed >> 20) as u32,
            picture: (seed >> 8) as u16 & 0x7FFF,
            tl0: seed as u8,
            ledger: Ledger::default(),
            stats: SenderStats::new(),
            cache: PacketCache::new(kind, CACHE),
            due,
            rest: None,
            key_wanted: false,
            last_key: None,
        }
    }
}

impl Stream {
    fn next_due(&self) -> Instant {
        self.rest.as_ref().map_or(self.due, |rest| rest.due.min(self.due))
    }

    fn send_due(
        &mut self,
        moment: &Moment,
        wall: &impl Fn() -> u64,
        transport_seq: &mut u16,
        sink: &mut impl PacketSink,
    ) {
        if let Some(rest) = self.rest.take_if(|rest| rest.due <= moment.now) {
            self.send_frame(rest.frame, rest.next, moment, wall, transport_seq, sink);
        }
        // A loop that comes late sends what it owes, but not a second's worth of it.
        for _ in 0..16 {
            if self.due > moment.now {
                return;
            }
            match &mut self.encoder {
                Encoder::Microphone(microphone) => {
                    let sound = microphone.next_packet();
                    self.due += OPUS_INTERVAL;
                    self.timestamp = self.timestamp.wrapping_add(OPUS_CLOCK.ticks(OPUS_INTERVAL));
                    let level = AudioLevel { level: sound.level, voice: sound.voice }.to_byte();
                    let mut payload = [0x5A; 256];
                    payload[0] = 0x78; // CELT, fullband, 20 ms
                    let len = sound.bytes.max(STAMP_LEN + 1);
                    let body = Body { marker: sound.first, level: Some(level), head: &payload[..1], len };
                    self.send_packet(&body, moment, wall, transport_seq, sink);
                }
                Encoder::Camera(camera) => {
                    let paused = self.last_key.is_some_and(|last| moment.now < last + KEY_FRAME_PAUSE);
                    let frame = camera.next_frame(self.key_wanted && !paused);
                    if frame.key {
                        self.key_wanted = false;
                        self.last_key = Some(moment.now);
                    }
                    self.due += frame.interval;
                    self.timestamp = self.timestamp.wrapping_add(VIDEO_CLOCK.ticks(frame.interval));
                    self.picture = (self.picture + 1) & 0x7FFF;
                    if frame.tid == 0 {
                        self.tl0 = self.tl0.wrapping_add(1);
                    }
                    if let Some(rest) = self.rest.take() {
                        // The encoder is faster than its pacer: what is left of the frame before goes first.
                        self.flush_rest(rest, moment, wall, transport_seq, sink);
                    }
                    self.send_frame(frame, 0, moment, wall, transport_seq, sink);
                }
            }
        }
        self.due = moment.now;
    }

    /// Sends the packets of a frame that was overtaken, all of them, with its own numbers.
    fn flush_rest(
        &mut self,
        rest: Rest,
        moment: &Moment,
        wall: &impl Fn() -> u64,
        transport_seq: &mut u16,
        sink: &mut impl PacketSink,
    ) {
        let (picture, tl0, timestamp) = (self.picture, self.tl0, self.timestamp);
        let base = u16::from(rest.frame.tid == 0) as u8;
        self.picture = picture.wrapping_sub(1) & 0x7FFF;
        self.tl0 = if base == 1 { tl0.wrapping_sub(1) } else { tl0 };
        self.timestamp = timestamp.wrapping_sub(VIDEO_CLOCK.ticks(rest.frame.interval));
        let mut next = Some(rest);
        while let Some(rest) = next.take() {
            self.send_frame(rest.frame, rest.next, moment, wall, transport_seq, sink);
            next = self.rest.take();
        }
        (self.picture, self.tl0, self.timestamp) = (picture, tl0, timestamp);
    }

    /// Sends a burst of a frame's packets, from the packet `from` on.
    fn send_frame(
        &mut self,
        frame: Frame,
        from: usize,
        moment: &Moment,
        wall: &impl Fn() -> u64,
        transport_seq: &mut u16,
        sink: &mut impl PacketSink,
    ) {
        if from == 0 {
            self.ledger.begin_frame(frame.tid > 0);
        }
        let count = frame.bytes.div_ceil(MAX_VIDEO_PAYLOAD).max(1);
        let sizes = split(frame.bytes, MAX_VIDEO_PAYLOAD).enumerate().skip(from).take(BURST);
        for (at, bytes) in sizes {
            let mut head = [0u8; VP8_DESCRIPTOR + 10];
            let head_len = self.vp8_head(&mut head, frame, at == 0);
            let len = (VP8_DESCRIPTOR + bytes).max(head_len + STAMP_LEN);
            let body = Body { marker: at + 1 == count, level: None, head: &head[..head_len], len };
            self.send_packet(&body, moment, wall, transport_seq, sink);
        }
        if from + BURST < count {
            self.rest = Some(Rest { frame, next: from + BURST, due: moment.now + BURST_INTERVAL });
        }
    }

    /// Writes the payload descriptor, and at the start of a frame what RFC 6386 §9.1 has there.
    fn vp8_head(&self, out: &mut [u8; VP8_DESCRIPTOR + 10], frame: Frame, start: bool) -> usize {
        let [high, low] = self.picture.to_be_bytes();
        // A frame of an upper layer refers to layer 0 alone: a receiver may move up there.
        let tid = frame.tid << 6 | u8::from(frame.tid > 0) << 5;
        let non_reference = if frame.tid == 2 { 0x20 } else { 0 };
        let first = 0x80 | non_reference | if start { 0x10 } else { 0 };
        out[..VP8_DESCRIPTOR].copy_from_slice(&[first, 0xE0, 0x80 | high, low, self.tl0, tid]);
        if !start {
            return VP8_DESCRIPTOR;
        }
        out[VP8_DESCRIPTOR..VP8_DESCRIPTOR + 3].copy_from_slice(&[0x10 | u8::from(!frame.key), 0, 0]);
        if !frame.key {
            return VP8_DESCRIPTOR + 3;
        }
        out[9..12].copy_from_slice(&[0x9D, 0x01, 0x2A]);
        out[12..14].copy_from_slice(&self.size.0.to_le_bytes());
        out[14..16].copy_from_slice(&self.size.1.to_le_bytes());
        VP8_DESCRIPTOR + 10
    }

    fn send_packet(
        &mut self,
        body: &Body<'_>,
        moment: &Moment,
        wall: &impl Fn() -> u64,
        transport_seq: &mut u16,
        sink: &mut impl PacketSink,
    ) {
        let mut packet = [0x5A; PACKET_ROOM];
        let sent = wall();
        let (ssrc, payload_type) = (self.ssrc, self.payload_type);
        let seq = SeqNo(self.ext_seq as u16);
        let fields = HeaderFields { marker: body.marker, payload_type, seq, timestamp: RtpTime(self.timestamp), ssrc };
        let rid = (ExtensionKind::Rid, self.rid.as_bytes());
        let Some(header) = self.header(&mut packet, &fields, body.level, rid, sent, *transport_seq) else { return };
        *transport_seq = transport_seq.wrapping_add(1);
        let len = header + body.len;
        let payload = &mut packet[header..len];
        payload[..body.head.len()].copy_from_slice(body.head);
        let number = self.ledger.number(moment.window, sent);
        Stamp { track: self.track, layer: self.layer, number, sent }.write(moment.run, payload);
        self.cache.insert(self.ext_seq, &packet[..len]);
        self.stats.on_packet(body.len);
        self.ext_seq += 1;
        sink.send(&mut packet, len, false);
    }

    /// Writes header and extensions; gives their length.
    fn header(
        &self,
        out: &mut [u8],
        fields: &HeaderFields,
        level: Option<u8>,
        (rid_kind, rid): (ExtensionKind, &[u8]),
        sent: u64,
        transport_seq: u16,
    ) -> Option<usize> {
        let seq = transport_seq.to_be_bytes();
        let ntp = NtpTime::from_unix(UnixTime((sent / 1_000_000) as i64));
        let ntp = ntp.add(Duration::from_nanos(sent % 1_000_000));
        let time = abs_send_time(ntp).to_be_bytes();
        let level = level.map(|level| [level]);
        let mid = (!self.acknowledged).then_some(self.mid.as_bytes());
        let rid = (!self.acknowledged && self.layers > 1).then_some(rid);
        let wanted: [(ExtensionKind, Option<&[u8]>); 5] = [
            (ExtensionKind::TransportCc, Some(&seq)),
            (ExtensionKind::AbsSendTime, Some(&time[1..])),
            (ExtensionKind::AudioLevel, level.as_ref().map(|level| &level[..])),
            (ExtensionKind::Mid, mid),
            (rid_kind, rid),
        ];
        let mut elements: SmallVec<[(u8, &[u8]); 5]> = SmallVec::new();
        for (kind, value) in wanted {
            elements.extend(self.extensions.id(kind).zip(value));
        }
        write_header(out, fields, &elements)
    }

    /// Sends a packet again; false when it is no longer known.
    fn repeat(&mut self, seq: SeqNo, moment: &Moment, transport_seq: &mut u16, sink: &mut impl PacketSink) -> bool {
        let mut packet = [0; PACKET_ROOM];
        let Some(original) = self.cache.get(seq.extend(self.ext_seq.max(1) - 1)) else { return false };
        let Some(rtx_type) = self.rtx_type else {
            packet[..original.len()].copy_from_slice(original);
            sink.send(&mut packet, original.len(), true);
            return true;
        };
        let Ok(header) = RtpHeader::parse(original) else { return false };
        let payload = header.payload(original);
        let fields = HeaderFields {
            marker: header.marker,
            payload_type: rtx_type,
            seq: self.rtx_seq,
            timestamp: header.timestamp,
            ssrc: self.rtx_ssrc,
        };
        let rid = (ExtensionKind::RepairedRid, self.rid.as_bytes());
        let written = self.header(&mut packet, &fields, None, rid, moment.wall, *transport_seq);
        let Some(start) = written else { return false };
        packet[start..start + OSN_LEN].copy_from_slice(&seq.0.to_be_bytes());
        packet[start + OSN_LEN..start + OSN_LEN + payload.len()].copy_from_slice(payload);
        let len = start + OSN_LEN + payload.len();
        *transport_seq = transport_seq.wrapping_add(1);
        self.rtx_seq = self.rtx_seq.add(1);
        sink.send(&mut packet, len, false);
        true
    }
}

/// A payload to be.
struct Body<'a> {
    marker: bool,
    level: Option<u8>,
    /// Its first bytes.
    head: &'a [u8],
    /// Its length, the stamp included.
    len: usize,
}

const _: () = assert!(FIXED_HEADER_LEN + 80 + VP8_DESCRIPTOR + MAX_VIDEO_PAYLOAD + OSN_LEN + 16 < PACKET_ROOM);

//! A camera that sends simulcast VP8, and the checks that a receiver's decoder makes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::SmallRng;

use super::client::{Client, Got};
use crate::rtp::vp8::Vp8Descriptor;
use crate::rtp::write::{HeaderFields, write_header};
use crate::rtp::{Codec, CodecParams, ExtensionKind, ExtensionMap, RtpHeader};
use crate::transport::{ReceiverSection, SenderSection};
use crate::units::{ClockRate, MediaKind, Mid, PayloadType, Rid, RtpTime, SeqNo, Ssrc};

pub const FRAME: Duration = Duration::from_millis(33);
pub const VP8: u8 = 96;
pub const VP8_RTX: u8 = 97;

/// The ids that test clients give.
pub fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for (index, kind) in [
        ExtensionKind::Mid,
        ExtensionKind::Rid,
        ExtensionKind::RepairedRid,
        ExtensionKind::TransportCc,
        ExtensionKind::AudioLevel,
    ]
    .into_iter()
    .enumerate()
    {
        map.set(kind, index as u8 + 1);
    }
    map
}

pub fn codec(codec: Codec, payload_type: u8, rtx: Option<u8>) -> CodecParams {
    CodecParams {
        codec,
        payload_type: PayloadType(payload_type),
        clock_rate: ClockRate(if codec.kind() == MediaKind::Video { 90_000 } else { 48_000 }),
        channels: 2,
        fmtp: "".into(),
        rtx: rtx.map(PayloadType),
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: false,
    }
}

pub fn receiver(mid: &str, rids: &[&str]) -> ReceiverSection {
    ReceiverSection {
        mid: Mid::from(mid).unwrap(),
        kind: MediaKind::Video,
        stream_id: "-".into(),
        track_id: "camera".into(),
        codecs: vec![codec(Codec::Vp8, VP8, Some(VP8_RTX))],
        extensions: extensions(),
        rids: rids.iter().map(|rid| Rid::from(rid).unwrap()).collect(),
        ssrcs: Default::default(),
    }
}

pub fn sender(mid: &str, forwarder: u64, ssrc: u32) -> SenderSection {
    SenderSection {
        mid: Mid::from(mid).unwrap(),
        kind: MediaKind::Video,
        forwarder: crate::ids::ForwarderId(forwarder),
        // Other numbers than the publisher's, and no feedback that could hold layers back.
        codecs: vec![CodecParams { transport_cc: false, ..codec(Codec::Vp8, 120, Some(121)) }],
        extensions: extensions(),
        ssrc: Ssrc(ssrc),
        rtx_ssrc: Ssrc(ssrc + 1),
    }
}

pub struct Layer {
    pub ssrc: u32,
    pub rid: &'static str,
    pub paused: bool,
    pub key_frames: usize,
    pub seq: u16,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    key_idx: u8,
    since_key: usize,
    wants_key: bool,
    rtx_seq: u16,
}

/// Publishes one simulcast track at 30 frames a second.
pub struct Camera {
    pub client: usize,
    pub mid: &'static str,
    pub layers: Vec<Layer>,
    pub next_frame: Instant,
    pub frames: u32,
    /// Mid and rid are written into this many frames.
    pub named_frames: u32,
    /// Packets of a frame of each layer, from the lowest.
    pub packets: [usize; 3],
    /// How many times as large a key frame is; none for two packets more.
    pub key_weight: Option<usize>,
    /// Each layer has three temporal ones, of 7.5, 15 and 30 frames a second.
    pub temporal: bool,
    /// Frames between two key frames that nobody asked for.
    pub key_every: Option<u32>,
    /// Padding alone follows each frame.
    pub pads: bool,
    /// Frames differ in size, by up to two fifths either way; none for frames that are all alike.
    pub content: Option<SmallRng>,
    pub transport_seq: u16,
    resend: Vec<Vec<u8>>,
    heard: [usize; 2],
}

impl Camera {
    pub fn new(now: Instant, client: usize, mid: &'static str, rids: &[&'static str]) -> Self {
        let layer = |(index, rid): (usize, &&'static str)| Layer {
            ssrc: 1000 * (client as u32 + 1) + 10 * index as u32,
            rid,
            paused: false,
            key_frames: 0,
            seq: 65_000 + 100 * index as u16,
            timestamp: 0xFFFF_0000u32.wrapping_add(0x1234_5678 * index as u32),
            picture: 0x7FF0 - 1000 * index as u16,
            tl0: 250 + index as u8,
            key_idx: 30,
            since_key: 0,
            wants_key: true,
            rtx_seq: 7,
        };
        Self {
            client,
            mid,
            layers: rids.iter().enumerate().map(layer).collect(),
            next_frame: now,
            frames: 0,
            named_frames: 10,
            packets: [2, 3, 4],
            key_weight: None,
            temporal: false,
            key_every: None,
            pads: false,
            content: None,
            transport_seq: 0,
            resend: Vec::new(),
            heard: [0; 2],
        }
    }

    /// What its client was asked for before is not meant for this camera.
    pub fn forget_requests(&mut self, client: &Client) {
        self.heard = [client.told.plis.len(), client.told.nacks.len()];
    }

    /// Obeys key-frame requests and NACKs.
    pub fn listen(&mut self, client: &mut Client) {
        for (_, ssrc) in &client.told.plis[self.heard[0]..] {
            let layer = self.layers.iter_mut().find(|layer| layer.ssrc == ssrc.0);
            if let Some(layer) = layer {
                layer.wants_key = true;
            }
        }
        for (ssrc, seq) in &client.told.nacks[self.heard[1]..] {
            let Some(packet) = client.sent.get(&(ssrc.0, seq.0)) else { continue };
            let Some(layer) = self.layers.iter_mut().find(|layer| layer.ssrc == ssrc.0) else { continue };
            let header = RtpHeader::parse(packet).unwrap();
            let fields = HeaderFields {
                marker: header.marker,
                payload_type: PayloadType(VP8_RTX),
                seq: SeqNo(layer.rtx_seq),
                timestamp: header.timestamp,
                ssrc: Ssrc(layer.ssrc + 1),
            };
            layer.rtx_seq = layer.rtx_seq.wrapping_add(1);
            self.transport_seq = self.transport_seq.wrapping_add(1);
            let named = self.frames < self.named_frames || layer.rtx_seq < 12;
            let mut elements: Vec<(u8, &[u8])> = Vec::new();
            let stamp = self.transport_seq.to_be_bytes();
            elements.push((4, &stamp));
            if named {
                elements.push((1, self.mid.as_bytes()));
                elements.push((3, layer.rid.as_bytes()));
            }
            let mut out = vec![0; 1500];
            let len = write_header(&mut out, &fields, &elements).unwrap();
            out.truncate(len);
            out.extend(seq.0.to_be_bytes());
            out.extend(header.payload(packet));
            self.resend.push(out);
        }
        self.heard = [client.told.plis.len(), client.told.nacks.len()];
    }

    pub fn retransmissions(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.resend)
    }

    /// The packets of the next frame of all layers.
    pub fn frame(&mut self) -> Vec<Vec<u8>> {
        self.next_frame += FRAME;
        self.frames += 1;
        let named = self.frames <= self.named_frames;
        let mut packets = Vec::new();
        for index in 0..self.layers.len() {
            let layer = &mut self.layers[index];
            layer.timestamp = layer.timestamp.wrapping_add(2970);
            if layer.paused {
                continue;
            }
            let unasked = self.key_every.is_some_and(|every| self.frames.is_multiple_of(every));
            let key = std::mem::take(&mut layer.wants_key) || unasked;
            layer.picture = (layer.picture + 1) & 0x7FFF;
            layer.since_key = if key { 0 } else { layer.since_key + 1 };
            let temporal = if self.temporal { [0, 2, 1, 2][layer.since_key % 4] } else { 0u8 };
            // Every second picture of a higher layer refers to the lowest alone.
            let sync = temporal > 0 && layer.since_key % 8 < 4;
            layer.tl0 = layer.tl0.wrapping_add(u8::from(temporal == 0));
            layer.key_idx = (layer.key_idx + u8::from(key)) & 0x1F;
            layer.key_frames += usize::from(key);
            let usual = self.packets[index];
            let count = if key { self.key_weight.map_or(usual + 2, |weight| usual * weight) } else { usual };
            let size = self.content.as_mut().map_or(1000, |content| content.random_range(600..1160));
            for part in 0..count {
                let descriptor = [
                    0x80 | (u8::from(part == 0) << 4),
                    0xF0,
                    0x80 | (layer.picture >> 8) as u8,
                    layer.picture as u8,
                    layer.tl0,
                    temporal << 6 | u8::from(sync) << 5 | layer.key_idx,
                ];
                let mut payload = descriptor.to_vec();
                payload.push(u8::from(!key));
                payload.push(index as u8);
                payload.extend(self.frames.to_be_bytes());
                // As encoders do, sizes that differ by a byte.
                payload.resize(size + part % 2, part as u8);
                packets.push(packet(layer, self.mid, named, &mut self.transport_seq, part + 1 == count, &payload));
            }
            if self.pads {
                let mut probe = packet(layer, self.mid, named, &mut self.transport_seq, false, &[]);
                probe[0] |= 0x20;
                probe.extend([0, 0, 0, 4]);
                packets.push(probe);
            }
        }
        packets
    }
}

fn packet(layer: &mut Layer, mid: &str, named: bool, transport_seq: &mut u16, marker: bool, payload: &[u8]) -> Vec<u8> {
    *transport_seq = transport_seq.wrapping_add(1);
    layer.seq = layer.seq.wrapping_add(1);
    let fields = HeaderFields {
        marker,
        payload_type: PayloadType(VP8),
        seq: SeqNo(layer.seq),
        timestamp: RtpTime(layer.timestamp),
        ssrc: Ssrc(layer.ssrc),
    };
    let stamp = transport_seq.to_be_bytes();
    let mut elements: Vec<(u8, &[u8])> = vec![(4, &stamp)];
    if named {
        elements.push((1, mid.as_bytes()));
        if !layer.rid.is_empty() {
            elements.push((2, layer.rid.as_bytes()));
        }
    }
    let mut out = vec![0; 1500];
    let len = write_header(&mut out, &fields, &elements).unwrap();
    out.truncate(len);
    out.extend(payload);
    out
}

/// What a decoder sees of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub timestamp: RtpTime,
    pub picture: u16,
    pub tl0: u8,
    pub key_start: bool,
    pub layer: u8,
    pub frame: u32,
}

/// Puts a received stream in order, retransmissions included, by extended number. Empty packets are left
/// out; their numbers are returned.
pub fn reassemble(client: &Client, ssrc: u32) -> (BTreeMap<u64, Seen>, Vec<u64>) {
    let mut seen = BTreeMap::new();
    let mut empty = Vec::new();
    let mut reference = None;
    let mut take = |got: &Got, seq: SeqNo, payload: &[u8], seen: &mut BTreeMap<u64, Seen>| {
        let ext = seq.extend(reference.unwrap_or(0x10000 + u64::from(seq.0)));
        reference = Some(reference.unwrap_or(0).max(ext));
        if payload.is_empty() {
            return empty.push(ext);
        }
        let descriptor = Vp8Descriptor::parse(payload).unwrap();
        let body = &payload[usize::from(descriptor.len)..];
        let new = Seen {
            timestamp: got.header.timestamp,
            picture: descriptor.picture_id.unwrap().value,
            tl0: descriptor.tl0_pic_idx.unwrap(),
            key_start: descriptor.key_frame,
            layer: body[1],
            frame: u32::from_be_bytes(body[2..6].try_into().unwrap()),
        };
        if let Some(old) = seen.insert(ext, new) {
            assert_eq!(
                (old.picture, old.layer, old.frame),
                (new.picture, new.layer, new.frame),
                "one number, one packet"
            );
        }
    };
    for got in &client.rtp {
        if got.header.ssrc.0 == ssrc {
            assert_eq!(got.header.payload_type.0, 120);
            take(got, got.header.seq, got.payload(), &mut seen);
        } else if got.header.ssrc.0 == ssrc + 1 {
            assert_eq!(got.header.payload_type.0, 121);
            let payload = got.payload();
            take(got, SeqNo(u16::from_be_bytes([payload[0], payload[1]])), &payload[2..], &mut seen);
        }
    }
    (seen, empty)
}

/// Checks what a decoder would: numbers without gaps, time and pictures running on, layers changing only at
/// key frames. Returns the layers in the order in which they flowed.
pub fn check_continuity(client: &Client, ssrc: u32) -> Vec<u8> {
    let (seen, empty) = reassemble(client, ssrc);
    let numbers: Vec<u64> = {
        let mut all: Vec<u64> = seen.keys().copied().chain(empty).collect();
        all.sort_unstable();
        all
    };
    for pair in numbers.windows(2) {
        assert!(pair[1] - pair[0] <= 1, "a gap between {} and {}", pair[0], pair[1]);
    }
    let mut layers: Vec<u8> = Vec::new();
    let mut last: Option<Seen> = None;
    for (number, packet) in &seen {
        if let Some(last) = last {
            if packet.picture == last.picture {
                assert_eq!((packet.timestamp, packet.layer, packet.frame), (last.timestamp, last.layer, last.frame));
            } else {
                assert_eq!(packet.picture, (last.picture + 1) & 0x7FFF, "picture ids run on at {number}");
                assert_eq!(packet.tl0, last.tl0.wrapping_add(1), "TL0PICIDX runs on at {number}");
                assert!(packet.timestamp.is_newer_than(last.timestamp), "time runs on at {number}");
                let step = packet.timestamp.distance_from(last.timestamp);
                assert!(step < 90_000, "a leap of {step} ticks at {number}");
            }
        }
        if layers.last() != Some(&packet.layer) {
            assert!(packet.key_start, "layer {} begins in mid-stream at {number}", packet.layer);
            layers.push(packet.layer);
        }
        last = Some(*packet);
    }
    layers
}

/// The longest time between two packets of the stream.
pub fn longest_pause(client: &Client, ssrc: u32) -> Duration {
    let times: Vec<Instant> = client.of(ssrc).map(|got| got.at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

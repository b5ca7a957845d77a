//! Layers inside one stream: VP9 by its payload descriptor, VP9 and AV1 by the dependency descriptor, VP8's temporal
//! ones; what a subscriber gets of them can be decoded, whatever it asks for and when.

use std::collections::HashSet;
use std::time::Duration;

use super::span::mirror_of;
use super::video::{codec, extensions, receiver, sender};
use super::world::World;
use crate::ids::{ForwarderId, MediaTrackId};
use crate::media::{Command, Event, LayerTarget, Quality};
use crate::rtp::dd::tests::Pen;
use crate::rtp::vp8::Vp8Descriptor;
use crate::rtp::write::{HeaderFields, write_header};
use crate::rtp::{Codec, CodecParams, ExtensionKind, ExtensionMap, ExtensionTable, RtpPacket};
use crate::transport::{ReceiverSection, SenderSection};
use crate::units::{MediaKind, PayloadType, RtpTime, SeqNo, Ssrc};

const SSRC: u32 = 700_000;
const FRAME: Duration = Duration::from_millis(33);
const PATTERN: [u8; 4] = [0, 2, 1, 2];
const DESCRIPTOR_ID: u8 = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Vp8,
    Vp9,
    Vp9Described,
    Av1,
}

impl Kind {
    fn codec(self) -> Codec {
        match self {
            Kind::Vp8 => Codec::Vp8,
            Kind::Vp9 | Kind::Vp9Described => Codec::Vp9,
            Kind::Av1 => Codec::Av1,
        }
    }

    fn spatial(self) -> u8 {
        if self == Kind::Vp8 { 1 } else { 3 }
    }

    fn described(self) -> bool {
        matches!(self, Kind::Vp9Described | Kind::Av1)
    }
}

fn with_descriptor() -> ExtensionMap {
    let mut map = extensions();
    map.set(ExtensionKind::DependencyDescriptor, DESCRIPTOR_ID);
    map
}

/// A call of a layered publisher and one subscriber.
struct Call {
    world: World,
    kind: Kind,
    /// Only key pictures refer across spatial layers (`L3T3_KEY`).
    key_only: bool,
    picture: u32,
    seq: u16,
    frame_number: u16,
    since_key: u32,
    plis: usize,
}

impl Call {
    fn new(kind: Kind, key_only: bool) -> Self {
        Self::of(World::connected(21, 2), kind, key_only)
    }

    /// The subscriber is on another shard than the publisher.
    fn apart(kind: Kind, key_only: bool) -> Self {
        let mut world = World::new(21).of_two_shards();
        world.join_on(0);
        world.join_on(1);
        Self::of(world.with_clients(0), kind, key_only)
    }

    fn of(mut world: World, kind: Kind, key_only: bool) -> Self {
        let codecs = |payload_type, feedback| {
            vec![CodecParams { transport_cc: feedback, ..codec(kind.codec(), payload_type, None) }]
        };
        let receiving =
            ReceiverSection { codecs: codecs(96, true), extensions: with_descriptor(), ..receiver("0", &[]) };
        let sending =
            SenderSection { codecs: codecs(120, false), extensions: with_descriptor(), ..sender("0", 1, SSRC) };
        world.receivers(0, vec![receiving.clone()]);
        world.publish(0, 1, "0", MediaKind::Video);
        if world.homes[1] == 1 {
            mirror_of(&mut world, receiving);
        }
        world.subscribe(1, 1, 1, Quality::High);
        world.senders(1, vec![sending]);
        let mut call =
            Self { world, kind, key_only, picture: 0, seq: 65_500, frame_number: 65_530, since_key: 0, plis: 0 };
        call.run(60);
        call
    }

    /// So many pictures.
    fn run(&mut self, pictures: u32) {
        for _ in 0..pictures {
            self.picture();
            self.world.run_for(FRAME);
        }
    }

    fn picture(&mut self) {
        let asked = self.world.clients[0].told.plis.len();
        let key = self.picture == 0 || asked > self.plis;
        self.plis = asked;
        self.picture += 1;
        self.since_key = if key { 0 } else { self.since_key + 1 };
        let temporal = PATTERN[self.since_key as usize % PATTERN.len()];
        for spatial in 0..self.kind.spatial() {
            for part in 0..2 {
                let last = part == 1;
                let marker = last && spatial + 1 == self.kind.spatial();
                let payload = self.payload(key, spatial, temporal, part);
                let descriptor = self.kind.described().then(|| self.descriptor(key, spatial, temporal, part));
                let fields = HeaderFields {
                    marker,
                    payload_type: PayloadType(96),
                    seq: SeqNo(self.seq),
                    timestamp: RtpTime(self.picture * 3000),
                    ssrc: Ssrc(4711),
                };
                self.seq = self.seq.wrapping_add(1);
                let mut elements: Vec<(u8, &[u8])> = vec![(1, b"0")];
                if let Some(descriptor) = &descriptor {
                    elements.push((DESCRIPTOR_ID, descriptor));
                }
                let mut packet = vec![0; 1500];
                let len = write_header(&mut packet, &fields, &elements).unwrap();
                packet.truncate(len);
                packet.extend(payload);
                self.world.send_rtp(0, packet);
            }
            self.frame_number = self.frame_number.wrapping_add(1);
        }
    }

    fn payload(&self, key: bool, spatial: u8, temporal: u8, part: u8) -> Vec<u8> {
        let (first, last) = (u8::from(part == 0), u8::from(part == 1));
        let number = self.picture as u16;
        let mut payload = match self.kind {
            Kind::Vp8 => {
                // Every second picture of a higher layer refers to the lowest alone.
                let sync = u8::from(temporal > 0 && self.since_key % 8 < 4);
                let layers = temporal << 6 | sync << 5;
                vec![
                    0x80 | first << 4,
                    0xE0,
                    0x80 | (number >> 8) as u8,
                    number as u8,
                    number as u8,
                    layers,
                    u8::from(!key),
                ]
            }
            Kind::Vp9 | Kind::Vp9Described => {
                let inter_layer = u8::from(spatial > 0 && (key || !self.key_only));
                let head = 0xA0 | u8::from(!key) << 6 | first << 3 | last << 2;
                let layers = temporal << 5 | u8::from(temporal == 0) << 4 | spatial << 1 | inter_layer;
                vec![head, 0x80 | (number >> 8) as u8, number as u8, layers, number as u8, 0x82]
            }
            Kind::Av1 => vec![if key && spatial == 0 && part == 0 { 0x18 } else { 0x10 }],
        };
        payload.extend(self.picture.to_be_bytes());
        payload.extend([spatial, temporal, u8::from(key)]);
        payload.resize(600, 0);
        payload
    }

    /// Nine templates and targets, one for each layer.
    fn descriptor(&self, key: bool, spatial: u8, temporal: u8, part: u8) -> Vec<u8> {
        let opens = key && spatial == 0 && part == 0;
        let template = u32::from(spatial * 3 + temporal);
        let mut pen = Pen::mandatory(part == 0, part == 1, template, u32::from(self.frame_number));
        if !key {
            return pen.bytes;
        }
        let indication = |of: (u8, u8), target: (u8, u8), key: bool| match () {
            () if of.0 > target.0 || of.1 > target.1 => 0,
            () if key => 2,
            () if of.0 < target.0 && self.key_only => 0,
            () if of.0 < target.0 => 3,
            () if of.1 == 2 => 1,
            () => 2,
        };
        let layers: Vec<(u8, u8)> = (0..9).map(|index| (index / 3, index % 3)).collect();
        pen = pen.flags(if opens { 0b10100 } else { 0b00100 });
        if opens {
            pen = pen.put(0, 6).put(8, 5);
            for index in 1..9u8 {
                pen = pen.put(if index % 3 == 0 { 2 } else { 1 }, 2);
            }
            pen = pen.put(3, 2);
            for of in &layers {
                for target in &layers {
                    pen = pen.put(indication(*of, *target, false), 2);
                }
            }
            // No differences, no chains (ns(10) takes three bits for 0), no resolutions.
            pen = pen.put(0, 9).put(0, 3).put(0, 1);
        }
        for target in &layers {
            pen = pen.put(indication((spatial, temporal), *target, true), 2);
        }
        pen.bytes
    }

    fn cap_temporal(&mut self, cap: u8) {
        let shard = &mut self.world.shard;
        let key = shard.forwarder_ids[&ForwarderId(1)];
        shard.forwarders.get_mut(key).unwrap().selector.set_temporal_cap(cap);
    }

    /// What came since `from`, after checking that it can be decoded: layers of each picture.
    fn pictures(&self, from: u32) -> Vec<(u32, Vec<u8>, u8)> {
        let mut pictures: Vec<(u32, Vec<u8>, u8)> = Vec::new();
        let mut have: HashSet<(u32, u8)> = HashSet::new();
        let (mut last_seq, mut last_time, mut ended) = (None, None, true);
        // The newest picture of each temporal layer, by spatial layer, among those that were sent.
        let mut newest = [[0u32; 3]; 3];
        let mut numbers: Vec<u16> = Vec::new();
        for got in self.world.clients[1].of(SSRC) {
            assert!(
                last_seq.is_none_or(|last: SeqNo| got.header.seq == last.add(1)),
                "a gap before {:?}",
                got.header.seq
            );
            last_seq = Some(got.header.seq);
            let payload = got.payload();
            let at = payload.len() - 600
                + match self.kind {
                    Kind::Vp8 => 7,
                    Kind::Vp9 | Kind::Vp9Described => 6,
                    Kind::Av1 => 1,
                };
            let picture = u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            let [spatial, temporal, key] = payload[at + 4..at + 7].try_into().unwrap();
            if self.kind == Kind::Vp8 {
                numbers.push(Vp8Descriptor::parse(payload).unwrap().picture_id.unwrap().value);
            }
            if last_time != Some(got.header.timestamp) {
                assert!(ended, "the picture before {picture} has no marker");
                last_time = Some(got.header.timestamp);
                pictures.push((picture, Vec::new(), temporal));
            } else {
                assert!(!ended, "something follows the marker of {picture}");
            }
            ended = got.header.marker;
            let layers = &mut pictures.last_mut().unwrap().1;
            if layers.last() == Some(&spatial) {
                continue;
            }
            layers.push(spatial);
            let (s, t) = (usize::from(spatial), usize::from(temporal));
            if key == 1 {
                assert!(spatial == 0 || have.contains(&(picture, spatial - 1)), "key picture {picture}");
                newest[s] = [picture; 3];
            } else {
                // Refers to the newest picture of the layers below its own, as an encoder would.
                let reference = if t == 0 { newest[s][0] } else { *newest[s][..t].iter().max().unwrap() };
                assert!(have.contains(&(reference, spatial)), "{picture} of layer {spatial} refers to {reference}");
                if spatial > 0 && !self.key_only {
                    assert!(have.contains(&(picture, spatial - 1)), "{picture} of layer {spatial} stands on nothing");
                }
                newest[s][t] = picture;
            }
            have.insert((picture, spatial));
        }
        for pair in numbers.windows(2) {
            assert!(pair[1] == pair[0] || pair[1] == (pair[0] + 1) & 0x7FFF, "picture ids run on");
        }
        pictures.retain(|(picture, _, _)| *picture > from);
        pictures
    }

    fn qualities(&self) -> Vec<Quality> {
        let of = |event: &Event| match event {
            Event::LayerChanged { track, quality, .. } if *track == MediaTrackId(1) => Some(*quality),
            _ => None,
        };
        self.world.events.iter().filter_map(|(_, event)| of(event)).collect()
    }
}

#[test]
fn a_subscriber_goes_down_at_once_and_up_with_a_key_frame() {
    for kind in [Kind::Vp9, Kind::Vp9Described, Kind::Av1] {
        for key_only in [false, true] {
            let mut call = Call::new(kind, key_only);
            assert!(call.pictures(0).iter().all(|(_, layers, _)| *layers == [0, 1, 2]), "{kind:?}");
            let (plis, before) = (call.plis, call.picture);
            call.world.want(1, Quality::Low);
            call.run(30);
            assert!(call.pictures(before + 2).iter().all(|(_, layers, _)| *layers == [0]), "{kind:?}");
            assert_eq!(call.plis, plis, "nobody else is troubled by a step down");
            let before = call.picture;
            call.world.want(1, Quality::Medium);
            call.run(60);
            assert!(call.pictures(before + 45).iter().all(|(_, layers, _)| *layers == [0, 1]), "{kind:?}");
            call.world.want(1, Quality::High);
            call.run(60);
            assert_eq!(call.pictures(0).last().unwrap().1, [0, 1, 2], "{kind:?}");
            assert_eq!(call.qualities(), [Quality::High, Quality::Low, Quality::Medium, Quality::High], "{kind:?}");
        }
    }
}

#[test]
fn temporal_layers_are_left_out_and_come_back_without_a_key_frame() {
    for kind in [Kind::Vp8, Kind::Vp9, Kind::Av1] {
        let mut call = Call::new(kind, false);
        let plis = call.plis;
        for cap in [0, 1, 2, 0, 2] {
            let before = call.picture;
            call.cap_temporal(cap);
            call.run(40);
            let temporal: HashSet<u8> = call.pictures(before + 16).iter().map(|(_, _, temporal)| *temporal).collect();
            assert_eq!(temporal, (0..=cap).collect(), "{kind:?} up to {cap}");
        }
        assert_eq!(call.plis, plis, "{kind:?}");
    }
}

#[test]
fn whoever_needs_few_pictures_a_second_gets_the_temporal_layers_that_suffice() {
    for kind in [Kind::Vp8, Kind::Vp9, Kind::Vp9Described, Kind::Av1] {
        let mut call = Call::new(kind, false);
        let plis = call.plis;
        // Thirty pictures a second are sent.
        for (pictures, layers) in [(7, 1), (8, 1), (15, 2), (25, 3), (10, 2), (0, 3)] {
            let before = call.picture;
            let target = LayerTarget { pictures, quality: Quality::High, disabled: false };
            call.world.command(Command::SetTarget { id: ForwarderId(1), target });
            call.run(40);
            let temporal: HashSet<u8> = call.pictures(before + 16).iter().map(|(_, _, temporal)| *temporal).collect();
            assert_eq!(temporal, (0..layers).collect(), "{kind:?}: {pictures} a second");
        }
        assert_eq!(call.plis, plis, "{kind:?}");
    }
}

#[test]
fn a_narrowed_stream_tells_which_targets_flow() {
    let mut call = Call::new(Kind::Av1, true);
    call.world.want(1, Quality::Low);
    call.run(30);
    let table = ExtensionTable::new(&with_descriptor());
    let client = &call.world.clients[1];
    let long: Vec<usize> = client
        .of(SSRC)
        .map(|got| RtpPacket::parse(&got.bytes).unwrap().values(&table).dependency_descriptor.unwrap().len())
        .skip(1)
        .filter(|len| *len > 3)
        .collect();
    assert!((8..=40).contains(&long.len()), "{long:?}");
    assert!(long.contains(&5), "five flags and nine targets: {long:?}");
}

#[test]
fn what_one_asks_for_is_nothing_to_another() {
    let mut call = Call::new(Kind::Vp9, true);
    call.world.subscribe(1, 1, 2, Quality::Low);
    let codecs = vec![CodecParams { transport_cc: false, ..codec(Codec::Vp9, 120, None) }];
    let sending = |mid, forwarder, ssrc| SenderSection {
        codecs: codecs.clone(),
        extensions: with_descriptor(),
        ..sender(mid, forwarder, ssrc)
    };
    call.world.senders(1, vec![sending("0", 1, SSRC), sending("1", 2, SSRC + 50)]);
    call.run(60);
    let low = call.world.clients[1].of(SSRC + 50).count();
    assert!((100..=125).contains(&low), "two packets a picture: {low}");
    assert!(call.pictures(0).iter().all(|(_, layers, _)| *layers == [0, 1, 2]));
}

#[test]
fn on_another_shard_they_are_chosen_alike_and_nothing_is_relayed_that_nobody_wants() {
    for kind in [Kind::Vp9, Kind::Vp9Described, Kind::Av1] {
        let mut call = Call::apart(kind, false);
        let target = |call: &mut Call, quality, disabled| {
            let target = LayerTarget { quality, disabled, pictures: 0 };
            call.world.command_to(1, Command::SetTarget { id: ForwarderId(1), target });
        };
        assert!(call.pictures(0).iter().all(|(_, layers, _)| *layers == [0, 1, 2]), "{kind:?}");
        let before = call.picture;
        target(&mut call, Quality::Low, false);
        call.run(30);
        assert!(call.pictures(before + 2).iter().all(|(_, layers, _)| *layers == [0]), "{kind:?}");
        target(&mut call, Quality::Low, true);
        call.run(90);
        let relayed = call.world.shard.counters().relay_out.bytes;
        // Long enough for numbers that nobody could place.
        call.run(600);
        let reports = 20 * 4 * 200;
        assert!(call.world.shard.counters().relay_out.bytes - relayed < reports, "{kind:?}");
        let before = call.picture;
        target(&mut call, Quality::High, false);
        call.run(30);
        let back = call.pictures(before);
        assert!(back.len() > 25 && back.iter().all(|(_, layers, _)| *layers == [0, 1, 2]), "{kind:?} {back:?}");
    }
}

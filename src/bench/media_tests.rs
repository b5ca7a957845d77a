//! A publisher and a receiver put together without a server: what the one writes the other counts, and the parsers of the
//! media wing find in it what a camera's packets have.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::account::{Settled, TrackHeard, TrackSent, Window};
use super::publish::{Moment, PacketSink, Publication, Publisher, Source};
use super::receive::{Arrived, Counts, Receiver};
use super::scenario::Resolution;
use super::stamp::TrackId;
use crate::rtp::rtcp::{self, Rtcp, build};
use crate::rtp::vp8::{Vp8Descriptor, key_frame_dimensions};
use crate::rtp::{Codec, CodecParams, ExtensionKind, ExtensionMap, ExtensionTable, RtpHeader, RtpPacket};
use crate::transport::sdp::AnsweredSection;
use crate::units::{ClockRate, MediaKind, Mid, PayloadType, SeqNo, Ssrc};

const RUN: u32 = 0xBEEF;
const SSRCS: [[u32; 2]; 3] = [[11, 12], [21, 22], [31, 32]];

#[derive(Default)]
struct Wire(Vec<(Vec<u8>, bool)>);

impl PacketSink for Wire {
    fn send(&mut self, packet: &mut [u8], len: usize, again: bool) {
        self.0.push((packet[..len].to_vec(), again));
    }
}

struct Bench {
    now: Instant,
    wall: u64,
    publisher: Publisher,
    wire: Wire,
}

fn section(kind: MediaKind, sends: bool) -> AnsweredSection {
    let video = kind == MediaKind::Video;
    let codec = CodecParams {
        codec: if video { Codec::Vp8 } else { Codec::Opus },
        payload_type: PayloadType(if video { 96 } else { 111 }),
        clock_rate: ClockRate(if video { 90_000 } else { 48_000 }),
        channels: 0,
        fmtp: "".into(),
        rtx: video.then_some(PayloadType(97)),
        nack: true,
        pli: video,
        fir: video,
        transport_cc: true,
        remb: false,
    };
    let mut extensions = ExtensionMap::default();
    for (kind, id) in [
        (ExtensionKind::TransportCc, 3),
        (ExtensionKind::AbsSendTime, 2),
        (ExtensionKind::AudioLevel, 1),
        (ExtensionKind::Mid, 4),
        (ExtensionKind::Rid, 10),
        (ExtensionKind::RepairedRid, 11),
    ] {
        extensions.set(kind, id);
    }
    AnsweredSection {
        mid: Mid::from("7").unwrap(),
        kind,
        sends,
        receives: !sends,
        codecs: vec![codec],
        extensions,
        ssrcs: SmallVec::new(),
        track_id: "".into(),
    }
}

impl Bench {
    fn new(source: Source) -> Self {
        let now = Instant::now();
        let kind = if matches!(source, Source::Camera { .. }) { MediaKind::Video } else { MediaKind::Audio };
        let mut publisher = Publisher::new(now, Duration::ZERO);
        let publication = Publication { track: TrackId::new(3, 5), mid: Mid::from("7").unwrap(), source, seed: 9 };
        publisher.start(&publication, &section(kind, false), now, Duration::ZERO);
        publisher.start(&publication, &section(kind, false), now, Duration::ZERO);
        Self { now, wall: 1_000_000, publisher, wire: Wire::default() }
    }

    fn camera() -> Self {
        let layers = Resolution::P720.layers(true);
        Self::new(Source::Camera { layers, ssrcs: SSRCS.to_vec(), trace: None })
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, wall: self.wall, run: RUN, window: Window { start: 0, end: u64::MAX } }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.publisher.next_due().filter(|due| *due < end) {
            self.wall += due.saturating_duration_since(self.now).as_nanos() as u64;
            self.now = self.now.max(due);
            let (moment, wall) = (self.moment(), self.wall);
            self.publisher.send_due(&moment, || wall, &mut self.wire);
        }
        self.now = end;
    }

    fn rtcp(&mut self, build: impl FnOnce(&mut Vec<u8>)) {
        let mut compound = Vec::new();
        build(&mut compound);
        let moment = self.moment();
        for packet in rtcp::parse(&compound) {
            self.publisher.on_rtcp(&packet.unwrap(), &moment, &mut self.wire);
        }
    }

    fn of(&self, ssrc: u32) -> Vec<RtpPacket<'_>> {
        let packets = self.wire.0.iter().map(|(bytes, _)| RtpPacket::parse(bytes).unwrap());
        packets.filter(|packet| packet.header.ssrc == Ssrc(ssrc)).collect()
    }

    fn layers_sent(&self) -> Vec<u64> {
        let mut sent: Vec<TrackSent> = Vec::new();
        self.publisher.sent(&mut sent);
        assert_eq!(sent.len(), 1, "its layers are of one track");
        sent[0].layers.iter().map(|sent| sent.packets()).collect()
    }
}

fn receiver(now: Instant, pretended_loss: f64) -> Receiver {
    let mut receiver = Receiver::new(now, Duration::ZERO, 3, pretended_loss, 1);
    receiver.learn(&[section(MediaKind::Video, true), section(MediaKind::Audio, true)], now);
    receiver
}

#[test]
fn three_layers_leave_as_a_camera_sends_them() {
    let mut bench = Bench::camera();
    bench.run(Duration::from_secs(3));
    let table = ExtensionTable::new(&section(MediaKind::Video, false).extensions);
    for (at, (layer, ssrc)) in Resolution::P720.layers(true).iter().zip(SSRCS).enumerate() {
        let packets = bench.of(ssrc[0]);
        assert_eq!(packets.len() as u64, bench.layers_sent()[at]);
        let frames = packets.iter().filter(|packet| packet.header.marker).count() as u32;
        assert!(frames.abs_diff(layer.fps * 3) <= 1, "{frames} frames of {}", layer.rid);
        for pair in packets.windows(2) {
            assert_eq!(pair[1].header.seq, pair[0].header.seq.add(1));
            // A frame ends with its marker, and only then does the picture change.
            let [one, next] = [pair[0], pair[1]].map(|packet| Vp8Descriptor::parse(packet.payload()).unwrap());
            assert_eq!(pair[0].header.marker, next.start_of_partition);
            assert_eq!(pair[0].header.marker, one.picture_id != next.picture_id);
            assert_eq!(pair[0].header.timestamp != pair[1].header.timestamp, pair[0].header.marker);
        }
        let first = &packets[0];
        assert_eq!(key_frame_dimensions(first.payload()), Some((layer.width, layer.height)));
        let values = first.values(&table);
        assert_eq!((values.mid, values.rid), (Some("7"), Some(layer.rid)));
        assert!(values.transport_seq.is_some() && values.abs_send_time.is_some());
        assert!(packets.iter().all(|packet| packet.bytes.len() <= 1200 - 16), "with its tag it fits a datagram");
    }
    // One count for all layers.
    let all = bench.wire.0.iter().map(|(bytes, _)| RtpPacket::parse(bytes).unwrap());
    let numbers: Vec<u16> = all.filter_map(|packet| packet.values(&table).transport_seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
}

#[test]
fn a_key_frame_comes_when_asked_for_and_names_only_until_they_are_known() {
    let mut bench = Bench::camera();
    bench.run(Duration::from_secs(1));
    bench.wire.0.clear();
    bench.rtcp(|out| {
        build::pli(out, Ssrc(1), Ssrc(31));
        build::receiver_report(out, Ssrc(1), &[rtcp_block(31)]);
    });
    bench.run(Duration::from_millis(100));
    let keys = |ssrc| bench.of(ssrc).iter().filter(|packet| key_frame_dimensions(packet.payload()).is_some()).count();
    assert_eq!((keys(31), keys(21)), (1, 0));
    let table = ExtensionTable::new(&section(MediaKind::Video, false).extensions);
    assert_eq!(bench.of(31)[0].values(&table).rid, None);
    assert_eq!(bench.of(21)[0].values(&table).rid, Some("h"));
}

fn rtcp_block(ssrc: u32) -> crate::rtp::stats::ReportBlock {
    crate::rtp::stats::ReportBlock { ssrc: Ssrc(ssrc), ..Default::default() }
}

#[test]
fn a_receiver_counts_what_comes_asks_for_what_does_not_and_gets_it() {
    let mut bench = Bench::camera();
    let (mut receiver, mut counts) = (receiver(bench.now, 0.0), Counts::default());
    bench.run(Duration::from_secs(1));
    let sent: Vec<Vec<u8>> = bench.of(31).iter().map(|packet| packet.bytes.to_vec()).collect();
    let moment = bench.moment();
    let arrived = Arrived { wall: bench.wall + 5_000_000, bytes: 1000 };
    for (at, packet) in sent.iter().enumerate() {
        let first = if at % 10 == 7 { false } else { receiver.on_rtp(packet, arrived, &moment, &mut counts) };
        assert_eq!(first, at == 0);
    }
    // It asks 20 ms later; RTX brings them.
    bench.now += Duration::from_millis(30);
    let mut compound = Vec::new();
    receiver.feed_back(None, bench.now, &mut compound, &mut counts);
    let missing = (sent.len() + 2) / 10;
    assert_eq!(counts.asked, missing as u64);
    let feedback = rtcp::parse(&compound).any(|packet| matches!(packet, Ok(Rtcp::Twcc(_))));
    assert!(feedback);
    bench.wire.0.clear();
    let moment = bench.moment();
    for packet in rtcp::parse(&compound) {
        bench.publisher.on_rtcp(&packet.unwrap(), &moment, &mut bench.wire);
    }
    assert_eq!((bench.of(32).len(), bench.publisher.repeated), (missing, missing as u64));
    for (packet, again) in std::mem::take(&mut bench.wire.0) {
        assert!(!again);
        receiver.on_rtp(&packet, arrived, &moment, &mut counts);
    }
    assert_eq!((counts.repaired, counts.delivered), (missing as u64, sent.len() as u64));
    let mut heard: Vec<TrackHeard> = Vec::new();
    receiver.heard(false, &mut heard);
    let mut tracks = Vec::new();
    bench.publisher.sent(&mut tracks);
    let settled = heard[0].tally.settle(&tracks[0].layers, false);
    assert_eq!((settled.due, settled.lost, settled.duplicates), (sent.len() as u64, 0, 0));
    // Of the repaired no delay is counted.
    assert_eq!(counts.delay.count() as usize, sent.len() - missing);
}

/// What a server makes of the packets of the best layer: frames of the highest temporal layer are left out, the others
/// numbered without them.
fn thinned(bench: &Bench) -> Vec<Vec<u8>> {
    let mut seq = SeqNo(65_500);
    let mut out = Vec::new();
    for packet in bench.of(31).iter().filter(|it| Vp8Descriptor::parse(it.payload()).unwrap().tid != Some(2)) {
        let mut bytes = packet.bytes.to_vec();
        bytes[2..4].copy_from_slice(&seq.0.to_be_bytes());
        out.push(bytes);
        seq = seq.add(1);
    }
    out
}

fn settle(bench: &Bench, receiver: &Receiver) -> Settled {
    let (mut heard, mut tracks): (Vec<TrackHeard>, Vec<TrackSent>) = Default::default();
    receiver.heard(true, &mut heard);
    bench.publisher.sent(&mut tracks);
    let settled = heard[0].tally.settle(&tracks[0].layers, true);
    assert_eq!(settled.due, settled.delivered + settled.lost + settled.withheld);
    settled
}

#[test]
fn frames_that_a_server_leaves_out_are_withheld_and_what_it_loses_is_lost() {
    let mut bench = Bench::camera();
    bench.run(Duration::from_secs(2));
    let sent = thinned(&bench);
    let (moment, arrived) = (bench.moment(), Arrived { wall: bench.wall, bytes: 1000 });
    let play = |missing: &[usize]| {
        let (mut receiver, mut counts) = (receiver(bench.now, 0.0), Counts::default());
        for (_, packet) in sent.iter().enumerate().filter(|(at, _)| !missing.contains(at)) {
            receiver.on_rtp(packet, arrived, &moment, &mut counts);
        }
        (receiver, counts)
    };
    let (receiver, mut counts) = play(&[]);
    let whole = settle(&bench, &receiver);
    assert_eq!((whole.delivered, whole.lost), (sent.len() as u64, 0));
    assert!(whole.withheld * 3 > whole.delivered, "two of four frames, the smaller ones: {whole:?}");
    assert_eq!(counts.delivered, whole.delivered);
    // One of the key frame is lost.
    let (mut receiver, _) = play(&[10]);
    let with_loss = settle(&bench, &receiver);
    assert_eq!((with_loss.delivered, with_loss.lost), (whole.delivered - 1, 1));
    assert_eq!(with_loss.withheld, whole.withheld);
    // As RTX it comes after all.
    let original = RtpHeader::parse(&sent[10]).unwrap();
    let mut repaired = sent[10].clone();
    let payload = repaired.len() - original.payload(&sent[10]).len();
    repaired[1] = repaired[1] & 0x80 | 97;
    repaired[11] = 32;
    repaired.splice(payload..payload, original.seq.0.to_be_bytes());
    receiver.on_rtp(&repaired, arrived, &moment, &mut counts);
    assert_eq!(settle(&bench, &receiver), whole);
}

#[test]
fn sound_is_repeated_as_it_was_where_there_is_no_rtx() {
    let mut bench = Bench::new(Source::Microphone { ssrc: 5 });
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.of(5).len(), 50);
    let wanted = bench.wire.0[20].0.clone();
    let seq = RtpPacket::parse(&wanted).unwrap().header.seq;
    bench.wire.0.clear();
    bench.rtcp(|out| build::nack(out, Ssrc(1), Ssrc(5), &[seq, SeqNo(60_000)]));
    assert_eq!(bench.wire.0, [(wanted, true)]);
}

#[test]
fn strangers_packets_are_told_from_padding() {
    let mut bench = Bench::camera();
    bench.run(Duration::from_millis(50));
    let (mut receiver, mut counts) = (receiver(bench.now, 0.0), Counts::default());
    let arrived = Arrived { wall: 0, bytes: 1 };
    let moment = bench.moment();
    let mut other_room = Receiver::new(bench.now, Duration::ZERO, 4, 0.0, 1);
    let packet = bench.wire.0[0].0.clone();
    other_room.on_rtp(&packet, arrived, &moment, &mut counts);
    receiver.on_rtp(&packet[..packet.len() - 1], arrived, &moment, &mut counts);
    assert_eq!((counts.foreign, counts.packets), (2, 0));
    let padding = [0xA0, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 11, 0, 0, 0, 4];
    receiver.on_rtp(&padding, arrived, &moment, &mut counts);
    assert_eq!((counts.foreign, counts.padding), (2, 1));
    assert!(receiver.pretends_loss(&packet, &mut counts).eq(&false));
}

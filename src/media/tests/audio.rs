use std::time::Duration;

use super::video::{codec, extensions};
use super::world::World;
use crate::ids::{ForwarderId, MediaTrackId};
use crate::media::{Command, Event, Quality};
use crate::rtp::Codec;
use crate::rtp::rtcp::build;
use crate::rtp::stats::SenderReport;
use crate::rtp::write::{HeaderFields, write_header};
use crate::transport::{ReceiverSection, SenderSection};
use crate::units::{MediaKind, Mid, NtpTime, PayloadType, RtpTime, SeqNo, Ssrc};

pub const OPUS: u8 = 111;
const RED: u8 = 63;

pub fn receiver(mid: &str) -> ReceiverSection {
    ReceiverSection {
        mid: Mid::from(mid).unwrap(),
        kind: MediaKind::Audio,
        stream_id: "-".into(),
        track_id: "microphone".into(),
        codecs: vec![codec(Codec::Red, RED, None), codec(Codec::Opus, OPUS, None)],
        extensions: extensions(),
        rids: Default::default(),
        ssrcs: Default::default(),
    }
}

pub fn sender(mid: &str, forwarder: u64, ssrc: u32, red: bool) -> SenderSection {
    let mut codecs = vec![codec(Codec::Opus, 109, None)];
    if red {
        codecs.push(codec(Codec::Red, 110, None));
    }
    SenderSection {
        mid: Mid::from(mid).unwrap(),
        kind: MediaKind::Audio,
        forwarder: ForwarderId(forwarder),
        codecs,
        extensions: extensions(),
        ssrc: Ssrc(ssrc),
        rtx_ssrc: Ssrc(ssrc + 1),
    }
}

/// One packet of 20 ms from client `client`.
pub fn talk(world: &mut World, client: usize, mid: &str, n: u32, level: u8, red: bool) {
    let ssrc = 9000 + client as u32;
    let fields = HeaderFields {
        marker: n == 0,
        payload_type: PayloadType(if red { RED } else { OPUS }),
        seq: SeqNo(65_500u16.wrapping_add(n as u16)),
        timestamp: RtpTime(960 * n),
        ssrc: Ssrc(ssrc),
    };
    let mut packet = vec![0; 1500];
    let len = write_header(&mut packet, &fields, &[(1, mid.as_bytes()), (5, &[level])]).unwrap();
    packet.truncate(len);
    let opus = [client as u8, n as u8, 0xFC, 1, 2, 3];
    if red {
        // One redundant block of four bytes, 960 ticks ago, then the primary one.
        packet.extend([0x80 | OPUS, (960u16 >> 6) as u8, (960u16 << 2) as u8, 4, OPUS]);
        packet.extend([9, 9, 9, 9]);
    }
    packet.extend(opus);
    world.send_rtp(client, packet);
}

fn call(seed: u64, red: bool) -> World {
    let mut world = World::connected(seed, 3);
    world.receivers(0, vec![receiver("0")]);
    world.publish(0, 1, "0", MediaKind::Audio);
    for n in 1..=2 {
        world.subscribe(n, 1, n as u64, Quality::High);
        // Only the second takes RED.
        world.senders(n, vec![sender("0", n as u64, 6000, n == 2)]);
    }
    for n in 0..50 {
        talk(&mut world, 0, "0", n, 20, red);
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_millis(50));
    world
}

#[test]
fn red_reaches_those_who_take_it_and_opus_the_others() {
    let world = call(31, true);
    for (client, payload_type, len) in [(1, 109, 6), (2, 110, 15)] {
        let got: Vec<_> = world.clients[client].of(6000).collect();
        assert_eq!(got.len(), 50);
        for (n, got) in got.iter().enumerate() {
            assert_eq!(got.header.payload_type.0, payload_type);
            assert_eq!(got.payload().len(), len);
            assert_eq!(got.payload()[len - 6..], [0, n as u8, 0xFC, 1, 2, 3]);
        }
        let steps = got.windows(2).map(|pair| {
            (
                pair[1].header.seq.distance_from(pair[0].header.seq),
                pair[1].header.timestamp.distance_from(pair[0].header.timestamp),
            )
        });
        assert!(steps.into_iter().all(|step| step == (1, 960)));
    }
}

#[test]
fn plain_opus_is_forwarded_to_everybody() {
    let world = call(32, false);
    for client in [1, 2] {
        assert_eq!(world.clients[client].of(6000).count(), 50);
        assert!(world.clients[client].of(6000).all(|got| got.header.payload_type.0 == 109));
    }
}

#[test]
fn mute_stops_audio_and_unmuting_goes_on_in_time() {
    let mut world = call(33, false);
    world.command(Command::SetTrackMuted { track: MediaTrackId(1), muted: true });
    let before = world.clients[1].rtp.len();
    for n in 50..100 {
        talk(&mut world, 0, "0", n, 20, false);
        world.run_for(Duration::from_millis(20));
    }
    assert_eq!(world.clients[1].rtp.len(), before);
    world.command(Command::SetTrackMuted { track: MediaTrackId(1), muted: false });
    for n in 100..150 {
        talk(&mut world, 0, "0", n, 20, false);
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_millis(50));
    let got: Vec<_> = world.clients[1].of(6000).map(|got| got.header).collect();
    assert_eq!(got.len(), 100);
    assert_eq!(got[50].seq.distance_from(got[49].seq), 1, "no gap in numbers");
    assert_eq!(got[50].timestamp.distance_from(got[49].timestamp), 51 * 960, "but in time");
}

#[test]
fn speakers_are_told_when_they_change() {
    let mut world = World::connected(34, 3);
    for client in 0..2 {
        world.receivers(client, vec![receiver("0")]);
        world.publish(client, client as u64 + 1, "0", MediaKind::Audio);
    }
    let levels = |n: u32| match n {
        0..100 => [20, 127],
        100..200 => [25, 6],
        _ => [127, 127],
    };
    for n in 0..350 {
        for client in 0..2 {
            talk(&mut world, client, "0", n, levels(n)[client], false);
        }
        world.run_for(Duration::from_millis(20));
    }
    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Speakers { speakers, .. } => Some((*at, speakers.clone())),
            _ => None,
        })
        .collect();
    let first = &told[0];
    assert_eq!(first.1.len(), 1);
    assert_eq!(first.1[0].0, world.id(0));
    assert!(first.1[0].1 > 0.0 && (first.1[0].1 * 8.0).fract() == 0.0);
    assert!(first.0 - world.start < Duration::from_millis(1500));
    let both = told.iter().find(|(_, speakers)| speakers.len() == 2).unwrap();
    assert_eq!(both.1[0].0, world.id(1), "the loudest first");
    assert_eq!(told.last().unwrap().1, [], "silence is told as well");
    assert!(told.len() < 15, "only changes: {}", told.len());
    let pairs = told.windows(2);
    assert!(pairs.into_iter().all(|pair| pair[1].0 - pair[0].0 >= Duration::from_millis(399)));
}

#[test]
fn a_muted_speaker_is_none() {
    let mut world = World::connected(35, 1);
    world.receivers(0, vec![receiver("0")]);
    world.publish(0, 1, "0", MediaKind::Audio);
    world.command(Command::SetTrackMuted { track: MediaTrackId(1), muted: true });
    for n in 0..100 {
        talk(&mut world, 0, "0", n, 5, false);
        world.run_for(Duration::from_millis(20));
    }
    assert_eq!(world.count(|event| matches!(event, Event::Speakers { .. })), 0);
}

#[test]
fn lost_audio_is_asked_for_and_repaired() {
    let mut world = World::connected(36, 2);
    world.receivers(0, vec![receiver("0")]);
    world.publish(0, 1, "0", MediaKind::Audio);
    world.subscribe(1, 1, 1, Quality::High);
    world.senders(1, vec![sender("0", 1, 6000, false)]);
    for n in 0..20 {
        world.loss = [if n == 10 { 1.0 } else { 0.0 }, 0.0];
        talk(&mut world, 0, "0", n, 20, false);
        world.run_for(Duration::from_millis(20));
    }
    assert_eq!(world.clients[0].told.nacks.first(), Some(&(Ssrc(9000), SeqNo(65_510))));
    let late = world.clients[0].sent[&(9000, 65_510)].clone();
    // The publisher has no retransmission stream either; it sends the packet as it was.
    let mut sealed = late.clone();
    let len = sealed.len();
    sealed.resize(len + 16, 0);
    let len = world.clients[0].transport.seal_rtp_again(&mut sealed, len).unwrap();
    sealed.truncate(len);
    world.send(0, sealed);
    world.run_for(Duration::from_millis(50));
    let mut numbers: Vec<u8> = world.clients[1].of(6000).map(|got| got.payload()[1]).collect();
    assert_eq!(numbers.pop(), Some(10), "the late one comes last");
    assert_eq!(world.clients[1].of(6000).count(), 20);
    let last = world.clients[1].of(6000).last().unwrap().header;
    let before = world.clients[1].of(6000).nth(9).unwrap().header;
    assert_eq!(last.seq.distance_from(before.seq), 1, "with the number that was kept for it");
}

pub fn report(world: &mut World, client: usize, ssrc: u32, ntp: NtpTime, rtp: u32) {
    let report = SenderReport { ssrc: Ssrc(ssrc), ntp, rtp: RtpTime(rtp), packets: 1, octets: 1 };
    let sealed = world.clients[client].seal_rtcp(|out| build::sender_report(out, &report, &[]));
    world.send(client, sealed);
}

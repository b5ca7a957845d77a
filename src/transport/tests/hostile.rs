use std::time::Duration;

use proptest::prelude::*;

use super::world::{World, path};
use super::*;
use crate::transport::ice::test_messages::{self, CheckFlags};

const STRANGER: &str = "198.51.100.66:666";

#[test]
fn a_bad_integrity_is_met_with_silence_and_nothing_is_learned() {
    let mut world = World::introduced(1);
    let now = world.now;
    let flags = CheckFlags { nominate: true, ..Default::default() };
    let wrong_password = test_messages::check("server:client", "not the password", [1; 12], flags);
    let unknown = test_messages::check("nobody:client", &world.server_ice.pwd, [1; 12], flags);
    let mut bent = world.client.check(CheckFlags { without_fingerprint: true, ..flags });
    bent[40] ^= 1;
    let mut drop_of = |mut datagram: Vec<u8>| match world.server.handle_datagram(now, path(STRANGER), &mut datagram) {
        Inbound::Dropped(cause) => cause,
        other => panic!("{other:?}"),
    };
    assert_eq!(drop_of(wrong_password), DropCause::StunIntegrity);
    assert_eq!(drop_of(unknown), DropCause::StunUnknownUfrag);
    assert!(matches!(drop_of(bent), DropCause::StunIntegrity | DropCause::StunUnknownUfrag));
    assert_eq!(world.server.poll_datagram(&mut Vec::new()), None);
    assert_eq!(world.server.poll_event(), None);
    assert_eq!(world.server.paths().count(), 0);
}

#[test]
fn a_role_conflict_is_answered_only_when_authenticated_and_validates_nothing() {
    let mut world = World::introduced(2);
    let flags = CheckFlags { controlled: true, nominate: true, ..Default::default() };
    let mut forged = test_messages::check("server:client", "wrong", [1; 12], flags);
    let now = world.now;
    assert_eq!(
        world.server.handle_datagram(now, path(STRANGER), &mut forged),
        Inbound::Dropped(DropCause::StunIntegrity)
    );
    assert_eq!(world.server.poll_datagram(&mut Vec::new()), None);

    let mut check = world.client.check(flags);
    assert_eq!(world.server.handle_datagram(now, path(STRANGER), &mut check), Inbound::Consumed);
    let mut answer = Vec::new();
    world.server.poll_datagram(&mut answer).unwrap();
    assert_eq!(test_messages::read_response(&answer, &world.server_ice.pwd).unwrap().1, Err(487));
    assert_eq!(world.server.paths().count(), 0);
}

#[test]
fn dtls_and_media_from_an_address_without_checks_are_ignored() {
    let mut world = World::introduced(3);
    world.run_until("a hello is under way", |world| {
        world.link.values().any(|(_, _, datagram)| demux::classify(datagram) == Kind::Dtls)
    });
    // The race: somebody else's hello comes first.
    let hello = world.link.values().find(|(_, _, datagram)| demux::classify(datagram) == Kind::Dtls).unwrap().2.clone();
    let now = world.now;
    for _ in 0..1000 {
        let inbound = world.server.handle_datagram(now, path(STRANGER), &mut hello.clone()).is_dropped_as();
        assert_eq!(inbound, Some(DropCause::UnvalidatedPath));
    }
    assert_eq!(world.server.poll_datagram(&mut Vec::new()), None);
    world.run_until("connected", World::is_connected);

    let now = world.now;
    let mut packet = world.client.rtp(6, 1, b"x");
    assert_eq!(
        world.server.handle_datagram(now, path(STRANGER), &mut packet).is_dropped_as(),
        Some(DropCause::UnvalidatedPath)
    );
    assert_eq!(
        world.server.handle_datagram(now, path(STRANGER), &mut hello.clone()).is_dropped_as(),
        Some(DropCause::UnvalidatedPath)
    );
    assert!(world.server_rtp(5, 1, b"undisturbed"));
}

#[test]
fn plaintext_replayed_and_forged_media_never_passes_and_the_call_goes_on() {
    let mut world = World::connected(4);
    let (now, client) = (world.now, world.client.paths[0]);
    let genuine = world.client.rtp(6, 1, b"x");
    let mut drop_of =
        |datagram: &[u8]| world.server.handle_datagram(now, client, &mut datagram.to_vec()).is_dropped_as();
    assert_eq!(drop_of(&genuine), None);
    assert_eq!(drop_of(&genuine), Some(DropCause::Replay));
    assert_eq!(drop_of(&peer::plain_rtp(6, 2, &[0; 100])), Some(DropCause::MediaIntegrity), "plaintext");
    assert_eq!(drop_of(&[0x80, 201, 0, 1, 0, 0, 0, 1]), Some(DropCause::MediaMalformed), "plaintext RTCP");
    assert_eq!(drop_of(&[0x8F, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6]), Some(DropCause::MediaMalformed));
    for n in 0..100_000u32 {
        let mut forged = peer::plain_rtp(n / 3, n as u16, &[0xAA; 40]);
        assert_eq!(
            world.server.handle_datagram(now, client, &mut forged).is_dropped_as(),
            Some(DropCause::MediaIntegrity)
        );
    }
    assert_eq!(world.server.poll_event(), None);
    world.client_rtp(6, 2, b"still here");
    assert!(world.server_rtp(5, 1, b"so are we"));
    world.run_for(Duration::from_millis(100));
    assert_eq!((world.at_server.len(), world.at_client.len()), (1, 1));
}

#[test]
fn dtls_records_that_nobody_sealed_do_not_end_a_call() {
    let mut world = World::connected(5);
    let (now, client) = (world.now, world.client.paths[0]);
    let alert = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
    let sealed_alert = [&[21, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 99, 0, 26][..], &[7; 26]].concat();
    let data = [&[23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 98, 0, 40][..], &[9; 40]].concat();
    for record in [&alert[..], &sealed_alert, &data] {
        for _ in 0..100 {
            let _ = world.server.handle_datagram(now, client, &mut record.to_vec());
        }
    }
    world.run_for(Duration::from_secs(1));
    assert!(!world.events.iter().any(|event| matches!(event, TransportEvent::Failed(_))), "{:?}", world.events);
    world.client.channels.open(DataChannelParams { label: "x".into(), ordered: true, max_retransmits: None });
    world.run_until("data flows", |world| world.open_channels().count() == 1);
}

/// One SCTP packet with a right checksum.
fn sctp(tag: u32, chunks: &[u8]) -> Vec<u8> {
    let mut packet = [&5000u16.to_be_bytes()[..], &5000u16.to_be_bytes(), &tag.to_be_bytes(), &[0; 4], chunks].concat();
    let crc = crc32c(&packet);
    packet[8..12].copy_from_slice(&crc.to_le_bytes());
    packet
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn sctp_floods_and_lies_do_no_harm() {
    let mut world = World::connected(6);
    world.client.channels.open(DataChannelParams { label: "x".into(), ordered: true, max_retransmits: None });
    world.run_until("open", |world| world.open_channels().count() == 1);
    for tag in 1..2000u32 {
        // INIT with ever new tags; ABORT with a length that lies; FORWARD-TSN far ahead; all with guessed tags.
        let init = [&[1, 0, 0, 20][..], &tag.to_be_bytes(), &[0, 1, 0, 0, 0, 9, 0, 9], &tag.to_be_bytes()].concat();
        world.client.send_record(&sctp(0, &init));
        world.client.send_record(&sctp(tag, &[6, 0, 0, 8, 0, 12, 0xFF, 0xFF]));
        world.client.send_record(&sctp(tag, &[0xC0, 0, 0, 8, 0x7F, 0xFF, 0xFF, 0xFF]));
        world.client.send_record(&sctp(tag, &[tag as u8; 40]));
        world.run_for(Duration::from_millis(1));
    }
    assert!(!world.events.iter().any(|event| matches!(event, TransportEvent::Failed(_))));
    let channel = world.open_channels().next().unwrap().0;
    world.server.send_data(world.now, channel, b"still open", true).unwrap();
    world.run_until("data arrives", |world| {
        world.client.seen.iter().any(|event| matches!(event, TransportEvent::Data { .. }))
    });
}

trait DroppedAs {
    fn is_dropped_as(&self) -> Option<DropCause>;
}

impl DroppedAs for Inbound<'_> {
    fn is_dropped_as(&self) -> Option<DropCause> {
        match self {
            Inbound::Dropped(cause) => Some(*cause),
            _ => None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_never_panic(
        datagrams in prop::collection::vec((any::<bool>(), prop::sample::select(vec![0u8, 1, 20, 22, 23, 40, 128, 144, 191, 255]), prop::collection::vec(any::<u8>(), 0..120)), 1..60)
    ) {
        let mut world = World::connected(7);
        let (now, client) = (world.now, world.client.paths[0]);
        for (known, first, mut bytes) in datagrams {
            bytes.insert(0, first);
            let from = if known { client } else { path(STRANGER) };
            let _ = world.server.handle_datagram(now, from, &mut bytes);
        }
        world.flush();
    }

    #[test]
    fn bent_datagrams_of_a_handshake_never_panic(
        seed in 0..1000u64,
        bends in prop::collection::vec((0..12usize, any::<prop::sample::Index>(), any::<u8>()), 1..10),
    ) {
        let mut world = World::introduced(seed);
        for step in 0..12 {
            world.run_for(Duration::from_millis(10));
            let mut link = std::mem::take(&mut world.link);
            for (to_server, _, datagram) in link.values_mut() {
                for (at, byte, value) in bends.iter().filter(|(at, ..)| *at == step && *to_server) {
                    let _ = at;
                    let index = byte.index(datagram.len());
                    datagram[index] = *value;
                }
            }
            world.link = link;
        }
        world.run_for(Duration::from_secs(3));
    }

    #[test]
    fn random_sctp_chunks_never_panic(
        chunks in prop::collection::vec((prop::sample::select(vec![0u8, 1, 3, 4, 6, 7, 10, 11, 130, 192]), any::<u8>(), 0..60u16, prop::collection::vec(any::<u8>(), 0..60)), 1..40)
    ) {
        let mut channels = DataChannels::new(
            TransportLimits::default(),
            crate::transport::section::SctpParams { port: 5000, max_message_size: 0 },
            false,
        );
        let now = Instant::now();
        let (mut events, mut counters) = (VecDeque::new(), TransportCounters::default());
        let mut tag = 0;
        for (kind, flags, length, body) in chunks {
            let chunk = [&[kind, flags][..], &length.to_be_bytes(), &body].concat();
            channels.handle(now, Bytes::from(sctp(if kind == 1 { 0 } else { tag }, &chunk)));
            channels.pump(now, &mut events, &mut counters, |packet| {
                if packet.get(12) == Some(&2) {
                    tag = u32::from_be_bytes(packet[16..20].try_into().unwrap());
                }
            });
        }
        channels.handle_timeout(now + Duration::from_secs(5));
    }
}

use std::time::Duration;

use proptest::prelude::*;
use rand::RngExt;

use super::layers::{call, ssrc_of};
use super::video::{check_continuity, receiver};
use super::world::World;
use crate::media::counters::Drop;
use crate::media::{Command, Event, TransportFailure};
use crate::transport::{DropCause, Path};
use crate::units::{MediaKind, Ssrc};

/// Datagrams that the client itself seals: authenticated, and full of lies.
fn lie(world: &mut World, client: usize, plain: &[u8], rtcp: bool) {
    let mut sealed = Vec::new();
    let transport = &mut world.clients[client].transport;
    if rtcp {
        if transport.seal_rtcp(plain, &mut sealed).is_none() {
            return;
        }
    } else {
        sealed.extend(plain);
        sealed.resize(plain.len() + 16, 0);
        let Some(len) = transport.seal_rtp(&mut sealed, plain.len()) else { return };
        sealed.truncate(len);
    }
    let path = world.clients[client].path;
    world.shard.datagram(world.now, path, &mut sealed);
}

#[test]
fn bad_tags_and_strangers_disturb_nobody() {
    let mut world = call(81, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(1));
    let path = world.clients[0].path;
    let stranger = Path { remote: "198.51.100.9:9".parse().unwrap(), ..path };
    for n in 0..100_000u32 {
        let mut packet = vec![0x80, 96, (n >> 8) as u8, n as u8, 0, 0, 0, 1, 0, 0, 3, 0xE8 + (n % 3) as u8];
        packet.resize(60, n as u8);
        let from = if n % 10 == 0 { stranger } else { path };
        world.shard.datagram(world.now, from, &mut packet);
    }
    let counters = world.shard.counters();
    assert_eq!(
        counters.transport_drops[DropCause::MediaIntegrity as usize]
            + counters.transport_drops[DropCause::Replay as usize]
            + counters.transport_drops[DropCause::TooOld as usize],
        90_000
    );
    assert_eq!(counters.dropped(Drop::UnknownAddress), 10_000);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
}

#[test]
fn a_peer_that_invents_sources_gets_no_more_than_its_share() {
    let mut world = World::connected(82, 1);
    world.receivers(0, vec![receiver("0", &[])]);
    for n in 0..1000u32 {
        let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 1];
        packet.extend((n + 5).to_be_bytes());
        packet.resize(100, 0);
        lie(&mut world, 0, &packet, false);
        world.run_for(Duration::from_millis(1));
    }
    assert!(world.shard.census()[2] <= 64, "{:?}", world.shard.census());
    assert_eq!(world.shard.counters().dropped(Drop::TooManyStreams), 1000 - 64);
    // A published section has one stream for each of its layers.
    world.publish(0, 1, "0", MediaKind::Video);
    assert_eq!(world.shard.census()[2], 1);
}

#[test]
fn a_forged_source_address_does_not_take_away_anothers_traffic() {
    let mut world = call(83, 2, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(1));
    // Client 2's valid check, as if it came from client 0's address.
    world.clients[0].tolerant = true;
    let victim = world.clients[0].path;
    let mut check = world.clients[2].check();
    world.shard.datagram(world.now, victim, &mut check);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
    assert!(world.clients[1].rtp.last().unwrap().at > world.now - Duration::from_millis(60));
}

#[test]
fn random_rtp_and_rtcp_of_an_authenticated_peer_never_panic() {
    let mut world = call(84, 2, &["q", "h", "f"]);
    world.run_for(Duration::from_millis(500));
    for round in 0..20_000 {
        let len = world.rng.random_range(8..120);
        let mut plain: Vec<u8> = (0..len).map(|_| world.rng.random()).collect();
        let rtcp = round % 2 == 0;
        plain[0] = 0x80 | (plain[0] & 0x3F);
        let ssrc = [1000, 1001, 1010, 1021, ssrc_of(1), ssrc_of(2), 77][round % 7];
        if rtcp {
            plain[1] = world.rng.random_range(200..208);
            plain[4..8].copy_from_slice(&ssrc.to_be_bytes());
            if round % 3 != 0 {
                let words = (len / 4 - 1) as u16;
                plain.truncate(len / 4 * 4);
                plain[2..4].copy_from_slice(&words.to_be_bytes());
                if plain.len() >= 12 {
                    plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
                }
            }
        } else if plain.len() >= 12 {
            plain[1] = [96, 97, 0x80 | 96, 111][round % 4];
            plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
        }
        let client = round % 3;
        lie(&mut world, client, &plain, rtcp);
        if round % 50 == 0 {
            let mut sink = Ignore;
            world.shard.timeout(world.now);
            world.shard.flush(world.now, &mut sink);
            world.now += Duration::from_millis(5);
        }
    }
    assert!(world.shard.counters().dropped(Drop::MalformedRtcp) > 100);
}

struct Ignore;

impl crate::media::DatagramSink for Ignore {
    fn send(&mut self, _: Path, _: &[u8], _: &[crate::media::Segment]) {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn unauthenticated_bytes_never_panic(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..20)) {
        let mut world = World::new(85);
        let client = world.join();
        let path = world.clients[client].path;
        for mut datagram in datagrams {
            world.shard.datagram(world.now, path, &mut datagram);
        }
        let _ = Ssrc(1);
        world.shard.timeout(world.now);
    }
}

#[test]
fn a_fingerprint_that_changes_in_mid_call_is_told_and_the_call_goes_on() {
    let mut world = call(86, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(1));
    let mut remote = world.clients[0].remote();
    remote.fingerprint.0[0] ^= 1;
    let id = world.id(0);
    world.command(Command::SetRemote { id, remote: Box::new(remote) });
    world.run_for(Duration::from_secs(1));
    let cause = TransportFailure::FingerprintMismatch;
    assert_eq!(world.count(|event| matches!(event, Event::TransportFailed { cause: told, .. } if *told == cause)), 1);
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
}

//! A room on two shards: client 0 publishes on one, clients 1 and 2 are on the other, client 3 is with the publisher.

use std::time::Duration;

use super::audio;
use super::data::{messages, open, say};
use super::layers::{ssrc_of, subscriber};
use super::repair::run_asking;
use super::video::{Camera, check_continuity, longest_pause, receiver};
use super::world::{UNIX, World};
use crate::ids::{ForwarderId, MediaDataTrackId, MediaTrackId, ShardIndex};
use crate::media::counters::Drop;
use crate::media::{Command, Event, LayerTarget, MirroredTrack, Quality, Shard, TrackSpec};
use crate::transport::ReceiverSection;
use crate::units::{MediaKind, NtpTime};

pub const RIDS: [&str; 3] = ["q", "h", "f"];
pub const TRACK: MediaTrackId = MediaTrackId(1);

pub fn beside(world: &World) -> &Shard {
    world.beside.as_ref().unwrap()
}

pub fn mirror(world: &mut World) {
    mirror_of(world, receiver("0", &RIDS));
}

/// Track 1, which the first client publishes in this section, is to be had on the second shard.
pub fn mirror_of(world: &mut World, section: ReceiverSection) {
    let spec =
        TrackSpec { kind: MediaKind::Video, layers: Vec::new(), muted: false, encrypted: false, codecs: Vec::new() };
    let mirrored = MirroredTrack {
        from: ShardIndex(0),
        here: ShardIndex(1),
        publisher: world.id(0),
        mid: section.mid,
        receivers: vec![section],
        track: TRACK,
        spec,
    };
    world.command_to(1, Command::MirrorTrack(Box::new(mirrored)));
    world.command(Command::RelayTrack { track: TRACK, to: ShardIndex(1) });
}

/// Two on each of two shards; the first one's camera has been running for a second, and nobody watches.
pub fn filmed(seed: u64) -> World {
    let mut world = World::new(seed).of_two_shards();
    for home in [0, 1, 1, 0] {
        world.join_on(home);
    }
    film(world)
}

/// The first one's camera has been running for a second.
pub fn film(mut world: World) -> World {
    world.run_until("all connected", |world| world.clients.iter().all(|client| client.connected));
    world.receivers(0, vec![receiver("0", &RIDS)]);
    world.publish(0, 1, "0", MediaKind::Video);
    world.cameras.push(Camera::new(world.now, 0, "0", &RIDS));
    world.run_for(Duration::from_secs(1));
    world
}

/// The camera has been running for a second when the other shard begins to take part.
pub fn call(seed: u64) -> World {
    let mut world = filmed(seed);
    subscriber(&mut world, 3);
    mirror(&mut world);
    for n in [1, 2] {
        subscriber(&mut world, n);
    }
    world
}

pub fn want(world: &mut World, forwarder: u64, quality: Quality) {
    let target = LayerTarget { quality, ..LayerTarget::default() };
    world.command_to(1, Command::SetTarget { id: ForwarderId(forwarder), target });
}

#[test]
fn subscribers_on_another_shard_choose_their_layers_there_and_miss_nothing() {
    let mut world = call(101);
    world.run_for(Duration::from_secs(2));
    for switch in 0..9 {
        want(&mut world, 1, [Quality::Low, Quality::High, Quality::Medium][switch % 3]);
        world.run_for(Duration::from_millis(1500));
    }
    let layers = check_continuity(&world.clients[1], ssrc_of(1));
    let wanted: Vec<u8> = (0..9).map(|n| [0, 2, 1][n % 3]).collect();
    assert_eq!(layers[0], 2);
    assert_eq!(layers[1..], wanted, "every switch, and none besides");
    for n in [2, 3] {
        assert_eq!(check_continuity(&world.clients[n], ssrc_of(n)), [2], "nobody else notices");
        assert!(longest_pause(&world.clients[n], ssrc_of(n)) < Duration::from_millis(100));
    }
    let counters = beside(&world).counters();
    assert_eq!(counters.relay_in.packets, world.shard.counters().relay_out.packets);
    assert_eq!(counters.drops, [0; Drop::COUNT]);
    assert_eq!(world.count(|event| matches!(event, Event::TrackStarted { .. })), 1, "of the publisher's shard alone");
    assert_eq!(world.count(|event| matches!(event, Event::FirstForward { .. })), 3);
    let first = world.id(1);
    assert_eq!(world.count(|it| matches!(it, Event::LayerChanged { subscriber, .. } if *subscriber == first)), 10);
}

#[test]
fn a_newcomer_on_another_shard_sees_a_picture_at_once() {
    let mut world = call(102);
    world.run_for(Duration::from_secs(5));
    let before = world.cameras[0].layers[2].key_frames;
    let joiner = world.join_on(1);
    world.run_until("connected", |world| world.clients[joiner].connected);
    let joined = world.now;
    subscriber(&mut world, joiner);
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.cameras[0].layers[2].key_frames, before + 1);
    let first = world.clients[joiner].of(ssrc_of(joiner)).next().unwrap().at;
    assert!(first - joined < Duration::from_millis(100), "{:?}", first - joined);
}

#[test]
fn what_is_lost_on_the_last_way_is_repaired_by_the_subscribers_own_shard() {
    let mut world = call(103);
    run_asking(&mut world, Duration::from_secs(1));
    world.loss = [0.0, 0.05];
    for quality in [Quality::Low, Quality::High, Quality::Medium] {
        want(&mut world, 1, quality);
        run_asking(&mut world, Duration::from_secs(4));
    }
    world.loss = [0.0; 2];
    run_asking(&mut world, Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0, 2, 1]);
    let here = beside(&world).counters();
    assert!(here.nacks_in > 20 && here.rtx_out.packets > 20, "{here:?}");
    let there = world.shard.counters();
    assert_eq!((there.nacks_in, there.nacks_out, there.rtx_out.packets), (0, 0, 0), "nobody else is bothered");
}

#[test]
fn what_is_lost_on_the_first_way_is_asked_for_once_and_its_repair_is_relayed() {
    let mut world = call(104);
    run_asking(&mut world, Duration::from_secs(1));
    world.loss = [0.05, 0.0];
    run_asking(&mut world, Duration::from_secs(6));
    world.loss = [0.0; 2];
    run_asking(&mut world, Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
    assert_eq!(beside(&world).counters().nacks_out, 0, "the publisher's shard asks, and no other");
    assert!(world.shard.counters().rtx_in.packets > 20);
}

#[test]
fn key_frame_requests_of_both_shards_are_one_a_second_to_the_publisher() {
    let mut world = call(105);
    world.run_for(Duration::from_secs(3));
    let before = world.clients[0].told.plis.len();
    for _ in 0..30 {
        for n in 1..=3 {
            let pli = world.clients[n].pli(ssrc_of(n));
            world.send(n, pli);
        }
        world.run_for(Duration::from_millis(100));
    }
    let sent = world.clients[0].told.plis.len() - before;
    assert!((3..=4).contains(&sent), "{sent}");
    assert_eq!(beside(&world).counters().plis_in, 60);
}

#[test]
fn what_finds_no_room_is_counted_and_is_a_loss_like_any_other() {
    let mut world = call(106);
    run_asking(&mut world, Duration::from_secs(1));
    world.full = 0.05;
    run_asking(&mut world, Duration::from_secs(3));
    world.full = 0.0;
    // Nobody has what is missing: a key frame it is.
    let pli = world.clients[1].pli(ssrc_of(1));
    world.send(1, pli);
    run_asking(&mut world, Duration::from_secs(3));
    let dropped = world.shard.counters().dropped(Drop::RelayFull);
    assert!(dropped > 10, "{dropped}");
    let here = beside(&world).counters();
    assert!(here.nack_misses > 0 && here.nacks_out == 0, "{here:?}");
    let got = world.clients[1].of(ssrc_of(1)).filter(|got| got.at > world.now - Duration::from_secs(2)).count();
    assert!(got > 200, "it goes on: {got}");
    assert_eq!(check_continuity(&world.clients[3], ssrc_of(3)), [2], "the others lack nothing");
}

#[test]
fn mute_stops_the_relay_too_and_the_picture_comes_back() {
    let mut world = call(107);
    world.run_for(Duration::from_secs(1));
    for home in [0, 1] {
        world.command_to(home, Command::SetTrackMuted { track: TRACK, muted: true });
    }
    let before = world.shard.counters().relay_out;
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.shard.counters().relay_out, before);
    for home in [0, 1] {
        world.command_to(home, Command::SetTrackMuted { track: TRACK, muted: false });
    }
    let (at, had) = (world.now, world.clients[2].of(ssrc_of(2)).count());
    world.run_for(Duration::from_secs(1));
    let again = world.clients[2].of(ssrc_of(2)).nth(had).unwrap();
    assert!(again.at - at < Duration::from_millis(150), "{:?}", again.at - at);
}

#[test]
fn a_mirror_follows_its_publishers_new_sections() {
    let mut world = call(108);
    world.run_for(Duration::from_secs(1));
    // A section before the camera's, as after a renegotiation.
    let mut voice = receiver("1", &[]);
    voice.kind = MediaKind::Audio;
    let sections = vec![voice, receiver("0", &RIDS)];
    let id = world.id(0);
    for home in [0, 1] {
        world.command_to(home, Command::SetReceivers { id, receivers: sections.clone() });
    }
    world.run_for(Duration::from_secs(1));
    want(&mut world, 1, Quality::Low);
    world.run_for(Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0]);
    assert_eq!(beside(&world).counters().drops, [0; Drop::COUNT]);
}

#[test]
fn subscribers_on_another_shard_are_told_the_publishers_time() {
    let mut world = filmed(112);
    // Known before the other shard takes part, and an hour slow.
    let report = |world: &mut World| {
        let theirs = NtpTime::from_unix(UNIX).0 - (3600 << 32);
        let ntp = NtpTime(theirs).add(world.now - world.start);
        for index in 0..3 {
            audio::report(world, 0, 1000 + 10 * index, ntp, 5);
        }
    };
    report(&mut world);
    world.run_for(Duration::from_millis(50));
    mirror(&mut world);
    subscriber(&mut world, 1);
    world.run_for(Duration::from_secs(2));
    let told = |world: &World| world.clients[1].told.sender_reports.len();
    assert!(told(&world) > 0, "at once");
    let before = told(&world);
    report(&mut world);
    world.run_for(Duration::from_secs(3));
    assert!(told(&world) > before + 1);
    let (at, last) = world.clients[1].told.sender_reports.last().unwrap();
    let ours = NtpTime::from_unix(UNIX).add(*at - world.start);
    assert!(ours.0.abs_diff(last.ntp.0) < 1 << 31, "by our clock");
}

#[test]
fn an_ended_publication_leaves_nothing_on_either_shard() {
    let mut world = call(109);
    let (here, there) = (world.shard.census(), beside(&world).census());
    world.run_for(Duration::from_secs(1));
    for home in [0, 1] {
        world.command_to(home, Command::RemoveTrack(TRACK));
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.shard.census()[1], here[1] - 1);
    assert_eq!(beside(&world).census()[1..4], [0; 3], "{there:?}");
    assert_eq!(beside(&world).mirrors.len(), 0);
    // Once more, and now the publisher leaves; who relays to nobody is told so.
    world.publish(0, 1, "0", MediaKind::Video);
    mirror(&mut world);
    subscriber(&mut world, 1);
    world.run_for(Duration::from_secs(1));
    world.command(Command::StopRelay { track: TRACK, to: ShardIndex(1) });
    let before = world.shard.counters().relay_out;
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.shard.counters().relay_out, before);
    world.leave(0);
    world.cameras.clear();
    world.command_to(1, Command::RemoveTrack(TRACK));
    for n in 1..=3 {
        world.leave(n);
    }
    assert_eq!((world.shard.census(), beside(&world).census()), ([0; 8], [0; 8]));
    world.run_for(Duration::from_secs(60));
    assert!(beside(&world).next_timeout().is_none());
}

#[test]
fn a_shard_that_ends_ends_its_mirrors() {
    let mut world = call(110);
    world.command_to(1, Command::MirrorDataTrack(MediaDataTrackId(1)));
    world.run_for(Duration::from_secs(1));
    world.command_to(1, Command::Shutdown);
    assert_eq!((beside(&world).census(), beside(&world).mirrors.len()), ([0; 8], 0));
}

#[test]
fn data_tracks_reach_subscribers_on_another_shard_under_their_own_handle() {
    let mut world = World::new(111).of_two_shards();
    for home in [0, 1, 0] {
        let client = world.join_on(home);
        open(&mut world, client);
    }
    world.run_for(Duration::from_secs(1));
    let track = MediaDataTrackId(5);
    let ids = [world.id(0), world.id(1), world.id(2)];
    world.command(Command::AddDataTrack { track, transport: ids[0], handle: 3 });
    world.command_to(1, Command::MirrorDataTrack(track));
    world.command(Command::RelayDataTrack { track, to: ShardIndex(1) });
    world.command_to(1, Command::SubscribeDataTrack { track, transport: ids[1], handle: 9 });
    world.command(Command::SubscribeDataTrack { track, transport: ids[2], handle: 8 });
    let mut packet = vec![0u8; 9000];
    packet[3] = 3;
    say(&mut world, 0, "_data_track", &packet);
    world.run_for(Duration::from_millis(500));
    for (client, handle) in [(1, 9), (2, 8)] {
        packet[3] = handle;
        assert_eq!(messages(&world, client, "_data_track"), [packet.clone()]);
    }
    world.command(Command::RemoveDataTrack(track));
    world.command_to(1, Command::RemoveDataTrack(track));
    assert_eq!((world.shard.census()[5], beside(&world).census()[5]), (0, 0));
}

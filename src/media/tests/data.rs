use std::sync::Arc;
use std::time::Duration;

use super::world::{World, fixed_layers};
use crate::ids::MediaDataTrackId;
use crate::media::counters::Drop;
use crate::media::{Command, DataChannelLabel, DataChannelSpec, Event, Tuning};
use crate::transport::{ChannelId, DataChannelParams, TransportEvent};

fn lossy(label: &str) -> DataChannelParams {
    DataChannelParams { label: label.into(), ordered: false, max_retransmits: Some(0) }
}

/// Clients that have opened LiveKit's three channels.
fn call(seed: u64, count: usize) -> World {
    call_in(World::new(seed), count)
}

fn call_in(world: World, count: usize) -> World {
    let mut world = world.with_clients(count);
    for client in 0..count {
        open(&mut world, client);
    }
    world.run_for(Duration::from_secs(1));
    let opened = world.count(|event| matches!(event, Event::DataChannelOpened { .. }));
    assert_eq!(opened, 3 * count);
    world
}

pub fn open(world: &mut World, client: usize) {
    let now = world.now;
    let transport = &mut world.clients[client].transport;
    let reliable = DataChannelParams { label: "_reliable".into(), ordered: true, max_retransmits: None };
    for params in [reliable, lossy("_lossy"), lossy("_data_track")] {
        transport.open_data_channel(now, &params);
    }
}

fn channel(world: &World, client: usize, label: &str) -> ChannelId {
    let found = world.clients[client].events.iter().find_map(|event| match event {
        TransportEvent::DataChannelOpened { channel, label: opened, .. } if opened == label => Some(*channel),
        _ => None,
    });
    found.expect("open")
}

pub fn messages(world: &World, client: usize, label: &str) -> Vec<Vec<u8>> {
    let wanted = channel(world, client, label);
    let events = world.clients[client].events.iter();
    events
        .filter_map(|event| match event {
            TransportEvent::Data { channel, payload, .. } if *channel == wanted => Some(payload.clone()),
            _ => None,
        })
        .collect()
}

pub fn say(world: &mut World, client: usize, label: &str, payload: &[u8]) {
    let id = channel(world, client, label);
    let now = world.now;
    world.clients[client].transport.send_data(now, id, payload, true).unwrap();
}

#[test]
fn messages_reach_the_control_plane_with_their_label_and_leave_by_label() {
    let mut world = call(61, 3);
    say(&mut world, 0, "_reliable", b"hello");
    say(&mut world, 0, "_lossy", &[7; 40_000]);
    world.run_for(Duration::from_millis(500));
    let got: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Data { id, label, payload } => Some((*id, *label, payload.len())),
            _ => None,
        })
        .collect();
    assert_eq!(got.len(), 2);
    assert!(got.contains(&(world.id(0), DataChannelLabel::Reliable, 5)));
    assert!(got.contains(&(world.id(0), DataChannelLabel::Lossy, 40_000)));

    let transports = vec![world.id(1), world.id(2)];
    let payload: Arc<[u8]> = Arc::from(&b"to both"[..]);
    world.command(Command::SendData { transports, channel: DataChannelLabel::Reliable, payload, hold: false });
    world.run_for(Duration::from_millis(200));
    assert_eq!(messages(&world, 1, "_reliable"), [b"to both"]);
    assert_eq!(messages(&world, 2, "_reliable"), [b"to both"]);
    assert!(messages(&world, 2, "_lossy").is_empty());
}

#[test]
fn what_was_said_before_the_goodbye_arrives_before_it() {
    let mut world = call(68, 1);
    let (id, payload) = (world.id(0), Arc::from(&b"that was all"[..]));
    let channel = DataChannelLabel::Reliable;
    world.command(Command::SendData { transports: vec![id], channel, payload, hold: true });
    world.command(Command::RemoveTransport(id));
    world.run_for(Duration::from_millis(200));
    assert_eq!(messages(&world, 0, "_reliable"), [b"that was all"]);
}

#[test]
fn held_messages_wait_for_the_channel_and_keep_their_order() {
    let mut world = World::connected(62, 1);
    let id = world.id(0);
    let send = |world: &mut World, n: u8, hold: bool| {
        let payload: Arc<[u8]> = Arc::from(&[n][..]);
        let transports = vec![id];
        world.command(Command::SendData { transports, channel: DataChannelLabel::Reliable, payload, hold });
    };
    send(&mut world, 0, false);
    for n in 1..=3 {
        send(&mut world, n, true);
    }
    assert_eq!(world.shard.counters().dropped(Drop::ChannelNotOpen), 1);
    // The bound holds.
    for _ in 0..2000 {
        send(&mut world, 9, true);
    }
    assert!(world.shard.counters().dropped(Drop::ChannelNotOpen) > 900);
    world.command(Command::OpenDataChannel {
        id,
        channel: DataChannelSpec { label: "_reliable".into(), ordered: true, max_retransmits: None },
    });
    world.run_for(Duration::from_secs(1));
    send(&mut world, 4, false);
    world.run_for(Duration::from_secs(1));
    let got = messages(&world, 0, "_reliable");
    assert_eq!(got[..3], [[1], [2], [3]]);
    assert_eq!(got.last().unwrap(), &[4]);
}

#[test]
fn a_reader_that_has_stopped_loses_messages_and_nobody_else_does() {
    let mut world = call(63, 3);
    world.clients[2].gone = true;
    let transports = vec![world.id(1), world.id(2)];
    let payload: Arc<[u8]> = Arc::from(&[1; 15_000][..]);
    for _ in 0..400 {
        world.command(Command::SendData {
            transports: transports.clone(),
            channel: DataChannelLabel::Reliable,
            payload: payload.clone(),
            hold: false,
        });
        world.run_for(Duration::from_millis(15));
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(messages(&world, 1, "_reliable").len(), 400);
    assert!(world.shard.counters().dropped(Drop::SlowReader) > 100);
}

#[test]
fn data_tracks_reach_each_subscriber_under_its_own_handle() {
    let mut world = call(64, 3);
    let (publisher, one, two) = (world.id(0), world.id(1), world.id(2));
    let track = MediaDataTrackId(5);
    world.command(Command::AddDataTrack { track, transport: publisher, handle: 3 });
    world.command(Command::SubscribeDataTrack { track, transport: one, handle: 70 });
    world.command(Command::SubscribeDataTrack { track, transport: two, handle: 0xABCD });
    let packet = |handle: u8| {
        let mut packet = vec![0x18, 0, 0, handle, 0, 1, 0, 1, 0, 0, 0, 9];
        packet.extend(b"frame");
        packet
    };
    say(&mut world, 0, "_data_track", &packet(3));
    world.run_for(Duration::from_millis(100));
    // Unknown handles, other publishers' handles, short and foreign packets go nowhere.
    say(&mut world, 0, "_data_track", &packet(4));
    say(&mut world, 1, "_data_track", &packet(3));
    say(&mut world, 0, "_data_track", &[0x18, 0, 0, 3]);
    say(&mut world, 0, "_data_track", &[&[0xF8][..], &packet(3)[1..]].concat());
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.shard.counters().dropped(Drop::BadDataTrackPacket), 4);
    for (client, handle) in [(1, [0, 70]), (2, [0xAB, 0xCD])] {
        let mut expected = packet(3);
        expected[2..4].copy_from_slice(&handle);
        assert_eq!(messages(&world, client, "_data_track"), [expected]);
    }
    assert_eq!(world.count(|event| matches!(event, Event::Data { .. })), 0);

    world.command(Command::UnsubscribeDataTrack { track, transport: one });
    say(&mut world, 0, "_data_track", &packet(3));
    world.run_for(Duration::from_millis(100));
    assert_eq!(messages(&world, 1, "_data_track").len(), 1);
    assert_eq!(messages(&world, 2, "_data_track").len(), 2);
    world.command(Command::RemoveDataTrack(track));
    say(&mut world, 0, "_data_track", &packet(3));
    world.run_for(Duration::from_millis(100));
    assert_eq!(messages(&world, 2, "_data_track").len(), 2);
}

#[test]
fn a_backed_up_data_track_subscriber_misses_what_would_be_stale() {
    for (seed, millis, missed) in [(65, 100, 50..100), (66, 400, 20..45), (67, 0, 0..1)] {
        let tuning = Tuning { data_track_latency: Duration::from_millis(millis), ..fixed_layers() };
        let dropped = with_one_backed_up(World::tuned(seed, tuning));
        assert!(missed.contains(&dropped), "{millis} ms: {dropped}");
    }
}

/// A hundred packets in a second to one subscriber that reads and to one that does not; how many were dropped.
fn with_one_backed_up(world: World) -> u64 {
    let mut world = call_in(world, 3);
    let (publisher, one, two) = (world.id(0), world.id(1), world.id(2));
    let track = MediaDataTrackId(5);
    world.command(Command::AddDataTrack { track, transport: publisher, handle: 3 });
    world.command(Command::SubscribeDataTrack { track, transport: one, handle: 1 });
    world.command(Command::SubscribeDataTrack { track, transport: two, handle: 2 });
    world.clients[2].gone = true;
    let mut packet = vec![0x18, 0, 0, 3, 0, 1, 0, 1, 0, 0, 0, 9];
    packet.resize(2000, 0);
    for _ in 0..100 {
        say(&mut world, 0, "_data_track", &packet);
        world.run_for(Duration::from_millis(10));
    }
    world.run_for(Duration::from_millis(500));
    assert_eq!(messages(&world, 1, "_data_track").len(), 100);
    world.shard.counters().dropped(Drop::SlowReader)
}

#[test]
fn where_both_sides_opened_a_channel_ours_is_used() {
    let mut world = call(66, 1);
    let id = world.id(0);
    world.command(Command::OpenDataChannel {
        id,
        channel: DataChannelSpec { label: "_reliable".into(), ordered: true, max_retransmits: None },
    });
    world.run_for(Duration::from_secs(1));
    let payload: Arc<[u8]> = Arc::from(&b"x"[..]);
    world.command(Command::SendData {
        transports: vec![id],
        channel: DataChannelLabel::Reliable,
        payload,
        hold: false,
    });
    world.run_for(Duration::from_secs(1));
    let on = world.clients[0].events.iter().find_map(|event| match event {
        TransportEvent::Data { channel, .. } => Some(*channel),
        _ => None,
    });
    assert_ne!(on, Some(channel(&world, 0, "_reliable")), "the client's own was opened first");
    assert!(on.is_some());
}

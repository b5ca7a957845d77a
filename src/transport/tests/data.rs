use std::time::Duration;

use super::world::World;
use super::*;

fn params(label: &str, lossy: bool) -> DataChannelParams {
    DataChannelParams { label: label.into(), ordered: !lossy, max_retransmits: lossy.then_some(0) }
}

/// A connection with the client's `_reliable` and `_lossy`, as the server knows them.
fn with_channels(seed: u64) -> (World, ChannelId, ChannelId) {
    let mut world = World::introduced(seed);
    world.client.channels.open(params("_reliable", false));
    world.client.channels.open(params("_lossy", true));
    world.run_until("the channels are open", |world| {
        let acknowledged = world.client.seen.iter().filter(|event| is_opened(event)).count();
        world.open_channels().count() == 2 && acknowledged == 2
    });
    let id = |wanted| world.open_channels().find(|(_, label)| *label == wanted).unwrap().0;
    let (reliable, lossy) = (id("_reliable"), id("_lossy"));
    (world, reliable, lossy)
}

fn is_opened(event: &TransportEvent) -> bool {
    matches!(event, TransportEvent::DataChannelOpened { .. })
}

fn data<'a>(events: impl IntoIterator<Item = &'a TransportEvent>) -> Vec<&'a [u8]> {
    let payloads = events.into_iter().filter_map(|event| match event {
        TransportEvent::Data { payload, .. } => Some(payload.as_slice()),
        _ => None,
    });
    payloads.collect()
}

#[test]
fn channels_open_from_both_sides_with_their_own_parameters_and_numbers() {
    let (mut world, reliable, lossy) = with_channels(1);
    assert_eq!((reliable.0 % 2, lossy.0 % 2), (0, 0), "the DTLS client has the even numbers");
    let opened = world
        .events
        .iter()
        .find(|event| matches!(event, TransportEvent::DataChannelOpened { channel, .. } if *channel == lossy));
    let expected = TransportEvent::DataChannelOpened {
        channel: lossy,
        label: "_lossy".into(),
        ordered: false,
        max_retransmits: Some(0),
    };
    assert_eq!(opened, Some(&expected));

    world.server.open_data_channel(world.now, &params("from the server", true));
    world.run_until("ours is open", |world| world.open_channels().count() == 3);
    let ours = world.open_channels().last().unwrap();
    assert_eq!(ours, (ChannelId(1), "from the server"));
    let at_client = world.client.seen.iter().rfind(|event| is_opened(event));
    let expected = TransportEvent::DataChannelOpened {
        channel: ChannelId(1),
        label: "from the server".into(),
        ordered: false,
        max_retransmits: Some(0),
    };
    assert_eq!(at_client, Some(&expected));
}

#[test]
fn messages_of_every_size_and_kind_cross_even_a_lossy_link() {
    for loss in [0.0, 0.05] {
        let (mut world, reliable, _) = with_channels(2);
        world.loss = loss;
        let sizes = [0, 1, 1100, 1200, 15_000, 65_536, 100_000, 262_144];
        for (n, size) in sizes.into_iter().enumerate() {
            let payload: Vec<u8> = (0..size).map(|at| (at * 7 + n) as u8).collect();
            world.server.send_data(world.now, reliable, &payload, n % 2 == 0).unwrap();
            world.client.send_data(world.now, reliable, &payload).unwrap();
        }
        world.run_until("all have crossed", |world| {
            data(&world.events).len() == sizes.len() && data(&world.client.seen).len() == sizes.len()
        });
        for (n, (payload, size)) in data(&world.client.seen).into_iter().zip(sizes).enumerate() {
            assert!(payload.len() == size && payload.iter().enumerate().all(|(at, byte)| *byte == (at * 7 + n) as u8));
        }
        let kinds = world.client.seen.iter().filter_map(|event| match event {
            TransportEvent::Data { binary, .. } => Some(*binary),
            _ => None,
        });
        assert!(kinds.eq((0..sizes.len()).map(|n| n % 2 == 0)));
        world.run_for(Duration::from_secs(2));
        assert_eq!(world.server.buffered_amount(reliable), 0);
        assert_eq!(world.server.send_data(world.now, reliable, &[0; 262_145], true), Err(SendDataError::TooLarge));
        assert_eq!(world.server.send_data(world.now, ChannelId(77), b"x", true), Err(SendDataError::NotOpen));
    }
}

#[test]
fn a_slow_reader_is_bounded_on_the_reliable_channel_and_loses_the_stale_on_the_lossy_one() {
    let (mut world, reliable, lossy) = with_channels(3);
    let client = world.client.paths[0];
    world.cut = vec![client];
    let mut taken = 0;
    let full = loop {
        match world.server.send_data(world.now, reliable, &[7; 10_000], true) {
            Ok(()) => taken += 10_000,
            Err(error) => break error,
        }
        assert!(taken < 4_000_000);
    };
    assert_eq!(full, SendDataError::Full);
    assert!(taken > 2_000_000, "{taken}");

    for n in 0..1000u32 {
        world.server.send_data(world.now, lossy, &[&n.to_be_bytes()[..], &[0; 1000]].concat(), true).unwrap();
        assert!(world.server.buffered_amount(lossy) < 256 * 1024);
    }
    assert!(world.server.counters().dropped(DropCause::StaleMessage) > 500);
    world.run_for(Duration::from_secs(2));
    world.cut.clear();
    world.run_until("the backlog has crossed", |world| {
        data(&world.client.seen).iter().filter(|payload| payload.len() == 10_000).count() * 10_000 == taken
    });
    world.client.seen.clear();
    world.server.send_data(world.now, lossy, b"fresh", true).unwrap();
    world.run_until("the fresh one arrives", |world| data(&world.client.seen).contains(&&b"fresh"[..]));
}

#[test]
fn an_owner_that_takes_no_events_holds_the_peer_back_and_loses_nothing() {
    let (mut world, reliable, _) = with_channels(4);
    world.lazy_owner = true;
    for n in 0..2000u32 {
        world.client.send_data(world.now, reliable, &[&n.to_be_bytes()[..], &[0; 996]].concat()).unwrap();
    }
    world.run_for(Duration::from_secs(5));
    assert!(world.server.events.len() <= 300, "{}", world.server.events.len());
    assert!(world.client.channels.buffered(reliable) > 0, "the peer feels it");
    world.lazy_owner = false;
    world.run_until("all have arrived", |world| data(&world.events).len() == 2000);
    let numbers = data(&world.events).into_iter().map(|payload| u32::from_be_bytes(payload[..4].try_into().unwrap()));
    assert!(numbers.eq(0..2000));
}

#[test]
fn lossy_messages_keep_fresh_under_loss() {
    let (mut world, _, lossy) = with_channels(5);
    world.loss = 0.05;
    let (mut late, mut got) = (0, 0);
    for n in 0..500u64 {
        world.server.send_data(world.now, lossy, &n.to_be_bytes(), true).unwrap();
        world.run_for(Duration::from_millis(10));
        for payload in data(&world.client.seen) {
            let sent = u64::from_be_bytes(payload.try_into().unwrap());
            got += 1;
            late += u64::from(n - sent > 60);
        }
        world.client.seen.clear();
    }
    assert!(got > 400, "{got} of 500");
    assert!(late < 10, "{late} were over 600 ms old");
}

#[test]
fn a_peer_cannot_open_channels_without_bound() {
    let (mut world, ..) = with_channels(6);
    for n in 0..200 {
        world.client.channels.open(params(&format!("channel {n}"), false));
    }
    world.run_for(Duration::from_secs(5));
    assert!(world.open_channels().count() <= 64);
    assert!(world.server_rtp(5, 1, b"alive"));
}

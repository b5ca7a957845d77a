use std::time::Duration;

use super::layers::{call, ssrc_of, subscriber};
use super::video::{check_continuity, receiver, sender};
use super::world::{Collect, World, is_rtp};
use crate::ids::{MediaDataTrackId, MediaRoomId};
use crate::media::shard::HANDSHAKES_A_ROUND;
use crate::media::{Command, Quality};
use crate::units::MediaKind;

#[test]
fn a_thousand_joins_leave_nothing_behind() {
    let mut world = call(71, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(1));
    let before = world.shard.census();
    for round in 0..1000u64 {
        let n = world.join();
        let id = world.id(n);
        world.receivers(n, vec![receiver("0", &["q", "h", "f"])]);
        world.publish(n, 1000 + round, "0", MediaKind::Video);
        world.subscribe(n, 1, 1000 + round, Quality::Medium);
        world.senders(n, vec![sender("0", 1000 + round, ssrc_of(n))]);
        world.subscribe(1, 1000 + round, 5000 + round, Quality::High);
        let track = MediaDataTrackId(round);
        world.command(Command::AddDataTrack { track, transport: id, handle: 1 });
        let first = world.id(0);
        world.command(Command::SubscribeDataTrack { track, transport: first, handle: 1 });
        // One in forty connects and sends; handshakes are dear.
        if round % 40 == 0 {
            world.run_until("connected", |world| world.clients[n].connected);
            world.cameras.push(super::video::Camera::new(world.now, n, "0", &["q", "h", "f"]));
            world.run_for(Duration::from_millis(200));
            world.cameras.pop();
        }
        world.leave(n);
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.shard.census(), before);
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2], "the first two go on");
    for n in 0..2 {
        world.leave(n);
    }
    assert_eq!(world.shard.census(), [0; 8]);
    world.cameras.clear();
    world.run_for(Duration::from_secs(60));
    assert!(world.shard.next_timeout().is_none());
}

#[test]
fn ids_of_what_is_gone_are_ignored() {
    let mut world = call(72, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_millis(500));
    world.leave(0);
    world.cameras.clear();
    world.want(1, Quality::Low);
    subscriber(&mut world, 1);
    world.publish(0, 1, "0", MediaKind::Video);
    world.command(Command::RemoveTrack(crate::ids::MediaTrackId(1)));
    world.command(Command::RemoveRoom(MediaRoomId(77)));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.shard.census()[..4], [1, 0, 0, 0]);
}

#[test]
fn a_room_removed_before_its_members_goes_with_the_last() {
    let mut world = World::connected(73, 2);
    world.command(Command::RemoveRoom(MediaRoomId(1)));
    assert_eq!(world.shard.census()[4], 1);
    world.leave(0);
    world.leave(1);
    assert_eq!(world.shard.census()[4], 0);
}

#[test]
fn shutdown_says_goodbye_to_everybody() {
    let mut world = World::connected(74, 3);
    world.command(Command::Shutdown);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.shard.census(), [0; 8]);
    for client in &world.clients {
        assert!(client.events.iter().any(|event| matches!(event, crate::transport::TransportEvent::Failed(_))));
    }
}

#[test]
fn a_burst_of_handshakes_waits_until_the_media_has_left() {
    let mut world = call(73, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    let joined: Vec<usize> = (0..30).map(|_| world.join()).collect();
    let mut hellos = Vec::new();
    let is_dtls = |datagram: &[u8]| (20..64).contains(&datagram[0]);
    // Long enough for the first checks, which say whose the addresses are.
    for _ in 0..15 {
        world.run_for(Duration::from_millis(1));
        hellos.extend(world.intercept(is_dtls));
    }
    assert!(hellos.len() >= joined.len());
    let mut media = Vec::new();
    while media.len() < 3 {
        world.run_for(Duration::from_millis(1));
        media.extend(world.intercept(is_rtp));
        hellos.extend(world.intercept(is_dtls));
    }
    let count = hellos.len();
    let now = world.now;
    for (path, mut datagram) in hellos.into_iter().chain(media) {
        world.shard.datagram(now, path, &mut datagram);
    }
    let flush = |world: &mut World| {
        let mut sink = Collect(Vec::new());
        world.shard.flush(now, &mut sink);
        sink.0.into_iter().flat_map(|(_, datagrams)| datagrams).collect::<Vec<_>>()
    };
    let first = flush(&mut world);
    assert!(first.iter().any(|datagram| is_rtp(datagram)) && !first.iter().any(|datagram| is_dtls(datagram)));
    let mut rounds = 0;
    while world.shard.is_behind() {
        assert!(world.shard.next_timeout().is_some_and(|due| due <= now), "it is not left to any timer");
        world.shard.timeout(now);
        rounds += 1;
        flush(&mut world);
    }
    assert_eq!(rounds, count.div_ceil(HANDSHAKES_A_ROUND));
    world.run_until("all connected", |world| joined.iter().all(|client| world.clients[*client].connected));
}

use std::time::Duration;

use super::video::{Camera, check_continuity, longest_pause, receiver, sender};
use super::world::World;
use crate::ids::{ForwarderId, MediaTrackId};
use crate::media::{Command, Event, LayerTarget, Quality};
use crate::units::MediaKind;

const SSRC: u32 = 500_000;

/// Client 0 publishes three layers, the others get them with forwarders 1, 2, … at SSRC, SSRC + 100, ….
pub fn call(seed: u64, subscribers: usize, rids: &[&'static str]) -> World {
    call_in(World::new(seed), subscribers, rids)
}

/// The same in a world of other than the usual settings.
pub fn call_in(world: World, subscribers: usize, rids: &[&'static str]) -> World {
    let mut world = world.with_clients(subscribers + 1);
    world.receivers(0, vec![receiver("0", rids)]);
    world.publish(0, 1, "0", MediaKind::Video);
    world.cameras.push(Camera::new(world.now, 0, "0", rids));
    // The camera runs before anybody watches; see below for the other order.
    world.run_for(Duration::from_secs(1));
    for n in 1..=subscribers {
        subscriber(&mut world, n);
    }
    world
}

/// Client `n` gets track 1.
pub fn subscriber(world: &mut World, n: usize) {
    world.subscribe(n, 1, n as u64, Quality::High);
    world.senders(n, vec![sender("0", n as u64, ssrc_of(n))]);
}

pub fn ssrc_of(n: usize) -> u32 {
    SSRC + 100 * (n as u32 - 1)
}

#[test]
fn twenty_layer_switches_are_seamless_and_happen_at_key_frames() {
    for rids in [["q", "h", "f"], ["f", "h", "q"]] {
        let mut world = call(1, 2, &rids);
        // The camera's layers are numbered in the order of the rids.
        let low = rids.iter().position(|rid| *rid == "q").unwrap() as u8;
        let high = 2 - low;
        world.run_for(Duration::from_secs(2));
        for switch in 0..20 {
            let quality = [Quality::Low, Quality::High, Quality::Medium][switch % 3];
            world.want(1, quality);
            world.run_for(Duration::from_millis(1500));
        }
        let layers = check_continuity(&world.clients[1], ssrc_of(1));
        let wanted: Vec<u8> = (0..20).map(|n| [low, high, 1][n % 3]).collect();
        assert_eq!(layers[0], high);
        assert_eq!(layers[1..], wanted, "every switch, and none besides");
        assert_eq!(check_continuity(&world.clients[2], ssrc_of(2)), [high], "nobody else notices");
        for n in [1, 2] {
            assert!(longest_pause(&world.clients[n], ssrc_of(n)) < Duration::from_millis(100));
        }
        let subscriber = world.id(1);
        let changes =
            world.count(|event| matches!(event, Event::LayerChanged { subscriber: id, .. } if *id == subscriber));
        assert_eq!(changes, 21);
        assert_eq!(world.count(|event| matches!(event, Event::TrackStarted { .. })), 1);
        assert_eq!(world.count(|event| matches!(event, Event::FirstForward { .. })), 2);
    }
}

#[test]
fn a_late_joiner_asks_for_a_key_frame_and_sees_a_picture_at_once() {
    let mut world = call(2, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(5));
    let before = world.cameras[0].layers[2].key_frames;
    let joiner = world.join();
    world.run_until("connected", |world| world.clients[joiner].connected);
    let joined = world.now;
    subscriber(&mut world, joiner);
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.cameras[0].layers[2].key_frames, before + 1);
    assert_eq!(check_continuity(&world.clients[joiner], ssrc_of(joiner)), [2]);
    let first = world.clients[joiner].of(ssrc_of(joiner)).next().unwrap().at;
    assert!(first - joined < Duration::from_millis(100), "{:?}", first - joined);
}

#[test]
fn a_subscriber_that_connects_after_its_subscription_begins_with_a_key_frame() {
    let mut world = call(3, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    let joiner = world.join();
    subscriber(&mut world, joiner);
    world.run_until("connected", |world| world.clients[joiner].connected);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[joiner], ssrc_of(joiner)), [2]);
    assert_eq!(world.shard.counters().dropped(crate::media::counters::Drop::Stale), 0);
}

#[test]
fn key_frame_requests_of_many_subscribers_are_one_a_second() {
    let mut world = call(4, 4, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(3));
    let before = world.clients[0].told.plis.len();
    for _ in 0..30 {
        for n in 1..=4 {
            let pli = world.clients[n].pli(ssrc_of(n));
            world.send(n, pli);
        }
        world.run_for(Duration::from_millis(100));
    }
    let sent = world.clients[0].told.plis.len() - before;
    assert!((3..=4).contains(&sent), "{sent}");
    assert_eq!(world.shard.counters().plis_in, 120);
}

#[test]
fn a_layer_that_the_publisher_pauses_is_replaced_and_taken_back() {
    let mut world = call(5, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    world.cameras[0].layers[2].paused = true;
    world.run_for(Duration::from_secs(3));
    world.cameras[0].layers[2].paused = false;
    world.run_for(Duration::from_secs(3));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 1, 2]);
    assert!(longest_pause(&world.clients[1], ssrc_of(1)) < Duration::from_millis(1300));
}

#[test]
fn all_layers_pausing_changes_nothing_and_the_same_layer_goes_on() {
    let mut world = call(6, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    world.cameras[0].layers.iter_mut().for_each(|layer| layer.paused = true);
    world.run_for(Duration::from_secs(4));
    world.cameras[0].layers.iter_mut().for_each(|layer| layer.paused = false);
    let plis = world.clients[0].told.plis.len();
    world.run_for(Duration::from_millis(200));
    assert_eq!(world.clients[0].told.plis.len(), plis);
    assert!(world.clients[1].rtp.last().unwrap().at > world.now - Duration::from_millis(60));
}

/// As after a line that both sides had lost, when the subscriber is back first.
#[test]
fn whoever_begins_while_the_publisher_is_silent_sees_it_as_soon_as_it_sends_again() {
    let mut world = call(16, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    world.cameras[0].layers.iter_mut().for_each(|layer| layer.paused = true);
    world.run_for(Duration::from_secs(6));
    let target = LayerTarget { disabled: true, ..LayerTarget::default() };
    world.command(Command::SetTarget { id: ForwarderId(1), target });
    world.want(1, Quality::High);
    world.run_for(Duration::from_secs(1));
    let before = world.clients[1].rtp.len();
    world.cameras[0].layers.iter_mut().for_each(|layer| layer.paused = false);
    world.run_for(Duration::from_secs(1));
    assert!(world.clients[1].rtp.len() > before + 30, "{before} and then {}", world.clients[1].rtp.len());
}

#[test]
fn a_disabled_subscription_gets_nothing_and_comes_back_with_a_key_frame() {
    let mut world = call(7, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    let target = LayerTarget { disabled: true, ..LayerTarget::default() };
    world.command(Command::SetTarget { id: ForwarderId(1), target });
    world.run_for(Duration::from_millis(50));
    let stopped = world.clients[1].rtp.len();
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.clients[1].rtp.len(), stopped);
    world.want(1, Quality::Low);
    world.run_for(Duration::from_secs(2));
    assert!(world.clients[1].rtp.len() > stopped + 50);
    assert_eq!(layers_ignoring_the_pause(&world), [2, 0]);
}

#[test]
fn a_muted_track_is_not_forwarded_and_comes_back_with_a_key_frame() {
    let mut world = call(8, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    world.command(Command::SetTrackMuted { track: MediaTrackId(1), muted: true });
    world.run_for(Duration::from_millis(50));
    let stopped = world.clients[1].rtp.len();
    world.run_for(Duration::from_millis(900));
    assert_eq!(world.clients[1].rtp.len(), stopped, "whatever the publisher sends");
    world.command(Command::SetTrackMuted { track: MediaTrackId(1), muted: false });
    world.run_for(Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
    assert!(world.clients[1].rtp.len() > stopped + 50);
}

#[test]
fn padding_of_the_publisher_is_left_out_without_a_trace() {
    let mut world = call(9, 1, &["q", "h", "f"]);
    world.cameras[0].pads = true;
    world.run_for(Duration::from_secs(2));
    world.want(1, Quality::Low);
    world.run_for(Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0]);
    assert!(world.clients[1].rtp.iter().all(|got| !got.header.is_empty()));
}

#[test]
fn the_first_picture_of_a_new_track_is_of_whatever_layer_comes_first() {
    let mut world = World::connected(11, 2);
    world.receivers(0, vec![receiver("0", &["q", "h", "f"])]);
    world.publish(0, 1, "0", MediaKind::Video);
    subscriber(&mut world, 1);
    let began = world.now;
    let mut camera = Camera::new(began, 0, "0", &["q", "h", "f"]);
    camera.named_frames = 100;
    camera.layers[1].paused = true;
    camera.layers[2].paused = true;
    world.cameras.push(camera);
    world.run_for(Duration::from_secs(1));
    world.cameras[0].layers.iter_mut().for_each(|layer| layer.paused = false);
    world.run_for(Duration::from_secs(2));
    let layers = check_continuity(&world.clients[1], ssrc_of(1));
    assert_eq!((layers[0], layers.last()), (0, Some(&2)));
    assert!(world.clients[1].rtp[0].at - began < Duration::from_millis(50));
}

#[test]
fn nothing_is_sent_before_the_publisher_sends() {
    let mut world = World::connected(10, 3);
    world.receivers(0, vec![receiver("0", &["q", "h", "f"])]);
    world.publish(0, 1, "0", MediaKind::Video);
    subscriber(&mut world, 1);
    subscriber(&mut world, 2);
    world.run_for(Duration::from_secs(10));
    assert!(world.clients.iter().all(|client| client.rtp.is_empty()));
    assert_eq!(world.shard.counters().plis_out, 0);
}

/// As [`check_continuity`], which would take the pause for a leap.
fn layers_ignoring_the_pause(world: &World) -> Vec<u8> {
    let (seen, _) = super::video::reassemble(&world.clients[1], ssrc_of(1));
    let mut layers: Vec<u8> = seen.values().map(|seen| seen.layer).collect();
    layers.dedup();
    layers
}

#[test]
fn a_subscription_moves_to_the_tracks_other_codec_without_a_gap() {
    let rids = ["q", "h", "f"];
    let mut world = call(13, 1, &rids);
    world.receivers(0, vec![receiver("0", &rids), receiver("1", &rids)]);
    world.publish(0, 2, "1", MediaKind::Video);
    let mut other = Camera::new(world.now, 0, "1", &rids);
    for layer in &mut other.layers {
        layer.ssrc += 500;
    }
    world.cameras.push(other);
    world.run_for(Duration::from_secs(2));
    let moved = world.now;
    world.command(Command::MoveForwarder { id: ForwarderId(1), track: MediaTrackId(2) });
    world.command(Command::RemoveTrack(MediaTrackId(1)));
    world.run_for(Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
    let after = world.clients[1].of(ssrc_of(1)).filter(|got| got.at > moved + Duration::from_secs(1)).count();
    assert!(after > 100, "{after}");
    assert!(longest_pause(&world.clients[1], ssrc_of(1)) < Duration::from_millis(150));
    world.command(Command::MoveForwarder { id: ForwarderId(1), track: MediaTrackId(9) });
    assert_eq!(world.shard.counters().dropped(crate::media::counters::Drop::UnknownId), 1);
}

//! Video follows what the way to a subscriber carries.

use std::time::Duration;

use super::video::{Camera, check_continuity, receiver, sender};
use super::world::{Bottleneck, World};
use crate::media::{Event, Quality, Tuning};
use crate::rtp::twcc::TwccRecorder;
use crate::units::{Bitrate, MediaKind};

const SECOND: Duration = Duration::from_secs(1);
/// Our stream towards the first watcher; the others' follow in steps of 100.
const SSRC: u32 = 9000;

/// Client 0 films in three layers of about 240, 720 and 1440 kbit/s, the others watch and tell of arrivals.
fn world(seed: u64, watchers: usize, kbps: &[u64]) -> World {
    let tuning = Tuning { adaptive_video: true, ..Tuning::default() };
    let mut world = World::tuned(seed, tuning).with_clients(watchers + 1);
    world.delay = Duration::from_millis(25);
    world.receivers(0, vec![receiver("0", &["q", "h", "f"])]);
    world.publish(0, 1, "0", MediaKind::Video);
    let mut camera = Camera::new(world.now, 0, "0", &["q", "h", "f"]);
    camera.packets = [1, 3, 6];
    world.cameras.push(camera);
    for watcher in 1..=watchers {
        world.clients[watcher].arrivals = Some(TwccRecorder::new(world.now));
        let forwarder = watcher as u64;
        let mut section = sender("0", forwarder, ssrc(watcher));
        section.codecs[0].transport_cc = true;
        world.senders(watcher, vec![section]);
        world.subscribe(watcher, 1, forwarder, Quality::High);
        world.bottlenecks.insert(watcher, Bottleneck::new(Bitrate::from_kbps(kbps[watcher - 1])));
    }
    world
}

fn ssrc(watcher: usize) -> u32 {
    SSRC + 100 * (watcher as u32 - 1)
}

/// The layers that flowed to a watcher, with when they began.
fn layers(world: &World, watcher: usize) -> Vec<(f64, Quality)> {
    let id = world.id(watcher);
    let changes = world.events.iter().filter_map(|(at, event)| match event {
        Event::LayerChanged { subscriber, quality, .. } if *subscriber == id => {
            Some(((*at - world.start).as_secs_f64(), *quality))
        }
        _ => None,
    });
    changes.collect()
}

fn current(world: &World, watcher: usize) -> Quality {
    layers(world, watcher).last().unwrap().1
}

fn forget(world: &mut World, watcher: usize) {
    world.bottlenecks.get_mut(&watcher).unwrap().waits.clear();
}

#[test]
fn a_wide_way_has_the_best_layer_within_seconds() {
    let mut world = world(1, 1, &[20_000]);
    world.run_for(4 * SECOND);
    assert_eq!(current(&world, 1), Quality::High, "{:?}", layers(&world, 1));
    world.run_for(20 * SECOND);
    assert_eq!(layers(&world, 1).len(), 1.max(layers(&world, 1).iter().filter(|(at, _)| *at < 5.0).count()));
    assert_eq!(world.bottlenecks[&1].figures().1, 0);
    check_continuity(&world.clients[1], SSRC);
}

#[test]
fn a_narrow_way_keeps_a_layer_that_fits_and_a_short_queue() {
    for (kbps, quality) in [(1000, Quality::Medium), (500, Quality::Low)] {
        let mut world = world(2, 1, &[kbps]);
        world.run_for(15 * SECOND);
        forget(&mut world, 1);
        world.run_for(45 * SECOND);
        let (wait, lost, _) = world.bottlenecks[&1].figures();
        println!("{kbps} kbit/s: {:?}, wait {wait:?}, {lost} lost", layers(&world, 1));
        assert_eq!(current(&world, 1), quality);
        assert!(wait < Duration::from_millis(100), "{wait:?}");
        assert_eq!(lost, 0);
    }
}

#[test]
fn video_steps_down_when_the_way_narrows_and_comes_back_when_it_widens() {
    let mut world = world(3, 1, &[2000]);
    world.run_for(20 * SECOND);
    assert_eq!(current(&world, 1), Quality::High, "{:?}", layers(&world, 1));
    world.bottlenecks.get_mut(&1).unwrap().rate = Bitrate::from_kbps(500);
    world.run_for(2 * SECOND);
    assert_eq!(current(&world, 1), Quality::Low, "{:?}", layers(&world, 1));
    forget(&mut world, 1);
    world.run_for(28 * SECOND);
    let (wait, lost, _) = world.bottlenecks[&1].figures();
    println!("at 500 kbit/s: wait {wait:?}, {lost} lost");
    assert!(wait < Duration::from_millis(100), "{wait:?}");
    world.bottlenecks.get_mut(&1).unwrap().rate = Bitrate::from_kbps(2000);
    world.run_for(15 * SECOND);
    println!("{:?}", layers(&world, 1));
    assert_eq!(current(&world, 1), Quality::High, "{:?}", layers(&world, 1));
}

#[test]
fn one_starved_subscriber_changes_nothing_for_another() {
    let mut world = world(4, 2, &[20_000, 400]);
    world.run_for(30 * SECOND);
    assert_eq!(current(&world, 1), Quality::High);
    assert_eq!(current(&world, 2), Quality::Low);
    assert!(layers(&world, 1).iter().all(|(at, _)| *at < 5.0), "{:?}", layers(&world, 1));
    assert_eq!(world.bottlenecks[&1].figures().1, 0);
    check_continuity(&world.clients[1], ssrc(1));
}

#[test]
fn after_an_outage_of_ten_seconds_video_flows_again_within_five() {
    let mut world = world(5, 1, &[2000]);
    world.run_for(15 * SECOND);
    world.bottlenecks.get_mut(&1).unwrap().cut = true;
    world.run_for(10 * SECOND);
    world.bottlenecks.get_mut(&1).unwrap().cut = false;
    let heard = world.clients[1].of(SSRC).count();
    world.run_for(5 * SECOND);
    assert!(world.clients[1].of(SSRC).count() > heard + 30);
    world.run_for(15 * SECOND);
    assert_eq!(current(&world, 1), Quality::High, "{:?}", layers(&world, 1));
}

#[test]
fn a_receivers_own_estimate_counts_where_there_is_no_other() {
    let mut world = world(6, 1, &[20_000]);
    world.clients[1].arrivals = None;
    world.run_for(4 * SECOND);
    assert_eq!(current(&world, 1), Quality::High);
    for _ in 0..3 {
        let remb = world.clients[1].seal_rtcp(|out| {
            let bytes = [
                0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x09, 0x24, 0xF8, 0, 0, 0x23, 0x28,
            ];
            out.extend(bytes);
        });
        world.put(true, 1, remb);
        world.run_for(SECOND);
    }
    assert_eq!(current(&world, 1), Quality::Low, "{:?}", layers(&world, 1));
}

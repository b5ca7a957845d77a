//! Many pictures over one line: how soon all of them are there, and what finding that out costs.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::sim::link::Line;
use super::video::{Camera, receiver, sender};
use super::world::World;
use crate::media::{Event, Quality, Tuning};
use crate::rtp::twcc::TwccRecorder;
use crate::units::MediaKind;

const SECOND: Duration = Duration::from_secs(1);
const SEEDS: [u64; 3] = [1, 2, 3];
const CAMERAS: usize = 8;

/// Eight who film in three layers, of 1320 kbit/s the highest, and one, the first client, who watches all of them.
fn meeting(seed: u64, line: Line) -> World {
    let mut world = World::tuned(seed, Tuning::default()).with_clients(CAMERAS + 1);
    world.delay = Duration::from_millis(5);
    world.clients[0].arrivals = Some(TwccRecorder::new(world.now));
    world.set_line(false, 0, line);
    world.set_line(true, 0, Line { rate: None, ..line });
    let number = |camera: usize| camera as u64;
    let pictures = (1..=CAMERAS).map(|camera| {
        let mut picture = sender(&camera.to_string(), number(camera), 9000 + 100 * camera as u32);
        picture.codecs[0].transport_cc = true;
        picture
    });
    world.senders(0, pictures.collect());
    for camera in 1..=CAMERAS {
        world.receivers(camera, vec![receiver("0", &["q", "h", "f"])]);
        world.publish(camera, number(camera), "0", MediaKind::Video);
        let begins = world.now + Duration::from_millis(4 * camera as u64);
        let mut camera = Camera::new(begins, camera, "0", &["q", "h", "f"]);
        camera.packets = [1, 3, 6];
        camera.content = Some(SmallRng::seed_from_u64(seed + camera.client as u64));
        world.subscribe(0, number(camera.client), number(camera.client), Quality::High);
        world.cameras.push(camera);
    }
    world
}

/// The layers that flow.
fn layers(world: &World) -> Vec<Quality> {
    let mut layers = BTreeMap::new();
    for (_, event) in &world.events {
        if let Event::LayerChanged { track, quality, .. } = event {
            layers.insert(track.0, *quality);
        }
    }
    layers.into_values().collect()
}

#[test]
fn a_wide_way_carries_every_picture_of_a_meeting_whole_within_two_seconds_and_is_then_left_alone() {
    for seed in SEEDS {
        let mut world = meeting(seed, Line::new(20).of(100_000));
        let begun = world.now;
        world.run_until("whole", |world| layers(world) == [Quality::High; CAMERAS]);
        let took = world.now - begun;
        println!("{seed}: {took:?}, {} probes", world.shard.counters().probes_out);
        assert!(took <= 2 * SECOND, "{took:?}");
        world.run_for(SECOND);
        let before = world.shard.counters().clone();
        world.batches.clear();
        world.run_for(20 * SECOND);
        let counters = world.shard.counters();
        assert_eq!(counters.probes_out, before.probes_out, "everything that is wanted flows");
        assert_eq!(counters.rtx_out, before.rtx_out);
        assert_eq!(counters.paced, before.paced);
        assert_eq!(layers(&world), [Quality::High; CAMERAS]);
        // Every frame is there and left whole, as one train.
        let packets: usize = world.batches.iter().map(Vec::len).sum();
        let frames = 20.0 / 0.033 * CAMERAS as f64;
        assert!(packets as f64 / frames > 5.5, "{packets} packets of {frames} frames");
        assert!((world.batches.len() as f64) < frames * 1.02, "{} trains of {frames} frames", world.batches.len());
    }
}

#[test]
fn a_picture_more_does_not_wait_for_what_the_way_can_carry() {
    let mut world = meeting(1, Line::new(20).of(100_000));
    (2..=CAMERAS as u64).for_each(|camera| world.want(camera, Quality::Low));
    world.run_for(5 * SECOND);
    let mut expected = [Quality::Low; CAMERAS];
    expected[0] = Quality::High;
    assert_eq!(layers(&world), expected);
    (2..=CAMERAS as u64).for_each(|camera| world.want(camera, Quality::High));
    let begun = world.now;
    world.run_until("whole", |world| layers(world) == [Quality::High; CAMERAS]);
    assert!(world.now - begun <= 2 * SECOND, "{:?}", world.now - begun);
}

#[test]
fn a_way_too_narrow_for_all_of_a_meeting_keeps_its_queue_short_from_the_start() {
    for seed in SEEDS {
        let mut world = meeting(seed, Line::new(20).of(4000));
        world.run_for(30 * SECOND);
        let layers = layers(&world);
        let waits = &world.links[&(false, 0)].waits;
        let longest = waits.iter().filter_map(|wait| wait.waited).max().unwrap_or_default();
        let full = waits.iter().filter(|wait| wait.waited.is_none()).count();
        println!("{seed}: {layers:?}, {longest:?}, {full} lost");
        assert!(layers.contains(&Quality::Medium) && full == 0, "{layers:?}, {full} lost");
    }
}

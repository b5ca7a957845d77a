use std::time::Duration;

use super::audio::{receiver, talk};
use super::layers::{call_in, ssrc_of};
use super::world::{World, fixed_layers};
use crate::media::{Event, Tuning};
use crate::rtp::audio_level::LevelParams;
use crate::units::MediaKind;

#[test]
fn key_frames_are_asked_for_as_often_as_the_operator_allows() {
    let tuning = Tuning { pli_throttle: [Duration::from_millis(250); 3], ..fixed_layers() };
    let mut world = call_in(World::tuned(141, tuning), 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(3));
    let before = world.clients[0].told.plis.len();
    for _ in 0..30 {
        let pli = world.clients[1].pli(ssrc_of(1));
        world.send(1, pli);
        world.run_for(Duration::from_millis(100));
    }
    let sent = world.clients[0].told.plis.len() - before;
    assert!((9..=13).contains(&sent), "{sent}");
}

#[test]
fn only_as_many_packets_as_the_operator_allows_can_be_had_again() {
    for (packets, misses) in [(500, 0), (16, 1)] {
        let tuning = Tuning { packets_video: packets, ..fixed_layers() };
        let mut world = call_in(World::tuned(142, tuning), 1, &["f"]);
        world.run_for(Duration::from_secs(2));
        let last = world.clients[1].of(ssrc_of(1)).last().unwrap().header.seq;
        let nack = world.clients[1].nack(ssrc_of(1), &[last.add(0u16.wrapping_sub(40))]);
        world.send(1, nack);
        world.run_for(Duration::from_millis(50));
        assert_eq!(world.shard.counters().nack_misses, misses, "{packets}");
    }
}

/// When the first speaker was told of, after two seconds of talking at a level.
fn first_told(tuning: Tuning, level: u8) -> Option<Duration> {
    let mut world = World::tuned(143, tuning).with_clients(1);
    world.receivers(0, vec![receiver("0")]);
    world.publish(0, 1, "0", MediaKind::Audio);
    let began = world.now;
    for n in 0..100 {
        talk(&mut world, 0, "0", n, level, false);
        world.run_for(Duration::from_millis(20));
    }
    let told = world.events.iter().find(|(_, event)| matches!(event, Event::Speakers { .. }));
    told.map(|(at, _)| *at - began)
}

#[test]
fn who_counts_as_speaking_and_how_soon_is_the_operators_choice() {
    assert_eq!(first_told(fixed_layers(), 50), None, "too quiet");
    let level = LevelParams { active_level: 55, ..LevelParams::default() };
    let usual = first_told(Tuning { level, ..fixed_layers() }, 50).unwrap();
    let level = LevelParams { window_ms: 100, ..level };
    let quick = Tuning { level, speakers_interval: Duration::from_millis(100), ..fixed_layers() };
    let quick = first_told(quick, 50).unwrap();
    assert!(quick < Duration::from_millis(350) && usual > Duration::from_millis(400), "{quick:?} {usual:?}");
}

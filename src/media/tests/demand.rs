//! Only the layers that somebody on the other shard gets or waits for go there; nobody waits longer for that.

use std::time::Duration;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::layers::{ssrc_of, subscriber};
use super::span::{TRACK, beside, call, filmed, mirror, want};
use super::video::{check_continuity, longest_pause, sender};
use super::world::World;
use crate::ids::ForwarderId;
use crate::media::counters::Drop;
use crate::media::select::LayerSet;
use crate::media::{Command, Event, LayerTarget, Quality, Shard};
use crate::transport::SenderSection;
use crate::units::Bitrate;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than what nobody needs any more lingers.
const SETTLED: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_millis(150);

/// The layers that go to the other shard.
fn relayed(world: &World) -> LayerSet {
    let track = world.shard.tracks.get(world.shard.track_ids[&TRACK]).unwrap();
    track.relays.first().unwrap().layers
}

fn ask(world: &mut World, forwarder: u64, target: LayerTarget) {
    world.command_to(1, Command::SetTarget { id: ForwarderId(forwarder), target });
}

const OFF: LayerTarget = LayerTarget { disabled: true, quality: Quality::High, pictures: 0 };

/// The layer that a client of the other shard gets.
fn shown(world: &World, n: u64) -> Option<usize> {
    let shard = beside(world);
    shard.forwarders.get(shard.forwarder_ids[&ForwarderId(n)]).unwrap().selector.current()
}

fn arrived(world: &World, n: usize) -> usize {
    world.clients[n].of(ssrc_of(n)).count()
}

#[test]
fn only_layers_that_somebody_gets_are_relayed() {
    let mut world = call(201);
    world.run_for(SECOND);
    assert_eq!(relayed(&world), LayerSet::ALL, "for whoever had none yet");
    world.run_for(SETTLED);
    assert_eq!(relayed(&world), LayerSet(0b100));
    want(&mut world, 1, Quality::Low);
    world.run_for(SOON);
    assert_eq!((relayed(&world), shown(&world, 1)), (LayerSet(0b101), Some(0)), "at once");
    want(&mut world, 2, Quality::Low);
    world.run_for(SETTLED);
    assert_eq!(relayed(&world), LayerSet(0b001));
    let before = world.shard.counters().relay_out;
    world.run_for(10 * SECOND);
    let out = world.shard.counters().relay_out;
    // Two packets thirty times a second, and four reports.
    assert!((600..660).contains(&(out.packets - before.packets)), "{}", out.packets - before.packets);
    assert_eq!(beside(&world).counters().drops, [0; Drop::COUNT]);
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0]);
    assert!(longest_pause(&world.clients[1], ssrc_of(1)) < Duration::from_millis(100));
}

#[test]
fn where_nobody_looks_nothing_is_relayed_until_somebody_does() {
    let mut world = call(202);
    world.run_for(SETTLED);
    for n in [1, 2] {
        ask(&mut world, n, OFF);
    }
    world.run_for(SETTLED);
    assert_eq!(relayed(&world), LayerSet(0));
    // Longer than numbers that were left out can be told from a stray's, and than requests are kept.
    world.run_for(60 * SECOND);
    let had = arrived(&world, 1);
    want(&mut world, 1, Quality::Medium);
    world.run_for(SOON);
    assert_eq!(shown(&world, 1), Some(1));
    world.run_for(SECOND);
    assert!(arrived(&world, 1) > had + 80, "{had} and then {}", arrived(&world, 1));
    assert_eq!(beside(&world).counters().drops, [0; Drop::COUNT]);
    // Of the others nobody can do without.
    world.run_for(SETTLED);
    assert_eq!(relayed(&world), LayerSet(0b010));
}

#[test]
fn a_layer_that_was_long_away_is_back_at_the_first_request() {
    let mut world = call(203);
    for quality in [Quality::Low, Quality::High, Quality::Low, Quality::High] {
        want(&mut world, 1, quality);
        want(&mut world, 2, quality);
        world.run_for(SOON);
        assert_eq!([1, 2].map(|n| shown(&world, n)), [Some(quality as usize); 2]);
        world.run_for(45 * SECOND);
    }
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0, 2, 0, 2][1..]);
    assert_eq!(beside(&world).counters().drops, [0; Drop::COUNT]);
}

#[test]
fn who_goes_back_and_forth_has_each_layer_at_once_whenever_that_is() {
    // Around the moment at which the layer before is withdrawn.
    let mut world = call(204);
    world.run_for(SETTLED);
    for step in 0..60u32 {
        let quality = if step % 2 == 0 { Quality::Low } else { Quality::High };
        want(&mut world, 1, quality);
        want(&mut world, 2, quality);
        world.run_for(Duration::from_millis(1_500 + 27 * u64::from(step)));
        assert_eq!([1, 2].map(|n| shown(&world, n)), [Some(quality as usize); 2], "{step}");
    }
    assert!(longest_pause(&world.clients[1], ssrc_of(1)) < Duration::from_millis(100));
    check_continuity(&world.clients[1], ssrc_of(1));
}

#[test]
fn the_other_shard_knows_what_layers_take_that_it_does_not_get() {
    let mut world = filmed(205);
    world.cameras[0].temporal = true;
    mirror(&mut world);
    subscriber(&mut world, 1);
    want(&mut world, 1, Quality::Low);
    world.run_for(2 * SETTLED);
    assert_eq!(relayed(&world), LayerSet(0b001));
    let seen = |shard: &Shard, world: &World| {
        let track = shard.tracks.get(shard.track_ids[&TRACK]).unwrap();
        track.layers.map(|stream| {
            let stream = shard.streams.get(stream.unwrap()).unwrap();
            let rates = stream.rates().unwrap();
            [stream.rate(world.now).bps(), rates.rate(0, 0).bps(), rates.pictures(0, 1) as u64]
        })
    };
    let (here, there) = (seen(&world.shard, &world), seen(beside(&world), &world));
    for (one, other) in here.as_flattened().iter().zip(there.as_flattened()) {
        assert!(one.abs_diff(*other) * 20 <= *one, "{here:?} {there:?}");
    }
}

#[test]
fn a_layer_that_the_publisher_stops_is_known_to_have_stopped_everywhere() {
    let mut world = call(206);
    want(&mut world, 1, Quality::Low);
    want(&mut world, 2, Quality::Low);
    world.run_for(2 * SETTLED);
    assert_eq!(relayed(&world), LayerSet(0b001));
    world.cameras[0].layers[2].paused = true;
    world.run_for(3 * SECOND);
    // The best there is, at once, and the best of all as soon as it is back.
    want(&mut world, 1, Quality::High);
    world.run_for(SOON);
    assert_eq!(shown(&world, 1), Some(1));
    world.cameras[0].layers[2].paused = false;
    world.run_for(SECOND);
    assert_eq!(shown(&world, 1), Some(2));
    check_continuity(&world.clients[1], ssrc_of(1));
}

#[test]
fn what_the_way_carries_decides_as_beside_the_publisher() {
    let mut world = World::tuned(207, Default::default()).of_two_shards();
    for home in [0, 1, 1, 0] {
        world.join_on(home);
    }
    let mut world = super::span::film(world);
    mirror(&mut world);
    for n in [1, 3] {
        world.subscribe(n, 1, n as u64, Quality::High);
        let mut section: SenderSection = sender("0", n as u64, ssrc_of(n));
        section.codecs[0].remb = true;
        world.senders(n, vec![section]);
    }
    let layers = |world: &World, n: usize| -> Vec<Quality> {
        let id = world.id(n);
        let changes = world.events.iter().filter_map(|(_, event)| match event {
            Event::LayerChanged { subscriber, quality, .. } if *subscriber == id => Some(*quality),
            _ => None,
        });
        changes.collect()
    };
    for kbps in [3000, 600, 900, 600, 3000] {
        for _ in 0..16 {
            for n in [1, 3] {
                world.remb(n, Bitrate::from_kbps(kbps));
            }
            world.run_for(SECOND / 2);
        }
        let [there, here] = [1, 3].map(|n| layers(&world, n).last().copied());
        assert_eq!(there, here, "{kbps} kbit/s: {:?}", [1, 3].map(|n| layers(&world, n)));
    }
    let seen = layers(&world, 1);
    assert!(seen.contains(&Quality::Low) && seen.last() == Some(&Quality::High), "{seen:?}");
}

#[test]
fn the_shards_may_hear_in_either_order_that_a_picture_is_back() {
    for first in [0, 1] {
        let mut world = filmed(208);
        mirror(&mut world);
        subscriber(&mut world, 1);
        world.run_for(SETTLED);
        for home in [0, 1] {
            world.command_to(home, Command::SetTrackMuted { track: TRACK, muted: true });
        }
        world.run_for(SETTLED);
        let had = arrived(&world, 1);
        for home in [first, 1 - first] {
            world.command_to(home, Command::SetTrackMuted { track: TRACK, muted: false });
            world.run_for(Duration::from_millis(5));
        }
        world.run_for(SOON);
        assert!(arrived(&world, 1) > had, "{first} first");
    }
}

/// Whatever is asked for, lost, refused, muted and stopped: once that is over, everybody has what they ask for.
#[test]
fn no_switch_ever_hangs() {
    for seed in 0..24 {
        let mut world = call(300 + seed);
        let mut chance = SmallRng::seed_from_u64(seed);
        for round in 0..4 {
            for _ in 0..chance.random_range(1..30) {
                let n = chance.random_range(1..=2);
                match chance.random_range(0..12) {
                    0 => ask(&mut world, n, OFF),
                    1 => {
                        let muted = chance.random_bool(0.5);
                        // The two shards are told in either order, at different times.
                        let first = chance.random_range(0..2);
                        world.command_to(first, Command::SetTrackMuted { track: TRACK, muted });
                        world.run_for(Duration::from_millis(chance.random_range(0..50)));
                        world.command_to(1 - first, Command::SetTrackMuted { track: TRACK, muted });
                    }
                    2 => {
                        let layer = chance.random_range(0..3);
                        world.cameras[0].layers[layer].paused = chance.random_bool(0.5);
                    }
                    3 => world.full = f64::from(chance.random_range(0..60)) / 100.0,
                    4 => world.loss = [0, 1].map(|_| f64::from(chance.random_range(0..15)) / 100.0),
                    _ => {
                        let quality = [Quality::Low, Quality::Medium, Quality::High][chance.random_range(0..3)];
                        want(&mut world, n, quality);
                    }
                }
                let pause = [5, 50, 500, 3000][chance.random_range(0..4)];
                world.run_for(Duration::from_millis(chance.random_range(0..pause)));
            }
            (world.full, world.loss) = (0.0, [0.0; 2]);
            world.cameras[0].layers.iter_mut().for_each(|layer| layer.paused = false);
            for home in [0, 1] {
                world.command_to(home, Command::SetTrackMuted { track: TRACK, muted: false });
            }
            let wanted = [1, 2].map(|n| {
                let quality = [Quality::Low, Quality::Medium, Quality::High][chance.random_range(0..3)];
                want(&mut world, n, quality);
                Some(quality as usize)
            });
            // A request may just have been made, and the next is a second away.
            world.run_for(Duration::from_millis(1_500));
            let before = [1, 2].map(|n| arrived(&world, n));
            assert_eq!([1, 2].map(|n| shown(&world, n)), wanted, "seed {seed}, round {round}");
            world.run_for(SECOND);
            let after = [1, 2].map(|n| arrived(&world, n));
            for (before, after) in before.iter().zip(after) {
                assert!(after > before + 50, "seed {seed}, round {round}: it flows");
            }
        }
        world.run_for(SETTLED);
        let wanted = [1, 2].map(|n| 1 << shown(&world, n).unwrap()).into_iter().fold(0, |all, one| all | one);
        assert_eq!(relayed(&world), LayerSet(wanted), "seed {seed}");
    }
}

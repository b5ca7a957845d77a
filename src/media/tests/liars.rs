//! Subscribers that lie about what they get, or ask without end: what they may do to the publisher and to others.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::sim::link::Line;
use super::sim::room::{Room, video_ssrc};
use super::video::check_continuity;
use crate::media::{Drop, Quality};
use crate::rtp::rtcp::build;
use crate::units::{Bitrate, SeqNo, Ssrc};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(20);
const LIAR: usize = 1;
const HONEST: usize = 2;
const SEEDS: std::ops::Range<u64> = 1..4;

/// Plays half a minute with a liar who says something every 20 ms, and checks what the others notice.
fn play(seed: u64, mut lie: impl FnMut(&mut Room, &mut SmallRng, u64)) -> Room {
    let mut room = Room::new(seed, true, &[Line::new(25).of(20_000), Line::new(25).of(20_000)]);
    room.run(5 * SECOND);
    assert_eq!(room.layer(HONEST), Some(Quality::High));
    let changes = room.layers(HONEST).len();
    let asked = room.world.clients[0].told.plis.len();
    let missed = room.world.clients[0].told.nacks.len();
    let since = room.world.now;
    let mut rng = SmallRng::seed_from_u64(seed);
    for tick in 0..1500 {
        lie(&mut room, &mut rng, tick);
        room.run(TICK);
    }
    let figures = room.figures(HONEST, since);
    assert_eq!(room.layers(HONEST).len(), changes, "{:?}", room.layers(HONEST));
    assert!(figures.freeze < SECOND / 2, "{figures:?}");
    assert_eq!(figures.overflowed, [0, 0]);
    check_continuity(&room.world.clients[HONEST], video_ssrc(HONEST));
    // Half a minute: two a second for the lowest layer, one for each of the others.
    let asked = room.world.clients[0].told.plis.len() - asked;
    assert!(asked <= 125, "the publisher was asked for {asked} key frames");
    assert_eq!(room.world.clients[0].told.nacks.len(), missed, "and for nothing that it has sent already");
    room
}

/// Transport-wide feedback about `count` packets from `base` on, all arrived, a quarter of a millisecond apart.
fn feedback(out: &mut Vec<u8>, base: u16, reference: u32, count: u16) {
    build::receiver_report(out, Ssrc(1), &[]);
    let padded = (18 + usize::from(count)).next_multiple_of(4);
    out.extend([0x80 | 15, 205]);
    out.extend(((padded / 4) as u16).to_be_bytes());
    out.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    out.extend(base.to_be_bytes());
    out.extend(count.to_be_bytes());
    out.extend(&reference.to_be_bytes()[1..]);
    out.push(base as u8);
    out.extend((1 << 13 | count).to_be_bytes());
    out.extend(std::iter::repeat_n(1, padded - 18));
}

#[test]
fn arrivals_that_go_back_in_time_and_packets_that_were_never_sent() {
    for seed in SEEDS {
        let room = play(seed, |room, rng, tick| {
            room.world.clients[LIAR].arrivals = None;
            let (base, count) = (rng.random(), rng.random_range(1..200));
            // Time runs backwards by 64 ms a tick, and leaps now and then.
            let reference = if tick % 10 == 0 { rng.random() } else { 0xFF_0000 - tick as u32 };
            let lie = room.world.clients[LIAR].seal_rtcp(|out| feedback(out, base, reference & 0xFF_FFFF, count));
            room.world.put(true, LIAR, lie);
        });
        assert_eq!(room.world.shard.counters().dropped(Drop::MalformedRtcp), 0, "all of it is well-formed");
        let told = room.estimates[LIAR - 1].iter().filter_map(|(_, it)| *it);
        let bounds = Bitrate::from_kbps(60)..=Bitrate::from_kbps(100_000);
        assert!(told.into_iter().all(|it| bounds.contains(&it)));
        assert!(room.world.clients[LIAR].of(video_ssrc(LIAR)).count() > 1000, "it gets something all the same");
    }
}

#[test]
fn a_receivers_estimate_of_nothing_and_of_a_terabit() {
    for seed in SEEDS {
        let room = play(seed, |room, _, tick| {
            room.world.clients[LIAR].arrivals = None;
            let bitrate = if tick % 2 == 0 { Bitrate(0) } else { Bitrate(1 << 40) };
            room.world.remb(LIAR, bitrate);
        });
        assert!(room.viewer(LIAR).streams[1].missing() < 0.01, "voices are not held back");
    }
}

#[test]
fn a_subscriber_that_wants_everything_again() {
    for seed in SEEDS {
        let before = std::cell::Cell::new(0);
        let room = play(seed, |room, _, tick| {
            if tick == 0 {
                before.set(room.world.shard.counters().rtx_out.bytes);
            }
            let newest = room.world.clients[LIAR].of(video_ssrc(LIAR)).last().unwrap().header.seq;
            let all: Vec<SeqNo> = (0..500).map(|back| SeqNo(newest.0.wrapping_sub(back))).rev().collect();
            let nack = room.world.clients[LIAR].nack(video_ssrc(LIAR), &all);
            room.world.put(true, LIAR, nack);
        });
        let again = room.world.shard.counters().rtx_out.bytes - before.get();
        // A burst of 256 KiB and as much a second; probes on top.
        assert!(again < 33 * 256 * 1024, "{again} bytes were sent again in half a minute");
    }
}

#[test]
fn a_subscriber_that_asks_for_key_frames_without_end() {
    for seed in SEEDS {
        play(seed, |room, _, _| {
            for _ in 0..5 {
                let pli = room.world.clients[LIAR].pli(video_ssrc(LIAR));
                room.world.put(true, LIAR, pli);
            }
        });
    }
}

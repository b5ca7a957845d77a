//! What leaves at once, and what waits for its turn.

use std::time::Duration;

use super::sim::link::Line;
use super::sim::room::{Room, video_ssrc};
use super::video::check_continuity;
use crate::media::Quality;

const SECOND: Duration = Duration::from_secs(1);
const SEEDS: [u64; 3] = [1, 2, 3];

/// A room whose key frames come every four seconds and are so many times as large as other frames.
fn room(seed: u64, line: Line, key_weight: usize) -> Room {
    let mut room = Room::new(seed, true, &[line]);
    room.world.cameras[0].key_weight = Some(key_weight);
    room.world.cameras[0].key_every = Some(120);
    room
}

#[test]
fn a_queue_of_sixty_milliseconds_loses_no_voice_to_pictures_or_probes() {
    for seed in SEEDS {
        for key_weight in [2, 6] {
            let short = Line { depth: Duration::from_millis(60), ..Line::new(25).of(1000) };
            let mut room = room(seed, short, key_weight);
            room.run(40 * SECOND);
            // Before the first feedback nothing is known of the way.
            let figures = room.figures(1, room.begun + 2 * SECOND);
            println!("{seed}, {key_weight}: {figures:?}, {} paced", room.world.shard.counters().paced);
            assert_eq!(figures.overflowed[1], 0, "{figures:?}");
            assert!(figures.layer > 0.7, "{figures:?}");
        }
    }
}

#[test]
fn on_a_wide_way_every_frame_leaves_as_one_train_key_frames_too() {
    for seed in SEEDS {
        let mut room = room(seed, Line::new(25).of(20_000), 3);
        room.run(5 * SECOND);
        assert_eq!(room.layer(1), Some(Quality::High));
        room.world.batches.clear();
        let paced = room.world.shard.counters().paced;
        room.run(20 * SECOND);
        assert_eq!(room.world.shard.counters().paced, paced, "nothing waits");
        let frames: Vec<usize> = room.world.batches.iter().map(Vec::len).filter(|len| *len > 1).collect();
        println!("{seed}: {} frames, {} before paced", frames.len(), paced);
        // A voice may leave with a frame.
        assert!(frames.len() > 590 && frames.iter().all(|len| matches!(len, 6 | 7 | 18 | 19)), "{frames:?}");
        check_continuity(&room.world.clients[1], video_ssrc(1));
    }
}

#[test]
fn nothing_is_lost_or_changes_places_by_waiting() {
    for seed in SEEDS {
        let mut room = room(seed, Line::new(25).of(1000), 6);
        room.run(30 * SECOND);
        assert!(room.world.shard.counters().paced > 500);
        assert_eq!(room.figures(1, room.begun).overflowed[1], 0);
        check_continuity(&room.world.clients[1], video_ssrc(1));
        let numbers: Vec<u16> = room.world.clients[1].of(video_ssrc(1)).map(|got| got.header.seq.0).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "in the order in which they came");
    }
}

#[test]
fn whoever_goes_while_pictures_wait_for_it_leaves_nothing_behind() {
    let mut room = room(1, Line::new(25).of(400), 8);
    room.run(10 * SECOND);
    for _ in 0..400 {
        room.run(SECOND / 100);
        if room.world.shard.transports.iter().any(|(_, state)| state.sending.pacer.waits()) {
            break;
        }
    }
    assert!(room.world.shard.transports.iter().any(|(_, state)| state.sending.pacer.waits()));
    room.world.leave(1);
    room.run(2 * SECOND);
    assert_eq!(room.world.shard.census()[0], 1);
}

use std::time::Duration;

use super::layers::{call, ssrc_of};
use super::video::check_continuity;

#[test]
fn the_packets_of_a_frame_leave_as_one_train() {
    let mut world = call(51, 3, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(3));
    world.batches.clear();
    let padded = world.shard.counters().padding_out;
    let bytes = world.shard.counters().rtp_out.bytes;
    world.run_for(Duration::from_secs(3));
    assert!(world.batches.len() > 200);
    for batch in &world.batches {
        assert_eq!(batch.len(), 4, "a whole frame at once");
        let (tail, body) = batch.split_last().unwrap();
        assert!(body.iter().all(|len| *len == body[0]) && *tail <= body[0], "{batch:?}");
    }
    let padded = world.shard.counters().padding_out - padded;
    let bytes = world.shard.counters().rtp_out.bytes - bytes;
    assert!(padded > 0 && padded * 1000 < bytes, "{padded} of {bytes}");
    check_continuity(&world.clients[1], ssrc_of(1));
}

#[test]
fn transport_wide_numbers_run_on_over_all_streams_of_a_subscriber() {
    let mut world = call(52, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    let map = super::video::extensions();
    let stamps: Vec<u16> = world.clients[1].rtp.iter().map(|got| got.transport_seq(&map).unwrap()).collect();
    assert!(stamps.len() > 100);
    assert!(stamps.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
}

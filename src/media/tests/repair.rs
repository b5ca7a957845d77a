use std::time::Duration;

use super::layers::{call, ssrc_of};
use super::video::{check_continuity, extensions, reassemble, sender};
use super::world::World;
use crate::media::Quality;
use crate::rtp::nack::NackTracker;
use crate::units::SeqNo;

/// Runs with subscriber 1 asking for what it misses, as real ones do.
pub fn run_asking(world: &mut World, time: Duration) {
    let ssrc = ssrc_of(1);
    let end = world.now + time;
    let mut tracker = NackTracker::new();
    let mut read = 0;
    let mut highest = None;
    let mut asked = Vec::new();
    while world.now < end {
        world.run_for(Duration::from_millis(5));
        let fresh: Vec<SeqNo> = world.clients[1].rtp[read..]
            .iter()
            .map(|got| {
                let payload = got.payload();
                let repaired = got.header.ssrc.0 == ssrc + 1;
                if repaired { SeqNo(u16::from_be_bytes([payload[0], payload[1]])) } else { got.header.seq }
            })
            .collect();
        read = world.clients[1].rtp.len();
        for seq in fresh {
            let ext = seq.extend(highest.unwrap_or(0x10000 + u64::from(seq.0)));
            highest = Some(highest.unwrap_or(0).max(ext));
            tracker.on_packet(ext, world.now);
        }
        asked.clear();
        tracker.poll(world.now, &mut asked);
        if !asked.is_empty() {
            let nack = world.clients[1].nack(ssrc, &asked);
            world.send(1, nack);
        }
    }
}

#[test]
fn five_percent_loss_both_ways_is_repaired_through_layer_switches() {
    let mut world = call(11, 1, &["q", "h", "f"]);
    run_asking(&mut world, Duration::from_secs(1));
    world.loss = [0.05, 0.05];
    for quality in [Quality::Low, Quality::High, Quality::Medium, Quality::High] {
        world.want(1, quality);
        run_asking(&mut world, Duration::from_secs(4));
    }
    world.loss = [0.0, 0.0];
    run_asking(&mut world, Duration::from_secs(2));
    let layers = check_continuity(&world.clients[1], ssrc_of(1));
    assert_eq!(layers, [2, 0, 2, 1, 2]);
    let counters = world.shard.counters();
    assert!(counters.nacks_out > 50 && counters.nacks_in > 50, "{counters:?}");
    assert!(counters.rtx_in.packets > 50 && counters.rtx_out.packets > 50, "{counters:?}");
    assert_eq!(counters.dropped(crate::media::counters::Drop::NotSealed), 0);
}

#[test]
fn a_lost_packet_comes_back_byte_for_byte_where_there_is_no_retransmission_stream() {
    let mut world = call(12, 1, &["f"]);
    let mut section = sender("0", 1, ssrc_of(1));
    section.codecs[0].rtx = None;
    world.senders(1, vec![section]);
    world.run_for(Duration::from_secs(1));
    let last = world.clients[1].of(ssrc_of(1)).last().unwrap().clone();
    // The client's transport takes a packet once only: what it never got must be asked for.
    world.loss = [0.0, 1.0];
    world.run_for(Duration::from_millis(40));
    world.loss = [0.0, 0.0];
    world.run_for(Duration::from_millis(100));
    let got: Vec<SeqNo> = world.clients[1].of(ssrc_of(1)).map(|got| got.header.seq).collect();
    let lost: Vec<SeqNo> = (1..20).map(|n| last.header.seq.add(n)).filter(|seq| !got.contains(seq)).take(2).collect();
    assert_eq!(lost[1], lost[0].add(1));
    let before = world.clients[1].rtp.len();
    let nack = world.clients[1].nack(ssrc_of(1), &lost);
    world.send(1, nack);
    world.run_for(Duration::from_millis(30));
    let again: Vec<_> = world.clients[1].rtp[before..].iter().filter(|got| lost.contains(&got.header.seq)).collect();
    assert_eq!(again.len(), 2);
    let stamps: Vec<u16> = again.iter().map(|got| got.transport_seq(&extensions()).unwrap()).collect();
    assert_eq!(stamps[1], stamps[0].wrapping_add(1), "the stamps that they had");
    assert!(stamps[1].wrapping_sub(last.transport_seq(&extensions()).unwrap()) < 20);
    assert_eq!(world.shard.counters().rtx_out.packets, 2);
}

#[test]
fn repeated_requests_are_answered_once_and_old_ones_never() {
    let mut world = call(13, 1, &["f"]);
    world.run_for(Duration::from_secs(2));
    let last = world.clients[1].of(ssrc_of(1)).last().unwrap().header.seq;
    for _ in 0..5 {
        let nack = world.clients[1].nack(ssrc_of(1), &[last]);
        world.send(1, nack);
    }
    let old = world.clients[1].nack(ssrc_of(1), &[last.add(30_000)]);
    world.send(1, old);
    world.run_for(Duration::from_millis(50));
    let counters = world.shard.counters();
    assert_eq!(counters.rtx_out.packets, 1);
    assert_eq!(counters.nack_repeats, 4);
    assert_eq!(counters.nack_misses, 1);
}

#[test]
fn a_key_frame_whose_first_packet_was_repaired_is_caught_up_with() {
    let mut world = call(14, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    // With this much loss many key frames lose their first packet.
    world.loss = [0.25, 0.0];
    for n in 0..12 {
        world.want(1, [Quality::Low, Quality::High][n % 2]);
        run_asking(&mut world, Duration::from_secs(2));
    }
    world.loss = [0.0, 0.0];
    run_asking(&mut world, Duration::from_secs(2));
    let (seen, _) = reassemble(&world.clients[1], ssrc_of(1));
    let mut layers: Vec<u8> = seen.values().map(|seen| seen.layer).collect();
    layers.dedup();
    assert!(layers.len() >= 12, "{layers:?}");
}

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{SymbolTypeTcc, TransportLayerCc};

use super::super::TwccFeedback;
use super::*;

/// RTCP header, two SSRCs, and the fixed part of the feedback.
const HEADER_LEN: usize = 20;

struct Bench {
    recorder: TwccRecorder,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        Self { recorder: TwccRecorder::new(start), start }
    }

    fn at(&self, micros: u64) -> Instant {
        self.start + Duration::from_micros(micros)
    }

    fn record(&mut self, seq: u16, micros: u64) {
        self.recorder.record(seq, self.at(micros));
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        loop {
            let mut out = Vec::new();
            if !self.recorder.build(Ssrc(0x11), Ssrc(0x22), &mut out) {
                return packets;
            }
            packets.push(out);
        }
    }

    /// Number and arrival in microseconds of every packet reported on.
    fn reported(&mut self) -> Vec<Vec<(u16, Option<i64>)>> {
        self.packets().iter().map(|packet| read(packet)).collect()
    }
}

fn read(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
    assert_eq!(packet.len() % 4, 0);
    assert_eq!(packet.len(), 4 * (usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1));
    let padding = if packet[0] & 0x20 != 0 { usize::from(packet[packet.len() - 1]) } else { 0 };
    let feedback = TwccFeedback::parse(Ssrc(0x11), Ssrc(0x22), &packet[12..packet.len() - padding]).unwrap();
    let base = i64::from(feedback.reference) * 64_000;
    feedback.statuses().map(|(seq, arrived)| (seq.0, arrived.map(|ticks| base + ticks * 250))).collect()
}

/// The same, read by the crate that other stacks use.
fn read_independently(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::PacketStatusChunk as Chunk;
    let parsed = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(packet)).unwrap();
    let feedback = parsed[0].as_any().downcast_ref::<TransportLayerCc>().unwrap();
    let mut deltas = feedback.recv_deltas.iter();
    let mut symbols = Vec::new();
    for chunk in &feedback.packet_chunks {
        match chunk {
            Chunk::RunLengthChunk(run) => {
                symbols.extend(std::iter::repeat_n(run.packet_status_symbol, run.run_length.into()));
            }
            Chunk::StatusVectorChunk(vector) => symbols.extend(&vector.symbol_list),
        }
    }
    assert!(
        symbols[usize::from(feedback.packet_status_count)..].iter().all(|s| *s == SymbolTypeTcc::PacketNotReceived)
    );
    symbols.truncate(feedback.packet_status_count.into());
    let mut arrival = i64::from(feedback.reference_time) * 64_000;
    let status = |(index, symbol): (usize, SymbolTypeTcc)| {
        let received = symbol != SymbolTypeTcc::PacketNotReceived;
        let arrived = received.then(|| {
            arrival += deltas.next().unwrap().delta;
            arrival
        });
        (feedback.base_sequence_number.wrapping_add(index as u16), arrived)
    };
    symbols.into_iter().enumerate().map(status).collect()
}

#[test]
fn a_feedback_packet_matches_the_drafts_layout() {
    let mut bench = Bench::new();
    bench.record(5, 64_000);
    bench.record(6, 65_000);
    bench.record(8, 129_250);
    let expected = [
        0xAF, 205, 0, 6, 0, 0, 0, 0x11, 0, 0, 0, 0x22, // header with padding, SSRCs
        0, 5, 0, 4, 0, 0, 1, 0, // base 5, 4 statuses, reference 1 × 64 ms, first feedback
        0xD4, 0x80, // two-bit vector: small, small, lost, large
        0, 4, 1, 1, // deltas 0, 1 ms, 64.25 ms
        0, 2, // padding
    ];
    assert_eq!(bench.packets(), [expected]);
}

#[test]
fn feedback_goes_on_where_the_last_ended() {
    let mut bench = Bench::new();
    bench.record(65_534, 0);
    bench.record(65_535, 250);
    assert_eq!(bench.reported(), [[(65_534, Some(0)), (65_535, Some(250))]]);
    bench.record(2, 500);
    assert_eq!(bench.reported(), [[(0, None), (1, None), (2, Some(500))]]);
    assert!(bench.packets().is_empty());
    assert_eq!(bench.recorder.feedback_count, 2);
}

#[test]
fn a_late_packet_is_reported_after_all() {
    let mut bench = Bench::new();
    bench.record(10, 0);
    bench.record(12, 500);
    bench.reported();
    bench.record(11, 1_000);
    assert_eq!(bench.reported(), [[(11, Some(1_000)), (12, Some(500))]]);
}

#[test]
fn a_repeated_packet_counts_once() {
    let mut bench = Bench::new();
    bench.record(10, 0);
    bench.record(10, 5_000);
    assert_eq!(bench.reported(), [[(10, Some(0))]]);
    bench.record(10, 9_000);
    assert_eq!(bench.recorder.next_timeout(), None);
}

#[test]
fn a_pause_longer_than_a_delta_splits_the_feedback() {
    let mut bench = Bench::new();
    bench.record(1, 0);
    bench.record(3, 8_191_750);
    bench.record(4, 20_000_000);
    let reported = bench.reported();
    assert_eq!(reported.len(), 2);
    assert_eq!(reported[0], [(1, Some(0)), (2, None), (3, Some(8_191_750))]);
    assert_eq!(reported[1], [(4, Some(20_000_000))]);
}

#[test]
fn large_feedback_is_split_by_size() {
    let mut bench = Bench::new();
    for seq in 0..2_000u16 {
        bench.record(seq, u64::from(seq) * 100_000);
    }
    let packets = bench.packets();
    assert!(packets.len() > 3 && packets.iter().all(|packet| packet.len() <= HEADER_LEN + MAX_BODY + 4));
    assert_eq!(packets.iter().map(|packet| read(packet).len()).sum::<usize>(), 2_000);
}

#[test]
fn long_runs_take_one_chunk() {
    let mut bench = Bench::new();
    for seq in 0..100u16 {
        bench.record(seq, u64::from(seq) * 1_000);
    }
    let packet = &bench.packets()[0];
    assert_eq!(packet[HEADER_LEN..HEADER_LEN + 2], [0x20, 100]);
}

#[test]
fn a_jump_over_the_whole_ring_keeps_only_the_newest() {
    let mut bench = Bench::new();
    bench.record(0, 0);
    bench.record(20_000, 1_000);
    let reported = bench.reported();
    assert_eq!(reported[0].len(), RING);
    assert_eq!(reported[0].last(), Some(&(20_000, Some(1_000))));
    bench.record(100, 2_000);
    assert!(bench.packets().is_empty(), "too old");
}

#[test]
fn a_sender_that_begins_anew_is_followed() {
    let mut bench = Bench::new();
    bench.record(30_000, 0);
    bench.reported();
    bench.record(5, 1_000);
    assert!(bench.packets().is_empty(), "a stray");
    bench.record(6, 2_000);
    bench.record(7, 3_000);
    assert_eq!(bench.reported(), [[(6, Some(2_000)), (7, Some(3_000))]]);
}

#[test]
fn feedback_is_due_sooner_when_much_has_come() {
    let mut bench = Bench::new();
    assert_eq!(bench.recorder.next_timeout(), None);
    bench.record(0, 0);
    assert_eq!(bench.recorder.next_timeout(), Some(bench.at(100_000)));
    for seq in 1..20 {
        bench.record(seq, 1_000);
    }
    assert_eq!(bench.recorder.next_timeout(), Some(bench.at(50_000)));
    for seq in 20..100 {
        bench.record(seq, 2_000);
    }
    assert_eq!(bench.recorder.next_timeout(), Some(bench.start));
    bench.packets();
    assert_eq!(bench.recorder.next_timeout(), None);
}

proptest! {
    #[test]
    fn what_is_recorded_is_what_two_readers_read(
        first: u16, steps in proptest::collection::vec((1u16..30, -3_000i64..300_000), 1..400)
    ) {
        let mut bench = Bench::new();
        let mut seq = first;
        let mut micros = 5_000_000i64;
        let mut expected = Vec::new();
        for (step, wait) in steps {
            // Mostly neighbours, now and then a gap.
            seq = seq.wrapping_add(if step < 24 { 1 } else { step - 20 });
            micros = (micros + wait).max(0);
            bench.record(seq, micros as u64);
            expected.push((seq, micros / 250 * 250));
        }
        let packets = bench.packets();
        let mut got = Vec::new();
        let mut next = None;
        for packet in &packets {
            let read = read(packet);
            prop_assert_eq!(&read, &read_independently(packet));
            prop_assert!(next.is_none_or(|next| next == read[0].0));
            next = read.last().map(|(seq, _)| seq.wrapping_add(1));
            got.extend(read.into_iter().filter_map(|(seq, arrived)| Some((seq, arrived?))));
        }
        if usize::from(seq.wrapping_sub(first)) < RING {
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn any_series_of_numbers_ends(numbers in proptest::collection::vec((any::<u16>(), 0u64..100_000_000), 1..200)) {
        let mut bench = Bench::new();
        for (seq, micros) in numbers {
            bench.record(seq, micros);
        }
        for packet in bench.packets() {
            read(&packet);
        }
    }
}

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::units::UnixTime;

const CLOCK: ClockRate = ClockRate(90_000);

struct Bench {
    stats: ReceiveStats,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { stats: ReceiveStats::new(CLOCK), start: Instant::now() }
    }

    fn packet(&mut self, seq: u16) -> Option<(u64, Order)> {
        self.stats.on_packet(SeqNo(seq), RtpTime(0), 100, self.start).map(|got| (got.ext_seq, got.order))
    }

    fn block(&mut self) -> ReportBlock {
        self.stats.report_block(Ssrc(1), self.start).unwrap()
    }
}

#[test]
fn extended_numbers_count_cycles() {
    let mut bench = Bench::new();
    assert_eq!(bench.packet(65_534), Some((0x1_FFFE, Order::Contiguous)));
    assert_eq!(bench.packet(65_535), Some((0x1_FFFF, Order::Contiguous)));
    assert_eq!(bench.packet(1), Some((0x2_0001, Order::Gap)));
    assert_eq!(bench.packet(0), Some((0x2_0000, Order::Late)));
    assert_eq!(bench.packet(1), Some((0x2_0001, Order::Duplicate)));
    assert_eq!(bench.block().highest_seq, 0x1_0001);
}

#[test]
fn loss_is_what_was_expected_less_what_came() {
    let mut bench = Bench::new();
    for seq in [10, 11, 13, 14, 17] {
        bench.packet(seq);
    }
    let block = bench.block();
    // 3 of 8.
    assert_eq!((block.fraction_lost, block.total_lost), (96, 3));
    for seq in 18..28 {
        bench.packet(seq);
    }
    let block = bench.block();
    assert_eq!((block.fraction_lost, block.total_lost), (0, 3));
    assert_eq!(bench.stats.packets(), 15);
}

#[test]
fn duplicates_make_the_total_negative_and_the_fraction_zero() {
    let mut bench = Bench::new();
    bench.packet(10);
    bench.packet(10);
    bench.packet(10);
    let block = bench.block();
    assert_eq!((block.fraction_lost, block.total_lost), (0, -2));
    let block = bench.block();
    assert_eq!(block.fraction_lost, 0, "nothing expected");
}

#[test]
fn one_wild_packet_is_a_stray_and_two_are_a_restart() {
    let mut bench = Bench::new();
    bench.packet(100);
    assert_eq!(bench.packet(40_000), None);
    assert_eq!(bench.packet(101).unwrap().1, Order::Contiguous);
    assert_eq!(bench.packet(40_000), None);
    let received = bench.stats.on_packet(SeqNo(40_001), RtpTime(0), 1, bench.start).unwrap();
    assert!(received.restarted && received.ext_seq > 0x2_0000);
    assert_eq!(bench.packet(40_002).unwrap().0, received.ext_seq + 1);
    assert_eq!(bench.block().total_lost, 0);
}

#[test]
fn a_recovered_packet_gets_its_number_but_does_not_hide_the_loss() {
    let mut bench = Bench::new();
    bench.packet(10);
    bench.packet(12);
    let recovered = bench.stats.on_recovered(SeqNo(11)).unwrap();
    assert_eq!((recovered.ext_seq, recovered.order), (0x1_000B, Order::Late));
    assert_eq!(bench.stats.on_recovered(SeqNo(13)), None, "newer than anything seen");
    assert_eq!(bench.stats.on_recovered(SeqNo(40_000)), None);
    assert_eq!(bench.block().total_lost, 1);
}

/// The appendix's own C code, for comparison: `d = transit - s->transit; if (d < 0) d = -d;
/// s->jitter += d - ((s->jitter + 8) >> 4)`, reported as `jitter >> 4`.
#[test]
fn jitter_follows_appendix_a8() {
    let mut bench = Bench::new();
    let arrivals_ms: [u64; 8] = [0, 21, 40, 75, 80, 101, 140, 141];
    let (mut jitter, mut last) = (0i64, 0i64);
    for (index, arrival) in arrivals_ms.into_iter().enumerate() {
        let timestamp = index as u32 * 1_800;
        let now = bench.start + Duration::from_millis(arrival);
        bench.stats.on_packet(SeqNo(index as u16), RtpTime(timestamp.wrapping_add(u32::MAX - 500)), 1, now);
        let transit = arrival as i64 * 90 - i64::from(timestamp);
        if index > 0 {
            jitter += (transit - last).abs() - ((jitter + 8) >> 4);
        }
        last = transit;
    }
    assert!(jitter > 0);
    assert_eq!(i64::from(bench.block().jitter), jitter >> 4);
}

#[test]
fn late_packets_do_not_disturb_jitter() {
    let mut bench = Bench::new();
    for index in 0..50u16 {
        let now = bench.start + Duration::from_millis(20 * u64::from(index));
        bench.stats.on_packet(SeqNo(2 * index), RtpTime(1_800 * u32::from(index)), 1, now);
    }
    bench.stats.on_packet(SeqNo(11), RtpTime(5 * 1_800), 1, bench.start + Duration::from_secs(3));
    assert_eq!(bench.block().jitter, 0);
}

#[test]
fn a_report_tells_the_time_since_the_senders() {
    let mut bench = Bench::new();
    bench.packet(1);
    assert_eq!((bench.block().last_sr, bench.block().delay_since_last_sr), (0, 0));
    bench.stats.on_sender_report(NtpTime(0x1122_3344_5566_7788), RtpTime(9), bench.start);
    let block = bench.stats.report_block(Ssrc(5), bench.start + Duration::from_millis(1_500)).unwrap();
    assert_eq!((block.last_sr, block.delay_since_last_sr), (0x3344_5566, 98_304));
}

#[test]
fn no_packet_no_report() {
    let mut bench = Bench::new();
    assert_eq!(bench.stats.report_block(Ssrc(1), bench.start), None);
}

#[test]
fn the_round_trip_comes_from_remembered_reports() {
    let start = Instant::now();
    let mut stats = SenderStats::new();
    stats.on_packet(1_000);
    stats.on_packet(200);
    let ntp = NtpTime::from_unix(UnixTime(1_700_000_000_000));
    let report = stats.sender_report(Ssrc(1), ntp, RtpTime(7), start);
    assert_eq!((report.packets, report.octets), (2, 1_200));
    for second in 1..4 {
        stats.sender_report(
            Ssrc(1),
            ntp.add(Duration::from_secs(second)),
            RtpTime(7),
            start + Duration::from_secs(second),
        );
    }
    let block = ReportBlock { last_sr: ntp.middle(), delay_since_last_sr: 65_536 / 2, ..ReportBlock::default() };
    let rtt = stats.on_report_block(&block, start + Duration::from_millis(560)).unwrap();
    assert_eq!(rtt, Duration::from_millis(60));
    // A receiver that claims a longer delay than there was tells nothing negative.
    let block = ReportBlock { delay_since_last_sr: u32::MAX, ..block };
    assert_eq!(stats.on_report_block(&block, start), Some(Duration::ZERO));
    stats.sender_report(Ssrc(1), ntp.add(Duration::from_secs(4)), RtpTime(7), start);
    assert_eq!(stats.on_report_block(&block, start), None, "forgotten");
    assert_eq!(stats.on_report_block(&ReportBlock::default(), start), None, "no report seen");
}

#[test]
fn a_senders_clock_converts_both_ways() {
    let ntp = NtpTime::from_unix(UnixTime(1_700_000_000_000));
    let clock = SenderClock { ntp, rtp: RtpTime(100), at: Instant::now() };
    let later = ntp.add(Duration::from_millis(500));
    assert_eq!(clock.rtp_at(later, CLOCK), RtpTime(45_100));
    assert_eq!(clock.ntp_at(RtpTime(45_100), CLOCK).0 >> 16, later.0 >> 16);
    let earlier = NtpTime(ntp.0 - (1 << 32));
    assert_eq!(clock.rtp_at(earlier, CLOCK), RtpTime(100u32.wrapping_sub(90_000)));
    assert_eq!(clock.ntp_at(RtpTime(100u32.wrapping_sub(90_000)), CLOCK), earlier);
}

proptest! {
    #[test]
    fn any_senders_clock_can_be_asked(ntp: u64, rtp: u32, other: u64, ticks: u32, rate: u32) {
        let clock = SenderClock { ntp: NtpTime(ntp), rtp: RtpTime(rtp), at: Instant::now() };
        clock.rtp_at(NtpTime(other), ClockRate(rate));
        clock.ntp_at(RtpTime(ticks), ClockRate(rate));
    }

    #[test]
    fn any_series_of_packets_gives_sane_reports(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0u64..10_000), 1..200), small: bool
    ) {
        let mut bench = Bench::new();
        for (seq, timestamp, millis) in packets {
            let seq = if small { seq % 64 } else { seq };
            let now = bench.start + Duration::from_millis(millis);
            bench.stats.on_packet(SeqNo(seq), RtpTime(timestamp), 10, now);
            let block = bench.stats.report_block(Ssrc(0), now).unwrap();
            prop_assert!(block.total_lost >= -0x80_0000 && block.total_lost < 0x80_0000);
        }
    }

    #[test]
    fn extended_numbers_stay_within_reach_of_the_newest(
        steps in proptest::collection::vec(-900i32..2_900, 1..300), first: u16
    ) {
        let mut bench = Bench::new();
        bench.packet(first);
        let mut newest = FIRST_CYCLE + u64::from(first);
        for step in steps {
            let true_seq = newest.saturating_add_signed(i64::from(step));
            let (ext_seq, _) = bench.packet(true_seq as u16).unwrap();
            prop_assert_eq!(ext_seq, true_seq);
            newest = newest.max(true_seq);
        }
    }
}

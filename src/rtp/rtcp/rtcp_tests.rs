#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::units::SeqNo;

fn one(bytes: &[u8]) -> Result<Rtcp<'_>, RtcpError> {
    let mut packets = parse(bytes);
    let first = packets.next().unwrap();
    assert!(packets.next().is_none());
    first
}

fn seqs(bytes: &[u8]) -> Vec<u16> {
    match one(bytes) {
        Ok(Rtcp::Nack { seqs, .. }) => seqs.iter().map(|seq| seq.0).collect(),
        other => panic!("{other:?}"),
    }
}

const BLOCK: ReportBlock = ReportBlock {
    ssrc: Ssrc(0x0102_0304),
    fraction_lost: 7,
    total_lost: -5,
    highest_seq: 0x0001_0002,
    jitter: 9,
    last_sr: 0x1122_3344,
    delay_since_last_sr: 65_536,
};

/// A receiver report with one block, a source description, and a goodbye, as RFC 3550 draws them.
#[rustfmt::skip]
const COMPOUND: [u8; 56] = [
    0x81, 201, 0, 7, 0, 0, 0, 1,
    1, 2, 3, 4, 7, 0xFF, 0xFF, 0xFB, 0, 1, 0, 2, 0, 0, 0, 9, 0x11, 0x22, 0x33, 0x44, 0, 1, 0, 0,
    0x81, 202, 0, 3, 0, 0, 0, 1, 1, 4, b'n', b'a', b'm', b'e', 0, 0,
    0x81, 203, 0, 1, 0, 0, 0, 1,
];

#[test]
fn a_compound_is_read_packet_by_packet() {
    let packets: Vec<_> = parse(&COMPOUND).map(Result::unwrap).collect();
    let [Rtcp::ReceiverReport { ssrc: Ssrc(1), blocks }, Rtcp::Sdes, Rtcp::Bye(gone)] = packets[..] else {
        panic!("{packets:?}");
    };
    assert_eq!(blocks.iter().collect::<Vec<_>>(), [BLOCK]);
    assert_eq!(gone.iter().collect::<Vec<_>>(), [Ssrc(1)]);
}

#[test]
fn a_compound_is_built_as_the_rfc_draws_it() {
    let mut out = Vec::new();
    build::receiver_report(&mut out, Ssrc(1), &[BLOCK]);
    build::source_description(&mut out, Ssrc(1), "name");
    build::bye(&mut out, &[Ssrc(1)]);
    assert_eq!(out, COMPOUND);
}

#[test]
fn a_malformed_packet_does_not_hide_the_ones_behind_it() {
    let mut bytes = vec![0x82, 201, 0, 1, 0, 0, 0, 1];
    bytes.extend([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
    let packets: Vec<_> = parse(&bytes).collect();
    assert_eq!(packets, [Err(RtcpError::TooShort(201)), Ok(Rtcp::Pli { sender: Ssrc(1), media: Ssrc(2) })]);
}

#[test]
fn lengths_past_the_end_and_other_versions_end_the_compound() {
    assert_eq!(one(&[0x80, 201, 0, 2, 0, 0, 0, 1]), Err(RtcpError::CutOff));
    assert_eq!(one(&[0x80, 201, 0xFF, 0xFF]), Err(RtcpError::CutOff));
    assert_eq!(one(&[0x80, 201]), Err(RtcpError::CutOff));
    assert_eq!(one(&[0x40, 201, 0, 0, 0x80, 201, 0, 0]), Err(RtcpError::Version(1)));
    assert!(parse(&[]).next().is_none());
}

#[test]
fn padding_is_left_out_and_must_fit() {
    assert_eq!(seqs(&[0xA1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 0, 0, 0, 0, 4]), [5]);
    assert_eq!(one(&[0xA1, 206, 0, 1, 0, 0, 0, 0]), Err(RtcpError::Padding(0)));
    assert_eq!(one(&[0xA1, 206, 0, 1, 0, 0, 0, 5]), Err(RtcpError::Padding(5)));
    assert_eq!(one(&[0xA0, 206, 0, 0]), Err(RtcpError::Padding(0)));
}

#[test]
fn nacks_name_packets_and_their_followers() {
    let bytes = [0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0x80, 0x05, 0, 50, 0, 0];
    assert_eq!(seqs(&bytes), [0xFFFE, 0xFFFF, 1, 14, 50]);
}

#[test]
fn nacks_are_built_with_as_few_pairs_as_possible() {
    let mut out = Vec::new();
    let wanted: Vec<SeqNo> = [65_530, 65_531, 65_531, 10, 11, 27, 28].map(SeqNo).to_vec();
    build::nack(&mut out, Ssrc(1), Ssrc(2), &wanted);
    // 65530 covers up to 10, 11 up to 27.
    assert_eq!(out, [0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFA, 0x80, 1, 0, 11, 0x80, 0, 0, 28, 0, 0]);
    assert_eq!(seqs(&out), [65_530, 65_531, 10, 11, 27, 28]);
    out.clear();
    build::nack(&mut out, Ssrc(1), Ssrc(2), &[]);
    assert!(out.is_empty());
}

#[test]
fn the_work_of_one_nack_is_bounded() {
    let mut bytes = vec![0x81, 205, 0x3F, 0xFF];
    bytes.resize(4 * 0x4000, 0xFF);
    assert_eq!(seqs(&bytes).len(), 128 * 17);
}

#[test]
fn key_frame_requests_are_built_and_read() {
    let mut out = Vec::new();
    build::pli(&mut out, Ssrc(1), Ssrc(2));
    assert_eq!(out, [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
    out.clear();
    build::fir(&mut out, Ssrc(1), Ssrc(2), 9);
    assert_eq!(out, [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 9, 0, 0, 0]);
    let Ok(Rtcp::Fir { sender: Ssrc(1), entries }) = one(&out) else { panic!() };
    assert_eq!(entries.iter().collect::<Vec<_>>(), [(Ssrc(2), 9)]);
}

#[test]
fn remb_is_built_and_read() {
    let mut out = Vec::new();
    build::remb(&mut out, Ssrc(1), Bitrate(2_500_000), &[Ssrc(3), Ssrc(4)]);
    assert_eq!(out[..16], [0x8F, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B']);
    // 2 500 000 = 156 250 << 4.
    assert_eq!(out[16..], [2, 4 << 2 | 2, 0x62, 0x5A, 0, 0, 0, 3, 0, 0, 0, 4]);
    let Ok(Rtcp::Remb { sender: Ssrc(1), bitrate, ssrcs }) = one(&out) else { panic!() };
    assert_eq!(bitrate, Bitrate(2_500_000));
    assert_eq!(ssrcs.iter().collect::<Vec<_>>(), [Ssrc(3), Ssrc(4)]);
}

#[test]
fn a_remb_that_counts_streams_past_its_end_is_refused() {
    let mut bytes = [0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0xFC, 0, 1, 0, 0, 0, 2];
    let Ok(Rtcp::Remb { bitrate, .. }) = one(&bytes) else { panic!() };
    assert_eq!(bitrate, Bitrate(1 << 63));
    bytes[19] = 2;
    let Ok(Rtcp::Remb { bitrate, .. }) = one(&bytes) else { panic!() };
    assert_eq!(bitrate, Bitrate(u64::MAX), "more than 64 bits");
    bytes[16] = 2;
    assert_eq!(one(&bytes), Err(RtcpError::TooShort(206)));
}

#[test]
fn a_sender_report_is_built_and_read() {
    let report = SenderReport {
        ssrc: Ssrc(0xDEAD_BEEF),
        ntp: NtpTime(0x0102_0304_0506_0708),
        rtp: RtpTime(0x1122_3344),
        packets: 5,
        octets: 6,
    };
    let mut out = Vec::new();
    build::sender_report(&mut out, &report, &[BLOCK]);
    assert_eq!(out.len(), 52);
    let Ok(Rtcp::SenderReport { report: read, blocks }) = one(&out) else { panic!() };
    assert_eq!((read, blocks.iter().next()), (report, Some(BLOCK)));
}

#[test]
fn many_report_blocks_take_several_reports() {
    let mut out = Vec::new();
    build::receiver_report(&mut out, Ssrc(1), &[BLOCK; 70]);
    let count = |packet: Result<Rtcp<'_>, RtcpError>| match packet {
        Ok(Rtcp::ReceiverReport { blocks, .. }) => blocks.iter().count(),
        other => panic!("{other:?}"),
    };
    assert_eq!(parse(&out).map(count).collect::<Vec<_>>(), [31, 31, 8]);
    out.clear();
    build::receiver_report(&mut out, Ssrc(1), &[]);
    assert_eq!(out, [0x80, 201, 0, 1, 0, 0, 0, 1]);
}

/// Why the other reader is not used on what peers send; should these fail one day, it may be.
#[test]
fn the_crates_reader_takes_padding_for_nacks_and_loses_compounds() {
    use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
    let padded = [0xA1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 0, 0, 0, 0, 4];
    let packets = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(&padded)).unwrap();
    assert_eq!(packets[0].as_any().downcast_ref::<TransportLayerNack>().unwrap().nacks.len(), 2);
    let half = [0x82, 201, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    assert!(rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(&half)).is_err());
}

/// Bytes that look like RTCP: right version, known types, small lengths.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let format = prop_oneof![Just(1u8), Just(4), Just(15), 0u8..32];
    let packet = (format, 199u8..209, any::<bool>(), 0usize..12, proptest::collection::vec(any::<u8>(), 48));
    proptest::collection::vec(packet, 1..4).prop_map(|packets| {
        let mut bytes = Vec::new();
        for (format, packet_type, padding, words, body) in packets {
            bytes.extend([0x80 | u8::from(padding) << 5 | format, packet_type, 0, words as u8]);
            bytes.extend(&body[..4 * words]);
        }
        bytes
    })
}

fn exhaust(bytes: &[u8]) -> usize {
    let items = |packet: Rtcp<'_>| match packet {
        Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => blocks.iter().count(),
        Rtcp::Nack { seqs, .. } => seqs.iter().count(),
        Rtcp::Fir { entries, .. } => entries.iter().count(),
        Rtcp::Twcc(feedback) => feedback.statuses().count(),
        Rtcp::Remb { ssrcs, .. } | Rtcp::Bye(ssrcs) => ssrcs.iter().count(),
        Rtcp::Pli { .. } | Rtcp::Sdes | Rtcp::Other { .. } => 1,
    };
    parse(bytes).flatten().map(items).sum()
}

/// Every kind of packet that we send, read by the crate that other stacks use.
#[test]
fn an_independent_reader_understands_all_that_is_built() {
    let report = SenderReport { ssrc: Ssrc(1), ..SenderReport::default() };
    for len in 0..9 {
        let mut out = Vec::new();
        build::sender_report(&mut out, &report, &[BLOCK; 3]);
        build::receiver_report(&mut out, Ssrc(1), &[BLOCK]);
        build::source_description(&mut out, Ssrc(1), &"c".repeat(len));
        build::nack(&mut out, Ssrc(1), Ssrc(2), &[SeqNo(1), SeqNo(9), SeqNo(90)]);
        build::pli(&mut out, Ssrc(1), Ssrc(2));
        build::fir(&mut out, Ssrc(1), Ssrc(2), 1);
        build::remb(&mut out, Ssrc(1), Bitrate(1_000_000), &[Ssrc(2)]);
        build::bye(&mut out, &[Ssrc(1), Ssrc(2)]);
        let packets = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(&out)).unwrap();
        assert_eq!(packets.len(), 8);
        assert!(packets.iter().all(|packet| !packet.header().padding || packet.raw_size() % 4 != 0));
        assert_eq!(parse(&out).filter(Result::is_ok).count(), 8);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        exhaust(&bytes);
    }

    #[test]
    fn plausible_and_damaged_compounds_never_panic(bytes in plausible(), cut: prop::sample::Index, flip: prop::sample::Index, by: u8) {
        exhaust(&bytes);
        exhaust(&bytes[..cut.index(bytes.len())]);
        let mut bytes = bytes;
        let at = flip.index(bytes.len());
        bytes[at] ^= by;
        exhaust(&bytes);
    }

    /// Where the other reader understands a compound without padding, so do we, and there are as many packets.
    #[test]
    fn reads_what_the_crate_reads(bytes in plausible()) {
        let padded = parse(&bytes).any(|packet| matches!(packet, Err(RtcpError::Padding(_)))) || bytes[0] & 0x20 != 0;
        if let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(&bytes)) {
            prop_assert_eq!(parse(&bytes).count(), packets.len());
            if !padded {
                for (ours, theirs) in parse(&bytes).zip(packets) {
                    if let Ok(Rtcp::ReceiverReport { blocks, .. }) = ours {
                        let report = theirs.as_any().downcast_ref::<rtc_rtcp::receiver_report::ReceiverReport>().unwrap();
                        prop_assert_eq!(blocks.iter().count(), report.reports.len());
                    }
                }
            }
        }
    }

    #[test]
    fn any_block_survives_building_and_reading(
        ssrc: u32, fraction_lost: u8, total_lost in -0x80_0000i32..0x80_0000, highest_seq: u32, jitter: u32, last_sr: u32,
        delay_since_last_sr: u32,
    ) {
        let block =
            ReportBlock { ssrc: Ssrc(ssrc), fraction_lost, total_lost, highest_seq, jitter, last_sr, delay_since_last_sr };
        let mut out = Vec::new();
        build::receiver_report(&mut out, Ssrc(1), &[block]);
        let Ok(Rtcp::ReceiverReport { blocks, .. }) = one(&out) else { panic!() };
        prop_assert_eq!(blocks.iter().collect::<Vec<_>>(), [block]);
    }

    #[test]
    fn any_rising_nack_survives_building_and_reading(first: u16, steps in proptest::collection::vec(1u16..100, 0..90)) {
        let mut seq = first;
        let mut wanted = vec![SeqNo(first)];
        for step in steps {
            seq = seq.wrapping_add(step);
            wanted.push(SeqNo(seq));
        }
        let mut out = Vec::new();
        build::nack(&mut out, Ssrc(1), Ssrc(2), &wanted);
        let mut read = Vec::new();
        for packet in parse(&out) {
            let Ok(Rtcp::Nack { seqs, .. }) = packet else { panic!() };
            read.extend(seqs.iter());
        }
        prop_assert_eq!(read, wanted);
    }
}

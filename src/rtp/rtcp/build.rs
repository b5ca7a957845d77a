//! The RTCP packets that we send, appended to a buffer one by one; together they make a compound.
//!
//! Transport-wide feedback is built by [`TwccRecorder`](crate::rtp::twcc::TwccRecorder).

use bytes::Bytes;
use rtc_rtcp::Packet;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport as RtcSenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};

use crate::rtp::stats::{ReportBlock, SenderReport};
use crate::units::{Bitrate, SeqNo, Ssrc};

/// Report blocks in one report (five bits).
const MAX_BLOCKS: usize = 31;
/// NACK pairs in one packet: 256 bytes.
const MAX_NACK_PAIRS: usize = 64;
/// Bytes of a CNAME (one byte of length).
const MAX_CNAME: usize = 255;

/// Appends receiver reports with all `blocks`: an empty one when there are none, several when they are many.
pub fn receiver_report(out: &mut Vec<u8>, sender: Ssrc, blocks: &[ReportBlock]) {
    let (first, more) = blocks.split_at(blocks.len().min(MAX_BLOCKS));
    for blocks in std::iter::once(first).chain(more.chunks(MAX_BLOCKS)) {
        append(out, ReceiverReport { ssrc: sender.0, reports: reception_reports(blocks), ..ReceiverReport::default() });
    }
}

/// Appends a sender report. Blocks beyond 31 do not fit and belong in a receiver report.
pub fn sender_report(out: &mut Vec<u8>, report: &SenderReport, blocks: &[ReportBlock]) {
    append(
        out,
        RtcSenderReport {
            ssrc: report.ssrc.0,
            ntp_time: report.ntp.0,
            rtp_time: report.rtp.0,
            packet_count: report.packets,
            octet_count: report.octets,
            reports: reception_reports(&blocks[..blocks.len().min(MAX_BLOCKS)]),
            ..RtcSenderReport::default()
        },
    );
}

/// Appends a source description with the stream's CNAME, cut at 255 bytes.
pub fn source_description(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str) {
    let text = Bytes::copy_from_slice(&cname.as_bytes()[..cname.len().min(MAX_CNAME)]);
    let items = vec![SourceDescriptionItem { sdes_type: SdesType::SdesCname, text }];
    append(out, SourceDescription { chunks: vec![SourceDescriptionChunk { source: ssrc.0, items }] });
}

/// Appends generic NACKs for `seqs`, which are in rising order (across the wrap); nothing when there are none.
pub fn nack(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, seqs: &[SeqNo]) {
    let mut pairs: Vec<NackPair> = Vec::with_capacity(seqs.len().min(MAX_NACK_PAIRS));
    for seq in seqs {
        match pairs.last_mut().map(|pair| (seq.distance_from(SeqNo(pair.packet_id)), pair)) {
            Some((0, _)) => {}
            Some((step @ 1..=16, pair)) => pair.lost_packets |= 1 << (step - 1),
            _ => pairs.push(NackPair::new(seq.0)),
        }
    }
    for pairs in pairs.chunks(MAX_NACK_PAIRS) {
        append(out, TransportLayerNack { sender_ssrc: sender.0, media_ssrc: media.0, nacks: pairs.to_vec() });
    }
}

/// Appends a picture loss indication.
pub fn pli(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    append(out, PictureLossIndication { sender_ssrc: sender.0, media_ssrc: media.0 });
}

/// Appends a full intra request; `number` rises with each new request to the stream.
pub fn fir(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, number: u8) {
    // The packet's own media field is unused (RFC 5104 §4.3.1.2).
    let fir = vec![FirEntry { ssrc: media.0, sequence_number: number }];
    append(out, FullIntraRequest { sender_ssrc: sender.0, media_ssrc: 0, fir });
}

/// Appends a receiver estimated maximum bitrate for these streams (at most 255).
pub fn remb(out: &mut Vec<u8>, sender: Ssrc, bitrate: Bitrate, ssrcs: &[Ssrc]) {
    let ssrcs = ssrcs.iter().take(255).map(|ssrc| ssrc.0).collect();
    append(out, ReceiverEstimatedMaximumBitrate { sender_ssrc: sender.0, bitrate: bitrate.0 as f32, ssrcs });
}

/// Appends a goodbye of these streams (at most 31).
pub fn bye(out: &mut Vec<u8>, ssrcs: &[Ssrc]) {
    let sources = ssrcs.iter().take(MAX_BLOCKS).map(|ssrc| ssrc.0).collect();
    append(out, Goodbye { sources, ..Goodbye::default() });
}

fn reception_reports(blocks: &[ReportBlock]) -> Vec<ReceptionReport> {
    blocks
        .iter()
        .map(|block| ReceptionReport {
            ssrc: block.ssrc.0,
            fraction_lost: block.fraction_lost,
            // The field has 24 bits, signed; the crate takes them as they go on the wire.
            total_lost: block.total_lost as u32 & 0x00FF_FFFF,
            last_sequence_number: block.highest_seq,
            jitter: block.jitter,
            last_sender_report: block.last_sr,
            delay: block.delay_since_last_sr,
        })
        .collect()
}

fn append(out: &mut Vec<u8>, packet: impl Packet + 'static) {
    let packet: Box<dyn Packet> = Box::new(packet);
    // It fails only on counts and lengths past their fields, which every caller above has cut.
    match rtc_rtcp::packet::marshal(&[packet]) {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(error) => debug_assert!(false, "RTCP packet of ours refused: {error}"),
    }
}

//! The RTCP packets that we send, appended to a buffer one by one; together they make a compound.
//!
//! None is padded, so they may stand in any order; transport-wide feedback, built by
//! [`TwccRecorder`](crate::rtp::twcc::TwccRecorder), may be and goes last.

use super::{GOODBYE, PAYLOAD_FEEDBACK, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION, TRANSPORT_FEEDBACK};
use crate::rtp::stats::{ReportBlock, SenderReport};
use crate::units::{Bitrate, SeqNo, Ssrc};

/// Report blocks in one report, streams in one goodbye (five bits).
const MAX_COUNT: usize = 31;
/// NACK pairs in one packet: 256 bytes.
const MAX_NACK_PAIRS: usize = 64;
/// Bytes of a CNAME, and streams in a REMB (one byte of length).
const MAX_BYTE: usize = 255;
/// SDES item type (RFC 3550 §6.5.1).
const CNAME: u8 = 1;

/// Appends receiver reports with all `blocks`: an empty one when there are none, several when they are many.
pub fn receiver_report(out: &mut Vec<u8>, sender: Ssrc, blocks: &[ReportBlock]) {
    let (first, more) = blocks.split_at(blocks.len().min(MAX_COUNT));
    for blocks in std::iter::once(first).chain(more.chunks(MAX_COUNT)) {
        packet(out, blocks.len(), RECEIVER_REPORT, |out| {
            put(out, sender.0);
            blocks.iter().for_each(|block| report_block(out, block));
        });
    }
}

/// Appends a sender report. Blocks beyond 31 do not fit and belong in a receiver report.
pub fn sender_report(out: &mut Vec<u8>, report: &SenderReport, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(MAX_COUNT)];
    packet(out, blocks.len(), SENDER_REPORT, |out| {
        put(out, report.ssrc.0);
        out.extend(report.ntp.0.to_be_bytes());
        [report.rtp.0, report.packets, report.octets].into_iter().for_each(|word| put(out, word));
        blocks.iter().for_each(|block| report_block(out, block));
    });
}

/// Appends a source description with the stream's CNAME, cut at 255 bytes.
pub fn source_description(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str) {
    let cname = &cname.as_bytes()[..cname.len().min(MAX_BYTE)];
    packet(out, 1, SOURCE_DESCRIPTION, |out| {
        put(out, ssrc.0);
        out.extend([CNAME, cname.len() as u8]);
        out.extend(cname);
        // One to four zeros end the list of items at a whole word.
        out.resize(out.len() + 4 - (2 + cname.len()) % 4, 0);
    });
}

/// Appends generic NACKs for `seqs`, which are in rising order (across the wrap); nothing when there are none.
pub fn nack(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, seqs: &[SeqNo]) {
    let mut left = seqs;
    while !left.is_empty() {
        packet(out, 1, TRANSPORT_FEEDBACK, |out| {
            put(out, sender.0);
            put(out, media.0);
            for _ in 0..MAX_NACK_PAIRS {
                let Some((first, rest)) = left.split_first() else { break };
                let covered = rest.iter().take_while(|seq| (0..=16).contains(&seq.distance_from(*first))).count();
                let (followers, rest) = rest.split_at(covered);
                // Bit 0 stands for the packet itself, and falls out.
                let bits = followers.iter().fold(0u32, |bits, seq| bits | 1 << seq.distance_from(*first));
                put(out, u32::from(first.0) << 16 | bits >> 1);
                left = rest;
            }
        });
    }
}

/// Appends a picture loss indication.
pub fn pli(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    packet(out, 1, PAYLOAD_FEEDBACK, |out| {
        put(out, sender.0);
        put(out, media.0);
    });
}

/// Appends a full intra request; `number` rises with each new request to the stream.
pub fn fir(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, number: u8) {
    packet(out, 4, PAYLOAD_FEEDBACK, |out| {
        // The packet's own media field is unused (RFC 5104 §4.3.1.2).
        [sender.0, 0, media.0, u32::from(number) << 24].into_iter().for_each(|word| put(out, word));
    });
}

/// Appends a receiver estimated maximum bitrate, rounded down to 18 bits, for these streams (at most 255).
pub fn remb(out: &mut Vec<u8>, sender: Ssrc, bitrate: Bitrate, ssrcs: &[Ssrc]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(MAX_BYTE)];
    let exponent = (64 - bitrate.0.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate.0 >> exponent) as u32;
    packet(out, 15, PAYLOAD_FEEDBACK, |out| {
        put(out, sender.0);
        put(out, 0);
        out.extend(b"REMB");
        put(out, (ssrcs.len() as u32) << 24 | exponent << 18 | mantissa);
        ssrcs.iter().for_each(|ssrc| put(out, ssrc.0));
    });
}

/// Appends a goodbye of these streams (at most 31).
pub fn bye(out: &mut Vec<u8>, ssrcs: &[Ssrc]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(MAX_COUNT)];
    packet(out, ssrcs.len(), GOODBYE, |out| ssrcs.iter().for_each(|ssrc| put(out, ssrc.0)));
}

/// Appends one packet; `body` writes whole words, fewer than 65536.
fn packet(out: &mut Vec<u8>, count: usize, packet_type: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend([0x80 | count as u8, packet_type, 0, 0]);
    body(out);
    let words = (out.len() - begin) / 4 - 1;
    out[begin + 2..begin + 4].copy_from_slice(&(words as u16).to_be_bytes());
}

fn report_block(out: &mut Vec<u8>, block: &ReportBlock) {
    put(out, block.ssrc.0);
    // The total has 24 bits, signed.
    put(out, u32::from(block.fraction_lost) << 24 | block.total_lost as u32 & 0x00FF_FFFF);
    [block.highest_seq, block.jitter, block.last_sr, block.delay_since_last_sr]
        .into_iter()
        .for_each(|word| put(out, word));
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend(word.to_be_bytes());
}

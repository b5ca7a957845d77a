//! RTCP (RFC 3550 §6, RFC 4585, RFC 5104, REMB, transport-wide feedback).
//!
//! What peers send is read borrowed and without allocation, packet by packet, so that one malformed packet does not
//! take the rest of its compound with it; [`build`] appends what we send to a buffer. The crate `rtc-rtcp` does neither
//! and serves as an independent reader in the tests: its own reader allocates up to 1.5 MB for 124 bytes of
//! transport-wide feedback, takes padding for NACKs and gives up a compound for one packet in it, its writer fills up
//! source descriptions with a count where RFC 3550 §6.5 wants zeros.

pub mod build;
mod feedback;

pub use feedback::{FirEntries, NackSeqs, SsrcList};

use thiserror::Error;

use super::stats::{ReportBlock, SenderReport};
use super::twcc::{TwccError, TwccFeedback};
use crate::units::{Bitrate, NtpTime, RtpTime, Ssrc};

/// Bytes of one report block.
const REPORT_BLOCK_LEN: usize = 24;

/// Packet types (RFC 3550 §12.1, RFC 4585 §6.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

/// Why bytes are not RTCP, or not what they say they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtcpError {
    /// A header, or the length in it, reaches past the end: nothing behind it can be read.
    #[error("compound is cut off")]
    CutOff,
    /// The version is not 2: nothing behind it can be read.
    #[error("RTCP version {0}")]
    Version(u8),
    /// The padding count is zero or longer than the packet.
    #[error("padding of {0} bytes does not fit")]
    Padding(u8),
    /// The body is shorter than the packet's type and counts ask for.
    #[error("packet of type {0} is shorter than it says")]
    TooShort(u8),
    /// Transport-wide feedback that cannot be read.
    #[error(transparent)]
    Twcc(#[from] TwccError),
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtcp<'a> {
    /// Sender report.
    SenderReport {
        /// What it says of its sender's stream.
        report: SenderReport,
        /// What it says of streams that its sender receives.
        blocks: ReportBlocks<'a>,
    },
    /// Receiver report.
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// On what.
        blocks: ReportBlocks<'a>,
    },
    /// Generic NACK (RFC 4585 §6.2.1).
    Nack {
        /// Who asks.
        sender: Ssrc,
        /// Of which stream.
        media: Ssrc,
        /// For what.
        seqs: NackSeqs<'a>,
    },
    /// Picture loss indication (RFC 4585 §6.3.1).
    Pli {
        /// Who asks.
        sender: Ssrc,
        /// Of which stream.
        media: Ssrc,
    },
    /// Full intra request (RFC 5104 §4.3.1).
    Fir {
        /// Who asks.
        sender: Ssrc,
        /// Of which streams, each with the running number of the request.
        entries: FirEntries<'a>,
    },
    /// Transport-wide feedback.
    Twcc(TwccFeedback<'a>),
    /// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb).
    Remb {
        /// Who estimates.
        sender: Ssrc,
        /// The estimate for all the streams together.
        bitrate: Bitrate,
        /// The streams.
        ssrcs: SsrcList<'a>,
    },
    /// The streams end (RFC 3550 §6.6).
    Bye(SsrcList<'a>),
    /// Source description; its items are of no use here.
    Sdes,
    /// Anything else.
    Other {
        /// RTCP packet type.
        packet_type: u8,
        /// Feedback message type, or count.
        format: u8,
    },
}

/// Reads a plaintext compound, packet by packet. A malformed packet is an error in its place; the packets behind it
/// are read all the same, unless the compound itself is broken there.
pub fn parse(compound: &[u8]) -> Compound<'_> {
    Compound { rest: compound }
}

/// Iterator over the packets of a compound.
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Rtcp<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = match split_packet(self.rest) {
            Ok((packet, rest)) => {
                self.rest = rest;
                packet
            }
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        Some(parse_packet(packet))
    }
}

fn split_packet(rest: &[u8]) -> Result<(&[u8], &[u8]), RtcpError> {
    let &[first, _, l0, l1, ..] = rest else {
        return Err(RtcpError::CutOff);
    };
    if first >> 6 != 2 {
        return Err(RtcpError::Version(first >> 6));
    }
    let len = 4 * (usize::from(u16::from_be_bytes([l0, l1])) + 1);
    rest.split_at_checked(len).ok_or(RtcpError::CutOff)
}

/// `packet` is one packet as long as its header says, at least four bytes.
fn parse_packet(packet: &[u8]) -> Result<Rtcp<'_>, RtcpError> {
    let (format, packet_type) = (packet[0] & 0x1F, packet[1]);
    let mut body = &packet[4..];
    if packet[0] & 0x20 != 0 {
        let padding = packet[packet.len() - 1];
        let kept = body.len().checked_sub(padding.into()).filter(|_| padding > 0);
        body = &body[..kept.ok_or(RtcpError::Padding(padding))?];
    }
    let short = RtcpError::TooShort(packet_type);
    let mut fields = Fields(body);
    let packet = match (packet_type, format) {
        (SENDER_REPORT, count) => {
            let report = fields.sender_report().ok_or(short)?;
            Rtcp::SenderReport { report, blocks: fields.blocks(count).ok_or(short)? }
        }
        (RECEIVER_REPORT, count) => {
            let ssrc = fields.ssrc().ok_or(short)?;
            Rtcp::ReceiverReport { ssrc, blocks: fields.blocks(count).ok_or(short)? }
        }
        (SOURCE_DESCRIPTION, _) => Rtcp::Sdes,
        (GOODBYE, count) => Rtcp::Bye(SsrcList::new(fields.take(4 * usize::from(count)).ok_or(short)?)),
        (TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK, _) => {
            let sender = fields.ssrc().ok_or(short)?;
            let media = fields.ssrc().ok_or(short)?;
            let Fields(fci) = fields;
            match (packet_type, format) {
                (TRANSPORT_FEEDBACK, 1) => Rtcp::Nack { sender, media, seqs: NackSeqs::new(fci) },
                (TRANSPORT_FEEDBACK, 15) => Rtcp::Twcc(TwccFeedback::parse(sender, media, fci)?),
                (PAYLOAD_FEEDBACK, 1) => Rtcp::Pli { sender, media },
                (PAYLOAD_FEEDBACK, 4) => Rtcp::Fir { sender, entries: FirEntries::new(fci) },
                (PAYLOAD_FEEDBACK, 15) if fci.starts_with(b"REMB") => {
                    let (bitrate, ssrcs) = feedback::parse_remb(&fci[4..]).ok_or(short)?;
                    Rtcp::Remb { sender, bitrate, ssrcs }
                }
                _ => Rtcp::Other { packet_type, format },
            }
        }
        _ => Rtcp::Other { packet_type, format },
    };
    Ok(packet)
}

/// Takes fields off the front of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    fn ssrc(&mut self) -> Option<Ssrc> {
        self.u32().map(Ssrc)
    }

    fn sender_report(&mut self) -> Option<SenderReport> {
        Some(SenderReport {
            ssrc: self.ssrc()?,
            ntp: NtpTime(u64::from(self.u32()?) << 32 | u64::from(self.u32()?)),
            rtp: RtpTime(self.u32()?),
            packets: self.u32()?,
            octets: self.u32()?,
        })
    }

    fn report_block(&mut self) -> Option<ReportBlock> {
        let ssrc = self.ssrc()?;
        let lost = self.u32()?;
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost >> 24) as u8,
            // The low 24 bits are signed.
            total_lost: (lost << 8) as i32 >> 8,
            highest_seq: self.u32()?,
            jitter: self.u32()?,
            last_sr: self.u32()?,
            delay_since_last_sr: self.u32()?,
        })
    }

    fn blocks(&mut self, count: u8) -> Option<ReportBlocks<'a>> {
        self.take(REPORT_BLOCK_LEN * usize::from(count)).map(|bytes| ReportBlocks { bytes })
    }
}

/// The report blocks of one report, at most 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    /// The blocks.
    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.bytes.chunks_exact(REPORT_BLOCK_LEN).filter_map(|bytes| Fields(bytes).report_block())
    }
}

#[cfg(test)]
#[path = "rtcp_tests.rs"]
mod tests;

//! The feedback packet as it is read: validated once, then iterated without allocation.

use thiserror::Error;

use super::MAX_RUN;
use crate::units::{SeqNo, Ssrc};

/// Feedback about more packets than this is refused. Real receivers report every 50 to 250 ms.
pub const MAX_STATUSES: u16 = 8192;
/// Bytes before the chunks: base sequence number, status count, reference time, feedback count.
const FIXED_LEN: usize = 8;

/// Why feedback cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TwccError {
    /// It ends before its fields, chunks or deltas do.
    #[error("feedback is cut off")]
    TooShort,
    /// It speaks of more than [`MAX_STATUSES`] packets.
    #[error("feedback about {0} packets")]
    TooMany(u16),
    /// A packet has the reserved status.
    #[error("reserved packet status")]
    ReservedStatus,
}

/// One feedback packet, its chunks and deltas checked to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwccFeedback<'a> {
    /// Who reports.
    pub sender: Ssrc,
    /// Some stream of the transport reported on.
    pub media: Ssrc,
    /// Transport-wide number of the first packet reported on.
    pub base: SeqNo,
    /// Packets reported on.
    pub count: u16,
    /// Reference time in units of 64 ms, 24 bits, wrapping.
    pub reference: u32,
    /// Running number of the feedback packet.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TwccFeedback<'a> {
    /// Reads the feedback control information: what follows the two SSRCs of the RTCP packet, padding excluded.
    pub fn parse(sender: Ssrc, media: Ssrc, fci: &'a [u8]) -> Result<Self, TwccError> {
        let (&[b0, b1, c0, c1, r0, r1, r2, feedback_count], rest) =
            fci.split_first_chunk::<FIXED_LEN>().ok_or(TwccError::TooShort)?;
        let count = u16::from_be_bytes([c0, c1]);
        if count > MAX_STATUSES {
            return Err(TwccError::TooMany(count));
        }
        let mut symbols = Symbols { chunks: rest, chunk: Chunk::default(), left: count };
        let mut delta_bytes = 0;
        for _ in 0..count {
            match symbols.next().ok_or(TwccError::TooShort)? {
                3 => return Err(TwccError::ReservedStatus),
                symbol => delta_bytes += usize::from(symbol),
            }
        }
        let (chunks, deltas) = rest.split_at(rest.len() - symbols.chunks.len());
        Ok(Self {
            sender,
            media,
            base: SeqNo(u16::from_be_bytes([b0, b1])),
            count,
            reference: u32::from_be_bytes([0, r0, r1, r2]),
            feedback_count,
            chunks,
            deltas: deltas.get(..delta_bytes).ok_or(TwccError::TooShort)?,
        })
    }

    /// Every packet reported on, in order: its number, and where it arrived when, in ticks of 250 µs since the
    /// reference time.
    pub fn statuses(&self) -> impl Iterator<Item = (SeqNo, Option<i64>)> + use<'a> {
        let mut deltas = self.deltas;
        let mut arrival = 0i64;
        let base = self.base;
        let symbols = Symbols { chunks: self.chunks, chunk: Chunk::default(), left: self.count };
        symbols.enumerate().map(move |(index, symbol)| {
            let delta = match (symbol, deltas) {
                (1, [small, rest @ ..]) => {
                    deltas = rest;
                    Some(i64::from(*small))
                }
                (2, [high, low, rest @ ..]) => {
                    deltas = rest;
                    Some(i64::from(i16::from_be_bytes([*high, *low])))
                }
                _ => None,
            };
            let arrived = delta.map(|delta| {
                arrival += delta;
                arrival
            });
            (base.add(index as u16), arrived)
        })
    }
}

/// What is left of the chunk being read: `run` times the low symbol of `bits`, or a shifting vector.
#[derive(Clone, Copy, Debug, Default)]
struct Chunk {
    left: usize,
    /// The vector's symbols, the next one in the highest bits.
    vector: u16,
    /// Bits of one symbol in the vector; 0 for a run.
    width: u32,
    symbol: u8,
}

/// Iterator over the status symbols of the chunks: 0 not received, 1 small delta, 2 large delta, 3 reserved.
#[derive(Clone, Debug)]
struct Symbols<'a> {
    chunks: &'a [u8],
    chunk: Chunk,
    left: u16,
}

impl Iterator for Symbols<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        while self.chunk.left == 0 {
            let (chunk, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            let word = u16::from_be_bytes(*chunk);
            self.chunk = match word >> 14 {
                0b10 => Chunk { left: 14, vector: word << 2, width: 1, symbol: 0 },
                0b11 => Chunk { left: 7, vector: word << 2, width: 2, symbol: 0 },
                _ => Chunk { left: usize::from(word) & MAX_RUN, vector: 0, width: 0, symbol: (word >> 13 & 3) as u8 },
            };
        }
        let chunk = &mut self.chunk;
        chunk.left -= 1;
        if chunk.width == 0 {
            return Some(chunk.symbol);
        }
        let symbol = chunk.vector >> (16 - chunk.width);
        chunk.vector <<= chunk.width;
        Some(symbol as u8)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn parse(fci: &[u8]) -> Result<TwccFeedback<'_>, TwccError> {
        TwccFeedback::parse(Ssrc(1), Ssrc(2), fci)
    }

    fn statuses(fci: &[u8]) -> Vec<(u16, Option<i64>)> {
        parse(fci).unwrap().statuses().map(|(seq, arrived)| (seq.0, arrived)).collect()
    }

    #[test]
    fn a_run_of_small_deltas_adds_up() {
        let fci = [0xFF, 0xFF, 0, 3, 0x01, 0x02, 0x03, 9, 0x20, 0x03, 4, 8, 0];
        let feedback = parse(&fci).unwrap();
        assert_eq!((feedback.base, feedback.reference, feedback.feedback_count), (SeqNo(0xFFFF), 0x010203, 9));
        assert_eq!(statuses(&fci), [(0xFFFF, Some(4)), (0, Some(12)), (1, Some(12))]);
    }

    #[test]
    fn vectors_of_one_and_two_bits_are_read() {
        // 1-bit vector: received, lost, received, 11 × lost; 2-bit vector: large, small, lost, …
        let fci = [0, 0, 0, 16, 0, 0, 0, 0, 0xA8, 0x00, 0xE4, 0x00, 1, 2, 0xFF, 0xFE, 5];
        let got = statuses(&fci);
        assert_eq!(got[..3], [(0, Some(1)), (1, None), (2, Some(3))]);
        assert_eq!(got[13..], [(13, None), (14, Some(1)), (15, Some(6))]);
    }

    #[test]
    fn cut_off_feedback_is_refused() {
        let fci = [0xFF, 0xFF, 0, 3, 0x01, 0x02, 0x03, 9, 0x20, 0x03, 4, 8, 0];
        for len in 0..fci.len() {
            assert_eq!(parse(&fci[..len]), Err(TwccError::TooShort), "{len}");
        }
        // Empty runs lead nowhere.
        assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0]), Err(TwccError::TooShort));
    }

    #[test]
    fn the_reserved_status_is_refused() {
        assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0, 0]), Err(TwccError::ReservedStatus));
        assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 0, 0, 0xF0, 0, 0, 0, 0]), Err(TwccError::ReservedStatus));
    }

    #[test]
    fn a_small_packet_cannot_ask_for_much_work() {
        let mut fci = vec![0, 0, 0xFF, 0xFF, 0, 0, 0, 0];
        fci.extend([0x3F, 0xFF].repeat(8));
        assert_eq!(parse(&fci), Err(TwccError::TooMany(0xFFFF)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut fci in proptest::collection::vec(any::<u8>(), 0..100), limit: bool) {
            if limit && fci.len() > 3 {
                fci[2] = 0;
            }
            if let Ok(feedback) = parse(&fci) {
                prop_assert_eq!(feedback.statuses().count(), usize::from(feedback.count));
            }
        }
    }
}

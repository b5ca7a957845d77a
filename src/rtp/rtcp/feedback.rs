//! The lists inside feedback messages, read while they are iterated.

use crate::units::{Bitrate, SeqNo, Ssrc};

/// NACK pairs that are read of one message: 2176 packets. Who misses more may ask again.
const MAX_NACK_PAIRS: usize = 128;
/// FIR entries that are read of one message.
const MAX_FIR_ENTRIES: usize = 32;

/// The packets that a generic NACK names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackSeqs<'a> {
    pairs: &'a [u8],
}

impl<'a> NackSeqs<'a> {
    pub(super) fn new(fci: &'a [u8]) -> Self {
        Self { pairs: &fci[..fci.len().min(4 * MAX_NACK_PAIRS)] }
    }

    /// The sequence numbers, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = SeqNo> + use<'a> {
        self.pairs.chunks_exact(4).flat_map(|pair| {
            let first = SeqNo(u16::from_be_bytes([pair[0], pair[1]]));
            let following = u32::from(u16::from_be_bytes([pair[2], pair[3]]));
            // Bit 0 stands for the packet itself, bit n for the n-th after it.
            let mut left = following << 1 | 1;
            std::iter::from_fn(move || {
                let next = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(first.add(next as u16))
            })
        })
    }
}

/// The requests of a FIR message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntries<'a> {
    bytes: &'a [u8],
}

impl<'a> FirEntries<'a> {
    pub(super) fn new(fci: &'a [u8]) -> Self {
        Self { bytes: &fci[..fci.len().min(8 * MAX_FIR_ENTRIES)] }
    }

    /// The streams asked of, each with the running number of the request: a repeated number is the same request.
    pub fn iter(&self) -> impl Iterator<Item = (Ssrc, u8)> + use<'a> {
        self.bytes
            .chunks_exact(8)
            .map(|entry| (Ssrc(u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]])), entry[4]))
    }
}

/// A list of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SsrcList<'a> {
    bytes: &'a [u8],
}

impl<'a> SsrcList<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The streams.
    pub fn iter(&self) -> impl Iterator<Item = Ssrc> + use<'a> {
        self.bytes.chunks_exact(4).map(|word| Ssrc(u32::from_be_bytes([word[0], word[1], word[2], word[3]])))
    }
}

/// What follows the letters `REMB`: number of streams, 6 bits exponent, 18 bits mantissa, the streams.
pub(super) fn parse_remb(fields: &[u8]) -> Option<(Bitrate, SsrcList<'_>)> {
    let (&[count, b0, b1, b2], rest) = fields.split_first_chunk()?;
    let exponent = u32::from(b0 >> 2);
    let mantissa = u64::from(u32::from_be_bytes([0, b0 & 0x03, b1, b2]));
    let bitrate = match mantissa.leading_zeros() {
        // More than any link carries; the number means "no limit".
        free if free < exponent => u64::MAX,
        _ => mantissa << exponent.min(63),
    };
    Some((Bitrate(bitrate), SsrcList::new(rest.get(..4 * usize::from(count))?)))
}

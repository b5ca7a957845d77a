//! Redundant audio data (RFC 2198): several frames in one payload, the newest (primary) last.

use crate::units::PayloadType;

/// Blocks of one payload that are read, the primary included. Browsers send two or three.
const MAX_BLOCKS: usize = 16;

/// One redundant frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedBlock<'a> {
    /// What it is encoded in.
    pub payload_type: PayloadType,
    /// How much earlier it is than the packet's timestamp, in ticks (14 bits).
    pub timestamp_offset: u16,
    /// The frame.
    pub data: &'a [u8],
}

/// A payload whose block lengths fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red<'a> {
    /// Four bytes for each redundant block.
    headers: &'a [u8],
    /// Redundant data, one behind the other.
    data: &'a [u8],
    primary_type: PayloadType,
    primary: &'a [u8],
}

impl<'a> Red<'a> {
    /// Reads the headers of a payload; None when they do not end or claim more than there is.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let count = payload.chunks(4).take(MAX_BLOCKS).position(|header| header[0] & 0x80 == 0)?;
        let (headers, rest) = payload.split_at_checked(4 * count)?;
        let (&last, blocks) = rest.split_first()?;
        let redundant: usize = headers.chunks_exact(4).map(block_len).sum();
        let (data, primary) = blocks.split_at_checked(redundant)?;
        Some(Self { headers, data, primary_type: PayloadType(last & 0x7F), primary })
    }

    /// The newest frame and what it is encoded in: all that a receiver without RED needs.
    pub const fn primary(&self) -> (PayloadType, &'a [u8]) {
        (self.primary_type, self.primary)
    }

    /// The earlier frames, oldest first.
    pub fn redundant(&self) -> impl Iterator<Item = RedBlock<'a>> + use<'a> {
        let mut left = self.data;
        self.headers.chunks_exact(4).map_while(move |header| {
            let (data, rest) = left.split_at_checked(block_len(header))?;
            left = rest;
            Some(RedBlock {
                payload_type: PayloadType(header[0] & 0x7F),
                timestamp_offset: u16::from_be_bytes([header[1], header[2]]) >> 2,
                data,
            })
        })
    }
}

/// The low ten bits of a four-byte block header.
fn block_len(header: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([header[2] & 0x03, header[3]]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_primary_frame_is_found_behind_the_redundant_ones() {
        // Offsets 1920 and 960, lengths 2 and 3, as Chromium sends Opus with payload type 111.
        let payload = [0xEF, 0x1E, 0x00, 0x02, 0xEF, 0x0F, 0x00, 0x03, 0x6F, 1, 2, 3, 4, 5, 6, 7];
        let red = Red::parse(&payload).unwrap();
        assert_eq!(red.primary(), (PayloadType(111), &[6, 7][..]));
        let blocks: Vec<_> =
            red.redundant().map(|block| (block.payload_type.0, block.timestamp_offset, block.data)).collect();
        assert_eq!(blocks, [(111, 1920, &[1, 2][..]), (111, 960, &[3, 4, 5][..])]);
    }

    #[test]
    fn a_payload_may_be_the_primary_frame_alone() {
        let red = Red::parse(&[0x6F, 9]).unwrap();
        assert_eq!(red.primary(), (PayloadType(111), &[9][..]));
        assert_eq!(red.redundant().count(), 0);
    }

    #[test]
    fn lengths_past_the_end_and_endless_headers_are_refused() {
        assert_eq!(Red::parse(&[0xEF, 0, 0, 3, 0x6F, 1, 2]), None);
        assert_eq!(Red::parse(&[0xEF, 0, 3, 0xFF, 0x6F, 1, 2]), None);
        assert_eq!(Red::parse(&[0xEF, 0, 0, 0]), None);
        assert_eq!(Red::parse(&[0xEF, 0]), None);
        assert_eq!(Red::parse(&[0x80; 200]), None);
        assert_eq!(Red::parse(&[]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_payloads_never_panic(mut payload in proptest::collection::vec(any::<u8>(), 0..200), short: bool) {
            if short && payload.len() > 8 {
                (payload[2], payload[3], payload[4]) = (0, payload[3] % 32, payload[4] & 0x7F);
            }
            if let Some(red) = Red::parse(&payload) {
                let count = red.redundant().count();
                let data: usize = red.redundant().map(|block| block.data.len()).sum();
                prop_assert_eq!(4 * count + 1 + data + red.primary().1.len(), payload.len());
            }
        }
    }
}

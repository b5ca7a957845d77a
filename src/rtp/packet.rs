//! One plaintext RTP packet, read once (RFC 3550 §5.1).
//!
//! [`RtpHeader`] is a small `Copy` value holding offsets into the packet, so it can travel beside the
//! buffer that owns the bytes; [`RtpPacket`] puts the two together.

use std::ops::Range;

use thiserror::Error;

use super::values::{ExtensionTable, ExtensionValues};
use crate::units::{PayloadType, RtpTime, SeqNo, Ssrc};

/// Length of the fixed part of the header.
pub const FIXED_HEADER_LEN: usize = 12;

/// Extension profile of the one-byte form (RFC 8285 §4.2).
pub(super) const PROFILE_ONE_BYTE: u16 = 0xBEDE;
/// Extension profile of the two-byte form (RFC 8285 §4.3); the low four bits are free.
pub(super) const PROFILE_TWO_BYTE: u16 = 0x1000;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtpError {
    /// Shorter than its own header, CSRC list or extension block says.
    #[error("packet of {0} bytes is shorter than its header")]
    TooShort(usize),
    /// Longer than any datagram.
    #[error("packet of {0} bytes is longer than a datagram")]
    TooLong(usize),
    /// The version is not 2.
    #[error("RTP version {0}")]
    Version(u8),
    /// The padding bit is set, but the count is zero or larger than what follows the header.
    #[error("padding of {0} bytes does not fit")]
    Padding(u8),
}

/// What the header of one packet says, with offsets into that packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit: for video the last packet of a frame, for audio the first of a talk spurt.
    pub marker: bool,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub seq: SeqNo,
    /// Timestamp in units of the payload's clock.
    pub timestamp: RtpTime,
    /// Stream.
    pub ssrc: Ssrc,
    /// Bytes before the payload: fixed header, CSRC list and extension block.
    pub header_len: u16,
    /// Bytes of padding at the end, the counting byte included.
    pub padding_len: u8,
    /// Bytes of the whole packet.
    pub len: u16,
    /// Where the extension elements begin; meaningless when `extension_len` is 0.
    extension_at: u16,
    /// Bytes of extension elements.
    extension_len: u16,
    /// The block is of the two-byte form.
    two_byte: bool,
}

impl RtpHeader {
    /// Reads the header of `packet`, which is one whole plaintext packet.
    ///
    /// Every length that the packet states is checked against what is there; whatever is returned can be
    /// used with the same bytes without further checks.
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let short = RtpError::TooShort(packet.len());
        let Some((fixed, _)) = packet.split_first_chunk::<FIXED_HEADER_LEN>() else {
            return Err(short);
        };
        let len = u16::try_from(packet.len()).map_err(|_| RtpError::TooLong(packet.len()))?;
        let version = fixed[0] >> 6;
        if version != 2 {
            return Err(RtpError::Version(version));
        }
        let mut at = FIXED_HEADER_LEN + 4 * usize::from(fixed[0] & 0x0F);
        let (mut extension_at, mut extension_len, mut two_byte) = (0, 0, false);
        if fixed[0] & 0x10 != 0 {
            let Some(&[p0, p1, l0, l1]) = packet.get(at..at + 4) else {
                return Err(short);
            };
            let profile = u16::from_be_bytes([p0, p1]);
            let words = usize::from(u16::from_be_bytes([l0, l1]));
            let elements = at + 4;
            at = elements + 4 * words;
            two_byte = profile & 0xFFF0 == PROFILE_TWO_BYTE;
            // Elements of an unknown profile are skipped as a whole.
            if two_byte || profile == PROFILE_ONE_BYTE {
                (extension_at, extension_len) = (elements, 4 * words);
            }
        }
        if at > packet.len() {
            return Err(short);
        }
        let mut padding_len = 0;
        if fixed[0] & 0x20 != 0 {
            padding_len = packet[packet.len() - 1];
            if padding_len == 0 || usize::from(padding_len) > packet.len() - at {
                return Err(RtpError::Padding(padding_len));
            }
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: PayloadType(fixed[1] & 0x7F),
            seq: SeqNo(u16::from_be_bytes([fixed[2], fixed[3]])),
            timestamp: RtpTime(u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]])),
            ssrc: Ssrc(u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]])),
            // These fit: all are at most `packet.len()`, which fits.
            header_len: at as u16,
            padding_len,
            len,
            extension_at: extension_at as u16,
            extension_len: extension_len as u16,
            two_byte,
        })
    }

    /// Where the payload lies, padding excluded.
    pub fn payload_range(&self) -> Range<usize> {
        usize::from(self.header_len)..usize::from(self.len) - usize::from(self.padding_len)
    }

    /// Bytes of payload, padding excluded.
    pub fn payload_len(&self) -> usize {
        self.payload_range().len()
    }

    /// The payload of the packet that this header was read from, padding excluded.
    /// Empty if `packet` is a shorter one.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.payload_range()).unwrap_or_default()
    }

    /// The packet carries nothing but padding (or nothing at all), as probes do.
    pub fn is_empty(&self) -> bool {
        self.payload_len() == 0
    }

    /// The header extension elements of the packet that this header was read from.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let start = usize::from(self.extension_at);
        let block = packet.get(start..start + usize::from(self.extension_len)).unwrap_or_default();
        Extensions { block, two_byte: self.two_byte }
    }
}

/// A header beside the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    /// What the header says.
    pub header: RtpHeader,
    /// The whole packet.
    pub bytes: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads one whole plaintext packet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        Ok(Self { header: RtpHeader::parse(bytes)?, bytes })
    }

    /// The payload, padding excluded.
    pub fn payload(&self) -> &'a [u8] {
        self.header.payload(self.bytes)
    }

    /// The header extension elements.
    pub fn extensions(&self) -> Extensions<'a> {
        self.header.extensions(self.bytes)
    }

    /// The known extension values, found in one pass.
    pub fn values(&self, table: &ExtensionTable) -> ExtensionValues<'a> {
        ExtensionValues::read(self.extensions(), table)
    }
}

/// Iterator over `(id, value)` of a header extension block (RFC 8285), in either form.
///
/// A zero byte is padding; id 15 of the one-byte form and an element that reaches past the block end the iteration.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    block: &'a [u8],
    two_byte: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.block.split_first()?;
            if first == 0 {
                self.block = rest;
                continue;
            }
            let (id, len, body) = if self.two_byte {
                let (&len, body) = rest.split_first()?;
                (first, usize::from(len), body)
            } else {
                (first >> 4, usize::from(first & 0x0F) + 1, rest)
            };
            // A one-byte element with id 0 and a length is malformed; id 15 is reserved (RFC 8285 §4.2).
            if !self.two_byte && (id == 15 || id == 0) {
                self.block = &[];
                return None;
            }
            let Some((value, rest)) = body.split_at_checked(len) else {
                self.block = &[];
                return None;
            };
            self.block = rest;
            return Some((id, value));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// V=2, PT 96 with marker, seq 0x0102, ts 0x03040506, SSRC 0x0708090a.
    fn fixed(first: u8) -> Vec<u8> {
        vec![first, 0xE0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    }

    #[test]
    fn the_fixed_header_is_read() {
        let mut packet = fixed(0x80);
        packet.extend([0xAA, 0xBB]);
        let parsed = RtpPacket::parse(&packet).unwrap();
        assert!(parsed.header.marker);
        assert_eq!(parsed.header.payload_type, PayloadType(96));
        assert_eq!(parsed.header.seq, SeqNo(0x0102));
        assert_eq!(parsed.header.timestamp, RtpTime(0x0304_0506));
        assert_eq!(parsed.header.ssrc, Ssrc(0x0708_090A));
        assert_eq!(parsed.payload(), [0xAA, 0xBB]);
        assert_eq!(parsed.extensions().count(), 0);
    }

    #[test]
    fn fifteen_csrcs_are_skipped_and_missing_ones_refused() {
        let mut packet = fixed(0x8F);
        packet.extend([0; 60]);
        packet.push(9);
        assert_eq!(RtpPacket::parse(&packet).unwrap().payload(), [9]);
        packet.truncate(12 + 59);
        assert_eq!(RtpHeader::parse(&packet), Err(RtpError::TooShort(71)));
    }

    #[test]
    fn an_extension_length_past_the_end_is_refused() {
        let mut packet = fixed(0x90);
        packet.extend([0xBE, 0xDE, 0, 2, 0x10, 1, 0, 0]);
        assert_eq!(RtpHeader::parse(&packet), Err(RtpError::TooShort(20)));
        packet.truncate(14);
        assert_eq!(RtpHeader::parse(&packet), Err(RtpError::TooShort(14)));
        let mut packet = fixed(0x90);
        packet.extend([0xBE, 0xDE, 0xFF, 0xFF]);
        assert!(RtpHeader::parse(&packet).is_err());
    }

    #[test]
    fn padding_must_be_counted_truthfully() {
        let with = |body: &[u8]| {
            let mut packet = fixed(0xA0);
            packet.extend(body);
            packet
        };
        assert_eq!(RtpHeader::parse(&with(&[1, 2, 0])), Err(RtpError::Padding(0)));
        assert_eq!(RtpHeader::parse(&with(&[1, 2, 4])), Err(RtpError::Padding(4)));
        assert_eq!(RtpHeader::parse(&with(&[255])), Err(RtpError::Padding(255)));
        // Without any payload the last byte of the header would count as padding.
        assert!(RtpHeader::parse(&with(&[])).is_err());
        assert_eq!(RtpPacket::parse(&with(&[1, 2, 3, 2])).unwrap().payload(), [1, 2]);
        assert!(RtpHeader::parse(&with(&[0, 0, 3])).unwrap().is_empty());
        let mut most = vec![7; 256];
        most[255] = 255;
        assert_eq!(RtpPacket::parse(&with(&most)).unwrap().payload(), [7]);
    }

    #[test]
    fn other_versions_and_stumps_are_refused() {
        assert_eq!(RtpHeader::parse(&fixed(0x40)), Err(RtpError::Version(1)));
        assert_eq!(RtpHeader::parse(&[0x80; 11]), Err(RtpError::TooShort(11)));
        assert_eq!(RtpHeader::parse(&[]), Err(RtpError::TooShort(0)));
        assert_eq!(RtpHeader::parse(&vec![0x80; 65_536]), Err(RtpError::TooLong(65_536)));
    }

    fn elements(profile: [u8; 2], block: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut packet = fixed(0x90);
        packet.extend(profile);
        packet.extend(((block.len() / 4) as u16).to_be_bytes());
        packet.extend(block);
        let parsed = RtpPacket::parse(&packet).unwrap();
        parsed.extensions().map(|(id, value)| (id, value.to_vec())).collect()
    }

    #[test]
    fn one_byte_elements_are_read_around_padding() {
        let found = elements([0xBE, 0xDE], &[0x10, 0xFF, 0, 0, 0x31, 1, 2, 0]);
        assert_eq!(found, [(1, vec![0xFF]), (3, vec![1, 2])]);
    }

    #[test]
    fn two_byte_elements_may_be_empty_and_have_high_ids() {
        let found = elements([0x10, 0x05], &[200, 0, 0, 15, 3, 1, 2, 3]);
        assert_eq!(found, [(200, vec![]), (15, vec![1, 2, 3])]);
    }

    #[test]
    fn id_fifteen_ends_a_one_byte_block() {
        assert_eq!(elements([0xBE, 0xDE], &[0x10, 1, 0xF0, 2, 0x20, 3, 0, 0]), [(1, vec![1])]);
    }

    #[test]
    fn an_element_past_the_block_is_not_returned() {
        assert_eq!(elements([0xBE, 0xDE], &[0x10, 1, 0x2F, 2]), [(1, vec![1])]);
        assert_eq!(elements([0x10, 0x00], &[7, 9, 1, 2]), []);
        assert_eq!(elements([0x10, 0x00], &[0, 0, 0, 7]), []);
    }

    #[test]
    fn an_unknown_profile_is_skipped() {
        assert_eq!(elements([0x12, 0x34], &[0x10, 1, 0, 0]), []);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                let payload = packet.payload();
                prop_assert_eq!(
                    usize::from(packet.header.header_len) + payload.len() + usize::from(packet.header.padding_len),
                    bytes.len()
                );
                for (id, value) in packet.extensions() {
                    prop_assert!(id != 0 && value.len() <= 255);
                }
            }
        }

        #[test]
        fn arbitrary_extension_blocks_never_panic(
            two_byte: bool, words in 0usize..20, bytes in proptest::collection::vec(any::<u8>(), 80)
        ) {
            let profile = if two_byte { [0x10, 0] } else { [0xBE, 0xDE] };
            let total: usize = elements(profile, &bytes[..4 * words]).iter().map(|(_, v)| v.len() + 1).sum();
            prop_assert!(total <= 4 * words);
        }
    }
}

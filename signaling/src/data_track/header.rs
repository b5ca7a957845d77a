//! The header of data-track packets (LiveKit's `datatrack/packet.go`).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-----+-+-+-+-------------------+-------------------------------+
//! |  V  |S|F|X|     reserved      |            handle             |
//! +-----+-+-+-+-------------------+-------------------------------+
//! |        sequence number        |         frame number          |
//! +-------------------------------+-------------------------------+
//! |                           timestamp                           |
//! +-------------------------------+-------------------------------+
//! |  extensions, in words less 1  |  id, size, payload, …         |
//! +-------------------------------+-------------------------------+
//! ```
//!
//! The last row is there only if X is set; it is padded to four bytes.

use thiserror::Error;

/// The fixed part of the header, in bytes.
pub const HEADER_LENGTH: usize = 12;

/// A parsed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataTrackHeader {
    /// Wire format version, three bits.
    pub version: u8,
    /// First packet of a frame.
    pub is_start_of_frame: bool,
    /// Last packet of a frame.
    pub is_final_of_frame: bool,
    /// The track: the publisher's handle on the way in, the subscriber's on the
    /// way out.
    pub handle: u16,
    /// Counts packets.
    pub sequence_number: u16,
    /// Counts frames.
    pub frame_number: u16,
    /// The publisher's clock.
    pub timestamp: u32,
    /// Where the payload begins, in bytes from the packet's start.
    pub payload_offset: usize,
}

/// Why bytes are no data-track packet. Such packets are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Shorter than [`HEADER_LENGTH`].
    #[error("data track packet of {0} bytes is shorter than its header")]
    TooShort(usize),
    /// The extensions are longer than the packet.
    #[error("data track extensions exceed the packet")]
    Extensions,
}

impl DataTrackHeader {
    /// Reads the header. Extensions are measured and checked, not interpreted.
    ///
    /// # Errors
    ///
    /// [`HeaderError`].
    pub fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = packet.split_first_chunk::<HEADER_LENGTH>().ok_or(HeaderError::TooShort(packet.len()))?;
        let [flags, _, h0, h1, s0, s1, f0, f1, t0, t1, t2, t3] = *fixed;
        let extensions = if flags & 0b100 == 0 { 0 } else { extensions_length(rest)? };
        Ok(Self {
            version: flags >> 5,
            is_start_of_frame: flags & 0b1_0000 != 0,
            is_final_of_frame: flags & 0b1000 != 0,
            handle: u16::from_be_bytes([h0, h1]),
            sequence_number: u16::from_be_bytes([s0, s1]),
            frame_number: u16::from_be_bytes([f0, f1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            payload_offset: HEADER_LENGTH + extensions,
        })
    }
}

/// Rewrites the handle in place, which is all a forwarder changes.
///
/// # Errors
///
/// [`HeaderError::TooShort`].
pub fn set_handle(packet: &mut [u8], handle: u16) -> Result<(), HeaderError> {
    let length = packet.len();
    let (fixed, _) = packet.split_first_chunk_mut::<HEADER_LENGTH>().ok_or(HeaderError::TooShort(length))?;
    let [high, low] = handle.to_be_bytes();
    fixed[2] = high;
    fixed[3] = low;
    Ok(())
}

/// The length of the extensions with their size field, checked against the
/// bytes that are there.
fn extensions_length(rest: &[u8]) -> Result<usize, HeaderError> {
    let (size, _) = rest.split_first_chunk::<2>().ok_or(HeaderError::Extensions)?;
    let length = (usize::from(u16::from_be_bytes(*size)) + 1) * 4;
    let mut extensions = rest.get(2..length).ok_or(HeaderError::Extensions)?;
    // An id of zero begins the padding.
    while let Some((id, after_id)) = extensions.split_first() {
        if *id == 0 {
            break;
        }
        let (size, data) = after_id.split_first().ok_or(HeaderError::Extensions)?;
        extensions = data.get(usize::from(*size)..).ok_or(HeaderError::Extensions)?;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: [u8; 14] = [0b0011_1000, 0, 0x12, 0x34, 0, 5, 0, 6, 0, 0, 0, 7, b'h', b'i'];

    #[test]
    fn every_field_is_read() {
        assert_eq!(
            DataTrackHeader::parse(&PLAIN),
            Ok(DataTrackHeader {
                version: 1,
                is_start_of_frame: true,
                is_final_of_frame: true,
                handle: 0x1234,
                sequence_number: 5,
                frame_number: 6,
                timestamp: 7,
                payload_offset: 12,
            })
        );
    }

    #[test]
    fn only_the_handle_is_rewritten() {
        let mut packet = PLAIN;
        assert_eq!(set_handle(&mut packet, 0xabcd), Ok(()));
        assert_eq!(packet[2..4], [0xab, 0xcd]);
        assert_eq!((packet[..2].as_ref(), packet[4..].as_ref()), (&PLAIN[..2], &PLAIN[4..]));
        assert_eq!(set_handle(&mut packet[..11], 1), Err(HeaderError::TooShort(11)));
    }

    #[test]
    fn extensions_move_the_payload() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] |= 0b100;
        // Two words: size field, id 1 with three bytes, one of padding.
        packet.extend([0, 1, 1, 3, b'a', b'b', b'c', 0]);
        packet.extend(b"payload");
        let header = DataTrackHeader::parse(&packet).expect("valid");
        assert_eq!(&packet[header.payload_offset..], b"payload");
    }

    #[test]
    fn extensions_that_lie_about_their_length_are_refused() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] |= 0b100;
        assert_eq!(DataTrackHeader::parse(&packet), Err(HeaderError::Extensions));
        packet.extend([0xff, 0xff, 1, 1]);
        assert_eq!(DataTrackHeader::parse(&packet), Err(HeaderError::Extensions));
        packet.truncate(12);
        packet.extend([0, 0, 1, 9]);
        assert_eq!(DataTrackHeader::parse(&packet), Err(HeaderError::Extensions));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_the_payload_is_inside(packet: Vec<u8>) {
            if let Ok(header) = DataTrackHeader::parse(&packet) {
                prop_assert!(header.payload_offset <= packet.len());
            }
        }
    }
}

//! Retransmission streams (RFC 4588): original packets in another stream, their sequence number before the payload.

use super::packet::RtpHeader;
use super::write::HeaderFields;
use crate::units::{PayloadType, SeqNo, Ssrc};

/// Bytes of the original sequence number in front of the payload.
pub const OSN_LEN: usize = 2;

/// Turns a retransmission back into the original packet, in place, and returns it: `packet` without its first two bytes.
///
/// `header` is what was read from `packet`; `ssrc` and `payload_type` are those of the stream it repairs. Extensions
/// and padding stay. None when it carries no original (an empty payload is a probe).
pub fn decap<'a>(
    packet: &'a mut [u8],
    header: &RtpHeader,
    ssrc: Ssrc,
    payload_type: PayloadType,
) -> Option<&'a mut [u8]> {
    let payload = header.payload_range();
    if header.payload_len() < OSN_LEN || payload.end > packet.len() {
        return None;
    }
    let osn = [packet[payload.start], packet[payload.start + 1]];
    // The header moves up over the number: shorter than moving the payload down.
    packet.copy_within(..payload.start, OSN_LEN);
    let original = packet.get_mut(OSN_LEN..)?;
    original[1] = original[1] & 0x80 | payload_type.0 & 0x7F;
    original[2..4].copy_from_slice(&osn);
    original[8..12].copy_from_slice(&ssrc.0.to_be_bytes());
    Some(original)
}

/// Writes the original sequence number at the front of `payload`, an RTX packet's; returns the room for the original
/// payload. None when there is no room.
pub fn write_osn(payload: &mut [u8], original: SeqNo) -> Option<&mut [u8]> {
    let (osn, rest) = payload.split_first_chunk_mut::<OSN_LEN>()?;
    *osn = original.0.to_be_bytes();
    Some(rest)
}

/// Our retransmission stream to one subscriber.
#[derive(Clone, Copy, Debug)]
pub struct RtxStream {
    ssrc: Ssrc,
    next: SeqNo,
}

impl RtxStream {
    /// A stream whose first packet bears `first`.
    pub const fn new(ssrc: Ssrc, first: SeqNo) -> Self {
        Self { ssrc, next: first }
    }

    /// The stream's SSRC.
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The header fields of the next packet, which repeats the packet with the fields `original`; after the header
    /// comes [`write_osn`] with `original.seq`, then the payload.
    pub fn next(&mut self, original: &HeaderFields, payload_type: PayloadType) -> HeaderFields {
        let seq = self.next;
        self.next = seq.add(1);
        HeaderFields { payload_type, seq, ssrc: self.ssrc, ..*original }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::packet::RtpPacket;
    use crate::rtp::write::{pad_to, write_header};
    use crate::units::RtpTime;

    const ORIGINAL: HeaderFields = HeaderFields {
        marker: true,
        payload_type: PayloadType(96),
        seq: SeqNo(0xABCD),
        timestamp: RtpTime(0x0102_0304),
        ssrc: Ssrc(0x1111_1111),
    };

    fn encapsulated(stream: &mut RtxStream, payload: &[u8]) -> Vec<u8> {
        let fields = stream.next(&ORIGINAL, PayloadType(97));
        let mut packet = vec![0; 200];
        let at = write_header(&mut packet, &fields, &[(3, &[9, 9])]).unwrap();
        write_osn(&mut packet[at..], ORIGINAL.seq).unwrap()[..payload.len()].copy_from_slice(payload);
        let len = pad_to(&mut packet, at + OSN_LEN + payload.len(), at + OSN_LEN + payload.len() + 3);
        packet.truncate(len);
        packet
    }

    #[test]
    fn what_was_encapsulated_comes_out_again() {
        let mut stream = RtxStream::new(Ssrc(0x2222_2222), SeqNo(u16::MAX));
        let mut packet = encapsulated(&mut stream, b"payload");
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(
            (header.seq, header.ssrc, header.payload_type),
            (SeqNo(u16::MAX), Ssrc(0x2222_2222), PayloadType(97))
        );
        let original = decap(&mut packet, &header, ORIGINAL.ssrc, ORIGINAL.payload_type).unwrap();
        let read = RtpPacket::parse(original).unwrap();
        assert_eq!(read.payload(), b"payload");
        assert_eq!((read.header.seq, read.header.ssrc), (ORIGINAL.seq, ORIGINAL.ssrc));
        assert_eq!((read.header.timestamp, read.header.payload_type), (ORIGINAL.timestamp, ORIGINAL.payload_type));
        assert!(read.header.marker);
        assert_eq!(read.extensions().next(), Some((3, &[9, 9][..])));
        assert_eq!(RtpHeader::parse(&encapsulated(&mut stream, b"")).unwrap().seq, SeqNo(0));
    }

    #[test]
    fn a_probe_carries_no_original() {
        for payload in [&[][..], &[7]] {
            let mut packet = vec![0x80, 97, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
            packet.extend(payload);
            let header = RtpHeader::parse(&packet).unwrap();
            assert!(decap(&mut packet, &header, Ssrc(1), PayloadType(96)).is_none());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_packets_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), cut in 0usize..100) {
            let mut bytes = bytes;
            if let Ok(header) = RtpHeader::parse(&bytes) {
                let mut other = bytes[..cut.min(bytes.len())].to_vec();
                decap(&mut other, &header, Ssrc(1), PayloadType(96));
                if let Some(original) = decap(&mut bytes, &header, Ssrc(1), PayloadType(96)) {
                    let read = RtpPacket::parse(original).unwrap();
                    prop_assert_eq!(read.payload().len(), header.payload_len() - 2);
                }
            }
        }
    }
}

//! Writing the headers of outgoing packets, and padding packets to equal length.
//!
//! A forwarder prepares a [`ForwardHeader`] once, from the extension ids that its subscriber negotiated. Per packet
//! it writes the fixed header and one extension block whose *stamps*, the values known only when the packet leaves
//! (transport-wide sequence number, `abs-send-time`), come first: their offsets depend on nothing but the form of the
//! block, and [`WrittenHeader`] tells them so that the sender patches them in place. The other elements follow only
//! where the source packet has them; all packets of a stream grow by the same amount as long as they carry the same
//! elements.

use super::ext::{ExtensionKind, ExtensionMap};
use super::packet::{FIXED_HEADER_LEN, PROFILE_ONE_BYTE, PROFILE_TWO_BYTE};
use super::values::ExtensionValues;
use crate::units::{Mid, NtpTime, PayloadType, RtpTime, SeqNo, Ssrc};

/// Bytes of fixed header and extension block at most: every element at its longest, in two-byte form.
pub const MAX_HEADER_LEN: usize = FIXED_HEADER_LEN + 4 + 4 + 5 + 3 + 18 + 3 + 5 + 18 + 257 + 3;

/// The fields of an outgoing fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderFields {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, as the receiver negotiated it.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub seq: SeqNo,
    /// Timestamp.
    pub timestamp: RtpTime,
    /// Stream.
    pub ssrc: Ssrc,
}

/// What [`ForwardHeader::write`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenHeader {
    /// Bytes of header and extension block; the payload goes here.
    pub len: usize,
    /// Offset of the two bytes of the transport-wide sequence number, for [`patch_transport_seq`].
    pub transport_seq_at: Option<u16>,
    /// Offset of the three bytes of `abs-send-time`, for [`patch_abs_send_time`].
    pub abs_send_time_at: Option<u16>,
}

/// The header of one forwarder's packets, prepared from what its subscriber negotiated.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForwardHeader {
    ids: ExtensionMap,
    mid: Mid,
    /// Some id needs the two-byte form whatever the packet.
    high_ids: bool,
}

impl ForwardHeader {
    /// Prepares a header for a subscriber with these extension ids; `mid` names its media section.
    ///
    /// Written are only transport-cc, `abs-send-time`, audio level, mid, orientation, playout delay,
    /// `abs-capture-time` and the dependency descriptor, whatever else was negotiated.
    pub fn new(ids: &ExtensionMap, mid: Mid) -> Self {
        Self { ids: *ids, mid, high_ids: ids.iter().any(|(_, id)| id > 14) }
    }

    /// Whether the subscriber wants transport-wide sequence numbers.
    pub fn has_transport_seq(&self) -> bool {
        self.ids.id(ExtensionKind::TransportCc).is_some()
    }

    /// Writes the header at the front of `out` and returns where the payload begins.
    ///
    /// `values` are those of the source packet; its transport-wide number, `abs-send-time`, mid and rids are not
    /// passed on, they belong to the other leg. The stamps are written as zeros, to be patched. The mid is
    /// written `with_mid`, which a forwarder asks for until the subscriber is known to have received it.
    ///
    /// None when `out` is too small; [`MAX_HEADER_LEN`] always suffices.
    pub fn write(
        &self,
        out: &mut [u8],
        fields: &HeaderFields,
        values: &ExtensionValues<'_>,
        with_mid: bool,
    ) -> Option<WrittenHeader> {
        let long_descriptor = values.dependency_descriptor.is_some_and(|dd| dd.len() > 16);
        let mut block = BlockWriter::begin(out, self.high_ids || long_descriptor)?;
        let transport_seq_at = match self.ids.id(ExtensionKind::TransportCc) {
            Some(id) => Some(block.push(id, &[0; 2])?),
            None => None,
        };
        let abs_send_time_at = match self.ids.id(ExtensionKind::AbsSendTime) {
            Some(id) => Some(block.push(id, &[0; 3])?),
            None => None,
        };
        let level = values.audio_level.map(|level| [level.to_byte()]);
        let orientation = values.orientation.map(|value| [value]);
        let mid = (with_mid && !self.mid.is_empty()).then_some(self.mid.as_bytes());
        let optional: [(ExtensionKind, Option<&[u8]>); 6] = [
            (ExtensionKind::AudioLevel, level.as_ref().map(|value| &value[..])),
            (ExtensionKind::Mid, mid),
            (ExtensionKind::VideoOrientation, orientation.as_ref().map(|value| &value[..])),
            (ExtensionKind::PlayoutDelay, values.playout_delay.as_ref().map(|value| &value[..])),
            (ExtensionKind::AbsCaptureTime, values.abs_capture_time),
            (ExtensionKind::DependencyDescriptor, values.dependency_descriptor),
        ];
        for (kind, value) in optional {
            if let (Some(value), Some(id)) = (value, self.ids.id(kind)) {
                block.push(id, value)?;
            }
        }
        let len = block.finish(fields)?;
        Some(WrittenHeader { len, transport_seq_at, abs_send_time_at })
    }
}

/// Writes a fixed header and an extension block of `elements` (id, value) at the front of `out`, in one-byte form
/// where it can hold them, else in two-byte form. Returns the length, or None when `out` is too small, an id is 0 or
/// a value longer than 255 bytes.
pub fn write_header(out: &mut [u8], fields: &HeaderFields, elements: &[(u8, &[u8])]) -> Option<usize> {
    let two_byte = elements.iter().any(|(id, value)| *id > 14 || value.is_empty() || value.len() > 16);
    let mut block = BlockWriter::begin(out, two_byte)?;
    for (id, value) in elements {
        if *id == 0 {
            return None;
        }
        block.push(*id, value)?;
    }
    block.finish(fields)
}

/// Puts the transport-wide sequence number into a packet, at the offset that [`WrittenHeader`] gave.
pub fn patch_transport_seq(packet: &mut [u8], at: u16, seq: u16) {
    let at = usize::from(at);
    if let Some(slot) = packet.get_mut(at..at + 2) {
        slot.copy_from_slice(&seq.to_be_bytes());
    }
}

/// Puts an `abs-send-time` (see [`abs_send_time`]) into a packet, at the offset that [`WrittenHeader`] gave.
pub fn patch_abs_send_time(packet: &mut [u8], at: u16, time: u32) {
    let at = usize::from(at);
    if let Some(slot) = packet.get_mut(at..at + 3) {
        slot.copy_from_slice(&time.to_be_bytes()[1..]);
    }
}

/// The 24 bits of `abs-send-time`: 6.18 fixed point seconds.
pub const fn abs_send_time(now: NtpTime) -> u32 {
    (now.0 >> 14) as u32 & 0x00FF_FFFF
}

/// Pads the packet `packet[..len]` to `target_len` with RTP padding (RFC 3550 §5.1) and returns its new length.
///
/// The packet stays as it is, and `len` is returned, when it needs no padding, more than 255 bytes of it, more room
/// than `packet` has, or when it is padded already (forwarded packets never are: their payload is copied without).
pub fn pad_to(packet: &mut [u8], len: usize, target_len: usize) -> usize {
    let Some(Ok(count @ 1..)) = target_len.checked_sub(len).map(u8::try_from) else {
        return len;
    };
    if len < FIXED_HEADER_LEN || target_len > packet.len() || packet[0] & 0x20 != 0 {
        return len;
    }
    packet[0] |= 0x20;
    packet[len..target_len].fill(0);
    packet[target_len - 1] = count;
    target_len
}

/// Appends elements to an extension block that follows the fixed header.
struct BlockWriter<'a> {
    out: &'a mut [u8],
    at: usize,
    two_byte: bool,
}

impl<'a> BlockWriter<'a> {
    const ELEMENTS_AT: usize = FIXED_HEADER_LEN + 4;

    fn begin(out: &'a mut [u8], two_byte: bool) -> Option<Self> {
        // Room for an empty block is asked for even if none will be written: the payload needs more anyway.
        (out.len() >= Self::ELEMENTS_AT).then_some(Self { out, at: Self::ELEMENTS_AT, two_byte })
    }

    /// Returns the offset of the value. The caller has chosen a form that can hold `id` and `value`.
    fn push(&mut self, id: u8, value: &[u8]) -> Option<u16> {
        let len = u8::try_from(value.len()).ok()?;
        if self.two_byte {
            self.out.get_mut(self.at..self.at + 2)?.copy_from_slice(&[id, len]);
            self.at += 2;
        } else {
            *self.out.get_mut(self.at)? = id << 4 | (len.wrapping_sub(1) & 0x0F);
            self.at += 1;
        }
        let start = self.at;
        self.out.get_mut(start..start + value.len())?.copy_from_slice(value);
        self.at += value.len();
        u16::try_from(start).ok()
    }

    /// Fills the block up to a whole word and writes everything before it.
    fn finish(self, fields: &HeaderFields) -> Option<usize> {
        let Self { out, at, two_byte } = self;
        let has_block = at > Self::ELEMENTS_AT;
        let mut len = FIXED_HEADER_LEN;
        if has_block {
            len = at.next_multiple_of(4);
            out.get_mut(at..len)?.fill(0);
            let profile = if two_byte { PROFILE_TWO_BYTE } else { PROFILE_ONE_BYTE };
            out[12..14].copy_from_slice(&profile.to_be_bytes());
            out[14..16].copy_from_slice(&((len - Self::ELEMENTS_AT) as u16 / 4).to_be_bytes());
        }
        out[0] = if has_block { 0x90 } else { 0x80 };
        out[1] = (fields.marker as u8) << 7 | (fields.payload_type.0 & 0x7F);
        out[2..4].copy_from_slice(&fields.seq.0.to_be_bytes());
        out[4..8].copy_from_slice(&fields.timestamp.0.to_be_bytes());
        out[8..12].copy_from_slice(&fields.ssrc.0.to_be_bytes());
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::packet::{RtpHeader, RtpPacket};
    use crate::rtp::values::{AudioLevel, ExtensionTable};
    use crate::units::UnixTime;

    const FIELDS: HeaderFields = HeaderFields {
        marker: true,
        payload_type: PayloadType(111),
        seq: SeqNo(0x1234),
        timestamp: RtpTime(0x89AB_CDEF),
        ssrc: Ssrc(0xDEAD_BEEF),
    };

    fn map(pairs: &[(ExtensionKind, u8)]) -> ExtensionMap {
        let mut map = ExtensionMap::default();
        for (kind, id) in pairs {
            map.set(*kind, *id);
        }
        map
    }

    #[test]
    fn without_extensions_twelve_bytes_are_written() {
        let mut out = [0xFF; 40];
        let written = ForwardHeader::default().write(&mut out, &FIELDS, &ExtensionValues::default(), true).unwrap();
        assert_eq!(written, WrittenHeader { len: 12, transport_seq_at: None, abs_send_time_at: None });
        assert_eq!(out[..12], [0x80, 0xEF, 0x12, 0x34, 0x89, 0xAB, 0xCD, 0xEF, 0xDE, 0xAD, 0xBE, 0xEF]);
    }

    #[test]
    fn stamps_come_first_and_are_patched_in_place() {
        let ids =
            map(&[(ExtensionKind::TransportCc, 3), (ExtensionKind::AbsSendTime, 2), (ExtensionKind::AudioLevel, 1)]);
        let values =
            ExtensionValues { audio_level: Some(AudioLevel { level: 20, voice: true }), ..ExtensionValues::default() };
        let mut out = [0xFF; 40];
        let written = ForwardHeader::new(&ids, Mid::new()).write(&mut out, &FIELDS, &values, true).unwrap();
        patch_transport_seq(&mut out, written.transport_seq_at.unwrap(), 0xABCD);
        patch_abs_send_time(&mut out, written.abs_send_time_at.unwrap(), 0x01_0203);
        assert_eq!(written.len, 28);
        assert_eq!(out[12..28], [0xBE, 0xDE, 0, 3, 0x31, 0xAB, 0xCD, 0x22, 1, 2, 3, 0x10, 0x94, 0, 0, 0]);
        assert_eq!(out[28], 0xFF);
    }

    #[test]
    fn stamp_offsets_do_not_depend_on_the_other_elements() {
        let ids =
            map(&[(ExtensionKind::TransportCc, 3), (ExtensionKind::Mid, 4), (ExtensionKind::VideoOrientation, 13)]);
        let header = ForwardHeader::new(&ids, Mid::from("12").unwrap());
        let mut out = [0; 64];
        let plain = header.write(&mut out, &FIELDS, &ExtensionValues::default(), false).unwrap();
        let turned = ExtensionValues { orientation: Some(1), ..ExtensionValues::default() };
        let full = header.write(&mut out, &FIELDS, &turned, true).unwrap();
        assert_eq!(plain.transport_seq_at, Some(17));
        assert_eq!(full.transport_seq_at, Some(17));
        assert_eq!((plain.len, full.len), (20, 24));
    }

    #[test]
    fn a_long_dependency_descriptor_makes_the_block_two_byte() {
        let ids = map(&[(ExtensionKind::DependencyDescriptor, 12), (ExtensionKind::TransportCc, 3)]);
        let descriptor = [0x80; 40];
        let values = ExtensionValues { dependency_descriptor: Some(&descriptor), ..ExtensionValues::default() };
        let mut out = [0; MAX_HEADER_LEN];
        let written = ForwardHeader::new(&ids, Mid::new()).write(&mut out, &FIELDS, &values, false).unwrap();
        assert_eq!(written.transport_seq_at, Some(18));
        let packet = RtpPacket::parse(&out[..written.len]).unwrap();
        let read = packet.values(&ExtensionTable::new(&ids));
        assert_eq!(read.dependency_descriptor, Some(&descriptor[..]));
        assert_eq!(read.transport_seq, Some(0));
    }

    #[test]
    fn the_other_legs_values_are_not_passed_on() {
        let ids = map(&[(ExtensionKind::Mid, 4), (ExtensionKind::Rid, 10), (ExtensionKind::TransportCc, 3)]);
        let values = ExtensionValues {
            mid: Some("0"),
            rid: Some("q"),
            transport_seq: Some(77),
            abs_send_time: Some(1),
            ..ExtensionValues::default()
        };
        let mut out = [0; 64];
        let written =
            ForwardHeader::new(&ids, Mid::from("5").unwrap()).write(&mut out, &FIELDS, &values, true).unwrap();
        let read = RtpPacket::parse(&out[..written.len]).unwrap().values(&ExtensionTable::new(&ids));
        assert_eq!((read.mid, read.rid, read.transport_seq), (Some("5"), None, Some(0)));
    }

    #[test]
    fn too_small_a_buffer_gives_none() {
        let ids = map(&[(ExtensionKind::TransportCc, 3), (ExtensionKind::Mid, 4)]);
        let header = ForwardHeader::new(&ids, Mid::from("0123456789abcdef").unwrap());
        for size in 0..36 {
            assert_eq!(header.write(&mut vec![0; size], &FIELDS, &ExtensionValues::default(), true), None, "{size}");
        }
        assert!(header.write(&mut [0; 36], &FIELDS, &ExtensionValues::default(), true).is_some());
    }

    #[test]
    fn the_longest_header_fits_its_bound() {
        let mut ids = ExtensionMap::default();
        for kind in ExtensionKind::ALL {
            ids.set(kind, 100 + kind as u8);
        }
        let values = ExtensionValues {
            audio_level: Some(AudioLevel { level: 1, voice: false }),
            orientation: Some(2),
            playout_delay: Some([1, 2, 3]),
            abs_capture_time: Some(&[7; 16]),
            dependency_descriptor: Some(&[9; 255]),
            ..ExtensionValues::default()
        };
        let mut out = [0; MAX_HEADER_LEN];
        let header = ForwardHeader::new(&ids, Mid::from("0123456789abcdef").unwrap());
        let written = header.write(&mut out, &FIELDS, &values, true).unwrap();
        let read = RtpPacket::parse(&out[..written.len]).unwrap().values(&ExtensionTable::new(&ids));
        assert_eq!(read.abs_capture_time, Some(&[7; 16][..]));
        assert_eq!(read.dependency_descriptor, Some(&[9; 255][..]));
        assert_eq!(read.playout_delay, Some([1, 2, 3]));
    }

    #[test]
    fn padding_reaches_the_target_and_can_be_stripped() {
        let mut packet = vec![0xFF; 400];
        let len = write_header(&mut packet, &FIELDS, &[]).unwrap() + 5;
        assert_eq!(pad_to(&mut packet, len, len + 1), 18);
        let parsed = RtpHeader::parse(&packet[..18]).unwrap();
        assert_eq!((parsed.padding_len, parsed.payload_len()), (1, 5));
    }

    #[test]
    fn impossible_padding_changes_nothing() {
        let mut packet = vec![0x11; 400];
        let len = write_header(&mut packet, &FIELDS, &[]).unwrap() + 5;
        let before = packet.clone();
        assert_eq!(pad_to(&mut packet, len, len), len);
        assert_eq!(pad_to(&mut packet, len, len - 1), len);
        assert_eq!(pad_to(&mut packet, len, len + 256), len);
        assert_eq!(pad_to(&mut packet[..20], len, 21), len);
        assert_eq!(packet, before);
        assert_eq!(pad_to(&mut packet, len, len + 255), len + 255);
        assert_eq!(pad_to(&mut packet, len + 255, len + 256), len + 255, "padded twice");
    }

    #[test]
    fn abs_send_time_is_six_bits_of_seconds_and_eighteen_of_fraction() {
        let half = NtpTime::from_unix(UnixTime(500));
        // 2 208 988 800 s is a multiple of 64.
        assert_eq!(abs_send_time(half), 1 << 17);
    }

    proptest! {
        #[test]
        fn written_elements_are_read_back(
            marker: bool, pt in 0u8..128, seq: u16, ts: u32, ssrc: u32,
            elements in proptest::collection::vec((1u8..=255, proptest::collection::vec(any::<u8>(), 0..40)), 0..8),
            payload in proptest::collection::vec(any::<u8>(), 0..20), pad in 0usize..300,
        ) {
            let fields = HeaderFields {
                marker, payload_type: PayloadType(pt), seq: SeqNo(seq), timestamp: RtpTime(ts), ssrc: Ssrc(ssrc),
            };
            let list: Vec<(u8, &[u8])> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
            let mut out = vec![0xEE; 1024];
            let at = write_header(&mut out, &fields, &list).unwrap();
            let len = at + payload.len();
            out[at..len].copy_from_slice(&payload);
            let total = pad_to(&mut out, len, len + pad);
            prop_assert_eq!(total, if pad > 255 { len } else { len + pad });
            let packet = RtpPacket::parse(&out[..total]).unwrap();
            prop_assert_eq!(packet.payload(), &payload[..]);
            prop_assert_eq!(
                (packet.header.marker, packet.header.payload_type.0, packet.header.seq.0), (marker, pt, seq)
            );
            prop_assert_eq!((packet.header.timestamp.0, packet.header.ssrc.0), (ts, ssrc));
            let read: Vec<(u8, &[u8])> = packet.extensions().collect();
            prop_assert_eq!(read, list);
        }
    }
}

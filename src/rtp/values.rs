//! The header extension values that the SFU looks at, found in one pass over a packet.

use super::ext::{ExtensionKind, ExtensionMap};
use super::packet::Extensions;

/// Client-to-mixer audio level (RFC 6464).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Level in -dBov: 0 is loudest, 127 silence.
    pub level: u8,
    /// The sender holds this packet to contain speech.
    pub voice: bool,
}

impl AudioLevel {
    /// Reads the element's value; the level stands in its first byte in the two-byte form as well (RFC 6464 §3).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let first = value.first()?;
        Some(Self { level: first & 0x7F, voice: first & 0x80 != 0 })
    }

    /// The element's value.
    pub const fn to_byte(self) -> u8 {
        (self.voice as u8) << 7 | (self.level & 0x7F)
    }
}

/// An [`ExtensionMap`] turned round for reading: the kind of each id, so that a packet needs no search.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtensionTable {
    /// Kind by id; index 0 stays empty.
    low: [Option<ExtensionKind>; 16],
    /// For the rare ids above 15.
    map: ExtensionMap,
}

impl ExtensionTable {
    /// The table of one media section's map.
    pub fn new(map: &ExtensionMap) -> Self {
        let mut low = [None; 16];
        for (kind, id) in map.iter() {
            if let Some(slot) = low.get_mut(usize::from(id)) {
                *slot = Some(kind);
            }
        }
        Self { low, map: *map }
    }

    /// The kind that bears `id`.
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        match self.low.get(usize::from(id)) {
            Some(kind) => *kind,
            None => self.map.kind(id),
        }
    }
}

impl From<&ExtensionMap> for ExtensionTable {
    fn from(map: &ExtensionMap) -> Self {
        Self::new(map)
    }
}

/// The values of one packet. A value of the wrong length counts as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionValues<'a> {
    /// Audio level.
    pub audio_level: Option<AudioLevel>,
    /// Transport-wide sequence number.
    pub transport_seq: Option<u16>,
    /// `abs-send-time`: 6.18 fixed point seconds.
    pub abs_send_time: Option<u32>,
    /// Media identification.
    pub mid: Option<&'a str>,
    /// Stream id of a simulcast layer.
    pub rid: Option<&'a str>,
    /// Stream id of the layer that this retransmission repairs.
    pub repaired_rid: Option<&'a str>,
    /// `abs-capture-time`, 8 or 16 bytes, passed on as it is.
    pub abs_capture_time: Option<&'a [u8]>,
    /// Dependency descriptor, passed on as it is.
    pub dependency_descriptor: Option<&'a [u8]>,
    /// Coordination of video orientation.
    pub orientation: Option<u8>,
    /// Playout delay: 12 bits least, 12 bits most, in units of 10 ms.
    pub playout_delay: Option<[u8; 3]>,
}

impl<'a> ExtensionValues<'a> {
    /// Reads the known elements; of repeated ones the last counts.
    pub fn read(elements: Extensions<'a>, table: &ExtensionTable) -> Self {
        let mut values = Self::default();
        for (id, value) in elements {
            let Some(kind) = table.kind(id) else { continue };
            match kind {
                ExtensionKind::AudioLevel => values.audio_level = AudioLevel::parse(value),
                ExtensionKind::TransportCc => {
                    // Version 2 of the extension appends a feedback request.
                    values.transport_seq = value.first_chunk().map(|seq| u16::from_be_bytes(*seq));
                }
                ExtensionKind::AbsSendTime => {
                    values.abs_send_time =
                        <[u8; 3]>::try_from(value).ok().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]));
                }
                ExtensionKind::Mid => values.mid = identifier(value),
                ExtensionKind::Rid => values.rid = identifier(value),
                ExtensionKind::RepairedRid => values.repaired_rid = identifier(value),
                ExtensionKind::AbsCaptureTime => {
                    values.abs_capture_time = matches!(value.len(), 8 | 16).then_some(value);
                }
                ExtensionKind::DependencyDescriptor => {
                    values.dependency_descriptor = (value.len() >= 3).then_some(value);
                }
                ExtensionKind::VideoOrientation => values.orientation = value.first().copied(),
                ExtensionKind::PlayoutDelay => values.playout_delay = value.try_into().ok(),
                ExtensionKind::TimeOffset
                | ExtensionKind::VideoContentType
                | ExtensionKind::VideoTiming
                | ExtensionKind::ColorSpace
                | ExtensionKind::VideoLayersAllocation => {}
            }
        }
        values
    }
}

/// An SDES item's text: up to the first zero byte, since some senders fill up with them, and ASCII.
fn identifier(value: &[u8]) -> Option<&str> {
    let text = value.split(|byte| *byte == 0).next()?;
    let text = std::str::from_utf8(text).ok()?;
    (!text.is_empty() && text.is_ascii()).then_some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::packet::RtpPacket;

    fn map() -> ExtensionMap {
        let mut map = ExtensionMap::default();
        for (index, kind) in ExtensionKind::ALL.into_iter().enumerate() {
            map.set(kind, index as u8 + 1);
        }
        map
    }

    fn packet(profile: [u8; 2], block: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend(profile);
        packet.extend(((block.len() / 4) as u16).to_be_bytes());
        packet.extend(block);
        packet
    }

    #[test]
    fn every_value_is_found_in_one_pass() {
        let block = [
            0x10, 0x85, // audio level 5 with voice
            0x22, 1, 2, 3, // abs-send-time
            0x41, 0xAB, 0xCD, // transport-cc
            0x50, b'7', // mid
            0x61, b'q', 0, // rid, filled up
            0x70, b'h', // repaired rid
            0x82, 0x80, 0, 1, // dependency descriptor
            0x92, 1, 2, 3, // playout delay
            0xA0, 3, // orientation
            0, 0,
        ];
        let bytes = packet([0xBE, 0xDE], &block);
        let values = RtpPacket::parse(&bytes).unwrap().values(&ExtensionTable::new(&map()));
        assert_eq!(values.audio_level, Some(AudioLevel { level: 5, voice: true }));
        assert_eq!(values.abs_send_time, Some(0x010203));
        assert_eq!(values.transport_seq, Some(0xABCD));
        assert_eq!((values.mid, values.rid, values.repaired_rid), (Some("7"), Some("q"), Some("h")));
        assert_eq!(values.dependency_descriptor, Some(&[0x80, 0, 1][..]));
        assert_eq!(values.playout_delay, Some([1, 2, 3]));
        assert_eq!(values.orientation, Some(3));
        assert_eq!(values.abs_capture_time, None);
    }

    #[test]
    fn values_of_the_wrong_length_count_as_absent() {
        let block = [1, 0, 4, 1, 9, 2, 2, 1, 1, 5, 0, 3, 4, 0xFF, 0xFE, 0xFD, 9, 2, 1, 1];
        let bytes = packet([0x10, 0], &block[..20]);
        let values = RtpPacket::parse(&bytes).unwrap().values(&ExtensionTable::new(&map()));
        assert_eq!(values, ExtensionValues::default());
    }

    #[test]
    fn ids_above_fifteen_are_known_too() {
        let mut map = ExtensionMap::default();
        map.set(ExtensionKind::Mid, 200);
        let table = ExtensionTable::from(&map);
        assert_eq!(table.kind(200), Some(ExtensionKind::Mid));
        assert_eq!(table.kind(0), None);
        assert_eq!(table.kind(3), None);
        let bytes = packet([0x10, 0], &[200, 2, b'1', b'2']);
        assert_eq!(RtpPacket::parse(&bytes).unwrap().values(&table).mid, Some("12"));
    }

    proptest! {
        #[test]
        fn arbitrary_blocks_never_panic(two_byte: bool, mut block in proptest::collection::vec(any::<u8>(), 0..120)) {
            block.truncate(block.len() / 4 * 4);
            let bytes = packet(if two_byte { [0x10, 0] } else { [0xBE, 0xDE] }, &block);
            let values = RtpPacket::parse(&bytes).unwrap().values(&ExtensionTable::new(&map()));
            if let Some(mid) = values.mid {
                prop_assert!(!mid.is_empty() && mid.is_ascii());
            }
        }
    }
}

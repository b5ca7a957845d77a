//! AV1 (AOM "RTP Payload Format For AV1"): aggregation header and dependency descriptor, as far as a forwarder needs
//! them to find key frames; [`dd`](super::dd) reads all of the descriptor.

/// The aggregation header (§4.4), first byte of every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregationHeader {
    /// Z: the first element continues one of the packet before.
    pub continues_previous: bool,
    /// Y: the last element goes on in the next packet.
    pub continues_in_next: bool,
    /// W: number of elements; 0 when each has its length in front.
    pub elements: u8,
    /// N: the packet begins a coded video sequence, that is, a key frame.
    pub new_sequence: bool,
}

impl AggregationHeader {
    /// Reads the header; None for a payload without anything behind it, and for one that begins a sequence and
    /// continues something at once, which cannot be.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[first, _, ..] = payload else {
            return None;
        };
        let header = Self {
            continues_previous: first & 0x80 != 0,
            continues_in_next: first & 0x40 != 0,
            elements: first >> 4 & 0x03,
            new_sequence: first & 0x08 != 0,
        };
        (!(header.continues_previous && header.new_sequence)).then_some(header)
    }
}

/// The mandatory fields of a dependency descriptor (appendix A.8.1), and whether it brings a new structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// First packet of a frame (of one layer).
    pub start_of_frame: bool,
    /// Last packet of a frame (of one layer).
    pub end_of_frame: bool,
    /// Which template of the current structure describes the frame.
    pub template_id: u8,
    /// Running number of the frame.
    pub frame_number: u16,
    /// A template structure is attached: a coded video sequence begins.
    pub has_structure: bool,
}

impl DependencyDescriptor {
    /// Reads the value of the header extension.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (&[first, high, low], rest) = value.split_first_chunk()?;
        Some(Self {
            start_of_frame: first & 0x80 != 0,
            end_of_frame: first & 0x40 != 0,
            template_id: first & 0x3F,
            frame_number: u16::from_be_bytes([high, low]),
            has_structure: rest.first().is_some_and(|flags| flags & 0x80 != 0),
        })
    }

    /// A key frame begins with this packet.
    pub const fn key_frame_start(&self) -> bool {
        self.start_of_frame && self.has_structure
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_aggregation_header_is_read() {
        let header = AggregationHeader::parse(&[0x28, 0x0A]).unwrap();
        assert!(header.new_sequence && !header.continues_previous && !header.continues_in_next);
        assert_eq!(header.elements, 2);
        let header = AggregationHeader::parse(&[0xD0, 0x0A]).unwrap();
        assert!(!header.new_sequence && header.continues_previous && header.continues_in_next);
        assert_eq!(AggregationHeader::parse(&[0x88, 0x0A]), None, "begins and continues");
        assert_eq!(AggregationHeader::parse(&[0x08]), None, "nothing behind it");
    }

    #[test]
    fn the_dependency_descriptor_is_read() {
        let short = DependencyDescriptor::parse(&[0xC5, 0x01, 0x02]).unwrap();
        assert!(short.start_of_frame && short.end_of_frame && !short.has_structure);
        assert_eq!((short.template_id, short.frame_number), (5, 0x0102));
        assert!(DependencyDescriptor::parse(&[0x80, 0, 1, 0x80, 1]).unwrap().key_frame_start());
        assert!(!DependencyDescriptor::parse(&[0x00, 0, 1, 0x80, 1]).unwrap().key_frame_start());
        assert!(!DependencyDescriptor::parse(&[0x80, 0, 1, 0x40, 1]).unwrap().key_frame_start());
        assert_eq!(DependencyDescriptor::parse(&[0x80, 0]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            AggregationHeader::parse(&bytes);
            DependencyDescriptor::parse(&bytes);
        }
    }
}

//! VP9 payload descriptor (RFC 9628 §4.2), as far as a forwarder needs it.

/// The payload descriptor of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// Running number of the picture, 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// P: the frame refers to an earlier picture.
    pub inter_picture: bool,
    /// F: references are named by the frame itself.
    pub flexible: bool,
    /// B: first packet of a layer's frame.
    pub start_of_frame: bool,
    /// E: last packet of a layer's frame.
    pub end_of_frame: bool,
    /// Z: no higher spatial layer refers to this frame.
    pub not_reference_for_upper: bool,
    /// Temporal layer; None without layer indices.
    pub temporal: Option<u8>,
    /// Spatial layer; None without layer indices.
    pub spatial: Option<u8>,
    /// U: from here on a receiver may move up to this temporal layer.
    pub switching_up: bool,
    /// D: the frame refers to a lower spatial layer of its picture.
    pub inter_layer: bool,
    /// How many spatial layers there are, where the scalability structure is sent along.
    pub spatial_layers: Option<u8>,
    /// Width and height of the highest layer, where the scalability structure is sent along.
    pub dimensions: Option<(u16, u16)>,
    /// Bytes of the descriptor.
    pub len: u16,
}

impl Vp9Descriptor {
    /// Reads the descriptor at the front of a payload; None when the payload ends before the VP9 data begins.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut bytes = Bytes { payload, at: 0 };
        let first = bytes.next()?;
        let flag = |bit: u8| first & bit != 0;
        let mut descriptor = Self {
            inter_picture: flag(0x40),
            flexible: flag(0x10),
            start_of_frame: flag(0x08),
            end_of_frame: flag(0x04),
            not_reference_for_upper: flag(0x01),
            ..Self::default()
        };
        if flag(0x80) {
            let high = bytes.next()?;
            descriptor.picture_id = Some(match high & 0x80 {
                0 => u16::from(high),
                _ => u16::from(high & 0x7F) << 8 | u16::from(bytes.next()?),
            });
        }
        if flag(0x20) {
            let layers = bytes.next()?;
            descriptor.temporal = Some(layers >> 5);
            descriptor.switching_up = layers & 0x10 != 0;
            descriptor.spatial = Some(layers >> 1 & 0x07);
            descriptor.inter_layer = layers & 0x01 != 0;
            if !descriptor.flexible {
                bytes.next()?; // TL0PICIDX
            }
        }
        if descriptor.flexible && descriptor.inter_picture {
            // At most three references, each but the last with its lowest bit set.
            for _ in 0..3 {
                if bytes.next()? & 0x01 == 0 {
                    break;
                }
            }
        }
        if flag(0x02) {
            let (layers, dimensions) = bytes.scalability_structure()?;
            (descriptor.spatial_layers, descriptor.dimensions) = (Some(layers), dimensions);
        }
        descriptor.len = u16::try_from(bytes.at).ok()?;
        (bytes.at < payload.len()).then_some(descriptor)
    }

    /// The packet begins a picture that refers to nothing: a key frame of all layers begins here.
    pub fn key_frame_start(&self) -> bool {
        self.start_of_frame && !self.inter_picture && !self.inter_layer && self.spatial.unwrap_or(0) == 0
    }
}

struct Bytes<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.payload.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from(self.next()?) << 8 | u16::from(self.next()?))
    }

    /// Skips the structure and returns how many layers it has, and the dimensions of the highest if it tells them.
    fn scalability_structure(&mut self) -> Option<(u8, Option<(u16, u16)>)> {
        let head = self.next()?;
        let mut dimensions = None;
        if head & 0x10 != 0 {
            for _ in 0..=head >> 5 {
                dimensions = Some((self.u16()?, self.u16()?));
            }
        }
        if head & 0x08 != 0 {
            for _ in 0..self.next()? {
                let references = self.next()? >> 2 & 0x03;
                self.at += usize::from(references);
            }
        }
        Some(((head >> 5) + 1, dimensions))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chromium_key_frame_with_its_structure_is_read() {
        // I, L, B, V; picture id 0x1234; TID 0, SID 0; TL0PICIDX; two layers with dimensions, one picture group entry.
        #[rustfmt::skip]
        let payload = [
            0xAA, 0x92, 0x34, 0x10, 7,
            0x38, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xD0,
            1, 0x14, 1,
            0x82,
        ];
        let descriptor = Vp9Descriptor::parse(&payload).unwrap();
        assert_eq!(descriptor.picture_id, Some(0x1234));
        assert_eq!((descriptor.temporal, descriptor.spatial, descriptor.switching_up), (Some(0), Some(0), true));
        assert_eq!(descriptor.dimensions, Some((1280, 720)));
        assert_eq!(descriptor.len, 17);
        assert!(descriptor.key_frame_start());
    }

    #[test]
    fn upper_layers_and_later_packets_begin_no_key_frame() {
        assert!(!Vp9Descriptor::parse(&[0x28, 0x03, 7, 0x82]).unwrap().key_frame_start(), "second spatial layer");
        assert!(!Vp9Descriptor::parse(&[0x20, 0x00, 7, 0x82]).unwrap().key_frame_start(), "not the first packet");
        assert!(!Vp9Descriptor::parse(&[0x68, 0x00, 7, 0x82]).unwrap().key_frame_start(), "refers to another picture");
        assert!(Vp9Descriptor::parse(&[0x08, 0x82]).unwrap().key_frame_start(), "no layer indices");
    }

    #[test]
    fn flexible_references_are_skipped() {
        let descriptor = Vp9Descriptor::parse(&[0x7C, 0x42, 3, 5, 6, 0x86]).unwrap();
        assert_eq!((descriptor.temporal, descriptor.spatial), (Some(2), Some(1)));
        assert_eq!(descriptor.len, 5);
        assert!(descriptor.end_of_frame);
    }

    #[test]
    fn cut_off_descriptors_are_refused() {
        let payload =
            [0xAA, 0x92, 0x34, 0x10, 7, 0x38, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xD0, 1, 0x14, 1, 0x82];
        for len in 0..payload.len() {
            assert_eq!(Vp9Descriptor::parse(&payload[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_payloads_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(descriptor) = Vp9Descriptor::parse(&payload) {
                prop_assert!(usize::from(descriptor.len) < payload.len());
                descriptor.key_frame_start();
            }
        }
    }
}

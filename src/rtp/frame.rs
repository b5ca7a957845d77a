//! What a packet means for the frames of its stream, whatever the codec.

use super::av1::{AggregationHeader, DependencyDescriptor};
use super::codec::Codec;
use super::h26x::{h264_key_frame_start, h265_key_frame_start};
use super::vp8::{self, Vp8Descriptor};
use super::vp9::Vp9Descriptor;

/// Where a packet stands in its frame, and the frame in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameMarks {
    /// A decoder can begin with this packet.
    pub key_frame_start: bool,
    /// The packet is known to begin a frame (of one spatial layer). H.264 and H.265 do not tell.
    pub start: bool,
    /// The packet ends a frame (of one spatial layer).
    pub end: bool,
    /// Temporal layer, where the payload tells it.
    pub temporal: Option<u8>,
    /// Spatial layer within the stream, where the payload tells it.
    pub spatial: Option<u8>,
}

impl FrameMarks {
    /// Reads what the payload's descriptor, or the dependency descriptor beside it, tells. Of audio every packet is a
    /// frame that a decoder can begin with.
    pub fn read(codec: Codec, payload: &[u8], marker: bool, dependency_descriptor: Option<&[u8]>) -> Self {
        let mut marks = Self { end: marker, ..Self::default() };
        match codec {
            Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 => {
                return Self { key_frame_start: true, start: true, end: true, ..Self::default() };
            }
            Codec::Vp8 => {
                if let Some(descriptor) = Vp8Descriptor::parse(payload) {
                    marks.key_frame_start = descriptor.key_frame;
                    marks.start = descriptor.start_of_partition && descriptor.partition == 0;
                    marks.temporal = descriptor.tid;
                }
            }
            Codec::Vp9 => {
                if let Some(descriptor) = Vp9Descriptor::parse(payload) {
                    marks.key_frame_start = descriptor.key_frame_start();
                    marks.start = descriptor.start_of_frame;
                    marks.end |= descriptor.end_of_frame;
                    (marks.temporal, marks.spatial) = (descriptor.temporal, descriptor.spatial);
                }
            }
            Codec::H264 => marks.key_frame_start = h264_key_frame_start(payload),
            Codec::H265 => marks.key_frame_start = h265_key_frame_start(payload),
            Codec::Av1 => {
                marks.key_frame_start = AggregationHeader::parse(payload).is_some_and(|head| head.new_sequence)
            }
        }
        if let Some(descriptor) = dependency_descriptor.and_then(DependencyDescriptor::parse) {
            marks.start = descriptor.start_of_frame;
            marks.end |= descriptor.end_of_frame;
            // The payload may be encrypted end to end; the descriptor never is.
            marks.key_frame_start |= codec == Codec::Av1 && descriptor.key_frame_start();
        }
        marks
    }
}

/// Whether a decoder can begin with this payload. Of audio, with any.
pub fn is_key_frame_start(codec: Codec, payload: &[u8]) -> bool {
    FrameMarks::read(codec, payload, false, None).key_frame_start
}

/// Width and height of the frame that begins in this payload, where VP8 key frames and VP9 structures tell them.
pub fn dimensions(codec: Codec, payload: &[u8]) -> Option<(u16, u16)> {
    match codec {
        Codec::Vp8 => vp8::key_frame_dimensions(payload),
        Codec::Vp9 => Vp9Descriptor::parse(payload)?.dimensions,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_codec_tells_its_key_frames() {
        let cases: [(Codec, &[u8], &[u8]); 5] = [
            (Codec::Vp8, &[0x10, 0x00], &[0x10, 0x01]),
            (Codec::Vp9, &[0x08, 0x82], &[0x48, 0x86]),
            (Codec::H264, &[0x67, 0x42], &[0x61, 0x42]),
            (Codec::H265, &[0x40, 0x01, 0x0C], &[0x02, 0x01, 0x0C]),
            (Codec::Av1, &[0x18, 0x0A], &[0x10, 0x32]),
        ];
        for (codec, key, delta) in cases {
            assert!(is_key_frame_start(codec, key), "{codec:?}");
            assert!(!is_key_frame_start(codec, delta), "{codec:?}");
        }
        assert!(is_key_frame_start(Codec::Opus, &[]));
    }

    #[test]
    fn a_dependency_descriptor_tells_what_an_encrypted_payload_hides() {
        let marks = FrameMarks::read(Codec::Av1, &[0x10, 0xFF], false, Some(&[0xC0, 0, 1, 0x80, 0]));
        assert!(marks.key_frame_start && marks.start && marks.end);
        let marks = FrameMarks::read(Codec::Av1, &[0x10, 0xFF], false, Some(&[0x00, 0, 1]));
        assert!(!marks.key_frame_start && !marks.start && !marks.end);
    }

    #[test]
    fn dimensions_come_from_vp8_and_vp9() {
        let vp8 = [0x10, 0x50, 0x42, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x00];
        assert_eq!(dimensions(Codec::Vp8, &vp8), Some((320, 180)));
        assert_eq!(dimensions(Codec::Vp9, &[0x0A, 0x10, 0x01, 0x40, 0x00, 0xB4, 0x82]), Some((320, 180)));
        assert_eq!(dimensions(Codec::H264, &vp8), None);
    }

    proptest! {
        #[test]
        fn arbitrary_payloads_never_panic(
            payload in proptest::collection::vec(any::<u8>(), 0..60), descriptor in proptest::collection::vec(any::<u8>(), 0..6)
        ) {
            for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1] {
                FrameMarks::read(codec, &payload, false, Some(&descriptor));
                dimensions(codec, &payload);
            }
        }
    }
}

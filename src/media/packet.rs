//! One received packet as the forwarders see it: parsed once, its bytes in the source stream's cache.

use crate::rtp::dd::Structure;
use crate::rtp::frame::FrameMarks;
use crate::rtp::layers::Layers;
use crate::rtp::values::AudioLevel;
use crate::rtp::vp8::Vp8Descriptor;
use crate::rtp::{Codec, ExtensionValues, RtpHeader};

use super::stream::StreamKey;

/// A piece of a packet, by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    at: u16,
    len: u16,
}

impl Piece {
    /// Where `part` lies in `packet`, of which it must be a slice.
    fn of(packet: &[u8], part: &[u8]) -> Option<Self> {
        let at = (part.as_ptr() as usize).checked_sub(packet.as_ptr() as usize)?;
        (at + part.len() <= packet.len()).then_some(Self { at: at as u16, len: part.len() as u16 })
    }

    fn get(self, packet: &[u8]) -> Option<&[u8]> {
        packet.get(usize::from(self.at)..usize::from(self.at) + usize::from(self.len))
    }
}

/// The extension values that are passed on, without borrowing the packet.
#[derive(Clone, Copy, Debug, Default)]
struct PassedOn {
    audio_level: Option<AudioLevel>,
    orientation: Option<u8>,
    playout_delay: Option<[u8; 3]>,
    abs_capture_time: Option<Piece>,
    dependency_descriptor: Option<Piece>,
}

/// A packet that was received, or taken out of the cache again.
#[derive(Clone, Copy, Debug)]
pub struct SourcePacket {
    /// The stream in whose cache its bytes are.
    pub stream: StreamKey,
    /// Extended sequence number in that stream.
    pub seq: u64,
    /// What its header says.
    pub header: RtpHeader,
    /// Its codec.
    pub codec: Codec,
    /// Its VP8 descriptor, where the codec is VP8.
    pub vp8: Option<Vp8Descriptor>,
    /// Decoding can begin here: the start of a key frame, or any packet of audio.
    pub opens: bool,
    /// Where it stands among the layers inside its stream, where it tells.
    pub layers: Option<Layers>,
    values: PassedOn,
}

impl SourcePacket {
    /// Puts together what is known of `bytes`, whose header and values these are; `structure` is the stream's.
    pub fn new(
        stream: StreamKey,
        seq: u64,
        header: RtpHeader,
        codec: Codec,
        values: &ExtensionValues<'_>,
        bytes: &[u8],
        structure: Option<&Structure>,
    ) -> Self {
        let payload = header.payload(bytes);
        let vp8 = if codec == Codec::Vp8 { Vp8Descriptor::parse(payload) } else { None };
        let opens = match &vp8 {
            Some(descriptor) => descriptor.key_frame,
            None => FrameMarks::read(codec, payload, header.marker, values.dependency_descriptor).key_frame_start,
        };
        let layers = match (codec, values.dependency_descriptor) {
            (Codec::Vp8, _) => vp8.and_then(|descriptor| Layers::of_vp8(&descriptor, header.marker)),
            (Codec::Vp9, None) => Layers::of_vp9(payload, header.marker),
            (Codec::Vp9, Some(value)) => {
                Layers::of_descriptor(value, structure).or_else(|| Layers::of_vp9(payload, header.marker))
            }
            (Codec::Av1, Some(value)) => Layers::of_descriptor(value, structure),
            _ => None,
        };
        let values = PassedOn {
            audio_level: values.audio_level,
            orientation: values.orientation,
            playout_delay: values.playout_delay,
            abs_capture_time: values.abs_capture_time.and_then(|part| Piece::of(bytes, part)),
            dependency_descriptor: values.dependency_descriptor.and_then(|part| Piece::of(bytes, part)),
        };
        Self { stream, seq, header, codec, vp8, opens, layers, values }
    }

    /// Its size without padding, which is not passed on.
    pub fn bytes(&self) -> u64 {
        u64::from(self.header.len - u16::from(self.header.padding_len))
    }

    /// The extension values to be passed on; `bytes` is the packet.
    pub fn values<'a>(&self, bytes: &'a [u8]) -> ExtensionValues<'a> {
        ExtensionValues {
            audio_level: self.values.audio_level,
            orientation: self.values.orientation,
            playout_delay: self.values.playout_delay,
            abs_capture_time: self.values.abs_capture_time.and_then(|piece| piece.get(bytes)),
            dependency_descriptor: self.values.dependency_descriptor.and_then(|piece| piece.get(bytes)),
            ..ExtensionValues::default()
        }
    }
}

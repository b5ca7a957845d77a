//! What the control plane wants of codecs.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::rtp::{Codec, CodecParams};

/// A codec of `room.enabled_codecs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledCodec {
    /// The codec.
    pub codec: Codec,
    /// Only where the fmtp parameters are these; any where absent.
    pub fmtp: Option<Arc<str>>,
}

/// Which codecs a participant may send, and which it may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledCodecs {
    /// From the participant.
    pub publish: Vec<EnabledCodec>,
    /// To the participant.
    pub subscribe: Vec<EnabledCodec>,
    /// Retransmission streams (RFC 4588) for video.
    pub rtx: bool,
}

impl EnabledCodecs {
    /// The given codecs in both directions, with RTX.
    pub fn both_ways(codecs: &[Codec]) -> Self {
        let list: Vec<_> = codecs.iter().map(|&codec| EnabledCodec { codec, fmtp: None }).collect();
        Self { publish: list.clone(), subscribe: list, rtx: true }
    }
}

/// LiveKit's defaults (`config.DefaultConfig.Room.EnabledCodecs`).
impl Default for EnabledCodecs {
    fn default() -> Self {
        use Codec::{Av1, H264, H265, Opus, Pcma, Pcmu, Red, Vp8, Vp9};
        Self::both_ways(&[Opus, Red, Pcmu, Pcma, Vp8, H264, Vp9, Av1, H265])
    }
}

/// A codec as a published track uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackCodec {
    /// The codec.
    pub codec: Codec,
    /// Its fmtp parameters, from which profile and packetisation mode are taken; may be empty.
    pub fmtp: Arc<str>,
}

impl From<&CodecParams> for TrackCodec {
    fn from(params: &CodecParams) -> Self {
        Self { codec: params.codec, fmtp: params.fmtp.clone() }
    }
}

impl From<Codec> for TrackCodec {
    fn from(codec: Codec) -> Self {
        Self { codec, fmtp: "".into() }
    }
}

/// Which of the codecs that a publisher offers the answer names. Where nothing would remain, the rule is ignored:
/// the publisher then sends what it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodecRule {
    /// All, in the offered order.
    #[default]
    Any,
    /// All, this one first; most clients send the first.
    Prefer(Codec),
    /// This one alone, for clients that do not heed the order (Firefox on Linux and Android).
    Only(Codec),
}

/// What the control plane wants changed in the answer to one published section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishEdits {
    /// Which codec to send.
    pub codecs: CodecRule,
    /// Codecs that this client must not send; unlike a rule these never come back.
    pub disabled: SmallVec<[Codec; 4]>,
    /// Opus: discontinuous transmission (`usedtx=1`).
    pub dtx: bool,
    /// Opus: two channels (`stereo=1`), up to 510 kbit/s.
    pub stereo: bool,
    /// Audio: redundant encoding is accepted, and preferred; refused otherwise.
    pub red: bool,
}

impl Default for PublishEdits {
    fn default() -> Self {
        Self { codecs: CodecRule::Any, disabled: SmallVec::new(), dtx: true, stereo: false, red: true }
    }
}

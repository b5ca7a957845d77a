//! In which payload type a subscriber takes what a publisher sends.

use arrayvec::ArrayVec;

use crate::rtp::{Codec, CodecParams};
use crate::units::PayloadType;

/// How packets of one source payload type leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Payload type in the source.
    pub source: PayloadType,
    /// Payload type towards the subscriber; absent when it cannot decode this codec.
    pub payload_type: Option<PayloadType>,
    /// Payload type of its retransmissions.
    pub rtx: Option<PayloadType>,
    /// The source is RED, the subscriber takes the primary payload only.
    pub strip_red: bool,
}

impl Route {
    /// How a subscriber that accepts these takes what a publisher sends.
    pub fn find(source: &CodecParams, accepted: &[CodecParams]) -> Self {
        let same: ArrayVec<&CodecParams, 16> =
            accepted.iter().filter(|accepted| accepted.codec == source.codec).take(16).collect();
        // Of several entries of one codec the one with the same profile is meant.
        let key = match source.codec {
            Codec::H264 => ["profile-level-id", "packetization-mode"],
            Codec::Vp9 => ["profile-id", ""],
            Codec::Av1 => ["profile", ""],
            Codec::H265 => ["profile-id", "tier-flag"],
            _ => ["", ""],
        };
        let alike = |params: &&&CodecParams| {
            key.iter().all(|key| {
                let prefix = if *key == "profile-level-id" { 4 } else { usize::MAX };
                let cut = |value: Option<&str>| {
                    value.unwrap_or_default().to_ascii_lowercase().chars().take(prefix).collect::<String>()
                };
                key.is_empty() || cut(params.fmtp_value(key)) == cut(source.fmtp_value(key))
            })
        };
        let found = same.iter().find(alike).or_else(|| same.first()).copied();
        if let Some(found) = found {
            return Self {
                source: source.payload_type,
                payload_type: Some(found.payload_type),
                rtx: found.rtx,
                strip_red: false,
            };
        }
        let opus = accepted.iter().find(|accepted| source.codec == Codec::Red && accepted.codec == Codec::Opus);
        Self {
            source: source.payload_type,
            payload_type: opus.map(|opus| opus.payload_type),
            rtx: opus.and_then(|opus| opus.rtx),
            strip_red: opus.is_some(),
        }
    }
}

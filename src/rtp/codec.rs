//! Codecs that we forward and how SDP names them.

use std::fmt;
use std::sync::Arc;

use crate::units::{ClockRate, MediaKind, PayloadType};

/// A media codec that the SFU can forward. RTX is a property of a codec's entry, not a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio, RFC 2198, carrying Opus.
    Red,
    /// G.711 µ-law, RFC 3551.
    Pcmu,
    /// G.711 A-law, RFC 3551.
    Pcma,
    /// RFC 3551.
    G722,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// AOM "RTP Payload Format For AV1".
    Av1,
}

impl Codec {
    /// The encoding name of `a=rtpmap`, in the field's usual case.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Red => "red",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Vp8 => "VP8",
            Codec::Vp9 => "VP9",
            Codec::H264 => "H264",
            Codec::H265 => "H265",
            Codec::Av1 => "AV1",
        }
    }

    /// The MIME type as LiveKit's messages write it, for example `video/VP8`.
    pub const fn mime(self) -> &'static str {
        match self {
            Codec::Opus => "audio/opus",
            Codec::Red => "audio/red",
            Codec::Pcmu => "audio/PCMU",
            Codec::Pcma => "audio/PCMA",
            Codec::G722 => "audio/G722",
            Codec::Vp8 => "video/VP8",
            Codec::Vp9 => "video/VP9",
            Codec::H264 => "video/H264",
            Codec::H265 => "video/H265",
            Codec::Av1 => "video/AV1",
        }
    }

    /// Reads an encoding name or a MIME type, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.rsplit('/').next().unwrap_or(text);
        const ALL: [Codec; 10] = [
            Codec::Opus,
            Codec::Red,
            Codec::Pcmu,
            Codec::Pcma,
            Codec::G722,
            Codec::Vp8,
            Codec::Vp9,
            Codec::H264,
            Codec::H265,
            Codec::Av1,
        ];
        ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Audio or video.
    pub const fn kind(self) -> MediaKind {
        match self {
            Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 => MediaKind::Audio,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1 => MediaKind::Video,
        }
    }
}

/// One negotiated codec of a media section: the payload types of one peer and one direction.
#[derive(Clone, PartialEq, Eq)]
pub struct CodecParams {
    /// The codec.
    pub codec: Codec,
    /// Its payload type, as the offerer numbered it.
    pub payload_type: PayloadType,
    /// Its RTP clock.
    pub clock_rate: ClockRate,
    /// Audio channels; 0 where `a=rtpmap` names none.
    pub channels: u8,
    /// The value of `a=fmtp` without the payload type; empty when there is none.
    pub fmtp: Arc<str>,
    /// Payload type of its retransmissions (RFC 4588), where negotiated.
    pub rtx: Option<PayloadType>,
    /// Generic NACK was negotiated.
    pub nack: bool,
    /// Picture loss indication was negotiated.
    pub pli: bool,
    /// Full intra request was negotiated.
    pub fir: bool,
    /// Transport-wide feedback was negotiated.
    pub transport_cc: bool,
    /// Receiver estimated maximum bitrate was negotiated.
    pub remb: bool,
}

impl CodecParams {
    /// The value of one `key=value` in the fmtp line.
    pub fn fmtp_value(&self, key: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.eq_ignore_ascii_case(key).then_some(value)
        })
    }
}

impl fmt::Debug for CodecParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.codec.name(), self.payload_type.0)?;
        if let Some(rtx) = self.rtx {
            write!(f, "+rtx={}", rtx.0)?;
        }
        Ok(())
    }
}

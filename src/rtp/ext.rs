//! RTP header extensions (RFC 8285): which we know and which ids one peer gave them.

/// A header extension that we read, write or pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExtensionKind {
    /// RFC 6464 client-to-mixer audio level.
    AudioLevel,
    /// `abs-send-time`.
    AbsSendTime,
    /// `abs-capture-time`.
    AbsCaptureTime,
    /// Transport-wide sequence number.
    TransportCc,
    /// RFC 8843 mid.
    Mid,
    /// RFC 8852 RtpStreamId.
    Rid,
    /// RFC 8852 RepairedRtpStreamId.
    RepairedRid,
    /// AV1 dependency descriptor.
    DependencyDescriptor,
    /// Playout delay.
    PlayoutDelay,
    /// 3GPP coordination of video orientation.
    VideoOrientation,
    /// RFC 5450 transmission time offset.
    TimeOffset,
    /// Video content type.
    VideoContentType,
    /// Video timing.
    VideoTiming,
    /// Colour space.
    ColorSpace,
    /// Video layers allocation.
    VideoLayersAllocation,
}

impl ExtensionKind {
    /// How many kinds there are.
    pub const COUNT: usize = 15;

    /// Every kind.
    pub const ALL: [ExtensionKind; Self::COUNT] = [
        Self::AudioLevel,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::TransportCc,
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::DependencyDescriptor,
        Self::PlayoutDelay,
        Self::VideoOrientation,
        Self::TimeOffset,
        Self::VideoContentType,
        Self::VideoTiming,
        Self::ColorSpace,
        Self::VideoLayersAllocation,
    ];

    /// The URI of `a=extmap`.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::TimeOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Self::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Self::VideoTiming => "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::VideoLayersAllocation => "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
        }
    }

    /// The kind with this URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

/// The ids (1 to 14, or to 255 in two-byte form) that one peer gave the extensions of one media section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionMap {
    ids: [u8; ExtensionKind::COUNT],
}

impl ExtensionMap {
    /// The id of `kind`, where negotiated.
    pub const fn id(&self, kind: ExtensionKind) -> Option<u8> {
        match self.ids[kind as usize] {
            0 => None,
            id => Some(id),
        }
    }

    /// Gives `kind` an id; 0 takes it away.
    pub const fn set(&mut self, kind: ExtensionKind, id: u8) {
        self.ids[kind as usize] = id;
    }

    /// The kind that bears `id`.
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        if id == 0 {
            return None;
        }
        ExtensionKind::ALL.into_iter().find(|kind| self.ids[*kind as usize] == id)
    }

    /// Every negotiated kind with its id.
    pub fn iter(&self) -> impl Iterator<Item = (ExtensionKind, u8)> + '_ {
        ExtensionKind::ALL.into_iter().filter_map(|kind| self.id(kind).map(|id| (kind, id)))
    }
}

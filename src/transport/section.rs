//! What an offer/answer exchange settles, as plain values: the control plane negotiates them,
//! the media shard obeys them.

use std::fmt;
use std::sync::Arc;

use arrayvec::ArrayString;
use smallvec::SmallVec;

use crate::ids::ForwarderId;
use crate::rtp::{CodecParams, ExtensionMap};
use crate::units::{MediaKind, Mid, Rid, Ssrc};

/// ICE username fragment and password of one side (RFC 8839 §5.4). The password is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// `a=ice-ufrag`.
    pub ufrag: ArrayString<256>,
    /// `a=ice-pwd`.
    pub pwd: ArrayString<256>,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({}:***)", self.ufrag)
    }
}

/// SHA-256 of a certificate (RFC 8122). Peers that offer only other hashes are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:02X}{:02X}…)", self.0[0], self.0[1])
    }
}

/// Who opens the DTLS handshake (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// We wait for the peer's ClientHello: the usual case.
    Passive,
    /// We send the ClientHello.
    Active,
}

/// What the remote description says of the transport under all its bundled sections.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteTransport {
    /// The peer's ICE credentials.
    pub ice: IceCredentials,
    /// The peer's certificate.
    pub fingerprint: Fingerprint,
    /// Our own part in the handshake.
    pub role: DtlsRole,
    /// SCTP, where an application section was accepted.
    pub sctp: Option<SctpParams>,
}

/// The application section's parameters (RFC 8841).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpParams {
    /// `a=sctp-port`.
    pub port: u16,
    /// Largest message that the peer accepts, in bytes; 0 means any.
    pub max_message_size: u32,
}

/// A primary stream and its retransmission stream as declared in SDP (`a=ssrc-group:FID`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SsrcPair {
    /// The media stream.
    pub primary: Ssrc,
    /// Its RTX stream.
    pub rtx: Option<Ssrc>,
}

/// A section on which the peer sends to us.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverSection {
    /// The section's mid.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// First part of `a=msid`.
    pub stream_id: Arc<str>,
    /// Second part of `a=msid`: the client's id (`cid`) of the track.
    pub track_id: Arc<str>,
    /// Codecs that the peer may send, in its order of preference.
    pub codecs: Vec<CodecParams>,
    /// Extension ids that the peer uses.
    pub extensions: ExtensionMap,
    /// Simulcast stream ids in the order of `a=simulcast`; empty without simulcast.
    pub rids: SmallVec<[Rid; 4]>,
    /// Streams declared by `a=ssrc`, in the order of `a=ssrc-group:SIM` where there is one.
    pub ssrcs: SmallVec<[SsrcPair; 4]>,
}

/// A section on which we send one forwarder's stream to the peer.
#[derive(Clone, Debug, PartialEq)]
pub struct SenderSection {
    /// The section's mid.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// Whose stream it carries.
    pub forwarder: ForwarderId,
    /// Codecs that the peer accepts, with the payload types that it expects.
    pub codecs: Vec<CodecParams>,
    /// Extension ids that the peer expects.
    pub extensions: ExtensionMap,
    /// Our stream.
    pub ssrc: Ssrc,
    /// Our retransmission stream.
    pub rtx_ssrc: Ssrc,
}

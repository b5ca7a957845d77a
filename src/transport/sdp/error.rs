//! Why a description is refused.

use super::remote::{MAX_SDP_BYTES, MAX_SECTIONS};

/// Why a description is refused, or why none can be made. Nothing has changed when one is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The text is longer than [`MAX_SDP_BYTES`].
    #[error("description of {0} bytes exceeds {MAX_SDP_BYTES}")]
    TooLarge(usize),
    /// There are more m-lines than [`MAX_SECTIONS`].
    #[error("{0} media sections exceed {MAX_SECTIONS}")]
    TooManySections(usize),
    /// It has no m-line at all.
    #[error("description without media sections")]
    NoSections,
    /// It is not SDP (RFC 8866); the text says where, shortened.
    #[error("malformed description: {0}")]
    Malformed(String),
    /// A section without `a=mid`, or with one that a header extension cannot carry.
    #[error("media section {0} has no usable mid")]
    BadMid(usize),
    /// Two sections bear the same mid.
    #[error("mid {0} occurs twice")]
    DuplicateMid(String),
    /// Not everything is bundled (RFC 8843); there is one transport here.
    #[error("media section {0} is not in a BUNDLE group")]
    NotBundled(String),
    /// No `a=fingerprint`.
    #[error("no certificate fingerprint")]
    NoFingerprint,
    /// Fingerprints, but none by SHA-256.
    #[error("certificate fingerprint by {0}, only sha-256 is accepted")]
    FingerprintAlgorithm(String),
    /// A SHA-256 fingerprint that is not 32 hexadecimal bytes.
    #[error("malformed certificate fingerprint")]
    BadFingerprint,
    /// No `a=ice-ufrag` or no `a=ice-pwd`.
    #[error("no ICE credentials")]
    NoIceCredentials,
    /// ICE credentials outside the lengths of RFC 8839 §5.4, or with spaces.
    #[error("malformed ICE credentials")]
    BadIceCredentials,
    /// An `a=setup` that leaves nobody to open the DTLS handshake.
    #[error("a=setup:{0} is not possible here")]
    BadSetup(String),
    /// Fewer sections than before, which RFC 3264 §8 forbids.
    #[error("{now} media sections where there were {before}")]
    SectionsVanished {
        /// Sections that the connection has.
        before: usize,
        /// Sections in the description.
        now: usize,
    },
    /// A live section changed its mid or its kind.
    #[error("media section {0} changed its mid or kind")]
    SectionChanged(usize),
    /// An offer to the side that offers, or an answer to the side that answers or has not offered.
    #[error("description of the wrong type in this state")]
    WrongState,
    /// No section could be accepted: no codec in common, no data channel.
    #[error("nothing in the offer can be accepted")]
    NothingAccepted,
}

//! What goes in and out of a [`Transport`](super::Transport) as values: parameters, events, drops, errors.

use std::sync::Arc;
use std::time::Duration;

use super::certificate::Certificate;
use super::path::Path;
use super::section::IceCredentials;

/// What a transport is made of.
#[derive(Clone, Debug)]
pub struct TransportParams {
    /// Our ICE credentials.
    pub ice: IceCredentials,
    /// Our certificate, shared by all transports of a process.
    pub certificate: Arc<Certificate>,
    /// Seed of all randomness that is ours and needs no secrecy. Keys, DTLS randoms and SCTP tags never come
    /// from it: the crypto library and the protocol crates draw those themselves.
    pub seed: u64,
    /// Bounds and timeouts.
    pub limits: TransportLimits,
}

/// Bounds and timeouts of one transport.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransportLimits {
    /// From creation to the first authenticated check (LiveKit's upper bound for its own wait is 20 s).
    pub ice_timeout: Duration,
    /// Silence after which the path counts as disconnected (LiveKit `iceDisconnectedTimeout`).
    pub disconnected_after: Duration,
    /// Further silence after which it has failed (LiveKit `iceFailedTimeout`).
    pub failed_after: Duration,
    /// A path without an authenticated check for this long is forgotten (RFC 7675 §5.1).
    pub path_expiry: Duration,
    /// From the first ICE check to the end of the DTLS handshake.
    pub handshake_timeout: Duration,
    /// Bytes waiting on one reliable data channel before [`SendDataError::Full`].
    pub reliable_buffer: usize,
    /// Bytes waiting on one lossy data channel before the oldest are dropped.
    pub lossy_buffer: usize,
    /// Age at which a message waiting on a lossy channel is dropped.
    pub lossy_age: Duration,
    /// Largest message that we accept or send, in bytes.
    pub max_message: usize,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            ice_timeout: Duration::from_secs(20),
            disconnected_after: Duration::from_secs(10),
            failed_after: Duration::from_secs(5),
            path_expiry: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(30),
            reliable_buffer: 2 * 1024 * 1024,
            lossy_buffer: 128 * 1024,
            lossy_age: Duration::from_millis(500),
            max_message: 256 * 1024,
        }
    }
}

/// What became of a received datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// STUN, DTLS or SCTP: dealt with inside; events and datagrams to send may be waiting.
    Consumed,
    /// One plaintext RTP packet: decrypted in place, authenticated and not seen before. Only the fixed header,
    /// the CSRC list and the extension's length have been checked.
    Rtp(&'a mut [u8]),
    /// One plaintext RTCP compound: decrypted in place, authenticated and not seen before.
    Rtcp(&'a mut [u8]),
    /// Ignored, and counted.
    Dropped(DropCause),
}

/// Why a received datagram, or one to be sent, was dropped. An index into [`TransportCounters::drops`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropCause {
    /// Neither STUN, DTLS, RTP nor RTCP by its first bytes.
    UnknownKind,
    /// STUN that cannot be parsed, or whose fingerprint is wrong.
    StunMalformed,
    /// STUN that is no Binding request.
    StunUnexpected,
    /// STUN for a ufrag that is not ours.
    StunUnknownUfrag,
    /// STUN whose MESSAGE-INTEGRITY is missing or wrong.
    StunIntegrity,
    /// DTLS, RTP or RTCP from an address that no authenticated check came from.
    UnvalidatedPath,
    /// DTLS that cannot belong to a handshake, or whose buffer is full.
    DtlsMalformed,
    /// RTP or RTCP before the handshake is done and the fingerprint verified.
    NotReady,
    /// RTP whose header does not fit the datagram, or RTCP shorter than its header and tag.
    MediaMalformed,
    /// RTP or RTCP whose authentication tag is wrong.
    MediaIntegrity,
    /// A packet received before.
    Replay,
    /// A packet older than the replay window.
    TooOld,
    /// The transport has failed for good.
    Failed,
    /// The bounded queue of datagrams to send was full.
    SendQueueFull,
    /// A stale message of a lossy data channel gave way to a newer one.
    StaleMessage,
    /// Data that came before the fingerprint could be verified, beyond the few records kept.
    EarlyData,
}

impl DropCause {
    /// How many causes there are.
    pub const COUNT: usize = 16;

    /// Every cause with the word that metrics use for it.
    pub const ALL: [(DropCause, &'static str); Self::COUNT] = [
        (Self::UnknownKind, "unknown_kind"),
        (Self::StunMalformed, "stun_malformed"),
        (Self::StunUnexpected, "stun_unexpected"),
        (Self::StunUnknownUfrag, "stun_unknown_ufrag"),
        (Self::StunIntegrity, "stun_integrity"),
        (Self::UnvalidatedPath, "unvalidated_path"),
        (Self::DtlsMalformed, "dtls_malformed"),
        (Self::NotReady, "not_ready"),
        (Self::MediaMalformed, "media_malformed"),
        (Self::MediaIntegrity, "media_integrity"),
        (Self::Replay, "replay"),
        (Self::TooOld, "too_old"),
        (Self::Failed, "failed"),
        (Self::SendQueueFull, "send_queue_full"),
        (Self::StaleMessage, "stale_message"),
        (Self::EarlyData, "early_data"),
    ];
}

/// Plain counters of one transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportCounters {
    /// Drops by [`DropCause`] as index.
    pub drops: [u64; DropCause::COUNT],
    /// Authenticated STUN checks answered.
    pub checks: u64,
    /// Paths validated.
    pub paths: u64,
}

impl TransportCounters {
    /// Counts one drop.
    pub fn drop(&mut self, cause: DropCause) {
        self.drops[cause as usize] += 1;
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &TransportCounters) {
        for (sum, more) in self.drops.iter_mut().zip(other.drops) {
            *sum += more;
        }
        self.checks += other.checks;
        self.paths += other.paths;
    }

    /// Drops of one cause.
    pub fn dropped(&self, cause: DropCause) -> u64 {
        self.drops[cause as usize]
    }
}

/// Number of a data channel within its transport: its SCTP stream (RFC 8831 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u16);

/// A data channel to be opened from our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelParams {
    /// Label, at most 256 bytes are kept.
    pub label: String,
    /// Messages arrive in order.
    pub ordered: bool,
    /// Retransmissions of one message at most; unlimited when absent.
    pub max_retransmits: Option<u16>,
}

/// Something that the owner of a transport must know.
#[derive(Debug, PartialEq)]
pub enum TransportEvent {
    /// An authenticated check arrived over a new path; datagrams from it belong to this transport.
    PathAdded(Path),
    /// The path has expired, lost its place to a newer one, or belonged to replaced ICE credentials.
    PathRemoved(Path),
    /// ICE, DTLS and the fingerprint are good: media and data may flow.
    Connected(Path),
    /// Media moved to another path.
    PathChanged(Path),
    /// Nothing authenticated was heard for [`TransportLimits::disconnected_after`].
    ConsentLost,
    /// Heard again after [`TransportEvent::ConsentLost`], or after a failure for want of consent.
    ConsentRegained,
    /// The transport is lost. After [`FailureCause::ConsentExpired`] and [`FailureCause::IceTimeout`] a new check
    /// revives it ([`TransportEvent::ConsentRegained`] or [`TransportEvent::Connected`] follows); after every
    /// other cause nothing does.
    Failed(FailureCause),
    /// A data channel is open, whoever opened it.
    DataChannelOpened {
        /// Its number.
        channel: ChannelId,
        /// Its label.
        label: String,
        /// Messages arrive in order.
        ordered: bool,
        /// Retransmissions of one message at most.
        max_retransmits: Option<u16>,
    },
    /// A data channel was closed by the peer, or went down with the association.
    DataChannelClosed(ChannelId),
    /// A message from the peer.
    Data {
        /// On which channel.
        channel: ChannelId,
        /// The message.
        payload: Vec<u8>,
        /// Binary or text, as the peer said.
        binary: bool,
    },
}

/// Why a transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCause {
    /// No authenticated check within the time allowed.
    IceTimeout,
    /// No authenticated packet for too long.
    ConsentExpired,
    /// The DTLS handshake failed or took too long, or a record limit was reached.
    Dtls,
    /// The certificate does not match the SDP's fingerprint.
    FingerprintMismatch,
    /// The peer closed DTLS.
    Closed,
}

/// A remote description that cannot be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The peer may not change its certificate in mid-connection here.
    #[error("the fingerprint changed after the handshake")]
    FingerprintChanged,
    /// The peer's certificate is not the one its description announces.
    #[error("the peer's certificate does not match the fingerprint")]
    FingerprintMismatch,
    /// The DTLS role may not change once a handshake has begun.
    #[error("the DTLS role changed after the handshake began")]
    RoleChanged,
    /// DTLS could not be started.
    #[error("DTLS cannot be started")]
    Dtls,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendDataError {
    /// No such channel, or it is not open.
    #[error("the data channel is not open")]
    NotOpen,
    /// The peer reads too slowly: [`TransportLimits::reliable_buffer`] bytes are waiting.
    #[error("the data channel's buffer is full")]
    Full,
    /// Larger than the peer or we accept.
    #[error("the message is too large")]
    TooLarge,
}

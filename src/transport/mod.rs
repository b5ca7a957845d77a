//! Floor 2 of the media wing: one participant's connection, without sockets or clocks.

pub mod demux;
pub mod path;
pub mod sdp;
pub mod section;

mod certificate;
mod connection;
mod dtls;
mod event;
mod ice;
mod outbox;
mod sctp;
pub mod srtp;

pub use certificate::{Certificate, CertificateError};
pub use connection::Transport;
pub use event::{
    ChannelId, DataChannelParams, DropCause, FailureCause, Inbound, SendDataError, TransportCounters, TransportError,
    TransportEvent, TransportLimits, TransportParams,
};
pub use path::{Path, SocketId};
pub use section::{
    DtlsRole, Fingerprint, IceCredentials, ReceiverSection, RemoteTransport, SctpParams, SenderSection, SsrcPair,
};

//! Offer and answer (RFC 3264, RFC 8829) of one peer connection, as a server needs them.
//!
//! [`Negotiation`] keeps the list of media sections and says which stream goes where. It is pure: text in,
//! text out, and plain values ([`ReceiverSection`](super::ReceiverSection), [`SenderSection`](super::SenderSection))
//! that the media shard obeys. Reading and writing of the lines is `rtc-sdp`'s; what they mean is decided here.
//!
//! - `remote`, `codecs`: what a peer's description says, narrowed to what we use
//! - `selection`, `extensions`: what of an offer is kept, and what our own offers contain
//! - `settings`: what the control plane wants
//! - `answer`, `offer`: the two roles of [`Negotiation`]
//! - `write`: our own descriptions
//! - `candidate`: our ICE candidates
//! - `client`: a server's answer, as a client of ours reads it

mod answer;
mod candidate;
mod client;
mod codecs;
mod error;
mod extensions;
mod negotiation;
mod offer;
mod remote;
mod selection;
mod settings;
mod write;

#[cfg(test)]
mod tests;

pub use candidate::{Candidate, CandidateProtocol};
pub use client::{Answer, AnsweredSection, read_candidate};
pub use error::SdpError;
pub use negotiation::{
    LocalDescription, LocalParams, Negotiation, NegotiationRole, RemoteDescription, SectionsNeeded, SenderSpec,
};
pub use remote::{MAX_SDP_BYTES, MAX_SECTIONS};
pub use settings::{CodecRule, EnabledCodec, EnabledCodecs, PublishEdits, TrackCodec};
pub use write::MAX_MESSAGE_SIZE;

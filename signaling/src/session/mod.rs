//! The session protocol of one participant as a pure state machine.
//!
//! A [`Session`] belongs to the room actor. Requests and happenings go in with
//! the time; [`SessionAction`]s come out: messages to send, typed events to act
//! on, offers to make. v0 and v1 differ in who offers, and in nothing else.
//!
//! LiveKit's counterparts are `pkg/rtc/participant.go`, `participant_signal.go`,
//! `signalling/signalhandler.go` and the negotiation in `transport.go`.

mod candidate;
mod close;
mod event;
mod machine;
mod negotiate;
mod request;
mod response;
mod roster;
mod shared;
mod start;
mod state;

pub use candidate::{CandidateError, CandidateInit};
pub use close::{CloseReason, LeaveAction};
pub use event::{SessionAction, SessionEvent};
pub use machine::{
    DISCONNECT_CLEANUP, JOIN_TIMEOUT, NEGOTIATION_TIMEOUT, PING_INTERVAL, PING_TIMEOUT, RESUME_WINDOW, Session,
    SessionConfig,
};
pub use negotiate::Counts;
pub use response::{MAX_UPDATE_SIZE, chunk_participants, enabled_publish_codecs, leave_request, resume_refused};
pub use roster::{Departed, MAX_DEPARTED, MAX_QUEUED_UPDATES};
pub use shared::{encode_info, encode_join, encode_response, encode_updates};
pub use start::{JoinParams, ResumeParams, ServerIdentity, published_is_known};
pub use state::{IllegalTransition, State};

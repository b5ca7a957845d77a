//! LiveKit-compatible signaling without sockets, media, clock or async: access
//! tokens, the HTTP-level connect request, wire frames, the session protocol,
//! and the policies for data packets and data tracks.
//!
//! Time is an argument everywhere ([`UnixTime`]), so the same code runs under a
//! simulated clock. The wire types are those of [`livekit_protocol`], re-exported
//! as [`proto`].
//!
//! The way of a participant through the crate:
//!
//! 1. [`connect::accept`] turns a request target and a token into an
//!    [`connect::AuthorizedConnect`], or an error with its HTTP status;
//! 2. [`frame::FrameCodec`] turns WebSocket frames into requests and responses
//!    into frames;
//! 3. [`session::Session`] holds the protocol state of one participant: requests
//!    in, [`session::SessionAction`]s out;
//! 4. [`data`] and [`data_track`] decide what may travel over data channels.

#![forbid(unsafe_code)]

pub mod connect;
pub mod data;
pub mod data_track;
pub mod frame;
pub mod limits;
pub mod session;
pub mod time;
pub mod token;

pub use livekit_protocol as proto;
pub use time::UnixTime;

/// The server version this crate reports to clients, a semantic version they
/// parse and compare: data streams need 1.8.0 or newer, and versions newer than
/// 1.13.6 change how livekit-client publishes VP9 and AV1.
pub const SERVER_VERSION: &str = "1.13.6";

/// The signaling protocol version this crate speaks
/// (LiveKit's `pkg/rtc/types/protocol_version.go`).
pub const PROTOCOL_VERSION: i32 = 17;

/// The agent protocol version reported in `ServerInfo`.
pub const AGENT_PROTOCOL_VERSION: i32 = 1;

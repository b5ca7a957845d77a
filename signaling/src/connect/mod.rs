//! The connect request: everything a client says before the WebSocket is up.
//!
//! [`accept`] is the whole way from an HTTP request to an authorized connect
//! request; its steps are public for callers that need them apart. Errors carry
//! the HTTP status and body that clients decide on.

mod authorize;
mod client_info;
mod error;
mod join_request;
mod query;
mod quirks;
mod request;
mod user_agent;
mod version;

pub use authorize::{AuthorizedConnect, accept, authorize, bearer_token};
pub use error::ConnectError;
pub use join_request::{MAX_JOIN_REQUEST_SIZE, decode_join_request};
pub use query::Query;
pub use quirks::ClientQuirks;
pub use request::{ConnectRequest, Endpoint, HttpRequest, Mode, Reconnect};
pub use version::ProtocolVersion;

//! The seam between HTTP and the rooms: `api` brings an authorized request and a WebSocket's messages, whoever
//! implements [`SignalTarget`] gives the answers. Nothing here knows frames, sockets or rooms.

use std::future::Future;

use tokio::sync::mpsc;
use visavis_signaling::connect::{self, AuthorizedConnect};
use visavis_signaling::proto::{SignalRequest, SignalResponse};

/// Requests that may wait for the room; a client that sends more is not read from until the room has caught up.
pub const INCOMING_QUEUE: usize = 64;
/// Responses that may wait for the socket. When it is full the client has stopped reading, and the room ends
/// the connection rather than wait for it.
pub const OUTGOING_QUEUE: usize = 1024;

/// Why a participant may not connect: an HTTP answer before the upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    /// HTTP status.
    pub status: u16,
    /// Body. Clients decide on some of these texts; they are LiveKit's.
    pub message: String,
}

impl From<connect::ConnectError> for ConnectError {
    fn from(error: connect::ConnectError) -> Self {
        Self { status: error.status(), message: error.to_string() }
    }
}

/// Where participants connect to.
pub trait SignalTarget: Clone + Send + Sync + 'static {
    /// Whether [`Self::connect`] would succeed now; changes nothing.
    fn validate(&self, connect: &AuthorizedConnect) -> impl Future<Output = Result<(), ConnectError>> + Send;

    /// Starts or resumes a session. The first response waits in the link when this returns, or follows at once.
    fn connect(&self, connect: AuthorizedConnect) -> impl Future<Output = Result<SignalLink, ConnectError>> + Send;
}

/// One WebSocket's two queues. Dropping either end means that the other side has gone.
#[derive(Debug)]
pub struct SignalLink {
    /// What the client sends.
    pub incoming: mpsc::Sender<SignalIn>,
    /// What the client is sent.
    pub outgoing: mpsc::Receiver<SignalOut>,
}

/// What comes from a client.
#[derive(Debug)]
pub enum SignalIn {
    /// A request.
    Request(Box<SignalRequest>),
    /// A frame that is no request, or too large; the socket is closed, as LiveKit does it. The text says why.
    Malformed(String),
    /// The socket has closed, whoever closed it. Nothing follows.
    Closed,
}

/// What goes to a client.
#[derive(Debug)]
pub enum SignalOut {
    /// A response.
    Response(Box<SignalResponse>),
    /// Close the socket, after what was sent before.
    Close,
}

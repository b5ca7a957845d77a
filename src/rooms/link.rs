//! The seam between HTTP and the rooms: `api` brings an authorized request and a WebSocket's messages, whoever
//! implements [`SignalTarget`] gives the answers. Nothing here knows frames, sockets or rooms.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use visavis_signaling::connect::{self, AuthorizedConnect};
use visavis_signaling::proto::{SignalRequest, SignalResponse};

/// Requests that may wait for the room; a client that sends more is not read from until the room has caught up.
pub const INCOMING_QUEUE: usize = 64;
/// Responses that may wait for the socket. When it is full the client has stopped reading, and the room ends
/// the connection rather than wait for it.
pub const OUTGOING_QUEUE: usize = 1024;
/// Bytes of responses that may wait for the socket, with the same consequence. What a connection begins with, the
/// room as it is, is not counted: it is as large as it is, and there once.
pub const OUTGOING_BYTES: usize = 4 * 1024 * 1024;

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
    pub outgoing: OutgoingReceiver,
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
    /// A response that goes to many, encoded once.
    Encoded(Bytes),
    /// Close the socket, after what was sent before.
    Close,
}

/// The queue of [`SignalOut`] towards one WebSocket, bounded by [`OUTGOING_QUEUE`] and [`OUTGOING_BYTES`].
pub fn outgoing() -> (OutgoingSender, OutgoingReceiver) {
    let (queue, messages) = mpsc::channel(OUTGOING_QUEUE);
    let bytes = Arc::new(AtomicUsize::new(0));
    let receiver = OutgoingReceiver { messages, bytes: Arc::clone(&bytes) };
    (OutgoingSender { queue, bytes, begun: false }, receiver)
}

/// The room's end.
#[derive(Debug)]
pub struct OutgoingSender {
    queue: mpsc::Sender<Queued>,
    bytes: Arc<AtomicUsize>,
    begun: bool,
}

/// The socket's end.
#[derive(Debug)]
pub struct OutgoingReceiver {
    messages: mpsc::Receiver<Queued>,
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Queued {
    message: SignalOut,
    /// What it counts for.
    bytes: usize,
}

/// Why a message could not be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// The client does not read.
    #[error("the client does not read")]
    Full,
    /// The socket has gone.
    #[error("the socket has gone")]
    Closed,
}

impl OutgoingSender {
    /// Queues a message, without waiting.
    ///
    /// # Errors
    ///
    /// [`OutgoingError`]; the message is lost then.
    pub fn send(&self, message: SignalOut) -> Result<(), OutgoingError> {
        if self.queue.is_closed() {
            return Err(OutgoingError::Closed);
        }
        let bytes = match &message {
            SignalOut::Response(response) if self.begun => response.encoded_len(),
            SignalOut::Encoded(bytes) if self.begun => bytes.len(),
            _ => 0,
        };
        // Only this end adds, so between looking and adding there can only be less.
        if bytes > 0 && self.bytes.load(Ordering::Relaxed) + bytes > OUTGOING_BYTES {
            return Err(OutgoingError::Full);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let Err(error) = self.queue.try_send(Queued { message, bytes }) else { return Ok(()) };
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        match error {
            TrySendError::Full(_) => Err(OutgoingError::Full),
            TrySendError::Closed(_) => Err(OutgoingError::Closed),
        }
    }

    /// The client has been sent what it begins with: from now on bytes count.
    pub fn begun(&mut self) {
        self.begun = true;
    }
}

impl OutgoingReceiver {
    /// The next message; none when the room has let go of its end and everything has been taken.
    pub async fn recv(&mut self) -> Option<SignalOut> {
        let queued = self.messages.recv().await?;
        self.bytes.fetch_sub(queued.bytes, Ordering::Relaxed);
        Some(queued.message)
    }

    /// The next message, if one waits already.
    pub fn try_recv(&mut self) -> Option<SignalOut> {
        let queued = self.messages.try_recv().ok()?;
        self.bytes.fetch_sub(queued.bytes, Ordering::Relaxed);
        Some(queued.message)
    }
}

#[cfg(test)]
mod tests {
    use visavis_signaling::proto::signal_response::Message;

    use super::*;

    fn message(bytes: usize) -> SignalOut {
        let message = Some(Message::RefreshToken("x".repeat(bytes)));
        SignalOut::Response(Box::new(SignalResponse { message }))
    }

    #[tokio::test]
    async fn bytes_that_wait_are_bounded_and_those_that_were_taken_do_not_wait() {
        let (mut sender, mut receiver) = outgoing();
        sender.begun();
        let mib = 1024 * 1024;
        for _ in 0..3 {
            assert_eq!(sender.send(message(mib)), Ok(()));
        }
        assert_eq!(sender.send(message(mib)), Err(OutgoingError::Full), "with its own overhead it is too much");
        for _ in 0..100 {
            assert!(receiver.recv().await.is_some());
            assert_eq!(sender.send(message(mib)), Ok(()));
        }
        assert_eq!(sender.send(SignalOut::Close), Ok(()), "the end is no burden");
    }

    #[tokio::test]
    async fn the_beginning_may_be_as_large_as_it_is() {
        let (mut sender, mut receiver) = outgoing();
        assert_eq!(sender.send(message(3 * OUTGOING_BYTES)), Ok(()));
        sender.begun();
        assert_eq!(sender.send(message(OUTGOING_BYTES / 2)), Ok(()));
        assert_eq!(sender.send(message(OUTGOING_BYTES)), Err(OutgoingError::Full));
        assert!(matches!(receiver.recv().await, Some(SignalOut::Response(_))));
        drop(receiver);
        assert_eq!(sender.send(message(1)), Err(OutgoingError::Closed));
    }

    #[test]
    fn small_messages_are_bounded_by_their_number() {
        let (mut sender, _receiver) = outgoing();
        sender.begun();
        let sent = (0..).take_while(|_| sender.send(message(1)).is_ok()).count();
        assert_eq!(sent, OUTGOING_QUEUE);
    }
}

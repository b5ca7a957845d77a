//! One signaling WebSocket: frames to requests, responses to frames, pings, and an end that says why.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use visavis_signaling::frame::{Frame, FrameCodec, FrameRef};
use visavis_signaling::proto::SignalResponse;

use super::SocketTiming;
use super::websocket::{Data, Socket};
use crate::metrics::Metrics;
use crate::rooms::link::{OutgoingReceiver, SignalIn, SignalLink, SignalOut};

/// Messages that leave together at most.
const TOGETHER: usize = 16;

/// Whose socket it is, for the log.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) room: String,
    pub(super) identity: String,
}

/// Why a socket ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The peer closed it, or is gone.
    Peer,
    /// The room closed it.
    Room,
    /// A frame that is no request.
    Malformed(String),
    /// A frame larger than the limit.
    TooLarge(String),
    /// The peer has stopped reading.
    Stalled,
}

impl End {
    /// The cause in `visavis_signal_errors_total`, for ends that are faults.
    fn cause(&self) -> Option<&'static str> {
        match self {
            End::Peer | End::Room => None,
            End::Malformed(_) => Some("malformed_frame"),
            End::TooLarge(_) => Some("frame_too_large"),
            End::Stalled => Some("stalled_reader"),
        }
    }

    fn code(&self) -> CloseCode {
        match self {
            End::Peer | End::Room | End::Stalled => CloseCode::Normal,
            End::Malformed(_) => CloseCode::Invalid,
            End::TooLarge(_) => CloseCode::Size,
        }
    }
}

/// Carries messages between a socket and a room until either ends.
///
/// One task does both directions: while the peer does not take what it is sent, nothing is read from it, and after
/// [`SocketTiming::write`] it is given up. The room never waits for it, its queue has a bound.
pub(super) async fn bridge(socket: Socket, link: SignalLink, who: &Who, timing: SocketTiming, metrics: &Metrics) {
    metrics.signal_connections.inc();
    let SignalLink { incoming, mut outgoing } = link;
    let mut connection = Connection { socket, codec: FrameCodec::new(), timing, metrics };
    let mut ping = interval_at(Instant::now() + timing.ping, timing.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = loop {
        let done = tokio::select! {
            response = outgoing.recv() => match response {
                Some(first) => connection.tell(first, &mut outgoing).await,
                None => Err(End::Room),
            },
            message = connection.socket.recv() => match connection.read(message) {
                // A full queue holds the socket back, not the room; the room's end is noticed at once.
                Ok(Some(request)) => incoming.send(request).await.map_err(|_| End::Room),
                Ok(None) => Ok(()),
                Err(end) => Err(end),
            },
            _ = ping.tick() => connection.ping().await,
        };
        if let Err(end) = done {
            break end;
        }
    };
    if let Some(cause) = end.cause() {
        metrics.signal_errors.count(cause);
        tracing::info!(room = %who.room, identity = %who.identity, ?end, "signaling connection ended by a fault");
    } else {
        tracing::debug!(room = %who.room, identity = %who.identity, ?end, "signaling connection ended");
    }
    // The room hears of it before the peer is said goodbye, which may take a while. It may be gone itself.
    if let End::Malformed(why) | End::TooLarge(why) = &end {
        let _ = timeout(timing.close, incoming.send(SignalIn::Malformed(why.clone()))).await;
    }
    let _ = timeout(timing.close, incoming.send(SignalIn::Closed)).await;
    drop(incoming);
    metrics.signal_connections.dec();
    connection.close(&end).await;
}

struct Connection<'a> {
    socket: Socket,
    codec: FrameCodec,
    timing: SocketTiming,
    metrics: &'a Metrics,
}

impl Connection<'_> {
    /// Sends a message and what waits behind it.
    async fn tell(&mut self, first: SignalOut, rest: &mut OutgoingReceiver) -> Result<(), End> {
        let mut messages = Vec::new();
        let mut next = Some(first);
        let mut last = false;
        while messages.len() < TOGETHER && !last {
            let message = match next.take().or_else(|| rest.try_recv()) {
                None => break,
                Some(SignalOut::Close) => {
                    last = true;
                    None
                }
                Some(SignalOut::Response(response)) => self.encode(&response),
                Some(SignalOut::Encoded(bytes)) if !self.codec.is_json() => Some(Data::Binary(bytes)),
                Some(SignalOut::Encoded(bytes)) => match SignalResponse::decode(bytes) {
                    Ok(response) => self.encode(&response),
                    Err(error) => self.unsent(&error),
                },
            };
            messages.extend(message);
        }
        self.metrics.signal_responses.add(messages.len() as u64);
        in_time(self.timing.write, self.socket.send(&messages)).await?;
        if last { Err(End::Room) } else { Ok(()) }
    }

    fn encode(&self, response: &SignalResponse) -> Option<Data> {
        match self.codec.encode(response) {
            Ok(Frame::Binary(bytes)) => Some(Data::Binary(bytes.into())),
            Ok(Frame::Text(text)) => Some(Data::Text(text)),
            Err(error) => self.unsent(&error),
        }
    }

    /// Our own message; losing it is better than losing the participant.
    fn unsent(&self, error: &dyn std::fmt::Display) -> Option<Data> {
        tracing::error!(%error, "a response could not be encoded");
        self.metrics.signal_errors.count("encode");
        None
    }

    async fn ping(&mut self) -> Result<(), End> {
        in_time(self.timing.write, self.socket.control(Message::Ping(Bytes::new()))).await
    }

    fn read(&mut self, message: Option<Result<Message, Error>>) -> Result<Option<SignalIn>, End> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(broken(&error)),
            None => return Err(End::Peer),
        };
        let request = match &message {
            Message::Binary(bytes) => self.codec.decode(FrameRef::Binary(bytes)),
            Message::Text(text) => self.codec.decode(FrameRef::Text(text.as_str())),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(None),
            Message::Close(_) => return Err(End::Peer),
        };
        self.metrics.signal_requests.inc();
        request
            .map(|request| Some(SignalIn::Request(Box::new(request))))
            .map_err(|error| End::Malformed(error.to_string()))
    }

    /// Says goodbye and waits for the answer: a socket that is closed while something of the peer's lies unread
    /// resets the connection, and with it the peer loses what it was sent last.
    async fn close(mut self, end: &End) {
        let patience = if *end == End::Stalled { Duration::ZERO } else { self.timing.close };
        let frame = CloseFrame { code: end.code(), reason: "".into() };
        let goodbye = async {
            if self.socket.control(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = timeout(patience, goodbye).await;
    }
}

/// A write that may take so long.
async fn in_time(patience: Duration, write: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
    match timeout(patience, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Peer),
        Err(_) => Err(End::Stalled),
    }
}

fn broken(error: &Error) -> End {
    match error {
        Error::Capacity(error) => End::TooLarge(error.to_string()),
        _ => End::Peer,
    }
}

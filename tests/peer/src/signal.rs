//! The WebSocket: where it goes, what is said on it, and how it ends.

use std::fmt;

use base64::Engine;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol::{
    JoinRequest, SignalRequest, SignalResponse, WrappedJoinRequest, signal_request, signal_response,
    wrapped_join_request::Compression,
};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::Outcome;

/// How many frames wait in each direction before the sender has to wait.
const QUEUE: usize = 512;

/// How a client connects: with one peer connection for each direction, or with one for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `/rtc`: the client offers what it publishes, the server what it forwards.
    V0,
    /// `/rtc/v1`: the client offers everything on a single peer connection.
    V1,
}

/// The server answered the upgrade by an HTTP status, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status, when there was an answer.
    pub status: Option<u16>,
    /// Its text, or what went wrong.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {:?} {}", self.status, self.text)
    }
}

impl std::error::Error for Refusal {}

/// A frame to send.
#[derive(Debug)]
pub enum Outgoing {
    /// A request, as binary protobuf.
    Request(Box<signal_request::Message>),
    /// Whatever a test wants.
    Raw(Message),
}

/// What came from the server.
#[derive(Debug)]
pub enum Incoming {
    /// A response.
    Response(Box<signal_response::Message>),
    /// The end, and the code of the close frame if there was one.
    Closed(Option<u16>),
}

/// A WebSocket that is up.
pub struct Signal {
    outgoing: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

impl Signal {
    /// Opens `target` on `127.0.0.1:port`, with `token` in the `Authorization` header.
    ///
    /// # Errors
    ///
    /// The refusal, when the server answers with anything but the upgrade.
    pub async fn open(port: u16, target: &str, token: &str) -> Result<(Self, mpsc::Receiver<Incoming>), Refusal> {
        let socket = socket(port, target, token).await?;
        let (outgoing, requests) = mpsc::channel(QUEUE);
        let (responses, incoming) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(socket, requests, responses));
        Ok((Self { outgoing, task }, incoming))
    }

    /// Where frames are handed over.
    pub fn sender(&self) -> mpsc::Sender<Outgoing> {
        self.outgoing.clone()
    }
}

impl Drop for Signal {
    /// Cuts the connection as a network does: without a close frame.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A WebSocket to do as one likes with.
///
/// # Errors
///
/// The refusal, when the server answers with anything but the upgrade.
pub async fn socket(
    port: u16,
    target: &str,
    token: &str,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Refusal> {
    let failed = |error: &dyn fmt::Display| Refusal { status: None, text: error.to_string() };
    let mut request = format!("ws://127.0.0.1:{port}{target}").into_client_request().map_err(|error| failed(&error))?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| failed(&error))?;
    request.headers_mut().insert("Authorization", bearer);
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Http(response)) => {
            let text = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default().trim().to_owned();
            Err(Refusal { status: Some(response.status().as_u16()), text })
        }
        Err(error) => Err(failed(&error)),
    }
}

/// The request target of a v1 connection.
pub fn v1_target(request: &JoinRequest) -> String {
    wrapped_target(Compression::None, request.encode_to_vec())
}

/// The request target of a v1 connection with these very bytes as the join request.
pub fn wrapped_target(compression: Compression, join_request: Vec<u8>) -> String {
    let wrapped = WrappedJoinRequest { compression: compression.into(), join_request };
    let encoded = base64::prelude::BASE64_URL_SAFE.encode(wrapped.encode_to_vec());
    format!("/rtc/v1?join_request={}", encoded.replace('=', "%3D"))
}

/// Sends a request.
///
/// # Errors
///
/// When the connection is gone.
pub async fn request(outgoing: &mpsc::Sender<Outgoing>, message: signal_request::Message) -> Outcome {
    outgoing.send(Outgoing::Request(Box::new(message))).await.map_err(|_| "the WebSocket is gone".into())
}

async fn run(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mut requests: mpsc::Receiver<Outgoing>,
    responses: mpsc::Sender<Incoming>,
) {
    loop {
        tokio::select! {
            request = requests.recv() => {
                let frame = match request {
                    None => return,
                    Some(Outgoing::Raw(frame)) => frame,
                    Some(Outgoing::Request(message)) => {
                        Message::binary(SignalRequest { message: Some(*message) }.encode_to_vec())
                    }
                };
                if socket.send(frame).await.is_err() {
                    let _ = responses.send(Incoming::Closed(None)).await;
                    return;
                }
            }
            frame = socket.next() => {
                let incoming = match frame {
                    Some(Ok(Message::Binary(bytes))) => match SignalResponse::decode(bytes) {
                        Ok(SignalResponse { message: Some(message) }) => Incoming::Response(Box::new(message)),
                        _ => continue,
                    },
                    Some(Ok(Message::Close(frame))) => Incoming::Closed(frame.map(|frame| frame.code.into())),
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => Incoming::Closed(None),
                };
                let end = matches!(incoming, Incoming::Closed(_));
                if responses.send(incoming).await.is_err() || end {
                    return;
                }
            }
        }
    }
}

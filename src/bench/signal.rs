//! LiveKit's signaling as far as a client of the load needs it: the WebSocket of one participant, what is said on it
//! and what of the answers is read.
//!
//! Rooms of thousands tell everybody about everybody; of that nothing is decoded. The messages here hold only the
//! fields that matter, under the numbers that `livekit_rtc.proto` gives them; the rest is skipped unread.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use visavis_signaling::proto::wrapped_join_request;
use visavis_signaling::proto::{JoinRequest, SignalRequest, WrappedJoinRequest, signal_request};

use super::error::BenchError;
use crate::config::LivekitUrl;

/// Time for TCP, TLS and the upgrade.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer that refuses, in an error.
const MAX_QUOTE: usize = 120;
/// Read buffer of one WebSocket: there are thousands.
const READ_BUFFER: usize = 8 * 1024;
/// Largest message taken, as LiveKit's own bound.
const MAX_MESSAGE: usize = 2 * 1024 * 1024;

/// A response of the server's.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    /// What it says; None for everything that is not read here.
    #[prost(oneof = "Said", tags = "1, 2, 4, 8, 25")]
    pub said: Option<Said>,
}

/// What is read of responses.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Said {
    /// Welcome.
    #[prost(message, tag = "1")]
    Join(Welcome),
    /// The answer to an offer.
    #[prost(message, tag = "2")]
    Answer(visavis_signaling::proto::SessionDescription),
    /// An address of the server's.
    #[prost(message, tag = "4")]
    Trickle(visavis_signaling::proto::TrickleRequest),
    /// The end.
    #[prost(message, tag = "8")]
    Leave(visavis_signaling::proto::LeaveRequest),
    /// The server wants room for more tracks.
    #[prost(message, tag = "25")]
    Sections(visavis_signaling::proto::MediaSectionsRequirement),
}

/// What is read of a `JoinResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Welcome {
    /// The server's version, in the field of old.
    #[prost(string, tag = "4")]
    pub server_version: String,
    /// Seconds between pings.
    #[prost(int32, tag = "11")]
    pub ping_interval: i32,
    /// The server.
    #[prost(message, optional, tag = "12")]
    pub server_info: Option<ServerInfo>,
}

/// What is read of a `ServerInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServerInfo {
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// A target, and what it takes to reach it.
#[derive(Clone)]
pub struct Target {
    url: String,
    tls: Option<TlsConnector>,
}

/// What a WebSocket runs on.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// The WebSocket of one participant.
pub struct Signal {
    socket: WebSocketStream<Box<dyn Carrier>>,
}

/// What came from the server.
#[derive(Debug)]
pub enum Incoming {
    /// Something that is read here.
    Said(Said),
    /// Anything else.
    Other,
    /// The end, and what is known of it.
    Closed(String),
}

impl Target {
    /// A target; `wss` is reached by TLS, and its certificate must be one that browsers accept.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(url: &LivekitUrl) -> Result<Self, BenchError> {
        let tls = url.as_str().starts_with("wss").then(tls).transpose()?;
        Ok(Self { url: url.as_str().to_owned(), tls })
    }

    /// Its address, for people.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens a WebSocket for whoever holds `token`.
    ///
    /// # Errors
    /// One line that says what is in the way.
    pub async fn open(&self, request: &JoinRequest, token: &str) -> Result<Signal, BenchError> {
        let unreachable =
            |why: &dyn std::fmt::Display| BenchError::Unreachable { url: self.url.clone(), why: why.to_string() };
        match timeout(CONNECT_TIMEOUT, self.connect(request, token)).await {
            Ok(result) => result,
            Err(_) => Err(unreachable(&format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    async fn connect(&self, request: &JoinRequest, token: &str) -> Result<Signal, BenchError> {
        let unreachable =
            |why: &dyn std::fmt::Display| BenchError::Unreachable { url: self.url.clone(), why: why.to_string() };
        let address = format!("{}/rtc/v1?join_request={}", self.url, wrap(request));
        let mut upgrade = address.into_client_request().map_err(|error| unreachable(&error))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| unreachable(&error))?;
        upgrade.headers_mut().insert("Authorization", bearer);
        let host = upgrade.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = upgrade.uri().port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| unreachable(&error))?;
        // Signaling is small messages that are waited for.
        let _ = stream.set_nodelay(true);
        let carrier: Box<dyn Carrier> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(host).map_err(|error| unreachable(&error))?;
                Box::new(tls.connect(name, stream).await.map_err(|error| unreachable(&error))?)
            }
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        match client_async_with_config(upgrade, carrier, Some(config)).await {
            Ok((socket, _)) => Ok(Signal { socket }),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: WsError) -> BenchError {
        let url = self.url.clone();
        let WsError::Http(response) = error else {
            return BenchError::NotLiveKit { url, what: error.to_string() };
        };
        let body = response.body().as_deref().unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        // Some servers repeat the token, which is nobody's business.
        let words = body.split_whitespace().map(|word| if word.starts_with("eyJ") { "…" } else { word });
        let body: String =
            words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(MAX_QUOTE).collect();
        let text = if body.is_empty() { String::new() } else { format!(": {body}") };
        match response.status().as_u16() {
            status @ (401 | 403) => BenchError::TokenRefused { url, status, text },
            404 if body.contains("requested room") => BenchError::Refused { url, status: 404, text },
            status @ (200..=399 | 404 | 405) => {
                BenchError::NotLiveKit { url, what: format!("it answers {status}{text}") }
            }
            status => BenchError::Refused { url, status, text },
        }
    }
}

impl Signal {
    /// Says something.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, message: signal_request::Message) -> Result<(), BenchError> {
        let frame = SignalRequest { message: Some(message) }.encode_to_vec();
        let sent = self.socket.send(Message::binary(frame)).await;
        sent.map_err(|error| BenchError::ServerGone(error.to_string()))
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Incoming {
        match self.socket.next().await {
            Some(Ok(Message::Binary(bytes))) => match Response::decode(bytes) {
                Ok(Response { said: Some(said) }) => Incoming::Said(said),
                _ => Incoming::Other,
            },
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map_or_else(
                    || "it closed the WebSocket".to_owned(),
                    |frame| format!("it closed the WebSocket ({} {})", u16::from(frame.code), frame.reason),
                );
                Incoming::Closed(why)
            }
            Some(Ok(_)) => Incoming::Other,
            Some(Err(error)) => Incoming::Closed(error.to_string()),
            None => Incoming::Closed("it closed the WebSocket".to_owned()),
        }
    }

    /// Closes in order, as far as the server plays along.
    pub async fn close(mut self) {
        let _ = timeout(Duration::from_millis(200), self.socket.close(None)).await;
    }
}

fn tls() -> Result<TlsConnector, BenchError> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BenchError::Impossible(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The join request as it stands in the URL: compressed, as livekit-client does it.
fn wrap(request: &JoinRequest) -> String {
    let plain = request.encode_to_vec();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let (compression, join_request) = match packed {
        Ok(packed) => (wrapped_join_request::Compression::Gzip, packed),
        Err(_) => (wrapped_join_request::Compression::None, plain),
    };
    let wrapped = WrappedJoinRequest { compression: compression.into(), join_request };
    base64::prelude::BASE64_URL_SAFE.encode(wrapped.encode_to_vec()).replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use visavis_signaling::proto;

    use super::*;

    #[test]
    fn of_a_response_only_what_matters_is_read() {
        let join = proto::JoinResponse {
            other_participants: vec![proto::ParticipantInfo::default(); 3],
            ping_interval: 5,
            server_info: Some(proto::ServerInfo { version: "1.2.3".into(), ..Default::default() }),
            ..Default::default()
        };
        let encode = |message| proto::SignalResponse { message: Some(message) }.encode_to_vec();
        let read = |bytes: Vec<u8>| Response::decode(&bytes[..]).unwrap().said;
        let Some(Said::Join(welcome)) = read(encode(proto::signal_response::Message::Join(join))) else { panic!() };
        assert_eq!((welcome.ping_interval, welcome.server_info.unwrap().version.as_str()), (5, "1.2.3"));
        let needed = proto::MediaSectionsRequirement { num_audios: 1, num_videos: 2 };
        let sections = read(encode(proto::signal_response::Message::MediaSectionsRequirement(needed)));
        assert_eq!(sections, Some(Said::Sections(needed)));
        assert_eq!(read(encode(proto::signal_response::Message::Update(Default::default()))), None);
    }

    #[test]
    fn refusals_are_told_apart() {
        let target = Target::new(&"ws://a.b".parse().unwrap()).unwrap();
        let refused = |status: u16, body: &str| {
            let response = tokio_tungstenite::tungstenite::http::Response::builder().status(status);
            target.refused(WsError::Http(Box::new(response.body(Some(body.as_bytes().to_vec())).unwrap()))).to_string()
        };
        assert!(refused(401, "invalid token").contains("refuses the token (401: invalid token)"));
        assert!(refused(404, "").contains("does not speak LiveKit"));
        assert!(refused(401, "bad: eyJhbGciOi.x.y").contains("bad: …"));
        assert!(refused(200, "<html>\nhello").contains("it answers 200: <html> hello"));
        assert!(refused(503, "full").contains("refuses a participant (503: full)"));
        assert!(refused(404, "requested room does not exist").contains("refuses a participant"));
    }
}

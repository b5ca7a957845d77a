#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use visavis_signaling::UnixTime;
use visavis_signaling::connect::AuthorizedConnect;
use visavis_signaling::frame::FrameCodec;
use visavis_signaling::proto::{SignalRequest, SignalResponse, signal_request, signal_response};
use visavis_signaling::token::{ApiKey, Claims, mint};

use super::*;
use crate::clock::ManualClock;
use crate::rooms::link::{self, ConnectError, OutgoingError, OutgoingSender, SignalIn, SignalLink, SignalOut};

const PATIENCE: Duration = Duration::from_secs(10);

/// Knows every room but the one called "nowhere"; hands its ends of the links to the test.
#[derive(Clone)]
struct Stub(mpsc::UnboundedSender<Ends>);

struct Ends {
    incoming: mpsc::Receiver<SignalIn>,
    outgoing: OutgoingSender,
}

impl SignalTarget for Stub {
    async fn validate(&self, connect: &AuthorizedConnect) -> Result<(), ConnectError> {
        match connect.room.as_str() {
            "nowhere" => Err(visavis_signaling::connect::ConnectError::RoomNotFound.into()),
            "full" => Err(visavis_signaling::connect::ConnectError::LimitReached.into()),
            _ => Ok(()),
        }
    }

    async fn connect(&self, connect: AuthorizedConnect) -> Result<SignalLink, ConnectError> {
        self.validate(&connect).await?;
        let (incoming, from_client) = mpsc::channel(4);
        let (mut to_client, outgoing) = link::outgoing();
        to_client.begun();
        self.0.send(Ends { incoming: from_client, outgoing: to_client }).unwrap();
        Ok(SignalLink { incoming, outgoing })
    }
}

struct Server {
    address: SocketAddr,
    ends: tokio::sync::Mutex<mpsc::UnboundedReceiver<Ends>>,
    metrics: Arc<Metrics>,
    _stop: watch::Sender<bool>,
}

fn now() -> crate::units::UnixTime {
    crate::units::UnixTime(1_700_000_000_000)
}

fn key() -> ApiKey {
    ApiKey::new("key", "a secret that nobody guesses")
}

async fn start(development: bool) -> Server {
    let (sender, ends) = mpsc::unbounded_channel();
    let mut settings = Settings { development, ..Settings::default() };
    settings.keys.insert(key().id().to_owned(), crate::config::Secret::new(key().secret()));
    let metrics = Arc::new(Metrics::default());
    let mut api = Api::new(&settings, Stub(sender), Arc::new(ManualClock::new(now())), Arc::clone(&metrics));
    api.timing = SocketTiming {
        ping: Duration::from_millis(50),
        write: Duration::from_millis(300),
        close: Duration::from_millis(300),
    };
    let listeners = Listeners::bind(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], 0, false).unwrap();
    let address = listeners.addresses()[0];
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(listeners.serve(router(Arc::new(api)), stopped));
    Server { address, ends: tokio::sync::Mutex::new(ends), metrics, _stop: stop }
}

impl Server {
    async fn ends(&self) -> Ends {
        let mut ends = self.ends.lock().await;
        timeout(PATIENCE, ends.recv()).await.unwrap().unwrap()
    }

    /// Sends a request as it is written and gives the whole answer.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, target: &str) -> (u16, String) {
        let answer = self.raw(&format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        split(&answer)
    }

    /// A WebSocket handshake without a client, for its HTTP answer.
    async fn upgrade(&self, target: &str) -> (u16, String) {
        let answer = self
            .raw(&format!(
                "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ))
            .await;
        split(&answer)
    }

    async fn open(&self) -> (Socket, Ends) {
        let url = format!("ws://{}/rtc?access_token={}&protocol=17&sdk=js", self.address, token("room"));
        let (socket, _) = tokio_tungstenite::connect_async(url.into_client_request().unwrap()).await.unwrap();
        (socket, self.ends().await)
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

fn split(answer: &str) -> (u16, String) {
    let status = answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default();
    (status, answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

fn token(room: &str) -> String {
    mint(&Claims::join("someone", room), &key(), Duration::from_secs(600), UnixTime(now().0)).unwrap()
}

fn ping(timestamp: i64) -> SignalRequest {
    SignalRequest { message: Some(signal_request::Message::Ping(timestamp)) }
}

fn pong(timestamp: i64) -> SignalOut {
    let message = Some(signal_response::Message::Pong(timestamp));
    SignalOut::Response(Box::new(SignalResponse { message }))
}

async fn next_data(socket: &mut Socket) -> Message {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        if !matches!(message, Message::Ping(_) | Message::Pong(_)) {
            return message;
        }
    }
}

#[test]
fn every_route_says_who_may_call_it() {
    let expected: &[(&str, Access)] = &[
        ("/", Access::Public),
        ("/rtc", Access::RoomToken),
        ("/rtc/v1", Access::RoomToken),
        ("/rtc/validate", Access::RoomToken),
        ("/rtc/v1/validate", Access::RoomToken),
        ("/dev/{file}", Access::Development),
        ("/dev/token", Access::Development),
    ];
    assert_eq!(routes::<Stub>(true, true).table(), expected);
    assert_eq!(routes::<Stub>(false, true).table(), &expected[..5]);
    let served = ["/twirp/livekit.RoomService/{method}", "/twirp/visavis.CallService/{method}"];
    assert_eq!(server_routes().table(), served.map(|path| (path, Access::ServerToken)));
    assert_eq!(metrics::metrics_routes().table(), [("/metrics", Access::MetricsPassword)]);
}

#[tokio::test]
async fn no_route_that_wants_a_token_answers_without_one() {
    let server = start(true).await;
    for (path, access) in routes::<Stub>(true, true).table() {
        if *access == Access::RoomToken {
            assert_eq!(server.upgrade(path).await.0, 401, "{path}");
        }
    }
    assert_eq!(server.metrics.connect_refused.get(), [("grants", 4)]);
}

#[tokio::test]
async fn routes_of_development_are_not_there_otherwise() {
    let server = start(false).await;
    assert_eq!(server.get("/dev/token?room=a&identity=b").await.0, 404);
    assert_eq!(server.get("/").await, (200, "OK".into()));
}

#[tokio::test]
async fn development_mode_has_a_page_and_tokens() {
    let server = start(true).await;
    // The office has a page at the root, here and elsewhere.
    assert_eq!(server.get("/").await.0, 404);
    let (status, page) = server.get("/dev/room").await;
    assert!(status == 200 && page.contains("<html"), "{status} {page}");
    let (status, token) = server.get("/dev/token?room=a&identity=b&name=B").await;
    assert_eq!(status, 200);
    let token = token.lines().find(|line| line.contains('.')).unwrap_or_default().trim().to_owned();
    assert_eq!(server.get(&format!("/rtc/validate?access_token={token}")).await.0, 200);
}

#[tokio::test]
async fn validate_says_what_a_connection_would_be_answered() {
    let server = start(false).await;
    let validate = |room: &str| format!("/rtc/validate?access_token={}", token(room));
    assert_eq!(server.get(&validate("room")).await, (200, "success".into()));
    let not_there = (404, "requested room does not exist".into());
    assert_eq!(server.get(&validate("nowhere")).await, not_there);
    assert_eq!(server.upgrade(&format!("/rtc?access_token={}", token("nowhere"))).await, not_there);
    assert_eq!(server.get(&validate("full")).await.0, 503);
    assert_eq!(server.get("/rtc/validate?access_token=x").await.0, 401);
    let missing = server.get(&format!("/rtc/v1/validate?access_token={}", token("room"))).await;
    assert_eq!(missing, (400, "join_request is required".into()));
    assert_eq!(server.metrics.token_refused.get(), [("malformed", 1)]);
}

#[tokio::test]
async fn any_site_may_read_the_answer_of_validate() {
    let server = start(false).await;
    for target in ["/rtc/validate", "/rtc/v1/validate?access_token=wrong"] {
        let answer =
            server.raw(&format!("GET {target} HTTP/1.1\r\nhost: x\r\norigin: null\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.to_ascii_lowercase().contains("access-control-allow-origin: *"), "{answer}");
    }
}

#[tokio::test]
async fn a_plain_request_to_a_websocket_path_is_not_found() {
    let server = start(false).await;
    assert_eq!(server.get("/rtc").await, (404, String::new()));
    assert_eq!(server.get(&format!("/rtc/v1?access_token={}", token("room"))).await, (404, String::new()));
    assert_eq!(server.get("/rtc?access_token=wrong").await.0, 401);
}

#[tokio::test]
async fn a_doubled_slash_in_front_is_forgiven() {
    let server = start(false).await;
    assert_eq!(server.get(&format!("//rtc/validate?access_token={}", token("room"))).await.0, 200);
    assert_eq!(server.get("//").await.0, 200);
}

#[tokio::test]
async fn a_request_target_of_32_kib_is_accepted() {
    let server = start(false).await;
    let target = format!("/rtc/validate?access_token={}&padding={}", token("room"), "x".repeat(32 * 1024));
    assert_eq!(server.get(&target).await.0, 200);
}

#[tokio::test]
async fn head_of_the_root_tells_that_the_network_is_back() {
    let server = start(false).await;
    let answer = server.raw("HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn messages_travel_both_ways_in_the_form_that_the_client_uses() {
    let server = start(false).await;
    let (mut socket, mut ends) = server.open().await;
    let mut codec = FrameCodec::new();

    let visavis_signaling::frame::Frame::Binary(frame) = codec.encode_request(&ping(7)).unwrap() else { panic!() };
    socket.send(Message::Binary(frame.into())).await.unwrap();
    let Some(SignalIn::Request(request)) = ends.incoming.recv().await else { panic!() };
    assert_eq!(*request, ping(7));
    ends.outgoing.send(pong(8)).unwrap();
    assert!(matches!(next_data(&mut socket).await, Message::Binary(_)));

    socket.send(Message::Text(r#"{"ping":"9"}"#.into())).await.unwrap();
    assert!(matches!(ends.incoming.recv().await, Some(SignalIn::Request(request)) if *request == ping(9)));
    ends.outgoing.send(pong(10)).unwrap();
    let Message::Text(text) = next_data(&mut socket).await else { panic!() };
    assert!(text.contains("pong"), "{text}");
    codec = FrameCodec::new();
    assert!(!codec.is_json());
}

#[tokio::test]
async fn the_server_pings_and_closes_normally_after_the_last_message() {
    let server = start(false).await;
    let (mut socket, ends) = server.open().await;
    let first = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(first, Message::Ping(_)));
    ends.outgoing.send(pong(1)).unwrap();
    ends.outgoing.send(SignalOut::Close).unwrap();
    assert!(matches!(next_data(&mut socket).await, Message::Binary(_)));
    let Message::Close(Some(close)) = next_data(&mut socket).await else { panic!() };
    assert_eq!(u16::from(close.code), 1000);
}

#[tokio::test]
async fn a_room_that_drops_its_end_closes_the_socket() {
    let server = start(false).await;
    let (mut socket, ends) = server.open().await;
    drop(ends);
    assert!(matches!(next_data(&mut socket).await, Message::Close(_)));
}

#[tokio::test]
async fn a_client_that_leaves_is_reported_closed() {
    let server = start(false).await;
    let (mut socket, mut ends) = server.open().await;
    socket.close(None).await.unwrap();
    assert!(matches!(timeout(PATIENCE, ends.incoming.recv()).await.unwrap(), Some(SignalIn::Closed)));
    assert!(server.metrics.signal_errors.get().is_empty());
}

#[tokio::test]
async fn a_frame_that_is_no_request_ends_the_connection_and_is_counted() {
    let server = start(false).await;
    let (mut socket, mut ends) = server.open().await;
    socket.send(Message::Binary(Bytes::from_static(&[0xff; 20]))).await.unwrap();
    assert!(matches!(ends.incoming.recv().await, Some(SignalIn::Malformed(_))));
    assert!(matches!(ends.incoming.recv().await, Some(SignalIn::Closed)));
    assert!(matches!(next_data(&mut socket).await, Message::Close(_)));
    assert_eq!(server.metrics.signal_errors.get(), [("malformed_frame", 1)]);
}

#[tokio::test]
async fn an_oversize_frame_ends_the_connection_and_is_counted() {
    let server = start(false).await;
    let (mut socket, mut ends) = server.open().await;
    // The server stops reading at the limit, so that sending all of it may fail.
    let _ = socket.send(Message::Binary(vec![0; (2 << 20) + 1].into())).await;
    assert!(matches!(timeout(PATIENCE, ends.incoming.recv()).await.unwrap(), Some(SignalIn::Malformed(_))));
    assert!(matches!(ends.incoming.recv().await, Some(SignalIn::Closed)));
    assert_eq!(server.metrics.signal_errors.get(), [("frame_too_large", 1)]);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_given_up() {
    let server = start(false).await;
    let (socket, mut ends) = server.open().await;
    let large = SignalResponse { message: Some(signal_response::Message::RefreshToken("x".repeat(1 << 20))) };
    let stalled = async {
        while ends.outgoing.send(SignalOut::Response(Box::new(large.clone()))) != Err(OutgoingError::Closed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while !matches!(ends.incoming.recv().await, Some(SignalIn::Closed) | None) {}
    };
    timeout(PATIENCE, stalled).await.unwrap();
    assert_eq!(server.metrics.signal_errors.get(), [("stalled_reader", 1)]);
    drop(socket);
}

#[tokio::test]
async fn stopping_ends_the_listeners() {
    let (stop, stopped) = watch::channel(false);
    let listeners = Listeners::bind(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], 0, false).unwrap();
    let address = listeners.addresses()[0];
    let serving = tokio::spawn(listeners.serve(Router::new(), stopped));
    stop.send(true).unwrap();
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _guard = runtime.enter();
    let held = Listeners::bind(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], 0, false).unwrap();
    let port = held.addresses()[0].port();
    let error = Listeners::bind(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], port, true).unwrap_err();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

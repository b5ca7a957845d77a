//! What is refused, by which status and which words; and that a call which goes on notices nothing of it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::wrapped_join_request::Compression;
use livekit_protocol::{ClientInfo, DisconnectReason, JoinRequest, SessionDescription};
use tokio_tungstenite::tungstenite::Message as Frame;
use visavis_peer_tests::client::{Client, Join};
use visavis_peer_tests::publish::{Media, Published};
use visavis_peer_tests::server::{Server, Shared};
use visavis_peer_tests::signal::Mode::{V0, V1};
use visavis_peer_tests::signal::{Outgoing, v1_target, wrapped_target};
use visavis_peer_tests::{Outcome, attack, eventually, http, token};

static SERVER: Shared = Shared::new();

/// Two who are in a call that must not be disturbed.
struct Witnesses {
    speaker: Client,
    listener: Client,
    track: Published,
}

impl Witnesses {
    async fn new(server: &Arc<Server>, room: &str) -> Outcome<Self> {
        let speaker = Client::connect(server, Join::new("speaker", room, V1)).await?;
        let listener = Client::connect(server, Join::new("listener", room, V0)).await?;
        let track = speaker.publish(Media::Audio).await?;
        listener.hears(track.sid(), 10).await?;
        Ok(Self { speaker, listener, track })
    }

    /// The call goes on: signaling of both is up, and new packets arrive without one missing.
    async fn are_undisturbed(&self) -> Outcome {
        let at = self.listener.received().count(self.track.sid());
        self.listener.hears(self.track.sid(), at + 25).await?;
        eventually("a sequence without gaps", || {
            self.listener.received().with(self.track.sid(), |track| track.missing()) == 0
        })
        .await?;
        for client in [&self.speaker, &self.listener] {
            assert!(!client.is_closed() && client.left().is_none());
            client.healthy()?;
        }
        Ok(())
    }
}

/// `token` is refused by `status` and `text` wherever it may be shown.
async fn refused(server: &Server, token: &str, status: u16, text: &str) -> Outcome {
    // An empty message would be no parameter at all.
    let info = ClientInfo { protocol: 17, ..Default::default() };
    let v1 = v1_target(&JoinRequest { client_info: Some(info), ..Default::default() });
    let validate = v1.replace("/rtc/v1", "/rtc/v1/validate");
    for answer in [
        http::upgrade(server.port, "/rtc?protocol=17", token).await?,
        http::upgrade(server.port, &v1, token).await?,
        http::get(server.port, &format!("/rtc/validate?access_token={token}")).await?,
        http::get(server.port, &format!("{validate}&access_token={token}")).await?,
    ] {
        // LiveKit's server repeats the token among the words, which then stands in logs.
        let body = answer.body.replace(&format!("invalid token: {token}"), "invalid token");
        assert_eq!((answer.status, body.as_str()), (status, text), "{}", answer.head);
    }
    Ok(())
}

#[tokio::test]
async fn bad_tokens_are_refused_with_the_words_that_clients_know() -> Outcome {
    let server = SERVER.get().await?;
    let witnesses = Witnesses::new(&server, "tokens").await?;
    let room = "tokens";
    let signature = "invalid token, error: token signature is invalid: signature is invalid";
    let expired = "invalid token, error: token has invalid claims: token is expired";
    let early = "invalid token, error: token has invalid claims: token is not valid yet";
    let hs512 = "invalid token, error: token signature is invalid: signing method HS512 is invalid";
    let none = "invalid token, error: token signature is invalid: signing method none is invalid";
    refused(&server, &token::expired("eve", room)?, 401, expired).await?;
    refused(&server, &token::not_yet_valid("eve", room)?, 401, early).await?;
    refused(&server, &token::of_key("eve", room, token::KEY, "guessed")?, 401, signature).await?;
    refused(&server, &token::of_key("eve", room, "otherkey", "secret")?, 401, "invalid API key: otherkey").await?;
    refused(&server, &token::of_algorithm("eve", room, jsonwebtoken::Algorithm::HS512)?, 401, hs512).await?;
    refused(&server, &token::unsigned("eve", room), 401, none).await?;
    refused(&server, "not.a.token", 401, "invalid authorization token").await?;
    refused(&server, &token::without_grants("eve")?, 401, "no permissions to access the room").await?;
    refused(&server, &token::without_join("eve", room)?, 401, "permissions denied").await?;
    refused(&server, &token::join("", room)?, 400, "identity cannot be empty").await?;
    refused(&server, &token::join("eve", "")?, 400, "no room name").await?;
    if !Server::is_reference() {
        let metrics = server.metrics().await?;
        for cause in ["expired", "not_yet_valid", "signature", "unknown_key", "algorithm"] {
            let label = format!("cause=\"{cause}\"");
            assert!(metrics.sum("visavis_token_refused_total", &[&label]) >= 4.0, "{cause}\n{}", metrics.0);
        }
        for words in ["token is expired", "not valid yet", "invalid API key: otherkey", "permissions denied"] {
            let told = |line: &String| line.contains("connection refused") && line.contains(words);
            assert!(server.log().iter().any(told), "a log line that says: {words}");
        }
    }
    witnesses.are_undisturbed().await
}

#[tokio::test]
async fn a_join_request_that_inflates_past_the_cap_is_refused() -> Outcome {
    // A server of its own, so that its memory is its own too.
    let server = Arc::new(Server::start().await?);
    let witnesses = Witnesses::new(&server, "inflating").await?;
    let bomb = attack::inflating_join_request(16 << 20)?;
    let target = wrapped_target(Compression::Gzip, bomb.clone());
    assert!(target.len() < 32 << 10, "{}", target.len());
    let token = token::join("eve", "inflating")?;
    let before = server.resident_bytes();
    for _ in 0..20 {
        let answer = http::upgrade(server.port, &target, &token).await?;
        assert_eq!((answer.status, answer.body.as_str()), (400, "join request too large"));
    }
    if let (Some(before), Some(after)) = (before, server.resident_bytes()) {
        assert!(after < before + (24 << 20), "memory grew from {before} to {after} bytes");
    }
    let mut damaged = bomb;
    damaged.truncate(100);
    for (target, text) in [
        ("/rtc/v1".to_owned(), "join_request is required"),
        ("/rtc/v1?join_request=%21%21".to_owned(), "cannot base64 decode wrapped join request"),
        ("/rtc/v1?join_request=/////w".to_owned(), "cannot unmarshal wrapped join request"),
        (wrapped_target(Compression::None, vec![0xff; 9]), "cannot unmarshal join request"),
        (wrapped_target(Compression::Gzip, vec![1, 2, 3]), "cannot read decompressed join request"),
        (wrapped_target(Compression::Gzip, damaged), "cannot read decompressed join request"),
    ] {
        let answer = http::upgrade(server.port, &target, &token).await?;
        assert_eq!(answer.status, 400, "{target}: {answer:?}");
        if !Server::is_reference() {
            assert_eq!(answer.body, text);
        }
    }
    witnesses.are_undisturbed().await
}

#[tokio::test]
async fn an_unknown_room_is_refused_where_rooms_are_not_made_by_joining() -> Outcome {
    let server = Server::with_settings("room: {auto_create: false}").await?;
    refused(&server, &token::join("ana", "nowhere")?, 404, "requested room does not exist").await
}

#[tokio::test]
async fn a_plain_request_to_the_websocket_is_no_upgrade_and_the_health_check_answers() -> Outcome {
    let server = SERVER.get().await?;
    let token = token::join("ana", "plain")?;
    let answer = http::get(server.port, &format!("/rtc?access_token={token}")).await?;
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    let answer = http::get(server.port, &format!("/rtc/validate?access_token={token}")).await?;
    assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
    assert!(answer.head.to_ascii_lowercase().contains("access-control-allow-origin"), "{}", answer.head);
    let head = "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(http::exchange(server.port, head).await?.status, 200);
    assert_eq!(http::get(server.port, "/settings/regions").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn oversize_and_malformed_frames_end_the_one_who_sends_them() -> Outcome {
    let server = SERVER.get().await?;
    let witnesses = Witnesses::new(&server, "frames").await?;
    for (name, frame) in [
        ("oversize", Frame::binary(vec![0; (2 << 20) + 1])),
        ("oversize-text", Frame::text(" ".repeat((2 << 20) + 1))),
        ("malformed", Frame::binary(vec![0xff; 64])),
        ("malformed-text", Frame::text("{\"mute\": [}")),
    ] {
        let eve = Client::connect(&server, Join::new(name, "frames", V1)).await?;
        eve.raw(Outgoing::Raw(frame)).await?;
        eventually(&format!("the end of {name}"), || eve.is_closed()).await?;
    }
    if !Server::is_reference() {
        let metrics = server.metrics().await?;
        for cause in ["frame_too_large", "malformed_frame"] {
            let label = format!("cause=\"{cause}\"");
            assert_eq!(metrics.sum("visavis_signal_errors_total", &[&label]), 2.0, "{cause}\n{}", metrics.0);
        }
    }
    witnesses.are_undisturbed().await
}

#[tokio::test]
async fn requests_about_what_does_not_exist_are_answered_and_harm_nobody() -> Outcome {
    use livekit_protocol::signal_response::Message as Response;
    let server = SERVER.get().await?;
    let witnesses = Witnesses::new(&server, "requests").await?;
    let eve = Client::connect(&server, Join::new("eve", "requests", V1)).await?;
    eve.mute("TR_nothing", true).await?;
    eve.subscribe("TR_nothing", false).await?;
    eve.request(Request::Trickle(livekit_protocol::TrickleRequest {
        candidate_init: "{not json".into(),
        ..Default::default()
    }))
    .await?;
    eve.request(Request::Answer(SessionDescription { sdp: "v=0".into(), ..Default::default() })).await?;
    eventually("an answer about the track that is not there", || {
        let answers =
            eve.all(
                |response| if let Response::RequestResponse(answer) = response { Some(answer.reason()) } else { None },
            );
        answers.contains(&livekit_protocol::request_response::Reason::NotFound)
    })
    .await?;
    witnesses.are_undisturbed().await
}

#[tokio::test]
async fn an_offer_that_cannot_be_answered_ends_its_sender_with_a_state_mismatch() -> Outcome {
    let server = SERVER.get().await?;
    let witnesses = Witnesses::new(&server, "offers").await?;
    let maker = Client::connect(&server, Join::new("maker", "offers-elsewhere", V1)).await?;
    let good = maker.make_offer().await?;
    let offers = [
        ("no-fingerprint", attack::without_fingerprint(&good)),
        ("no-codecs", attack::without_codecs(&good)),
        ("500-sections", attack::with_sections(&good, 500)),
        ("no-sdp", "hello".to_owned()),
        ("empty", String::new()),
        ("huge", format!("{good}a=x:{}\r\n", "y".repeat(1 << 20))),
    ];
    for (name, sdp) in offers {
        let join = Join { offer_with_join: false, receiving: (0, 0), ..Join::new(name, "offers", V1) };
        let eve = Client::connect(&server, join).await?;
        let offer = SessionDescription { r#type: "offer".into(), sdp, id: 99, ..Default::default() };
        eve.request(Request::Offer(offer)).await?;
        eventually(&format!("a leave for {name}"), || eve.left().is_some()).await?;
        if !Server::is_reference() {
            assert_eq!(eve.left().unwrap().reason(), DisconnectReason::StateMismatch, "{name}");
        }
        eventually(&format!("the end of {name}"), || eve.is_closed()).await?;
    }
    witnesses.are_undisturbed().await
}

#[tokio::test]
async fn an_offer_within_the_join_request_is_judged_by_the_same_rules() -> Outcome {
    let server = SERVER.get().await?;
    let witnesses = Witnesses::new(&server, "join-offers").await?;
    let maker = Client::connect(&server, Join::new("maker", "join-offers-elsewhere", V1)).await?;
    let sdp = attack::without_fingerprint(&maker.make_offer().await?);
    let offer = SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() };
    let target = v1_target(&JoinRequest { publisher_offer: Some(offer), ..Default::default() });
    let token = token::join("eve", "join-offers")?;
    let (_signal, mut incoming) = visavis_peer_tests::signal::Signal::open(server.port, &target, &token).await?;
    let mut reasons = Vec::new();
    while let Ok(Some(next)) = tokio::time::timeout(Duration::from_secs(20), incoming.recv()).await {
        use livekit_protocol::signal_response::Message as Response;
        use visavis_peer_tests::signal::Incoming;
        match next {
            Incoming::Response(response) => {
                if let Response::Leave(leave) = *response {
                    reasons.push(leave.reason());
                }
            }
            Incoming::Closed(_) => break,
        }
    }
    assert_eq!(reasons, [DisconnectReason::StateMismatch]);
    witnesses.are_undisturbed().await
}

#[tokio::test]
async fn request_targets_of_30_kilobytes_are_read() -> Outcome {
    let server = SERVER.get().await?;
    let padding = "x".repeat(30_000);
    let token = token::join("ana", "long")?;
    let answer = http::get(server.port, &format!("/rtc/validate?access_token={token}&browser={padding}")).await?;
    assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
    Ok(())
}

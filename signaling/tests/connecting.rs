//! Connect requests over HTTP: who gets in, and what the others are told.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use livekit_protocol::{JoinRequest, WrappedJoinRequest};
use prost::Message as _;
use visavis_signaling::UnixTime;
use visavis_signaling::connect::{AuthorizedConnect, ConnectError, Endpoint, HttpRequest, Mode, accept};
use visavis_signaling::limits::Limits;
use visavis_signaling::token::{ApiKey, Claims, KeyRing, VideoGrant, mint};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn key() -> ApiKey {
    ApiKey::new("key", "a secret that is long enough by far")
}

fn token(claims: &Claims) -> String {
    mint(claims, &key(), Duration::from_secs(60), NOW).expect("a token")
}

fn joiner(change: impl FnOnce(&mut VideoGrant)) -> Claims {
    let mut claims = Claims::join("alice", "room");
    change(claims.video.as_mut().expect("grants"));
    claims
}

/// Connects with the token as a query parameter.
fn connect(endpoint: Endpoint, claims: &Claims, query: &str) -> Result<AuthorizedConnect, ConnectError> {
    request(endpoint, None, &format!("access_token={}&{query}", token(claims)))
}

fn request(endpoint: Endpoint, authorization: Option<&str>, query: &str) -> Result<AuthorizedConnect, ConnectError> {
    let keys: KeyRing = [key()].into_iter().collect();
    let http = HttpRequest {
        endpoint,
        query,
        authorization,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        address: "192.0.2.1",
    };
    accept(&http, &keys, &Limits::default(), NOW)
}

fn refusal(result: Result<AuthorizedConnect, ConnectError>) -> (u16, String) {
    let error = result.expect_err("a refusal");
    (error.status(), error.to_string())
}

fn join_request(join: &JoinRequest) -> String {
    let wrapped = WrappedJoinRequest { compression: 0, join_request: join.encode_to_vec() };
    format!("join_request={}", URL_SAFE.encode(wrapped.encode_to_vec()))
}

#[test]
fn a_good_token_gets_in_by_query_and_by_header() {
    let claims = joiner(|_| {});
    let by_query = connect(Endpoint::V0, &claims, "sdk=js&protocol=17").expect("accepted");
    assert_eq!((by_query.room.as_str(), by_query.claims.identity.as_str()), ("room", "alice"));
    assert_eq!(by_query.request.mode, Mode::DualPc);
    assert_eq!(by_query.request.client_info.browser, "Firefox");
    assert_eq!(by_query.request.client_info.address, "192.0.2.1");
    assert_eq!(by_query.token_expires_at, NOW.plus(Duration::from_secs(60)));

    let header = format!("Bearer {}", token(&claims));
    let by_header = request(Endpoint::ValidateV0, Some(&header), "").expect("accepted");
    assert_eq!(by_header.api_key, "key");
}

#[test]
fn the_header_wins_over_the_query() {
    let good = format!("access_token={}", token(&joiner(|_| {})));
    let (status, text) = refusal(request(Endpoint::V0, Some("Bearer nonsense"), &good));
    assert_eq!((status, text.as_str()), (401, "invalid authorization token"));
    let (status, text) = refusal(request(Endpoint::V0, Some("Basic abc"), &good));
    assert_eq!((status, text.as_str()), (401, "invalid authorization header. Must start with Bearer "));
}

#[test]
fn without_a_token_or_grants_nobody_gets_in() {
    let expected = (401, "no permissions to access the room".to_owned());
    assert_eq!(refusal(request(Endpoint::V0, None, "")), expected);
    let grantless = Claims { identity: "alice".into(), ..Claims::default() };
    assert_eq!(refusal(connect(Endpoint::V0, &grantless, "")), expected);
    let no_join = joiner(|video| video.room_join = false);
    let expected = (401, "permissions denied".to_owned());
    assert_eq!(refusal(connect(Endpoint::V0, &no_join, "")), expected);
}

#[test]
fn the_token_is_judged_before_the_request() {
    let (status, _) = refusal(request(Endpoint::V1, None, "join_request=!!"));
    assert_eq!(status, 401);
    let (status, text) = refusal(connect(Endpoint::V1, &joiner(|_| {}), "join_request=!!"));
    assert_eq!((status, text.as_str()), (400, "cannot base64 decode wrapped join request"));
}

#[test]
fn names_have_limits() {
    let limit = |claims: &Claims| refusal(connect(Endpoint::V0, claims, ""));
    let mut claims = joiner(|_| {});
    claims.identity = String::new();
    assert_eq!(limit(&claims), (400, "identity cannot be empty".into()));
    claims.identity = "i".repeat(257);
    let text = "participant identity length exceeds limits: max length 256";
    assert_eq!(limit(&claims), (400, text.into()));
    let nameless = joiner(|video| video.room.clear());
    assert_eq!(limit(&nameless), (400, "no room name".into()));
    let long = joiner(|video| video.room = "r".repeat(257));
    let text = "room name length exceeds limits: max length 256";
    assert_eq!(limit(&long), (400, text.into()));
    let mut heavy = joiner(|_| {});
    heavy.metadata = "m".repeat(512 * 1024 + 1);
    assert_eq!(limit(&heavy).0, 400);
}

#[test]
fn metadata_at_connecting_needs_the_permission_to_change_it() {
    let query = join_request(&JoinRequest {
        metadata: "mine".into(),
        participant_attributes: HashMap::from([("kept".to_owned(), String::new()), ("new".to_owned(), "1".to_owned())]),
        ..JoinRequest::default()
    });
    let (status, text) = refusal(connect(Endpoint::V1, &joiner(|_| {}), &query));
    assert_eq!((status, text.as_str()), (401, "no permissions to access the room"));

    let mut allowed = joiner(|video| video.can_update_own_metadata = Some(true));
    allowed.attributes = HashMap::from([("kept".to_owned(), "0".to_owned())]);
    let accepted = connect(Endpoint::V1, &allowed, &query).expect("accepted");
    assert_eq!(accepted.claims.metadata, "mine");
    assert_eq!(accepted.claims.attributes["kept"], "0", "nothing is deleted at joining");
    assert_eq!(accepted.claims.attributes["new"], "1");
}

#[test]
fn a_publish_only_connection_is_somebody_else_who_does_not_subscribe() {
    let accepted = connect(Endpoint::V0, &joiner(|_| {}), "publish=screen").expect("accepted");
    assert_eq!(accepted.claims.identity, "alice#screen");
    assert!(!accepted.claims.video.expect("grants").may_subscribe());
    let mute = joiner(|video| video.can_publish = Some(false));
    assert_eq!(refusal(connect(Endpoint::V0, &mute, "publish=screen")).0, 401);
}

#[test]
fn publish_means_nothing_in_a_join_request() {
    let query = format!(
        "publish=screen&{}",
        join_request(&JoinRequest { participant_sid: "PA_x".into(), ..JoinRequest::default() })
    );
    let accepted = connect(Endpoint::V0, &joiner(|_| {}), &query).expect("accepted");
    assert_eq!(accepted.claims.identity, "alice");
    assert_eq!(accepted.request.mode, Mode::SinglePc);
}

#[test]
fn a_missing_room_is_told_apart_from_a_missing_endpoint() {
    let error = ConnectError::RoomNotFound;
    assert_eq!((error.status(), error.to_string()), (404, "requested room does not exist".into()));
    assert_eq!(ConnectError::NotWebSocket.status(), 404);
    assert_eq!(ConnectError::LimitReached.status(), 503);
}

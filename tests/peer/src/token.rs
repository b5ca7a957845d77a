//! Tokens: good ones, and one of each kind that must be refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use visavis_signaling::UnixTime;
use visavis_signaling::token::{ApiKey, Claims, VideoGrant, mint};

use crate::Outcome;

/// The key of development mode.
pub const KEY: &str = "devkey";
/// Its secret.
pub const SECRET: &str = "secret";

const HOUR: Duration = Duration::from_secs(3600);

/// A token that lets `identity` into `room` with every default.
///
/// # Errors
///
/// When it cannot be signed.
pub fn join(identity: &str, room: &str) -> Outcome<String> {
    signed(&Claims::join(identity, room))
}

/// A token of these claims, valid now and for an hour.
///
/// # Errors
///
/// When it cannot be signed.
pub fn signed(claims: &Claims) -> Outcome<String> {
    Ok(mint(claims, &ApiKey::new(KEY, SECRET), HOUR, now())?)
}

/// One that expired an hour ago, well past the leeway.
///
/// # Errors
///
/// When it cannot be signed.
pub fn expired(identity: &str, room: &str) -> Outcome<String> {
    Ok(mint(&Claims::join(identity, room), &ApiKey::new(KEY, SECRET), HOUR, now().minus(2 * HOUR))?)
}

/// One that is valid from an hour from now on.
///
/// # Errors
///
/// When it cannot be signed.
pub fn not_yet_valid(identity: &str, room: &str) -> Outcome<String> {
    Ok(mint(&Claims::join(identity, room), &ApiKey::new(KEY, SECRET), HOUR, now().plus(HOUR))?)
}

/// One signed with another secret, or under the name of a key that the server does not have.
///
/// # Errors
///
/// When it cannot be signed.
pub fn of_key(identity: &str, room: &str, key: &str, secret: &str) -> Outcome<String> {
    Ok(mint(&Claims::join(identity, room), &ApiKey::new(key, secret), HOUR, now())?)
}

/// A good token whose header names another algorithm, signed as that algorithm has it with the right secret.
///
/// # Errors
///
/// When it cannot be signed.
pub fn of_algorithm(identity: &str, room: &str, algorithm: jsonwebtoken::Algorithm) -> Outcome<String> {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    Ok(jsonwebtoken::encode(&jsonwebtoken::Header::new(algorithm), &payload(identity, room), &key)?)
}

/// A token of algorithm `none`: right claims, no signature.
pub fn unsigned(identity: &str, room: &str) -> String {
    use base64::Engine;
    let encode = |json: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(json);
    format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), encode(&payload(identity, room).to_string()))
}

/// A token without any grant for video.
///
/// # Errors
///
/// When it cannot be signed.
pub fn without_grants(identity: &str) -> Outcome<String> {
    signed(&Claims { identity: identity.into(), ..Claims::default() })
}

/// A token with a grant for the room that does not include joining it.
///
/// # Errors
///
/// When it cannot be signed.
pub fn without_join(identity: &str, room: &str) -> Outcome<String> {
    let video = VideoGrant { room_join: false, ..VideoGrant::join(room) };
    signed(&Claims { video: Some(video), ..Claims::join(identity, room) })
}

fn payload(identity: &str, room: &str) -> serde_json::Value {
    let now = now().0 / 1000;
    serde_json::json!({
        "iss": KEY, "sub": identity, "nbf": now - 10, "exp": now + 3600,
        "video": { "roomJoin": true, "room": room },
    })
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

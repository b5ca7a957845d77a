//! Tokens as clients present them: what is accepted, what is refused, and what
//! survives the way there and back.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use livekit_protocol::{RoomConfiguration, participant_info};
use proptest::prelude::*;
use serde_json::{Value, json};
use visavis_signaling::UnixTime;
use visavis_signaling::token::{ApiKey, Claims, KeyRing, TokenError, VerifiedToken, VideoGrant, mint, verify};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const SECRET: &str = "secret of the first key, 32 bytes";

fn keys() -> KeyRing {
    [("first", SECRET), ("second", "another secret of 32 bytes or so")].into_iter().collect()
}

/// A token with any claims, signed by whatever algorithm.
fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
}

fn claims(exp: i64) -> Value {
    json!({"iss": "first", "sub": "alice", "exp": exp, "video": {"roomJoin": true, "room": "r"}})
}

fn check(claims: &Value) -> Result<VerifiedToken, TokenError> {
    verify(&keys(), &signed(Algorithm::HS256, SECRET, claims), NOW)
}

fn after(seconds: i64) -> i64 {
    NOW.as_secs() + seconds
}

#[test]
fn a_token_is_valid_until_a_minute_after_its_expiry() {
    assert!(check(&claims(after(-59))).is_ok());
    assert_eq!(check(&claims(after(-60))), Err(TokenError::Expired));
    assert_eq!(check(&claims(i64::MIN)), Err(TokenError::Expired));
    assert!(check(&claims(i64::MAX)).is_ok());
}

#[test]
fn a_token_is_valid_from_a_minute_before_its_start() {
    let starting = |nbf: i64| {
        let mut claims = claims(after(3_600));
        claims["nbf"] = nbf.into();
        check(&claims)
    };
    assert!(starting(after(60)).is_ok());
    assert_eq!(starting(after(61)), Err(TokenError::NotYetValid));
}

#[test]
fn a_token_without_expiry_is_refused() {
    let mut claims = claims(0);
    claims.as_object_mut().expect("an object").remove("exp");
    assert_eq!(check(&claims), Err(TokenError::NoExpiry));
    claims["exp"] = Value::Null;
    assert_eq!(check(&claims), Err(TokenError::NoExpiry));
}

#[test]
fn dates_may_have_fractions() {
    let mut claims = claims(0);
    claims["exp"] = json!(after(10) as f64 + 0.5);
    let token = check(&claims).expect("valid");
    assert_eq!(token.expires_at, UnixTime(after(10) * 1_000 + 500));
}

#[test]
fn only_hs256_is_accepted() {
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = signed(algorithm, SECRET, &claims(after(60)));
        assert!(matches!(verify(&keys(), &token, NOW), Err(TokenError::Algorithm(_))));
    }
    let payload = URL_SAFE_NO_PAD.encode(claims(after(60)).to_string());
    for head in
        [r#"{"alg":"none"}"#, r#"{"alg":"NONE"}"#, r#"{"alg":"RS256"}"#, r#"{"alg":"hs256"}"#, r#"{"alg":""}"#, "{}"]
    {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(head));
            let refused = verify(&keys(), &token, NOW);
            assert!(matches!(refused, Err(TokenError::Algorithm(_))), "{head}: {refused:?}");
        }
    }
}

#[test]
fn a_wrong_key_or_signature_is_refused() {
    let good = signed(Algorithm::HS256, SECRET, &claims(after(60)));
    assert!(verify(&keys(), &good, NOW).is_ok());

    let other = signed(Algorithm::HS256, "another secret of 32 bytes or so", &claims(after(60)));
    assert_eq!(verify(&keys(), &other, NOW), Err(TokenError::Signature));

    let mut unknown = claims(after(60));
    unknown["iss"] = "nobody".into();
    let refused = check(&unknown);
    assert_eq!(refused, Err(TokenError::UnknownKey("nobody".into())));
    assert_eq!(refused.expect_err("refused").to_string(), "invalid API key: nobody");

    let (head, _) = good.rsplit_once('.').expect("three parts");
    for signature in ["", "AAAA", "!"] {
        let refused = verify(&keys(), &format!("{head}.{signature}"), NOW);
        assert_eq!(refused, Err(TokenError::Signature), "{signature:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    for text in ["", ".", "..", "a.b", "a.b.c.d", "e30.e30", "x", "e30.!!.e30"] {
        let refused = verify(&keys(), text, NOW);
        assert_eq!(refused, Err(TokenError::Malformed), "{text:?}");
    }
    assert_eq!(TokenError::Malformed.to_string(), "invalid authorization token");
}

#[test]
fn claims_of_the_wrong_type_are_refused() {
    let mut wrong = claims(after(60));
    wrong["video"]["roomJoin"] = "yes".into();
    assert!(matches!(check(&wrong), Err(TokenError::Claims(_))));
    let mut wrong = claims(after(60));
    wrong["attributes"] = json!({"a": 1});
    assert!(matches!(check(&wrong), Err(TokenError::Claims(_))));
}

#[test]
fn the_identity_is_the_subject_or_else_the_token_id() {
    let mut both = claims(after(60));
    both["jti"] = "bob".into();
    both["identity"] = "mallory".into();
    assert_eq!(check(&both).expect("valid").claims.identity, "alice");
    both["sub"] = "".into();
    assert_eq!(check(&both).expect("valid").claims.identity, "bob");
}

#[test]
fn tokens_of_every_key_are_accepted_and_name_it() {
    for key in keys().iter() {
        let token = mint(&Claims::join("a", "r"), key, Duration::from_secs(60), NOW);
        let token = verify(&keys(), &token.expect("a token"), NOW).expect("valid");
        assert_eq!(token.api_key, key.id());
    }
}

#[test]
fn a_minted_token_says_what_other_verifiers_look_for() {
    let key = ApiKey::new("first", SECRET);
    let token = mint(&Claims::join("alice", "r"), &key, Duration::from_secs(90), NOW);
    let token = token.expect("a token");
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(
        payload,
        json!({
            "iss": "first",
            "sub": "alice",
            "iat": NOW.as_secs(),
            "nbf": NOW.as_secs(),
            "exp": after(90),
            "video": {"roomJoin": true, "room": "r"},
        })
    );
}

#[test]
fn nothing_is_minted_without_a_key() {
    for key in [ApiKey::new("", SECRET), ApiKey::new("first", "")] {
        let refused = mint(&Claims::default(), &key, Duration::from_secs(1), NOW);
        assert_eq!(refused, Err(TokenError::NoKey));
    }
}

prop_compose! {
    fn any_grant()(
        bits: [bool; 9],
        options in proptest::collection::vec(proptest::option::of(any::<bool>()), 6),
        room: String,
        destination_room: String,
        can_publish_sources in proptest::collection::vec("(camera|microphone|screen_share)", 0..3),
    ) -> VideoGrant {
        VideoGrant {
            room_create: bits[0],
            room_list: bits[1],
            room_record: bits[2],
            room_admin: bits[3],
            room_join: bits[4],
            room,
            can_publish: options[0],
            can_subscribe: options[1],
            can_publish_data: options[2],
            can_publish_sources,
            can_update_own_metadata: options[3],
            ingress_admin: bits[5],
            hidden: bits[6],
            recorder: bits[7],
            agent: bits[8],
            can_subscribe_metrics: options[4],
            can_manage_agent_session: options[5],
            destination_room,
        }
    }
}

prop_compose! {
    fn any_claims()(
        identity in ".{1,40}",
        name: String,
        metadata: String,
        room_preset: String,
        sha256: String,
        attributes: HashMap<String, String>,
        video in proptest::option::of(any_grant()),
        jti in proptest::option::of(".{1,10}"),
        is_agent: bool,
        empty_timeout: u32,
    ) -> Claims {
        Claims {
            identity,
            jti,
            name,
            kind: if is_agent { participant_info::Kind::Agent } else { participant_info::Kind::Standard },
            kind_details: Vec::new(),
            video,
            sip: Some(json!({"call": true})),
            room_config: Some(RoomConfiguration { empty_timeout, ..RoomConfiguration::default() }),
            room_preset,
            sha256,
            metadata,
            attributes,
            ..Claims::default()
        }
    }
}

proptest! {
    #[test]
    fn claims_survive_minting_and_verifying(claims in any_claims(), ttl in 1u64..1_000_000) {
        let key = ApiKey::new("first", SECRET);
        let token = mint(&claims, &key, Duration::from_secs(ttl), NOW).expect("a token");
        let verified = verify(&keys(), &token, NOW).expect("valid");
        prop_assert_eq!(verified.claims, claims);
        prop_assert_eq!(verified.expires_at, NOW.plus(Duration::from_secs(ttl)));
    }

    #[test]
    fn a_changed_token_is_never_accepted(position: usize, flip in 1u8..=127) {
        let key = ApiKey::new("first", SECRET);
        let token = mint(&Claims::join("alice", "r"), &key, Duration::from_secs(60), NOW);
        let token = token.expect("a token");
        let mut bytes = token.clone().into_bytes();
        let position = position % bytes.len();
        bytes[position] = (bytes[position] ^ flip) & 0x7f;
        if let Ok(changed) = String::from_utf8(bytes)
            && changed != token
        {
            prop_assert!(verify(&keys(), &changed, NOW).is_err());
        }
    }

    #[test]
    fn arbitrary_text_is_refused_without_a_panic(text: String) {
        prop_assert!(verify(&keys(), &text, NOW).is_err());
    }
}

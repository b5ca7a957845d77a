//! Minting and verifying tokens.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{ApiKey, Claims, KeyRing, TokenError};
use crate::UnixTime;

/// How far the clocks of issuer and server may differ: `exp` and `nbf` are
/// stretched by this much (LiveKit's `auth/verifier.go`).
pub const LEEWAY: Duration = Duration::from_secs(60);

/// How long a token is valid when nothing else is asked for, as in LiveKit's
/// SDKs.
pub const DEFAULT_TTL: Duration = Duration::from_secs(6 * 60 * 60);

/// A token whose signature and dates have been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedToken {
    /// What the token grants.
    pub claims: Claims,
    /// The API key it was signed with.
    pub api_key: String,
    /// The `exp` claim.
    pub expires_at: UnixTime,
    /// The `nbf` claim, when there is one.
    pub not_before: Option<UnixTime>,
    /// The `iat` claim, when there is one.
    pub issued_at: Option<UnixTime>,
}

/// Signs `claims` with `key`, valid from `now` for `ttl` (rounded down to whole
/// seconds). An empty identity is left out, as for server-side tokens.
///
/// # Errors
///
/// [`TokenError::NoKey`] for an empty key or secret, [`TokenError::Encode`] if
/// the claims cannot be written.
pub fn mint(claims: &Claims, key: &ApiKey, ttl: Duration, now: UnixTime) -> Result<String, TokenError> {
    if key.id().is_empty() || key.secret().is_empty() {
        return Err(TokenError::NoKey);
    }
    let payload = Payload {
        registered: Registered {
            iss: Some(key.id().to_owned()),
            sub: Some(claims.identity.clone()).filter(|identity| !identity.is_empty()),
            jti: claims.jti.clone(),
            iat: Some(now.as_secs().into()),
            nbf: Some(now.as_secs().into()),
            exp: Some(now.plus(ttl).as_secs().into()),
        },
        claims,
    };
    let secret = EncodingKey::from_secret(key.secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &payload, &secret)
        .map_err(|error| TokenError::Encode(error.to_string()))
}

/// Checks `token` against the keys and against `now`, and reads its claims.
///
/// Only HS256 is accepted, `exp` is required, and `exp` and `nbf` are allowed
/// [`LEEWAY`] each. `iat` and `aud` are not judged, as in LiveKit.
///
/// # Errors
///
/// The [`TokenError`] that says what is wrong.
pub fn verify(keys: &KeyRing, token: &str, now: UnixTime) -> Result<VerifiedToken, TokenError> {
    let registered: Registered = part(token, 1)?;
    let head: Head = part(token, 0)?;
    let issuer = registered.iss.unwrap_or_default();
    let key = keys.get(&issuer).ok_or(TokenError::UnknownKey(issuer.clone()))?;
    if head.alg != "HS256" {
        return Err(TokenError::Algorithm(head.alg));
    }

    // The library would read the system's clock: it checks the signature only.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let secret = DecodingKey::from_secret(key.secret().as_bytes());
    let payload: OwnedPayload =
        jsonwebtoken::decode(token, &secret, &validation).map_err(|error| decode_error(&error))?.claims;

    let Registered { sub, jti, exp, nbf, iat, .. } = payload.registered;
    let expires_at = exp.map(NumericDate::time).ok_or(TokenError::NoExpiry)?;
    let not_before = nbf.map(NumericDate::time);
    if now >= expires_at.plus(LEEWAY) {
        return Err(TokenError::Expired);
    }
    if not_before.is_some_and(|start| now < start.minus(LEEWAY)) {
        return Err(TokenError::NotYetValid);
    }

    let mut claims = payload.claims;
    claims.identity = sub.filter(|identity| !identity.is_empty()).or_else(|| jti.clone()).unwrap_or_default();
    claims.jti = jti;
    Ok(VerifiedToken { claims, api_key: issuer, expires_at, not_before, issued_at: iat.map(NumericDate::time) })
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(flatten)]
    registered: Registered,
    #[serde(flatten)]
    claims: &'a Claims,
}

#[derive(Deserialize)]
struct OwnedPayload {
    #[serde(flatten)]
    registered: Registered,
    #[serde(flatten)]
    claims: Claims,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    alg: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Registered {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<NumericDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<NumericDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<NumericDate>,
}

/// Seconds since the epoch, whole or with a fraction (RFC 7519 §2).
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fraction(f64),
}

impl NumericDate {
    fn time(self) -> UnixTime {
        match self {
            Self::Whole(seconds) => UnixTime::from_secs(seconds),
            Self::Fraction(seconds) => UnixTime::from_secs_f64(seconds),
        }
    }
}

impl From<i64> for NumericDate {
    fn from(seconds: i64) -> Self {
        Self::Whole(seconds)
    }
}

/// Reads one part of a token without trusting it.
fn part<T: for<'de> Deserialize<'de>>(token: &str, index: usize) -> Result<T, TokenError> {
    let mut parts = token.split('.');
    let encoded = parts.nth(index).ok_or(TokenError::Malformed)?;
    // Exactly three parts: two are left after the header, one after the payload.
    if parts.count() != 2 - index {
        return Err(TokenError::Malformed);
    }
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

fn decode_error(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature | ErrorKind::Base64(_) => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenError::Algorithm(String::new()),
        _ => TokenError::Claims(error.to_string()),
    }
}

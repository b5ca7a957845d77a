//! What a provider says of a person, and whether to believe it (OpenID Connect Core 1.0 §3.1.3.7). Pure.

use std::collections::HashSet;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Deserializer};

use super::OidcError;
use crate::units::UnixTime;

/// By how much a provider's clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(60);
/// Longest identifier of a person (Core §2).
const MAX_SUB: usize = 255;

/// What is taken from an ID token, or from the user info endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    /// Who, as the provider knows the person.
    pub(super) sub: String,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    pub(super) email_verified: bool,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    preferred_username: Option<String>,
    #[serde(default)]
    pub(super) locale: Option<String>,
    #[serde(default)]
    pub(super) zoneinfo: Option<String>,
}

impl Claims {
    /// What the person is called, the best first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.name.as_deref().into_iter().chain(self.preferred_username.as_deref())
    }

    /// Takes over what these lack. An address comes with the word on whether it is verified.
    pub(super) fn add(&mut self, more: Claims) {
        if self.email.is_none() {
            (self.email, self.email_verified) = (more.email, more.email_verified);
        }
        self.name = self.name.take().or(more.name);
        self.preferred_username = self.preferred_username.take().or(more.preferred_username);
        self.locale = self.locale.take().or(more.locale);
        self.zoneinfo = self.zoneinfo.take().or(more.zoneinfo);
    }
}

/// Some providers write a boolean as text.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value == serde_json::Value::Bool(true) || value == "true")
}

/// Claims about the token itself.
#[derive(Debug, Deserialize)]
struct Envelope {
    iss: String,
    aud: Audience,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(flatten)]
    person: Claims,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What an ID token must agree with.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// No token for this sign-in can be older.
    pub(super) begun_at: UnixTime,
    pub(super) now: UnixTime,
}

/// The key that a token says it was signed with.
pub(super) fn key_id(token: &str) -> Result<Option<String>, OidcError> {
    // `none` and whatever else is no signature algorithm ends here already.
    let header = jsonwebtoken::decode_header(token).map_err(|_| OidcError::TokenInvalid("is no signed token"))?;
    Ok(header.kid)
}

/// Believes a token, or says why not.
pub(super) fn verify(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Claims, OidcError> {
    let invalid = OidcError::TokenInvalid;
    let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("is no signed token"))?;
    let fitting = |key: &&Jwk| fits(key, header.alg) && (header.kid.is_none() || key.common.key_id == header.kid);
    let mut candidates = keys.iter().filter(fitting);
    let key = candidates.next().ok_or(invalid("is signed by a key that the provider does not have"))?;
    if header.kid.is_none() && candidates.next().is_some() {
        return Err(invalid("does not say which key it is signed by"));
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| invalid("is signed by a key that cannot be read"))?;
    let mut validation = Validation::new(header.alg);
    // The library reads the system's clock: times, and with them the rest, are checked below.
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = jsonwebtoken::decode::<Envelope>(token, &key, &validation);
    let claims = decoded.map_err(|_| invalid("does not bear the provider's signature"))?.claims;

    if claims.iss != expected.issuer {
        return Err(invalid("comes from another issuer"));
    }
    let (for_us, alone) = match &claims.aud {
        Audience::One(audience) => (audience == expected.client_id, true),
        Audience::Many(audiences) => (audiences.iter().any(|it| it == expected.client_id), audiences.len() == 1),
    };
    if !for_us {
        return Err(invalid("is for somebody else"));
    }
    match claims.azp.as_deref() {
        Some(party) if party != expected.client_id => return Err(invalid("was asked for by somebody else")),
        None if !alone => return Err(invalid("does not say who asked for it")),
        _ => {}
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(invalid("belongs to another sign-in"));
    }
    let [exp, iat] = [claims.exp, claims.iat].map(UnixTime::from_secs_f64);
    if expected.now >= exp.plus(LEEWAY) {
        return Err(invalid("has expired"));
    }
    let (earliest, latest) = (expected.begun_at.minus(LEEWAY), expected.now.plus(LEEWAY));
    if iat < earliest || iat > latest || claims.nbf.is_some_and(|nbf| UnixTime::from_secs_f64(nbf) > latest) {
        return Err(invalid("is of another time; compare the clocks"));
    }
    let sub = &claims.person.sub;
    if sub.is_empty() || sub.len() > MAX_SUB || !sub.is_ascii() {
        return Err(invalid("does not say who it is about"));
    }
    Ok(claims.person)
}

/// Whether a key may have made a signature of this algorithm. Secrets that both sides share are no keys of a provider:
/// whoever is sent the public key could sign with it.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => ec.curve == EllipticCurve::P256,
        _ => false,
    };
    let told = key.common.key_algorithm.is_none_or(|told| told == KeyAlgorithm::from(algorithm));
    let used = key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    kind && told && used
}

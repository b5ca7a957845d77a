//! The provider as it answers: its configuration, its keys, codes against tokens.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::OidcError;
use super::id_token::Claims;
use crate::config::{OidcSettings, Secret};
use crate::error::chain;
use crate::units::UnixTime;

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 256 * 1024;
/// How long configuration and keys hold.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// How soon keys are asked for again because of one that is unknown: whoever sends tokens does not decide.
const KEYS_AGAIN: Duration = Duration::from_secs(60);
/// How long a provider that failed is left alone.
const FAILED: Duration = Duration::from_secs(10);
const MAX_KEYS: usize = 64;

/// A provider of identities.
pub(super) struct Provider {
    client: Client,
    issuer: String,
    client_id: String,
    client_secret: Secret,
    known: Mutex<Known>,
}

/// What the provider has said of itself.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, UnixTime)>,
    keys: Option<(Arc<[Jwk]>, UnixTime)>,
    failed: Option<(OidcError, UnixTime)>,
}

/// A provider's configuration (OpenID Connect Discovery 1.0 §3), as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Endpoint,
    token_endpoint: Endpoint,
    jwks_uri: Endpoint,
    #[serde(default)]
    userinfo_endpoint: Option<Endpoint>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether it names itself in what it sends browsers back with (RFC 9207).
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub(super) names_itself: bool,
}

/// An address that the provider names.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Endpoint(pub(super) Url);

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        url.map(Self).ok_or_else(|| "an endpoint is no URL".into())
    }
}

/// What a code is good for.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) id_token: Secret,
    access_token: Option<Secret>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Provider {
    pub(super) fn new(settings: &OidcSettings, client: Client) -> Self {
        Self {
            client,
            issuer: settings.issuer.as_str().trim_end_matches('/').to_owned(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            known: Mutex::default(),
        }
    }

    /// The provider's configuration.
    pub(super) async fn metadata(&self, now: UnixTime) -> Result<Arc<Metadata>, OidcError> {
        let mut known = self.known.lock().await;
        self.known_metadata(&mut known, now).await
    }

    /// Whoever comes while it is being asked for waits for the same answer.
    async fn known_metadata(&self, known: &mut Known, now: UnixTime) -> Result<Arc<Metadata>, OidcError> {
        if let Some((metadata, _)) = known.metadata.as_ref().filter(|(_, at)| now.since(*at) < FRESH) {
            return Ok(Arc::clone(metadata));
        }
        if let Some((error, _)) = known.failed.as_ref().filter(|(_, at)| now.since(*at) < FAILED) {
            return Err(error.clone());
        }
        match self.discover().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                known.metadata = Some((Arc::clone(&metadata), now));
                Ok(metadata)
            }
            Err(error) => {
                tracing::error!(%error, issuer = %self.issuer, "nobody can sign in at the identity provider");
                known.failed = Some((error.clone(), now));
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Metadata, OidcError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let metadata: Metadata = self.json(self.client.get(url)).await?;
        if metadata.issuer.trim_end_matches('/') != self.issuer {
            let said = metadata.issuer.chars().take(200).collect::<String>();
            return Err(OidcError::Misconfigured(format!(
                "oidc.issuer is {}, and it calls itself {said}",
                self.issuer
            )));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        let plain = endpoints.into_iter().chain(&metadata.userinfo_endpoint).any(|url| url.0.scheme() != "https");
        // Plain text is for providers on the same machine, which are named so.
        if plain && self.issuer.starts_with("https") {
            return Err(OidcError::Misconfigured("one of its endpoints is not encrypted".into()));
        }
        Ok(metadata)
    }

    /// The provider's keys. They are asked for again when `kid` is not among them.
    pub(super) async fn keys(&self, kid: Option<&str>, now: UnixTime) -> Result<Arc<[Jwk]>, OidcError> {
        let mut known = self.known.lock().await;
        if let Some((keys, at)) = &known.keys {
            let there = kid.is_none_or(|kid| keys.iter().any(|key| key.common.key_id.as_deref() == Some(kid)));
            let age = now.since(*at);
            if (there && age < FRESH) || (!there && age < KEYS_AGAIN) {
                return Ok(Arc::clone(keys));
            }
        }
        let metadata = self.known_metadata(&mut known, now).await?;
        let set: KeySet = self.json(self.client.get(metadata.jwks_uri.0.clone())).await?;
        // Of a kind that is not known to us is no mistake of theirs.
        let keys = set.keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok());
        let keys: Arc<[Jwk]> = keys.collect();
        known.keys = Some((Arc::clone(&keys), now));
        Ok(keys)
    }

    /// A code against tokens.
    pub(super) async fn exchange(
        &self,
        code: &str,
        verifier: &Secret,
        redirect_uri: &str,
        now: UnixTime,
    ) -> Result<Tokens, OidcError> {
        let metadata = self.metadata(now).await?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.reveal()),
        ];
        let request = self.client.post(metadata.token_endpoint.0.clone());
        let request = if metadata.wants_secret_in_body() {
            fields.extend([("client_id", self.client_id.as_str()), ("client_secret", self.client_secret.reveal())]);
            request
        } else {
            // Both are written as in a form first (RFC 6749 §2.3.1).
            let [id, secret] = [&self.client_id, self.client_secret.reveal()].map(form_word);
            request.basic_auth(id, Some(secret))
        };
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(&fields));
        let (status, body) = self.answer(request).await?;
        let answer: Option<TokenAnswer> = serde_json::from_slice(&body).ok();
        match answer {
            Some(TokenAnswer { id_token: Some(id_token), access_token, .. }) if status == 200 => {
                Ok(Tokens { id_token: Secret::new(id_token), access_token: access_token.map(Secret::new) })
            }
            Some(TokenAnswer { error: Some(error), .. }) if error == "invalid_grant" => Err(OidcError::StateInvalid),
            answer => {
                let word = answer.and_then(|answer| answer.error).unwrap_or_default();
                let OidcError::Denied(word) = OidcError::denied(&word) else { return Err(OidcError::StateInvalid) };
                tracing::error!(status, error = %word, "the identity provider gives no token");
                match status {
                    500.. => Err(OidcError::Unavailable(format!("status {status}"))),
                    _ => Err(OidcError::Misconfigured(format!("no token, status {status} {word}"))),
                }
            }
        }
    }

    /// What else the provider says of a person, where it says it elsewhere (Core §5.3).
    pub(super) async fn user_info(
        &self,
        tokens: &Tokens,
        sub: &str,
        now: UnixTime,
    ) -> Result<Option<Claims>, OidcError> {
        let metadata = self.metadata(now).await?;
        let (Some(url), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else { return Ok(None) };
        let claims: Claims = self.json(self.client.get(url.0.clone()).bearer_auth(token.reveal())).await?;
        // Another one's could have been put in its place.
        if claims.sub == sub { Ok(Some(claims)) } else { Err(OidcError::TokenInvalid("is about two people")) }
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, OidcError> {
        let (status, body) = self.answer(request).await?;
        if status != 200 {
            return Err(OidcError::Unavailable(format!("status {status}")));
        }
        serde_json::from_slice(&body)
            .map_err(|error| OidcError::Misconfigured(format!("its answer cannot be read: {error}")))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>), OidcError> {
        let unavailable = |error: reqwest::Error| OidcError::Unavailable(chain(&error.without_url()));
        let request = request.header(ACCEPT, "application/json").timeout(TIMEOUT);
        let mut response = request.send().await.map_err(unavailable)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(OidcError::Misconfigured("its answer has no end".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status().as_u16(), body))
    }
}

impl Metadata {
    /// Whether our password goes into the body; into a header where the provider says nothing, or takes both.
    fn wants_secret_in_body(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let takes = |method: &str| methods.iter().any(|it| it == method);
        takes("client_secret_post") && !takes("client_secret_basic")
    }
}

/// Fields as a form writes them.
fn form(fields: &[(&str, &str)]) -> String {
    // The type of URLs knows how; what it is the query of does not matter.
    let Ok(mut url) = Url::parse("https://form.invalid/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// One word as a form writes it.
fn form_word(word: &str) -> String {
    form(&[(word, "")]).trim_end_matches('=').to_owned()
}

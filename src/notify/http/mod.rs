//! Outgoing HTTP: one way for webhooks, SMS gateways and push services, with limits on time, size and reach.

mod guard;
mod resolver;

#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, Method, redirect};

use crate::config::Secret;
use crate::error::chain;

use super::retry::Retry;
use resolver::Resolver;

pub use guard::{Guard, Refused, Scheme};
pub use resolver::{Lookup, system_lookup};

/// An exchange takes no longer than this, its answer's body included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Part of it that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 4 * 1024;
/// How long a connection waits for its next use.
const IDLE: Duration = Duration::from_secs(30);
/// Connections to one host that wait.
const IDLE_PER_HOST: usize = 2;

/// Outgoing HTTP could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A certificate of the configuration is none.
    #[error("a root certificate of the configuration cannot be read")]
    Certificate(#[source] reqwest::Error),
    /// No TLS.
    #[error(
        "outgoing HTTPS has no root certificates to trust; install the system's (package ca-certificates) or point \
         SSL_CERT_FILE to a bundle"
    )]
    Roots(#[source] reqwest::Error),
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not asked.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The request itself is none: a header that is not one.
    #[error("the request cannot be written: {0}")]
    Malformed(String),
    /// Too slow.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// No connection, or one that broke.
    #[error("{0}")]
    Failed(String),
}

impl SendError {
    /// Whether trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            // Names come and go with the resolver.
            SendError::Refused(Refused::NoAddress(_)) | SendError::Timeout | SendError::Failed(_) => Retry::Later(None),
            SendError::Refused(_) | SendError::Malformed(_) => Retry::Never,
        }
    }
}

/// A request to send. Header values may be secrets, so they are kept from logs as such.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Secret,
    /// Headers besides those of HTTP itself.
    pub headers: Vec<(String, Secret)>,
    /// Body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// What `Retry-After` says in seconds; dates are not read.
    pub retry_after: Option<Duration>,
    /// The body's beginning.
    pub body: Vec<u8>,
}

impl Answer {
    /// True for 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether trying again makes sense after an answer that is no success.
    pub fn retry(&self) -> Retry {
        Retry::of_status(self.status, self.retry_after)
    }

    /// The body as text, for delivery logs.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends requests, within the limits of a [`Guard`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    guard: Arc<Guard>,
    https: Client,
    http: Client,
}

impl Outbound {
    /// A sender that trusts the system's root certificates and those given (PEM).
    ///
    /// # Errors
    ///
    /// When a certificate is none or there are no root certificates at all.
    pub fn new(guard: Guard, extra_roots: &[Vec<u8>]) -> Result<Self, SetupError> {
        Self::with_lookup(guard, extra_roots, system_lookup())
    }

    /// Like [`Self::new`], with names looked up by `lookup`.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with_lookup(guard: Guard, extra_roots: &[Vec<u8>], lookup: Lookup) -> Result<Self, SetupError> {
        provider();
        let guard = Arc::new(guard);
        let mut roots = Vec::new();
        for pem in extra_roots {
            roots.extend(Certificate::from_pem_bundle(pem).map_err(SetupError::Certificate)?);
        }
        let resolver = |scheme| Resolver::new(Arc::clone(&guard), scheme, Arc::clone(&lookup));
        let https = builder().https_only(true).dns_resolver(resolver(Scheme::Https)).tls_certs_merge(roots);
        // This one never speaks TLS, so it needs nothing to trust.
        let http = builder().dns_resolver(resolver(Scheme::Http)).tls_certs_only([]);
        Ok(Self {
            https: https.build().map_err(SetupError::Roots)?,
            http: http.build().map_err(SetupError::Roots)?,
            guard,
        })
    }

    /// The guard, for checking a URL before it is stored.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends a request. Any status is an answer; redirects are not followed.
    ///
    /// # Errors
    ///
    /// When there was no answer.
    pub async fn send(&self, request: Request) -> Result<Answer, SendError> {
        let (url, scheme) = self.guard.url(request.url.reveal())?;
        let client = match scheme {
            Scheme::Https => &self.https,
            Scheme::Http => &self.http,
        };
        let headers = headers(&request.headers)?;
        let sent = client.request(request.method, url).headers(headers).body(request.body).send().await;
        let mut response = sent.map_err(failure)?;
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // The status counts even when the body breaks off.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_ANSWER - body.len())]);
            if body.len() == MAX_ANSWER {
                break;
            }
        }
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
    }
}

/// A client for a server that the operator has named, wherever it is. Redirects are not followed.
///
/// # Errors
///
/// [`SetupError::Roots`].
pub fn client() -> Result<Client, SetupError> {
    provider();
    builder().build().map_err(SetupError::Roots)
}

/// The same for a server that may be reached without TLS: then there need not be anything to trust.
///
/// # Errors
///
/// [`SetupError::Roots`].
pub fn client_for(https: bool) -> Result<Client, SetupError> {
    if https {
        return client();
    }
    provider();
    builder().tls_certs_only([]).build().map_err(SetupError::Roots)
}

/// Makes aws-lc-rs the process's crypto provider of rustls, unless something has chosen one already. reqwest panics
/// without.
fn provider() {
    // An error means that there is one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("visavis/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .redirect(redirect::Policy::none())
        .referer(false)
        // A proxy would look the name up itself, where the guard has no say.
        .no_proxy()
}

fn headers(given: &[(String, Secret)]) -> Result<HeaderMap, SendError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let wrong = || SendError::Malformed(format!("header `{}`", name.escape_debug()));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// What reqwest says, without the URL, which may be a secret.
fn failure(error: reqwest::Error) -> SendError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return SendError::Refused(refused.clone());
        }
        cause = inner.source();
    }
    if error.is_timeout() { SendError::Timeout } else { SendError::Failed(chain(&error.without_url())) }
}

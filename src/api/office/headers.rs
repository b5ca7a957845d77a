//! Headers of every answer of the office, and answers to what went wrong around the handlers.

use std::any::Any;
use std::fmt::Write;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gate::Gate;
use crate::api::problem::{Code, Problem};
use crate::config::EmbedOrigin;

/// Answers of the API are documents to nobody.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Two years, as the preload lists want it; neighbouring hosts are not ours to decide on.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");
/// What our pages may ask of the browser; whoever frames them gets none of it.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), display-capture=(self), picture-in-picture=(self), fullscreen=(self), \
     screen-wake-lock=(self), speaker-selection=(self), geolocation=(), payment=(), usb=()",
);

/// An answer with this in its extensions is a page for the frames of those sites that may have it.
#[derive(Clone, Copy, Debug)]
pub struct Framed;

/// The layer that adds them. What a handler has said itself stays, but for `nosniff`.
pub(super) async fn headers(
    State((gate, policies)): State<(Gate, Policies)>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if let Some(code) = response.extensions().get::<Code>() {
        gate.metrics.problems.count(code.as_str());
    }
    let framed = response.extensions().get::<Framed>().is_some();
    let headers = response.headers_mut();
    let is =
        |word: &str| headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(word.as_bytes()));
    let (html, script) = (is("text/html"), is("text/javascript"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Addresses of rooms and sign-in links are secrets.
    unless_there(headers, header::REFERRER_POLICY, || HeaderValue::from_static("no-referrer"));
    unless_there(headers, header::CACHE_CONTROL, || HeaderValue::from_static("no-store"));
    unless_there(headers, header::CONTENT_SECURITY_POLICY, || match (html, framed) {
        (true, true) => policies.framed,
        (true, false) => policies.page,
        // A worker lives by the policy that its script came with.
        (false, _) if script => policies.page,
        (false, _) => NOTHING,
    });
    unless_there(headers, HeaderName::from_static("cross-origin-resource-policy"), || {
        HeaderValue::from_static(if framed { "cross-origin" } else { "same-origin" })
    });
    if html {
        unless_there(headers, HeaderName::from_static("permissions-policy"), || PERMISSIONS);
        unless_there(headers, HeaderName::from_static("cross-origin-opener-policy"), || {
            HeaderValue::from_static("same-origin")
        });
    }
    if gate.base.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn unless_there(headers: &mut HeaderMap, name: HeaderName, value: impl FnOnce() -> HeaderValue) {
    headers.entry(name).or_insert_with(value);
}

/// What pages may load, and where they may be shown.
#[derive(Clone)]
pub(super) struct Policies {
    /// In a window of their own.
    page: HeaderValue,
    /// In frames of the sites that the settings name.
    framed: HeaderValue,
}

impl Policies {
    pub(super) fn new(gate: &Gate) -> Self {
        let embedders: Vec<&str> = gate.embedders.iter().map(EmbedOrigin::as_str).collect();
        let framed = if embedders.is_empty() { "'none'".to_owned() } else { embedders.join(" ") };
        Self { page: policy(gate, "'none'"), framed: policy(gate, &framed) }
    }
}

/// Scripts and styles of ours alone, and connections to the server that calls are held on. WebSockets are named because
/// older browsers do not count them to `'self'`.
fn policy(gate: &Gate, ancestors: &str) -> HeaderValue {
    let mut connect = format!("'self' {}", gate.base.websocket());
    if let Some(other) = &gate.livekit {
        // LiveKit's client asks over HTTP why a connection failed.
        let _ = write!(connect, " {} {}", other.as_str(), other.as_str().replacen("ws", "http", 1));
    }
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
         media-src 'self' blob:; font-src 'self'; connect-src {connect}; worker-src 'self' blob:; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    );
    // Every part of it is ours or has been an URL.
    HeaderValue::from_str(&policy).unwrap_or(NOTHING)
}

/// The answer when a handler panicked. The panic itself is on standard error.
pub(super) fn panicked(gate: &Gate, panic: &(dyn Any + Send)) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = message.unwrap_or("no message"), "a handler panicked");
    gate.metrics.handler_panics.inc();
    Problem::new(Code::Internal).into_response()
}

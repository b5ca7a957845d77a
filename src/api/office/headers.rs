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

/// Answers of the API are documents to nobody.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Two years, as the preload lists want it; neighbouring hosts are not ours to decide on.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");
/// What our pages may ask of the browser; whoever frames them gets none of it.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), screen-wake-lock=(self), \
     speaker-selection=(self), geolocation=(), payment=(), usb=()",
);

/// The layer that adds them. What a handler has said itself stays, but for `nosniff` and the referrer.
pub(super) async fn headers(State((gate, page)): State<(Gate, HeaderValue)>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(code) = response.extensions().get::<Code>() {
        gate.metrics.problems.count(code.as_str());
    }
    let headers = response.headers_mut();
    let html = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Addresses of rooms and sign-in links are secrets.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    unless_there(headers, header::CACHE_CONTROL, || HeaderValue::from_static("no-store"));
    unless_there(headers, header::CONTENT_SECURITY_POLICY, || if html { page } else { NOTHING });
    unless_there(headers, HeaderName::from_static("cross-origin-resource-policy"), || {
        HeaderValue::from_static("same-origin")
    });
    if html {
        unless_there(headers, HeaderName::from_static("permissions-policy"), || PERMISSIONS);
    }
    if gate.base.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn unless_there(headers: &mut HeaderMap, name: HeaderName, value: impl FnOnce() -> HeaderValue) {
    headers.entry(name).or_insert_with(value);
}

/// What our pages may load: scripts and styles of ours alone, and connections to the server that calls are held on.
/// WebSockets are named because older browsers do not count them to `'self'`.
pub(super) fn page_policy(gate: &Gate) -> HeaderValue {
    let mut connect = format!("'self' {}", gate.base.websocket());
    if let Some(other) = &gate.livekit {
        // LiveKit's client asks over HTTP why a connection failed.
        let _ = write!(connect, " {} {}", other.as_str(), other.as_str().replacen("ws", "http", 1));
    }
    let policy = format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; media-src 'self' blob: mediastream:; worker-src 'self' blob:; \
         connect-src {connect}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(NOTHING)
}

/// The answer when a handler panicked. The panic itself is on standard error.
pub(super) fn panicked(gate: &Gate, panic: &(dyn Any + Send)) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = message.unwrap_or("no message"), "a handler panicked");
    gate.metrics.handler_panics.inc();
    Problem::new(Code::Internal).into_response()
}

//! Server-sent events (WHATWG HTML §9.2): the stream's form. What is told, and from where on, its source knows.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Serialize;
use tokio::sync::watch;

use super::extract::header;
use super::gate::Gate;
use crate::api::problem::{Code, Problem};

/// Comments that keep the connection open where nothing happens; proxies close silent ones after 30 s and more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the order of events, by which a client that comes back says what it has seen.
    pub id: u64,
    /// What kind of event, in a word.
    pub name: String,
    /// What happened, as one JSON document.
    pub data: String,
}

impl Event {
    /// An event about `data`.
    pub fn new<T: Serialize>(id: u64, name: &str, data: &T) -> Self {
        // Events are our own types, which always serialise.
        Self { id, name: name.to_owned(), data: serde_json::to_string(data).unwrap_or_default() }
    }
}

/// The last event that a client has seen, of one that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<u64>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text = header(&parts.headers, "last-event-id")?.filter(|text| !text.is_empty());
        let id = text.map(str::parse).transpose();
        id.map(Self).map_err(|_| Problem::new(Code::InvalidHeader).detail("Last-Event-ID is none of ours."))
    }
}

/// Answers with a stream of events, which ends with its source or when the server stops.
pub fn stream(gate: &Gate, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let first = futures_util::stream::once(async { Ok(sse::Event::default().retry(RETRY)) });
    let told = events.map(|event| {
        // Data of one line: JSON has no bare line breaks.
        Ok::<_, Infallible>(sse::Event::default().id(event.id.to_string()).event(event.name).data(event.data))
    });
    let until_the_end = first.chain(told).take_until(stop(gate.stopped.clone()));
    let mut response = Sse::new(until_the_end).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // nginx would collect events until its buffer is full.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is the end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

//! Development mode's page to try the SFU on, and the tokens that it takes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use visavis_signaling::token::{Claims, mint};

use crate::api::Api;
use crate::rooms::link::SignalTarget;

/// How long a token of the page is valid.
const TOKEN_TTL: Duration = Duration::from_secs(6 * 60 * 60);

/// A file of the page.
struct File {
    name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
}

/// The script is bundled by npm, which a plain `cargo build` does not need: the feature `page`, which the Makefile
/// switches on, embeds it.
#[cfg(feature = "page")]
const FILES: &[File] = &[
    File {
        name: "room",
        content_type: "text/html; charset=utf-8",
        body: include_bytes!("../../../web/dev/index.html"),
    },
    File {
        name: "page.css",
        content_type: "text/css; charset=utf-8",
        body: include_bytes!("../../../web/dev/page.css"),
    },
    File {
        name: "page.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_bytes!("../../../web/dev/dist/page.js"),
    },
];

#[cfg(not(feature = "page"))]
const FILES: &[File] = &[File {
    name: "room",
    content_type: "text/html; charset=utf-8",
    body: b"<!doctype html><html lang=en><title>visavis</title><p>The server runs. It was built without the page to \
            try it on; <code>make run</code> builds it with the page.",
}];

/// `GET /dev/{file}`; the page itself is `/dev/room`.
pub(in crate::api) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => ([(header::CONTENT_TYPE, file.content_type)], file.body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
pub(in crate::api) struct Wanted {
    room: String,
    identity: String,
    #[serde(default)]
    name: String,
}

/// `GET /dev/token?room=…&identity=…&name=…`: a token for whoever asks.
pub(in crate::api) async fn token<T: SignalTarget>(
    State(api): State<Arc<Api<T>>>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let mut claims = Claims::join(wanted.identity, wanted.room);
    claims.name = wanted.name;
    if let Some(video) = &mut claims.video {
        video.can_update_own_metadata = Some(true);
    }
    let Some(key) = api.keys.first() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    match mint(&claims, key, TOKEN_TTL, api.clock.unix()) {
        Ok(token) => ([(header::CACHE_CONTROL, "no-store")], token).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

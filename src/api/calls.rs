//! What the server API has beside LiveKit's: `POST /twirp/visavis.CallService/{method}`, JSON, for whoever may
//! administer the room.
//!
//! `Export` takes `{"room": "NAME", "participant": "IDENTITY"}`, the participant being optional, and answers with the
//! recording of the call ([`media::flight::file`](crate::media::flight::file)): a JSON document a line.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::room_service::{Fault, RoomService, granted};

/// The media type of a recording.
const JSON_LINES: &str = "application/jsonl";

#[derive(Debug, Deserialize)]
struct ExportRequest {
    room: String,
    #[serde(default)]
    participant: Option<String>,
}

/// `POST /twirp/visavis.CallService/{method}`.
pub(super) async fn call(
    State(service): State<Arc<RoomService>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = match method.as_str() {
        "Export" => service.export(&headers, &body).await,
        _ => Err(Fault::new("bad_route", 404, format!("no handler for method {method:?}"))),
    };
    answer.unwrap_or_else(|fault| {
        tracing::info!(%method, %fault, "server API request refused");
        fault.into_response()
    })
}

impl RoomService {
    async fn export(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Fault> {
        let grant = granted(self, headers)?;
        let request: ExportRequest =
            serde_json::from_slice(body).map_err(|error| Fault::new("malformed", 400, error.to_string()))?;
        if !grant.room_admin || grant.room != request.room {
            return Err(Fault::unauthenticated());
        }
        let flights = self.rooms.recording(&request.room, request.participant.as_deref()).await?;
        // Of a large room this is megabytes of text.
        let written = tokio::task::spawn_blocking(move || flights.write()).await;
        let text = written.ok().and_then(Result::ok);
        let text = text.ok_or_else(|| Fault::new("internal", 500, "the recording could not be written down"))?;
        Ok(([(header::CONTENT_TYPE, JSON_LINES)], text).into_response())
    }
}

//! What is written in an appointment: its history, and writing without being in the room.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, OfficeRoutes, PageParams, Paged, Path, Prose, Slice};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, MessageId};
use crate::scheduler::{History, Mark, Message, NewMessage};

/// Largest body of a request with a text in it: the longest text in any script, escaped or not.
pub(super) const MAX_TEXT_BODY: usize = 512 << 10;

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Guest, routes!(messages, write_message).layer(DefaultBodyLimit::max(MAX_TEXT_BODY)))
        .add(Access::Guest, routes!(edit_message, delete_message).layer(DefaultBodyLimit::max(MAX_TEXT_BODY)))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Direction {
    /// A message that the client has: what came after it is wanted, the oldest first.
    #[serde(default)]
    after: Option<MessageId>,
}

/// Where a piece of the history begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Before(Mark<MessageId>),
    After(MessageId),
}

/// What was written in an appointment
///
/// The newest first; with `after`, what came since, the oldest first. A message that was taken back stays in its place
/// without a text.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/messages", tag = "content",
    params(("appointment_id" = AppointmentId, Path), Direction, PageParams),
    responses((status = 200, body = Slice<Message>)))]
async fn messages(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    page: Paged<Direction, Place>,
) -> Result<Json<Slice<Message>>, Problem> {
    let part = match (page.after, page.filter.after) {
        (Some(Place::Before(mark)), _) => History::Before(Some(mark)),
        (Some(Place::After(seen)), _) | (None, Some(seen)) => History::After(seen),
        (None, None) => History::Before(None),
    };
    let found = rest.scheduler.messages(caller.actor, id, part, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, |last| match part {
        History::Before(_) => Place::Before(last.mark()),
        History::After(_) => Place::After(last.id),
    })))
}

/// Write something
///
/// Those who are in the room do not see it come by this way alone: a client there sends it as a text stream with the
/// same `streamId`. Sent twice, it is written once.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/messages", tag = "content",
    params(("appointment_id" = AppointmentId, Path)), request_body = NewMessage,
    responses((status = 201, body = Message)))]
async fn write_message(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    Json(new): Json<NewMessage>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    Ok((StatusCode::CREATED, Json(rest.scheduler.post_message(caller.actor, id, new).await?)))
}

/// Another text for a message.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Edit {
    body: Prose<32_768>,
}

/// Give one's own message another text
#[utoipa::path(patch, path = "/api/appointments/{appointment_id}/messages/{message_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("message_id" = MessageId, Path)), request_body = Edit,
    responses((status = 200, body = Message)))]
async fn edit_message(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, message)): Path<(AppointmentId, MessageId)>,
    Json(edit): Json<Edit>,
) -> Result<Json<Message>, Problem> {
    Ok(Json(rest.scheduler.edit_message(caller.actor, id, message, edit.body.into_string()).await?))
}

/// Take one's own message back
#[utoipa::path(delete, path = "/api/appointments/{appointment_id}/messages/{message_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("message_id" = MessageId, Path)),
    responses((status = 204)))]
async fn delete_message(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, message)): Path<(AppointmentId, MessageId)>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.delete_message(caller.actor, id, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

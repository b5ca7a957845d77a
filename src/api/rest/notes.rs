//! Notes of an appointment.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;

use super::Rest;
use super::messages::MAX_TEXT_BODY;
use crate::api::office::{Access, Caller, IfMatch, Json, OfficeRoutes, Path, Versioned};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, NoteId};
use crate::scheduler::{NewNote, Note, NoteChanges};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Guest, routes!(notes))
        .add(Access::SignedIn, routes!(write_note).layer(DefaultBodyLimit::max(MAX_TEXT_BODY)))
        .add(Access::Guest, routes!(note))
        .add(Access::SignedIn, routes!(change_note, delete_note).layer(DefaultBodyLimit::max(MAX_TEXT_BODY)))
}

/// The notes of an appointment
///
/// One's own and the shared ones, the oldest first.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/notes", tag = "content",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Vec<Note>)))]
async fn notes(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<Vec<Note>>, Problem> {
    Ok(Json(rest.scheduler.notes(caller.actor, id).await?))
}

/// Write a note
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/notes", tag = "content",
    params(("appointment_id" = AppointmentId, Path)), request_body = NewNote,
    responses((status = 201, body = Note, headers(("etag" = String)))))]
async fn write_note(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, Versioned<Json<Note>>), Problem> {
    Ok((StatusCode::CREATED, told(rest.scheduler.add_note(caller.actor, id, new).await?)))
}

/// One note
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/notes/{note_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("note_id" = NoteId, Path)),
    responses((status = 200, body = Note, headers(("etag" = String)))))]
async fn note(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, note)): Path<(AppointmentId, NoteId)>,
) -> Result<Versioned<Json<Note>>, Problem> {
    Ok(told(rest.scheduler.note(caller.actor, id, note).await?))
}

/// Change a note of one's own
#[utoipa::path(patch, path = "/api/appointments/{appointment_id}/notes/{note_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("note_id" = NoteId, Path),
        ("if-match" = String, Header, description = "The note's ETag, or `*`.")),
    request_body = NoteChanges, responses((status = 200, body = Note, headers(("etag" = String)))))]
async fn change_note(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, note)): Path<(AppointmentId, NoteId)>,
    version: IfMatch,
    Json(changes): Json<NoteChanges>,
) -> Result<Versioned<Json<Note>>, Problem> {
    let expected = match version.expected()? {
        Some(expected) => expected,
        None => rest.scheduler.note(caller.actor, id, note).await?.version,
    };
    Ok(told(rest.scheduler.update_note(caller.actor, id, note, expected, changes).await?))
}

/// Delete a note of one's own
#[utoipa::path(delete, path = "/api/appointments/{appointment_id}/notes/{note_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("note_id" = NoteId, Path)), responses((status = 204)))]
async fn delete_note(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, note)): Path<(AppointmentId, NoteId)>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.delete_note(caller.actor, id, note).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn told(note: Note) -> Versioned<Json<Note>> {
    Versioned(note.version, Json(note))
}

//! Files of an appointment. They come and go as streams: none of them is ever whole in memory.

use std::fmt::Write;
use std::fs::File as DiskFile;
use std::io::{self, Read};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Class, Json, OfficeRoutes, Path, Prose, Query};
use crate::api::problem::{Code, Problem};
use crate::ids::{AppointmentId, FileId};
use crate::scheduler::{Error, File, UploadError};

/// Bytes that are read from the disk at a time.
const CHUNK: usize = 64 << 10;
/// What somebody has sent is never a page of ours: opened in a browser it may do nothing at all.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Guest, routes!(files))
        .add_as(Class::Upload, Access::Guest, routes!(upload_file))
        .add(Access::Guest, routes!(download_file, delete_file))
}

/// The files of an appointment, the oldest first
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/files", tag = "content",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Vec<File>)))]
async fn files(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<Vec<File>>, Problem> {
    Ok(Json(rest.scheduler.files(caller.actor, id).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// What the file is called. Folders are dropped; the ending follows the content.
    #[param(value_type = String, max_length = 1024)]
    name: Prose<1024>,
}

/// Add a file
///
/// The body is the file itself, `Content-Type` says what it is. What it really is its content decides.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/files", tag = "content",
    params(("appointment_id" = AppointmentId, Path), Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = File)))]
async fn upload_file(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    Query(named): Query<Named>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<File>), Problem> {
    let limit = rest.scheduler.settings().files.max_size.0;
    // Whoever says that it is too large need not send it.
    if length(&headers).is_some_and(|length| length > limit) {
        return Err(Error::from(UploadError::TooLarge { limit }).into());
    }
    let kind = crate::api::office::header(&headers, "content-type")?.unwrap_or_default();
    let mut upload = rest.scheduler.begin_upload(caller.actor, id, &named.name, kind).await?;
    // The upload counts the bytes, so the body needs no limit of its own.
    let mut bytes = body.into_data_stream();
    while let Some(piece) = bytes.next().await {
        // The client has gone while it sent.
        upload.write(&piece.map_err(|_| Problem::new(Code::MalformedBody))?).await?;
    }
    Ok((StatusCode::CREATED, Json(upload.finish().await?)))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Download a file
///
/// For those who have a seat in the appointment. The ETag is the SHA-256 of its bytes.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/files/{file_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("file_id" = FileId, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>, headers(("etag" = String)))))]
async fn download_file(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, file)): Path<(AppointmentId, FileId)>,
) -> Result<Response, Problem> {
    let stored = rest.scheduler.file(caller.actor, id, file).await?;
    let (file, path) = (stored.file, stored.path);
    let open = move || {
        let disk = DiskFile::open(path)?;
        let length = disk.metadata()?.len();
        if length == file.size { Ok((disk, file)) } else { Err(io::Error::other("a file on the disk was cut")) }
    };
    let (disk, file) = match on_the_disk(open).await {
        Ok(opened) => opened,
        // It was deleted since its row was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Code::NotFound.into()),
        Err(error) => return Err(Problem::internal(&error)),
    };
    let mut response = Body::from_stream(pieces(disk)).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_str(&file.content_type);
    headers.insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::CONTENT_LENGTH, file.size.into());
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    for (name, value) in
        [(header::CONTENT_DISPOSITION, attachment(&file.name)), (header::ETAG, format!("\"{}\"", file.sha256))]
    {
        // Both are of letters that headers take.
        headers.extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
    }
    Ok(response)
}

/// Delete a file
///
/// Who has put it there may, and the expert.
#[utoipa::path(delete, path = "/api/appointments/{appointment_id}/files/{file_id}", tag = "content",
    params(("appointment_id" = AppointmentId, Path), ("file_id" = FileId, Path)), responses((status = 204)))]
async fn delete_file(
    State(rest): State<Rest>,
    caller: Caller,
    Path((id, file)): Path<(AppointmentId, FileId)>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.delete_file(caller.actor, id, file).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The bytes of a file, piece by piece as the client takes them.
fn pieces(disk: DiskFile) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(disk, |mut disk| {
        on_the_disk(move || {
            let mut piece = vec![0; CHUNK];
            let read = disk.read(&mut piece)?;
            piece.truncate(read);
            Ok((read > 0).then(|| (Bytes::from(piece), disk)))
        })
    })
}

async fn on_the_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// `Content-Disposition` of a download (RFC 6266): the name twice, once for whoever knows no other letters than ASCII.
fn attachment(name: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | ';') || c == ' ' { c } else { '_' };
    let mut text = format!("attachment; filename=\"{}\"; filename*=UTF-8''", name.replace(|c| plain(c) != c, "_"));
    for byte in name.bytes() {
        // `attr-char` of RFC 8187 §3.2.1.
        let stays = byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
        // A String takes everything.
        let _ = if stays { write!(text, "{}", char::from(byte)) } else { write!(text, "%{byte:02X}") };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_in_a_header_that_it_cannot_leave() {
        assert_eq!(attachment("a b.pdf"), "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf");
        assert_eq!(
            attachment("Müller \"x\"; y=1.txt"),
            "attachment; filename=\"M_ller _x__ y=1.txt\"; filename*=UTF-8''M%C3%BCller%20%22x%22%3B%20y%3D1.txt"
        );
        assert!(HeaderValue::from_str(&attachment("a\r\nb\0\u{7f}病")).is_ok());
    }
}

//! The foundation's own routes: the API's description, its problems, the server's time and, in development mode, a
//! clock that can be shifted.

use axum::Extension;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::access::Access;
use super::extract::Json;
use super::gate::{Gate, OfficeState};
use super::routes::{Description, OfficeRoutes};
use crate::api::problem::{Code, Problem};
use crate::ids::{
    AppointmentId, CallLogId, DeliveryId, FileId, MessageId, NoteId, RecordId, SeatId, ServiceId, SessionId, UserId,
    WebhookId,
};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes<S: OfficeState>(routes: OfficeRoutes<S>) -> OfficeRoutes<S> {
    ids(routes)
        .add(Access::Public, routes!(description))
        .add(Access::Public, routes!(list_problems))
        .add(Access::Public, routes!(time))
        .add(Access::Development, routes!(clock, shift_clock))
}

/// Addresses and queries name things by their ids.
fn ids<S: OfficeState>(routes: OfficeRoutes<S>) -> OfficeRoutes<S> {
    routes
        .describe::<UserId>()
        .describe::<ServiceId>()
        .describe::<AppointmentId>()
        .describe::<SeatId>()
        .describe::<SessionId>()
        .describe::<CallLogId>()
        .describe::<MessageId>()
        .describe::<FileId>()
        .describe::<NoteId>()
        .describe::<WebhookId>()
        .describe::<DeliveryId>()
        .describe::<RecordId>()
}

/// This description of the API
#[utoipa::path(get, path = "/api/openapi.json", tag = "service",
    responses((status = 200, description = "An OpenAPI document.", content_type = "application/json", body = Object)))]
async fn description(Extension(Description(document)): Extension<Description>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document)
}

/// A problem that the API may answer with.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct KnownProblem {
    code: Code,
    /// The status of the answer.
    status: u16,
    title: &'static str,
    /// What can be done about it.
    next_step: &'static str,
}

/// Every problem that the API may answer with
#[utoipa::path(get, path = "/api/problems", tag = "service", responses((status = 200, body = Vec<KnownProblem>)))]
async fn list_problems() -> Json<Vec<KnownProblem>> {
    let known = |code: &Code| KnownProblem {
        code: *code,
        status: code.status().as_u16(),
        title: code.title(),
        next_step: code.next_step(),
    };
    Json(Code::ALL.iter().map(known).collect())
}

/// The server's time, by which windows open and close.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    now: UnixTime,
    /// The same in milliseconds since 1970.
    unix_ms: i64,
}

/// The server's time, for countdowns
#[utoipa::path(get, path = "/api/time", tag = "service", responses((status = 200, body = ServerTime)))]
async fn time(gate: Gate) -> Json<ServerTime> {
    let now = gate.now();
    Json(ServerTime { now, unix_ms: now.as_millis() })
}

/// The clock of development mode.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DevClock {
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    now: UnixTime,
    /// How far it is ahead of the machine's.
    offset_ms: i64,
}

/// Where to shift it to; one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shift {
    /// How far ahead of the machine's time; 0 for not at all.
    offset_ms: Option<i64>,
    /// What time it is to be.
    #[serde(with = "rfc3339::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    now: Option<UnixTime>,
}

/// The clock of development mode
#[utoipa::path(get, path = "/dev/clock", tag = "development", responses((status = 200, body = DevClock)))]
async fn clock(gate: Gate) -> Result<Json<DevClock>, Problem> {
    let shift = gate.shift.as_ref().ok_or(Problem::new(Code::NotFound))?;
    Ok(Json(DevClock { now: gate.now(), offset_ms: shift.offset_millis() }))
}

/// Shift the clock of development mode
#[utoipa::path(post, path = "/dev/clock", tag = "development", responses((status = 200, body = DevClock)))]
async fn shift_clock(gate: Gate, Json(shift): Json<Shift>) -> Result<Json<DevClock>, Problem> {
    let clock = gate.shift.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let offset = match (shift.offset_ms, shift.now) {
        (Some(offset), None) => offset,
        (None, Some(now)) => {
            let machine = gate.now().as_millis() - clock.offset_millis();
            now.as_millis() - machine
        }
        _ => return Err(Problem::new(Code::InvalidBody).detail("It takes one of offsetMs and now.")),
    };
    if !clock.shift(offset) {
        return Err(Problem::new(Code::InvalidBody)
            .detail("That is more than ten years away.")
            .with("field", "offsetMs"));
    }
    Ok(Json(DevClock { now: gate.now(), offset_ms: offset }))
}

//! Times that are kept for a customer who fills in the rest.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, Path};
use crate::api::problem::{Code, Problem};
use crate::ids::{AppointmentId, ServiceId};
use crate::scheduler::{Error, Held, HoldRequest, Slot, Status};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Customer, routes!(hold_slot)).add(Access::Customer, routes!(release_hold))
}

/// Which time.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimeWanted {
    service_id: ServiceId,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: UnixTime,
    /// The zone in which the customer reads a clock.
    #[schema(example = "Europe/Rome")]
    tz: Line<64>,
    /// An older hold that is given back for this one.
    #[serde(default)]
    replaces: Option<AppointmentId>,
}

/// A time that is kept.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Hold {
    /// Names it when the appointment is asked for, and is the appointment's id then.
    id: AppointmentId,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    ends_at: UnixTime,
    /// Until when.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<UnixTime>,
}

/// Keep a time for ten minutes
///
/// Seats of a session in which others have theirs already are not kept: it is answered 200 with what is left, and the
/// appointment is asked for by its service and start.
#[utoipa::path(post, path = "/api/holds", tag = "booking", request_body = TimeWanted,
    responses((status = 201, body = Hold), (status = 200, body = Slot)))]
async fn hold_slot(
    State(rest): State<Rest>,
    caller: Caller,
    Json(wanted): Json<TimeWanted>,
) -> Result<Response, Problem> {
    let request = HoldRequest {
        service: wanted.service_id,
        starts_at: wanted.starts_at,
        tz: wanted.tz.into_string(),
        replaces: wanted.replaces,
    };
    Ok(match rest.scheduler.hold(caller.actor, request).await? {
        Held::Slot(it) => {
            let hold = Hold { id: it.id, starts_at: it.starts_at, ends_at: it.ends_at, expires_at: it.hold_expires_at };
            (StatusCode::CREATED, Json(hold)).into_response()
        }
        Held::Session(slot) => Json(slot).into_response(),
    })
}

/// Give a time back
#[utoipa::path(delete, path = "/api/holds/{hold_id}", tag = "booking", params(("hold_id" = AppointmentId, Path)),
    responses((status = 204)))]
async fn release_hold(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<StatusCode, Problem> {
    let seen = rest.scheduler.appointment(caller.actor, id).await?.appointment;
    if seen.status != Status::Hold {
        return Err(Code::NotFound.into());
    }
    match rest.scheduler.cancel(caller.actor, id, "", Some(seen.version)).await {
        // It has just become an appointment, or has lapsed.
        Err(Error::Stale) => Err(Code::NotFound.into()),
        released => Ok(released.map(|_| StatusCode::NO_CONTENT)?),
    }
}

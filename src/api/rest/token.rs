//! `POST /api/livekit/token`: the way into a room.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Class, Json, OfficeRoutes};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, SeatId};
use crate::scheduler::{SeatRole, TokenRequest};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add_as(Class::Token, Access::Guest, routes!(token)).add_as(Class::Token, Access::Guest, routes!(trial))
}

/// Which room, and who says so.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    /// The room, as the appointment names it.
    #[schema(max_length = 256)]
    room_name: String,
    /// Read and not used: the name in the room is the account's or the guest's.
    #[serde(default)]
    #[allow(dead_code, reason = "whatever it says, the request is the customer's own")]
    #[schema(max_length = 256)]
    participant_name: Option<String>,
    /// The caller's own e-mail address or id, or nothing; another's is refused.
    #[serde(default)]
    #[schema(max_length = 256)]
    participant_identity: Option<String>,
}

/// A token and what goes with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Issued {
    /// The access token, for LiveKit's client SDKs.
    token: String,
    /// The server to connect to.
    server_url: String,
    /// The token's end; while connected it is refreshed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: UnixTime,
    /// When the room closes, unless it is extended.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    window_closes_at: UnixTime,
    /// The scheduled end.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    ends_at: UnixTime,
    appointment_id: AppointmentId,
    /// The identity in the room.
    identity: SeatId,
    role: SeatRole,
}

/// A token for an appointment's room
///
/// Whoever must wait in the lobby is answered `lobby_waiting` with the place in the queue, and asks again every few
/// seconds: that is how the waiting is heard of.
#[utoipa::path(post, path = "/api/livekit/token", tag = "calls", request_body = Wanted,
    responses((status = 200, body = Issued)))]
async fn token(State(rest): State<Rest>, caller: Caller, Json(wanted): Json<Wanted>) -> Result<Json<Issued>, Problem> {
    let Wanted { room_name, participant_identity, .. } = wanted;
    let request = TokenRequest { room_name, identity: participant_identity };
    let issued = rest.scheduler.token(caller.actor, request, rest.key.clone()).await?;
    Ok(Json(Issued {
        token: issued.token,
        server_url: rest.server_url(),
        expires_at: issued.expires_at,
        window_closes_at: issued.closes_at,
        ends_at: issued.ends_at,
        appointment_id: issued.appointment,
        identity: issued.seat,
        role: issued.role,
    }))
}

/// A room to try things in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TrialRoom {
    room_name: String,
    server_url: String,
    /// Two tokens: the near end sends, the far end receives what comes back from the server.
    near_token: String,
    far_token: String,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    closes_at: UnixTime,
}

/// A room of one's own to try camera, microphone and line, for five minutes
#[utoipa::path(post, path = "/api/test-call", tag = "calls", responses((status = 200, body = TrialRoom)))]
async fn trial(State(rest): State<Rest>, caller: Caller) -> Result<Json<TrialRoom>, Problem> {
    let (room_name, [near_token, far_token], closes) = rest.scheduler.trial(caller.actor, rest.key.clone()).await?;
    let server_url = rest.server_url();
    Ok(Json(TrialRoom { room_name, server_url, near_token, far_token, closes_at: closes }))
}

//! LiveKit's RoomService over Twirp: `POST /twirp/livekit.RoomService/{method}`, protobuf or proto-JSON
//! (livekit/protocol `livekit_room.proto`, livekit `pkg/service/roomservice.go`).

use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use visavis_signaling::connect::bearer_token;
use visavis_signaling::proto::{
    self, CreateRoomRequest, DataPacket, DeleteRoomRequest, DeleteRoomResponse, ListParticipantsRequest,
    ListParticipantsResponse, ListRoomsRequest, ListRoomsResponse, MuteRoomTrackRequest, MuteRoomTrackResponse,
    RemoveParticipantResponse, RoomParticipantIdentity, SendDataRequest, SendDataResponse, UpdateParticipantRequest,
    UpdateRoomMetadataRequest, UpdateSubscriptionsRequest, UpdateSubscriptionsResponse, UserPacket, data_packet,
};
use visavis_signaling::token::{KeyRing, VideoGrant, verify};

use crate::clock::SharedClock;
use crate::rooms::admin::{AdminError, AdminRequest, ParticipantChange};
use crate::rooms::{RoomOptions, Rooms};

/// What the service needs.
pub struct RoomService {
    /// The rooms.
    pub rooms: Rooms,
    /// Keys that tokens are signed with.
    pub keys: KeyRing,
    /// The time.
    pub clock: SharedClock,
}

/// A Twirp error: a code, a text, an HTTP status that follows from the code.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    code: &'static str,
    msg: String,
    #[serde(skip)]
    status: u16,
}

impl Fault {
    pub(super) fn new(code: &'static str, status: u16, msg: impl Into<String>) -> Self {
        Self { code, status, msg: msg.into() }
    }

    fn invalid(msg: impl Into<String>) -> Self {
        Self::new("invalid_argument", 400, msg)
    }

    /// LiveKit says this for a missing token and for a missing grant alike.
    pub(super) fn unauthenticated() -> Self {
        Self::new("unauthenticated", 401, "permissions denied")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.msg)
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NoRoom | AdminError::NoParticipant | AdminError::NoTrack => {
                Self::new("not_found", 404, error.to_string())
            }
            AdminError::UnmuteDisabled => Self::new("failed_precondition", 412, error.to_string()),
            AdminError::TooLong => Self::invalid(error.to_string()),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(self)).into_response()
    }
}

/// One call: its body, and in which form the answer is wanted.
struct Call {
    json: bool,
    body: Bytes,
    grant: VideoGrant,
}

impl Call {
    fn read<T: Message + Default + DeserializeOwned>(&self) -> Result<T, Fault> {
        if self.json {
            serde_json::from_slice(&self.body).map_err(|error| Fault::new("malformed", 400, error.to_string()))
        } else {
            T::decode(&*self.body).map_err(|error| Fault::new("malformed", 400, error.to_string()))
        }
    }

    fn answer<T: Message + Serialize>(&self, message: &T) -> Response {
        if self.json {
            return axum::Json(message).into_response();
        }
        ([(header::CONTENT_TYPE, "application/protobuf")], message.encode_to_vec()).into_response()
    }

    fn needs(&self, allowed: bool) -> Result<(), Fault> {
        if allowed { Ok(()) } else { Err(Fault::unauthenticated()) }
    }

    fn administers(&self, room: &str) -> Result<(), Fault> {
        self.needs(self.grant.room_admin && self.grant.room == room)
    }
}

/// What the token of a request grants.
pub(super) fn granted(service: &RoomService, headers: &HeaderMap) -> Result<VideoGrant, Fault> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer_token(authorization, "").ok().flatten();
    let verified = token.and_then(|token| verify(&service.keys, &token, service.clock.unix()).ok());
    verified.and_then(|token| token.claims.video).ok_or_else(Fault::unauthenticated)
}

/// `POST /twirp/livekit.RoomService/{method}`.
pub(super) async fn call(
    State(service): State<Arc<RoomService>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let json = kind.starts_with("application/json");
    if !json && !kind.starts_with("application/protobuf") {
        return Fault::new("bad_route", 404, format!("unexpected Content-Type: {kind:?}")).into_response();
    }
    let grant = match granted(&service, &headers) {
        Ok(grant) => grant,
        Err(fault) => return fault.into_response(),
    };
    let call = Call { json, body, grant };
    let answer = service.dispatch(&method, &call).await;
    answer.unwrap_or_else(|fault| {
        tracing::info!(%method, %fault, "server API request refused");
        fault.into_response()
    })
}

impl RoomService {
    async fn dispatch(&self, method: &str, call: &Call) -> Result<Response, Fault> {
        match method {
            "CreateRoom" => self.create_room(call).await,
            "ListRooms" => self.list_rooms(call).await,
            "DeleteRoom" => self.delete_room(call).await,
            "ListParticipants" => self.list_participants(call).await,
            "GetParticipant" => self.get_participant(call).await,
            "RemoveParticipant" => self.remove_participant(call).await,
            "MutePublishedTrack" => self.mute_published_track(call).await,
            "UpdateParticipant" => self.update_participant(call).await,
            "UpdateSubscriptions" => self.update_subscriptions(call).await,
            "SendData" => self.send_data(call).await,
            "UpdateRoomMetadata" => self.update_room_metadata(call).await,
            "ForwardParticipant" | "MoveParticipant" | "PerformRpc" => {
                Err(Fault::new("unimplemented", 501, format!("{method} is not implemented")))
            }
            _ => Err(Fault::new("bad_route", 404, format!("no handler for method {method:?}"))),
        }
    }

    async fn create_room(&self, call: &Call) -> Result<Response, Fault> {
        call.needs(call.grant.room_create)?;
        let request: CreateRoomRequest = call.read()?;
        if request.name.is_empty() {
            return Err(Fault::invalid("room name is required"));
        }
        let mut options = self.rooms.default_options();
        set_seconds(&mut options.empty_timeout, request.empty_timeout);
        set_seconds(&mut options.departure_timeout, request.departure_timeout);
        if request.max_participants > 0 {
            options.max_participants = request.max_participants;
        }
        options.metadata = request.metadata;
        let room = self.open(&request.name, options).await?;
        Ok(call.answer(&room))
    }

    async fn open(&self, name: &str, options: RoomOptions) -> Result<proto::Room, Fault> {
        let existed = self.rooms.names().iter().any(|known| known == name);
        self.rooms.open(name, options.clone());
        // A room that is there already takes the new metadata.
        if existed && !options.metadata.is_empty() {
            let metadata = options.metadata;
            return Ok(self.rooms.ask(name, |reply| AdminRequest::Metadata { metadata, reply }).await?);
        }
        Ok(self.rooms.ask(name, AdminRequest::Describe).await?)
    }

    async fn list_rooms(&self, call: &Call) -> Result<Response, Fault> {
        call.needs(call.grant.room_list)?;
        let request: ListRoomsRequest = call.read()?;
        let mut rooms = Vec::new();
        for name in self.rooms.names() {
            if !request.names.is_empty() && !request.names.contains(&name) {
                continue;
            }
            // One that closes meanwhile is not there any more.
            if let Ok(room) = self.rooms.ask(&name, AdminRequest::Describe).await {
                rooms.push(room);
            }
        }
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(call.answer(&ListRoomsResponse { rooms }))
    }

    async fn delete_room(&self, call: &Call) -> Result<Response, Fault> {
        call.needs(call.grant.room_create)?;
        let request: DeleteRoomRequest = call.read()?;
        match self.rooms.ask(&request.room, AdminRequest::Delete).await {
            // Deleting what is not there is done already.
            Ok(()) | Err(AdminError::NoRoom) => Ok(call.answer(&DeleteRoomResponse {})),
            Err(error) => Err(error.into()),
        }
    }

    async fn list_participants(&self, call: &Call) -> Result<Response, Fault> {
        let request: ListParticipantsRequest = call.read()?;
        call.administers(&request.room)?;
        let participants = match self.rooms.ask(&request.room, AdminRequest::Participants).await {
            Err(AdminError::NoRoom) => Vec::new(),
            other => other?,
        };
        Ok(call.answer(&ListParticipantsResponse { participants }))
    }

    async fn get_participant(&self, call: &Call) -> Result<Response, Fault> {
        let request: RoomParticipantIdentity = call.read()?;
        call.administers(&request.room)?;
        let identity = request.identity;
        let info = self.rooms.ask(&request.room, |reply| AdminRequest::Participant { identity, reply }).await?;
        Ok(call.answer(&info))
    }

    async fn remove_participant(&self, call: &Call) -> Result<Response, Fault> {
        let request: RoomParticipantIdentity = call.read()?;
        call.administers(&request.room)?;
        let identity = request.identity;
        self.rooms.ask(&request.room, |reply| AdminRequest::Remove { identity, reply }).await?;
        Ok(call.answer(&RemoveParticipantResponse {}))
    }

    async fn mute_published_track(&self, call: &Call) -> Result<Response, Fault> {
        let request: MuteRoomTrackRequest = call.read()?;
        call.administers(&request.room)?;
        let MuteRoomTrackRequest { room, identity, track_sid, muted } = request;
        let ask = |reply| AdminRequest::Mute { identity, track_sid, muted, reply };
        let track = self.rooms.ask(&room, ask).await?;
        Ok(call.answer(&MuteRoomTrackResponse { track: Some(track) }))
    }

    async fn update_participant(&self, call: &Call) -> Result<Response, Fault> {
        let request: UpdateParticipantRequest = call.read()?;
        call.administers(&request.room)?;
        let stated = |text: String| (!text.is_empty()).then_some(text);
        let change = Box::new(ParticipantChange {
            metadata: stated(request.metadata),
            name: stated(request.name),
            attributes: request.attributes,
            permission: request.permission,
        });
        let identity = request.identity;
        let info = self.rooms.ask(&request.room, |reply| AdminRequest::Update { identity, change, reply }).await?;
        Ok(call.answer(&info))
    }

    async fn update_subscriptions(&self, call: &Call) -> Result<Response, Fault> {
        let request: UpdateSubscriptionsRequest = call.read()?;
        call.administers(&request.room)?;
        let UpdateSubscriptionsRequest { room, identity, mut track_sids, subscribe, participant_tracks } = request;
        track_sids.extend(participant_tracks.into_iter().flat_map(|tracks| tracks.track_sids));
        let ask = |reply| AdminRequest::Subscriptions { identity, track_sids, subscribe, reply };
        self.rooms.ask(&room, ask).await?;
        Ok(call.answer(&UpdateSubscriptionsResponse {}))
    }

    async fn send_data(&self, call: &Call) -> Result<Response, Fault> {
        let request: SendDataRequest = call.read()?;
        call.administers(&request.room)?;
        if !matches!(request.nonce.len(), 0 | 16) {
            return Err(Fault::invalid("nonce must be 16 bytes"));
        }
        let packet = Box::new(data_packet(request.kind, request.destination_identities, {
            #[allow(deprecated, reason = "older SDKs name receivers by sid")]
            UserPacket {
                payload: request.data,
                destination_sids: request.destination_sids,
                topic: request.topic,
                nonce: request.nonce,
                ..UserPacket::default()
            }
        }));
        self.rooms.ask(&request.room, |reply| AdminRequest::SendData { packet, reply }).await?;
        Ok(call.answer(&SendDataResponse {}))
    }

    async fn update_room_metadata(&self, call: &Call) -> Result<Response, Fault> {
        let request: UpdateRoomMetadataRequest = call.read()?;
        call.administers(&request.room)?;
        let metadata = request.metadata;
        let room = self.rooms.ask(&request.room, |reply| AdminRequest::Metadata { metadata, reply }).await?;
        Ok(call.answer(&room))
    }
}

fn set_seconds(timeout: &mut std::time::Duration, seconds: u32) {
    if seconds > 0 {
        *timeout = std::time::Duration::from_secs(seconds.into());
    }
}

fn data_packet(kind: i32, destination_identities: Vec<String>, user: UserPacket) -> DataPacket {
    #[allow(deprecated, reason = "the channel is named nowhere else")]
    DataPacket { kind, destination_identities, value: Some(data_packet::Value::User(user)), ..DataPacket::default() }
}

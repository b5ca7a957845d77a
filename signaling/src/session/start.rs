//! The first messages of a session and of its resumption.

use livekit_protocol::{
    ClientConfigSetting, ClientConfiguration, Codec, IceServer, JoinResponse, ParticipantInfo, ReconnectResponse, Room,
    ServerInfo, SignalResponse, SyncState, server_info, signal_response,
};

use super::machine::{PING_INTERVAL, PING_TIMEOUT, message};
use super::roster::Departed;
use super::{IllegalTransition, Session, SessionAction, enabled_publish_codecs};
use crate::{AGENT_PROTOCOL_VERSION, PROTOCOL_VERSION, SERVER_VERSION, UnixTime};

/// What the server says about itself, besides the versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerIdentity {
    /// The region, or empty.
    pub region: String,
    /// The node's id, `ND_…`.
    pub node_id: String,
}

impl ServerIdentity {
    /// The message clients get: edition Standard, [`SERVER_VERSION`],
    /// [`PROTOCOL_VERSION`].
    pub fn server_info(&self) -> ServerInfo {
        ServerInfo {
            edition: server_info::Edition::Standard.into(),
            version: SERVER_VERSION.into(),
            protocol: PROTOCOL_VERSION,
            region: self.region.clone(),
            node_id: self.node_id.clone(),
            debug_info: String::new(),
            agent_protocol: AGENT_PROTOCOL_VERSION,
        }
    }
}

/// What the join response tells beyond what the session knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinParams {
    /// The room.
    pub room: Room,
    /// The participant itself.
    pub participant: ParticipantInfo,
    /// The others, without hidden ones.
    pub other_participants: Vec<ParticipantInfo>,
    /// STUN and TURN servers, TURN first. None are better than unreachable ones.
    pub ice_servers: Vec<IceServer>,
    /// The server.
    pub server: ServerIdentity,
    /// The room's trailer of frames injected by the server.
    pub sif_trailer: Vec<u8>,
    /// The codecs the room has switched on.
    pub enabled_codecs: Vec<Codec>,
    /// The participant had to fall back to TCP or TLS before: it is not hurried
    /// into publishing.
    pub ice_fallback: bool,
    /// The participant must go through a relay over TLS.
    pub force_relay: bool,
}

/// What a resumption tells beyond what the session knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResumeParams {
    /// The room.
    pub room: Room,
    /// Everybody who is not hidden, the participant itself included, since its
    /// own metadata may have changed.
    pub participants: Vec<ParticipantInfo>,
    /// Those who left lately; the session knows since when it was not told.
    pub departed: Departed,
    /// STUN and TURN servers, with fresh credentials.
    pub ice_servers: Vec<IceServer>,
    /// The server.
    pub server: ServerIdentity,
    /// Sequence number of the last reliable data packet received from the
    /// client, which sends the later ones again.
    pub last_message_seq: u32,
    /// The participant must go through a relay over TLS.
    pub force_relay: bool,
}

/// Whether everything a resuming client says it publishes is known here, by the
/// sids of its tracks and data tracks. If not, the client must start over:
/// close with [`super::CloseReason::PublicationError`] and
/// [`super::LeaveAction::Reconnect`] (LiveKit's `onSyncState`).
pub fn published_is_known(
    state: &SyncState,
    knows_track: impl Fn(&str) -> bool,
    knows_data_track: impl Fn(&str) -> bool,
) -> bool {
    let tracks = state
        .publish_tracks
        .iter()
        .all(|published| published.track.as_ref().is_some_and(|track| knows_track(&track.sid)));
    let data_tracks = state
        .publish_data_tracks
        .iter()
        .all(|published| published.info.as_ref().is_some_and(|track| knows_data_track(&track.sid)));
    tracks && data_tracks
}

impl Session {
    /// The join response, and updates that had to wait for it. Afterwards the
    /// session is [`super::State::Joined`]; with
    /// [`Self::subscriber_primary`] call [`Self::negotiate`] next, after
    /// subscribing to existing tracks where
    /// [`crate::connect::ProtocolVersion::supports_fast_start`].
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] unless the session is joining.
    pub fn join_response(
        &mut self,
        params: JoinParams,
        now: UnixTime,
    ) -> Result<Vec<SignalResponse>, IllegalTransition> {
        self.joined(now)?;
        let queued = self.queued.take(&params.other_participants);
        let disabled = self.config.quirks.disabled_codecs();
        let server_info = params.server.server_info();
        let join = message(signal_response::Message::Join(JoinResponse {
            room: Some(params.room),
            participant: Some(params.participant),
            other_participants: params.other_participants,
            server_version: server_info.version.clone(),
            ice_servers: params.ice_servers,
            subscriber_primary: self.subscriber_primary,
            alternative_url: String::new(),
            client_configuration: self.client_configuration(params.force_relay),
            server_region: server_info.region.clone(),
            ping_timeout: PING_TIMEOUT.as_secs() as i32,
            ping_interval: PING_INTERVAL.as_secs() as i32,
            server_info: Some(server_info),
            sif_trailer: params.sif_trailer,
            enabled_publish_codecs: enabled_publish_codecs(&params.enabled_codecs, disabled.as_ref()),
            fast_publish: self.config.permission.can_publish && !params.ice_fallback,
        }));
        Ok(std::iter::once(join).chain(self.participant_update(queued)).collect())
    }

    /// The first messages on a new signal connection: reconnect response, who
    /// left meanwhile, everybody, the room; in v0 an ICE restart follows
    /// (LiveKit's `ResumeParticipant`). In v1 the client offers by itself.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] when the session is joining or closed; answer the
    /// client with [`super::resume_refused`].
    pub fn resume(&mut self, params: ResumeParams, now: UnixTime) -> Result<Vec<SessionAction>, IllegalTransition> {
        let last_signal = self.last_signal;
        self.resumed(now)?;
        let mut responses = Vec::new();
        if self.config.quirks.handles_reconnect_response() {
            let reconnect = ReconnectResponse {
                ice_servers: params.ice_servers,
                client_configuration: self.client_configuration(params.force_relay),
                server_info: Some(params.server.server_info()),
                last_message_seq: params.last_message_seq,
            };
            responses.push(message(signal_response::Message::Reconnect(reconnect)));
            if self.protocol().supports_disconnected_update() {
                // Whoever has come back under the same sid is not gone.
                let mut gone = params.departed.since(last_signal, |reason| self.wants_departure(reason));
                gone.retain(|info| params.participants.iter().all(|other| other.sid != info.sid));
                responses.extend(self.raw_update(gone));
            }
        }
        responses.extend(self.participant_update(params.participants));
        responses.extend(self.room_update(params.room));
        let mut actions: Vec<_> = responses.into_iter().map(SessionAction::Send).collect();
        actions.extend(self.restart_ice());
        Ok(actions)
    }

    fn client_configuration(&self, force_relay: bool) -> Option<ClientConfiguration> {
        let configuration = self.config.quirks.client_configuration();
        if !force_relay {
            return configuration;
        }
        Some(ClientConfiguration {
            force_relay: ClientConfigSetting::Enabled.into(),
            ..configuration.unwrap_or_default()
        })
    }
}

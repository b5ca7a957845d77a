//! Messages to the client, each with the gates of its protocol version and SDK
//! (LiveKit's `participant_signal.go`). `None` means that this client must not
//! get it, or that nobody is there to get it.

use livekit_protocol::{
    Codec, ConnectionQuality, ConnectionQualityInfo, ConnectionQualityUpdate, DataTrackInfo,
    DataTrackSubscriberHandles, DisabledCodecs, DisconnectReason, LeaveRequest, MuteTrackRequest, ParticipantInfo,
    ParticipantUpdate, PublishDataTrackResponse, RegionSettings, RequestResponse, Room, RoomMovedResponse, RoomUpdate,
    SignalResponse, SignalTarget, SpeakerInfo, SpeakersChanged, StreamStateInfo, StreamStateUpdate,
    SubscribedAudioCodecUpdate, SubscribedQualityUpdate, SubscriptionError, SubscriptionPermissionUpdate,
    SubscriptionResponse, TrackInfo, TrackPublishedResponse, TrackSubscribed, TrackUnpublishedResponse,
    UnpublishDataTrackResponse, data_track_subscriber_handles::PublishedDataTrack, request_response, signal_response,
};
use prost::Message as _;
use signal_response::Message as M;

use super::machine::message;
use super::{CandidateInit, CloseReason, LeaveAction, Session, State};
use crate::connect::{Mode, ProtocolVersion};

/// Participant updates are cut into messages of about this many bytes
/// (LiveKit's `UpdateBatchTargetSize`).
pub const MAX_UPDATE_SIZE: usize = 128 * 1024;

impl Session {
    /// Updates about participants, without hidden others, in messages of
    /// [`MAX_UPDATE_SIZE`]. Before the join response they are kept. Owners that
    /// tell many the same encode it once, see [`super::encode_updates`], and
    /// send it where the state is ready.
    pub fn participant_update(&mut self, participants: Vec<ParticipantInfo>) -> Vec<SignalResponse> {
        let me = self.config.participant_sid.as_str();
        let hidden = |info: &ParticipantInfo| info.permission.as_ref().is_some_and(|permission| permission.hidden);
        let visible = participants.into_iter().filter(|info| info.sid == me || !hidden(info));
        if self.state == State::Joining {
            visible.for_each(|info| self.queued.push(info));
            return Vec::new();
        }
        let visible = visible.collect();
        self.raw_update(visible)
    }

    /// Whether this client is to be told that a participant left for `reason`:
    /// those who know participants by identity are not, when a newer session
    /// has taken over.
    pub fn wants_departure(&self, reason: CloseReason) -> bool {
        !(reason.is_replaced() && self.protocol().supports_identity_reconnection())
    }

    /// A local candidate, which is held back until the next one or
    /// [`Self::candidates_done`]. In v1 only the publisher's exist.
    pub fn local_candidate(&mut self, target: SignalTarget, candidate: CandidateInit) -> Option<SignalResponse> {
        if !self.has_target(target) {
            return None;
        }
        let trickle = self.candidates.push(target, candidate)?;
        self.ready(M::Trickle(trickle))
    }

    /// Gathering is over: the last candidate, marked as such.
    pub fn candidates_done(&mut self, target: SignalTarget) -> Option<SignalResponse> {
        let trickle = self.candidates.finish(target)?;
        self.ready(M::Trickle(trickle))
    }

    /// The track a client announced by `cid` has its sid.
    pub fn track_published(&self, cid: impl Into<String>, track: TrackInfo) -> Option<SignalResponse> {
        self.ready(M::TrackPublished(TrackPublishedResponse { cid: cid.into(), track: Some(track) }))
    }

    /// The server unpublished a track. Clients that do not understand are told
    /// to mute it.
    pub fn track_unpublished(&self, track_sid: impl Into<String>) -> Option<SignalResponse> {
        let track_sid = track_sid.into();
        if self.protocol().supports_unpublish() {
            self.ready(M::TrackUnpublished(TrackUnpublishedResponse { track_sid }))
        } else {
            self.track_muted(track_sid, true)
        }
    }

    /// The server muted or unmuted a track of this client.
    pub fn track_muted(&self, track_sid: impl Into<String>, muted: bool) -> Option<SignalResponse> {
        self.ready(M::Mute(MuteTrackRequest { sid: track_sid.into(), muted }))
    }

    /// A track of this client has its first subscriber.
    pub fn track_subscribed(&self, track_sid: impl Into<String>) -> Option<SignalResponse> {
        if !self.config.quirks.supports_track_subscribed() {
            return None;
        }
        self.ready(M::TrackSubscribed(TrackSubscribed { track_sid: track_sid.into() }))
    }

    /// Tells the client to go, and what to do then. Clients before protocol 13
    /// learn only whether they may reconnect.
    pub fn leave(&self, reason: CloseReason, action: LeaveAction) -> Option<SignalResponse> {
        let leave = leave_request(self.protocol(), reason.disconnect_reason(), action, None);
        self.ready(M::Leave(leave))
    }

    /// Whether this client is to be told who speaks.
    pub fn hears_of_speakers(&self) -> bool {
        self.state.is_ready() && self.protocol().supports_speakers_changed()
    }

    /// Who began or ceased to speak.
    pub fn speakers_changed(&self, speakers: Vec<SpeakerInfo>) -> Option<SignalResponse> {
        if speakers.is_empty() || !self.hears_of_speakers() {
            return None;
        }
        self.ready(M::SpeakersChanged(SpeakersChanged { speakers }))
    }

    /// The room changed.
    pub fn room_update(&self, room: Room) -> Option<SignalResponse> {
        self.ready(M::RoomUpdate(RoomUpdate { room: Some(room) }))
    }

    /// Connection qualities. Only active participants get them; those who do not
    /// know `LOST` see `POOR`.
    pub fn connection_quality(&self, mut updates: Vec<ConnectionQualityInfo>) -> Option<SignalResponse> {
        let protocol = self.protocol();
        if updates.is_empty() || !protocol.supports_connection_quality() || self.state != State::Active {
            return None;
        }
        if !protocol.supports_connection_quality_lost() {
            for update in &mut updates {
                if update.quality() == ConnectionQuality::Lost {
                    update.set_quality(ConnectionQuality::Poor);
                }
            }
        }
        self.ready(M::ConnectionQuality(ConnectionQualityUpdate { updates }))
    }

    /// Tracks were paused for lack of bandwidth, or go on.
    pub fn stream_state(&self, stream_states: Vec<StreamStateInfo>) -> Option<SignalResponse> {
        if stream_states.is_empty() {
            return None;
        }
        self.ready(M::StreamStateUpdate(StreamStateUpdate { stream_states }))
    }

    /// Which layers of a published track are wanted.
    pub fn subscribed_quality(&self, update: SubscribedQualityUpdate) -> Option<SignalResponse> {
        self.ready(M::SubscribedQualityUpdate(update))
    }

    /// Which codecs of a published audio track are wanted.
    pub fn subscribed_audio_codecs(&self, update: SubscribedAudioCodecUpdate) -> Option<SignalResponse> {
        self.ready(M::SubscribedAudioCodecUpdate(update))
    }

    /// A publisher allowed or denied this client one of its tracks.
    pub fn subscription_permission(
        &self,
        publisher_sid: impl Into<String>,
        track_sid: impl Into<String>,
        allowed: bool,
    ) -> Option<SignalResponse> {
        self.ready(M::SubscriptionPermissionUpdate(SubscriptionPermissionUpdate {
            participant_sid: publisher_sid.into(),
            track_sid: track_sid.into(),
            allowed,
        }))
    }

    /// A subscription failed.
    pub fn subscription_failed(
        &self,
        track_sid: impl Into<String>,
        error: SubscriptionError,
    ) -> Option<SignalResponse> {
        self.ready(M::SubscriptionResponse(SubscriptionResponse { track_sid: track_sid.into(), err: error.into() }))
    }

    /// A fresh token.
    pub fn refresh_token(&self, token: String) -> Option<SignalResponse> {
        self.ready(M::RefreshToken(token))
    }

    /// The answer to a request. Some SDKs cannot read it, and those before
    /// protocol 15 take only bad news.
    pub fn request_response(&self, response: RequestResponse) -> Option<SignalResponse> {
        let ok = response.reason() == request_response::Reason::Ok;
        if !self.config.quirks.supports_request_response() || (ok && !self.protocol().supports_ok_response()) {
            return None;
        }
        self.ready(M::RequestResponse(response))
    }

    /// A data track has its sid.
    pub fn data_track_published(&self, info: DataTrackInfo) -> Option<SignalResponse> {
        self.ready(M::PublishDataTrackResponse(PublishDataTrackResponse { info: Some(info) }))
    }

    /// A data track is gone, by request or by the server.
    pub fn data_track_unpublished(&self, info: DataTrackInfo) -> Option<SignalResponse> {
        self.ready(M::UnpublishDataTrackResponse(UnpublishDataTrackResponse { info: Some(info) }))
    }

    /// All handles by which this client receives data tracks.
    pub fn data_track_handles(
        &self,
        handles: impl IntoIterator<Item = (u16, PublishedDataTrack)>,
    ) -> Option<SignalResponse> {
        let sub_handles = handles.into_iter().map(|(handle, track)| (u32::from(handle), track)).collect();
        self.ready(M::DataTrackSubscriberHandles(DataTrackSubscriberHandles { sub_handles }))
    }

    /// The client is in another room now. Clients before protocol 16 do not
    /// understand it.
    pub fn room_moved(&self, moved: RoomMovedResponse) -> Option<SignalResponse> {
        if !self.protocol().supports_moving() {
            return None;
        }
        self.ready(M::RoomMoved(moved))
    }

    pub(super) fn raw_update(&self, participants: Vec<ParticipantInfo>) -> Vec<SignalResponse> {
        if !self.state.is_ready() {
            return Vec::new();
        }
        chunk_participants(participants, MAX_UPDATE_SIZE)
            .into_iter()
            .map(|participants| message(M::Update(ParticipantUpdate { participants })))
            .collect()
    }

    fn ready(&self, response: M) -> Option<SignalResponse> {
        self.state.is_ready().then(|| message(response))
    }

    fn has_target(&self, target: SignalTarget) -> bool {
        self.config.mode == Mode::DualPc || target == SignalTarget::Publisher
    }
}

/// The leave message as a client of `protocol` understands it. `regions` go to
/// those who shall come back.
pub fn leave_request(
    protocol: ProtocolVersion,
    reason: DisconnectReason,
    action: LeaveAction,
    regions: Option<RegionSettings>,
) -> LeaveRequest {
    if protocol.supports_leave_action() {
        LeaveRequest {
            can_reconnect: false,
            reason: reason.into(),
            action: action.to_proto().into(),
            regions: regions.filter(|_| action != LeaveAction::Disconnect),
        }
    } else {
        LeaveRequest {
            can_reconnect: action == LeaveAction::Reconnect,
            reason: reason.into(),
            ..LeaveRequest::default()
        }
    }
}

/// The one message to a client that wants to resume a session which is not
/// there: start over (LiveKit's `roommanager.go`).
pub fn resume_refused(protocol: ProtocolVersion) -> SignalResponse {
    let reason = DisconnectReason::StateMismatch;
    message(M::Leave(leave_request(protocol, reason, LeaveAction::Reconnect, None)))
}

/// Cuts participants into groups of at most `max_size` encoded bytes, at least
/// one each.
pub fn chunk_participants(participants: Vec<ParticipantInfo>, max_size: usize) -> Vec<Vec<ParticipantInfo>> {
    let mut chunks: Vec<Vec<ParticipantInfo>> = Vec::new();
    let mut size = 0;
    for info in participants {
        let length = info.encoded_len();
        match chunks.last_mut() {
            Some(chunk) if size + length <= max_size => {
                size += length;
                chunk.push(info);
            }
            _ => {
                size = length;
                chunks.push(vec![info]);
            }
        }
    }
    chunks
}

/// The codecs a client may publish, in the order clients rely on: VP8, H.264,
/// other video, audio; without repair formats and without `disabled` ones
/// (LiveKit's `setupEnabledCodecs`).
pub fn enabled_publish_codecs(enabled: &[Codec], disabled: Option<&DisabledCodecs>) -> Vec<Codec> {
    let is_disabled = |codec: &Codec| {
        disabled.is_some_and(|disabled| {
            disabled.codecs.iter().chain(&disabled.publish).any(|other| other.mime.eq_ignore_ascii_case(&codec.mime))
        })
    };
    let mut codecs: Vec<Codec> = enabled
        .iter()
        .filter(|codec| publish_rank(&codec.mime) < RANK_REPAIR && !is_disabled(codec))
        .cloned()
        .collect();
    codecs.sort_by_key(|codec| publish_rank(&codec.mime));
    codecs
}

const RANK_REPAIR: u8 = 4;

fn publish_rank(mime: &str) -> u8 {
    match mime.to_ascii_lowercase().as_str() {
        "video/vp8" => 0,
        "video/h264" => 1,
        "video/rtx" | "audio/rtx" => RANK_REPAIR,
        other if other.starts_with("audio/") => 3,
        _ => 2,
    }
}

//! What participants ask for over their WebSocket.

use visavis_signaling::connect::Mode;
use visavis_signaling::limits::merge_attributes;
use visavis_signaling::proto::{
    self, MuteTrackRequest, SignalRequest, SyncState, UpdateLocalAudioTrack, UpdateLocalVideoTrack,
    UpdateParticipantMetadata, participant_info, request_response, signal_request, simulate_scenario::Scenario,
};
use visavis_signaling::session::{CloseReason, LeaveAction, SessionEvent};

use super::Room;
use crate::rooms::link::SignalIn;
use crate::rooms::observer::FactKind;
use crate::rooms::participant::{DropSignal, LinkId, ParticipantKey, PcRole};

impl Room {
    pub(super) fn signal(&mut self, key: ParticipantKey, link: LinkId, message: SignalIn) {
        let now = self.steady_time();
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if participant.link.as_ref().is_some_and(|current| current.id != link) {
            return;
        }
        let actions = match message {
            SignalIn::Request(request) => {
                tracing::debug!(room = %self.name, identity = %participant.identity, request = ?kind(&request), "signal");
                participant.session.handle_request(*request, now)
            }
            SignalIn::Malformed(cause) => {
                tracing::warn!(room = %self.name, identity = %participant.identity, cause, "malformed signal frame");
                self.shared.metrics.signal_errors.count("malformed");
                return self.close_signal(key);
            }
            SignalIn::Closed => {
                participant.link = None;
                participant.link_lost = Some(self.clock.now());
                tracing::info!(room = %self.name, identity = %participant.identity, "signal connection closed");
                participant.session.signal_closed(now)
            }
        };
        self.perform(key, actions);
    }

    /// A request that came with the join request instead of a frame.
    pub(super) fn session_request(&mut self, key: ParticipantKey, message: signal_request::Message) {
        let now = self.steady_time();
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let actions = participant.session.handle_request(SignalRequest { message: Some(message) }, now);
        self.perform(key, actions);
    }

    pub(super) fn session_event(&mut self, key: ParticipantKey, event: SessionEvent) {
        match event {
            SessionEvent::Activated => self.activated(key),
            SessionEvent::Offer { id, sdp } => self.on_offer(key, id, &sdp),
            SessionEvent::Answer { sdp, .. } => self.on_answer(key, &sdp),
            // ICE-lite answers checks and sends none: it has no use for the peer's candidates.
            SessionEvent::Candidate { .. } | SessionEvent::SignalingRtt(_) => {}
            SessionEvent::AddTrack(request) => self.add_track(key, request),
            SessionEvent::Mute(request) => self.mute_by_client(key, request),
            SessionEvent::Subscription(update) => self.update_subscription(key, &update),
            SessionEvent::TrackSettings(settings) => self.track_settings(key, &settings),
            SessionEvent::SubscriptionPermission(permission) => self.subscription_permission(key, permission),
            SessionEvent::SyncState(state) => self.sync_state(key, &state),
            SessionEvent::Simulate(scenario) => self.simulate(key, scenario),
            SessionEvent::UpdateMetadata(update) => self.update_metadata(key, update),
            SessionEvent::UpdateAudioTrack(update) => self.update_audio_track(key, update),
            SessionEvent::UpdateVideoTrack(update) => self.update_video_track(key, update),
            SessionEvent::PublishDataTrack(request) => self.publish_data_track(key, request),
            SessionEvent::UnpublishDataTrack(request) => self.unpublish_data_track(key, request),
            SessionEvent::DataSubscription(update) => self.update_data_subscription(key, &update),
        }
    }

    fn activated(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        participant.state = participant_info::State::Active;
        tracing::info!(room = %self.name, identity = %participant.identity, "active");
        self.shared.metrics.joins.count("rtc_active");
        let arrival = participant.arrival();
        self.observe(FactKind::Active(arrival));
        self.begin_measuring(key);
        self.announce_soon(key, true);
        self.tell_quality_of(key);
    }

    fn update_metadata(&mut self, key: ParticipantKey, update: UpdateParticipantMetadata) {
        let limits = self.shared.settings.limits;
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let mut attributes = participant.claims.attributes.clone();
        merge_attributes(&mut attributes, &update.attributes);
        let outcome = limits.check_attributes(&attributes);
        let changed = outcome.is_ok() && {
            let claims = &mut participant.claims;
            let mut changed = claims.attributes != attributes;
            claims.attributes = attributes;
            if !update.metadata.is_empty() && claims.metadata != update.metadata {
                claims.metadata.clone_from(&update.metadata);
                changed = true;
            }
            if !update.name.is_empty() && claims.name != update.name {
                claims.name.clone_from(&update.name);
                changed = true;
            }
            changed
        };
        self.tell_with(key, |session| session.metadata_response(update, outcome));
        if changed {
            self.announce(key, true);
            self.refresh_token(key);
        }
    }

    fn mute_by_client(&mut self, key: ParticipantKey, request: MuteTrackRequest) {
        let known = self.participants.get(&key).is_some_and(|it| it.publications.contains_key(&request.sid));
        if known {
            self.set_muted(key, &request.sid, request.muted, false);
            return;
        }
        self.tell_with(key, |session| {
            let request = request_response::Request::Mute(request);
            session.refuse(request_response::Reason::NotFound, "track not found", request)
        });
    }

    fn update_audio_track(&mut self, key: ParticipantKey, update: UpdateLocalAudioTrack) {
        let Some(publication) =
            self.participants.get_mut(&key).and_then(|it| it.publications.get_mut(&update.track_sid))
        else {
            let request = request_response::Request::UpdateAudioTrack(update);
            let reason = request_response::Reason::NotFound;
            return self.tell_with(key, |session| session.refuse(reason, "track not found", request));
        };
        #[allow(deprecated, reason = "older clients read the deprecated fields")]
        {
            let has = |feature: proto::AudioTrackFeature| update.features.contains(&(feature as i32));
            publication.info.stereo = has(proto::AudioTrackFeature::TfStereo);
            publication.info.disable_dtx = has(proto::AudioTrackFeature::TfNoDtx);
        }
        publication.info.audio_features = update.features;
        self.announce(key, true);
    }

    fn update_video_track(&mut self, key: ParticipantKey, update: UpdateLocalVideoTrack) {
        let Some(publication) =
            self.participants.get_mut(&key).and_then(|it| it.publications.get_mut(&update.track_sid))
        else {
            let request = request_response::Request::UpdateVideoTrack(update);
            let reason = request_response::Reason::NotFound;
            return self.tell_with(key, |session| session.refuse(reason, "track not found", request));
        };
        publication.info.width = update.width;
        publication.info.height = update.height;
        self.announce(key, true);
    }

    /// Compares what a resumed client believes with what the room knows (LiveKit's `HandleSyncState`).
    fn sync_state(&mut self, key: ParticipantKey, state: &SyncState) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let unknown = state
            .publish_tracks
            .iter()
            .filter_map(|published| published.track.as_ref())
            .find(|track| !participant.publications.contains_key(&track.sid));
        if let Some(track) = unknown {
            tracing::warn!(room = %self.name, identity = %participant.identity, track = %track.sid,
                "resumed client publishes a track that is unknown here");
            let actions = participant.session.close(CloseReason::PublicationError, Some(LeaveAction::Reconnect));
            return self.perform(key, actions);
        }
        for sid in &state.track_sids_disabled {
            self.set_disabled(key, sid, true);
        }
        if let Some(subscription) = &state.subscription {
            self.update_subscription(key, subscription);
        }
        if let Some(subscription) = &state.data_subscription {
            self.update_data_subscription(key, subscription);
        }
        let seen: Vec<_> =
            state.datachannel_receive_states.iter().map(|seen| (seen.publisher_sid.clone(), seen.last_seq)).collect();
        self.replay_since(key, &seen);
        self.stale.insert(key);
    }

    fn simulate(&mut self, key: ParticipantKey, scenario: Scenario) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        tracing::info!(room = %self.name, identity = %participant.identity, ?scenario, "simulating");
        match scenario {
            Scenario::SpeakerUpdate(seconds) => self.simulate_speaker(key, seconds),
            // Nothing is said: the client finds a dead connection, and at its resume a server that knows nothing.
            Scenario::NodeFailure(_) => {
                let actions = participant.session.close(CloseReason::SimulateNodeFailure, None);
                self.perform(key, actions);
            }
            Scenario::Migration(_) => {
                let actions = participant.session.close(CloseReason::SimulateMigration, None);
                self.perform(key, actions);
            }
            Scenario::ServerLeave(_) => {
                let actions =
                    participant.session.close(CloseReason::SimulateServerLeave, Some(LeaveAction::Disconnect));
                self.perform(key, actions);
            }
            Scenario::LeaveRequestFullReconnect(_) => {
                let actions = participant.session.close(CloseReason::SimulateServerLeave, Some(LeaveAction::Reconnect));
                self.perform(key, actions);
            }
            // The path is the client's choice under ICE-lite: both candidates are offered again.
            Scenario::SwitchCandidateProtocol(_) => self.restart_ice_by_server(key),
            Scenario::SubscriberBandwidth(bps) => {
                tracing::info!(room = %self.name, bps, "the subscriber bandwidth cap is not simulated");
            }
            Scenario::DisconnectSignalOnResume(_) => {
                participant.drop_signal_on_resume = Some(DropSignal::AfterMessages);
            }
            Scenario::DisconnectSignalOnResumeNoMessages(_) => {
                participant.drop_signal_on_resume = Some(DropSignal::WithoutMessages);
            }
        }
    }

    fn restart_ice_by_server(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        match participant.mode {
            Mode::DualPc => self.create_offer(key, true),
            // The client offers in v1: a resume makes it restart ICE.
            Mode::SinglePc => {
                let message = participant.session.leave(CloseReason::PeerConnectionDisconnected, LeaveAction::Resume);
                self.tell(key, message);
                self.close_signal(key);
            }
        }
    }

    pub(super) fn role_of_media(&self, id: crate::ids::TransportId) -> Option<(ParticipantKey, PcRole)> {
        self.by_transport.get(&id).copied()
    }
}

/// The variant's name alone: requests hold SDP and other long text.
fn kind(request: &SignalRequest) -> &'static str {
    use signal_request::Message as M;
    match &request.message {
        None => "none",
        Some(M::Offer(_)) => "offer",
        Some(M::Answer(_)) => "answer",
        Some(M::Trickle(_)) => "trickle",
        Some(M::AddTrack(_)) => "add_track",
        Some(M::Mute(_)) => "mute",
        Some(M::Subscription(_)) => "subscription",
        Some(M::TrackSetting(_)) => "track_setting",
        Some(M::Leave(_)) => "leave",
        Some(M::SyncState(_)) => "sync_state",
        Some(M::Ping(_) | M::PingReq(_)) => "ping",
        Some(_) => "other",
    }
}

//! Requests from the client (LiveKit's `signalling/signalhandler.go`).

use std::time::Duration;

use livekit_protocol::{
    Pong, RequestResponse, SessionDescription, SignalRequest, SignalTarget, TrackSource, TrackType, TrickleRequest,
    UpdateParticipantMetadata, request_response, signal_request, signal_response,
};

use super::machine::{create, message};
use super::negotiate::{Negotiation, Verdict};
use super::{CandidateInit, CloseReason, LeaveAction, Session, SessionAction, SessionEvent, State};
use crate::UnixTime;
use crate::connect::Mode;
use crate::limits::LimitExceeded;
use request_response::{Reason, Request};

impl Session {
    /// Handles one request. What only concerns the protocol is answered here:
    /// pings, and everything refused; the rest comes out as events. A request
    /// without a message, or of a kind unknown here, does nothing.
    pub fn handle_request(&mut self, request: SignalRequest, now: UnixTime) -> Vec<SessionAction> {
        use signal_request::Message as M;
        if !matches!(self.state, State::Joined | State::Active) {
            return Vec::new();
        }
        self.last_signal = now;
        let Some(request) = request.message else {
            return Vec::new();
        };
        let event = match request {
            M::Ping(_) => return send(signal_response::Message::Pong(now.as_millis())),
            M::PingReq(ping) => return pong(&ping, now),
            M::Offer(offer) => SessionEvent::Offer { id: offer.id, sdp: offer.sdp },
            M::Answer(answer) => return self.handle_answer(answer),
            M::Trickle(trickle) => return self.handle_trickle(trickle),
            M::AddTrack(add) => match self.refusal_of_track(add.r#type, add.source()) {
                Some(reason) => return self.refused(reason, "", Request::AddTrack(add)),
                None => SessionEvent::AddTrack(add),
            },
            M::Mute(mute) => SessionEvent::Mute(mute),
            M::Subscription(update) => SessionEvent::Subscription(update),
            M::TrackSetting(settings) => SessionEvent::TrackSettings(settings),
            M::Leave(leave) => {
                let reason = CloseReason::from_client(leave.reason());
                // LiveKit echoes the leave before it closes the WebSocket.
                return self.close(reason, Some(LeaveAction::Disconnect));
            }
            M::SubscriptionPermission(permission) => SessionEvent::SubscriptionPermission(permission),
            M::SyncState(state) => SessionEvent::SyncState(state),
            M::Simulate(simulate) => match simulate.scenario {
                Some(scenario) => SessionEvent::Simulate(scenario),
                None => return Vec::new(),
            },
            M::UpdateMetadata(update) => return self.handle_metadata(update),
            M::UpdateAudioTrack(update) => SessionEvent::UpdateAudioTrack(update),
            M::UpdateVideoTrack(update) => SessionEvent::UpdateVideoTrack(update),
            M::PublishDataTrackRequest(publish) => {
                if !self.config.permission.can_publish_data || !self.config.data_tracks {
                    let text = "does not have permission to publish data";
                    let request = Request::PublishDataTrack(publish);
                    return self.refused(Reason::NotAllowed, text, request);
                }
                SessionEvent::PublishDataTrack(publish)
            }
            M::UnpublishDataTrackRequest(unpublish) => SessionEvent::UnpublishDataTrack(unpublish),
            M::UpdateDataSubscription(update) => SessionEvent::DataSubscription(update),
            M::StoreDataBlobRequest(store) => {
                let text = "data blob not enabled";
                return self.refused_blob(store.request_id, Reason::NotAllowed, text);
            }
            M::GetDataBlobRequest(get) => {
                let (reason, text) = match get.key {
                    None => (Reason::InvalidRequest, "data blob key is required"),
                    Some(_) => (Reason::NotFound, "data blob not found"),
                };
                return self.refused_blob(get.request_id, reason, text);
            }
            #[allow(deprecated, reason = "still sent by old clients, and ignored")]
            M::UpdateLayers(_) => return Vec::new(),
        };
        vec![SessionAction::Event(event)]
    }

    /// The answer to [`SessionEvent::UpdateMetadata`]: done, or which limit
    /// the outcome would exceed.
    pub fn metadata_response(
        &self,
        update: UpdateParticipantMetadata,
        outcome: Result<(), LimitExceeded>,
    ) -> Option<livekit_protocol::SignalResponse> {
        let (reason, text) = match outcome {
            Ok(()) => (Reason::Ok, String::new()),
            Err(exceeded) => (Reason::LimitExceeded, exceeded.to_string()),
        };
        self.request_response(RequestResponse {
            request_id: update.request_id,
            reason: reason.into(),
            message: text,
            request: Some(Request::UpdateMetadata(update)),
        })
    }

    /// Refuses a request, which is echoed to the client.
    pub fn refuse(&self, reason: Reason, text: &str, request: Request) -> Option<livekit_protocol::SignalResponse> {
        self.request_response(RequestResponse {
            request_id: 0,
            reason: reason.into(),
            message: text.to_owned(),
            request: Some(request),
        })
    }

    /// Whether a track of this source may be published now.
    pub fn may_publish_source(&self, source: TrackSource) -> bool {
        let permission = &self.config.permission;
        permission.can_publish
            && (permission.can_publish_sources.is_empty()
                || permission.can_publish_sources.contains(&i32::from(source)))
    }

    fn handle_answer(&mut self, answer: SessionDescription) -> Vec<SessionAction> {
        let Negotiation::Dual(offers) = &mut self.negotiation else {
            // The server never offers here, so there is nothing to answer.
            return Vec::new();
        };
        let next = match offers.answered(answer.id) {
            Verdict::Stale => return Vec::new(),
            Verdict::Accepted(next) => next,
        };
        let event = SessionEvent::Answer { id: answer.id, sdp: answer.sdp };
        std::iter::once(SessionAction::Event(event)).chain(create(next)).collect()
    }

    fn handle_trickle(&mut self, trickle: TrickleRequest) -> Vec<SessionAction> {
        match CandidateInit::from_json(&trickle.candidate_init) {
            Ok(candidate) => {
                let target = match self.config.mode {
                    Mode::DualPc => trickle.target(),
                    Mode::SinglePc => SignalTarget::Publisher,
                };
                vec![SessionAction::Event(SessionEvent::Candidate { target, candidate, last: trickle.r#final })]
            }
            Err(error) => {
                let text = error.to_string();
                self.refused(Reason::UnclassifiedError, &text, Request::Trickle(trickle))
            }
        }
    }

    fn handle_metadata(&mut self, update: UpdateParticipantMetadata) -> Vec<SessionAction> {
        if !self.config.permission.can_update_metadata {
            let response = self.request_response(RequestResponse {
                request_id: update.request_id,
                reason: Reason::NotAllowed.into(),
                message: "does not have permission to update own metadata".into(),
                request: Some(Request::UpdateMetadata(update)),
            });
            return response.map(SessionAction::Send).into_iter().collect();
        }
        let limits = &self.config.limits;
        let checked = limits
            .check_name(&update.name)
            .and_then(|()| limits.check_metadata(&update.metadata))
            .and_then(|()| limits.check_attributes(&update.attributes));
        match checked {
            Ok(()) => vec![SessionAction::Event(SessionEvent::UpdateMetadata(update))],
            Err(exceeded) => {
                let response = self.metadata_response(update, Err(exceeded));
                response.map(SessionAction::Send).into_iter().collect()
            }
        }
    }

    fn refusal_of_track(&self, kind: i32, source: TrackSource) -> Option<Reason> {
        if !self.may_publish_source(source) {
            return Some(Reason::NotAllowed);
        }
        match TrackType::try_from(kind) {
            Ok(TrackType::Audio | TrackType::Video) => None,
            _ => Some(Reason::UnsupportedType),
        }
    }

    fn refused(&self, reason: Reason, text: &str, request: Request) -> Vec<SessionAction> {
        let response = self.refuse(reason, text, request);
        response.map(SessionAction::Send).into_iter().collect()
    }

    fn refused_blob(&self, request_id: u32, reason: Reason, text: &str) -> Vec<SessionAction> {
        let response = self.request_response(RequestResponse {
            request_id,
            reason: reason.into(),
            message: text.to_owned(),
            request: None,
        });
        response.map(SessionAction::Send).into_iter().collect()
    }
}

fn pong(ping: &livekit_protocol::Ping, now: UnixTime) -> Vec<SessionAction> {
    let mut actions = send(signal_response::Message::PongResp(Pong {
        last_ping_timestamp: ping.timestamp,
        timestamp: now.as_millis(),
    }));
    if let Some(rtt) = u64::try_from(ping.rtt).ok().filter(|rtt| *rtt > 0) {
        let rtt = Duration::from_millis(rtt);
        actions.push(SessionAction::Event(SessionEvent::SignalingRtt(rtt)));
    }
    actions
}

fn send(response: signal_response::Message) -> Vec<SessionAction> {
    vec![SessionAction::Send(message(response))]
}

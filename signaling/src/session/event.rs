//! What a session asks its owner to do.

use std::time::Duration;

use livekit_protocol::{
    AddTrackRequest, MuteTrackRequest, PublishDataTrackRequest, SignalResponse, SignalTarget, SubscriptionPermission,
    SyncState, UnpublishDataTrackRequest, UpdateDataSubscription, UpdateLocalAudioTrack, UpdateLocalVideoTrack,
    UpdateParticipantMetadata, UpdateSubscription, UpdateTrackSettings, simulate_scenario,
};

use super::{CandidateInit, CloseReason};

/// One thing to do. Actions come in the order in which they must be done.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "short-lived, moved once")]
pub enum SessionAction {
    /// Send this message over the WebSocket.
    Send(SignalResponse),
    /// Act on this.
    Event(SessionEvent),
    /// v0: make an offer for the subscriber peer connection and hand it to
    /// [`super::Session::offer`], or call [`super::Session::offer_failed`].
    CreateOffer {
        /// With new ICE credentials.
        ice_restart: bool,
    },
    /// Close the WebSocket, normally (1000), after what was sent before.
    CloseSignal,
    /// The session is over: remove the participant.
    Close(CloseReason),
}

/// A request that passed the session's checks, or something that happened.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "short-lived, moved once")]
pub enum SessionEvent {
    /// The primary peer connection has connected for the first time: the
    /// participant is active now.
    Activated,
    /// An offer: for the publisher peer connection in v0, for the only one in
    /// v1. Answer with [`super::Session::answer`] and the same id.
    Offer {
        /// The client's number of the offer; zero from old clients.
        id: u32,
        /// The SDP.
        sdp: String,
    },
    /// v0: the answer to the offer in flight.
    Answer {
        /// The offer's number.
        id: u32,
        /// The SDP.
        sdp: String,
    },
    /// A remote candidate.
    Candidate {
        /// The peer connection it is for; always the publisher's in v1.
        target: SignalTarget,
        /// The candidate; an empty one ends the candidates.
        candidate: CandidateInit,
        /// No more are coming.
        last: bool,
    },
    /// A track is about to be published; its source and type are permitted.
    AddTrack(AddTrackRequest),
    /// A published track is to be muted or unmuted. For an unknown sid answer
    /// with [`super::Session::refuse`] and `NOT_FOUND`.
    Mute(MuteTrackRequest),
    /// Subscriptions change.
    Subscription(UpdateSubscription),
    /// Settings of subscribed tracks change.
    TrackSettings(UpdateTrackSettings),
    /// Who may subscribe to this participant's tracks changes.
    SubscriptionPermission(SubscriptionPermission),
    /// What the client had before it resumed.
    SyncState(SyncState),
    /// A simulated mishap, for tests of clients.
    Simulate(simulate_scenario::Scenario),
    /// The round trip the client measured with its pings.
    SignalingRtt(Duration),
    /// Name, metadata or attributes are to change; permission and the sizes of
    /// the update itself are checked. Answer with
    /// [`super::Session::metadata_response`].
    UpdateMetadata(UpdateParticipantMetadata),
    /// Features of a published audio track change.
    UpdateAudioTrack(UpdateLocalAudioTrack),
    /// Dimensions of a published video track change.
    UpdateVideoTrack(UpdateLocalVideoTrack),
    /// A data track is to be published; the permission is checked.
    PublishDataTrack(PublishDataTrackRequest),
    /// A data track is to be unpublished.
    UnpublishDataTrack(UnpublishDataTrackRequest),
    /// Subscriptions to data tracks change.
    DataSubscription(UpdateDataSubscription),
}

//! The state machine itself: transitions, timers, negotiation.

use std::collections::HashMap;
use std::time::Duration;

use livekit_protocol::{ParticipantPermission, SessionDescription, SignalResponse, signal_response};

use super::candidate::OneBehind;
use super::negotiate::{Counts, CreateOffer, Negotiation};
use super::roster::Queued;
use super::{CloseReason, IllegalTransition, LeaveAction, SessionAction, SessionEvent, State};
use crate::UnixTime;
use crate::connect::{ClientQuirks, Mode, ProtocolVersion};
use crate::limits::Limits;

/// How often a client is told to ping.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);

/// How long a client waits for any message before it takes the signal
/// connection for dead; also how long a client's last request counts as recent.
pub const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// How long media may take to connect after the join response (LiveKit's
/// `room.go`).
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an offer may stay unanswered while media is connected (LiveKit's
/// `negotiationFailedTimeout`).
pub const NEGOTIATION_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a participant whose media failed may take to resume (LiveKit's
/// `disconnectCleanupDuration`).
pub const DISCONNECT_CLEANUP: Duration = Duration::from_secs(5);

/// How long a participant whose media still flows may take to resume its signal
/// connection. LiveKit waits for media to fail, which a server that never sends
/// connectivity checks would notice late.
pub const RESUME_WINDOW: Duration = Duration::from_secs(15);

/// What a session needs to know at its start.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Who offers.
    pub mode: Mode,
    /// The client's abilities.
    pub quirks: ClientQuirks,
    /// What the participant may do.
    pub permission: ParticipantPermission,
    /// The participant's own sid.
    pub participant_sid: String,
    /// Sizes of names, metadata and attributes.
    pub limits: Limits,
    /// Whether data tracks may be published at all.
    pub data_tracks: bool,
    /// See [`RESUME_WINDOW`].
    pub resume_window: Duration,
}

impl SessionConfig {
    /// A session of `mode` with default limits, for a client of these abilities.
    pub fn new(
        mode: Mode,
        quirks: ClientQuirks,
        permission: ParticipantPermission,
        participant_sid: impl Into<String>,
    ) -> Self {
        Self {
            mode,
            quirks,
            permission,
            participant_sid: participant_sid.into(),
            limits: Limits::default(),
            data_tracks: true,
            resume_window: RESUME_WINDOW,
        }
    }
}

/// The protocol state of one participant.
#[derive(Clone, Debug)]
pub struct Session {
    pub(super) config: SessionConfig,
    pub(super) state: State,
    pub(super) subscriber_primary: bool,
    pub(super) negotiation: Negotiation,
    pub(super) candidates: OneBehind,
    pub(super) queued: Queued,
    pub(super) last_signal: UnixTime,
    media_connected: bool,
    ever_active: bool,
    joined_at: UnixTime,
    media_lost_at: Option<UnixTime>,
    signal_lost_at: Option<UnixTime>,
}

impl Session {
    /// A session in [`State::Joining`].
    pub fn new(config: SessionConfig, now: UnixTime) -> Self {
        let subscriber_primary = config.mode == Mode::DualPc
            && config.permission.can_subscribe
            && config.quirks.protocol().supports_subscriber_primary();
        Self {
            negotiation: Negotiation::new(config.mode),
            config,
            state: State::Joining,
            subscriber_primary,
            candidates: OneBehind::default(),
            queued: Queued::default(),
            last_signal: now,
            media_connected: false,
            ever_active: false,
            joined_at: now,
            media_lost_at: None,
            signal_lost_at: None,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Who offers.
    pub fn mode(&self) -> Mode {
        self.config.mode
    }

    /// The client's protocol version.
    pub fn protocol(&self) -> ProtocolVersion {
        self.config.quirks.protocol()
    }

    /// The client's abilities.
    pub fn quirks(&self) -> &ClientQuirks {
        &self.config.quirks
    }

    /// What the participant may do at the moment.
    pub fn permission(&self) -> &ParticipantPermission {
        &self.config.permission
    }

    /// Changes what the participant may do. Which peer connection is primary
    /// stays as it was at joining.
    pub fn set_permission(&mut self, permission: ParticipantPermission) {
        self.config.permission = permission;
    }

    /// Whether the subscriber peer connection is the primary one: v0, and the
    /// participant might subscribe when it joined. Then the server opens the
    /// data channels there and offers right after the join response.
    pub fn subscriber_primary(&self) -> bool {
        self.subscriber_primary
    }

    /// Whether primary media has ever connected.
    pub fn was_active(&self) -> bool {
        self.ever_active
    }

    /// Whether the client said anything within [`PING_TIMEOUT`].
    pub fn signal_is_recent(&self, now: UnixTime) -> bool {
        now.since(self.last_signal) < PING_TIMEOUT
    }

    /// The primary peer connection connected, for the first time or again.
    pub fn media_connected(&mut self) -> Vec<SessionAction> {
        if matches!(self.state, State::Joining | State::Closed) {
            return Vec::new();
        }
        self.media_connected = true;
        self.media_lost_at = None;
        if self.state == State::Joined && self.move_to(State::Active).is_err() {
            return Vec::new();
        }
        if std::mem::replace(&mut self.ever_active, true) {
            return Vec::new();
        }
        vec![SessionAction::Event(SessionEvent::Activated)]
    }

    /// A peer connection failed. The client is told to resume, its signal
    /// connection is closed, and it has [`DISCONNECT_CLEANUP`] to come back
    /// (LiveKit's `onAnyTransportFailed`).
    pub fn media_failed(&mut self, now: UnixTime) -> Vec<SessionAction> {
        if matches!(self.state, State::Joining | State::Closed) {
            return Vec::new();
        }
        self.media_connected = false;
        self.media_lost_at = Some(now);
        if self.state == State::SignalLost {
            return Vec::new();
        }
        let mut actions = Vec::new();
        if self.protocol().supports_leave_action() {
            let reason = CloseReason::PeerConnectionDisconnected;
            actions.extend(self.leave(reason, LeaveAction::Resume).map(SessionAction::Send));
        }
        actions.push(SessionAction::CloseSignal);
        self.lose_signal(now);
        actions
    }

    /// The WebSocket closed without a leave. If media never connected the
    /// session is over at once; otherwise it may be resumed.
    pub fn signal_closed(&mut self, now: UnixTime) -> Vec<SessionAction> {
        match self.state {
            State::Joined | State::Active if self.ever_active => {
                self.lose_signal(now);
                Vec::new()
            }
            State::Joining | State::Joined | State::Active => self.end(CloseReason::SignalSourceClose),
            State::SignalLost | State::Closed => Vec::new(),
        }
    }

    /// Ends the session from the server's side, telling the client to stay
    /// away, to resume or to start over; `None` says nothing.
    pub fn close(&mut self, reason: CloseReason, tell: Option<LeaveAction>) -> Vec<SessionAction> {
        if self.state == State::Closed {
            return Vec::new();
        }
        let mut actions = Vec::new();
        if let Some(action) = tell {
            actions.extend(self.leave(reason, action).map(SessionAction::Send));
        }
        if self.state.is_ready() {
            actions.push(SessionAction::CloseSignal);
        }
        actions.extend(self.end(reason));
        actions
    }

    /// Media must be described anew: a sender was added, removed or changed.
    /// `outstanding` are the senders that have no m-line yet (v1 only).
    ///
    /// v0 answers with [`SessionAction::CreateOffer`] unless one is under way;
    /// v1 asks the client for an offer unless it owes one already.
    pub fn negotiate(&mut self, outstanding: Counts) -> Vec<SessionAction> {
        if !matches!(self.state, State::Joined | State::Active) {
            // Before joining there is nobody to ask; after a resume the ICE
            // restart brings everything up to date.
            return Vec::new();
        }
        match &mut self.negotiation {
            Negotiation::Dual(offers) => create(offers.wanted()),
            Negotiation::Single(sections) => {
                let requirement = sections.wanted(outstanding);
                requirement.map(require).into_iter().map(SessionAction::Send).collect()
            }
        }
    }

    /// v0: the offer asked for by [`SessionAction::CreateOffer`]. The message
    /// gets the next number. `None` in v1, or when nobody is there to take it.
    pub fn offer(
        &mut self,
        sdp: String,
        mid_to_track_id: HashMap<String, String>,
        now: UnixTime,
    ) -> Option<SignalResponse> {
        let Negotiation::Dual(offers) = &mut self.negotiation else {
            return None;
        };
        if !self.state.is_ready() {
            offers.failed();
            return None;
        }
        let id = offers.created(now);
        Some(message(signal_response::Message::Offer(SessionDescription {
            r#type: "offer".into(),
            sdp,
            id,
            mid_to_track_id,
        })))
    }

    /// v0: the offer asked for could not be made. The next change tries again.
    pub fn offer_failed(&mut self) {
        if let Negotiation::Dual(offers) = &mut self.negotiation {
            offers.failed();
        }
    }

    /// The answer to the client's offer number `id`. In v1 `outstanding` are the
    /// senders it leaves without m-line; the client is asked for them at once.
    pub fn answer(
        &mut self,
        id: u32,
        sdp: String,
        mid_to_track_id: HashMap<String, String>,
        outstanding: Counts,
    ) -> Vec<SignalResponse> {
        if !self.state.is_ready() {
            return Vec::new();
        }
        let answer = message(signal_response::Message::Answer(SessionDescription {
            r#type: "answer".into(),
            sdp,
            id,
            mid_to_track_id,
        }));
        let requirement = match &mut self.negotiation {
            Negotiation::Dual(_) => None,
            Negotiation::Single(sections) => sections.answered(outstanding),
        };
        std::iter::once(answer).chain(requirement.map(require)).collect()
    }

    /// When [`Self::handle_timeout`] is to be called next, if no other call
    /// comes before.
    pub fn poll_timeout(&self) -> Option<UnixTime> {
        self.deadlines().map(|(at, _)| at).min()
    }

    /// Does what is due at `now`: gives up on joining, negotiating or resuming.
    pub fn handle_timeout(&mut self, now: UnixTime) -> Vec<SessionAction> {
        let due = self.deadlines().filter(|(at, _)| *at <= now).min_by_key(|(at, _)| *at).map(|(_, timer)| timer);
        match due {
            None => Vec::new(),
            Some(Timer::Join) => self.close(CloseReason::JoinTimeout, Some(LeaveAction::Disconnect)),
            Some(Timer::Negotiation) => self.close(CloseReason::NegotiateFailed, Some(LeaveAction::Reconnect)),
            Some(Timer::Media) => self.close(CloseReason::PeerConnectionDisconnected, Some(LeaveAction::Disconnect)),
            Some(Timer::Signal) => self.close(CloseReason::SignalSourceClose, None),
        }
    }

    /// Moves the state, by the one transition function.
    pub(super) fn move_to(&mut self, to: State) -> Result<(), IllegalTransition> {
        self.state = self.state.transition(to)?;
        Ok(())
    }

    /// The join response goes out.
    pub(super) fn joined(&mut self, now: UnixTime) -> Result<(), IllegalTransition> {
        self.move_to(State::Joined)?;
        self.joined_at = now;
        self.last_signal = now;
        Ok(())
    }

    /// A new signal connection has taken over.
    pub(super) fn resumed(&mut self, now: UnixTime) -> Result<(), IllegalTransition> {
        if self.state.is_ready() {
            // The old connection's end has not been noticed yet.
            self.lose_signal(now);
        }
        self.move_to(if self.ever_active { State::Active } else { State::Joined })?;
        self.signal_lost_at = None;
        self.last_signal = now;
        if self.media_lost_at.take().is_some() {
            // Media gets as long as at joining to come back.
            self.joined_at = now;
        }
        self.candidates = OneBehind::default();
        if let Negotiation::Single(sections) = &mut self.negotiation {
            sections.forget();
        }
        Ok(())
    }

    /// What an offer to be made amounts to.
    pub(super) fn restart_ice(&mut self) -> Vec<SessionAction> {
        match &mut self.negotiation {
            Negotiation::Dual(offers) => create(offers.restart()),
            Negotiation::Single(_) => Vec::new(),
        }
    }

    pub(super) fn end(&mut self, reason: CloseReason) -> Vec<SessionAction> {
        match self.move_to(State::Closed) {
            Ok(()) => vec![SessionAction::Close(reason)],
            Err(_) => Vec::new(),
        }
    }

    fn lose_signal(&mut self, now: UnixTime) {
        if self.move_to(State::SignalLost).is_ok() {
            self.signal_lost_at = Some(now);
        }
    }

    /// The table of timers.
    fn deadlines(&self) -> impl Iterator<Item = (UnixTime, Timer)> {
        let open = !matches!(self.state, State::Joining | State::Closed);
        let ready = self.state.is_ready();
        let join = (ready && !self.media_connected).then(|| (self.joined_at.plus(JOIN_TIMEOUT), self.join_timer()));
        let negotiation = match &self.negotiation {
            Negotiation::Dual(offers) if ready && self.media_connected => offers.awaiting_since(),
            _ => None,
        }
        .map(|since| (since.plus(NEGOTIATION_TIMEOUT), Timer::Negotiation));
        let media = self.media_lost_at.filter(|_| open).map(|at| (at.plus(DISCONNECT_CLEANUP), Timer::Media));
        let signal = self
            .signal_lost_at
            .filter(|_| open && !ready)
            .map(|at| (at.plus(self.config.resume_window), Timer::Signal));
        [join, negotiation, media, signal].into_iter().flatten()
    }

    fn join_timer(&self) -> Timer {
        if self.ever_active { Timer::Media } else { Timer::Join }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Join,
    Negotiation,
    Media,
    Signal,
}

pub(super) fn message(message: signal_response::Message) -> SignalResponse {
    SignalResponse { message: Some(message) }
}

fn require(requirement: livekit_protocol::MediaSectionsRequirement) -> SignalResponse {
    message(signal_response::Message::MediaSectionsRequirement(requirement))
}

pub(super) fn create(offer: Option<CreateOffer>) -> Vec<SessionAction> {
    offer.map(|CreateOffer { ice_restart }| SessionAction::CreateOffer { ice_restart }).into_iter().collect()
}

//! Joining and resuming.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use visavis_signaling::connect::{AuthorizedConnect, Mode};
use visavis_signaling::proto::{SignalResponse, participant_info, signal_request, signal_response};
use visavis_signaling::session::{
    CloseReason, JoinParams, LeaveAction, ResumeParams, Session, SessionConfig, SessionEvent, encode_join,
    resume_refused,
};

use super::{Room, push};
use crate::ids::ParticipantSid;
use crate::media::{Command, DataChannelSpec};
use crate::rooms::admission::Applicant;
use crate::rooms::link::{self, ConnectError, INCOMING_QUEUE, SignalIn, SignalLink, SignalOut};
use crate::rooms::media_plane::Place;
use crate::rooms::message::RoomMessage;
use crate::rooms::participant::{DropSignal, Link, LinkId, Participant, ParticipantKey, PcRole, PeerConnection};
use crate::rooms::registry::decide;
use crate::transport::sdp::{LocalParams, Negotiation, NegotiationRole};

/// Data channels that the server opens in v0: label, ordered, retransmissions.
const SERVER_CHANNELS: [(&str, bool, Option<u16>); 3] =
    [("_reliable", true, None), ("_lossy", false, Some(0)), ("_data_track", false, Some(0))];

/// The Go SDK reads an answer before it has set the offer of its join request when the server is this quick
/// (reference server's contract, seen with 2.18.1): its offer waits this long.
const GO_OFFER_DELAY: std::time::Duration = std::time::Duration::from_millis(20);

impl Room {
    pub(super) async fn connect(&mut self, request: AuthorizedConnect) -> Result<SignalLink, ConnectError> {
        let now = self.clock.unix();
        let applicant = Applicant { room: &self.name, claims: &request.claims, api_key: &request.api_key };
        let resuming = request.request.reconnect.is_some();
        let decision = match resuming {
            true => self.shared.admission.may_resume(applicant, now),
            false => self.shared.admission.admit(applicant, now),
        };
        decide(decision).await?;
        // What is due is said before somebody joins, who is told by himself; and nobody joins after the end.
        self.watch_timetable();
        if self.closing.is_some() {
            return Err(ConnectError { status: 403, message: "the room has closed".into() });
        }
        let known = self.by_identity.get(request.claims.identity.as_str()).copied();
        if resuming {
            return Ok(self.resume(known, request));
        }
        if let Some(old) = known {
            tracing::info!(room = %self.name, identity = %request.claims.identity, "replaced by a newer session");
            let actions = self.participants.get_mut(&old).map(|participant| {
                participant.session.close(CloseReason::DuplicateIdentity, Some(LeaveAction::Disconnect))
            });
            self.perform(old, actions.unwrap_or_default());
        }
        let counted = self.participants.values().filter(|participant| !participant.is_dependent()).count();
        let limit = self.options.max_participants;
        if limit > 0 && counted >= limit as usize && !request.claims.is_dependent() {
            return Err(ConnectError { status: 503, message: "room is full".into() });
        }
        Ok(self.join(request))
    }

    fn open_link(&mut self, key: ParticipantKey) -> (SignalLink, Link) {
        self.next_link += 1;
        let id = LinkId(self.next_link);
        let (incoming, from_client) = mpsc::channel(INCOMING_QUEUE);
        let (outgoing, to_client) = link::outgoing();
        tokio::spawn(forward(self.mailbox.clone(), key, id, from_client));
        (SignalLink { incoming, outgoing: to_client }, Link { id, outgoing })
    }

    fn join(&mut self, connect: AuthorizedConnect) -> SignalLink {
        let key = ParticipantKey(self.next_key);
        self.next_key += 1;
        let (link, own) = self.open_link(key);
        let participant = self.new_participant(key, &connect, own);
        let protocol = participant.session.protocol();
        tracing::info!(room = %self.name, identity = %participant.identity, sid = %participant.sid,
            mode = ?participant.mode, sdk = participant.client.sdk, version = %participant.client.version, "joined");
        self.by_identity.insert(Arc::clone(&participant.identity), key);
        self.by_transport.insert(participant.publisher.id, (key, PcRole::Publisher));
        if let Some(subscriber) = &participant.subscriber {
            self.by_transport.insert(subscriber.id, (key, PcRole::Subscriber));
        }
        self.add_transports(&participant);
        if connect.request.subscriber_allow_pause == Some(true) {
            let downstream = participant.subscriber.as_ref().unwrap_or(&participant.publisher);
            self.send_media(Command::AllowPause(downstream.id));
        }
        self.participants.insert(key, Box::new(participant));
        self.had_participants = true;
        self.shared.metrics.participants.inc();

        self.send_join(key);
        self.refresh_token(key);
        self.announce_soon(key, false);
        self.notify_newcomer(key);
        self.room_dirty = true;

        if protocol.supports_fast_start() || connect.request.mode == Mode::SinglePc {
            self.subscribe_to_all(key);
        }
        if self.participants.get(&key).is_some_and(|participant| participant.subscriber_primary()) {
            self.stale.insert(key);
        }
        for request in connect.request.add_track_requests {
            self.session_request(key, signal_request::Message::AddTrack(request));
        }
        if let Some(offer) = connect.request.publisher_offer {
            let request = signal_request::Message::Offer(offer);
            let go = self.participants.get(&key).is_some_and(|participant| participant.quirks.is_go());
            if go { self.defer(key, request) } else { self.session_request(key, request) }
        }
        self.link_begun(key);
        link
    }

    /// The new WebSocket has been given the room as it is; from now on its reader is measured.
    fn link_begun(&mut self, key: ParticipantKey) {
        if let Some(link) = self.participants.get_mut(&key).and_then(|participant| participant.link.as_mut()) {
            link.outgoing.begun();
        }
    }

    fn new_participant(&mut self, key: ParticipantKey, connect: &AuthorizedConnect, link: Link) -> Participant {
        let now = self.steady_time();
        let request = &connect.request;
        let sid = ParticipantSid::random(&mut self.rng);
        let permission = connect.claims.video.as_ref().map(|video| video.to_permission()).unwrap_or_default();
        let quirks = request.quirks();
        let config = SessionConfig {
            limits: self.shared.settings.limits,
            resume_window: self.shared.settings.resume_window,
            data_tracks: self.shared.settings.data_tracks,
            ..SessionConfig::new(request.mode, quirks.clone(), permission, sid.as_str())
        };
        let session = Session::new(config, now);
        let shared_sid = sid.as_str().into();
        let place = self.span.settle(self.shared.settings.shard_participants, &*self.shared.media);
        let publisher = self.new_pc(place, NegotiationRole::Answerer, &quirks);
        let subscriber = (request.mode == Mode::DualPc).then(|| self.new_pc(place, NegotiationRole::Offerer, &quirks));
        let (auto_subscribe, auto_subscribe_data, adaptive_stream) = Participant::options_of(request);
        Participant {
            key,
            place,
            sid,
            identity: connect.claims.identity.as_str().into(),
            claims: connect.claims.clone(),
            token_expires_at: connect.token_expires_at,
            client: request.client_info.clone(),
            quirks,
            mode: request.mode,
            session,
            link: Some(link),
            publisher,
            subscriber,
            state: participant_info::State::Joining,
            joined_at: self.clock.unix(),
            version: 0,
            told: Bytes::new(),
            news_from: self.news.next(),
            is_publisher: false,
            auto_subscribe,
            auto_subscribe_data,
            adaptive_stream,
            publications: Default::default(),
            subscription_permission: None,
            subscriptions: Default::default(),
            settings: Default::default(),
            unsubscribed: Default::default(),
            data_tracks: Default::default(),
            data_track_ids: Default::default(),
            data_subscriptions: Default::default(),
            handles: Default::default(),
            sequence: Default::default(),
            gate: Default::default(),
            shared_sid,
            told_speakers: Default::default(),
            told_quality: Default::default(),
            chat: Default::default(),
            meter: None,
            media_closed: None,
            link_lost: None,
            refresh_at: self.clock.now(),
            drop_signal_on_resume: None,
        }
    }

    fn new_pc(
        &mut self,
        place: Place,
        role: NegotiationRole,
        quirks: &visavis_signaling::connect::ClientQuirks,
    ) -> PeerConnection {
        let shard = self.span.shard(place);
        let ice = self.shared.media.ice_credentials(shard);
        let params = LocalParams {
            ice: ice.clone(),
            fingerprint: self.shared.media.fingerprint(),
            candidates: self.shared.media.candidates(shard),
            enabled: super::negotiate::enabled_codecs(&self.options.enabled_codecs, quirks),
            session_id: rand::Rng::next_u64(&mut self.rng) >> 1,
            trickle: true,
            reuse_sections: quirks.supports_transceiver_reuse(),
            playout_delay: false,
        };
        PeerConnection {
            id: self.numbers.transport(place),
            ice,
            negotiation: Negotiation::new(role, params),
            connected: false,
            ever_connected: false,
        }
    }

    fn add_transports(&mut self, participant: &Participant) {
        let room = self.numbers.room(participant.place);
        for pc in std::iter::once(&participant.publisher).chain(&participant.subscriber) {
            self.send_media(Command::AddTransport { id: pc.id, room, ice: pc.ice.clone() });
        }
        if let Some(subscriber) = &participant.subscriber {
            for (label, ordered, max_retransmits) in SERVER_CHANNELS {
                let channel = DataChannelSpec { label: label.into(), ordered, max_retransmits };
                self.send_media(Command::OpenDataChannel { id: subscriber.id, channel });
            }
        }
    }

    fn send_join(&mut self, key: ParticipantKey) {
        let (now, steady) = (self.clock.unix(), self.steady_time());
        let mut others: Vec<_> = self
            .participants
            .iter()
            .filter(|(other, participant)| **other != key && !participant.is_hidden())
            .map(|(_, participant)| participant.told.clone())
            .collect();
        let room = self.info();
        let server = self.shared.settings.server.clone();
        let (sif_trailer, enabled_codecs) = (self.sif_trailer.clone(), self.options.enabled_codecs.clone());
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let params = JoinParams {
            room,
            participant: participant.info(),
            other_participants: Vec::new(),
            ice_servers: self.shared.settings.ice_servers.of(&participant.sid, now),
            server,
            sif_trailer,
            enabled_codecs,
            ice_fallback: false,
            force_relay: false,
        };
        match participant.session.join_response(params, steady) {
            Ok(responses) => {
                participant.state = participant_info::State::Joined;
                for response in responses {
                    match response.message {
                        Some(signal_response::Message::Join(join)) => {
                            let join = encode_join(&join, std::mem::take(&mut others));
                            push(participant, SignalOut::Encoded(join), &self.shared);
                        }
                        message => {
                            push(participant, SignalOut::Response(Box::new(SignalResponse { message })), &self.shared);
                        }
                    }
                }
            }
            Err(error) => tracing::error!(room = %self.name, %error, "a new session could not join"),
        }
    }

    /// Resumes a session, or tells the client on the new WebSocket to start over.
    fn resume(&mut self, known: Option<ParticipantKey>, connect: AuthorizedConnect) -> SignalLink {
        let (now, steady) = (self.clock.unix(), self.steady_time());
        let asked = connect.request.reconnect.as_ref().map(|reconnect| reconnect.sid.as_str()).unwrap_or_default();
        let key = known.filter(|key| {
            self.participants.get(key).is_some_and(|participant| {
                (asked.is_empty() || participant.sid.as_str() == asked) && participant.mode == connect.request.mode
            })
        });
        let Some(key) = key else {
            tracing::info!(room = %self.name, identity = %connect.claims.identity, "nothing to resume");
            self.shared.metrics.signal_errors.count("resume_refused");
            return refuse_resume(&connect);
        };
        let (link, own) = self.open_link(key);
        let (room, server) = (self.info(), self.shared.settings.server.clone());
        let participants: Vec<_> = self
            .participants
            .iter()
            .filter(|(other, participant)| **other == key || !participant.is_hidden())
            .map(|(_, participant)| participant.info())
            .collect();
        let Some(participant) = self.participants.get_mut(&key) else { return refuse_resume(&connect) };
        // The old WebSocket may not have been noticed to be dead.
        if let Some(old) = participant.link.take() {
            let _ = old.outgoing.send(SignalOut::Close);
        }
        participant.link = Some(own);
        participant.link_lost = None;
        let misbehave = participant.drop_signal_on_resume.take();
        if misbehave == Some(DropSignal::WithoutMessages) {
            self.close_signal(key);
            return link;
        }
        let last_message_seq = participant.sequence.last();
        let ice_servers = self.shared.settings.ice_servers.of(&participant.sid, now);
        let departed = self.departed.clone();
        participant.news_from = self.news.next();
        let params =
            ResumeParams { room, participants, departed, ice_servers, server, last_message_seq, force_relay: false };
        tracing::info!(room = %self.name, identity = %participant.identity, sid = %participant.sid, "resumed");
        match participant.session.resume(params, steady) {
            Ok(actions) => {
                self.shared.metrics.joins.count("rtc_resumed");
                self.perform(key, actions);
                self.refresh_token(key);
                self.remind_all(key);
            }
            Err(error) => {
                tracing::info!(room = %self.name, %error, "session cannot be resumed");
                self.tell(key, [resume_refused(connect.request.quirks().protocol())]);
                self.close_signal(key);
                return link;
            }
        }
        if let Some(sync) = connect.request.sync_state {
            self.session_event(key, SessionEvent::SyncState(sync));
        }
        if let Some(offer) = connect.request.publisher_offer {
            self.session_request(key, signal_request::Message::Offer(offer));
        }
        if misbehave == Some(DropSignal::AfterMessages) {
            self.close_signal(key);
        }
        self.link_begun(key);
        link
    }

    fn defer(&self, key: ParticipantKey, request: signal_request::Message) {
        let mailbox = self.mailbox.clone();
        let Some(link) = self.participants.get(&key).and_then(|participant| participant.link.as_ref()) else { return };
        let link = link.id;
        tokio::spawn(async move {
            tokio::time::sleep(GO_OFFER_DELAY).await;
            let Some(mailbox) = mailbox.upgrade() else { return };
            let request = visavis_signaling::proto::SignalRequest { message: Some(request) };
            let message = SignalIn::Request(Box::new(request));
            // A room that is gone has no use for it.
            let _ = mailbox.send(RoomMessage::Signal { participant: key, link, message }).await;
        });
    }
}

/// A WebSocket whose one message tells the client to start over.
pub fn refuse_resume(connect: &AuthorizedConnect) -> SignalLink {
    let (incoming, _) = mpsc::channel(1);
    let (outgoing, to_client) = link::outgoing();
    let refused = resume_refused(connect.request.quirks().protocol());
    // Two fit.
    let _ = outgoing.send(SignalOut::Response(Box::new(refused)));
    let _ = outgoing.send(SignalOut::Close);
    SignalLink { incoming, outgoing: to_client }
}

/// Carries one WebSocket's messages into the room's mailbox, with its number on each.
async fn forward(
    mailbox: mpsc::WeakSender<RoomMessage>,
    participant: ParticipantKey,
    link: LinkId,
    mut from_client: mpsc::Receiver<SignalIn>,
) {
    loop {
        let message = from_client.recv().await.unwrap_or(SignalIn::Closed);
        let last = matches!(message, SignalIn::Closed);
        let Some(room) = mailbox.upgrade() else { return };
        if room.send(RoomMessage::Signal { participant, link, message }).await.is_err() || last {
            return;
        }
    }
}

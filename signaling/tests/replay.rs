//! Sessions of real clients with LiveKit's server 1.13.5, recorded once and
//! replayed here: what the clients sent is understood, and what the server
//! answered is what this crate answers.
//!
//! A fixture is a sequence of JSON lines: the connect request, then messages of
//! client and server with milliseconds since the connection. SDP is left out,
//! addresses and server names are changed. Where a session was resumed, a second
//! connect request follows.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use livekit_protocol::{
    JoinRequest, SignalRequest, SignalResponse, SignalTarget, WrappedJoinRequest, signal_request,
    signal_response::Message as M,
};
use prost::Message as _;
use serde::Deserialize;
use visavis_signaling::UnixTime;
use visavis_signaling::connect::{AuthorizedConnect, Endpoint, HttpRequest, Mode, ProtocolVersion, accept};
use visavis_signaling::frame::{Frame, FrameCodec};
use visavis_signaling::limits::Limits;
use visavis_signaling::session::{
    CandidateInit, CloseReason, Counts, JoinParams, LeaveAction, ResumeParams, ServerIdentity, Session, SessionAction,
    SessionConfig, SessionEvent, resume_refused,
};
use visavis_signaling::token::KeyRing;

const SECRET: &str = "a secret for tests, long enough";

#[test]
fn chromium_publishes_over_one_connection() {
    replay("chromium-v1-publishes");
}

#[test]
fn chromium_subscribes_over_one_connection() {
    replay("chromium-v1-subscribes");
}

#[test]
fn chromium_publishes_over_two_connections() {
    replay("chromium-v0-publishes");
}

#[test]
fn an_old_javascript_client_publishes() {
    replay("chromium-1x-publishes");
}

#[test]
fn firefox_publishes_over_one_connection() {
    replay("firefox-v1-publishes");
}

#[test]
fn firefox_subscribes_over_two_connections() {
    replay("firefox-v0-subscribes");
}

#[test]
fn python_publishes_over_one_connection() {
    replay("python-v1-publishes");
}

#[test]
fn python_subscribes_over_two_connections() {
    replay("python-v0-subscribes");
}

#[test]
fn node_subscribes_over_one_connection() {
    replay("node-v1-subscribes");
}

#[test]
fn a_session_over_one_connection_is_resumed() {
    replay("chromium-v1-resumes");
}

#[test]
fn a_session_over_two_connections_is_resumed_with_an_ice_restart() {
    replay("chromium-v0-resumes");
}

#[test]
fn an_old_javascript_client_resumes() {
    replay("chromium-1x-resumes");
}

#[test]
fn resuming_what_is_gone_is_refused() {
    replay("chromium-v1-resume-refused");
}

#[test]
fn an_old_client_resuming_what_is_gone_is_refused_in_its_own_words() {
    replay("chromium-1x-resume-refused");
}

#[test]
fn a_leave_asked_for_by_simulation_ends_the_session() {
    replay("chromium-v1-server-leave");
}

#[test]
fn a_client_restarts_ice_by_itself() {
    replay("chromium-v0-ice-restart");
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Line {
    Connect {
        target: String,
        user_agent: Option<String>,
        #[serde(default)]
        bearer: bool,
        claims: serde_json::Value,
        join: Option<JoinRequest>,
    },
    Client {
        at: i64,
        client: SignalRequest,
    },
    Server {
        at: i64,
        server: SignalResponse,
    },
    Close {
        #[allow(dead_code, reason = "tells the kinds of lines apart")]
        close: String,
    },
}

fn replay(name: &str) {
    let path = format!("{}/tests/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a fixture");
    let mut lines: VecDeque<Line> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let mut replay = Replay::default();
    let mut number = 0;
    while let Some(line) = lines.pop_front() {
        number += 1;
        replay.context = format!("{name}:{number}");
        replay.step(line, &mut lines);
    }
    replay.finish();
}

#[derive(Default)]
struct Replay {
    context: String,
    connect: Option<AuthorizedConnect>,
    session: Option<Session>,
    start: UnixTime,
    /// What the session sent by itself and the recording has not shown yet.
    produced: VecDeque<SignalResponse>,
    /// Candidates come one behind, so they are compared as a whole.
    candidates: [Vec<SignalResponse>; 2],
    /// The session wants an offer to be made.
    offer_wanted: bool,
    /// The recorded number of the first server offer, less one.
    offer_base: Option<u32>,
    /// Metadata updates not answered yet.
    updates: VecDeque<livekit_protocol::UpdateParticipantMetadata>,
    /// The client owes an offer, so a second wish for one is not told.
    offer_owed: bool,
}

impl Replay {
    fn step(&mut self, line: Line, rest: &mut VecDeque<Line>) {
        match line {
            Line::Connect { target, user_agent, bearer, claims, join } => {
                self.connect(&target, user_agent.as_deref(), bearer, &claims, join);
            }
            Line::Client { at, client } => self.client(client, self.start.plus(millis(at))),
            Line::Server { at, server } => self.server(server, self.start.plus(millis(at)), rest),
            Line::Close { .. } => {}
        }
    }

    fn connect(
        &mut self,
        target: &str,
        user_agent: Option<&str>,
        bearer: bool,
        claims: &serde_json::Value,
        join: Option<JoinRequest>,
    ) {
        if let Some(session) = &mut self.session {
            let actions = session.signal_closed(self.start.plus(millis(60_000)));
            assert_eq!(actions, [], "{}: media goes on", self.context);
        }
        let issued = claims["nbf"].as_i64().expect("nbf");
        self.start = UnixTime::from_secs(issued);
        let token = jsonwebtoken::encode(
            &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256),
            claims,
            &jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes()),
        )
        .expect("a token");
        let keys: KeyRing = [("devkey", SECRET)].into_iter().collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = match &join {
            // Short ones were recorded as they were; long ones are made again.
            Some(join) if query.contains("join_request=<") => {
                let wrapped = WrappedJoinRequest { compression: 0, join_request: join.encode_to_vec() };
                let encoded = URL_SAFE.encode(wrapped.encode_to_vec());
                format!("access_token=<jwt>&join_request={encoded}")
            }
            _ => query.to_owned(),
        };
        let authorization = bearer.then(|| format!("Bearer {token}"));
        let http = HttpRequest {
            endpoint: Endpoint::from_path(path).expect("a signaling path"),
            query: &query.replace("<jwt>", &token),
            authorization: authorization.as_deref(),
            user_agent,
            address: "192.0.2.7",
        };
        let connect = accept(&http, &keys, &Limits::default(), self.start)
            .unwrap_or_else(|error| panic!("{}: {error}", self.context));
        assert_eq!(connect.claims.identity, claims["sub"].as_str().expect("sub"));
        assert_eq!(connect.request.mode == Mode::SinglePc, join.is_some());
        if let Some(join) = join {
            assert_eq!(connect.request.publisher_offer, join.publisher_offer);
            assert_eq!(connect.request.reconnect.is_some(), join.reconnect);
        }
        if user_agent.is_some_and(|agent| agent.contains("Firefox")) {
            assert!(connect.request.quirks().is_firefox());
        }
        self.connect = Some(connect);
    }

    fn client(&mut self, request: SignalRequest, now: UnixTime) {
        use signal_request::Message as R;
        let context = &self.context;
        let request = both_forms(&request);
        let session = self.session.as_mut().unwrap_or_else(|| panic!("{context}: no session"));
        let mut request = request;
        if let (Some(R::Answer(answer)), Some(base)) = (&mut request.message, self.offer_base)
            && answer.id != 0
        {
            answer.id -= base;
        }
        if let Some(R::Offer(_)) = &request.message {
            self.offer_owed = false;
        }
        let actions = session.handle_request(request.clone(), now);
        assert!(!actions.is_empty(), "{context}: nothing came of {request:?}");
        for action in actions {
            match action {
                SessionAction::Send(response) => self.produced.push_back(response),
                SessionAction::CreateOffer { .. } => self.offer_wanted = true,
                SessionAction::Event(SessionEvent::UpdateMetadata(update)) => {
                    self.updates.push_back(update);
                }
                SessionAction::Event(_)
                | SessionAction::CloseSignal
                | SessionAction::Close(CloseReason::ClientRequestLeave) => {}
                SessionAction::Close(reason) => panic!("{context}: closed for {reason:?}"),
            }
        }
    }

    fn server(&mut self, recorded: SignalResponse, now: UnixTime, rest: &mut VecDeque<Line>) {
        let context = self.context.clone();
        let message = recorded.message.clone().expect("a message");
        if self.session.is_none() {
            match message {
                M::Join(_) => self.join(recorded, now),
                M::Leave(_) => self.refused(&recorded),
                other => panic!("{context}: begins with {other:?}"),
            }
            return;
        }
        if let M::Reconnect(_) = message {
            return self.resume(recorded, now, rest);
        }
        let session = self.session.as_mut().expect("checked above");
        match message {
            M::Offer(offer) => {
                if !std::mem::take(&mut self.offer_wanted) {
                    let actions = session.negotiate(Counts::default());
                    let create = [SessionAction::CreateOffer { ice_restart: false }];
                    assert_eq!(actions, create, "{context}: one offer at a time");
                }
                let base = *self.offer_base.get_or_insert(offer.id - 1);
                let mut ours = session.offer(offer.sdp, offer.mid_to_track_id, now);
                if let Some(M::Offer(ours)) = ours.as_mut().and_then(|ours| ours.message.as_mut()) {
                    ours.id += base;
                }
                assert_eq!(ours, Some(recorded), "{context}");
            }
            M::Answer(answer) => {
                let outstanding = required_next(rest);
                let mut expected = vec![recorded];
                if let Some(Line::Server { server, .. }) = outstanding.and_then(|_| rest.pop_front()) {
                    expected.push(server);
                    self.offer_owed = true;
                }
                let outstanding = outstanding.unwrap_or_default();
                let ours = session.answer(answer.id, answer.sdp, answer.mid_to_track_id, outstanding);
                assert_eq!(ours, expected, "{context}");
            }
            M::MediaSectionsRequirement(required) => {
                let outstanding = Counts::new(required.num_audios, required.num_videos);
                let ours = session.negotiate(outstanding);
                if std::mem::replace(&mut self.offer_owed, true) && outstanding.is_zero() {
                    assert_eq!(ours, [], "{context}: asked already");
                } else {
                    assert_eq!(ours, [SessionAction::Send(recorded)], "{context}");
                }
            }
            M::Trickle(trickle) => {
                let target = trickle.target();
                let candidate = CandidateInit::from_json(&trickle.candidate_init).expect("JSON");
                let ours = session.local_candidate(target, candidate);
                let last = trickle.r#final.then(|| session.candidates_done(target)).flatten();
                let held = &mut self.candidates[usize::from(target == SignalTarget::Subscriber)];
                held.push(recorded);
                for ours in ours.into_iter().chain(last) {
                    assert_eq!(ours, held.remove(0), "{context}");
                }
            }
            M::Update(update) => {
                let ours = session.participant_update(update.participants);
                assert_eq!(ours, [recorded], "{context}");
            }
            M::Pong(_) | M::PongResp(_) => {
                let ours = self.produced.pop_front().and_then(|ours| ours.message);
                match (ours, message) {
                    (Some(M::Pong(_)), M::Pong(_)) => {}
                    (Some(M::PongResp(ours)), M::PongResp(theirs)) => {
                        assert_eq!(ours.last_ping_timestamp, theirs.last_ping_timestamp);
                    }
                    (ours, theirs) => panic!("{context}: {ours:?} instead of {theirs:?}"),
                }
            }
            M::Leave(_) if !self.produced.is_empty() => {
                assert_eq!(self.produced.pop_front(), Some(recorded), "{context}");
            }
            M::RequestResponse(_) => {
                let ours = match self.updates.pop_front() {
                    Some(update) => session.metadata_response(update, Ok(())),
                    None => self.produced.pop_front(),
                };
                assert_eq!(ours, Some(recorded), "{context}");
            }
            other => {
                let ours = build(session, other);
                assert_eq!(ours, Some(recorded), "{context}");
            }
        }
    }

    fn join(&mut self, recorded: SignalResponse, now: UnixTime) {
        let Some(M::Join(join)) = recorded.message.clone() else {
            unreachable!("the caller looked");
        };
        let connect = self.connect.as_ref().expect("a connect request");
        let participant = join.participant.clone().expect("a participant");
        let video = connect.claims.video.as_ref().expect("grants");
        assert_eq!(participant.permission, Some(video.to_permission()));
        let config = SessionConfig::new(
            connect.request.mode,
            connect.request.quirks(),
            video.to_permission(),
            participant.sid.clone(),
        );
        let mut session = Session::new(config, now);
        let room = join.room.clone().expect("a room");
        let server = join.server_info.clone().expect("server info");
        let params = JoinParams {
            enabled_codecs: room.enabled_codecs.clone(),
            room,
            participant,
            other_participants: join.other_participants.clone(),
            ice_servers: join.ice_servers.clone(),
            server: ServerIdentity { region: server.region, node_id: server.node_id },
            sif_trailer: join.sif_trailer.clone(),
            ice_fallback: false,
            force_relay: false,
        };
        let ours = session.join_response(params, now).expect("joining");
        assert_eq!(ours, [newer(recorded)], "{}", self.context);
        self.session = Some(session);
    }

    fn refused(&mut self, recorded: &SignalResponse) {
        let connect = self.connect.as_ref().expect("a connect request");
        assert!(connect.request.reconnect.is_some(), "only a resumption is refused so");
        let protocol = ProtocolVersion(connect.request.client_info.protocol);
        assert_eq!(resume_refused(protocol), *recorded, "{}", self.context);
    }

    fn resume(&mut self, recorded: SignalResponse, now: UnixTime, rest: &mut VecDeque<Line>) {
        let Some(M::Reconnect(reconnect)) = recorded.message.clone() else {
            unreachable!("the caller looked");
        };
        let mut expected = vec![newer(recorded)];
        let mut params = ResumeParams {
            ice_servers: reconnect.ice_servers,
            last_message_seq: reconnect.last_message_seq,
            ..ResumeParams::default()
        };
        let server = reconnect.server_info.expect("server info");
        params.server = ServerIdentity { region: server.region, node_id: server.node_id };
        for _ in 0..2 {
            let Some(Line::Server { server, .. }) = rest.pop_front() else {
                panic!("{}: an update and the room follow", self.context);
            };
            match server.message.clone() {
                Some(M::Update(update)) => params.participants = update.participants,
                Some(M::RoomUpdate(update)) => params.room = update.room.expect("a room"),
                other => panic!("{}: {other:?} after the reconnect", self.context),
            }
            expected.push(server);
        }
        let session = self.session.as_mut().expect("a session to resume");
        let mut actions = session.resume(params, now).expect("resumable");
        if session.mode() == Mode::DualPc {
            let restart = Some(SessionAction::CreateOffer { ice_restart: true });
            assert_eq!(actions.pop(), restart, "{}", self.context);
            self.offer_wanted = true;
        }
        let expected: Vec<_> = expected.into_iter().map(SessionAction::Send).collect();
        assert_eq!(actions, expected, "{}", self.context);
    }

    fn finish(mut self) {
        // A client that closes right after its leave does not wait for ours.
        self.produced.retain(|response| !matches!(response.message, Some(M::Leave(_))));
        assert_eq!(self.produced, [], "{}: not in the recording", self.context);
        for rest in &self.candidates {
            assert!(rest.is_empty(), "{}: candidates not sent", self.context);
        }
    }
}

/// The message of a builder, from the recorded one's contents.
fn build(session: &mut Session, recorded: M) -> Option<SignalResponse> {
    // Whatever media brings about happens after it connected.
    session.media_connected();
    match recorded {
        M::RefreshToken(token) => session.refresh_token(token),
        M::TrackPublished(published) => session.track_published(published.cid, published.track.expect("a track")),
        M::TrackUnpublished(unpublished) => session.track_unpublished(unpublished.track_sid),
        M::TrackSubscribed(subscribed) => session.track_subscribed(subscribed.track_sid),
        M::Mute(mute) => session.track_muted(mute.sid, mute.muted),
        M::SpeakersChanged(changed) => session.speakers_changed(changed.speakers),
        M::RoomUpdate(update) => session.room_update(update.room.expect("a room")),
        M::ConnectionQuality(quality) => session.connection_quality(quality.updates),
        M::StreamStateUpdate(update) => session.stream_state(update.stream_states),
        M::SubscribedQualityUpdate(update) => session.subscribed_quality(update),
        M::SubscribedAudioCodecUpdate(update) => session.subscribed_audio_codecs(update),
        M::SubscriptionPermissionUpdate(update) => {
            session.subscription_permission(update.participant_sid, update.track_sid, update.allowed)
        }
        M::Leave(_) => {
            let leave = LeaveAction::Disconnect;
            let actions = session.close(CloseReason::SimulateServerLeave, Some(leave));
            match actions.into_iter().next() {
                Some(SessionAction::Send(response)) => Some(response),
                other => panic!("a leave comes first, not {other:?}"),
            }
        }
        other => panic!("nothing builds {other:?}"),
    }
}

/// The sections required by the message right after an answer: those the
/// answer left outstanding.
fn required_next(rest: &VecDeque<Line>) -> Option<Counts> {
    let Some(Line::Server { server, .. }) = rest.front() else {
        return None;
    };
    match &server.message {
        Some(M::MediaSectionsRequirement(required)) => {
            let counts = Counts::new(required.num_audios, required.num_videos);
            Some(counts).filter(|counts| !counts.is_zero())
        }
        _ => None,
    }
}

/// Recorded from 1.13.5; we say something newer.
fn newer(mut response: SignalResponse) -> SignalResponse {
    let version = visavis_signaling::SERVER_VERSION.to_owned();
    match &mut response.message {
        Some(M::Join(join)) => {
            join.server_version.clone_from(&version);
            join.server_info.as_mut().expect("server info").version = version;
        }
        Some(M::Reconnect(reconnect)) => {
            reconnect.server_info.as_mut().expect("server info").version = version;
        }
        _ => {}
    }
    response
}

/// Sends a request through both forms of frames.
fn both_forms(request: &SignalRequest) -> SignalRequest {
    let mut codec = FrameCodec::new();
    let binary = codec.encode_request(request).expect("protobuf");
    assert_eq!(codec.decode(binary.as_ref()).as_ref(), Ok(request));
    let text = Frame::Text(serde_json::to_string(request).expect("JSON"));
    let read = codec.decode(text.as_ref()).expect("proto-JSON");
    assert_eq!(&read, request);
    read
}

fn millis(at: i64) -> std::time::Duration {
    std::time::Duration::from_millis(at.unsigned_abs())
}

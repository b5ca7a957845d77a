//! The session protocol, by what a client and the room see of it.

use std::collections::HashMap;
use std::time::Duration;

use livekit_protocol::{
    AddTrackRequest, ClientInfo, Codec, ConnectionQuality, ConnectionQualityInfo, DisconnectReason, GetDataBlobRequest,
    LeaveRequest, ParticipantInfo, ParticipantPermission, Ping, PublishDataTrackResponse, RequestResponse, Room,
    SessionDescription, SignalRequest, SignalResponse, SignalTarget, SpeakerInfo, StoreDataBlobRequest, SyncState,
    TrackInfo, TrackPublishedResponse, TrackSource, TrackType, TrickleRequest, UpdateParticipantMetadata,
    client_info::Sdk, leave_request::Action, participant_info, request_response::Reason, signal_request::Message as R,
    signal_response::Message as M,
};
use prost::Message as _;
use visavis_signaling::UnixTime;
use visavis_signaling::connect::{ClientQuirks, Mode, ProtocolVersion};
use visavis_signaling::session::{
    CandidateInit, CloseReason, Counts, DISCONNECT_CLEANUP, Departed, JOIN_TIMEOUT, JoinParams, LeaveAction,
    MAX_UPDATE_SIZE, NEGOTIATION_TIMEOUT, RESUME_WINDOW, ResumeParams, Session, SessionAction, SessionConfig,
    SessionEvent, State, chunk_participants, enabled_publish_codecs, published_is_known, resume_refused,
};
use visavis_signaling::token::VideoGrant;

const NOW: UnixTime = UnixTime(1_000_000);

fn later(duration: Duration) -> UnixTime {
    NOW.plus(duration)
}

fn client(protocol: i32) -> ClientInfo {
    ClientInfo { sdk: Sdk::Js.into(), version: "2.23.0".into(), protocol, ..ClientInfo::default() }
}

fn permission() -> ParticipantPermission {
    VideoGrant::join("room").to_permission()
}

fn config(mode: Mode, protocol: i32) -> SessionConfig {
    SessionConfig::new(mode, ClientQuirks::new(&client(protocol)), permission(), "PA_me")
}

fn joined_as(config: SessionConfig) -> Session {
    let mut session = Session::new(config, NOW);
    session.join_response(JoinParams::default(), NOW).expect("joining");
    session
}

fn joined(mode: Mode, protocol: i32) -> Session {
    joined_as(config(mode, protocol))
}

fn active(mode: Mode, protocol: i32) -> Session {
    let mut session = joined(mode, protocol);
    session.media_connected();
    session
}

fn ask(session: &mut Session, request: R) -> Vec<SessionAction> {
    session.handle_request(SignalRequest { message: Some(request) }, NOW)
}

fn sent(actions: &[SessionAction]) -> Vec<&M> {
    actions
        .iter()
        .filter_map(|action| match action {
            SessionAction::Send(SignalResponse { message }) => message.as_ref(),
            _ => None,
        })
        .collect()
}

/// The one refusal among the actions.
fn refused(actions: &[SessionAction]) -> &RequestResponse {
    match sent(actions).as_slice() {
        [M::RequestResponse(response)] => response,
        other => panic!("not one request response: {other:?}"),
    }
}

fn info(sid: &str, version: u32) -> ParticipantInfo {
    ParticipantInfo {
        sid: sid.into(),
        identity: format!("id of {sid}"),
        state: participant_info::State::Active.into(),
        version,
        ..ParticipantInfo::default()
    }
}

fn updated(responses: &[SignalResponse]) -> Vec<String> {
    responses
        .iter()
        .flat_map(|response| match &response.message {
            Some(M::Update(update)) => update.participants.as_slice(),
            other => panic!("not an update: {other:?}"),
        })
        .map(|info| info.sid.clone())
        .collect()
}

// Joining

#[test]
fn the_join_response_comes_first_and_once() {
    let mut session = Session::new(config(Mode::DualPc, 17), NOW);
    assert_eq!(session.room_update(Room::default()), None, "nothing before it");
    assert_eq!(session.leave(CloseReason::RoomClosed, LeaveAction::Disconnect), None);
    session.join_response(JoinParams::default(), NOW).expect("joining");
    assert_eq!(session.state(), State::Joined);
    let again = session.join_response(JoinParams::default(), NOW).expect_err("joined");
    assert_eq!(again.to_string(), "a session cannot go from joined to joined");
}

#[test]
fn the_join_response_tells_what_clients_rely_on() {
    let mut session = Session::new(config(Mode::DualPc, 17), NOW);
    let codec = |mime: &str| Codec { mime: mime.into(), ..Codec::default() };
    let params = JoinParams {
        enabled_codecs: vec![codec("audio/opus"), codec("video/VP8"), codec("video/rtx")],
        sif_trailer: vec![1, 2, 3],
        ..JoinParams::default()
    };
    let responses = session.join_response(params, NOW).expect("joining");
    let Some(M::Join(join)) = &responses[0].message else { panic!("a join response") };
    assert_eq!((join.ping_interval, join.ping_timeout), (5, 15));
    let server = join.server_info.as_ref().expect("server info");
    assert_eq!((server.version.as_str(), server.protocol, server.agent_protocol), ("1.13.6", 17, 1));
    assert_eq!(join.server_version, "1.13.6");
    assert!(join.room.is_some() && join.participant.is_some());
    assert!(join.subscriber_primary && join.fast_publish);
    let codecs: Vec<_> = join.enabled_publish_codecs.iter().map(|c| c.mime.as_str()).collect();
    assert_eq!(codecs, ["video/VP8", "audio/opus"]);
}

#[test]
fn the_subscriber_is_primary_only_in_v0_and_for_subscribers() {
    let primary = |config: SessionConfig| Session::new(config, NOW).subscriber_primary();
    assert!(primary(config(Mode::DualPc, 17)));
    assert!(!primary(config(Mode::DualPc, 2)));
    assert!(!primary(config(Mode::SinglePc, 17)));
    let mut deaf = config(Mode::DualPc, 17);
    deaf.permission.can_subscribe = false;
    let mut session = Session::new(deaf, NOW);
    session.set_permission(permission());
    assert!(!session.subscriber_primary(), "it is settled at joining");
}

#[test]
fn updates_before_the_join_response_follow_it() {
    let mut session = Session::new(config(Mode::DualPc, 17), NOW);
    assert_eq!(session.participant_update(vec![info("PA_1", 1), info("PA_2", 3)]), []);
    let params = JoinParams { other_participants: vec![info("PA_2", 4)], ..JoinParams::default() };
    let responses = session.join_response(params, NOW).expect("joining");
    assert!(matches!(responses[0].message, Some(M::Join(_))));
    assert_eq!(updated(&responses[1..]), ["PA_1"], "the join response was newer about PA_2");
}

#[test]
fn media_has_a_minute_to_connect() {
    let mut session = joined(Mode::DualPc, 17);
    assert_eq!(session.poll_timeout(), Some(later(JOIN_TIMEOUT)));
    assert_eq!(session.handle_timeout(later(JOIN_TIMEOUT - Duration::from_millis(1))), []);
    let actions = session.handle_timeout(later(JOIN_TIMEOUT));
    let [M::Leave(leave)] = sent(&actions)[..] else { panic!("a leave: {actions:?}") };
    assert_eq!(leave.reason(), DisconnectReason::JoinFailure);
    assert_eq!(actions.last(), Some(&SessionAction::Close(CloseReason::JoinTimeout)));
    assert_eq!((session.state(), session.poll_timeout()), (State::Closed, None));
}

#[test]
fn a_participant_becomes_active_once() {
    let mut session = joined(Mode::DualPc, 17);
    let activated = SessionAction::Event(SessionEvent::Activated);
    assert_eq!(session.media_connected(), [activated]);
    assert_eq!(session.media_connected(), []);
    assert_eq!((session.state(), session.poll_timeout()), (State::Active, None));
}

// Requests

#[test]
fn pings_are_answered_here() {
    let mut session = joined(Mode::DualPc, 17);
    let actions = ask(&mut session, R::Ping(5));
    assert_eq!(sent(&actions), [&M::Pong(NOW.as_millis())]);
    let actions = ask(&mut session, R::PingReq(Ping { timestamp: 7, rtt: 30 }));
    let [M::PongResp(pong)] = sent(&actions)[..] else { panic!("a pong: {actions:?}") };
    assert_eq!((pong.last_ping_timestamp, pong.timestamp), (7, NOW.as_millis()));
    let rtt = SessionEvent::SignalingRtt(Duration::from_millis(30));
    assert_eq!(actions[1], SessionAction::Event(rtt));
    let first = ask(&mut session, R::PingReq(Ping { timestamp: 7, rtt: -1 }));
    assert_eq!(first.len(), 1, "no round trip was measured");
}

#[test]
fn a_request_counts_as_a_sign_of_life_for_fifteen_seconds() {
    let mut session = joined(Mode::DualPc, 17);
    session.handle_request(SignalRequest { message: None }, later(Duration::from_secs(5)));
    assert!(session.signal_is_recent(later(Duration::from_millis(19_999))));
    assert!(!session.signal_is_recent(later(Duration::from_secs(20))));
}

#[test]
fn a_leave_is_echoed_and_ends_the_session() {
    for (given, close, told) in [
        (DisconnectReason::ClientInitiated, CloseReason::ClientRequestLeave, DisconnectReason::ClientInitiated),
        (DisconnectReason::UserRejected, CloseReason::UserRejected, DisconnectReason::UserRejected),
        (DisconnectReason::UnknownReason, CloseReason::ClientRequestLeave, DisconnectReason::ClientInitiated),
    ] {
        let mut session = active(Mode::SinglePc, 17);
        let leave = LeaveRequest { reason: given.into(), ..LeaveRequest::default() };
        let actions = ask(&mut session, R::Leave(leave));
        let [M::Leave(echo)] = sent(&actions)[..] else { panic!("a leave: {actions:?}") };
        assert_eq!((echo.reason(), echo.action()), (told, Action::Disconnect));
        assert_eq!(actions[1..], [SessionAction::CloseSignal, SessionAction::Close(close)]);
        assert_eq!(ask(&mut session, R::Ping(1)), [], "it is over");
    }
}

#[test]
fn tracks_are_refused_by_source_and_by_type() {
    let mut session = active(Mode::DualPc, 17);
    let track = |kind: TrackType, source: TrackSource| AddTrackRequest {
        cid: "cid".into(),
        r#type: kind.into(),
        source: source.into(),
        ..AddTrackRequest::default()
    };
    let camera = track(TrackType::Video, TrackSource::Camera);
    let actions = ask(&mut session, R::AddTrack(camera.clone()));
    assert_eq!(actions, [SessionAction::Event(SessionEvent::AddTrack(camera.clone()))]);

    let mut odd = track(TrackType::Data, TrackSource::Unknown);
    let actions = ask(&mut session, R::AddTrack(odd.clone()));
    assert_eq!(refused(&actions).reason(), Reason::UnsupportedType);
    odd.r#type = 99;
    assert_eq!(refused(&ask(&mut session, R::AddTrack(odd))).reason(), Reason::UnsupportedType);

    let mut limited = permission();
    limited.can_publish_sources = vec![TrackSource::Microphone.into()];
    session.set_permission(limited);
    let actions = ask(&mut session, R::AddTrack(camera.clone()));
    assert_eq!(refused(&actions).reason(), Reason::NotAllowed);
    let echo = livekit_protocol::request_response::Request::AddTrack(camera);
    assert_eq!(refused(&actions).request, Some(echo));
}

#[test]
fn own_metadata_needs_permission_and_has_limits() {
    let mut session = active(Mode::DualPc, 17);
    let update = |name: &str, request_id: u32| UpdateParticipantMetadata {
        name: name.into(),
        request_id,
        ..UpdateParticipantMetadata::default()
    };
    let actions = ask(&mut session, R::UpdateMetadata(update("me", 4)));
    let response = refused(&actions);
    assert_eq!((response.reason(), response.request_id), (Reason::NotAllowed, 4));
    assert_eq!(response.message, "does not have permission to update own metadata");

    let mut allowed = permission();
    allowed.can_update_metadata = true;
    session.set_permission(allowed);
    let actions = ask(&mut session, R::UpdateMetadata(update(&"n".repeat(257), 5)));
    let response = refused(&actions);
    assert_eq!((response.reason(), response.request_id), (Reason::LimitExceeded, 5));
    assert_eq!(response.message, "exceeds name length limit");

    let good = update("me", 6);
    let actions = ask(&mut session, R::UpdateMetadata(good.clone()));
    assert_eq!(actions, [SessionAction::Event(SessionEvent::UpdateMetadata(good.clone()))]);
    let done = session.metadata_response(good, Ok(())).and_then(|done| done.message);
    let Some(M::RequestResponse(done)) = done else { panic!("a response") };
    assert_eq!((done.reason(), done.request_id), (Reason::Ok, 6));
}

#[test]
fn data_blobs_and_unpermitted_data_tracks_are_refused() {
    let mut session = active(Mode::DualPc, 17);
    let store = StoreDataBlobRequest { request_id: 3, ..StoreDataBlobRequest::default() };
    let actions = ask(&mut session, R::StoreDataBlobRequest(store));
    let response = refused(&actions);
    assert_eq!((response.reason(), response.request_id), (Reason::NotAllowed, 3));
    assert_eq!(response.message, "data blob not enabled");
    let get = GetDataBlobRequest { request_id: 4, ..GetDataBlobRequest::default() };
    let actions = ask(&mut session, R::GetDataBlobRequest(get));
    assert_eq!(refused(&actions).reason(), Reason::InvalidRequest);

    let mut silent = permission();
    silent.can_publish_data = false;
    session.set_permission(silent);
    let publish = livekit_protocol::PublishDataTrackRequest { pub_handle: 1, ..Default::default() };
    let actions = ask(&mut session, R::PublishDataTrackRequest(publish));
    assert_eq!(refused(&actions).reason(), Reason::NotAllowed);
}

#[test]
fn a_candidate_that_is_no_json_is_refused_and_the_session_goes_on() {
    let mut session = active(Mode::DualPc, 17);
    let broken = TrickleRequest { candidate_init: "{".into(), ..TrickleRequest::default() };
    let actions = ask(&mut session, R::Trickle(broken));
    assert_eq!(refused(&actions).reason(), Reason::UnclassifiedError);
    assert_eq!(session.state(), State::Active);
}

#[test]
fn with_one_connection_every_candidate_is_for_it() {
    let mut session = active(Mode::SinglePc, 17);
    let trickle = TrickleRequest {
        candidate_init: r#"{"candidate":"x","sdpMid":"0"}"#.into(),
        target: SignalTarget::Subscriber.into(),
        r#final: true,
    };
    match &ask(&mut session, R::Trickle(trickle))[..] {
        [SessionAction::Event(SessionEvent::Candidate { target, last, .. })] => {
            assert_eq!((*target, *last), (SignalTarget::Publisher, true));
        }
        other => panic!("not a candidate: {other:?}"),
    }
    let candidate = CandidateInit::bundled("y");
    assert_eq!(session.local_candidate(SignalTarget::Subscriber, candidate), None);
    assert_eq!(session.candidates_done(SignalTarget::Subscriber), None);
}

#[test]
fn unknown_requests_do_nothing() {
    let mut session = active(Mode::DualPc, 17);
    assert_eq!(session.handle_request(SignalRequest::default(), NOW), []);
    let simulate = livekit_protocol::SimulateScenario::default();
    assert_eq!(ask(&mut session, R::Simulate(simulate)), []);
}

// Negotiation

#[test]
fn v0_offers_one_at_a_time() {
    let mut session = active(Mode::DualPc, 17);
    let create = |ice_restart| SessionAction::CreateOffer { ice_restart };
    assert_eq!(session.negotiate(Counts::default()), [create(false)]);
    assert_eq!(session.negotiate(Counts::default()), []);
    let mids = HashMap::from([("1".to_owned(), "TR_x".to_owned())]);
    let offer = session.offer("sdp".into(), mids.clone(), NOW).and_then(|offer| offer.message);
    let Some(M::Offer(offer)) = offer else { panic!("an offer") };
    assert_eq!((offer.r#type.as_str(), offer.id, offer.mid_to_track_id), ("offer", 1, mids));

    let answer = |id: u32| SessionDescription { sdp: "answer".into(), id, ..Default::default() };
    assert_eq!(ask(&mut session, R::Answer(answer(9))), [], "not to this offer");
    let event = SessionEvent::Answer { id: 1, sdp: "answer".into() };
    let actions = ask(&mut session, R::Answer(answer(1)));
    assert_eq!(actions, [SessionAction::Event(event), create(false)], "the change that waited");
    assert_eq!(ask(&mut session, R::Answer(answer(1))), [], "a duplicate");
}

#[test]
fn an_unanswered_offer_starts_the_client_over() {
    let mut session = active(Mode::DualPc, 17);
    session.negotiate(Counts::default());
    session.offer(String::new(), HashMap::new(), NOW);
    assert_eq!(session.poll_timeout(), Some(later(NEGOTIATION_TIMEOUT)));
    let actions = session.handle_timeout(later(NEGOTIATION_TIMEOUT));
    let [M::Leave(leave)] = sent(&actions)[..] else { panic!("a leave: {actions:?}") };
    assert_eq!((leave.action(), leave.reason()), (Action::Reconnect, DisconnectReason::StateMismatch));
    assert_eq!(actions.last(), Some(&SessionAction::Close(CloseReason::NegotiateFailed)));
}

#[test]
fn before_media_connects_an_unanswered_offer_is_the_join_timeouts_business() {
    let mut session = joined(Mode::DualPc, 17);
    session.negotiate(Counts::default());
    session.offer(String::new(), HashMap::new(), NOW);
    assert_eq!(session.poll_timeout(), Some(later(JOIN_TIMEOUT)));
}

#[test]
fn v1_never_offers_but_asks() {
    let mut session = active(Mode::SinglePc, 17);
    assert_eq!(session.offer("sdp".into(), HashMap::new(), NOW), None);
    let actions = session.negotiate(Counts::new(1, 2));
    let [M::MediaSectionsRequirement(required)] = sent(&actions)[..] else { panic!("a requirement: {actions:?}") };
    assert_eq!((required.num_audios, required.num_videos), (1, 2));
    assert_eq!(session.negotiate(Counts::new(1, 2)), [], "asked already");
    assert_eq!(ask(&mut session, R::Answer(SessionDescription::default())), []);

    let responses = session.answer(4, "sdp".into(), HashMap::new(), Counts::new(0, 1));
    let [answer, requirement] = &responses[..] else { panic!("two messages: {responses:?}") };
    assert!(matches!(&answer.message, Some(M::Answer(answer)) if answer.id == 4));
    assert!(matches!(
        &requirement.message,
        Some(M::MediaSectionsRequirement(required)) if required.num_videos == 1
    ));
}

// Losing and resuming

#[test]
fn a_socket_that_closes_before_media_connected_ends_the_session() {
    let mut session = joined(Mode::DualPc, 17);
    let close = SessionAction::Close(CloseReason::SignalSourceClose);
    assert_eq!(session.signal_closed(NOW), [close]);
}

#[test]
fn a_socket_that_closes_later_can_be_resumed_for_a_while() {
    let mut session = active(Mode::DualPc, 17);
    assert_eq!(session.signal_closed(NOW), []);
    assert_eq!(session.state(), State::SignalLost);
    assert_eq!(session.room_update(Room::default()), None, "nobody is there");
    assert_eq!(session.poll_timeout(), Some(later(RESUME_WINDOW)));
    let actions = session.handle_timeout(later(RESUME_WINDOW));
    assert_eq!(actions, [SessionAction::Close(CloseReason::SignalSourceClose)]);
}

#[test]
fn failed_media_tells_the_client_to_resume_and_waits_five_seconds() {
    let mut session = active(Mode::DualPc, 17);
    let actions = session.media_failed(NOW);
    let [M::Leave(leave)] = sent(&actions)[..] else { panic!("a leave: {actions:?}") };
    assert_eq!(leave.action(), Action::Resume);
    assert_eq!(leave.reason(), DisconnectReason::ConnectionTimeout);
    assert_eq!(actions.last(), Some(&SessionAction::CloseSignal));
    assert_eq!(session.poll_timeout(), Some(later(DISCONNECT_CLEANUP)));
    let actions = session.handle_timeout(later(DISCONNECT_CLEANUP));
    assert_eq!(actions, [SessionAction::Close(CloseReason::PeerConnectionDisconnected)]);
}

#[test]
fn an_old_client_with_failed_media_only_loses_its_socket() {
    let mut session = active(Mode::DualPc, 12);
    assert_eq!(session.media_failed(NOW), [SessionAction::CloseSignal]);
}

#[test]
fn resuming_after_failed_media_gives_it_time_to_come_back() {
    let mut session = active(Mode::DualPc, 17);
    session.media_failed(NOW);
    let at = later(Duration::from_secs(1));
    session.resume(ResumeParams::default(), at).expect("resumable");
    assert_eq!(session.state(), State::Active);
    assert_eq!(session.poll_timeout(), Some(at.plus(JOIN_TIMEOUT)));
    assert_eq!(session.media_connected(), [], "active it has been before");
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_resumption_tells_who_left_meanwhile_and_everything_else_anew() {
    let mut session = active(Mode::DualPc, 17);
    let mut departed = Departed::default();
    departed.note(&info("PA_3", 2), CloseReason::ClientRequestLeave, later(Duration::from_secs(1)));
    ask_at(&mut session, Duration::from_secs(2));
    session.signal_closed(later(Duration::from_secs(3)));
    assert_eq!(session.participant_update(vec![info("PA_2", 2)]), []);
    departed.note(&info("PA_2", 2), CloseReason::ClientRequestLeave, later(Duration::from_secs(4)));

    let params = ResumeParams {
        participants: vec![info("PA_me", 1), info("PA_1", 1)],
        departed,
        last_message_seq: 17,
        ..ResumeParams::default()
    };
    let actions = session.resume(params, later(Duration::from_secs(5))).expect("resumable");
    let messages = sent(&actions);
    let [M::Reconnect(reconnect), M::Update(gone), M::Update(all), M::RoomUpdate(_)] = messages[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(reconnect.last_message_seq, 17);
    let sids = |update: &livekit_protocol::ParticipantUpdate| -> Vec<String> {
        update.participants.iter().map(|info| info.sid.clone()).collect()
    };
    assert_eq!(sids(gone), ["PA_2"]);
    assert_eq!(gone.participants[0].state(), participant_info::State::Disconnected);
    assert_eq!(sids(all), ["PA_me", "PA_1"]);
}

fn ask_at(session: &mut Session, after: Duration) {
    session.handle_request(SignalRequest { message: Some(R::Ping(0)) }, later(after));
}

#[test]
fn a_resumption_over_two_connections_replaces_the_offer_in_flight() {
    let mut session = active(Mode::DualPc, 17);
    session.negotiate(Counts::default());
    session.offer(String::new(), HashMap::new(), NOW);
    let answer = SessionDescription { id: 1, ..SessionDescription::default() };
    ask(&mut session, R::Answer(answer));
    session.negotiate(Counts::default());
    session.offer(String::new(), HashMap::new(), NOW);
    session.signal_closed(NOW);
    let actions = session.resume(ResumeParams::default(), NOW).expect("resumable");
    assert_eq!(actions.last(), Some(&SessionAction::CreateOffer { ice_restart: true }));
    session.offer(String::new(), HashMap::new(), NOW);
    let lost = SessionDescription { id: 2, ..SessionDescription::default() };
    assert_eq!(ask(&mut session, R::Answer(lost)), []);
}

#[test]
fn a_new_socket_may_take_over_before_the_old_one_is_missed() {
    let mut session = active(Mode::SinglePc, 17);
    session.resume(ResumeParams::default(), NOW).expect("resumable");
    assert_eq!(session.state(), State::Active);
}

#[test]
fn what_is_closed_stays_closed() {
    let mut session = active(Mode::DualPc, 17);
    let actions = session.close(CloseReason::ParticipantRemoved, Some(LeaveAction::Disconnect));
    assert_eq!(actions.len(), 3);
    assert_eq!(session.close(CloseReason::RoomDeleted, Some(LeaveAction::Disconnect)), []);
    assert_eq!(session.signal_closed(NOW), []);
    assert_eq!(session.media_failed(NOW), []);
    let error = session.resume(ResumeParams::default(), NOW).expect_err("closed");
    assert_eq!((error.from, error.to), (State::Closed, State::Active));
}

#[test]
fn a_refused_resumption_starts_the_client_over() {
    for (protocol, can_reconnect, action) in [(17, false, Action::Reconnect), (12, true, Action::Disconnect)] {
        let Some(M::Leave(leave)) = resume_refused(ProtocolVersion(protocol)).message else { panic!("a leave") };
        assert_eq!(leave.reason(), DisconnectReason::StateMismatch);
        assert_eq!((leave.can_reconnect, leave.action()), (can_reconnect, action));
    }
}

#[test]
fn a_client_that_publishes_what_is_unknown_here_must_start_over() {
    let published = |sid: &str| TrackPublishedResponse {
        cid: String::new(),
        track: Some(TrackInfo { sid: sid.into(), ..TrackInfo::default() }),
    };
    let state = |tracks: Vec<TrackPublishedResponse>| SyncState { publish_tracks: tracks, ..SyncState::default() };
    let known = |state: &SyncState| published_is_known(state, |sid| sid == "TR_1", |_| false);
    assert!(known(&state(vec![])) && known(&state(vec![published("TR_1")])));
    assert!(!known(&state(vec![published("TR_1"), published("TR_2")])));
    assert!(!known(&state(vec![TrackPublishedResponse::default()])), "a track without its info");
    let data = SyncState { publish_data_tracks: vec![PublishDataTrackResponse::default()], ..SyncState::default() };
    assert!(!known(&data));
}

// Messages and their gates

#[test]
fn hidden_others_are_not_told_of() {
    let mut session = active(Mode::DualPc, 17);
    let hidden = |sid: &str| ParticipantInfo {
        permission: Some(ParticipantPermission { hidden: true, ..permission() }),
        ..info(sid, 1)
    };
    let update = vec![hidden("PA_spy"), hidden("PA_me"), info("PA_1", 2)];
    assert_eq!(updated(&session.participant_update(update)), ["PA_me", "PA_1"]);
}

#[test]
fn big_updates_are_cut() {
    let people: Vec<_> =
        (0..3).map(|n| ParticipantInfo { metadata: "m".repeat(60_000), ..info(&format!("PA_{n}"), 1) }).collect();
    let chunks = chunk_participants(people, MAX_UPDATE_SIZE);
    assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    for chunk in &chunks {
        let size: usize = chunk.iter().map(|info| info.encoded_len()).sum();
        assert!(size <= MAX_UPDATE_SIZE);
    }
    let giant = ParticipantInfo { metadata: "m".repeat(500_000), ..info("PA_g", 1) };
    assert_eq!(chunk_participants(vec![giant], MAX_UPDATE_SIZE).len(), 1);
}

#[test]
fn old_clients_are_spared_what_they_do_not_know() {
    let response = |reason: Reason| RequestResponse { reason: reason.into(), ..Default::default() };
    let old = active(Mode::DualPc, 14);
    assert_eq!(old.request_response(response(Reason::Ok)), None);
    assert!(old.request_response(response(Reason::NotFound)).is_some());

    let mut rusty = config(Mode::DualPc, 9);
    rusty.quirks = ClientQuirks::new(&ClientInfo { sdk: Sdk::Rust.into(), ..client(9) });
    let rusty = joined_as(rusty);
    assert_eq!(rusty.request_response(response(Reason::NotFound)), None);
    assert_eq!(rusty.track_subscribed("TR_x"), None);

    let older = active(Mode::DualPc, 6);
    let muted = older.track_unpublished("TR_x").and_then(|response| response.message);
    assert!(matches!(muted, Some(M::Mute(mute)) if mute.muted), "told to mute instead");
    let ancient = active(Mode::DualPc, 2);
    assert_eq!(ancient.speakers_changed(vec![SpeakerInfo::default()]), None);
}

#[test]
fn lost_looks_poor_to_those_who_do_not_know_it() {
    let lost =
        || vec![ConnectionQualityInfo { quality: ConnectionQuality::Lost.into(), ..ConnectionQualityInfo::default() }];
    let seen = |protocol: i32| {
        let response = active(Mode::DualPc, protocol).connection_quality(lost());
        match response.and_then(|response| response.message) {
            Some(M::ConnectionQuality(update)) => Some(update.updates[0].quality()),
            _ => None,
        }
    };
    assert_eq!(seen(11), Some(ConnectionQuality::Lost));
    assert_eq!(seen(10), Some(ConnectionQuality::Poor));
    assert_eq!(seen(4), None);
    assert_eq!(joined(Mode::DualPc, 17).connection_quality(lost()), None, "not active yet");
}

#[test]
fn a_replaced_session_is_news_only_to_old_clients() {
    let reason = CloseReason::DuplicateIdentity;
    assert!(!joined(Mode::DualPc, 12).wants_departure(reason));
    assert!(joined(Mode::DualPc, 11).wants_departure(reason));
    assert!(joined(Mode::DualPc, 17).wants_departure(CloseReason::ClientRequestLeave));
}

#[test]
fn codecs_to_publish_come_in_the_order_clients_rely_on() {
    let codec = |mime: &str| Codec { mime: mime.into(), ..Codec::default() };
    let enabled = ["audio/opus", "audio/red", "video/AV1", "video/H264", "video/rtx", "video/VP8"];
    let enabled = enabled.map(codec);
    let mimes = |codecs: Vec<Codec>| -> Vec<String> { codecs.into_iter().map(|codec| codec.mime).collect() };
    assert_eq!(
        mimes(enabled_publish_codecs(&enabled, None)),
        ["video/VP8", "video/H264", "video/AV1", "audio/opus", "audio/red"]
    );
    let safari = ClientQuirks::new(&ClientInfo { browser: "Safari".into(), ..client(17) });
    let disabled = safari.disabled_codecs();
    let codecs = mimes(enabled_publish_codecs(&enabled, disabled.as_ref()));
    assert!(!codecs.iter().any(|mime| mime == "video/AV1"));
}

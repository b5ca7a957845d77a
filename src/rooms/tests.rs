//! Rooms against a media plane that only records: what participants are told and what the shards are.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrayvec::ArrayString;
use visavis_signaling::connect::{AuthorizedConnect, Endpoint, HttpRequest, accept};
use visavis_signaling::proto::{
    self, AddTrackRequest, SessionDescription, SignalRequest, SignalResponse, TrackSource, TrackType,
    UpdateSubscription, UpdateTrackSettings, participant_info::State, signal_request, signal_response,
};
use visavis_signaling::token::{ApiKey, Claims, KeyRing, mint};

use crate::clock::{Clock, ManualClock, SharedClock};
use crate::ids::TransportId;
use crate::media::{Command, DataChannelLabel, Event, Quality, TransportStats};
use crate::metrics::Metrics;
use crate::rooms::link::{SignalIn, SignalLink, SignalOut, SignalTarget};
use crate::rooms::{AllowAll, MediaPlane, RoomEvent, RoomNumber, RoomOptions, Rooms, RoomsSettings, default_codecs};
use crate::transport::sdp::Candidate;
use crate::transport::{Fingerprint, IceCredentials, Path, SocketId};
use crate::units::UnixTime;

mod counts;

#[derive(Default)]
struct Recorder {
    commands: Mutex<Vec<Command>>,
    next: Mutex<u32>,
}

impl MediaPlane for Recorder {
    fn allot(&self) -> usize {
        0
    }

    fn send(&self, _: usize, command: Command) -> bool {
        self.commands.lock().unwrap().push(command);
        true
    }

    fn candidates(&self, _: usize) -> Vec<Candidate> {
        vec![Candidate::udp("192.0.2.1:7882".parse().unwrap(), 0)]
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint([7; 32])
    }

    fn ice_credentials(&self, _: usize) -> IceCredentials {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        let (ufrag, pwd) = (format!("00local{next:03}"), format!("password-of-at-least-22-{next}"));
        IceCredentials { ufrag: ArrayString::from(&ufrag).unwrap(), pwd: ArrayString::from(&pwd).unwrap() }
    }
}

struct Server {
    rooms: Rooms,
    media: Arc<Recorder>,
    clock: Arc<ManualClock>,
    metrics: Arc<Metrics>,
    key: ApiKey,
}

impl Server {
    fn new() -> Self {
        Self::with(|_| ())
    }

    /// A server of other than the usual settings.
    fn with(adjust: impl FnOnce(&mut RoomsSettings)) -> Self {
        let clock = Arc::new(ManualClock::new(UnixTime(1_800_000_000_000)));
        let media = Arc::new(Recorder::default());
        let key = ApiKey::new("devkey", "secret-of-at-least-thirty-two-characters");
        let keys: KeyRing = [key.clone()].into_iter().collect();
        let mut settings = RoomsSettings {
            auto_create: true,
            defaults: RoomOptions {
                empty_timeout: Duration::from_secs(300),
                departure_timeout: Duration::from_secs(20),
                max_participants: 0,
                metadata: String::new(),
                enabled_codecs: default_codecs(),
            },
            enable_remote_unmute: false,
            data_tracks: true,
            limits: Default::default(),
            node_tracks: None,
            subscription_limit_audio: 0,
            subscription_limit_video: 0,
            server: Default::default(),
            ice_servers: Default::default(),
            resume_window: Duration::from_secs(8),
        };
        adjust(&mut settings);
        let metrics = Arc::new(Metrics::default());
        let shared: SharedClock = clock.clone();
        let rooms = Rooms::new(settings, keys, media.clone(), Arc::new(AllowAll), shared, metrics.clone());
        Self { rooms, media, clock, metrics, key }
    }

    fn request(&self, claims: &Claims, query: &str) -> AuthorizedConnect {
        let now = self.clock.unix();
        let token = mint(claims, &self.key, Duration::from_secs(3600), now).unwrap();
        let query = format!("access_token={token}&{query}");
        let http = HttpRequest {
            endpoint: Endpoint::V0,
            query: &query,
            authorization: None,
            user_agent: None,
            address: "192.0.2.9",
        };
        let keys: KeyRing = [self.key.clone()].into_iter().collect();
        accept(&http, &keys, &Default::default(), now).unwrap()
    }

    async fn join(&self, identity: &str) -> Client {
        self.join_as(&Claims::join(identity, "room"), Mode::Single).await
    }

    async fn join_as(&self, claims: &Claims, mode: Mode) -> Client {
        let mut request = self.request(claims, "auto_subscribe=1&protocol=17&sdk=js&version=2.23.0");
        if mode == Mode::Single {
            request.request.mode = visavis_signaling::connect::Mode::SinglePc;
        }
        let link = self.rooms.connect(request).await.unwrap();
        Client { link }
    }

    async fn resume(&self, identity: &str, sid: &str) -> Client {
        let claims = Claims::join(identity, "room");
        let query = format!("auto_subscribe=1&protocol=17&sdk=js&version=2.23.0&reconnect=1&sid={sid}");
        let mut request = self.request(&claims, &query);
        request.request.mode = visavis_signaling::connect::Mode::SinglePc;
        Client { link: self.rooms.connect(request).await.unwrap() }
    }

    /// Takes the commands recorded so far.
    fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.media.commands.lock().unwrap())
    }

    fn deliver(&self, event: Event) {
        self.rooms.deliver(RoomEvent { room: RoomNumber::of(&event), event });
    }

    fn connected(&self, id: TransportId) {
        let path = Path { socket: SocketId(0), remote: "192.0.2.9:5000".parse().unwrap(), local_ip: None };
        self.deliver(Event::TransportConnected { id, path });
    }

    fn transports(&self) -> Vec<TransportId> {
        let commands = self.media.commands.lock().unwrap();
        let added = commands.iter().filter_map(|command| match command {
            Command::AddTransport { id, .. } => Some(*id),
            _ => None,
        });
        added.collect()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Single,
    Dual,
}

struct Client {
    link: SignalLink,
}

impl Client {
    async fn send(&self, message: signal_request::Message) {
        let request = SignalRequest { message: Some(message) };
        self.link.incoming.send(SignalIn::Request(Box::new(request))).await.unwrap();
    }

    async fn next(&mut self) -> Option<SignalResponse> {
        let message = tokio::time::timeout(Duration::from_secs(5), self.link.outgoing.recv()).await;
        match message.expect("the room said nothing") {
            Some(SignalOut::Response(response)) => Some(*response),
            Some(SignalOut::Close) | None => None,
        }
    }

    /// The first message that `pick` takes; others before it are passed over.
    async fn until<T>(&mut self, pick: impl Fn(signal_response::Message) -> Option<T>) -> T {
        loop {
            let response = self.next().await.expect("the room closed the connection");
            if let Some(found) = response.message.and_then(&pick) {
                return found;
            }
        }
    }

    async fn joined(&mut self) -> proto::JoinResponse {
        self.until(|message| match message {
            signal_response::Message::Join(join) => Some(join),
            _ => None,
        })
        .await
    }

    async fn update_of(
        &mut self,
        identity: &str,
        pick: impl Fn(&proto::ParticipantInfo) -> bool,
    ) -> proto::ParticipantInfo {
        self.until(|message| match message {
            signal_response::Message::Update(update) => {
                update.participants.into_iter().find(|info| info.identity == identity && pick(info))
            }
            _ => None,
        })
        .await
    }

    async fn answer(&mut self) -> SessionDescription {
        self.until(|message| match message {
            signal_response::Message::Answer(answer) => Some(answer),
            _ => None,
        })
        .await
    }

    async fn requirement(&mut self) -> proto::MediaSectionsRequirement {
        self.until(|message| match message {
            signal_response::Message::MediaSectionsRequirement(wanted) => Some(wanted),
            _ => None,
        })
        .await
    }

    async fn offer(&self, id: u32, sections: &[(&str, &str, &str)]) {
        let sdp = offer(sections);
        let offer = SessionDescription { r#type: "offer".into(), sdp, id, ..Default::default() };
        self.send(signal_request::Message::Offer(offer)).await;
    }

    async fn publish_mic(&self, cid: &str) {
        let request = AddTrackRequest {
            cid: cid.into(),
            r#type: TrackType::Audio as i32,
            source: TrackSource::Microphone as i32,
            ..Default::default()
        };
        self.send(signal_request::Message::AddTrack(request)).await;
    }
}

/// An offer of `(kind, direction, track id)` sections and data channels, as Chromium would write it, shortened.
fn offer(sections: &[(&str, &str, &str)]) -> String {
    let mids: Vec<String> = (0..=sections.len()).map(|mid| mid.to_string()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=msid-semantic: WMS\r\n",
        mids.join(" ")
    );
    let transport = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:remo\r\na=ice-pwd:remotepasswordof22chars\r\n\
        a=fingerprint:sha-256 0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A\r\n\
        a=setup:actpass\r\n";
    for (mid, (kind, direction, track)) in sections.iter().enumerate() {
        let (formats, codec) = match *kind {
            "audio" => ("111 63", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"),
            _ => (
                "96 97",
                "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
            ),
        };
        sdp += &format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\n{transport}a=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\n{codec}"
        );
        sdp += "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
        if !track.is_empty() {
            sdp += &format!("a=msid:stream {track}\r\na=ssrc:{} cname:x\r\n", 1000 + mid);
        }
    }
    let mid = sections.len();
    sdp +=
        &format!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{transport}a=mid:{mid}\r\na=sctp-port:5000\r\n");
    sdp
}

const RECVONLY: [(&str, &str, &str); 2] = [("audio", "recvonly", ""), ("video", "recvonly", "")];

#[tokio::test]
async fn a_second_participant_learns_of_the_first_and_the_first_of_the_second() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let join = ana.joined().await;
    assert_eq!(join.participant.unwrap().identity, "ana");
    assert!(!join.subscriber_primary && join.other_participants.is_empty());
    let mut ben = server.join("ben").await;
    let others = ben.joined().await.other_participants;
    assert_eq!(others.iter().map(|it| it.identity.as_str()).collect::<Vec<_>>(), ["ana"]);
    let info = ana.update_of("ben", |_| true).await;
    assert_eq!(info.state, State::Joined as i32);
}

#[tokio::test]
async fn a_published_microphone_flows_to_the_other_single_connection() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ben.offer(1, &RECVONLY).await;
    let first = ben.answer().await;
    assert_eq!((first.id, first.mid_to_track_id.len()), (1, 0));

    ana.joined().await;
    ana.publish_mic("mic").await;
    let published = ana
        .until(|message| match message {
            signal_response::Message::TrackPublished(published) => Some(published),
            _ => None,
        })
        .await;
    let sid = published.track.unwrap().sid;
    assert!(sid.starts_with("TR_AM"), "{sid}");
    ana.offer(7, &[("audio", "sendonly", "mic")]).await;
    assert_eq!(ana.answer().await.id, 7);

    let info = ben.update_of("ana", |info| !info.tracks.is_empty()).await;
    assert_eq!((info.tracks[0].sid.as_str(), info.tracks[0].mime_type.as_str()), (sid.as_str(), "audio/red"));
    let wanted = ben.requirement().await;
    assert_eq!((wanted.num_audios, wanted.num_videos), (0, 0), "a free section is there, only an offer is wanted");
    ben.offer(2, &RECVONLY).await;
    let answer = ben.answer().await;
    assert_eq!(answer.mid_to_track_id.get("0"), Some(&sid));
    assert!(answer.sdp.contains(&format!("|{sid} {sid}")), "{}", answer.sdp);

    let commands = server.commands();
    assert!(commands.iter().any(|it| matches!(it, Command::AddTrack { .. })));
    assert!(commands.iter().any(|it| matches!(it, Command::AddForwarder { target, .. } if !target.disabled)));
    assert!(commands.iter().any(|it| matches!(it, Command::SetSenders { senders, .. } if senders.len() == 1)));
}

#[tokio::test]
async fn a_dual_connection_is_offered_its_tracks_and_data_channels() {
    let server = Server::new();
    let mut ana = server.join_as(&Claims::join("ana", "room"), Mode::Dual).await;
    assert!(ana.joined().await.subscriber_primary);
    let first = ana
        .until(|message| match message {
            signal_response::Message::Offer(offer) => Some(offer),
            _ => None,
        })
        .await;
    assert!(first.sdp.contains("m=application") && !first.sdp.contains("m=audio"));
    let opened = server.commands().into_iter().filter(|it| matches!(it, Command::OpenDataChannel { .. })).count();
    assert_eq!(opened, 3);
}

#[tokio::test]
async fn the_same_identity_replaces_the_older_session() {
    let server = Server::new();
    let mut first = server.join("ana").await;
    let old = first.joined().await.participant.unwrap().sid;
    let mut second = server.join("ana").await;
    let join = second.joined().await;
    assert_ne!(join.participant.unwrap().sid, old);
    assert!(join.other_participants.is_empty());
    let leave = first
        .until(|message| match message {
            signal_response::Message::Leave(leave) => Some(leave),
            _ => None,
        })
        .await;
    assert_eq!(leave.reason, proto::DisconnectReason::DuplicateIdentity as i32);
    assert!(first.next().await.is_none());
}

#[tokio::test]
async fn a_cut_websocket_resumes_and_an_unknown_session_is_told_to_start_over() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let sid = ana.joined().await.participant.unwrap().sid;
    server.connected(server.transports()[0]);
    ana.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    let mut again = server.resume("ana", &sid).await;
    let first = again.next().await.unwrap().message;
    assert!(matches!(first, Some(signal_response::Message::Reconnect(_))), "{first:?}");
    assert!(!server.commands().iter().any(|it| matches!(it, Command::RemoveTransport(_))), "media goes on");

    let mut stranger = server.resume("ana", "PA_other").await;
    match stranger.next().await.unwrap().message {
        Some(signal_response::Message::Leave(leave)) => {
            assert_eq!(leave.action, proto::leave_request::Action::Reconnect as i32);
        }
        other => panic!("{other:?}"),
    }
    assert!(stranger.next().await.is_none());
}

#[tokio::test]
async fn track_settings_reach_the_forwarder() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ana.joined().await;
    let request = AddTrackRequest {
        cid: "cam".into(),
        r#type: TrackType::Video as i32,
        source: TrackSource::Camera as i32,
        width: 1280,
        height: 720,
        ..Default::default()
    };
    ana.send(signal_request::Message::AddTrack(request)).await;
    ana.offer(1, &[("video", "sendonly", "cam")]).await;
    ana.answer().await;
    let sid = ben.update_of("ana", |info| !info.tracks.is_empty()).await.tracks[0].sid.clone();
    ben.requirement().await;
    ben.offer(1, &RECVONLY).await;
    ben.answer().await;
    for (width, expected) in [(320, Quality::Low), (1280, Quality::High)] {
        let settings =
            UpdateTrackSettings { track_sids: vec![sid.clone()], width, height: width * 9 / 16, ..Default::default() };
        ben.send(signal_request::Message::TrackSetting(settings)).await;
        // High is what it has from the start: only changes travel.
        if expected == Quality::Low {
            ben.send(signal_request::Message::Ping(1)).await;
            ben.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
            let targets: Vec<_> = server
                .commands()
                .into_iter()
                .filter_map(|it| match it {
                    Command::SetTarget { target, .. } => Some(target.quality),
                    _ => None,
                })
                .collect();
            assert_eq!(targets, [Quality::Low]);
        }
    }
    let update = UpdateSubscription { track_sids: vec![sid], subscribe: false, ..Default::default() };
    ben.send(signal_request::Message::Subscription(update)).await;
    ben.requirement().await;
    assert!(server.commands().iter().any(|it| matches!(it, Command::RemoveForwarder(_))));
}

#[tokio::test]
async fn data_goes_to_its_destinations_under_the_senders_name() {
    use prost::Message as _;
    let server = Server::new();
    let mut clients = Vec::new();
    for name in ["ana", "ben", "cleo"] {
        let mut client = server.join(name).await;
        client.joined().await;
        clients.push(client);
    }
    let transports = server.transports();
    for id in &transports {
        server.connected(*id);
        server.deliver(Event::DataChannelOpened { id: *id, label: DataChannelLabel::Reliable });
    }
    let user = proto::UserPacket { payload: b"hello".to_vec(), ..Default::default() };
    let packet = proto::DataPacket {
        participant_identity: "somebody-else".into(),
        destination_identities: vec!["cleo".into()],
        value: Some(proto::data_packet::Value::User(user)),
        ..Default::default()
    };
    let payload = packet.encode_to_vec();
    server.deliver(Event::Data { id: transports[0], label: DataChannelLabel::Reliable, payload });
    let mut cleo = clients.pop().unwrap();
    cleo.send(signal_request::Message::Ping(1)).await;
    cleo.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
    let sent: Vec<_> = server
        .commands()
        .into_iter()
        .filter_map(|it| match it {
            Command::SendData { transports, payload, .. } => Some((transports, payload)),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, [transports[2]]);
    assert_eq!(proto::DataPacket::decode(&*sent[0].1).unwrap().participant_identity, "ana");
}

#[tokio::test]
async fn a_refused_description_ends_the_session_with_a_cause() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    let offer =
        SessionDescription { r#type: "offer".into(), sdp: "v=0\r\nnonsense".into(), id: 1, ..Default::default() };
    ana.send(signal_request::Message::Offer(offer)).await;
    let leave = ana
        .until(|message| match message {
            signal_response::Message::Leave(leave) => Some(leave),
            _ => None,
        })
        .await;
    assert_eq!(leave.reason, proto::DisconnectReason::StateMismatch as i32);
    assert_eq!(leave.action, proto::leave_request::Action::Reconnect as i32);
}

#[tokio::test]
async fn a_hidden_participant_is_seen_by_nobody_but_itself() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    let mut claims = Claims::join("ghost", "room");
    claims.video.as_mut().unwrap().hidden = true;
    let mut ghost = server.join_as(&claims, Mode::Single).await;
    assert_eq!(ghost.joined().await.other_participants.len(), 1);
    let mut ben = server.join("ben").await;
    assert_eq!(ben.joined().await.other_participants.iter().filter(|it| it.identity == "ghost").count(), 0);
    let seen = ana.update_of("ben", |_| true).await;
    assert_eq!(seen.identity, "ben", "the first update that ana gets is of ben");
}

/// Waits for the room to ask the media wing about this connection.
async fn asked_about(server: &Server, id: TransportId) {
    for _ in 0..100 {
        if server.commands().iter().any(|it| matches!(it, Command::ReportStats(asked) if *asked == id)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the room never asked");
}

#[tokio::test]
async fn without_websocket_a_client_stays_as_long_as_it_is_heard_and_no_longer() {
    let server = Server::new();
    let (ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    let id = server.transports()[0];
    server.connected(id);
    ben.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    // The room must have seen the end of the WebSocket before time goes on.
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.clock.advance(Duration::from_secs(7));
    asked_about(&server, id).await;
    let heard = |silent_for| {
        let stats = TransportStats { silent_for, ..TransportStats::default() };
        server.deliver(Event::Stats { id, stats: Box::new(stats) });
    };
    heard(Duration::from_millis(200));
    asked_about(&server, id).await;
    heard(Duration::from_secs(6));
    let info = ben.update_of("ana", |info| info.state == State::Disconnected as i32).await;
    assert_eq!(info.disconnect_reason, proto::DisconnectReason::SignalClose as i32);
}

async fn closed(server: &Server) -> bool {
    for _ in 0..40 {
        if server.rooms.names().is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn a_room_outlives_its_last_participant_by_the_departure_timeout() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    ana.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    while ana.next().await.is_some() {}
    server.clock.advance(Duration::from_secs(19));
    assert!(!closed(&server).await, "somebody may come back");
    server.clock.advance(Duration::from_secs(2));
    assert!(closed(&server).await);
}

#[tokio::test]
async fn an_unused_room_outlives_its_making_by_the_empty_timeout() {
    let server = Server::new();
    server.rooms.open("room", server.rooms.default_options());
    server.clock.advance(Duration::from_secs(299));
    assert!(!closed(&server).await);
    server.clock.advance(Duration::from_secs(2));
    assert!(closed(&server).await);
}

#[tokio::test]
async fn a_full_room_refuses_the_next_but_not_agents() {
    let server = Server::new();
    server.rooms.open("room", RoomOptions { max_participants: 1, ..server.rooms.default_options() });
    let _ana = server.join("ana").await;
    let request = server.request(&Claims::join("ben", "room"), "auto_subscribe=1&protocol=17&sdk=js");
    assert_eq!(server.rooms.connect(request).await.unwrap_err().status, 503);
    let mut agent = Claims::join("agent", "room");
    agent.kind = proto::participant_info::Kind::Agent;
    let request = server.request(&agent, "auto_subscribe=1&protocol=17&sdk=js");
    assert!(server.rooms.connect(request).await.is_ok());
}

#[tokio::test]
async fn a_tracks_permission_decides_who_may_subscribe() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ana.joined().await;
    let nobody = proto::SubscriptionPermission { all_participants: false, track_permissions: Vec::new() };
    ana.send(signal_request::Message::SubscriptionPermission(nobody)).await;
    ana.publish_mic("mic").await;
    ana.offer(1, &[("audio", "sendonly", "mic")]).await;
    ana.answer().await;
    let denied = ben
        .until(|message| match message {
            signal_response::Message::SubscriptionPermissionUpdate(update) => Some(update),
            _ => None,
        })
        .await;
    assert!(!denied.allowed && denied.track_sid.starts_with("TR_AM"));
    let everybody = proto::SubscriptionPermission { all_participants: true, track_permissions: Vec::new() };
    ana.send(signal_request::Message::SubscriptionPermission(everybody)).await;
    ben.requirement().await;
}

#[tokio::test]
async fn a_leave_that_lags_behind_the_end_of_media_still_says_why() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ana.joined().await;
    let id = server.transports()[0];
    server.connected(id);
    ben.update_of("ana", |info| info.state == State::Active as i32).await;
    server.deliver(Event::TransportFailed { id, cause: crate::media::TransportFailure::Closed });
    ana.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    let info = ben.update_of("ana", |info| info.state == State::Disconnected as i32).await;
    assert_eq!(info.disconnect_reason, proto::DisconnectReason::ClientInitiated as i32);
}

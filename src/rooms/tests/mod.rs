//! Rooms against a media plane that only records, an admission that does as it is told, an observer that writes
//! down, and a clock that the test moves: what participants are told, what the shards are, what is recorded.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrayvec::ArrayString;
use serde_json::{Value, json};
use visavis_signaling::connect::{AuthorizedConnect, Endpoint, HttpRequest, accept};
use visavis_signaling::proto::{
    self, AddTrackRequest, SessionDescription, SignalRequest, SignalResponse, TrackSource, TrackType,
    UpdateSubscription, UpdateTrackSettings, participant_info::State, signal_request, signal_response,
};
use visavis_signaling::session::CloseReason;
use visavis_signaling::token::{ApiKey, Claims, KeyRing, mint};

use crate::clock::{Clock, ManualClock, SharedClock};
use crate::ids::TransportId;
use crate::media::{Command, DataChannelLabel, Event, Quality, TransportStats};
use crate::metrics::Metrics;
use crate::rooms::admission::{Admission, Applicant, Decision, Refusal};
use crate::rooms::link::{SignalIn, SignalLink, SignalOut, SignalTarget};
use crate::rooms::observer::{Fact, FactKind, Observer};
use crate::rooms::{
    MediaPlane, NOTICE_TOPIC, RoomEvent, RoomNumber, RoomOptions, Rooms, RoomsSettings, default_codecs,
};
use crate::transport::sdp::Candidate;
use crate::transport::{Fingerprint, IceCredentials, Path, SocketId};
use crate::units::UnixTime;

mod admission;
mod audio_codecs;
mod backup_codec;
mod calls;
mod chat;
mod closing;
mod counts;
mod crowd;
mod dynacast;
mod facts;
mod flight;
mod quality;
mod scheduled;
mod slow_reader;
mod span;

const START: UnixTime = UnixTime::from_secs(1_800_000_000);

#[derive(Default)]
struct Recorder {
    commands: Mutex<Vec<Command>>,
    /// To which shard each of them went.
    shards: Mutex<Vec<usize>>,
    next: Mutex<u32>,
}

impl MediaPlane for Recorder {
    fn allot(&self) -> usize {
        0
    }

    /// There are three.
    fn allot_beside(&self, taken: &[usize]) -> Option<usize> {
        (0..3).find(|shard| !taken.contains(shard))
    }

    fn send(&self, shard: usize, command: Command) -> bool {
        let mut commands = self.commands.lock().unwrap();
        commands.push(command);
        self.shards.lock().unwrap().push(shard);
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

/// A clock that moves when told to, and that can be set.
struct TestClock {
    manual: Arc<ManualClock>,
    set_by: AtomicI64,
}

impl TestClock {
    /// Time passes.
    fn advance(&self, by: Duration) {
        self.manual.advance(by);
    }

    /// Somebody sets the clock, or the machine slept.
    fn set_by(&self, seconds: i64) {
        self.set_by.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.manual.now()
    }

    fn unix(&self) -> UnixTime {
        UnixTime(self.manual.unix().0 + self.set_by.load(Ordering::SeqCst))
    }
}

/// The appointment of every room, as admission knows it.
#[derive(Default)]
struct Plan {
    terms: Mutex<Terms>,
    /// How often somebody was admitted.
    admitted: AtomicUsize,
    /// How often it was asked without effect.
    validated: AtomicUsize,
}

#[derive(Clone, Default)]
struct Terms {
    closes_at: Option<UnixTime>,
    ends_at: Option<UnixTime>,
    keeps_chat: bool,
    may_create: bool,
    /// Admits everybody at any time.
    careless: bool,
    /// Never comes to a decision.
    stuck: bool,
    banned: HashSet<String>,
}

impl Plan {
    fn change(&self, change: impl FnOnce(&mut Terms)) {
        change(&mut self.terms.lock().unwrap());
    }

    fn terms(&self) -> Terms {
        self.terms.lock().unwrap().clone()
    }

    fn decide<'a>(&self, applicant: Applicant<'_>, now: UnixTime) -> Decision<'a> {
        let terms = self.terms();
        if terms.stuck {
            return Box::pin(std::future::pending());
        }
        let late = !terms.careless && terms.closes_at.is_some_and(|close| close <= now);
        let decision = match applicant.claims.identity.as_str() {
            "stranger" => Err(Refusal::no_such_room()),
            identity if terms.banned.contains(identity) => Err(Refusal::forbidden("removed")),
            _ if late => Err(Refusal::forbidden("the window has closed")),
            _ => Ok(()),
        };
        Box::pin(std::future::ready(decision))
    }
}

impl Admission for Plan {
    fn admit<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        self.decide(applicant, now)
    }

    fn may_resume<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a> {
        self.decide(applicant, now)
    }

    fn validate<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a> {
        self.validated.fetch_add(1, Ordering::SeqCst);
        self.decide(applicant, now)
    }

    fn may_create(&self, _: &str) -> bool {
        self.terms().may_create
    }

    fn token_expiry_limit(&self, _: &str, _: &str) -> Option<UnixTime> {
        self.terms().closes_at
    }

    fn closes_at(&self, _: &str) -> Option<UnixTime> {
        self.terms().closes_at
    }

    fn ends_at(&self, _: &str) -> Option<UnixTime> {
        self.terms().ends_at
    }

    fn keeps_chat(&self, _: &str) -> bool {
        self.terms().keeps_chat
    }
}

/// What was recorded.
#[derive(Default)]
struct Facts {
    all: Mutex<Vec<Fact>>,
    quality: AtomicBool,
}

impl Observer for Facts {
    fn observe(&self, fact: Fact) {
        self.all.lock().unwrap().push(fact);
    }

    fn wants_quality(&self, _: &str) -> bool {
        self.quality.load(Ordering::SeqCst)
    }
}

struct Server {
    rooms: Rooms,
    media: Arc<Recorder>,
    clock: Arc<TestClock>,
    metrics: Arc<Metrics>,
    plan: Arc<Plan>,
    facts: Arc<Facts>,
    key: ApiKey,
}

impl Server {
    fn new() -> Self {
        Self::with(|_| ())
    }

    /// A server of other than the usual settings.
    fn with(adjust: impl FnOnce(&mut RoomsSettings)) -> Self {
        let (plan, facts) = (Arc::new(Plan::default()), Arc::new(Facts::default()));
        let manual = Arc::new(ManualClock::new(START));
        let (admission, observer) = (Arc::clone(&plan), Arc::clone(&facts));
        Self { plan, facts, ..Self::between(manual, admission, observer, adjust) }
    }

    /// A server that admission and observer of another kind stand beside; its plan and facts are nobody's.
    fn between(
        manual: Arc<ManualClock>,
        admission: Arc<dyn Admission>,
        observer: Arc<dyn Observer>,
        adjust: impl FnOnce(&mut RoomsSettings),
    ) -> Self {
        let clock = Arc::new(TestClock { manual, set_by: AtomicI64::new(0) });
        let media = Arc::new(Recorder::default());
        let (plan, facts) = (Arc::new(Plan::default()), Arc::new(Facts::default()));
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
            shard_participants: 0,
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
        let rooms = Rooms::new(settings, keys, media.clone(), admission, observer, shared, metrics.clone());
        Self { rooms, media, clock, metrics, plan, facts, key }
    }

    /// A server whose rooms close so many seconds after the start.
    fn closing_after(seconds: u64) -> Self {
        let server = Self::new();
        server.plan.change(|terms| terms.closes_at = Some(START.plus(Duration::from_secs(seconds))));
        server
    }

    fn request(&self, claims: &Claims, query: &str) -> AuthorizedConnect {
        let now = self.clock.unix();
        let token = mint(claims, &self.key, Duration::from_secs(3600), now).unwrap();
        self.request_with(&token, query)
    }

    /// A request with a token from somewhere.
    fn request_with(&self, token: &str, query: &str) -> AuthorizedConnect {
        let query = format!("access_token={token}&{query}");
        let http = HttpRequest {
            endpoint: Endpoint::V0,
            query: &query,
            authorization: None,
            user_agent: None,
            address: "192.0.2.9",
        };
        let keys: KeyRing = [self.key.clone()].into_iter().collect();
        accept(&http, &keys, &Default::default(), self.clock.unix()).unwrap()
    }

    async fn join(&self, identity: &str) -> Client {
        self.join_as(&Claims::join(identity, "room"), Mode::Single).await
    }

    async fn join_as(&self, claims: &Claims, mode: Mode) -> Client {
        let mut request = self.request(claims, QUERY);
        if mode == Mode::Single {
            request.request.mode = visavis_signaling::connect::Mode::SinglePc;
        }
        let link = self.rooms.connect(request).await.unwrap();
        Client { link }
    }

    /// Joins and connects media.
    async fn active(&self, identity: &str) -> (Client, TransportId) {
        self.activate(self.join(identity).await, identity).await
    }

    /// Connects the media of somebody who joins.
    async fn activate(&self, mut client: Client, identity: &str) -> (Client, TransportId) {
        client.joined().await;
        let id = *self.transports().last().unwrap();
        self.connected(id);
        self.deliver(Event::DataChannelOpened { id, label: DataChannelLabel::Reliable });
        client.update_of(identity, |info| info.state == State::Active as i32).await;
        (client, id)
    }

    /// What a connection is refused with, by validation and in truth.
    async fn refusal(&self, identity: &str) -> (u16, String) {
        let request = self.request(&Claims::join(identity, "room"), QUERY);
        let validated = self.rooms.validate(&request).await.unwrap_err();
        let refused = self.rooms.connect(request).await.unwrap_err();
        assert_eq!(validated, refused);
        (refused.status, refused.message)
    }

    async fn resume(&self, identity: &str, sid: &str) -> Client {
        let request = self.resume_request(identity, sid);
        Client { link: self.rooms.connect(request).await.unwrap() }
    }

    fn resume_request(&self, identity: &str, sid: &str) -> AuthorizedConnect {
        let claims = Claims::join(identity, "room");
        let query = format!("auto_subscribe=1&protocol=17&sdk=js&version=2.23.0&reconnect=1&sid={sid}");
        let mut request = self.request(&claims, &query);
        request.request.mode = visavis_signaling::connect::Mode::SinglePc;
        request
    }

    /// Takes the commands recorded so far.
    fn commands(&self) -> Vec<Command> {
        self.routed().into_iter().map(|(_, command)| command).collect()
    }

    /// The same, each with the shard that it went to.
    fn routed(&self) -> Vec<(usize, Command)> {
        let mut commands = self.media.commands.lock().unwrap();
        let shards = std::mem::take(&mut *self.media.shards.lock().unwrap());
        shards.into_iter().zip(std::mem::take(&mut *commands)).collect()
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

    /// A message from a participant's reliable channel.
    fn data(&self, id: TransportId, packet: &proto::DataPacket) {
        let payload = prost::Message::encode_to_vec(packet);
        self.deliver(Event::Data { id, label: DataChannelLabel::Reliable, payload });
    }

    /// Messages sent to this connection so far.
    fn sent_to(&self, to: TransportId) -> Vec<proto::DataPacket> {
        let commands = self.media.commands.lock().unwrap();
        let sent = commands.iter().filter_map(|command| match command {
            Command::SendData { transports, payload, .. } if transports.contains(&to) => {
                Some(prost::Message::decode(&**payload).unwrap())
            }
            _ => None,
        });
        sent.collect()
    }

    /// Notices given to this connection so far.
    fn notices(&self, to: TransportId) -> Vec<Value> {
        let notices = self.sent_to(to).into_iter().filter_map(|packet| match packet.value {
            Some(proto::data_packet::Value::User(user)) if user.topic.as_deref() == Some(NOTICE_TOPIC) => {
                Some(serde_json::from_slice(&user.payload).unwrap())
            }
            _ => None,
        });
        notices.collect()
    }

    /// What was recorded so far, without room and time.
    fn facts(&self) -> Vec<FactKind> {
        self.facts.all.lock().unwrap().iter().map(|fact| fact.kind.clone()).collect()
    }

    /// How often a fault was counted.
    fn errors(&self, cause: &str) -> u64 {
        self.metrics.signal_errors.get().into_iter().find(|(name, _)| *name == cause).map_or(0, |(_, count)| count)
    }
}

/// Waits until something holds; rooms look at the clock twice a second.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..250 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came true: {what}");
}

/// Gives a room the time to do what it should not do.
async fn a_tick() {
    tokio::time::sleep(Duration::from_millis(650)).await;
}

const QUERY: &str = "auto_subscribe=1&protocol=17&sdk=js&version=2.23.0";

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
            Some(SignalOut::Encoded(bytes)) => Some(prost::Message::decode(bytes).unwrap()),
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

    async fn left(&mut self) -> proto::LeaveRequest {
        self.until(|message| match message {
            signal_response::Message::Leave(leave) => Some(leave),
            _ => None,
        })
        .await
    }

    async fn refreshed_token(&mut self) -> String {
        self.until(|message| match message {
            signal_response::Message::RefreshToken(token) => Some(token),
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

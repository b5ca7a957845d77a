//! One participant of the run: joins, publishes, negotiates as the server asks, pings, and leaves when told. Its media
//! lives in a lane; this task only talks.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrayvec::ArrayString;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use visavis_signaling::proto::signal_request::Message as Request;
use visavis_signaling::proto::{
    AddTrackRequest, ClientInfo, ConnectionSettings, DisconnectReason, JoinRequest, LeaveRequest, Ping,
    SessionDescription, SimulcastCodec, TrackSource, TrackType, VideoLayer, VideoQuality, client_info,
};
use visavis_signaling::token::{ApiKey, Claims, VideoGrant, mint};

use super::error::BenchError;
use super::histogram::Histogram;
use super::lane::{LaneCommand, LaneHandle, Slot};
use super::offer::Sections;
use super::peer::{NewPeer, PeerEvent};
use super::publish::{Publication, Source};
use super::scenario::{Layer, Part};
use super::signal::{Incoming, Said, Signal, Target};
use super::stamp::TrackId;
use super::traffic::TraceFrame;
use crate::clock::{Clock, SystemClock};
use crate::transport::sdp::{Answer, read_candidate};
use crate::transport::{Certificate, IceCredentials};

/// From the first byte to media that flows.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Between pings where the server says nothing of it.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// A token outlives any run.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// News that waits for the task.
const EVENTS: usize = 8;
/// Signaling protocol that is spoken.
const PROTOCOL: i32 = 17;
/// Errors kept.
const MAX_ERRORS: usize = 16;

/// What is the same for all participants.
pub struct Setting {
    /// The server.
    pub target: Target,
    /// Signs tokens.
    pub key: ApiKey,
    /// The DTLS certificate of all.
    pub certificate: Arc<Certificate>,
    /// Begins every room's name.
    pub prefix: String,
    /// Layers of cameras.
    pub layers: Vec<Layer>,
    /// Frames to replay.
    pub trace: Option<Arc<[TraceFrame]>>,
}

/// What has become of the participants so far.
#[derive(Debug, Default)]
pub struct Attendance {
    /// Those whose media connected.
    pub joined: AtomicU32,
    /// Those who are connected now.
    pub present: AtomicU32,
    /// Those who did not get in.
    pub failed: AtomicU32,
    /// Those whose connection ended unasked.
    pub lost: AtomicU32,
    /// Those who left as they were told.
    pub left: AtomicU32,
    /// When the last one connected, in nanoseconds of the calendar.
    pub last_joined: AtomicU64,
    times: Mutex<Times>,
}

/// How long it took, in nanoseconds from the first byte on.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Until media connected.
    pub connect: Histogram,
    /// Until the first packet of media came.
    pub first_packet: Histogram,
    /// What went wrong, the first few.
    pub errors: Vec<BenchError>,
    /// The server's version.
    pub server_version: String,
}

impl Attendance {
    /// The times so far.
    pub fn times(&self) -> Times {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first thing that went wrong.
    pub fn first_error(&self) -> Option<BenchError> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).errors.first().cloned()
    }

    fn note(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn error(&self, error: BenchError) {
        self.note(|times| {
            if times.errors.len() < MAX_ERRORS {
                times.errors.push(error);
            }
        });
    }
}

/// A participant to be.
pub struct Member {
    /// What is the same for all.
    pub setting: Arc<Setting>,
    /// What has become of all.
    pub attendance: Arc<Attendance>,
    /// Its number in the run.
    pub number: u32,
    /// What it does.
    pub part: Part,
    /// Where its media lives.
    pub lane: LaneHandle,
    /// Its number there.
    pub slot: Slot,
    /// Of its randomness.
    pub seed: u64,
    /// Becomes true when it is to leave.
    pub leave: watch::Receiver<bool>,
    /// It leaves by itself so long after its first packet.
    pub stay: Option<Duration>,
}

/// One connection under way.
struct Visit {
    signal: Signal,
    sections: Sections,
    ice: IceCredentials,
    offer: u32,
    in_flight: bool,
    /// Sections that the server wants as soon as the offer under way is answered.
    wanted: Option<(u32, u32)>,
}

impl Member {
    /// Joins and stays.
    pub async fn run(mut self) {
        let attendance = Arc::clone(&self.attendance);
        let started = SystemClock.now();
        let (events, news) = mpsc::channel(EVENTS);
        let mut connected = false;
        let result = self.visit(started, events, news, &mut connected).await;
        if connected {
            attendance.present.fetch_sub(1, Ordering::Relaxed);
        }
        match result {
            Ok(()) => {
                attendance.left.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let count = if connected { &attendance.lost } else { &attendance.failed };
                count.fetch_add(1, Ordering::Relaxed);
                attendance.error(error);
            }
        }
    }

    async fn visit(
        &mut self,
        started: Instant,
        events: mpsc::Sender<PeerEvent>,
        mut news: mpsc::Receiver<PeerEvent>,
        connected: &mut bool,
    ) -> Result<(), BenchError> {
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let ice = IceCredentials { ufrag: random_text(&mut rng, 8), pwd: random_text(&mut rng, 24) };
        let mut sections = Sections::new(rng.random());
        let (publications, tracks) = self.publications(&mut sections, &mut rng);
        let setting = Arc::clone(&self.setting);
        let sdp = sections.offer(&ice, setting.certificate.fingerprint());
        let request = self.join_request(tracks, offer(sdp, 1));
        let signal = setting.target.open(&request, &self.token()?).await?;
        let messages = self.part.data.then(|| self.track(0));
        let new = NewPeer {
            part: self.part,
            ice: ice.clone(),
            certificate: Arc::clone(&setting.certificate),
            seed: rng.random(),
            publications,
            messages,
            events,
        };
        self.tell(LaneCommand::Add(self.slot, Box::new(new)))?;
        let mut visit = Visit { signal, sections, ice, offer: 1, in_flight: true, wanted: None };
        let result = self.attend(&mut visit, started, &mut news, connected).await;
        if result.is_ok() {
            // Media first: nothing is due to it any more from here on.
            self.tell(LaneCommand::Remove(self.slot))?;
            let reason = DisconnectReason::ClientInitiated.into();
            let leave = LeaveRequest { reason, ..LeaveRequest::default() };
            // The server may be faster at closing.
            let _ = visit.signal.send(Request::Leave(leave)).await;
            visit.signal.close().await;
        }
        result
    }

    /// Talks until it is time to leave.
    async fn attend(
        &mut self,
        visit: &mut Visit,
        started: Instant,
        news: &mut mpsc::Receiver<PeerEvent>,
        connected: &mut bool,
    ) -> Result<(), BenchError> {
        let mut deadline = Some(started + JOIN_TIMEOUT);
        let mut going = None;
        let mut pings = interval(PING_INTERVAL);
        let mut welcomed = false;
        loop {
            let due = [deadline, going].into_iter().flatten().min().unwrap_or(started + TOKEN_LIFE);
            tokio::select! {
                incoming = visit.signal.next() => match incoming {
                    Incoming::Said(Said::Join(welcome)) => {
                        welcomed = true;
                        if welcome.ping_interval > 0 {
                            pings = interval(Duration::from_secs(welcome.ping_interval.unsigned_abs().into()));
                            pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
                        }
                        let version = welcome.server_info.map_or(welcome.server_version, |info| info.version);
                        self.attendance.note(|times| times.server_version = version);
                    }
                    Incoming::Said(said) => self.obey(visit, said).await?,
                    Incoming::Other => {}
                    Incoming::Closed(why) if !welcomed => return Err(self.not_livekit(&why)),
                    Incoming::Closed(why) => return Err(BenchError::ServerGone(why)),
                },
                event = news.recv() => match event {
                    Some(PeerEvent::Connected) => {
                        if !std::mem::replace(connected, true) {
                            self.connected(started);
                        }
                        deadline = None;
                    }
                    Some(PeerEvent::FirstPacket) => {
                        let now = SystemClock.now();
                        let took = now.saturating_duration_since(started).as_nanos() as u64;
                        self.attendance.note(|times| times.first_packet.record(took));
                        going = self.stay.map(|stay| now + stay);
                    }
                    Some(PeerEvent::Failed(cause)) => return Err(BenchError::of_media(cause)),
                    Some(PeerEvent::NoSocket(kind, text)) => return Err(BenchError::of_socket(kind, &text)),
                    None => return Err(BenchError::Media("its lane has ended".into())),
                },
                _ = pings.tick() => {
                    let timestamp = SystemClock.unix().0;
                    visit.signal.send(Request::PingReq(Ping { timestamp, rtt: 0 })).await?;
                }
                changed = self.leave.changed() => {
                    if changed.is_err() || *self.leave.borrow() {
                        return Ok(());
                    }
                }
                () = sleep_until(due.into()) => {
                    if going.is_some_and(|at| at <= SystemClock.now()) {
                        return Ok(());
                    }
                    return Err(match (welcomed, deadline) {
                        (false, _) => self.not_livekit("it accepts the WebSocket and then says nothing"),
                        _ => BenchError::Media(format!("not connected within {} s", JOIN_TIMEOUT.as_secs())),
                    });
                }
            }
        }
    }

    async fn obey(&self, visit: &mut Visit, said: Said) -> Result<(), BenchError> {
        match said {
            Said::Answer(answer) => {
                let read = Answer::read(&answer.sdp);
                let read = read.map_err(|error| self.not_livekit(&format!("its SDP cannot be used: {error}")))?;
                self.tell(LaneCommand::Answer(self.slot, Box::new(read)))?;
                // Servers of old repeat no id.
                if answer.id == 0 || answer.id == visit.offer {
                    visit.in_flight = false;
                }
            }
            Said::Trickle(trickle) => {
                let init: serde_json::Value = serde_json::from_str(&trickle.candidate_init).unwrap_or_default();
                if let Some(at) = init["candidate"].as_str().and_then(read_candidate) {
                    self.tell(LaneCommand::Candidate(self.slot, at))?;
                }
            }
            Said::Sections(needed) => {
                let (audios, videos) = visit.wanted.unwrap_or_default();
                visit.wanted = Some((audios + needed.num_audios, videos + needed.num_videos));
            }
            Said::Leave(leave) => {
                let reason = DisconnectReason::try_from(leave.reason).unwrap_or_default();
                return Err(BenchError::SentAway(reason.as_str_name().to_ascii_lowercase()));
            }
            Said::Join(_) => {}
        }
        if !visit.in_flight
            && let Some((audios, videos)) = visit.wanted.take()
        {
            visit.sections.add_receiving(audios, videos);
            visit.offer += 1;
            visit.in_flight = true;
            let sdp = visit.sections.offer(&visit.ice, self.setting.certificate.fingerprint());
            visit.signal.send(Request::Offer(offer(sdp, visit.offer))).await?;
        }
        Ok(())
    }

    fn connected(&self, started: Instant) {
        let now = SystemClock.now();
        let took = now.saturating_duration_since(started).as_nanos() as u64;
        self.attendance.note(|times| times.connect.record(took));
        self.attendance.joined.fetch_add(1, Ordering::Relaxed);
        self.attendance.present.fetch_add(1, Ordering::Relaxed);
        self.attendance.last_joined.fetch_max(crate::clock::wall_nanos(), Ordering::Relaxed);
    }

    fn not_livekit(&self, what: &str) -> BenchError {
        BenchError::NotLiveKit { url: self.setting.target.url().to_owned(), what: what.to_owned() }
    }

    fn tell(&self, command: LaneCommand) -> Result<(), BenchError> {
        let told = self.lane.send(command);
        told.then_some(())
            .ok_or_else(|| BenchError::Impossible("the generator cannot keep up with its own joins".into()))
    }

    fn token(&self) -> Result<String, BenchError> {
        let grant = VideoGrant {
            can_publish: Some(self.part.sender.is_some()),
            can_publish_data: Some(self.part.data),
            can_subscribe: Some(self.part.listens),
            ..VideoGrant::join(format!("{}-{}", self.setting.prefix, self.part.room))
        };
        let claims = Claims { video: Some(grant), ..Claims::join(format!("bench-{}", self.number), "") };
        let token = mint(&claims, &self.setting.key, TOKEN_LIFE, SystemClock.unix());
        token.map_err(|error| BenchError::Impossible(format!("a token cannot be signed: {error}")))
    }

    /// The track that carries its `which`-th stream.
    fn track(&self, which: u32) -> TrackId {
        TrackId::new(self.part.room, self.part.sender.unwrap_or_default() * 2 + which)
    }

    fn publications(&self, sections: &mut Sections, rng: &mut SmallRng) -> (Vec<Publication>, Vec<AddTrackRequest>) {
        let (mut publications, mut requests) = (Vec::new(), Vec::new());
        if self.part.audio {
            let cid = format!("mic-{}", self.number);
            let ssrc = rng.random::<u32>() | 1;
            let mid = sections.add_microphone(&cid, ssrc);
            let source = Source::Microphone { ssrc };
            publications.push(Publication { track: self.track(0), mid, source, seed: rng.random() });
            requests.push(add_microphone(cid));
        }
        if self.part.video {
            let cid = format!("cam-{}", self.number);
            let layers = self.setting.layers.clone();
            let ssrcs: Vec<[u32; 2]> =
                layers.iter().map(|_| [rng.random::<u32>() | 1, rng.random::<u32>() & !1]).collect();
            let mid = sections.add_camera(&cid, &layers, &ssrcs);
            requests.push(add_camera(cid, &layers));
            let source = Source::Camera { layers, ssrcs, trace: self.setting.trace.clone() };
            publications.push(Publication { track: self.track(1), mid, source, seed: rng.random() });
        }
        (publications, requests)
    }

    fn join_request(&self, add_track_requests: Vec<AddTrackRequest>, offer: SessionDescription) -> JoinRequest {
        let client_info = ClientInfo {
            sdk: client_info::Sdk::Rust.into(),
            version: "0.8.2".into(),
            protocol: PROTOCOL,
            ..ClientInfo::default()
        };
        let settings = ConnectionSettings {
            auto_subscribe: self.part.listens,
            // A picture that stands still would be due nevertheless, and lost.
            subscriber_allow_pause: Some(false),
            ..ConnectionSettings::default()
        };
        JoinRequest {
            client_info: Some(client_info),
            connection_settings: Some(settings),
            add_track_requests,
            publisher_offer: Some(offer),
            ..JoinRequest::default()
        }
    }
}

fn offer(sdp: String, id: u32) -> SessionDescription {
    SessionDescription { r#type: "offer".into(), sdp, id, ..SessionDescription::default() }
}

fn add_microphone(cid: String) -> AddTrackRequest {
    AddTrackRequest {
        cid,
        name: "microphone".into(),
        r#type: TrackType::Audio.into(),
        source: TrackSource::Microphone.into(),
        disable_red: true,
        ..AddTrackRequest::default()
    }
}

fn add_camera(cid: String, layers: &[Layer]) -> AddTrackRequest {
    const QUALITIES: [VideoQuality; 3] = [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High];
    // The best layer of however many is the high one.
    let skipped = QUALITIES.len() - layers.len().min(QUALITIES.len());
    let qualities = QUALITIES.iter().skip(if layers.len() == 1 { skipped } else { 0 });
    let video_layers: Vec<VideoLayer> = layers
        .iter()
        .zip(qualities)
        .map(|(layer, quality)| VideoLayer {
            quality: (*quality).into(),
            width: layer.width.into(),
            height: layer.height.into(),
            bitrate: layer.bitrate,
            ..VideoLayer::default()
        })
        .collect();
    let (width, height) = layers.last().map_or((0, 0), |best| (best.width.into(), best.height.into()));
    let codec = SimulcastCodec {
        codec: "vp8".into(),
        cid: cid.clone(),
        layers: video_layers.clone(),
        ..SimulcastCodec::default()
    };
    AddTrackRequest {
        cid,
        name: "camera".into(),
        r#type: TrackType::Video.into(),
        width,
        height,
        source: TrackSource::Camera.into(),
        layers: video_layers,
        simulcast_codecs: vec![codec],
        ..AddTrackRequest::default()
    }
}

fn random_text(rng: &mut SmallRng, len: usize) -> ArrayString<256> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..len.min(256)).fold(ArrayString::new(), |mut text, _| {
        text.push(LETTERS[rng.random_range(0..64)] as char);
        text
    })
}

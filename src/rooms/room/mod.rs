//! One room: an actor that owns its participants and everything between them.
//!
//! Messages come from the WebSockets, from the media wing and from the server's own API; each is
//! handled to its end before the next. `join` lets people in and resumes them, `signal` obeys their
//! requests, `negotiate` carries offers and answers, `publish` and `subscribe` keep tracks and their
//! ways to others, `dynacast` tells publishers what of it is wanted, `data` moves messages, `leave` ends it, `updates` tells the others, `timers` watches
//! the clock, `closing` the appointed end, `quality` how connections fare, `span` which shard is told what, `flight` what
//! their recording says of whom; facts go to the observer.

mod admin;
mod chat;
mod closing;
mod data;
mod dynacast;
mod flight;
mod join;
mod leave;
mod media;
mod negotiate;
mod publish;
mod quality;
mod signal;
mod span;
mod subscribe;
mod timers;
mod updates;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use visavis_signaling::data::{NonceFilter, ReliableCache};
use visavis_signaling::proto::{self, SignalResponse};
use visavis_signaling::session::{CloseReason, Departed, Session, SessionAction};

pub use join::refuse_resume;

use crate::clock::SharedClock;
use crate::ids::{MediaTrackId, RoomSid, TransportId};
use crate::media::Command;
use crate::rooms::flight::CallNotes;
use crate::rooms::link::{OutgoingError, SignalOut};
use crate::rooms::media_plane::{Numbers, Place, RoomNumber};
use crate::rooms::message::{RoomMessage, RoomOptions};
use crate::rooms::news::News;
use crate::rooms::notice::Timetable;
use crate::rooms::observer::{Fact, FactKind};
use crate::rooms::participant::{Participant, ParticipantKey, PcRole};
use crate::rooms::shared::Shared;
use crate::rooms::span::Span;
use crate::units::UnixTime;

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(500);

/// A room.
pub struct Room {
    shared: Arc<Shared>,
    clock: SharedClock,
    mailbox: mpsc::WeakSender<RoomMessage>,
    name: Arc<str>,
    sid: RoomSid,
    number: RoomNumber,
    numbers: Numbers,
    span: Span,
    options: RoomOptions,
    created_at: UnixTime,
    /// When by the monotonic clock.
    opened: Instant,
    /// Wall time less steady time, in milliseconds.
    clock_offset: i64,
    timetable: Timetable,
    keeps_chat: bool,
    sif_trailer: Vec<u8>,
    rng: StdRng,
    /// Boxed: they are large, and a tree keeps room for twice as many.
    participants: BTreeMap<ParticipantKey, Box<Participant>>,
    by_identity: HashMap<Arc<str>, ParticipantKey>,
    by_transport: HashMap<TransportId, (ParticipantKey, PcRole)>,
    by_track: HashMap<MediaTrackId, (ParticipantKey, String)>,
    next_key: u32,
    next_link: u64,
    /// Whose downstream description is out of date; settled at the end of each message.
    stale: BTreeSet<ParticipantKey>,
    /// Tracks of which something else may be wanted than before; settled likewise.
    unlooked: BTreeSet<(ParticipantKey, String)>,
    /// Comings and goings that are yet to be told.
    news: News,
    /// Who left lately.
    departed: Departed,
    /// The room's own state changed and everybody shall know.
    room_dirty: bool,
    last_room_update: Option<Instant>,
    messages: ReliableCache,
    nonces: NonceFilter,
    last_quality: Instant,
    /// For recordings of this call.
    call: Arc<CallNotes>,
    had_participants: bool,
    empty_since: Instant,
    recording: bool,
    /// Why the room ends, once it does.
    closing: Option<CloseReason>,
}

impl Room {
    /// A room without participants.
    pub fn new(
        shared: Arc<Shared>,
        name: Arc<str>,
        number: RoomNumber,
        options: RoomOptions,
        mailbox: mpsc::WeakSender<RoomMessage>,
    ) -> Self {
        let clock = Arc::clone(&shared.clock);
        // Ids and trailers must not be guessable: the seed comes from the system.
        let mut rng: StdRng = rand::make_rng();
        let sid = RoomSid::random(&mut rng);
        let sif_trailer = {
            let mut bytes = [0u8; 32];
            rand::Rng::fill_bytes(&mut rng, &mut bytes);
            bytes.to_vec()
        };
        let created_at = clock.unix();
        let now = clock.now();
        let call = Arc::new(CallNotes::new(Arc::clone(&name), sid.clone(), created_at, now));
        Self {
            span: Span::new(shared.media.allot()),
            shared,
            clock,
            mailbox,
            name,
            sid,
            number,
            numbers: Numbers::new(number),
            options,
            created_at,
            opened: now,
            clock_offset: 0,
            timetable: Timetable::new(None, None),
            keeps_chat: false,
            sif_trailer,
            rng: StdRng::from_rng(&mut rng),
            participants: BTreeMap::new(),
            by_identity: HashMap::new(),
            by_transport: HashMap::new(),
            by_track: HashMap::new(),
            next_key: 0,
            next_link: 0,
            stale: BTreeSet::new(),
            unlooked: BTreeSet::new(),
            news: News::default(),
            departed: Departed::default(),
            room_dirty: false,
            last_room_update: None,
            messages: ReliableCache::default(),
            nonces: NonceFilter::default(),
            last_quality: now,
            call,
            had_participants: false,
            empty_since: now,
            recording: false,
            closing: None,
        }
    }

    /// Runs until the room has closed.
    pub async fn run(mut self, mut messages: mpsc::Receiver<RoomMessage>) {
        tracing::info!(room = %self.name, sid = %self.sid, shard = self.span.shard(Place::default()), "room opened");
        self.shared.metrics.rooms.inc();
        self.observe(FactKind::RoomOpened);
        self.read_timetable();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.closing.is_none() {
            let news = self.news.wait(self.participants.len(), self.clock.now());
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.handle(message).await,
                    None => break,
                },
                _ = tick.tick() => self.tick(),
                () = tokio::time::sleep(news.unwrap_or(TICK)), if news.is_some() => self.tell_news(),
            }
            self.settle();
        }
        // Whoever knocked meanwhile finds the reply dropped and asks for the room anew.
        self.shared.forget_room(&self.name, self.number);
        for place in self.span.places() {
            self.send_media(Command::RemoveRoom(self.numbers.room(place)));
        }
        self.shared.metrics.rooms.dec();
        let reason = self.closing.unwrap_or(CloseReason::RoomClosed);
        self.observe(FactKind::RoomClosed { reason });
        tracing::info!(room = %self.name, sid = %self.sid, "room closed");
    }

    async fn handle(&mut self, message: RoomMessage) {
        match message {
            RoomMessage::Connect { request, reply } => {
                let answer = self.connect(*request).await;
                // A client that gave up waiting is noticed by its closed link.
                let _ = reply.send(answer);
            }
            RoomMessage::Signal { participant, link, message } => self.signal(participant, link, message),
            RoomMessage::Media(event) => self.media_event(event),
            RoomMessage::Admin(request) => self.admin(request),
            RoomMessage::Shutdown => self.shut_down(),
        }
    }

    /// What others are told of the room.
    fn info(&self) -> proto::Room {
        let visible = self.participants.values().filter(|participant| !participant.is_hidden());
        proto::Room {
            sid: self.sid.as_str().into(),
            name: self.name.to_string(),
            empty_timeout: self.options.empty_timeout.as_secs() as u32,
            departure_timeout: self.options.departure_timeout.as_secs() as u32,
            max_participants: self.options.max_participants,
            creation_time: self.created_at.as_secs(),
            creation_time_ms: self.created_at.as_millis(),
            enabled_codecs: self.options.enabled_codecs.clone(),
            metadata: self.options.metadata.clone(),
            num_participants: visible.clone().count() as u32,
            num_publishers: visible.filter(|participant| participant.is_publisher).count() as u32,
            active_recording: self.recording,
            ..Default::default()
        }
    }

    /// Time for timers: as in the beginning wall time, and from there on by the monotonic clock. Setting the clock
    /// neither ends sessions nor keeps them.
    fn steady_time(&self) -> UnixTime {
        self.created_at.plus(self.clock.now().saturating_duration_since(self.opened))
    }

    /// Tells the observer.
    fn observe(&self, kind: FactKind) {
        let fact = Fact { room: Arc::clone(&self.name), room_sid: self.sid.clone(), at: self.clock.unix(), kind };
        self.shared.observer.observe(fact);
    }

    /// Sends messages to one participant, if its WebSocket is up.
    fn tell(&mut self, key: ParticipantKey, responses: impl IntoIterator<Item = SignalResponse>) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        for response in responses {
            push(participant, SignalOut::Response(Box::new(response)), &self.shared);
        }
    }

    /// Sends everybody whom `to` picks a message that was encoded once. Those without a WebSocket are passed over.
    fn tell_many(&mut self, message: &Bytes, to: impl Fn(ParticipantKey, &Participant) -> bool) {
        for (key, participant) in &mut self.participants {
            if participant.session.state().is_ready() && to(*key, participant) {
                push(participant, SignalOut::Encoded(message.clone()), &self.shared);
            }
        }
    }

    /// Lets a participant's session build messages and sends them.
    fn tell_with<R>(&mut self, key: ParticipantKey, build: impl FnOnce(&mut Session) -> R)
    where
        R: IntoIterator<Item = SignalResponse>,
    {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let responses = build(&mut participant.session);
        for response in responses {
            push(participant, SignalOut::Response(Box::new(response)), &self.shared);
        }
    }

    /// Does what a session asked for, in order.
    fn perform(&mut self, key: ParticipantKey, actions: Vec<SessionAction>) {
        for action in actions {
            match action {
                SessionAction::Send(response) => self.tell(key, [response]),
                SessionAction::Event(event) => self.session_event(key, event),
                SessionAction::CreateOffer { ice_restart } => self.create_offer(key, ice_restart),
                SessionAction::CloseSignal => self.close_signal(key),
                SessionAction::Close(reason) => self.remove(key, reason),
            }
        }
    }

    fn close_signal(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        push(participant, SignalOut::Close, &self.shared);
        participant.link = None;
    }

    /// Brings descriptions up to date that the last message made stale, and tells of the room itself.
    fn settle(&mut self) {
        for key in std::mem::take(&mut self.stale) {
            self.renegotiate(key);
        }
        self.tell_wants();
        if self.news.wait(self.participants.len(), self.clock.now()).is_some_and(|wait| wait.is_zero()) {
            self.tell_news();
        }
        if self.room_dirty {
            self.announce_room();
        }
    }
}

/// Queues a message for the client; one that reads too slowly loses its WebSocket and may resume.
fn push(participant: &mut Participant, message: SignalOut, shared: &Shared) {
    let Some(link) = &participant.link else { return };
    let Err(error) = link.outgoing.send(message) else { return };
    // A closed queue is a WebSocket whose end is about to be reported.
    if error == OutgoingError::Full {
        shared.metrics.signal_errors.count("not_reading");
        tracing::warn!(identity = %participant.identity, "client does not read its signal connection, closing it");
    }
    participant.link = None;
}

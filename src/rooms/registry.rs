//! All rooms of the process: finding, making and forgetting them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use visavis_signaling::connect::{self, AuthorizedConnect};
use visavis_signaling::proto::{Codec, RoomConfiguration};
use visavis_signaling::session::CloseReason;
use visavis_signaling::token::KeyRing;

use crate::clock::SharedClock;
use crate::media::Event;
use crate::metrics::Metrics;
use crate::rooms::admin::{AdminError, AdminRequest, Reply};
use crate::rooms::admission::{Admission, Applicant, Decision};
use crate::rooms::flight::Recordings;
use crate::rooms::link::{ConnectError, SignalLink, SignalTarget};
use crate::rooms::media_plane::{MediaPlane, RoomEvent, RoomNumber};
use crate::rooms::message::{MAILBOX, RoomMessage, RoomOptions};
use crate::rooms::observer::Observer;
use crate::rooms::room::{Room, refuse_resume};
use crate::rooms::shared::{RoomsSettings, Shared, Table};

/// How often joining is tried again when the room closes at that very moment.
const ATTEMPTS: usize = 5;

/// How long admission may take. Clients wait some seconds for their connection, and a close must not wait for long.
const DECISION_TIMEOUT: Duration = Duration::from_secs(1);

/// The rooms of the process.
#[derive(Clone)]
pub struct Rooms {
    shared: Arc<Shared>,
}

impl Rooms {
    /// No rooms yet. Media events come in by [`Rooms::deliver`]. To be called on the runtime that rooms are to run on.
    pub fn new(
        settings: RoomsSettings,
        keys: KeyRing,
        media: Arc<dyn MediaPlane>,
        admission: Arc<dyn Admission>,
        observer: Arc<dyn Observer>,
        clock: SharedClock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let shared = Shared {
            settings,
            keys,
            media,
            admission,
            observer,
            runtime: Handle::current(),
            clock,
            metrics,
            recordings: Recordings::default(),
            rooms: Mutex::new(Table { next: 1, ..Table::default() }),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Passes a media event to its room, without waiting: a room that cannot keep up must not delay the others.
    /// One of a room that has ended is nobody's.
    pub fn deliver(&self, event: RoomEvent) {
        if let Event::Flight { id, recording, last } = event.event {
            return self.shared.recordings.arrive(id, recording, last);
        }
        let Some(room) = self.shared.table().by_number.get(&event.room).cloned() else { return };
        let Err(TrySendError::Full(message)) = room.try_send(RoomMessage::Media(event.event)) else { return };
        self.shared.metrics.signal_errors.count("room_mailbox_full");
        // Messages between participants may be lost under overload, figures are asked for again; changes of state may
        // not be lost.
        if !matches!(message, RoomMessage::Media(Event::Data { .. } | Event::Speakers { .. } | Event::Stats { .. })) {
            self.shared.runtime.spawn(async move { room.send(message).await });
        }
    }

    /// Makes a room, or finds the one of that name. While the server stops none is made.
    pub fn open(&self, name: &str, options: RoomOptions) {
        self.sender(name, Some(options));
    }

    /// Names of all rooms.
    pub fn names(&self) -> Vec<String> {
        self.shared.table().by_name.keys().cloned().collect()
    }

    /// How new rooms are.
    pub fn default_options(&self) -> RoomOptions {
        self.shared.settings.defaults.clone()
    }

    /// Asks a room something.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoRoom`], or what the room answers.
    pub async fn ask<T>(&self, name: &str, request: impl FnOnce(Reply<T>) -> AdminRequest) -> Result<T, AdminError> {
        let room = self.sender(name, None).ok_or(AdminError::NoRoom)?;
        let (reply, answer) = oneshot::channel();
        room.send(RoomMessage::Admin(request(reply))).await.map_err(|_| AdminError::NoRoom)?;
        answer.await.map_err(|_| AdminError::NoRoom)?
    }

    /// Sends a participant away, if it is there, without waiting for it: it is gone when the room has dealt with
    /// what it was told before, well within a second. Admission has to refuse it from now on.
    pub fn remove(&self, room: &str, identity: &str) {
        let identity = identity.to_owned();
        self.post(room, |reply| AdminRequest::Remove { identity, reply });
    }

    /// Ends a room, if it is there, like the close that admission appoints: everybody is told that this is the end,
    /// told to leave and disconnected. Does not wait for it.
    pub fn close(&self, room: &str, reason: CloseReason) {
        self.post(room, |reply| AdminRequest::Close { reason, reply });
    }

    /// Tells everybody in a room something, on the topic [`NOTICE_TOPIC`](super::NOTICE_TOPIC).
    pub fn notice(&self, room: &str, payload: Value) {
        self.post(room, |reply| AdminRequest::Notice { payload, reply });
    }

    /// What all rooms share.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The runtime that rooms run on.
    pub(super) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    /// Asks a room something whose answer does not matter. From any thread, never waiting.
    fn post(&self, name: &str, request: impl FnOnce(Reply<()>) -> AdminRequest) {
        let Some(room) = self.sender(name, None) else { return };
        let (reply, _) = oneshot::channel();
        let Err(TrySendError::Full(message)) = room.try_send(RoomMessage::Admin(request(reply))) else { return };
        self.shared.metrics.signal_errors.count("room_mailbox_full");
        self.shared.runtime.spawn(async move { room.send(message).await });
    }

    /// Sends everybody away and waits until all rooms have closed and the observer has been told so. No room is
    /// made from now on.
    pub async fn shut_down(&self) {
        let rooms: Vec<_> = {
            let mut table = self.shared.table();
            table.stopping = true;
            table.by_number.values().cloned().collect()
        };
        for room in &rooms {
            let _ = room.send(RoomMessage::Shutdown).await;
        }
        for room in rooms {
            room.closed().await;
        }
    }

    /// The room's mailbox; makes the room when options are given.
    fn sender(&self, name: &str, create: Option<RoomOptions>) -> Option<mpsc::Sender<RoomMessage>> {
        let mut table = self.shared.table();
        if let Some((_, room)) = table.by_name.get(name)
            && !room.is_closed()
        {
            return Some(room.clone());
        }
        let options = create.filter(|_| !table.stopping)?;
        while table.by_number.contains_key(&RoomNumber(table.next)) {
            table.next = (table.next + 1) % RoomNumber::COUNT;
        }
        let number = RoomNumber(table.next);
        table.next = (table.next + 1) % RoomNumber::COUNT;
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        let room = Room::new(Arc::clone(&self.shared), name.into(), number, options, mailbox.downgrade());
        self.shared.runtime.spawn(room.run(messages));
        table.by_name.insert(name.into(), (number, mailbox.clone()));
        table.by_number.insert(number, mailbox.clone());
        Some(mailbox)
    }

    /// Tracks in and out count together, as in LiveKit (`pkg/routing/selector/utils.go`).
    fn is_full(&self) -> bool {
        let metrics = &self.shared.metrics;
        let tracks = [&metrics.tracks_published, &metrics.tracks_subscribed].into_iter();
        let tracks: i64 = tracks.map(|kinds| kinds.audio.get() + kinds.video.get()).sum();
        self.shared.settings.node_tracks.is_some_and(|limit| tracks >= limit)
    }

    /// Options of a room that this request may make; none when it may not.
    fn options_for(&self, request: &AuthorizedConnect) -> Option<RoomOptions> {
        let granted = || request.claims.video.as_ref().is_some_and(|video| video.room_create);
        let appointed = || self.shared.admission.may_create(&request.room);
        if !self.shared.settings.auto_create && !granted() && !appointed() {
            return None;
        }
        let mut options = self.default_options();
        if let Some(wanted) = &request.claims.room_config {
            apply(&mut options, wanted);
        }
        Some(options)
    }
}

fn apply(options: &mut RoomOptions, wanted: &RoomConfiguration) {
    if wanted.empty_timeout > 0 {
        options.empty_timeout = Duration::from_secs(wanted.empty_timeout.into());
    }
    if wanted.departure_timeout > 0 {
        options.departure_timeout = Duration::from_secs(wanted.departure_timeout.into());
    }
    if wanted.max_participants > 0 {
        options.max_participants = wanted.max_participants;
    }
    if !wanted.metadata.is_empty() {
        options.metadata.clone_from(&wanted.metadata);
    }
}

impl Rooms {
    fn exists(&self, name: &str) -> bool {
        self.sender(name, None).is_some()
    }

    /// What admission says, without consequences.
    async fn ask_admission(&self, request: &AuthorizedConnect) -> Result<(), ConnectError> {
        let applicant = Applicant { room: &request.room, claims: &request.claims, api_key: &request.api_key };
        let (admission, now) = (&self.shared.admission, self.shared.clock.unix());
        decide(match request.request.reconnect {
            Some(_) => admission.may_resume(applicant, now),
            None => admission.validate(applicant, now),
        })
        .await
    }

    /// Whether the server itself could take this connection.
    fn has_place_for(&self, request: &AuthorizedConnect) -> Result<(), ConnectError> {
        if self.shared.table().stopping {
            return Err(ConnectError { status: 503, message: "the server is shutting down".into() });
        }
        if !self.exists(&request.room) && self.options_for(request).is_none() {
            return Err(connect::ConnectError::RoomNotFound.into());
        }
        // Whoever resumes is in the count already.
        if request.request.reconnect.is_none() && self.is_full() {
            return Err(connect::ConnectError::LimitReached.into());
        }
        Ok(())
    }
}

impl SignalTarget for Rooms {
    async fn validate(&self, request: &AuthorizedConnect) -> Result<(), ConnectError> {
        // Why somebody is not let in says more than that there is no room.
        self.ask_admission(request).await?;
        self.has_place_for(request)
    }

    async fn connect(&self, request: AuthorizedConnect) -> Result<SignalLink, ConnectError> {
        for _ in 0..ATTEMPTS {
            if !self.exists(&request.room) {
                // A room asks for itself; but those who are refused do not make one.
                self.ask_admission(&request).await?;
            }
            self.has_place_for(&request)?;
            let options = self.options_for(&request);
            // A resume finds its room or nothing: it makes none.
            let create = if request.request.reconnect.is_some() { None } else { options.clone() };
            let Some(room) = self.sender(&request.room, create) else {
                if request.request.reconnect.is_some() && options.is_some() {
                    return Ok(refuse_resume(&request));
                }
                return Err(connect::ConnectError::RoomNotFound.into());
            };
            let (reply, answer) = oneshot::channel();
            let message = RoomMessage::Connect { request: Box::new(request.clone()), reply };
            if room.send(message).await.is_err() {
                continue;
            }
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
        Err(ConnectError { status: 503, message: "room is closing, try again".into() })
    }
}

/// Waits for a decision of admission, but not for ever: a room does nothing else meanwhile.
pub(super) async fn decide(decision: Decision<'_>) -> Result<(), ConnectError> {
    match timeout(DECISION_TIMEOUT, decision).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refusal)) => Err(ConnectError { status: refusal.status, message: refusal.message }),
        Err(_) => {
            tracing::error!("admission did not decide in time");
            Err(ConnectError { status: 503, message: "it could not be decided in time, try again".into() })
        }
    }
}

/// The codecs of LiveKit's default configuration.
pub fn default_codecs() -> Vec<Codec> {
    [
        "audio/opus",
        "audio/red",
        "audio/PCMU",
        "audio/PCMA",
        "video/VP8",
        "video/H264",
        "video/VP9",
        "video/AV1",
        "video/H265",
        "video/rtx",
    ]
    .into_iter()
    .map(|mime| Codec { mime: mime.into(), fmtp_line: String::new() })
    .collect()
}

//! A participant: joins in either mode, publishes, receives, and keeps all that it was told for tests to look at.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{
    ClientInfo, ConnectionSettings, DataPacket, JoinRequest, JoinResponse, LeaveRequest, MuteTrackRequest,
    ParticipantInfo, SessionDescription, SyncState, TrackPublishedResponse, UpdateSubscription, UserPacket,
    client_info, data_packet,
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::attack::IceSecrets;
use crate::peer::Peer;
use crate::received::{Received, lock};
use crate::server::Server;
use crate::signal::{self, Incoming, Mode, Outgoing, Refusal, Signal};
use crate::{Outcome, eventually, eventually_some, token};

/// How many responses are kept for tests to look at: the first.
const MAX_RESPONSES: usize = 4000;
/// The protocol version that the client speaks.
const PROTOCOL: i32 = 17;

/// How a client joins.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its identity.
    pub identity: String,
    /// The room.
    pub room: String,
    /// The connection mode.
    pub mode: Mode,
    /// Its token, where it is to differ from the ordinary one.
    pub token: Option<String>,
    /// Whether it subscribes to everything.
    pub auto_subscribe: bool,
    /// In v1, whether the first offer travels inside the join request.
    pub offer_with_join: bool,
    /// In v1, how many sections of audio and of video the first offer holds for the server to fill.
    pub receiving: (u32, u32),
    /// Whether media goes over TCP instead of UDP.
    pub over_tcp: bool,
}

impl Join {
    /// An ordinary participant.
    pub fn new(identity: &str, room: &str, mode: Mode) -> Self {
        Self {
            identity: identity.to_owned(),
            room: room.to_owned(),
            mode,
            token: None,
            auto_subscribe: true,
            offer_with_join: true,
            receiving: (1, 1),
            over_tcp: false,
        }
    }
}

/// A participant in a room.
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    signal: Mutex<Option<Signal>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Keeps a shared server running for as long as somebody is connected to it.
    _server: Arc<Server>,
}

pub(crate) struct Shared {
    join: Join,
    port: u16,
    token: String,
    /// Sends in v0; does everything in v1.
    pub(crate) publisher: Peer,
    /// Receives, in v0 alone.
    subscriber: Option<Peer>,
    received: Arc<Received>,
    responses: Mutex<Vec<Response>>,
    problems: Mutex<Vec<String>>,
    closed: Mutex<Option<Option<u16>>>,
    outgoing: Mutex<Option<mpsc::Sender<Outgoing>>>,
    negotiation: tokio::sync::Mutex<Negotiation>,
    /// Id of the newest offer that was answered.
    answered: AtomicU32,
    pub(crate) published: Mutex<Vec<TrackPublishedResponse>>,
    last_answer: Mutex<Option<SessionDescription>>,
}

#[derive(Default)]
struct Negotiation {
    last_id: u32,
    in_flight: bool,
    again: bool,
}

impl Client {
    /// Joins, and returns as soon as the server has said so; media may still be on its way up.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] where the server refuses the upgrade; otherwise whatever went wrong.
    pub async fn join(server: &Arc<Server>, join: Join) -> Outcome<Self> {
        let received = Arc::new(Received::default());
        let publisher = Peer::new(Arc::clone(&received), join.over_tcp).await?;
        publisher.open_channels().await?;
        let subscriber = match join.mode {
            Mode::V0 => Some(Peer::new(Arc::clone(&received), join.over_tcp).await?),
            Mode::V1 => None,
        };
        if join.mode == Mode::V1 {
            publisher.add_receiving(join.receiving.0, join.receiving.1).await?;
        }
        let token = match &join.token {
            Some(token) => token.clone(),
            None => token::join(&join.identity, &join.room)?,
        };
        let shared = Arc::new(Shared {
            port: server.port,
            token,
            publisher,
            subscriber,
            received,
            responses: Mutex::default(),
            problems: Mutex::default(),
            closed: Mutex::default(),
            outgoing: Mutex::default(),
            negotiation: tokio::sync::Mutex::default(),
            answered: AtomicU32::new(0),
            published: Mutex::default(),
            last_answer: Mutex::default(),
            join,
        });
        let mut request = shared.join_request();
        let with_join = shared.join.mode == Mode::V1 && shared.join.offer_with_join;
        if with_join {
            let mut negotiation = shared.negotiation.lock().await;
            (negotiation.last_id, negotiation.in_flight) = (1, true);
            request.publisher_offer = Some(offer(shared.publisher.offer(false).await?, 1));
        }
        let target = match shared.join.mode {
            Mode::V1 => signal::v1_target(&request),
            Mode::V0 => shared.v0_target(""),
        };
        let client = Self { shared, signal: Mutex::default(), tasks: Mutex::default(), _server: Arc::clone(server) };
        client.open(&target).await?;
        eventually("the join response", || client.is_closed() || !client.all(joined).is_empty()).await?;
        if client.all(joined).is_empty() {
            return Err(format!("closed instead of joined: {:?}", client.responses()).into());
        }
        if !with_join {
            client.shared.negotiate(false).await?;
        }
        Ok(client)
    }

    /// Joins, and waits until media and data channels are up.
    ///
    /// # Errors
    ///
    /// As [`Self::join`], or what did not come up.
    pub async fn connect(server: &Arc<Server>, join: Join) -> Outcome<Self> {
        let client = Self::join(server, join).await?;
        client.connected().await?;
        Ok(client)
    }

    /// Waits until media and data channels are up.
    ///
    /// # Errors
    ///
    /// Names what did not come up.
    pub async fn connected(&self) -> Outcome {
        let shared = &self.shared;
        self.wait("connects for sending", || shared.publisher.is_connected()).await?;
        if let Some(subscriber) = &shared.subscriber {
            self.wait("connects for receiving", || subscriber.is_connected()).await?;
            let opened = || subscriber.was_opened("_reliable") && subscriber.was_opened("_lossy");
            self.wait("is opened channels by the server", opened).await?;
        }
        for label in crate::peer::CHANNELS {
            self.wait(&format!("opens {label}"), || shared.publisher.is_open(label)).await?;
        }
        self.healthy()
    }

    /// Waits until `check` holds; says what could not be digested when it does not.
    async fn wait(&self, what: &str, check: impl FnMut() -> bool) -> Outcome {
        let who = &self.shared.join.identity;
        let waited = eventually(&format!("{who}: {what}"), check).await;
        waited.map_err(|error| format!("{error}; {}", lock(&self.shared.problems).join("; ")).into())
    }

    /// Whether everything that the server sent could be digested.
    ///
    /// # Errors
    ///
    /// What could not.
    pub fn healthy(&self) -> Outcome {
        let problems = lock(&self.shared.problems);
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ").into()) }
    }

    /// The answer to joining.
    pub fn joined(&self) -> JoinResponse {
        self.all(joined).pop().unwrap_or_default()
    }

    /// Its own SID.
    pub fn sid(&self) -> String {
        self.joined().participant.unwrap_or_default().sid
    }

    /// What has arrived.
    pub fn received(&self) -> &Arc<Received> {
        &self.shared.received
    }

    /// What the server has said since joining, in order.
    pub fn responses(&self) -> Vec<Response> {
        lock(&self.shared.responses).clone()
    }

    /// All responses that `pick` picks.
    pub fn all<T>(&self, pick: impl Fn(&Response) -> Option<T>) -> Vec<T> {
        lock(&self.shared.responses).iter().filter_map(pick).collect()
    }

    /// The newest that is known of the participant `identity`.
    pub fn participant(&self, identity: &str) -> Option<ParticipantInfo> {
        let responses = lock(&self.shared.responses);
        let known = responses.iter().rev().filter_map(|response| match response {
            Response::Join(join) => Some(&join.other_participants),
            Response::Update(update) => Some(&update.participants),
            _ => None,
        });
        known.flat_map(|infos| infos.iter().rev()).find(|info| info.identity == identity).cloned()
    }

    /// The leave that the server sent.
    pub fn left(&self) -> Option<LeaveRequest> {
        self.all(|response| if let Response::Leave(leave) = response { Some(leave.clone()) } else { None }).pop()
    }

    /// Whether the WebSocket has ended.
    pub fn is_closed(&self) -> bool {
        lock(&self.shared.closed).is_some()
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// When the WebSocket is gone.
    pub async fn request(&self, message: Request) -> Outcome {
        let sent = self.shared.request(message).await;
        sent.map_err(|error| format!("{}: {error}; leave: {:?}", self.shared.join.identity, self.left()).into())
    }

    /// Sends a frame as it is.
    ///
    /// # Errors
    ///
    /// When the WebSocket is gone.
    pub async fn raw(&self, frame: Outgoing) -> Outcome {
        let outgoing = lock(&self.shared.outgoing).clone().ok_or("no WebSocket")?;
        outgoing.send(frame).await.map_err(|_| "the WebSocket is gone".into())
    }

    /// Offers anew and waits for the answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn negotiate(&self, restart_ice: bool) -> Outcome {
        let id = self.shared.negotiate(restart_ice).await?;
        self.wait(&format!("gets an answer to offer {id}"), || self.shared.answered.load(Ordering::Relaxed) >= id)
            .await?;
        self.healthy()
    }

    /// Waits until `count` packets of track `sid` have come in all.
    ///
    /// # Errors
    ///
    /// When they do not come.
    pub async fn hears(&self, sid: &str, count: usize) -> Outcome {
        let what = format!("receives {count} packets of {sid}");
        let heard = self.wait(&what, || self.received().count(sid) >= count).await;
        heard.map_err(|error| format!("{error}; it has {}", self.received().count(sid)).into())
    }

    /// Waits until the track `sid` is known to be published by `identity`.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub async fn sees(&self, identity: &str, sid: &str) -> Outcome {
        self.wait(&format!("learns of {identity}'s {sid}"), || {
            self.participant(identity).is_some_and(|info| info.tracks.iter().any(|track| track.sid == sid))
        })
        .await
    }

    /// Says whether the track `sid` of its own is muted.
    ///
    /// # Errors
    ///
    /// When the WebSocket is gone.
    pub async fn mute(&self, sid: &str, muted: bool) -> Outcome {
        self.request(Request::Mute(MuteTrackRequest { sid: sid.to_owned(), muted })).await
    }

    /// Subscribes to the track `sid`, or no longer.
    ///
    /// # Errors
    ///
    /// When the WebSocket is gone.
    pub async fn subscribe(&self, sid: &str, subscribe: bool) -> Outcome {
        let track_sids = vec![sid.to_owned()];
        self.request(Request::Subscription(UpdateSubscription { track_sids, subscribe, ..Default::default() })).await
    }

    /// Sends a user packet with `payload`, on `_reliable` or on `_lossy`.
    ///
    /// # Errors
    ///
    /// When the channel is not open.
    pub async fn send_data(&self, label: &str, payload: &[u8], to: &[&str]) -> Outcome {
        let user = UserPacket { payload: payload.to_vec(), ..Default::default() };
        let destination_identities = to.iter().map(|&identity| identity.to_owned()).collect();
        let value = Some(data_packet::Value::User(user));
        let packet = DataPacket { destination_identities, value, ..Default::default() };
        self.shared.publisher.send(label, &packet.encode_to_vec()).await
    }

    /// Opens one more data channel, and waits until it is open.
    ///
    /// # Errors
    ///
    /// When it does not open.
    pub async fn open_channel(&self, label: &str, reliable: bool) -> Outcome {
        self.shared.publisher.open_channel(label, reliable).await?;
        eventually(&format!("{label} is open"), || self.shared.publisher.is_open(label)).await
    }

    /// Sends bytes on one of its own channels as they are.
    ///
    /// # Errors
    ///
    /// When the channel is not open.
    pub async fn send_raw(&self, label: &str, bytes: &[u8]) -> Outcome {
        self.shared.publisher.send(label, bytes).await
    }

    /// The ICE credentials of the connection that it sends by.
    pub async fn ice_secrets(&self) -> IceSecrets {
        let pc = &self.shared.publisher.pc;
        let local = pc.local_description().await.map(|description| description.sdp).unwrap_or_default();
        let remote = pc.remote_description().await.map(|description| description.sdp).unwrap_or_default();
        let value = |sdp: &str, name: &str| {
            sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        IceSecrets {
            server_ufrag: value(&remote, "a=ice-ufrag:"),
            server_password: value(&remote, "a=ice-pwd:"),
            client_ufrag: value(&local, "a=ice-ufrag:"),
        }
    }

    /// An offer that was not sent.
    ///
    /// # Errors
    ///
    /// When the crate cannot make it.
    pub async fn make_offer(&self) -> Outcome<String> {
        self.shared.publisher.offer(false).await
    }

    /// Cuts the WebSocket without a word, as a network does.
    pub fn cut(&self) {
        lock(&self.shared.outgoing).take();
        lock(&self.signal).take();
    }

    /// Comes back after [`Self::cut`] as the participant it was, and tells the server what it has.
    ///
    /// # Errors
    ///
    /// When the server does not take it back.
    pub async fn resume(&self, restart_ice: bool) -> Outcome {
        let sid = self.sid();
        let before = self.responses().len();
        lock(&self.shared.closed).take();
        let target = match self.shared.join.mode {
            Mode::V0 => self.shared.v0_target(&format!("&reconnect=1&sid={sid}")),
            Mode::V1 => {
                let request = JoinRequest { reconnect: true, participant_sid: sid, ..self.shared.join_request() };
                signal::v1_target(&request)
            }
        };
        self.open(&target).await?;
        let first = eventually_some("an answer to the resume", || self.responses().get(before).cloned()).await?;
        if !matches!(first, Response::Reconnect(_)) {
            return Err(format!("resumed with {first:?}").into());
        }
        let state = self.shared.sync_state().await;
        self.request(Request::SyncState(state)).await?;
        if restart_ice {
            // An offer that was under way when the WebSocket went is not answered any more.
            self.shared.negotiation.lock().await.in_flight = false;
            self.negotiate(true).await?;
        }
        Ok(())
    }

    /// Says goodbye and closes.
    ///
    /// # Errors
    ///
    /// When the WebSocket is gone already.
    pub async fn leave(&self) -> Outcome {
        let reason = livekit_protocol::DisconnectReason::ClientInitiated.into();
        self.request(Request::Leave(LeaveRequest { reason, ..Default::default() })).await
    }

    /// Lets `task` live as long as the client.
    pub(crate) fn own(&self, task: JoinHandle<()>) {
        lock(&self.tasks).push(task);
    }

    async fn open(&self, target: &str) -> Result<(), Refusal> {
        let (signal, incoming) = Signal::open(self.shared.port, target, &self.shared.token).await?;
        *lock(&self.shared.outgoing) = Some(signal.sender());
        *lock(&self.signal) = Some(signal);
        self.own(tokio::spawn(Arc::clone(&self.shared).listen(incoming)));
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
    }
}

impl Shared {
    async fn listen(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(incoming) = incoming.recv().await {
            match incoming {
                Incoming::Response(response) => {
                    if let Err(error) = self.react(&response).await {
                        lock(&self.problems).push(format!("{}: {error}", self.join.identity));
                    }
                    let mut responses = lock(&self.responses);
                    if responses.len() < MAX_RESPONSES {
                        responses.push(*response);
                    }
                }
                Incoming::Closed(code) => *lock(&self.closed) = Some(code),
            }
        }
    }

    async fn react(&self, response: &Response) -> Outcome {
        match response {
            Response::Answer(answer) => self.answered(answer).await,
            Response::Offer(description) => {
                let subscriber = self.subscriber.as_ref().ok_or("an offer on a single connection")?;
                let sdp = subscriber.answer(&description.sdp).await?;
                let answer = SessionDescription { r#type: "answer".into(), ..offer(sdp, description.id) };
                *lock(&self.last_answer) = Some(answer.clone());
                self.request(Request::Answer(answer)).await
            }
            Response::Trickle(trickle) => {
                let to_subscriber = trickle.target == livekit_protocol::SignalTarget::Subscriber as i32;
                let peer = if to_subscriber { self.subscriber.as_ref() } else { Some(&self.publisher) };
                let peer = peer.ok_or("a candidate for a connection that is not there")?;
                peer.candidate(&trickle.candidate_init).await
            }
            Response::MediaSectionsRequirement(needed) => {
                self.publisher.add_receiving(needed.num_audios, needed.num_videos).await?;
                self.negotiate(false).await.map(|_| ())
            }
            Response::TrackPublished(published) => {
                lock(&self.published).push(published.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn answered(&self, answer: &SessionDescription) -> Outcome {
        let again = {
            let mut negotiation = self.negotiation.lock().await;
            if answer.id != negotiation.last_id {
                return Err(format!("answer {} to offer {}", answer.id, negotiation.last_id).into());
            }
            self.publisher.accept(&answer.sdp).await?;
            negotiation.in_flight = false;
            self.answered.store(answer.id, Ordering::Relaxed);
            std::mem::take(&mut negotiation.again)
        };
        if again {
            self.negotiate(false).await?;
        }
        Ok(())
    }

    /// Offers, or notes that it must be done when the offer under way is answered. Gives the id of that offer.
    pub(crate) async fn negotiate(&self, restart_ice: bool) -> Outcome<u32> {
        let mut negotiation = self.negotiation.lock().await;
        if negotiation.in_flight {
            negotiation.again = true;
            return Ok(negotiation.last_id + 1);
        }
        let sdp = self.publisher.offer(restart_ice).await?;
        negotiation.in_flight = true;
        negotiation.last_id += 1;
        self.request(Request::Offer(offer(sdp, negotiation.last_id))).await?;
        Ok(negotiation.last_id)
    }

    async fn request(&self, message: Request) -> Outcome {
        let outgoing = lock(&self.outgoing).clone().ok_or("no WebSocket")?;
        signal::request(&outgoing, message).await
    }

    fn join_request(&self) -> JoinRequest {
        let client_info = ClientInfo {
            sdk: client_info::Sdk::Rust.into(),
            protocol: PROTOCOL,
            version: "0.8.2".into(),
            ..Default::default()
        };
        let settings = ConnectionSettings { auto_subscribe: self.join.auto_subscribe, ..Default::default() };
        JoinRequest { client_info: Some(client_info), connection_settings: Some(settings), ..Default::default() }
    }

    fn v0_target(&self, more: &str) -> String {
        let subscribe = u8::from(self.join.auto_subscribe);
        format!("/rtc?sdk=rust&version=0.8.2&protocol={PROTOCOL}&auto_subscribe={subscribe}{more}")
    }

    async fn sync_state(&self) -> SyncState {
        let local = self.publisher.pc.local_description().await.map(|description| offer(description.sdp, 0));
        SyncState {
            offer: local,
            answer: lock(&self.last_answer).clone(),
            subscription: Some(UpdateSubscription { subscribe: !self.join.auto_subscribe, ..Default::default() }),
            publish_tracks: lock(&self.published).clone(),
            ..Default::default()
        }
    }
}

fn offer(sdp: String, id: u32) -> SessionDescription {
    SessionDescription { r#type: "offer".into(), sdp, id, ..Default::default() }
}

fn joined(response: &Response) -> Option<JoinResponse> {
    if let Response::Join(join) = response { Some(join.clone()) } else { None }
}

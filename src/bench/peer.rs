//! One participant's media connection as a lane holds it: transport, socket, what it sends and what it receives.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::account::{TrackHeard, TrackSent};
use super::messages::{CHANNELS, Messages, RELIABLE};
use super::publish::{Moment, PACKET_ROOM, PacketSink, Publication, Publisher};
use super::receive::{Arrived, Counts, Receiver};
use super::scenario::Part;
use super::socket::Socket;
use super::stamp::TrackId;
use crate::clock::wall_nanos;
use crate::rtp::rtcp;
use crate::transport::sdp::Answer;
use crate::transport::{
    Certificate, ChannelId, DataChannelParams, FailureCause, IceCredentials, Inbound, Path, SocketId, Transport,
    TransportEvent, TransportLimits, TransportParams,
};

/// So long IPv4 is waited for where the server has named an IPv6 address first.
const FAMILY_PATIENCE: Duration = Duration::from_millis(300);

/// What a lane tells the participant's task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE and DTLS are done.
    Connected,
    /// The first packet of media, or the first message, has come.
    FirstPacket,
    /// The connection is lost.
    Failed(FailureCause),
    /// The system gives no socket.
    NoSocket(io::ErrorKind, String),
}

/// A participant to be.
#[derive(Debug)]
pub struct NewPeer {
    /// What it does.
    pub part: Part,
    /// Our ICE credentials.
    pub ice: IceCredentials,
    /// Our certificate.
    pub certificate: Arc<Certificate>,
    /// Of its randomness that needs no secrecy.
    pub seed: u64,
    /// What it publishes, once the server has answered.
    pub publications: Vec<Publication>,
    /// The track that its messages are.
    pub messages: Option<TrackId>,
    /// Where its news goes.
    pub events: mpsc::Sender<PeerEvent>,
}

/// A participant's connection.
pub struct Peer {
    transport: Transport,
    socket: Option<Socket>,
    joined: bool,
    /// IPv6 candidates that wait for whether there is IPv4.
    waiting: Vec<SocketAddr>,
    patience: Option<Instant>,
    publications: Vec<Publication>,
    publisher: Publisher,
    messages_track: Option<TrackId>,
    messages: Option<(ChannelId, Messages)>,
    receiver: Receiver,
    events: mpsc::Sender<PeerEvent>,
    seed: u64,
    /// Kept for its memory.
    scratch: Vec<u8>,
    /// When its lane will look at it.
    pub scheduled: Option<Instant>,
    /// It is in the lane's list of those with something to read.
    pub ready: bool,
}

impl Peer {
    /// A participant without a socket yet; with `joined` that will receive trains.
    pub fn new(now: Instant, new: NewPeer, joined: bool) -> Self {
        let NewPeer { part, ice, certificate, seed, publications, messages, events } = new;
        let params = TransportParams { ice, certificate, seed, limits: TransportLimits::default() };
        let mut transport = Transport::client(now, params);
        for label in CHANNELS {
            let reliable = label == RELIABLE;
            let max_retransmits = (!reliable).then_some(0);
            let params = DataChannelParams { label: label.into(), ordered: reliable, max_retransmits };
            transport.open_data_channel(now, &params);
        }
        Self {
            transport,
            socket: None,
            joined,
            waiting: Vec::new(),
            patience: None,
            publications,
            publisher: Publisher::new(now, spread(seed, 1, Duration::from_secs(1))),
            messages_track: messages,
            messages: None,
            receiver: Receiver::new(
                now,
                spread(seed, 2, Duration::from_secs(1)),
                part.room,
                part.pretended_loss,
                seed ^ 0x10_55,
            ),
            events,
            seed,
            scratch: Vec::new(),
            scheduled: None,
            ready: false,
        }
    }

    /// Its socket, where it has one.
    pub fn socket(&self) -> Option<&Socket> {
        self.socket.as_ref()
    }

    /// Obeys a server's answer. True when a socket was opened for it.
    pub fn on_answer(&mut self, answer: &Answer, now: Instant) -> bool {
        if self.transport.set_remote(now, &answer.transport).is_err() {
            self.tell(PeerEvent::Failed(FailureCause::FingerprintMismatch));
            return false;
        }
        self.receiver.learn(&answer.sections, now);
        for publication in &self.publications {
            let section = answer.sections.iter().find(|section| section.mid == publication.mid);
            if let Some(section) = section {
                let phase = spread(publication.seed, 3, Duration::from_millis(33));
                self.publisher.start(publication, section, now, phase);
            }
        }
        let opened: Vec<bool> = answer.candidates.iter().map(|at| self.on_candidate(*at, now)).collect();
        opened.contains(&true)
    }

    /// Learns an address of the server's. True when a socket was opened for it.
    pub fn on_candidate(&mut self, at: SocketAddr, now: Instant) -> bool {
        if self.socket.is_none() && at.is_ipv6() {
            self.patience.get_or_insert(now + FAMILY_PATIENCE);
            self.waiting.push(at);
            return false;
        }
        self.check(at, now)
    }

    fn check(&mut self, at: SocketAddr, now: Instant) -> bool {
        let mut opened = false;
        if self.socket.is_none() {
            match Socket::open(at, self.joined) {
                Ok(socket) => (self.socket, opened) = (Some(socket), true),
                Err(error) => self.tell(PeerEvent::NoSocket(error.kind(), error.to_string())),
            }
        }
        if self.socket.as_ref().is_some_and(|socket| socket.reaches(at)) {
            self.transport.add_candidate(now, path(at));
        }
        opened
    }

    /// Deals with one datagram.
    pub fn on_datagram(
        &mut self,
        from: SocketAddr,
        datagram: &mut [u8],
        arrived: Arrived,
        moment: &Moment,
        counts: &mut Counts,
    ) {
        if self.receiver.pretends_loss(datagram, counts) {
            return;
        }
        match self.transport.handle_datagram(moment.now, path(from), datagram) {
            Inbound::Rtp(packet) => {
                if self.receiver.on_rtp(packet, arrived, moment, counts) {
                    self.tell(PeerEvent::FirstPacket);
                }
            }
            Inbound::Rtcp(compound) => {
                let socket = self.socket.as_ref();
                let mut out = Out { transport: &mut self.transport, socket, counts };
                for packet in rtcp::parse(compound).flatten() {
                    self.receiver.on_rtcp(&packet, moment.now);
                    self.publisher.on_rtcp(&packet, moment, &mut out);
                }
            }
            Inbound::Consumed => self.drain(arrived, moment, counts),
            Inbound::Dropped(cause) => counts.refused[cause as usize] += 1,
        }
    }

    /// Does what is due. True when a socket was opened.
    pub fn on_timeout(&mut self, moment: &Moment, counts: &mut Counts) -> bool {
        let now = moment.now;
        let mut opened = false;
        if self.patience.is_some_and(|until| until <= now) {
            self.patience = None;
            for at in std::mem::take(&mut self.waiting) {
                opened |= self.check(at, now);
            }
        }
        if self.transport.poll_timeout().is_some_and(|due| due <= now) {
            self.transport.handle_timeout(now);
            self.drain(Arrived { wall: moment.wall, bytes: 0 }, moment, counts);
        }
        if self.transport.send_path().is_some() {
            self.send_media(moment, counts);
        }
        opened
    }

    fn send_media(&mut self, moment: &Moment, counts: &mut Counts) {
        let now = moment.now;
        if let Some(due) = self.publisher.next_due().filter(|due| *due <= now) {
            if moment.window.contains(moment.wall) {
                counts.lateness.record(now.saturating_duration_since(due).as_nanos() as u64);
            }
            let mut out = Out { transport: &mut self.transport, socket: self.socket.as_ref(), counts };
            self.publisher.send_due(moment, wall_nanos, &mut out);
        }
        if let Some((channel, messages)) = &mut self.messages
            && let Some(message) = messages.next(moment, wall_nanos())
        {
            // A full queue is a loss, and is counted as one at the other end.
            let sent = self.transport.send_data(now, *channel, &message, true).is_ok();
            counts.sent += u64::from(sent);
            counts.unsent += u64::from(!sent);
            self.drain(Arrived { wall: moment.wall, bytes: 0 }, moment, counts);
        }
        self.scratch.clear();
        self.publisher.report(moment, &mut self.scratch);
        self.receiver.feed_back(self.publisher.first_ssrc(), now, &mut self.scratch, counts);
        if !self.scratch.is_empty() {
            let mut sealed = Vec::with_capacity(self.scratch.len() + 32);
            let to = self.transport.send_path();
            if let (Some(()), Some(to)) = (self.transport.seal_rtcp(&self.scratch, &mut sealed), to) {
                send(self.socket.as_ref(), to, &sealed, counts);
            }
        }
    }

    /// When [`Self::on_timeout`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        let connected = self.transport.send_path().is_some();
        let media = connected.then(|| {
            let messages = self.messages.as_ref().map(|(_, messages)| messages.next_due());
            let publisher = [self.publisher.next_due(), self.publisher.report_due()];
            [publisher[0], publisher[1], messages, self.receiver.next_due()].into_iter().flatten().min()
        });
        [self.transport.poll_timeout(), self.patience, media.flatten()].into_iter().flatten().min()
    }

    /// Says goodbye; nothing works afterwards.
    pub fn close(&mut self, moment: &Moment, counts: &mut Counts) {
        self.transport.close(moment.now);
        self.flush(counts);
    }

    /// A new window begins.
    pub fn open_window(&mut self) {
        self.publisher.open_window();
        self.receiver.open_window();
        if let Some((_, messages)) = &mut self.messages {
            messages.open_window();
        }
    }

    /// Its accounts.
    pub fn settle(&self, left: bool, sent: &mut Vec<TrackSent>, heard: &mut Vec<TrackHeard>) {
        self.publisher.sent(sent);
        sent.extend(self.messages.as_ref().map(|(_, messages)| messages.sent()));
        self.receiver.heard(left, heard);
    }

    /// Streams of which something has come.
    pub fn streams(&self) -> usize {
        self.receiver.subscriptions()
    }

    /// Packets repeated and key frames asked for.
    pub fn asked(&self) -> (u64, u64) {
        (self.publisher.repeated, self.publisher.key_requests)
    }

    /// Obeys what the transport says, and sends what it wants sent.
    pub fn drain(&mut self, arrived: Arrived, moment: &Moment, counts: &mut Counts) {
        while let Some(event) = self.transport.poll_event() {
            match event {
                TransportEvent::Connected(path) => {
                    if let Some(socket) = &mut self.socket {
                        socket.settle(path.remote);
                    }
                    self.tell(PeerEvent::Connected);
                }
                TransportEvent::DataChannelOpened { channel, label, .. } if label == RELIABLE => {
                    if let Some(track) = self.messages_track {
                        let phase = spread(self.seed, 4, Duration::from_millis(50));
                        self.messages.get_or_insert((channel, Messages::new(track, moment.now, phase)));
                    }
                }
                TransportEvent::Data { payload, .. } => {
                    let arrived = Arrived { bytes: payload.len(), ..arrived };
                    if self.receiver.on_message(&payload, arrived, moment, counts) {
                        self.tell(PeerEvent::FirstPacket);
                    }
                }
                TransportEvent::Failed(cause) => self.tell(PeerEvent::Failed(cause)),
                _ => {}
            }
        }
        self.flush(counts);
    }

    fn flush(&mut self, counts: &mut Counts) {
        let mut datagram = Vec::new();
        while let Some(to) = self.transport.poll_datagram(&mut datagram) {
            send(self.socket.as_ref(), to, &datagram, counts);
            datagram.clear();
        }
    }

    /// The task is behind only when it is gone.
    fn tell(&self, event: PeerEvent) {
        let _ = self.events.try_send(event);
    }
}

/// The way out of one participant.
struct Out<'a> {
    transport: &'a mut Transport,
    socket: Option<&'a Socket>,
    counts: &'a mut Counts,
}

impl PacketSink for Out<'_> {
    fn send(&mut self, packet: &mut [u8], len: usize, again: bool) {
        debug_assert!(packet.len() <= PACKET_ROOM);
        let sealed =
            if again { self.transport.seal_rtp_again(packet, len) } else { self.transport.seal_rtp(packet, len) };
        match (sealed, self.transport.send_path()) {
            (Some(sealed), Some(to)) => {
                self.counts.sent += 1;
                send(self.socket, to, &packet[..sealed], self.counts);
            }
            _ => self.counts.unsent += 1,
        }
    }
}

fn send(socket: Option<&Socket>, to: Path, datagram: &[u8], counts: &mut Counts) {
    let sent = socket.is_some_and(|socket| socket.send(to.remote, datagram));
    counts.unsent += u64::from(!sent);
}

fn path(remote: SocketAddr) -> Path {
    Path { socket: SocketId(0), remote, local_ip: None }
}

/// A time below `range` that depends on the seed, so that not everybody does everything at once.
pub fn spread(seed: u64, salt: u64, range: Duration) -> Duration {
    let mixed = (seed ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let share = (mixed >> 40) as f64 / f64::from(1u32 << 24);
    range.mul_f64(share)
}

//! The shard, its clients, and the link between them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::client::Client;
use super::sim::link::{Line, Link};
use super::sim::voice::Voice;
use super::video::Camera;
use crate::ids::{ForwarderId, MediaRoomId, MediaTrackId, ShardIndex, TransportId};
use crate::media::{
    Command, DatagramSink, Event, LayerTarget, Quality, RelaySink, Relayed, Segment, Shard, ShardConfig, TrackSpec,
    Tuning,
};
use crate::rtp::rtcp::build;
use crate::transport::{Certificate, Path, ReceiverSection, SenderSection, TransportEvent, TransportLimits};
use crate::units::{Bitrate, MediaKind, Mid, Ssrc, UnixTime};

pub const UNIX: UnixTime = UnixTime(1_700_000_000_000);

/// How often clients check, cameras aside.
const CHECKS: Duration = Duration::from_secs(2);

/// Making certificates is the dearest part of a test.
fn certificates() -> &'static [Arc<Certificate>; 2] {
    static MADE: OnceLock<[Arc<Certificate>; 2]> = OnceLock::new();
    MADE.get_or_init(|| std::array::from_fn(|_| Arc::new(Certificate::generate().unwrap())))
}

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub shard: Shard,
    /// A second shard, with ways to and from the first.
    pub beside: Option<Box<Shard>>,
    /// On which of the two each client is.
    pub homes: Vec<usize>,
    /// Share of what one shard has for the other that finds no room.
    pub full: f64,
    pub clients: Vec<Client>,
    pub cameras: Vec<Camera>,
    pub events: Vec<(Instant, Event)>,
    pub delay: Duration,
    /// Share of RTP lost, towards the shard and towards the clients.
    pub loss: [f64; 2],
    /// Lines of their own, from a client (true) or towards it; `delay` and `loss` are of everybody else's.
    pub links: BTreeMap<(bool, usize), Link>,
    /// Who talks.
    pub voices: Vec<Voice>,
    /// Sizes of the datagrams of each hand-over to the sink, RTP only.
    pub batches: Vec<Vec<usize>>,
    pub rng: SmallRng,
    link: BTreeMap<(Instant, u64), (bool, usize, Vec<u8>)>,
    next_checks: Instant,
    serial: u64,
    config: ShardConfig,
}

pub struct Collect(pub Vec<(Path, Vec<Vec<u8>>)>);

impl DatagramSink for Collect {
    fn send(&mut self, path: Path, arena: &[u8], segments: &[Segment]) {
        assert!(!segments.is_empty());
        let datagram = |segment: &Segment| {
            arena[segment.start as usize..segment.start as usize + usize::from(segment.len)].to_vec()
        };
        let datagrams: Vec<Vec<u8>> = segments.iter().map(datagram).collect();
        if is_rtp(&datagrams[0]) {
            let adjacent = segments.windows(2).all(|pair| pair[0].start + u32::from(pair[0].len) == pair[1].start);
            assert!(adjacent, "media lies side by side");
        }
        self.0.push((path, datagrams));
    }
}

/// The way from one shard to another.
struct Way<'a> {
    to: &'a mut Shard,
    now: Instant,
    full: f64,
    rng: &'a mut SmallRng,
}

impl RelaySink for Way<'_> {
    fn relay(&mut self, _: ShardIndex, message: Relayed<'_>) -> bool {
        if self.rng.random_bool(self.full) {
            return false;
        }
        self.to.relayed(self.now, message);
        true
    }
}

pub fn is_rtp(datagram: &[u8]) -> bool {
    (128..192).contains(&datagram[0]) && !(192..224).contains(&datagram[1])
}

/// The usual settings but for this: these clients give no transport-wide feedback, and what they ask for is what they
/// get. Layers that follow the way are the simulation's subject.
pub fn fixed_layers() -> Tuning {
    Tuning { adaptive_video: false, ..Tuning::default() }
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::tuned(seed, fixed_layers())
    }

    /// A world whose shard has other than the usual settings.
    pub fn tuned(seed: u64, tuning: Tuning) -> Self {
        let start = Instant::now();
        let config = ShardConfig {
            tuning,
            certificate: certificates()[0].clone(),
            limits: TransportLimits::default(),
            start,
            start_unix: UNIX,
        };
        Self {
            now: start,
            start,
            shard: Shard::new(config.clone(), seed),
            config,
            beside: None,
            homes: Vec::new(),
            full: 0.0,
            clients: Vec::new(),
            cameras: Vec::new(),
            events: Vec::new(),
            delay: Duration::from_millis(10),
            loss: [0.0; 2],
            links: BTreeMap::new(),
            voices: Vec::new(),
            batches: Vec::new(),
            rng: SmallRng::seed_from_u64(seed),
            link: BTreeMap::new(),
            next_checks: start,
            serial: 0,
        }
    }

    /// The same world with a second shard of the same settings.
    pub fn of_two_shards(mut self) -> Self {
        self.beside = Some(Box::new(Shard::new(self.config.clone(), 7)));
        self
    }

    /// A world with `count` connected clients in room 1.
    pub fn connected(seed: u64, count: usize) -> Self {
        Self::new(seed).with_clients(count)
    }

    /// So many connected clients more.
    pub fn with_clients(mut self, count: usize) -> Self {
        for _ in 0..count {
            self.join();
        }
        self.run_until("all connected", |world| world.clients.iter().all(|client| client.connected));
        self
    }

    /// A new client, whose description the shard has.
    pub fn join(&mut self) -> usize {
        self.join_on(0)
    }

    /// The same on one of the two shards.
    pub fn join_on(&mut self, home: usize) -> usize {
        let number = self.clients.len() as u64 + 1;
        let [server, client] = certificates();
        let client = Client::new(self.now, number, client.clone(), server);
        let (id, ice) = (client.id, client.server_ice.clone());
        self.command_to(home, Command::AddTransport { id, room: MediaRoomId(1), ice });
        self.command_to(home, Command::SetRemote { id, remote: Box::new(client.remote()) });
        self.clients.push(client);
        self.homes.push(home);
        self.check(number as usize - 1);
        number as usize - 1
    }

    pub fn leave(&mut self, client: usize) {
        self.clients[client].gone = true;
        let id = self.clients[client].id;
        self.command_to(self.homes[client], Command::RemoveTransport(id));
    }

    pub fn id(&self, client: usize) -> TransportId {
        self.clients[client].id
    }

    pub fn command(&mut self, command: Command) {
        self.command_to(0, command);
    }

    pub fn command_to(&mut self, home: usize, command: Command) {
        let now = self.now;
        self.shard_of(home).command(now, UNIX, command);
    }

    fn shard_of(&mut self, home: usize) -> &mut Shard {
        match &mut self.beside {
            Some(beside) if home == 1 => beside,
            _ => &mut self.shard,
        }
    }

    pub fn receivers(&mut self, client: usize, receivers: Vec<ReceiverSection>) {
        let id = self.id(client);
        self.command_to(self.homes[client], Command::SetReceivers { id, receivers });
    }

    pub fn senders(&mut self, client: usize, senders: Vec<SenderSection>) {
        let id = self.id(client);
        self.command_to(self.homes[client], Command::SetSenders { id, senders });
    }

    pub fn publish(&mut self, client: usize, track: u64, mid: &str, kind: MediaKind) {
        let transport = self.id(client);
        let spec = TrackSpec { kind, layers: Vec::new(), muted: false, encrypted: false, codecs: Vec::new() };
        let mid = Mid::from(mid).unwrap();
        self.command_to(self.homes[client], Command::AddTrack { transport, track: MediaTrackId(track), mid, spec });
    }

    pub fn subscribe(&mut self, client: usize, track: u64, forwarder: u64, quality: Quality) {
        let transport = self.id(client);
        self.command_to(
            self.homes[client],
            Command::AddForwarder {
                id: ForwarderId(forwarder),
                track: MediaTrackId(track),
                transport,
                target: LayerTarget { quality, ..LayerTarget::default() },
            },
        );
    }

    pub fn want(&mut self, forwarder: u64, quality: Quality) {
        let target = LayerTarget { quality, ..LayerTarget::default() };
        self.command(Command::SetTarget { id: ForwarderId(forwarder), target });
    }

    /// Puts a datagram of a client on the link.
    pub fn send(&mut self, client: usize, datagram: Vec<u8>) {
        if is_rtp(&datagram) && self.rng.random_bool(self.loss[0]) {
            return;
        }
        self.put(true, client, datagram);
    }

    /// Seals and sends one plaintext RTP packet of a client.
    pub fn send_rtp(&mut self, client: usize, packet: Vec<u8>) {
        if let Some(sealed) = self.clients[client].seal(packet) {
            self.send(client, sealed);
        }
    }

    pub fn put(&mut self, to_shard: bool, client: usize, datagram: Vec<u8>) {
        self.serial += 1;
        // What DTLS and SCTP send has their own randomness in it, down to its length: it goes by, untouched, so that the
        // seed of a line decides over everything else.
        let dtls = (20..64).contains(&datagram[0]);
        let Some(link) = self.links.get_mut(&(to_shard, client)).filter(|_| !dtls) else {
            self.link.insert((self.now + self.delay, self.serial), (to_shard, client, datagram));
            return;
        };
        // Test clients' video has these payload types.
        let audio = is_rtp(&datagram).then(|| !matches!(datagram[1] & 0x7F, 96 | 97 | 120 | 121));
        for at in link.pass(self.now, datagram.len(), audio) {
            self.link.insert((at, self.serial), (to_shard, client, datagram.clone()));
            self.serial += 1;
        }
    }

    /// A line of its own from a client (true) or towards it.
    pub fn set_line(&mut self, to_shard: bool, client: usize, line: Line) {
        let seed = self.rng.random();
        self.links.insert((to_shard, client), Link::new(seed, line));
    }

    /// A client tells what it believes that it can receive.
    pub fn remb(&mut self, client: usize, bitrate: Bitrate) {
        let remb = self.clients[client].seal_rtcp(|out| {
            build::receiver_report(out, Ssrc(1), &[]);
            build::remb(out, Ssrc(1), bitrate, &[Ssrc(9000)]);
        });
        self.put(true, client, remb);
    }

    /// Takes what clients have sent and `wanted` picks off the link, as if it all had arrived: with its sender's path.
    pub fn intercept(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Vec<(Path, Vec<u8>)> {
        let picked =
            |(_, (to_shard, _, datagram)): &(&(Instant, u64), &(bool, usize, Vec<u8>))| *to_shard && wanted(datagram);
        let keys: Vec<_> = self.link.iter().filter(picked).map(|(key, _)| *key).collect();
        let taken = keys.iter().filter_map(|key| self.link.remove(key));
        taken.map(|(_, client, datagram)| (self.clients[client].path, datagram)).collect()
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    pub fn run_until(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        let end = self.now + Duration::from_secs(30);
        while !done(self) {
            assert!(self.step(end), "not {what} within half a minute");
        }
    }

    pub fn count(&self, what: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| what(event)).count()
    }

    fn check(&mut self, client: usize) {
        let now = self.now;
        self.clients[client].accept_server(now);
        let check = self.clients[client].check();
        self.put(true, client, check);
    }

    fn step(&mut self, end: Instant) -> bool {
        self.pump();
        let arrival = self.link.first_key_value().map(|((at, _), _)| *at);
        let clients = self.clients.iter().filter(|client| !client.gone);
        let due = clients.filter_map(Client::next_timeout).min();
        let cameras = self.cameras.iter().map(|camera| camera.next_frame).min();
        let voices = self.voices.iter().map(|voice| voice.next).min();
        let beside = self.beside.as_ref().and_then(|shard| shard.next_timeout());
        let next = [arrival, due, self.shard.next_timeout(), beside, cameras, voices, Some(self.next_checks)];
        let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        // Datagrams that arrive within the gathering time are one batch.
        let until = self.now + Duration::from_millis(1);
        while let Some(entry) = self.link.first_entry()
            && entry.key().0 <= until
            && arrival == Some(next)
        {
            let at = entry.key().0.max(self.now);
            let (to_shard, client, mut datagram) = entry.remove();
            if to_shard {
                let path = self.clients[client].path;
                let now = self.now;
                self.shard_of(self.homes[client]).datagram(now, path, &mut datagram);
            } else if !self.clients[client].gone {
                self.clients[client].handle(at, &mut datagram);
            }
        }
        if self.next_checks <= self.now {
            self.next_checks = self.now + CHECKS;
            for client in 0..self.clients.len() {
                if !self.clients[client].gone {
                    self.check(client);
                }
            }
        }
        self.run_cameras();
        self.run_voices();
        let now = self.now;
        for client in self.clients.iter_mut().filter(|client| !client.gone) {
            if client.transport.poll_timeout().is_some_and(|due| due <= now) {
                client.transport.handle_timeout(now);
            }
        }
        for index in 0..self.clients.len() {
            for compound in self.clients[index].feedback(now) {
                self.put(true, index, compound);
            }
        }
        self.pump();
        true
    }

    fn run_cameras(&mut self) {
        let mut cameras = std::mem::take(&mut self.cameras);
        for camera in &mut cameras {
            camera.listen(&mut self.clients[camera.client]);
            for packet in camera.retransmissions() {
                self.send_rtp(camera.client, packet);
            }
            while camera.next_frame <= self.now {
                for packet in camera.frame() {
                    self.send_rtp(camera.client, packet);
                }
            }
        }
        self.cameras = cameras;
    }

    fn run_voices(&mut self) {
        let now = self.now;
        let mut voices = std::mem::take(&mut self.voices);
        for voice in voices.iter_mut().filter(|voice| voice.next <= now) {
            let packet = voice.packet();
            self.send_rtp(voice.client, packet);
        }
        self.voices = voices;
    }

    /// Carries what each of the two shards has for the other.
    fn relay(&mut self) {
        let now = self.now;
        let Some(beside) = &mut self.beside else { return };
        beside.timeout(now);
        let (full, rng) = (self.full, &mut self.rng);
        self.shard.relay(&mut Way { to: beside, now, full, rng });
        beside.relay(&mut Way { to: &mut self.shard, now, full, rng });
    }

    /// Lets everybody do what is due and puts everything that waits on the link.
    pub fn pump(&mut self) {
        let now = self.now;
        self.shard.timeout(now);
        if self.beside.is_some() {
            self.relay();
        }
        let mut sink = Collect(Vec::new());
        self.shard.flush(now, &mut sink);
        assert_eq!(self.shard.queued_since(), None);
        if let Some(beside) = &mut self.beside {
            beside.flush(now, &mut sink);
            self.events.extend(beside.drain_events().map(|event| (now, event)));
        }
        for (path, datagrams) in sink.0 {
            let client = self.clients.iter().rposition(|client| client.path.remote == path.remote);
            let client = client.expect("only to known addresses");
            if is_rtp(&datagrams[0]) {
                self.batches.push(datagrams.iter().map(Vec::len).collect());
            }
            for datagram in datagrams {
                if is_rtp(&datagram) && self.rng.random_bool(self.loss[1]) {
                    continue;
                }
                self.put(false, client, datagram);
            }
        }
        self.events.extend(self.shard.drain_events().map(|event| (now, event)));
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if client.gone {
                continue;
            }
            while let Some(event) = client.transport.poll_event() {
                client.connected |= matches!(event, TransportEvent::Connected(_));
                client.events.push(event);
            }
            let mut datagram = Vec::new();
            let mut waiting = Vec::new();
            while client.transport.poll_datagram(&mut datagram).is_some() {
                waiting.push(std::mem::take(&mut datagram));
            }
            // Its answers to the shard's checks, which the test wrote, go nowhere.
            for datagram in waiting.into_iter().filter(|datagram| datagram[0] > 3) {
                self.put(true, index, datagram);
            }
        }
    }
}

//! The server's transport, a test client, and a link between them, in virtual time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayString;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::peer::Peer;
use super::*;
use crate::transport::certificate::Certificate;
use crate::transport::section::SctpParams;

/// A datagram under way.
type Flying = (bool, Path, Vec<u8>);

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub server: Transport,
    pub server_ice: IceCredentials,
    pub client: Peer,
    pub events: Vec<TransportEvent>,
    /// Opened RTP and RTCP of the client, and of the server as the client got it.
    pub at_server: Vec<Vec<u8>>,
    pub at_client: Vec<Vec<u8>>,
    pub loss: f64,
    pub delay: Duration,
    /// Paths on which nothing arrives, either way.
    pub cut: Vec<Path>,
    /// The owner of the server's transport takes no events.
    pub lazy_owner: bool,
    /// By time of arrival: to the server or not, over which path, what.
    pub link: BTreeMap<Reverse<(Instant, u64)>, Flying>,
    sent: u64,
    rng: SmallRng,
}

pub fn credentials(name: &str) -> IceCredentials {
    let pwd = format!("{name}-password-of-32-characters-or-so");
    IceCredentials { ufrag: ArrayString::from(name).unwrap(), pwd: ArrayString::from(&pwd).unwrap() }
}

pub fn path(remote: &str) -> Path {
    Path { socket: SocketId(0), remote: remote.parse().unwrap(), local_ip: None }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let start = Instant::now();
        let server_ice = credentials("server");
        let certificate = Arc::new(Certificate::generate().unwrap());
        let params = TransportParams { ice: server_ice.clone(), certificate, seed, limits: TransportLimits::default() };
        Self {
            now: start,
            start,
            server: Transport::new(start, params),
            client: Peer::new(start, path("192.0.2.1:1000"), server_ice.clone(), seed),
            server_ice,
            events: Vec::new(),
            at_server: Vec::new(),
            at_client: Vec::new(),
            loss: 0.0,
            delay: Duration::from_millis(20),
            cut: Vec::new(),
            lazy_owner: false,
            link: BTreeMap::new(),
            sent: 0,
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// A world whose server knows the client's description.
    pub fn introduced(seed: u64) -> Self {
        let mut world = Self::new(seed);
        let remote = world.remote();
        world.server.set_remote(world.now, &remote).unwrap();
        world
    }

    /// A world in which the connection stands.
    pub fn connected(seed: u64) -> Self {
        let mut world = Self::introduced(seed);
        world.run_until("connected", |world| world.is_connected());
        world
    }

    pub fn remote(&self) -> RemoteTransport {
        RemoteTransport {
            ice: credentials("client"),
            fingerprint: self.client.certificate.fingerprint(),
            role: DtlsRole::Passive,
            sctp: Some(SctpParams { port: 5000, max_message_size: 262_144 }),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.client.gained.connected && self.events.iter().any(|event| matches!(event, TransportEvent::Connected(_)))
    }

    pub fn has(&self, event: &TransportEvent) -> bool {
        self.events.contains(event)
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
        self.flush();
    }

    /// Runs until `done`; fails after a minute of virtual time.
    pub fn run_until(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        let end = self.now + Duration::from_secs(60);
        loop {
            self.flush();
            if done(self) {
                return;
            }
            assert!(self.step(end), "not {what} within a minute: {:?}", self.events);
        }
    }

    /// Puts a datagram on the link, towards the server or the client.
    pub fn send(&mut self, to_server: bool, path: Path, datagram: Vec<u8>) {
        if self.cut.contains(&path) || self.rng.random_bool(self.loss) {
            return;
        }
        self.sent += 1;
        self.link.insert(Reverse((self.now + self.delay, self.sent)), (to_server, path, datagram));
    }

    pub fn server_rtp(&mut self, ssrc: u32, seq: u16, payload: &[u8]) -> bool {
        let mut packet = super::peer::plain_rtp(ssrc, seq, payload);
        let len = packet.len();
        packet.resize(len + self.server.rtp_overhead(), 0);
        let Some(path) = self.server.send_path() else { return false };
        let Some(len) = self.server.seal_rtp(&mut packet, len) else { return false };
        packet.truncate(len);
        self.send(false, path, packet);
        true
    }

    pub fn client_rtp(&mut self, ssrc: u32, seq: u16, payload: &[u8]) {
        let packet = self.client.rtp(ssrc, seq, payload);
        let path = self.client.paths[0];
        self.send(true, path, packet);
    }

    pub fn open_channels(&self) -> impl Iterator<Item = (ChannelId, &str)> {
        self.events.iter().filter_map(|event| match event {
            TransportEvent::DataChannelOpened { channel, label, .. } => Some((*channel, label.as_str())),
            _ => None,
        })
    }

    /// Everything that is waiting on either side goes out.
    pub fn flush(&mut self) {
        let mut datagram = Vec::new();
        while let Some(path) = self.client.pop(&mut datagram) {
            self.send(true, path, std::mem::take(&mut datagram));
        }
        while let Some(path) = self.server.poll_datagram(&mut datagram) {
            assert!(datagram.len() <= 1200, "{} bytes in a datagram", datagram.len());
            self.send(false, path, std::mem::take(&mut datagram));
        }
        while !self.lazy_owner
            && let Some(event) = self.server.poll_event()
        {
            self.events.push(event);
        }
        while let Some(path) = self.server.poll_datagram(&mut datagram) {
            self.send(false, path, std::mem::take(&mut datagram));
        }
    }

    fn step(&mut self, end: Instant) -> bool {
        self.flush();
        let arrival = self.link.last_key_value().map(|(Reverse((at, _)), _)| *at);
        let due = [arrival, self.server.poll_timeout(), self.client.poll_timeout()];
        let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        if arrival == Some(next) {
            let (_, (to_server, path, mut datagram)) = self.link.pop_last().unwrap();
            if to_server {
                let inbound = self.server.handle_datagram(self.now, path, &mut datagram);
                if let Inbound::Rtp(packet) | Inbound::Rtcp(packet) = inbound {
                    self.at_server.push(packet.to_vec());
                }
            } else if let Some(packet) = self.client.handle(self.now, path, &mut datagram) {
                self.at_client.push(packet);
            }
        } else {
            self.server.handle_timeout(self.now);
            self.client.handle_timeout(self.now);
        }
        true
    }
}

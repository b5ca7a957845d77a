//! A shard with connected peers, in virtual time and without a kernel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis::ids::{MediaRoomId, TransportId};
use visavis::media::{Command, DatagramSink, Segment, Shard, ShardConfig, Tuning};
use visavis::transport::{
    Certificate, DtlsRole, IceCredentials, Path, RemoteTransport, SocketId, Transport, TransportEvent, TransportLimits,
    TransportParams,
};
use visavis::units::UnixTime;

/// Counts and throws away.
#[derive(Default)]
pub struct Sink {
    kept: Vec<(Path, Vec<u8>)>,
    keep: bool,
    pub datagrams: u64,
}

impl DatagramSink for Sink {
    fn send(&mut self, path: Path, arena: &[u8], segments: &[Segment]) {
        self.datagrams += segments.len() as u64;
        if self.keep {
            let bytes = |it: &Segment| arena[it.start as usize..it.start as usize + usize::from(it.len)].to_vec();
            self.kept.extend(segments.iter().map(|segment| (path, bytes(segment))));
        }
    }
}

pub struct Peer {
    pub transport: Transport,
    pub path: Path,
    connected: bool,
}

/// A shard and who is connected to it.
pub struct World {
    pub shard: Shard,
    pub peers: Vec<Peer>,
    pub now: Instant,
}

fn server() -> Path {
    Path { socket: SocketId(0), remote: "192.0.2.1:7882".parse().unwrap(), local_ip: None }
}

fn credentials(name: &str) -> IceCredentials {
    let text = |text: &str| text.parse().unwrap();
    IceCredentials { ufrag: text(name), pwd: text(&format!("{name}-password-of-32-characters-or-so")) }
}

impl World {
    /// A shard with so many connected peers.
    pub fn new(peers: usize) -> Self {
        let certificate = Arc::new(Certificate::generate().unwrap());
        let now = Instant::now();
        let limits = TransportLimits::default();
        // Nobody reports on what came, so nothing may depend on reports.
        let tuning = Tuning { adaptive_video: false, ..Tuning::default() };
        let start_unix = UnixTime(0);
        let config = ShardConfig { certificate: certificate.clone(), limits, tuning, start: now, start_unix };
        let mut world = Self { shard: Shard::new(config, 1), peers: Vec::new(), now };
        let server = server();
        for number in 0..peers {
            let [ours, theirs] = [format!("server{number}"), format!("client{number}")].map(|name| credentials(&name));
            let (certificate, seed) = (certificate.clone(), number as u64);
            let fingerprint = certificate.fingerprint();
            let params = TransportParams { ice: theirs.clone(), certificate, seed, limits };
            let mut transport = Transport::client(now, params);
            let remote = |ice, role| RemoteTransport { ice, fingerprint, role, sctp: None };
            transport.set_remote(now, &remote(ours.clone(), DtlsRole::Active)).unwrap();
            transport.add_candidate(now, server);
            let id = TransportId(number as u64);
            world.command(Command::AddTransport { id, room: MediaRoomId(1), ice: ours });
            world.command(Command::SetRemote { id, remote: Box::new(remote(theirs, DtlsRole::Passive)) });
            let remote = format!("198.51.100.{}:{}", number % 250, 2000 + number).parse().unwrap();
            world.peers.push(Peer { transport, path: Path { remote, ..server }, connected: false });
        }
        while !world.peers.iter().all(|peer| peer.connected) {
            world.now += Duration::from_millis(5);
            world.exchange();
        }
        world
    }

    pub fn command(&mut self, command: Command) {
        self.shard.command(self.now, UnixTime(0), command);
    }

    /// Whatever waits on either side arrives at the other: handshakes, and the checks that keep a connection alive.
    pub fn exchange(&mut self) {
        let server = server();
        for peer in &mut self.peers {
            peer.transport.handle_timeout(self.now);
            let mut datagram = Vec::new();
            while peer.transport.poll_datagram(&mut datagram).is_some() {
                self.shard.datagram(self.now, peer.path, &mut std::mem::take(&mut datagram));
            }
        }
        let mut sink = Sink { keep: true, ..Sink::default() };
        loop {
            self.shard.timeout(self.now);
            self.shard.flush(self.now, &mut sink);
            if self.shard.next_timeout().is_none_or(|due| due > self.now) {
                break;
            }
        }
        for (path, mut datagram) in sink.kept {
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.path == path) {
                peer.transport.handle_datagram(self.now, server, &mut datagram);
            }
        }
        for peer in &mut self.peers {
            while let Some(event) = peer.transport.poll_event() {
                peer.connected |= matches!(event, TransportEvent::Connected(_));
            }
        }
    }
}

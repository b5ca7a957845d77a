//! A client's transport against a server's, and against one that checks as well (a server with full ICE).

use std::sync::Arc;
use std::time::Duration;

use super::world::{credentials, path};
use super::*;
use crate::transport::certificate::Certificate;
use crate::transport::section::SctpParams;

struct Side {
    transport: Transport,
    events: Vec<TransportEvent>,
    /// Where the other side sees it.
    path: Path,
    rtp: Vec<Vec<u8>>,
}

fn params(name: &str, certificate: &Arc<Certificate>, seed: u64) -> TransportParams {
    let limits = TransportLimits::default();
    TransportParams { ice: credentials(name), certificate: Arc::clone(certificate), seed, limits }
}

struct Pair {
    now: Instant,
    sides: [Side; 2],
}

impl Pair {
    /// The first is a client; the second whatever `make` makes of its parameters. `role` is the client's.
    fn new(make: fn(Instant, TransportParams) -> Transport, role: DtlsRole) -> Self {
        let now = Instant::now();
        let certificates = [(); 2].map(|()| Arc::new(Certificate::generate().unwrap()));
        let names = ["client", "server"];
        let paths = [path("192.0.2.1:1000"), path("203.0.113.1:7882")];
        let side = |at: usize, transport: Transport| Side { transport, events: vec![], path: paths[at], rtp: vec![] };
        let mut sides = [
            side(0, Transport::client(now, params(names[0], &certificates[0], 1))),
            side(1, make(now, params(names[1], &certificates[1], 2))),
        ];
        let other = if role == DtlsRole::Active { DtlsRole::Passive } else { DtlsRole::Active };
        for (at, role) in [(0, role), (1, other)] {
            let remote = RemoteTransport {
                ice: credentials(names[1 - at]),
                fingerprint: certificates[1 - at].fingerprint(),
                role,
                sctp: Some(SctpParams { port: 5000, max_message_size: 65_536 }),
            };
            sides[at].transport.set_remote(now, &remote).unwrap();
        }
        let params = DataChannelParams { label: "_reliable".into(), ordered: true, max_retransmits: None };
        sides[0].transport.open_data_channel(now, &params);
        Self { now, sides }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(1);
            for at in 0..2 {
                let from = self.sides[at].path;
                if self.sides[at].transport.poll_timeout().is_some_and(|due| due <= self.now) {
                    self.sides[at].transport.handle_timeout(self.now);
                }
                let mut datagram = Vec::new();
                while let Some(to) = self.sides[at].transport.poll_datagram(&mut datagram) {
                    let sent = std::mem::take(&mut datagram);
                    // Only one address of the server's exists.
                    if to == self.sides[1 - at].path {
                        self.arrive(1 - at, from, sent);
                    }
                }
                while let Some(event) = self.sides[at].transport.poll_event() {
                    self.sides[at].events.push(event);
                }
            }
        }
    }

    fn arrive(&mut self, at: usize, from: Path, mut datagram: Vec<u8>) {
        let side = &mut self.sides[at];
        if let Inbound::Rtp(packet) = side.transport.handle_datagram(self.now, from, &mut datagram) {
            side.rtp.push(packet.to_vec());
        }
    }

    fn connected(&self) -> [bool; 2] {
        [0, 1].map(|at| self.sides[at].events.iter().any(|event| matches!(event, TransportEvent::Connected(_))))
    }

    fn media_flows_from(&mut self, at: usize) -> bool {
        let mut packet = peer::plain_rtp(5, 1, b"media");
        let len = packet.len();
        packet.resize(len + self.sides[at].transport.rtp_overhead(), 0);
        let sealed = self.sides[at].transport.seal_rtp(&mut packet, len).unwrap();
        packet.truncate(sealed);
        let from = self.sides[at].path;
        self.arrive(1 - at, from, packet);
        self.sides[1 - at].rtp.pop().is_some()
    }
}

#[test]
fn a_client_checks_nominates_and_connects_in_either_dtls_role_to_a_server_of_either_kind() {
    for make in [Transport::new as fn(_, _) -> _, Transport::client] {
        for role in [DtlsRole::Active, DtlsRole::Passive] {
            let mut pair = Pair::new(make, role);
            let (now, server) = (pair.now, pair.sides[1].path);
            for candidate in [path("198.51.100.9:1"), server] {
                pair.sides[0].transport.add_candidate(now, candidate);
            }
            pair.run(Duration::from_secs(3));
            assert_eq!(pair.connected(), [true, true]);
            assert_eq!(pair.sides[0].transport.send_path(), Some(server));
            assert!(pair.media_flows_from(0) && pair.media_flows_from(1));
            for side in &pair.sides {
                let opened = |event: &&TransportEvent| matches!(event, TransportEvent::DataChannelOpened { .. });
                assert_eq!(side.events.iter().filter(opened).count(), 1);
            }
        }
    }
}

#[test]
fn a_client_keeps_the_servers_consent_and_notices_when_it_is_gone() {
    let mut pair = Pair::new(Transport::new, DtlsRole::Active);
    let (now, server) = (pair.now, pair.sides[1].path);
    pair.sides[0].transport.add_candidate(now, server);
    pair.run(Duration::from_secs(40));
    let lost = |event: &&TransportEvent| matches!(event, TransportEvent::ConsentLost | TransportEvent::Failed(_));
    assert_eq!(pair.sides.iter().flat_map(|side| &side.events).find(lost), None);
    // It is no longer where it was.
    pair.sides[1].path = path("203.0.113.2:7882");
    pair.run(Duration::from_secs(20));
    let expired = TransportEvent::Failed(FailureCause::ConsentExpired);
    assert!(pair.sides.iter().all(|side| side.events.contains(&expired)));
}

#[test]
fn a_client_without_an_answer_gives_up() {
    let mut pair = Pair::new(Transport::new, DtlsRole::Active);
    let now = pair.now;
    pair.sides[0].transport.add_candidate(now, path("198.51.100.9:1"));
    pair.run(Duration::from_secs(21));
    assert!(pair.sides[0].events.contains(&TransportEvent::Failed(FailureCause::IceTimeout)));
    assert_eq!(pair.connected(), [false, false]);
}

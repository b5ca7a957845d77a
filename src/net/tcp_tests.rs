//! ICE-TCP connections against a table that is turned by hand.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::thread::sleep;

use mio::{Events, Poll};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

/// A STUN binding request whose user name begins with a ufrag of this shard.
pub(in crate::net) fn check_for(shard: u16) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(7);
    let name = format!("{}:peer", ufrag::credentials(ShardIndex(shard), &mut rng).ufrag);
    let padded = name.len().next_multiple_of(4);
    let mut stun = vec![0, 1];
    stun.extend((padded as u16 + 4).to_be_bytes());
    stun.extend([0x21, 0x12, 0xA4, 0x42]);
    stun.extend([9; 12]);
    stun.extend([0, 6]);
    stun.extend((name.len() as u16).to_be_bytes());
    stun.extend(name.as_bytes());
    stun.resize(24 + padded, 0);
    stun
}

pub(in crate::net) fn framed(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u16).to_be_bytes()[..], payload].concat()
}

struct Rig {
    table: TcpTable,
    poll: Poll,
    counters: TcpCounters,
    now: Instant,
    received: Vec<(Path, Vec<u8>)>,
    handed: Vec<(ShardIndex, Handover)>,
    address: SocketAddr,
}

impl Rig {
    fn new(limits: TcpLimits) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        Self {
            table: TcpTable::new(ShardIndex(0), limits, Quota::new(limits), vec![listener]),
            poll: Poll::new().unwrap(),
            counters: TcpCounters::default(),
            now: Instant::now(),
            received: Vec::new(),
            handed: Vec::new(),
            address,
        }
    }

    fn connect(&mut self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        self.turn();
        stream
    }

    fn turn(&mut self) {
        sleep(Duration::from_millis(5));
        let mut events = Events::with_capacity(256);
        self.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        for event in &events {
            let id = SocketId(event.token().0 as u32);
            self.table.ready(id, event.is_readable(), event.is_writable(), &mut self.counters);
        }
        self.table.acceptable();
        loop {
            self.table.turn(Inward {
                now: self.now,
                registry: self.poll.registry(),
                counters: &mut self.counters,
                datagram: &mut |path, bytes| self.received.push((path, bytes.to_vec())),
                hand_over: &mut |shard, connection| {
                    let known = shard.0 < 2;
                    if known {
                        self.handed.push((shard, connection));
                    }
                    known
                },
            });
            if !self.table.has_work() {
                break;
            }
        }
    }

    fn send(&mut self, id: SocketId, datagram: &[u8]) {
        let segment = Segment { start: 0, len: datagram.len() as u16 };
        self.table.send(id, datagram, &[segment], &mut self.counters);
    }
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn frames_in_pieces_arrive_whole_and_answers_are_framed() {
    let mut rig = Rig::new(TcpLimits::default());
    let mut client = rig.connect();
    client.set_nodelay(true).unwrap();
    let check = check_for(0);
    let stream = [framed(&check), framed(&[22; 1400]), framed(&[128; 60])].concat();
    for part in stream.chunks(97) {
        client.write_all(part).unwrap();
        rig.turn();
    }
    let payloads: Vec<_> = rig.received.iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(payloads, [check, vec![22; 1400], vec![128; 60]]);
    let path = rig.received[0].0;
    assert!(path.socket.is_tcp());
    assert_eq!((path.remote, path.local_ip), (client.local_addr().unwrap(), None));

    rig.send(path.socket, b"answer");
    let mut answer = [0; 8];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\0\x06answer");
    assert_eq!((rig.counters.received, rig.counters.sent, rig.counters.open), (3, 1, 1));
}

#[test]
fn a_first_frame_that_is_no_check_for_us_closes() {
    let unknown = {
        let mut check = check_for(0);
        check[24..26].copy_from_slice(b"Zz");
        check
    };
    for first in [&[22; 100][..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &check_for(9), &unknown] {
        let mut rig = Rig::new(TcpLimits::default());
        let mut client = rig.connect();
        client.write_all(&framed(first)).unwrap();
        rig.turn();
        assert!(is_closed(&mut client));
        assert!(rig.received.is_empty());
        assert_eq!(rig.table.take_closed(), None, "the core never knew it");
        assert_eq!(rig.counters.open, 0);
    }
}

#[test]
fn empty_and_oversized_frames_close_and_the_core_is_told() {
    for bad in [[0, 0], [8, 1], [255, 255]] {
        let mut rig = Rig::new(TcpLimits::default());
        let mut client = rig.connect();
        client.write_all(&framed(&check_for(0))).unwrap();
        client.write_all(&bad).unwrap();
        rig.turn();
        assert!(is_closed(&mut client));
        assert_eq!(rig.table.take_closed(), Some(rig.received[0].0.socket));
        assert_eq!(rig.counters.closed_bad_frame, 1);
    }
}

#[test]
fn who_proves_nothing_in_time_is_closed_however_much_it_says() {
    let mut rig = Rig::new(TcpLimits::default());
    let mut silent = rig.connect();
    let mut slow = rig.connect();
    let mut noisy = rig.connect();
    let mut honest = rig.connect();
    noisy.write_all(&framed(&check_for(0))).unwrap();
    rig.turn();
    honest.write_all(&framed(&check_for(0))).unwrap();
    rig.turn();
    let id = rig.received.last().unwrap().0.socket;
    rig.send(id, b"answer");

    for byte in framed(&check_for(0)).into_iter().take(20) {
        rig.now += Duration::from_millis(600);
        // Writing fails once they are closed.
        let _ = slow.write_all(&[byte]);
        let _ = noisy.write_all(&framed(&check_for(0)));
        rig.turn();
    }
    assert!(is_closed(&mut silent) && is_closed(&mut slow) && is_closed(&mut noisy));
    assert_eq!((rig.counters.closed_idle, rig.counters.open), (3, 1));
    let next = rig.table.next_timeout().unwrap();
    assert!(next > rig.now && next <= rig.now + SWEEP);

    rig.now += IDLE_TIME;
    rig.turn();
    assert_eq!((rig.counters.closed_idle, rig.counters.open), (4, 0), "and silence ends a proven one");
    assert_eq!(rig.table.next_timeout(), None);
}

#[test]
fn the_oldest_stranger_makes_room_and_participants_stay() {
    let limits = TcpLimits { connections: 3, ..TcpLimits::default() };
    let mut rig = Rig::new(limits);
    let mut participant = rig.connect();
    participant.write_all(&framed(&check_for(0))).unwrap();
    rig.turn();
    let id = rig.received[0].0.socket;
    rig.send(id, b"hello");
    let mut streams = Vec::new();
    for _ in 0..4 {
        rig.now += Duration::from_millis(10);
        streams.push(rig.connect());
    }
    assert_eq!((rig.counters.open, rig.counters.closed_evicted), (3, 2));
    assert!(is_closed(&mut streams[0]) && is_closed(&mut streams[1]));
    participant.write_all(&framed(b"\x80still here..")).unwrap();
    rig.turn();
    assert_eq!(rig.received.len(), 2);
}

#[test]
fn one_address_has_a_bounded_number_of_connections() {
    let limits = TcpLimits { unproven_per_address: 2, ..TcpLimits::default() };
    let mut rig = Rig::new(limits);
    let _first = [rig.connect(), rig.connect()];
    assert!(is_closed(&mut rig.connect()));
    assert_eq!((rig.counters.accepted, rig.counters.refused), (2, 1));
}

#[test]
fn a_connection_of_another_shard_moves_there_with_its_first_frame() {
    let mut rig = Rig::new(TcpLimits::default());
    let mut client = rig.connect();
    client.write_all(&[framed(&check_for(1)), framed(b"\x80second")].concat()).unwrap();
    rig.turn();
    assert!(rig.received.is_empty());
    let (shard, handover) = rig.handed.pop().unwrap();
    assert_eq!((shard, rig.counters.handed_over, rig.counters.open), (ShardIndex(1), 1, 0));

    let limits = TcpLimits::default();
    let mut other = Rig::new(limits);
    other.table = TcpTable::new(ShardIndex(1), limits, Quota::new(limits), Vec::new());
    other.table.adopt(handover, other.now, other.poll.registry(), &mut other.counters);
    other.turn();
    client.write_all(&framed(b"\x80third")).unwrap();
    other.turn();
    let payloads: Vec<_> = other.received.iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(payloads, [check_for(1), b"\x80second".to_vec(), b"\x80third".to_vec()]);
    assert_eq!(other.counters.adopted, 1);
}

#[test]
fn a_client_that_does_not_read_loses_datagrams_and_nobody_waits() {
    let mut rig = Rig::new(TcpLimits::default());
    let mut client = rig.connect();
    client.write_all(&framed(&check_for(0))).unwrap();
    rig.turn();
    let id = rig.received[0].0.socket;
    let arena = vec![5; 1200];
    let segments = [Segment { start: 0, len: 1200 }; 50];
    for _ in 0..200 {
        rig.table.send(id, &arena, &segments, &mut rig.counters);
    }
    assert!(rig.counters.dropped > 0);
    let sent = rig.counters.sent as usize;
    let mut total = vec![0; sent * 1202];
    let reader = std::thread::spawn(move || {
        client.read_exact(&mut total).unwrap();
        (total, client)
    });
    while !reader.is_finished() {
        rig.turn();
    }
    let (total, _client) = reader.join().unwrap();
    assert!(total.chunks(1202).all(|frame| frame[..2] == 1200u16.to_be_bytes() && frame[2..].iter().all(|&b| b == 5)));
}

#[test]
fn numbers_of_gone_connections_mean_nobody() {
    let mut rig = Rig::new(TcpLimits { connections: 1, ..TcpLimits::default() });
    let mut first = rig.connect();
    first.write_all(&framed(&check_for(0))).unwrap();
    rig.turn();
    let id = rig.received[0].0.socket;
    drop(first);
    rig.turn();
    assert_eq!(rig.table.take_closed(), Some(id));
    let _second = rig.connect();
    rig.send(id, b"late");
    assert_eq!((rig.counters.dropped, rig.counters.sent, rig.counters.open), (1, 0, 1));
}

#[test]
fn a_listener_port_in_use_is_named() {
    let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = first.local_addr().unwrap();
    let error = listen(address).unwrap_err().to_string();
    assert!(error.contains(&format!("TCP {address}")) && error.contains("rtc.tcp_port"), "{error}");
}

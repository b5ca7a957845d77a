//! Batches over real loopback sockets. The receivers have no GRO, so the kernel splits every train for them.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use quinn_udp::UdpSocketState;

use super::*;

struct Rig {
    sender: UdpSocket,
    receiver: UdpSocket,
    to: SocketAddr,
    batch: Batch,
    counters: UdpCounters,
    now: Instant,
}

impl Rig {
    fn new(bind: &str) -> Self {
        let sender = UdpSocket::bind(bind).unwrap();
        let receiver = UdpSocket::bind(bind).unwrap();
        receiver.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let state = UdpSocketState::new((&sender).into()).unwrap();
        let batch = Batch::new(state.max_gso_segments());
        let to = receiver.local_addr().unwrap();
        Self { sender, receiver, to, batch, counters: UdpCounters::default(), now: Instant::now() }
    }

    fn push(&mut self, to: SocketAddr, from: Option<IpAddr>, arena: &[u8], segments: &[Segment]) {
        let out = Outlet { socket: &self.sender, arena, counters: &mut self.counters, now: self.now };
        self.batch.push(out, to, from, segments);
    }

    fn send(&mut self, arena: &[u8], segments: &[Segment]) {
        self.push(self.to, None, arena, segments);
    }

    fn finish(&mut self) {
        self.batch.finish(Outlet { socket: &self.sender, arena: &[], counters: &mut self.counters, now: self.now });
    }

    fn receive(&self, count: usize) -> Vec<Vec<u8>> {
        let mut buffer = [0; 65_536];
        let mut all = Vec::new();
        while all.len() < count {
            let Ok(length) = self.receiver.recv(&mut buffer) else { break };
            all.push(buffer[..length].to_vec());
        }
        all
    }
}

/// An arena with packets of these lengths, `gap` bytes apart, each filled with its number.
fn arena(lengths: &[u16], gap: usize) -> (Vec<u8>, Vec<Segment>) {
    let mut bytes = Vec::new();
    let mut segments = Vec::new();
    for (number, &len) in lengths.iter().enumerate() {
        segments.push(Segment { start: bytes.len() as u32, len });
        bytes.resize(bytes.len() + len as usize, number as u8);
        bytes.resize(bytes.len() + gap, 0xEE);
    }
    (bytes, segments)
}

fn assert_received(received: &[Vec<u8>], lengths: &[u16]) {
    assert_eq!(received.len(), lengths.len());
    for (number, (packet, &len)) in received.iter().zip(lengths).enumerate() {
        assert_eq!(packet.len(), len as usize, "packet {number}");
        assert!(packet.iter().all(|&byte| byte == number as u8), "packet {number} is intact");
    }
}

#[test]
fn a_train_of_equal_packets_leaves_as_one_message() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        for gap in [0, 24] {
            let mut rig = Rig::new(bind);
            let lengths = [1150; 16];
            let (arena, segments) = arena(&lengths, gap);
            rig.send(&arena, &segments);
            assert_received(&rig.receive(16), &lengths);
            assert_eq!(rig.counters.train_lengths[16], 1, "{bind}, gap {gap}");
            assert_eq!(rig.counters.send_calls, 1);
            assert_eq!((rig.counters.sent, rig.counters.sent_bytes), (16, 16 * 1150));
        }
    }
}

#[test]
fn trains_break_where_lengths_grow_and_end_with_a_shorter_packet() {
    let mut rig = Rig::new("127.0.0.1:0");
    let lengths = [1000, 1000, 400, 1000, 1200, 1200, 1200, 90, 90, 1000];
    let (arena, segments) = arena(&lengths, 3);
    rig.send(&arena, &segments);
    rig.finish();
    assert_received(&rig.receive(lengths.len()), &lengths);
    // 1000 1000 400 | 1000 | 1200 1200 1200 90 | 90 | 1000
    let trains: Vec<_> = (1..=4).map(|length| rig.counters.train_lengths[length]).collect();
    assert_eq!(trains, [3, 0, 1, 1]);
    assert_eq!(rig.counters.send_calls, 1, "five messages share a call");
}

#[test]
fn a_train_has_64_packets_and_64_kilobytes_at_most() {
    let mut rig = Rig::new("127.0.0.1:0");
    let lengths = [100; 130];
    let (bytes, segments) = arena(&lengths, 0);
    rig.send(&bytes, &segments);
    assert_received(&rig.receive(130), &lengths);
    assert_eq!((rig.counters.train_lengths[64], rig.counters.train_lengths[2]), (2, 1));

    let lengths = [1400; 60];
    let (bytes, segments) = arena(&lengths, 0);
    rig.send(&bytes, &segments);
    assert_received(&rig.receive(60), &lengths);
    assert_eq!((rig.counters.train_lengths[46], rig.counters.train_lengths[14]), (1, 1), "46 × 1400 < 65507");
}

#[test]
fn single_packets_to_many_destinations_share_a_call_and_survive_the_arena() {
    let mut rig = Rig::new("127.0.0.1:0");
    let others: Vec<_> = (0..10).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for (number, other) in others.iter().enumerate() {
        let mut arena = vec![number as u8; 160];
        rig.push(other.local_addr().unwrap(), None, &arena, &[Segment { start: 0, len: 160 }]);
        arena.fill(0xFF);
    }
    assert_eq!(rig.counters.send_calls, 0, "nothing left yet");
    rig.finish();
    assert_eq!(rig.counters.send_calls, 1);
    for (number, other) in others.iter().enumerate() {
        other.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut buffer = [0; 200];
        assert_eq!(other.recv(&mut buffer).unwrap(), 160);
        assert!(buffer[..160].iter().all(|&byte| byte == number as u8));
    }
}

#[test]
fn more_messages_than_fit_a_batch_are_sent_in_several_calls() {
    let mut rig = Rig::new("127.0.0.1:0");
    for number in 0..150 {
        rig.send(&[number as u8; 50], &[Segment { start: 0, len: 50 }]);
    }
    rig.finish();
    assert_received(&rig.receive(150), &[50; 150]);
    assert_eq!(rig.counters.send_calls, 3);
    assert_eq!(rig.counters.train_lengths[1], 150);
}

#[test]
fn the_source_address_is_the_one_asked_for() {
    let mut rig = Rig::new("0.0.0.0:0");
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, rig.to.port()));
    let from = Ipv4Addr::new(127, 0, 0, 2);
    let (arena, segments) = arena(&[700; 4], 0);
    rig.push(to, Some(from.into()), &arena, &segments);
    rig.finish();
    let mut buffer = [0; 1500];
    for _ in 0..4 {
        let (length, source) = rig.receiver.recv_from(&mut buffer).unwrap();
        assert_eq!((length, source.ip()), (700, IpAddr::from(from)));
    }
}

#[test]
fn without_offload_every_packet_is_its_own_message() {
    let mut rig = Rig::new("127.0.0.1:0");
    rig.batch = Batch::new(1);
    let lengths = [1100; 20];
    let (arena, segments) = arena(&lengths, 0);
    rig.send(&arena, &segments);
    assert_received(&rig.receive(20), &lengths);
    assert_eq!((rig.counters.train_lengths[1], rig.counters.send_calls), (20, 1));
}

#[test]
fn a_socket_that_cannot_offload_falls_back_and_tries_again_later() {
    let mut rig = Rig::new("127.0.0.1:0");
    sys::disable_checksums(&rig.sender).unwrap();
    let lengths = [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 500];
    let (arena, segments) = arena(&lengths, 7);
    rig.send(&arena, &segments);
    assert_received(&rig.receive(10), &lengths);
    assert_eq!((rig.counters.offload_failures, rig.counters.train_lengths[1]), (1, 10));

    rig.send(&arena, &segments);
    assert_received(&rig.receive(10), &lengths);
    assert_eq!(rig.counters.offload_failures, 1, "not tried again yet");
    assert_eq!(rig.counters.send_calls, 11, "singles share a call");

    rig.now += OFFLOAD_PAUSE;
    rig.send(&arena, &segments);
    assert_received(&rig.receive(10), &lengths);
    assert_eq!(rig.counters.offload_failures, 2);
}

#[test]
fn packets_too_long_for_some_interface_do_not_end_offload_for_all() {
    let mut rig = Rig::new("127.0.0.1:0");
    sys::disable_checksums(&rig.sender).unwrap();
    let lengths = [1400; 8];
    let (arena, segments) = arena(&lengths, 0);
    rig.send(&arena, &segments);
    assert_received(&rig.receive(8), &lengths);
    assert_eq!((rig.counters.offload_failures, rig.counters.sent), (0, 8));
}

#[test]
fn a_refused_destination_costs_only_its_own_packets() {
    let mut rig = Rig::new("127.0.0.1:0");
    let nowhere: IpAddr = "203.0.113.77".parse().unwrap();
    let (arena, segments) = arena(&[200; 3], 0);
    rig.send(&arena, &segments);
    rig.push(rig.to, Some(nowhere), &arena, &segments);
    rig.send(&arena, &segments);
    rig.finish();
    assert_eq!(rig.receive(6).len(), 6);
    assert_eq!((rig.counters.dropped_refused, rig.counters.offload_failures), (3, 0));
}

/// Takes two messages of a call and then says that the send buffer is full.
fn two_and_full(
    socket: &UdpSocket,
    staged: &[u8],
    arena: &[u8],
    pieces: &[Piece],
    messages: &[Message],
) -> io::Result<usize> {
    // The calls of one batch see fewer and fewer messages; ten is where this one begins.
    match messages.len() {
        10 => sys::send_messages(socket, staged, arena, pieces, &messages[..2]),
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}

#[test]
fn a_full_send_buffer_drops_the_rest_and_counts_and_never_waits() {
    let mut rig = Rig::new("127.0.0.1:0");
    rig.batch.send = two_and_full;
    for number in 0..10 {
        rig.send(&[number; 300], &[Segment { start: 0, len: 100 }, Segment { start: 100, len: 100 }]);
    }
    rig.finish();
    assert_eq!((rig.counters.sent, rig.counters.dropped_full), (4, 16));
    assert_eq!(rig.receive(4).len(), 4);
    rig.batch.send = sys::send_messages;
    rig.send(&[1; 100], &[Segment { start: 0, len: 100 }]);
    rig.finish();
    assert_eq!(rig.receive(1).len(), 1, "nothing old is sent late");
}

/// An interface whose driver cannot segment: trains fail with EIO, single datagrams pass.
fn no_trains(
    socket: &UdpSocket,
    staged: &[u8],
    arena: &[u8],
    pieces: &[Piece],
    messages: &[Message],
) -> io::Result<usize> {
    if messages[0].datagrams() > 1 {
        return Err(io::Error::from_raw_os_error(EIO));
    }
    sys::send_messages(socket, staged, arena, pieces, &messages[..1])
}

#[test]
fn an_interface_without_offload_gets_single_packets_in_order() {
    let mut rig = Rig::new("[::1]:0");
    rig.batch.send = no_trains;
    let lengths = [1300, 1300, 1300, 1300, 1300, 1300, 1300, 200, 200, 100];
    for gap in [0, 5] {
        let (arena, segments) = arena(&lengths, gap);
        rig.send(&arena, &segments);
        rig.finish();
        assert_received(&rig.receive(lengths.len()), &lengths);
    }
    assert_eq!((rig.counters.offload_failures, rig.counters.sent), (1, 20));
}

#[test]
fn segments_outside_the_arena_are_refused() {
    let mut rig = Rig::new("127.0.0.1:0");
    rig.send(&[1; 100], &[Segment { start: 90, len: 20 }, Segment { start: u32::MAX, len: 1 }]);
    rig.send(&[1; 100], &[Segment { start: 0, len: 0 }]);
    rig.finish();
    assert_eq!((rig.counters.dropped_too_big, rig.counters.sent), (3, 0));
}

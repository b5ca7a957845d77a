//! The whole floor over loopback: real sockets and threads around a core that echoes.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use super::tcp::tests::{check_for, framed};
use super::*;
use crate::clock::SystemClock;
use crate::ids::{MediaRoomId, MediaTrackId, TransportId};
use crate::media::{Counters, DatagramSink, Segment};
use crate::transport::{IceCredentials, Path, SocketId};
use crate::units::UnixTime;

/// Sends back what it receives, as often as the first byte says if that is 1 to 100, and announces commands.
#[derive(Default)]
struct Echo {
    arena: Vec<u8>,
    queued: Vec<(Path, Vec<Segment>)>,
    since: Option<Instant>,
    timeout: Option<Instant>,
    events: Vec<Event>,
    counters: Counters,
}

/// How long a test waits for what must come; machines that run tests are busy.
const PATIENCE: Duration = Duration::from_secs(30);
const PANIC: MediaRoomId = MediaRoomId(666);
/// A timer in so many microseconds.
const TIMER_TRACK: u64 = 1 << 32;

impl Echo {
    fn event(&mut self, number: u64) {
        self.events.push(Event::TrackStarted { track: MediaTrackId(number) });
    }
}

impl ShardCore for Echo {
    fn command(&mut self, now: Instant, _unix: UnixTime, command: Command) {
        match command {
            Command::RemoveRoom(PANIC) => panic!("as the test wished"),
            Command::RemoveTrack(MediaTrackId(n)) if n >= TIMER_TRACK => {
                self.timeout = Some(now + Duration::from_micros(n - TIMER_TRACK));
            }
            Command::RemoveTrack(MediaTrackId(n)) => self.event(n),
            Command::AddTransport { .. } => self.counters.transports += 1,
            Command::Shutdown => self.event(9_999),
            _ => {}
        }
    }

    fn datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        let copies = if (1..=100).contains(&datagram[0]) { datagram[0] } else { 1 };
        let segments = (0..copies).map(|_| {
            let start = self.arena.len() as u32;
            self.arena.extend_from_slice(datagram);
            Segment { start, len: datagram.len() as u16 }
        });
        let segments = segments.collect();
        self.queued.push((path, segments));
        self.since.get_or_insert(now);
    }

    fn path_closed(&mut self, _now: Instant, socket: SocketId) {
        assert!(socket.is_tcp());
        self.event(8_888);
    }

    fn timeout(&mut self, now: Instant) {
        assert!(self.timeout.is_some_and(|at| at <= now));
        self.timeout = None;
        self.event(7_777);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    fn drain_events(&mut self, each: &mut dyn FnMut(Event)) {
        self.events.drain(..).for_each(each);
    }

    fn flush(&mut self, _now: Instant, sink: &mut dyn DatagramSink) {
        for (path, segments) in self.queued.drain(..) {
            sink.send(path, &self.arena, &segments);
        }
        self.arena.clear();
        self.since = None;
    }

    fn queued_since(&self) -> Option<Instant> {
        self.since
    }

    fn should_flush(&self) -> bool {
        self.queued.len() >= 64
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

struct Rig {
    media: Media,
    events: Receiver<(ShardIndex, u64, Instant)>,
    fatal: Receiver<(ShardIndex, String)>,
}

impl Rig {
    fn start(config: &MediaConfig) -> Self {
        let (event_in, events) = mpsc::channel();
        let (fatal_in, fatal) = mpsc::channel();
        let event_in = Mutex::new(event_in);
        let fatal_in = Mutex::new(fatal_in);
        let on_event = Box::new(move |shard, event| {
            if let Event::TrackStarted { track } = event {
                let _ = event_in.lock().unwrap().send((shard, track.0, Instant::now()));
            }
        });
        let on_fatal = Box::new(move |shard, text: &str| {
            let _ = fatal_in.lock().unwrap().send((shard, text.to_owned()));
        });
        let media = Media::start_with(config, Arc::new(SystemClock), |_| Echo::default(), on_event, on_fatal).unwrap();
        Self { media, events, fatal }
    }

    fn address(&self, shard: u16, protocol: Protocol) -> SocketAddr {
        let mut all = self.media.advertised().iter();
        let found = all.find(|a| a.shard == ShardIndex(shard) && a.protocol == protocol).unwrap();
        SocketAddr::new(found.ip, found.port)
    }

    fn command(&self, shard: u16, number: u64) {
        self.media.handle(ShardIndex(shard)).send(Command::RemoveTrack(MediaTrackId(number))).unwrap();
    }

    fn event(&self) -> (u16, u64) {
        let (shard, number, _) = self.events.recv_timeout(PATIENCE).unwrap();
        (shard.0, number)
    }

    /// Waits until the published counters satisfy the condition.
    fn counters(&self, condition: impl Fn(&[ShardCounters]) -> bool) -> Vec<ShardCounters> {
        for _ in 0..600 {
            let counters = self.media.counters();
            if condition(&counters) {
                return counters;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("counters never came: {:?}", self.media.counters());
    }
}

fn config(udp: &[&[&str]], tcp: &[&str]) -> MediaConfig {
    let parse = |list: &[&str]| -> Vec<SocketAddr> { list.iter().map(|at| at.parse().unwrap()).collect() };
    MediaConfig {
        shards: udp.iter().map(|list| ShardBind { udp: parse(list) }).collect(),
        tcp: parse(tcp),
        ..MediaConfig::default()
    }
}

fn client(bind: &str) -> UdpSocket {
    let socket = UdpSocket::bind(bind).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[test]
fn datagrams_are_echoed_in_trains_over_both_families() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"], &["[::1]:0"]], &[]));
    for (shard, bind) in [(0, "127.0.0.1:0"), (1, "[::1]:0")] {
        let client = client(bind);
        let mut packet = [50; 1100];
        packet[1..].fill(shard as u8);
        client.send_to(&packet, rig.address(shard, Protocol::Udp)).unwrap();
        let mut buffer = [0; 2000];
        for _ in 0..50 {
            let (length, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&packet[..], rig.address(shard, Protocol::Udp)));
        }
    }
    let counters = rig.counters(|all| all.len() == 2 && all.iter().all(|c| c.net.udp.sent == 50));
    for shard in counters {
        assert_eq!(shard.net.udp.train_lengths[50], 1, "fifty packets, one message");
        assert_eq!(shard.net.udp.received, 1);
        assert!(shard.net.turns > 0 && shard.net.turn_times.buckets.iter().sum::<u64>() == shard.net.turns);
    }
}

#[test]
fn a_wildcard_socket_answers_from_the_address_it_was_asked_at() {
    let mut config = config(&[&["0.0.0.0:0"]], &[]);
    config.node_ips = vec!["127.0.0.1".parse().unwrap()];
    let rig = Rig::start(&config);
    let port = rig.address(0, Protocol::Udp).port();
    let client = client("127.0.0.1:0");
    for asked in ["127.0.0.1", "127.0.0.2", "127.0.0.9"] {
        let to = SocketAddr::new(asked.parse().unwrap(), port);
        client.send_to(&[200; 100], to).unwrap();
        let mut buffer = [0; 200];
        let (_, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(from, to);
    }
}

#[test]
fn clients_can_be_told_of_tcp_alone_but_never_of_nothing() {
    let protocols = |tcp: &[&str]| -> Vec<Protocol> {
        let config = MediaConfig { tcp_only: true, ..config(&[&["127.0.0.1:0"], &["127.0.0.1:0"]], tcp) };
        Rig::start(&config).media.advertised().iter().map(|it| it.protocol).collect()
    };
    assert_eq!(protocols(&["127.0.0.1:0"]), [Protocol::Tcp; 2], "one for each shard");
    assert_eq!(protocols(&[]), [Protocol::Udp; 2]);
}

#[test]
fn a_flood_beyond_every_budget_is_echoed_whole() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"]], &[]));
    let client = client("127.0.0.1:0");
    client.connect(rig.address(0, Protocol::Udp)).unwrap();
    let mut buffer = [0; 200];
    for round in 0..20 {
        for _ in 0..50 {
            client.send(&[150 + round; 120]).unwrap();
        }
        for _ in 0..50 {
            assert_eq!(client.recv(&mut buffer).unwrap(), 120);
            assert_eq!(buffer[0], 150 + round);
        }
    }
}

#[test]
fn commands_wake_a_sleeping_shard_and_keep_their_order() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"], &["127.0.0.1:0"]], &[]));
    std::thread::sleep(Duration::from_millis(30));
    for number in 0..1000 {
        rig.command(1, number);
    }
    for number in 0..1000 {
        assert_eq!(rig.event(), (1, number));
    }
    let round_trip = |number| {
        let begin = Instant::now();
        rig.command(0, number);
        assert_eq!(rig.event(), (0, number), "each alone wakes too");
        begin.elapsed()
    };
    let fastest = (0..50).map(round_trip).min().unwrap();
    assert!(fastest < Duration::from_millis(100), "woken, not found by chance: {fastest:?}");
}

#[test]
fn a_full_mailbox_refuses_at_once_and_returns_the_command() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"]], &[]));
    let handle = rig.media.handle(ShardIndex(0));
    let mut refused = 0;
    for number in 0..200_000 {
        if let Err(MailboxFull(command)) = handle.send(Command::RemoveRoom(MediaRoomId(number + 1_000))) {
            assert!(matches!(*command, Command::RemoveRoom(MediaRoomId(n)) if n == number + 1_000));
            refused += 1;
        }
    }
    rig.command_eventually(5);
    assert_eq!(rig.event(), (0, 5), "it goes on");
    rig.counters(|all| all.iter().all(|c| c.net.commands + c.net.commands_refused >= 200_001));
    assert!(refused < 200_000);
}

impl Rig {
    fn command_eventually(&self, number: u64) {
        while self.media.handle(ShardIndex(0)).send(Command::RemoveTrack(MediaTrackId(number))).is_err() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn timers_below_a_millisecond_are_kept() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"]], &[]));
    let wait = || {
        let begin = Instant::now();
        rig.command(0, TIMER_TRACK + 300);
        let (_, number, at) = rig.events.recv_timeout(PATIENCE).unwrap();
        assert_eq!(number, 7_777);
        assert!(at - begin >= Duration::from_micros(300), "never early");
        at - begin
    };
    // The fastest: others suffer from whatever else the machine does. A poll's own timeout takes a millisecond.
    let fastest = (0..100).map(|_| wait()).min().unwrap();
    assert!(fastest < Duration::from_micros(900), "{fastest:?}");
}

#[test]
fn gathering_holds_packets_back_for_its_time_only() {
    let mut config = config(&[&["127.0.0.1:0"]], &[]);
    config.gather = Duration::from_secs(5);
    let rig = Rig::start(&config);
    let client = client("127.0.0.1:0");
    let mut buffer = [0; 200];
    let mut held_back = 0;
    for _ in 0..20 {
        // After a pause: a round that follows another at once, as on a busy machine, counts from that one's beginning.
        std::thread::sleep(Duration::from_millis(1));
        let begin = Instant::now();
        client.send_to(&[200; 100], rig.address(0, Protocol::Udp)).unwrap();
        client.recv(&mut buffer).unwrap();
        let took = begin.elapsed();
        held_back += usize::from(took >= MediaConfig::MAX_GATHER);
        assert!(took < Duration::from_secs(5), "five seconds were not allowed: {took:?}");
    }
    assert!(held_back >= 10, "{held_back} of 20");
}

#[test]
fn tcp_connections_reach_the_shard_that_their_check_names() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"], &["127.0.0.1:0"], &["127.0.0.1:0"]], &["127.0.0.1:0", "[::1]:0"]));
    for shard in 0..3u16 {
        let mut stream = TcpStream::connect(rig.address(shard, Protocol::Tcp)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let check = framed(&check_for(shard));
        let (head, tail) = check.split_at(9);
        stream.write_all(head).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        stream.write_all(tail).unwrap();
        let mut answer = vec![0; check.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, check);
        for length in [1usize, 500, 1400] {
            let frame = framed(&vec![200; length]);
            stream.write_all(&frame).unwrap();
            let mut answer = vec![0; frame.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, frame);
        }
        drop(stream);
        assert_eq!(rig.event(), (shard, 8_888), "and the core hears that it is gone");
    }
    // Each shard publishes in its own time.
    let counters = rig.counters(|all| {
        all.iter().map(|c| c.net.tcp.adopted).sum::<u64>() == 2
            && all.iter().map(|c| c.net.tcp.received).sum::<u64>() == 12
            && all.iter().all(|c| c.net.tcp.open == 0)
    });
    assert_eq!(counters[0].net.tcp.handed_over, 2);
}

#[test]
fn a_shard_that_panics_is_reported_and_the_others_go_on() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"], &["127.0.0.1:0"]], &[]));
    rig.media.handle(ShardIndex(0)).send(Command::RemoveRoom(PANIC)).unwrap();
    let (shard, text) = rig.fatal.recv_timeout(PATIENCE).unwrap();
    assert_eq!(shard, ShardIndex(0));
    assert!(text.contains("as the test wished"), "{text}");
    rig.command(1, 4);
    assert_eq!(rig.event(), (1, 4));
    std::thread::sleep(Duration::from_millis(20));
    assert!(rig.media.handle(ShardIndex(0)).send(Command::RemoveRoom(PANIC)).is_err());
}

#[test]
fn shutdown_lets_the_cores_finish_and_frees_the_ports() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"], &["127.0.0.1:0"]], &["127.0.0.1:0"]));
    let taken: Vec<_> = (0..2).map(|shard| rig.address(shard, Protocol::Udp)).collect();
    let tcp = rig.address(0, Protocol::Tcp);
    let handle = rig.media.handle(ShardIndex(0));
    rig.media.shutdown();
    let mut said: Vec<_> = rig.events.try_iter().map(|(shard, number, _)| (shard.0, number)).collect();
    said.sort();
    assert_eq!(said, [(0, 9_999), (1, 9_999)]);
    assert!(handle.send(Command::Shutdown).is_err(), "nobody is there any more");
    for address in taken {
        UdpSocket::bind(address).unwrap();
    }
    tcp::listen(tcp).unwrap();
    assert!(rig.fatal.try_recv().is_err());
}

#[test]
fn new_rooms_go_where_there_is_least_to_do() {
    let rig = Rig::start(&config(&[&["127.0.0.1:0"], &["127.0.0.1:0"], &["127.0.0.1:0"]], &[]));
    let mut rng = rand::rng();
    let mut add = |shard: ShardIndex, id: u64| {
        let ice: IceCredentials = ufrag::credentials(shard, &mut rng);
        let command = Command::AddTransport { id: TransportId(id), room: MediaRoomId(1), ice };
        rig.media.handle(shard).send(command).unwrap();
    };
    (0..200).for_each(|id| add(ShardIndex(0), id));
    (200..1400).for_each(|id| add(ShardIndex(2), id));
    assert_eq!(rig.media.pick_shard(), ShardIndex(1), "at once");
    rig.counters(|all| all.iter().map(|c| c.media.transports).sum::<usize>() == 1400);
    assert_eq!(rig.media.pick_shard(), ShardIndex(1), "and when it is published");
    (1400..2900).for_each(|id| add(ShardIndex(1), id));
    assert_eq!(rig.media.pick_shard(), ShardIndex(0));
}

#[test]
fn configurations_that_cannot_work_are_refused_and_leave_nothing_bound() {
    let start = |config: &MediaConfig| {
        let echo = |_| Echo::default();
        Media::start_with(config, Arc::new(SystemClock), echo, Box::new(|_, _| {}), Box::new(|_, _| {}))
    };
    assert!(matches!(start(&MediaConfig::default()), Err(NetError::Config(_))));
    assert!(matches!(start(&config(&[&["0.0.0.0:0"]], &[])), Err(NetError::NothingToAdvertise)));
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let busy = taken.local_addr().unwrap().to_string();
    let error = start(&config(&[&[&free], &[&busy]], &[])).unwrap_err().to_string();
    assert!(error.contains(&busy) && error.contains("rtc.udp_port"), "{error}");
    UdpSocket::bind(&*free).unwrap();
}

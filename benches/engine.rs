//! What the pieces of the packet path cost by themselves: `cargo bench --bench engine` prints nanoseconds.
//!
//! Nothing here touches a socket; datagrams are counted and thrown away. So the difference to the rig's figures is the
//! kernel, and caches that other work has emptied.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis::ids::{ForwarderId, MediaRoomId, MediaTrackId, TransportId};
use visavis::media::{Command, DatagramSink, LayerTarget, Quality, Segment, Shard, ShardConfig, TrackSpec, Tuning};
use visavis::rtp::cache::PacketCache;
use visavis::rtp::munger::RtpMunger;
use visavis::rtp::vp8::Vp8Descriptor;
use visavis::rtp::write::{ForwardHeader, HeaderFields, MAX_HEADER_LEN, write_header};
use visavis::rtp::{Codec, CodecParams, ExtensionKind, ExtensionMap, ExtensionTable, ExtensionValues, RtpHeader};
use visavis::transport::demux::classify;
use visavis::transport::srtp::{MasterKey, Profile, SrtpSession};
use visavis::transport::{
    Certificate, DtlsRole, IceCredentials, Path, ReceiverSection, RemoteTransport, SenderSection, SocketId, Transport,
    TransportEvent, TransportLimits, TransportParams,
};
use visavis::units::{ClockRate, MediaKind, Mid, PayloadType, RtpTime, SeqNo, Ssrc, UnixTime};

const PAYLOAD: usize = 1100;
const FRAME: usize = 7;

fn main() {
    // Cargo also asks benches whether they have tests.
    if std::env::args().any(|arg| arg == "--list" || arg == "--test") {
        return;
    }
    println!("\n| what | ns |\n|---|---|");
    srtp();
    packets();
    for subscribers in [1, 10, 200] {
        fan_out(subscribers);
    }
}

/// The least of five runs: what else the machine does only adds.
fn report(what: &str, each: u64, mut work: impl FnMut()) {
    let mut run = || {
        let begin = Instant::now();
        let mut rounds = 0;
        while begin.elapsed() < Duration::from_millis(200) {
            work();
            rounds += 1;
        }
        begin.elapsed().as_nanos() as f64 / (rounds * each) as f64
    };
    let least = (0..5).map(|_| run()).fold(f64::INFINITY, f64::min);
    println!("| {what} | {least:.0} |");
}

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    map.set(ExtensionKind::Mid, 1);
    map.set(ExtensionKind::TransportCc, 4);
    map
}

fn packet(ssrc: u32, seq: u16, marker: bool, first: bool, key: bool) -> Vec<u8> {
    let fields = HeaderFields {
        marker,
        payload_type: PayloadType(96),
        seq: SeqNo(seq),
        timestamp: RtpTime(u32::from(seq) / FRAME as u32 * 3000),
        ssrc: Ssrc(ssrc),
    };
    let mut out = vec![0; 1500];
    let len = write_header(&mut out, &fields, &[(1, b"0"), (4, &seq.to_be_bytes())]).unwrap();
    out.truncate(len);
    let picture = seq / FRAME as u16;
    out.extend([0x80 | (u8::from(first) << 4), 0xF0, 0x80 | (picture >> 8) as u8 & 0x7F, picture as u8, seq as u8, 1]);
    out.push(u8::from(!key));
    out.resize(len + PAYLOAD, 7);
    out
}

fn srtp() {
    for (name, profile) in
        [("AEAD_AES_256_GCM", Profile::AeadAes256Gcm), ("AES_CM_128_HMAC_SHA1_80", Profile::AesCm128HmacSha1_80)]
    {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let session = || {
            let key = || MasterKey { key: &key, salt: &salt };
            SrtpSession::new(profile, key(), key()).unwrap()
        };
        for payload in [PAYLOAD, 100] {
            let mut plain = packet(1, 0, false, false, false);
            plain.truncate(plain.len() - PAYLOAD + payload);
            let len = plain.len();
            let mut sealing = session();
            let mut seq = 0u16;
            let mut buffer = vec![0; 1500];
            report(&format!("seal {payload} bytes, {name}"), 1, || {
                buffer[..len].copy_from_slice(&plain);
                seq = seq.wrapping_add(1);
                buffer[2..4].copy_from_slice(&seq.to_be_bytes());
                black_box(sealing.seal_rtp(&mut buffer, len));
            });
            let (mut sealing, mut opening) = (session(), session());
            let mut sealed = Vec::new();
            for seq in 0..u16::MAX {
                buffer[..len].copy_from_slice(&plain);
                buffer[2..4].copy_from_slice(&seq.to_be_bytes());
                let len = sealing.seal_rtp(&mut buffer, len).unwrap();
                sealed.push(buffer[..len].to_vec());
                if sealed.len() == 4096 {
                    break;
                }
            }
            report(&format!("open {payload} bytes, {name}"), sealed.len() as u64, || {
                opening = session();
                for packet in &sealed {
                    buffer[..packet.len()].copy_from_slice(packet);
                    black_box(opening.open_rtp(&mut buffer[..packet.len()])).unwrap();
                }
            });
        }
    }
}

fn packets() {
    let bytes = packet(1, 0, false, true, true);
    let table = ExtensionTable::new(&extensions());
    report("tell what a datagram is", 1, || {
        black_box(classify(black_box(&bytes)));
    });
    report("read header, extensions and VP8 descriptor", 1, || {
        let header = RtpHeader::parse(black_box(&bytes)).unwrap();
        black_box(ExtensionValues::read(header.extensions(&bytes), &table));
        black_box(Vp8Descriptor::parse(header.payload(&bytes)));
    });
    let writer = ForwardHeader::new(&extensions(), Mid::from("0").unwrap());
    let fields = HeaderFields {
        marker: false,
        payload_type: PayloadType(96),
        seq: SeqNo(1),
        timestamp: RtpTime(1),
        ssrc: Ssrc(1),
    };
    let mut out = [0; MAX_HEADER_LEN];
    report("write a forwarded header", 1, || {
        black_box(writer.write(&mut out, black_box(&fields), &ExtensionValues::default(), false));
    });
    let mut munger = RtpMunger::new(SeqNo(1));
    munger.switch_source(1, RtpTime(0), RtpTime(0));
    let mut seq = 0;
    report("number a forwarded packet", 1, || {
        seq += 1;
        black_box(munger.forward(seq, RtpTime(seq as u32), false)).unwrap();
    });
    let mut cache = PacketCache::new(MediaKind::Video, 500);
    let mut seq = 0;
    report("keep a packet for retransmission", 1, || {
        seq += 1;
        black_box(cache.insert(seq, &bytes));
    });
}

/// Counts and throws away.
#[derive(Default)]
struct Sink {
    kept: Vec<(Path, Vec<u8>)>,
    keep: bool,
    datagrams: u64,
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

struct Peer {
    transport: Transport,
    path: Path,
    connected: bool,
}

struct World {
    shard: Shard,
    peers: Vec<Peer>,
    now: Instant,
}

fn credentials(name: &str) -> IceCredentials {
    let text = |text: &str| text.parse().unwrap();
    IceCredentials { ufrag: text(name), pwd: text(&format!("{name}-password-of-32-characters-or-so")) }
}

impl World {
    /// A shard with so many connected peers.
    fn new(peers: usize) -> Self {
        let certificate = Arc::new(Certificate::generate().unwrap());
        let now = Instant::now();
        let limits = TransportLimits::default();
        let (tuning, start_unix) = (Tuning::default(), UnixTime(0));
        let config = ShardConfig { certificate: certificate.clone(), limits, tuning, start: now, start_unix };
        let mut world = Self { shard: Shard::new(config, 1), peers: Vec::new(), now };
        let server = Path { socket: SocketId(0), remote: "192.0.2.1:7882".parse().unwrap(), local_ip: None };
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
            world.exchange(server);
        }
        world
    }

    fn command(&mut self, command: Command) {
        self.shard.command(self.now, UnixTime(0), command);
    }

    fn exchange(&mut self, server: Path) {
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

fn codec() -> CodecParams {
    CodecParams {
        codec: Codec::Vp8,
        payload_type: PayloadType(96),
        clock_rate: ClockRate(90_000),
        channels: 1,
        fmtp: "".into(),
        rtx: None,
        nack: true,
        pli: true,
        fir: false,
        transport_cc: true,
        remb: false,
    }
}

/// Frames of seven packets to so many subscribers: received, opened, forwarded, sealed.
fn fan_out(subscribers: usize) {
    let mut world = World::new(subscribers + 1);
    let mid = Mid::from("0").unwrap();
    let receiver = ReceiverSection {
        mid,
        kind: MediaKind::Video,
        stream_id: "-".into(),
        track_id: "camera".into(),
        codecs: vec![codec()],
        extensions: extensions(),
        rids: Default::default(),
        ssrcs: Default::default(),
    };
    let (publisher, track) = (TransportId(0), MediaTrackId(1));
    world.command(Command::SetReceivers { id: publisher, receivers: vec![receiver] });
    let kind = MediaKind::Video;
    let spec = TrackSpec { kind, layers: Vec::new(), muted: false, encrypted: false, codecs: Vec::new() };
    world.command(Command::AddTrack { transport: publisher, track, mid, spec });
    for number in 1..=subscribers as u64 {
        let (id, transport) = (ForwarderId(number), TransportId(number));
        let target = LayerTarget { disabled: false, quality: Quality::High };
        world.command(Command::AddForwarder { id, track, transport, target });
        let ssrc = 1000 + 2 * number as u32;
        let section = SenderSection {
            mid,
            kind,
            forwarder: id,
            codecs: vec![codec()],
            extensions: extensions(),
            ssrc: Ssrc(ssrc),
            rtx_ssrc: Ssrc(ssrc + 1),
        };
        world.command(Command::SetSenders { id: transport, senders: vec![section] });
    }
    let (mut seq, mut frame) = (0u16, Vec::new());
    let mut sink = Sink::default();
    let mut spent = Duration::ZERO;
    let mut forwarded = 0;
    let seconds = Duration::from_secs(1);
    let warm = 60;
    for number in 0u64.. {
        frame.clear();
        for part in 0..FRAME {
            let mut datagram = packet(7, seq, part + 1 == FRAME, part == 0, number % 300 == 0);
            seq = seq.wrapping_add(1);
            let len = datagram.len();
            datagram.resize(len + 16, 0);
            let len = world.peers[0].transport.seal_rtp(&mut datagram, len).unwrap();
            datagram.truncate(len);
            frame.push(datagram);
        }
        world.now += Duration::from_millis(1);
        let before = sink.datagrams;
        let begin = Instant::now();
        for datagram in &mut frame {
            world.shard.datagram(world.now, world.peers[0].path, datagram);
        }
        world.shard.timeout(world.now);
        world.shard.flush(world.now, &mut sink);
        world.shard.drain_events().for_each(drop);
        if number >= warm {
            spent += begin.elapsed();
            forwarded += sink.datagrams - before;
        }
        // Peers that are not heard of for long count as gone.
        if spent > seconds || number > 3000 {
            break;
        }
    }
    println!(
        "| forward to {subscribers}: open, number, write, copy, seal; each packet | {:.0} |",
        spent.as_nanos() as f64 / forwarded as f64
    );
    let now = world.now;
    report(&format!("nothing to do, {subscribers} connected"), 1, || {
        if black_box(&world.shard).next_timeout().is_some_and(|due| due <= now) {
            world.shard.timeout(now);
        }
    });
}

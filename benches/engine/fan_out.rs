//! One camera to many subscribers, and connections that have nothing to do.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use visavis::ids::{ForwarderId, MediaTrackId, TransportId};
use visavis::media::{Command, LayerTarget, Quality, TrackSpec};
use visavis::transport::{ReceiverSection, SenderSection};
use visavis::units::{MediaKind, Mid, Ssrc};

use crate::packet::{FRAME, codec, extensions, packet};
use crate::world::{Sink, World};

const NUMBERS: [usize; 3] = [1, 10, 200];

/// Frames of seven packets: received, opened, numbered, written, copied, sealed. The time is that of a delivered packet.
pub fn forward(criterion: &mut Criterion) {
    for subscribers in NUMBERS {
        let mut call = Call::new(subscribers);
        let mut group = criterion.benchmark_group("forward a frame");
        group.throughput(Throughput::Elements((subscribers * FRAME) as u64));
        group.bench_function(format!("to {subscribers}"), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| call.frame()).sum());
        });
        group.finish();
    }
}

/// A turn of the loop in which nothing is due.
pub fn idle(criterion: &mut Criterion) {
    for subscribers in NUMBERS {
        let mut call = Call::new(subscribers);
        let now = call.world.now;
        call.world.shard.timeout(now);
        criterion.bench_function(&format!("idle poll/{subscribers} connected"), |bencher| {
            bencher.iter(|| {
                if black_box(&call.world.shard).next_timeout().is_some_and(|due| due <= now) {
                    call.world.shard.timeout(now);
                }
            });
        });
    }
}

struct Call {
    world: World,
    sink: Sink,
    subscribers: usize,
    frames: u64,
    seq: u16,
}

impl Call {
    fn new(subscribers: usize) -> Self {
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
            let target = LayerTarget { quality: Quality::High, ..LayerTarget::default() };
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
        let mut call = Self { world, sink: Sink::default(), subscribers, frames: 0, seq: 0 };
        // Streams are recognised, arenas and caches have grown.
        for _ in 0..60 {
            call.frame();
        }
        call
    }

    /// One frame; how long the shard needed for it.
    fn frame(&mut self) -> Duration {
        let mut frame: Vec<Vec<u8>> = (0..FRAME).map(|part| self.next(part)).collect();
        self.frames += 1;
        self.world.now += Duration::from_millis(1);
        let before = self.sink.datagrams;
        let begin = Instant::now();
        for datagram in &mut frame {
            self.world.shard.datagram(self.world.now, self.world.peers[0].path, datagram);
        }
        self.world.shard.timeout(self.world.now);
        self.world.shard.flush(self.world.now, &mut self.sink);
        self.world.shard.drain_events().for_each(drop);
        let spent = begin.elapsed();
        let media = self.sink.datagrams - before;
        assert!(self.frames < 30 || media >= (self.subscribers * FRAME) as u64, "{media} of a frame were delivered");
        // Peers that are not heard of for long count as gone.
        if self.frames.is_multiple_of(2000) {
            self.world.exchange();
        }
        spent
    }

    fn next(&mut self, part: usize) -> Vec<u8> {
        let mut datagram = packet(self.seq, self.frames as u16 & 0x7FFF, part, self.frames.is_multiple_of(300));
        self.seq = self.seq.wrapping_add(1);
        let len = datagram.len();
        datagram.resize(len + 16, 0);
        let len = self.world.peers[0].transport.seal_rtp(&mut datagram, len).unwrap();
        datagram.truncate(len);
        datagram
    }
}

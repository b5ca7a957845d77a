use std::time::{Duration, Instant};
use super::layers::*;
use crate::media::{DatagramSink, Segment};
use crate::transport::Path;
struct Ignore(u64);
impl DatagramSink for Ignore { fn send(&mut self, _: Path, _: &[u8], s: &[Segment]) { self.0 += s.len() as u64; } }
#[test]
fn zz_bench() {
    println!("forwarder {} state {} stream {} queued {} source {}", size_of::<crate::media::forwarder::Forwarder>(), size_of::<crate::media::transports::TransportState>(), size_of::<crate::media::stream::Stream>(), size_of::<crate::media::send::Queued>(), size_of::<crate::media::packet::SourcePacket>());
    for subs in [1usize, 10, 100] {
        let mut world = call(90, subs, &["f"]);
        world.run_for(Duration::from_secs(2));
        let mut cam = world.cameras.pop().unwrap();
        let mut frames = Vec::new();
        for _ in 0..300 { let f: Vec<Vec<u8>> = cam.frame().into_iter().map(|p| world.clients[0].seal(p).unwrap()).collect(); frames.push(f); }
        let path = world.clients[0].path;
        let mut sink = Ignore(0);
        let now = world.now;
        let t = Instant::now();
        let mut recv = Duration::ZERO;
        let mut n = 0;
        for f in &mut frames {
            let a = Instant::now();
            for p in f.iter_mut() { world.shard.datagram(now, path, p); n += 1; }
            recv += a.elapsed();
            world.shard.flush(now, &mut sink);
        }
        let el = t.elapsed();
        println!("{subs} subs: {} in, {} out, {:?}/out total, receive+queue {:?} per in, flush {:?} per out", n, sink.0, el / sink.0 as u32, recv / n, (el - recv) / sink.0 as u32);
    }
}

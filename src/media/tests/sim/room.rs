//! One who talks and films in three layers, and others who hear and watch, each over lines of its own.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::super::video::{Camera, codec, extensions, receiver, sender};
use super::super::world::World;
use super::link::{Line, Wait};
use super::viewer::{Stream, Viewer};
use super::voice::Voice;
use crate::ids::ForwarderId;
use crate::media::{Event, Quality, Tuning};
use crate::rtp::Codec;
use crate::rtp::twcc::TwccRecorder;
use crate::transport::{ReceiverSection, SenderSection};
use crate::units::{Bitrate, MediaKind, Mid, Ssrc};

const STEP: Duration = Duration::from_millis(100);
/// The publisher's own line is no subject here.
const UPLINK_MS: u64 = 5;

/// The room, and what was seen of the estimates.
pub struct Room {
    pub world: World,
    pub begun: Instant,
    /// Each watcher's estimate over time, the first one's first.
    pub estimates: Vec<Vec<(Instant, Option<Bitrate>)>>,
}

/// How a watcher fared over some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Mean, least and most, in kbit/s.
    pub estimate: [f64; 3],
    /// Mean and 95th percentile of the wait in the queue.
    pub wait: [Duration; 2],
    /// Packets that found the queue full, and voices among them.
    pub overflowed: [usize; 2],
    /// What was put on the line, in kbit/s.
    pub sent: f64,
    pub freeze: Duration,
    pub frames_per_second: f64,
    /// Mean layer of the pictures that were shown, 0 to 2.
    pub layer: f64,
    pub switches: usize,
}

/// Our video stream towards a watcher; watchers count from 1.
pub fn video_ssrc(watcher: usize) -> u32 {
    9000 + 100 * (watcher as u32 - 1)
}

fn voice_ssrc(watcher: usize) -> u32 {
    8000 + watcher as u32
}

fn microphone(mid: &str) -> ReceiverSection {
    let codecs = vec![codec(Codec::Opus, 111, None)];
    let track_id = "microphone".into();
    ReceiverSection { mid: Mid::from(mid).unwrap(), kind: MediaKind::Audio, track_id, codecs, ..receiver(mid, &[]) }
}

fn loudspeaker(mid: &str, watcher: usize) -> SenderSection {
    let mut opus = codec(Codec::Opus, 109, None);
    (opus.nack, opus.transport_cc) = (false, true);
    SenderSection {
        mid: Mid::from(mid).unwrap(),
        kind: MediaKind::Audio,
        forwarder: ForwarderId(2 * watcher as u64),
        codecs: vec![opus],
        extensions: extensions(),
        ssrc: Ssrc(voice_ssrc(watcher)),
        rtx_ssrc: Ssrc(0),
    }
}

impl Room {
    /// Layers of about 250, 750 and 1500 kbit/s and a voice of 40; each watcher has a line of its own, and what it says
    /// goes back over one as late and as lossy.
    pub fn new(seed: u64, adaptive_video: bool, lines: &[Line]) -> Self {
        let tuning = Tuning { adaptive_video, ..Tuning::default() };
        let mut world = World::tuned(seed, tuning).with_clients(lines.len() + 1);
        world.delay = Duration::from_millis(UPLINK_MS);
        world.receivers(0, vec![receiver("0", &["q", "h", "f"]), microphone("1")]);
        world.publish(0, 1, "0", MediaKind::Video);
        world.publish(0, 2, "1", MediaKind::Audio);
        let mut camera = Camera::new(world.now, 0, "0", &["q", "h", "f"]);
        camera.packets = [1, 3, 6];
        camera.content = Some(SmallRng::seed_from_u64(seed));
        world.cameras.push(camera);
        world.voices.push(Voice::new(world.now, 0, "1"));
        for (watcher, line) in (1..).zip(lines) {
            world.clients[watcher].arrivals = Some(TwccRecorder::new(world.now));
            let streams = vec![Stream::new(video_ssrc(watcher), true), Stream::new(voice_ssrc(watcher), false)];
            // What comes twice is none to decrypt twice.
            world.clients[watcher].tolerant = true;
            world.clients[watcher].viewer = Some(Viewer::new(world.now, streams));
            let mut picture = sender("0", 2 * watcher as u64 - 1, video_ssrc(watcher));
            picture.codecs[0].transport_cc = true;
            world.senders(watcher, vec![picture, loudspeaker("1", watcher)]);
            world.subscribe(watcher, 1, 2 * watcher as u64 - 1, Quality::High);
            world.subscribe(watcher, 2, 2 * watcher as u64, Quality::High);
            world.set_line(false, watcher, *line);
            world.set_line(true, watcher, Line { rate: None, ..*line });
        }
        let begun = world.now;
        Self { world, begun, estimates: vec![Vec::new(); lines.len()] }
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.world.now + time;
        while self.world.now < end {
            self.world.run_for(STEP.min(end - self.world.now));
            for (watcher, estimates) in (1..).zip(&mut self.estimates) {
                let id = self.world.clients[watcher].id;
                estimates.push((self.world.now, self.world.shard.estimate(self.world.now, id)));
            }
        }
    }

    /// Runs until that is so; how long it took, or none if it never was within the time.
    pub fn run_until(&mut self, most: Duration, so: impl Fn(&Self) -> bool) -> Option<Duration> {
        let began = self.world.now;
        while self.world.now < began + most {
            self.run(STEP);
            if so(self) {
                return Some(self.world.now - began);
            }
        }
        None
    }

    /// A watcher's line is another one from now on, both ways.
    pub fn set_line(&mut self, watcher: usize, line: Line) {
        let now = self.world.now;
        for (to_shard, line) in [(false, line), (true, Line { rate: None, ..line })] {
            if let Some(link) = self.world.links.get_mut(&(to_shard, watcher)) {
                link.change(now, line);
            }
        }
    }

    pub fn viewer(&self, watcher: usize) -> &Viewer {
        self.world.clients[watcher].viewer.as_ref().unwrap()
    }

    /// The layers that flowed to a watcher, and since when.
    pub fn layers(&self, watcher: usize) -> Vec<(Duration, Quality)> {
        let id = self.world.id(watcher);
        let changes = self.world.events.iter().filter_map(|(at, event)| match event {
            Event::LayerChanged { subscriber, quality, .. } if *subscriber == id => Some((*at, *quality)),
            _ => None,
        });
        changes.map(|(at, quality)| (at.saturating_duration_since(self.begun), quality)).collect()
    }

    pub fn layer(&self, watcher: usize) -> Option<Quality> {
        self.layers(watcher).last().map(|(_, quality)| *quality)
    }

    /// What a watcher is shown just now.
    pub fn shown_layer(&self, watcher: usize) -> Option<u8> {
        self.viewer(watcher).streams[0].shown.last().map(|(_, layer)| *layer)
    }

    /// What is put on a watcher's line, over the last time.
    pub fn sending(&self, watcher: usize, over: Duration) -> Bitrate {
        let since = self.world.now - over;
        let bytes: usize = self.waits(watcher).rev().take_while(|wait| wait.at >= since).map(|wait| wait.bytes).sum();
        Bitrate::of(bytes as u64, over)
    }

    fn waits(&self, watcher: usize) -> impl DoubleEndedIterator<Item = &Wait> {
        self.world.links[&(false, watcher)].waits.iter()
    }

    /// How a watcher has fared since then.
    pub fn figures(&self, watcher: usize, since: Instant) -> Figures {
        let until = self.world.now;
        let seconds = (until - since).as_secs_f64();
        let estimates = self.estimates[watcher - 1].iter().filter(|(at, _)| *at >= since);
        let known: Vec<f64> = estimates.filter_map(|(_, it)| it.map(|it| it.bps() as f64 / 1000.0)).collect();
        let waits: Vec<&Wait> = self.waits(watcher).filter(|wait| wait.at >= since).collect();
        let mut waited: Vec<Duration> = waits.iter().filter_map(|wait| wait.waited).collect();
        waited.sort_unstable();
        let full = waits.iter().filter(|wait| wait.waited.is_none());
        let picture = &self.viewer(watcher).streams[0];
        let shown: Vec<u8> = picture.shown.iter().filter(|(at, _)| *at >= since).map(|(_, layer)| *layer).collect();
        let count = |len: usize| len.max(1) as f64;
        Figures {
            estimate: [
                known.iter().sum::<f64>() / count(known.len()),
                known.iter().copied().fold(f64::INFINITY, f64::min),
                known.iter().copied().fold(0.0, f64::max),
            ],
            wait: [
                waited.iter().sum::<Duration>() / waited.len().max(1) as u32,
                waited.get(waited.len() * 95 / 100).copied().unwrap_or_default(),
            ],
            overflowed: [full.clone().count(), full.filter(|wait| wait.audio).count()],
            sent: waits.iter().map(|wait| wait.bytes as f64 * 8.0).sum::<f64>() / seconds / 1000.0,
            freeze: picture.longest_freeze(since, until),
            frames_per_second: shown.len() as f64 / seconds,
            layer: shown.iter().map(|layer| f64::from(*layer)).sum::<f64>() / count(shown.len()),
            switches: shown.windows(2).filter(|pair| pair[0] != pair[1]).count(),
        }
    }
}

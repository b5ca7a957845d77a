//! Models of what encoders produce: sizes and times of frames, seeded, without any picture or sound in them.
//!
//! The camera follows what libwebrtc's VP8 does with a talking head at LiveKit's presets: a rate control that keeps the
//! mean, frames whose size varies log-normally around it with the activity of the scene, three temporal layers
//! (L1T3, as livekit-client asks for), key frames of some six mean frames on request and every ten seconds. The
//! microphone sends one Opus packet every 20 ms, of the size that speech at 32 kbit/s has, in spurts.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::scenario::Layer;

/// Time between Opus packets.
pub const OPUS_INTERVAL: Duration = Duration::from_millis(20);
/// Key frames come at least so often.
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(10);
/// Size of a key frame in mean frames.
const KEY_FRAME_WEIGHT: f64 = 6.5;
/// Sizes of the frames of the three temporal layers in mean frames, in their order.
const TEMPORAL: [(u8, f64); 4] = [(0, 1.6), (2, 0.7), (1, 1.0), (2, 0.7)];
/// Smallest frame: even a still picture takes some bytes.
const MIN_FRAME: f64 = 100.0;
/// How slowly the activity of the scene changes from frame to frame.
const ACTIVITY_MEMORY: f64 = 0.96;
/// Mean time of a spurt of speech, and of the silence after it.
const SPURT: f64 = 1.6;
const SILENCE: f64 = 1.0;

/// One encoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes.
    pub bytes: usize,
    /// A key frame.
    pub key: bool,
    /// Temporal layer.
    pub tid: u8,
    /// Time to the next one.
    pub interval: Duration,
}

/// One frame of a recorded trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceFrame {
    /// Time since the frame before it.
    pub after: Duration,
    /// Bytes.
    pub bytes: usize,
    /// A key frame.
    pub key: bool,
}

/// Reads a trace: a frame a line, `MILLISECONDS BYTES` since the frame before, and `key` behind for key frames; empty
/// lines and what follows a `#` do not count.
///
/// # Errors
/// Names the first line that cannot be read.
pub fn read_trace(text: &str) -> Result<Vec<TraceFrame>, String> {
    let mut frames = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_ascii_whitespace().collect();
        let frame = match words.as_slice() {
            [] => continue,
            [millis, bytes, rest @ ..] if rest.len() <= 1 && rest.first().is_none_or(|word| *word == "key") => {
                let millis = millis.parse::<f64>().ok().filter(|it| (0.0..=60_000.0).contains(it));
                let bytes = bytes.parse::<usize>().ok().filter(|it| (1..=4_000_000).contains(it));
                millis.zip(bytes).map(|(millis, bytes)| TraceFrame {
                    after: Duration::from_secs_f64(millis / 1000.0),
                    bytes,
                    key: !rest.is_empty(),
                })
            }
            _ => None,
        };
        frames.push(frame.ok_or_else(|| format!("line {}: expected `MILLISECONDS BYTES [key]`", at + 1))?);
    }
    let time: Duration = frames.iter().map(|frame| frame.after).sum();
    if frames.is_empty() || time.is_zero() {
        return Err("there are no frames in it, or no time passes between them".into());
    }
    Ok(frames)
}

/// The encoder of one simulcast layer.
#[derive(Debug)]
pub struct Camera {
    fps: u32,
    /// Bytes of a frame on average.
    mean: f64,
    rng: SmallRng,
    frame: u64,
    activity: f64,
    /// Bytes sent beyond the mean so far.
    debt: f64,
    until_key: u32,
    trace: Option<Arc<[TraceFrame]>>,
}

impl Camera {
    /// An encoder of this layer; with a trace it produces that, from a random frame on.
    pub fn new(layer: &Layer, seed: u64, trace: Option<Arc<[TraceFrame]>>) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mean = f64::from(layer.bitrate) / 8.0 / f64::from(layer.fps);
        let every = (KEY_FRAME_INTERVAL.as_secs_f64() * f64::from(layer.fps)) as u32;
        let frame = trace.as_ref().map_or(0, |trace| rng.random_range(0..trace.len() as u64));
        let until_key = rng.random_range(1..=every);
        Self { fps: layer.fps, mean, rng, frame, activity: 0.0, debt: 0.0, until_key, trace }
    }

    /// The next frame, a key frame if one is wanted.
    pub fn next_frame(&mut self, key: bool) -> Frame {
        let at = self.frame;
        self.frame += 1;
        if let Some(trace) = &self.trace {
            let frame = trace[at as usize % trace.len()];
            let interval = trace[(at as usize + 1) % trace.len()].after;
            return Frame { bytes: frame.bytes, key: frame.key || key || at == 0, tid: 0, interval };
        }
        self.until_key = self.until_key.saturating_sub(1);
        let key = key || at == 0 || self.until_key == 0;
        if key {
            self.until_key = (KEY_FRAME_INTERVAL.as_secs_f64() * f64::from(self.fps)) as u32;
        }
        let (tid, weight) = if key { (0, KEY_FRAME_WEIGHT) } else { TEMPORAL[(at % 4) as usize] };
        self.activity = ACTIVITY_MEMORY * self.activity + 0.1 * normal(&mut self.rng);
        // What was too much is saved over the next second and a half, at most two fifths of each frame.
        let correction = (self.debt / (f64::from(self.fps) * 1.5)).clamp(-0.4 * self.mean, 0.4 * self.mean);
        let noise = (self.activity + 0.2 * normal(&mut self.rng)).exp();
        let bytes = (weight * (self.mean - correction) * noise).max(MIN_FRAME);
        self.debt += bytes - self.mean;
        let interval = Duration::from_secs(1) / self.fps;
        Frame { bytes: bytes as usize, key, tid, interval }
    }
}

/// One Opus packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Bytes.
    pub bytes: usize,
    /// Level in -dBov.
    pub level: u8,
    /// Somebody speaks.
    pub voice: bool,
    /// The first packet of a spurt.
    pub first: bool,
}

/// The encoder of one microphone.
#[derive(Debug)]
pub struct Microphone {
    rng: SmallRng,
    speaks: bool,
    /// Packets until that changes.
    left: u32,
}

impl Microphone {
    /// A microphone that is in mid-speech or silent.
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let speaks = rng.random_bool(SPURT / (SPURT + SILENCE));
        Self { rng, speaks, left: 0 }
    }

    /// The next packet.
    pub fn next_packet(&mut self) -> Sound {
        let first = self.left == 0;
        if first {
            self.speaks = !self.speaks;
            let mean = if self.speaks { SPURT } else { SILENCE };
            let time = -mean * (1.0 - self.rng.random::<f64>()).ln();
            self.left = ((time / OPUS_INTERVAL.as_secs_f64()) as u32).clamp(5, 500);
        }
        self.left -= 1;
        let (mean, level) = if self.speaks { (92.0, 30.0) } else { (58.0, 75.0) };
        let bytes = mean * (0.15 * normal(&mut self.rng)).exp();
        let level = (level + 6.0 * normal(&mut self.rng)).clamp(0.0, 127.0) as u8;
        Sound { bytes: (bytes as usize).clamp(32, 250), level, voice: self.speaks, first: first && self.speaks }
    }
}

/// Nearly a normal variate: the sum of twelve uniform ones, less their mean.
fn normal(rng: &mut SmallRng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// How libwebrtc divides a frame into packets of at most `max` bytes: into equal parts, the larger ones last.
pub fn split(bytes: usize, max: usize) -> impl Iterator<Item = usize> {
    let count = bytes.div_ceil(max.max(1)).max(1);
    let (small, larger) = (bytes / count, bytes % count);
    (0..count).map(move |at| if at >= count - larger { small + 1 } else { small })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bench::scenario::Resolution;

    #[test]
    fn a_camera_keeps_its_rate_and_its_frames_vary() {
        for layer in Resolution::P720.layers(true) {
            let mut camera = Camera::new(&layer, 7, None);
            let frames: Vec<Frame> = (0..layer.fps * 60).map(|_| camera.next_frame(false)).collect();
            let rate = frames.iter().map(|frame| frame.bytes).sum::<usize>() as f64 * 8.0 / 60.0;
            assert!((rate / f64::from(layer.bitrate) - 1.0).abs() < 0.05, "{}: {rate}", layer.rid);
            let keys = frames.iter().filter(|frame| frame.key).count();
            assert!((6..=8).contains(&keys), "{keys}");
            assert!(frames[0].key, "it begins with a key frame");
            let deltas: Vec<usize> = frames.iter().filter(|frame| !frame.key).map(|frame| frame.bytes).collect();
            let (least, most) = (deltas.iter().min().unwrap(), deltas.iter().max().unwrap());
            assert!(most > &(3 * least), "{least} to {most}");
        }
    }

    #[test]
    fn a_720p_frame_is_seven_packets_on_average_and_a_key_frame_forty() {
        let layer = Resolution::P720.layers(true)[2];
        let mut camera = Camera::new(&layer, 3, None);
        let frames: Vec<Frame> = (0..3000).map(|_| camera.next_frame(false)).collect();
        let mean = |key: bool| {
            let counts = frames.iter().filter(|frame| frame.key == key).map(|frame| split(frame.bytes, 1150).count());
            let counts: Vec<usize> = counts.collect();
            counts.iter().sum::<usize>() as f64 / counts.len() as f64
        };
        assert!((5.5..8.0).contains(&mean(false)), "{}", mean(false));
        assert!((25.0..55.0).contains(&mean(true)), "{}", mean(true));
    }

    #[test]
    fn the_same_seed_gives_the_same_traffic_and_a_request_a_key_frame() {
        let layer = Resolution::P360.layers(false)[0];
        let run = |seed| {
            let mut camera = Camera::new(&layer, seed, None);
            (0..50).map(|at| camera.next_frame(at == 20)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!(run(1)[20].key);
    }

    #[test]
    fn speech_comes_in_spurts_at_some_thirty_kilobits() {
        let mut microphone = Microphone::new(5);
        let sounds: Vec<Sound> = (0..3000).map(|_| microphone.next_packet()).collect();
        let rate = sounds.iter().map(|sound| sound.bytes).sum::<usize>() as f64 * 8.0 / 60.0;
        assert!((25_000.0..40_000.0).contains(&rate), "{rate}");
        let spurts = sounds.iter().filter(|sound| sound.first).count();
        assert!((5..50).contains(&spurts), "{spurts}");
    }

    #[test]
    fn packets_of_a_frame_differ_by_a_byte_and_the_larger_come_last() {
        assert_eq!(split(4582, 1150).collect::<Vec<_>>(), [1145, 1145, 1146, 1146]);
        assert_eq!(split(1150, 1150).collect::<Vec<_>>(), [1150]);
        assert_eq!(split(0, 1150).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_trace_is_played_round_and_round() {
        let trace: Arc<[TraceFrame]> = read_trace("33.3 900\n\n33.3 5000 key # refresh\n40 1 \n").unwrap().into();
        assert_eq!((trace.len(), trace[1].key, trace[2].after), (3, true, Duration::from_millis(40)));
        let mut camera = Camera::new(&Resolution::P180.layers(false)[0], 1, Some(trace));
        let bytes: Vec<usize> = (0..6).map(|_| camera.next_frame(false).bytes).collect();
        assert_eq!(bytes[..3], bytes[3..]);
        for wrong in ["", "0 5", "1 x", "1", "1 2 keyframe", "-1 5", "1 2 key 3"] {
            assert!(read_trace(wrong).is_err(), "{wrong}");
        }
        assert!(read_trace("1 1\nnonsense").unwrap_err().contains("line 2"));
    }
}

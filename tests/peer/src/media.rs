//! Synthetic media: RTP that looks like Opus and like VP8 to whoever does not decode it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rtc::rtp::{Header, Packet};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use crate::feedback::Feedback;

/// Opus packets carry this much audio.
const OPUS_FRAME: Duration = Duration::from_millis(20);
/// Time between video frames: fifteen a second are plenty for assertions.
const VIDEO_FRAME: Duration = Duration::from_millis(66);
/// Packets of an ordinary video frame.
const PACKETS_PER_FRAME: u8 = 2;
/// Packets of a key frame.
const PACKETS_PER_KEY_FRAME: u8 = 5;

/// One stream of a published track: the only one, or one of several simulcast layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its RTP stream id, empty where there is only one.
    pub rid: &'static str,
    /// Its synchronization source.
    pub ssrc: u32,
    /// Width of its pictures.
    pub width: u16,
    /// Height of its pictures.
    pub height: u16,
    /// Bytes of each packet's payload behind the descriptor.
    pub size: usize,
}

/// What every packet of a stream needs from the negotiation.
#[derive(Clone, Debug, Default)]
pub struct Negotiated {
    /// The payload type agreed on.
    pub payload_type: u8,
    /// Id of the header extension for the section's mid, and the mid.
    pub mid: Option<(u8, String)>,
    /// Id of the header extension for the stream id.
    pub rid: Option<u8>,
    /// Id of the header extension for the audio level.
    pub level: Option<u8>,
}

/// Counters of one published track, shared with the task that sends it.
#[derive(Debug, Default)]
pub struct Sent {
    /// RTP packets handed to the peer connection.
    pub packets: AtomicU64,
    /// Key frames sent, first ones included.
    pub key_frames: AtomicU64,
    /// Silence: the stream goes on being numbered, nothing is sent.
    pub paused: AtomicBool,
}

/// Sends Opus packets until the task is dropped.
pub fn send_opus(
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    negotiated: Negotiated,
    sent: Arc<Sent>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = interval(OPUS_FRAME);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut seq, mut timestamp) = (u16::MAX - 20, 4_000_000_000_u32);
        loop {
            ticks.tick().await;
            let mut header = header(&negotiated, ssrc, seq, timestamp);
            (seq, timestamp) = (seq.wrapping_add(1), timestamp.wrapping_add(960));
            if sent.paused.load(Ordering::Relaxed) {
                continue;
            }
            if let Some(id) = negotiated.level {
                // Voice, at -20 dBov.
                let _ = header.set_extension(id, Bytes::from_static(&[0x80 | 20]));
            }
            let mut payload = vec![seq.to_be_bytes()[1]; 80];
            payload[0] = 0x78;
            send(&track, Packet { header, payload: payload.into() }, &sent).await;
        }
    })
}

/// Sends VP8 frames of every layer, key frames first and when asked, until the task is dropped.
pub fn send_vp8(
    track: Arc<TrackLocalStaticRTP>,
    layers: Vec<Layer>,
    negotiated: Negotiated,
    sent: Arc<Sent>,
    feedback: Arc<Feedback>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = interval(VIDEO_FRAME);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seqs: Vec<u16> = layers.iter().map(|layer| (layer.ssrc & 0x7fff) as u16).collect();
        let mut served = vec![u64::MAX; layers.len()];
        let mut frame = 0_u16;
        loop {
            ticks.tick().await;
            if !sent.paused.load(Ordering::Relaxed) {
                for ((layer, seq), served) in layers.iter().zip(&mut seqs).zip(&mut served) {
                    let wanted = feedback.on(layer.ssrc).key_frames;
                    let key = wanted != std::mem::replace(served, wanted);
                    sent.key_frames.fetch_add(u64::from(key), Ordering::Relaxed);
                    send_frame(&track, layer, seq, Frame { number: frame, key }, &negotiated, &sent).await;
                }
            }
            frame = frame.wrapping_add(1);
        }
    })
}

#[derive(Clone, Copy)]
struct Frame {
    number: u16,
    key: bool,
}

async fn send_frame(
    track: &TrackLocalStaticRTP,
    layer: &Layer,
    seq: &mut u16,
    frame: Frame,
    negotiated: &Negotiated,
    sent: &Sent,
) {
    let count = if frame.key { PACKETS_PER_KEY_FRAME } else { PACKETS_PER_FRAME };
    let timestamp = u32::from(frame.number).wrapping_mul(5_940).wrapping_add(layer.ssrc);
    for index in 0..count {
        let mut header = header(negotiated, layer.ssrc, *seq, timestamp);
        header.marker = index + 1 == count;
        *seq = seq.wrapping_add(1);
        if let (Some((id, mid)), false) = (&negotiated.mid, layer.rid.is_empty()) {
            let _ = header.set_extension(*id, Bytes::from(mid.clone()));
        }
        if let (Some(id), false) = (negotiated.rid, layer.rid.is_empty()) {
            let _ = header.set_extension(id, Bytes::from_static(layer.rid.as_bytes()));
        }
        let payload = Vp8Marks {
            picture_id: frame.number & 0x7fff,
            tl0_pic_idx: (frame.number & 0xff) as u8,
            start: index == 0,
            key: frame.key,
            width: layer.width,
            height: layer.height,
        };
        send(track, Packet { header, payload: payload.write(layer.size).into() }, sent).await;
    }
}

async fn send(track: &TrackLocalStaticRTP, packet: Packet, sent: &Sent) {
    // An error means that the connection is going away, which tests notice by other means.
    if track.write_rtp(packet).await.is_ok() {
        sent.packets.fetch_add(1, Ordering::Relaxed);
    }
}

fn header(negotiated: &Negotiated, ssrc: u32, seq: u16, timestamp: u32) -> Header {
    let payload_type = negotiated.payload_type;
    Header { version: 2, payload_type, sequence_number: seq, timestamp, ssrc, ..Header::default() }
}

/// What a VP8 packet says about itself (RFC 7741 §4.2, RFC 6386 §9.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8Marks {
    /// Picture id of 15 bits.
    pub picture_id: u16,
    /// Running number of base layer frames.
    pub tl0_pic_idx: u8,
    /// Whether a frame begins here.
    pub start: bool,
    /// Whether a key frame begins here.
    pub key: bool,
    /// Width, where a key frame begins.
    pub width: u16,
    /// Height, where a key frame begins.
    pub height: u16,
}

impl Vp8Marks {
    /// Reads the marks of a payload whose descriptor has a picture id, of either length.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (&first, rest) = payload.split_first()?;
        let (&flags, rest) = rest.split_first()?;
        if first & 0x80 == 0 || flags & 0x80 == 0 {
            return None;
        }
        let (&high, mut rest) = rest.split_first()?;
        let mut picture_id = u16::from(high & 0x7f);
        if high & 0x80 != 0 {
            let (&low, behind) = rest.split_first()?;
            (picture_id, rest) = (picture_id << 8 | u16::from(low), behind);
        }
        let tl0_pic_idx = if flags & 0x40 == 0 { 0 } else { *rest.first()? };
        let rest = rest.get(usize::from(flags & 0x40 != 0) + usize::from(flags & 0x30 != 0)..)?;
        let start = first & 0x17 == 0x10;
        let key = start && rest.len() >= 10 && rest[0] & 1 == 0;
        let size = |at: usize| if key { u16::from_le_bytes([rest[at], rest[at + 1]]) & 0x3fff } else { 0 };
        Some(Self { picture_id, tl0_pic_idx, start, key, width: size(6), height: size(8) })
    }

    /// A payload with these marks and `size` bytes of picture.
    fn write(self, size: usize) -> Vec<u8> {
        let [high, low] = self.picture_id.to_be_bytes();
        let start = if self.start { 0x10 } else { 0 };
        let mut payload = vec![0x80 | start, 0xe0, 0x80 | high, low, self.tl0_pic_idx, 0];
        let mut picture = vec![0xa5; size.max(10)];
        if self.start {
            picture[0] = if self.key { 0x10 } else { 0x11 };
        }
        if self.start && self.key {
            picture[3..6].copy_from_slice(&[0x9d, 0x01, 0x2a]);
            picture[6..8].copy_from_slice(&self.width.to_le_bytes());
            picture[8..10].copy_from_slice(&self.height.to_le_bytes());
        }
        payload.append(&mut picture);
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_being_written_and_read() {
        let marks = Vp8Marks { picture_id: 0x7abc, tl0_pic_idx: 9, start: true, key: true, width: 1280, height: 720 };
        assert_eq!(Vp8Marks::read(&marks.write(100)), Some(marks));
        let later = Vp8Marks { start: false, key: false, width: 0, height: 0, ..marks };
        assert_eq!(Vp8Marks::read(&later.write(100)), Some(later));
    }
}

//! What arrived at a client: packets by track, messages by data channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use livekit_protocol::DataPacket;
use rtc::rtp::Packet;
use webrtc::media_stream::track_remote::TrackRemote;

use crate::media::Vp8Marks;

/// How many packets of a track are kept: the newest.
const MAX_PACKETS: usize = 20_000;
/// How many data messages are kept: the first.
const MAX_MESSAGES: usize = 5_000;

/// One RTP packet, without what tests never look at.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Sequence number.
    pub seq: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// Bytes of payload.
    pub size: usize,
    /// What the payload's VP8 descriptor says, for video.
    pub vp8: Option<Vp8Marks>,
    /// When it came.
    pub at: Instant,
}

/// Everything that arrived of one track.
#[derive(Default)]
pub struct Track {
    /// Its packets, in the order in which they came.
    pub packets: Vec<Arrived>,
    /// What asks its sender for things.
    pub remote: Option<Arc<dyn TrackRemote>>,
    video: bool,
}

impl Track {
    /// How many sequence numbers between the first and the last have not come.
    pub fn missing(&self) -> usize {
        let Some(first) = self.packets.first() else { return 0 };
        // Unwrapped around the first packet: tests are far shorter than half the number space.
        let mut offsets: Vec<i16> =
            self.packets.iter().map(|packet| packet.seq.wrapping_sub(first.seq).cast_signed()).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let span = i32::from(offsets[offsets.len() - 1]) - i32::from(offsets[0]) + 1;
        usize::try_from(span).unwrap_or_default() - offsets.len()
    }

    /// The longest time that passed between two packets, from the packet numbered `from` on.
    pub fn longest_gap_from(&self, from: usize) -> std::time::Duration {
        let packets = self.packets.get(from.saturating_sub(1)..).unwrap_or_default();
        packets.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or_default()
    }
}

/// A data message and the channel it came by.
#[derive(Clone, Debug)]
pub struct Message {
    /// The channel's label.
    pub label: String,
    /// The message, or nothing where it is none of LiveKit's.
    pub packet: Option<DataPacket>,
}

/// All that a client has received.
#[derive(Default)]
pub struct Received {
    tracks: Mutex<HashMap<String, Track>>,
    messages: Mutex<Vec<Message>>,
}

impl Received {
    /// How many packets of track `sid` came so far.
    pub fn count(&self, sid: &str) -> usize {
        self.with(sid, |track| track.packets.len())
    }

    /// Looks at track `sid`; at an empty one when nothing of it came yet.
    pub fn with<T>(&self, sid: &str, look: impl FnOnce(&Track) -> T) -> T {
        let tracks = lock(&self.tracks);
        match tracks.get(sid) {
            Some(track) => look(track),
            None => look(&Track::default()),
        }
    }

    /// The SIDs of all tracks of which something came, or was announced.
    pub fn sids(&self) -> Vec<String> {
        lock(&self.tracks).keys().cloned().collect()
    }

    /// The data messages so far.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.messages).clone()
    }

    /// The payloads of user packets that came by channel `label`.
    pub fn payloads(&self, label: &str) -> Vec<Vec<u8>> {
        use livekit_protocol::data_packet::Value;
        let messages = lock(&self.messages);
        let on_label = messages.iter().filter(|message| message.label == label);
        let values = on_label.filter_map(|message| message.packet.as_ref()?.value.clone());
        values
            .filter_map(|value| match value {
                Value::User(user) => Some(user.payload),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn open(&self, sid: &str, video: bool, remote: Arc<dyn TrackRemote>) {
        let mut tracks = lock(&self.tracks);
        let track = tracks.entry(sid.to_owned()).or_default();
        track.video = video;
        track.remote = Some(remote);
    }

    pub(crate) fn packet(&self, sid: &str, packet: &Packet) {
        let mut tracks = lock(&self.tracks);
        let track = tracks.entry(sid.to_owned()).or_default();
        if track.packets.len() >= MAX_PACKETS {
            track.packets.drain(..MAX_PACKETS / 2);
        }
        let header = &packet.header;
        let vp8 = if track.video { Vp8Marks::read(&packet.payload) } else { None };
        track.packets.push(Arrived {
            seq: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload_type: header.payload_type,
            size: packet.payload.len(),
            vp8,
            at: Instant::now(),
        });
    }

    pub(crate) fn message(&self, message: Message) {
        let mut messages = lock(&self.messages);
        if messages.len() < MAX_MESSAGES {
            messages.push(message);
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked elsewhere has failed already: what it left behind may be looked at.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

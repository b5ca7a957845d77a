//! What the operator may set of a shard; the defaults are LiveKit's.

use std::time::Duration;

use crate::rtp::audio_level::LevelParams;
use crate::units::MediaKind;

use super::command::Quality;

/// Settings of every track on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Least time between two key-frame requests to a layer, from the lowest to the highest (`rtc.pli_throttle`).
    pub pli_throttle: [Duration; 3],
    /// Packets of a video layer kept for retransmission (`rtc.packet_buffer_size_video`).
    pub packets_video: usize,
    /// Packets of an audio track kept for retransmission (`rtc.packet_buffer_size_audio`).
    pub packets_audio: usize,
    /// What counts as speaking (`audio`).
    pub level: LevelParams,
    /// Time between two looks at who speaks (`audio.update_interval`).
    pub speakers_interval: Duration,
}

impl Tuning {
    /// Most packets that a layer may keep, whatever the settings say.
    pub const MOST_PACKETS: usize = 4096;

    pub(super) fn pli_interval(&self, quality: Quality) -> Duration {
        self.pli_throttle[quality as usize]
    }

    pub(super) fn packets(&self, kind: MediaKind) -> usize {
        let packets = match kind {
            MediaKind::Audio => self.packets_audio,
            MediaKind::Video => self.packets_video,
        };
        packets.clamp(1, Self::MOST_PACKETS)
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            pli_throttle: [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(1)],
            packets_video: 512,
            packets_audio: 200,
            level: LevelParams::default(),
            speakers_interval: Duration::from_millis(400),
        }
    }
}

//! What the operator may set of a shard; the defaults are LiveKit's.

use std::time::Duration;

use crate::rtp::audio_level::LevelParams;
use crate::units::MediaKind;

use super::command::Quality;

/// Settings of every track on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Least time between two key-frame requests to a layer, from the lowest to the highest (`rtc.pli_throttle`); more
    /// than zero.
    pub pli_throttle: [Duration; 3],
    /// Layers follow the estimate of what the way to a subscriber carries (`rtc.adaptive_video`).
    pub adaptive_video: bool,
    /// Packets of a video layer kept for retransmission (`rtc.packet_buffer_size_video`).
    pub packets_video: usize,
    /// Packets of an audio track kept for retransmission (`rtc.packet_buffer_size_audio`); a subscriber may have the
    /// last second of them again.
    pub packets_audio: usize,
    /// What counts as speaking (`audio`).
    pub level: LevelParams,
    /// Time between two looks at who speaks (`audio.update_interval`); more than zero.
    pub speakers_interval: Duration,
    /// A subscriber of data tracks with a backlog for this long misses packets; zero for never
    /// (`rtc.datachannel_data_track_target_latency`).
    pub data_track_latency: Duration,
}

impl Tuning {
    /// Most packets that a layer may keep, whatever the settings say.
    pub const MOST_PACKETS: usize = 8192;

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
            adaptive_video: true,
            packets_video: 500,
            packets_audio: 200,
            level: LevelParams::default(),
            speakers_interval: Duration::from_millis(400),
            data_track_latency: Duration::from_millis(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_retransmission_has_a_bound_whatever_is_asked_for() {
        let tuning = Tuning { packets_video: usize::MAX, packets_audio: 0, ..Tuning::default() };
        assert_eq!(tuning.packets(MediaKind::Video), Tuning::MOST_PACKETS);
        assert_eq!(tuning.packets(MediaKind::Audio), 1);
    }

    #[test]
    fn each_layer_has_its_own_interval_of_key_frame_requests() {
        let tuning = Tuning { pli_throttle: [1, 2, 3].map(Duration::from_secs), ..Tuning::default() };
        let intervals = [Quality::Low, Quality::Medium, Quality::High].map(|it| tuning.pli_interval(it).as_secs());
        assert_eq!(intervals, [1, 2, 3]);
    }
}

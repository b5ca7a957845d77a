//! Figures of one peer connection, on request.

use std::time::{Duration, Instant};

use crate::ids::{MediaTrackId, TransportId};
use crate::units::{Bitrate, MediaKind};

use super::command::Quality;
use super::counters::Drop;
use super::event::Event;
use super::forwarder::quality_of;
use super::shard::Shard;

/// How one peer connection fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransportStats {
    /// Round trip by the peer's reports on what we send; none before the first.
    pub rtt: Option<Duration>,
    /// How long nothing authentic has come from the peer: neither media nor a consent check.
    pub silent_for: Duration,
    /// What it publishes.
    pub received: Vec<ReceivedStats>,
    /// What it gets.
    pub sent: Vec<SentStats>,
}

/// One received layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReceivedStats {
    /// The track, once there is one.
    pub track: Option<MediaTrackId>,
    /// Audio or video.
    pub kind: MediaKind,
    /// Which layer.
    pub quality: Quality,
    /// Rate of the last second.
    pub bitrate: Bitrate,
    /// Packets received since the beginning.
    pub packets: u64,
    /// Packets lost on the way to us since the beginning.
    pub lost: i64,
    /// Interarrival jitter, in ticks of the stream's clock.
    pub jitter: u32,
    /// Bytes received since the beginning.
    pub bytes: u64,
}

/// One subscription.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SentStats {
    /// The track.
    pub track: MediaTrackId,
    /// Audio or video.
    pub kind: MediaKind,
    /// The layer that flows.
    pub quality: Option<Quality>,
    /// Packets sent, modulo 2^32.
    pub packets: u32,
    /// Bytes of payload sent, modulo 2^32.
    pub bytes: u32,
    /// Share that the subscriber lost lately, in 1/256.
    pub fraction_lost: u8,
}

impl Shard {
    /// [`super::Command::ReportStats`].
    pub(super) fn report_stats(&mut self, now: Instant, id: TransportId) {
        let state = self.transport_key(id).and_then(|key| self.transports.get(key));
        let Some(state) = state else { return self.counters.drop(Drop::UnknownId) };
        let mut stats = TransportStats {
            silent_for: now.saturating_duration_since(state.transport.last_heard()),
            rtt: (!state.sending.rtt.is_zero()).then_some(state.sending.rtt),
            ..TransportStats::default()
        };
        for stream in state.receiving.streams.iter().filter_map(|stream| self.streams.get(*stream)) {
            stats.received.push(ReceivedStats {
                track: stream.track.and_then(|track| self.tracks.get(track)).map(|track| track.id),
                kind: stream.kind,
                quality: quality_of(stream.layer),
                bitrate: stream.rate(now),
                packets: stream.stats.packets(),
                lost: stream.stats.lost(),
                jitter: stream.stats.jitter(),
                bytes: stream.stats.bytes(),
            });
        }
        for forwarder in state.sending.forwarders.iter().filter_map(|forwarder| self.forwarders.get(*forwarder)) {
            let Some(track) = self.tracks.get(forwarder.track) else { continue };
            stats.sent.push(SentStats {
                track: track.id,
                kind: forwarder.kind,
                quality: forwarder.selector.current().map(|layer| quality_of(forwarder.shown(layer))),
                packets: forwarder.stats.packets(),
                bytes: forwarder.stats.octets(),
                fraction_lost: forwarder.fraction_lost,
            });
        }
        self.emit(Event::Stats { id, stats: Box::new(stats) });
    }
}

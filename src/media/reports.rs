//! RTCP that we send: reports, feedback and key-frame requests.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::rtp::rtcp::build;
use crate::rtp::stats::ReportBlock;
use crate::units::{ClockRate, NtpTime, Ssrc};

use super::feedback::{LAYER_INTERVAL, NACK_INTERVAL};
use super::flight::{self, What};
use super::forwarder::{ForwarderKey, quality_of};
use super::mirror::Origin;
use super::shard::Shard;
use super::stream::StreamKey;
use super::track::TrackKey;
use super::transports::TransportKey;

/// How often reports go out.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A compound is closed once it is this long.
const MAX_COMPOUND: usize = 1100;
/// Feedback packets built at one go; each tells of hundreds of arrivals.
const MAX_TWCC: usize = 8;

impl Shard {
    /// Wall time by our clock.
    pub(super) fn ntp(&self, now: Instant) -> NtpTime {
        NtpTime::from_unix(self.config.start_unix).add(now.saturating_duration_since(self.config.start))
    }

    /// Seals a compound and queues it. Nothing happens while the peer has no path for media.
    pub(super) fn send_rtcp(&mut self, now: Instant, key: TransportKey, compound: &[u8]) {
        if compound.is_empty() {
            return;
        }
        let Some(state) = self.transports.get_mut(key) else { return };
        let Some(path) = state.transport.send_path() else { return };
        let buffer = self.send.control_buffer();
        let start = buffer.len();
        if state.transport.seal_rtcp(compound, buffer).is_some() && self.send.push_control(now, key, path, start) {
            self.counters.rtcp_out.count(compound.len());
        }
    }

    /// Receiver reports to a publisher and sender reports to a subscriber, who may be one and the same.
    pub(super) fn send_reports(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get(key) else { return };
        let local = state.local_ssrc;
        let mut compound = std::mem::take(&mut self.compound);
        compound.clear();
        let mut blocks: SmallVec<[ReportBlock; 16]> = SmallVec::new();
        for stream in &state.receiving.streams {
            if let Some(stream) = self.streams.get_mut(*stream) {
                let before = stream.reported_lost;
                stream.reported_lost = stream.stats.lost();
                self.counters.lost_in += (stream.reported_lost - before).max(0) as u64;
                blocks.extend(stream.stats.report_block(stream.ssrc, now));
            }
        }
        if !blocks.is_empty() {
            build::receiver_report(&mut compound, local, &blocks);
        }
        let forwarders: SmallVec<[ForwarderKey; 16]> = state.sending.forwarders.iter().copied().collect();
        for forwarder in forwarders {
            self.append_sender_report(now, forwarder, &mut compound);
            if compound.len() >= MAX_COMPOUND {
                self.send_rtcp(now, key, &compound);
                compound.clear();
            }
        }
        self.send_rtcp(now, key, &compound);
        self.compound = compound;
    }

    /// Says where a forwarder's clock stands now: the publisher's own report, moved to our clock by an
    /// offset that all its streams share, and to the forwarder's numbers. So sound and picture stay together.
    fn append_sender_report(&mut self, now: Instant, key: ForwarderKey, compound: &mut Vec<u8>) {
        let ours = self.ntp(now);
        let Some(forwarder) = self.forwarders.get_mut(key).filter(|forwarder| forwarder.has_sent()) else { return };
        let Some(ssrc) = forwarder.ssrc() else { return };
        let Some(stream) = forwarder.source().and_then(|source| self.streams.get(source)) else { return };
        let publisher = match stream.origin {
            Origin::Here(key) => self.transports.get(key).map(|it| (it.clock, it.cname)),
            Origin::Mirror(key) => self.mirrors.get(key).map(|it| (it.clock, it.cname)),
        };
        let Some((wall, cname)) = publisher else { return };
        let Some(clock) = stream.stats.sender_clock() else { return };
        let Some(theirs) = wall.to_theirs(ours) else { return };
        let rate = stream.codec.as_ref().map_or(ClockRate(90_000), |current| current.params.clock_rate);
        let timestamp = forwarder.map_timestamp(clock.rtp_at(theirs, rate));
        let report = forwarder.stats.sender_report(ssrc, ours, timestamp, now);
        forwarder.reports += 1;
        build::sender_report(compound, &report, &[]);
        build::source_description(compound, ssrc, &cname);
    }

    /// Transport-wide feedback to a publisher.
    pub(super) fn send_transport_feedback(&mut self, now: Instant, key: TransportKey) {
        let mut compound = std::mem::take(&mut self.compound);
        for _ in 0..MAX_TWCC {
            let Some(state) = self.transports.get_mut(key) else { break };
            let media = state.receiving.streams.first().and_then(|stream| self.streams.get(*stream));
            let media = media.map_or(Ssrc(0), |stream| stream.ssrc);
            compound.clear();
            if !state.receiving.twcc.build(state.local_ssrc, media, &mut compound) {
                break;
            }
            self.send_rtcp(now, key, &compound);
        }
        compound.clear();
        self.compound = compound;
    }

    /// Looks at a publisher's streams: asks for what is missing, asks for key frames, and finds layers that
    /// have stopped. Returns when to look again.
    pub(super) fn look_at_streams(&mut self, now: Instant, key: TransportKey) -> Option<Instant> {
        let state = self.transports.get(key)?;
        let local = state.local_ssrc;
        let streams: SmallVec<[StreamKey; 16]> = state.receiving.streams.iter().copied().collect();
        let tracks: SmallVec<[TrackKey; 8]> = state.tracks.iter().copied().collect();
        let mut compound = std::mem::take(&mut self.compound);
        compound.clear();
        let mut next: Option<Instant> = None;
        let mut at_latest = |due: Instant| next = Some(next.map_or(due, |next| next.min(due)));
        for stream in streams {
            let Some(stream) = self.streams.get_mut(stream) else { continue };
            self.missing.clear();
            stream.nack.poll(now, &mut self.missing);
            if compound.is_empty() {
                // A compound begins with a report (RFC 3550 §6.1), an empty one where there is nothing to tell.
                build::receiver_report(&mut compound, local, &[]);
            }
            if !self.missing.is_empty() {
                build::nack(&mut compound, local, stream.ssrc, &self.missing);
                self.counters.nacks_out += self.missing.len() as u64;
                if let Some(state) = self.transports.get_mut(key) {
                    state.flight.asks_again(self.missing.len());
                }
            }
            if stream.nack.outstanding() > 0 {
                at_latest(now + NACK_INTERVAL);
            }
            let interval = self.config.tuning.pli_interval(quality_of(stream.layer));
            if stream.key_frames.take(now, interval, stream.last_packet) {
                let params = stream.codec.as_ref().map(|current| &current.params);
                if params.is_some_and(|params| params.fir && !params.pli) {
                    stream.fir_number = stream.fir_number.wrapping_add(1);
                    build::fir(&mut compound, local, stream.ssrc, stream.fir_number);
                } else {
                    build::pli(&mut compound, local, stream.ssrc);
                }
                self.counters.plis_out += 1;
                let track = stream.track.and_then(|track| self.tracks.get(track));
                if let (Some(track), Some(state)) = (track, self.transports.get_mut(key)) {
                    let (track, layer) = (flight::number(track.id), stream.layer as u8);
                    state.flight.note(now, What::Asked { track, layer, times: 1 });
                }
            }
            if let Some(due) = stream.key_frames.due(now, interval) {
                at_latest(due);
            }
        }
        self.look_at_layers(now, &tracks).into_iter().for_each(&mut at_latest);
        self.report_layers(now, &tracks).into_iter().for_each(at_latest);
        if compound.len() > EMPTY_REPORT {
            self.send_rtcp(now, key, &compound);
        }
        compound.clear();
        self.compound = compound;
        next
    }

    /// Finds layers that have stopped. Returns when to look again.
    fn look_at_layers(&mut self, now: Instant, tracks: &[TrackKey]) -> Option<Instant> {
        let mut next = None;
        for key in tracks {
            let Some(track) = self.tracks.get_mut(*key) else { continue };
            let unwatched = track.forwarders.is_empty() && track.relays.is_empty();
            if track.layers.iter().flatten().count() < 2 || unwatched {
                continue;
            }
            if !track.active.is_empty() {
                next = Some(now + LAYER_INTERVAL);
            }
            if track.refresh_active(now, &self.streams) {
                self.refresh_forwarders(now, *key);
                self.tell_layers(now, *key);
            }
        }
        next
    }
}

/// Bytes of a receiver report without blocks.
const EMPTY_REPORT: usize = 8;

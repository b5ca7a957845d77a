//! RTCP of a peer, and what it makes us do.

use std::time::{Duration, Instant};

use crate::rtp::rtcp::{self, Rtcp};
use crate::rtp::stats::ReportBlock;
use crate::units::{NtpTime, SeqNo, Ssrc};

use super::again::Again;
use super::counters::Drop;
use super::flight::{self, What};
use super::forwarder::ForwarderKey;
use super::shard::Shard;
use super::stream::StreamKey;
use super::timers::Owner;
use super::track::TrackKey;
use super::transports::{Source, TransportKey, TransportState};

/// How often a publisher's streams are looked at while packets are missing.
pub(super) const NACK_INTERVAL: Duration = Duration::from_millis(20);
/// How often layers are checked for having stopped.
pub(super) const LAYER_INTERVAL: Duration = Duration::from_millis(250);
/// Packets of one NACK that are looked at.
const MAX_NACKED: usize = 512;
/// Round trip until one has been measured.
const DEFAULT_RTT: Duration = Duration::from_millis(70);

impl Shard {
    /// One plaintext RTCP compound of a peer.
    pub(super) fn on_rtcp(&mut self, now: Instant, key: TransportKey, compound: &[u8]) {
        self.counters.rtcp_in.count(compound.len());
        for packet in rtcp::parse(compound) {
            let Ok(packet) = packet else {
                self.counters.drop(Drop::MalformedRtcp);
                continue;
            };
            match packet {
                Rtcp::SenderReport { report, blocks } => {
                    self.on_sender_report(now, key, report.ssrc, report.ntp, report.rtp);
                    blocks.iter().for_each(|block| self.on_report_block(now, key, &block));
                }
                Rtcp::ReceiverReport { blocks, .. } => {
                    blocks.iter().for_each(|block| self.on_report_block(now, key, &block));
                }
                Rtcp::Nack { media, seqs, .. } => {
                    if let Some(forwarder) = self.forwarder_of(key, media) {
                        self.on_nack(now, key, forwarder, seqs.iter().take(MAX_NACKED));
                    }
                }
                Rtcp::Pli { media, .. } => self.on_key_frame_request(now, key, media),
                Rtcp::Fir { entries, .. } => {
                    entries.iter().for_each(|(media, _)| self.on_key_frame_request(now, key, media));
                }
                Rtcp::Twcc(feedback) => {
                    let Some(state) = self.transports.get_mut(key) else { return };
                    self.results.clear();
                    state.sending.twcc.on_feedback(&feedback, &mut self.results);
                    if state.sending.feedback {
                        state.sending.on_results(now, &self.results);
                        state.flight.on_results(now, &self.results, &state.sending);
                        self.allocate(now, key);
                    }
                }
                Rtcp::Bye(ssrcs) => ssrcs.iter().for_each(|ssrc| self.on_bye(now, key, ssrc)),
                Rtcp::Remb { bitrate, .. } => {
                    let Some(state) = self.transports.get_mut(key) else { return };
                    state.sending.estimator.on_remb(bitrate);
                    self.allocate(now, key);
                }
                Rtcp::Sdes | Rtcp::Other { .. } => {}
            }
        }
    }

    fn forwarder_of(&self, key: TransportKey, ssrc: Ssrc) -> Option<ForwarderKey> {
        self.transports.get(key)?.sending.by_ssrc.get(&ssrc).copied()
    }

    fn media_stream(&self, key: TransportKey, ssrc: Ssrc) -> Option<StreamKey> {
        match self.transports.get(key)?.receiving.sources.get(&ssrc)?.source {
            Source::Media(stream) => Some(stream),
            Source::Repair { .. } => None,
        }
    }

    fn on_sender_report(
        &mut self,
        now: Instant,
        key: TransportKey,
        ssrc: Ssrc,
        ntp: NtpTime,
        rtp: crate::units::RtpTime,
    ) {
        let ours = self.ntp(now);
        let Some(stream_key) = self.media_stream(key, ssrc) else { return };
        let Some(stream) = self.streams.get_mut(stream_key) else { return };
        stream.stats.on_sender_report(ntp, rtp, now);
        let (track, layer) = (stream.track, stream.layer);
        if let Some(state) = self.transports.get_mut(key) {
            state.clock.observe(ntp, ours);
        }
        let Some(track_key) = track else { return };
        if self.tracks.get(track_key).is_some_and(|track| !track.relays.is_empty()) {
            self.relay_clock(track_key, layer);
        }
        self.clock_known(now, track_key, stream_key);
    }

    /// Subscribers that could not be told yet how audio and video belong together are told at once.
    pub(super) fn clock_known(&mut self, now: Instant, track: TrackKey, stream_key: StreamKey) {
        let Some(track) = self.tracks.get(track) else { return };
        for forwarder in &track.forwarders {
            let Some(forwarder) = self.forwarders.get(*forwarder) else { continue };
            if forwarder.reports == 0
                && forwarder.has_sent()
                && forwarder.source() == Some(stream_key)
                && let Some(subscriber) = self.transports.get_mut(forwarder.subscriber)
            {
                subscriber.next_report = now;
                self.timers.at_latest(Owner::Transport(forwarder.subscriber.index() as u32), now);
            }
        }
    }

    fn on_report_block(&mut self, now: Instant, key: TransportKey, block: &ReportBlock) {
        let Some(forwarder) = self.forwarder_of(key, block.ssrc) else { return };
        let Some(forwarder) = self.forwarders.get_mut(forwarder) else { return };
        forwarder.confirmed();
        forwarder.fraction_lost = block.fraction_lost;
        let rtt = forwarder.stats.on_report_block(block, now);
        let Some(state) = self.transports.get_mut(key) else { return };
        state.sending.fraction_lost = block.fraction_lost;
        if let Some(rtt) = rtt {
            state.sending.on_rtt(rtt);
            let (rtt, streams) = (state.sending.rtt, &state.receiving.streams);
            for stream in streams {
                if let Some(stream) = self.streams.get_mut(*stream) {
                    stream.nack.set_rtt(rtt);
                }
            }
        }
    }

    fn on_key_frame_request(&mut self, now: Instant, key: TransportKey, media: Ssrc) {
        self.counters.plis_in += 1;
        let Some(forwarder) = self.forwarder_of(key, media).and_then(|key| self.forwarders.get(key)) else { return };
        if !forwarder.is_open() {
            return;
        }
        let Some(track) = self.tracks.get(forwarder.track).filter(|track| !track.muted) else { return };
        let current = forwarder.selector.current().and_then(|layer| track.layers[layer]);
        let awaited = forwarder.selector.awaited().and_then(|layer| track.layers[layer]);
        let number = flight::number(track.id);
        for stream in [current, awaited].into_iter().flatten() {
            self.request_key_frame(now, stream);
        }
        self.record(now, key, What::Asks { track: number, times: 1 });
    }

    fn on_bye(&mut self, now: Instant, key: TransportKey, ssrc: Ssrc) {
        if let Some(stream) = self.media_stream(key, ssrc) {
            let track = self.streams.get(stream).and_then(|stream| stream.track);
            if let Some(track) = track {
                self.stop_forwarders(track, stream);
            }
            self.remove_stream(stream);
            if let Some(track) = track {
                self.refresh_forwarders(now, track);
            }
        } else if let Some(state) = self.transports.get_mut(key) {
            state.receiving.sources.remove(&ssrc);
        }
    }

    /// Sends packets that a subscriber misses; what cannot be sent again is counted.
    fn on_nack(
        &mut self,
        now: Instant,
        subscriber: TransportKey,
        key: ForwarderKey,
        seqs: impl Iterator<Item = SeqNo>,
    ) {
        let Shard { forwarders, streams, transports, send, counters, .. } = self;
        let Some(forwarder) = forwarders.get_mut(key) else { return };
        let Some(TransportState { sending, flight, .. }) = transports.get_mut(subscriber) else { return };
        let rtt = if sending.rtt.is_zero() { DEFAULT_RTT } else { sending.rtt };
        let unsent = sending.pacer.first_held(key);
        for seq in seqs {
            counters.nacks_in += 1;
            flight.asked_again();
            let sent = match forwarder.history.resend(now, seq, forwarder.newest(), rtt) {
                // What has never left is not sent a second time.
                Ok(sent) if unsent.is_some_and(|first| sent.out_seq.wrapping_sub(first as u32) as i32 >= 0) => {
                    counters.nack_repeats += 1;
                    continue;
                }
                Ok(sent) => sent,
                Err(super::sent::Refused::Unknown) => {
                    counters.nack_misses += 1;
                    continue;
                }
                Err(super::sent::Refused::Repeated) => {
                    counters.nack_repeats += 1;
                    continue;
                }
            };
            let Some(again) = Again::find(forwarder, sent, streams) else {
                counters.nack_misses += 1;
                continue;
            };
            if !sending.may_resend(now, usize::from(again.packet.header.len)) {
                counters.nack_over_budget += 1;
                continue;
            }
            let form = again.rtx(forwarder).unwrap_or_else(|| again.repeated());
            let queued = again.queued(send.gather(again.packet), key, forwarder, form);
            if !send.push(now, subscriber, queued) {
                counters.drop(Drop::QueueFull);
            }
        }
    }
}

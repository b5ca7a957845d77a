//! One peer connection as the shard keeps it: the transport, what the peer sends, what it gets.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use arrayvec::{ArrayString, ArrayVec};
use smallvec::SmallVec;

use crate::ids::TransportId;
use crate::rtp::twcc::{PacketResult, TwccRecorder, TwccSender};
use crate::rtp::{CodecParams, ExtensionMap, ExtensionTable};
use crate::transport::{Path, ReceiverSection, SenderSection, Transport, TransportCounters};
use crate::units::{NtpTime, PayloadType, Rid, Ssrc};

use super::data::Channels;
use super::demux::{Demux, SeededState};
use super::estimate::Estimator;
use super::flight::Flight;
use super::forwarder::ForwarderKey;
use super::pace::Pacer;
use super::speakers::RoomKey;
use super::stream::StreamKey;
use super::table::Key;
use super::track::TrackKey;

/// Names a peer connection within its shard.
pub type TransportKey = Key<TransportState>;

/// Received sources per peer connection at most (an eight-camera publisher with simulcast and RTX has 48).
pub const MAX_SOURCES: usize = 64;

/// What a received SSRC is.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A media stream.
    Media(StreamKey),
    /// The retransmissions of a stream, found by section and rid when the stream itself is not known yet.
    Repair {
        /// Its section.
        section: usize,
        /// The rid that it repairs.
        rid: Option<Rid>,
        /// The stream that it repairs.
        media: Option<StreamKey>,
    },
}

/// A received SSRC.
#[derive(Clone, Copy, Debug)]
pub struct SourceEntry {
    /// What it is.
    pub source: Source,
    /// When it was heard last.
    pub last_heard: Instant,
}

/// The receiving half of a peer connection.
pub struct Receiving {
    /// What was negotiated, in the order of the description.
    pub sections: Vec<ReceiverSection>,
    /// Extension ids of all sections together: bundled sections agree on them (RFC 8843 §9.1).
    pub extensions: ExtensionTable,
    /// Every received SSRC.
    pub sources: HashMap<Ssrc, SourceEntry, SeededState>,
    /// The media streams among them.
    pub streams: Vec<StreamKey>,
    /// Arrivals for transport-wide feedback.
    pub twcc: TwccRecorder,
    /// Feedback was negotiated.
    pub wants_twcc: bool,
}

impl Receiving {
    /// Nothing negotiated.
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            sections: Vec::new(),
            extensions: ExtensionTable::default(),
            sources: HashMap::with_hasher(SeededState::new(seed)),
            streams: Vec::new(),
            twcc: TwccRecorder::new(now),
            wants_twcc: false,
        }
    }

    /// Replaces what was negotiated.
    pub fn set_sections(&mut self, sections: Vec<ReceiverSection>) {
        let mut map = ExtensionMap::default();
        for (kind, id) in sections.iter().flat_map(|section| section.extensions.iter()) {
            map.set(kind, id);
        }
        self.extensions = ExtensionTable::new(&map);
        self.wants_twcc = sections.iter().flat_map(|section| &section.codecs).any(|codec| codec.transport_cc);
        self.sections = sections;
    }

    /// The codec whose media or retransmissions bear this payload type in this section; the flag says
    /// retransmissions.
    pub fn codec_of(&self, section: usize, payload_type: PayloadType) -> Option<(&CodecParams, bool)> {
        let codecs = &self.sections.get(section)?.codecs;
        codecs.iter().find_map(|codec| {
            if codec.payload_type == payload_type {
                Some((codec, false))
            } else {
                (codec.rtx == Some(payload_type)).then_some((codec, true))
            }
        })
    }
}

/// The sending half of a peer connection.
pub struct Sending {
    /// What was negotiated.
    pub sections: Vec<SenderSection>,
    /// Every forwarder towards this peer, bound or not.
    pub forwarders: Vec<ForwarderKey>,
    /// Our streams, for the peer's reports.
    pub by_ssrc: HashMap<Ssrc, ForwarderKey, SeededState>,
    /// Transport-wide numbers, and what the peer says of them.
    pub twcc: TwccSender,
    /// Some kind of feedback on what the way carries was negotiated.
    pub feedback: bool,
    /// What the way to the peer carries, by that.
    pub estimator: Estimator,
    /// The peer knows what a paused stream is.
    pub may_pause: bool,
    /// Since when the way carries too little for the lowest layers of all pictures.
    pub short_since: Option<Instant>,
    /// What waits for its turn.
    pub pacer: Pacer,
    /// What leaves at the next flush is a probe.
    pub probing: bool,
    /// When the last allocation was made.
    pub allocated: Option<Instant>,
    /// With so much, in bits per second, the last allocation gave everybody everything and had no more to look for. None
    /// where it did not, or where something else is wanted now.
    pub content_with: Option<u64>,
    /// What it takes, in bits per second.
    pub spent: u64,
    /// Round trip by the peer's reports; zero until measured.
    pub rtt: Duration,
    /// Bytes that may be sent again now.
    pub resend_budget: u64,
    /// When the budget was last topped up.
    pub budget_at: Instant,
    /// Share of our packets that the peer lost lately, in 1/256.
    pub fraction_lost: u8,
}

impl Sending {
    /// Bytes that a subscriber may have sent again in a burst.
    const BURST: u64 = 256 * 1024;
    /// And per second: 2 Mbit/s repairs a tenth of a 20 Mbit/s subscription.
    const PER_SECOND: u64 = 256 * 1024;

    /// Nothing negotiated.
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            sections: Vec::new(),
            forwarders: Vec::new(),
            by_ssrc: HashMap::with_hasher(SeededState::new(seed)),
            twcc: TwccSender::new(),
            feedback: false,
            estimator: Estimator::new(),
            may_pause: false,
            short_since: None,
            pacer: Pacer::default(),
            probing: false,
            allocated: None,
            content_with: None,
            spent: 0,
            rtt: Duration::ZERO,
            resend_budget: Self::BURST,
            budget_at: now,
            fraction_lost: 0,
        }
    }

    /// What transport-wide feedback said of packets that were sent.
    pub fn on_results(&mut self, now: Instant, results: &[PacketResult]) {
        self.estimator.on_results(now, results, self.rtt);
        self.set_pace(now);
    }

    /// A probe has left with these numbers; none, where there was nothing to send it with.
    pub fn probe_sent(&mut self, now: Instant, numbers: Range<u64>) {
        self.estimator.probe_sent(now, numbers);
        self.set_pace(now);
    }

    /// Has a look whether feedback stays away.
    pub fn on_silence(&mut self, now: Instant) {
        self.estimator.on_silence(now, self.twcc.next_number());
        self.set_pace(now);
    }

    /// Packets leave as the estimate has it from now on.
    pub fn set_pace(&mut self, now: Instant) {
        self.pacer.set_pace(self.estimator.pace(now).filter(|_| self.feedback));
    }

    /// A new measurement of the round trip.
    pub fn on_rtt(&mut self, rtt: Duration) {
        self.rtt = if self.rtt.is_zero() { rtt } else { (self.rtt * 7 + rtt) / 8 };
    }

    /// Takes `bytes` from the budget of retransmissions, if they are there.
    pub fn may_resend(&mut self, now: Instant, bytes: usize) -> bool {
        let elapsed = now.saturating_duration_since(self.budget_at);
        let earned = (elapsed.as_micros() as u64).saturating_mul(Self::PER_SECOND) / 1_000_000;
        if earned > 0 {
            self.resend_budget = (self.resend_budget + earned).min(Self::BURST);
            self.budget_at = now;
        }
        let Some(left) = self.resend_budget.checked_sub(bytes as u64) else { return false };
        self.resend_budget = left;
        true
    }
}

/// Maps a publisher's wall clock onto ours: one offset for all its streams, so that they stay in step.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockMap {
    /// Ours minus theirs, 32.32 fixed point.
    offset: Option<i64>,
}

impl ClockMap {
    /// A sender report of the publisher with this wall time has arrived at `ours`. The shortest way seen counts,
    /// slowly forgotten, since clocks drift.
    pub fn observe(&mut self, theirs: NtpTime, ours: NtpTime) {
        let sample = ours.0.wrapping_sub(theirs.0) as i64;
        self.offset = Some(match self.offset {
            None => sample,
            // A step of their clock.
            Some(offset) if sample.abs_diff(offset) > 5 << 32 => sample,
            Some(offset) if sample <= offset => sample,
            Some(offset) => offset + (sample - offset) / 64,
        });
    }

    /// Their time at an instant of ours.
    pub const fn to_theirs(self, ours: NtpTime) -> Option<NtpTime> {
        match self.offset {
            Some(offset) => Some(NtpTime(ours.0.wrapping_sub(offset as u64))),
            None => None,
        }
    }
}

/// A peer connection's state.
pub struct TransportState {
    /// Its name.
    pub id: TransportId,
    /// Its room.
    pub room: RoomKey,
    /// ICE, DTLS, SRTP, SCTP.
    pub transport: Transport,
    /// Our ufrags, newest last; the demultiplexer knows them.
    pub ufrags: SmallVec<[ArrayString<256>; 1]>,
    /// The addresses that the demultiplexer knows.
    pub paths: ArrayVec<Path, { Demux::PATHS }>,
    /// [`super::Event::TransportConnected`] has gone out.
    pub connected: bool,
    /// What the peer sends.
    pub receiving: Receiving,
    /// What the peer gets.
    pub sending: Sending,
    /// Data channels.
    pub channels: Channels,
    /// Its publications.
    pub tracks: Vec<TrackKey>,
    /// Its wall clock.
    pub clock: ClockMap,
    /// The sender of our RTCP towards this peer.
    pub local_ssrc: Ssrc,
    /// Name of its streams' sources towards subscribers (RFC 3550 §6.5.1).
    pub cname: ArrayString<16>,
    /// When reports go out next.
    pub next_report: Instant,
    /// When streams are looked at next: NACKs, key-frame requests, stopped layers.
    pub next_look: Option<Instant>,
    /// What the way to it and from it was like lately.
    pub flight: Flight,
    /// Its events and datagrams wait to be taken.
    pub touched: bool,
    /// What the transport had dropped on its own when it was last looked at.
    pub counted: TransportCounters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_way_decides_a_clocks_offset() {
        let second = 1u64 << 32;
        let mut clock = ClockMap::default();
        assert_eq!(clock.to_theirs(NtpTime(0)), None);
        clock.observe(NtpTime(100 * second), NtpTime(200 * second + second / 10));
        clock.observe(NtpTime(101 * second), NtpTime(201 * second + second / 20));
        clock.observe(NtpTime(102 * second), NtpTime(202 * second + second / 2));
        let theirs = clock.to_theirs(NtpTime(200 * second)).unwrap_or_default().0 as f64 / second as f64;
        assert!((99.94..99.95).contains(&theirs), "{theirs}");
        clock.observe(NtpTime(second), NtpTime(9 * second));
        assert_eq!(clock.to_theirs(NtpTime(10 * second)), Some(NtpTime(2 * second)), "a step is followed at once");
    }

    #[test]
    fn the_budget_of_retransmissions_runs_out_and_comes_back() {
        let now = Instant::now();
        let mut sending = Sending::new(now, 1);
        let granted = (0..1000).filter(|_| sending.may_resend(now, 1000)).count();
        assert_eq!(granted, 262);
        assert!(!sending.may_resend(now, 1000));
        assert!(sending.may_resend(now + Duration::from_millis(10), 1000));
    }
}

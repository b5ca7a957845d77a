//! One track's way to one subscriber: which layer, under which numbers, in which payload type.

use std::time::{Duration, Instant};

use crate::ids::ForwarderId;
use crate::rtp::CodecParams;
use crate::rtp::munger::{MungeError, Order, RtpMunger};
use crate::rtp::stats::{SenderClock, SenderStats};
use crate::rtp::vp8::{Vp8Drop, Vp8Fields, Vp8Munger};
use crate::rtp::write::ForwardHeader;
use crate::transport::SenderSection;
use crate::units::{ClockRate, MediaKind, RtpTime, SeqNo, Ssrc};

use super::command::{LayerTarget, Quality};
use super::depth::{Depth, DepthFilter};
use super::outgoing::{Outgoing, WITH_MARKER, WITH_MID};
use super::packet::SourcePacket;
use super::pause::Pause;
use super::route::Route;
use super::select::{Choice, LAYERS, LayerIndex, LayerSet, Selector};
use super::sent::{Sent, SentHistory};
use super::stream::{Stream, StreamKey};
use super::table::Key;
use super::track::TrackKey;
use super::transports::TransportKey;

/// Names a forwarder within its shard.
pub type ForwarderKey = Key<Forwarder>;

/// Packets remembered for NACKs; of video more where layers keep more, of audio not: these are more than a second, and
/// there are many forwarders of audio.
const VIDEO_HISTORY: usize = 512;
const AUDIO_HISTORY: usize = 64;
/// The sender reports of two layers and the time of arrival may disagree by this much before the
/// reports are not believed.
const REPORTS_TOLERANCE: Duration = Duration::from_secs(2);
/// The mid is written into this many packets at most before it is taken for known.
const MID_PACKETS: u64 = 100;

/// The section that carries a forwarder, and what was prepared from it.
#[derive(Debug)]
pub struct Binding {
    /// What was negotiated.
    pub section: SenderSection,
    /// Prepared header.
    pub header: ForwardHeader,
}

/// What a forwarder does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes out with these numbers.
    Send(Outgoing),
    /// It goes out, and is the first of a layer that was not flowing.
    Switched(Outgoing),
    /// It does not go out.
    Nothing,
    /// It has gone out before.
    Repeated,
}

/// The numbering of a source that no longer flows.
struct LateSource {
    stream: StreamKey,
    munger: RtpMunger,
    vp8: Option<Vp8Munger>,
}

/// A subscription's state on the packet path.
pub struct Forwarder {
    /// Its name.
    pub id: ForwarderId,
    /// Where packets come from.
    pub track: TrackKey,
    /// Where they go.
    pub subscriber: TransportKey,
    /// Audio or video.
    pub kind: MediaKind,
    /// Set as long as the subscriber's description has a section for it.
    pub binding: Option<Binding>,
    /// Which layer flows.
    pub selector: Selector,
    /// What has been sent.
    pub history: SentHistory,
    /// Counts for sender reports, and the round trip.
    pub stats: SenderStats,
    /// Number of the next packet on the retransmission stream.
    pub rtx_seq: SeqNo,
    /// The layer that the control plane was told of.
    pub reported: Option<LayerIndex>,
    /// Sender reports sent.
    pub reports: u32,
    /// Share of our packets that the subscriber lost lately, in 1/256.
    pub fraction_lost: u8,
    /// The subscriber's connection carries media.
    pub live: bool,
    /// How much it matters beside the subscriber's others.
    pub priority: u8,
    /// Whether it stands still for want of room.
    pub pause: Pause,
    /// The stream that flows, or flowed last.
    source: Option<StreamKey>,
    /// The one before it: what it sent may still be asked for.
    previous: Option<StreamKey>,
    /// Counts the sources.
    epoch: u16,
    munger: RtpMunger,
    vp8: Option<Box<Vp8Munger>>,
    /// Which of the layers inside the stream flow.
    filter: DepthFilter,
    /// How the source before the last switch was numbered: what was missing of it then may still come.
    late: Option<Box<LateSource>>,
    route: Option<Route>,
    last_sent: Instant,
    clock_rate: ClockRate,
    mid_left: u64,
}

impl Forwarder {
    /// A subscription that waits for its section. `first_seq` and `first_rtx` are random.
    pub fn new(
        now: Instant,
        id: ForwarderId,
        track: TrackKey,
        subscriber: TransportKey,
        kind: MediaKind,
        target: LayerTarget,
        first: [u16; 2],
    ) -> Self {
        let size = if kind == MediaKind::Video { VIDEO_HISTORY } else { AUDIO_HISTORY };
        // The upper half of the number space would make a late first packet's rollover counter ambiguous.
        let first = first.map(|seq| SeqNo(seq & 0x7FFF));
        Self {
            id,
            track,
            subscriber,
            kind,
            binding: None,
            selector: Selector::new(target),
            history: SentHistory::new(now, size),
            stats: SenderStats::new(),
            rtx_seq: first[1],
            reported: None,
            reports: 0,
            fraction_lost: 0,
            live: false,
            priority: 1,
            pause: Pause::default(),
            source: None,
            previous: None,
            epoch: 0,
            munger: RtpMunger::new(first[0]),
            vp8: None,
            filter: DepthFilter::new(),
            late: None,
            route: None,
            last_sent: now,
            clock_rate: ClockRate(90_000),
            mid_left: MID_PACKETS,
        }
    }

    /// Remembers as much video as a layer keeps, `packets`.
    pub fn remembering(mut self, now: Instant, packets: usize) -> Self {
        if self.kind == MediaKind::Video && packets > VIDEO_HISTORY {
            self.history = SentHistory::new(now, packets.next_power_of_two());
        }
        self
    }

    /// The subscriber's description names a section for it. Numbers go on if it is the section that it had.
    pub fn bind(&mut self, section: &SenderSection) {
        if self.binding.as_ref().is_some_and(|bound| bound.section == *section) {
            return;
        }
        if let Some(bound) = &self.binding {
            // What was sent can no longer be written as it was.
            self.history.clear();
            if bound.section.ssrc != section.ssrc {
                self.stop();
            }
        }
        self.route = None;
        self.mid_left = MID_PACKETS;
        let header = ForwardHeader::new(&section.extensions, section.mid);
        self.binding = Some(Binding { section: section.clone(), header });
    }

    /// The subscriber's description has no section for it any more.
    pub fn unbind(&mut self) {
        self.binding = None;
        self.route = None;
        self.history.clear();
        self.stop();
    }

    /// Nothing flows until the next opening: muted, disabled, or the source is another.
    pub fn stop(&mut self) {
        self.selector.stop();
        self.munger.clear_source();
        self.late = None;
    }

    /// The source's codecs or payload types have changed.
    pub fn forget_route(&mut self) {
        self.route = None;
    }

    /// Our stream's identifier, once bound.
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.binding.as_ref().map(|bound| bound.section.ssrc)
    }

    /// Ready for packets: bound, connected, wanted and not paused.
    pub const fn is_open(&self) -> bool {
        self.is_wanted() && !self.pause.paused()
    }

    /// Bound, connected and asked for.
    pub const fn is_wanted(&self) -> bool {
        self.binding.is_some() && self.live && !self.selector.target().disabled
    }

    /// The stream that flows, or flowed last.
    pub const fn source(&self) -> Option<StreamKey> {
        self.source
    }

    /// The stream that a sent packet came from, while it is one of the last two.
    pub fn source_of(&self, epoch: u16) -> Option<StreamKey> {
        match self.epoch.wrapping_sub(epoch) {
            0 => self.source,
            1 => self.previous,
            _ => None,
        }
    }

    /// Which quality a packet of `layer` is: the highest spatial layer that flows, where the stream has higher ones.
    pub fn shown(&self, layer: LayerIndex) -> LayerIndex {
        self.filter.spatial().map_or(layer, |spatial| LayerIndex::from(spatial).min(LAYERS - 1))
    }

    /// What flows has spatial layers less than are wanted, until a key frame.
    pub fn lacks_layers(&self) -> bool {
        self.selector.current().is_some() && self.filter.lacks(self.selector.depth())
    }

    /// Newest extended number sent.
    pub const fn newest(&self) -> u64 {
        self.munger.last_ext_seq()
    }

    /// True once a packet has been sent.
    pub const fn has_sent(&self) -> bool {
        self.munger.last_timestamp().is_some()
    }

    /// What a timestamp of the source becomes.
    pub const fn map_timestamp(&self, timestamp: RtpTime) -> RtpTime {
        self.munger.map_timestamp(timestamp)
    }

    /// The subscriber has heard of our stream: the mid need not be written any more.
    pub const fn confirmed(&mut self) {
        self.mid_left = 0;
    }

    /// The route of a source payload type, worked out when it changes.
    pub fn route(&mut self, source: &CodecParams) -> Option<Route> {
        if let Some(route) = self.route
            && route.source == source.payload_type
        {
            return Some(route);
        }
        let route = Route::find(source, &self.binding.as_ref()?.section.codecs);
        self.route = Some(route);
        Some(route)
    }

    /// Decides about one packet of `stream`, which is `layer` of the track. `clocks` are the sender clocks of the stream
    /// that flowed last and of the packet's own, asked for only when the source changes.
    pub fn offer(
        &mut self,
        now: Instant,
        packet: &SourcePacket,
        stream: &Stream,
        layer: LayerIndex,
        active: LayerSet,
        clocks: impl FnOnce(Option<StreamKey>) -> [Option<SenderClock>; 2],
    ) -> Verdict {
        if !self.is_open() {
            return Verdict::Nothing;
        }
        if packet.header.is_empty() {
            return self.offer_empty(packet, layer);
        }
        if let Some(late) = &self.late
            && late.stream == packet.stream
            && late.munger.order(packet.seq) == Order::Late
        {
            return self.number_late(packet);
        }
        let choice = self.selector.choose(now, layer, packet.opens, active);
        let resumes = match choice {
            Choice::Skip => return Verdict::Nothing,
            Choice::Switch => true,
            // The layer stays but its stream was replaced: as good as a switch, for audio at once.
            Choice::Forward if self.source != Some(packet.stream) => {
                if !packet.opens {
                    return Verdict::Nothing;
                }
                true
            }
            Choice::Forward => false,
        };
        let Some(params) = stream.codec.as_ref().map(|current| &current.params) else { return Verdict::Nothing };
        if self.route(params).is_none_or(|route| route.payload_type.is_none()) {
            return Verdict::Nothing;
        }
        if resumes {
            let [old, new] = clocks(self.source);
            self.switch(now, packet, stream, params, old, new);
        }
        let verdict = self.number(now, packet, stream);
        match verdict {
            Verdict::Send(out) if resumes => Verdict::Switched(out),
            verdict => verdict,
        }
    }

    fn switch(
        &mut self,
        now: Instant,
        packet: &SourcePacket,
        stream: &Stream,
        params: &CodecParams,
        old: Option<SenderClock>,
        new: Option<SenderClock>,
    ) {
        let timestamp = self.switch_timestamp(now, packet, params.clock_rate, old, new);
        let before = self.source.filter(|before| *before != packet.stream && self.has_sent());
        self.late = before.map(|stream| {
            let (munger, vp8) = (self.munger.clone(), self.vp8.as_deref().cloned());
            Box::new(LateSource { stream, munger, vp8 })
        });
        self.munger.switch_source(packet.seq, packet.header.timestamp, timestamp);
        self.filter.restart(self.depth(stream));
        if let Some(first) = &packet.vp8 {
            self.vp8.get_or_insert_with(|| Box::new(Vp8Munger::new())).switch_source(first);
        }
        if self.source != Some(packet.stream) {
            self.epoch = self.epoch.wrapping_add(1);
            self.previous = self.source;
        }
        self.source = Some(packet.stream);
        self.clock_rate = params.clock_rate;
    }

    /// Where the new source's timestamp goes on our time line: by both sources' sender reports, so that
    /// audio and video stay together; by arrival where reports are missing or make no sense.
    fn switch_timestamp(
        &self,
        now: Instant,
        packet: &SourcePacket,
        rate: ClockRate,
        old: Option<SenderClock>,
        new: Option<SenderClock>,
    ) -> RtpTime {
        let source = packet.header.timestamp;
        let Some(last) = self.munger.last_timestamp() else { return source };
        let expected = last.add(rate.ticks(now.saturating_duration_since(self.last_sent)));
        let mapped = if self.source == Some(packet.stream) {
            Some(self.munger.map_timestamp(source))
        } else if let (Some(old), Some(new)) = (old, new) {
            // The same instant on the old source's time line.
            Some(self.munger.map_timestamp(old.rtp_at(new.ntp_at(source, rate), rate)))
        } else {
            None
        };
        let tolerance = rate.ticks(REPORTS_TOLERANCE) as i32;
        mapped.filter(|mapped| mapped.distance_from(expected).abs() <= tolerance).unwrap_or(expected)
    }

    /// What is wanted of the layers inside a stream: no more pictures than suffice.
    fn depth(&self, stream: &Stream) -> Depth {
        let depth = self.selector.depth();
        let (pictures, rates) = (self.selector.target().pictures, stream.rates());
        let Some(rates) = rates.filter(|_| pictures > 0) else { return depth };
        Depth { temporal: depth.temporal.min(rates.sufficient(usize::from(depth.spatial), pictures)), ..depth }
    }

    fn number(&mut self, now: Instant, packet: &SourcePacket, stream: &Stream) -> Verdict {
        let order = self.munger.order(packet.seq);
        let mut codec = 0;
        // A late packet goes into the gap that was left for it, whatever its layer.
        if let Some(layers) = packet.layers.as_ref().filter(|_| matches!(order, Order::Contiguous | Order::Gap)) {
            let passes = self.filter.pass(layers, self.depth(stream), packet.opens);
            // Of VP8 whole pictures are left out, and numbered anew below.
            if !passes && packet.vp8.is_none() {
                self.munger.drop_packet(packet.seq);
                return Verdict::Nothing;
            }
            if self.filter.ends_picture(layers) {
                codec |= WITH_MARKER;
            }
            if self.filter.announces(layers)
                && let Some(structure) = stream.structure()
            {
                let flowing = self.filter.flowing();
                codec |= Outgoing::pack_targets(structure, structure.within(flowing.spatial, flowing.temporal));
            }
        }
        if let Some(descriptor) = &packet.vp8 {
            let vp8 = self.vp8.get_or_insert_with(|| Box::new(Vp8Munger::new()));
            match vp8.forward(descriptor, order, self.filter.flowing().temporal) {
                Ok(fields) => codec |= Outgoing::pack(fields),
                Err(Vp8Drop::TemporalLayer) => {
                    self.munger.drop_packet(packet.seq);
                    return Verdict::Nothing;
                }
                Err(Vp8Drop::Forgotten) => return Verdict::Nothing,
            }
        }
        let munged = match self.munger.forward(packet.seq, packet.header.timestamp, packet.header.marker) {
            Ok(munged) => munged,
            Err(MungeError::Duplicate) => return Verdict::Repeated,
            Err(MungeError::NoSource | MungeError::TooOld | MungeError::Dropped) => return Verdict::Nothing,
        };
        if self.mid_left > 0 {
            self.mid_left -= 1;
            codec |= WITH_MID;
        }
        if munged.order != Order::Late {
            self.last_sent = now;
        }
        self.record(packet, munged.ext_seq, munged.timestamp, codec)
    }

    /// A packet of the source before the switch: it goes out only into a gap that was left for it.
    fn number_late(&mut self, packet: &SourcePacket) -> Verdict {
        let Some(late) = &mut self.late else { return Verdict::Nothing };
        let fields = match (&packet.vp8, &mut late.vp8) {
            (Some(descriptor), Some(vp8)) => vp8.forward(descriptor, Order::Late, u8::MAX).ok(),
            _ => Some(Vp8Fields::default()),
        };
        let munged = late.munger.forward(packet.seq, packet.header.timestamp, packet.header.marker);
        let (Some(fields), Ok(munged)) = (fields, munged) else { return Verdict::Nothing };
        let sent = Sent::new(
            munged.ext_seq as u32,
            packet.seq as u32,
            self.epoch.wrapping_sub(1),
            munged.timestamp,
            Outgoing::pack(fields),
        );
        if !self.history.insert(sent) {
            return Verdict::Repeated;
        }
        Verdict::Send(Outgoing { seq: munged.ext_seq, timestamp: munged.timestamp, codec: sent.codec })
    }

    /// Padding alone is left out; if it comes too late for that, its number gets an empty packet, since a
    /// hole would be asked for in vain.
    fn offer_empty(&mut self, packet: &SourcePacket, layer: LayerIndex) -> Verdict {
        if self.selector.current() != Some(layer) || self.source != Some(packet.stream) {
            return Verdict::Nothing;
        }
        if matches!(self.munger.order(packet.seq), Order::Contiguous | Order::Gap) {
            self.munger.drop_packet(packet.seq);
            return Verdict::Nothing;
        }
        let Ok(munged) = self.munger.forward(packet.seq, packet.header.timestamp, false) else {
            return Verdict::Nothing;
        };
        self.record(packet, munged.ext_seq, munged.timestamp, 0)
    }

    fn record(&mut self, packet: &SourcePacket, seq: u64, timestamp: RtpTime, codec: u32) -> Verdict {
        if !self.history.insert(Sent::new(seq as u32, packet.seq as u32, self.epoch, timestamp, codec)) {
            return Verdict::Repeated;
        }
        Verdict::Send(Outgoing { seq, timestamp, codec })
    }
}

/// The quality that a layer's index stands for.
pub const fn quality_of(layer: LayerIndex) -> Quality {
    match layer {
        0 => Quality::Low,
        1 => Quality::Medium,
        _ => Quality::High,
    }
}

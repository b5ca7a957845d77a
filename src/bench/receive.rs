//! A participant's incoming media: every packet is counted by its stamp, none is decoded; reports, requests for
//! repetition and transport-wide feedback go back as a browser sends them. Without sockets and clock.

use std::time::{Duration, Instant};

use prost::Message as _;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use visavis_signaling::proto::{DataPacket, data_packet};

use super::account::{TrackHeard, Window};
use super::histogram::Histogram;
use super::publish::Moment;
use super::stamp::{MAX_TRACKS, Stamp, TrackId};
use super::tally::{Arrival, Tally};
use crate::rtp::munger::Order;
use crate::rtp::nack::NackTracker;
use crate::rtp::rtcp::{Rtcp, build};
use crate::rtp::stats::ReceiveStats;
use crate::rtp::twcc::TwccRecorder;
use crate::rtp::{ExtensionKind, RtpHeader};
use crate::transport::DropCause;
use crate::transport::demux::{self, Kind};
use crate::transport::sdp::AnsweredSection;
use crate::units::{Bitrate, ClockRate, MediaKind, SeqNo, Ssrc};

/// Time between reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Room that is reported where the server wants the receiver's estimate.
const ESTIMATE: Bitrate = Bitrate(100_000_000);
/// Receiving alone, a browser names itself by this (libwebrtc).
const SENDER_OF_NOTHING: Ssrc = Ssrc(1);
/// More numbers than a stream ever has.
const CYCLE: u64 = 1 << 40;

/// What a lane counts for all its participants.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Packets of media, and messages, whose stamp was read; repetitions of the same one included.
    pub packets: u64,
    /// Their bytes on the wire, without UDP and IP.
    pub bytes: u64,
    /// Those sent within the window, each only once.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Packets that came as repetitions.
    pub repaired: u64,
    /// Packets of nothing but padding.
    pub padding: u64,
    /// Packets that nobody of this run in the room has sent.
    pub foreign: u64,
    /// Packets that receivers pretended not to have got.
    pub pretended_lost: u64,
    /// Requests for repetition, by packet.
    pub asked: u64,
    /// Datagrams that the transport did not take, by cause.
    pub refused: [u64; DropCause::COUNT],
    /// Streams that at least one packet has come of.
    pub subscriptions: u64,
    /// Packets sent by publishers.
    pub sent: u64,
    /// Datagrams that the kernel did not take.
    pub unsent: u64,
    /// One-way delay in nanoseconds of what was sent within the window.
    pub delay: Histogram,
    /// By how much the loop was late for what it had to send, in nanoseconds, within the window.
    pub lateness: Histogram,
}

impl Counts {
    /// Adds what another lane has counted.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.packets, other.packets),
            (&mut self.bytes, other.bytes),
            (&mut self.delivered, other.delivered),
            (&mut self.delivered_bytes, other.delivered_bytes),
            (&mut self.repaired, other.repaired),
            (&mut self.padding, other.padding),
            (&mut self.foreign, other.foreign),
            (&mut self.pretended_lost, other.pretended_lost),
            (&mut self.asked, other.asked),
            (&mut self.subscriptions, other.subscriptions),
            (&mut self.sent, other.sent),
            (&mut self.unsent, other.unsent),
        ];
        pairs.into_iter().for_each(|(sum, more)| *sum += more);
        self.refused.iter_mut().zip(other.refused).for_each(|(sum, more)| *sum += more);
        self.delay.add(&other.delay);
        self.lateness.add(&other.lateness);
    }
}

/// What one participant has of one track.
struct Subscription {
    tally: Tally,
    stats: Option<ReceiveStats>,
    ssrc: Ssrc,
    /// Above the numbers of its streams, so that those of one are never taken for those of another.
    cycle: u64,
    nack: Option<Box<NackTracker>>,
}

/// A datagram's circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// When the kernel had it, in nanoseconds of the calendar.
    pub wall: u64,
    /// Bytes on the wire.
    pub bytes: usize,
}

impl Arrived {
    /// The same on the clock that goes evenly: feedback tells of the way, not of when a thread had time to read.
    fn by(&self, moment: &Moment) -> Instant {
        let ago = Duration::from_nanos(moment.wall.saturating_sub(self.wall));
        moment.now.checked_sub(ago).unwrap_or(moment.now)
    }
}

/// Everything that one participant receives.
pub struct Receiver {
    room: u32,
    /// By number of the track in its room.
    subscriptions: Vec<Option<Box<Subscription>>>,
    /// Something has come.
    began: bool,
    by_ssrc: Vec<(Ssrc, u16)>,
    /// Payload types of retransmissions, as bits.
    rtx_types: u128,
    video_types: u128,
    /// Payload types for which repetition may be asked for.
    nack_types: u128,
    transport_cc: Option<u8>,
    wants_estimate: bool,
    feedback: Option<Box<TwccRecorder>>,
    feedback_media: Ssrc,
    next_report: Instant,
    next_nack: Option<Instant>,
    pretended_loss: f64,
    rng: SmallRng,
    scratch: Vec<SeqNo>,
}

impl Receiver {
    /// A receiver in a room. `phase` spreads its reports over time.
    pub fn new(now: Instant, phase: Duration, room: u32, pretended_loss: f64, seed: u64) -> Self {
        Self {
            room,
            subscriptions: Vec::new(),
            began: false,
            by_ssrc: Vec::new(),
            rtx_types: 0,
            video_types: 0,
            nack_types: 0,
            transport_cc: None,
            wants_estimate: false,
            feedback: None,
            feedback_media: Ssrc(0),
            next_report: now + phase,
            next_nack: None,
            pretended_loss,
            rng: SmallRng::seed_from_u64(seed),
            scratch: Vec::new(),
        }
    }

    /// Learns what an answer says of the streams that come.
    pub fn learn(&mut self, answered: &[AnsweredSection], now: Instant) {
        for section in answered {
            for codec in &section.codecs {
                let bit = 1u128 << (codec.payload_type.0 & 0x7F);
                if section.kind == MediaKind::Video {
                    self.video_types |= bit;
                }
                if codec.nack {
                    self.nack_types |= bit;
                }
                if let Some(rtx) = codec.rtx {
                    self.rtx_types |= 1 << (rtx.0 & 0x7F);
                }
            }
            // One id for all sections of a bundle (RFC 8843 §9.2).
            let receives = section.sends;
            self.transport_cc = self.transport_cc.or(section.extensions.id(ExtensionKind::TransportCc));
            self.wants_estimate |= receives && section.codecs.iter().any(|codec| codec.remb);
        }
        if self.transport_cc.is_some() && self.feedback.is_none() {
            self.feedback = Some(Box::new(TwccRecorder::new(now)));
        }
    }

    /// Whether this datagram, still sealed, is to be lost: media on its way here for the first time.
    pub fn pretends_loss(&mut self, datagram: &[u8], counts: &mut Counts) -> bool {
        if self.pretended_loss == 0.0 || demux::classify(datagram) != Kind::Rtp {
            return false;
        }
        let is_rtx = datagram.get(1).is_some_and(|second| self.rtx_types & 1 << (second & 0x7F) != 0);
        let lost = !is_rtx && self.rng.random_bool(self.pretended_loss);
        counts.pretended_lost += u64::from(lost);
        lost
    }

    /// Takes one plaintext packet. True for the first one of the first stream.
    pub fn on_rtp(&mut self, packet: &[u8], arrived: Arrived, moment: &Moment, counts: &mut Counts) -> bool {
        let Ok(header) = RtpHeader::parse(packet) else { return false };
        let bit = 1u128 << header.payload_type.0;
        let is_rtx = self.rtx_types & bit != 0;
        self.note_transport_seq(&header, packet, arrived.by(moment));
        let payload = header.payload(packet);
        let Some(stamp) = Stamp::read(moment.run, payload) else {
            self.note_unstamped(&header, is_rtx, moment.now, counts);
            return false;
        };
        if stamp.track.room() != self.room || stamp.track.local() >= MAX_TRACKS as usize {
            counts.foreign += 1;
            return false;
        }
        let local = stamp.track.local();
        let first = !std::mem::replace(&mut self.began, true);
        let video = self.video_types & bit != 0;
        let (arrival, seq) = if is_rtx {
            counts.repaired += 1;
            let osn = payload.first_chunk().map(|osn| SeqNo(u16::from_be_bytes(*osn)));
            (Arrival::Late, self.note_repaired(local, osn, moment.now))
        } else {
            self.note_original(local, &header, video, self.nack_types & bit != 0, moment.now)
        };
        count(self.subscription(local), &stamp, (arrival, seq), arrived, moment, counts);
        first
    }

    /// Takes one message of a data channel. True for the first one of the first stream.
    pub fn on_message(&mut self, message: &[u8], arrived: Arrived, moment: &Moment, counts: &mut Counts) -> bool {
        let packet = DataPacket::decode(message).ok().and_then(|packet| packet.value);
        let Some(data_packet::Value::User(user)) = packet else { return false };
        let stamp = Stamp::read(moment.run, &user.payload).filter(|stamp| stamp.track.room() == self.room);
        let Some(stamp) = stamp else {
            counts.foreign += 1;
            return false;
        };
        let local = stamp.track.local();
        let first = !std::mem::replace(&mut self.began, true);
        count(self.subscription(local), &stamp, (Arrival::InOrder, None), arrived, moment, counts);
        first
    }

    /// Takes one RTCP packet of the server's.
    pub fn on_rtcp(&mut self, packet: &Rtcp<'_>, now: Instant) {
        if let Rtcp::SenderReport { report, .. } = packet
            && let Some(subscription) = self.by_ssrc(report.ssrc)
            && let Some(stats) = &mut subscription.stats
        {
            stats.on_sender_report(report.ntp, report.rtp, now);
        }
    }

    /// When [`Self::feed_back`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        let feedback = self.feedback.as_ref().and_then(|recorder| recorder.next_timeout());
        let report = (!self.by_ssrc.is_empty()).then_some(self.next_report);
        [report, self.next_nack, feedback].into_iter().flatten().min()
    }

    /// Appends the RTCP that is due to `out`, in one compound.
    pub fn feed_back(&mut self, sender: Option<Ssrc>, now: Instant, out: &mut Vec<u8>, counts: &mut Counts) {
        let sender = sender.unwrap_or(SENDER_OF_NOTHING);
        if self.next_report <= now && !self.by_ssrc.is_empty() {
            self.next_report = now + REPORT_INTERVAL;
            let mut blocks = Vec::with_capacity(self.by_ssrc.len());
            for subscription in self.subscriptions.iter_mut().flatten() {
                let ssrc = subscription.ssrc;
                blocks.extend(subscription.stats.as_mut().and_then(|stats| stats.report_block(ssrc, now)));
            }
            build::receiver_report(out, sender, &blocks);
            if self.wants_estimate && self.transport_cc.is_none() {
                let ssrcs: Vec<Ssrc> = self.by_ssrc.iter().map(|(ssrc, _)| *ssrc).collect();
                build::remb(out, sender, ESTIMATE, &ssrcs);
            }
        }
        if self.next_nack.is_some_and(|due| due <= now) {
            self.next_nack = None;
            for subscription in self.subscriptions.iter_mut().flatten() {
                let Some(nack) = &mut subscription.nack else { continue };
                self.scratch.clear();
                nack.poll(now, &mut self.scratch);
                build::nack(out, sender, subscription.ssrc, &self.scratch);
                counts.asked += self.scratch.len() as u64;
                self.next_nack = [self.next_nack, nack.next_timeout()].into_iter().flatten().min();
            }
        }
        // Last, for it may be padded.
        if let Some(recorder) = &mut self.feedback
            && recorder.next_timeout().is_some_and(|due| due <= now)
        {
            recorder.build(sender, self.feedback_media, out);
        }
    }

    /// Streams that something has come of.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.iter().flatten().count()
    }

    /// A new window begins.
    pub fn open_window(&mut self) {
        self.subscriptions.iter_mut().flatten().for_each(|subscription| subscription.tally.open());
    }

    /// Its accounts.
    pub fn heard(&self, left: bool, out: &mut Vec<TrackHeard>) {
        for (local, subscription) in self.subscriptions.iter().enumerate() {
            if let Some(subscription) = subscription {
                let track = TrackId::new(self.room, local as u32);
                out.push(TrackHeard { track, tally: subscription.tally.clone(), left });
            }
        }
    }

    /// The subscription of a track, made on its first packet.
    fn subscription(&mut self, local: usize) -> &mut Subscription {
        if self.subscriptions.len() <= local {
            self.subscriptions.resize_with(local + 1, || None);
        }
        self.subscriptions[local].get_or_insert_with(|| {
            Box::new(Subscription { tally: Tally::default(), stats: None, ssrc: Ssrc(0), cycle: 0, nack: None })
        })
    }

    fn by_ssrc(&mut self, ssrc: Ssrc) -> Option<&mut Subscription> {
        let (_, local) = self.by_ssrc.iter().find(|(known, _)| *known == ssrc)?;
        self.subscriptions.get_mut(usize::from(*local))?.as_deref_mut()
    }

    fn note_transport_seq(&mut self, header: &RtpHeader, packet: &[u8], now: Instant) {
        let (Some(id), Some(recorder)) = (self.transport_cc, &mut self.feedback) else { return };
        let value = header.extensions(packet).find(|(other, _)| *other == id);
        if let Some(seq) = value.and_then(|(_, value)| value.first_chunk()) {
            recorder.record(u16::from_be_bytes(*seq), now);
            self.feedback_media = header.ssrc;
        }
    }

    /// A packet of padding alone still has its number in its stream.
    fn note_unstamped(&mut self, header: &RtpHeader, is_rtx: bool, now: Instant, counts: &mut Counts) {
        if !header.is_empty() && header.padding_len == 0 {
            counts.foreign += 1;
            return;
        }
        counts.padding += 1;
        let known = self.by_ssrc.iter().find(|(ssrc, _)| *ssrc == header.ssrc).map(|(_, local)| usize::from(*local));
        if let Some(local) = known.filter(|_| !is_rtx)
            && let (_, Some(seq)) = self.note_original(local, header, true, true, now)
        {
            self.subscription(local).tally.note_padding(seq);
        }
    }

    fn note_original(
        &mut self,
        local: usize,
        header: &RtpHeader,
        video: bool,
        repairable: bool,
        now: Instant,
    ) -> (Arrival, Option<u64>) {
        let subscription = self.subscription(local);
        let clock = ClockRate(if video { 90_000 } else { 48_000 });
        let known = subscription.ssrc == header.ssrc && subscription.stats.is_some();
        if !known {
            // A stream under another name begins its reports anew.
            subscription.ssrc = header.ssrc;
            subscription.cycle += CYCLE;
            subscription.stats = Some(ReceiveStats::new(clock));
            subscription.nack = repairable.then(Box::default);
        }
        let cycle = subscription.cycle;
        let stats = subscription.stats.get_or_insert_with(|| ReceiveStats::new(clock));
        let received = stats.on_packet(header.seq, header.timestamp, usize::from(header.len), now);
        let mut due = None;
        if let (Some(received), Some(nack)) = (received, &mut subscription.nack) {
            if received.restarted {
                nack.clear();
            }
            nack.on_packet(received.ext_seq, now);
            if received.order == Order::Gap {
                due = nack.next_timeout();
            }
        }
        if !known {
            self.by_ssrc.retain(|(_, other)| usize::from(*other) != local);
            self.by_ssrc.push((header.ssrc, local as u16));
        }
        self.next_nack = [self.next_nack, due].into_iter().flatten().min();
        let arrival = match received.map(|received| received.order) {
            Some(Order::Contiguous | Order::Gap) => Arrival::InOrder,
            _ => Arrival::Late,
        };
        (arrival, received.map(|received| cycle + received.ext_seq))
    }

    /// Gives the number that the packet should have come under.
    fn note_repaired(&mut self, local: usize, osn: Option<SeqNo>, now: Instant) -> Option<u64> {
        let subscription = self.subscription(local);
        let recovered = subscription.stats.as_ref().zip(osn).and_then(|(stats, osn)| stats.on_recovered(osn));
        if let (Some(recovered), Some(nack)) = (recovered, &mut subscription.nack) {
            nack.on_packet(recovered.ext_seq, now);
        }
        // Probes repeat the newest, also what has not come yet.
        let highest = subscription.stats.as_ref()?.highest()?;
        Some(subscription.cycle + osn?.extend(highest))
    }
}

fn count(
    subscription: &mut Subscription,
    stamp: &Stamp,
    (arrival, seq): (Arrival, Option<u64>),
    arrived: Arrived,
    moment: &Moment,
    counts: &mut Counts,
) {
    let window: Window = moment.window;
    let new = subscription.tally.is_new();
    counts.subscriptions += u64::from(new);
    counts.packets += 1;
    counts.bytes += arrived.bytes as u64;
    let fresh = subscription.tally.note(stamp, arrival, seq);
    if fresh && window.contains(stamp.sent) {
        counts.delivered += 1;
        counts.delivered_bytes += arrived.bytes as u64;
        // What was repaired has waited for its request; its delay says nothing of the server's.
        if arrival == Arrival::InOrder {
            counts.delay.record(arrived.wall.saturating_sub(stamp.sent));
        }
    }
}

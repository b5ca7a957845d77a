//! Statistics of received and sent streams, as reports need them (RFC 3550 §6.4, appendices A.1, A.3, A.8).

use std::time::{Duration, Instant};

use super::munger::Order;
use crate::units::{ClockRate, NtpTime, RtpTime, SeqNo, Ssrc};

/// A jump forward of this many numbers is a loss; a longer one is a restart of the stream (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3_000;
/// A packet this far behind the newest is late. Appendix A.1 says 100; retransmissions come later than that.
const MAX_MISORDER: u16 = 1_000;
/// Extended numbers begin one cycle up, so that packets from before the first one have a number too.
const FIRST_CYCLE: u64 = 0x1_0000;
/// Sender reports whose round trip can still be measured.
const REMEMBERED_REPORTS: usize = 4;

/// One report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: Ssrc,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative when duplicates outnumber losses. 24 bits on the wire.
    pub total_lost: i32,
    /// Cycles and highest sequence number.
    pub highest_seq: u32,
    /// Interarrival jitter, in ticks of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time, 0 without one.
    pub last_sr: u32,
    /// Time since that report, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// The sender part of a sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    /// The sender's stream.
    pub ssrc: Ssrc,
    /// Wall time at which the report was sent, by the sender's clock.
    pub ntp: NtpTime,
    /// The same instant on the stream's clock.
    pub rtp: RtpTime,
    /// Packets sent, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent, modulo 2^32.
    pub octets: u32,
}

/// What a sender report says about its stream's clock, and when that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderClock {
    /// Wall time by the sender's clock.
    pub ntp: NtpTime,
    /// The same instant on the stream's clock.
    pub rtp: RtpTime,
    /// When the report arrived.
    pub at: Instant,
}

impl SenderClock {
    /// The stream's timestamp at another wall time of the same sender: with it, timestamps of two layers compare.
    pub fn rtp_at(&self, ntp: NtpTime, clock_rate: ClockRate) -> RtpTime {
        let step = i128::from(ntp.0.wrapping_sub(self.ntp.0) as i64) * i128::from(clock_rate.0);
        RtpTime(self.rtp.0.wrapping_add((step >> 32) as u32))
    }

    /// The sender's wall time when its clock reads `rtp` (less than half a cycle away from the report).
    pub fn ntp_at(&self, rtp: RtpTime, clock_rate: ClockRate) -> NtpTime {
        let step = (i128::from(rtp.distance_from(self.rtp)) << 32) / i128::from(clock_rate.0.max(1));
        NtpTime(self.ntp.0.wrapping_add(step as u64))
    }
}

/// How one received packet stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Extended sequence number: unique and rising over the stream's life, restarts included.
    pub ext_seq: u64,
    /// How it stands to the newest packet; the first one is contiguous.
    pub order: Order,
    /// The sender restarted its numbering here: what is known of earlier numbers is void.
    pub restarted: bool,
}

/// Statistics of one received stream.
#[derive(Clone, Debug)]
pub struct ReceiveStats {
    clock_rate: ClockRate,
    /// Extended; None before the first packet.
    highest: Option<u64>,
    base: u64,
    /// The next packet is believed wherever it is.
    displaced: bool,
    /// The number that must follow if a wild jump is to be believed (`bad_seq` of A.1).
    expected_after_jump: Option<SeqNo>,
    received: u64,
    bytes: u64,
    expected_prior: u64,
    received_prior: u64,
    /// Jitter times 16 (A.8).
    jitter: u32,
    /// First arrival and, since then, arrival time minus timestamp of the newest packet, in ticks.
    epoch: Option<Instant>,
    transit: u32,
    sender_clock: Option<SenderClock>,
}

impl ReceiveStats {
    /// Statistics of a stream with this clock.
    pub const fn new(clock_rate: ClockRate) -> Self {
        Self {
            clock_rate,
            highest: None,
            base: 0,
            displaced: false,
            expected_after_jump: None,
            received: 0,
            bytes: 0,
            expected_prior: 0,
            received_prior: 0,
            jitter: 0,
            epoch: None,
            transit: 0,
            sender_clock: None,
        }
    }

    /// The clock of a stream that nothing has been received of.
    pub const fn set_clock_rate(&mut self, clock_rate: ClockRate) {
        self.clock_rate = clock_rate;
    }

    /// Counts a packet of `len` bytes. None: a stray, far from where the stream is; drop it. Two strays in sequence
    /// are a restart (RFC 3550 A.1).
    pub fn on_packet(&mut self, seq: SeqNo, timestamp: RtpTime, len: usize, now: Instant) -> Option<Received> {
        let received = self.place(seq)?;
        self.received += 1;
        self.bytes += len as u64;
        if matches!(received.order, Order::Contiguous | Order::Gap) {
            self.measure_jitter(timestamp, now, received.restarted);
        }
        Some(received)
    }

    /// Packets have been left out on purpose: wherever the next one is, the stream goes on there as after a restart.
    pub const fn lose_place(&mut self) {
        self.displaced = true;
    }

    /// The extended number of a packet that was repaired by retransmission. It counts neither as received nor for
    /// jitter, it came on another stream; the report goes on telling the loss.
    pub fn on_recovered(&self, seq: SeqNo) -> Option<Received> {
        let highest = self.highest?;
        let ext_seq = seq.extend(highest);
        let late = ext_seq < highest && highest - ext_seq <= u64::from(MAX_MISORDER);
        late.then_some(Received { ext_seq, order: Order::Late, restarted: false })
    }

    fn place(&mut self, seq: SeqNo) -> Option<Received> {
        let Some(highest) = self.highest else {
            return Some(self.begin(FIRST_CYCLE + u64::from(seq.0), false));
        };
        if std::mem::take(&mut self.displaced) {
            return Some(self.begin_anew(highest, seq));
        }
        let step = seq.0.wrapping_sub(highest as u16);
        if step < MAX_DROPOUT {
            self.expected_after_jump = None;
            let ext_seq = highest + u64::from(step);
            self.highest = Some(ext_seq);
            let order = match step {
                0 => Order::Duplicate,
                1 => Order::Contiguous,
                _ => Order::Gap,
            };
            return Some(Received { ext_seq, order, restarted: false });
        }
        let behind = step.wrapping_neg();
        if behind <= MAX_MISORDER {
            return Some(Received { ext_seq: highest - u64::from(behind), order: Order::Late, restarted: false });
        }
        if self.expected_after_jump == Some(seq) {
            return Some(self.begin_anew(highest, seq));
        }
        self.expected_after_jump = Some(seq.add(1));
        None
    }

    /// In the next cycle but one, so that extended numbers keep rising and stay clear of late packets.
    fn begin_anew(&mut self, highest: u64, seq: SeqNo) -> Received {
        self.begin(((highest >> 16) + 2) << 16 | u64::from(seq.0), true)
    }

    fn begin(&mut self, ext_seq: u64, restarted: bool) -> Received {
        self.highest = Some(ext_seq);
        self.base = ext_seq;
        self.expected_after_jump = None;
        self.received = 0;
        self.expected_prior = 0;
        self.received_prior = 0;
        Received { ext_seq, order: Order::Contiguous, restarted }
    }

    fn measure_jitter(&mut self, timestamp: RtpTime, now: Instant, restarted: bool) {
        let first = self.epoch.is_none() || restarted;
        let epoch = *self.epoch.get_or_insert(now);
        let arrival = self.clock_rate.ticks(now.saturating_duration_since(epoch));
        let transit = arrival.wrapping_sub(timestamp.0);
        if !first {
            let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
            let step = difference.wrapping_sub((self.jitter.wrapping_add(8)) >> 4);
            self.jitter = self.jitter.wrapping_add(step);
        }
        self.transit = transit;
    }

    /// Takes note of a sender report for this stream.
    pub fn on_sender_report(&mut self, ntp: NtpTime, rtp: RtpTime, now: Instant) {
        self.sender_clock = Some(SenderClock { ntp, rtp, at: now });
    }

    /// What the last sender report said of the stream's clock.
    pub const fn sender_clock(&self) -> Option<SenderClock> {
        self.sender_clock
    }

    /// The block for the next report; begins a new interval for the fraction lost. None before the first packet.
    pub fn report_block(&mut self, ssrc: Ssrc, now: Instant) -> Option<ReportBlock> {
        let highest = self.highest?;
        let expected = self.expected();
        let expected_interval = expected - self.expected_prior;
        let received_interval = self.received - self.received_prior;
        (self.expected_prior, self.received_prior) = (expected, self.received);
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction_lost = (lost_interval << 8).checked_div(expected_interval).unwrap_or(0).min(255) as u8;
        let (last_sr, delay_since_last_sr) = match self.sender_clock {
            Some(clock) => {
                let delay = now.saturating_duration_since(clock.at);
                (clock.ntp.middle(), ClockRate(65_536).ticks(delay))
            }
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost,
            total_lost: self.lost().clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_seq: (highest - FIRST_CYCLE) as u32,
            jitter: self.jitter(),
            last_sr,
            delay_since_last_sr,
        })
    }

    fn expected(&self) -> u64 {
        self.highest.map_or(0, |highest| highest - self.base + 1)
    }

    /// Packets lost since the beginning (or the restart); negative when duplicates outnumber losses.
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// Packets received since the beginning (or the restart), duplicates included.
    pub const fn packets(&self) -> u64 {
        self.received
    }

    /// Bytes received since the beginning.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Interarrival jitter in ticks of the stream's clock.
    pub const fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    /// The newest extended sequence number.
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// Statistics of one sent stream.
#[derive(Clone, Debug, Default)]
pub struct SenderStats {
    packets: u32,
    octets: u32,
    /// Middle NTP bits and sending time of the last reports, newest last.
    reports: [Option<(u32, Instant)>; REMEMBERED_REPORTS],
}

impl SenderStats {
    /// Statistics of a stream that has sent nothing.
    pub const fn new() -> Self {
        Self { packets: 0, octets: 0, reports: [None; REMEMBERED_REPORTS] }
    }

    /// Counts a packet with so many bytes of payload, padding excluded.
    pub fn on_packet(&mut self, payload_len: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_len as u32);
    }

    /// Packets sent, modulo 2^32.
    pub const fn packets(&self) -> u32 {
        self.packets
    }

    /// Bytes of payload sent, modulo 2^32.
    pub const fn octets(&self) -> u32 {
        self.octets
    }

    /// The report that says that the stream's clock reads `rtp` at `ntp`; it is sent `now`.
    ///
    /// `ntp` may be any clock, as long as all streams that are to be in sync use the same: a forwarder passes on
    /// the publisher's. The round trip is measured by what is remembered here, not by comparing clocks.
    pub fn sender_report(&mut self, ssrc: Ssrc, ntp: NtpTime, rtp: RtpTime, now: Instant) -> SenderReport {
        self.reports.rotate_left(1);
        self.reports[REMEMBERED_REPORTS - 1] = Some((ntp.middle(), now));
        SenderReport { ssrc, ntp, rtp, packets: self.packets, octets: self.octets }
    }

    /// The round trip that a receiver's block about this stream tells; None when it refers to no report we remember.
    pub fn on_report_block(&self, block: &ReportBlock, now: Instant) -> Option<Duration> {
        let (_, sent) = self.reports.iter().rev().flatten().find(|(middle, _)| *middle == block.last_sr)?;
        let delay = ClockRate(65_536).duration(block.delay_since_last_sr);
        Some(now.saturating_duration_since(*sent).saturating_sub(delay))
    }
}

#[cfg(test)]
#[path = "stats_tests.rs"]
mod tests;

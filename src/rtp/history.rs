//! What a forwarder has sent lately, to answer its subscriber's NACKs (LiveKit `pkg/sfu/sequencer.go`).
//!
//! Only numbers are kept: the packet itself lies in the publisher's [`PacketCache`](super::cache::PacketCache), and is
//! written anew with the numbers it had.

use std::time::{Duration, Instant};

use thiserror::Error;

use super::vp8::Vp8Fields;
use crate::units::{RtpTime, SeqNo};

/// A packet that was sent or resent is not resent within this time, nor within two round trips if those are shorter.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// How often one packet is resent.
const MAX_RESENDS: u8 = 3;

/// How one packet was forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// Extended outgoing sequence number.
    pub ext_seq: u64,
    /// The caller's name for the source stream (the index of a layer).
    pub source: u8,
    /// Extended sequence number in the source stream.
    pub source_seq: u64,
    /// Outgoing timestamp.
    pub timestamp: RtpTime,
    /// Outgoing marker bit.
    pub marker: bool,
    /// Outgoing VP8 numbers, for VP8.
    pub vp8: Vp8Fields,
}

/// Why a requested packet is not resent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResendRefusal {
    /// Never sent, or forgotten.
    #[error("never sent or forgotten")]
    Unknown,
    /// Sent or resent a moment ago; the request crossed it.
    #[error("sent a moment ago")]
    TooSoon,
    /// Resent as often as a packet may be.
    #[error("resent too often")]
    TooOften,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    packet: SentPacket,
    last_sent: Instant,
    resends: u8,
}

/// A ring of the last packets of one forwarded stream, by outgoing number.
#[derive(Debug)]
pub struct SentHistory {
    /// A power of two, so that the slot of a number does not change where 16-bit numbers wrap.
    entries: Vec<Option<Entry>>,
    highest: u64,
    /// Older packets are of no use any more.
    first: u64,
}

impl SentHistory {
    /// Slots for audio.
    pub const AUDIO: usize = 256;
    /// Slots for video.
    pub const VIDEO: usize = 1024;

    /// A history of `slots` packets, rounded up to a power of two and at most 1024.
    pub fn new(slots: usize) -> Self {
        Self { entries: vec![None; slots.clamp(1, 1024).next_power_of_two()], highest: 0, first: 0 }
    }

    /// Notes a packet that goes out `now`.
    pub fn record(&mut self, packet: &SentPacket, now: Instant) {
        let count = self.entries.len() as u64;
        if packet.ext_seq + count <= self.highest {
            return;
        }
        self.highest = self.highest.max(packet.ext_seq);
        let slot = self.slot(packet.ext_seq);
        self.entries[slot] = Some(Entry { packet: *packet, last_sent: now, resends: 0 });
    }

    /// A key frame begins with `ext_seq`: a decoder needs nothing that was sent before, and what is asked for of it is
    /// refused from now on.
    pub fn forget_before(&mut self, ext_seq: u64) {
        self.first = self.first.max(ext_seq);
    }

    /// How the packet that the subscriber misses was sent; counts as a resend.
    pub fn resend(&mut self, seq: SeqNo, now: Instant, rtt: Duration) -> Result<SentPacket, ResendRefusal> {
        let ext_seq = seq.extend(self.highest);
        let slot = self.slot(ext_seq);
        let known = |entry: &&mut Entry| entry.packet.ext_seq == ext_seq && ext_seq >= self.first;
        let Some(entry) = self.entries[slot].as_mut().filter(known) else {
            return Err(ResendRefusal::Unknown);
        };
        if entry.resends >= MAX_RESENDS {
            return Err(ResendRefusal::TooOften);
        }
        if now.saturating_duration_since(entry.last_sent) <= MIN_INTERVAL.min(2 * rtt) {
            return Err(ResendRefusal::TooSoon);
        }
        entry.resends += 1;
        entry.last_sent = now;
        Ok(entry.packet)
    }

    /// The newest packet, whose payload may serve as a probe's.
    pub fn latest(&self) -> Option<SentPacket> {
        self.entries[self.slot(self.highest)].map(|entry| entry.packet)
    }

    fn slot(&self, ext_seq: u64) -> usize {
        ext_seq as usize & (self.entries.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RTT: Duration = Duration::from_millis(20);

    fn packet(ext_seq: u64) -> SentPacket {
        SentPacket {
            ext_seq,
            source: 2,
            source_seq: ext_seq + 7,
            timestamp: RtpTime(90),
            marker: true,
            vp8: Vp8Fields::default(),
        }
    }

    #[test]
    fn a_sent_packet_is_found_across_the_wrap() {
        let start = Instant::now();
        let mut history = SentHistory::new(512);
        for ext_seq in 131_000..131_200 {
            history.record(&packet(ext_seq), start);
        }
        let later = start + Duration::from_millis(50);
        assert_eq!(history.resend(SeqNo(131_050u32 as u16), later, RTT), Ok(packet(131_050)));
        assert_eq!(history.resend(SeqNo(131_100u32 as u16), later, RTT), Ok(packet(131_100)));
        assert_eq!(history.resend(SeqNo(130_900u32 as u16), later, RTT), Err(ResendRefusal::Unknown));
        assert_eq!(history.resend(SeqNo(131_201u32 as u16), later, RTT), Err(ResendRefusal::Unknown));
        assert_eq!(history.latest(), Some(packet(131_199)));
    }

    #[test]
    fn repeats_within_two_round_trips_are_ignored() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut history = SentHistory::new(64);
        history.record(&packet(70_000), start);
        let seq = SeqNo(70_000u32 as u16);
        assert_eq!(history.resend(seq, at(40), RTT), Err(ResendRefusal::TooSoon));
        assert!(history.resend(seq, at(41), RTT).is_ok());
        assert_eq!(history.resend(seq, at(60), RTT), Err(ResendRefusal::TooSoon));
        // With a long round trip 100 ms are the limit.
        assert_eq!(history.resend(seq, at(141), Duration::from_secs(1)), Err(ResendRefusal::TooSoon));
        assert!(history.resend(seq, at(142), Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_packet_is_resent_three_times_at_most() {
        let start = Instant::now();
        let mut history = SentHistory::new(64);
        history.record(&packet(5), start);
        for second in 1..=3 {
            assert!(history.resend(SeqNo(5), start + Duration::from_secs(second), RTT).is_ok());
        }
        assert_eq!(history.resend(SeqNo(5), start + Duration::from_secs(9), RTT), Err(ResendRefusal::TooOften));
    }

    #[test]
    fn what_came_before_a_key_frame_is_not_resent() {
        let start = Instant::now();
        let mut history = SentHistory::new(64);
        for ext_seq in 10..20 {
            history.record(&packet(ext_seq), start);
        }
        history.forget_before(15);
        let later = start + Duration::from_secs(1);
        assert_eq!(history.resend(SeqNo(14), later, RTT), Err(ResendRefusal::Unknown));
        assert!(history.resend(SeqNo(15), later, RTT).is_ok());
    }

    #[test]
    fn old_packets_are_forgotten_and_do_not_return() {
        let start = Instant::now();
        let mut history = SentHistory::new(64);
        for ext_seq in 1_000..1_100 {
            history.record(&packet(ext_seq), start);
        }
        history.record(&packet(1_010), start);
        let later = start + Duration::from_secs(1);
        assert_eq!(history.resend(SeqNo(1_010), later, RTT), Err(ResendRefusal::Unknown));
        assert!(history.resend(SeqNo(1_036), later, RTT).is_ok());
    }
}

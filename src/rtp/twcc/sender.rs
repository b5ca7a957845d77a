//! The sending side: numbers packets and matches them with feedback.

use std::time::{Duration, Instant};

use super::feedback::TwccFeedback;
use super::{TICK, TICKS_PER_REFERENCE};
use crate::units::SeqNo;

/// Packets that are remembered at most, a power of two: two seconds at 1000 packets a second.
const HISTORY: usize = 2048;
/// Packets that are remembered at first, a power of two. Most subscribers never need more.
const FIRST_HISTORY: usize = 128;
/// Feedback comes later than this only when nobody waits for it any more: no packet older than this is a reason to
/// remember more of them.
const USEFUL: Duration = Duration::from_millis(1500);
/// How many packets lie between two looks at the oldest: its place has left the cache, and to read it for each packet is
/// to wait for memory.
const LOOK: u64 = 16;
/// Bits of the reference time.
const REFERENCE_BITS: u32 = 24;

/// What feedback says of one sent packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// Extended transport-wide number.
    pub ext_seq: u64,
    /// When it was sent.
    pub sent: Instant,
    /// Its size in bytes, as the sender counted it.
    pub size: u16,
    /// When it arrived, by the receiver's clock since some epoch of it; None: not arrived so far.
    pub arrived: Option<Duration>,
}

/// Eight bytes, for there is one for every packet of the last second of every subscriber.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// In microseconds since [`TwccSender::base`].
    at: u32,
    size: u16,
    acknowledged: bool,
}

impl Sent {
    const VACANT: Self = Self { at: 0, size: 0, acknowledged: true };
}

/// Gives out transport-wide numbers and remembers the last packets that bear them: as many as a second and a half has,
/// 2048 at most.
#[derive(Debug)]
pub struct TwccSender {
    /// By extended number modulo the length, which is a power of two.
    sent: Vec<Sent>,
    /// What times count from; it moves on before they overflow.
    base: Option<Instant>,
    /// Extended; begins one cycle up, at a multiple of [`HISTORY`].
    next: u64,
    /// Extended reference time of the newest feedback.
    reference: Option<u64>,
}

impl Default for TwccSender {
    fn default() -> Self {
        Self::new()
    }
}

impl TwccSender {
    const FIRST: u64 = 0x1_0000;

    /// A sender that has sent nothing; its first packet bears 0.
    pub const fn new() -> Self {
        Self { sent: Vec::new(), base: None, next: Self::FIRST, reference: None }
    }

    /// The number of a packet of `size` bytes that leaves `now`.
    pub fn send(&mut self, now: Instant, size: usize) -> u16 {
        let at = self.micros(now);
        if self.sent.is_empty() {
            self.sent.resize(FIRST_HISTORY, Sent::VACANT);
        }
        if self.next.is_multiple_of(LOOK) && self.sent.len() < HISTORY {
            let oldest = self.sent[self.slot(self.next)];
            let full = self.next - self.oldest() == self.sent.len() as u64;
            if full && u128::from(at.saturating_sub(oldest.at)) < USEFUL.as_micros() {
                self.grow();
            }
        }
        let slot = self.slot(self.next);
        self.sent[slot] = Sent { at, size: size.min(usize::from(u16::MAX)) as u16, acknowledged: false };
        self.next += 1;
        (self.next - 1) as u16
    }

    /// The time as it is remembered.
    fn micros(&mut self, now: Instant) -> u32 {
        let base = *self.base.get_or_insert(now);
        let elapsed = now.saturating_duration_since(base).as_micros() as u64;
        if elapsed < 1 << 31 {
            return elapsed as u32;
        }
        let moved = elapsed - (1 << 30);
        self.base = Some(base + Duration::from_micros(moved));
        for sent in &mut self.sent {
            sent.at = u64::from(sent.at).saturating_sub(moved) as u32;
        }
        1 << 30
    }

    fn grow(&mut self) {
        let mut larger = vec![Sent::VACANT; self.sent.len() * 2];
        let mask = larger.len() - 1;
        for ext_seq in self.oldest()..self.next {
            larger[ext_seq as usize & mask] = self.sent[self.slot(ext_seq)];
        }
        self.sent = larger;
    }

    fn slot(&self, ext_seq: u64) -> usize {
        ext_seq as usize & (self.sent.len() - 1)
    }

    /// The first number that is remembered.
    fn oldest(&self) -> u64 {
        self.next - self.count().min(self.sent.len() as u64)
    }

    /// Appends to `out` what the feedback says of remembered packets, in the order of their numbers. Packets whose
    /// arrival was told before are left out, missing ones are told each time.
    pub fn on_feedback(&mut self, feedback: &TwccFeedback<'_>, out: &mut Vec<PacketResult>) {
        let reference = self.extend_reference(feedback.reference);
        let oldest = self.oldest();
        let base = self.base;
        let mask = self.sent.len().wrapping_sub(1);
        for (seq, ticks) in feedback.statuses() {
            let ext_seq = seq.extend(self.next);
            if ext_seq < oldest || ext_seq >= self.next {
                continue;
            }
            let (Some(base), Some(sent)) = (base, self.sent.get_mut(ext_seq as usize & mask)) else { continue };
            if sent.acknowledged {
                continue;
            }
            sent.acknowledged = ticks.is_some();
            let arrived = ticks.map(|ticks| {
                let ticks = (reference as i64 * TICKS_PER_REFERENCE + ticks).max(0) as u64;
                Duration::from_micros(ticks * TICK.as_micros() as u64)
            });
            let at = base + Duration::from_micros(u64::from(sent.at));
            out.push(PacketResult { ext_seq, sent: at, size: sent.size, arrived });
        }
    }

    /// Unwraps the 24 bits of the reference time.
    fn extend_reference(&mut self, reference: u32) -> u64 {
        const CYCLE: u64 = 1 << REFERENCE_BITS;
        let extended = match self.reference {
            // One cycle up, so that a step back from the first has room.
            None => CYCLE + u64::from(reference),
            Some(newest) => {
                let shift = 32 - REFERENCE_BITS;
                let step = (reference.wrapping_sub(newest as u32) << shift) as i32 >> shift;
                newest.saturating_add_signed(i64::from(step))
            }
        };
        self.reference = Some(self.reference.unwrap_or(extended).max(extended));
        extended
    }

    /// The extended number of the next packet.
    pub const fn next_number(&self) -> u64 {
        self.next
    }

    /// How many numbers have been given out.
    pub const fn count(&self) -> u64 {
        self.next - Self::FIRST
    }

    /// The extension of a transport-wide number that lies nearest to the next one.
    pub const fn extend(&self, seq: SeqNo) -> u64 {
        seq.extend(self.next)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::twcc::TwccRecorder;
    use crate::units::Ssrc;

    fn fci(base: u16, reference: u32, symbols: &[u8], deltas: &[u8]) -> Vec<u8> {
        let mut fci = base.to_be_bytes().to_vec();
        fci.extend((symbols.len() as u16).to_be_bytes());
        fci.extend(&reference.to_be_bytes()[1..]);
        fci.push(0);
        for symbol in symbols {
            fci.extend((u16::from(*symbol) << 13 | 1).to_be_bytes());
        }
        fci.extend(deltas);
        fci
    }

    fn results(sender: &mut TwccSender, fci: &[u8]) -> Vec<(u64, Option<u128>)> {
        let feedback = TwccFeedback::parse(Ssrc(1), Ssrc(2), fci).unwrap();
        let mut out = Vec::new();
        sender.on_feedback(&feedback, &mut out);
        out.iter().map(|result| (result.ext_seq - TwccSender::FIRST, result.arrived.map(|at| at.as_micros()))).collect()
    }

    #[test]
    fn arrivals_and_losses_are_matched_with_what_was_sent() {
        let now = Instant::now();
        let mut sender = TwccSender::new();
        for index in 0..4 {
            assert_eq!(sender.send(now, 100 + index), index as u16);
        }
        let feedback = fci(1, 2, &[1, 0, 1, 1], &[4, 8, 9]);
        let epoch = 64_000 << 24;
        assert_eq!(
            results(&mut sender, &feedback),
            [(1, Some(epoch + 129_000)), (2, None), (3, Some(epoch + 131_000))],
            "what was never sent is ignored"
        );
        let mut out = Vec::new();
        sender.on_feedback(&TwccFeedback::parse(Ssrc(1), Ssrc(2), &fci(0, 2, &[1], &[0])).unwrap(), &mut out);
        assert_eq!((out[0].size, out[0].sent), (100, now));
    }

    #[test]
    fn an_arrival_is_told_once_and_a_loss_may_turn_out_an_arrival() {
        let mut sender = TwccSender::new();
        for _ in 0..3 {
            sender.send(Instant::now(), 1);
        }
        assert_eq!(results(&mut sender, &fci(0, 0, &[1, 0, 1], &[0, 0])).len(), 3);
        let again = results(&mut sender, &fci(0, 0, &[1, 1, 1], &[0, 4, 0]));
        assert_eq!(again, [(1, Some((64_000 << 24) + 1_000))]);
    }

    #[test]
    fn forgotten_packets_are_not_told() {
        let mut sender = TwccSender::new();
        for _ in 0..HISTORY + 10 {
            sender.send(Instant::now(), 1);
        }
        let got = results(&mut sender, &fci(8, 0, &[1, 1, 1], &[0, 0, 0]));
        assert_eq!(got.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn as_much_is_remembered_as_a_second_and_a_half_needs() {
        let start = Instant::now();
        let mut sender = TwccSender::new();
        let mut send = |from: u64, count: u64, gap_ms: u64| {
            for index in 0..count {
                sender.send(start + Duration::from_millis(from + index * gap_ms), 1);
            }
            sender.sent.len()
        };
        assert_eq!(send(0, 1000, 20), 128, "50 packets a second");
        assert_eq!(send(20_000, 4000, 4), 512, "250 packets a second");
        assert_eq!(send(36_000, 4000, 0), HISTORY);
    }

    #[test]
    fn times_are_right_after_hours_as_well() {
        let start = Instant::now();
        let mut sender = TwccSender::new();
        for minute in 0..300 {
            let now = start + Duration::from_secs(60 * minute) + Duration::from_micros(17 * minute);
            let seq = sender.send(now, 1);
            let mut out = Vec::new();
            let before = seq.wrapping_sub(u16::from(minute > 0));
            let feedback = fci(before, 0, &[1, 1], &[0, 0]);
            sender.on_feedback(&TwccFeedback::parse(Ssrc(1), Ssrc(2), &feedback).unwrap(), &mut out);
            assert_eq!(out.last().unwrap().sent, now, "minute {minute}");
        }
    }

    #[test]
    fn the_reference_time_wraps_and_may_step_back() {
        let mut sender = TwccSender::new();
        let mut at = |reference| {
            let seq = sender.send(Instant::now(), 1);
            let arrived = results(&mut sender, &fci(seq, reference, &[1], &[0]))[0].1.unwrap();
            arrived as i128 / 64_000 - (1 << 24)
        };
        assert_eq!(at(0xFF_FFFE), 0xFF_FFFE);
        assert_eq!(at(0x00_0001), 0x100_0001);
        assert_eq!(at(0xFF_FFFF), 0xFF_FFFF);
        assert_eq!(at(0x00_0002), 0x100_0002);
    }

    proptest! {
        #[test]
        fn arbitrary_feedback_never_panics(
            sent in 0usize..3_000, bytes in proptest::collection::vec(any::<u8>(), 8..60), near: bool
        ) {
            let mut sender = TwccSender::new();
            for _ in 0..sent {
                sender.send(Instant::now(), 1);
            }
            let mut bytes = bytes;
            bytes[2] = 0;
            if near {
                bytes[..2].copy_from_slice(&(sent as u16).wrapping_sub(20).to_be_bytes());
            }
            if let Ok(feedback) = TwccFeedback::parse(Ssrc(1), Ssrc(2), &bytes) {
                let mut out = Vec::new();
                sender.on_feedback(&feedback, &mut out);
                prop_assert!(out.len() <= usize::from(feedback.count));
            }
        }

        /// Both ends together, with losses: every packet is told exactly once as arrived, at the right time.
        #[test]
        fn both_ends_agree(lost in proptest::collection::vec(any::<bool>(), 1..500)) {
            let start = Instant::now();
            let (mut sender, mut recorder) = (TwccSender::new(), TwccRecorder::new(start));
            let (mut out, mut rtcp, mut expected) = (Vec::new(), Vec::new(), Vec::new());
            for (index, lost) in lost.iter().enumerate() {
                let now = start + Duration::from_millis(3 * index as u64);
                let seq = sender.send(now, 1);
                if !lost {
                    recorder.record(seq, now);
                    expected.push(now - start);
                }
                if recorder.next_timeout().is_some_and(|due| due <= now) || index + 1 == sender.count() as usize {
                    rtcp.clear();
                    while recorder.build(Ssrc(1), Ssrc(2), &mut rtcp) {
                        let padding = if rtcp[0] & 0x20 != 0 { usize::from(rtcp[rtcp.len() - 1]) } else { 0 };
                        let fci = &rtcp[12..rtcp.len() - padding];
                        sender.on_feedback(&TwccFeedback::parse(Ssrc(1), Ssrc(2), fci).unwrap(), &mut out);
                        rtcp.clear();
                    }
                }
            }
            let arrived: Vec<Duration> = out.iter().filter_map(|result| result.arrived).collect();
            let epoch = Duration::from_micros(64_000 << 24);
            prop_assert_eq!(arrived, expected.into_iter().map(|at| epoch + at).collect::<Vec<_>>());
        }
    }
}

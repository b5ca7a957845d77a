//! The receiving side: arrival times in, feedback packets out.

use std::time::{Duration, Instant};

use super::{MAX_RUN, TICK, TICKS_PER_REFERENCE};
use crate::units::{SeqNo, Ssrc};

/// Numbers that are kept, a power of two: two seconds at 1000 packets a second.
const RING: usize = 2048;
/// Longest wait for feedback.
const INTERVAL: Duration = Duration::from_millis(100);
/// Wait for feedback once [`BUSY_PACKETS`] have come.
const BUSY_INTERVAL: Duration = Duration::from_millis(50);
const BUSY_PACKETS: u32 = 20;
/// So many packets are reported at once.
const FULL_PACKETS: u32 = 100;
/// Bytes of chunks and deltas in one feedback packet, so that with SRTCP it stays within one datagram.
const MAX_BODY: usize = 1100;

/// What is known of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arrival(i64);

impl Arrival {
    const NONE: Self = Self(i64::MIN);
}

/// Notes the arrival of transport-wide numbered packets and reports it every 50 to 100 ms.
///
/// A packet that comes after feedback passed over it is reported with the next feedback, which then begins with it; senders
/// take the repeated part as known.
#[derive(Debug)]
pub struct TwccRecorder {
    start: Instant,
    /// By extended number modulo the length, in ticks since `start`. Allocated at the first packet: who only listens
    /// sends none.
    arrivals: Vec<Arrival>,
    highest: Option<u64>,
    /// The number that must follow a much too old one if the sender has begun anew.
    expected_after_jump: Option<u16>,
    /// First number that the next feedback reports on.
    base: u64,
    unreported: u32,
    waiting_since: Instant,
    feedback_count: u8,
    /// Kept for its memory.
    symbols: Vec<u8>,
    deltas: Vec<u8>,
}

impl TwccRecorder {
    /// A recorder whose reference times count from `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            arrivals: Vec::new(),
            highest: None,
            expected_after_jump: None,
            base: 0,
            unreported: 0,
            waiting_since: start,
            feedback_count: 0,
            symbols: Vec::new(),
            deltas: Vec::new(),
        }
    }

    /// Notes that the packet with this transport-wide number has arrived `now`. A number too old to be kept is ignored;
    /// two of them in sequence mean that the sender has begun anew.
    pub fn record(&mut self, seq: u16, now: Instant) {
        if self.arrivals.is_empty() {
            self.arrivals.resize(RING, Arrival::NONE);
        }
        // One cycle up, so that late packets near the beginning have a number too.
        let ext_seq = match self.highest {
            Some(highest) => SeqNo(seq).extend(highest),
            None => 0x1_0000 + u64::from(seq),
        };
        match self.highest {
            None => self.base = ext_seq,
            Some(highest) if ext_seq > highest => self.pass_over(highest, ext_seq),
            Some(highest) if ext_seq + RING as u64 <= highest => {
                if self.expected_after_jump.replace(seq.wrapping_add(1)) != Some(seq) {
                    return;
                }
                self.arrivals.fill(Arrival::NONE);
                self.highest = None;
                self.base = ext_seq;
            }
            Some(_) if self.arrivals[slot(ext_seq)] != Arrival::NONE => return,
            Some(_) => self.base = self.base.min(ext_seq),
        }
        if self.highest.is_none_or(|highest| ext_seq > highest) {
            self.highest = Some(ext_seq);
            self.expected_after_jump = None;
        }
        let ticks = now.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos();
        self.arrivals[slot(ext_seq)] = Arrival(ticks as i64);
        if self.unreported == 0 {
            self.waiting_since = now;
        }
        self.unreported += 1;
    }

    /// Makes room for `ext_seq`, the new highest number.
    fn pass_over(&mut self, highest: u64, ext_seq: u64) {
        let first = (highest + 1).max((ext_seq + 1).saturating_sub(RING as u64));
        for missing in first..=ext_seq {
            self.arrivals[slot(missing)] = Arrival::NONE;
        }
        self.base = self.base.max((ext_seq + 1).saturating_sub(RING as u64));
    }

    /// When feedback is due; None when there is nothing to report.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.unreported {
            0 => None,
            FULL_PACKETS.. => Some(self.waiting_since),
            BUSY_PACKETS.. => Some(self.waiting_since + BUSY_INTERVAL),
            _ => Some(self.waiting_since + INTERVAL),
        }
    }

    /// Appends one RTCP feedback packet to `out`. To be called, when feedback is due, until it returns false: what does
    /// not fit in one packet goes in the next. `media` may be any stream of the transport.
    ///
    /// The packet may be padded, so it must be the last of a compound.
    pub fn build(&mut self, sender: Ssrc, media: Ssrc, out: &mut Vec<u8>) -> bool {
        let Some((reference, end)) = self.collect() else {
            self.unreported = 0;
            return false;
        };
        let begin = out.len();
        out.extend([0x8F, 205, 0, 0]);
        out.extend(sender.0.to_be_bytes());
        out.extend(media.0.to_be_bytes());
        out.extend((self.base as u16).to_be_bytes());
        out.extend((self.symbols.len() as u16).to_be_bytes());
        out.extend(&(reference as u32).to_be_bytes()[1..]);
        out.push(self.feedback_count);
        write_chunks(&self.symbols, out);
        out.extend(&self.deltas);
        let padding = (out.len() - begin).wrapping_neg() % 4;
        if padding > 0 {
            out[begin] |= 0x20;
            out.resize(out.len() + padding, 0);
            let last = out.len() - 1;
            out[last] = padding as u8;
        }
        let words = (out.len() - begin) / 4 - 1;
        out[begin + 2..begin + 4].copy_from_slice(&(words as u16).to_be_bytes());
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.base = end;
        true
    }

    /// Collects symbols and deltas from `base` on, as many as one packet holds, ending with a received packet. Returns
    /// the reference time and the number after the last. None when nothing has been received since.
    fn collect(&mut self) -> Option<(i64, u64)> {
        self.symbols.clear();
        self.deltas.clear();
        let highest = self.highest?;
        let mut reference = None;
        let mut previous = 0;
        // Symbols up to the last received packet; trailing missing ones may yet arrive.
        let mut complete = 0;
        for ext_seq in self.base..=highest {
            let Arrival(ticks) = self.arrivals[slot(ext_seq)];
            if ticks == Arrival::NONE.0 {
                self.symbols.push(0);
                continue;
            }
            if reference.is_none() {
                reference = Some(ticks.div_euclid(TICKS_PER_REFERENCE));
                previous = ticks - ticks.rem_euclid(TICKS_PER_REFERENCE);
            }
            let delta = ticks - previous;
            // Chunks take two bytes for seven symbols at worst.
            let body = self.deltas.len() + 2 + (self.symbols.len() + 1).div_ceil(7) * 2;
            if body > MAX_BODY {
                break;
            }
            if let Ok(small) = u8::try_from(delta) {
                self.symbols.push(1);
                self.deltas.push(small);
            } else if let Ok(large) = i16::try_from(delta) {
                self.symbols.push(2);
                self.deltas.extend(large.to_be_bytes());
            } else {
                // More than eight seconds apart: another packet with another reference time.
                break;
            }
            previous = ticks;
            complete = self.symbols.len();
        }
        self.symbols.truncate(complete);
        Some((reference.filter(|_| complete > 0)?, self.base + complete as u64))
    }
}

fn slot(ext_seq: u64) -> usize {
    ext_seq as usize & (RING - 1)
}

/// Encodes symbols as chunks: runs where they are long, else vectors of 14 symbols of one bit or 7 of two bits.
fn write_chunks(symbols: &[u8], out: &mut Vec<u8>) {
    let mut left = symbols;
    while let Some(&first) = left.first() {
        let run = left.iter().take(MAX_RUN).take_while(|symbol| **symbol == first).count();
        let one_bit = left.iter().take(14).all(|symbol| *symbol < 2);
        let vector = if one_bit { 14 } else { 7 };
        let (word, taken) = if run >= vector.min(left.len()) {
            (u16::from(first) << 13 | run as u16, run)
        } else {
            let width = 14 / vector;
            let taken = vector.min(left.len());
            let mut word = if one_bit { 0x8000 } else { 0xC000 };
            for (index, symbol) in left[..taken].iter().enumerate() {
                word |= u16::from(*symbol) << (14 - width * (index + 1));
            }
            (word, taken)
        };
        out.extend(word.to_be_bytes());
        left = &left[taken..];
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;

//! Sequence numbers and timestamps of a forwarded stream (LiveKit `pkg/sfu/rtpmunger.go`).
//!
//! A subscriber sees one stream, whatever the forwarder feeds into it. [`RtpMunger`] keeps that stream continuous:
//!
//! - A source packet that is *not forwarded on purpose* (padding only, a temporal layer too many) closes up: the
//!   following packets move one number down, and the subscriber never knows.
//! - A source packet that is *lost* leaves a hole of the same size, so that the subscriber asks for it and gets it once
//!   it has been repaired upstream.
//! - A *late* packet (reordered, or a retransmission) gets the number that the hole kept for it: the offsets of the
//!   recent past are kept in a bounded list of ranges.
//! - A *switch* to another source (another layer, at a key frame) continues with the next number and with a timestamp
//!   that the caller computes; packets of the new source from before the switch point have no place and are refused.
//!   The caller knows the source that is current and offers packets of no other.
//!
//! Numbers are extended to 64 bits on both sides. Of outgoing ones the low 16 bits go on the wire.

use smallvec::SmallVec;
use thiserror::Error;

use crate::units::{RtpTime, SeqNo};

/// How many runs of dropped packets are remembered. With half of 30 frames a second dropped (one temporal layer),
/// this is four seconds, longer than any retransmission takes.
const MAX_RANGES: usize = 64;

/// How a packet stands to the newest one before it, in the numbering of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The next one.
    Contiguous,
    /// Newer, with numbers missing in between.
    Gap,
    /// Older.
    Late,
    /// The newest one again.
    Duplicate,
}

/// The outgoing numbers of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Munged {
    /// Extended outgoing sequence number.
    pub ext_seq: u64,
    /// Outgoing timestamp.
    pub timestamp: RtpTime,
    /// How the source packet stood.
    pub order: Order,
}

impl Munged {
    /// The outgoing sequence number as it goes on the wire.
    pub const fn seq(&self) -> SeqNo {
        SeqNo(self.ext_seq as u16)
    }
}

/// Why a packet gets no outgoing number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MungeError {
    /// No source is set yet.
    #[error("no source is set")]
    NoSource,
    /// From before the source was switched to, or older than the remembered ranges.
    #[error("from before the switch point or too old")]
    TooOld,
    /// Its number was closed up when it was dropped.
    #[error("dropped before")]
    Dropped,
    /// It is the newest packet again.
    #[error("duplicate of the newest packet")]
    Duplicate,
}

/// Source numbers `start..=end` go out as `number - offset` (wrapping).
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    offset: u64,
}

/// Maps the numbers of changing sources onto one continuous outgoing stream.
#[derive(Clone, Debug)]
pub struct RtpMunger {
    /// Ascending and disjoint; between two lie dropped packets. The last is open: it ends at `u64::MAX`.
    /// [`MAX_RANGES`] of them at most, mostly one.
    ranges: SmallVec<[Range; 2]>,
    highest_in: u64,
    last_out: u64,
    ts_offset: u32,
    last_timestamp: RtpTime,
    last_marker: bool,
    started: bool,
}

impl RtpMunger {
    /// A stream whose first packet will bear `first_seq`.
    pub fn new(first_seq: SeqNo) -> Self {
        Self {
            ranges: SmallVec::new(),
            highest_in: 0,
            // One cycle up, so that no subtraction near the start goes below zero.
            last_out: 0x1_0000 + u64::from(first_seq.0) - 1,
            ts_offset: 0,
            last_timestamp: RtpTime(0),
            last_marker: true,
            started: false,
        }
    }

    /// From now on packets come from another source, the first of them being `(ext_seq, timestamp)`: it will get the
    /// next outgoing number and the timestamp `out_timestamp`, or one tick after the last outgoing one if that is
    /// not older. Also starts the first source.
    pub fn switch_source(&mut self, ext_seq: u64, timestamp: RtpTime, out_timestamp: RtpTime) {
        let mut out = out_timestamp;
        if self.started && !out.is_newer_than(self.last_timestamp) {
            out = self.last_timestamp.add(1);
        }
        self.started = true;
        self.ts_offset = timestamp.0.wrapping_sub(out.0);
        self.highest_in = ext_seq.wrapping_sub(1);
        self.ranges.clear();
        self.ranges.push(Range { start: ext_seq, end: u64::MAX, offset: ext_seq.wrapping_sub(self.last_out + 1) });
    }

    /// No packet passes until the next [`switch_source`](Self::switch_source); the outgoing numbering is kept.
    pub fn clear_source(&mut self) {
        self.ranges.clear();
    }

    /// How a packet of the current source stands, without changing anything.
    pub fn order(&self, ext_seq: u64) -> Order {
        match ext_seq.wrapping_sub(self.highest_in) as i64 {
            0 => Order::Duplicate,
            1 => Order::Contiguous,
            2.. => Order::Gap,
            _ => Order::Late,
        }
    }

    /// Gives a packet of the current source its outgoing numbers.
    pub fn forward(&mut self, ext_seq: u64, timestamp: RtpTime, marker: bool) -> Result<Munged, MungeError> {
        let Some(open) = self.ranges.last() else {
            return Err(MungeError::NoSource);
        };
        let order = self.order(ext_seq);
        let timestamp = self.map_timestamp(timestamp);
        let offset = match order {
            Order::Duplicate => return Err(MungeError::Duplicate),
            Order::Late => self.offset_of(ext_seq)?,
            Order::Contiguous | Order::Gap => {
                let offset = open.offset;
                self.highest_in = ext_seq;
                self.last_out = ext_seq.wrapping_sub(offset);
                self.last_timestamp = timestamp;
                self.last_marker = marker;
                offset
            }
        };
        Ok(Munged { ext_seq: ext_seq.wrapping_sub(offset), timestamp, order })
    }

    /// Leaves a packet out and closes up over it. A late packet cannot be closed up over any more (its successors are
    /// out): its number stays a hole, and nothing changes.
    pub fn drop_packet(&mut self, ext_seq: u64) {
        if !matches!(self.order(ext_seq), Order::Contiguous | Order::Gap) {
            return;
        }
        let Some(open) = self.ranges.last_mut() else { return };
        self.highest_in = ext_seq;
        let next = Range { start: ext_seq + 1, end: u64::MAX, offset: open.offset.wrapping_add(1) };
        if open.start == ext_seq {
            *open = next;
            return;
        }
        open.end = ext_seq - 1;
        if self.ranges.len() == MAX_RANGES {
            self.ranges.remove(0);
        }
        self.ranges.push(next);
    }

    /// The newest packet got its numbers by [`forward`](Self::forward) but will not be sent after all: as if it had
    /// been dropped. True when that was possible, that is, when `munged` is the newest outgoing packet.
    pub fn take_back(&mut self, ext_seq: u64, munged: &Munged) -> bool {
        let newest = ext_seq == self.highest_in && munged.ext_seq == self.last_out && munged.order == Order::Contiguous;
        if newest {
            self.highest_in = ext_seq - 1;
            self.last_out -= 1;
            self.drop_packet(ext_seq);
        }
        newest
    }

    /// Inserts `count` packets of our own (probes, silence) after the newest outgoing one and returns the extended
    /// number of the first. Packets of the source that are late keep their numbers.
    pub fn insert(&mut self, count: u16) -> u64 {
        let first = self.last_out + 1;
        self.last_out += u64::from(count);
        if let Some(open) = self.ranges.last_mut() {
            let next_in = self.highest_in + 1;
            let offset = open.offset.wrapping_sub(u64::from(count));
            if open.start >= next_in {
                open.offset = offset;
            } else {
                open.end = self.highest_in;
                if self.ranges.len() == MAX_RANGES {
                    self.ranges.remove(0);
                }
                self.ranges.push(Range { start: next_in, end: u64::MAX, offset });
            }
        }
        first
    }

    /// The outgoing timestamp of a timestamp of the current source, as for its sender reports.
    pub const fn map_timestamp(&self, timestamp: RtpTime) -> RtpTime {
        RtpTime(timestamp.0.wrapping_sub(self.ts_offset))
    }

    /// The newest outgoing extended sequence number; before the first packet the one before it.
    pub const fn last_ext_seq(&self) -> u64 {
        self.last_out
    }

    /// The timestamp of the newest outgoing packet; None before the first source.
    pub const fn last_timestamp(&self) -> Option<RtpTime> {
        if self.started { Some(self.last_timestamp) } else { None }
    }

    /// The newest outgoing packet ended a frame: a place where something may be inserted.
    pub const fn at_frame_end(&self) -> bool {
        self.last_marker
    }

    fn offset_of(&self, ext_seq: u64) -> Result<u64, MungeError> {
        // Late packets are recent: search from the newest range back.
        for range in self.ranges.iter().rev() {
            if ext_seq >= range.start {
                return if ext_seq <= range.end { Ok(range.offset) } else { Err(MungeError::Dropped) };
            }
        }
        Err(MungeError::TooOld)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn started() -> RtpMunger {
        let mut munger = RtpMunger::new(SeqNo(100));
        munger.switch_source(70_000, RtpTime(5_000), RtpTime(90_000));
        munger
    }

    fn seq(munger: &mut RtpMunger, ext_seq: u64) -> Result<u16, MungeError> {
        munger.forward(ext_seq, RtpTime(5_000), false).map(|munged| munged.seq().0)
    }

    #[test]
    fn the_first_packet_gets_the_first_number_and_the_wanted_timestamp() {
        let mut munger = started();
        let munged = munger.forward(70_000, RtpTime(5_000), true).unwrap();
        assert_eq!((munged.seq(), munged.timestamp, munged.order), (SeqNo(100), RtpTime(90_000), Order::Contiguous));
        let munged = munger.forward(70_001, RtpTime(8_000), true).unwrap();
        assert_eq!((munged.seq(), munged.timestamp), (SeqNo(101), RtpTime(93_000)));
        assert!(munger.at_frame_end());
    }

    #[test]
    fn nothing_passes_without_a_source() {
        let mut munger = RtpMunger::new(SeqNo(0));
        assert_eq!(seq(&mut munger, 5), Err(MungeError::NoSource));
        let mut munger = started();
        munger.clear_source();
        assert_eq!(seq(&mut munger, 70_000), Err(MungeError::NoSource));
    }

    #[test]
    fn a_dropped_packet_closes_up() {
        let mut munger = started();
        assert_eq!(seq(&mut munger, 70_000), Ok(100));
        munger.drop_packet(70_001);
        munger.drop_packet(70_002);
        assert_eq!(munger.order(70_003), Order::Contiguous);
        assert_eq!(seq(&mut munger, 70_003), Ok(101));
        assert_eq!(seq(&mut munger, 70_001), Err(MungeError::Dropped));
    }

    #[test]
    fn a_lost_packet_leaves_a_hole_that_the_late_one_fills() {
        let mut munger = started();
        assert_eq!(seq(&mut munger, 70_000), Ok(100));
        let munged = munger.forward(70_003, RtpTime(0), false).unwrap();
        assert_eq!((munged.seq(), munged.order), (SeqNo(103), Order::Gap));
        munger.drop_packet(70_004);
        assert_eq!(seq(&mut munger, 70_005), Ok(104));
        let munged = munger.forward(70_001, RtpTime(0), false).unwrap();
        assert_eq!((munged.seq(), munged.order), (SeqNo(101), Order::Late));
        assert_eq!(munger.last_ext_seq() as u16, 104);
        assert_eq!(seq(&mut munger, 70_005), Err(MungeError::Duplicate));
    }

    #[test]
    fn a_drop_after_a_gap_keeps_the_holes_of_the_gap() {
        let mut munger = started();
        assert_eq!(seq(&mut munger, 70_000), Ok(100));
        munger.drop_packet(70_003);
        assert_eq!(seq(&mut munger, 70_004), Ok(103));
        assert_eq!(seq(&mut munger, 70_001), Ok(101));
        assert_eq!(seq(&mut munger, 70_002), Ok(102));
    }

    #[test]
    fn a_switch_continues_numbers_and_time_and_refuses_what_came_before() {
        let mut munger = started();
        munger.forward(70_000, RtpTime(5_000), true).unwrap();
        munger.switch_source(300_000, RtpTime(1_000_000), RtpTime(93_000));
        let munged = munger.forward(300_000, RtpTime(1_000_000), false).unwrap();
        assert_eq!((munged.seq(), munged.timestamp), (SeqNo(101), RtpTime(93_000)));
        assert_eq!(seq(&mut munger, 299_999), Err(MungeError::TooOld));
        assert_eq!(munger.map_timestamp(RtpTime(1_003_000)), RtpTime(96_000));
    }

    #[test]
    fn time_never_runs_backwards_at_a_switch() {
        let mut munger = started();
        munger.forward(70_000, RtpTime(5_000), true).unwrap();
        munger.switch_source(10, RtpTime(0), RtpTime(80_000));
        assert_eq!(munger.forward(10, RtpTime(0), false).unwrap().timestamp, RtpTime(90_001));
    }

    #[test]
    fn outgoing_numbers_wrap() {
        let mut munger = RtpMunger::new(SeqNo(65_535));
        munger.switch_source(1, RtpTime(0), RtpTime(u32::MAX));
        assert_eq!(seq(&mut munger, 1), Ok(65_535));
        let munged = munger.forward(2, RtpTime(1), false).unwrap();
        assert_eq!((munged.seq(), munged.timestamp), (SeqNo(0), RtpTime(0)));
    }

    #[test]
    fn inserted_packets_take_numbers_and_late_ones_keep_theirs() {
        let mut munger = started();
        assert_eq!(seq(&mut munger, 70_000), Ok(100));
        assert_eq!(seq(&mut munger, 70_002), Ok(102));
        assert_eq!(munger.insert(3) as u16, 103);
        assert_eq!(munger.insert(1) as u16, 106);
        assert_eq!(seq(&mut munger, 70_003), Ok(107));
        assert_eq!(seq(&mut munger, 70_001), Ok(101));
    }

    #[test]
    fn a_packet_taken_back_is_as_if_dropped() {
        let mut munger = started();
        assert_eq!(seq(&mut munger, 70_000), Ok(100));
        let munged = munger.forward(70_001, RtpTime(0), false).unwrap();
        assert!(munger.take_back(70_001, &munged));
        assert!(!munger.take_back(70_001, &munged));
        assert_eq!(seq(&mut munger, 70_002), Ok(101));
    }

    #[test]
    fn the_remembered_ranges_are_bounded() {
        let mut munger = started();
        for pair in 0..1_000 {
            assert_eq!(seq(&mut munger, 70_000 + 2 * pair), Ok(100 + pair as u16));
            munger.drop_packet(70_001 + 2 * pair);
        }
        assert!(munger.ranges.len() <= MAX_RANGES);
        assert_eq!(seq(&mut munger, 70_002), Err(MungeError::TooOld));
        assert_eq!(seq(&mut munger, 71_990), Ok(1_095));
    }

    proptest! {
        /// Whatever is lost, dropped, repeated or reordered: no two source packets get one number, what is dropped
        /// in order leaves no hole, and a number, once given, stays.
        #[test]
        fn numbers_are_unique_and_stable(events in proptest::collection::vec((0u64..8, any::<bool>()), 1..300)) {
            let mut munger = started();
            let mut out = HashMap::new();
            let mut back = HashMap::new();
            let (mut next, mut dropped) = (70_000u64, 0u64);
            for (jump, drop) in events {
                // 0 to 3 step forward by that much less one lost packets; 4 and more step back.
                let ext_seq = if jump < 4 { next + jump } else { next.saturating_sub(jump - 3).max(69_990) };
                if drop && ext_seq >= next {
                    munger.drop_packet(ext_seq);
                    dropped += 1;
                } else if let Ok(munged) = munger.forward(ext_seq, RtpTime(0), false) {
                    let before = out.insert(ext_seq, munged.ext_seq);
                    prop_assert!(before.is_none_or(|before| before == munged.ext_seq));
                    let owner = back.insert(munged.ext_seq, ext_seq);
                    prop_assert!(owner.is_none_or(|owner| owner == ext_seq));
                    if ext_seq >= next {
                        prop_assert_eq!(munged.ext_seq, 0x1_0000 + 100 + (ext_seq - 70_000) - dropped);
                    }
                }
                next = next.max(ext_seq + 1);
            }
        }
    }
}

//! The accounts: what was due to each receiver of each track, and what came of it.
//!
//! Senders number the packets of every layer and receivers note the numbers, so that
//! `sent × receivers = delivered + lost + withheld` can be checked instead of believed. Counted is what was sent within a
//! [`Window`] of time. A receiver is due every packet of the layer that the server has chosen for it, from the first one
//! that it got of that layer to the last before the next layer's first; the packets between, at a change of layers, are due
//! to nobody.
//!
//! **Lost or withheld.** A server that adapts leaves frames of upper temporal layers out and numbers what goes on without
//! them. Nobody can decode less for a packet of the lowest layer or for a piece of a frame being gone, so that is never
//! meant. Receivers know which RTP numbers came to them, by whatever way: in order, late, by RTX, as padding alone. Between
//! two packets that came next to each other in the sender's numbering, those that did not come are a run, and of a run are
//! *withheld* the packets of all whole frames above the lowest temporal layer (their sender knows them, [`Sent::spared`]),
//! provided that
//!
//! - both neighbours have RTP numbers of one stream, in the same order, and all between is known, and
//! - no more of the numbers between are missing than packets of the run that cannot have been meant: each of those may have
//!   taken one with it.
//!
//! Everything else is *lost*: the rest of such a run; the whole run where more numbers are missing, for it cannot be told
//! of which frame they were; what has no neighbour behind it, at the end of a stream; whatever is sound, a message or a
//! picture of one temporal layer. Receivers ask not to have pictures paused, so that a stream that stands still has lost
//! what it stood for. Numbers that are missing at a change of layers were packets of one or the other: due, and lost.

use std::ops::Range;

use smallvec::SmallVec;

use super::stamp::TrackId;
use super::tally::Tally;

/// Frames of one layer that are remembered; of later ones nothing counts as withheld. Nine hours of pictures.
const MAX_FRAMES: usize = 1 << 20;
/// Frames before a window that are remembered: what did not come of them may reach into it.
const FRAMES_BEFORE: usize = 64;

/// The time of which packets are counted, in nanoseconds of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From then on.
    pub start: u64,
    /// Up to then, exclusive.
    pub end: u64,
}

impl Window {
    /// Nothing is counted.
    pub const NEVER: Self = Self { start: u64::MAX, end: u64::MAX };

    /// Whether what was sent then counts.
    pub const fn contains(&self, sent: u64) -> bool {
        self.start <= sent && sent < self.end
    }
}

/// The first packet of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    first: u32,
    /// It is of an upper temporal layer: what follows can do without it.
    upper: bool,
}

/// What one layer's sender knows of its packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The number of the first packet within the window.
    pub first: u32,
    /// The one after the last.
    pub end: u32,
    /// Its frames, from some before the window on; none where it sends no pictures.
    frames: Vec<Frame>,
}

impl Sent {
    /// How many packets that is.
    pub fn packets(&self) -> u64 {
        u64::from(self.end.saturating_sub(self.first))
    }

    /// Those numbers of `run` that are within the window.
    pub fn within(&self, run: Range<u32>) -> Range<u32> {
        let start = run.start.max(self.first);
        start..run.end.min(self.end).max(start)
    }

    /// The frames above the lowest temporal layer that lie whole in `run`. None when not all frames there are known.
    pub fn spared(&self, run: Range<u32>) -> Option<impl Iterator<Item = Range<u32>>> {
        let known = self.frames.first()?.first..=self.frames.last()?.first;
        if !known.contains(&run.start) || !known.contains(&run.end) {
            return None;
        }
        let at = self.frames.partition_point(|frame| frame.first < run.start);
        let frames = self.frames[at..].windows(2).take_while(move |pair| pair[1].first <= run.end);
        Some(frames.filter(|pair| pair[0].upper).map(|pair| pair[0].first..pair[1].first))
    }
}

/// A sender's side, kept while it sends.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    next: u32,
    first: Option<u32>,
    end: Option<u32>,
    frames: Vec<Frame>,
}

impl Ledger {
    /// The next packet begins a frame, of an `upper` temporal layer or of the lowest.
    pub fn begin_frame(&mut self, upper: bool) {
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(Frame { first: self.next, upper });
        }
    }

    /// The number of a packet that is sent now.
    pub fn number(&mut self, window: Window, sent: u64) -> u32 {
        let number = self.next;
        self.next += 1;
        if sent >= window.start && self.first.is_none() {
            self.first = Some(number);
        }
        if sent >= window.end && self.end.is_none() {
            self.end = Some(number);
        }
        number
    }

    /// A new window begins: earlier ones are forgotten.
    pub fn open(&mut self) {
        (self.first, self.end) = (None, None);
        self.frames.drain(..self.frames.len().saturating_sub(FRAMES_BEFORE));
    }

    /// What was sent within the window.
    pub fn sent(&self) -> Sent {
        let end = self.end.unwrap_or(self.next);
        Sent { first: self.first.unwrap_or(end), end, frames: self.frames.clone() }
    }
}

/// A settled account, or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Packets that should have come.
    pub due: u64,
    /// Different ones that did.
    pub delivered: u64,
    /// Those that should have come and did not.
    pub lost: u64,
    /// Those that the server left out on purpose.
    pub withheld: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
}

impl Settled {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.withheld += other.withheld;
        self.duplicates += other.duplicates;
    }
}

/// What a sender says at the end.
#[derive(Clone, Debug)]
pub struct TrackSent {
    /// Which track.
    pub track: TrackId,
    /// Its layers, by number.
    pub layers: SmallVec<[Sent; 3]>,
}

/// What a receiver says at the end, or when it leaves.
#[derive(Clone, Debug)]
pub struct TrackHeard {
    /// Which track.
    pub track: TrackId,
    /// Its account.
    pub tally: Tally,
    /// It left before the end.
    pub left: bool,
}

#[cfg(test)]
#[path = "account_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;

//! The accounts: what was due to each receiver of each track, and what came of it.
//!
//! Senders number the packets of every layer and receivers note the numbers, so that
//! `sent × receivers = delivered + lost` can be checked instead of believed. Counted is what was sent within a
//! [`Window`] of time. A receiver is due every packet of the layer that the server has chosen for it, from the first one
//! that it got of that layer to the last before the next layer's first; the packets between, at a change of layers, are due
//! to nobody.

use smallvec::SmallVec;

use super::stamp::{Stamp, TrackId};

/// Numbers back from the newest that are remembered to tell a repetition from a late packet.
const REMEMBERED: u32 = 1024;
const WORDS: usize = REMEMBERED as usize / 64;
/// Changes of layers that are remembered of one track; beyond, the oldest counts as it stands.
const MAX_STRETCHES: usize = 256;

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

/// The numbers that one layer's sender used within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The first of them.
    pub first: u32,
    /// The one after the last.
    pub end: u32,
}

impl Sent {
    /// How many packets that is.
    pub const fn packets(&self) -> u64 {
        self.end.saturating_sub(self.first) as u64
    }
}

/// A sender's side, kept while it sends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger {
    next: u32,
    first: Option<u32>,
    end: Option<u32>,
}

impl Ledger {
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
    }

    /// What was sent within the window.
    pub fn sent(&self) -> Sent {
        let end = self.end.unwrap_or(self.next);
        Sent { first: self.first.unwrap_or(end), end }
    }
}

/// A run of packets of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    layer: u8,
    first: u32,
    last: u32,
}

/// Which of the newest numbers have come.
#[derive(Clone, Debug)]
struct Seen {
    layer: u8,
    newest: u32,
    bits: [u64; WORDS],
}

impl Seen {
    fn new(layer: u8, number: u32) -> Self {
        let mut seen = Self { layer, newest: number, bits: [0; WORDS] };
        seen.set(number);
        seen
    }

    /// Notes a number; false when it has come before, or so long ago that nobody knows.
    fn note(&mut self, number: u32) -> bool {
        if number > self.newest {
            if number - self.newest >= REMEMBERED {
                self.bits = [0; WORDS];
            } else {
                (self.newest + 1..number).for_each(|skipped| self.clear(skipped));
            }
            self.newest = number;
            self.set(number);
            return true;
        }
        if self.newest - number >= REMEMBERED || self.get(number) {
            return false;
        }
        self.set(number);
        true
    }

    const fn place(number: u32) -> (usize, u64) {
        ((number % REMEMBERED) as usize / 64, 1 << (number % 64))
    }

    fn get(&self, number: u32) -> bool {
        let (word, bit) = Self::place(number);
        self.bits[word] & bit != 0
    }

    fn set(&mut self, number: u32) {
        let (word, bit) = Self::place(number);
        self.bits[word] |= bit;
    }

    fn clear(&mut self, number: u32) {
        let (word, bit) = Self::place(number);
        self.bits[word] &= !bit;
    }
}

/// How a packet stands in the order of its stream, as far as accounts need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than all before: a packet of another layer means that the server has changed over.
    InOrder,
    /// Late, or repaired: it belongs to where it is numbered.
    Late,
}

/// One receiver's account of one track.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    stretches: Vec<Stretch>,
    seen: SmallVec<[Seen; 1]>,
    delivered: u64,
    duplicates: u64,
    /// Closed stretches that were forgotten.
    forgotten: u64,
}

impl Tally {
    /// Notes a packet; false when it is a repetition.
    pub fn note(&mut self, window: Window, stamp: &Stamp, arrival: Arrival) -> bool {
        let Stamp { layer, number, .. } = *stamp;
        let fresh = match self.seen.iter_mut().find(|seen| seen.layer == layer) {
            Some(seen) => seen.note(number),
            None => {
                self.seen.push(Seen::new(layer, number));
                true
            }
        };
        if !fresh {
            self.duplicates += 1;
            return false;
        }
        self.delivered += u64::from(window.contains(stamp.sent));
        match self.stretches.last_mut() {
            Some(current) if current.layer == layer => {
                current.last = current.last.max(number);
                current.first = current.first.min(number);
            }
            Some(_) if arrival == Arrival::Late => {
                if let Some(stretch) = self.stretches.iter_mut().rev().find(|stretch| stretch.layer == layer) {
                    stretch.last = stretch.last.max(number);
                    stretch.first = stretch.first.min(number);
                }
            }
            _ => {
                if self.stretches.len() == MAX_STRETCHES {
                    let oldest = self.stretches.remove(0);
                    self.forgotten += u64::from(oldest.last - oldest.first) + 1;
                }
                self.stretches.push(Stretch { layer, first: number, last: number });
            }
        }
        true
    }

    /// A new window begins: what was counted in earlier ones is forgotten, the layer that flows is not.
    pub fn open(&mut self) {
        let kept = self.stretches.pop();
        self.stretches.clear();
        self.stretches.extend(kept);
        (self.delivered, self.duplicates, self.forgotten) = (0, 0, 0);
    }

    /// Nothing was noted yet.
    pub fn is_new(&self) -> bool {
        self.seen.is_empty()
    }

    /// How often the server changed layers.
    pub fn switches(&self) -> usize {
        self.stretches.len().saturating_sub(1)
    }

    /// Draws the account. `sent` are the numbers of every layer of the track; `left` says that the receiver went before
    /// the end, so that nothing behind the last packet that it got was due.
    pub fn settle(&self, sent: &[Sent], left: bool) -> Settled {
        let mut due = self.forgotten;
        for (at, stretch) in self.stretches.iter().enumerate() {
            let Some(sent) = sent.get(usize::from(stretch.layer)) else { continue };
            let goes_on = at + 1 == self.stretches.len() && !left;
            let end = if goes_on { sent.end } else { sent.end.min(stretch.last + 1) };
            due += u64::from(end.saturating_sub(stretch.first.max(sent.first)));
        }
        let delivered = self.delivered;
        Settled { due, delivered, lost: due.saturating_sub(delivered), duplicates: self.duplicates }
    }
}

/// A settled account, or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Packets that should have come.
    pub due: u64,
    /// Different ones that did.
    pub delivered: u64,
    /// Those that did not.
    pub lost: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
}

impl Settled {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.delivered += other.delivered;
        self.lost += other.lost;
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
mod tests {
    use super::*;

    const ALWAYS: Window = Window { start: 0, end: u64::MAX };

    fn stamp(layer: u8, number: u32) -> Stamp {
        Stamp { track: TrackId(0), layer, number, sent: u64::from(number) * 10 }
    }

    fn tally(packets: impl IntoIterator<Item = (u8, u32)>) -> Tally {
        let mut tally = Tally::default();
        for (layer, number) in packets {
            tally.note(ALWAYS, &stamp(layer, number), Arrival::InOrder);
        }
        tally
    }

    #[test]
    fn what_is_due_is_delivered_or_lost() {
        let sent = [Sent { first: 0, end: 100 }];
        let all = tally((0..100).map(|number| (0, number)));
        assert_eq!(all.settle(&sent, false), Settled { due: 100, delivered: 100, lost: 0, duplicates: 0 });
        let holes = tally((0..100).filter(|number| number % 10 != 3).map(|number| (0, number)));
        assert_eq!(holes.settle(&sent, false), Settled { due: 100, delivered: 90, lost: 10, duplicates: 0 });
        // The last ones never came.
        let cut = tally((0..90).map(|number| (0, number)));
        assert_eq!(cut.settle(&sent, false).lost, 10);
        assert_eq!(cut.settle(&sent, true).lost, 0, "it had left");
    }

    #[test]
    fn a_receiver_is_due_nothing_from_before_its_first_packet() {
        let late = tally((40..100).map(|number| (0, number)));
        assert_eq!(late.settle(&[Sent { first: 0, end: 100 }], false).due, 60);
    }

    #[test]
    fn at_a_change_of_layers_packets_between_are_due_to_nobody() {
        let packets = (0..50).map(|number| (0, number)).chain((200..300).map(|number| (2, number)));
        let sent = [Sent { first: 0, end: 100 }, Sent::default(), Sent { first: 100, end: 310 }];
        let settled = tally(packets).settle(&sent, false);
        assert_eq!(settled, Settled { due: 50 + 110, delivered: 150, lost: 10, duplicates: 0 });
    }

    #[test]
    fn late_packets_count_where_they_belong_and_repetitions_not_at_all() {
        let mut tally = tally([(0, 0), (0, 1), (0, 3), (2, 70)]);
        assert!(tally.note(ALWAYS, &stamp(0, 4), Arrival::Late));
        assert!(tally.note(ALWAYS, &stamp(0, 2), Arrival::Late));
        assert!(!tally.note(ALWAYS, &stamp(0, 2), Arrival::Late));
        assert!(tally.note(ALWAYS, &stamp(2, 71), Arrival::InOrder));
        assert_eq!(tally.switches(), 1);
        let sent = [Sent { first: 0, end: 90 }, Sent::default(), Sent { first: 0, end: 72 }];
        assert_eq!(tally.settle(&sent, false), Settled { due: 5 + 2, delivered: 7, lost: 0, duplicates: 1 });
    }

    #[test]
    fn only_the_window_counts() {
        let window = Window { start: 200, end: 500 };
        let (mut ledger, mut tally) = (Ledger::default(), Tally::default());
        for number in 0..100u32 {
            assert_eq!(ledger.number(window, u64::from(number) * 10), number);
            if number != 30 {
                tally.note(window, &stamp(0, number), Arrival::InOrder);
            }
        }
        assert_eq!(ledger.sent(), Sent { first: 20, end: 50 });
        let settled = tally.settle(&[ledger.sent()], false);
        assert_eq!(settled, Settled { due: 30, delivered: 29, lost: 1, duplicates: 0 });
        ledger.open();
        tally.open();
        let later = Window { start: 1000, end: 2000 };
        assert_eq!(ledger.number(later, 1500), 100);
        tally.note(later, &Stamp { sent: 1500, ..stamp(0, 100) }, Arrival::InOrder);
        assert_eq!(tally.settle(&[ledger.sent()], false).delivered, 1);
        assert_eq!(ledger.sent().packets(), 1);
    }

    #[test]
    fn what_came_too_long_ago_to_know_is_no_second_delivery() {
        let mut seen = Seen::new(0, 5_000);
        assert!(!seen.note(5_000 - REMEMBERED));
        assert!(seen.note(5_001 - REMEMBERED) && !seen.note(5_001 - REMEMBERED));
        assert!(seen.note(9_000) && seen.note(8_999) && seen.note(8_500));
        assert!(!seen.note(8_500));
    }
}

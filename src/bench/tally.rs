//! One receiver's account of one track: which of the sender's packets came, and what became of the others
//! (`account` has the rule).

use std::num::NonZeroU64;
use std::ops::Range;

use super::account::{Sent, Settled};
use super::numbers::Numbers;
use super::stamp::Stamp;

/// Changes of layers that are remembered of one track; beyond, the oldest counts as it stands.
const MAX_STRETCHES: usize = 256;
/// Runs of packets that did not come that are remembered of one stretch; beyond, the oldest are lost.
const MAX_RUNS: usize = 1 << 16;
/// Packets before the newest one whose runs outlast the beginning of a window.
const KEPT: u32 = 4096;
/// So many RTP numbers may lie between two layers; more is a stream that numbers anew.
const MAX_JUMP: u64 = 3_000;

/// How a packet stands in the order of its stream, as far as accounts need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than all before: a packet of another layer means that the server has changed over.
    InOrder,
    /// Late, or repaired: it belongs to where it is numbered.
    Late,
}

/// A packet that came: the sender's number, and the server's where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packet {
    number: u32,
    seq: Option<NonZeroU64>,
}

/// Between two packets that came, some that did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    before: Packet,
    behind: Packet,
}

impl Run {
    const fn numbers(&self) -> Range<u32> {
        self.before.number + 1..self.behind.number
    }

    /// How many of the server's numbers between the two are missing; None when that is not known.
    fn unfilled(&self, numbers: &Numbers) -> Option<u64> {
        numbers.missing_between(self.before.seq?.get(), self.behind.seq?.get())
    }

    /// Those of the packets within the window that were withheld.
    fn withheld(&self, sent: &Sent, numbers: &Numbers) -> u64 {
        let run = self.numbers();
        let (Some(spared), Some(unfilled)) = (sent.spared(run.clone()), self.unfilled(numbers)) else { return 0 };
        let (mut whole, mut counted) = (0, 0);
        for frame in spared {
            whole += u64::from(frame.end - frame.start);
            counted += sent.within(frame).len() as u64;
        }
        let never_meant = run.len() as u64 - whole;
        if unfilled <= never_meant { counted } else { 0 }
    }
}

/// Packets of one layer, from one that came to another.
#[derive(Clone, Debug)]
struct Stretch {
    layer: u8,
    first: Packet,
    last: Packet,
    /// What did not come between them, ascending.
    runs: Vec<Run>,
    /// Packets of runs that were forgotten.
    forgotten: u64,
}

impl Stretch {
    const fn new(layer: u8, packet: Packet) -> Self {
        Self { layer, first: packet, last: packet, runs: Vec::new(), forgotten: 0 }
    }

    fn append(&mut self, packet: Packet) {
        self.miss(self.runs.len(), self.last, packet);
        self.last = packet;
    }

    fn prepend(&mut self, packet: Packet) {
        self.miss(0, packet, self.first);
        self.first = packet;
    }

    /// Takes a packet from between the first and the last; false when it has come before.
    fn fill(&mut self, packet: Packet) -> bool {
        let at = self.runs.partition_point(|run| run.behind.number <= packet.number);
        let Some(run) = self.runs.get(at).copied().filter(|run| run.before.number < packet.number) else {
            return false;
        };
        self.runs.remove(at);
        self.miss(at, packet, run.behind);
        self.miss(at, run.before, packet);
        true
    }

    fn miss(&mut self, at: usize, before: Packet, behind: Packet) {
        if before.number + 1 == behind.number {
            return;
        }
        self.runs.insert(at, Run { before, behind });
        if self.runs.len() > MAX_RUNS {
            self.forgotten += self.runs.remove(0).numbers().len() as u64;
        }
    }

    /// Forgets what did not come long ago.
    fn trim(&mut self) {
        let last = self.last.number;
        let old = self.runs.partition_point(|run| run.behind.number.saturating_add(KEPT) <= last);
        if let Some(run) = self.runs.drain(..old).next_back() {
            self.first = run.behind;
        }
        self.forgotten = 0;
    }

    /// What of it was due, and what did not come. With `goes_on` all that was sent behind it was due as well.
    fn settle(&self, sent: &Sent, numbers: &Numbers, goes_on: bool) -> Settled {
        let behind = self.last.number + 1;
        let end = if goes_on { behind.max(sent.end) } else { behind };
        let due = sent.within(self.first.number..end).len() as u64;
        let (mut missing, mut withheld) = (self.forgotten, 0);
        for run in &self.runs {
            missing += sent.within(run.numbers()).len() as u64;
            withheld += run.withheld(sent, numbers);
        }
        missing = (missing + sent.within(behind..end).len() as u64).min(due);
        Settled { due, delivered: due - missing, lost: missing - withheld, withheld, duplicates: 0 }
    }
}

/// One receiver's account of one track.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    stretches: Vec<Stretch>,
    numbers: Numbers,
    began: bool,
    duplicates: u64,
    /// What came of stretches that were forgotten.
    forgotten: Settled,
}

impl Tally {
    /// Notes a packet, with the RTP number that it came or should have come under; false when it is a repetition.
    pub fn note(&mut self, stamp: &Stamp, arrival: Arrival, seq: Option<u64>) -> bool {
        self.began = true;
        if let Some(seq) = seq {
            self.numbers.note(seq);
        }
        let packet = Packet { number: stamp.number, seq: seq.and_then(NonZeroU64::new) };
        let fresh = match self.stretches.last_mut() {
            Some(current) if current.layer == stamp.layer && current.last.number < packet.number => {
                if arrival == Arrival::InOrder {
                    current.append(packet);
                    true
                } else {
                    self.place(stamp.layer, packet, arrival)
                }
            }
            _ => self.place(stamp.layer, packet, arrival),
        };
        self.duplicates += u64::from(!fresh);
        fresh
    }

    /// Notes a packet of padding alone: it fills its RTP number.
    pub fn note_padding(&mut self, seq: u64) {
        self.numbers.note(seq);
    }

    /// Finds out where a packet belongs that does not simply follow.
    fn place(&mut self, layer: u8, packet: Packet, arrival: Arrival) -> bool {
        let holds =
            |it: &&mut Stretch| it.layer == layer && (it.first.number..=it.last.number).contains(&packet.number);
        if let Some(stretch) = self.stretches.iter_mut().rev().find(holds) {
            return stretch.fill(packet);
        }
        if arrival == Arrival::InOrder && self.stretches.last().is_none_or(|current| current.layer != layer) {
            self.begin(self.stretches.len(), Stretch::new(layer, packet));
            return true;
        }
        // It lies behind the last stretch that began under a smaller number, or before the next.
        let next = match packet.seq {
            Some(_) => self.stretches.iter().rposition(|it| it.first.seq < packet.seq).map_or(0, |at| at + 1),
            None => self.stretches.len(),
        };
        if let Some(stretch) = next.checked_sub(1).and_then(|at| self.stretches.get_mut(at))
            && stretch.layer == layer
            && stretch.last.number < packet.number
        {
            stretch.append(packet);
        } else if let Some(stretch) = self.stretches.get_mut(next)
            && stretch.layer == layer
            && packet.number < stretch.first.number
        {
            stretch.prepend(packet);
        } else {
            // What is late is never what flows now.
            let at = next.min(self.stretches.len().saturating_sub(1));
            self.begin(at, Stretch::new(layer, packet));
        }
        true
    }

    fn begin(&mut self, at: usize, stretch: Stretch) {
        self.stretches.insert(at, stretch);
        if self.stretches.len() > MAX_STRETCHES {
            let Stretch { first, last, runs, forgotten, .. } = self.stretches.remove(0);
            let due = u64::from(last.number - first.number) + 1;
            let lost = forgotten + runs.iter().map(|run| run.numbers().len() as u64).sum::<u64>();
            self.forgotten.add(&Settled { due, delivered: due - lost, lost, withheld: 0, duplicates: 0 });
        }
    }

    /// A new window begins: what was counted in earlier ones is forgotten, the layer that flows is not.
    pub fn open(&mut self) {
        self.stretches.drain(..self.stretches.len().saturating_sub(1));
        if let Some(kept) = self.stretches.last_mut() {
            kept.trim();
            self.numbers.forget_before(kept.first.seq.map_or(0, NonZeroU64::get));
        }
        (self.duplicates, self.forgotten) = (0, Settled::default());
    }

    /// Nothing was noted yet.
    pub const fn is_new(&self) -> bool {
        !self.began
    }

    /// How often the server changed layers.
    pub fn switches(&self) -> usize {
        self.stretches.len().saturating_sub(1)
    }

    /// Draws the account. `sent` is what the sender knows of every layer of the track; `left` says that the receiver went
    /// before the end, so that nothing behind the last packet that it got was due.
    pub fn settle(&self, sent: &[Sent], left: bool) -> Settled {
        let mut sum = Settled { duplicates: self.duplicates, ..self.forgotten };
        let of = |layer: u8| sent.get(usize::from(layer));
        for (at, stretch) in self.stretches.iter().enumerate() {
            let goes_on = at + 1 == self.stretches.len() && !left;
            if let Some(sent) = of(stretch.layer) {
                sum.add(&stretch.settle(sent, &self.numbers, goes_on));
            }
        }
        for pair in self.stretches.windows(2) {
            let change = Run { before: pair[0].last, behind: pair[1].first };
            let counts = |layer: u8, number: u32| of(layer).is_some_and(|it| (it.first..it.end).contains(&number));
            let unfilled = change.unfilled(&self.numbers).filter(|unfilled| *unfilled < MAX_JUMP).unwrap_or_default();
            if counts(pair[0].layer, change.before.number) || counts(pair[1].layer, change.behind.number) {
                sum.add(&Settled { due: unfilled, lost: unfilled, ..Settled::default() });
            }
        }
        sum
    }
}

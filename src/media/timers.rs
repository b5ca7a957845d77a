//! When what must be looked at: one deadline per owner, a heap underneath, stale entries skipped.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Who is to be called, by its place in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A transport.
    Transport(u32),
    /// A room's speakers.
    Room(u32),
    /// What is mirrored of a publisher.
    Mirror(u32),
}

/// The deadlines of all owners. Setting a later deadline costs a comparison only: the earlier entry
/// stays in the heap and, when it comes up, is replaced by the one that counts.
#[derive(Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Owner)>>,
    transports: Vec<Slot>,
    rooms: Vec<Slot>,
    mirrors: Vec<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// When the owner wants to be called.
    due: Option<Instant>,
    /// The earliest entry of this owner in the heap.
    queued: Option<Instant>,
}

impl Timers {
    /// The owner's deadline from now on; `None` stops it.
    pub fn set(&mut self, owner: Owner, due: Option<Instant>) {
        let slot = self.slot(owner);
        slot.due = due;
        let Some(due) = due else { return };
        if slot.queued.is_none_or(|queued| due < queued) {
            slot.queued = Some(due);
            self.heap.push(Reverse((due, owner)));
        }
    }

    /// Brings the owner's deadline forward to `due`, never back.
    pub fn at_latest(&mut self, owner: Owner, due: Instant) {
        if self.slot(owner).due.is_none_or(|now| due < now) {
            self.set(owner, Some(due));
        }
    }

    /// When [`Timers::pop`] may next have something; early at worst.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// The next owner whose deadline has passed; its deadline is cleared.
    pub fn pop(&mut self, now: Instant) -> Option<Owner> {
        while let Some(Reverse((at, owner))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            let slot = self.slot(owner);
            if slot.queued != Some(at) {
                continue;
            }
            slot.queued = None;
            match slot.due {
                Some(due) if due <= now => {
                    slot.due = None;
                    return Some(owner);
                }
                due => self.set(owner, due),
            }
        }
        None
    }

    fn slot(&mut self, owner: Owner) -> &mut Slot {
        let (slots, index) = match owner {
            Owner::Transport(index) => (&mut self.transports, index as usize),
            Owner::Room(index) => (&mut self.rooms, index as usize),
            Owner::Mirror(index) => (&mut self.mirrors, index as usize),
        };
        if slots.len() <= index {
            slots.resize(index + 1, Slot::default());
        }
        &mut slots[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_deadline_fires_once_and_a_later_one_replaces_it() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let owner = Owner::Transport(3);
        let mut timers = Timers::default();
        timers.set(owner, Some(at(10)));
        timers.set(owner, Some(at(50)));
        assert_eq!(timers.pop(at(20)), None);
        assert_eq!(timers.pop(at(50)), Some(owner));
        assert_eq!(timers.pop(at(99)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_stopped_owner_is_not_called() {
        let t0 = Instant::now();
        let mut timers = Timers::default();
        timers.set(Owner::Room(0), Some(t0));
        timers.set(Owner::Room(0), None);
        assert_eq!(timers.pop(t0 + Duration::from_secs(1)), None);
    }

    #[test]
    fn moving_a_deadline_back_and_forth_does_not_grow_the_heap() {
        let t0 = Instant::now();
        let mut timers = Timers::default();
        for round in 0..10_000u64 {
            let now = t0 + Duration::from_millis(round);
            timers.set(Owner::Transport(0), Some(now + Duration::from_millis(100)));
            timers.at_latest(Owner::Transport(0), now + Duration::from_millis(20));
            while timers.pop(now).is_some() {}
        }
        assert!(timers.heap.len() < 100, "{}", timers.heap.len());
    }
}

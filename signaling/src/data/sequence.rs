//! Repeats: by sequence number per sender, by nonce per room.

use std::collections::{HashSet, VecDeque};

/// The last sequence number taken from one sender's reliable channel. After a
/// resume the client repeats what it is not sure of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    last: u32,
}

impl Sequence {
    /// Takes a packet's number; false for a repeat. Packets without a number
    /// are always taken.
    pub fn accept(&mut self, sequence: u32) -> bool {
        if sequence == 0 {
            return true;
        }
        let is_new = sequence > self.last;
        self.last = self.last.max(sequence);
        is_new
    }

    /// The last number taken, for `ReconnectResponse.last_message_seq`.
    pub fn last(self) -> u32 {
        self.last
    }
}

/// Remembers the latest nonces of a room's user packets (LiveKit's
/// `UserPacketDeduper`), 100 of them.
#[derive(Clone, Debug, Default)]
pub struct NonceFilter {
    seen: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl NonceFilter {
    const CAPACITY: usize = 100;

    /// Notes a nonce; true when it was seen before. No nonce is never a repeat.
    pub fn is_repeat(&mut self, nonce: Option<[u8; 16]>) -> bool {
        let Some(nonce) = nonce else {
            return false;
        };
        if !self.seen.insert(nonce) {
            return true;
        }
        if self.order.len() == Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(nonce);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_stragglers_are_refused() {
        let mut sequence = Sequence::default();
        assert!(sequence.accept(1) && sequence.accept(3));
        assert!(!sequence.accept(3) && !sequence.accept(2));
        assert!(sequence.accept(0) && sequence.accept(0), "numberless packets pass");
        assert_eq!(sequence.last(), 3);
        assert!(sequence.accept(u32::MAX) && !sequence.accept(1));
    }

    #[test]
    fn a_nonce_passes_once() {
        let mut filter = NonceFilter::default();
        assert!(!filter.is_repeat(Some([1; 16])));
        assert!(filter.is_repeat(Some([1; 16])));
        assert!(!filter.is_repeat(None) && !filter.is_repeat(None));
    }

    #[test]
    fn old_nonces_are_forgotten() {
        let mut filter = NonceFilter::default();
        for n in 0..=NonceFilter::CAPACITY as u128 {
            assert!(!filter.is_repeat(Some(n.to_be_bytes())));
        }
        assert_eq!(filter.seen.len(), NonceFilter::CAPACITY);
        assert!(!filter.is_repeat(Some(0u128.to_be_bytes())));
        assert!(filter.is_repeat(Some(50u128.to_be_bytes())));
    }
}

//! Replay protection (RFC 3711 §3.3.2): which of the last numbers have been seen.

use crate::transport::event::DropCause;

/// A window of `WORDS` · 64 numbers that ends at the highest one accepted.
pub(super) struct ReplayWindow<const WORDS: usize> {
    highest: Option<u64>,
    seen: [u64; WORDS],
}

impl<const WORDS: usize> Default for ReplayWindow<WORDS> {
    fn default() -> Self {
        Self { highest: None, seen: [0; WORDS] }
    }
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    const SIZE: u64 = WORDS as u64 * 64;

    /// The highest number accepted.
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether this number may be new. Nothing is remembered: it is not authenticated yet.
    pub(super) fn check(&self, index: u64) -> Result<(), DropCause> {
        let Some(highest) = self.highest else { return Ok(()) };
        if index > highest {
            Ok(())
        } else if highest - index >= Self::SIZE {
            Err(DropCause::TooOld)
        } else if self.is_set(index) {
            Err(DropCause::Replay)
        } else {
            Ok(())
        }
    }

    /// Remembers a number that [`ReplayWindow::check`] let pass and that has authenticated.
    pub(super) fn accept(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {}
            Some(highest) if index - highest < Self::SIZE => {
                for skipped in highest + 1..index {
                    self.clear(skipped);
                }
                self.highest = Some(index);
            }
            _ => {
                self.seen = [0; WORDS];
                self.highest = Some(index);
            }
        }
        let (word, bit) = Self::place(index);
        self.seen[word] |= bit;
    }

    fn is_set(&self, index: u64) -> bool {
        let (word, bit) = Self::place(index);
        self.seen[word] & bit != 0
    }

    fn clear(&mut self, index: u64) {
        let (word, bit) = Self::place(index);
        self.seen[word] &= !bit;
    }

    fn place(index: u64) -> (usize, u64) {
        let slot = index % Self::SIZE;
        ((slot / 64) as usize, 1 << (slot % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_accepted_once_in_any_order() {
        let mut window = ReplayWindow::<2>::default();
        for index in [10, 12, 11, 200, 150, 199] {
            assert_eq!(window.check(index), Ok(()), "{index}");
            window.accept(index);
            assert_eq!(window.check(index), Err(DropCause::Replay), "{index}");
        }
        assert_eq!(window.check(72), Err(DropCause::TooOld));
        assert_eq!(window.check(73), Ok(()));
        assert_eq!(window.highest(), Some(200));
    }

    #[test]
    fn a_long_jump_forgets_what_lies_behind() {
        let mut window = ReplayWindow::<2>::default();
        window.accept(5);
        window.accept(5 + 128 * 3);
        assert_eq!(window.check(5 + 128 * 3 - 127), Ok(()), "same slot modulo the size, but never seen");
        assert_eq!(window.check(5), Err(DropCause::TooOld));
    }
}

//! Which RTP numbers of a stream have come, by whatever way.

/// Holes that are remembered. Of what lies before a forgotten one nothing is known any more.
const MAX_HOLES: usize = 4096;

/// Neighbouring numbers that have not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    first: u64,
    last: u64,
}

/// The numbers of one stream, extended so that they never repeat.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// From here on everything is known.
    from: u64,
    highest: Option<u64>,
    /// Ascending.
    holes: Vec<Hole>,
}

impl Numbers {
    /// A packet with this number has come.
    pub fn note(&mut self, number: u64) {
        match self.highest {
            None => (self.from, self.highest) = (number, Some(number)),
            Some(highest) if number > highest => {
                if number > highest + 1 {
                    self.add(self.holes.len(), Hole { first: highest + 1, last: number - 1 });
                }
                self.highest = Some(number);
            }
            Some(_) => self.fill(number),
        }
    }

    fn fill(&mut self, number: u64) {
        let at = self.holes.partition_point(|hole| hole.last < number);
        let Some(hole) = self.holes.get(at).copied().filter(|hole| hole.first <= number) else { return };
        self.holes.remove(at);
        if number < hole.last {
            self.add(at, Hole { first: number + 1, last: hole.last });
        }
        if hole.first < number {
            self.add(at, Hole { first: hole.first, last: number - 1 });
        }
    }

    fn add(&mut self, at: usize, hole: Hole) {
        self.holes.insert(at, hole);
        if self.holes.len() > MAX_HOLES {
            self.from = self.holes.remove(0).last + 1;
        }
    }

    /// How many of the numbers between two that came have not; None when that is not known.
    pub fn missing_between(&self, one: u64, other: u64) -> Option<u64> {
        if one < self.from || other <= one || self.highest.is_none_or(|highest| highest < other) {
            return None;
        }
        let at = self.holes.partition_point(|hole| hole.last <= one);
        let between = self.holes[at..].iter().take_while(|hole| hole.first < other);
        Some(between.map(|hole| hole.last.min(other - 1) - hole.first.max(one + 1) + 1).sum())
    }

    /// Nobody will ask about what was before this number.
    pub fn forget_before(&mut self, number: u64) {
        self.from = self.from.max(number);
        self.holes.retain(|hole| hole.last > number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(numbers: impl IntoIterator<Item = u64>) -> Numbers {
        let mut came = Numbers::default();
        numbers.into_iter().for_each(|number| came.note(number));
        came
    }

    #[test]
    fn what_is_missing_between_two_numbers_is_counted_until_it_comes() {
        let mut numbers = came([100, 101, 106, 107, 110]);
        assert_eq!(numbers.missing_between(101, 106), Some(4));
        assert_eq!(numbers.missing_between(100, 110), Some(6));
        assert_eq!(numbers.missing_between(106, 107), Some(0));
        for late in [103, 104, 102, 103, 105, 99] {
            numbers.note(late);
        }
        assert_eq!(numbers.missing_between(100, 107), Some(0));
        assert_eq!(numbers.missing_between(100, 110), Some(2));
    }

    #[test]
    fn of_what_is_not_known_nothing_is_said() {
        let mut numbers = came([100, 105]);
        assert_eq!(numbers.missing_between(99, 105), None, "before the first");
        assert_eq!(numbers.missing_between(100, 106), None, "behind the newest");
        assert_eq!(numbers.missing_between(105, 100), None, "the wrong way round");
        numbers.forget_before(103);
        assert_eq!((numbers.missing_between(100, 105), numbers.missing_between(103, 105)), (None, Some(1)));
    }

    #[test]
    fn the_oldest_holes_give_way() {
        let numbers = came((0..=2 * MAX_HOLES as u64 + 2).step_by(2));
        assert_eq!(numbers.missing_between(0, 4), None);
        assert_eq!(numbers.missing_between(2, 8), Some(3));
    }
}

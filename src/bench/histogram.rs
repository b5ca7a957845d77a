//! A histogram of durations in constant memory, exact to two per cent at every magnitude.

/// Buckets within one power of two; the relative error is half of the inverse.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values of more bits than this fall into the last bucket: with nanoseconds, more than a minute.
const MAX_BITS: u32 = 37;
const BUCKETS: usize = (MAX_BITS - STEP_BITS + 1) as usize * STEPS as usize;

/// Counts of values by magnitude.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into_boxed_slice(), count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// What was counted since `earlier`, a former state of this one. The maximum is that of the bucket.
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        let buckets: Box<[u64]> = pairs.map(|(now, then)| now.saturating_sub(*then)).collect();
        let max = buckets.iter().rposition(|count| *count > 0).map_or(0, upper);
        Self { buckets, count: self.count.saturating_sub(earlier.count), max: max.min(self.max) }
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value; zero when there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that `share` (0 to 1) of all do not exceed; zero when there is none.
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper(index).min(self.max);
            }
        }
        self.max
    }

    /// Every bucket that is not empty: its upper end and its count.
    pub fn filled(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let buckets = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        buckets.map(|(index, count)| (upper(index), *count))
    }
}

fn bucket(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    if bits <= STEP_BITS {
        return value as usize;
    }
    if bits > MAX_BITS {
        return BUCKETS - 1;
    }
    let shift = bits - STEP_BITS - 1;
    // The first set bit is implied; the next five say which step it is.
    (u64::from(shift + 1) * STEPS + (value >> shift) - STEPS) as usize
}

/// Largest value of a bucket.
fn upper(index: usize) -> u64 {
    let (power, step) = (index as u64 / STEPS, index as u64 % STEPS);
    if power == 0 { step } else { ((STEPS + step + 1) << (power - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_is_close_above_it() {
        let mut value = 1u64;
        while value < 1 << (MAX_BITS - 1) {
            for value in [value - 1, value, value + value / 3] {
                let above = upper(bucket(value));
                assert!(above >= value && above - value <= value / STEPS, "{value}: {above}");
            }
            value = value * 5 / 4 + 1;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.99), histogram.max()), (0, 0));
        for value in 1..=10_000u64 {
            histogram.record(value * 1000);
        }
        for (share, expected) in [(0.5, 5_000_000.0), (0.95, 9_500_000.0), (0.99, 9_900_000.0)] {
            let got = histogram.quantile(share) as f64;
            assert!((got / expected - 1.0).abs() < 0.04, "{share}: {got}");
        }
        assert_eq!((histogram.max(), histogram.count()), (10_000_000, 10_000));
        assert_eq!(histogram.quantile(1.0), 10_000_000);
    }

    #[test]
    fn parts_add_up_and_can_be_taken_apart() {
        let (mut whole, mut part) = (Histogram::default(), Histogram::default());
        (1..100).for_each(|value| whole.record(value));
        let earlier = whole.clone();
        (1000..1100).for_each(|value| part.record(value));
        whole.add(&part);
        let later = whole.since(&earlier);
        assert_eq!((later.count(), later.max()), (100, 1099));
        assert_eq!(later.filled().map(|(_, count)| count).sum::<u64>(), 100);
    }
}

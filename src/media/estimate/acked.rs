//! What arrives, as a rate.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::Bitrate;

/// Looked at so far back.
const WINDOW: Duration = Duration::from_millis(500);
/// In slices of this length, so that memory does not grow with the rate.
const SLICE: Duration = Duration::from_millis(10);

/// Counts bytes by when they arrived, on the receiver's clock.
#[derive(Debug, Default)]
pub struct AckedRate {
    /// Number of the slice, and its bytes.
    slices: VecDeque<(u64, u32)>,
    first: Option<u64>,
}

impl AckedRate {
    /// A packet arrived.
    pub fn arrived(&mut self, at: Duration, size: u16) {
        let slice = at.as_millis() as u64 / SLICE.as_millis() as u64;
        self.first.get_or_insert(slice);
        match self.slices.back_mut() {
            Some((last, bytes)) if *last >= slice => *bytes += u32::from(size),
            _ => self.slices.push_back((slice, u32::from(size))),
        }
        let oldest = slice.saturating_sub(slices(WINDOW));
        while self.slices.front().is_some_and(|(slice, _)| *slice < oldest) {
            self.slices.pop_front();
        }
    }

    /// The rate; none before there has been a while to measure.
    pub fn rate(&self) -> Option<Bitrate> {
        let last = self.slices.back()?.0;
        let age = last.saturating_sub(self.first?);
        if age < slices(WINDOW) / 3 {
            return None;
        }
        let bytes: u64 = self.slices.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        Some(Bitrate::of(bytes, SLICE * (age.min(slices(WINDOW)) as u32 + 1)))
    }
}

const fn slices(time: Duration) -> u64 {
    (time.as_micros() / SLICE.as_micros()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_memory_has_a_bound() {
        let mut acked = AckedRate::default();
        for index in 0..10_000u64 {
            acked.arrived(Duration::from_millis(index), 125);
        }
        let rate = acked.rate().map_or(0, Bitrate::bps);
        assert!((950_000..1_050_000).contains(&rate), "{rate}");
        assert!(acked.slices.len() <= 52);
    }
}

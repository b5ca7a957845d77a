//! What each layer inside a stream takes and how many pictures it has, over the last second.

use std::time::Duration;

use crate::rtp::dd::MAX_SPATIAL;
use crate::rtp::layers::Layers;
use crate::units::Bitrate;

/// Temporal layers that are told apart; higher ones count as the last.
pub const TEMPORAL: usize = 4;
/// A temporal layer suffices that has so much of the pictures a second that were asked for (LiveKit
/// `pkg/rtc/mediatrackreceiver.go`).
const TOLERANCE: f32 = 0.9;
/// Weight of the last second in the number of pictures, which comes and goes by one.
const NEWEST: f32 = 0.25;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    bytes: u64,
    pictures: u32,
}

type Counts = [[Count; TEMPORAL]; MAX_SPATIAL];

/// Counts by spatial and temporal layer.
#[derive(Debug, Default)]
pub struct LayerRates {
    counting: Counts,
    counted: Counts,
    over: Duration,
    /// Pictures a second, smoothed.
    pictures: [[f32; TEMPORAL]; MAX_SPATIAL],
}

impl LayerRates {
    /// A packet came.
    pub fn count(&mut self, layers: &Layers, bytes: u64) {
        let spatial = self.counting.get_mut(usize::from(layers.spatial));
        let Some(count) = spatial.map(|of| &mut of[usize::from(layers.temporal).min(TEMPORAL - 1)]) else { return };
        count.bytes += bytes;
        count.pictures += u32::from(layers.start);
    }

    /// That was the last of a window.
    pub fn turn(&mut self, over: Duration) {
        let seconds = over.as_secs_f32().max(f32::EPSILON);
        let first = self.over.is_zero();
        self.counted = std::mem::take(&mut self.counting);
        self.over = over;
        let known = self.pictures.iter_mut().flatten();
        for (known, count) in known.zip(self.counted.iter().flatten()) {
            let fresh = count.pictures as f32 / seconds;
            *known = if first { fresh } else { *known + NEWEST * (fresh - *known) };
        }
    }

    /// What the temporal layers take each, in bits per second, and their pictures in a thousand seconds; nothing where
    /// there are several spatial layers.
    pub fn temporal(&self) -> [[u32; 2]; TEMPORAL] {
        if self.is_spatial() {
            return Default::default();
        }
        let (counted, pictures) = (&self.counted[0], &self.pictures[0]);
        std::array::from_fn(|layer| {
            let rate = Bitrate::of(counted[layer].bytes, self.over).bps();
            [u32::try_from(rate).unwrap_or(u32::MAX), (pictures[layer] * 1000.0) as u32]
        })
    }

    /// Believes what was told by [`LayerRates::temporal`] of the same stream elsewhere.
    pub fn told(&mut self, temporal: &[[u32; 2]; TEMPORAL]) {
        *self = Self { over: Duration::from_secs(1), ..Self::default() };
        for (layer, [rate, pictures]) in temporal.iter().enumerate() {
            self.counted[0][layer] = Count { bytes: u64::from(*rate) / 8, pictures: pictures / 1000 };
            self.pictures[0][layer] = *pictures as f32 / 1000.0;
        }
    }

    /// There are several spatial layers.
    pub fn is_spatial(&self) -> bool {
        self.highest_spatial() > 0
    }

    /// The rate up to a spatial and a temporal layer.
    pub fn rate(&self, spatial: usize, temporal: usize) -> Bitrate {
        let within = self.counted.iter().take(spatial + 1).flat_map(|of| of.iter().take(temporal.saturating_add(1)));
        Bitrate::of(within.map(|count| count.bytes).sum(), self.over)
    }

    /// Pictures a second of a spatial layer up to a temporal one.
    pub fn pictures(&self, spatial: usize, temporal: usize) -> f32 {
        let of = &self.pictures[spatial.min(self.highest_spatial())];
        of.iter().take(temporal.saturating_add(1)).sum()
    }

    /// The highest temporal layer of a spatial one.
    pub fn highest_temporal(&self, spatial: usize) -> usize {
        let of = &self.counted[spatial.min(self.highest_spatial())];
        of.iter().rposition(|count| count.bytes > 0).unwrap_or_default()
    }

    /// The lowest temporal layer that has as many pictures a second as were asked for; everything where none has.
    pub fn sufficient(&self, spatial: usize, pictures: u8) -> u8 {
        let enough = |temporal: &usize| self.pictures(spatial, *temporal) >= f32::from(pictures) * TOLERANCE;
        (0..self.highest_temporal(spatial)).find(enough).map_or(u8::MAX, |temporal| temporal as u8)
    }

    fn highest_spatial(&self) -> usize {
        self.counted.iter().rposition(|of| of.iter().any(|count| count.bytes > 0)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of thirty pictures of these many spatial layers, of 1000 bytes each, in three temporal layers.
    fn second(spatial: u8) -> LayerRates {
        let mut rates = LayerRates::default();
        for picture in 0..32 {
            let temporal = [0, 2, 1, 2][picture % 4];
            for spatial in 0..spatial {
                for start in [true, false] {
                    rates.count(&Layers { spatial, temporal, start, ..Layers::default() }, 500);
                }
            }
        }
        rates.turn(Duration::from_secs(1));
        rates
    }

    #[test]
    fn a_layer_takes_what_all_below_it_take_and_has_their_pictures() {
        let rates = second(2);
        assert!(rates.is_spatial() && !second(1).is_spatial());
        assert_eq!(rates.rate(0, 0), Bitrate(64_000));
        assert_eq!(rates.rate(1, 1), Bitrate(256_000));
        assert_eq!(rates.rate(1, usize::MAX), Bitrate(512_000));
        assert_eq!([0, 1, 2].map(|temporal| rates.pictures(1, temporal)), [8.0, 16.0, 32.0]);
        assert_eq!(rates.highest_temporal(2), 2);
    }

    #[test]
    fn as_many_temporal_layers_suffice_as_make_nine_tenths_of_the_pictures_asked_for() {
        let rates = second(1);
        let layers = [1, 8, 9, 17, 18, 30, 60].map(|pictures| rates.sufficient(0, pictures));
        assert_eq!(layers, [0, 0, 1, 1, u8::MAX, u8::MAX, u8::MAX]);
        assert_eq!(LayerRates::default().sufficient(0, 15), u8::MAX, "nothing is known");
    }
}

//! What a track may be had as: its layers, each with all or some of its temporal layers, and what that takes.

use std::time::Instant;

use super::rates::LayerRates;
use super::select::{LAYERS, LayerIndex};
use super::share::{Level, Levels};
use super::stream::Stream;
use super::table::Table;
use super::track::Track;

/// What a layer takes until that has been measured, in bits per second.
pub const NOMINAL: [u64; LAYERS] = [150_000, 500_000, 1_700_000];
/// Measured rates are of payloads and headers; this is what the way adds (UDP, IP, tags), in percent.
const OVERHEAD: u64 = 4;
/// A layer is not had with a smaller share of its pictures, by how many there are below it. The lowest is had with as
/// many as there is room for, and half of them make up for what a small picture lacks in sharpness; but who talks to
/// somebody would rather see them move on a middling picture than stutter on a large one.
const LEAST_PICTURES: [f32; LAYERS] = [0.0, 0.45, 1.0];

/// A measured rate as it will be on the way.
pub const fn on_the_way(bps: u64) -> u64 {
    bps * (100 + OVERHEAD) / 100
}

/// The levels of a track for somebody who wants so many pictures a second; 0 for all.
pub fn levels(track: &Track, now: Instant, streams: &Table<Stream>, pictures: u8) -> Levels {
    let mut levels = Levels::new();
    let mut all = track.layers.iter().flatten();
    let only = all.next().filter(|_| all.next().is_none()).and_then(|only| streams.get(*only));
    if let Some((stream, rates)) = only.and_then(|stream| Some((stream, stream.rates()?)))
        && rates.is_spatial()
    {
        let rate = |layer: LayerIndex| rates.rate(layer, usize::MAX);
        let exists = |layer: &LayerIndex| *layer == 0 || rate(*layer) != rate(*layer - 1);
        for layer in (0..LAYERS).filter(exists).filter(|_| stream.rate(now).bps() > 0) {
            push(&mut levels, layer, Some((rates, layer)), rate(layer).bps(), pictures);
        }
        return levels;
    }
    for layer in (0..LAYERS).filter(|layer| track.active.contains(*layer)) {
        let Some(stream) = track.layers[layer].and_then(|stream| streams.get(stream)) else { continue };
        let measured = stream.rate(now).bps();
        let rates = stream.rates().filter(|_| measured > 0);
        push(
            &mut levels,
            layer,
            rates.map(|it| (it, 0)),
            if measured == 0 { NOMINAL[layer] } else { measured },
            pictures,
        );
    }
    levels
}

/// Appends the levels of one layer, which is a spatial layer inside its stream.
fn push(levels: &mut Levels, layer: LayerIndex, inside: Option<(&LayerRates, usize)>, whole: u64, pictures: u8) {
    let below = levels.chunk_by(|one, other| one.layer == other.layer).count().min(LAYERS - 1);
    let mut add = |temporal, bps| {
        if bps > 0 {
            // There is room for all.
            let _ = levels.try_push(Level { layer, temporal, rate: on_the_way(bps) });
        }
    };
    let mut most = whole;
    if let Some((rates, spatial)) = inside {
        let sufficient = if pictures == 0 { u8::MAX } else { rates.sufficient(spatial, pictures) };
        let highest = rates.highest_temporal(spatial).min(usize::from(sufficient));
        let least = LEAST_PICTURES[below] * rates.pictures(spatial, highest);
        for temporal in (0..highest).filter(|temporal| rates.pictures(spatial, *temporal) >= least) {
            add(temporal as u8, rates.rate(spatial, temporal).bps());
        }
        if sufficient != u8::MAX {
            most = rates.rate(spatial, highest).bps();
        }
    }
    add(u8::MAX, most);
}

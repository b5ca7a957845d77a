//! Which layers of a track one shard wants of another that has its publisher, and what it is told of those that it does
//! not want.
//!
//! A mirror asks for the layers that its subscribers get or wait for, and for all while somebody gets none. What it has
//! asked for counts until it asks anew, and each message tells everything, so that one that finds no room costs some
//! time and no more: the publisher's shard tells a few times a second what it relays, and whoever sees that it is not
//! what was asked for asks again. The same report tells what each layer takes, for those who would switch to it.

use std::time::{Duration, Instant};

use crate::ids::{MediaTrackId, ShardIndex};
use crate::units::{Bitrate, MediaKind, Ssrc};

use super::counters::Drop;
use super::feedback::LAYER_INTERVAL;
use super::forwarder::Forwarder;
use super::mirror::{MirrorKey, Origin};
use super::rates::TEMPORAL;
use super::select::{LAYERS, LayerSet};
use super::shard::Shard;
use super::stream::Stream;
use super::track::{Track, TrackKey};

/// A layer that nobody needs any more is relayed for so long: what was lost of it still comes, and who goes back and
/// forth between two layers has both.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes that tell of one layer: SSRC, whether it sends, silence, rate, and for each temporal layer rate and pictures.
const LAYER: usize = 16 + 8 * TEMPORAL;
/// Bytes of a report.
pub const REPORT: usize = LAYERS * LAYER;

/// What a mirror wants of its track.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// What was asked for last; all without a word.
    asked: LayerSet,
    /// When each layer was needed last.
    needed: [Option<Instant>; LAYERS],
}

impl Default for Demand {
    fn default() -> Self {
        Self { asked: LayerSet::ALL, needed: [None; LAYERS] }
    }
}

impl Demand {
    /// These layers are needed now.
    fn need(&mut self, now: Instant, layers: LayerSet) {
        let known = self.needed.iter_mut().enumerate();
        known.filter(|(layer, _)| layers.contains(*layer)).for_each(|(_, at)| *at = Some(now));
    }

    /// Layers that are needed, or were a moment ago.
    fn wants(&self, now: Instant) -> LayerSet {
        let mut wants = LayerSet::default();
        for (layer, at) in self.needed.iter().enumerate() {
            if at.is_some_and(|at| now.saturating_duration_since(at) < LINGER) {
                wants.insert(layer);
            }
        }
        wants
    }
}

/// What is told of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerReport {
    /// Its stream; zero where there is none.
    pub ssrc: u32,
    /// It sends.
    pub active: bool,
    /// For so long nothing has come of it.
    pub silent: Duration,
    /// What it takes.
    pub rate: Bitrate,
    /// What each of its temporal layers takes by itself, in bits per second, and its pictures in a thousand seconds;
    /// nothing where its packets do not tell, or tell of several spatial layers.
    pub temporal: [[u32; 2]; TEMPORAL],
}

impl LayerReport {
    fn of(now: Instant, stream: &Stream, active: bool) -> Self {
        Self {
            ssrc: stream.ssrc.0,
            active,
            silent: now.saturating_duration_since(stream.last_packet),
            rate: stream.rate(now),
            temporal: stream.rates().map(|rates| rates.temporal()).unwrap_or_default(),
        }
    }

    fn write(&self, out: &mut [u8; LAYER]) {
        let silent = u32::try_from(self.silent.as_millis()).unwrap_or(u32::MAX);
        let rate = u32::try_from(self.rate.bps()).unwrap_or(u32::MAX);
        let whole = [self.ssrc, u32::from(self.active), silent, rate];
        let words = whole.iter().chain(self.temporal.as_flattened());
        let (places, _) = out.as_chunks_mut::<4>();
        places.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_ne_bytes());
    }

    fn read(bytes: &[u8; LAYER]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let mut words = words.iter().map(|word| u32::from_ne_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        Self {
            ssrc: next(),
            active: next() != 0,
            silent: Duration::from_millis(u64::from(next())),
            rate: Bitrate(u64::from(next())),
            temporal: std::array::from_fn(|_| [next(), next()]),
        }
    }
}

/// What a report says.
fn read(report: &[u8]) -> Option<[LayerReport; LAYERS]> {
    let (layers, []) = report.as_chunks::<LAYER>() else { return None };
    let layers: &[[u8; LAYER]; LAYERS] = layers.try_into().ok()?;
    Some(layers.each_ref().map(LayerReport::read))
}

/// Layers that a subscriber gets or waits for; all while it has none that goes on, for then any will do.
pub(super) fn needed_by(forwarder: &Forwarder, active: LayerSet) -> LayerSet {
    if !forwarder.is_open() {
        return LayerSet::default();
    }
    match forwarder.selector.current().filter(|current| active.contains(*current)) {
        Some(current) => {
            let mut needed = LayerSet::default();
            needed.insert(current);
            forwarder.selector.awaited().into_iter().for_each(|awaited| needed.insert(awaited));
            needed
        }
        None => LayerSet::ALL,
    }
}

impl Shard {
    /// A subscriber of a track has chosen anew: what it needs of a mirror that was not asked for is asked for at once.
    pub(super) fn ask_for_layers(&mut self, now: Instant, key: TrackKey, needed: LayerSet) {
        let Some(track) = self.tracks.get_mut(key).filter(|track| track.kind() == MediaKind::Video) else { return };
        let Origin::Mirror(mirror) = track.origin else { return };
        track.demand.need(now, needed);
        let asked = track.demand.asked;
        if !needed.minus(asked).is_empty() {
            self.ask(now, key, mirror, asked.with(needed));
        }
    }

    /// Tells the publisher's shard what to relay.
    fn ask(&mut self, now: Instant, key: TrackKey, mirror: MirrorKey, wants: LayerSet) {
        let (Some(track), Some(mirror)) = (self.tracks.get_mut(key), self.mirrors.get(mirror)) else { return };
        let fresh = wants.minus(track.demand.asked);
        track.demand.asked = wants;
        self.relays.wants(mirror.from, track.id, wants, mirror.here);
        for stream in fresh.iter().filter_map(|layer| track.layers[layer]) {
            if let Some(stream) = self.streams.get_mut(stream) {
                stream.goes_on_elsewhere(now);
            }
        }
    }

    /// A mirror has asked for layers: those and no others are relayed to it from now on.
    pub(super) fn on_wants(&mut self, id: MediaTrackId, of: ShardIndex, layers: LayerSet) {
        let Some(key) = self.track_ids.get(&id).copied() else { return self.counters.drop(Drop::RelayUnknownTrack) };
        let Some(track) = self.tracks.get_mut(key) else { return };
        // One that is no longer relayed to, or not yet: it will see what it gets, and ask again.
        let Some(relay) = track.relays.iter_mut().find(|relay| relay.to == of) else { return };
        let fresh = layers.minus(relay.layers);
        relay.layers = layers;
        for layer in fresh.iter() {
            self.relay_known_clock(key, layer);
        }
    }

    /// Tells the shards that mirror these tracks of a publisher what the layers are, a few times a second. Returns when
    /// to do so again.
    pub(super) fn report_layers(&mut self, now: Instant, tracks: &[TrackKey]) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for key in tracks {
            let Some(track) = self.tracks.get(*key) else { continue };
            if track.relays.is_empty() || track.muted || track.kind() == MediaKind::Audio {
                continue;
            }
            let mut due = track.told.map_or(now, |told| told + LAYER_INTERVAL);
            if due <= now {
                self.tell_layers(now, *key);
                due = now + LAYER_INTERVAL;
            }
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        next
    }

    /// Tells the shards that mirror a track what its layers are.
    pub(super) fn tell_layers(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        if !track.relays.is_empty() && track.kind() == MediaKind::Video {
            track.told = Some(now);
            self.relays.layers(now, key);
        }
    }

    /// Everything that is told of a track's layers.
    pub(super) fn layers_report(&self, now: Instant, track: &Track) -> [u8; REPORT] {
        let mut report = [0; REPORT];
        let (places, _) = report.as_chunks_mut::<LAYER>();
        for (layer, place) in places.iter_mut().enumerate() {
            if let Some(stream) = track.layers[layer].and_then(|stream| self.streams.get(stream)) {
                LayerReport::of(now, stream, track.active.contains(layer)).write(place);
            }
        }
        report
    }

    /// The publisher's shard tells of a mirrored track's layers, and which of them it relays.
    pub(super) fn on_layers(&mut self, now: Instant, id: MediaTrackId, relayed: LayerSet, report: &[u8]) {
        let Some(key) = self.track_ids.get(&id).copied() else { return self.counters.drop(Drop::RelayUnknownTrack) };
        let Some(layers) = read(report) else { return };
        if self.tracks.get(key).is_none_or(|track| track.origin.here().is_some()) {
            return self.counters.drop(Drop::UnknownId);
        }
        let (mut active, mut woke) = (LayerSet::default(), false);
        for (layer, told) in layers.iter().enumerate().filter(|(_, told)| told.ssrc != 0) {
            let Some(stream) = self.mirrored_stream(now, key, layer as u8, Ssrc(told.ssrc)) else { return };
            let Some(asked) = self.tracks.get(key).map(|track| track.demand.asked.contains(layer)) else { return };
            if told.active {
                active.insert(layer);
            }
            if let Some(stream) = self.streams.get_mut(stream) {
                woke |= stream.told(now, told, asked);
            }
        }
        let Some(track) = self.tracks.get_mut(key) else { return };
        if std::mem::replace(&mut track.active, active) != active || woke {
            self.refresh_forwarders(now, key);
        }
        self.review_demand(now, key, relayed);
    }

    /// Asks for less where less is needed, and again where something else is relayed than was asked for.
    fn review_demand(&mut self, now: Instant, key: TrackKey, relayed: LayerSet) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        let Origin::Mirror(mirror) = track.origin else { return };
        if !track.muted {
            for forwarder in track.forwarders.iter().filter_map(|forwarder| self.forwarders.get(*forwarder)) {
                track.demand.need(now, needed_by(forwarder, track.active));
            }
        }
        let wants = track.demand.wants(now);
        if wants != track.demand.asked || wants != relayed {
            self.ask(now, key, mirror, wants);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_report_says_what_was_written() {
        let told: [LayerReport; LAYERS] = std::array::from_fn(|layer| LayerReport {
            ssrc: 7 + layer as u32,
            active: layer != 1,
            silent: Duration::from_millis(1234),
            rate: Bitrate(1_500_000),
            temporal: std::array::from_fn(|temporal| [100 * temporal as u32, 7500]),
        });
        let mut report = [0; REPORT];
        for (place, told) in report.as_chunks_mut::<LAYER>().0.iter_mut().zip(told) {
            told.write(place);
        }
        assert_eq!(read(&report), Some(told));
        assert_eq!(read(&report[1..]), None);
    }

    #[test]
    fn what_is_needed_no_more_is_wanted_for_a_while() {
        let now = Instant::now();
        let mut demand = Demand::default();
        assert_eq!((demand.asked, demand.wants(now)), (LayerSet::ALL, LayerSet::default()));
        demand.need(now, LayerSet(0b100));
        demand.need(now + LINGER / 2, LayerSet(0b001));
        assert_eq!(demand.wants(now + LINGER / 2), LayerSet(0b101));
        assert_eq!(demand.wants(now + LINGER), LayerSet(0b001));
        assert_eq!(demand.wants(now + 2 * LINGER), LayerSet(0));
    }
}

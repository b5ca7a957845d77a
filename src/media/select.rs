//! Which layer a subscriber gets: a small decision, without packets or clocks of its own.
//!
//! The subscriber's target is what it asked for, the cap what the way to it carries (`allocate`).

use std::time::{Duration, Instant};

use super::command::{LayerTarget, Quality};
use super::depth::Depth;

/// How long a new subscriber waits for the layer that it wants before any other layer's key frame will do.
const PATIENCE: Duration = Duration::from_millis(300);

/// Index of a layer within its track: [`Quality`] as a number.
pub type LayerIndex = usize;

/// Layers of a track at most.
pub const LAYERS: usize = 3;

/// A set of layers, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerSet(pub u8);

impl LayerSet {
    /// Adds a layer.
    pub fn insert(&mut self, layer: LayerIndex) {
        self.0 |= 1 << layer;
    }

    /// Takes a layer out.
    pub fn remove(&mut self, layer: LayerIndex) {
        self.0 &= !(1 << layer);
    }

    /// True when `layer` is in the set.
    pub const fn contains(self, layer: LayerIndex) -> bool {
        self.0 & (1 << layer) != 0
    }

    /// Every layer that there may be.
    pub const ALL: Self = Self((1 << LAYERS) - 1);

    /// Those that `other` has not.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// From the lowest.
    pub fn iter(self) -> impl Iterator<Item = LayerIndex> {
        (0..LAYERS).filter(move |layer| self.contains(*layer))
    }

    /// True without layers.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The layer nearest to `wanted`: itself, else the best below it, else the lowest above it.
    pub fn nearest(self, wanted: LayerIndex) -> Option<LayerIndex> {
        (0..=wanted.min(LAYERS - 1))
            .rev()
            .find(|layer| self.contains(*layer))
            .or_else(|| (wanted + 1..LAYERS).find(|layer| self.contains(*layer)))
    }
}

/// What to do with a packet of some layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It belongs to the layer that flows.
    Forward,
    /// It begins a key frame of a layer to be switched to now.
    Switch,
    /// Not for this subscriber.
    Skip,
}

/// One subscriber's choice among a track's layers.
#[derive(Clone, Copy, Debug)]
pub struct Selector {
    target: LayerTarget,
    cap: Quality,
    /// The best temporal layer that bandwidth allows.
    temporal_cap: u8,
    current: Option<LayerIndex>,
    /// The best layer to be had; differs from `current` while a key frame is awaited.
    wanted: Option<LayerIndex>,
    waiting_since: Option<Instant>,
}

impl Selector {
    /// Nothing flows yet.
    pub fn new(target: LayerTarget) -> Self {
        Self { target, cap: Quality::High, temporal_cap: u8::MAX, current: None, wanted: None, waiting_since: None }
    }

    /// What the subscriber asked for last.
    pub const fn target(&self) -> LayerTarget {
        self.target
    }

    /// The subscriber asks for something else; [`Selector::refresh`] follows.
    pub fn set_target(&mut self, target: LayerTarget) {
        self.target = target;
        if target.disabled {
            self.stop();
        }
    }

    /// The best layer that bandwidth allows.
    pub const fn cap(&self) -> Quality {
        self.cap
    }

    /// Bandwidth allows another layer; [`Selector::refresh`] follows.
    pub fn set_cap(&mut self, cap: Quality) {
        self.cap = cap;
    }

    /// Bandwidth allows less than everything.
    pub fn is_capped(&self) -> bool {
        self.cap != Quality::High || self.temporal_cap != u8::MAX
    }

    /// The best temporal layer that bandwidth allows.
    pub const fn temporal_cap(&self) -> u8 {
        self.temporal_cap
    }

    /// Bandwidth allows temporal layers up to this one.
    pub fn set_temporal_cap(&mut self, cap: u8) {
        self.temporal_cap = cap;
    }

    /// What is wanted of the layers inside a stream: of a stream that has several spatial ones the quality's.
    pub fn depth(&self) -> Depth {
        Depth { spatial: self.target.quality.min(self.cap) as u8, temporal: self.temporal_cap }
    }

    /// Nothing flows until the next key frame: muted, disabled, or the source is another.
    pub fn stop(&mut self) {
        self.current = None;
        self.wanted = None;
        self.waiting_since = None;
    }

    /// The layer that flows.
    pub const fn current(&self) -> Option<LayerIndex> {
        self.current
    }

    /// The layer whose key frame is awaited.
    pub fn awaited(&self) -> Option<LayerIndex> {
        self.wanted.filter(|wanted| self.current != Some(*wanted))
    }

    /// Looks again at what is to be had. `active` are the layers that send; when none does, whatever
    /// flowed last stays chosen. True when a key frame of [`Selector::awaited`] is needed.
    pub fn refresh(&mut self, now: Instant, active: LayerSet) -> bool {
        if self.target.disabled {
            return false;
        }
        let best = active.nearest(self.target.quality.min(self.cap) as usize);
        if best.is_some() {
            self.wanted = best;
        }
        let awaits = self.awaited().is_some();
        if !awaits {
            self.waiting_since = None;
        } else if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
        }
        awaits
    }

    /// Decides about one packet of `layer`. `opens` is true when decoding can begin with it: the start
    /// of a key frame, or any packet of audio.
    #[inline]
    pub fn choose(&mut self, now: Instant, layer: LayerIndex, opens: bool, active: LayerSet) -> Choice {
        if self.current == Some(layer) && (!opens || self.awaited() != Some(layer)) {
            return Choice::Forward;
        }
        if self.target.disabled || !opens {
            return Choice::Skip;
        }
        let Some(wanted) = self.awaited() else { return Choice::Skip };
        let stranded = self.current.is_none_or(|current| !active.contains(current));
        let patient = self.waiting_since.is_some_and(|since| now.saturating_duration_since(since) < PATIENCE);
        let take = layer == wanted
            || match self.current {
                _ if stranded => !patient,
                // A step in the right direction is taken as well.
                Some(current) => (current < layer && layer < wanted) || (wanted < layer && layer < current),
                None => false,
            };
        if !take {
            return Choice::Skip;
        }
        self.current = Some(layer);
        if layer == wanted {
            self.waiting_since = None;
        }
        Choice::Switch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(layers: &[LayerIndex]) -> LayerSet {
        let mut set = LayerSet::default();
        layers.iter().for_each(|layer| set.insert(*layer));
        set
    }

    fn wants(quality: Quality) -> LayerTarget {
        LayerTarget { quality, ..LayerTarget::default() }
    }

    #[test]
    fn the_nearest_layer_below_serves_before_one_above() {
        assert_eq!(set(&[0, 1, 2]).nearest(2), Some(2));
        assert_eq!(set(&[0, 1]).nearest(2), Some(1));
        assert_eq!(set(&[0, 2]).nearest(1), Some(0));
        assert_eq!(set(&[2]).nearest(0), Some(2));
        assert_eq!(set(&[]).nearest(1), None);
    }

    #[test]
    fn a_switch_happens_only_at_a_key_frame_of_the_wanted_layer() {
        let now = Instant::now();
        let all = set(&[0, 1, 2]);
        let mut selector = Selector::new(wants(Quality::High));
        assert!(selector.refresh(now, all));
        assert_eq!(selector.choose(now, 2, false, all), Choice::Skip);
        assert_eq!(selector.choose(now, 0, true, all), Choice::Skip, "patient at first");
        assert_eq!(selector.choose(now, 2, true, all), Choice::Switch);
        assert_eq!(selector.choose(now, 2, true, all), Choice::Forward, "its own key frames are no switch");
        selector.set_target(wants(Quality::Low));
        assert!(selector.refresh(now, all));
        assert_eq!(selector.choose(now, 2, false, all), Choice::Forward, "the old layer flows on");
        assert_eq!(selector.choose(now, 0, false, all), Choice::Skip);
        assert_eq!(selector.choose(now, 0, true, all), Choice::Switch);
        assert_eq!(selector.choose(now, 2, false, all), Choice::Skip);
        assert!(!selector.refresh(now, all));
    }

    #[test]
    fn a_waiting_newcomer_takes_any_layer_after_a_while_and_then_climbs() {
        let now = Instant::now();
        let all = set(&[0, 1, 2]);
        let mut selector = Selector::new(wants(Quality::High));
        selector.refresh(now, all);
        let later = now + PATIENCE;
        assert_eq!(selector.choose(later, 0, true, all), Choice::Switch);
        assert_eq!(selector.awaited(), Some(2));
        assert_eq!(selector.choose(later, 1, true, all), Choice::Switch, "a step up");
        assert_eq!(selector.choose(later, 0, true, all), Choice::Skip, "not down again");
        assert_eq!(selector.choose(later, 2, true, all), Choice::Switch);
        assert_eq!(selector.awaited(), None);
    }

    #[test]
    fn when_the_publisher_pauses_the_layer_a_lower_one_takes_over_and_comes_back() {
        let now = Instant::now();
        let mut selector = Selector::new(wants(Quality::High));
        selector.refresh(now, set(&[0, 1, 2]));
        selector.choose(now, 2, true, set(&[0, 1, 2]));
        assert!(selector.refresh(now, set(&[0, 1])));
        assert_eq!(selector.choose(now, 1, true, set(&[0, 1])), Choice::Switch);
        assert!(!selector.refresh(now, set(&[])), "silence of all changes nothing");
        assert_eq!(selector.current(), Some(1));
        assert!(selector.refresh(now, set(&[0, 1, 2])));
        assert_eq!(selector.awaited(), Some(2));
    }

    #[test]
    fn a_disabled_stream_needs_a_key_frame_to_come_back() {
        let now = Instant::now();
        let all = set(&[0, 1, 2]);
        let mut selector = Selector::new(wants(Quality::Low));
        selector.refresh(now, all);
        selector.choose(now, 0, true, all);
        selector.set_target(LayerTarget { disabled: true, ..wants(Quality::Low) });
        assert!(!selector.refresh(now, all));
        assert_eq!(selector.choose(now, 0, true, all), Choice::Skip);
        selector.set_target(wants(Quality::Low));
        assert!(selector.refresh(now, all));
        assert_eq!(selector.choose(now, 0, false, all), Choice::Skip);
        assert_eq!(selector.choose(now, 0, true, all), Choice::Switch);
    }
}

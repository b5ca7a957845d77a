//! How much of a layered stream a subscriber gets: the frames up to a spatial and a temporal layer.
//!
//! Everything below what flows is passed on as well, also where higher layers would do without it (`L3T3_KEY`): so a
//! step down needs no key frame, and when the way is narrow none can be waited for. A step up waits for a frame from
//! which on the higher layer can be decoded.

use crate::rtp::layers::Layers;

/// A spatial and a temporal layer, and all below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
}

impl Depth {
    /// Everything.
    pub const ALL: Self = Self { spatial: u8::MAX, temporal: u8::MAX };

    const fn holds(self, layers: &Layers) -> bool {
        layers.spatial <= self.spatial && layers.temporal <= self.temporal
    }
}

/// After a change so many frames tell a receiver which decode targets it gets.
const ANNOUNCEMENTS: u8 = 16;

/// What flows of the stream just now.
#[derive(Clone, Copy, Debug)]
pub struct DepthFilter {
    flowing: Depth,
    /// The highest spatial layer that the stream has shown.
    highest: u8,
    announcements: u8,
}

impl DepthFilter {
    /// A stream of which nothing has been seen flows whole.
    pub const fn new() -> Self {
        Self { flowing: Depth::ALL, highest: 0, announcements: 0 }
    }

    /// Another stream begins.
    pub const fn restart(&mut self, wanted: Depth) {
        *self = Self { flowing: wanted, ..Self::new() };
    }

    /// The spatial layer that flows, where the stream has higher ones.
    pub fn spatial(&self) -> Option<u8> {
        (self.flowing.spatial < self.highest).then_some(self.flowing.spatial)
    }

    /// What flows.
    pub const fn flowing(&self) -> Depth {
        self.flowing
    }

    /// A key frame is needed to get what is wanted: temporal layers come by themselves.
    pub fn lacks(&self, wanted: Depth) -> bool {
        self.flowing.spatial < wanted.spatial.min(self.highest)
    }

    /// Decides about a packet that continues the stream; one that `opens` it begins a key frame.
    pub fn pass(&mut self, layers: &Layers, wanted: Depth, opens: bool) -> bool {
        let before = self.flowing;
        self.highest = self.highest.max(layers.spatial).max(layers.highest);
        if opens {
            self.flowing = wanted;
        } else if layers.start && before != wanted {
            self.step(layers, wanted);
        }
        if self.flowing != before {
            self.announcements = ANNOUNCEMENTS;
        }
        self.flowing.holds(layers)
    }

    fn step(&mut self, layers: &Layers, wanted: Depth) {
        let flowing = &mut self.flowing;
        if layers.spatial == 0 {
            flowing.spatial = flowing.spatial.min(wanted.spatial);
            if layers.temporal == 0 {
                flowing.temporal = flowing.temporal.min(wanted.temporal);
            }
        }
        if layers.begins_spatial
            && layers.spatial == flowing.spatial.saturating_add(1)
            && layers.spatial <= wanted.spatial
        {
            flowing.spatial = layers.spatial;
        }
        if layers.begins_temporal && layers.temporal > flowing.temporal && layers.temporal <= wanted.temporal {
            flowing.temporal = layers.temporal;
        }
        if flowing.temporal < wanted.temporal && flowing.holds(layers) {
            let spatial = usize::from(flowing.spatial.min(self.highest)).min(layers.switches.len() - 1);
            let allowed = layers.switches[spatial] & (u8::MAX >> (7 - wanted.temporal.min(7)));
            let best = 7u32.saturating_sub(allowed.leading_zeros()) as u8;
            if allowed != 0 && best > flowing.temporal {
                flowing.temporal = best;
            }
        }
    }

    /// The packet is the last of its picture for this subscriber, and not for others.
    pub const fn ends_picture(&self, layers: &Layers) -> bool {
        layers.end && layers.spatial == self.flowing.spatial && self.flowing.spatial < self.highest
    }

    /// The packet's descriptor is to tell which decode targets flow. Called once for each packet that passes.
    pub fn announces(&mut self, layers: &Layers) -> bool {
        if layers.targets == 0 {
            return false;
        }
        let due = layers.start && self.announcements > 0;
        self.announcements -= u8::from(due);
        due || layers.tells_active && self.flowing.spatial < self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Depth = Depth { spatial: 0, temporal: 7 };
    const HIGH: Depth = Depth { spatial: 2, temporal: 7 };

    fn frame(spatial: u8, temporal: u8) -> Layers {
        Layers { spatial, temporal, start: true, end: true, ..Layers::default() }
    }

    /// A stream of three spatial and three temporal layers, after its key frame.
    fn flowing(wanted: Depth) -> DepthFilter {
        let mut filter = DepthFilter::new();
        filter.restart(wanted);
        for spatial in 0..3 {
            filter.pass(&frame(spatial, 0), wanted, spatial == 0);
        }
        filter
    }

    #[test]
    fn a_step_down_happens_with_the_next_picture_and_a_step_up_with_the_next_key_frame() {
        let mut filter = flowing(HIGH);
        assert!(filter.pass(&frame(2, 0), LOW, false), "the picture is finished");
        assert!(filter.pass(&frame(0, 1), LOW, false));
        assert!(!filter.pass(&frame(1, 1), LOW, false));
        assert!(!filter.pass(&frame(2, 1), LOW, false));
        assert!(filter.lacks(HIGH) && !filter.lacks(LOW));
        assert_eq!(filter.spatial(), Some(0));
        assert!(!filter.pass(&frame(2, 0), HIGH, false));
        assert!(filter.pass(&frame(0, 0), HIGH, true));
        assert!(filter.pass(&frame(2, 0), HIGH, false));
        assert_eq!(filter.spatial(), None);
    }

    #[test]
    fn a_spatial_layer_that_refers_to_no_earlier_picture_begins_without_a_key_frame() {
        let mut filter = flowing(LOW);
        let begins = |spatial| Layers { begins_spatial: true, ..frame(spatial, 0) };
        assert!(!filter.pass(&begins(2), HIGH, false), "not above one that is missing");
        assert!(filter.pass(&begins(1), HIGH, false));
        assert!(filter.pass(&begins(2), HIGH, false));
    }

    #[test]
    fn temporal_layers_end_with_a_picture_of_the_lowest_and_begin_at_a_switch() {
        let slow = Depth { spatial: 2, temporal: 0 };
        let mut filter = flowing(HIGH);
        assert!(filter.pass(&frame(0, 2), slow, false));
        assert!(filter.pass(&frame(0, 0), slow, false));
        assert!(!filter.pass(&frame(0, 2), slow, false));
        assert!(!filter.pass(&frame(0, 1), HIGH, false), "refers to what was left out");
        let switch = Layers { switches: [0, 0, 0b111, 0], ..frame(0, 0) };
        let halfway = Depth { spatial: 2, temporal: 1 };
        assert!(filter.pass(&switch, halfway, false));
        assert!(filter.pass(&frame(0, 1), halfway, false));
        assert!(!filter.pass(&frame(0, 2), halfway, false));
        assert!(filter.pass(&switch, HIGH, false));
        assert!(filter.pass(&frame(0, 2), HIGH, false));
    }

    #[test]
    fn a_synchronising_frame_begins_its_own_temporal_layer() {
        let slow = Depth { spatial: 0, temporal: 0 };
        let mut filter = DepthFilter::new();
        filter.restart(slow);
        filter.pass(&frame(0, 0), slow, true);
        assert!(!filter.pass(&frame(0, 1), LOW, false));
        assert!(filter.pass(&Layers { begins_temporal: true, ..frame(0, 1) }, LOW, false));
        assert!(!filter.pass(&frame(0, 2), LOW, false));
        assert_eq!(filter.spatial(), None, "one spatial layer is no choice");
        assert!(!filter.lacks(HIGH));
    }

    #[test]
    fn a_picture_ends_with_its_highest_layer_that_flows() {
        let filter = flowing(LOW);
        assert!(filter.ends_picture(&frame(0, 0)));
        assert!(!filter.ends_picture(&Layers { end: false, ..frame(0, 0) }));
        let filter = flowing(HIGH);
        assert!((0..3).all(|spatial| !filter.ends_picture(&frame(spatial, 0))), "the source marks it");
        let mut filter = DepthFilter::new();
        filter.restart(LOW);
        let first = Layers { highest: 2, ..frame(0, 0) };
        assert!(filter.pass(&first, LOW, true) && filter.ends_picture(&first), "also in the first picture");
    }

    #[test]
    fn changes_are_announced_for_a_while_and_wherever_the_sender_tells() {
        let mut filter = flowing(HIGH);
        let told = Layers { targets: 9, ..frame(0, 0) };
        filter.announcements = 0;
        assert!(!filter.announces(&told));
        filter.pass(&told, LOW, false);
        let times = (0..100).filter(|_| filter.announces(&told)).count();
        assert_eq!(times, usize::from(ANNOUNCEMENTS));
        assert!(filter.announces(&Layers { tells_active: true, ..told }));
        filter.flowing = HIGH;
        assert!(!filter.announces(&Layers { tells_active: true, ..told }), "all that the sender tells");
        assert!(!filter.announces(&Layers { targets: 0, tells_active: true, ..told }));
    }
}

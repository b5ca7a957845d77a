//! How what a subscriber's way carries is shared out among pictures: numbers in, levels out.
//!
//! A level is a layer at a frame rate. The lowest layer may be had at any, before it is not had at all; a higher one at
//! no less than half of its own and the highest of three at all of it, for a sharper picture that stutters is no better
//! one (`levels`).

use arrayvec::ArrayVec;

use super::forwarder::ForwarderKey;
use super::rates::TEMPORAL;
use super::select::{LAYERS, LayerIndex};

/// A layer more must fit with this much to spare, in percent; one that flows may be this much too large.
pub const HEADROOM: u64 = 8;
/// Pictures that flow may take this much more than there is before any is paused, in percent.
pub const SHORT: u64 = 15;

/// A layer with all or some of its temporal layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Layer.
    pub layer: LayerIndex,
    /// The highest temporal layer; [`u8::MAX`] for all.
    pub temporal: u8,
    /// Bits per second.
    pub rate: u64,
}

/// From the lowest.
pub type Levels = ArrayVec<Level, { LAYERS * TEMPORAL }>;

/// One picture that is wanted.
#[derive(Clone, Debug)]
pub struct Want {
    /// Whose.
    pub forwarder: ForwarderKey,
    /// What there is to be had.
    pub levels: Levels,
    /// As much as was asked for.
    pub target: LayerIndex,
    /// Layer and temporal layer that it was given last time.
    pub before: (LayerIndex, u8),
    /// What it is given: a place among the levels.
    pub given: Option<usize>,
    /// Screens before cameras, and what the subscriber says matters more before the rest.
    pub priority: u8,
    /// How it comes by its lowest layer.
    pub room: Room,
}

/// How a picture's lowest layer comes by its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It is given, whether it fits or not.
    Given,
    /// It flows, and is no longer given where it does not fit at all.
    Kept,
    /// It stands still, and goes on once it fits well.
    Sought,
    /// It stands still.
    None,
}

impl Want {
    /// What it takes at least.
    pub fn least(&self) -> Option<u64> {
        self.levels.first().map(|level| level.rate)
    }

    /// The next level, as long as it was asked for.
    pub fn above(&self, level: usize) -> Option<usize> {
        let lowest = self.levels.first()?.layer;
        let next = self.levels.get(level + 1)?;
        (next.layer <= self.target.max(lowest)).then_some(level + 1)
    }

    /// What it would take if all were given that was asked for.
    pub fn ideal(&self) -> u64 {
        let lowest = self.levels.first().map_or(0, |level| level.layer);
        let wanted = self.levels.iter().rfind(|level| level.layer <= self.target.max(lowest));
        wanted.map_or(0, |level| level.rate)
    }

    /// The level that it is given.
    pub fn level(&self) -> Option<Level> {
        self.levels.get(self.given?).copied()
    }
}

/// Shares `budget` out and returns what that takes. It may be more, since the lowest levels are given where nothing may
/// be paused. The wants are in the order of their priority.
pub fn share(budget: u64, wants: &mut [Want]) -> u64 {
    let mut spent = 0;
    for want in wants.iter_mut() {
        let Some(least) = want.least() else { continue };
        let needed = spent + least;
        let fits = match want.room {
            Room::Given => true,
            Room::Kept => needed * 100 <= budget * (100 + SHORT),
            Room::Sought => needed * (100 + HEADROOM) <= budget * 100,
            Room::None => false,
        };
        if fits {
            spent = needed;
            want.given = Some(0);
        }
    }
    // Everybody's lowest layer moves before anybody has a higher one.
    spent = raise(budget, spent, wants, true);
    for class in wants.chunk_by_mut(|one, other| one.priority == other.priority) {
        spent = raise(budget, spent, class, false);
    }
    spent
}

/// Gives pictures one level more each, in turn, as long as that fits.
fn raise(budget: u64, mut spent: u64, wants: &mut [Want], lowest_only: bool) -> u64 {
    loop {
        let mut raised = false;
        for want in wants.iter_mut() {
            let Some((given, next)) = want.given.and_then(|given| Some((given, want.above(given)?))) else { continue };
            let (from, to) = (want.levels[given], want.levels[next]);
            if lowest_only && to.layer != want.levels[0].layer {
                continue;
            }
            let needed = (spent + to.rate).saturating_sub(from.rate);
            // What flows is not taken away for a breath of difference, and what does not flow must fit well.
            let fits = if (to.layer, to.temporal) <= want.before {
                needed * 100 <= budget * (100 + HEADROOM)
            } else {
                needed * (100 + HEADROOM) <= budget * 100
            };
            if fits {
                spent = needed;
                want.given = Some(next);
                raised = true;
            }
        }
        if !raised {
            return spent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::table::Key;

    const ALL: u8 = u8::MAX;

    fn want(rates: [u64; LAYERS], target: LayerIndex, before: LayerIndex) -> Want {
        let levels = rates.into_iter().enumerate().filter(|(_, rate)| *rate > 0);
        Want {
            forwarder: Key::for_tests(0),
            levels: levels.map(|(layer, rate)| Level { layer, temporal: ALL, rate }).collect(),
            target,
            before: (before, ALL),
            given: None,
            priority: 1,
            room: Room::Given,
        }
    }

    fn shared(budget: u64, wants: &[Want]) -> Vec<Option<(LayerIndex, u8)>> {
        let mut wants = wants.to_vec();
        share(budget, &mut wants);
        wants.iter().map(|want| want.level().map(|level| (level.layer, level.temporal))).collect()
    }

    fn given(budget: u64, wants: &[Want]) -> Vec<Option<LayerIndex>> {
        shared(budget, wants).into_iter().map(|level| level.map(|level| level.0)).collect()
    }

    const CAMERA: [u64; LAYERS] = [150, 500, 1700];

    /// Two layers of three temporal ones.
    fn layered(target: LayerIndex, before: (LayerIndex, u8)) -> Want {
        let levels = [(0, 0, 60), (0, 1, 90), (0, ALL, 150), (1, 1, 300), (1, ALL, 500)];
        let levels = levels.map(|(layer, temporal, rate)| Level { layer, temporal, rate });
        Want { levels: levels.into_iter().collect(), before, ..want(CAMERA, target, 0) }
    }

    #[test]
    fn each_gets_as_much_as_fits_and_no_more_than_it_asked_for() {
        assert_eq!(given(10_000, &[want(CAMERA, 2, 0)]), [Some(2)]);
        assert_eq!(given(1_000, &[want(CAMERA, 2, 0)]), [Some(1)]);
        assert_eq!(given(10_000, &[want(CAMERA, 1, 0)]), [Some(1)]);
        assert_eq!(given(10, &[want(CAMERA, 2, 0)]), [Some(0)], "the lowest is given anyway");
        assert_eq!(given(10_000, &[want([0, 0, 700], 0, 0)]), [Some(2)], "the only one there is");
        assert_eq!(given(10_000, &[want([0; LAYERS], 2, 0)]), [None]);
        assert_eq!([0, 1, 2].map(|target| want(CAMERA, target, 0).ideal()), CAMERA);
    }

    #[test]
    fn a_layer_that_takes_less_than_the_one_below_it_fits() {
        assert_eq!(given(1_000, &[want([1_600, 40, 60], 2, 0)]), [Some(2)]);
    }

    #[test]
    fn everybody_rises_by_one_layer_before_anybody_rises_by_two() {
        let camera = || want(CAMERA, 2, 0);
        assert_eq!(given(1_100, &[camera(), camera()]), [Some(1), Some(1)]);
        assert_eq!(given(2_400, &[camera(), camera()]), [Some(2), Some(1)]);
    }

    #[test]
    fn a_screen_has_what_it_asks_for_before_any_camera_rises() {
        let camera = || want(CAMERA, 2, 0);
        let screen = || Want { priority: 255, ..camera() };
        assert_eq!(given(2_100, &[screen(), camera()]), [Some(2), Some(0)]);
        assert_eq!(given(2_500, &[screen(), camera()]), [Some(2), Some(1)]);
    }

    #[test]
    fn where_even_the_lowest_do_not_fit_those_that_matter_least_stand_still() {
        let kept = || Want { room: Room::Kept, ..want(CAMERA, 2, 0) };
        assert_eq!(given(280, &[kept(), kept()]), [Some(0), Some(0)], "a little too much is borne");
        assert_eq!(given(250, &[kept(), kept()]), [Some(0), None]);
        assert_eq!(given(100, &[kept(), kept()]), [None, None]);
        let sought = || Want { room: Room::Sought, ..kept() };
        assert_eq!(given(310, &[kept(), sought()]), [Some(0), None], "to go on takes more");
        assert_eq!(given(330, &[kept(), sought()]), [Some(0), Some(0)]);
        let none = Want { room: Room::None, ..kept() };
        assert_eq!(given(9_000, &[kept(), none]), [Some(2), None]);
    }

    #[test]
    fn what_flows_needs_less_room_than_what_is_to_come() {
        assert_eq!(given(520, &[want(CAMERA, 2, 0)]), [Some(0)]);
        assert_eq!(given(540, &[want(CAMERA, 2, 0)]), [Some(1)]);
        assert_eq!(given(470, &[want(CAMERA, 2, 1)]), [Some(1)]);
        assert_eq!(given(460, &[want(CAMERA, 2, 1)]), [Some(0)]);
    }

    #[test]
    fn a_lower_frame_rate_is_a_step_between_two_layers_and_below_the_lowest() {
        let new = || layered(2, (0, 0));
        let budgets = [50, 100, 170, 290, 330, 540];
        let levels = [(0, 0), (0, 1), (0, ALL), (0, ALL), (1, 1), (1, ALL)];
        assert_eq!(budgets.map(|budget| shared(budget, &[new()])[0]), levels.map(Some));
        assert_eq!(shared(10_000, &[layered(0, (0, 0))]), [Some((0, ALL))], "no more than was asked for");
        // With what flows it is as with layers.
        assert_eq!(shared(280, &[layered(2, (1, 1))]), [Some((1, 1))]);
        assert_eq!(shared(270, &[layered(2, (1, 1))]), [Some((0, ALL))]);
        assert_eq!(shared(470, &[layered(2, (1, ALL))]), [Some((1, ALL))]);
    }

    #[test]
    fn everybody_moves_before_anybody_is_sharper() {
        let screen = Want { priority: 255, ..layered(2, (0, 0)) };
        let camera = layered(2, (0, 0));
        assert_eq!(shared(330, &[screen.clone(), camera.clone()]), [Some((0, ALL)), Some((0, ALL))]);
        assert_eq!(shared(500, &[screen, camera]), [Some((1, 1)), Some((0, ALL))]);
    }
}

//! Who of a subscriber's subscriptions gets how much of what the way to it carries.
//!
//! Voices come first and are never touched. Then every picture gets its lowest layer, and then one layer more each, in
//! turn, as long as it fits and was asked for. What does not fit yet is worth a probe.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::again::Again;
use super::command::Quality;
use super::estimate::ProbePlan;
use super::event::Event;
use super::forwarder::{Forwarder, ForwarderKey, quality_of};
use super::pause;
use super::select::{LAYERS, LayerIndex};
use super::shard::Shard;
use super::transports::TransportKey;
use crate::ids::TransportId;
use crate::units::{Bitrate, MediaKind};

/// Between two allocations, unless less may be sent than before.
const INTERVAL: Duration = Duration::from_millis(100);
/// A voice takes at least this much, headers included, also while it is silent.
const VOICE: u64 = 40_000;
/// What a layer takes until that has been measured, in bits per second.
const NOMINAL: [u64; LAYERS] = [150_000, 500_000, 1_700_000];
/// A layer more must fit with this much to spare, in percent; one that flows may be this much too large.
const HEADROOM: u64 = 8;
/// Pictures that flow may take this much more than there is before any is paused, in percent.
const SHORT: u64 = 15;
/// Measured rates are of payloads and headers; this is what the way adds (UDP, IP, tags), in percent.
const OVERHEAD: u64 = 4;

/// One picture that is wanted.
#[derive(Clone, Copy, Debug)]
struct Want {
    forwarder: ForwarderKey,
    /// What each layer takes; zero for one that is not to be had.
    rates: [u64; LAYERS],
    /// As much as was asked for.
    target: LayerIndex,
    /// What it was given last time.
    before: LayerIndex,
    given: Option<LayerIndex>,
    /// Screens before cameras, and what the subscriber says matters more before the rest.
    priority: u8,
    room: Room,
}

/// How a picture's lowest layer comes by its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
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
    fn lowest(&self) -> Option<LayerIndex> {
        self.rates.iter().position(|rate| *rate > 0)
    }

    fn above(&self, layer: LayerIndex) -> Option<LayerIndex> {
        (layer + 1..=self.target).find(|layer| self.rates[*layer] > 0)
    }

    /// What it would take if all were given that was asked for.
    fn ideal(&self) -> u64 {
        let wanted = (0..=self.target).rev().find(|layer| self.rates[*layer] > 0).or(self.lowest());
        wanted.map_or(0, |layer| self.rates[layer])
    }
}

/// Shares `budget` out and returns what that takes. It may be more, since the lowest layers are given where nothing may
/// be paused. The wants are in the order of their priority.
fn share(budget: u64, wants: &mut [Want]) -> u64 {
    let mut spent = 0;
    for want in wants.iter_mut() {
        let Some(lowest) = want.lowest() else { continue };
        let needed = spent + want.rates[lowest];
        let fits = match want.room {
            Room::Given => true,
            Room::Kept => needed * 100 <= budget * (100 + SHORT),
            Room::Sought => needed * (100 + HEADROOM) <= budget * 100,
            Room::None => false,
        };
        if fits {
            spent = needed;
            want.given = Some(lowest);
        }
    }
    for class in wants.chunk_by_mut(|one, other| one.priority == other.priority) {
        spent = raise(budget, spent, class);
    }
    spent
}

/// Gives pictures of one priority one layer more each, in turn, as long as that fits.
fn raise(budget: u64, mut spent: u64, wants: &mut [Want]) -> u64 {
    loop {
        let mut raised = false;
        for want in wants.iter_mut() {
            let Some(layer) = want.given else { continue };
            let Some(next) = want.above(layer) else { continue };
            let needed = spent - want.rates[layer] + want.rates[next];
            // What flows is not taken away for a breath of difference, and what does not flow must fit well.
            let fits = if next <= want.before {
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

impl Shard {
    /// Shares out anew what the way to a subscriber carries.
    pub(super) fn allocate(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key).filter(|state| state.sending.feedback) else { return };
        let Some(budget) = state.sending.estimator.sustained(now) else {
            return self.lift_caps(now, key);
        };
        if state.sending.allocated.is_some_and(|at| now.saturating_duration_since(at) < INTERVAL) {
            return;
        }
        state.sending.allocated = Some(now);
        let Some(state) = self.transports.get(key) else { return };
        let mut voices = 0;
        let mut wants: SmallVec<[Want; 16]> = SmallVec::new();
        for forwarder_key in &state.sending.forwarders {
            let Some(forwarder) = self.forwarders.get(*forwarder_key) else { continue };
            let Some(track) = self.tracks.get(forwarder.track).filter(|track| !track.muted) else { continue };
            if !forwarder.is_wanted() {
                continue;
            }
            let rate = |layer: LayerIndex| {
                let stream = track.layers[layer].and_then(|stream| self.streams.get(stream));
                stream.map(|stream| stream.rate(now).bps() * (100 + OVERHEAD) / 100)
            };
            if forwarder.kind == MediaKind::Audio {
                voices += rate(0).unwrap_or_default().max(VOICE);
                continue;
            }
            let of_layer = |layer: LayerIndex| {
                if let Some(rate) = track.rate_inside(now, &self.streams, layer) {
                    return Some(rate.bps() * (100 + OVERHEAD) / 100).filter(|rate| *rate > 0);
                }
                let measured = rate(layer).filter(|_| track.active.contains(layer))?;
                Some(if measured == 0 { NOMINAL[layer] } else { measured })
            };
            wants.push(Want {
                forwarder: *forwarder_key,
                rates: std::array::from_fn(|layer| of_layer(layer).unwrap_or_default()),
                target: forwarder.selector.target().quality as usize,
                before: forwarder.selector.cap() as usize,
                given: None,
                priority: forwarder.priority,
                room: match forwarder.pause {
                    pause if pause.retries(now) => Room::Given,
                    pause if pause.paused() && pause.may_flow(now) => Room::Sought,
                    pause if pause.paused() => Room::None,
                    _ => Room::Given,
                },
            });
        }
        // Of one priority the larger ones first: they are what is being looked at.
        wants.sort_by_key(|want| std::cmp::Reverse((want.priority, want.target)));
        self.look_for_room(now, key, budget.bps().saturating_sub(voices), &mut wants);
        let ideal = voices + wants.iter().map(Want::ideal).sum::<u64>();
        let spent = voices + share(budget.bps().saturating_sub(voices), &mut wants);
        for want in &wants {
            if want.lowest().is_some() {
                self.pause(now, want.forwarder, want.given.is_none());
            }
            let all = want.given.is_none_or(|given| want.above(given).is_none());
            // Whoever has all that was asked for is not held back by what others send later.
            let cap = if all { Quality::High } else { want.given.map_or(Quality::High, quality_of) };
            let Some(forwarder) = self.forwarders.get_mut(want.forwarder) else { continue };
            if forwarder.selector.cap() != cap {
                forwarder.selector.set_cap(cap);
                self.refresh_forwarder(now, want.forwarder);
            }
        }
        let wanted = Bitrate(ideal * (100 + 2 * HEADROOM) / 100);
        let Some(state) = self.transports.get_mut(key) else { return };
        let sending = &mut state.sending;
        sending.spent = spent;
        let idle = sending.pacer.is_idle(now, sending.estimator.pace(now));
        if let Some(plan) = sending.estimator.plan_probe(now, wanted, idle) {
            self.send_probe(now, key, plan);
        }
    }

    /// Lets those that flow be paused, once the way has been short for a while.
    fn look_for_room(&mut self, now: Instant, key: TransportKey, budget: u64, wants: &mut [Want]) {
        let Some(sending) = self.transports.get_mut(key).map(|state| &mut state.sending) else { return };
        if !sending.may_pause {
            wants.iter_mut().for_each(|want| want.room = Room::Given);
            return;
        }
        let flowing = wants.iter().filter(|want| want.room == Room::Given);
        let least: u64 = flowing.filter_map(|want| want.lowest().map(|lowest| want.rates[lowest])).sum();
        let short = least * 100 > budget * (100 + SHORT);
        let since = short.then(|| *sending.short_since.get_or_insert(now));
        sending.short_since = since;
        if since.is_some_and(|since| now.saturating_duration_since(since) >= pause::PATIENCE) {
            for want in wants.iter_mut().filter(|want| want.room == Room::Given) {
                want.room = Room::Kept;
            }
        }
    }

    /// Stops a picture, or lets it go on.
    fn pause(&mut self, now: Instant, key: ForwarderKey, paused: bool) {
        let Some(forwarder) = self.forwarders.get_mut(key).filter(|it| it.pause.paused() != paused) else { return };
        if paused {
            forwarder.pause.pause(now);
            forwarder.stop();
            forwarder.reported = None;
        } else {
            forwarder.pause.resume(now);
            forwarder.selector.set_cap(Quality::Low);
        }
        let (track, subscriber) = (forwarder.track, forwarder.subscriber);
        let track = self.tracks.get(track).map(|track| track.id);
        let subscriber = self.transports.get(subscriber).map(|state| state.id);
        if let (Some(track), Some(subscriber)) = (track, subscriber) {
            self.emit(Event::StreamPaused { track, subscriber, paused });
        }
        self.refresh_forwarder(now, key);
    }

    /// What the way to a peer is thought to carry; none while nothing is known of it.
    pub fn estimate(&self, now: Instant, id: TransportId) -> Option<Bitrate> {
        let sending = self.transports.get(self.transport_key(id)?).map(|state| &state.sending)?;
        sending.feedback.then(|| sending.estimator.sustained(now)).flatten()
    }

    /// With which layer a new picture of a subscriber begins, so that it overwhelms nothing: higher ones come as soon as
    /// they are known to fit.
    pub(super) fn first_cap(&self, now: Instant, key: TransportKey) -> Quality {
        let sending = self.transports.get(key).map(|state| &state.sending).filter(|sending| sending.feedback);
        let Some(sending) = sending else { return Quality::High };
        let Some(budget) = sending.estimator.sustained(now) else { return Quality::High };
        let left = budget.bps().saturating_sub(sending.spent);
        let fits = |layer: &LayerIndex| NOMINAL[*layer] * (100 + HEADROOM) <= left * 100;
        quality_of((0..LAYERS).rev().find(fits).unwrap_or(0))
    }

    /// Nothing is known of the way, and nothing ever will be: what is asked for is what is sent.
    fn lift_caps(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get(key) else { return };
        let capped: SmallVec<[ForwarderKey; 16]> = state
            .sending
            .forwarders
            .iter()
            .filter(|key| {
                let held = |it: &Forwarder| it.selector.cap() != Quality::High || it.pause.paused();
                self.forwarders.get(**key).is_some_and(held)
            })
            .copied()
            .collect();
        for key in capped {
            self.pause(now, key, false);
            if let Some(forwarder) = self.forwarders.get_mut(key) {
                forwarder.selector.set_cap(Quality::High);
            }
            self.refresh_forwarder(now, key);
        }
    }

    /// Feedback stays away while packets leave: less is sent until it is back.
    pub(super) fn look_at_silence(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key) else { return };
        state.sending.estimator.on_silence(now, state.sending.twcc.next_number());
        self.allocate(now, key);
    }

    /// Sends some of the last packets once more, as retransmissions: they are what the peer throws away most easily.
    fn send_probe(&mut self, now: Instant, key: TransportKey, plan: ProbePlan) {
        let Shard { tracks, forwarders, streams, transports, send, .. } = self;
        let Some(state) = transports.get(key) else { return };
        let (mut bytes, mut packets) = (0u64, 0u32);
        'forwarders: for forwarder_key in &state.sending.forwarders {
            let Some(forwarder) = forwarders.get_mut(*forwarder_key).filter(|it| it.is_open()) else { continue };
            let publisher = tracks.get(forwarder.track).filter(|track| !track.muted).map(|track| track.transport);
            let Some(publisher) = publisher.and_then(|publisher| transports.get(publisher)) else { continue };
            if forwarder.kind == MediaKind::Audio || !forwarder.has_sent() {
                continue;
            }
            // What waits to be sent has not been.
            let held = state.sending.pacer.first_held(*forwarder_key);
            let newest = held.map_or(forwarder.newest(), |first| first.saturating_sub(1));
            for back in 0..u64::from(plan.packets) {
                let sent = newest.checked_sub(back).and_then(|seq| forwarder.history.get(seq));
                let Some(sent) = sent else { break };
                let extensions = &publisher.receiving.extensions;
                let Some(again) = Again::find(forwarder, sent, streams, extensions) else { continue };
                let size = u64::from(again.packet.header.len);
                let Some(form) = again.rtx(forwarder) else { continue 'forwarders };
                let queued = again.queued(send.gather(again.packet), *forwarder_key, forwarder, form);
                if !send.push(now, key, queued) {
                    break 'forwarders;
                }
                bytes += size;
                packets += 1;
                if packets >= plan.packets && bytes >= plan.bytes || packets >= 2 * plan.packets {
                    break 'forwarders;
                }
            }
        }
        let Some(state) = self.transports.get_mut(key) else { return };
        if packets == 0 {
            state.sending.estimator.probe_sent(now, 0..0);
        } else {
            state.sending.probing = true;
            self.counters.probes_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::table::Key;

    fn want(rates: [u64; LAYERS], target: LayerIndex, before: LayerIndex) -> Want {
        Want { forwarder: Key::for_tests(0), rates, target, before, given: None, priority: 1, room: Room::Given }
    }

    fn given(budget: u64, wants: &[Want]) -> Vec<Option<LayerIndex>> {
        let mut wants = wants.to_vec();
        share(budget, &mut wants);
        wants.iter().map(|want| want.given).collect()
    }

    const CAMERA: [u64; LAYERS] = [150, 500, 1700];

    #[test]
    fn each_gets_as_much_as_fits_and_no_more_than_it_asked_for() {
        assert_eq!(given(10_000, &[want(CAMERA, 2, 0)]), [Some(2)]);
        assert_eq!(given(1_000, &[want(CAMERA, 2, 0)]), [Some(1)]);
        assert_eq!(given(10_000, &[want(CAMERA, 1, 0)]), [Some(1)]);
        assert_eq!(given(10, &[want(CAMERA, 2, 0)]), [Some(0)], "the lowest is given anyway");
        assert_eq!(given(10_000, &[want([0, 0, 700], 0, 0)]), [Some(2)], "the only one there is");
        assert_eq!(given(10_000, &[want([0; LAYERS], 2, 0)]), [None]);
    }

    #[test]
    fn a_layer_that_takes_less_than_the_one_below_it_fits() {
        assert_eq!(given(1_000, &[want([1_600, 40, 60], 2, 0)]), [Some(2)]);
    }

    #[test]
    fn everybody_rises_by_one_layer_before_anybody_rises_by_two() {
        let camera = want(CAMERA, 2, 0);
        assert_eq!(given(1_100, &[camera, camera]), [Some(1), Some(1)]);
        assert_eq!(given(2_400, &[camera, camera]), [Some(2), Some(1)]);
    }

    #[test]
    fn a_screen_has_what_it_asks_for_before_any_camera_rises() {
        let camera = want(CAMERA, 2, 0);
        let screen = Want { priority: 255, ..camera };
        assert_eq!(given(2_100, &[screen, camera]), [Some(2), Some(0)]);
        assert_eq!(given(2_500, &[screen, camera]), [Some(2), Some(1)]);
    }

    #[test]
    fn where_even_the_lowest_do_not_fit_those_that_matter_least_stand_still() {
        let kept = Want { room: Room::Kept, ..want(CAMERA, 2, 0) };
        assert_eq!(given(280, &[kept, kept]), [Some(0), Some(0)], "a little too much is borne");
        assert_eq!(given(250, &[kept, kept]), [Some(0), None]);
        assert_eq!(given(100, &[kept, kept]), [None, None]);
        let sought = Want { room: Room::Sought, ..kept };
        assert_eq!(given(310, &[kept, sought]), [Some(0), None], "to go on takes more");
        assert_eq!(given(330, &[kept, sought]), [Some(0), Some(0)]);
        let none = Want { room: Room::None, ..kept };
        assert_eq!(given(9_000, &[kept, none]), [Some(2), None]);
    }

    #[test]
    fn what_flows_needs_less_room_than_what_is_to_come() {
        assert_eq!(given(520, &[want(CAMERA, 2, 0)]), [Some(0)]);
        assert_eq!(given(540, &[want(CAMERA, 2, 0)]), [Some(1)]);
        assert_eq!(given(470, &[want(CAMERA, 2, 1)]), [Some(1)]);
        assert_eq!(given(460, &[want(CAMERA, 2, 1)]), [Some(0)]);
    }
}

//! Who of a subscriber's subscriptions gets how much of what the way to it carries.
//!
//! Voices come first and are never touched. Then every picture gets its lowest layer, and then one layer more each, in
//! turn, as long as it fits and was asked for. What does not fit yet is worth a probe.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::again::Again;
use super::command::Quality;
use super::estimate::ProbePlan;
use super::forwarder::{ForwarderKey, quality_of};
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

/// Shares `budget` out and returns what that takes. It may be more, since the lowest layers are given anyway.
fn share(budget: u64, wants: &mut [Want]) -> u64 {
    let mut spent = 0;
    for want in wants.iter_mut() {
        want.given = want.lowest();
        spent += want.given.map_or(0, |layer| want.rates[layer]);
    }
    loop {
        let mut raised = false;
        for want in wants.iter_mut() {
            let Some(layer) = want.given else { continue };
            let Some(next) = want.above(layer) else { continue };
            let needed = spent + want.rates[next].saturating_sub(want.rates[layer]);
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
            if !forwarder.is_open() {
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
            });
        }
        // The larger ones first: they are what is being looked at.
        wants.sort_by_key(|want| std::cmp::Reverse(want.target));
        let ideal = voices + wants.iter().map(Want::ideal).sum::<u64>();
        let spent = voices + share(budget.bps().saturating_sub(voices), &mut wants);
        for want in &wants {
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
        state.sending.spent = spent;
        if let Some(plan) = state.sending.estimator.plan_probe(now, wanted) {
            self.send_probe(now, key, plan);
        }
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
            .filter(|key| self.forwarders.get(**key).is_some_and(|it| it.selector.cap() != Quality::High))
            .copied()
            .collect();
        for key in capped {
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
            for back in 0..u64::from(plan.packets) {
                let sent = forwarder.newest().checked_sub(back).and_then(|seq| forwarder.history.get(seq));
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
        Want { forwarder: Key::for_tests(0), rates, target, before, given: None }
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
    fn everybody_rises_by_one_layer_before_anybody_rises_by_two() {
        let camera = want(CAMERA, 2, 0);
        assert_eq!(given(1_100, &[camera, camera]), [Some(1), Some(1)]);
        assert_eq!(given(2_400, &[camera, camera]), [Some(2), Some(1)]);
    }

    #[test]
    fn what_flows_needs_less_room_than_what_is_to_come() {
        assert_eq!(given(520, &[want(CAMERA, 2, 0)]), [Some(0)]);
        assert_eq!(given(540, &[want(CAMERA, 2, 0)]), [Some(1)]);
        assert_eq!(given(470, &[want(CAMERA, 2, 1)]), [Some(1)]);
        assert_eq!(given(460, &[want(CAMERA, 2, 1)]), [Some(0)]);
    }
}

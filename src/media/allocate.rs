//! Who of a subscriber's subscriptions gets how much of what the way to it carries.
//!
//! Voices come first and are never touched. Then every picture gets its lowest layer, and then one level more each, in
//! turn, as long as it fits and was asked for (`levels`, `share`). What does not fit yet is worth a probe.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::again::Again;
use super::command::Quality;
use super::estimate::ProbePlan;
use super::event::Event;
use super::flight::{self, What};
use super::forwarder::{Forwarder, ForwarderKey, quality_of};
use super::levels::{NOMINAL, levels, on_the_way};
use super::pause;
use super::select::{LAYERS, LayerIndex};
use super::shard::Shard;
use super::share::{HEADROOM, Room, SHORT, Want, share};
use super::transports::TransportKey;
use crate::ids::TransportId;
use crate::units::{Bitrate, MediaKind};

/// Between two allocations, unless less may be sent than before.
const INTERVAL: Duration = Duration::from_millis(100);
/// And while everybody has everything and the way carries it well: what layers take is measured once a second.
const CONTENT_INTERVAL: Duration = Duration::from_millis(500);
/// A voice takes at least this much, headers included, also while it is silent.
const VOICE: u64 = 40_000;

impl Shard {
    /// Shares out anew what the way to a subscriber carries.
    pub(super) fn allocate(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key).filter(|state| state.sending.feedback) else { return };
        let Some(budget) = state.sending.estimator.sustained(now) else {
            return self.lift_caps(now, key);
        };
        let content = state.sending.content_with.is_some_and(|enough| budget.bps() >= enough);
        let interval = if content { CONTENT_INTERVAL } else { INTERVAL };
        if state.sending.allocated.is_some_and(|at| now.saturating_duration_since(at) < interval) {
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
            if forwarder.kind == MediaKind::Audio {
                let stream = track.layers[0].and_then(|stream| self.streams.get(stream));
                voices += stream.map_or(0, |stream| on_the_way(stream.rate(now).bps())).max(VOICE);
                continue;
            }
            let target = forwarder.selector.target();
            wants.push(Want {
                forwarder: *forwarder_key,
                levels: levels(track, now, &self.streams, target.pictures),
                target: target.quality as usize,
                before: (forwarder.selector.cap() as usize, forwarder.selector.temporal_cap()),
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
            if want.least().is_some() {
                self.pause(now, want.forwarder, want.given.is_none());
            }
            // Whoever has all that was asked for is not held back by what others send later.
            let held_back = want.given.and_then(|given| want.above(given)).and(want.level());
            let cap = held_back.map_or(Quality::High, |level| quality_of(level.layer));
            let Some(forwarder) = self.forwarders.get_mut(want.forwarder) else { continue };
            // Temporal layers come and go without a key frame.
            forwarder.selector.set_temporal_cap(held_back.map_or(u8::MAX, |level| level.temporal));
            if forwarder.selector.cap() != cap {
                forwarder.selector.set_cap(cap);
                let (track, layer) = (forwarder.track, What::layer(cap));
                if let Some(track) = self.tracks.get(track).map(|track| flight::number(track.id)) {
                    self.record(now, key, What::Allowed { track, layer });
                }
                self.refresh_forwarder(now, want.forwarder);
            }
        }
        let wanted = Bitrate(ideal * (100 + 2 * HEADROOM) / 100);
        let Some(state) = self.transports.get_mut(key) else { return };
        let sending = &mut state.sending;
        sending.spent = spent;
        let all =
            wants.iter().all(|want| want.least().is_none() || want.given.is_some_and(|it| want.above(it).is_none()));
        sending.content_with = all.then_some(wanted.bps()).filter(|enough| budget.bps() >= *enough);
        let idle = sending.pacer.is_idle(now);
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
        let least: u64 = flowing.filter_map(Want::least).sum();
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
        if let (Some(track), Some(state)) = (track, self.transports.get_mut(subscriber)) {
            state.flight.note(now, What::Paused { track: flight::number(track), paused });
            let subscriber = state.id;
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
    pub(super) fn first_cap(&mut self, now: Instant, key: TransportKey) -> Quality {
        let sending = self.transports.get_mut(key).map(|state| &mut state.sending).filter(|sending| sending.feedback);
        let Some(sending) = sending else { return Quality::High };
        let Some(budget) = sending.estimator.sustained(now) else { return Quality::High };
        let left = budget.bps().saturating_sub(sending.spent);
        let fits = |layer: &LayerIndex| NOMINAL[*layer] * (100 + HEADROOM) <= left * 100;
        let layer = (0..LAYERS).rev().find(fits).unwrap_or(0);
        // Others that begin at the same time have only what this one leaves.
        sending.spent += NOMINAL[layer];
        quality_of(layer)
    }

    /// Nothing is known of the way, and nothing ever will be: what is asked for is what is sent.
    fn lift_caps(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get(key) else { return };
        let capped: SmallVec<[ForwarderKey; 16]> = state
            .sending
            .forwarders
            .iter()
            .filter(|key| {
                let held = |it: &Forwarder| it.selector.is_capped() || it.pause.paused();
                self.forwarders.get(**key).is_some_and(held)
            })
            .copied()
            .collect();
        for key in capped {
            self.pause(now, key, false);
            if let Some(forwarder) = self.forwarders.get_mut(key) {
                forwarder.selector.set_cap(Quality::High);
                forwarder.selector.set_temporal_cap(u8::MAX);
            }
            self.refresh_forwarder(now, key);
        }
    }

    /// Feedback stays away while packets leave: less is sent until it is back.
    pub(super) fn look_at_silence(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key) else { return };
        state.sending.on_silence(now);
        self.allocate(now, key);
    }

    /// Sends some of the last packets once more, as retransmissions: they are what the peer throws away most easily.
    fn send_probe(&mut self, now: Instant, key: TransportKey, plan: ProbePlan) {
        let Shard { tracks, forwarders, streams, transports, send, .. } = self;
        let Some(state) = transports.get(key) else { return };
        let (mut bytes, mut packets) = (0u64, 0u32);
        'forwarders: for forwarder_key in &state.sending.forwarders {
            let Some(forwarder) = forwarders.get_mut(*forwarder_key).filter(|it| it.is_open()) else { continue };
            let muted = tracks.get(forwarder.track).is_none_or(|track| track.muted);
            if muted || forwarder.kind == MediaKind::Audio || !forwarder.has_sent() {
                continue;
            }
            // What waits to be sent has not been.
            let held = state.sending.pacer.first_held(*forwarder_key);
            let newest = held.map_or(forwarder.newest(), |first| first.saturating_sub(1));
            for back in 0..u64::from(plan.packets) {
                let sent = newest.checked_sub(back).and_then(|seq| forwarder.history.get(seq));
                let Some(sent) = sent else { break };
                let Some(again) = Again::find(forwarder, sent, streams) else { continue };
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
            state.sending.probe_sent(now, 0..0);
        } else {
            state.sending.probing = true;
            state.flight.note(now, What::Probe { kbps: (plan.bitrate.bps() / 1000) as u32 });
            self.counters.probes_out += 1;
        }
    }
}

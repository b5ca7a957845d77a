//! What the control plane's commands do.

use std::time::Instant;

use arrayvec::{ArrayString, ArrayVec};
use rand::Rng;
use smallvec::smallvec;

use crate::ids::{ForwarderId, MediaRoomId, MediaTrackId, TransportId};
use crate::transport::{
    DataChannelParams, IceCredentials, ReceiverSection, RemoteTransport, SenderSection, Transport, TransportCounters,
    TransportError, TransportParams,
};
use crate::units::{MediaKind, Mid, Ssrc, UnixTime};

use super::command::{Command, LayerTarget, TrackSpec};
use super::counters::Drop;
use super::event::{Event, TransportFailure};
use super::flight::{self, Flight, What};
use super::forwarder::{Forwarder, ForwarderKey};
use super::mirror::Origin;
use super::reports::REPORT_INTERVAL;
use super::shard::Shard;
use super::speakers::{Room, RoomKey};
use super::timers::Owner;
use super::track::Track;
use super::transports::{ClockMap, Receiving, Sending, Source, TransportKey, TransportState};

/// ICE generations whose ufrag is still known: the transport itself keeps two, one may be on its way.
const MAX_UFRAGS: usize = 3;

impl Shard {
    /// Obeys one command. What cannot be obeyed, since it names something that is gone, is counted: the
    /// control plane's news and the shard's cross on the way.
    pub fn command(&mut self, now: Instant, _unix: UnixTime, command: Command) {
        match command {
            Command::AddTransport { id, room, ice } => self.add_transport(now, id, room, ice),
            Command::RemoveTransport(id) => self.remove_transport(now, id),
            Command::RestartIce { id, ice } => self.restart_ice(now, id, ice),
            Command::SetRemote { id, remote } => self.set_remote(now, id, &remote),
            Command::OpenDataChannel { id, channel } => self.with_transport(id, |state| {
                let params = DataChannelParams {
                    label: channel.label,
                    ordered: channel.ordered,
                    max_retransmits: channel.max_retransmits,
                };
                state.transport.open_data_channel(now, &params);
            }),
            Command::SetReceivers { id, receivers } => self.set_receivers(now, id, receivers),
            Command::AddTrack { transport, track, mid, spec } => self.add_track(now, transport, track, mid, spec),
            Command::SetTrackMuted { track, muted } => self.set_muted(now, track, muted),
            Command::RemoveTrack(track) => self.remove_track(track),
            Command::AddForwarder { id, track, transport, target } => {
                self.add_forwarder(now, id, track, transport, target);
            }
            Command::SetSenders { id, senders } => self.set_senders(now, id, senders),
            Command::SetTarget { id, target } => self.set_target(now, id, target),
            Command::MoveForwarder { id, track } => self.move_forwarder(now, id, track),
            Command::SetPriority { id, priority } => {
                let key = self.forwarder_ids.get(&id).copied();
                if let Some(forwarder) = key.and_then(|key| self.forwarders.get_mut(key)) {
                    forwarder.priority = priority;
                }
            }
            Command::AllowPause(id) => self.with_transport(id, |state| state.sending.may_pause = true),
            Command::RemoveForwarder(id) => match self.forwarder_ids.get(&id).copied() {
                Some(key) => self.remove_forwarder(key),
                None => self.counters.drop(Drop::UnknownId),
            },
            Command::SendData { transports, channel, payload, hold } => {
                self.send_data(now, &transports, channel, &payload, hold);
            }
            Command::AddDataTrack { track, transport, handle } => self.add_data_track(track, transport, handle),
            Command::RemoveDataTrack(track) => self.remove_data_track(track),
            Command::SubscribeDataTrack { track, transport, handle } => {
                self.subscribe_data_track(track, transport, handle);
            }
            Command::UnsubscribeDataTrack { track, transport } => self.unsubscribe_data_track(track, transport),
            Command::MirrorTrack(mirrored) => self.mirror_track(*mirrored),
            Command::RelayTrack { track, to } => self.relay_track(now, track, to),
            Command::StopRelay { track, to } => self.stop_relay(track, to),
            Command::MirrorDataTrack(track) => self.mirror_data_track(track),
            Command::RelayDataTrack { track, to } => self.relay_data_track(track, to),
            Command::RemoveRoom(room) => self.remove_room(room),
            Command::ReportStats(id) => self.report_stats(now, id),
            Command::ReportFlight(id) => self.report_flight(id),
            Command::Shutdown => {
                let ids: Vec<TransportId> = self.transport_ids.keys().copied().collect();
                for id in ids {
                    self.remove_transport(now, id);
                }
                self.remove_mirrors();
            }
        }
        self.settle(now);
        self.count_living();
    }

    fn count_living(&mut self) {
        self.counters.transports = self.transports.len();
        self.counters.tracks = self.tracks.len();
        self.counters.streams = self.streams.len();
        self.counters.forwarders = self.forwarders.len();
    }

    fn with_transport(&mut self, id: TransportId, act: impl FnOnce(&mut TransportState)) {
        let Some(key) = self.transport_key(id) else { return self.counters.drop(Drop::UnknownId) };
        if let Some(state) = self.transports.get_mut(key) {
            act(state);
        }
        self.touched(key);
    }

    fn set_remote(&mut self, now: Instant, id: TransportId, remote: &RemoteTransport) {
        let Some(key) = self.transport_key(id) else { return self.counters.drop(Drop::UnknownId) };
        let Some(state) = self.transports.get_mut(key) else { return };
        state.channels.set_role(remote.role);
        // Other refusals end the transport, whose own event tells of it.
        let cause = match state.transport.set_remote(now, remote) {
            Err(TransportError::FingerprintChanged) => Some(TransportFailure::FingerprintMismatch),
            Err(TransportError::RoleChanged) => Some(TransportFailure::Dtls),
            Err(TransportError::FingerprintMismatch | TransportError::Dtls) | Ok(()) => None,
        };
        self.touched(key);
        if let Some(cause) = cause {
            self.emit(Event::TransportFailed { id, cause });
        }
    }

    fn add_transport(&mut self, now: Instant, id: TransportId, room: MediaRoomId, ice: IceCredentials) {
        if self.transport_ids.contains_key(&id) {
            return self.counters.drop(Drop::UnknownId);
        }
        let room = self.room(room);
        if let Some(room) = self.rooms.get_mut(room) {
            room.members += 1;
        }
        let ufrag = ice.ufrag;
        let params = TransportParams {
            ice,
            certificate: self.config.certificate.clone(),
            seed: self.rng.next_u64(),
            limits: self.config.limits,
        };
        // Spread over the interval, so that a thousand peers are not reported to at once.
        let offset = REPORT_INTERVAL.mul_f64(f64::from(self.rng.next_u32()) / f64::from(u32::MAX));
        let mut cname = ArrayString::new();
        // Sixteen digits are what fits.
        let _ = std::fmt::Write::write_fmt(&mut cname, format_args!("{:016x}", self.rng.next_u64()));
        let state = TransportState {
            id,
            room,
            transport: Transport::new(now, params),
            ufrags: smallvec![ufrag],
            paths: ArrayVec::new(),
            connected: false,
            receiving: Receiving::new(now, self.seed),
            sending: Sending::new(now, self.seed),
            channels: Default::default(),
            tracks: Vec::new(),
            clock: ClockMap::default(),
            local_ssrc: Ssrc(self.rng.next_u32() | 1),
            cname,
            next_report: now + offset,
            next_look: None,
            flight: Flight::new(now),
            touched: false,
            counted: TransportCounters::default(),
        };
        let key = self.transports.insert(state);
        self.transport_ids.insert(id, key);
        self.demux.add_ufrag(&ufrag, key.index() as u32);
        self.touched(key);
    }

    fn remove_transport(&mut self, now: Instant, id: TransportId) {
        let Some(key) = self.transport_ids.remove(&id) else { return self.counters.drop(Drop::UnknownId) };
        let Some(state) = self.transports.get_mut(key) else { return };
        state.transport.close(now);
        let tracks = std::mem::take(&mut state.tracks);
        let streams = state.receiving.streams.clone();
        let forwarders = state.sending.forwarders.clone();
        self.take_datagrams(now, key);
        self.count_transport_drops(key);
        for track in tracks {
            if let Some(id) = self.tracks.get(track).map(|track| track.id) {
                self.remove_track(id);
            }
        }
        for stream in streams {
            self.remove_stream(stream);
        }
        for forwarder in forwarders {
            self.remove_forwarder(forwarder);
        }
        let Some(state) = self.transports.remove(key) else { return };
        self.hand_over_flight(id, &state.flight);
        self.forget_data(key, &state.channels);
        let index = key.index() as u32;
        state.paths.iter().for_each(|path| self.demux.remove_path(*path, index));
        state.ufrags.iter().for_each(|ufrag| self.demux.remove_ufrag(ufrag, index));
        self.send.forget(key);
        self.timers.set(Owner::Transport(index), None);
        if let Some(room) = self.rooms.get_mut(state.room) {
            room.members -= 1;
        }
        self.drop_room_if_empty(state.room);
    }

    fn restart_ice(&mut self, now: Instant, id: TransportId, ice: IceCredentials) {
        let Some(key) = self.transport_key(id) else { return self.counters.drop(Drop::UnknownId) };
        let Some(state) = self.transports.get_mut(key) else { return };
        let index = key.index() as u32;
        if !state.ufrags.contains(&ice.ufrag) {
            self.demux.add_ufrag(&ice.ufrag, index);
            state.ufrags.push(ice.ufrag);
            if state.ufrags.len() > MAX_UFRAGS {
                let old = state.ufrags.remove(0);
                self.demux.remove_ufrag(&old, index);
            }
        }
        state.transport.restart_ice(now, ice);
        self.touched(key);
    }

    fn room(&mut self, id: MediaRoomId) -> RoomKey {
        if let Some(key) = self.room_ids.get(&id) {
            return *key;
        }
        let key = self.rooms.insert(Room::new(id));
        self.room_ids.insert(id, key);
        key
    }

    fn remove_room(&mut self, id: MediaRoomId) {
        let Some(key) = self.room_ids.remove(&id) else { return };
        if let Some(room) = self.rooms.get_mut(key) {
            // Members that are still to be removed keep the place; a new room of this name is another.
            room.id = None;
        }
        self.drop_room_if_empty(key);
    }

    fn drop_room_if_empty(&mut self, key: RoomKey) {
        if let Some(room) = self.rooms.get(key)
            && room.members == 0
        {
            if let Some(id) = room.id {
                self.room_ids.remove(&id);
            }
            self.timers.set(Owner::Room(key.index() as u32), None);
            self.rooms.remove(key);
        }
    }

    fn set_receivers(&mut self, now: Instant, id: TransportId, sections: Vec<ReceiverSection>) {
        if let Some(mirror) = self.mirror_ids.get(&id).copied() {
            return self.set_mirrored(mirror, sections);
        }
        let Some(key) = self.transport_key(id) else { return self.counters.drop(Drop::UnknownId) };
        let Some(state) = self.transports.get_mut(key) else { return };
        let old = std::mem::take(&mut state.receiving.sections);
        state.receiving.set_sections(sections);
        // Where each old section is now.
        let moved: Vec<Option<usize>> = old
            .iter()
            .map(|old| state.receiving.sections.iter().position(|new| new.mid == old.mid && new.kind == old.kind))
            .collect();
        let mut gone = Vec::new();
        for stream_key in state.receiving.streams.clone() {
            let Some(stream) = self.streams.get_mut(stream_key) else { continue };
            let before = &old[stream.section];
            let Some(section) = moved[stream.section] else {
                gone.push(stream_key);
                continue;
            };
            let new = &state.receiving.sections[section];
            let was_declared = before.ssrcs.iter().any(|pair| pair.primary == stream.ssrc);
            let is_declared = new.ssrcs.iter().any(|pair| pair.primary == stream.ssrc);
            let rid_gone = stream.rid.is_some_and(|rid| before.rids.contains(&rid) && !new.rids.contains(&rid));
            if (was_declared && !is_declared && !new.ssrcs.is_empty()) || rid_gone {
                // The section is used for another track now.
                gone.push(stream_key);
                continue;
            }
            stream.section = section;
            stream.extensions = state.receiving.extensions;
            if before.codecs != new.codecs {
                stream.refresh_codec(&new.codecs);
            }
        }
        state.receiving.sources.retain(|_, entry| match &mut entry.source {
            Source::Media(_) => true,
            Source::Repair { section, .. } => match moved[*section] {
                Some(new) => {
                    *section = new;
                    true
                }
                None => false,
            },
        });
        let tracks = state.tracks.clone();
        for stream in gone {
            self.remove_stream(stream);
        }
        for track in tracks {
            let Some(track) = self.tracks.get(track) else { continue };
            for forwarder in &track.forwarders {
                if let Some(forwarder) = self.forwarders.get_mut(*forwarder) {
                    forwarder.forget_route();
                }
            }
        }
        self.look_at(now, Origin::Here(key));
    }

    fn add_track(&mut self, now: Instant, transport: TransportId, id: MediaTrackId, mid: Mid, spec: TrackSpec) {
        let Some(transport) = self.transport_key(transport) else { return self.counters.drop(Drop::UnknownId) };
        if self.track_ids.contains_key(&id) {
            return self.counters.drop(Drop::UnknownId);
        }
        let Some(state) = self.transports.get_mut(transport) else { return };
        let audio = spec.kind == MediaKind::Audio;
        let room = state.room;
        let section = state.receiving.sections.iter().position(|section| section.mid == mid);
        let key = self.tracks.insert(Track::new(
            id,
            Origin::Here(transport),
            Some(room),
            mid,
            spec,
            self.config.tuning.level,
        ));
        self.track_ids.insert(id, key);
        state.tracks.push(key);
        let streams = state.receiving.streams.clone();
        if audio && let Some(room) = self.rooms.get_mut(room) {
            room.tracks.push(key);
        }
        for stream_key in streams {
            if let Some(stream) = self.streams.get(stream_key)
                && Some(stream.section) == section
                && stream.track.is_none()
            {
                self.attach_stream(now, key, stream_key);
            }
        }
    }

    fn set_muted(&mut self, now: Instant, id: MediaTrackId, muted: bool) {
        let Some(key) = self.track_ids.get(&id).copied() else { return self.counters.drop(Drop::UnknownId) };
        let Some(track) = self.tracks.get_mut(key) else { return };
        if track.muted == muted {
            return;
        }
        track.muted = muted;
        if let Some(state) = track.origin.here().and_then(|key| self.transports.get_mut(key)) {
            state.flight.note(now, What::Muted { track: flight::number(id), muted });
        }
        if muted {
            for forwarder in &track.forwarders {
                if let Some(forwarder) = self.forwarders.get_mut(*forwarder) {
                    forwarder.stop();
                }
            }
        } else {
            let origin = track.origin;
            self.refresh_forwarders(now, key);
            // Mirrors are told of it again, and may have asked for key frames before.
            self.look_at(now, origin);
        }
    }

    pub(super) fn remove_track(&mut self, id: MediaTrackId) {
        let Some(key) = self.track_ids.remove(&id) else { return self.counters.drop(Drop::UnknownId) };
        let Some(track) = self.tracks.get(key) else { return };
        let (origin, room, streams) = (track.origin, track.room, track.layers);
        for forwarder in track.forwarders.clone() {
            self.remove_forwarder(forwarder);
        }
        self.tracks.remove(key);
        // The streams stay known: their section may be published anew, without naming them again.
        for stream in streams.into_iter().flatten() {
            if let Some(stream) = self.streams.get_mut(stream) {
                stream.track = None;
            }
        }
        match origin {
            Origin::Here(transport) => {
                if let Some(state) = self.transports.get_mut(transport) {
                    state.tracks.retain(|track| *track != key);
                }
            }
            Origin::Mirror(mirror) => self.end_mirrored(mirror, key, streams),
        }
        if let Some(room) = room.and_then(|room| self.rooms.get_mut(room)) {
            room.tracks.retain(|track| *track != key);
        }
    }

    fn add_forwarder(
        &mut self,
        now: Instant,
        id: ForwarderId,
        track: MediaTrackId,
        transport: TransportId,
        target: LayerTarget,
    ) {
        let (Some(track_key), Some(subscriber)) = (self.track_ids.get(&track).copied(), self.transport_key(transport))
        else {
            return self.counters.drop(Drop::UnknownId);
        };
        if self.forwarder_ids.contains_key(&id) {
            return self.counters.drop(Drop::UnknownId);
        }
        let first = [self.rng.next_u32() as u16, self.rng.next_u32() as u16];
        let (Some(track), Some(state)) = (self.tracks.get_mut(track_key), self.transports.get_mut(subscriber)) else {
            return;
        };
        let forwarder = Forwarder::new(now, id, track_key, subscriber, track.kind(), target, first)
            .remembering(now, self.config.tuning.packets(MediaKind::Video));
        let key = self.forwarders.insert(forwarder);
        self.forwarder_ids.insert(id, key);
        track.forwarders.push(key);
        state.sending.forwarders.push(key);
        let section = state.sending.sections.iter().find(|section| section.forwarder == id).cloned();
        if let Some(section) = section {
            self.bind(now, subscriber, key, &section);
        }
    }

    fn bind(&mut self, now: Instant, subscriber: TransportKey, key: ForwarderKey, section: &SenderSection) {
        let (Some(forwarder), Some(state)) = (self.forwarders.get_mut(key), self.transports.get_mut(subscriber)) else {
            return;
        };
        let fresh = forwarder.binding.is_none();
        forwarder.bind(section);
        forwarder.live = state.connected && state.transport.send_path().is_some();
        state.sending.by_ssrc.insert(section.ssrc, key);
        if fresh && section.kind == MediaKind::Video {
            let cap = self.first_cap(now, subscriber);
            if let Some(forwarder) = self.forwarders.get_mut(key) {
                forwarder.selector.set_cap(cap);
            }
        }
        self.refresh_forwarder(now, key);
    }

    fn set_senders(&mut self, now: Instant, id: TransportId, sections: Vec<SenderSection>) {
        let Some(key) = self.transport_key(id) else { return self.counters.drop(Drop::UnknownId) };
        let Some(state) = self.transports.get_mut(key) else { return };
        state.sending.by_ssrc.clear();
        let video = sections.iter().filter(|section| section.kind == MediaKind::Video);
        let mut codecs = video.flat_map(|section| &section.codecs);
        state.sending.feedback =
            self.config.tuning.adaptive_video && codecs.any(|codec| codec.transport_cc || codec.remb);
        state.sending.set_pace(now);
        state.sending.sections.clone_from(&sections);
        for forwarder_key in state.sending.forwarders.clone() {
            let Some(forwarder) = self.forwarders.get_mut(forwarder_key) else { continue };
            match sections.iter().find(|section| section.forwarder == forwarder.id) {
                Some(section) => self.bind(now, key, forwarder_key, section),
                None => forwarder.unbind(),
            }
        }
    }

    fn set_target(&mut self, now: Instant, id: ForwarderId, target: LayerTarget) {
        let Some(key) = self.forwarder_ids.get(&id).copied() else { return self.counters.drop(Drop::UnknownId) };
        let Some(forwarder) = self.forwarders.get_mut(key) else { return };
        if forwarder.selector.target() == target {
            return;
        }
        forwarder.selector.set_target(target);
        let (subscriber, track) = (forwarder.subscriber, forwarder.track);
        if let Some(track) = self.tracks.get(track).filter(|track| track.kind() == MediaKind::Video) {
            let layer = (!target.disabled).then_some(What::layer(target.quality));
            let track = flight::number(track.id);
            self.record(now, subscriber, What::Wants { track, layer });
        }
        self.refresh_forwarder(now, key);
    }

    fn move_forwarder(&mut self, now: Instant, id: ForwarderId, track: MediaTrackId) {
        let found = (self.forwarder_ids.get(&id).copied(), self.track_ids.get(&track).copied());
        let (Some(key), Some(to)) = found else { return self.counters.drop(Drop::UnknownId) };
        let Some(forwarder) = self.forwarders.get_mut(key).filter(|it| it.track != to) else { return };
        let from = std::mem::replace(&mut forwarder.track, to);
        forwarder.stop();
        forwarder.forget_route();
        if let Some(track) = self.tracks.get_mut(from) {
            track.forwarders.retain(|other| *other != key);
        }
        if let Some(track) = self.tracks.get_mut(to) {
            track.forwarders.push(key);
        }
        self.refresh_forwarder(now, key);
    }

    pub(super) fn remove_forwarder(&mut self, key: ForwarderKey) {
        let Some(forwarder) = self.forwarders.remove(key) else { return };
        self.forwarder_ids.remove(&forwarder.id);
        if let Some(track) = self.tracks.get_mut(forwarder.track) {
            track.forwarders.retain(|other| *other != key);
        }
        if let Some(state) = self.transports.get_mut(forwarder.subscriber) {
            state.sending.forwarders.retain(|other| *other != key);
            state.sending.by_ssrc.retain(|_, other| *other != key);
        }
    }
}

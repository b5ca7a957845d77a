//! Data channels by label, and data tracks, whose packets are forwarded here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use crate::ids::{MediaDataTrackId, ShardIndex, TransportId};
use crate::transport::{ChannelId, DtlsRole, SendDataError, TransportEvent};

use super::command::DataChannelLabel;
use super::counters::Drop;
use super::event::Event;
use super::mirror::MAX_MIRRORED;
use super::relay::Relays;
use super::shard::Shard;
use super::table::Key;
use super::transports::TransportKey;

/// Channels of one peer connection that are kept track of.
const MAX_CHANNELS: usize = 32;
/// Messages and bytes held for one peer until its channel opens.
const MAX_HELD: usize = 1024;
const MAX_HELD_BYTES: usize = 1024 * 1024;
/// What may be under way to a subscriber of data tracks; more is a backlog.
const DATA_TRACK_BACKLOG: usize = 64 * 1024;
/// Header of a data-track packet, its handle in bytes 2 and 3 (LiveKit `pkg/rtc/datatrack/packet.go`).
const DATA_TRACK_HEADER: usize = 12;
/// Handles of one publisher.
const MAX_DATA_TRACKS: usize = 1024;

struct Channel {
    id: ChannelId,
    label: DataChannelLabel,
}

/// The data channels of one peer connection.
#[derive(Default)]
pub struct Channels {
    open: SmallVec<[Channel; 4]>,
    our_parity: u16,
    held: VecDeque<(DataChannelLabel, Arc<[u8]>)>,
    held_bytes: usize,
    /// Since when the data-track channel has had a backlog.
    backed_up_since: Option<Instant>,
    /// The publisher's handles.
    published: HashMap<u16, DataTrackKey>,
    /// Data tracks that this peer gets.
    subscribed: Vec<DataTrackKey>,
}

impl Channels {
    /// Which side of DTLS we are decides which channel numbers are ours (RFC 8832 §6).
    pub(super) fn set_role(&mut self, role: DtlsRole) {
        self.our_parity = u16::from(role == DtlsRole::Passive);
    }

    /// Where both sides have opened a channel of one label, ours is the one that the peer listens to.
    fn by_label(&self, label: DataChannelLabel) -> Option<ChannelId> {
        let fitting = self.open.iter().filter(|channel| channel.label == label);
        fitting.min_by_key(|channel| channel.id.0 % 2 != self.our_parity).map(|channel| channel.id)
    }

    fn label_of(&self, id: ChannelId) -> Option<DataChannelLabel> {
        self.open.iter().find(|channel| channel.id == id).map(|channel| channel.label)
    }

    fn hold(&mut self, label: DataChannelLabel, payload: Arc<[u8]>) -> bool {
        if self.held.len() >= MAX_HELD || self.held_bytes + payload.len() > MAX_HELD_BYTES {
            return false;
        }
        self.held_bytes += payload.len();
        self.held.push_back((label, payload));
        true
    }
}

/// Names a data track within its shard.
pub type DataTrackKey = Key<DataTrack>;

/// A published data track.
pub struct DataTrack {
    /// Its name.
    id: MediaDataTrackId,
    /// Its publisher's connection; none where another shard has it.
    publisher: Option<TransportKey>,
    handle: u16,
    /// Shards that have a mirror of it.
    relays: Relays,
    /// Who gets it, under which handle.
    subscribers: Vec<(TransportKey, u16)>,
}

impl Shard {
    /// A data channel's event.
    pub(super) fn on_channel_event(&mut self, now: Instant, key: TransportKey, event: TransportEvent) {
        let Some(state) = self.transports.get_mut(key) else { return };
        match event {
            TransportEvent::DataChannelOpened { channel, label, .. } => {
                let label = DataChannelLabel::parse(&label);
                if state.channels.open.len() >= MAX_CHANNELS {
                    return;
                }
                let first = state.channels.by_label(label).is_none();
                state.channels.open.push(Channel { id: channel, label });
                let id = state.id;
                self.emit(Event::DataChannelOpened { id, label });
                if first {
                    self.send_held(now, key, label);
                }
            }
            TransportEvent::DataChannelClosed(channel) => state.channels.open.retain(|open| open.id != channel),
            TransportEvent::Data { channel, payload, .. } => {
                self.counters.data_in.count(payload.len());
                let label = state.channels.label_of(channel).unwrap_or(DataChannelLabel::Other);
                if label == DataChannelLabel::DataTrack {
                    self.on_data_track_packet(now, key, payload);
                } else {
                    let id = state.id;
                    self.emit(Event::Data { id, label, payload });
                }
            }
            _ => {}
        }
    }

    /// [`super::Command::SendData`].
    pub(super) fn send_data(
        &mut self,
        now: Instant,
        to: &[TransportId],
        label: DataChannelLabel,
        payload: &Arc<[u8]>,
        hold: bool,
    ) {
        for id in to {
            let Some(key) = self.transport_key(*id) else { continue };
            let Some(state) = self.transports.get_mut(key) else { continue };
            // What is held goes first.
            let waiting = state.channels.held.iter().any(|(held, _)| *held == label);
            match state.channels.by_label(label) {
                Some(channel) if !waiting => self.send_on(now, key, channel, payload),
                _ if hold && state.channels.hold(label, payload.clone()) => {}
                _ => self.counters.drop(Drop::ChannelNotOpen),
            }
        }
    }

    fn send_held(&mut self, now: Instant, key: TransportKey, label: DataChannelLabel) {
        let Some(state) = self.transports.get_mut(key) else { return };
        let Some(channel) = state.channels.by_label(label) else { return };
        let held = std::mem::take(&mut state.channels.held);
        let (due, rest): (VecDeque<_>, VecDeque<_>) = held.into_iter().partition(|(held, _)| *held == label);
        state.channels.held_bytes = rest.iter().map(|(_, payload)| payload.len()).sum();
        state.channels.held = rest;
        for (_, payload) in due {
            self.send_on(now, key, channel, &payload);
        }
    }

    fn send_on(&mut self, now: Instant, key: TransportKey, channel: ChannelId, payload: &[u8]) {
        let Some(state) = self.transports.get_mut(key) else { return };
        match state.transport.send_data(now, channel, payload, true) {
            Ok(()) => self.counters.data_out.count(payload.len()),
            // The slow reader alone loses the message; nobody else waits for it.
            Err(SendDataError::Full) => self.counters.drop(Drop::SlowReader),
            Err(SendDataError::NotOpen) => self.counters.drop(Drop::ChannelNotOpen),
            Err(SendDataError::TooLarge) => self.counters.drop(Drop::MessageTooLarge),
        }
        self.touched(key);
    }

    /// [`super::Command::AddDataTrack`].
    pub(super) fn add_data_track(&mut self, id: MediaDataTrackId, transport: TransportId, handle: u16) {
        let Some(key) = self.transport_key(transport) else { return self.counters.drop(Drop::UnknownId) };
        let Some(state) = self.transports.get_mut(key) else { return };
        if state.channels.published.len() >= MAX_DATA_TRACKS || self.data_track_ids.contains_key(&id) {
            return;
        }
        let track = DataTrack { id, publisher: Some(key), handle, relays: Relays::new(), subscribers: Vec::new() };
        let track = self.data_tracks.insert(track);
        state.channels.published.insert(handle, track);
        self.data_track_ids.insert(id, track);
    }

    /// [`super::Command::RemoveDataTrack`].
    pub(super) fn remove_data_track(&mut self, id: MediaDataTrackId) {
        let Some(key) = self.data_track_ids.remove(&id) else { return };
        let Some(track) = self.data_tracks.remove(key) else { return };
        if let Some(publisher) = track.publisher.and_then(|publisher| self.transports.get_mut(publisher))
            && publisher.channels.published.get(&track.handle) == Some(&key)
        {
            publisher.channels.published.remove(&track.handle);
        }
        for (subscriber, _) in track.subscribers {
            if let Some(subscriber) = self.transports.get_mut(subscriber) {
                subscriber.channels.subscribed.retain(|subscribed| *subscribed != key);
            }
        }
    }

    /// [`super::Command::SubscribeDataTrack`]; once more with another handle replaces the first.
    pub(super) fn subscribe_data_track(&mut self, id: MediaDataTrackId, transport: TransportId, handle: u16) {
        let (Some(key), Some(track_key)) = (self.transport_key(transport), self.data_track_ids.get(&id).copied())
        else {
            return self.counters.drop(Drop::UnknownId);
        };
        let Some(track) = self.data_tracks.get_mut(track_key) else { return };
        track.subscribers.retain(|(subscriber, _)| *subscriber != key);
        track.subscribers.push((key, handle));
        if let Some(state) = self.transports.get_mut(key)
            && !state.channels.subscribed.contains(&track_key)
        {
            state.channels.subscribed.push(track_key);
        }
    }

    /// [`super::Command::UnsubscribeDataTrack`].
    pub(super) fn unsubscribe_data_track(&mut self, id: MediaDataTrackId, transport: TransportId) {
        let (Some(key), Some(track_key)) = (self.transport_key(transport), self.data_track_ids.get(&id).copied())
        else {
            return;
        };
        if let Some(track) = self.data_tracks.get_mut(track_key) {
            track.subscribers.retain(|(subscriber, _)| *subscriber != key);
        }
        if let Some(state) = self.transports.get_mut(key) {
            state.channels.subscribed.retain(|subscribed| *subscribed != track_key);
        }
    }

    /// The peer connection goes: its data tracks and subscriptions with it.
    pub(super) fn forget_data(&mut self, key: TransportKey, channels: &Channels) {
        let published: Vec<_> = channels.published.values().copied().collect();
        for track in published {
            if let Some(id) = self.data_tracks.get(track).map(|track| track.id) {
                self.remove_data_track(id);
            }
        }
        for track in &channels.subscribed {
            if let Some(track) = self.data_tracks.get_mut(*track) {
                track.subscribers.retain(|(subscriber, _)| *subscriber != key);
            }
        }
    }

    /// Copies a packet to each subscriber under its own handle. What a subscriber cannot take within the data tracks'
    /// latency is not sent to it.
    fn on_data_track_packet(&mut self, now: Instant, publisher: TransportKey, mut payload: Vec<u8>) {
        let Some(state) = self.transports.get(publisher) else { return };
        // Version 0 is the only one (3 bits).
        let header = payload.first_chunk::<DATA_TRACK_HEADER>().filter(|header| header[0] >> 5 == 0);
        let handle = header.map(|header| u16::from_be_bytes([header[2], header[3]]));
        let track = handle.and_then(|handle| state.channels.published.get(&handle)).copied();
        match track {
            Some(track) => {
                self.distribute_data(now, track, &mut payload);
                if let Some(track) = self.data_tracks.get(track).filter(|track| !track.relays.is_empty()) {
                    self.relays.data(track.id, &track.relays, payload);
                }
            }
            None => self.counters.drop(Drop::BadDataTrackPacket),
        }
    }

    fn distribute_data(&mut self, now: Instant, key: DataTrackKey, payload: &mut [u8]) {
        let Some(track) = self.data_tracks.get(key) else { return };
        let latency = self.config.tuning.data_track_latency;
        // Off the media path: data tracks are a few hundred packets a second.
        let subscribers: SmallVec<[(TransportKey, u16); 16]> = track.subscribers.iter().copied().collect();
        for (subscriber, handle) in subscribers {
            let Some(state) = self.transports.get_mut(subscriber) else { continue };
            let Some(channel) = state.channels.by_label(DataChannelLabel::DataTrack) else {
                self.counters.drop(Drop::ChannelNotOpen);
                continue;
            };
            if state.transport.buffered_amount(channel) < DATA_TRACK_BACKLOG {
                state.channels.backed_up_since = None;
            } else {
                let since = *state.channels.backed_up_since.get_or_insert(now);
                if !latency.is_zero() && now.saturating_duration_since(since) > latency {
                    self.counters.drop(Drop::SlowReader);
                    continue;
                }
            }
            payload[2..4].copy_from_slice(&handle.to_be_bytes());
            self.send_on(now, subscriber, channel, payload);
        }
    }

    /// [`super::Command::MirrorDataTrack`].
    pub(super) fn mirror_data_track(&mut self, id: MediaDataTrackId) {
        if self.data_track_ids.contains_key(&id) || self.data_tracks.len() >= MAX_MIRRORED {
            return self.counters.drop(Drop::UnknownId);
        }
        let track = DataTrack { id, publisher: None, handle: 0, relays: Relays::new(), subscribers: Vec::new() };
        let track = self.data_tracks.insert(track);
        self.data_track_ids.insert(id, track);
    }

    /// [`super::Command::RelayDataTrack`].
    pub(super) fn relay_data_track(&mut self, id: MediaDataTrackId, to: ShardIndex) {
        let key = self.data_track_ids.get(&id).copied();
        match key.and_then(|key| self.data_tracks.get_mut(key)) {
            Some(track) if !track.relays.contains(&to) => track.relays.push(to),
            Some(_) => {}
            None => self.counters.drop(Drop::UnknownId),
        }
    }

    /// A packet of a data track that another shard has received and looked at.
    pub(super) fn on_relayed_data(&mut self, now: Instant, id: MediaDataTrackId, payload: &[u8]) {
        match self.data_track_ids.get(&id).copied() {
            Some(track) if payload.len() >= DATA_TRACK_HEADER => {
                // A buffer that is used again: each subscriber's handle is written into it.
                let mut own = std::mem::take(&mut self.compound);
                own.clear();
                own.extend_from_slice(payload);
                self.distribute_data(now, track, &mut own);
                own.clear();
                self.compound = own;
            }
            _ => self.counters.drop(Drop::RelayUnknownTrack),
        }
    }

    /// Data tracks that other shards have.
    pub(super) fn mirrored_data(&self) -> Vec<MediaDataTrackId> {
        self.data_tracks.iter().filter(|(_, track)| track.publisher.is_none()).map(|(_, track)| track.id).collect()
    }
}

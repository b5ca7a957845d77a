//! Messages between participants: data packets over data channels, and who receives which data track.

use std::collections::HashMap;
use std::sync::Arc;

use visavis_signaling::data::MAX_PACKET_SIZE;
use visavis_signaling::data::{CachedMessage, Channel, Destinations, GateVerdict, Packet, Sender, Verdict, wrap_raw};
use visavis_signaling::proto::{
    self, PublishDataTrackRequest, UnpublishDataTrackRequest, UpdateDataSubscription,
    data_track_subscriber_handles::PublishedDataTrack, request_response,
};

use super::Room;
use crate::ids::{DataTrackSid, TransportId};
use crate::media::{Command, DataChannelLabel};
use crate::rooms::participant::ParticipantKey;

/// Data tracks that one participant may subscribe to at once.
const MAX_DATA_SUBSCRIPTIONS: usize = 1000;

impl Room {
    /// A message from a participant: checked, stamped with its sender, and sent on.
    pub(super) fn on_data(&mut self, key: ParticipantKey, label: DataChannelLabel, payload: Vec<u8>) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if !participant.may_publish_data() {
            self.shared.metrics.signal_errors.count("data_not_permitted");
            return;
        }
        let channel = match label {
            DataChannelLabel::Reliable => Channel::Reliable,
            DataChannelLabel::Lossy => Channel::Lossy,
            DataChannelLabel::DataTrack => return,
            DataChannelLabel::Other => Channel::Unlabelled,
        };
        let sender = Sender {
            sid: participant.sid.as_str(),
            identity: &participant.identity,
            hidden: participant.claims.video.as_ref().is_some_and(|video| video.hidden),
            is_agent: participant.claims.is_agent(),
        };
        let packet = if channel == Channel::Unlabelled {
            wrap_raw(payload, &sender)
        } else {
            let mut packet = match Packet::decode(&payload, MAX_PACKET_SIZE) {
                Ok(packet) => packet,
                Err(error) => {
                    tracing::info!(room = %self.name, identity = %participant.identity, %error, "data packet refused");
                    self.shared.metrics.signal_errors.count("data_malformed");
                    return;
                }
            };
            if channel == Channel::Reliable && !participant.sequence.accept(packet.sequence()) {
                return;
            }
            match packet.accept(channel, &sender) {
                Verdict::Forward => {}
                // Client metrics are collected by nobody yet.
                Verdict::Metrics(_) | Verdict::Drop => return,
            }
            packet
        };
        if self.nonces.is_repeat(packet.nonce()) {
            return;
        }
        self.tap(key, channel, &packet);
        self.distribute(Some(key), channel, &packet);
    }

    /// Sends a packet to its destinations, except the one it comes from.
    pub(super) fn distribute(&mut self, from: Option<ParticipantKey>, channel: Channel, packet: &Packet) {
        let now = self.steady_time();
        let sequence = if channel.is_reliable() { packet.sequence() } else { 0 };
        let destinations = Arc::new(packet.destinations());
        let bytes: Arc<[u8]> = packet.encode().into();
        let sender_sid: Arc<str> = from
            .and_then(|key| self.participants.get(&key))
            .map_or_else(|| "".into(), |participant| Arc::clone(&participant.shared_sid));
        if sequence > 0 {
            self.messages.push(
                CachedMessage {
                    sender_sid: Arc::clone(&sender_sid),
                    sequence,
                    bytes: Arc::clone(&bytes),
                    destinations: Arc::clone(&destinations),
                },
                now,
            );
        }
        let transports = self.receivers_of(from, channel, &sender_sid, sequence, &destinations);
        if transports.is_empty() {
            return;
        }
        let (channel, hold) = match channel {
            Channel::Lossy => (DataChannelLabel::Lossy, false),
            _ => (DataChannelLabel::Reliable, true),
        };
        self.send_media(Command::SendData { transports, channel, payload: bytes, hold });
    }

    fn receivers_of(
        &mut self,
        from: Option<ParticipantKey>,
        channel: Channel,
        sender_sid: &Arc<str>,
        sequence: u32,
        destinations: &Destinations,
    ) -> Vec<TransportId> {
        let mut transports = Vec::new();
        for (key, participant) in &mut self.participants {
            if Some(*key) == from || !destinations.includes(&participant.identity, participant.sid.as_str()) {
                continue;
            }
            let verdict = participant.gate.admit(sender_sid, sequence);
            let waits = !participant.gate.is_open() && channel.is_reliable();
            match verdict {
                GateVerdict::Send => transports.push(participant.primary().id),
                // Unnumbered: nothing can replay it, so the media wing holds it until the channel is open.
                GateVerdict::Skip if waits && sequence == 0 => transports.push(participant.primary().id),
                GateVerdict::Replayed | GateVerdict::Skip => {}
            }
        }
        transports
    }

    pub(super) fn channel_opened(&mut self, id: TransportId, label: DataChannelLabel) {
        let Some((key, _)) = self.role_of_media(id) else { return };
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if label != DataChannelLabel::Reliable || participant.primary().id != id {
            return;
        }
        let (identity, sid) = (Arc::clone(&participant.identity), Arc::clone(&participant.shared_sid));
        for payload in participant.gate.open(&self.messages, &identity, &sid) {
            let command =
                Command::SendData { transports: vec![id], channel: DataChannelLabel::Reliable, payload, hold: true };
            self.send_media(command);
        }
    }

    /// Repeats to a resumed participant what it says it has not received.
    pub(super) fn replay_since(&mut self, key: ParticipantKey, seen: &[(String, u32)]) {
        let Some(participant) = self.participants.get(&key) else { return };
        let (id, after) = (participant.primary().id, seen.iter().cloned().collect::<HashMap<_, _>>());
        let missed: Vec<_> = self
            .messages
            .since(&after)
            .filter(|message| message.destinations.includes(&participant.identity, participant.sid.as_str()))
            .map(|message| Arc::clone(&message.bytes))
            .collect();
        for payload in missed {
            let channel = DataChannelLabel::Reliable;
            self.send_media(Command::SendData { transports: vec![id], channel, payload, hold: true });
        }
    }

    pub(super) fn publish_data_track(&mut self, key: ParticipantKey, request: PublishDataTrackRequest) {
        let sid = DataTrackSid::random(&mut self.rng);
        let limits = self.shared.settings.limits;
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let info = match participant.data_tracks.publish(&request, sid.as_str(), &limits) {
            Ok(info) => info.clone(),
            Err(refusal) => {
                let (reason, text) = (refusal.reason(), refusal.to_string());
                let request = request_response::Request::PublishDataTrack(request);
                return self.tell_with(key, |session| session.refuse(reason, &text, request));
            }
        };
        let track = self.numbers.data_track(participant.place);
        participant.data_track_ids.insert(sid.as_str().into(), track);
        let transport = participant.publisher.id;
        // The registry admits handles of 16 bits only.
        let handle = info.pub_handle as u16;
        self.send_media(Command::AddDataTrack { track, transport, handle });
        self.tell_with(key, |session| session.data_track_published(info));
        self.announce(key, true);
        let subscribers: Vec<_> = self
            .participants
            .iter()
            .filter(|(other, it)| **other != key && it.auto_subscribe_data)
            .map(|(other, _)| *other)
            .collect();
        for subscriber in subscribers {
            self.subscribe_data(subscriber, sid.as_str());
        }
    }

    pub(super) fn unpublish_data_track(&mut self, key: ParticipantKey, request: UnpublishDataTrackRequest) {
        let found = self.participants.get_mut(&key).and_then(|it| it.data_tracks.unpublish(request.pub_handle));
        let Some(info) = found else {
            let request = request_response::Request::UnpublishDataTrack(request);
            let reason = request_response::Reason::NotFound;
            return self.tell_with(key, |session| session.refuse(reason, "data track not found", request));
        };
        self.end_data_track(key, &info.sid);
        self.tell_with(key, |session| session.data_track_unpublished(info));
        self.announce(key, true);
    }

    /// Takes a data track from its subscribers; the registry has forgotten it.
    pub(super) fn end_data_track(&mut self, key: ParticipantKey, sid: &str) {
        let Some(track) = self.participants.get_mut(&key).and_then(|it| it.data_track_ids.remove(sid)) else { return };
        self.send_media(Command::RemoveDataTrack(track));
        let subscribers: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, it)| it.data_subscriptions.contains_key(sid))
            .map(|(other, _)| *other)
            .collect();
        for subscriber in subscribers {
            self.forget_data_subscription(subscriber, sid);
            self.tell_data_handles(subscriber);
        }
    }

    pub(super) fn subscribe_to_all_data(&mut self, key: ParticipantKey) {
        if !self.participants.get(&key).is_some_and(|it| it.auto_subscribe_data) {
            return;
        }
        let sids: Vec<String> = self
            .participants
            .iter()
            .filter(|(other, _)| **other != key)
            .flat_map(|(_, it)| it.data_tracks.tracks().iter().map(|track| track.sid.clone()))
            .collect();
        for sid in sids {
            self.subscribe_data(key, &sid);
        }
    }

    pub(super) fn update_data_subscription(&mut self, key: ParticipantKey, update: &UpdateDataSubscription) {
        for entry in update.updates.iter().take(MAX_DATA_SUBSCRIPTIONS) {
            if entry.subscribe {
                self.subscribe_data(key, &entry.track_sid);
            } else if let Some(track) = self.forget_data_subscription(key, &entry.track_sid) {
                if let Some(transport) = self.participants.get(&key).map(|it| it.primary().id) {
                    self.send_media(Command::UnsubscribeDataTrack { track, transport });
                }
                self.tell_data_handles(key);
            }
        }
    }

    fn subscribe_data(&mut self, key: ParticipantKey, sid: &str) {
        let Some(track) = self.data_track(sid) else { return };
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if !participant.may_subscribe() || participant.data_subscriptions.len() >= MAX_DATA_SUBSCRIPTIONS {
            return;
        }
        if !participant.data_subscriptions.contains_key(sid) {
            let Some(handle) = participant.handles.allocate() else { return };
            participant.data_subscriptions.insert(sid.into(), handle);
            let transport = participant.primary().id;
            self.send_media(Command::SubscribeDataTrack { track, transport, handle });
        }
        self.tell_data_handles(key);
    }

    fn forget_data_subscription(&mut self, key: ParticipantKey, sid: &str) -> Option<crate::ids::MediaDataTrackId> {
        let participant = self.participants.get_mut(&key)?;
        let handle = participant.data_subscriptions.remove(sid)?;
        participant.handles.release(handle);
        self.data_track(sid)
    }

    fn data_track(&self, sid: &str) -> Option<crate::ids::MediaDataTrackId> {
        self.participants.values().find_map(|it| it.data_track_ids.get(sid)).copied()
    }

    fn tell_data_handles(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get(&key) else { return };
        let handles: Vec<(u16, PublishedDataTrack)> = participant
            .data_subscriptions
            .iter()
            .filter_map(|(sid, handle)| {
                let publisher = self.participants.values().find(|it| it.data_track_ids.contains_key(sid))?;
                let track = PublishedDataTrack {
                    publisher_identity: publisher.identity.to_string(),
                    publisher_sid: publisher.sid.as_str().into(),
                    track_sid: sid.clone(),
                };
                Some((*handle, track))
            })
            .collect();
        self.tell_with(key, |session| session.data_track_handles(handles));
    }

    /// Ends what a participant may no longer send.
    pub(super) fn enforce_data_permission(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if participant.may_publish_data() {
            return;
        }
        let infos: Vec<proto::DataTrackInfo> = participant.data_tracks.clear();
        for info in infos {
            self.end_data_track(key, &info.sid);
            self.tell_with(key, |session| session.data_track_unpublished(info));
        }
    }
}

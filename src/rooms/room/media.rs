//! What the media wing reports.

use std::collections::HashMap;

use bytes::Bytes;
use visavis_signaling::proto::{SpeakerInfo, StreamState, StreamStateInfo};
use visavis_signaling::session::encode_response;

use super::{Room, push};
use crate::ids::{MediaTrackId, TransportId};
use crate::media::{Event, TransportFailure};
use crate::rooms::link::SignalOut;
use crate::rooms::media_plane::Place;
use crate::rooms::participant::ParticipantKey;

impl Room {
    pub(super) fn media_event(&mut self, event: Event) {
        match event {
            Event::TransportConnected { id, path } => {
                tracing::debug!(room = %self.name, ?id, ?path, "media connected");
                self.transport_connected(id);
            }
            Event::TransportFailed { id, cause } => self.transport_failed(id, cause),
            Event::PathChanged { id, path } => tracing::debug!(room = %self.name, ?id, ?path, "media path changed"),
            Event::DataChannelOpened { id, label } => {
                tracing::debug!(room = %self.name, ?id, ?label, "data channel open");
                self.channel_opened(id, label);
            }
            Event::Data { id, label, payload } => {
                if let Some((key, _)) = self.role_of_media(id) {
                    self.on_data(key, label, payload);
                }
            }
            Event::TrackStarted { track } => self.track_started(track),
            Event::Speakers { room, speakers } => {
                let speakers = self.span.hear(Place::of(room.0), speakers);
                self.on_speakers(&speakers);
            }
            Event::FirstForward { track, .. } => self.first_forward(track),
            Event::Stats { id, stats } => {
                self.sample(id, &stats);
                self.consider(id, stats.silent_for);
            }
            Event::StreamPaused { track, subscriber, paused } => self.stream_paused(track, subscriber, paused),
            // It went another way.
            Event::Flight { .. } => {}
            Event::LayerChanged { track, subscriber, quality } => {
                tracing::debug!(room = %self.name, ?track, ?subscriber, ?quality, "layer changed");
            }
        }
    }

    fn track_started(&mut self, track: MediaTrackId) {
        let Some((key, sid)) = self.by_track.get(&track) else { return };
        let Some(publication) = self.participants.get_mut(key).and_then(|it| it.publications.get_mut(sid)) else {
            return;
        };
        tracing::debug!(room = %self.name, track = %publication.sid, "first packet");
        // A further codec is not a further success.
        if !std::mem::replace(&mut publication.has_media, true) {
            self.shared.metrics.publish_successes.of(publication.kind()).inc();
        }
        let (key, sid) = (*key, sid.clone());
        self.regress(key, &sid, track);
    }

    fn transport_connected(&mut self, id: TransportId) {
        let Some((key, role)) = self.role_of_media(id) else { return };
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let first = !participant.has_ever_connected();
        participant.media_closed = None;
        let Some(pc) = participant.pc_mut(role) else { return };
        pc.connected = true;
        pc.ever_connected = true;
        if first {
            self.shared.metrics.joins.count("rtc_connected");
        }
        if participant.primary().id == id {
            let actions = participant.session.media_connected();
            self.perform(key, actions);
        }
    }

    fn transport_failed(&mut self, id: TransportId, cause: TransportFailure) {
        let now = self.steady_time();
        let Some((key, role)) = self.role_of_media(id) else { return };
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let primary = participant.primary().id == id;
        let Some(pc) = participant.pc_mut(role) else { return };
        let had = pc.ever_connected;
        pc.connected = false;
        tracing::info!(room = %self.name, identity = %participant.identity, ?role, ?cause, "media failed");
        self.shared.metrics.signal_errors.count("media_lost");
        // A client that leaves closes media and WebSocket at once, and UDP is the faster: its leave says why.
        if cause == TransportFailure::Closed && participant.link.is_some() {
            participant.media_closed = Some(self.clock.now());
            return;
        }
        // A publisher connection that was never used may stay unconnected for as long as it likes.
        if primary || had {
            let actions = participant.session.media_failed(now);
            self.perform(key, actions);
        }
    }

    /// The subscriber learns why a picture stands still, or that it goes on.
    fn stream_paused(&mut self, track: MediaTrackId, subscriber: TransportId, paused: bool) {
        let Some((publisher, sid)) = self.by_track.get(&track).cloned() else { return };
        let Some((key, _)) = self.role_of_media(subscriber) else { return };
        let Some(publisher) = self.participants.get(&publisher) else { return };
        tracing::debug!(room = %self.name, track = %sid, ?subscriber, paused, "stream paused");
        let state = if paused { StreamState::Paused } else { StreamState::Active };
        let info =
            StreamStateInfo { participant_sid: publisher.sid.as_str().to_owned(), track_sid: sid, state: state.into() };
        self.tell_with(key, |session| session.stream_state(vec![info]));
    }

    /// The publisher learns that somebody receives its track, once.
    fn first_forward(&mut self, track: MediaTrackId) {
        let Some((publisher, sid)) = self.by_track.get(&track).cloned() else { return };
        self.announce_subscribed(publisher, &sid);
    }

    pub(super) fn announce_subscribed(&mut self, publisher: ParticipantKey, sid: &str) {
        let Some(publication) = self.participants.get_mut(&publisher).and_then(|it| it.publications.get_mut(sid))
        else {
            return;
        };
        if std::mem::replace(&mut publication.subscriber_announced, true) {
            return;
        }
        self.tell_with(publisher, |session| session.track_subscribed(sid));
    }

    /// Tells each participant of the speakers it hears, and of itself, as far as that changed.
    fn on_speakers(&mut self, speakers: &[(TransportId, f32)]) {
        let levels: HashMap<ParticipantKey, f32> =
            speakers.iter().filter_map(|(id, level)| self.role_of_media(*id).map(|(key, _)| (key, *level))).collect();
        let sid_of = |key: &ParticipantKey| Some((*key, self.participants.get(key)?.sid.as_str().to_owned()));
        let sids: HashMap<ParticipantKey, String> = levels.keys().filter_map(sid_of).collect();
        // Most hear the same of the same.
        let mut last: (Vec<SpeakerInfo>, Bytes) = Default::default();
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for key in keys {
            let Some(participant) = self.participants.get_mut(&key) else { continue };
            let hears = |speaker: &ParticipantKey| {
                *speaker == key || participant.subscriptions.values().any(|it| it.publisher == *speaker)
            };
            let now: HashMap<String, f32> = levels
                .iter()
                .filter(|(speaker, _)| hears(speaker))
                .filter_map(|(speaker, level)| Some((sids.get(speaker)?.clone(), *level)))
                .collect();
            let mut changes: Vec<SpeakerInfo> = now
                .iter()
                .filter(|(sid, level)| participant.told_speakers.get(*sid) != Some(level))
                .map(|(sid, level)| SpeakerInfo { sid: sid.clone(), level: *level, active: true })
                .collect();
            let silent = participant.told_speakers.keys().filter(|sid| !now.contains_key(*sid));
            changes.extend(silent.map(|sid| SpeakerInfo { sid: sid.clone(), level: 0.0, active: false }));
            participant.told_speakers = now;
            if changes.is_empty() {
                continue;
            }
            changes.sort_unstable_by(|a, b| a.sid.cmp(&b.sid));
            if changes != last.0 {
                let Some(message) = participant.session.speakers_changed(changes.clone()) else { continue };
                last = (changes, encode_response(&message));
            }
            if participant.session.hears_of_speakers() {
                push(participant, SignalOut::Encoded(last.1.clone()), &self.shared);
            }
        }
    }

    /// A client's test hook: the participant counts as speaking for a moment.
    pub(super) fn simulate_speaker(&mut self, key: ParticipantKey, seconds: i32) {
        let Some(participant) = self.participants.get(&key) else { return };
        let sid = participant.sid.as_str().to_owned();
        tracing::info!(room = %self.name, identity = %participant.identity, seconds, "simulated speaker");
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for other in keys {
            if let Some(other) = self.participants.get_mut(&other) {
                // The next real report ends it.
                other.told_speakers.insert(sid.clone(), 0.9);
            }
            let speaker = SpeakerInfo { sid: sid.clone(), level: 0.9, active: true };
            self.tell_with(other, |session| session.speakers_changed(vec![speaker]));
        }
    }
}

//! Telling participants about each other, the room, and their tokens.

use std::time::Duration;

use bytes::Bytes;
use visavis_signaling::proto::{ParticipantInfo, RoomUpdate, SignalResponse, signal_response};
use visavis_signaling::session::{CloseReason, encode_info, encode_response, encode_updates};
use visavis_signaling::token::{REFRESH_INTERVAL, Refresh, refresh};

use super::{Room, push};
use crate::rooms::link::SignalOut;
use crate::rooms::participant::{Participant, ParticipantKey};

/// Changes of the room itself are told at most this often (LiveKit's throttle).
const ROOM_UPDATE_INTERVAL: Duration = Duration::from_secs(5);

impl Room {
    /// Tells everybody of a participant's state; `myself` includes the participant.
    pub(super) fn announce(&mut self, key: ParticipantKey, myself: bool) {
        let Some(update) = self.restate(key) else { return };
        // What waited to be told of it is old now.
        self.news.forget(key);
        let hidden = self.participants.get(&key).is_some_and(|participant| participant.is_hidden());
        for message in &update {
            self.tell_many(message, |other, _| if other == key { myself } else { !hidden });
        }
    }

    /// As [`Self::announce`], but in a large room others may hear of it a little later and with other news: of those
    /// who only come and look on. They themselves are told at once.
    pub(super) fn announce_soon(&mut self, key: ParticipantKey, myself: bool) {
        if self.participants.get(&key).is_some_and(|participant| participant.is_publisher) {
            return self.announce(key, myself);
        }
        let Some(update) = self.restate(key) else { return };
        for message in update.iter().filter(|_| myself) {
            self.tell_many(message, |other, _| other == key);
        }
        let Some(participant) = self.participants.get(&key).filter(|participant| !participant.is_hidden()) else {
            return;
        };
        self.news.push(key, participant.told.clone(), None);
    }

    /// Renews what others are told of a participant, and returns the message.
    fn restate(&mut self, key: ParticipantKey) -> Option<Vec<Bytes>> {
        let participant = self.participants.get_mut(&key)?;
        participant.version += 1;
        participant.told = encode_info(&participant.info());
        Some(encode_updates([&participant.told]))
    }

    /// Tells everybody, as far as they want to know it, that somebody has left.
    pub(super) fn announce_departure(&mut self, left: &Participant, info: &ParticipantInfo, reason: CloseReason) {
        let (key, encoded) = (left.key, encode_info(info));
        self.departed.note(info, reason, self.steady_time());
        if !left.is_publisher {
            return self.news.push(key, encoded, Some(reason));
        }
        self.news.forget(key);
        for message in &encode_updates([&encoded]) {
            self.tell_many(message, |_, other| other.session.wants_departure(reason));
        }
    }

    /// Tells everybody what has come together.
    pub(super) fn tell_news(&mut self) {
        let batch = self.news.take(self.clock.now());
        let next = self.news.next();
        for (key, participant) in &mut self.participants {
            // Whoever resumes is given the room as it is then.
            if participant.session.state().is_ready() {
                let wants = |reason| participant.session.wants_departure(reason);
                for message in batch.messages(*key, participant.news_from, wants) {
                    push(participant, SignalOut::Encoded(message), &self.shared);
                }
            }
            participant.news_from = next;
        }
    }

    /// Tells everybody of the room, now or when the throttle allows.
    pub(super) fn announce_room(&mut self) {
        let now = self.clock.now();
        if self.last_room_update.is_some_and(|last| now.duration_since(last) < ROOM_UPDATE_INTERVAL) {
            return;
        }
        self.room_dirty = false;
        self.last_room_update = Some(now);
        let update = RoomUpdate { room: Some(self.info()) };
        let message = SignalResponse { message: Some(signal_response::Message::RoomUpdate(update)) };
        self.tell_many(&encode_response(&message), |_, _| true);
    }

    /// Hands out a token that states what the participant may do now.
    pub(super) fn refresh_token(&mut self, key: ParticipantKey) {
        let (now, instant) = (self.clock.unix(), self.clock.now());
        let Some(participant) = self.participants.get_mut(&key) else { return };
        participant.refresh_at = instant + REFRESH_INTERVAL;
        let Some(api_key) = self.shared.keys.first() else { return };
        let limit = self.shared.admission.token_expiry_limit(&self.name, &participant.identity);
        let request = Refresh {
            claims: &participant.claims,
            key: api_key,
            original_expiry: Some(participant.token_expires_at),
            limit,
            now,
        };
        match refresh(request) {
            Ok(Some(token)) => self.tell_with(key, |session| session.refresh_token(token)),
            Ok(None) => {}
            Err(error) => tracing::error!(room = %self.name, %error, "token could not be refreshed"),
        }
    }
}

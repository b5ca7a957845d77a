//! Telling participants about each other, the room, and their tokens.

use std::time::Duration;

use visavis_signaling::token::{REFRESH_INTERVAL, Refresh, refresh};

use super::Room;
use crate::rooms::participant::ParticipantKey;

/// Changes of the room itself are told at most this often (LiveKit's throttle).
const ROOM_UPDATE_INTERVAL: Duration = Duration::from_secs(5);

impl Room {
    /// Tells everybody of a participant's state; `myself` includes the participant.
    pub(super) fn announce(&mut self, key: ParticipantKey, myself: bool) {
        let now = self.steady_time();
        let Some(participant) = self.participants.get_mut(&key) else { return };
        participant.version += 1;
        let (info, hidden) = (participant.info(), participant.is_hidden());
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for other in keys {
            if other == key && !myself || other != key && hidden {
                continue;
            }
            self.tell_with(other, |session| session.participant_update(vec![info.clone()], now));
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
        let info = self.info();
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for key in keys {
            self.tell_with(key, |session| session.room_update(info.clone()));
        }
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

//! What time brings: lost sessions, stale tokens, empty rooms, closing time.

use std::time::Duration;

use visavis_signaling::session::CloseReason;

use super::Room;

/// Connection quality is looked at this often, as in LiveKit.
const QUALITY_INTERVAL: Duration = Duration::from_secs(5);

impl Room {
    pub(super) fn tick(&mut self) {
        let (unix, now) = (self.clock.unix(), self.clock.now());
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for key in keys {
            let Some(participant) = self.participants.get_mut(&key) else { continue };
            let actions = participant.session.handle_timeout(unix);
            let refresh = now >= participant.refresh_at;
            self.perform(key, actions);
            if refresh {
                self.refresh_token(key);
            }
        }
        if now.duration_since(self.last_quality) >= QUALITY_INTERVAL {
            self.last_quality = now;
            self.tell_quality();
        }
        if self.shared.admission.closes_at(&self.name).is_some_and(|close| close.0 <= unix.0) {
            self.close_room(CloseReason::RoomDeleted);
        }
        // Agents and recorders do not keep a room open.
        let staying = self.participants.values().any(|it| !it.is_dependent());
        if staying {
            self.empty_since = now;
            return;
        }
        let allowed = if self.had_participants { self.options.departure_timeout } else { self.options.empty_timeout };
        if now.duration_since(self.empty_since) >= allowed {
            self.close_room(CloseReason::RoomClosed);
        }
    }
}

//! What time brings: lost sessions, stale tokens, empty rooms, closing time.

use std::time::Duration;

use visavis_signaling::session::CloseReason;

use super::Room;
use crate::ids::TransportId;
use crate::media::Command;

/// Connection quality is looked at this often, as in LiveKit.
const QUALITY_INTERVAL: Duration = Duration::from_secs(5);

/// A client without WebSocket that is not heard on its media path either is gone after this long. Others must not
/// look at it for longer, and LiveKit's clients are back earlier.
const PATIENCE: Duration = Duration::from_secs(6);
/// Clients check consent every few seconds (RFC 7675: at most 5), and mostly send more.
const SILENCE: Duration = Duration::from_secs(5);

/// Whoever is gone for longer has no session left to resume and to be told of others in.
const REMEMBERED: Duration = Duration::from_secs(120);

/// How long a leave may lag behind the end of media.
const FAREWELL: Duration = Duration::from_secs(1);

impl Room {
    /// Ends the session of a client that has neither WebSocket nor media.
    pub(super) fn consider(&mut self, id: TransportId, silent_for: Duration) {
        let Some((key, _)) = self.role_of_media(id) else { return };
        let now = self.clock.now();
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let lost = participant.link.is_none()
            && participant.link_lost.is_some_and(|lost| now.duration_since(lost) >= PATIENCE);
        if lost && silent_for >= SILENCE && participant.primary().id == id {
            let actions = participant.session.close(CloseReason::SignalSourceClose, None);
            self.perform(key, actions);
        }
    }

    pub(super) fn tick(&mut self) {
        let (steady, now) = (self.steady_time(), self.clock.now());
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for key in keys {
            let Some(participant) = self.participants.get_mut(&key) else { continue };
            let actions = participant.session.handle_timeout(steady);
            let refresh = now >= participant.refresh_at;
            let suspect = participant.link_lost.is_some_and(|lost| now.duration_since(lost) >= PATIENCE);
            let primary = participant.primary().id;
            let closed = participant.media_closed.take_if(|at| now.duration_since(*at) >= FAREWELL).is_some();
            self.perform(key, actions);
            if closed && let Some(participant) = self.participants.get_mut(&key) {
                let actions = participant.session.media_failed(steady);
                self.perform(key, actions);
            }
            if suspect {
                // The answer says whether anything still comes from there.
                self.send_media(Command::ReportStats(primary));
            }
            if refresh {
                self.refresh_token(key);
            }
        }
        if now.duration_since(self.last_quality) >= QUALITY_INTERVAL {
            self.last_quality = now;
            self.tell_quality();
        }
        self.departed.forget(steady.minus(REMEMBERED));
        self.measure();
        self.tell_due_wants();
        self.expire_chat();
        self.watch_timetable();
        if self.closing.is_some() {
            return;
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

//! The end of a participant's session, and of the room.

use visavis_signaling::proto::participant_info;
use visavis_signaling::session::{CloseReason, LeaveAction};

use super::Room;
use crate::media::Command;
use crate::rooms::observer::{Departure, FactKind};
use crate::rooms::participant::ParticipantKey;
use crate::rooms::quality::QualityMeter;

impl Room {
    /// Takes a participant out; its session is closed already.
    pub(super) fn remove(&mut self, key: ParticipantKey, reason: CloseReason) {
        let sids: Vec<String> =
            self.participants.get(&key).map(|it| it.publications.keys().cloned().collect()).unwrap_or_default();
        let data_sids: Vec<String> =
            self.participants.get(&key).map(|it| it.data_track_ids.keys().cloned().collect()).unwrap_or_default();
        // Its subscribers lose the tracks with one update, not one each.
        for sid in sids {
            self.end_track_of_leaver(key, &sid);
        }
        for sid in data_sids {
            self.end_data_track(key, &sid);
        }
        let Some(mut participant) = self.participants.remove(&key) else { return };
        self.span.leave(participant.place);
        if let Some(link) = participant.link.take() {
            // A full queue means that the client is not reading anyway.
            let _ = link.outgoing.send(crate::rooms::link::SignalOut::Close);
        }
        tracing::info!(room = %self.name, identity = %participant.identity, sid = %participant.sid, ?reason, "left");
        if let Some(row) = participant.meter.take().and_then(QualityMeter::finish) {
            self.tell_figures(&participant, row);
        }
        let was_active = participant.session.was_active();
        self.observe(FactKind::Left(Departure { who: participant.who(), reason, was_active }));
        for (sid, subscription) in &participant.subscriptions {
            self.shared.metrics.tracks_subscribed.of(subscription.kind).dec();
            self.note_want(subscription.publisher, sid, key);
        }
        self.file_flight(&participant);
        for pc in std::iter::once(&participant.publisher).chain(&participant.subscriber) {
            self.by_transport.remove(&pc.id);
            self.send_media(Command::RemoveTransport(pc.id));
        }
        if self.by_identity.get(&participant.identity) == Some(&key) {
            self.by_identity.remove(&participant.identity);
        }
        self.stale.remove(&key);
        self.shared.metrics.participants.dec();
        self.room_dirty = true;
        if self.participants.is_empty() {
            self.empty_since = self.clock.now();
        }

        if participant.is_hidden() {
            return;
        }
        participant.state = participant_info::State::Disconnected;
        participant.version += 1;
        participant.publications.clear();
        let mut info = participant.info();
        info.disconnect_reason = reason.disconnect_reason() as i32;
        self.announce_departure(&participant, &info, reason);
        // Nobody is told how somebody fares or speaks who publishes nothing.
        for other in self.participants.values_mut().filter(|_| participant.is_publisher) {
            other.told_quality.remove(participant.sid.as_str());
            other.told_speakers.remove(participant.sid.as_str());
        }
    }

    fn end_track_of_leaver(&mut self, key: ParticipantKey, sid: &str) {
        let Some(publication) = self.participants.get_mut(&key).and_then(|it| it.publications.remove(sid)) else {
            return;
        };
        for encoding in &publication.encodings {
            self.by_track.remove(&encoding.track);
            self.send_media(Command::RemoveTrack(encoding.track));
        }
        if publication.is_visible() {
            self.shared.metrics.tracks_published.of(publication.kind()).dec();
        }
        let others: Vec<_> = self.participants.keys().copied().filter(|other| *other != key).collect();
        for other in others {
            self.drop_subscription(other, sid);
        }
    }

    /// Sends everybody away and ends the room.
    pub(super) fn close_room(&mut self, reason: CloseReason) {
        tracing::info!(room = %self.name, ?reason, "closing room");
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for key in keys {
            self.dismiss(key, reason);
        }
        self.closing = Some(reason);
    }

    /// Sends one participant away.
    pub(super) fn dismiss(&mut self, key: ParticipantKey, reason: CloseReason) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let actions = participant.session.close(reason, Some(LeaveAction::Disconnect));
        self.perform(key, actions);
    }

    pub(super) fn shut_down(&mut self) {
        self.close_room(CloseReason::ServerShutdown);
    }
}

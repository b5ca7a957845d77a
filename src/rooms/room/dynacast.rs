//! Telling publishers which layers and codecs somebody wants.

use super::Room;
use crate::rooms::dynacast::{audio_update, update};
use crate::rooms::participant::ParticipantKey;
use crate::units::MediaKind;

impl Room {
    /// A subscription to a track is another than before, or none any more.
    pub(super) fn note_want(&mut self, publisher: ParticipantKey, sid: &str, subscriber: ParticipantKey) {
        let subscription = self.participants.get(&subscriber).and_then(|it| it.subscriptions.get(sid));
        let wanted = subscription.filter(|it| !it.target.disabled).map(|it| (it.codec, it.target.quality));
        let want = wanted.and_then(|(codec, quality)| Some((codec?, quality)));
        let Some(publication) = self.participants.get_mut(&publisher).and_then(|it| it.publications.get_mut(sid))
        else {
            return;
        };
        publication.dynacast.want(subscriber, want);
        if publication.is_cast() {
            self.unlooked.insert((publisher, sid.to_owned()));
        }
    }

    /// A publisher came back or unmuted: it is told again what it need send.
    pub(super) fn remind(&mut self, publisher: ParticipantKey, sid: &str) {
        if let Some(publication) = self.participants.get_mut(&publisher).and_then(|it| it.publications.get_mut(sid)) {
            publication.dynacast.forget();
            self.unlooked.insert((publisher, sid.to_owned()));
        }
    }

    /// Whoever resumes may have missed what it was told.
    pub(super) fn remind_all(&mut self, publisher: ParticipantKey) {
        let Some(participant) = self.participants.get(&publisher) else { return };
        let sids: Vec<String> = participant.publications.keys().cloned().collect();
        for sid in sids {
            self.remind(publisher, &sid);
        }
    }

    /// Tells the publishers of the tracks whose subscriptions the last message changed.
    pub(super) fn tell_wants(&mut self) {
        for (publisher, sid) in std::mem::take(&mut self.unlooked) {
            self.tell_want(publisher, &sid);
        }
    }

    /// Tells the publishers for whom the time has come.
    pub(super) fn tell_due_wants(&mut self) {
        for (key, participant) in &self.participants {
            let waiting = participant.publications.iter().filter(|(_, it)| it.dynacast.is_waiting());
            self.unlooked.extend(waiting.map(|(sid, _)| (*key, sid.clone())));
        }
        self.tell_wants();
    }

    fn tell_want(&mut self, publisher: ParticipantKey, sid: &str) {
        let now = self.clock.now();
        let Some(participant) = self.participants.get_mut(&publisher).filter(|it| it.link.is_some()) else { return };
        let Some(publication) = participant.publications.get_mut(sid) else { return };
        // A muted track sends nothing whatever it is told, and is told when it is unmuted.
        if !publication.is_cast() || publication.info.muted || !publication.is_visible() {
            return;
        }
        if let Some(wanted) = publication.dynacast.look(now) {
            tracing::debug!(room = %self.name, track = sid, ?wanted, "wanted of the track");
            match publication.kind() {
                MediaKind::Video => {
                    self.tell_with(publisher, |session| session.subscribed_quality(update(sid, &wanted)));
                }
                MediaKind::Audio => {
                    self.tell_with(publisher, |session| session.subscribed_audio_codecs(audio_update(sid, &wanted)));
                }
            }
        }
    }
}

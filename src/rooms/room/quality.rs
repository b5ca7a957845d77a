//! Figures of connections: when they are asked for, and what clients and the observer are told of them.

use std::collections::{BTreeSet, HashMap};

use visavis_signaling::proto::{ConnectionQuality, ConnectionQualityInfo};

use super::Room;
use crate::ids::{MediaTrackId, TransportId};
use crate::media::{Command, Quality, TransportStats};
use crate::rooms::observer::{FactKind, MinuteOfQuality};
use crate::rooms::participant::{Participant, ParticipantKey, PcRole};
use crate::rooms::quality::QualityMeter;
use crate::rooms::score::Verdict;
use crate::units::MediaKind;

impl Room {
    /// A participant became active: from now on its minutes are counted.
    pub(super) fn begin_measuring(&mut self, key: ParticipantKey) {
        let recorded = self.shared.observer.wants_quality(&self.name);
        let (unix, now) = (self.clock.unix(), self.clock.now());
        if let Some(participant) = self.participants.get_mut(&key) {
            participant.meter = Some(QualityMeter::new(unix, now, recorded));
        }
    }

    /// Asks for the figures that are due and tells of the minutes that are over.
    pub(super) fn measure(&mut self) {
        let (unix, now) = (self.clock.unix(), self.clock.now());
        let (mut due, mut rows) = (Vec::new(), Vec::new());
        for (key, participant) in &mut self.participants {
            let Some(meter) = &mut participant.meter else { continue };
            rows.extend(meter.turn(unix).map(|row| (*key, row)));
            if meter.is_due(now) {
                due.push(participant.publisher.id);
                due.extend(participant.subscriber.as_ref().map(|pc| pc.id));
            }
        }
        for (key, row) in rows {
            if let Some(participant) = self.participants.get(&key) {
                self.tell_figures(participant, row);
            }
        }
        for id in due {
            self.send_media(Command::ReportStats(id));
        }
    }

    /// The media wing's answer.
    pub(super) fn sample(&mut self, id: TransportId, stats: &TransportStats) {
        let now = self.clock.now();
        let Some((key, role)) = self.role_of_media(id) else { return };
        self.note_flowing(stats);
        let wanted = self.wanted_layers(key, stats);
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let publishes = role == PcRole::Publisher;
        let subscribes = role == participant.downstream_role();
        if let Some(meter) = &mut participant.meter {
            meter.sample(id, stats, publishes, subscribes, now, |track| wanted.get(&track).copied());
        }
    }

    /// Takes note of the best layer that a publisher sends of each of its pictures.
    fn note_flowing(&mut self, stats: &TransportStats) {
        for stream in stats.received.iter().filter(|it| it.kind == MediaKind::Video) {
            let Some(track) = stream.track else { continue };
            let Some((key, sid)) = self.by_track.get(&track) else { continue };
            let publication = self.participants.get_mut(key).and_then(|it| it.publications.get_mut(sid));
            let encoding = publication.and_then(|it| it.encodings.iter_mut().find(|it| it.track == track));
            let Some(encoding) = encoding else { continue };
            let others = stats.received.iter().filter(|it| it.track == Some(track) && it.bitrate.bps() > 0);
            encoding.flowing = others.map(|it| it.quality).max();
        }
    }

    /// The best layer that a subscriber could have of each picture, of what it asked for.
    fn wanted_layers(&self, key: ParticipantKey, stats: &TransportStats) -> HashMap<MediaTrackId, Quality> {
        let Some(participant) = self.participants.get(&key) else { return HashMap::new() };
        let wanted = |track: MediaTrackId| {
            let (publisher, sid) = self.by_track.get(&track)?;
            let target = participant.subscriptions.get(sid)?.target;
            let publication = self.participants.get(publisher)?.publications.get(sid)?;
            let flowing = publication.encodings.iter().find(|it| it.track == track)?.flowing?;
            Some((track, target.quality.min(flowing)))
        };
        stats.sent.iter().filter(|it| it.kind == MediaKind::Video).filter_map(|it| wanted(it.track)).collect()
    }

    /// Tells connection qualities that changed: everybody's own, and those of whom it hears or sees. Nobody is called
    /// lost before its media path is silent altogether.
    pub(super) fn tell_quality(&mut self) {
        let keys: Vec<_> = self.participants.keys().copied().collect();
        for key in keys {
            self.tell_quality_to(key);
        }
    }

    /// The same of a participant that has just become active, and to it.
    pub(super) fn tell_quality_of(&mut self, key: ParticipantKey) {
        self.tell_quality_to(key);
        if self.participants.get(&key).is_some_and(|it| it.is_publisher) {
            let sees = |it: &Participant| it.subscriptions.values().any(|it| it.publisher == key);
            let others: Vec<_> = self.participants.iter().filter(|(_, it)| sees(it)).map(|(other, _)| *other).collect();
            for other in others {
                self.tell_quality_to(other);
            }
        }
    }

    fn tell_quality_to(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get(&key).filter(|it| it.session.was_active()) else { return };
        let seen: BTreeSet<ParticipantKey> =
            std::iter::once(key).chain(participant.subscriptions.values().map(|it| it.publisher)).collect();
        let active = seen.iter().filter_map(|it| self.participants.get(it)).filter(|it| it.session.was_active());
        let told = |info: &ConnectionQualityInfo| participant.told_quality.get(&info.participant_sid);
        let updates: Vec<_> =
            active.map(|it| quality_of(it)).filter(|info| told(info) != Some(&info.quality)).collect();
        if updates.is_empty() {
            return;
        }
        if let Some(participant) = self.participants.get_mut(&key) {
            participant.told_quality.extend(updates.iter().map(|info| (info.participant_sid.clone(), info.quality)));
        }
        self.tell_with(key, |session| session.connection_quality(updates));
    }

    pub(super) fn tell_figures(&self, participant: &Participant, figures: MinuteOfQuality) {
        self.observe(FactKind::Quality { participant: participant.who(), figures });
    }
}

fn quality_of(participant: &Participant) -> ConnectionQualityInfo {
    let verdict = participant.meter.as_ref().map_or(Verdict::best(), QualityMeter::verdict);
    let lost = participant.meter.as_ref().is_some_and(|meter| meter.is_lost(participant.primary().id));
    let (quality, score) = match lost {
        true => (ConnectionQuality::Lost, 1.0),
        false => (verdict.quality(), verdict.mos() as f32),
    };
    ConnectionQualityInfo { participant_sid: participant.sid.as_str().into(), quality: quality as i32, score }
}

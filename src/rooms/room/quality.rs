//! Figures of connections for the observer: when they are asked for, and when told.

use super::Room;
use crate::ids::TransportId;
use crate::media::{Command, TransportStats};
use crate::rooms::observer::{FactKind, MinuteOfQuality};
use crate::rooms::participant::{Participant, ParticipantKey, PcRole};
use crate::rooms::quality::QualityMeter;

impl Room {
    /// A participant became active: from now on its minutes are counted.
    pub(super) fn begin_measuring(&mut self, key: ParticipantKey) {
        if !self.shared.observer.wants_quality(&self.name) {
            return;
        }
        let (unix, now) = (self.clock.unix(), self.clock.now());
        if let Some(participant) = self.participants.get_mut(&key) {
            participant.meter = Some(QualityMeter::new(unix, now));
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
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let publishes = role == PcRole::Publisher;
        let subscribes = role == participant.downstream_role();
        if let Some(meter) = &mut participant.meter {
            meter.sample(id, stats, publishes, subscribes, now);
        }
    }

    pub(super) fn tell_figures(&self, participant: &Participant, figures: MinuteOfQuality) {
        self.observe(FactKind::Quality { participant: participant.who(), figures });
    }
}

//! The end of the room that admission appoints: watched, spoken of, enforced.

use std::time::Duration;

use serde_json::Value;
use visavis_signaling::data::{Channel, MAX_PACKET_SIZE};
use visavis_signaling::session::CloseReason;

use super::Room;
use crate::media::{Command, DataChannelLabel};
use crate::rooms::notice::{self, Notice, Timetable};
use crate::rooms::participant::ParticipantKey;

/// Wall and steady time part by this much within a tick only when somebody sets the clock, or the machine slept.
const JUMP: Duration = Duration::from_secs(2);

impl Room {
    /// What admission says of this room before anybody has been told anything.
    pub(super) fn read_timetable(&mut self) {
        let admission = &self.shared.admission;
        self.timetable = Timetable::new(admission.closes_at(&self.name), admission.ends_at(&self.name));
        self.keeps_chat = admission.keeps_chat(&self.name);
    }

    /// Does what is due by the clock and by admission's word: notices, new tokens after a change, the end.
    pub(super) fn watch_timetable(&mut self) {
        let now = self.clock.unix();
        let admission = &self.shared.admission;
        let (closes_at, ends_at) = (admission.closes_at(&self.name), admission.ends_at(&self.name));
        self.keeps_chat = admission.keeps_chat(&self.name);
        let due = self.timetable.poll(closes_at, ends_at, now);
        if due.close {
            return self.close_with_notice(CloseReason::WindowClosed);
        }
        let jumped = self.clock_jumped();
        if due.rescheduled {
            tracing::info!(room = %self.name, ?closes_at, "the room closes at another time");
        }
        if due.rescheduled || jumped {
            // By a clock that was set, tokens may have expired or not begun.
            let keys: Vec<_> = self.participants.keys().copied().collect();
            for key in keys {
                self.refresh_token(key);
            }
        }
        for notice in due.notices {
            self.notify(&notice.to_json());
        }
    }

    /// Tells everybody something on the notices' topic.
    pub(super) fn notify(&mut self, payload: &Value) {
        let packet = notice::packet(payload);
        if packet.encode().len() > MAX_PACKET_SIZE {
            tracing::error!(room = %self.name, "a notice is larger than a message may be");
            return;
        }
        tracing::debug!(room = %self.name, %payload, "notice");
        self.distribute(None, Channel::Reliable, &packet);
    }

    /// Tells somebody who has just joined what is near.
    pub(super) fn notify_newcomer(&mut self, key: ParticipantKey) {
        let Some(notice) = self.timetable.for_newcomer(self.clock.unix()) else { return };
        let Some(participant) = self.participants.get(&key) else { return };
        let payload = notice::packet(&notice.to_json()).encode().into();
        let transports = vec![participant.primary().id];
        self.send_media(Command::SendData { transports, channel: DataChannelLabel::Reliable, payload, hold: true });
    }

    /// Says that this is the end and ends the room. The notice leaves before the media goodbye does; a client that
    /// it does not reach is told the reason by its leave.
    pub(super) fn close_with_notice(&mut self, reason: CloseReason) {
        self.notify(&Notice::Closed { reason }.to_json());
        self.close_room(reason);
    }

    /// The clock was set, or stood still in a sleep, since this was asked last.
    fn clock_jumped(&mut self) -> bool {
        let (unix, steady) = (self.clock.unix(), self.steady_time());
        let offset = unix.as_millis() - steady.as_millis();
        let change = offset - std::mem::replace(&mut self.clock_offset, offset);
        let jumped = change.unsigned_abs() > JUMP.as_millis() as u64;
        if jumped {
            tracing::warn!(room = %self.name, seconds = change / 1000, "the clock was set");
        }
        jumped
    }
}

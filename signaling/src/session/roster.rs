//! What a client has been told about the other participants.

use std::collections::VecDeque;

use livekit_protocol::{ParticipantInfo, participant_info};

use crate::UnixTime;

/// How many other participants are remembered, the latest changed ones, as in
/// LiveKit's update cache.
const MAX_REMEMBERED: usize = 128;

/// How many updates wait for the join response to go out. Beyond it the oldest
/// are dropped: the room's size limits keep this from happening.
pub const MAX_QUEUED_UPDATES: usize = 4_096;

/// The last update of each participant that went to one client: to keep late
/// ones from overtaking, and to tell who left while the signal was lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    /// Oldest change first.
    seen: VecDeque<Seen>,
    queued: VecDeque<ParticipantInfo>,
}

#[derive(Clone, Debug)]
struct Seen {
    sid: String,
    identity: String,
    version: u32,
    state: i32,
    at: UnixTime,
}

impl Roster {
    /// Notes an update. False when a newer one was noted before.
    pub(super) fn note(&mut self, info: &ParticipantInfo, now: UnixTime) -> bool {
        if let Some(index) = self.seen.iter().position(|seen| seen.sid == info.sid) {
            if info.version < self.seen[index].version {
                return false;
            }
            self.seen.remove(index);
        }
        if self.seen.len() == MAX_REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen {
            sid: info.sid.clone(),
            identity: info.identity.clone(),
            version: info.version,
            state: info.state,
            at: now,
        });
        true
    }

    /// Those noted as disconnected at or after `since`, latest first, as the
    /// little that is known of them (LiveKit's
    /// `sendDisconnectUpdatesForReconnect`).
    pub(super) fn disconnected_since(&self, since: UnixTime) -> Vec<ParticipantInfo> {
        let disconnected = i32::from(participant_info::State::Disconnected);
        self.seen
            .iter()
            .rev()
            .take_while(|seen| seen.at >= since)
            .filter(|seen| seen.state == disconnected)
            .map(|seen| ParticipantInfo {
                sid: seen.sid.clone(),
                identity: seen.identity.clone(),
                version: seen.version,
                state: disconnected,
                ..ParticipantInfo::default()
            })
            .collect()
    }

    /// Keeps an update for after the join response.
    pub(super) fn queue(&mut self, info: ParticipantInfo) {
        if self.queued.len() == MAX_QUEUED_UPDATES {
            self.queued.pop_front();
        }
        self.queued.push_back(info);
    }

    /// The updates kept so far.
    pub(super) fn take_queued(&mut self) -> Vec<ParticipantInfo> {
        std::mem::take(&mut self.queued).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(sid: &str, version: u32, state: participant_info::State) -> ParticipantInfo {
        ParticipantInfo {
            sid: sid.into(),
            identity: format!("id-{sid}"),
            version,
            state: state.into(),
            ..ParticipantInfo::default()
        }
    }

    use participant_info::State::{Active, Disconnected};

    #[test]
    fn an_overtaken_update_is_not_noted() {
        let mut roster = Roster::default();
        assert!(roster.note(&info("PA_1", 5, Active), UnixTime(1)));
        assert!(!roster.note(&info("PA_1", 4, Active), UnixTime(2)));
        assert!(roster.note(&info("PA_1", 5, Active), UnixTime(3)));
    }

    #[test]
    fn those_who_left_after_a_moment_are_known() {
        let mut roster = Roster::default();
        roster.note(&info("PA_early", 1, Disconnected), UnixTime(10));
        roster.note(&info("PA_stays", 1, Active), UnixTime(20));
        roster.note(&info("PA_late", 3, Disconnected), UnixTime(30));
        let gone = roster.disconnected_since(UnixTime(20));
        assert_eq!(gone.len(), 1);
        assert_eq!((gone[0].sid.as_str(), gone[0].identity.as_str(), gone[0].version), ("PA_late", "id-PA_late", 3));
    }

    #[test]
    fn memory_is_bounded() {
        let mut roster = Roster::default();
        for n in 0..10_000u32 {
            roster.note(&info(&format!("PA_{n}"), 1, Active), UnixTime(0));
            roster.queue(info("PA_q", n, Active));
        }
        assert_eq!(roster.seen.len(), MAX_REMEMBERED);
        let queued = roster.take_queued();
        assert_eq!((queued.len(), queued[0].version), (MAX_QUEUED_UPDATES, 10_000 - 4_096));
    }
}

//! What a client is to be told about the other participants, and when.

use std::collections::VecDeque;

use livekit_protocol::{ParticipantInfo, participant_info};

use super::CloseReason;
use crate::UnixTime;

/// How many updates wait for the join response to go out. Beyond it the oldest
/// are dropped: the room's size limits keep this from happening.
pub const MAX_QUEUED_UPDATES: usize = 4_096;

/// How many of those who left are remembered.
pub const MAX_DEPARTED: usize = 1_024;

/// Updates that came before the join response of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Queued(VecDeque<ParticipantInfo>);

impl Queued {
    /// Keeps an update for after the join response.
    pub(super) fn push(&mut self, info: ParticipantInfo) {
        if self.0.len() == MAX_QUEUED_UPDATES {
            self.0.pop_front();
        }
        self.0.push_back(info);
    }

    /// The updates kept so far that tell more than `known`.
    pub(super) fn take(&mut self, known: &[ParticipantInfo]) -> Vec<ParticipantInfo> {
        let news =
            |info: &ParticipantInfo| known.iter().all(|other| other.sid != info.sid || other.version <= info.version);
        std::mem::take(&mut self.0).into_iter().filter(news).collect()
    }
}

/// Those who left a room lately, for clients whose signal was lost meanwhile
/// (LiveKit's `sendDisconnectUpdatesForReconnect`). One list serves them all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Departed(VecDeque<(UnixTime, CloseReason, ParticipantInfo)>);

impl Departed {
    /// Notes that a participant left for `reason`.
    pub fn note(&mut self, info: &ParticipantInfo, reason: CloseReason, now: UnixTime) {
        if self.0.len() == MAX_DEPARTED {
            self.0.pop_front();
        }
        let brief = ParticipantInfo {
            sid: info.sid.clone(),
            identity: info.identity.clone(),
            version: info.version,
            state: participant_info::State::Disconnected.into(),
            ..ParticipantInfo::default()
        };
        self.0.push_back((now, reason, brief));
    }

    /// Those who left at or after `since` for a reason that is `wanted`, latest
    /// first, as the little that is known of them.
    pub fn since(&self, since: UnixTime, wanted: impl Fn(CloseReason) -> bool) -> Vec<ParticipantInfo> {
        let late = self.0.iter().rev().take_while(|(at, ..)| *at >= since);
        late.filter(|(_, reason, _)| wanted(*reason)).map(|(.., info)| info.clone()).collect()
    }

    /// Forgets who left before `since`.
    pub fn forget(&mut self, since: UnixTime) {
        while self.0.front().is_some_and(|(at, ..)| *at < since) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(sid: &str, version: u32) -> ParticipantInfo {
        let identity = format!("id-{sid}");
        ParticipantInfo { sid: sid.into(), identity, version, ..ParticipantInfo::default() }
    }

    #[test]
    fn those_who_left_after_a_moment_are_known() {
        let mut departed = Departed::default();
        let (left, replaced) = (CloseReason::ClientRequestLeave, CloseReason::DuplicateIdentity);
        departed.note(&info("PA_early", 1), left, UnixTime(10));
        departed.note(&info("PA_late", 3), left, UnixTime(30));
        departed.note(&info("PA_old", 1), replaced, UnixTime(30));
        let gone = departed.since(UnixTime(20), |reason| reason == left);
        assert_eq!(gone.len(), 1);
        assert_eq!((gone[0].sid.as_str(), gone[0].identity.as_str(), gone[0].version), ("PA_late", "id-PA_late", 3));
        departed.forget(UnixTime(30));
        assert_eq!(departed.since(UnixTime(0), |_| true).len(), 2);
        departed.forget(UnixTime(31));
        assert!(departed.since(UnixTime(0), |_| true).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut departed = Departed::default();
        let mut queued = Queued::default();
        for n in 0..10_000u32 {
            departed.note(&info(&format!("PA_{n}"), 1), CloseReason::RoomClosed, UnixTime(0));
            queued.push(info("PA_q", n));
        }
        assert_eq!(departed.0.len(), MAX_DEPARTED);
        let queued = queued.take(&[]);
        assert_eq!((queued.len(), queued[0].version), (MAX_QUEUED_UPDATES, 10_000 - 4_096));
    }
}

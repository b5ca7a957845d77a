//! Who speaks in a room (LiveKit `pkg/rtc/room.go`, `audioUpdateWorker`).

use std::time::{Duration, Instant};

use crate::ids::{MediaRoomId, TransportId};
use crate::rtp::audio_level::quantise;

use super::event::Event;
use super::shard::Shard;
use super::table::Key;
use super::timers::Owner;
use super::track::TrackKey;

/// Names a room within its shard.
pub type RoomKey = Key<Room>;

/// A room in which nothing loud was heard for this long is not looked at.
const QUIET_AFTER: Duration = Duration::from_secs(2);

/// The scope of active speakers.
#[derive(Default)]
pub struct Room {
    /// Its name.
    pub id: Option<MediaRoomId>,
    /// Peer connections in it.
    pub members: usize,
    /// Its audio tracks.
    pub tracks: Vec<TrackKey>,
    /// Levels are being looked at; otherwise the next loud packet begins.
    watching: bool,
    last_loud: Option<Instant>,
    speaking: Vec<(TransportId, f32)>,
}

impl Room {
    /// A room without members.
    pub fn new(id: MediaRoomId) -> Self {
        Self { id: Some(id), ..Self::default() }
    }
}

/// The list for the control plane: loudest first, levels rounded, one entry per connection.
fn rank(levels: &mut [(TransportId, f64)]) -> Vec<(TransportId, f32)> {
    levels.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut ranked: Vec<(TransportId, f32)> = Vec::with_capacity(levels.len());
    for (id, level) in levels.iter() {
        if ranked.iter().all(|(known, _)| known != id) {
            ranked.push((*id, quantise(*level)));
        }
    }
    ranked
}

impl Shard {
    /// A loud audio packet has arrived in the room.
    pub(super) fn heard(&mut self, now: Instant, room: RoomKey) {
        let Some(state) = self.rooms.get_mut(room) else { return };
        state.last_loud = Some(now);
        if !state.watching {
            state.watching = true;
            self.timers.set(Owner::Room(room.index() as u32), Some(now + self.config.tuning.speakers_interval));
        }
    }

    /// Looks at the levels of a room; goes on while there is something to hear.
    pub(super) fn look_at_speakers(&mut self, now: Instant, room: RoomKey) {
        let Some(state) = self.rooms.get_mut(room) else { return };
        let mut levels = Vec::new();
        for track in &state.tracks {
            let Some(track) = self.tracks.get_mut(*track) else { continue };
            if track.muted {
                continue;
            }
            let loudness = track.level.level(now);
            if loudness.active
                && let Some(publisher) = track.origin.here().and_then(|key| self.transports.get(key))
            {
                levels.push((publisher.id, loudness.level));
            }
        }
        let speaking = rank(&mut levels);
        let changed = speaking != state.speaking;
        if changed {
            state.speaking.clone_from(&speaking);
        }
        // In a quiet room the next loud packet starts the clock again.
        let quiet = state.last_loud.is_none_or(|last| now.saturating_duration_since(last) >= QUIET_AFTER);
        state.watching = !quiet || !state.speaking.is_empty();
        let watching = state.watching;
        if let (true, Some(id)) = (changed, state.id) {
            self.emit(Event::Speakers { room: id, speakers: speaking });
        }
        if watching {
            self.timers.set(Owner::Room(room.index() as u32), Some(now + self.config.tuning.speakers_interval));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_are_ranked_by_level_and_rounded_up_to_eighths() {
        let mut levels = vec![(TransportId(1), 0.03), (TransportId(2), 0.6), (TransportId(1), 0.5)];
        assert_eq!(rank(&mut levels), [(TransportId(2), 0.625), (TransportId(1), 0.5)]);
    }
}

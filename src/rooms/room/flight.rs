//! What the recording of a call says of the room's participants and tracks.

use std::sync::Arc;

use visavis_signaling::proto::{TrackSource, TrackType};

use super::Room;
use crate::ids::MediaTrackId;
use crate::media::flight::file::{Connection, Track};
use crate::rooms::flight::{Present, Sheet};
use crate::rooms::media_plane::Place;
use crate::rooms::participant::{Participant, PeerConnection};

impl Room {
    /// Everybody's connections, for whoever wants the recording.
    pub(super) fn flight_sheet(&self) -> Sheet {
        let present = |(pc, connection): (&PeerConnection, Connection)| Present {
            shard: self.span.shard(Place::of(pc.id.0)),
            id: pc.id,
            connection,
        };
        let present = self.participants.values().flat_map(|it| connections(it)).map(present).collect();
        Sheet { call: Arc::clone(&self.call), present }
    }

    /// A participant leaves: what its connections met with is kept for a while.
    pub(super) fn file_flight(&self, participant: &Participant) {
        let now = self.clock.now();
        for (pc, connection) in connections(participant).filter(|(pc, _)| pc.ever_connected) {
            self.shared.recordings.leaves(now, &self.call, pc.id, connection);
        }
    }

    /// A track has a number from now on.
    pub(super) fn note_track(&self, number: MediaTrackId, participant: &Participant, sid: &str) {
        let Some(info) = participant.publications.get(sid).map(|it| &it.info) else { return };
        let name = |name: &str| name.to_ascii_lowercase();
        self.call.add_track(Track {
            // The lower half, as recordings say it: the upper is the room's.
            track: number.0 as u32,
            sid: sid.to_owned(),
            participant: participant.sid.as_str().to_owned(),
            kind: name(TrackType::try_from(info.r#type).unwrap_or_default().as_str_name()),
            source: name(TrackSource::try_from(info.source).unwrap_or_default().as_str_name()),
        });
    }
}

/// A participant's connections as the file describes them. Clients say a lot of themselves; where they are is left out.
fn connections(participant: &Participant) -> impl Iterator<Item = (&PeerConnection, Connection)> {
    let client = &participant.client;
    let words = [
        &client.sdk().as_str_name().to_ascii_lowercase(),
        &client.version,
        &client.browser,
        &client.browser_version,
        &client.os,
    ];
    let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let client = words.join(" ");
    let roles = match &participant.subscriber {
        None => vec![("both", &participant.publisher)],
        Some(subscriber) => vec![("publisher", &participant.publisher), ("subscriber", subscriber)],
    };
    roles.into_iter().map(move |(role, pc)| {
        let connection = Connection {
            participant: participant.sid.as_str().to_owned(),
            identity: participant.identity.to_string(),
            role: role.to_owned(),
            client: client.clone(),
            ..Connection::default()
        };
        (pc, connection)
    })
}

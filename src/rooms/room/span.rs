//! Which shard is told what: of a room on one shard that one is told everything; of a wide room each is told what lives
//! there, and tracks are mirrored where somebody subscribes to them.

use super::Room;
use crate::ids::{MediaDataTrackId, MediaTrackId, ShardIndex, TransportId};
use crate::media::{Command, MirroredTrack};
use crate::rooms::media_plane::Place;

impl Room {
    /// Has the shards obey a command.
    pub(super) fn send_media(&mut self, command: Command) {
        if !self.span.is_wide() {
            return self.post(Place::default(), command);
        }
        let place = match &command {
            Command::AddTransport { id, .. }
            | Command::RestartIce { id, .. }
            | Command::SetRemote { id, .. }
            | Command::OpenDataChannel { id, .. }
            | Command::SetSenders { id, .. }
            | Command::AllowPause(id)
            | Command::ReportStats(id)
            | Command::ReportFlight(id) => Place::of(id.0),
            Command::AddTrack { transport, .. }
            | Command::AddDataTrack { transport, .. }
            | Command::UnsubscribeDataTrack { transport, .. } => Place::of(transport.0),
            Command::SetTarget { id, .. } | Command::SetPriority { id, .. } => Place::of(id.0),
            Command::RemoveRoom(id) => Place::of(id.0),
            Command::RemoveTransport(id) => return self.remove_connection(*id),
            Command::SetReceivers { id, receivers } => {
                // Mirrors first: packets that they do not understand may come at once.
                for place in self.mirrors_of_publisher(*id) {
                    self.post(place, Command::SetReceivers { id: *id, receivers: receivers.clone() });
                }
                Place::of(id.0)
            }
            Command::SetTrackMuted { track, muted } => {
                let (track, muted) = (*track, *muted);
                // Its own shard first: a mirror that is no longer muted asks it for a key frame.
                self.post(Place::of(track.0), command);
                for place in self.span.mirrors_of(track) {
                    self.post(place, Command::SetTrackMuted { track, muted });
                }
                return;
            }
            Command::RemoveTrack(track) => {
                let track = *track;
                self.post(Place::of(track.0), command);
                for place in self.span.end(track) {
                    self.post(place, Command::RemoveTrack(track));
                }
                return;
            }
            Command::AddForwarder { id, track, transport, .. } => {
                let place = Place::of(transport.0);
                self.mirror(*track, place);
                self.span.feed(*id, *track, *transport);
                place
            }
            Command::MoveForwarder { id, track } => {
                let (id, track, place) = (*id, *track, Place::of(id.0));
                self.mirror(track, place);
                self.post(place, command);
                let subscriber = self.span.fed(id);
                // What it no longer needs ends after it has moved.
                let starved = self.span.starve(id);
                if let Some(subscriber) = subscriber {
                    self.span.feed(id, track, subscriber);
                }
                return self.end_mirror(starved, place);
            }
            Command::RemoveForwarder(id) => {
                let (id, place) = (*id, Place::of(id.0));
                self.post(place, command);
                let starved = self.span.starve(id);
                return self.end_mirror(starved, place);
            }
            Command::SendData { transports, channel, payload, hold } => {
                for place in self.span.places() {
                    let here: Vec<TransportId> =
                        transports.iter().copied().filter(|id| Place::of(id.0) == place).collect();
                    if !here.is_empty() {
                        let (channel, payload, hold) = (*channel, payload.clone(), *hold);
                        self.post(place, Command::SendData { transports: here, channel, payload, hold });
                    }
                }
                return;
            }
            Command::SubscribeDataTrack { track, transport, .. } => {
                let place = Place::of(transport.0);
                self.mirror_data(*track, place);
                place
            }
            Command::RemoveDataTrack(track) => {
                for place in self.span.end_data(*track) {
                    self.post(place, Command::RemoveDataTrack(*track));
                }
                Place::of(track.0)
            }
            // Not a room's to give; its own shard may refuse them.
            Command::MirrorTrack(_)
            | Command::RelayTrack { .. }
            | Command::StopRelay { .. }
            | Command::MirrorDataTrack(_)
            | Command::RelayDataTrack { .. }
            | Command::Shutdown => Place::default(),
        };
        self.post(place, command);
    }

    fn post(&self, place: Place, command: Command) {
        let shard = self.span.shard(place);
        if !self.shared.media.send(shard, command) {
            self.shared.metrics.signal_errors.count("media_mailbox_full");
            tracing::error!(room = %self.name, shard, "media mailbox full, a command was lost");
        }
    }

    fn shard_at(&self, place: Place) -> ShardIndex {
        // Shards are numbered in 16 bits.
        ShardIndex(self.span.shard(place) as u16)
    }

    /// Sees to it that a track is to be had at a place.
    fn mirror(&mut self, track: MediaTrackId, place: Place) {
        let home = Place::of(track.0);
        if home == place || self.span.has_mirror(track, place) {
            return;
        }
        let Some((key, sid)) = self.by_track.get(&track) else { return };
        let Some(publisher) = self.participants.get(key) else { return };
        let Some(publication) = publisher.publications.get(sid) else { return };
        let Some(encoding) = publication.encodings.iter().find(|encoding| encoding.track == track) else { return };
        let receivers = publisher.publisher.negotiation.receivers();
        let Some(section) = receivers.iter().find(|section| section.mid == encoding.mid) else { return };
        let mirrored = MirroredTrack {
            from: self.shard_at(home),
            here: self.shard_at(place),
            publisher: publisher.publisher.id,
            track,
            mid: encoding.mid,
            spec: publication.spec(section),
            receivers,
        };
        tracing::debug!(room = %self.name, track = %sid, to = self.span.shard(place), "track mirrored");
        self.post(place, Command::MirrorTrack(Box::new(mirrored)));
        self.post(home, Command::RelayTrack { track, to: self.shard_at(place) });
        self.span.mirrored(track, place);
    }

    fn end_mirror(&self, starved: Option<MediaTrackId>, place: Place) {
        if let Some(track) = starved {
            self.post(place, Command::RemoveTrack(track));
            self.post(Place::of(track.0), Command::StopRelay { track, to: self.shard_at(place) });
        }
    }

    fn mirror_data(&mut self, track: MediaDataTrackId, place: Place) {
        let home = Place::of(track.0);
        if home != place && self.span.mirrored_data(track, place) {
            self.post(place, Command::MirrorDataTrack(track));
            self.post(home, Command::RelayDataTrack { track, to: self.shard_at(place) });
        }
    }

    fn remove_connection(&mut self, id: TransportId) {
        let place = Place::of(id.0);
        self.post(place, Command::RemoveTransport(id));
        for forwarder in self.span.forwarders_to(id) {
            let starved = self.span.starve(forwarder);
            self.end_mirror(starved, place);
        }
    }

    /// Where something of this connection is mirrored.
    fn mirrors_of_publisher(&self, id: TransportId) -> Vec<Place> {
        let key = self.by_transport.get(&id).map(|(key, _)| *key);
        let Some(publisher) = key.and_then(|key| self.participants.get(&key)) else { return Vec::new() };
        let encodings = publisher.publications.values().flat_map(|publication| &publication.encodings);
        let mut places: Vec<Place> = encodings.flat_map(|encoding| self.span.mirrors_of(encoding.track)).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

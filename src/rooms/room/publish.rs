//! Publishing: from add_track over the SDP section that carries it to its end.

use visavis_signaling::proto::{AddTrackRequest, TrackSource, TrackType, request_response};

use super::Room;
use crate::ids::{MediaTrackId, TrackSid};
use crate::media::Command;
use crate::rooms::media_plane::track_letters;
use crate::rooms::participant::ParticipantKey;
use crate::rooms::publication::{Encoding, Publication};
use crate::transport::ReceiverSection;
use crate::transport::sdp::TrackCodec;

/// Announced tracks without a section at once, as in LiveKit.
const MAX_PENDING: usize = 20;
/// All tracks of a participant at once.
const MAX_TRACKS: usize = 64;
/// With fewer participants than this a track falls back to its backup codec for all of them, as in LiveKit.
const REGRESSION_THRESHOLD: usize = 5;

impl Room {
    pub(super) fn add_track(&mut self, key: ParticipantKey, request: AddTrackRequest) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if !request.sid.is_empty() {
            return self.add_codec(key, request);
        }
        let refusal = if participant.publications.values().filter(|it| !it.is_visible()).count() >= MAX_PENDING
            || participant.publications.len() >= MAX_TRACKS
        {
            Some((request_response::Reason::LimitExceeded, "too many tracks"))
        } else if participant.publications.values().any(|it| !it.is_visible() && it.cids.contains(&request.cid)) {
            Some((request_response::Reason::Queued, "a track with this cid is pending"))
        } else {
            None
        };
        if let Some((reason, text)) = refusal {
            tracing::info!(room = %self.name, identity = %participant.identity, cid = %request.cid, text, "add_track refused");
            let request = request_response::Request::AddTrack(request);
            return self.tell_with(key, |session| session.refuse(reason, text, request));
        }
        let kind = TrackType::try_from(request.r#type).unwrap_or(TrackType::Audio);
        let source = TrackSource::try_from(request.source).unwrap_or(TrackSource::Unknown);
        let sid = TrackSid::random_with_letters(&mut self.rng, &track_letters(kind, source));
        let publication = Publication::new(sid.clone(), &request, self.clock.now());
        let info = publication.info.clone();
        self.shared.metrics.publish_attempts.of(publication.kind()).inc();
        participant.publications.insert(sid.as_str().into(), publication);
        self.tell_with(key, |session| session.track_published(request.cid, info));
        self.bind_sections(key);
    }

    /// A further codec of a published track.
    fn add_codec(&mut self, key: ParticipantKey, request: AddTrackRequest) {
        let found = self.participants.get_mut(&key).and_then(|it| it.publications.get_mut(&request.sid));
        let Some(publication) = found else {
            let request = request_response::Request::AddTrack(request);
            let reason = request_response::Reason::NotFound;
            return self.tell_with(key, |session| session.refuse(reason, "track not found", request));
        };
        publication.add_codec(&request);
        let info = publication.info.clone();
        self.tell_with(key, |session| session.track_published(request.cid, info));
        self.bind_sections(key);
    }

    /// Matches the sections that the client sends on with what it announced, and ends what it no longer sends.
    pub(super) fn bind_sections(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let (pc, sections) = (participant.publisher.id, participant.publisher.negotiation.receivers());
        let ended: Vec<String> = participant
            .publications
            .values()
            .filter(|it| it.is_visible() && !it.encodings.iter().any(|encoding| carries(&sections, encoding)))
            .map(|it| it.sid.as_str().to_owned())
            .collect();
        for sid in ended {
            self.unpublish(key, &sid, false);
        }
        self.send_media(Command::SetReceivers { id: pc, receivers: sections.clone() });

        let mut started = Vec::new();
        for section in &sections {
            let Some(participant) = self.participants.get_mut(&key) else { return };
            let Some(sid) = claimant(participant.publications.values(), section) else { continue };
            let track = self.numbers.track(participant.place);
            let Some(publication) = participant.publications.get_mut(&sid) else { continue };
            let was_visible = publication.is_visible();
            let Some(spec) = publication.bind(track, section) else { continue };
            if !participant.is_publisher {
                participant.is_publisher = true;
                self.room_dirty = true;
            }
            if let Some(participant) = self.participants.get(&key) {
                self.note_track(track, participant, &sid);
            }
            self.by_track.insert(track, (key, sid.clone()));
            self.send_media(Command::AddTrack { transport: pc, track, mid: section.mid, spec });
            self.unlooked.insert((key, sid.clone()));
            if !was_visible {
                self.shared.metrics.tracks_published.of(section.kind).inc();
                started.push(sid);
            } else {
                self.codec_added(key, &sid);
            }
        }
        if started.is_empty() {
            return;
        }
        // Who learns of the track first understands the stream that follows.
        self.announce(key, true);
        for sid in started {
            let subscribers: Vec<_> = self
                .participants
                .iter()
                .filter(|(other, it)| **other != key && it.auto_subscribe)
                .map(|(other, _)| *other)
                .collect();
            for subscriber in subscribers {
                self.subscribe(subscriber, key, &sid);
            }
        }
    }

    /// Mutes or unmutes for everybody: nothing flows while muted. A publisher who did it by itself is not told:
    /// livekit-client would take the news for a contradiction and undo it.
    pub(super) fn set_muted(&mut self, key: ParticipantKey, sid: &str, muted: bool, by_server: bool) {
        let Some(publication) = self.participants.get_mut(&key).and_then(|it| it.publications.get_mut(sid)) else {
            return;
        };
        if publication.info.muted == muted {
            return;
        }
        publication.info.muted = muted;
        let tracks: Vec<_> = publication.encodings.iter().map(|encoding| encoding.track).collect();
        let visible = publication.is_visible();
        for track in tracks {
            self.send_media(Command::SetTrackMuted { track, muted });
        }
        if visible {
            self.announce(key, by_server);
        }
        if !muted {
            self.remind(key, sid);
        }
    }

    /// Ends a publication; `tell` says so to the publisher, who did not ask for it.
    pub(super) fn unpublish(&mut self, key: ParticipantKey, sid: &str, tell: bool) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let Some(publication) = participant.publications.remove(sid) else { return };
        for encoding in &publication.encodings {
            self.by_track.remove(&encoding.track);
            self.send_media(Command::RemoveTrack(encoding.track));
        }
        let subscribers: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, it)| it.subscriptions.contains_key(sid))
            .map(|(subscriber, _)| *subscriber)
            .collect();
        for subscriber in subscribers {
            self.drop_subscription(subscriber, sid);
        }
        for participant in self.participants.values_mut() {
            participant.settings.remove(sid);
            participant.unsubscribed.remove(sid);
        }
        if tell {
            self.tell_with(key, |session| session.track_unpublished(sid));
        }
        if publication.is_visible() {
            self.shared.metrics.tracks_published.of(publication.kind()).dec();
            self.announce(key, true);
        }
    }

    /// Subscribers that wait for this codec get it; those that were not offered it are offered it now.
    fn codec_added(&mut self, key: ParticipantKey, sid: &str) {
        let Some(publication) = self.participants.get(&key).and_then(|it| it.publications.get(sid)) else { return };
        let codecs: Vec<TrackCodec> = publication.offered();
        let waiting: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, it)| it.subscriptions.get(sid).is_some_and(|subscription| subscription.bound.is_none()))
            .map(|(subscriber, _)| *subscriber)
            .collect();
        for subscriber in waiting {
            self.bind_senders(subscriber);
            if let Some(participant) = self.participants.get_mut(&subscriber)
                && let Some(subscription) = participant.subscriptions.get_mut(sid)
                && subscription.bound.is_none()
            {
                subscription.spec.codecs.clone_from(&codecs);
                let spec = subscription.spec.clone();
                participant.downstream_mut().negotiation.add_sender(spec);
                self.stale.insert(subscriber);
            }
        }
        self.announce(key, true);
    }

    /// The backup codec flows: while the room is small everybody gets it, and the publisher need not encode twice
    /// (LiveKit's codec regression). Whoever cannot decode it keeps the other.
    pub(super) fn regress(&mut self, key: ParticipantKey, sid: &str, track: MediaTrackId) {
        let small = self.participants.len() < REGRESSION_THRESHOLD;
        let Some(publication) = self.participants.get_mut(&key).and_then(|it| it.publications.get_mut(sid)) else {
            return;
        };
        if !publication.regress(track, small) {
            return;
        }
        tracing::info!(room = %self.name, track = sid, "everybody gets the backup codec");
        let subscribers = self.participants.iter().filter(|(_, it)| it.subscriptions.contains_key(sid));
        let subscribers: Vec<_> = subscribers.map(|(subscriber, _)| *subscriber).collect();
        for subscriber in subscribers {
            self.bind_senders(subscriber);
        }
    }

    /// Ends what the participant may no longer publish.
    pub(super) fn enforce_publish_permission(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get(&key) else { return };
        let forbidden: Vec<String> = participant
            .publications
            .values()
            .filter(|it| {
                !participant.may_publish(TrackSource::try_from(it.info.source).unwrap_or(TrackSource::Unknown))
            })
            .map(|it| it.sid.as_str().to_owned())
            .collect();
        for sid in forbidden {
            self.unpublish(key, &sid, true);
        }
    }
}

/// A section still carries a publication while the encoding's section and its track id stay.
fn carries(sections: &[ReceiverSection], encoding: &Encoding) -> bool {
    sections.iter().any(|section| section.mid == encoding.mid && section.track_id == encoding.track_id)
}

/// The publication that a new section belongs to: by client id, else the first of its kind that has none
/// (clients whose msid differs from their cid).
fn claimant<'a>(
    publications: impl Iterator<Item = &'a Publication> + Clone,
    section: &ReceiverSection,
) -> Option<String> {
    let bound = publications.clone().any(|it| it.encodings.iter().any(|encoding| encoding.mid == section.mid));
    if bound {
        return None;
    }
    let by_cid = publications.clone().find(|it| it.cids.iter().any(|cid| *cid == *section.track_id));
    let fallback = || publications.clone().find(|it| !it.is_visible() && it.kind() == section.kind);
    by_cid.or_else(fallback).map(|it| it.sid.as_str().to_owned())
}

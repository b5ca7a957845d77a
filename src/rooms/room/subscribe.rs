//! Subscribing: who receives which track, in which layer.

use visavis_signaling::proto::{
    SubscriptionError, SubscriptionPermission, TrackPermission, UpdateSubscription, UpdateTrackSettings,
};

use super::Room;
use crate::media::Command;
use crate::rooms::media_plane::random_ssrc;
use crate::rooms::participant::{ParticipantKey, Subscription, TrackSettings};
use crate::rooms::publication::quality;
use crate::transport::sdp::SenderSpec;
use crate::units::MediaKind;

/// Tracks that one participant may subscribe to at once; every one costs an m-line.
const MAX_SUBSCRIPTIONS: usize = 1000;

impl Room {
    /// Subscribes a new participant to everything that is there.
    pub(super) fn subscribe_to_all(&mut self, subscriber: ParticipantKey) {
        let Some(participant) = self.participants.get(&subscriber) else { return };
        if participant.auto_subscribe {
            for (publisher, sid) in self.visible_tracks(subscriber) {
                self.subscribe(subscriber, publisher, &sid);
            }
        }
        self.subscribe_to_all_data(subscriber);
    }

    fn visible_tracks(&self, except: ParticipantKey) -> Vec<(ParticipantKey, String)> {
        self.participants
            .iter()
            .filter(|(key, _)| **key != except)
            .flat_map(|(key, it)| {
                let visible = it.publications.values().filter(|publication| publication.is_visible());
                visible.map(|publication| (*key, publication.sid.as_str().to_owned()))
            })
            .collect()
    }

    /// Makes a track flow to a subscriber, if both sides allow it. Repeated calls change nothing.
    pub(super) fn subscribe(&mut self, key: ParticipantKey, publisher: ParticipantKey, sid: &str) {
        let (Some(subscriber), Some(source)) = (self.participants.get(&key), self.participants.get(&publisher)) else {
            return;
        };
        let Some(publication) = source.publications.get(sid).filter(|it| it.is_visible()) else { return };
        if subscriber.subscriptions.contains_key(sid)
            || !subscriber.may_subscribe()
            || subscriber.unsubscribed.contains(sid)
            || subscriber.subscriptions.len() >= self.limit_of(publication.kind())
        {
            return;
        }
        let publisher_sid = source.sid.as_str().to_owned();
        if !source.allows(subscriber, sid) {
            self.tell_with(key, |session| session.subscription_permission(publisher_sid, sid, false));
            return;
        }
        let kind = publication.kind();
        let forwarder = self.numbers.forwarder(subscriber.place);
        let (ssrc, rtx_ssrc) = (random_ssrc(&mut self.rng), random_ssrc(&mut self.rng));
        let target = subscriber.target(publication);
        #[allow(deprecated, reason = "older clients state it only there")]
        let stereo = publication.info.stereo;
        let stream = format!("{publisher_sid}|{sid}");
        let spec = SenderSpec {
            forwarder,
            kind,
            stream_id: stream.into(),
            track_id: sid.into(),
            codecs: publication.offered(),
            ssrc,
            rtx_ssrc,
            stereo,
        };
        let subscription =
            Subscription { publisher, kind, forwarder, spec: spec.clone(), target, bound: None, codec: None };
        let Some(subscriber) = self.participants.get_mut(&key) else { return };
        subscriber.subscriptions.insert(sid.to_owned(), subscription);
        subscriber.downstream_mut().negotiation.add_sender(spec);
        self.stale.insert(key);
        self.shared.metrics.tracks_subscribed.of(kind).inc();
        self.tell_with(key, |session| session.subscription_permission(publisher_sid, sid, true));
    }

    fn limit_of(&self, kind: MediaKind) -> usize {
        let limit = match kind {
            MediaKind::Audio => self.shared.settings.subscription_limit_audio,
            MediaKind::Video => self.shared.settings.subscription_limit_video,
        };
        if limit == 0 { MAX_SUBSCRIPTIONS } else { limit.min(MAX_SUBSCRIPTIONS) }
    }

    /// Ends a subscription; the m-line is freed by the next description.
    pub(super) fn drop_subscription(&mut self, key: ParticipantKey, sid: &str) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let Some(subscription) = participant.subscriptions.remove(sid) else { return };
        participant.downstream_mut().negotiation.remove_sender(subscription.forwarder);
        self.stale.insert(key);
        self.shared.metrics.tracks_subscribed.of(subscription.kind).dec();
        if subscription.bound.is_some() {
            self.send_media(Command::RemoveForwarder(subscription.forwarder));
        }
        self.note_want(subscription.publisher, sid, key);
    }

    pub(super) fn update_subscription(&mut self, key: ParticipantKey, update: &UpdateSubscription) {
        let named = update.participant_tracks.iter().flat_map(|tracks| &tracks.track_sids);
        let sids: Vec<String> = update.track_sids.iter().chain(named).take(MAX_SUBSCRIPTIONS).cloned().collect();
        for sid in sids {
            let Some(participant) = self.participants.get_mut(&key) else { return };
            if !update.subscribe {
                participant.unsubscribed.insert(sid.clone());
                self.drop_subscription(key, &sid);
                continue;
            }
            participant.unsubscribed.remove(&sid);
            match self.publisher_of(&sid) {
                Some(publisher) => self.subscribe(key, publisher, &sid),
                None => {
                    self.tell_with(key, |session| session.subscription_failed(sid, SubscriptionError::SeTrackNotfound));
                }
            }
        }
    }

    pub(super) fn publisher_of(&self, sid: &str) -> Option<ParticipantKey> {
        self.participants.iter().find(|(_, it)| it.publications.contains_key(sid)).map(|(key, _)| *key)
    }

    pub(super) fn track_settings(&mut self, key: ParticipantKey, settings: &UpdateTrackSettings) {
        for sid in settings.track_sids.iter().take(MAX_SUBSCRIPTIONS) {
            let Some(participant) = self.participants.get_mut(&key) else { return };
            if participant.settings.len() >= MAX_SUBSCRIPTIONS && !participant.settings.contains_key(sid) {
                return;
            }
            let size = (settings.width > 0 && settings.height > 0).then_some((settings.width, settings.height));
            let wanted = TrackSettings {
                disabled: settings.disabled,
                quality: quality(settings.quality),
                size,
                pictures: settings.fps.min(u8::MAX.into()) as u8,
                priority: settings.priority.min(u8::MAX.into()) as u8,
            };
            participant.settings.insert(sid.clone(), wanted);
            self.retarget(key, sid);
        }
    }

    pub(super) fn set_disabled(&mut self, key: ParticipantKey, sid: &str, disabled: bool) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        if participant.settings.len() >= MAX_SUBSCRIPTIONS {
            return;
        }
        let adaptive = participant.adaptive_stream;
        let settings = participant.settings.entry(sid.to_owned()).or_insert(TrackSettings {
            disabled,
            quality: if adaptive { crate::media::Quality::Low } else { crate::media::Quality::High },
            size: None,
            pictures: 0,
            priority: 0,
        });
        settings.disabled = disabled;
        self.retarget(key, sid);
    }

    /// Tells the media wing what the subscriber wants now.
    fn retarget(&mut self, key: ParticipantKey, sid: &str) {
        let Some(participant) = self.participants.get(&key) else { return };
        let Some(subscription) = participant.subscriptions.get(sid) else { return };
        let Some(publication) = self.participants.get(&subscription.publisher).and_then(|it| it.publications.get(sid))
        else {
            return;
        };
        let target = participant.target(publication);
        let (forwarder, bound, changed) = (subscription.forwarder, subscription.bound, subscription.target != target);
        let priority = participant.priority(publication);
        if bound.is_some() && changed {
            self.send_media(Command::SetTarget { id: forwarder, target });
        }
        if bound.is_some() {
            self.send_media(Command::SetPriority { id: forwarder, priority });
        }
        if let Some(subscription) = self.participants.get_mut(&key).and_then(|it| it.subscriptions.get_mut(sid)) {
            subscription.target = target;
            let publisher = subscription.publisher;
            self.note_want(publisher, sid, key);
        }
    }

    pub(super) fn subscription_permission(&mut self, key: ParticipantKey, permission: SubscriptionPermission) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let entries: Vec<TrackPermission> = permission.track_permissions;
        participant.subscription_permission = Some(SubscriptionPermission {
            all_participants: permission.all_participants,
            track_permissions: entries.into_iter().take(MAX_SUBSCRIPTIONS).collect(),
        });
        self.enforce_subscription_permission(key);
    }

    /// Ends the subscriptions to a publisher's tracks that it does not allow, and begins those that it allows now.
    fn enforce_subscription_permission(&mut self, publisher: ParticipantKey) {
        let Some(source) = self.participants.get(&publisher) else { return };
        let publisher_sid = source.sid.as_str().to_owned();
        let mut denied = Vec::new();
        let mut allowed = Vec::new();
        for sid in source.publications.values().filter(|it| it.is_visible()).map(|it| it.sid.as_str()) {
            for (key, participant) in self.participants.iter().filter(|(key, _)| **key != publisher) {
                let subscribed = participant.subscriptions.contains_key(sid);
                match source.allows(participant, sid) {
                    false if subscribed => denied.push((*key, sid.to_owned())),
                    true if !subscribed && participant.auto_subscribe => allowed.push((*key, sid.to_owned())),
                    _ => {}
                }
            }
        }
        for (key, sid) in denied {
            self.drop_subscription(key, &sid);
            self.tell_with(key, |session| session.subscription_permission(publisher_sid.clone(), sid, false));
        }
        for (key, sid) in allowed {
            self.subscribe(key, publisher, &sid);
        }
    }

    /// Ends or begins subscriptions after the participant's own permission to subscribe changed.
    pub(super) fn enforce_own_subscriptions(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get(&key) else { return };
        if participant.may_subscribe() {
            self.subscribe_to_all(key);
            return;
        }
        let sids: Vec<String> = participant.subscriptions.keys().cloned().collect();
        for sid in sids {
            self.drop_subscription(key, &sid);
        }
    }
}

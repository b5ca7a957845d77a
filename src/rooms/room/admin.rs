//! The server's own API, applied to the room.

use visavis_signaling::data::{Channel, Packet};
use visavis_signaling::limits::merge_attributes;
use visavis_signaling::proto::{ParticipantInfo, TrackInfo, UpdateSubscription, data_packet};
use visavis_signaling::session::CloseReason;

use super::Room;
use crate::rooms::admin::{AdminError, AdminRequest, ParticipantChange};
use crate::rooms::participant::ParticipantKey;

impl Room {
    pub(super) fn admin(&mut self, request: AdminRequest) {
        // Whoever asked may have gone away meanwhile; the answer is then nobody's.
        match request {
            AdminRequest::Describe(reply) => drop(reply.send(Ok(self.info()))),
            AdminRequest::Participants(reply) => {
                let _ = reply.send(Ok(self.participants.values().map(|it| it.info()).collect()));
            }
            AdminRequest::Participant { identity, reply } => {
                let _ = reply.send(self.find(&identity).and_then(|key| self.info_of(key)));
            }
            AdminRequest::Remove { identity, reply } => {
                let found = self.find(&identity);
                if let Ok(key) = found {
                    self.dismiss(key, CloseReason::ParticipantRemoved);
                }
                let _ = reply.send(found.map(|_| ()));
            }
            AdminRequest::Mute { identity, track_sid, muted, reply } => {
                let _ = reply.send(self.mute_by_server(&identity, &track_sid, muted));
            }
            AdminRequest::Update { identity, change, reply } => {
                let _ = reply.send(self.find(&identity).and_then(|key| self.change_participant(key, *change)));
            }
            AdminRequest::Subscriptions { identity, track_sids, subscribe, reply } => {
                let found = self.find(&identity);
                if let Ok(key) = found {
                    let update = UpdateSubscription { track_sids, subscribe, ..Default::default() };
                    self.update_subscription(key, &update);
                }
                let _ = reply.send(found.map(|_| ()));
            }
            AdminRequest::SendData { packet, reply } => {
                #[allow(deprecated, reason = "the only field that says which channel")]
                let lossy = packet.kind == data_packet::Kind::Lossy as i32;
                let channel = if lossy { Channel::Lossy } else { Channel::Reliable };
                let packet = Packet::from_message(*packet);
                if !self.nonces.is_repeat(packet.nonce()) {
                    self.distribute(None, channel, &packet);
                }
                let _ = reply.send(Ok(()));
            }
            AdminRequest::Metadata { metadata, reply } => {
                let limit = self.shared.settings.limits.check_metadata(&metadata);
                if limit.is_err() {
                    let _ = reply.send(Err(AdminError::TooLong));
                    return;
                }
                self.options.metadata = metadata;
                self.last_room_update = None;
                self.room_dirty = true;
                let _ = reply.send(Ok(self.info()));
            }
            AdminRequest::Close { reason, reply } => {
                self.close_with_notice(reason);
                let _ = reply.send(Ok(()));
            }
            AdminRequest::Notice { payload, reply } => {
                self.notify(&payload);
                let _ = reply.send(Ok(()));
            }
            AdminRequest::Flight(reply) => drop(reply.send(Ok(self.flight_sheet()))),
            AdminRequest::Delete(reply) => {
                self.close_room(CloseReason::RoomDeleted);
                let _ = reply.send(Ok(()));
            }
        }
    }

    fn find(&self, identity: &str) -> Result<ParticipantKey, AdminError> {
        self.by_identity.get(identity).copied().ok_or(AdminError::NoParticipant)
    }

    fn info_of(&self, key: ParticipantKey) -> Result<ParticipantInfo, AdminError> {
        self.participants.get(&key).map(|it| it.info()).ok_or(AdminError::NoParticipant)
    }

    fn mute_by_server(&mut self, identity: &str, sid: &str, muted: bool) -> Result<TrackInfo, AdminError> {
        let key = self.find(identity)?;
        if !muted && !self.shared.settings.enable_remote_unmute {
            return Err(AdminError::UnmuteDisabled);
        }
        let known = self.participants.get(&key).is_some_and(|it| it.publications.contains_key(sid));
        if !known {
            return Err(AdminError::NoTrack);
        }
        self.set_muted(key, sid, muted, true);
        self.tell_with(key, |session| session.track_muted(sid, muted));
        let info = self.participants.get(&key).and_then(|it| it.publications.get(sid)).map(|it| it.info.clone());
        info.ok_or(AdminError::NoTrack)
    }

    /// Changes name, metadata, attributes and permissions in mid-call.
    fn change_participant(
        &mut self,
        key: ParticipantKey,
        change: ParticipantChange,
    ) -> Result<ParticipantInfo, AdminError> {
        let limits = self.shared.settings.limits;
        let participant = self.participants.get_mut(&key).ok_or(AdminError::NoParticipant)?;
        let mut attributes = participant.claims.attributes.clone();
        merge_attributes(&mut attributes, &change.attributes);
        let fits = limits.check_attributes(&attributes).is_ok()
            && change.metadata.as_ref().is_none_or(|metadata| limits.check_metadata(metadata).is_ok())
            && change.name.as_ref().is_none_or(|name| limits.check_name(name).is_ok());
        if !fits {
            return Err(AdminError::TooLong);
        }
        participant.claims.attributes = attributes;
        if let Some(metadata) = change.metadata {
            participant.claims.metadata = metadata;
        }
        if let Some(name) = change.name {
            participant.claims.name = name;
        }
        let permission = change.permission;
        if let Some(permission) = &permission {
            if let Some(video) = &mut participant.claims.video {
                video.apply_permission(permission);
            }
            participant.session.set_permission(permission.clone());
        }
        self.announce(key, true);
        self.refresh_token(key);
        if permission.is_some() {
            self.enforce_publish_permission(key);
            self.enforce_data_permission(key);
            self.enforce_own_subscriptions(key);
        }
        self.info_of(key)
    }
}

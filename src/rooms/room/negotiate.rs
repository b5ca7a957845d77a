//! Offers and answers between a participant's client, its [`Negotiation`](crate::transport::sdp::Negotiation)
//! and the media wing.

use visavis_signaling::connect::ClientQuirks;
use visavis_signaling::proto::{self, AudioTrackFeature, SubscriptionError};
use visavis_signaling::session::{CloseReason, Counts, LeaveAction};

use super::Room;
use crate::ids::ForwarderId;
use crate::media::Command;
use crate::rooms::media_plane::Place;
use crate::rooms::participant::{Participant, ParticipantKey, PcRole};
use crate::rooms::publication::Choice;
use crate::rtp::Codec;
use crate::transport::ReceiverSection;
use crate::transport::sdp::{CodecRule, EnabledCodec, EnabledCodecs, PublishEdits, RemoteDescription, SdpError};
use crate::units::MediaKind;

impl Room {
    /// The client's offer: its publisher connection in v0, the only one in v1.
    pub(super) fn on_offer(&mut self, key: ParticipantKey, id: u32, sdp: &str) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let pc = participant.publisher.id;
        let remote = match participant.publisher.negotiation.accept_offer(sdp) {
            Ok(remote) => remote,
            Err(error) => return self.negotiation_failed(key, &error),
        };
        let restart = remote.ice_restart;
        if restart {
            let ice = self.shared.media.ice_credentials(self.span.shard(Place::of(pc.0)));
            if let Some(participant) = self.participants.get_mut(&key) {
                participant.publisher.negotiation.restart_ice(ice.clone());
            }
            self.send_media(Command::RestartIce { id: pc, ice });
        }
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let Participant { publisher, publications, quirks, .. } = &mut **participant;
        let edits = |section: &ReceiverSection| publish_edits(section, publications.values(), quirks);
        let local = match publisher.negotiation.answer(&edits) {
            Ok(local) => local,
            Err(error) => return self.negotiation_failed(key, &error),
        };
        let needs = participant.publisher.negotiation.needs();
        let outstanding = Counts::new(needs.audios, needs.videos);
        self.apply_remote(pc, &remote);
        self.tell_with(key, |session| session.answer(id, local.sdp, local.mid_to_track_id, outstanding));
        self.tell_unsupported(key, &local.unsupported);
        self.bind_sections(key);
        if self.participants.get(&key).is_some_and(|it| it.downstream_role() == PcRole::Publisher) {
            self.bind_senders(key);
        }
    }

    /// The client's answer to our offer, v0 only.
    pub(super) fn on_answer(&mut self, key: ParticipantKey, sdp: &str) {
        let Some(subscriber) = self.participants.get_mut(&key).and_then(|it| it.subscriber.as_mut()) else { return };
        let pc = subscriber.id;
        match subscriber.negotiation.accept_answer(sdp) {
            Ok(remote) => {
                self.apply_remote(pc, &remote);
                self.bind_senders(key);
            }
            Err(error) => self.negotiation_failed(key, &error),
        }
    }

    /// Makes the offer that the session asked for, v0 only.
    pub(super) fn create_offer(&mut self, key: ParticipantKey, ice_restart: bool) {
        let now = self.steady_time();
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let shard = self.span.shard(participant.place);
        let ice = ice_restart.then(|| self.shared.media.ice_credentials(shard));
        let Some(subscriber) = participant.subscriber.as_mut() else { return };
        let restart = ice.map(|ice| {
            subscriber.negotiation.restart_ice(ice.clone());
            Command::RestartIce { id: subscriber.id, ice }
        });
        let (message, unsupported) = match subscriber.negotiation.offer() {
            Ok(local) => (participant.session.offer(local.sdp, local.mid_to_track_id, now), local.unsupported),
            Err(error) => {
                participant.session.offer_failed();
                return self.negotiation_failed(key, &error);
            }
        };
        if let Some(command) = restart {
            self.send_media(command);
        }
        self.tell(key, message);
        self.tell_unsupported(key, &unsupported);
    }

    /// Tracks that the client cannot decode stay unsubscribed until they bring another codec.
    fn tell_unsupported(&mut self, key: ParticipantKey, forwarders: &[ForwarderId]) {
        let Some(participant) = self.participants.get(&key) else { return };
        let sids: Vec<String> = participant
            .subscriptions
            .iter()
            .filter(|(_, it)| forwarders.contains(&it.forwarder))
            .map(|(sid, _)| sid.clone())
            .collect();
        for sid in sids {
            tracing::info!(room = %self.name, track = %sid, "no codec in common with a subscriber");
            self.tell_with(key, |session| session.subscription_failed(sid, SubscriptionError::SeCodecUnsupported));
        }
    }

    /// The senders of a participant changed: a new description is due.
    pub(super) fn renegotiate(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        let needs = participant.downstream_mut().negotiation.needs();
        let first = participant.subscriber_primary() && !participant.downstream().connected;
        if !needs.any_change && !first {
            return;
        }
        let actions = participant.session.negotiate(Counts::new(needs.audios, needs.videos));
        self.perform(key, actions);
    }

    fn apply_remote(&mut self, pc: crate::ids::TransportId, remote: &RemoteDescription) {
        self.send_media(Command::SetRemote { id: pc, remote: Box::new(remote.transport.clone()) });
    }

    /// Tells the media wing which of our streams the client now expects where.
    pub(super) fn bind_senders(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get(&key) else { return };
        let (pc, senders) = (participant.downstream().id, participant.downstream().negotiation.senders());
        let by_forwarder: Vec<_> = participant
            .subscriptions
            .iter()
            .map(|(sid, subscription)| {
                (subscription.forwarder, sid.clone(), subscription.publisher, subscription.bound)
            })
            .collect();
        for section in &senders {
            let Some((forwarder, sid, publisher, bound)) =
                by_forwarder.iter().find(|(forwarder, ..)| *forwarder == section.forwarder)
            else {
                continue;
            };
            let Some(publication) = self.participants.get(publisher).and_then(|it| it.publications.get(sid.as_str()))
            else {
                continue;
            };
            let accepts = |codec: Codec| {
                section
                    .codecs
                    .iter()
                    .any(|params| params.codec == codec || codec == Codec::Red && params.codec == Codec::Opus)
            };
            let chosen = publication.choose(accepts);
            let Some(Choice { codec, track }) = chosen.filter(|it| bound.is_none() || *bound != it.track) else {
                continue;
            };
            let Some(participant) = self.participants.get(&key) else { return };
            let target = participant.target(publication);
            let priority = participant.priority(publication);
            match (bound, track) {
                (Some(_), Some(track)) => self.send_media(Command::MoveForwarder { id: *forwarder, track }),
                (None, Some(track)) => {
                    self.send_media(Command::AddForwarder { id: *forwarder, track, transport: pc, target });
                    self.send_media(Command::SetPriority { id: *forwarder, priority });
                }
                // Its publisher is asked for that codec.
                (_, None) => {}
            }
            if let Some(subscription) =
                self.participants.get_mut(&key).and_then(|it| it.subscriptions.get_mut(sid.as_str()))
            {
                subscription.bound = track;
                subscription.codec = Some(codec);
                subscription.target = target;
            }
            self.note_want(*publisher, sid, key);
        }
        self.send_media(Command::SetSenders { id: pc, senders });
    }

    fn negotiation_failed(&mut self, key: ParticipantKey, error: &SdpError) {
        let Some(participant) = self.participants.get_mut(&key) else { return };
        tracing::warn!(room = %self.name, identity = %participant.identity, %error, "description refused");
        self.shared.metrics.signal_errors.count("negotiation");
        let actions = participant.session.close(CloseReason::NegotiateFailed, Some(LeaveAction::Reconnect));
        self.perform(key, actions);
    }
}

/// What the room and the client allow.
pub(super) fn enabled_codecs(room: &[proto::Codec], quirks: &ClientQuirks) -> EnabledCodecs {
    let read = |codec: &proto::Codec| {
        let fmtp = (!codec.fmtp_line.is_empty()).then(|| codec.fmtp_line.as_str().into());
        Codec::parse(&codec.mime).map(|codec| EnabledCodec { codec, fmtp })
    };
    let all: Vec<EnabledCodec> = room.iter().filter_map(read).collect();
    let mut publish = all.clone();
    let mut subscribe = all;
    if let Some(disabled) = quirks.disabled_codecs() {
        let hits = |list: &[proto::Codec], codec: Codec| list.iter().any(|it| Codec::parse(&it.mime) == Some(codec));
        publish.retain(|it| !hits(&disabled.codecs, it.codec) && !hits(&disabled.publish, it.codec));
        subscribe.retain(|it| !hits(&disabled.codecs, it.codec));
    }
    if !quirks.supports_audio_red() {
        publish.retain(|it| it.codec != Codec::Red);
        subscribe.retain(|it| it.codec != Codec::Red);
    }
    EnabledCodecs { publish, subscribe, rtx: true }
}

/// The answer's edits for a section, from what its add_track said.
fn publish_edits<'a>(
    section: &ReceiverSection,
    publications: impl Iterator<Item = &'a crate::rooms::publication::Publication>,
    quirks: &ClientQuirks,
) -> PublishEdits {
    let publication = publications.into_iter().find(|publication| {
        publication.encodings.iter().any(|encoding| encoding.mid == section.mid)
            || publication.cids.iter().any(|cid| *cid == *section.track_id)
    });
    let Some(publication) = publication else { return PublishEdits::default() };
    let wanted = publication.wanted_codec(&section.track_id);
    let codecs = match wanted {
        None => CodecRule::Any,
        Some(codec) if section.kind == MediaKind::Video && !quirks.complies_with_codec_order() => {
            CodecRule::Only(codec)
        }
        Some(codec) => CodecRule::Prefer(codec),
    };
    let has = |feature: AudioTrackFeature| publication.info.audio_features.contains(&(feature as i32));
    PublishEdits {
        codecs,
        dtx: !has(AudioTrackFeature::TfNoDtx),
        stereo: has(AudioTrackFeature::TfStereo),
        red: !publication.info.disable_red && quirks.supports_audio_red(),
        ..PublishEdits::default()
    }
}

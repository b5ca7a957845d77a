//! One participant of a room: identity, session, peer connections, publications and subscriptions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use visavis_signaling::connect::{ClientQuirks, ConnectRequest, Mode};
use visavis_signaling::data::{ChatTap, ReliableGate, Sequence};
use visavis_signaling::data_track::{DataTrackRegistry, HandleAllocator};
use visavis_signaling::proto::{self, ParticipantInfo, SubscriptionPermission, TrackSource, participant_info};
use visavis_signaling::session::Session;
use visavis_signaling::token::Claims;

use crate::ids::{ForwarderId, ParticipantSid, TransportId};
use crate::media::{LayerTarget, Quality};
use crate::rooms::link::OutgoingSender;
use crate::rooms::media_plane::Place;
use crate::rooms::news::NewsNumber;
use crate::rooms::observer::{Arrival, Who};
use crate::rooms::publication::Publication;
use crate::rooms::quality::QualityMeter;
use crate::rtp::Codec;
use crate::transport::IceCredentials;
use crate::transport::sdp::{Negotiation, SenderSpec};
use crate::units::{MediaKind, UnixTime};

/// A participant's number in its room, in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantKey(pub u32);

/// One WebSocket connection; messages of an older one are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(pub u64);

/// Which peer connection of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PcRole {
    /// The client sends on it (v0), or the only one (v1).
    Publisher,
    /// The server sends on it (v0).
    Subscriber,
}

/// One peer connection as the control plane sees it.
#[derive(Debug)]
pub struct PeerConnection {
    /// Its name in the media wing.
    pub id: TransportId,
    /// Our ICE credentials at its making.
    pub ice: IceCredentials,
    /// Offers and answers.
    pub negotiation: Negotiation,
    /// Media may flow.
    pub connected: bool,
    /// It was connected once.
    pub ever_connected: bool,
}

/// A subscription to one track.
#[derive(Debug)]
pub struct Subscription {
    /// The publisher.
    pub publisher: ParticipantKey,
    /// Audio or video.
    pub kind: MediaKind,
    /// Its forwarder.
    pub forwarder: ForwarderId,
    /// Its stream as negotiated with the subscriber.
    pub spec: SenderSpec,
    /// What the subscriber wants.
    pub target: LayerTarget,
    /// The encoding that feeds the forwarder, once a section is bound.
    pub bound: Option<crate::ids::MediaTrackId>,
    /// The codec that feeds it or is to.
    pub codec: Option<Codec>,
}

/// The last word of a subscriber about a track, kept while it is not subscribed too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackSettings {
    /// No packets at all.
    pub disabled: bool,
    /// The best layer wanted, where no size is given.
    pub quality: Quality,
    /// The element's size, which is preferred.
    pub size: Option<(u32, u32)>,
    /// Pictures a second that suffice; 0 for all.
    pub pictures: u8,
    /// How much it matters beside others; 0 where nothing was said.
    pub priority: u8,
}

/// The open WebSocket of a participant.
#[derive(Debug)]
pub struct Link {
    /// Which connection.
    pub id: LinkId,
    /// Messages to the client, bounded.
    pub outgoing: OutgoingSender,
}

/// One participant.
#[derive(Debug)]
pub struct Participant {
    /// Its number in the room.
    pub key: ParticipantKey,
    /// On which of the room's shards its connections are.
    pub place: Place,
    /// Session id.
    pub sid: ParticipantSid,
    /// Who it is, unique in the room.
    pub identity: Arc<str>,
    /// The token's claims with everything that changed since.
    pub claims: Claims,
    /// When the token it joined with expires.
    pub token_expires_at: UnixTime,
    /// What the client is.
    pub client: proto::ClientInfo,
    /// How the client deviates.
    pub quirks: ClientQuirks,
    /// Two peer connections or one.
    pub mode: Mode,
    /// The signaling protocol's state.
    pub session: Session,
    /// The WebSocket, while there is one.
    pub link: Option<Link>,
    /// The connection the client publishes on; the only one in v1.
    pub publisher: PeerConnection,
    /// The connection the server sends on, in v0.
    pub subscriber: Option<PeerConnection>,
    /// State as others see it.
    pub state: participant_info::State,
    /// When it joined.
    pub joined_at: UnixTime,
    /// Rises with every change that others are told.
    pub version: u32,
    /// What others were told of it last, encoded; newcomers get it with the room.
    pub told: Bytes,
    /// What it has been told of others' coming and going ends here.
    pub news_from: NewsNumber,
    /// It has published something in this session.
    pub is_publisher: bool,
    /// Subscribe to every track.
    pub auto_subscribe: bool,
    /// Subscribe to every data track.
    pub auto_subscribe_data: bool,
    /// The client reports the size of its video elements.
    pub adaptive_stream: bool,
    /// Tracks announced or published, by id.
    pub publications: BTreeMap<String, Publication>,
    /// Whom it lets subscribe.
    pub subscription_permission: Option<SubscriptionPermission>,
    /// Its subscriptions, by track id.
    pub subscriptions: HashMap<String, Subscription>,
    /// Its settings, by track id.
    pub settings: HashMap<String, TrackSettings>,
    /// Tracks that it chose not to have.
    pub unsubscribed: std::collections::HashSet<String>,
    /// Its data tracks.
    pub data_tracks: DataTrackRegistry,
    /// Media ids of its data tracks, by id.
    pub data_track_ids: HashMap<String, crate::ids::MediaDataTrackId>,
    /// Data tracks it subscribes to: id to its own handle.
    pub data_subscriptions: BTreeMap<String, u16>,
    /// Its own handles.
    pub handles: HandleAllocator,
    /// Reliable sequence numbers received from it.
    pub sequence: Sequence,
    /// Holds reliable messages back until its channel is open.
    pub gate: ReliableGate,
    /// Its id as messages carry it.
    pub shared_sid: Arc<str>,
    /// Speakers it was last told of: participant id to level.
    pub told_speakers: HashMap<String, f32>,
    /// What it was last told of connection quality, by participant id.
    pub told_quality: HashMap<String, i32>,
    /// When the client said goodbye on the media path; its leave may still be under way.
    pub media_closed: Option<std::time::Instant>,
    /// When its WebSocket closed, while there is none.
    pub link_lost: Option<std::time::Instant>,
    /// When the token is refreshed next.
    pub refresh_at: std::time::Instant,
    /// Finds what it says among its messages, where that is kept.
    pub chat: ChatTap,
    /// Gathers its figures, once it is active.
    pub meter: Option<QualityMeter>,
    /// A test hook of the client's: close the WebSocket after the next resume.
    pub drop_signal_on_resume: Option<DropSignal>,
}

/// How a client asked the server to misbehave at its next resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropSignal {
    /// After the first messages.
    AfterMessages,
    /// Before any.
    WithoutMessages,
}

impl Participant {
    /// What others are told.
    pub fn info(&self) -> ParticipantInfo {
        let video = self.claims.video.clone().unwrap_or_default();
        ParticipantInfo {
            sid: self.sid.as_str().into(),
            identity: self.identity.to_string(),
            state: self.state as i32,
            tracks: self
                .publications
                .values()
                .filter(|track| track.is_visible())
                .map(|track| track.info.clone())
                .collect(),
            metadata: self.claims.metadata.clone(),
            joined_at: self.joined_at.as_secs(),
            joined_at_ms: self.joined_at.as_millis(),
            name: self.claims.name.clone(),
            version: self.version,
            permission: Some(video.to_permission()),
            is_publisher: self.is_publisher,
            kind: self.claims.kind as i32,
            kind_details: self.claims.kind_details.iter().map(|detail| *detail as i32).collect(),
            attributes: self.claims.attributes.clone(),
            data_tracks: self.data_tracks.tracks().to_vec(),
            client_protocol: self.client.client_protocol,
            capabilities: self.client.capabilities.clone(),
            ..Default::default()
        }
    }

    /// As facts name it.
    pub fn who(&self) -> Who {
        Who { sid: self.sid.clone(), identity: Arc::clone(&self.identity) }
    }

    /// What is recorded of its arrival.
    pub fn arrival(&self) -> Arrival {
        Arrival {
            who: self.who(),
            name: self.claims.name.clone(),
            attributes: self.claims.attributes.clone(),
            jti: self.claims.jti.clone(),
            kind: self.claims.kind,
            dependent: self.is_dependent(),
        }
    }

    /// Others do not see it.
    pub fn is_hidden(&self) -> bool {
        self.claims.video.as_ref().is_some_and(|video| video.hidden)
    }

    /// It may subscribe.
    pub fn may_subscribe(&self) -> bool {
        self.claims.video.as_ref().is_none_or(|video| video.may_subscribe())
    }

    /// It may publish from this source.
    pub fn may_publish(&self, source: TrackSource) -> bool {
        self.claims.video.as_ref().is_some_and(|video| video.may_publish_source(source))
    }

    /// It may send data.
    pub fn may_publish_data(&self) -> bool {
        self.claims.video.as_ref().is_some_and(|video| video.may_publish_data())
    }

    /// It counts towards the room's maximum and keeps the room open.
    pub fn is_dependent(&self) -> bool {
        self.claims.is_dependent()
    }

    /// The connection on which the server sends media and data.
    pub fn downstream(&self) -> &PeerConnection {
        self.subscriber.as_ref().unwrap_or(&self.publisher)
    }

    /// The connection on which the server sends media.
    pub fn downstream_mut(&mut self) -> &mut PeerConnection {
        self.subscriber.as_mut().unwrap_or(&mut self.publisher)
    }

    /// The role of [`Self::downstream`].
    pub fn downstream_role(&self) -> PcRole {
        if self.subscriber.is_some() { PcRole::Subscriber } else { PcRole::Publisher }
    }

    /// The subscriber connection carries the session (v0 with permission to subscribe when joining).
    pub fn subscriber_primary(&self) -> bool {
        self.subscriber.is_some() && self.session.subscriber_primary()
    }

    /// The connection on which the session depends, and downstream data goes.
    pub fn primary(&self) -> &PeerConnection {
        match &self.subscriber {
            Some(subscriber) if self.session.subscriber_primary() => subscriber,
            _ => &self.publisher,
        }
    }

    /// A peer connection by role.
    pub fn pc_mut(&mut self, role: PcRole) -> Option<&mut PeerConnection> {
        match role {
            PcRole::Publisher => Some(&mut self.publisher),
            PcRole::Subscriber => self.subscriber.as_mut(),
        }
    }

    /// Whether media of this participant was ever connected.
    pub fn has_ever_connected(&self) -> bool {
        self.publisher.ever_connected || self.subscriber.as_ref().is_some_and(|pc| pc.ever_connected)
    }

    /// Whether `other` may subscribe to a track of this participant (LiveKit's subscription permission).
    pub fn allows(&self, other: &Participant, track_sid: &str) -> bool {
        let Some(permission) = &self.subscription_permission else { return true };
        if permission.all_participants || other.is_recorder() {
            return true;
        }
        permission.track_permissions.iter().any(|entry| {
            let same = if entry.participant_identity.is_empty() {
                entry.participant_sid == other.sid.as_str()
            } else {
                entry.participant_identity == *other.identity
            };
            same && (entry.all_tracks || entry.track_sids.iter().any(|sid| sid == track_sid))
        })
    }

    /// A recording service: exempt from track permissions.
    pub fn is_recorder(&self) -> bool {
        self.claims.kind == participant_info::Kind::Egress
            || self.claims.video.as_ref().is_some_and(|video| video.recorder)
    }

    /// The layer it wants of a track now.
    pub fn target(&self, publication: &Publication) -> LayerTarget {
        match self.settings.get(publication.sid.as_str()) {
            None => LayerTarget {
                quality: if self.adaptive_stream { Quality::Low } else { Quality::High },
                ..LayerTarget::default()
            },
            Some(settings) => LayerTarget {
                disabled: settings.disabled,
                pictures: settings.pictures,
                quality: match settings.size {
                    Some((width, height)) => publication.quality_for(width, height),
                    None => settings.quality,
                },
            },
        }
    }

    /// How much a track matters to it beside others, where there is not room for all: screens before cameras, unless it
    /// said otherwise.
    pub fn priority(&self, publication: &Publication) -> u8 {
        let told = self.settings.get(publication.sid.as_str()).map_or(0, |settings| settings.priority);
        // On the wire 1 is the highest.
        match told {
            0 if publication.info.source == TrackSource::ScreenShare as i32 => u8::MAX,
            0 => 1,
            told => (u8::MAX - told).max(2),
        }
    }

    /// What the client asked for at connecting.
    pub fn options_of(request: &ConnectRequest) -> (bool, bool, bool) {
        (request.auto_subscribe, request.auto_subscribe_data_track.unwrap_or(false), request.adaptive_stream)
    }
}

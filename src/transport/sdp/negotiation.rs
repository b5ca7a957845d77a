//! The state of one peer connection's offers and answers, whichever side offers.

use std::collections::HashMap;
use std::sync::Arc;

use super::candidate::Candidate;
use super::error::SdpError;
use super::remote::{RemoteSdp, SectionMedia, Setup};
use super::settings::{EnabledCodecs, TrackCodec};
use crate::ids::ForwarderId;
use crate::transport::{DtlsRole, Fingerprint, IceCredentials, ReceiverSection, RemoteTransport, SenderSection};
use crate::units::{MediaKind, Mid, Ssrc};

/// Which side of every exchange we are. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegotiationRole {
    /// The client offers: v1's single connection, v0's publisher connection.
    Answerer,
    /// We offer: v0's subscriber connection. It has a data channel section from the first offer on.
    Offerer,
}

/// Our side of the connection.
#[derive(Clone, Debug)]
pub struct LocalParams {
    /// Number of the `o=` line, below 2^63.
    pub session_id: u64,
    /// Our ICE credentials.
    pub ice: IceCredentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Where we can be reached. All of them are in every description.
    pub candidates: Vec<Candidate>,
    /// Announce `a=ice-options:trickle`; some clients trickle only then.
    pub trickle: bool,
    /// What may be sent and received.
    pub enabled: EnabledCodecs,
    /// Sections whose sender has gone carry another one later. False for clients that cannot (Safari).
    pub reuse_sections: bool,
    /// Negotiate the playout-delay extension with subscribers.
    pub playout_delay: bool,
}

/// A stream to be sent to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderSpec {
    /// Its name.
    pub forwarder: ForwarderId,
    /// Audio or video.
    pub kind: MediaKind,
    /// First part of `a=msid`: `PA_…|TR_…`, or `PA_…|camera` where streams are synchronised.
    pub stream_id: Arc<str>,
    /// Second part of `a=msid`, and what `mid_to_track_id` says: `TR_…`.
    pub track_id: Arc<str>,
    /// What the track is or may become, best first. RED brings Opus with it.
    pub codecs: Vec<TrackCodec>,
    /// Our stream.
    pub ssrc: Ssrc,
    /// Our retransmission stream.
    pub rtx_ssrc: Ssrc,
    /// Opus with two channels (`sprop-stereo=1`).
    pub stereo: bool,
}

impl SenderSpec {
    /// The canonical name of the stream: the publisher's id, so that all its streams share one clock.
    pub fn cname(&self) -> &str {
        self.stream_id.split('|').next().unwrap_or(&self.stream_id)
    }
}

/// What a peer's description settled.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteDescription {
    /// How the peer is reached.
    pub transport: RemoteTransport,
    /// The peer's ICE credentials are not those of its last description: it restarts ICE.
    /// Give [`Negotiation::restart_ice`] new ones of ours before answering.
    pub ice_restart: bool,
    /// Sections on which the peer would send, before any edit.
    pub receivers: Vec<ReceiverSection>,
    /// Senders that this answer refuses, for want of a codec as a rule. They are not offered again until added anew.
    pub refused: Vec<ForwarderId>,
}

/// A description of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDescription {
    /// The text.
    pub sdp: String,
    /// Mid of each sending section with its track's id.
    pub mid_to_track_id: HashMap<String, String>,
    /// Data channels are part of it.
    pub has_application: bool,
    /// Senders that the peer has no codec for. They are not tried again until added anew.
    pub unsupported: Vec<ForwarderId>,
}

/// What keeps the current description from being the wanted one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionsNeeded {
    /// Audio sections that the client must add (always 0 where we offer).
    pub audios: u32,
    /// Video sections that the client must add (always 0 where we offer).
    pub videos: u32,
    /// Something waits for the next exchange, missing sections or not.
    pub any_change: bool,
}

/// What our side does with a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing is sent; a sender may move in.
    Free,
    /// Carries this forwarder.
    Sending(ForwarderId),
    /// Its sender has gone and the peer must be told.
    Draining,
    /// The peer has been told in an offer and has yet to answer.
    Closing,
    /// Nothing will be sent on it again.
    Spent,
}

/// One m-line.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub mid: Mid,
    pub media: SectionMedia,
    /// Port 0 in the last exchange: the m-line may be recycled.
    pub rejected: bool,
    /// The peer wants to receive on it.
    pub wanted: bool,
    pub slot: Slot,
    /// What the peer sends on it.
    pub receiver: Option<ReceiverSection>,
}

impl Section {
    pub(super) const fn new(mid: Mid, media: SectionMedia) -> Self {
        Self { mid, media, rejected: false, wanted: false, slot: Slot::Free, receiver: None }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub spec: SenderSpec,
    /// Index of its section.
    pub section: Option<usize>,
    /// What the peer accepted.
    pub accepted: Option<SenderSection>,
    /// No codec in common; not tried again.
    pub unsupported: bool,
}

/// One peer connection's offers and answers. Which section carries what is stable: a sender keeps its mid, an
/// m-line is only taken over when it is free.
#[derive(Clone, Debug)]
pub struct Negotiation {
    pub(super) role: NegotiationRole,
    pub(super) local: LocalParams,
    /// Version of the `o=` line.
    pub(super) version: u64,
    pub(super) sections: Vec<Section>,
    pub(super) senders: Vec<Sender>,
    pub(super) remote_ice: Option<IceCredentials>,
    /// Our part in the handshake, once settled: later descriptions must not turn it (RFC 8842 §5.5).
    pub(super) dtls: Option<DtlsRole>,
    /// Accepted and not yet answered.
    pub(super) pending: Option<RemoteSdp>,
    /// Our offer waits for its answer.
    pub(super) in_flight: bool,
    /// Something of ours changed that no section or sender shows.
    pub(super) changed: bool,
    /// The next mid of ours.
    pub(super) next_mid: u32,
}

impl Negotiation {
    /// A connection before its first description.
    pub fn new(role: NegotiationRole, local: LocalParams) -> Self {
        Self {
            role,
            local,
            version: 0,
            sections: Vec::new(),
            senders: Vec::new(),
            remote_ice: None,
            dtls: None,
            pending: None,
            in_flight: false,
            changed: role == NegotiationRole::Offerer,
            next_mid: 0,
        }
    }

    /// Which side we are.
    pub const fn role(&self) -> NegotiationRole {
        self.role
    }

    /// An offer of ours has not been answered: make no other.
    pub const fn awaits_answer(&self) -> bool {
        self.in_flight
    }

    /// A stream to be sent from the next exchange on. One that exists already is updated in place: codecs and ids
    /// take effect with the next description, the section stays.
    pub fn add_sender(&mut self, spec: SenderSpec) {
        if let Some(sender) = self.senders.iter_mut().find(|sender| sender.spec.forwarder == spec.forwarder) {
            self.changed |= sender.spec != spec;
            sender.unsupported &= sender.spec == spec;
            sender.spec = spec;
            return;
        }
        self.senders.push(Sender { spec, section: None, accepted: None, unsupported: false });
    }

    /// The stream has ended. Its section is announced inactive in the next exchange and free after that.
    pub fn remove_sender(&mut self, forwarder: ForwarderId) {
        let Some(index) = self.senders.iter().position(|sender| sender.spec.forwarder == forwarder) else { return };
        let sender = self.senders.remove(index);
        if let Some(section) = sender.section.and_then(|index| self.sections.get_mut(index)) {
            section.slot = Slot::Draining;
        }
    }

    /// New ICE credentials of ours from the next description on. An answer to a restarting peer must have them.
    pub fn restart_ice(&mut self, ice: IceCredentials) {
        self.local.ice = ice;
        self.changed = true;
    }

    /// Replaces our candidates, from the next description on.
    pub fn set_candidates(&mut self, candidates: Vec<Candidate>) {
        self.changed |= self.local.candidates != candidates;
        self.local.candidates = candidates;
    }

    /// What the next exchange must bring.
    pub fn needs(&self) -> SectionsNeeded {
        let draining = self.sections.iter().any(|section| section.slot == Slot::Draining);
        let waiting = |kind| {
            let senders = self.senders.iter().filter(move |sender| sender.spec.kind == kind);
            senders.filter(|sender| sender.section.is_none() && !sender.unsupported).count()
        };
        let missing = |kind| {
            let free = self.sections.iter().filter(|section| section.is_open_to(kind)).count();
            waiting(kind).saturating_sub(free)
        };
        let (audios, videos) = match self.role {
            NegotiationRole::Offerer => (0, 0),
            NegotiationRole::Answerer => {
                // What the client could not fit into an acceptable offer is not asked for.
                let room = super::remote::MAX_SECTIONS.saturating_sub(self.sections.len());
                let audios = missing(MediaKind::Audio).min(room);
                (audios, missing(MediaKind::Video).min(room - audios))
            }
        };
        SectionsNeeded {
            audios: audios as u32,
            videos: videos as u32,
            any_change: self.changed || draining || waiting(MediaKind::Audio) + waiting(MediaKind::Video) > 0,
        }
    }

    /// Sections on which the peer sends, in the order of its description.
    pub fn receivers(&self) -> Vec<ReceiverSection> {
        self.sections.iter().filter_map(|section| section.receiver.clone()).collect()
    }

    /// Streams that the peer has agreed to receive, in the order of the sections.
    pub fn senders(&self) -> Vec<SenderSection> {
        let mut list: Vec<_> = self.senders.iter().filter(|sender| sender.accepted.is_some()).collect();
        list.sort_by_key(|sender| sender.section);
        list.into_iter().filter_map(|sender| sender.accepted.clone()).collect()
    }

    /// The mids of everything that is being sent, or will be once the peer has agreed.
    pub(super) fn mid_to_track_id(&self) -> HashMap<String, String> {
        let sending = self.senders.iter().filter_map(|sender| {
            let section = self.sections.get(sender.section?)?;
            Some((section.mid.to_string(), sender.spec.track_id.to_string()))
        });
        sending.collect()
    }

    pub(super) fn sender_mut(&mut self, forwarder: ForwarderId) -> Option<&mut Sender> {
        self.senders.iter_mut().find(|sender| sender.spec.forwarder == forwarder)
    }

    /// The transport that a description of the peer speaks of.
    pub(super) fn remote_transport(&self, remote: &RemoteSdp) -> Result<RemoteTransport, SdpError> {
        let role = match (self.role, remote.setup) {
            // A peer that leaves us the choice opens the handshake: we do not dial.
            (NegotiationRole::Answerer, Setup::ActPass) => self.dtls.unwrap_or(DtlsRole::Passive),
            (_, Setup::Active) => DtlsRole::Passive,
            (_, Setup::Passive) => DtlsRole::Active,
            (NegotiationRole::Offerer, Setup::ActPass) => return Err(SdpError::BadSetup("actpass".into())),
        };
        let sctp = remote.sections.iter().find(|section| section.carries_data()).and_then(|section| section.sctp);
        Ok(RemoteTransport { ice: remote.ice.clone(), fingerprint: remote.fingerprint, role, sctp })
    }

    pub(super) fn is_restart(&self, remote: &RemoteSdp) -> bool {
        self.remote_ice.as_ref().is_some_and(|known| *known != remote.ice)
    }
}

impl Section {
    /// A sender of `kind` may move in at the next exchange, as far as the last one tells.
    pub(super) fn is_open_to(&self, kind: MediaKind) -> bool {
        self.slot == Slot::Free && self.wanted && !self.rejected && self.media == SectionMedia::Rtp(kind)
    }
}

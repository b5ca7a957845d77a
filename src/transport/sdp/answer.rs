//! The answering role: the client offers, we fill its sections.

use rtc_sdp::description::media::MediaDescription;

use super::error::SdpError;
use super::extensions;
use super::negotiation::{
    LocalDescription, Negotiation, NegotiationRole, RemoteDescription, Section, SenderSpec, Slot,
};
use super::remote::{self, Direction, RemoteSdp, RemoteSection, SectionMedia};
use super::selection;
use super::settings::PublishEdits;
use super::write::{self, MLine, RtpSection};
use crate::ids::ForwarderId;
use crate::rtp::{CodecParams, ExtensionKind, ExtensionMap};
use crate::transport::{DtlsRole, ReceiverSection, SenderSection};
use crate::units::{MediaKind, Mid};

/// What one section's answer will be.
struct Plan {
    body: Body,
    receiver: Option<ReceiverSection>,
    sender: Option<SenderSection>,
}

impl Plan {
    /// Something flows on the section, in either direction.
    const fn is_active(&self) -> bool {
        match self.body {
            Body::Rejected => false,
            Body::Application => true,
            Body::Rtp(_) => self.sender.is_some() || self.receiver.is_some(),
        }
    }
}

enum Body {
    Rejected,
    Application,
    Rtp(Vec<CodecParams>),
}

impl Negotiation {
    /// Reads an offer and keeps it for [`Self::answer`]; a second one before that replaces it.
    ///
    /// # Errors
    /// Every [`SdpError`] but [`SdpError::NothingAccepted`]. Nothing has changed then.
    pub fn accept_offer(&mut self, sdp: &str) -> Result<RemoteDescription, SdpError> {
        if self.role != NegotiationRole::Answerer {
            return Err(SdpError::WrongState);
        }
        let remote = remote::parse(sdp)?;
        self.check_continuity(&remote)?;
        let description = RemoteDescription {
            transport: self.remote_transport(&remote)?,
            ice_restart: self.is_restart(&remote),
            receivers: remote.sections.iter().filter_map(|section| self.receiver(section)).collect(),
            refused: Vec::new(),
        };
        self.pending = Some(remote);
        Ok(description)
    }

    /// Answers the offer that was accepted last, letting waiting senders into its free sections. `edits` is asked
    /// once for each section on which the peer sends.
    ///
    /// # Errors
    /// [`SdpError::WrongState`] without an offer; [`SdpError::NothingAccepted`], after which the offer is forgotten
    /// and everything is as before.
    pub fn answer(&mut self, edits: &dyn Fn(&ReceiverSection) -> PublishEdits) -> Result<LocalDescription, SdpError> {
        let remote = self.pending.take().ok_or(SdpError::WrongState)?;
        // All of this happens on a copy, so that a refused offer leaves no trace.
        let mut next = self.clone();
        let answer = next.answer_to(&remote, edits)?;
        *self = next;
        Ok(answer)
    }

    /// An offer extends what there is: RFC 3264 §8, RFC 8829 §5.2.2.
    fn check_continuity(&self, remote: &RemoteSdp) -> Result<(), SdpError> {
        if remote.sections.len() < self.sections.len() {
            return Err(SdpError::SectionsVanished { before: self.sections.len(), now: remote.sections.len() });
        }
        for (index, (old, new)) in self.sections.iter().zip(&remote.sections).enumerate() {
            if !old.rejected && (old.mid != new.mid || old.media != new.media) {
                return Err(SdpError::SectionChanged(index));
            }
        }
        Ok(())
    }

    fn answer_to(
        &mut self,
        remote: &RemoteSdp,
        edits: &dyn Fn(&ReceiverSection) -> PublishEdits,
    ) -> Result<LocalDescription, SdpError> {
        self.take_over(remote);
        let unsupported = self.place_senders(remote);
        let role = self.remote_transport(remote)?.role;
        let setup = match role {
            DtlsRole::Passive => "passive",
            DtlsRole::Active => "active",
        };
        let plans: Vec<Plan> = (0..remote.sections.len()).map(|index| self.plan(remote, index, edits)).collect();
        let is_live = |mid: &Mid| {
            let mut pairs = remote.sections.iter().zip(&plans);
            pairs.any(|(section, plan)| section.mid == *mid && !matches!(plan.body, Body::Rejected))
        };
        let bundle: Vec<Mid> = remote.bundle.iter().copied().filter(is_live).collect();
        if bundle.is_empty() && !remote.bundle.is_empty() {
            return Err(SdpError::NothingAccepted);
        }
        self.version += 1;
        let mut session = write::session(&self.local, self.version, &bundle, remote.extmap_allow_mixed);
        let mut has_application = false;
        // Candidates belong to the section whose transport all share. Some peers (the `rtc` crate, and what it was
        // ported from) pass over inactive sections and would find none: the first active one repeats them.
        let active = remote.sections.iter().zip(&plans).find(|(_, plan)| plan.is_active()).map(|(it, _)| it.mid);
        for (index, (section, plan)) in remote.sections.iter().zip(plans).enumerate() {
            let candidates = bundle.first() == Some(&section.mid) || active == Some(section.mid);
            session.media_descriptions.push(self.section_of(section, &plan, setup, candidates));
            has_application |= matches!(plan.body, Body::Application);
            self.commit(index, section, plan);
        }
        self.remote_ice = Some(remote.ice.clone());
        self.dtls = Some(role);
        self.changed = false;
        Ok(LocalDescription {
            sdp: session.marshal(),
            mid_to_track_id: self.mid_to_track_id(),
            has_application,
            unsupported,
        })
    }

    /// Brings the list of sections up to the offer, and sends away senders whose section the peer has closed.
    fn take_over(&mut self, remote: &RemoteSdp) {
        for (index, section) in remote.sections.iter().enumerate() {
            match self.sections.get_mut(index) {
                None => self.sections.push(Section::new(section.mid, section.media)),
                Some(old) if old.mid != section.mid || old.media != section.media => {
                    *old = Section::new(section.mid, section.media);
                }
                Some(_) => {}
            }
            let open = match section.media {
                SectionMedia::Rtp(kind) => section.carries(kind) && section.direction.receives(),
                SectionMedia::Application | SectionMedia::Other => false,
            };
            if let Slot::Sending(forwarder) = self.sections[index].slot
                && !open
            {
                self.evict(index, forwarder);
            }
        }
    }

    fn evict(&mut self, index: usize, forwarder: ForwarderId) {
        self.sections[index].slot = Slot::Free;
        if let Some(sender) = self.sender_mut(forwarder) {
            sender.section = None;
            sender.accepted = None;
        }
    }

    /// Gives waiting senders a free section each, those that only receive first. Returns those for which sections
    /// were free and none had a codec.
    fn place_senders(&mut self, remote: &RemoteSdp) -> Vec<ForwarderId> {
        // A sender whose codecs have changed may have lost the section's.
        for index in 0..self.sections.len() {
            if let Slot::Sending(forwarder) = self.sections[index].slot
                && self.send_codecs(&remote.sections[index], forwarder).is_empty()
            {
                self.evict(index, forwarder);
                self.sections[index].slot = Slot::Draining;
            }
        }
        let mut unsupported = Vec::new();
        for at in 0..self.senders.len() {
            let sender = &self.senders[at];
            if sender.section.is_some() || sender.unsupported {
                continue;
            }
            let (forwarder, kind) = (sender.spec.forwarder, sender.spec.kind);
            let free = |section: &Section, offer: &RemoteSection, direction| {
                section.slot == Slot::Free && offer.carries(kind) && offer.direction == direction
            };
            let pairs = || self.sections.iter().zip(&remote.sections).enumerate();
            let mut candidates = [Direction::RecvOnly, Direction::SendRecv]
                .into_iter()
                .flat_map(|direction| pairs().filter(move |(_, (section, offer))| free(section, offer, direction)))
                .peekable();
            let any = candidates.peek().is_some();
            let place = candidates
                .map(|(index, _)| index)
                .find(|&index| !self.send_codecs(&remote.sections[index], forwarder).is_empty());
            if let Some(index) = place {
                self.sections[index].slot = Slot::Sending(forwarder);
                self.senders[at].section = Some(index);
            } else if any {
                self.senders[at].unsupported = true;
                unsupported.push(forwarder);
            }
        }
        unsupported
    }

    fn spec(&self, forwarder: ForwarderId) -> Option<&SenderSpec> {
        self.senders.iter().map(|sender| &sender.spec).find(|spec| spec.forwarder == forwarder)
    }

    fn send_codecs(&self, offer: &RemoteSection, forwarder: ForwarderId) -> Vec<CodecParams> {
        self.spec(forwarder).map_or_else(Vec::new, |spec| {
            selection::sendable(&offer.codecs, &spec.codecs, &self.local.enabled, spec.stereo)
        })
    }

    /// What the peer sends on a section, before edits.
    fn receiver(&self, offer: &RemoteSection) -> Option<ReceiverSection> {
        let SectionMedia::Rtp(kind) = offer.media else { return None };
        if !offer.carries(kind) || !offer.direction.sends() {
            return None;
        }
        let extensions = extensions::accept(&offer.extensions, kind, true);
        let mut codecs = selection::receivable(&offer.codecs, &self.local.enabled);
        agree_on_feedback(&mut codecs, &extensions);
        (!codecs.is_empty()).then(|| ReceiverSection {
            mid: offer.mid,
            kind,
            stream_id: offer.stream_id.clone(),
            track_id: offer.track_id.clone(),
            codecs,
            extensions,
            rids: offer.rids.clone(),
            ssrcs: offer.ssrcs.clone(),
        })
    }

    fn edited_receiver(
        &self,
        offer: &RemoteSection,
        edits: &dyn Fn(&ReceiverSection) -> PublishEdits,
    ) -> Option<ReceiverSection> {
        let mut receiver = self.receiver(offer)?;
        receiver.codecs = selection::edit(receiver.codecs.clone(), &edits(&receiver));
        (!receiver.codecs.is_empty()).then_some(receiver)
    }

    fn plan(&self, remote: &RemoteSdp, index: usize, edits: &dyn Fn(&ReceiverSection) -> PublishEdits) -> Plan {
        let offer = &remote.sections[index];
        let rejected = Plan { body: Body::Rejected, receiver: None, sender: None };
        let kind = match offer.media {
            SectionMedia::Application => {
                // One association for all channels: a second section of this sort has no meaning (RFC 8841 §10.1).
                let first = remote.sections.iter().position(RemoteSection::carries_data) == Some(index);
                return if first { Plan { body: Body::Application, ..rejected } } else { rejected };
            }
            SectionMedia::Rtp(kind) if offer.carries(kind) => kind,
            SectionMedia::Rtp(_) | SectionMedia::Other => return rejected,
        };
        let receiver = self.edited_receiver(offer, edits);
        let sender = match self.sections[index].slot {
            Slot::Sending(forwarder) => self.sender_section(offer, kind, forwarder),
            _ => None,
        };
        let mut codecs: Vec<CodecParams> = Vec::new();
        let received = receiver.iter().flat_map(|receiver| &receiver.codecs);
        for params in received.chain(sender.iter().flat_map(|sender| &sender.codecs)) {
            if codecs.iter().all(|other| other.payload_type != params.payload_type) {
                codecs.push(params.clone());
            }
        }
        if receiver.is_none() && sender.is_none() && !offer.direction.sends() {
            // Nothing flows for now; the section stays usable.
            codecs = selection::idle(&offer.codecs, &self.local.enabled);
            agree_on_feedback(&mut codecs, &extensions::answered(&offer.extensions, kind));
        }
        if codecs.is_empty() {
            return rejected;
        }
        Plan { body: Body::Rtp(codecs), receiver, sender }
    }

    fn sender_section(&self, offer: &RemoteSection, kind: MediaKind, forwarder: ForwarderId) -> Option<SenderSection> {
        let spec = self.spec(forwarder)?;
        let extensions = extensions::accept(&offer.extensions, kind, false);
        let mut codecs = self.send_codecs(offer, forwarder);
        agree_on_feedback(&mut codecs, &extensions);
        Some(SenderSection {
            mid: offer.mid,
            kind,
            forwarder,
            codecs,
            extensions,
            ssrc: spec.ssrc,
            rtx_ssrc: spec.rtx_ssrc,
        })
    }

    fn section_of(&self, offer: &RemoteSection, plan: &Plan, setup: &str, candidates: bool) -> MediaDescription {
        let line = MLine { media: &offer.media_name, protos: &offer.protos, mid: offer.mid };
        match &plan.body {
            Body::Rejected => write::rejected(&line, &offer.first_format),
            Body::Application => write::application(&line, &self.local, setup, candidates),
            Body::Rtp(codecs) => {
                let section = RtpSection {
                    line,
                    direction: Direction::new(plan.sender.is_some(), plan.receiver.is_some()),
                    codecs,
                    extensions: &offer
                        .kind()
                        .map_or_else(ExtensionMap::default, |kind| extensions::answered(&offer.extensions, kind)),
                    offered_extensions: &offer.extensions,
                    allow_mixed: offer.extmap_allow_mixed,
                    reduced_size: offer.rtcp_rsize,
                    // Even while nothing is sent: a browser that misses a layer in an answer drops it for good.
                    rids: &offer.rids,
                    simulcast: offer.simulcast,
                    sender: plan.sender.as_ref().and_then(|sender| self.spec(sender.forwarder)),
                };
                write::rtp(&section, &self.local, setup, candidates)
            }
        }
    }

    fn commit(&mut self, index: usize, offer: &RemoteSection, plan: Plan) {
        let reuse = self.local.reuse_sections;
        let state = &mut self.sections[index];
        state.rejected = matches!(plan.body, Body::Rejected);
        state.wanted = offer.direction.receives() && !state.rejected;
        state.receiver = plan.receiver;
        state.slot = match state.slot {
            Slot::Draining | Slot::Closing if reuse || state.rejected => Slot::Free,
            Slot::Draining | Slot::Closing => Slot::Spent,
            slot => slot,
        };
        if let Some(section) = plan.sender
            && let Some(sender) = self.sender_mut(section.forwarder)
        {
            sender.accepted = Some(section);
        }
    }
}

/// Transport-wide feedback needs the sequence numbers that it speaks of.
pub(super) fn agree_on_feedback(codecs: &mut [CodecParams], extensions: &ExtensionMap) {
    let numbered = extensions.id(ExtensionKind::TransportCc).is_some();
    for params in codecs {
        params.transport_cc &= numbered;
    }
}

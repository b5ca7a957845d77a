//! The offering role: v0's subscriber connection, where we choose sections and payload types.

use super::answer::agree_on_feedback;
use super::error::SdpError;
use super::extensions;
use super::negotiation::{LocalDescription, Negotiation, NegotiationRole, RemoteDescription, Section, Slot};
use super::remote::{self, Direction, MAX_SECTIONS, RemoteSdp, RemoteSection, SectionMedia};
use super::selection;
use super::write::{self, MLine, RtpSection};
use crate::ids::ForwarderId;
use crate::rtp::ExtensionMap;
use crate::transport::SenderSection;
use crate::units::{MediaKind, Mid};

impl Negotiation {
    /// A new offer: every sender with its section, the data channels, what has ended inactive. Make none while
    /// [`Self::awaits_answer`].
    ///
    /// # Errors
    /// [`SdpError::WrongState`] in the answering role.
    pub fn offer(&mut self) -> Result<LocalDescription, SdpError> {
        if self.role != NegotiationRole::Offerer {
            return Err(SdpError::WrongState);
        }
        if self.sections.is_empty() {
            let mid = self.new_mid();
            self.sections.push(Section::new(mid, SectionMedia::Application));
        }
        self.retire_sections();
        let unsupported = self.seat_senders();
        self.version += 1;
        let live = self.sections.iter().filter(|section| !section.rejected);
        let bundle: Vec<Mid> = live.map(|section| section.mid).collect();
        let mut session = write::session(&self.local, self.version, &bundle, true);
        let mut has_application = false;
        for section in &self.sections {
            let candidates = bundle.first() == Some(&section.mid);
            has_application |= section.media == SectionMedia::Application && !section.rejected;
            session.media_descriptions.push(self.offered_section(section, candidates));
        }
        self.changed = false;
        self.in_flight = true;
        Ok(LocalDescription {
            sdp: session.marshal(),
            mid_to_track_id: self.mid_to_track_id(),
            has_application,
            unsupported,
        })
    }

    /// Reads the answer to the last offer. Senders whose section it rejects, or for which it names no codec, are
    /// left out of [`Self::senders`] and not offered again until added anew.
    ///
    /// # Errors
    /// Every [`SdpError`]. The offer then still waits for its answer.
    pub fn accept_answer(&mut self, sdp: &str) -> Result<RemoteDescription, SdpError> {
        if self.role != NegotiationRole::Offerer || !self.in_flight {
            return Err(SdpError::WrongState);
        }
        let remote = remote::parse(sdp)?;
        self.check_answer(&remote)?;
        let mut description = RemoteDescription {
            transport: self.remote_transport(&remote)?,
            ice_restart: self.is_restart(&remote),
            receivers: Vec::new(),
            refused: Vec::new(),
        };
        for (index, answer) in remote.sections.iter().enumerate() {
            description.refused.extend(self.settle(index, answer));
        }
        self.remote_ice = Some(remote.ice);
        self.in_flight = false;
        Ok(description)
    }

    fn new_mid(&mut self) -> Mid {
        let text = self.next_mid.to_string();
        self.next_mid += 1;
        // Ten digits at most.
        Mid::from(&text).unwrap_or_default()
    }

    /// Announces the sections whose sender has gone. Where the client cannot use them again they are stopped, so
    /// that their m-lines at least can be (RFC 8829 §5.2.2).
    fn retire_sections(&mut self) {
        for section in self.sections.iter_mut().filter(|section| section.slot == Slot::Draining) {
            section.slot = Slot::Closing;
            section.rejected |= !self.local.reuse_sections;
        }
    }

    /// Gives each sender without a section one: a free one of its kind, a stopped m-line, or a new one.
    fn seat_senders(&mut self) -> Vec<ForwarderId> {
        let mut unsupported = Vec::new();
        for at in 0..self.senders.len() {
            if self.senders[at].unsupported {
                continue;
            }
            let spec = &self.senders[at].spec;
            if selection::offered(&spec.codecs, &self.local.enabled, spec.stereo).is_empty() {
                unsupported.push(spec.forwarder);
                self.senders[at].unsupported = true;
                self.senders[at].accepted = None;
                if let Some(index) = self.senders[at].section.take() {
                    self.sections[index].slot = Slot::Closing;
                }
                continue;
            }
            if self.senders[at].section.is_none()
                && let Some(index) = self.seat(spec.kind)
            {
                self.sections[index].slot = Slot::Sending(self.senders[at].spec.forwarder);
                self.senders[at].section = Some(index);
            }
        }
        unsupported
    }

    fn seat(&mut self, kind: MediaKind) -> Option<usize> {
        let media = SectionMedia::Rtp(kind);
        let free = |section: &Section| section.slot == Slot::Free;
        let reusable =
            self.sections.iter().position(|section| free(section) && !section.rejected && section.media == media);
        if reusable.is_some() {
            return reusable;
        }
        let stopped = self.sections.iter().position(|section| free(section) && section.rejected);
        let index = stopped.or_else(|| (self.sections.len() < MAX_SECTIONS).then_some(self.sections.len()))?;
        let section = Section::new(self.new_mid(), media);
        match self.sections.get_mut(index) {
            Some(old) => *old = section,
            None => self.sections.push(section),
        }
        Some(index)
    }

    fn offered_section(&self, section: &Section, candidates: bool) -> rtc_sdp::description::media::MediaDescription {
        let words = |text: &str| text.split('/').map(String::from).collect::<Vec<_>>();
        let (name, protos, format) = match section.media {
            SectionMedia::Rtp(MediaKind::Audio) => ("audio", words("UDP/TLS/RTP/SAVPF"), "111"),
            SectionMedia::Rtp(MediaKind::Video) => ("video", words("UDP/TLS/RTP/SAVPF"), "96"),
            SectionMedia::Application | SectionMedia::Other => {
                ("application", words("UDP/DTLS/SCTP"), "webrtc-datachannel")
            }
        };
        let line = MLine { media: name, protos: &protos, mid: section.mid };
        let SectionMedia::Rtp(kind) = section.media else {
            return if section.rejected {
                write::rejected(&line, format)
            } else {
                write::application(&line, &self.local, "actpass", candidates)
            };
        };
        if section.rejected {
            return write::rejected(&line, format);
        }
        let sender = self.senders.iter().find(|sender| section.slot == Slot::Sending(sender.spec.forwarder));
        let spec = sender.map(|sender| &sender.spec);
        let codecs = match spec {
            Some(spec) => selection::offered(&spec.codecs, &self.local.enabled, spec.stereo),
            None => selection::offered_idle(kind, &self.local.enabled),
        };
        let section = RtpSection {
            line,
            direction: Direction::new(spec.is_some(), false),
            codecs: &codecs,
            extensions: &extensions::offered(kind, self.local.playout_delay),
            offered_extensions: &[],
            allow_mixed: false,
            reduced_size: true,
            rids: &[],
            simulcast: false,
            sender: spec,
        };
        write::rtp(&section, &self.local, "actpass", candidates)
    }

    /// An answer has the offer's sections, no more and no fewer (RFC 3264 §6).
    fn check_answer(&self, remote: &RemoteSdp) -> Result<(), SdpError> {
        if remote.sections.len() != self.sections.len() {
            return Err(SdpError::SectionsVanished { before: self.sections.len(), now: remote.sections.len() });
        }
        let pairs = self.sections.iter().zip(&remote.sections);
        match pairs.enumerate().find(|(_, (ours, theirs))| ours.mid != theirs.mid || ours.media != theirs.media) {
            Some((index, _)) => Err(SdpError::SectionChanged(index)),
            None => Ok(()),
        }
    }

    /// Takes over one section's answer. Returns its sender where that is refused.
    fn settle(&mut self, index: usize, answer: &RemoteSection) -> Option<ForwarderId> {
        let section = &mut self.sections[index];
        section.rejected |= answer.stopped;
        section.wanted = !section.rejected && answer.direction.receives();
        let forwarder = match section.slot {
            Slot::Sending(forwarder) => forwarder,
            Slot::Closing => {
                section.slot = Slot::Free;
                return None;
            }
            Slot::Free | Slot::Draining | Slot::Spent => return None,
        };
        let accepted = self.accepted(answer, forwarder)?;
        let refused = answer.stopped || accepted.codecs.is_empty();
        let sender = self.sender_mut(forwarder)?;
        sender.accepted = (!refused && answer.direction.receives()).then_some(accepted);
        if refused {
            sender.unsupported = true;
            sender.section = None;
            self.sections[index].slot = if answer.stopped { Slot::Free } else { Slot::Draining };
        }
        refused.then_some(forwarder)
    }

    fn accepted(&self, answer: &RemoteSection, forwarder: ForwarderId) -> Option<SenderSection> {
        let sender = self.senders.iter().find(|sender| sender.spec.forwarder == forwarder)?;
        let spec = &sender.spec;
        let ours = extensions::offered(spec.kind, self.local.playout_delay);
        let mut agreed = ExtensionMap::default();
        for (kind, id) in extensions::accept(&answer.extensions, spec.kind, false).iter() {
            if ours.id(kind) == Some(id) {
                agreed.set(kind, id);
            }
        }
        let mut codecs = selection::answered(&answer.codecs, &spec.codecs, &self.local.enabled);
        agree_on_feedback(&mut codecs, &agreed);
        Some(SenderSection {
            mid: answer.mid,
            kind: spec.kind,
            forwarder,
            codecs,
            extensions: agreed,
            ssrc: spec.ssrc,
            rtx_ssrc: spec.rtx_ssrc,
        })
    }
}

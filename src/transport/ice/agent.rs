//! The agent: which addresses of the peer are valid, which one is nominated, and whether it is still there.

use std::collections::VecDeque;
use std::time::Instant;

use arrayvec::ArrayVec;

use super::consent::{Consent, ConsentWatch};
use super::stun::UnverifiedRequest;
use crate::transport::event::{DropCause, TransportCounters, TransportLimits};
use crate::transport::outbox::Outbox;
use crate::transport::path::Path;
use crate::transport::section::IceCredentials;

/// Paths remembered per peer: browsers check a handful of their addresses against ours.
const MAX_PATHS: usize = 8;

/// Something the transport must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum IceEvent {
    PathAdded(Path),
    PathRemoved(Path),
    /// The peer nominated a path other than the one before.
    Selected(Path),
    Consent(Consent),
}

/// Our credentials of one ICE generation.
struct Generation {
    number: u32,
    credentials: IceCredentials,
}

struct ValidPath {
    path: Path,
    /// The newest generation that a check over this path used.
    generation: u32,
    last_check: Instant,
}

/// The ICE-lite agent of one transport.
pub(in crate::transport) struct IceAgent {
    limits: TransportLimits,
    /// Newest first. A second one stays until the newest has a nominated pair.
    generations: ArrayVec<Generation, 2>,
    next_generation: u32,
    paths: ArrayVec<ValidPath, MAX_PATHS>,
    selected: Option<(Path, u32)>,
    consent: ConsentWatch,
    events: VecDeque<IceEvent>,
}

impl IceAgent {
    pub(in crate::transport) fn new(now: Instant, credentials: IceCredentials, limits: TransportLimits) -> Self {
        let mut generations = ArrayVec::new();
        generations.push(Generation { number: 0, credentials });
        Self {
            limits,
            generations,
            next_generation: 1,
            paths: ArrayVec::new(),
            selected: None,
            consent: ConsentWatch::new(now, limits),
            events: VecDeque::new(),
        }
    }

    /// The peer has our description: from now on its checks are overdue some time.
    pub(in crate::transport) fn expect_checks(&mut self, now: Instant) {
        self.consent.expect(now);
    }

    /// New credentials of ours (RFC 8445 §9). Those of the nominated pair stay valid until the new ones have one.
    pub(in crate::transport) fn restart(&mut self, credentials: IceCredentials) {
        if self.generations.first().is_some_and(|newest| newest.credentials == credentials) {
            return;
        }
        let in_use = self.selected.map(|(_, generation)| generation);
        self.generations.retain(|generation| in_use.is_none_or(|number| number == generation.number));
        self.generations.truncate(1);
        self.generations.insert(0, Generation { number: self.next_generation, credentials });
        self.next_generation += 1;
    }

    /// Deals with a datagram that was classified as STUN: verifies, learns, answers.
    pub(in crate::transport) fn handle_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        outbox: &mut Outbox,
        counters: &mut TransportCounters,
    ) -> Result<(), DropCause> {
        let request = UnverifiedRequest::parse(datagram)?;
        let ufrag = request.local_ufrag();
        let generation = self
            .generations
            .iter()
            .find(|generation| generation.credentials.ufrag.as_str() == ufrag)
            .ok_or(DropCause::StunUnknownUfrag)?;
        let password = generation.credentials.pwd.as_str();
        let number = generation.number;
        let request = request.verify(password)?;
        counters.checks += 1;

        let answer =
            if request.controlled { request.role_conflict(password) } else { request.success(path.remote, password) };
        if let Some(answer) = answer
            && !outbox.push(path, &answer)
        {
            counters.drop(DropCause::SendQueueFull);
        }
        if request.controlled {
            // It will check again in the other role; until then the pair is not valid.
            return Ok(());
        }

        self.learn(now, path, number, counters);
        self.heard(now);
        if request.use_candidate {
            self.nominate(path, number, outbox);
        }
        Ok(())
    }

    /// Whether `path` is valid: media and DTLS are heard from nowhere else.
    pub(in crate::transport) fn is_valid(&self, path: Path) -> bool {
        // Nearly always the selected one, so no walk over the others.
        self.selected.is_some_and(|(selected, _)| selected == path) || self.paths.iter().any(|valid| valid.path == path)
    }

    /// When the peer was last heard.
    pub(in crate::transport) const fn last_heard(&self) -> Instant {
        self.consent.last_heard()
    }

    /// An authenticated packet of any kind came in: the peer is there.
    pub(in crate::transport) fn heard(&mut self, now: Instant) {
        let consent = self.consent.heard(now);
        self.events.extend(consent.map(IceEvent::Consent));
    }

    /// The nominated path.
    pub(in crate::transport) fn selected(&self) -> Option<Path> {
        self.selected.map(|(path, _)| path)
    }

    /// Whether the peer is there.
    pub(in crate::transport) fn consent(&self) -> Consent {
        self.consent.state()
    }

    pub(in crate::transport) fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    pub(in crate::transport) fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.paths.iter().map(|valid| valid.last_check + self.limits.path_expiry).min();
        [expiry, self.consent.deadline()].into_iter().flatten().min()
    }

    pub(in crate::transport) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        let consent = self.consent.elapse(now);
        self.events.extend(consent.map(IceEvent::Consent));
        let expiry = self.limits.path_expiry;
        while let Some(at) = self.paths.iter().position(|valid| valid.last_check + expiry <= now) {
            let path = self.paths.remove(at).path;
            self.forget(path, outbox);
        }
    }

    /// The socket under these paths is gone (a TCP connection has closed).
    pub(in crate::transport) fn remove_path(&mut self, path: Path, outbox: &mut Outbox) {
        if let Some(at) = self.paths.iter().position(|valid| valid.path == path) {
            self.paths.remove(at);
            self.forget(path, outbox);
        }
    }

    /// Every valid path.
    pub(in crate::transport) fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.paths.iter().map(|valid| valid.path)
    }

    fn learn(&mut self, now: Instant, path: Path, generation: u32, counters: &mut TransportCounters) {
        if let Some(valid) = self.paths.iter_mut().find(|valid| valid.path == path) {
            valid.last_check = now;
            valid.generation = valid.generation.max(generation);
            return;
        }
        if self.paths.is_full() {
            let selected = self.selected();
            let idle = (0..self.paths.len())
                .filter(|at| Some(self.paths[*at].path) != selected)
                .min_by_key(|at| self.paths[*at].last_check);
            // All but one are not selected, so there is one to give way.
            if let Some(at) = idle {
                let gone = self.paths.remove(at).path;
                self.events.push_back(IceEvent::PathRemoved(gone));
            }
        }
        self.paths.push(ValidPath { path, generation, last_check: now });
        counters.paths += 1;
        self.events.push_back(IceEvent::PathAdded(path));
    }

    /// The latest nomination wins, whatever the priorities: the controlling side knows why it moves. One of replaced
    /// credentials does not win over one of newer ones.
    fn nominate(&mut self, path: Path, generation: u32, outbox: &mut Outbox) {
        match self.selected {
            Some((_, current)) if generation < current => return,
            Some(selected) if selected == (path, generation) => return,
            _ => {}
        }
        let moved = self.selected().is_none_or(|selected| selected != path);
        self.selected = Some((path, generation));
        if moved {
            self.events.push_back(IceEvent::Selected(path));
        }
        self.generations.retain(|valid| valid.number >= generation);
        while let Some(at) = self.paths.iter().position(|valid| valid.generation < generation) {
            let gone = self.paths.remove(at).path;
            self.forget(gone, outbox);
        }
    }

    fn forget(&mut self, path: Path, outbox: &mut Outbox) {
        outbox.forget(path);
        if self.selected().is_some_and(|selected| selected == path) {
            self.selected = None;
        }
        self.events.push_back(IceEvent::PathRemoved(path));
    }
}

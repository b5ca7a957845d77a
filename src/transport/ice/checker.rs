//! The controlling agent of a client: checks the server's addresses, nominates the first that answers, and goes on
//! checking it for consent (RFC 8445 §7.2, RFC 7675). One socket, host candidates only: what a load generator needs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::agent::IceEvent;
use super::consent::{Consent, ConsentWatch};
use super::stun::{self, CheckFlags, UnverifiedRequest};
use crate::transport::event::{DropCause, TransportCounters, TransportLimits};
use crate::transport::outbox::Outbox;
use crate::transport::path::Path;
use crate::transport::section::IceCredentials;

/// Addresses of the server that are checked.
const MAX_PAIRS: usize = 16;
/// Wait for an answer to a pair's first check; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(1600);
/// From one check for consent to the next, as libwebrtc does on a pair that works.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);

/// One address of the server.
struct Pair {
    path: Path,
    /// Of the newest check.
    transaction: [u8; 12],
    /// When to check (again); None once another pair is nominated.
    due: Option<Instant>,
    wait: Duration,
    /// A check was answered.
    valid: bool,
    /// Our checks of it carry USE-CANDIDATE.
    nominating: bool,
}

/// The ICE agent of a client's transport.
pub(in crate::transport) struct Checker {
    local: IceCredentials,
    remote: Option<IceCredentials>,
    pairs: ArrayVec<Pair, MAX_PAIRS>,
    selected: Option<Path>,
    consent: ConsentWatch,
    seed: u64,
    checks: u32,
    events: VecDeque<IceEvent>,
}

impl Checker {
    pub(in crate::transport) fn new(now: Instant, local: IceCredentials, limits: TransportLimits, seed: u64) -> Self {
        Self {
            local,
            remote: None,
            pairs: ArrayVec::new(),
            selected: None,
            consent: ConsentWatch::new(now, limits),
            seed,
            checks: 0,
            events: VecDeque::new(),
        }
    }

    /// The server's credentials are known: checks may begin.
    pub(in crate::transport) fn introduced(&mut self, now: Instant, remote: &IceCredentials) {
        if self.remote.as_ref() == Some(remote) {
            return;
        }
        self.remote = Some(remote.clone());
        self.consent.expect(now);
        for pair in &mut self.pairs {
            pair.due = Some(now);
        }
    }

    /// One more address to check. Those beyond the bound, and those that come once a pair is nominated, do not count.
    pub(in crate::transport) fn add_candidate(&mut self, now: Instant, path: Path) {
        let known = self.pairs.iter().any(|pair| pair.path == path);
        if known || self.pairs.is_full() || self.selected.is_some() {
            return;
        }
        self.pairs.push(Pair {
            path,
            transaction: [0; 12],
            due: Some(now),
            wait: FIRST_WAIT,
            valid: false,
            nominating: false,
        });
    }

    /// An answer to a check of ours, or a check of the server's.
    pub(in crate::transport) fn handle_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        outbox: &mut Outbox,
        counters: &mut TransportCounters,
    ) -> Result<(), DropCause> {
        match UnverifiedRequest::parse(datagram) {
            Ok(request) => self.answer(now, path, &request, outbox, counters),
            Err(DropCause::StunUnexpected) => self.take_answer(now, datagram, counters),
            Err(cause) => Err(cause),
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        path: Path,
        request: &UnverifiedRequest<'_>,
        outbox: &mut Outbox,
        counters: &mut TransportCounters,
    ) -> Result<(), DropCause> {
        if request.local_ufrag() != self.local.ufrag.as_str() {
            return Err(DropCause::StunUnknownUfrag);
        }
        let verified = request.verify(&self.local.pwd)?;
        counters.checks += 1;
        if let Some(answer) = verified.success(path.remote, &self.local.pwd)
            && !outbox.push(path, &answer)
        {
            counters.drop(DropCause::SendQueueFull);
        }
        // A check from an address that nobody named is as good as a candidate (RFC 8445 §7.3.1.3).
        self.add_candidate(now, path);
        self.heard(now);
        Ok(())
    }

    fn take_answer(
        &mut self,
        now: Instant,
        datagram: &[u8],
        counters: &mut TransportCounters,
    ) -> Result<(), DropCause> {
        let remote = self.remote.as_ref().ok_or(DropCause::StunUnexpected)?;
        let (transaction, mapped) = stun::read_response(datagram, &remote.pwd).ok_or(DropCause::StunIntegrity)?;
        let pair = self.pairs.iter_mut().find(|pair| pair.transaction == transaction);
        let pair = pair.ok_or(DropCause::StunUnexpected)?;
        if mapped.is_err() {
            // Its next check is due as it was.
            return Ok(());
        }
        let path = pair.path;
        if !pair.valid {
            pair.valid = true;
            counters.paths += 1;
            self.events.push_back(IceEvent::PathAdded(path));
        }
        let nominated = pair.nominating;
        self.heard(now);
        if self.selected.is_none() {
            if nominated {
                self.select(now, path);
            } else {
                self.nominate(now, path);
            }
        }
        Ok(())
    }

    /// The first pair that works will do: they all lead to the same socket.
    fn nominate(&mut self, now: Instant, path: Path) {
        if self.pairs.iter().any(|pair| pair.nominating) {
            return;
        }
        for pair in self.pairs.iter_mut().filter(|pair| pair.path == path) {
            (pair.nominating, pair.due, pair.wait) = (true, Some(now), FIRST_WAIT);
        }
    }

    fn select(&mut self, now: Instant, path: Path) {
        self.selected = Some(path);
        for pair in &mut self.pairs {
            pair.due = (pair.path == path).then(|| now + CONSENT_INTERVAL);
        }
        self.events.push_back(IceEvent::Selected(path));
    }

    pub(in crate::transport) fn is_valid(&self, path: Path) -> bool {
        self.selected == Some(path) || self.pairs.iter().any(|pair| pair.valid && pair.path == path)
    }

    pub(in crate::transport) const fn last_heard(&self) -> Instant {
        self.consent.last_heard()
    }

    pub(in crate::transport) fn heard(&mut self, now: Instant) {
        let consent = self.consent.heard(now);
        self.events.extend(consent.map(IceEvent::Consent));
    }

    pub(in crate::transport) fn selected(&self) -> Option<Path> {
        self.selected
    }

    pub(in crate::transport) fn consent(&self) -> Consent {
        self.consent.state()
    }

    pub(in crate::transport) fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    pub(in crate::transport) fn poll_timeout(&self) -> Option<Instant> {
        let checks = self.remote.as_ref().and_then(|_| self.pairs.iter().filter_map(|pair| pair.due).min());
        [checks, self.consent.deadline()].into_iter().flatten().min()
    }

    pub(in crate::transport) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        let consent = self.consent.elapse(now);
        self.events.extend(consent.map(IceEvent::Consent));
        let Some(remote) = &self.remote else { return };
        for pair in self.pairs.iter_mut().filter(|pair| pair.due.is_some_and(|due| due <= now)) {
            self.checks += 1;
            pair.transaction[..8].copy_from_slice(&self.seed.to_be_bytes());
            pair.transaction[8..].copy_from_slice(&self.checks.to_be_bytes());
            let username = format!("{}:{}", remote.ufrag, self.local.ufrag);
            let flags = CheckFlags { nominate: pair.nominating, ..CheckFlags::default() };
            if let Some(check) = stun::check(&username, &remote.pwd, pair.transaction, flags) {
                // The queue is full only of what is as urgent; the check is repeated.
                let _ = outbox.push(pair.path, &check);
            }
            if self.selected.is_some() {
                pair.due = Some(now + CONSENT_INTERVAL);
            } else {
                pair.due = Some(now + pair.wait);
                pair.wait = (pair.wait * 2).min(LONGEST_WAIT);
            }
        }
    }

    /// The socket is gone.
    pub(in crate::transport) fn remove_path(&mut self, path: Path, outbox: &mut Outbox) {
        self.pairs.retain(|pair| pair.path != path);
        outbox.forget(path);
        if self.selected == Some(path) {
            self.selected = None;
        }
        self.events.push_back(IceEvent::PathRemoved(path));
    }

    pub(in crate::transport) fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.pairs.iter().filter(|pair| pair.valid).map(|pair| pair.path)
    }
}

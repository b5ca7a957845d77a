//! Whether the peer is still there: the same clock for both roles.

use std::time::Instant;

use crate::transport::event::TransportLimits;

/// Whether the peer wants to hear from us (RFC 7675, with LiveKit's timeouts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Consent {
    /// Nothing authentic has come yet.
    Awaited,
    /// Nothing came in time.
    NeverCame,
    /// Heard lately.
    Given,
    /// Silent for a while; we keep sending.
    Doubtful,
    /// Silent for too long; we stop sending.
    Expired,
}

/// When consent passes from one state to the next.
pub(super) struct ConsentWatch {
    limits: TransportLimits,
    state: Consent,
    /// When the first sign of the peer is overdue; unset until it has a description to act upon.
    first_due: Option<Instant>,
    last_heard: Instant,
}

impl ConsentWatch {
    pub(super) const fn new(now: Instant, limits: TransportLimits) -> Self {
        Self { limits, state: Consent::Awaited, first_due: None, last_heard: now }
    }

    pub(super) const fn state(&self) -> Consent {
        self.state
    }

    /// When the peer was last heard.
    pub(super) const fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// From now on the first sign of the peer is overdue some time.
    pub(super) fn expect(&mut self, now: Instant) {
        self.first_due.get_or_insert(now + self.limits.ice_timeout);
    }

    /// An authenticated packet of any kind came in. The new state, if it is another.
    pub(super) fn heard(&mut self, now: Instant) -> Option<Consent> {
        self.last_heard = now;
        self.enter(Consent::Given)
    }

    /// When the state changes unless the peer is heard.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            Consent::Awaited => self.first_due,
            Consent::Given => Some(self.last_heard + self.limits.disconnected_after),
            Consent::Doubtful => Some(self.last_heard + self.limits.disconnected_after + self.limits.failed_after),
            Consent::NeverCame | Consent::Expired => None,
        }
    }

    /// Time has passed. The new state, if it is another.
    pub(super) fn elapse(&mut self, now: Instant) -> Option<Consent> {
        if self.deadline().is_none_or(|due| due > now) {
            return None;
        }
        self.enter(match self.state {
            Consent::Awaited => Consent::NeverCame,
            Consent::Given => Consent::Doubtful,
            Consent::Doubtful | Consent::Expired => Consent::Expired,
            Consent::NeverCame => Consent::NeverCame,
        })
    }

    fn enter(&mut self, state: Consent) -> Option<Consent> {
        (std::mem::replace(&mut self.state, state) != state).then_some(state)
    }
}

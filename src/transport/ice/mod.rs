//! ICE (RFC 8445). As a server we are lite (§2.5): we answer checks, never send any, and are always the controlled
//! side. As a client we check the server's addresses, nominate one, and go on checking for consent.
//!
//! Nothing is learned from a datagram before its MESSAGE-INTEGRITY has been verified.

mod agent;
mod checker;
mod consent;
mod stun;

use std::time::Instant;

pub(super) use agent::{IceAgent, IceEvent};
pub(super) use checker::Checker;
pub(super) use consent::Consent;

use super::event::{DropCause, TransportCounters};
use super::outbox::Outbox;
use super::path::Path;
use super::section::IceCredentials;

#[cfg(test)]
pub(super) use stun::test_messages;

/// The ICE agent of one transport, in either role.
#[allow(
    clippy::large_enum_variant,
    reason = "the server's is asked for every packet, and stays where its transport is"
)]
pub(super) enum Ice {
    /// Of a server.
    Lite(IceAgent),
    /// Of a client.
    Checking(Box<Checker>),
}

/// Calls the same method of whichever agent it is.
macro_rules! either {
    ($ice:expr, $agent:ident => $call:expr) => {
        match $ice {
            Self::Lite($agent) => $call,
            Self::Checking($agent) => $call,
        }
    };
}

impl Ice {
    /// The peer has our description, and we have its credentials.
    pub(super) fn introduced(&mut self, now: Instant, remote: &IceCredentials) {
        match self {
            Self::Lite(agent) => agent.expect_checks(now),
            Self::Checking(checker) => checker.introduced(now, remote),
        }
    }

    /// An address at which the peer may be reached. A lite agent waits to be checked instead.
    pub(super) fn add_candidate(&mut self, now: Instant, path: Path) {
        if let Self::Checking(checker) = self {
            checker.add_candidate(now, path);
        }
    }

    /// New credentials of ours; a client of ours never restarts.
    pub(super) fn restart(&mut self, credentials: IceCredentials) {
        if let Self::Lite(agent) = self {
            agent.restart(credentials);
        }
    }

    pub(super) fn handle_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        outbox: &mut Outbox,
        counters: &mut TransportCounters,
    ) -> Result<(), DropCause> {
        either!(self, agent => agent.handle_stun(now, path, datagram, outbox, counters))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        either!(self, agent => agent.handle_timeout(now, outbox));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        either!(self, agent => agent.poll_timeout())
    }

    pub(super) fn poll_event(&mut self) -> Option<IceEvent> {
        either!(self, agent => agent.poll_event())
    }

    pub(super) fn is_valid(&self, path: Path) -> bool {
        either!(self, agent => agent.is_valid(path))
    }

    pub(super) fn heard(&mut self, now: Instant) {
        either!(self, agent => agent.heard(now));
    }

    pub(super) fn last_heard(&self) -> Instant {
        either!(self, agent => agent.last_heard())
    }

    pub(super) fn selected(&self) -> Option<Path> {
        either!(self, agent => agent.selected())
    }

    pub(super) fn consent(&self) -> Consent {
        either!(self, agent => agent.consent())
    }

    /// Every valid path.
    pub(super) fn paths(&self) -> Vec<Path> {
        match self {
            Self::Lite(agent) => agent.paths().collect(),
            Self::Checking(checker) => checker.paths().collect(),
        }
    }

    /// The socket under this path is gone.
    pub(super) fn remove_path(&mut self, path: Path, outbox: &mut Outbox) {
        either!(self, agent => agent.remove_path(path, outbox));
    }
}

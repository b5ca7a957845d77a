//! ICE-lite (RFC 8445 §2.5): we answer checks, never send any, and are always the controlled side.
//!
//! Nothing is learned from a datagram before its MESSAGE-INTEGRITY has been verified.

mod agent;
mod stun;

pub(super) use agent::{Consent, IceAgent, IceEvent};

#[cfg(test)]
pub(super) use stun::test_messages;

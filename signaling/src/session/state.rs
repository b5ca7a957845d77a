//! The states of a session.

use std::fmt;

use thiserror::Error;

/// Where a session stands.
///
/// ```text
/// Joining ──▶ Joined ──▶ Active
///    │          │ ▲        │ ▲
///    │          ▼ │        ▼ │
///    │        SignalLost ◀───┘
///    ▼          ▼          ▼
///   Closed ◀────┴──────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Admitted; the join response is not out yet.
    Joining,
    /// The join response is out; media is not connected yet.
    Joined,
    /// The primary peer connection has connected.
    Active,
    /// The WebSocket is gone; a new one may resume the session.
    SignalLost,
    /// Over, for good.
    Closed,
}

impl State {
    /// The one transition function.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] naming both states.
    pub fn transition(self, to: Self) -> Result<Self, IllegalTransition> {
        let legal = matches!(
            (self, to),
            (Self::Joining, Self::Joined | Self::Closed)
                | (Self::Joined, Self::Active | Self::SignalLost | Self::Closed)
                | (Self::Active, Self::SignalLost | Self::Closed)
                | (Self::SignalLost, Self::Joined | Self::Active | Self::Closed)
        );
        if legal { Ok(to) } else { Err(IllegalTransition { from: self, to }) }
    }

    /// Whether messages other than the join response may be sent.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Joined | Self::Active)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Joining => "joining",
            Self::Joined => "joined",
            Self::Active => "active",
            Self::SignalLost => "signal lost",
            Self::Closed => "closed",
        })
    }
}

/// A move the state machine does not know: a bug of the caller or a message at
/// the wrong time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a session cannot go from {from} to {to}")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: State,
    /// The state it should have gone to.
    pub to: State,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [State; 5] = [State::Joining, State::Joined, State::Active, State::SignalLost, State::Closed];

    #[test]
    fn closed_is_final() {
        for to in ALL {
            assert!(State::Closed.transition(to).is_err());
        }
    }

    #[test]
    fn every_state_but_closed_can_close() {
        for from in ALL.into_iter().filter(|state| *state != State::Closed) {
            assert_eq!(from.transition(State::Closed), Ok(State::Closed));
        }
    }

    #[test]
    fn an_illegal_move_names_both_states() {
        let error = State::Joining.transition(State::Active).expect_err("media cannot come first");
        assert_eq!(error.to_string(), "a session cannot go from joining to active");
    }
}

//! An appointment's states, and the one table of the moves between them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an appointment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Kept for somebody who is still filling in the form; a few minutes.
    Hold,
    /// Asked for, the expert has yet to answer.
    Pending,
    /// It will take place, and has a room.
    Approved,
    /// Expert and customer have been in the room together.
    InProgress,
    /// It took place.
    Completed,
    /// It did not take place because somebody did not come: see [`NoShow`].
    NoShow,
    /// The expert declined.
    Rejected,
    /// Called off by either side.
    Cancelled,
    /// Nobody confirmed the hold, or answered the request, in time.
    Expired,
}

use Status::*;

/// Every legal move. The database holds the same table and refuses what is not in it.
pub const TRANSITIONS: &[(Status, Status)] = &[
    (Hold, Pending),
    (Hold, Approved),
    (Hold, Expired),
    (Hold, Cancelled),
    (Pending, Approved),
    (Pending, Rejected),
    (Pending, Cancelled),
    (Pending, Expired),
    // Rescheduled, where the new time needs the expert's answer again.
    (Approved, Pending),
    (Approved, InProgress),
    (Approved, Cancelled),
    (Approved, NoShow),
    (Approved, Completed),
    (InProgress, Completed),
    // Rescheduled after a call that was broken off.
    (InProgress, Approved),
    (InProgress, Cancelled),
    // Corrections of what the media seemed to show.
    (NoShow, Completed),
    (Completed, NoShow),
];

/// States in which an appointment may come into being.
pub const INITIAL: &[Status] = &[Hold, Pending, Approved];

impl Status {
    /// All states.
    pub const ALL: [Status; 9] = [Hold, Pending, Approved, InProgress, Completed, NoShow, Rejected, Cancelled, Expired];

    /// Makes a move, if it is one.
    pub fn to(self, next: Status) -> Result<Status, IllegalTransition> {
        if TRANSITIONS.contains(&(self, next)) { Ok(next) } else { Err(IllegalTransition { from: self, to: next }) }
    }

    /// Takes up time of the expert and the customer: nobody else can book it.
    pub const fn is_active(self) -> bool {
        matches!(self, Hold | Pending | Approved | InProgress)
    }

    /// Over: it never takes up time again, though completed and no-show may still be corrected into each other.
    pub const fn is_terminal(self) -> bool {
        !self.is_active()
    }

    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Hold => "hold",
            Pending => "pending",
            Approved => "approved",
            InProgress => "in_progress",
            Completed => "completed",
            NoShow => "no_show",
            Rejected => "rejected",
            Cancelled => "cancelled",
            Expired => "expired",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Status> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A move that is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an appointment that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: Status,
    /// The state it was to be in.
    pub to: Status,
}

/// Who did not come. An expert's absence is never held against the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoShow {
    /// The expert was there.
    Customer,
    /// The customer was there, or waited in the lobby.
    Expert,
    /// Nobody was there.
    Both,
}

impl NoShow {
    /// Who is missing, from who was seen; `None` when both came.
    pub const fn of(customer_came: bool, expert_came: bool) -> Option<NoShow> {
        match (customer_came, expert_came) {
            (false, true) => Some(NoShow::Customer),
            (true, false) => Some(NoShow::Expert),
            (false, false) => Some(NoShow::Both),
            (true, true) => None,
        }
    }

    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            NoShow::Customer => "customer",
            NoShow::Expert => "expert",
            NoShow::Both => "both",
        }
    }

    /// The side of that word.
    pub fn parse(word: &str) -> Option<NoShow> {
        [NoShow::Customer, NoShow::Expert, NoShow::Both].into_iter().find(|side| side.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_words_are_those_of_the_api_and_are_read_back() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        for side in [NoShow::Customer, NoShow::Expert, NoShow::Both] {
            assert_eq!(serde_json::to_value(side).unwrap(), side.as_str());
            assert_eq!(NoShow::parse(side.as_str()), Some(side));
        }
        assert_eq!(Status::parse("Approved"), None);
        assert_eq!(NoShow::parse("client"), None);
    }

    #[test]
    fn what_is_over_stays_over() {
        for (from, to) in TRANSITIONS {
            assert!(from.is_active() || !to.is_active(), "{from} → {to}");
        }
        for status in [Rejected, Cancelled, Expired] {
            assert!(Status::ALL.iter().all(|next| status.to(*next).is_err()), "{status} has a way out");
        }
    }

    #[test]
    fn an_approved_appointment_never_expires_and_nothing_goes_back_to_a_hold() {
        assert_eq!(Approved.to(Expired), Err(IllegalTransition { from: Approved, to: Expired }));
        assert!(TRANSITIONS.iter().all(|(_, to)| *to != Hold));
    }

    #[test]
    fn the_table_has_no_doubles_no_standing_still_and_reaches_every_state() {
        for (i, (from, to)) in TRANSITIONS.iter().enumerate() {
            assert_ne!(from, to);
            assert!(!TRANSITIONS[..i].contains(&(*from, *to)), "{from} → {to} twice");
        }
        let mut reached = INITIAL.to_vec();
        for _ in Status::ALL {
            reached.extend(
                TRANSITIONS.iter().filter(|(from, _)| reached.contains(from)).map(|(_, to)| *to).collect::<Vec<_>>(),
            );
        }
        assert!(Status::ALL.iter().all(|status| reached.contains(status)));
    }

    #[test]
    fn an_illegal_move_names_both_states() {
        assert_eq!(
            Pending.to(InProgress).unwrap_err().to_string(),
            "an appointment that is pending cannot become in_progress"
        );
    }

    #[test]
    fn who_is_missing_follows_from_who_was_seen() {
        assert_eq!(NoShow::of(true, true), None);
        assert_eq!(NoShow::of(true, false), Some(NoShow::Expert));
        assert_eq!(NoShow::of(false, true), Some(NoShow::Customer));
        assert_eq!(NoShow::of(false, false), Some(NoShow::Both));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_walk_stays_legal(
            start in proptest::sample::select(INITIAL),
            wishes in proptest::collection::vec(proptest::sample::select(Status::ALL.as_slice()), 0..40),
        ) {
            let (mut at, mut was_over, mut came_about) = (start, false, start == Approved);
            for wish in wishes {
                let legal = TRANSITIONS.contains(&(at, wish));
                match at.to(wish) {
                    Ok(next) => {
                        prop_assert!(legal);
                        prop_assert_eq!(next, wish);
                        at = next;
                    }
                    Err(error) => {
                        prop_assert!(!legal);
                        prop_assert_eq!(error, IllegalTransition { from: at, to: wish });
                    }
                }
                prop_assert!(!(was_over && at.is_active()), "{} came back to life", at);
                // Only what was once approved can have taken place.
                came_about |= at == Approved;
                prop_assert!(came_about || !matches!(at, InProgress | Completed | NoShow));
                was_over |= at.is_terminal();
            }
        }
    }
}

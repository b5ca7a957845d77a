//! What the outbox holds: which message it is, and what cannot be read from the appointment when it is sent.

use std::fmt;

use serde::Deserialize;

use crate::ids::{SeatId, UserId};
use crate::units::UnixTime;

/// A message, as it is kept in `outbox.payload`: a JSON object whose `kind` names it. The scheduler and the accounts
/// write them, by these names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// To the expert: somebody asks for an appointment.
    Requested(Change),
    /// To the customer: the request is there.
    RequestReceived(Change),
    /// It will take place.
    Approved(Change),
    /// It will not.
    Rejected(Change),
    /// One side proposes another time.
    Proposed(Change),
    /// Nothing comes of the proposal.
    ProposalDeclined(Change),
    /// It has another time.
    Rescheduled(Change),
    /// It was called off.
    Cancelled(Change),
    /// The expert has not answered in time.
    Expired(Change),
    /// It took place.
    Completed(Change),
    /// Somebody did not come.
    NoShow(Change),
    /// To the expert: a customer has joined a session.
    Joined(Change),
    /// To the expert: somebody has given up the seat.
    Left(Change),
    /// The receiver has been given a seat.
    SeatAdded(Change),
    /// The receiver has lost it.
    SeatRemoved(Change),
    /// To the expert: somebody waits in the lobby.
    Waiting(Change),
    /// It begins soon.
    Reminder(Reminder),
    /// A link that signs in.
    MagicLink(AccountLink),
    /// A link that sets another password.
    PasswordReset(AccountLink),
    /// A link that sets the first password of an account that somebody made for the receiver.
    Invitation(AccountLink),
    /// A link that confirms an address.
    VerifyEmail(AccountLink),
    /// A guest's link to an appointment.
    GuestInvitation(GuestLink),
    /// To an administrator who tries the settings.
    Test(Test),
}

impl Message {
    /// Whether the message is about an appointment.
    pub fn needs_appointment(&self) -> bool {
        !matches!(
            self,
            Message::MagicLink(_)
                | Message::PasswordReset(_)
                | Message::Invitation(_)
                | Message::VerifyEmail(_)
                | Message::Test(_)
        )
    }

    /// What it holds of a change, where it tells of one.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Message::Requested(change)
            | Message::RequestReceived(change)
            | Message::Approved(change)
            | Message::Rejected(change)
            | Message::Proposed(change)
            | Message::Rescheduled(change)
            | Message::Cancelled(change)
            | Message::Expired(change)
            | Message::Completed(change)
            | Message::NoShow(change)
            | Message::ProposalDeclined(change)
            | Message::Joined(change)
            | Message::Left(change)
            | Message::SeatAdded(change)
            | Message::SeatRemoved(change)
            | Message::Waiting(change) => Some(change),
            _ => None,
        }
    }

    /// Where the message goes, when that is not the account's own address, or there is no account.
    pub fn addressee(&self) -> Option<Addressee<'_>> {
        match self {
            Message::MagicLink(link)
            | Message::PasswordReset(link)
            | Message::Invitation(link)
            | Message::VerifyEmail(link) => {
                Some(Addressee { email: &link.email, name: &link.name, locale: &link.locale })
            }
            Message::GuestInvitation(link) => {
                Some(Addressee { email: &link.email, name: &link.name, locale: &link.locale })
            }
            _ => None,
        }
    }
}

/// Somebody whom the message itself names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addressee<'a> {
    /// Address.
    pub email: &'a str,
    /// Name.
    pub name: &'a str,
    /// Language.
    pub locale: &'a str,
}

/// What an appointment's message holds besides the appointment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Change {
    /// Words from one side to the other.
    pub message: String,
    /// Who did it; the server itself where nobody.
    pub by: Option<UserId>,
    /// Of a rescheduled one: when it was to start before, in milliseconds since 1970.
    pub previous_starts_at: Option<i64>,
    /// Of somebody who waits: the name.
    pub name: String,
    /// The appointment's sequence number in calendars after the change.
    pub sequence: Option<u32>,
    /// The receiver's seat, where there is no account.
    pub seat: Option<SeatId>,
}

/// What a reminder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// The start that it reminds of; one of another start is out of date.
    pub starts_at: i64,
}

/// A link for an account, made out of a secret that works once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountLink {
    /// The secret.
    pub token: Token,
    /// The address that it goes to, which may not be the account's yet.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// The person's language.
    pub locale: String,
    /// When the link stops to work.
    pub expires_at: i64,
}

/// A guest's link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GuestLink {
    /// The secret.
    pub token: Token,
    /// The guest's address.
    pub email: String,
    /// The guest's name.
    pub name: String,
    /// The guest's language.
    #[serde(default)]
    pub locale: String,
    /// The guest's zone; the appointment's where none is known.
    #[serde(default)]
    pub tz: String,
    /// Words from whoever invites.
    #[serde(default)]
    pub message: String,
}

/// What somebody wrote on a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Test {}

impl AccountLink {
    /// When the link stops to work.
    pub fn expiry(&self) -> UnixTime {
        UnixTime(self.expires_at)
    }
}

/// A secret in a message: it goes out in a link, and nowhere else.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret as it stands in a link: what a URL cannot hold is left out, and no token of ours has any of it.
    pub fn for_link(&self) -> String {
        self.0.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::config::MASK)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_read_as_scheduler_and_accounts_write_them() {
        let user: UserId = "0199aabb-ccdd-7eef-8011-223344556677".parse().unwrap();
        let read = |value| serde_json::from_value::<Message>(value).unwrap();
        let rejected = json!({"kind": "rejected", "message": "Alas", "by": user, "version": 3, "sequence": 0});
        assert_eq!(
            read(rejected),
            Message::Rejected(Change {
                message: "Alas".into(),
                by: Some(user),
                sequence: Some(0),
                ..Change::default()
            })
        );
        assert_eq!(
            read(json!({"kind": "cancelled", "message": "", "by": null, "version": 1, "sequence": 1})),
            Message::Cancelled(Change { sequence: Some(1), ..Change::default() })
        );
        assert_eq!(
            read(json!({"kind": "reminder", "before": "24h", "startsAt": 7})),
            Message::Reminder(Reminder { starts_at: 7 })
        );
        let link = json!({"kind": "magic_link", "token": "t0k3n", "email": "a@b.c", "name": "A", "locale": "de", "expires_at": 9});
        let message = read(link);
        assert_eq!(message.addressee().map(|to| to.email), Some("a@b.c"));
        assert!(!message.needs_appointment());
        assert!(!format!("{message:?}").contains("t0k3n"));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for wrong in [json!({}), json!({"kind": "sung"}), json!({"kind": "magic_link"}), json!([])] {
            assert!(serde_json::from_value::<Message>(wrong).is_err());
        }
    }

    #[test]
    fn a_token_cannot_leave_its_place_in_a_link() {
        assert_eq!(Token::new("ab-_9&x=\r\n/#").for_link(), "ab-_9x");
    }
}

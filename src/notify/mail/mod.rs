//! Mail: what a letter is, how it is composed, and the two ways it goes: SMTP, or the inbox of development mode.

mod compose;
mod inbox;
mod smtp;

#[cfg(test)]
pub(in crate::notify) mod reader;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

use crate::units::UnixTime;

use super::ical::{Method, Person};
use super::retry::Retry;

pub use compose::check_address;
pub use inbox::{Inbox, Kept, Summary};
pub use smtp::{Smtp, SmtpSetupError};

/// A letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The outbox row it comes from: the same row sent twice has the same `Message-ID`, so that mailboxes can see it.
    pub id: String,
    /// Who sends.
    pub from: Person,
    /// Who gets the answers, where that is somebody else.
    pub reply_to: Option<Person>,
    /// Who receives.
    pub to: Person,
    /// Subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What the receiver's calendar shall do.
    pub invite: Option<Invite>,
    /// When it is sent.
    pub at: UnixTime,
}

/// A calendar object in a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// What it asks.
    pub method: Method,
    /// The object, see [`ical::invitation`](super::ical::invitation).
    pub ics: String,
}

/// Why a letter did not go.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not an address that mail can be sent to.
    #[error("`{}` is not a mail address", .0.escape_debug())]
    Address(String),
    /// The letter could not be put together.
    #[error("the letter cannot be composed: {0}")]
    Compose(String),
    /// The server will not take it.
    #[error("the mail server refuses the letter ({code}): {text}")]
    Refused {
        /// SMTP's reply code, 5xx.
        code: u16,
        /// Its words.
        text: String,
    },
    /// The server will take it later.
    #[error("the mail server asks to try later ({code}): {text}")]
    Deferred {
        /// SMTP's reply code, 4xx.
        code: u16,
        /// Its words.
        text: String,
    },
    /// The server does not take us: a matter of the settings, not of the letter.
    #[error("the mail server refuses user name or password ({code}): {text}; see the mail settings")]
    Credentials {
        /// SMTP's reply code.
        code: u16,
        /// Its words.
        text: String,
    },
    /// No connection, or one that broke.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(String),
}

impl MailError {
    /// Whether trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            MailError::Address(_) | MailError::Compose(_) | MailError::Refused { .. } => Retry::Never,
            MailError::Deferred { .. } | MailError::Credentials { .. } | MailError::Unreachable(_) => {
                Retry::Later(None)
            }
        }
    }
}

/// The future of a delivery.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>>;

/// A way for letters to go.
pub trait MailTransport: Send + Sync + 'static {
    /// Sends a letter. It has gone when the next server has it.
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a>;
}

//! The inbox of development mode: letters stay in the process, the newest few hundred of them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use serde::Serialize;

use crate::units::UnixTime;

use super::compose::compose;
use super::{Letter, MailTransport, Sending};

/// Letters that are kept; the oldest one goes first.
const KEPT: usize = 500;

/// A letter that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Number, rising.
    pub number: u64,
    /// The letter.
    pub letter: Letter,
    /// As it would have gone over the wire.
    pub raw: String,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Number, for [`Inbox::get`].
    pub number: u64,
    /// Receiver's address.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
    /// Whether a calendar object is in it.
    pub has_invite: bool,
}

/// Receives every letter.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    letters: VecDeque<Kept>,
}

impl Inbox {
    /// What is there, newest first.
    pub fn list(&self) -> Vec<Summary> {
        let summary = |kept: &Kept| Summary {
            number: kept.number,
            to: kept.letter.to.email.clone(),
            subject: kept.letter.subject.clone(),
            received_at: UnixTime::as_millis(kept.letter.at),
            has_invite: kept.letter.invite.is_some(),
        };
        self.state().letters.iter().rev().map(summary).collect()
    }

    /// One letter.
    pub fn get(&self, number: u64) -> Option<Kept> {
        self.state().letters.iter().find(|kept| kept.number == number).cloned()
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.state().letters.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl MailTransport for Inbox {
    /// Composes the letter as for a mail server, so that what could not be sent shows here already.
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            let raw = String::from_utf8_lossy(&compose(letter)?.formatted()).into_owned();
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            if state.letters.len() == KEPT {
                state.letters.pop_front();
            }
            state.letters.push_back(Kept { number, letter: letter.clone(), raw });
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::letter;
    use super::*;

    #[tokio::test]
    async fn the_inbox_keeps_the_newest_letters_and_forgets_on_request() {
        let inbox = Inbox::default();
        for number in 0..KEPT + 10 {
            inbox.send(&Letter { subject: format!("No. {number}"), ..letter() }).await.unwrap();
        }
        let list = inbox.list();
        assert_eq!(
            (list.len(), list[0].subject.as_str(), list[KEPT - 1].subject.as_str()),
            (KEPT, "No. 509", "No. 10")
        );
        assert!(list[0].has_invite);
        let newest = inbox.get(list[0].number).unwrap();
        assert!(newest.raw.contains("Subject: No. 509"));
        assert_eq!(newest.letter.text, letter().text);
        assert_eq!(inbox.get(0), None);
        inbox.clear();
        assert!(inbox.list().is_empty());
        inbox.send(&letter()).await.unwrap();
        assert!(inbox.list()[0].number > newest.number, "numbers are not used again");
    }

    #[tokio::test]
    async fn what_could_not_be_sent_is_refused_here_too() {
        let mut wrong = letter();
        wrong.to.email = "nobody".into();
        assert!(Inbox::default().send(&wrong).await.is_err());
    }
}

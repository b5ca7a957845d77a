//! The SMS service of development mode: messages stay in the process, the newest few hundred of them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use super::{Sending, Sms, SmsProvider};

/// Messages that are kept; the oldest one goes first.
const KEPT: usize = 500;

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSms {
    /// Number, rising.
    pub number: u64,
    /// The message.
    pub sms: Sms,
}

/// Takes every message and tells the log that there was one.
#[derive(Debug, Default)]
pub struct LogOnly {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    messages: VecDeque<KeptSms>,
}

impl LogOnly {
    /// What is there, newest first.
    pub fn list(&self) -> Vec<KeptSms> {
        self.state().messages.iter().rev().cloned().collect()
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.state().messages.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl SmsProvider for LogOnly {
    fn send<'a>(&'a self, sms: &'a Sms) -> Sending<'a> {
        Box::pin(async move {
            // Not what it says: sign-in links are sent this way too.
            tracing::info!(to = ?sms.to, parts = super::parts(&sms.text), "an SMS stays here, as no service is configured");
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            if state.messages.len() == KEPT {
                state.messages.pop_front();
            }
            state.messages.push_back(KeptSms { number, sms: sms.clone() });
            Ok(None)
        })
    }
}

//! Sign-ins that have begun and not ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::config::Secret;
use crate::units::UnixTime;

/// How long somebody may take at the provider.
const TTL: Duration = Duration::from_secs(10 * 60);
/// Most that are remembered; the oldest makes room.
const MAX: usize = 4096;

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub(super) struct Started {
    /// What the ID token must name.
    pub(super) nonce: Secret,
    /// What proves to the provider that the code is ours (RFC 7636).
    pub(super) verifier: Secret,
    /// Hash of what the browser brings back.
    pub(super) binding: String,
    /// The page to go on with.
    pub(super) return_to: String,
    /// When it began.
    pub(super) at: UnixTime,
}

/// The table of them, by the hash of their state.
#[derive(Debug, Default)]
pub(super) struct Pending {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    started: HashMap<String, Started>,
    /// In the order in which they began; those that have ended are still among them.
    order: VecDeque<(UnixTime, String)>,
}

impl Pending {
    pub(super) fn put(&self, state: String, started: Started, now: UnixTime) {
        let mut table = self.table();
        table.expire(now);
        while table.order.len() >= MAX
            && let Some((_, oldest)) = table.order.pop_front()
        {
            table.started.remove(&oldest);
        }
        table.order.push_back((now, state.clone()));
        table.started.insert(state, started);
    }

    /// Gives it away: it is there once.
    pub(super) fn take(&self, state: &str, now: UnixTime) -> Option<Started> {
        let mut table = self.table();
        table.expire(now);
        table.started.remove(state).filter(|started| now.since(started.at) < TTL)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Table {
    fn expire(&mut self, now: UnixTime) {
        while self.order.front().is_some_and(|(at, _)| now.since(*at) >= TTL)
            && let Some((_, state)) = self.order.pop_front()
        {
            self.started.remove(&state);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn started(at: UnixTime) -> Started {
        let secret = || Secret::new("x");
        Started { nonce: secret(), verifier: secret(), binding: "b".into(), return_to: "/".into(), at }
    }

    #[test]
    fn a_state_is_there_once_and_for_ten_minutes() {
        let pending = Pending::default();
        let begin = UnixTime(1_000);
        for state in ["one", "two", "three"] {
            pending.put(state.into(), started(begin), begin);
        }
        assert!(pending.take("one", begin).is_some());
        assert!(pending.take("one", begin).is_none());
        assert!(pending.take("two", UnixTime(begin.plus(TTL).0 - 1)).is_some());
        assert!(pending.take("three", begin.plus(TTL)).is_none());
        assert!(pending.table().order.is_empty());
    }

    #[test]
    fn the_table_stays_within_its_bound_and_forgets_the_oldest() {
        let pending = Pending::default();
        for number in 0..MAX as i64 + 10 {
            pending.put(number.to_string(), started(UnixTime(number)), UnixTime(number));
            // Those that end leave no trace that grows.
            if number % 3 == 0 {
                pending.take(&number.to_string(), UnixTime(number)).unwrap();
            }
        }
        assert!(pending.table().order.len() <= MAX && pending.table().started.len() <= MAX);
        assert!(pending.take("1", UnixTime(5_000)).is_none());
        assert!(pending.take(&(MAX + 9).to_string(), UnixTime(5_000)).is_some());
    }
}

//! What the participants of a room are still to be told of each other's coming and going.
//!
//! In small rooms nothing waits. In large ones several comings and goings are told together, in messages that are
//! encoded once for everybody: each of a thousand who join within seconds would otherwise be news for a thousand others,
//! a message each. Whoever publishes is announced at once in any room, as are changes that somebody made; that is not
//! for this queue.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use visavis_signaling::session::{CloseReason, encode_updates};

use crate::rooms::participant::ParticipantKey;

/// Rooms of so many people have no need to save.
const SMALL: usize = 16;

/// In larger ones there is news so often for each who is there: to tell somebody something takes ten or twenty
/// microseconds, so that this takes a fiftieth of a processor at most.
const PAUSE_EACH: Duration = Duration::from_millis(1);

/// And so often in the largest (in LiveKit: 3 s).
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// So much is told without waiting for the time.
const MAX_WAITING: usize = 1024;

/// Everything before has been told to a participant, or was in what it was given at joining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewsNumber(u64);

/// What waits to be told.
#[derive(Debug, Default)]
pub struct News {
    waiting: BTreeMap<NewsNumber, Item>,
    by_participant: HashMap<ParticipantKey, NewsNumber>,
    next: NewsNumber,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Item {
    about: ParticipantKey,
    info: Bytes,
    /// Why it left, if it did.
    gone: Option<CloseReason>,
}

impl News {
    /// Something about a participant, encoded; it takes the place of what waited about it.
    pub fn push(&mut self, about: ParticipantKey, info: Bytes, gone: Option<CloseReason>) {
        self.forget(about);
        let number = self.next;
        self.next.0 += 1;
        self.by_participant.insert(about, number);
        self.waiting.insert(number, Item { about, info, gone });
    }

    /// Everybody has been told something newer about a participant.
    pub fn forget(&mut self, about: ParticipantKey) {
        if let Some(number) = self.by_participant.remove(&about) {
            self.waiting.remove(&number);
        }
    }

    /// From where on whoever is given the room as it is now has to be told.
    pub fn next(&self) -> NewsNumber {
        self.next
    }

    /// How long until it is to be told to so many; none while there is nothing.
    pub fn wait(&self, people: usize, now: Instant) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        let pause = match people {
            0..=SMALL => Duration::ZERO,
            _ if self.waiting.len() >= MAX_WAITING => Duration::ZERO,
            _ => PAUSE_EACH.saturating_mul(people as u32).min(MAX_PAUSE),
        };
        Some(self.told.map_or(Duration::ZERO, |told| (told + pause).saturating_duration_since(now)))
    }

    /// Takes everything, to be told now.
    pub fn take(&mut self, now: Instant) -> Batch {
        self.told = Some(now);
        self.by_participant.clear();
        let items = std::mem::take(&mut self.waiting);
        let whole = encode_updates(items.values().map(|item| &item.info));
        let about = items.values().map(|item| item.about).collect();
        let all_wanted = items.values().all(|item| !item.gone.is_some_and(CloseReason::is_replaced));
        Batch { items, whole, about, all_wanted }
    }
}

/// What is told at once.
#[derive(Debug)]
pub struct Batch {
    items: BTreeMap<NewsNumber, Item>,
    /// For everybody who is told everything: the messages, encoded.
    whole: Vec<Bytes>,
    about: std::collections::HashSet<ParticipantKey>,
    all_wanted: bool,
}

impl Batch {
    /// The messages for a participant that has to be told from `from` on, and is told of departures as `wants` says.
    /// Nobody is told of itself.
    pub fn messages(&self, to: ParticipantKey, from: NewsNumber, wants: impl Fn(CloseReason) -> bool) -> Vec<Bytes> {
        let all_new = self.items.keys().next().is_some_and(|first| *first >= from);
        if all_new && self.all_wanted && !self.about.contains(&to) {
            return self.whole.clone();
        }
        let news = self.items.range(from..).map(|(_, item)| item);
        let wanted = news.filter(|item| item.about != to && item.gone.is_none_or(&wants));
        encode_updates(wanted.map(|item| &item.info))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use visavis_signaling::proto::{ParticipantInfo, SignalResponse, signal_response};
    use visavis_signaling::session::encode_info;

    use super::*;

    const LEFT: CloseReason = CloseReason::ClientRequestLeave;

    fn info(number: u32, version: u32) -> Bytes {
        encode_info(&ParticipantInfo { sid: format!("PA_{number}"), version, ..ParticipantInfo::default() })
    }

    fn key(number: u32) -> ParticipantKey {
        ParticipantKey(number)
    }

    /// What the messages say: number of the participant, and version.
    fn told(messages: &[Bytes]) -> Vec<(u32, u32)> {
        let participants = |bytes: &Bytes| match <SignalResponse as prost::Message>::decode(&bytes[..]).unwrap().message
        {
            Some(signal_response::Message::Update(update)) => update.participants,
            other => panic!("{other:?}"),
        };
        let all = messages.iter().flat_map(participants);
        all.map(|info| (info.sid.trim_start_matches("PA_").parse().unwrap(), info.version)).collect()
    }

    #[test]
    fn all_are_told_everything_in_the_order_of_its_happening() {
        let mut news = News::default();
        for number in [7, 8, 9] {
            news.push(key(number), info(number, 1), None);
        }
        news.push(key(3), info(3, 5), Some(LEFT));
        let batch = news.take(Instant::now());
        assert_eq!(told(&batch.messages(key(1), NewsNumber(0), |_| true)), [(7, 1), (8, 1), (9, 1), (3, 5)]);
        assert_eq!(news.wait(100, Instant::now()), None, "nothing is left");
        // Those whom it concerns hear of the others.
        assert_eq!(told(&batch.messages(key(8), NewsNumber(0), |_| true)), [(7, 1), (9, 1), (3, 5)]);
    }

    #[test]
    fn who_joins_meanwhile_is_told_only_what_was_not_in_the_room_it_was_given() {
        let mut news = News::default();
        news.push(key(1), info(1, 1), None);
        news.push(key(2), info(2, 1), None);
        let from = news.next();
        news.push(key(3), info(3, 1), None);
        news.push(key(4), info(4, 1), None);
        news.push(key(1), info(1, 2), None);
        let batch = news.take(Instant::now());
        assert_eq!(told(&batch.messages(key(3), from, |_| true)), [(4, 1), (1, 2)]);
        assert_eq!(told(&batch.messages(key(0), NewsNumber(0), |_| true)), [(2, 1), (3, 1), (4, 1), (1, 2)]);
        assert!(batch.messages(key(9), news.next(), |_| true).is_empty());
    }

    #[test]
    fn the_newest_word_about_somebody_is_the_only_one() {
        let mut news = News::default();
        news.push(key(1), info(1, 1), None);
        news.push(key(2), info(2, 1), None);
        news.push(key(1), info(1, 2), Some(LEFT));
        news.forget(key(2));
        let batch = news.take(Instant::now());
        assert_eq!(told(&batch.messages(key(5), NewsNumber(0), |_| true)), [(1, 2)]);
    }

    #[test]
    fn who_knows_people_by_identity_is_not_told_of_a_session_that_a_newer_one_has_replaced() {
        let mut news = News::default();
        news.push(key(1), info(1, 2), Some(CloseReason::DuplicateIdentity));
        news.push(key(2), info(2, 1), None);
        let batch = news.take(Instant::now());
        assert_eq!(told(&batch.messages(key(5), NewsNumber(0), |reason| !reason.is_replaced())), [(2, 1)]);
        assert_eq!(told(&batch.messages(key(5), NewsNumber(0), |_| true)), [(1, 2), (2, 1)]);
    }

    #[test]
    fn small_rooms_do_not_wait_and_large_ones_no_longer_than_a_second() {
        let mut news = News::default();
        let now = Instant::now();
        assert_eq!(news.wait(1000, now), None);
        news.push(key(1), info(1, 1), None);
        assert_eq!(news.wait(1000, now), Some(Duration::ZERO), "after a pause it is told at once");
        news.take(now);
        news.push(key(2), info(2, 1), None);
        assert_eq!(news.wait(SMALL, now), Some(Duration::ZERO));
        assert_eq!(news.wait(100, now), Some(Duration::from_millis(100)));
        assert_eq!(news.wait(5000, now), Some(Duration::from_secs(1)));
        assert_eq!(news.wait(5000, now + Duration::from_secs(2)), Some(Duration::ZERO));
        for number in 0..MAX_WAITING as u32 {
            news.push(key(number), info(number, 1), None);
        }
        assert_eq!(news.wait(5000, now), Some(Duration::ZERO), "what waits is bounded");
    }
}

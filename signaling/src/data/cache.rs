//! Reliable messages sent while a receiver was still joining.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Destinations;
use crate::UnixTime;

/// How long a room keeps reliable messages (LiveKit's `dataMessageCacheTTL`).
pub const CACHE_TTL: Duration = Duration::from_secs(2);

/// How many bytes of messages a room keeps (LiveKit's `dataMessageCacheSize`).
pub const CACHE_BYTES: usize = 100_000;

/// How many senders one joining receiver keeps track of.
const MAX_SENDERS: usize = 1_024;

/// A reliable message as it was forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedMessage {
    /// The sender's sid.
    pub sender_sid: Arc<str>,
    /// The sender's number of it.
    pub sequence: u32,
    /// The encoded packet.
    pub bytes: Arc<[u8]>,
    /// Who it was for.
    pub destinations: Arc<Destinations>,
}

/// The latest reliable messages of a room, bounded by age and size.
#[derive(Clone, Debug, Default)]
pub struct ReliableCache {
    messages: VecDeque<(UnixTime, CachedMessage)>,
    size: usize,
}

impl ReliableCache {
    /// Keeps a message. Those without a sequence number cannot be replayed and
    /// are not kept.
    pub fn push(&mut self, message: CachedMessage, now: UnixTime) {
        if message.sequence == 0 {
            return;
        }
        self.size += message.bytes.len();
        self.messages.push_back((now, message));
        self.prune(now);
    }

    /// Forgets what is too old or too much.
    pub fn prune(&mut self, now: UnixTime) {
        while let Some((at, message)) = self.messages.front() {
            if self.size <= CACHE_BYTES && now.since(*at) < CACHE_TTL {
                break;
            }
            self.size -= message.bytes.len();
            self.messages.pop_front();
        }
    }

    /// The messages kept, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &CachedMessage> {
        self.messages.iter().map(|(_, message)| message)
    }

    /// The messages kept that `after` does not name as received: for each
    /// sender, those above the number given. Senders not named are left out.
    pub fn since<'a>(&'a self, after: &'a HashMap<String, u32>) -> impl Iterator<Item = &'a CachedMessage> {
        self.iter().filter(|message| after.get(&*message.sender_sid).is_some_and(|last| message.sequence > *last))
    }

    /// Bytes kept at the moment.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// What to do with a message for one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateVerdict {
    /// Send it now.
    Send,
    /// It will be replayed from the room's cache when the gate opens.
    Replayed,
    /// It was replayed already, or the receiver cannot have it.
    Skip,
}

/// One receiver's entrance: until its reliable channel is open, numbered
/// messages wait in the room's cache, others are lost (LiveKit's
/// `SendDataMessage` and `replayJoiningReliableMessages`).
#[derive(Clone, Debug, Default)]
pub struct ReliableGate {
    open: bool,
    /// While closed: the first number missed of each sender.
    first: HashMap<Arc<str>, u32>,
    /// After opening: the last number replayed of each sender.
    replayed: HashMap<Arc<str>, u32>,
}

impl ReliableGate {
    /// Whether messages pass.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Judges a message for this receiver. `sequence` is zero for lossy and for
    /// unnumbered messages.
    pub fn admit(&mut self, sender_sid: &Arc<str>, sequence: u32) -> GateVerdict {
        if !self.open {
            if sequence == 0 {
                return GateVerdict::Skip;
            }
            if self.first.len() < MAX_SENDERS || self.first.contains_key(sender_sid) {
                self.first.entry(Arc::clone(sender_sid)).or_insert(sequence);
                return GateVerdict::Replayed;
            }
            return GateVerdict::Skip;
        }
        if sequence == 0 {
            return GateVerdict::Send;
        }
        match self.replayed.get(sender_sid) {
            Some(last) if sequence <= *last => GateVerdict::Skip,
            Some(_) => {
                self.replayed.remove(sender_sid);
                GateVerdict::Send
            }
            None => GateVerdict::Send,
        }
    }

    /// The receiver's reliable channel is open: gives what it missed, in order.
    /// Once only.
    pub fn open(&mut self, cache: &ReliableCache, identity: &str, sid: &str) -> Vec<Arc<[u8]>> {
        if std::mem::replace(&mut self.open, true) {
            return Vec::new();
        }
        let first = std::mem::take(&mut self.first);
        let mut missed = Vec::new();
        for message in cache.iter() {
            let wanted = first.get(&message.sender_sid).is_some_and(|first| message.sequence >= *first);
            if wanted && message.destinations.includes(identity, sid) {
                let last = self.replayed.entry(Arc::clone(&message.sender_sid)).or_insert(0);
                *last = (*last).max(message.sequence);
                missed.push(Arc::clone(&message.bytes));
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sender: &str, sequence: u32, size: usize, to: &[&str]) -> CachedMessage {
        CachedMessage {
            sender_sid: sender.into(),
            sequence,
            bytes: vec![sequence as u8; size].into(),
            destinations: Arc::new(Destinations {
                identities: to.iter().map(|identity| (*identity).to_owned()).collect(),
                sids: Vec::new(),
            }),
        }
    }

    fn sequences(cache: &ReliableCache) -> Vec<u32> {
        cache.iter().map(|message| message.sequence).collect()
    }

    #[test]
    fn messages_age_out_after_two_seconds() {
        let mut cache = ReliableCache::default();
        cache.push(message("PA_a", 1, 10, &[]), UnixTime(0));
        cache.push(message("PA_a", 2, 10, &[]), UnixTime(1_500));
        cache.prune(UnixTime(1_999));
        assert_eq!(sequences(&cache), [1, 2]);
        cache.prune(UnixTime(2_000));
        assert_eq!((sequences(&cache), cache.size()), (vec![2], 10));
    }

    #[test]
    fn the_size_is_bounded_by_dropping_the_oldest() {
        let mut cache = ReliableCache::default();
        for sequence in 1..=3 {
            cache.push(message("PA_a", sequence, 40_000, &[]), UnixTime(0));
        }
        assert_eq!((sequences(&cache), cache.size()), (vec![2, 3], 80_000));
        cache.push(message("PA_a", 4, CACHE_BYTES + 1, &[]), UnixTime(0));
        assert_eq!((sequences(&cache), cache.size()), (vec![], 0));
    }

    #[test]
    fn a_joining_receiver_gets_what_it_missed_once_and_in_order() {
        let mut cache = ReliableCache::default();
        let mut gate = ReliableGate::default();
        let sender: Arc<str> = "PA_a".into();
        cache.push(message("PA_a", 1, 1, &[]), UnixTime(0));
        for sequence in [2, 3] {
            cache.push(message("PA_a", sequence, 1, &[]), UnixTime(0));
            assert_eq!(gate.admit(&sender, sequence), GateVerdict::Replayed);
        }
        cache.push(message("PA_a", 4, 1, &["somebody else"]), UnixTime(0));
        assert_eq!(gate.admit(&sender, 0), GateVerdict::Skip);
        let missed: Vec<u8> = gate.open(&cache, "me", "PA_m").iter().map(|m| m[0]).collect();
        assert_eq!(missed, [2, 3], "not what came before it joined");
        assert!(gate.open(&cache, "me", "PA_m").is_empty());
        assert_eq!(gate.admit(&sender, 3), GateVerdict::Skip, "replayed already");
        assert_eq!(gate.admit(&sender, 5), GateVerdict::Send);
        assert_eq!(gate.admit(&sender, 0), GateVerdict::Send);
    }

    #[test]
    fn the_number_of_senders_waited_for_is_bounded() {
        let mut gate = ReliableGate::default();
        for n in 0..MAX_SENDERS + 10 {
            gate.admit(&format!("PA_{n}").into(), 1);
        }
        assert_eq!(gate.first.len(), MAX_SENDERS);
    }

    #[test]
    fn what_a_receiver_lacks_is_told_by_its_last_numbers() {
        let mut cache = ReliableCache::default();
        cache.push(message("PA_a", 1, 1, &[]), UnixTime(0));
        cache.push(message("PA_a", 2, 1, &[]), UnixTime(0));
        cache.push(message("PA_b", 1, 1, &[]), UnixTime(0));
        let after = HashMap::from([("PA_a".to_owned(), 1)]);
        let lacking: Vec<u32> = cache.since(&after).map(|message| message.sequence).collect();
        assert_eq!(lacking, [2]);
    }
}

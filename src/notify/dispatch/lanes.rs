//! Who is under way: for each kind of message its own few places.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Mail,
    Sms,
    Push,
    Webhook,
}

impl Lane {
    pub(super) const ALL: [Lane; 4] = [Lane::Mail, Lane::Sms, Lane::Push, Lane::Webhook];

    /// The word in `outbox.channel` and in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Lane::Mail => "mail",
            Lane::Sms => "sms",
            Lane::Push => "push",
            Lane::Webhook => "webhook",
        }
    }

    /// How many are under way at a time.
    const fn places(self) -> usize {
        match self {
            Lane::Mail | Lane::Sms => 4,
            Lane::Push | Lane::Webhook => 8,
        }
    }
}

/// The rows that are under way.
pub(super) struct Lanes {
    taken: Mutex<[HashSet<String>; 4]>,
    under_way: watch::Sender<usize>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { taken: Mutex::default(), under_way: watch::Sender::new(0) }
    }
}

impl Lanes {
    /// How many there are, as it changes.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.under_way.subscribe()
    }

    /// The lanes that have places left, and how many due rows to ask for: those under way are still among them.
    pub(super) fn wanted(&self) -> Vec<(Lane, usize)> {
        let taken = self.taken();
        let free = |lane: &Lane| taken[*lane as usize].len() < lane.places();
        Lane::ALL.into_iter().filter(free).map(|lane| (lane, lane.places() + taken[lane as usize].len())).collect()
    }

    /// Takes a place for a row; none where it is under way or all places are taken.
    pub(super) fn claim(self: &Arc<Self>, lane: Lane, id: &str) -> Option<Claim> {
        let mut taken = self.taken();
        let places = &mut taken[lane as usize];
        if places.len() >= lane.places() || !places.insert(id.to_owned()) {
            return None;
        }
        self.tell(&taken);
        Some(Claim { lanes: Arc::clone(self), lane, id: id.to_owned() })
    }

    fn tell(&self, taken: &[HashSet<String>; 4]) {
        self.under_way.send_replace(taken.iter().map(HashSet::len).sum());
    }

    fn taken(&self) -> MutexGuard<'_, [HashSet<String>; 4]> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A row that is under way; its place is free again when this is dropped.
pub(super) struct Claim {
    lanes: Arc<Lanes>,
    lane: Lane,
    id: String,
}

impl Claim {
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.lanes.taken();
        taken[self.lane as usize].remove(&self.id);
        self.lanes.tell(&taken);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_row_has_one_place_and_a_lane_a_few() {
        let lanes = Arc::new(Lanes::default());
        let first = lanes.claim(Lane::Mail, "1").unwrap();
        assert!(lanes.claim(Lane::Mail, "1").is_none());
        let _others: Vec<Claim> = ["2", "3", "4"].map(|id| lanes.claim(Lane::Mail, id).unwrap()).into();
        assert!(lanes.claim(Lane::Mail, "5").is_none());
        assert!(!lanes.wanted().iter().any(|(lane, _)| *lane == Lane::Mail));
        assert!(lanes.claim(Lane::Sms, "5").is_some(), "what is slow in one lane holds up no other");
        assert_eq!(*lanes.watch().borrow(), 4);
        drop(first);
        assert_eq!(lanes.wanted()[0], (Lane::Mail, 7));
        assert!(lanes.claim(Lane::Mail, "1").is_some());
    }
}

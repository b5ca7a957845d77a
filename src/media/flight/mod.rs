//! The flight recorder: what the way to and from each peer was like lately and what was made of it, so that a complaint
//! can be looked into afterwards and played again in the simulated network (`tests/sim/replay`).
//!
//! One ring per peer connection, of entries of fixed size ([`record`]): what feedback said, summed up over stretches of
//! time ([`stretch`]), and what was decided. It costs something per report and per event, never per media packet, and
//! forgets the oldest: a calm call of half an hour fits, of a bad line the last minutes. [`file`] is how it is written
//! down. Of what is said or shown, of addresses and of keys nothing is in it.

pub mod file;
mod record;
mod stretch;

use std::time::{Duration, Instant};

pub use super::estimate::Why;
pub use record::{Down, Entry, Recording, Up, What};

use self::stretch::{LONG, SHORT, Stretches, millis};
use super::estimate::Estimator;
use super::event::Event;
use super::shard::Shard;
use super::transports::{Sending, TransportKey};
use crate::ids::{MediaTrackId, TransportId};
use crate::rtp::twcc::PacketResult;

/// Entries of a ring: 18 KB. It grows to that.
const ENTRIES: usize = 512;
/// The same again within this time is one entry.
const AGAIN: Duration = Duration::from_secs(1);

/// The recorder of one peer connection.
#[derive(Debug)]
pub struct Flight {
    began: Instant,
    ring: Vec<Entry>,
    /// Where the next entry goes, once the ring is full.
    next: usize,
    forgotten: u64,
    stretches: Stretches,
    /// The estimate as it was written down last.
    estimate: Option<(u32, Why)>,
    /// The number of the next packet when feedback came last.
    numbers: u64,
    /// Feedback has stayed away since.
    silent: bool,
    up: Option<(Instant, Up)>,
    /// Packets and bytes that had come and losses that were known, when they were last looked at.
    seen: (u64, u64, i64),
    /// Packets that the peer was asked for again since.
    again: u16,
}

/// The number of a track in recordings.
pub(super) fn number(track: MediaTrackId) -> u32 {
    // A room's own number is in the upper half.
    track.0 as u32
}

impl Flight {
    /// Nothing has happened.
    pub const fn new(now: Instant) -> Self {
        Self {
            began: now,
            ring: Vec::new(),
            next: 0,
            forgotten: 0,
            stretches: Stretches::new(),
            estimate: None,
            numbers: 0,
            silent: false,
            up: None,
            seen: (0, 0, 0),
            again: 0,
        }
    }

    /// Something happens.
    pub fn note(&mut self, now: Instant, what: What) {
        let at = u32::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u32::MAX);
        let last = if self.ring.len() < ENTRIES { self.ring.len() } else { self.next };
        if let Some(last) = last.checked_sub(1).or(self.ring.len().checked_sub(1)).and_then(|it| self.ring.get_mut(it))
            && u128::from(at.saturating_sub(last.at)) < AGAIN.as_millis()
            && let Some(joined) = last.what.joined(&what)
        {
            last.what = joined;
            return;
        }
        let entry = Entry { at, what };
        if self.ring.len() < ENTRIES {
            self.ring.push(entry);
            return;
        }
        self.ring[self.next] = entry;
        self.next = (self.next + 1) % ENTRIES;
        self.forgotten += 1;
    }

    /// The peer asks for a packet again.
    pub fn asked_again(&mut self) {
        self.stretches.asked_again();
    }

    /// The peer is asked for packets again.
    pub fn asks_again(&mut self, packets: usize) {
        self.again = self.again.saturating_add(u16::try_from(packets).unwrap_or(u16::MAX));
    }

    /// Transport-wide feedback came, and the estimator has read it.
    pub fn on_results(&mut self, now: Instant, results: &[PacketResult], sending: &Sending) {
        if results.is_empty() {
            return;
        }
        if self.silent || self.is_silent(now) {
            self.note_silence(now, sending);
        }
        let silent = std::mem::take(&mut self.silent);
        let estimator = &sending.estimator;
        let complete = self.stretches.add(now, results, estimator, sending.rtt, silent);
        for (at, down) in complete.into_iter().flatten() {
            self.note(at, What::Down(down));
        }
        self.numbers = sending.twcc.next_number();
        self.note_estimate(now, estimator);
    }

    /// Time passes: feedback may stay away, and what came from the peer is summed up.
    fn on_second(&mut self, now: Instant, sending: &Sending, seen: (u64, u64, i64), jitter: Duration) {
        if self.is_silent(now) && sending.twcc.next_number() != self.numbers {
            self.note_silence(now, sending);
        }
        if sending.feedback {
            self.note_estimate(now, &sending.estimator);
        }
        self.note_up(now, seen, jitter);
    }

    /// Feedback has stayed away for longer than it ever does by itself.
    fn is_silent(&self, now: Instant) -> bool {
        self.stretches.heard().is_some_and(|heard| now.saturating_duration_since(heard) > SHORT * 2)
    }

    /// Packets were sent, and feedback has stayed away. What was told before is a stretch of its own.
    fn note_silence(&mut self, now: Instant, sending: &Sending) {
        if let Some((at, down)) = self.stretches.close() {
            self.note(at, What::Down(down));
        }
        let Some(since) = self.stretches.heard() else { return };
        let next = sending.twcc.next_number();
        let sent = u16::try_from(next.saturating_sub(self.numbers)).unwrap_or(u16::MAX);
        (self.numbers, self.silent) = (next, true);
        if sent > 0 {
            self.note(now, What::Silent { span: millis(now.saturating_duration_since(since)), sent });
        }
        self.stretches.was_silent(now);
    }

    fn note_estimate(&mut self, now: Instant, estimator: &Estimator) {
        let Some(estimate) = estimator.sustained(now) else { return };
        let kbps = u32::try_from(estimate.bps() / 1000).unwrap_or(u32::MAX);
        let why = estimator.why();
        let changed = self.estimate.is_none_or(|(before, _)| kbps.abs_diff(before) * 10 >= before);
        if changed {
            self.estimate = Some((kbps, why));
            self.note(now, What::Estimate { kbps, why });
        }
    }

    fn note_up(&mut self, now: Instant, seen: (u64, u64, i64), jitter: Duration) {
        let before = std::mem::replace(&mut self.seen, seen);
        let narrow = |count: u64| u16::try_from(count).unwrap_or(u16::MAX);
        // A stream that has ended takes its counts along.
        let fresh = Up {
            span: 0,
            packets: narrow(seen.0.saturating_sub(before.0)),
            lost: narrow(u64::try_from(seen.2.saturating_sub(before.2)).unwrap_or_default()),
            again: std::mem::take(&mut self.again),
            jitter: millis(jitter),
            bytes: u32::try_from(seen.1.saturating_sub(before.1)).unwrap_or(u32::MAX),
        };
        let Some((from, up)) = &mut self.up else {
            if seen.0 > 0 {
                self.up = Some((now, fresh));
            }
            return;
        };
        if up.calm() && !fresh.calm() && up.packets > 0 {
            // What was calm is a stretch of its own; its end was a second ago at most.
            let (from, up) = (*from, *up);
            let at = now.checked_sub(AGAIN).unwrap_or(now).max(from);
            self.note(at, What::Up(Up { span: millis(at.saturating_duration_since(from)), ..up }));
            self.up = Some((at, fresh));
            return self.close_up(now);
        }
        up.packets = up.packets.saturating_add(fresh.packets);
        up.lost = up.lost.saturating_add(fresh.lost);
        up.again = up.again.saturating_add(fresh.again);
        up.bytes = up.bytes.saturating_add(fresh.bytes);
        up.jitter = fresh.jitter;
        if !up.calm() || now.saturating_duration_since(*from) >= LONG {
            self.close_up(now);
        }
    }

    fn close_up(&mut self, now: Instant) {
        let Some((from, up)) = self.up.replace((now, Up::default())) else { return };
        if up.packets > 0 || !up.calm() {
            self.note(now, What::Up(Up { span: millis(now.saturating_duration_since(from)), ..up }));
        }
    }

    /// Everything up to now, by a copy.
    fn recording(&self) -> Recording {
        let mut entries = Vec::with_capacity(self.ring.len() + 2);
        entries.extend(&self.ring[self.next..]);
        entries.extend(&self.ring[..self.next]);
        // What goes on is told as if it ended here.
        let mut open = Self { ring: Vec::new(), next: 0, ..*self };
        if let Some((at, down)) = open.stretches.close() {
            open.note(at, What::Down(down));
        }
        entries.append(&mut open.ring);
        // A stretch ends before what happens in the next one, but is written down only then.
        entries.sort_by_key(|entry| entry.at);
        Recording { began: self.began, forgotten: self.forgotten, entries }
    }
}

impl Shard {
    /// Something happens to a track of a peer connection.
    pub(super) fn record(&mut self, now: Instant, key: TransportKey, what: What) {
        if let Some(state) = self.transports.get_mut(key) {
            state.flight.note(now, what);
        }
    }

    /// Looks at what came from a peer and at whether its feedback stays away.
    pub(super) fn record_second(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key) else { return };
        let (mut seen, mut jitter) = ((0, 0, 0), Duration::ZERO);
        for stream in state.receiving.streams.iter().filter_map(|stream| self.streams.get(*stream)) {
            let stats = &stream.stats;
            seen = (seen.0 + stats.packets(), seen.1 + stats.bytes(), seen.2 + stats.lost());
            let rate = stream.codec.as_ref().map_or(90_000, |current| current.params.clock_rate.0);
            jitter = jitter.max(Duration::from_secs(u64::from(stats.jitter())) / rate.max(1));
        }
        state.flight.on_second(now, &state.sending, seen, jitter);
    }

    /// [`super::Command::ReportFlight`].
    pub(super) fn report_flight(&mut self, id: TransportId) {
        let state = self.transport_key(id).and_then(|key| self.transports.get(key));
        // Whoever asks waits for an answer, also of a connection that is gone.
        let recording = state.map(|state| Box::new(state.flight.recording()));
        self.emit(Event::Flight { id, recording, last: false });
    }

    /// A peer connection ends: its recording may be asked for still.
    pub(super) fn hand_over_flight(&mut self, id: TransportId, flight: &Flight) {
        if !flight.ring.is_empty() {
            self.emit(Event::Flight { id, recording: Some(Box::new(flight.recording())), last: true });
        }
    }
}

#[cfg(test)]
mod tests;

//! Feedback, summed up over stretches of time: short ones where something is the matter, long ones where all is calm.

use std::time::{Duration, Instant};

use super::record::Down;
use crate::media::estimate::Estimator;
use crate::rtp::twcc::PacketResult;

/// The shortest stretch.
pub const SHORT: Duration = Duration::from_millis(400);
/// The longest, when nothing is to be seen in it.
pub const LONG: Duration = Duration::from_secs(10);
/// What the way carries besides the bytes that are counted: UDP, IP and the authentication tag.
const HEADERS: u16 = 44;

/// A stretch that goes on.
#[derive(Clone, Copy, Debug)]
struct Open {
    from: Instant,
    until: Instant,
    down: Down,
    foreign: Option<[u16; 2]>,
    /// Bytes that left the narrowest place back to back, and how long that took.
    busy: (u64, Duration),
}

/// Sums up feedback.
#[derive(Clone, Copy, Debug)]
pub struct Stretches {
    open: Option<Open>,
    /// When feedback came last.
    heard: Option<Instant>,
    /// The highest number that was told of.
    told: Option<u64>,
    /// The packet that arrived last, where none was lost since, and when.
    before: Option<(u64, Duration)>,
    /// What left before was lost to an outage.
    outage: Option<Instant>,
    /// Packets that the peer has asked for again since the last feedback.
    again: u16,
}

/// What one feedback says.
struct Sum {
    down: Down,
    foreign: Option<[u16; 2]>,
    busy: (u64, Duration),
}

impl Stretches {
    /// Nothing has been said.
    pub const fn new() -> Self {
        Self { open: None, heard: None, told: None, before: None, outage: None, again: 0 }
    }

    /// Feedback stayed away until then, which has been written down.
    pub const fn was_silent(&mut self, until: Instant) {
        self.heard = Some(until);
    }

    /// The peer asks for a packet again.
    pub fn asked_again(&mut self) {
        self.again = self.again.saturating_add(1);
    }

    /// When feedback came last.
    pub const fn heard(&self) -> Option<Instant> {
        self.heard
    }

    /// Feedback came; `after_silence` is what packets were sent into before. Gives the stretches that are complete: the
    /// one before, where this feedback is of another kind, and the one that this ends.
    pub fn add(
        &mut self,
        now: Instant,
        results: &[PacketResult],
        estimator: &Estimator,
        rtt: Duration,
        after_silence: bool,
    ) -> [Option<(Instant, Down)>; 2] {
        if after_silence {
            (self.outage, self.before) = (Some(now), None);
        }
        let mut one = self.sum_up(results, estimator);
        // Until it has been measured: feedback leaves soon after the newest packet that it tells of.
        let newest = results.iter().filter(|it| it.arrived.is_some()).map(|it| it.sent).max();
        let turn = newest.map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent));
        one.down.rtt = millis(if rtt.is_zero() { turn } else { rtt });
        one.down.again = std::mem::take(&mut self.again);
        let begun = self.heard.replace(now).unwrap_or(now);
        let changes = |open: &Open| open.down.calm() && !one.down.calm() && now - open.from >= SHORT;
        let before = if self.open.as_ref().is_some_and(changes) { self.close() } else { None };
        let fresh = Open { from: begun, until: now, down: Down::default(), foreign: None, busy: (0, Duration::ZERO) };
        let open = self.open.get_or_insert(fresh);
        open.until = now;
        open.add(&one);
        let longest = if open.down.calm() { LONG } else { SHORT };
        let complete = now.saturating_duration_since(open.from) >= longest;
        [before, if complete { self.close() } else { None }]
    }

    /// The stretch that goes on ends here.
    pub fn close(&mut self) -> Option<(Instant, Down)> {
        let open = self.open.take()?;
        let mut down = open.down;
        down.span = millis(open.until.saturating_duration_since(open.from));
        down.foreign = open.foreign.unwrap_or_default();
        let (bytes, time) = open.busy;
        if bytes > 0 {
            down.busy = u16::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
            let kbps = bytes.saturating_mul(8000) / (time.as_micros() as u64).max(1);
            down.capacity = u32::try_from(kbps).unwrap_or(u32::MAX);
        }
        Some((open.until, down))
    }

    /// One feedback by itself.
    fn sum_up(&mut self, results: &[PacketResult], estimator: &Estimator) -> Sum {
        let (mut down, mut foreign, mut busy) = (Down::default(), None, (0, Duration::ZERO));
        let mut last_lost = None;
        let known = self.told;
        for result in results {
            let fresh = known.is_none_or(|told| result.ext_seq > told);
            self.told = Some(self.told.map_or(result.ext_seq, |told| told.max(result.ext_seq)));
            let Some(arrived) = result.arrived else {
                self.before = None;
                if fresh && self.outage.is_none_or(|outage| result.sent > outage) {
                    down.lost = down.lost.saturating_add(1);
                    let goes_on = last_lost == Some(result.ext_seq.wrapping_sub(1));
                    down.runs = down.runs.saturating_add(u8::from(!goes_on));
                    last_lost = Some(result.ext_seq);
                }
                continue;
            };
            down.arrived = down.arrived.saturating_add(1);
            down.bytes = down.bytes.saturating_add(u32::from(result.size));
            let waited = estimator.waited(result).unwrap_or_default();
            let wait = millis(waited);
            down.wait = down.wait.max(wait);
            let before = self.before.filter(|(seq, _)| seq + 1 == result.ext_seq);
            match before.and_then(|(_, before)| arrived.checked_sub(before)) {
                // It came to the narrowest place before its predecessor had left it.
                Some(gap) if waited >= gap => {
                    busy.0 += u64::from(result.size + HEADERS);
                    busy.1 += gap;
                }
                Some(_) => foreign = widest(foreign, Some([wait; 2])),
                None => {}
            }
            if self.before.is_none_or(|(_, before)| arrived >= before) {
                self.before = Some((result.ext_seq, arrived));
            }
        }
        Sum { down, foreign, busy }
    }
}

impl Open {
    fn add(&mut self, one: &Sum) {
        let (down, more) = (&mut self.down, &one.down);
        down.arrived = down.arrived.saturating_add(more.arrived);
        down.lost = down.lost.saturating_add(more.lost);
        down.runs = down.runs.saturating_add(more.runs);
        down.again = down.again.saturating_add(more.again);
        down.bytes = down.bytes.saturating_add(more.bytes);
        down.wait = down.wait.max(more.wait);
        down.rtt = match (down.rtt, more.rtt) {
            (0, rtt) | (rtt, 0) => rtt,
            (rtt, more) => rtt.min(more),
        };
        self.foreign = widest(self.foreign, one.foreign);
        self.busy.0 += one.busy.0;
        self.busy.1 += one.busy.1;
    }
}

fn widest(one: Option<[u16; 2]>, other: Option<[u16; 2]>) -> Option<[u16; 2]> {
    match (one, other) {
        (Some([least, most]), Some([less, more])) => Some([least.min(less), most.max(more)]),
        (known, None) | (None, known) => known,
    }
}

/// Whole milliseconds, as many as fit.
pub fn millis(time: Duration) -> u16 {
    u16::try_from(time.as_millis()).unwrap_or(u16::MAX)
}

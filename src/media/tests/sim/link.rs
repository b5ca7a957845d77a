//! A line between two places, in virtual time: late, lossy, narrow, cut off, and all of it from one seed.
//!
//! A datagram first waits in the queue before the line's narrowest place, where it is lost if the queue is full; then
//! it may get lost on the way, be doubled, or be overtaken. Nothing here knows what the datagrams are.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::units::Bitrate;

/// Headers of UDP and IP.
const HEADERS: usize = 28;
/// Who is overtaken is so much later than it would have been.
const OVERTAKEN: Duration = Duration::from_millis(12);

/// How datagrams get lost on the way; full queues come on top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None does.
    Never,
    /// Each with this probability.
    Random(f64),
    /// In bursts (Gilbert and Elliott): the line turns bad and good again with these probabilities at each datagram, and
    /// loses this share while it is bad.
    Bursts { begins: f64, ends: f64, lost: f64 },
}

/// What a line is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// What every datagram takes.
    pub delay: Duration,
    /// And up to so much more; it does not put them in another order.
    pub jitter: Duration,
    pub loss: Loss,
    /// Share of datagrams that others overtake.
    pub reorder: f64,
    /// Share that arrives twice.
    pub duplicate: f64,
    /// What it carries; none for anything.
    pub rate: Option<Bitrate>,
    /// What finds the queue this long is lost.
    pub depth: Duration,
    /// It carries nothing at all.
    pub cut: bool,
}

impl Line {
    /// Wide and clean.
    pub fn new(delay_ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(delay_ms),
            jitter: Duration::ZERO,
            loss: Loss::Never,
            reorder: 0.0,
            duplicate: 0.0,
            rate: None,
            depth: Duration::from_millis(300),
            cut: false,
        }
    }

    /// The same, of this capacity.
    pub fn of(self, kbps: u64) -> Self {
        Self { rate: Some(Bitrate::from_kbps(kbps)), ..self }
    }
}

/// A datagram's fate at the queue: how long it waited, or none when the queue was full.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub at: Instant,
    pub audio: bool,
    pub bytes: usize,
    pub waited: Option<Duration>,
}

/// A line in use.
pub struct Link {
    line: Line,
    changes: VecDeque<(Instant, Line)>,
    rng: SmallRng,
    /// When the narrowest place is free.
    free: Option<Instant>,
    newest: Option<Instant>,
    bad: bool,
    /// Of every RTP datagram that met no outage.
    pub waits: Vec<Wait>,
}

impl Link {
    pub fn new(seed: u64, line: Line) -> Self {
        let rng = SmallRng::seed_from_u64(seed);
        Self { line, changes: VecDeque::new(), rng, free: None, newest: None, bad: false, waits: Vec::new() }
    }

    /// It is like this from then on; in the order of time.
    pub fn change(&mut self, at: Instant, line: Line) {
        self.changes.push_back((at, line));
    }

    /// When a datagram that comes now arrives: not at all, once or twice. `audio` is none for what is not counted.
    pub fn pass(&mut self, now: Instant, bytes: usize, audio: Option<bool>) -> ArrayVec<Instant, 2> {
        while self.changes.front().is_some_and(|(at, _)| *at <= now) {
            self.line = self.changes.pop_front().map_or(self.line, |(_, line)| line);
        }
        let line = self.line;
        let mut arrivals = ArrayVec::new();
        if line.cut {
            return arrivals;
        }
        let begins = self.free.map_or(now, |free| free.max(now));
        let waited = line.rate.map_or(Duration::ZERO, |_| begins - now);
        let full = waited > line.depth;
        if let Some(audio) = audio {
            self.waits.push(Wait { at: now, audio, bytes, waited: (!full).then_some(waited) });
        }
        if full {
            return arrivals;
        }
        let mut passed = now;
        if let Some(rate) = line.rate {
            passed = begins + Duration::from_secs_f64(((bytes + HEADERS) * 8) as f64 / rate.bps() as f64);
            self.free = Some(passed);
        }
        if self.loses(line.loss) {
            return arrivals;
        }
        let jitter = if line.jitter.is_zero() { Duration::ZERO } else { line.jitter.mul_f64(self.rng.random()) };
        let arrives = passed + line.delay + jitter;
        let arrives = self.newest.map_or(arrives, |newest| newest.max(arrives));
        if line.reorder > 0.0 && self.rng.random_bool(line.reorder) {
            arrivals.push(arrives + OVERTAKEN);
        } else {
            self.newest = Some(arrives);
            arrivals.push(arrives);
        }
        if line.duplicate > 0.0 && self.rng.random_bool(line.duplicate) {
            arrivals.push(arrives);
        }
        arrivals
    }

    fn loses(&mut self, loss: Loss) -> bool {
        match loss {
            Loss::Never => false,
            Loss::Random(share) => self.rng.random_bool(share),
            Loss::Bursts { begins, ends, lost } => {
                let turns = if self.bad { ends } else { begins };
                self.bad ^= self.rng.random_bool(turns);
                self.bad && self.rng.random_bool(lost)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(link: &mut Link, count: u64, each: Duration) -> Vec<ArrayVec<Instant, 2>> {
        let start = Instant::now();
        (0..count).map(|n| link.pass(start + each * n as u32, 972, Some(false))).collect()
    }

    #[test]
    fn a_narrow_line_makes_a_queue_and_a_full_one_loses() {
        let mut link = Link::new(1, Line::new(20).of(1000));
        // 8 ms each, every 4 ms.
        let arrivals = passed(&mut link, 200, Duration::from_millis(4));
        let lost = arrivals.iter().filter(|at| at.is_empty()).count();
        assert!((60..70).contains(&lost), "{lost}");
        assert_eq!(lost, link.waits.iter().filter(|wait| wait.waited.is_none()).count());
        assert!(link.waits.iter().filter_map(|wait| wait.waited).all(|waited| waited <= Duration::from_millis(300)));
    }

    #[test]
    fn loss_has_its_share_at_random_and_in_bursts() {
        for (loss, share) in [
            (Loss::Random(0.05), 0.05),
            // Bad for a fifth of the time in the long run, half lost then.
            (Loss::Bursts { begins: 0.02, ends: 0.08, lost: 0.5 }, 0.1),
        ] {
            let mut link = Link::new(3, Line { loss, ..Line::new(20) });
            let arrivals = passed(&mut link, 50_000, Duration::from_millis(1));
            let lost = arrivals.iter().filter(|at| at.is_empty()).count() as f64 / 50_000.0;
            assert!((lost - share).abs() < 0.01, "{lost}");
        }
    }

    #[test]
    fn some_are_overtaken_some_come_twice_and_the_same_seed_does_it_again() {
        let line = Line { reorder: 0.01, duplicate: 0.01, jitter: Duration::from_millis(30), ..Line::new(20) };
        let start = Instant::now();
        let run = || {
            let mut link = Link::new(5, line);
            (0..10_000).map(|n| link.pass(start + Duration::from_millis(n), 100, None)).collect::<Vec<_>>()
        };
        let arrivals = run();
        let overtaken = arrivals.windows(2).filter(|pair| pair[0][0] > pair[1][0]).count();
        let twice = arrivals.iter().filter(|at| at.len() == 2).count();
        assert!((20..200).contains(&overtaken) && (50..150).contains(&twice), "{overtaken} {twice}");
        assert_eq!(arrivals, run());
    }

    #[test]
    fn it_changes_when_it_is_told_to() {
        let mut link = Link::new(1, Line::new(20));
        let start = Instant::now();
        link.change(start + Duration::from_secs(1), Line { cut: true, ..Line::new(20) });
        link.change(start + Duration::from_secs(2), Line::new(50));
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(link.pass(at(0), 100, None)[..], [at(20)]);
        assert!(link.pass(at(1500), 100, None).is_empty());
        assert_eq!(link.pass(at(2000), 100, None)[..], [at(2050)]);
    }
}

//! A call that was recorded (`media::flight`), played again: the way to one peer is built anew from what its feedback
//! said, and a room runs over it. So a complaint becomes a test that the same file repeats packet by packet.
//!
//! What a recording does not hold is what was filmed: the room has its own camera and voice, and its estimate follows
//! the recorded one as far as the way decided it.

use std::time::Duration;

use super::link::{Line, Loss};
use super::room::Room;
use crate::media::flight::file::{Call, Connection, Flights, VERSION};
use crate::media::flight::{Down, Entry, What};
use crate::media::{Command, Event};
use crate::units::Bitrate;

/// Feedback tells of packets that arrived so long ago in the mean; they left a round trip before that.
const TOLD_AFTER: u32 = 60;
/// Ways that carry more are not what anybody complains of.
const WIDE_KBPS: u32 = 30_000;
/// So many bytes back to back are enough to believe the rate.
const ENOUGH: u64 = 6000;
/// Neighbours within this time help where there were fewer, in milliseconds.
const NEAR: u32 = 1200;
/// And within this time where the delay by itself is looked for.
const AROUND: u32 = 5000;
/// Less than so many milliseconds is no jitter.
const JITTERY: u32 = 8;
/// A packet of full size, in bits.
const FULL: u32 = 1250 * 8;

/// What was recorded of the way to one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What the way was like, and since when.
    pub pieces: Vec<(Duration, Line)>,
    /// The estimates, in kbit/s.
    pub estimates: Vec<(Duration, f64)>,
    pub length: Duration,
}

/// A stretch of the recording.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: u32,
    to: u32,
    /// What feedback said; none where it stayed away.
    down: Option<Down>,
}

impl Recorded {
    /// Of the entries of one connection; none where there was no feedback.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let stretch = |entry: &Entry| {
            let (span, down) = match entry.what {
                What::Down(down) => (down.span, Some(down)),
                What::Silent { span, .. } => (span, None),
                _ => return None,
            };
            Some(Stretch { from: entry.at.saturating_sub(span.into()), to: entry.at, down })
        };
        let stretches: Vec<Stretch> = entries.iter().filter_map(stretch).collect();
        let way = Way { stretches: &stretches };
        let base = way.base()?;
        let begun = stretches.first()?.from.saturating_sub(2 * base + TOLD_AFTER);
        let shifted = |at: u32, by: u32| Duration::from_millis(at.saturating_sub(begun + by).into());
        let (depth, base) = (way.depth(), base);
        let mut pieces: Vec<(Duration, Line)> = Vec::new();
        for (index, stretch) in stretches.iter().enumerate() {
            let line = way.line(index, base, depth);
            if pieces.last().is_none_or(|(_, before)| *before != line) {
                pieces.push((shifted(stretch.from, 2 * base + TOLD_AFTER), line));
            }
        }
        let estimate = |entry: &Entry| match entry.what {
            What::Estimate { kbps, .. } => Some((shifted(entry.at, 0), f64::from(kbps))),
            _ => None,
        };
        let length = shifted(stretches.last()?.to, 0);
        Some(Self { pieces, estimates: entries.iter().filter_map(estimate).collect(), length })
    }

    /// The connection of a file on which most was told of.
    pub fn read(text: &str) -> Self {
        let flights = Flights::read(text).unwrap();
        let arrived = |entries: &[Entry]| -> u64 {
            let downs = entries.iter().filter_map(|it| if let What::Down(down) = it.what { Some(down) } else { None });
            downs.map(|down| u64::from(down.arrived)).sum()
        };
        let all = flights.connections.iter().map(|(_, entries)| entries);
        let most = all.max_by_key(|entries| arrived(entries)).unwrap();
        Self::of(most).unwrap()
    }

    /// A room with one watcher over this way, at its end.
    pub fn play(&self, seed: u64) -> Room {
        let (_, first) = self.pieces[0];
        let mut room = Room::new(seed, true, &[first]);
        for (at, line) in &self.pieces[1..] {
            let back = Line { rate: None, loss: Loss::Never, jitter: Duration::ZERO, ..*line };
            for (to_shard, line) in [(false, *line), (true, back)] {
                if let Some(link) = room.world.links.get_mut(&(to_shard, 1)) {
                    link.change(room.begun + *at, line);
                }
            }
        }
        room.run(self.length);
        room
    }

    /// Estimates in kbit/s, second by second: recorded, and played again.
    pub fn beside(&self, room: &Room) -> Vec<(f64, f64)> {
        let seconds = 1..=self.length.as_secs();
        let at = |second: u64| {
            let time = Duration::from_secs(second);
            let (_, recorded) = self.estimates.iter().rev().find(|(at, _)| *at <= time)?;
            let played = room.estimates[0].iter().rev().find(|(at, _)| *at <= room.begun + time)?.1?;
            Some((*recorded, played.bps() as f64 / 1000.0))
        };
        seconds.filter_map(at).collect()
    }
}

/// By how much two estimates differ: 0.1 for a tenth.
pub fn off((recorded, played): (f64, f64)) -> f64 {
    (played / recorded).max(recorded / played) - 1.0
}

struct Way<'a> {
    stretches: &'a [Stretch],
}

impl Way<'_> {
    fn downs(&self) -> impl Iterator<Item = &Down> {
        self.stretches.iter().filter_map(|it| it.down.as_ref())
    }

    /// Those near to one, itself included.
    fn around(&self, index: usize, within: u32) -> impl Iterator<Item = (&Stretch, &Down)> {
        let Stretch { from, to, .. } = self.stretches[index];
        let near = move |it: &&Stretch| it.to + within >= from && it.from <= to + within;
        self.stretches.iter().filter(near).filter_map(|it| Some((it, it.down.as_ref()?)))
    }

    /// The least that the way took in one direction, in milliseconds.
    fn base(&self) -> Option<u32> {
        let known = self.downs().filter(|it| it.rtt > 0).map(|it| it.rtt.saturating_sub(it.foreign[0]));
        Some(u32::from(known.min()?) / 2)
    }

    /// How long the queue may get: what was lost behind a long one did not fit.
    fn depth(&self) -> Duration {
        let full = self.downs().filter(|it| overflows(it)).map(|it| it.wait).max();
        let longest = self.downs().map(|it| it.wait).max().unwrap_or_default();
        Duration::from_millis(full.unwrap_or(longest.saturating_mul(6) / 5).max(100).into())
    }

    /// What it carried in kbit/s around a stretch, if packets queued there.
    fn measured(&self, index: usize) -> Option<u32> {
        if self.stretches[index].down.is_some_and(|down| jitter(&down) > 0) {
            return None;
        }
        let own = self.stretches[index].down.filter(|down| carried(down) >= ENOUGH);
        if let Some(own) = own {
            return Some(own.capacity);
        }
        let near: Vec<&Down> =
            self.around(index, NEAR).map(|(_, down)| down).filter(|it| it.capacity > 0 && jitter(it) == 0).collect();
        let busy: u64 = near.iter().map(|it| u64::from(it.busy)).sum();
        let all: u64 = near.iter().map(|it| carried(it)).sum();
        (all >= ENOUGH && busy > 0).then(|| u32::try_from(all * 8 / busy).unwrap_or(u32::MAX))
    }

    /// The same; where nothing queued, the way carried as much as before or as after.
    fn capacity(&self, index: usize) -> Option<u32> {
        // Where others make packets late, ours seem to leave slower than the way lets them: that is the least it does.
        let least = self.stretches[index].down.filter(|down| jitter(down) > 0 && carried(down) >= ENOUGH);
        let before = (0..=index).rev().find_map(|index| self.measured(index));
        let after = (index..self.stretches.len()).find_map(|index| self.measured(index));
        before.max(after).max(least.map(|down| down.capacity))
    }

    fn line(&self, index: usize, base: u32, depth: Duration) -> Line {
        let capacity = self.capacity(index).filter(|kbps| *kbps < WIDE_KBPS);
        let line = Line { depth, rate: capacity.map(|kbps| Bitrate::from_kbps(kbps.into())), ..Line::new(base.into()) };
        let Some(down) = self.stretches[index].down else { return Line { cut: true, ..line } };
        // Behind a queue of our own nothing is seen of the way itself.
        let near = self.around(index, AROUND).filter(|(_, it)| it.rtt > 0 && !queues(it));
        let local = near.map(|(_, it)| u32::from(it.rtt.saturating_sub(it.foreign[0])) / 2).min().unwrap_or(base);
        let least = down.foreign[0];
        let jitter = jitter(&down);
        Line {
            delay: Duration::from_millis((local.max(base) + u32::from(least)).into()),
            jitter: Duration::from_millis(jitter.into()),
            loss: if overflows(&down) { Loss::Never } else { loss(&down) },
            ..line
        }
    }
}

/// Bytes that left back to back.
fn carried(down: &Down) -> u64 {
    u64::from(down.capacity) * u64::from(down.busy) / 8
}

/// How unevenly others make packets late, in milliseconds; that a large packet takes longer than a small one is none of it.
fn jitter(down: &Down) -> u32 {
    let [least, most] = down.foreign.map(u32::from);
    let jitter = (most - least).saturating_sub(FULL.checked_div(down.capacity).unwrap_or_default());
    if jitter < JITTERY { 0 } else { jitter }
}

/// Packets queued for much of the time.
const fn queues(down: &Down) -> bool {
    down.busy as u32 * 3 > down.span as u32 && down.wait >= 50
}

const fn overflows(down: &Down) -> bool {
    down.lost > 0 && down.wait >= 150 && queues(down)
}

fn loss(down: &Down) -> Loss {
    let (lost, all) = (f64::from(down.lost), f64::from(down.lost) + f64::from(down.arrived));
    let run = lost / f64::from(down.runs.max(1));
    match lost / all.max(1.0) {
        0.0 => Loss::Never,
        share if run < 1.7 || share > 0.9 => Loss::Random(share),
        share => Loss::Bursts { begins: (share / (run * (1.0 - share))).min(1.0), ends: 1.0 / run, lost: 1.0 },
    }
}

/// A call over one way after another, for so many seconds each, as its watcher's recording has it.
pub fn recorded(seed: u64, ways: &[(u64, Line)]) -> String {
    let mut room = Room::new(seed, true, &[ways[0].1]);
    for (seconds, line) in ways {
        room.set_line(1, *line);
        room.run(Duration::from_secs(*seconds));
    }
    export(&mut room, 1)
}

/// What the shard has recorded of the way to a watcher, as a file.
pub fn export(room: &mut Room, watcher: usize) -> String {
    let id = room.world.id(watcher);
    room.world.command(Command::ReportFlight(id));
    room.run(Duration::from_millis(1));
    let recording = room.world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Flight { recording: Some(recording), .. } => Some(recording.clone()),
        _ => None,
    });
    let exported = (room.world.now - room.world.start).as_millis() as u64;
    let (name, sid, started) = ("simulated".into(), "RM_simulated".into(), "2026-01-01T00:00:00Z".into());
    let mut flights = Flights::new(Call { flight: VERSION, room: name, sid, started, exported, left_out: 0 });
    let connection = Connection { identity: format!("watcher {watcher}"), role: "both".into(), ..<_>::default() };
    flights.add(room.world.start, connection, &recording.unwrap());
    flights.write().unwrap()
}

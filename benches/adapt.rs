//! Video over lines that are not ideal: the adaptive forwarder beside one of fixed layers, in virtual time.
//!
//! `make adapt` writes what this prints into `benches/ADAPT.md`; everything in it follows from the seeds. With
//! `--replay FILE`, `make replay`, it plays a call again that `visavis call export` has written down; `--record FILE`
//! writes a simulated one.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

// The room of the media wing's own tests, here from outside.
pub use visavis::{ids, media, rtp, transport, units};

#[allow(dead_code)]
#[path = "../src/media/tests"]
mod tests {
    pub mod client;
    pub mod sim;
    pub mod video;
    pub mod world;
}

use tests::sim::link::{Line, Loss};
use tests::sim::replay::{Recorded, recorded};
use tests::sim::room::{Figures, Room};

const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
const SECOND: Duration = Duration::from_secs(1);

fn main() {
    let value_of = |flag: &str| std::env::args().skip_while(|argument| argument != flag).nth(1);
    if let Some(file) = value_of("--replay") {
        return replay(&file);
    }
    if let Some(file) = value_of("--record") {
        return std::fs::write(&file, bad_call()).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    // What cargo passes on (`--bench`) means nothing here.
    println!("{HEAD}");
    println!("## The five marks\n");
    marks();
    println!("\n## Conditions\n");
    println!("{CONDITIONS}");
    conditions();
}

/// A call on a line that has everything: wide, narrow, lossy, cut off, and wide again.
fn bad_call() -> String {
    let wide = Line::new(25).of(2500);
    let lossy = Line { loss: Loss::Random(0.04), ..wide };
    recorded(11, &[(12, wide), (12, Line::new(25).of(600)), (14, lossy), (6, Line { cut: true, ..wide }), (14, wide)])
}

/// What was estimated in a call, second by second, beside what is when its way is played again.
fn replay(file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let recorded = Recorded::read(&text);
    for (at, line) in &recorded.pieces {
        println!("{:7.1} s  {line:?}", at.as_secs_f64());
    }
    let room = recorded.play(1);
    println!("\n second   recorded     played (kbit/s)");
    for (second, (recorded, played)) in (1..).zip(recorded.beside(&room)) {
        println!("{second:7} {recorded:10.0} {played:10.0}");
    }
    println!("\n{:?}", room.figures(1, room.begun));
}

const HEAD: &str = "# Video that adapts

Made by `make adapt`: a room of the server's own state machines and simulated people over simulated lines, in virtual
time (`src/media/tests/sim`). One person talks and films in three layers of about 220, 660 and 1320 kbit/s (30 frames a
second, sizes varying by up to a third; a voice takes 55 kbit/s with its headers); the watcher's line is what changes.
Key frames, where they were asked for, have two packets more than others; \"heavy\" ones come every four seconds as well
and are six times as large. Where layers have temporal ones, these are of 7.5, 15 and 30 frames a second, all alike.
Queues before narrow places hold 300 ms. \"Fixed\" is the same server with `rtc.adaptive_video` off. Seeds 1 to 5; a range
is from the least to the most of them.
";

const CONDITIONS: &str = "A minute each, the first five seconds left out. \"Missing\" is what no repair brought.

| line towards the watcher | | mean layer (0 to 2) | frames a second | longest freeze | missing | mean wait | voices lost to a full queue |
|---|---|---|---|---|---|---|---|";

const HEAVY: &str = "… a queue of 60 ms, heavy key frames";
const TEMPORAL: &str = "… three temporal layers";

/// The range of a figure over the seeds.
fn range(of: impl Iterator<Item = f64>, digits: usize, unit: &str) -> String {
    let all: Vec<f64> = of.collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Without the sign of a zero.
    let (least, most) = (format!("{:.digits$}", least + 0.0), format!("{:.digits$}", most + 0.0));
    if least == most { format!("{least}{unit}") } else { format!("{least} to {most}{unit}") }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn took(all: &[Option<Duration>]) -> String {
    if all.iter().all(Option::is_none) {
        return "never".into();
    }
    let late = all.iter().filter(|it| it.is_none()).count();
    let known = range(all.iter().flatten().map(Duration::as_secs_f64), 1, " s");
    if late == 0 { known } else { format!("{known}, {late} of {} never", all.len()) }
}

fn each(adaptive: bool, lines: &[Line], run: impl Fn(&mut Room)) -> Vec<Room> {
    let room = |seed| {
        let mut room = Room::new(seed, adaptive, lines);
        run(&mut room);
        room
    };
    SEEDS.into_iter().map(room).collect()
}

fn row(what: &str, goal: &str, ours: String, fixed: String) {
    println!("| {what} | {goal} | {ours} | {fixed} |");
}

fn marks() {
    println!("| what | goal | adaptive | fixed |\n|---|---|---|---|");
    capacity();
    steps();
    loss();
    outage();
    starved();
}

fn capacity() {
    let figures = |adaptive| -> Vec<(Figures, usize)> {
        let rooms = each(adaptive, &[Line::new(25).of(1000)], |room| room.run(60 * SECOND));
        let of = |room: &Room| (room.figures(1, room.begun + 15 * SECOND), room.figures(1, room.begun).overflowed[1]);
        rooms.iter().map(of).collect()
    };
    let (ours, fixed) = (figures(true), figures(false));
    let name = "1 Mbit/s, 50 ms round trip, after 15 s";
    row(
        &format!("{name}: estimate"),
        "800 to 1000 kbit/s",
        range(ours.iter().map(|it| it.0.estimate[0]), 0, " kbit/s"),
        "none".into(),
    );
    let wait = |of: &[(Figures, usize)]| {
        let p95 = range(of.iter().map(|it| ms(it.0.wait[1])), 0, " ms");
        format!("{} (p95 {p95})", range(of.iter().map(|it| ms(it.0.wait[0])), 0, " ms"))
    };
    row(&format!("{name}: mean wait in the queue"), "< 100 ms", wait(&ours), wait(&fixed));
    let voices = |of: &[(Figures, usize)]| range(of.iter().map(|it| it.1 as f64), 0, "");
    row("… voices lost to a full queue, from the start, of 3000", "0", voices(&ours), voices(&fixed));
}

fn steps() {
    let wide = Line::new(25).of(2000);
    let run = |adaptive: bool| {
        let (mut known, mut below, mut back, mut waits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for seed in SEEDS {
            let mut room = Room::new(seed, adaptive, &[wide]);
            room.run(20 * SECOND);
            room.set_line(1, Line::new(25).of(500));
            let dropped = room.world.now;
            below.push(room.run_until(30 * SECOND, |room| room.sending(1, SECOND / 4).bps() < 500_000));
            room.run(15 * SECOND);
            let under = |it: &(_, Option<units::Bitrate>)| it.0 > dropped && it.1.is_some_and(|it| it.bps() < 500_000);
            known.push(room.estimates[0].iter().find(|it| under(it)).map(|it| it.0 - dropped));
            waits.push(room.figures(1, room.world.now - 10 * SECOND));
            room.set_line(1, wide);
            back.push(room.run_until(30 * SECOND, |room| room.shown_layer(1) == Some(2)));
        }
        (took(&known), took(&below), took(&back), range(waits.iter().map(|it| ms(it.wait[0])), 0, " ms"))
    };
    let (ours, fixed) = (run(true), run(false));
    row("2 Mbit/s → 500 kbit/s: the estimate is below", "within 2 s", ours.0, fixed.0);
    row("… what is sent in a quarter of a second is below", "", ours.1, fixed.1);
    row("… mean wait from the fifth second on", "", ours.3, fixed.3);
    row("500 kbit/s → 2 Mbit/s: top layer on the screen", "within 15 s", ours.2, fixed.2);
}

fn loss() {
    let line = Line { loss: Loss::Random(0.05), ..Line::new(25).of(3000) };
    let run = |adaptive: bool| {
        let rooms = each(adaptive, &[line], |room| room.run(60 * SECOND));
        let freeze = |room: &Room| room.figures(1, room.begun + 3 * SECOND).freeze.as_secs_f64();
        let missing = |room: &Room| room.viewer(1).streams[0].missing() * 100.0;
        (range(rooms.iter().map(freeze), 2, " s"), range(rooms.iter().map(missing), 3, " %"))
    };
    let (ours, fixed) = (run(true), run(false));
    row("5 % lost at random, 50 ms round trip: longest freeze", "< 2 s", ours.0, fixed.0);
    row("… missing after repair", "< 0.5 %", ours.1, fixed.1);
}

fn outage() {
    let line = Line::new(25).of(2000);
    let run = |adaptive: bool| {
        let again = |seed| {
            let mut room = Room::new(seed, adaptive, &[line]);
            room.run(15 * SECOND);
            room.set_line(1, Line { cut: true, ..line });
            room.run(10 * SECOND);
            room.set_line(1, line);
            let shown = room.viewer(1).streams[0].shown.len();
            room.run_until(20 * SECOND, |room| room.viewer(1).streams[0].shown.len() > shown)
        };
        took(&SEEDS.map(again))
    };
    row("after 10 s without anything: next picture", "within 5 s", run(true), run(false));
}

fn starved() {
    let lines = [Line::new(25).of(20_000), Line::new(25).of(400)];
    let run = |adaptive: bool| {
        let rooms = each(adaptive, &lines, |room| room.run(40 * SECOND));
        let figures = |room: &Room, watcher| room.figures(watcher, room.begun + 5 * SECOND);
        let other = range(rooms.iter().map(|room| figures(room, 1).switches as f64), 0, " changes of layer");
        let freeze = range(rooms.iter().map(|room| ms(figures(room, 1).freeze)), 0, " ms");
        let starved = range(rooms.iter().map(|room| ms(figures(room, 2).freeze)), 0, " ms");
        (format!("{other}, longest freeze {freeze}"), starved)
    };
    let (ours, fixed) = (run(true), run(false));
    row("two watchers, 20 Mbit/s and 400 kbit/s: the first", "unchanged", ours.0, fixed.0);
    row("… longest freeze of the second", "", ours.1, fixed.1);
}

fn conditions() {
    let wide = Line::new(25).of(5000);
    let lossy = |share| Line { loss: Loss::Random(share), ..wide };
    let bursts = Loss::Bursts { begins: 0.01, ends: 0.19, lost: 0.6 };
    let short = Line { depth: Duration::from_millis(60), ..Line::new(25).of(1000) };
    let all = [
        ("5 Mbit/s, 50 ms", wide),
        ("… 1 % lost", lossy(0.01)),
        ("… 5 % lost", lossy(0.05)),
        ("… 10 % lost", lossy(0.1)),
        ("… 3 % lost in bursts", Line { loss: bursts, ..wide }),
        ("… round trip 20 ms", Line::new(10).of(5000)),
        ("… round trip 150 ms", Line::new(75).of(5000)),
        ("… round trip 500 ms", Line::new(250).of(5000)),
        ("… jitter 30 ms", Line { jitter: Duration::from_millis(30), ..wide }),
        ("… 1 % overtaken", Line { reorder: 0.01, ..wide }),
        ("1 Mbit/s, 50 ms", Line::new(25).of(1000)),
        ("… 1 % lost", Line { loss: Loss::Random(0.01), ..Line::new(25).of(1000) }),
        ("… 5 % lost", Line { loss: Loss::Random(0.05), ..Line::new(25).of(1000) }),
        ("… 3 % lost in bursts", Line { loss: bursts, ..Line::new(25).of(1000) }),
        ("… jitter 30 ms", Line { jitter: Duration::from_millis(30), ..Line::new(25).of(1000) }),
        ("… round trip 500 ms", Line::new(250).of(1000)),
        ("… a queue of 60 ms", short),
        (HEAVY, short),
        ("400 kbit/s, 50 ms", Line::new(25).of(400)),
        ("550 kbit/s, 50 ms", Line::new(25).of(550)),
        (TEMPORAL, Line::new(25).of(550)),
    ];
    for (name, line) in all {
        for (what, adaptive) in [("adaptive", true), ("fixed", false)] {
            let rooms = each(adaptive, &[line], |room| {
                if name == HEAVY {
                    room.world.cameras[0].key_weight = Some(6);
                    room.world.cameras[0].key_every = Some(120);
                }
                room.world.cameras[0].temporal = name == TEMPORAL;
                room.run(60 * SECOND);
            });
            let figures: Vec<Figures> = rooms.iter().map(|room| room.figures(1, room.begun + 5 * SECOND)).collect();
            let of = |figure: fn(&Figures) -> f64, digits, unit| range(figures.iter().map(figure), digits, unit);
            println!(
                "| {} | {what} | {} | {} | {} | {} | {} | {} |",
                if adaptive { name } else { "" },
                of(|it| it.layer, 2, ""),
                of(|it| it.frames_per_second, 1, ""),
                of(|it| it.freeze.as_secs_f64(), 2, " s"),
                range(rooms.iter().map(|room| room.viewer(1).streams[0].missing() * 100.0), 2, " %"),
                of(|it| ms(it.wait[0]), 0, " ms"),
                of(|it| it.overflowed[1] as f64, 0, ""),
            );
        }
    }
}

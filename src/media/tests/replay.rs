//! Calls that were recorded, played again.

use std::time::Duration;

use super::sim::link::{Line, Loss};
use super::sim::replay::{Recorded, off, recorded};
use super::sim::room::Room;

/// Simulated, by `cargo bench --bench adapt -- --record FILE`: 2500 kbit/s, then 600, then 2500 again with 4 % lost, six
/// seconds of nothing, and 2500. Its recorder's entries are what this tests, so it is not renewed with every change of
/// the estimator.
const BAD_CALL: &str = include_str!("recordings/bad_call.jsonl");

/// A real call, by `visavis call export`: Chromium behind a relay that carries 300 kbit/s from the third second to the
/// thirteenth (`tests/clients/suite/adapt.mjs`).
const NARROW_CHROMIUM: &str = include_str!("recordings/narrow_chromium.jsonl");

/// By how much the estimates differ from second to second once the call has begun: the median, and what nine of ten
/// stay below.
fn differs(recorded: &Recorded, room: &Room) -> [f64; 2] {
    let beside = recorded.beside(room);
    let mut all: Vec<f64> = beside.iter().skip(3).map(|pair| off(*pair)).collect();
    all.sort_by(f64::total_cmp);
    let found = [all[all.len() / 2], all[all.len() * 9 / 10]];
    let pairs: Vec<String> = beside.iter().map(|(recorded, played)| format!("{recorded:.0}/{played:.0}")).collect();
    println!("{found:.2?}: {}", pairs.join(" "));
    found
}

#[test]
fn a_recorded_call_is_played_again_its_estimate_follows_and_each_packet_comes_again() {
    let recorded = Recorded::read(BAD_CALL);
    let room = recorded.play(7);
    let [median, most] = differs(&recorded, &room);
    assert!(median < 0.15 && most < 0.5, "{median:.2} {most:.2}");
    let packets = |room: &Room| -> Vec<_> {
        let got = room.world.clients[1].rtp.iter();
        got.map(|got| (got.at - room.begun, got.header.ssrc, got.header.seq, got.header.len)).collect()
    };
    let (first, again) = (packets(&room), packets(&recorded.play(7)));
    assert!(first.len() > 3000 && first == again);
    assert!(packets(&recorded.play(8)) != first, "another seed, other packets");
    let silent = |at: u64| {
        let (from, to) = (Duration::from_secs(at), Duration::from_secs(at + 3));
        !first.iter().any(|(at, ..)| *at > from && *at < to)
    };
    assert!(silent(40) && !silent(30) && !silent(50), "the outage is there");
}

#[test]
fn a_real_browsers_narrow_line_is_found_in_its_recording_and_played_again() {
    let recorded = Recorded::read(NARROW_CHROMIUM);
    let narrow = |line: &Line| line.rate.is_some_and(|it| (280..=320).contains(&(it.bps() / 1000)));
    let pieces = &recorded.pieces;
    let from = pieces.iter().position(|(_, line)| narrow(line)).unwrap();
    let until = pieces.iter().rposition(|(_, line)| narrow(line)).unwrap();
    assert!(pieces[from..=until].iter().all(|(_, line)| narrow(line)), "{pieces:?}");
    let length = pieces[until + 1].0 - pieces[from].0;
    assert!((9..=11).contains(&length.as_secs()), "{length:?}");
    let wide = pieces[..from].iter().chain(&pieces[until + 2..]);
    assert!(wide.clone().count() > 1 && wide.clone().all(|(_, line)| line.rate.is_none_or(|it| it.bps() > 1_500_000)));
    let room = recorded.play(1);
    for (second, (recorded, played)) in (1..).zip(recorded.beside(&room)) {
        println!("{second} s: {recorded:.0} {played:.0}");
        let end = pieces[until].0.as_secs();
        if (pieces[from].0.as_secs() + 2..end).contains(&second) {
            assert!(recorded < 320.0 && played < 320.0, "{second} s: {recorded:.0} {played:.0}");
        }
    }
}

#[test]
fn what_a_way_carries_is_found_in_its_recording() {
    for kbps in [400, 1000, 2500] {
        let recorded = Recorded::read(&recorded(3, &[(30, Line::new(40).of(kbps))]));
        let rates = recorded.pieces.iter().map(|(_, line)| line.rate.map_or(0, |it| it.bps() / 1000));
        let rates: Vec<u64> = rates.collect();
        assert!(rates.iter().all(|it| it.abs_diff(kbps) * 20 <= kbps), "{kbps}: {rates:?}");
        let delays: Vec<_> = recorded.pieces.iter().map(|(_, line)| line.delay).collect();
        let near = |it: &Duration| (35..70).contains(&it.as_millis());
        assert!(delays.iter().all(near), "{kbps}: {delays:?}");
        assert!(recorded.pieces.iter().all(|(_, line)| !line.cut));
    }
}

#[test]
fn steps_outages_losses_and_shallow_queues_are_played_again() {
    let wide = Line::new(25).of(2500);
    let bursts = Loss::Bursts { begins: 0.01, ends: 0.19, lost: 0.6 };
    let cases = [
        ("steps", vec![(15, wide), (15, Line::new(25).of(600)), (25, wide)]),
        ("an outage", vec![(15, wide), (8, Line { cut: true, ..wide }), (20, wide)]),
        ("losses", vec![(10, wide), (20, Line { loss: bursts, ..wide }), (10, wide)]),
        ("a shallow queue", vec![(40, Line { depth: Duration::from_millis(60), ..Line::new(25).of(1000) })]),
    ];
    for (name, ways) in cases {
        let recorded = Recorded::read(&recorded(5, &ways));
        let [median, most] = differs(&recorded, &recorded.play(77));
        assert!(median < 0.2 && most < 0.6, "{name}: {median:.2} {most:.2}");
    }
}

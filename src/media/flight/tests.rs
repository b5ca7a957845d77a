//! What the recorder remembers, and what it forgets.
#![allow(clippy::unwrap_used)]

use super::file::{Call, Connection, FlightError, Flights, Track, VERSION};
use super::*;
use crate::units::Bitrate;

const MS: Duration = Duration::from_millis(1);

/// A subscriber whose packets take 20 ms and leave the narrowest place at a rate, and the reports on them.
struct Way {
    now: Instant,
    flight: Flight,
    sending: Sending,
    free: Instant,
    number: u64,
    start: Instant,
}

impl Way {
    fn new() -> Self {
        let start = Instant::now();
        let mut sending = Sending::new(start, 1);
        sending.feedback = true;
        sending.on_rtt(40 * MS);
        Self { now: start, flight: Flight::new(start), sending, free: start, number: 0, start }
    }

    /// Frames of three packets every 33 ms, a report on each; `lost` says which packets are.
    fn run(&mut self, time: Duration, rate: Bitrate, lost: impl Fn(u64) -> bool) {
        let end = self.now + time;
        while self.now < end {
            let mut results = Vec::new();
            for _ in 0..3 {
                self.sending.twcc.send(self.now, 1156);
                self.free = self.free.max(self.now) + Duration::from_secs_f64(9600.0 / rate.bps() as f64);
                let arrived = Some(self.free + 20 * MS - self.start).filter(|_| !lost(self.number));
                results.push(PacketResult { ext_seq: self.number, sent: self.now, size: 1156, arrived });
                self.number += 1;
            }
            self.now += 33 * MS;
            self.sending.estimator.on_results(self.now, &results, 40 * MS);
            self.flight.on_results(self.now, &results, &self.sending);
        }
    }

    fn downs(&self) -> Vec<(u32, Down)> {
        let down = |entry: &Entry| if let What::Down(down) = entry.what { Some((entry.at, down)) } else { None };
        self.flight.recording().entries.iter().filter_map(down).collect()
    }
}

#[test]
fn what_a_way_carries_is_read_off_packets_that_leave_back_to_back() {
    for kbps in [1000, 2000, 8000] {
        let mut way = Way::new();
        way.run(3000 * MS, Bitrate::from_kbps(kbps), |_| false);
        let downs = way.downs();
        let (_, down) = downs.last().unwrap();
        let off = (f64::from(down.capacity) / kbps as f64 - 1.0).abs();
        assert!(off < 0.02, "{kbps}: {down:?}");
        assert_eq!((down.rtt, down.lost), (40, 0));
    }
}

#[test]
fn calm_is_told_in_long_stretches_and_trouble_in_short_ones() {
    let mut way = Way::new();
    let wide = Bitrate::from_kbps(50_000);
    way.run(25_000 * MS, wide, |_| false);
    assert!(way.downs().len() <= 4, "{:?}", way.downs());
    let before = way.downs().len();
    way.run(4000 * MS, wide, |number| number % 20 < 2);
    let downs = &way.downs()[before..];
    assert!((8..=11).contains(&downs.len()), "{}", downs.len());
    let (lost, runs) = downs.iter().fold((0, 0), |sum, (_, it)| (sum.0 + it.lost, sum.1 + u16::from(it.runs)));
    assert!((34..=37).contains(&lost) && (17..=24).contains(&runs), "{lost} in {runs}");
    let calm: u32 = way.downs()[..before].iter().map(|(_, it)| u32::from(it.span)).sum();
    assert!((24_000..=25_100).contains(&calm), "{calm}");
}

#[test]
fn silence_is_told_as_such_and_its_losses_are_no_loss_of_the_way() {
    let mut way = Way::new();
    let rate = Bitrate::from_kbps(10_000);
    way.run(2000 * MS, rate, |_| false);
    for second in 1..=4 {
        way.sending.twcc.send(way.now, 100);
        way.flight.on_second(way.now + second * 1000 * MS, &way.sending, (0, 0, 0), Duration::ZERO);
    }
    way.now += 4200 * MS;
    let from = way.number;
    way.run(33 * MS, rate, |_| true);
    way.run(2000 * MS, rate, |number| number < from);
    let entries = way.flight.recording().entries;
    let silent: Vec<_> = entries.iter().filter(|it| matches!(it.what, What::Silent { .. })).collect();
    let span: u32 =
        silent.iter().map(|it| if let What::Silent { span, .. } = it.what { u32::from(span) } else { 0 }).sum();
    assert!((4000..=4300).contains(&span), "{silent:?}");
    assert!(way.downs().iter().all(|(_, it)| it.lost == 0), "{:?}", way.downs());
    assert!(entries.is_sorted_by_key(|entry| entry.at));
}

#[test]
fn the_same_again_is_one_entry_and_the_oldest_are_forgotten() {
    let now = Instant::now();
    let mut flight = Flight::new(now);
    for ms in 0..10 {
        flight.note(now + ms * MS, What::Asks { track: 1, times: 1 });
    }
    assert_eq!(flight.recording().entries, [Entry { at: 0, what: What::Asks { track: 1, times: 10 } }]);
    for second in 1..=2 * ENTRIES as u32 {
        flight.note(now + 1000 * second * MS, What::Asks { track: second % 2, times: 1 });
    }
    let recording = flight.recording();
    assert_eq!((recording.entries.len(), recording.forgotten), (ENTRIES, ENTRIES as u64 + 1));
    assert_eq!(recording.entries[0].at, (ENTRIES as u32 + 1) * 1000);
    assert!(recording.entries.is_sorted_by_key(|entry| entry.at));
    assert!(size_of::<Entry>() <= 36);
}

#[test]
fn what_comes_from_a_peer_is_summed_up() {
    let mut way = Way::new();
    for second in 1..=30u64 {
        let lost = if second == 15 { 7 } else { 0 };
        let seen = (second * 50, second * 5000, lost.max(if second > 15 { 7 } else { 0 }));
        way.flight.on_second(way.now + second as u32 * 1000 * MS, &way.sending, seen, 3 * MS);
    }
    let up = |entry: &Entry| if let What::Up(up) = entry.what { Some(up) } else { None };
    let ups: Vec<_> = way.flight.recording().entries.iter().filter_map(up).collect();
    assert!(ups.len() <= 5 && ups.iter().map(|it| it.lost).sum::<u16>() == 7, "{ups:?}");
    assert!(ups.iter().all(|it| it.jitter == 3));
}

#[test]
fn a_file_is_read_as_it_was_written_and_what_is_none_is_refused() {
    let began = Instant::now();
    let mut flight = Flight::new(began + 5 * MS);
    flight.note(began + 7 * MS, What::Connected);
    flight.note(began + 9 * MS, What::Estimate { kbps: 900, why: Why::Delay });
    flight.note(began + 10 * MS, What::Down(Down { span: 400, ..Down::default() }));
    flight.note(began + 12 * MS, What::Wants { track: 3, layer: None });
    let (room, started) = ("a room".to_owned(), "2026-03-01T09:00:00Z".to_owned());
    let call = Call { flight: VERSION, room, sid: "RM_x".into(), started, exported: 99, left_out: 0 };
    let mut flights = Flights::new(call);
    let (sid, participant) = ("TR_x".to_owned(), "PA_x".to_owned());
    flights.tracks.push(Track { track: 3, sid, participant, kind: "video".into(), source: "camera".into() });
    flights.add(began, Connection { identity: "ana".into(), ..Connection::default() }, &flight.recording());
    let text = flights.write().unwrap();
    assert!(
        text.contains("\n{\"c\":0,\"at\":7,\"connected\":null}\n") || text.contains("\"what\":\"connected\""),
        "{text}"
    );
    assert!(text.contains("{\"c\":0,\"at\":9,\"estimate\":{\"kbps\":900,\"why\":\"delay\"}}"), "{text}");
    assert_eq!(Flights::read(&text).unwrap(), flights);
    let more = text.replace("\"span\":400", "\"span\":400,\"colour\":1") + "{\"of\":\"a later version\"}\n";
    assert_eq!(Flights::read(&more).unwrap(), flights);
    assert!(matches!(Flights::read("{}"), Err(FlightError::NoCall)));
    assert!(matches!(Flights::read(&text.replace("\"flight\":1", "\"flight\":2")), Err(FlightError::Version(2))));
    assert!(matches!(Flights::read(&(text + "nonsense\n")), Err(FlightError::Line(8, _))));
}

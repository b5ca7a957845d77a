//! Accounts drawn of what a sender sends and a server makes of it.

use proptest::prelude::*;

use super::*;
use crate::bench::stamp::Stamp;
use crate::bench::tally::Arrival;

const ALWAYS: Window = Window { start: 0, end: u64::MAX };
/// A camera's frames: their packets, and whether they are of an upper temporal layer.
const FRAMES: [(u32, bool); 4] = [(3, false), (2, true), (2, true), (2, true)];
/// Packets of these.
const PERIOD: u32 = 9;

fn stamp(layer: u8, number: u32) -> Stamp {
    Stamp { track: TrackId(0), layer, number, sent: u64::from(number) * 10 }
}

/// A layer that has sent so many packets: number n at 10 n.
fn camera(window: Window, packets: u32) -> Sent {
    let mut ledger = Ledger::default();
    for (size, upper) in FRAMES.into_iter().cycle() {
        ledger.begin_frame(upper);
        for _ in 0..size {
            if ledger.next == packets {
                return ledger.sent();
            }
            ledger.number(window, u64::from(ledger.next) * 10);
        }
    }
    unreachable!()
}

/// The same without pictures.
fn sent(first: u32, end: u32) -> Sent {
    Sent { first, end, ..Sent::default() }
}

fn account(due: u64, delivered: u64, lost: u64, withheld: u64) -> Settled {
    Settled { due, delivered, lost, withheld, duplicates: 0 }
}

/// From a server to a receiver: what goes out has the next number.
struct Way {
    tally: Tally,
    seq: u64,
}

impl Way {
    fn new() -> Self {
        Self { tally: Tally::default(), seq: 70_000 }
    }

    fn deliver(&mut self, layer: u8, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let seq = self.lose();
            assert!(self.tally.note(&stamp(layer, number), Arrival::InOrder, Some(seq)));
        }
    }

    /// Something goes out and does not come; gives its number.
    fn lose(&mut self) -> u64 {
        self.seq += 1;
        self.seq - 1
    }

    fn padding(&mut self) {
        let seq = self.lose();
        self.tally.note_padding(seq);
    }

    fn repair(&mut self, layer: u8, number: u32, seq: u64) -> bool {
        self.tally.note(&stamp(layer, number), Arrival::Late, Some(seq))
    }

    /// The account of a camera of so many packets.
    fn settle(&self, packets: u32) -> Settled {
        let settled = self.tally.settle(&[camera(ALWAYS, packets)], false);
        assert_eq!(settled.due, settled.delivered + settled.lost + settled.withheld);
        settled
    }
}

#[test]
fn what_is_due_is_delivered_or_lost() {
    let layers = [sent(0, 100)];
    let tally = |numbers: &mut dyn Iterator<Item = u32>| {
        let mut way = Way::new();
        way.deliver(0, numbers);
        way.tally
    };
    assert_eq!(tally(&mut (0..100)).settle(&layers, false), account(100, 100, 0, 0));
    let holes = tally(&mut (0..100).filter(|number| number % 10 != 3));
    assert_eq!(holes.settle(&layers, false), account(100, 90, 10, 0), "sound is never withheld");
    // The last ones never came.
    let cut = tally(&mut (0..90));
    assert_eq!(cut.settle(&layers, false), account(100, 90, 10, 0));
    assert_eq!(cut.settle(&layers, true), account(90, 90, 0, 0), "it had left");
    let late = tally(&mut (40..100));
    assert_eq!(late.settle(&layers, false).due, 60, "nothing from before its first packet");
}

#[test]
fn messages_have_no_numbers_of_the_servers_and_none_is_withheld() {
    let mut tally = Tally::default();
    for number in [0, 1, 2, 5, 6] {
        tally.note(&stamp(0, number), Arrival::InOrder, None);
    }
    assert_eq!(tally.settle(&[camera(ALWAYS, 7)], false), account(7, 5, 2, 0));
}

#[test]
fn a_whole_frame_above_the_lowest_layer_without_a_number_is_withheld() {
    let mut way = Way::new();
    way.deliver(0, 0..3);
    way.deliver(0, 5..7);
    // And all three between two of the lowest.
    way.deliver(0, 9..12);
    way.deliver(0, 18..19);
    assert_eq!(way.settle(19), account(19, 9, 0, 4 + 6));
}

#[test]
fn a_packet_of_a_frame_that_was_sent_is_lost_whatever_the_numbers_say() {
    let mut way = Way::new();
    way.deliver(0, 0..3);
    way.deliver(0, [3]);
    way.lose();
    way.deliver(0, [5]);
    // A server's fault: the other half of a frame, and one of the lowest layer.
    way.deliver(0, [7, 8, 9, 11]);
    assert_eq!(way.settle(12), account(12, 9, 3, 0));
    way.deliver(0, 18..20);
    assert_eq!(way.settle(20), account(20, 11, 3, 6));
    // A picture of the lowest layer, and all that depends on it.
    way.deliver(0, 36..40);
    assert_eq!(way.settle(40), account(40, 15, 3 + 1 + 3, 6 + 6 + 6));
}

#[test]
fn where_the_lowest_layer_explains_what_is_missing_the_others_are_withheld_all_the_same() {
    let mut way = Way::new();
    way.deliver(0, 0..2);
    let second = way.lose();
    way.deliver(0, 9..12);
    assert_eq!(way.settle(12), account(12, 5, 1, 6));
    assert!(way.repair(0, 2, second) && !way.repair(0, 2, second));
    assert_eq!(way.settle(12), Settled { duplicates: 1, ..account(12, 6, 0, 6) });
}

#[test]
fn where_more_numbers_are_missing_everything_between_is_lost() {
    let mut way = Way::new();
    way.deliver(0, 0..3);
    let lost = way.lose();
    way.lose();
    way.deliver(0, 9..12);
    assert_eq!(way.settle(12), account(12, 6, 6, 0), "one of three frames had been sent, nobody knows which");
    // Half of it comes by repetition: the other half is known to be of the same frame.
    assert!(way.repair(0, 5, lost));
    assert_eq!(way.settle(12), account(12, 7, 1, 4));
}

#[test]
fn a_gap_that_repetition_fills_is_none() {
    let mut way = Way::new();
    way.deliver(0, 0..3);
    let gap = [way.lose(), way.lose()];
    way.deliver(0, 9..12);
    assert!(way.repair(0, 6, gap[1]) && way.repair(0, 5, gap[0]));
    assert_eq!(way.settle(12), account(12, 8, 0, 4));
    // Probes repeat what has come; the newest also before it comes.
    assert!(!way.repair(0, 11, 70_007));
    let newest = way.lose();
    assert!(way.repair(0, 12, newest));
    way.deliver(0, 14..19);
    assert_eq!(way.settle(19), Settled { duplicates: 1, ..account(19, 14, 1, 4) });
}

#[test]
fn padding_takes_numbers_and_no_packets() {
    let mut way = Way::new();
    way.deliver(0, 0..3);
    (0..3).for_each(|_| way.padding());
    way.deliver(0, 5..9);
    assert_eq!(way.settle(9), account(9, 7, 0, 2));
    way.deliver(0, 9..12);
    // That it was padding nobody can know that has not got it.
    way.padding();
    way.lose();
    way.deliver(0, 14..18);
    assert_eq!(way.settle(18), account(18, 14, 2, 2));
}

#[test]
fn numbers_that_begin_anew_explain_nothing() {
    let mut way = Way::new();
    way.deliver(0, 0..3);
    way.seq += 1 << 40;
    way.deliver(0, 5..9);
    assert_eq!(way.settle(9), account(9, 7, 2, 0));
    // Nor do those of a packet that stands in no order with its neighbours.
    way.deliver(0, 9..12);
    assert!(way.tally.note(&stamp(0, 14), Arrival::InOrder, Some(70_001)));
    way.deliver(0, 15..18);
    assert_eq!(way.settle(18), account(18, 14, 4, 0));
}

#[test]
fn at_a_change_of_layers_packets_between_are_due_to_nobody() {
    let mut way = Way::new();
    way.deliver(0, 0..50);
    way.deliver(2, 200..300);
    let layers = [sent(0, 100), Sent::default(), sent(100, 310)];
    assert_eq!(way.tally.settle(&layers, false), account(50 + 110, 150, 10, 0));
    assert_eq!(way.tally.switches(), 1);
}

#[test]
fn numbers_missing_at_a_change_of_layers_were_packets_of_one_or_the_other() {
    let layers = [camera(ALWAYS, 100), Sent::default(), camera(ALWAYS, 108)];
    let mut way = Way::new();
    way.deliver(0, 0..3);
    way.deliver(0, 5..6);
    let old = way.lose();
    let new = way.lose();
    way.deliver(2, 91..93);
    way.deliver(2, 99..108);
    assert_eq!(way.tally.settle(&layers, false), account(6 + 17 + 2, 15, 2, 2 + 6));
    // They belong to where they are numbered.
    assert!(way.repair(2, 90, new) && way.repair(0, 6, old));
    assert_eq!(way.tally.settle(&layers, false), account(7 + 18, 17, 0, 2 + 6));
    way.deliver(0, 126..129);
    way.deliver(0, 131..135);
    assert!(!way.repair(0, 6, old), "it has come before, and is not of the layer's second time");
    let layers = [camera(ALWAYS, 135), Sent::default(), camera(ALWAYS, 200)];
    assert_eq!(way.tally.settle(&layers, false), Settled { duplicates: 1, ..account(7 + 18 + 9, 24, 0, 10) });
    // A stream under another name has no numbers that could be missing.
    way.seq += 1 << 40;
    way.deliver(2, 198..200);
    assert_eq!(way.tally.settle(&layers, false).due, 7 + 18 + 9 + 2);
}

#[test]
fn late_packets_count_where_they_belong_and_repetitions_not_at_all() {
    let mut way = Way::new();
    way.deliver(0, [0, 1]);
    let second = way.lose();
    way.deliver(0, [3]);
    let fourth = way.lose();
    way.deliver(2, [70]);
    assert!(way.repair(0, 4, fourth));
    assert!(way.repair(0, 2, second) && !way.repair(0, 2, second));
    way.deliver(2, [71]);
    assert_eq!(way.tally.switches(), 1);
    let settled = way.tally.settle(&[sent(0, 90), Sent::default(), sent(0, 72)], false);
    assert_eq!(settled, Settled { duplicates: 1, ..account(5 + 2, 7, 0, 0) });
}

#[test]
fn only_the_window_counts() {
    let window = Window { start: 200, end: 500 };
    let mut ledger = Ledger::default();
    for number in 0..100u32 {
        assert_eq!(ledger.number(window, u64::from(number) * 10), number);
    }
    assert_eq!(ledger.sent(), sent(20, 50));
    let mut way = Way::new();
    way.deliver(0, (0..100).filter(|number| *number != 30));
    assert_eq!(way.tally.settle(&[ledger.sent()], false), account(30, 29, 1, 0));
    ledger.open();
    way.tally.open();
    let later = Window { start: 1000, end: 2000 };
    assert_eq!(ledger.number(later, 1500), 100);
    way.deliver(0, [100]);
    assert_eq!(way.tally.settle(&[ledger.sent()], false), account(1, 1, 0, 0));
    assert_eq!(ledger.sent().packets(), 1);
}

#[test]
fn of_what_reaches_over_an_edge_of_the_window_counts_what_is_within() {
    let mut way = Way::new();
    // Withheld: 3 to 8, and 48 to 53.
    way.deliver(0, (0..63).filter(|number| !(3..9).contains(number) && !(48..54).contains(number)));
    // From the middle of a frame to the middle of another.
    let within = |start: u64, end: u64| camera(Window { start: start * 10, end: end * 10 }, 63);
    assert_eq!(way.tally.settle(&[within(4, 53)], false), account(49, 39, 0, 5 + 5));
    assert_eq!(way.tally.settle(&[within(9, 48)], false), account(39, 39, 0, 0));
    // Nothing behind it says what it was.
    let mut cut = Way::new();
    cut.deliver(0, 0..48);
    assert_eq!(cut.tally.settle(&[within(4, 53)], false), account(49, 44, 5, 0));
    assert_eq!(cut.tally.settle(&[within(4, 53)], true), account(44, 44, 0, 0));
    // A window that opens meanwhile changes nothing, unless nobody knows the frames any more.
    let mut way = Way::new();
    way.deliver(0, 0..3);
    way.tally.open();
    way.deliver(0, 9..63);
    assert_eq!(way.tally.settle(&[within(4, 53)], false), account(49, 44, 0, 5));
    let mut forgetful = within(4, 53);
    forgetful.frames.drain(..2);
    assert_eq!(way.tally.settle(&[forgetful], false), account(49, 44, 5, 0));
}

#[test]
fn an_opened_window_outlives_what_came_long_before() {
    let mut way = Way::new();
    let upper = |number: &u32| !(3..5).contains(&(number % PERIOD));
    way.deliver(0, (0..9000).filter(upper));
    way.tally.open();
    way.deliver(0, (9000..9900).filter(upper));
    let mut sent = camera(Window { start: 90_000, end: 99_000 }, 9900);
    sent.frames.drain(..900 * 4);
    let settled = way.tally.settle(&[sent], false);
    assert_eq!(settled, account(900, 700, 0, 200));
}

proptest! {
    /// A server that withholds whole frames above the lowest layer, a way that loses, repetition that brings some back.
    #[test]
    fn nothing_that_was_sent_passes_for_withheld(
        fates in proptest::collection::vec((0u8..4, 0u8..12, any::<bool>()), 40..400),
        loses in any::<bool>(),
    ) {
        // The last one is of the lowest layer: it is behind all that may be withheld.
        let packets = fates.len() as u32 / PERIOD * PERIOD + 1;
        let mut way = Way::new();
        let (mut forwarded, mut withheld, mut lost, mut repairs) = (true, 0u64, 0u64, Vec::new());
        way.deliver(0, [0]);
        for (number, (frame, packet, repaired)) in (1..packets).zip(&fates) {
            let place = number % PERIOD;
            if [0, 3, 5, 7].contains(&place) {
                forwarded = place == 0 || *frame > 0;
            }
            if !forwarded {
                withheld += 1;
            } else if *packet == 0 && number + 1 < packets {
                let seq = way.lose();
                if *repaired || !loses { repairs.push((number, seq)) } else { lost += 1 }
            } else {
                way.deliver(0, [number]);
            }
            if *packet == 11 {
                way.padding();
            }
        }
        repairs.iter().rev().for_each(|(number, seq)| assert!(way.repair(0, *number, *seq)));
        let settled = way.settle(packets);
        prop_assert_eq!(settled.due, u64::from(packets));
        prop_assert_eq!(settled.lost + settled.withheld, lost + withheld);
        prop_assert!(settled.withheld <= withheld);
        if lost == 0 {
            prop_assert_eq!(settled.withheld, withheld);
        }
    }
}

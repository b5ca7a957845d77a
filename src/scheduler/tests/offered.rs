//! Notice, horizon, bookings, buffers and sessions.

use super::*;

/// Mondays to Sundays, 9:00 to 12:00 UTC.
fn mornings() -> Schedule {
    Schedule::new(&daily("9:00", "12:00", "UTC"), &[]).unwrap()
}

const DAY: (&str, &str) = ("2026-08-03T00:00:00Z", "2026-08-04T00:00:00Z");

fn offered(rules: &ServiceRules, busy: &[Interval], shared: &[Shared], now: &str) -> Vec<Slot> {
    let (schedule, busy) = (mornings(), busy.iter().copied().collect());
    Offer { schedule: &schedule, rules, busy: &busy, shared }.slots(span(DAY.0, DAY.1), at(now))
}

fn today(from: &str, to: &str) -> Interval {
    span(&format!("2026-08-03T{from}:00Z"), &format!("2026-08-03T{to}:00Z"))
}

const LONG_BEFORE: &str = "2026-08-01T00:00:00Z";

#[test]
fn notice_and_horizon_keep_their_last_moments() {
    let rules = ServiceRules { min_notice: minutes(60), horizon: minutes(120), ..half_hours() };
    assert_eq!(starts(&offered(&rules, &[], &[], "2026-08-03T08:30:00Z")), ["09:30", "10:00", "10:30"]);
    assert_eq!(starts(&offered(&rules, &[], &[], "2026-08-03T08:30:00.001Z")), ["10:00", "10:30"]);
    assert_eq!(starts(&offered(&rules, &[], &[], "2026-08-03T08:29:59.999Z")), ["09:30", "10:00"]);
    assert_eq!(starts(&offered(&half_hours(), &[], &[], "2026-08-03T11:30:00Z")), ["11:30"]);
    assert!(offered(&half_hours(), &[], &[], "2026-08-03T11:30:00.001Z").is_empty());
}

#[test]
fn what_is_booked_is_not_offered_and_what_touches_it_is() {
    let busy = [today("09:30", "10:00"), today("11:00", "11:10")];
    assert_eq!(starts(&offered(&half_hours(), &busy, &[], LONG_BEFORE)), ["09:00", "10:00", "10:30", "11:30"]);
}

#[test]
fn buffers_keep_away_from_bookings_and_may_stick_out_of_the_hours() {
    let rules = ServiceRules { buffer_before: minutes(10), buffer_after: minutes(20), ..half_hours() };
    assert_eq!(starts(&offered(&rules, &[], &[], LONG_BEFORE)).len(), 6);
    // 9:30 would need until 10:20; 10:30 would need from 10:20.
    let busy = [today("10:10", "10:25")];
    assert_eq!(starts(&offered(&rules, &busy, &[], LONG_BEFORE)), ["09:00", "11:00", "11:30"]);
    // Before and after the hours too.
    let busy = [today("08:00", "08:51"), today("12:19", "13:00")];
    assert_eq!(starts(&offered(&rules, &busy, &[], LONG_BEFORE)), ["09:30", "10:00", "10:30", "11:00"]);
}

#[test]
fn overlapping_and_unsorted_bookings_count_too() {
    let busy = [today("10:30", "10:45"), today("08:00", "10:40"), today("09:00", "09:10")];
    assert_eq!(starts(&offered(&half_hours(), &busy, &[], LONG_BEFORE)), ["11:00", "11:30"]);
}

#[test]
fn a_session_is_offered_with_the_seats_it_has_left() {
    let rules = ServiceRules { capacity: 5, ..half_hours() };
    let session = today("10:00", "10:30");
    let shared = [Shared { starts_at: session.from, ends_at: session.to, seats_left: 2 }];
    let slots = offered(&rules, &[session], &shared, LONG_BEFORE);
    let seats: Vec<_> = slots.iter().map(|slot| (slot.seats_left, slot.shared)).collect();
    assert_eq!(seats, [(5, false), (5, false), (2, true), (5, false), (5, false), (5, false)]);
    assert!(slots.windows(2).all(|pair| pair[0].starts_at < pair[1].starts_at));
}

#[test]
fn a_full_session_is_not_offered_nor_another_at_its_start() {
    let session = today("10:00", "10:30");
    let full = [Shared { starts_at: session.from, ends_at: session.to, seats_left: 0 }];
    for busy in [vec![session], vec![]] {
        assert_eq!(
            starts(&offered(&half_hours(), &busy, &full, LONG_BEFORE)),
            ["09:00", "09:30", "10:30", "11:00", "11:30"]
        );
    }
}

#[test]
fn a_session_stands_off_the_grid_and_outside_the_hours_until_its_date_is_closed() {
    let session = today("20:07", "21:07");
    let shared = [Shared { starts_at: session.from, ends_at: session.to, seats_left: 1 }];
    let slots = offered(&half_hours(), &[session], &shared, LONG_BEFORE);
    assert_eq!(slots.last().unwrap().ends_at, session.to);
    assert_eq!(starts(&slots).last().unwrap(), "20:07");

    let (rules, busy) = (half_hours(), [session].into_iter().collect());
    for (from, to, left) in [("0:00", "24:00", 0), ("21:00", "22:00", 7), ("22:00", "24:00", 7)] {
        let schedule = Schedule::new(&daily("9:00", "12:00", "UTC"), &[closed("2026-08-03", from, to, "UTC")]).unwrap();
        let offer = Offer { schedule: &schedule, rules: &rules, busy: &busy, shared: &shared };
        let slots = offer.slots(span(DAY.0, DAY.1), at(LONG_BEFORE));
        let left = if from == "21:00" { left - 1 } else { left };
        assert_eq!(slots.len(), left, "closed {from} to {to}");
    }
}

#[test]
fn a_session_is_offered_at_notice_and_within_the_horizon_only() {
    let session = today("10:00", "10:30");
    let shared = [Shared { starts_at: session.from, ends_at: session.to, seats_left: 1 }];
    let rules = ServiceRules { min_notice: minutes(60), horizon: minutes(120), ..half_hours() };
    let has = |now: &str| offered(&rules, &[session], &shared, now).iter().any(|slot| slot.shared);
    assert!(has("2026-08-03T09:00:00Z") && has("2026-08-03T08:00:00Z"));
    assert!(!has("2026-08-03T09:00:00.001Z") && !has("2026-08-03T07:59:59.999Z"));
}

#[test]
fn one_slot_can_be_asked_for() {
    let (schedule, rules, busy) = (mornings(), half_hours(), Intervals::default());
    let offer = Offer { schedule: &schedule, rules: &rules, busy: &busy, shared: &[] };
    let now = at(LONG_BEFORE);
    assert_eq!(offer.slot_at(at("2026-08-03T11:30:00Z"), now).unwrap().ends_at, at("2026-08-03T12:00:00Z"));
    for not in ["2026-08-03T11:29:59.999Z", "2026-08-03T11:30:00.001Z", "2026-08-03T12:00:00Z", "2026-08-03T11:45:00Z"]
    {
        assert_eq!(offer.slot_at(at(not), now), None, "{not}");
    }
    assert_eq!(offer.slot_at(UnixTime(i64::MAX), now), None);
    assert_eq!(offer.slot_at(UnixTime(i64::MIN), now), None);
}

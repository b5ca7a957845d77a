//! Dates on which schedulers are known to go wrong.

use super::*;

fn open(weekly: &[WeeklyRule], exceptions: &[DateException], range: Interval) -> Vec<Interval> {
    Schedule::new(weekly, exceptions).unwrap().open(range).as_slice().to_vec()
}

const NEW_YORK: &str = "America/New_York";

#[test]
fn new_york_afternoons_are_right_on_the_day_the_clocks_go_forward() {
    let hours = daily("13:00", "18:00", NEW_YORK);
    let expected = [
        span("2026-03-07T18:00:00Z", "2026-03-07T23:00:00Z"),
        span("2026-03-08T17:00:00Z", "2026-03-08T22:00:00Z"),
        span("2026-03-09T17:00:00Z", "2026-03-09T22:00:00Z"),
    ];
    assert_eq!(open(&hours, &[], span("2026-03-07T12:00:00Z", "2026-03-10T00:00:00Z")), expected);
}

#[test]
fn nothing_is_offered_in_the_hour_that_is_skipped() {
    let night = span("2026-03-08T05:00:00Z", "2026-03-08T12:00:00Z");
    assert_eq!(open(&daily("2:00", "3:00", NEW_YORK), &[], night), []);
    assert_eq!(open(&daily("2:15", "2:45", NEW_YORK), &[], night), []);
    // Around it, one stretch of two hours in which the clocks show 1:00 to 1:59 and 3:00 to 3:59.
    let around = daily("1:00", "4:00", NEW_YORK);
    assert_eq!(open(&around, &[], night), [span("2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z")]);
    let schedule = Schedule::new(&around, &[]).unwrap();
    assert_eq!(starts(&all_slots(&schedule, &half_hours(), night)), ["06:00", "06:30", "07:00", "07:30"]);
}

#[test]
fn what_begins_in_the_skipped_hour_begins_after_it_on_its_usual_grid() {
    let schedule = Schedule::new(&daily("2:30", "5:00", NEW_YORK), &[]).unwrap();
    let night = span("2026-03-08T05:00:00Z", "2026-03-08T12:00:00Z");
    assert_eq!(schedule.open(night).as_slice(), [span("2026-03-08T07:00:00Z", "2026-03-08T09:00:00Z")]);
    let hourly = ServiceRules { step: minutes(60), ..half_hours() };
    // 3:30 and 4:30 by the clocks, as on any other day.
    assert_eq!(starts(&all_slots(&schedule, &hourly, night)), ["07:30", "08:30"]);
}

#[test]
fn the_hour_that_is_shown_twice_is_offered_twice_and_labelled() {
    let night = span("2026-11-01T03:00:00Z", "2026-11-01T12:00:00Z");
    let schedule = Schedule::new(&daily("1:30", "2:00", NEW_YORK), &[]).unwrap();
    let both =
        [span("2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z"), span("2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z")];
    assert_eq!(schedule.open(night).as_slice(), both);
    let slots = all_slots(&schedule, &half_hours(), night);
    assert_eq!(starts(&slots), ["05:30", "06:30"]);
    let zone = Zone::named(NEW_YORK).unwrap();
    let labels: Vec<_> =
        slots.iter().map(|slot| slot.local(&zone)).map(|local| (local.time, local.offset, local.ambiguous)).collect();
    assert_eq!(labels, [("01:30".into(), "-04:00".into(), true), ("01:30".into(), "-05:00".into(), true)]);
}

#[test]
fn a_consultation_may_run_over_the_change_of_the_clocks() {
    let night = span("2026-11-01T03:00:00Z", "2026-11-01T12:00:00Z");
    let schedule = Schedule::new(&daily("0:30", "2:30", NEW_YORK), &[]).unwrap();
    // Three hours long: 0:30 EDT to 2:30 EST.
    assert_eq!(schedule.open(night).as_slice(), [span("2026-11-01T04:30:00Z", "2026-11-01T07:30:00Z")]);
    let long = ServiceRules { duration: minutes(120), step: minutes(60), ..half_hours() };
    assert_eq!(starts(&all_slots(&schedule, &long, night)), ["04:30", "05:30"]);
}

#[test]
fn lord_howe_skips_half_an_hour() {
    // 02:00 at +10:30 becomes 02:30 at +11.
    let zone = "Australia/Lord_Howe";
    let night = span("2026-10-03T12:00:00Z", "2026-10-03T20:00:00Z");
    assert_eq!(open(&daily("2:00", "2:30", zone), &[], night), []);
    let schedule = Schedule::new(&daily("1:00", "4:00", zone), &[]).unwrap();
    assert_eq!(schedule.open(night).as_slice(), [span("2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z")]);
    let hourly = ServiceRules { step: minutes(60), ..half_hours() };
    // 1:00, then 3:00: two o'clock does not exist.
    assert_eq!(starts(&all_slots(&schedule, &hourly, night)), ["14:30", "16:00"]);
}

#[test]
fn kathmandu_is_ahead_by_a_quarter_to_six() {
    let hours = daily("9:00", "10:00", "Asia/Kathmandu");
    let day = span("2026-08-03T00:00:00Z", "2026-08-04T00:00:00Z");
    assert_eq!(open(&hours, &[], day), [span("2026-08-03T03:15:00Z", "2026-08-03T04:15:00Z")]);
}

#[test]
fn samoa_had_no_thirtieth_of_december() {
    let zone = "Pacific/Apia";
    let days = span("2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z");
    let expected = [
        span("2011-12-29T19:00:00Z", "2011-12-29T20:00:00Z"),
        // The 31st follows at once.
        span("2011-12-30T19:00:00Z", "2011-12-30T20:00:00Z"),
        span("2011-12-31T19:00:00Z", "2011-12-31T20:00:00Z"),
    ];
    assert_eq!(open(&daily("9:00", "10:00", zone), &[], days), expected);
    assert_eq!(open(&[rule(5, "0:00", "24:00", zone)], &[], days), []);
    assert_eq!(open(&[], &[opened("2011-12-30", "9:00", "10:00", zone)], days), []);
    // Around the clock, one stretch that nothing interrupts.
    assert_eq!(open(&daily("0:00", "24:00", zone), &[], days), [days]);
}

#[test]
fn midnight_itself_is_skipped_where_the_clocks_change_at_midnight() {
    // Beirut: 2026-03-29 begins at 01:00, +03.
    let zone = "Asia/Beirut";
    let range = span("2026-03-28T20:00:00Z", "2026-03-29T02:00:00Z");
    let late = [rule(6, "22:00", "24:00", zone), rule(7, "0:00", "3:00", zone)];
    assert_eq!(open(&late, &[], range), [span("2026-03-28T20:00:00Z", "2026-03-29T00:00:00Z")]);
    assert_eq!(open(&[rule(7, "0:00", "1:00", zone)], &[], range), []);
}

#[test]
fn hours_across_midnight_join_up_and_each_day_has_its_own_grid() {
    let zone = "Europe/Rome";
    let weekly = [rule(1, "22:00", "24:00", zone), rule(2, "0:00", "2:00", zone)];
    let schedule = Schedule::new(&weekly, &[]).unwrap();
    let range = span("2026-08-03T12:00:00Z", "2026-08-04T12:00:00Z");
    assert_eq!(schedule.open(range).as_slice(), [span("2026-08-03T20:00:00Z", "2026-08-04T00:00:00Z")]);
    let rules = ServiceRules { duration: minutes(45), step: minutes(45), ..half_hours() };
    // 22:00, 22:45, 23:30 (over midnight), then from midnight on.
    assert_eq!(starts(&all_slots(&schedule, &rules, range)), ["20:00", "20:45", "21:30", "22:00", "22:45"]);
}

#[test]
fn a_quarter_past_stays_a_quarter_past_whatever_range_is_asked_for() {
    let schedule = Schedule::new(&daily("9:15", "11:00", "Europe/Rome"), &[]).unwrap();
    let day = span("2026-08-03T00:00:00Z", "2026-08-04T00:00:00Z");
    assert_eq!(starts(&all_slots(&schedule, &half_hours(), day)), ["07:15", "07:45", "08:15"]);
    let later = span("2026-08-03T07:20:00Z", "2026-08-03T08:15:00Z");
    assert_eq!(starts(&all_slots(&schedule, &half_hours(), later)), ["07:45"]);
}

#[test]
fn overlapping_and_touching_hours_are_one_with_one_grid() {
    let zone = "UTC";
    let weekly = [rule(1, "11:00", "13:00", zone), rule(1, "9:20", "11:30", zone), rule(1, "13:00", "14:00", zone)];
    let schedule = Schedule::new(&weekly, &[]).unwrap();
    let day = span("2026-08-03T00:00:00Z", "2026-08-04T00:00:00Z");
    assert_eq!(schedule.open(day).as_slice(), [span("2026-08-03T09:20:00Z", "2026-08-03T14:00:00Z")]);
    let hourly = ServiceRules { step: minutes(60), ..half_hours() };
    assert_eq!(starts(&all_slots(&schedule, &hourly, day)), ["09:20", "10:20", "11:20", "12:20", "13:20"]);
}

#[test]
fn rules_hold_from_their_first_to_their_last_date() {
    let mut season = rule(1, "9:00", "10:00", "Pacific/Auckland");
    season.valid_from = Some("2026-08-03".parse().unwrap());
    season.valid_to = Some("2026-08-10".parse().unwrap());
    // Those Mondays begin on Sunday by UTC.
    let expected =
        [span("2026-08-02T21:00:00Z", "2026-08-02T22:00:00Z"), span("2026-08-09T21:00:00Z", "2026-08-09T22:00:00Z")];
    assert_eq!(open(&[season], &[], span("2026-07-01T00:00:00Z", "2026-09-01T00:00:00Z")), expected);
}

#[test]
fn an_opening_comes_besides_the_weeks_hours_and_a_closing_cuts_everything() {
    let zone = "UTC";
    let weekly = daily("9:00", "17:00", zone);
    let exceptions = [
        opened("2026-08-03", "16:00", "20:00", zone),
        closed("2026-08-03", "9:00", "15:30", zone),
        closed("2026-08-03", "18:00", "19:00", zone),
        closed("2026-08-04", "0:00", "24:00", zone),
        opened("2026-08-04", "10:00", "12:00", zone),
        closed("2026-08-05", "12:00", "13:00", zone),
    ];
    let expected = [
        span("2026-08-03T15:30:00Z", "2026-08-03T18:00:00Z"),
        span("2026-08-03T19:00:00Z", "2026-08-03T20:00:00Z"),
        span("2026-08-05T09:00:00Z", "2026-08-05T12:00:00Z"),
        span("2026-08-05T13:00:00Z", "2026-08-05T17:00:00Z"),
    ];
    assert_eq!(open(&weekly, &exceptions, span("2026-08-03T00:00:00Z", "2026-08-06T00:00:00Z")), expected);
}

#[test]
fn after_a_break_the_grid_goes_on_as_it_was() {
    let zone = "UTC";
    let schedule =
        Schedule::new(&daily("9:00", "12:00", zone), &[closed("2026-08-03", "10:00", "10:20", zone)]).unwrap();
    let day = span("2026-08-03T00:00:00Z", "2026-08-04T00:00:00Z");
    assert_eq!(starts(&all_slots(&schedule, &half_hours(), day)), ["09:00", "09:30", "10:30", "11:00", "11:30"]);
}

#[test]
fn an_opening_that_touches_the_days_hours_keeps_their_grid() {
    let longer = [opened("2026-08-03", "11:50", "13:30", "UTC"), opened("2026-08-04", "14:10", "15:10", "UTC")];
    let schedule = Schedule::new(&daily("11:00", "12:00", "UTC"), &longer).unwrap();
    let days = span("2026-08-03T00:00:00Z", "2026-08-05T00:00:00Z");
    assert_eq!(
        starts(&all_slots(&schedule, &half_hours(), days)),
        ["11:00", "11:30", "12:00", "12:30", "13:00", "11:00", "11:30", "14:10", "14:40"]
    );
}

#[test]
fn a_closing_in_the_zone_of_a_journey_cuts_the_hours_at_home() {
    let weekly = daily("9:00", "17:00", "Europe/Rome");
    // In New York that date is 04:00 to 04:00 UTC: mornings in Rome before 06:00 are the day before.
    let away = [closed("2026-08-03", "0:00", "24:00", NEW_YORK)];
    let range = span("2026-08-03T00:00:00Z", "2026-08-05T00:00:00Z");
    assert_eq!(open(&weekly, &away, range), [span("2026-08-04T07:00:00Z", "2026-08-04T15:00:00Z")]);
}

#[test]
fn absurd_ranges_are_answered() {
    let schedule = Schedule::new(&daily("0:00", "24:00", NEW_YORK), &[]).unwrap();
    let all = Interval::new(UnixTime(i64::MIN), UnixTime(i64::MAX));
    assert_eq!(schedule.open(all).as_slice().len(), 1);
    let end = Interval::new(UnixTime(i64::MAX - 1), UnixTime(i64::MAX));
    assert!(schedule.open(end).as_slice().is_empty());
    assert!(schedule.open(Interval::new(at("2026-08-04T00:00:00Z"), at("2026-08-03T00:00:00Z"))).as_slice().is_empty());
    let rules = ServiceRules { step: Duration::ZERO, duration: Duration::ZERO, ..half_hours() };
    assert_eq!(all_slots(&schedule, &rules, span("2026-08-03T00:00:00Z", "2026-08-03T00:03:00Z")).len(), 3);
}

//! Each reason, alone and together with others.

use super::*;

fn weekdays() -> Vec<WeeklyRule> {
    (1..=5).map(|weekday| rule(weekday, "9:00", "17:00", "Europe/Rome")).collect()
}

/// Monday 2026-08-03, seen from the Saturday before.
const NOW: &str = "2026-08-01T00:00:00Z";

struct Case {
    exceptions: Vec<DateException>,
    rules: ServiceRules,
    busy: Vec<Interval>,
    shared: Vec<Shared>,
}

impl Default for Case {
    fn default() -> Self {
        Self { exceptions: Vec::new(), rules: half_hours(), busy: Vec::new(), shared: Vec::new() }
    }
}

impl Case {
    fn with<T>(&self, ask: impl FnOnce(&Offer) -> T) -> T {
        let schedule = Schedule::new(&weekdays(), &self.exceptions).unwrap();
        let busy = self.busy.iter().copied().collect();
        ask(&Offer { schedule: &schedule, rules: &self.rules, busy: &busy, shared: &self.shared })
    }

    fn explain(&self, start: &str) -> Vec<Reason> {
        self.with(|offer| offer.explain(at(start), at(NOW)))
    }
}

#[test]
fn nothing_stands_against_an_offered_slot() {
    assert_eq!(Case::default().explain("2026-08-03T07:00:00Z"), []);
}

#[test]
fn the_past_notice_and_horizon_say_what_can_be_booked() {
    let mut case = Case { rules: ServiceRules { min_notice: minutes(60), ..half_hours() }, ..Case::default() };
    let earliest = at("2026-08-01T01:00:00Z");
    assert_eq!(case.explain("2026-07-31T07:00:00Z"), [Reason::Past, Reason::BelowNotice { earliest }]);
    case.rules.min_notice = minutes(3 * 24 * 60);
    assert_eq!(case.explain("2026-08-03T07:00:00Z"), [Reason::BelowNotice { earliest: at("2026-08-04T00:00:00Z") }]);
    case.rules = ServiceRules { min_notice: minutes(55 * 60), horizon: minutes(56 * 60), ..half_hours() };
    // The first and the last moment of booking 7:00 are in; a millisecond later and earlier are not.
    for (now, offered) in [
        ("2026-07-31T22:59:59.999Z", false),
        ("2026-07-31T23:00:00Z", true),
        ("2026-08-01T00:00:00Z", true),
        ("2026-08-01T00:00:00.001Z", false),
    ] {
        let (start, now) = (at("2026-08-03T07:00:00Z"), at(now));
        assert_eq!(case.with(|offer| offer.explain(start, now).is_empty()), offered, "{now:?}");
        assert_eq!(case.with(|offer| offer.slot_at(start, now).is_some()), offered, "{now:?}");
    }
    case.rules = ServiceRules { horizon: minutes(24 * 60), ..half_hours() };
    assert_eq!(case.explain("2026-08-03T07:00:00Z"), [Reason::BeyondHorizon { latest: at("2026-08-02T00:00:00Z") }]);
}

#[test]
fn outside_the_hours_the_nearest_ones_with_room_are_named() {
    let case = Case::default();
    let monday = span("2026-08-03T07:00:00Z", "2026-08-03T15:00:00Z");
    let nearest = |nearest| vec![Reason::OutsideAvailability { nearest: Some(nearest) }];
    assert_eq!(case.explain("2026-08-02T18:00:00Z"), nearest(monday));
    assert_eq!(case.explain("2026-08-03T20:00:00Z"), nearest(monday));
    // It begins in them, on the grid, and would not end in them.
    let long = Case { rules: ServiceRules { duration: minutes(60), ..half_hours() }, ..Case::default() };
    assert_eq!(long.explain("2026-08-03T14:30:00Z"), nearest(monday));
    // An extra quarter of an hour on Sunday is nearer and of no use.
    let extra = Case { exceptions: vec![opened("2026-08-02", "20:00", "20:15", "Europe/Rome")], ..Case::default() };
    assert_eq!(extra.explain("2026-08-02T18:00:00Z"), nearest(monday));
    let huge = Case { rules: ServiceRules { duration: minutes(600), ..half_hours() }, ..Case::default() };
    assert_eq!(huge.explain("2026-08-02T18:00:00Z"), [Reason::OutsideAvailability { nearest: None }]);
}

#[test]
fn a_closed_date_comes_with_its_note_and_the_next_hours() {
    let mut holiday = closed("2026-08-03", "0:00", "24:00", "Europe/Rome");
    holiday.note = Some("Ferragosto, early".into());
    let case = Case { exceptions: vec![holiday], ..Case::default() };
    assert_eq!(
        case.explain("2026-08-03T13:00:00Z"),
        [
            Reason::Closed {
                date: "2026-08-03".parse().unwrap(),
                span: span("2026-08-02T22:00:00Z", "2026-08-03T22:00:00Z"),
                note: Some("Ferragosto, early".into()),
            },
            Reason::OutsideAvailability { nearest: Some(span("2026-08-04T07:00:00Z", "2026-08-04T15:00:00Z")) },
        ]
    );
    let told = case.explain("2026-08-03T13:00:00Z").remove(0).without_note();
    assert!(matches!(told, Reason::Closed { note: None, .. }));
    // The next day has nothing to do with it.
    assert_eq!(case.explain("2026-08-04T07:00:00Z"), []);
}

#[test]
fn off_the_grid_the_nearest_starts_are_named() {
    let case = Case::default();
    let (nine, half_past) = (Some(at("2026-08-03T07:00:00Z")), Some(at("2026-08-03T07:30:00Z")));
    assert_eq!(case.explain("2026-08-03T07:10:00Z"), [Reason::OffGrid { before: nine, after: half_past }]);
    assert_eq!(case.explain("2026-08-03T07:00:00.001Z"), [Reason::OffGrid { before: nine, after: half_past }]);
    // Too late on Monday as well: before is the day's last, after is Tuesday's first.
    let reasons = case.explain("2026-08-03T14:45:00Z");
    let (last, first) = (Some(at("2026-08-03T14:30:00Z")), Some(at("2026-08-04T07:00:00Z")));
    assert!(matches!(reasons[0], Reason::OutsideAvailability { .. }));
    assert_eq!(reasons[1], Reason::OffGrid { before: last, after: first });
}

#[test]
fn bookings_and_their_buffers_are_told_apart_and_name_nobody() {
    let taken = span("2026-08-03T07:20:00Z", "2026-08-03T08:00:00Z");
    let case = Case { busy: vec![taken], ..Case::default() };
    assert_eq!(case.explain("2026-08-03T07:00:00Z"), [Reason::Taken { span: taken }]);
    assert_eq!(case.explain("2026-08-03T08:00:00Z"), []);
    let rules = ServiceRules { buffer_before: minutes(5), ..half_hours() };
    let case = Case { rules, ..case };
    assert_eq!(case.explain("2026-08-03T08:00:00Z"), [Reason::Buffer { span: taken }]);
}

#[test]
fn a_full_session_is_full_and_nothing_else() {
    let session = span("2026-08-02T18:10:00Z", "2026-08-02T18:40:00Z");
    let shared = |seats_left| vec![Shared { starts_at: session.from, ends_at: session.to, seats_left }];
    let mut case = Case { busy: vec![session], shared: shared(0), ..Case::default() };
    assert_eq!(case.explain("2026-08-02T18:10:00Z"), [Reason::SessionFull]);
    case.shared = shared(1);
    assert_eq!(case.explain("2026-08-02T18:10:00Z"), []);
}

#[test]
fn all_reasons_come_together() {
    let case = Case {
        exceptions: vec![closed("2026-07-31", "15:00", "24:00", "Europe/Rome")],
        rules: ServiceRules { min_notice: minutes(60), ..half_hours() },
        busy: vec![span("2026-07-31T12:50:00Z", "2026-07-31T14:00:00Z")],
        ..Case::default()
    };
    let reasons = case.explain("2026-07-31T12:45:00Z");
    let codes: Vec<_> = reasons.iter().map(|reason| serde_json::to_value(reason).unwrap()["code"].clone()).collect();
    assert_eq!(codes, ["past", "below_notice", "closed", "outside_availability", "off_grid", "taken"]);
}

#[test]
fn a_time_that_the_clocks_jump_over_does_not_exist_and_one_they_repeat_is_explained_twice() {
    let case = Case::default();
    let zone = Zone::named("America/New_York").unwrap();
    let ask = |civil: &str| case.with(|offer| offer.explain_local(civil.parse().unwrap(), &zone, at(NOW)));
    let skipped = ask("2027-03-14T02:30");
    assert_eq!(skipped.len(), 1);
    assert_eq!(
        serde_json::to_string(&skipped[0]).unwrap(),
        concat!(
            r#"{"startsAt":null,"reasons":[{"code":"does_not_exist","zone":"America/New_York","#,
            r#""at":"2027-03-14T07:00:00Z","from":"2027-03-14T02:00:00","to":"2027-03-14T03:00:00"}]}"#
        )
    );
    let twice: Vec<_> = ask("2026-11-01T01:30").iter().map(|explanation| explanation.starts_at.unwrap()).collect();
    assert_eq!(twice, [at("2026-11-01T05:30:00Z"), at("2026-11-01T06:30:00Z")]);
    let usual = ask("2026-08-03T03:00");
    assert_eq!(usual, [Explanation { starts_at: Some(at("2026-08-03T07:00:00Z")), reasons: vec![] }]);
}

#[test]
fn absurd_times_are_explained() {
    let case = Case { shared: vec![], ..Case::default() };
    for time in [i64::MIN, i64::MIN + 1, 0, i64::MAX - 1, i64::MAX] {
        case.with(|offer| assert_ne!(offer.explain(UnixTime(time), at(NOW)), []));
    }
    case.with(|offer| {
        for civil in [jiff::civil::DateTime::MIN, jiff::civil::DateTime::MAX] {
            assert_ne!(offer.explain_local(civil, &Zone::UTC, at(NOW))[0].reasons, []);
        }
    });
}

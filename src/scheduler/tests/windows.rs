//! The edges of windows, and who may extend them.

use super::*;

const MINUTE: i64 = 60_000;

/// 10:00 to 11:00 UTC of a day in August, and what the rules make of it.
fn window(rules: &WindowRules, extended: Duration) -> Window {
    rules.window(at("2026-08-03T10:00:00Z"), at("2026-08-03T11:00:00Z"), extended, None)
}

/// Whether (new people, admitted people) may be in, around an edge: −1 s, −1 ms, 0, +1 ms, +1 s.
fn around(window: &Window, edge: UnixTime) -> [(bool, bool); 5] {
    [-1_000, -1, 0, 1, 1_000].map(|ms| {
        let now = UnixTime(edge.0 + ms);
        (window.admits_new(now), window.holds(now))
    })
}

const OUT: (bool, bool) = (false, false);
const IN: (bool, bool) = (true, true);
const BACK_ONLY: (bool, bool) = (false, true);

#[test]
fn it_opens_a_quarter_before_the_start_and_closes_half_an_hour_after_the_end() {
    let window = window(&WindowRules::default(), Duration::ZERO);
    assert_eq!(window.opens, at("2026-08-03T09:45:00Z"));
    assert_eq!(window.closes, at("2026-08-03T11:30:00Z"));
    assert_eq!(around(&window, window.opens), [OUT, OUT, IN, IN, IN]);
    assert_eq!(around(&window, window.closes), [IN, IN, OUT, OUT, OUT]);
}

#[test]
fn anchored_at_the_start_new_people_are_refused_earlier_than_those_who_were_in() {
    let rules = WindowRules { anchor: CloseAnchor::Start, ..WindowRules::default() };
    let window = window(&rules, Duration::ZERO);
    assert_eq!(window.last_join, at("2026-08-03T10:30:00Z"));
    assert_eq!(around(&window, window.opens), [OUT, OUT, IN, IN, IN]);
    assert_eq!(around(&window, window.last_join), [IN, IN, BACK_ONLY, BACK_ONLY, BACK_ONLY]);
    assert_eq!(around(&window, window.closes), [BACK_ONLY, BACK_ONLY, OUT, OUT, OUT]);
    assert_eq!(window.state(window.last_join), WindowState::Open { closes: window.closes });
}

#[test]
fn the_state_names_the_edge_that_matters() {
    let window = window(&WindowRules::default(), Duration::ZERO);
    let (opens, closes) = (window.opens, window.closes);
    assert_eq!(window.state(UnixTime(opens.0 - 1)), WindowState::NotOpen { opens });
    assert_eq!(window.state(opens), WindowState::Open { closes });
    assert_eq!(window.state(UnixTime(closes.0 - 1)), WindowState::Open { closes });
    assert_eq!(window.state(closes), WindowState::Closed { closed: closes });
    assert_eq!(
        serde_json::to_string(&window.state(opens)).unwrap(),
        r#"{"state":"open","closes":"2026-08-03T11:30:00Z"}"#
    );
}

#[test]
fn margins_do_not_move_when_the_clocks_change() {
    // In New York 01:30 to 03:30, an hour long, the clocks having gone forward; and back, two hours long.
    for (start, end, opens, closes) in [
        ("2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z", "2026-03-08T06:15:00Z", "2026-03-08T08:00:00Z"),
        ("2026-11-01T04:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T04:15:00Z", "2026-11-01T07:00:00Z"),
    ] {
        let window = WindowRules::default().window(at(start), at(end), Duration::ZERO, None);
        assert_eq!((window.opens, window.closes), (at(opens), at(closes)));
        assert_eq!(around(&window, at(opens)), [OUT, OUT, IN, IN, IN]);
        assert_eq!(around(&window, at(closes)), [IN, IN, OUT, OUT, OUT]);
    }
}

#[test]
fn each_layer_overrides_only_what_it_names() {
    let service = WindowOverrides { before: Some(minutes(5)), after: Some(minutes(10)), ..WindowOverrides::default() };
    let appointment =
        WindowOverrides { after: Some(Duration::ZERO), anchor: Some(CloseAnchor::Start), ..WindowOverrides::default() };
    let rules = WindowRules::default().with(&service).with(&appointment);
    assert_eq!(rules.before, minutes(5));
    assert_eq!(rules.after, Duration::ZERO);
    assert_eq!(rules.anchor, CloseAnchor::Start);
    assert_eq!(rules.extension, ExtensionRules::default());
    assert_eq!(WindowRules::default().with(&WindowOverrides::default()), WindowRules::default());
    // With no margin at all, it is the appointment itself; nobody new after its very start.
    let window = window(&rules.with(&WindowOverrides { before: Some(Duration::ZERO), ..appointment }), Duration::ZERO);
    assert_eq!(around(&window, at("2026-08-03T10:00:00Z")), [OUT, OUT, BACK_ONLY, BACK_ONLY, BACK_ONLY]);
    assert_eq!(around(&window, at("2026-08-03T11:00:00Z")), [BACK_ONLY, BACK_ONLY, OUT, OUT, OUT]);
}

#[test]
fn an_early_opening_counts_for_everybody_and_never_delays() {
    let (start, end) = (at("2026-08-03T10:00:00Z"), at("2026-08-03T11:00:00Z"));
    let rules = WindowRules::default();
    let early = at("2026-08-03T08:00:00Z");
    let window = rules.window(start, end, Duration::ZERO, Some(early));
    assert_eq!(around(&window, early), [OUT, OUT, IN, IN, IN]);
    assert_eq!(window.closes, at("2026-08-03T11:30:00Z"));
    let late = rules.window(start, end, Duration::ZERO, Some(at("2026-08-03T09:50:00Z")));
    assert_eq!(late.opens, at("2026-08-03T09:45:00Z"));
}

#[test]
fn an_extension_moves_the_close_and_the_last_join() {
    for anchor in [CloseAnchor::End, CloseAnchor::Start] {
        let rules = WindowRules { anchor, ..WindowRules::default() };
        let before = window(&rules, Duration::ZERO);
        let after = window(&rules, minutes(15));
        assert_eq!(after.closes.0 - before.closes.0, 15 * MINUTE);
        assert_eq!(after.last_join.0 - before.last_join.0, 15 * MINUTE);
        assert_eq!(after.opens, before.opens);
        assert_eq!(around(&after, after.closes)[2..], [OUT, OUT, OUT]);
    }
}

#[test]
fn the_expert_may_extend_twice_while_it_is_open() {
    let rules = WindowRules::default();
    let first = window(&rules, Duration::ZERO);
    let last_moment = UnixTime(first.closes.0 - 1);
    let once = rules.extend(&first, Duration::ZERO, last_moment).unwrap();
    assert_eq!(once, minutes(15));
    let twice = rules.extend(&window(&rules, once), once, last_moment).unwrap();
    assert_eq!(twice, minutes(30));
    let limit = ExtendError::LimitReached { extended: minutes(30) };
    assert_eq!(rules.extend(&window(&rules, twice), twice, last_moment), Err(limit));
    let early = UnixTime(first.opens.0 - 1);
    assert_eq!(rules.extend(&first, Duration::ZERO, early), Err(ExtendError::NotOpen { opens: first.opens }));
    assert_eq!(rules.extend(&first, Duration::ZERO, first.closes), Err(ExtendError::Closed { closed: first.closes }));
}

#[test]
fn extensions_can_be_switched_off_and_made_shorter_later() {
    let now = at("2026-08-03T10:00:00Z");
    let off = WindowRules { extension: ExtensionRules { step: minutes(15), at_most: 0 }, ..WindowRules::default() };
    let window = window(&off, Duration::ZERO);
    assert_eq!(off.extend(&window, Duration::ZERO, now), Err(ExtendError::LimitReached { extended: Duration::ZERO }));
    let shorter = WindowRules { extension: ExtensionRules { step: minutes(5), at_most: 2 }, ..off };
    assert_eq!(shorter.extend(&window, minutes(15), now), Err(ExtendError::LimitReached { extended: minutes(15) }));
    let none = WindowRules { extension: ExtensionRules { step: Duration::ZERO, at_most: 2 }, ..off };
    assert!(none.extend(&window, Duration::ZERO, now).is_err());
}

#[test]
fn absurd_margins_are_refused_and_do_not_overflow() {
    let fine = WindowRules::default();
    assert_eq!(fine.check(), Ok(()));
    assert_eq!(WindowRules { before: Duration::MAX, ..fine }.check(), Err(WindowRulesError::Margin));
    assert_eq!(WindowRules { after: MAX_MARGIN + minutes(1), ..fine }.check(), Err(WindowRulesError::Margin));
    let endless = ExtensionRules { step: Duration::MAX, at_most: 255 };
    let endless = WindowRules { extension: endless, before: Duration::MAX, ..fine };
    assert!(endless.check().is_err());
    assert_eq!(window(&endless, Duration::MAX).opens, UnixTime(at("2026-08-03T10:00:00Z").0.saturating_sub(i64::MAX)));
    let hours = ExtensionRules { step: minutes(5 * 60), at_most: 2 };
    assert_eq!(WindowRules { extension: hours, ..fine }.check(), Err(WindowRulesError::Extension));
}

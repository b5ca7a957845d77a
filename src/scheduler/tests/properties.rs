//! Random schedules, bookings and ranges around days on which clocks change.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle::Oracle;
use super::*;

/// Zones with hours, half hours and quarters, with changes at night, at midnight, of half an hour, and of the sign.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Rome",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Asia/Beirut",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Apia",
    "America/Santiago",
];

/// Days on which some of them change their clocks, and a quiet one.
const DAYS: &[&str] = &[
    "2026-03-08T00:00:00Z",
    "2026-03-28T12:00:00Z",
    "2026-04-04T10:00:00Z",
    "2026-04-23T20:00:00Z",
    "2026-08-03T00:00:00Z",
    "2026-09-05T22:00:00Z",
    "2026-09-26T08:00:00Z",
    "2026-10-03T12:00:00Z",
    "2026-10-25T00:00:00Z",
    "2026-10-29T20:00:00Z",
    "2026-11-01T02:00:00Z",
    "2011-12-30T06:00:00Z",
];

#[derive(Clone, Debug)]
struct World {
    weekly: Vec<WeeklyRule>,
    exceptions: Vec<DateException>,
    rules: ServiceRules,
    busy: Vec<Interval>,
    shared: Vec<Shared>,
    range: Interval,
    now: UnixTime,
}

fn hours() -> impl Strategy<Value = (u16, u16)> {
    // Mostly around the hours at which clocks change, often up to midnight.
    let from = prop_oneof![0u16..300, 0u16..1440].prop_map(|minute| minute / 5 * 5);
    let length = prop_oneof![3 => 5u16..600, 1 => Just(1440)];
    (from, length).prop_map(|(from, length)| (from, (from + length).min(DAY_END)))
}

fn zones() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![3 => vec(select(ZONES), 1), 1 => vec(select(ZONES), 2)]
}

fn world() -> impl Strategy<Value = World> {
    let day = select(DAYS).prop_map(at);
    (zones(), day, -600i64..600, 60i64..1500).prop_flat_map(|(zones, day, shift, length)| {
        let from = day.0 + shift * 60_000;
        let range = Interval::new(UnixTime(from), UnixTime(from + length * 60_000));
        let today = Zone::UTC.civil(day).date();
        let date = (-1i64..=2).prop_map(move |days| today.saturating_add(jiff::SignedDuration::from_hours(24 * days)));
        let validity = prop_oneof![4 => Just(None), 1 => date.clone().prop_map(Some)];
        let rule = (1u8..=7, hours(), select(zones.clone()), validity.clone(), validity);
        let rule = rule.prop_filter_map("valid", |(weekday, (from_min, to_min), tz, valid_from, valid_to)| {
            let valid = valid_from.zip(valid_to).is_none_or(|(from, to)| from <= to);
            valid.then(|| WeeklyRule { weekday, from_min, to_min, tz: tz.into(), valid_from, valid_to })
        });
        let kind = select(&[ExceptionKind::Open, ExceptionKind::Closed]);
        let exception = (date, kind, hours(), select(zones)).prop_map(|(date, kind, (from_min, to_min), tz)| {
            DateException { date, kind, from_min, to_min, tz: tz.into(), note: None }
        });
        let within = move |room: i64| (-room..length + room).prop_map(move |minute| UnixTime(from + minute * 60_000));
        let busy =
            (within(120), 1i64..90).prop_map(|(from, length)| Interval::new(from, UnixTime(from.0 + length * 60_000)));
        let shared = (within(0), 5i64..60, 0u32..3).prop_map(|(starts_at, length, seats_left)| Shared {
            starts_at,
            ends_at: UnixTime(starts_at.0 + length * 60_000),
            seats_left,
        });
        let time = (select(&[5u64, 20, 30, 45, 60, 75, 120]), select(&[5u64, 15, 20, 30, 45, 60, 90]));
        let buffers = (select(&[0u64, 0, 5, 15]), select(&[0u64, 0, 10, 30]));
        let notice =
            (select(&[0u64, 0, 60, 300]), prop_oneof![2 => Just(MAX_HORIZON), 1 => Just(minutes(720))], 1u32..4);
        let rules = (time, buffers, notice).prop_map(|(time, buffers, notice)| ServiceRules {
            duration: minutes(time.0),
            step: minutes(time.1),
            buffer_before: minutes(buffers.0),
            buffer_after: minutes(buffers.1),
            min_notice: minutes(notice.0),
            horizon: notice.1,
            capacity: notice.2,
        });
        let now = prop_oneof![1 => Just(UnixTime(from - 86_400_000)), 1 => within(200)];
        let entries = (vec(rule, 1..24), vec(exception, 0..4));
        (entries, rules, vec(busy, 0..6), vec(shared, 0..3), now).prop_map(
            move |(entries, rules, busy, mut shared, now)| {
                let (weekly, exceptions) = entries;
                shared.sort_by_key(|session| session.starts_at);
                shared.dedup_by_key(|session| session.starts_at);
                World { weekly, exceptions, rules, busy, shared, range, now }
            },
        )
    })
}

impl World {
    fn schedule(&self) -> Schedule {
        Schedule::new(&self.weekly, &self.exceptions).unwrap()
    }

    /// What is taken: the bookings, and the sessions with their buffers.
    fn taken(&self) -> Vec<Interval> {
        let sessions = self.shared.iter().map(|session| {
            let (before, after) = (self.rules.buffer_before, self.rules.buffer_after);
            Interval::new(session.starts_at.minus(before), session.ends_at.plus(after))
        });
        self.busy.iter().copied().chain(sessions).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slots_are_those_that_a_walk_through_every_minute_finds(world in world()) {
        let (schedule, taken) = (world.schedule(), world.taken());
        let busy = taken.iter().copied().collect();
        let offer = Offer { schedule: &schedule, rules: &world.rules, busy: &busy, shared: &world.shared };
        let slots = offer.slots(world.range, world.now);
        let oracle = Oracle {
            weekly: &world.weekly,
            exceptions: &world.exceptions,
            rules: &world.rules,
            busy: &taken,
            shared: &world.shared,
        };
        let found: Vec<_> =
            slots.iter().map(|slot| (slot.starts_at.0, slot.ends_at.0, slot.seats_left, slot.shared)).collect();
        prop_assert_eq!(found, oracle.slots(world.range, world.now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slots_are_in_order_in_the_hours_and_clear_of_bookings(world in world()) {
        let (schedule, busy) = (world.schedule(), world.taken().into_iter().collect());
        let offer = Offer { schedule: &schedule, rules: &world.rules, busy: &busy, shared: &world.shared };
        let slots = offer.slots(world.range, world.now);
        prop_assert!(slots.windows(2).all(|pair| pair[0].starts_at < pair[1].starts_at));
        let around = Interval::new(world.range.from, world.range.to.plus(minutes(600)));
        let open = schedule.open(around);
        for slot in slots {
            prop_assert!(world.range.has(slot.starts_at) && slot.starts_at >= world.now);
            prop_assert!(slot.seats_left > 0);
            prop_assert_eq!(offer.slot_at(slot.starts_at, world.now), Some(slot));
            if !slot.shared {
                prop_assert!(open.contain(Interval::new(slot.starts_at, slot.ends_at)));
                prop_assert!(!world.taken().iter().any(|taken| taken.meets(world.rules.block(slot.starts_at))));
            }
        }
    }

    #[test]
    fn a_range_in_two_parts_gives_the_same_slots(world in world(), cut in 0f64..1.0) {
        let (schedule, busy) = (world.schedule(), world.taken().into_iter().collect());
        let offer = Offer { schedule: &schedule, rules: &world.rules, busy: &busy, shared: &world.shared };
        let Interval { from, to } = world.range;
        let middle = UnixTime(from.0 + ((to.0 - from.0) as f64 * cut) as i64);
        let mut parts = offer.slots(Interval::new(from, middle), world.now);
        parts.extend(offer.slots(Interval::new(middle, to), world.now));
        prop_assert_eq!(parts, offer.slots(world.range, world.now));
    }

    #[test]
    fn nothing_stands_against_a_start_exactly_if_it_is_offered(world in world(), others in vec(0f64..1.0, 6)) {
        let (schedule, busy) = (world.schedule(), world.taken().into_iter().collect());
        let offer = Offer { schedule: &schedule, rules: &world.rules, busy: &busy, shared: &world.shared };
        let slots = offer.slots(world.range, world.now);
        let Interval { from, to } = world.range;
        // Some offered ones, and any minute, half of them on a quarter of an hour.
        let any = others.iter().enumerate().map(|(i, at)| {
            let grid = if i % 2 == 0 { 60_000 } else { 900_000 };
            UnixTime(from.0 + ((to.0 - from.0) as f64 * at) as i64 / grid * grid)
        });
        let sessions = world.shared.iter().map(|session| session.starts_at);
        for start in slots.iter().step_by(7).map(|slot| slot.starts_at).chain(any).chain(sessions) {
            let offered = slots.iter().any(|slot| slot.starts_at == start);
            let reasons = offer.explain(start, world.now);
            prop_assert_eq!(offered, reasons.is_empty(), "{:?}: {:?}", start, reasons);
        }
    }
}

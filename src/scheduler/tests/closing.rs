//! That a close is near is told at its moments, once, to everybody with a seat, whatever happens in between.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proptest::prelude::*;

use super::super::testing::*;
use super::super::*;
use super::minutes;
use crate::clock::SharedClock;
use crate::store::{DataFolder, Store};
use crate::units::UnixTime;

/// Minutes that a person was told are left, in the order of the events.
fn told(desk: &Desk, user: u32) -> String {
    desk.value(&format!(
        "SELECT coalesce(group_concat(json_extract(data, '$.minutesLeft'), ' ' ORDER BY seq), '') FROM events
         WHERE kind = 'appointment.closing' AND user_id = '{}'",
        person(user)
    ))
}

async fn sweep_at(desk: &Desk, millis: i64) {
    desk.at(millis);
    desk.scheduler.sweep().await.unwrap();
}

/// The close of an appointment from [`START`] for an hour.
const CLOSE: i64 = 90 * MINUTE;

#[tokio::test]
async fn everybody_with_a_seat_is_told_ten_five_and_one_minute_before_the_close_and_nobody_is_in_the_room() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    let guest = desk.guest(1, "observer");
    let mut expected = String::new();
    for (before, so_far) in [(10, "10"), (5, "10 5"), (1, "10 5 1")] {
        let edge = CLOSE - before * MINUTE;
        sweep_at(&desk, edge - 1_000).await;
        assert_eq!(told(&desk, 1), expected, "a second before");
        sweep_at(&desk, edge - 1).await;
        assert_eq!(told(&desk, 1), expected, "a millisecond before");
        sweep_at(&desk, edge).await;
        assert_eq!(told(&desk, 1), so_far);
        sweep_at(&desk, edge + 1_000).await;
        assert_eq!(told(&desk, 1), so_far, "once");
        so_far.clone_into(&mut expected);
    }
    assert_eq!(told(&desk, 8), "10 5 1");
    let seat = guest.id().unwrap();
    let of_guest = format!("SELECT count(*) FROM events WHERE kind = 'appointment.closing' AND seat_id = '{seat}'");
    assert_eq!(desk.value::<i64>(&of_guest), 3);
    let first: String = desk.value("SELECT data FROM events WHERE kind = 'appointment.closing' LIMIT 1");
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["closesAt"], crate::units::rfc3339::format(UnixTime(START.0 + CLOSE)));
    assert_eq!(first["appointmentId"], appointment_id(1).to_string());

    // The end itself is told as what the appointment was.
    sweep_at(&desk, CLOSE).await;
    let last: String = desk.value("SELECT kind FROM events ORDER BY seq DESC LIMIT 1");
    assert_eq!(last, "appointment.no_show");
    sweep_at(&desk, CLOSE + 1_000).await;
    assert_eq!(told(&desk, 1), "10 5 1");
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM close_warnings"), 0, "nothing is left of it");
    assert_eq!(desk.value::<i64>("SELECT version FROM appointments"), 4, "room, guest's capacity, end: not warnings");
}

#[tokio::test]
async fn a_close_that_is_moved_has_warnings_of_its_own() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    sweep_at(&desk, CLOSE - 4 * MINUTE).await;
    assert_eq!(told(&desk, 1), "4");
    desk.scheduler.extend(expert(8), id).await.unwrap();
    sweep_at(&desk, CLOSE - MINUTE).await;
    assert_eq!(told(&desk, 1), "4", "the close is another");
    for before in [10, 5, 1] {
        sweep_at(&desk, CLOSE + (15 - before) * MINUTE).await;
    }
    assert_eq!(told(&desk, 1), "4 10 5 1");
    // Brought forward to where a warning is due already, and back again: each is another close.
    for (after, left) in [(40, "5"), (45, "10"), (40, "5")] {
        desk.sql(&format!("UPDATE appointments SET extended_min = 0, close_after_min = {}", after + 9));
        desk.scheduler.sweep().await.unwrap();
        assert!(told(&desk, 1).ends_with(&format!(" {left}")), "{}", told(&desk, 1));
    }
}

#[tokio::test]
async fn of_warnings_that_are_due_together_the_latest_is_given() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    sweep_at(&desk, CLOSE - 30_000).await;
    assert_eq!(told(&desk, 1), "1");

    let desk = Desk::new();
    desk.approved(Lobby::Off);
    sweep_at(&desk, CLOSE).await;
    assert_eq!(told(&desk, 1), "", "what has closed does not close soon");
}

#[tokio::test]
async fn what_has_ended_or_is_not_approved_does_not_close() {
    for status in ["pending", "cancelled"] {
        let desk = Desk::new();
        desk.approved(Lobby::Off);
        desk.sql(&format!("UPDATE appointments SET status = '{status}'"));
        sweep_at(&desk, CLOSE - 10 * MINUTE).await;
        assert_eq!(told(&desk, 1), "", "{status}");
    }
}

#[tokio::test]
async fn a_restart_neither_loses_a_warning_nor_gives_it_twice() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    sweep_at(&desk, CLOSE - 10 * MINUTE).await;
    assert_eq!(told(&desk, 1), "10");
    let desk = restarted(desk);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(told(&desk, 1), "10");
    desk.at(CLOSE - 4 * MINUTE);
    let desk = restarted(desk);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(told(&desk, 1), "10 4", "what became due meanwhile");
}

fn restarted(desk: Desk) -> Desk {
    let Desk { scheduler, clock, rooms, folder } = desk;
    drop(scheduler);
    let store = Store::open(&DataFolder::new(folder.path()), 2).unwrap();
    let scheduler = Scheduler::new(store, Arc::clone(&clock) as SharedClock, SchedulerSettings::default());
    Desk { scheduler, clock, rooms, folder }
}

#[test]
fn what_is_looked_for_every_second_is_found_by_an_index() {
    let desk = Desk::new();
    for query in [closing::DUE, sweep::OVER, sweep::LAPSED, sweep::UNANSWERED] {
        let plan = desk.plan(query);
        assert!(plan.iter().any(|step| step.starts_with("SEARCH a USING INDEX appointments_")), "{plan:#?}\n{query}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{plan:#?}\n{query}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// The query computes the close by itself: it is the window's.
    #[test]
    fn the_warning_comes_at_ten_minutes_before_the_close_whatever_moves_that(
        after in 0u64..7_200,
        own in proptest::option::of(0u32..1_440),
        extended in 0u32..480,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let window = WindowRules { after: std::time::Duration::from_secs(after), ..WindowRules::default() };
        let desk = Desk::with(SchedulerSettings { window, ..SchedulerSettings::default() });
        desk.approved(Lobby::Off);
        let own = own.map_or("NULL".to_owned(), |own| own.to_string());
        desk.sql(&format!("UPDATE appointments SET close_after_min = {own}, extended_min = {extended}"));
        let it = runtime.block_on(desk.scheduler.appointment(expert(8), appointment_id(1))).unwrap();
        let edge = it.window.closes.minus(minutes(10)).0 - START.0;
        runtime.block_on(sweep_at(&desk, edge - 1));
        prop_assert_eq!(told(&desk, 1), "");
        runtime.block_on(sweep_at(&desk, edge));
        prop_assert_eq!(told(&desk, 1), "10");
    }
}

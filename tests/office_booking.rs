//! Many who want one slot at once: exactly one has it, round after round, and the book is in order afterwards.
//!
//! `VISAVIS_BOOKING_ROUNDS` says how many rounds.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use visavis::clock::{Clock, ManualClock, SharedClock};
use visavis::ids::{ServiceId, UserId};
use visavis::scheduler::{
    BookingRequest, Error, Held, HoldRequest, Hours, Scheduler, SchedulerSettings, ServiceDraft, Wanted, WeeklyRule,
};
use visavis::store::{Actor, DataFolder, Role, Store, StoreError};
use visavis::units::UnixTime;

/// Who want each slot.
const BOOKERS: usize = 64;
const ROUNDS: usize = 1000;
/// A Monday, at midnight.
const MONDAY: UnixTime = UnixTime(1_799_625_600_000);
const SLOT: Duration = Duration::from_secs(15 * 60);

fn person(number: usize) -> UserId {
    format!("00000000-0000-7000-8000-{number:012}").parse().unwrap()
}

fn customer(number: usize) -> Actor {
    Actor::User(person(number), Role::Customer)
}

fn expert() -> Actor {
    Actor::User(person(999), Role::Expert)
}

/// An expert who can be booked at any time, and enough customers.
async fn office(store: &Store, clock: &Arc<ManualClock>) -> (Scheduler, ServiceId) {
    let mut sql = String::new();
    for number in (0..BOOKERS).chain([999]) {
        let role = if number == 999 { "expert" } else { "customer" };
        sql += &format!(
            "INSERT INTO users (id, email, name, role, created_at, updated_at)
             VALUES ('{}', 'p{number}@example.org', 'Person {number}', '{role}', 0, 0);",
            person(number)
        );
    }
    sql += &format!(
        "INSERT INTO expert_profiles (user_id, slug, published, updated_at) VALUES ('{}', 'wanted', 1, 0);",
        person(999)
    );
    store.write(move |tx| tx.execute_batch(&sql).map_err(StoreError::from)).await.unwrap();
    let shared: SharedClock = clock.clone();
    let scheduler = Scheduler::new(store.clone(), shared, SchedulerSettings::default());
    let day =
        |weekday| WeeklyRule { weekday, from_min: 0, to_min: 1440, tz: "UTC".into(), valid_from: None, valid_to: None };
    let hours = Hours { weekly: (1..=7).map(day).collect(), exceptions: Vec::new() };
    scheduler.replace_hours(expert(), person(999), hours, None).await.unwrap();
    let draft: ServiceDraft =
        serde_json::from_str(r#"{"title":"Wanted","durationMin":15,"minNoticeMin":0,"horizonDays":730}"#).unwrap();
    let service = scheduler.create_service(expert(), person(999), draft).await.unwrap().id;
    (scheduler, service)
}

/// One customer's attempt: half of them hold first, the others ask at once.
async fn attempt(scheduler: Scheduler, number: usize, service: ServiceId, starts_at: UnixTime) -> Result<(), Error> {
    let tz = || "Europe/Rome".to_owned();
    let wanted = if number.is_multiple_of(2) {
        let wish = HoldRequest { service, starts_at, tz: tz(), replaces: None };
        match scheduler.hold(customer(number), wish).await? {
            Held::Slot(hold) => Wanted::Hold(hold.id),
            Held::Session(slot) => panic!("a session: {slot:?}"),
        }
    } else {
        Wanted::Start { service, starts_at, tz: tz() }
    };
    let request = BookingRequest { wanted, note: String::new(), companions: Vec::new(), consent: None };
    scheduler.request(customer(number), request).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_who_want_one_slot_exactly_one_has_it() {
    let rounds = match std::env::var("VISAVIS_BOOKING_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) => ROUNDS,
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DataFolder::new(folder.path()), 2).unwrap();
    let clock = Arc::new(ManualClock::new(MONDAY));
    let (scheduler, service) = office(&store, &clock).await;
    let began = clock.unix();
    let mut starts_at = began;
    for round in 0..rounds {
        starts_at = starts_at.plus(SLOT);
        let attempts: Vec<_> = (0..BOOKERS)
            .map(|number| tokio::spawn(attempt(scheduler.clone(), (number + round) % BOOKERS, service, starts_at)))
            .collect();
        let mut won = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error.code(), "slot_taken", "round {round}: {error}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    let book: String = store
        .write(|tx| {
            let sql =
                "SELECT count(*) || ' ' || count(DISTINCT starts_at) || ' ' || group_concat(DISTINCT status) || ' '
                || (SELECT count(*) FROM audit_log WHERE action = 'appointment.requested') || ' '
                || (SELECT count(*) FROM outbox) FROM appointments";
            tx.query_row(sql, [], |row| row.get(0)).map_err(StoreError::from)
        })
        .await
        .unwrap();
    // Each with its audit row and its two letters, and nothing of those who lost.
    assert_eq!(book, format!("{rounds} {rounds} pending {rounds} {}", 2 * rounds));
}

//! A scheduler on a database of its own, with a few people and a clock that stands still: for tests.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use visavis_signaling::token::ApiKey;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::ids::{AppointmentId, SeatId, ServiceId, UserId};
use crate::store::{Actor, DataFolder, Role, Store, StoreError};
use crate::units::UnixTime;

/// Monday 2027-01-11, 09:00 UTC.
pub const START: UnixTime = UnixTime(1_799_658_000_000);
pub const MINUTE: i64 = 60_000;

pub struct Desk {
    pub scheduler: Scheduler,
    pub clock: Arc<ManualClock>,
    pub rooms: Arc<RecordedRooms>,
    #[allow(dead_code, reason = "the folder lives as long as this")]
    pub folder: tempfile::TempDir,
}

/// What the rooms have been asked for.
#[derive(Default)]
pub struct RecordedRooms(pub Mutex<Vec<String>>);

impl RecordedRooms {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl RoomControl for RecordedRooms {
    fn close(&self, room: &str, reason: EndReason) {
        self.note(format!("close {room} {}", reason.as_str()));
    }

    fn remove(&self, room: &str, identity: &str) {
        self.note(format!("remove {room} {identity}"));
    }

    fn permit(&self, room: &str, identity: &str, permissions: Permissions) {
        self.note(format!("permit {room} {identity} {permissions:?}"));
    }

    fn notice(&self, room: &str, notice: Value) {
        self.note(format!("notice {room} {notice}"));
    }
}

impl Desk {
    /// Customers 1 to 3, experts 8 and 9 with service 1 and 2, administrator 10. The time is [`START`] less a day.
    pub fn new() -> Self {
        Self::with(SchedulerSettings::default())
    }

    pub fn with(settings: SchedulerSettings) -> Self {
        let desk = Self::without_rooms(settings);
        desk.scheduler.attach(desk.rooms.clone());
        desk
    }

    /// A desk to which rooms can be attached.
    pub fn without_rooms(settings: SchedulerSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DataFolder::new(folder.path()), 2).unwrap();
        let clock = Arc::new(ManualClock::new(START.minus(Duration::from_secs(24 * 3600))));
        let shared: crate::clock::SharedClock = clock.clone();
        let scheduler = Scheduler::new(store, shared, settings);
        let desk = Self { scheduler, clock, rooms: Arc::default(), folder };
        let people = [
            (1, Role::Customer),
            (2, Role::Customer),
            (3, Role::Customer),
            (8, Role::Expert),
            (9, Role::Expert),
            (10, Role::Admin),
        ];
        for (number, role) in people {
            desk.sql(&format!(
                "INSERT INTO users (id, email, name, role, created_at, updated_at)
                 VALUES ('{}', 'p{number}@example.org', 'Person {number}', '{role}', 0, 0)",
                person(number)
            ));
        }
        for (service, expert) in [(1, 8), (2, 9)] {
            desk.sql(&format!(
                "INSERT INTO expert_profiles (user_id, slug, published, updated_at) VALUES ('{1}', 'expert-{0}', 1, 0);
                 INSERT INTO services (id, expert_id, title, duration_min, step_min, created_at, updated_at)
                 VALUES ('{2}', '{1}', 'Advice', 60, 60, 0, 0)",
                expert,
                person(expert),
                service_id(service)
            ));
        }
        desk
    }

    pub fn sql(&self, sql: &str) {
        let text = sql.to_owned();
        let done = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    self.scheduler.store().write_blocking(move |tx| tx.execute_batch(&text).map_err(StoreError::from))
                })
                .join()
                .unwrap()
        });
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    pub fn value<T: rusqlite::types::FromSql + Send + 'static>(&self, sql: &str) -> T {
        let sql = sql.to_owned();
        // Tests run inside a runtime, where blocking is not allowed.
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let query = move |tx: &mut crate::store::Tx<'_>| {
                        tx.query_row(&sql, [], |row| row.get(0)).map_err(StoreError::from)
                    };
                    self.scheduler.store().write_blocking(query).unwrap()
                })
                .join()
                .unwrap()
        })
    }

    /// How SQLite would go about a query, step by step.
    pub fn plan(&self, query: &str) -> Vec<String> {
        let sql = format!("EXPLAIN QUERY PLAN {query}");
        let read = move |tx: &mut crate::store::Tx<'_>| {
            let mut query = tx.prepare(&sql)?;
            let steps = query.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>();
            steps.map_err(StoreError::from)
        };
        self.scheduler.store().write_blocking(read).unwrap()
    }

    /// An approved appointment of customer 1 with expert 8, from [`START`] for an hour.
    pub fn approved(&self, lobby: Lobby) -> AppointmentId {
        self.approved_at(1, 1, 8, START, lobby)
    }

    pub fn approved_at(&self, number: u32, customer: u32, expert: u32, start: UnixTime, lobby: Lobby) -> AppointmentId {
        let (from, to) = (start.0, start.0 + 60 * MINUTE);
        self.sql(&format!(
            "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from,
               busy_to, tz, status, room_secret, ical_uid, lobby, created_at, updated_at)
             VALUES ('{}', '{}', '{}', '{}', 'Advice', {from}, {to}, {from}, {to}, 'UTC', 'approved',
               '0123456789abcdef0123', 'uid-{number}', '{}', 0, 0)",
            appointment_id(number),
            person(customer),
            person(expert),
            service_id(expert - 7),
            lobby.as_str(),
        ));
        appointment_id(number)
    }

    /// Moves the clock to a moment relative to [`START`]; never back.
    pub fn at(&self, millis: i64) {
        let wanted = START.0 + millis;
        let now = self.clock.unix().0;
        assert!(wanted >= now, "time does not go back");
        self.clock.advance(Duration::from_millis((wanted - now) as u64));
    }

    pub fn room(&self, number: u32) -> String {
        format!("appointment-{}-0123456789abcdef0123", appointment_id(number))
    }

    pub fn seat(&self, appointment: u32, user: u32) -> SeatId {
        let sql = format!(
            "SELECT id FROM seats WHERE appointment_id = '{}' AND user_id = '{}'",
            appointment_id(appointment),
            person(user)
        );
        self.value::<String>(&sql).parse().unwrap()
    }

    /// A guest with a seat in an appointment.
    pub fn guest(&self, appointment: u32, role: &str) -> Actor {
        let seat = format!("00000000-0000-7000-8003-{appointment:012}");
        self.sql(&format!(
            "UPDATE appointments SET capacity = 5 WHERE id = '{0}';
             INSERT INTO seats (id, appointment_id, guest_name, role, created_at)
             VALUES ('{seat}', '{0}', 'Gast', '{role}', 0)",
            appointment_id(appointment)
        ));
        Actor::Guest(seat.parse().unwrap())
    }

    pub async fn token(&self, actor: Actor, number: u32) -> Result<IssuedToken, Error> {
        let request = TokenRequest { room_name: self.room(number), identity: None };
        self.scheduler.token(actor, request, key()).await
    }

    /// Somebody's media connects in the room of an appointment.
    pub async fn joins(&self, appointment: u32, user: u32, sid: &str) {
        let identity = self.seat(appointment, user).to_string();
        let kind = CallFactKind::Joined { sid: sid.into(), identity, name: format!("Person {user}") };
        self.fact(appointment, kind).await;
    }

    pub async fn fact(&self, appointment: u32, kind: CallFactKind) {
        let fact = CallFact { room: self.room(appointment), at: self.clock.unix(), kind };
        self.scheduler.witness(fact).await.unwrap();
    }

    /// Records that something has happened to an appointment, with all that this brings with it.
    pub async fn tell(&self, kind: Kind, appointment: u32, actor: Actor) {
        self.tell_with(kind, appointment, actor, serde_json::json!({})).await;
    }

    pub async fn tell_with(&self, kind: Kind, appointment: u32, actor: Actor, detail: Value) {
        let now = self.clock.unix();
        let work = move |tx: &mut crate::store::Tx<'_>| {
            let it = Appointment::load(tx, appointment_id(appointment))?;
            change::Change::new(kind, &it, actor).detail(detail).record(tx, now)
        };
        self.scheduler.write(work).await.unwrap();
    }

    pub fn status(&self, number: u32) -> String {
        self.value(&format!("SELECT status FROM appointments WHERE id = '{}'", appointment_id(number)))
    }
}

pub fn key() -> ApiKey {
    ApiKey::new("devkey", "secret-of-at-least-thirty-two-characters")
}

pub fn person(number: u32) -> UserId {
    format!("00000000-0000-7000-8000-{number:012}").parse().unwrap()
}

pub fn service_id(number: u32) -> ServiceId {
    format!("00000000-0000-7000-8001-{number:012}").parse().unwrap()
}

pub fn appointment_id(number: u32) -> AppointmentId {
    format!("00000000-0000-7000-8002-{number:012}").parse().unwrap()
}

pub fn customer(number: u32) -> Actor {
    Actor::User(person(number), Role::Customer)
}

pub fn expert(number: u32) -> Actor {
    Actor::User(person(number), Role::Expert)
}

pub fn admin() -> Actor {
    Actor::User(person(10), Role::Admin)
}

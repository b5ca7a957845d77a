//! The store against files in temporary folders.
#![allow(clippy::unwrap_used)]

mod files;
mod refusals;
mod rows;
mod scoping;
mod writing;

use super::*;

/// A store in a folder of its own, with a few people, services and nothing else.
struct Office {
    store: Store,
    folder: tempfile::TempDir,
}

const T0: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DataFolder::new(folder.path()), 2).unwrap();
        let office = Self { store, folder };
        for (id, role) in
            [(1, "customer"), (2, "customer"), (3, "customer"), (8, "expert"), (9, "expert"), (10, "admin")]
        {
            office.sql(&format!(
                "INSERT INTO users (id, email, name, role, created_at, updated_at)
                 VALUES ('{}', 'p{id}@example.org', 'Person {id}', '{role}', {T0}, {T0})",
                person(id)
            ));
        }
        for (service, expert) in [(1, 8), (2, 9)] {
            office.sql(&format!(
                "INSERT INTO services (id, expert_id, title, duration_min, step_min, created_at, updated_at)
                 VALUES ('{}', '{}', 'Advice', 60, 60, {T0}, {T0})",
                service_id(service),
                person(expert)
            ));
        }
        office
    }

    /// Runs raw SQL on the writer's connection.
    fn try_sql(&self, sql: &str) -> Result<(), StoreError> {
        let sql = sql.to_owned();
        self.store.write_blocking(move |tx| tx.execute_batch(&sql).map_err(StoreError::from))
    }

    fn sql(&self, sql: &str) {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// The word with which a trigger refuses raw SQL.
    fn refusal(&self, sql: &str) -> String {
        match self.try_sql(sql) {
            Err(StoreError::Refused(word)) => word,
            other => panic!("expected a refusal, got {other:?}: {sql}"),
        }
    }

    /// One value, read past all scoping.
    fn value<T: rusqlite::types::FromSql + Send + 'static>(&self, sql: &str) -> T {
        let sql = sql.to_owned();
        self.store.write_blocking(move |tx| tx.query_row(&sql, [], |row| row.get(0)).map_err(StoreError::from)).unwrap()
    }

    /// SQL for an appointment of customer 1 with expert 8, unless said otherwise.
    fn book(&self, id: u32, customer: u32, expert: u32, from: i64, status: &str) -> Result<(), StoreError> {
        self.try_sql(&booking(id, customer, expert, from, status))
    }
}

fn booking(id: u32, customer: u32, expert: u32, from: i64, status: &str) -> String {
    let (start, end) = (T0 + from, T0 + from + HOUR);
    let service = service_id(expert - 7);
    format!(
        "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from, busy_to,
           tz, status, room_secret, ical_uid, hold_expires_at, lobby, created_at, updated_at)
         VALUES ('{}', '{}', '{}', '{service}', 'Advice', {start}, {end}, {start}, {end},
           'UTC', '{status}', '0123456789abcdef0123', 'uid-{id}', {start}, 'on', {T0}, {T0})",
        appointment(id),
        person(customer),
        person(expert),
    )
}

fn person(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

fn service_id(number: u32) -> String {
    format!("00000000-0000-7000-8001-{number:012}")
}

fn appointment(number: u32) -> String {
    format!("00000000-0000-7000-8002-{number:012}")
}

fn user(number: u32, role: Role) -> Actor {
    Actor::User(person(number).parse().unwrap(), role)
}

/// A connection beside the store's own, as somebody with a shell would have.
fn outsider(office: &Office) -> Connection {
    Connection::open(DataFolder::new(office.folder.path()).database()).unwrap()
}

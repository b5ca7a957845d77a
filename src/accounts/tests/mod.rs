//! Accounts against databases in temporary folders, on a clock that moves when told to.
#![allow(clippy::unwrap_used)]

mod admin;
mod credentials;
mod erasure;
mod guests;
mod links;
mod people;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::config::{Registration, Secret};
use crate::ids::{AppointmentId, SeatId};
use crate::store::{DataFolder, Role, StoreError};

/// Times of the tests begin here.
const T0: i64 = 1_800_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) struct Office {
    pub(super) accounts: Accounts,
    store: Store,
    pub(super) clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        Self::with(AccountSettings { max_concurrent_hashes: 2, ..AccountSettings::default() })
    }

    pub(super) fn with(settings: AccountSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DataFolder::new(folder.path()), 2).unwrap();
        let clock = Arc::new(ManualClock::new(UnixTime(T0)));
        let hasher = Hasher::new(argon2::Params::new(64, 1, 1, None).unwrap(), settings.max_concurrent_hashes);
        let accounts = Accounts::with_hasher(store.clone(), Arc::clone(&clock) as SharedClock, settings, hasher);
        Self { accounts, store, clock, _folder: folder }
    }

    /// Somebody with an account, the address `NAME@example.org` and [`PASSWORD`].
    pub(super) async fn person(&self, name: &str, role: Role) -> Person {
        self.accounts.create(Actor::System, new_person(name, role)).await.unwrap()
    }

    /// Somebody who has signed in.
    async fn signed_in(&self, name: &str, role: Role) -> SignedIn {
        self.person(name, role).await;
        self.sign_in(name).await
    }

    async fn sign_in(&self, name: &str) -> SignedIn {
        self.accounts.sign_in(&format!("{name}@example.org"), PASSWORD, Device::default()).await.unwrap()
    }

    pub(super) async fn resolve(&self, token: &Secret) -> Result<Session, AccountsError> {
        self.accounts.resolve(token.reveal()).await
    }

    async fn sql(&self, sql: &str) {
        self.try_sql(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    async fn try_sql(&self, sql: &str) -> Result<(), StoreError> {
        let sql = sql.to_owned();
        self.store.write(move |tx| tx.execute_batch(&sql).map_err(StoreError::from)).await
    }

    /// One value, read past all scoping.
    pub(super) async fn value<T: rusqlite::types::FromSql + Send + 'static>(&self, sql: &str) -> T {
        let sql = sql.to_owned();
        let query = move |tx: &mut crate::store::Tx<'_>| Ok::<_, StoreError>(tx.query_row(&sql, [], |row| row.get(0))?);
        self.store.write(query).await.unwrap()
    }

    /// What the mail of a kind says that was put into the outbox last.
    async fn last_mail(&self, kind: &str) -> Value {
        let text: String = self
            .value(&format!(
                "SELECT payload FROM outbox WHERE channel = 'mail' AND json_extract(payload, '$.kind') = '{kind}'
                 ORDER BY rowid DESC LIMIT 1"
            ))
            .await;
        serde_json::from_str(&text).unwrap()
    }

    /// The token of the mail of a kind that was put into the outbox last.
    async fn token(&self, kind: &str) -> String {
        self.last_mail(kind).await["token"].as_str().unwrap().to_owned()
    }

    async fn count(&self, table: &str) -> i64 {
        self.value(&format!("SELECT count(*) FROM {table}")).await
    }

    /// A consultation of a customer with an expert, beginning in so many hours.
    async fn book(&self, customer: &Person, expert: &Person, hours: i64, status: &str) -> AppointmentId {
        let now = self.clock.unix();
        let id = AppointmentId::new(now, &mut rand::rng());
        let start = now.0 + hours * 3_600_000;
        let (end, service) = (start + 3_600_000, expert.id);
        self.sql(&format!(
            "INSERT OR IGNORE INTO services (id, expert_id, title, duration_min, step_min, created_at, updated_at)
             VALUES ('{service}', '{service}', 'Advice', 60, 60, {T0}, {T0});
             INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from,
               busy_to, tz, status, room_secret, ical_uid, hold_expires_at, lobby, customer_note, created_at, updated_at)
             VALUES ('{id}', '{}', '{}', '{service}', 'Advice', {start}, {end}, {start}, {end}, 'UTC', '{status}',
               '0123456789abcdef0123', 'uid-{id}', {start}, 'on', 'my secret trouble', {T0}, {T0})",
            customer.id, expert.id
        ))
        .await;
        id
    }

    /// A guest's seat in it.
    async fn guest_seat(&self, appointment: AppointmentId, name: &str, email: &str) -> SeatId {
        let id = SeatId::new(UnixTime(T0), &mut rand::rng());
        self.sql(&format!(
            "INSERT INTO seats (id, appointment_id, guest_name, guest_email, role, created_at)
             VALUES ('{id}', '{appointment}', '{name}', '{email}', 'observer', {T0})"
        ))
        .await;
        id
    }

    async fn set_status(&self, appointment: AppointmentId, status: &str) {
        self.sql(&format!("UPDATE appointments SET status = '{status}' WHERE id = '{appointment}'")).await;
    }
}

pub(super) fn new_person(name: &str, role: Role) -> NewPerson {
    NewPerson {
        email: format!("{name}@example.org"),
        name: format!("{name} of Example"),
        password: Some(PASSWORD.to_owned()),
        role,
        tz: None,
        locale: None,
        phone: None,
    }
}

fn actor(person: &Person) -> Actor {
    Actor::User(person.id, person.role)
}

#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, AccountsError>, code: &str) {
    match result {
        Ok(value) => panic!("expected {code}, got {value:?}"),
        Err(error) => assert_eq!(error.code(), code, "{error}"),
    }
}

//! How the server is, as far as its database knows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use super::require_admin;
use crate::scheduler::{Error, Scheduler};
use crate::store::{Actor, RowExt, last_backup};
use crate::units::{UnixTime, rfc3339};

/// What is due for longer than this is late.
const LATE: Duration = Duration::from_secs(5 * 60);
/// How far back failures are counted.
const RECENT: Duration = Duration::from_secs(24 * 3600);

/// How the server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes that are written and not yet in their place.
    pub log_bytes: u64,
    /// Bytes that are free on the disk of the data; none where the system does not say.
    pub disk_free_bytes: Option<u64>,
    /// All bytes of that disk.
    pub disk_bytes: Option<u64>,
    /// Files of appointments.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Accounts that are active, by role.
    pub users: BTreeMap<String, u64>,
    /// Appointments by status.
    pub appointments: BTreeMap<String, u64>,
    /// Participants in calls.
    pub in_calls: u64,
    /// Those who wait in lobbies.
    pub waiting: u64,
    /// Mail, text messages and notifications.
    pub messages: QueueHealth,
    /// Webhooks.
    pub deliveries: QueueHealth,
    /// Transactions since the start.
    pub commits: u64,
    /// Changes in them.
    pub changes: u64,
    /// Changes that were refused because too many waited.
    pub refused_busy: u64,
    /// Transactions that failed.
    pub failed_commits: u64,
    /// When the data was last copied by `visavis backup`.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_backup_at: Option<UnixTime>,
}

/// How a queue of what goes outward is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueHealth {
    /// To be sent now.
    pub due: u64,
    /// Due for longer than five minutes.
    pub late: u64,
    /// To be sent at its time, which is to come.
    pub scheduled: u64,
    /// Given up in the last day.
    pub failed: u64,
    /// Since when the first has been due.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_due_at: Option<UnixTime>,
}

impl Scheduler {
    /// How the server is, as far as its database knows.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn health(&self, actor: Actor) -> Result<Health, Error> {
        require_admin(actor)?;
        let (now, store) = (self.now(), self.store().clone());
        self.read(Actor::System, move |reader| {
            let (counters, folder) = (store.counters(), store.folder());
            let database = folder.database();
            let disk = folder.disk();
            let log = database.with_extension("db-wal");
            let files = "SELECT count(*), coalesce(sum(size), 0) FROM my_files";
            let (files, file_bytes) = reader.query_row(files, [], |row| Ok((row.count(0)?, row.count(1)?)))?;
            Ok(Health {
                database_bytes: size(&database),
                log_bytes: size(&log),
                disk_free_bytes: disk.map(|disk| disk.free),
                disk_bytes: disk.map(|disk| disk.size),
                files,
                file_bytes,
                users: counts(reader, "SELECT role, count(*) FROM system_users WHERE status = 'active' GROUP BY role")?,
                appointments: counts(reader, "SELECT status, count(*) FROM system_appointments GROUP BY status")?,
                in_calls: count(reader, "SELECT count(*) FROM system_call_logs WHERE ended_at IS NULL")?,
                waiting: count(reader, "SELECT count(*) FROM system_seats WHERE waiting_since IS NOT NULL")?,
                messages: queue(reader, "system_outbox", "due_at", now)?,
                deliveries: queue(reader, "system_webhook_deliveries", "next_at", now)?,
                commits: counters.commits.load(Ordering::Relaxed),
                changes: counters.pieces.load(Ordering::Relaxed),
                refused_busy: counters.busy.load(Ordering::Relaxed),
                failed_commits: counters.failures.load(Ordering::Relaxed),
                last_backup_at: last_backup(folder),
            })
        })
        .await
    }
}

/// Bytes of a file; none where there is no such file.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

fn count(reader: &Connection, sql: &str) -> Result<u64, Error> {
    Ok(reader.prepare_cached(sql)?.query_row([], |row| row.count(0))?)
}

fn counts(reader: &Connection, sql: &str) -> Result<BTreeMap<String, u64>, Error> {
    let mut query = reader.prepare_cached(sql)?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.count(1)?)))?.collect::<Result<_, _>>()?)
}

/// A table of things to be sent, by the column that says when.
fn queue(reader: &Connection, table: &str, when: &str, now: UnixTime) -> Result<QueueHealth, Error> {
    let due = format!(
        "SELECT count(*), coalesce(sum({when} <= ?2), 0), coalesce(sum({when} > ?1), 0), min({when})
         FROM {table} WHERE state = 'due'"
    );
    let (all, late, scheduled, oldest) = reader.prepare_cached(&due)?.query_row((now.0, now.minus(LATE).0), |row| {
        Ok((row.count(0)?, row.count(1)?, row.count(2)?, row.maybe_time(3)?))
    })?;
    let failed = format!("SELECT count(*) FROM {table} WHERE state = 'failed' AND done_at > ?1");
    let failed = reader.prepare_cached(&failed)?.query_row([now.minus(RECENT).0], |row| row.count(0))?;
    let oldest_due_at = oldest.filter(|oldest| *oldest <= now);
    Ok(QueueHealth { due: all - scheduled, late, scheduled, failed, oldest_due_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Lobby;
    use crate::scheduler::testing::*;
    use crate::store::note_backup;

    #[tokio::test]
    async fn an_administrator_sees_how_the_server_is() {
        let desk = Desk::new();
        desk.approved(Lobby::Off);
        desk.at(0);
        desk.joins(1, 8, "a").await;
        let now = START.0;
        for (key, state, due, done) in [
            ("late", "due", now - 300_000, "NULL".to_owned()),
            ("due", "due", now - 299_999, "NULL".to_owned()),
            ("later", "due", now + 1, "NULL".to_owned()),
            ("failed", "failed", 0, (now - 1).to_string()),
            ("long ago", "failed", 0, (now - 24 * 3_600_000).to_string()),
            ("sent", "sent", 0, now.to_string()),
        ] {
            desk.sql(&format!(
                "INSERT INTO outbox (id, channel, dedupe_key, payload, due_at, state, created_at, done_at)
                 VALUES ('{key}', 'mail', '{key}', '{{}}', {due}, '{state}', 0, {done})"
            ));
        }
        let health = desk.scheduler.health(admin()).await.unwrap();
        let messages =
            QueueHealth { due: 2, late: 1, scheduled: 1, failed: 1, oldest_due_at: Some(UnixTime(now - 300_000)) };
        assert_eq!((health.messages, health.deliveries), (messages, QueueHealth::default()));
        assert_eq!((health.in_calls, health.waiting, health.files), (1, 0, 0));
        assert_eq!(health.users.get("customer"), Some(&3));
        assert_eq!(health.appointments.get("approved"), Some(&1));
        assert!(health.database_bytes + health.log_bytes > 0 && health.commits > 0);
        assert!(health.disk_bytes > health.disk_free_bytes && health.disk_free_bytes > Some(0), "{health:?}");
        assert_eq!(health.last_backup_at, None);
        note_backup(desk.scheduler.store().folder(), START).unwrap();
        assert_eq!(desk.scheduler.health(admin()).await.unwrap().last_backup_at, Some(START));
        for other in [customer(1), expert(8), Actor::Anonymous] {
            assert!(matches!(desk.scheduler.health(other).await, Err(Error::NotYours)));
        }
    }
}

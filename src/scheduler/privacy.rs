//! How long each class of data is kept. Administrators say so; a daily job deletes what is older.
//!
//! An age counts from the moment a thing came or ended, and where it belongs to an appointment, not before that is
//! over. What is exactly as old as it may be is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::backoffice::require_admin;
use super::{Error, Scheduler};
use crate::ids::{AppointmentId, FileId};
use crate::store::{Actor, RowExt, Tx};
use crate::units::{UnixTime, rfc3339};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Most days that anything is kept other than for ever.
pub const MAX_KEEP_DAYS: u32 = 36_500;
/// Rows in one transaction: nobody waits long for the writer.
const BATCH: usize = 500;
/// Call logs in one transaction; each has as many minutes as it lasted.
const BATCH_OF_LOGS: usize = 50;
/// Transactions for a class in one run. The next day takes more.
const BATCHES: usize = 1_000;
/// Days that the row of a deleted file is kept.
const DELETED_FILES: u32 = 7;

/// Data that has one age limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Who was in which call. Kept for ever unless somebody says otherwise.
    CallLogs,
    /// What was written in appointments: a year.
    Messages,
    /// Files of appointments: a year.
    Files,
    /// Notes of appointments: a year after their last change.
    Notes,
    /// Minutes of connections: half a year.
    Quality,
    /// Live events, for clients that come back: a week.
    Events,
    /// Deliveries to webhooks: a month.
    Deliveries,
    /// Mail, text messages and notifications that have gone: three months.
    Notifications,
    /// Sessions and links that have expired, tokens for rooms that have closed: two days.
    Sessions,
}

impl DataClass {
    /// Every class.
    pub const ALL: [DataClass; 9] = [
        DataClass::CallLogs,
        DataClass::Messages,
        DataClass::Files,
        DataClass::Notes,
        DataClass::Quality,
        DataClass::Events,
        DataClass::Deliveries,
        DataClass::Notifications,
        DataClass::Sessions,
    ];

    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            DataClass::CallLogs => "call_logs",
            DataClass::Messages => "messages",
            DataClass::Files => "files",
            DataClass::Notes => "notes",
            DataClass::Quality => "quality",
            DataClass::Events => "events",
            DataClass::Deliveries => "deliveries",
            DataClass::Notifications => "notifications",
            DataClass::Sessions => "sessions",
        }
    }

    /// Days that it is kept where nobody has said anything; 0 is for ever.
    pub const fn default_days(self) -> u32 {
        match self {
            DataClass::CallLogs => 0,
            DataClass::Messages | DataClass::Files | DataClass::Notes => 365,
            DataClass::Quality => 180,
            DataClass::Events => 7,
            DataClass::Deliveries => 30,
            DataClass::Notifications => 90,
            DataClass::Sessions => 2,
        }
    }

    /// Whether it may be kept for ever: what only serves the running of the server may not.
    pub const fn may_stay(self) -> bool {
        use DataClass::{CallLogs, Files, Messages, Notes, Quality};
        matches!(self, CallLogs | Messages | Files | Notes | Quality)
    }
}

/// How long a class of data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicy {
    /// Which.
    pub class: DataClass,
    /// Days; 0 is for ever.
    pub keep_days: u32,
    /// Days where nobody has said anything.
    pub default_days: u32,
    /// Whether it may be kept for ever.
    pub may_stay: bool,
    /// When somebody last said something.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<UnixTime>,
}

/// What a run has deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleared {
    /// Rows of each class of which there were any.
    pub rows: BTreeMap<DataClass, u64>,
    /// Files on the disk that belonged to nothing.
    pub orphans: u64,
}

impl Scheduler {
    /// How long each class of data is kept.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn retention(&self, actor: Actor) -> Result<Vec<RetentionPolicy>, Error> {
        require_admin(actor)?;
        self.read(actor, move |reader| {
            let sql = "SELECT keep_days, updated_at FROM admin_retention_policies WHERE class = ?1";
            let mut query = reader.prepare_cached(sql)?;
            let mut policies = Vec::new();
            for class in DataClass::ALL {
                let said: Option<(u32, UnixTime)> =
                    query.query_row([class.as_str()], |row| Ok((row.get(0)?, row.time(1)?))).optional()?;
                policies.push(RetentionPolicy {
                    class,
                    keep_days: said.map_or(class.default_days(), |(days, _)| days),
                    default_days: class.default_days(),
                    may_stay: class.may_stay(),
                    updated_at: said.map(|(_, at)| at),
                });
            }
            Ok(policies)
        })
        .await
    }

    /// Says how long a class of data is kept, from the next run on.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::Invalid`].
    pub async fn set_retention(&self, actor: Actor, class: DataClass, keep_days: u32) -> Result<(), Error> {
        require_admin(actor)?;
        if keep_days > MAX_KEEP_DAYS {
            return Err(Error::invalid("keepDays", format!("it is at most {MAX_KEEP_DAYS}")));
        }
        if keep_days == 0 && !class.may_stay() {
            return Err(Error::invalid("keepDays", format!("{} are not kept for ever", class.as_str())));
        }
        let now = self.now();
        self.write(move |tx| {
            tx.prepare_cached(
                "INSERT INTO retention_policies (class, keep_days, updated_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (class) DO UPDATE SET keep_days = excluded.keep_days, updated_at = excluded.updated_at",
            )?
            .execute((class.as_str(), keep_days, now.0))?;
            let detail = json!({ "class": class, "keepDays": keep_days });
            Ok(tx.audit(now, actor, "retention.set", "server", &detail)?)
        })
        .await
    }

    /// Deletes what is older than it is kept, some at a time. Called once a day.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; what was deleted until then is gone.
    pub async fn apply_retention(&self, now: UnixTime) -> Result<Cleared, Error> {
        let mut cleared = Cleared::default();
        for RetentionPolicy { class, keep_days, .. } in self.retention(Actor::System).await? {
            let mut rows = 0;
            if keep_days > 0 {
                rows += self.clear(class, now.minus(DAY * keep_days)).await?;
            }
            if class == DataClass::Files {
                self.clear_deleted(now.minus(DAY * DELETED_FILES)).await?;
            }
            if rows > 0 {
                cleared.rows.insert(class, rows);
            }
        }
        cleared.orphans = self.sweep_files(now).await? as u64;
        if cleared != Cleared::default() {
            let detail = json!(cleared);
            self.write(move |tx| Ok(tx.audit(now, Actor::System, "retention.applied", "server", &detail)?)).await?;
        }
        Ok(cleared)
    }

    async fn clear(&self, class: DataClass, before: UnixTime) -> Result<u64, Error> {
        let mut all = 0;
        for _ in 0..BATCHES {
            let batch = self.write(move |tx| clear(tx, class, before)).await?;
            all += batch.rows;
            let more = batch.more;
            self.remove_bytes(batch.files).await?;
            if !more {
                break;
            }
        }
        Ok(all)
    }

    /// Rows of files that were deleted go once nobody asks what has become of them.
    async fn clear_deleted(&self, before: UnixTime) -> Result<(), Error> {
        self.write(move |tx| {
            let sql = "DELETE FROM files WHERE deleted_at < ?1";
            tx.prepare_cached(sql)?.execute([before.0])?;
            Ok(())
        })
        .await
    }
}

/// What one transaction has deleted.
struct Batch {
    rows: u64,
    more: bool,
    files: Vec<(AppointmentId, FileId)>,
}

/// Things of appointments go by their own age, and not before the appointment has the same. `?1` is the time before
/// which, `?2` how many.
const MESSAGES: &str = "DELETE FROM messages WHERE id IN (
    SELECT m.id FROM messages m JOIN appointments a ON a.id = m.appointment_id
    WHERE m.sent_at < ?1 AND a.ends_at < ?1 AND a.status NOT IN ('hold', 'pending', 'approved', 'in_progress')
    ORDER BY m.sent_at LIMIT ?2)";
const NOTES: &str = "DELETE FROM notes WHERE id IN (
    SELECT n.id FROM notes n JOIN appointments a ON a.id = n.appointment_id
    WHERE n.created_at < ?1 AND n.updated_at < ?1 AND a.ends_at < ?1
      AND a.status NOT IN ('hold', 'pending', 'approved', 'in_progress') ORDER BY n.created_at LIMIT ?2)";
const FILES: &str = "DELETE FROM files WHERE id IN (
    SELECT f.id FROM files f JOIN appointments a ON a.id = f.appointment_id
    WHERE f.created_at < ?1 AND a.ends_at < ?1 AND a.status NOT IN ('hold', 'pending', 'approved', 'in_progress')
    ORDER BY f.created_at LIMIT ?2) RETURNING appointment_id, id";
const CALL_LOGS: &str = "DELETE FROM call_logs WHERE id IN (
    SELECT id FROM call_logs WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)";
const EVENTS: &str = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)";
/// What is still to be sent is not old.
const DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE created_at < ?1 AND state <> 'due' AND coalesce(done_at, created_at) < ?1
    ORDER BY created_at LIMIT ?2)";
const NOTIFICATIONS: &str = "DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE state <> 'due' AND done_at < ?1 ORDER BY done_at LIMIT ?2)";
const SESSIONS: &str = "DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
const LINKS: &str = "DELETE FROM login_tokens WHERE id IN (
    SELECT id FROM login_tokens WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
/// A room's tokens are needed for as long as its appointment is not over.
const ROOM_TOKENS: &str = "DELETE FROM room_tokens WHERE jti IN (
    SELECT t.jti FROM room_tokens t LEFT JOIN appointments a ON a.id = t.appointment_id
    WHERE t.issued_at < ?1 AND (a.id IS NULL OR a.status NOT IN ('hold', 'pending', 'approved', 'in_progress'))
    ORDER BY t.issued_at LIMIT ?2)";

fn clear(tx: &mut Tx<'_>, class: DataClass, before: UnixTime) -> Result<Batch, Error> {
    let sqls: &[&str] = match class {
        DataClass::Files => return clear_files(tx, before),
        DataClass::CallLogs => return clear_logs(tx, before),
        DataClass::Quality => return clear_quality(tx, before),
        DataClass::Messages => &[MESSAGES],
        DataClass::Notes => &[NOTES],
        DataClass::Events => &[EVENTS],
        DataClass::Deliveries => &[DELIVERIES],
        DataClass::Notifications => &[NOTIFICATIONS],
        DataClass::Sessions => &[SESSIONS, LINKS, ROOM_TOKENS],
    };
    let mut batch = Batch { rows: 0, more: false, files: Vec::new() };
    for sql in sqls {
        let gone = tx.prepare_cached(sql)?.execute((before.0, BATCH as i64))?;
        batch.rows += gone as u64;
        batch.more |= gone == BATCH;
    }
    Ok(batch)
}

fn clear_files(tx: &Tx<'_>, before: UnixTime) -> Result<Batch, Error> {
    let mut delete = tx.prepare_cached(FILES)?;
    let rows = delete.query_map((before.0, BATCH as i64), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let files: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(Batch { rows: files.len() as u64, more: files.len() == BATCH, files })
}

/// The database lets go of call logs only through its gate, which stands open within this transaction alone.
fn clear_logs(tx: &Tx<'_>, before: UnixTime) -> Result<Batch, Error> {
    tx.prepare_cached("INSERT INTO retention_gate (class, before) VALUES ('call_logs', ?1)")?.execute([before.0])?;
    let gone = tx.prepare_cached(CALL_LOGS)?.execute((before.0, BATCH_OF_LOGS as i64))?;
    tx.prepare_cached("DELETE FROM retention_gate")?.execute([])?;
    Ok(Batch { rows: gone as u64, more: gone == BATCH_OF_LOGS, files: Vec::new() })
}

/// Minutes go with the age of their call, all at once.
fn clear_quality(tx: &Tx<'_>, before: UnixTime) -> Result<Batch, Error> {
    let sql = "SELECT l.id FROM call_logs l WHERE l.ended_at < ?1
          AND EXISTS (SELECT 1 FROM call_quality q WHERE q.call_log_id = l.id) ORDER BY l.ended_at LIMIT ?2";
    let logs: Vec<String> = tx
        .prepare_cached(sql)?
        .query_map((before.0, BATCH_OF_LOGS as i64), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut delete = tx.prepare_cached("DELETE FROM call_quality WHERE call_log_id = ?1")?;
    let mut rows = 0;
    for log in &logs {
        rows += delete.execute([log])? as u64;
    }
    Ok(Batch { rows, more: logs.len() == BATCH_OF_LOGS, files: Vec::new() })
}

#[cfg(test)]
#[path = "privacy_tests.rs"]
mod tests;

//! The outbox's rows: which are due, and what became of them.

use rusqlite::{Connection, OptionalExtension};

use crate::ids::{AppointmentId, UserId};
use crate::store::{RowExt, StoreError, Tx};
use crate::units::UnixTime;

/// A row as it is when its turn comes.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) user: Option<UserId>,
    pub(super) appointment: Option<AppointmentId>,
    pub(super) payload: String,
    pub(super) attempts: u32,
    pub(super) first_tried_at: Option<UnixTime>,
    pub(super) created_at: UnixTime,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has gone.
    Sent,
    /// Nobody is to hear of it any more, and why.
    Dropped(&'static str),
    /// It cannot be sent.
    Failed(String),
    /// It could not be sent, and will be tried again.
    Again(String, UnixTime),
    /// It is not to be sent before.
    NotBefore(UnixTime),
}

/// The ids of rows that are due, longest due first.
pub(super) fn due(
    connection: &Connection,
    channel: &str,
    now: UnixTime,
    at_most: usize,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM system_outbox WHERE state = 'due' AND channel = ?1 AND due_at <= ?2
         ORDER BY due_at, id LIMIT ?3";
    let mut query = connection.prepare_cached(sql)?;
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    Ok(query.query_map((channel, now.0, at_most), |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// How many rows of each channel are due.
pub(super) fn lengths(connection: &Connection, now: UnixTime) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT channel, count(*) FROM system_outbox WHERE state = 'due' AND due_at <= ?1 GROUP BY channel";
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_map([now.0], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// The row, if it is still due.
pub(super) fn load(connection: &Connection, id: &str, now: UnixTime) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT user_id, appointment_id, payload, attempts, first_tried_at, created_at FROM system_outbox
         WHERE id = ?1 AND state = 'due' AND due_at <= ?2";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Row {
            user: row.get(0)?,
            appointment: row.get(1)?,
            payload: row.get(2)?,
            attempts: row.get(3)?,
            first_tried_at: row.maybe_time(4)?,
            created_at: row.time(5)?,
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row((id, now.0), read).optional()?)
}

/// Writes down what became of a row. Of one that is done only its kind stays: what it said may hold links that sign
/// in. A row that somebody else has dropped meanwhile stays as it is.
pub(super) fn settle(tx: &Tx<'_>, id: &str, outcome: &Outcome, now: UnixTime) -> Result<(), StoreError> {
    let done = "UPDATE outbox SET state = ?2, done_at = ?3, attempts = attempts + ?4, last_error = ?5,
           payload = json_object('kind', json_extract(payload, '$.kind'))
         WHERE id = ?1 AND state = 'due'";
    match outcome {
        Outcome::Sent => tx.prepare_cached(done)?.execute((id, "sent", now.0, 1, None::<&str>))?,
        Outcome::Dropped(why) => tx.prepare_cached(done)?.execute((id, "dropped", now.0, 0, Some(*why)))?,
        Outcome::Failed(why) => tx.prepare_cached(done)?.execute((id, "failed", now.0, 1, Some(why)))?,
        Outcome::Again(why, at) => tx
            .prepare_cached(
                "UPDATE outbox SET due_at = ?2, attempts = attempts + 1, last_error = ?3,
                   first_tried_at = coalesce(first_tried_at, ?4)
                 WHERE id = ?1 AND state = 'due'",
            )?
            .execute((id, at.0, why, now.0))?,
        Outcome::NotBefore(at) => {
            tx.prepare_cached("UPDATE outbox SET due_at = ?2 WHERE id = ?1 AND state = 'due'")?.execute((id, at.0))?
        }
    };
    Ok(())
}

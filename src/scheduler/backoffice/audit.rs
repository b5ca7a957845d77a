//! The audit log as administrators read it, and whether it is as it was written.

use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::require_admin;
use crate::scheduler::conditions::{Conditions, number, text};
use crate::scheduler::content::MOST;
use crate::scheduler::{Error, Scheduler};
use crate::store::{Actor, RowExt, audit_hash};
use crate::units::{UnixTime, rfc3339};

/// Rows that are checked in one question.
const CHUNK: i64 = 2_000;

/// What somebody did to something.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// Its number; each row has the one after that of the row before.
    pub seq: i64,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixTime,
    /// Who: `user:…`, `guest:…`, `anonymous` or `system`.
    pub actor: String,
    /// What, such as `appointment.approved`.
    pub action: String,
    /// To what, such as `appointment:…`.
    pub subject: String,
    /// What else there is to say.
    #[schema(value_type = Object)]
    pub detail: Value,
}

impl AuditRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            at: row.time("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            detail: row.json("detail")?,
        })
    }
}

/// Which rows are wanted; what is absent is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By whom.
    pub actor: Option<String>,
    /// What was done; `appointment.*` stands for all of a group.
    pub action: Option<String>,
    /// To what.
    pub subject: Option<String>,
    /// At this time or later.
    pub from: Option<UnixTime>,
    /// Before this time.
    pub to: Option<UnixTime>,
}

/// What came of checking the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditCheck {
    /// Rows that are as they were written, from the first on.
    pub rows: i64,
    /// The hash of the last of them: kept elsewhere, it also shows a log that was written anew from beginning to end.
    pub head: String,
    /// The first row that is not; none when all are.
    pub broken: Option<BrokenRow>,
}

/// A row that is not as it was written, or not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokenRow {
    /// Its number.
    pub seq: i64,
    /// It is gone; otherwise it, or one before it, was changed.
    pub missing: bool,
}

/// A row with what its hash covers, letter for letter.
struct Link {
    seq: i64,
    at: UnixTime,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    hash: String,
}

impl Scheduler {
    /// The audit log, the latest first. `before` is the number of the last row of the piece before.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn audit_log(
        &self,
        actor: Actor,
        filter: AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, Error> {
        require_admin(actor)?;
        let limit = limit.min(MOST);
        self.read(actor, move |reader| {
            let mut asked = Conditions::default();
            asked.and_some("actor = ?", filter.actor);
            asked.and_some("subject = ?", filter.subject);
            match filter.action {
                Some(action) if action.ends_with('*') => {
                    let start = action.trim_end_matches('*');
                    asked.and("substr(action, 1, length(?)) = ?", [text(start), text(start)]);
                }
                action => asked.and_some("action = ?", action),
            }
            if let Some(from) = filter.from {
                asked.and("at >= ?", [number(from.0)]);
            }
            if let Some(to) = filter.to {
                asked.and("at < ?", [number(to.0)]);
            }
            if let Some(before) = before {
                asked.and("seq < ?", [number(before)]);
            }
            let rest = format!("ORDER BY seq DESC LIMIT {limit}");
            asked.query(reader, "SELECT * FROM admin_audit_log", &rest, AuditRow::from_row)
        })
        .await
    }

    /// Checks every row of the audit log against the one before it, and names the first that is not as it was written.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn verify_audit(&self, actor: Actor) -> Result<AuditCheck, Error> {
        require_admin(actor)?;
        // The database remembers how many there were, also of those that are gone.
        let written: i64 = self
            .write(|tx| {
                let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_log'";
                Ok(tx.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
            })
            .await?;
        let mut check = AuditCheck { rows: 0, head: String::new(), broken: None };
        loop {
            let after = check.rows;
            let links = self.read(Actor::System, move |reader| chain(reader, after)).await?;
            let end = links.is_empty();
            for link in links {
                let expected = check.rows + 1;
                let hash = audit_hash(&check.head, link.at, &link.actor, &link.action, &link.subject, &link.detail);
                if link.seq != expected || hash != link.hash {
                    check.broken = Some(BrokenRow { seq: expected, missing: link.seq != expected });
                    return Ok(check);
                }
                check.rows = link.seq;
                check.head = hash;
            }
            if end {
                break;
            }
        }
        if check.rows < written {
            check.broken = Some(BrokenRow { seq: check.rows + 1, missing: true });
        }
        Ok(check)
    }
}

fn chain(reader: &rusqlite::Connection, after: i64) -> Result<Vec<Link>, Error> {
    let sql = "SELECT seq, at, actor, action, subject, detail, hash FROM system_audit_log
        WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut query = reader.prepare_cached(sql)?;
    let rows = query.query_map((after, CHUNK), |row| {
        Ok(Link {
            seq: row.get(0)?,
            at: row.time(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
            hash: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use serde_json::json;

    use super::*;
    use crate::scheduler::testing::*;

    /// A desk with a number of rows in its audit log, a second between them.
    async fn audited(rows: i64) -> Desk {
        let desk = Desk::new();
        let write = move |tx: &mut crate::store::Tx<'_>| -> Result<(), Error> {
            for number in 0..rows {
                let (actor, subject) = if number % 2 == 0 { (admin(), "server") } else { (Actor::System, "nothing") };
                let detail = json!({ "number": number });
                let action = if number % 3 == 0 { "test.third" } else { "test.other" };
                tx.audit(UnixTime(START.0 + number * 1_000), actor, action, subject, &detail)?;
            }
            Ok(())
        };
        desk.scheduler.write(write).await.unwrap();
        desk
    }

    /// Changes the log as somebody with a shell would, past all that stands in the way.
    fn tamper(desk: &Desk, sql: &str) {
        let connection = Connection::open(desk.scheduler.store().folder().database()).unwrap();
        connection.execute_batch("DROP TRIGGER audit_log_update; DROP TRIGGER audit_log_delete;").unwrap();
        connection.execute_batch(sql).unwrap();
    }

    #[tokio::test]
    async fn a_log_that_nobody_touched_holds_from_beginning_to_end() {
        let empty = Desk::new().scheduler.verify_audit(admin()).await.unwrap();
        assert_eq!(empty, AuditCheck { rows: 0, head: String::new(), broken: None });
        let desk = audited(CHUNK + 5).await;
        let check = desk.scheduler.verify_audit(admin()).await.unwrap();
        assert_eq!((check.rows, check.broken), (CHUNK + 5, None));
        assert_eq!(check.head, desk.value::<String>("SELECT hash FROM audit_log ORDER BY seq DESC LIMIT 1"));
        assert!(matches!(desk.scheduler.verify_audit(expert(8)).await, Err(Error::NotYours)));
    }

    #[tokio::test]
    async fn whatever_is_changed_or_taken_away_is_found_at_its_place() {
        for (sql, seq, missing) in [
            ("UPDATE audit_log SET actor = 'user:somebody' WHERE seq = 4", 4, false),
            ("UPDATE audit_log SET at = at + 1 WHERE seq = 1", 1, false),
            ("UPDATE audit_log SET detail = '{}' WHERE seq = 10", 10, false),
            ("UPDATE audit_log SET action = 'x', hash = lower(hex(randomblob(32))) WHERE seq = 3", 3, false),
            ("DELETE FROM audit_log WHERE seq = 5", 5, true),
            ("DELETE FROM audit_log WHERE seq = 1", 1, true),
            ("DELETE FROM audit_log WHERE seq >= 8", 8, true),
            ("DELETE FROM audit_log", 1, true),
            // One row in another's place, with the numbers in order.
            ("DELETE FROM audit_log WHERE seq = 5; UPDATE audit_log SET seq = seq - 1 WHERE seq > 5", 5, false),
            ("UPDATE audit_log SET detail = '{\"number\": 1}' WHERE seq = 2", 2, false),
        ] {
            let desk = audited(10).await;
            tamper(&desk, sql);
            let check = desk.scheduler.verify_audit(admin()).await.unwrap();
            assert_eq!(check.broken, Some(BrokenRow { seq, missing }), "{sql}");
            assert_eq!(check.rows, seq - 1, "{sql}");
        }
    }

    #[tokio::test]
    async fn the_log_is_read_in_pieces_and_by_who_what_and_when() {
        let desk = audited(9).await;
        let read = |filter: AuditFilter, before| desk.scheduler.audit_log(admin(), filter, before, 4);
        let all = AuditFilter::default();
        let first = read(all.clone(), None).await.unwrap();
        let second = read(all.clone(), first.last().map(|row| row.seq)).await.unwrap();
        let third = read(all.clone(), second.last().map(|row| row.seq)).await.unwrap();
        let seqs: Vec<_> = [first, second, third].iter().flatten().map(|row| row.seq).collect();
        assert_eq!(seqs, (1..=9).rev().collect::<Vec<_>>());
        let count = |filter| async { read(filter, None).await.unwrap().len() };
        assert_eq!(count(AuditFilter { action: Some("test.third".into()), ..all.clone() }).await, 3);
        assert_eq!(count(AuditFilter { action: Some("test.*".into()), ..all.clone() }).await, 4);
        assert_eq!(count(AuditFilter { action: Some("te_t.*".into()), ..all.clone() }).await, 0);
        assert_eq!(count(AuditFilter { actor: Some("system".into()), ..all.clone() }).await, 4);
        assert_eq!(
            count(AuditFilter { subject: Some("server".into()), actor: Some("system".into()), ..all.clone() }).await,
            0
        );
        let (from, to) = (UnixTime(START.0 + 2_000), UnixTime(START.0 + 4_000));
        let rows = read(AuditFilter { from: Some(from), to: Some(to), ..all.clone() }, None).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.detail["number"].as_i64()).collect::<Vec<_>>(), [Some(3), Some(2)]);
        for other in [customer(1), expert(8), Actor::Anonymous] {
            assert!(matches!(desk.scheduler.audit_log(other, all.clone(), None, 9).await, Err(Error::NotYours)));
        }
    }
}

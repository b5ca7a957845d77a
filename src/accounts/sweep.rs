//! What has had its time goes.

use std::time::Duration;

use super::{Accounts, AccountsError, links};
use crate::ids::RecordId;
use crate::store::Tx;
use crate::units::UnixTime;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// For so long whoever opens an old link is told that it was used, rather than that there is none.
const KEEP_LINKS: Duration = DAY;
const KEEP_SESSIONS: Duration = DAY;
const KEEP_GUEST_LINKS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Most rows of a kind at a time: nobody waits long for the writer. The next sweep takes more.
const AT_A_TIME: i64 = 500;

/// What a sweep has taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Links to sign in, reset and verify.
    pub links: usize,
    /// Sessions that had ended.
    pub sessions: usize,
    /// Guest links.
    pub guest_links: usize,
}

impl Accounts {
    /// Deletes what has expired, some at a time.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Store`].
    pub async fn sweep(&self) -> Result<Swept, AccountsError> {
        let now = self.now();
        self.store().write(move |tx| sweep(tx, now)).await
    }
}

fn sweep(tx: &mut Tx<'_>, now: UnixTime) -> Result<Swept, AccountsError> {
    let sql = "DELETE FROM login_tokens WHERE id IN (
           SELECT id FROM login_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING id";
    let gone: Vec<RecordId> = tx
        .prepare_cached(sql)?
        .query_map((now.minus(KEEP_LINKS).0, AT_A_TIME), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    gone.iter().try_for_each(|link| links::forget_mail(tx, *link))?;
    let sql = "DELETE FROM sessions WHERE id IN (
           SELECT id FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
    let expired = tx.prepare_cached(sql)?.execute((now.minus(KEEP_SESSIONS).0, AT_A_TIME))?;
    let sql = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE revoked_at <= ?1 LIMIT ?2)";
    let revoked = tx.prepare_cached(sql)?.execute((now.minus(KEEP_SESSIONS).0, AT_A_TIME))?;
    let sql = "DELETE FROM guest_links WHERE id IN (
           SELECT id FROM guest_links WHERE expires_at <= ?1 LIMIT ?2) RETURNING id";
    let guest_links: Vec<RecordId> = tx
        .prepare_cached(sql)?
        .query_map((now.minus(KEEP_GUEST_LINKS).0, AT_A_TIME), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    guest_links.iter().try_for_each(|link| links::forget_mail(tx, *link))?;
    Ok(Swept { links: gone.len(), sessions: expired + revoked, guest_links: guest_links.len() })
}

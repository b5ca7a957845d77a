//! The key by which push services know this server. Browsers subscribe with its public half, so it is made once and
//! kept in the database.

use rusqlite::OptionalExtension;

use crate::config::Secret;
use crate::notify::push::{NotAKey, VapidKey};
use crate::store::{Store, StoreError};
use crate::units::UnixTime;

/// Its name among the settings; what begins with `secret.` is shown to nobody.
const NAME: &str = "secret.vapid_key";

/// There is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is none, or could not be made.
    #[error(transparent)]
    Key(#[from] NotAKey),
    /// The database does not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The server's key, made now if there is none yet.
///
/// # Errors
///
/// [`KeyError`].
pub async fn vapid_key(store: &Store, now: UnixTime) -> Result<VapidKey, KeyError> {
    let made = VapidKey::generate()?.secret()?;
    let kept = store
        .write(move |tx| {
            // Two that start at once end up with the same one.
            tx.prepare_cached(
                "INSERT INTO settings (key, value, updated_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute((NAME, made.reveal(), now.0))?;
            let sql = "SELECT value FROM settings WHERE key = ?1";
            let kept: Option<String> = tx.prepare_cached(sql)?.query_row([NAME], |row| row.get(0)).optional()?;
            Ok::<_, StoreError>(kept.unwrap_or_default())
        })
        .await?;
    Ok(VapidKey::from_secret(&Secret::new(kept))?)
}

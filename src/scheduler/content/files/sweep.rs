//! Bytes without a row: what a crash, a lost connection or a failed deletion has left on the disk.

use std::collections::HashMap;
use std::time::Duration;

use super::upload::blocking;
use super::{File, SELECT, StoredFile, disk};
use crate::ids::{AppointmentId, FileId, UserId};
use crate::scheduler::content::files::disk::{Found, Place, failed};
use crate::scheduler::{Error, Scheduler};
use crate::store::Actor;
use crate::units::UnixTime;

/// No upload takes as long as this: what has no row by then never will.
const ORPHANED: Duration = Duration::from_secs(24 * 3600);
/// Most files that one export names.
const MOST_EXPORTED: i64 = 10_000;

impl Scheduler {
    /// Removes bytes that belong to no file. How many files' there were.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn sweep_files(&self, now: UnixTime) -> Result<usize, Error> {
        let files = self.store().folder().files();
        let listed = files.clone();
        let appointments = blocking(move || disk::appointments(&listed)).await?.map_err(|error| failed(&error))?;
        let mut removed = 0;
        for appointment in appointments {
            let listed = files.clone();
            let found = blocking(move || disk::found(&listed, appointment)).await?;
            let Ok(found) = found else { continue };
            let orphans = self.orphans(appointment, found, now).await?;
            removed += orphans.len();
            self.remove_bytes(orphans).await?;
        }
        Ok(removed)
    }

    /// What of it belongs to no file: its row says that it was deleted, or there is none and will be none.
    async fn orphans(
        &self,
        appointment: AppointmentId,
        found: Vec<Found>,
        now: UnixTime,
    ) -> Result<Vec<(AppointmentId, FileId)>, Error> {
        self.read(Actor::System, move |reader| {
            let sql = "SELECT id, deleted_at IS NOT NULL FROM system_files WHERE appointment_id = ?1";
            let mut query = reader.prepare_cached(sql)?;
            let rows: HashMap<FileId, bool> =
                query.query_map([appointment], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let is_orphan = |it: &Found| match rows.get(&it.id) {
                Some(deleted) => *deleted,
                None => now.since(it.begun) >= ORPHANED,
            };
            Ok(found.into_iter().filter(is_orphan).map(|it| (appointment, it.id)).collect())
        })
        .await
    }

    /// What somebody has put into appointments: for an export of everything that is known of a person.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for anybody but the person, administrators and the server itself.
    pub async fn export_of(&self, actor: Actor, user: UserId) -> Result<Vec<StoredFile>, Error> {
        may_ask_for(actor, user)?;
        let files = self.store().folder().files();
        self.read(Actor::System, move |reader| {
            let sql = format!("{SELECT} WHERE s.user_id = ?1 ORDER BY f.created_at, f.id LIMIT ?2");
            let mut query = reader.prepare_cached(&sql)?;
            let mut found = Vec::new();
            for file in query.query_map((user, MOST_EXPORTED), File::from_row)? {
                let file = file?;
                let path = Place::new(&files, file.appointment_id, file.id).whole();
                found.push(StoredFile { file, path });
            }
            Ok(found)
        })
        .await
    }

    /// Deletes what somebody has put into appointments, bytes and all: goes with the erasure of the account. How many
    /// files there were.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] as for [`Self::export_of`], [`Error::Store`].
    pub async fn scrub(&self, actor: Actor, user: UserId) -> Result<usize, Error> {
        may_ask_for(actor, user)?;
        let now = self.now();
        let gone: Vec<(AppointmentId, FileId)> = self
            .write(move |tx| {
                let sql = "UPDATE files SET deleted_at = coalesce(deleted_at, ?2), name = 'erased'
                    WHERE seat_id IN (SELECT id FROM seats WHERE user_id = ?1) RETURNING appointment_id, id";
                let mut update = tx.prepare_cached(sql)?;
                let rows = update.query_map((user, now.0), |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let count = gone.len();
        self.remove_bytes(gone).await?;
        Ok(count)
    }
}

fn may_ask_for(actor: Actor, user: UserId) -> Result<(), Error> {
    let may = actor.user() == Some(user) || actor.is_admin() || actor == Actor::System;
    if may { Ok(()) } else { Err(Error::NotFound) }
}

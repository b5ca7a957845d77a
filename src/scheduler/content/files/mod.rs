//! Files of an appointment: what is known of them in the database, their bytes in the data folder.

mod disk;
mod kind;
mod name;
mod sweep;
mod upload;

pub use name::display_name;
pub use upload::Upload;

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use self::disk::Place;
use self::upload::{NO_ROOM, blocking};
use super::Party;
use crate::ids::{AppointmentId, FileId, SeatId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::Appointment;
use crate::scheduler::{Error, Scheduler};
use crate::store::{Actor, RowExt, Tx};
use crate::units::{UnixTime, rfc3339};

/// Most files of one appointment.
pub const MAX_FILES: u64 = 100;
/// Most bytes of one appointment's files together.
pub const MAX_FILES_SIZE: u64 = 200_000_000;

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Id.
    pub id: FileId,
    /// Of which appointment.
    pub appointment_id: AppointmentId,
    /// Who has put it there.
    pub seat_id: SeatId,
    /// The name of who has put it there.
    pub uploader_name: String,
    /// What it is called; never part of a path.
    pub name: String,
    /// What it is, by its content.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// When it came.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
}

/// A file with the place of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// What is known of it.
    pub file: File,
    /// Where its bytes are.
    pub path: PathBuf,
}

/// Files that are there, with the names of who has put them there.
const SELECT: &str = "SELECT f.*, s.name AS uploader_name FROM my_files f JOIN my_seats s ON s.id = f.seat_id";

impl File {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            appointment_id: row.get("appointment_id")?,
            seat_id: row.get("seat_id")?,
            uploader_name: row.get("uploader_name")?,
            name: row.get("name")?,
            content_type: row.get("content_type")?,
            size: row.count("size")?,
            sha256: row.get("sha256")?,
            created_at: row.time("created_at")?,
        })
    }

    fn load(connection: &Connection, appointment: AppointmentId, id: FileId) -> Result<Self, Error> {
        let mut query = connection.prepare_cached(&format!("{SELECT} WHERE f.id = ?1 AND f.appointment_id = ?2"))?;
        query.query_row((id, appointment), Self::from_row).optional()?.ok_or(Error::NotFound)
    }
}

impl Scheduler {
    /// The files of an appointment, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn files(&self, actor: Actor, id: AppointmentId) -> Result<Vec<File>, Error> {
        self.read(actor, move |reader| {
            Appointment::load(reader, id)?;
            let sql = format!("{SELECT} WHERE f.appointment_id = ?1 ORDER BY f.created_at, f.id LIMIT ?2");
            let mut query = reader.prepare_cached(&sql)?;
            Ok(query.query_map((id, MAX_FILES as i64), File::from_row)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A file and where its bytes are, for those who have a seat. What is in it is not the administrators' business.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`], [`crate::scheduler::Denied::Removed`].
    pub async fn file(&self, actor: Actor, appointment: AppointmentId, id: FileId) -> Result<StoredFile, Error> {
        let files = self.store().folder().files();
        self.read(actor, move |reader| {
            Party::load(reader, actor, appointment)?;
            let file = File::load(reader, appointment, id)?;
            Ok(StoredFile { file, path: Place::new(&files, appointment, id).whole() })
        })
        .await
    }

    /// Deletes a file: who has put it there may, and the expert.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`].
    pub async fn delete_file(&self, actor: Actor, appointment: AppointmentId, id: FileId) -> Result<(), Error> {
        let now = self.now();
        self.write(move |tx| {
            let party = Party::load(tx, actor, appointment)?;
            let file = File::load(tx, appointment, id)?;
            if file.seat_id != party.seat.id && !party.is_host() {
                return Err(Error::NotYours);
            }
            tx.prepare_cached("UPDATE files SET deleted_at = ?2 WHERE id = ?1")?.execute((id, now.0))?;
            let detail = json!({ "content": "file", "action": "removed", "fileId": id });
            Change::new(Kind::Content, &party.appointment, actor).detail(detail).record(tx, now)
        })
        .await?;
        self.remove_bytes(vec![(appointment, id)]).await
    }

    /// Removes bytes whose rows say that they are gone. What cannot be removed now is found by the sweep.
    pub(in crate::scheduler) async fn remove_bytes(&self, gone: Vec<(AppointmentId, FileId)>) -> Result<(), Error> {
        let files = self.store().folder().files();
        blocking(move || {
            for (appointment, id) in gone {
                if let Err(error) = Place::new(&files, appointment, id).remove() {
                    tracing::warn!(%error, file = %id, "a file that was deleted is still on the disk; the daily sweep tries again");
                }
                disk::remove_if_empty(&files, appointment);
            }
        })
        .await
    }
}

/// Whether an appointment takes another file of a size.
fn room_for(tx: &Tx<'_>, appointment: AppointmentId, size: u64) -> Result<(), Error> {
    let sql = "SELECT count(*), coalesce(sum(size), 0) FROM files WHERE appointment_id = ?1 AND deleted_at IS NULL";
    let (files, bytes): (u64, u64) =
        tx.prepare_cached(sql)?.query_row([appointment], |row| Ok((row.count(0)?, row.count(1)?)))?;
    if files >= MAX_FILES || bytes.saturating_add(size) > MAX_FILES_SIZE { Err(NO_ROOM.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;

//! A file on its way in. Bytes go to a file beside, which takes its place once it is whole, checked and on the disk;
//! then its row is written. Whatever ends this earlier leaves nothing, and what a crash leaves the sweep removes.

use std::fs::File as DiskFile;
use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::disk::{Place, failed};
use super::kind::{self, Glimpse};
use super::name::{display_name, with_ending};
use super::{File, MAX_FILES, MAX_FILES_SIZE, room_for};
use crate::ids::{AppointmentId, FileId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::content::Party;
use crate::scheduler::{Error, Scheduler, UploadError};
use crate::store::{Actor, StoreError, hex};

/// Bytes that are gathered before they are handed to the disk.
const GATHERED: usize = 256 * 1024;

/// A file on its way in. Dropping it gives it up.
pub struct Upload {
    scheduler: Scheduler,
    actor: Actor,
    appointment: AppointmentId,
    id: FileId,
    name: String,
    declared: Option<String>,
    size: u64,
    gathered: Vec<u8>,
    /// None once something has failed.
    sink: Option<Sink>,
    place: Place,
    _permit: OwnedSemaphorePermit,
}

/// What is done with the bytes, on a thread that may wait.
struct Sink {
    file: DiskFile,
    hash: Context,
    glimpse: Glimpse,
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.glimpse.see(bytes);
        self.file.write_all(bytes)
    }
}

impl Scheduler {
    /// Begins to take in a file. `content_type` is what the client says of it; empty where it says nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for administrators, [`crate::scheduler::Conflict::WrongStatus`],
    /// [`Error::Upload`], and [`StoreError::Busy`] when too many come in at once.
    pub async fn begin_upload(
        &self,
        actor: Actor,
        appointment: AppointmentId,
        name: &str,
        content_type: &str,
    ) -> Result<Upload, Error> {
        let now = self.now();
        let declared = kind::canonical(content_type)?;
        if let Some(declared) = &declared
            && !kind::is_among(&self.settings().files.types, declared)
        {
            return Err(UploadError::TypeNotAllowed(declared.clone()).into());
        }
        let permit = self.inner.uploads.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let id = self
            .write(move |tx| {
                let party = Party::load(tx, actor, appointment)?;
                party.must_take_content()?;
                room_for(tx, appointment, 1)?;
                Ok(FileId::new(now, tx.rng()))
            })
            .await?;
        let place = Place::new(&self.store().folder().files(), appointment, id);
        let created = place.clone();
        let file = blocking(move || created.create()).await?.map_err(|error| failed(&error))?;
        Ok(Upload {
            scheduler: self.clone(),
            actor,
            appointment,
            id,
            name: display_name(name),
            declared,
            size: 0,
            gathered: Vec::new(),
            sink: Some(Sink { file, hash: Context::new(&SHA256), glimpse: Glimpse::default() }),
            place,
            _permit: permit,
        })
    }
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Upload`] as soon as it is known that the file will not be taken, [`StoreError::Full`],
    /// [`StoreError::Io`]; nothing is left of it then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let limit = self.scheduler.settings().files.max_size.0;
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > limit {
            self.give_up();
            return Err(UploadError::TooLarge { limit }.into());
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED { self.flush().await } else { Ok(()) }
    }

    /// Everything has come: checks it and gives it to the appointment.
    ///
    /// # Errors
    ///
    /// As [`Self::write`] and [`Scheduler::begin_upload`].
    pub async fn finish(mut self) -> Result<File, Error> {
        if self.size == 0 {
            return Err(UploadError::Empty.into());
        }
        self.flush().await?;
        let Some(Sink { mut file, hash, glimpse }) = self.sink.take() else { return Err(given_up()) };
        let (declared, place) = (self.declared.clone(), self.place.clone());
        let types = self.scheduler.settings().files.types.clone();
        let decided = blocking(move || -> io::Result<Result<String, UploadError>> {
            let kind = glimpse.decide(declared.as_deref(), &mut file)?;
            let kind = kind.and_then(|kind| {
                if kind::is_among(&types, &kind) { Ok(kind) } else { Err(UploadError::TypeNotAllowed(kind)) }
            });
            if kind.is_ok() {
                place.keep(&file)?;
            }
            Ok(kind)
        });
        let content_type = match decided.await? {
            Ok(decided) => decided?,
            Err(error) => {
                let _ = self.place.remove();
                return Err(failed(&error));
            }
        };
        let stored = self.store(content_type, hex(hash.finish().as_ref())).await;
        // Where the store has died nobody knows whether the row is there; the sweep will.
        if let Err(error) = &stored
            && !matches!(error, Error::Store(StoreError::Closed))
        {
            let _ = self.place.remove();
        }
        stored
    }

    /// Writes the row. From here on this may be dropped without harm: the row decides.
    async fn store(&self, content_type: String, sha256: String) -> Result<File, Error> {
        let (actor, appointment, id, size) = (self.actor, self.appointment, self.id, self.size);
        let now = self.scheduler.now();
        let name = with_ending(&self.name, &content_type);
        self.scheduler
            .write(move |tx| {
                // What has changed while the bytes came in counts.
                let party = Party::load(tx, actor, appointment)?;
                party.must_take_content()?;
                room_for(tx, appointment, size)?;
                tx.prepare_cached(
                    "INSERT INTO files (id, appointment_id, seat_id, name, content_type, size, sha256, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute((
                    id,
                    appointment,
                    party.seat.id,
                    &name,
                    &content_type,
                    size as i64,
                    &sha256,
                    now.0,
                ))?;
                let detail = json!({ "content": "file", "action": "added", "fileId": id });
                Change::new(Kind::Content, &party.appointment, actor).detail(detail).record(tx, now)?;
                File::load(tx, appointment, id)
            })
            .await
    }

    /// Hands what has gathered to the disk.
    async fn flush(&mut self) -> Result<(), Error> {
        let mut sink = self.sink.take().ok_or_else(given_up)?;
        let bytes = std::mem::take(&mut self.gathered);
        let (sink, bytes, taken) = blocking(move || {
            let taken = sink.take(&bytes);
            (sink, bytes, taken)
        })
        .await?;
        let checked = taken.map_err(|error| failed(&error)).and_then(|()| {
            let known = sink.glimpse.is_full();
            if known { Ok(sink.glimpse.check_beginning(self.declared.as_deref())?) } else { Ok(()) }
        });
        if let Err(error) = checked {
            self.give_up();
            return Err(error);
        }
        self.gathered = bytes;
        self.gathered.clear();
        self.sink = Some(sink);
        Ok(())
    }

    fn give_up(&mut self) {
        self.sink = None;
        self.gathered = Vec::new();
        self.place.discard_part();
    }

    /// Lets every further byte meet a full disk.
    #[cfg(test)]
    pub(super) fn fill_the_disk(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.file = DiskFile::options().write(true).open("/dev/full").expect("Linux has it");
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // What is whole has another name by now.
        self.place.discard_part();
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("id", &self.id).field("size", &self.size).finish_non_exhaustive()
    }
}

fn given_up() -> Error {
    StoreError::Io("the upload was given up before".into()).into()
}

/// Does something that waits for the disk.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Store(StoreError::Internal(format!("a thread of the disk's has died: {error}"))))
}

/// The limit of an appointment's files.
pub(super) const NO_ROOM: UploadError = UploadError::NoRoom { files: MAX_FILES, bytes: MAX_FILES_SIZE };

//! Floor 1 of the office wing: SQLite. One writer thread that commits in groups, readers that show each actor its
//! own rows, migrations, backup.
//!
//! Every write is a closure over a [`Tx`]: it is stored whole or not at all, and its caller hears of it once it is on
//! the disk. Every read is a closure over a [`Reader`], on behalf of an [`Actor`].

mod actor;
mod backup;
mod error;
mod open;
mod read;
mod schema;
mod tx;
mod values;
mod write;

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;
use tokio::sync::watch;

pub use actor::{Actor, Role, UnknownRole};
pub use backup::{BackupError, backup, last_backup, note_backup, restore};
pub use error::{OpenError, StoreError};
pub use open::{DataFolder, Disk, FolderLock};
pub use read::Reader;
pub use tx::{Audience, Channel, Outgoing, Tx, audit_hash, hex};
pub use values::{InOrder, RowExt};
pub use write::WriteCounters;

use read::Readers;
use write::Writer;

/// An open database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Taken when the store is closed; the thread ends with the last one.
    writer: Option<Writer>,
    thread: Option<std::thread::JoinHandle<()>>,
    readers: Readers,
    stirred: watch::Receiver<u64>,
    counters: Arc<WriteCounters>,
    folder: DataFolder,
    /// None beside another process, which has it.
    _lock: Option<FolderLock>,
}

impl Store {
    /// Opens the database of a folder, making both where they are missing, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`], whose text says what to do.
    pub fn open(folder: &DataFolder, readers: usize) -> Result<Self, OpenError> {
        let lock = folder.lock()?;
        Self::start(folder, open::writer(folder)?, readers, Some(lock))
    }

    /// Opens the database of a folder that another process holds, to read and write beside it. SQLite lets one of them
    /// write at a time, and each sees what the other has stored. Nobody there is woken by what is stored here: mail
    /// and live events leave when the other process looks next.
    ///
    /// # Errors
    ///
    /// [`OpenError`], also where the other process is of another version.
    pub fn open_beside(folder: &DataFolder, readers: usize) -> Result<Self, OpenError> {
        Self::start(folder, open::beside(folder)?, readers, None)
    }

    fn start(
        folder: &DataFolder,
        connection: Connection,
        readers: usize,
        lock: Option<FolderLock>,
    ) -> Result<Self, OpenError> {
        let path = folder.database();
        let other = |source| OpenError::Other { path: path.clone(), source };
        let (stir, stirred) = watch::channel(0);
        let counters = Arc::new(WriteCounters::default());
        // Ids and secrets must not be guessable: the seed comes from the system.
        let rng: StdRng = StdRng::from_rng(&mut rand::rng());
        let (writer, thread) = Writer::start(connection, lock.is_some(), rng, stir, Arc::clone(&counters))
            .map_err(|error| other(StoreError::Internal(format!("no thread: {error}"))))?;
        let readers = Readers::start(&path, readers).map_err(other)?;
        let inner = Inner {
            writer: Some(writer),
            thread: Some(thread),
            readers,
            stirred,
            counters,
            folder: folder.clone(),
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Does a piece of writing, whole or not at all. The answer comes when it is on the disk.
    ///
    /// # Errors
    ///
    /// What the work returns, or [`StoreError`] where the database does not play along.
    pub async fn write<T, E>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(work)?.await.map_err(|_| StoreError::Closed)?
    }

    /// [`Self::write`] for threads outside the runtime.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn write_blocking<T, E>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(work)?.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Asks on behalf of an actor, who sees its own rows only. One query sees one state of the database.
    ///
    /// # Errors
    ///
    /// What the query returns, or [`StoreError`].
    pub async fn read<T, E>(
        &self,
        actor: Actor,
        query: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.readers.submit(actor, query)?.await.map_err(|_| StoreError::Closed)?
    }

    /// [`Self::read`] for threads outside the runtime.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_blocking<T, E>(
        &self,
        actor: Actor,
        query: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.readers.submit(actor, query)?.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Changes whenever something was stored that goes outward: live events, mail, webhooks.
    pub fn stirred(&self) -> watch::Receiver<u64> {
        self.inner.stirred.clone()
    }

    /// How the writer fares.
    pub fn counters(&self) -> &WriteCounters {
        &self.inner.counters
    }

    /// Where it lies.
    pub fn folder(&self) -> &DataFolder {
        &self.inner.folder
    }

    fn submit<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<tokio::sync::oneshot::Receiver<Result<T, E>>, StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let writer = self.inner.writer.as_ref().ok_or(StoreError::Closed)?;
        writer.submit(&self.inner.counters, work)
    }
}

impl Drop for Inner {
    /// What was acknowledged is on the disk already; this waits for the log to be folded into the file.
    fn drop(&mut self) {
        self.writer = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the database's thread had died");
        }
    }
}

#[cfg(test)]
mod tests;

//! The files of a data folder, and connections to its database.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use super::Actor;
use super::error::{OpenError, StoreError};
use super::schema::{MIGRATIONS, make_views, migrate};

/// How long a statement waits for another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;

/// The name of the database in its folder.
const DATABASE: &str = "visavis.db";
const LOCK: &str = "lock";

/// How much a disk holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What can still be written.
    pub free: u64,
    /// All of it.
    pub size: u64,
}

/// The folder that holds everything an installation knows: one thing to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Where the files of appointments are.
    pub fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// The disk that it is on; none where the system does not say.
    pub fn disk(&self) -> Option<Disk> {
        let told = rustix::fs::statvfs(&self.0).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Some(Disk { free: bytes(told.f_bavail), size: bytes(told.f_blocks) })
    }

    /// Makes the folder, readable by its owner alone, and holds it for this process until the lock is dropped.
    ///
    /// # Errors
    ///
    /// [`OpenError::Folder`] or [`OpenError::InUse`].
    pub fn lock(&self) -> Result<FolderLock, OpenError> {
        let failed = |source| OpenError::Folder { path: self.0.clone(), source };
        make(&self.0).map_err(failed)?;
        let file = File::create(self.0.join(LOCK)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: self.0.clone() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Holds a data folder for this process.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The connection that writes, with the schema up to date and the file found sound.
pub(super) fn writer(folder: &DataFolder) -> Result<Connection, OpenError> {
    let path = folder.database();
    let other = |source: rusqlite::Error| open_error(&path, source.into());
    if path.exists() {
        // Nothing is written to a file before it is known to be sound and ours.
        let connection = reader(&path).map_err(|source| open_error(&path, source))?;
        check(&connection, &path)?;
        refuse_newer(&connection, &path)?;
    }
    let mut connection = Connection::open(&path).map_err(other)?;
    connection.execute_batch("PRAGMA journal_mode = WAL;").map_err(other)?;
    prepare(&connection).map_err(other)?;
    migrate(&mut connection).map_err(|error| {
        open_error(&path, StoreError::Internal(format!("the schema cannot be brought up to date: {error}")))
    })?;
    make_seeing(&connection).map_err(other)?;
    Ok(connection)
}

/// A connection that writes beside the server that holds the folder. It changes neither schema nor settings of the
/// file, and works only where both know the same schema.
pub(super) fn beside(folder: &DataFolder) -> Result<Connection, OpenError> {
    let path = folder.database();
    let other = |source: rusqlite::Error| open_error(&path, source.into());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(other)?;
    prepare(&connection).map_err(other)?;
    refuse_newer(&connection, &path)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(other)?;
    if found < MIGRATIONS.len() as i64 {
        let text = "an older version of visavis is running on it; stop that one, or use that one's commands";
        return Err(open_error(&path, StoreError::Internal(text.into())));
    }
    make_seeing(&connection).map_err(other)?;
    Ok(connection)
}

/// The same names as readers have, so that what reads rows reads them on a writing connection as well, and all of them.
fn make_seeing(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("actor_kind", 0, flags, |_| Ok(Actor::System.kind()))?;
    connection.create_scalar_function("actor_id", 0, flags, |_| Ok(Actor::System.id()))?;
    make_views(connection).map(drop)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

/// What every connection has: SQLite forgets these with the connection.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; PRAGMA synchronous = FULL;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA mmap_size = 268435456;",
    )
}

/// SQLite's own check of the file.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let corrupt = |detail: String| OpenError::Corrupt { path: path.to_owned(), detail };
    let found: Result<String, _> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match found.map_err(StoreError::from) {
        Ok(word) if word == "ok" => Ok(()),
        Ok(detail) | Err(StoreError::Corrupt(detail)) => Err(corrupt(detail)),
        Err(source) => Err(open_error(path, source)),
    }
}

fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|source| open_error(path, source.into()))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(OpenError::TooNew { path: path.to_owned(), found, known });
    }
    Ok(())
}

fn open_error(path: &Path, source: StoreError) -> OpenError {
    match source {
        StoreError::Corrupt(detail) => OpenError::Corrupt { path: path.to_owned(), detail },
        source => OpenError::Other { path: path.to_owned(), source },
    }
}

//! Copies of a data folder, made while a server goes on using it, and the way back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, StoreError};
use super::open::{self, DataFolder};
use crate::units::UnixTime;

/// Pages copied at a time; writers go on between two steps.
const PAGES: i32 = 512;
const PAUSE: Duration = Duration::from_millis(5);

/// Why a copy was not made, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database in {}; name the data folder by --data-dir", .0.display())]
    Nothing(PathBuf),
    /// The target is there already.
    #[error("{} exists already; choose a new name", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database does not let itself be copied.
    #[error("the database cannot be copied: {0}")]
    Store(#[from] StoreError),
    /// The folder is in use, or the copy is damaged.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Copies the database and the files of `folder` into the new folder `target`. `progress` hears of pages done and
/// pages in all.
///
/// # Errors
///
/// [`BackupError`]; what was copied until then is left for inspection.
pub fn backup(folder: &DataFolder, target: &Path, mut progress: impl FnMut(u32, u32)) -> Result<(), BackupError> {
    let source_path = folder.database();
    if !source_path.is_file() {
        return Err(BackupError::Nothing(folder.path().to_owned()));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    fs::create_dir_all(target).map_err(|source| failed(target, source))?;
    let copy = DataFolder::new(target);
    let source = open::reader(&source_path)?;
    let mut target = Connection::open(copy.database()).map_err(StoreError::from)?;
    {
        let backup = Backup::new(&source, &mut target).map_err(StoreError::from)?;
        loop {
            let step = backup.step(PAGES).map_err(StoreError::from)?;
            let state = backup.progress();
            let (all, left) = (state.pagecount.max(0) as u32, state.remaining.max(0) as u32);
            progress(all - left.min(all), all);
            if step == StepResult::Done {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
    // A copy is one file: it needs no log beside it.
    target.execute_batch("PRAGMA journal_mode = DELETE;").map_err(StoreError::from)?;
    open::check(&target, &copy.database())?;
    drop(target);
    copy_folder(&folder.files(), &copy.files())
}

/// The file that says when the folder was last copied.
const LAST_BACKUP: &str = "last-backup";

/// Notes in a folder that it has been copied.
///
/// # Errors
///
/// [`BackupError::File`]; the copy is none the worse for it.
pub fn note_backup(folder: &DataFolder, at: UnixTime) -> Result<(), BackupError> {
    let path = folder.path().join(LAST_BACKUP);
    fs::write(&path, at.0.to_string()).map_err(|source| failed(&path, source))
}

/// When a folder was last copied, as far as it knows.
pub fn last_backup(folder: &DataFolder) -> Option<UnixTime> {
    let text = fs::read_to_string(folder.path().join(LAST_BACKUP)).ok()?;
    text.trim().parse().ok().map(UnixTime)
}

/// Puts the copy in `source` in the place of what is in `folder`, which is kept beside under the name returned.
///
/// # Errors
///
/// [`BackupError`], when a server uses the folder or the copy is damaged; nothing has been changed then.
pub fn restore(source: &Path, folder: &DataFolder, stamp: &str) -> Result<Option<PathBuf>, BackupError> {
    let copy = DataFolder::new(source);
    if !copy.database().is_file() {
        return Err(BackupError::Nothing(source.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(copy.database(), flags).map_err(StoreError::from)?;
    open::check(&connection, &copy.database())?;
    drop(connection);
    let _lock = folder.lock()?;

    // First beside, then in place: a restore that breaks off leaves what there was.
    let fresh = folder.path().join(format!("restoring-{stamp}"));
    fs::create_dir_all(&fresh).map_err(|source| failed(&fresh, source))?;
    let staged = DataFolder::new(&fresh);
    copy_file(&copy.database(), &staged.database())?;
    copy_folder(&copy.files(), &staged.files())?;

    let kept = folder.path().join(format!("before-restore-{stamp}"));
    let had = folder.database().exists();
    if had {
        fs::create_dir_all(&kept).map_err(|source| failed(&kept, source))?;
        let database = folder.database();
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", database.display()));
        for old in [database.clone(), beside("-wal"), beside("-shm"), folder.files()] {
            if let (true, Some(name)) = (old.exists(), old.file_name()) {
                move_to(&old, &kept.join(name))?;
            }
        }
    }
    move_to(&staged.database(), &folder.database())?;
    if staged.files().exists() {
        move_to(&staged.files(), &folder.files())?;
    }
    // Empty by now; a leftover does no harm.
    let _ = fs::remove_dir_all(&fresh);
    Ok(had.then_some(kept))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to).map_err(|source| failed(to, source))?;
    for entry in fs::read_dir(from).map_err(|source| failed(from, source))? {
        let entry = entry.map_err(|source| failed(from, source))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_folder(&path, &target)? } else { copy_file(&path, &target)? }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::copy(from, to).map(drop).map_err(|source| failed(from, source))
}

fn move_to(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(from, to).map_err(|source| failed(from, source))
}

fn failed(path: &Path, source: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), source }
}

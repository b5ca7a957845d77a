//! Where the bytes of files lie: `files/<appointment>/<file>`, both names being ids of ours. While they come in they
//! have an ending, and what a crash leaves behind is found by its name and its age.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::ids::{AppointmentId, FileId};
use crate::scheduler::Error;
use crate::store::StoreError;
use crate::units::UnixTime;

/// Ending of what is not whole yet.
const PART: &str = "part";
/// Files of one appointment that are looked at in one go.
const MANY: usize = 10_000;

/// The bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    folder: PathBuf,
    id: FileId,
}

impl Place {
    pub(super) fn new(files: &Path, appointment: AppointmentId, id: FileId) -> Self {
        Self { folder: files.join(appointment.to_string()), id }
    }

    /// Where they are once they are whole.
    pub(super) fn whole(&self) -> PathBuf {
        self.folder.join(self.id.to_string())
    }

    fn part(&self) -> PathBuf {
        self.folder.join(format!("{}.{PART}", self.id))
    }

    /// Begins to write them. Nobody but this server's user reads them.
    pub(super) fn create(&self) -> io::Result<File> {
        let open = || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.part());
        for _ in 0..3 {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            match open() {
                // The sweep has just taken an empty folder away.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => return other,
            }
        }
        open()
    }

    /// Everything is there: it is put on the disk and in its place.
    pub(super) fn keep(&self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(self.part(), self.whole())?;
        sync_folder(&self.folder)?;
        self.folder.parent().map_or(Ok(()), sync_folder)
    }

    /// Removes what there is of them.
    pub(super) fn remove(&self) -> io::Result<()> {
        for path in [self.part(), self.whole()] {
            remove_file(&path)?;
        }
        Ok(())
    }

    /// Gives up writing them. What cannot be removed now is found by the sweep.
    pub(super) fn discard_part(&self) {
        let _ = remove_file(&self.part());
    }
}

/// A rename is on the disk when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What the disk says, as the database says it: whoever asks needs to know of a full one.
pub(super) fn failed(error: &io::Error) -> Error {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let error = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => StoreError::Full,
        _ => StoreError::Io(error.to_string()),
    };
    error.into()
}

/// Folders of appointments that have files.
pub(super) fn appointments(files: &Path) -> io::Result<Vec<AppointmentId>> {
    let entries = match fs::read_dir(files) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    // What has another name was put there by somebody else, and is left alone.
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Something that lies in an appointment's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: FileId,
    /// When it was begun, which its name says.
    pub(super) begun: UnixTime,
}

/// What there is of an appointment's files, whole or not.
pub(super) fn found(files: &Path, appointment: AppointmentId) -> io::Result<Vec<Found>> {
    let entries = fs::read_dir(files.join(appointment.to_string()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let read = |name: String| {
        let name = name.strip_suffix(PART).and_then(|it| it.strip_suffix('.')).unwrap_or(&name);
        let uuid: uuid::Uuid = name.parse().ok()?;
        let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
        let begun = UnixTime((seconds * 1_000 + u64::from(nanos) / 1_000_000) as i64);
        Some(Found { id: FileId::from_uuid(uuid), begun })
    };
    Ok(names.filter_map(read).take(MANY).collect())
}

/// Removes an appointment's folder if nothing is left in it.
pub(super) fn remove_if_empty(files: &Path, appointment: AppointmentId) {
    // One that is not empty is not removed, which is what is wanted.
    let _ = fs::remove_dir(files.join(appointment.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let full = |kind: ErrorKind| matches!(failed(&kind.into()), Error::Store(StoreError::Full));
        assert!(full(ErrorKind::StorageFull) && full(ErrorKind::QuotaExceeded) && full(ErrorKind::FileTooLarge));
        assert!(matches!(failed(&ErrorKind::PermissionDenied.into()), Error::Store(StoreError::Io(_))));
    }

    #[test]
    fn the_age_of_what_lies_about_is_in_its_name() {
        use rand::SeedableRng;
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let folder = tempfile::tempdir().unwrap();
        let appointment: AppointmentId = format!("00000000-0000-7000-8002-{:012}", 1).parse().unwrap();
        let begun = UnixTime(1_799_658_000_123);
        let (whole, part) = (FileId::new(begun, &mut rng), FileId::new(begun, &mut rng));
        let place = Place::new(folder.path(), appointment, whole);
        place.keep(&place.create().unwrap()).unwrap();
        Place::new(folder.path(), appointment, part).create().unwrap();
        fs::write(place.folder.join("README"), "somebody else's").unwrap();
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        assert_eq!(appointments(folder.path()).unwrap(), [appointment]);
        let mut ids: Vec<FileId> = Vec::new();
        for it in found(folder.path(), appointment).unwrap() {
            assert_eq!(it.begun, begun);
            ids.push(it.id);
        }
        ids.sort_unstable();
        let mut expected = [whole, part];
        expected.sort_unstable();
        assert_eq!(ids, expected);
        assert!(appointments(&folder.path().join("no")).unwrap().is_empty());
        remove_if_empty(folder.path(), appointment);
        assert!(place.whole().exists());
    }
}

//! What can go wrong with the database.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why a piece of work was not done. Nothing of it has been stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database itself refuses it: the word that a trigger raised, such as `slot_taken`.
    #[error("refused by the database: {0}")]
    Refused(String),
    /// A CHECK, UNIQUE, NOT NULL or foreign key says no. The text names the constraint.
    #[error("a constraint does not hold: {0}")]
    Constraint(String),
    /// No such row.
    #[error("no such row")]
    NotFound,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The disk does not do what it should.
    #[error("the disk fails: {0}")]
    Io(String),
    /// Somebody else holds the database, or too much waits for it.
    #[error("the database is busy")]
    Busy,
    /// The file is damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The store has been closed, or its thread has died.
    #[error("the database is closed")]
    Closed,
    /// A fault of ours, in SQL or in Rust.
    #[error("internal error: {0}")]
    Internal(String),
}

impl StoreError {
    /// Whether the same may succeed later, with nothing changed by the caller.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full | Self::Io(_) | Self::Busy | Self::Corrupt(_) | Self::Closed)
    }

    /// The word that a trigger raised.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused(word) => Some(word),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let E::SqliteFailure(code, message) = &error else {
            return match error {
                E::QueryReturnedNoRows => Self::NotFound,
                other => Self::Internal(other.to_string()),
            };
        };
        let text = message.clone().unwrap_or_else(|| error.to_string());
        match code.code {
            ErrorCode::ConstraintViolation if code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER => {
                Self::Refused(text)
            }
            ErrorCode::ConstraintViolation => Self::Constraint(text),
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(text),
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly => Self::Io(text),
            _ => Self::Internal(text),
        }
    }
}

/// Why a database cannot be used at all. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or written.
    #[error("cannot use the data folder {}: {source}; make it, and let this user write in it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error(
        "{} is in use by another visavis; stop that one, or choose another data_dir", path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "the database {} is damaged ({detail}); put a backup in its place by `visavis restore`, the damaged file is kept",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the check found first.
        detail: String,
    },
    /// A newer version has used it.
    #[error(
        "the database {} was used by a newer version (schema {found}, this one knows {known}); use that version, or restore an older backup",
        path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Anything else.
    #[error("the database {} cannot be opened: {source}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
}

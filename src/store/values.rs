//! Rust values in SQLite and back.

use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Row, RowIndex};

use super::Role;
use crate::ids::{
    AppointmentId, CallLogId, DeliveryId, FileId, MessageId, NoteId, OutboxId, RecordId, SeatId, ServiceId, SessionId,
    UserId, WebhookId,
};
use crate::units::UnixTime;

macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.to_string()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(|error| FromSqlError::Other(Box::new(error)))
            }
        }
    )*};
}

as_text!(
    AppointmentId,
    CallLogId,
    DeliveryId,
    FileId,
    MessageId,
    NoteId,
    OutboxId,
    RecordId,
    SeatId,
    ServiceId,
    SessionId,
    UserId,
    WebhookId,
    Role
);

/// Columns that SQLite has no type for.
pub trait RowExt {
    /// A time, held as milliseconds.
    ///
    /// # Errors
    ///
    /// When the column is no integer.
    fn time(&self, column: impl RowIndex) -> rusqlite::Result<UnixTime>;

    /// A time or NULL.
    ///
    /// # Errors
    ///
    /// When the column is no integer.
    fn maybe_time(&self, column: impl RowIndex) -> rusqlite::Result<Option<UnixTime>>;

    /// A count or a size: SQLite knows signed numbers only.
    ///
    /// # Errors
    ///
    /// When the column is no integer, or a negative one.
    fn count(&self, column: impl RowIndex) -> rusqlite::Result<u64>;

    /// A word that `T` reads.
    ///
    /// # Errors
    ///
    /// When it does not.
    fn word<T: FromStr>(&self, column: impl RowIndex) -> rusqlite::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static;

    /// A JSON text.
    ///
    /// # Errors
    ///
    /// When it does not fit `T`.
    fn json<T: serde::de::DeserializeOwned>(&self, column: impl RowIndex) -> rusqlite::Result<T>;
}

impl RowExt for Row<'_> {
    fn time(&self, column: impl RowIndex) -> rusqlite::Result<UnixTime> {
        self.get(column).map(UnixTime)
    }

    fn maybe_time(&self, column: impl RowIndex) -> rusqlite::Result<Option<UnixTime>> {
        self.get::<_, Option<i64>>(column).map(|time| time.map(UnixTime))
    }

    fn count(&self, column: impl RowIndex) -> rusqlite::Result<u64> {
        let number: i64 = self.get(column)?;
        u64::try_from(number)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(error)))
    }

    fn word<T: FromStr>(&self, column: impl RowIndex) -> rusqlite::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text: String = self.get(column)?;
        text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, column: impl RowIndex) -> rusqlite::Result<T> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    }
}

/// A row whose columns are read in their order. SQLite finds a column by comparing names one after the other, which
/// for rows as wide as ours is most of reading them; here the names are for whoever reads the code, and for tests,
/// which hold them to the query.
pub struct InOrder<'row, 'stmt> {
    row: &'row Row<'stmt>,
    next: usize,
}

impl<'row, 'stmt> InOrder<'row, 'stmt> {
    /// The row, before its first column.
    pub fn of(row: &'row Row<'stmt>) -> Self {
        Self { row, next: 0 }
    }

    fn next(&mut self, name: &str) -> usize {
        let column = self.next;
        self.next += 1;
        debug_assert_eq!(self.row.as_ref().column_name(column), Ok(name), "columns are read in their order");
        column
    }

    /// The next column, of that name.
    ///
    /// # Errors
    ///
    /// When it is no `T`.
    pub fn get<T: FromSql>(&mut self, name: &str) -> rusqlite::Result<T> {
        self.row.get(self.next(name))
    }

    /// As [`RowExt::time`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn time(&mut self, name: &str) -> rusqlite::Result<UnixTime> {
        self.row.time(self.next(name))
    }

    /// As [`RowExt::maybe_time`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn maybe_time(&mut self, name: &str) -> rusqlite::Result<Option<UnixTime>> {
        self.row.maybe_time(self.next(name))
    }

    /// As [`RowExt::word`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn word<T: FromStr>(&mut self, name: &str) -> rusqlite::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.row.word(self.next(name))
    }
}

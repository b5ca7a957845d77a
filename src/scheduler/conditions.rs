//! Queries whose conditions depend on what is asked for.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::Error;

/// Conditions that all hold, with the values in them. The texts are ours; what came from outside is among the values.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// One more, with a value for each of its question marks.
    pub(super) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    /// One more, if there is something to compare with.
    pub(super) fn and_some<T: ToString>(&mut self, condition: &str, value: Option<T>) {
        if let Some(value) = value {
            self.and(condition, [text(value)]);
        }
    }

    /// What `select` finds under these conditions, in the order and up to the number that `rest` says.
    pub(super) fn query<T>(
        self,
        connection: &Connection,
        select: &str,
        rest: &str,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut query = connection.prepare_cached(&format!("{select}{} {rest}", self.sql))?;
        Ok(query.query_map(params_from_iter(self.values), row)?.collect::<Result<_, _>>()?)
    }
}

/// An id or a word as the database holds it.
pub(super) fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

/// A number or a time.
pub(super) fn number(value: i64) -> Value {
    Value::Integer(value)
}

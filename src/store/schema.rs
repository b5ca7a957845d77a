//! The schema: migrations for the file, views for readers.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

/// Forward only. A migration that has been released is never changed; what changes is a new one behind it.
pub(super) const MIGRATIONS: &[&str] = &[concat!(
    include_str!("schema/people.sql"),
    include_str!("schema/appointments.sql"),
    include_str!("schema/calls.sql"),
    include_str!("schema/outward.sql"),
)];

/// Temporary views, one set for each reading connection.
const VIEWS: &str = include_str!("schema/views.sql");

/// Brings a file up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), rusqlite_migration::Error> {
    Migrations::new(MIGRATIONS.iter().map(|sql| M::up(sql)).collect()).to_latest(connection)
}

/// Makes the views and names them all: what a reader may read.
pub(super) fn make_views(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.execute_batch(VIEWS)?;
    for table in base_tables(connection)? {
        let column: String =
            connection
                .query_row("SELECT name FROM pragma_table_info(?1) ORDER BY pk LIMIT 1", [&table], |row| row.get(0))?;
        // SQLite asks the authorizer about a table of which no column is used as if there were no view.
        let sql = format!(
            "CREATE TEMP VIEW system_{table} AS SELECT * FROM main.{table}
             WHERE actor_kind() = 'system' AND typeof({column}) <> ''"
        );
        connection.execute_batch(&sql)?;
    }
    let mut views = connection.prepare("SELECT name FROM temp.sqlite_master WHERE type = 'view'")?;
    views.query_map([], |row| row.get(0))?.collect()
}

/// Every table of the file.
pub(super) fn base_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

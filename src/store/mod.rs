//! Floor 1 of the office wing: SQLite. One writer thread that commits in groups, readers that show each actor its
//! own rows, migrations, backup.

mod actor;

pub use actor::{Actor, Role, UnknownRole};

//! What the database knows too, and must know alike.

use rusqlite::Error;

use super::*;
use crate::store::{DataFolder, Store, StoreError};

#[test]
fn the_database_has_the_same_state_machine() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DataFolder::new(folder.path()), 1).unwrap();
    let mut rows = store
        .write_blocking(|tx| {
            let mut query = tx.prepare("SELECT from_status, to_status FROM appointment_transitions")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok::<_, StoreError>(rows.collect::<Result<Vec<(String, String)>, Error>>()?)
        })
        .unwrap();
    let mut table: Vec<_> = TRANSITIONS.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect();
    rows.sort();
    table.sort();
    assert_eq!(rows, table);
}

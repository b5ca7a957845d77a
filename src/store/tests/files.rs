//! The data folder: locks, damage, copies.

use std::fs;

use super::*;

#[test]
fn a_folder_serves_one_process_at_a_time() {
    let office = Office::new();
    let folder = DataFolder::new(office.folder.path());
    let second = Store::open(&folder, 1).map(drop).unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    let Office { store, folder: kept } = office;
    drop(store);
    Store::open(&folder, 1).unwrap();
    drop(kept);
}

#[test]
fn another_process_works_beside_the_one_that_holds_the_folder_and_both_see_all() {
    let office = Office::new();
    let data = DataFolder::new(office.folder.path());
    let beside = Store::open_beside(&data, 1).unwrap();
    let write = |store: &Store, key: String| {
        store.write_blocking::<(), StoreError>(move |tx| {
            tx.execute("INSERT INTO settings VALUES (?1, 'v', 0)", [key]).map(drop).map_err(StoreError::from)
        })
    };
    std::thread::scope(|scope| {
        for (name, store) in [("here", &office.store), ("beside", &beside)] {
            scope.spawn(move || (0..100).for_each(|number| write(store, format!("{name}{number}")).unwrap()));
        }
    });
    for store in [&office.store, &beside] {
        let count = |reader: &Reader<'_>| {
            Ok::<i64, StoreError>(reader.query_row("SELECT count(*) FROM system_settings", [], |row| row.get(0))?)
        };
        assert_eq!(store.read_blocking(Actor::System, count).unwrap(), 200);
    }
    drop(beside);
    write(&office.store, "after".into()).unwrap();
    // The folder is still held.
    assert!(matches!(Store::open(&data, 1).map(drop).unwrap_err(), OpenError::InUse { .. }));
}

#[test]
fn nothing_is_made_or_migrated_beside_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::new(folder.path());
    assert!(Store::open_beside(&data, 1).is_err());
    assert!(!data.database().exists());
    drop(Store::open(&data, 1).unwrap());
    for version in [0, 999] {
        let connection = Connection::open(data.database()).unwrap();
        connection.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
        assert!(Store::open_beside(&data, 1).is_err(), "{version}");
    }
}

#[test]
fn a_damaged_database_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::new(folder.path());
    drop(Store::open(&data, 1).unwrap());
    let mut bytes = fs::read(data.database()).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0xA5);
    fs::write(data.database(), &bytes).unwrap();
    let error = Store::open(&data, 1).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("visavis restore"), "{error}");
    assert_eq!(fs::read(data.database()).unwrap().len(), bytes.len(), "the damaged file is kept");

    fs::write(data.database(), b"this is no database, it is a letter to a friend, and rather long at that").unwrap();
    assert!(matches!(Store::open(&data, 1).map(drop).unwrap_err(), OpenError::Corrupt { .. }));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::new(folder.path());
    drop(Store::open(&data, 1).unwrap());
    Connection::open(data.database()).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    assert!(matches!(Store::open(&data, 1).map(drop).unwrap_err(), OpenError::TooNew { found: 999, .. }));
}

#[test]
fn a_copy_is_made_while_the_store_is_written_and_comes_back_whole() {
    let office = Office::new();
    let data = DataFolder::new(office.folder.path());
    office.book(1, 1, 8, 0, "approved").unwrap();
    fs::create_dir_all(data.files()).unwrap();
    fs::write(data.files().join("one"), b"a file").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy");
    let mut told = (0, 0);
    backup(&data, &copy, |done, all| told = (done, all)).unwrap();
    assert!(told.0 == told.1 && told.1 > 0, "{told:?}");
    assert!(matches!(backup(&data, &copy, |_, _| ()), Err(BackupError::Exists(_))));

    office.book(2, 2, 8, 2 * HOUR, "approved").unwrap();
    assert!(matches!(restore(&copy, &data, "t"), Err(BackupError::Open(OpenError::InUse { .. }))));
    let Office { store, folder } = office;
    drop(store);
    let kept = restore(&copy, &data, "t").unwrap().unwrap();
    assert!(kept.join("visavis.db").is_file());
    let store = Store::open(&data, 1).unwrap();
    let count = store
        .read_blocking::<i64, StoreError>(Actor::System, |reader| {
            Ok(reader.query_row("SELECT count(*) FROM system_appointments", [], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(count, 1);
    assert_eq!(fs::read(data.files().join("one")).unwrap(), b"a file");
    drop((store, folder));
}

#[test]
fn a_damaged_copy_is_not_put_in_place() {
    let office = Office::new();
    let data = DataFolder::new(office.folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("visavis.db"), vec![7; 10_000]).unwrap();
    drop(office.store);
    assert!(restore(elsewhere.path(), &data, "t").is_err());
    Store::open(&data, 1).unwrap();
    assert!(matches!(restore(&elsewhere.path().join("no"), &data, "t"), Err(BackupError::Nothing(_))));
}

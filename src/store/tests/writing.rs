//! The writer: groups, savepoints, failures.

use std::sync::atomic::Ordering;

use super::*;
use crate::units::UnixTime;

#[test]
fn a_piece_that_fails_leaves_the_others_of_its_group_alone() {
    let office = Office::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut waiting = Vec::new();
        for number in 0..200_i64 {
            let store = office.store.clone();
            waiting.push(tokio::spawn(async move {
                store
                    .write::<i64, StoreError>(move |tx| {
                        tx.execute("INSERT INTO settings VALUES (?1, 'v', 0)", [format!("k{number}")])?;
                        if number % 3 == 0 { Err(StoreError::NotFound) } else { Ok(number) }
                    })
                    .await
            }));
        }
        for (number, handle) in waiting.into_iter().enumerate() {
            assert_eq!(handle.await.unwrap().is_ok(), number % 3 != 0, "{number}");
        }
    });
    assert_eq!(office.value::<i64>("SELECT count(*) FROM settings"), 133);
    let counters = office.store.counters();
    assert!(counters.commits.load(Ordering::Relaxed) < counters.pieces.load(Ordering::Relaxed), "nothing was grouped");
}

#[test]
fn work_that_panics_is_undone_and_the_next_goes_on() {
    let office = Office::new();
    let result = office.store.write_blocking::<(), StoreError>(|tx| {
        tx.execute("INSERT INTO settings VALUES ('k', 'v', 0)", [])?;
        panic!("on purpose");
    });
    assert!(matches!(result, Err(StoreError::Internal(text)) if text.contains("on purpose")));
    assert_eq!(office.value::<i64>("SELECT count(*) FROM settings"), 0);
    let result = office.store.read_blocking::<(), StoreError>(Actor::System, |_| panic!("on purpose"));
    assert!(matches!(result, Err(StoreError::Internal(_))));
    office.store.read_blocking::<(), StoreError>(Actor::System, |_| Ok(())).unwrap();
}

#[test]
fn a_disk_without_room_refuses_the_group_and_loses_nothing_that_was_acknowledged() {
    let office = Office::new();
    office.sql("INSERT INTO settings VALUES ('kept', 'v', 0)");
    // A file that may not grow stands for a disk that is full.
    let pages: i64 = office.value("SELECT * FROM pragma_page_count");
    office.value::<i64>(&format!("PRAGMA max_page_count = {pages}"));
    let big = "x".repeat(200_000);
    let result = office.store.write_blocking::<(), StoreError>(move |tx| {
        tx.execute("INSERT INTO settings VALUES ('big', ?1, 0)", [big]).map(drop).map_err(StoreError::from)
    });
    assert!(result.as_ref().is_err_and(StoreError::is_passing), "{result:?}");
    office.value::<i64>("PRAGMA max_page_count = 1000000");
    office.sql("INSERT INTO settings VALUES ('after', 'v', 0)");
    assert_eq!(office.value::<String>("SELECT group_concat(key) FROM settings"), "after,kept");
}

#[test]
fn a_database_that_somebody_else_holds_answers_busy_and_recovers() {
    let office = Office::new();
    let other = outsider(&office);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let result = office.try_sql("INSERT INTO settings VALUES ('k', 'v', 0)");
    assert!(matches!(result, Err(StoreError::Busy)), "{result:?}");
    other.execute_batch("ROLLBACK").unwrap();
    office.sql("INSERT INTO settings VALUES ('k', 'v', 0)");
}

#[test]
fn whoever_waits_for_the_outbox_is_woken_by_what_goes_outward_and_by_nothing_else() {
    let office = Office::new();
    let mut stirred = office.store.stirred();
    stirred.mark_unchanged();
    office.sql("INSERT INTO settings VALUES ('k', 'v', 0)");
    assert!(!stirred.has_changed().unwrap());
    let to = Audience::User(person(1).parse().unwrap());
    office.store.write_blocking(move |tx| tx.emit(UnixTime(T0), to, "test", &serde_json::json!({}))).unwrap();
    // The answer comes before the waking.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(std::time::Duration::from_secs(5), stirred.changed()).await.unwrap().unwrap();
    });
}

#[test]
fn each_audit_row_covers_the_one_before() {
    let office = Office::new();
    for number in 0..3 {
        let detail = serde_json::json!({ "number": number });
        let write = move |tx: &mut Tx<'_>| tx.audit(UnixTime(T0 + number), Actor::System, "count", "things", &detail);
        office.store.write_blocking(write).unwrap();
    }
    let rows: Vec<(i64, String, String)> = office
        .store
        .write_blocking(|tx| {
            let mut statement =
                tx.prepare("SELECT at, detail, hash FROM audit_log ORDER BY seq").map_err(StoreError::from)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<_, _>>().map_err(StoreError::from)
        })
        .unwrap();
    let mut previous = String::new();
    for (at, detail, hash) in rows {
        assert_eq!(audit_hash(&previous, UnixTime(at), "system", "count", "things", &detail), hash);
        previous = hash;
    }
}

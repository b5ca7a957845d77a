//! Readers see their own rows, and no table.

use super::*;

fn count(office: &Office, actor: Actor, sql: &str) -> Result<i64, StoreError> {
    let sql = sql.to_owned();
    office
        .store
        .read_blocking(actor, move |reader| reader.query_row(&sql, [], |row| row.get(0)).map_err(StoreError::from))
}

#[test]
fn base_tables_are_closed_to_every_actor_whatever_the_query_looks_like() {
    let office = Office::new();
    let tables: Vec<String> = schema::base_tables(&outsider(&office)).unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    for actor in
        [Actor::Anonymous, user(1, Role::Customer), user(8, Role::Expert), user(10, Role::Admin), Actor::System]
    {
        for table in &tables {
            for sql in [
                format!("SELECT count(*) FROM {table}"),
                format!("SELECT count(*) FROM main.{table}"),
                format!("SELECT (SELECT count(rowid) FROM {table}) FROM my_users"),
                format!("WITH t AS (SELECT * FROM {table}) SELECT count(*) FROM t"),
            ] {
                assert!(count(&office, actor, &sql).is_err(), "{actor:?}: {sql}");
            }
        }
        for sql in ["SELECT count(*) FROM sqlite_master", "DELETE FROM users", "PRAGMA user_version", "ATTACH 'x' AS x"]
        {
            assert!(count(&office, actor, sql).is_err(), "{actor:?}: {sql}");
        }
    }
}

#[test]
fn an_appointment_is_seen_by_its_two_sides_and_by_administrators() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    let seen = |actor| count(&office, actor, "SELECT count(*) FROM my_appointments").unwrap();
    assert_eq!(seen(user(1, Role::Customer)), 1);
    assert_eq!(seen(user(8, Role::Expert)), 1);
    assert_eq!(seen(user(10, Role::Admin)), 1);
    assert_eq!(seen(Actor::System), 1);
    for stranger in [Actor::Anonymous, user(2, Role::Customer), user(9, Role::Expert)] {
        assert_eq!(seen(stranger), 0, "{stranger:?}");
    }
    // The busy time is everybody's, without anything about whose it is.
    assert_eq!(count(&office, Actor::Anonymous, "SELECT count(*) FROM public_busy").unwrap(), 1);
}

#[test]
fn what_a_customer_agreed_to_is_seen_by_that_one_and_by_whom_it_was_given_to() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    let guest = format!("00000000-0000-7000-8003-{:012}", 1);
    office.sql(&format!(
        "INSERT INTO seats (id, appointment_id, guest_name, role, created_at) VALUES ('{guest}', '{}', 'Gast', 'observer', {T0});
         INSERT INTO consents (seat_id, version, text, agreed_at) SELECT id, 'booking-1', 'I agree', {T0} FROM seats
           WHERE role = 'client'",
        appointment(1)
    ));
    let seen = |actor| count(&office, actor, "SELECT count(*) FROM my_consents").unwrap();
    for knows in [user(1, Role::Customer), user(8, Role::Expert), user(10, Role::Admin), Actor::System] {
        assert_eq!(seen(knows), 1, "{knows:?}");
    }
    for stranger in
        [Actor::Anonymous, user(2, Role::Customer), user(9, Role::Expert), Actor::Guest(guest.parse().unwrap())]
    {
        assert_eq!(seen(stranger), 0, "{stranger:?}");
    }
    for sql in [
        "UPDATE consents SET text = 'Something else'",
        "UPDATE consents SET version = 'booking-2'",
        "UPDATE consents SET agreed_at = agreed_at - 1",
        "DELETE FROM consents",
    ] {
        assert_eq!(office.refusal(sql), "consents_stand", "{sql}");
    }
    office.sql("UPDATE consents SET text = ''");
}

#[test]
fn a_guest_sees_the_appointment_of_the_seat_and_an_account_is_no_seat() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    office.book(2, 2, 9, 0, "approved").unwrap();
    let seat = format!("00000000-0000-7000-8003-{:012}", 1);
    office.sql(&format!(
        "INSERT INTO seats (id, appointment_id, guest_name, role, created_at) VALUES ('{seat}', '{}', 'Gast', 'observer', {T0})",
        appointment(1)
    ));
    let guest = Actor::Guest(seat.parse().unwrap());
    assert_eq!(count(&office, guest, "SELECT count(*) FROM my_appointments").unwrap(), 1);
    assert_eq!(count(&office, guest, "SELECT count(*) FROM my_seats").unwrap(), 3);
    for none in ["my_users", "my_sessions", "my_call_logs", "my_push_subscriptions", "admin_audit_log"] {
        assert_eq!(count(&office, guest, &format!("SELECT count(*) FROM {none}")).unwrap(), 0, "{none}");
    }
    office.sql(&format!("UPDATE seats SET removed_at = {T0} WHERE id = '{seat}'"));
    assert_eq!(count(&office, guest, "SELECT count(*) FROM my_appointments").unwrap(), 0);
    // An account's id in the place of a seat's opens nothing.
    let forged = Actor::Guest(person(1).parse().unwrap());
    assert_eq!(count(&office, forged, "SELECT count(*) FROM my_users").unwrap(), 0);
}

#[test]
fn what_only_the_server_needs_is_empty_for_everybody_else() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    for actor in [Actor::Anonymous, user(1, Role::Customer), user(10, Role::Admin)] {
        for view in ["system_users", "system_appointments", "system_seats"] {
            assert_eq!(count(&office, actor, &format!("SELECT count(*) FROM {view}")).unwrap(), 0, "{actor:?} {view}");
        }
    }
    assert_eq!(count(&office, Actor::System, "SELECT count(*) FROM system_users").unwrap(), 6);
}

#[test]
fn no_view_shows_a_secret() {
    let office = Office::new();
    let secret = ["password_hash", "token_hash", "room_secret", "feed_token_hash", "secret", "auth", "p256dh"];
    let actor = user(10, Role::Admin);
    office
        .store
        .read_blocking::<(), StoreError>(actor, move |reader| {
            let views = include_str!("../schema/views.sql");
            let names: Vec<&str> =
                views.lines().filter_map(|line| line.strip_prefix("CREATE TEMP VIEW ")?.strip_suffix(" AS")).collect();
            assert!(names.len() > 20, "{names:?}");
            for name in names {
                let statement = reader.prepare(&format!("SELECT * FROM {name}"))?;
                for column in statement.column_names() {
                    assert!(!secret.contains(&column), "{name} shows {column}");
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_private_note_is_its_authors_alone() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    for (note, visibility) in [("p", "private"), ("s", "shared")] {
        office.sql(&format!(
            "INSERT INTO notes (id, appointment_id, author_id, body, visibility, created_at, updated_at)
             VALUES ('{note}', '{}', '{}', 'words', '{visibility}', {T0}, {T0})",
            appointment(1),
            person(8)
        ));
    }
    let seen = |actor| count(&office, actor, "SELECT count(*) FROM my_notes").unwrap();
    assert_eq!(seen(user(8, Role::Expert)), 2);
    assert_eq!(seen(user(1, Role::Customer)), 1);
    assert_eq!(seen(user(10, Role::Admin)), 1);
    assert_eq!(seen(user(2, Role::Customer)), 0);
}

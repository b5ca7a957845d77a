//! The seed's tables keep their columns, and no connection forgets what keeps them right.

use rusqlite::StatementStatus;

use super::*;

fn columns(office: &Office, table: &str) -> Vec<String> {
    let connection = outsider(office);
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
    statement.query_map([table], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_customers_columns_are_there_under_their_names() {
    let office = Office::new();
    let appointments = columns(&office, "appointments");
    for column in ["meeting_url", "meeting_room_name"] {
        assert!(appointments.iter().any(|it| it == column), "{column}");
    }
    let ten = [
        "id",
        "room_name",
        "participant_identity",
        "participant_name",
        "user_id",
        "started_at",
        "ended_at",
        "duration_seconds",
        "created_at",
        "updated_at",
    ];
    assert_eq!(columns(&office, "call_logs")[..10], ten);
}

#[test]
fn every_connection_keeps_foreign_keys_and_recursive_triggers_on() {
    let office = Office::new();
    let pragmas = ["foreign_keys", "recursive_triggers"];
    for pragma in pragmas {
        assert_eq!(office.value::<i64>(&format!("SELECT * FROM pragma_{pragma}")), 1, "{pragma} on the writer");
    }
    assert_eq!(office.value::<i64>("SELECT * FROM pragma_synchronous"), 2);
    let reader = open::reader(&DataFolder::new(office.folder.path()).database()).unwrap();
    for pragma in pragmas {
        let value: i64 = reader.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap();
        assert_eq!(value, 1, "{pragma} on a reader");
    }
}

#[test]
fn nothing_in_the_schema_reads_a_clock() {
    let all = [include_str!("../schema/views.sql"), schema::MIGRATIONS[0]].concat().to_lowercase();
    for word in ["unixepoch", "current_timestamp", "current_time", "current_date", "julianday", "strftime", "'now'"] {
        assert!(!all.contains(word), "{word}");
    }
}

#[test]
fn the_search_for_a_conflict_stays_inside_the_index() {
    let office = Office::new();
    let connection = outsider(&office);
    let sql = "EXPLAIN QUERY PLAN SELECT 1 FROM appointments a WHERE a.expert_id = 'x'
        AND a.status IN ('hold', 'pending', 'approved', 'in_progress')
        AND a.busy_from < 10 AND a.busy_from > 10 - 86400000 AND a.busy_to > 5";
    let plan: String = connection.query_row(sql, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("appointments_busy (expert_id=? AND busy_from>? AND busy_from<?)"), "{plan}");
}

/// Steps of SQLite's machine that a booking takes, its triggers' included.
fn steps(office: &Office, id: u32, customer: u32, expert: u32, from: i64) -> i32 {
    let sql = booking(id, customer, expert, from, "approved");
    let work = move |tx: &mut Tx<'_>| {
        let mut insert = tx.prepare(&sql)?;
        insert.execute([])?;
        Ok::<_, StoreError>(insert.get_status(StatementStatus::VmStep))
    };
    office.store.write_blocking(work).unwrap()
}

#[test]
fn a_booking_costs_the_same_however_much_its_people_have_booked_before() {
    let office = Office::new();
    let few = steps(&office, 1, 1, 8, 0);
    // Every day four hours with each expert, before and after.
    for day in (1..=40).chain(-40..=-1) {
        for hour in 0..4 {
            let number = 1_000 + (day + 40) as u32 * 10 + hour;
            let from = i64::from(day) * 24 * HOUR + i64::from(hour) * HOUR;
            office.book(number, 1, 8 + hour % 2, from, "approved").unwrap();
        }
    }
    let many = steps(&office, 2, 1, 8, 12 * HOUR);
    assert!(many < few + few / 5, "{few} steps at first, {many} after 320 bookings");
}

#[test]
fn seats_have_the_times_of_their_appointment() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    office.sql(&format!(
        "INSERT INTO seats (id, appointment_id, guest_name, role, created_at)
         VALUES ('guest', '{}', 'Guest', 'observer', {T0})",
        appointment(1)
    ));
    let apart = "SELECT count(*) FROM seats s JOIN appointments a ON a.id = s.appointment_id
        WHERE s.starts_at IS NOT a.starts_at OR s.ends_at IS NOT a.ends_at";
    assert_eq!(office.value::<i64>(apart), 0);
    office.sql("UPDATE appointments SET starts_at = starts_at + 60000, ends_at = ends_at - 60000");
    assert_eq!(office.value::<i64>(apart), 0, "after it was moved");
    for sql in [
        "UPDATE seats SET starts_at = starts_at + 1".to_owned(),
        "UPDATE seats SET ends_at = NULL".to_owned(),
        format!(
            "INSERT INTO seats (id, appointment_id, user_id, role, starts_at, ends_at, created_at)
             VALUES ('other', '{}', '{}', 'observer', {T0}, {T0}, {T0})",
            appointment(1),
            person(3)
        ),
    ] {
        assert_eq!(office.refusal(&sql), "seat_times", "{sql}");
    }
}

#[test]
fn a_change_raises_the_version_and_a_new_time_the_sequence() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    let version = |office: &Office| office.value::<i64>("SELECT version FROM appointments");
    let sequence = |office: &Office| office.value::<i64>("SELECT ical_sequence FROM appointments");
    let (before, first) = (version(&office), sequence(&office));
    office.sql("UPDATE appointments SET customer_note = 'please'");
    assert!(version(&office) > before);
    assert_eq!(sequence(&office), first);
    office.sql("UPDATE appointments SET ends_at = ends_at - 60000");
    assert_eq!(sequence(&office), first + 1);
    office.sql("UPDATE appointments SET status = 'cancelled'");
    assert_eq!(sequence(&office), first + 2);
}

#[test]
fn both_sides_have_a_seat_from_the_beginning() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "hold").unwrap();
    let roles = office
        .value::<String>("SELECT group_concat(role || ' ' || length(id)) FROM (SELECT * FROM seats ORDER BY role)");
    assert_eq!(roles, "client 36,host 36");
    let id: String = office.value("SELECT id FROM seats WHERE role = 'host'");
    assert_eq!(id.parse::<crate::ids::SeatId>().unwrap().to_string(), id);
}

//! What the database refuses, by raw SQL: no code of ours stands between.

use super::*;

const ACTIVE: [&str; 3] = ["hold", "pending", "approved"];

#[test]
fn an_experts_time_is_taken_by_holds_requests_and_approvals_alike() {
    for status in ACTIVE {
        let office = Office::new();
        office.book(1, 1, 8, 0, status).unwrap();
        for second in ACTIVE {
            let word = office.book(2, 2, 8, HOUR / 2, second).unwrap_err();
            assert_eq!(word.refusal(), Some("slot_taken"), "{status} then {second}");
        }
        office.book(3, 2, 8, HOUR, status).unwrap();
        office.book(4, 3, 9, 0, status).unwrap();
    }
}

#[test]
fn buffers_count_as_taken() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "hold").unwrap();
    office.sql(&format!("UPDATE appointments SET busy_to = busy_to + {} WHERE ical_uid = 'uid-1'", HOUR / 4));
    assert_eq!(office.book(2, 2, 8, HOUR, "hold").unwrap_err().refusal(), Some("slot_taken"));
    office.book(3, 2, 8, HOUR + HOUR / 4, "hold").unwrap();
}

#[test]
fn a_customer_is_in_one_place_at_a_time() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "pending").unwrap();
    assert_eq!(office.book(2, 1, 9, HOUR / 2, "hold").unwrap_err().refusal(), Some("customer_overlap"));
    office.book(3, 1, 9, HOUR, "hold").unwrap();
    // However long the other one is.
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    let lasts = |hours: i64| {
        format!("UPDATE appointments SET ends_at = starts_at + {0}, busy_to = starts_at + {0}", hours * HOUR)
    };
    office.sql(&lasts(12));
    assert_eq!(office.book(2, 1, 9, 12 * HOUR - 1, "hold").unwrap_err().refusal(), Some("customer_overlap"));
    office.book(2, 1, 9, 12 * HOUR, "hold").unwrap();
    assert!(office.try_sql(&lasts(13)).is_err(), "half a day at most");
}

#[test]
fn who_joins_or_comes_back_is_in_one_place_at_a_time_too() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    office.book(2, 2, 9, HOUR / 2, "approved").unwrap();
    office.sql("UPDATE appointments SET capacity = 5");
    let seat = |id: &str, role: &str| {
        format!(
            "INSERT INTO seats (id, appointment_id, user_id, role, created_at)
             VALUES ('{id}', '{}', '{}', '{role}', {T0})",
            appointment(2),
            person(1)
        )
    };
    assert_eq!(office.refusal(&seat("a", "client")), "customer_overlap");
    office.sql(&seat("b", "observer"));
    assert_eq!(office.refusal("UPDATE seats SET role = 'client' WHERE id = 'b'"), "customer_overlap");
    // Where the one has ended the other can be joined, and then the one does not come to lie beside it.
    office.book(3, 1, 8, 4 * HOUR, "approved").unwrap();
    office.sql("UPDATE appointments SET status = 'cancelled' WHERE ical_uid = 'uid-1'");
    office.sql("UPDATE seats SET role = 'client' WHERE id = 'b'");
    let onto = "UPDATE appointments SET starts_at = starts_at - 10800000, ends_at = ends_at - 10800000,
        busy_from = busy_from - 10800000, busy_to = busy_to - 10800000 WHERE ical_uid = 'uid-3'";
    assert_eq!(office.refusal(onto), "customer_overlap");
}

#[test]
fn a_reschedule_meets_the_same_refusals_as_a_booking() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    office.book(2, 2, 8, 2 * HOUR, "approved").unwrap();
    office.book(3, 1, 9, 4 * HOUR, "approved").unwrap();
    let shift = |uid: u32, by: i64| {
        format!(
            "UPDATE appointments SET starts_at = starts_at + {by}, ends_at = ends_at + {by}, busy_from = busy_from + {by},
             busy_to = busy_to + {by} WHERE ical_uid = 'uid-{uid}'"
        )
    };
    assert_eq!(office.refusal(&shift(1, 2 * HOUR)), "slot_taken");
    // The same customer's other appointment, with another expert.
    assert_eq!(office.refusal(&shift(1, 4 * HOUR)), "customer_overlap");
    office.sql(&shift(1, HOUR));
}

#[test]
fn ended_appointments_take_no_time_and_cannot_come_back() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "pending").unwrap();
    office.sql("UPDATE appointments SET status = 'cancelled' WHERE ical_uid = 'uid-1'");
    office.book(2, 2, 8, 0, "pending").unwrap();
    office.sql("UPDATE appointments SET status = 'cancelled' WHERE ical_uid = 'uid-2'");
    assert_eq!(
        office.refusal("UPDATE appointments SET status = 'pending' WHERE ical_uid = 'uid-1'"),
        "illegal_transition"
    );
}

#[test]
fn every_move_that_the_state_machine_lacks_is_refused() {
    let states =
        ["hold", "pending", "approved", "in_progress", "completed", "no_show", "rejected", "cancelled", "expired"];
    // A way from a first state to each other one.
    let path = |to: &str| -> Vec<&str> {
        match to {
            "hold" => vec!["hold"],
            "pending" => vec!["pending"],
            "approved" => vec!["approved"],
            "in_progress" => vec!["approved", "in_progress"],
            "completed" => vec!["approved", "completed"],
            "no_show" => vec!["approved", "no_show"],
            "rejected" => vec!["pending", "rejected"],
            "cancelled" => vec!["pending", "cancelled"],
            _ => vec!["pending", "expired"],
        }
    };
    let set = |to: &str| {
        let no_show = if to == "no_show" { "'both'" } else { "NULL" };
        format!("UPDATE appointments SET status = '{to}', no_show = {no_show}")
    };
    for from in states {
        for to in states {
            let office = Office::new();
            let path = path(from);
            office.book(1, 1, 8, 0, path[0]).unwrap();
            path[1..].iter().for_each(|step| office.sql(&set(step)));
            let sql = format!(
                "SELECT count(*) FROM appointment_transitions WHERE from_status = '{from}' AND to_status = '{to}'"
            );
            let legal = from == to || office.value::<i64>(&sql) == 1;
            match legal {
                true => office.sql(&set(to)),
                false => assert_eq!(office.refusal(&set(to)), "illegal_transition", "{from} to {to}"),
            }
        }
    }
}

#[test]
fn nothing_begins_in_the_middle_of_its_life() {
    let office = Office::new();
    for status in ["in_progress", "completed", "rejected", "cancelled", "expired"] {
        assert_eq!(office.book(1, 1, 8, 0, status).unwrap_err().refusal(), Some("illegal_transition"), "{status}");
    }
    assert!(office.book(1, 1, 8, 0, "surprise").is_err());
}

#[test]
fn the_state_machine_itself_cannot_be_changed() {
    let office = Office::new();
    for sql in [
        "INSERT INTO appointment_transitions VALUES ('cancelled', 'approved')",
        "UPDATE appointment_transitions SET to_status = 'approved' WHERE from_status = 'completed'",
        "DELETE FROM appointment_transitions",
        "INSERT OR REPLACE INTO appointment_transitions VALUES ('hold', 'pending')",
    ] {
        assert_eq!(office.refusal(sql), "state_machine_is_fixed", "{sql}");
    }
}

#[test]
fn approval_makes_room_and_url_and_nothing_else_does() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "pending").unwrap();
    assert_eq!(office.value::<Option<String>>("SELECT meeting_url FROM appointments"), None);
    office.sql("UPDATE appointments SET status = 'approved'");
    let room = format!("appointment-{}-0123456789abcdef0123", appointment(1));
    assert_eq!(office.value::<String>("SELECT meeting_room_name FROM appointments"), room);
    let url = format!("/call/{room}?appointmentId={}", appointment(1));
    assert_eq!(office.value::<String>("SELECT meeting_url FROM appointments"), url);
    // A second approval changes nothing.
    office.sql("UPDATE appointments SET status = 'pending'");
    office.sql("UPDATE appointments SET status = 'approved'");
    assert_eq!(office.value::<String>("SELECT meeting_room_name FROM appointments"), room);

    for sql in [
        "UPDATE appointments SET meeting_room_name = 'appointment-guessable'",
        "UPDATE appointments SET meeting_url = 'https://elsewhere.example'",
        "UPDATE appointments SET meeting_room_name = NULL, meeting_url = NULL",
    ] {
        assert_eq!(office.refusal(sql), "room_immutable", "{sql}");
    }
    office.book(2, 2, 8, 2 * HOUR, "pending").unwrap();
    let early =
        "UPDATE appointments SET meeting_room_name = 'mine', meeting_url = '/call/mine' WHERE ical_uid = 'uid-2'";
    assert_eq!(office.refusal(early), "room_immutable");
}

#[test]
fn what_identifies_an_appointment_stays_and_so_does_the_row() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    for column in ["id", "ical_uid"] {
        assert_eq!(office.refusal(&format!("UPDATE appointments SET {column} = 'x'")), "appointment_fixed");
    }
    assert_eq!(office.refusal("UPDATE appointments SET room_secret = 'ffffffffffffffffffff'"), "appointment_fixed");
    assert_eq!(office.refusal(&format!("UPDATE appointments SET customer_id = '{}'", person(2))), "appointment_fixed");
    assert_eq!(office.refusal("DELETE FROM appointments"), "appointments_stay");
    let replace = booking(1, 2, 8, 10 * HOUR, "hold").replace("INSERT", "INSERT OR REPLACE");
    assert_eq!(office.refusal(&replace), "appointments_stay");
}

#[test]
fn times_stand_once_it_has_begun() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    office.sql("UPDATE appointments SET status = 'in_progress'");
    assert_eq!(
        office.refusal("UPDATE appointments SET ends_at = ends_at + 1, busy_to = busy_to + 1"),
        "appointment_closed"
    );
}

#[test]
fn a_group_session_has_as_many_seats_as_its_capacity() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "hold").unwrap();
    office.sql("UPDATE appointments SET capacity = 2");
    let seat = |number: u32, user: u32| {
        format!(
            "INSERT INTO seats (id, appointment_id, user_id, role, created_at) VALUES ('seat-{number}', '{}', '{}', 'client', {T0})",
            appointment(1),
            person(user)
        )
    };
    office.sql(&seat(1, 2));
    assert_eq!(office.refusal(&seat(2, 3)), "session_full");
    office.sql("UPDATE seats SET removed_at = 1 WHERE id = 'seat-1'");
    office.sql(&seat(2, 3));
    assert_eq!(office.refusal("UPDATE seats SET removed_at = NULL WHERE id = 'seat-1'"), "session_full");
    assert_eq!(office.refusal("DELETE FROM seats"), "seats_stay");
}

#[test]
fn a_seat_is_a_place_and_nobody_has_two_at_once() {
    let office = Office::new();
    office.book(1, 1, 8, 0, "approved").unwrap();
    office.book(2, 2, 9, 0, "hold").unwrap();
    office.sql("UPDATE appointments SET capacity = 5 WHERE ical_uid = 'uid-2'");
    let sql = format!(
        "INSERT INTO seats (id, appointment_id, user_id, role, created_at) VALUES ('s', '{}', '{}', 'client', {T0})",
        appointment(2),
        person(1)
    );
    assert_eq!(office.refusal(&sql), "customer_overlap");
}

#[test]
fn the_audit_log_only_grows() {
    let office = Office::new();
    office
        .store
        .write_blocking(|tx| {
            tx.audit(crate::units::UnixTime(T0), Actor::System, "test", "nothing", &serde_json::json!({}))
        })
        .unwrap();
    for sql in [
        "UPDATE audit_log SET actor = 'somebody else'",
        "DELETE FROM audit_log",
        "INSERT OR REPLACE INTO audit_log (seq, at, actor, action, subject, hash) VALUES (1, 1, 'x', 'x', 'x', 'x')",
    ] {
        assert_eq!(office.refusal(sql), "audit_append_only", "{sql}");
    }
}

#[test]
fn a_closed_call_log_is_final() {
    let office = Office::new();
    let open = |sid: &str| {
        format!(
            "INSERT INTO call_logs (id, room_name, participant_identity, participant_name, user_id, started_at, created_at,
             updated_at, participant_sid, heartbeat_at) VALUES ('{sid}', 'r', 'i', 'Person 1', '{}', {T0}, {T0}, {T0}, '{sid}', {T0})",
            person(1)
        )
    };
    office.sql(&open("a"));
    assert_eq!(office.refusal("UPDATE call_logs SET started_at = 0"), "call_log_fixed");
    assert_eq!(office.refusal("DELETE FROM call_logs"), "call_logs_stay");
    assert_eq!(office.refusal("UPDATE call_logs SET duration_seconds = 5"), "duration_is_computed");
    office.sql(&format!("UPDATE call_logs SET ended_at = {}, end_reason = 'client_left'", T0 + 65_400));
    assert_eq!(office.value::<i64>("SELECT duration_seconds FROM call_logs"), 65);
    for sql in [
        "UPDATE call_logs SET participant_name = 'Somebody else'",
        "UPDATE call_logs SET ended_at = ended_at + 1",
        "UPDATE call_logs SET ended_at = NULL, end_reason = NULL, duration_seconds = NULL",
        "UPDATE call_logs SET end_reason = 'removed'",
    ] {
        assert_eq!(office.refusal(sql), "call_log_closed", "{sql}");
    }
    assert_eq!(office.refusal("UPDATE call_logs SET duration_seconds = 1"), "duration_is_computed");
    assert_eq!(office.refusal("DELETE FROM call_logs"), "call_logs_stay");
    assert_eq!(office.refusal(&open("a").replace("INSERT", "INSERT OR REPLACE")), "call_logs_stay");
    let closed = open("b")
        .replace("heartbeat_at)", "heartbeat_at, ended_at, end_reason)")
        .replace(&format!("'b', {T0})"), &format!("'b', {T0}, {T0}, 'client_left')"));
    assert_eq!(office.refusal(&closed), "call_log_begins_open");
}

#[test]
fn erasing_a_person_keeps_row_and_logs_and_takes_the_name_out_of_them() {
    let office = Office::new();
    let id = person(1);
    office.sql(&format!(
        "INSERT INTO call_logs (id, room_name, participant_identity, participant_name, user_id, started_at, created_at,
         updated_at, participant_sid, heartbeat_at) VALUES ('l', 'r', 'i', 'Person 1', '{id}', {T0}, {T0}, {T0}, 's', {T0});
         UPDATE call_logs SET ended_at = {T0}, end_reason = 'client_left';"
    ));
    assert_eq!(office.refusal(&format!("DELETE FROM users WHERE id = '{id}'")), "users_are_erased_not_deleted");
    office.sql(&format!("UPDATE users SET status = 'erased', name = 'Erased', email = 'e@invalid' WHERE id = '{id}'"));
    assert_eq!(office.refusal("UPDATE call_logs SET participant_name = 'Invented'"), "call_log_closed");
    assert_eq!(office.refusal("UPDATE call_logs SET participant_name = 'Erased', ended_at = 1"), "call_log_closed");
    office.sql("UPDATE call_logs SET participant_name = 'Erased'");
    assert_eq!(office.refusal(&format!("UPDATE users SET name = 'Back' WHERE id = '{id}'")), "user_erased");
}

#[test]
fn retention_deletes_what_its_gate_lets_through_and_no_more() {
    let office = Office::new();
    office.sql(&format!(
        "INSERT INTO call_logs (id, room_name, participant_identity, participant_name, started_at, created_at, updated_at,
         participant_sid, heartbeat_at) VALUES ('l', 'r', 'i', 'n', {T0}, {T0}, {T0}, 's', {T0});
         UPDATE call_logs SET ended_at = {T0}, end_reason = 'client_left';"
    ));
    office.sql(&format!("INSERT INTO retention_gate VALUES ('call_logs', {T0})"));
    assert_eq!(office.refusal("DELETE FROM call_logs"), "call_logs_stay");
    office.sql(&format!("UPDATE retention_gate SET before = {T0} + 1"));
    office.sql("DELETE FROM call_logs");
}

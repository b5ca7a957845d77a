//! Ages at their edges: what is as old as it may be stays, what is a second older goes.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::scheduler::testing::*;
use crate::scheduler::{CallFactKind, Figures, LeaveReason, Lobby, NewMessage, NewNote, NewRating};
use crate::store::StoreError;

const SECOND: i64 = 1_000;
const DAYS: i64 = 24 * 3_600 * SECOND;

/// An appointment that was held from START to an hour later, with a bit of everything.
async fn held() -> Desk {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "a").await;
    let figures = Figures { rtt: Some(Duration::from_millis(20)), ..Figures::default() };
    desk.fact(1, CallFactKind::Quality { sid: "a".into(), minute: START, figures }).await;
    desk.at(60 * MINUTE);
    desk.fact(1, CallFactKind::Left { sid: "a".into(), reason: LeaveReason::ClientLeft }).await;
    let scheduler = &desk.scheduler;
    let message = NewMessage { body: "words".into(), ..NewMessage::default() };
    scheduler.post_message(expert(8), id, message).await.unwrap();
    let note = NewNote { body: "note".into(), ..NewNote::default() };
    scheduler.add_note(expert(8), id, note).await.unwrap();
    let mut upload = scheduler.begin_upload(expert(8), id, "a.txt", "text/plain").await.unwrap();
    upload.write(b"text").await.unwrap();
    upload.finish().await.unwrap();
    desk.sql("UPDATE appointments SET status = 'completed'");
    desk
}

/// The end of the appointment, and the time at which everything in [`held`] came or ended.
const END: i64 = START.0 + 60 * MINUTE;

impl Desk {
    fn count(&self, table: &str) -> i64 {
        self.value(&format!("SELECT count(*) FROM {table}"))
    }

    /// Runs the job at so many milliseconds after everything has ended.
    async fn clear_at(&self, after: i64) -> Cleared {
        self.scheduler.apply_retention(UnixTime(END + after)).await.unwrap()
    }
}

#[tokio::test]
async fn each_class_goes_a_second_after_its_time_and_not_at_it() {
    for (class, table, days) in [
        (DataClass::Messages, "messages", 30),
        (DataClass::Files, "files", 31),
        (DataClass::Notes, "notes", 32),
        (DataClass::Quality, "call_quality", 33),
        (DataClass::CallLogs, "call_logs", 34),
    ] {
        let desk = held().await;
        desk.scheduler.set_retention(admin(), class, days).await.unwrap();
        let limit = i64::from(days) * DAYS;
        for kept in [limit - SECOND, limit] {
            let cleared = desk.clear_at(kept).await;
            assert_eq!((desk.count(table), cleared.rows.get(&class)), (1, None), "{class:?} at {kept}");
        }
        let cleared = desk.clear_at(limit + SECOND).await;
        assert_eq!((desk.count(table), cleared.rows.get(&class)), (0, Some(&1)), "{class:?}");
        assert_eq!(desk.count("retention_gate"), 0, "the gate is shut again");
        let others = ["messages", "files", "notes", "call_quality", "call_logs"];
        let left = others.iter().filter(|it| **it != table && desk.count(it) == 1).count();
        let expected = if class == DataClass::CallLogs { 3 } else { 4 };
        assert_eq!(left, expected, "{class:?}: minutes go with their call, and nothing else does");
    }
}

#[tokio::test]
async fn nothing_goes_before_its_appointment_has_the_same_age() {
    let desk = Desk::new();
    let far = UnixTime(START.0 + 40 * DAYS);
    let id = desk.approved_at(1, 1, 8, far, Lobby::Off);
    let message = NewMessage { body: "see you then".into(), ..NewMessage::default() };
    desk.scheduler.post_message(customer(1), id, message).await.unwrap();
    desk.scheduler.set_retention(admin(), DataClass::Messages, 30).await.unwrap();
    desk.scheduler.apply_retention(UnixTime(far.0 - DAYS)).await.unwrap();
    assert_eq!(desk.count("messages"), 1, "39 days old, and the appointment is tomorrow");
    let end = far.0 + 60 * MINUTE;
    desk.scheduler.apply_retention(UnixTime(end + 31 * DAYS)).await.unwrap();
    assert_eq!(desk.count("messages"), 1, "nobody has put it down as over");
    desk.sql("UPDATE appointments SET status = 'completed'");
    desk.scheduler.apply_retention(UnixTime(end + 30 * DAYS)).await.unwrap();
    assert_eq!(desk.count("messages"), 1);
    desk.scheduler.apply_retention(UnixTime(end + 30 * DAYS + SECOND)).await.unwrap();
    assert_eq!(desk.count("messages"), 0);
}

#[tokio::test]
async fn where_nobody_has_said_anything_the_defaults_hold() {
    let desk = held().await;
    desk.clear_at(180 * DAYS).await;
    assert_eq!(desk.count("call_quality"), 1);
    desk.clear_at(365 * DAYS).await;
    assert_eq!((desk.count("call_quality"), desk.count("messages"), desk.count("files")), (0, 1, 1));
    let cleared = desk.clear_at(3_650 * DAYS).await;
    let gone: Vec<_> = cleared.rows.keys().copied().collect();
    assert_eq!(gone, [DataClass::Messages, DataClass::Files, DataClass::Notes]);
    assert_eq!(desk.count("call_logs"), 1, "who was in which call is kept for ever");
    desk.scheduler.set_retention(admin(), DataClass::CallLogs, 1).await.unwrap();
    desk.clear_at(3_650 * DAYS).await;
    assert_eq!(desk.count("call_logs"), 0);
    // The log of what was done says it, without what it was.
    let last: String = desk.value("SELECT detail FROM audit_log ORDER BY seq DESC LIMIT 1");
    assert_eq!(last, r#"{"orphans":0,"rows":{"call_logs":1}}"#);
    let again = desk.clear_at(3_650 * DAYS).await;
    assert_eq!(again, Cleared::default());
}

#[tokio::test]
async fn files_go_with_their_bytes_and_deleted_ones_are_forgotten() {
    let desk = held().await;
    let folder = desk.scheduler.store().folder().files().join(appointment_id(1).to_string());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    desk.clear_at(365 * DAYS + SECOND).await;
    assert_eq!(desk.count("files"), 0);
    assert!(!folder.exists());

    let desk = held().await;
    let file = desk.scheduler.files(expert(8), appointment_id(1)).await.unwrap().remove(0);
    desk.scheduler.delete_file(expert(8), appointment_id(1), file.id).await.unwrap();
    desk.clear_at(7 * DAYS).await;
    assert_eq!(desk.count("files"), 1);
    desk.clear_at(7 * DAYS + SECOND).await;
    assert_eq!(desk.count("files"), 0);
}

#[tokio::test]
async fn a_note_counts_from_its_last_change() {
    let desk = held().await;
    desk.scheduler.set_retention(admin(), DataClass::Notes, 30).await.unwrap();
    desk.sql(&format!("UPDATE notes SET updated_at = {}", END + 10 * DAYS));
    desk.clear_at(40 * DAYS).await;
    assert_eq!(desk.count("notes"), 1);
    desk.clear_at(40 * DAYS + SECOND).await;
    assert_eq!(desk.count("notes"), 0);
}

#[tokio::test]
async fn what_serves_the_running_of_the_server_goes_soon_and_what_is_still_to_be_sent_stays() {
    let desk = held().await;
    let (appointment, user) = (appointment_id(1), person(1));
    desk.sql("DELETE FROM events");
    for (id, state, done) in [("sent", "sent", END.to_string()), ("due", "due", "NULL".into())] {
        desk.sql(&format!(
            "INSERT INTO outbox (id, channel, dedupe_key, payload, due_at, state, created_at, done_at)
             VALUES ('{id}', 'mail', '{id}', '{{}}', 0, '{state}', {END}, {done})"
        ));
    }
    desk.sql(&format!(
        "INSERT INTO webhooks VALUES ('w', 'https://x', 's', '[\"*\"]', 1, '{admin}', 0, 0);
         INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, state, next_at, created_at, done_at)
         VALUES ('first', 'w', 'e', 't', '{{}}', 'delivered', 0, {END}, {END}), ('due', 'w', 'e', 't', '{{}}', 'due', 0, {END}, NULL);
         INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, state, next_at, created_at, replay_of)
         VALUES ('again', 'w', 'e', 't', '{{}}', 'due', 0, {END}, 'first');
         INSERT INTO events (at, user_id, kind, data) VALUES ({END}, '{user}', 'k', '{{}}');
         INSERT INTO sessions (id, token_hash, user_id, created_at, last_seen_at, expires_at)
         VALUES ('s', 's', '{user}', 0, 0, {END});
         INSERT INTO login_tokens (id, token_hash, user_id, kind, email, created_at, expires_at)
         VALUES ('l', 'l', '{user}', 'magic', 'p1@example.org', 0, {END});
         INSERT INTO room_tokens (jti, appointment_id, room_name, identity, issued_at)
         VALUES ('over', '{appointment}', 'r', 'i', {END}), ('trial', NULL, 'r', 'i', {END});",
        admin = person(10)
    ));
    let on = desk.approved_at(2, 2, 9, START, Lobby::Off);
    desk.sql(&format!(
        "INSERT INTO room_tokens (jti, appointment_id, room_name, identity, issued_at) VALUES ('on', '{on}', 'r', 'i', {END})"
    ));
    for (table, days, before, after) in [
        ("sessions", 2, 1, 0),
        ("login_tokens", 2, 1, 0),
        ("room_tokens", 2, 3, 1),
        ("events", 7, 1, 0),
        ("webhook_deliveries", 30, 3, 2),
        ("outbox", 90, 2, 1),
    ] {
        // Tables of one class go together: what was not looked at yet may be gone only then.
        if desk.count(table) == before {
            desk.clear_at(days * DAYS).await;
            assert_eq!(desk.count(table), before, "{table}");
        }
        desk.clear_at(days * DAYS + SECOND).await;
        assert_eq!(desk.count(table), after, "{table}");
    }
    assert_eq!(desk.value::<String>("SELECT jti FROM room_tokens"), "on");
    assert_eq!(desk.value::<Option<String>>("SELECT replay_of FROM webhook_deliveries WHERE id = 'again'"), None);
}

#[tokio::test]
async fn more_than_one_batch_goes_in_one_run() {
    let desk = held().await;
    desk.sql(&format!(
        "INSERT INTO events (at, user_id, kind, data)
         WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1234)
         SELECT {END}, '{}', 'k', '{{}}' FROM n",
        person(1)
    ));
    let all = desk.count("events") as u64;
    let cleared = desk.clear_at(7 * DAYS + SECOND).await;
    assert_eq!(cleared.rows.get(&DataClass::Events), Some(&all));
    assert_eq!(desk.count("events"), 0);
}

#[tokio::test]
async fn administrators_say_how_long_and_nothing_that_makes_no_sense() {
    let desk = Desk::new();
    let policies = desk.scheduler.retention(admin()).await.unwrap();
    assert_eq!(policies.len(), DataClass::ALL.len());
    assert!(policies.iter().all(|it| it.keep_days == it.class.default_days() && it.updated_at.is_none()));
    desk.at(0);
    desk.scheduler.set_retention(admin(), DataClass::Files, 90).await.unwrap();
    desk.scheduler.set_retention(admin(), DataClass::Files, 0).await.unwrap();
    let policies = desk.scheduler.retention(admin()).await.unwrap();
    let files = policies.iter().find(|it| it.class == DataClass::Files).unwrap();
    assert_eq!((files.keep_days, files.default_days, files.updated_at), (0, 365, Some(START)));
    for (class, days) in [(DataClass::Events, 0), (DataClass::Sessions, 0), (DataClass::Files, MAX_KEEP_DAYS + 1)] {
        let refused = desk.scheduler.set_retention(admin(), class, days).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "keepDays", .. })), "{class:?} {days}");
    }
    for other in [customer(1), expert(8), Actor::Anonymous] {
        assert!(matches!(desk.scheduler.retention(other).await, Err(Error::NotYours)));
        assert!(matches!(desk.scheduler.set_retention(other, DataClass::Files, 1).await, Err(Error::NotYours)));
    }
    // The words are those of the database.
    for class in DataClass::ALL {
        desk.scheduler.set_retention(admin(), class, 10).await.unwrap();
        assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
    }
}

#[tokio::test]
async fn ratings_stay_for_an_experts_figures_are_their_sum() {
    let desk = held().await;
    desk.scheduler.rate(customer(1), appointment_id(1), NewRating { stars: 5, comment: String::new() }).await.unwrap();
    desk.clear_at(36_500 * DAYS).await;
    assert_eq!(desk.count("ratings"), 1);
}

#[tokio::test]
async fn a_run_that_fails_leaves_the_gate_shut() {
    let desk = held().await;
    let failed = desk
        .scheduler
        .write(|tx| {
            clear_logs(tx, UnixTime(END + DAYS))?;
            Err::<(), _>(Error::Store(StoreError::Full))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!((desk.count("retention_gate"), desk.count("call_logs")), (0, 1));
}

//! What follows from who was really there.
#![allow(clippy::unwrap_used)]

use super::testing::*;
use super::*;

async fn leaves(desk: &Desk, sid: &str) {
    desk.fact(1, CallFactKind::Left { sid: sid.into(), reason: LeaveReason::ClientLeft }).await;
}

#[tokio::test]
async fn a_call_log_opens_with_the_media_and_closes_with_a_reason_and_its_length() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.token(customer(1), 1).await.unwrap();
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM call_logs"), 0, "a token alone is no call");
    desk.joins(1, 1, "PA_1").await;
    desk.at(65_400);
    leaves(&desk, "PA_1").await;
    let log: String = desk.value("SELECT duration_seconds || ' ' || end_reason || ' ' || seat_role FROM call_logs");
    assert_eq!(log, "65 client_left client");
    assert_eq!(desk.value::<String>("SELECT user_id FROM call_logs"), person(1).to_string());
}

#[tokio::test]
async fn it_is_in_progress_once_both_sides_are_there_and_not_before() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(-10 * MINUTE);
    desk.joins(1, 8, "PA_8").await;
    assert_eq!(desk.status(1), "approved");
    leaves(&desk, "PA_8").await;
    desk.joins(1, 1, "PA_1").await;
    assert_eq!(desk.status(1), "approved", "one after the other is not together");
    desk.joins(1, 8, "PA_9").await;
    assert_eq!(desk.status(1), "in_progress");
    let told: i64 = desk.value("SELECT count(*) FROM events WHERE kind = 'appointment.started'");
    assert_eq!(told, 2);
}

#[tokio::test]
async fn a_call_completes_itself_when_its_window_closes() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "PA_8").await;
    desk.joins(1, 1, "PA_1").await;
    desk.at(90 * MINUTE - 1);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "in_progress");
    desk.at(90 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "completed");
}

#[tokio::test]
async fn a_deserted_call_completes_ten_minutes_after_the_last_left_once_its_time_is_up() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "PA_8").await;
    desk.joins(1, 1, "PA_1").await;
    desk.at(20 * MINUTE);
    leaves(&desk, "PA_8").await;
    leaves(&desk, "PA_1").await;
    desk.at(59 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "in_progress", "they may come back until the end");
    desk.at(60 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "completed");
}

#[tokio::test]
async fn coming_back_begins_the_ten_minutes_anew() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "PA_8").await;
    desk.joins(1, 1, "PA_1").await;
    desk.at(55 * MINUTE);
    leaves(&desk, "PA_8").await;
    leaves(&desk, "PA_1").await;
    desk.at(56 * MINUTE);
    desk.joins(1, 8, "PA_88").await;
    desk.at(70 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "in_progress");
    leaves(&desk, "PA_88").await;
    desk.at(80 * MINUTE - 1);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "in_progress");
    desk.at(80 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "completed");
}

async fn outcome(desk: &Desk) -> String {
    desk.at(90 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    desk.value("SELECT status || ' ' || coalesce(no_show, '-') FROM appointments")
}

#[tokio::test]
async fn whoever_did_not_come_is_named_by_side() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    assert_eq!(outcome(&desk).await, "no_show both");

    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "PA_8").await;
    assert_eq!(outcome(&desk).await, "no_show customer");

    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 1, "PA_1").await;
    assert_eq!(outcome(&desk).await, "no_show expert");
}

#[tokio::test]
async fn a_customer_who_waited_for_an_absent_expert_is_no_no_show() {
    let desk = Desk::new();
    desk.approved(Lobby::On);
    desk.at(-5 * MINUTE);
    assert!(desk.token(customer(1), 1).await.is_err(), "in the lobby");
    assert_eq!(outcome(&desk).await, "no_show expert");
}

#[tokio::test]
async fn time_in_the_lobby_is_counted_as_far_as_it_was_heard_of() {
    let desk = Desk::new();
    desk.approved(Lobby::On);
    for seconds in [0, 10, 20, 30] {
        desk.at(seconds * 1_000);
        let _ = desk.token(customer(1), 1).await;
    }
    // Gone for ten minutes, back for ten seconds.
    for seconds in [630, 640] {
        desk.at(seconds * 1_000);
        let _ = desk.token(customer(1), 1).await;
    }
    let waited: i64 = desk.value("SELECT waited_ms FROM seats WHERE role = 'client'");
    assert_eq!(waited / 1_000, 40);
}

#[tokio::test]
async fn after_a_crash_no_call_is_left_open_and_each_ends_where_it_was_last_alive() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "PA_8").await;
    desk.joins(1, 1, "PA_1").await;
    desk.at(5 * MINUTE);
    desk.scheduler.heartbeat().await.unwrap();
    desk.at(20 * MINUTE);
    assert_eq!(desk.scheduler.recover().await.unwrap(), 2);
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM call_logs WHERE ended_at IS NULL"), 0);
    let ends: String = desk.value("SELECT group_concat(DISTINCT duration_seconds || ' ' || end_reason) FROM call_logs");
    assert_eq!(ends, "300 crash_recovered");
    // Nobody came back: it is over when its time is.
    desk.at(60 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "completed");
}

#[tokio::test]
async fn a_request_that_nobody_answered_expires_at_its_start_and_a_hold_at_its_end() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.approved_at(2, 2, 9, START, Lobby::Off);
    desk.sql("UPDATE appointments SET status = 'pending' WHERE ical_uid = 'uid-1'");
    desk.at(-1);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "pending");
    desk.at(0);
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.status(1), "expired");
    assert_eq!(desk.status(2), "approved");
}

#[tokio::test]
async fn the_same_message_twice_is_one_and_only_its_writer_changes_it() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let seat = |user| desk.seat(1, user).to_string();
    let line = |user: u32, text: &str, operation| {
        CallFactKind::Chat(ChatFact {
            identity: seat(user),
            name: format!("Person {user}"),
            stream_id: "m1".into(),
            text: text.into(),
            reply_to: None,
            operation,
        })
    };
    let body = || desk.value::<String>("SELECT group_concat(body) FROM (SELECT body FROM messages ORDER BY rowid)");
    desk.fact(1, line(1, "hello", ChatOperation::Create)).await;
    desk.fact(1, line(1, "hello", ChatOperation::Create)).await;
    assert_eq!(body(), "hello");
    desk.fact(1, line(8, "forged", ChatOperation::Update)).await;
    assert_eq!(body(), "hello");
    desk.fact(1, line(1, "hello!", ChatOperation::Update)).await;
    assert_eq!(body(), "hello!");
    // Another's message of the same name is another message.
    desk.fact(1, line(8, "hi", ChatOperation::Create)).await;
    assert_eq!(body(), "hello!,hi");
    desk.fact(1, line(1, "", ChatOperation::Delete)).await;
    assert_eq!(body(), ",hi");
    desk.sql("UPDATE appointments SET keep_chat = 0");
    desk.fact(1, line(8, "unkept", ChatOperation::Update)).await;
    assert_eq!(body(), ",hi");
}

#[tokio::test]
async fn minutes_are_scored_and_kept_with_the_call() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 1, "PA_1").await;
    let figures = Figures { loss_up: Some(0.2), rtt: Some(std::time::Duration::from_millis(40)), ..Figures::default() };
    let minute = desk.scheduler.now();
    for sid in ["PA_1", "PA_1", "PA_unknown"] {
        desk.fact(1, CallFactKind::Quality { sid: sid.into(), minute, figures }).await;
    }
    assert_eq!(
        desk.value::<String>("SELECT count(*) || ' ' || cause || ' ' || rtt_ms FROM call_quality"),
        "1 loss_up 40"
    );
}

#[tokio::test]
async fn facts_of_rooms_that_are_nobodys_leave_no_trace() {
    let desk = Desk::new();
    let joined = CallFactKind::Joined { sid: "PA_1".into(), identity: "x".into(), name: "X".into() };
    for kind in [joined, CallFactKind::Ended] {
        let fact = CallFact { room: "somewhere".into(), at: START, kind };
        desk.scheduler.witness(fact).await.unwrap();
    }
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM call_logs"), 0);
}

#[tokio::test]
async fn whose_account_is_closed_is_sent_out_of_the_call() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 1, "PA_1").await;
    desk.joins(1, 8, "PA_8").await;
    desk.scheduler.put_out(Whose::User(person(1))).await.unwrap();
    assert_eq!(desk.rooms.take(), [format!("remove {} {}", desk.room(1), desk.seat(1, 1))]);
    leaves(&desk, "PA_1").await;
    desk.scheduler.put_out(Whose::Seat(desk.seat(1, 1))).await.unwrap();
    assert!(desk.rooms.take().is_empty(), "nobody is there any more");
}

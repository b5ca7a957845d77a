//! A window that one appointment has to itself.

use super::office::code;
use super::*;
use crate::scheduler::testing::*;
use crate::store::Actor;

fn closing_after(minutes: u32) -> WindowChange {
    WindowChange { close_after_min: Some(Some(minutes)), ..WindowChange::default() }
}

fn opening_before(minutes: u32) -> WindowChange {
    WindowChange { open_before_min: Some(Some(minutes)), ..WindowChange::default() }
}

/// When the room of appointment 1 opens and closes, in minutes after its start.
async fn window(desk: &Desk) -> (i64, i64) {
    let window = desk.scheduler.appointment(expert(8), appointment_id(1)).await.unwrap().window;
    ((window.opens.0 - START.0) / MINUTE, (window.closes.0 - START.0) / MINUTE)
}

#[tokio::test]
async fn expert_and_administrators_give_one_appointment_other_margins_and_take_them_back() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    assert_eq!(window(&desk).await, (-15, 90));
    let changed = desk.scheduler.change_window(expert(8), id, opening_before(5), None).await.unwrap();
    assert_eq!(window(&desk).await, (-5, 90), "what is left out stays");
    let after = WindowChange { close_anchor: Some(Some(CloseAnchor::Start)), ..closing_after(45) };
    let changed = desk.scheduler.change_window(admin(), id, after, Some(changed.version)).await.unwrap();
    assert_eq!(window(&desk).await, (-5, 105));
    assert_eq!(changed.window(&WindowRules::default()).last_join, UnixTime(START.0 + 45 * MINUTE));

    // Back to what the service has, or where it has nothing, the server.
    desk.sql("UPDATE services SET open_before_min = 20");
    let back = WindowChange { open_before_min: Some(None), close_after_min: Some(None), close_anchor: Some(None) };
    let changed = desk.scheduler.change_window(expert(8), id, back, None).await.unwrap();
    assert_eq!(window(&desk).await, (-20, 90));
    assert_eq!(changed.overrides, WindowOverrides { before: Some(minutes(20)), ..WindowOverrides::default() });
    // What changes nothing is nothing to tell.
    let same = desk.scheduler.change_window(expert(8), id, back, None).await.unwrap();
    assert_eq!(same.version, changed.version);

    let told: i64 = desk.value("SELECT count(*) FROM events WHERE kind = 'appointment.window_changed'");
    assert_eq!(told, 3 * 2, "both sides, each time");
    let audited: String =
        desk.value("SELECT detail FROM audit_log WHERE action = 'appointment.window_changed' LIMIT 1");
    let audited: serde_json::Value = serde_json::from_str(&audited).unwrap();
    let time = |minutes: i64| rfc3339::format(UnixTime(START.0 + minutes * MINUTE));
    assert_eq!((&audited["opensAt"], &audited["closesAt"]), (&time(-5).into(), &time(90).into()));
    let history = desk.scheduler.history(customer(1), id).await.unwrap();
    assert!(history.iter().any(|entry| entry.what == "window_changed" && entry.by == Who::Expert));
}

#[tokio::test]
async fn nobody_else_changes_it_and_nobody_what_others_have_changed_since() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let change =
        async |actor, expected| code(desk.scheduler.change_window(actor, id, closing_after(45), expected).await);
    assert_eq!(change(customer(1), None).await, "not_yours");
    for stranger in [customer(2), expert(9), Actor::Anonymous] {
        assert_eq!(change(stranger, None).await, "not_found", "{stranger:?}");
    }
    assert_eq!(change(expert(8), Some(999)).await, "precondition_failed");
    assert_eq!(window(&desk).await, (-15, 90));
}

#[tokio::test]
async fn margins_have_bounds_and_nobody_is_shut_out_by_them() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let change = async |change| match desk.scheduler.change_window(expert(8), id, change, None).await {
        Ok(_) => "",
        Err(error) => error.code(),
    };
    for wrong in [opening_before(1_441), closing_after(1_441), closing_after(u32::MAX)] {
        assert_eq!(change(wrong).await, "invalid_body", "{wrong:?}");
    }
    assert_eq!(change(opening_before(1_439)).await, "");
    assert_eq!(change(opening_before(15)).await, "");
    // It opens fifteen minutes before and is open: it does not open later any more.
    desk.at(-10 * MINUTE);
    assert_eq!(change(opening_before(9)).await, "invalid_body");
    assert_eq!(change(opening_before(10)).await, "");
    // An hour and twenty minutes in it does not have closed already.
    desk.at(80 * MINUTE);
    assert_eq!(change(closing_after(20)).await, "invalid_body");
    assert_eq!(change(closing_after(21)).await, "");
    desk.sql("UPDATE appointments SET status = 'cancelled'");
    assert_eq!(change(closing_after(30)).await, "not_joinable");
}

#[tokio::test]
async fn an_open_room_follows_at_once_and_hears_whom_that_delays() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let next = UnixTime(START.0 + 100 * MINUTE);
    desk.approved_at(2, 2, 8, next, Lobby::Off);
    desk.at(0);
    let token = desk.token(customer(1), 1).await.unwrap();
    let keys = [key()].into_iter().collect();
    let claims = visavis_signaling::token::verify(&keys, &token.token, desk.scheduler.now()).unwrap().claims;
    let applicant = Applicant { room: desk.room(1), identity: claims.identity, jti: claims.jti };
    desk.scheduler.may_enter(applicant, true).await.unwrap();
    let closes = || desk.scheduler.closes_at(&desk.room(1)).map(|closes| (closes.0 - START.0) / MINUTE);
    assert_eq!(closes(), Some(90));
    desk.scheduler.change_window(expert(8), id, closing_after(50), None).await.unwrap();
    assert_eq!(closes(), Some(110));
    let asked = desk.rooms.take();
    assert!(asked.len() == 1 && asked[0].contains("next_waits"), "{asked:?}");
    desk.scheduler.change_window(expert(8), id, closing_after(45), None).await.unwrap();
    assert_eq!((closes(), desk.rooms.take().len()), (Some(105), 0), "what comes earlier delays nobody more");

    // Warnings of a close are that close's.
    desk.at(95 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    desk.scheduler.change_window(expert(8), id, closing_after(60), None).await.unwrap();
    desk.at(110 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    let told = "SELECT group_concat(json_extract(data, '$.minutesLeft'), ' ') FROM events
        WHERE kind = 'appointment.closing' AND user_id = '00000000-0000-7000-8000-000000000001'";
    assert_eq!(desk.value::<String>(told), "10 10");
}

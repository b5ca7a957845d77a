//! The end of a room: what is said before it, how it is moved, how it comes.

use super::*;

fn kinds(notices: &[Value]) -> Vec<String> {
    let kind = |notice: &Value| match &notice["minutesLeft"] {
        Value::Null => notice["type"].as_str().unwrap().to_owned(),
        minutes => format!("{} {minutes}", notice["type"].as_str().unwrap()),
    };
    notices.iter().map(kind).collect()
}

fn at(seconds: u64) -> String {
    jiff::Timestamp::from_millisecond(START.plus(Duration::from_secs(seconds)).0).unwrap().to_string()
}

#[tokio::test]
async fn everybody_hears_of_the_end_at_its_times_and_once() {
    let server = Server::closing_after(3600);
    server.plan.change(|terms| terms.ends_at = Some(START.plus(Duration::from_secs(1800))));
    let (_ana, id) = server.active("ana").await;
    let steps = [(1799, 0), (1, 1), (1199, 1), (1, 2), (299, 2), (1, 3), (239, 3), (1, 4), (59, 4)];
    for (seconds, expected) in steps {
        server.clock.advance(Duration::from_secs(seconds));
        if server.notices(id).len() < expected {
            until("a notice", || server.notices(id).len() == expected).await;
        } else {
            a_tick().await;
        }
        assert_eq!(server.notices(id).len(), expected, "{:?}", server.notices(id));
    }
    server.clock.advance(Duration::from_secs(1));
    until("the end", || server.rooms.names().is_empty()).await;
    let notices = server.notices(id);
    assert_eq!(kinds(&notices), ["overtime", "closing 10", "closing 5", "closing 1", "closed"]);
    assert_eq!(notices[0], json!({ "type": "overtime", "endsAt": at(1800), "closesAt": at(3600) }));
    assert_eq!(notices[1], json!({ "type": "closing", "closesAt": at(3600), "minutesLeft": 10 }));
}

#[tokio::test]
async fn the_last_words_come_before_the_goodbye() {
    let server = Server::closing_after(3600);
    let (mut ana, id) = server.active("ana").await;
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(ana.left().await.reason, proto::DisconnectReason::RoomDeleted as i32);
    let commands = server.commands();
    let said = commands.iter().position(|it| matches!(it, Command::SendData { .. })).unwrap();
    let gone = commands.iter().position(|it| matches!(it, Command::RemoveTransport(gone) if *gone == id)).unwrap();
    assert!(said < gone);
}

#[tokio::test]
async fn who_joins_late_is_told_at_once_and_alone() {
    let server = Server::closing_after(3600);
    let (_ana, ana) = server.active("ana").await;
    server.clock.advance(Duration::from_secs(3600 - 540));
    until("the warning", || server.notices(ana).len() == 1).await;
    let (_ben, ben) = server.active("ben").await;
    assert_eq!(kinds(&server.notices(ben)), ["closing 9"]);
    assert_eq!(server.notices(ana).len(), 1);
    // The room has not looked at the clock since the time of the next warning: who joins then hears it once.
    server.clock.advance(Duration::from_secs(240));
    let (_cleo, cleo) = server.active("cleo").await;
    a_tick().await;
    assert_eq!(kinds(&server.notices(cleo)), ["closing 5"]);
    assert_eq!(kinds(&server.notices(ben)), ["closing 9", "closing 5"]);
}

#[tokio::test]
async fn an_extension_in_mid_call_is_told_with_new_tokens_and_moves_the_end() {
    let server = Server::closing_after(600);
    let (mut ana, id) = server.active("ana").await;
    let keys: KeyRing = [server.key.clone()].into_iter().collect();
    let now = || server.clock.unix();
    let expiry = |token: String| visavis_signaling::token::verify(&keys, &token, now()).unwrap().expires_at;
    server.clock.advance(Duration::from_secs(480));
    until("the warnings", || server.notices(id).len() == 2).await;
    server.plan.change(|terms| terms.closes_at = Some(START.plus(Duration::from_secs(1500))));
    // What came with the join and after five minutes was for the old close.
    while expiry(ana.refreshed_token().await) == START.plus(Duration::from_secs(600)) {}
    until("the news", || server.notices(id).len() == 3).await;
    assert_eq!(server.notices(id)[2], json!({ "type": "extended", "closesAt": at(1500) }));
    server.clock.advance(Duration::from_secs(121));
    a_tick().await;
    assert_eq!(server.rooms.names(), ["room"], "the old close is none");
    server.join("ben").await.joined().await;
    server.clock.advance(Duration::from_secs(299));
    until("warnings of its own", || server.notices(id).len() == 4).await;
    assert_eq!(kinds(&server.notices(id)), ["closing 10", "closing 2", "extended", "closing 10"]);
    server.clock.advance(Duration::from_secs(600));
    ana.left().await;
}

#[tokio::test]
async fn a_close_brought_forward_into_the_past_is_the_end() {
    let server = Server::closing_after(3600);
    let (mut ana, id) = server.active("ana").await;
    server.clock.advance(Duration::from_secs(100));
    server.plan.change(|terms| terms.closes_at = Some(START.plus(Duration::from_secs(100))));
    ana.left().await;
    assert_eq!(kinds(&server.notices(id)), ["closed"]);
}

#[tokio::test]
async fn a_sleep_over_the_close_ends_in_the_close() {
    let server = Server::closing_after(3600);
    let (mut ana, id) = server.active("ana").await;
    // The monotonic clock stands still while the machine sleeps.
    server.clock.set_by(2 * 3600);
    ana.left().await;
    assert_eq!(kinds(&server.notices(id)), ["closed"]);
    until("the room is gone", || server.rooms.names().is_empty()).await;
}

#[tokio::test]
async fn a_clock_set_forward_skips_what_it_passed() {
    let server = Server::closing_after(3600);
    let (mut ana, id) = server.active("ana").await;
    server.clock.set_by(3600 - 200);
    until("the nearest warning", || server.notices(id).len() == 1).await;
    assert_eq!(kinds(&server.notices(id)), ["closing 4"]);
    let token = ana.refreshed_token().await;
    let keys: KeyRing = [server.key.clone()].into_iter().collect();
    let token = visavis_signaling::token::verify(&keys, &token, server.clock.unix()).unwrap();
    assert_eq!(token.issued_at, Some(START.plus(Duration::from_secs(3400))), "old ones have expired");
    server.clock.set_by(200);
    ana.left().await;
}

#[tokio::test]
async fn a_clock_set_back_by_an_hour_warns_again_and_keeps_nobody_longer_than_others() {
    let server = Server::closing_after(600);
    let (mut ana, id) = server.active("ana").await;
    let (ben, ben_id) = server.active("ben").await;
    until("the warning", || server.notices(id).len() == 1).await;
    server.clock.set_by(-3600);
    // A token from before has not begun by the clock as it is now.
    let token = ana.refreshed_token().await;
    let keys: KeyRing = [server.key.clone()].into_iter().collect();
    assert!(visavis_signaling::token::verify(&keys, &token, server.clock.unix()).is_ok());
    a_tick().await;
    assert_eq!(server.notices(id).len(), 1, "there is an hour more");
    // Whose media is lost has five seconds to come back, not an hour and five seconds.
    server.deliver(Event::TransportFailed { id: ben_id, cause: crate::media::TransportFailure::ConsentExpired });
    a_tick().await;
    server.clock.advance(Duration::from_secs(6));
    let gone = ana.update_of("ben", |info| info.state == State::Disconnected as i32).await;
    assert_eq!(gone.disconnect_reason, proto::DisconnectReason::ConnectionTimeout as i32);
    drop(ben);
    server.clock.advance(Duration::from_secs(3594));
    until("the warning again", || server.notices(id).len() == 2).await;
    assert_eq!(kinds(&server.notices(id)), ["closing 10", "closing 10"]);
    server.clock.advance(Duration::from_secs(600));
    ana.left().await;
}

#[tokio::test]
async fn a_clock_set_forward_ends_no_session_that_is_only_connecting() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    server.clock.set_by(3600);
    a_tick().await;
    ana.send(signal_request::Message::Ping(1)).await;
    ana.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
}

#[tokio::test]
async fn a_cancelled_room_is_closed_from_any_thread_within_two_seconds() {
    let server = Server::new();
    let (mut ana, id) = server.active("ana").await;
    let rooms = server.rooms.clone();
    let begun = Instant::now();
    std::thread::spawn(move || {
        rooms.close("room", CloseReason::Cancelled);
        rooms.close("nowhere", CloseReason::Cancelled);
    });
    assert_eq!(ana.left().await.reason, proto::DisconnectReason::RoomDeleted as i32);
    until("the room is gone", || server.rooms.names().is_empty()).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(server.notices(id), [json!({ "type": "closed", "reason": "cancelled" })]);
    assert_eq!(server.facts().last(), Some(&FactKind::RoomClosed { reason: CloseReason::Cancelled }));
}

#[tokio::test]
async fn a_removed_participant_is_gone_within_two_seconds_and_stays_away() {
    let server = Server::new();
    let ((mut ana, _), (mut ben, id)) = (server.active("ana").await, server.active("ben").await);
    let begun = Instant::now();
    server.plan.change(|terms| _ = terms.banned.insert("ben".into()));
    let rooms = server.rooms.clone();
    std::thread::spawn(move || rooms.remove("room", "ben"));
    assert_eq!(ben.left().await.reason, proto::DisconnectReason::ParticipantRemoved as i32);
    ana.update_of("ben", |info| info.state == State::Disconnected as i32).await;
    assert!(server.commands().iter().any(|it| matches!(it, Command::RemoveTransport(gone) if *gone == id)));
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(server.refusal("ben").await.0, 403);
}

#[tokio::test]
async fn others_may_give_notice_too() {
    let server = Server::new();
    let (_ana, id) = server.active("ana").await;
    let waiting = json!({ "type": "next_client_waits", "minutes": 3 });
    server.rooms.notice("room", waiting.clone());
    server.rooms.notice("nowhere", waiting.clone());
    until("the notice", || !server.notices(id).is_empty()).await;
    assert_eq!(server.notices(id), [waiting]);
    server.rooms.notice("room", json!({ "text": "x".repeat(100_000) }));
    a_tick().await;
    assert_eq!(server.notices(id).len(), 1, "no client would get it");
}

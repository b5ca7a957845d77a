//! What is recorded, and in which order.

use super::*;

/// Facts in short: who did what.
fn story(server: &Server) -> Vec<String> {
    let line = |kind: FactKind| match kind {
        FactKind::RoomOpened => "opened".to_owned(),
        FactKind::Active(arrival) => format!("{} active", arrival.who.identity),
        FactKind::Left(left) => format!("{} left {:?} {}", left.who.identity, left.reason, left.was_active),
        FactKind::Quality { participant, .. } => format!("{} quality", participant.identity),
        FactKind::Chat(line) => format!("{} said {}", line.who.identity, line.text),
        FactKind::RoomClosed { reason } => format!("closed {reason:?}"),
    };
    server.facts().into_iter().map(line).collect()
}

#[tokio::test]
async fn a_call_is_told_from_the_opening_to_the_close() {
    let server = Server::new();
    let (ana, _) = server.active("ana").await;
    let ben = server.join("ben").await;
    for client in [&ana, &ben] {
        client.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    }
    until("both have left", || story(&server).len() == 4).await;
    server.clock.advance(Duration::from_secs(20));
    until("the room has closed", || story(&server).len() == 5).await;
    let mut story = story(&server);
    story[2..4].sort();
    let left = ["ana left ClientRequestLeave true", "ben left ClientRequestLeave false"];
    assert_eq!(story, ["opened", "ana active", left[0], left[1], "closed RoomClosed"]);
}

#[tokio::test]
async fn facts_name_the_room_its_opening_and_the_time() {
    let server = Server::new();
    server.clock.advance(Duration::from_secs(7));
    let (_ana, _) = server.active("ana").await;
    let facts = server.facts.all.lock().unwrap();
    for fact in facts.iter() {
        assert_eq!((&*fact.room, fact.at), ("room", START.plus(Duration::from_secs(7))));
        assert_eq!(fact.room_sid, facts[0].room_sid);
    }
}

#[tokio::test]
async fn an_arrival_says_by_which_token_and_as_what() {
    let server = Server::new();
    let mut claims = Claims::join("bot", "room");
    (claims.name, claims.jti) = ("Recorder".into(), Some("token-1".into()));
    claims.attributes.insert("role".into(), "recorder".into());
    claims.kind = proto::participant_info::Kind::Egress;
    let mut bot = server.join_as(&claims, Mode::Dual).await;
    let sid = bot.joined().await.participant.unwrap().sid;
    // Twice, over two connections: one arrival.
    for id in server.transports().into_iter().chain(server.transports()) {
        server.connected(id);
    }
    until("it is active", || server.facts().len() == 2).await;
    a_tick().await;
    let facts = server.facts();
    let [_, FactKind::Active(arrival)] = &*facts else { panic!("{facts:?}") };
    assert_eq!((arrival.who.sid.as_str(), &*arrival.who.identity), (sid.as_str(), "bot"));
    assert_eq!((arrival.name.as_str(), arrival.jti.as_deref()), ("Recorder", Some("token-1")));
    assert_eq!((arrival.kind, arrival.dependent), (proto::participant_info::Kind::Egress, true));
    assert_eq!(arrival.attributes["role"], "recorder");
}

#[tokio::test]
async fn a_replaced_session_leaves_before_the_newer_one_arrives() {
    let server = Server::new();
    let (_first, _) = server.active("ana").await;
    let (_second, _) = server.active("ana").await;
    assert_eq!(story(&server), ["opened", "ana active", "ana left DuplicateIdentity true", "ana active"]);
}

#[tokio::test]
async fn a_resumed_session_is_no_second_arrival() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let sid = ana.joined().await.participant.unwrap().sid;
    server.connected(server.transports()[0]);
    ana.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    let mut again = server.resume("ana", &sid).await;
    again.next().await.unwrap();
    server.connected(server.transports()[0]);
    a_tick().await;
    assert_eq!(story(&server), ["opened", "ana active"]);
}

#[tokio::test]
async fn a_shutdown_is_recorded_of_everybody_before_it_is_over_and_nobody_comes_after() {
    let server = Server::new();
    let (_ana, _) = server.active("ana").await;
    let _ben = server.join("ben").await;
    let _cleo = server.join_as(&Claims::join("cleo", "another"), Mode::Single).await;
    server.rooms.shut_down().await;
    let mut left = story(&server);
    left.retain(|line| line.contains("left") || line.contains("closed"));
    left.sort();
    let expected = [
        "ana left ServerShutdown true",
        "ben left ServerShutdown false",
        "cleo left ServerShutdown false",
        "closed ServerShutdown",
        "closed ServerShutdown",
    ];
    assert_eq!(left, expected);
    let (status, text) = server.refusal("dora").await;
    assert_eq!((status, text.as_str()), (503, "the server is shutting down"));
    server.rooms.open("late", server.rooms.default_options());
    assert!(server.rooms.names().is_empty());
}

#[tokio::test]
async fn the_windows_close_is_told_apart_from_a_deletion() {
    let server = Server::closing_after(60);
    let (mut ana, _) = server.active("ana").await;
    server.clock.advance(Duration::from_secs(60));
    ana.left().await;
    until("the room has closed", || story(&server).len() == 4).await;
    assert_eq!(story(&server)[2..], ["ana left WindowClosed true", "closed WindowClosed"]);

    let server = Server::new();
    let (mut ana, _) = server.active("ana").await;
    server.rooms.ask("room", crate::rooms::admin::AdminRequest::Delete).await.unwrap();
    ana.left().await;
    until("the room has closed", || story(&server).len() == 4).await;
    assert_eq!(story(&server)[2..], ["ana left RoomDeleted true", "closed RoomDeleted"]);
}

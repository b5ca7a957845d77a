//! Who is let in, who is told why not, and what the asking leaves behind.

use super::*;

#[tokio::test]
async fn the_edge_of_the_window_holds_for_joining_for_validating_and_for_resuming() {
    let server = Server::closing_after(3600);
    server.clock.advance(Duration::from_secs(3599));
    let (mut ana, id) = server.active("ana").await;
    let claims = Claims::join("ben", "room");
    // Good for a while longer than the room, by its date and by the leeway of clocks.
    let token = mint(&claims, &server.key, Duration::from_secs(600), server.clock.unix()).unwrap();
    let joined = server.rooms.connect(server.request_with(&token, QUERY)).await.unwrap();
    for late in [Duration::from_secs(1), Duration::from_secs(1)] {
        server.clock.advance(late);
        let expected = (403, "the window has closed".to_owned());
        assert_eq!(server.refusal("cleo").await, expected);
        let known = server.request_with(&token, QUERY);
        assert_eq!(server.rooms.connect(known).await.unwrap_err().status, 403);
        let resume = server.resume_request("ana", "");
        assert_eq!(server.rooms.connect(resume).await.unwrap_err().status, 403);
    }
    let leave = ana.left().await;
    assert_eq!(leave.reason, proto::DisconnectReason::RoomDeleted as i32);
    assert_eq!(leave.action, proto::leave_request::Action::Disconnect as i32);
    assert!(ana.next().await.is_none(), "the connection is closed");
    until("the room is gone", || server.rooms.names().is_empty()).await;
    assert!(server.commands().iter().any(|it| matches!(it, Command::RemoveTransport(gone) if *gone == id)));
    drop(joined);
}

#[tokio::test]
async fn a_room_lets_nobody_in_after_its_close_even_if_admission_would() {
    let server = Server::closing_after(60);
    server.plan.change(|terms| terms.careless = true);
    server.clock.advance(Duration::from_secs(60));
    let request = server.request(&Claims::join("ana", "room"), QUERY);
    let refused = server.rooms.connect(request).await.unwrap_err();
    assert_eq!((refused.status, refused.message.as_str()), (403, "the room has closed"));
}

#[tokio::test]
async fn who_is_refused_makes_no_room_and_a_stranger_learns_nothing() {
    let server = Server::new();
    assert_eq!(server.refusal("stranger").await, (404, "requested room does not exist".into()));
    server.plan.change(|terms| _ = terms.banned.insert("ana".into()));
    assert_eq!(server.refusal("ana").await, (403, "removed".into()));
    let resume = server.resume_request("ana", "PA_x");
    assert_eq!(server.rooms.connect(resume).await.unwrap_err().status, 403);
    assert!(server.facts().is_empty() && server.rooms.names().is_empty());
    assert_eq!(server.plan.admitted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn validation_has_no_effect_and_a_join_is_admitted_once() {
    let server = Server::new();
    let request = server.request(&Claims::join("ana", "room"), QUERY);
    for _ in 0..3 {
        server.rooms.validate(&request).await.unwrap();
    }
    assert!(server.rooms.names().is_empty());
    assert_eq!(server.plan.admitted.load(Ordering::SeqCst), 0);
    let _ana = server.join("ana").await;
    let validated = server.plan.validated.load(Ordering::SeqCst);
    let _ben = server.join("ben").await;
    assert_eq!(server.plan.admitted.load(Ordering::SeqCst), 2);
    assert_eq!(server.plan.validated.load(Ordering::SeqCst), validated, "the room is there already");
}

#[tokio::test]
async fn an_appointed_room_is_made_where_rooms_are_not_made_by_joining() {
    let server = Server::with(|settings| settings.auto_create = false);
    assert_eq!(server.refusal("ana").await, (404, "requested room does not exist".into()));
    server.plan.change(|terms| terms.may_create = true);
    server.join("ana").await.joined().await;
}

#[tokio::test]
async fn an_admission_that_hangs_is_not_waited_for() {
    let server = Server::new();
    let (_ana, _) = server.active("ana").await;
    server.plan.change(|terms| terms.stuck = true);
    assert_eq!(server.refusal("ben").await.0, 503);
    server.plan.change(|terms| terms.stuck = false);
    server.join("ben").await.joined().await;
}

#[tokio::test]
async fn a_token_refreshed_in_a_call_keeps_its_id_and_never_outlives_the_window() {
    let server = Server::closing_after(300);
    let mut claims = Claims::join("ana", "room");
    claims.jti = Some("issued by us".into());
    let mut ana = server.join_as(&claims, Mode::Single).await;
    let keys: KeyRing = [server.key.clone()].into_iter().collect();
    for _ in 0..2 {
        let token = ana.refreshed_token().await;
        let token = visavis_signaling::token::verify(&keys, &token, server.clock.unix()).unwrap();
        assert_eq!(token.claims.jti.as_deref(), Some("issued by us"));
        assert_eq!(token.expires_at, START.plus(Duration::from_secs(300)));
        // Setting the clock makes tokens new before their time.
        server.clock.set_by(60);
    }
}

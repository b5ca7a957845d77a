//! What rooms count, what they refuse by the count, and what they make anew for each participant.

use super::*;
use crate::rooms::IceServers;
use crate::units::MediaKind;

async fn publish(server: &Server, client: &mut Client) -> crate::ids::MediaTrackId {
    client.publish_mic("mic").await;
    client.offer(1, &[("audio", "sendonly", "mic")]).await;
    client.answer().await;
    let track = server.commands().into_iter().find_map(|it| match it {
        Command::AddTrack { track, .. } => Some(track),
        _ => None,
    });
    track.unwrap()
}

#[tokio::test]
async fn a_server_that_is_full_of_tracks_refuses_who_joins_and_takes_back_who_resumes() {
    let server = Server::with(|settings| settings.node_tracks = Some(2));
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    let sid = ana.joined().await.participant.unwrap().sid;
    ben.joined().await;
    server.connected(server.transports()[0]);
    publish(&server, &mut ana).await;
    ben.requirement().await;
    // One track in and one out make two.
    let cleo = server.request(&Claims::join("cleo", "room"), QUERY);
    assert_eq!(server.rooms.validate(&cleo).await.unwrap_err().status, 503);
    assert_eq!(server.rooms.connect(cleo).await.unwrap_err().status, 503);
    drop(ana.link.incoming);
    let mut again = server.resume("ana", &sid).await;
    let first = again.next().await.unwrap().message;
    assert!(matches!(first, Some(signal_response::Message::Reconnect(_))), "{first:?}");
    again.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    while again.next().await.is_some() {}
    let mut cleo = server.join("cleo").await;
    cleo.joined().await;
}

#[tokio::test]
async fn a_full_server_still_says_that_a_room_does_not_exist() {
    let server = Server::with(|settings| (settings.node_tracks, settings.auto_create) = (Some(0), false));
    let request = server.request(&Claims::join("ana", "room"), QUERY);
    assert_eq!(server.rooms.connect(request).await.unwrap_err().status, 404);
}

#[tokio::test]
async fn each_join_and_resume_gets_passwords_of_its_own_time() {
    let server = Server::with(|settings| {
        settings.ice_servers = IceServers::new(|participant, now| {
            let username = format!("{}:{participant}", now.as_secs());
            vec![proto::IceServer { username, ..Default::default() }]
        });
    });
    let began = server.clock.unix().as_secs();
    let mut ana = server.join("ana").await;
    let join = ana.joined().await;
    let sid = join.participant.unwrap().sid;
    assert_eq!(join.ice_servers[0].username, format!("{began}:{sid}"));
    server.connected(server.transports()[0]);
    ana.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    server.clock.advance(Duration::from_secs(5));
    let mut again = server.resume("ana", &sid).await;
    let reconnect = again
        .until(|message| match message {
            signal_response::Message::Reconnect(reconnect) => Some(reconnect),
            _ => None,
        })
        .await;
    assert_eq!(reconnect.ice_servers[0].username, format!("{}:{sid}", began + 5));
}

#[tokio::test]
async fn publishing_is_tried_with_the_request_and_succeeds_with_the_first_packet_once() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    let counts = || {
        let metrics = &server.metrics;
        [&metrics.publish_attempts, &metrics.publish_successes].map(|kinds| kinds.of(MediaKind::Audio).get())
    };
    let track = publish(&server, &mut ana).await;
    assert_eq!(counts(), [1, 0]);
    for _ in 0..2 {
        server.deliver(Event::TrackStarted { track });
    }
    ana.send(signal_request::Message::Ping(1)).await;
    ana.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
    assert_eq!(counts(), [1, 1]);
}

#[tokio::test]
async fn a_participant_counts_as_connected_once_whatever_its_number_of_connections() {
    let server = Server::new();
    let mut ana = server.join_as(&Claims::join("ana", "room"), Mode::Dual).await;
    ana.joined().await;
    for id in server.transports() {
        server.connected(id);
        server.connected(id);
    }
    ana.send(signal_request::Message::Ping(1)).await;
    ana.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
    let joins = server.metrics.joins.get();
    assert_eq!(joins.iter().find(|(state, _)| *state == "rtc_connected"), Some(&("rtc_connected", 1)), "{joins:?}");
}

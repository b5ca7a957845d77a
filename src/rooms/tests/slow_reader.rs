//! Clients that stop reading their WebSocket.

use visavis_signaling::proto::UpdateParticipantMetadata;

use super::*;

#[tokio::test]
async fn who_does_not_read_while_others_write_much_loses_the_connection_not_the_servers_memory() {
    let server = Server::new();
    let mut claims = Claims::join("ana", "room");
    claims.video.as_mut().unwrap().can_update_own_metadata = Some(true);
    let mut ana = server.join_as(&claims, Mode::Single).await;
    ana.joined().await;
    let mut ben = server.join("ben").await;
    ben.joined().await;
    let mut changes = 0;
    while server.errors("not_reading") == 0 {
        changes += 1;
        assert!(changes < 20, "nobody noticed");
        let metadata = format!("{changes}{}", "x".repeat(500 * 1024));
        let update = UpdateParticipantMetadata { metadata, request_id: changes, ..Default::default() };
        ana.send(signal_request::Message::UpdateMetadata(update)).await;
        // Ana reads.
        ana.until(|message| matches!(message, signal_response::Message::RequestResponse(_)).then_some(())).await;
        ana.until(|message| matches!(message, signal_response::Message::RefreshToken(_)).then_some(())).await;
    }
    assert_eq!(changes, 9, "eight of half a MiB fit");
    let mut read = 0;
    while let Some(response) = ben.next().await {
        read += prost::Message::encoded_len(&response);
    }
    assert!(read <= crate::rooms::link::OUTGOING_BYTES, "{read}");
    // Nobody else is concerned.
    ana.send(signal_request::Message::Ping(1)).await;
    ana.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
}

#[tokio::test]
async fn a_room_larger_than_the_bound_can_be_joined_and_resumed() {
    let server = Server::new();
    for number in 0..12 {
        let mut claims = Claims::join(format!("guest-{number}"), "room");
        claims.metadata = "x".repeat(500 * 1024);
        server.join_as(&claims, Mode::Single).await;
    }
    let mut ana = server.join("ana").await;
    let sid = ana.joined().await.participant.unwrap().sid;
    server.connected(*server.transports().last().unwrap());
    ana.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    let mut ana = server.resume("ana", &sid).await;
    ana.update_of("guest-11", |_| true).await;
    assert_eq!(server.errors("not_reading"), 0);
}

//! Recordings of calls: asked for while they go on, and kept for a while afterwards.

use super::*;
use crate::media::flight::file::Flights;
use crate::media::flight::{Entry, Recording, What};
use crate::rooms::admin::AdminError;

fn recording(server: &Server, times: u16) -> Option<Box<Recording>> {
    let entries = vec![Entry { at: 40, what: What::Asks { track: 1, times } }];
    Some(Box::new(Recording { began: server.clock.now(), forgotten: 3, entries }))
}

/// Asks for the recording and lets the shard answer for everybody who is asked for.
async fn asked(server: &Server, identity: Option<&str>, answers: usize) -> Result<Flights, AdminError> {
    server.commands();
    let answered = async {
        let asked = || -> Vec<TransportId> {
            let commands = server.media.commands.lock().unwrap();
            let ids =
                commands.iter().filter_map(|it| if let Command::ReportFlight(id) = it { Some(*id) } else { None });
            ids.collect()
        };
        until("the shard is asked", || asked().len() == answers).await;
        for id in asked() {
            server.deliver(Event::Flight { id, recording: recording(server, 1), last: false });
        }
    };
    tokio::join!(server.rooms.recording("room", identity), answered).0
}

#[tokio::test]
async fn a_call_that_goes_on_is_written_down_with_who_is_in_it_and_what_they_publish() {
    let server = Server::new();
    let (mut ana, _) = server.active("ana").await;
    let mut ben = server.join_as(&Claims::join("ben", "room"), Mode::Dual).await;
    ben.joined().await;
    ana.publish_mic("mic").await;
    ana.offer(7, &[("audio", "sendonly", "mic")]).await;
    ana.answer().await;
    let flights = asked(&server, None, 3).await.unwrap();
    assert_eq!((flights.call.room.as_str(), flights.call.left_out), ("room", 0));
    assert!(flights.call.sid.starts_with("RM_"));
    assert_eq!(flights.call.started, "2027-01-15T08:00:00Z");
    let told: Vec<_> =
        flights.connections.iter().map(|(it, _)| (it.identity.as_str(), it.role.as_str(), it.ended)).collect();
    assert_eq!(told, [("ana", "both", false), ("ben", "publisher", false), ("ben", "subscriber", false)]);
    let (first, entries) = &flights.connections[0];
    assert_eq!((first.client.as_str(), first.forgotten, entries.len()), ("js 2.23.0", 3, 1));
    let track = &flights.tracks[0];
    assert!(track.sid.starts_with("TR_AM") && track.participant == first.participant, "{track:?}");
    assert_eq!((track.kind.as_str(), track.source.as_str()), ("audio", "microphone"));
    let text = flights.write().unwrap();
    assert!(!text.contains("192.0.2"), "addresses are nobody's business: {text}");
    let of_ben = asked(&server, Some("ben"), 2).await.unwrap();
    assert!(of_ben.connections.iter().all(|(it, _)| it.identity == "ben"));
}

#[tokio::test]
async fn who_has_left_and_a_room_that_has_ended_are_known_for_a_quarter_of_an_hour() {
    let server = Server::new();
    let (ana, ana_id) = server.active("ana").await;
    let (_ben, ben_id) = server.active("ben").await;
    ana.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    until("ana has left", || matches!(server.facts().last(), Some(FactKind::Left(_)))).await;
    server.deliver(Event::Flight { id: ana_id, recording: recording(&server, 9), last: true });
    let flights = asked(&server, None, 1).await.unwrap();
    let told: Vec<_> = flights.connections.iter().map(|(it, _)| (it.identity.as_str(), it.ended)).collect();
    assert_eq!(told, [("ana", true), ("ben", false)]);

    server.rooms.close("room", CloseReason::RoomDeleted);
    until("the room has closed", || matches!(server.facts().last(), Some(FactKind::RoomClosed { .. }))).await;
    server.deliver(Event::Flight { id: ben_id, recording: recording(&server, 9), last: true });
    let later = server.rooms.recording("room", None).await.unwrap();
    assert_eq!(later.call.sid, flights.call.sid);
    assert!(later.connections.iter().all(|(it, _)| it.ended) && later.connections.len() == 2);
    server.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(server.rooms.recording("room", None).await, Err(AdminError::NoRoom));
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let server = Server::new();
    assert_eq!(server.rooms.recording("nowhere", None).await, Err(AdminError::NoRoom));
    let _ana = server.active("ana").await;
    assert_eq!(server.rooms.recording("room", Some("ben")).await, Err(AdminError::NoParticipant));
}

//! Chat in rooms that keep it, and in those that do not.

use visavis_signaling::data::{CHAT_TOPIC, ChatOperation, LEGACY_CHAT_TOPIC};
use visavis_signaling::proto::data_packet::Value as Payload;
use visavis_signaling::proto::data_stream::header::ContentHeader;
use visavis_signaling::proto::data_stream::{Chunk, Header, TextHeader, Trailer};
use visavis_signaling::proto::{ChatMessage, DataPacket, UserPacket};

use super::*;
use crate::rooms::observer::ChatLine;

fn packet(payload: Payload) -> DataPacket {
    DataPacket { value: Some(payload), ..DataPacket::default() }
}

fn header(id: &str) -> Header {
    let content_header = Some(ContentHeader::TextHeader(TextHeader::default()));
    Header { stream_id: id.into(), topic: CHAT_TOPIC.into(), content_header, ..Header::default() }
}

fn stream(id: &str, text: &str) -> [DataPacket; 3] {
    let chunk = Chunk { stream_id: id.into(), content: text.as_bytes().to_vec(), ..Chunk::default() };
    [
        packet(Payload::StreamHeader(header(id))),
        packet(Payload::StreamChunk(chunk)),
        packet(Payload::StreamTrailer(Trailer { stream_id: id.into(), ..Trailer::default() })),
    ]
}

fn said(server: &Server) -> Vec<ChatLine> {
    let line = |kind| match kind {
        FactKind::Chat(line) => Some(line),
        _ => None,
    };
    server.facts().into_iter().filter_map(line).collect()
}

/// Two who are connected; what the first one says, the second one gets.
async fn room(keeps_chat: bool) -> (Server, [TransportId; 2], [Client; 2]) {
    let server = Server::new();
    server.plan.change(|terms| terms.keeps_chat = keeps_chat);
    let ((ana, one), (ben, two)) = (server.active("ana").await, server.active("ben").await);
    (server, [one, two], [ana, ben])
}

#[tokio::test]
async fn a_text_stream_is_kept_once_and_passed_on_whole() {
    let (server, [ana, ben], _clients) = room(true).await;
    let legacy = json!({ "id": "m1", "timestamp": 1, "message": "hello", "ignoreLegacy": false });
    let legacy = UserPacket {
        payload: legacy.to_string().into_bytes(),
        topic: Some(LEGACY_CHAT_TOPIC.into()),
        ..UserPacket::default()
    };
    let old = ChatMessage { id: "m1".into(), message: "hello".into(), ..ChatMessage::default() };
    for message in stream("m1", "hello") {
        server.data(ana, &message);
    }
    server.data(ana, &packet(Payload::ChatMessage(old)));
    server.data(ana, &packet(Payload::User(legacy)));
    until("everything is passed on", || server.sent_to(ben).len() == 5).await;
    let said = said(&server);
    assert_eq!(said.len(), 1);
    assert_eq!((&*said[0].who.identity, said[0].stream_id.as_str(), said[0].text.as_str()), ("ana", "m1", "hello"));
    assert_eq!((said[0].operation, &said[0].reply_to), (ChatOperation::Create, &None));
}

#[tokio::test]
async fn the_same_id_of_another_sender_is_another_message() {
    let (server, [ana, ben], _clients) = room(true).await;
    for sender in [ana, ben] {
        for message in stream("m1", "hello") {
            server.data(sender, &message);
        }
    }
    until("both are kept", || said(&server).len() == 2).await;
}

#[tokio::test]
async fn a_room_that_does_not_keep_chat_passes_it_on_only() {
    let (server, [ana, ben], _clients) = room(false).await;
    for message in stream("m1", "hello") {
        server.data(ana, &message);
    }
    until("everything is passed on", || server.sent_to(ben).len() == 3).await;
    assert!(said(&server).is_empty());
    // It may begin to in mid-call.
    server.plan.change(|terms| terms.keeps_chat = true);
    a_tick().await;
    for message in stream("m2", "on the record") {
        server.data(ana, &message);
    }
    until("it is kept", || said(&server).len() == 1).await;
}

#[tokio::test]
async fn a_private_message_reaches_its_receiver_and_no_record() {
    let (server, [ana, ben], _clients) = room(true).await;
    for mut message in stream("m1", "psst") {
        message.destination_identities = vec!["ben".into()];
        server.data(ana, &message);
    }
    until("it is passed on", || server.sent_to(ben).len() == 3).await;
    assert!(said(&server).is_empty());
    assert_eq!(server.errors("chat_not_kept"), 0);
}

#[tokio::test]
async fn what_is_malformed_or_too_long_is_passed_on_and_counted() {
    let (server, [ana, ben], _clients) = room(true).await;
    let long = "x".repeat(40_000);
    for message in stream("m1", &long).into_iter().chain(stream("", "no id")) {
        server.data(ana, &message);
    }
    until("everything is passed on", || server.sent_to(ben).len() == 6).await;
    assert!(said(&server).is_empty());
    assert_eq!(server.errors("chat_not_kept"), 2);
}

#[tokio::test]
async fn a_text_that_never_ends_is_forgotten_and_counted() {
    let (server, [ana, _], _clients) = room(true).await;
    let [begin, middle, end] = stream("m1", "hello");
    server.data(ana, &begin);
    server.data(ana, &middle);
    a_tick().await;
    server.clock.advance(Duration::from_secs(60));
    until("it is given up", || server.errors("chat_not_kept") == 1).await;
    server.data(ana, &end);
    a_tick().await;
    assert!(said(&server).is_empty());
}

#[tokio::test]
async fn nothing_is_kept_of_whom_nobody_sees_nor_of_what_may_get_lost() {
    let server = Server::new();
    server.plan.change(|terms| terms.keeps_chat = true);
    let (_ben, ben) = server.active("ben").await;
    let mut claims = Claims::join("ghost", "room");
    claims.video.as_mut().unwrap().hidden = true;
    let _ghost = server.join_as(&claims, Mode::Single).await;
    let ghost = *server.transports().last().unwrap();
    for message in stream("m1", "boo") {
        server.data(ghost, &message);
    }
    until("it is passed on", || server.sent_to(ben).len() == 3).await;
    for message in stream("m2", "perhaps") {
        let payload = prost::Message::encode_to_vec(&message);
        server.deliver(Event::Data { id: ben, label: DataChannelLabel::Lossy, payload });
    }
    a_tick().await;
    assert!(said(&server).is_empty());
}

#[tokio::test]
async fn an_agent_that_speaks_for_somebody_is_recorded_as_that_person() {
    let server = Server::new();
    server.plan.change(|terms| terms.keeps_chat = true);
    let mut claims = Claims::join("ana", "room");
    claims.name = "Ana".into();
    let _ana = server.join_as(&claims, Mode::Single).await;
    let mut claims = Claims::join("agent", "room");
    claims.kind = proto::participant_info::Kind::Agent;
    let mut agent = server.join_as(&claims, Mode::Single).await;
    let sid = agent.joined().await.participant.unwrap().sid;
    let id = *server.transports().last().unwrap();
    let heading = Header { inline_content: Some(b"as spoken".to_vec()), ..header("t1") };
    let spoken = DataPacket { participant_identity: "ana".into(), ..packet(Payload::StreamHeader(heading)) };
    server.data(id, &spoken);
    until("it is kept", || said(&server).len() == 1).await;
    let line = &said(&server)[0];
    assert_eq!((&*line.who.identity, line.name.as_str(), line.who.sid.as_str()), ("ana", "Ana", sid.as_str()));
}

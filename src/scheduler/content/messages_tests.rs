//! Messages: doubles, pieces of the history, whose they are.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::scheduler::testing::*;
use crate::scheduler::{CallFactKind, ChatFact, ChatOperation, Denied, Lobby};

fn text(body: &str) -> NewMessage {
    NewMessage { body: body.into(), ..NewMessage::default() }
}

fn named(body: &str, stream: &str) -> NewMessage {
    NewMessage { body: body.into(), stream_id: Some(stream.into()), reply_to: None }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|it| it.body.as_deref().unwrap_or("(gone)")).collect()
}

impl Desk {
    async fn history(&self, actor: Actor, part: History, limit: usize) -> Vec<Message> {
        self.scheduler.messages(actor, appointment_id(1), part, limit).await.unwrap()
    }
}

#[tokio::test]
async fn both_sides_write_and_read_and_the_newest_comes_first() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.scheduler.post_message(customer(1), id, text("good morning")).await.unwrap();
    desk.at(0);
    let answer = desk.scheduler.post_message(expert(8), id, text("and to you\r\n")).await.unwrap();
    assert_eq!((answer.name.as_str(), answer.sent_at), ("Person 8", START));
    for actor in [customer(1), expert(8)] {
        let seen = desk.history(actor, History::Before(None), 10).await;
        assert_eq!(bodies(&seen), ["and to you", "good morning"]);
    }
    let told: i64 = desk.value("SELECT count(*) FROM events WHERE kind = 'appointment.content'");
    assert_eq!(told, 4, "two messages, two sides");
}

#[tokio::test]
async fn a_message_that_comes_by_the_room_and_by_request_is_one() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.at(0);
    let fact = |operation, text: &str| {
        CallFactKind::Chat(ChatFact {
            identity: desk.seat(1, 1).to_string(),
            name: "Person 1".into(),
            stream_id: "s-1".into(),
            text: text.into(),
            reply_to: None,
            operation,
        })
    };
    desk.fact(1, fact(ChatOperation::Create, "by the room")).await;
    let again = desk.scheduler.post_message(customer(1), id, named("by the room", "s-1")).await.unwrap();
    assert_eq!(desk.history(customer(1), History::Before(None), 10).await, [again]);
    // The other way round, and a request that is sent twice.
    desk.scheduler.post_message(customer(1), id, named("by request", "s-2")).await.unwrap();
    desk.scheduler.post_message(customer(1), id, named("by request", "s-2")).await.unwrap();
    assert_eq!(desk.history(customer(1), History::Before(None), 10).await.len(), 2);
    // Another's message of the same name is another message.
    desk.scheduler.post_message(expert(8), id, named("mine", "s-1")).await.unwrap();
    assert_eq!(desk.history(customer(1), History::Before(None), 10).await.len(), 3);
    desk.fact(1, fact(ChatOperation::Update, "changed in the room")).await;
    let seen = desk.history(expert(8), History::Before(None), 10).await;
    assert!(bodies(&seen).contains(&"changed in the room"));
}

#[tokio::test]
async fn the_history_comes_in_pieces_that_miss_nothing_and_tell_nothing_twice() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    for number in 0..25_i64 {
        // Several at the same moment among them.
        desk.at(number / 3 * 1_000);
        desk.scheduler.post_message(customer(1), id, text(&number.to_string())).await.unwrap();
    }
    let (mut mark, mut all) = (None, Vec::new());
    loop {
        let piece = desk.history(customer(1), History::Before(mark), 7).await;
        let Some(last) = piece.last() else { break };
        mark = Some(last.mark());
        all.extend(piece);
    }
    assert_eq!(all.len(), 25);
    assert!(all.is_sorted_by_key(|it| std::cmp::Reverse((it.sent_at, it.id))));

    let have = all[10].id;
    let newer = desk.history(customer(1), History::After(have), 100).await;
    let expected: Vec<_> = all[..10].iter().rev().cloned().collect();
    assert_eq!(newer, expected);
    let unknown = History::After(format!("00000000-0000-7000-8009-{:012}", 1).parse().unwrap());
    let refused = desk.scheduler.messages(customer(1), id, unknown, 10).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "after", .. })));
}

#[tokio::test]
async fn one_changes_and_takes_back_ones_own_and_what_is_taken_back_has_no_text() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let scheduler = &desk.scheduler;
    let message = scheduler.post_message(customer(1), id, text("hallo")).await.unwrap();
    desk.at(0);
    let edited = scheduler.edit_message(customer(1), id, message.id, "hello".into()).await.unwrap();
    assert_eq!((edited.body.as_deref(), edited.edited_at), (Some("hello"), Some(START)));
    for other in [expert(8), admin()] {
        let refused = scheduler.edit_message(other, id, message.id, "boo".into()).await;
        assert!(matches!(refused, Err(Error::NotYours)), "{refused:?}");
        assert!(matches!(scheduler.delete_message(other, id, message.id).await, Err(Error::NotYours)));
    }
    scheduler.delete_message(customer(1), id, message.id).await.unwrap();
    scheduler.delete_message(customer(1), id, message.id).await.unwrap();
    let seen = desk.history(expert(8), History::Before(None), 10).await;
    assert_eq!((seen[0].body.as_ref(), seen[0].deleted_at), (None, Some(START)));
    assert_eq!(desk.value::<String>("SELECT body FROM messages"), "");
    let late = scheduler.edit_message(customer(1), id, message.id, "back".into()).await;
    assert!(matches!(late, Err(Error::NotFound)));
}

#[tokio::test]
async fn strangers_find_nothing_and_administrators_read_without_writing() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let scheduler = &desk.scheduler;
    let message = scheduler.post_message(customer(1), id, text("between us")).await.unwrap();
    for stranger in [customer(2), expert(9), Actor::Anonymous] {
        let read = scheduler.messages(stranger, id, History::Before(None), 10).await;
        assert!(matches!(read, Err(Error::NotFound)), "{stranger:?}");
        let write = scheduler.post_message(stranger, id, text("let me in")).await;
        assert!(matches!(write, Err(Error::NotFound)), "{stranger:?}");
        assert!(matches!(scheduler.delete_message(stranger, id, message.id).await, Err(Error::NotFound)));
    }
    assert_eq!(desk.history(admin(), History::Before(None), 10).await.len(), 1);
    assert!(matches!(scheduler.post_message(admin(), id, text("hello")).await, Err(Error::NotYours)));
    // A message of another appointment is none of this one.
    let other = desk.approved_at(2, 1, 9, UnixTime(START.0 + 120 * MINUTE), Lobby::Off);
    assert!(matches!(scheduler.delete_message(customer(1), other, message.id).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn nothing_is_written_to_what_was_called_off_or_where_chat_is_not_kept_or_not_allowed() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.sql("UPDATE seats SET publish_data = 0 WHERE role = 'client'");
    let silent = desk.scheduler.post_message(customer(1), id, text("psst")).await;
    assert!(matches!(silent, Err(Error::NotYours)));
    desk.sql("UPDATE seats SET removed_at = 1 WHERE role = 'client'");
    let removed = desk.scheduler.post_message(customer(1), id, text("still here")).await;
    assert!(matches!(removed, Err(Error::Denied(Denied::Removed))));
    desk.sql("UPDATE appointments SET keep_chat = 0");
    let unkept = desk.scheduler.post_message(expert(8), id, text("for nobody")).await;
    assert!(matches!(unkept, Err(Error::Conflict(Conflict::ChatNotKept))));
    desk.sql("UPDATE appointments SET status = 'cancelled', keep_chat = 1");
    let late = desk.scheduler.post_message(expert(8), id, text("sorry")).await;
    assert!(matches!(late, Err(Error::Conflict(Conflict::WrongStatus(_)))), "{late:?}");
}

#[tokio::test]
async fn texts_and_names_that_are_none_are_refused() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let long = "x".repeat(MAX_BODY + 1);
    let stream = "s".repeat(129);
    for new in [text(""), text(" \n\t"), text(&long), named("a", ""), named("a", "a b"), named("a", &stream)] {
        let refused = desk.scheduler.post_message(customer(1), id, new).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    desk.scheduler.post_message(customer(1), id, text(&"é".repeat(MAX_BODY))).await.unwrap();
}

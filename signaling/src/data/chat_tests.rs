//! The tests of [`super`].

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use livekit_protocol::data_stream::{ByteHeader, TextHeader};
use livekit_protocol::{DataPacket, EncryptedPacket, UserPacket};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::data::{Channel, MAX_PACKET_SIZE, Sender};

const ALICE: Sender<'_> = Sender { sid: "PA_a", identity: "alice", hidden: false, is_agent: false };
const NOW: UnixTime = UnixTime::from_secs(1_000);

/// A packet as it is when the tap sees it: decoded and accepted.
fn accepted(message: DataPacket) -> Packet {
    let mut packet = Packet::decode(&message.encode_to_vec(), MAX_PACKET_SIZE).expect("valid");
    packet.accept(Channel::Reliable, &ALICE);
    packet
}

fn of(value: Value) -> Packet {
    accepted(DataPacket { value: Some(value), ..DataPacket::default() })
}

fn header(id: &str) -> Header {
    Header {
        stream_id: id.into(),
        topic: CHAT_TOPIC.into(),
        mime_type: "text/plain".into(),
        content_header: Some(ContentHeader::TextHeader(TextHeader::default())),
        ..Header::default()
    }
}

fn chunk(id: &str, index: u64, content: &[u8]) -> Packet {
    let chunk = Chunk { stream_id: id.into(), chunk_index: index, content: content.to_vec(), ..Chunk::default() };
    of(Value::StreamChunk(chunk))
}

fn trailer(id: &str) -> Packet {
    of(Value::StreamTrailer(Trailer { stream_id: id.into(), ..Trailer::default() }))
}

fn legacy(json: &str) -> Packet {
    let user =
        UserPacket { payload: json.as_bytes().to_vec(), topic: Some(LEGACY_CHAT_TOPIC.into()), ..Default::default() };
    of(Value::User(user))
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

/// What the tap finds in these packets, all at one time.
fn found(packets: &[Packet]) -> Vec<Result<ChatText, ChatFault>> {
    let mut tap = ChatTap::default();
    packets.iter().filter_map(|packet| tap.take(packet, NOW).transpose()).collect()
}

fn texts(packets: &[Packet]) -> Vec<String> {
    found(packets).into_iter().map(|found| found.expect("a message").text).collect()
}

#[test]
fn chunks_make_a_text_also_where_they_cut_a_letter() {
    let text = "grüezi".as_bytes();
    let packets = [
        of(Value::StreamHeader(Header { total_length: Some(text.len() as u64), ..header("s") })),
        chunk("s", 0, &text[..3]),
        chunk("s", 1, &text[3..]),
        trailer("s"),
    ];
    let expected =
        ChatText { id: "s".into(), text: "grüezi".into(), reply_to: None, operation: ChatOperation::Create };
    assert_eq!(found(&packets), [Ok(expected)]);
}

#[test]
fn a_text_in_the_header_needs_no_more_packets() {
    let inline = |content: &[u8], compression: CompressionType| {
        of(Value::StreamHeader(Header {
            inline_content: Some(content.to_vec()),
            compression: compression.into(),
            ..header("s")
        }))
    };
    assert_eq!(texts(&[inline(b"hello", CompressionType::None)]), ["hello"]);
    assert_eq!(texts(&[inline(&deflated(b"hello hello hello"), CompressionType::DeflateRaw)]), ["hello hello hello"]);
}

#[test]
fn a_deflated_stream_is_inflated_as_a_whole() {
    let text = "what was said ".repeat(1_000);
    let small = deflated(text.as_bytes());
    let (one, two) = small.split_at(small.len() / 2);
    let head = Header {
        compression: CompressionType::DeflateRaw.into(),
        total_length: Some(text.len() as u64),
        ..header("s")
    };
    assert_eq!(texts(&[of(Value::StreamHeader(head)), chunk("s", 0, one), chunk("s", 1, two), trailer("s")]), [text]);
}

#[test]
fn little_that_inflates_to_much_is_refused() {
    let bomb = deflated(&vec![b'x'; 10 * 1024 * 1024]);
    let head = Header { inline_content: Some(bomb), compression: CompressionType::DeflateRaw.into(), ..header("s") };
    assert_eq!(found(&[of(Value::StreamHeader(head))]), [Err(ChatFault::TooLong)]);
}

#[test]
fn other_topics_files_and_encrypted_texts_pass_unseen() {
    let mut encrypted = header("a");
    #[allow(deprecated, reason = "what older clients set")]
    {
        encrypted.encryption_type = encryption::Type::Gcm.into();
    }
    let file = Header { content_header: Some(ContentHeader::ByteHeader(ByteHeader::default())), ..header("b") };
    let other = Header { topic: "lk.transcription".into(), ..header("c") };
    let packets = [
        of(Value::StreamHeader(encrypted)),
        of(Value::StreamHeader(file)),
        of(Value::StreamHeader(other)),
        of(Value::EncryptedPacket(EncryptedPacket::default())),
        chunk("a", 0, b"x"),
        chunk("b", 0, b"x"),
        chunk("c", 0, b"x"),
        trailer("a"),
        trailer("b"),
        trailer("c"),
        of(Value::User(UserPacket { payload: b"{}".to_vec(), topic: Some("other".into()), ..Default::default() })),
    ];
    assert_eq!(found(&packets), []);
}

#[test]
fn what_is_meant_for_some_is_not_kept() {
    let to_bob = |value| {
        accepted(DataPacket { destination_identities: vec!["bob".into()], value: Some(value), ..DataPacket::default() })
    };
    let chat = ChatMessage { id: "m".into(), message: "psst".into(), ..Default::default() };
    assert_eq!(found(&[to_bob(Value::ChatMessage(chat))]), []);
    assert_eq!(found(&[to_bob(Value::StreamHeader(header("s"))), chunk("s", 0, b"psst"), trailer("s")]), []);
    // A public header does not make public what follows it.
    let secret = Chunk { stream_id: "s".into(), content: b"psst".to_vec(), ..Chunk::default() };
    let packets = [of(Value::StreamHeader(header("s"))), to_bob(Value::StreamChunk(secret)), trailer("s")];
    assert_eq!(found(&packets), [Err(ChatFault::PartlyPrivate)]);
}

#[test]
fn one_message_in_all_its_forms_is_one() {
    let chat = ChatMessage { id: "m".into(), message: "hello".into(), ..Default::default() };
    let packets = [
        of(Value::StreamHeader(header("m"))),
        chunk("m", 0, b"hello"),
        trailer("m"),
        of(Value::ChatMessage(chat.clone())),
        legacy(r#"{"id":"m","timestamp":1,"message":"hello","ignoreLegacy":false}"#),
    ];
    assert_eq!(texts(&packets), ["hello"]);
    // An old client knows the last form only; a new one marks it.
    assert_eq!(texts(&[legacy(r#"{"id":"m","timestamp":1,"message":"old"}"#)]), ["old"]);
    assert_eq!(found(&[legacy(r#"{"id":"m","message":"new","ignoreLegacy":true}"#)]), []);
    assert_eq!(found(&[legacy("hello")]), [Err(ChatFault::BadLegacy)]);
}

#[test]
fn edits_replies_and_deletions_are_told_apart() {
    let edit = ChatMessage { id: "m".into(), message: "two".into(), edit_timestamp: Some(5), ..Default::default() };
    let mut later = edit.clone();
    later.edit_timestamp = Some(6);
    let gone = ChatMessage { deleted: true, ..edit.clone() };
    let reply = Header {
        content_header: Some(ContentHeader::TextHeader(TextHeader {
            reply_to_stream_id: "m".into(),
            ..Default::default()
        })),
        inline_content: Some(b"yes".to_vec()),
        ..header("r")
    };
    let packets = [
        of(Value::ChatMessage(ChatMessage { id: "m".into(), message: "one".into(), ..Default::default() })),
        of(Value::ChatMessage(edit.clone())),
        of(Value::ChatMessage(edit)),
        of(Value::ChatMessage(later)),
        of(Value::ChatMessage(gone)),
        of(Value::StreamHeader(reply)),
    ];
    let found: Vec<_> = found(&packets).into_iter().map(|found| found.expect("a message")).collect();
    use ChatOperation as O;
    let operations: Vec<_> = found.iter().map(|chat| chat.operation).collect();
    assert_eq!(operations, [O::Create, O::Update, O::Update, O::Delete, O::Create]);
    assert_eq!(found[4].reply_to.as_deref(), Some("m"));
}

#[test]
fn a_stream_with_a_fault_is_told_of_once_and_forgotten() {
    let head = || of(Value::StreamHeader(header("s")));
    let big = vec![b'x'; MAX_CHAT_TEXT / 2 + 1];
    let long = [head(), chunk("s", 0, &big), chunk("s", 1, &big), chunk("s", 2, &big), trailer("s")];
    assert_eq!(found(&long), [Err(ChatFault::TooLong)]);
    let gap = [head(), chunk("s", 0, b"a"), chunk("s", 2, b"c"), trailer("s")];
    assert_eq!(found(&gap), [Err(ChatFault::OutOfSequence)]);
    assert_eq!(found(&[head(), chunk("s", 0, &[0xff]), trailer("s")]), [Err(ChatFault::NotText)]);
    assert_eq!(found(&[head(), head(), chunk("s", 0, b"a"), trailer("s")]), [Err(ChatFault::BadId)]);
    let broken = Trailer { stream_id: "s".into(), reason: "error".into(), ..Default::default() };
    assert_eq!(found(&[head(), of(Value::StreamTrailer(broken))]), [Err(ChatFault::Interrupted)]);
    let announced = |length| of(Value::StreamHeader(Header { total_length: Some(length), ..header("s") }));
    assert_eq!(found(&[announced(5), chunk("s", 0, b"abc"), trailer("s")]), [Err(ChatFault::WrongLength)]);
    assert_eq!(found(&[announced(1 << 40), chunk("s", 0, b"abc"), trailer("s")]), [Err(ChatFault::TooLong)]);
    assert_eq!(found(&[of(Value::StreamHeader(header("")))]), [Err(ChatFault::BadId)]);
}

#[test]
fn open_streams_are_bounded_in_number_and_time() {
    let mut tap = ChatTap::default();
    let open = |tap: &mut ChatTap, id: String, now| tap.take(&of(Value::StreamHeader(header(&id))), now);
    for number in 0..MAX_CHAT_STREAMS {
        assert_eq!(open(&mut tap, format!("s{number}"), NOW), Ok(None));
    }
    assert_eq!(open(&mut tap, "more".into(), NOW), Err(ChatFault::TooManyStreams));
    assert_eq!(tap.expire(NOW.plus(CHAT_STREAM_TIMEOUT - Duration::from_millis(1))), 0);
    let late = NOW.plus(CHAT_STREAM_TIMEOUT);
    assert_eq!(tap.clone().take(&chunk("s0", 0, b"x"), late), Err(ChatFault::Expired));
    assert_eq!(tap.expire(late), MAX_CHAT_STREAMS);
    assert_eq!(open(&mut tap, "more".into(), late), Ok(None));
}

proptest! {
    #[test]
    fn whatever_comes_the_tap_holds_little(
        streams in proptest::collection::vec(("[a-c]{0,3}", any::<Option<u64>>(), any::<Option<Vec<u8>>>(), 0..3i32), 0..40),
        chunks in proptest::collection::vec(("[a-c]{0,3}", 0..3u64, any::<Vec<u8>>()), 0..40),
    ) {
        let mut tap = ChatTap::default();
        for (id, total_length, inline_content, compression) in streams {
            let head = Header { total_length, inline_content, compression, ..header(&id) };
            let _ = tap.take(&of(Value::StreamHeader(head)), NOW);
            for (id, index, content) in &chunks {
                let _ = tap.take(&chunk(id, *index, content), NOW);
            }
        }
        prop_assert!(tap.open.len() <= MAX_CHAT_STREAMS && tap.seen.len() <= REMEMBERED);
        prop_assert!(tap.open.values().all(|stream| stream.bytes.len() <= MAX_CHAT_TEXT));
    }
}

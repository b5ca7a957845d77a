//! Chat as it passes: text streams put together again, and the two older forms of a message.
//!
//! LiveKit's clients have said the same thing in three ways. A text stream on `lk.chat` is today's: a header, chunks
//! and a trailer, or all of it in the header, deflated where every receiver can inflate. `ChatMessage` is the packet
//! of `sendChatMessage`. A user packet on `lk-chat-topic` holds JSON; the web components send it besides one of the
//! others under the same id, marked `ignoreLegacy` for servers that pass on text streams. One message is found once,
//! whatever its forms.

use std::collections::{HashMap, VecDeque};
use std::io::Read as _;
use std::time::Duration;

use flate2::read::DeflateDecoder;
use livekit_protocol::data_packet::Value;
use livekit_protocol::data_stream::header::ContentHeader;
use livekit_protocol::data_stream::{Chunk, CompressionType, Header, OperationType, Trailer};
use livekit_protocol::{ChatMessage, encryption};
use serde::Deserialize;
use thiserror::Error;

use super::Packet;
use crate::UnixTime;

/// Topic of text streams that are chat.
pub const CHAT_TOPIC: &str = "lk.chat";

/// Topic of the user packets that were chat before.
pub const LEGACY_CHAT_TOPIC: &str = "lk-chat-topic";

/// The longest text, in bytes.
pub const MAX_CHAT_TEXT: usize = 32 * 1024;

/// Text streams that one sender may have open.
pub const MAX_CHAT_STREAMS: usize = 16;

/// How long a text stream may take.
pub const CHAT_STREAM_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest id; SDKs use UUIDs.
const MAX_ID: usize = 128;

/// How many messages of one sender are remembered against repeats. The forms of one message follow each other.
const REMEMBERED: usize = 64;

/// What a chat message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChatOperation {
    /// It is new.
    Create,
    /// It replaces an earlier one.
    Update,
    /// It takes an earlier one back.
    Delete,
    /// It is a reaction to another one.
    Reaction,
}

/// A complete message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatText {
    /// Its id; of an update or deletion the id of what it concerns.
    pub id: String,
    /// The text.
    pub text: String,
    /// Id of the message that it answers.
    pub reply_to: Option<String>,
    /// What it does.
    pub operation: ChatOperation,
}

/// Why a message is not kept. It was passed on all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChatFault {
    /// More than [`MAX_CHAT_TEXT`].
    #[error("the text is too long")]
    TooLong,
    /// More than [`MAX_CHAT_STREAMS`] at once.
    #[error("too many text streams are open")]
    TooManyStreams,
    /// No id, one that is too long, or one of a stream that is open already.
    #[error("unusable id")]
    BadId,
    /// A chunk is missing, repeated or out of order.
    #[error("chunks are not in sequence")]
    OutOfSequence,
    /// The text is not as long as its header said.
    #[error("the text is not as long as announced")]
    WrongLength,
    /// Bytes that are neither UTF-8 nor what deflate makes.
    #[error("not a text")]
    NotText,
    /// The sender broke it off.
    #[error("broken off by the sender")]
    Interrupted,
    /// It took longer than [`CHAT_STREAM_TIMEOUT`].
    #[error("the text stream took too long")]
    Expired,
    /// Parts of it went to some only.
    #[error("parts of the text are private")]
    PartlyPrivate,
    /// Not the JSON of an old client.
    #[error("malformed legacy message")]
    BadLegacy,
}

/// Finds the chat messages among the packets of one sender.
#[derive(Clone, Debug, Default)]
pub struct ChatTap {
    open: HashMap<String, OpenStream>,
    seen: VecDeque<Seen>,
}

#[derive(Clone, Debug)]
struct OpenStream {
    began: UnixTime,
    chunks: u64,
    bytes: Vec<u8>,
    deflated: bool,
    announced: Option<u64>,
    reply_to: Option<String>,
    operation: ChatOperation,
    version: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    id: String,
    operation: ChatOperation,
    version: i64,
}

/// What the web components put into a user packet.
#[derive(Deserialize)]
struct Legacy {
    id: String,
    message: String,
    #[serde(default, rename = "ignoreLegacy")]
    ignore: bool,
}

impl ChatTap {
    /// Looks at a packet that was accepted and goes to its receivers, in the order of the sender's reliable channel:
    /// a message that is complete with it, if any.
    ///
    /// Private messages and encrypted ones are none of the server's business and pass unseen.
    ///
    /// # Errors
    ///
    /// [`ChatFault`] where a chat message cannot be kept; each is told once.
    pub fn take(&mut self, packet: &Packet, now: UnixTime) -> Result<Option<ChatText>, ChatFault> {
        let message = packet.message();
        let public = packet.destinations().is_everybody();
        match &message.value {
            Some(Value::StreamHeader(header)) if public => self.header(header, now),
            Some(Value::StreamChunk(chunk)) => self.chunk(chunk, public, now),
            Some(Value::StreamTrailer(trailer)) => self.trailer(trailer, public, now),
            Some(Value::ChatMessage(chat)) if public => self.packet(chat),
            Some(Value::User(user)) if public && user.topic.as_deref() == Some(LEGACY_CHAT_TOPIC) => {
                self.legacy(&user.payload)
            }
            _ => Ok(None),
        }
    }

    /// Forgets streams that have taken too long, and says how many. To be called now and then: they count until then.
    pub fn expire(&mut self, now: UnixTime) -> usize {
        let before = self.open.len();
        self.open.retain(|_, stream| !stream.is_late(now));
        before - self.open.len()
    }

    fn header(&mut self, header: &Header, now: UnixTime) -> Result<Option<ChatText>, ChatFault> {
        let Some(ContentHeader::TextHeader(text)) = &header.content_header else { return Ok(None) };
        #[allow(deprecated, reason = "clients before the packet's own mark of encryption set it")]
        let encrypted = header.encryption_type != encryption::Type::None as i32;
        if header.topic != CHAT_TOPIC || encrypted {
            return Ok(None);
        }
        check_id(&header.stream_id)?;
        // Zero is how clients write "unknown", an empty text included.
        let announced = header.total_length.filter(|length| *length > 0);
        if announced.is_some_and(|length| length > MAX_CHAT_TEXT as u64) {
            return Err(ChatFault::TooLong);
        }
        if self.open.contains_key(&header.stream_id) {
            self.open.remove(&header.stream_id);
            return Err(ChatFault::BadId);
        }
        let mut stream = OpenStream {
            began: now,
            chunks: 0,
            bytes: Vec::new(),
            deflated: header.compression == CompressionType::DeflateRaw as i32,
            announced,
            reply_to: Some(text.reply_to_stream_id.clone()).filter(|id| !id.is_empty() && id.len() <= MAX_ID),
            operation: match text.operation_type() {
                OperationType::Create => ChatOperation::Create,
                OperationType::Update => ChatOperation::Update,
                OperationType::Delete => ChatOperation::Delete,
                OperationType::Reaction => ChatOperation::Reaction,
            },
            version: text.version.into(),
        };
        if let Some(content) = &header.inline_content {
            stream.append(content)?;
            return self.finish(&header.stream_id, stream);
        }
        if self.open.len() >= MAX_CHAT_STREAMS {
            return Err(ChatFault::TooManyStreams);
        }
        self.open.insert(header.stream_id.clone(), stream);
        Ok(None)
    }

    fn chunk(&mut self, chunk: &Chunk, public: bool, now: UnixTime) -> Result<Option<ChatText>, ChatFault> {
        let Some(stream) = self.open.get_mut(&chunk.stream_id) else { return Ok(None) };
        let outcome = if !public {
            Err(ChatFault::PartlyPrivate)
        } else if stream.is_late(now) {
            Err(ChatFault::Expired)
        } else if chunk.chunk_index != stream.chunks {
            Err(ChatFault::OutOfSequence)
        } else {
            stream.append(&chunk.content)
        };
        if outcome.is_err() {
            // What follows of it belongs to no known stream, so the fault is told once.
            self.open.remove(&chunk.stream_id);
        }
        outcome.map(|()| None)
    }

    fn trailer(&mut self, trailer: &Trailer, public: bool, now: UnixTime) -> Result<Option<ChatText>, ChatFault> {
        let Some(stream) = self.open.remove(&trailer.stream_id) else { return Ok(None) };
        if !public {
            return Err(ChatFault::PartlyPrivate);
        }
        if stream.is_late(now) {
            return Err(ChatFault::Expired);
        }
        if !trailer.reason.is_empty() {
            return Err(ChatFault::Interrupted);
        }
        self.finish(&trailer.stream_id, stream)
    }

    fn finish(&mut self, id: &str, stream: OpenStream) -> Result<Option<ChatText>, ChatFault> {
        let bytes = if stream.deflated { inflate(&stream.bytes)? } else { stream.bytes };
        if stream.announced.is_some_and(|length| length != bytes.len() as u64) {
            return Err(ChatFault::WrongLength);
        }
        let text = String::from_utf8(bytes).map_err(|_| ChatFault::NotText)?;
        let chat = ChatText { id: id.into(), text, reply_to: stream.reply_to, operation: stream.operation };
        Ok(self.once(chat, stream.version))
    }

    fn packet(&mut self, chat: &ChatMessage) -> Result<Option<ChatText>, ChatFault> {
        check_id(&chat.id)?;
        if chat.message.len() > MAX_CHAT_TEXT {
            return Err(ChatFault::TooLong);
        }
        let operation = match (chat.deleted, chat.edit_timestamp) {
            (true, _) => ChatOperation::Delete,
            (false, Some(_)) => ChatOperation::Update,
            (false, None) => ChatOperation::Create,
        };
        let text = ChatText { id: chat.id.clone(), text: chat.message.clone(), reply_to: None, operation };
        Ok(self.once(text, chat.edit_timestamp.unwrap_or_default()))
    }

    fn legacy(&mut self, payload: &[u8]) -> Result<Option<ChatText>, ChatFault> {
        let legacy: Legacy = serde_json::from_slice(payload).map_err(|_| ChatFault::BadLegacy)?;
        if legacy.ignore {
            return Ok(None);
        }
        check_id(&legacy.id)?;
        if legacy.message.len() > MAX_CHAT_TEXT {
            return Err(ChatFault::TooLong);
        }
        let operation = ChatOperation::Create;
        Ok(self.once(ChatText { id: legacy.id, text: legacy.message, reply_to: None, operation }, 0))
    }

    /// The message, unless it has been seen in this or another form.
    fn once(&mut self, chat: ChatText, version: i64) -> Option<ChatText> {
        let seen = Seen { id: chat.id.clone(), operation: chat.operation, version };
        if self.seen.contains(&seen) {
            return None;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
        Some(chat)
    }
}

impl OpenStream {
    fn is_late(&self, now: UnixTime) -> bool {
        now.since(self.began) >= CHAT_STREAM_TIMEOUT
    }

    fn append(&mut self, content: &[u8]) -> Result<(), ChatFault> {
        if self.bytes.len() + content.len() > MAX_CHAT_TEXT {
            return Err(ChatFault::TooLong);
        }
        self.bytes.extend_from_slice(content);
        self.chunks += 1;
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), ChatFault> {
    if id.is_empty() || id.len() > MAX_ID { Err(ChatFault::BadId) } else { Ok(()) }
}

/// A few bytes can stand for any number: reading ends at the longest text.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, ChatFault> {
    let mut text = Vec::new();
    let mut limited = DeflateDecoder::new(bytes).take(MAX_CHAT_TEXT as u64 + 1);
    limited.read_to_end(&mut text).map_err(|_| ChatFault::NotText)?;
    if text.len() > MAX_CHAT_TEXT { Err(ChatFault::TooLong) } else { Ok(text) }
}

#[cfg(test)]
#[path = "chat_tests.rs"]
mod tests;

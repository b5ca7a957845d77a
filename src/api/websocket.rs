//! The WebSocket below a signaling connection: the library reads it and answers pings, messages are written here.
//!
//! What the library writes goes through a buffer that stays as large as the largest message was for as long as the
//! connection lives. In a room of a thousand that is the room as it was at joining, a hundred kilobytes for each of
//! them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use visavis_signaling::frame::MAX_FRAME_SIZE;

/// Bytes that a connection's reading buffer begins with: messages are small, and every participant has one for the whole
/// call.
const READ_BUFFER: usize = 4 * 1024;

/// Messages up to this size are gathered; larger ones are written from where they are.
const GATHER: usize = 4 * 1024;

/// The first byte of an unfragmented message's frame.
const BINARY: u8 = 0x82;
const TEXT: u8 = 0x81;

/// The server's end of a WebSocket.
pub(super) struct Socket {
    inner: WebSocketStream<TokioIo<Upgraded>>,
}

/// A message to a client.
pub(super) enum Data {
    Binary(Bytes),
    Text(String),
}

impl Data {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Binary(bytes) => (BINARY, bytes),
            Self::Text(text) => (TEXT, text.as_bytes()),
        }
    }
}

impl Socket {
    /// Takes over a connection whose handshake is done.
    pub(super) async fn new(upgraded: Upgraded) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_FRAME_SIZE))
            .max_frame_size(Some(MAX_FRAME_SIZE));
        Self { inner: WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await }
    }

    /// What the client sends next; nothing once the connection has ended.
    pub(super) async fn recv(&mut self) -> Option<Result<Message, Error>> {
        self.inner.next().await
    }

    /// Sends a ping or a close.
    pub(super) async fn control(&mut self, message: Message) -> Result<(), Error> {
        self.inner.send(message).await
    }

    /// Sends messages, small ones together. When it is given up in the middle the connection is of no use any more.
    pub(super) async fn send(&mut self, messages: &[Data]) -> Result<(), Error> {
        // An answer to a ping may have left in part.
        self.inner.flush().await?;
        let stream = self.inner.get_mut();
        let mut gathered = Vec::new();
        for message in messages {
            let (kind, payload) = message.parts();
            frame(&mut gathered, kind, payload.len());
            if payload.len() <= GATHER {
                gathered.extend_from_slice(payload);
            } else {
                stream.write_all(&gathered).await?;
                gathered.clear();
                stream.write_all(payload).await?;
            }
        }
        stream.write_all(&gathered).await?;
        stream.flush().await?;
        Ok(())
    }
}

/// Writes a frame's head, for a payload that is not masked (RFC 6455 §5.2).
fn frame(to: &mut Vec<u8>, kind: u8, length: usize) {
    to.push(kind);
    match length {
        0..126 => to.push(length as u8),
        126..=0xffff => {
            to.push(126);
            to.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            to.push(127);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// The answer to a handshake with this `Sec-WebSocket-Key`.
pub(super) fn switching(key: &HeaderValue) -> Response {
    let accept = derive_accept_key(key.as_bytes());
    let headers = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_as_long_as_the_payload_needs() {
        let head = |length| {
            let mut bytes = Vec::new();
            frame(&mut bytes, BINARY, length);
            bytes
        };
        assert_eq!(head(0), [0x82, 0]);
        assert_eq!(head(125), [0x82, 125]);
        assert_eq!(head(126), [0x82, 126, 0, 126]);
        assert_eq!(head(65_535), [0x82, 126, 0xff, 0xff]);
        assert_eq!(head(65_536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}

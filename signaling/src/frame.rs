//! WebSocket frames: protobuf in binary ones, proto-JSON in text ones
//! (LiveKit's `service/wsprotocol.go`).

use livekit_protocol::{SignalRequest, SignalResponse};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Largest frame in bytes, after inflation where the WebSocket compresses
/// (LiveKit's `limit.signal_message_size_limit`).
pub const MAX_FRAME_SIZE: usize = 2 << 20;

/// A data frame to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Protobuf.
    Binary(Vec<u8>),
    /// Proto-JSON.
    Text(String),
}

impl Frame {
    /// Payload length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// This frame, borrowed.
    pub fn as_ref(&self) -> FrameRef<'_> {
        match self {
            Self::Binary(bytes) => FrameRef::Binary(bytes),
            Self::Text(text) => FrameRef::Text(text),
        }
    }
}

/// A data frame as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRef<'a> {
    /// Protobuf.
    Binary(&'a [u8]),
    /// Proto-JSON.
    Text(&'a str),
}

/// Why a frame could not be read or written. LiveKit closes the connection
/// that sent such a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// More bytes than the limit.
    #[error("frame of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The frame's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A binary frame that is not the message expected.
    #[error("malformed protobuf frame: {0}")]
    Protobuf(String),
    /// A text frame that is not the message expected.
    #[error("malformed JSON frame: {0}")]
    Json(String),
    /// A message that cannot be written as JSON.
    #[error("cannot encode JSON frame: {0}")]
    Encode(String),
}

/// Decodes what one connection sends and encodes what it is sent, in the form
/// the peer used last: binary until it sends text.
#[derive(Clone, Debug)]
pub struct FrameCodec {
    json: bool,
    limit: usize,
}

impl Default for FrameCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameCodec {
    /// A codec in binary mode, limited to [`MAX_FRAME_SIZE`].
    pub fn new() -> Self {
        Self::with_limit(MAX_FRAME_SIZE)
    }

    /// A codec in binary mode that refuses frames of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self { json: false, limit }
    }

    /// Whether frames are written as JSON at the moment.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The server's side: reads a client's frame and takes over its form. A
    /// request of a kind this crate does not know comes without a message.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`], [`FrameError::Protobuf`] or
    /// [`FrameError::Json`].
    pub fn decode(&mut self, frame: FrameRef<'_>) -> Result<SignalRequest, FrameError> {
        self.decode_message(frame)
    }

    /// The server's side: writes a response.
    ///
    /// # Errors
    ///
    /// [`FrameError::Encode`], for JSON only.
    pub fn encode(&self, response: &SignalResponse) -> Result<Frame, FrameError> {
        self.encode_message(response)
    }

    /// The client's side of [`Self::decode`].
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub fn decode_response(&mut self, frame: FrameRef<'_>) -> Result<SignalResponse, FrameError> {
        self.decode_message(frame)
    }

    /// The client's side of [`Self::encode`].
    ///
    /// # Errors
    ///
    /// As [`Self::encode`].
    pub fn encode_request(&self, request: &SignalRequest) -> Result<Frame, FrameError> {
        self.encode_message(request)
    }

    /// Reads any message, such as those of agent workers, and takes over the
    /// frame's form.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub fn decode_message<M: Message + Default + DeserializeOwned>(
        &mut self,
        frame: FrameRef<'_>,
    ) -> Result<M, FrameError> {
        let size = match frame {
            FrameRef::Binary(bytes) => bytes.len(),
            FrameRef::Text(text) => text.len(),
        };
        if size > self.limit {
            return Err(FrameError::TooLarge { size, limit: self.limit });
        }
        match frame {
            FrameRef::Binary(bytes) => {
                self.json = false;
                M::decode(bytes).map_err(|error| FrameError::Protobuf(error.to_string()))
            }
            FrameRef::Text(text) => {
                self.json = true;
                serde_json::from_str(text).map_err(|error| FrameError::Json(error.to_string()))
            }
        }
    }

    /// Writes any message in the current form.
    ///
    /// # Errors
    ///
    /// As [`Self::encode`].
    pub fn encode_message<M: Message + Serialize>(&self, message: &M) -> Result<Frame, FrameError> {
        if self.json {
            serde_json::to_string(message).map(Frame::Text).map_err(|error| FrameError::Encode(error.to_string()))
        } else {
            Ok(Frame::Binary(message.encode_to_vec()))
        }
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol::{Ping, signal_request, signal_response};

    use super::*;

    fn ping() -> SignalRequest {
        SignalRequest { message: Some(signal_request::Message::PingReq(Ping { timestamp: 1 << 60, rtt: 7 })) }
    }

    fn pong() -> SignalResponse {
        SignalResponse { message: Some(signal_response::Message::Pong(1 << 53)) }
    }

    #[test]
    fn the_form_follows_the_peer_there_and_back() {
        let mut codec = FrameCodec::new();
        assert!(matches!(codec.encode(&pong()), Ok(Frame::Binary(_))));
        let json = serde_json::to_string(&ping()).expect("JSON");
        assert_eq!(codec.decode(FrameRef::Text(&json)), Ok(ping()));
        assert!(matches!(codec.encode(&pong()), Ok(Frame::Text(_))));
        assert_eq!(codec.decode(FrameRef::Binary(&ping().encode_to_vec())), Ok(ping()));
        assert!(matches!(codec.encode(&pong()), Ok(Frame::Binary(_))));
    }

    #[test]
    fn json_is_proto_json_with_long_numbers_as_strings() {
        let json = r#"{"pingReq":{"timestamp":"1152921504606846976","rtt":7}}"#;
        assert_eq!(FrameCodec::new().decode(FrameRef::Text(json)), Ok(ping()));
        let snake = r#"{"ping_req":{"timestamp":1152921504606846976,"rtt":"7"},"novel":[]}"#;
        assert_eq!(FrameCodec::new().decode(FrameRef::Text(snake)), Ok(ping()));
        let mut codec = FrameCodec::new();
        codec.json = true;
        let text = Frame::Text(r#"{"pong":"9007199254740992"}"#.into());
        assert_eq!(codec.encode(&pong()), Ok(text));
    }

    #[test]
    fn malformed_frames_are_errors() {
        let mut codec = FrameCodec::new();
        assert!(matches!(codec.decode(FrameRef::Binary(&[0xff, 0xff])), Err(FrameError::Protobuf(_))));
        assert!(matches!(codec.decode(FrameRef::Text("{")), Err(FrameError::Json(_))));
        assert!(matches!(codec.decode(FrameRef::Text("[1]")), Err(FrameError::Json(_))));
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_unread() {
        let mut codec = FrameCodec::with_limit(3);
        assert_eq!(codec.decode(FrameRef::Binary(&[0; 4])), Err(FrameError::TooLarge { size: 4, limit: 3 }));
        assert!(!codec.is_json());
    }

    #[test]
    fn an_unknown_request_comes_without_a_message() {
        // Field 999, length-delimited, two bytes.
        let bytes = [0xba, 0x3e, 0x02, 0x01, 0x02];
        let request = FrameCodec::new().decode(FrameRef::Binary(&bytes));
        assert_eq!(request, Ok(SignalRequest { message: None }));
    }
}

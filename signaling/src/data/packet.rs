//! One data packet: decoding, the sender's stamp, destinations, encoding.

use livekit_protocol::{
    DataPacket, MetricsBatch, UserPacket, data_packet, data_packet::Value, data_stream::header::ContentHeader,
};
use prost::Message as _;
use thiserror::Error;

use super::{Channel, wire};

/// The largest message accepted from a data channel, in bytes: what an SDP
/// without `max-message-size` promises (RFC 8841 §6.1).
pub const MAX_PACKET_SIZE: usize = 64 * 1024;

/// Field numbers of `DataPacket` that the server writes itself.
const KIND: u64 = 1;
const USER: u64 = 2;
const PARTICIPANT_IDENTITY: u64 = 4;
const DESTINATION_IDENTITIES: u64 = 5;
const CHAT_MESSAGE: u64 = 9;
const STREAM_HEADER: u64 = 13;
const PARTICIPANT_SID: u64 = 17;

/// Why bytes from a data channel are no packet. Such messages are dropped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    /// More bytes than allowed.
    #[error("data packet of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The message's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not a `DataPacket`.
    #[error("malformed data packet: {0}")]
    Malformed(String),
}

/// The participant a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender<'a> {
    /// Its sid.
    pub sid: &'a str,
    /// Its identity.
    pub identity: &'a str,
    /// It must not be named to others.
    pub hidden: bool,
    /// It is an agent, and may speak for another participant.
    pub is_agent: bool,
}

/// Where an accepted packet goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// To its destinations.
    Forward,
    /// To the metrics path: everybody, the sender included, who may subscribe
    /// to metrics.
    Metrics(MetricsBatch),
    /// Nowhere: the sender may not send this.
    Drop,
}

/// Who gets a packet. Both lists empty means everybody but the sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Identities.
    pub identities: Vec<String>,
    /// Sids, named by old clients.
    pub sids: Vec<String>,
}

impl Destinations {
    /// Whether the packet goes to everybody.
    pub fn is_everybody(&self) -> bool {
        self.identities.is_empty() && self.sids.is_empty()
    }

    /// Whether a participant is among the receivers. The sender never is; the
    /// caller leaves it out.
    pub fn includes(&self, identity: &str, sid: &str) -> bool {
        self.is_everybody()
            || self.identities.iter().any(|other| other == identity)
            || self.sids.iter().any(|other| other == sid)
    }
}

/// A data packet on its way through the server. What the server does not
/// change is forwarded as it came, fields unknown here included.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    message: DataPacket,
    /// The bytes it came in, and which of its fields are written anew.
    raw: Vec<u8>,
    rewritten: Vec<u64>,
}

impl Packet {
    /// Reads a message of a data channel.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub fn decode(bytes: &[u8], max_size: usize) -> Result<Self, DataError> {
        if bytes.len() > max_size {
            return Err(DataError::TooLarge { size: bytes.len(), limit: max_size });
        }
        let message = DataPacket::decode(bytes).map_err(|error| DataError::Malformed(error.to_string()))?;
        Ok(Self { message, raw: bytes.to_vec(), rewritten: Vec::new() })
    }

    /// A packet that the server sends itself (the `SendData` API).
    pub fn from_message(message: DataPacket) -> Self {
        Self { raw: message.encode_to_vec(), message, rewritten: Vec::new() }
    }

    /// The packet's contents.
    pub fn message(&self) -> &DataPacket {
        &self.message
    }

    /// The sequence number of a reliable packet; zero where there is none.
    pub fn sequence(&self) -> u32 {
        self.message.sequence
    }

    /// The 16 bytes by which repeats of a user packet are known.
    pub fn nonce(&self) -> Option<[u8; 16]> {
        match &self.message.value {
            Some(Value::User(user)) => user.nonce.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// Who gets it.
    pub fn destinations(&self) -> Destinations {
        let mut destinations =
            Destinations { identities: self.message.destination_identities.clone(), sids: Vec::new() };
        #[allow(deprecated, reason = "old clients name receivers in the user packet")]
        if let Some(Value::User(user)) = &self.message.value {
            if destinations.identities.is_empty() {
                destinations.identities.clone_from(&user.destination_identities);
            }
            destinations.sids.clone_from(&user.destination_sids);
        }
        destinations
    }

    /// Judges a packet from `channel` and stamps it with its sender: the kind is
    /// the channel's, sid and identity are the sender's, whatever the packet
    /// says. Agents may chat and stream text as somebody else, which is marked
    /// as generated. The caller has checked that the sender may publish data.
    pub fn accept(&mut self, channel: Channel, sender: &Sender<'_>) -> Verdict {
        self.set_kind(channel);
        let mut keeps_identity = false;
        let speaks_for_another = sender.is_agent
            && !self.message.participant_identity.is_empty()
            && self.message.participant_identity != sender.identity;
        let verdict = match &mut self.message.value {
            Some(Value::Transcription(_)) if !sender.is_agent => Verdict::Drop,
            Some(Value::Metrics(metrics)) => Verdict::Metrics(metrics.clone()),
            Some(Value::ChatMessage(chat)) if speaks_for_another => {
                keeps_identity = true;
                chat.generated = true;
                self.rewritten.push(CHAT_MESSAGE);
                Verdict::Forward
            }
            Some(Value::StreamHeader(header)) if speaks_for_another => {
                if let Some(ContentHeader::TextHeader(text)) = &mut header.content_header {
                    keeps_identity = true;
                    text.generated = true;
                    self.rewritten.push(STREAM_HEADER);
                }
                Verdict::Forward
            }
            // Kinds newer than our schema are forwarded, as in LiveKit.
            _ => Verdict::Forward,
        };
        self.stamp_sender(sender, keeps_identity);
        verdict
    }

    /// The bytes to forward.
    pub fn encode(&self) -> Vec<u8> {
        if self.rewritten.is_empty() {
            return self.raw.clone();
        }
        // Everything written anew, and nothing else.
        let written = |field| self.rewritten.contains(&field);
        #[allow(deprecated, reason = "`kind` is still filled for old clients")]
        let head = DataPacket {
            kind: if written(KIND) { self.message.kind } else { 0 },
            participant_identity: if written(PARTICIPANT_IDENTITY) {
                self.message.participant_identity.clone()
            } else {
                String::new()
            },
            destination_identities: if written(DESTINATION_IDENTITIES) {
                self.message.destination_identities.clone()
            } else {
                Vec::new()
            },
            sequence: 0,
            participant_sid: if written(PARTICIPANT_SID) {
                self.message.participant_sid.clone()
            } else {
                String::new()
            },
            value: if [USER, CHAT_MESSAGE, STREAM_HEADER].into_iter().any(written) {
                self.message.value.clone()
            } else {
                None
            },
        };
        let mut out = Vec::with_capacity(self.raw.len() + 96);
        match wire::copy_without(&self.raw, &self.rewritten, &mut out) {
            Some(()) => {
                // Appending another message merges its fields.
                head.encode_raw(&mut out);
                out
            }
            // It was decoded, so it can be walked; but better whole than lost.
            None => self.message.encode_to_vec(),
        }
    }

    fn set_kind(&mut self, channel: Channel) {
        let kind = match channel {
            Channel::Lossy => data_packet::Kind::Lossy,
            _ => data_packet::Kind::Reliable,
        };
        #[allow(deprecated, reason = "old clients read the kind from the packet")]
        {
            self.message.kind = kind.into();
        }
        self.rewritten.push(KIND);
    }

    /// Overwrites the sender. The sid always is the sender's, since receivers
    /// tell repeats by it; the identity and the user packet's fields are blank
    /// for a hidden sender.
    fn stamp_sender(&mut self, sender: &Sender<'_>, keeps_identity: bool) {
        sender.sid.clone_into(&mut self.message.participant_sid);
        let identity = if sender.hidden { "" } else { sender.identity };
        if !keeps_identity {
            identity.clone_into(&mut self.message.participant_identity);
        }
        self.rewritten.extend([PARTICIPANT_SID, PARTICIPANT_IDENTITY]);
        if let Some(Value::User(user)) = &mut self.message.value {
            #[allow(deprecated, reason = "old clients read these instead of the packet's own")]
            {
                user.participant_sid = if sender.hidden { "" } else { sender.sid }.to_owned();
                identity.clone_into(&mut user.participant_identity);
                if self.message.destination_identities.is_empty() {
                    self.message.destination_identities.clone_from(&user.destination_identities);
                } else {
                    user.destination_identities.clone_from(&self.message.destination_identities);
                }
            }
            self.rewritten.extend([USER, DESTINATION_IDENTITIES]);
        }
    }
}

/// Wraps the raw bytes of an unlabelled channel as a user packet, which is how
/// the others get them, on `_reliable`.
pub fn wrap_raw(payload: Vec<u8>, sender: &Sender<'_>) -> Packet {
    let user = UserPacket { payload, ..UserPacket::default() };
    let mut packet = Packet::from_message(DataPacket { value: Some(Value::User(user)), ..DataPacket::default() });
    packet.accept(Channel::Reliable, sender);
    packet
}

#[cfg(test)]
#[allow(deprecated, reason = "the deprecated fields are what old clients rely on")]
mod tests {
    use livekit_protocol::{ChatMessage, Transcription, data_stream};
    use proptest::prelude::*;

    use super::*;

    const ALICE: Sender<'_> = Sender { sid: "PA_a", identity: "alice", hidden: false, is_agent: false };
    const AGENT: Sender<'_> = Sender { sid: "PA_g", identity: "agent", hidden: false, is_agent: true };

    fn user(user: UserPacket) -> DataPacket {
        DataPacket { value: Some(Value::User(user)), ..DataPacket::default() }
    }

    fn packet(message: &DataPacket) -> Packet {
        Packet::decode(&message.encode_to_vec(), MAX_PACKET_SIZE).expect("valid")
    }

    fn forwarded(packet: &Packet) -> DataPacket {
        DataPacket::decode(packet.encode().as_slice()).expect("valid")
    }

    fn user_of(message: &DataPacket) -> &UserPacket {
        match &message.value {
            Some(Value::User(user)) => user,
            other => panic!("not a user packet: {other:?}"),
        }
    }

    #[test]
    fn the_sender_is_who_sent_it_whatever_the_packet_says() {
        let mut forged = user(UserPacket {
            participant_sid: "PA_x".into(),
            participant_identity: "mallory".into(),
            payload: b"hi".to_vec(),
            topic: Some("t".into()),
            ..UserPacket::default()
        });
        forged.participant_identity = "mallory".into();
        forged.participant_sid = "PA_x".into();
        forged.sequence = 9;
        let mut packet = packet(&forged);
        assert_eq!(packet.accept(Channel::Lossy, &ALICE), Verdict::Forward);
        let out = forwarded(&packet);
        assert_eq!((out.participant_identity.as_str(), out.participant_sid.as_str()), ("alice", "PA_a"));
        assert_eq!((out.kind, out.sequence), (1, 9));
        let user = user_of(&out);
        assert_eq!((user.participant_identity.as_str(), user.participant_sid.as_str()), ("alice", "PA_a"));
        assert_eq!((user.payload.as_slice(), user.topic.as_deref()), (&b"hi"[..], Some("t")));
        assert_eq!(&out, packet.message());
    }

    #[test]
    fn a_hidden_sender_is_not_named() {
        let mut packet = packet(&user(UserPacket {
            participant_identity: "me".into(),
            participant_sid: "PA_me".into(),
            ..UserPacket::default()
        }));
        packet.accept(Channel::Reliable, &Sender { hidden: true, ..ALICE });
        let out = forwarded(&packet);
        assert_eq!(out.participant_identity, "");
        assert_eq!(out.participant_sid, "PA_a", "receivers tell repeats by it");
        let user = user_of(&out);
        assert_eq!((user.participant_identity.as_str(), user.participant_sid.as_str()), ("", ""));
    }

    #[test]
    fn receivers_named_either_way_are_found_and_mirrored() {
        let mut old = packet(&user(UserPacket {
            destination_identities: vec!["bob".into()],
            destination_sids: vec!["PA_c".into()],
            ..UserPacket::default()
        }));
        old.accept(Channel::Reliable, &ALICE);
        let to = old.destinations();
        assert!(to.includes("bob", "PA_b") && to.includes("carol", "PA_c"));
        assert!(!to.includes("dave", "PA_d"));
        assert_eq!(forwarded(&old).destination_identities, ["bob"]);

        let mut new = user(UserPacket::default());
        new.destination_identities = vec!["bob".into()];
        let mut new = packet(&new);
        new.accept(Channel::Reliable, &ALICE);
        assert_eq!(user_of(&forwarded(&new)).destination_identities, ["bob"]);
    }

    #[test]
    fn without_receivers_it_goes_to_everybody() {
        let to = packet(&user(UserPacket::default())).destinations();
        assert!(to.is_everybody() && to.includes("anybody", "PA_z"));
    }

    #[test]
    fn only_agents_transcribe() {
        let transcription =
            DataPacket { value: Some(Value::Transcription(Transcription::default())), ..DataPacket::default() };
        assert_eq!(packet(&transcription).accept(Channel::Reliable, &ALICE), Verdict::Drop);
        assert_eq!(packet(&transcription).accept(Channel::Reliable, &AGENT), Verdict::Forward);
    }

    #[test]
    fn only_agents_chat_and_stream_text_as_somebody_else() {
        let chat = DataPacket {
            participant_identity: "alice".into(),
            value: Some(Value::ChatMessage(ChatMessage::default())),
            ..DataPacket::default()
        };
        let mut by_agent = packet(&chat);
        by_agent.accept(Channel::Reliable, &AGENT);
        let out = forwarded(&by_agent);
        assert_eq!((out.participant_identity.as_str(), out.participant_sid.as_str()), ("alice", "PA_g"));
        assert!(matches!(out.value, Some(Value::ChatMessage(chat)) if chat.generated));

        let mut by_bob = packet(&chat);
        by_bob.accept(Channel::Reliable, &Sender { identity: "bob", ..ALICE });
        let out = forwarded(&by_bob);
        assert_eq!(out.participant_identity, "bob");
        assert!(matches!(out.value, Some(Value::ChatMessage(chat)) if !chat.generated));

        let bytes = DataPacket {
            participant_identity: "alice".into(),
            value: Some(Value::StreamHeader(data_stream::Header {
                content_header: Some(ContentHeader::ByteHeader(data_stream::ByteHeader::default())),
                ..data_stream::Header::default()
            })),
            ..DataPacket::default()
        };
        let mut bytes = packet(&bytes);
        bytes.accept(Channel::Reliable, &AGENT);
        assert_eq!(forwarded(&bytes).participant_identity, "agent");
    }

    #[test]
    fn metrics_take_their_own_path() {
        let metrics = DataPacket { value: Some(Value::Metrics(MetricsBatch::default())), ..DataPacket::default() };
        let verdict = packet(&metrics).accept(Channel::Lossy, &ALICE);
        assert_eq!(verdict, Verdict::Metrics(MetricsBatch::default()));
    }

    #[test]
    fn fields_newer_than_our_schema_survive() {
        let mut bytes = DataPacket { sequence: 3, ..DataPacket::default() }.encode_to_vec();
        // Field 99, length-delimited: a payload kind of the future.
        bytes.extend([0x9a, 0x06, 0x03, b'n', b'e', b'w']);
        let mut packet = Packet::decode(&bytes, MAX_PACKET_SIZE).expect("valid");
        assert_eq!(packet.accept(Channel::Reliable, &ALICE), Verdict::Forward);
        let out = packet.encode();
        assert!(out.windows(3).any(|window| window == b"new"));
        assert_eq!(forwarded(&packet).participant_identity, "alice");
    }

    #[test]
    fn raw_bytes_become_a_user_packet() {
        let out = forwarded(&wrap_raw(b"raw".to_vec(), &ALICE));
        assert_eq!(user_of(&out).payload, b"raw");
        assert_eq!(user_of(&out).participant_sid, "PA_a");
    }

    #[test]
    fn oversize_and_malformed_messages_are_refused() {
        assert_eq!(Packet::decode(&[0; 9], 8), Err(DataError::TooLarge { size: 9, limit: 8 }));
        assert!(matches!(Packet::decode(&[0xff; 4], 8), Err(DataError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_survive_the_way(bytes: Vec<u8>, agent: bool, hidden: bool) {
            if let Ok(mut packet) = Packet::decode(&bytes, MAX_PACKET_SIZE) {
                packet.accept(Channel::Reliable, &Sender { hidden, is_agent: agent, ..ALICE });
                let out = DataPacket::decode(packet.encode().as_slice()).expect("still a packet");
                prop_assert_eq!(&out.participant_sid, "PA_a");
                prop_assert_eq!(&out, packet.message());
            }
        }

        #[test]
        fn user_packets_are_forwarded_as_stamped(
            payload: Vec<u8>,
            nonce: Vec<u8>,
            receivers in proptest::collection::vec("[a-z]{0,8}", 0..4),
            sids in proptest::collection::vec("PA_[a-z]{0,8}", 0..4),
            sequence: u32,
        ) {
            let mut message = user(UserPacket {
                payload,
                nonce,
                destination_sids: sids,
                ..UserPacket::default()
            });
            message.destination_identities = receivers;
            message.sequence = sequence;
            let mut packet = packet(&message);
            packet.accept(Channel::Reliable, &ALICE);
            prop_assert_eq!(&forwarded(&packet), packet.message());
        }
    }
}

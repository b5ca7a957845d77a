//! Messages that many clients get, encoded once.
//!
//! On the wire a repeated message is repeated bytes: what has been encoded of
//! each participant is put together anew for whoever is told, never written
//! anew.

use livekit_protocol::{JoinResponse, ParticipantInfo, SignalResponse};
use prost::Message;
use prost::bytes::{BufMut as _, Bytes, BytesMut};

use super::MAX_UPDATE_SIZE;

/// `SignalResponse.join`: field 1, of a length.
const JOIN_FIELD: u8 = 1 << 3 | 2;

/// Encodes what others are told of a participant, for [`encode_updates`] and
/// [`encode_join`].
pub fn encode_info(info: &ParticipantInfo) -> Bytes {
    info.encode_to_vec().into()
}

/// Encodes a message that goes to many.
pub fn encode_response(response: &SignalResponse) -> Bytes {
    response.encode_to_vec().into()
}

/// Updates about participants, as [`super::Session::participant_update`] makes
/// them: messages of about [`MAX_UPDATE_SIZE`] in the order given.
pub fn encode_updates<'a>(infos: impl IntoIterator<Item = &'a Bytes>) -> Vec<Bytes> {
    let mut updates: Vec<ParticipantUpdate> = Vec::new();
    let mut size = 0;
    for info in infos {
        match updates.last_mut() {
            Some(update) if size + info.len() <= MAX_UPDATE_SIZE => update.participants.push(info.clone()),
            _ => {
                size = 0;
                updates.push(ParticipantUpdate { participants: vec![info.clone()] });
            }
        }
        size += info.len();
    }
    let encode = |update| UpdateResponse { update: Some(update) }.encode_to_vec().into();
    updates.into_iter().map(encode).collect()
}

/// A join response with `others` added to the participants that it names.
pub fn encode_join(join: &JoinResponse, others: Vec<Bytes>) -> Bytes {
    let others = OtherParticipants { others };
    let length = join.encoded_len() + others.encoded_len();
    let mut bytes = BytesMut::with_capacity(1 + prost::length_delimiter_len(length) + length);
    bytes.put_u8(JOIN_FIELD);
    // Room for all of it has just been made.
    let _ = prost::encode_length_delimiter(length, &mut bytes)
        .and_then(|()| join.encode(&mut bytes))
        .and_then(|()| others.encode(&mut bytes));
    bytes.freeze()
}

/// `SignalResponse` with an update.
#[derive(Clone, PartialEq, Message)]
struct UpdateResponse {
    #[prost(message, optional, tag = "5")]
    update: Option<ParticipantUpdate>,
}

/// `ParticipantUpdate`, its participants encoded.
#[derive(Clone, PartialEq, Message)]
struct ParticipantUpdate {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    participants: Vec<Bytes>,
}

/// That part of a `JoinResponse`; fields may come in any order.
#[derive(Clone, PartialEq, Message)]
struct OtherParticipants {
    #[prost(bytes = "bytes", repeated, tag = "3")]
    others: Vec<Bytes>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use livekit_protocol::{Room, signal_response};

    use super::*;

    fn info(number: u32, size: usize) -> ParticipantInfo {
        let mut info = ParticipantInfo { sid: format!("PA_{number}"), version: number, ..ParticipantInfo::default() };
        info.metadata = "m".repeat(size);
        info.attributes.insert("seat".into(), "left".into());
        info
    }

    fn read(bytes: &Bytes) -> signal_response::Message {
        SignalResponse::decode(&bytes[..]).unwrap().message.unwrap()
    }

    #[test]
    fn shared_updates_read_as_if_they_were_written_for_one() {
        let people: Vec<_> = (0..3).map(|number| info(number, 60_000)).collect();
        let encoded: Vec<_> = people.iter().map(encode_info).collect();
        let read: Vec<Vec<_>> = encode_updates(&encoded)
            .iter()
            .map(|bytes| match read(bytes) {
                signal_response::Message::Update(update) => update.participants,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(read, super::super::chunk_participants(people, MAX_UPDATE_SIZE));
        assert_eq!(read.len(), 2);
        assert!(encode_updates(&[]).is_empty());
    }

    #[test]
    fn a_join_response_names_those_that_were_encoded_before() {
        let join = JoinResponse {
            room: Some(Room { name: "room".into(), ..Room::default() }),
            other_participants: vec![info(0, 10)],
            fast_publish: true,
            ..JoinResponse::default()
        };
        let whole =
            JoinResponse { other_participants: (0..4).map(|number| info(number, 10)).collect(), ..join.clone() };
        let bytes = encode_join(&join, (1..4).map(|number| encode_info(&info(number, 10))).collect());
        assert_eq!(read(&bytes), signal_response::Message::Join(whole));
    }
}

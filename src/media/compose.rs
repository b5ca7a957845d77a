//! From what is queued to the plaintext packet: the header first, so that lengths are known before anything is copied, then
//! the payload, copied once.

use crate::rtp::red::Red;
use crate::rtp::rtx::{OSN_LEN, write_osn};
use crate::rtp::write::{HeaderFields, MAX_HEADER_LEN, pad_to};
use crate::rtp::{Codec, ExtensionValues};
use crate::units::SeqNo;

use super::forwarder::Forwarder;
use super::outgoing::Outgoing;
use super::packet::SourcePacket;
use super::padding;
use super::send::{Form, Queued};
use super::stream::Stream;
use super::table::Table;

/// Room that one packet needs at most: headers may have grown, padding and tag come behind.
pub const PACKET_ROOM: usize = 2048 + MAX_HEADER_LEN;

/// A packet whose header is written and whose length is known.
#[derive(Clone, Copy)]
pub struct Prepared {
    /// Its place in the queue.
    pub queued: u32,
    /// Where its header begins.
    pub header_at: u32,
    /// Bytes.
    pub header_len: u16,
    /// Where in the header the transport-wide number is, if it has one.
    pub transport_seq_at: Option<u16>,
    /// Bytes, without padding.
    pub payload_len: u16,
}

/// Writes the header into `headers` and works out the payload's length. None when the packet is no longer
/// to be had, or its forwarder is gone.
pub fn prepare(
    queued: &Queued,
    index: u32,
    gathered: &[SourcePacket],
    forwarders: &Table<Forwarder>,
    streams: &Table<Stream>,
    headers: &mut Vec<u8>,
) -> Option<(Prepared, bool)> {
    let source = gathered.get(queued.packet as usize)?;
    let bytes = streams.get(source.stream)?.cache.get(source.seq)?;
    let binding = forwarders.get(queued.forwarder)?.binding.as_ref()?;
    let section = &binding.section;
    let mut fields = HeaderFields {
        marker: source.header.marker || Outgoing::with_marker(queued.out.codec),
        payload_type: queued.payload_type,
        seq: SeqNo(queued.out.seq as u16),
        timestamp: queued.out.timestamp,
        ssrc: section.ssrc,
    };
    let mut payload_len = payload_of(queued, source, bytes).len();
    if payload_len > 0
        && let Some(descriptor) = &source.vp8
    {
        payload_len += descriptor.written_len() - usize::from(descriptor.len);
    }
    if let Form::Rtx { seq, payload_type } = queued.form {
        fields.seq = seq;
        fields.payload_type = payload_type;
        fields.ssrc = section.rtx_ssrc;
        payload_len += OSN_LEN;
    }
    let header_at = headers.len();
    headers.resize(header_at + MAX_HEADER_LEN, 0);
    let with_mid = Outgoing::with_mid(queued.out.codec);
    let out = &mut headers[header_at..];
    let values = source.values(bytes);
    let written = match values.dependency_descriptor.filter(|_| Outgoing::is_narrowed(queued.out.codec)) {
        Some(descriptor) => {
            let mut narrowed = [0; 255];
            let len = Outgoing::narrow(queued.out.codec, descriptor, &mut narrowed);
            let dependency_descriptor = Some(len.map_or(descriptor, |len| &narrowed[..len]));
            binding.header.write(out, &fields, &ExtensionValues { dependency_descriptor, ..values }, with_mid)?
        }
        None => binding.header.write(out, &fields, &values, with_mid)?,
    };
    headers.truncate(header_at + written.len);
    if written.len + payload_len + usize::from(padding::MAX_PADDING) + 32 > PACKET_ROOM {
        return None;
    }
    let may_pad = !matches!(queued.form, Form::Again { .. }) && payload_len > 0;
    let ready = Prepared {
        queued: index,
        header_at: header_at as u32,
        header_len: written.len as u16,
        transport_seq_at: written.transport_seq_at,
        payload_len: payload_len as u16,
    };
    Some((ready, may_pad))
}

/// The part of a source packet's payload that is sent.
fn payload_of<'a>(queued: &Queued, source: &SourcePacket, bytes: &'a [u8]) -> &'a [u8] {
    let payload = source.header.payload(bytes);
    if queued.strip_red && source.codec == Codec::Red {
        return Red::parse(payload).map_or(&[], |red| red.primary().1);
    }
    payload
}

/// Puts header and payload into `room`; returns the length of the plaintext packet.
pub fn compose(
    room: &mut [u8],
    ready: &Prepared,
    headers: &[u8],
    queued: &Queued,
    source: &SourcePacket,
    bytes: &[u8],
) -> Option<usize> {
    let header_len = usize::from(ready.header_len);
    let header_at = ready.header_at as usize;
    room[..header_len].copy_from_slice(headers.get(header_at..header_at + header_len)?);
    let payload = payload_of(queued, source, bytes);
    let mut at = header_len;
    if matches!(queued.form, Form::Rtx { .. }) {
        write_osn(&mut room[at..], SeqNo(queued.out.seq as u16))?;
        at += OSN_LEN;
    }
    if payload.is_empty() {
        // Padding alone: an empty packet without it would be nothing at all to some receivers.
        return Some(pad_to(room, at, at + 1));
    }
    let written = match &source.vp8 {
        Some(descriptor) => descriptor.write_with(&Outgoing::vp8(queued.out.codec), payload, &mut room[at..])?,
        None => {
            room.get_mut(at..at + payload.len())?.copy_from_slice(payload);
            payload.len()
        }
    };
    Some(at + written)
}

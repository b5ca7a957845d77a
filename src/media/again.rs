//! A packet that was sent, made ready to be sent once more: for a NACK, or as part of a probe.

use crate::units::PayloadType;

use super::forwarder::{Forwarder, ForwarderKey};
use super::outgoing::Outgoing;
use super::packet::SourcePacket;
use super::route::Route;
use super::send::{Form, Queued};
use super::sent::Sent;
use super::stream::Stream;
use super::table::Table;

/// Where it is found, and how it leaves.
pub struct Again {
    /// Its source, out of the cache.
    pub packet: SourcePacket,
    sent: Sent,
    route: Route,
    payload_type: PayloadType,
}

impl Again {
    /// Finds what was sent; none when it is no longer kept, or the subscriber no longer takes its codec.
    pub fn find(forwarder: &mut Forwarder, sent: Sent, streams: &Table<Stream>) -> Option<Self> {
        let key = forwarder.source_of(sent.epoch)?;
        let stream = streams.get(key)?;
        let seq = nearest(sent.source_seq, stream.stats.highest()?);
        let packet = stream.cached(key, seq)?;
        let route = forwarder.route(&stream.codec.as_ref()?.params)?;
        Some(Self { packet, sent, route, payload_type: route.payload_type? })
    }

    /// As a retransmission on a stream of its own; none where the subscriber has no such stream.
    pub fn rtx(&self, forwarder: &mut Forwarder) -> Option<Form> {
        let payload_type = self.route.rtx?;
        let seq = forwarder.rtx_seq;
        forwarder.rtx_seq = seq.add(1);
        Some(Form::Rtx { seq, payload_type })
    }

    /// As it was.
    pub fn repeated(&self) -> Form {
        Form::Again { transport_seq: self.sent.transport_seq, padding: self.sent.padding }
    }

    /// For the send queue, where `packet` was gathered.
    pub fn queued(&self, packet: u32, key: ForwarderKey, forwarder: &Forwarder, form: Form) -> Queued {
        let Sent { out_seq, timestamp, codec, .. } = self.sent;
        Queued {
            packet,
            forwarder: key,
            out: Outgoing { seq: u64::from(out_seq), timestamp, codec },
            payload_type: self.payload_type,
            strip_red: self.route.strip_red,
            form,
            kind: forwarder.kind,
        }
    }
}

/// The extended number with these low bits that lies nearest to `reference`.
fn nearest(low: u32, reference: u64) -> u64 {
    reference.wrapping_add_signed(i64::from(low.wrapping_sub(reference as u32) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_number_is_completed_from_one_nearby() {
        assert_eq!(nearest(5, 0x1_0000_0003), 0x1_0000_0005);
        assert_eq!(nearest(u32::MAX, 0x1_0000_0003), 0xFFFF_FFFF);
        assert_eq!(nearest(1, 0xFFFF_FFFF), 0x1_0000_0001);
    }
}

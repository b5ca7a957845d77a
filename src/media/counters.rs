//! What a shard counts: plain integers that `net/` copies out now and then.

use crate::transport::DropCause;

/// Why the shard itself dropped something. An index into [`Counters::drops`]; what a transport drops
/// is in [`Counters::transport_drops`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Drop {
    /// A datagram from an address that no transport has validated, and no STUN for one of ours.
    UnknownAddress,
    /// RTP that does not parse.
    MalformedRtp,
    /// RTCP that does not parse.
    MalformedRtcp,
    /// RTP of a source that belongs to no negotiated section.
    UnknownStream,
    /// RTP of a new source while the transport has as many as it may.
    TooManyStreams,
    /// RTP with a payload type that its section did not negotiate.
    UnknownPayloadType,
    /// A packet that was received before, on its own or as a retransmission.
    Duplicate,
    /// A retransmission that cannot be undone: too short, or of an unknown stream.
    BadRetransmission,
    /// A packet for a subscriber whose queue was full.
    QueueFull,
    /// A packet that was overwritten or whose transport lost its path before it could be sent.
    Stale,
    /// A packet that the transport would not seal.
    NotSealed,
    /// A data message for a channel that is not open.
    ChannelNotOpen,
    /// A data message for a reader that is too slow.
    SlowReader,
    /// A data message too large for the peer.
    MessageTooLarge,
    /// A data-track packet of an unknown handle, or too short.
    BadDataTrackPacket,
    /// An event that did not fit the queue to the control plane.
    EventQueueFull,
    /// A command that names something unknown.
    UnknownId,
    /// A datagram of a handshake while too many others waited.
    HandshakeQueueFull,
    /// A packet for another shard, to which there is no way or a full one.
    RelayFull,
    /// A packet from another shard of a track that has no mirror here, or no longer.
    RelayUnknownTrack,
}

impl Drop {
    /// How many causes there are.
    pub const COUNT: usize = 20;

    /// Every cause with the word that metrics use for it.
    pub const ALL: [(Drop, &'static str); Self::COUNT] = [
        (Self::UnknownAddress, "unknown_address"),
        (Self::MalformedRtp, "malformed_rtp"),
        (Self::MalformedRtcp, "malformed_rtcp"),
        (Self::UnknownStream, "unknown_stream"),
        (Self::TooManyStreams, "too_many_streams"),
        (Self::UnknownPayloadType, "unknown_payload_type"),
        (Self::Duplicate, "duplicate"),
        (Self::BadRetransmission, "bad_retransmission"),
        (Self::QueueFull, "queue_full"),
        (Self::Stale, "stale"),
        (Self::NotSealed, "not_sealed"),
        (Self::ChannelNotOpen, "channel_not_open"),
        (Self::SlowReader, "slow_reader"),
        (Self::MessageTooLarge, "message_too_large"),
        (Self::BadDataTrackPacket, "bad_data_track_packet"),
        (Self::EventQueueFull, "event_queue_full"),
        (Self::UnknownId, "unknown_id"),
        (Self::HandshakeQueueFull, "handshake_queue_full"),
        (Self::RelayFull, "relay_full"),
        (Self::RelayUnknownTrack, "relay_unknown_track"),
    ];
}

/// Packets and bytes of one kind and direction. Bytes are those of RTP and RTCP before sealing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Counts one packet.
    #[inline]
    pub fn count(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Everything that a shard counts, since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams received, whatever they were.
    pub datagrams_in: Traffic,
    /// Datagrams handed to the sink.
    pub datagrams_out: Traffic,
    /// First transmissions received.
    pub rtp_in: Traffic,
    /// Retransmissions received.
    pub rtx_in: Traffic,
    /// RTCP compounds received.
    pub rtcp_in: Traffic,
    /// First transmissions sent.
    pub rtp_out: Traffic,
    /// Retransmissions sent.
    pub rtx_out: Traffic,
    /// RTCP compounds sent.
    pub rtcp_out: Traffic,
    /// Packets and messages that other shards sent for subscribers here.
    pub relay_in: Traffic,
    /// Packets and messages for subscribers on other shards, once for each shard.
    pub relay_out: Traffic,
    /// Bytes of padding that made packets of equal length.
    pub padding_out: u64,
    /// Packets that publishers lost on the way to us, net of repairs.
    pub lost_in: u64,
    /// Key-frame requests (PLI and FIR) received from subscribers.
    pub plis_in: u64,
    /// Key-frame requests sent to publishers.
    pub plis_out: u64,
    /// Probes of what the way to a subscriber carries.
    pub probes_out: u64,
    /// Packets that waited for their turn, where the way to a subscriber was near its limit.
    pub paced: u64,
    /// Packets that subscribers asked for again.
    pub nacks_in: u64,
    /// Packets that we asked publishers for again.
    pub nacks_out: u64,
    /// Requests for a packet that we no longer had, or never had.
    pub nack_misses: u64,
    /// Requests that we ignored because the packet had just been sent again, or too often.
    pub nack_repeats: u64,
    /// Requests that the subscriber's retransmission budget did not allow.
    pub nack_over_budget: u64,
    /// Layer switches.
    pub switches: u64,
    /// Data messages received.
    pub data_in: Traffic,
    /// Data messages sent.
    pub data_out: Traffic,
    /// Events whose subject the shard dropped, by [`Drop`] as index.
    pub drops: [u64; Drop::COUNT],
    /// What transports dropped, by [`DropCause`] as index.
    pub transport_drops: [u64; DropCause::COUNT],
    /// Transports that live now.
    pub transports: usize,
    /// Published tracks that live now.
    pub tracks: usize,
    /// Received streams that live now.
    pub streams: usize,
    /// Forwarders that live now.
    pub forwarders: usize,
    /// Most packets ever gathered before a flush.
    pub gathered_max: usize,
}

impl Counters {
    /// Counts one drop.
    #[inline]
    pub fn drop(&mut self, cause: Drop) {
        self.drops[cause as usize] += 1;
    }

    /// Drops of one cause.
    pub fn dropped(&self, cause: Drop) -> u64 {
        self.drops[cause as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_place_and_word() {
        for (index, (cause, word)) in Drop::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, index, "{word}");
        }
    }
}

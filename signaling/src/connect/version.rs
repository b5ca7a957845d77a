//! What each protocol version can do.

/// A client's signaling protocol version and the features it implies
/// (LiveKit's `pkg/rtc/types/protocol_version.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion(pub i32);

impl ProtocolVersion {
    /// Understands stream ids that pack participant and track sids.
    pub fn packs_stream_id(self) -> bool {
        self.0 > 0
    }

    /// Handles `DataPacket`s.
    pub fn handles_data_packets(self) -> bool {
        self.0 > 1
    }

    /// Can use the subscriber peer connection as its primary one.
    pub fn supports_subscriber_primary(self) -> bool {
        self.0 > 2
    }

    /// Takes speaker deltas instead of whole lists.
    pub fn supports_speakers_changed(self) -> bool {
        self.0 > 2
    }

    /// Copes with m-lines being used again.
    pub fn supports_transceiver_reuse(self) -> bool {
        self.0 > 3
    }

    /// Takes connection quality updates.
    pub fn supports_connection_quality(self) -> bool {
        self.0 > 4
    }

    /// Can be moved between nodes.
    pub fn supports_migration(self) -> bool {
        self.0 > 5
    }

    /// Works with an ICE-lite server.
    pub fn supports_ice_lite(self) -> bool {
        self.0 > 5
    }

    /// Understands `track_unpublished`.
    pub fn supports_unpublish(self) -> bool {
        self.0 > 6
    }

    /// Takes media in the first offer.
    pub fn supports_fast_start(self) -> bool {
        self.0 > 7
    }

    /// Takes synthesized disconnects when it resumes.
    pub fn supports_disconnected_update(self) -> bool {
        self.0 > 8
    }

    /// Understands stream names for audio and video kept in sync.
    pub fn supports_sync_stream_id(self) -> bool {
        self.0 > 9
    }

    /// Knows the connection quality `LOST`.
    pub fn supports_connection_quality_lost(self) -> bool {
        self.0 > 10
    }

    /// Takes the room's sid later than the join response.
    pub fn supports_async_room_id(self) -> bool {
        self.0 > 11
    }

    /// Recognises a returning participant by identity, and needs no synthesized
    /// disconnect of the older session.
    pub fn supports_identity_reconnection(self) -> bool {
        self.0 > 11
    }

    /// Reads `action` and `regions` of a leave instead of `can_reconnect`.
    pub fn supports_leave_action(self) -> bool {
        self.0 > 12
    }

    /// Takes request responses that are not errors.
    pub fn supports_ok_response(self) -> bool {
        self.0 > 14
    }

    /// Can be moved to another room.
    pub fn supports_moving(self) -> bool {
        self.0 > 15
    }

    /// Understands packet trailers.
    pub fn supports_packet_trailer(self) -> bool {
        self.0 > 16
    }
}

#[cfg(test)]
mod tests {
    use super::ProtocolVersion as V;

    #[test]
    fn gates_open_at_the_documented_versions() {
        assert!(!V(2).supports_subscriber_primary() && V(3).supports_subscriber_primary());
        assert!(!V(7).supports_fast_start() && V(8).supports_fast_start());
        assert!(!V(12).supports_leave_action() && V(13).supports_leave_action());
        assert!(!V(14).supports_ok_response() && V(15).supports_ok_response());
        assert!(!V(16).supports_packet_trailer() && V(17).supports_packet_trailer());
    }
}

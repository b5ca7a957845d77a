//! What every payload of the load ends with: whose it is, its number, and when it was sent.
//!
//! A server passes payloads on as they are, apart from their first bytes (the VP8 descriptor, the number that a
//! retransmission repeats); so the end of it is where a receiver finds out what it has got.

/// Bytes of a stamp.
pub const STAMP_LEN: usize = 24;

/// Tracks that a room can have.
pub const MAX_TRACKS: u32 = 1 << 12;
/// Rooms that a run can have.
pub const MAX_ROOMS: u32 = 1 << 20;

/// A track of the run: its room and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u32);

impl TrackId {
    /// The track with the number `local`, less than [`MAX_TRACKS`], of a room, less than [`MAX_ROOMS`].
    pub const fn new(room: u32, local: u32) -> Self {
        Self(room << 12 | local & (MAX_TRACKS - 1))
    }

    /// Its room.
    pub const fn room(self) -> u32 {
        self.0 >> 12
    }

    /// Its number in its room.
    pub const fn local(self) -> usize {
        (self.0 & (MAX_TRACKS - 1)) as usize
    }
}

/// The end of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The track.
    pub track: TrackId,
    /// Which simulcast layer of it.
    pub layer: u8,
    /// Number of the packet within that layer, from zero up.
    pub number: u32,
    /// When it was sent, in nanoseconds of the calendar.
    pub sent: u64,
}

impl Stamp {
    /// Writes it at the end of `payload`; shorter ones are left alone.
    pub fn write(&self, run: u32, payload: &mut [u8]) {
        let Some(end) = payload.last_chunk_mut::<STAMP_LEN>() else { return };
        end[..4].copy_from_slice(&run.to_be_bytes());
        end[4..8].copy_from_slice(&self.track.0.to_be_bytes());
        end[8..12].copy_from_slice(&[self.layer, 0xB5, 0x4D, 0xA7]);
        end[12..16].copy_from_slice(&self.number.to_be_bytes());
        end[16..].copy_from_slice(&self.sent.to_be_bytes());
    }

    /// Reads the end of `payload`; None when it is not of this run.
    pub fn read(run: u32, payload: &[u8]) -> Option<Self> {
        let end = payload.last_chunk::<STAMP_LEN>()?;
        let word = |at: usize| u32::from_be_bytes([end[at], end[at + 1], end[at + 2], end[at + 3]]);
        if word(0) != run || end[9..12] != [0xB5, 0x4D, 0xA7] {
            return None;
        }
        let sent = u64::from(word(16)) << 32 | u64::from(word(20));
        Some(Self { track: TrackId(word(4)), layer: end[8], number: word(12), sent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_from_the_end_of_whatever_precedes_it() {
        let stamp = Stamp { track: TrackId::new(70_000, 4_000), layer: 2, number: u32::MAX, sent: 1 << 60 | 7 };
        let mut payload = [9; 100];
        stamp.write(77, &mut payload);
        assert_eq!(payload[..76], [9; 76]);
        assert_eq!(Stamp::read(77, &payload[50..]), Some(stamp));
        assert_eq!((stamp.track.room(), stamp.track.local()), (70_000, 4_000));
        assert_eq!(Stamp::read(78, &payload), None, "of another run");
        assert_eq!(Stamp::read(77, &payload[90..]), None);
        stamp.write(77, &mut payload[..3]);
    }
}

//! The numbers of an outgoing packet, and what else is written otherwise than in the source, in one word.

use crate::rtp::dd::{self, Structure};
use crate::rtp::vp8::Vp8Fields;
use crate::units::RtpTime;

/// The mid is written.
pub(super) const WITH_MID: u32 = 1 << 31;
/// The packet ends its picture for this subscriber.
pub(super) const WITH_MARKER: u32 = 1 << 30;
/// The dependency descriptor tells other decode targets than the source's: how many there are, and which are active.
const NARROWED: u32 = 1 << 29;
const TARGETS_SHIFT: u32 = 23;
/// Decode targets that there is room for.
const MAX_NARROWED: u8 = 23;

/// The numbers of one outgoing packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Extended sequence number.
    pub seq: u64,
    /// Timestamp.
    pub timestamp: RtpTime,
    /// What is written otherwise than in the source, see [`Outgoing::vp8`], [`Outgoing::narrow`] and others.
    pub codec: u32,
}

impl Outgoing {
    /// The VP8 fields that were packed.
    pub const fn vp8(codec: u32) -> Vp8Fields {
        Vp8Fields {
            picture_id: (codec >> 13) as u16 & 0x7FFF,
            tl0_pic_idx: (codec >> 5) as u8,
            key_idx: codec as u8 & 0x1F,
        }
    }

    /// Packs them.
    pub(super) const fn pack(fields: Vp8Fields) -> u32 {
        ((fields.picture_id as u32 & 0x7FFF) << 13)
            | ((fields.tl0_pic_idx as u32) << 5)
            | (fields.key_idx as u32 & 0x1F)
    }

    /// Whether the marker is set, where the source's is not.
    pub const fn with_marker(codec: u32) -> bool {
        codec & WITH_MARKER != 0
    }

    /// The decode targets that flow, packed; nothing where all do or there is no room to tell.
    pub(super) fn pack_targets(structure: &Structure, mask: u32) -> u32 {
        match structure.targets() {
            targets @ 1..=MAX_NARROWED => NARROWED | u32::from(targets) << TARGETS_SHIFT | mask,
            _ => 0,
        }
    }

    /// Whether the dependency descriptor is written anew.
    pub const fn is_narrowed(codec: u32) -> bool {
        codec & NARROWED != 0
    }

    /// Writes the dependency descriptor `value` with the packed decode targets; it depends on nothing else, so that a
    /// packet that goes out again is the same.
    pub fn narrow(codec: u32, value: &[u8], out: &mut [u8; 255]) -> Option<usize> {
        let targets = (codec >> TARGETS_SHIFT & 0x1F) as u8;
        dd::narrow(value, targets, codec & ((1 << TARGETS_SHIFT) - 1), out)
    }

    /// Whether the mid is written.
    pub const fn with_mid(codec: u32) -> bool {
        codec & WITH_MID != 0
    }
}

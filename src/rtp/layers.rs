//! Where a packet stands among the layers inside its stream, whatever the codec: what it takes to leave some of them
//! out and to take them in again.

use super::dd::{Frame, MAX_SPATIAL, Structure};
use super::vp8::Vp8Descriptor;
use super::vp9::Vp9Descriptor;

/// The layer of a packet's frame, and what may change with that frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// First packet of the frame (of one spatial layer).
    pub start: bool,
    /// Last packet of the frame (of one spatial layer).
    pub end: bool,
    /// For each spatial layer, the temporal layers (a mask) that may follow for whoever has this frame.
    pub switches: [u8; MAX_SPATIAL],
    /// The frame refers to the lowest temporal layer alone: its own layer may begin with it.
    pub begins_temporal: bool,
    /// The frame refers to no earlier picture: its spatial layer may begin with it, above the one below.
    pub begins_spatial: bool,
    /// The highest spatial layer of the stream, where the packet tells; else 0.
    pub highest: u8,
    /// Decode targets that a dependency descriptor tells of; 0 without one.
    pub targets: u8,
    /// That descriptor tells which targets are active.
    pub tells_active: bool,
}

impl Layers {
    /// As a dependency descriptor has it, by the structure that is `known` of its stream.
    pub fn of_descriptor(value: &[u8], known: Option<&Structure>) -> Option<Self> {
        let frame = Frame::parse(value, known)?;
        let Frame { start, end, spatial, temporal, switches, targets, highest, tells_active, .. } = frame;
        Some(Self { spatial, temporal, start, end, switches, highest, targets, tells_active, ..Self::default() })
    }

    /// As the payload descriptor of VP9 has it; none without layer indices.
    pub fn of_vp9(payload: &[u8], marker: bool) -> Option<Self> {
        let descriptor = Vp9Descriptor::parse(payload)?;
        let (spatial, temporal) = (descriptor.spatial?, descriptor.temporal?);
        // From a switching-up point on nothing refers to what was before it in higher temporal layers.
        let switches = if descriptor.switching_up { [u8::MAX; MAX_SPATIAL] } else { [0; MAX_SPATIAL] };
        Some(Self {
            spatial,
            temporal,
            start: descriptor.start_of_frame,
            end: descriptor.end_of_frame || marker,
            switches,
            highest: descriptor.spatial_layers.map_or(0, |count| count - 1),
            begins_spatial: descriptor.start_of_frame && !descriptor.inter_picture,
            ..Self::default()
        })
    }

    /// As the payload descriptor of VP8 has it; none without a layer index.
    pub fn of_vp8(descriptor: &Vp8Descriptor, marker: bool) -> Option<Self> {
        Some(Self {
            temporal: descriptor.tid?,
            start: descriptor.start_of_partition && descriptor.partition == 0,
            end: marker,
            begins_temporal: descriptor.layer_sync,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn vp9_tells_where_spatial_and_temporal_layers_may_begin() {
        // I, P, L, F, B; TID 1, U; SID 2.
        let up = Layers::of_vp9(&[0xF8, 0x01, 0x34, 0x02, 0x86], false).unwrap();
        assert_eq!((up.spatial, up.temporal, up.start, up.end), (2, 1, true, false));
        assert_eq!((up.switches, up.begins_spatial), ([u8::MAX; MAX_SPATIAL], false));
        // L, B, E; SID 1, refers to the layer below alone.
        let key = Layers::of_vp9(&[0x2C, 0x03, 7, 0x86], false).unwrap();
        assert!(key.begins_spatial && key.end);
        assert_eq!(Layers::of_vp9(&[0x08, 0x82], false), None, "no layer indices");
        assert!(Layers::of_vp9(&[0x20, 0x02, 7, 0x86], true).unwrap().end, "the marker ends a frame too");
    }

    #[test]
    fn vp8_tells_where_a_temporal_layer_may_begin() {
        // X, S; T; TID 2 with Y, then TID 1 without.
        for (byte, temporal, begins) in [(0xA0, 2, true), (0x40, 1, false)] {
            let descriptor = Vp8Descriptor::parse(&[0x90, 0x20, byte, 0x01]).unwrap();
            let layers = Layers::of_vp8(&descriptor, true).unwrap();
            assert_eq!(
                (layers.temporal, layers.begins_temporal, layers.start, layers.end),
                (temporal, begins, true, true)
            );
        }
        let plain = Vp8Descriptor::parse(&[0x10, 0x01]).unwrap();
        assert_eq!(Layers::of_vp8(&plain, true), None);
    }
}

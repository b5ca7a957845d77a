#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Writes descriptors as an encoder would.
#[derive(Default)]
pub struct Pen {
    pub bytes: Vec<u8>,
    at: usize,
}

impl Pen {
    pub fn put(mut self, value: u32, count: u32) -> Self {
        for shift in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> shift & 1) as u8) << (7 - self.at % 8);
            self.at += 1;
        }
        self
    }

    pub fn mandatory(start: bool, end: bool, template: u32, number: u32) -> Self {
        Self::default().put(u32::from(start), 1).put(u32::from(end), 1).put(template, 6).put(number, 16)
    }

    pub fn flags(self, bits: u32) -> Self {
        self.put(bits, 5)
    }

    /// Two spatial and two temporal layers, as L2T2: templates (0,0) (0,1) (1,0) (1,1), targets in the same order.
    fn l2t2(mut self) -> Self {
        // Template ids begin at 60, four targets.
        self = self.put(60, 6).put(3, 5).put(1, 2).put(2, 2).put(1, 2).put(3, 2);
        for indications in L2T2 {
            for indication in indications {
                self = self.put(indication, 2);
            }
        }
        // References to the frame before, none, two frames.
        self =
            self.put(0b1, 1).put(3, 4).put(0, 1).put(0, 1).put(1, 1).put(0, 4).put(1, 1).put(15, 4).put(0, 1).put(0, 1);
        // Two chains: ns(5) writes 2 as "10"; targets protected by 0, 0, 1, 1 (ns(2) takes one bit).
        self = self.put(2, 2).put(0b0011, 4);
        for _ in 0..4 * 2 {
            self = self.put(5, 4);
        }
        // Resolutions.
        self.put(1, 1).put(319, 16).put(179, 16).put(639, 16).put(359, 16)
    }
}

/// What each template is to each target: 0 absent, 1 discardable, 2 switch, 3 required.
const L2T2: [[u32; 4]; 4] = [[2, 2, 3, 3], [0, 1, 0, 3], [0, 0, 2, 2], [0, 0, 0, 1]];

fn key_frame() -> Vec<u8> {
    Pen::mandatory(true, false, 60, 7).flags(0b10000).l2t2().bytes
}

fn structure() -> Structure {
    Structure::brought(&key_frame()).unwrap()
}

#[test]
fn a_key_frame_brings_the_structure() {
    let (frame, structure) = (Frame::parse(&key_frame(), None).unwrap(), structure());
    assert!(frame.start && !frame.end && frame.tells_active);
    assert_eq!((frame.number, frame.spatial, frame.temporal, frame.targets), (7, 0, 0, 4));
    assert_eq!(structure.layers[..], [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(frame.switches, [0b11, 0, 0, 0], "the upper layer needs frames of its own");
    assert_eq!(structure.max_spatial(), 1);
    assert_eq!([structure.within(0, 0), structure.within(0, 7), structure.within(1, 0)], [0b0001, 0b0011, 0b0101]);
    assert_eq!(structure.within(3, 7), 0b1111);
}

#[test]
fn later_frames_name_a_template_and_may_deviate_from_it() {
    let structure = structure();
    // Template ids wrap at 64: 60 + 3 is the last of four, 60 + 4 none.
    let last = Pen::mandatory(true, true, 63, 8).bytes;
    let frame = Frame::parse(&last, Some(&structure)).unwrap();
    assert_eq!((frame.spatial, frame.temporal, frame.switches), (1, 1, [0; 4]));
    assert_eq!(Structure::brought(&last), None);
    assert!(!frame.tells_active);
    assert_eq!(Frame::parse(&Pen::mandatory(true, true, 0, 8).bytes, Some(&structure)), None);
    assert_eq!(Frame::parse(&Pen::mandatory(true, true, 62, 8).bytes, None), None);
    let custom = Pen::mandatory(true, true, 62, 9).flags(0b00100).put(0b00_00_10_11, 8).bytes;
    let frame = Frame::parse(&custom, Some(&structure)).unwrap();
    assert_eq!(frame.switches, [0, 0b01, 0, 0]);
    let active = Pen::mandatory(true, true, 62, 9).flags(0b01000).put(0b1000, 4).bytes;
    assert!(Frame::parse(&active, Some(&structure)).unwrap().tells_active);
}

#[test]
fn what_is_cut_off_is_refused() {
    let whole = key_frame();
    for len in 0..whole.len() {
        assert_eq!(Frame::parse(&whole[..len], None), None, "{len}");
        let mut out = [0; 255];
        if len != MANDATORY {
            assert_eq!(narrow(&whole[..len], 4, 1, &mut out), None, "{len}");
        }
    }
}

/// Reads the active targets of a descriptor that tells them.
fn active(value: &[u8], known: &Structure) -> u32 {
    let mut bits = Bits::new(value);
    bits.take(24).unwrap();
    let flags = Flags::read(&mut bits).unwrap();
    assert!(flags.active);
    if flags.structure {
        Structure::read(&mut bits).unwrap();
    }
    bits.take(u32::from(known.targets)).unwrap()
}

/// The first target alone.
const LOWEST: u32 = 0b0001;

#[test]
fn a_narrowed_descriptor_says_the_same_of_its_frame() {
    let known = structure();
    let mut out = [0; 255];
    let cases = [
        key_frame(),
        Pen::mandatory(true, true, 62, 9).bytes,
        Pen::mandatory(true, true, 62, 9)
            .flags(0b00111)
            .put(0b00_00_10_11, 8)
            .put(0b01, 2)
            .put(4, 4)
            .put(0, 2)
            .put(9, 8)
            .put(8, 8)
            .bytes,
        Pen::mandatory(true, true, 62, 9).flags(0b01000).put(0b0111, 4).bytes,
    ];
    for case in cases {
        let len = narrow(&case, 4, LOWEST, &mut out).unwrap();
        assert!(len <= case.len() + 2);
        let before = Frame::parse(&case, Some(&known)).unwrap();
        let after = Frame::parse(&out[..len], Some(&known)).unwrap();
        assert_eq!(after, Frame { tells_active: true, ..before });
        assert_eq!(Structure::brought(&case), Structure::brought(&out[..len]));
        assert_eq!(active(&out[..len], &known), LOWEST);
        // Once more changes nothing.
        let again = out;
        let len_again = narrow(&again[..len], 4, LOWEST, &mut out).unwrap();
        assert_eq!(out[..len_again], again[..len]);
    }
}

#[test]
fn targets_that_the_sender_does_not_produce_stay_so() {
    let value = Pen::mandatory(true, true, 62, 9).flags(0b01000).put(0b0101, 4).bytes;
    let mut out = [0; 255];
    let len = narrow(&value, 4, 0b0011, &mut out).unwrap();
    assert_eq!(active(&out[..len], &structure()), 0b0001);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256), targets in 0u8..40, mask: u32) {
        let known = structure();
        let _ = Frame::parse(&bytes, None);
        if let Some(frame) = Frame::parse(&bytes, Some(&known)) {
            prop_assert!(usize::from(frame.spatial) < MAX_SPATIAL && frame.temporal < 8);
        }
        if let Some(new) = Structure::brought(&bytes) {
            prop_assert!(usize::from(new.max_spatial()) < MAX_SPATIAL);
            new.within(3, 7);
        }
        let mut out = [0; 255];
        if let Some(len) = narrow(&bytes, targets, mask, &mut out) {
            prop_assert!(len <= out.len());
        }
    }

    #[test]
    fn a_damaged_key_frame_is_read_or_refused(at in 0usize..40, flip in 1u8..=255, cut in 0usize..60) {
        let mut bytes = key_frame();
        let len = bytes.len();
        bytes[at % len] ^= flip;
        bytes.truncate(len - cut.min(len));
        let mut out = [0; 255];
        if Frame::parse(&bytes, None).is_some() {
            let targets = Structure::brought(&bytes).unwrap().targets();
            if let Some(len) = narrow(&bytes, targets, 1, &mut out) {
                prop_assert!(Frame::parse(&out[..len], None).is_some());
            }
        }
    }
}

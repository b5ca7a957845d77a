//! Where key frames begin in H.264 (RFC 6184) and H.265 (RFC 7798) payloads.
//!
//! A decoder can begin where the parameter sets are, so these count as the beginning, not the picture's own slices:
//! a stream that is entered behind lost parameter sets shows nothing until the next key frame.

/// H.264: the payload holds, or begins, a sequence parameter set.
pub fn h264_key_frame_start(payload: &[u8]) -> bool {
    const SPS: u8 = 7;
    let Some((&header, rest)) = payload.split_first() else {
        return false;
    };
    match header & 0x1F {
        24 => Units { bytes: rest }.any(|unit| unit.first().is_some_and(|header| header & 0x1F == SPS)),
        // FU-A: the start bit, and the type of the fragmented unit.
        28 => rest.first().is_some_and(|fragment| fragment & 0x80 != 0 && fragment & 0x1F == SPS),
        unit_type => unit_type == SPS,
    }
}

/// H.265: the payload holds, or begins, a video or sequence parameter set.
pub fn h265_key_frame_start(payload: &[u8]) -> bool {
    let is_parameter_set = |unit_type: u8| matches!(unit_type, 32 | 33);
    let unit_type = |header: &u8| header >> 1 & 0x3F;
    let (Some(header), Some(rest)) = (payload.first(), payload.get(2..)) else {
        return false;
    };
    match unit_type(header) {
        48 => Units { bytes: rest }.any(|unit| unit.first().map(unit_type).is_some_and(is_parameter_set)),
        49 => rest.first().is_some_and(|fragment| fragment & 0x80 != 0 && is_parameter_set(fragment & 0x3F)),
        unit_type => is_parameter_set(unit_type),
    }
}

/// The units of an aggregation packet, each behind its 16-bit length; ends at one that reaches past the end.
struct Units<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.bytes.split_first_chunk()?;
        let (unit, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        self.bytes = rest;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_h264_key_frame_begins_at_its_parameter_set() {
        assert!(h264_key_frame_start(&[0x67, 0x42]), "single unit");
        assert!(h264_key_frame_start(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]), "STAP-A");
        assert!(h264_key_frame_start(&[0x78, 0, 1, 0x09, 0, 2, 0x67, 0x42]), "STAP-A behind a delimiter");
        assert!(h264_key_frame_start(&[0x7C, 0x87, 0x42]), "FU-A, first fragment");
    }

    #[test]
    fn other_h264_units_begin_none() {
        assert!(!h264_key_frame_start(&[0x65, 0x88]), "IDR slice");
        assert!(!h264_key_frame_start(&[0x41, 0x9A]), "slice");
        assert!(!h264_key_frame_start(&[0x7C, 0x07, 0x42]), "FU-A, later fragment");
        assert!(!h264_key_frame_start(&[0x7C]));
        assert!(!h264_key_frame_start(&[0x78, 0, 9, 0x67]), "STAP-A past its end");
        assert!(!h264_key_frame_start(&[0x78, 0, 0, 0, 0]), "empty units");
        assert!(!h264_key_frame_start(&[]));
    }

    #[test]
    fn an_h265_key_frame_begins_at_its_parameter_sets() {
        assert!(h265_key_frame_start(&[0x40, 0x01, 0x0C]), "VPS");
        assert!(h265_key_frame_start(&[0x42, 0x01, 0x01]), "SPS");
        assert!(h265_key_frame_start(&[0x60, 0x01, 0, 3, 0x40, 0x01, 0x0C, 0, 2, 0x42, 0x01]), "aggregation");
        assert!(h265_key_frame_start(&[0x62, 0x01, 0xA0, 0x0C]), "first fragment of a VPS");
        assert!(!h265_key_frame_start(&[0x26, 0x01, 0xAF]), "IDR slice");
        assert!(!h265_key_frame_start(&[0x62, 0x01, 0x20, 0x0C]), "later fragment");
        assert!(!h265_key_frame_start(&[0x40]));
        assert!(!h265_key_frame_start(&[0x60, 0x01, 0xFF, 0xFF, 0x40]));
    }

    proptest! {
        #[test]
        fn arbitrary_payloads_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..60), first in 0usize..5) {
            let mut payload = payload;
            if let Some(byte) = payload.first_mut() {
                *byte = [*byte, 0x78, 0x7C, 0x60, 0x62][first];
            }
            h264_key_frame_start(&payload);
            h265_key_frame_start(&payload);
        }
    }
}

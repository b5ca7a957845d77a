//! Top-level fields of an encoded protobuf message, by number. Used to change
//! some of them and leave the others byte by byte as they came, so that fields
//! newer than our schema survive.

/// Appends to `out` all fields of `encoded` but those whose number `drop`
/// names. `None` when the bytes are no message.
pub(super) fn copy_without(encoded: &[u8], drop: &[u64], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = encoded;
    while !rest.is_empty() {
        let start = rest;
        let key = varint(&mut rest)?;
        let skip = match key & 7 {
            0 => {
                varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).ok()?,
            5 => 4,
            // Groups are not part of proto3.
            _ => return None,
        };
        rest = rest.get(skip..)?;
        if !drop.contains(&(key >> 3)) {
            out.extend_from_slice(&start[..start.len() - rest.len()]);
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn without(encoded: &[u8], drop: &[u64]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        copy_without(encoded, drop, &mut out).map(|()| out)
    }

    #[test]
    fn dropped_fields_go_and_all_others_stay_as_they_were() {
        // 1: varint 300; 2: "hi"; 3: fixed32; 4: fixed64; 200: empty string.
        let bytes = [
            0x08, 0xac, 0x02, 0x12, 0x02, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0xc2, 0x0c, 0x00,
        ];
        assert_eq!(without(&bytes, &[]).as_deref(), Some(&bytes[..]));
        let kept = without(&bytes, &[2, 4]).expect("a message");
        assert_eq!(kept, [0x08, 0xac, 0x02, 0x1d, 1, 2, 3, 4, 0xc2, 0x0c, 0x00]);
    }

    #[test]
    fn truncated_messages_are_refused() {
        assert_eq!(without(&[0x12, 0x05, b'h'], &[]), None);
        assert_eq!(without(&[0x80; 11], &[]), None);
        assert_eq!(without(&[0x0b], &[]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, drop: Vec<u64>) {
            let _ = without(&bytes, &drop);
        }
    }
}

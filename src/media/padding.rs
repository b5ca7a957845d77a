//! Which packets get a few bytes of RTP padding so that they leave in one train.
//!
//! The kernel cuts a train into segments of one size, the last of which may be shorter. Encoders cut a
//! frame into packets that differ by a byte or two, which would end a train at every step.

/// Most bytes added to one packet. Differences within a frame are nearly always one byte.
pub const MAX_PADDING: u16 = 16;

/// Fills `padding` with the bytes to add to each of `packets`, given as (length, may be padded).
/// Only padding that joins a packet to a following one is planned: the tail of a run stays as it is.
pub fn plan(packets: &[(u16, bool)], padding: &mut Vec<u8>) {
    padding.clear();
    padding.resize(packets.len(), 0);
    let mut start = 0;
    while start < packets.len() {
        let end = run_end(packets, start);
        // A run ends with its last full-sized packet and perhaps one shorter.
        let target = packets[start..end].iter().map(|(len, _)| *len).max().unwrap_or(0);
        let tail = end - 1;
        for index in start..tail {
            padding[index] = (target - packets[index].0) as u8;
        }
        start = end;
    }
}

/// Where the run that begins at `start` ends: the longest in which all packets but the last can be
/// brought to the size of the longest of them.
fn run_end(packets: &[(u16, bool)], start: usize) -> usize {
    let (first, first_padded) = packets[start];
    let mut target = first;
    // The longest packet so far that cannot grow, and the shortest that can.
    let mut rigid = if first_padded { 0 } else { first };
    let mut least = first;
    for (offset, (len, may_pad)) in packets[start + 1..].iter().enumerate() {
        let index = start + 1 + offset;
        let grown = target.max(*len);
        if grown > target && (grown - least > MAX_PADDING || rigid != 0) {
            // It is longer than those before it can become.
            return index;
        }
        let must_grow = *len < grown;
        if must_grow && (!*may_pad || grown - *len > MAX_PADDING) {
            // It can only be the short tail.
            return index + 1;
        }
        target = grown;
        least = least.min(*len);
        if !*may_pad {
            rigid = *len;
        }
    }
    packets.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn planned(lens: &[u16]) -> Vec<u16> {
        let packets: Vec<_> = lens.iter().map(|len| (*len, true)).collect();
        let mut padding = Vec::new();
        plan(&packets, &mut padding);
        lens.iter().zip(&padding).map(|(len, pad)| len + u16::from(*pad)).collect()
    }

    /// Number of trains in which packets of these lengths leave.
    fn trains(lens: &[u16]) -> usize {
        let mut count = 0;
        let mut index = 0;
        while index < lens.len() {
            count += 1;
            let size = lens[index];
            while index < lens.len() && lens[index] == size {
                index += 1;
            }
            if index < lens.len() && lens[index] < size {
                index += 1;
            }
        }
        count
    }

    #[test]
    fn a_frame_whose_packets_differ_by_a_byte_leaves_in_one_train() {
        assert_eq!(planned(&[1170, 1171, 1170, 1171, 900]), [1171, 1171, 1171, 1171, 900]);
        assert_eq!(trains(&[1170, 1171, 1170, 1171, 900]), 3);
        assert_eq!(trains(&planned(&[1170, 1171, 1170, 1171, 900])), 1);
    }

    #[test]
    fn nothing_is_padded_that_gains_nothing() {
        assert_eq!(planned(&[1000]), [1000]);
        assert_eq!(planned(&[1000, 1000, 999]), [1000, 1000, 999]);
        assert_eq!(planned(&[100, 1000, 100]), [100, 1000, 100]);
        assert_eq!(planned(&[1000, 950, 1000]), [1000, 950, 1000]);
    }

    #[test]
    fn packets_that_may_not_be_padded_keep_their_length() {
        let mut padding = Vec::new();
        plan(&[(99, false), (100, true), (100, true)], &mut padding);
        assert_eq!(padding, [0, 0, 0]);
        plan(&[(100, false), (99, true), (100, false), (40, false)], &mut padding);
        assert_eq!(padding, [0, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn padding_is_small_and_never_makes_more_trains(
            lens in proptest::collection::vec(prop_oneof![1150u16..1180, 20u16..1200], 0..40),
        ) {
            let padded = planned(&lens);
            prop_assert!(padded.iter().zip(&lens).all(|(padded, len)| padded - len <= MAX_PADDING));
            prop_assert!(trains(&padded) <= trains(&lens), "{lens:?} {padded:?}");
        }
    }
}

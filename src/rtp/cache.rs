//! The recent packets of one received stream, kept whole and in plaintext to answer NACKs with.

use std::collections::VecDeque;

use crate::units::MediaKind;

/// Bytes that a cache begins with; it doubles only while packets are overwritten before their time.
const FIRST_BYTES: usize = 16 * 1024;

/// A packet's place: `at` counts all bytes ever written, so a place is good while fewer than the ring's length
/// have followed.
#[derive(Clone, Copy, Debug)]
struct Slot {
    ext_seq: u64,
    at: u64,
    len: u16,
}

/// A ring of packets by extended sequence number, bounded in packets and in bytes. The oldest give way; after a few
/// seconds it allocates no more.
#[derive(Debug)]
pub struct PacketCache {
    slots: Vec<Option<Slot>>,
    /// Places of the last packets in the order of their arrival, as many as there are slots.
    arrivals: VecDeque<u64>,
    bytes: Vec<u8>,
    written: u64,
    highest: Option<u64>,
    max_bytes: usize,
}

impl PacketCache {
    /// An empty cache for so many packets of this kind, of the usual size.
    pub fn new(kind: MediaKind, slots: usize) -> Self {
        let usual = match kind {
            MediaKind::Audio => 320,
            MediaKind::Video => 1280,
        };
        Self::with_bounds(slots, slots.saturating_mul(usual))
    }

    /// An empty cache with at most so many packets and bytes (both at least one packet's worth).
    pub fn with_bounds(slots: usize, max_bytes: usize) -> Self {
        let max_bytes = max_bytes.max(2048);
        Self {
            slots: vec![None; slots.max(1)],
            arrivals: VecDeque::with_capacity(slots.max(1)),
            bytes: vec![0; FIRST_BYTES.min(max_bytes)],
            written: 0,
            highest: None,
            max_bytes,
        }
    }

    /// Keeps a copy of `packet`. False when it is there already, when it is too old to be kept, or too long.
    pub fn insert(&mut self, ext_seq: u64, packet: &[u8]) -> bool {
        let count = self.slots.len() as u64;
        if self.highest.is_some_and(|highest| ext_seq + count <= highest) || self.contains(ext_seq) {
            return false;
        }
        let Ok(len) = u16::try_from(packet.len()) else {
            return false;
        };
        if packet.len() > self.max_bytes {
            return false;
        }
        let start = self.place(packet.len());
        self.bytes[start..start + packet.len()].copy_from_slice(packet);
        let at = self.written;
        self.written += packet.len() as u64;
        if self.arrivals.len() == self.slots.len() {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(at);
        let slot = self.slot(ext_seq);
        self.slots[slot] = Some(Slot { ext_seq, at, len });
        self.highest = Some(self.highest.unwrap_or(ext_seq).max(ext_seq));
        true
    }

    /// The packet with this number, if it is still here.
    pub fn get(&self, ext_seq: u64) -> Option<&[u8]> {
        let slot = self.slots[self.slot(ext_seq)].filter(|slot| slot.ext_seq == ext_seq && self.is_alive(slot))?;
        let start = self.offset(slot.at);
        self.bytes.get(start..start + usize::from(slot.len))
    }

    /// Whether the packet with this number is still here.
    pub fn contains(&self, ext_seq: u64) -> bool {
        self.get(ext_seq).is_some()
    }

    /// Bytes that the cache occupies, for metrics.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets everything, as when the stream restarts with other numbers. Keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(None);
        self.arrivals.clear();
        self.highest = None;
    }

    fn slot(&self, ext_seq: u64) -> usize {
        (ext_seq % self.slots.len() as u64) as usize
    }

    fn offset(&self, at: u64) -> usize {
        (at % self.bytes.len() as u64) as usize
    }

    fn is_alive(&self, slot: &Slot) -> bool {
        self.written - slot.at <= self.bytes.len() as u64
    }

    /// Finds room for `len` bytes in one piece, growing if that would overwrite a packet which the slots could still
    /// hold. Sets `written` to the place and returns its offset.
    fn place(&mut self, len: usize) -> usize {
        while self.bytes.len() < self.max_bytes && (len > self.bytes.len() || self.would_overwrite_oldest(len)) {
            self.grow();
        }
        let offset = self.offset(self.written);
        let left = self.bytes.len() - offset;
        if len > left {
            self.written += left as u64;
            return 0;
        }
        offset
    }

    fn would_overwrite_oldest(&self, len: usize) -> bool {
        // When all slots are taken, the oldest packet leaves with this one's coming.
        let index = usize::from(self.arrivals.len() == self.slots.len());
        let Some(oldest) = self.arrivals.get(index) else {
            return false;
        };
        let capacity = self.bytes.len() as u64;
        let left = capacity - self.offset(self.written) as u64;
        let skipped = if len as u64 > left { left } else { 0 };
        self.written + skipped + len as u64 - oldest > capacity
    }

    /// Doubles the ring and moves the living packets to its front, oldest first.
    fn grow(&mut self) {
        let mut living: Vec<usize> =
            (0..self.slots.len()).filter(|index| self.slots[*index].is_some_and(|slot| self.is_alive(&slot))).collect();
        living.sort_unstable_by_key(|index| self.slots[*index].map(|slot| slot.at));
        let mut bytes = Vec::with_capacity((self.bytes.len() * 2).min(self.max_bytes));
        let mut slots = vec![None; self.slots.len()];
        self.arrivals.clear();
        for index in living {
            if let Some(slot) = self.slots[index] {
                let start = self.offset(slot.at);
                self.arrivals.push_back(bytes.len() as u64);
                slots[index] = Some(Slot { at: bytes.len() as u64, ..slot });
                bytes.extend_from_slice(&self.bytes[start..start + usize::from(slot.len)]);
            }
        }
        self.written = bytes.len() as u64;
        bytes.resize(bytes.capacity().min(self.max_bytes), 0);
        self.slots = slots;
        self.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packet_is_found_by_its_number() {
        let mut cache = PacketCache::new(MediaKind::Audio, 200);
        assert!(cache.insert(70_000, b"one"));
        assert!(cache.insert(70_002, b"three"));
        assert_eq!(cache.get(70_000), Some(&b"one"[..]));
        assert_eq!(cache.get(70_001), None);
        assert_eq!(cache.get(70_000 + 200), None, "same slot, other number");
    }

    #[test]
    fn a_packet_is_kept_once() {
        let mut cache = PacketCache::new(MediaKind::Audio, 200);
        assert!(cache.insert(1, b"first"));
        assert!(!cache.insert(1, b"again"));
        assert_eq!(cache.get(1), Some(&b"first"[..]));
    }

    #[test]
    fn the_oldest_packets_give_way() {
        let mut cache = PacketCache::new(MediaKind::Video, 512);
        for seq in 0..1_000 {
            assert!(cache.insert(seq, &[seq as u8; 1_200]));
        }
        assert!(!cache.contains(487));
        assert_eq!(cache.get(488), Some(&[488u64 as u8; 1_200][..]));
        assert!(!cache.insert(487, b"too old"));
        assert!(cache.capacity() <= 640 * 1024);
    }

    #[test]
    fn the_bytes_are_bounded() {
        let mut cache = PacketCache::with_bounds(512, 10_000);
        for seq in 0..100 {
            cache.insert(seq, &[0; 1_500]);
        }
        assert_eq!((0..100).filter(|seq| cache.contains(*seq)).count(), 6);
        assert!(!cache.insert(200, &[0; 10_001]));
    }

    #[test]
    fn a_quiet_stream_takes_little_memory() {
        let mut cache = PacketCache::new(MediaKind::Audio, 200);
        for seq in 0..10_000 {
            cache.insert(seq, &[0; 60]);
        }
        assert!(cache.capacity() <= 32 * 1024, "{}", cache.capacity());
        assert!((9_800..10_000).all(|seq| cache.contains(seq)));
    }

    #[test]
    fn a_cleared_cache_takes_any_number() {
        let mut cache = PacketCache::new(MediaKind::Audio, 200);
        cache.insert(100_000, b"x");
        cache.clear();
        assert!(!cache.contains(100_000));
        assert!(cache.insert(1, b"y"));
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_was_put(
            packets in proptest::collection::vec((0u64..400, 0usize..3_000), 1..200),
            slots in 1usize..100, max_bytes in 0usize..20_000,
        ) {
            let mut cache = PacketCache::with_bounds(slots, max_bytes);
            let mut put = HashMap::new();
            for (index, (seq, len)) in packets.into_iter().enumerate() {
                let bytes = vec![index as u8; len];
                if cache.insert(seq, &bytes) {
                    put.insert(seq, bytes.clone());
                    prop_assert_eq!(cache.get(seq), Some(&bytes[..]));
                }
                for (seq, bytes) in &put {
                    if let Some(found) = cache.get(*seq) {
                        prop_assert_eq!(found, &bytes[..]);
                    }
                }
                prop_assert!(cache.capacity() <= max_bytes.max(2048));
            }
        }
    }
}

//! What is remembered per source: rollover counters and replay windows.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrayvec::ArrayVec;

use super::replay::ReplayWindow;
use crate::transport::event::DropCause;
use crate::units::SeqNo;

/// Received numbers remembered per source. Firefox sends old packets again as padding probes, hundreds of packets
/// late, and they must read as what they are, duplicates.
const INBOUND_WORDS: usize = 32;
/// Sealed numbers remembered per source: how far back a late packet may still be forwarded.
const OUTBOUND_WORDS: usize = 8;
const RTCP_WORDS: usize = 2;
/// Sources whose state is kept per direction of the peer's media and per RTCP.
const MAX_INBOUND: usize = 64;
/// Sources that one connection may seal over its life. Nothing is evicted: a forgotten rollover counter would mean a
/// reused nonce.
const MAX_OUTBOUND: usize = 16 * 1024;
/// Those of them that need no look into a table.
const FIRST_OUTBOUND: usize = 4;

type SsrcMap<T> = HashMap<u32, T, BuildHasherDefault<SsrcHasher>>;

/// Multiplicative hash of one 32-bit word. Keys are ours, or a peer's own within 64 entries, so nobody gains by
/// collisions.
#[derive(Default)]
pub(super) struct SsrcHasher(u64);

impl Hasher for SsrcHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 29;
    }
}

/// One source's numbers, 48-bit: rollover counter and sequence number.
#[derive(Default)]
pub(super) struct Numbers<const WORDS: usize> {
    window: ReplayWindow<WORDS>,
    last_used: u64,
}

impl<const WORDS: usize> Numbers<WORDS> {
    /// The likeliest index of a sequence number (RFC 3711 §3.3.1); a source begins with rollover counter zero.
    pub(super) fn estimate(&self, seq: u16) -> u64 {
        self.window.highest().map_or(u64::from(seq), |highest| SeqNo(seq).extend(highest))
    }

    pub(super) fn check(&self, index: u64) -> Result<(), DropCause> {
        self.window.check(index)
    }

    pub(super) fn accept(&mut self, index: u64) {
        self.window.accept(index);
    }
}

/// The sources that we seal. The first few lie side by side, within the session itself: a viewer has no more, and a table
/// elsewhere would cost three waits for memory for each train.
#[derive(Default)]
pub(super) struct OutboundStreams {
    first: ArrayVec<(u32, Numbers<OUTBOUND_WORDS>), FIRST_OUTBOUND>,
    others: SsrcMap<Numbers<OUTBOUND_WORDS>>,
}

impl OutboundStreams {
    /// The source's state, made on first use; `None` when there are too many.
    pub(super) fn stream(&mut self, ssrc: u32) -> Option<&mut Numbers<OUTBOUND_WORDS>> {
        if let Some(at) = self.first.iter().position(|(known, _)| *known == ssrc) {
            return self.first.get_mut(at).map(|(_, numbers)| numbers);
        }
        if !self.first.is_full() {
            self.first.push((ssrc, Numbers::default()));
            return self.first.last_mut().map(|(_, numbers)| numbers);
        }
        if self.others.len() >= MAX_OUTBOUND && !self.others.contains_key(&ssrc) {
            return None;
        }
        Some(self.others.entry(ssrc).or_default())
    }
}

/// The sources that the peer seals. An entry is made by an authenticated packet only, the one idle longest gives way.
#[derive(Default)]
pub(super) struct InboundStreams {
    map: SsrcMap<Numbers<INBOUND_WORDS>>,
    used: u64,
}

impl InboundStreams {
    /// The packet's index, if it may be new.
    pub(super) fn index(&self, ssrc: u32, seq: u16) -> Result<u64, DropCause> {
        let Some(numbers) = self.map.get(&ssrc) else { return Ok(u64::from(seq)) };
        let index = numbers.estimate(seq);
        numbers.check(index)?;
        Ok(index)
    }

    /// Remembers an authenticated packet.
    pub(super) fn accept(&mut self, ssrc: u32, index: u64) {
        self.used += 1;
        accept_bounded(&mut self.map, ssrc, index, self.used);
    }
}

/// The senders of the peer's RTCP.
#[derive(Default)]
pub(super) struct RtcpSources {
    map: SsrcMap<Numbers<RTCP_WORDS>>,
    used: u64,
}

impl RtcpSources {
    pub(super) fn check(&self, ssrc: u32, index: u64) -> Result<(), DropCause> {
        self.map.get(&ssrc).map_or(Ok(()), |numbers| numbers.check(index))
    }

    pub(super) fn accept(&mut self, ssrc: u32, index: u64) {
        self.used += 1;
        accept_bounded(&mut self.map, ssrc, index, self.used);
    }
}

fn accept_bounded<const WORDS: usize>(map: &mut SsrcMap<Numbers<WORDS>>, ssrc: u32, index: u64, used: u64) {
    if map.len() >= MAX_INBOUND && !map.contains_key(&ssrc) {
        let idle = map.iter().min_by_key(|(_, numbers)| numbers.last_used).map(|(ssrc, _)| *ssrc);
        if let Some(idle) = idle {
            map.remove(&idle);
        }
    }
    let numbers = map.entry(ssrc).or_default();
    numbers.last_used = used;
    numbers.accept(index);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_beyond_the_bound_push_out_the_idlest() {
        let mut streams = InboundStreams::default();
        for ssrc in 0..MAX_INBOUND as u32 {
            streams.accept(ssrc, 1);
        }
        streams.accept(0, 2);
        streams.accept(1000, 1);
        assert_eq!(streams.map.len(), MAX_INBOUND);
        assert_eq!(streams.index(0, 2), Err(DropCause::Replay), "used lately, still known");
        assert_eq!(streams.index(1, 1), Ok(1), "idle longest, forgotten");
    }

    #[test]
    fn sealed_sources_keep_their_own_numbers_however_many_there_are() {
        let mut streams = OutboundStreams::default();
        let count = 3 * FIRST_OUTBOUND as u64;
        for round in 0..2 {
            for ssrc in 0..count {
                let numbers = streams.stream(ssrc as u32).unwrap_or_else(|| panic!("{ssrc}"));
                assert_eq!(numbers.check(ssrc), if round == 0 { Ok(()) } else { Err(DropCause::Replay) });
                numbers.accept(ssrc);
            }
        }
    }

    #[test]
    fn sealed_sources_are_bounded_and_none_is_forgotten() {
        let mut streams = OutboundStreams::default();
        let room = (MAX_OUTBOUND + FIRST_OUTBOUND) as u32;
        assert!((0..room).all(|ssrc| streams.stream(ssrc).is_some()));
        assert!(streams.stream(room).is_none());
        assert!((0..room).all(|ssrc| streams.stream(ssrc).is_some()));
    }

    #[test]
    fn the_rollover_counter_follows_the_sequence_number_around() {
        let mut numbers = Numbers::<INBOUND_WORDS>::default();
        numbers.accept(numbers.estimate(65_534));
        numbers.accept(numbers.estimate(1));
        assert_eq!(numbers.estimate(2), 0x1_0002);
        assert_eq!(numbers.estimate(65_535), 0xFFFF, "late, from before the wrap");
    }
}

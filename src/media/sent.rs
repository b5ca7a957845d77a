//! What a forwarder has sent: enough to write any of the last packets again for a NACK, without keeping it.

use std::time::{Duration, Instant};

use crate::units::{RtpTime, SeqNo};

/// A subscriber may ask for one packet this often.
const MAX_RESENDS: u8 = 3;
/// Requests for a packet that was just sent again are ignored for two round trips, at most this long
/// (LiveKit `pkg/sfu/sequencer.go`).
const REPEAT_LIMIT: Duration = Duration::from_millis(100);
const NEVER: u16 = u16::MAX;
const VACANT: u8 = u8::MAX;

/// Where a sent packet came from and what was written into it: all that is needed to write it again,
/// byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Low half of its extended number on the way out.
    pub out_seq: u32,
    /// Low half of its extended number in the source stream.
    pub source_seq: u32,
    /// Outgoing timestamp.
    pub timestamp: RtpTime,
    /// What the codec's rewriter wrote, packed by the caller.
    pub codec: u32,
    /// Which of the forwarder's successive sources it came from.
    pub epoch: u16,
    /// The transport-wide number that it left with.
    pub transport_seq: u16,
    /// The padding that it left with.
    pub padding: u8,
    /// When it was sent again last, in milliseconds of the forwarder's life modulo 65 535.
    resent_at: u16,
    resends: u8,
}

impl Sent {
    /// A packet that goes out for the first time; stamps follow with [`SentHistory::stamp`].
    pub const fn new(out_seq: u32, source_seq: u32, epoch: u16, timestamp: RtpTime, codec: u32) -> Self {
        Self {
            out_seq,
            source_seq,
            timestamp,
            codec,
            epoch,
            transport_seq: 0,
            padding: 0,
            resent_at: NEVER,
            resends: 0,
        }
    }

    const VACANT: Self = Self { resends: VACANT, ..Self::new(0, 0, 0, RtpTime(0), 0) };
}

/// Why a packet is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Never sent, or too long ago.
    Unknown,
    /// It was sent again a moment ago, or too often.
    Repeated,
}

/// The last packets of one forwarder, by outgoing number.
pub struct SentHistory {
    /// Allocated at the first packet: subscriptions that never flow cost nothing.
    ring: Vec<Sent>,
    size: usize,
    /// The newest number in it. What is newer than this has not gone out, and needs no look at its place in the ring: that
    /// has long left the cache when there are hundreds of subscribers, and a write to it is not waited for.
    newest: Option<u32>,
    began: Instant,
}

impl SentHistory {
    /// Remembers `size` packets; a power of two.
    pub const fn new(now: Instant, size: usize) -> Self {
        debug_assert!(size.is_power_of_two());
        Self { ring: Vec::new(), size, newest: None, began: now }
    }

    /// Forgets all packets; NACKs for them go unanswered.
    pub fn clear(&mut self) {
        self.ring.fill(Sent::VACANT);
        self.newest = None;
    }

    /// Remembers a packet. False when this number has gone out before, or lies too far back to know:
    /// it must not go out again with other content, since its SRTP nonce is used.
    pub fn insert(&mut self, sent: Sent) -> bool {
        if self.ring.is_empty() {
            self.ring.resize(self.size, Sent::VACANT);
        }
        let slot = &mut self.ring[sent.out_seq as usize & (self.size - 1)];
        if self.newest.is_some_and(|newest| newest.wrapping_sub(sent.out_seq) as i32 >= 0) {
            if slot.resends != VACANT && slot.out_seq.wrapping_sub(sent.out_seq) as i32 >= 0 {
                return false;
            }
        } else {
            self.newest = Some(sent.out_seq);
        }
        *slot = sent;
        true
    }

    /// Adds what became known when a packet left that was inserted before.
    pub fn stamp(&mut self, out_seq: u32, transport_seq: u16, padding: u8) {
        let mask = self.size - 1;
        // Its place is still its own as long as nothing newer can have taken it: no need to look.
        let kept = self.newest.is_some_and(|newest| (newest.wrapping_sub(out_seq) as usize) < self.size);
        if let Some(slot) = self.ring.get_mut(out_seq as usize & mask)
            && (kept || slot.out_seq == out_seq)
        {
            debug_assert!(slot.resends == VACANT || slot.out_seq == out_seq, "{out_seq} was never inserted");
            slot.transport_seq = transport_seq;
            slot.padding = padding;
        }
    }

    /// The packet with this extended number, if it is remembered; it does not count as sent again.
    pub fn get(&self, out_seq: u64) -> Option<Sent> {
        let slot = self.ring.get(out_seq as usize & (self.size - 1))?;
        (slot.resends != VACANT && slot.out_seq == out_seq as u32).then_some(*slot)
    }

    /// The packet with this number on the wire, if it may be sent again now; counts as sent again.
    /// `newest` is the newest extended outgoing number.
    pub fn resend(&mut self, now: Instant, seq: SeqNo, newest: u64, rtt: Duration) -> Result<Sent, Refused> {
        let out_seq = seq.extend(newest) as u32;
        let mask = self.size - 1;
        let slot = self.ring.get_mut(out_seq as usize & mask);
        let sent = slot.filter(|sent| sent.resends != VACANT && sent.out_seq == out_seq).ok_or(Refused::Unknown)?;
        let clock = (now.saturating_duration_since(self.began).as_millis() % u128::from(NEVER)) as u16;
        if sent.resent_at != NEVER {
            let since = (u32::from(clock) + u32::from(NEVER) - u32::from(sent.resent_at)) % u32::from(NEVER);
            let quiet = (rtt * 2).min(REPEAT_LIMIT).as_millis() as u32;
            if since < quiet || sent.resends >= MAX_RESENDS {
                return Err(Refused::Repeated);
            }
        }
        sent.resent_at = clock;
        sent.resends += 1;
        Ok(*sent)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn sent(out_seq: u32) -> Sent {
        Sent::new(out_seq, out_seq.wrapping_add(1000), 0, RtpTime(0), 0)
    }

    #[test]
    fn a_number_goes_out_only_once() {
        let mut history = SentHistory::new(Instant::now(), 8);
        assert!(history.insert(sent(65_540)));
        assert!(!history.insert(sent(65_540)));
        assert!(history.insert(sent(65_548)));
        assert!(!history.insert(sent(65_540)), "overwritten: unknown, so refused");
        assert!(history.insert(sent(u32::MAX - 2)) && history.insert(sent(5)), "the number wraps");
        assert!(!history.insert(sent(u32::MAX - 2)));
    }

    #[test]
    fn repeated_requests_within_two_round_trips_are_ignored_and_three_resends_are_enough() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let rtt = Duration::from_millis(30);
        let mut history = SentHistory::new(t0, 8);
        history.insert(sent(65_540));
        history.stamp(65_540, 77, 3);
        let again = history.resend(at(0), SeqNo(4), 65_545, rtt).unwrap();
        assert_eq!((again.source_seq, again.transport_seq, again.padding), (66_540, 77, 3));
        assert_eq!(history.resend(at(59), SeqNo(4), 65_545, rtt), Err(Refused::Repeated));
        assert!(history.resend(at(60), SeqNo(4), 65_545, rtt).is_ok());
        assert!(history.resend(at(160), SeqNo(4), 65_545, rtt).is_ok());
        assert_eq!(history.resend(at(300), SeqNo(4), 65_545, rtt), Err(Refused::Repeated));
        assert_eq!(history.resend(at(300), SeqNo(5), 65_545, rtt), Err(Refused::Unknown));
    }

    #[test]
    fn a_packet_that_was_overwritten_is_unknown() {
        let mut history = SentHistory::new(Instant::now(), 8);
        assert_eq!(history.resend(Instant::now(), SeqNo(1), 5, Duration::ZERO), Err(Refused::Unknown));
        for seq in 65_536..65_556 {
            assert!(history.insert(sent(seq)));
        }
        assert_eq!(history.resend(Instant::now(), SeqNo(11), 65_555, Duration::ZERO), Err(Refused::Unknown));
        assert!(history.resend(Instant::now(), SeqNo(12), 65_555, Duration::ZERO).is_ok());
        history.clear();
        assert_eq!(history.resend(Instant::now(), SeqNo(12), 65_555, Duration::ZERO), Err(Refused::Unknown));
    }

    proptest! {
        /// However late numbers come, the answers are those of a history that remembers everything.
        #[test]
        fn no_number_goes_out_twice(
            first: u32, steps in proptest::collection::vec((-12i32..4, any::<bool>()), 1..200)
        ) {
            let mut history = SentHistory::new(Instant::now(), 8);
            let mut gone = std::collections::HashSet::new();
            let mut newest = first;
            for (step, clears) in steps {
                let number = newest.wrapping_add_signed(step);
                let new = gone.is_empty() || number.wrapping_sub(newest) as i32 > 0;
                let taken = history.insert(sent(number));
                prop_assert!(!taken || gone.insert(number), "{} twice", number);
                prop_assert!(taken || !new, "{} refused", number);
                let late = newest.wrapping_sub(number);
                prop_assert!(taken || late >= 8 || gone.contains(&number), "{} had its place", number);
                newest = if new { number } else { newest };
                if taken {
                    history.stamp(number, number as u16, 1);
                    let kept = history.resend(Instant::now(), SeqNo(number as u16), u64::from(number) | 1 << 32, Duration::ZERO);
                    prop_assert_eq!(kept.map(|kept| kept.transport_seq), Ok(number as u16));
                }
                if clears && gone.len() > 30 {
                    history.clear();
                    gone.clear();
                }
            }
        }
    }

    #[test]
    fn a_packet_costs_24_bytes() {
        assert!(size_of::<Sent>() <= 28, "{}", size_of::<Sent>());
    }
}

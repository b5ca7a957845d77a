//! Pictures leave at a measured pace where the way to a subscriber is near its limit.
//!
//! What is sent at once stands in the queue before the way's narrowest place, and a short queue loses the rest of it,
//! voices with it. So whatever leaves is a debt that the way pays off over time; pictures and repairs wait while it is
//! too high, voices and probes never do, and nothing waits for long. Where no limit is known the debt may be so high
//! that frames leave whole, as one train: there all this is a sum and a comparison.
//!
//! What waits are numbers and places, as in every other queue; the bytes stay in the source's cache, which keeps them
//! for much longer than anything waits here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::forwarder::ForwarderKey;
use super::packet::SourcePacket;
use super::send::{Form, Queued};
use crate::units::{Bitrate, MediaKind};

/// Nothing waits longer. While more waits than leaves in this time, the pace is as high as that takes.
const MOST_WAIT: Duration = Duration::from_millis(200);
/// Packets that wait for one subscriber at most; those beyond leave at once.
const MOST_PACKETS: usize = 512;
/// Room for so many is kept while nothing waits.
const KEPT_PACKETS: usize = 16;
/// What has waited leaves in pieces that take so long, as small trains.
const PIECE: Duration = Duration::from_millis(5);
/// Between two looks at what waits.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// How fast packets may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// In the long run.
    pub bitrate: Bitrate,
    /// So many bytes at once.
    pub burst: u64,
}

impl Pace {
    /// A rate, and as much at once as it makes in some time, or `least`.
    pub fn new(bitrate: Bitrate, burst: Duration, least: u64) -> Self {
        Self { bitrate, burst: bytes_in(bitrate.bps(), burst).max(least) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    queued: Queued,
    packet: SourcePacket,
    since: Instant,
}

/// Repairs go before pictures: a decoder stands still for want of them.
#[derive(Debug, Default)]
struct Waiting {
    repairs: VecDeque<Held>,
    pictures: VecDeque<Held>,
    bytes: u64,
}

/// One subscriber's.
#[derive(Debug, Default)]
pub struct Pacer {
    /// How fast packets may leave; none where nothing has been measured. It is kept here, for it is asked at every flush.
    pace: Option<Pace>,
    /// Bytes that have left and are not paid off.
    debt: u64,
    counted: Option<Instant>,
    /// When what waits is looked at next.
    due: Option<Instant>,
    /// Made when something has to wait for the first time.
    waiting: Option<Box<Waiting>>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.repairs.len() + self.pictures.len()
    }

    fn push(&mut self, held: Held) {
        self.bytes += held.packet.bytes();
        if held.queued.form == Form::First { &mut self.pictures } else { &mut self.repairs }.push_back(held);
    }

    fn oldest(&self) -> Option<Instant> {
        let fronts = [self.repairs.front(), self.pictures.front()];
        fronts.into_iter().flatten().map(|held| held.since).min()
    }

    /// The next one, where the debt allows it or its time has come.
    fn pop(&mut self, now: Instant, allowed: bool) -> Option<Held> {
        let anyway = allowed || self.len() > MOST_PACKETS;
        let due = |held: &&Held| anyway || now.saturating_duration_since(held.since) >= MOST_WAIT;
        let held = if self.repairs.front().filter(due).is_some() {
            self.repairs.pop_front()
        } else if self.pictures.front().filter(due).is_some() {
            self.pictures.pop_front()
        } else {
            None
        }?;
        self.bytes -= held.packet.bytes();
        Some(held)
    }
}

impl Pacer {
    /// From now on packets leave so fast; at once where nothing has been measured.
    pub const fn set_pace(&mut self, pace: Option<Pace>) {
        self.pace = pace;
    }

    /// Something waits.
    pub fn waits(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.len() > 0)
    }

    /// When what waits is to be flushed.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// True once when that time has come; the flush that follows says when the next one is.
    pub fn take_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// A burst, such as a probe, would meet no other.
    pub fn is_idle(&mut self, now: Instant) -> bool {
        self.pace.is_none_or(|pace| {
            self.pay(now, pace.bitrate.bps());
            !self.waits() && self.debt <= pace.burst / 2
        })
    }

    /// Number of the first packet of a forwarder that still waits to be sent for the first time.
    pub fn first_held(&self, forwarder: ForwarderKey) -> Option<u64> {
        let pictures = &self.waiting.as_ref()?.pictures;
        pictures.iter().find(|held| held.queued.forwarder == forwarder).map(|held| held.queued.out.seq)
    }

    /// Forgets what waits; returns how much that was.
    pub fn clear(&mut self) -> usize {
        self.due = None;
        self.waiting.take().map_or(0, |waiting| waiting.len())
    }

    /// Leaves of `packets` what may go now and puts before it what has waited long enough; the rest waits, and how much
    /// of `packets` that is, is returned. A probe's repairs are not held back. `spare` is empty, before and after.
    pub fn pace(
        &mut self,
        now: Instant,
        probing: bool,
        packets: &mut Vec<Queued>,
        spare: &mut Vec<Queued>,
        gathered: &mut Vec<SourcePacket>,
    ) -> usize {
        let waits = self.waits();
        let Some(pace) = self.pace.or(waits.then_some(Pace { bitrate: Bitrate(1), burst: u64::MAX })) else { return 0 };
        if !waits {
            self.pay(now, pace.bitrate.bps());
            let bytes: u64 = packets.iter().map(|queued| size(queued, gathered)).sum();
            if self.debt.saturating_add(bytes) <= pace.burst {
                self.debt += bytes;
                return 0;
            }
        }
        std::mem::swap(packets, spare);
        let waiting = self.waiting.get_or_insert_default();
        let before = waiting.len();
        for queued in spare.drain(..) {
            let repair = queued.form != Form::First;
            if queued.kind == MediaKind::Audio || repair && probing {
                self.debt += size(&queued, gathered);
                packets.push(queued);
            } else if let Some(packet) = gathered.get(queued.packet as usize).copied() {
                waiting.push(Held { queued, packet, since: now });
            }
        }
        let came = waiting.len() - before;
        let rate = pace.bitrate.bps().max(rate_of(waiting.bytes, MOST_WAIT));
        self.pay(now, rate);
        let left = self.release(now, pace.burst, packets, gathered);
        // A debt that cannot be paid off in time is none.
        self.debt = self.debt.min(pace.burst.saturating_add(bytes_in(rate, MOST_WAIT)));
        self.due = self.oldest().map(|oldest| {
            let over = (self.debt + bytes_in(rate, PIECE)).saturating_sub(pace.burst);
            (now + time_of(over, rate)).min(oldest + MOST_WAIT).max(now + LEAST_WAIT)
        });
        (before + came).saturating_sub(left).min(came)
    }

    fn oldest(&self) -> Option<Instant> {
        self.waiting.as_ref().and_then(|waiting| waiting.oldest())
    }

    /// Lets go what may go; returns how much that was.
    fn release(
        &mut self,
        now: Instant,
        burst: u64,
        packets: &mut Vec<Queued>,
        gathered: &mut Vec<SourcePacket>,
    ) -> usize {
        let Some(waiting) = &mut self.waiting else { return 0 };
        let mut count = 0;
        while let Some(Held { queued, packet, .. }) = waiting.pop(now, self.debt < burst) {
            self.debt += packet.bytes();
            // Gathered anew, behind everything else, so that the order of places is that of sending.
            packets.push(Queued { packet: gathered.len() as u32, ..queued });
            gathered.push(packet);
            count += 1;
        }
        for queue in [&mut waiting.repairs, &mut waiting.pictures] {
            if queue.is_empty() && queue.capacity() > KEPT_PACKETS {
                queue.shrink_to(KEPT_PACKETS);
            }
        }
        count
    }

    fn pay(&mut self, now: Instant, bps: u64) {
        let elapsed = self.counted.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.debt = self.debt.saturating_sub(bytes_in(bps, elapsed));
    }
}

fn size(queued: &Queued, gathered: &[SourcePacket]) -> u64 {
    gathered.get(queued.packet as usize).map_or(0, SourcePacket::bytes)
}

fn bytes_in(bps: u64, time: Duration) -> u64 {
    bps.saturating_mul(time.as_micros() as u64) / 8_000_000
}

fn rate_of(bytes: u64, time: Duration) -> u64 {
    bytes.saturating_mul(8_000_000) / (time.as_micros() as u64).max(1)
}

fn time_of(bytes: u64, bps: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(8_000_000) / bps.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::outgoing::Outgoing;
    use crate::media::table::Key;
    use crate::rtp::write::{HeaderFields, write_header};
    use crate::rtp::{Codec, ExtensionValues, RtpHeader};
    use crate::units::{PayloadType, RtpTime, SeqNo, Ssrc};

    const LEN: usize = 1000;

    /// A queue, and what is gathered.
    #[derive(Default)]
    struct Rig {
        pacer: Pacer,
        packets: Vec<Queued>,
        gathered: Vec<SourcePacket>,
        next: u64,
    }

    impl Rig {
        fn queue(&mut self, kind: MediaKind, form: Form) {
            let fields = HeaderFields {
                marker: false,
                payload_type: PayloadType(96),
                seq: SeqNo(self.next as u16),
                timestamp: RtpTime(0),
                ssrc: Ssrc(1),
            };
            let mut bytes = vec![0; LEN];
            write_header(&mut bytes, &fields, &[]).unwrap_or_default();
            let Ok(header) = RtpHeader::parse(&bytes) else { return };
            let values = ExtensionValues::default();
            let source = SourcePacket::new(Key::for_tests(0), self.next, header, Codec::H264, &values, &bytes, None);
            self.packets.push(Queued {
                packet: self.gathered.len() as u32,
                forwarder: Key::for_tests(0),
                out: Outgoing { seq: self.next, timestamp: RtpTime(0), codec: 0 },
                payload_type: PayloadType(96),
                strip_red: false,
                form,
                kind,
            });
            self.gathered.push(source);
            self.next += 1;
        }

        fn pictures(&mut self, count: usize) {
            (0..count).for_each(|_| self.queue(MediaKind::Video, Form::First));
        }

        /// Numbers of what leaves.
        fn flush(&mut self, now: Instant, pace: Option<Pace>) -> Vec<u64> {
            self.probe(now, pace, false)
        }

        fn probe(&mut self, now: Instant, pace: Option<Pace>, probing: bool) -> Vec<u64> {
            self.pacer.set_pace(pace);
            self.pacer.pace(now, probing, &mut self.packets, &mut Vec::new(), &mut self.gathered);
            let left = self.packets.drain(..).map(|queued| self.gathered[queued.packet as usize].seq).collect();
            self.gathered.clear();
            left
        }
    }

    /// A packet each eight milliseconds, two at once.
    fn narrow() -> Option<Pace> {
        Some(Pace::new(Bitrate::from_kbps(1000), Duration::from_millis(16), 0))
    }

    const RTX: Form = Form::Rtx { seq: SeqNo(0), payload_type: PayloadType(97) };

    #[test]
    fn a_frame_leaves_at_its_pace_and_whole_where_there_is_none() {
        let (mut rig, mut now) = (Rig::default(), Instant::now());
        rig.pictures(50);
        assert_eq!(rig.flush(now, None).len(), 50);
        assert_eq!(rig.pacer.due(), None);
        rig.pictures(5);
        let mut left = rig.flush(now, narrow());
        assert_eq!(left, [50, 51]);
        let began = now;
        while let Some(due) = rig.pacer.due() {
            assert!(due > now, "time goes on");
            now = due;
            assert!(rig.pacer.take_due(now));
            left.extend(rig.flush(now, narrow()));
        }
        assert_eq!(left, [50, 51, 52, 53, 54]);
        assert!((20..40).contains(&(now - began).as_millis()), "{:?}", now - began);
    }

    #[test]
    fn voices_and_probes_wait_for_nothing_and_repairs_for_no_picture() {
        let (mut rig, now) = (Rig::default(), Instant::now());
        rig.pictures(6);
        assert_eq!(rig.flush(now, narrow()), [0, 1]);
        assert!(!rig.pacer.is_idle(now));
        rig.queue(MediaKind::Audio, Form::First);
        rig.queue(MediaKind::Video, RTX);
        assert_eq!(rig.flush(now, narrow()), [6]);
        assert_eq!(rig.pacer.first_held(Key::for_tests(0)), Some(2));
        let later = now + Duration::from_millis(20);
        assert_eq!(rig.flush(later, narrow())[..2], [7, 2]);
        rig.queue(MediaKind::Video, RTX);
        assert_eq!(rig.probe(later, narrow(), true)[..1], [8]);
    }

    #[test]
    fn nothing_waits_longer_than_it_may_however_much_there_is() {
        let (mut rig, start) = (Rig::default(), Instant::now());
        let mut now = start;
        rig.pictures(900);
        let mut left = rig.flush(now, narrow());
        assert!(left.len() >= 900 - MOST_PACKETS);
        while let Some(due) = rig.pacer.due() {
            now = due;
            left.extend(rig.flush(now, narrow()));
        }
        assert_eq!(left, (0..900).collect::<Vec<_>>());
        assert!(now - start <= MOST_WAIT, "{:?}", now - start);
        rig.pictures(10);
        let at_once = rig.flush(now, narrow()).len();
        assert!(at_once < 10);
        assert_eq!(rig.flush(now, None).len(), 10 - at_once, "and goes at once where there is no pace any more");
        assert_eq!(rig.pacer.due(), None);
    }
}

//! From queued packets to sealed datagrams.
//!
//! While datagrams arrive, forwarders only queue what is to be sent: numbers, and where the bytes lie in the
//! source's cache. [`Shard::flush`] then makes one destination's datagrams after the other in the same small
//! buffer: header written, payload copied once, padded, stamped, sealed in place, handed over. So the bytes
//! of a destination lie side by side, lengths are known before anything is copied, and the buffer stays in
//! the processor's cache however many subscribers there are.

use std::time::Instant;

use crate::rtp::write::{pad_to, patch_transport_seq};
use crate::transport::Path;
use crate::units::{MediaKind, PayloadType, SeqNo};

use super::compose::{PACKET_ROOM, Prepared, compose, prepare};
use super::counters::Drop;
use super::event::Event;
use super::forwarder::ForwarderKey;
use super::outgoing::Outgoing;
use super::packet::SourcePacket;
use super::padding;
use super::shard::Shard;
use super::timers::Owner;
use super::transports::TransportKey;

/// Packets waiting for one subscriber at most: a key frame of 1 MB.
pub const MAX_QUEUED: usize = 1024;
/// Control datagrams (RTCP, STUN, DTLS) waiting for one peer at most.
const MAX_CONTROL: usize = 256;
/// Received packets between two flushes after which one is urgent: audio caches hold 200.
const URGENT_PACKETS: usize = 128;
/// Packets queued for all subscribers after which a flush is urgent.
const URGENT_QUEUED: usize = 64 * 1024;
/// Bytes that are handed over at once; three trains of the kernel's largest size.
const BATCH_BYTES: usize = 192 * 1024;

/// One datagram within an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset in the arena.
    pub start: u32,
    /// Bytes.
    pub len: u16,
}

/// Takes sealed datagrams.
pub trait DatagramSink {
    /// Datagrams of one destination, in the order in which they are to leave. Media segments lie side by
    /// side in `arena`, so that runs of equal length are trains as they are.
    fn send(&mut self, path: Path, arena: &[u8], segments: &[Segment]);
}

/// In which form a packet leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For the first time.
    First,
    /// As a retransmission on its own stream.
    Rtx {
        /// Number on the retransmission stream.
        seq: SeqNo,
        /// Payload type of retransmissions.
        payload_type: PayloadType,
    },
    /// Once more as it was, where the subscriber has no retransmission stream.
    Again {
        /// The transport-wide number that it had.
        transport_seq: u16,
        /// The padding that it had.
        padding: u8,
    },
}

/// A packet waiting for one subscriber.
#[derive(Clone, Copy, Debug)]
pub struct Queued {
    /// Index into the packets gathered since the last flush.
    pub packet: u32,
    /// Whose stream it continues.
    pub forwarder: ForwarderKey,
    /// Outgoing numbers.
    pub out: Outgoing,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Only the primary payload of RED is sent.
    pub strip_red: bool,
    /// In which form.
    pub form: Form,
    /// Audio goes first.
    pub kind: MediaKind,
}

/// What waits for one peer.
#[derive(Default)]
pub struct SendQueue {
    packets: Vec<Queued>,
    control: Vec<(Path, Segment)>,
    dirty: bool,
}

/// Buffers that live from flush to flush, so that none of them is allocated on the packet path.
#[derive(Default)]
pub struct SendBuffers {
    /// By index of the transport.
    queues: Vec<SendQueue>,
    dirty: Vec<TransportKey>,
    /// Packets received since the last flush, and packets to be sent again.
    gathered: Vec<SourcePacket>,
    queued: usize,
    since: Option<Instant>,
    /// Bytes of all control datagrams.
    control: Vec<u8>,
    arena: Vec<u8>,
    headers: Vec<u8>,
    prepared: Vec<Prepared>,
    /// For pacing, in place of a queue.
    spare: Vec<Queued>,
    lengths: Vec<(u16, bool)>,
    padding: Vec<u8>,
    segments: Vec<Segment>,
}

impl SendBuffers {
    /// Keeps a packet until the flush; returns its index for [`Queued::packet`].
    pub fn gather(&mut self, packet: SourcePacket) -> u32 {
        self.gathered.push(packet);
        (self.gathered.len() - 1) as u32
    }

    /// Queues a packet for a peer; false when its queue is full.
    #[inline]
    pub fn push(&mut self, now: Instant, to: TransportKey, packet: Queued) -> bool {
        let queue = self.queue(to);
        if queue.packets.len() >= MAX_QUEUED {
            return false;
        }
        queue.packets.push(packet);
        self.queued += 1;
        self.mark(now, to);
        true
    }

    /// Something that waited for its turn may leave at the next flush.
    pub fn wake(&mut self, now: Instant, to: TransportKey) {
        self.queue(to);
        self.mark(now, to);
    }

    /// Where control datagrams are appended; [`SendBuffers::push_control`] follows.
    pub fn control_buffer(&mut self) -> &mut Vec<u8> {
        &mut self.control
    }

    /// Queues what was appended to the control buffer from `start` on as one datagram.
    pub fn push_control(&mut self, now: Instant, to: TransportKey, path: Path, start: usize) -> bool {
        let len = self.control.len() - start;
        let queue = self.queue(to);
        if queue.control.len() >= MAX_CONTROL || len > usize::from(u16::MAX) {
            self.control.truncate(start);
            return false;
        }
        queue.control.push((path, Segment { start: start as u32, len: len as u16 }));
        self.mark(now, to);
        true
    }

    /// Forgets the media that waits for a peer that is gone. Its goodbye still goes out.
    pub fn forget(&mut self, gone: TransportKey) {
        if let Some(queue) = self.queues.get_mut(gone.index()) {
            self.queued -= queue.packets.len();
            queue.packets = Vec::new();
        }
    }

    fn queue(&mut self, to: TransportKey) -> &mut SendQueue {
        if self.queues.len() <= to.index() {
            self.queues.resize_with(to.index() + 1, SendQueue::default);
        }
        &mut self.queues[to.index()]
    }

    fn mark(&mut self, now: Instant, to: TransportKey) {
        self.since.get_or_insert(now);
        let queue = &mut self.queues[to.index()];
        if !queue.dirty {
            queue.dirty = true;
            self.dirty.push(to);
        }
    }
}

impl Shard {
    /// When the oldest queued datagram was queued, for the gathering rule.
    pub fn queued_since(&self) -> Option<Instant> {
        self.send.since
    }

    /// So much waits that the flush must not wait any longer, whatever the gathering rule says.
    pub fn should_flush(&self) -> bool {
        self.send.queued >= URGENT_QUEUED || self.send.gathered.len().max(self.relays.len()) >= URGENT_PACKETS
    }

    /// Makes and hands over every queued datagram.
    pub fn flush(&mut self, now: Instant, sink: &mut dyn DatagramSink) {
        if self.send.since.is_none() && self.send.gathered.is_empty() {
            return;
        }
        self.counters.gathered_max = self.counters.gathered_max.max(self.send.queued);
        let mut dirty = std::mem::take(&mut self.send.dirty);
        for key in dirty.drain(..) {
            self.flush_control(key, sink);
            self.flush_media(now, key, sink);
        }
        self.send.dirty = dirty;
        self.send.gathered.clear();
        self.send.control.clear();
        self.send.queued = 0;
        self.send.since = None;
    }

    fn flush_control(&mut self, key: TransportKey, sink: &mut dyn DatagramSink) {
        let SendBuffers { queues, control, segments, .. } = &mut self.send;
        let Some(queue) = queues.get_mut(key.index()) else { return };
        queue.dirty = false;
        let mut waiting = &queue.control[..];
        while let Some((path, _)) = waiting.first() {
            let same = waiting.iter().take_while(|(other, _)| other == path).count();
            segments.clear();
            segments.extend(waiting[..same].iter().map(|(_, segment)| *segment));
            for segment in segments.iter() {
                self.counters.datagrams_out.count(usize::from(segment.len));
            }
            sink.send(*path, control, segments);
            waiting = &waiting[same..];
        }
        queue.control.clear();
    }

    fn flush_media(&mut self, now: Instant, key: TransportKey, sink: &mut dyn DatagramSink) {
        let Shard { transports, forwarders, streams, counters, send, tracks, events, timers, .. } = self;
        let SendBuffers { queues, gathered, arena, headers, prepared, lengths, padding, segments, spare, .. } = send;
        let Some(queue) = queues.get_mut(key.index()) else { return };
        let packets = &mut queue.packets;
        let mut state = transports.get_mut(key);
        if packets.is_empty() && !state.as_ref().is_some_and(|state| state.sending.pacer.waits()) {
            return;
        }
        let path = state.as_ref().and_then(|state| state.transport.send_path());
        let (Some(state), Some(path)) = (&mut state, path) else {
            let held = state.map_or(0, |state| state.sending.pacer.clear());
            counters.drops[Drop::Stale as usize] += (packets.len() + held) as u64;
            packets.clear();
            return;
        };
        let sending = &mut state.sending;
        counters.paced += sending.pacer.pace(now, sending.probing, packets, spare, gathered) as u64;
        if let Some(due) = sending.pacer.due() {
            timers.at_latest(Owner::Transport(key.index() as u32), due);
        }
        let first_number = sending.twcc.next_number();
        if packets.windows(2).any(|pair| pair[0].forwarder != pair[1].forwarder) {
            arrange(packets, gathered);
        }

        headers.clear();
        prepared.clear();
        lengths.clear();
        for (index, queued) in packets.iter().enumerate() {
            match prepare(queued, index as u32, gathered, forwarders, streams, headers) {
                Some((ready, may_pad)) => {
                    lengths.push((ready.header_len + ready.payload_len, may_pad));
                    prepared.push(ready);
                }
                None => counters.drop(Drop::Stale),
            }
        }
        padding::plan(lengths, padding);

        if arena.is_empty() {
            arena.resize(BATCH_BYTES + PACKET_ROOM, 0);
        }
        segments.clear();
        let mut at = 0;
        for (ready, pad) in prepared.iter().zip(padding.iter()) {
            let queued = &packets[ready.queued as usize];
            let source = &gathered[queued.packet as usize];
            let (Some(stream), Some(forwarder)) = (streams.get(source.stream), forwarders.get_mut(queued.forwarder))
            else {
                continue;
            };
            let Some(bytes) = stream.cache.get(source.seq) else { continue };
            let room = &mut arena[at..];
            let Some(len) = compose(room, ready, headers, queued, source, bytes) else { continue };
            let (len, pad) = match queued.form {
                Form::Again { padding, .. } => (pad_to(room, len, len + usize::from(padding)), 0),
                _ => (pad_to(room, len, len + usize::from(*pad)), *pad),
            };
            let transport_seq = ready.transport_seq_at.map(|at| {
                let seq = match queued.form {
                    Form::Again { transport_seq, .. } => transport_seq,
                    _ => state.sending.twcc.send(now, len),
                };
                patch_transport_seq(room, at, seq);
                seq
            });
            let sealed = match queued.form {
                Form::Again { .. } => state.transport.seal_rtp_again(room, len),
                _ => state.transport.seal_rtp(room, len),
            };
            let Some(sealed) = sealed else {
                counters.drop(Drop::NotSealed);
                continue;
            };
            if queued.form == Form::First {
                forwarder.history.stamp(queued.out.seq as u32, transport_seq.unwrap_or_default(), pad);
                forwarder.stats.on_packet(usize::from(ready.payload_len));
                counters.rtp_out.count(len);
                if forwarder.stats.packets() == 1
                    && let Some(track) = tracks.get(forwarder.track)
                {
                    events.push_back(Event::FirstForward { track: track.id, subscriber: state.id });
                }
            } else {
                counters.rtx_out.count(len);
            }
            counters.padding_out += u64::from(pad);
            counters.datagrams_out.count(sealed);
            segments.push(Segment { start: at as u32, len: sealed as u16 });
            at += sealed;
            if at >= BATCH_BYTES {
                sink.send(path, arena, segments);
                segments.clear();
                at = 0;
            }
        }
        if !segments.is_empty() {
            sink.send(path, arena, segments);
        }
        let numbers = first_number..state.sending.twcc.next_number();
        if !numbers.is_empty() {
            state.sending.estimator.begin(now);
        }
        if std::mem::take(&mut state.sending.probing) {
            state.sending.probe_sent(now, numbers);
        }
        packets.clear();
        if packets.capacity() > MAX_QUEUED / 2 {
            packets.shrink_to(64);
        }
    }
}

/// Puts packets of several forwarders into the order that makes the longest trains: those of a forwarder side by side,
/// and sound, which goes first, from the largest packet down, for only the last of a train may be shorter.
fn arrange(packets: &mut [Queued], gathered: &[SourcePacket]) {
    let len = |queued: &Queued| gathered.get(queued.packet as usize).map_or(0, |packet| packet.header.payload_len());
    packets.sort_unstable_by_key(|queued| (queued.kind == MediaKind::Video, queued.forwarder.index(), queued.packet));
    let sound = packets.partition_point(|queued| queued.kind == MediaKind::Audio);
    let sound = &mut packets[..sound];
    // Packets of one speaker stay in order.
    if sound.windows(2).all(|pair| pair[0].forwarder != pair[1].forwarder) {
        sound.sort_unstable_by_key(|queued| std::cmp::Reverse(len(queued)));
    }
}

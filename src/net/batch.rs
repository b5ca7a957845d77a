//! Trains out: what is sent to one destination leaves as few messages as the kernel allows (UDP_SEGMENT, "GSO"),
//! and messages to different destinations share a system call (`sendmmsg`).
//!
//! A call that carries much is sent from the caller's memory at once. A call that carries little – one audio packet
//! to each of two hundred listeners – is copied into a staging buffer first, because the caller's memory may
//! change when the call returns: copying a small packet costs a few per cent of the system call that it saves.
//! Nothing waits: what the socket's buffer does not take is dropped and counted.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::media::Segment;

use super::counters::{MAX_TRAIN, UdpCounters};
use super::sys::{self, MAX_MESSAGES, MAX_PIECES, Message, Piece};

/// Largest message: 65535 less the headers of IPv4 and UDP.
const MAX_MESSAGE_BYTES: usize = 65_507;
/// A call with at most this many bytes is staged instead of sent at once.
const STAGE_CALL: usize = 8 * 1024;
/// Bytes that wait in the staging buffer at most.
const STAGE_BYTES: usize = 128 * 1024;
/// After a failure of segmentation offload it is left alone for this long: one destination behind an odd interface
/// must not cost all others their trains for ever.
const OFFLOAD_PAUSE: Duration = Duration::from_secs(60);
/// Segments up to this length fit every interface (the minimum MTU of IPv6 less headers), so their length
/// cannot be what the kernel disliked.
const SURELY_FITS: u16 = 1232;

/// The messages that wait to leave one socket.
pub(super) struct Batch {
    /// Datagrams in a message at most; 1 where the system has no segmentation offload.
    max_train: usize,
    /// Offload is put aside until then.
    offload_paused: Option<Instant>,
    staged: Box<[u8]>,
    staged_len: usize,
    pieces: Vec<Piece>,
    messages: Vec<Message>,
    /// The system call; tests put one in its place that fails on demand.
    send: SendMessages,
}

type SendMessages = fn(&UdpSocket, &[u8], &[u8], &[Piece], &[Message]) -> io::Result<usize>;

impl Batch {
    /// A batch for a socket that can send `max_train` datagrams in a message.
    pub(super) fn new(max_train: usize) -> Self {
        Self {
            max_train: max_train.clamp(1, MAX_TRAIN),
            offload_paused: None,
            staged: vec![0; STAGE_BYTES].into_boxed_slice(),
            staged_len: 0,
            pieces: Vec::with_capacity(MAX_PIECES),
            messages: Vec::with_capacity(MAX_MESSAGES),
            send: sys::send_messages,
        }
    }

    /// Takes datagrams for one destination, in order. They have left, or wait for [`Batch::finish`], on return.
    pub(super) fn push(&mut self, mut out: Outlet<'_>, to: SocketAddr, from: Option<IpAddr>, segments: &[Segment]) {
        if self.offload_paused.is_some_and(|until| until <= out.now) {
            self.offload_paused = None;
        }
        let total: usize = segments.iter().map(|segment| segment.len as usize).sum();
        let stage = total <= STAGE_CALL;
        let mut rest = segments;
        while !rest.is_empty() {
            let max_train = if self.offload_paused.is_some() { 1 } else { self.max_train };
            let length = train(rest, max_train);
            let (head, tail) = rest.split_at(length);
            rest = tail;
            self.push_train(&mut out, to, from, head, stage);
        }
        if !stage {
            // These messages point into the caller's arena, which is ours for this call only.
            self.send_all(&mut out);
        }
    }

    /// Sends what is left. Nothing waits afterwards.
    pub(super) fn finish(&mut self, mut out: Outlet<'_>) {
        self.send_all(&mut out);
    }

    fn push_train(
        &mut self,
        out: &mut Outlet<'_>,
        to: SocketAddr,
        from: Option<IpAddr>,
        train: &[Segment],
        stage: bool,
    ) {
        let bytes: usize = train.iter().map(|segment| segment.len as usize).sum();
        let segment = train[0].len;
        let inside = |s: &Segment| out.arena.len() as u64 >= u64::from(s.start) + u64::from(s.len);
        if bytes == 0 || bytes > MAX_MESSAGE_BYTES || !train.iter().all(inside) {
            // A datagram that no packet can be, or one that lies outside the arena.
            out.counters.dropped_too_big += train.len() as u64;
            return;
        }
        let pieces = if stage { 1 } else { train.len() };
        if self.messages.len() == MAX_MESSAGES
            || self.pieces.len() + pieces > MAX_PIECES
            || (stage && self.staged_len + bytes > self.staged.len())
        {
            self.send_all(out);
        }
        let first_piece = self.pieces.len() as u16;
        if stage {
            let start = self.staged_len;
            for part in train {
                let bytes = &out.arena[part.start as usize..][..part.len as usize];
                self.staged[self.staged_len..][..bytes.len()].copy_from_slice(bytes);
                self.staged_len += bytes.len();
            }
            self.pieces.push(Piece { staged: true, start: start as u32, len: bytes as u32 });
        } else {
            for part in train {
                let own = &mut self.pieces[first_piece as usize..];
                match own.last_mut() {
                    Some(last) if last.start + last.len == part.start => last.len += u32::from(part.len),
                    _ => self.pieces.push(Piece { staged: false, start: part.start, len: u32::from(part.len) }),
                }
            }
        }
        let pieces = self.pieces.len() as u16 - first_piece;
        self.messages.push(Message { to, from, segment, bytes: bytes as u32, first_piece, pieces });
    }

    /// Hands all messages to the kernel. A message that it refuses is dropped, the others go on.
    fn send_all(&mut self, out: &mut Outlet<'_>) {
        let staged = &self.staged[..self.staged_len];
        let mut next = 0;
        while next < self.messages.len() {
            let waiting = &self.messages[next..];
            match (self.send)(out.socket, staged, out.arena, &self.pieces, waiting) {
                Ok(0) => break,
                Ok(count) => {
                    out.counters.send_calls += 1;
                    waiting[..count].iter().for_each(|message| count_sent(out.counters, message));
                    next += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // The others would not fit either.
                    out.counters.dropped_full += waiting.iter().map(|message| message.datagrams() as u64).sum::<u64>();
                    break;
                }
                Err(error) => {
                    let message = waiting[0];
                    next += 1;
                    if !is_about_offload(&error) || message.datagrams() < 2 {
                        count_refused(out.counters, &error, message.datagrams());
                        continue;
                    }
                    let went = send_one_by_one(self.send, out, staged, &self.pieces, &message);
                    let blamed = match error.raw_os_error() {
                        Some(EIO) => true,
                        Some(EINVAL) => message.segment <= SURELY_FITS,
                        _ => false,
                    };
                    if went && blamed && self.offload_paused.is_none() {
                        out.counters.offload_failures += 1;
                        self.offload_paused = Some(out.now + OFFLOAD_PAUSE);
                    }
                }
            }
        }
        self.messages.clear();
        self.pieces.clear();
        self.staged_len = 0;
    }
}

/// What a batch needs from outside for one call.
pub(super) struct Outlet<'a> {
    /// The socket that the batch belongs to.
    pub(super) socket: &'a UdpSocket,
    /// The caller's memory; may be empty for [`Batch::finish`].
    pub(super) arena: &'a [u8],
    /// Where to count.
    pub(super) counters: &'a mut UdpCounters,
    /// The time.
    pub(super) now: Instant,
}

/// Length of the train that `segments` begins with: equal lengths, then perhaps one shorter datagram.
fn train(segments: &[Segment], max_train: usize) -> usize {
    let length = segments[0].len;
    let mut bytes = length as usize;
    let mut count = 1;
    for segment in &segments[1..] {
        bytes += segment.len as usize;
        if count >= max_train || segment.len > length || segment.len == 0 || bytes > MAX_MESSAGE_BYTES {
            break;
        }
        count += 1;
        if segment.len < length {
            break;
        }
    }
    count
}

/// Sends a train's datagrams without offload; true when at least one left.
fn send_one_by_one(send: SendMessages, out: &mut Outlet<'_>, staged: &[u8], pieces: &[Piece], train: &Message) -> bool {
    let mut went = false;
    for piece in &pieces[piece_range(train)] {
        let end = piece.start + piece.len;
        // A piece begins and ends where a datagram does: only whole ones are merged.
        for start in (piece.start..end).step_by(train.segment.max(1) as usize) {
            let len = (end - start).min(u32::from(train.segment));
            let single = [Piece { staged: piece.staged, start, len }];
            let message = Message { bytes: len, first_piece: 0, pieces: 1, ..*train };
            match send(out.socket, staged, out.arena, &single, &[message]) {
                Ok(_) => {
                    went = true;
                    out.counters.send_calls += 1;
                    count_sent(out.counters, &message);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => out.counters.dropped_full += 1,
                Err(error) => count_refused(out.counters, &error, 1),
            }
        }
    }
    went
}

fn piece_range(message: &Message) -> Range<usize> {
    let first = message.first_piece as usize;
    first..first + message.pieces as usize
}

#[cfg(unix)]
const EIO: i32 = libc::EIO;
#[cfg(unix)]
const EINVAL: i32 = libc::EINVAL;
#[cfg(unix)]
const EMSGSIZE: i32 = libc::EMSGSIZE;

/// Errors with which kernels answer a train that they, or the interface, cannot segment.
fn is_about_offload(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EIO | EINVAL | EMSGSIZE))
}

fn count_sent(counters: &mut UdpCounters, message: &Message) {
    let datagrams = message.datagrams();
    counters.sent += datagrams as u64;
    counters.sent_bytes += u64::from(message.bytes);
    counters.train_lengths[datagrams.min(MAX_TRAIN)] += 1;
}

fn count_refused(counters: &mut UdpCounters, error: &io::Error, datagrams: usize) {
    match error.raw_os_error() {
        Some(EMSGSIZE) => counters.dropped_too_big += datagrams as u64,
        Some(libc::ENOBUFS) => counters.dropped_full += datagrams as u64,
        _ => counters.dropped_refused += datagrams as u64,
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "batch_tests.rs"]
mod tests;

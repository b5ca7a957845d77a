//! ICE-TCP, passive side (RFC 6544): accepted connections of one shard, each a socket of its own to the media core.
//!
//! The process listens on one port. The first shard accepts; the first frame of a connection must be a STUN check,
//! whose user name says to which shard it belongs (see [`ufrag`](super::ufrag)), and the connection moves there.
//! Until the core has answered on it, a connection proves nothing and has only seconds.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::media::Segment;
use crate::transport::demux::{Kind, classify, stun_ufrag};
use crate::transport::{Path, SocketId};

use super::counters::TcpCounters;
use super::frame::{FrameReader, FrameWriter};
use super::quota::{Permit, Quota};
use super::{NetError, ShardIndex, TcpLimits, ufrag};

/// Connections that the system completes before we accept them.
const LISTEN_BACKLOG: i32 = 256;
/// Connections accepted in one turn of the loop.
const ACCEPT_BUDGET: usize = 32;
/// Bytes read from one connection in one turn.
const READ_BUDGET: usize = 64 * 1024;
/// A connection must belong to a participant within this time.
const PROOF_TIME: Duration = Duration::from_secs(10);
/// A participant's connection carries consent checks every few seconds; silence for this long means that nobody is there.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// How often these times are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// After the system has refused us a descriptor, accepting rests this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The kernel's send buffer of a connection: enough for 20 Mbit/s over 100 ms, little enough that media does not grow
/// old in it.
const KERNEL_SEND_BUFFER: usize = 256 * 1024;

/// A connection on its way to another shard, its first frame still unread.
#[derive(Debug)]
pub(super) struct Handover {
    stream: TcpStream,
    remote: SocketAddr,
    reader: FrameReader,
    permit: Permit,
    accepted: Instant,
}

#[derive(Debug)]
struct Connection {
    id: SocketId,
    stream: TcpStream,
    remote: SocketAddr,
    reader: FrameReader,
    writer: FrameWriter,
    permit: Permit,
    accepted: Instant,
    heard: Instant,
    /// Its first frame named this shard; the core knows it from then on.
    ours: bool,
    /// The core has answered on it.
    proven: bool,
    /// It stands in the queue of those to be read.
    queued: bool,
}

/// Why a connection is closed by us, or was by the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Peer,
    BadFrame,
    Idle,
    Evicted,
    HandedOver,
}

/// Binds a listener of the process.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, NetError> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restarted server takes its port back although old connections linger.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(LISTEN_BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    open().map_err(|error| NetError::bind("TCP", address, error))
}

/// What one shard has of ICE-TCP.
pub(super) struct TcpTable {
    shard: ShardIndex,
    quota: Arc<Quota>,
    listeners: Vec<TcpListener>,
    may_accept: bool,
    accept_pause: Option<Instant>,
    slots: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Counts insertions, so that a number comes back as late as possible.
    generation: u32,
    readable: VecDeque<SocketId>,
    /// Sockets that the core knew and that are gone.
    closed: Vec<SocketId>,
    /// Memory for framing.
    scratch: Vec<u8>,
    next_sweep: Option<Instant>,
}

/// What the table needs from the loop to read.
pub(super) struct Inward<'a> {
    pub(super) now: Instant,
    pub(super) registry: &'a Registry,
    pub(super) counters: &'a mut TcpCounters,
    /// Takes a datagram.
    pub(super) datagram: &'a mut dyn FnMut(Path, &mut [u8]),
    /// Takes a connection that belongs to another shard; false when that is impossible.
    pub(super) hand_over: &'a mut dyn FnMut(ShardIndex, Handover) -> bool,
}

impl TcpTable {
    /// A table that accepts on `listeners` (none, on all shards but the first).
    pub(super) fn new(shard: ShardIndex, limits: TcpLimits, quota: Arc<Quota>, listeners: Vec<TcpListener>) -> Self {
        let capacity = limits.connections.clamp(1, TcpLimits::MOST_CONNECTIONS);
        Self {
            shard,
            quota,
            may_accept: !listeners.is_empty(),
            listeners,
            accept_pause: None,
            slots: (0..capacity).map(|_| None).collect(),
            free: (0..capacity).rev().collect(),
            generation: 0,
            readable: VecDeque::new(),
            closed: Vec::new(),
            scratch: Vec::new(),
            next_sweep: None,
        }
    }

    /// For registering the listeners with a poll.
    pub(super) fn listeners(&self) -> &[TcpListener] {
        &self.listeners
    }

    /// A listener has connections to accept.
    pub(super) fn acceptable(&mut self) {
        self.may_accept = true;
    }

    /// The poll says that a connection can be read or written.
    pub(super) fn ready(&mut self, id: SocketId, readable: bool, writable: bool, counters: &mut TcpCounters) {
        let Some(connection) = self.get(id) else { return };
        if readable && !std::mem::replace(&mut connection.queued, true) {
            self.readable.push_back(id);
        }
        if writable && self.get(id).is_some_and(|c| c.writer.flush(&mut c.stream).is_err()) {
            self.close(id, Close::Peer, counters);
        }
    }

    /// True while something can be done without waiting for the poll.
    pub(super) fn has_work(&self) -> bool {
        !self.readable.is_empty() || (self.may_accept && self.accept_pause.is_none())
    }

    /// When [`TcpTable::turn`] must be called at the latest.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.next_sweep.into_iter().chain(self.accept_pause).min()
    }

    /// Accepts, reads and looks at the times, within the budgets of one turn.
    pub(super) fn turn(&mut self, mut inward: Inward<'_>) {
        if self.accept_pause.is_some_and(|until| until <= inward.now) {
            self.accept_pause = None;
        }
        if self.may_accept && self.accept_pause.is_none() {
            self.accept(&mut inward);
        }
        for _ in 0..self.readable.len() {
            let Some(id) = self.readable.pop_front() else { break };
            self.read(id, &mut inward);
        }
        if self.next_sweep.is_some_and(|at| at <= inward.now) {
            self.sweep(inward.now, inward.counters);
        }
    }

    /// Takes a connection that the first shard accepted.
    pub(super) fn adopt(&mut self, handover: Handover, now: Instant, registry: &Registry, counters: &mut TcpCounters) {
        if self.insert(handover, now, registry, counters) {
            counters.adopted += 1;
        }
    }

    /// Frames datagrams onto a connection. What a slow reader does not take is dropped in whole datagrams.
    pub(super) fn send(&mut self, id: SocketId, arena: &[u8], segments: &[Segment], counters: &mut TcpCounters) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let outcome = match self.get(id) {
            Some(connection) => {
                if !std::mem::replace(&mut connection.proven, true) {
                    connection.permit.prove();
                }
                connection.writer.send(&mut connection.stream, &mut scratch, arena, segments)
            }
            None => Ok(segments.len()),
        };
        self.scratch = scratch;
        match outcome {
            Ok(dropped) => {
                counters.dropped += dropped as u64;
                counters.sent += (segments.len() - dropped) as u64;
            }
            Err(_) => {
                counters.dropped += segments.len() as u64;
                self.close(id, Close::Peer, counters);
            }
        }
    }

    /// Sockets that the core knew and that are gone since the last call.
    pub(super) fn take_closed(&mut self) -> Option<SocketId> {
        self.closed.pop()
    }

    fn accept(&mut self, inward: &mut Inward<'_>) {
        let mut budget = ACCEPT_BUDGET;
        let mut index = 0;
        while index < self.listeners.len() {
            if budget == 0 {
                return;
            }
            budget -= 1;
            match self.listeners[index].accept() {
                Ok((stream, remote)) => self.welcome(stream, remote, inward),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => index += 1,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        // Out of descriptors or memory: the connection stays in the backlog, trying on would spin.
                        tracing::warn!(%error, "cannot accept ICE-TCP connections");
                        self.accept_pause = Some(inward.now + ACCEPT_PAUSE);
                        return;
                    }
                },
            }
        }
        self.may_accept = false;
    }

    fn welcome(&mut self, stream: TcpStream, remote: SocketAddr, inward: &mut Inward<'_>) {
        let Some(permit) = self.quota.admit(remote.ip()) else {
            inward.counters.refused += 1;
            return;
        };
        let prepared = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
        if prepared.is_err() {
            // It was reset in the meantime.
            inward.counters.closed_by_peer += 1;
            return;
        }
        // A wish: the default serves too.
        let _ = SockRef::from(&stream).set_send_buffer_size(KERNEL_SEND_BUFFER);
        let handover = Handover { stream, remote, reader: FrameReader::new(), permit, accepted: inward.now };
        if self.insert(handover, inward.now, inward.registry, inward.counters) {
            inward.counters.accepted += 1;
        }
    }

    /// Gives a connection a number and registers it; it is refused when all places are taken by participants.
    fn insert(&mut self, new: Handover, now: Instant, registry: &Registry, counters: &mut TcpCounters) -> bool {
        if self.free.is_empty() {
            self.evict(counters);
        }
        let Some(slot) = self.free.pop() else {
            counters.refused += 1;
            return false;
        };
        let id = self.number(slot);
        let token = Token(id.0 as usize);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if registry.register(&mut SourceFd(&new.stream.as_raw_fd()), token, interest).is_err() {
            self.free.push(slot);
            counters.refused += 1;
            return false;
        }
        let Handover { stream, remote, reader, permit, accepted } = new;
        self.slots[slot] = Some(Connection {
            id,
            stream,
            remote,
            reader,
            writer: FrameWriter::default(),
            permit,
            accepted,
            heard: now,
            ours: false,
            proven: false,
            queued: true,
        });
        // It may have sent something before it was registered.
        self.readable.push_back(id);
        self.next_sweep.get_or_insert(now + SWEEP);
        counters.open += 1;
        true
    }

    fn read(&mut self, id: SocketId, inward: &mut Inward<'_>) {
        let shard = self.shard;
        let Some(connection) = self.get(id) else { return };
        connection.queued = false;
        match connection.read(shard, inward) {
            Outcome::Drained => {}
            Outcome::More => {
                connection.queued = true;
                self.readable.push_back(id);
            }
            Outcome::Close(cause) => drop(self.close(id, cause, inward.counters)),
            Outcome::BelongsTo(other) => {
                let Some(connection) = self.close(id, Close::HandedOver, inward.counters) else { return };
                let Connection { stream, remote, reader, permit, accepted, .. } = connection;
                // It stays open, so that the poll must be told.
                let _ = inward.registry.deregister(&mut SourceFd(&stream.as_raw_fd()));
                if !(inward.hand_over)(other, Handover { stream, remote, reader, permit, accepted }) {
                    inward.counters.refused += 1;
                }
            }
        }
    }

    fn sweep(&mut self, now: Instant, counters: &mut TcpCounters) {
        for slot in 0..self.slots.len() {
            let Some(connection) = &self.slots[slot] else { continue };
            let late = if connection.proven {
                now.saturating_duration_since(connection.heard) >= IDLE_TIME
            } else {
                now.saturating_duration_since(connection.accepted) >= PROOF_TIME
            };
            if late {
                self.close(connection.id, Close::Idle, counters);
            }
        }
        self.next_sweep = (self.free.len() < self.slots.len()).then_some(now + SWEEP);
    }

    /// Makes room by closing the oldest connection that has proved nothing.
    fn evict(&mut self, counters: &mut TcpCounters) {
        let strangers = self.slots.iter().flatten().filter(|connection| !connection.proven);
        if let Some(id) = strangers.min_by_key(|connection| connection.accepted).map(|connection| connection.id) {
            self.close(id, Close::Evicted, counters);
        }
    }

    /// Takes a connection out; dropping it closes it, and the kernel then forgets its registration.
    fn close(&mut self, id: SocketId, cause: Close, counters: &mut TcpCounters) -> Option<Connection> {
        let slot = self.slot(id)?;
        let connection = self.slots[slot].take_if(|connection| connection.id == id)?;
        self.free.push(slot);
        counters.open -= 1;
        *match cause {
            Close::Peer => &mut counters.closed_by_peer,
            Close::BadFrame => &mut counters.closed_bad_frame,
            Close::Idle => &mut counters.closed_idle,
            Close::Evicted => &mut counters.closed_evicted,
            Close::HandedOver => &mut counters.handed_over,
        } += 1;
        if connection.ours {
            self.closed.push(id);
        }
        Some(connection)
    }

    fn get(&mut self, id: SocketId) -> Option<&mut Connection> {
        let slot = self.slot(id)?;
        self.slots[slot].as_mut().filter(|connection| connection.id == id)
    }

    /// Where a connection of this number would be.
    fn slot(&self, id: SocketId) -> Option<usize> {
        Some(id.0.checked_sub(SocketId::FIRST_TCP)? as usize % self.slots.len())
    }

    /// A number for the next connection in `slot`, unlike the last ones.
    fn number(&mut self, slot: usize) -> SocketId {
        let capacity = self.slots.len() as u32;
        let rounds = (u32::MAX - SocketId::FIRST_TCP) / capacity;
        self.generation = (self.generation + 1) % rounds;
        SocketId(SocketId::FIRST_TCP + self.generation * capacity + slot as u32)
    }
}

/// How reading a connection ended.
enum Outcome {
    /// The poll will report when there is more.
    Drained,
    /// The budget is used up.
    More,
    Close(Close),
    BelongsTo(ShardIndex),
}

impl Connection {
    fn read(&mut self, shard: ShardIndex, inward: &mut Inward<'_>) -> Outcome {
        let path = Path { socket: self.id, remote: self.remote, local_ip: None };
        let mut budget = READ_BUDGET;
        loop {
            if !self.ours {
                match self.reader.peek().map(|frame| frame.ok().and_then(owner)) {
                    None => {}
                    Some(Some(owner)) if owner == shard => self.ours = true,
                    Some(Some(owner)) => return Outcome::BelongsTo(owner),
                    Some(None) => return Outcome::Close(Close::BadFrame),
                }
            }
            if self.ours {
                while let Some(frame) = self.reader.next() {
                    let Ok(datagram) = frame else { return Outcome::Close(Close::BadFrame) };
                    inward.counters.received += 1;
                    self.heard = inward.now;
                    (inward.datagram)(path, datagram);
                }
            }
            if budget == 0 {
                return Outcome::More;
            }
            match self.stream.read(self.reader.room()) {
                Ok(0) => return Outcome::Close(Close::Peer),
                Ok(count) => {
                    self.reader.filled(count);
                    budget = budget.saturating_sub(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Outcome::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Outcome::Close(Close::Peer),
            }
        }
    }
}

/// The shard that a first frame names; `None` unless it is a STUN message for a user name of ours.
fn owner(frame: &[u8]) -> Option<ShardIndex> {
    if classify(frame) != Kind::Stun {
        return None;
    }
    ufrag::shard_of(stun_ufrag(frame)?)
}

/// An address of a listener, for telling clients.
pub(super) fn local(listener: &TcpListener) -> Result<SocketAddr, NetError> {
    listener.local_addr().map_err(NetError::System)
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
pub(super) mod tests;

//! UDP sockets of one shard: bound at start, received from in batches with GRO, sent to in trains.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::media::Segment;
use crate::transport::{Path, SocketId};

use super::NetError;
use super::batch::{Batch, Outlet};
use super::counters::UdpCounters;
use super::sys;

/// What both kernel buffers of a socket are asked to hold: a second of a busy gigabit port would not fit
/// anywhere, 4 MB bridge some 30 ms of it.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;
/// Effective receive buffers below this deserve a word to the operator (the kernel reports twice what it grants).
const SMALL_KERNEL_BUFFER: usize = 2 * 1024 * 1024;

/// Buffers filled by one receive call.
const RECEIVE_BUFFERS: usize = 16;
/// Room for what GRO may join: 64 KiB.
const RECEIVE_BUFFER: usize = 65_536;
/// Buffers begin this much further apart than their length, so that their first lines do not all compete for
/// the same set of the processor's cache.
const RECEIVE_STAGGER: usize = 1_216;

/// One bound socket.
pub(super) struct UdpPort {
    id: SocketId,
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    batch: Batch,
    /// The kernel may hold more datagrams: set by the poll, cleared when a receive call found none.
    pub(super) ready: bool,
}

impl UdpPort {
    /// Binds `address` (port 0 lets the system choose) and prepares the socket.
    pub(super) fn bind(id: SocketId, address: SocketAddr) -> Result<Self, NetError> {
        Self::open(id, address).map_err(|error| NetError::bind("UDP", address, error))
    }

    fn open(id: SocketId, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // IPv4 has sockets of its own: addresses are then never written as mapped ones.
            socket.set_only_v6(true)?;
        }
        // The ordinary request first, for processes that may not force more.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        sys::raise_buffers(&socket, KERNEL_BUFFER);
        let state = UdpSocketState::new((&socket).into())?;
        sys::allow_fragments(&socket, address.is_ipv6());
        sys::receive_plainly(&socket, address.is_ipv6(), address.ip().is_unspecified());
        let granted = state.recv_buffer_size((&socket).into()).unwrap_or(KERNEL_BUFFER);
        if granted < SMALL_KERNEL_BUFFER {
            tracing::warn!(
                %address,
                granted,
                "small UDP receive buffer: bursts will be lost; set net.core.rmem_max and net.core.wmem_max to {KERNEL_BUFFER}"
            );
        }
        let local = socket.local_addr()?;
        let batch = Batch::new(state.max_gso_segments());
        Ok(Self { id, socket, state, local, batch, ready: true })
    }

    /// The bound address, with the port that the system chose.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// For registering it with a poll.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Receives one batch and returns how many of the buffers it filled; [`UdpPort::ready`] says whether there
    /// may be more.
    pub(super) fn receive(&mut self, buffers: &mut ReceiveBuffers, counters: &mut UdpCounters) -> usize {
        match buffers.fill(&self.socket, &self.state) {
            Ok(filled) => {
                counters.receive_calls += 1;
                if cfg!(target_os = "linux") && filled < RECEIVE_BUFFERS {
                    // recvmmsg stops early only because nothing is left; asking again would cost a call to hear that.
                    self.ready = false;
                }
                filled
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                // Whatever the error is, the next arrival makes the poll report this socket again.
                self.ready = false;
                if error.kind() != io::ErrorKind::WouldBlock {
                    counters.receive_errors += 1;
                }
                0
            }
        }
    }

    /// Whence and whereto the datagrams of a filled buffer went.
    pub(super) fn path(&self, filled: &Filled<'_>) -> Path {
        let local_ip = if self.local.ip().is_unspecified() { filled.local_ip } else { None };
        Path { socket: self.id, remote: filled.remote, local_ip }
    }

    /// Takes datagrams for one destination; they have left after [`UdpPort::finish`] at the latest.
    pub(super) fn send(
        &mut self,
        now: Instant,
        counters: &mut UdpCounters,
        to: (SocketAddr, Option<IpAddr>),
        arena: &[u8],
        segments: &[Segment],
    ) {
        self.batch.push(Outlet { socket: &self.socket, arena, counters, now }, to.0, to.1, segments);
    }

    /// Sends what still waits.
    pub(super) fn finish(&mut self, now: Instant, counters: &mut UdpCounters) {
        self.batch.finish(Outlet { socket: &self.socket, arena: &[], counters, now });
    }
}

/// Memory that all sockets of a shard receive into, one after the other.
pub(super) struct ReceiveBuffers {
    bytes: Box<[u8]>,
    meta: [RecvMeta; RECEIVE_BUFFERS],
}

impl ReceiveBuffers {
    /// A megabyte, which the system backs with memory as far as it is ever used.
    pub(super) fn new() -> Self {
        let bytes = vec![0; RECEIVE_BUFFERS * (RECEIVE_BUFFER + RECEIVE_STAGGER)].into_boxed_slice();
        Self { bytes, meta: [RecvMeta::default(); RECEIVE_BUFFERS] }
    }

    fn fill(&mut self, socket: &UdpSocket, state: &UdpSocketState) -> io::Result<usize> {
        let mut rest = &mut self.bytes[..];
        let mut slices: [IoSliceMut<'_>; RECEIVE_BUFFERS] = std::array::from_fn(|_| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(RECEIVE_BUFFER + RECEIVE_STAGGER);
            rest = tail;
            IoSliceMut::new(&mut head[..RECEIVE_BUFFER])
        });
        state.recv(socket.into(), &mut slices, &mut self.meta)
    }

    /// What the last receive call put into one buffer.
    pub(super) fn filled(&mut self, index: usize) -> Filled<'_> {
        let meta = &self.meta[index];
        let start = index * (RECEIVE_BUFFER + RECEIVE_STAGGER);
        let bytes = &mut self.bytes[start..start + meta.len.min(RECEIVE_BUFFER)];
        // An empty datagram has stride 0.
        Filled { remote: meta.addr, local_ip: meta.dst_ip, stride: meta.stride.max(1), bytes }
    }
}

/// Datagrams of one sender that GRO joined; mostly a single one.
pub(super) struct Filled<'a> {
    remote: SocketAddr,
    local_ip: Option<IpAddr>,
    stride: usize,
    bytes: &'a mut [u8],
}

impl<'a> Filled<'a> {
    /// The datagrams, each in place.
    pub(super) fn datagrams(self, counters: &mut UdpCounters) -> impl Iterator<Item = &'a mut [u8]> + use<'a> {
        counters.received += self.bytes.len().div_ceil(self.stride) as u64;
        counters.received_bytes += self.bytes.len() as u64;
        self.bytes.chunks_mut(self.stride)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::thread;
    use std::time::Duration;

    use super::*;

    fn port(address: &str) -> UdpPort {
        UdpPort::bind(SocketId(3), address.parse().unwrap()).unwrap()
    }

    fn receive_all(port: &mut UdpPort, count: usize) -> (Vec<(Path, Vec<u8>)>, UdpCounters) {
        let mut buffers = ReceiveBuffers::new();
        let mut counters = UdpCounters::default();
        let mut all = Vec::new();
        for _ in 0..200 {
            for index in 0..port.receive(&mut buffers, &mut counters) {
                let filled = buffers.filled(index);
                let path = port.path(&filled);
                all.extend(filled.datagrams(&mut counters).map(|bytes| (path, bytes.to_vec())));
            }
            if all.len() >= count {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        (all, counters)
    }

    #[test]
    fn trains_are_received_whole_and_split_at_their_stride() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let mut to = port(address);
            let mut from = port(address);
            let arena: Vec<u8> = (0..12u8).flat_map(|number| [number; 900]).collect();
            let segments: Vec<_> =
                (0..12).map(|i| Segment { start: i * 900, len: if i == 11 { 300 } else { 900 } }).collect();
            let mut counters = UdpCounters::default();
            from.send(Instant::now(), &mut counters, (to.local(), None), &arena, &segments);
            from.finish(Instant::now(), &mut counters);
            let (received, counters) = receive_all(&mut to, 12);
            assert_eq!(received.len(), 12);
            for (number, (path, bytes)) in received.iter().enumerate() {
                assert_eq!(*path, Path { socket: SocketId(3), remote: from.local(), local_ip: None });
                assert_eq!(bytes.len(), if number == 11 { 300 } else { 900 });
                assert!(bytes.iter().all(|&byte| byte == number as u8));
            }
            assert_eq!((counters.received, counters.received_bytes), (12, 11 * 900 + 300));
        }
    }

    #[test]
    fn a_wildcard_socket_knows_to_which_address_it_was_written() {
        let mut to = port("0.0.0.0:0");
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        from.send_to(b"one", ("127.0.0.2", to.local().port())).unwrap();
        from.send_to(b"two", ("127.0.0.3", to.local().port())).unwrap();
        let (received, _) = receive_all(&mut to, 2);
        assert_eq!(received[0].0.local_ip, Some("127.0.0.2".parse().unwrap()));
        assert_eq!(received[1].0.local_ip, Some("127.0.0.3".parse().unwrap()));
    }

    #[test]
    fn an_empty_datagram_harms_nobody() {
        let mut to = port("127.0.0.1:0");
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        from.send_to(b"", to.local()).unwrap();
        from.send_to(b"after", to.local()).unwrap();
        let (received, counters) = receive_all(&mut to, 1);
        assert_eq!(received[0].1, b"after");
        assert_eq!(counters.receive_errors, 0);
    }

    #[test]
    fn a_port_in_use_is_named_with_a_remedy() {
        let first = port("127.0.0.1:0");
        let error = UdpPort::bind(SocketId(0), first.local()).err().unwrap().to_string();
        assert!(error.contains(&first.local().to_string()), "{error}");
        assert!(error.contains("in use"), "{error}");
    }
}

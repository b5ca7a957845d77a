//! One participant's UDP socket, and the memory that all sockets of a lane receive into.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

use crate::net;

/// What the kernel keeps for a socket that is not read at once: a key frame and more.
const KERNEL_BUFFER: usize = 1024 * 1024;
/// Buffers filled by one receive call.
const BUFFERS: usize = 16;
/// Room for one datagram, and for what GRO may join.
const DATAGRAM: usize = 2048;
const JOINED: usize = 65_536;

/// A socket.
pub struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    v4: bool,
    connected: bool,
}

impl Socket {
    /// A socket of the system's choosing, for the family of `peer`. With `joined` the kernel hands over whole trains.
    ///
    /// # Errors
    /// The system's, for instance that too many files are open.
    pub fn open(peer: SocketAddr, joined: bool) -> io::Result<Self> {
        let any = match peer {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = RawSocket::new(Domain::for_address(peer), Type::DGRAM, Some(Protocol::UDP))?;
        // The system may grant less.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        socket.bind(&SocketAddr::new(any, 0).into())?;
        let socket = UdpSocket::from(socket);
        let state = UdpSocketState::new((&socket).into())?;
        if !joined {
            net::separate_datagrams(&socket)?;
        }
        Ok(Self { socket, state, v4: peer.is_ipv4(), connected: false })
    }

    /// For registering it with a poll.
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Whether it reaches addresses of this family.
    pub const fn reaches(&self, peer: SocketAddr) -> bool {
        peer.is_ipv4() == self.v4
    }

    /// From now on there is no peer but this one: sending costs less.
    pub fn settle(&mut self, peer: SocketAddr) {
        self.connected = self.socket.connect(peer).is_ok();
    }

    /// Sends a datagram; false when the kernel does not take it.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        let sent = if self.connected { self.socket.send(datagram) } else { self.socket.send_to(datagram, to) };
        sent.is_ok()
    }
}

/// Memory to receive into.
pub struct Buffers {
    bytes: Box<[u8]>,
    size: usize,
    meta: [RecvMeta; BUFFERS],
}

impl Buffers {
    /// Buffers for sockets that were opened with the same `joined`.
    pub fn new(joined: bool) -> Self {
        let size = if joined { JOINED } else { DATAGRAM };
        Self { bytes: vec![0; size * BUFFERS].into_boxed_slice(), size, meta: [RecvMeta::default(); BUFFERS] }
    }

    /// Receives once: how many buffers are filled, and whether there may be more.
    pub fn fill(&mut self, socket: &Socket) -> (usize, bool) {
        let mut rest = &mut self.bytes[..];
        let mut slices: [IoSliceMut<'_>; BUFFERS] = std::array::from_fn(|_| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(self.size);
            rest = tail;
            IoSliceMut::new(head)
        });
        match socket.state.recv((&socket.socket).into(), &mut slices, &mut self.meta) {
            Ok(filled) => (filled, filled == BUFFERS || !cfg!(target_os = "linux")),
            // The server's port is closed, or was: what else has come may still be read.
            Err(error) => (0, matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::Interrupted)),
        }
    }

    /// What is in a filled buffer: from where, when the kernel got it, and the datagrams.
    pub fn filled(&mut self, index: usize) -> (SocketAddr, Option<u64>, impl Iterator<Item = &mut [u8]>) {
        let meta = &self.meta[index];
        let start = index * self.size;
        let bytes = &mut self.bytes[start..start + meta.len.min(self.size)];
        let at = meta.timestamp.map(|time| time.as_nanos() as u64);
        (meta.addr, at, bytes.chunks_mut(meta.stride.max(1)))
    }
}

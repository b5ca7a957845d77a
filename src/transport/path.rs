//! Where a datagram came from and where one goes.

use std::net::{IpAddr, SocketAddr};

/// A socket of this server as `net/` numbers them: a UDP socket, or one accepted TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u32);

impl SocketId {
    /// First number of accepted ICE-TCP connections; smaller ones are UDP sockets.
    pub const FIRST_TCP: u32 = 1 << 16;

    /// True for an ICE-TCP connection, whose datagrams are framed by RFC 4571.
    pub const fn is_tcp(self) -> bool {
        self.0 >= Self::FIRST_TCP
    }
}

/// A five-tuple: over which socket of ours which remote address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our socket.
    pub socket: SocketId,
    /// The peer.
    pub remote: SocketAddr,
    /// Our address, where the socket is bound to a wildcard and the kernel told us; the answer leaves from it.
    pub local_ip: Option<IpAddr>,
}

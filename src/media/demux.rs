//! Whose datagram this is: by validated remote address, or for STUN by our ufrag in its USERNAME.
//!
//! An address enters the map only after a transport has verified a check from it, and leaves with the
//! transport; an attacker can look up but not insert, so a small seeded hash is enough.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::transport::{Path, SocketId};

/// An address that another transport used within this time is not handed over: credentials of one
/// participant must not take away another's traffic by a forged source address.
const TAKEOVER_AFTER: Duration = Duration::from_secs(2);

/// Multiply-and-fold hash, keyed by the shard's seed.
#[derive(Clone, Copy, Debug)]
pub struct SeededState(u64);

impl SeededState {
    /// A hash with its own key.
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }
}

impl BuildHasher for SeededState {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher(self.0)
    }
}

/// The running state of one hash.
pub struct SeededHasher(u64);

impl SeededHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }
}

impl Hasher for SeededHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word) ^ ((chunk.len() as u64) << 56));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_u128(&mut self, word: u128) {
        self.mix(word as u64);
        self.mix((word >> 64) as u64);
    }
}

/// Socket, address and port in two words, so that hashing one costs three multiplications.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Address {
    ip: u128,
    rest: u64,
}

impl Address {
    fn new(socket: SocketId, remote: SocketAddr) -> Self {
        let (ip, family) = match remote.ip() {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), 4),
            IpAddr::V6(ip) => (u128::from(ip), 6),
        };
        let rest = (u64::from(socket.0) << 32) | (u64::from(remote.port()) << 8) | family;
        Self { ip, rest }
    }
}

struct Owned {
    transport: u32,
    last_used: Instant,
}

/// Both maps. Bounded by the transports: each brings at most [`Demux::PATHS`] addresses and the
/// ufrags that it was given.
pub struct Demux {
    addresses: HashMap<Address, Owned, SeededState>,
    /// Our ufrag to the transport; several during a restart.
    ufrags: HashMap<Box<str>, u32>,
}

impl Demux {
    /// Validated addresses per transport at most.
    pub const PATHS: usize = 8;

    /// Empty maps.
    pub fn new(seed: u64) -> Self {
        Self { addresses: HashMap::with_hasher(SeededState::new(seed)), ufrags: HashMap::new() }
    }

    /// The transport that validated this address.
    #[inline]
    pub fn by_address(&mut self, now: Instant, path: Path) -> Option<u32> {
        let owned = self.addresses.get_mut(&Address::new(path.socket, path.remote))?;
        owned.last_used = now;
        Some(owned.transport)
    }

    /// The transport that validated this address, without counting as traffic from it.
    pub fn owner(&self, path: Path) -> Option<u32> {
        self.addresses.get(&Address::new(path.socket, path.remote)).map(|owned| owned.transport)
    }

    /// The transport that was given this ufrag.
    pub fn by_ufrag(&self, ufrag: &str) -> Option<u32> {
        self.ufrags.get(ufrag).copied()
    }

    /// A ufrag of ours. False when another transport has it, which is a mistake of whoever made it.
    pub fn add_ufrag(&mut self, ufrag: &str, transport: u32) -> bool {
        *self.ufrags.entry(ufrag.into()).or_insert(transport) == transport
    }

    /// `transport` has verified a check from `path`. False when the address is in use by another.
    pub fn add_path(&mut self, now: Instant, path: Path, transport: u32) -> bool {
        let address = Address::new(path.socket, path.remote);
        match self.addresses.get_mut(&address) {
            Some(owned) if owned.transport != transport => {
                if now.saturating_duration_since(owned.last_used) < TAKEOVER_AFTER {
                    return false;
                }
                *owned = Owned { transport, last_used: now };
            }
            Some(owned) => owned.last_used = now,
            None => {
                self.addresses.insert(address, Owned { transport, last_used: now });
            }
        }
        true
    }

    /// The address no longer belongs to `transport`.
    pub fn remove_path(&mut self, path: Path, transport: u32) {
        let address = Address::new(path.socket, path.remote);
        if self.addresses.get(&address).is_some_and(|owned| owned.transport == transport) {
            self.addresses.remove(&address);
        }
    }

    /// A ufrag is no longer valid.
    pub fn remove_ufrag(&mut self, ufrag: &str, transport: u32) {
        if self.by_ufrag(ufrag) == Some(transport) {
            self.ufrags.remove(ufrag);
        }
    }

    /// Entries of both maps.
    #[cfg(test)]
    pub fn len(&self) -> (usize, usize) {
        (self.addresses.len(), self.ufrags.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(port: u16) -> Path {
        Path { socket: SocketId(0), remote: SocketAddr::from(([192, 0, 2, 1], port)), local_ip: None }
    }

    #[test]
    fn an_address_in_use_is_not_handed_over_to_other_credentials() {
        let t0 = Instant::now();
        let mut demux = Demux::new(7);
        assert!(demux.add_path(t0, path(1000), 1));
        assert!(!demux.add_path(t0 + Duration::from_millis(500), path(1000), 2));
        assert_eq!(demux.by_address(t0 + Duration::from_secs(1), path(1000)), Some(1));
        assert!(!demux.add_path(t0 + Duration::from_millis(2900), path(1000), 2));
        assert!(demux.add_path(t0 + Duration::from_secs(4), path(1000), 2));
        assert_eq!(demux.owner(path(1000)), Some(2));
        demux.remove_path(path(1000), 1);
        assert_eq!(demux.owner(path(1000)), Some(2), "only the owner removes it");
    }

    #[test]
    fn socket_family_and_port_tell_addresses_apart() {
        let t0 = Instant::now();
        let mut demux = Demux::new(7);
        assert!(demux.add_path(t0, path(1000), 1));
        assert!(demux.add_path(t0, path(1001), 2));
        let other_socket = Path { socket: SocketId(9), ..path(1000) };
        assert_eq!(demux.owner(other_socket), None);
        let six = Path { remote: "[::c000:201]:1000".parse().unwrap(), ..path(1000) };
        assert_eq!(demux.owner(six), None);
        assert_eq!(demux.owner(path(1001)), Some(2));
    }

    #[test]
    fn a_ufrag_belongs_to_its_first_transport() {
        let mut demux = Demux::new(7);
        assert!(demux.add_ufrag("abcd", 1));
        assert!(demux.add_ufrag("efgh", 1));
        assert!(!demux.add_ufrag("abcd", 2));
        demux.remove_ufrag("abcd", 2);
        assert_eq!(demux.by_ufrag("abcd"), Some(1));
        demux.remove_ufrag("abcd", 1);
        assert_eq!(demux.len(), (0, 1));
    }
}

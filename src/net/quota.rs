//! How many ICE-TCP connections one remote address may hold, over all shards. The lock is taken when a connection
//! comes, proves itself or goes, never for its packets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};

use super::TcpLimits;

#[derive(Debug, Default)]
struct Count {
    all: u32,
    unproven: u32,
}

/// The connections of every remote address. Its size is bounded by the number of connections.
#[derive(Debug)]
pub(super) struct Quota {
    limits: TcpLimits,
    counts: Mutex<HashMap<IpAddr, Count>>,
}

impl Quota {
    /// Nobody is connected.
    pub(super) fn new(limits: TcpLimits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    /// A place for one more connection from `remote`, if it may have one.
    pub(super) fn admit(self: &Arc<Self>, remote: IpAddr) -> Option<Permit> {
        let key = key(remote);
        let mut counts = self.counts();
        let (all, unproven) = counts.get(&key).map_or((0, 0), |count| (count.all, count.unproven));
        if all >= self.limits.per_address || unproven >= self.limits.unproven_per_address {
            return None;
        }
        counts.insert(key, Count { all: all + 1, unproven: unproven + 1 });
        Some(Permit { quota: self.clone(), key, proven: false })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
        // Counting cannot leave the map half-changed.
        self.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    quota: Arc<Quota>,
    key: IpAddr,
    proven: bool,
}

impl Permit {
    /// The connection belongs to a participant.
    pub(super) fn prove(&mut self) {
        if !std::mem::replace(&mut self.proven, true)
            && let Some(count) = self.quota.counts().get_mut(&self.key)
        {
            count.unproven -= 1;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.quota.counts();
        if let Some(count) = counts.get_mut(&self.key) {
            count.all -= 1;
            count.unproven -= u32::from(!self.proven);
            if count.all == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// Who counts as one: an IPv4 address, or an IPv6 network of 64 bits, within which a host may take any address.
fn key(remote: IpAddr) -> IpAddr {
    match remote {
        IpAddr::V4(_) => remote,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn quota() -> Arc<Quota> {
        Quota::new(TcpLimits { per_address: 3, unproven_per_address: 2, ..TcpLimits::default() })
    }

    #[test]
    fn strangers_have_fewer_places_than_participants() {
        let quota = quota();
        let ip = "192.0.2.1".parse().unwrap();
        let mut one = quota.admit(ip).unwrap();
        let mut two = quota.admit(ip).unwrap();
        assert!(quota.admit(ip).is_none(), "two unproven ones");
        one.prove();
        one.prove();
        let _three = quota.admit(ip).unwrap();
        two.prove();
        assert!(quota.admit(ip).is_none(), "three in all");
        assert!(quota.admit("192.0.2.2".parse().unwrap()).is_some());
        drop(one);
        assert!(quota.admit(ip).is_some());
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let quota = quota();
        let mut permit = quota.admit("192.0.2.1".parse().unwrap()).unwrap();
        permit.prove();
        drop(permit);
        drop(quota.admit("192.0.2.9".parse().unwrap()));
        assert!(quota.counts().is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let quota = quota();
        let _held: Vec<_> = (1..=2).map(|n| quota.admit(format!("2001:db8::{n}").parse().unwrap()).unwrap()).collect();
        assert!(quota.admit("2001:db8::3".parse().unwrap()).is_none());
        assert!(quota.admit("2001:db8:0:1::3".parse().unwrap()).is_some());
    }
}

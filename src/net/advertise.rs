//! Which addresses clients are told.

use std::net::{IpAddr, SocketAddr};

use super::{NetError, ShardIndex};

/// UDP or TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP, passive side (RFC 6544).
    Tcp,
}

/// One host candidate's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Advertised {
    /// Address that clients reach us at: with address translation in between, the outer one.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// The shard that answers there. The TCP port is one for all shards and is listed for each.
    pub shard: ShardIndex,
}

/// Pairs every advertised address with the ports bound for it, per shard.
///
/// # Errors
/// [`NetError::NothingToAdvertise`] when some shard could not be reached by UDP nor TCP.
pub(super) fn advertise(
    node_ips: &[IpAddr],
    udp: &[Vec<SocketAddr>],
    tcp: &[SocketAddr],
) -> Result<Vec<Advertised>, NetError> {
    let mut all = Vec::new();
    for (index, bound) in udp.iter().enumerate() {
        let shard = ShardIndex(index as u16);
        let before = all.len();
        for (protocol, bound) in [(Protocol::Udp, &bound[..]), (Protocol::Tcp, tcp)] {
            for (ip, port) in reachable(node_ips, bound) {
                all.push(Advertised { ip, port, protocol, shard });
            }
        }
        if all.len() == before {
            return Err(NetError::NothingToAdvertise);
        }
    }
    Ok(all)
}

fn reachable(node_ips: &[IpAddr], bound: &[SocketAddr]) -> Vec<(IpAddr, u16)> {
    let mut pairs = Vec::new();
    let mut add = |ip: IpAddr, port: u16| {
        if !pairs.contains(&(ip, port)) {
            pairs.push((ip, port));
        }
    };
    if node_ips.is_empty() {
        // Sockets bound to an address say themselves where they are.
        bound.iter().filter(|at| !at.ip().is_unspecified()).for_each(|at| add(at.ip(), at.port()));
    }
    for &ip in node_ips {
        let exact = bound.iter().find(|at| at.ip() == ip);
        let same_family = || bound.iter().find(|at| at.is_ipv4() == ip.is_ipv4());
        if let Some(at) = exact.or_else(same_family) {
            add(ip, at.port());
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|at| at.parse().unwrap()).collect()
    }

    #[test]
    fn each_shard_is_advertised_with_its_own_udp_port_and_the_common_tcp_port() {
        let udp = [addresses(&["0.0.0.0:7882", "[::]:7882"]), addresses(&["0.0.0.0:7883", "[::]:7883"])];
        let all = advertise(&ips(&["198.51.100.1", "2001:db8::1"]), &udp, &addresses(&["0.0.0.0:7881"])).unwrap();
        let of = |shard, protocol| -> Vec<_> {
            let mine = all.iter().filter(|a| a.shard == ShardIndex(shard) && a.protocol == protocol);
            mine.map(|a| SocketAddr::new(a.ip, a.port).to_string()).collect()
        };
        assert_eq!(of(0, Protocol::Udp), ["198.51.100.1:7882", "[2001:db8::1]:7882"]);
        assert_eq!(of(1, Protocol::Udp), ["198.51.100.1:7883", "[2001:db8::1]:7883"]);
        assert_eq!(of(0, Protocol::Tcp), ["198.51.100.1:7881"], "no TCP over IPv6 is bound");
        assert_eq!(of(1, Protocol::Tcp), ["198.51.100.1:7881"]);
    }

    #[test]
    fn an_address_goes_with_the_socket_bound_to_it_before_any_other() {
        let udp = [addresses(&["10.0.0.1:1000", "192.168.0.1:2000"])];
        let all = advertise(&ips(&["192.168.0.1", "10.0.0.1", "203.0.113.9"]), &udp, &[]).unwrap();
        let ports: Vec<_> = all.iter().map(|a| a.port).collect();
        assert_eq!(ports, [2000, 1000, 1000], "the outer address goes with the first socket");
    }

    #[test]
    fn without_addresses_given_bound_ones_are_advertised_and_wildcards_are_an_error() {
        let all = advertise(&[], &[addresses(&["127.0.0.1:7882"])], &[]).unwrap();
        assert_eq!(all[0].ip.to_string(), "127.0.0.1");
        let error = advertise(&[], &[addresses(&["0.0.0.0:7882"])], &[]).unwrap_err();
        assert!(error.to_string().contains("node_ip"), "{error}");
    }
}

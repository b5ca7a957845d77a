//! The client's address: what a proxy reports of it, for `ClientInfo` and the log, and what of that is believed where
//! something is decided by it.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use crate::config::IpNet;

/// Hops of `X-Forwarded-For` that are looked at; more than a chain of proxies has.
const MAX_HOPS: usize = 16;

/// The address that a proxy in front reports, or else the socket's (LiveKit's `GetClientIP`). Nothing is decided by
/// it, for anybody can write these headers.
pub(super) fn client_ip(headers: &HeaderMap, remote: SocketAddr) -> String {
    ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find(|value| !value.is_empty())
        .map_or_else(|| remote.ip().to_string(), str::to_owned)
}

/// The address that requests are limited by: the socket's, unless that is a trusted proxy's. Then the last one of
/// `X-Forwarded-For` that is no trusted proxy itself; what stands before it, the client may have written.
pub(super) fn client_address(headers: &HeaderMap, remote: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(ip));
    let mut address = remote.to_canonical();
    let forwarded: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in forwarded.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS) {
        if !is_trusted(address) {
            break;
        }
        let Some(ip) = parse(hop.trim()) else { break };
        address = ip.to_canonical();
    }
    address
}

/// Some proxies write the port too, and IPv6 addresses in brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|at| at.ip())).or_else(bare)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_proxys_word_wins_over_the_socket() {
        let remote = SocketAddr::from(([192, 0, 2, 1], 5000));
        let mut headers = HeaderMap::new();
        assert_eq!(client_ip(&headers, remote), "192.0.2.1");
        headers.insert("x-real-ip", "203.0.113.9".parse().expect("a header value"));
        headers.insert("x-forwarded-for", "203.0.113.7".parse().expect("a header value"));
        assert_eq!(client_ip(&headers, remote), "203.0.113.7");
    }

    fn address(remote: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).into();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client_address(&headers, remote.parse().unwrap(), &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_they_saw_themselves() {
        assert_eq!(address("192.0.2.1", &["203.0.113.7"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        // The client wrote the first one itself.
        assert_eq!(address("10.0.0.1", &["1.1.1.1, 203.0.113.7, 10.0.0.2"]), "203.0.113.7");
        assert_eq!(address("10.0.0.1", &["1.1.1.1", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(address("fd00::1", &["[2001:db8::7]:443"]), "2001:db8::7");
        assert_eq!(address("::ffff:10.0.0.1", &["203.0.113.7:1234"]), "203.0.113.7");
        // What is no address ends the chain at the proxy that passed it on.
        assert_eq!(address("10.0.0.1", &["203.0.113.7, unknown"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["unknown, 10.0.0.9"]), "10.0.0.9");
    }
}

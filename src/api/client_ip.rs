//! The client's address, for `ClientInfo` and the log; nothing is decided by it.

use std::net::SocketAddr;

use axum::http::HeaderMap;

/// The address that a proxy in front reports, or else the socket's (LiveKit's `GetClientIP`).
pub(super) fn client_ip(headers: &HeaderMap, remote: SocketAddr) -> String {
    ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find(|value| !value.is_empty())
        .map_or_else(|| remote.ip().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
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
}

//! Which addresses outgoing requests may reach. A URL that a person wrote must not become a way into the network that
//! the server stands in (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use crate::config::IpNet;

/// Longest URL.
const MAX_URL: usize = 2048;

/// Why a request is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a URL, or too long for one.
    #[error("this is not a URL")]
    NotUrl,
    /// Neither `https` nor `http`.
    #[error("only https URLs are called, not `{0}`")]
    Scheme(String),
    /// User name or password in the URL.
    #[error("a URL with a user name or password in it is not called")]
    Credentials,
    /// An address that nobody outside may send us to.
    #[error("{ip} is {kind}, and is not among the networks that are allowed")]
    Address {
        /// The address.
        ip: IpAddr,
        /// What it is.
        kind: &'static str,
    },
    /// Not encrypted, to a target that is not ours.
    #[error("http without encryption is for allowed private networks only, and {0} is in none")]
    Plain(IpAddr),
    /// The name has no address.
    #[error("`{0}` has no address")]
    NoAddress(String),
}

/// How a URL is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// With TLS.
    Https,
    /// Without.
    Http,
}

/// Says which addresses may be reached.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allowed: Vec<IpNet>,
    operator: bool,
}

impl Guard {
    /// For URLs that people enter: public addresses by https, those in `allowed` by either.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed, operator: false }
    }

    /// For URLs that the configuration names: any address by https, the private ones by http as well.
    pub fn operator() -> Self {
        Self { allowed: Vec::new(), operator: true }
    }

    /// Reads a URL and checks all that can be checked before its name is looked up. Hosts that are addresses are
    /// checked here, because no resolver is asked about them.
    ///
    /// # Errors
    ///
    /// Why it would not be called.
    pub fn url(&self, text: &str) -> Result<(Url, Scheme), Refused> {
        if text.len() > MAX_URL {
            return Err(Refused::NotUrl);
        }
        let url = Url::parse(text).map_err(|_| Refused::NotUrl)?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            other => return Err(Refused::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let host = url.host_str().ok_or(Refused::NotUrl)?;
        // The parser has turned every spelling of an IPv4 address into the usual one.
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            self.address(ip, scheme)?;
        }
        Ok((url, scheme))
    }

    /// Checks the addresses of a name: all of them must be fine.
    pub(super) fn addresses(&self, name: &str, ips: &[IpAddr], scheme: Scheme) -> Result<(), Refused> {
        if ips.is_empty() {
            return Err(Refused::NoAddress(name.to_owned()));
        }
        ips.iter().try_for_each(|ip| self.address(*ip, scheme))
    }

    fn address(&self, ip: IpAddr, scheme: Scheme) -> Result<(), Refused> {
        let special = special(ip);
        let allowed = self.allowed.iter().any(|net| net.contains(ip)) || (self.operator && special.is_some());
        match special {
            Some(kind) if !allowed => Err(Refused::Address { ip, kind }),
            _ if scheme == Scheme::Http && !allowed => Err(Refused::Plain(ip)),
            _ => Ok(()),
        }
    }
}

/// What an address is that does not lead to a host on the public internet (IANA's special-purpose registries), or that
/// carries another address inside, which would need a check of its own.
fn special(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => special_v6(ip),
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<&'static str> {
    Some(match ip.octets() {
        [0, ..] => "unspecified",
        [127, ..] => "loopback",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [169, 254, ..] => "link-local",
        [100, 64..=127, ..] => "behind a carrier's NAT",
        [192, 0, 0, _] => "for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "for documentation",
        [192, 88, 99, _] => "a 6to4 relay",
        [198, 18 | 19, ..] => "for benchmarks",
        [224..=239, ..] => "multicast",
        [240..=255, ..] => "reserved",
        _ => return None,
    })
}

fn special_v6(ip: Ipv6Addr) -> Option<&'static str> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0, 0, 0, 0, 0, 0xFFFF, ..] => "an IPv4 address in IPv6 form",
        [0x64, 0xFF9B, ..] => "an IPv4 address behind NAT64",
        [0xFC00..=0xFDFF, ..] => "private",
        [0xFE80..=0xFEBF, ..] => "link-local",
        [0xFEC0..=0xFEFF, ..] => "site-local",
        [0xFF00..=0xFFFF, ..] => "multicast",
        [0x2002, ..] => "an IPv4 address in 6to4 form",
        // Teredo, ORCHID, benchmarks and other protocols.
        [0x2001, 0..=0x01FF, ..] => "for protocols",
        [0x2001, 0x0DB8, ..] | [0x3FFF, 0..=0x0FFF, ..] => "for documentation",
        [0x2000..=0x3FFF, ..] => return None,
        _ => "reserved",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        Guard::new(allowed.iter().map(|net| net.parse().unwrap()).collect())
    }

    #[test]
    fn addresses_that_lead_inside_are_refused_however_they_are_written() {
        let refused = [
            ("127.0.0.1", "loopback"),
            ("127.1", "loopback"),
            ("2130706433", "loopback"),
            ("0x7f.0.0.1", "loopback"),
            ("0177.0.0.1", "loopback"),
            ("0", "unspecified"),
            ("0.0.0.0", "unspecified"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("169.254.169.254", "link-local"),
            ("100.64.0.1", "behind a carrier's NAT"),
            ("100.127.255.255", "behind a carrier's NAT"),
            ("192.0.0.8", "for protocols"),
            ("192.0.2.1", "for documentation"),
            ("198.51.100.7", "for documentation"),
            ("203.0.113.9", "for documentation"),
            ("192.88.99.1", "a 6to4 relay"),
            ("198.19.0.1", "for benchmarks"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("[::]", "unspecified"),
            ("[::1]", "loopback"),
            ("[::7f00:1]", "reserved"),
            ("[::ffff:127.0.0.1]", "an IPv4 address in IPv6 form"),
            ("[::ffff:8.8.8.8]", "an IPv4 address in IPv6 form"),
            ("[64:ff9b::7f00:1]", "an IPv4 address behind NAT64"),
            ("[64:ff9b:1::1]", "an IPv4 address behind NAT64"),
            ("[2002:7f00:1::]", "an IPv4 address in 6to4 form"),
            ("[2001::1]", "for protocols"),
            ("[2001:db8::1]", "for documentation"),
            ("[3fff:1::1]", "for documentation"),
            ("[fc00::1]", "private"),
            ("[fdff::1]", "private"),
            ("[fe80::1]", "link-local"),
            ("[fec0::1]", "site-local"),
            ("[ff02::1]", "multicast"),
            ("[100::1]", "reserved"),
            ("[5f00::1]", "reserved"),
        ];
        for (host, expected) in refused {
            match guard(&[]).url(&format!("https://{host}:8443/hook")) {
                Err(Refused::Address { kind, .. }) => assert_eq!(kind, expected, "{host}"),
                other => panic!("{host}: {other:?}"),
            }
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for host in ["8.8.8.8", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "[2606:4700::1111]"] {
            assert!(guard(&[]).url(&format!("https://{host}/")).is_ok(), "{host}");
        }
        assert!(guard(&[]).url("https://hooks.example.org:8443/a?b=c").is_ok());
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        let refused = |url: &str| guard(&["0.0.0.0/0"]).url(url).unwrap_err();
        assert_eq!(refused("file:///etc/passwd"), Refused::Scheme("file".into()));
        assert_eq!(refused("gopher://127.0.0.1:25/"), Refused::Scheme("gopher".into()));
        assert_eq!(refused("https://user:pass@example.org/"), Refused::Credentials);
        assert_eq!(refused("https://user@example.org/"), Refused::Credentials);
        for wrong in ["", "hooks.example.org", "https://", "https://[fe80::1%25eth0]/", "https://a b/"] {
            assert_eq!(refused(wrong), Refused::NotUrl, "{wrong}");
        }
        assert_eq!(refused(&format!("https://example.org/{}", "a".repeat(MAX_URL))), Refused::NotUrl);
    }

    #[test]
    fn an_allowed_network_opens_itself_and_nothing_else() {
        let guard = guard(&["10.1.0.0/16", "::1"]);
        for url in ["https://10.1.2.3/", "http://10.1.2.3/", "http://[::1]:8080/"] {
            assert!(guard.url(url).is_ok(), "{url}");
        }
        for url in ["https://10.2.0.1/", "http://127.0.0.1/", "https://[::ffff:10.1.2.3]/"] {
            assert!(matches!(guard.url(url), Err(Refused::Address { .. })), "{url}");
        }
        let public = "8.8.8.8".parse().unwrap();
        assert_eq!(guard.url("http://8.8.8.8/"), Err(Refused::Plain(public)));
    }

    #[test]
    fn the_operators_own_urls_may_lead_inside_but_go_outside_encrypted_only() {
        let guard = Guard::operator();
        for url in ["https://10.0.0.1/", "http://127.0.0.1:9/", "https://8.8.8.8/"] {
            assert!(guard.url(url).is_ok(), "{url}");
        }
        assert!(matches!(guard.url("http://8.8.8.8/"), Err(Refused::Plain(_))));
    }

    #[test]
    fn one_bad_address_spoils_a_name() {
        let ips = |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|ip| ip.parse().unwrap()).collect() };
        let check = |texts: &[&str], scheme| guard(&[]).addresses("x", &ips(texts), scheme);
        assert_eq!(check(&["8.8.8.8", "2606:4700::1"], Scheme::Https), Ok(()));
        assert!(matches!(check(&["8.8.8.8", "127.0.0.1"], Scheme::Https), Err(Refused::Address { .. })));
        assert!(matches!(check(&["8.8.8.8"], Scheme::Http), Err(Refused::Plain(_))));
        assert_eq!(check(&[], Scheme::Https), Err(Refused::NoAddress("x".into())));
    }
}

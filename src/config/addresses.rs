//! Which addresses media sockets bind, and which ones clients are told of.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::settings::Settings;

/// One address of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name, `eth0`.
    pub name: String,
    /// The address.
    pub ip: IpAddr,
}

/// Where media sockets are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaAddresses {
    /// Addresses to bind each shard's socket to; a wildcard stands for all of its family.
    pub bind: Vec<IpAddr>,
    /// Addresses to offer as candidates.
    pub advertise: Vec<IpAddr>,
}

/// The machine's addresses, loopback included.
///
/// # Errors
///
/// What the system says.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let found = if_addrs::get_if_addrs()?;
    Ok(found.into_iter().map(|interface| Interface { ip: interface.ip(), name: interface.name }).collect())
}

/// Decides by `rtc.node_ip` and the bind addresses:
///
/// - a `node_ip` that is the machine's own is bound and offered;
/// - one that is not (the machine is behind NAT) is offered, and the bind addresses of its family are bound;
/// - without `node_ip`, bind addresses that are none of the wildcards are bound and offered, loopback included:
///   so `--dev` stays on the machine;
/// - a wildcard is bound, and all addresses of its family are offered that `rtc.interfaces` and `rtc.ips` let
///   through, loopback only where `rtc.enable_loopback_candidate` says so or nothing else is there.
pub fn media_addresses(settings: &Settings, interfaces: &[Interface]) -> MediaAddresses {
    let mut found = MediaAddresses::default();
    if settings.rtc.node_ip.is_empty() {
        for &ip in &settings.bind_addresses {
            if !usable(settings, ip, interfaces) {
                continue;
            }
            found.bind.push(ip);
            if ip.is_unspecified() {
                found.advertise.extend(offered(settings, ip, interfaces));
            } else {
                found.advertise.push(ip);
            }
        }
    }
    for ip in settings.rtc.node_ip.iter() {
        found.advertise.push(ip);
        if interfaces.iter().any(|interface| interface.ip == ip) {
            found.bind.push(ip);
        } else {
            found.bind.extend(behind_nat(settings, ip));
        }
        if settings.rtc.enable_loopback_candidate {
            let loopback = if ip.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            found.bind.push(loopback);
            found.advertise.push(loopback);
        }
    }
    tidy(&mut found);
    found
}

/// A default bind address of a family that the machine does not speak is passed over.
fn usable(settings: &Settings, ip: IpAddr, interfaces: &[Interface]) -> bool {
    !settings.bind_is_default || interfaces.iter().any(|interface| interface.ip.is_ipv4() == ip.is_ipv4())
}

fn offered(settings: &Settings, wildcard: IpAddr, interfaces: &[Interface]) -> Vec<IpAddr> {
    let candidates = |loopback: bool| -> Vec<IpAddr> {
        interfaces
            .iter()
            .filter(|interface| interface.ip.is_ipv4() == wildcard.is_ipv4())
            .filter(|interface| interface.ip.is_loopback() == loopback && !is_link_local(interface.ip))
            .filter(|interface| settings.rtc.interfaces.allows(|name| *name == interface.name))
            .filter(|interface| settings.rtc.ips.allows(|net| net.contains(interface.ip)))
            .map(|interface| interface.ip)
            .collect()
    };
    let mut offered = candidates(false);
    // A machine with no network still serves itself.
    let alone = interfaces.iter().all(|interface| interface.ip.is_loopback() || is_link_local(interface.ip));
    if settings.rtc.enable_loopback_candidate || alone {
        offered.extend(candidates(true));
    }
    offered
}

fn behind_nat(settings: &Settings, ip: IpAddr) -> Vec<IpAddr> {
    let wildcard = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let named: Vec<IpAddr> = settings
        .bind_addresses
        .iter()
        .copied()
        .filter(|bind| bind.is_ipv4() == ip.is_ipv4() && !bind.is_loopback() && !settings.bind_is_default)
        .collect();
    if named.is_empty() { vec![wildcard] } else { named }
}

/// Link-local addresses need a zone, which a candidate cannot carry.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Each address once, and none beside its family's wildcard.
fn tidy(found: &mut MediaAddresses) {
    let mut seen = Vec::new();
    found.advertise.retain(|ip| !seen.contains(ip) && (seen.push(*ip), true).1);
    let wildcards: Vec<bool> = found.bind.iter().filter(|ip| ip.is_unspecified()).map(IpAddr::is_ipv4).collect();
    let mut bound = Vec::new();
    found.bind.retain(|ip| {
        let covered = !ip.is_unspecified() && wildcards.contains(&ip.is_ipv4());
        !covered && !bound.contains(ip) && (bound.push(*ip), true).1
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn machine() -> Vec<Interface> {
        [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("eth0", "10.77.0.1"),
            ("eth0", "fd00::2"),
            ("eth0", "fe80::1"),
            ("docker0", "172.17.0.1"),
        ]
        .into_iter()
        .map(|(name, address)| Interface { name: name.into(), ip: ip(address) })
        .collect()
    }

    fn settings(change: impl FnOnce(&mut Settings)) -> MediaAddresses {
        let mut settings = Settings::default();
        change(&mut settings);
        media_addresses(&settings, &machine())
    }

    fn is(found: &MediaAddresses, bind: &[&str], advertise: &[&str]) -> bool {
        let bind: Vec<IpAddr> = bind.iter().map(|text| ip(text)).collect();
        let advertise: Vec<IpAddr> = advertise.iter().map(|text| ip(text)).collect();
        found.bind == bind && found.advertise == advertise
    }

    #[test]
    fn wildcards_offer_every_address_that_a_client_can_reach() {
        let found = settings(|_| {});
        assert!(is(&found, &["0.0.0.0", "::"], &["10.77.0.1", "172.17.0.1", "fd00::2"]), "{found:?}");
    }

    #[test]
    fn filters_leave_out_interfaces_and_networks() {
        let found = settings(|settings| settings.rtc.interfaces.excludes = vec!["docker0".into()]);
        assert!(is(&found, &["0.0.0.0", "::"], &["10.77.0.1", "fd00::2"]), "{found:?}");
        let found = settings(|settings| settings.rtc.ips.includes = vec!["172.16.0.0/12".parse().unwrap()]);
        assert!(is(&found, &["0.0.0.0", "::"], &["172.17.0.1"]), "{found:?}");
    }

    #[test]
    fn loopback_is_offered_when_asked_for_or_alone() {
        let found = settings(|settings| {
            settings.bind_addresses = vec![ip("0.0.0.0")];
            settings.rtc.enable_loopback_candidate = true;
        });
        assert!(is(&found, &["0.0.0.0"], &["10.77.0.1", "172.17.0.1", "127.0.0.1"]), "{found:?}");
        let alone = [Interface { name: "lo".into(), ip: ip("127.0.0.1") }];
        let found = media_addresses(&Settings::default(), &alone);
        assert!(is(&found, &["0.0.0.0"], &["127.0.0.1"]), "{found:?}");
    }

    #[test]
    fn bound_addresses_are_the_offered_ones() {
        let found = settings(|settings| settings.bind_addresses = vec![ip("127.0.0.1"), ip("::1")]);
        assert!(is(&found, &["127.0.0.1", "::1"], &["127.0.0.1", "::1"]), "{found:?}");
        let found = settings(|settings| settings.bind_addresses = vec![ip("10.77.0.1")]);
        assert!(is(&found, &["10.77.0.1"], &["10.77.0.1"]), "{found:?}");
    }

    #[test]
    fn a_node_ip_of_this_machine_is_bound_whatever_http_binds() {
        let found = settings(|settings| {
            settings.bind_addresses = vec![ip("127.0.0.1")];
            settings.rtc.node_ip = "10.77.0.1".parse().unwrap();
        });
        assert!(is(&found, &["10.77.0.1"], &["10.77.0.1"]), "{found:?}");
    }

    #[test]
    fn a_node_ip_behind_nat_is_only_offered() {
        let found = settings(|settings| settings.rtc.node_ip = "203.0.113.7,2001:db8::7".parse().unwrap());
        assert!(is(&found, &["0.0.0.0", "::"], &["203.0.113.7", "2001:db8::7"]), "{found:?}");
        let found = settings(|settings| {
            settings.bind_addresses = vec![ip("10.77.0.1")];
            settings.bind_is_default = false;
            settings.rtc.node_ip = "203.0.113.7".parse().unwrap();
        });
        assert!(is(&found, &["10.77.0.1"], &["203.0.113.7"]), "{found:?}");
    }
}

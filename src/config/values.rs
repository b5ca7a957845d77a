//! Small types that settings are made of, each read from the text LiveKit writes and written back the same way.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// UDP ports, one shard each: a single one or a range (`7882`, `7882-7885`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// One port.
    pub const fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The ports from `first` to `last`, both included.
    ///
    /// # Errors
    ///
    /// A text saying what is wrong: port 0 in a range, or an end before its start.
    pub fn new(first: u16, last: u16) -> Result<Self, String> {
        match (first, last) {
            (0, 0) => Ok(Self::single(0)),
            (0, _) => Err("a range of ports cannot start at 0".into()),
            _ if last < first => Err(format!("the end {last} lies before the start {first}")),
            _ => Ok(Self { first, last }),
        }
    }

    /// At most the first `max` ports of this range.
    #[must_use]
    pub fn first_ports(self, max: u16) -> Self {
        Self { first: self.first, last: self.last.min(self.first.saturating_add(max.max(1) - 1)) }
    }

    /// The ports in order.
    pub fn iter(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }

    /// How many ports there are, at least one.
    pub fn count(self) -> usize {
        usize::from(self.last - self.first) + 1
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            text.trim().parse::<u16>().map_err(|_| format!("`{}` is not a port (0 to 65535)", text.trim()))
        };
        match text.split_once('-') {
            None => port(text).map(Self::single),
            Some((first, last)) => Self::new(port(first)?, port(last)?),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last { serializer.serialize_u16(self.first) } else { serializer.collect_str(self) }
    }
}

/// The addresses that clients are told to send media to: at most one of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeIp {
    /// IPv4 address.
    pub v4: Option<IpAddr>,
    /// IPv6 address.
    pub v6: Option<IpAddr>,
}

impl NodeIp {
    /// True when neither is set.
    pub fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// The addresses, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.v4.into_iter().chain(self.v6)
    }

    /// Adds an address.
    ///
    /// # Errors
    ///
    /// A text, when there is one of that family already or it is a wildcard.
    pub fn add(&mut self, ip: IpAddr) -> Result<(), String> {
        if ip.is_unspecified() {
            return Err(format!("{ip} is no address that a client can reach"));
        }
        let slot = if ip.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        match slot.replace(ip) {
            Some(other) if other != ip => Err(format!("two addresses of one family: {other} and {ip}")),
            _ => Ok(()),
        }
    }
}

impl FromStr for NodeIp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut node = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            node.add(part.parse().map_err(|_| format!("`{part}` is not an IP address"))?)?;
        }
        Ok(node)
    }
}

impl Serialize for NodeIp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts: Vec<String> = self.iter().map(|ip| ip.to_string()).collect();
        serializer.serialize_str(&parts.join(","))
    }
}

/// A network in CIDR notation (`10.0.0.0/8`); a bare address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNet {
    address: IpAddr,
    prefix: u8,
}

impl IpNet {
    /// True when `ip` lies in this network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for IpNet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a network such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(widest), |prefix| prefix.trim().parse().map_err(|_| wrong()))?;
        if prefix > widest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl Serialize for IpNet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.prefix))
    }
}

/// Reads a duration as Go writes it: `500ms`, `1.5h`, `1m30s`; a bare `0` is zero.
///
/// # Errors
///
/// A text saying what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as 500ms, 20s or 1m30s");
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            // Not Go's: sessions last for days.
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = tail;
    }
    if text.trim().is_empty() { Err(wrong()) } else { Ok(total) }
}

/// Writes a duration so that [`parse_duration`] reads it back: whole seconds, else milliseconds, else microseconds.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    if duration.subsec_nanos() == 0 {
        serializer.collect_str(&format_args!("{}s", duration.as_secs()))
    } else if duration.subsec_nanos().is_multiple_of(1_000_000) {
        serializer.collect_str(&format_args!("{}ms", duration.as_millis()))
    } else {
        serializer.collect_str(&format_args!("{}us", duration.as_micros()))
    }
}

/// Writes a duration as a number of seconds, where LiveKit's key counts these.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

/// Writes a duration as a number of milliseconds, where LiveKit's key counts these.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_port_range_is_one_port_or_two_with_a_dash() {
        assert_eq!("7882".parse(), Ok(PortRange::single(7882)));
        let range: PortRange = "7882 - 7885".parse().unwrap();
        assert_eq!((range.count(), range.to_string().as_str()), (4, "7882-7885"));
        assert_eq!(range.first_ports(2).to_string(), "7882-7883");
        assert_eq!(range.first_ports(9), range);
        for wrong in ["", "70000", "7885-7882", "0-5", "a-b", "1-2-3"] {
            assert!(wrong.parse::<PortRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_port_bounds_a_shortened_range() {
        let range: PortRange = "65530-65535".parse().unwrap();
        assert_eq!(range.first_ports(100), range);
    }

    #[test]
    fn a_node_ip_holds_one_address_of_each_family() {
        let node: NodeIp = "10.0.0.1, 2001:db8::1".parse().unwrap();
        assert_eq!(node.iter().count(), 2);
        assert!("10.0.0.1,10.0.0.2".parse::<NodeIp>().is_err());
        assert!("0.0.0.0".parse::<NodeIp>().is_err());
        assert!("host".parse::<NodeIp>().is_err());
        assert!("".parse::<NodeIp>().unwrap().is_empty());
    }

    #[test]
    fn a_network_contains_what_its_prefix_covers() {
        let net: IpNet = "10.1.0.0/16".parse().unwrap();
        assert!(net.contains("10.1.255.3".parse().unwrap()));
        assert!(!net.contains("10.2.0.1".parse().unwrap()));
        assert!(!net.contains("::1".parse().unwrap()));
        let all: IpNet = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("192.0.2.1".parse().unwrap()));
        let one: IpNet = "fd00::2".parse().unwrap();
        assert!(one.contains("fd00::2".parse().unwrap()) && !one.contains("fd00::3".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<IpNet>().is_err());
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(2_592_000)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "5", "5 parsecs", "-1s", "1..2s", "99999999999999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}

//! Our ICE candidates (RFC 8445, RFC 6544). A lite agent has host candidates only and needs none of the peer's.

use std::fmt;
use std::net::SocketAddr;

/// How a candidate is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateProtocol {
    /// UDP.
    Udp,
    /// TCP, the peer connects (`tcptype passive`).
    TcpPassive,
}

/// A host candidate of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// How it is reached.
    pub protocol: CandidateProtocol,
    /// Address and port that the peer can reach.
    pub address: SocketAddr,
    /// 0 for the one we like best; a different number for each candidate of one protocol.
    pub rank: u8,
}

impl Candidate {
    /// Type preference of a UDP host candidate, recommended by RFC 8445 §5.1.2.2.
    const UDP_PREFERENCE: u32 = 126;
    /// Type preference of a TCP host candidate: below UDP's, as RFC 6544 §4.2 asks.
    const TCP_PREFERENCE: u32 = 90;
    /// Direction preference of `passive` (RFC 6544 §4.2).
    const PASSIVE_DIRECTION: u32 = 4;

    /// A UDP candidate.
    pub const fn udp(address: SocketAddr, rank: u8) -> Self {
        Self { protocol: CandidateProtocol::Udp, address, rank }
    }

    /// A passive TCP candidate.
    pub const fn tcp(address: SocketAddr, rank: u8) -> Self {
        Self { protocol: CandidateProtocol::TcpPassive, address, rank }
    }

    /// RFC 8445 §5.1.2.1, for component 1.
    pub const fn priority(&self) -> u32 {
        let (kind, local) = match self.protocol {
            CandidateProtocol::Udp => (Self::UDP_PREFERENCE, 65_535 - self.rank as u32),
            CandidateProtocol::TcpPassive => {
                (Self::TCP_PREFERENCE, (Self::PASSIVE_DIRECTION << 13) + 8_191 - self.rank as u32)
            }
        };
        (kind << 24) + (local << 8) + 255
    }

    /// What `RTCIceCandidateInit` looks like on the signalling channel.
    pub fn to_init_json(&self, mid: &str, line: u16, ufrag: &str) -> String {
        serde_json::json!({
            "candidate": self.to_string(),
            "sdpMid": mid,
            "sdpMLineIndex": line,
            "usernameFragment": ufrag,
        })
        .to_string()
    }
}

/// The `candidate-attribute` of RFC 8839 §5.1, `candidate:` included, `a=` not.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (foundation, name, suffix) = match self.protocol {
            CandidateProtocol::Udp => (1, "udp", ""),
            CandidateProtocol::TcpPassive => (2, "tcp", " tcptype passive"),
        };
        write!(
            f,
            "candidate:{foundation}{:03} 1 {name} {} {} {} typ host{suffix}",
            self.rank,
            self.priority(),
            self.address.ip(),
            self.address.port(),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn udp_is_preferred_to_tcp_and_low_ranks_to_high_ones() {
        let address: SocketAddr = "192.0.2.1:7882".parse().unwrap();
        assert!(Candidate::udp(address, 255).priority() > Candidate::tcp(address, 0).priority());
        assert!(Candidate::udp(address, 0).priority() > Candidate::udp(address, 1).priority());
        assert!(Candidate::tcp(address, 0).priority() > Candidate::tcp(address, 1).priority());
        assert!(Candidate::udp(address, 0).priority() < 1 << 31);
    }

    #[test]
    fn candidates_read_as_browsers_write_them() {
        let udp = Candidate::udp("192.0.2.1:7882".parse().unwrap(), 0);
        assert_eq!(udp.to_string(), "candidate:1000 1 udp 2130706431 192.0.2.1 7882 typ host");
        let tcp = Candidate::tcp("[2001:db8::1]:7881".parse().unwrap(), 2);
        assert_eq!(tcp.to_string(), "candidate:2002 1 tcp 1520434687 2001:db8::1 7881 typ host tcptype passive");
    }

    #[test]
    fn the_trickled_form_is_json() {
        let json = Candidate::udp("192.0.2.1:7882".parse().unwrap(), 0).to_init_json("0", 0, "abcd");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["sdpMid"], "0");
        assert_eq!(value["sdpMLineIndex"], 0);
        assert!(value["candidate"].as_str().unwrap().starts_with("candidate:1000 1 udp"));
    }
}

//! The client's side of an exchange: what a server's answer to our offer says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use smallvec::SmallVec;

use super::error::SdpError;
use super::remote::{self, Direction, Setup};
use crate::rtp::{CodecParams, ExtensionMap};
use crate::transport::{DtlsRole, RemoteTransport, SsrcPair};
use crate::units::{MediaKind, Mid};

/// Candidates that are read of one description.
const MAX_CANDIDATES: usize = 64;

/// A server's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The transport under all sections.
    pub transport: RemoteTransport,
    /// The sections, in the order of the offer.
    pub sections: Vec<AnsweredSection>,
    /// Where the server may be reached by UDP.
    pub candidates: Vec<SocketAddr>,
}

/// One audio or video section of a server's answer.
#[derive(Clone, Debug)]
pub struct AnsweredSection {
    /// Its mid.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// The server sends on it.
    pub sends: bool,
    /// The server receives on it.
    pub receives: bool,
    /// Codecs, the server's favourite first.
    pub codecs: Vec<CodecParams>,
    /// Header extensions.
    pub extensions: ExtensionMap,
    /// Streams that the server announces.
    pub ssrcs: SmallVec<[SsrcPair; 4]>,
    /// Second part of `a=msid`: the SID of the track that the server sends.
    pub track_id: Arc<str>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// Every [`SdpError`] that reading a description can give.
    pub fn read(sdp: &str) -> Result<Self, SdpError> {
        let remote = remote::parse(sdp)?;
        // Who answers `actpass` has chosen; nobody may answer with it.
        let role = if remote.setup == Setup::Active { DtlsRole::Passive } else { DtlsRole::Active };
        let sctp = remote.sections.iter().find(|section| section.carries_data()).and_then(|section| section.sctp);
        let transport = RemoteTransport { ice: remote.ice, fingerprint: remote.fingerprint, role, sctp };
        let sections = remote.sections.iter().filter(|section| !section.stopped).filter_map(|section| {
            let mut extensions = ExtensionMap::default();
            section.extensions.iter().for_each(|extension| extensions.set(extension.kind, extension.id));
            let direction: Direction = section.direction;
            Some(AnsweredSection {
                mid: section.mid,
                kind: section.kind()?,
                sends: direction.sends(),
                receives: direction.receives(),
                codecs: section.codecs.clone(),
                extensions,
                ssrcs: section.ssrcs.clone(),
                track_id: Arc::clone(&section.track_id),
            })
        });
        let sections = sections.collect();
        let lines = sdp.lines().filter_map(|line| line.trim().strip_prefix("a=candidate:"));
        let candidates = lines.filter_map(read_candidate).take(MAX_CANDIDATES).collect();
        Ok(Self { transport, sections, candidates })
    }
}

/// The address of a UDP candidate (RFC 8839 §5.1), with or without `candidate:` before it. None for other protocols,
/// for the RTCP component and for names.
pub fn read_candidate(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let mut words = text.strip_prefix("candidate:").unwrap_or(text).split_ascii_whitespace();
    let (_foundation, component, protocol) = (words.next()?, words.next()?, words.next()?);
    let (_priority, address, port) = (words.next()?, words.next()?, words.next()?);
    if component != "1" || !protocol.eq_ignore_ascii_case("udp") {
        return None;
    }
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_candidates_are_read_and_others_left_out() {
        let read = |text| read_candidate(text).map(|address| address.to_string());
        assert_eq!(read("candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host"), Some("192.0.2.7:7882".into()));
        assert_eq!(read("1 1 UDP 1 2001:db8::7 50000 typ srflx raddr ::"), Some("[2001:db8::7]:50000".into()));
        for other in [
            "candidate:1 2 udp 1 192.0.2.7 7882 typ host",
            "candidate:1 1 tcp 1 192.0.2.7 7881 typ host tcptype passive",
            "candidate:1 1 udp 1 3f.local 7882 typ host",
            "candidate:1 1 udp 1 192.0.2.7 0 typ host",
            "candidate:1 1 udp 1 192.0.2.7",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}

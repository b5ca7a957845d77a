//! Our own descriptions, line by line.

use std::fmt::Write as _;

use rtc_sdp::description::common::{Address, Attribute, ConnectionInformation};
use rtc_sdp::description::media::{MediaDescription, MediaName, RangedPort};
use rtc_sdp::description::session::{Origin, SessionDescription, TimeDescription};

use super::extensions::RemoteExtension;
use super::negotiation::{LocalParams, SenderSpec};
use super::remote::Direction;
use crate::rtp::{CodecParams, ExtensionMap};
use crate::transport::Fingerprint;
use crate::units::{Mid, Rid};

/// Largest data channel message that we accept, in bytes. LiveKit's clients send 64 000 at most.
pub const MAX_MESSAGE_SIZE: u32 = 65_536;

/// The port of sections that ICE gives a real one (RFC 8840 §4.1.1).
const DISCARD_PORT: u16 = 9;
/// SCTP port of data channels, by convention.
const SCTP_PORT: u16 = 5000;

/// The session part of a description.
pub(super) fn session(local: &LocalParams, version: u64, bundle: &[Mid], allow_mixed: bool) -> SessionDescription {
    let mut session = SessionDescription {
        origin: Origin {
            username: "-".into(),
            session_id: local.session_id,
            session_version: version,
            network_type: "IN".into(),
            address_type: "IP4".into(),
            unicast_address: "127.0.0.1".into(),
        },
        session_name: "-".into(),
        time_descriptions: vec![TimeDescription::default()],
        ..SessionDescription::default()
    };
    let mut group = String::from("BUNDLE");
    for mid in bundle {
        group.push(' ');
        group.push_str(mid);
    }
    push(&mut session.attributes, "group", group);
    if allow_mixed {
        flag(&mut session.attributes, "extmap-allow-mixed");
    }
    push(&mut session.attributes, "msid-semantic", "WMS *".into());
    flag(&mut session.attributes, "ice-lite");
    if local.trickle {
        push(&mut session.attributes, "ice-options", "trickle".into());
    }
    session
}

/// What the m-line says.
pub(super) struct MLine<'a> {
    pub media: &'a str,
    pub protos: &'a [String],
    pub mid: Mid,
}

fn section(line: &MLine<'_>, port: u16, formats: Vec<String>) -> MediaDescription {
    MediaDescription {
        media_name: MediaName {
            media: line.media.into(),
            port: RangedPort { value: port as isize, range: None },
            protos: line.protos.to_vec(),
            formats,
        },
        connection_information: Some(ConnectionInformation {
            network_type: "IN".into(),
            address_type: "IP4".into(),
            address: Some(Address { address: "0.0.0.0".into(), ttl: None, range: None }),
        }),
        ..MediaDescription::default()
    }
}

/// A section with port 0: rejected in an answer, stopped in an offer.
pub(super) fn rejected(line: &MLine<'_>, format: &str) -> MediaDescription {
    let mut media = section(line, 0, vec![format.into()]);
    push(&mut media.attributes, "mid", line.mid.to_string());
    flag(&mut media.attributes, Direction::Inactive.as_str());
    media
}

/// The lines that say how the transport is reached; `candidates` only in the section whose transport all share.
fn transport(media: &mut MediaDescription, line: &MLine<'_>, local: &LocalParams, setup: &str, candidates: bool) {
    let out = &mut media.attributes;
    if candidates {
        for candidate in &local.candidates {
            flag(out, &candidate.to_string());
        }
        flag(out, "end-of-candidates");
    }
    push(out, "ice-ufrag", local.ice.ufrag.to_string());
    push(out, "ice-pwd", local.ice.pwd.to_string());
    push(out, "fingerprint", fingerprint(&local.fingerprint));
    push(out, "setup", setup.into());
    push(out, "mid", line.mid.to_string());
}

fn fingerprint(fingerprint: &Fingerprint) -> String {
    let mut text = String::from("sha-256 ");
    for (index, byte) in fingerprint.0.iter().enumerate() {
        let separator = if index == 0 { "" } else { ":" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}

/// The data channels' section.
pub(super) fn application(line: &MLine<'_>, local: &LocalParams, setup: &str, candidates: bool) -> MediaDescription {
    let mut media = section(line, DISCARD_PORT, vec!["webrtc-datachannel".into()]);
    transport(&mut media, line, local, setup, candidates);
    push(&mut media.attributes, "sctp-port", SCTP_PORT.to_string());
    push(&mut media.attributes, "max-message-size", MAX_MESSAGE_SIZE.to_string());
    media
}

/// Everything of an audio or video section but its transport.
pub(super) struct RtpSection<'a> {
    pub line: MLine<'a>,
    pub direction: Direction,
    pub codecs: &'a [CodecParams],
    pub extensions: &'a ExtensionMap,
    /// The peer's extmap lines when we answer: their directions are mirrored.
    pub offered_extensions: &'a [RemoteExtension],
    pub allow_mixed: bool,
    pub reduced_size: bool,
    /// Layers that we receive.
    pub rids: &'a [Rid],
    pub simulcast: bool,
    /// What we send.
    pub sender: Option<&'a SenderSpec>,
}

pub(super) fn rtp(section_of: &RtpSection<'_>, local: &LocalParams, setup: &str, candidates: bool) -> MediaDescription {
    let formats = section_of.codecs.iter().flat_map(|params| [Some(params.payload_type), params.rtx]).flatten();
    let formats = formats.map(|payload_type| payload_type.0.to_string()).collect();
    let mut media = section(&section_of.line, DISCARD_PORT, formats);
    transport(&mut media, &section_of.line, local, setup, candidates);
    let out = &mut media.attributes;
    if section_of.allow_mixed {
        flag(out, "extmap-allow-mixed");
    }
    for (kind, id) in section_of.extensions.iter() {
        let offered = section_of.offered_extensions.iter().find(|extension| extension.kind == kind);
        let suffix = offered.and_then(|extension| extension.direction).map(Direction::reversed);
        let suffix = suffix.map_or_else(String::new, |direction| format!("/{}", direction.as_str()));
        push(out, "extmap", format!("{id}{suffix} {}", kind.uri()));
    }
    flag(out, section_of.direction.as_str());
    if let Some(spec) = section_of.sender {
        push(out, "msid", format!("{} {}", spec.stream_id, spec.track_id));
    }
    flag(out, "rtcp-mux");
    if section_of.reduced_size {
        flag(out, "rtcp-rsize");
    }
    for params in section_of.codecs {
        codec(out, params);
    }
    for rid in section_of.rids {
        push(out, "rid", format!("{rid} recv"));
    }
    if section_of.simulcast && !section_of.rids.is_empty() {
        let list: Vec<&str> = section_of.rids.iter().map(Rid::as_str).collect();
        push(out, "simulcast", format!("recv {}", list.join(";")));
    }
    if let Some(spec) = section_of.sender {
        let rtx = section_of.codecs.iter().any(|params| params.rtx.is_some());
        sources(out, spec, rtx);
    }
    media
}

fn codec(out: &mut Vec<Attribute>, params: &CodecParams) {
    let number = params.payload_type.0;
    let channels = if params.channels > 0 { format!("/{}", params.channels) } else { String::new() };
    push(out, "rtpmap", format!("{number} {}/{}{channels}", params.codec.name(), params.clock_rate.0));
    let feedback = [
        (params.transport_cc, "transport-cc"),
        (params.fir, "ccm fir"),
        (params.nack, "nack"),
        (params.pli, "nack pli"),
    ];
    for (_, name) in feedback.iter().filter(|(on, _)| *on) {
        push(out, "rtcp-fb", format!("{number} {name}"));
    }
    if !params.fmtp.is_empty() {
        push(out, "fmtp", format!("{number} {}", params.fmtp));
    }
    if let Some(rtx) = params.rtx {
        push(out, "rtpmap", format!("{} rtx/{}", rtx.0, params.clock_rate.0));
        push(out, "fmtp", format!("{} apt={number}", rtx.0));
    }
}

/// `a=ssrc` lines: native clients show a track as soon as these name it, before its first packet.
fn sources(out: &mut Vec<Attribute>, spec: &SenderSpec, rtx: bool) {
    let repair = rtx.then_some(spec.rtx_ssrc);
    if let Some(repair) = repair {
        push(out, "ssrc-group", format!("FID {} {}", spec.ssrc.0, repair.0));
    }
    for ssrc in [Some(spec.ssrc), repair].into_iter().flatten() {
        push(out, "ssrc", format!("{} cname:{}", ssrc.0, spec.cname()));
        push(out, "ssrc", format!("{} msid:{} {}", ssrc.0, spec.stream_id, spec.track_id));
    }
}

fn push(out: &mut Vec<Attribute>, key: &str, value: String) {
    out.push(Attribute::new(key.into(), Some(value)));
}

fn flag(out: &mut Vec<Attribute>, key: &str) {
    out.push(Attribute::new(key.into(), None));
}

//! What a peer's description says, narrowed to what we use and checked against bounds.

use std::io::Cursor;
use std::sync::Arc;

use arrayvec::ArrayString;
use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use smallvec::SmallVec;

use super::error::SdpError;
use super::extensions::RemoteExtension;
use crate::rtp::{CodecParams, ExtensionKind};
use crate::transport::{Fingerprint, IceCredentials, SctpParams, SsrcPair};
use crate::units::{MediaKind, Mid, Rid, Ssrc};

/// Longest description accepted, in bytes. A browser's video section takes some 5 kB, so this is room for
/// [`MAX_SECTIONS`] of them, half of them audio.
pub const MAX_SDP_BYTES: usize = 1 << 20;

/// Most media sections of one connection: 127 people with camera and microphone, and the data channels.
pub const MAX_SECTIONS: usize = 256;

/// Most simulcast layers of one section.
const MAX_RIDS: usize = 4;
/// Most SSRCs remembered of one section, retransmissions included.
const MAX_SSRCS: usize = 16;
/// Longest quotation of the peer's text in an error.
const MAX_QUOTE: usize = 80;
/// SCTP message size that RFC 8841 §6.1 assumes where none is given.
const DEFAULT_MESSAGE_SIZE: u32 = 65_536;
/// Where data channels live unless the peer says otherwise.
const DEFAULT_SCTP_PORT: u16 = 5000;

/// Direction attribute, seen from the side that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub(super) const fn new(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(super) const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same seen from the other side.
    pub(super) const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }
}

/// What a media section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionMedia {
    Rtp(MediaKind),
    /// SCTP data channels.
    Application,
    /// Something that we always reject.
    Other,
}

/// `a=setup` of the peer (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// One media section of the peer's description.
#[derive(Clone, Debug)]
pub(super) struct RemoteSection {
    pub mid: Mid,
    pub media: SectionMedia,
    /// The media token of the m-line: ours repeats it.
    pub media_name: String,
    /// The protocol tokens of the m-line.
    pub protos: Vec<String>,
    /// First format of the m-line, all that a rejection needs.
    pub first_format: String,
    /// Port 0 outside a bundle: the section is stopped, or was rejected.
    pub stopped: bool,
    pub direction: Direction,
    /// Every codec that we know, in the order of the m-line.
    pub codecs: Vec<CodecParams>,
    pub extensions: Vec<RemoteExtension>,
    pub extmap_allow_mixed: bool,
    /// Simulcast ids that the peer would send, in its order.
    pub rids: SmallVec<[Rid; 4]>,
    /// True where `a=simulcast` named them, not a lone `a=rid`.
    pub simulcast: bool,
    pub ssrcs: SmallVec<[SsrcPair; 4]>,
    pub stream_id: Arc<str>,
    pub track_id: Arc<str>,
    pub rtcp_mux: bool,
    pub rtcp_rsize: bool,
    pub sctp: Option<SctpParams>,
}

impl RemoteSection {
    /// Audio or video, if it is either.
    pub(super) fn kind(&self) -> Option<MediaKind> {
        match self.media {
            SectionMedia::Rtp(kind) => Some(kind),
            SectionMedia::Application | SectionMedia::Other => None,
        }
    }

    /// True when `kind` can be carried: the section lives, and RTP and RTCP share its port.
    pub(super) fn carries(&self, kind: MediaKind) -> bool {
        !self.stopped && self.media == SectionMedia::Rtp(kind) && self.rtcp_mux
    }

    /// True when data channels can be carried.
    pub(super) fn carries_data(&self) -> bool {
        !self.stopped && self.media == SectionMedia::Application && self.sctp.is_some()
    }
}

/// A peer's whole description.
#[derive(Clone, Debug)]
pub(super) struct RemoteSdp {
    pub sections: Vec<RemoteSection>,
    /// Mids of the BUNDLE group in its order; the first one's transport is everybody's.
    pub bundle: Vec<Mid>,
    pub ice: IceCredentials,
    pub fingerprint: Fingerprint,
    pub setup: Setup,
    /// `a=extmap-allow-mixed` for the whole session.
    pub extmap_allow_mixed: bool,
}

/// Reads a description.
pub(super) fn parse(text: &str) -> Result<RemoteSdp, SdpError> {
    let session = parse_lines(text)?;
    let session_direction = direction(&session.attributes).unwrap_or(Direction::SendRecv);
    let mut sections = Vec::with_capacity(session.media_descriptions.len());
    for (index, media) in session.media_descriptions.iter().enumerate() {
        let section = parse_section(index, media, session_direction)?;
        if sections.iter().any(|other: &RemoteSection| other.mid == section.mid) {
            return Err(SdpError::DuplicateMid(section.mid.to_string()));
        }
        sections.push(section);
    }
    let bundle = parse_bundle(&session, &sections)?;
    let tagged = bundle
        .first()
        .and_then(|mid| sections.iter().position(|section| section.mid == *mid))
        .map_or(&[][..], |index| &session.media_descriptions[index].attributes[..]);
    let levels = [tagged, &session.attributes[..]];
    Ok(RemoteSdp {
        ice: parse_ice(&levels)?,
        fingerprint: parse_fingerprint(&levels)?,
        setup: parse_setup(&levels)?,
        extmap_allow_mixed: has(&session.attributes, "extmap-allow-mixed"),
        sections,
        bundle,
    })
}

fn parse_lines(text: &str) -> Result<SessionDescription, SdpError> {
    if text.len() > MAX_SDP_BYTES {
        return Err(SdpError::TooLarge(text.len()));
    }
    // What we repeat to the peer or hand to the log must not be able to begin a line of its own.
    let unprintable = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    if text.contains(unprintable) || text.replace("\r\n", "\n").contains('\r') {
        return Err(SdpError::Malformed("control character".into()));
    }
    let count = text.lines().filter(|line| line.starts_with("m=")).count();
    if count > MAX_SECTIONS {
        return Err(SdpError::TooManySections(count));
    }
    let session = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
        .map_err(|error| SdpError::Malformed(quote(&error.to_string())))?;
    if session.media_descriptions.is_empty() {
        return Err(SdpError::NoSections);
    }
    Ok(session)
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

/// The live sections must all be in one group. A lone section needs none.
fn parse_bundle(session: &SessionDescription, sections: &[RemoteSection]) -> Result<Vec<Mid>, SdpError> {
    let mut bundle = Vec::new();
    for group in values(&session.attributes, "group") {
        let mut words = group.split_ascii_whitespace();
        if words.next().is_some_and(|word| word.eq_ignore_ascii_case("BUNDLE")) {
            bundle.extend(words.filter_map(|word| Mid::from(word).ok()).take(MAX_SECTIONS));
            break;
        }
    }
    // A stopped section may linger in the group's list; it can be nobody's transport.
    bundle.retain(|mid| sections.iter().any(|section| section.mid == *mid && !section.stopped));
    let mut live = sections.iter().filter(|section| !section.stopped);
    if bundle.is_empty() && live.clone().count() == 1 {
        bundle.extend(live.next().map(|section| section.mid));
    } else if let Some(outside) = live.find(|section| !bundle.contains(&section.mid)) {
        return Err(SdpError::NotBundled(outside.mid.to_string()));
    }
    Ok(bundle)
}

fn parse_ice(levels: &[&[Attribute]]) -> Result<IceCredentials, SdpError> {
    let find = |key| levels.iter().find_map(|attributes| value(attributes, key));
    let (Some(ufrag), Some(pwd)) = (find("ice-ufrag"), find("ice-pwd")) else {
        return Err(SdpError::NoIceCredentials);
    };
    let read = |text: &str, shortest: usize| {
        let good = text.len() >= shortest && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| ArrayString::<256>::from(text).ok()).flatten().ok_or(SdpError::BadIceCredentials)
    };
    Ok(IceCredentials { ufrag: read(ufrag, 4)?, pwd: read(pwd, 22)? })
}

fn parse_fingerprint(levels: &[&[Attribute]]) -> Result<Fingerprint, SdpError> {
    let mut other = None;
    for line in levels.iter().flat_map(|attributes| values(attributes, "fingerprint")) {
        let (algorithm, digest) = line.split_once(' ').ok_or(SdpError::BadFingerprint)?;
        if !algorithm.eq_ignore_ascii_case("sha-256") {
            other = Some(quote(algorithm));
            continue;
        }
        let mut bytes = [0; 32];
        let mut pairs = digest.trim().split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2).ok_or(SdpError::BadFingerprint)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| SdpError::BadFingerprint)?;
        }
        return if pairs.next().is_none() { Ok(Fingerprint(bytes)) } else { Err(SdpError::BadFingerprint) };
    }
    Err(other.map_or(SdpError::NoFingerprint, SdpError::FingerprintAlgorithm))
}

fn parse_setup(levels: &[&[Attribute]]) -> Result<Setup, SdpError> {
    match levels.iter().find_map(|attributes| value(attributes, "setup")) {
        None | Some("active") => Ok(Setup::Active),
        Some("actpass") => Ok(Setup::ActPass),
        Some("passive") => Ok(Setup::Passive),
        Some(other) => Err(SdpError::BadSetup(quote(other))),
    }
}

fn parse_section(index: usize, media: &MediaDescription, outer: Direction) -> Result<RemoteSection, SdpError> {
    let attributes = &media.attributes;
    let mid = value(attributes, "mid")
        .filter(|mid| !mid.is_empty() && mid.bytes().all(|byte| byte.is_ascii_graphic()))
        .and_then(|mid| Mid::from(mid).ok())
        .ok_or(SdpError::BadMid(index))?;
    let name = &media.media_name;
    let protos: Vec<&str> = name.protos.iter().map(String::as_str).collect();
    let kind = match (name.media.as_str(), protos.as_slice()) {
        ("audio", [.., "RTP", "SAVPF"]) => SectionMedia::Rtp(MediaKind::Audio),
        ("video", [.., "RTP", "SAVPF"]) => SectionMedia::Rtp(MediaKind::Video),
        ("application", ["UDP" | "TCP", "DTLS", "SCTP"]) => SectionMedia::Application,
        _ => SectionMedia::Other,
    };
    let rtp_kind = match kind {
        SectionMedia::Rtp(kind) => Some(kind),
        _ => None,
    };
    let (rids, simulcast) = parse_rids(attributes);
    let (ssrcs, ssrc_msid) = parse_ssrcs(attributes);
    let (stream_id, track_id) = parse_msid(value(attributes, "msid").or(ssrc_msid).unwrap_or_default());
    Ok(RemoteSection {
        mid,
        media: kind,
        media_name: name.media.clone(),
        first_format: name.formats.first().cloned().unwrap_or_else(|| "0".into()),
        protos: name.protos.clone(),
        stopped: name.port.value == 0 && !has(attributes, "bundle-only"),
        direction: direction(attributes).unwrap_or(outer),
        codecs: rtp_kind.map_or_else(Vec::new, |kind| super::codecs::parse(kind, &name.formats, attributes)),
        extensions: parse_extensions(attributes),
        extmap_allow_mixed: has(attributes, "extmap-allow-mixed"),
        rids,
        simulcast,
        ssrcs,
        stream_id,
        track_id,
        rtcp_mux: has(attributes, "rtcp-mux"),
        rtcp_rsize: has(attributes, "rtcp-rsize"),
        sctp: (kind == SectionMedia::Application).then(|| parse_sctp(attributes)),
    })
}

fn parse_sctp(attributes: &[Attribute]) -> SctpParams {
    let number = |key| value(attributes, key).and_then(|text| text.trim().parse::<u64>().ok());
    SctpParams {
        port: number("sctp-port").and_then(|port| u16::try_from(port).ok()).unwrap_or(DEFAULT_SCTP_PORT),
        max_message_size: number("max-message-size")
            .map_or(DEFAULT_MESSAGE_SIZE, |size| u32::try_from(size).unwrap_or(u32::MAX)),
    }
}

/// `a=extmap:<id>[/<direction>] <uri>` (RFC 8285 §8); of a repeated id or URI the first counts.
fn parse_extensions(attributes: &[Attribute]) -> Vec<RemoteExtension> {
    let mut found: Vec<RemoteExtension> = Vec::new();
    for line in values(attributes, "extmap") {
        let mut words = line.split_ascii_whitespace();
        let (Some(id), Some(kind)) = (words.next(), words.next().and_then(ExtensionKind::from_uri)) else { continue };
        let (id, direction) = match id.split_once('/') {
            Some((id, direction)) => (id, Direction::parse(direction)),
            None => (id, None),
        };
        // 15 ends the one-byte form (RFC 8285 §4.2).
        let Some(id) = id.parse::<u8>().ok().filter(|id| !matches!(id, 0 | 15)) else { continue };
        if found.iter().all(|other| other.kind != kind && other.id != id) {
            found.push(RemoteExtension { kind, id, direction });
        }
    }
    found
}

/// Simulcast ids to be sent (RFC 8853), of alternatives the first, `~` (paused at first) taken as running.
fn parse_rids(attributes: &[Attribute]) -> (SmallVec<[Rid; 4]>, bool) {
    let mut declared: SmallVec<[Rid; 4]> = SmallVec::new();
    for line in values(attributes, "rid") {
        let mut words = line.split_ascii_whitespace();
        if let (Some(rid), Some("send")) = (words.next(), words.next())
            && rid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && declared.len() < 4 * MAX_RIDS
            && let Ok(rid) = Rid::from(rid)
            && !declared.contains(&rid)
        {
            declared.push(rid);
        }
    }
    let mut rids = SmallVec::new();
    if let Some(line) = value(attributes, "simulcast") {
        let words: SmallVec<[&str; 4]> = line.split_ascii_whitespace().take(4).collect();
        let list = words.chunks(2).find(|pair| pair[0] == "send").and_then(|pair| pair.get(1));
        for stream in list.into_iter().flat_map(|list| list.split(';')) {
            let first = stream.split(',').next().unwrap_or(stream).trim_start_matches('~');
            let rid = declared.iter().find(|rid| rid.as_str() == first);
            if let Some(rid) = rid.filter(|rid| !rids.contains(*rid) && rids.len() < MAX_RIDS) {
                rids.push(*rid);
            }
        }
        return (rids, true);
    }
    // A rid without simulcast is one stream with a name; several would have no order.
    if declared.len() == 1 {
        rids = declared;
    }
    (rids, false)
}

/// Declared streams in the order of `SIM`, or of appearance, and the msid that rides on them in old descriptions.
fn parse_ssrcs(attributes: &[Attribute]) -> (SmallVec<[SsrcPair; 4]>, Option<&str>) {
    let mut declared: SmallVec<[Ssrc; MAX_SSRCS]> = SmallVec::new();
    let mut sim: SmallVec<[Ssrc; 4]> = SmallVec::new();
    let mut repair: SmallVec<[(Ssrc, Ssrc); 4]> = SmallVec::new();
    let mut secondary: SmallVec<[Ssrc; 4]> = SmallVec::new();
    for line in values(attributes, "ssrc-group").take(MAX_SSRCS) {
        let mut words = line.split_ascii_whitespace();
        let semantics = words.next().unwrap_or_default();
        let members: SmallVec<[Ssrc; 4]> = words.filter_map(parse_ssrc).take(MAX_SSRCS).collect();
        match (semantics, members.as_slice()) {
            ("FID", [primary, rtx]) => {
                repair.push((*primary, *rtx));
                secondary.push(*rtx);
            }
            ("SIM", members) if sim.is_empty() => sim.extend_from_slice(members),
            (_, [_, others @ ..]) => secondary.extend_from_slice(others),
            _ => {}
        }
    }
    let mut msid = None;
    for line in values(attributes, "ssrc") {
        let (ssrc, attribute) = line.split_once(' ').unwrap_or((line, ""));
        msid = msid.or_else(|| attribute.strip_prefix("msid:"));
        if let Some(ssrc) = parse_ssrc(ssrc)
            && declared.len() < MAX_SSRCS
            && !declared.contains(&ssrc)
        {
            declared.push(ssrc);
        }
    }
    let primaries = if sim.is_empty() { &declared[..] } else { &sim[..] };
    let pairs = primaries
        .iter()
        .filter(|ssrc| !secondary.contains(ssrc))
        .map(|&primary| SsrcPair { primary, rtx: repair.iter().find(|(of, _)| *of == primary).map(|(_, rtx)| *rtx) });
    (pairs.take(MAX_SSRCS).collect(), msid)
}

fn parse_ssrc(text: &str) -> Option<Ssrc> {
    text.parse().ok().map(Ssrc)
}

/// `<stream> <track>`; a lone id is both, as old clients mean it.
fn parse_msid(text: &str) -> (Arc<str>, Arc<str>) {
    let mut words = text.split_ascii_whitespace();
    let stream = words.next().unwrap_or_default();
    (stream.into(), words.next().unwrap_or(stream).into())
}

fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| Direction::parse(&attribute.key))
}

pub(super) fn has(attributes: &[Attribute], key: &str) -> bool {
    attributes.iter().any(|attribute| attribute.key == key)
}

pub(super) fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    values(attributes, key).next()
}

pub(super) fn values<'a>(attributes: &'a [Attribute], key: &str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |attribute| attribute.key == key).filter_map(|attribute| attribute.value.as_deref())
}

//! Codecs as a peer's section lists them.

use rtc_sdp::description::common::Attribute;

use super::remote::values;
use crate::rtp::{Codec, CodecParams};
use crate::units::{ClockRate, MediaKind, PayloadType};

/// Longest `a=fmtp` value that is looked at; real ones stay below 200 bytes.
const MAX_FMTP: usize = 1024;
/// Payload types are 7 bits wide.
const PAYLOAD_TYPES: usize = 128;

/// One format of an m-line while its attributes are gathered.
#[derive(Default)]
struct Format<'a> {
    payload_type: u8,
    name: &'a str,
    clock: u32,
    channels: u8,
    fmtp: &'a str,
    feedback: Feedback,
}

#[derive(Clone, Copy, Default)]
struct Feedback {
    nack: bool,
    pli: bool,
    fir: bool,
    transport_cc: bool,
    remb: bool,
}

impl Feedback {
    fn read(&mut self, value: &str) {
        match value.trim() {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            "transport-cc" => self.transport_cc = true,
            "goog-remb" => self.remb = true,
            _ => {}
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            nack: self.nack || other.nack,
            pli: self.pli || other.pli,
            fir: self.fir || other.fir,
            transport_cc: self.transport_cc || other.transport_cc,
            remb: self.remb || other.remb,
        }
    }
}

/// The codecs of a section that we know, in the order of its m-line, with their RTX.
pub(super) fn parse(kind: MediaKind, formats: &[String], attributes: &[Attribute]) -> Vec<CodecParams> {
    let mut list: Vec<Format<'_>> = Vec::new();
    let mut index = [None; PAYLOAD_TYPES];
    for format in formats {
        if let Some(slot) = format.parse::<u8>().ok().and_then(|number| index.get_mut(number as usize))
            && slot.is_none()
        {
            *slot = Some(list.len());
            list.push(Format { payload_type: format.parse().unwrap_or_default(), ..static_format(format) });
        }
    }
    let find = |word: &str| index.get(word.parse::<usize>().ok()?).copied().flatten();
    for line in values(attributes, "rtpmap") {
        let Some((format, map)) = line.split_once(' ') else { continue };
        let Some(entry) = find(format).and_then(|at| list.get_mut(at)) else { continue };
        let mut parts = map.trim().split('/');
        entry.name = parts.next().unwrap_or_default();
        entry.clock = parts.next().and_then(|text| text.parse().ok()).unwrap_or_default();
        entry.channels = parts.next().and_then(|text| text.parse().ok()).unwrap_or_default();
    }
    for line in values(attributes, "fmtp") {
        let Some((format, value)) = line.split_once(' ') else { continue };
        if let Some(entry) = find(format).and_then(|at| list.get_mut(at))
            && value.len() <= MAX_FMTP
            && entry.fmtp.is_empty()
        {
            entry.fmtp = value.trim();
        }
    }
    let mut everywhere = Feedback::default();
    for line in values(attributes, "rtcp-fb") {
        match line.split_once(' ') {
            Some(("*", value)) => everywhere.read(value),
            Some((format, value)) => {
                if let Some(entry) = find(format).and_then(|at| list.get_mut(at)) {
                    entry.feedback.read(value);
                }
            }
            None => {}
        }
    }
    let mut repaired = [None; PAYLOAD_TYPES];
    for rtx in list.iter().filter(|entry| entry.name.eq_ignore_ascii_case("rtx")) {
        let apt = fmtp_value(rtx.fmtp, "apt").and_then(|text| text.parse::<usize>().ok());
        if let Some(slot) = apt.and_then(|apt| repaired.get_mut(apt)) {
            slot.get_or_insert(PayloadType(rtx.payload_type));
        }
    }
    list.iter()
        .filter_map(|entry| {
            let codec = Codec::parse(entry.name).filter(|codec| codec.kind() == kind && !entry.name.contains('/'))?;
            let feedback = entry.feedback.or(everywhere);
            (entry.clock == clock_rate(codec).0).then(|| CodecParams {
                codec,
                payload_type: PayloadType(entry.payload_type),
                clock_rate: clock_rate(codec),
                channels: entry.channels,
                fmtp: entry.fmtp.into(),
                rtx: repaired[entry.payload_type as usize],
                nack: feedback.nack,
                pli: feedback.pli,
                fir: feedback.fir,
                transport_cc: feedback.transport_cc,
                remb: feedback.remb,
            })
        })
        .collect()
}

/// Formats that need no `a=rtpmap` (RFC 3551 §6).
fn static_format(format: &str) -> Format<'static> {
    let name = match format {
        "0" => "PCMU",
        "8" => "PCMA",
        "9" => "G722",
        _ => "",
    };
    Format { name, clock: 8000, ..Format::default() }
}

/// The RTP clock of `a=rtpmap`. G.722's is 8000 although it samples at twice that (RFC 3551 §4.5.2).
pub(super) const fn clock_rate(codec: Codec) -> ClockRate {
    match codec {
        Codec::Opus | Codec::Red => ClockRate(48_000),
        Codec::Pcmu | Codec::Pcma | Codec::G722 => ClockRate(8_000),
        Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1 => ClockRate(90_000),
    }
}

/// The value of one parameter.
pub(super) fn fmtp_value<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp_pairs(fmtp).find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value))
}

/// Every parameter with its value, empty where it has none.
pub(super) fn fmtp_pairs(fmtp: &str) -> impl Iterator<Item = (&str, &str)> {
    fmtp.split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The fmtp value without the named parameters, rewritten with `;` alone between the others.
pub(super) fn fmtp_without(fmtp: &str, keys: &[&str]) -> String {
    let kept = fmtp.split(';').map(str::trim).filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && !keys.iter().any(|key| name.eq_ignore_ascii_case(key))
    });
    kept.collect::<Vec<_>>().join(";")
}

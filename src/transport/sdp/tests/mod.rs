//! Recorded descriptions of real clients (`fixtures/`, identifying values replaced) against [`Negotiation`].

#![allow(clippy::unwrap_used)]

mod answering;
mod bad_input;
mod offering;

use super::*;
use crate::ids::ForwarderId;
use crate::rtp::{Codec, CodecParams};
use crate::transport::{Fingerprint, IceCredentials, ReceiverSection};
use crate::units::{MediaKind, Ssrc};

const CHROMIUM_JOIN: &str = include_str!("../fixtures/chromium_join.sdp");
const CHROMIUM_PUBLISH: &str = include_str!("../fixtures/chromium_publish.sdp");
const CHROMIUM_V0_PUBLISH: &str = include_str!("../fixtures/chromium_v0_publish.sdp");
const FIREFOX_PUBLISH: &str = include_str!("../fixtures/firefox_publish.sdp");
const PYTHON_PUBLISH: &str = include_str!("../fixtures/python_publish.sdp");
const CHROMIUM_ANSWER: &str = include_str!("../fixtures/chromium_answer.sdp");
const FIREFOX_ANSWER: &str = include_str!("../fixtures/firefox_answer.sdp");
const RECORDED: [&str; 5] = [CHROMIUM_JOIN, CHROMIUM_PUBLISH, CHROMIUM_V0_PUBLISH, FIREFOX_PUBLISH, PYTHON_PUBLISH];

fn ice(tag: &str) -> IceCredentials {
    IceCredentials {
        ufrag: format!("ours{tag}").as_str().try_into().unwrap(),
        pwd: format!("our-password-of-24-chars{tag}").as_str().try_into().unwrap(),
    }
}

fn params() -> LocalParams {
    LocalParams {
        session_id: 4_611_686_018_427_387_904,
        ice: ice("0"),
        fingerprint: Fingerprint([0xAB; 32]),
        candidates: vec![
            Candidate::udp("192.0.2.1:7882".parse().unwrap(), 0),
            Candidate::tcp("192.0.2.1:7881".parse().unwrap(), 0),
        ],
        trickle: true,
        enabled: EnabledCodecs::default(),
        reuse_sections: true,
        playout_delay: false,
    }
}

fn answerer() -> Negotiation {
    Negotiation::new(NegotiationRole::Answerer, params())
}

fn offerer() -> Negotiation {
    Negotiation::new(NegotiationRole::Offerer, params())
}

fn sender(number: u64, codec: Codec) -> SenderSpec {
    SenderSpec {
        forwarder: ForwarderId(number),
        kind: codec.kind(),
        stream_id: format!("PA_one|TR_{number}").into(),
        track_id: format!("TR_{number}").into(),
        codecs: vec![codec.into()],
        ssrc: Ssrc(1000 + number as u32),
        rtx_ssrc: Ssrc(2000 + number as u32),
        stereo: false,
    }
}

fn no_edits(_: &ReceiverSection) -> PublishEdits {
    PublishEdits::default()
}

fn exchange(negotiation: &mut Negotiation, offer: &str) -> LocalDescription {
    negotiation.accept_offer(offer).unwrap();
    let answer = negotiation.answer(&no_edits).unwrap();
    check_answer(offer, &answer.sdp);
    answer
}

/// The lines of the section with this mid, the m-line first.
fn section<'a>(sdp: &'a str, mid: &str) -> Vec<&'a str> {
    let line = format!("a=mid:{mid}");
    let found = sections(sdp).into_iter().find(|lines| lines.contains(&line.as_str()));
    found.unwrap_or_else(|| panic!("no section {mid}"))
}

fn sections(sdp: &str) -> Vec<Vec<&str>> {
    let mut list: Vec<Vec<&str>> = Vec::new();
    for line in sdp.lines() {
        if line.starts_with("m=") {
            list.push(Vec::new());
        }
        if let Some(section) = list.last_mut() {
            section.push(line);
        }
    }
    list
}

fn has(lines: &[&str], line: &str) -> bool {
    lines.contains(&line)
}

fn values<'a>(lines: &[&'a str], key: &str) -> Vec<&'a str> {
    let prefix = format!("a={key}:");
    lines.iter().filter_map(|line| line.strip_prefix(prefix.as_str())).collect()
}

fn formats<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    lines[0].split(' ').skip(3).collect()
}

fn types(codecs: &[CodecParams]) -> Vec<u8> {
    codecs.iter().map(|params| params.payload_type.0).collect()
}

fn group(sdp: &str) -> Vec<&str> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE"));
    line.unwrap().split_whitespace().collect()
}

/// What every browser demands of an answer, whatever is in it.
fn check_answer(offer: &str, answer: &str) {
    super::remote::parse(answer).unwrap();
    assert!(answer.ends_with("\r\n") && !answer.replace("\r\n", "").contains(['\r', '\n']));
    assert!(answer.lines().any(|line| line == "a=ice-lite"));
    let (offered, answered) = (sections(offer), sections(answer));
    assert_eq!(offered.len(), answered.len());
    let bundle = group(answer);
    assert!(bundle.iter().all(|mid| group(offer).contains(mid)));
    for (theirs, ours) in offered.iter().zip(&answered) {
        assert_eq!(theirs[0].split(' ').next(), ours[0].split(' ').next());
        assert_eq!(theirs[0].split(' ').nth(2), ours[0].split(' ').nth(2));
        assert_eq!(values(theirs, "mid"), values(ours, "mid"));
        let mid = values(ours, "mid")[0];
        assert!(formats(ours).iter().all(|format| formats(theirs).contains(format)), "{:?} {:?}", theirs[0], ours[0]);
        let rejected = ours[0].split(' ').nth(1) == Some("0");
        assert_eq!(bundle.contains(&mid), !rejected);
        if rejected {
            continue;
        }
        assert_eq!(has(ours, "a=setup:passive") as usize, 1);
        assert_eq!(values(ours, "fingerprint").len(), 1);
        assert_eq!(values(ours, "ice-ufrag").len() + values(ours, "ice-pwd").len(), 2);
        if ours[0].starts_with("m=application") {
            continue;
        }
        for map in values(ours, "rtpmap") {
            assert!(values(theirs, "rtpmap").iter().any(|other| other.eq_ignore_ascii_case(map)), "{map}");
        }
        for map in values(ours, "extmap") {
            let (id, uri) = map.split_once(' ').unwrap();
            let bare = |text: &str| text.split('/').next().unwrap().to_string();
            assert!(values(theirs, "extmap").iter().any(|other| {
                other.split_once(' ').is_some_and(|(other, uri2)| bare(other) == bare(id) && uri2 == uri)
            }));
        }
        let sends = has(theirs, "a=sendonly") || has(theirs, "a=sendrecv");
        let receives = has(theirs, "a=recvonly") || has(theirs, "a=sendrecv");
        assert!(sends || !(has(ours, "a=recvonly") || has(ours, "a=sendrecv")));
        assert!(receives || !(has(ours, "a=sendonly") || has(ours, "a=sendrecv")));
    }
}

/// A client's answer to our offer that takes everything except the codecs named in `without`.
fn client_answer(offer: &str, without: &[&str]) -> String {
    let mut out = String::from("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    let bundle = group(offer).join(" ");
    out.push_str(&format!("a=group:BUNDLE {bundle}\r\n"));
    for lines in sections(offer) {
        let words: Vec<&str> = lines[0].split(' ').collect();
        let mut gone: Vec<&str> = values(&lines, "rtpmap")
            .iter()
            .filter(|map| without.iter().any(|name| map.contains(name)))
            .map(|map| map.split(' ').next().unwrap())
            .collect();
        let repairs = values(&lines, "fmtp").into_iter().filter_map(|fmtp| fmtp.split_once(" apt="));
        let orphans: Vec<&str> = repairs.filter(|(_, apt)| gone.contains(apt)).map(|(format, _)| format).collect();
        gone.extend(orphans);
        let kept: Vec<&str> = words[3..].iter().copied().filter(|format| !gone.contains(format)).collect();
        let stopped = words[1] == "0" || kept.is_empty();
        let port = if stopped { "0" } else { "9" };
        let formats = if kept.is_empty() { words[3].to_string() } else { kept.join(" ") };
        out.push_str(&format!("{} {port} {} {formats}\r\n", words[0], words[2]));
        out.push_str("c=IN IP4 0.0.0.0\r\na=ice-ufrag:clnt\r\na=ice-pwd:client-password-of-24-chr\r\n");
        out.push_str(&format!("a=fingerprint:sha-256 {}\r\na=setup:active\r\n", ["0F"; 32].join(":")));
        for line in &lines[1..] {
            let direction = if *line == "a=sendonly" { "a=recvonly" } else { line };
            let of_gone = gone.iter().any(|format| {
                let after = line.split_once(':').map_or("", |(_, value)| value);
                after.split(' ').next() == Some(format)
            });
            let keep =
                ["a=rtpmap", "a=fmtp", "a=rtcp", "a=extmap", "a=mid", "a=sctp", "a=max", "a=sendonly", "a=inactive"];
            if keep.iter().any(|prefix| line.starts_with(prefix)) && !of_gone {
                out.push_str(direction);
                out.push_str("\r\n");
            }
        }
    }
    out
}

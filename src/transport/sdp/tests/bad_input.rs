use proptest::prelude::*;

use super::*;

fn refusal(offer: &str) -> SdpError {
    answerer().accept_offer(offer).unwrap_err()
}

fn without(key: &str) -> String {
    let prefix = format!("a={key}");
    CHROMIUM_JOIN.lines().filter(|line| !line.starts_with(&prefix)).map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(refusal(&without("fingerprint")), SdpError::NoFingerprint);
    assert_eq!(refusal(&without("ice-ufrag")), SdpError::NoIceCredentials);
    assert_eq!(refusal(&without("ice-pwd")), SdpError::NoIceCredentials);
    assert_eq!(refusal(&without("group")), SdpError::NotBundled("0".into()));
    assert_eq!(refusal(&without("mid")), SdpError::BadMid(0));
    assert_eq!(refusal("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"), SdpError::NoSections);
    assert!(matches!(refusal(""), SdpError::Malformed(_)));
    assert!(matches!(refusal("m=audio"), SdpError::Malformed(_)));
}

#[test]
fn what_is_wrong_is_named() {
    let other = CHROMIUM_JOIN.replace("fingerprint:sha-256", "fingerprint:sha-1");
    assert_eq!(refusal(&other), SdpError::FingerprintAlgorithm("sha-1".into()));
    let line = CHROMIUM_JOIN.lines().find(|line| line.starts_with("a=fingerprint")).unwrap();
    for bad in ["a=fingerprint:sha-256", "a=fingerprint:sha-256 AB:CD", "a=fingerprint:sha-256 é"] {
        assert_eq!(refusal(&CHROMIUM_JOIN.replace(line, bad)), SdpError::BadFingerprint);
    }
    assert_eq!(refusal(&CHROMIUM_JOIN.replace(line, &format!("{line}:AB"))), SdpError::BadFingerprint);
    assert_eq!(refusal(&CHROMIUM_JOIN.replace("a=mid:1", "a=mid:0")), SdpError::DuplicateMid("0".into()));
    assert_eq!(refusal(&CHROMIUM_JOIN.replace("a=mid:1", "a=mid:12345678901234567")), SdpError::BadMid(1));
    assert_eq!(refusal(&CHROMIUM_JOIN.replace("a=ice-ufrag:uf00", "a=ice-ufrag:u")), SdpError::BadIceCredentials);
    let long = format!("a=ice-ufrag:{}", "u".repeat(257));
    assert_eq!(refusal(&CHROMIUM_JOIN.replace("a=ice-ufrag:uf00", &long)), SdpError::BadIceCredentials);
    assert_eq!(
        refusal(&CHROMIUM_JOIN.replace("setup:actpass", "setup:holdconn")),
        SdpError::BadSetup("holdconn".into())
    );
    assert!(matches!(refusal(&CHROMIUM_JOIN.replace("a=rtcp-mux", "a=rtcp\rmux")), SdpError::Malformed(_)));
    assert!(matches!(refusal(&CHROMIUM_JOIN.replace("s=-", "s=\0")), SdpError::Malformed(_)));
}

#[test]
fn five_hundred_sections_and_a_megabyte_are_too_much() {
    let audio = sections(CHROMIUM_JOIN).remove(0).join("\r\n");
    let many: String = (0..500).map(|n| audio.replace("a=mid:0", &format!("a=mid:x{n}")) + "\r\n").collect();
    let head = CHROMIUM_JOIN.split("m=").next().unwrap();
    assert_eq!(refusal(&format!("{head}{many}")), SdpError::TooManySections(500));
    let big = format!("{CHROMIUM_JOIN}a=x:{}\r\n", "y".repeat(MAX_SDP_BYTES));
    assert!(matches!(refusal(&big), SdpError::TooLarge(_)));
}

#[test]
fn an_offer_with_nothing_for_us_is_refused_and_leaves_no_trace() {
    let enabled = EnabledCodecs { publish: vec![], subscribe: vec![], rtx: true };
    let mut negotiation = Negotiation::new(NegotiationRole::Answerer, LocalParams { enabled, ..params() });
    let offer = CHROMIUM_V0_PUBLISH.replace("UDP/DTLS/SCTP webrtc-datachannel", "UDP/XYZ 1");
    negotiation.accept_offer(&offer).unwrap();
    assert_eq!(negotiation.answer(&no_edits), Err(SdpError::NothingAccepted));
    assert_eq!(negotiation.answer(&no_edits), Err(SdpError::WrongState));
    exchange(&mut negotiation, CHROMIUM_JOIN);
}

#[test]
fn sections_neither_vanish_nor_change() {
    let mut negotiation = answerer();
    exchange(&mut negotiation, CHROMIUM_PUBLISH);
    let refused = negotiation.accept_offer(CHROMIUM_JOIN);
    assert_eq!(refused, Err(SdpError::SectionsVanished { before: 10, now: 7 }));
    let renamed = CHROMIUM_PUBLISH.replace("a=mid:5", "a=mid:55").replace("BUNDLE 0 1 2 3 4 5", "BUNDLE 0 1 2 3 4 55");
    assert_eq!(negotiation.accept_offer(&renamed), Err(SdpError::SectionChanged(5)));
    exchange(&mut negotiation, CHROMIUM_PUBLISH);
}

#[test]
fn roles_do_not_mix() {
    assert_eq!(offerer().accept_offer(CHROMIUM_JOIN), Err(SdpError::WrongState));
    assert_eq!(answerer().accept_answer(CHROMIUM_JOIN), Err(SdpError::WrongState));
    assert_eq!(answerer().offer(), Err(SdpError::WrongState));
    assert_eq!(answerer().answer(&no_edits), Err(SdpError::WrongState));
}

#[test]
fn absurd_numbers_in_attributes_are_ignored() {
    let lines = "a=rtpmap:999 VP8/90000\r\na=rtpmap:-1 VP8\r\na=rtpmap:96\r\na=fmtp:97 apt=400\r\na=rtcp-fb:* nack\r\n\
                 a=extmap:0 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:70000 urn:3gpp:video-orientation\r\n\
                 a=extmap:15 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rid:\r\na=rid:a send\r\n\
                 a=rid:12345678901234567890 send\r\na=simulcast:send\r\na=simulcast:\r\na=ssrc:\r\na=ssrc:99999999999 x\r\n\
                 a=ssrc-group:\r\na=ssrc-group:FID 1\r\na=ssrc-group:SIM\r\na=msid:\r\na=candidate:garbage\r\na=crypto:1 x\r\n";
    for offer in RECORDED {
        let offer = format!("{}{lines}", offer.replace("a=rtcp-mux\n", &format!("a=rtcp-mux\n{lines}")));
        let mut negotiation = answerer();
        negotiation.accept_offer(&offer).unwrap();
        negotiation.answer(&no_edits).unwrap();
    }
}

/// Everything that a hostile description can reach.
fn feed(text: &str) {
    for mut negotiation in [answerer(), offerer()] {
        negotiation.add_sender(sender(1, Codec::Opus));
        negotiation.add_sender(sender(2, Codec::H264));
        if negotiation.accept_offer(text).is_ok() && negotiation.answer(&no_edits).is_ok() {
            let _ = negotiation.accept_offer(text).and_then(|_| negotiation.answer(&no_edits));
        }
        let _ = negotiation.offer();
        let _ = negotiation.accept_answer(text);
        let _ = (negotiation.needs(), negotiation.senders(), negotiation.receivers());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        feed(&text);
    }

    #[test]
    fn arbitrary_lines_never_panic(lines in proptest::collection::vec("[vostmcbaik]=[ -~]{0,40}", 0..40)) {
        feed(&format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{}", lines.join("\r\n")));
    }

    #[test]
    fn mutated_recordings_never_panic(
        which in 0..RECORDED.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<u8>(), 0..40_usize), 1..8),
    ) {
        let mut bytes = RECORDED[which].as_bytes().to_vec();
        for (at, how, byte, len) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + len).min(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.drain(at..end)),
                3 => { let copy = bytes[at..end].to_vec(); bytes.splice(at..at, copy); }
                _ => bytes.truncate(at),
            }
        }
        feed(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn shuffled_and_dropped_lines_never_panic(
        which in 0..RECORDED.len(), seed in any::<u64>(), keep in 1..100_u64,
    ) {
        let mut state = seed | 1;
        let mut next = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state };
        let mut lines: Vec<&str> = RECORDED[which].lines().filter(|_| next() % 100 < keep.max(80)).collect();
        for _ in 0..3 {
            let (a, b) = (next() as usize % lines.len(), next() as usize % lines.len());
            lines.swap(a, b);
        }
        feed(&lines.join("\r\n"));
    }
}

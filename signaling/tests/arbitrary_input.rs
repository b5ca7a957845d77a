//! Whatever arrives from the network is refused or understood; nothing panics,
//! and nothing grows without bound.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use flate2::{Compression, write::GzEncoder};
use livekit_protocol::{ClientInfo, SignalRequest, WrappedJoinRequest, wrapped_join_request::Compression as Wrapping};
use proptest::prelude::*;
use prost::Message as _;
use visavis_signaling::UnixTime;
use visavis_signaling::connect::{
    ClientQuirks, ConnectRequest, Endpoint, HttpRequest, Mode, Query, decode_join_request,
};
use visavis_signaling::frame::{FrameCodec, FrameRef};
use visavis_signaling::session::{
    CandidateInit, CloseReason, Counts, JoinParams, LeaveAction, ResumeParams, Session, SessionConfig, State,
};
use visavis_signaling::token::VideoGrant;

fn session(mode: Mode, protocol: i32) -> Session {
    let quirks = ClientQuirks::new(&ClientInfo { protocol, ..ClientInfo::default() });
    let permission = VideoGrant::join("room").to_permission();
    Session::new(SessionConfig::new(mode, quirks, permission, "PA_me"), UnixTime(0))
}

/// Every request recorded from real clients, as binary frames.
fn corpus() -> Vec<Vec<u8>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(directory).expect("fixtures") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("text");
        for line in text.lines() {
            let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if let Some(request) = line.get_mut("client") {
                let request: SignalRequest = serde_json::from_value(request.take()).expect("a request");
                frames.push(request.encode_to_vec());
            }
        }
    }
    frames
}

#[test]
fn real_frames_cut_and_bent_in_every_place_do_no_harm() {
    let frames = corpus();
    assert!(frames.len() > 100, "a corpus worth the name");
    let mut subject = session(Mode::SinglePc, 17);
    subject.join_response(JoinParams::default(), UnixTime(0)).expect("joining");
    let mut codec = FrameCodec::new();
    let mut understood = 0;
    for frame in &frames {
        let step = (frame.len() / 64).max(1);
        for position in (0..frame.len()).step_by(step) {
            let mut bent = frame.clone();
            bent[position] ^= 0x55;
            for bytes in [&frame[..position], &bent[..]] {
                if let Ok(request) = codec.decode(FrameRef::Binary(bytes)) {
                    understood += 1;
                    subject.handle_request(request, UnixTime(0));
                    if subject.state() == State::Closed {
                        subject = session(Mode::DualPc, 17);
                        subject.join_response(JoinParams::default(), UnixTime(0)).expect("joining");
                    }
                }
            }
        }
    }
    assert!(understood > 100, "some of it still is a request");
}

/// Anything that may happen to a session.
#[derive(Clone, Debug)]
enum Happening {
    Request(Vec<u8>),
    MediaConnected,
    MediaFailed,
    SignalClosed,
    Resume,
    Negotiate(u32, u32),
    Offer,
    OfferFailed,
    Answer(u32, u32),
    Candidate,
    Timeout,
    Close,
    Wait(u16),
}

fn happening(frames: Vec<Vec<u8>>) -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => proptest::sample::select(frames).prop_map(Happening::Request),
        1 => Just(Happening::MediaConnected),
        1 => Just(Happening::MediaFailed),
        1 => Just(Happening::SignalClosed),
        1 => Just(Happening::Resume),
        2 => (0u32..4, 0u32..4).prop_map(|(audios, videos)| Happening::Negotiate(audios, videos)),
        1 => Just(Happening::Offer),
        1 => Just(Happening::OfferFailed),
        1 => (0u32..4, 0u32..4).prop_map(|(audios, videos)| Happening::Answer(audios, videos)),
        1 => Just(Happening::Candidate),
        1 => Just(Happening::Timeout),
        1 => Just(Happening::Close),
        2 => any::<u16>().prop_map(Happening::Wait),
    ]
}

proptest! {
    #[test]
    fn a_session_survives_anything_in_any_order(
        happenings in proptest::collection::vec(happening(corpus()), 0..60),
        single: bool,
        protocol in 0i32..20,
    ) {
        let mode = if single { Mode::SinglePc } else { Mode::DualPc };
        let mut session = session(mode, protocol);
        let mut now = UnixTime(0);
        session.join_response(JoinParams::default(), now).expect("joining");
        for happening in happenings {
            let before = session.state();
            match happening {
                Happening::Request(frame) => {
                    let request = SignalRequest::decode(frame.as_slice()).expect("a request");
                    session.handle_request(request, now);
                }
                Happening::MediaConnected => drop(session.media_connected()),
                Happening::MediaFailed => drop(session.media_failed(now)),
                Happening::SignalClosed => drop(session.signal_closed(now)),
                Happening::Resume => {
                    let resumed = session.resume(ResumeParams::default(), now);
                    prop_assert_eq!(resumed.is_ok(), before != State::Closed);
                }
                Happening::Negotiate(audios, videos) => {
                    session.negotiate(Counts::new(audios, videos));
                }
                Happening::Offer => drop(session.offer(String::new(), Default::default(), now)),
                Happening::OfferFailed => session.offer_failed(),
                Happening::Answer(audios, videos) => {
                    let left = Counts::new(audios, videos);
                    session.answer(1, String::new(), Default::default(), left);
                }
                Happening::Candidate => {
                    let target = livekit_protocol::SignalTarget::Publisher;
                    session.local_candidate(target, CandidateInit::bundled("x"));
                }
                Happening::Timeout => drop(session.handle_timeout(now)),
                Happening::Close => {
                    session.close(CloseReason::RoomClosed, Some(LeaveAction::Disconnect));
                }
                Happening::Wait(millis) => {
                    now = now.plus(std::time::Duration::from_millis(millis.into()));
                }
            }
            if before == State::Closed {
                prop_assert_eq!(session.state(), State::Closed);
            }
            if session.state() == State::Closed {
                prop_assert_eq!(session.poll_timeout(), None);
            }
        }
        // Left alone, every session that waits for something comes to an end.
        for _ in 0..4 {
            if let Some(at) = session.poll_timeout() {
                session.handle_timeout(at);
            }
        }
        prop_assert_eq!(session.poll_timeout(), None);
    }

    #[test]
    fn frames_of_arbitrary_bytes_never_panic(bytes: Vec<u8>, text: String) {
        let mut codec = FrameCodec::new();
        if let Ok(request) = codec.decode(FrameRef::Binary(&bytes)) {
            let again = codec.encode_request(&request).expect("protobuf");
            prop_assert_eq!(codec.decode(again.as_ref()), Ok(request));
        }
        let _ = codec.decode(FrameRef::Text(&text));
    }

    #[test]
    fn queries_of_arbitrary_text_never_panic(query: String, agent: String) {
        let _ = Query::parse(&query);
        for endpoint in [Endpoint::V0, Endpoint::V1, Endpoint::ValidateV0, Endpoint::ValidateV1] {
            let _ = ConnectRequest::parse(&HttpRequest {
                endpoint,
                query: &query,
                authorization: None,
                user_agent: Some(&agent),
                address: "",
            });
        }
    }

    #[test]
    fn join_requests_of_arbitrary_bytes_never_panic(bytes: Vec<u8>, gzip: bool, text: String) {
        let _ = decode_join_request(&text);
        let _ = decode_join_request(&URL_SAFE.encode(&bytes));
        let compression = if gzip { Wrapping::Gzip } else { Wrapping::None };
        let wrapped = WrappedJoinRequest { compression: compression.into(), join_request: bytes };
        let _ = decode_join_request(&URL_SAFE.encode(wrapped.encode_to_vec()));
    }

    #[test]
    fn candidates_of_arbitrary_text_never_panic(text: String) {
        if let Ok(candidate) = CandidateInit::from_json(&text) {
            let again = CandidateInit::from_json(&candidate.to_json()).expect("our own JSON");
            prop_assert_eq!(again.candidate, candidate.candidate);
        }
    }
}

proptest! {
    // Each case writes and compresses a megabyte.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_inflates_beyond_the_cap_is_refused(
        seed: [u8; 16],
        size in (1usize << 20) + 1..(1 << 20) + 4_096,
    ) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for chunk in 0..size.div_ceil(16) {
            encoder.write_all(&seed[..16.min(size - chunk * 16)]).expect("memory");
        }
        let join_request = encoder.finish().expect("memory");
        let wrapped = WrappedJoinRequest { compression: Wrapping::Gzip.into(), join_request };
        let refused = decode_join_request(&URL_SAFE.encode(wrapped.encode_to_vec()));
        prop_assert_eq!(refused, Err(visavis_signaling::connect::ConnectError::JoinRequestTooLarge));
    }
}

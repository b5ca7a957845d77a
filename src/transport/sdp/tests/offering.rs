use super::*;
use crate::rtp::ExtensionKind;
use crate::transport::DtlsRole;

fn settle(negotiation: &mut Negotiation) -> LocalDescription {
    let offer = negotiation.offer().unwrap();
    super::super::remote::parse(&offer.sdp).unwrap();
    negotiation.accept_answer(&client_answer(&offer.sdp, &[])).unwrap();
    offer
}

#[test]
fn the_first_offer_has_the_data_channels_alone() {
    let mut negotiation = offerer();
    assert!(negotiation.needs().any_change);
    let offer = negotiation.offer().unwrap();
    assert!(offer.has_application && negotiation.awaits_answer());
    assert_eq!(group(&offer.sdp), ["0"]);
    let data = section(&offer.sdp, "0");
    assert_eq!(data[0], "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    assert!(has(&data, "a=setup:actpass") && has(&data, "a=sctp-port:5000"));
    let remote = negotiation.accept_answer(&client_answer(&offer.sdp, &[])).unwrap();
    assert_eq!(remote.transport.role, DtlsRole::Passive);
    assert!(remote.transport.sctp.is_some() && !remote.ice_restart);
    assert_eq!(negotiation.needs(), SectionsNeeded::default());
}

#[test]
fn offers_are_stable_over_renegotiation() {
    let mut negotiation = offerer();
    settle(&mut negotiation);
    negotiation.add_sender(sender(1, Codec::Red));
    negotiation.add_sender(sender(2, Codec::Vp8));
    assert!(negotiation.needs().any_change);
    let first = settle(&mut negotiation);
    assert_eq!(first.mid_to_track_id["1"], "TR_1");
    let audio = section(&first.sdp, "1");
    assert_eq!(formats(&audio), ["63", "111"]);
    assert!(has(&audio, "a=sendonly") && has(&audio, "a=msid:PA_one|TR_1 TR_1"));
    let video = section(&first.sdp, "2");
    assert_eq!(formats(&video), ["96", "97"]);
    assert!(has(&video, "a=ssrc-group:FID 1002 2002"));
    let before = negotiation.senders();
    negotiation.add_sender(sender(3, Codec::H264));
    let second = settle(&mut negotiation);
    assert_eq!(section(&second.sdp, "1"), audio);
    assert_eq!(section(&second.sdp, "2"), video);
    assert_eq!(negotiation.senders()[..2], before);
    let extensions: Vec<_> =
        negotiation.senders().iter().map(|s| s.extensions.id(ExtensionKind::TransportCc)).collect();
    assert_eq!(extensions, [Some(2); 3]);
}

#[test]
fn a_removed_senders_section_is_inactive_once_and_then_used_again() {
    let mut negotiation = offerer();
    negotiation.add_sender(sender(1, Codec::Vp8));
    negotiation.add_sender(sender(2, Codec::Vp9));
    settle(&mut negotiation);
    negotiation.remove_sender(ForwarderId(1));
    assert!(negotiation.needs().any_change);
    let offer = settle(&mut negotiation);
    let gone = section(&offer.sdp, "1");
    assert!(has(&gone, "a=inactive") && values(&gone, "msid").is_empty() && values(&gone, "ssrc").is_empty());
    assert_eq!(negotiation.needs(), SectionsNeeded::default());
    negotiation.add_sender(sender(3, Codec::H264));
    let offer = settle(&mut negotiation);
    assert_eq!(offer.mid_to_track_id["1"], "TR_3");
    assert_eq!(sections(&offer.sdp).len(), 3);
}

#[test]
fn a_sender_removed_while_an_offer_is_in_flight_is_announced_in_the_next() {
    let mut negotiation = offerer();
    negotiation.add_sender(sender(1, Codec::Vp8));
    let offer = negotiation.offer().unwrap();
    negotiation.remove_sender(ForwarderId(1));
    negotiation.accept_answer(&client_answer(&offer.sdp, &[])).unwrap();
    assert!(negotiation.senders().is_empty() && negotiation.needs().any_change);
    let offer = settle(&mut negotiation);
    assert!(has(&section(&offer.sdp, "1"), "a=inactive"));
    assert_eq!(negotiation.needs(), SectionsNeeded::default());
}

#[test]
fn without_reuse_a_stopped_m_line_comes_back_with_another_mid() {
    let mut negotiation = Negotiation::new(NegotiationRole::Offerer, LocalParams { reuse_sections: false, ..params() });
    negotiation.add_sender(sender(1, Codec::Vp8));
    settle(&mut negotiation);
    negotiation.remove_sender(ForwarderId(1));
    let offer = settle(&mut negotiation);
    assert!(section(&offer.sdp, "1")[0].starts_with("m=video 0 "));
    assert_eq!(group(&offer.sdp), ["0"]);
    negotiation.add_sender(sender(2, Codec::Opus));
    let offer = settle(&mut negotiation);
    assert_eq!(offer.mid_to_track_id["2"], "TR_2");
    assert_eq!(sections(&offer.sdp).len(), 2);
}

#[test]
fn a_client_without_red_gets_opus_and_one_without_the_codec_nothing() {
    let mut negotiation = offerer();
    negotiation.add_sender(sender(1, Codec::Red));
    negotiation.add_sender(sender(2, Codec::H264));
    let offer = negotiation.offer().unwrap();
    let remote = negotiation.accept_answer(&client_answer(&offer.sdp, &["red/", "H264/"])).unwrap();
    assert_eq!(remote.refused, [ForwarderId(2)]);
    let senders = negotiation.senders();
    assert_eq!(senders.len(), 1);
    assert_eq!(types(&senders[0].codecs), [111]);
    assert!(!negotiation.needs().any_change, "a refused sender is not offered for ever");
}

#[test]
fn our_own_ice_restart_is_in_the_next_offer() {
    let mut negotiation = offerer();
    settle(&mut negotiation);
    negotiation.restart_ice(ice("1"));
    assert!(negotiation.needs().any_change);
    let offer = negotiation.offer().unwrap();
    assert!(offer.sdp.contains("a=ice-ufrag:ours1"));
    let answer = client_answer(&offer.sdp, &[]).replace("ice-ufrag:clnt", "ice-ufrag:new1");
    assert!(negotiation.accept_answer(&answer).unwrap().ice_restart);
}

#[test]
fn an_answer_must_fit_its_offer() {
    let mut negotiation = offerer();
    assert_eq!(negotiation.accept_answer(CHROMIUM_JOIN), Err(SdpError::WrongState));
    negotiation.add_sender(sender(1, Codec::Vp8));
    let offer = negotiation.offer().unwrap();
    assert!(matches!(negotiation.accept_answer(CHROMIUM_JOIN), Err(SdpError::SectionsVanished { .. })));
    let answer = client_answer(&offer.sdp, &[]);
    let other = answer.replace("a=mid:1", "a=mid:7").replace("BUNDLE 0 1", "BUNDLE 0 7");
    assert_eq!(negotiation.accept_answer(&other), Err(SdpError::SectionChanged(1)));
    assert_eq!(
        negotiation.accept_answer(&answer.replace("setup:active", "setup:actpass")),
        Err(SdpError::BadSetup("actpass".into()))
    );
    assert_eq!(
        negotiation.accept_answer(&answer.replace("setup:active", "setup:passive")).unwrap().transport.role,
        DtlsRole::Active
    );
}

#[test]
fn offers_stay_within_the_section_limit() {
    let mut negotiation = offerer();
    for number in 0..300 {
        negotiation.add_sender(sender(number, Codec::Opus));
    }
    let offer = settle(&mut negotiation);
    assert_eq!(sections(&offer.sdp).len(), MAX_SECTIONS);
    assert_eq!(negotiation.senders().len(), MAX_SECTIONS - 1);
}

#[test]
fn the_answering_role_takes_our_own_offer() {
    let mut ours = offerer();
    ours.add_sender(sender(1, Codec::Opus));
    ours.add_sender(sender(2, Codec::Vp8));
    let offer = ours.offer().unwrap();
    let mut theirs = answerer();
    exchange(&mut theirs, &offer.sdp);
    let receivers = theirs.receivers();
    assert_eq!(receivers.len(), 2);
    assert_eq!(&*receivers[1].stream_id, "PA_one|TR_2");
    assert_eq!((receivers[1].ssrcs[0].primary, receivers[1].ssrcs[0].rtx), (Ssrc(1002), Some(Ssrc(2002))));
}

#[test]
fn browsers_answers_to_this_very_offer_are_understood() {
    use Codec::{Av1, H264, H265, Opus, Pcmu, Red, Vp8, Vp9};
    // Recorded with Chromium 156 and Firefox 153, without proprietary codecs.
    for (answer, refused, red) in [(CHROMIUM_ANSWER, &[8][..], true), (FIREFOX_ANSWER, &[6, 8][..], false)] {
        let mut negotiation = offerer();
        for (codec, number) in [Red, Opus, Pcmu, Vp8, Vp9, H264, Av1, H265].into_iter().zip(1..) {
            negotiation.add_sender(sender(number, codec));
        }
        negotiation.offer().unwrap();
        let remote = negotiation.accept_answer(answer).unwrap();
        assert_eq!(remote.refused.iter().map(|forwarder| forwarder.0).collect::<Vec<_>>(), refused);
        let senders = negotiation.senders();
        assert_eq!(senders.len(), 8 - refused.len());
        assert_eq!(types(&senders[0].codecs), if red { vec![63, 111] } else { vec![111] });
        assert_eq!(types(&senders[3].codecs), [96]);
        for sender in &senders {
            assert_eq!(sender.extensions.id(ExtensionKind::TransportCc), Some(2));
            let video = sender.kind == MediaKind::Video;
            assert!(!video || sender.codecs.iter().all(|params| params.rtx.is_some() && params.nack && params.pli));
        }
        assert_eq!(negotiation.needs(), SectionsNeeded::default());
    }
}

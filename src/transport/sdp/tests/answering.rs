use super::*;
use crate::rtp::ExtensionKind;
use crate::transport::DtlsRole;

#[test]
fn every_recorded_offer_is_answered_as_browsers_demand() {
    for offer in RECORDED {
        let answer = exchange(&mut answerer(), offer);
        assert!(answer.has_application);
        assert_eq!(group(&answer.sdp), group(offer), "everything is bundled in the offered order");
        // Browsers read the candidates of the first section; peers that pass over inactive ones the first active one's.
        let all = sections(&answer.sdp);
        let active = all.iter().position(|section| !has(section, "a=inactive")).unwrap();
        for (index, section) in all.iter().enumerate() {
            let expected = if index == 0 || index == active { 2 } else { 0 };
            assert_eq!(values(section, "candidate").len(), expected, "section {index}");
            assert_eq!(has(section, "a=end-of-candidates"), expected > 0);
        }
    }
}

#[test]
fn chromiums_join_offer_takes_waiting_senders_at_once() {
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Opus));
    negotiation.add_sender(sender(2, Codec::Vp8));
    assert_eq!(negotiation.needs(), SectionsNeeded { audios: 1, videos: 1, any_change: true });
    let remote = negotiation.accept_offer(CHROMIUM_JOIN).unwrap();
    assert_eq!(remote.transport.role, DtlsRole::Passive);
    assert_eq!(remote.transport.sctp.unwrap().port, 5000);
    assert_eq!(&*remote.transport.ice.ufrag, "uf00");
    assert!(remote.receivers.is_empty() && !remote.ice_restart);
    let answer = negotiation.answer(&no_edits).unwrap();
    check_answer(CHROMIUM_JOIN, &answer.sdp);
    assert_eq!(answer.mid_to_track_id.len(), 2);
    assert_eq!(answer.mid_to_track_id["0"], "TR_1");
    assert_eq!(answer.mid_to_track_id["3"], "TR_2");
    assert_eq!(negotiation.needs(), SectionsNeeded::default());

    let audio = section(&answer.sdp, "0");
    assert!(has(&audio, "a=sendonly") && has(&audio, "a=msid:PA_one|TR_1 TR_1"));
    assert_eq!(formats(&audio), ["111"]);
    assert!(has(&audio, "a=ssrc:1001 msid:PA_one|TR_1 TR_1") && has(&audio, "a=ssrc:1001 cname:PA_one"));
    assert_eq!(values(&audio, "rtcp-fb"), ["111 transport-cc", "111 nack"]);
    let video = section(&answer.sdp, "3");
    assert_eq!(formats(&video), ["96", "97"]);
    assert!(has(&video, "a=fmtp:97 apt=96") && has(&video, "a=ssrc-group:FID 1002 2002"));
    assert_eq!(values(&video, "rtcp-fb"), ["96 transport-cc", "96 ccm fir", "96 nack", "96 nack pli"]);
    for mid in ["1", "2", "4", "5"] {
        let free = section(&answer.sdp, mid);
        assert!(has(&free, "a=inactive") && free[0].contains(" 9 "), "{mid}");
    }
    let senders = negotiation.senders();
    assert_eq!(senders.len(), 2);
    assert_eq!((types(&senders[0].codecs), types(&senders[1].codecs)), (vec![111], vec![96]));
    assert_eq!(senders[1].codecs[0].rtx.unwrap().0, 97);
    assert!(senders[1].codecs[0].transport_cc && !senders[1].codecs[0].remb);
    assert!(senders[1].extensions.id(ExtensionKind::TransportCc).is_some());
    assert!(senders[1].extensions.id(ExtensionKind::AbsSendTime).is_none());
    assert!(senders[0].extensions.id(ExtensionKind::Mid).is_some());
}

#[test]
fn receiving_sections_are_answered_with_the_extensions_of_sending_ones() {
    // Chromium never offers again what one answer left out.
    let answer = exchange(&mut answerer(), CHROMIUM_JOIN);
    let takes = |mid: &str, kind: ExtensionKind| {
        values(&section(&answer.sdp, mid), "extmap").iter().any(|map| map.ends_with(kind.uri()))
    };
    for kind in [ExtensionKind::Rid, ExtensionKind::RepairedRid, ExtensionKind::Mid, ExtensionKind::TransportCc] {
        assert!(takes("3", kind), "{kind:?}");
    }
    for kind in [ExtensionKind::AudioLevel, ExtensionKind::Mid, ExtensionKind::TransportCc] {
        assert!(takes("0", kind), "{kind:?}");
    }
    assert!(!takes("3", ExtensionKind::AbsSendTime) && !takes("3", ExtensionKind::VideoOrientation));
}

#[test]
fn missing_sections_are_counted_by_kind() {
    let mut negotiation = answerer();
    exchange(&mut negotiation, CHROMIUM_JOIN);
    for number in 0..4 {
        negotiation.add_sender(sender(number, Codec::Opus));
        negotiation.add_sender(sender(100 + number, Codec::Vp8));
    }
    negotiation.add_sender(sender(104, Codec::H264));
    assert_eq!(negotiation.needs(), SectionsNeeded { audios: 1, videos: 2, any_change: true });
    exchange(&mut negotiation, CHROMIUM_JOIN);
    assert_eq!(negotiation.senders().len(), 6);
    assert_eq!(negotiation.needs(), SectionsNeeded { audios: 1, videos: 2, any_change: true });
}

#[test]
fn a_sender_keeps_its_section_and_a_removed_one_frees_it_after_one_inactive_answer() {
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Vp8));
    negotiation.add_sender(sender(2, Codec::Vp8));
    exchange(&mut negotiation, CHROMIUM_JOIN);
    negotiation.remove_sender(ForwarderId(1));
    negotiation.add_sender(sender(3, Codec::Vp8));
    negotiation.add_sender(sender(4, Codec::Vp8));
    assert_eq!(negotiation.needs(), SectionsNeeded { audios: 0, videos: 1, any_change: true });
    let answer = exchange(&mut negotiation, CHROMIUM_JOIN);
    assert!(has(&section(&answer.sdp, "3"), "a=inactive"));
    assert!(values(&section(&answer.sdp, "3"), "msid").is_empty());
    assert_eq!(answer.mid_to_track_id["4"], "TR_2");
    assert_eq!(answer.mid_to_track_id["5"], "TR_3");
    assert_eq!(negotiation.needs(), SectionsNeeded { audios: 0, videos: 0, any_change: true });
    let answer = exchange(&mut negotiation, CHROMIUM_JOIN);
    assert_eq!(answer.mid_to_track_id["3"], "TR_4");
    assert_eq!(answer.mid_to_track_id["4"], "TR_2");
    assert_eq!(negotiation.needs(), SectionsNeeded::default());
}

#[test]
fn a_client_that_cannot_reuse_sections_is_asked_for_new_ones() {
    let mut negotiation =
        Negotiation::new(NegotiationRole::Answerer, LocalParams { reuse_sections: false, ..params() });
    for number in 0..3 {
        negotiation.add_sender(sender(number, Codec::Vp8));
    }
    exchange(&mut negotiation, CHROMIUM_JOIN);
    negotiation.remove_sender(ForwarderId(0));
    exchange(&mut negotiation, CHROMIUM_JOIN);
    negotiation.add_sender(sender(9, Codec::Vp8));
    assert_eq!(negotiation.needs().videos, 1);
}

#[test]
fn a_section_that_the_client_closes_gives_its_sender_back() {
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Opus));
    exchange(&mut negotiation, CHROMIUM_JOIN);
    let closed = CHROMIUM_JOIN.replacen("a=recvonly", "a=inactive", 1);
    let answer = exchange(&mut negotiation, &closed);
    assert!(has(&section(&answer.sdp, "0"), "a=inactive"));
    assert_eq!(answer.mid_to_track_id["1"], "TR_1");
}

#[test]
fn chromiums_camera_keeps_its_layers_over_renegotiation_in_either_order() {
    let mut negotiation = answerer();
    for (list, expected) in [("q;h;f", ["q", "h", "f"]), ("f;h;q", ["f", "h", "q"]), ("~q;h,x;~f", ["q", "h", "f"])] {
        let offer = CHROMIUM_PUBLISH.replace("send q;h;f", &format!("send {list}"));
        let answer = exchange(&mut negotiation, &offer);
        let camera = section(&answer.sdp, "8");
        assert_eq!(values(&camera, "simulcast"), [format!("recv {}", expected.join(";"))]);
        assert_eq!(values(&camera, "rid"), expected.map(|rid| format!("{rid} recv")));
        let first = negotiation.receivers();
        exchange(&mut negotiation, &offer);
        assert_eq!(negotiation.receivers(), first);
        let receiver = &first[1];
        assert_eq!(receiver.rids.iter().map(|rid| rid.as_str()).collect::<Vec<_>>(), expected);
        assert!(receiver.extensions.id(ExtensionKind::RepairedRid).is_some());
        assert!(receiver.extensions.id(ExtensionKind::VideoOrientation).is_none());
        assert!(receiver.extensions.id(ExtensionKind::AbsSendTime).is_none());
    }
}

#[test]
fn an_unpublished_simulcast_section_keeps_its_layers_in_the_answer() {
    let mut negotiation = answerer();
    exchange(&mut negotiation, CHROMIUM_PUBLISH);
    let (head, camera) = CHROMIUM_PUBLISH.split_at(CHROMIUM_PUBLISH.find("a=mid:8").unwrap());
    let offer = format!("{head}{}", camera.replacen("a=sendonly", "a=inactive", 1));
    let answer = exchange(&mut negotiation, &offer);
    let camera = section(&answer.sdp, "8");
    assert!(has(&camera, "a=inactive") && has(&camera, "a=simulcast:recv q;h;f"));
    assert!(negotiation.receivers().iter().all(|receiver| receiver.mid.as_str() != "8"));
}

#[test]
fn chromiums_microphone_and_screen_are_understood() {
    let mut negotiation = answerer();
    let remote = negotiation.accept_offer(CHROMIUM_PUBLISH).unwrap();
    let [microphone, camera, screen] = &remote.receivers[..] else { panic!("{:?}", remote.receivers) };
    assert_eq!(&*microphone.track_id, "00000000-0000-4000-8000-000000000002");
    assert_eq!(microphone.kind, MediaKind::Audio);
    assert!(microphone.extensions.id(ExtensionKind::AudioLevel).is_some());
    // This offer was made to LiveKit, which leaves audio out of the bandwidth estimate.
    assert!(microphone.extensions.id(ExtensionKind::TransportCc).is_none() && !microphone.codecs[0].transport_cc);
    assert!(camera.ssrcs.is_empty());
    assert!(camera.codecs.iter().all(|params| params.rtx.is_some() && params.transport_cc && params.pli && params.fir));
    assert_eq!((screen.ssrcs[0].primary, screen.ssrcs[0].rtx), (Ssrc(100_002), Some(Ssrc(100_003))));
    assert!(screen.rids.is_empty());
}

#[test]
fn publisher_answers_follow_the_tracks_features() {
    let answer_with = |edits: PublishEdits| {
        let mut negotiation = answerer();
        negotiation.accept_offer(CHROMIUM_PUBLISH).unwrap();
        let answer = negotiation.answer(&move |_| edits.clone()).unwrap();
        check_answer(CHROMIUM_PUBLISH, &answer.sdp);
        answer.sdp
    };
    let plain = answer_with(PublishEdits::default());
    let microphone = section(&plain, "7");
    assert_eq!(formats(&microphone), ["63", "111", "0", "8"]);
    assert!(has(&microphone, "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1"), "{microphone:?}");
    let music = answer_with(PublishEdits { dtx: false, stereo: true, red: false, ..PublishEdits::default() });
    let microphone = section(&music, "7");
    assert_eq!(formats(&microphone), ["111", "0", "8"]);
    assert!(has(&microphone, "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=510000"));
    assert!(has(&microphone, "a=rtcp-fb:111 nack"));
}

#[test]
fn codecs_are_substituted_reordered_and_taken_away() {
    let first = |edits: PublishEdits| {
        let mut negotiation = answerer();
        negotiation.accept_offer(CHROMIUM_PUBLISH).unwrap();
        negotiation.answer(&move |_| edits.clone()).unwrap();
        negotiation
            .receivers()
            .into_iter()
            .find(|receiver| receiver.mid.as_str() == "8")
            .map(|receiver| receiver.codecs)
    };
    let vp9 = first(PublishEdits { codecs: CodecRule::Prefer(Codec::Vp9), ..PublishEdits::default() }).unwrap();
    assert_eq!(vp9[0].codec, Codec::Vp9);
    assert!(vp9.len() > 4);
    let only = first(PublishEdits { codecs: CodecRule::Only(Codec::H264), ..PublishEdits::default() }).unwrap();
    assert!(only.iter().all(|params| params.codec == Codec::H264));
    let ignored = first(PublishEdits { codecs: CodecRule::Only(Codec::H265), ..PublishEdits::default() }).unwrap();
    assert_eq!(ignored[0].codec, Codec::Vp8);
    let disabled = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
    let none = first(PublishEdits { disabled: disabled.into_iter().collect(), ..PublishEdits::default() });
    assert!(none.is_none());
}

#[test]
fn a_section_without_common_codecs_is_rejected_alone() {
    let enabled = EnabledCodecs::both_ways(&[Codec::Opus]);
    let mut negotiation = Negotiation::new(NegotiationRole::Answerer, LocalParams { enabled, ..params() });
    let answer = exchange(&mut negotiation, CHROMIUM_PUBLISH);
    assert!(section(&answer.sdp, "8")[0].starts_with("m=video 0 "));
    assert!(section(&answer.sdp, "7")[0].starts_with("m=audio 9 "));
    assert_eq!(group(&answer.sdp), ["0", "1", "2", "6", "7"]);
}

#[test]
fn publish_and_subscribe_lists_are_kept_apart() {
    let mut enabled = EnabledCodecs::default();
    enabled.publish.retain(|entry| entry.codec != Codec::H264);
    let mut negotiation = Negotiation::new(NegotiationRole::Answerer, LocalParams { enabled, ..params() });
    negotiation.add_sender(sender(1, Codec::H264));
    exchange(&mut negotiation, CHROMIUM_PUBLISH);
    assert_eq!(negotiation.senders()[0].codecs[0].codec, Codec::H264);
    let camera = &negotiation.receivers()[1];
    assert!(camera.codecs.iter().all(|params| params.codec != Codec::H264));
}

#[test]
fn firefox_hears_on_the_payload_type_that_it_offered() {
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Red));
    negotiation.add_sender(sender(2, Codec::H264));
    negotiation.add_sender(sender(3, Codec::Vp8));
    negotiation.accept_offer(FIREFOX_PUBLISH).unwrap();
    let answer = negotiation.answer(&no_edits).unwrap();
    check_answer(FIREFOX_PUBLISH, &answer.sdp);
    assert_eq!(answer.unsupported, [ForwarderId(2)], "this Firefox has no H.264");
    assert_eq!(negotiation.needs(), SectionsNeeded::default());
    assert_eq!(formats(&section(&answer.sdp, "0")), ["109"]);
    assert_eq!(formats(&section(&answer.sdp, "3")), ["120", "124"]);
    let receivers = negotiation.receivers();
    assert_eq!(&*receivers[0].track_id, "{00000000-0000-4000-8000-000000000002}");
    let camera = &receivers[1];
    assert_eq!(camera.rids.len(), 3);
    assert_eq!(camera.ssrcs.len(), 3);
    assert!(camera.ssrcs.iter().all(|pair| pair.rtx.is_some()));
    assert!(camera.extensions.id(ExtensionKind::Rid).is_some());
    let lines = section(&answer.sdp, "8");
    assert!(lines[0].starts_with("m=video 9 "), "bundle-only sections live");
    assert!(
        values(&lines, "extmap").iter().any(|map| map.starts_with("9/recvonly ") || map.contains("/recvonly urn:"))
    );
    assert!(values(&lines, "fmtp").iter().all(|fmtp| !fmtp.contains("max-fs")));
}

#[test]
fn pythons_oddities_do_no_harm() {
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Opus));
    let answer = exchange(&mut negotiation, PYTHON_PUBLISH);
    let receivers = negotiation.receivers();
    let camera = receivers.iter().find(|receiver| receiver.kind == MediaKind::Video).unwrap();
    assert_eq!(camera.rids.iter().map(|rid| rid.as_str()).collect::<Vec<_>>(), ["f", "h", "q"]);
    assert_eq!(&*camera.stream_id, "-");
    assert!(!answer.sdp.contains("goog-") && !answer.sdp.contains("sctp-init"));
}

#[test]
fn a_changed_ufrag_is_an_ice_restart_and_gets_new_credentials() {
    let mut negotiation = answerer();
    exchange(&mut negotiation, CHROMIUM_JOIN);
    assert!(!negotiation.accept_offer(CHROMIUM_JOIN).unwrap().ice_restart);
    let offer = CHROMIUM_JOIN.replace("a=ice-ufrag:uf00", "a=ice-ufrag:uf99");
    assert!(negotiation.accept_offer(&offer).unwrap().ice_restart);
    negotiation.restart_ice(ice("1"));
    assert!(negotiation.needs().any_change);
    let answer = negotiation.answer(&no_edits).unwrap();
    assert!(answer.sdp.contains("a=ice-ufrag:ours1\r\n") && !answer.sdp.contains("a=ice-ufrag:ours0"));
    assert!(!negotiation.needs().any_change);
    assert!(!negotiation.accept_offer(&offer).unwrap().ice_restart);
}

#[test]
fn ssrc_simulcast_keeps_the_order_of_its_group() {
    let camera = CHROMIUM_PUBLISH.find("a=rid:q send").unwrap();
    let end = CHROMIUM_PUBLISH[camera..].find("m=video").unwrap() + camera;
    let lines = "a=ssrc-group:SIM 30 10 20\n\
                 a=ssrc-group:FID 10 11\na=ssrc-group:FID 20 21\na=ssrc-group:FID 30 31\n\
                 a=ssrc:10 cname:x\na=ssrc:11 cname:x\na=ssrc:20 cname:x\na=ssrc:21 cname:x\n\
                 a=ssrc:30 cname:x\na=ssrc:31 cname:x\n";
    let offer = format!("{}{lines}{}", &CHROMIUM_PUBLISH[..camera], &CHROMIUM_PUBLISH[end..]);
    let mut negotiation = answerer();
    exchange(&mut negotiation, &offer);
    let camera = &negotiation.receivers()[1];
    assert!(camera.rids.is_empty());
    let pairs: Vec<_> = camera.ssrcs.iter().map(|pair| (pair.primary.0, pair.rtx.unwrap().0)).collect();
    assert_eq!(pairs, [(30, 31), (10, 11), (20, 21)]);
}

#[test]
fn a_stopped_section_is_recycled_with_a_new_mid() {
    let mut negotiation = answerer();
    exchange(&mut negotiation, CHROMIUM_PUBLISH);
    let stopped = CHROMIUM_PUBLISH.replacen("m=video 9", "m=video 0", 1).replace("BUNDLE 0 1 2 3 4", "BUNDLE 0 1 2 4");
    let answer = exchange(&mut negotiation, &stopped);
    assert!(section(&answer.sdp, "3")[0].starts_with("m=video 0 "));
    let recycled = CHROMIUM_PUBLISH
        .replacen("a=mid:3", "a=mid:12", 1)
        .replace("BUNDLE 0 1 2 3 4 5 6 7 8 9", "BUNDLE 0 1 2 12 4 5 6 7 8 9");
    negotiation.add_sender(sender(1, Codec::Vp8));
    let answer = exchange(&mut negotiation, &recycled);
    assert_eq!(answer.mid_to_track_id["12"], "TR_1");
    assert_eq!(negotiation.receivers().len(), 3);
}

#[test]
fn a_section_may_carry_media_both_ways() {
    let offer = CHROMIUM_V0_PUBLISH.replacen("a=sendonly", "a=sendrecv", 1);
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Opus));
    let answer = exchange(&mut negotiation, &offer);
    let audio = section(&answer.sdp, "1");
    assert!(has(&audio, "a=sendrecv") && has(&audio, "a=msid:PA_one|TR_1 TR_1"));
    assert_eq!(negotiation.senders()[0].codecs[0].payload_type.0, 111);
    assert_eq!(negotiation.receivers().len(), 3);
}

#[test]
fn a_track_that_changes_its_codec_keeps_its_section() {
    let mut negotiation = answerer();
    negotiation.add_sender(sender(1, Codec::Vp9));
    exchange(&mut negotiation, CHROMIUM_JOIN);
    let mut spec = sender(1, Codec::Vp9);
    spec.codecs.push(Codec::Vp8.into());
    negotiation.add_sender(spec.clone());
    assert!(negotiation.needs().any_change);
    exchange(&mut negotiation, CHROMIUM_JOIN);
    negotiation.add_sender(spec);
    assert!(!negotiation.needs().any_change);
    let sender = &negotiation.senders()[0];
    assert_eq!(sender.mid.as_str(), "3");
    assert_eq!(sender.codecs.iter().map(|params| params.codec).collect::<Vec<_>>(), [Codec::Vp9, Codec::Vp8]);
}

#[test]
fn h264_goes_out_on_the_matching_profile_and_mode() {
    let mut negotiation = answerer();
    let mut spec = sender(1, Codec::H264);
    let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    spec.codecs = vec![TrackCodec { codec: Codec::H264, fmtp: fmtp.into() }];
    negotiation.add_sender(spec);
    exchange(&mut negotiation, CHROMIUM_JOIN);
    let codecs = &negotiation.senders()[0].codecs;
    assert_eq!(&*codecs[0].fmtp, fmtp);
    assert!(codecs.iter().all(|params| params.fmtp_value("packetization-mode") == Some("1")));
    assert!(codecs.iter().all(|params| !params.fmtp.contains("profile-level-id=64") && !params.fmtp.contains("id=f4")));
}

#[test]
fn a_passive_peer_makes_us_open_the_handshake() {
    let offer = CHROMIUM_JOIN.replace("a=setup:actpass", "a=setup:passive");
    let mut negotiation = answerer();
    assert_eq!(negotiation.accept_offer(&offer).unwrap().transport.role, DtlsRole::Active);
    assert!(negotiation.answer(&no_edits).unwrap().sdp.contains("a=setup:active"));
    // A later offer that leaves the choice does not turn the roles of a living association.
    assert_eq!(negotiation.accept_offer(CHROMIUM_JOIN).unwrap().transport.role, DtlsRole::Active);
    assert!(negotiation.answer(&no_edits).unwrap().sdp.contains("a=setup:active"));
}

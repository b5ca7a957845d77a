//! Sound in two codecs: its publisher is told which of them somebody needs.

use super::*;

/// Audio sections of one codec each, and their answer.
async fn offers(client: &mut Client, id: u32, sections: &[(&str, &str, &str)]) {
    let plain: Vec<(&str, &str, &str)> = sections.iter().map(|(_, way, track)| ("audio", *way, *track)).collect();
    let mut sdp = offer(&plain);
    for (codec, _, _) in sections {
        let old = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
        let (number, map) = if *codec == "PCMU" { (0, "PCMU/8000") } else { (111, "opus/48000/2") };
        sdp = sdp.replacen(old, &format!("a=rtpmap:{number} {map}\r\n"), 1);
        sdp = sdp.replacen("SAVPF 111 63", &format!("SAVPF {number}"), 1);
    }
    let offer = SessionDescription { r#type: "offer".into(), sdp, id, ..Default::default() };
    client.send(signal_request::Message::Offer(offer)).await;
    client.answer().await;
}

/// Announces Opus and PCMU, and sends both.
async fn publisher(server: &Server) -> Client {
    let (mut ana, _) = server.active("ana").await;
    let codec =
        |codec: &str, cid: &str| proto::SimulcastCodec { codec: codec.into(), cid: cid.into(), ..Default::default() };
    let request = AddTrackRequest {
        cid: "mic".into(),
        r#type: TrackType::Audio as i32,
        source: TrackSource::Microphone as i32,
        simulcast_codecs: vec![codec("opus", "mic"), codec("PCMU", "mic-pcmu")],
        ..Default::default()
    };
    ana.send(signal_request::Message::AddTrack(request)).await;
    offers(&mut ana, 1, &[("opus", "sendonly", "mic"), ("PCMU", "sendonly", "mic-pcmu")]).await;
    ana.update_of("ana", |info| !info.tracks.is_empty()).await;
    ana
}

async fn subscriber(server: &Server, identity: &str, codec: &str) -> Client {
    let (mut client, _) = server.active(identity).await;
    offers(&mut client, 1, &[(codec, "recvonly", "")]).await;
    client
}

/// The next word on codecs of sound.
async fn told(client: &mut Client) -> Vec<(String, bool)> {
    let update = client
        .until(|message| match message {
            signal_response::Message::SubscribedAudioCodecUpdate(update) => Some(update),
            _ => None,
        })
        .await;
    assert!(update.track_sid.starts_with("TR_AM"));
    update.subscribed_audio_codecs.into_iter().map(|it| (it.codec, it.enabled)).collect()
}

fn wanted(opus: bool, pcmu: bool) -> Vec<(String, bool)> {
    vec![("opus".into(), opus), ("pcmu".into(), pcmu)]
}

#[tokio::test]
async fn each_codec_of_a_voice_is_wanted_as_long_as_somebody_needs_it() {
    let server = Server::new();
    let mut ana = publisher(&server).await;
    let _ben = subscriber(&server, "ben", "opus").await;
    assert_eq!(told(&mut ana).await, wanted(true, false));
    let cleo = subscriber(&server, "cleo", "PCMU").await;
    assert_eq!(told(&mut ana).await, wanted(true, true));
    cleo.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    assert_eq!(told(&mut ana).await, wanted(true, false), "what is less is told at once as well");
}

#[tokio::test]
async fn of_a_voice_in_one_codec_nothing_is_said() {
    let server = Server::new();
    let (mut ana, _) = server.active("ana").await;
    ana.publish_mic("mic").await;
    ana.offer(1, &[("audio", "sendonly", "mic")]).await;
    ana.answer().await;
    let _ben = subscriber(&server, "ben", "opus").await;
    server.clock.advance(crate::rooms::dynacast::FIRST_AFTER);
    a_tick().await;
    ana.send(signal_request::Message::Ping(1)).await;
    let said = ana.until(|message| match message {
        signal_response::Message::SubscribedAudioCodecUpdate(_) => Some(true),
        signal_response::Message::Pong(_) => Some(false),
        _ => None,
    });
    assert!(!said.await);
}

//! A picture in two codecs: the second is asked for when a subscriber needs it.

use visavis_signaling::proto::BackupCodecPolicy;

use super::dynacast::{says, told};
use super::*;

/// Announces VP9 with VP8 behind it, and sends VP9.
async fn publisher(server: &Server, policy: BackupCodecPolicy) -> (Client, String) {
    let (mut ana, _) = server.active("ana").await;
    let codec =
        |codec: &str, cid: &str| proto::SimulcastCodec { codec: codec.into(), cid: cid.into(), ..Default::default() };
    let request = AddTrackRequest {
        simulcast_codecs: vec![codec("vp9", "cam"), codec("vp8", "")],
        backup_codec_policy: policy as i32,
        ..camera("cam")
    };
    ana.send(signal_request::Message::AddTrack(request)).await;
    offers(&mut ana, 1, &[(&["VP9"], "sendonly", "cam"), (&["VP8"], "inactive", "")]).await;
    let info = ana.update_of("ana", |info| !info.tracks.is_empty()).await.tracks[0].clone();
    assert_eq!(info.mime_type, "video/VP9");
    (ana, info.sid)
}

/// Layers are of no interest here.
fn camera(cid: &str) -> AddTrackRequest {
    AddTrackRequest { layers: Vec::new(), ..super::dynacast::camera(cid) }
}

/// The publisher does as asked and sends VP8 beside.
async fn sends_backup(ana: &mut Client, sid: &str) {
    let codec = proto::SimulcastCodec { codec: "vp8".into(), cid: "cam-vp8".into(), ..Default::default() };
    let request = AddTrackRequest { sid: sid.into(), simulcast_codecs: vec![codec], ..camera("cam-vp8") };
    ana.send(signal_request::Message::AddTrack(request)).await;
    offers(ana, 2, &[(&["VP9"], "sendonly", "cam"), (&["VP8"], "sendonly", "cam-vp8")]).await;
}

/// Somebody who decodes these codecs.
async fn subscriber(server: &Server, identity: &str, codecs: &'static [&'static str]) -> Client {
    let (mut client, _) = server.active(identity).await;
    offers(&mut client, 1, &[(codecs, "recvonly", "")]).await;
    client
}

/// An offer of video sections in certain codecs, and its answer.
async fn offers(client: &mut Client, id: u32, sections: &[(&[&str], &str, &str)]) {
    let plain: Vec<(&str, &str, &str)> = sections.iter().map(|(_, way, track)| ("video", *way, *track)).collect();
    let mut parts = offer(&plain);
    for (codecs, _, _) in sections {
        let formats: Vec<String> = (0..codecs.len()).map(|at| (100 + at).to_string()).collect();
        let maps: String =
            codecs.iter().zip(&formats).map(|(codec, format)| format!("a=rtpmap:{format} {codec}/90000\r\n")).collect();
        let old = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
        parts = parts.replacen(old, &maps, 1).replacen("SAVPF 96 97", &format!("SAVPF {}", formats.join(" ")), 1);
    }
    let offer = SessionDescription { r#type: "offer".into(), sdp: parts, id, ..Default::default() };
    client.send(signal_request::Message::Offer(offer)).await;
    client.answer().await;
}

fn added_tracks(server: &Server) -> Vec<crate::ids::MediaTrackId> {
    let commands = server.media.commands.lock().unwrap();
    let added = commands.iter().filter_map(|command| match command {
        Command::AddTrack { track, .. } => Some(*track),
        _ => None,
    });
    added.collect()
}

/// Which of the tracks feed forwarders, in the order in which they were made to.
fn feeds(server: &Server) -> Vec<crate::ids::MediaTrackId> {
    let commands = server.media.commands.lock().unwrap();
    let feeds = commands.iter().filter_map(|command| match command {
        Command::AddForwarder { track, .. } | Command::MoveForwarder { track, .. } => Some(*track),
        _ => None,
    });
    feeds.collect()
}

fn codecs(vp9: usize, vp8: usize) -> Vec<(String, usize)> {
    vec![("vp9".into(), vp9), ("vp8".into(), vp8)]
}

#[tokio::test]
async fn the_backup_codec_is_asked_for_when_a_subscriber_cannot_do_with_the_first() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, BackupCodecPolicy::Simulcast).await;
    let _ben = subscriber(&server, "ben", &["VP9", "VP8"]).await;
    assert_eq!(told(&mut ana).await, [("vp9".to_owned(), 3)], "nobody needs the other");
    let _cleo = subscriber(&server, "cleo", &["VP8"]).await;
    assert_eq!(told(&mut ana).await, codecs(3, 3));
    assert_eq!(feeds(&server).len(), 1);
    sends_backup(&mut ana, &sid).await;
    until("both codecs are forwarded, each to one", || feeds(&server) == added_tracks(&server)).await;
    server.deliver(Event::TrackStarted { track: added_tracks(&server)[1] });
    a_tick().await;
    assert_eq!(feeds(&server), added_tracks(&server), "the publisher wants both codecs kept");
}

#[tokio::test]
async fn in_a_small_room_everybody_falls_back_once_the_backup_flows() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, BackupCodecPolicy::PreferRegression).await;
    let _ben = subscriber(&server, "ben", &["VP9", "VP8"]).await;
    let _cleo = subscriber(&server, "cleo", &["VP8"]).await;
    assert_eq!(told(&mut ana).await, [("vp9".to_owned(), 3)]);
    assert_eq!(told(&mut ana).await, codecs(3, 3));
    sends_backup(&mut ana, &sid).await;
    until("both codecs are forwarded", || feeds(&server) == added_tracks(&server)).await;
    let [vp9, vp8] = added_tracks(&server)[..] else { panic!("two codecs") };
    server.deliver(Event::TrackStarted { track: vp8 });
    until("ben gets the backup too", || feeds(&server) == [vp9, vp8, vp8]).await;
    server.clock.advance(crate::rooms::dynacast::LOWER_AFTER);
    a_tick().await;
    server.clock.advance(crate::rooms::dynacast::LOWER_AFTER);
    assert_eq!(told(&mut ana).await, codecs(0, 3));
    let _dan = subscriber(&server, "dan", &["VP9", "VP8"]).await;
    until("later comers get it as well", || feeds(&server) == [vp9, vp8, vp8, vp8]).await;
}

#[tokio::test]
async fn whoever_cannot_decode_the_backup_keeps_the_first() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, BackupCodecPolicy::Regression).await;
    let _ben = subscriber(&server, "ben", &["VP9"]).await;
    let mut cleo = subscriber(&server, "cleo", &["VP8"]).await;
    sends_backup(&mut ana, &sid).await;
    until("both codecs are forwarded", || feeds(&server) == added_tracks(&server)).await;
    server.deliver(Event::TrackStarted { track: added_tracks(&server)[1] });
    a_tick().await;
    says(&mut cleo, signal_request::Message::Ping(7)).await;
    assert_eq!(feeds(&server), added_tracks(&server));
}

#[tokio::test]
async fn in_a_large_room_both_codecs_stay() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, BackupCodecPolicy::PreferRegression).await;
    let mut others = Vec::new();
    for name in ["ben", "dan", "eve"] {
        others.push(subscriber(&server, name, &["VP9", "VP8"]).await);
    }
    let mut cleo = subscriber(&server, "cleo", &["VP8"]).await;
    sends_backup(&mut ana, &sid).await;
    until("all are fed", || feeds(&server).len() == 4).await;
    server.deliver(Event::TrackStarted { track: added_tracks(&server)[1] });
    says(&mut cleo, signal_request::Message::Ping(7)).await;
    a_tick().await;
    assert_eq!(feeds(&server).len(), 4);
}

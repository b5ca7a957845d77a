//! What publishers are told of what is wanted of their pictures.

use super::*;
use crate::rooms::dynacast::{FIRST_AFTER, LOWER_AFTER};
use crate::units::MediaKind;

/// Somebody with a camera of three layers.
async fn publisher(server: &Server, identity: &str) -> (Client, String) {
    let (mut client, _) = server.active(identity).await;
    client.send(signal_request::Message::AddTrack(camera("cam"))).await;
    client.offer(1, &[("video", "sendonly", "cam")]).await;
    client.answer().await;
    let sid = client.update_of(identity, |info| !info.tracks.is_empty()).await.tracks[0].sid.clone();
    (client, sid)
}

/// A picture of three layers.
pub fn camera(cid: &str) -> AddTrackRequest {
    let layer =
        |quality: i32, height: u32| proto::VideoLayer { quality, width: height * 16 / 9, height, ..Default::default() };
    AddTrackRequest {
        cid: cid.into(),
        r#type: TrackType::Video as i32,
        source: TrackSource::Camera as i32,
        width: 1280,
        height: 720,
        layers: vec![layer(0, 180), layer(1, 360), layer(2, 720)],
        ..Default::default()
    }
}

/// Somebody who gets what others publish.
async fn subscriber(server: &Server, identity: &str) -> Client {
    let (mut client, _) = server.active(identity).await;
    client.offer(1, &RECVONLY).await;
    client.answer().await;
    client
}

async fn asks_for(client: &mut Client, sid: &str, settings: UpdateTrackSettings) {
    let settings = UpdateTrackSettings { track_sids: vec![sid.into()], ..settings };
    says(client, signal_request::Message::TrackSetting(settings)).await;
}

/// Says something and waits until it has been dealt with.
pub async fn says(client: &mut Client, message: signal_request::Message) {
    client.send(message).await;
    client.send(signal_request::Message::Ping(1)).await;
    client.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
}

fn of_quality(quality: proto::VideoQuality) -> UpdateTrackSettings {
    UpdateTrackSettings { quality: quality as i32, ..Default::default() }
}

fn of_height(height: u32) -> UpdateTrackSettings {
    UpdateTrackSettings { width: height * 16 / 9, height, ..Default::default() }
}

fn hidden() -> UpdateTrackSettings {
    UpdateTrackSettings { disabled: true, ..Default::default() }
}

/// The next update: each codec with the number of qualities that are wanted of it.
pub async fn told(client: &mut Client) -> Vec<(String, usize)> {
    let update = client
        .until(|message| match message {
            signal_response::Message::SubscribedQualityUpdate(update) => Some(update),
            _ => None,
        })
        .await;
    let enabled = |codec: &proto::SubscribedCodec| codec.qualities.iter().filter(|it| it.enabled).count();
    update.subscribed_codecs.iter().map(|codec| (codec.codec.clone(), enabled(codec))).collect()
}

fn vp8(qualities: usize) -> Vec<(String, usize)> {
    vec![("vp8".into(), qualities)]
}

/// Nothing more is said of what is wanted.
async fn is_told_nothing(client: &mut Client) {
    a_tick().await;
    client.send(signal_request::Message::Ping(1)).await;
    let seen = client
        .until(|message| match message {
            signal_response::Message::Pong(_) => Some(None),
            signal_response::Message::SubscribedQualityUpdate(update) => Some(Some(update)),
            _ => None,
        })
        .await;
    assert_eq!(seen, None);
}

#[tokio::test]
async fn more_is_wanted_at_once_and_less_after_five_seconds() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, "ana").await;
    let mut ben = subscriber(&server, "ben").await;
    assert_eq!(told(&mut ana).await, vp8(3), "high is what one gets who asks for nothing");
    asks_for(&mut ben, &sid, of_height(180)).await;
    is_told_nothing(&mut ana).await;
    server.clock.advance(LOWER_AFTER);
    assert_eq!(told(&mut ana).await, vp8(1));
    asks_for(&mut ben, &sid, of_quality(proto::VideoQuality::Medium)).await;
    assert_eq!(told(&mut ana).await, vp8(2));
    asks_for(&mut ben, &sid, hidden()).await;
    is_told_nothing(&mut ana).await;
    server.clock.advance(LOWER_AFTER);
    assert_eq!(told(&mut ana).await, vp8(0));
    asks_for(&mut ben, &sid, of_height(720)).await;
    assert_eq!(told(&mut ana).await, vp8(3));
}

#[tokio::test]
async fn the_best_of_all_subscribers_counts_and_whoever_leaves_does_not() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, "ana").await;
    let mut ben = subscriber(&server, "ben").await;
    assert_eq!(told(&mut ana).await, vp8(3));
    asks_for(&mut ben, &sid, of_height(180)).await;
    let cleo = subscriber(&server, "cleo").await;
    is_told_nothing(&mut ana).await;
    server.clock.advance(2 * LOWER_AFTER);
    is_told_nothing(&mut ana).await;
    cleo.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    ana.update_of("cleo", |info| info.state == State::Disconnected as i32).await;
    server.clock.advance(LOWER_AFTER);
    assert_eq!(told(&mut ana).await, vp8(1));
    let update = UpdateSubscription { track_sids: vec![sid], subscribe: false, ..Default::default() };
    says(&mut ben, signal_request::Message::Subscription(update)).await;
    is_told_nothing(&mut ana).await;
    server.clock.advance(LOWER_AFTER);
    assert_eq!(told(&mut ana).await, vp8(0));
}

#[tokio::test]
async fn whoever_is_alone_is_told_so_after_ten_seconds() {
    let server = Server::new();
    let (mut ana, _) = publisher(&server, "ana").await;
    is_told_nothing(&mut ana).await;
    server.clock.advance(FIRST_AFTER);
    assert_eq!(told(&mut ana).await, vp8(0));
    let _ben = subscriber(&server, "ben").await;
    assert_eq!(told(&mut ana).await, vp8(3));
}

#[tokio::test]
async fn a_muted_picture_is_wanted_again_when_it_is_unmuted() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, "ana").await;
    let mut ben = subscriber(&server, "ben").await;
    assert_eq!(told(&mut ana).await, vp8(3));
    let mute = |muted| signal_request::Message::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted });
    says(&mut ana, mute(true)).await;
    asks_for(&mut ben, &sid, hidden()).await;
    server.clock.advance(2 * LOWER_AFTER);
    is_told_nothing(&mut ana).await;
    ana.send(mute(false)).await;
    assert_eq!(told(&mut ana).await, vp8(0));
}

#[tokio::test]
async fn whoever_resumes_is_told_again() {
    let server = Server::new();
    let (mut ana, sid) = publisher(&server, "ana").await;
    let mut ben = subscriber(&server, "ben").await;
    assert_eq!(told(&mut ana).await, vp8(3));
    asks_for(&mut ben, &sid, of_height(180)).await;
    drop(ana);
    let mut again = server.resume("ana", "").await;
    assert_eq!(told(&mut again).await, vp8(1));
}

#[tokio::test]
async fn nothing_is_said_of_microphones() {
    let server = Server::new();
    let (mut ana, _) = server.active("ana").await;
    ana.publish_mic("mic").await;
    ana.offer(1, &[("audio", "sendonly", "mic")]).await;
    ana.answer().await;
    let _ben = subscriber(&server, "ben").await;
    until("it flows", || {
        let commands = server.media.commands.lock().unwrap();
        commands.iter().any(|it| matches!(it, Command::SetSenders { senders, .. } if senders.iter().any(|it| it.kind == MediaKind::Audio)))
    })
    .await;
    server.clock.advance(FIRST_AFTER);
    is_told_nothing(&mut ana).await;
}

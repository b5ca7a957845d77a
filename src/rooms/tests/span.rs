//! Large rooms on several shards: who lives where, and which shard is told what. The recorder has three shards.

use visavis_signaling::proto::{PublishDataTrackRequest, update_data_subscription};

use super::dynacast::says;
use super::*;
use crate::ids::ShardIndex;
use crate::rooms::Place;

/// A server whose rooms take another shard with every so many participants.
fn server(most: usize) -> Server {
    Server::with(|settings| settings.shard_participants = most)
}

/// To which shards commands of a kind have gone so far.
fn went(server: &Server, kind: impl Fn(&Command) -> bool) -> Vec<usize> {
    let commands = server.media.commands.lock().unwrap();
    let shards = server.media.shards.lock().unwrap();
    shards.iter().zip(commands.iter()).filter(|(_, command)| kind(command)).map(|(shard, _)| *shard).collect()
}

fn adds(command: &Command) -> bool {
    matches!(command, Command::AddForwarder { .. })
}

fn mirrors(command: &Command) -> bool {
    matches!(command, Command::MirrorTrack(_))
}

fn relays(command: &Command) -> bool {
    matches!(command, Command::RelayTrack { to, .. } if *to == ShardIndex(1))
}

/// Ana and Ben are on shard 0, Cleo and Dan on shard 1; all but Ana get what Ana says.
async fn call(server: &Server) -> (Vec<Client>, Vec<TransportId>, String) {
    let (mut clients, mut ids) = (Vec::new(), Vec::new());
    for identity in ["ana", "ben", "cleo", "dan"] {
        let (client, id) = server.active(identity).await;
        clients.push(client);
        ids.push(id);
    }
    let ana = &mut clients[0];
    ana.publish_mic("mic").await;
    ana.offer(1, &[("audio", "sendonly", "mic")]).await;
    ana.answer().await;
    let sid = ana.update_of("ana", |info| !info.tracks.is_empty()).await.tracks[0].sid.clone();
    for client in &mut clients[1..] {
        client.update_of("ana", |info| !info.tracks.is_empty()).await;
        client.offer(1, &RECVONLY).await;
        client.answer().await;
    }
    (clients, ids, sid)
}

#[tokio::test]
async fn a_room_takes_the_next_shard_with_every_so_many_participants() {
    let server = server(2);
    for identity in ["a", "b", "c", "d", "e", "f", "g"] {
        server.active(identity).await;
    }
    let shards = went(&server, |command| matches!(command, Command::AddTransport { .. }));
    assert_eq!(shards, [0, 0, 1, 1, 2, 2, 0], "there are three");
    for (id, shard) in server.transports().iter().zip(shards) {
        assert_eq!(usize::from(Place::of(id.0).0), shard);
    }
}

#[tokio::test]
async fn without_the_setting_a_room_stays_where_it_is() {
    let server = server(0);
    for identity in ["a", "b", "c"] {
        server.active(identity).await;
    }
    assert!(server.routed().iter().all(|(shard, _)| *shard == 0));
}

#[tokio::test]
async fn a_track_is_mirrored_where_somebody_gets_it_and_for_as_long() {
    let server = server(2);
    let (mut clients, ids, sid) = call(&server).await;
    until("all are fed", || went(&server, adds).len() == 3).await;
    assert_eq!(went(&server, adds), [0, 1, 1], "each where it lives");
    assert_eq!((went(&server, mirrors), went(&server, relays)), (vec![1], vec![0]));
    let routed = server.routed();
    let at = |kind: fn(&Command) -> bool| routed.iter().position(|(shard, it)| *shard == 1 && kind(it)).unwrap();
    assert!(at(mirrors) < at(adds), "what feeds comes first");
    let Command::MirrorTrack(mirrored) = &routed[at(mirrors)].1 else { panic!() };
    assert_eq!((mirrored.from, mirrored.publisher), (ShardIndex(0), ids[0]));
    assert_eq!(mirrored.receivers.iter().filter(|section| section.mid == mirrored.mid).count(), 1);
    let track = mirrored.track;

    let mute = proto::MuteTrackRequest { sid: sid.clone(), muted: true };
    says(&mut clients[0], signal_request::Message::Mute(mute)).await;
    assert_eq!(went(&server, |it| matches!(it, Command::SetTrackMuted { muted: true, .. })), [0, 1]);
    clients[0].offer(2, &[("audio", "sendonly", "mic")]).await;
    clients[0].answer().await;
    let id = ids[0];
    assert_eq!(went(&server, |it| matches!(it, Command::SetReceivers { id: of, .. } if *of == id)), [1, 0]);

    // One subscriber goes by its own wish, the other by leaving.
    let ends = |it: &Command| matches!(it, Command::RemoveTrack(of) if *of == track);
    let stops = |it: &Command| matches!(it, Command::StopRelay { track: of, to: ShardIndex(1) } if *of == track);
    let update = UpdateSubscription { track_sids: vec![sid], subscribe: false, ..Default::default() };
    says(&mut clients[2], signal_request::Message::Subscription(update)).await;
    assert_eq!((went(&server, ends), went(&server, stops)), (vec![], vec![]), "Dan still gets it");
    clients[3].send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    until("nobody there gets it", || went(&server, stops) == [0]).await;
    assert_eq!(went(&server, ends), [1]);
}

#[tokio::test]
async fn what_ends_ends_on_every_shard() {
    let server = server(2);
    let (clients, _, _) = call(&server).await;
    until("all are fed", || went(&server, adds).len() == 3).await;
    clients[0].send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    until("the track has ended", || went(&server, |it| matches!(it, Command::RemoveTrack(_))).len() == 2).await;
    assert_eq!(went(&server, |it| matches!(it, Command::RemoveTrack(_))), [0, 1]);
    for client in &clients[1..] {
        client.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    }
    until("all have left", || went(&server, |it| matches!(it, Command::RemoveTransport(_))).len() == 4).await;
    let mut shards = went(&server, |it| matches!(it, Command::RemoveTransport(_)));
    shards.sort_unstable();
    assert_eq!(shards, [0, 0, 1, 1]);
    assert_eq!(went(&server, |it| matches!(it, Command::StopRelay { .. })), [0; 0], "it ended by itself");
    server.clock.advance(Duration::from_secs(21));
    until("the room has closed", || went(&server, |it| matches!(it, Command::RemoveRoom(_))) == [0, 1]).await;
}

#[tokio::test]
async fn messages_and_data_tracks_reach_everybody() {
    let server = server(2);
    let (mut clients, ids, _) = call(&server).await;
    server.commands();
    let user = proto::UserPacket { payload: b"hello".to_vec(), ..Default::default() };
    let packet = proto::DataPacket { value: Some(proto::data_packet::Value::User(user)), ..Default::default() };
    server.data(ids[2], &packet);
    until("it is sent on", || went(&server, |it| matches!(it, Command::SendData { .. })).len() == 2).await;
    for id in [ids[0], ids[1], ids[3]] {
        assert_eq!(server.sent_to(id).len(), 1);
    }
    assert_eq!(went(&server, |it| matches!(it, Command::SendData { .. })), [0, 1]);
    let request = PublishDataTrackRequest { pub_handle: 7, name: "pose".into(), ..Default::default() };
    says(&mut clients[2], signal_request::Message::PublishDataTrackRequest(request)).await;
    assert_eq!(went(&server, |it| matches!(it, Command::AddDataTrack { .. })), [1]);
    let info = clients[0].update_of("cleo", |info| !info.data_tracks.is_empty()).await;
    let update = update_data_subscription::Update {
        track_sid: info.data_tracks[0].sid.clone(),
        subscribe: true,
        ..Default::default()
    };
    let update = proto::UpdateDataSubscription { updates: vec![update] };
    for subscriber in [0, 1, 3] {
        says(&mut clients[subscriber], signal_request::Message::UpdateDataSubscription(update.clone())).await;
    }
    assert_eq!(went(&server, |it| matches!(it, Command::SubscribeDataTrack { .. })), [0, 0, 1]);
    assert_eq!(went(&server, |it| matches!(it, Command::MirrorDataTrack(_))), [0]);
    assert_eq!(went(&server, |it| matches!(it, Command::RelayDataTrack { to: ShardIndex(0), .. })), [1]);
    let request = proto::UnpublishDataTrackRequest { pub_handle: 7 };
    says(&mut clients[2], signal_request::Message::UnpublishDataTrackRequest(request)).await;
    assert_eq!(went(&server, |it| matches!(it, Command::RemoveDataTrack(_))), [0, 1]);
}

#[tokio::test]
async fn who_speaks_on_one_shard_goes_on_speaking_when_another_has_news() {
    let server = server(2);
    let (mut clients, ids, _) = call(&server).await;
    let rooms: Vec<_> = {
        let commands = server.media.commands.lock().unwrap();
        let room = |command: &Command| match command {
            Command::AddTransport { room, .. } => Some(*room),
            _ => None,
        };
        commands.iter().filter_map(room).collect()
    };
    assert_ne!(rooms[0], rooms[2]);
    let speakers = |message| match message {
        signal_response::Message::SpeakersChanged(changed) => {
            Some(changed.speakers.iter().map(|it| it.active).collect::<Vec<_>>())
        }
        _ => None,
    };
    server.deliver(Event::Speakers { room: rooms[0], speakers: vec![(ids[0], 0.5)] });
    assert_eq!(clients[2].until(speakers).await, [true]);
    server.deliver(Event::Speakers { room: rooms[2], speakers: vec![(ids[3], 0.5)] });
    assert_eq!(clients[3].until(speakers).await, [true], "Ana");
    assert_eq!(clients[3].until(speakers).await, [true], "Dan himself; Ana has not stopped");
    server.deliver(Event::Speakers { room: rooms[0], speakers: Vec::new() });
    assert_eq!(clients[3].until(speakers).await, [false], "Ana has");
}

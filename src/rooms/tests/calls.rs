//! Calls as clients see them: joining, publishing, subscribing, resuming, leaving.

use super::*;

#[tokio::test]
async fn a_second_participant_learns_of_the_first_and_the_first_of_the_second() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let join = ana.joined().await;
    assert_eq!(join.participant.unwrap().identity, "ana");
    assert!(!join.subscriber_primary && join.other_participants.is_empty());
    let mut ben = server.join("ben").await;
    let others = ben.joined().await.other_participants;
    assert_eq!(others.iter().map(|it| it.identity.as_str()).collect::<Vec<_>>(), ["ana"]);
    let info = ana.update_of("ben", |_| true).await;
    assert_eq!(info.state, State::Joined as i32);
}

#[tokio::test]
async fn a_published_microphone_flows_to_the_other_single_connection() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ben.offer(1, &RECVONLY).await;
    let first = ben.answer().await;
    assert_eq!((first.id, first.mid_to_track_id.len()), (1, 0));

    ana.joined().await;
    ana.publish_mic("mic").await;
    let published = ana
        .until(|message| match message {
            signal_response::Message::TrackPublished(published) => Some(published),
            _ => None,
        })
        .await;
    let sid = published.track.unwrap().sid;
    assert!(sid.starts_with("TR_AM"), "{sid}");
    ana.offer(7, &[("audio", "sendonly", "mic")]).await;
    assert_eq!(ana.answer().await.id, 7);

    let info = ben.update_of("ana", |info| !info.tracks.is_empty()).await;
    assert_eq!((info.tracks[0].sid.as_str(), info.tracks[0].mime_type.as_str()), (sid.as_str(), "audio/red"));
    let wanted = ben.requirement().await;
    assert_eq!((wanted.num_audios, wanted.num_videos), (0, 0), "a free section is there, only an offer is wanted");
    ben.offer(2, &RECVONLY).await;
    let answer = ben.answer().await;
    assert_eq!(answer.mid_to_track_id.get("0"), Some(&sid));
    assert!(answer.sdp.contains(&format!("|{sid} {sid}")), "{}", answer.sdp);

    let commands = server.commands();
    assert!(commands.iter().any(|it| matches!(it, Command::AddTrack { .. })));
    assert!(commands.iter().any(|it| matches!(it, Command::AddForwarder { target, .. } if !target.disabled)));
    assert!(commands.iter().any(|it| matches!(it, Command::SetSenders { senders, .. } if senders.len() == 1)));
}

#[tokio::test]
async fn a_dual_connection_is_offered_its_tracks_and_data_channels() {
    let server = Server::new();
    let mut ana = server.join_as(&Claims::join("ana", "room"), Mode::Dual).await;
    assert!(ana.joined().await.subscriber_primary);
    let first = ana
        .until(|message| match message {
            signal_response::Message::Offer(offer) => Some(offer),
            _ => None,
        })
        .await;
    assert!(first.sdp.contains("m=application") && !first.sdp.contains("m=audio"));
    let opened = server.commands().into_iter().filter(|it| matches!(it, Command::OpenDataChannel { .. })).count();
    assert_eq!(opened, 3);
}

#[tokio::test]
async fn the_same_identity_replaces_the_older_session() {
    let server = Server::new();
    let mut first = server.join("ana").await;
    let old = first.joined().await.participant.unwrap().sid;
    let mut second = server.join("ana").await;
    let join = second.joined().await;
    assert_ne!(join.participant.unwrap().sid, old);
    assert!(join.other_participants.is_empty());
    let leave = first
        .until(|message| match message {
            signal_response::Message::Leave(leave) => Some(leave),
            _ => None,
        })
        .await;
    assert_eq!(leave.reason, proto::DisconnectReason::DuplicateIdentity as i32);
    assert!(first.next().await.is_none());
}

#[tokio::test]
async fn a_cut_websocket_resumes_and_an_unknown_session_is_told_to_start_over() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let sid = ana.joined().await.participant.unwrap().sid;
    server.connected(server.transports()[0]);
    ana.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    let mut again = server.resume("ana", &sid).await;
    let first = again.next().await.unwrap().message;
    assert!(matches!(first, Some(signal_response::Message::Reconnect(_))), "{first:?}");
    assert!(!server.commands().iter().any(|it| matches!(it, Command::RemoveTransport(_))), "media goes on");

    let mut stranger = server.resume("ana", "PA_other").await;
    match stranger.next().await.unwrap().message {
        Some(signal_response::Message::Leave(leave)) => {
            assert_eq!(leave.action, proto::leave_request::Action::Reconnect as i32);
        }
        other => panic!("{other:?}"),
    }
    assert!(stranger.next().await.is_none());
}

#[tokio::test]
async fn track_settings_reach_the_forwarder() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ana.joined().await;
    let request = AddTrackRequest {
        cid: "cam".into(),
        r#type: TrackType::Video as i32,
        source: TrackSource::Camera as i32,
        width: 1280,
        height: 720,
        ..Default::default()
    };
    ana.send(signal_request::Message::AddTrack(request)).await;
    ana.offer(1, &[("video", "sendonly", "cam")]).await;
    ana.answer().await;
    let sid = ben.update_of("ana", |info| !info.tracks.is_empty()).await.tracks[0].sid.clone();
    ben.requirement().await;
    ben.offer(1, &RECVONLY).await;
    ben.answer().await;
    for (width, expected) in [(320, Quality::Low), (1280, Quality::High)] {
        let settings = UpdateTrackSettings {
            track_sids: vec![sid.clone()],
            width,
            height: width * 9 / 16,
            fps: 15,
            ..Default::default()
        };
        ben.send(signal_request::Message::TrackSetting(settings)).await;
        // High is what it has from the start: only changes travel.
        if expected == Quality::Low {
            ben.send(signal_request::Message::Ping(1)).await;
            ben.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
            let targets: Vec<_> = server
                .commands()
                .into_iter()
                .filter_map(|it| match it {
                    Command::SetTarget { target, .. } => Some((target.quality, target.pictures)),
                    _ => None,
                })
                .collect();
            assert_eq!(targets, [(Quality::Low, 15)]);
        }
    }
    let update = UpdateSubscription { track_sids: vec![sid], subscribe: false, ..Default::default() };
    ben.send(signal_request::Message::Subscription(update)).await;
    ben.requirement().await;
    assert!(server.commands().iter().any(|it| matches!(it, Command::RemoveForwarder(_))));
}

#[tokio::test]
async fn who_knows_of_pauses_is_told_of_them_and_screens_come_before_cameras() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    let publisher = ana.joined().await.participant.unwrap().sid;
    let mut request = server.request(&Claims::join("ben", "room"), QUERY);
    request.request.mode = visavis_signaling::connect::Mode::SinglePc;
    request.request.subscriber_allow_pause = Some(true);
    let mut ben = Client { link: server.rooms.connect(request).await.unwrap() };
    ben.joined().await;
    let request = AddTrackRequest {
        cid: "screen".into(),
        r#type: TrackType::Video as i32,
        source: TrackSource::ScreenShare as i32,
        ..Default::default()
    };
    ana.send(signal_request::Message::AddTrack(request)).await;
    ana.offer(1, &[("video", "sendonly", "screen")]).await;
    ana.answer().await;
    let sid = ben.update_of("ana", |info| !info.tracks.is_empty()).await.tracks[0].sid.clone();
    ben.requirement().await;
    ben.offer(1, &RECVONLY).await;
    ben.answer().await;

    let transports = server.transports();
    let commands = server.commands();
    let allowed = commands.iter().filter_map(|it| if let Command::AllowPause(id) = it { Some(*id) } else { None });
    assert_eq!(allowed.collect::<Vec<_>>(), [transports[1]], "ana did not say that she knows of it");
    assert!(commands.iter().any(|it| matches!(it, Command::SetPriority { priority: 255, .. })));
    let forwarded = commands.iter().find_map(|it| match it {
        Command::AddForwarder { track, transport, .. } => Some((*track, *transport)),
        _ => None,
    });
    let (track, subscriber) = forwarded.unwrap();
    for (paused, state) in [(true, proto::StreamState::Paused), (false, proto::StreamState::Active)] {
        server.deliver(Event::StreamPaused { track, subscriber, paused });
        let update = ben
            .until(|message| match message {
                signal_response::Message::StreamStateUpdate(update) => Some(update),
                _ => None,
            })
            .await;
        let told = &update.stream_states[0];
        assert_eq!((&told.participant_sid, &told.track_sid, told.state()), (&publisher, &sid, state));
    }
}

#[tokio::test]
async fn data_goes_to_its_destinations_under_the_senders_name() {
    use prost::Message as _;
    let server = Server::new();
    let mut clients = Vec::new();
    for name in ["ana", "ben", "cleo"] {
        let mut client = server.join(name).await;
        client.joined().await;
        clients.push(client);
    }
    let transports = server.transports();
    for id in &transports {
        server.connected(*id);
        server.deliver(Event::DataChannelOpened { id: *id, label: DataChannelLabel::Reliable });
    }
    let user = proto::UserPacket { payload: b"hello".to_vec(), ..Default::default() };
    let packet = proto::DataPacket {
        participant_identity: "somebody-else".into(),
        destination_identities: vec!["cleo".into()],
        value: Some(proto::data_packet::Value::User(user)),
        ..Default::default()
    };
    let payload = packet.encode_to_vec();
    server.deliver(Event::Data { id: transports[0], label: DataChannelLabel::Reliable, payload });
    let mut cleo = clients.pop().unwrap();
    cleo.send(signal_request::Message::Ping(1)).await;
    cleo.until(|message| matches!(message, signal_response::Message::Pong(_)).then_some(())).await;
    let sent: Vec<_> = server
        .commands()
        .into_iter()
        .filter_map(|it| match it {
            Command::SendData { transports, payload, .. } => Some((transports, payload)),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, [transports[2]]);
    assert_eq!(proto::DataPacket::decode(&*sent[0].1).unwrap().participant_identity, "ana");
}

#[tokio::test]
async fn a_refused_description_ends_the_session_with_a_cause() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    let offer =
        SessionDescription { r#type: "offer".into(), sdp: "v=0\r\nnonsense".into(), id: 1, ..Default::default() };
    ana.send(signal_request::Message::Offer(offer)).await;
    let leave = ana
        .until(|message| match message {
            signal_response::Message::Leave(leave) => Some(leave),
            _ => None,
        })
        .await;
    assert_eq!(leave.reason, proto::DisconnectReason::StateMismatch as i32);
    assert_eq!(leave.action, proto::leave_request::Action::Reconnect as i32);
}

#[tokio::test]
async fn a_hidden_participant_is_seen_by_nobody_but_itself() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    let mut claims = Claims::join("ghost", "room");
    claims.video.as_mut().unwrap().hidden = true;
    let mut ghost = server.join_as(&claims, Mode::Single).await;
    assert_eq!(ghost.joined().await.other_participants.len(), 1);
    let mut ben = server.join("ben").await;
    assert_eq!(ben.joined().await.other_participants.iter().filter(|it| it.identity == "ghost").count(), 0);
    let seen = ana.update_of("ben", |_| true).await;
    assert_eq!(seen.identity, "ben", "the first update that ana gets is of ben");
}

/// Waits for the room to ask the media wing about this connection.
async fn asked_about(server: &Server, id: TransportId) {
    for _ in 0..100 {
        if server.commands().iter().any(|it| matches!(it, Command::ReportStats(asked) if *asked == id)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the room never asked");
}

#[tokio::test]
async fn without_websocket_a_client_stays_as_long_as_it_is_heard_and_no_longer() {
    let server = Server::new();
    let (ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    let id = server.transports()[0];
    server.connected(id);
    ben.update_of("ana", |info| info.state == State::Active as i32).await;
    drop(ana);
    // The room must have seen the end of the WebSocket before time goes on.
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.clock.advance(Duration::from_secs(7));
    asked_about(&server, id).await;
    let heard = |silent_for| {
        let stats = TransportStats { silent_for, ..TransportStats::default() };
        server.deliver(Event::Stats { id, stats: Box::new(stats) });
    };
    heard(Duration::from_millis(200));
    asked_about(&server, id).await;
    heard(Duration::from_secs(6));
    let info = ben.update_of("ana", |info| info.state == State::Disconnected as i32).await;
    assert_eq!(info.disconnect_reason, proto::DisconnectReason::SignalClose as i32);
}

async fn closed(server: &Server) -> bool {
    for _ in 0..40 {
        if server.rooms.names().is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn a_room_outlives_its_last_participant_by_the_departure_timeout() {
    let server = Server::new();
    let mut ana = server.join("ana").await;
    ana.joined().await;
    ana.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    while ana.next().await.is_some() {}
    server.clock.advance(Duration::from_secs(19));
    assert!(!closed(&server).await, "somebody may come back");
    server.clock.advance(Duration::from_secs(2));
    assert!(closed(&server).await);
}

#[tokio::test]
async fn an_unused_room_outlives_its_making_by_the_empty_timeout() {
    let server = Server::new();
    server.rooms.open("room", server.rooms.default_options());
    server.clock.advance(Duration::from_secs(299));
    assert!(!closed(&server).await);
    server.clock.advance(Duration::from_secs(2));
    assert!(closed(&server).await);
}

#[tokio::test]
async fn a_full_room_refuses_the_next_but_not_agents() {
    let server = Server::new();
    server.rooms.open("room", RoomOptions { max_participants: 1, ..server.rooms.default_options() });
    let _ana = server.join("ana").await;
    let request = server.request(&Claims::join("ben", "room"), "auto_subscribe=1&protocol=17&sdk=js");
    assert_eq!(server.rooms.connect(request).await.unwrap_err().status, 503);
    let mut agent = Claims::join("agent", "room");
    agent.kind = proto::participant_info::Kind::Agent;
    let request = server.request(&agent, "auto_subscribe=1&protocol=17&sdk=js");
    assert!(server.rooms.connect(request).await.is_ok());
}

#[tokio::test]
async fn a_tracks_permission_decides_who_may_subscribe() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ana.joined().await;
    let nobody = proto::SubscriptionPermission { all_participants: false, track_permissions: Vec::new() };
    ana.send(signal_request::Message::SubscriptionPermission(nobody)).await;
    ana.publish_mic("mic").await;
    ana.offer(1, &[("audio", "sendonly", "mic")]).await;
    ana.answer().await;
    let denied = ben
        .until(|message| match message {
            signal_response::Message::SubscriptionPermissionUpdate(update) => Some(update),
            _ => None,
        })
        .await;
    assert!(!denied.allowed && denied.track_sid.starts_with("TR_AM"));
    let everybody = proto::SubscriptionPermission { all_participants: true, track_permissions: Vec::new() };
    ana.send(signal_request::Message::SubscriptionPermission(everybody)).await;
    ben.requirement().await;
}

#[tokio::test]
async fn a_leave_that_lags_behind_the_end_of_media_still_says_why() {
    let server = Server::new();
    let (mut ana, mut ben) = (server.join("ana").await, server.join("ben").await);
    ben.joined().await;
    ana.joined().await;
    let id = server.transports()[0];
    server.connected(id);
    ben.update_of("ana", |info| info.state == State::Active as i32).await;
    server.deliver(Event::TransportFailed { id, cause: crate::media::TransportFailure::Closed });
    ana.send(signal_request::Message::Leave(proto::LeaveRequest::default())).await;
    let info = ben.update_of("ana", |info| info.state == State::Disconnected as i32).await;
    assert_eq!(info.disconnect_reason, proto::DisconnectReason::ClientInitiated as i32);
}

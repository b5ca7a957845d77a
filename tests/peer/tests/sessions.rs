//! Sessions: what interrupts a call, and what must not.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use livekit_protocol::leave_request::Action;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{DisconnectReason, Ping};
use visavis_peer_tests::client::{Client, Join};
use visavis_peer_tests::publish::{Media, Published};
use visavis_peer_tests::server::Shared;
use visavis_peer_tests::signal::Mode::{self, V0, V1};
use visavis_peer_tests::{Outcome, eventually};

static SERVER: Shared = Shared::new();

/// A speaker and a listener who hears it already.
async fn call(room: &str, modes: [Mode; 2]) -> Outcome<(Client, Client, Published)> {
    let server = SERVER.get().await?;
    let speaker = Client::connect(&server, Join::new("speaker", room, modes[0])).await?;
    let listener = Client::connect(&server, Join::new("listener", room, modes[1])).await?;
    let track = speaker.publish(Media::Audio).await?;
    listener.hears(track.sid(), 20).await?;
    Ok((speaker, listener, track))
}

/// Packets that a client's own restart of ICE may cost: two seconds' worth. The peer's crate sends nothing until new
/// checks have succeeded, and does not ask for audio again.
const RESTART_COST: usize = 100;

/// Both cut their WebSockets and come back: media goes on all the while, and so does signaling afterwards.
async fn resume(room: &str, mode: Mode, restart_ice: bool) -> Outcome {
    let (speaker, listener, track) = call(room, [mode, mode]).await?;
    let cut_at = listener.received().count(track.sid());
    speaker.cut();
    listener.cut();
    listener.hears(track.sid(), cut_at + 25).await?;
    speaker.resume(restart_ice).await?;
    listener.resume(restart_ice).await?;
    let resumed_at = listener.received().count(track.sid());
    listener.hears(track.sid(), resumed_at + 50).await?;
    let (gap, missing) =
        listener.received().with(track.sid(), |track| (track.longest_gap_from(cut_at), track.missing()));
    assert!(gap < Duration::from_secs(3), "media stopped for {gap:?}");
    // In v0 the server restarts ICE of the connection that it offers, whether the client does or not.
    let cost = if restart_ice || mode == V0 { RESTART_COST } else { 0 };
    assert!(missing <= cost, "{missing} packets lost");

    let second = speaker.publish(Media::Video).await?;
    listener.hears(second.sid(), 10).await?;
    speaker.send_data("_reliable", b"still here", &[]).await?;
    eventually("data", || listener.received().payloads("_reliable").contains(&b"still here".to_vec())).await?;
    listener.healthy()?;
    speaker.healthy()
}

#[tokio::test]
async fn a_call_goes_on_while_websockets_are_cut_and_resumed_on_single_connections() -> Outcome {
    resume("resume-v1", V1, false).await
}

#[tokio::test]
async fn a_call_goes_on_while_websockets_are_cut_and_resumed_on_two_connections_each() -> Outcome {
    resume("resume-v0", V0, false).await
}

#[tokio::test]
async fn a_call_goes_on_over_a_resume_with_ice_restarted_on_single_connections() -> Outcome {
    resume("restart-v1", V1, true).await
}

#[tokio::test]
async fn a_call_goes_on_over_a_resume_with_ice_restarted_on_two_connections_each() -> Outcome {
    resume("restart-v0", V0, true).await
}

#[tokio::test]
async fn a_resume_of_nobody_is_told_to_join_anew() -> Outcome {
    let server = SERVER.get().await?;
    let gone = Client::connect(&server, Join::new("gone", "resume-nobody", V1)).await?;
    let stays = Client::connect(&server, Join::new("stays", "resume-nobody", V1)).await?;
    gone.leave().await?;
    eventually("the goodbye", || {
        stays
            .participant("gone")
            .is_some_and(|info| info.state() == livekit_protocol::participant_info::State::Disconnected)
    })
    .await?;
    gone.cut();
    assert!(gone.resume(false).await.is_err());
    let leave = gone.left().expect("a leave");
    assert_eq!((leave.reason(), leave.action()), (DisconnectReason::StateMismatch, Action::Reconnect));
    Ok(())
}

#[tokio::test]
async fn the_same_identity_again_takes_the_place_of_the_first() -> Outcome {
    let (first, listener, track) = call("duplicate", [V1, V1]).await?;
    let server = SERVER.get().await?;
    let second = Client::connect(&server, Join::new("speaker", "duplicate", V0)).await?;
    eventually("a leave for the first", || first.left().is_some()).await?;
    assert_eq!(first.left().unwrap().reason(), DisconnectReason::DuplicateIdentity);
    eventually("the end of the first's WebSocket", || first.is_closed()).await?;
    assert_ne!(first.sid(), second.sid());

    let again = second.publish(Media::Audio).await?;
    assert_ne!(again.sid(), track.sid());
    listener.hears(again.sid(), 20).await?;
    let info = listener.participant("speaker").unwrap();
    assert_eq!(info.sid, second.sid());
    listener.healthy()
}

#[tokio::test]
async fn mute_stops_packets_and_unmute_lets_them_go_on() -> Outcome {
    let (speaker, listener, track) = call("mute", [V1, V0]).await?;
    speaker.mute(track.sid(), true).await?;
    let muted = |state| {
        let listener = &listener;
        let sid = track.sid().to_owned();
        move || {
            let info = listener.participant("speaker").unwrap_or_default();
            info.tracks.iter().any(|track| track.sid == sid && track.muted == state)
        }
    };
    eventually("the others know", muted(true)).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The sender goes on sending regardless: it is the server that holds the packets back.
    let at = listener.received().count(track.sid());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let leaked = listener.received().count(track.sid()) - at;
    assert!(leaked <= 3, "{leaked} packets of a muted track");

    speaker.mute(track.sid(), false).await?;
    eventually("the others know", muted(false)).await?;
    listener.hears(track.sid(), at + leaked + 25).await?;
    // Nothing of what was held back counts as lost.
    let missing = listener.received().with(track.sid(), |track| track.missing());
    assert!(missing <= 2, "{missing} packets look lost");
    listener.healthy()
}

#[tokio::test]
async fn whoever_unsubscribes_gets_no_more_packets_until_it_subscribes_again() -> Outcome {
    for (room, mode) in [("unsubscribe-v1", V1), ("unsubscribe-v0", V0)] {
        let (speaker, listener, track) = call(room, [V1, mode]).await?;
        listener.subscribe(track.sid(), false).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let at = listener.received().count(track.sid());
        tokio::time::sleep(Duration::from_millis(700)).await;
        let leaked = listener.received().count(track.sid()) - at;
        assert_eq!(leaked, 0, "{mode:?}: packets of a track that is not subscribed to");
        listener.subscribe(track.sid(), true).await?;
        listener.hears(track.sid(), at + 20).await?;
        listener.healthy()?;
        speaker.healthy()?;
    }
    Ok(())
}

#[tokio::test]
async fn whoever_joins_without_auto_subscribe_gets_what_it_asks_for_and_no_more() -> Outcome {
    let server = SERVER.get().await?;
    let speaker = Client::connect(&server, Join::new("speaker", "manual", V1)).await?;
    let voice = speaker.publish(Media::Audio).await?;
    let face = speaker.publish(Media::Video).await?;
    let join = Join { auto_subscribe: false, ..Join::new("picky", "manual", V1) };
    let picky = Client::connect(&server, join).await?;
    picky.subscribe(face.sid(), true).await?;
    picky.hears(face.sid(), 20).await?;
    assert_eq!(picky.received().count(voice.sid()), 0);
    Ok(())
}

#[tokio::test]
async fn whoever_leaves_is_gone_for_the_others_at_once() -> Outcome {
    let (speaker, listener, _track) = call("leave", [V0, V1]).await?;
    speaker.leave().await?;
    eventually("the goodbye", || {
        listener
            .participant("speaker")
            .is_some_and(|info| info.state() == livekit_protocol::participant_info::State::Disconnected)
    })
    .await?;
    eventually("the end of the WebSocket", || speaker.is_closed()).await
}

#[tokio::test]
async fn pings_are_answered_in_kind() -> Outcome {
    let server = SERVER.get().await?;
    let client = Client::connect(&server, Join::new("ana", "ping", V1)).await?;
    client.request(Request::Ping(1234)).await?;
    client.request(Request::PingReq(Ping { timestamp: 4321, rtt: 1 })).await?;
    eventually("both answers", || {
        let pong = client.all(|response| if let Response::Pong(at) = response { Some(*at) } else { None });
        let response = client.all(|response| if let Response::PongResp(pong) = response { Some(*pong) } else { None });
        pong.iter().any(|at| *at > 1_600_000_000_000) && response.iter().any(|pong| pong.last_ping_timestamp == 4321)
    })
    .await
}

#[tokio::test]
async fn a_speaker_is_announced_to_whoever_hears_it() -> Outcome {
    let (speaker, listener, track) = call("speakers", [V1, V1]).await?;
    eventually("the announcement", || {
        let changes = listener
            .all(|response| if let Response::SpeakersChanged(change) = response { Some(change.clone()) } else { None });
        let mut speakers = changes.into_iter().flat_map(|change| change.speakers);
        speakers.any(|info| info.sid == speaker.sid() && info.active && info.level > 0.0)
    })
    .await?;
    track.pause(true);
    eventually("silence", || {
        let changes = listener
            .all(|response| if let Response::SpeakersChanged(change) = response { Some(change.clone()) } else { None });
        let last = changes.into_iter().flat_map(|change| change.speakers).next_back();
        last.is_some_and(|info| !info.active)
    })
    .await
}

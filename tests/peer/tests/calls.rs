//! Calls: what one peer sends is what the others receive, in every mix of connection modes.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::{UpdateTrackSettings, VideoQuality};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use visavis_peer_tests::client::{Client, Join};
use visavis_peer_tests::publish::{Media, Published};
use visavis_peer_tests::server::Shared;
use visavis_peer_tests::signal::Mode::{self, V0, V1};
use visavis_peer_tests::{Outcome, eventually};

static SERVER: Shared = Shared::new();

/// Two participants of these modes each hear the other, without a packet missing.
async fn hear_each_other(room: &str, modes: [Mode; 2]) -> Outcome {
    let server = SERVER.get().await?;
    let ana = Client::connect(&server, Join::new("ana", room, modes[0])).await?;
    let ben = Client::connect(&server, Join::new("ben", room, modes[1])).await?;
    let from_ana = ana.publish(Media::Audio).await?;
    let from_ben = ben.publish(Media::Audio).await?;
    for (listener, speaker, track) in [(&ana, "ben", &from_ben), (&ben, "ana", &from_ana)] {
        listener.sees(speaker, track.sid()).await?;
        listener.hears(track.sid(), 100).await?;
        let complete = || listener.received().with(track.sid(), |track| track.missing()) == 0;
        eventually("a sequence without gaps", complete).await?;
        listener.healthy()?;
    }
    Ok(())
}

#[tokio::test]
async fn two_peers_on_single_connections_hear_each_other() -> Outcome {
    hear_each_other("calls-v1", [V1, V1]).await
}

#[tokio::test]
async fn two_peers_on_two_connections_each_hear_each_other() -> Outcome {
    hear_each_other("calls-v0", [V0, V0]).await
}

#[tokio::test]
async fn peers_of_different_modes_hear_each_other() -> Outcome {
    hear_each_other("calls-mixed", [V0, V1]).await
}

#[tokio::test]
async fn a_peer_that_has_nothing_but_tcp_is_in_the_call_all_the_same() -> Outcome {
    let server = SERVER.get().await?;
    for (room, mode) in [("calls-tcp-v1", V1), ("calls-tcp-v0", V0)] {
        let tcp = Client::connect(&server, Join { over_tcp: true, ..Join::new("tcp", room, mode) }).await?;
        let udp = Client::connect(&server, Join::new("udp", room, V1)).await?;
        let (from_tcp, from_udp) = (tcp.publish(Media::Audio).await?, udp.publish(Media::Audio).await?);
        udp.hears(from_tcp.sid(), 20).await?;
        tcp.hears(from_udp.sid(), 20).await?;
    }
    Ok(())
}

#[tokio::test]
async fn whoever_offers_only_after_joining_is_in_the_call_all_the_same() -> Outcome {
    let server = SERVER.get().await?;
    let late = Join { offer_with_join: false, receiving: (0, 0), ..Join::new("late", "calls-late-offer", V1) };
    let late = Client::connect(&server, late).await?;
    let other = Client::connect(&server, Join::new("other", "calls-late-offer", V1)).await?;
    let track = other.publish(Media::Audio).await?;
    late.hears(track.sid(), 20).await
}

#[tokio::test]
async fn more_tracks_than_sections_make_the_client_offer_more_sections() -> Outcome {
    let server = SERVER.get().await?;
    let mut speakers = Vec::new();
    for index in 0..3 {
        let client = Client::connect(&server, Join::new(&format!("speaker{index}"), "calls-sections", V1)).await?;
        let track = client.publish(Media::Audio).await?;
        speakers.push((client, track));
    }
    let listener = Client::connect(&server, Join::new("listener", "calls-sections", V1)).await?;
    for (_, track) in &speakers {
        listener.hears(track.sid(), 20).await?;
    }
    listener.healthy()
}

/// Video of `media` from one peer to the other, and a wish for a key frame all the way back.
async fn video(room: &str, modes: [Mode; 2], media: Media) -> Outcome<(Client, Client, Published)> {
    let server = SERVER.get().await?;
    let sender = Client::connect(&server, Join::new("sender", room, modes[0])).await?;
    let viewer = Client::connect(&server, Join::new("viewer", room, modes[1])).await?;
    let track = sender.publish(media).await?;
    viewer.hears(track.sid(), 30).await?;
    let first = viewer.received().with(track.sid(), |track| track.packets[0]);
    assert!(first.vp8.is_some_and(|marks| marks.key), "a picture begins with a key frame: {first:?}");

    let asked = track.asked();
    let keys = keys(&viewer, &track);
    let ask = async || -> Outcome {
        let (remote, ssrc) = viewer.received().with(track.sid(), |track| (track.remote.clone(), track.packets[0].ssrc));
        let wish = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
        Ok(remote.unwrap().write_rtcp(vec![Box::new(wish)]).await?)
    };
    // Servers throttle these; a decoder that is stuck goes on asking too.
    for _ in 0..40 {
        if track.asked() > asked {
            break;
        }
        ask().await?;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    eventually("the wish for a key frame at the sender", || track.asked() > asked).await?;
    eventually("a key frame at the viewer", || self::keys(&viewer, &track) > keys).await?;
    viewer.healthy()?;
    Ok((sender, viewer, track))
}

fn keys(viewer: &Client, track: &Published) -> usize {
    viewer.received().with(track.sid(), |track| {
        track.packets.iter().filter(|packet| packet.vp8.is_some_and(|marks| marks.key)).count()
    })
}

#[tokio::test]
async fn video_arrives_and_a_wish_for_a_key_frame_goes_back_on_single_connections() -> Outcome {
    video("video-v1", [V1, V1], Media::Video).await.map(drop)
}

#[tokio::test]
async fn video_arrives_and_a_wish_for_a_key_frame_goes_back_on_two_connections_each() -> Outcome {
    video("video-v0", [V0, V0], Media::Video).await.map(drop)
}

#[tokio::test]
async fn a_late_viewer_gets_a_key_frame_at_once() -> Outcome {
    let (sender, _viewer, track) = video("video-late", [V1, V0], Media::Video).await?;
    let sent = track.sent.key_frames.load(Ordering::Relaxed);
    let server = SERVER.get().await?;
    let late = Client::connect(&server, Join::new("late", "video-late", V1)).await?;
    late.hears(track.sid(), 10).await?;
    let first = late.received().with(track.sid(), |track| track.packets[0]);
    assert!(first.vp8.is_some_and(|marks| marks.key), "{first:?}");
    assert!(track.sent.key_frames.load(Ordering::Relaxed) > sent);
    sender.healthy()
}

#[tokio::test]
async fn a_viewer_of_simulcast_gets_the_layer_that_it_asks_for_as_one_continuous_stream() -> Outcome {
    let (_sender, viewer, track) = video("simulcast", [V1, V1], Media::Simulcast).await?;
    let width = |quality| match quality {
        VideoQuality::Low => 320,
        VideoQuality::Medium => 640,
        _ => 1280,
    };
    for quality in [VideoQuality::Low, VideoQuality::High, VideoQuality::Medium, VideoQuality::High] {
        let since = viewer.received().count(track.sid());
        let track_sids = vec![track.sid().to_owned()];
        let settings = UpdateTrackSettings { track_sids, quality: quality.into(), ..Default::default() };
        viewer.request(Request::TrackSetting(settings)).await?;
        eventually(&format!("a picture of {quality:?}"), || {
            viewer.received().with(track.sid(), |track| {
                let shown = track.packets.iter().skip(since.saturating_sub(20)).filter_map(|packet| packet.vp8);
                shown.filter(|marks| marks.key).any(|marks| marks.width == width(quality))
            })
        })
        .await?;
    }
    viewer.received().with(track.sid(), |track| {
        assert_eq!(track.missing(), 0, "sequence numbers go on over switches");
        let ssrc = track.packets[0].ssrc;
        assert!(track.packets.iter().all(|packet| packet.ssrc == ssrc));
        // In the order of their numbers: probes come as retransmissions of what was there already.
        let first = track.packets[0].seq;
        let mut pictures: Vec<(i16, u16)> = track
            .packets
            .iter()
            .filter_map(|packet| Some((packet.seq.wrapping_sub(first) as i16, packet.vp8?.picture_id)))
            .collect();
        pictures.sort_unstable();
        let mut pictures: Vec<u16> = pictures.into_iter().map(|(_, picture)| picture).collect();
        pictures.dedup();
        let jumps = pictures.windows(2).filter(|pair| pair[1].wrapping_sub(pair[0]) & 0x7fff != 1).count();
        assert_eq!(jumps, 0, "picture ids go on over switches: {pictures:?}");
    });
    Ok(())
}

#[tokio::test]
async fn layers_of_simulcast_survive_renegotiation() -> Outcome {
    let (sender, viewer, track) = video("simulcast-renegotiated", [V1, V1], Media::Simulcast).await?;
    let voice = sender.publish(Media::Audio).await?;
    sender.negotiate(false).await?;
    viewer.hears(voice.sid(), 20).await?;
    let before = viewer.received().count(track.sid());
    viewer.hears(track.sid(), before + 30).await?;
    let settings = UpdateTrackSettings {
        track_sids: vec![track.sid().to_owned()],
        quality: VideoQuality::Low.into(),
        ..Default::default()
    };
    viewer.request(Request::TrackSetting(settings)).await?;
    eventually("the small picture", || {
        viewer.received().with(track.sid(), |track| {
            track.packets.iter().skip(before).filter_map(|packet| packet.vp8).any(|marks| marks.width == 320)
        })
    })
    .await
}

//! Data: messages of either kind, both ways, to all or to some.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use visavis_peer_tests::client::{Client, Join};
use visavis_peer_tests::server::Shared;
use visavis_peer_tests::signal::Mode::{self, V0, V1};
use visavis_peer_tests::{Outcome, eventually};

static SERVER: Shared = Shared::new();

async fn pair(room: &str, modes: [Mode; 2]) -> Outcome<[Client; 2]> {
    let server = SERVER.get().await?;
    let ana = Client::connect(&server, Join::new("ana", room, modes[0])).await?;
    let ben = Client::connect(&server, Join::new("ben", room, modes[1])).await?;
    Ok([ana, ben])
}

/// Both ways, on both channels; what comes names its sender.
async fn both_ways(room: &str, modes: [Mode; 2]) -> Outcome {
    let [ana, ben] = pair(room, modes).await?;
    for (from, to, name) in [(&ana, &ben, "ana"), (&ben, &ana, "ben")] {
        for label in ["_reliable", "_lossy"] {
            let text = format!("{label} from {name}").into_bytes();
            from.send_data(label, &text, &[]).await?;
            eventually(&format!("{label} of {name}"), || to.received().payloads(label).contains(&text)).await?;
        }
        let packets = to.received().messages().into_iter().filter_map(|message| message.packet);
        for packet in packets {
            assert_eq!((packet.participant_identity.as_str(), packet.participant_sid), (name, from.sid()));
        }
        assert!(from.received().payloads("_reliable").iter().all(|payload| !payload.ends_with(name.as_bytes())));
    }
    Ok(())
}

#[tokio::test]
async fn messages_go_both_ways_between_single_connections() -> Outcome {
    both_ways("data-v1", [V1, V1]).await
}

#[tokio::test]
async fn messages_go_both_ways_between_two_connections_each() -> Outcome {
    both_ways("data-v0", [V0, V0]).await
}

#[tokio::test]
async fn messages_go_both_ways_between_different_modes() -> Outcome {
    both_ways("data-mixed", [V0, V1]).await
}

#[tokio::test]
async fn a_message_of_64_kilobytes_arrives_as_it_was() -> Outcome {
    let [ana, ben] = pair("data-large", [V1, V0]).await?;
    // What clients clamp to: 64 000 bytes of payload, a little less than what is advertised.
    let large: Vec<u8> = (0..64_000_u32).map(|n| n.to_le_bytes()[1] ^ n.to_le_bytes()[0]).collect();
    for (from, to) in [(&ana, &ben), (&ben, &ana)] {
        from.send_data("_reliable", &large, &[]).await?;
        eventually("the large message", || to.received().payloads("_reliable").contains(&large)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn reliable_messages_arrive_all_and_in_order() -> Outcome {
    let [ana, ben] = pair("data-order", [V1, V1]).await?;
    for number in 0..200_u32 {
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(1000, 7);
        ana.send_data("_reliable", &payload, &[]).await?;
    }
    eventually("two hundred messages", || ben.received().payloads("_reliable").len() >= 200).await?;
    let numbers =
        ben.received().payloads("_reliable").into_iter().map(|p| u32::from_be_bytes([p[0], p[1], p[2], p[3]]));
    assert!(numbers.eq(0..200));
    Ok(())
}

#[tokio::test]
async fn a_message_for_one_reaches_nobody_else() -> Outcome {
    let [ana, ben] = pair("data-to", [V1, V0]).await?;
    let server = SERVER.get().await?;
    let eve = Client::connect(&server, Join::new("eve", "data-to", V1)).await?;
    ana.send_data("_reliable", b"for ben", &["ben"]).await?;
    ana.send_data("_reliable", b"for all", &[]).await?;
    for client in [&ben, &eve] {
        eventually("the message for all", || client.received().payloads("_reliable").contains(&b"for all".to_vec()))
            .await?;
    }
    assert!(ben.received().payloads("_reliable").contains(&b"for ben".to_vec()));
    assert!(!eve.received().payloads("_reliable").contains(&b"for ben".to_vec()));
    Ok(())
}

#[tokio::test]
async fn a_message_on_a_channel_of_another_label_arrives_as_a_user_packet() -> Outcome {
    let [ana, ben] = pair("data-label", [V1, V1]).await?;
    ana.open_channel("pairs", true).await?;
    ana.send_raw("pairs", b"raw bytes").await?;
    eventually("the bytes", || ben.received().payloads("_reliable").contains(&b"raw bytes".to_vec())).await
}

#[tokio::test]
async fn whoever_may_not_publish_data_is_not_heard() -> Outcome {
    use visavis_signaling::token::{Claims, VideoGrant};
    let server = SERVER.get().await?;
    let room = "data-denied";
    let video = VideoGrant { can_publish_data: Some(false), ..VideoGrant::join(room) };
    let token = visavis_peer_tests::token::signed(&Claims { video: Some(video), ..Claims::join("mute", room) })?;
    let mute = Client::connect(&server, Join { token: Some(token), ..Join::new("mute", room, V1) }).await?;
    let other = Client::connect(&server, Join::new("other", room, V1)).await?;
    let ben = Client::connect(&server, Join::new("ben", room, V1)).await?;
    mute.send_data("_reliable", b"forbidden", &[]).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    other.send_data("_reliable", b"allowed", &[]).await?;
    eventually("what is allowed", || ben.received().payloads("_reliable").contains(&b"allowed".to_vec())).await?;
    assert!(!ben.received().payloads("_reliable").contains(&b"forbidden".to_vec()));
    Ok(())
}

use std::time::Duration;

use super::world::World;
use super::*;
use crate::transport::srtp::Profile;

#[test]
fn media_and_data_flow_after_ice_dtls_and_the_fingerprint() {
    let mut world = World::introduced(1);
    assert!(!world.server_rtp(5, 1, b"too early"));
    world.run_until("connected", World::is_connected);
    let client = world.client.paths[0];
    assert_eq!(world.events[..2], [TransportEvent::PathAdded(client), TransportEvent::Connected(client)]);
    assert_eq!(world.server.send_path(), Some(client));
    assert_eq!(world.client.answers[0], (client, Ok(client.remote)));
    assert_eq!(world.client.gained.srtp.as_ref().unwrap().profile(), Profile::AeadAes256Gcm);

    assert!(world.server_rtp(5, 1, b"to the client"));
    world.client_rtp(6, 1, b"to the server");
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.at_client, [peer::plain_rtp(5, 1, b"to the client")]);
    assert_eq!(world.at_server, [peer::plain_rtp(6, 1, b"to the server")]);

    let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let mut sealed = Vec::new();
    world.server.seal_rtcp(&report, &mut sealed).unwrap();
    world.send(false, client, sealed);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.at_client[1], report);
}

#[test]
fn the_handshake_survives_thirty_percent_loss_both_ways() {
    let mut slowest = Duration::ZERO;
    for seed in 0..40 {
        let mut world = World::introduced(seed);
        world.loss = 0.3;
        world.run_until("connected", World::is_connected);
        slowest = slowest.max(world.now - world.start);
    }
    assert!(slowest < Duration::from_secs(25), "{slowest:?}");
}

#[test]
fn a_split_client_hello_connects_even_in_reverse_order() {
    for size in [60, 100, 200] {
        let mut world = World::introduced(size as u64);
        world.client.split_hello = Some(size);
        world.run_until("connected", World::is_connected);
        assert!(world.now - world.start < Duration::from_millis(300), "without waiting for a retransmission");
    }
}

#[test]
fn a_lost_piece_of_a_split_hello_costs_one_retransmission() {
    let mut world = World::introduced(3);
    world.client.split_hello = Some(80);
    world.run_until("a piece is under way", |world| {
        world.link.values().any(|(_, _, datagram)| demux::classify(datagram) == Kind::Dtls)
    });
    let lost = world.link.iter().find(|(_, (_, _, datagram))| demux::classify(datagram) == Kind::Dtls);
    let lost = *lost.unwrap().0;
    world.link.remove(&lost);
    world.run_until("connected", World::is_connected);
}

#[test]
fn a_handshake_that_ends_before_the_description_arrives_waits_for_it() {
    let mut world = World::new(4);
    world.run_until("the client is done", |world| world.client.gained.connected);
    world.client_rtp(6, 1, b"early");
    world.run_for(Duration::from_millis(200));
    assert_eq!(world.at_server, Vec::<Vec<u8>>::new());
    assert!(!world.server_rtp(5, 1, b"early"));
    assert_eq!(world.server.send_path(), None);
    assert_eq!(world.server.counters().dropped(DropCause::NotReady), 1);

    let remote = world.remote();
    world.server.set_remote(world.now, &remote).unwrap();
    assert!(world.server_rtp(5, 1, b"now"));
    let params = DataChannelParams { label: "x".into(), ordered: true, max_retransmits: None };
    world.client.channels.open(params);
    world.run_until("data flows", |world| world.open_channels().count() == 1);
}

#[test]
fn a_wrong_fingerprint_stops_everything_whichever_came_first() {
    for description_first in [true, false] {
        let mut world = World::new(5);
        let mut remote = world.remote();
        remote.fingerprint.0[7] ^= 1;
        if description_first {
            world.server.set_remote(world.now, &remote).unwrap();
            world.run_for(Duration::from_secs(2));
        } else {
            world.run_until("the client is done", |world| world.client.gained.connected);
            assert_eq!(world.server.set_remote(world.now, &remote), Err(TransportError::FingerprintMismatch));
            world.flush();
        }
        assert!(world.has(&TransportEvent::Failed(FailureCause::FingerprintMismatch)), "{:?}", world.events);
        assert!(!world.events.iter().any(|event| matches!(event, TransportEvent::Connected(_))));
        assert_eq!(world.server.send_path(), None);
        assert!(!world.server_rtp(5, 1, b"secret"));
        assert_eq!(world.server.seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1], &mut Vec::new()), None);
        if world.client.gained.srtp.is_some() {
            world.client_rtp(6, 1, b"forged");
            world.run_for(Duration::from_millis(100));
        }
        assert!(world.at_server.is_empty());
        assert_eq!(world.server.poll_timeout(), None);
    }
}

#[test]
fn the_same_description_again_changes_nothing_and_another_certificate_is_an_error() {
    let mut world = World::connected(6);
    let mut remote = world.remote();
    assert_eq!(world.server.set_remote(world.now, &remote), Ok(()));
    remote.ice = world::credentials("restarted");
    assert_eq!(world.server.set_remote(world.now, &remote), Ok(()));
    remote.fingerprint.0[0] ^= 1;
    assert_eq!(world.server.set_remote(world.now, &remote), Err(TransportError::FingerprintChanged));
    remote = world.remote();
    remote.role = DtlsRole::Active;
    assert_eq!(world.server.set_remote(world.now, &remote), Err(TransportError::RoleChanged));
    assert!(world.server_rtp(5, 1, b"still alive"));
}

#[test]
fn as_the_active_side_we_open_the_handshake() {
    let mut world = World::new(7);
    // The client listens instead.
    let now = world.now;
    let mut listening = DtlsEndpoint::new(world.client.certificate.clone(), 9);
    std::mem::swap(&mut world.client.dtls, &mut listening);
    world.client.channels = sctp_of_a_server();
    let mut remote = world.remote();
    remote.role = DtlsRole::Active;
    world.server.set_remote(now, &remote).unwrap();
    world
        .server
        .open_data_channel(now, &DataChannelParams { label: "ours".into(), ordered: true, max_retransmits: None });
    world.run_until("connected", World::is_connected);
    world.run_until("the channel is open", |world| world.open_channels().next() == Some((ChannelId(0), "ours")));
    assert!(world.server_rtp(5, 1, b"hello"));
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.at_client.len(), 1);
}

fn sctp_of_a_server() -> DataChannels {
    let params = crate::transport::section::SctpParams { port: 5000, max_message_size: 0 };
    DataChannels::new(TransportLimits::default(), params, false)
}

#[test]
fn a_goodbye_from_either_side_is_heard() {
    let mut world = World::connected(8);
    let now = world.now;
    world.server.close(now);
    world.run_until("the client hears it", |world| world.client.gained.closed);

    let mut world = World::connected(9);
    world.client.say_goodbye();
    world.run_for(Duration::from_millis(100));
    assert!(world.has(&TransportEvent::Failed(FailureCause::Closed)));
}

#[test]
fn a_peer_that_never_checks_fails_only_once_it_knows_us() {
    let mut world = World::new(10);
    world.client.stop_checking();
    world.run_for(Duration::from_secs(100));
    assert!(world.events.is_empty(), "nothing was negotiated yet");
    let remote = world.remote();
    world.server.set_remote(world.now, &remote).unwrap();
    world.run_for(Duration::from_secs(21));
    assert_eq!(world.events, [TransportEvent::Failed(FailureCause::IceTimeout)]);
    let now = world.now;
    world.client.resume_checking(now);
    world.run_until("connected after all", World::is_connected);
}

#[test]
fn a_peer_that_checks_but_never_shakes_hands_fails() {
    let mut world = World::introduced(11);
    world.client.dtls = DtlsEndpoint::new(world.client.certificate.clone(), 9);
    world.run_for(Duration::from_secs(31));
    assert!(world.has(&TransportEvent::Failed(FailureCause::Dtls)));
}

#[test]
fn a_transport_may_move_to_its_shards_thread() {
    fn is_send<T: Send>() {}
    is_send::<Transport>();
}

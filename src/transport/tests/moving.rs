use std::time::Duration;

use super::world::{World, credentials, path};
use super::*;
use crate::transport::ice::test_messages::CheckFlags;

const OTHER: &str = "[2001:db8::2]:2000";

#[test]
fn the_latest_nomination_moves_the_media() {
    let mut world = World::connected(1);
    let (first, second) = (world.client.paths[0], path(OTHER));
    world.client.paths = vec![second, first];
    world.run_until("moved", |world| world.has(&TransportEvent::PathChanged(second)));
    assert_eq!(world.server.send_path(), Some(second));
    assert!(world.has(&TransportEvent::PathAdded(second)));
    assert!(world.server_rtp(5, 1, b"x"));
    world.client_rtp(6, 1, b"from the new address");
    world.run_for(Duration::from_millis(100));
    assert_eq!((world.at_client.len(), world.at_server.len()), (1, 1));

    world.client.paths = vec![first, second];
    world.run_until("moved back", |world| world.server.send_path() == Some(first));
}

#[test]
fn a_path_without_checks_expires_and_the_others_stay() {
    let mut world = World::connected(2);
    let (first, second) = (world.client.paths[0], path(OTHER));
    world.client.paths = vec![first, second];
    world.run_for(Duration::from_secs(5));
    world.client.paths = vec![first];
    world.run_for(Duration::from_secs(29));
    assert!(!world.has(&TransportEvent::PathRemoved(second)));
    world.run_for(Duration::from_secs(2));
    assert!(world.has(&TransportEvent::PathRemoved(second)));
    assert_eq!(world.server.paths().collect::<Vec<_>>(), [first]);
    assert_eq!(world.server.send_path(), Some(first));
}

#[test]
fn at_most_eight_paths_are_kept_and_never_the_selected_one_goes() {
    let mut world = World::connected(3);
    let selected = world.client.paths[0];
    world.client.stop_checking();
    for port in 3000..3100 {
        let check = world.client.check(CheckFlags::default());
        world.send(true, path(&format!("192.0.2.9:{port}")), check);
        world.run_for(Duration::from_millis(30));
        assert!(world.server.paths().count() <= 8);
    }
    assert_eq!(world.server.send_path(), Some(selected));
    assert!(world.server.paths().any(|path| path == selected));
    let added = world.events.iter().filter(|event| matches!(event, TransportEvent::PathAdded(_))).count();
    let removed = world.events.iter().filter(|event| matches!(event, TransportEvent::PathRemoved(_))).count();
    assert_eq!((added, removed), (101, 93), "every path added is in use or was removed");
}

#[test]
fn an_ice_restart_keeps_media_where_it_is_until_the_new_pair_is_nominated() {
    let mut world = World::connected(4);
    let (first, second) = (world.client.paths[0], path(OTHER));
    let renewed = credentials("renewed");
    world.server.restart_ice(world.now, renewed.clone());
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.server.send_path(), Some(first), "old checks go on counting");
    assert!(world.server_rtp(5, 1, b"during the restart"));

    world.client.server_ice = renewed;
    world.client.paths = vec![second];
    world.client.nominate = false;
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.server.send_path(), Some(first), "valid, but not nominated");
    world.client.nominate = true;
    world.run_until("moved", |world| world.server.send_path() == Some(second));
    assert!(world.has(&TransportEvent::PathRemoved(first)), "it belonged to the old credentials");
    assert!(world.server_rtp(5, 2, b"after the restart"));
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.at_client.len(), 2);

    world.client.server_ice = world.server_ice.clone();
    world.run_for(Duration::from_secs(1));
    assert!(world.server.counters().dropped(DropCause::StunUnknownUfrag) > 0, "the old credentials are gone");
}

#[test]
fn an_ice_restart_over_the_same_address_changes_no_path() {
    let mut world = World::connected(5);
    let first = world.client.paths[0];
    for name in ["second", "third", "fourth"] {
        let renewed = credentials(name);
        world.server.restart_ice(world.now, renewed.clone());
        world.client.server_ice = renewed;
        world.run_for(Duration::from_secs(2));
        assert_eq!(world.server.send_path(), Some(first));
    }
    let connected = TransportEvent::Connected(first);
    assert_eq!(world.events, [TransportEvent::PathAdded(first), connected]);
}

#[test]
fn several_restarts_in_a_row_keep_the_pair_in_use_alive() {
    let mut world = World::connected(6);
    for name in ["second", "third", "fourth"] {
        world.server.restart_ice(world.now, credentials(name));
        world.run_for(Duration::from_secs(1));
    }
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.server.send_path(), Some(world.client.paths[0]));
    world.client.server_ice = credentials("third");
    world.run_for(Duration::from_secs(1));
    assert!(world.server.counters().dropped(DropCause::StunUnknownUfrag) > 0, "never in use, replaced");
    world.client.server_ice = credentials("fourth");
    world.run_for(Duration::from_secs(1));
    world.client.server_ice = world.server_ice.clone();
    let before = world.server.counters().checks;
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server.counters().checks, before);
}

#[test]
fn silence_is_noticed_after_ten_seconds_ends_the_media_after_fifteen_and_can_be_broken() {
    let mut world = World::connected(7);
    let client = world.client.paths[0];
    world.cut = vec![client];
    let cut_at = world.now;
    world.run_until("doubtful", |world| world.has(&TransportEvent::ConsentLost));
    let waited = world.now - cut_at;
    assert!(waited > Duration::from_millis(9_400) && waited <= Duration::from_millis(10_100), "{waited:?}");
    assert_eq!(world.server.send_path(), Some(client), "still sending");
    world.run_for(Duration::from_secs(6));
    assert!(world.has(&TransportEvent::Failed(FailureCause::ConsentExpired)));
    assert_eq!(world.server.send_path(), None);
    world.cut.clear();
    world.run_until("back", |world| world.has(&TransportEvent::ConsentRegained));
    assert!(world.server_rtp(5, 1, b"again"));

    world.cut = vec![client];
    world.run_for(Duration::from_secs(31));
    assert!(world.has(&TransportEvent::PathRemoved(client)));
    assert_eq!(world.server.paths().count(), 0);
}

#[test]
fn authenticated_media_counts_as_a_sign_of_life_and_forged_media_does_not() {
    let mut world = World::connected(8);
    world.client.stop_checking();
    for seq in 0..24 {
        world.client_rtp(6, seq, b"x");
        world.run_for(Duration::from_secs(1));
    }
    assert!(!world.has(&TransportEvent::ConsentLost));
    let client = world.client.paths[0];
    for n in 0..20u16 {
        let mut forged = world.client.rtp(6, 100 + n, b"x");
        forged[14] ^= 1;
        world.send(true, client, forged);
        world.run_for(Duration::from_millis(550));
    }
    assert!(world.has(&TransportEvent::ConsentLost));
}

#[test]
fn a_closed_tcp_connection_takes_its_paths_along() {
    let mut world = World::connected(9);
    let tcp =
        Path { socket: SocketId(SocketId::FIRST_TCP + 4), remote: "192.0.2.1:9".parse().unwrap(), local_ip: None };
    world.client.paths.insert(0, tcp);
    world.run_until("on TCP", |world| world.server.send_path() == Some(tcp));
    world.client.paths.remove(0);
    world.server.path_closed(world.now, tcp.socket);
    let udp = world.client.paths[0];
    assert_eq!(world.server.send_path(), Some(udp), "the valid path that carried the handshake steps in");
    world.run_until("nominated", |world| world.has(&TransportEvent::PathChanged(udp)));
    assert!(world.has(&TransportEvent::PathRemoved(tcp)));
}

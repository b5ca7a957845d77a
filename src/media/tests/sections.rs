use std::time::Duration;

use super::layers::{call, ssrc_of, subscriber};
use super::video::{Camera, check_continuity, receiver};
use super::world::World;
use crate::ids::MediaTrackId;
use crate::media::counters::Drop;
use crate::media::{Command, Quality};
use crate::transport::SsrcPair;
use crate::units::{MediaKind, Ssrc};

#[test]
fn rids_stay_bound_over_renegotiations_though_packets_name_them_no_more() {
    let mut world = call(21, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    assert!(world.cameras[0].frames > world.cameras[0].named_frames);
    for round in 0..6 {
        // A section is added in front, another goes away, the order changes.
        let mut sections = vec![receiver("0", &["q", "h", "f"])];
        if round % 2 == 0 {
            sections.insert(0, receiver("7", &[]));
        }
        world.receivers(0, sections);
        world.want(1, [Quality::Low, Quality::Medium, Quality::High][round % 3]);
        world.run_for(Duration::from_millis(1500));
    }
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0, 1, 2, 0, 1, 2]);
    assert_eq!(world.shard.counters().dropped(Drop::UnknownStream), 0);
}

#[test]
fn packets_before_the_track_is_known_are_kept_for_it() {
    let mut world = World::connected(22, 2);
    world.receivers(0, vec![receiver("0", &["q", "h", "f"])]);
    world.cameras.push(Camera::new(world.now, 0, "0", &["q", "h", "f"]));
    world.run_for(Duration::from_secs(3));
    world.publish(0, 1, "0", MediaKind::Video);
    subscriber(&mut world, 1);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2]);
    assert_eq!(world.count(|event| matches!(event, crate::media::Event::TrackStarted { .. })), 1);
}

#[test]
fn a_new_ssrc_for_a_rid_replaces_the_old_one() {
    let mut world = call(23, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    let camera = &mut world.cameras[0];
    camera.layers[2].ssrc += 5000;
    camera.layers[2].seq = 17;
    camera.frames = 0;
    world.run_for(Duration::from_secs(3));
    let layers = check_continuity(&world.clients[1], ssrc_of(1));
    assert_eq!(layers, [2], "the same layer goes on, from a key frame");
    assert!(world.clients[1].rtp.last().unwrap().at > world.now - Duration::from_millis(60));
    assert_eq!(world.shard.census()[2], 3, "three streams, not four");
}

#[test]
fn a_section_used_again_for_another_track_begins_anew() {
    let mut world = call(24, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    world.command(Command::RemoveTrack(MediaTrackId(1)));
    world.cameras.clear();
    world.run_for(Duration::from_secs(1));
    world.publish(0, 2, "0", MediaKind::Video);
    let mut camera = Camera::new(world.now, 0, "0", &["q", "h", "f"]);
    camera.layers.iter_mut().for_each(|layer| layer.ssrc += 300);
    camera.forget_requests(&world.clients[0]);
    world.cameras.push(camera);
    world.subscribe(1, 2, 9, Quality::Medium);
    world.senders(1, vec![super::video::sender("0", 9, 700_000)]);
    world.run_for(Duration::from_secs(2));
    assert_eq!(check_continuity(&world.clients[1], 700_000).last(), Some(&1));
    assert_eq!(world.shard.census()[2], 3);
}

#[test]
fn declared_ssrcs_stand_for_layers_where_there_are_no_rids() {
    let mut world = World::connected(25, 2);
    let mut section = receiver("0", &[]);
    section.ssrcs = (0..3).map(|n| SsrcPair { primary: Ssrc(1000 + 10 * n), rtx: Some(Ssrc(1001 + 10 * n)) }).collect();
    world.receivers(0, vec![section]);
    world.publish(0, 1, "0", MediaKind::Video);
    let mut camera = Camera::new(world.now, 0, "0", &["", "", ""]);
    camera.named_frames = 0;
    world.cameras.push(camera);
    world.run_for(Duration::from_secs(1));
    subscriber(&mut world, 1);
    world.run_for(Duration::from_secs(1));
    world.want(1, Quality::Low);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [2, 0]);
}

#[test]
fn a_payload_type_alone_names_the_only_section_that_it_fits() {
    let mut world = World::connected(26, 2);
    world.receivers(0, vec![receiver("0", &[])]);
    world.publish(0, 1, "0", MediaKind::Video);
    let mut camera = Camera::new(world.now, 0, "0", &[""]);
    camera.named_frames = 0;
    world.cameras.push(camera);
    subscriber(&mut world, 1);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[1], ssrc_of(1)), [0]);

    // With two such sections it names none.
    let mut world = World::connected(26, 1);
    world.receivers(0, vec![receiver("0", &[]), receiver("1", &[])]);
    let mut camera = Camera::new(world.now, 0, "0", &[""]);
    camera.named_frames = 0;
    world.cameras.push(camera);
    world.run_for(Duration::from_secs(1));
    assert!(world.shard.counters().dropped(Drop::UnknownStream) > 50);
}

#[test]
fn a_subscription_may_be_bound_to_another_section_later() {
    let mut world = call(27, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(2));
    world.senders(1, Vec::new());
    world.run_for(Duration::from_millis(50));
    let stopped = world.clients[1].rtp.len();
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.clients[1].rtp.len(), stopped, "no section, no packets");
    world.senders(1, vec![super::video::sender("5", 1, 800_000)]);
    world.run_for(Duration::from_secs(1));
    assert_eq!(check_continuity(&world.clients[1], 800_000), [2]);
}

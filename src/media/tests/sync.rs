use std::time::Duration;

use super::audio;
use super::layers::{call, ssrc_of};
use super::video;
use super::world::{UNIX, World};
use crate::media::{Command, Event, Quality};
use crate::rtp::rtcp::build;
use crate::rtp::stats::ReportBlock;
use crate::units::{ClockRate, MediaKind, NtpTime, RtpTime, Ssrc};

const SECOND: u64 = 1 << 32;

/// The wall time that a sender report gives a timestamp.
fn captured(world: &World, client: usize, ssrc: u32, timestamp: RtpTime, rate: ClockRate) -> f64 {
    let (_, report) = world.clients[client].told.sender_reports.iter().rfind(|(_, sr)| sr.ssrc.0 == ssrc).unwrap();
    let ticks = timestamp.distance_from(report.rtp);
    report.ntp.0 as f64 / SECOND as f64 + f64::from(ticks) / f64::from(rate.0)
}

#[test]
fn sound_and_picture_of_a_publisher_stay_in_step_through_layer_switches() {
    let mut world = call(41, 1, &["q", "h", "f"]);
    world.receivers(0, vec![video::receiver("0", &["q", "h", "f"]), audio::receiver("1")]);
    world.publish(0, 2, "1", MediaKind::Audio);
    world.subscribe(1, 2, 2, Quality::High);
    world.senders(1, vec![video::sender("0", 1, ssrc_of(1)), audio::sender("1", 2, 6000, false)]);
    // The publisher's clock is an hour slow; audio began with the camera.
    let base = NtpTime::from_unix(UNIX).0 - 3600 * SECOND;
    let began = world.now;
    let camera = &world.cameras[0];
    let (frames, next_frame) = (camera.frames, camera.next_frame);
    let (mut n, mut next_report) = (0, Duration::ZERO);
    let mut switches = 0;
    while world.now - began < Duration::from_secs(20) {
        audio::talk(&mut world, 0, "1", n, 20, false);
        n += 1;
        world.run_for(Duration::from_millis(20));
        let elapsed = world.now - began;
        if elapsed >= next_report {
            next_report = elapsed + Duration::from_millis(700);
            let ntp = NtpTime(base).add(elapsed);
            let seconds = elapsed.as_secs_f64();
            audio::report(&mut world, 0, 9000, ntp, (48_000.0 * seconds) as u32);
            for index in 0..3u32 {
                // Each layer has its own time line.
                let start = 0xFFFF_0000u32.wrapping_add(0x1234_5678 * index);
                // A frame is 33 ms or 2970 ticks; the next one comes at `next_frame`.
                let due = next_frame.duration_since(began).as_secs_f64();
                let since = (90_000.0 * (seconds - due)) as i64;
                let rtp = start.wrapping_add(2970 * (frames + 1)).wrapping_add(since as u32);
                audio::report(&mut world, 0, 1000 + 10 * index, ntp, rtp);
            }
        }
        if elapsed > Duration::from_secs(5 + 2 * switches) && switches < 6 {
            world.want(1, [Quality::Low, Quality::High, Quality::Medium][switches as usize % 3]);
            switches += 1;
        }
    }
    assert_eq!(video::check_continuity(&world.clients[1], ssrc_of(1)), [2, 0, 2, 1, 0, 2, 1]);
    let sound = world.clients[1].of(6000).last().unwrap();
    let picture = world.clients[1].of(ssrc_of(1)).last().unwrap();
    let skew = captured(&world, 1, 6000, sound.header.timestamp, ClockRate(48_000))
        - captured(&world, 1, ssrc_of(1), picture.header.timestamp, ClockRate(90_000));
    let arrival = sound.at.duration_since(picture.at).as_secs_f64();
    assert!((skew - arrival).abs() < 0.045, "{skew} against {arrival}");
    // And the wall time is ours.
    let wall = captured(&world, 1, 6000, sound.header.timestamp, ClockRate(48_000));
    let ours = NtpTime::from_unix(UNIX).add(sound.at - world.start).0 as f64 / SECOND as f64;
    assert!((0.0..0.05).contains(&(ours - wall)), "{wall} against {ours}");
    let told = &world.clients[1].told.sender_reports;
    assert!(told.len() > 30);
}

#[test]
fn publishers_get_reports_and_transport_wide_feedback() {
    let mut world = call(42, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(10));
    let told = &world.clients[0].told;
    for index in 0..3 {
        let blocks = told.blocks.iter().filter(|block| block.ssrc.0 == 1000 + 10 * index);
        assert!((8..=11).contains(&blocks.clone().count()));
        assert!(blocks.clone().all(|block| block.total_lost == 0 && block.fraction_lost == 0));
    }
    assert!((70..=220).contains(&told.feedback), "{}", told.feedback);
    let sent = usize::from(world.cameras[0].transport_seq);
    assert!(told.arrivals > sent - 60 && told.arrivals <= sent, "{} of {sent}", told.arrivals);
}

#[test]
fn the_round_trip_is_measured_by_reports_and_told_with_the_other_figures() {
    let mut world = call(43, 1, &["q", "h", "f"]);
    world.run_for(Duration::from_secs(1));
    let now = world.now - world.start;
    for index in 0..3 {
        audio::report(&mut world, 0, 1000 + 10 * index, NtpTime::from_unix(UNIX).add(now), 5);
    }
    world.run_for(Duration::from_secs(2));
    let (at, report) = *world.clients[1].told.sender_reports.last().unwrap();
    let block = ReportBlock {
        ssrc: Ssrc(ssrc_of(1)),
        fraction_lost: 26,
        last_sr: report.ntp.middle(),
        delay_since_last_sr: ClockRate(65_536).ticks(world.now - at),
        ..ReportBlock::default()
    };
    let sealed = world.clients[1].seal_rtcp(|out| build::receiver_report(out, Ssrc(1), &[block]));
    world.send(1, sealed);
    world.run_for(Duration::from_millis(50));
    let id = world.id(1);
    world.command(Command::ReportStats(id));
    world.pump();
    let stats = world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Stats { stats, .. } => Some(stats.clone()),
        _ => None,
    });
    let stats = stats.unwrap();
    let rtt = stats.rtt.unwrap();
    assert!((Duration::from_millis(19)..Duration::from_millis(23)).contains(&rtt), "{rtt:?}");
    assert_eq!(stats.sent.len(), 1);
    assert_eq!(stats.sent[0].fraction_lost, 26);
    assert_eq!((stats.sent[0].kind, stats.sent[0].quality), (MediaKind::Video, Some(Quality::High)));
    let size = stats.sent[0].bytes / stats.sent[0].packets;
    assert!((900..1100).contains(&size), "{size} bytes of payload in a packet");
    let id = world.id(0);
    world.command(Command::ReportStats(id));
    world.pump();
    let Some((_, Event::Stats { stats, .. })) = world.events.last() else { panic!() };
    assert_eq!(stats.received.len(), 3);
    let high = stats.received.iter().find(|layer| layer.quality == Quality::High).unwrap();
    // Four packets of some 1030 bytes, thirty times a second.
    assert!((900_000..1_100_000).contains(&high.bitrate.0), "{:?}", high.bitrate);
    assert!((900..1100).contains(&(high.bytes / high.packets)), "{high:?}");
}

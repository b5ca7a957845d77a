//! Settings in the words of the floors that are started: pure, so that tests can look at it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use visavis_signaling::proto::Codec;
use visavis_signaling::session::ServerIdentity;

use super::ice_servers::ice_servers;
use crate::api::{Histogram, MediaTotals, ShardTotals, Traffic, limits};
use crate::config::{MediaAddresses, Settings};
use crate::media::{self, Tuning};
use crate::net::{MediaConfig, NetCounters, ShardBind, ShardCounters};
use crate::rooms::{IceServers, RoomOptions, RoomsSettings};
use crate::rtp::audio_level::LevelParams;
use crate::transport::DropCause;

/// How long a session waits for its WebSocket while its media goes on; rooms end it much earlier without.
const RESUME_WINDOW: Duration = Duration::from_secs(30);

/// Which sockets the media wing binds.
pub(super) fn media_config(settings: &Settings, addresses: &MediaAddresses) -> MediaConfig {
    let on = |port: u16| -> Vec<SocketAddr> {
        addresses.bind.iter().map(|ip: &IpAddr| SocketAddr::new(*ip, port)).collect()
    };
    MediaConfig {
        shards: settings.rtc.udp_port.iter().map(|port| ShardBind { udp: on(port) }).collect(),
        tcp: if settings.rtc.tcp_port == 0 { Vec::new() } else { on(settings.rtc.tcp_port) },
        node_ips: addresses.advertise.clone(),
        gather: settings.rtc.gather,
        pin: settings.rtc.pin_shards,
        busy_poll: settings.rtc.busy_poll,
        tuning: tuning(settings),
        tcp_only: settings.rtc.force_tcp,
        ..MediaConfig::default()
    }
}

fn tuning(settings: &Settings) -> Tuning {
    let throttle = &settings.rtc.pli_throttle;
    let audio = &settings.audio;
    Tuning {
        pli_throttle: [throttle.low_quality, throttle.mid_quality, throttle.high_quality],
        adaptive_video: settings.rtc.adaptive_video,
        packets_video: settings.rtc.packet_buffer_size_video,
        packets_audio: settings.rtc.packet_buffer_size_audio,
        level: LevelParams {
            active_level: audio.active_level,
            // A window is as long as an update, as in LiveKit; the configuration allows a minute at most.
            window_ms: audio.update_interval.as_millis() as u32,
            min_percentile: audio.min_percentile,
            smooth_intervals: audio.smooth_intervals,
        },
        speakers_interval: audio.update_interval,
        data_track_latency: settings.rtc.datachannel_data_track_target_latency,
    }
}

/// What rooms are told.
pub(super) fn rooms_settings(settings: &Settings, node_id: &str) -> RoomsSettings {
    let rtc = settings.rtc.clone();
    let codec = |spec: &crate::config::CodecSpec| Codec { mime: spec.mime.clone(), fmtp_line: spec.fmtp_line.clone() };
    RoomsSettings {
        auto_create: settings.room.auto_create,
        defaults: RoomOptions {
            empty_timeout: settings.room.empty_timeout,
            departure_timeout: settings.room.departure_timeout,
            max_participants: settings.room.max_participants,
            metadata: String::new(),
            enabled_codecs: settings.room.enabled_codecs.iter().map(codec).collect(),
        },
        enable_remote_unmute: settings.room.enable_remote_unmute,
        data_tracks: settings.enable_data_tracks,
        shard_participants: settings.rtc.room_shard_participants as usize,
        limits: limits(settings),
        node_tracks: settings.limit.num_tracks.filter(|limit| *limit > 0).map(i64::from),
        subscription_limit_audio: settings.limit.subscription_limit_audio as usize,
        subscription_limit_video: settings.limit.subscription_limit_video as usize,
        server: ServerIdentity { region: settings.region.clone(), node_id: node_id.to_owned() },
        ice_servers: IceServers::new(move |participant, now| ice_servers(&rtc, participant.as_str(), now)),
        resume_window: RESUME_WINDOW,
    }
}

/// The shards' counters, summed, in the words of `/metrics`.
pub(super) fn media_totals(shards: &[ShardCounters]) -> MediaTotals {
    let mut totals = MediaTotals::default();
    let mut net = NetCounters::default();
    for shard in shards {
        let counters = &shard.media;
        for (total, part) in [
            (&mut totals.rtp_in, counters.rtp_in),
            (&mut totals.rtp_out, counters.rtp_out),
            (&mut totals.rtx_in, counters.rtx_in),
            (&mut totals.rtx_out, counters.rtx_out),
        ] {
            *total = Traffic { packets: total.packets + part.packets, bytes: total.bytes + part.bytes };
        }
        totals.nacks_in += counters.nacks_in;
        totals.nacks_out += counters.nacks_out;
        totals.plis_in += counters.plis_in;
        totals.plis_out += counters.plis_out;
        let dropped = drops(shard);
        if totals.drops.is_empty() {
            totals.drops.extend(dropped.iter().map(|(cause, _)| (*cause, 0)));
        }
        totals.drops.iter_mut().zip(&dropped).for_each(|((_, total), (_, part))| *total += part);
        add(&mut net.udp.train_lengths, &shard.net.udp.train_lengths);
        add(&mut net.turn_times.buckets, &shard.net.turn_times.buckets);
        net.turn_times.total_micros += shard.net.turn_times.total_micros;
        totals.shards.push(shard_totals(shard, dropped));
    }
    totals.train_length = trains(&net.udp.train_lengths);
    totals.turn_seconds = turns(&net);
    totals
}

/// What one shard dropped, by every cause there is.
fn drops(shard: &ShardCounters) -> Vec<(&'static str, u64)> {
    let (media, net) = (&shard.media, &shard.net);
    let own = media::Drop::ALL.iter().zip(media.drops).map(|((_, cause), count)| (*cause, count));
    let transports = DropCause::ALL.iter().zip(media.transport_drops).map(|((_, cause), count)| (*cause, count));
    let sockets = [
        ("socket_buffer_full", net.udp.dropped_full),
        ("refused_by_system", net.udp.dropped_refused),
        ("too_big_to_send", net.udp.dropped_too_big),
        ("tcp_reader_too_slow", net.tcp.dropped),
    ];
    own.chain(transports).chain(sockets).collect()
}

fn shard_totals(shard: &ShardCounters, mut drops: Vec<(&'static str, u64)>) -> ShardTotals {
    drops.retain(|(_, count)| *count > 0);
    let traffic = |it: media::Traffic| Traffic { packets: it.packets, bytes: it.bytes };
    ShardTotals {
        shard: shard.shard.0,
        relayed_in: traffic(shard.media.relay_in),
        relayed_out: traffic(shard.media.relay_out),
        holds: [
            ("connections", shard.media.transports as u64),
            ("tracks", shard.media.tracks as u64),
            ("streams", shard.media.streams as u64),
            ("subscriptions", shard.media.forwarders as u64),
        ],
        received: traffic(shard.media.datagrams_in),
        sent: traffic(shard.media.datagrams_out),
        trains: shard.net.udp.train_lengths.iter().sum(),
        padding: shard.media.padding_out,
        probes: shard.media.probes_out,
        paced: shard.media.paced,
        turns: shard.net.turns,
        turn_seconds: shard.net.turn_times.total_micros as f64 / 1e6,
        busy: f64::from(shard.net.busy_permille) / 1000.0,
        drops,
    }
}

fn add<const N: usize>(total: &mut [u64; N], part: &[u64; N]) {
    total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
}

fn trains(lengths: &[u64]) -> Histogram {
    const BOUNDS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
    let mut counts = vec![0; BOUNDS.len() + 1];
    let mut sum = 0;
    for (length, count) in lengths.iter().enumerate() {
        let bucket = BOUNDS.iter().position(|bound| length <= *bound).unwrap_or(BOUNDS.len());
        counts[bucket] += count;
        sum += count * length as u64;
    }
    Histogram { bounds: BOUNDS.map(|bound| bound as f64).to_vec(), counts, sum: sum as f64 }
}

/// Bucket `i` of the shard holds what took less than `2^i` µs; the last has no bound.
fn turns(net: &NetCounters) -> Histogram {
    let buckets = &net.turn_times.buckets;
    let bounds = (0..buckets.len() - 1).map(|i| (1u64 << i) as f64 / 1e6).collect();
    Histogram { bounds, counts: buckets.to_vec(), sum: net.turn_times.total_micros as f64 / 1e6 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_udp_port_is_a_shard_on_every_bound_address() {
        let mut settings = Settings::default();
        settings.rtc.udp_port = "7882-7884".parse().unwrap();
        let addresses = MediaAddresses {
            bind: vec!["0.0.0.0".parse().unwrap(), "::".parse().unwrap()],
            advertise: vec!["203.0.113.7".parse().unwrap()],
        };
        let config = media_config(&settings, &addresses);
        assert_eq!(config.shards.len(), 3);
        assert_eq!(config.shards[2].udp[1].to_string(), "[::]:7884");
        assert_eq!(config.tcp[0].to_string(), "0.0.0.0:7881");
        assert_eq!(config.node_ips, addresses.advertise);
        settings.rtc.tcp_port = 0;
        assert!(media_config(&settings, &addresses).tcp.is_empty());
    }

    #[test]
    fn the_defaults_of_the_settings_are_those_of_the_shards() {
        assert_eq!(tuning(&Settings::default()), Tuning::default());
    }

    #[test]
    fn what_the_operator_sets_reaches_the_shards() {
        let text = "keys: {k: secret-of-at-least-thirty-two-characters}\n\
            rtc:\n  force_tcp: true\n  gather: 300us\n  pin_shards: true\n  busy_poll: true\n  adaptive_video: false\n  packet_buffer_size_video: 600\n  packet_buffer_size_audio: 60\n\
            \x20 datachannel_data_track_target_latency: 250ms\n\
            \x20 pli_throttle: {low_quality: 100ms, mid_quality: 200ms, high_quality: 300ms}\n\
            audio: {active_level: 30, min_percentile: 50, update_interval: 200, smooth_intervals: 4}\n";
        let source = crate::config::Source::Text { name: "c".into(), text: text.into() };
        let settings = crate::config::load(&source, &Default::default(), 1).unwrap().settings;
        let config = media_config(&settings, &MediaAddresses { bind: Vec::new(), advertise: Vec::new() });
        assert!(config.tcp_only && config.pin && config.busy_poll);
        assert_eq!(config.gather, Duration::from_micros(300));
        let expected = Tuning {
            pli_throttle: [100, 200, 300].map(Duration::from_millis),
            adaptive_video: false,
            packets_video: 600,
            packets_audio: 60,
            level: LevelParams { active_level: 30, window_ms: 200, min_percentile: 50, smooth_intervals: 4 },
            speakers_interval: Duration::from_millis(200),
            data_track_latency: Duration::from_millis(250),
        };
        assert_eq!(config.tuning, expected);
    }

    #[test]
    fn from_how_many_participants_on_a_room_takes_another_shard_is_the_operators_to_say() {
        let mut settings = Settings::default();
        assert_eq!(rooms_settings(&settings, "ND_x").shard_participants, 200);
        settings.rtc.room_shard_participants = 0;
        assert_eq!(rooms_settings(&settings, "ND_x").shard_participants, 0);
    }

    #[test]
    fn trains_fall_into_powers_of_two() {
        let mut lengths = [0; 65];
        (lengths[1], lengths[3], lengths[64]) = (5, 2, 1);
        let histogram = trains(&lengths);
        assert_eq!(histogram.counts, [5, 0, 2, 0, 0, 0, 1, 0]);
        assert_eq!(histogram.sum, 75.0);
    }
}

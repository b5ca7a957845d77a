#![allow(clippy::unwrap_used)]

use super::*;
use std::time::Duration;

fn load_text(text: &str) -> Result<Loaded, ConfigError> {
    let source = Source::Text { name: "livekit.yaml".into(), text: text.into() };
    let overrides = Overrides { api_key: Some(("k".into(), Secret::new("s".repeat(32)))), ..Overrides::default() };
    load(&source, &overrides, 2)
}

fn dev() -> Overrides {
    Overrides { dev: true, ..Overrides::default() }
}

fn errors(text: &str) -> Vec<String> {
    load_text(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn dev_mode_stays_on_the_machine_with_livekits_keys_and_ports() {
    let settings = load(&Source::None, &dev(), 8).unwrap().settings;
    assert_eq!(settings.bind_addresses, ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    assert_eq!((settings.port, settings.rtc.tcp_port), (7880, 7881));
    assert_eq!(settings.rtc.udp_port, PortRange::single(7882));
    let keys: Vec<_> = settings.keys.iter().map(|(key, secret)| (key, secret.reveal())).collect();
    assert_eq!(keys, [("devkey", "secret")]);
    assert_eq!(settings.logging.level, LogLevel::Debug);
}

#[test]
fn bind_and_node_ip_win_over_dev_modes_loopback() {
    let overrides = Overrides {
        bind: vec!["0.0.0.0".parse().unwrap()],
        node_ip: "10.77.0.1".parse().unwrap(),
        udp_port: Some("7900-7901".parse().unwrap()),
        port: Some(0),
        ..dev()
    };
    let settings = load(&Source::None, &overrides, 1).unwrap().settings;
    assert_eq!(settings.bind_addresses, ["0.0.0.0".parse::<IpAddr>().unwrap()]);
    assert_eq!((settings.rtc.udp_port.count(), settings.port), (2, 0));
    assert!(!settings.rtc.node_ip.is_empty());
}

#[test]
fn without_keys_a_server_does_not_start_and_says_what_to_do() {
    let error = load(&Source::None, &Overrides::default(), 1).unwrap_err().to_string();
    assert!(error.contains("LIVEKIT_API_KEY") && error.contains("--dev"), "{error}");
}

#[test]
fn a_whole_livekit_yaml_is_read_as_it_is() {
    let loaded = load_text(
        "port: 7880\nbind_addresses:\n  - ''\nredis:\n  address: redis:6379\n  tls:\n    enabled: true\n\
         rtc:\n  port_range_start: 50000\n  port_range_end: 60000\n  tcp_port: 7881\n  use_external_ip: true\n\
         \x20 stun_servers: [stun.example.org:3478]\n  turn_servers:\n    - host: turn.example.org\n      port: 443\n\
         \x20     protocol: tls\n      secret: hush\n  congestion_control:\n    enabled: true\n    allow_pause: true\n\
         \x20 allow_tcp_fallback: true\n  packet_buffer_size_video: 500\n  pli_throttle:\n    low_quality: 500ms\n\
         \x20   mid_quality: 1s\n  use_ice_lite: true\n  interfaces:\n    excludes: [docker0]\n\
         \x20 ips:\n    includes: [10.0.0.0/16]\n  batch_io:\n    batch_size: 128\n    max_flush_interval: 2ms\n\
         prometheus_port: 6789\nkeys:\n  key1: secret1secret1secret1secret1secret1\n\
         logging:\n  level: warn\n  json: true\n  sample: false\n  pion_level: error\n\
         room:\n  auto_create: false\n  empty_timeout: 300\n  enabled_codecs:\n    - mime: audio/opus\n\
         \x20   - mime: video/vp8\n  playout_delay:\n    enabled: true\n    min: 100\n\
         webhook:\n  api_key: key1\n  urls: [https://example.org]\nturn:\n  enabled: false\n\
         limit:\n  num_tracks: -1\n  bytes_per_sec: 1_000_000_000\n  max_metadata_size: 0\n\
         audio:\n  active_level: 30\n  update_interval: 500\n  smooth_intervals: 4\n",
    )
    .unwrap();
    let warned: Vec<&str> = loaded.warnings.iter().map(|warning| warning.key.as_str()).collect();
    let lacking = [
        "redis",
        "rtc.use_external_ip",
        "rtc.congestion_control",
        "rtc.batch_io",
        "logging.pion_level",
        "room.playout_delay",
        "webhook",
        "turn",
        "limit.bytes_per_sec",
    ];
    assert_eq!(warned, lacking);
    assert!(loaded.warnings.iter().all(|warning| warning.to_string().starts_with("livekit.yaml:")));
    let settings = loaded.settings;
    assert_eq!(settings.rtc.udp_port.to_string(), "50000-50001");
    assert_eq!(settings.prometheus.port, 6789);
    assert_eq!(settings.room.enabled_codecs.len(), 2);
    assert!(!settings.room.auto_create && settings.logging.json);
    assert_eq!(settings.rtc.turn_servers[0].protocol, TurnProtocol::Tls);
    assert_eq!(settings.rtc.turn_servers[0].ttl, Duration::from_secs(14_400));
    assert_eq!(settings.limit.num_tracks, None);
    assert_eq!(settings.audio.update_interval, Duration::from_millis(500));
}

#[test]
fn every_mistake_names_file_line_and_key() {
    let found = errors("port: many\nrtc:\n  udp_prt: 7882\n  node_ip: 300.0.0.1\nredis:\n  adress: x\nnonsense: 1\n");
    let starts = [
        "livekit.yaml:1:7: port: expected a port",
        "livekit.yaml:3:3: rtc.udp_prt: unknown key; did you mean `udp_port`?",
        "livekit.yaml:4:12: rtc.node_ip: `300.0.0.1`",
        "livekit.yaml:6:3: redis.adress: unknown key; did you mean `address`?",
        "livekit.yaml:7:1: nonsense: unknown key",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}");
    }
}

#[test]
fn wrong_types_are_errors_at_the_value() {
    for text in [
        "room: 7\n",
        "keys: [a]\n",
        "rtc:\n  turn_servers: x\n",
        "room:\n  auto_create: 'true'\n",
        "room:\n  empty_timeout: -1\n",
        "rtc:\n  pli_throttle:\n    low_quality: 5\n",
        "rtc:\n  pli_throttle:\n    low_quality: 1ms\n",
        "rtc:\n  pli_throttle:\n    high_quality: 1h\n",
        "rtc:\n  packet_buffer_size_video: 100000\n",
        "audio:\n  update_interval: 5\n",
        "audio:\n  update_interval: 100000\n",
        "bind_addresses: [nowhere]\n",
        "room:\n  enabled_codecs:\n    - mime: video/theora\n",
        "rtc:\n  udp_port: {start: 7885, end: 7882}\n",
        "logging:\n  level: loud\n",
        "a: [\n",
    ] {
        assert_eq!(errors(text).len(), 1, "{text}");
    }
}

#[test]
fn a_udp_port_is_written_in_any_of_livekits_ways() {
    for text in ["7882-7883", "'7882-7883'", "{start: 7882, end: 7883}"] {
        let settings = load_text(&format!("rtc:\n  udp_port: {text}\n")).unwrap().settings;
        assert_eq!(settings.rtc.udp_port.to_string(), "7882-7883", "{text}");
    }
    let settings = load_text("rtc:\n  node_ip: {ipv4: 192.0.2.1, ipv6: '2001:db8::1'}\n").unwrap().settings;
    assert_eq!(settings.rtc.node_ip.iter().count(), 2);
}

#[test]
fn to_force_tcp_without_a_tcp_port_is_worth_a_warning() {
    for (port, warnings) in [(7881, 0), (0, 1)] {
        let loaded = load_text(&format!("rtc:\n  force_tcp: true\n  tcp_port: {port}\n")).unwrap();
        assert_eq!(loaded.warnings.len(), warnings, "{:?}", loaded.warnings);
    }
}

#[test]
fn a_range_of_ports_gives_no_more_shards_than_make_sense() {
    let loaded = load_text("rtc:\n  udp_port: 10000-20000\n").unwrap();
    assert_eq!((loaded.settings.rtc.udp_port.count(), loaded.warnings.len()), (64, 1));
}

#[test]
fn keys_keep_their_order_and_text_and_never_show() {
    let text = "keys:\n  b: 00000000000000000000000000000000012\n  a: yes-this-is-a-secret-of-good-length-too\n";
    let settings = load_text(text).unwrap().settings;
    let keys: Vec<_> = settings.keys.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["b", "a", "k"]);
    assert_eq!(settings.keys.iter().next().unwrap().1.reveal(), "00000000000000000000000000000000012");
    assert!(!format!("{settings:?}").contains("00000000"));
    let mistake = errors("keys:\n  a: [hush]\n").join("\n");
    assert!(!mistake.contains("hush"), "{mistake}");
}

#[test]
fn keys_of_the_command_line_replace_and_the_pair_of_the_environment_joins() {
    let source = Source::Text { name: "c".into(), text: "keys: {a: secret-of-the-file}\n".into() };
    let overrides = Overrides {
        keys: Some(Secret::new("b: secret-of-the-flag\nc: 123")),
        api_key: Some(("d".into(), Secret::new("pair"))),
        ..dev()
    };
    let settings = load(&source, &overrides, 1).unwrap().settings;
    let keys: Vec<_> = settings.keys.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["b", "c", "d"]);
    let broken = Overrides { keys: Some(Secret::new("b:secret-without-space")), ..dev() };
    let error = load(&source, &broken, 1).unwrap_err().to_string();
    assert!(error.contains("with the space") && !error.contains("secret-without"), "{error}");
}

#[test]
fn a_key_file_that_everybody_can_read_is_refused() {
    let path = std::env::temp_dir().join(format!("visavis-keys-{}", std::process::id()));
    fs::write(&path, "a: secret-of-the-key-file-that-is-long-enough\n").unwrap();
    let overrides = Overrides { key_file: Some(path.clone()), ..Overrides::default() };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = load(&Source::None, &overrides, 1).unwrap_err().to_string();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let accepted = load(&Source::None, &overrides, 1);
    fs::remove_file(&path).unwrap();
    assert!(refused.contains("chmod o-rwx"), "{refused}");
    assert_eq!(accepted.unwrap().settings.keys.iter().count(), 1);
}

#[test]
fn a_short_secret_is_a_warning_outside_dev_mode() {
    let loaded = load_text("keys: {short: secret}\n").unwrap();
    assert_eq!(loaded.warnings[0].key, "keys.short");
}

#[test]
fn printed_settings_read_back_as_themselves_but_for_the_secrets() {
    let text = "development: true\nkeys: {k: hush}\nrtc:\n  node_ip: 192.0.2.1\n  ips: {excludes: [10.0.0.0/8]}\n\
                \x20 turn_servers: [{host: h, port: 3478, secret: hush}]\nlimit: {num_tracks: 5}\n\
                prometheus: {port: 1, username: u, password: hush}\n";
    let loaded = load(&Source::Text { name: "c".into(), text: text.into() }, &Overrides::default(), 1).unwrap();
    let printed = serde_saphyr::to_string(&loaded.settings).unwrap();
    assert!(!printed.contains("hush") && printed.contains(MASK), "{printed}");
    let again = load(&Source::Text { name: "d".into(), text: printed.clone() }, &Overrides::default(), 1).unwrap();
    assert!(again.warnings.is_empty(), "{:?}", again.warnings);
    assert_eq!(serde_saphyr::to_string(&again.settings).unwrap(), printed);
}

#[test]
fn the_sample_configuration_has_no_fault() {
    let loaded = load_text(include_str!("../../config/visavis.sample.yaml")).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.settings.limit, LimitSettings::default());
    let accounts = AccountSettings { max_concurrent_hashes: 2, ..AccountSettings::default() };
    assert_eq!(loaded.settings.office, OfficeSettings { accounts, ..OfficeSettings::default() });
}

//! From the document to the settings: which key holds what, and in which unit LiveKit writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::logging::{LogLevel, LoggingSettings};
use super::office_read::{SecretFiles, office};
use super::problem::Problems;
use super::reader::{Section, boolean, duration, list, number, parsed, port, secret, text};
use super::secret::Secret;
use super::settings::{
    AudioSettings, CodecSpec, LimitSettings, PrometheusSettings, RoomSettings, RtcSettings, Settings, TurnProtocol,
    TurnServer,
};
use super::values::PortRange;
use super::yaml::{Node, Value};

/// LiveKit's default for `rtc.turn_servers[].ttl`.
const TURN_TTL: Duration = Duration::from_secs(14_400);

/// What a document says, before flags and environment have spoken.
pub(super) struct Document {
    /// The settings; where the document is silent, the defaults.
    pub(super) settings: Settings,
    /// `key_file`.
    pub(super) key_file: Option<PathBuf>,
    /// Whether the document names the UDP ports.
    pub(super) udp_ports_named: bool,
    /// The ports of `rtc.port_range_start` and `rtc.port_range_end`.
    pub(super) port_range: Option<PortRange>,
    /// Whether the document names a log level.
    pub(super) level_named: bool,
    /// `rtc.turn_servers[].secret_file` by index.
    pub(super) turn_secret_files: Vec<(usize, PathBuf)>,
    /// The office wing's files of secrets.
    pub(super) office_files: SecretFiles,
}

/// Reads a document.
pub(super) fn document(file: &str, node: &Node, problems: &mut Problems) -> Document {
    let mut document = Document {
        settings: Settings::default(),
        key_file: None,
        udp_ports_named: false,
        port_range: None,
        level_named: false,
        turn_secret_files: Vec::new(),
        office_files: SecretFiles::default(),
    };
    let mut root = Section::root(file, node, problems);
    let settings = &mut document.settings;
    root.set("port", &mut settings.port, port);
    if let Some(addresses) = root.get("bind_addresses", list(bind_address)) {
        let mut addresses: Vec<IpAddr> = addresses.into_iter().flatten().collect();
        addresses.dedup();
        if !addresses.is_empty() {
            settings.bind_addresses = addresses;
            settings.bind_is_default = false;
        }
    }
    if let Some(keys) = root.get("keys", key_map) {
        keys.into_iter().for_each(|(key, secret)| settings.keys.insert(key, secret));
    }
    document.key_file = root.get("key_file", text).filter(|file| !file.is_empty()).map(PathBuf::from);
    root.set("development", &mut settings.development, boolean);
    root.set("region", &mut settings.region, text);
    root.set("enable_data_tracks", &mut settings.enable_data_tracks, boolean);
    // Deprecated in favour of `logging.level` and `prometheus.port`, which win.
    if let Some(level) = root.get("log_level", log_level) {
        settings.logging.level = level;
        document.level_named = true;
    }
    root.set("prometheus_port", &mut settings.prometheus.port, port);

    root.section("prometheus", |section| prometheus(section, &mut settings.prometheus));
    root.section("logging", |section| {
        let before = document.level_named;
        document.level_named = logging(section, &mut settings.logging) || before;
    });
    root.section("room", |section| room(section, &mut settings.room, &mut settings.limit));
    root.section("limit", |section| limit(section, &mut settings.limit));
    root.section("audio", |section| audio(section, &mut settings.audio));
    document.office_files = office(&mut root, &mut settings.office);
    let (mut ports_named, mut port_range, mut secret_files) = (false, None, Vec::new());
    root.section("rtc", |section| {
        ports_named = rtc(section, &mut settings.rtc);
        port_range = port_range_keys(section);
        section.sections("turn_servers", |section| {
            let file = turn_server(section, &mut settings.rtc.turn_servers);
            secret_files.extend(file.map(|file| (settings.rtc.turn_servers.len() - 1, file)));
        });
    });
    root.finish();
    Document { udp_ports_named: ports_named, port_range, turn_secret_files: secret_files, ..document }
}

fn prometheus(section: &mut Section<'_>, settings: &mut PrometheusSettings) {
    section.set("port", &mut settings.port, port);
    section.set("username", &mut settings.username, text);
    section.set("password", &mut settings.password, secret);
}

fn logging(section: &mut Section<'_>, settings: &mut LoggingSettings) -> bool {
    section.set("json", &mut settings.json, boolean);
    section.fixed("sample", false, "nothing is sampled");
    match section.get("level", log_level) {
        Some(level) => {
            settings.level = level;
            true
        }
        None => false,
    }
}

fn room(section: &mut Section<'_>, settings: &mut RoomSettings, limits: &mut LimitSettings) {
    section.set("auto_create", &mut settings.auto_create, boolean);
    section.set("max_participants", &mut settings.max_participants, number);
    section.set("empty_timeout", &mut settings.empty_timeout, seconds);
    section.set("departure_timeout", &mut settings.departure_timeout, seconds);
    section.set("enable_remote_unmute", &mut settings.enable_remote_unmute, boolean);
    section.fixed("sync_streams", false, "sender reports keep audio and video of a participant together");
    let mut codecs = Vec::new();
    let place = section.place("enabled_codecs");
    section.sections("enabled_codecs", |section| {
        let mut codec = CodecSpec::default();
        let place = section.place("mime");
        section.set("mime", &mut codec.mime, text);
        section.set("fmtp_line", &mut codec.fmtp_line, text);
        if let Some(place) = place
            && !known_mime(&codec.mime)
        {
            section.error("mime", place, format!("`{}` is no codec that can be forwarded", codec.mime));
        }
        codecs.push(codec);
    });
    if place.is_some() && !codecs.is_empty() {
        settings.enabled_codecs = codecs;
    }
    // Moved to `limit`, which is read later and wins.
    section.set("max_metadata_size", &mut limits.max_metadata_size, number);
    section.set("max_room_name_length", &mut limits.max_room_name_length, number);
    section.set("max_participant_identity_length", &mut limits.max_participant_identity_length, number);
}

fn limit(section: &mut Section<'_>, settings: &mut LimitSettings) {
    if let Some(tracks) = section.get("num_tracks", number::<i64>) {
        settings.num_tracks = u32::try_from(tracks).ok();
    }
    // LiveKit takes anything below 1 for "no limit".
    let unlimited = |node: &Node| number::<i64>(node).map(|limit| u32::try_from(limit).unwrap_or(0));
    section.set("subscription_limit_video", &mut settings.subscription_limit_video, unlimited);
    section.set("subscription_limit_audio", &mut settings.subscription_limit_audio, unlimited);
    section.set("max_metadata_size", &mut settings.max_metadata_size, number);
    section.set("max_attributes_size", &mut settings.max_attributes_size, number);
    section.set("max_room_name_length", &mut settings.max_room_name_length, number);
    section.set("max_participant_identity_length", &mut settings.max_participant_identity_length, number);
    section.set("max_participant_name_length", &mut settings.max_participant_name_length, number);
    section.set("max_data_track_custom_encoding_length", &mut settings.max_data_track_custom_encoding_length, number);
}

fn audio(section: &mut Section<'_>, settings: &mut AudioSettings) {
    section.set("active_level", &mut settings.active_level, at_most(127));
    section.set("min_percentile", &mut settings.min_percentile, at_most(100));
    let millis = |node: &Node| match number::<u64>(node)? {
        millis @ 10..=60_000 => Ok(Duration::from_millis(millis)),
        // An interval of nothing would keep the media thread busy with announcing speakers.
        millis => Err(format!("{millis} ms are out of range (10 to 60000)")),
    };
    section.set("update_interval", &mut settings.update_interval, millis);
    section.set("smooth_intervals", &mut settings.smooth_intervals, number);
}

fn rtc(section: &mut Section<'_>, settings: &mut RtcSettings) -> bool {
    let named = section.get("udp_port", udp_ports);
    if let Some(ports) = named {
        settings.udp_port = ports;
    }
    section.set("tcp_port", &mut settings.tcp_port, port);
    section.set("node_ip", &mut settings.node_ip, node_ip);
    section.set("force_tcp", &mut settings.force_tcp, boolean);
    section.set("stun_servers", &mut settings.stun_servers, list(text));
    section.section("interfaces", |section| {
        section.set("includes", &mut settings.interfaces.includes, list(text));
        section.set("excludes", &mut settings.interfaces.excludes, list(text));
    });
    section.section("ips", |section| {
        section.set("includes", &mut settings.ips.includes, list(parsed));
        section.set("excludes", &mut settings.ips.excludes, list(parsed));
    });
    section.set("enable_loopback_candidate", &mut settings.enable_loopback_candidate, boolean);
    section.set("packet_buffer_size_video", &mut settings.packet_buffer_size_video, buffer_size);
    section.set("packet_buffer_size_audio", &mut settings.packet_buffer_size_audio, buffer_size);
    section.set("adaptive_video", &mut settings.adaptive_video, boolean);
    section.set("gather", &mut settings.gather, |node| match duration(node)? {
        gather if gather <= Duration::from_millis(1) => Ok(gather),
        _ => Err("out of range (0 to 1ms)".to_owned()),
    });
    section.set("room_shard_participants", &mut settings.room_shard_participants, number);
    section.set("pin_shards", &mut settings.pin_shards, boolean);
    section.set("busy_poll", &mut settings.busy_poll, boolean);
    section.section("pli_throttle", |section| {
        section.set("low_quality", &mut settings.pli_throttle.low_quality, throttle);
        section.set("mid_quality", &mut settings.pli_throttle.mid_quality, throttle);
        section.set("high_quality", &mut settings.pli_throttle.high_quality, throttle);
    });
    let latency = &mut settings.datachannel_data_track_target_latency;
    section.set("datachannel_data_track_target_latency", latency, duration);
    section.fixed("use_ice_lite", true, "this server is always ICE-lite");
    section.fixed("use_mdns", false, "mDNS names are ignored");
    section.fixed(
        "use_external_ip",
        false,
        "nothing is asked of a STUN server; name the public address in rtc.node_ip",
    );
    section.fixed("allow_tcp_fallback", true, "ICE-TCP is offered whenever rtc.tcp_port is set; 0 switches it off");
    named.is_some()
}

/// `port_range_start` and `port_range_end`. LiveKit opens a port of the range for each connection; here a port is a
/// shard that all connections share, so as many of the first ones are used as there are processors.
fn port_range_keys(section: &mut Section<'_>) -> Option<PortRange> {
    let place = section.place("port_range_end").or(section.place("port_range_start"))?;
    let start = section.get("port_range_start", port).unwrap_or(0);
    let end = section.get("port_range_end", port).unwrap_or(0);
    if start == 0 || end == 0 {
        return None;
    }
    PortRange::new(start, end).map_err(|message| section.error("port_range_end", place, message)).ok()
}

fn turn_server(section: &mut Section<'_>, servers: &mut Vec<TurnServer>) -> Option<PathBuf> {
    let mut server = TurnServer { ttl: TURN_TTL, ..TurnServer::default() };
    section.set("host", &mut server.host, text);
    section.set("port", &mut server.port, port);
    section.set("protocol", &mut server.protocol, |node| match text(node)?.as_str() {
        "udp" | "" => Ok(TurnProtocol::Udp),
        "tcp" => Ok(TurnProtocol::Tcp),
        "tls" => Ok(TurnProtocol::Tls),
        other => Err(format!("expected tls, tcp or udp, found `{other}`")),
    });
    section.set("username", &mut server.username, text);
    section.set("credential", &mut server.credential, secret);
    section.set("secret", &mut server.secret, secret);
    section.set("ttl", &mut server.ttl, |node| match seconds(node)? {
        Duration::ZERO => Ok(TURN_TTL),
        ttl => Ok(ttl),
    });
    let file = section.get("secret_file", text).filter(|file| !file.is_empty());
    let file = file.filter(|_| server.secret.is_empty()).map(PathBuf::from);
    servers.push(server);
    file
}

/// An empty address means every one of them to LiveKit.
fn bind_address(node: &Node) -> Result<Vec<IpAddr>, String> {
    match text(node)?.as_str() {
        "" => Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]),
        address => {
            address.parse().map(|address| vec![address]).map_err(|_| format!("`{address}` is not an IP address"))
        }
    }
}

/// A mapping of API keys to secrets.
pub(super) fn key_map(node: &Node) -> Result<Vec<(String, Secret)>, String> {
    let Value::Map(entries) = &node.value else {
        return Err("expected `key: secret`, with the space, one a line".to_owned());
    };
    entries
        .iter()
        .map(|entry| match secret(&entry.node) {
            Ok(secret) if !secret.is_empty() => Ok((entry.key.clone(), secret)),
            _ => Err(format!("the key `{}` in line {} has no secret", entry.key, entry.place.line)),
        })
        .collect()
}

/// A port, a range with a dash, or a mapping of `start` and `end`.
fn udp_ports(node: &Node) -> Result<PortRange, String> {
    let Value::Map(entries) = &node.value else { return parsed(node) };
    let (mut start, mut end) = (None, None);
    for entry in entries {
        match entry.key.as_str() {
            "start" => start = Some(port(&entry.node)?),
            "end" => end = Some(port(&entry.node)?),
            other => return Err(format!("unknown key `{other}`; a range has `start` and `end`")),
        }
    }
    let start = start.ok_or("a range needs a `start`")?;
    PortRange::new(start, end.filter(|end| *end != 0).unwrap_or(start))
}

/// One address, two with a comma between, or a mapping of `ipv4` and `ipv6`.
fn node_ip(node: &Node) -> Result<super::values::NodeIp, String> {
    let Value::Map(entries) = &node.value else { return parsed(node) };
    let mut ips = super::values::NodeIp::default();
    for entry in entries {
        if !matches!(entry.key.as_str(), "ipv4" | "ipv6") {
            return Err(format!("unknown key `{}`; it has `ipv4` and `ipv6`", entry.key));
        }
        let ip: IpAddr = text(&entry.node)?.parse().map_err(|_| format!("{} is not an IP address", entry.key))?;
        if ip.is_ipv4() != (entry.key == "ipv4") {
            return Err(format!("{ip} is no {} address", entry.key));
        }
        ips.add(ip)?;
    }
    Ok(ips)
}

fn log_level(node: &Node) -> Result<LogLevel, String> {
    match text(node)?.to_ascii_lowercase().as_str() {
        "debug" | "trace" => Ok(LogLevel::Debug),
        "info" | "" => Ok(LogLevel::Info),
        "warn" | "warning" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        other => Err(format!("expected debug, info, warn or error, found `{other}`")),
    }
}

fn seconds(node: &Node) -> Result<Duration, String> {
    number::<u32>(node).map(|seconds| Duration::from_secs(seconds.into()))
}

fn buffer_size(node: &Node) -> Result<usize, String> {
    match number::<usize>(node)? {
        size @ 16..=8192 => Ok(size),
        size => Err(format!("{size} packets are out of range (16 to 8192)")),
    }
}

/// A layer that is asked without pause sends nothing but key frames; one that is asked too seldom stays black.
fn throttle(node: &Node) -> Result<Duration, String> {
    let interval = duration(node)?;
    let possible = Duration::from_millis(10)..=Duration::from_secs(60);
    if possible.contains(&interval) { Ok(interval) } else { Err("out of range (10ms to 1m)".to_owned()) }
}

fn at_most(max: u8) -> impl Fn(&Node) -> Result<u8, String> {
    move |node| match number::<u8>(node) {
        Ok(value) if value <= max => Ok(value),
        Ok(value) => Err(format!("{value} is out of range (0 to {max})")),
        Err(message) => Err(message),
    }
}

/// MIME types that `rtp` can forward, besides retransmission.
fn known_mime(mime: &str) -> bool {
    const KNOWN: [&str; 11] = [
        "audio/opus",
        "audio/red",
        "audio/pcmu",
        "audio/pcma",
        "audio/g722",
        "video/vp8",
        "video/vp9",
        "video/h264",
        "video/h265",
        "video/av1",
        "video/rtx",
    ];
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(mime))
}

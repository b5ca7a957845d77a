//! The settings of a running server, complete: every default is filled in, every unit is in a type.
//!
//! Field names and nesting are LiveKit's keys (`pkg/config/config.go`), and so are the defaults; where ours differ,
//! the field says so. Serialising gives the YAML that `visavis config check` prints, with secrets masked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::logging::LoggingSettings;
use super::office::OfficeSettings;
use super::secret::Secret;
use super::values::{IpNet, NodeIp, PortRange, serialize_duration, serialize_millis, serialize_seconds};

/// Everything a server is told before it starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// TCP port of HTTP and WebSocket; 0 lets the system choose.
    pub port: u16,
    /// Addresses that HTTP listens on.
    pub bind_addresses: Vec<IpAddr>,
    /// True when nobody chose the bind addresses: one that the machine lacks (IPv6 switched off) is then skipped.
    #[serde(skip)]
    pub bind_is_default: bool,
    /// API keys; the first signs what the server itself issues.
    pub keys: ApiKeys,
    /// Development mode: a page to try the server on, and tokens for whoever asks.
    pub development: bool,
    /// Name of the region, as `ServerInfo` tells it to clients.
    pub region: String,
    /// Whether participants may publish data tracks.
    pub enable_data_tracks: bool,
    /// Media.
    pub rtc: RtcSettings,
    /// Rooms.
    pub room: RoomSettings,
    /// Limits.
    pub limit: LimitSettings,
    /// Active speakers.
    pub audio: AudioSettings,
    /// Logging.
    pub logging: LoggingSettings,
    /// Metrics.
    pub prometheus: PrometheusSettings,
    /// The office wing, whose keys stand beside LiveKit's.
    #[serde(flatten)]
    pub office: OfficeSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 7880,
            bind_addresses: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            bind_is_default: true,
            keys: ApiKeys::default(),
            development: false,
            region: String::new(),
            enable_data_tracks: true,
            rtc: RtcSettings::default(),
            room: RoomSettings::default(),
            limit: LimitSettings::default(),
            audio: AudioSettings::default(),
            logging: LoggingSettings::default(),
            prometheus: PrometheusSettings::default(),
            office: OfficeSettings::default(),
        }
    }
}

/// API keys and their secrets, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiKeys(Vec<(String, Secret)>);

impl ApiKeys {
    /// Adds a key; one of the same name gets the new secret and keeps its place.
    pub fn insert(&mut self, key: String, secret: Secret) {
        match self.0.iter_mut().find(|(held, _)| *held == key) {
            Some((_, held)) => *held = secret,
            None => self.0.push((key, secret)),
        }
    }

    /// Key and secret, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(key, secret)| (key.as_str(), secret))
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for ApiKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, secret) in &self.0 {
            map.serialize_entry(key, secret)?;
        }
        map.end()
    }
}

/// Ports, addresses and the treatment of media (`rtc`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RtcSettings {
    /// UDP ports, each of them one shard. Ports taken from `port_range_start` and `port_range_end` stand here as well.
    pub udp_port: PortRange,
    /// TCP port of ICE-TCP; 0 switches it off.
    pub tcp_port: u16,
    /// The addresses to tell clients, where the machine's own are not the ones that reach it.
    pub node_ip: NodeIp,
    /// Offers clients no UDP candidates, to try how ICE-TCP does.
    pub force_tcp: bool,
    /// STUN servers that clients are told of (`host:port`).
    pub stun_servers: Vec<String>,
    /// TURN servers that clients are told of.
    pub turn_servers: Vec<TurnServer>,
    /// Which interfaces media uses, by name.
    pub interfaces: Filter<String>,
    /// Which of the machine's addresses media uses.
    pub ips: Filter<IpNet>,
    /// Offers loopback addresses beside the others.
    pub enable_loopback_candidate: bool,
    /// Video packets kept per stream for retransmission.
    pub packet_buffer_size_video: usize,
    /// Audio packets kept per stream for retransmission.
    pub packet_buffer_size_audio: usize,
    /// Video follows what the way to each subscriber is estimated to carry. Off, every subscriber is sent what it asks for.
    pub adaptive_video: bool,
    /// Participants of one room on one shard before the room takes the shard with the least to do besides; 0 for never.
    pub room_shard_participants: u32,
    /// How long a packet may wait for others to the same destination, at most a millisecond; 0 for not at all.
    #[serde(serialize_with = "serialize_duration")]
    pub gather: Duration,
    /// Each shard's thread stays on a processor of its own.
    pub pin_shards: bool,
    /// Shards ask the kernel for datagrams without a pause: a whole processor for each, for the least delay.
    pub busy_poll: bool,
    /// Least time between key-frame requests to one publisher.
    pub pli_throttle: PliThrottle,
    /// A subscriber of data tracks that is behind for longer than this misses packets; 0 for never.
    #[serde(serialize_with = "serialize_duration")]
    pub datachannel_data_track_target_latency: Duration,
}

impl Default for RtcSettings {
    fn default() -> Self {
        Self {
            udp_port: PortRange::single(7882),
            tcp_port: 7881,
            node_ip: NodeIp::default(),
            force_tcp: false,
            stun_servers: Vec::new(),
            turn_servers: Vec::new(),
            interfaces: Filter::default(),
            ips: Filter::default(),
            enable_loopback_candidate: false,
            packet_buffer_size_video: 500,
            packet_buffer_size_audio: 200,
            adaptive_video: true,
            room_shard_participants: 200,
            gather: Duration::from_micros(250),
            pin_shards: false,
            busy_poll: false,
            pli_throttle: PliThrottle::default(),
            datachannel_data_track_target_latency: Duration::from_millis(100),
        }
    }
}

/// An inclusion and an exclusion list. Where both are given only the first counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filter<T> {
    /// Only these, when not empty.
    pub includes: Vec<T>,
    /// All but these.
    pub excludes: Vec<T>,
}

impl<T> Default for Filter<T> {
    fn default() -> Self {
        Self { includes: Vec::new(), excludes: Vec::new() }
    }
}

impl<T> Filter<T> {
    /// Whether something may be used, `matches` saying whether a list's element means it.
    pub fn allows(&self, matches: impl Fn(&T) -> bool) -> bool {
        if self.includes.is_empty() { !self.excludes.iter().any(matches) } else { self.includes.iter().any(matches) }
    }
}

/// A TURN server that clients are told of (`rtc.turn_servers`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TurnServer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How clients reach it.
    pub protocol: TurnProtocol,
    /// Fixed user name, where there is no shared secret.
    pub username: String,
    /// Fixed password.
    pub credential: Secret,
    /// Shared secret from which a user name and password are made for each participant
    /// (draft-uberti-behave-turn-rest).
    pub secret: Secret,
    /// How long such a password is valid.
    #[serde(serialize_with = "serialize_seconds")]
    pub ttl: Duration,
}

/// How a TURN server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnProtocol {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// Least time between key-frame requests to one publisher, by simulcast layer (`rtc.pli_throttle`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PliThrottle {
    /// Lowest layer.
    #[serde(serialize_with = "serialize_duration")]
    pub low_quality: Duration,
    /// Middle layer.
    #[serde(serialize_with = "serialize_duration")]
    pub mid_quality: Duration,
    /// Highest layer.
    #[serde(serialize_with = "serialize_duration")]
    pub high_quality: Duration,
}

impl Default for PliThrottle {
    fn default() -> Self {
        Self {
            low_quality: Duration::from_millis(500),
            mid_quality: Duration::from_secs(1),
            high_quality: Duration::from_secs(1),
        }
    }
}

/// What rooms are like unless their creator says otherwise (`room`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoomSettings {
    /// Whether joining an unknown room creates it.
    pub auto_create: bool,
    /// Codecs that may be published and subscribed to.
    pub enabled_codecs: Vec<CodecSpec>,
    /// Most participants, agents and recorders not counted; 0 for no limit.
    pub max_participants: u32,
    /// How long a room waits for its first participant.
    #[serde(serialize_with = "serialize_seconds")]
    pub empty_timeout: Duration,
    /// How long a room stays after its last participant left.
    #[serde(serialize_with = "serialize_seconds")]
    pub departure_timeout: Duration,
    /// Whether the server API may unmute a track.
    pub enable_remote_unmute: bool,
}

impl Default for RoomSettings {
    fn default() -> Self {
        const CODECS: [&str; 10] = [
            "audio/PCMU",
            "audio/PCMA",
            "audio/opus",
            "audio/red",
            "video/VP8",
            "video/H264",
            "video/VP9",
            "video/AV1",
            "video/H265",
            "video/rtx",
        ];
        let enabled_codecs =
            CODECS.iter().map(|mime| CodecSpec { mime: (*mime).to_owned(), fmtp_line: String::new() }).collect();
        Self {
            auto_create: true,
            enabled_codecs,
            max_participants: 0,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            enable_remote_unmute: false,
        }
    }
}

/// A codec by MIME type (`video/VP8`, in any case), optionally only with these format parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodecSpec {
    /// MIME type.
    pub mime: String,
    /// Format parameters; empty for any.
    pub fmtp_line: String,
}

/// Limits (`limit`), in bytes where nothing else is said; 0 for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitSettings {
    /// Most tracks in and out of this server; joining one that is full is refused with 503. `None` for no limit.
    #[serde(serialize_with = "serialize_limit")]
    pub num_tracks: Option<u32>,
    /// Most video tracks that a participant receives at one time.
    pub subscription_limit_video: u32,
    /// Most audio tracks that a participant receives at one time.
    pub subscription_limit_audio: u32,
    /// Largest metadata of a room or participant.
    pub max_metadata_size: usize,
    /// Largest sum of a participant's attributes, keys and values.
    pub max_attributes_size: usize,
    /// Longest room name.
    pub max_room_name_length: usize,
    /// Longest identity.
    pub max_participant_identity_length: usize,
    /// Longest participant name.
    pub max_participant_name_length: usize,
    /// Longest name of a data track's custom encoding.
    pub max_data_track_custom_encoding_length: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            num_tracks: None,
            subscription_limit_video: 0,
            subscription_limit_audio: 0,
            max_metadata_size: 512 * 1024,
            max_attributes_size: 64 * 1024,
            max_room_name_length: 256,
            max_participant_identity_length: 256,
            max_participant_name_length: 256,
            max_data_track_custom_encoding_length: 32,
        }
    }
}

/// LiveKit writes "no limit" as -1.
fn serialize_limit<S: Serializer>(limit: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(limit.map_or(-1, i64::from))
}

/// Who counts as speaking (`audio`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AudioSettings {
    /// Quietest level that counts as active, in -dBov: 0 is loudest, 127 silence.
    pub active_level: u8,
    /// Share of an interval, in percent, that must be active.
    pub min_percentile: u8,
    /// Time between updates to clients.
    #[serde(serialize_with = "serialize_millis")]
    pub update_interval: Duration,
    /// Over how many intervals a level is averaged; 0 and 1 for none.
    pub smooth_intervals: u32,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self { active_level: 35, min_percentile: 40, update_interval: Duration::from_millis(400), smooth_intervals: 2 }
    }
}

/// Metrics (`prometheus`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrometheusSettings {
    /// Port of `/metrics` on the bind addresses; 0 for no metrics.
    pub port: u16,
    /// User name that a scraper must give; empty for none.
    pub username: String,
    /// Password that a scraper must give.
    pub password: Secret,
}

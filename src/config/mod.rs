//! Settings: a YAML file in LiveKit's words, then the environment and flags on top of it.
//!
//! [`load`] gives complete [`Settings`] or every problem at once, each naming file, line and key. A key of LiveKit's
//! that has no counterpart here is a warning, any other unknown key an error.

mod addresses;
mod livekit;
mod logging;
mod office;
mod office_read;
mod office_values;
mod problem;
mod read;
mod reader;
mod secret;
mod settings;
mod url;
mod values;
mod yaml;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use addresses::{Interface, MediaAddresses, interfaces, media_addresses};
pub use logging::{LogLevel, LoggingSettings};
pub use office::{
    AccessSettings, AccountSettings, CloseAnchor, EmbeddingSettings, FileSettings, HttpFormat, HttpHeaders,
    MailSettings, OfficeSettings, OidcSettings, RateLimitSettings, Registration, SfuSettings, SmsProvider, SmsSettings,
    SmtpSecurity, SmtpSettings, WebhookSettings,
};
pub use office_values::{ByteSize, QuietHours};
pub use problem::{ConfigError, Problem};
pub use secret::{MASK, Secret};
pub use settings::{
    ApiKeys, AudioSettings, CodecSpec, Filter, LimitSettings, PliThrottle, PrometheusSettings, RoomSettings,
    RtcSettings, Settings, TurnProtocol, TurnServer,
};
pub use url::{BaseUrl, EmbedOrigin, LivekitUrl, ServiceUrl};
pub use values::{IpNet, NodeIp, PortRange, parse_duration};

use problem::Problems;
use yaml::Node;

/// The key and secret of `--dev`, the ones LiveKit's development mode has.
pub const DEV_KEY: (&str, &str) = ("devkey", "secret");
/// Ports of LiveKit's where neither `rtc.udp_port` nor a range is given.
const DEFAULT_RANGE: (u16, u16) = (50_000, 60_000);
/// Most shards; each is a thread and a port.
const MAX_SHARDS: u16 = 64;
/// Largest configuration file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Shorter secrets can be guessed from a token (RFC 7518 §3.2 wants 256 bits for HS256).
const MIN_SECRET_LENGTH: usize = 32;

/// Where the document comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nowhere: defaults, environment and flags only.
    None,
    /// A file.
    File(PathBuf),
    /// A text that came by another way, named so that complaints can say where it stands.
    Text {
        /// What to call it.
        name: String,
        /// The YAML.
        text: String,
    },
}

/// What environment and flags say; they win over the document.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--dev`.
    pub dev: bool,
    /// `--port`.
    pub port: Option<u16>,
    /// `--bind`; empty when not given.
    pub bind: Vec<IpAddr>,
    /// `--node-ip`; empty when not given.
    pub node_ip: NodeIp,
    /// `--udp-port`.
    pub udp_port: Option<PortRange>,
    /// `--tcp-port`.
    pub tcp_port: Option<u16>,
    /// `--keys`: YAML of `key: secret`, in place of the document's keys.
    pub keys: Option<Secret>,
    /// `--key-file`.
    pub key_file: Option<PathBuf>,
    /// `LIVEKIT_API_KEY` with `LIVEKIT_API_SECRET`: a key beside the others.
    pub api_key: Option<(String, Secret)>,
    /// `--region`.
    pub region: Option<String>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--public-url`.
    pub public_url: Option<BaseUrl>,
    /// `--livekit-url`.
    pub livekit_url: Option<LivekitUrl>,
}

/// Settings, and what is worth saying about where they came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Keys that have no effect and other doubts.
    pub warnings: Vec<Problem>,
}

/// Reads the document, applies the overrides and fills in what is left. `processors` says how many shards a port
/// range that names more ports than that is worth.
///
/// # Errors
///
/// [`ConfigError`] with everything that is wrong, not only the first.
pub fn load(source: &Source, overrides: &Overrides, processors: usize) -> Result<Loaded, ConfigError> {
    let mut problems = Problems::default();
    let (name, text) = match source {
        Source::None => ("configuration".to_owned(), String::new()),
        Source::Text { name, text } => (name.clone(), text.clone()),
        Source::File(path) => {
            let name = path.display().to_string();
            match read_file(path) {
                Ok(text) => (name, text),
                Err(message) => return Err(single(&name, None, &message)),
            }
        }
    };
    let node = yaml::parse(&text).map_err(|error| single(&name, Some(error.place), &error.message))?;
    let document = read::document(&name, &node, &mut problems);
    let settings = complete(&name, document, overrides, processors, &mut problems);
    // In the order of the file, what has no line last.
    let order = |problem: &Problem| (problem.place.is_none(), problem.place);
    problems.errors.sort_by_key(order);
    problems.warnings.sort_by_key(order);
    if problems.errors.is_empty() {
        Ok(Loaded { settings, warnings: problems.warnings })
    } else {
        Err(ConfigError(problems.errors))
    }
}

fn complete(
    name: &str,
    document: read::Document,
    overrides: &Overrides,
    processors: usize,
    problems: &mut Problems,
) -> Settings {
    let mut settings = document.settings;
    settings.development |= overrides.dev;
    if settings.development && !document.level_named {
        settings.logging.level = LogLevel::Debug;
    }

    if let Some(port) = overrides.port {
        settings.port = port;
    }
    if !overrides.bind.is_empty() {
        settings.bind_addresses.clone_from(&overrides.bind);
        settings.bind_is_default = false;
    } else if settings.development && settings.bind_is_default {
        settings.bind_addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    if !overrides.node_ip.is_empty() {
        settings.rtc.node_ip = overrides.node_ip;
    }
    if let Some(port) = overrides.tcp_port {
        settings.rtc.tcp_port = port;
    }
    if let Some(region) = &overrides.region {
        settings.region.clone_from(region);
    }
    if let Some(path) = &overrides.data_dir {
        settings.office.data_dir = Some(path.clone());
    }
    if let Some(url) = &overrides.public_url {
        settings.office.public_url = Some(url.clone());
    }
    if let Some(url) = &overrides.livekit_url {
        settings.office.livekit_url = Some(url.clone());
    }

    let processors = u16::try_from(processors).unwrap_or(MAX_SHARDS).clamp(1, MAX_SHARDS);
    if let Some(ports) = overrides.udp_port {
        settings.rtc.udp_port = ports;
    } else if let Some(range) = document.port_range {
        if document.udp_ports_named {
            problems.warning(name, "rtc.udp_port", "not used, because rtc.port_range_start is set (as in LiveKit)");
        }
        settings.rtc.udp_port = range.first_ports(processors);
    } else if !document.udp_ports_named && !settings.development {
        let (first, last) = DEFAULT_RANGE;
        if let Ok(range) = PortRange::new(first, last) {
            settings.rtc.udp_port = range.first_ports(processors);
        }
    }
    if settings.rtc.udp_port.count() > usize::from(MAX_SHARDS) {
        let message = format!("only the first {MAX_SHARDS} ports are used; each is a thread");
        problems.warning(name, "rtc.udp_port", message);
        settings.rtc.udp_port = settings.rtc.udp_port.first_ports(MAX_SHARDS);
    }

    if settings.rtc.force_tcp && settings.rtc.tcp_port == 0 {
        problems.warning(name, "rtc.force_tcp", "not used, because rtc.tcp_port is 0: there is nothing but UDP");
    }
    keys(name, &mut settings, document.key_file, overrides, problems);
    office_read::complete(name, &mut settings, document.office_files, processors, read_secret_file, problems);
    for (index, path) in document.turn_secret_files {
        match read_secret_file(&path) {
            Ok(text) => settings.rtc.turn_servers[index].secret = Secret::new(text.trim()),
            Err(message) => problems.error(name, &format!("rtc.turn_servers[{index}].secret_file"), message),
        }
    }
    settings
}

/// A key file wins over `--keys`, which wins over the document's; the pair of `LIVEKIT_API_KEY` joins any of them.
fn keys(name: &str, settings: &mut Settings, file: Option<PathBuf>, overrides: &Overrides, problems: &mut Problems) {
    if let Some(path) = overrides.key_file.clone().or(file) {
        settings.keys = ApiKeys::default();
        match read_secret_file(&path) {
            Ok(text) => key_lines(&path.display().to_string(), &text, settings, problems),
            Err(message) => problems.error(&path.display().to_string(), "", message),
        }
    } else if let Some(lines) = &overrides.keys {
        settings.keys = ApiKeys::default();
        key_lines("--keys or LIVEKIT_KEYS", lines.reveal(), settings, problems);
    }
    if let Some((key, secret)) = &overrides.api_key {
        settings.keys.insert(key.clone(), secret.clone());
    }
    if settings.keys.is_empty() && problems.errors.is_empty() {
        if !settings.development {
            let message = "there is no API key; add one in the file of --config, set LIVEKIT_API_KEY and \
                           LIVEKIT_API_SECRET, or use --dev";
            problems.error(name, "keys", message);
            return;
        }
        settings.keys.insert(DEV_KEY.0.to_owned(), Secret::new(DEV_KEY.1));
    }
    if !settings.development {
        for (key, secret) in settings.keys.iter() {
            if secret.reveal().len() < MIN_SECRET_LENGTH {
                let message = format!("the secret is shorter than {MIN_SECRET_LENGTH} characters and can be guessed");
                problems.warning(name, &format!("keys.{key}"), message);
            }
        }
    }
}

fn key_lines(source: &str, text: &str, settings: &mut Settings, problems: &mut Problems) {
    let read = yaml::parse(text).map_err(|error| error.message).and_then(|node: Node| read::key_map(&node));
    match read {
        Ok(keys) => keys.into_iter().for_each(|(key, secret)| settings.keys.insert(key, secret)),
        Err(message) => problems.error(source, "", message),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > MAX_FILE {
        return Err(format!("is larger than a configuration can be ({size} bytes)"));
    }
    fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// Reads a file that holds secrets, unless everybody can.
fn read_secret_file(path: &Path) -> Result<String, String> {
    let mode = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.permissions().mode();
    if mode & 0o007 != 0 {
        let path = path.display();
        return Err(format!("others may use this file of secrets; run `chmod o-rwx {path}`"));
    }
    read_file(path)
}

fn single(file: &str, place: Option<yaml::Place>, message: &str) -> ConfigError {
    ConfigError(vec![Problem { file: file.to_owned(), place, key: String::new(), message: message.to_owned() }])
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod office_tests;

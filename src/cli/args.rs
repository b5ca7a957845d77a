//! The flags that say where settings come from, the same for every command that reads them.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Args;

use super::Failure;
use crate::config::{self, BaseUrl, LivekitUrl, Loaded, NodeIp, Overrides, PortRange, Secret, Source};

/// Flags of LiveKit's server and their like. What a flag says wins over the file.
#[derive(Debug, Default, Args)]
pub(super) struct SettingsArgs {
    /// Configuration file; a livekit.yaml is read as it is.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The configuration itself, as YAML, in place of a file.
    #[arg(long, value_name = "YAML", env = "LIVEKIT_CONFIG", hide_env_values = true, conflicts_with = "config")]
    config_body: Option<String>,
    /// Development mode: key `devkey`, secret `secret`, on this machine alone, with a page to try it on.
    #[arg(long)]
    pub(super) dev: bool,
    /// Address to listen on; give it again for more.
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    bind: Vec<IpAddr>,
    /// Address that clients reach this machine at; give it again for the other family.
    #[arg(long, value_name = "IP", value_delimiter = ',', env = "NODE_IP")]
    node_ip: Vec<IpAddr>,
    /// TCP port of HTTP and WebSocket.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// UDP port of media, or a range with a dash: one thread for each.
    #[arg(long, value_name = "PORTS", env = "UDP_PORT")]
    udp_port: Option<PortRange>,
    /// TCP port of media; 0 for none.
    #[arg(long, value_name = "PORT")]
    tcp_port: Option<u16>,
    /// API keys, as `key: secret`, one a line.
    #[arg(long, value_name = "KEYS", env = "LIVEKIT_KEYS", hide_env_values = true)]
    keys: Option<String>,
    /// File of API keys, as `key: secret`, one a line; others may not read it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Name of the region that clients are told.
    #[arg(long, value_name = "NAME", env = "LIVEKIT_REGION")]
    region: Option<String>,
    /// Folder of appointments, accounts and files; without one this is an SFU alone.
    #[arg(long, value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,
    /// Where browsers reach this server; links in mails begin with it.
    #[arg(long, value_name = "URL")]
    public_url: Option<BaseUrl>,
    /// The LiveKit server that callers are sent to, where it is not this one.
    #[arg(long, value_name = "URL", env = "NEXT_PUBLIC_LIVEKIT_URL")]
    livekit_url: Option<String>,
}

impl SettingsArgs {
    /// Loads the settings that flags, environment and file amount to.
    pub(super) fn load(self) -> Result<Loaded, Failure> {
        let api_key = api_key_of_environment()?;
        let processors = available_parallelism().map_or(1, usize::from);
        let (source, overrides) = self.split(api_key)?;
        Ok(config::load(&source, &overrides, processors)?)
    }

    fn split(self, api_key: Option<(String, Secret)>) -> Result<(Source, Overrides), Failure> {
        let mut node_ip = NodeIp::default();
        for ip in self.node_ip {
            node_ip.add(ip).map_err(|message| Failure::usage(format!("--node-ip: {message}")))?;
        }
        // An empty variable is one that nobody has set.
        let livekit_url = self.livekit_url.filter(|url| !url.is_empty()).map(|url| url.parse::<LivekitUrl>());
        let livekit_url =
            livekit_url.transpose().map_err(|message| Failure::usage(format!("--livekit-url: {message}")))?;
        let source = match (self.config, self.config_body) {
            (Some(path), _) => Source::File(path),
            (None, Some(text)) => Source::Text { name: "LIVEKIT_CONFIG".into(), text },
            (None, None) => Source::None,
        };
        let overrides = Overrides {
            dev: self.dev,
            port: self.port,
            bind: self.bind,
            node_ip,
            udp_port: self.udp_port,
            tcp_port: self.tcp_port,
            keys: self.keys.map(Secret::new),
            key_file: self.key_file,
            api_key,
            region: self.region,
            data_dir: self.data_dir,
            public_url: self.public_url,
            livekit_url,
        };
        Ok((source, overrides))
    }
}

/// `LIVEKIT_API_KEY` and `LIVEKIT_API_SECRET`, which go together.
fn api_key_of_environment() -> Result<Option<(String, Secret)>, Failure> {
    let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
    pair(given("LIVEKIT_API_KEY"), given("LIVEKIT_API_SECRET"))
}

fn pair(key: Option<String>, secret: Option<String>) -> Result<Option<(String, Secret)>, Failure> {
    match (key, secret) {
        (Some(key), Some(secret)) => Ok(Some((key, Secret::new(secret)))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Failure::usage("LIVEKIT_API_KEY is set and LIVEKIT_API_SECRET is not; set both")),
        (None, Some(_)) => Err(Failure::usage("LIVEKIT_API_SECRET is set and LIVEKIT_API_KEY is not; set both")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        args: SettingsArgs,
    }

    fn overrides(flags: &[&str]) -> Result<Overrides, Failure> {
        let args = Only::try_parse_from([&["x"], flags].concat()).unwrap().args;
        args.split(None).map(|(_, overrides)| overrides)
    }

    #[test]
    fn addresses_are_given_again_or_with_a_comma() {
        let given = overrides(&["--bind", "127.0.0.1", "--bind", "::1", "--node-ip", "10.0.0.1,2001:db8::1"]).unwrap();
        assert_eq!(given.bind.len(), 2);
        assert_eq!(given.node_ip.iter().count(), 2);
        assert_eq!(overrides(&["--node-ip", "10.0.0.1", "--node-ip", "10.0.0.2"]).unwrap_err().code, 2);
    }

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!(overrides(&["--udp-port", "7882-7885"]).unwrap().udp_port.unwrap().count(), 4);
        assert!(Only::try_parse_from(["x", "--udp-port", "many"]).is_err());
    }

    #[test]
    fn the_livekit_url_is_one_or_empty() {
        let url = |flags: &[&str]| overrides(flags).map(|given| given.livekit_url.map(|url| url.as_str().to_owned()));
        assert_eq!(url(&["--livekit-url", "https://x.example.org"]), Ok(Some("wss://x.example.org".into())));
        assert_eq!(url(&["--livekit-url", ""]), Ok(None));
        assert_eq!(url(&["--livekit-url", "x"]).unwrap_err().code, 2);
    }

    #[test]
    fn half_a_pair_of_key_and_secret_is_a_mistake_that_names_the_other_half() {
        assert!(pair(Some("k".into()), None).unwrap_err().message.contains("LIVEKIT_API_SECRET is not"));
        assert!(pair(None, Some("s".into())).is_err());
        assert_eq!(pair(None, None), Ok(None));
    }
}

//! `visavis call`: what a running server knows of a call, asked by its server API.

use std::fs;
use std::io::{Write, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use visavis_signaling::token::{ApiKey, Claims, VideoGrant, mint};

use super::Failure;
use super::args::SettingsArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{BaseUrl, Settings};
use crate::error::chain;
use crate::notify::http;

/// How long the token is good for that asks.
const TOKEN: Duration = Duration::from_secs(60);
/// How long the answer may take: of a large room it is megabytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a running server knows of a call.
#[derive(Debug, Subcommand)]
pub(super) enum CallCommand {
    /// Writes down what the lines of a call were like and what was made of them, as JSON lines.
    ///
    /// For each connection: feedback, estimates and why they changed, layers, pauses, key frames and losses of the last
    /// minutes. The names of the room and of the participants are in it; media, addresses and keys are not. Works while
    /// the call goes on and for a quarter of an hour after somebody has left. `make replay FILE=…` plays it again.
    Export(Export),
}

/// The recording of a call.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Name of the room.
    room: String,
    /// Identity of a participant; everybody unless given.
    #[arg(long, value_name = "IDENTITY")]
    participant: Option<String>,
    /// File to write; standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The server; the one of the configuration, on this machine, unless given.
    #[arg(long, value_name = "URL")]
    url: Option<BaseUrl>,
}

/// What the server API says of a request that it refuses.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    msg: String,
}

impl CallCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Export(export) = self;
        export.run()
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let settings = self.settings.load()?.settings;
        let key = settings.keys.iter().next().map(|(key, secret)| ApiKey::new(key, secret.reveal()));
        let key = key.ok_or_else(|| {
            Failure::usage("there is no key to ask with; give --config FILE, --keys 'KEY: SECRET' or --dev")
        })?;
        let url = self.url.map_or_else(|| own_url(&settings), Ok)?;
        let video = VideoGrant { room_admin: true, room: self.room.clone(), ..VideoGrant::default() };
        let claims = Claims { video: Some(video), ..Claims::default() };
        let token = mint(&claims, &key, TOKEN, SystemClock.unix()).map_err(Failure::usage)?;
        let body = json!({ "room": self.room, "participant": self.participant });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::runtime(format!("cannot start: {error}")))?;
        let text = runtime.block_on(ask(&url, &token, body.to_string()))?;
        match self.out {
            Some(path) => fs::write(&path, text)
                .map_err(|error| Failure::runtime(format!("cannot write {}: {error}", path.display()))),
            None => stdout()
                .write_all(&text)
                .map_err(|error| Failure::runtime(format!("cannot write to standard output: {error}"))),
        }
    }
}

async fn ask(url: &BaseUrl, token: &str, body: String) -> Result<Vec<u8>, Failure> {
    let client = http::client_for(url.is_https()).map_err(|error| Failure::runtime(chain(&error)))?;
    let request = client.post(url.link("/twirp/visavis.CallService/Export")).timeout(PATIENCE).bearer_auth(token);
    let sent = request.header("content-type", "application/json").body(body).send().await;
    let unreachable = |error: reqwest::Error| {
        let why = chain(&error.without_url());
        Failure::runtime(format!("no server answers at {}: {why}; start it, or name another by --url", url.origin()))
    };
    let answer = sent.map_err(unreachable)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(unreachable)?;
    if status == StatusCode::OK {
        return Ok(body.to_vec());
    }
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    Err(Failure::runtime(match refusal.code.as_str() {
        "unauthenticated" => format!(
            "the server at {} does not accept this key; give the configuration that it was started with",
            url.origin()
        ),
        "not_found" => format!("{}; a call is kept for a quarter of an hour after its end", refusal.msg),
        _ if status == StatusCode::NOT_FOUND => {
            format!("the server at {} knows nothing of recordings; is it another or an older one?", url.origin())
        }
        _ => format!("the server at {} answers {status}: {}", url.origin(), refusal.msg),
    }))
}

/// Where the server of these settings is reached from this machine.
fn own_url(settings: &Settings) -> Result<BaseUrl, Failure> {
    let ip = match settings.bind_addresses.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into()) {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}", std::net::SocketAddr::new(ip, settings.port));
    url.parse().map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use clap::Parser;
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::{RoomService, server_router};
    use crate::media::Command;
    use crate::metrics::Metrics;
    use crate::rooms::{AllowAll, MediaPlane, Rooms, Unobserved};
    use crate::transport::sdp::Candidate;
    use crate::transport::{Fingerprint, IceCredentials};

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        export: Export,
    }

    fn parse(flags: &[&str]) -> Export {
        Only::try_parse_from([&["x", "--keys", "key: secret-of-at-least-thirty-two-characters"], flags].concat())
            .unwrap()
            .export
    }

    #[test]
    fn the_server_of_the_settings_is_asked_on_this_machine() {
        let url = |addresses: &[&str], port| {
            let bind_addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
            own_url(&Settings { bind_addresses, port, ..Settings::default() }).unwrap().origin()
        };
        assert_eq!(url(&["0.0.0.0", "::"], 7880), "http://127.0.0.1:7880");
        assert_eq!(url(&["::"], 80), "http://[::1]");
        assert_eq!(url(&["192.0.2.7"], 8080), "http://192.0.2.7:8080");
        assert_eq!(url(&[], 7880), "http://127.0.0.1:7880");
    }

    struct NoMedia;

    impl MediaPlane for NoMedia {
        fn allot(&self) -> usize {
            0
        }

        fn allot_beside(&self, _: &[usize]) -> Option<usize> {
            None
        }

        fn send(&self, _: usize, _: Command) -> bool {
            true
        }

        fn candidates(&self, _: usize) -> Vec<Candidate> {
            Vec::new()
        }

        fn fingerprint(&self) -> Fingerprint {
            Fingerprint([7; 32])
        }

        fn ice_credentials(&self, _: usize) -> IceCredentials {
            unreachable!("nobody joins")
        }
    }

    /// A server with one room that nobody is in, on a port of its own.
    fn serve() -> (tokio::runtime::Runtime, String) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = runtime.block_on(async {
            let keys: visavis_signaling::token::KeyRing =
                [ApiKey::new("key", "secret-of-at-least-thirty-two-characters")].into_iter().collect();
            let settings = crate::cli::wiring::rooms_settings(&Settings::default(), "ND_x");
            let clock: crate::clock::SharedClock = Arc::new(SystemClock);
            let media = Arc::new(NoMedia);
            let (admission, observer) = (Arc::new(AllowAll), Arc::new(Unobserved));
            let metrics = Arc::new(Metrics::default());
            let rooms = Rooms::new(settings, keys.clone(), media, admission, observer, Arc::clone(&clock), metrics);
            rooms.open("a room", rooms.default_options());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(axum::serve(listener, server_router(RoomService { rooms, keys, clock })).into_future());
            address
        });
        (runtime, format!("http://{address}"))
    }

    #[test]
    fn a_room_is_written_down_and_what_is_in_the_way_is_said_in_a_line() {
        let (_runtime, url) = serve();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("call.jsonl");
        let out = file.to_str().unwrap();
        parse(&["a room", "--url", &url, "--out", out]).run().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("{\"flight\":1,\"room\":\"a room\","), "{text}");
        let said = |export: Export| export.run().unwrap_err();
        let unknown = said(parse(&["nowhere", "--url", &url]));
        assert!(unknown.code == 1 && unknown.message.starts_with("requested room does not exist"), "{unknown:?}");
        let nobody = said(parse(&["a room", "--participant", "ben", "--url", &url]));
        assert!(nobody.message.starts_with("participant does not exist"), "{nobody:?}");
        let unwritten = said(parse(&["a room", "--url", &url, "--out", "/nowhere/at/all"]));
        assert!(unwritten.message.contains("/nowhere/at/all"), "{unwritten:?}");
        let other = ["x", "--keys", "key: another-secret-of-thirty-two-characters", "a room", "--url", &url];
        let refused = said(Only::try_parse_from(other).unwrap().export);
        assert!(refused.message.contains("does not accept this key"), "{refused:?}");
        drop(_runtime);
        let gone = said(parse(&["a room", "--url", &url]));
        assert!(gone.code == 1 && gone.message.contains("no server answers"), "{gone:?}");
        assert!([unknown, nobody, unwritten, refused, gone].iter().all(|it| !it.message.contains('\n')));
    }
}

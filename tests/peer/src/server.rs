//! The server under test, as a process of its own on free ports of the loopback.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::http;
use crate::{DEADLINE, Outcome};

/// How many log lines are kept: the newest.
const LOG_LINES: usize = 4000;

/// A running server, killed when dropped.
///
/// The binary is the one that `VISAVIS_BIN` names, otherwise the newer of this workspace's release and debug builds.
/// `REFERENCE_BIN` may name LiveKit's own server instead: the same tests then show what the contract is.
pub struct Server {
    child: Mutex<Child>,
    /// TCP port of HTTP and WebSocket.
    pub port: u16,
    /// TCP port of ICE.
    pub tcp_port: u16,
    /// UDP port of ICE, DTLS and media.
    pub udp_port: u16,
    metrics_port: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one with the settings of development mode.
    ///
    /// # Errors
    ///
    /// When there is no binary, or it does not answer within [`DEADLINE`]; its log is part of the text.
    pub async fn start() -> Outcome<Self> {
        Self::with_settings("").await
    }

    /// Starts one with these lines of YAML on top of development mode.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub async fn with_settings(yaml: &str) -> Outcome<Self> {
        // Somebody else may take a port between its choice and its use: then it is worth another try.
        let mut last = String::new();
        for _ in 0..3 {
            let server = Self::spawn(yaml)?;
            match server.wait_until_ready().await {
                Ok(()) => return Ok(server),
                Err(error) => last = format!("{error}\n{}", server.log().join("\n")),
            }
        }
        Err(last.into())
    }

    /// Whether this is LiveKit's own server, whose texts and limits differ here and there.
    pub fn is_reference() -> bool {
        env::var_os("REFERENCE_BIN").is_some()
    }

    /// Where media goes.
    pub fn media_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.udp_port))
    }

    /// Whether the process still runs.
    pub fn is_alive(&self) -> bool {
        matches!(self.child().try_wait(), Ok(None))
    }

    /// What it has logged, the newest [`LOG_LINES`] lines.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its metrics, in Prometheus's text format.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn metrics(&self) -> Outcome<Metrics> {
        let answer = http::get(self.metrics_port, "/metrics").await?;
        if answer.status != 200 {
            return Err(format!("metrics: status {}", answer.status).into());
        }
        Ok(Metrics(answer.body))
    }

    /// How many bytes of memory the process holds, where the system tells (Linux).
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child().id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(yaml: &str) -> Outcome<Self> {
        let [port, tcp_port, metrics_port] = free_tcp_ports()?;
        let udp_port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let settings = format!("prometheus: {{port: {metrics_port}}}\n{yaml}");
        let mut command = if let Some(reference) = env::var_os("REFERENCE_BIN") {
            reference_command(&reference, &settings, [port, tcp_port, udp_port])
        } else {
            let mut command = Command::new(binary()?);
            command.args(["serve", "--dev", "--bind", "127.0.0.1", "--node-ip", "127.0.0.1"]);
            command.args(["--port", &port.to_string(), "--tcp-port", &tcp_port.to_string()]);
            command.args(["--udp-port", &udp_port.to_string(), "--config-body", &settings]);
            command
        };
        for name in ["LIVEKIT_KEYS", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_CONFIG", "NODE_IP", "UDP_PORT"] {
            command.env_remove(name);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let log = Arc::new(Mutex::new(Vec::new()));
        keep(child.stdout.take(), &log);
        keep(child.stderr.take(), &log);
        Ok(Self { child: Mutex::new(child), port, tcp_port, udp_port, metrics_port, log })
    }

    async fn wait_until_ready(&self) -> Outcome {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let status = self.child().try_wait()?;
            if let Some(status) = status {
                return Err(format!("the server ended at once: {status}").into());
            }
            if let Ok(answer) = http::get(self.port, "/").await
                && answer.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("the server does not answer".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about failures here, and nothing depends on it.
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
        // The test harness shows this for tests that failed, and for no others.
        let log = self.log();
        eprintln!("--- end of the server's log ---\n{}", log[log.len().saturating_sub(60)..].join("\n"));
    }
}

/// A server that the tests of one file share: it starts with the first of them and ends with the last.
pub struct Shared(tokio::sync::Mutex<Weak<Server>>);

impl Shared {
    /// None yet.
    #[allow(clippy::new_without_default, reason = "a default cannot be had in a static")]
    pub const fn new() -> Self {
        Self(tokio::sync::Mutex::const_new(Weak::new()))
    }

    /// The running one, or a new one.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub async fn get(&self) -> Outcome<Arc<Server>> {
        let mut held = self.0.lock().await;
        if let Some(server) = held.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Server::start().await?);
        *held = Arc::downgrade(&server);
        Ok(server)
    }
}

/// One reading of the metrics.
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of all samples named `name` whose labels contain every one of `labels`, written `key="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.0
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(sample, _)| sample.split('{').next() == Some(name))
            .filter(|(sample, _)| labels.iter().all(|label| sample.contains(label)))
            .filter_map(|(_, value)| value.parse::<f64>().ok())
            .sum()
    }
}

fn binary() -> Outcome<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Some(named) = env::var_os("VISAVIS_BIN") {
        // Relative to where one stands, or to the workspace: cargo runs tests in the package's own folder.
        let named = PathBuf::from(named);
        let candidates = [named.clone(), workspace.join(&named)];
        return candidates
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| format!("no {}", named.display()).into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let built = ["release", "debug"].map(|profile| target.join(profile).join("visavis"));
    let newest = built
        .into_iter()
        .filter(|path| path.is_file())
        .max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    newest.ok_or_else(|| "no server binary: run `cargo build`, or name one by VISAVIS_BIN".into())
}

/// LiveKit's server has no flags for the TCP port, and offers loopback candidates only when told to.
fn reference_command(binary: &OsStr, settings: &str, [port, tcp, udp]: [u16; 3]) -> Command {
    let mut command = Command::new(binary);
    let body = format!(
        "port: {port}\nrtc:\n  tcp_port: {tcp}\n  udp_port: {udp}\n  enable_loopback_candidate: true\n  \
         node_ip: 127.0.0.1\n{settings}"
    );
    command.args(["--dev", "--bind", "127.0.0.1", "--node-ip", "127.0.0.1", "--config-body", &body]);
    command
}

fn free_tcp_ports() -> Outcome<[u16; 3]> {
    let listeners = [0; 3].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(listeners) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}

fn keep(pipe: Option<impl Read + Send + 'static>, log: &Arc<Mutex<Vec<String>>>) {
    let Some(pipe) = pipe else { return };
    let log = Arc::clone(log);
    // Ends with the process: the pipe is closed then.
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { break };
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() >= LOG_LINES {
                log.drain(..LOG_LINES / 2);
            }
            log.push(line);
        }
    });
}

//! Every scenario against ours, the limit, and where it is given LiveKit's server, in turns: one command, one table.
//!
//!     cargo bench --bench rig -- [--rounds 3] [--seconds 8] [--only NAME] [--server FILE] [--settings YAML]
//!                                [--livekit FILE --livekit-config FILE --livekit-url URL --livekit-secret S]
//!     cargo bench --bench rig -- --veth yes ...         over a pair of virtual devices instead of the loopback
//!     cargo bench --bench rig -- --apart yes ...        the kernel delivers on the generator's processor
//!     cargo bench --bench rig -- --capacity 400 ...     how many are borne, and the delay at 70 % of that; of a
//!                                                       livestream, or of what `--only` names
//!
//! The server runs on one processor, the generator on another. Figures are processor time per delivered packet, so that a
//! machine with other work to do shows the same ratios; of several rounds the one with the least of it counts.

#![allow(clippy::unwrap_used, missing_docs)]

mod apart;
mod capacity;
mod limit;
mod veth;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SERVER_CORE: &str = "0";
const GENERATOR_CORE: &str = "1";
const PORT: u16 = 17_870;
const SCENARIOS: [(&str, &[&str]); 8] = [
    ("livestream", &["--participants", "200"]),
    ("livestream", &["--participants", "200", "--gro"]),
    ("audio-room", &["--participants", "100"]),
    ("meeting", &["--participants", "9"]),
    ("consultations", &["--participants", "40"]),
    ("lossy", &["--participants", "50"]),
    ("data", &["--participants", "50"]),
    ("churn", &["--participants", "20", "--ramp", "50"]),
];

#[derive(Default)]
struct Options {
    rounds: usize,
    seconds: u64,
    only: Option<String>,
    server: PathBuf,
    livekit: Option<LiveKit>,
    /// More of the configuration for our server.
    settings: String,
    /// Server and generator are in namespaces of their own, a pair of virtual devices between them.
    veth: bool,
    /// The kernel delivers on the generator's processor.
    apart: bool,
    /// The most participants that are tried.
    capacity: Option<u32>,
}

impl Options {
    /// Where our server listens.
    fn host(&self) -> &'static str {
        if self.veth { veth::SERVER } else { "127.0.0.1" }
    }
}

#[derive(Clone, Default)]
struct LiveKit {
    program: PathBuf,
    config: String,
    url: String,
    secret: String,
}

/// One run of the generator.
struct Run {
    cpu: f64,
    rate: f64,
    loss: f64,
    /// Share of what was due that the server left out on purpose.
    withheld: f64,
    delay: [f64; 2],
    memory: f64,
    joins: f64,
    train: f64,
    bytes: f64,
    /// Packets that came in for each that left, and their mean length.
    incoming: (f64, f64),
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--receive", count] => return limit::receive(count.parse().unwrap()),
        ["--send", ref numbers @ .., ports] => return limit::send(&limit::Load::read(numbers), ports),
        ["--publish", rate, bytes, port] => return limit::publish(rate.parse().unwrap(), bytes.parse().unwrap(), port),
        // Cargo also asks benches whether they have tests.
        ["--list", ..] | ["--test", ..] => return,
        _ => {}
    }
    let options = options(&args);
    if options.veth && !veth::inside() {
        return veth::run_inside(&args);
    }
    let _apart = options.apart.then(|| apart::Apart::set().expect("only root may say where the kernel delivers"));
    println!("{}\n", machine());
    if let Some(most) = options.capacity {
        return capacity::measure(&options, most);
    }
    println!(
        "| scenario | µs a packet | limit | of the limit | limit that receives | of it | train | LiveKit's | times | delay p50, p99 ms | \
         KB a participant (LiveKit's) | joins/s | lost | withheld (LiveKit's) |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for (name, args) in SCENARIOS {
        if options.only.as_ref().is_none_or(|only| only == name) {
            row(&options, name, args);
        }
    }
}

fn options(args: &[String]) -> Options {
    let server = PathBuf::from(env!("CARGO_BIN_EXE_visavis"));
    let mut options = Options { rounds: 3, seconds: 8, server, ..Options::default() };
    let mut livekit = LiveKit { secret: "secret".into(), url: "ws://127.0.0.1:7880".into(), ..LiveKit::default() };
    for pair in args.chunks(2) {
        let [key, value] = pair else { panic!("{pair:?}: a value is missing") };
        match key.as_str() {
            "--rounds" => options.rounds = value.parse().unwrap(),
            "--seconds" => options.seconds = value.parse().unwrap(),
            "--settings" => options.settings.clone_from(value),
            "--veth" => options.veth = value == "yes",
            "--apart" => options.apart = value == "yes",
            "--capacity" => options.capacity = Some(value.parse().unwrap()),
            "--only" => options.only = Some(value.clone()),
            "--server" => options.server = value.into(),
            "--livekit" => livekit.program = value.into(),
            "--livekit-config" => livekit.config.clone_from(value),
            "--livekit-url" => livekit.url.clone_from(value),
            "--livekit-secret" => livekit.secret.clone_from(value),
            _ => panic!("{key}: no such option"),
        }
    }
    options.livekit = (livekit.program != Path::new("")).then_some(livekit);
    options
}

fn row(options: &Options, name: &str, args: &[&str]) {
    let (mut ours, mut limits, mut receiving, mut theirs): (Vec<Run>, Vec<f64>, Vec<f64>, Vec<Run>) =
        Default::default();
    for _ in 0..options.rounds {
        let Some(run) = run(options, name, args, None) else { continue };
        let participants = args[1].parse().unwrap_or(1);
        let load = limit::Load {
            destinations: participants,
            train: run.train,
            bytes: run.bytes as usize,
            rate: run.rate,
            seconds: options.seconds.min(5),
            incoming: None,
        };
        // The loop knows the loopback alone.
        if !options.veth {
            limits.extend(limit::measure(load));
            let incoming = Some((run.rate * run.incoming.0, run.incoming.1 as usize));
            receiving.extend(limit::measure(limit::Load { incoming, ..load }));
        }
        ours.push(run);
        theirs.extend(options.livekit.as_ref().and_then(|livekit| self::run(options, name, args, Some(livekit))));
    }
    let least = |runs: &[Run]| runs.iter().map(|run| run.cpu).fold(f64::INFINITY, f64::min);
    let (us, them) = (least(&ours), least(&theirs));
    let [limit, receiving] = [limits, receiving].map(|them| them.iter().copied().fold(f64::INFINITY, f64::min));
    let of = |limit: f64| if limit.is_finite() { format!("{:.0} %", limit / us * 100.0) } else { "–".into() };
    let figure = |limit: f64| if limit.is_finite() { format!("{limit:.2}") } else { "–".into() };
    let Some(best) = ours.iter().find(|run| run.cpu == us) else {
        return println!("| {name} {} | failed |", args[1..].join(" "));
    };
    let lk_memory = theirs.first().map_or_else(|| "–".to_owned(), |run| format!("{:.0}", run.memory));
    let lk_withheld = theirs.first().map_or_else(|| "–".to_owned(), |run| format!("{:.2} %", run.withheld * 100.0));
    println!(
        "| {name} {} | {us:.2} | {} | {} | {} | {} | {:.1} | {} | {} | {:.1}, {:.1} | {:.0} ({lk_memory}) | {:.0} | \
         {:.2} % | {:.2} % ({lk_withheld}) |",
        args[1..].join(" "),
        figure(limit),
        of(limit),
        figure(receiving),
        of(receiving),
        best.train,
        figure(them),
        if them.is_finite() { format!("{:.1}", them / us) } else { "–".into() },
        best.delay[0],
        best.delay[1],
        best.memory,
        best.joins,
        best.loss * 100.0,
        best.withheld * 100.0,
    );
    let _ = std::io::stdout().flush();
}

fn run(options: &Options, name: &str, args: &[&str], livekit: Option<&LiveKit>) -> Option<Run> {
    let server = match livekit {
        None => ours(options),
        Some(livekit) => pinned(SERVER_CORE, &livekit.program).arg("--config").arg(&livekit.config).spawn(),
    };
    let server = Running(server.ok()?);
    let (url, secret) = match livekit {
        None => (format!("ws://{}:{PORT}", options.host()), "secret".to_owned()),
        Some(livekit) => (livekit.url.clone(), livekit.secret.clone()),
    };
    await_port(&url)?;
    let before = metrics(options, livekit.is_none());
    let json = play(options, &server, (&url, &secret), name, args);
    let after = metrics(options, livekit.is_none());
    drop(server);
    let json = json?;
    let number = |path: &str| json.pointer(path).and_then(Value::as_f64);
    let change = |name: &str| value(&after, name) - value(&before, name);
    let trains = change("visavis_train_packets_count").max(1.0);
    let packets = change("visavis_train_packets_sum").max(1.0);
    let bytes = change("livekit_packet_bytes{direction=\"outgoing\",transmission=\"initial\"}");
    let count = change("livekit_packet_total{direction=\"outgoing\",transmission=\"initial\"}").max(1.0);
    let came = change("livekit_packet_total{direction=\"incoming\",transmission=\"initial\"}").max(1.0);
    let came_bytes = change("livekit_packet_bytes{direction=\"incoming\",transmission=\"initial\"}");
    Some(Run {
        cpu: number("/server/cpu_us_per_packet")?,
        rate: number("/packets_per_second")?,
        loss: number("/loss")?,
        withheld: number("/withheld_packets")? / number("/due_packets")?.max(1.0),
        delay: [number("/delay_us/p50")? / 1e3, number("/delay_us/p99")? / 1e3],
        memory: number("/server/rss_bytes_per_participant").unwrap_or(f64::NAN) / 1e3,
        joins: number("/joins_per_second").unwrap_or(f64::NAN),
        train: packets / trains,
        bytes: bytes / count + 16.0,
        incoming: (came / count, came_bytes / came + 16.0),
    })
}

/// The generator's figures of one run against `server`, which has this address and this secret.
fn play(options: &Options, server: &Running, (url, secret): (&str, &str), name: &str, args: &[&str]) -> Option<Value> {
    let figures = std::env::temp_dir().join(format!("visavis-rig-{}.json", std::process::id()));
    let _ = std::fs::remove_file(&figures);
    let mut bench = pinned(GENERATOR_CORE, &options.server);
    bench.args(["bench", name]).args(args).args(["--url", url, "--api-key", "devkey", "--api-secret", secret]);
    bench.args(["--threads", "1", "--duration", &options.seconds.to_string(), "--pid", &server.0.id().to_string()]);
    // A run that failed has kept its figures, and without any there is no file.
    let _ = bench.arg("--json").arg(&figures).status();
    serde_json::from_slice(&std::fs::read(&figures).ok()?).ok()
}

fn ours(options: &Options) -> std::io::Result<Child> {
    let ports = [PORT, PORT + 1, PORT + 2].map(|port| port.to_string());
    let host = options.host();
    let mut server = match options.veth {
        true => veth::beyond(SERVER_CORE, &options.server),
        false => pinned(SERVER_CORE, &options.server),
    };
    server.args(["serve", "--dev", "--bind", host, "--node-ip", host, "--port", &ports[0]]);
    server.args(["--tcp-port", &ports[1], "--udp-port", &ports[2], "--config-body"]);
    server.arg(format!("prometheus_port: {}\n{}", PORT + 3, options.settings)).spawn()
}

fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn await_port(url: &str) -> Option<()> {
    let address = url.split("://").nth(1)?.trim_end_matches('/').to_owned();
    let begin = Instant::now();
    while TcpStream::connect(&address).is_err() {
        if begin.elapsed() > Duration::from_secs(20) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(())
}

/// The server's own figures, as text.
fn metrics(options: &Options, wanted: bool) -> String {
    let read = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((options.host(), PORT + 3))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    // Counters are published twice a second.
    std::thread::sleep(Duration::from_millis(600));
    if wanted { read().unwrap_or_default() } else { String::new() }
}

fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

/// Processor, date and commit.
fn machine() -> String {
    let output = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).trim().to_owned()
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    format!(
        "{count} × {}, Linux {}, {}, commit {}",
        model.trim_start_matches([' ', '\t', ':']),
        output("uname", &["-r"]),
        output("date", &["-u", "+%Y-%m-%d %H:%M"]),
        output("git", &["rev-parse", "--short", "HEAD"]),
    )
}

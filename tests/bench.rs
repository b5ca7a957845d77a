//! `visavis bench` from outside, each scenario small: every packet is accounted for, and whatever is wrong with a target
//! is said in one line. Nothing here is about speed; that is what benches/ is for.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a run may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// As the product is, video adapting.
    fn start() -> Self {
        Self::with(1, "logging: {level: warn}")
    }

    /// A server of so many shards, and other than the usual settings.
    fn with(shards: u16, settings: &str) -> Self {
        let held = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, tcp] = held.map(|listener| listener.local_addr().unwrap().port());
        let udp = free_ports(shards);
        let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
        command.args(["serve", "--dev", "--bind", "127.0.0.1", "--node-ip", "127.0.0.1"]);
        command.args(["--config-body", settings]);
        command.args(["--port", &port.to_string(), "--tcp-port", &tcp.to_string(), "--udp-port", &udp]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let server = Self { child, port };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the server does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

/// A range of neighbouring UDP ports that nobody has.
fn free_ports(count: u16) -> String {
    for _ in 0..100 {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let Some(last) = first.checked_add(count - 1) else { continue };
        if (first..=last).all(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok()) {
            return if count == 1 { first.to_string() } else { format!("{first}-{last}") };
        }
    }
    panic!("no {count} neighbouring ports are free");
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing depends on how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(url: &str, flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
    command.arg("bench").args(flags.split_whitespace()).args(["--url", url, "--json", "-", "--threads", "1"]);
    command.env("LIVEKIT_API_KEY", "devkey").env("LIVEKIT_API_SECRET", "secret");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end; gives the figures and what was said.
fn finish(child: Child) -> (Value, Output) {
    let output = child.wait_with_output().unwrap();
    let figures = serde_json::from_slice(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    (figures.unwrap_or_else(|error| panic!("no figures ({error}): {said}")), output)
}

fn run(url: &str, flags: &str) -> (Value, Output) {
    finish(command(url, flags).spawn().unwrap())
}

fn number(figures: &Value, name: &str) -> u64 {
    figures[name].as_u64().unwrap_or_else(|| panic!("{name} in {figures}"))
}

/// Plays a scenario against a server of its own, and checks what holds for all.
fn play(flags: &str) -> Value {
    play_on(&Server::start(), flags)
}

fn play_on(server: &Server, flags: &str) -> Value {
    let (figures, output) = run(&server.url(), &format!("{flags} --duration 2 --seed 5 --pid {}", server.child.id()));
    assert!(output.status.success(), "{flags}: {}", String::from_utf8_lossy(&output.stderr));
    let of = |name| number(&figures, name);
    assert_eq!(figures["error"], Value::Null);
    assert!(of("delivered_packets") > 0 && of("delivered_bits") > 0 && of("sent_packets") > 0, "{figures}");
    let accounted = of("delivered_packets") + of("lost_packets") + of("withheld_packets");
    assert_eq!(of("due_packets"), accounted, "{figures}");
    assert_eq!((of("foreign_packets"), of("failed_joins"), of("lost_connections")), (0, 0, 0), "{figures}");
    assert!(of("subscriptions") >= of("expected_subscriptions"), "{figures}");
    if !flags.starts_with("lossy") {
        assert_nothing_is_lost(&figures);
    }
    let delay = &figures["delay_us"];
    let [p50, p99, max] = ["p50", "p99", "max"].map(|name| delay[name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{delay}");
    if cfg!(target_os = "linux") {
        let server = &figures["server"];
        for name in ["cpu_seconds", "cpu_us_per_packet", "peak_rss_bytes"] {
            assert!(server[name].as_f64().unwrap() > 0.0, "{name} in {server}");
        }
        assert!(server["rss_bytes_per_participant"].is_u64());
    }
    figures
}

/// What was sent was due to each of so many receivers.
fn assert_each_is_due_all(figures: &Value, receivers: u64) {
    assert_eq!(number(figures, "due_packets"), number(figures, "sent_packets") * receivers, "{figures}");
}

/// What was due came, or was left out on purpose; where the machine held neither up so long that queues ran over.
fn assert_nothing_is_lost(figures: &Value) {
    let generator = &figures["generator"];
    let late = [&generator["lateness_us"]["max"], &figures["delay_us"]["max"]].map(|it| it.as_f64().unwrap());
    if late.iter().all(|micros| *micros < 200_000.0) && number(generator, "dropped_datagrams") == 0 {
        assert_eq!(number(figures, "lost_packets"), 0, "{figures}");
    }
}

#[test]
fn in_an_audio_room_everybody_is_due_every_packet_of_every_speaker() {
    let figures = play("audio-room --participants 3");
    // Each of the ten is heard by the nine others and the three.
    assert_each_is_due_all(&figures, 12);
    assert_eq!((number(&figures, "members"), number(&figures, "subscriptions")), (13, 10 * 12));
    assert_eq!(number(&figures, "withheld_packets"), 0, "sound is not withheld: {figures}");
}

#[test]
fn in_a_livestream_of_one_layer_every_viewer_is_due_every_packet() {
    assert_each_is_due_all(&play("livestream --participants 3 --no-simulcast --resolution 360"), 3);
}

#[test]
fn in_a_livestream_of_three_layers_a_viewer_is_due_one_of_them() {
    let figures = play("livestream --participants 2 --rooms 2");
    assert!(number(&figures, "due_packets") < number(&figures, "sent_packets") * 2, "{figures}");
    assert_eq!((number(&figures, "members"), number(&figures, "rooms")), (6, 2));
}

#[test]
fn in_a_meeting_everybody_hears_and_sees_everybody() {
    let figures = play("meeting --participants 3 --resolution 180");
    assert_each_is_due_all(&figures, 2);
    assert_eq!(number(&figures, "subscriptions"), 3 * 2 * 2);
}

#[test]
fn consultations_are_rooms_of_two() {
    // A server that does not adapt withholds nothing.
    let server = Server::with(1, "logging: {level: warn}\nrtc: {adaptive_video: false}");
    let figures = play_on(&server, "consultations --participants 4 --resolution 180");
    assert_each_is_due_all(&figures, 1);
    assert_eq!(number(&figures, "withheld_packets"), 0, "{figures}");
    assert_eq!((number(&figures, "rooms"), number(&figures, "members")), (2, 4));
}

#[test]
fn in_churn_people_come_and_go_and_nobody_misses_what_was_theirs() {
    let figures = play("churn --participants 2 --ramp 4");
    assert!(number(&figures, "joins") > number(&figures, "members"), "{figures}");
    assert!(figures["joins_per_second"].as_f64().unwrap() > 0.0);
    assert!(figures["first_packet_us"]["p50"].as_f64().unwrap() > 0.0);
}

/// The sum of a counter's lines with such labels, as the server tells it.
fn metric(port: u16, name: &str, label: &str) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() as u64).sum()
}

#[test]
fn a_room_on_two_shards_is_one_room() {
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rtc = "rtc: {room_shard_participants: 2}";
    let server = Server::with(2, &format!("logging: {{level: warn}}\nprometheus_port: {metrics}\n{rtc}\n"));
    let relayed = || metric(metrics, "visavis_shard_relayed_packets_total{", "direction=\"incoming\"");
    // One publisher and five viewers, three on each shard.
    let figures = play_on(&server, "livestream --participants 5 --no-simulcast --resolution 360");
    assert_each_is_due_all(&figures, 5);
    // Shards tell what they count twice a second.
    let end = Instant::now() + PATIENCE;
    while relayed() < number(&figures, "sent_packets") / 2 {
        assert!(Instant::now() < end, "{} relayed of {figures}", relayed());
        thread::sleep(Duration::from_millis(50));
    }
    // Everybody hears and sees everybody, on either shard.
    let figures = play_on(&server, "meeting --participants 5 --resolution 180");
    assert_each_is_due_all(&figures, 4);
    let figures = play_on(&server, "data --participants 4");
    assert_eq!(number(&figures, "lost_packets"), 0, "{figures}");
    assert_eq!(metric(metrics, "visavis_shard_dropped_total{", "cause=\"relay_full\""), 0);
}

#[test]
fn what_lossy_viewers_ask_for_again_they_get() {
    let figures = play("lossy --participants 3");
    let of = |name| number(&figures, name);
    assert!(of("pretended_lost_packets") > 0 && of("asked_packets") > 0 && of("repaired_packets") > 0, "{figures}");
    // Only few are beyond repair, whatever the machine is busy with.
    assert!(of("lost_packets") * 2 < of("pretended_lost_packets").max(2), "{figures}");
}

#[test]
fn messages_are_due_to_everybody_else_and_none_is_lost() {
    let figures = play("data --participants 2");
    assert_each_is_due_all(&figures, 4 + 2);
    assert_eq!(number(&figures, "lost_packets"), 0, "{figures}");
}

#[test]
fn the_capacity_is_looked_for_in_steps_and_the_page_shows_them() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let flags = format!("audio-room --participants 2 --duration 1 --ramp-until-loss --report {}", page.display());
    let (figures, output) = run(&server.url(), &flags);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let steps = figures["ramp"].as_array().unwrap();
    assert_eq!(steps[0]["participants"], 1);
    let best = steps.iter().filter(|step| step["good"] == true).filter_map(|step| step["participants"].as_u64()).max();
    assert_eq!(figures["capacity"].as_u64(), best, "{figures}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("audio-room"));
}

#[test]
fn where_everybody_sends_the_search_for_the_capacity_begins_with_two() {
    let server = Server::start();
    let (figures, output) =
        run(&server.url(), "meeting --participants 3 --duration 1 --resolution 180p --ramp-until-loss");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(figures["ramp"][0]["participants"], 2, "{figures}");
    assert!(figures["capacity"].as_u64().is_some(), "{figures}");
}

#[test]
fn a_trace_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let trace: PathBuf = folder.path().join("trace");
    std::fs::write(&trace, "50 3000 key\n50 700\n50 900\n").unwrap();
    let figures = play(&format!("livestream --participants 1 --no-simulcast --trace {}", trace.display()));
    assert_each_is_due_all(&figures, 1);
}

/// One clear line, a failure, and figures all the same.
fn assert_fails_with(url: &str, flags: &str, part: &str) {
    let (figures, output) = run(url, flags);
    let said = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("visavis: ")).collect();
    assert_eq!((output.status.code(), errors.len()), (Some(1), 1), "{said}");
    assert!(errors[0].contains(part), "{said}");
    assert!(figures["error"].as_str().unwrap().contains(part), "{figures}");
}

#[test]
fn a_target_that_is_down_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_fails_with(
        &format!("ws://127.0.0.1:{port}"),
        "meeting --participants 2",
        "cannot connect to ws://127.0.0.1",
    );
    assert_fails_with("ws://no-such-host.invalid", "meeting --participants 2", "cannot connect");
}

#[test]
fn a_refused_token_is_no_riddle() {
    let server = Server::start();
    let (figures, output) = run(&server.url(), "meeting --participants 2 --api-secret another");
    assert_eq!(output.status.code(), Some(1));
    let error = figures["error"].as_str().unwrap();
    assert!(error.contains("refuses the token (401") && error.contains("--api-secret"), "{error}");
    assert!(!error.contains("eyJ"), "{error}");
}

/// Whoever connects is told `answer`.
fn stranger(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8192];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
        }
    });
    url
}

#[test]
fn who_speaks_no_livekit_is_recognised() {
    let page = stranger(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    assert_fails_with(
        &page,
        "meeting --participants 1",
        "does not speak LiveKit's signaling at /rtc/v1: it answers 200",
    );
    let missing = stranger(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_fails_with(&missing, "meeting --participants 1", "it answers 404");
    let ssh = stranger(b"SSH-2.0-something\r\n");
    assert_fails_with(&ssh, "meeting --participants 1", "does not speak LiveKit's signaling");
}

#[test]
fn a_server_that_dies_in_mid_run_leaves_the_figures_so_far() {
    let mut server = Server::start();
    let mut child = command(&server.url(), "audio-room --participants 1 --duration 60").spawn().unwrap();
    // The first line of figures: media flows. Read byte by byte, so that the rest stays for later.
    let mut said = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    let mut byte = [0];
    while !(said.contains("packets/s") && said.ends_with('\n')) {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "it ended before it began: {said}");
        said.push(byte[0] as char);
    }
    server.child.kill().unwrap();
    let (figures, output) = finish(child);
    assert_eq!(output.status.code(), Some(1));
    assert!(figures["error"].as_str().unwrap().contains("the server is gone"), "{figures}");
    assert!(number(&figures, "delivered_packets") > 0 && number(&figures, "lost_connections") > 0);
    assert!(figures["seconds"].as_f64().unwrap() < 60.0);
}

#[test]
fn wrong_usage_is_told_from_failure() {
    for flags in ["party", "meeting --participants 0", "consultations --rooms 2", "livestream --trace /no/such/file"] {
        let output = command("ws://127.0.0.1:1", flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

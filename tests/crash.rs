//! A server that is killed while people book: what it has acknowledged is there afterwards, the database is sound, and
//! no call is left open.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use reqwest::{Client, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

/// How often the server is killed; fewer to try something out.
const ROUNDS: u64 = 200;
const CUSTOMERS: usize = 4;
const HALF_HOUR: i64 = 1_800_000;
const SETTINGS: &str = "rate_limits: {enabled: false}\nlogging: {level: warn}";

struct Server {
    child: Child,
    base: String,
}

impl Server {
    /// Starts one on a data folder and waits until it answers.
    async fn start(folder: &Path, client: &Client) -> Self {
        let [port, tcp] = free_ports();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
        command.args(["serve", "--dev", "--bind", "127.0.0.1", "--node-ip", "127.0.0.1", "--config-body", SETTINGS]);
        command.args(["--port", &port.to_string(), "--tcp-port", &tcp.to_string(), "--udp-port", &udp.to_string()]);
        command.arg("--data-dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let server = Self { child: command.spawn().unwrap(), base: format!("http://127.0.0.1:{port}") };
        let end = Instant::now() + Duration::from_secs(60);
        while client.get(format!("{}/api/time", server.base)).send().await.is_err() {
            assert!(Instant::now() < end, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    /// SIGKILL: nothing is tidied up.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn free_ports() -> [u16; 2] {
    let held = [0; 2].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Makes an account and gives its password.
fn add_user(folder: &Path, email: &str, role: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
    command.args(["user", "add", "--email", email, "--name", email, "--role", role, "--generate", "--data-dir"]);
    let mut child = command.arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    let password = text.split_whitespace().find(|word| word.matches('-').count() == 4 && !word.contains('@'));
    password.unwrap_or_else(|| panic!("no password in {text}")).to_owned()
}

async fn sign_in(client: &Client, base: &str, email: &str, password: &str) -> String {
    let body = json!({ "email": email, "password": password });
    let answer = client.post(format!("{base}/api/session")).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn must(request: reqwest::RequestBuilder, cookie: &str) -> Value {
    let answer = request.header("cookie", cookie).header("if-match", "*").send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_loses_no_booking_that_it_acknowledged() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let expert_password = add_user(data, "expert@example.org", "expert");
    let passwords: Vec<String> =
        (0..CUSTOMERS).map(|i| add_user(data, &format!("customer{i}@example.org"), "customer")).collect();

    let server = Server::start(data, &client).await;
    let expert = sign_in(&client, &server.base, "expert@example.org", &expert_password).await;
    let weekly: Vec<Value> =
        (1..=7).map(|weekday| json!({ "weekday": weekday, "fromMin": 0, "toMin": 1440, "tz": "UTC" })).collect();
    let hours = json!({ "weekly": weekly, "exceptions": [] });
    must(client.put(format!("{}/api/me/availability", server.base)).json(&hours), &expert).await;
    let profile =
        json!({ "slug": "expert", "headline": "", "bio": "", "specialities": [], "languages": [], "published": true });
    must(client.put(format!("{}/api/me/expert-profile", server.base)).json(&profile), &expert).await;
    let service = json!({
        "title": "Advice", "durationMin": 30, "stepMin": 30, "minNoticeMin": 0, "horizonDays": 700, "approval": "auto",
    });
    let service = must(client.post(format!("{}/api/services", server.base)).json(&service), &expert).await;
    let service = service["id"].as_str().unwrap().to_owned();
    let mut cookies = Vec::new();
    for (i, password) in passwords.iter().enumerate() {
        cookies.push(sign_in(&client, &server.base, &format!("customer{i}@example.org"), password).await);
    }
    let time = must(client.get(format!("{}/api/time", server.base)), &expert).await;
    let first = (time["unixMs"].as_i64().unwrap() / HALF_HOUR + 4) * HALF_HOUR;
    server.kill();

    // Every booking has a start of its own, so none stands in another's way.
    let next = Arc::new(AtomicI64::new(0));
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    let rounds = std::env::var("VISAVIS_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut rng = rand::rngs::StdRng::seed_from_u64(20_261_126);
    for round in 0..rounds {
        leave_a_call_open(data, round);
        let server = Server::start(data, &client).await;
        let work: Vec<_> = cookies
            .iter()
            .map(|cookie| {
                let (client, base, cookie, service) =
                    (client.clone(), server.base.clone(), cookie.clone(), service.clone());
                let (next, acknowledged) = (Arc::clone(&next), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    loop {
                        let start = first + next.fetch_add(1, Ordering::Relaxed) * HALF_HOUR;
                        let starts_at = jiff::Timestamp::from_millisecond(start).unwrap().to_string();
                        let body = json!({ "serviceId": service, "startsAt": starts_at, "tz": "UTC", "note": "" });
                        let request = client.post(format!("{base}/api/appointments")).json(&body);
                        // A broken connection is the kill: whether that booking stands is open.
                        let Ok(answer) = request.header("cookie", &cookie).send().await else { return };
                        let status = answer.status();
                        let Ok(text) = answer.text().await else { return };
                        assert_eq!(status, StatusCode::CREATED, "{text}");
                        let made: Value = serde_json::from_str(&text).unwrap();
                        acknowledged.lock().unwrap().push(made["id"].as_str().unwrap().to_owned());
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + u64::from(rng.next_u32() % 180))).await;
        server.kill();
        for task in work {
            task.await.unwrap();
        }
        inspect(data, &acknowledged.lock().unwrap(), round);
    }
    let made = acknowledged.lock().unwrap().len();
    assert!(made as u64 > rounds, "only {made} bookings in {rounds} rounds: nothing was tried");
    println!("{made} bookings acknowledged in {rounds} rounds");

    // The last start closes the last call.
    let server = Server::start(data, &client).await;
    server.kill();
    let open: i64 = open_database(data)
        .query_row("SELECT count(*) FROM call_logs WHERE ended_at IS NULL", [], |row| row.get(0))
        .unwrap();
    assert_eq!(open, 0);
}

fn open_database(folder: &Path) -> Connection {
    Connection::open(folder.join("visavis.db")).unwrap()
}

/// As if somebody had been in a call when the server died.
fn leave_a_call_open(folder: &Path, round: u64) {
    open_database(folder)
        .execute(
            "INSERT INTO call_logs (id, room_name, participant_identity, participant_name, started_at, created_at,
               updated_at, participant_sid, heartbeat_at)
             VALUES (?1, 'appointment-x', 'somebody', 'Somebody', 1, 1, 1, ?1, 65000)",
            [format!("log-{round}")],
        )
        .unwrap();
}

fn inspect(folder: &Path, acknowledged: &[String], round: u64) {
    let database = open_database(folder);
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "round {round}");
    let mut find = database.prepare("SELECT status FROM appointments WHERE id = ?1").unwrap();
    for id in acknowledged {
        let status: Result<String, _> = find.query_row([id], |row| row.get(0));
        assert_eq!(status.as_deref(), Ok("approved"), "round {round}: {id} was acknowledged");
    }
    // What was left open before this round's start is closed, where it was last alive.
    let closed: String = database
        .query_row(
            "SELECT end_reason || ' ' || duration_seconds FROM call_logs WHERE id = ?1",
            [format!("log-{round}")],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(closed, "crash_recovered 64", "round {round}");
}

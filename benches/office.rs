//! The office under load: slot search, bookings, tokens. `cargo bench --bench office` prints one table.
//!
//! Everything runs in this process on a database in a temporary folder; tokens are asked for over HTTP on the loopback.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use visavis::accounts::{Accounts, Device};
use visavis::api::office::{Gate, GateParts};
use visavis::api::rest::{self, Rest, RestParts, SignInMethods};
use visavis::api::web::{Assets, Web};
use visavis::clock::{SharedClock, SystemClock};
use visavis::config::{AccountSettings, BaseUrl, OfficeSettings};
use visavis::ids::{ServiceId, UserId};
use visavis::metrics::Metrics;
use visavis::notify::dispatch::{DispatchSettings, Dispatcher, Transports};
use visavis::notify::http::{Guard, Outbound};
use visavis::notify::ical::Person as NotifyPerson;
use visavis::scheduler::{BookingRequest, Interval, Scheduler, SchedulerSettings, SlotSearch, Wanted};
use visavis::store::{Actor, DataFolder, Role, Store, StoreError};
use visavis::units::UnixTime;
use visavis_signaling::token::ApiKey;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Appointments of the expert whose slots are searched.
const HISTORY: i64 = 20_000;
const CUSTOMERS: u32 = 64;
const EXPERTS: u32 = 64;

struct Row(String, String, String);

fn main() {
    // Cargo also asks benches whether they have tests.
    if std::env::args().any(|arg| arg == "--list" || arg == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rows = Vec::new();
    runtime.block_on(async {
        rows.extend(slots().await);
        rows.extend(bookings().await);
        rows.extend(tokens().await);
    });
    println!("\n| what | measured | goal |\n|---|---|---|");
    for Row(what, measured, goal) in rows {
        println!("| {what} | {measured} | {goal} |");
    }
    runtime.shutdown_background();
}

struct Desk {
    scheduler: Scheduler,
    clock: SharedClock,
    _folder: tempfile::TempDir,
}

fn person(number: u32) -> UserId {
    format!("00000000-0000-7000-8000-{number:012}").parse().unwrap()
}

fn service(expert: u32) -> ServiceId {
    format!("00000000-0000-7000-8001-{expert:012}").parse().unwrap()
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let data = DataFolder::new(folder.path());
        let store = tokio::task::spawn_blocking(move || Store::open(&data, 2).unwrap()).await.unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let scheduler = Scheduler::new(store, Arc::clone(&clock), SchedulerSettings::default());
        let mut sql = String::new();
        for number in 0..CUSTOMERS + EXPERTS {
            let role = if number < CUSTOMERS { "customer" } else { "expert" };
            sql += &format!(
                "INSERT INTO users (id, email, name, role, created_at, updated_at)
                 VALUES ('{}', 'p{number}@example.org', 'Person {number}', '{role}', 0, 0);",
                person(number)
            );
        }
        for expert in CUSTOMERS..CUSTOMERS + EXPERTS {
            let id = person(expert);
            sql += &format!(
                "INSERT INTO expert_profiles (user_id, slug, published, updated_at) VALUES ('{id}', 'e{expert}', 1, 0);
                 INSERT INTO services (id, expert_id, title, duration_min, step_min, min_notice_min, horizon_days, approval,
                   lobby, created_at, updated_at)
                 VALUES ('{}', '{id}', 'Advice', 30, 30, 0, 730, 'auto', 'off', 0, 0);",
                service(expert)
            );
            for weekday in 1..=7 {
                sql += &format!(
                    "INSERT INTO availability_rules (expert_id, weekday, from_min, to_min, tz)
                     VALUES ('{id}', {weekday}, 0, 1440, 'Europe/Rome');"
                );
            }
        }
        let desk = Self { scheduler, clock, _folder: folder };
        desk.sql(sql).await;
        desk
    }

    async fn sql(&self, sql: String) {
        self.scheduler.store().write(move |tx| tx.execute_batch(&sql).map_err(StoreError::from)).await.unwrap();
    }
}

fn quantile(times: &mut [Duration], q: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * q) as usize]
}

fn micros(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A month of slots of an expert with a long history and a full calendar ahead.
async fn slots() -> Vec<Row> {
    let desk = Desk::new().await;
    let now = desk.clock.unix();
    let expert = CUSTOMERS;
    let first = (now.0 / HOUR - HISTORY * 3 / 4) * HOUR;
    let mut sql = String::new();
    for number in 0..HISTORY {
        let (from, to) = (first + number * HOUR, first + number * HOUR + HOUR / 2);
        let customer = person((number % i64::from(CUSTOMERS)) as u32);
        sql += &format!(
            "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from, busy_to,
               tz, status, room_secret, ical_uid, lobby, created_at, updated_at)
             VALUES ('00000000-0000-7000-8002-{number:012}', '{customer}', '{}', '{}', 'Advice', {from}, {to}, {from}, {to},
               'UTC', 'approved', '0123456789abcdef0123', 'u{number}', 'off', 0, 0);",
            person(expert),
            service(expert),
        );
    }
    desk.sql(sql).await;
    let range = Interval { from: now, to: UnixTime(now.0 + 30 * DAY) };
    let search = || SlotSearch { service: service(expert), range, tz: "America/New_York".into(), moving: None };
    let mut times = Vec::new();
    let mut found = 0;
    for round in 0..2_200 {
        let begun = Instant::now();
        found = desk.scheduler.slots(Actor::Anonymous, search()).await.unwrap().slots.len();
        if round >= 200 {
            times.push(begun.elapsed());
        }
    }
    assert!(found > 100, "{found} slots");
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let what = format!("slot search: 30 days, {found} slots, {HISTORY} appointments of the expert");
    vec![Row(what, format!("p50 {}, p99 {}", micros(median), micros(p99)), "< 1 ms".into())]
}

/// Bookings by many customers at once, each a transaction that is on the disk when it is acknowledged.
async fn bookings() -> Vec<Row> {
    let desk = Desk::new().await;
    let begin = (desk.clock.unix().0 / HOUR + 2) * HOUR;
    let length = Duration::from_secs(8);
    let started = Instant::now();
    let tasks: Vec<_> = (0..CUSTOMERS)
        .flat_map(|customer| (0..4).map(move |lane| (customer, lane)))
        .map(|(customer, lane)| {
            let scheduler = desk.scheduler.clone();
            tokio::spawn(async move {
                let (mut times, mut step) = (Vec::new(), 0_i64);
                while started.elapsed() < length {
                    // Every booking has a time and an expert of its own.
                    let slot = step * 4 + lane;
                    let expert = CUSTOMERS + (customer + step as u32) % EXPERTS;
                    let starts_at = UnixTime(begin + slot * HOUR / 2);
                    step += 1;
                    let wanted = Wanted::Start { service: service(expert), starts_at, tz: "Europe/Rome".into() };
                    let begun = Instant::now();
                    let actor = Actor::User(person(customer), Role::Customer);
                    let request = BookingRequest { wanted, note: String::new(), companions: Vec::new(), consent: None };
                    match scheduler.request(actor, request).await {
                        Ok(_) => times.push(begun.elapsed()),
                        Err(error) => panic!("{error}"),
                    }
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    let counters = desk.scheduler.store().counters();
    let commits = counters.commits.load(std::sync::atomic::Ordering::Relaxed).max(1);
    let group = times.len() as u64 / commits;
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let measured = format!("{rate:.0} bookings/s, p50 {}, p99 {}, {group} in a commit", micros(median), micros(p99));
    vec![Row("bookings, auto-approved, 256 at once, synchronous=FULL".into(), measured, "2000/s".into())]
}

/// `POST /api/livekit/token` at a steady thousand a second.
async fn tokens() -> Vec<Row> {
    const RATE: u64 = 1_000;
    const SECONDS: u64 = 10;
    const CONNECTIONS: u64 = 32;
    let desk = Desk::new().await;
    let accounts = Accounts::new(desk.scheduler.store().clone(), Arc::clone(&desk.clock), AccountSettings::default());
    let now = desk.clock.unix();
    let mut holders = Vec::new();
    for customer in 0..CUSTOMERS {
        let expert = CUSTOMERS + customer;
        let (from, to) = (now.0, now.0 + HOUR);
        let id = format!("00000000-0000-7000-8002-{customer:012}");
        desk.sql(format!(
            "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from, busy_to,
               tz, status, room_secret, ical_uid, lobby, created_at, updated_at)
             VALUES ('{id}', '{}', '{}', '{}', 'Advice', {from}, {to}, {from}, {to}, 'UTC', 'approved',
               '0123456789abcdef0123', 'u{customer}', 'off', 0, 0);",
            person(customer),
            person(expert),
            service(expert),
        ))
        .await;
        let link = accounts.sign_in_link(person(customer)).await.unwrap();
        let signed_in = accounts.open_magic_link(link.reveal(), Device::default()).await.unwrap();
        let room = format!("appointment-{id}-0123456789abcdef0123");
        holders.push((signed_in.session.token.reveal().to_owned(), room));
    }
    let mut settings = OfficeSettings::default();
    settings.rate_limits.enabled = false;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_stop, stopped) = watch::channel(false);
    let base = BaseUrl::localhost(port);
    let parts = GateParts::new(&settings, base, Arc::clone(&desk.clock), Arc::new(Metrics::default()), stopped);
    let key = ApiKey::new("devkey", "secret-of-at-least-thirty-two-characters");
    let transports =
        Transports { mail: None, sms: None, push: None, webhooks: Outbound::new(Guard::default(), &[]).unwrap() };
    let said = DispatchSettings {
        from: NotifyPerson { name: String::new(), email: String::new() },
        base: BaseUrl::localhost(port),
        quiet_hours: settings.sms.quiet_hours,
    };
    let store = desk.scheduler.store().clone();
    let dispatcher = Dispatcher::new(store, Arc::clone(&desk.clock), Arc::new(Metrics::default()), transports, said);
    let rest = Rest::new(RestParts {
        gate: Gate::new(parts),
        accounts,
        scheduler: desk.scheduler.clone(),
        keys: [key.clone()].into_iter().collect(),
        key,
        web: Web::of(Assets::default()),
        sign_in_methods: SignInMethods::new(&settings, false),
        dispatcher,
        media: Arc::new(Default::default),
        inbox: None,
        sms_log: None,
    });
    let router = rest::routes(false).into_router(rest);
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });

    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(CONNECTIONS as usize).build().unwrap();
    let url = format!("http://127.0.0.1:{port}/api/livekit/token");
    let started = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|lane| {
            let (client, url, holders) = (client.clone(), url.clone(), holders.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                for number in (lane..RATE * SECONDS).step_by(CONNECTIONS as usize) {
                    // By the plan, not by the last answer: a slow answer makes later ones wait, and that counts.
                    let due = started + Duration::from_micros(number * 1_000_000 / RATE);
                    tokio::time::sleep_until(due.into()).await;
                    let (cookie, room) = &holders[number as usize % holders.len()];
                    let body = serde_json::json!({ "roomName": room, "participantName": "Somebody" });
                    let answer = client
                        .post(&url)
                        .header("cookie", format!("visavis={cookie}"))
                        .json(&body)
                        .send()
                        .await
                        .unwrap();
                    let status = answer.status();
                    let text = answer.text().await.unwrap();
                    assert!(status.is_success(), "{status} {text}");
                    times.push(due.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let measured = format!("p50 {}, p99 {} at {rate:.0}/s", micros(median), micros(p99));
    vec![Row(
        "token endpoint over HTTP, 1000 requests/s, each token recorded with FULL".into(),
        measured,
        "p99 < 5 ms".into(),
    )]
}

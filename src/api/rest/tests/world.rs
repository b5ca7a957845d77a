//! An office with people of every role, signed in, each with something of their own; and requests to it.
//!
//! Everything there is comes twice: customer 1 has an appointment with expert 1 and guest 1 in it, customer 2 one with
//! expert 2 and guest 2. So the things of the one are foreign to the other.

#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;
use visavis_signaling::token::ApiKey;

use super::super::{Rest, RestParts, SignInMethods, routes};
use crate::accounts::{Accounts, Device, GuestLinkRequest, Hasher, NewPerson, Person};
use crate::api::office::{Gate, GateParts};
use crate::api::web::{Assets, Web};
use crate::clock::{Clock, ManualClock, SharedClock};
use crate::config::{BaseUrl, OfficeSettings};
use crate::ids::{AppointmentId, RecordId, SeatId, ServiceId};
use crate::metrics::Metrics;
use crate::notify::dispatch;
use crate::scheduler::{Scheduler, SchedulerSettings};
use crate::store::{Actor, DataFolder, Role, Store, StoreError, Tx};
use crate::units::UnixTime;

/// What everybody's password is.
pub(super) const PASSWORD: &str = "correct horse battery";
/// When the appointments begin; it is a day before.
pub(super) const START: UnixTime = UnixTime(1_795_338_000_000);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Who asks. Numbers are 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Anonymous,
    Guest(usize),
    Customer(usize),
    Expert(usize),
    Admin,
}

impl Who {
    /// Everybody of number 1, and those without a number.
    pub(super) const ACTORS: [Who; 5] = [Who::Anonymous, Who::Guest(1), Who::Customer(1), Who::Expert(1), Who::Admin];
    const PEOPLE: [Who; 5] = [Who::Customer(1), Who::Customer(2), Who::Expert(1), Who::Expert(2), Who::Admin];

    /// The e-mail address, of those with an account.
    pub(super) fn email(self) -> String {
        match self {
            Who::Customer(number) => format!("customer{number}@example.org"),
            Who::Expert(number) => format!("expert{number}@example.org"),
            Who::Admin => "admin@example.org".to_owned(),
            Who::Anonymous | Who::Guest(_) => panic!("{self:?} has no account"),
        }
    }

    /// The client's address; everybody has their own.
    fn address(self) -> SocketAddr {
        let last = match self {
            Who::Anonymous => 1,
            Who::Guest(number) => 10 + number,
            Who::Customer(number) => 20 + number,
            Who::Expert(number) => 30 + number,
            Who::Admin => 40,
        };
        SocketAddr::from(([192, 0, 2, last as u8], 5000))
    }
}

/// What one of the two appointments consists of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting {
    pub(super) service: ServiceId,
    pub(super) appointment: AppointmentId,
    pub(super) customer_seat: SeatId,
    pub(super) expert_seat: SeatId,
    pub(super) guest_seat: SeatId,
    pub(super) guest_link: RecordId,
}

pub(super) struct World {
    pub(super) rest: Rest,
    pub(super) store: Store,
    pub(super) clock: Arc<ManualClock>,
    pub(super) metrics: Arc<Metrics>,
    people: HashMap<Who, Person>,
    meetings: Vec<Meeting>,
    tokens: HashMap<Who, String>,
    router: Router,
    stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::at("https://meet.example.org", |_| {}).await
    }

    /// An office that browsers reach at `base`, with other settings.
    pub(super) async fn at(base: &str, change: impl FnOnce(&mut OfficeSettings)) -> Self {
        Self::made(base, change, |methods, _, _| methods).await
    }

    /// An office without the web app.
    pub(super) async fn without_app() -> Self {
        Self::built("https://meet.example.org", |_| {}, |methods, _, _| methods, Assets::default()).await
    }

    /// [`Self::at`], with other ways to sign in.
    pub(super) async fn made(
        base: &str,
        change: impl FnOnce(&mut OfficeSettings),
        methods: impl FnOnce(SignInMethods, &Accounts, &BaseUrl) -> SignInMethods,
    ) -> Self {
        Self::built(base, change, methods, app()).await
    }

    async fn built(
        base: &str,
        change: impl FnOnce(&mut OfficeSettings),
        methods: impl FnOnce(SignInMethods, &Accounts, &BaseUrl) -> SignInMethods,
        assets: Assets,
    ) -> Self {
        let mut settings = OfficeSettings::default();
        settings.accounts.max_concurrent_hashes = 2;
        change(&mut settings);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DataFolder::new(folder.path()), 2).unwrap();
        let clock = Arc::new(ManualClock::new(START.minus(24 * HOUR)));
        let shared = Arc::clone(&clock) as SharedClock;
        let hasher = Hasher::new(argon2::Params::new(64, 1, 1, None).unwrap(), 2);
        let accounts = Accounts::with_hasher(store.clone(), Arc::clone(&shared), settings.accounts.clone(), hasher);
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::new(Metrics::default());
        let base: BaseUrl = base.parse().unwrap();
        let sign_in_methods = methods(SignInMethods::new(&settings, false), &accounts, &base);
        let gate = GateParts::new(&settings, base, Arc::clone(&shared), Arc::clone(&metrics), stopped);
        let kept = dispatch::testing::dispatcher(store.clone(), Arc::clone(&shared));
        let rest = Rest::new(RestParts {
            gate: Gate::new(gate),
            accounts,
            scheduler: Scheduler::new(store.clone(), shared, SchedulerSettings::default()),
            key: key(),
            keys: [key()].into_iter().collect(),
            web: Web::of(assets),
            sign_in_methods,
            dispatcher: kept.dispatcher,
            media: Arc::new(Default::default),
            inbox: Some(kept.inbox),
            sms_log: Some(kept.sms),
        });
        let router = routes(false).into_router(rest.clone());
        let mut world = Self {
            rest,
            store,
            clock,
            metrics,
            people: HashMap::new(),
            meetings: Vec::new(),
            tokens: HashMap::new(),
            router,
            stop,
            _folder: folder,
        };
        world.settle().await;
        world
    }

    async fn settle(&mut self) {
        for who in Who::PEOPLE {
            let role = match who {
                Who::Expert(_) => Role::Expert,
                Who::Admin => Role::Admin,
                _ => Role::Customer,
            };
            let person = self.rest.accounts.create(Actor::System, new_person(&who.email(), role)).await.unwrap();
            self.people.insert(who, person);
            self.sign_in(who).await;
        }
        for number in [1, 2] {
            let meeting = self.meet(number).await;
            self.meetings.push(meeting);
            self.sign_in(Who::Guest(number)).await;
        }
    }

    /// The appointment of a number: approved, for an hour from [`START`], with a guest's seat.
    async fn meet(&self, number: usize) -> Meeting {
        let (customer, expert) = (self.person(Who::Customer(number)).id, self.person(Who::Expert(number)).id);
        let (now, mut rng) = (self.clock.unix(), rand::rng());
        let (service, appointment) = (ServiceId::new(now, &mut rng), AppointmentId::new(now, &mut rng));
        let guest_seat = SeatId::new(now, &mut rng);
        let (now, from, to) = (now.0, START.0, START.plus(HOUR).0);
        self.sql(&format!(
            "INSERT INTO expert_profiles (user_id, slug, published, updated_at) VALUES ('{expert}', 'expert-{number}', 1, {now});
             INSERT INTO services (id, expert_id, title, duration_min, step_min, created_at, updated_at)
             VALUES ('{service}', '{expert}', 'Advice', 60, 60, {now}, {now});
             INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from,
               busy_to, tz, status, room_secret, ical_uid, lobby, created_at, updated_at)
             VALUES ('{appointment}', '{customer}', '{expert}', '{service}', 'Advice', {from}, {to}, {from}, {to},
               'Europe/Rome', 'approved', '0123456789abcdef0123', 'uid-{number}', 'on', {now}, {now});
             INSERT INTO seats (id, appointment_id, guest_name, guest_email, role, created_at)
             VALUES ('{guest_seat}', '{appointment}', 'Guest {number}', 'guest{number}@example.org', 'observer', {now})"
        ))
        .await;
        let seat = |user| format!("SELECT id FROM seats WHERE appointment_id = '{appointment}' AND user_id = '{user}'");
        let request = GuestLinkRequest { expires_at: START.plus(HOUR), max_uses: 100, invitation: None };
        let link = self.rest.accounts.create_guest_link(self.actor(Who::Expert(number)), guest_seat, request);
        Meeting {
            service,
            appointment,
            customer_seat: self.value(&seat(customer)).await,
            expert_seat: self.value(&seat(expert)).await,
            guest_seat,
            guest_link: link.await.unwrap().id,
        }
    }

    /// Signs somebody in once more; requests carry the new session from now on.
    pub(super) async fn sign_in(&mut self, who: Who) {
        let token = match who {
            Who::Anonymous => return,
            Who::Guest(number) => {
                let request = GuestLinkRequest { expires_at: START.plus(HOUR), max_uses: 1, invitation: None };
                let (actor, seat) = (self.actor(Who::Expert(number)), self.meeting(number).guest_seat);
                let link = self.rest.accounts.create_guest_link(actor, seat, request).await.unwrap();
                let opened = self.rest.accounts.open_guest_link(link.token.reveal(), Device::default()).await.unwrap();
                opened.session.token
            }
            _ => {
                let signed_in = self.rest.accounts.sign_in(&who.email(), PASSWORD, Device::default()).await.unwrap();
                signed_in.session.token
            }
        };
        self.tokens.insert(who, token.reveal().to_owned());
    }

    pub(super) fn person(&self, who: Who) -> &Person {
        &self.people[&who]
    }

    pub(super) fn actor(&self, who: Who) -> Actor {
        match who {
            Who::Anonymous => Actor::Anonymous,
            Who::Guest(number) => Actor::Guest(self.meeting(number).guest_seat),
            _ => Actor::User(self.person(who).id, self.person(who).role),
        }
    }

    pub(super) fn meeting(&self, number: usize) -> Meeting {
        self.meetings[number - 1]
    }

    /// Requests by somebody, from a page of ours.
    pub(super) fn as_(&self, who: Who) -> Client<'_> {
        let cookie = self.tokens.get(&who).cloned();
        Client { world: self, address: who.address(), cookie, headers: vec![("sec-fetch-site", "same-origin".into())] }
    }

    pub(super) async fn sql(&self, sql: &str) {
        let text = sql.to_owned();
        let done = self.store.write(move |tx| tx.execute_batch(&text).map_err(StoreError::from)).await;
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// One value, read past all scoping.
    pub(super) async fn value<T: rusqlite::types::FromSql + Send + 'static>(&self, sql: &str) -> T {
        let sql = sql.to_owned();
        let query = move |tx: &mut Tx<'_>| Ok::<_, StoreError>(tx.query_row(&sql, [], |row| row.get(0))?);
        self.store.write(query).await.unwrap()
    }

    /// The token of the mail of a kind that was put into the outbox last for an address.
    pub(super) async fn mailed(&self, kind: &str, email: &str) -> String {
        let sql = format!(
            "SELECT json_extract(payload, '$.token') FROM outbox WHERE channel = 'mail'
               AND json_extract(payload, '$.kind') = '{kind}' AND json_extract(payload, '$.email') = '{email}'
             ORDER BY rowid DESC LIMIT 1"
        );
        // Some are sent after the answer.
        for _ in 0..200 {
            let sql = format!("SELECT coalesce(({sql}), '')");
            let token: String = self.value(&sql).await;
            if !token.is_empty() {
                return token;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no mail of {kind} for {email}");
    }
}

/// An app as its build leaves it, in small.
fn app() -> Assets {
    let shell = "<!doctype html>\n<html lang=\"en\">\n<head><title>visavis</title>\n<!--head--></head>\n\
                 <body><div id=\"root\"><!--page--></div><script type=\"module\" src=\"/assets/app-C_t8CAJy.js\"></script>";
    let files = [
        ("index.html", shell),
        ("assets/app-C_t8CAJy.js", "whole script"),
        ("assets/app-C_t8CAJy.js.br", "br script"),
        ("assets/app-C_t8CAJy.js.gz", "gz script"),
        ("assets/blur-D36xa7QZ.wasm", "wasm"),
        ("assets/model-D36xa7QZ.tflite", "model"),
        ("icons/icon-192.png", "icon"),
        ("manifest.webmanifest", "{}"),
        ("sw.js", "worker"),
        ("embed.js", "elements"),
        ("embed.js.gz", "gz elements"),
        ("unsupported.js", "words"),
    ];
    Assets::of(files.map(|(name, text)| (name.to_owned(), text.into())))
}

/// What tokens are signed with.
pub(super) fn key() -> ApiKey {
    ApiKey::new("devkey", "0123456789abcdef0123456789abcdef")
}

pub(super) fn new_person(email: &str, role: Role) -> NewPerson {
    let name = email.split('@').next().unwrap().to_owned();
    NewPerson {
        email: email.to_owned(),
        name: format!("Name of {name}"),
        password: Some(PASSWORD.to_owned()),
        role,
        tz: None,
        locale: None,
        phone: None,
    }
}

/// Somebody's browser, or a program.
#[derive(Clone)]
pub(super) struct Client<'w> {
    world: &'w World,
    address: SocketAddr,
    cookie: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Client<'_> {
    /// With another header; one that is empty is left out.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value.to_owned()));
        }
        self
    }

    /// With the session that an answer has opened, or none where it has ended it.
    pub(super) fn after(mut self, answer: &Answer) -> Self {
        let set = answer.header("set-cookie").split(';').next().unwrap_or_default();
        self.cookie = set.split_once('=').map(|(_, token)| token.to_owned()).filter(|token| !token.is_empty());
        self
    }

    async fn respond(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = Request::builder().method(method).uri(path).header("host", "meet.example.org");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &self.cookie {
            request = request.header("cookie", format!("{}={token}", self.world.rest.gate.cookie().name()));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Body::from(body.map(|body| body.to_string()).unwrap_or_default())).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.address));
        self.world.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn request(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let response = self.respond(method, path, body).await;
        let (status, headers) = (response.status(), response.headers().clone());
        // Streams of events do not end.
        let stream = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = if stream {
            Default::default()
        } else {
            axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        Answer { status, headers, json: serde_json::from_slice(&body).unwrap_or_default(), text }
    }

    /// Live events from now on, or after the last one that was seen.
    pub(super) async fn listen(&self, seen: Option<u64>) -> Listener {
        let seen = seen.map(|seen| seen.to_string()).unwrap_or_default();
        let response = self.clone().with("last-event-id", &seen).respond(Method::GET, "/api/events", None).await;
        assert_eq!(response.status(), StatusCode::OK);
        Listener { body: response.into_body().into_data_stream(), text: String::new() }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None).await
    }

    pub(super) async fn head(&self, path: &str) -> Answer {
        self.request(Method::HEAD, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, None).await
    }
}

/// A stream of live events.
pub(super) struct Listener {
    body: BodyDataStream,
    /// What has come and is not read yet.
    text: String,
}

/// One live event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) id: u64,
    pub(super) kind: String,
    pub(super) data: Value,
}

impl Listener {
    /// The next event; it comes within seconds.
    pub(super) async fn next(&mut self) -> Told {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                let (kind, id, data) = (field("event"), field("id"), field("data"));
                self.text = rest.to_owned();
                if !kind.is_empty() {
                    return Told { id: id.parse().unwrap(), kind, data: serde_json::from_str(&data).unwrap() };
                }
            }
            let piece = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await;
            self.text += std::str::from_utf8(&piece.expect("no event comes").unwrap().unwrap()).unwrap();
        }
    }
}

/// An answer, read.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Null where there is none.
    pub(super) json: Value,
    pub(super) text: String,
}

impl Answer {
    /// The problem's code; empty where it is none.
    pub(super) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// A header; empty where it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Insists on a status.
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.json);
        self
    }

    /// Insists on a problem.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.json);
        self
    }
}

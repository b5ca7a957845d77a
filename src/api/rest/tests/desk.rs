//! The office over HTTP: the scheduler's [`Desk`] with its people signed in.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::accounts::{Accounts, Hasher};
use crate::api::office::{Gate, GateParts};
use crate::api::rest::{Rest, RestParts, SignInMethods, routes};
use crate::api::web::{Assets, Web};
use crate::clock::SharedClock;
use crate::config::{AccountSettings, BaseUrl, OfficeSettings};
use crate::metrics::Metrics;
use crate::notify::dispatch::{self, Dispatcher};
use crate::scheduler::testing::{Desk, key, person};
use crate::store::{Actor, hex};
use crate::units::{UnixTime, rfc3339};

/// Who asks.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Nobody,
    /// The desk's person of that number.
    Person(u32),
    /// Whoever came by the link of the guest's seat of that number.
    Guest(u32),
}

use Who::*;

pub(super) const CUSTOMER: Who = Person(1);
pub(super) const OTHER: Who = Person(2);
pub(super) const EXPERT: Who = Person(8);
pub(super) const STRANGE_EXPERT: Who = Person(9);
pub(super) const ADMIN: Who = Person(10);

/// The desk and its API.
pub(super) struct Counter {
    pub(super) desk: Desk,
    pub(super) dispatcher: Dispatcher,
    router: Router,
}

/// An answer, read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) json: Value,
}

impl Answer {
    /// Its status and, of a problem, its code.
    pub(super) fn told(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }

    /// The value of a successful answer.
    #[track_caller]
    pub(super) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.json
    }

    pub(super) fn etag(&self) -> String {
        self.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

impl Counter {
    /// Everybody is signed in, and expert 8 has hours from 08:00 to 18:00 UTC every day.
    pub(super) fn new() -> Self {
        let desk = Desk::new();
        let clock = Arc::clone(&desk.clock) as SharedClock;
        let hasher = Hasher::new(argon2::Params::new(64, 1, 1, None).unwrap(), 1);
        let store = desk.scheduler.store().clone();
        let accounts = Accounts::with_hasher(store, Arc::clone(&clock), AccountSettings::default(), hasher);
        let mut settings = OfficeSettings::default();
        settings.rate_limits.enabled = false;
        let base: BaseUrl = "https://meet.example.org".parse().unwrap();
        // Nothing streams here, so nobody asks whether the server stops.
        let (_, stopped) = watch::channel(false);
        let kept = dispatch::testing::dispatcher(desk.scheduler.store().clone(), Arc::clone(&clock));
        let gate = Gate::new(GateParts::new(&settings, base, clock, Arc::new(Metrics::default()), stopped));
        let parts = RestParts {
            gate,
            accounts,
            scheduler: desk.scheduler.clone(),
            key: key(),
            keys: [key()].into_iter().collect(),
            web: Web::of(Assets::default()),
            sign_in_methods: SignInMethods::new(&settings, false),
            dispatcher: kept.dispatcher.clone(),
            media: Arc::new(Default::default),
            inbox: Some(kept.inbox),
            sms_log: Some(kept.sms),
        };
        let dispatcher = kept.dispatcher;
        let counter = Self { desk, dispatcher, router: routes(true).into_router(Rest::new(parts)) };
        for number in [1, 2, 3, 8, 9, 10] {
            counter.signs_in(Person(number), &format!("user_id) VALUES ('{}'", person(number)));
        }
        for weekday in 1..=7 {
            counter.desk.sql(&format!(
                "INSERT INTO availability_rules (expert_id, weekday, from_min, to_min, tz)
                 VALUES ('{}', {weekday}, 480, 1080, 'UTC')",
                person(8)
            ));
        }
        counter
    }

    /// Somebody without an account who came by a link to an appointment.
    pub(super) fn guest(&self, appointment: u32, role: &str) -> Who {
        let Actor::Guest(seat) = self.desk.guest(appointment, role) else { unreachable!("it makes guests") };
        self.signs_in(Guest(appointment), &format!("seat_id) VALUES ('{seat}'"));
        Guest(appointment)
    }

    fn signs_in(&self, who: Who, owner: &str) {
        let (column, value) = owner.split_once(") VALUES (").unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token(who).as_bytes());
        let number = match who {
            Nobody => 0,
            Person(number) => number,
            Guest(number) => 1000 + number,
        };
        self.desk.sql(&format!(
            "INSERT INTO sessions (id, token_hash, {column}, created_at, last_seen_at, expires_at)
             VALUES ('00000000-0000-7000-8009-{number:012}', '{}', {value}, 0, 0, 9000000000000)",
            hex(digest.as_ref())
        ));
    }

    /// Whoever comes by a link of a guest's seat.
    pub(super) fn holder_of(&self, number: u32, seat: &str) -> Who {
        self.signs_in(Guest(number), &format!("seat_id) VALUES ('{seat}'"));
        Guest(number)
    }

    pub(super) async fn send(&self, who: Who, method: &str, path: &str, tag: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "meet.example.org");
        request = request.header("origin", "https://meet.example.org");
        if !matches!(who, Nobody) {
            request = request.header("cookie", format!("__Host-visavis={}", token(who)));
        }
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.answer(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Gets what is accepted.
    pub(super) async fn accepting(&self, who: Who, path: &str, accepted: &str) -> Answer {
        let request = Request::builder().uri(path).header("host", "meet.example.org").header("accept", accepted);
        let cookie = if matches!(who, Nobody) { String::new() } else { format!("__Host-visavis={}", token(who)) };
        self.answer(request.header("cookie", cookie).body(Body::empty()).unwrap()).await
    }

    /// Sends bytes that are of a type.
    pub(super) async fn upload(&self, who: Who, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method("POST").uri(path).header("host", "meet.example.org");
        let request = request.header("origin", "https://meet.example.org").header("content-type", kind);
        let request = request.header("cookie", format!("__Host-visavis={}", token(who)));
        self.answer(request.body(body.into()).unwrap()).await
    }

    async fn answer(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, json }
    }

    pub(super) async fn get(&self, who: Who, path: &str) -> Answer {
        self.send(who, "GET", path, None, "").await
    }

    pub(super) async fn post(&self, who: Who, path: &str, body: Value) -> Answer {
        self.send(who, "POST", path, None, &text(&body)).await
    }

    /// A change of what has the tag; `*` for whatever there is.
    pub(super) async fn put(&self, who: Who, path: &str, tag: &str, body: Value) -> Answer {
        self.send(who, "PUT", path, Some(tag), &text(&body)).await
    }

    pub(super) async fn patch(&self, who: Who, path: &str, tag: &str, body: Value) -> Answer {
        self.send(who, "PATCH", path, Some(tag), &text(&body)).await
    }

    pub(super) async fn delete(&self, who: Who, path: &str) -> Answer {
        self.send(who, "DELETE", path, None, "").await
    }

    /// A command on what has the tag.
    pub(super) async fn tell(&self, who: Who, path: &str, tag: &str, body: Value) -> Answer {
        self.send(who, "POST", path, Some(tag), &text(&body)).await
    }
}

fn text(body: &Value) -> String {
    if body.is_null() { String::new() } else { body.to_string() }
}

fn token(who: Who) -> String {
    match who {
        Nobody => String::new(),
        Person(number) => format!("session-of-the-person-with-number-{number:08}"),
        Guest(number) => format!("session-of-the-guest-with-number-{number:09}"),
    }
}

/// A time as the API has it.
pub(super) fn at(time: UnixTime) -> String {
    rfc3339::format(time)
}

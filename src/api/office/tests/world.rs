//! An office whose handlers do next to nothing, and requests to it.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{Html, IntoResponse};
use rand::SeedableRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::*;
use crate::api::problem::{Code, Problem};
use crate::clock::{ManualClock, SharedClock, ShiftedClock};
use crate::config::{BaseUrl, OfficeSettings};
use crate::ids::{SeatId, SessionId, UserId};
use crate::metrics::Metrics;
use crate::store::{Actor, Role};
use crate::units::{UnixTime, rfc3339};

/// Sessions by name: a token is `session-of-a-NAME`.
pub(super) struct Names(AtomicUsize);

impl Sessions for Names {
    async fn resolve(&self, token: &str, now: UnixTime) -> Result<Option<(Actor, SessionId)>, Problem> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let user = UserId::new(now, &mut rng);
        let actor = match token.strip_prefix("session-of-a-") {
            Some("guest") => Actor::Guest(SeatId::new(now, &mut rng)),
            Some("customer") => Actor::User(user, Role::Customer),
            Some("expert") => Actor::User(user, Role::Expert),
            Some("admin") => Actor::User(user, Role::Admin),
            Some("broken-disk") => return Err(Problem::new(Code::Unavailable)),
            _ => return Ok(None),
        };
        Ok(Some((actor, SessionId::new(now, &mut rng))))
    }
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) gate: Gate,
    sessions: Arc<Names>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: watch::Sender<bool>,
    router: Router,
}

impl OfficeState for World {
    type Sessions = Names;

    fn sessions(&self) -> &Names {
        &self.sessions
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// Who called, as handlers see it.
async fn who(caller: Caller) -> String {
    format!("{} {}", caller.actor.kind(), caller.address)
}

macro_rules! doors {
    ($($name:ident $path:literal;)*) => {
        $(
            /// A door
            #[utoipa::path(get, path = $path, responses((status = 200)))]
            async fn $name(caller: Caller) -> String {
                who(caller).await
            }
        )*
    };
}

doors! {
    public "/api/door/public";
    anyone "/api/door/anyone";
    guest "/api/door/guest";
    signed_in "/api/door/signed_in";
    customer "/api/door/customer";
    expert "/api/door/expert";
    admin "/api/door/admin";
    staff "/api/door/staff";
    tryout "/dev/door";
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Thing {
    name: Line<10>,
    #[serde(default)]
    text: Prose<100>,
    #[serde(with = "rfc3339::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<UnixTime>,
}

/// Sign in
#[utoipa::path(post, path = "/api/sign-in", responses((status = 200)))]
async fn sign_in(gate: Gate, Json(thing): Json<Thing>) -> Result<impl IntoResponse, Problem> {
    let limited = |wait| Problem::new(Code::TooManyRequests).retry_after(wait);
    gate.limits.name(Class::SignIn, &thing.name, gate.clock.now()).map_err(limited)?;
    Ok([("set-cookie", gate.cookie().set("a-new-session-token", gate.session_ttl).unwrap())])
}

/// Make a thing
#[utoipa::path(post, path = "/api/things", responses((status = 200, body = Thing)))]
async fn make_thing(Json(thing): Json<Thing>) -> Json<Thing> {
    Json(thing)
}

/// List things
#[utoipa::path(get, path = "/api/things", params(PageParams), responses((status = 200, body = Slice<Number>)))]
async fn list_things(page: Paged<NoFilter, u32>) -> Json<Slice<Number>> {
    let first = page.after.map_or(0, |after| after + 1);
    let rows = (first..120).take(page.limit + 1).map(Number).collect();
    Json(Slice::of(rows, page.limit, |row: &Number| row.0))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Number(u32);

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<UnixTime>,
}

/// One thing
#[utoipa::path(get, path = "/api/things/{id}", params(Wanted), responses((status = 200)))]
async fn get_thing(Path(id): Path<UserId>, Query(wanted): Query<Wanted>) -> Versioned<String> {
    Versioned(7, format!("{id} {}", wanted.at.map(rfc3339::format).unwrap_or_default()))
}

/// Change a thing
#[utoipa::path(put, path = "/api/things/{id}", responses((status = 200)))]
async fn put_thing(Path(_id): Path<UserId>, version: IfMatch) -> Result<Versioned<&'static str>, Problem> {
    version.check(7)?;
    Ok(Versioned(8, "changed"))
}

/// Panic
#[utoipa::path(get, path = "/api/panic", responses((status = 200)))]
async fn panic() -> &'static str {
    panic!("a secret of ours")
}

/// Never answer
#[utoipa::path(get, path = "/api/never", responses((status = 200)))]
async fn never(State(_world): State<World>) {
    std::future::pending().await
}

/// A page
#[utoipa::path(get, path = "/page", responses((status = 200, content_type = "text/html")))]
async fn page() -> Html<&'static str> {
    Html("<!doctype html>")
}

/// Events
#[utoipa::path(get, path = "/api/events", responses((status = 200, content_type = "text/event-stream")))]
async fn watch_things(gate: Gate, LastEventId(last): LastEventId) -> impl IntoResponse {
    let first = last.map_or(1, |last| last + 1);
    let told = futures_util::stream::iter((first..4).map(|id| Event::new(id, "thing.made", &("two\nlines", id))));
    events::stream(&gate, futures_util::StreamExt::chain(told, futures_util::stream::pending()))
}

pub(super) fn routes(development: bool) -> OfficeRoutes<World> {
    OfficeRoutes::new(development)
        .add(Access::Public, routes!(public))
        .add(Access::Anyone, routes!(anyone))
        .add(Access::Guest, routes!(guest))
        .add(Access::SignedIn, routes!(signed_in))
        .add(Access::Customer, routes!(customer))
        .add(Access::Expert, routes!(expert))
        .add(Access::Admin, routes!(admin))
        .add(Access::Staff, routes!(staff))
        .add(Access::Development, routes!(tryout))
        .add_as(Class::SignIn, Access::Public, routes!(sign_in))
        .add(Access::SignedIn, routes!(make_thing))
        .add(Access::Public, routes!(list_things))
        .add(Access::Anyone, routes!(get_thing, put_thing))
        .add(Access::Public, routes!(panic))
        .add(Access::Public, routes!(never))
        .add(Access::Public, routes!(page))
        .add_as(Class::Stream, Access::Public, routes!(watch_things))
}

/// An answer, read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The problem's code; empty where it is none.
    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::at("https://meet.example.org", true, |_| {})
    }

    pub(super) fn at(base: &str, development: bool, change: impl FnOnce(&mut GateParts)) -> Self {
        let clock = Arc::new(ManualClock::new(UnixTime(1_795_338_000_000)));
        let metrics = Arc::new(Metrics::default());
        let (stop, stopped) = watch::channel(false);
        let settings =
            OfficeSettings { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..OfficeSettings::default() };
        let base: BaseUrl = base.parse().unwrap();
        let shared = Arc::clone(&clock) as SharedClock;
        let mut parts = GateParts::new(&settings, base, Arc::clone(&shared), Arc::clone(&metrics), stopped);
        if development {
            parts = parts.in_development(Arc::new(ShiftedClock::new(shared)));
        }
        change(&mut parts);
        let sessions = Arc::new(Names(AtomicUsize::new(0)));
        let mut world = Self { gate: Gate::new(parts), sessions, clock, metrics, stop, router: Router::new() };
        world.router = routes(development).into_router(world.clone());
        world
    }

    /// How often a session has been looked up.
    pub(super) fn lookups(&self) -> usize {
        self.sessions.0.load(Ordering::Relaxed)
    }

    /// A response of which the body is not read yet.
    pub(super) async fn respond(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.respond(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, &[], "")).await
    }

    /// As somebody with a session, by a page of ours.
    pub(super) async fn get_as(&self, name: &str, path: &str) -> Answer {
        self.send(request(Method::GET, path, &[("cookie", &self.cookie(name))], "")).await
    }

    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(request(Method::POST, path, headers, body)).await
    }

    /// The cookie of a session.
    pub(super) fn cookie(&self, name: &str) -> String {
        format!("{}=session-of-a-{name}", self.gate.cookie().name())
    }
}

pub(super) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "meet.example.org");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5000))));
    request
}

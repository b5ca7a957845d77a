//! HTTP: LiveKit's signaling endpoints, the metrics, the office's API and the web app.
//!
//! Handlers are thin. What a request must look like is known to `signaling`, what happens then to whoever implements
//! [`SignalTarget`].

mod access;
mod calls;
mod catalogue;
mod client_ip;
mod domain;
mod metrics;
pub mod office;
pub mod problem;
pub mod rest;
mod room_service;
mod rtc;
mod server;
mod socket;
pub mod web;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, Method};
use axum::routing::{any, get, post};
use tower_http::cors::{Any, CorsLayer};
use visavis_signaling::limits::Limits;
use visavis_signaling::token::KeyRing;

pub use access::{Access, Routes};
pub use metrics::{Histogram, MediaTotals, MetricsEndpoint, ShardTotals, Traffic};
pub use room_service::RoomService;
pub use server::{ListenError, Listeners};

use crate::clock::SharedClock;
use crate::config::Settings;
use crate::metrics::Metrics;
use crate::rooms::link::SignalTarget;

/// Largest request of the server API, as in LiveKit.
const SERVER_API_BODY: usize = 10 << 20;

/// What the handlers share.
pub struct Api<T> {
    /// Where participants connect to.
    pub target: T,
    /// The keys that tokens are signed with.
    pub keys: KeyRing,
    /// How long names and metadata may be.
    pub limits: Limits,
    /// The time.
    pub clock: SharedClock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Development mode.
    pub development: bool,
    /// Whether there is nothing else here than an SFU, so that nobody answers at `/`.
    pub alone: bool,
    /// When sockets are pinged and given up.
    pub timing: SocketTiming,
}

/// When sockets are pinged and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketTiming {
    /// Time between WebSocket pings (LiveKit's `pingFrequency`).
    pub ping: Duration,
    /// A write that takes longer means that the client has stopped reading.
    pub write: Duration,
    /// How long the peer may take to answer a close frame.
    pub close: Duration,
}

impl Default for SocketTiming {
    fn default() -> Self {
        Self { ping: Duration::from_secs(10), write: Duration::from_secs(10), close: Duration::from_secs(2) }
    }
}

impl<T> Api<T> {
    /// The handlers' view of the settings.
    pub fn new(settings: &Settings, target: T, clock: SharedClock, metrics: Arc<Metrics>) -> Self {
        Self {
            target,
            keys: settings.keys.iter().map(|(key, secret)| (key, secret.reveal())).collect(),
            limits: limits(settings),
            clock,
            metrics,
            development: settings.development,
            alone: !settings.office.runs(settings.development),
            timing: SocketTiming::default(),
        }
    }
}

/// The limits that signaling checks, from the settings.
pub fn limits(settings: &Settings) -> Limits {
    Limits {
        max_identity_length: settings.limit.max_participant_identity_length,
        max_name_length: settings.limit.max_participant_name_length,
        max_room_name_length: settings.limit.max_room_name_length,
        max_metadata_size: settings.limit.max_metadata_size,
        max_attributes_size: settings.limit.max_attributes_size,
        max_data_track_custom_encoding_length: settings.limit.max_data_track_custom_encoding_length,
    }
}

/// Every route of signaling. Where an SFU is `alone`, it has a word for those who look whether it is there; otherwise
/// the office has a page.
pub fn routes<T: SignalTarget>(development: bool, alone: bool) -> Routes<Arc<Api<T>>> {
    let routes = Routes::new(development);
    let routes = if alone { routes.add(Access::Public, "/", get(async || "OK")) } else { routes };
    routes
        .add(Access::RoomToken, "/rtc", any(rtc::connect::<T>))
        .add(Access::RoomToken, "/rtc/v1", any(rtc::connect::<T>))
        .add(Access::RoomToken, "/rtc/validate", get(rtc::validate::<T>))
        .add(Access::RoomToken, "/rtc/v1/validate", get(rtc::validate::<T>))
        .add(Access::Development, "/dev/{file}", get(web::tryout::file))
        .add(Access::Development, "/dev/token", get(web::tryout::token::<T>))
}

/// The service of the main port.
pub fn router<T: SignalTarget>(api: Arc<Api<T>>) -> Router {
    let (development, alone) = (api.development, api.alone);
    cross_origin(routes::<T>(development, alone).into_router().with_state(api))
}

/// The server API's part of the main port.
pub fn server_router(service: RoomService) -> Router {
    let body = DefaultBodyLimit::max(SERVER_API_BODY);
    cross_origin(server_routes().into_router().layer(body).with_state(Arc::new(service)))
}

fn cross_origin(router: Router) -> Router {
    // Scripts come from any site; tokens, not origins, say who may do what.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([HeaderName::from_static("authorization"), HeaderName::from_static("content-type")]);
    router.layer(cors)
}

/// LiveKit's server API and our own part of it, every route with its caller.
pub fn server_routes() -> Routes<Arc<RoomService>> {
    Routes::new(false).add(Access::ServerToken, "/twirp/livekit.RoomService/{method}", post(room_service::call)).add(
        Access::ServerToken,
        "/twirp/visavis.CallService/{method}",
        post(calls::call),
    )
}

#[cfg(test)]
mod tests;

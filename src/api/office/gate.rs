//! What the foundation knows: the settings, clock and counters by which a request is let in before its handler runs.

use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use tokio::sync::watch;

use super::cookies::SessionCookie;
use super::rate::{Class, RateLimits};
use crate::api::client_ip::client_address;
use crate::api::problem::{Code, Problem};
use crate::clock::{SharedClock, ShiftedClock};
use crate::config::{BaseUrl, EmbedOrigin, IpNet, LivekitUrl, OfficeSettings};
use crate::ids::SessionId;
use crate::metrics::Metrics;
use crate::store::Actor;
use crate::units::UnixTime;

/// Whoever knows sessions by their tokens.
pub trait Sessions: Send + Sync + 'static {
    /// Whose session a token opens at `now`; `None` for one that is unknown, has ended or was revoked.
    ///
    /// # Errors
    ///
    /// A problem when sessions cannot be looked up.
    fn resolve(
        &self,
        token: &str,
        now: UnixTime,
    ) -> impl Future<Output = Result<Option<(Actor, SessionId)>, Problem>> + Send;
}

/// The handlers' state, as far as the foundation needs it. Cloned for every request, so it is a handle.
pub trait OfficeState: Clone + Send + Sync + 'static {
    /// Where sessions are looked up.
    type Sessions: Sessions;

    /// Where sessions are looked up.
    fn sessions(&self) -> &Self::Sessions;

    /// What decides on requests.
    fn gate(&self) -> &Gate;
}

/// What decides on requests; a handle. Handlers take it as an argument.
#[derive(Clone)]
pub struct Gate(Arc<GateParts>);

/// What a [`Gate`] is made of.
pub struct GateParts {
    /// Where browsers reach the server.
    pub base: BaseUrl,
    /// Another LiveKit server that clients are sent to.
    pub livekit: Option<LivekitUrl>,
    /// Sites that may show our pages in a frame.
    pub embedders: Vec<EmbedOrigin>,
    /// Development mode.
    pub development: bool,
    /// How long the browser keeps a session's cookie.
    pub session_ttl: Duration,
    /// Proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits of requests.
    pub limits: RateLimits,
    /// The time.
    pub clock: SharedClock,
    /// The same clock, where development mode can shift it.
    pub shift: Option<Arc<ShiftedClock>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Turns true when the server stops: streams end then.
    pub stopped: watch::Receiver<bool>,
    /// How long handlers may take.
    pub patience: Patience,
}

/// How long handlers may take until they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Most.
    pub usual: Duration,
    /// Those that take a file in, whose sender may be on a train.
    pub upload: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { usual: Duration::from_secs(30), upload: Duration::from_secs(600) }
    }
}

impl Patience {
    /// How long a handler of this class may take.
    pub const fn with(self, class: Class) -> Duration {
        if matches!(class, Class::Upload) { self.upload } else { self.usual }
    }
}

impl GateParts {
    /// The parts that settings and their defaults amount to, for a server that browsers reach at `base`.
    pub fn new(
        settings: &OfficeSettings,
        base: BaseUrl,
        clock: SharedClock,
        metrics: Arc<Metrics>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            livekit: settings.other_livekit(&base).cloned(),
            embedders: settings.embedding.origins.clone(),
            base,
            development: false,
            session_ttl: settings.accounts.session_ttl,
            trusted_proxies: settings.trusted_proxies.clone(),
            limits: RateLimits::new(settings.rate_limits.enabled),
            clock,
            shift: None,
            metrics,
            stopped,
            patience: Patience::default(),
        }
    }

    /// The parts in development mode, whose calendar `clock` shifts.
    #[must_use]
    pub fn in_development(self, clock: Arc<ShiftedClock>) -> Self {
        Self { development: true, clock: Arc::clone(&clock) as SharedClock, shift: Some(clock), ..self }
    }
}

impl Gate {
    /// A gate of these parts.
    pub fn new(parts: GateParts) -> Self {
        Self(Arc::new(parts))
    }

    /// How the session's cookie is written and found.
    pub fn cookie(&self) -> SessionCookie {
        SessionCookie::new(&self.base)
    }

    /// The time by the calendar.
    pub fn now(&self) -> UnixTime {
        self.clock.unix()
    }

    /// The client's address, of a request whose socket is at `remote`.
    pub(super) fn client_address(&self, headers: &HeaderMap, remote: IpAddr) -> IpAddr {
        client_address(headers, remote, &self.trusted_proxies)
    }
}

impl Deref for Gate {
    type Target = GateParts;

    fn deref(&self) -> &GateParts {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Gate {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Every route of the office has it; see `guard`.
        parts.extensions.get().cloned().ok_or(Problem::new(Code::Internal))
    }
}

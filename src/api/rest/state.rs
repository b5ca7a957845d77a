//! What the handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use utoipa::ToSchema;
use visavis_signaling::token::{ApiKey, KeyRing};

#[cfg(feature = "oidc")]
use crate::accounts::oidc::Oidc;
use crate::accounts::{Accounts, AccountsError};
use crate::api::metrics::MediaTotals;
use crate::api::office::{Gate, OfficeState, Sessions};
use crate::api::problem::Problem;
use crate::api::web::Web;
use crate::config::{OfficeSettings, Registration};
use crate::error::chain;
use crate::ids::{SessionId, UserId};
use crate::notify::dispatch::Dispatcher;
use crate::notify::mail::Inbox;
use crate::notify::sms::LogOnly;
use crate::scheduler::Scheduler;
use crate::store::Actor;
use crate::units::UnixTime;

/// Asks the media wing what it has counted.
pub type MediaFigures = Arc<dyn Fn() -> MediaTotals + Send + Sync>;

/// The handlers' state: a handle.
#[derive(Clone)]
pub struct Rest(Arc<Held>);

struct Held {
    parts: RestParts,
    started: Instant,
}

/// What a [`Rest`] is made of.
pub struct RestParts {
    /// What decides on requests.
    pub gate: Gate,
    /// People.
    pub accounts: Accounts,
    /// Appointments.
    pub scheduler: Scheduler,
    /// The key that tokens for rooms are signed with.
    pub key: ApiKey,
    /// Every key that tokens may be signed with.
    pub keys: KeyRing,
    /// The web app.
    pub web: Web,
    /// How people sign in.
    pub sign_in_methods: SignInMethods,
    /// What sends mail, SMS, notifications and webhooks.
    pub dispatcher: Dispatcher,
    /// What the media wing has counted.
    pub media: MediaFigures,
    /// Letters that stay here, in development mode.
    pub inbox: Option<Arc<Inbox>>,
    /// SMS that stay here.
    pub sms_log: Option<Arc<LogOnly>>,
}

/// The ways to sign in that there are.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInMethods {
    /// By e-mail address and password.
    pub password: bool,
    /// By a link that comes by mail, which takes a server that sends mail.
    pub magic_link: bool,
    /// At a provider of identities: what its button says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<String>,
    /// Whether anybody may make an account.
    pub registration: bool,
    #[cfg(feature = "oidc")]
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) provider: Option<Oidc>,
}

impl SignInMethods {
    /// What the settings amount to. Development mode has an inbox of its own for mail.
    pub fn new(settings: &OfficeSettings, development: bool) -> Self {
        Self {
            password: true,
            magic_link: settings.mail.smtp.is_some() || development,
            oidc: None,
            registration: settings.accounts.registration == Registration::Open,
            #[cfg(feature = "oidc")]
            provider: None,
        }
    }

    /// With sign-in at a provider of identities.
    #[cfg(feature = "oidc")]
    #[must_use]
    pub fn with_provider(self, provider: Oidc) -> Self {
        Self { oidc: Some(provider.name().to_owned()), provider: Some(provider), ..self }
    }
}

impl Rest {
    /// A state of these parts.
    pub fn new(parts: RestParts) -> Self {
        let started = parts.gate.clock.now();
        Self(Arc::new(Held { parts, started }))
    }
}

impl Rest {
    /// When this came into being, which is when the server started.
    pub(super) fn started(&self) -> Instant {
        self.0.started
    }

    /// The files of somebody who was erased are nobody's to get any more; this takes their bytes from the disk. What
    /// cannot be removed now goes with the daily sweep.
    pub(super) async fn remove_files_of(&self, actor: Actor, user: UserId) {
        if let Err(error) = self.scheduler.scrub(actor, user).await {
            tracing::warn!(error = %chain(&error), %user, "files of somebody who was erased are still on the disk");
        }
    }

    /// Where clients connect to: this server, or the one that the settings send them to.
    pub(super) fn server_url(&self) -> String {
        self.gate.livekit.as_ref().map_or_else(|| self.gate.base.websocket(), |url| url.as_str().to_owned())
    }
}

impl Deref for Rest {
    type Target = RestParts;

    fn deref(&self) -> &RestParts {
        &self.0.parts
    }
}

impl OfficeState for Rest {
    type Sessions = Accounts;

    fn sessions(&self) -> &Accounts {
        &self.accounts
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl Sessions for Accounts {
    async fn resolve(&self, token: &str, _: UnixTime) -> Result<Option<(Actor, SessionId)>, Problem> {
        match Accounts::resolve(self, token).await {
            Ok(session) => Ok(Some((session.actor, session.id))),
            Err(AccountsError::SessionExpired) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

//! The office wing of a server: its database, the scheduler, and what they do by themselves.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::Router;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use visavis_signaling::token::KeyRing;

use super::Failure;
use super::outward::Outward;
#[cfg(feature = "oidc")]
use crate::accounts::oidc::Oidc;
use crate::accounts::{Accounts, first_admin_hint};
use crate::api::office::{Gate, GateParts};
use crate::api::rest::{self, MediaFigures, Rest, RestParts, SignInMethods};
use crate::api::web::Web;
use crate::clock::{SharedClock, ShiftedClock, SystemClock};
use crate::config::{self, Settings};
use crate::error::chain;
use crate::metrics::Metrics;
use crate::rooms::{Rooms, Scheduled};
use crate::scheduler::{Cleared, CloseAnchor, ExtensionRules, Scheduler, SchedulerSettings, WindowRules};
use crate::store::{DataFolder, Store};

/// How often what time brings about is looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How often expired sessions and links are thrown away.
const TIDY: Duration = Duration::from_secs(600);
/// How long after the start what is too old is deleted for the first time: a server that is started every day does it
/// every day as well.
const FIRST_CLEARING: Duration = Duration::from_secs(15 * 60);
/// How often after that.
const CLEARING: Duration = Duration::from_secs(24 * 3600);
/// How often calls are noted to be alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The office wing, running.
pub(super) struct Office {
    pub(super) scheduler: Scheduler,
    pub(super) accounts: Accounts,
    pub(super) scheduled: Arc<Scheduled>,
    pub(super) outward: Outward,
    /// Development mode's data, gone with the process.
    _temporary: Option<TempDir>,
}

impl Office {
    /// Opens the database and puts in order what an earlier end has left; nothing when the settings want no office.
    /// HTTP listens on `port`.
    pub(super) async fn start(
        settings: &Settings,
        port: u16,
        clock: &SharedClock,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, Failure> {
        if !settings.office.runs(settings.development) {
            return Ok(None);
        }
        let (folder, temporary) = folder(settings.office.data_dir.clone())?;
        let readers = available_parallelism().map_or(2, usize::from).max(2);
        let opening = folder.clone();
        let store = tokio::task::spawn_blocking(move || Store::open(&opening, readers))
            .await
            .map_err(Failure::runtime)?
            .map_err(|error| Failure::runtime(chain(&error)))?;
        let accounts = Accounts::new(store.clone(), Arc::clone(clock), settings.office.accounts.clone());
        let outward = Outward::new(settings, port, &store, clock, metrics).await?;
        let scheduler = Scheduler::new(store, Arc::clone(clock), scheduler_settings(settings));
        let closed = scheduler.recover().await.map_err(|error| Failure::runtime(chain(&error)))?;
        if closed > 0 {
            tracing::warn!(calls = closed, "calls that an earlier end had left open were closed");
        }
        tracing::info!(data = %folder.path().display(), "office open");
        if !settings.development && accounts.is_empty().await.map_err(|error| Failure::runtime(chain(&error)))? {
            tracing::warn!("{}", first_admin_hint(folder.path()));
        }
        let scheduled = Scheduled::start(scheduler.clone(), Arc::clone(metrics));
        Ok(Some(Self { scheduler, accounts, scheduled, outward, _temporary: temporary }))
    }

    /// Begins what the office does by itself, until `stop` turns true. What is being sent then comes to its end with
    /// the task.
    pub(super) fn run(&self, rooms: &Rooms, stop: &watch::Receiver<bool>) -> JoinHandle<()> {
        self.scheduler.attach(Arc::new(rooms.clone()));
        tokio::spawn(sweep(self.scheduler.clone(), stop.clone()));
        tokio::spawn(tidy(self.accounts.clone(), stop.clone()));
        tokio::spawn(clear(self.scheduler.clone(), stop.clone()));
        tokio::spawn(self.outward.dispatcher.clone().run(stop.clone()))
    }

    /// The office's part of the main port, for a server whose HTTP listens on `port`.
    pub(super) fn router(
        &self,
        settings: &Settings,
        port: u16,
        keys: &KeyRing,
        clocks: &Clocks,
        counted: Counted,
        stop: &watch::Receiver<bool>,
    ) -> Result<Router, Failure> {
        let web = Web::embedded();
        for fault in web.faults() {
            tracing::error!(%fault, "the web app was not built whole");
        }
        let Some(key) = keys.first().cloned() else { return Ok(Router::new()) };
        let base = settings.office.base_url(port);
        let clock = Arc::clone(&clocks.shared);
        let parts = GateParts::new(&settings.office, base, clock, counted.metrics, stop.clone());
        let parts = match &clocks.shifted {
            Some(shifted) => parts.in_development(Arc::clone(shifted)),
            None => parts,
        };
        let sign_in_methods = SignInMethods::new(&settings.office, settings.development);
        #[cfg(feature = "oidc")]
        let sign_in_methods = match &settings.office.oidc {
            Some(oidc) => {
                let client = crate::notify::http::client().map_err(|error| Failure::runtime(chain(&error)))?;
                let provider = Oidc::new(self.accounts.clone(), oidc, &parts.base, client);
                sign_in_methods.with_provider(provider)
            }
            None => sign_in_methods,
        };
        let rest = Rest::new(RestParts {
            gate: Gate::new(parts),
            accounts: self.accounts.clone(),
            scheduler: self.scheduler.clone(),
            key,
            keys: keys.clone(),
            web,
            sign_in_methods,
            dispatcher: self.outward.dispatcher.clone(),
            media: counted.media,
            inbox: self.outward.inbox.clone(),
            sms_log: self.outward.sms_log.clone(),
        });
        Ok(rest::routes(settings.development).into_router(rest))
    }
}

/// Where the server's figures are.
pub(super) struct Counted {
    pub(super) metrics: Arc<Metrics>,
    pub(super) media: MediaFigures,
}

/// The server's clock; development mode can shift its calendar.
pub(super) struct Clocks {
    pub(super) shared: SharedClock,
    pub(super) shifted: Option<Arc<ShiftedClock>>,
}

impl Clocks {
    pub(super) fn new(development: bool) -> Self {
        let system: SharedClock = Arc::new(SystemClock);
        if !development {
            return Self { shared: system, shifted: None };
        }
        let shifted = Arc::new(ShiftedClock::new(system));
        Self { shared: Arc::clone(&shifted) as SharedClock, shifted: Some(shifted) }
    }
}

async fn sweep(scheduler: Scheduler, mut stop: watch::Receiver<bool>) {
    let (mut sweeps, mut heartbeats) = (interval(SWEEP), interval(HEARTBEAT));
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let beat = tokio::select! {
            // An error means that the sender is gone, which is the end as well.
            _ = stop.changed() => return,
            _ = sweeps.tick() => false,
            _ = heartbeats.tick() => true,
        };
        let result = if beat { scheduler.heartbeat().await } else { scheduler.sweep().await.map(drop) };
        if let Err(error) = result {
            tracing::error!(error = %chain(&error), "what is due could not be done; it is tried again");
        }
    }
}

/// Throws away what has expired of sessions and links.
async fn tidy(accounts: Accounts, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(TIDY);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = accounts.sweep().await {
            tracing::error!(error = %chain(&error), "expired sessions could not be thrown away; it is tried again");
        }
    }
}

/// Deletes what is older than it is kept.
async fn clear(scheduler: Scheduler, mut stop: watch::Receiver<bool>) {
    let mut wait = FIRST_CLEARING;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = sleep(wait) => {}
        }
        wait = CLEARING;
        match scheduler.apply_retention(scheduler.now()).await {
            Ok(cleared) if cleared == Cleared::default() => {}
            Ok(cleared) => {
                tracing::info!(rows = ?cleared.rows, orphans = cleared.orphans, "what was too old was deleted")
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "what is too old could not be deleted; tomorrow again")
            }
        }
    }
}

fn folder(named: Option<PathBuf>) -> Result<(DataFolder, Option<TempDir>), Failure> {
    if let Some(path) = named {
        return Ok((DataFolder::new(path), None));
    }
    let temporary = tempfile::Builder::new().prefix("visavis-dev-").tempdir();
    let temporary = temporary.map_err(|error| Failure::runtime(format!("no temporary folder: {error}")))?;
    Ok((DataFolder::new(temporary.path()), Some(temporary)))
}

/// The scheduler's view of the settings.
pub(super) fn scheduler_settings(settings: &Settings) -> SchedulerSettings {
    let access = &settings.office.access;
    SchedulerSettings {
        window: WindowRules {
            before: access.open_before,
            after: access.close_after,
            anchor: match access.close_anchor {
                config::CloseAnchor::End => CloseAnchor::End,
                config::CloseAnchor::Start => CloseAnchor::Start,
            },
            extension: ExtensionRules { step: access.extension, at_most: access.max_extensions },
        },
        trust_api_tokens: settings.office.sfu.trust_api_tokens_for_appointments,
        lobby: access.lobby,
        files: settings.office.files.clone(),
        webhooks: settings.office.webhooks.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_settings_are_those_of_the_scheduler() {
        let ours = scheduler_settings(&Settings::default());
        assert_eq!(ours.window, WindowRules::default());
        assert!(!ours.trust_api_tokens && ours.lobby);
    }
}

//! The office wing of a server: its database, the scheduler, and what they do by themselves.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Failure;
use crate::accounts::{self, Accounts};
use crate::clock::SharedClock;
use crate::config::{self, Settings};
use crate::error::chain;
use crate::metrics::Metrics;
use crate::rooms::{Rooms, Scheduled};
use crate::scheduler::{CloseAnchor, ExtensionRules, Scheduler, SchedulerSettings, WindowRules};
use crate::store::{DataFolder, Store};

/// How often what time brings about is looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How often calls are noted to be alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often expired sessions and links are taken away.
const CLEANING: Duration = Duration::from_secs(10 * 60);

/// The office wing, running.
pub(super) struct Office {
    pub(super) accounts: Accounts,
    pub(super) scheduler: Scheduler,
    pub(super) scheduled: Arc<Scheduled>,
    /// Development mode's data, gone with the process.
    _temporary: Option<TempDir>,
}

impl Office {
    /// Opens the database and puts in order what an earlier end has left; nothing when the settings want no office.
    pub(super) async fn start(
        settings: &Settings,
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
        if !settings.development && accounts.is_empty().await.map_err(|error| Failure::runtime(chain(&error)))? {
            tracing::warn!("{}", accounts::first_admin_hint(folder.path()));
        }
        let scheduler = Scheduler::new(store, Arc::clone(clock), scheduler_settings(settings));
        let closed = scheduler.recover().await.map_err(|error| Failure::runtime(chain(&error)))?;
        if closed > 0 {
            tracing::warn!(calls = closed, "calls that an earlier end had left open were closed");
        }
        tracing::info!(data = %folder.path().display(), "office open");
        let scheduled = Scheduled::start(scheduler.clone(), Arc::clone(metrics));
        Ok(Some(Self { accounts, scheduler, scheduled, _temporary: temporary }))
    }

    /// Begins what the office does by itself, until `stop` turns true.
    pub(super) fn run(&self, rooms: &Rooms, stop: &watch::Receiver<bool>) {
        self.scheduler.attach(Arc::new(rooms.clone()));
        tokio::spawn(sweep(self.scheduler.clone(), stop.clone()));
        tokio::spawn(clean(self.accounts.clone(), stop.clone()));
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

async fn clean(accounts: Accounts, mut stop: watch::Receiver<bool>) {
    let mut turns = interval(CLEANING);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = turns.tick() => {}
        }
        match accounts.sweep().await {
            Ok(swept) => tracing::debug!(?swept, "what had expired is gone"),
            Err(error) => tracing::error!(error = %chain(&error), "what has expired is still there"),
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

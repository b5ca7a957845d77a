//! The scheduler as the rest of the program holds it.

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tokio::sync::Semaphore;

use super::board::Board;
use super::records::Permissions;
use super::{Error, WindowRules};
use crate::clock::SharedClock;
use crate::config::{FileSettings, WebhookSettings};
use crate::store::{Actor, Reader, Store, Tx};
use crate::units::UnixTime;

/// What the scheduler is told when it is made.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// When rooms open and close, where services and appointments say nothing else.
    pub window: WindowRules,
    /// Whether tokens that were made elsewhere with one of our keys open appointments' rooms.
    pub trust_api_tokens: bool,
    /// Whether customers of new services wait in the lobby.
    pub lobby: bool,
    /// Which files are taken.
    pub files: FileSettings,
    /// Where webhooks may lead.
    pub webhooks: WebhookSettings,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            window: WindowRules::default(),
            trust_api_tokens: false,
            lobby: true,
            files: FileSettings::default(),
            webhooks: WebhookSettings::default(),
        }
    }
}

/// Uploads at a time; more are refused as busy.
const MAX_UPLOADS: usize = 64;

/// Why a room's call ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The appointment was called off.
    Cancelled,
    /// The expert has marked it as done.
    Completed,
    /// An administrator has ended it.
    EndedByAdmin,
    /// It has been moved to another time.
    Rescheduled,
}

impl EndReason {
    /// The word that participants are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndReason::Cancelled => "cancelled",
            EndReason::Completed => "completed",
            EndReason::EndedByAdmin => "ended_by_admin",
            EndReason::Rescheduled => "rescheduled",
        }
    }
}

/// What the scheduler asks of the rooms. Each returns at once; what it asks for is done within a moment.
pub trait RoomControl: Send + Sync + 'static {
    /// Tells everybody why, sends them away and ends the room.
    fn close(&self, room: &str, reason: EndReason);
    /// Sends one participant away.
    fn remove(&self, room: &str, identity: &str);
    /// Gives a participant other permissions.
    fn permit(&self, room: &str, identity: &str, permissions: Permissions);
    /// Tells everybody in the room something (topic `visavis.notice`).
    fn notice(&self, room: &str, notice: Value);
}

/// The only authority over appointments.
#[derive(Clone)]
pub struct Scheduler {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) clock: SharedClock,
    pub(super) settings: SchedulerSettings,
    pub(super) board: Board,
    /// One for each upload that is under way.
    pub(super) uploads: Arc<Semaphore>,
    rooms: OnceLock<Arc<dyn RoomControl>>,
}

impl Scheduler {
    /// A scheduler on a database.
    pub fn new(store: Store, clock: SharedClock, settings: SchedulerSettings) -> Self {
        let uploads = Arc::new(Semaphore::new(MAX_UPLOADS));
        let inner = Inner { store, clock, settings, board: Board::default(), uploads, rooms: OnceLock::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Where calls are held; rooms ask the scheduler for admission, so they come into being after it. A second
    /// word is passed over.
    pub fn attach(&self, rooms: Arc<dyn RoomControl>) {
        let _ = self.inner.rooms.set(rooms);
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What it was told.
    pub fn settings(&self) -> &SchedulerSettings {
        &self.inner.settings
    }

    /// The time.
    pub fn now(&self) -> UnixTime {
        self.inner.clock.unix()
    }

    /// Asks on behalf of an actor.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        actor: Actor,
        query: impl FnOnce(&Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.inner.store.read(actor, query).await
    }

    /// Changes something.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.inner.store.write(work).await
    }

    /// The rooms, once there are any.
    pub(super) fn rooms(&self) -> Option<&dyn RoomControl> {
        self.inner.rooms.get().map(|rooms| &**rooms)
    }
}

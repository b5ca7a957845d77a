//! What all rooms share, and the table of those that are open.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use visavis_signaling::limits::Limits;
use visavis_signaling::proto::IceServer;
use visavis_signaling::session::ServerIdentity;
use visavis_signaling::token::KeyRing;

use crate::clock::SharedClock;
use crate::ids::ParticipantSid;
use crate::metrics::Metrics;
use crate::rooms::admission::Admission;
use crate::rooms::flight::Recordings;
use crate::rooms::media_plane::{MediaPlane, RoomNumber};
use crate::rooms::message::{RoomMessage, RoomOptions};
use crate::rooms::observer::Observer;
use crate::units::UnixTime;

/// What every room needs to know of the server.
#[derive(Clone, Debug)]
pub struct RoomsSettings {
    /// Rooms are made by whoever joins first.
    pub auto_create: bool,
    /// How new rooms are, unless a token says otherwise.
    pub defaults: RoomOptions,
    /// The server may unmute.
    pub enable_remote_unmute: bool,
    /// Data tracks may be published.
    pub data_tracks: bool,
    /// Participants of a room on one shard before it takes another; 0 for never.
    pub shard_participants: usize,
    /// Sizes of names and metadata.
    pub limits: Limits,
    /// Tracks published and subscribed to in all rooms together; joining is refused from there on.
    pub node_tracks: Option<i64>,
    /// Audio tracks per subscriber; 0 unlimited.
    pub subscription_limit_audio: usize,
    /// Video tracks per subscriber; 0 unlimited.
    pub subscription_limit_video: usize,
    /// What clients are told of the server.
    pub server: ServerIdentity,
    /// STUN and TURN servers for clients.
    pub ice_servers: IceServers,
    /// How long a session waits for its WebSocket to come back.
    pub resume_window: Duration,
}

/// Says which STUN and TURN servers a participant is told of: passwords of TURN are made for one participant and
/// expire, so each join and each resume asks anew.
#[derive(Clone)]
pub struct IceServers(Arc<ServersOf>);

type ServersOf = dyn Fn(&ParticipantSid, UnixTime) -> Vec<IceServer> + Send + Sync;

impl IceServers {
    /// What `servers` gives for a participant at a time.
    pub fn new(servers: impl Fn(&ParticipantSid, UnixTime) -> Vec<IceServer> + Send + Sync + 'static) -> Self {
        Self(Arc::new(servers))
    }

    /// The servers for this participant, from now on.
    pub fn of(&self, participant: &ParticipantSid, now: UnixTime) -> Vec<IceServer> {
        (self.0)(participant, now)
    }
}

impl Default for IceServers {
    /// None.
    fn default() -> Self {
        Self::new(|_, _| Vec::new())
    }
}

impl fmt::Debug for IceServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IceServers")
    }
}

/// What all rooms share.
pub struct Shared {
    /// Settings.
    pub settings: RoomsSettings,
    /// API keys; refreshed tokens are signed with the first.
    pub keys: KeyRing,
    /// The media wing.
    pub media: Arc<dyn MediaPlane>,
    /// Who may be in a room.
    pub admission: Arc<dyn Admission>,
    /// Who keeps records.
    pub observer: Arc<dyn Observer>,
    /// Rooms run on it, whoever's thread opens them.
    pub runtime: Handle,
    /// Time.
    pub clock: SharedClock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Recordings of calls.
    pub recordings: Recordings,
    pub(super) rooms: Mutex<Table>,
}

/// Every room by its name and by its number.
#[derive(Default)]
pub(super) struct Table {
    pub(super) by_name: HashMap<String, (RoomNumber, mpsc::Sender<RoomMessage>)>,
    pub(super) by_number: HashMap<RoomNumber, mpsc::Sender<RoomMessage>>,
    pub(super) next: u64,
    /// The server stops: no room is made any more.
    pub(super) stopping: bool,
}

impl Shared {
    /// A room has ended. A newer one of the same name stays.
    pub(super) fn forget_room(&self, name: &str, number: RoomNumber) {
        let mut table = self.table();
        table.by_number.remove(&number);
        if table.by_name.get(name).is_some_and(|(known, _)| *known == number) {
            table.by_name.remove(name);
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        // The table is consistent between statements: a panic elsewhere does not spoil it.
        self.rooms.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

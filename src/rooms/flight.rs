//! Recordings of calls (see [`media::flight`](crate::media::flight)): asked of the shards when somebody wants one, and
//! kept for a while of whoever has left.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::ids::{RoomSid, TransportId};
use crate::media::Command;
use crate::media::flight::Recording;
use crate::media::flight::file::{self, Connection, Flights, Track, VERSION};
use crate::rooms::admin::{AdminError, AdminRequest};
use crate::rooms::media_plane::ShardIndex;
use crate::rooms::registry::Rooms;
use crate::units::{UnixTime, rfc3339::format as rfc3339};

/// Connections in one file.
const MAX_CONNECTIONS: usize = 256;
/// Connections that have ended are kept up to this number, of all rooms, and for so long.
const KEPT: usize = 256;
const KEPT_FOR: Duration = Duration::from_secs(15 * 60);
/// Tracks of one call that are named; of more, the newest.
const MAX_TRACKS: usize = 512;
/// A shard answers within its turn; one that does not is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// What outlives a room for the sake of its recordings.
#[derive(Debug)]
pub struct CallNotes {
    /// The room's name.
    pub name: Arc<str>,
    /// The room's session.
    pub sid: RoomSid,
    /// When it began.
    pub started: UnixTime,
    /// The same by the monotonic clock.
    pub opened: Instant,
    tracks: Mutex<VecDeque<Track>>,
}

impl CallNotes {
    /// A call without tracks.
    pub const fn new(name: Arc<str>, sid: RoomSid, started: UnixTime, opened: Instant) -> Self {
        Self { name, sid, started, opened, tracks: Mutex::new(VecDeque::new()) }
    }

    /// A track begins.
    pub fn add_track(&self, track: Track) {
        let mut tracks = locked(&self.tracks);
        if tracks.len() >= MAX_TRACKS {
            tracks.pop_front();
        }
        tracks.push_back(track);
    }

    fn tracks(&self) -> Vec<Track> {
        locked(&self.tracks).iter().cloned().collect()
    }
}

/// A connection that is there.
#[derive(Debug)]
pub struct Present {
    /// Its shard.
    pub shard: ShardIndex,
    /// Its name there.
    pub id: TransportId,
    /// What the file says of it.
    pub connection: Connection,
}

/// What a room says of itself for its recording.
#[derive(Debug)]
pub struct Sheet {
    /// The call.
    pub call: Arc<CallNotes>,
    /// Everybody's connections.
    pub present: Vec<Present>,
}

/// A connection that has ended.
struct Left {
    at: Instant,
    call: Arc<CallNotes>,
    id: TransportId,
    connection: Connection,
    recording: Option<Box<Recording>>,
}

/// Where recordings arrive.
#[derive(Default)]
pub struct Recordings {
    /// One file is made at a time.
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<HashMap<TransportId, oneshot::Sender<Box<Recording>>>>,
    left: Mutex<VecDeque<Left>>,
}

impl Recordings {
    /// A connection is about to end; its recording follows.
    pub fn leaves(&self, now: Instant, call: &Arc<CallNotes>, id: TransportId, connection: Connection) {
        let mut left = locked(&self.left);
        while left.len() >= KEPT || left.front().is_some_and(|it| now.saturating_duration_since(it.at) > KEPT_FOR) {
            left.pop_front();
        }
        left.push_back(Left { at: now, call: Arc::clone(call), id, connection, recording: None });
    }

    /// A shard hands over what it has.
    pub fn arrive(&self, id: TransportId, recording: Option<Box<Recording>>, last: bool) {
        if !last {
            // Without a recording, dropping the sender is the answer; whoever asked may have given up.
            if let (Some(sender), Some(recording)) = (locked(&self.waiting).remove(&id), recording) {
                let _ = sender.send(recording);
            }
        } else if let Some(left) = locked(&self.left).iter_mut().rev().find(|left| left.id == id) {
            left.recording = recording;
        }
    }

    /// The newest call of that name that somebody has left lately.
    fn last_call(&self, now: Instant, name: &str) -> Option<Arc<CallNotes>> {
        let left = locked(&self.left);
        let fresh = |left: &&Left| &*left.call.name == name && now.saturating_duration_since(left.at) <= KEPT_FOR;
        left.iter().rev().find(fresh).map(|left| Arc::clone(&left.call))
    }

    /// Those who have left a call.
    fn left(&self, call: &CallNotes, identity: Option<&str>) -> Vec<(Connection, Box<Recording>)> {
        let left = locked(&self.left);
        let of = left.iter().filter(|left| left.call.sid == call.sid && is(&left.connection, identity));
        of.filter_map(|left| Some((left.connection.clone(), left.recording.clone()?))).collect()
    }
}

fn is(connection: &Connection, identity: Option<&str>) -> bool {
    identity.is_none_or(|identity| connection.identity == identity)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is consistent between statements: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Rooms {
    /// The recording of a room's call, or of the last one of that name if it ended within the last quarter of an hour;
    /// of one participant where an identity is given.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoRoom`], [`AdminError::NoParticipant`].
    pub async fn recording(&self, room: &str, identity: Option<&str>) -> Result<Flights, AdminError> {
        let shared = self.shared();
        let recordings = &shared.recordings;
        let _turn = recordings.turn.lock().await;
        let sheet = match self.ask(room, AdminRequest::Flight).await {
            Ok(sheet) => Some(sheet),
            Err(AdminError::NoRoom) => None,
            Err(error) => return Err(error),
        };
        let now = shared.clock.now();
        let call = sheet.as_ref().map(|sheet| Arc::clone(&sheet.call)).or_else(|| recordings.last_call(now, room));
        let call = call.ok_or(AdminError::NoRoom)?;
        let mut present = sheet.map(|sheet| sheet.present).unwrap_or_default();
        present.retain(|it| is(&it.connection, identity));
        let left = recordings.left(&call, identity);
        if identity.is_some() && present.is_empty() && left.is_empty() {
            return Err(AdminError::NoParticipant);
        }
        let mut flights = Flights::new(file::Call {
            flight: VERSION,
            room: room.to_owned(),
            sid: call.sid.as_str().to_owned(),
            started: rfc3339(call.started),
            exported: file::millis(now.saturating_duration_since(call.opened)),
            left_out: (left.len() + present.len()).saturating_sub(MAX_CONNECTIONS),
        });
        flights.tracks = call.tracks();
        present.truncate(MAX_CONNECTIONS);
        let room_for = MAX_CONNECTIONS - present.len();
        for (connection, recording) in left.into_iter().rev().take(room_for).rev() {
            flights.add(call.opened, Connection { ended: true, ..connection }, &recording);
        }
        let mut asked = Vec::with_capacity(present.len());
        for Present { shard, id, connection } in present {
            let (sender, recording) = oneshot::channel();
            locked(&recordings.waiting).insert(id, sender);
            if shared.media.send(shard, Command::ReportFlight(id)) {
                asked.push((connection, recording));
            }
        }
        let gathered = async {
            for (connection, recording) in asked {
                // Whoever has left meanwhile has nothing to give.
                if let Ok(recording) = recording.await {
                    flights.add(call.opened, connection, &recording);
                }
            }
        };
        // What there is until then is better than nothing.
        let _ = timeout(PATIENCE, gathered).await;
        locked(&recordings.waiting).clear();
        Ok(flights)
    }
}

//! The rooms that are open now, in memory: every room asks several times a second when it closes, and the database
//! is not asked for that. An entry appears when somebody is let in and follows every change of its appointment.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use super::Window;
use super::records::Appointment;
use crate::ids::AppointmentId;
use crate::units::UnixTime;

/// Entries beyond which those of closed rooms are thrown out before another is added.
const MANY: usize = 10_000;

/// One room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its appointment; none for a room to try devices in.
    pub(super) appointment: Option<AppointmentId>,
    /// When it is open.
    pub(super) window: Window,
    /// The scheduled end.
    pub(super) ends_at: UnixTime,
    /// Chat is kept.
    pub(super) keep_chat: bool,
}

impl Entry {
    pub(super) fn of(appointment: &Appointment, window: Window) -> Self {
        Self {
            appointment: Some(appointment.id),
            window,
            ends_at: appointment.ends_at,
            keep_chat: appointment.keep_chat,
        }
    }
}

/// All rooms that somebody has been let into.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<HashMap<String, Entry>>);

impl Board {
    pub(super) fn get(&self, room: &str) -> Option<Entry> {
        self.lock().get(room).copied()
    }

    /// Adds a room or brings it up to date.
    pub(super) fn put(&self, room: &str, entry: Entry, now: UnixTime) {
        let mut rooms = self.lock();
        if rooms.len() >= MANY && !rooms.contains_key(room) {
            rooms.retain(|_, entry| entry.window.holds(now));
        }
        rooms.insert(room.to_owned(), entry);
    }

    /// Brings a room up to date, if it is there.
    pub(super) fn update(&self, room: &str, entry: Entry) {
        if let Some(known) = self.lock().get_mut(room) {
            *known = entry;
        }
    }

    pub(super) fn forget(&self, room: &str) {
        self.lock().remove(room);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // Consistent between statements: a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

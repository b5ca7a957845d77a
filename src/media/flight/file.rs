//! How recordings of a call are written down: JSON, a document a line.
//!
//! The first line is the [`Call`]; then come its [`Track`]s, and each [`Connection`] before its [`Line`]s. Times are
//! milliseconds from the call's start, which `started` names. A reader passes over lines and members that it does not
//! know; [`VERSION`] rises when something that is there changes its meaning.
//!
//! ```text
//! {"flight":1,"room":"a","sid":"RM_…","started":"2026-03-01T09:00:00Z","exported":61000,"left_out":0}
//! {"track":2,"sid":"TR_VC…","participant":"PA_…","kind":"video","source":"camera"}
//! {"connection":0,"participant":"PA_…","identity":"ada","role":"both","client":"js 2.15","began":12,"ended":false,"forgotten":0}
//! {"c":0,"at":840,"down":{"span":400,"arrived":61,"lost":0,…}}
//! {"c":0,"at":900,"estimate":{"kbps":1240,"why":"probe"}}
//! ```

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::record::{Entry, Recording};

/// Of this format.
pub const VERSION: u32 = 1;

/// What a file is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// [`VERSION`].
    pub flight: u32,
    /// The room's name.
    pub room: String,
    /// The room's session.
    pub sid: String,
    /// Calendar time of its beginning, RFC 3339.
    pub started: String,
    /// When the file was written.
    pub exported: u64,
    /// Connections that are not in the file, since there were too many.
    pub left_out: usize,
}

/// What the number of a track means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The number.
    pub track: u32,
    /// The track's id.
    pub sid: String,
    /// Who publishes it.
    pub participant: String,
    /// `audio` or `video`.
    pub kind: String,
    /// Where it comes from: `camera`, `microphone`, …
    pub source: String,
}

/// One peer connection of a participant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its number in the file.
    pub connection: usize,
    /// The participant's session.
    pub participant: String,
    /// Who it is.
    pub identity: String,
    /// What the connection is for: `publisher`, `subscriber` or `both`.
    pub role: String,
    /// The client's kind and version.
    pub client: String,
    /// When it began.
    pub began: u64,
    /// It is no longer there.
    pub ended: bool,
    /// Entries that were forgotten for newer ones.
    pub forgotten: u64,
}

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The connection's number.
    pub c: usize,
    /// What and when.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A file's contents.
#[derive(Clone, Debug, PartialEq)]
pub struct Flights {
    /// What it is about.
    pub call: Call,
    /// Its tracks.
    pub tracks: Vec<Track>,
    /// Its connections, each with what happened on it.
    pub connections: Vec<(Connection, Vec<Entry>)>,
}

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum FlightError {
    /// A line is none of ours.
    #[error("line {0}: {1}")]
    Line(usize, #[source] serde_json::Error),
    /// Its first line does not say what it is.
    #[error("this is no recording of a call")]
    NoCall,
    /// It is of a later version.
    #[error("a recording of version {0}, which is not known here")]
    Version(u32),
}

impl Flights {
    /// Nothing but the call.
    pub const fn new(call: Call) -> Self {
        Self { call, tracks: Vec::new(), connections: Vec::new() }
    }

    /// Adds a connection of a call that began then.
    pub fn add(&mut self, began: Instant, connection: Connection, recording: &Recording) {
        let offset = millis(recording.began.saturating_duration_since(began));
        let connection = Connection {
            connection: self.connections.len(),
            began: offset,
            forgotten: recording.forgotten,
            ..connection
        };
        let at = |entry: &Entry| u32::try_from(u64::from(entry.at) + offset).unwrap_or(u32::MAX);
        let entries = recording.entries.iter().map(|entry| Entry { at: at(entry), ..*entry }).collect();
        self.connections.push((connection, entries));
    }

    /// Writes it down.
    ///
    /// # Errors
    ///
    /// What serde says; our own types give it no reason.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let mut out = serde_json::to_string(&self.call)? + "\n";
        let mut line = |text: String| writeln!(out, "{text}").unwrap_or_default();
        for track in &self.tracks {
            line(serde_json::to_string(track)?);
        }
        for (connection, entries) in &self.connections {
            line(serde_json::to_string(connection)?);
            for entry in entries {
                line(serde_json::to_string(&Line { c: connection.connection, entry: *entry })?);
            }
        }
        Ok(out)
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`FlightError`].
    pub fn read(text: &str) -> Result<Self, FlightError> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(FlightError::NoCall)?;
        let call: Call = serde_json::from_str(first).map_err(|_| FlightError::NoCall)?;
        if call.flight > VERSION {
            return Err(FlightError::Version(call.flight));
        }
        let mut flights = Self::new(call);
        for (number, line) in lines {
            let value: serde_json::Value = serde_json::from_str(line).map_err(|it| FlightError::Line(number, it))?;
            if value.get("connection").is_some() {
                let connection = serde_json::from_value(value).map_err(|it| FlightError::Line(number, it))?;
                flights.connections.push((connection, Vec::new()));
            } else if value.get("track").is_some() {
                flights.tracks.push(serde_json::from_value(value).map_err(|it| FlightError::Line(number, it))?);
            } else if let Ok(line) = serde_json::from_value::<Line>(value) {
                let of = flights.connections.iter_mut().find(|(connection, _)| connection.connection == line.c);
                if let Some((_, entries)) = of {
                    entries.push(line.entry);
                }
            }
        }
        Ok(flights)
    }
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

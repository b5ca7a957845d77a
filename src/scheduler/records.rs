//! Appointments and seats as they are stored.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CloseAnchor, Error, NoShow, Status, Window, WindowOverrides, WindowRules};
use crate::ids::{AppointmentId, SeatId, ServiceId, UserId};
use crate::store::InOrder;
use crate::units::UnixTime;

/// Whether customers wait until they are let in. Guests always do, unless it is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lobby {
    /// Until the expert admits them.
    On,
    /// Until the start; from then on customers come straight in, guests still wait.
    UntilStart,
    /// Nobody waits.
    Off,
}

impl Lobby {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lobby::On => "on",
            Lobby::UntilStart => "until_start",
            Lobby::Off => "off",
        }
    }
}

/// Who decides on what is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The expert, each time.
    #[default]
    Manual,
    /// Nobody: what is offered is approved at once.
    Auto,
}

impl Approval {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Approval::Manual => "manual",
            Approval::Auto => "auto",
        }
    }
}

/// What somebody is in an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatRole {
    /// The expert.
    Host,
    /// Who is advised.
    Client,
    /// Sees and hears.
    Observer,
    /// Speaks for others.
    Interpreter,
}

impl SeatRole {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            SeatRole::Host => "host",
            SeatRole::Client => "client",
            SeatRole::Observer => "observer",
            SeatRole::Interpreter => "interpreter",
        }
    }
}

macro_rules! parsed {
    ($name:ident: $($variant:ident),*) => {
        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                [$($name::$variant),*].into_iter().find(|it| it.as_str() == word).ok_or_else(|| UnknownWord(word.to_owned()))
            }
        }
    };
}

/// A word that the database should not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not known")]
pub struct UnknownWord(String);

impl UnknownWord {
    pub(super) fn new(word: &str) -> Self {
        Self(word.to_owned())
    }
}

parsed!(Lobby: On, UntilStart, Off);
parsed!(Approval: Manual, Auto);
parsed!(SeatRole: Host, Client, Observer, Interpreter);

/// Another time that one side proposes to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The new start.
    pub starts_at: UnixTime,
    /// The new end.
    pub ends_at: UnixTime,
    /// Who proposes.
    pub by: UserId,
    /// With which words.
    pub message: String,
}

impl Proposal {
    /// Reads the four columns of it.
    fn read(row: &mut InOrder<'_, '_>) -> rusqlite::Result<Option<Self>> {
        let (starts_at, ends_at) = (row.maybe_time("proposed_starts_at")?, row.maybe_time("proposed_ends_at")?);
        let (by, message) = (row.get::<Option<UserId>>("proposed_by")?, row.get::<Option<String>>("proposed_message")?);
        Ok(match (starts_at, ends_at, by) {
            (Some(starts_at), Some(ends_at), Some(by)) => {
                Some(Self { starts_at, ends_at, by, message: message.unwrap_or_default() })
            }
            _ => None,
        })
    }
}

/// One consultation.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the columns of `appointments`, described there")]
pub struct Appointment {
    pub id: AppointmentId,
    pub customer_id: UserId,
    pub expert_id: UserId,
    pub service_id: ServiceId,
    pub title: String,
    pub starts_at: UnixTime,
    pub ends_at: UnixTime,
    pub busy_from: UnixTime,
    pub busy_to: UnixTime,
    pub tz: String,
    pub status: Status,
    pub capacity: u32,
    pub meeting_room_name: Option<String>,
    pub meeting_url: Option<String>,
    pub ical_uid: String,
    pub ical_sequence: u32,
    pub hold_expires_at: Option<UnixTime>,
    pub lobby: Lobby,
    pub keep_chat: bool,
    pub overrides: WindowOverrides,
    pub extended: Duration,
    pub extensions: u8,
    pub opened_at: Option<UnixTime>,
    pub customer_note: String,
    pub decision_message: String,
    pub cancelled_by: Option<String>,
    pub proposal: Option<Proposal>,
    pub in_progress_at: Option<UnixTime>,
    pub emptied_at: Option<UnixTime>,
    pub completed_at: Option<UnixTime>,
    pub no_show: Option<NoShow>,
    pub version: i64,
    pub created_at: UnixTime,
    pub updated_at: UnixTime,
    pub customer_name: String,
    pub expert_name: String,
}

impl Appointment {
    /// Reads a row of `my_appointments`, whose columns have this order.
    ///
    /// # Errors
    ///
    /// When a column is not what it should be.
    pub fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut row = InOrder::of(row);
        let unknown = |word: String| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(UnknownWord(word)))
        };
        Ok(Self {
            id: row.get("id")?,
            customer_id: row.get("customer_id")?,
            expert_id: row.get("expert_id")?,
            service_id: row.get("service_id")?,
            title: row.get("title")?,
            starts_at: row.time("starts_at")?,
            ends_at: row.time("ends_at")?,
            busy_from: row.time("busy_from")?,
            busy_to: row.time("busy_to")?,
            tz: row.get("tz")?,
            status: {
                let status: String = row.get("status")?;
                Status::parse(&status).ok_or_else(|| unknown(status))?
            },
            capacity: row.get("capacity")?,
            meeting_room_name: row.get("meeting_room_name")?,
            meeting_url: row.get("meeting_url")?,
            ical_uid: row.get("ical_uid")?,
            ical_sequence: row.get("ical_sequence")?,
            hold_expires_at: row.maybe_time("hold_expires_at")?,
            lobby: row.word("lobby")?,
            keep_chat: row.get("keep_chat")?,
            overrides: WindowOverrides {
                before: row.get::<Option<u32>>("open_before_min")?.map(from_minutes),
                after: row.get::<Option<u32>>("close_after_min")?.map(from_minutes),
                anchor: row.get::<Option<String>>("close_anchor")?.map(|word| CloseAnchor::of_word(&word)),
                extension: None,
            },
            extended: from_minutes(row.get("extended_min")?),
            extensions: row.get("extensions")?,
            opened_at: row.maybe_time("opened_at")?,
            customer_note: row.get("customer_note")?,
            decision_message: row.get("decision_message")?,
            cancelled_by: row.get("cancelled_by")?,
            proposal: Proposal::read(&mut row)?,
            in_progress_at: row.maybe_time("in_progress_at")?,
            emptied_at: row.maybe_time("emptied_at")?,
            completed_at: row.maybe_time("completed_at")?,
            no_show: {
                let side: Option<String> = row.get("no_show")?;
                side.map(|word| NoShow::parse(&word).ok_or_else(|| unknown(word))).transpose()?
            },
            version: row.get("version")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            customer_name: row.get("customer_name")?,
            expert_name: row.get("expert_name")?,
        })
    }

    /// The appointment, if whoever asks may see it. On the writer's connection everybody's are seen.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn load(connection: &Connection, id: AppointmentId) -> Result<Self, Error> {
        let mut statement = connection.prepare_cached("SELECT * FROM my_appointments WHERE id = ?1")?;
        statement.query_row([id], Self::from_row).optional()?.ok_or(Error::NotFound)
    }

    /// The appointment of a room, if whoever asks may see it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn of_room(connection: &Connection, room: &str) -> Result<Self, Error> {
        let mut statement = connection.prepare_cached("SELECT * FROM my_appointments WHERE meeting_room_name = ?1")?;
        statement.query_row([room], Self::from_row).optional()?.ok_or(Error::NotFound)
    }

    /// When its room is open, under the server's rules.
    pub fn window(&self, rules: &WindowRules) -> Window {
        rules.with(&self.overrides).window(self.starts_at, self.ends_at, self.extended, self.opened_at)
    }

    /// The identities of its two sides.
    pub fn is_side(&self, user: UserId) -> bool {
        user == self.customer_id || user == self.expert_id
    }
}

/// Somebody's place in an appointment.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the columns of `seats`, described there")]
pub struct Seat {
    pub id: SeatId,
    pub appointment_id: AppointmentId,
    pub user_id: Option<UserId>,
    pub name: String,
    pub role: SeatRole,
    pub permissions: Permissions,
    pub note: String,
    pub admitted_at: Option<UnixTime>,
    pub waiting_since: Option<UnixTime>,
    pub waiting_seen_at: Option<UnixTime>,
    pub waited: Duration,
    pub removed_at: Option<UnixTime>,
}

/// What somebody may publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permissions {
    /// The microphone.
    pub audio: bool,
    /// The camera.
    pub video: bool,
    /// The screen, with its sound.
    pub screen: bool,
    /// Chat and other messages.
    pub data: bool,
}

impl Permissions {
    /// What a role may unless somebody says otherwise.
    pub const fn of(role: SeatRole) -> Self {
        match role {
            SeatRole::Host | SeatRole::Client => Self { audio: true, video: true, screen: true, data: true },
            SeatRole::Interpreter => Self { audio: true, video: true, screen: false, data: true },
            SeatRole::Observer => Self { audio: false, video: false, screen: false, data: true },
        }
    }
}

impl Seat {
    /// Reads a row of `my_seats`, whose first columns are these.
    ///
    /// # Errors
    ///
    /// When a column is not what it should be.
    pub fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut row = InOrder::of(row);
        Ok(Self {
            id: row.get("id")?,
            appointment_id: row.get("appointment_id")?,
            user_id: row.get("user_id")?,
            name: row.get("name")?,
            role: row.word("role")?,
            permissions: Permissions {
                audio: row.get("publish_audio")?,
                video: row.get("publish_video")?,
                screen: row.get("publish_screen")?,
                data: row.get("publish_data")?,
            },
            note: row.get("note")?,
            admitted_at: row.maybe_time("admitted_at")?,
            waiting_since: row.maybe_time("waiting_since")?,
            waiting_seen_at: row.maybe_time("waiting_seen_at")?,
            waited: Duration::from_millis(row.get::<u32>("waited_ms")?.into()),
            removed_at: row.maybe_time("removed_at")?,
        })
    }

    /// Every seat of an appointment, the host's first, removed ones included.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn of_appointment(connection: &Connection, id: AppointmentId) -> Result<Vec<Self>, Error> {
        let sql = "SELECT * FROM my_seats WHERE appointment_id = ?1 ORDER BY role <> 'host', created_at, id";
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_map([id], Self::from_row)?.collect::<Result<_, _>>()?)
    }

    /// One seat.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn load(connection: &Connection, id: SeatId) -> Result<Self, Error> {
        let mut statement = connection.prepare_cached("SELECT * FROM my_seats WHERE id = ?1")?;
        statement.query_row([id], Self::from_row).optional()?.ok_or(Error::NotFound)
    }

    /// A user's seat in an appointment.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn of_user(connection: &Connection, id: AppointmentId, user: UserId) -> Result<Self, Error> {
        let sql = "SELECT * FROM my_seats WHERE appointment_id = ?1 AND user_id = ?2";
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row((id, user), Self::from_row).optional()?.ok_or(Error::NotFound)
    }
}

fn from_minutes(minutes: u32) -> Duration {
    Duration::from_secs(u64::from(minutes) * 60)
}

//! What was written in an appointment. Rooms store what passes through them (`facts.rs`); here is the history, and the
//! way in for those who are not in the room.

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{MOST, Mark, Party, before};
use crate::ids::{AppointmentId, MessageId, SeatId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::Appointment;
use crate::scheduler::texts::words;
use crate::scheduler::{Conflict, Error, Scheduler};
use crate::store::{Actor, RowExt, Tx};
use crate::units::{UnixTime, rfc3339};

/// Most characters of a message.
pub const MAX_BODY: usize = 32_768;
/// Longest name that a client gives a message.
const MAX_STREAM_ID: usize = 128;

/// Something written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Id.
    pub id: MessageId,
    /// Where.
    pub appointment_id: AppointmentId,
    /// What the writer's client named it; a message that comes by the room as well has the same.
    pub stream_id: String,
    /// Who, as long as that is known.
    pub seat_id: Option<SeatId>,
    /// The writer's name at the time.
    pub name: String,
    /// The text; none of a message that was taken back.
    pub body: Option<String>,
    /// The `streamId` of the message that it answers.
    pub reply_to: Option<String>,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: UnixTime,
    /// When it was last changed.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<UnixTime>,
    /// When it was taken back.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<UnixTime>,
}

impl Message {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let deleted_at = row.maybe_time("deleted_at")?;
        let body: String = row.get("body")?;
        Ok(Self {
            id: row.get("id")?,
            appointment_id: row.get("appointment_id")?,
            stream_id: row.get("stream_id")?,
            seat_id: row.get("seat_id")?,
            name: row.get("name")?,
            body: deleted_at.is_none().then_some(body),
            reply_to: row.get("reply_to")?,
            sent_at: row.time("sent_at")?,
            edited_at: row.maybe_time("edited_at")?,
            deleted_at,
        })
    }

    /// The place of this message in the history.
    pub fn mark(&self) -> Mark<MessageId> {
        Mark { at: self.sent_at.0, id: self.id }
    }
}

/// Which part of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Backwards: from the newest, or from before the last one of the piece before.
    Before(Option<Mark<MessageId>>),
    /// Forwards: what came after a message that the caller has.
    After(MessageId),
}

/// Something to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMessage {
    /// The text.
    #[schema(min_length = 1, max_length = 32768)]
    pub body: String,
    /// What the client names it: the id of the text stream, where it also sends it in the room.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub stream_id: Option<String>,
    /// The `streamId` of the message that it answers.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub reply_to: Option<String>,
}

impl Scheduler {
    /// A piece of the history.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an appointment that the actor has no part in.
    pub async fn messages(
        &self,
        actor: Actor,
        id: AppointmentId,
        part: History,
        limit: usize,
    ) -> Result<Vec<Message>, Error> {
        let limit = limit.min(MOST) as i64;
        self.read(actor, move |reader| {
            Appointment::load(reader, id)?;
            let (sql, mark) = match part {
                History::Before(mark) => (
                    "SELECT * FROM my_messages WHERE appointment_id = ?1 AND (sent_at, id) < (?2, ?3)
                     ORDER BY sent_at DESC, id DESC LIMIT ?4",
                    before(mark),
                ),
                History::After(message) => {
                    let sql = "SELECT sent_at FROM my_messages WHERE id = ?1 AND appointment_id = ?2";
                    let mut query = reader.prepare_cached(sql)?;
                    let known = query.query_row((message, id), |row| row.get(0)).optional()?;
                    let at: i64 = known.ok_or_else(|| Error::invalid("after", "there is no such message here"))?;
                    (
                        "SELECT * FROM my_messages WHERE appointment_id = ?1 AND (sent_at, id) > (?2, ?3)
                         ORDER BY sent_at, id LIMIT ?4",
                        (at, message.to_string()),
                    )
                }
            };
            let mut query = reader.prepare_cached(sql)?;
            let rows = query.query_map((id, mark.0, mark.1, limit), Message::from_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Writes something. A message that is there already, by the room or by an earlier try, is answered as it stands.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for who may not write, [`Conflict::WrongStatus`],
    /// [`Conflict::ChatNotKept`], [`Error::Invalid`].
    pub async fn post_message(&self, actor: Actor, id: AppointmentId, new: NewMessage) -> Result<Message, Error> {
        let now = self.now();
        let body = words("body", &new.body, MAX_BODY)?;
        let stream = new.stream_id.map(|name| stream_name("streamId", name)).transpose()?;
        let reply_to = new.reply_to.map(|name| stream_name("replyTo", name)).transpose()?;
        self.write(move |tx| {
            let party = Party::load(tx, actor, id)?;
            party.must_take_content()?;
            if !party.seat.permissions.data {
                return Err(Error::NotYours);
            }
            if !party.appointment.keep_chat {
                return Err(Conflict::ChatNotKept.into());
            }
            let message = MessageId::new(now, tx.rng());
            let stream = stream.unwrap_or_else(|| message.to_string());
            let identity = party.seat.id.to_string();
            let added = tx
                .prepare_cached(
                    "INSERT INTO messages (id, appointment_id, stream_id, seat_id, identity, name, body, reply_to, sent_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                     ON CONFLICT (appointment_id, identity, stream_id) DO NOTHING",
                )?
                .execute((
                    message,
                    id,
                    &stream,
                    party.seat.id,
                    &identity,
                    &party.seat.name,
                    body,
                    reply_to,
                    now.0,
                ))?;
            let sql = "SELECT * FROM messages WHERE appointment_id = ?1 AND identity = ?2 AND stream_id = ?3";
            let stored = tx.prepare_cached(sql)?.query_row((id, identity, stream), Message::from_row)?;
            if added == 1 {
                tell(tx, &party, actor, &stored, "added", now)?;
            }
            Ok(stored)
        })
        .await
    }

    /// Gives one's own message another text.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for another's, [`Conflict::WrongStatus`], [`Error::Invalid`].
    pub async fn edit_message(
        &self,
        actor: Actor,
        id: AppointmentId,
        message: MessageId,
        body: String,
    ) -> Result<Message, Error> {
        let now = self.now();
        let body = words("body", &body, MAX_BODY)?;
        self.write(move |tx| {
            let party = Party::load(tx, actor, id)?;
            party.must_take_content()?;
            let old = own(tx, &party, message)?;
            if old.deleted_at.is_some() {
                return Err(Error::NotFound);
            }
            if old.body.as_ref() == Some(&body) {
                return Ok(old);
            }
            tx.prepare_cached("UPDATE messages SET body = ?2, edited_at = ?3 WHERE id = ?1")?
                .execute((message, body, now.0))?;
            let after = own(tx, &party, message)?;
            tell(tx, &party, actor, &after, "changed", now)?;
            Ok(after)
        })
        .await
    }

    /// Takes one's own message back: it stays in its place without its text.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for another's.
    pub async fn delete_message(&self, actor: Actor, id: AppointmentId, message: MessageId) -> Result<(), Error> {
        let now = self.now();
        self.write(move |tx| {
            let party = Party::load(tx, actor, id)?;
            if own(tx, &party, message)?.deleted_at.is_some() {
                return Ok(());
            }
            tx.prepare_cached("UPDATE messages SET body = '', deleted_at = ?2 WHERE id = ?1")?
                .execute((message, now.0))?;
            let after = own(tx, &party, message)?;
            tell(tx, &party, actor, &after, "removed", now)
        })
        .await
    }
}

/// A message of the party's own.
fn own(tx: &Tx<'_>, party: &Party, message: MessageId) -> Result<Message, Error> {
    let sql = "SELECT * FROM messages WHERE id = ?1 AND appointment_id = ?2";
    let mut query = tx.prepare_cached(sql)?;
    let found = query.query_row((message, party.appointment.id), Message::from_row).optional()?;
    let found = found.ok_or(Error::NotFound)?;
    if found.seat_id == Some(party.seat.id) { Ok(found) } else { Err(Error::NotYours) }
}

fn tell(
    tx: &mut Tx<'_>,
    party: &Party,
    actor: Actor,
    message: &Message,
    action: &str,
    now: UnixTime,
) -> Result<(), Error> {
    let detail = json!({
        "content": "message", "action": action, "messageId": message.id, "streamId": message.stream_id,
    });
    Change::new(Kind::Content, &party.appointment, actor).detail(detail).record(tx, now)
}

/// A client's name for a message: clients make UUIDs of them.
fn stream_name(field: &'static str, name: String) -> Result<String, Error> {
    let fits = (1..=MAX_STREAM_ID).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(name) } else { Err(Error::invalid(field, "it is 1 to 128 letters, digits and signs")) }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;

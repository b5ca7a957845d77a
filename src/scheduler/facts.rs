//! What the media shows: who was really in a call, from when to when, how well it went, and what was written there.
//! From these facts follow in_progress, completed and no-show.

use std::time::Duration;

use rusqlite::OptionalExtension;
use serde_json::json;

use super::change::{Change, Kind};
use super::quality::{Figures, assess};
use super::records::{Appointment, Seat, SeatRole};
use super::webhooks::webhook;
use super::{Error, Scheduler, Status};
use crate::ids::{CallLogId, MessageId, SeatId, UserId};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// Something that happened in an appointment's room.
#[derive(Clone, Debug, PartialEq)]
pub struct CallFact {
    /// The room.
    pub room: String,
    /// When.
    pub at: UnixTime,
    /// What.
    pub kind: CallFactKind,
}

/// Whose calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An account's.
    User(UserId),
    /// A seat's.
    Seat(SeatId),
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum CallFactKind {
    /// Somebody's media has connected.
    Joined {
        /// The participant's session.
        sid: String,
        /// Who: the seat's id.
        identity: String,
        /// Display name.
        name: String,
    },
    /// Somebody's session is over.
    Left {
        /// The participant's session.
        sid: String,
        /// Why.
        reason: LeaveReason,
    },
    /// A minute of somebody's connection.
    Quality {
        /// The participant's session.
        sid: String,
        /// Start of the minute.
        minute: UnixTime,
        /// How it was.
        figures: Figures,
    },
    /// Somebody wrote something to everybody.
    Chat(ChatFact),
    /// The room is gone, and everybody with it.
    Ended,
}

/// Something written, changed or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatFact {
    /// Who: the seat's id.
    pub identity: String,
    /// Display name.
    pub name: String,
    /// What the sender's client named the message.
    pub stream_id: String,
    /// The text.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// What to do with it.
    pub operation: ChatOperation,
}

/// What is to be done with a chat message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatOperation {
    /// It is new.
    Create,
    /// It has another text.
    Update,
    /// It is taken back.
    Delete,
}

/// Why somebody is not in a call any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// Of one's own accord.
    ClientLeft,
    /// The window has closed.
    WindowClosed,
    /// Removed by the expert or an administrator.
    Removed,
    /// The room was ended: cancelled, completed, or empty.
    RoomEnded,
    /// The line broke.
    ConnectionLost,
    /// Came in anew from elsewhere.
    Replaced,
    /// The server stopped.
    ServerShutdown,
}

impl LeaveReason {
    /// The word in `call_logs.end_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            LeaveReason::ClientLeft => "client_left",
            LeaveReason::WindowClosed => "window_closed",
            LeaveReason::Removed => "removed",
            LeaveReason::RoomEnded => "room_ended",
            LeaveReason::ConnectionLost => "connection_lost",
            LeaveReason::Replaced => "replaced",
            LeaveReason::ServerShutdown => "server_shutdown",
        }
    }
}

impl Scheduler {
    /// Writes down what has happened. Facts of one room are told one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; a fact about what is not known (a room of nobody's) is passed over.
    pub async fn witness(&self, fact: CallFact) -> Result<(), Error> {
        let room = fact.room.clone();
        let ended = fact.kind == CallFactKind::Ended;
        let result = self.write(move |tx| note(tx, &fact)).await;
        if ended {
            self.inner.board.forget(&room);
        }
        result
    }

    /// Sends somebody out of every call at once: the account is closed, or the seat's link revoked. What keeps them
    /// from coming back has been stored before.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn put_out(&self, whose: Whose) -> Result<(), Error> {
        let (column, id) = match whose {
            Whose::User(user) => ("user_id", user.to_string()),
            Whose::Seat(seat) => ("seat_id", seat.to_string()),
        };
        let sql = format!(
            "SELECT room_name, participant_identity FROM system_call_logs WHERE {column} = ?1 AND ended_at IS NULL"
        );
        let calls: Vec<(String, String)> = self
            .read(Actor::System, move |reader| {
                let mut query = reader.prepare_cached(&sql)?;
                Ok(query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
            })
            .await?;
        if let Some(rooms) = self.rooms() {
            calls.iter().for_each(|(room, identity)| rooms.remove(room, identity));
        }
        Ok(())
    }

    /// Closes what a crash left open, at the last sign of life. Called once, before anybody can come in.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn recover(&self) -> Result<usize, Error> {
        let now = self.now();
        self.write(move |tx| {
            let closed = tx.execute(
                "UPDATE call_logs SET ended_at = max(started_at, min(heartbeat_at, ?1)), end_reason = 'crash_recovered',
                   updated_at = ?1 WHERE ended_at IS NULL",
                [now.0],
            )?;
            tx.execute("UPDATE seats SET waiting_since = NULL, waiting_seen_at = NULL WHERE waiting_since IS NOT NULL", [])?;
            // Nobody is in a call now; those that are due to end begin to be empty.
            tx.execute(
                "UPDATE appointments SET emptied_at = ?1, updated_at = ?1 WHERE status = 'in_progress' AND emptied_at IS NULL",
                [now.0],
            )?;
            Ok(closed)
        })
        .await
    }
}

fn note(tx: &mut Tx<'_>, fact: &CallFact) -> Result<(), Error> {
    let (room, at) = (fact.room.as_str(), fact.at);
    match &fact.kind {
        CallFactKind::Joined { sid, identity, name } => joined(tx, room, at, sid, identity, name),
        CallFactKind::Left { sid, reason } => left(tx, room, at, sid, *reason),
        CallFactKind::Quality { sid, minute, figures } => quality(tx, sid, *minute, figures),
        CallFactKind::Chat(chat) => said(tx, room, at, chat),
        CallFactKind::Ended => ended(tx, room, at),
    }
}

fn joined(tx: &mut Tx<'_>, room: &str, at: UnixTime, sid: &str, identity: &str, name: &str) -> Result<(), Error> {
    let Some(appointment) = known(tx, room)? else { return Ok(()) };
    let seat = match identity.parse() {
        Ok(id) => Seat::load(tx, id).ok().filter(|seat| seat.appointment_id == appointment.id),
        Err(_) => None,
    };
    let id = CallLogId::new(at, tx.rng());
    tx.prepare_cached(
        "INSERT INTO call_logs (id, room_name, participant_identity, participant_name, user_id, started_at, created_at,
           updated_at, appointment_id, seat_id, seat_role, participant_sid, heartbeat_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6, ?7, ?8, ?9, ?10, ?6) ON CONFLICT (participant_sid) DO NOTHING",
    )?
    .execute((
        id,
        room,
        identity,
        name,
        seat.as_ref().and_then(|seat| seat.user_id),
        at.0,
        appointment.id,
        seat.as_ref().map(|seat| seat.id),
        seat.as_ref().map(|seat| seat.role.as_str()),
        sid,
    ))?;
    if appointment.emptied_at.is_some() {
        tx.prepare_cached("UPDATE appointments SET emptied_at = NULL, updated_at = ?2 WHERE id = ?1")?
            .execute((appointment.id, at.0))?;
    }
    if appointment.status == Status::Approved && both_are_in(tx, &appointment)? {
        let sql = "UPDATE appointments SET status = 'in_progress', in_progress_at = coalesce(in_progress_at, ?2),
            updated_at = ?2 WHERE id = ?1";
        tx.prepare_cached(sql)?.execute((appointment.id, at.0))?;
        let first = appointment.in_progress_at.is_none();
        let appointment = Appointment::load(tx, appointment.id)?;
        Change::new(Kind::Started, &appointment, Actor::System).record(tx, at)?;
        if first {
            webhook(tx, at, "call.started", &json!({ "appointmentId": appointment.id, "roomName": room }))?;
        }
    }
    Ok(())
}

fn left(tx: &mut Tx<'_>, room: &str, at: UnixTime, sid: &str, reason: LeaveReason) -> Result<(), Error> {
    // A clock that was set back must not end a call before its beginning.
    tx.prepare_cached(
        "UPDATE call_logs SET ended_at = max(started_at, ?2), end_reason = ?3, updated_at = ?2, heartbeat_at = ?2
         WHERE participant_sid = ?1 AND ended_at IS NULL",
    )?
    .execute((sid, at.0, reason.as_str()))?;
    let Some(appointment) = known(tx, room)? else { return Ok(()) };
    if appointment.status == Status::InProgress && open_calls(tx, room)? == 0 {
        tx.prepare_cached("UPDATE appointments SET emptied_at = ?2, updated_at = ?2 WHERE id = ?1")?
            .execute((appointment.id, at.0))?;
    }
    Ok(())
}

fn quality(tx: &Tx<'_>, sid: &str, minute: UnixTime, figures: &Figures) -> Result<(), Error> {
    let sql = "SELECT id FROM call_logs WHERE participant_sid = ?1";
    let log: Option<CallLogId> = tx.prepare_cached(sql)?.query_row([sid], |row| row.get(0)).optional()?;
    let Some(log) = log else { return Ok(()) };
    let assessment = assess(figures);
    let millis = |time: Option<Duration>| time.map(|time| time.as_millis() as i64);
    tx.prepare_cached(
        "INSERT INTO call_quality (call_log_id, minute, rtt_ms, jitter_ms, loss_up, loss_down, bitrate_in, bitrate_out,
           layer, mos, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (call_log_id, minute) DO NOTHING",
    )?
    .execute((
        log,
        minute.0,
        millis(figures.rtt),
        millis(figures.jitter),
        figures.loss_up,
        figures.loss_down,
        figures.bitrate_up.map(|rate| rate.bps() as i64),
        figures.bitrate_down.map(|rate| rate.bps() as i64),
        figures.layer,
        assessment.map(|it| it.mos),
        assessment.and_then(|it| it.cause).map(|cause| cause.as_str()),
    ))?;
    Ok(())
}

fn said(tx: &mut Tx<'_>, room: &str, at: UnixTime, chat: &ChatFact) -> Result<(), Error> {
    let Some(appointment) = known(tx, room)?.filter(|it| it.keep_chat) else { return Ok(()) };
    let seat = chat.identity.parse().ok().and_then(|id| Seat::load(tx, id).ok());
    let seat = seat.filter(|seat| seat.appointment_id == appointment.id);
    let (id, stream, identity) = (appointment.id, &chat.stream_id, &chat.identity);
    let changed = match chat.operation {
        ChatOperation::Create => {
            let message = MessageId::new(at, tx.rng());
            // A double (a client may send a message in two forms) is the same message.
            tx.prepare_cached(
                "INSERT INTO messages (id, appointment_id, stream_id, seat_id, identity, name, body, reply_to, sent_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (appointment_id, identity, stream_id) DO NOTHING",
            )?
            .execute((message, id, stream, seat.map(|it| it.id), identity, &chat.name, &chat.text, &chat.reply_to, at.0))?
        }
        ChatOperation::Update => tx
            .prepare_cached(
                "UPDATE messages SET body = ?4, edited_at = ?5
                 WHERE appointment_id = ?1 AND identity = ?2 AND stream_id = ?3 AND deleted_at IS NULL",
            )?
            .execute((id, identity, stream, &chat.text, at.0))?,
        ChatOperation::Delete => tx
            .prepare_cached(
                "UPDATE messages SET body = '', deleted_at = ?4
                 WHERE appointment_id = ?1 AND identity = ?2 AND stream_id = ?3 AND deleted_at IS NULL",
            )?
            .execute((id, identity, stream, at.0))?,
    };
    if changed == 0 {
        return Ok(());
    }
    let detail = json!({ "content": "message", "streamId": stream });
    Change::new(Kind::Content, &appointment, Actor::System).detail(detail).record(tx, at)
}

fn ended(tx: &mut Tx<'_>, room: &str, at: UnixTime) -> Result<(), Error> {
    // Everybody's leaving was told before; should one have been lost, it is found here.
    tx.prepare_cached(
        "UPDATE call_logs SET ended_at = max(started_at, ?2), end_reason = 'room_ended', updated_at = ?2
         WHERE room_name = ?1 AND ended_at IS NULL",
    )?
    .execute((room, at.0))?;
    let Some(appointment) = known(tx, room)? else { return Ok(()) };
    if let Some(started) = appointment.in_progress_at {
        let data = json!({
            "appointmentId": appointment.id,
            "roomName": room,
            "startedAt": crate::units::rfc3339::format(started),
            "endedAt": crate::units::rfc3339::format(at),
        });
        webhook(tx, at, "call.ended", &data)?;
    }
    Ok(())
}

fn known(tx: &Tx<'_>, room: &str) -> Result<Option<Appointment>, Error> {
    match Appointment::of_room(tx, room) {
        Ok(appointment) => Ok(Some(appointment)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open_calls(tx: &Tx<'_>, room: &str) -> Result<i64, Error> {
    let sql = "SELECT count(*) FROM call_logs WHERE room_name = ?1 AND ended_at IS NULL";
    Ok(tx.prepare_cached(sql)?.query_row([room], |row| row.get(0))?)
}

/// The expert and a customer are in the call at this moment.
fn both_are_in(tx: &Tx<'_>, appointment: &Appointment) -> Result<bool, Error> {
    let sql = "SELECT count(DISTINCT seat_role) FROM call_logs
        WHERE appointment_id = ?1 AND ended_at IS NULL AND seat_role IN ('host', 'client')";
    let sides: i64 = tx.prepare_cached(sql)?.query_row([appointment.id], |row| row.get(0))?;
    Ok(sides == 2)
}

/// Whether somebody of a side has been in an appointment's call since then. Before it was moved, it had another time.
pub(super) fn was_in(tx: &Tx<'_>, appointment: &Appointment, role: SeatRole, since: UnixTime) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM call_logs WHERE appointment_id = ?1 AND seat_role = ?2 AND started_at >= ?3 LIMIT 1";
    let mut query = tx.prepare_cached(sql)?;
    Ok(query.query_row((appointment.id, role.as_str(), since.0), |_| Ok(())).optional()?.is_some())
}

//! Call logs: who was in which call, from when to when.

use rusqlite::{Connection, Row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ids::{AppointmentId, CallLogId, SeatId, UserId};
use crate::scheduler::conditions::{Conditions, number, text};
use crate::scheduler::content::{MOST, Mark};
use crate::scheduler::records::SeatRole;
use crate::scheduler::{Error, Scheduler};
use crate::store::{Actor, RowExt};
use crate::units::{UnixTime, rfc3339};

/// Most stays that one appointment is reported with.
const MOST_STAYS: i64 = 2_000;

/// One participant's stay in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallLog {
    /// Id.
    pub id: CallLogId,
    /// Of which appointment.
    pub appointment_id: Option<AppointmentId>,
    /// The room.
    pub room_name: String,
    /// The identity in it.
    pub participant_identity: String,
    /// The name in it.
    pub participant_name: String,
    /// The account; none of a guest.
    pub user_id: Option<UserId>,
    /// The seat.
    pub seat_id: Option<SeatId>,
    /// As what.
    pub seat_role: Option<SeatRole>,
    /// When the media connected.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: UnixTime,
    /// When the stay ended; none while it lasts.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<UnixTime>,
    /// How long it was.
    pub duration_seconds: Option<u64>,
    /// Why it ended.
    pub end_reason: Option<String>,
}

impl CallLog {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: Option<String> = row.get("seat_role")?;
        let duration: Option<i64> = row.get("duration_seconds")?;
        Ok(Self {
            id: row.get("id")?,
            appointment_id: row.get("appointment_id")?,
            room_name: row.get("room_name")?,
            participant_identity: row.get("participant_identity")?,
            participant_name: row.get("participant_name")?,
            user_id: row.get("user_id")?,
            seat_id: row.get("seat_id")?,
            seat_role: role.and_then(|role| role.parse().ok()),
            started_at: row.time("started_at")?,
            ended_at: row.maybe_time("ended_at")?,
            duration_seconds: duration.map(|seconds| seconds.max(0) as u64),
            end_reason: row.get("end_reason")?,
        })
    }

    /// The place of this stay in a list.
    pub fn mark(&self) -> Mark<CallLogId> {
        Mark { at: self.started_at.0, id: self.id }
    }
}

/// Which call logs are wanted; what is absent is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLogFilter {
    /// Of one appointment.
    pub appointment: Option<AppointmentId>,
    /// Of one person.
    pub user: Option<UserId>,
    /// Begun at this time or later.
    pub from: Option<UnixTime>,
    /// Begun before this time.
    pub to: Option<UnixTime>,
}

impl Scheduler {
    /// Call logs, the latest first: one's own, for an expert those of the expert's consultations, for administrators
    /// all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn call_logs(
        &self,
        actor: Actor,
        filter: CallLogFilter,
        after: Option<Mark<CallLogId>>,
        limit: usize,
    ) -> Result<Vec<CallLog>, Error> {
        let limit = limit.min(MOST);
        self.read(actor, move |reader| {
            let mut asked = Conditions::default();
            // The view shows no more than these; saying so lets the database use its indexes.
            if let Some(own) = actor.user().filter(|_| !actor.is_admin()) {
                let condition =
                    "(l.user_id = ? OR l.appointment_id IN (SELECT id FROM my_appointments WHERE expert_id = ?))";
                asked.and(condition, [text(own), text(own)]);
            }
            asked.and_some("l.appointment_id = ?", filter.appointment);
            asked.and_some("l.user_id = ?", filter.user);
            if let Some(from) = filter.from {
                asked.and("l.started_at >= ?", [number(from.0)]);
            }
            if let Some(to) = filter.to {
                asked.and("l.started_at < ?", [number(to.0)]);
            }
            if let Some(mark) = after {
                asked.and("(l.started_at, l.id) < (?, ?)", [number(mark.at), text(mark.id)]);
            }
            let rest = format!("ORDER BY l.started_at DESC, l.id DESC LIMIT {limit}");
            asked.query(reader, "SELECT * FROM my_call_logs l", &rest, CallLog::from_row)
        })
        .await
    }
}

/// The stays in an appointment's call, in the order of their beginnings.
pub(super) fn of_appointment(connection: &Connection, id: AppointmentId) -> Result<Vec<CallLog>, Error> {
    let sql = "SELECT * FROM my_call_logs WHERE appointment_id = ?1 ORDER BY started_at, id LIMIT ?2";
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_map((id, MOST_STAYS), CallLog::from_row)?.collect::<Result<_, _>>()?)
}

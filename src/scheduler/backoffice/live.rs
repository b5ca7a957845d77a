//! The calls that go on at this moment, and their end by an administrator.

use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::require_admin;
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::scheduler::booking::end_waiting;
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, SeatRole};
use crate::scheduler::{Conflict, EndReason, Error, Scheduler, Status};
use crate::store::{Actor, RowExt, Tx};
use crate::units::{UnixTime, rfc3339};

/// Most participants that are listed.
const MOST_PRESENT: i64 = 10_000;

/// A call that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveRoom {
    /// Of which appointment.
    pub appointment_id: AppointmentId,
    /// What that is called.
    pub title: String,
    /// The room.
    pub room_name: String,
    /// The expert.
    pub expert_name: String,
    /// Who booked it.
    pub customer_name: String,
    /// Where the appointment stands.
    pub status: Status,
    /// The scheduled end.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: UnixTime,
    /// When the room closes.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: UnixTime,
    /// How often it was extended.
    pub extensions: u8,
    /// Since when the first of those who are in it has been.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: UnixTime,
    /// Who is in it.
    pub present: Vec<Present>,
}

/// Somebody in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Present {
    /// The name.
    pub name: String,
    /// The seat, which is also the identity in the room.
    pub seat_id: Option<SeatId>,
    /// The account; none of a guest.
    pub user_id: Option<UserId>,
    /// As what.
    pub role: Option<SeatRole>,
    /// Since when.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: UnixTime,
}

impl Scheduler {
    /// The calls that go on, the longest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn live_rooms(&self, actor: Actor) -> Result<Vec<LiveRoom>, Error> {
        require_admin(actor)?;
        let rules = self.settings().window;
        self.read(actor, move |reader| {
            let mut rooms: Vec<LiveRoom> = Vec::new();
            for (appointment, present) in present(reader)? {
                if let Some(room) = rooms.iter_mut().find(|room| room.appointment_id == appointment) {
                    room.present.push(present);
                    continue;
                }
                let appointment = Appointment::load(reader, appointment)?;
                rooms.push(LiveRoom {
                    appointment_id: appointment.id,
                    closes_at: appointment.window(&rules).closes,
                    title: appointment.title,
                    room_name: appointment.meeting_room_name.unwrap_or_default(),
                    expert_name: appointment.expert_name,
                    customer_name: appointment.customer_name,
                    status: appointment.status,
                    ends_at: appointment.ends_at,
                    extensions: appointment.extensions,
                    since: present.since,
                    present: vec![present],
                });
            }
            Ok(rooms)
        })
        .await
    }

    /// Ends a call for good: everybody is sent away. What had begun counts as held, what had not is cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::NotFound`], [`Conflict::NotJoinable`] for what has no
    /// open room.
    pub async fn end_room(&self, actor: Actor, id: AppointmentId) -> Result<Appointment, Error> {
        require_admin(actor)?;
        let (now, rules) = (self.now(), self.settings().window);
        let ended = self
            .write(move |tx| {
                let before = Appointment::load(tx, id)?;
                let is_on = matches!(before.status, Status::Approved | Status::InProgress);
                if !is_on || !before.window(&rules).holds(now) {
                    return Err(Conflict::NotJoinable(before.status).into());
                }
                end(tx, actor, &before, now)
            })
            .await?;
        self.end_call(&ended, EndReason::EndedByAdmin);
        Ok(ended)
    }
}

/// Whoever is in a call, who came first at first.
fn present(connection: &Connection) -> Result<Vec<(AppointmentId, Present)>, Error> {
    let sql = "SELECT appointment_id, participant_name, seat_id, user_id, seat_role, started_at FROM my_call_logs
        WHERE ended_at IS NULL AND appointment_id IS NOT NULL ORDER BY started_at, id LIMIT ?1";
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map([MOST_PRESENT], |row| {
        let role: Option<String> = row.get(4)?;
        let present = Present {
            name: row.get(1)?,
            seat_id: row.get(2)?,
            user_id: row.get(3)?,
            role: role.and_then(|role| role.parse().ok()),
            since: row.time(5)?,
        };
        Ok((row.get(0)?, present))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn end(tx: &mut Tx<'_>, actor: Actor, before: &Appointment, now: UnixTime) -> Result<Appointment, Error> {
    let kind = if before.in_progress_at.is_some() {
        let sql = "UPDATE appointments SET status = 'completed', completed_at = ?2, updated_at = ?2 WHERE id = ?1";
        tx.prepare_cached(sql)?.execute((before.id, now.0))?;
        Kind::Completed
    } else {
        let sql = "UPDATE appointments SET status = 'cancelled', cancelled_by = 'admin', proposed_starts_at = NULL,
            proposed_ends_at = NULL, proposed_by = NULL, proposed_message = NULL, updated_at = ?2 WHERE id = ?1";
        tx.prepare_cached(sql)?.execute((before.id, now.0))?;
        Kind::Cancelled
    };
    end_waiting(tx, before.id)?;
    let after = Appointment::load(tx, before.id)?;
    let detail = json!({ "previousStatus": before.status, "endedByAdmin": true });
    Change::new(kind, &after, actor).detail(detail).record(tx, now)?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::testing::*;
    use crate::scheduler::{CallFactKind, LeaveReason, Lobby};

    #[tokio::test]
    async fn whoever_is_in_a_call_is_seen_until_leaving_it() {
        let desk = Desk::new();
        desk.approved(Lobby::Off);
        desk.approved_at(2, 2, 9, START, Lobby::Off);
        desk.at(0);
        assert!(desk.scheduler.live_rooms(admin()).await.unwrap().is_empty());
        desk.joins(1, 8, "a").await;
        desk.at(MINUTE);
        desk.joins(2, 2, "b").await;
        desk.joins(1, 1, "c").await;
        let rooms = desk.scheduler.live_rooms(admin()).await.unwrap();
        let who = |room: &LiveRoom| room.present.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (rooms.len(), who(&rooms[0]), who(&rooms[1])),
            (2, vec!["Person 8".into(), "Person 1".into()], vec!["Person 2".into()])
        );
        assert_eq!((rooms[0].since, rooms[0].present[1].since), (START, UnixTime(START.0 + MINUTE)));
        assert_eq!(rooms[0].closes_at, UnixTime(START.0 + 90 * MINUTE));
        assert_eq!((rooms[0].status, rooms[1].status), (Status::InProgress, Status::Approved));
        let extended = desk.scheduler.extend(admin(), appointment_id(1)).await.unwrap();
        let rooms = desk.scheduler.live_rooms(admin()).await.unwrap();
        assert_eq!((rooms[0].closes_at, rooms[0].extensions), (extended.closes_at, 1));
        let left = CallFactKind::Left { sid: "b".into(), reason: LeaveReason::ClientLeft };
        desk.fact(2, left).await;
        assert_eq!(desk.scheduler.live_rooms(admin()).await.unwrap().len(), 1);
        for other in [customer(1), expert(8), Actor::Anonymous] {
            assert!(matches!(desk.scheduler.live_rooms(other).await, Err(Error::NotYours)));
            assert!(matches!(desk.scheduler.end_room(other, appointment_id(1)).await, Err(Error::NotYours)));
        }
    }

    #[tokio::test]
    async fn a_call_that_an_administrator_ends_was_held_if_both_had_met_and_is_cancelled_if_not() {
        let desk = Desk::new();
        let (met, alone) = (desk.approved(Lobby::Off), desk.approved_at(2, 2, 9, START, Lobby::Off));
        let early = desk.scheduler.end_room(admin(), met).await;
        assert!(matches!(early, Err(Error::Conflict(Conflict::NotJoinable(Status::Approved)))), "{early:?}");
        desk.at(0);
        desk.joins(1, 8, "a").await;
        desk.joins(1, 1, "b").await;
        desk.joins(2, 2, "c").await;
        desk.rooms.take();
        assert_eq!(desk.scheduler.end_room(admin(), met).await.unwrap().status, Status::Completed);
        let cancelled = desk.scheduler.end_room(admin(), alone).await.unwrap();
        assert_eq!((cancelled.status, cancelled.cancelled_by.as_deref()), (Status::Cancelled, Some("admin")));
        let closed = [1, 2].map(|number| format!("close {} ended_by_admin", desk.room(number)));
        assert_eq!(desk.rooms.take(), closed);
        let again = desk.scheduler.end_room(admin(), met).await;
        assert!(matches!(again, Err(Error::Conflict(Conflict::NotJoinable(Status::Completed)))));
        let audited: String =
            desk.value("SELECT group_concat(action) FROM audit_log WHERE detail LIKE '%endedByAdmin%'");
        assert_eq!(audited, "appointment.completed,appointment.cancelled");
        assert!(matches!(desk.scheduler.end_room(admin(), appointment_id(9)).await, Err(Error::NotFound)));
    }
}

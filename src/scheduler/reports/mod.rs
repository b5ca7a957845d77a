//! What is told of calls afterwards: who was there and for how long, and how well it went.

mod figures;
mod logs;

pub use figures::{CauseMinutes, QualityMinute, QualitySummary};
pub use logs::{CallLog, CallLogFilter};

use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use super::content::{MOST, Mark, before};
use super::records::{Appointment, SeatRole};
use super::{Error, Interval, Intervals, Scheduler, Status};
use crate::ids::{AppointmentId, UserId};
use crate::store::{Actor, RowExt};
use crate::units::{UnixTime, rfc3339};

use figures::Sum;

/// Most minutes that one report lists; all of them are in its sums.
const MAX_MINUTES: usize = 10_000;

/// How an appointment's call went.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityReport {
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// How long there was somebody in the call, as far as the reader may know.
    pub call_seconds: u64,
    /// How long the expert and a customer were in it together; for the expert and administrators.
    pub together_seconds: Option<u64>,
    /// Everything taken together.
    pub summary: QualitySummary,
    /// Each stay in the call, in the order of their beginnings.
    pub stays: Vec<StayQuality>,
    /// Minutes were left out of the lists, not of the sums: there are too many.
    pub truncated: bool,
}

/// How one stay in a call went.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StayQuality {
    /// Whose, from when to when.
    pub call: CallLog,
    /// Its minutes taken together.
    pub summary: QualitySummary,
    /// Minute by minute.
    pub minutes: Vec<QualityMinute>,
}

/// One of an expert's calls, in a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallSummary {
    /// Which appointment.
    pub appointment_id: AppointmentId,
    /// What it is called.
    pub title: String,
    /// With whom.
    pub customer_name: String,
    /// Its scheduled start.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: UnixTime,
    /// Where it stands.
    pub status: Status,
    /// How many came.
    pub participants: u64,
    /// How long there was somebody in the call.
    pub call_seconds: u64,
    /// How long the expert and a customer were in it together.
    pub together_seconds: u64,
    /// How it went.
    pub summary: QualitySummary,
}

impl CallSummary {
    /// The place of this call in the list.
    pub fn mark(&self) -> Mark<AppointmentId> {
        Mark { at: self.starts_at.0, id: self.appointment_id }
    }
}

impl Scheduler {
    /// How an appointment's call went. The expert and administrators see everybody's figures, others their own.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn quality(&self, actor: Actor, id: AppointmentId) -> Result<QualityReport, Error> {
        let now = self.now();
        self.read(actor, move |reader| {
            let appointment = Appointment::load(reader, id)?;
            let sees_all = actor.is_admin() || actor.user() == Some(appointment.expert_id);
            let logs = logs::of_appointment(reader, id)?;
            let (mut summary, mut stays, mut listed) = (Sum::default(), Vec::new(), 0);
            for call in logs {
                let (mut own, mut minutes) = (Sum::default(), Vec::new());
                figures::each_minute(reader, call.id, |minute| {
                    summary.add(&minute);
                    own.add(&minute);
                    if listed < MAX_MINUTES {
                        minutes.push(minute);
                    }
                    listed += 1;
                })?;
                stays.push(StayQuality { call, summary: own.finish(), minutes });
            }
            let (call, together) = times(stays.iter().map(|stay| &stay.call), now);
            Ok(QualityReport {
                appointment_id: id,
                call_seconds: call,
                together_seconds: sees_all.then_some(together),
                summary: summary.finish(),
                stays,
                truncated: listed > MAX_MINUTES,
            })
        })
        .await
    }

    /// An expert's calls, the latest first, with how they went.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but the expert and administrators.
    pub async fn calls(
        &self,
        actor: Actor,
        expert: UserId,
        after: Option<Mark<AppointmentId>>,
        limit: usize,
    ) -> Result<Vec<CallSummary>, Error> {
        if actor.user() != Some(expert) && !actor.is_admin() {
            return Err(Error::NotYours);
        }
        let (now, limit) = (self.now(), limit.min(MOST) as i64);
        let (at, id) = before(after);
        self.read(actor, move |reader| {
            let sql = "SELECT * FROM my_appointments a WHERE a.expert_id = ?1 AND (a.starts_at, a.id) < (?2, ?3)
                  AND EXISTS (SELECT 1 FROM my_call_logs l WHERE l.appointment_id = a.id)
                ORDER BY a.starts_at DESC, a.id DESC LIMIT ?4";
            let appointments: Vec<Appointment> = reader
                .prepare_cached(sql)?
                .query_map((expert, at, id, limit), Appointment::from_row)?
                .collect::<Result<_, _>>()?;
            appointments.into_iter().map(|appointment| summarise(reader, appointment, now)).collect()
        })
        .await
    }
}

fn summarise(reader: &Connection, appointment: Appointment, now: UnixTime) -> Result<CallSummary, Error> {
    let logs = logs::of_appointment(reader, appointment.id)?;
    let mut sum = Sum::default();
    for log in &logs {
        figures::each_minute(reader, log.id, |minute| sum.add(&minute))?;
    }
    let (call_seconds, together_seconds) = times(logs.iter(), now);
    let sql = "SELECT count(DISTINCT participant_identity) FROM my_call_logs WHERE appointment_id = ?1";
    let participants = reader.prepare_cached(sql)?.query_row([appointment.id], |row| row.count(0))?;
    Ok(CallSummary {
        appointment_id: appointment.id,
        title: appointment.title,
        customer_name: appointment.customer_name,
        starts_at: appointment.starts_at,
        status: appointment.status,
        participants,
        call_seconds,
        together_seconds,
        summary: sum.finish(),
    })
}

/// How many seconds there was anybody, and how many both sides were there at once. Who comes twice counts once.
fn times<'a>(logs: impl Iterator<Item = &'a CallLog> + Clone, now: UnixTime) -> (u64, u64) {
    let stay = |log: &CallLog| Interval::new(log.started_at, log.ended_at.unwrap_or(now));
    let of =
        |role: SeatRole| Intervals::union(logs.clone().filter(|log| log.seat_role == Some(role)).map(stay).collect());
    let (hosts, clients) = (of(SeatRole::Host), of(SeatRole::Client));
    let length = |interval: Interval| interval.to.since(interval.from).as_millis();
    let both = hosts.as_slice().iter().flat_map(|host| clients.meeting(*host).map(|client| client.clip(*host)));
    let all = Intervals::union(logs.clone().map(stay).collect());
    let seconds = |millis: u128| (millis / 1_000) as u64;
    (seconds(all.as_slice().iter().copied().map(length).sum()), seconds(both.map(length).sum()))
}

#[cfg(test)]
mod tests;

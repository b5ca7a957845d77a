//! What has become of an appointment, read off the audit log for those who have a part in it.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::booking::{Part, Standing};
use super::records::{Seat, SeatRole};
use super::{Error, Scheduler};
use crate::ids::AppointmentId;
use crate::store::{Actor, RowExt};
use crate::units::{UnixTime, rfc3339};

/// The most entries of one appointment that are told.
const MOST_ENTRIES: u32 = 500;
/// What is told of the details; the rest is for the audit log.
const TOLD: &[&str] = &[
    "previousStartsAt",
    "previousEndsAt",
    "previousStatus",
    "proposedStartsAt",
    "proposedEndsAt",
    "withdrawn",
    "noShow",
    "previousNoShow",
    "opensAt",
    "closesAt",
    "name",
    "role",
    "auto",
    "onBehalf",
    "marked",
    "side",
];

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The expert.
    Expert,
    /// A customer.
    Customer,
    /// Somebody else with a seat.
    Participant,
    /// An administrator.
    Admin,
    /// The server itself.
    System,
}

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixTime,
    /// What: the word of the live event without `appointment.`, such as `rescheduled`.
    pub what: String,
    /// By whom.
    pub by: Who,
    /// The name of who did it, where the caller may know it.
    pub name: Option<String>,
    /// What else there is to it.
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
}

impl Scheduler {
    /// What has become of an appointment so far, the earliest first. In a group a customer reads nothing of others.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn history(&self, actor: Actor, id: AppointmentId) -> Result<Vec<HistoryEntry>, Error> {
        let reading = self
            .read(actor, move |reader| {
                let standing = Standing::of(reader, actor, id)?;
                let own = match &standing.part {
                    Part::Customer(seat) | Part::Attendee(seat) => Some(seat.id.to_string()),
                    _ => None,
                };
                let runs = standing.runs();
                let discreet = standing.appointment.capacity > 1 && !runs;
                Ok((discreet, own))
            })
            .await?;
        self.read(Actor::System, move |reader| {
            let (discreet, own) = reading;
            let seats = Seat::of_appointment(reader, id)?;
            let people: HashMap<String, &Seat> = seats.iter().map(|seat| (subject_of(seat), seat)).collect();
            let sql = "SELECT at, actor, action, detail FROM admin_audit_log WHERE subject = ?1 ORDER BY seq LIMIT ?2";
            let mut statement = reader.prepare_cached(sql)?;
            let rows = statement.query_map((format!("appointment:{id}"), MOST_ENTRIES), |row| {
                let (actor, action): (String, String) = (row.get(1)?, row.get(2)?);
                Ok((row.time(0)?, actor, action, row.json::<Map<String, Value>>(3)?))
            })?;
            let mut entries = Vec::new();
            for row in rows {
                let (at, by, action, mut detail) = row?;
                let Some(what) = action.strip_prefix("appointment.") else { continue };
                let seat = people.get(&by).copied();
                let is_own = |seat: &Seat| own.as_deref() == Some(&seat.id.to_string());
                let about = detail.get("seatId").and_then(Value::as_str).map(str::to_owned);
                if discreet && about.is_some() && about != own {
                    continue;
                }
                detail.retain(|field, value| TOLD.contains(&field.as_str()) && !value.is_null());
                let known = |seat: &&Seat| !discreet || seat.role == SeatRole::Host || is_own(seat);
                entries.push(HistoryEntry {
                    at,
                    what: what.to_owned(),
                    by: who(&by, seat),
                    name: seat.filter(known).map(|seat| seat.name.clone()),
                    detail,
                });
            }
            Ok(entries)
        })
        .await
    }
}

/// A seat's holder as the audit log names actors.
fn subject_of(seat: &Seat) -> String {
    seat.user_id.map_or_else(|| format!("guest:{}", seat.id), |user| format!("user:{user}"))
}

fn who(actor: &str, seat: Option<&Seat>) -> Who {
    match seat.map(|seat| seat.role) {
        Some(SeatRole::Host) => Who::Expert,
        Some(SeatRole::Client) => Who::Customer,
        Some(_) => Who::Participant,
        // Whoever has no seat and did something runs the installation.
        None if actor.starts_with("user:") => Who::Admin,
        None => Who::System,
    }
}

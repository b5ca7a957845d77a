//! What experts offer.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::records::{Approval, Lobby};
use super::{CloseAnchor, Error, Scheduler, ServiceRules, ServiceRulesError, WindowOverrides, texts};
use crate::ids::{ServiceId, UserId};
use crate::store::{Actor, InOrder, Role, Tx};
use crate::units::{UnixTime, rfc3339};

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 5_000;
/// The most services of one expert, those that are switched off included.
pub const MAX_SERVICES: u32 = 200;

/// A service as somebody writes it down. What is left out is as it mostly is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceDraft {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// What it is.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub description: String,
    /// How long a consultation takes.
    #[schema(minimum = 5, maximum = 720)]
    pub duration_min: u32,
    /// Time that is kept free before it.
    #[serde(default)]
    #[schema(maximum = 240)]
    pub buffer_before_min: u32,
    /// Time that is kept free after it.
    #[serde(default)]
    #[schema(maximum = 240)]
    pub buffer_after_min: u32,
    /// From one start to the next; the duration if left out.
    #[serde(default)]
    #[schema(minimum = 5, maximum = 720)]
    pub step_min: Option<u32>,
    /// How many customers a session has room for.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100)]
    pub capacity: u32,
    /// Whether the expert decides on each booking.
    #[serde(default)]
    pub approval: Approval,
    /// How long before the start a booking must be made.
    #[serde(default = "two_hours")]
    #[schema(maximum = 527040)]
    pub min_notice_min: u32,
    /// How many days before the start a booking can be made.
    #[serde(default = "two_months")]
    #[schema(minimum = 1, maximum = 730)]
    pub horizon_days: u32,
    /// How long before the start a customer can call it off.
    #[serde(default)]
    #[schema(maximum = 527040)]
    pub cancel_notice_min: u32,
    /// How long before the start a customer can move it.
    #[serde(default)]
    #[schema(maximum = 527040)]
    pub reschedule_notice_min: u32,
    /// Whether the expert decides again on what a customer has moved.
    #[serde(default = "yes")]
    pub reapprove: bool,
    /// Whether customers wait until they are let in; as the server's settings have it if left out.
    #[serde(default)]
    pub lobby: Option<Lobby>,
    /// Whether chat is kept with the appointment.
    #[serde(default = "yes")]
    pub keep_chat: bool,
    /// How long before the start the room opens, where that differs from the server's settings.
    #[serde(default)]
    #[schema(maximum = 1440)]
    pub open_before_min: Option<u32>,
    /// How long after the end, or the start, it closes, where that differs.
    #[serde(default)]
    #[schema(maximum = 1440)]
    pub close_after_min: Option<u32>,
    /// What that is counted from, where it differs.
    #[serde(default)]
    pub close_anchor: Option<CloseAnchor>,
}

const fn one() -> u32 {
    1
}

const fn two_hours() -> u32 {
    120
}

const fn two_months() -> u32 {
    60
}

const fn yes() -> bool {
    true
}

/// What an expert offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the columns of `services`; those that an expert sets are described in `ServiceDraft`")]
pub struct Service {
    pub id: ServiceId,
    pub expert_id: UserId,
    pub title: String,
    pub description: String,
    pub duration_min: u32,
    pub buffer_before_min: u32,
    pub buffer_after_min: u32,
    pub step_min: u32,
    pub capacity: u32,
    pub approval: Approval,
    pub min_notice_min: u32,
    pub horizon_days: u32,
    pub cancel_notice_min: u32,
    pub reschedule_notice_min: u32,
    pub reapprove: bool,
    pub lobby: Lobby,
    pub keep_chat: bool,
    pub open_before_min: Option<u32>,
    pub close_after_min: Option<u32>,
    pub close_anchor: Option<CloseAnchor>,
    pub active: bool,
    pub version: i64,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: UnixTime,
}

pub(super) const fn minutes(n: u32) -> Duration {
    Duration::from_secs(n as u64 * 60)
}

const fn days(n: u32) -> Duration {
    minutes(n.saturating_mul(24 * 60))
}

impl Service {
    /// What its appointments' windows have otherwise than the server's settings say.
    pub(super) fn overrides(&self) -> WindowOverrides {
        WindowOverrides {
            before: self.open_before_min.map(minutes),
            after: self.close_after_min.map(minutes),
            anchor: self.close_anchor,
            extension: None,
        }
    }
}

impl ServiceDraft {
    /// Refuses what no service can have.
    fn check(&self) -> Result<(), Error> {
        texts::line("title", &self.title, MAX_TITLE)?;
        texts::prose("description", &self.description, MAX_DESCRIPTION)?;
        let bounds = [
            ("bufferBeforeMin", self.buffer_before_min, 240),
            ("bufferAfterMin", self.buffer_after_min, 240),
            ("cancelNoticeMin", self.cancel_notice_min, 527_040),
            ("rescheduleNoticeMin", self.reschedule_notice_min, 527_040),
            ("openBeforeMin", self.open_before_min.unwrap_or_default(), 1_440),
            ("closeAfterMin", self.close_after_min.unwrap_or_default(), 1_440),
        ];
        for (field, value, most) in bounds {
            if value > most {
                return Err(Error::invalid(field, format!("it is at most {most}")));
            }
        }
        if self.horizon_days == 0 {
            return Err(Error::invalid("horizonDays", "bookings can be made at least a day ahead"));
        }
        let rules = ServiceRules {
            duration: minutes(self.duration_min),
            buffer_before: minutes(self.buffer_before_min),
            buffer_after: minutes(self.buffer_after_min),
            step: minutes(self.step()),
            min_notice: minutes(self.min_notice_min),
            horizon: days(self.horizon_days),
            capacity: self.capacity,
        };
        rules.check().map_err(|error| Error::invalid(field_of(error), error.to_string()))?;
        if self.duration_min + self.buffer_before_min + self.buffer_after_min > 1_440 {
            return Err(Error::invalid("durationMin", "a consultation and its buffers stay within a day"));
        }
        Ok(())
    }

    fn step(&self) -> u32 {
        self.step_min.unwrap_or(self.duration_min)
    }
}

const fn field_of(error: ServiceRulesError) -> &'static str {
    match error {
        ServiceRulesError::Duration => "durationMin",
        ServiceRulesError::Buffer => "bufferBeforeMin",
        ServiceRulesError::Step => "stepMin",
        ServiceRulesError::Notice => "minNoticeMin",
        ServiceRulesError::Horizon => "horizonDays",
        ServiceRulesError::Capacity => "capacity",
    }
}

impl Service {
    /// Reads a row of `my_services`, whose columns have this order.
    ///
    /// # Errors
    ///
    /// When a column is not what it should be.
    pub fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut row = InOrder::of(row);
        Ok(Self {
            id: row.get("id")?,
            expert_id: row.get("expert_id")?,
            title: row.get("title")?,
            description: row.get("description")?,
            duration_min: row.get("duration_min")?,
            buffer_before_min: row.get("buffer_before_min")?,
            buffer_after_min: row.get("buffer_after_min")?,
            step_min: row.get("step_min")?,
            capacity: row.get("capacity")?,
            approval: row.word("approval")?,
            min_notice_min: row.get("min_notice_min")?,
            horizon_days: row.get("horizon_days")?,
            cancel_notice_min: row.get("cancel_notice_min")?,
            reschedule_notice_min: row.get("reschedule_notice_min")?,
            reapprove: row.get("reapprove")?,
            lobby: row.word("lobby")?,
            keep_chat: row.get("keep_chat")?,
            open_before_min: row.get("open_before_min")?,
            close_after_min: row.get("close_after_min")?,
            close_anchor: row.get::<Option<String>>("close_anchor")?.map(|word| CloseAnchor::of_word(&word)),
            active: row.get("active")?,
            version: row.get("version")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    /// The service, if whoever asks may see it. On the writer's connection everybody's are seen.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn load(connection: &Connection, id: ServiceId) -> Result<Self, Error> {
        let mut statement = connection.prepare_cached("SELECT * FROM my_services WHERE id = ?1")?;
        statement.query_row([id], Self::from_row).optional()?.ok_or(Error::NotFound)
    }

    /// What it asks of its slots.
    pub fn rules(&self) -> ServiceRules {
        ServiceRules {
            duration: minutes(self.duration_min),
            buffer_before: minutes(self.buffer_before_min),
            buffer_after: minutes(self.buffer_after_min),
            step: minutes(self.step_min),
            min_notice: minutes(self.min_notice_min),
            horizon: days(self.horizon_days),
            capacity: self.capacity,
        }
    }
}

impl Scheduler {
    /// A new service of an expert, offered from now on. Experts make their own, administrators anybody's.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`], [`Error::Invalid`], [`Error::NotFound`] where there is no such expert.
    pub async fn create_service(&self, actor: Actor, expert: UserId, draft: ServiceDraft) -> Result<Service, Error> {
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        draft.check()?;
        let (now, lobby) = (self.now(), self.inner.settings.lobby);
        self.write(move |tx| {
            check_expert(tx, expert)?;
            let count: u32 = tx
                .prepare_cached("SELECT count(*) FROM services WHERE expert_id = ?1")?
                .query_row([expert], |row| row.get(0))?;
            if count >= MAX_SERVICES {
                return Err(Error::invalid("title", format!("an expert can have at most {MAX_SERVICES} services")));
            }
            let id = ServiceId::new(now, tx.rng());
            let lobby = draft.lobby.unwrap_or(if lobby { Lobby::On } else { Lobby::Off });
            store(tx, INSERT, id, expert, &draft, lobby, now)?;
            let service = Service::load(tx, id)?;
            tx.audit(
                now,
                actor,
                "service.created",
                &subject(id),
                &json!({ "expertId": expert, "title": service.title }),
            )?;
            Ok(service)
        })
        .await
    }

    /// Writes a service anew. Appointments that were booked keep what they were booked with.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for another's, [`Error::Invalid`], [`Error::Stale`].
    pub async fn update_service(
        &self,
        actor: Actor,
        id: ServiceId,
        draft: ServiceDraft,
        expected: Option<i64>,
    ) -> Result<Service, Error> {
        let now = self.now();
        draft.check()?;
        self.write(move |tx| {
            let before = managed(tx, actor, id, expected)?;
            store(tx, UPDATE, id, before.expert_id, &draft, draft.lobby.unwrap_or(before.lobby), now)?;
            let after = Service::load(tx, id)?;
            tx.audit(now, actor, "service.changed", &subject(id), &differences(&before, &after))?;
            Ok(after)
        })
        .await
    }

    /// Offers a service, or offers it no more. Appointments of it stay as they are.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for another's, [`Error::Stale`].
    pub async fn set_service_active(
        &self,
        actor: Actor,
        id: ServiceId,
        active: bool,
        expected: Option<i64>,
    ) -> Result<Service, Error> {
        let now = self.now();
        self.write(move |tx| {
            let before = managed(tx, actor, id, expected)?;
            if before.active == active {
                return Ok(before);
            }
            tx.prepare_cached("UPDATE services SET active = ?2, updated_at = ?3 WHERE id = ?1")?
                .execute((id, active, now.0))?;
            let word = if active { "service.activated" } else { "service.deactivated" };
            tx.audit(now, actor, word, &subject(id), &json!({}))?;
            Service::load(tx, id)
        })
        .await
    }

    /// One service: one's own, or one that is offered.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn service(&self, actor: Actor, id: ServiceId) -> Result<Service, Error> {
        self.read(actor, move |reader| Service::load(reader, id)).await
    }

    /// The services of an expert, by title: all of one's own, of others what is offered.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn services(&self, actor: Actor, expert: UserId) -> Result<Vec<Service>, Error> {
        self.read(actor, move |reader| {
            let sql = "SELECT * FROM my_services WHERE expert_id = ?1 ORDER BY active DESC, title COLLATE NOCASE, id";
            let mut statement = reader.prepare_cached(sql)?;
            Ok(statement.query_map([expert], Service::from_row)?.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Whether somebody may arrange what an expert offers.
pub(super) fn manages(actor: Actor, expert: UserId) -> bool {
    actor == Actor::User(expert, Role::Expert) || actor.is_admin()
}

/// There is such an expert, who can be booked as far as the account goes.
pub(super) fn check_expert(tx: &Tx<'_>, expert: UserId) -> Result<(), Error> {
    let sql = "SELECT 1 FROM users WHERE id = ?1 AND role = 'expert' AND status = 'active'";
    tx.prepare_cached(sql)?.query_row([expert], |_| Ok(())).optional()?.ok_or(Error::NotFound)
}

fn managed(tx: &Tx<'_>, actor: Actor, id: ServiceId, expected: Option<i64>) -> Result<Service, Error> {
    let service = Service::load(tx, id)?;
    if !manages(actor, service.expert_id) {
        return Err(Error::NotFound);
    }
    if expected.is_some_and(|expected| expected != service.version) {
        return Err(Error::Stale);
    }
    Ok(service)
}

const INSERT: &str = "INSERT INTO services (id, expert_id, title, description, duration_min, buffer_before_min,
    buffer_after_min, step_min, capacity, approval, min_notice_min, horizon_days, cancel_notice_min,
    reschedule_notice_min, reapprove, lobby, keep_chat, open_before_min, close_after_min, close_anchor, created_at,
    updated_at)
  VALUES (:id, :expert, :title, :description, :duration, :before, :after, :step, :capacity, :approval, :notice, :horizon,
    :cancel, :reschedule, :reapprove, :lobby, :keep_chat, :opens, :closes, :anchor, :now, :now)";
const UPDATE: &str = "UPDATE services SET title = :title, description = :description, duration_min = :duration,
    buffer_before_min = :before, buffer_after_min = :after, step_min = :step, capacity = :capacity,
    approval = :approval, min_notice_min = :notice, horizon_days = :horizon, cancel_notice_min = :cancel,
    reschedule_notice_min = :reschedule, reapprove = :reapprove, lobby = :lobby, keep_chat = :keep_chat,
    open_before_min = :opens, close_after_min = :closes, close_anchor = :anchor, updated_at = :now
  WHERE id = :id AND expert_id = :expert";

fn store(
    tx: &Tx<'_>,
    sql: &str,
    id: ServiceId,
    expert: UserId,
    draft: &ServiceDraft,
    lobby: Lobby,
    now: UnixTime,
) -> Result<(), Error> {
    tx.prepare_cached(sql)?.execute(named_params! {
        ":id": id, ":expert": expert, ":title": draft.title.trim(), ":description": draft.description.trim(),
        ":duration": draft.duration_min, ":before": draft.buffer_before_min, ":after": draft.buffer_after_min,
        ":step": draft.step(), ":capacity": draft.capacity, ":approval": draft.approval.as_str(),
        ":notice": draft.min_notice_min, ":horizon": draft.horizon_days, ":cancel": draft.cancel_notice_min,
        ":reschedule": draft.reschedule_notice_min, ":reapprove": draft.reapprove, ":lobby": lobby.as_str(),
        ":keep_chat": draft.keep_chat, ":opens": draft.open_before_min, ":closes": draft.close_after_min,
        ":anchor": draft.close_anchor.map(CloseAnchor::as_str), ":now": now.0,
    })?;
    Ok(())
}

/// What has changed, each with what it was and what it is; of long texts only that they have.
fn differences(before: &Service, after: &Service) -> Value {
    let fields = |service| match serde_json::to_value(service) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (before, after) = (fields(before), fields(after));
    let changed = after.into_iter().filter(|(field, value)| before.get(field) != Some(value));
    let changed = changed.filter(|(field, _)| field != "version" && field != "updatedAt");
    let told = |(field, value): (String, Value)| match field.as_str() {
        "description" => (field, Value::Null),
        _ => {
            let was = before.get(&field).cloned().unwrap_or_default();
            (field, json!([was, value]))
        }
    };
    Value::Object(changed.map(told).collect())
}

fn subject(id: ServiceId) -> String {
    format!("service:{id}")
}

//! What has been delivered to webhooks, and what has not.

use std::str::FromStr;

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::ids::{DeliveryId, WebhookId};
use crate::scheduler::backoffice::require_admin;
use crate::scheduler::conditions::{Conditions, number, text};
use crate::scheduler::content::{MOST, Mark};
use crate::scheduler::records::UnknownWord;
use crate::scheduler::{Error, Scheduler};
use crate::store::{Actor, RowExt};
use crate::units::{UnixTime, rfc3339};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is made, or made again, when its time comes.
    Due,
    /// The receiver has taken it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Due => "due",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let all = [DeliveryState::Due, DeliveryState::Delivered, DeliveryState::Failed];
        all.into_iter().find(|it| it.as_str() == word).ok_or_else(|| UnknownWord::new(word))
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Id.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// The event's id, the same in every delivery of it.
    pub event_id: String,
    /// What happened.
    pub event_type: String,
    /// What is sent.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while it is due.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<UnixTime>,
    /// What the receiver answered last.
    pub response_status: Option<u16>,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// The delivery that this one repeats.
    pub replay_of: Option<DeliveryId>,
    /// When it was queued.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
    /// When it was delivered or given up.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_at: Option<UnixTime>,
}

impl Delivery {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state = row.word("state")?;
        Ok(Self {
            id: row.get("id")?,
            webhook_id: row.get("webhook_id")?,
            event_id: row.get("event_id")?,
            event_type: row.get("event_type")?,
            payload: row.json("payload")?,
            state,
            attempts: row.get("attempts")?,
            next_at: if state == DeliveryState::Due { Some(row.time("next_at")?) } else { None },
            response_status: row.get("response_status")?,
            last_error: row.get("last_error")?,
            replay_of: row.get("replay_of")?,
            created_at: row.time("created_at")?,
            done_at: row.maybe_time("done_at")?,
        })
    }

    /// The place of this delivery in a list.
    pub fn mark(&self) -> Mark<DeliveryId> {
        Mark { at: self.created_at.0, id: self.id }
    }
}

/// Which deliveries are wanted; what is absent is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To one webhook.
    pub webhook: Option<WebhookId>,
    /// Of one state.
    pub state: Option<DeliveryState>,
    /// Of one event, such as `call.ended`.
    pub event: Option<String>,
}

impl Scheduler {
    /// Deliveries, the latest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn deliveries(
        &self,
        actor: Actor,
        filter: DeliveryFilter,
        after: Option<Mark<DeliveryId>>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        require_admin(actor)?;
        let limit = limit.min(MOST);
        self.read(actor, move |reader| {
            let mut asked = Conditions::default();
            asked.and_some("webhook_id = ?", filter.webhook);
            asked.and_some("state = ?", filter.state.map(DeliveryState::as_str));
            asked.and_some("event_type = ?", filter.event);
            if let Some(mark) = after {
                asked.and("(created_at, id) < (?, ?)", [number(mark.at), text(mark.id)]);
            }
            let rest = format!("ORDER BY created_at DESC, id DESC LIMIT {limit}");
            asked.query(reader, "SELECT * FROM admin_webhook_deliveries", &rest, Delivery::from_row)
        })
        .await
    }
}

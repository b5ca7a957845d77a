//! Webhooks: deliveries as they become due, and once more on request.

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use crate::config::Secret;
use crate::error::chain;
use crate::ids::DeliveryId;
use crate::notify::retry::{Backoff, Retry};
use crate::notify::webhook::{DeliveryError, Receiver, deliver};
use crate::store::{Actor, RowExt, Store, StoreError, Tx};
use crate::units::UnixTime;

use super::lanes::Claim;
use super::{Dispatcher, kept};

/// Deliveries of one webhook that are under way at a time.
const EACH: i64 = 2;

/// A delivery as it is when its turn comes.
#[derive(Clone, Debug)]
struct Delivery {
    webhook: String,
    receiver: Receiver,
    active: bool,
    event_id: String,
    payload: String,
    attempts: u32,
    created_at: UnixTime,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
enum Delivered {
    Taken { status: u16 },
    Again { status: Option<u16>, error: String, at: UnixTime },
    Failed { status: Option<u16>, error: String, gone: bool },
}

/// The ids of deliveries that are due, longest due first, and few of each webhook: one that does not answer holds up
/// its own deliveries only.
pub(super) fn due(connection: &Connection, now: UnixTime, at_most: usize) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM (
           SELECT id, next_at, row_number() OVER (PARTITION BY webhook_id ORDER BY next_at, id) AS place
           FROM system_webhook_deliveries WHERE state = 'due' AND next_at <= ?1)
         WHERE place <= ?2 ORDER BY next_at, id LIMIT ?3";
    let mut query = connection.prepare_cached(sql)?;
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    Ok(query.query_map((now.0, EACH, at_most), |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// How many are due.
pub(super) fn length(connection: &Connection, now: UnixTime) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM system_webhook_deliveries WHERE state = 'due' AND next_at <= ?1";
    Ok(connection.prepare_cached(sql)?.query_row([now.0], |row| row.get(0))?)
}

fn load(connection: &Connection, id: &str, now: UnixTime) -> Result<Option<Delivery>, StoreError> {
    let sql = "SELECT d.webhook_id, h.url, h.secret, h.active, d.event_id, d.payload, d.attempts, d.created_at
         FROM system_webhook_deliveries d JOIN system_webhooks h ON h.id = d.webhook_id
         WHERE d.id = ?1 AND d.state = 'due' AND d.next_at <= ?2";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Delivery {
            webhook: row.get(0)?,
            receiver: Receiver {
                url: Secret::new(row.get::<_, String>(1)?),
                secret: Secret::new(row.get::<_, String>(2)?),
            },
            active: row.get(3)?,
            event_id: row.get(4)?,
            payload: row.get(5)?,
            attempts: row.get(6)?,
            created_at: row.time(7)?,
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row((id, now.0), read).optional()?)
}

impl Dispatcher {
    /// Makes a delivery and writes down what became of it.
    pub(super) async fn deliver_one(&self, claim: &Claim) {
        let (id, now) = (claim.id().to_owned(), self.now());
        let found = self.inner.store.read(Actor::System, move |reader| load(reader, &id, now)).await;
        let delivery = match found {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(error = %chain(&error), id = claim.id(), "a delivery cannot be read; it is tried again");
                return tokio::time::sleep(super::WRITE_AGAIN).await;
            }
        };
        let outcome = self.attempt(&delivery, now).await;
        let counts = &self.inner.metrics.outward.deliveries;
        match &outcome {
            Delivered::Taken { .. } => counts.count("delivered"),
            Delivered::Again { error, .. } => {
                counts.count("retried");
                tracing::info!(id = claim.id(), %error, "a webhook was not delivered; it is tried again");
            }
            Delivered::Failed { error, .. } => {
                counts.count("failed");
                tracing::warn!(id = claim.id(), %error, "a webhook cannot be delivered");
            }
        }
        let (id, webhook) = (claim.id().to_owned(), delivery.webhook);
        self.write_down(move |tx| settle(tx, &id, &webhook, &outcome, now)).await;
    }

    async fn attempt(&self, delivery: &Delivery, now: UnixTime) -> Delivered {
        if !delivery.active {
            let error = "the webhook is switched off".to_owned();
            return Delivered::Failed { status: None, error, gone: false };
        }
        let http = &self.inner.transports.webhooks;
        let error = match deliver(http, &delivery.receiver, &delivery.event_id, &delivery.payload, now).await {
            Ok(answer) => return Delivered::Taken { status: answer.status },
            Err(error) => error,
        };
        let status = error.status();
        let again = match error.retry() {
            Retry::Never => None,
            Retry::Later(asked) => {
                self.again(&Backoff::WEBHOOK, delivery.attempts.saturating_add(1), delivery.created_at, asked)
            }
        };
        let text = kept(&match &error {
            DeliveryError::Answered(answer) => format!("{error}: {}", answer.text()),
            other => chain(other),
        });
        match again {
            Some(at) => Delivered::Again { status, error: text, at },
            None => Delivered::Failed { status, error: text, gone: status == Some(410) },
        }
    }
}

fn settle(tx: &mut Tx<'_>, id: &str, webhook: &str, outcome: &Delivered, now: UnixTime) -> Result<(), StoreError> {
    let done =
        "UPDATE webhook_deliveries SET state = ?2, attempts = attempts + 1, response_status = ?3, last_error = ?4,
           done_at = ?5 WHERE id = ?1 AND state = 'due'";
    match outcome {
        Delivered::Taken { status } => {
            tx.prepare_cached(done)?.execute((id, "delivered", status, None::<&str>, now.0))?;
        }
        Delivered::Failed { status, error, gone } => {
            tx.prepare_cached(done)?.execute((id, "failed", status, error, now.0))?;
            if *gone {
                let switch = "UPDATE webhooks SET active = 0, updated_at = ?2 WHERE id = ?1 AND active = 1";
                if tx.prepare_cached(switch)?.execute((webhook, now.0))? > 0 {
                    let subject = format!("webhook:{webhook}");
                    tx.audit(now, Actor::System, "webhook.gone", &subject, &json!({ "delivery": id }))?;
                }
            }
        }
        Delivered::Again { status, error, at } => {
            tx.prepare_cached(
                "UPDATE webhook_deliveries SET attempts = attempts + 1, response_status = ?2, last_error = ?3, next_at = ?4
                 WHERE id = ?1 AND state = 'due'",
            )?
            .execute((id, status, error, at.0))?;
        }
    }
    Ok(())
}

/// Why a delivery is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such delivery.
    #[error("there is no such delivery")]
    NotFound,
    /// It is yet to be made.
    #[error("the delivery is not done yet")]
    StillDue,
    /// The webhook is switched off.
    #[error("the webhook is switched off")]
    Inactive,
    /// The database does not play along.
    #[error(transparent)]
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for ReplayError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

/// Makes a delivery once more: the same event, which its receiver knows by its id. The new delivery's id.
///
/// # Errors
///
/// [`ReplayError`].
pub async fn replay(store: &Store, actor: Actor, id: DeliveryId, now: UnixTime) -> Result<DeliveryId, ReplayError> {
    store
        .write(move |tx| {
            let sql = "SELECT d.state, h.active FROM webhook_deliveries d JOIN webhooks h ON h.id = d.webhook_id
                 WHERE d.id = ?1";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?));
            let found = tx.prepare_cached(sql)?.query_row([id], read).optional()?;
            let (state, active) = found.ok_or(ReplayError::NotFound)?;
            if state == "due" {
                return Err(ReplayError::StillDue);
            }
            if !active {
                return Err(ReplayError::Inactive);
            }
            let new = DeliveryId::new(now, tx.rng());
            tx.prepare_cached(
                "INSERT INTO webhook_deliveries
                   (id, webhook_id, event_id, event_type, payload, next_at, replay_of, created_at)
                 SELECT ?2, webhook_id, event_id, event_type, payload, ?3, id, ?3 FROM webhook_deliveries WHERE id = ?1",
            )?
            .execute((id, new, now.0))?;
            tx.audit(now, actor, "webhook.replayed", &format!("delivery:{id}"), &json!({ "delivery": new }))?;
            tx.stir();
            Ok(new)
        })
        .await
}

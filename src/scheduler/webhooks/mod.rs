//! Webhooks: who is told of what. Administrators say so; `notify` makes the deliveries.

mod deliveries;
mod events;

pub use deliveries::{Delivery, DeliveryFilter, DeliveryState};
pub use events::WEBHOOK_EVENTS;
pub(super) use events::webhook;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use reqwest::Url;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::backoffice::require_admin;
use super::{Conflict, Error, Scheduler};
use crate::config::{Secret, WebhookSettings};
use crate::ids::{DeliveryId, UserId, WebhookId};
use crate::store::{Actor, RowExt, Tx};
use crate::units::{UnixTime, rfc3339};

/// Most webhooks.
pub const MAX_WEBHOOKS: u64 = 50;
/// Longest URL.
const MAX_URL: usize = 2_048;
/// Most patterns of one webhook.
const MAX_PATTERNS: usize = 50;
/// What secrets begin with, and how many bytes follow in base64 (Standard Webhooks, version 1).
const SECRET_PREFIX: &str = "whsec_";
const SECRET: usize = 32;

/// Somebody who is told of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// Where events are sent.
    pub url: String,
    /// Of what: events, groups of them such as `appointment.*`, or `*` for all.
    pub events: Vec<String>,
    /// Whether anything is sent.
    pub active: bool,
    /// Who set it up.
    pub created_by: UserId,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
    /// When it was last changed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: UnixTime,
}

impl Webhook {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            url: row.get("url")?,
            events: row.json("events")?,
            active: row.get("active")?,
            created_by: row.get("created_by")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn load(connection: &Connection, id: WebhookId) -> Result<Self, Error> {
        let mut query = connection.prepare_cached("SELECT * FROM admin_webhooks WHERE id = ?1")?;
        query.query_row([id], Self::from_row).optional()?.ok_or(Error::NotFound)
    }
}

/// A webhook to be set up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWebhook {
    /// Where events are sent.
    #[schema(max_length = 2048, format = "uri")]
    pub url: String,
    /// Of what.
    #[schema(min_items = 1, max_items = 50)]
    pub events: Vec<String>,
}

/// What is to be otherwise; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookChanges {
    /// Where events are sent.
    #[serde(default)]
    #[schema(max_length = 2048, format = "uri")]
    pub url: Option<String>,
    /// Of what.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 50)]
    pub events: Option<Vec<String>>,
    /// Whether anything is sent.
    #[serde(default)]
    pub active: Option<bool>,
}

impl Scheduler {
    /// All webhooks, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators.
    pub async fn webhooks(&self, actor: Actor) -> Result<Vec<Webhook>, Error> {
        require_admin(actor)?;
        self.read(actor, |reader| {
            let mut query = reader.prepare_cached("SELECT * FROM admin_webhooks ORDER BY created_at, id")?;
            Ok(query.query_map([], Webhook::from_row)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Sets up a webhook. Its secret is shown here, and never again.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::Invalid`], [`Conflict::TooMany`].
    pub async fn add_webhook(&self, actor: Actor, new: NewWebhook) -> Result<(Webhook, Secret), Error> {
        require_admin(actor)?;
        let by = actor.user().ok_or(Error::NotYours)?;
        let url = checked_url(&new.url, &self.settings().webhooks)?;
        let events = checked_events(new.events)?;
        let now = self.now();
        self.write(move |tx| {
            let count = tx.prepare_cached("SELECT count(*) FROM webhooks")?.query_row([], |row| row.count(0))?;
            if count >= MAX_WEBHOOKS {
                return Err(Conflict::TooMany { limit: MAX_WEBHOOKS }.into());
            }
            let (id, secret) = (WebhookId::new(now, tx.rng()), new_webhook_secret(tx.rng()));
            tx.prepare_cached(
                "INSERT INTO webhooks (id, url, secret, events, active, created_by, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?6)",
            )?
            .execute((id, url, secret.reveal(), json!(events).to_string(), by, now.0))?;
            let webhook = Webhook::load(tx, id)?;
            audit(tx, now, actor, "webhook.added", &webhook)?;
            Ok((webhook, secret))
        })
        .await
    }

    /// Changes a webhook.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_webhook(&self, actor: Actor, id: WebhookId, changes: WebhookChanges) -> Result<Webhook, Error> {
        require_admin(actor)?;
        let url = changes.url.map(|url| checked_url(&url, &self.settings().webhooks)).transpose()?;
        let events = changes.events.map(checked_events).transpose()?;
        let now = self.now();
        self.write(move |tx| {
            let before = Webhook::load(tx, id)?;
            let after = Webhook {
                url: url.unwrap_or_else(|| before.url.clone()),
                events: events.unwrap_or_else(|| before.events.clone()),
                active: changes.active.unwrap_or(before.active),
                ..before.clone()
            };
            if after == before {
                return Ok(before);
            }
            tx.prepare_cached("UPDATE webhooks SET url = ?2, events = ?3, active = ?4, updated_at = ?5 WHERE id = ?1")?
                .execute((id, after.url, json!(after.events).to_string(), after.active, now.0))?;
            let after = Webhook::load(tx, id)?;
            audit(tx, now, actor, "webhook.changed", &after)?;
            Ok(after)
        })
        .await
    }

    /// Gives a webhook another secret, which is shown here and never again. What is delivered from now on is signed
    /// with it.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::NotFound`].
    pub async fn rotate_webhook_secret(&self, actor: Actor, id: WebhookId) -> Result<Secret, Error> {
        require_admin(actor)?;
        let now = self.now();
        self.write(move |tx| {
            let webhook = Webhook::load(tx, id)?;
            let secret = new_webhook_secret(tx.rng());
            tx.prepare_cached("UPDATE webhooks SET secret = ?2, updated_at = ?3 WHERE id = ?1")?.execute((
                id,
                secret.reveal(),
                now.0,
            ))?;
            audit(tx, now, actor, "webhook.secret_rotated", &webhook)?;
            Ok(secret)
        })
        .await
    }

    /// Removes a webhook, and what was to be delivered to it.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::NotFound`].
    pub async fn delete_webhook(&self, actor: Actor, id: WebhookId) -> Result<(), Error> {
        require_admin(actor)?;
        let now = self.now();
        self.write(move |tx| {
            let webhook = Webhook::load(tx, id)?;
            tx.prepare_cached("DELETE FROM webhooks WHERE id = ?1")?.execute([id])?;
            audit(tx, now, actor, "webhook.deleted", &webhook)
        })
        .await
    }

    /// Sends a webhook an event of no consequence, `webhook.ping`, to see whether it works.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::NotFound`], [`Error::Invalid`] for one that is switched
    /// off.
    pub async fn ping_webhook(&self, actor: Actor, id: WebhookId) -> Result<DeliveryId, Error> {
        require_admin(actor)?;
        let now = self.now();
        self.write(move |tx| {
            if !Webhook::load(tx, id)?.active {
                return Err(Error::invalid("active", "the webhook is switched off"));
            }
            let data = json!({ "webhookId": id });
            let deliveries = events::queue(tx, now, &[id.to_string()], events::PING, &data)?;
            deliveries.into_iter().next().ok_or(Error::NotFound)
        })
        .await
    }
}

/// Where a webhook leads is told by its host: the rest of a URL may be a secret.
fn audit(tx: &mut Tx<'_>, now: UnixTime, actor: Actor, action: &str, webhook: &Webhook) -> Result<(), Error> {
    let host = Url::parse(&webhook.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let detail = json!({ "host": host, "events": webhook.events, "active": webhook.active });
    Ok(tx.audit(now, actor, action, &format!("webhook:{}", webhook.id), &detail)?)
}

/// A secret that deliveries are signed with.
pub fn new_webhook_secret(rng: &mut impl Rng) -> Secret {
    let mut key = [0; SECRET];
    rng.fill_bytes(&mut key);
    Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
}

/// A URL that may be called: https, or http into the networks that the operator allows. Where a name leads is looked
/// at when it is called, for it may lead elsewhere by then.
fn checked_url(text: &str, settings: &WebhookSettings) -> Result<String, Error> {
    let invalid = |message: &str| Error::invalid("url", message);
    let text = text.trim();
    let url = Url::parse(text).map_err(|_| invalid("it is not a URL such as https://example.org/hook"))?;
    if text.len() > MAX_URL {
        return Err(invalid("it is longer than 2048 bytes"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("a user name or password in it would be sent to nobody"));
    }
    if url.fragment().is_some() {
        return Err(invalid("what comes after # is sent to nobody"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it names no host"))?;
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let allowed = match address {
        Some(address) => settings.allow_networks.iter().any(|network| network.contains(address)),
        None => !settings.allow_networks.is_empty(),
    };
    match url.scheme() {
        "https" => Ok(url.to_string()),
        "http" if allowed => Ok(url.to_string()),
        "http" => Err(invalid("http is for the private networks that webhooks.allow_networks names; take https")),
        _ => Err(invalid("it does not begin with https://")),
    }
}

/// Patterns each of which names some event, each once.
fn checked_events(patterns: Vec<String>) -> Result<Vec<String>, Error> {
    if patterns.is_empty() || patterns.len() > MAX_PATTERNS {
        return Err(Error::invalid("events", "there are 1 to 50 of them"));
    }
    let mut checked: Vec<String> = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        if !events::means_something(&pattern) {
            let shown: String = pattern.chars().take(60).collect();
            return Err(Error::invalid("events", format!("there is no event `{shown}`")));
        }
        if !checked.contains(&pattern) {
            checked.push(pattern);
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests;

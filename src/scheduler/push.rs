//! Browsers that are told of things while no page of ours is open.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Error, Scheduler};
use crate::ids::{RecordId, UserId};
use crate::store::{Actor, RowExt};
use crate::units::{UnixTime, rfc3339};

/// Most browsers of one person; with one more the oldest is forgotten.
pub const MAX_SUBSCRIPTIONS: i64 = 20;
/// Longest endpoint.
const MAX_ENDPOINT: usize = 2_048;
/// Bytes of the browser's public key: a point on P-256, written out (RFC 8291 §3.1).
const POINT: usize = 65;
/// Bytes of the browser's secret (RFC 8291 §3.2).
const AUTH: usize = 16;

/// A browser that is told of things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSubscription {
    /// Id.
    pub id: RecordId,
    /// The host of its push service: the rest of the endpoint lets anybody write to the browser.
    pub service: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
}

impl PushSubscription {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let endpoint: String = row.get("endpoint")?;
        let url = Url::parse(&endpoint).ok();
        let service = url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Self { id: row.get("id")?, service, created_at: row.time("created_at")? })
    }
}

/// What a browser gives of its `PushSubscription`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPushSubscription {
    /// The push service's URL for this browser.
    #[schema(max_length = 2048, format = "uri")]
    pub endpoint: String,
    /// Its keys.
    pub keys: PushKeys,
}

/// A browser's keys, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    /// Its public key.
    #[schema(max_length = 100)]
    pub p256dh: String,
    /// Its secret.
    #[schema(max_length = 30)]
    pub auth: String,
}

impl Scheduler {
    /// The caller's browsers that are told of things, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for somebody without an account.
    pub async fn push_subscriptions(&self, actor: Actor) -> Result<Vec<PushSubscription>, Error> {
        actor.user().ok_or(Error::NotYours)?;
        self.read(actor, |reader| {
            let mut query = reader.prepare_cached("SELECT * FROM my_push_subscriptions ORDER BY created_at, id")?;
            Ok(query.query_map([], PushSubscription::from_row)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Tells a browser of things from now on. A browser belongs to whoever has signed in with it last.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for somebody without an account, [`Error::Invalid`].
    pub async fn add_push_subscription(
        &self,
        actor: Actor,
        new: NewPushSubscription,
    ) -> Result<PushSubscription, Error> {
        let user = actor.user().ok_or(Error::NotYours)?;
        let endpoint = checked_endpoint(&new.endpoint)?;
        let p256dh = checked_key("keys.p256dh", &new.keys.p256dh, |key| key.len() == POINT && key[0] == 4)?;
        let auth = checked_key("keys.auth", &new.keys.auth, |key| key.len() == AUTH)?;
        let now = self.now();
        self.write(move |tx| {
            let id = RecordId::new(now, tx.rng());
            tx.prepare_cached(
                "INSERT INTO push_subscriptions (id, user_id, endpoint, p256dh, auth, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (endpoint) DO UPDATE SET user_id = excluded.user_id, p256dh = excluded.p256dh,
                   auth = excluded.auth",
            )?
            .execute((id, user, &endpoint, p256dh, auth, now.0))?;
            tx.prepare_cached(
                "DELETE FROM push_subscriptions WHERE user_id = ?1 AND endpoint <> ?2 AND id NOT IN (
                   SELECT id FROM push_subscriptions WHERE user_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?3)",
            )?
            .execute((user, &endpoint, MAX_SUBSCRIPTIONS))?;
            let sql = "SELECT * FROM push_subscriptions WHERE endpoint = ?1";
            Ok(tx.prepare_cached(sql)?.query_row([endpoint], PushSubscription::from_row)?)
        })
        .await
    }

    /// Tells a browser of nothing any more.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for what is not the caller's.
    pub async fn remove_push_subscription(&self, actor: Actor, id: RecordId) -> Result<(), Error> {
        let user = actor.user().ok_or(Error::NotFound)?;
        self.forget(user, "id", id.to_string()).await
    }

    /// The same by the endpoint, which is what a browser knows of itself.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for what is not the caller's.
    pub async fn remove_push_endpoint(&self, actor: Actor, endpoint: &str) -> Result<(), Error> {
        let user = actor.user().ok_or(Error::NotFound)?;
        let endpoint = checked_endpoint(endpoint)?;
        self.forget(user, "endpoint", endpoint).await
    }

    async fn forget(&self, user: UserId, column: &'static str, value: String) -> Result<(), Error> {
        self.write(move |tx| {
            let sql = format!("DELETE FROM push_subscriptions WHERE user_id = ?1 AND {column} = ?2 RETURNING id");
            let mut delete = tx.prepare_cached(&sql)?;
            let gone = delete.query_row((user, value), |_| Ok(())).optional()?;
            gone.ok_or(Error::NotFound)
        })
        .await
    }
}

/// An endpoint in the one way that it is written here.
fn checked_endpoint(text: &str) -> Result<String, Error> {
    let url = Url::parse(text.trim()).ok().filter(|url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        url.scheme() == "https" && url.host_str().is_some_and(|host| !host.is_empty()) && bare
    });
    let url = url.filter(|url| url.as_str().len() <= MAX_ENDPOINT);
    url.map(String::from).ok_or_else(|| Error::invalid("endpoint", "it is not the https URL of a push service"))
}

/// A key as it is kept: base64url without the padding that some libraries add.
fn checked_key(field: &'static str, text: &str, fits: impl Fn(&[u8]) -> bool) -> Result<String, Error> {
    let bare = text.trim_end_matches('=');
    let key = URL_SAFE_NO_PAD.decode(bare).ok().filter(|key| fits(key));
    if key.is_some() {
        Ok(bare.to_owned())
    } else {
        Err(Error::invalid(field, "it is not a browser's key in base64url"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Lobby;
    use crate::scheduler::testing::*;

    fn browser(number: u32) -> NewPushSubscription {
        let mut point = [7; POINT];
        point[0] = 4;
        NewPushSubscription {
            endpoint: format!("https://push.example.org/send/{number}"),
            keys: PushKeys { p256dh: URL_SAFE_NO_PAD.encode(point), auth: URL_SAFE_NO_PAD.encode([9; AUTH]) },
        }
    }

    #[tokio::test]
    async fn a_person_has_browsers_and_nobody_else_sees_them_or_where_they_are_reached() {
        let desk = Desk::new();
        let one = desk.scheduler.add_push_subscription(customer(1), browser(1)).await.unwrap();
        assert_eq!(one.service, "push.example.org");
        let listed = desk.scheduler.push_subscriptions(customer(1)).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&one));
        assert!(desk.scheduler.push_subscriptions(expert(8)).await.unwrap().is_empty());
        assert!(desk.scheduler.push_subscriptions(admin()).await.unwrap().is_empty());
        for other in [expert(8), admin(), Actor::Anonymous] {
            assert!(matches!(desk.scheduler.remove_push_subscription(other, one.id).await, Err(Error::NotFound)));
            let by_endpoint = desk.scheduler.remove_push_endpoint(other, &browser(1).endpoint).await;
            assert!(matches!(by_endpoint, Err(Error::NotFound)));
        }
        desk.scheduler.remove_push_subscription(customer(1), one.id).await.unwrap();
        assert!(matches!(desk.scheduler.remove_push_subscription(customer(1), one.id).await, Err(Error::NotFound)));
        desk.scheduler.add_push_subscription(customer(1), browser(1)).await.unwrap();
        desk.scheduler.remove_push_endpoint(customer(1), &browser(1).endpoint).await.unwrap();
        assert_eq!(desk.value::<i64>("SELECT count(*) FROM push_subscriptions"), 0);
    }

    #[tokio::test]
    async fn a_browser_belongs_to_whoever_signed_in_last_and_is_there_once() {
        let desk = Desk::new();
        let scheduler = &desk.scheduler;
        let first = scheduler.add_push_subscription(customer(1), browser(1)).await.unwrap();
        let again = scheduler.add_push_subscription(customer(1), browser(1)).await.unwrap();
        assert_eq!(first, again);
        let padded = NewPushSubscription {
            keys: PushKeys { auth: format!("{}==", URL_SAFE_NO_PAD.encode([1; AUTH])), ..browser(1).keys },
            ..browser(1)
        };
        scheduler.add_push_subscription(customer(2), padded).await.unwrap();
        assert!(scheduler.push_subscriptions(customer(1)).await.unwrap().is_empty());
        assert_eq!(desk.value::<String>("SELECT auth FROM push_subscriptions"), URL_SAFE_NO_PAD.encode([1; AUTH]));
    }

    #[tokio::test]
    async fn of_too_many_browsers_the_oldest_is_forgotten() {
        let desk = Desk::new();
        for number in 0..25 {
            desk.at(i64::from(number) * 1_000);
            desk.scheduler.add_push_subscription(customer(1), browser(number)).await.unwrap();
        }
        let kept: String = desk.value("SELECT min(created_at) || ' ' || count(*) FROM push_subscriptions");
        assert_eq!(kept, format!("{} 20", START.0 + 5_000));
    }

    #[tokio::test]
    async fn endpoints_and_keys_that_are_none_are_refused_and_guests_have_none() {
        let desk = Desk::new();
        desk.approved(Lobby::Off);
        let guest = desk.guest(1, "observer");
        for actor in [guest, Actor::Anonymous] {
            let refused = desk.scheduler.add_push_subscription(actor, browser(1)).await;
            assert!(matches!(refused, Err(Error::NotYours)));
        }
        let good = browser(1);
        let long = format!("https://push.example.org/{}", "x".repeat(2_048));
        for endpoint in ["", "push", "http://push.example.org/", "https://a:b@push.example.org/", &long] {
            let new = NewPushSubscription { endpoint: endpoint.into(), ..good.clone() };
            let refused = desk.scheduler.add_push_subscription(customer(1), new).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "endpoint", .. })), "{endpoint}");
        }
        let (short, compressed) = (URL_SAFE_NO_PAD.encode([4; 64]), URL_SAFE_NO_PAD.encode([2; POINT]));
        for p256dh in ["", "!", &short, &compressed] {
            let keys = PushKeys { p256dh: p256dh.into(), ..good.keys.clone() };
            let refused =
                desk.scheduler.add_push_subscription(customer(1), NewPushSubscription { keys, ..good.clone() }).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "keys.p256dh", .. })), "{p256dh}");
        }
        for auth in ["", &URL_SAFE_NO_PAD.encode([1; 15]), &URL_SAFE_NO_PAD.encode([1; 17])] {
            let keys = PushKeys { auth: auth.into(), ..good.keys.clone() };
            let refused =
                desk.scheduler.add_push_subscription(customer(1), NewPushSubscription { keys, ..good.clone() }).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "keys.auth", .. })));
        }
    }
}

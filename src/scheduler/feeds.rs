//! Calendar feeds: whoever knows the secret in a feed's address reads one person's appointments, and nothing else.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use rusqlite::OptionalExtension;
use serde_json::json;

use super::records::{Appointment, SeatRole};
use super::{Error, Scheduler};
use crate::config::Secret;
use crate::ids::UserId;
use crate::store::{Actor, Role, RowExt, Tx, hex};

/// Bytes of a feed's secret.
const SECRET: usize = 32;
/// Longest text that is looked up as one; ours have 43 characters.
const MAX_SECRET: usize = 128;
/// How far a feed goes back.
pub const FEED_PAST: Duration = Duration::from_secs(90 * 24 * 3600);
/// How far it goes ahead: further than anything can be booked.
pub const FEED_AHEAD: Duration = Duration::from_secs(750 * 24 * 3600);
/// Most appointments in a feed, from its beginning.
const MOST_ENTRIES: i64 = 2_000;

/// One person's appointments, for a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Whose.
    pub user: UserId,
    /// The person's name.
    pub name: String,
    /// The person's language.
    pub locale: String,
    /// The person's zone.
    pub tz: String,
    /// The appointments, by their starts.
    pub entries: Vec<FeedEntry>,
}

/// An appointment in a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedEntry {
    /// The appointment.
    pub appointment: Appointment,
    /// As what the feed's owner is in it.
    pub role: SeatRole,
}

impl Scheduler {
    /// Makes a feed for the caller, or gives it another address; the one before stops working. The secret of the
    /// address is shown here and never again.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for somebody without an account.
    pub async fn make_feed(&self, actor: Actor) -> Result<Secret, Error> {
        let user = actor.user().ok_or(Error::NotYours)?;
        let now = self.now();
        self.write(move |tx| {
            let mut bytes = [0; SECRET];
            tx.rng().fill_bytes(&mut bytes);
            let secret = URL_SAFE_NO_PAD.encode(bytes);
            set(tx, user, Some(hash(&secret)), now.0)?;
            tx.audit(now, actor, "feed.made", &actor.subject(), &json!({}))?;
            Ok(Secret::new(secret))
        })
        .await
    }

    /// Does away with the caller's feed.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for somebody without an account.
    pub async fn revoke_feed(&self, actor: Actor) -> Result<(), Error> {
        let user = actor.user().ok_or(Error::NotYours)?;
        let now = self.now();
        self.write(move |tx| {
            if set(tx, user, None, now.0)? {
                tx.audit(now, actor, "feed.revoked", &actor.subject(), &json!({}))?;
            }
            Ok(())
        })
        .await
    }

    /// The feed of a secret: what is asked for, agreed on or was held, from some weeks ago on.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a secret that opens none.
    pub async fn feed(&self, secret: &str) -> Result<Feed, Error> {
        if secret.len() > MAX_SECRET {
            return Err(Error::NotFound);
        }
        let (hash, now) = (hash(secret), self.now());
        let (mut feed, role) = self
            .read(Actor::System, move |reader| {
                let sql = "SELECT id, name, locale, tz, role FROM system_users
                    WHERE feed_token_hash = ?1 AND status = 'active'";
                let found = reader
                    .prepare_cached(sql)?
                    .query_row([hash], |row| {
                        let (name, locale, tz) = (row.get(1)?, row.get(2)?, row.get(3)?);
                        let feed = Feed { user: row.get(0)?, name, locale, tz, entries: Vec::new() };
                        Ok((feed, row.get::<_, Role>(4)?))
                    })
                    .optional()?;
                found.ok_or(Error::NotFound)
            })
            .await?;
        let user = feed.user;
        feed.entries = self
            .read(Actor::User(user, role), move |reader| {
                let sql =
                    "SELECT a.*, s.role AS seat_role FROM my_seats s JOIN my_appointments a ON a.id = s.appointment_id
                    WHERE s.user_id = ?1 AND s.removed_at IS NULL AND a.starts_at >= ?2 AND a.starts_at < ?3
                      AND a.status IN ('pending', 'approved', 'in_progress', 'completed')
                    ORDER BY a.starts_at, a.id LIMIT ?4";
                let mut query = reader.prepare_cached(sql)?;
                let params = (user, now.minus(FEED_PAST).0, now.plus(FEED_AHEAD).0, MOST_ENTRIES);
                let rows = query.query_map(params, |row| {
                    Ok(FeedEntry { appointment: Appointment::from_row(row)?, role: row.word("seat_role")? })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        Ok(feed)
    }
}

/// Whether anything has changed.
fn set(tx: &Tx<'_>, user: UserId, hash: Option<String>, now: i64) -> Result<bool, Error> {
    let sql = "UPDATE users SET feed_token_hash = ?2, updated_at = ?3
        WHERE id = ?1 AND status = 'active' AND feed_token_hash IS NOT ?2";
    Ok(tx.prepare_cached(sql)?.execute((user, hash, now))? > 0)
}

/// What is kept of a secret.
fn hash(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Lobby;
    use crate::scheduler::testing::*;
    use crate::units::UnixTime;

    const DAY: i64 = 24 * 60 * MINUTE;

    #[tokio::test]
    async fn a_feed_shows_its_owners_appointments_by_their_starts() {
        let desk = Desk::new();
        desk.approved(Lobby::Off);
        desk.approved_at(2, 2, 8, UnixTime(START.0 + 120 * MINUTE), Lobby::Off);
        desk.approved_at(3, 1, 9, UnixTime(START.0 - 120 * MINUTE), Lobby::Off);
        desk.sql(&format!("UPDATE appointments SET status = 'pending' WHERE id = '{}'", appointment_id(3)));
        let secret = desk.scheduler.make_feed(customer(1)).await.unwrap();
        assert_eq!(secret.reveal().len(), 43);
        let feed = desk.scheduler.feed(secret.reveal()).await.unwrap();
        assert_eq!((feed.user, feed.name.as_str()), (person(1), "Person 1"));
        let entries: Vec<_> = feed.entries.iter().map(|it| (it.appointment.id, it.role)).collect();
        assert_eq!(entries, [(appointment_id(3), SeatRole::Client), (appointment_id(1), SeatRole::Client)]);
        let experts = desk.scheduler.make_feed(expert(8)).await.unwrap();
        let entries = desk.scheduler.feed(experts.reveal()).await.unwrap().entries;
        assert_eq!(entries.iter().map(|it| it.role).collect::<Vec<_>>(), [SeatRole::Host; 2]);
        // Who sees everything is not in everything.
        let admins = desk.scheduler.make_feed(admin()).await.unwrap();
        assert!(desk.scheduler.feed(admins.reveal()).await.unwrap().entries.is_empty());
    }

    #[tokio::test]
    async fn what_came_to_nothing_is_long_past_or_was_lost_is_not_in_it() {
        let desk = Desk::new();
        for (number, start) in [(1, 0), (2, DAY), (3, 2 * DAY), (4, 3 * DAY)] {
            desk.approved_at(number, 1, 8, UnixTime(START.0 + start), Lobby::Off);
        }
        desk.sql(&format!("UPDATE appointments SET status = 'cancelled' WHERE id = '{}'", appointment_id(2)));
        desk.sql(&format!("UPDATE seats SET removed_at = 1 WHERE id = '{}'", desk.seat(3, 1)));
        let secret = desk.scheduler.make_feed(customer(1)).await.unwrap();
        let ids = || async {
            let entries = desk.scheduler.feed(secret.reveal()).await.unwrap().entries;
            entries.into_iter().map(|it| it.appointment.id).collect::<Vec<_>>()
        };
        assert_eq!(ids().await, [1, 4].map(appointment_id));
        desk.at(90 * DAY);
        assert_eq!(ids().await, [1, 4].map(appointment_id));
        desk.at(90 * DAY + 1);
        assert_eq!(ids().await, [appointment_id(4)]);
    }

    #[tokio::test]
    async fn a_new_address_ends_the_old_one_and_none_is_kept_in_the_clear() {
        let desk = Desk::new();
        let first = desk.scheduler.make_feed(customer(1)).await.unwrap();
        let second = desk.scheduler.make_feed(customer(1)).await.unwrap();
        assert!(matches!(desk.scheduler.feed(first.reveal()).await, Err(Error::NotFound)));
        desk.scheduler.feed(second.reveal()).await.unwrap();
        let kept: String = desk.value(&format!("SELECT feed_token_hash FROM users WHERE id = '{}'", person(1)));
        assert!(kept.len() == 64 && kept != second.reveal());
        desk.scheduler.revoke_feed(customer(1)).await.unwrap();
        desk.scheduler.revoke_feed(customer(1)).await.unwrap();
        let long = "x".repeat(1_000);
        for wrong in [second.reveal(), "", kept.as_str(), &long] {
            assert!(matches!(desk.scheduler.feed(wrong).await, Err(Error::NotFound)), "{wrong}");
        }
        let audited: String = desk.value("SELECT group_concat(action) FROM audit_log");
        assert_eq!(audited, "feed.made,feed.made,feed.revoked");
    }

    #[tokio::test]
    async fn a_closed_account_and_a_guest_have_no_feed() {
        let desk = Desk::new();
        desk.approved(Lobby::Off);
        let guest = desk.guest(1, "observer");
        for actor in [guest, Actor::Anonymous] {
            assert!(matches!(desk.scheduler.make_feed(actor).await, Err(Error::NotYours)));
            assert!(matches!(desk.scheduler.revoke_feed(actor).await, Err(Error::NotYours)));
        }
        let secret = desk.scheduler.make_feed(customer(1)).await.unwrap();
        desk.sql(&format!("UPDATE users SET status = 'disabled' WHERE id = '{}'", person(1)));
        assert!(matches!(desk.scheduler.feed(secret.reveal()).await, Err(Error::NotFound)));
    }
}

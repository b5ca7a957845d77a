//! Sending one row of the outbox.

use crate::error::chain;
use crate::notify::push::{Notification, Push, PushError, Subscription};
use crate::notify::retry::{Backoff, Retry};
use crate::notify::sms::{self, PhoneNumber, Sms, SmsProvider};
use crate::notify::templates::Rendered;
use crate::store::{Actor, StoreError};
use crate::units::UnixTime;

use super::lanes::{Claim, Lane};
use super::rows::{self, Outcome};
use super::subject::{Found, Subject, find};
use super::{Dispatcher, kept, letter};

/// Browsers of one person that a notification goes to.
const BROWSERS: i64 = 20;

impl Dispatcher {
    /// Sends a row and writes down what became of it.
    pub(super) async fn send_one(&self, claim: &Claim) {
        let (id, lane, now) = (claim.id().to_owned(), claim.lane(), self.now());
        let this = self.clone();
        // A task of its own: what panics here is one row's failure.
        let task = tokio::spawn(async move { this.outcome(&id, lane, now).await });
        let outcome = match task.await {
            Ok(Ok(Some(outcome))) => outcome,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                tracing::error!(error = %chain(&error), id = claim.id(), "a message cannot be read; it is tried again");
                tokio::time::sleep(super::WRITE_AGAIN).await;
                return;
            }
            Err(_) => Outcome::Failed("a fault of this program, see the log".to_owned()),
        };
        self.count(lane, claim.id(), &outcome);
        let id = claim.id().to_owned();
        self.write_down(move |tx| rows::settle(tx, &id, &outcome, now)).await;
    }

    fn count(&self, lane: Lane, id: &str, outcome: &Outcome) {
        let (channel, counts) = (lane.as_str(), &self.inner.metrics.outward);
        match outcome {
            Outcome::Sent => counts.sent.count(channel),
            Outcome::Dropped(_) => counts.dropped.count(channel),
            Outcome::Failed(why) => {
                counts.failed.count(channel);
                tracing::warn!(channel, id, error = %why, "a message cannot be sent");
            }
            Outcome::Again(why, _) => {
                counts.retried.count(channel);
                tracing::info!(channel, id, error = %why, "a message could not be sent; it is tried again");
            }
            Outcome::NotBefore(_) => {}
        }
    }

    async fn outcome(&self, id: &str, lane: Lane, now: UnixTime) -> Result<Option<Outcome>, StoreError> {
        let row = id.to_owned();
        let subject = match self.inner.store.read(Actor::System, move |reader| find(reader, &row, now)).await? {
            Found::Nothing => return Ok(None),
            Found::Moot(why) => return Ok(Some(Outcome::Dropped(why))),
            Found::Broken(why) => return Ok(Some(Outcome::Failed(why.to_owned()))),
            Found::Subject(subject) => subject,
        };
        if let Some(why) = subject.moot(lane, now) {
            return Ok(Some(Outcome::Dropped(why)));
        }
        let rendered = match letter::render(&subject, &self.inner.settings, now) {
            Ok(rendered) => rendered,
            Err(error) => return Ok(Some(Outcome::Failed(error.to_string()))),
        };
        let outcome = match lane {
            Lane::Mail => self.mail(id, &subject, rendered, now).await,
            Lane::Sms => self.sms(id, &subject, rendered, now).await,
            Lane::Push => self.push(&subject, &rendered, now).await?,
            Lane::Webhook => return Ok(None),
        };
        Ok(Some(outcome))
    }

    async fn mail(&self, id: &str, subject: &Subject, rendered: Rendered, now: UnixTime) -> Outcome {
        // Rows without a way are not taken up.
        let Some(transport) = &self.inner.transports.mail else { return Outcome::NotBefore(now) };
        let letter = letter::letter(id, subject, rendered, &self.inner.settings, now);
        match transport.send(&letter).await {
            Ok(()) => Outcome::Sent,
            Err(error) => self.failed(&Backoff::MAIL, subject, error.retry(), &error, now),
        }
    }

    async fn sms(&self, id: &str, subject: &Subject, rendered: Rendered, now: UnixTime) -> Outcome {
        let Some(provider) = &self.inner.transports.sms else {
            return Outcome::Dropped("no SMS service is configured");
        };
        let to = &subject.receiver;
        if !to.reminders_by_sms {
            return Outcome::Dropped("the receiver wants no SMS");
        }
        let Some(number) = to.phone.as_deref().and_then(|phone| phone.parse::<PhoneNumber>().ok()) else {
            return Outcome::Dropped("the receiver has no telephone number");
        };
        if let Some(hours) = to.quiet_hours.or(self.inner.settings.quiet_hours) {
            let at = sms::not_before(now, &to.zone, hours);
            if at > now {
                return Outcome::NotBefore(at);
            }
        }
        self.text(&**provider, Sms { id: id.to_owned(), to: number, text: rendered.sms, at: now }, subject, now).await
    }

    async fn text(&self, provider: &dyn SmsProvider, sms: Sms, subject: &Subject, now: UnixTime) -> Outcome {
        match provider.send(&sms).await {
            Ok(_) => Outcome::Sent,
            Err(error) => self.failed(&Backoff::PROMPT, subject, error.retry(), &error, now),
        }
    }

    /// To every browser of the person. It has gone when one of them has it: who sees it there needs it nowhere else.
    async fn push(&self, subject: &Subject, rendered: &Rendered, now: UnixTime) -> Result<Outcome, StoreError> {
        let Some(push) = &self.inner.transports.push else { return Ok(Outcome::Dropped("there are no notifications")) };
        let payload = letter::notification(subject, rendered, &self.inner.settings);
        let (ttl, urgency) = letter::haste(subject, now);
        let notification = Notification { payload: &payload, ttl, urgency };
        let (mut gone, mut sent, mut error) = (Vec::new(), false, None);
        for (id, endpoint, p256dh, auth) in self.subscriptions(subject).await? {
            match notify(push, &endpoint, &p256dh, &auth, &notification, now).await {
                Ok(()) => sent = true,
                Err(PushError::Gone) => gone.push(id),
                Err(other) => error = Some(other),
            }
        }
        if !gone.is_empty() {
            self.write_down(move |tx| {
                let mut delete = tx.prepare_cached("DELETE FROM push_subscriptions WHERE id = ?1")?;
                gone.iter().try_for_each(|id| delete.execute([id]).map(drop))?;
                Ok(())
            })
            .await;
        }
        Ok(match error {
            _ if sent => Outcome::Sent,
            None => Outcome::Dropped("no browser of the receiver is subscribed"),
            Some(error) => self.failed(&Backoff::PROMPT, subject, error.retry(), &error, now),
        })
    }

    async fn subscriptions(&self, subject: &Subject) -> Result<Vec<(String, String, String, String)>, StoreError> {
        let Some(user) = subject.receiver.user else { return Ok(Vec::new()) };
        self.inner
            .store
            .read(Actor::System, move |reader| {
                let sql = "SELECT id, endpoint, p256dh, auth FROM system_push_subscriptions WHERE user_id = ?1
                     ORDER BY created_at DESC LIMIT ?2";
                let mut query = reader.prepare_cached(sql)?;
                let rows = query
                    .query_map((user, BROWSERS), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    fn failed(
        &self,
        backoff: &Backoff,
        subject: &Subject,
        retry: Retry,
        error: &(dyn std::error::Error + 'static),
        now: UnixTime,
    ) -> Outcome {
        let why = kept(&chain(error));
        let row = &subject.row;
        let again = match retry {
            Retry::Never => None,
            Retry::Later(asked) => {
                self.again(backoff, row.attempts.saturating_add(1), row.first_tried_at.unwrap_or(now), asked)
            }
        };
        again.map_or_else(|| Outcome::Failed(why.clone()), |at| Outcome::Again(why.clone(), at))
    }
}

async fn notify(
    push: &Push,
    endpoint: &str,
    p256dh: &str,
    auth: &str,
    notification: &Notification<'_>,
    now: UnixTime,
) -> Result<(), PushError> {
    // One that nothing can ever be sent to is as good as gone.
    let subscription = Subscription::new(endpoint, p256dh, auth, push.guard()).map_err(|_| PushError::Gone)?;
    push.send(&subscription, notification, now).await
}

//! The dispatcher: takes what is due out of the outbox and out of the webhooks' deliveries, and hands it to the senders.
//!
//! A row is sent at most once, unless the process dies while it is under way. It is claimed in memory, looked at once
//! more, sent, and only then marked in the database; whoever looks at the same time finds it claimed or done. One that
//! was under way when the process died is still due at the next start and goes out again, with the same `Message-ID`
//! or `webhook-id`, by which receivers tell it. The other order would lose what was not sent yet, which is worse.
//!
//! Mail, SMS, push and webhooks each have a lane with places of its own, so what is slow in one of them holds up no
//! other; and no webhook takes all places of its lane.
//!
//! | file | what it does |
//! |---|---|
//! | `lanes` | who is under way |
//! | `rows` | the outbox's rows: which are due, what became of them |
//! | `subject` | what a row is about at the moment of sending, and whether it still is |
//! | `letter` | from there to letters, invitations, SMS and notifications |
//! | `deliveries` | webhooks |
//! | `keys` | the key of web push |
//! | `trial` | messages that try the settings |

mod deliveries;
mod keys;
mod lanes;
mod letter;
mod rows;
mod send;
mod subject;
mod trial;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::SharedClock;
use crate::config::{BaseUrl, QuietHours};
use crate::error::chain;
use crate::metrics::Metrics;
use crate::store::{Actor, Store, StoreError};
use crate::units::UnixTime;

use super::http::Outbound;
use super::ical::Person;
use super::mail::MailTransport;
use super::push::Push;
use super::retry::Backoff;
use super::sms::SmsProvider;
use lanes::{Claim, Lane, Lanes};

pub use deliveries::{ReplayError, replay};
pub use keys::{KeyError, vapid_key};
pub use trial::TrialError;

/// How often what has become due is looked for when nothing was written: a clock may be shifted.
const TICK: Duration = Duration::from_millis(500);
/// How long after a failure what became of a message is written down again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// The ways outward.
pub struct Transports {
    /// Letters; without, they stay in the outbox.
    pub mail: Option<Arc<dyn MailTransport>>,
    /// SMS; without, they are dropped.
    pub sms: Option<Arc<dyn SmsProvider>>,
    /// Notifications; without, they are dropped.
    pub push: Option<Push>,
    /// Webhooks, with the guard that keeps them out of networks which are not allowed.
    pub webhooks: Outbound,
}

/// What messages say of the server.
#[derive(Clone, Debug)]
pub struct DispatchSettings {
    /// Whom letters come from.
    pub from: Person,
    /// What links begin with.
    pub base: BaseUrl,
    /// When no SMS is sent to those who have not chosen hours of their own.
    pub quiet_hours: Option<QuietHours>,
}

/// Sends what is due. Clones share everything.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    transports: Transports,
    settings: DispatchSettings,
    lanes: Arc<Lanes>,
    rng: Mutex<SmallRng>,
    /// It was said that there is mail and no way for it.
    warned: AtomicBool,
}

impl Dispatcher {
    /// A dispatcher that has not begun.
    pub fn new(
        store: Store,
        clock: SharedClock,
        metrics: Arc<Metrics>,
        transports: Transports,
        settings: DispatchSettings,
    ) -> Self {
        let rng = Mutex::new(SmallRng::from_rng(&mut rand::rng()));
        let (lanes, warned) = (Arc::new(Lanes::default()), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { store, clock, metrics, transports, settings, lanes, rng, warned }) }
    }

    /// The key that browsers subscribe to notifications with.
    pub fn push_key(&self) -> Option<String> {
        self.inner.transports.push.as_ref().map(Push::public_key)
    }

    /// The guard that subscriptions to notifications pass.
    pub fn push_guard(&self) -> Option<&super::http::Guard> {
        self.inner.transports.push.as_ref().map(Push::guard)
    }

    /// The guard that webhooks' URLs pass.
    pub fn webhook_guard(&self) -> &super::http::Guard {
        self.inner.transports.webhooks.guard()
    }

    /// Sends until `stop` turns true, then lets what is under way come to its end.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut stirred = self.inner.store.stirred();
        let mut under_way = self.inner.lanes.watch();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut troubled = false;
        loop {
            match self.round().await {
                Ok(_) => troubled = false,
                Err(StoreError::Closed) => return,
                Err(error) if troubled => tracing::debug!(error = %chain(&error), "the outbox cannot be read yet"),
                Err(error) => {
                    troubled = true;
                    tracing::error!(error = %chain(&error), "the outbox cannot be read; it is tried again");
                }
            }
            tokio::select! {
                // An error means that the sender is gone, which is the end as well.
                _ = stop.changed() => break,
                _ = ticks.tick() => self.measure().await,
                changed = stirred.changed() => if changed.is_err() { break },
                changed = under_way.changed() => if changed.is_err() { break },
            }
        }
        self.settled().await;
    }

    /// Begins to send what is due, as far as there are places. How many rows that are.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn round(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let wanted = self.inner.lanes.wanted();
        let due = self
            .inner
            .store
            .read(Actor::System, move |reader| {
                let mut due = Vec::new();
                for (lane, at_most) in wanted {
                    let ids = match lane {
                        Lane::Webhook => deliveries::due(reader, now, at_most)?,
                        lane => rows::due(reader, lane.as_str(), now, at_most)?,
                    };
                    due.extend(ids.into_iter().map(|id| (lane, id)));
                }
                Ok::<_, StoreError>(due)
            })
            .await?;
        let mut begun = 0;
        for (lane, id) in due {
            if lane == Lane::Mail && self.inner.transports.mail.is_none() {
                self.warn_of_mail();
                continue;
            }
            let Some(claim) = self.inner.lanes.claim(lane, &id) else { continue };
            begun += 1;
            let this = self.clone();
            tokio::spawn(async move { this.handle(claim).await });
        }
        Ok(begun)
    }

    /// Waits until nothing is under way.
    pub async fn settled(&self) {
        // The sender lives as long as this.
        let _ = self.inner.lanes.watch().wait_for(|under_way| *under_way == 0).await;
    }

    async fn handle(&self, claim: Claim) {
        match claim.lane() {
            Lane::Webhook => self.deliver_one(&claim).await,
            _ => self.send_one(&claim).await,
        }
    }

    /// Writes something down that must not be forgotten: tried again until it is written or the database is closed.
    async fn write_down(
        &self,
        work: impl Fn(&mut crate::store::Tx<'_>) -> Result<(), StoreError> + Send + Sync + Clone + 'static,
    ) {
        loop {
            let work = work.clone();
            match self.inner.store.write(move |tx| work(tx)).await {
                Ok(()) | Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "what became of a message cannot be stored; it is tried again");
                    tokio::time::sleep(WRITE_AGAIN).await;
                }
            }
        }
    }

    /// When to try again after one more attempt has failed.
    fn again(&self, backoff: &Backoff, attempts: u32, first_at: UnixTime, asked: Option<Duration>) -> Option<UnixTime> {
        let mut rng = self.inner.rng.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        backoff.next(attempts, first_at, self.now(), asked, &mut *rng)
    }

    fn warn_of_mail(&self) {
        if !self.inner.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "there is mail to be sent and no mail server to send it by: set mail.smtp; it waits until then"
            );
        }
    }

    async fn measure(&self) {
        let now = self.now();
        let counted = self.inner.store.read(Actor::System, move |reader| {
            let mut lengths = rows::lengths(reader, now)?;
            lengths.push((Lane::Webhook.as_str().to_owned(), deliveries::length(reader, now)?));
            Ok::<_, StoreError>(lengths)
        });
        // A database that cannot be read is heard of elsewhere.
        let Ok(lengths) = counted.await else { return };
        for lane in Lane::ALL {
            let length = lengths.iter().find(|(name, _)| name == lane.as_str()).map_or(0, |(_, length)| *length);
            self.inner.metrics.outward.queue(lane.as_str()).set(length);
        }
    }

    fn now(&self) -> UnixTime {
        self.inner.clock.unix()
    }
}

/// An error's text as it is kept with a row.
fn kept(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

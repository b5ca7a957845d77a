//! The dispatcher on a database, with an inbox or with a server that does as it is told.

#![allow(clippy::unwrap_used)]

mod hooks;
mod letters;
mod other;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::config::QuietHours;
use crate::metrics::Metrics;
use crate::notify::http::{Guard, Outbound};
use crate::notify::ical::Person;
use crate::notify::mail::{Inbox, Letter, MailError, MailTransport, Sending};
use crate::notify::sms::LogOnly;
use crate::scheduler::testing::{Desk, appointment_id, person};
use crate::scheduler::{Lobby, testing};

use super::*;

/// Answers in turn as told, and takes every letter after that.
#[derive(Default)]
pub(super) struct Moody {
    answers: Mutex<VecDeque<MailError>>,
    inbox: Arc<Inbox>,
    /// How long a letter takes.
    slow: Duration,
}

impl MailTransport for Moody {
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            tokio::time::sleep(self.slow).await;
            let answer = self.answers.lock().unwrap().pop_front();
            match answer {
                Some(error) => Err(error),
                None => self.inbox.send(letter).await,
            }
        })
    }
}

pub(super) struct World {
    pub(super) desk: Desk,
    pub(super) inbox: Arc<Inbox>,
    pub(super) sms: Arc<LogOnly>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) dispatcher: Dispatcher,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Vec::new(), Duration::ZERO, &[])
    }

    pub(super) fn failing(answers: Vec<MailError>) -> Self {
        Self::with(answers, Duration::ZERO, &[])
    }

    pub(super) fn with(answers: Vec<MailError>, slow: Duration, allowed: &[&str]) -> Self {
        let inbox = Arc::new(Inbox::default());
        let moody = Moody { answers: Mutex::new(answers.into()), inbox: Arc::clone(&inbox), slow };
        Self::of(Some(Arc::new(moody)), inbox, allowed)
    }

    pub(super) fn of(mail: Option<Arc<dyn MailTransport>>, inbox: Arc<Inbox>, allowed: &[&str]) -> Self {
        let desk = Desk::new();
        let (sms, metrics) = (Arc::new(LogOnly::default()), Arc::new(Metrics::default()));
        let guard = Guard::new(allowed.iter().map(|net| net.parse().unwrap()).collect());
        let transports = Transports {
            mail,
            sms: Some(Arc::clone(&sms) as _),
            push: None,
            webhooks: Outbound::new(guard, &[]).unwrap(),
        };
        let settings = DispatchSettings {
            from: Person { name: "Praxis".into(), email: "praxis@example.org".into() },
            base: "https://visavis.example".parse().unwrap(),
            quiet_hours: Some(QuietHours { from: 21 * 60, until: 8 * 60 }),
        };
        let clock: SharedClock = desk.clock.clone();
        let store = desk.scheduler.store().clone();
        let dispatcher = Dispatcher::new(store, clock, Arc::clone(&metrics), transports, settings);
        Self { desk, inbox, sms, metrics, dispatcher }
    }

    /// Rounds until nothing is due.
    pub(super) async fn dispatch(&self) {
        while self.dispatcher.round().await.unwrap() > 0 {
            self.dispatcher.settled().await;
        }
    }

    /// Receivers and subjects in the inbox, sorted; the inbox is empty after that.
    pub(super) fn letters(&self) -> Vec<Letter> {
        let numbers: Vec<u64> = self.inbox.list().iter().map(|line| line.number).collect();
        let mut letters: Vec<Letter> = numbers.iter().map(|number| self.inbox.get(*number).unwrap().letter).collect();
        letters.sort_by(|a, b| (&a.to.email, &a.subject).cmp(&(&b.to.email, &b.subject)));
        self.inbox.clear();
        letters
    }

    pub(super) fn receivers(&self) -> Vec<String> {
        self.letters().into_iter().map(|letter| letter.to.email).collect()
    }

    /// A row of the outbox.
    pub(super) fn put(&self, id: u32, user: Option<u32>, appointment: Option<u32>, payload: &str) {
        self.put_by("mail", id, user, appointment, payload);
    }

    pub(super) fn put_by(&self, channel: &str, id: u32, user: Option<u32>, appointment: Option<u32>, payload: &str) {
        let now = self.dispatcher.now().0;
        let text = |id: Option<String>| id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
        self.desk.sql(&format!(
            "INSERT INTO outbox (id, channel, dedupe_key, user_id, appointment_id, payload, due_at, created_at)
             VALUES ('row-{id}', '{channel}', 'key-{id}', {}, {}, '{payload}', {now}, {now})",
            text(user.map(|user| person(user).to_string())),
            text(appointment.map(|it| appointment_id(it).to_string())),
        ));
    }

    pub(super) fn state(&self, id: u32) -> String {
        self.desk.value(&format!("SELECT state FROM outbox WHERE id = 'row-{id}'"))
    }

    pub(super) fn count(&self, state: &str) -> i64 {
        self.desk.value(&format!("SELECT count(*) FROM outbox WHERE state = '{state}'"))
    }

    pub(super) fn approved(&self) {
        self.desk.approved(Lobby::Off);
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.desk.clock.advance(Duration::from_secs(seconds));
    }
}

pub(super) use testing::{START, customer, expert};

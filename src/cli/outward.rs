//! What the office sends, and by which ways: mail, SMS, notifications, webhooks, as the settings have them.

use std::sync::Arc;

use lettre::message::Mailbox;

use super::Failure;
use crate::clock::SharedClock;
use crate::config::{Settings, SmsProvider};
use crate::error::chain;
use crate::metrics::Metrics;
use crate::notify::dispatch::{DispatchSettings, Dispatcher, Transports, vapid_key};
use crate::notify::http::{Guard, Outbound};
use crate::notify::ical::Person;
use crate::notify::mail::{Inbox, MailTransport, Smtp};
use crate::notify::push::Push;
use crate::notify::sms::{self, LogOnly};
use crate::store::Store;

/// The ways outward, and where messages stay that do not leave.
pub(super) struct Outward {
    pub(super) dispatcher: Dispatcher,
    /// Letters of development mode.
    pub(super) inbox: Option<Arc<Inbox>>,
    /// SMS that stay here.
    pub(super) sms_log: Option<Arc<LogOnly>>,
}

impl Outward {
    /// Sets everything up for a server whose HTTP listens on `port`. Nothing is sent yet.
    pub(super) async fn new(
        settings: &Settings,
        port: u16,
        store: &Store,
        clock: &SharedClock,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let office = &settings.office;
        let base = office.base_url(port);
        let from = sender(&office.mail.from);
        let (mail, inbox): (Option<Arc<dyn MailTransport>>, _) = match &office.mail.smtp {
            Some(server) => (Some(Arc::new(Smtp::new(server, &[]).map_err(|error| failure(&error))?)), None),
            None if settings.development => {
                let inbox = Arc::new(Inbox::default());
                (Some(Arc::clone(&inbox) as _), Some(inbox))
            }
            None => (None, None),
        };
        let outbound = |guard| Outbound::new(guard, &[]).map_err(|error| failure(&error));
        let stays = match office.sms.provider {
            SmsProvider::Log => true,
            SmsProvider::None => settings.development,
            _ => false,
        };
        let sms_log = stays.then(|| Arc::new(LogOnly::default()));
        let sms = match &sms_log {
            Some(log) => Some(Arc::clone(log) as _),
            None => {
                let http = outbound(Guard::operator())?;
                sms::from_settings(&office.sms.provider, http).map_err(|error| failure(&error))?
            }
        };
        let key = vapid_key(store, clock.unix()).await.map_err(|error| failure(&error))?;
        let contact = if from.email.is_empty() { base.origin() } else { format!("mailto:{}", from.email) };
        let transports = Transports {
            mail,
            sms,
            push: Some(Push::new(outbound(Guard::default())?, key, contact)),
            webhooks: outbound(Guard::new(office.webhooks.allow_networks.clone()))?,
        };
        let said = DispatchSettings { from, base, quiet_hours: office.sms.quiet_hours };
        let dispatcher = Dispatcher::new(store.clone(), Arc::clone(clock), Arc::clone(metrics), transports, said);
        Ok(Self { dispatcher, inbox, sms_log })
    }
}

fn failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::runtime(chain(error))
}

/// The sender of the settings, which were looked at when they were read; nobody where there is no mail.
fn sender(text: &str) -> Person {
    let (name, email) = match text.parse::<Mailbox>() {
        Ok(mailbox) => (mailbox.name.unwrap_or_default(), mailbox.email.to_string()),
        Err(_) => (String::new(), String::new()),
    };
    Person { name, email }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_is_the_one_of_the_settings() {
        let person = |name: &str, email: &str| Person { name: name.into(), email: email.into() };
        assert_eq!(sender("Praxis Rossi <mail@example.org>"), person("Praxis Rossi", "mail@example.org"));
        assert_eq!(sender("mail@example.org"), person("", "mail@example.org"));
        assert_eq!(sender(""), person("", ""));
    }
}

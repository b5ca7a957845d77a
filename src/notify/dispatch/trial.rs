//! Messages that try the settings: sent at once, with the transport's own words when they do not go.

use jiff::tz::TimeZone;

use crate::ids::OutboxId;
use crate::notify::ical::Person;
use crate::notify::mail::{Letter, MailError};
use crate::notify::message::{Message, Test};
use crate::notify::sms::{PhoneNumber, Sms, SmsError};
use crate::notify::templates::{self, Brand, Locale, Reader, Rendered, Side};

use super::Dispatcher;
use super::letter::brand;

/// Why the message did not go.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Nothing to try.
    #[error("no mail server is configured: set mail.smtp")]
    NoMail,
    /// Nothing to try.
    #[error("no SMS service is configured: set sms.provider")]
    NoSms,
    /// The mail server's words.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The SMS service's words.
    #[error(transparent)]
    Sms(#[from] SmsError),
}

impl Dispatcher {
    /// Sends a letter that says that mail works.
    ///
    /// # Errors
    ///
    /// [`TrialError`].
    pub async fn try_mail(&self, to: Person, locale: &str) -> Result<(), TrialError> {
        let transport = self.inner.transports.mail.as_ref().ok_or(TrialError::NoMail)?;
        let from = &self.inner.settings.from;
        let rendered = self.trial(&to.name, locale);
        let letter = Letter {
            id: self.trial_id(),
            from: Person { name: brand(None, &self.inner.settings), email: from.email.clone() },
            reply_to: None,
            to,
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            invite: None,
            at: self.now(),
        };
        Ok(transport.send(&letter).await?)
    }

    /// Sends an SMS that says that they work, quiet hours or not: who tries it is awake.
    ///
    /// # Errors
    ///
    /// [`TrialError`].
    pub async fn try_sms(&self, to: PhoneNumber, locale: &str) -> Result<(), TrialError> {
        let provider = self.inner.transports.sms.as_ref().ok_or(TrialError::NoSms)?;
        let sms = Sms { id: self.trial_id(), to, text: self.trial("", locale).sms, at: self.now() };
        provider.send(&sms).await?;
        Ok(())
    }

    fn trial(&self, name: &str, locale: &str) -> Rendered {
        let settings = &self.inner.settings;
        let reader = Reader {
            user: None,
            name: name.to_owned(),
            locale: Locale::of(locale),
            zone: TimeZone::UTC,
            side: Side::Client,
        };
        let brand = Brand { name: brand(None, settings), base: settings.base.clone() };
        // It is about no appointment, so it lacks none.
        templates::render(&Message::Test(Test {}), None, &reader, &brand, self.now()).unwrap_or_default()
    }

    fn trial_id(&self) -> String {
        let mut rng = self.inner.rng.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        OutboxId::new(self.now(), &mut *rng).to_string()
    }
}

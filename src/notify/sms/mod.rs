//! SMS: numbers, lengths, quiet hours, and the services that send them. Whether somebody wants any is the caller's
//! to know.

mod generic;
mod gsm;
mod log_only;
mod number;
mod quiet;
mod template;
mod twilio;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use std::sync::Arc;

use crate::config;
use crate::units::UnixTime;

use super::http::{Answer, Outbound, SendError};
use super::retry::Retry;

pub use generic::{GatewaySettings, GatewaySetupError, GenericHttp};
pub use gsm::{fit, parts};
pub use log_only::{KeptSms, LogOnly};
pub use number::{NotANumber, PhoneNumber};
pub use quiet::not_before;
pub use twilio::{TwilioSettings, TwilioSetupError, TwilioShaped};

/// A message to one telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sms {
    /// The outbox row it comes from.
    pub id: String,
    /// To whom.
    pub to: PhoneNumber,
    /// What, see [`fit`].
    pub text: String,
    /// When it is sent.
    pub at: UnixTime,
}

/// Why a message did not go.
#[derive(Debug, thiserror::Error)]
pub enum SmsError {
    /// The receiver has told the service to stop.
    #[error("the receiver has opted out at the SMS service")]
    OptedOut,
    /// The service does not take us: a matter of the settings, not of the message.
    #[error("the SMS service refuses our credentials ({status}): {text}; see the SMS settings")]
    Credentials {
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// The service does not take the message.
    #[error("the SMS service answers {status}: {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
        /// Whether trying again makes sense.
        retry: Retry,
    },
    /// No answer.
    #[error("the SMS service cannot be reached: {0}")]
    Unreachable(#[from] SendError),
}

impl SmsError {
    /// Whether trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            SmsError::OptedOut => Retry::Never,
            SmsError::Credentials { .. } => Retry::Later(Some(Duration::from_secs(60))),
            SmsError::Refused { retry, .. } => *retry,
            SmsError::Unreachable(error) => error.retry(),
        }
    }

    fn of_answer(answer: &Answer, text: String) -> Self {
        match answer.status {
            401 | 403 => SmsError::Credentials { status: answer.status, text },
            status => SmsError::Refused { status, text, retry: answer.retry() },
        }
    }
}

/// The future of a delivery; it gives the service's own id of the message, where there is one.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Option<String>, SmsError>> + Send + 'a>>;

/// A service that sends messages.
pub trait SmsProvider: Send + Sync + 'static {
    /// Sends a message. It has gone when the service has it.
    fn send<'a>(&'a self, sms: &'a Sms) -> Sending<'a>;
}

/// The settings of SMS do not work.
#[derive(Debug, thiserror::Error)]
pub enum SmsSetupError {
    /// Those of a service of Twilio's shape.
    #[error(transparent)]
    Twilio(#[from] TwilioSetupError),
    /// Those of another gateway.
    #[error(transparent)]
    Gateway(#[from] GatewaySetupError),
}

/// The service that the configuration names; none where nobody sends or the messages stay here ([`LogOnly`]).
///
/// # Errors
///
/// When the settings do not work.
pub fn from_settings(
    configured: &config::SmsProvider,
    http: Outbound,
) -> Result<Option<Arc<dyn SmsProvider>>, SmsSetupError> {
    Ok(match configured {
        config::SmsProvider::None | config::SmsProvider::Log => None,
        config::SmsProvider::Twilio { url, account_sid, auth_token, from } => {
            let settings = TwilioSettings {
                base_url: url.as_str().to_owned(),
                account_sid: account_sid.clone(),
                token: auth_token.clone(),
                from: from.clone(),
            };
            Some(Arc::new(TwilioShaped::new(&settings, http)?))
        }
        config::SmsProvider::Http { url, headers, format, body, from } => {
            let settings = GatewaySettings {
                url: config::Secret::new(url.as_str()),
                method: "POST".to_owned(),
                headers: headers.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect(),
                body: body.clone(),
                format: *format,
                from: from.clone(),
            };
            Some(Arc::new(GenericHttp::new(&settings, http)?))
        }
    })
}

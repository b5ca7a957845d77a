//! Mail by SMTP.

use std::net::IpAddr;
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::time::timeout;

use crate::config::{SmtpSecurity, SmtpSettings};
use crate::error::chain;

use super::compose::compose;
use super::{Letter, MailError, MailTransport, Sending};

/// Connections that wait for the next letter, and how long.
const PARKED: u32 = 2;
const PARKED_FOR: Duration = Duration::from_secs(60);
/// A delivery as a whole takes no longer than this many steps.
const STEPS: u32 = 4;

/// How long one step of a delivery may take.
const STEP: Duration = Duration::from_secs(20);

/// The settings do not work.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSetupError {
    /// No server.
    #[error("no mail server is named")]
    NoHost,
    /// Letters and password in the clear.
    #[error("mail to `{0}` must be encrypted; without encryption only a server on this machine is used")]
    NotLocal(String),
    /// A certificate is none, or TLS cannot be set up.
    #[error("TLS for the mail server: {0}")]
    Tls(String),
}

/// Sends letters to a mail server, over connections that are used again.
#[derive(Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    limit: Duration,
}

impl Smtp {
    /// Made and dropped inside a Tokio runtime: its pool of connections is a task. Nothing is connected yet. Mozilla's
    /// root certificates are built in; those in `extra_roots` (PEM) are trusted besides.
    ///
    /// # Errors
    ///
    /// When the settings do not work.
    pub fn new(settings: &SmtpSettings, extra_roots: &[Vec<u8>]) -> Result<Self, SmtpSetupError> {
        Self::with_limit(settings, extra_roots, STEP)
    }

    pub(super) fn with_limit(
        settings: &SmtpSettings,
        extra_roots: &[Vec<u8>],
        step: Duration,
    ) -> Result<Self, SmtpSetupError> {
        if settings.host.is_empty() {
            return Err(SmtpSetupError::NoHost);
        }
        let tls = match settings.security {
            SmtpSecurity::Starttls => Tls::Required(tls(&settings.host, extra_roots)?),
            SmtpSecurity::Tls => Tls::Wrapper(tls(&settings.host, extra_roots)?),
            // Letters hold links that sign in.
            SmtpSecurity::None if is_local(&settings.host) => Tls::None,
            SmtpSecurity::None => return Err(SmtpSetupError::NotLocal(settings.host.clone())),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(step))
            .pool_config(PoolConfig::new().max_size(PARKED).idle_timeout(PARKED_FOR));
        if !settings.username.is_empty() {
            let password = settings.password.reveal().to_owned();
            builder = builder.credentials(Credentials::new(settings.username.clone(), password));
        }
        Ok(Self { transport: builder.build(), limit: step * STEPS })
    }
}

impl MailTransport for Smtp {
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            let message = compose(letter)?;
            match timeout(self.limit, self.transport.send(message)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(failure(&error)),
                Err(_) => Err(MailError::Unreachable(format!("no end after {} s", self.limit.as_secs()))),
            }
        })
    }
}

fn tls(host: &str, extra_roots: &[Vec<u8>]) -> Result<TlsParameters, SmtpSetupError> {
    let wrong = |error: lettre::transport::smtp::Error| SmtpSetupError::Tls(chain(&error));
    let mut builder = TlsParameters::builder(host.to_owned());
    for pem in extra_roots {
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
    }
    builder.build().map_err(wrong)
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn failure(error: &lettre::transport::smtp::Error) -> MailError {
    let Some(code) = error.status().map(u16::from) else { return MailError::Unreachable(chain(error)) };
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match code {
        // RFC 4954 §6, and RFC 3207's "must issue STARTTLS first".
        432 | 454 | 530 | 534 | 535 | 538 => MailError::Credentials { code, text },
        500.. => MailError::Refused { code, text },
        _ => MailError::Deferred { code, text },
    }
}

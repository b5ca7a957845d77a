//! Mail by SMTP.

use std::net::IpAddr;
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::time::timeout;

use crate::config::Secret;
use crate::error::chain;

use super::compose::compose;
use super::{Letter, MailError, MailTransport, Sending};

/// Connections that wait for the next letter, and how long.
const PARKED: u32 = 2;
const PARKED_FOR: Duration = Duration::from_secs(60);
/// Steps of a delivery that each may take [`SmtpSettings::timeout`]; a delivery as a whole takes no longer.
const STEPS: u32 = 4;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// TLS after `STARTTLS`, which the server must offer. Port 587.
    #[default]
    StartTls,
    /// TLS from the first byte. Port 465.
    Tls,
    /// None: for a mail server on this machine. Port 25.
    Plain,
}

/// Where letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSettings {
    /// The server's name.
    pub host: String,
    /// Its port; none for the usual one.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub security: Security,
    /// User name; none for a server that wants none.
    pub user: Option<String>,
    /// Password.
    pub password: Secret,
    /// How we introduce ourselves; none for the machine's name.
    pub hello: Option<String>,
    /// Root certificates besides Mozilla's, which are built in (PEM).
    pub extra_roots: Vec<Vec<u8>>,
    /// How long one step may take.
    pub timeout: Duration,
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: None,
            security: Security::default(),
            user: None,
            password: Secret::default(),
            hello: None,
            extra_roots: Vec::new(),
            timeout: Duration::from_secs(20),
        }
    }
}

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
    /// Made and dropped inside a Tokio runtime: its pool of connections is a task. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When the settings do not work.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SmtpSetupError> {
        if settings.host.is_empty() {
            return Err(SmtpSetupError::NoHost);
        }
        let (port, tls) = match settings.security {
            Security::StartTls => (587, Tls::Required(tls(settings)?)),
            Security::Tls => (465, Tls::Wrapper(tls(settings)?)),
            Security::Plain if is_local(&settings.host) => (25, Tls::None),
            Security::Plain => return Err(SmtpSetupError::NotLocal(settings.host.clone())),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(settings.timeout))
            .pool_config(PoolConfig::new().max_size(PARKED).idle_timeout(PARKED_FOR));
        if let Some(user) = &settings.user {
            builder = builder.credentials(Credentials::new(user.clone(), settings.password.reveal().to_owned()));
        }
        if let Some(hello) = &settings.hello {
            builder = builder.hello_name(ClientId::Domain(hello.clone()));
        }
        Ok(Self { transport: builder.build(), limit: settings.timeout * STEPS })
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

fn tls(settings: &SmtpSettings) -> Result<TlsParameters, SmtpSetupError> {
    let wrong = |error: lettre::transport::smtp::Error| SmtpSetupError::Tls(chain(&error));
    let mut builder = TlsParameters::builder(settings.host.clone());
    for pem in &settings.extra_roots {
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

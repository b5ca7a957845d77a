//! The settings of the office wing: appointments, accounts, mail. These keys are our own; LiveKit has none like them.

use std::path::PathBuf;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::office_values::{ByteSize, QuietHours, serialize_span};
use super::secret::Secret;
use super::url::{BaseUrl, EmbedOrigin, LivekitUrl, ServiceUrl};
use super::values::IpNet;

/// Everything that the office wing is told. It runs when there is a data folder, and in development mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OfficeSettings {
    /// Folder of the database and the files. In development mode a temporary one serves where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Where browsers reach this server: what links begin with, and whose pages may change things. In development
    /// mode `http://localhost:PORT` where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<BaseUrl>,
    /// The LiveKit server that clients are sent to and tokens are made for; this one where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub livekit_url: Option<LivekitUrl>,
    /// Proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether requests are limited by address and account.
    pub rate_limits: RateLimitSettings,
    /// When a room is open, and to whom.
    pub access: AccessSettings,
    /// How much tokens that the scheduler did not make may do.
    pub sfu: SfuSettings,
    /// People and how they sign in.
    pub accounts: AccountSettings,
    /// Mail.
    pub mail: MailSettings,
    /// Text messages.
    pub sms: SmsSettings,
    /// Webhooks of appointments and calls.
    pub webhooks: WebhookSettings,
    /// Files of appointments.
    pub files: FileSettings,
    /// Our pages inside those of other sites.
    pub embedding: EmbeddingSettings,
    /// Sign-in by OpenID Connect; `None` without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcSettings>,
}

impl OfficeSettings {
    /// Whether the office wing runs.
    pub fn runs(&self, development: bool) -> bool {
        self.data_dir.is_some() || development
    }

    /// What links begin with, on a server that listens on `port`.
    pub fn base_url(&self, port: u16) -> BaseUrl {
        self.public_url.clone().unwrap_or_else(|| BaseUrl::localhost(port))
    }

    /// The LiveKit server that calls are held on, where it is not the one at `base`.
    pub fn other_livekit(&self, base: &BaseUrl) -> Option<&LivekitUrl> {
        self.livekit_url.as_ref().filter(|url| url.as_str() != base.websocket())
    }
}

/// Limits of requests (`rate_limits`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimitSettings {
    /// Off only for load tests, where one address sends what a town would.
    pub enabled: bool,
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// When an appointment's room is open (`access`). Services and appointments may say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessSettings {
    /// How long before its start.
    #[serde(serialize_with = "serialize_span")]
    pub open_before: Duration,
    /// How long after the moment that `close_anchor` names.
    #[serde(serialize_with = "serialize_span")]
    pub close_after: Duration,
    /// What `close_after` counts from.
    pub close_anchor: CloseAnchor,
    /// By how much the expert extends it at a time.
    #[serde(serialize_with = "serialize_span")]
    pub extension: Duration,
    /// How often.
    pub max_extensions: u8,
    /// Whether customers wait in the lobby of a new service until they are let in. Guests always do.
    pub lobby: bool,
}

impl Default for AccessSettings {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            open_before: Duration::from_secs(15 * MINUTE),
            close_after: Duration::from_secs(30 * MINUTE),
            close_anchor: CloseAnchor::End,
            extension: Duration::from_secs(15 * MINUTE),
            max_extensions: 2,
            lobby: true,
        }
    }
}

/// What the close of a room counts from (`access.close_anchor`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CloseAnchor {
    /// The scheduled end.
    #[default]
    End,
    /// The scheduled start: nobody new comes in later than that, and who is in stays until after the end.
    Start,
}

/// How rooms treat what was made elsewhere (`sfu`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SfuSettings {
    /// Whether a token that holds a valid signature, but that the scheduler did not make, opens rooms of
    /// appointments. It passes their windows, then.
    pub trust_api_tokens_for_appointments: bool,
}

/// People and how they sign in (`accounts`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountSettings {
    /// Who may make an account.
    pub registration: Registration,
    /// How long a session lasts that nobody uses.
    #[serde(serialize_with = "serialize_span")]
    pub session_ttl: Duration,
    /// How long a sign-in link is good for.
    #[serde(serialize_with = "serialize_span")]
    pub magic_link_ttl: Duration,
    /// Passwords that are hashed at a time; each takes a processor and 19 MiB. As many as there are processors
    /// where none is named.
    pub max_concurrent_hashes: u16,
}

impl Default for AccountSettings {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            registration: Registration::Open,
            session_ttl: Duration::from_secs(30 * DAY),
            magic_link_ttl: Duration::from_secs(15 * 60),
            max_concurrent_hashes: 0,
        }
    }
}

/// Who may make an account (`accounts.registration`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anybody.
    #[default]
    Open,
    /// Who was invited.
    Invite,
}

/// Mail (`mail`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MailSettings {
    /// The sender, `Name <address>`; there is one wherever there is a server, and in development mode.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The server that takes mail; without one nothing is sent, and development mode shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpSettings>,
}

/// The server that takes mail (`mail.smtp`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SmtpSettings {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub security: SmtpSecurity,
    /// User name; empty for none.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Encryption on the way to the mail server (`mail.smtp.security`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// Asked for in the first line, and insisted on (port 587).
    #[default]
    Starttls,
    /// From the first byte (port 465).
    Tls,
    /// None (port 25).
    None,
}

/// Text messages (`sms`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SmsSettings {
    /// The hours in which none is sent, by the clock of whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Who sends them.
    #[serde(flatten)]
    pub provider: SmsProvider,
}

/// Who sends text messages (`sms.provider`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum SmsProvider {
    /// Nobody.
    #[default]
    None,
    /// They are written to the log, for development.
    Log,
    /// Twilio, or whoever speaks its API.
    Twilio {
        /// The API's root.
        url: ServiceUrl,
        /// Account.
        account_sid: String,
        /// Its password.
        auth_token: Secret,
        /// The number or name they come from.
        from: String,
    },
    /// Any service that takes an HTTP request a message.
    Http {
        /// Where to send it.
        url: ServiceUrl,
        /// Further headers, of which one is likely to authorize.
        headers: HttpHeaders,
        /// Form of the body; the texts of the message are escaped for it.
        format: HttpFormat,
        /// The body, with `{to}`, `{text}` and `{from}` in it.
        body: String,
        /// What `{from}` stands for.
        from: String,
    },
}

/// Form of a request's body (`sms.format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpFormat {
    /// JSON.
    #[default]
    Json,
    /// A form, `application/x-www-form-urlencoded`.
    Form,
}

/// Headers of a request, in the order of the configuration; the values are secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpHeaders(Vec<(String, Secret)>);

impl HttpHeaders {
    /// Headers in order.
    pub fn new(headers: Vec<(String, Secret)>) -> Self {
        Self(headers)
    }

    /// Name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Serialize for HttpHeaders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Webhooks of appointments and calls (`webhooks`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookSettings {
    /// Private networks whose addresses may be a webhook's target; none is reachable otherwise.
    pub allow_networks: Vec<IpNet>,
}

/// Files of appointments (`files`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSettings {
    /// Largest.
    pub max_size: ByteSize,
    /// MIME types that may be uploaded; the content decides, not the name.
    pub types: Vec<String>,
}

impl Default for FileSettings {
    fn default() -> Self {
        const TYPES: [&str; 10] = [
            "application/pdf",
            "image/jpeg",
            "image/png",
            "image/webp",
            "image/heif",
            "text/plain",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
        ];
        Self { max_size: ByteSize(25_000_000), types: TYPES.map(str::to_owned).to_vec() }
    }
}

/// Our pages inside those of other sites (`embedding`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EmbeddingSettings {
    /// The sites that may show what lies below `/embed/` in a frame; none otherwise.
    pub origins: Vec<EmbedOrigin>,
}

/// Sign-in by OpenID Connect (`oidc`); takes a server that was built with the feature of that name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OidcSettings {
    /// The provider; its configuration lies below, at `/.well-known/openid-configuration`.
    pub issuer: ServiceUrl,
    /// What the provider knows this server by.
    pub client_id: String,
    /// The password that goes with it.
    pub client_secret: Secret,
    /// What the button says.
    pub name: String,
}

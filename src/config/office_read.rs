//! From the document to the office wing's settings.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};

use super::office::{
    AccessSettings, AccountSettings, CloseAnchor, FileSettings, HttpFormat, HttpHeaders, MailSettings, OfficeSettings,
    OidcSettings, Registration, SmsProvider, SmsSettings, SmtpSecurity, SmtpSettings,
};
use super::office_values::ByteSize;
use super::problem::Problems;
use super::reader::{Section, boolean, duration, list, number, parsed, port, secret, text};
use super::secret::Secret;
use super::settings::Settings;
use super::url::ServiceUrl;
use super::yaml::{Node, Value};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Who writes the mails that development mode shows.
const DEV_SENDER: &str = "visavis <visavis@localhost>";
/// Twilio's API.
const TWILIO: &str = "https://api.twilio.com";
/// Largest file that may be allowed: it is held in memory while its kind is told.
const MAX_FILE_SIZE: ByteSize = ByteSize(2 << 30);
/// Browsers keep no cookie for longer (RFC 6265bis §5.5).
const MAX_SESSION: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Files that hold a secret of the office wing, as the document names them.
#[derive(Debug, Default)]
pub(super) struct SecretFiles {
    smtp_password: Option<PathBuf>,
    sms_auth_token: Option<PathBuf>,
    oidc_client_secret: Option<PathBuf>,
}

/// Reads the office wing's keys from the document's root.
pub(super) fn office(root: &mut Section<'_>, settings: &mut OfficeSettings) -> SecretFiles {
    let mut files = SecretFiles::default();
    settings.data_dir = root.get("data_dir", text).filter(|path| !path.is_empty()).map(PathBuf::from);
    settings.public_url = root.get("public_url", parsed);
    settings.livekit_url = root.get("livekit_url", parsed);
    root.set("trusted_proxies", &mut settings.trusted_proxies, list(parsed));
    root.section("rate_limits", |section| section.set("enabled", &mut settings.rate_limits.enabled, boolean));
    root.section("access", |section| access(section, &mut settings.access));
    root.section("sfu", |section| {
        let trust = &mut settings.sfu.trust_api_tokens_for_appointments;
        section.set("trust_api_tokens_for_appointments", trust, boolean);
    });
    root.section("accounts", |section| accounts(section, &mut settings.accounts));
    root.section("mail", |section| files.smtp_password = mail(section, &mut settings.mail));
    root.section("sms", |section| files.sms_auth_token = sms(section, &mut settings.sms));
    root.section("webhooks", |section| {
        section.set("allow_networks", &mut settings.webhooks.allow_networks, list(parsed));
    });
    root.section("files", |section| allowed_files(section, &mut settings.files));
    root.section("embedding", |section| {
        section.set("origins", &mut settings.embedding.origins, list(parsed));
    });
    root.section("oidc", |section| {
        if let Some((oidc, file)) = oidc(section) {
            settings.oidc = Some(oidc);
            files.oidc_client_secret = file;
        }
    });
    files
}

/// Reads the files of secrets, fills in what follows from other settings, and says what does not fit together.
pub(super) fn complete(
    name: &str,
    settings: &mut Settings,
    files: SecretFiles,
    processors: u16,
    read: impl Fn(&std::path::Path) -> Result<String, String>,
    problems: &mut Problems,
) {
    let development = settings.development;
    let office = &mut settings.office;
    if development && office.public_url.is_none() && settings.port != 0 {
        office.public_url = Some(super::url::BaseUrl::localhost(settings.port));
    }
    if development && office.mail.from.is_empty() {
        office.mail.from = DEV_SENDER.to_owned();
    }
    if office.accounts.max_concurrent_hashes == 0 {
        office.accounts.max_concurrent_hashes = processors;
    }

    let mut fill = |file: Option<PathBuf>, key: &str, secret: &mut Secret| {
        let Some(path) = file.filter(|_| secret.is_empty()) else { return };
        match read(&path) {
            Ok(text) => *secret = Secret::new(text.trim()),
            Err(message) => problems.error(name, &format!("{key}_file"), message),
        }
    };
    if let Some(smtp) = &mut office.mail.smtp {
        fill(files.smtp_password, "mail.smtp.password", &mut smtp.password);
    }
    if let SmsProvider::Twilio { auth_token, .. } = &mut office.sms.provider {
        fill(files.sms_auth_token, "sms.auth_token", auth_token);
    }
    if let Some(oidc) = &mut office.oidc {
        fill(files.oidc_client_secret, "oidc.client_secret", &mut oidc.client_secret);
    }
    if let Some(smtp) = &office.mail.smtp
        && smtp.username.is_empty() != smtp.password.is_empty()
    {
        problems.error(name, "mail.smtp", "username and password go together; one of them is missing");
    }
    if matches!(&office.sms.provider, SmsProvider::Twilio { auth_token, .. } if auth_token.is_empty()) {
        problems.error(name, "sms.auth_token", "is needed; or name a file of it in sms.auth_token_file");
    }
    doubts(name, development, office, problems);
}

/// What does not fit together, or is likely to be forgotten.
fn doubts(name: &str, development: bool, office: &OfficeSettings, problems: &mut Problems) {
    let runs = office.data_dir.is_some();
    match &office.public_url {
        // A mistake in it has been reported where it stands.
        None if runs && !development && !problems.mentions("public_url") => {
            problems.error(name, "public_url", "is needed where data_dir is set: links in mails begin with it");
        }
        Some(url) if !development && !url.is_https() && url.host() != "localhost" => {
            let message = "browsers give no camera to a page that came by http; use https";
            problems.warning(name, "public_url", message);
        }
        _ => {}
    }
    if development {
        return;
    }
    if runs && office.mail.smtp.is_none() {
        problems.warning(name, "mail.smtp", "is not set: nobody gets mail, so nobody can reset a password");
    }
    let configured = office.mail.smtp.is_some() || office.sms.provider != SmsProvider::None || office.oidc.is_some();
    if !runs && configured {
        problems.warning(name, "data_dir", "is not set: there are no appointments, so mail, sms and oidc have no use");
    }
    if office.oidc.is_some() && !cfg!(feature = "oidc") {
        problems.warning(name, "oidc", "not used: this server was built without the feature `oidc`");
    }
}

fn access(section: &mut Section<'_>, settings: &mut AccessSettings) {
    section.set("open_before", &mut settings.open_before, between(Duration::ZERO, DAY));
    section.set("close_after", &mut settings.close_after, between(Duration::ZERO, DAY));
    section.set("close_anchor", &mut settings.close_anchor, |node| {
        one_of(node, &[("end", CloseAnchor::End), ("start", CloseAnchor::Start)])
    });
    section.set("extension", &mut settings.extension, between(MINUTE, MINUTE * 240));
    section.set("max_extensions", &mut settings.max_extensions, |node| at_most(number::<u8>(node)?, 20));
    section.set("lobby", &mut settings.lobby, boolean);
}

fn accounts(section: &mut Section<'_>, settings: &mut AccountSettings) {
    section.set("registration", &mut settings.registration, |node| {
        one_of(node, &[("open", Registration::Open), ("invite", Registration::Invite)])
    });
    section.set("session_ttl", &mut settings.session_ttl, between(MINUTE * 5, MAX_SESSION));
    section.set("magic_link_ttl", &mut settings.magic_link_ttl, between(MINUTE, DAY));
    section
        .set("max_concurrent_hashes", &mut settings.max_concurrent_hashes, |node| at_most(number::<u16>(node)?, 256));
}

fn mail(section: &mut Section<'_>, settings: &mut MailSettings) -> Option<PathBuf> {
    section.set("from", &mut settings.from, |node| {
        let from = text(node)?;
        from.parse::<lettre::message::Mailbox>().map_err(|_| format!("`{from}` is not `Name <address>`"))?;
        Ok(from)
    });
    let (mut file, mut server) = (None, None);
    section.section("smtp", |section| file = smtp(section, &mut server));
    if server.is_some() && settings.from.is_empty() {
        section.needs("from");
    }
    settings.smtp = server;
    file
}

fn smtp(section: &mut Section<'_>, server: &mut Option<SmtpSettings>) -> Option<PathBuf> {
    let mut settings = SmtpSettings::default();
    let insecure = section.place("security");
    section.set("host", &mut settings.host, word);
    section.set("security", &mut settings.security, |node| {
        let words = [("starttls", SmtpSecurity::Starttls), ("tls", SmtpSecurity::Tls), ("none", SmtpSecurity::None)];
        one_of(node, &words)
    });
    settings.port = match settings.security {
        SmtpSecurity::Starttls => 587,
        SmtpSecurity::Tls => 465,
        SmtpSecurity::None => 25,
    };
    section.set("port", &mut settings.port, |node| match port(node)? {
        0 => Err("a mail server has a port".to_owned()),
        port => Ok(port),
    });
    section.set("username", &mut settings.username, text);
    section.set("password", &mut settings.password, secret);
    let file = path(section, "password_file");
    let local = matches!(settings.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if let Some(place) = insecure
        && settings.security == SmtpSecurity::None
        && !settings.username.is_empty()
        && !local
    {
        section.error("security", place, "would send the password for everybody on the way to read");
    }
    if settings.host.is_empty() {
        section.needs("host");
    }
    *server = Some(settings);
    file
}

fn sms(section: &mut Section<'_>, settings: &mut SmsSettings) -> Option<PathBuf> {
    #[derive(Clone, Copy)]
    enum Provider {
        None,
        Log,
        Twilio,
        Http,
    }
    if let Some(hours) = section.get("quiet_hours", parsed) {
        settings.quiet_hours = Some(hours);
    }
    let words =
        [("none", Provider::None), ("log", Provider::Log), ("twilio", Provider::Twilio), ("http", Provider::Http)];
    let provider = section.get("provider", |node| one_of(node, &words)).unwrap_or(Provider::None);
    match provider {
        Provider::None => settings.provider = SmsProvider::None,
        Provider::Log => settings.provider = SmsProvider::Log,
        Provider::Twilio => {
            let url = section.get("url", parsed::<ServiceUrl>).or_else(|| TWILIO.parse().ok());
            let account_sid = section.required("account_sid", word);
            let auth_token = section.get("auth_token", secret).unwrap_or_default();
            let file = path(section, "auth_token_file");
            let from = section.required("from", word);
            if let (Some(url), Some(account_sid), Some(from)) = (url, account_sid, from) {
                settings.provider = SmsProvider::Twilio { url, account_sid, auth_token, from };
            }
            return file;
        }
        Provider::Http => {
            let url = section.required("url", parsed::<ServiceUrl>);
            let headers = section.get("headers", headers).unwrap_or_default();
            let formats = [("json", HttpFormat::Json), ("form", HttpFormat::Form)];
            let format = section.get("format", |node| one_of(node, &formats)).unwrap_or_default();
            let body = section.required("body", template);
            let from = section.get("from", text).unwrap_or_default();
            if let (Some(url), Some(body)) = (url, body) {
                settings.provider = SmsProvider::Http { url, headers, format, body, from };
            }
        }
    }
    None
}

fn allowed_files(section: &mut Section<'_>, settings: &mut FileSettings) {
    section.set("max_size", &mut settings.max_size, |node| match parsed::<ByteSize>(node)? {
        size if size.0 > 0 && size <= MAX_FILE_SIZE => Ok(size),
        size => Err(format!("{size} is out of range (1B to {MAX_FILE_SIZE})")),
    });
    section.set("types", &mut settings.types, list(mime));
}

fn oidc(section: &mut Section<'_>) -> Option<(OidcSettings, Option<PathBuf>)> {
    let issuer = section.required("issuer", parsed::<ServiceUrl>);
    let client_id = section.required("client_id", word);
    let client_secret = section.get("client_secret", secret).unwrap_or_default();
    let file = path(section, "client_secret_file");
    let name = section.get("name", text).unwrap_or_else(|| "Single sign-on".to_owned());
    Some((OidcSettings { issuer: issuer?, client_id: client_id?, client_secret, name }, file))
}

fn path(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    section.get(key, text).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A text that is not empty and has neither spaces nor line breaks in it.
fn word(node: &Node) -> Result<String, String> {
    match text(node)? {
        text if text.is_empty() => Err("expected a text, found an empty one".to_owned()),
        text if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Err("has a space or a line break in it".to_owned())
        }
        text => Ok(text),
    }
}

fn one_of<T: Copy>(node: &Node, words: &[(&str, T)]) -> Result<T, String> {
    let given = text(node)?;
    words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("expected {}, found `{}`", words.join(", "), given.chars().take(60).collect::<String>())
    })
}

fn between(least: Duration, most: Duration) -> impl Fn(&Node) -> Result<Duration, String> {
    move |node| match duration(node)? {
        span if (least..=most).contains(&span) => Ok(span),
        _ => Err(format!("out of range ({}s to {}s)", least.as_secs(), most.as_secs())),
    }
}

fn at_most<T: PartialOrd + std::fmt::Display>(value: T, most: T) -> Result<T, String> {
    if value <= most { Ok(value) } else { Err(format!("{value} is out of range (0 to {most})")) }
}

/// The body of a request with places for the message's texts.
fn template(node: &Node) -> Result<String, String> {
    let body = text(node)?;
    match ["{to}", "{text}"].into_iter().find(|place| !body.contains(place)) {
        Some(place) => Err(format!("has no {place} in it")),
        None => Ok(body),
    }
}

fn headers(node: &Node) -> Result<HttpHeaders, String> {
    let Value::Map(entries) = &node.value else { return Err("expected `Name: value`, one a line".to_owned()) };
    let header = |entry: &super::yaml::Entry| {
        let line = entry.place.line;
        let value = secret(&entry.node)?;
        let possible = entry.key.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value.reveal()).is_ok();
        if possible { Ok((entry.key.clone(), value)) } else { Err(format!("line {line} is no header of HTTP")) }
    };
    entries.iter().map(header).collect::<Result<_, _>>().map(HttpHeaders::new)
}

fn mime(node: &Node) -> Result<String, String> {
    let text = text(node)?.to_ascii_lowercase();
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    match text.split_once('/') {
        Some((kind, subtype)) if part(kind) && part(subtype) => Ok(text),
        _ => Err(format!("`{text}` is no MIME type such as application/pdf")),
    }
}

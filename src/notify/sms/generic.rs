//! Any SMS gateway that takes an HTTP request, by templates of the configuration.

use reqwest::Method;

use crate::config::{HttpFormat, Secret};
use crate::notify::http::{Outbound, Refused, Request};

use super::template::{Escape, Template, Values};
use super::{Sending, Sms, SmsError, SmsProvider};

/// A gateway. In the URL (behind the host) and in the body, `{to}`, `{text}`, `{from}` and `{id}` stand for the
/// receiver's number, the message, [`Self::from`] and the message's id, which stays the same when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Where to; gateways with keys in the URL exist.
    pub url: Secret,
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// Headers.
    pub headers: Vec<(String, Secret)>,
    /// Template of the body; empty for none.
    pub body: String,
    /// How it is written.
    pub format: HttpFormat,
    /// What `{from}` stands for.
    pub from: String,
}

/// The settings do not work.
#[derive(Debug, thiserror::Error)]
pub enum GatewaySetupError {
    /// Not a method for this.
    #[error("`{}` is not GET, POST or PUT", .0.escape_debug())]
    Method(String),
    /// The message would not say what or to whom.
    #[error("neither URL nor body holds {0}")]
    Missing(&'static str),
    /// The host depends on the message.
    #[error("the gateway's URL has a placeholder in its host")]
    HostTemplate,
    /// The body is no JSON once it is filled in.
    #[error("the body's template gives no JSON: {0}; placeholders stand inside quotes")]
    NotJson(#[source] serde_json::Error),
    /// The URL cannot be called.
    #[error("the gateway's URL: {0}")]
    Url(#[from] Refused),
}

/// Sends through a gateway.
#[derive(Debug)]
pub struct GenericHttp {
    http: Outbound,
    method: Method,
    /// May hold a key, like the settings' one.
    url: UrlTemplate,
    headers: Vec<(String, Secret)>,
    body: Option<(Template, HttpFormat)>,
    from: String,
}

struct UrlTemplate(Template);

impl std::fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::config::MASK)
    }
}

impl GenericHttp {
    /// # Errors
    ///
    /// When the settings do not work.
    pub fn new(settings: &GatewaySettings, http: Outbound) -> Result<Self, GatewaySetupError> {
        let method = match settings.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            other => return Err(GatewaySetupError::Method(other.to_owned())),
        };
        let url = Template::read(settings.url.reveal());
        let body = (!settings.body.is_empty()).then(|| (Template::read(&settings.body), settings.format));
        let in_body = |has: fn(&Template) -> bool| body.as_ref().is_some_and(|(template, _)| has(template));
        if !url.has_to() && !in_body(Template::has_to) {
            return Err(GatewaySetupError::Missing("{to}"));
        }
        if !url.has_text() && !in_body(Template::has_text) {
            return Err(GatewaySetupError::Missing("{text}"));
        }
        let sample = Values { to: "+391234567890", text: "a \"b\"\n", from: "visavis", id: "0" };
        let filled = url.fill(sample, Escape::Percent);
        http.guard().url(&filled)?;
        // Whatever follows the host begins with one of these.
        let authority = filled.split_once("://").map_or("", |(_, rest)| rest);
        let host_end = filled.len() - authority.len() + authority.find(['/', '?', '#']).unwrap_or(authority.len());
        if url.head().len() < host_end && filled.len() != url.head().len() {
            return Err(GatewaySetupError::HostTemplate);
        }
        if let Some((template, HttpFormat::Json)) = &body {
            let text = template.fill(sample, Escape::Json);
            serde_json::from_str::<serde_json::Value>(&text).map_err(GatewaySetupError::NotJson)?;
        }
        Ok(Self {
            http,
            method,
            url: UrlTemplate(url),
            headers: settings.headers.clone(),
            body,
            from: settings.from.clone(),
        })
    }
}

impl SmsProvider for GenericHttp {
    fn send<'a>(&'a self, sms: &'a Sms) -> Sending<'a> {
        Box::pin(async move {
            let values = Values { to: sms.to.as_str(), text: &sms.text, from: &self.from, id: &sms.id };
            let mut headers = self.headers.clone();
            let mut body = Vec::new();
            if let Some((template, kind)) = &self.body {
                let (escape, mime) = match kind {
                    HttpFormat::Json => (Escape::Json, "application/json"),
                    HttpFormat::Form => (Escape::Percent, "application/x-www-form-urlencoded"),
                };
                body = template.fill(values, escape).into_bytes();
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("content-type".to_owned(), Secret::new(mime)));
                }
            }
            let url = Secret::new(self.url.0.fill(values, Escape::Percent));
            let answer = self.http.send(Request { method: self.method.clone(), url, headers, body }).await?;
            if answer.is_success() { Ok(None) } else { Err(SmsError::of_answer(&answer, answer.text())) }
        })
    }
}

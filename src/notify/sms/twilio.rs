//! Twilio's way of sending an SMS, which several services imitate: a form to `…/Accounts/{sid}/Messages.json`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;

use crate::config::Secret;
use crate::notify::http::{Outbound, Refused, Request};

use super::template::percent;
use super::{Sending, Sms, SmsError, SmsProvider};

/// The code of "this receiver has answered STOP".
const OPTED_OUT: u32 = 21610;

/// An account with the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwilioSettings {
    /// Where the API is, without what comes after the version.
    pub base_url: String,
    /// The account.
    pub account_sid: String,
    /// Its token.
    pub token: Secret,
    /// The sender's number or name, or the id of a messaging service (`MG…`).
    pub from: String,
}

/// The settings do not work.
#[derive(Debug, thiserror::Error)]
pub enum TwilioSetupError {
    /// The account's id is none.
    #[error("`{}` is not an account id", .0.escape_debug())]
    Account(String),
    /// No sender.
    #[error("no sender of SMS is named")]
    From,
    /// The address cannot be called.
    #[error("the SMS service's address: {0}")]
    Url(#[from] Refused),
}

/// Sends through such a service.
#[derive(Debug)]
pub struct TwilioShaped {
    http: Outbound,
    url: Secret,
    authorization: Secret,
    from: (&'static str, String),
}

impl TwilioShaped {
    /// # Errors
    ///
    /// When the settings do not work.
    pub fn new(settings: &TwilioSettings, http: Outbound) -> Result<Self, TwilioSetupError> {
        let sid = &settings.account_sid;
        // It becomes part of a path.
        if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(TwilioSetupError::Account(sid.clone()));
        }
        if settings.from.is_empty() {
            return Err(TwilioSetupError::From);
        }
        let url = format!("{}/Accounts/{sid}/Messages.json", settings.base_url.trim_end_matches('/'));
        http.guard().url(&url)?;
        let basic = STANDARD.encode(format!("{sid}:{}", settings.token.reveal()));
        let service = settings.from.len() == 34 && settings.from.starts_with("MG");
        Ok(Self {
            http,
            url: Secret::new(url),
            authorization: Secret::new(format!("Basic {basic}")),
            from: (if service { "MessagingServiceSid" } else { "From" }, settings.from.clone()),
        })
    }
}

/// What the service answers, as far as we read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    sid: Option<String>,
    code: Option<u32>,
    message: Option<String>,
}

impl SmsProvider for TwilioShaped {
    fn send<'a>(&'a self, sms: &'a Sms) -> Sending<'a> {
        Box::pin(async move {
            let fields = [("To", sms.to.as_str()), (self.from.0, &self.from.1), ("Body", &sms.text)];
            let form = fields.map(|(name, value)| format!("{name}={}", percent(value))).join("&");
            let answer = self
                .http
                .send(Request {
                    method: Method::POST,
                    url: self.url.clone(),
                    headers: vec![
                        ("authorization".to_owned(), self.authorization.clone()),
                        ("content-type".to_owned(), Secret::new("application/x-www-form-urlencoded")),
                    ],
                    body: form.into_bytes(),
                })
                .await?;
            let reply: Reply = serde_json::from_slice(&answer.body).unwrap_or_default();
            if answer.is_success() {
                return Ok(reply.sid);
            }
            if reply.code == Some(OPTED_OUT) {
                return Err(SmsError::OptedOut);
            }
            Err(SmsError::of_answer(&answer, reply.message.unwrap_or_else(|| answer.text())))
        })
    }
}

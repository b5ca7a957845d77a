//! What would have left the server: the inbox of development mode.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Json, OfficeRoutes, Path};
use crate::api::problem::{Code, Problem};
use crate::api::web;
use crate::notify::mail::{Inbox, Kept};
use crate::notify::templates::escape;
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Development, routes!(letters, forget_letters))
        .add(Access::Development, routes!(letter))
        .add(Access::Development, routes!(letters_page))
        .add(Access::Development, routes!(texts))
}

/// A letter in the list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DevLetter {
    /// Rises.
    number: u64,
    to: String,
    subject: String,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    received_at: UnixTime,
    /// A calendar object is in it.
    has_invite: bool,
}

/// A letter with everything in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DevLetterWhole {
    #[serde(flatten)]
    line: DevLetter,
    from: String,
    text: String,
    html: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<DevInvite>,
    /// As it would have gone over the wire.
    raw: String,
}

/// A calendar object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DevInvite {
    /// REQUEST or CANCEL.
    method: &'static str,
    ics: String,
}

impl From<Kept> for DevLetterWhole {
    fn from(kept: Kept) -> Self {
        let letter = kept.letter;
        let line = DevLetter {
            number: kept.number,
            to: letter.to.email,
            subject: letter.subject,
            received_at: letter.at,
            has_invite: letter.invite.is_some(),
        };
        let invite = letter.invite.map(|invite| DevInvite { method: invite.method.as_str(), ics: invite.ics });
        Self { line, from: letter.from.email, text: letter.text, html: letter.html, invite, raw: kept.raw }
    }
}

fn inbox(rest: &Rest) -> Result<&Inbox, Problem> {
    let none = || Problem::new(Code::NotFound).detail("Mail goes to the server of mail.smtp.");
    rest.inbox.as_deref().ok_or_else(none)
}

/// Letters that would have been sent, newest first
///
/// A browser that is sent here gets the app's page of them.
#[utoipa::path(get, path = "/dev/mail", tag = "development", responses((status = 200, body = Vec<DevLetter>)))]
async fn letters(State(rest): State<Rest>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    if web::wants_html(&headers) {
        let mut page = web::app(State(rest), uri, headers).await;
        page.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        return Ok(page);
    }
    let line = |line: crate::notify::mail::Summary| DevLetter {
        number: line.number,
        to: line.to,
        subject: line.subject,
        received_at: UnixTime(line.received_at),
        has_invite: line.has_invite,
    };
    let list: Vec<DevLetter> = inbox(&rest)?.list().into_iter().map(line).collect();
    Ok(([(header::VARY, "accept")], Json(list)).into_response())
}

/// One letter
#[utoipa::path(get, path = "/dev/mail/{number}", tag = "development", params(("number" = u64, Path)),
    responses((status = 200, body = DevLetterWhole)))]
async fn letter(State(rest): State<Rest>, Path(number): Path<u64>) -> Result<Json<DevLetterWhole>, Problem> {
    let kept = inbox(&rest)?.get(number).ok_or(Problem::new(Code::NotFound))?;
    Ok(Json(kept.into()))
}

/// Forget all letters
#[utoipa::path(delete, path = "/dev/mail", tag = "development", responses((status = 204)))]
async fn forget_letters(State(rest): State<Rest>) -> Result<StatusCode, Problem> {
    inbox(&rest)?.clear();
    Ok(StatusCode::NO_CONTENT)
}

/// Letters that would have been sent, as a page to read
#[utoipa::path(get, path = "/dev/mail.html", tag = "development",
    responses((status = 200, content_type = "text/html", body = String)))]
async fn letters_page(State(rest): State<Rest>) -> Result<Html<String>, Problem> {
    let inbox = inbox(&rest)?;
    let mut page = "<!doctype html><html lang=en><meta charset=utf-8><title>Mail</title><h1>Mail</h1>".to_owned();
    for kept in inbox.list().into_iter().filter_map(|line| inbox.get(line.number)) {
        let (number, letter) = (kept.number, &kept.letter);
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<details><summary>{} · {} · <b>{}</b></summary><pre>{}</pre><a href=\"/dev/mail/{number}\">all of it</a></details>",
            rfc3339::format(letter.at),
            escape(&letter.to.email),
            escape(&letter.subject),
            with_links(&letter.text),
        );
    }
    Ok(Html(page))
}

/// The text with its web addresses to click on.
fn with_links(text: &str) -> String {
    let word = |word: &str| {
        let whole = escape(word);
        let is_link = word.starts_with("http://") || word.starts_with("https://");
        if is_link { format!("<a href=\"{whole}\">{whole}</a>") } else { whole }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// An SMS.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DevSms {
    /// Rises.
    number: u64,
    to: String,
    text: String,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    sent_at: UnixTime,
}

/// SMS that would have been sent, newest first
#[utoipa::path(get, path = "/dev/sms", tag = "development", responses((status = 200, body = Vec<DevSms>)))]
async fn texts(State(rest): State<Rest>) -> Result<Json<Vec<DevSms>>, Problem> {
    let none = || Problem::new(Code::NotFound).detail("SMS go to the service of sms.provider.");
    let log = rest.sms_log.as_deref().ok_or_else(none)?;
    let sms = |kept: crate::notify::sms::KeptSms| DevSms {
        number: kept.number,
        to: kept.sms.to.to_string(),
        text: kept.sms.text,
        sent_at: kept.sms.at,
    };
    Ok(Json(log.list().into_iter().map(sms).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_letter_says_is_text_on_the_page() {
        let text = with_links("Hi <script>\nhttps://a.example/x#y=\"z\" javascript:alert(1)");
        assert_eq!(
            text,
            "Hi &lt;script&gt;\n<a href=\"https://a.example/x#y=&quot;z&quot;\">https://a.example/x#y=&quot;z&quot;</a> \
             javascript:alert(1)"
        );
    }
}

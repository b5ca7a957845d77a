//! The one HTML document of the app, and what is written into it for a request.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::assets::tag;
use super::negotiate::is_known;
use crate::api::problem::Problem;
use crate::ids::AppointmentId;
use crate::notify::templates::{Locale, escape};
use crate::scheduler::Branding;
use crate::units::{UnixTime, rfc3339};

/// Where the built document has a place for each of these.
const LANGUAGE: &str = "<html lang=\"en\">";
const TITLE: (&str, &str) = ("<title>", "</title>");
const HEAD: &str = "<!--head-->";
const PAGE: &str = "<!--page-->";
/// Its type.
const HTML: &str = "text/html; charset=utf-8";

/// What the server tells the app with a page, in `<script type="application/json" id="visavis-state">`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageState {
    /// The status that the page came with.
    pub(super) status: u16,
    /// Development mode.
    pub(super) development: bool,
    pub(super) branding: Branding,
    /// What stands against the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<Problem>,
    /// Of the page of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call: Option<CallState>,
}

/// What the server knows of a call's page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallState {
    /// The room, as the address names it.
    pub(super) room_name: String,
    /// Whose room it is; only for who takes part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appointment_id: Option<AppointmentId>,
    /// When the room opens, or has opened.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) opens_at: Option<UnixTime>,
    /// When it closes, or has closed.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) closes_at: Option<UnixTime>,
    /// The server's time when it made the page.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) server_time: UnixTime,
}

/// A page in words, which is read where no script runs.
pub(super) struct Words {
    pub(super) title: Cow<'static, str>,
    pub(super) cause: Cow<'static, str>,
    pub(super) next_step: Cow<'static, str>,
    /// What the link says.
    pub(super) link: Cow<'static, str>,
    /// Where it leads; a path of ours.
    pub(super) href: String,
}

/// The document.
pub(super) struct Shell(String);

impl Shell {
    pub(super) fn new(document: &str) -> Self {
        Self(document.to_owned())
    }

    /// Places that the document lacks.
    pub(super) fn lacks(&self) -> impl Iterator<Item = &'static str> {
        [LANGUAGE, TITLE.0, TITLE.1, HEAD, PAGE].into_iter().filter(|place| !self.0.contains(place))
    }

    /// The addresses of ours that the document names.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        let named = ["src=\"/", "href=\"/"].into_iter().flat_map(|begin| self.0.split(begin).skip(1));
        named.filter_map(|rest| rest.split('"').next())
    }

    /// A page of the app, which shows itself.
    pub(super) fn page(&self, state: &PageState) -> String {
        self.fill(&escape(&state.branding.name), state, "")
    }

    /// A page that says itself what it has to say, until the app takes over.
    pub(super) fn words(&self, locale: Locale, state: &PageState, words: &Words) -> String {
        let name = escape(&state.branding.name);
        let title = escape(&words.title);
        let page = format!(
            "<main class=\"server-page\" lang=\"{}\">\n<p>{name}</p>\n<h1>{title}</h1>\n<p>{}</p>\n<p>{}</p>\n\
             <p><a href=\"{}\">{}</a></p>\n</main>",
            locale.tag(),
            escape(&words.cause),
            escape(&words.next_step),
            escape(&words.href),
            escape(&words.link),
        );
        self.fill(&format!("{title} – {name}"), state, &page).replacen(
            LANGUAGE,
            &format!("<html lang=\"{}\">", locale.tag()),
            1,
        )
    }

    /// `title` and `page` are HTML.
    fn fill(&self, title: &str, state: &PageState, page: &str) -> String {
        let state = format!("<script type=\"application/json\" id=\"visavis-state\">{}</script>", json(state));
        let mut text = self.0.replacen(HEAD, &state, 1).replacen(PAGE, page, 1);
        let (begin, end) = (text.find(TITLE.0).map(|at| at + TITLE.0.len()), text.find(TITLE.1));
        if let (Some(begin), Some(end)) = (begin, end)
            && begin <= end
        {
            text.replace_range(begin..end, title);
        }
        text
    }
}

/// JSON that stands between tags: nothing in it ends the script, nor begins anything else.
fn json(state: &PageState) -> String {
    // Texts, numbers and JSON values always serialise.
    let text = serde_json::to_string(state).unwrap_or_else(|_| "null".to_owned());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The answer with a page that is the same for everybody: kept, and asked about each time.
pub(super) fn shared(request: &HeaderMap, html: String) -> Response {
    let tag = format!("\"{}\"", tag(html.as_bytes()));
    // Also where the browser has it already it is said what it is: the policy that goes with that replaces the one that
    // the browser has kept.
    let mut response = if is_known(request, &tag) {
        (StatusCode::NOT_MODIFIED, [(header::CONTENT_TYPE, HTML)]).into_response()
    } else {
        document(StatusCode::OK, html)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // A tag is hexadecimal.
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
    response
}

/// The answer with a page that is one visitor's at one moment, and that nobody keeps.
pub(super) fn document(status: StatusCode, html: String) -> Response {
    (status, [(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-store")], html).into_response()
}

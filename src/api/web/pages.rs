//! Which pages there are, and the answers to requests for them and their files.

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};

use super::call::{call, framed_call};
use super::negotiate::language;
use super::shell::{PageState, document, shared};
use super::words::Cause;
use crate::api::office::{Access, Class, Framed, OfficeRoutes};
use crate::api::problem::{Code, Problem};
use crate::api::rest::Rest;
use crate::error::chain;
use crate::scheduler::Branding;

/// How a page comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The document alone: what it shows, the app asks the API for.
    App,
    /// The same, for the frames of other sites.
    Framed,
    /// The end of a link that came by mail.
    Link,
    /// Whether there is a call behind it, the server looks.
    Call,
    /// The same, for the frames of other sites.
    FramedCall,
}

/// Every page of the app. `/dev/mail` is one more, in development mode: see `rest::dev`.
pub(super) const PAGES: &[(&str, Kind)] = &[
    ("/", Kind::App),
    ("/about", Kind::App),
    ("/offline", Kind::App),
    ("/experts", Kind::App),
    ("/experts/{id}", Kind::App),
    ("/experts/{id}/book", Kind::App),
    ("/sign-in", Kind::App),
    ("/sign-up", Kind::App),
    ("/reset", Kind::App),
    ("/link", Kind::Link),
    ("/guest", Kind::Link),
    ("/settings", Kind::App),
    ("/appointments", Kind::App),
    ("/appointments/{id}", Kind::App),
    ("/history", Kind::App),
    ("/call/{room_name}", Kind::Call),
    ("/call-demo", Kind::App),
    ("/test-call", Kind::App),
    ("/expert", Kind::App),
    ("/expert/{section}", Kind::App),
    ("/expert/{section}/{id}", Kind::App),
    ("/admin", Kind::App),
    ("/admin/{section}", Kind::App),
    ("/admin/{section}/{id}", Kind::App),
    ("/embed/booking", Kind::Framed),
    ("/embed/booking/{id}", Kind::Framed),
    ("/embed/call/{room_name}", Kind::FramedCall),
];

/// Files beside the pages that have names of their own.
pub(super) const FILES: &[&str] =
    &["/sw.js", "/manifest.webmanifest", "/embed.js", "/unsupported.js", "/favicon.ico", "/robots.txt"];

/// Folders of files.
const FOLDERS: &[&str] = &["/assets/{*file}", "/icons/{*file}", "/plain/{*file}"];

/// Largest problem that is made a page of.
const MAX_PROBLEM: usize = 64 << 10;

pub(in crate::api) fn routes(mut routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    for (path, kind) in PAGES {
        let (access, handler) = match kind {
            Kind::App => (Access::Public, get(app)),
            Kind::Framed => (Access::Public, get(framed)),
            Kind::Link => (Access::Public, get(link)),
            Kind::Call => (Access::Anyone, get(call)),
            Kind::FramedCall => (Access::Anyone, get(framed_call)),
        };
        routes = routes.page(Class::Read, access, path, handler, Some(in_words));
    }
    for path in FILES.iter().chain(FOLDERS) {
        routes = routes.page(Class::Asset, Access::Public, path, get(file), None);
    }
    routes.describe::<PageState>().stray(any(stray), in_words)
}

/// A page of the app.
pub(in crate::api) async fn app(State(rest): State<Rest>, uri: Uri, headers: HeaderMap) -> Response {
    let html = rest.web.shell.page(&rest.page_state(StatusCode::OK).await);
    let mut response = shared(&headers, html);
    said(&mut response);
    if uri.path() == "/" {
        // LiveKit's clients look from anywhere whether the server is there.
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    response
}

async fn framed(rest: State<Rest>, uri: Uri, headers: HeaderMap) -> Response {
    let mut response = app(rest, uri, headers).await;
    response.extensions_mut().insert(Framed);
    response
}

/// The end of a link that came by mail. A server without the app has a page for it all the same.
async fn link(State(rest): State<Rest>, uri: Uri, headers: HeaderMap) -> Response {
    match rest.web.link {
        Some(page) => shared(&headers, page.to_owned()),
        None => app(State(rest), uri, headers).await,
    }
}

/// Where a visitor came from is known to other sites by our name alone.
fn said(response: &mut Response) {
    let policy = HeaderValue::from_static("strict-origin-when-cross-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
}

/// A file.
async fn file(State(rest): State<Rest>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    // Names have nothing in them that would be encoded.
    let name = uri.path().trim_start_matches('/');
    rest.web.assets.answer(name, &headers).ok_or(Problem::new(Code::NotFound))
}

/// Whatever else is asked for.
async fn stray() -> Problem {
    Problem::new(Code::NotFound)
}

/// Puts the making of pages around a route.
fn in_words(rest: Rest, methods: MethodRouter<Rest>) -> MethodRouter<Rest> {
    methods.layer(from_fn_with_state(rest, words))
}

/// Whoever opens a page is told in words what has gone wrong, wherever it has.
async fn words(State(rest): State<Rest>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let code = response.extensions().get::<Code>().copied();
    let is_page =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let Some(code) = code.filter(|_| !is_page && method.is_safe() && is_for_people(&path)) else { return response };
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_PROBLEM).await.unwrap_or_default();
    let problem = Problem::read(code, &body);
    let cause = match code {
        Code::NotFound => Cause::NotFound,
        Code::SignInRequired | Code::SessionExpired => Cause::SignedOut,
        code => Cause::Other(code),
    };
    let locale = language(&headers);
    let state = PageState { problem: Some(problem), ..rest.page_state(cause.status()).await };
    let html = rest.web.shell.words(locale, &state, &cause.words(locale, &path, None));
    let mut page = document(cause.status(), html);
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page.extensions_mut().insert(code);
    if path.starts_with("/embed/") {
        page.extensions_mut().insert(Framed);
    }
    page
}

/// Programs ask below these, and take no page for an answer.
fn is_for_people(path: &str) -> bool {
    !["/rtc", "/twirp", "/dev", "/api", "/feeds", "/assets", "/icons"]
        .iter()
        .any(|program| path.strip_prefix(program).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

impl Rest {
    /// What every page is told.
    pub(super) async fn page_state(&self, status: StatusCode) -> PageState {
        let branding = self.scheduler.branding().await.unwrap_or_else(|error| {
            tracing::warn!(error = %chain(&error), "a page goes without the place's name");
            Branding::default()
        });
        let development = self.gate.development;
        PageState { status: status.as_u16(), development, branding, problem: None, call: None }
    }
}

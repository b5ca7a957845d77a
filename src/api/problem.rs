//! Errors as the API answers them: problem details (RFC 9457) with a stable code and a next step.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub use super::catalogue::Code;
use crate::error::chain;

/// Content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// Longest detail in characters; what a client has sent is quoted no further.
const MAX_DETAIL: usize = 300;

/// An error as it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    extra: BTreeMap<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem with nothing to add to its title.
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, extra: BTreeMap::new(), retry_after: None }
    }

    /// A fault of ours: the log gets the error with its causes, the client only that there was one.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "a request failed");
        Self::new(Code::Internal)
    }

    /// Something that we lean on does not answer (a full disk, a locked database): the log gets the error.
    pub fn unavailable(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "a request could not be served");
        Self::new(Code::Unavailable).retry_after(Duration::from_secs(5))
    }

    /// Says what it is about in this case.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        let mut text = detail.to_string();
        if let Some((end, _)) = text.char_indices().nth(MAX_DETAIL) {
            text.truncate(end);
            text.push('…');
        }
        self.detail = Some(text);
        self
    }

    /// Adds a member that programs read, such as `opensAt`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        debug_assert!(!STANDARD.contains(&&*name), "`{name}` is one of a problem's own members");
        self.extra.insert(name, value.into());
        self
    }

    /// Says when it is worth trying again (`Retry-After`).
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The problem that an answer told; only its code where the answer cannot be read.
    pub(super) fn read(code: Code, body: &[u8]) -> Self {
        let members: BTreeMap<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let detail = members.get("detail").and_then(Value::as_str).map(str::to_owned);
        let extra = members.into_iter().filter(|(name, _)| !STANDARD.contains(&name.as_str())).collect();
        Self { detail, extra, ..Self::new(code) }
    }

    fn body(&self) -> ProblemBody<'_> {
        let code = self.code;
        ProblemBody {
            kind: format!("/api/problems#{code}"),
            title: code.title(),
            status: code.status().as_u16(),
            detail: self.detail.as_deref(),
            code,
            next_step: code.next_step(),
            extra: &self.extra,
        }
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail.as_deref().unwrap_or(self.code.title()))
    }
}

impl Error for Problem {}

/// The members that every problem has.
const STANDARD: [&str; 6] = ["type", "title", "status", "detail", "code", "nextStep"];

/// What went wrong and what to do about it (RFC 9457). Some problems have further members.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// Where the problem is described.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference")]
    kind: String,
    /// What happened, in a few words that are the same every time.
    title: &'static str,
    /// The answer's status.
    status: u16,
    /// What happened in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    code: Code,
    /// What can be done about it.
    next_step: &'static str,
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    extra: &'a BTreeMap<String, Value>,
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body().serialize(serializer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code;
        // Texts, numbers and JSON values always serialise.
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (code.status(), [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        // Whoever counts answers finds it here.
        response.extensions_mut().insert(code);
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn json(problem: Problem) -> (Response, Value) {
        let (parts, body) = problem.into_response().into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let value = serde_json::from_slice(&bytes).unwrap();
        (Response::from_parts(parts, axum::body::Body::empty()), value)
    }

    #[tokio::test]
    async fn a_problem_has_its_code_its_status_and_a_next_step() {
        let problem =
            Problem::new(Code::WindowNotOpen).detail("It opens at nine.").with("opensAt", "2026-11-22T09:00:00Z");
        let (response, value) = json(problem).await;
        assert_eq!(response.status().as_u16(), 403);
        assert_eq!(response.headers()[header::CONTENT_TYPE], CONTENT_TYPE);
        assert_eq!(value["code"], "window_not_open");
        assert_eq!(value["type"], "/api/problems#window_not_open");
        assert_eq!((&value["status"], &value["detail"]), (&403.into(), &"It opens at nine.".into()));
        assert_eq!(value["opensAt"], "2026-11-22T09:00:00Z");
        assert!(value["nextStep"].as_str().unwrap().contains("opensAt"));
        let (_, plain) = json(Problem::new(Code::NotFound)).await;
        assert!(plain.get("detail").is_none());
    }

    #[tokio::test]
    async fn waiting_is_told_in_whole_seconds_and_never_none() {
        for (wait, seconds) in [(0, "1"), (1, "1"), (1_001, "2"), (60_000, "60")] {
            let problem = Problem::new(Code::TooManyRequests).retry_after(Duration::from_millis(wait));
            assert_eq!(json(problem).await.0.headers()[header::RETRY_AFTER], seconds);
        }
    }

    #[tokio::test]
    async fn the_cause_of_our_own_faults_stays_with_us_and_quotes_are_short() {
        let cause = std::io::Error::other("/var/lib/visavis/db is full");
        let (response, value) = json(Problem::unavailable(&cause)).await;
        assert!(!value.to_string().contains("/var/lib") && response.headers().contains_key(header::RETRY_AFTER));
        let (_, value) = json(Problem::new(Code::InvalidBody).detail("é".repeat(100_000))).await;
        assert_eq!(value["detail"].as_str().unwrap().chars().count(), MAX_DETAIL + 1);
    }
}

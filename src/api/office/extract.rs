//! Extractors that answer with problems.

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::guard::is_json;
use crate::api::problem::{Code, Problem};

/// Largest JSON body.
pub(super) const MAX_BODY: usize = 64 << 10;

/// A JSON body, and an answer in JSON. What is read has `#[serde(deny_unknown_fields)]` on its type.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::WrongContentType).detail("This takes application/json."));
        }
        // The router bounds it, so that whoever reads a body in another way is bounded as well.
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            // How large it may be is its route's decision.
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge),
            // The client has gone while it sent.
            _ => Problem::new(Code::MalformedBody),
        })?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads a JSON object.
///
/// # Errors
///
/// A problem that says which field is wrong and how.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut document = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut document)
        .map_err(|error| wrong(&error.path().to_string(), error.inner()))?;
    document.end().map_err(|error| wrong(".", &error))?;
    // serde takes a list for a structure's fields in their order, which is nobody's contract.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(Code::InvalidBody).detail("expected an object, found a list"));
    }
    Ok(value)
}

fn wrong(path: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    if error.classify() != Category::Data {
        return Problem::new(Code::MalformedBody).detail(message);
    }
    let code = if message.starts_with("unknown field") { Code::UnknownField } else { Code::InvalidBody };
    // Lines and columns of a document that a program wrote help nobody.
    let message = message.rsplit_once(" at line ").map_or(&*message, |(text, _)| text);
    if path == "." {
        return Problem::new(code).detail(message);
    }
    let field: String = path.chars().take(100).collect();
    Problem::new(code).detail(format_args!("{field}: {message}")).with("field", field)
}

/// Parameters of the path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(value)| Self(value)).map_err(|rejection| match rejection {
            // The route has no such parameter: its own mistake.
            PathRejection::MissingPathParams(_) => Problem::new(Code::Internal),
            other if other.status().is_server_error() => Problem::new(Code::Internal),
            other => Problem::new(Code::InvalidPath).detail(reason(&other.body_text())),
        })
    }
}

/// Parameters of the query. The type has `#[serde(deny_unknown_fields)]`; for lists there is
/// [`Paged`](super::Paged).
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query.
pub(super) fn query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let invalid = |text: &str| Problem::new(Code::InvalidQuery).detail(reason(text));
    let uri = format!("/?{text}").parse().map_err(|_| invalid("it is no query"))?;
    let read = axum::extract::Query::<T>::try_from_uri(&uri);
    read.map(|axum::extract::Query(value)| value).map_err(|rejection: QueryRejection| invalid(&rejection.body_text()))
}

/// axum's texts begin by saying that deserialising failed, which the code has said already.
fn reason(text: &str) -> &str {
    ["Invalid URL: ", "Failed to deserialize query string: "]
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .unwrap_or(text)
}

/// A header's text, if it is there.
///
/// # Errors
///
/// A problem for one that is no text.
pub(in crate::api) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose().map_err(|_| Problem::new(Code::InvalidHeader).detail(format_args!("{name} is no text.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    use super::*;
    use crate::ids::UserId;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Body {
        name: String,
        #[serde(default)]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        id: UserId,
    }

    fn refused(body: &str) -> (Code, String) {
        let problem = parse::<Body>(body.as_bytes()).unwrap_err();
        (problem.code(), problem.to_string())
    }

    #[test]
    fn a_wrong_field_is_named_with_its_path() {
        for (body, code, text) in [
            (r#"{"name":1}"#, Code::InvalidBody, "name: invalid type: integer `1`, expected a string"),
            (r#"{}"#, Code::InvalidBody, "missing field `name`"),
            (r#"{"name":"a","nme":1}"#, Code::UnknownField, "unknown field `nme`"),
            (r#"{"name":"a","inner":[{"id":"7"}]}"#, Code::InvalidBody, "inner[0].id: "),
            (r#"{"name":"a","inner":[{"x":"7"}]}"#, Code::UnknownField, "inner[0].x: unknown field `x`"),
            (r#"{"name":"a","name":"b"}"#, Code::InvalidBody, "duplicate field `name`"),
            (r#"{"name":"a"} x"#, Code::MalformedBody, "trailing characters at line 1 column 14"),
            ("", Code::MalformedBody, "EOF while parsing"),
            ("{", Code::MalformedBody, "EOF while parsing"),
            ("[1,2", Code::InvalidBody, ""),
            (r#" ["a"]"#, Code::InvalidBody, "expected an object, found a list"),
            ("7", Code::InvalidBody, "expected struct"),
        ] {
            let (found, message) = refused(body);
            assert!(found == code && message.contains(text), "{body}: {message}");
            assert!(message.len() < 400);
        }
        let deep = "[".repeat(60_000);
        assert_eq!(refused(&format!(r#"{{"name":{deep}"#)).0, Code::InvalidBody);
        assert!(refused(&format!(r#"{{"name":"a","{}":1}}"#, "x".repeat(50_000))).1.len() < 600);
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Search {
        from: Option<u32>,
    }

    #[test]
    fn a_query_is_taken_as_it_is_described_or_not_at_all() {
        assert_eq!(query::<Search>("from=5").unwrap().from, Some(5));
        assert_eq!(query::<Search>("").unwrap().from, None);
        for wrong in ["from=x", "from=1&from=2", "to=1", "from=%zz", "from=-1"] {
            assert_eq!(query::<Search>(wrong).unwrap_err().code(), Code::InvalidQuery, "{wrong}");
        }
    }
}

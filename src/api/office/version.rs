//! Versions of what is edited: `ETag` in answers, `If-Match` in changes, so that two tabs do not overwrite each
//! other's work (RFC 9110 §8.8.3, §13.1.1).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::problem::{Code, Problem};

/// Tags in one `If-Match`; clients send one.
const MAX_TAGS: usize = 16;

/// An answer with the version of what it tells.
#[derive(Clone, Copy, Debug)]
pub struct Versioned<T>(pub i64, pub T);

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// The versions that a change is meant for; a request that does not say is answered with 428.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<i64>>);

impl IfMatch {
    /// Whether the change is meant for `version`.
    ///
    /// # Errors
    ///
    /// A problem that says it has changed.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        match &self.0 {
            Some(versions) if !versions.contains(&version) => Err(Code::PreconditionFailed.into()),
            _ => Ok(()),
        }
    }

    /// The one version that the change is meant for, which the writer compares inside its transaction; none for `*`.
    ///
    /// # Errors
    ///
    /// A problem for a tag that was never ours, as for one that is not any more, and for several at once.
    pub fn expected(&self) -> Result<Option<i64>, Problem> {
        match self.0.as_deref() {
            None => Ok(None),
            Some([version]) => Ok(Some(*version)),
            Some([]) => Err(Code::PreconditionFailed.into()),
            Some(_) => Err(Problem::new(Code::InvalidHeader).detail("If-Match takes one ETag here.")),
        }
    }

    fn read(text: &str) -> Result<Self, Problem> {
        if text.trim() == "*" {
            return Ok(Self(None));
        }
        let wrong = || Problem::new(Code::InvalidHeader).detail("If-Match is a list of ETags, or *.");
        let tags: Vec<&str> = text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags.is_empty() || tags.len() > MAX_TAGS {
            return Err(wrong());
        }
        let mut versions = Vec::with_capacity(tags.len());
        for tag in tags {
            // A weak tag never matches, for it does not say that every byte is the same; neither do foreign ones.
            let strong = tag.strip_prefix("W/").is_none();
            let tag = tag.trim_start_matches("W/").strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let tag = tag.filter(|tag| !tag.contains('"')).ok_or_else(wrong)?;
            versions.extend(tag.parse::<i64>().ok().filter(|_| strong));
        }
        Ok(Self(Some(versions)))
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match super::extract::header(&parts.headers, "if-match")? {
            Some(text) => Self::read(text),
            None => Err(Code::PreconditionRequired.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_change_is_made_to_the_version_that_it_was_based_on() {
        let check = |text: &str, version| IfMatch::read(text).unwrap().check(version).map_err(|problem| problem.code());
        assert_eq!(check("\"7\"", 7), Ok(()));
        assert_eq!(check("\"6\", \"7\"", 7), Ok(()));
        assert_eq!(check("*", 7), Ok(()));
        for other in ["\"6\"", "W/\"7\"", "\"\"", "\"abc\"", "\"70\""] {
            assert_eq!(check(other, 7), Err(Code::PreconditionFailed), "{other}");
        }
        let expected = |text: &str| IfMatch::read(text).unwrap().expected().map_err(|problem| problem.code());
        assert_eq!((expected("\"7\""), expected("*")), (Ok(Some(7)), Ok(None)));
        for other in ["W/\"7\"", "\"abc\""] {
            assert_eq!(expected(other), Err(Code::PreconditionFailed), "{other}");
        }
        assert_eq!(expected("\"6\", \"7\""), Err(Code::InvalidHeader));
        for wrong in ["", "7", "\"7", "\"7\" \"8\"", ",", &"\"1\",".repeat(100)] {
            assert_eq!(IfMatch::read(wrong).map_err(|problem| problem.code()), Err(Code::InvalidHeader), "{wrong}");
        }
    }

    #[test]
    fn answers_carry_a_strong_tag() {
        assert_eq!(Versioned(7, "x").into_response().headers()[header::ETAG], "\"7\"");
    }
}

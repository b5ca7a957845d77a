//! What the office's own errors are to who called the API: each word of theirs is a code of the catalogue.

use std::time::Duration;

use super::problem::{Code, Problem};
use crate::accounts::AccountsError;
use crate::scheduler;
use crate::store::StoreError;

/// When it is worth trying again after too many passwords waited to be checked.
const BUSY: Duration = Duration::from_secs(2);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Code::NotFound.into(),
            error if error.is_passing() => Problem::unavailable(&error),
            error => Problem::internal(&error),
        }
    }
}

impl From<scheduler::Error> for Problem {
    fn from(error: scheduler::Error) -> Self {
        let (code, extra) = (error.code(), error.extra());
        let problem = match error {
            scheduler::Error::Store(error) => return error.into(),
            scheduler::Error::NotFound => Problem::new(Code::NotFound),
            // A test holds the two lists together.
            error => Problem::new(Code::from_word(code).unwrap_or(Code::Internal)).detail(error),
        };
        extra.into_iter().fold(problem, |problem, (name, value)| problem.with(name, value))
    }
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Store(error) => error.into(),
            AccountsError::NotFound => Code::NotFound.into(),
            AccountsError::Busy => Problem::new(Code::Busy).retry_after(BUSY),
            // A test holds the two lists together.
            error => Problem::new(Code::from_word(error.code()).unwrap_or(Code::Internal)).detail(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::response::IntoResponse;

    use super::*;
    use crate::scheduler::{Conflict, Denied, Error};
    use crate::units::UnixTime;

    #[test]
    fn the_catalogue_has_every_word_of_the_scheduler() {
        for word in scheduler::CODES {
            assert!(Code::from_word(word).is_some(), "{word}");
        }
    }

    #[test]
    fn the_catalogue_has_every_word_of_the_accounts() {
        let sources = [include_str!("../accounts/error.rs"), include_str!("../accounts/oidc/error.rs")];
        let arms = sources.iter().flat_map(|source| source.lines()).filter_map(|line| line.split_once("=> \""));
        let words: Vec<&str> = arms.filter_map(|(_, rest)| rest.split('"').next()).collect();
        assert!(words.len() > 35, "{words:?}");
        for word in words {
            assert!(Code::from_word(word).is_some(), "{word}");
        }
    }

    async fn body(error: Error) -> (u16, serde_json::Value) {
        let response = Problem::from(error).into_response();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn what_the_scheduler_refuses_is_told_with_what_programs_need() {
        let opens_at = UnixTime(1_795_338_000_000);
        let (status, closed) = body(Denied::WindowNotOpen { opens_at }.into()).await;
        assert_eq!((status, &closed["opensAt"]), (403, &"2026-11-22T09:00:00Z".into()));
        let (status, taken) = body(Conflict::SlotTaken.into()).await;
        assert_eq!((status, &taken["code"]), (409, &"slot_taken".into()));
        let (status, invalid) = body(Error::invalid("startsAt", "lies in the past")).await;
        assert_eq!(
            (status, &invalid["field"], &invalid["detail"]),
            (422, &"startsAt".into(), &"startsAt: lies in the past".into())
        );
        assert_eq!(body(Error::NotFound).await.0, 404);
        assert_eq!(body(Error::Stale).await.0, 412);
    }

    #[tokio::test]
    async fn a_database_that_does_not_play_along_is_not_the_callers_fault() {
        let full = body(Error::Store(StoreError::Full)).await;
        assert_eq!((full.0, &full.1["code"]), (503, &"unavailable".into()));
        let fault = body(Error::Store(StoreError::Internal("no such table: users".into()))).await;
        assert!(fault.0 == 500 && !fault.1.to_string().contains("users"));
        assert_eq!(body(Error::Store(StoreError::NotFound)).await.0, 404);
    }
}

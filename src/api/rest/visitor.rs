//! Who signs in and where from, and the cookie that is given in return.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Rest;
use crate::accounts::{Device, NewSession, Person, SignedIn};
use crate::api::office::{Caller, Class, Gate, Json};
use crate::api::problem::{Code, Problem};
use crate::ids::UserId;
use crate::store::Role;

/// The device that a request comes from, with the session that it had before. Routes that open sessions are
/// [`Access::Anyone`](crate::api::office::Access), so that this session is known and ends.
pub(super) struct Visitor(pub(super) Device);

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>();
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Device {
            user_agent: user_agent.unwrap_or_default().to_owned(),
            address: caller.map(|caller| caller.address.to_string()).unwrap_or_default(),
            replaces: caller.and_then(|caller| caller.session),
        }))
    }
}

/// The account that is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedInUser {
    id: UserId,
    email: String,
    /// Whether the address is known to be the person's.
    email_verified: bool,
    name: String,
    role: Role,
    tz: String,
    locale: String,
}

impl From<Person> for SignedInUser {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            email_verified: person.email_verified_at.is_some(),
            email: person.email,
            name: person.name,
            role: person.role,
            tz: person.tz,
            locale: person.locale,
        }
    }
}

/// The answer to who has signed in.
pub(super) fn welcome(gate: &Gate, status: StatusCode, signed_in: SignedIn) -> Result<Response, Problem> {
    let user: SignedInUser = signed_in.person.into();
    with_cookie(gate, &signed_in.session, gate.session_ttl, (status, Json(user)))
}

/// An answer with the cookie of a new session.
pub(super) fn with_cookie(
    gate: &Gate,
    session: &NewSession,
    ttl: Duration,
    answer: impl IntoResponse,
) -> Result<Response, Problem> {
    let cookie = gate.cookie().set(session.token.reveal(), ttl).ok_or(Problem::new(Code::Internal))?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), answer).into_response())
}

/// An answer that makes the browser forget its session.
pub(super) fn without_cookie(gate: &Gate, answer: impl IntoResponse) -> Response {
    (AppendHeaders([(header::SET_COOKIE, gate.cookie().clear())]), answer).into_response()
}

impl Rest {
    /// Refuses whoever asks too often in one person's name, whatever addresses they ask from.
    pub(super) fn limit_name(&self, email: &str) -> Result<(), Problem> {
        let name = email.trim().to_ascii_lowercase();
        let limited = |wait| Problem::new(Code::TooManyRequests).retry_after(wait);
        self.gate.limits.name(Class::SignIn, &name, self.gate.clock.now()).map_err(limited)
    }
}

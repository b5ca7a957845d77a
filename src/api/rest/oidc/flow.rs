//! The way to a provider of identities and back.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::super::Rest;
use super::super::visitor::{Visitor, with_cookie};
use super::{Returned, Start};
use crate::accounts::AccountsError;
use crate::accounts::oidc::Callback;
use crate::api::office::{Gate, SessionCookie};
use crate::api::problem::{Code, Problem};

/// How long a sign-in may take at the provider; its state lasts no longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// To the provider.
pub(super) async fn begin(rest: &Rest, gate: &Gate, start: &Start) -> Result<Response, Problem> {
    let provider = rest.sign_in_methods.provider.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let begun = match provider.begin(start.return_to.as_deref().unwrap_or("/")).await {
        Ok(begun) => begun,
        Err(error) => return Ok(refused(AccountsError::from(error).into())),
    };
    let binding = binding(gate).set(begun.binding.reveal(), PATIENCE).ok_or(Problem::new(Code::Internal))?;
    Ok((AppendHeaders([(header::SET_COOKIE, binding)]), Redirect::to(&begun.url)).into_response())
}

/// Back from it.
pub(super) async fn finish(
    rest: &Rest,
    gate: &Gate,
    headers: &HeaderMap,
    Visitor(device): Visitor,
    returned: Returned,
) -> Result<Response, Problem> {
    let provider = rest.sign_in_methods.provider.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let Returned { state, code, error, iss } = returned;
    let bound = binding(gate).find(headers).unwrap_or_default();
    let mut response = match provider.finish(&Callback { state, code, error, iss }, bound, device).await {
        Ok((signed_in, page)) => with_cookie(gate, &signed_in.session, gate.session_ttl, Redirect::to(&page))?,
        Err(error) => refused(error.into()),
    };
    response.headers_mut().append(header::SET_COOKIE, binding(gate).clear());
    Ok(response)
}

fn binding(gate: &Gate) -> SessionCookie {
    SessionCookie::of_sign_in(&gate.base)
}

/// Back to the sign-in page, which says what has happened.
fn refused(problem: Problem) -> Response {
    let code = problem.code();
    let mut response = Redirect::to(&format!("/sign-in#problem={code}")).into_response();
    // The answer counts as the problem that it is.
    response.extensions_mut().insert(code);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

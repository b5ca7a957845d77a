//! Sign-in at a provider of identities. Both routes are gone to by the browser itself, so what goes wrong is told on
//! the sign-in page, by the problem's code.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Rest;
use super::visitor::{Visitor, with_cookie};
use crate::accounts::AccountsError;
use crate::accounts::oidc::Callback;
use crate::api::office::{Access, Class, Gate, OfficeRoutes, Query, SessionCookie};
use crate::api::problem::{Code, Problem};

/// How long a sign-in may take at the provider; its state lasts no longer.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add_as(Class::SignIn, Access::Public, routes!(begin_oidc)).add_as(
        Class::SignIn,
        Access::Anyone,
        routes!(finish_oidc),
    )
}

/// Where to go afterwards.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Start {
    /// The page of ours to go on with; the first one where none is given.
    #[serde(default)]
    #[param(max_length = 512)]
    return_to: Option<String>,
}

/// Go to the provider of identities to sign in
#[utoipa::path(get, path = "/api/auth/oidc/start", tag = "session", params(Start),
    responses((status = 303, description = "To the provider, or back to the sign-in page.")))]
async fn begin_oidc(State(rest): State<Rest>, gate: Gate, Query(start): Query<Start>) -> Result<Response, Problem> {
    let provider = rest.sign_in_methods.provider.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let begun = match provider.begin(start.return_to.as_deref().unwrap_or("/")).await {
        Ok(begun) => begun,
        Err(error) => return Ok(refused(AccountsError::from(error).into())),
    };
    let binding = binding(&gate).set(begun.binding.reveal(), PATIENCE).ok_or(Problem::new(Code::Internal))?;
    Ok((AppendHeaders([(header::SET_COOKIE, binding)]), Redirect::to(&begun.url)).into_response())
}

/// What the provider sends the browser back with. Providers add parameters of their own, so unknown ones are no
/// mistake.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Returned {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    iss: Option<String>,
}

/// Come back from the provider of identities
#[utoipa::path(get, path = "/api/auth/oidc/callback", tag = "session", params(Returned),
    responses((status = 303, description = "Signed in, to where it was to go on; or back to the sign-in page.")))]
async fn finish_oidc(
    State(rest): State<Rest>,
    gate: Gate,
    headers: HeaderMap,
    Visitor(device): Visitor,
    Query(returned): Query<Returned>,
) -> Result<Response, Problem> {
    let provider = rest.sign_in_methods.provider.as_ref().ok_or(Problem::new(Code::NotFound))?;
    let Returned { state, code, error, iss } = returned;
    let bound = binding(&gate).find(&headers).unwrap_or_default();
    let mut response = match provider.finish(&Callback { state, code, error, iss }, bound, device).await {
        Ok((signed_in, page)) => with_cookie(&gate, &signed_in.session, gate.session_ttl, Redirect::to(&page))?,
        Err(error) => refused(error.into()),
    };
    response.headers_mut().append(header::SET_COOKIE, binding(&gate).clear());
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

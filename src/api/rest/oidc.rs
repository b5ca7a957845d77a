//! Sign-in at a provider of identities. Both routes are gone to by the browser itself, so what goes wrong is told on
//! the sign-in page, by the problem's code.
//!
//! The routes are there in every build, so that the API's description is one; a build without the feature answers as
//! one whose settings name no provider.

#[cfg(feature = "oidc")]
mod flow;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Rest;
use super::visitor::Visitor;
use crate::api::office::{Access, Class, Gate, OfficeRoutes, Query};
use crate::api::problem::Problem;

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
#[cfg_attr(not(feature = "oidc"), allow(dead_code, reason = "described all the same"))]
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
    flow::begin(&rest, &gate, &start).await
}

/// What the provider sends the browser back with. Providers add parameters of their own, so unknown ones are no
/// mistake.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[cfg_attr(not(feature = "oidc"), allow(dead_code, reason = "described all the same"))]
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
    visitor: Visitor,
    Query(returned): Query<Returned>,
) -> Result<Response, Problem> {
    flow::finish(&rest, &gate, &headers, visitor, returned).await
}

/// The flow of a build that knows no provider.
#[cfg(not(feature = "oidc"))]
mod flow {
    use super::*;
    use crate::api::problem::Code;

    pub(super) async fn begin(_: &Rest, _: &Gate, _: &Start) -> Result<Response, Problem> {
        Err(Code::NotFound.into())
    }

    pub(super) async fn finish(
        _: &Rest,
        _: &Gate,
        _: &HeaderMap,
        _: Visitor,
        _: Returned,
    ) -> Result<Response, Problem> {
        Err(Code::NotFound.into())
    }
}

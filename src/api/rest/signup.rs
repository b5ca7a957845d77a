//! Making an account, and the links that come by mail. Links are opened by POST, with the token in the body: what
//! looks at mail for dangerous links uses none up, and no log holds one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::fields::{LinkToken, Password};
use super::state::SignInMethods;
use super::visitor::{SignedInUser, Visitor, welcome};
use crate::accounts::NewPerson;
use crate::api::office::{Access, Caller, Class, Json, Line, OfficeRoutes};
use crate::api::problem::Problem;
use crate::store::Role;

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Public, routes!(sign_in_methods))
        .add_as(Class::SignIn, Access::Anyone, routes!(register))
        .add_as(Class::SignIn, Access::Public, routes!(send_magic_link))
        .add_as(Class::SignIn, Access::Anyone, routes!(open_magic_link))
        .add_as(Class::SignIn, Access::Public, routes!(send_reset_link))
        .add_as(Class::SignIn, Access::Anyone, routes!(open_reset_link))
        .add_as(Class::SignIn, Access::Public, routes!(open_verification_link))
        .add_as(Class::SignIn, Access::SignedIn, routes!(send_verification_link))
}

/// The ways to sign in that there are here
#[utoipa::path(get, path = "/api/sign-in-methods", tag = "session", responses((status = 200, body = SignInMethods)))]
async fn sign_in_methods(State(rest): State<Rest>) -> Json<SignInMethods> {
    Json(rest.sign_in_methods.clone())
}

/// Somebody who wants an account. It is a customer's; other roles are an administrator's to give.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Registration {
    email: Line<254>,
    name: Line<200>,
    /// Without one a link by mail signs in.
    #[serde(default)]
    #[schema(inline)]
    password: Option<Password>,
    /// Time zone of the IANA database; UTC where none is given.
    #[serde(default)]
    tz: Option<Line<64>>,
    /// Language tag; English where none is given.
    #[serde(default)]
    locale: Option<Line<35>>,
    /// Telephone number in international form.
    #[serde(default)]
    phone: Option<Line<40>>,
}

/// Make an account
///
/// Whoever does is signed in; a mail asks to confirm the address.
#[utoipa::path(post, path = "/api/register", tag = "session", request_body = Registration,
    responses((status = 201, body = SignedInUser)))]
async fn register(
    State(rest): State<Rest>,
    Visitor(device): Visitor,
    Json(wanted): Json<Registration>,
) -> Result<Response, Problem> {
    rest.limit_name(&wanted.email)?;
    let new = NewPerson {
        email: wanted.email.into_string(),
        name: wanted.name.into_string(),
        password: wanted.password.map(|password| password.reveal().to_owned()),
        role: Role::Customer,
        tz: wanted.tz.map(Line::into_string),
        locale: wanted.locale.map(Line::into_string),
        phone: wanted.phone.map(Line::into_string),
    };
    welcome(&rest.gate, StatusCode::CREATED, rest.accounts.register(new, device).await?)
}

/// Where to send a link.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Address {
    email: Line<254>,
}

/// What a link ends with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Opened {
    #[schema(inline)]
    pub(super) token: LinkToken,
}

/// Send a link that signs in
///
/// The answer is the same whether there is such an account or not.
#[utoipa::path(post, path = "/api/links/magic", tag = "session", request_body = Address,
    responses((status = 202)))]
async fn send_magic_link(State(rest): State<Rest>, Json(to): Json<Address>) -> Result<StatusCode, Problem> {
    rest.limit_name(&to.email)?;
    rest.accounts.request_magic_link(&to.email)?;
    Ok(StatusCode::ACCEPTED)
}

/// Sign in by a link
#[utoipa::path(post, path = "/api/links/magic/open", tag = "session", request_body = Opened,
    responses((status = 200, body = SignedInUser)))]
async fn open_magic_link(
    State(rest): State<Rest>,
    Visitor(device): Visitor,
    Json(opened): Json<Opened>,
) -> Result<Response, Problem> {
    let signed_in = rest.accounts.open_magic_link(opened.token.reveal(), device).await?;
    welcome(&rest.gate, StatusCode::OK, signed_in)
}

/// Send a link that sets another password
///
/// The answer is the same whether there is such an account or not.
#[utoipa::path(post, path = "/api/links/reset", tag = "session", request_body = Address,
    responses((status = 202)))]
async fn send_reset_link(State(rest): State<Rest>, Json(to): Json<Address>) -> Result<StatusCode, Problem> {
    rest.limit_name(&to.email)?;
    rest.accounts.request_password_reset(&to.email)?;
    Ok(StatusCode::ACCEPTED)
}

/// What a link ends with, and the password that it is to set.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reset {
    #[schema(inline)]
    token: LinkToken,
    #[schema(inline)]
    password: Password,
}

/// Set a password by a link, of a reset or an invitation
///
/// It signs in, and all other devices out.
#[utoipa::path(post, path = "/api/links/reset/open", tag = "session", request_body = Reset,
    responses((status = 200, body = SignedInUser)))]
async fn open_reset_link(
    State(rest): State<Rest>,
    Visitor(device): Visitor,
    Json(reset): Json<Reset>,
) -> Result<Response, Problem> {
    let signed_in = rest.accounts.reset_password(reset.token.reveal(), reset.password.reveal(), device).await?;
    welcome(&rest.gate, StatusCode::OK, signed_in)
}

/// An address that is known to be its account's.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Verified {
    email: String,
}

/// Confirm an address by a link
#[utoipa::path(post, path = "/api/links/verify", tag = "session", request_body = Opened,
    responses((status = 200, body = Verified)))]
async fn open_verification_link(
    State(rest): State<Rest>,
    Json(opened): Json<Opened>,
) -> Result<Json<Verified>, Problem> {
    let person = rest.accounts.verify_email(opened.token.reveal()).await?;
    Ok(Json(Verified { email: person.email }))
}

/// Send the mail that asks to confirm one's address once more
///
/// Where the address is confirmed already, nothing is sent.
#[utoipa::path(post, path = "/api/me/verification", tag = "me", responses((status = 202)))]
async fn send_verification_link(State(rest): State<Rest>, caller: Caller) -> Result<StatusCode, Problem> {
    rest.accounts.request_verification(caller.user()?).await?;
    Ok(StatusCode::ACCEPTED)
}

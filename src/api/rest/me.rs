//! One's own account.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::fields::{Password, given};
use super::visitor::without_cookie;
use crate::accounts::{Person, ProfileChanges};
use crate::api::office::{Access, Caller, Class, IfMatch, Json, Line, OfficeRoutes, Versioned};
use crate::api::problem::{Code, Problem};
use crate::ids::UserId;
use crate::scheduler::Whose;
use crate::store::Role;
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::SignedIn, routes!(profile, change_profile))
        .add_as(Class::SignIn, Access::SignedIn, routes!(erase_me))
        .add_as(Class::SignIn, Access::SignedIn, routes!(change_password))
        .add_as(Class::SignIn, Access::SignedIn, routes!(change_email))
        .add_as(Class::Upload, Access::SignedIn, routes!(export_me))
}

/// One's own account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OwnProfile {
    id: UserId,
    email: String,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    email_verified_at: Option<UnixTime>,
    name: String,
    role: Role,
    tz: String,
    locale: String,
    phone: Option<String>,
    /// Whether there is a password to sign in with.
    has_password: bool,
    reminders_by_mail: bool,
    reminders_by_sms: bool,
    /// When no text message comes.
    quiet_hours: Option<QuietHoursView>,
    /// Whether there is a calendar feed.
    has_feed: bool,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixTime,
}

/// Two minutes of the day, in the account's time zone. They may lie around midnight.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuietHoursView {
    #[schema(maximum = 1439)]
    from_minute: u16,
    #[schema(maximum = 1439)]
    until_minute: u16,
}

impl From<Person> for Versioned<Json<OwnProfile>> {
    fn from(person: Person) -> Self {
        let quiet_hours =
            person.quiet_hours.map(|quiet| QuietHoursView { from_minute: quiet.from, until_minute: quiet.until });
        let profile = OwnProfile {
            id: person.id,
            email: person.email,
            email_verified_at: person.email_verified_at,
            name: person.name,
            role: person.role,
            tz: person.tz,
            locale: person.locale,
            phone: person.phone,
            has_password: person.has_password,
            reminders_by_mail: person.reminders_by_mail,
            reminders_by_sms: person.reminders_by_sms,
            quiet_hours,
            has_feed: person.has_feed,
            created_at: person.created_at,
        };
        Versioned(person.version, Json(profile))
    }
}

/// One's own account
#[utoipa::path(get, path = "/api/me", tag = "me", responses((status = 200, body = OwnProfile)))]
async fn profile(State(rest): State<Rest>, caller: Caller) -> Result<Versioned<Json<OwnProfile>>, Problem> {
    Ok(rest.accounts.person(caller.actor, caller.user()?).await?.into())
}

/// What is to be different; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Changes {
    #[serde(default)]
    name: Option<Line<200>>,
    #[serde(default)]
    tz: Option<Line<64>>,
    #[serde(default)]
    locale: Option<Line<35>>,
    /// `null` takes it away, and with it reminders by text message.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 40)]
    phone: Option<Option<Line<40>>>,
    #[serde(default)]
    reminders_by_mail: Option<bool>,
    #[serde(default)]
    reminders_by_sms: Option<bool>,
    /// `null` lets messages come at any time.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<QuietHoursView>)]
    quiet_hours: Option<Option<QuietHoursView>>,
}

/// Change one's own account
#[utoipa::path(patch, path = "/api/me", tag = "me", params(("if-match" = String, Header)), request_body = Changes,
    responses((status = 200, body = OwnProfile)))]
async fn change_profile(
    State(rest): State<Rest>,
    caller: Caller,
    if_match: IfMatch,
    Json(changes): Json<Changes>,
) -> Result<Versioned<Json<OwnProfile>>, Problem> {
    let id = caller.user()?;
    let current = rest.accounts.person(caller.actor, id).await?;
    if_match.check(current.version)?;
    let changes = ProfileChanges {
        version: Some(current.version),
        name: changes.name.map(Line::into_string),
        tz: changes.tz.map(Line::into_string),
        locale: changes.locale.map(Line::into_string),
        phone: changes.phone.map(|phone| phone.map(Line::into_string)),
        reminders_by_mail: changes.reminders_by_mail,
        reminders_by_sms: changes.reminders_by_sms,
        quiet_hours: changes.quiet_hours.map(|quiet| quiet.map(|quiet| (quiet.from_minute, quiet.until_minute))),
    };
    Ok(rest.accounts.update(caller.actor, id, changes).await?.into())
}

/// The old password and a new one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordChange {
    #[schema(inline)]
    old: Password,
    #[schema(inline)]
    new: Password,
}

/// Change one's password
///
/// All other devices are signed out. Who has none yet lets a link be sent that sets one.
#[utoipa::path(put, path = "/api/me/password", tag = "me", request_body = PasswordChange,
    responses((status = 204)))]
async fn change_password(
    State(rest): State<Rest>,
    caller: Caller,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let session = caller.session.ok_or(Problem::new(Code::SignInRequired))?;
    rest.accounts.change_password(caller.user()?, session, change.old.reveal(), change.new.reveal()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Another address, and the password; where there is none, the sign-in must be fresh.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EmailChange {
    email: Line<254>,
    #[serde(default)]
    #[schema(inline)]
    password: Option<Password>,
}

/// Change one's e-mail address
///
/// A mail goes to the new one; the change is made when its link is opened.
#[utoipa::path(put, path = "/api/me/email", tag = "me", request_body = EmailChange, responses((status = 202)))]
async fn change_email(
    State(rest): State<Rest>,
    caller: Caller,
    Json(change): Json<EmailChange>,
) -> Result<StatusCode, Problem> {
    let session = caller.session.ok_or(Problem::new(Code::SignInRequired))?;
    let password = change.password.as_ref().map(Password::reveal);
    rest.accounts.change_email(caller.user()?, session, password, &change.email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Take along all that is held about oneself
#[utoipa::path(get, path = "/api/me/export", tag = "me",
    responses((status = 200, description = "Everything, by what it is.", body = Object)))]
async fn export_me(State(rest): State<Rest>, caller: Caller) -> Result<Response, Problem> {
    download(&rest, &caller, caller.user()?).await
}

/// Everything that is held about somebody, as a file.
pub(super) async fn download(rest: &Rest, caller: &Caller, of: UserId) -> Result<Response, Problem> {
    let export = rest.accounts.export(caller.actor, of).await?;
    let name = HeaderValue::from_static("attachment; filename=\"visavis-export.json\"");
    Ok(([(header::CONTENT_DISPOSITION, name)], Json(export)).into_response())
}

/// That it is really meant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Farewell {
    /// The account's; where there is none, the sign-in must be fresh.
    #[serde(default)]
    #[schema(inline)]
    password: Option<Password>,
}

/// Give one's account up
///
/// What remains of consultations says nothing any more of who took part. Those that lie ahead are cancelled first.
#[utoipa::path(delete, path = "/api/me", tag = "me", request_body = Farewell, responses((status = 204)))]
async fn erase_me(
    State(rest): State<Rest>,
    caller: Caller,
    Json(farewell): Json<Farewell>,
) -> Result<Response, Problem> {
    let id = caller.user()?;
    let session = caller.session.ok_or(Problem::new(Code::SignInRequired))?;
    rest.accounts.confirm(id, session, farewell.password.as_ref().map(Password::reveal)).await?;
    rest.accounts.erase(caller.actor, id).await?;
    rest.scheduler.put_out(Whose::User(id)).await?;
    rest.remove_files_of(caller.actor, id).await;
    Ok(without_cookie(&rest.gate, StatusCode::NO_CONTENT))
}

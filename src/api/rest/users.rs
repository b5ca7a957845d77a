//! Accounts, for administrators.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use super::fields::{DeviceView, Password, SignedOut};
use super::me::download;
use crate::accounts::{NewPerson, PeopleFilter, Person, Status};
use crate::api::office::{Access, Caller, Class, Json, Line, OfficeRoutes, Path, Query, Slice, Versioned};
use crate::api::problem::{Code, Problem};
use crate::ids::UserId;
use crate::scheduler::Whose;
use crate::store::Role;
use crate::units::{UnixTime, rfc3339};

/// Items in a piece of the list, where nothing is said and at most.
const PIECE: (u16, u16) = (50, 100);

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Admin, routes!(list_users, create_user))
        .add(Access::Admin, routes!(read_user, change_user, erase_user))
        .add(Access::Admin, routes!(disable_user))
        .add(Access::Admin, routes!(enable_user))
        .add(Access::Admin, routes!(list_user_devices, sign_user_out))
        .add(Access::Admin, routes!(send_password_link))
        .add_as(Class::Upload, Access::Admin, routes!(export_user))
}

/// An account as administrators see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: UserId,
    email: String,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    email_verified_at: Option<UnixTime>,
    name: String,
    role: Role,
    status: Status,
    tz: String,
    locale: String,
    phone: Option<String>,
    /// Whether there is a password to sign in with.
    has_password: bool,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: UnixTime,
}

impl From<Person> for Account {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            email: person.email,
            email_verified_at: person.email_verified_at,
            name: person.name,
            role: person.role,
            status: person.status,
            tz: person.tz,
            locale: person.locale,
            phone: person.phone,
            has_password: person.has_password,
            created_at: person.created_at,
            updated_at: person.updated_at,
        }
    }
}

fn versioned(person: Person) -> Versioned<Json<Account>> {
    Versioned(person.version, Json(person.into()))
}

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    #[serde(default)]
    role: Option<Role>,
    /// All but erased ones where none is given.
    #[serde(default)]
    status: Option<Status>,
    /// Part of the name or of the address.
    #[serde(default)]
    #[param(max_length = 200)]
    q: Option<Line<200>>,
    /// `nextCursor` of the answer before; nothing for the first piece.
    #[serde(default)]
    #[param(max_length = 2048)]
    cursor: Option<String>,
    /// Most items to answer.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u16>,
}

/// Accounts by name
#[utoipa::path(get, path = "/api/users", tag = "users", params(Wanted),
    responses((status = 200, body = Slice<Account>)))]
async fn list_users(
    State(rest): State<Rest>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Slice<Account>>, Problem> {
    let limit = wanted.limit.unwrap_or(PIECE.0);
    if !(1..=PIECE.1).contains(&limit) {
        let detail = format!("limit is a number from 1 to {}.", PIECE.1);
        return Err(Problem::new(Code::InvalidQuery).detail(detail));
    }
    let filter = PeopleFilter { search: wanted.q.map(Line::into_string), role: wanted.role, status: wanted.status };
    let people = rest.accounts.people(caller.actor, filter, wanted.cursor.as_deref(), limit).await?;
    Ok(Json(Slice { items: people.people.into_iter().map(Account::from).collect(), next_cursor: people.next }))
}

/// Somebody who is to have an account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAccount {
    email: Line<254>,
    name: Line<200>,
    role: Role,
    /// Without one a mail invites its owner to choose one.
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
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = NewAccount,
    responses((status = 201, body = Account)))]
async fn create_user(
    State(rest): State<Rest>,
    caller: Caller,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Versioned<Json<Account>>), Problem> {
    let new = NewPerson {
        email: new.email.into_string(),
        name: new.name.into_string(),
        password: new.password.map(|password| password.reveal().to_owned()),
        role: new.role,
        tz: new.tz.map(Line::into_string),
        locale: new.locale.map(Line::into_string),
        phone: new.phone.map(Line::into_string),
    };
    Ok((StatusCode::CREATED, versioned(rest.accounts.create(caller.actor, new).await?)))
}

/// An account
#[utoipa::path(get, path = "/api/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = Account)))]
async fn read_user(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Versioned<Json<Account>>, Problem> {
    Ok(versioned(rest.accounts.person(caller.actor, id).await?))
}

/// What an account is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    role: Role,
}

/// Give somebody another role
///
/// The person is signed out everywhere. Experts give up consultations that lie ahead first.
#[utoipa::path(patch, path = "/api/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    request_body = Change, responses((status = 200, body = Account)))]
async fn change_user(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
    Json(change): Json<Change>,
) -> Result<Versioned<Json<Account>>, Problem> {
    Ok(versioned(rest.accounts.set_role(caller.actor, id, change.role).await?))
}

/// Erase a person
///
/// What remains of consultations says nothing any more of who took part. Those that lie ahead are cancelled first.
#[utoipa::path(delete, path = "/api/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 204)))]
async fn erase_user(State(rest): State<Rest>, caller: Caller, Path(id): Path<UserId>) -> Result<StatusCode, Problem> {
    rest.accounts.erase(caller.actor, id).await?;
    rest.scheduler.put_out(Whose::User(id)).await?;
    rest.remove_files_of(caller.actor, id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Close an account
///
/// Its sessions, links and tokens for rooms end at once.
#[utoipa::path(post, path = "/api/users/{user_id}/disable", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = Account)))]
async fn disable_user(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Versioned<Json<Account>>, Problem> {
    let account = rest.accounts.disable(caller.actor, id).await?;
    rest.scheduler.put_out(Whose::User(id)).await?;
    Ok(versioned(account))
}

/// Open an account again
#[utoipa::path(post, path = "/api/users/{user_id}/enable", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = Account)))]
async fn enable_user(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Versioned<Json<Account>>, Problem> {
    Ok(versioned(rest.accounts.enable(caller.actor, id).await?))
}

/// The devices that somebody is signed in on
#[utoipa::path(get, path = "/api/users/{user_id}/sessions", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = Vec<DeviceView>)))]
async fn list_user_devices(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<Vec<DeviceView>>, Problem> {
    rest.accounts.person(caller.actor, id).await?;
    let rows = rest.accounts.sessions_of(caller.actor, id).await?;
    Ok(Json(rows.into_iter().map(|row| DeviceView::new(row, caller.session)).collect()))
}

/// Sign somebody out everywhere
#[utoipa::path(delete, path = "/api/users/{user_id}/sessions", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = SignedOut)))]
async fn sign_user_out(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<SignedOut>, Problem> {
    rest.accounts.person(caller.actor, id).await?;
    let except = caller.session.filter(|_| caller.actor.user() == Some(id));
    let signed_out = rest.accounts.sign_out_everywhere(caller.actor, id, except).await?;
    Ok(Json(SignedOut { signed_out }))
}

/// Send somebody a link that sets a password
#[utoipa::path(post, path = "/api/users/{user_id}/password-link", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 202)))]
async fn send_password_link(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    rest.accounts.invite(caller.actor, id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// All that is held about somebody, for the person
#[utoipa::path(get, path = "/api/users/{user_id}/export", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, description = "Everything, by what it is.", body = Object)))]
async fn export_user(State(rest): State<Rest>, caller: Caller, Path(id): Path<UserId>) -> Result<Response, Problem> {
    download(&rest, &caller, id).await
}

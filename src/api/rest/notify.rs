//! What goes outward, as administrators look after it; and the key that browsers subscribe with.

use std::future::Future;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, PageParams, Paged, Slice};
use crate::api::problem::{Code, Problem};
use crate::error::chain;
use crate::ids::{AppointmentId, OutboxId, UserId};
use crate::notify::dispatch::TrialError;
use crate::notify::ical::Person;
use crate::notify::mail::check_address;
use crate::notify::sms::PhoneNumber;
use crate::store::{RowExt, StoreError};
use crate::units::{UnixTime, rfc3339};

/// How long a mail server or an SMS service may take while somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(25);

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Anyone, routes!(push_key))
        .add(Access::Admin, routes!(test_mail))
        .add(Access::Admin, routes!(test_sms))
        .add(Access::Admin, routes!(outbox))
}

/// The public key of this server's notifications.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PushKey {
    /// For `applicationServerKey`, in base64url.
    public_key: String,
}

/// The key that browsers subscribe to notifications with
#[utoipa::path(get, path = "/api/push/key", tag = "service", responses((status = 200, body = PushKey)))]
async fn push_key(State(rest): State<Rest>) -> Result<Json<PushKey>, Problem> {
    let public_key = rest.dispatcher.push_key().ok_or(Problem::new(Code::NotFound))?;
    Ok(Json(PushKey { public_key }))
}

/// Where to; to the caller where nothing is said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Receiver {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    to: Option<Line<254>>,
}

/// What became of a test.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Trial {
    /// The next server has taken it.
    sent: bool,
    to: String,
    /// Why not, in the words of the server or service.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Trial {
    async fn of(to: String, trial: impl Future<Output = Result<(), TrialError>>) -> Json<Self> {
        let error = match timeout(PATIENCE, trial).await {
            Ok(result) => result.err().map(|error| chain(&error)),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        Json(Self { sent: error.is_none(), to, error })
    }
}

/// Send a mail that tries the settings
///
/// The answer comes when the mail server has taken it, or says in the server's words why not.
#[utoipa::path(post, path = "/api/admin/test/mail", tag = "administration", request_body = Receiver,
    responses((status = 200, body = Trial)))]
async fn test_mail(
    State(rest): State<Rest>,
    caller: Caller,
    Json(receiver): Json<Receiver>,
) -> Result<Json<Trial>, Problem> {
    let me = rest.accounts.person(caller.actor, caller.user()?).await?;
    let to = match receiver.to {
        Some(email) => Person { name: String::new(), email: email.into_string() },
        None => Person { name: me.name, email: me.email },
    };
    check_address(&to.email).map_err(|error| Problem::new(Code::InvalidBody).detail(error).with("field", "to"))?;
    Ok(Trial::of(to.email.clone(), rest.dispatcher.try_mail(to, &me.locale)).await)
}

/// Send an SMS that tries the settings
#[utoipa::path(post, path = "/api/admin/test/sms", tag = "administration", request_body = Receiver,
    responses((status = 200, body = Trial)))]
async fn test_sms(
    State(rest): State<Rest>,
    caller: Caller,
    Json(receiver): Json<Receiver>,
) -> Result<Json<Trial>, Problem> {
    let me = rest.accounts.person(caller.actor, caller.user()?).await?;
    let invalid = |text: &str| Problem::new(Code::InvalidBody).detail(text).with("field", "to");
    let number = receiver.to.map(Line::into_string).or(me.phone);
    let number = number.ok_or_else(|| invalid("your account has no telephone number, so say where to"))?;
    let number: PhoneNumber = number.parse().map_err(|error| invalid(&format!("{error}")))?;
    Ok(Trial::of(number.to_string(), rest.dispatcher.try_sms(number, &me.locale)).await)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `due`, `sent`, `failed` or `dropped`.
    #[param(inline)]
    state: Option<OutboxState>,
    /// `mail`, `sms` or `push`.
    #[param(inline)]
    channel: Option<OutboxChannel>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $word:literal),*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "lowercase")]
        enum $name {
            $($variant),*
        }

        impl $name {
            const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word),*
                }
            }
        }
    };
}

words!(
    /// What has become of a message.
    OutboxState: Due "due", Sent "sent", Failed "failed", Dropped "dropped"
);
words!(
    /// How a message goes.
    OutboxChannel: Mail "mail", Sms "sms", Push "push"
);

/// A message on its way or gone. What it says is not shown: it may hold links that sign in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OutboxRow {
    id: OutboxId,
    channel: String,
    /// What it tells of.
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<AppointmentId>,
    state: String,
    attempts: u32,
    /// Why it did not go, or not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    due_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixTime,
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    done_at: Option<UnixTime>,
}

/// What was sent, is to be sent and could not be sent, newest first
#[utoipa::path(get, path = "/api/outbox", tag = "administration", params(Which, PageParams),
    responses((status = 200, body = Slice<OutboxRow>)))]
async fn outbox(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<Which, OutboxId>,
) -> Result<Json<Slice<OutboxRow>>, Problem> {
    let (state, channel) = (page.filter.state.map(OutboxState::as_str), page.filter.channel.map(OutboxChannel::as_str));
    let (after, limit) = (page.after, page.limit);
    let more = i64::try_from(limit).unwrap_or_default() + 1;
    let query = move |reader: &crate::store::Reader<'_>| {
        // Ids begin with the time they were made at.
        let sql = "SELECT id, channel, kind, user_id, appointment_id, state, attempts, last_error, due_at, created_at,
               done_at
             FROM admin_outbox WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR channel = ?2)
               AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4";
        let mut query = reader.prepare_cached(sql)?;
        let rows = query.query_map((state, channel, after, more), |row| {
            Ok(OutboxRow {
                id: row.get(0)?,
                channel: row.get(1)?,
                kind: row.get(2)?,
                user_id: row.get(3)?,
                appointment_id: row.get(4)?,
                state: row.get(5)?,
                attempts: row.get(6)?,
                last_error: row.get(7)?,
                due_at: row.time(8)?,
                created_at: row.time(9)?,
                done_at: row.maybe_time(10)?,
            })
        })?;
        Ok::<Vec<OutboxRow>, StoreError>(rows.collect::<Result<_, _>>()?)
    };
    let rows = rest.scheduler.store().read(caller.actor, query).await?;
    Ok(Json(Slice::of(rows, limit, |row| row.id)))
}

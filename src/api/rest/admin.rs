//! What administrators see and decide: how long data is kept, what has happened, which calls go on, how the place is
//! called.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use super::calls::{WindowNow, keep_open};
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, PageParams, Paged, Path, Slice};
use crate::api::problem::Problem;
use crate::ids::AppointmentId;
use crate::scheduler::{
    AuditCheck, AuditFilter, AuditRow, Branding, BrandingChanges, DataClass, LiveRoom, RetentionPolicy,
};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Admin, routes!(retention, set_retention))
        .add(Access::Admin, routes!(audit_log))
        .add(Access::Admin, routes!(verify_audit))
        .add(Access::Admin, routes!(live_rooms))
        .add(Access::Admin, routes!(end_room))
        .add(Access::Admin, routes!(extend_room))
        .add(Access::Public, routes!(branding))
        .add(Access::Admin, routes!(set_branding))
}

/// How long each class of data is kept
#[utoipa::path(get, path = "/api/admin/retention", tag = "administration",
    responses((status = 200, body = Vec<RetentionPolicy>)))]
async fn retention(State(rest): State<Rest>, caller: Caller) -> Result<Json<Vec<RetentionPolicy>>, Problem> {
    Ok(Json(rest.scheduler.retention(caller.actor).await?))
}

/// How long one class of data is to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Keeping {
    class: DataClass,
    /// Days; 0 is for ever, where that is possible.
    #[schema(maximum = 36500)]
    keep_days: u32,
}

/// Say how long a class of data is kept
///
/// The next daily run deletes what is older. The answer has every class.
#[utoipa::path(put, path = "/api/admin/retention", tag = "administration", request_body = Keeping,
    responses((status = 200, body = Vec<RetentionPolicy>)))]
async fn set_retention(
    State(rest): State<Rest>,
    caller: Caller,
    Json(keeping): Json<Keeping>,
) -> Result<Json<Vec<RetentionPolicy>>, Problem> {
    rest.scheduler.set_retention(caller.actor, keeping.class, keeping.keep_days).await?;
    Ok(Json(rest.scheduler.retention(caller.actor).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// By whom: `user:…`, `guest:…`, `anonymous` or `system`.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 100)]
    actor: Option<Line<100>>,
    /// What was done; `appointment.*` stands for all of a group.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 100)]
    action: Option<Line<100>>,
    /// To what, such as `appointment:…`.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 100)]
    subject: Option<Line<100>>,
    /// At this time or later.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<UnixTime>,
    /// Before this time.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<UnixTime>,
}

/// What has happened, the latest first
#[utoipa::path(get, path = "/api/admin/audit", tag = "administration", params(Wanted, PageParams),
    responses((status = 200, body = Slice<AuditRow>)))]
async fn audit_log(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<Wanted, i64>,
) -> Result<Json<Slice<AuditRow>>, Problem> {
    let Wanted { actor, action, subject, from, to } = page.filter;
    let [actor, action, subject] = [actor, action, subject].map(|word| word.map(Line::into_string));
    let filter = AuditFilter { actor, action, subject, from, to };
    let found = rest.scheduler.audit_log(caller.actor, filter, page.after, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, |row| row.seq)))
}

/// Check the audit log
///
/// Each row's hash covers the row before it; the first that does not fit is named.
#[utoipa::path(get, path = "/api/admin/audit/verify", tag = "administration",
    responses((status = 200, body = AuditCheck)))]
async fn verify_audit(State(rest): State<Rest>, caller: Caller) -> Result<Json<AuditCheck>, Problem> {
    Ok(Json(rest.scheduler.verify_audit(caller.actor).await?))
}

/// The calls that go on, the longest first
#[utoipa::path(get, path = "/api/admin/rooms", tag = "administration",
    responses((status = 200, body = Vec<LiveRoom>)))]
async fn live_rooms(State(rest): State<Rest>, caller: Caller) -> Result<Json<Vec<LiveRoom>>, Problem> {
    Ok(Json(rest.scheduler.live_rooms(caller.actor).await?))
}

/// End a call for good
///
/// Everybody is sent away. What had begun counts as held, what had not is cancelled.
#[utoipa::path(post, path = "/api/admin/rooms/{appointment_id}/end", tag = "administration",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 204)))]
async fn end_room(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<StatusCode, Problem> {
    rest.scheduler.end_room(caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keep a room open longer
#[utoipa::path(post, path = "/api/admin/rooms/{appointment_id}/extend", tag = "administration",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = WindowNow)))]
async fn extend_room(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<WindowNow>, Problem> {
    keep_open(&rest, caller.actor, id).await
}

/// How the place is called and what it looks like
#[utoipa::path(get, path = "/api/branding", tag = "service", responses((status = 200, body = Branding)))]
async fn branding(State(rest): State<Rest>) -> Result<Json<Branding>, Problem> {
    Ok(Json(rest.scheduler.branding().await?))
}

/// Change that
///
/// What is absent stays; what is empty is as if nothing had ever been said.
#[utoipa::path(put, path = "/api/admin/branding", tag = "administration", request_body = BrandingChanges,
    responses((status = 200, body = Branding)))]
async fn set_branding(
    State(rest): State<Rest>,
    caller: Caller,
    Json(changes): Json<BrandingChanges>,
) -> Result<Json<Branding>, Problem> {
    Ok(Json(rest.scheduler.set_branding(caller.actor, changes).await?))
}

//! What is told of calls afterwards.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use super::fields::OfExpert;
use crate::api::office::{Access, Caller, Json, OfficeRoutes, PageParams, Paged, Path, Slice};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, CallLogId, UserId};
use crate::scheduler::{
    CallLog, CallLogFilter, CallSummary, Mark, QualityMinute, QualityReport, QualitySummary, SeatRole, StayQuality,
};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Guest, routes!(report))
        .add(Access::Staff, routes!(calls))
        .add(Access::SignedIn, routes!(call_logs))
}

/// How an appointment's call went.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Report {
    appointment_id: AppointmentId,
    /// How long there was somebody in the call.
    call_seconds: u64,
    /// How long the expert and a customer were in it together; for the expert and administrators.
    together_seconds: Option<u64>,
    /// Each stay in the call, in the order of their beginnings. Who comes twice has two.
    calls: Vec<Stay>,
    /// The minutes of all of them, one stay after the other.
    minutes: Vec<StayMinute>,
    /// All minutes taken together.
    summary: QualitySummary,
    /// Minutes were left out of the list, not of the sums: there are too many.
    truncated: bool,
}

/// One stay in a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Stay {
    call_log_id: CallLogId,
    participant_name: String,
    role: Option<SeatRole>,
    /// Without an account.
    guest: bool,
    /// When the media connected.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    started_at: UnixTime,
    /// None while it lasts.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<UnixTime>,
    duration_seconds: Option<u64>,
    end_reason: Option<String>,
    /// Its minutes taken together.
    summary: QualitySummary,
}

/// A minute of a stay.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StayMinute {
    /// Of which stay.
    call_log_id: CallLogId,
    #[serde(flatten)]
    minute: QualityMinute,
}

impl From<QualityReport> for Report {
    fn from(report: QualityReport) -> Self {
        let (mut calls, mut all) = (Vec::new(), Vec::new());
        for StayQuality { call, summary, minutes } in report.stays {
            let call_log_id = call.id;
            all.extend(minutes.into_iter().map(|minute| StayMinute { call_log_id, minute }));
            calls.push(Stay {
                call_log_id,
                participant_name: call.participant_name,
                role: call.seat_role,
                guest: call.user_id.is_none(),
                started_at: call.started_at,
                ended_at: call.ended_at,
                duration_seconds: call.duration_seconds,
                end_reason: call.end_reason,
                summary,
            });
        }
        Self {
            appointment_id: report.appointment_id,
            call_seconds: report.call_seconds,
            together_seconds: report.together_seconds,
            calls,
            minutes: all,
            summary: report.summary,
            truncated: report.truncated,
        }
    }
}

/// How an appointment's call went
///
/// The expert and administrators see everybody's figures, others their own.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/report", tag = "calls",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Report)))]
async fn report(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<Report>, Problem> {
    Ok(Json(rest.scheduler.quality(caller.actor, id).await?.into()))
}

/// An expert's calls and how they went, the latest first
#[utoipa::path(get, path = "/api/calls", tag = "calls", params(OfExpert, PageParams),
    responses((status = 200, body = Slice<CallSummary>)))]
async fn calls(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<OfExpert, Mark<AppointmentId>>,
) -> Result<Json<Slice<CallSummary>>, Problem> {
    let expert = page.filter.or(&caller)?;
    let found = rest.scheduler.calls(caller.actor, expert, page.after, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, CallSummary::mark)))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of one appointment.
    #[serde(default)]
    appointment_id: Option<AppointmentId>,
    /// Of one person.
    #[serde(default)]
    user_id: Option<UserId>,
    /// Begun at this time or later.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<UnixTime>,
    /// Begun before this time.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<UnixTime>,
}

/// Who was in which call, the latest first
///
/// One's own stays; for an expert those of the expert's consultations, for administrators all of them.
#[utoipa::path(get, path = "/api/call-logs", tag = "calls", params(Wanted, PageParams),
    responses((status = 200, body = Slice<CallLog>)))]
async fn call_logs(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<Wanted, Mark<CallLogId>>,
) -> Result<Json<Slice<CallLog>>, Problem> {
    let Wanted { appointment_id, user_id, from, to } = page.filter;
    let filter = CallLogFilter { appointment: appointment_id, user: user_id, from, to };
    let found = rest.scheduler.call_logs(caller.actor, filter, page.after, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, CallLog::mark)))
}

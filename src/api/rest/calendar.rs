//! An appointment for the caller's own calendar.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, OfficeRoutes, Path};
use crate::api::problem::{Code, Problem};
use crate::ids::AppointmentId;
use crate::notify::ical::{self, Alarm, Event};
use crate::notify::templates::links;
use crate::scheduler::{Appointment, Status};

/// How long before the start calendars remind.
const ALARM: Duration = Duration::from_secs(15 * 60);
/// How often calendars that subscribe to something look again.
pub(super) const REFRESH: Duration = Duration::from_secs(3600);

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Guest, routes!(invitation))
}

/// An appointment as a calendar takes it
///
/// It has the same UID as the invitation by mail, so that calendars take the two for one.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/invite.ics", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path)),
    responses((status = 200, content_type = "text/calendar", body = String)))]
async fn invitation(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<impl IntoResponse, Problem> {
    let appointment = rest.scheduler.appointment(caller.actor, id).await?.appointment;
    if appointment.status == Status::Hold {
        return Err(Code::NotFound.into());
    }
    let experts = caller.actor.user() == Some(appointment.expert_id);
    let event = event(&rest, appointment, experts);
    let text = ical::feed(&event.summary, REFRESH, [&event], rest.scheduler.now());
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"invite.ics\""),
    ];
    Ok((headers, text))
}

/// The event, in the expert's calendar or somebody else's. It has the same UID as the invitation by mail.
pub(super) fn event(rest: &Rest, it: Appointment, experts: bool) -> Event {
    let partner = match (experts, it.capacity) {
        (true, 1) => &it.customer_name,
        (true, _) => "",
        (false, _) => &it.expert_name,
    };
    let summary = if partner.is_empty() { it.title.clone() } else { format!("{}: {partner}", it.title) };
    let status = match it.status {
        Status::Hold | Status::Pending => ical::Status::Tentative,
        Status::Approved | Status::InProgress | Status::Completed | Status::NoShow => ical::Status::Confirmed,
        Status::Rejected | Status::Cancelled | Status::Expired => ical::Status::Cancelled,
    };
    let page = links::appointment(&rest.gate.base, it.id);
    Event {
        uid: it.ical_uid,
        sequence: it.ical_sequence,
        created_at: it.created_at,
        modified_at: it.updated_at,
        starts_at: it.starts_at,
        ends_at: it.ends_at,
        alarms: vec![Alarm { before: ALARM, text: summary.clone() }],
        summary,
        description: page,
        meeting_url: it.meeting_url.map(|path| rest.gate.base.link(&path)),
        // Addresses of people are not for files that are passed on.
        organizer: ical::Person { name: it.expert_name, email: format!("noreply@{}", rest.gate.base.host()) },
        sent_by: None,
        attendees: Vec::new(),
        status,
    }
}

//! An appointment as the API tells it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::Rest;
use crate::api::office::{Caller, Json, Versioned};
use crate::api::problem::Problem;
use crate::ids::{AppointmentId, SeatId, ServiceId, UserId};
use crate::scheduler::{
    Action, CloseAnchor, Consent, Detail, Lobby, NoShow, Permissions, Seat, SeatRole, Status, Window, WindowOverrides,
    WindowRules, WindowState,
};
use crate::units::{UnixTime, rfc3339};

/// An appointment as the caller sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Appointment)]
pub(super) struct View {
    id: AppointmentId,
    /// The service's title when it was booked.
    title: String,
    status: Status,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    ends_at: UnixTime,
    /// The customer's zone when booking.
    tz: String,
    service_id: ServiceId,
    expert_id: UserId,
    expert_name: String,
    /// Who booked it; nothing for the others of a group.
    customer_id: Option<UserId>,
    customer_name: Option<String>,
    /// How many customers there is room for.
    capacity: u32,
    /// The call's page; nothing before it is approved.
    meeting_url: Option<String>,
    meeting_room_name: Option<String>,
    window: WindowView,
    lobby: Lobby,
    /// Whether chat is kept.
    keep_chat: bool,
    /// What the customer wrote; for the two sides.
    note: String,
    /// What was written on deciding or calling off; for the two sides.
    decision_message: String,
    /// On whose side it was called off: `customer`, `expert` or `admin`.
    cancelled_by: Option<String>,
    proposal: Option<ProposalView>,
    /// Who did not come.
    no_show: Option<NoShow>,
    /// Until when a hold lasts.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    hold_expires_at: Option<UnixTime>,
    /// Since when expert and customer have been in the call.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    in_progress_at: Option<UnixTime>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<UnixTime>,
    /// Who takes part, as far as the caller may know.
    seats: Vec<SeatView>,
    /// The caller's own seat.
    own_seat_id: Option<SeatId>,
    /// What the caller can do now.
    actions: Vec<Action>,
    /// The ETag's number.
    version: i64,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: UnixTime,
}

/// When its room is open.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WindowView {
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    opens_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    closes_at: UnixTime,
    state: Openness,
    /// How long before the start it opens, unless it was opened early.
    open_before_min: u64,
    /// How long after the end, or the start, it closes, extensions apart.
    close_after_min: u64,
    /// What that is counted from.
    close_anchor: CloseAnchor,
    own: OwnWindow,
}

/// What the appointment itself has of this: from its service when it was booked, or changed since. For the rest the
/// server's settings count.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OwnWindow {
    open_before_min: Option<u64>,
    close_after_min: Option<u64>,
    close_anchor: Option<CloseAnchor>,
}

impl WindowView {
    fn new(window: &Window, rules: WindowRules, own: &WindowOverrides, now: UnixTime) -> Self {
        let in_force = rules.with(own);
        Self {
            opens_at: window.opens,
            closes_at: window.closes,
            state: match window.state(now) {
                WindowState::NotOpen { .. } => Openness::NotOpen,
                WindowState::Open { .. } => Openness::Open,
                WindowState::Closed { .. } => Openness::Closed,
            },
            open_before_min: minutes(in_force.before),
            close_after_min: minutes(in_force.after),
            close_anchor: in_force.anchor,
            own: OwnWindow {
                open_before_min: own.before.map(minutes),
                close_after_min: own.after.map(minutes),
                close_anchor: own.anchor,
            },
        }
    }
}

/// Whole minutes; the server's settings may have seconds besides.
fn minutes(margin: Duration) -> u64 {
    margin.as_secs() / 60
}

/// Where the present moment lies.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Openness {
    /// Before the window.
    NotOpen,
    /// In it.
    Open,
    /// After it.
    Closed,
}

/// Another time that one side proposes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProposalView {
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    starts_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    ends_at: UnixTime,
    /// Whether it is the customer who proposes it.
    by_customer: bool,
    message: String,
}

/// A seat as the caller sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Seat)]
pub(super) struct SeatView {
    pub(super) id: SeatId,
    name: String,
    role: SeatRole,
    permissions: Permissions,
    /// Without an account.
    guest: bool,
    /// The caller's own.
    own: bool,
    /// For the expert and administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    /// For the expert and administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// What the person wrote who joined a session; for the expert and administrators.
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    /// What this one agreed to when booking; for oneself, the expert and administrators, and not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<Consent>,
    /// When the expert let this one in.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    admitted_at: Option<UnixTime>,
    /// Since when this one waits in the lobby.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_since: Option<UnixTime>,
}

/// The seats that are taken, as the caller sees them.
pub(super) fn seats(detail: &Detail) -> Vec<SeatView> {
    let own = detail.own.as_ref().map(|seat| seat.id);
    let email = |seat: &Seat| detail.contacts.iter().find(|(id, _)| *id == seat.id).map(|(_, email)| email.clone());
    let view = |seat: &Seat| SeatView {
        id: seat.id,
        name: seat.name.clone(),
        role: seat.role,
        permissions: seat.permissions,
        guest: seat.user_id.is_none(),
        own: own == Some(seat.id),
        user_id: seat.user_id.filter(|_| detail.runs),
        email: email(seat),
        note: if detail.runs { seat.note.clone() } else { String::new() },
        consent: detail.consents.iter().find(|(id, _)| *id == seat.id).map(|(_, consent)| consent.clone()),
        admitted_at: seat.admitted_at,
        waiting_since: seat.waiting_since,
    };
    detail.seats.iter().filter(|seat| seat.removed_at.is_none()).map(view).collect()
}

impl View {
    /// An appointment as the API tells it.
    pub(super) fn new(rest: &Rest, detail: Detail) -> Self {
        let seats = seats(&detail);
        let Detail { appointment: it, window, own, actions, .. } = detail;
        let rules = rest.scheduler.settings().window;
        // Without a name it is not for the caller to know.
        let known = !it.customer_name.is_empty();
        // What the two sides write to each other is not for whoever comes along.
        let sided = own.as_ref().is_none_or(|own| matches!(own.role, SeatRole::Host | SeatRole::Client));
        let proposal = it.proposal.filter(|_| sided).map(|proposal| ProposalView {
            starts_at: proposal.starts_at,
            ends_at: proposal.ends_at,
            by_customer: proposal.by == it.customer_id,
            message: proposal.message,
        });
        View {
            id: it.id,
            title: it.title,
            status: it.status,
            starts_at: it.starts_at,
            ends_at: it.ends_at,
            tz: it.tz,
            service_id: it.service_id,
            expert_id: it.expert_id,
            expert_name: it.expert_name,
            customer_id: known.then_some(it.customer_id),
            customer_name: Some(it.customer_name).filter(|_| known),
            capacity: it.capacity,
            meeting_url: it.meeting_url.map(|path| rest.gate.base.link(&path)),
            meeting_room_name: it.meeting_room_name,
            window: WindowView::new(&window, rules, &it.overrides, rest.scheduler.now()),
            lobby: it.lobby,
            keep_chat: it.keep_chat,
            note: it.customer_note,
            decision_message: if sided { it.decision_message } else { String::new() },
            cancelled_by: it.cancelled_by,
            proposal,
            no_show: it.no_show,
            hold_expires_at: it.hold_expires_at,
            in_progress_at: it.in_progress_at,
            completed_at: it.completed_at,
            seats,
            own_seat_id: own.map(|seat| seat.id),
            actions,
            version: it.version,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

/// An appointment's view with its version.
pub(super) type Told = Versioned<Json<View>>;

/// The appointment as the caller sees it now.
pub(super) async fn told(rest: &Rest, caller: &Caller, id: AppointmentId) -> Result<Told, Problem> {
    let detail = rest.scheduler.appointment(caller.actor, id).await?;
    Ok(Versioned(detail.appointment.version, Json(View::new(rest, detail))))
}

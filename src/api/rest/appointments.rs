//! Asking for appointments, finding them again, and what has become of them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Rest;
use super::view::{Told, View, told};
use crate::accounts::AccountsError;
use crate::api::office::{Access, Caller, Json, Line, OfficeRoutes, PageParams, Paged, Path, Prose, Query, Slice};
use crate::api::problem::{Code, Problem};
use crate::ids::{AppointmentId, SeatId, ServiceId, UserId};
use crate::scheduler::{
    AppointmentFilter, BookFor, BookingRequest, Detail, HistoryEntry, JoinReason, Mark, NewConsent, NewSeat, Side,
    Status, Tense, Wanted,
};
use crate::store::{Actor, Role};
use crate::units::{UnixTime, rfc3339};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::SignedIn, routes!(appointments, book))
        .add(Access::Guest, routes!(appointment))
        .add(Access::SignedIn, routes!(appointment_history))
        .add(Access::Anyone, routes!(explain_join))
}

/// An appointment that is asked for: by a customer for oneself, by experts and administrators for a customer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Booking {
    /// What the customer holds; or else `serviceId`, `startsAt` and `tz`.
    #[serde(default)]
    hold_id: Option<AppointmentId>,
    #[serde(default)]
    service_id: Option<ServiceId>,
    #[serde(with = "rfc3339::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<UnixTime>,
    /// The zone in which the customer reads a clock.
    #[serde(default)]
    #[schema(example = "Europe/Rome")]
    tz: Option<Line<64>>,
    /// What the expert should know; from a customer.
    #[serde(default)]
    note: Prose<5_000>,
    /// Who comes along.
    #[serde(default)]
    #[schema(max_items = 5)]
    participants: Vec<NewSeat>,
    /// What the customer agrees to; from customers.
    #[serde(default)]
    consent: Option<NewConsent>,
    /// For whom; from experts and administrators.
    #[serde(default)]
    customer_id: Option<UserId>,
    /// The same by the address of the account.
    #[serde(default)]
    customer_email: Option<Line<254>>,
    /// Words to the customer; from experts and administrators.
    #[serde(default)]
    message: Prose<5_000>,
    /// Even where the expert's hours have no room for it; from experts and administrators.
    #[serde(default)]
    outside_hours: bool,
}

impl Booking {
    fn request(self) -> Result<BookingRequest, Problem> {
        let staff = self.customer_id.is_some() || self.customer_email.is_some() || self.outside_hours;
        if staff || !self.message.is_empty() {
            return Err(Problem::new(Code::WrongRole).detail("Customers book for themselves."));
        }
        let wanted = match (self.hold_id, self.service_id, self.starts_at, self.tz) {
            (Some(hold), None, None, None) => Wanted::Hold(hold),
            (None, Some(service), Some(starts_at), Some(tz)) => {
                Wanted::Start { service, starts_at, tz: tz.into_string() }
            }
            _ => return Err(Problem::new(Code::InvalidBody).detail("It takes holdId, or serviceId, startsAt and tz.")),
        };
        Ok(BookingRequest {
            wanted,
            note: self.note.into_string(),
            companions: self.participants,
            consent: self.consent,
        })
    }

    async fn on_behalf(self, rest: &Rest) -> Result<BookFor, Problem> {
        if self.consent.is_some() {
            let problem = Problem::new(Code::InvalidBody).detail("Customers agree for themselves.");
            return Err(problem.with("field", "consent"));
        }
        let (None, None, true, Some(service), Some(starts_at)) =
            (self.hold_id, &self.tz, self.note.is_empty(), self.service_id, self.starts_at)
        else {
            let detail = "For a customer it takes serviceId and startsAt, and message instead of note.";
            return Err(Problem::new(Code::InvalidBody).detail(detail));
        };
        let customer = match (self.customer_id, self.customer_email) {
            (Some(id), None) => id,
            (None, Some(email)) => match rest.accounts.person_by_email(Actor::System, &email).await {
                Ok(person) => person.id,
                Err(AccountsError::NotFound) => {
                    let problem = Problem::new(Code::InvalidBody).detail("Nobody has an account by this address.");
                    return Err(problem.with("field", "customerEmail"));
                }
                Err(error) => return Err(error.into()),
            },
            _ => return Err(Problem::new(Code::InvalidBody).detail("It takes customerId or customerEmail.")),
        };
        Ok(BookFor {
            customer,
            service,
            starts_at,
            outside_hours: self.outside_hours,
            message: self.message.into_string(),
            companions: self.participants,
        })
    }
}

/// Ask for an appointment, or book one for a customer
///
/// What a customer asks for waits for the expert, unless the service approves by itself. What experts and
/// administrators book is approved.
#[utoipa::path(post, path = "/api/appointments", tag = "booking", request_body = Booking,
    responses((status = 201, body = View, headers(("etag" = String)))))]
async fn book(
    State(rest): State<Rest>,
    caller: Caller,
    Json(booking): Json<Booking>,
) -> Result<(StatusCode, Told), Problem> {
    let booked = match caller.actor.role() {
        Some(Role::Customer) => rest.scheduler.request(caller.actor, booking.request()?).await?,
        _ => rest.scheduler.book_for(caller.actor, booking.on_behalf(&rest).await?).await?,
    };
    Ok((StatusCode::CREATED, told(&rest, &caller, booked.id).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// In one of these states, with commas between them. What is only held is told where `hold` is among them.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "pending,approved")]
    status: Statuses,
    /// Starts at that moment or later.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<UnixTime>,
    /// Starts before that moment.
    #[serde(with = "rfc3339::option", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<UnixTime>,
    /// What the caller is in it.
    #[serde(default)]
    #[param(inline)]
    role: Option<Part>,
    /// Still to come (the next first) or over (the latest first).
    #[serde(default)]
    #[param(inline)]
    when: Option<When>,
    /// With this expert.
    #[serde(default)]
    expert_id: Option<UserId>,
    /// Booked by this customer.
    #[serde(default)]
    customer_id: Option<UserId>,
}

/// What the caller is in an appointment.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Its expert.
    Expert,
    /// Who has booked it, or has a seat in it.
    Participant,
}

/// Where an appointment stands.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum When {
    /// It is still to come, or going on.
    Upcoming,
    /// It is over, or came to nothing.
    Past,
}

/// States with commas between them.
#[derive(Default)]
struct Statuses(Vec<Status>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        let read = |word: &str| Status::parse(word).ok_or_else(|| D::Error::custom("a status is not known"));
        text.split(',').take(Status::ALL.len() + 1).map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// One's own appointments; an administrator's are everybody's
///
/// The next come first; of what is past, the latest.
#[utoipa::path(get, path = "/api/appointments", tag = "appointments", params(Filter, PageParams),
    responses((status = 200, body = Slice<View>)))]
async fn appointments(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<Filter, Mark<AppointmentId>>,
) -> Result<Json<Slice<View>>, Problem> {
    let filter = page.filter;
    let filter = AppointmentFilter {
        statuses: filter.status.0,
        tense: filter.when.map(|when| match when {
            When::Upcoming => Tense::Upcoming,
            When::Past => Tense::Past,
        }),
        from: filter.from,
        to: filter.to,
        side: filter.role.map(|part| match part {
            Part::Expert => Side::Expert,
            Part::Participant => Side::Participant,
        }),
        expert: filter.expert_id,
        customer: filter.customer_id,
    };
    let found = rest.scheduler.appointments(caller.actor, filter, page.after, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, Detail::mark).map(|detail| View::new(&rest, detail))))
}

/// One appointment
#[utoipa::path(get, path = "/api/appointments/{appointment_id}", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path)),
    responses((status = 200, body = View, headers(("etag" = String)))))]
async fn appointment(State(rest): State<Rest>, caller: Caller, Path(id): Path<AppointmentId>) -> Result<Told, Problem> {
    told(&rest, &caller, id).await
}

/// What has happened to an appointment
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/history", tag = "appointments",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Vec<HistoryEntry>)))]
async fn appointment_history(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<Vec<HistoryEntry>>, Problem> {
    Ok(Json(rest.scheduler.history(caller.actor, id).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Another's seat, for the expert and administrators.
    #[serde(default)]
    seat_id: Option<SeatId>,
}

/// Whether somebody may join the call now, and what stands against it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Joining {
    may_join: bool,
    /// Every reason, not only the first.
    reasons: Vec<Obstacle>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opens_at: Option<UnixTime>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    closes_at: Option<UnixTime>,
}

/// A reason, with what can be done about it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Obstacle {
    #[serde(flatten)]
    reason: JoinReason,
    next_step: &'static str,
}

/// Why one can, or cannot, join the call now
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/join", tag = "calls",
    params(("appointment_id" = AppointmentId, Path), Whose), responses((status = 200, body = Joining)))]
async fn explain_join(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    Query(whose): Query<Whose>,
) -> Result<Json<Joining>, Problem> {
    let explained = rest.scheduler.explain_join(caller.actor, id, whose.seat_id).await?;
    let obstacle = |reason| Obstacle { next_step: next_step(&reason), reason };
    Ok(Json(Joining {
        may_join: explained.may_join,
        reasons: explained.reasons.into_iter().map(obstacle).collect(),
        opens_at: explained.opens_at,
        closes_at: explained.closes_at,
    }))
}

const fn next_step(reason: &JoinReason) -> &'static str {
    match reason {
        JoinReason::SignInRequired => Code::SignInRequired.next_step(),
        JoinReason::NoSeat => "Ask the expert for a seat.",
        JoinReason::Removed => Code::Removed.next_step(),
        JoinReason::NotJoinable { .. } => Code::NotJoinable.next_step(),
        JoinReason::WindowNotOpen { .. } => Code::WindowNotOpen.next_step(),
        JoinReason::WindowClosed { .. } => Code::WindowClosed.next_step(),
        JoinReason::LobbyWaiting { .. } => Code::LobbyWaiting.next_step(),
    }
}

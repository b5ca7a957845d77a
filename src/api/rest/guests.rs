//! Guest links: made for a guest's seat of an appointment, and opened by whoever holds one.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::session::GuestSeat;
use super::signup::Opened;
use super::visitor::{Visitor, with_cookie};
use crate::accounts::{GuestInvitation, GuestLink, GuestLinkRequest};
use crate::api::office::{Access, Caller, Class, Json, Line, OfficeRoutes, Path, Prose};
use crate::api::problem::{Code, Problem};
use crate::ids::{AppointmentId, RecordId, SeatId, UserId};
use crate::scheduler::{Appointment, Error, Seat};
use crate::store::{Actor, Reader};
use crate::units::{UnixTime, rfc3339};

/// Uses of a link where nothing is said: a guest may open it on the telephone first, and on the computer again.
const USES: u16 = 10;

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add_as(Class::SignIn, Access::Anyone, routes!(open_guest_link))
        .add(Access::Staff, routes!(list_guest_links, create_guest_link))
        .add(Access::Staff, routes!(revoke_guest_link))
}

/// Come in by a guest link
///
/// Each opening counts. The session that the browser had before ends.
#[utoipa::path(post, path = "/api/guest/open", tag = "guests", request_body = Opened,
    responses((status = 200, body = GuestSeat)))]
async fn open_guest_link(
    State(rest): State<Rest>,
    Visitor(device): Visitor,
    Json(opened): Json<Opened>,
) -> Result<Response, Problem> {
    let guest = rest.accounts.open_guest_link(opened.token.reveal(), device).await?;
    let seat = rest.guest_seat(guest.seat).await?;
    let left = guest.session.expires_at.as_millis() - rest.gate.now().as_millis();
    let ttl = Duration::from_millis(u64::try_from(left).unwrap_or_default());
    with_cookie(&rest.gate, &guest.session, ttl, Json(seat))
}

/// What a link is to be like.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewLink {
    seat_id: SeatId,
    /// The close of the room where none is given, and no later than that.
    #[serde(with = "rfc3339::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<UnixTime>,
    /// How often it may be opened; 10 times where nothing is said.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    max_uses: Option<u16>,
    /// Send it to the seat's address.
    #[serde(default)]
    invitation: Option<Invitation>,
}

/// The mail that carries a link.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Invitation {
    /// The guest's language; that of whoever invites where none is given.
    #[serde(default)]
    locale: Option<Line<35>>,
    /// Words to go with it.
    #[serde(default)]
    message: Prose<1000>,
}

/// A link that has just been made. It is told this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeLink {
    id: RecordId,
    seat_id: SeatId,
    /// The page that lets the guest in.
    url: String,
    /// What the address ends with.
    token: String,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: UnixTime,
    max_uses: u16,
}

/// Make a guest link
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/guest-links", tag = "guests",
    params(("appointment_id" = AppointmentId, Path)), request_body = NewLink,
    responses((status = 201, body = MadeLink)))]
async fn create_guest_link(
    State(rest): State<Rest>,
    caller: Caller,
    Path(of): Path<AppointmentId>,
    Json(new): Json<NewLink>,
) -> Result<(StatusCode, Json<MadeLink>), Problem> {
    let seat_id = new.seat_id;
    let query = move |reader: &Reader<'_>| {
        let seat = Seat::load(reader, seat_id)?;
        if seat.appointment_id != of { Err(Error::NotFound) } else { Appointment::load(reader, of) }
    };
    let appointment = rest.scheduler.store().read(caller.actor, query).await?;
    let closes = appointment.window(&rest.scheduler.settings().window).closes;
    if new.expires_at.is_some_and(|wanted| wanted > closes) {
        return Err(Problem::new(Code::InvalidBody)
            .detail(format_args!("expiresAt: the room closes at {}", rfc3339::format(closes)))
            .with("field", "expiresAt"));
    }
    let invitation = match new.invitation {
        Some(invitation) => Some(rest.invitation(caller.actor, caller.user()?, invitation, appointment.tz).await?),
        None => None,
    };
    let request = GuestLinkRequest {
        expires_at: new.expires_at.unwrap_or(closes),
        max_uses: new.max_uses.unwrap_or(USES),
        invitation,
    };
    let max_uses = request.max_uses;
    let made = rest.accounts.create_guest_link(caller.actor, seat_id, request).await?;
    let token = made.token.reveal().to_owned();
    // In the fragment neither servers nor `Referer` headers see it.
    let url = rest.gate.base.link(&format!("/guest#{token}"));
    let link = MadeLink { id: made.id, seat_id, url, token, expires_at: made.expires_at, max_uses };
    Ok((StatusCode::CREATED, Json(link)))
}

impl Rest {
    async fn invitation(
        &self,
        actor: Actor,
        by: UserId,
        invitation: Invitation,
        tz: String,
    ) -> Result<GuestInvitation, Problem> {
        let locale = match invitation.locale {
            Some(locale) => crate::accounts::fields::locale(&locale)?,
            None => self.accounts.person(actor, by).await?.locale,
        };
        Ok(GuestInvitation { locale, tz, message: invitation.message.into_string() })
    }
}

/// A guest link, without what it ends with.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LinkView {
    id: RecordId,
    seat_id: SeatId,
    created_by: UserId,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixTime,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: UnixTime,
    max_uses: u16,
    /// How often it was opened.
    uses: u16,
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<UnixTime>,
}

impl From<GuestLink> for LinkView {
    fn from(link: GuestLink) -> Self {
        Self {
            id: link.id,
            seat_id: link.seat,
            created_by: link.created_by,
            created_at: link.created_at,
            expires_at: link.expires_at,
            max_uses: link.max_uses,
            uses: link.uses,
            revoked_at: link.revoked_at,
        }
    }
}

/// The guest links of an appointment
///
/// The latest first. What they end with is told to nobody any more.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/guest-links", tag = "guests",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Vec<LinkView>)))]
async fn list_guest_links(
    State(rest): State<Rest>,
    caller: Caller,
    Path(of): Path<AppointmentId>,
) -> Result<Json<Vec<LinkView>>, Problem> {
    rest.scheduler.store().read(caller.actor, move |reader| Appointment::load(reader, of)).await?;
    let links = rest.accounts.guest_links(caller.actor, of).await?;
    Ok(Json(links.into_iter().map(LinkView::from).collect()))
}

/// Revoke a guest link
///
/// Whoever came to its seat is signed out.
#[utoipa::path(delete, path = "/api/guest-links/{link_id}", tag = "guests", params(("link_id" = RecordId, Path)),
    responses((status = 204)))]
async fn revoke_guest_link(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<RecordId>,
) -> Result<StatusCode, Problem> {
    rest.accounts.revoke_guest_link(caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Calendar feeds: one's appointments at an address that is a secret.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use super::calendar::{REFRESH, event};
use crate::api::office::{Access, Caller, Json, OfficeRoutes, Path};
use crate::api::problem::{Code, Problem};
use crate::notify::ical::{self, Event};
use crate::scheduler::{FeedEntry, SeatRole};

/// What addresses of feeds end with: some calendars go by it.
const ENDING: &str = ".ics";

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::SignedIn, routes!(make_feed, revoke_feed)).add(Access::Public, routes!(feed))
}

/// Where a feed is.
#[derive(Serialize, ToSchema)]
struct FeedAddress {
    /// For calendars to subscribe to. Whoever knows it reads the appointments; it is told here and never again.
    url: String,
}

/// Make a calendar feed of one's own appointments
///
/// Or give it another address: the one before stops working.
#[utoipa::path(post, path = "/api/me/feed", tag = "me", responses((status = 201, body = FeedAddress)))]
async fn make_feed(State(rest): State<Rest>, caller: Caller) -> Result<(StatusCode, Json<FeedAddress>), Problem> {
    let secret = rest.scheduler.make_feed(caller.actor).await?;
    let url = rest.gate.base.link(&format!("/feeds/{}{ENDING}", secret.reveal()));
    Ok((StatusCode::CREATED, Json(FeedAddress { url })))
}

/// Do away with one's calendar feed
#[utoipa::path(delete, path = "/api/me/feed", tag = "me", responses((status = 204)))]
async fn revoke_feed(State(rest): State<Rest>, caller: Caller) -> Result<StatusCode, Problem> {
    rest.scheduler.revoke_feed(caller.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody's appointments, for calendars
#[utoipa::path(get, path = "/feeds/{address}", tag = "me",
    params(("address" = String, Path, description = "The secret, with `.ics` behind it.")),
    responses((status = 200, content_type = "text/calendar", body = String)))]
async fn feed(State(rest): State<Rest>, Path(address): Path<String>) -> Result<impl IntoResponse, Problem> {
    let secret = address.strip_suffix(ENDING).ok_or(Problem::new(Code::NotFound))?;
    let feed = rest.scheduler.feed(secret).await?;
    let name = rest.scheduler.branding().await?.name;
    let told = |it: FeedEntry| event(&rest, it.appointment, it.role == SeatRole::Host);
    let events: Vec<Event> = feed.entries.into_iter().map(told).collect();
    let text = ical::feed(&name, REFRESH, &events, rest.gate.now());
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text))
}

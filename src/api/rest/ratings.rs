//! How consultations are rated.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::routes;

use super::Rest;
use super::fields::OfExpert;
use crate::api::office::{Access, Caller, Json, OfficeRoutes, PageParams, Paged, Path, Query, Slice};
use crate::api::problem::Problem;
use crate::ids::AppointmentId;
use crate::scheduler::{Mark, NewRating, Rating, RatingFigures};

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::SignedIn, routes!(rating, rate))
        .add(Access::Staff, routes!(ratings))
        .add(Access::Anyone, routes!(rating_figures))
}

/// An appointment's rating
///
/// The caller's own; for the expert, the first customer's. `null` where there is none.
#[utoipa::path(get, path = "/api/appointments/{appointment_id}/rating", tag = "content",
    params(("appointment_id" = AppointmentId, Path)), responses((status = 200, body = Option<Rating>)))]
async fn rating(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
) -> Result<Json<Option<Rating>>, Problem> {
    Ok(Json(rest.scheduler.rating(caller.actor, id).await?))
}

/// Rate a consultation
///
/// Once, by whom it was for, after it is completed.
#[utoipa::path(post, path = "/api/appointments/{appointment_id}/rating", tag = "content",
    params(("appointment_id" = AppointmentId, Path)), request_body = NewRating,
    responses((status = 201, body = Rating)))]
async fn rate(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<AppointmentId>,
    Json(new): Json<NewRating>,
) -> Result<(StatusCode, Json<Rating>), Problem> {
    Ok((StatusCode::CREATED, Json(rest.scheduler.rate(caller.actor, id, new).await?)))
}

/// An expert's ratings, the newest first
#[utoipa::path(get, path = "/api/ratings", tag = "content", params(OfExpert, PageParams),
    responses((status = 200, body = Slice<Rating>)))]
async fn ratings(
    State(rest): State<Rest>,
    caller: Caller,
    page: Paged<OfExpert, Mark<AppointmentId>>,
) -> Result<Json<Slice<Rating>>, Problem> {
    let expert = page.filter.or(&caller)?;
    let found = rest.scheduler.ratings(caller.actor, expert, page.after, page.limit + 1).await?;
    Ok(Json(Slice::of(found, page.limit, Rating::mark)))
}

/// An expert's ratings taken together
#[utoipa::path(get, path = "/api/ratings/figures", tag = "content", params(OfExpert),
    responses((status = 200, body = RatingFigures)))]
async fn rating_figures(
    State(rest): State<Rest>,
    caller: Caller,
    Query(of): Query<OfExpert>,
) -> Result<Json<RatingFigures>, Problem> {
    Ok(Json(rest.scheduler.rating_figures(caller.actor, of.or(&caller)?).await?))
}

//! Experts as the public finds them, and what they write of themselves.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{
    Access, Caller, IfMatch, Json, Line, OfficeRoutes, PageParams, Paged, Path, Slice, Versioned,
};
use crate::api::problem::{Code, Problem};
use crate::ids::UserId;
use crate::scheduler::{Choices, ExpertPage, ExpertSearch, FoundExpert, Profile, ProfileDraft};

/// Most experts in a piece: for each the next free time is looked for.
const MOST: usize = 50;

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes
        .add(Access::Anyone, routes!(experts))
        .add(Access::Anyone, routes!(expert))
        .add(Access::Anyone, routes!(choices))
        .add(Access::Expert, routes!(expert_profile, write_expert_profile))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Search {
    /// Words, each of which is in the name, the headline, a speciality or a language.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 200)]
    q: Option<Line<200>>,
    /// Who speaks this.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 35, example = "de")]
    language: Option<Line<35>>,
    /// Who has this speciality.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 60)]
    speciality: Option<Line<60>>,
}

/// The experts, by name, each with the next time that is free
#[utoipa::path(get, path = "/api/experts", tag = "experts", params(Search, PageParams),
    responses((status = 200, body = Slice<FoundExpert>)))]
async fn experts(
    State(rest): State<Rest>,
    page: Paged<Search, (String, UserId)>,
) -> Result<Json<Slice<FoundExpert>>, Problem> {
    let search = ExpertSearch {
        text: page.filter.q.map(Line::into_string).unwrap_or_default(),
        language: page.filter.language.map(Line::into_string),
        speciality: page.filter.speciality.map(Line::into_string),
    };
    let limit = page.limit.min(MOST);
    let found = rest.scheduler.experts(search, page.after, limit + 1).await?;
    Ok(Json(Slice::of(found, limit, FoundExpert::mark)))
}

/// What a search for experts can be narrowed down to
#[utoipa::path(get, path = "/api/expert-choices", tag = "experts", responses((status = 200, body = Choices)))]
async fn choices(State(rest): State<Rest>) -> Result<Json<Choices>, Problem> {
    Ok(Json(rest.scheduler.expert_choices().await?))
}

/// An expert's page
#[utoipa::path(get, path = "/api/experts/{slug}", tag = "experts",
    params(("slug" = String, Path, max_length = 60)), responses((status = 200, body = ExpertPage)))]
async fn expert(State(rest): State<Rest>, Path(slug): Path<String>) -> Result<Json<ExpertPage>, Problem> {
    Ok(Json(rest.scheduler.expert_page(&slug).await?))
}

/// What one has written of oneself
///
/// Whoever has written nothing yet is answered `not_found`, and begins with `If-Match: *`.
#[utoipa::path(get, path = "/api/me/expert-profile", tag = "experts",
    responses((status = 200, body = Profile, headers(("etag" = String)))))]
async fn expert_profile(State(rest): State<Rest>, caller: Caller) -> Result<Versioned<Json<Profile>>, Problem> {
    let profile = rest.scheduler.profile(caller.actor, caller.user()?).await?;
    profile.map(told).ok_or(Problem::new(Code::NotFound))
}

/// Write of oneself
#[utoipa::path(put, path = "/api/me/expert-profile", tag = "experts",
    params(("if-match" = String, Header, description = "The profile's ETag, or `*`.")), request_body = ProfileDraft,
    responses((status = 200, body = Profile, headers(("etag" = String)))))]
async fn write_expert_profile(
    State(rest): State<Rest>,
    caller: Caller,
    version: IfMatch,
    Json(draft): Json<ProfileDraft>,
) -> Result<Versioned<Json<Profile>>, Problem> {
    let expected = version.expected()?;
    Ok(told(rest.scheduler.set_profile(caller.actor, caller.user()?, draft, expected).await?))
}

fn told(profile: Profile) -> Versioned<Json<Profile>> {
    Versioned(profile.version(), Json(profile))
}

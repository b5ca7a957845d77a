//! The page behind links that come by mail: it uses a link up when its reader presses the button.

use axum::http::header;
use axum::response::{Html, IntoResponse};
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, OfficeRoutes};

const PAGE: &str = include_str!("../../../web/link/index.html");
const SCRIPT: &str = include_str!("../../../web/link/link.js");

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Public, routes!(link)).add(Access::Public, routes!(guest)).add(Access::Public, routes!(script))
}

/// The page of an account's link
#[utoipa::path(get, path = "/link", tag = "pages", responses((status = 200, content_type = "text/html", body = String)))]
async fn link() -> Html<&'static str> {
    Html(PAGE)
}

/// The page of a guest's link
#[utoipa::path(get, path = "/guest", tag = "pages", responses((status = 200, content_type = "text/html", body = String)))]
async fn guest() -> Html<&'static str> {
    Html(PAGE)
}

/// The script of both
#[utoipa::path(get, path = "/link.js", tag = "pages",
    responses((status = 200, content_type = "text/javascript", body = String)))]
async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}

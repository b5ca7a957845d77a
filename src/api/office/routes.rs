//! The one way by which a route of the office comes into being: with who may call it, which is written down, described
//! and enforced.

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::HttpMethod;
use utoipa_axum::router::UtoipaMethodRouter;

use super::access::Access;
use super::extract::MAX_BODY;
use super::gate::{Gate, OfficeState};
use super::guard::{Rule, guard};
use super::headers::{headers, page_policy, panicked};
use super::rate::Class;
use super::{base, openapi};
use crate::api::problem::{Code, Problem};

/// One method of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// What its requests cost.
    pub class: Class,
}

/// The API's description as it is served.
#[derive(Clone)]
pub(super) struct Description(pub(super) Bytes);

/// The office's routes as they are gathered; handlers' modules add theirs with `utoipa_axum::routes!`.
pub struct OfficeRoutes<S> {
    guarded: Vec<(Rule, Vec<String>, MethodRouter<S>)>,
    table: Vec<Route>,
    document: OpenApi,
    development: bool,
}

impl<S: OfficeState> OfficeRoutes<S> {
    /// The foundation's own routes. Without `development`, routes of [`Access::Development`] are left out.
    pub fn new(development: bool) -> Self {
        let none = Self { guarded: Vec::new(), table: Vec::new(), document: openapi::empty(), development };
        base::routes(none)
    }

    /// Adds routes that cost what their methods usually do.
    #[must_use]
    pub fn add(self, access: Access, methods: UtoipaMethodRouter<S>) -> Self {
        self.with(Rule { access, class: None }, methods)
    }

    /// Adds routes that cost what `class` says.
    #[must_use]
    pub fn add_as(self, class: Class, access: Access, methods: UtoipaMethodRouter<S>) -> Self {
        self.with(Rule { access, class: Some(class) }, methods)
    }

    /// Describes a type that only parameters refer to; those of bodies describe themselves.
    #[must_use]
    pub fn describe<T: ToSchema>(mut self) -> Self {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        openapi::components(&mut self.document).schemas.extend(schemas);
        self
    }

    fn with(mut self, rule: Rule, (schemas, mut paths, methods): UtoipaMethodRouter<S>) -> Self {
        if rule.access == Access::Development && !self.development {
            return self;
        }
        openapi::add(&mut self.document, schemas, &paths, rule.access, |kind| rule.class(&method(kind)));
        let mut names = Vec::new();
        for (path, item) in &mut paths.paths {
            names.push(path.clone());
            for (kind, _) in openapi::operations(item) {
                let method = method(&kind);
                let class = rule.class(&method);
                self.table.push(Route { method, path: path.clone(), access: rule.access, class });
            }
        }
        self.guarded.push((rule, names, methods));
        self
    }

    /// What was added, in order.
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The API's description.
    pub fn document(&self) -> &OpenApi {
        &self.document
    }

    /// The service.
    pub fn into_router(self, state: S) -> Router {
        let gate = state.gate().clone();
        // Only texts and numbers are in it.
        let description = Description(serde_json::to_vec(&self.document).unwrap_or_default().into());
        let mut router = Router::new();
        for (rule, paths, methods) in self.guarded {
            let methods = methods.route_layer(from_fn_with_state((state.clone(), rule), guard::<S>));
            router = paths.iter().fold(router, |router, path| router.route(path, methods.clone()));
        }
        let stray = Rule { access: Access::Public, class: None };
        let unknown = any(unknown).layer(from_fn_with_state((state.clone(), stray), guard::<S>));
        let router = router
            .route("/api", unknown.clone())
            .route("/api/{*rest}", unknown)
            .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
            .layer(Extension(description))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(state);
        around(router, gate)
    }
}

/// What is around all routes, from the inside out: requests of other sites, panics, headers.
fn around(router: Router, gate: Gate) -> Router {
    let refused = |_| axum::response::IntoResponse::into_response(Problem::new(Code::CrossSite));
    let csrf = CsrfLayer::new();
    // A base is an origin, so it is added; were it not, the host of a request would still be compared.
    let csrf = csrf.clone().add_trusted_origin(gate.base.origin()).unwrap_or(csrf).with_rejection_response(refused);
    let counted = gate.clone();
    let panics = CatchPanicLayer::custom(move |panic: Box<dyn std::any::Any + Send>| panicked(&counted, &*panic));
    let page = page_policy(&gate);
    router.layer(csrf).layer(panics).layer(from_fn_with_state((gate, page), headers))
}

async fn unknown() -> Problem {
    Problem::new(Code::NotFound)
}

fn method(kind: &HttpMethod) -> Method {
    match kind {
        HttpMethod::Get => Method::GET,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Post => Method::POST,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

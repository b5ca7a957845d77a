//! The one way by which a route of the office comes into being: with who may call it, which is written down, described
//! and enforced.

use std::any::Any;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
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
use super::headers::{Policies, headers, panicked};
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
    /// Whether it belongs to the API, which describes itself; pages and their files do not.
    pub described: bool,
}

/// What is around a page's guard: it makes pages of what the guard refuses.
pub type Around<S> = fn(S, MethodRouter<S>) -> MethodRouter<S>;

struct Guarded<S> {
    rule: Rule,
    paths: Vec<String>,
    methods: MethodRouter<S>,
    around: Option<Around<S>>,
}

/// The API's description as it is served.
#[derive(Clone)]
pub(super) struct Description(pub(super) Bytes);

/// The office's routes as they are gathered; handlers' modules add theirs with `utoipa_axum::routes!`.
pub struct OfficeRoutes<S> {
    guarded: Vec<Guarded<S>>,
    stray: Option<(MethodRouter<S>, Around<S>)>,
    table: Vec<Route>,
    document: OpenApi,
    development: bool,
}

impl<S: OfficeState> OfficeRoutes<S> {
    /// The foundation's own routes. Without `development`, routes of [`Access::Development`] are left out.
    pub fn new(development: bool) -> Self {
        let none =
            Self { guarded: Vec::new(), stray: None, table: Vec::new(), document: openapi::empty(), development };
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

    /// Adds what browsers load: a page or a file, which is got and nothing else.
    #[must_use]
    pub fn page(
        mut self,
        class: Class,
        access: Access,
        path: &str,
        get: MethodRouter<S>,
        around: Option<Around<S>>,
    ) -> Self {
        if access == Access::Development && !self.development {
            return self;
        }
        let route = Route { method: Method::GET, path: path.to_owned(), access, class, described: false };
        self.table.push(route);
        let rule = Rule { access, class: Some(class) };
        self.guarded.push(Guarded { rule, paths: vec![path.to_owned()], methods: get, around });
        self
    }

    /// Says what anybody is answered who asks for what there is not, outside the API.
    #[must_use]
    pub fn stray(self, methods: MethodRouter<S>, around: Around<S>) -> Self {
        Self { stray: Some((methods, around)), ..self }
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
                self.table.push(Route { method, path: path.clone(), access: rule.access, class, described: true });
            }
        }
        self.guarded.push(Guarded { rule, paths: names, methods, around: None });
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
        // A panic becomes a problem right here, so that whoever opens a page is told of it in words.
        let panics = panics(&gate);
        let guarded =
            |rule: Rule, methods: MethodRouter<S>| methods.layer(from_fn_with_state((state.clone(), rule), guard::<S>));
        for Guarded { rule, paths, methods, around } in self.guarded {
            let methods =
                methods.route_layer(panics.clone()).route_layer(from_fn_with_state((state.clone(), rule), guard::<S>));
            let methods = around.map_or(methods.clone(), |around| around(state.clone(), methods));
            router = paths.iter().fold(router, |router, path| router.route(path, methods.clone()));
        }
        let stray = Rule { access: Access::Public, class: None };
        let unknown = guarded(stray, any(unknown));
        if let Some((methods, around)) = self.stray {
            router = router.fallback(around(state.clone(), guarded(stray, methods)));
        }
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
    let panics = panics(&gate);
    let policies = Policies::new(&gate);
    router.layer(csrf).layer(panics).layer(from_fn_with_state((gate, policies), headers))
}

/// Makes an answer of a panic.
fn panics(gate: &Gate) -> CatchPanicLayer<impl Fn(Box<dyn Any + Send>) -> Response + Clone + Send + 'static> {
    let gate = gate.clone();
    CatchPanicLayer::custom(move |panic: Box<dyn Any + Send>| panicked(&gate, &*panic))
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

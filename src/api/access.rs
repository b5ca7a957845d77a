//! Who may call what. Routes come into being through [`Routes`] alone, and none without an [`Access`].

use axum::Router;
use axum::routing::MethodRouter;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever holds a token with `roomJoin`; the handler takes it as [`super::rtc::Authorized`].
    RoomToken,
    /// Whoever holds a token with the grant that the method needs; the handler checks it method by method.
    ServerToken,
    /// Anybody, and the route exists only in development mode.
    Development,
    /// Whoever knows the user name and password of `prometheus`, where they are set.
    MetricsPassword,
}

/// A router and the list of what is in it.
pub struct Routes<S> {
    router: Router<S>,
    table: Vec<(&'static str, Access)>,
    development: bool,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet. Without `development`, routes of [`Access::Development`] are left out.
    pub fn new(development: bool) -> Self {
        Self { router: Router::new(), table: Vec::new(), development }
    }

    /// Adds a route. A doubled slash in front is forgiven, as by LiveKit's server: some clients join paths badly.
    #[must_use]
    pub fn add(mut self, access: Access, path: &'static str, handler: MethodRouter<S>) -> Self {
        if access != Access::Development || self.development {
            self.table.push((path, access));
            self.router = self.router.route(&format!("/{path}"), handler.clone()).route(path, handler);
        }
        self
    }

    /// What was added, in order.
    pub fn table(&self) -> &[(&'static str, Access)] {
        &self.table
    }

    /// The router.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

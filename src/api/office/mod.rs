//! What every REST handler of the office stands on.
//!
//! A handler is an async function with `#[utoipa::path]` on it, added to [`OfficeRoutes`] together with its
//! [`Access`]; there is no other way in. By the time it runs, `guard` has looked at limits, origin, session and role.
//! It takes what it needs as arguments: [`Caller`] and [`Gate`], [`Json`], [`Path`], [`Query`], [`Paged`],
//! [`IfMatch`], [`LastEventId`]; and it answers with [`Json`], [`Slice`], [`Versioned`], [`events::stream`], or a
//! [`Problem`](super::problem::Problem).

mod access;
mod base;
mod cookies;
pub mod events;
mod extract;
mod gate;
mod guard;
mod headers;
mod openapi;
mod paging;
mod rate;
mod routes;
mod text;
mod version;

pub use access::{Access, Caller};
pub use cookies::SessionCookie;
pub use events::{Event, LastEventId};
pub(super) use extract::header;
pub use extract::{Json, Path, Query, parse};
pub use gate::{Gate, GateParts, OfficeState, Patience, Sessions};
pub use headers::Framed;
pub use paging::{NoFilter, PageParams, Paged, Slice};
pub use rate::{Class, Limit, RateLimits};
pub use routes::{Around, OfficeRoutes, Route};
pub use text::{Line, Prose};
pub use version::{IfMatch, Versioned};

#[cfg(test)]
mod tests;

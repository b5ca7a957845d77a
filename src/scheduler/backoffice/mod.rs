//! What administrators see and do: how the place is called, what has happened, which calls go on, how the server is.

mod audit;
mod branding;
mod health;
mod live;

pub use audit::{AuditCheck, AuditFilter, AuditRow, BrokenRow};
pub use branding::{Branding, BrandingChanges};
pub use health::{Health, QueueHealth};
pub use live::{LiveRoom, Present};

use super::Error;
use crate::store::Actor;

/// Administrators and the server itself may; whoever else asks may not.
pub(super) fn require_admin(actor: Actor) -> Result<(), Error> {
    if actor.is_admin() || actor == Actor::System { Ok(()) } else { Err(Error::NotYours) }
}

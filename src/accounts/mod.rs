//! Floor 2 of the office wing: people, what they sign in with, and what is known of them.
//!
//! [`Accounts`] is the one handle. It never sends anything: mail goes through the outbox, in the transaction of the
//! change that it belongs to. Secrets (session tokens, links) are handed out once and stored as hashes.

mod admin;
mod credentials;
mod erasure;
mod error;
mod export;
pub mod fields;
mod guests;
mod links;
#[cfg(feature = "oidc")]
pub mod oidc;
pub mod password;
mod people;
mod secrets;
mod sessions;
mod sweep;

use std::path::Path;
use std::sync::Arc;

pub use admin::{People, PeopleFilter};
pub use credentials::SignedIn;
pub use error::AccountsError;
pub use fields::Email;
pub use guests::{GuestInvitation, GuestLink, GuestLinkRequest, GuestOpened, NewGuestLink};
pub use password::Hasher;
pub use people::{NewPerson, Person, ProfileChanges, Status};
pub use sessions::{Device, NewSession, Session, SessionRow};
pub use sweep::Swept;

use crate::clock::SharedClock;
use crate::config::AccountSettings;
use crate::ids::UserId;
use crate::store::{Actor, Store};
use crate::units::UnixTime;

/// Everything about accounts. Clones share it all.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: SharedClock,
    settings: AccountSettings,
    hasher: Hasher,
}

impl Accounts {
    /// Accounts of a database.
    pub fn new(store: Store, clock: SharedClock, settings: AccountSettings) -> Self {
        let hasher = Hasher::new(Hasher::PARAMS, settings.max_concurrent_hashes);
        Self::with_hasher(store, clock, settings, hasher)
    }

    /// [`Self::new`] with a hasher of other parameters; tests have no time for good ones.
    pub fn with_hasher(store: Store, clock: SharedClock, settings: AccountSettings, hasher: Hasher) -> Self {
        Self { inner: Arc::new(Inner { store, clock, settings, hasher }) }
    }

    /// What hashes the passwords, with its counts.
    pub fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    /// Whether nobody has an account yet; somebody with a shell makes the first one.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Store`].
    pub async fn is_empty(&self) -> Result<bool, AccountsError> {
        self.store()
            .read(Actor::System, |reader| {
                let sql = "SELECT NOT EXISTS (SELECT 1 FROM system_users)";
                Ok(reader.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
            })
            .await
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn settings(&self) -> &AccountSettings {
        &self.inner.settings
    }

    fn now(&self) -> UnixTime {
        self.inner.clock.unix()
    }
}

/// What to log where [`Accounts::is_empty`] holds: no account comes with the program.
pub fn first_admin_hint(data_dir: &Path) -> String {
    format!(
        "nobody has an account yet; make the first administrator by `visavis user add --data-dir {} --role admin \
         --email YOU@EXAMPLE.ORG --name \"YOUR NAME\"`",
        data_dir.display()
    )
}

/// How the audit log names a person that something was done to.
fn subject(user: UserId) -> String {
    Actor::User(user, crate::store::Role::Customer).subject()
}

/// Administrators and the server itself may; whoever else asks may not.
fn require_admin(actor: Actor) -> Result<(), AccountsError> {
    if actor.is_admin() || actor == Actor::System { Ok(()) } else { Err(AccountsError::WrongRole) }
}

/// One's own, or an administrator's to do.
fn require_self_or_admin(actor: Actor, user: UserId) -> Result<(), AccountsError> {
    if actor.user() == Some(user) { Ok(()) } else { require_admin(actor) }
}

#[cfg(test)]
mod tests;

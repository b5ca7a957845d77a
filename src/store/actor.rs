//! On whose behalf the database is asked. Readers show each actor its own rows only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{SeatId, UserId};

/// What a person with an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Books consultations.
    Customer,
    /// Gives consultations.
    Expert,
    /// Runs the installation. Sees everything and is in nobody's call.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Customer, Role::Expert, Role::Admin];

    /// The role as the database spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Expert => "expert",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; roles are customer, expert and admin")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody who is not signed in: public rows only.
    Anonymous,
    /// Somebody who came by a guest link: one seat of one appointment.
    Guest(SeatId),
    /// Somebody with an account.
    User(UserId, Role),
    /// The server itself: jobs, the rooms' admission, the outbox. Sees everything; never on behalf of a request.
    System,
}

impl Actor {
    /// The account, where there is one.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Actor::User(id, _) => Some(id),
            _ => None,
        }
    }

    /// The role of an account.
    pub const fn role(self) -> Option<Role> {
        match self {
            Actor::User(_, role) => Some(role),
            _ => None,
        }
    }

    /// A signed-in administrator.
    pub const fn is_admin(self) -> bool {
        matches!(self, Actor::User(_, Role::Admin))
    }

    /// The word by which views tell actors apart.
    pub const fn kind(self) -> &'static str {
        match self {
            Actor::Anonymous => "anonymous",
            Actor::Guest(_) => "guest",
            Actor::User(_, role) => role.as_str(),
            Actor::System => "system",
        }
    }

    /// The id by which views know whose rows are meant: the account's, or the guest's seat.
    pub fn id(self) -> Option<String> {
        match self {
            Actor::Anonymous | Actor::System => None,
            Actor::Guest(seat) => Some(seat.to_string()),
            Actor::User(user, _) => Some(user.to_string()),
        }
    }

    /// How the audit log names the actor: `system`, `anonymous`, `user:…` or `guest:…`.
    pub fn subject(self) -> String {
        match self {
            Actor::Anonymous | Actor::System => self.kind().to_owned(),
            Actor::Guest(seat) => format!("guest:{seat}"),
            Actor::User(user, _) => format!("user:{user}"),
        }
    }
}

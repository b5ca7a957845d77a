//! Who may call a route of the office, decided before anything of the request is read.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::api::problem::{Code, Problem};
use crate::ids::{SessionId, UserId};
use crate::store::{Actor, Role};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; who it is is not even looked up.
    Public,
    /// Anybody; who is signed in may get another answer.
    Anyone,
    /// Whoever has a session, be it by a guest link.
    Guest,
    /// Whoever has an account.
    SignedIn,
    /// Customers.
    Customer,
    /// Experts.
    Expert,
    /// Administrators.
    Admin,
    /// Experts and administrators.
    Staff,
    /// Anybody, and the route exists only in development mode.
    Development,
}

impl Access {
    /// Every kind of access.
    pub const ALL: [Access; 9] = [
        Access::Public,
        Access::Anyone,
        Access::Guest,
        Access::SignedIn,
        Access::Customer,
        Access::Expert,
        Access::Admin,
        Access::Staff,
        Access::Development,
    ];

    /// The word by which the API's description tells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Access::Public => "public",
            Access::Anyone => "anyone",
            Access::Guest => "guest",
            Access::SignedIn => "signed_in",
            Access::Customer => "customer",
            Access::Expert => "expert",
            Access::Admin => "admin",
            Access::Staff => "staff",
            Access::Development => "development",
        }
    }

    /// Whether the session matters at all.
    pub const fn looks_up_the_session(self) -> bool {
        !matches!(self, Access::Public | Access::Development)
    }

    /// Whether a session is needed.
    pub const fn needs_a_session(self) -> bool {
        !matches!(self, Access::Public | Access::Anyone | Access::Development)
    }

    /// Whether `actor` may come in.
    ///
    /// # Errors
    ///
    /// The code of the answer to who may not.
    pub const fn admit(self, actor: Actor) -> Result<(), Code> {
        match (self, actor) {
            (Access::Public | Access::Anyone | Access::Development, _) => Ok(()),
            // The server itself does not send requests.
            (_, Actor::Anonymous | Actor::System) => Err(Code::SignInRequired),
            (Access::Guest, _) | (Access::SignedIn, Actor::User(..)) => Ok(()),
            (_, Actor::Guest(_)) => Err(Code::AccountRequired),
            (Access::Customer, Actor::User(_, Role::Customer))
            | (Access::Expert | Access::Staff, Actor::User(_, Role::Expert))
            | (Access::Admin | Access::Staff, Actor::User(_, Role::Admin)) => Ok(()),
            (_, Actor::User(..)) => Err(Code::WrongRole),
        }
    }
}

/// Who calls, as a handler takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// On whose behalf the database is asked.
    pub actor: Actor,
    /// The session; `None` where there is none, and where the route does not look it up.
    pub session: Option<SessionId>,
    /// Where from.
    pub address: IpAddr,
}

impl Caller {
    /// The account.
    ///
    /// # Errors
    ///
    /// A problem for guests and strangers; a route of [`Access::SignedIn`] or stricter has kept them out.
    pub fn user(&self) -> Result<UserId, Problem> {
        self.actor.user().ok_or_else(|| Access::SignedIn.admit(self.actor).err().unwrap_or(Code::Internal).into())
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Every route of the office has it; see `guard`.
        parts.extensions.get().copied().ok_or(Problem::new(Code::Internal))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::ids::SeatId;
    use crate::units::UnixTime;

    #[test]
    fn each_kind_of_access_lets_in_whom_it_names() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let user = UserId::new(UnixTime(0), &mut rng);
        let actors = [
            Actor::Anonymous,
            Actor::Guest(SeatId::new(UnixTime(0), &mut rng)),
            Actor::User(user, Role::Customer),
            Actor::User(user, Role::Expert),
            Actor::User(user, Role::Admin),
            Actor::System,
        ];
        let answers = |access: Access| -> String {
            let answer = |actor: &Actor| match access.admit(*actor) {
                Ok(()) => '+',
                Err(Code::SignInRequired) => '1',
                Err(Code::AccountRequired) => 'a',
                Err(Code::WrongRole) => 'r',
                Err(_) => '?',
            };
            actors.iter().map(answer).collect()
        };
        let expected = ["++++++", "++++++", "1++++1", "1a+++1", "1a+rr1", "1ar+r1", "1arr+1", "1ar++1", "++++++"];
        assert_eq!(Access::ALL.map(answers), expected);
    }
}

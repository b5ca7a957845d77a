//! Who may be in a room and for how long: the seam between the rooms and whoever decides.
//!
//! A plain SFU admits everybody who holds a valid token ([`AllowAll`]); the scheduler implements the
//! same trait. Token refresh lives behind [`Admission::token_expiry_limit`] and nowhere else.

use std::future::Future;
use std::pin::Pin;

use visavis_signaling::connect;
use visavis_signaling::token::Claims;

use crate::units::UnixTime;

/// The future of an admission decision. One that takes seconds is not waited for: the applicant is told to try
/// again.
pub type Decision<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// Who asks to enter which room.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// Name of the room.
    pub room: &'a str,
    /// The verified claims: identity, grants, token id.
    pub claims: &'a Claims,
    /// The API key that signed the token.
    pub api_key: &'a str,
}

/// Why somebody may not enter; becomes the HTTP answer before the upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Text for the client.
    pub message: String,
}

impl Refusal {
    /// As if there were no such room: what a stranger to it is told. The text is LiveKit's, clients know it.
    pub fn no_such_room() -> Self {
        let error = connect::ConnectError::RoomNotFound;
        Self { status: error.status(), message: error.to_string() }
    }

    /// Not now, or not this person: 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: 403, message: message.into() }
    }
}

/// Decides who may be in a room.
///
/// The methods that are not futures are asked by every room twice a second and more: they answer from memory.
pub trait Admission: Send + Sync + 'static {
    /// May this person join now? Asked once for each join, by the room itself, so that whoever is removed after a
    /// yes is removed after the join as well.
    fn admit<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a>;

    /// May this person take up a session that its room still holds? Has no effect.
    fn may_resume<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a>;

    /// What [`Self::admit`] would answer, without any effect: clients ask this to learn why they were refused, and
    /// no room is made for those whom this refuses. To be written where `admit` has effects.
    fn validate<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a> {
        self.admit(applicant, now)
    }

    /// May this room be made by whoever joins it, although `room.auto_create` is off?
    fn may_create(&self, _room: &str) -> bool {
        false
    }

    /// The latest expiry of any token handed out for this person in this room; none when unlimited.
    fn token_expiry_limit(&self, room: &str, identity: &str) -> Option<UnixTime>;

    /// When the room closes by itself; none when it does not. A change is noticed within a second: everybody is
    /// told and gets a new token.
    fn closes_at(&self, room: &str) -> Option<UnixTime>;

    /// When the room's appointment ends as planned, for the notice at that time; none when nothing is planned.
    fn ends_at(&self, _room: &str) -> Option<UnixTime> {
        None
    }

    /// Are chat messages of this room to be reported to the [`Observer`](super::Observer)?
    fn keeps_chat(&self, _room: &str) -> bool {
        false
    }
}

/// A valid token suffices: the plain SFU.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Admission for AllowAll {
    fn admit<'a>(&'a self, _: Applicant<'a>, _: UnixTime) -> Decision<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn may_resume<'a>(&'a self, _: Applicant<'a>, _: UnixTime) -> Decision<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn token_expiry_limit(&self, _: &str, _: &str) -> Option<UnixTime> {
        None
    }

    fn closes_at(&self, _: &str) -> Option<UnixTime> {
        None
    }
}

//! Who may be in a room and for how long: the seam between the rooms and whoever decides.
//!
//! A plain SFU admits everybody who holds a valid token ([`AllowAll`]); the scheduler implements the
//! same trait. Token refresh lives behind [`Admission::token_expiry_limit`] and nowhere else.

use std::future::Future;
use std::pin::Pin;

use visavis_signaling::token::Claims;

use crate::units::UnixTime;

/// The future of an admission decision.
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

/// Decides who may be in a room.
pub trait Admission: Send + Sync + 'static {
    /// May this person join now?
    fn admit<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a>;

    /// May this person take up a session that its room still holds?
    fn may_resume<'a>(&'a self, applicant: Applicant<'a>, now: UnixTime) -> Decision<'a>;

    /// The latest expiry of any token handed out for this person in this room; none when unlimited.
    fn token_expiry_limit(&self, room: &str, identity: &str) -> Option<UnixTime>;

    /// When the room ends by itself; none when it does not.
    fn closes_at(&self, room: &str) -> Option<UnixTime>;
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

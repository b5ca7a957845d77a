//! Access tokens: claims, keys, minting, verification and refresh.
//!
//! A token is a JWT (RFC 7519) signed with HS256 and nothing else. `iss` names
//! the API key, `sub` the identity; the rest follows LiveKit's `auth/grants.go`.

mod claims;
mod error;
mod jwt;
mod keys;
mod refresh;
mod video;

pub use claims::Claims;
pub use error::TokenError;
pub use jwt::{DEFAULT_TTL, LEEWAY, VerifiedToken, mint, verify};
pub use keys::{ApiKey, KeyRing, MIN_SECRET_LENGTH};
pub use refresh::{MIN_REFRESH_TTL, REFRESH_INTERVAL, Refresh, refresh};
pub use video::VideoGrant;

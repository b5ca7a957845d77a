//! What can be wrong with a token.

use thiserror::Error;

/// Why a token was refused or could not be made. Every refusal is HTTP status
/// 401 to the client; the texts are those of LiveKit's `service/auth.go` and of
/// the JWT library it uses, without repeating the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// An `Authorization` header that is not a bearer token (RFC 6750 §2.1).
    #[error("invalid authorization header. Must start with Bearer ")]
    NotBearer,
    /// Not three base64url parts holding JSON.
    #[error("invalid authorization token")]
    Malformed,
    /// `iss` names a key that the ring does not hold.
    #[error("invalid API key: {0}")]
    UnknownKey(String),
    /// Signed, or claimed to be, with anything but HS256.
    #[error("invalid token, error: token signature is invalid: signing method {0} is invalid")]
    Algorithm(String),
    /// The signature does not match the key's secret.
    #[error("invalid token, error: token signature is invalid: signature is invalid")]
    Signature,
    /// No `exp` claim: such a token would be valid for ever.
    #[error("invalid token, error: token has invalid claims: token is missing required claim: exp claim is required")]
    NoExpiry,
    /// `exp` passed more than the leeway ago.
    #[error("invalid token, error: token has invalid claims: token is expired")]
    Expired,
    /// `nbf` lies more than the leeway ahead.
    #[error("invalid token, error: token has invalid claims: token is not valid yet")]
    NotYetValid,
    /// Properly signed, yet a claim has the wrong type.
    #[error("invalid token, error: token has malformed claims: {0}")]
    Claims(String),
    /// There is no key to sign with, or its secret is empty.
    #[error("missing API key or secret key")]
    NoKey,
    /// The claims could not be written as JSON.
    #[error("cannot encode token: {0}")]
    Encode(String),
}

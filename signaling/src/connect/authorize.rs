//! From an HTTP request to an authorized connect request.

use super::{ConnectError, ConnectRequest, HttpRequest, Query};
use crate::UnixTime;
use crate::limits::Limits;
use crate::token::{Claims, KeyRing, TokenError, VerifiedToken, verify};

/// A connect request whose token was verified and found sufficient.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorizedConnect {
    /// What the client asks for.
    pub request: ConnectRequest,
    /// The room, from the token.
    pub room: String,
    /// What the client may do: the token's claims with the request's metadata
    /// and attributes merged in. For a publish-only connection the identity has
    /// its suffix and `canSubscribe` is off.
    pub claims: Claims,
    /// The API key of the token.
    pub api_key: String,
    /// When the token expires.
    pub token_expires_at: UnixTime,
}

/// Authenticates, parses and authorizes a connect request, in LiveKit's order,
/// so that the same fault gets the same answer: the token first, then the
/// request, then what the token allows.
///
/// Whether the room exists, may be created or is full is not decided here; see
/// [`ConnectError::RoomNotFound`] and its relatives.
///
/// # Errors
///
/// The [`ConnectError`] with status and body.
pub fn accept(
    http: &HttpRequest<'_>,
    keys: &KeyRing,
    limits: &Limits,
    now: UnixTime,
) -> Result<AuthorizedConnect, ConnectError> {
    let token = bearer_token(http.authorization, http.query)?.ok_or(ConnectError::NoGrants)?;
    let token = verify(keys, &token, now)?;
    if token.claims.video.is_none() {
        return Err(ConnectError::NoGrants);
    }
    let request = ConnectRequest::parse(http)?;
    authorize(request, token, limits)
}

/// The token of a request: the `Authorization` header if there is one, the
/// `access_token` parameter otherwise. `None` when there is neither.
///
/// # Errors
///
/// [`TokenError::NotBearer`] for a header of another scheme.
pub fn bearer_token(authorization: Option<&str>, query: &str) -> Result<Option<String>, TokenError> {
    match authorization.filter(|header| !header.is_empty()) {
        Some(header) => {
            let token = header.strip_prefix("Bearer ").ok_or(TokenError::NotBearer)?;
            Ok(Some(token).filter(|token| !token.is_empty()).map(str::to_owned))
        }
        None => Ok(Query::parse(query).non_empty("access_token").map(str::to_owned)),
    }
}

/// Checks what a verified token allows against what is asked (LiveKit's
/// `ValidateConnectRequest`).
///
/// # Errors
///
/// The [`ConnectError`] with status and body.
pub fn authorize(
    request: ConnectRequest,
    token: VerifiedToken,
    limits: &Limits,
) -> Result<AuthorizedConnect, ConnectError> {
    let VerifiedToken { mut claims, api_key, expires_at, .. } = token;
    let Some(video) = &mut claims.video else {
        return Err(ConnectError::NoGrants);
    };
    if !video.room_join {
        return Err(ConnectError::JoinNotGranted);
    }
    if claims.identity.is_empty() {
        return Err(ConnectError::NoIdentity);
    }
    limits.check_identity(&claims.identity).map_err(|_| ConnectError::IdentityTooLong(limits.max_identity_length))?;
    if video.room.is_empty() {
        return Err(ConnectError::NoRoomName);
    }
    limits.check_room_name(&video.room).map_err(|_| ConnectError::RoomNameTooLong(limits.max_room_name_length))?;

    if let Some(publish) = &request.publish {
        if !video.may_publish() {
            return Err(ConnectError::NotPermitted);
        }
        video.can_subscribe = Some(false);
        claims.identity = format!("{}#{publish}", claims.identity);
    }

    let changes_itself = !request.metadata.is_empty() || !request.attributes.is_empty();
    if changes_itself && !video.may_update_own_metadata() {
        return Err(ConnectError::NotPermitted);
    }
    if !request.metadata.is_empty() {
        claims.metadata.clone_from(&request.metadata);
    }
    for (key, value) in &request.attributes {
        // An empty value would delete, which is not offered at joining.
        if !value.is_empty() {
            claims.attributes.insert(key.clone(), value.clone());
        }
    }
    limits.check_metadata(&claims.metadata).map_err(|_| ConnectError::MetadataTooLarge)?;
    limits.check_attributes(&claims.attributes).map_err(|_| ConnectError::AttributesTooLarge)?;

    Ok(AuthorizedConnect { room: video.room.clone(), request, claims, api_key, token_expires_at: expires_at })
}

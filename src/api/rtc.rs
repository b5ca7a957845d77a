//! `/rtc`, `/rtc/v1` and their `validate`: authorization, then the session, then the upgrade, so that whatever is
//! refused is refused by an HTTP status (LiveKit's `pkg/service/rtcservice.go`).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, FromRequestParts, State};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use visavis_signaling::connect::{self, AuthorizedConnect, Endpoint, HttpRequest};
use visavis_signaling::token::TokenError;

use super::client_ip::client_ip;
use super::{Api, socket, websocket};
use crate::rooms::link::{ConnectError, SignalTarget};

/// Proof that the caller holds a token that lets it into the room it names.
pub struct Authorized(pub AuthorizedConnect);

impl<T: SignalTarget> FromRequestParts<Arc<Api<T>>> for Authorized {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api<T>>) -> Result<Self, Refused> {
        let remote = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let remote = remote.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let http = HttpRequest {
            // Only paths that this knows lead to handlers that ask for authorization.
            endpoint: Endpoint::from_path(parts.uri.path()).unwrap_or(Endpoint::V0),
            query: parts.uri.query().unwrap_or_default(),
            authorization: text(AUTHORIZATION),
            user_agent: text(USER_AGENT),
            address: &client_ip(&parts.headers, remote),
        };
        connect::accept(&http, &api.keys, &api.limits, api.clock.unix()).map(Self).map_err(|error| {
            if let connect::ConnectError::Token(error) = &error {
                api.metrics.token_refused.count(token_cause(error));
            }
            api.metrics.connect_refused.count(connect_cause(&error));
            tracing::info!(path = parts.uri.path(), address = %http.address, %error, "connection refused");
            Refused(error.into())
        })
    }
}

/// An HTTP answer of status and text.
pub struct Refused(pub ConnectError);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, self.0.message).into_response()
    }
}

/// `GET /rtc/validate`: what a connection would be answered. Clients ask it to tell one failure from another.
pub(super) async fn validate<T: SignalTarget>(
    State(api): State<Arc<Api<T>>>,
    Authorized(connect): Authorized,
) -> Result<&'static str, Refused> {
    match api.target.validate(&connect).await {
        Ok(()) => Ok("success"),
        Err(error) => Err(refused(&api, &connect, error)),
    }
}

/// `/rtc` and `/rtc/v1`: the WebSocket. A plain request is a 404 without text, which is how LiveKit's server looks
/// to whoever opens these paths in a browser; a bad token is told apart even then.
pub(super) async fn connect<T: SignalTarget>(
    State(api): State<Arc<Api<T>>>,
    headers: HeaderMap,
    // Before the extractor below, which takes it away.
    on_upgrade: Option<Extension<OnUpgrade>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    authorized: Result<Authorized, Refused>,
) -> Response {
    let (key, on_upgrade) = match (upgrade, headers.get(header::SEC_WEBSOCKET_KEY), on_upgrade) {
        (Ok(_), Some(key), Some(Extension(on_upgrade))) => (key.clone(), on_upgrade),
        (Ok(_), ..) => return StatusCode::NOT_FOUND.into_response(),
        (Err(rejection), ..) => {
            return match (rejection, authorized) {
                (_, Err(refused)) if refused.0.status == 401 && refused.0.message.starts_with("invalid") => {
                    refused.into_response()
                }
                (WebSocketUpgradeRejection::WebSocketKeyHeaderMissing(rejection), _) => rejection.into_response(),
                (WebSocketUpgradeRejection::InvalidWebSocketVersionHeader(rejection), _) => rejection.into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            };
        }
    };
    let connect = match authorized {
        Ok(Authorized(connect)) => connect,
        Err(refused) => {
            api.metrics.joins.count("signal_validation_failed");
            return refused.into_response();
        }
    };
    let who = socket::Who { room: connect.room.clone(), identity: connect.claims.identity.clone() };
    let link = match api.target.connect(connect.clone()).await {
        Ok(link) => link,
        Err(error) => {
            api.metrics.joins.count("signal_failed");
            return refused(&api, &connect, error).into_response();
        }
    };
    tokio::spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => {
                api.metrics.joins.count("signal_connected");
                let socket = websocket::Socket::new(upgraded).await;
                socket::bridge(socket, link, &who, api.timing, &api.metrics).await;
            }
            Err(error) => {
                api.metrics.joins.count("signal_upgrade_failed");
                tracing::info!(%error, "upgrade failed");
            }
        }
    });
    websocket::switching(&key)
}

fn refused<T>(api: &Api<T>, connect: &AuthorizedConnect, error: ConnectError) -> Refused {
    api.metrics.connect_refused.count(match error.status {
        400 => "bad_request",
        401 | 403 => "not_admitted",
        404 => "room_not_found",
        503 => "limit_reached",
        _ => "failed",
    });
    let (room, identity) = (&connect.room, &connect.claims.identity);
    tracing::info!(%room, %identity, status = error.status, cause = %error.message, "connection refused");
    Refused(error)
}

fn connect_cause(error: &connect::ConnectError) -> &'static str {
    use connect::ConnectError as E;
    match error {
        E::Token(_) => "token",
        E::NoGrants | E::JoinNotGranted | E::NotPermitted => "grants",
        E::JoinRequestTooLarge => "join_request_too_large",
        E::JoinRequestMissing
        | E::JoinRequestBase64
        | E::WrappedJoinRequest
        | E::JoinRequest
        | E::JoinRequestGzip
        | E::Attributes => "join_request",
        E::NoIdentity | E::IdentityTooLong(_) => "identity",
        E::NoRoomName | E::RoomNameTooLong(_) => "room_name",
        E::MetadataTooLarge | E::AttributesTooLarge => "metadata",
        _ => "failed",
    }
}

fn token_cause(error: &TokenError) -> &'static str {
    match error {
        TokenError::NotBearer => "not_bearer",
        TokenError::Malformed => "malformed",
        TokenError::UnknownKey(_) => "unknown_key",
        TokenError::Algorithm(_) => "algorithm",
        TokenError::Signature => "signature",
        TokenError::NoExpiry => "no_expiry",
        TokenError::Expired => "expired",
        TokenError::NotYetValid => "not_yet_valid",
        TokenError::Claims(_) => "claims",
        _ => "other",
    }
}

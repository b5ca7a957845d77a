//! What happens to a request of the office before its handler sees it, in this order: the address's limit, where the
//! request came from, whose session it carries, the account's limit, whether that caller may come in. None of it
//! reads the body.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::access::{Access, Caller};
use super::gate::{OfficeState, Sessions};
use super::rate::Class;
use crate::api::problem::{Code, Problem};
use crate::store::Actor;

/// How a route is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Who may call it.
    pub(super) access: Access,
    /// What its requests cost; by the method where nothing is said.
    pub(super) class: Option<Class>,
}

impl Rule {
    /// What a request of `method` costs.
    pub(super) fn class(self, method: &Method) -> Class {
        self.class.unwrap_or(if method.is_safe() { Class::Read } else { Class::Write })
    }
}

/// The layer around every route of the office.
pub(super) async fn guard<S: OfficeState>(
    State((state, rule)): State<(S, Rule)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let class = rule.class(&parts.method);
    let patience = state.gate().patience.with(class);
    let (method, path) = (parts.method.clone(), parts.extensions.get::<MatchedPath>().cloned());
    let answered = timeout(patience, async move {
        let caller = admit(&state, rule.access, class, &parts).await?;
        parts.extensions.insert(caller);
        parts.extensions.insert(state.gate().clone());
        Ok(next.run(Request::from_parts(parts, body)).await)
    });
    match answered.await {
        Ok(answer) => answer.unwrap_or_else(Problem::into_response),
        Err(_) => {
            // The route, not the address: that may have a secret in it.
            tracing::warn!(%method, path = path.as_ref().map(MatchedPath::as_str), "a request took too long");
            Problem::new(Code::TimedOut).into_response()
        }
    }
}

async fn admit<S: OfficeState>(state: &S, access: Access, class: Class, request: &Parts) -> Result<Caller, Problem> {
    let gate = state.gate();
    let remote = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = gate.client_address(&request.headers, remote.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let limited = |wait| Problem::new(Code::TooManyRequests).retry_after(wait);
    gate.limits.address(class, address, gate.clock.now()).map_err(limited)?;

    let stranger = Caller { actor: Actor::Anonymous, session: None, address };
    if !access.looks_up_the_session() {
        return Ok(stranger);
    }
    let Some(token) = gate.cookie().find(&request.headers) else {
        return access.admit(stranger.actor).map(|()| stranger).map_err(Problem::new);
    };
    from_our_own_page(request)?;
    let Some((actor, session)) = state.sessions().resolve(token, gate.now()).await? else {
        return if access.needs_a_session() { Err(Code::SessionExpired.into()) } else { Ok(stranger) };
    };
    gate.limits.account(class, actor, gate.clock.now()).map_err(limited)?;
    access.admit(actor)?;
    Ok(Caller { actor, session: Some(session), address })
}

/// The layer of `routes` has refused what says that it comes from another site, in `Sec-Fetch-Site` or `Origin`.
/// Every browser of today says one of the two with whatever may change something; what carries a cookie and says
/// neither is a program, or a browser too old for both. The old browser's page of another site can send forms, but
/// not JSON: that takes a preflight, to which we do not consent.
fn from_our_own_page(request: &Parts) -> Result<(), Problem> {
    let headers = &request.headers;
    let says = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    if request.method.is_safe() || says("sec-fetch-site") || says("origin") || is_json(headers) {
        return Ok(());
    }
    Err(Problem::new(Code::CrossSite).detail("It says neither in Origin nor in Sec-Fetch-Site where it came from."))
}

/// Whether the body is JSON by its type. Parameters do not matter, but for a character set that is not UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = kind.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn json_is_told_by_its_type() {
        let told = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_json(&headers)
        };
        for json in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; x=y",
        ] {
            assert!(told(json), "{json}");
        }
        for other in
            ["", "text/plain", "application/jsonp", "application/json; charset=utf-16", "text/json; application/json"]
        {
            assert!(!told(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}

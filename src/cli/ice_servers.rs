//! The STUN and TURN servers that clients are told of.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use visavis_signaling::proto::IceServer;

use crate::config::{RtcSettings, TurnProtocol, TurnServer};
use crate::units::UnixTime;

/// The servers for a participant, TURN first. Those that share a secret with us get a user name that carries its
/// expiry and a password made of it (draft-uberti-behave-turn-rest-00 §2.2), so they are made at the time of joining.
/// Nothing is named that is not configured: a client without internet would wait ten seconds for public servers.
pub(super) fn ice_servers(settings: &RtcSettings, participant: &str, now: UnixTime) -> Vec<IceServer> {
    let mut servers: Vec<IceServer> =
        settings.turn_servers.iter().map(|server| turn_server(server, participant, now)).collect();
    if !settings.stun_servers.is_empty() {
        let urls = settings.stun_servers.iter().map(|server| format!("stun:{server}")).collect();
        servers.push(IceServer { urls, ..IceServer::default() });
    }
    servers
}

fn turn_server(server: &TurnServer, participant: &str, now: UnixTime) -> IceServer {
    let (scheme, transport) = match server.protocol {
        TurnProtocol::Udp => ("turn", "udp"),
        TurnProtocol::Tcp => ("turn", "tcp"),
        TurnProtocol::Tls => ("turns", "tcp"),
    };
    let urls = vec![format!("{scheme}:{}:{}?transport={transport}", server.host, server.port)];
    if server.secret.is_empty() {
        let credential = server.credential.reveal().to_owned();
        return IceServer { urls, username: server.username.clone(), credential };
    }
    let expiry = now.as_secs().saturating_add_unsigned(server.ttl.as_secs());
    let username = format!("{expiry}:{participant}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, server.secret.reveal().as_bytes());
    let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    IceServer { urls, username, credential }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_shared_secret_gives_a_password_that_expires() {
        let settings = RtcSettings {
            turn_servers: vec![TurnServer {
                host: "turn.example.org".into(),
                port: 443,
                protocol: TurnProtocol::Tls,
                secret: Secret::new("north"),
                ttl: Duration::from_secs(600),
                ..TurnServer::default()
            }],
            stun_servers: vec!["stun.example.org:3478".into()],
            ..RtcSettings::default()
        };
        let servers = ice_servers(&settings, "PA_x", UnixTime(1_000_000));
        assert_eq!(servers[0].urls, ["turns:turn.example.org:443?transport=tcp"]);
        assert_eq!(servers[0].username, "1600:PA_x");
        assert_eq!(servers[0].credential.len(), 28);
        assert_eq!(servers[1].urls, ["stun:stun.example.org:3478"]);
    }

    #[test]
    fn nothing_is_named_that_is_not_configured() {
        assert!(ice_servers(&RtcSettings::default(), "PA_x", UnixTime(0)).is_empty());
    }
}

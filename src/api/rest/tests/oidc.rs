//! The way to a provider of identities and back. What of its answers is believed, the accounts' tests show.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;
use crate::accounts::oidc::Oidc;
use crate::config::{OidcSettings, Secret};

/// A provider that nobody is let in by.
async fn world() -> (World, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let configuration = json!({
        "issuer": at, "authorization_endpoint": format!("{at}/authorize"), "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"),
    });
    let router = Router::new().route("/.well-known/openid-configuration", get(async move || configuration.to_string()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = OidcSettings {
        issuer: at.parse().unwrap(),
        client_id: "visavis".into(),
        client_secret: Secret::new("hush"),
        name: "Our directory".into(),
    };
    let world = World::made(
        "https://meet.example.org",
        |_| {},
        |methods, accounts, base| {
            let client = crate::notify::http::client().unwrap();
            methods.with_provider(Oidc::new(accounts.clone(), &settings, base, client))
        },
    )
    .await;
    (world, at)
}

#[tokio::test]
async fn the_browser_goes_to_the_provider_and_comes_back_bound_to_its_cookie() {
    let (world, at) = world().await;
    let stranger = world.as_(Who::Anonymous).with("sec-fetch-site", "none");
    assert_eq!(stranger.get("/api/sign-in-methods").await.json["oidc"], "Our directory");
    let begun = stranger.get("/api/auth/oidc/start?returnTo=/appointments").await.expect(303);
    assert!(begun.header("location").starts_with(&format!("{at}/authorize?")), "{}", begun.header("location"));
    let cookie = begun.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-visavis-sign-in=") && cookie.contains("HttpOnly; SameSite=Lax; Secure"));
    let state = begun.header("location").split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap();
    assert!(!cookie.contains(state));

    let returned = stranger.clone().with("sec-fetch-site", "cross-site");
    let back = format!("/api/auth/oidc/callback?state={state}&error=access_denied&session_state=x");
    let pair = cookie.split(';').next().unwrap();
    let denied = returned.clone().with("cookie", pair).get(&back).await.expect(303);
    assert_eq!(denied.header("location"), "/sign-in#problem=oidc_denied");
    assert!(denied.header("set-cookie").starts_with("__Host-visavis-sign-in=;"));
    // A state works once, and in no other browser.
    let again = returned.clone().with("cookie", pair).get(&back).await.expect(303);
    assert_eq!(again.header("location"), "/sign-in#problem=oidc_state_invalid");
    let strange = returned.get("/api/auth/oidc/callback?state=x&code=y").await.expect(303);
    assert_eq!(strange.header("location"), "/sign-in#problem=oidc_state_invalid");
    stranger.get("/api/auth/oidc/start?next=/").await.refused(400, "invalid_query");
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let world = World::new().await;
    assert_eq!(world.as_(Who::Anonymous).get("/api/sign-in-methods").await.json.get("oidc"), None);
    for path in ["/api/auth/oidc/start", "/api/auth/oidc/callback?state=x&code=y"] {
        world.as_(Who::Anonymous).get(path).await.refused(404, "not_found");
    }
}

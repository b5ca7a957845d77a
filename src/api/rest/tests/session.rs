//! Signing in and out.

use axum::http::Method;

use super::world::HOUR;
use super::*;

fn credentials(email: &str, password: &str) -> serde_json::Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn whoever_signs_in_is_known_until_signing_out() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    let nobody = stranger.get("/api/session").await.expect(200);
    assert_eq!(nobody.json, json!({ "now": "2026-11-21T09:00:00Z" }));
    assert_eq!(nobody.header("set-cookie"), "");

    let signed_in = stranger.post("/api/session", credentials(" Customer1@Example.org ", PASSWORD)).await.expect(200);
    assert_eq!(signed_in.json["role"], "customer");
    assert!(!signed_in.json.to_string().contains("token"));
    let browser = stranger.clone().after(&signed_in);
    let known = browser.get("/api/session").await.expect(200);
    assert_eq!(known.json["user"], signed_in.json);
    assert_eq!(known.json["user"]["email"], "customer1@example.org");
    // The cookie lasts as long as the session, which use has made longer.
    assert_eq!(known.header("set-cookie"), signed_in.header("set-cookie"));

    let out = browser.delete("/api/session").await.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(browser.get("/api/session").await.json.get("user"), None);
    browser.get("/api/me").await.refused(401, "session_expired");
    // Once more, and without any session: still out, and the cookie goes.
    assert!(browser.delete("/api/session").await.expect(204).header("set-cookie").contains("Max-Age=0"));
    stranger.delete("/api/session").await.expect(204);
}

#[tokio::test]
async fn a_guest_is_told_which_seat_it_has() {
    let world = World::new().await;
    let guest = world.as_(Who::Guest(1)).get("/api/session").await.expect(200);
    assert_eq!(guest.json.get("user"), None);
    let told = &guest.json["guest"];
    assert_eq!(told["seatId"], world.meeting(1).guest_seat.to_string());
    assert_eq!(told["appointmentId"], world.meeting(1).appointment.to_string());
    assert_eq!(
        (&told["name"], &told["role"], &told["tz"]),
        (&json!("Guest 1"), &json!("observer"), &json!("Europe/Rome"))
    );
    world.as_(Who::Guest(1)).get("/api/sessions").await.refused(403, "account_required");
    world.as_(Who::Guest(1)).delete("/api/session").await.expect(204);
    world.as_(Who::Guest(1)).get("/api/events").await.refused(401, "session_expired");
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_bound_to_tls_where_there_is_any() {
    for (base, start, secure) in
        [("https://meet.example.org", "__Host-visavis=", true), ("http://localhost:7880", "visavis=", false)]
    {
        let world = World::at(base, |_| {}).await;
        let answer = world.as_(Who::Anonymous).post("/api/session", credentials("admin@example.org", PASSWORD)).await;
        let cookie = answer.expect(200).header("set-cookie").to_owned();
        assert!(cookie.starts_with(start), "{cookie}");
        for flag in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=2592000"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert_eq!(cookie.contains("; Secure"), secure);
    }
}

#[tokio::test]
async fn an_unknown_account_and_a_wrong_password_look_the_same() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    let wrong = stranger.post("/api/session", credentials("customer1@example.org", "not this one")).await;
    let wrong = wrong.refused(401, "invalid_credentials");
    for email in ["nobody@example.org", "no address at all"] {
        let unknown = stranger.post("/api/session", credentials(email, "not this one")).await;
        assert_eq!((unknown.status, &unknown.json), (wrong.status, &wrong.json));
        assert_eq!(unknown.headers, wrong.headers);
    }
    // Every one of them cost a hash.
    assert_eq!(world.rest.accounts.hasher().counts().0, 5 + 5 + 3);
    let reset = stranger.post("/api/links/reset", json!({ "email": "customer1@example.org" })).await.expect(202);
    let unknown = stranger.post("/api/links/reset", json!({ "email": "nobody@example.org" })).await.expect(202);
    assert_eq!((reset.headers, reset.json), (unknown.headers, unknown.json));
}

#[tokio::test]
async fn what_comes_from_another_site_signs_nobody_in_or_out() {
    let world = World::new().await;
    let evil = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    for (name, value) in evil {
        let body = credentials("customer1@example.org", PASSWORD);
        let stranger = world.as_(Who::Anonymous).with("sec-fetch-site", "").with(name, value);
        let answer = stranger.post("/api/session", body).await.refused(403, "cross_site");
        assert_eq!(answer.header("set-cookie"), "");
        let victim = world.as_(Who::Customer(1)).with("sec-fetch-site", "").with(name, value);
        victim.delete("/api/session").await.refused(403, "cross_site");
        victim.request(Method::POST, "/api/sessions/revoke-others", None).await.refused(403, "cross_site");
    }
    // A form of an old browser, which says nothing of where it is from.
    let old = world.as_(Who::Customer(1)).with("sec-fetch-site", "");
    old.request(Method::POST, "/api/sessions/revoke-others", None).await.refused(403, "cross_site");
    world.as_(Who::Customer(1)).get("/api/me").await.expect(200);
}

#[tokio::test]
async fn passwords_are_not_guessed_quickly() {
    let world = World::new().await;
    // One name, from many addresses of a proxy that is not ours to trust: the name's limit holds.
    let guess = async |who: Who, email: &str| {
        world.as_(who).with("x-forwarded-for", "203.0.113.9").post("/api/session", credentials(email, "a guess")).await
    };
    let sources = [Who::Anonymous, Who::Guest(1), Who::Guest(2)];
    for attempt in 0..10 {
        guess(sources[attempt % 3], "customer1@example.org").await.refused(401, "invalid_credentials");
    }
    for spelling in ["customer1@example.org", "CUSTOMER1@EXAMPLE.ORG "] {
        let limited = guess(Who::Guest(2), spelling).await.refused(429, "too_many_requests");
        assert_eq!(limited.header("retry-after"), "30");
    }
    // One address, many names.
    let mut given = 0;
    while guess(Who::Anonymous, &format!("nobody{given}@example.org")).await.status == 401 {
        given += 1;
    }
    assert!((20..30).contains(&given), "{given}");
    // Others are not kept out, and after a while neither is this one.
    guess(Who::Guest(1), "customer2@example.org").await.refused(401, "invalid_credentials");
    world.clock.advance(HOUR);
    let right = credentials("customer1@example.org", PASSWORD);
    world.as_(Who::Anonymous).post("/api/session", right).await.expect(200);
}

#[tokio::test]
async fn the_session_that_a_browser_had_ends_when_another_one_signs_in_there() {
    let world = World::new().await;
    let browser = world.as_(Who::Customer(1)).with("user-agent", "Firefox");
    let answer = browser.post("/api/session", credentials("customer2@example.org", PASSWORD)).await.expect(200);
    browser.get("/api/me").await.refused(401, "session_expired");
    let devices = browser.after(&answer).get("/api/sessions").await.expect(200);
    let devices = devices.json.as_array().unwrap();
    let (current, others): (Vec<_>, Vec<_>) = devices.iter().partition(|device| device["current"] == true);
    assert_eq!((current.len(), others.len()), (1, 1));
    assert_eq!((&current[0]["userAgent"], &current[0]["address"]), (&json!("Firefox"), &json!("192.0.2.21")));
}

#[tokio::test]
async fn devices_are_signed_out_one_by_one_or_together_and_never_anothers() {
    let mut world = World::new().await;
    world.sign_in(Who::Customer(1)).await;
    world.sign_in(Who::Customer(1)).await;
    let browser = world.as_(Who::Customer(1));
    let devices = browser.get("/api/sessions").await.expect(200).json;
    let id = |index: usize| devices[index]["id"].as_str().unwrap().to_owned();
    assert_eq!(devices.as_array().unwrap().len(), 3);
    let current = (0..3).find(|&index| devices[index]["current"] == true).unwrap();
    let other = (current + 1) % 3;

    world.as_(Who::Customer(2)).delete(&format!("/api/sessions/{}", id(other))).await.refused(404, "not_found");
    world.as_(Who::Admin).delete(&format!("/api/sessions/{}", id(other))).await.refused(404, "not_found");
    let gone = browser.delete(&format!("/api/sessions/{}", id(other))).await.expect(204);
    assert_eq!(gone.header("set-cookie"), "");
    let rest = browser.request(Method::POST, "/api/sessions/revoke-others", None).await.expect(200);
    assert_eq!(rest.json, json!({ "signedOut": 1 }));
    let own = browser.delete(&format!("/api/sessions/{}", id(current))).await.expect(204);
    assert!(own.header("set-cookie").contains("Max-Age=0"));
    browser.get("/api/sessions").await.refused(401, "session_expired");
    browser.delete("/api/sessions/x").await.refused(401, "session_expired");
    world.as_(Who::Customer(2)).delete("/api/sessions/x").await.refused(400, "invalid_path");
}

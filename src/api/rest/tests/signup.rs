//! Making an account, and links that come by mail.

use super::world::HOUR;
use super::*;
use crate::config::Registration;

const NEW: &str = "newcomer@example.org";

#[tokio::test]
async fn whoever_registers_is_a_customer_and_signed_in() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    let body = json!({ "email": NEW, "name": "New Comer", "password": PASSWORD, "tz": "Europe/Rome", "locale": "de" });
    let answer = stranger.post("/api/register", body.clone()).await.expect(201);
    assert_eq!((&answer.json["role"], &answer.json["emailVerified"]), (&json!("customer"), &json!(false)));
    let browser = stranger.clone().after(&answer);
    assert_eq!(browser.get("/api/me").await.expect(200).json["tz"], "Europe/Rome");
    stranger.post("/api/register", body).await.refused(409, "email_taken");

    let token = world.mailed("verify_email", NEW).await;
    let verified = stranger.post("/api/links/verify", json!({ "token": token })).await.expect(200);
    assert_eq!(verified.json, json!({ "email": NEW }));
    stranger.post("/api/links/verify", json!({ "token": token })).await.refused(410, "link_used");
    assert_eq!(browser.get("/api/session").await.json["user"]["emailVerified"], true);
    browser.post("/api/me/verification", json!({})).await.expect(202);
}

#[tokio::test]
async fn nobody_registers_with_another_role_or_with_what_is_none() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    let good = json!({ "email": NEW, "name": "New Comer", "password": PASSWORD });
    for (field, value, status, code) in [
        ("role", json!("admin"), 422, "unknown_field"),
        ("status", json!("active"), 422, "unknown_field"),
        ("emailVerifiedAt", json!("2026-01-01T00:00:00Z"), 422, "unknown_field"),
        ("id", json!("x"), 422, "unknown_field"),
        ("email", json!("not an address"), 422, "invalid_email"),
        ("email", json!("x".repeat(300)), 422, "invalid_body"),
        ("name", json!("x".repeat(201)), 422, "invalid_body"),
        ("name", json!("a\u{202e}b"), 422, "invalid_body"),
        ("name", json!(null), 422, "invalid_body"),
        ("password", json!("password"), 422, "weak_password"),
        ("password", json!("x".repeat(2_000)), 422, "invalid_body"),
        ("tz", json!("Moon/Crater"), 422, "invalid_time_zone"),
        ("locale", json!("!"), 422, "invalid_locale"),
        ("phone", json!("112"), 422, "invalid_phone"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        // Limits by name have tests of their own.
        world.clock.advance(HOUR);
        let answer = stranger.post("/api/register", body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{field}: {}", answer.json);
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users").await, 5);
}

#[tokio::test]
async fn where_accounts_are_by_invitation_nobody_makes_one() {
    let invite = |settings: &mut crate::config::OfficeSettings| settings.accounts.registration = Registration::Invite;
    let world = World::at("https://meet.example.org", invite).await;
    let stranger = world.as_(Who::Anonymous);
    let methods = stranger.get("/api/sign-in-methods").await.expect(200);
    assert_eq!(methods.json, json!({ "password": true, "magicLink": false, "registration": false }));
    let body = json!({ "email": NEW, "name": "New Comer", "password": PASSWORD });
    stranger.post("/api/register", body).await.refused(403, "registration_closed");
}

#[tokio::test]
async fn a_link_by_mail_signs_in_once() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    stranger.post("/api/links/magic", json!({ "email": "customer1@example.org" })).await.expect(202);
    let token = world.mailed("magic_link", "customer1@example.org").await;
    // It is not an address to be visited: whatever follows links in mails finds nothing there.
    stranger.get(&format!("/api/links/magic/open?token={token}")).await.refused(405, "method_not_allowed");
    let opened = stranger.post("/api/links/magic/open", json!({ "token": token })).await.expect(200);
    let browser = stranger.clone().after(&opened);
    assert_eq!(browser.get("/api/session").await.json["user"]["email"], "customer1@example.org");
    let replayed = stranger.post("/api/links/magic/open", json!({ "token": token })).await.refused(410, "link_used");
    assert_eq!(replayed.header("set-cookie"), "");

    stranger.post("/api/links/magic", json!({ "email": "customer2@example.org" })).await.expect(202);
    let token = world.mailed("magic_link", "customer2@example.org").await;
    world.clock.advance(HOUR);
    stranger.post("/api/links/magic/open", json!({ "token": token })).await.refused(410, "link_invalid");
    for (body, code) in [
        (json!({ "token": "made-up" }), "link_invalid"),
        (json!({ "token": "" }), "invalid_body"),
        (json!({ "token": "x".repeat(129) }), "invalid_body"),
        (json!({ "token": 7 }), "invalid_body"),
        (json!({ "token": "x", "role": "admin" }), "unknown_field"),
    ] {
        assert_eq!(stranger.post("/api/links/magic/open", body).await.code(), code);
    }
}

#[tokio::test]
async fn a_reset_sets_a_password_and_signs_all_others_out() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    stranger.post("/api/links/reset", json!({ "email": "customer1@example.org" })).await.expect(202);
    let token = world.mailed("password_reset", "customer1@example.org").await;
    // A link of one kind is none of another.
    stranger.post("/api/links/magic/open", json!({ "token": token })).await.refused(410, "link_invalid");
    let reset = |password: &str| json!({ "token": token, "password": password });
    stranger.post("/api/links/reset/open", reset("short")).await.refused(422, "weak_password");
    let new = "four words that follow";
    let answer = stranger.post("/api/links/reset/open", reset(new)).await.expect(200);
    world.as_(Who::Customer(1)).get("/api/me").await.refused(401, "session_expired");
    stranger.clone().after(&answer).get("/api/me").await.expect(200);
    stranger.post("/api/links/reset/open", reset(new)).await.refused(410, "link_used");
    let credentials = |password: &str| json!({ "email": "customer1@example.org", "password": password });
    stranger.post("/api/session", credentials(PASSWORD)).await.refused(401, "invalid_credentials");
    stranger.post("/api/session", credentials(new)).await.expect(200);
}

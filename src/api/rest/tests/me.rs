//! One's own account.

use axum::http::Method;

use super::world::HOUR;
use super::*;

#[tokio::test]
async fn a_profile_is_changed_in_the_version_that_it_was_read_in() {
    let world = World::new().await;
    let browser = world.as_(Who::Customer(1));
    let read = browser.get("/api/me").await.expect(200);
    let tag = read.header("etag").to_owned();
    let name = |name: &str| json!({ "name": name });
    browser.patch("/api/me", name("A")).await.refused(428, "precondition_required");
    let changed = browser.clone().with("if-match", &tag).patch("/api/me", name("Ärztin")).await.expect(200);
    assert_eq!(changed.json["name"], "Ärztin");
    assert_ne!(changed.header("etag"), tag);
    browser.clone().with("if-match", &tag).patch("/api/me", name("B")).await.refused(412, "precondition_failed");
    browser.clone().with("if-match", "x").patch("/api/me", name("B")).await.refused(400, "invalid_header");
    assert_eq!(browser.get("/api/me").await.json["name"], "Ärztin");
}

#[tokio::test]
async fn what_is_null_goes_and_what_is_left_out_stays() {
    let world = World::new().await;
    let browser = world.as_(Who::Customer(1)).with("if-match", "*");
    let quiet = json!({ "fromMinute": 1320, "untilMinute": 420 });
    let body = json!({ "phone": "+39 0471 123456", "remindersBySms": true, "quietHours": quiet, "tz": "Europe/Rome" });
    let set = browser.patch("/api/me", body).await.expect(200).json;
    assert_eq!(
        (&set["phone"], &set["quietHours"], &set["remindersBySms"]),
        (&json!("+390471123456"), &quiet, &json!(true))
    );
    let same = browser.patch("/api/me", json!({})).await.expect(200).json;
    assert_eq!(same, set);
    let gone = browser.patch("/api/me", json!({ "phone": null, "quietHours": null })).await.expect(200).json;
    assert_eq!((&gone["phone"], &gone["quietHours"]), (&json!(null), &json!(null)));
    assert_eq!((&gone["remindersBySms"], &gone["tz"]), (&json!(false), &json!("Europe/Rome")));
    for (body, code) in [
        (json!({ "role": "admin" }), "unknown_field"),
        (json!({ "status": "active" }), "unknown_field"),
        (json!({ "email": "other@example.org" }), "unknown_field"),
        (json!({ "version": 1 }), "unknown_field"),
        (json!({ "remindersBySms": true }), "phone_missing"),
        (json!({ "quietHours": { "fromMinute": 5, "untilMinute": 5 } }), "invalid_quiet_hours"),
        (json!({ "tz": "Mars" }), "invalid_time_zone"),
        (json!([]), "invalid_body"),
    ] {
        assert_eq!(browser.patch("/api/me", body.clone()).await.refused(422, code).code(), code, "{body}");
    }
    assert_eq!(browser.get("/api/me").await.json["role"], "customer");
}

#[tokio::test]
async fn a_new_password_takes_the_old_one_and_signs_others_out() {
    let mut world = World::new().await;
    let before = world.as_(Who::Customer(1)).get("/api/sessions").await.json;
    world.sign_in(Who::Customer(1)).await;
    let browser = world.as_(Who::Customer(1));
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let new = "four words that follow";
    browser.put("/api/me/password", change("wrong", new)).await.refused(401, "invalid_credentials");
    browser.put("/api/me/password", change(PASSWORD, "short")).await.refused(422, "weak_password");
    browser.put("/api/me/password", change(PASSWORD, new)).await.expect(204);
    let devices = browser.get("/api/sessions").await.expect(200).json;
    assert_eq!(devices.as_array().unwrap().len(), 1);
    assert_ne!(devices[0]["id"], before[0]["id"]);
}

#[tokio::test]
async fn another_address_is_taken_when_its_link_is_opened() {
    let world = World::new().await;
    let browser = world.as_(Who::Customer(1));
    let change = |email: &str, password: &str| json!({ "email": email, "password": password });
    browser.put("/api/me/email", json!({ "email": "other@example.org" })).await.refused(401, "invalid_credentials");
    browser.put("/api/me/email", change("customer2@example.org", PASSWORD)).await.refused(409, "email_taken");
    browser.put("/api/me/email", change("other@example.org", PASSWORD)).await.expect(202);
    assert_eq!(browser.get("/api/me").await.json["email"], "customer1@example.org");
    let token = world.mailed("verify_email", "other@example.org").await;
    world.as_(Who::Anonymous).post("/api/links/verify", json!({ "token": token })).await.expect(200);
    assert_eq!(browser.get("/api/me").await.json["email"], "other@example.org");
}

#[tokio::test]
async fn an_export_has_ones_own_data_and_nobody_elses() {
    let world = World::new().await;
    let export = world.as_(Who::Customer(1)).get("/api/me/export").await.expect(200);
    assert!(export.header("content-disposition").starts_with("attachment"));
    let text = export.json.to_string();
    let (own, foreign) = (world.meeting(1), world.meeting(2));
    for mine in [own.appointment.to_string(), own.customer_seat.to_string(), "customer1@example.org".to_owned()] {
        assert!(text.contains(&mine), "{mine}");
    }
    let hers = world.person(Who::Customer(2)).id.to_string();
    for other in [
        foreign.appointment.to_string(),
        foreign.customer_seat.to_string(),
        hers.clone(),
        "customer2@example.org".to_owned(),
        "expert1@example.org".to_owned(),
        "hash".to_owned(),
    ] {
        assert!(!text.replace("\"has_password\"", "").contains(&other), "{other}");
    }
    world.as_(Who::Customer(1)).get(&format!("/api/users/{hers}/export")).await.refused(403, "wrong_role");
    let by_admin = world.as_(Who::Admin).get(&format!("/api/users/{hers}/export")).await.expect(200);
    assert!(by_admin.json.to_string().contains("customer2@example.org"));
}

#[tokio::test]
async fn an_account_is_given_up_with_its_password_once_nothing_lies_ahead() {
    let world = World::new().await;
    let browser = world.as_(Who::Customer(1));
    let leave = async |body: serde_json::Value| browser.request(Method::DELETE, "/api/me", Some(body)).await;
    leave(json!({})).await.refused(401, "invalid_credentials");
    leave(json!({ "password": "wrong" })).await.refused(401, "invalid_credentials");
    leave(json!({ "password": PASSWORD })).await.refused(409, "has_appointments");
    let appointment = world.meeting(1).appointment;
    world
        .sql(&format!(
            "UPDATE appointments SET status = 'cancelled', cancelled_by = 'customer' WHERE id = '{appointment}'"
        ))
        .await;
    let gone = leave(json!({ "password": PASSWORD })).await.expect(204);
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    browser.get("/api/me").await.refused(401, "session_expired");
    let credentials = json!({ "email": "customer1@example.org", "password": PASSWORD });
    world.as_(Who::Anonymous).post("/api/session", credentials).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn who_has_no_password_gives_an_account_up_with_a_fresh_sign_in() {
    let world = World::new().await;
    let stranger = world.as_(Who::Anonymous);
    let body = json!({ "email": "new@example.org", "name": "New Comer" });
    let answer = stranger.post("/api/register", body).await.expect(201);
    let browser = stranger.after(&answer);
    world.clock.advance(HOUR);
    let leave = async || browser.request(Method::DELETE, "/api/me", Some(json!({}))).await;
    leave().await.refused(403, "sign_in_again");
    browser.post("/api/links/magic", json!({ "email": "new@example.org" })).await.expect(202);
    let token = world.mailed("magic_link", "new@example.org").await;
    let fresh = browser.post("/api/links/magic/open", json!({ "token": token })).await.expect(200);
    let fresh = browser.clone().after(&fresh);
    fresh.request(Method::DELETE, "/api/me", Some(json!({}))).await.expect(204);
    fresh.get("/api/me").await.refused(401, "session_expired");
}

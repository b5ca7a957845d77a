//! Guest links.

use std::time::Duration;

use super::world::HOUR;
use super::*;

#[tokio::test]
async fn a_guest_link_leads_to_its_seat_until_it_is_revoked() {
    let world = World::new().await;
    let meeting = world.meeting(1);
    let path = format!("/api/appointments/{}/guest-links", meeting.appointment);
    let (host, stranger) = (world.as_(Who::Expert(1)), world.as_(Who::Anonymous));
    let made = host.post(&path, json!({ "seatId": meeting.guest_seat, "maxUses": 2 })).await.expect(201).json;
    // The end of the appointment and half an hour.
    assert_eq!((&made["expiresAt"], &made["maxUses"]), (&json!("2026-11-22T10:30:00Z"), &json!(2)));
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["url"], format!("https://meet.example.org/guest#{token}"));

    stranger.get(&format!("/api/guest/open?token={token}")).await.refused(405, "method_not_allowed");
    let opened = stranger.post("/api/guest/open", json!({ "token": token })).await.expect(200);
    assert_eq!(opened.json["appointmentId"], meeting.appointment.to_string());
    assert!(!opened.json.to_string().contains("token"));
    let guest = stranger.clone().after(&opened);
    assert_eq!(guest.get("/api/session").await.json["guest"], opened.json);

    let listed = host.get(&path).await.expect(200).json;
    let link = listed.as_array().unwrap().iter().find(|link| link["id"] == made["id"]).unwrap();
    assert_eq!((&link["uses"], link.get("revokedAt"), link.get("token")), (&json!(1), None, None));
    assert!(!listed.to_string().contains(token));

    stranger.post("/api/guest/open", json!({ "token": token })).await.expect(200);
    stranger.post("/api/guest/open", json!({ "token": token })).await.refused(410, "link_used");
    let revoke = format!("/api/guest-links/{}", made["id"].as_str().unwrap());
    host.delete(&revoke).await.expect(204);
    stranger.post("/api/guest/open", json!({ "token": token })).await.refused(410, "link_invalid");
    guest.get("/api/events").await.refused(401, "session_expired");
    host.delete(&revoke).await.expect(204);
}

#[tokio::test]
async fn guest_links_are_the_hosts_and_administrators_to_make() {
    let world = World::new().await;
    let (own, foreign) = (world.meeting(1), world.meeting(2));
    let path = format!("/api/appointments/{}/guest-links", own.appointment);
    let revoke = format!("/api/guest-links/{}", own.guest_link);
    let body = json!({ "seatId": own.guest_seat });
    for (who, status, code) in [
        (Who::Anonymous, 401, "sign_in_required"),
        (Who::Guest(1), 403, "account_required"),
        (Who::Customer(1), 403, "wrong_role"),
        (Who::Expert(2), 404, "not_found"),
    ] {
        let client = world.as_(who);
        for answer in [client.get(&path).await, client.post(&path, body.clone()).await, client.delete(&revoke).await] {
            assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{who:?} {}", answer.json);
        }
    }
    world.as_(Who::Admin).get(&path).await.expect(200);
    world.as_(Who::Admin).post(&path, body).await.expect(201);
    // A seat of another appointment, or somebody's own.
    let host = world.as_(Who::Expert(1));
    host.post(&path, json!({ "seatId": foreign.guest_seat })).await.refused(404, "not_found");
    host.post(&path, json!({ "seatId": own.customer_seat })).await.refused(409, "not_a_guest_seat");
}

#[tokio::test]
async fn a_guest_link_ends_with_the_window_at_the_latest() {
    let world = World::new().await;
    let meeting = world.meeting(1);
    let path = format!("/api/appointments/{}/guest-links", meeting.appointment);
    let host = world.as_(Who::Expert(1));
    for (field, value, code) in [
        ("expiresAt", json!("2026-11-22T10:30:01Z"), "invalid_body"),
        ("expiresAt", json!("2026-11-20T00:00:00Z"), "invalid_expiry"),
        ("expiresAt", json!("tomorrow"), "invalid_body"),
        ("maxUses", json!(0), "invalid_uses"),
        ("maxUses", json!(1001), "invalid_uses"),
        ("maxUses", json!(-1), "invalid_body"),
        ("role", json!("host"), "unknown_field"),
        ("invitation", json!({ "message": "x".repeat(1001) }), "invalid_body"),
        ("invitation", json!({ "locale": "!" }), "invalid_locale"),
    ] {
        let mut body = json!({ "seatId": meeting.guest_seat });
        body[field] = value;
        assert_eq!(host.post(&path, body.clone()).await.refused(422, code).code(), code, "{body}");
    }
    let body = json!({ "seatId": meeting.guest_seat, "expiresAt": "2026-11-22T10:30:00Z" });
    let token = host.post(&path, body.clone()).await.expect(201).json["token"].clone();
    world.clock.advance(25 * HOUR + Duration::from_secs(30 * 60));
    world.as_(Who::Anonymous).post("/api/guest/open", json!({ "token": token })).await.refused(410, "link_invalid");
    host.post(&path, body).await.refused(422, "invalid_expiry");
}

#[tokio::test]
async fn a_guest_link_goes_by_mail_where_it_is_wanted() {
    let world = World::new().await;
    let meeting = world.meeting(1);
    let path = format!("/api/appointments/{}/guest-links", meeting.appointment);
    let body = json!({ "seatId": meeting.guest_seat, "invitation": { "message": "Bring the file." } });
    let made = world.as_(Who::Expert(1)).post(&path, body).await.expect(201).json;
    assert_eq!(world.mailed("guest_invitation", "guest1@example.org").await, made["token"]);
}

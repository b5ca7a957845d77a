//! Who else takes part, and guests, who have nothing but their seat.

use serde_json::{Value, json};

use super::desk::{CUSTOMER, Counter, EXPERT, OTHER, STRANGE_EXPERT, Who};

#[tokio::test]
async fn the_expert_gives_seats_changes_them_and_takes_them_away() {
    let counter = Counter::new();
    let path = counter.approved(1).await;
    let seats = format!("{path}/seats");
    let ada = json!({ "name": "Ada", "email": "ada@example.com", "role": "interpreter" });
    let made = counter.post(EXPERT, &seats, ada.clone()).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    assert_eq!((&made["guest"], &made["email"]), (&json!(true), &json!("ada@example.com")));
    assert_eq!(made["permissions"]["screen"], false);
    let seat = format!("/api/seats/{}", made["id"].as_str().unwrap());
    let may = json!({ "permissions": { "audio": false, "video": false, "screen": false, "data": true } });
    let changed = counter.send(EXPERT, "PATCH", &seat, None, &may.to_string()).await.ok();
    assert_eq!(changed["permissions"]["audio"], false);

    // The customer sees who is there, without addresses, and changes nothing.
    let seen = counter.get(CUSTOMER, &seats).await;
    assert!(!seen.text.contains("ada@example.com") && seen.text.contains("Ada"));
    assert_eq!(counter.post(CUSTOMER, &seats, ada.clone()).await.told(), (403, "wrong_role"));
    assert_eq!(counter.send(CUSTOMER, "PATCH", &seat, None, &may.to_string()).await.told(), (403, "wrong_role"));
    assert_eq!(counter.send(CUSTOMER, "DELETE", &seat, None, "").await.told(), (403, "not_yours"));
    assert_eq!(counter.post(STRANGE_EXPERT, &seats, ada.clone()).await.told(), (404, "not_found"));
    assert_eq!(counter.send(STRANGE_EXPERT, "PATCH", &seat, None, &may.to_string()).await.told(), (404, "not_found"));
    assert_eq!(counter.send(OTHER, "DELETE", &seat, None, "").await.told(), (404, "not_found"));
    assert_eq!(counter.get(OTHER, &seats).await.told(), (404, "not_found"));

    for (body, code) in [
        (json!({ "name": "Eve", "role": "host" }), "invalid_body"),
        (json!({ "name": "Eve", "role": "admin" }), "invalid_body"),
        (json!({ "name": "x".repeat(201), "role": "observer" }), "invalid_body"),
        (json!({ "email": "not an address", "role": "observer" }), "invalid_body"),
        (json!({ "role": "observer" }), "invalid_body"),
        (json!({ "name": "Eve", "role": "observer", "admitted": true }), "unknown_field"),
    ] {
        assert_eq!(counter.post(EXPERT, &seats, body.clone()).await.told(), (422, code), "{body}");
    }
    assert_eq!(counter.send(EXPERT, "DELETE", &seat, None, "").await.status, 204);
    assert_eq!(counter.send(EXPERT, "DELETE", &seat, None, "").await.told(), (404, "not_found"));
}

#[tokio::test]
async fn a_guest_sees_the_one_appointment_and_not_what_the_sides_wrote() {
    let counter = Counter::new();
    let path = counter.approved(1).await;
    counter.tell(EXPERT, &format!("{path}/propose"), "*", json!({ "startsAt": super::booking::hour(3) })).await.ok();
    let made = counter.post(EXPERT, &format!("{path}/seats"), json!({ "name": "Ada", "role": "observer" })).await.ok();
    let seat = made["id"].as_str().unwrap();
    let guest = counter.holder_of(1, seat);
    let seen = counter.get(guest, &path).await.ok();
    assert_eq!((&seen["ownSeatId"], &seen["proposal"]), (&json!(seat), &Value::Null));
    assert_eq!(seen["actions"], json!([]));
    assert_eq!(counter.get(guest, &format!("{path}/join")).await.ok()["reasons"][0]["code"], "window_not_open");
    assert!(counter.get(guest, &format!("{path}/invite.ics")).await.text.contains("BEGIN:VEVENT"));
    assert_eq!(counter.get(guest, "/api/appointments").await.told(), (403, "account_required"));
    assert_eq!(counter.get(guest, &format!("{path}/history")).await.told(), (403, "account_required"));
    assert_eq!(counter.tell(guest, &format!("{path}/cancel"), "*", json!({})).await.told(), (403, "account_required"));
    let other = counter.asks(OTHER, 5).await.ok();
    let foreign = format!("/api/appointments/{}", other["id"].as_str().unwrap());
    assert_eq!(counter.get(guest, &foreign).await.told(), (404, "not_found"));
    assert_eq!(counter.get(Who::Nobody, &path).await.told(), (401, "sign_in_required"));
    assert_eq!(counter.get(Who::Nobody, &format!("{path}/join")).await.ok()["reasons"][0]["code"], "sign_in_required");
    assert_eq!(counter.send(guest, "DELETE", &format!("/api/seats/{seat}"), None, "").await.status, 204);
}

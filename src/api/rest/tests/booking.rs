//! From a slot to an appointment.

use serde_json::{Value, json};

use super::desk::{ADMIN, Answer, CUSTOMER, Counter, EXPERT, OTHER, STRANGE_EXPERT, Who, at};
use crate::scheduler::testing::{MINUTE, START, person, service_id};
use crate::units::UnixTime;

/// So many hours after 09:00 of the Monday.
pub(super) fn hour(hours: i64) -> String {
    at(UnixTime(START.0 + hours * 60 * MINUTE))
}

fn start(hours: i64) -> Value {
    json!({ "serviceId": service_id(1), "startsAt": hour(hours), "tz": "Europe/Rome" })
}

impl Counter {
    /// A request of a customer's.
    pub(super) async fn asks(&self, who: Who, hours: i64) -> Answer {
        self.post(who, "/api/appointments", start(hours)).await
    }

    /// The path of an appointment that customer 1 has asked for.
    pub(super) async fn pending(&self, hours: i64) -> String {
        let asked = self.asks(CUSTOMER, hours).await.ok();
        format!("/api/appointments/{}", asked["id"].as_str().unwrap())
    }

    /// The path of an appointment of customer 1 that the expert has approved.
    pub(super) async fn approved(&self, hours: i64) -> String {
        let path = self.pending(hours).await;
        self.tell(EXPERT, &format!("{path}/approve"), "*", json!({})).await.ok();
        path
    }
}

#[tokio::test]
async fn a_time_is_held_and_becomes_a_request() {
    let counter = Counter::new();
    let held = counter.post(CUSTOMER, "/api/holds", start(1)).await;
    assert_eq!(held.status, 201);
    let hold = held.ok();
    assert_eq!(hold["expiresAt"], "2027-01-10T09:10:00Z");
    // Nobody else gets it.
    assert_eq!(counter.post(OTHER, "/api/holds", start(1)).await.told(), (409, "slot_taken"));
    assert_eq!(counter.asks(OTHER, 1).await.told(), (409, "slot_taken"));
    let id = hold["id"].as_str().unwrap();
    // Nor can anybody else use or release it.
    let using = json!({ "holdId": id, "note": "About my taxes" });
    assert_eq!(counter.post(OTHER, "/api/appointments", using.clone()).await.told(), (404, "not_found"));
    let hold_path = format!("/api/holds/{id}");
    assert_eq!(counter.send(OTHER, "DELETE", &hold_path, None, "").await.told(), (404, "not_found"));
    assert_eq!(counter.send(EXPERT, "DELETE", &hold_path, None, "").await.told(), (403, "wrong_role"));

    let asked = counter.post(CUSTOMER, "/api/appointments", using.clone()).await;
    assert_eq!(asked.status, 201);
    let tag = asked.etag();
    let asked = asked.ok();
    assert_eq!((&asked["id"], &asked["status"]), (&json!(id), &json!("pending")));
    assert_eq!((&asked["note"], &asked["meetingUrl"]), (&json!("About my taxes"), &Value::Null));
    assert_eq!(tag, format!("\"{}\"", asked["version"]));
    // A form that is sent again books nothing again.
    assert_eq!(counter.post(CUSTOMER, "/api/appointments", using).await.told(), (409, "illegal_transition"));
    // What is an appointment is no hold any more.
    assert_eq!(counter.send(CUSTOMER, "DELETE", &hold_path, None, "").await.told(), (404, "not_found"));
}

#[tokio::test]
async fn holds_are_replaced_released_and_lapse() {
    let counter = Counter::new();
    let first = counter.post(CUSTOMER, "/api/holds", start(1)).await.ok();
    let mut other = start(2);
    other["replaces"] = first["id"].clone();
    let second = counter.post(CUSTOMER, "/api/holds", other).await.ok();
    assert_eq!(counter.asks(OTHER, 1).await.status, 201);
    let path = format!("/api/holds/{}", second["id"].as_str().unwrap());
    assert_eq!(counter.send(CUSTOMER, "DELETE", &path, None, "").await.status, 204);
    assert_eq!(counter.send(CUSTOMER, "DELETE", &path, None, "").await.told(), (404, "not_found"));

    let held = counter.post(CUSTOMER, "/api/holds", start(3)).await.ok();
    for hours in [4, 5] {
        assert_eq!(counter.post(CUSTOMER, "/api/holds", start(hours)).await.status, 201);
    }
    assert_eq!(counter.post(CUSTOMER, "/api/holds", start(6)).await.told(), (409, "too_many_holds"));
    counter.desk.at(-24 * 60 * MINUTE + 10 * MINUTE);
    let late = counter.post(CUSTOMER, "/api/appointments", json!({ "holdId": held["id"] })).await;
    assert_eq!(late.told(), (409, "hold_expired"));
    assert_eq!(counter.asks(OTHER, 3).await.status, 201);
}

#[tokio::test]
async fn what_cannot_be_booked_is_refused_by_its_reason() {
    let counter = Counter::new();
    let with = |field: &str, value: Value| {
        let mut body = start(1);
        body[field] = value;
        body
    };
    let far = "00000000-0000-7000-8001-000000000099";
    for (body, status, code) in [
        // Past, too soon, off the grid, outside the hours.
        (with("startsAt", json!("2020-01-06T10:00:00Z")), 409, "not_offered"),
        (with("startsAt", json!("2027-01-10T10:00:00Z")), 409, "not_offered"),
        (with("startsAt", json!("2027-01-11T10:07:00Z")), 409, "not_offered"),
        (with("startsAt", json!("2027-01-11T22:00:00Z")), 409, "not_offered"),
        (with("startsAt", json!("2027-02-30T10:00:00Z")), 422, "invalid_body"),
        (with("startsAt", json!(1_799_658_000)), 422, "invalid_body"),
        (with("tz", json!("Mars/Olympus")), 422, "invalid_body"),
        (with("tz", json!("x".repeat(65))), 422, "invalid_body"),
        (with("serviceId", json!(far)), 404, "not_found"),
        (with("serviceId", json!("7")), 422, "invalid_body"),
        (with("holdId", json!(far)), 422, "invalid_body"),
        (with("note", json!("x".repeat(5_001))), 422, "invalid_body"),
        (with("note", json!("\u{0}")), 422, "invalid_body"),
        (with("role", json!("expert")), 422, "unknown_field"),
        (with("status", json!("approved")), 422, "unknown_field"),
        // What only experts and administrators say.
        (with("customerId", json!(person(2))), 403, "wrong_role"),
        (with("customerEmail", json!("p2@example.org")), 403, "wrong_role"),
        (with("outsideHours", json!(true)), 403, "wrong_role"),
        (with("participants", json!([{ "name": "Ada", "role": "host" }])), 422, "invalid_body"),
        (with("participants", json!([{ "name": "Ada", "role": "king" }])), 422, "invalid_body"),
        (json!({}), 422, "invalid_body"),
        (json!([]), 422, "invalid_body"),
    ] {
        let refused = counter.post(CUSTOMER, "/api/appointments", body.clone()).await;
        assert_eq!(refused.told(), (status, code), "{body}");
    }
    let late = counter.post(CUSTOMER, "/api/appointments", with("startsAt", json!("2020-01-06T10:00:00Z"))).await;
    assert_eq!(late.json["reasons"][0]["code"], "past");
    let torn = counter.send(CUSTOMER, "POST", "/api/appointments", None, "{\"serviceId\":").await;
    assert_eq!(torn.told(), (400, "malformed_body"));
    assert_eq!(counter.asks(Who::Nobody, 1).await.told(), (401, "sign_in_required"));
    assert_eq!(counter.post(EXPERT, "/api/holds", start(1)).await.told(), (403, "wrong_role"));
    let hold = |field: &str, value: Value| with(field, value);
    for (body, status, code) in [
        (hold("startsAt", json!("2020-01-06T10:00:00Z")), 409, "not_offered"),
        (hold("note", json!("x")), 422, "unknown_field"),
        (hold("replaces", json!(far)), 404, "not_found"),
        (hold("serviceId", json!(far)), 404, "not_found"),
    ] {
        assert_eq!(counter.post(CUSTOMER, "/api/holds", body.clone()).await.told(), (status, code), "{body}");
    }
    // One's own other appointment stands in the way.
    counter.desk.sql(&format!(
        "INSERT INTO availability_rules (expert_id, weekday, from_min, to_min, tz) VALUES ('{}', 1, 480, 1080, 'UTC')",
        person(9)
    ));
    counter.asks(CUSTOMER, 1).await.ok();
    let overlap = counter.post(CUSTOMER, "/api/appointments", with("serviceId", json!(service_id(2)))).await;
    assert_eq!(overlap.told(), (409, "customer_overlap"));
    counter.post(EXPERT, &format!("/api/services/{}/deactivate", service_id(1)), Value::Null).await.ok();
    assert_eq!(counter.asks(OTHER, 3).await.told(), (409, "service_inactive"));
}

#[tokio::test]
async fn staff_books_for_customers() {
    let counter = Counter::new();
    let booking = |field: &str, value: Value| {
        let mut body =
            json!({ "serviceId": service_id(1), "startsAt": "2027-01-11T22:07:00Z", "message": "As agreed" });
        body["outsideHours"] = json!(true);
        body[field] = value;
        body
    };
    let booked =
        counter.post(EXPERT, "/api/appointments", booking("customerEmail", json!("p2@example.org"))).await.ok();
    assert_eq!((&booked["status"], &booked["customerId"]), (&json!("approved"), &json!(person(2))));
    assert_eq!(booked["decisionMessage"], "As agreed");
    let path = format!("/api/appointments/{}", booked["id"].as_str().unwrap());
    assert_eq!(counter.get(OTHER, &path).await.ok()["actions"], json!(["reschedule", "cancel", "propose"]));
    assert_eq!(counter.get(CUSTOMER, &path).await.told(), (404, "not_found"));

    let same = booking("customerId", json!(person(1)));
    assert_eq!(counter.post(STRANGE_EXPERT, "/api/appointments", same.clone()).await.told(), (403, "not_yours"));
    assert_eq!(counter.post(ADMIN, "/api/appointments", same.clone()).await.told(), (409, "slot_taken"));
    for body in [
        booking("customerId", json!(person(9))),
        booking("customerEmail", json!("nobody@example.org")),
        booking("note", json!("x")),
        booking("message", json!("x")),
    ] {
        assert_eq!(
            counter.post(EXPERT, "/api/appointments", body.clone()).await.told(),
            (422, "invalid_body"),
            "{body}"
        );
    }
    let mut past = booking("customerId", json!(person(1)));
    past["startsAt"] = json!("2027-01-10T08:00:00Z");
    assert_eq!(counter.post(EXPERT, "/api/appointments", past).await.told(), (409, "not_offered"));
}

#[tokio::test]
async fn a_session_is_shared_and_its_customers_do_not_learn_of_each_other() {
    let counter = Counter::new();
    counter.desk.sql(&format!("UPDATE services SET capacity = 2, approval = 'auto' WHERE id = '{}'", service_id(1)));
    let first = counter.asks(CUSTOMER, 1).await.ok();
    assert_eq!(first["status"], "approved");
    let path = format!("/api/appointments/{}", first["id"].as_str().unwrap());
    let held = counter.post(OTHER, "/api/holds", start(1)).await;
    assert_eq!((held.status, held.json["seatsLeft"].as_u64()), (200, Some(1)));
    let joined = counter.asks(OTHER, 1).await.ok();
    assert_eq!(joined["id"], first["id"]);
    assert_eq!((&joined["customerId"], &joined["customerName"]), (&Value::Null, &Value::Null));
    for who in [CUSTOMER, OTHER] {
        let seats = counter.get(who, &format!("{path}/seats")).await.ok();
        assert_eq!(seats.as_array().unwrap().len(), 2, "the expert and oneself");
    }
    let all = counter.get(EXPERT, &path).await.ok();
    assert_eq!(all["seats"].as_array().unwrap().len(), 3);
    let emails: Vec<_> = all["seats"].as_array().unwrap().iter().map(|seat| seat["email"].as_str().unwrap()).collect();
    assert!(emails.contains(&"p2@example.org"), "{emails:?}");
    assert_eq!(counter.asks(Who::Person(3), 1).await.told(), (409, "session_full"));
    // Nobody moves it for the others; whoever leaves, leaves alone and sees it no more.
    let moving = counter.tell(OTHER, &format!("{path}/reschedule"), "*", json!({ "startsAt": hour(3) })).await;
    assert_eq!(moving.told(), (403, "not_yours"));
    assert_eq!(counter.tell(OTHER, &format!("{path}/cancel"), "*", json!({})).await.status, 204);
    assert_eq!(counter.get(OTHER, &path).await.told(), (404, "not_found"));
    assert_eq!(counter.get(CUSTOMER, &path).await.ok()["status"], "approved");
}

#[tokio::test]
async fn what_a_customer_agrees_to_is_kept_with_the_booking() {
    let counter = Counter::new();
    let with = |hours, consent: Value| {
        let mut body = start(hours);
        body["consent"] = consent;
        body
    };
    for wrong in [
        json!({ "version": "", "text": "I agree" }),
        json!({ "version": "booking-1", "text": " " }),
        json!({ "version": "x".repeat(41), "text": "I agree" }),
        json!({ "version": "booking-1", "text": "x".repeat(2_001) }),
        json!({ "version": "booking-1" }),
    ] {
        let refused = counter.post(CUSTOMER, "/api/appointments", with(1, wrong.clone())).await;
        assert_eq!(refused.told(), (422, "invalid_body"), "{wrong}");
    }
    let agreed = json!({ "version": "booking-1", "text": "I agree that my name is passed on." });
    let asked = counter.post(CUSTOMER, "/api/appointments", with(1, agreed.clone())).await.ok();
    let path = format!("/api/appointments/{}", asked["id"].as_str().unwrap());
    for who in [CUSTOMER, EXPERT, ADMIN] {
        let told = counter.get(who, &path).await.ok();
        let seats = told["seats"].as_array().unwrap();
        let given: Vec<_> = seats.iter().filter(|seat| seat.get("consent").is_some()).collect();
        assert_eq!((given.len(), &given[0]["role"]), (1, &json!("client")), "{told}");
        assert_eq!(given[0]["consent"]["text"], agreed["text"]);
        assert_eq!(given[0]["consent"]["agreedAt"], "2027-01-10T09:00:00Z");
    }
    // Whoever books without having been asked has agreed to nothing, and nobody agrees for another.
    let unasked = counter.asks(CUSTOMER, 3).await.ok();
    assert!(unasked["seats"].as_array().unwrap().iter().all(|seat| seat.get("consent").is_none()));
    let for_another = json!({
        "serviceId": service_id(1), "startsAt": hour(5), "customerId": person(1), "consent": agreed,
    });
    assert_eq!(counter.post(EXPERT, "/api/appointments", for_another).await.told(), (422, "invalid_body"));
}

//! What is written in an appointment, its notes and its ratings.

use serde_json::{Value, json};

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, OTHER, STRANGE_EXPERT, Who};
use crate::ids::AppointmentId;
use crate::scheduler::Lobby;
use crate::scheduler::testing::person;

fn of(id: AppointmentId, rest: &str) -> String {
    format!("/api/appointments/{id}/{rest}")
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_history_is_read_backwards_in_pieces_and_forwards_from_a_message() {
    let counter = Counter::new();
    let path = of(counter.desk.approved(Lobby::Off), "messages");
    let mut written = Vec::new();
    for number in 0..5 {
        counter.desk.at(number * 1_000);
        let body = json!({ "body": format!("number {number}"), "streamId": format!("s{number}") });
        let made = counter.post(if number % 2 == 0 { CUSTOMER } else { EXPERT }, &path, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        written.push(made.json["id"].as_str().unwrap().to_owned());
    }
    let newest = counter.get(EXPERT, &format!("{path}?limit=3")).await.ok();
    let cursor = newest["nextCursor"].as_str().unwrap();
    let rest = counter.get(EXPERT, &format!("{path}?limit=3&cursor={cursor}")).await.ok();
    assert_eq!([ids(&newest["items"]), ids(&rest["items"])].concat().iter().rev().collect::<Vec<_>>(), {
        written.iter().collect::<Vec<_>>()
    });
    assert!(rest["nextCursor"].is_null());

    let since = format!("{path}?after={}&limit=2", written[1]);
    let first = counter.get(CUSTOMER, &since).await.ok();
    assert_eq!(ids(&first["items"]), written[2..4]);
    let second = counter.get(CUSTOMER, &format!("{since}&cursor={}", first["nextCursor"].as_str().unwrap())).await.ok();
    assert_eq!(ids(&second["items"]), written[4..]);
    assert!(second["nextCursor"].is_null());

    // Sent again under its name, it is not written again.
    let again = counter.post(CUSTOMER, &path, json!({ "body": "number 0", "streamId": "s0" })).await.ok();
    assert_eq!(again["id"], written[0].as_str());
    let foreign = format!("{path}?after={}", "00000000-0000-7000-8002-000000000077");
    assert_eq!(counter.get(CUSTOMER, &foreign).await.told(), (422, "invalid_body"));
    for wrong in ["cursor=abc", "limit=0", "before=1", "after=7"] {
        let refused = counter.get(CUSTOMER, &format!("{path}?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
}

#[tokio::test]
async fn messages_are_changed_and_taken_back_by_whoever_wrote_them() {
    let counter = Counter::new();
    let path = of(counter.desk.approved(Lobby::Off), "messages");
    let guest = counter.guest(1, "client");
    let made = counter.post(guest, &path, json!({ "body": "hello" })).await.ok();
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let edited = counter.patch(guest, &one, "*", json!({ "body": "good day" })).await.ok();
    assert_eq!((&edited["body"], edited["editedAt"].is_null()), (&json!("good day"), false));
    assert_eq!(counter.patch(EXPERT, &one, "*", json!({ "body": "x" })).await.told(), (403, "not_yours"));
    assert_eq!(counter.delete(EXPERT, &one).await.told(), (403, "not_yours"));
    for stranger in [OTHER, STRANGE_EXPERT] {
        assert_eq!(counter.get(stranger, &path).await.told(), (404, "not_found"));
        assert_eq!(counter.post(stranger, &path, json!({ "body": "x" })).await.told(), (404, "not_found"));
        assert_eq!(counter.delete(stranger, &one).await.told(), (404, "not_found"));
    }
    assert_eq!(counter.get(Who::Nobody, &path).await.told(), (401, "sign_in_required"));
    assert_eq!(counter.post(ADMIN, &path, json!({ "body": "x" })).await.told(), (403, "not_yours"));
    assert_eq!(counter.delete(guest, &one).await.status, 204);
    let left = counter.get(CUSTOMER, &path).await.ok();
    assert_eq!((&left["items"][0]["body"], left["items"][0]["deletedAt"].is_null()), (&Value::Null, false));
    assert_eq!(counter.patch(guest, &one, "*", json!({ "body": "x" })).await.told(), (404, "not_found"));
}

#[tokio::test]
async fn a_text_is_as_long_as_it_may_be_in_any_script() {
    let counter = Counter::new();
    let path = of(counter.desk.approved(Lobby::Off), "messages");
    let longest = json!({ "body": "病".repeat(32_768) });
    assert_eq!(counter.post(CUSTOMER, &path, longest).await.status, 201);
    for (body, told) in [
        (json!({ "body": "x".repeat(32_769) }), (422, "invalid_body")),
        (json!({ "body": "x".repeat(600_000) }), (413, "body_too_large")),
        (json!({ "body": " " }), (422, "invalid_body")),
        (json!({ "body": "x", "streamId": "a b" }), (422, "invalid_body")),
        (json!({ "body": "x", "seatId": "7" }), (422, "unknown_field")),
        (json!({}), (422, "invalid_body")),
    ] {
        assert_eq!(counter.post(CUSTOMER, &path, body).await.told(), told);
    }
    let notes = path.replace("messages", "notes");
    assert_eq!(counter.post(CUSTOMER, &notes, json!({ "body": "病".repeat(65_536) })).await.status, 201);
}

#[tokio::test]
async fn a_private_note_is_invisible_to_everybody_else() {
    let counter = Counter::new();
    let path = of(counter.desk.approved(Lobby::Off), "notes");
    let guest = counter.guest(1, "observer");
    let private = counter.post(EXPERT, &path, json!({ "body": "limps" })).await;
    let tag = private.etag();
    assert_eq!(private.status, 201);
    let one = format!("{path}/{}", private.json["id"].as_str().unwrap());
    for other in [CUSTOMER, guest, ADMIN] {
        assert_eq!(counter.get(other, &path).await.ok(), json!([]));
        assert_eq!(counter.get(other, &one).await.told(), (404, "not_found"));
    }
    for other in [CUSTOMER, ADMIN] {
        assert_eq!(counter.patch(other, &one, "*", json!({ "body": "x" })).await.told(), (404, "not_found"));
        assert_eq!(counter.delete(other, &one).await.told(), (404, "not_found"));
    }
    let share = json!({ "visibility": "shared" });
    assert_eq!(counter.send(EXPERT, "PATCH", &one, None, &share.to_string()).await.status, 428);
    let shared = counter.patch(EXPERT, &one, &tag, share.clone()).await;
    assert_ne!(shared.etag(), tag);
    assert_eq!(counter.patch(EXPERT, &one, &tag, json!({ "body": "y" })).await.told(), (412, "precondition_failed"));
    assert_eq!(counter.patch(EXPERT, &one, "*", json!({ "body": "rest" })).await.ok()["body"], "rest");
    for other in [CUSTOMER, guest, ADMIN] {
        assert_eq!(counter.get(other, &one).await.ok()["body"], "rest");
    }
    assert_eq!(counter.delete(CUSTOMER, &one).await.told(), (403, "not_yours"));
    assert_eq!(counter.post(guest, &path, json!({ "body": "x" })).await.told(), (403, "account_required"));
    assert_eq!(counter.get(OTHER, &one).await.told(), (404, "not_found"));
    assert_eq!(counter.post(EXPERT, &path, json!({ "body": "x", "visibility": "all" })).await.status, 422);
    assert_eq!(counter.delete(EXPERT, &one).await.status, 204);
    assert_eq!(counter.get(EXPERT, &one).await.status, 404);
}

#[tokio::test]
async fn a_consultation_is_rated_once_and_its_expert_reads_it() {
    let counter = Counter::new();
    let id = counter.desk.approved(Lobby::Off);
    let path = of(id, "rating");
    assert_eq!(counter.get(CUSTOMER, &path).await.ok(), Value::Null);
    let five = json!({ "stars": 5, "comment": "helped" });
    assert_eq!(counter.post(CUSTOMER, &path, five.clone()).await.told(), (409, "wrong_status"));
    counter.desk.sql("UPDATE appointments SET status = 'completed'");
    assert_eq!(counter.post(EXPERT, &path, five.clone()).await.told(), (403, "not_yours"));
    assert_eq!(counter.post(OTHER, &path, five.clone()).await.told(), (404, "not_found"));
    for wrong in [json!({ "stars": 0 }), json!({ "stars": 6 }), json!({ "stars": "5" }), json!({ "comment": "x" })] {
        assert_eq!(counter.post(CUSTOMER, &path, wrong).await.told(), (422, "invalid_body"));
    }
    assert_eq!(counter.post(CUSTOMER, &path, five.clone()).await.status, 201);
    assert_eq!(counter.post(CUSTOMER, &path, five).await.told(), (409, "rated_already"));
    assert_eq!(counter.get(EXPERT, &path).await.ok()["stars"], 5);
    assert_eq!(counter.get(EXPERT, "/api/ratings").await.ok()["items"][0]["comment"], "helped");
    let whose = format!("/api/ratings?expertId={}", person(8));
    assert_eq!(counter.get(ADMIN, &whose).await.ok()["items"].as_array().unwrap().len(), 1);
    assert_eq!(counter.get(STRANGE_EXPERT, &whose).await.told(), (403, "not_yours"));
    assert_eq!(counter.get(CUSTOMER, &whose).await.told(), (403, "wrong_role"));
    let figures = format!("/api/ratings/figures?expertId={}", person(8));
    assert_eq!(counter.get(Who::Nobody, &figures).await.ok()["mean"], 5.0);
    let none = format!("/api/ratings/figures?expertId={}", person(1));
    assert_eq!(counter.get(Who::Nobody, &none).await.told(), (404, "not_found"));
}

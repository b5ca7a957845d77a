//! Services, hours, slots, and why a time is not among them.

use serde_json::{Value, json};

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, STRANGE_EXPERT, Who, at};
use crate::scheduler::testing::{START, person, service_id};

fn slots(service: impl std::fmt::Display) -> String {
    format!("/api/services/{service}/slots?from=2027-01-11T00:00:00Z&to=2027-01-12T00:00:00Z&tz=Europe/Rome")
}

#[tokio::test]
async fn an_expert_offers_a_service_and_customers_find_its_times() {
    let counter = Counter::new();
    let draft = json!({ "title": " Tax advice ", "durationMin": 45, "stepMin": 60 });
    let made = counter.post(EXPERT, "/api/services", draft).await;
    let (tag, service) = (made.etag(), made.ok());
    assert_eq!((&service["title"], &service["expertId"]), (&json!("Tax advice"), &json!(person(8))));
    let path = format!("/api/services/{}", service["id"].as_str().unwrap());
    let list = counter.get(Who::Nobody, &format!("/api/services?expertId={}", person(8))).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(counter.get(EXPERT, "/api/services").await.ok(), list);

    let found = counter.get(Who::Nobody, &slots(service["id"].as_str().unwrap())).await.ok();
    assert_eq!(found["slots"].as_array().unwrap().len(), 10);
    assert_eq!(found["slots"][0]["startsAt"], "2027-01-11T08:00:00Z");
    assert_eq!(found["slots"][0]["local"]["time"], "09:00");

    let shorter = json!({ "title": "Tax advice", "durationMin": 30 });
    let changed = counter.put(EXPERT, &path, &tag, shorter.clone()).await;
    assert_ne!(changed.etag(), tag);
    assert_eq!(changed.ok()["stepMin"], 30);
    assert_eq!(counter.put(EXPERT, &path, &tag, shorter.clone()).await.told(), (412, "precondition_failed"));
    assert_eq!(counter.put(EXPERT, &path, "\"x\"", shorter.clone()).await.told(), (412, "precondition_failed"));
    let without = counter.send(EXPERT, "PUT", &path, None, &shorter.to_string()).await;
    assert_eq!(without.told(), (428, "precondition_required"));
    assert_eq!(counter.put(STRANGE_EXPERT, &path, "*", shorter.clone()).await.told(), (404, "not_found"));
    assert_eq!(counter.put(CUSTOMER, &path, "*", shorter.clone()).await.told(), (403, "wrong_role"));
    assert_eq!(counter.put(ADMIN, &path, "*", shorter).await.status, 200);
}

#[tokio::test]
async fn what_is_taken_off_the_list_is_for_its_expert_alone() {
    let counter = Counter::new();
    let path = format!("/api/services/{}", service_id(1));
    assert_eq!(counter.get(Who::Nobody, &path).await.status, 200);
    let off = counter.post(EXPERT, &format!("{path}/deactivate"), Value::Null).await.ok();
    assert_eq!(off["active"], false);
    assert_eq!(counter.get(Who::Nobody, &path).await.told(), (404, "not_found"));
    assert_eq!(counter.get(CUSTOMER, &slots(service_id(1))).await.told(), (404, "not_found"));
    assert_eq!(counter.get(EXPERT, &path).await.status, 200);
    assert_eq!(counter.post(STRANGE_EXPERT, &format!("{path}/activate"), Value::Null).await.told(), (404, "not_found"));
    assert_eq!(counter.post(EXPERT, &format!("{path}/activate"), Value::Null).await.ok()["active"], true);
}

#[tokio::test]
async fn services_that_cannot_be_are_refused_with_their_field() {
    let counter = Counter::new();
    for (draft, code, field) in [
        (json!({ "title": "A" }), "invalid_body", None),
        (json!({ "title": "", "durationMin": 30 }), "invalid_body", Some("title")),
        (json!({ "title": "x".repeat(201), "durationMin": 30 }), "invalid_body", Some("title")),
        (json!({ "title": "A", "durationMin": 0 }), "invalid_body", Some("durationMin")),
        (json!({ "title": "A", "durationMin": -5 }), "invalid_body", Some("durationMin")),
        (json!({ "title": "A", "durationMin": 30, "capacity": 101 }), "invalid_body", Some("capacity")),
        (json!({ "title": "A", "durationMin": 30, "lobby": "never" }), "invalid_body", Some("lobby")),
        (json!({ "title": "A", "durationMin": 30, "price": 5 }), "unknown_field", Some("price")),
        (json!({ "title": "A", "durationMin": 30, "expertId": person(9) }), "unknown_field", Some("expertId")),
    ] {
        let refused = counter.post(EXPERT, "/api/services", draft.clone()).await;
        assert_eq!(refused.told(), (422, code), "{draft}");
        assert_eq!(refused.json["field"].as_str(), field, "{draft}");
    }
    let draft = json!({ "title": "A", "durationMin": 30 });
    let path = format!("/api/services?expertId={}", person(8));
    assert_eq!(counter.post(Who::Nobody, &path, draft.clone()).await.told(), (401, "sign_in_required"));
    assert_eq!(counter.post(CUSTOMER, &path, draft.clone()).await.told(), (403, "wrong_role"));
    assert_eq!(counter.post(STRANGE_EXPERT, &path, draft.clone()).await.told(), (403, "not_yours"));
    assert_eq!(counter.post(ADMIN, &path, draft.clone()).await.ok()["expertId"], json!(person(8)));
    // A customer offers nothing, whoever says so.
    let path = format!("/api/services?expertId={}", person(1));
    assert_eq!(counter.post(ADMIN, &path, draft).await.told(), (404, "not_found"));
    assert_eq!(counter.get(Who::Nobody, "/api/services").await.told(), (401, "sign_in_required"));
    assert_eq!(counter.get(Who::Nobody, "/api/services/7").await.told(), (400, "invalid_path"));
}

#[tokio::test]
async fn an_expert_writes_hours_and_sees_before_what_they_mean() {
    let counter = Counter::new();
    let path = "/api/me/availability";
    let before = counter.get(EXPERT, path).await;
    let tag = before.etag();
    assert_eq!(before.ok()["weekly"].as_array().unwrap().len(), 7);
    let hours = json!({
        "weekly": [{ "weekday": 1, "fromMin": 540, "toMin": 720, "tz": "europe/rome" }],
        "exceptions": [{ "date": "2027-01-18", "kind": "closed", "tz": "Europe/Rome", "note": "at the dentist's" }],
    });
    let trial = json!({
        "hours": hours, "serviceId": service_id(1), "from": at(START), "to": "2027-01-19T00:00:00Z", "tz": "UTC",
    });
    let tried = counter.post(EXPERT, "/api/me/availability/preview", trial).await.ok();
    assert_eq!(tried["slots"][0]["startsAt"], "2027-01-11T09:00:00Z");
    assert_eq!(counter.get(EXPERT, path).await.etag(), tag, "nothing is stored yet");

    let put = counter.put(EXPERT, path, &tag, hours.clone()).await;
    assert_ne!(put.etag(), tag);
    assert_eq!(put.ok()["weekly"][0]["tz"], "Europe/Rome");
    assert_eq!(counter.put(EXPERT, path, &tag, hours.clone()).await.told(), (412, "precondition_failed"));
    assert_eq!(
        counter.send(EXPERT, "PUT", path, None, &hours.to_string()).await.told(),
        (428, "precondition_required")
    );
    assert_eq!(counter.get(CUSTOMER, path).await.told(), (403, "wrong_role"));
    for (rule, code) in [
        (json!({ "weekday": 8, "fromMin": 0, "toMin": 60, "tz": "UTC" }), "invalid_body"),
        (json!({ "weekday": 1, "fromMin": 60, "toMin": 60, "tz": "UTC" }), "invalid_body"),
        (json!({ "weekday": 1, "fromMin": 0, "toMin": 60, "tz": "Rome" }), "invalid_body"),
        (json!({ "weekday": 1, "fromMin": 0, "toMin": 60, "tz": "UTC", "validFrom": "2027-02-30" }), "invalid_body"),
        (json!({ "weekday": 1, "fromMin": 0, "toMin": 60, "tz": "UTC", "expertId": person(9) }), "unknown_field"),
    ] {
        let refused = counter.put(EXPERT, path, "*", json!({ "weekly": [rule.clone()] })).await;
        assert_eq!(refused.told(), (422, code), "{rule}");
    }
}

#[tokio::test]
async fn why_a_time_is_not_offered_is_told_and_the_note_to_its_expert_alone() {
    let counter = Counter::new();
    let closed = json!({
        "weekly": [{ "weekday": 1, "fromMin": 540, "toMin": 720, "tz": "UTC" }],
        "exceptions": [{ "date": "2027-01-11", "kind": "closed", "tz": "UTC", "note": "at the dentist's" }],
    });
    counter.put(EXPERT, "/api/me/availability", "*", closed).await.ok();
    let path = format!("/api/services/{}/explain?startsAt={}", service_id(1), at(START));
    let told = counter.get(Who::Nobody, &path).await;
    assert!(!told.text.contains("dentist"), "{}", told.text);
    assert_eq!(told.ok()[0]["reasons"][0]["code"], "closed");
    assert!(counter.get(EXPERT, &path).await.text.contains("dentist"));

    let local = |query: &str| format!("/api/services/{}/explain?{query}", service_id(1));
    let gap = counter.get(CUSTOMER, &local("local=2027-03-28T02:30&tz=Europe/Rome")).await.ok();
    assert_eq!(gap[0]["reasons"][0]["code"], "does_not_exist");
    let twice = counter.get(CUSTOMER, &local("local=2027-10-31T02:30&tz=Europe/Rome")).await.ok();
    assert_eq!(twice.as_array().unwrap().len(), 2);
    for wrong in [
        "",
        "startsAt=2027-02-30T09:00:00Z",
        "startsAt=yesterday",
        "local=2027-03-28T02:30",
        "local=2027-03-28T02:30&tz=Rome",
        "startsAt=2027-01-11T09:00:00Z&tz=UTC",
        "startsAt=2027-01-11T09:00:00Z&x=1",
    ] {
        assert_eq!(counter.get(CUSTOMER, &local(wrong)).await.told(), (400, "invalid_query"), "{wrong}");
    }
}

#[tokio::test]
async fn slots_are_asked_for_in_a_range_and_a_zone_that_exist() {
    let counter = Counter::new();
    let ask = |query: &str| format!("/api/services/{}/slots?{query}", service_id(1));
    for wrong in [
        "from=2027-01-11T00:00:00Z&to=2027-01-12T00:00:00Z",
        "from=2027-01-11T00:00:00Z&to=2027-01-12T00:00:00Z&tz=Atlantis",
        "from=2027-01-11T00:00:00Z&to=2027-01-11T00:00:00Z&tz=UTC",
        "from=2027-01-11T00:00:00Z&to=2027-04-12T00:00:00Z&tz=UTC",
        "from=2027-01-11&to=2027-01-12&tz=UTC",
        "from=2027-01-11T00:00:00Z&to=2027-01-12T00:00:00Z&tz=UTC&moving=7",
    ] {
        assert_eq!(counter.get(CUSTOMER, &ask(wrong)).await.told(), (400, "invalid_query"), "{wrong}");
    }
    let range = "from=2027-01-11T00:00:00Z&to=2027-01-12T00:00:00Z&tz=UTC";
    let foreign = "00000000-0000-7000-8001-000000000099";
    assert_eq!(counter.get(CUSTOMER, &format!("/api/services/{foreign}/slots?{range}")).await.status, 404);
    // Another's appointment is none that can be moved.
    counter.desk.approved(crate::scheduler::Lobby::On);
    let moving = format!("{}&moving={}", ask(range), crate::scheduler::testing::appointment_id(1));
    assert_eq!(counter.get(super::desk::OTHER, &moving).await.told(), (404, "not_found"));
    let own = counter.get(CUSTOMER, &moving).await.ok();
    let others = counter.get(super::desk::OTHER, &ask(range)).await.ok();
    assert_eq!(own["slots"].as_array().unwrap().len(), others["slots"].as_array().unwrap().len() + 1);
}

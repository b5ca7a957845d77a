//! The directory, and what experts write of themselves.

use serde_json::{Value, json};

use super::desk::{CUSTOMER, Counter, EXPERT, STRANGE_EXPERT, Who};

fn draft() -> Value {
    json!({
        "slug": "ada-lovelace", "headline": "Numbers, and what they mean", "bio": "I have\nmany years.",
        "specialities": ["Taxes"], "languages": ["de", "en-GB"], "published": true,
    })
}

#[tokio::test]
async fn experts_write_of_themselves_and_are_found() {
    let counter = Counter::new();
    let path = "/api/me/expert-profile";
    let before = counter.get(EXPERT, path).await;
    assert_eq!(before.status, 200);
    let written = counter.put(EXPERT, path, &before.etag(), draft()).await;
    assert_ne!(written.etag(), before.etag());
    assert_eq!(written.ok()["slug"], "ada-lovelace");
    assert_eq!(counter.put(EXPERT, path, &before.etag(), draft()).await.told(), (412, "precondition_failed"));
    let without = counter.send(EXPERT, "PUT", path, None, &draft().to_string()).await;
    assert_eq!(without.told(), (428, "precondition_required"));
    assert_eq!(counter.put(CUSTOMER, path, "*", draft()).await.told(), (403, "wrong_role"));

    let page = counter.get(Who::Nobody, "/api/experts/ada-lovelace").await.ok();
    assert_eq!((&page["name"], &page["services"][0]["title"]), (&json!("Person 8"), &json!("Advice")));
    assert_eq!(page["nextFree"]["startsAt"], "2027-01-10T11:00:00Z");
    let by_id = counter.get(Who::Nobody, &format!("/api/experts/{}", page["id"].as_str().unwrap())).await.ok();
    assert_eq!(by_id, page);
    assert_eq!(counter.get(Who::Nobody, "/api/experts/nobody").await.told(), (404, "not_found"));

    let found = |list: Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    let search = |query: &'static str| format!("/api/experts?{query}");
    assert_eq!(found(counter.get(Who::Nobody, &search("")).await.ok()), ["Person 8", "Person 9"]);
    for query in ["q=taxes", "language=en", "language=DE", "q=person%20numbers", "speciality=taxes"] {
        assert_eq!(found(counter.get(Who::Nobody, &search(query)).await.ok()), ["Person 8"], "{query}");
    }
    let first = counter.get(CUSTOMER, &search("limit=1")).await.ok();
    let cursor = first["nextCursor"].as_str().unwrap().to_owned();
    let second = counter.get(CUSTOMER, &format!("/api/experts?limit=1&cursor={cursor}")).await.ok();
    assert_eq!((found(second.clone()), &second["nextCursor"]), (vec!["Person 9".to_owned()], &Value::Null));

    let choices = async || counter.get(Who::Nobody, "/api/expert-choices").await.ok();
    assert!(choices().await["specialities"].as_array().unwrap().iter().any(|it| it.as_str() == Some("Taxes")));
    assert!(choices().await["languages"].as_array().unwrap().iter().any(|it| it.as_str() == Some("en-GB")));

    let mut hidden = draft();
    hidden["published"] = json!(false);
    counter.put(EXPERT, path, "*", hidden).await.ok();
    assert!(!choices().await.to_string().contains("Taxes"), "who is not found is nobody's choice");
    assert_eq!(counter.get(Who::Nobody, "/api/experts/ada-lovelace").await.told(), (404, "not_found"));
}

#[tokio::test]
async fn profiles_that_cannot_be_are_refused() {
    let counter = Counter::new();
    let path = "/api/me/expert-profile";
    counter.put(EXPERT, path, "*", draft()).await.ok();
    for (field, value, code) in [
        ("slug", json!("Ada"), "invalid_body"),
        ("slug", json!("ad"), "invalid_body"),
        ("slug", json!("../admin"), "invalid_body"),
        ("headline", json!("x".repeat(201)), "invalid_body"),
        ("bio", json!("x".repeat(10_001)), "invalid_body"),
        ("languages", json!(["Klingon!"]), "invalid_body"),
        ("specialities", json!(vec!["x"; 21]), "invalid_body"),
        ("ratingCount", json!(500), "unknown_field"),
        ("userId", json!("x"), "unknown_field"),
    ] {
        let mut body = draft();
        body[field] = value;
        assert_eq!(counter.put(EXPERT, path, "*", body).await.told(), (422, code), "{field}");
    }
    // Another's address.
    let taken = counter.put(STRANGE_EXPERT, path, "*", draft()).await;
    assert_eq!((taken.told(), &taken.json["field"]), ((422, "invalid_body"), &json!("slug")));
    let long = "x".repeat(201);
    for query in ["x=1", "q=", "language=", &format!("q={long}"), "limit=0"] {
        assert_eq!(
            counter.get(Who::Nobody, &format!("/api/experts?{query}")).await.told(),
            (400, "invalid_query"),
            "{query}"
        );
    }
}

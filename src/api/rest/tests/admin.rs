//! What administrators see and decide.

use serde_json::{Value, json};

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, Who};
use crate::scheduler::Lobby;

#[tokio::test]
async fn nobody_but_administrators_gets_in() {
    let counter = Counter::new();
    let id = counter.desk.approved(Lobby::Off);
    let guest = counter.guest(1, "client");
    let (end, extend) = (format!("/api/admin/rooms/{id}/end"), format!("/api/admin/rooms/{id}/extend"));
    for (method, path) in [
        ("GET", "/api/admin/retention"),
        ("PUT", "/api/admin/retention"),
        ("GET", "/api/admin/audit"),
        ("GET", "/api/admin/audit/verify"),
        ("GET", "/api/admin/rooms"),
        ("POST", &*end),
        ("POST", &*extend),
        ("GET", "/api/admin/health"),
        ("PUT", "/api/admin/branding"),
    ] {
        for (who, told) in [
            (Who::Nobody, (401, "sign_in_required")),
            (guest, (403, "account_required")),
            (CUSTOMER, (403, "wrong_role")),
            (EXPERT, (403, "wrong_role")),
        ] {
            assert_eq!(counter.send(who, method, path, None, "{}").await.told(), told, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn how_long_data_is_kept_is_said_by_class() {
    let counter = Counter::new();
    let path = "/api/admin/retention";
    let put = async |class: &str, days: Value| {
        let body = json!({ "class": class, "keepDays": days });
        counter.send(ADMIN, "PUT", path, None, &body.to_string()).await
    };
    let after = put("messages", json!(30)).await.ok();
    let messages = after.as_array().unwrap().iter().find(|policy| policy["class"] == "messages").unwrap();
    assert_eq!((&messages["keepDays"], messages["updatedAt"].is_string()), (&json!(30), true));
    assert_eq!(counter.get(ADMIN, path).await.ok(), after);
    for (class, days) in [
        ("events", json!(0)),
        ("messages", json!(36_501)),
        ("messages", json!(-1)),
        ("all", json!(1)),
        ("notes", json!("1")),
    ] {
        assert_eq!(put(class, days.clone()).await.told(), (422, "invalid_body"), "{class} {days}");
    }
    let rows = counter.get(ADMIN, "/api/admin/audit?action=retention.*").await.ok();
    assert_eq!(rows["items"][0]["detail"], json!({ "class": "messages", "keepDays": 30 }));
}

#[tokio::test]
async fn the_audit_log_is_read_in_pieces_and_checked() {
    let counter = Counter::new();
    for name in ["A", "B", "C"] {
        counter.send(ADMIN, "PUT", "/api/admin/branding", None, &json!({ "name": name }).to_string()).await.ok();
    }
    let first = counter.get(ADMIN, "/api/admin/audit?limit=2").await.ok();
    let next = format!("/api/admin/audit?limit=2&cursor={}", first["nextCursor"].as_str().unwrap());
    let rest = counter.get(ADMIN, &next).await.ok();
    let names: Vec<_> = [&first, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|row| &row["detail"]["name"])
        .collect();
    assert_eq!(names, ["C", "B", "A"]);
    let check = counter.get(ADMIN, "/api/admin/audit/verify").await.ok();
    assert_eq!((&check["rows"], &check["broken"]), (&json!(3), &Value::Null));
    for wrong in ["from=x", "who=me", "action=", "cursor=x"] {
        assert_eq!(counter.get(ADMIN, &format!("/api/admin/audit?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn calls_that_go_on_are_seen_extended_and_ended() {
    let counter = Counter::new();
    let id = counter.desk.approved(Lobby::Off);
    counter.desk.at(0);
    assert_eq!(counter.get(ADMIN, "/api/admin/rooms").await.ok(), json!([]));
    counter.desk.joins(1, 8, "PA_8").await;
    let rooms = counter.get(ADMIN, "/api/admin/rooms").await.ok();
    assert_eq!((&rooms[0]["appointmentId"], &rooms[0]["present"][0]["name"]), (&json!(id), &json!("Person 8")));
    let path = format!("/api/admin/rooms/{id}");
    let extended = counter.post(ADMIN, &format!("{path}/extend"), Value::Null).await.ok();
    assert_ne!(extended["closesAt"], rooms[0]["closesAt"]);
    assert_eq!(counter.post(ADMIN, &format!("{path}/end"), Value::Null).await.status, 204);
    assert_eq!(counter.post(ADMIN, &format!("{path}/end"), Value::Null).await.told().0, 409);
    let foreign = "/api/admin/rooms/00000000-0000-7000-8002-000000000077/end";
    assert_eq!(counter.post(ADMIN, foreign, Value::Null).await.told(), (404, "not_found"));
}

#[tokio::test]
async fn how_the_place_is_called_is_for_everybody_to_know() {
    let counter = Counter::new();
    let put = async |body: Value| counter.send(ADMIN, "PUT", "/api/admin/branding", None, &body.to_string()).await;
    let set = put(json!({ "name": "Praxis Müller", "primaryColor": "#ABC" })).await.ok();
    assert_eq!((&set["name"], &set["primaryColor"]), (&json!("Praxis Müller"), &json!("#aabbcc")));
    assert_eq!(counter.get(Who::Nobody, "/api/branding").await.ok(), set);
    for (wrong, field) in [
        (json!({ "name": "x".repeat(81) }), "name"),
        (json!({ "primaryColor": "red;}</style>" }), "primaryColor"),
        (json!({ "supportEmail": "nobody" }), "supportEmail"),
        (json!({ "logo": "x" }), "logo"),
    ] {
        let refused = put(wrong).await;
        assert_eq!((refused.status, refused.json["field"].as_str()), (422, Some(field)));
    }
    assert_eq!(put(json!({ "name": "" })).await.ok()["name"], "visavis");
}

#[tokio::test]
async fn an_administrator_sees_how_the_server_is() {
    let counter = Counter::new();
    let health = counter.get(ADMIN, "/api/admin/health").await.ok();
    assert!(health["databaseBytes"].as_u64().unwrap() + health["logBytes"].as_u64().unwrap() > 0, "{health}");
    assert!(health["cpuSeconds"].as_f64().unwrap() >= 0.0 && health["memoryBytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!((&health["rooms"], &health["participants"]), (&json!(0), &json!(0)));
    assert_eq!((&health["version"], &health["messages"]["due"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(0)));
    assert!(health["uptimeSeconds"].is_u64());
}

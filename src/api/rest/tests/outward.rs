//! What goes outward, as administrators and developers see it.

use serde_json::json;

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, Who, at};
use crate::scheduler::testing::{START, expert};
use crate::scheduler::{Kind, Lobby};

#[tokio::test]
async fn letters_of_development_mode_can_be_read() {
    let counter = Counter::new();
    counter.desk.approved(Lobby::Off);
    counter.desk.tell(Kind::Approved, 1, expert(8)).await;
    counter.dispatcher.round().await.unwrap();
    counter.dispatcher.settled().await;
    let list = counter.get(Who::Nobody, "/dev/mail").await.ok();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!((&list[0]["hasInvite"], &list[0]["receivedAt"]), (&json!(true), &json!(at(START.minus(DAY)))));
    let path = format!("/dev/mail/{}", list[0]["number"]);
    let letter = counter.get(Who::Nobody, &path).await.ok();
    assert_eq!((&letter["invite"]["method"], &letter["from"]), (&json!("REQUEST"), &json!("praxis@example.org")));
    assert!(letter["raw"].as_str().unwrap().contains("Subject:"));
    let page = counter.get(Who::Nobody, "/dev/mail.html").await;
    assert!(
        page.text.contains("p1@example.org") && page.headers["content-type"].to_str().unwrap().starts_with("text/html")
    );
    assert_eq!(counter.send(Who::Nobody, "DELETE", "/dev/mail", None, "").await.status, 204);
    assert_eq!(counter.get(Who::Nobody, &path).await.told(), (404, "not_found"));
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[tokio::test]
async fn administrators_see_what_has_become_of_messages_and_not_what_they_say() {
    let counter = Counter::new();
    counter.desk.approved(Lobby::Off);
    counter.desk.tell(Kind::Approved, 1, expert(8)).await;
    counter.dispatcher.round().await.unwrap();
    counter.dispatcher.settled().await;
    for who in [Who::Nobody, CUSTOMER, EXPERT] {
        assert!((401..404).contains(&counter.get(who, "/api/outbox").await.status));
    }
    let sent = counter.get(ADMIN, "/api/outbox?state=sent").await.ok();
    let rows = sent["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["kind"], &rows[0]["attempts"]), (&json!("approved"), &json!(1)));
    assert!(rows[0].get("payload").is_none());
    let mut seen = Vec::new();
    let mut path = "/api/outbox?limit=2".to_owned();
    loop {
        let page = counter.get(ADMIN, &path).await.ok();
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].to_string()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/outbox?limit=2&cursor={cursor}");
    }
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (6, &sorted));
    assert_eq!(counter.get(ADMIN, "/api/outbox?state=lost").await.told(), (400, "invalid_query"));
}

#[tokio::test]
async fn administrators_try_mail_and_sms() {
    let counter = Counter::new();
    let answer = counter.post(ADMIN, "/api/admin/test/mail", json!({})).await.ok();
    assert_eq!(answer, json!({ "sent": true, "to": "p10@example.org" }));
    let answer = counter.post(ADMIN, "/api/admin/test/mail", json!({ "to": "a@example.net" })).await.ok();
    assert_eq!(answer["to"], "a@example.net");
    assert_eq!(counter.get(Who::Nobody, "/dev/mail").await.ok().as_array().unwrap().len(), 2);
    let wrong = counter.post(ADMIN, "/api/admin/test/mail", json!({ "to": "nobody" })).await;
    assert_eq!((wrong.told().1, &wrong.json["field"]), ("invalid_body", &json!("to")));
    let nowhere = counter.post(ADMIN, "/api/admin/test/sms", json!({})).await;
    assert_eq!(nowhere.told().1, "invalid_body");
    let answer = counter.post(ADMIN, "/api/admin/test/sms", json!({ "to": "+39 123 4567890" })).await.ok();
    assert_eq!(answer, json!({ "sent": true, "to": "+391234567890" }));
    assert_eq!(counter.get(Who::Nobody, "/dev/sms").await.ok()[0]["to"], "+391234567890");
    assert_eq!(counter.post(EXPERT, "/api/admin/test/mail", json!({})).await.told(), (403, "wrong_role"));
}

#[tokio::test]
async fn browsers_learn_the_key_to_subscribe_with() {
    let counter = Counter::new();
    let key = counter.get(Who::Nobody, "/api/push/key").await.ok();
    assert_eq!(key["publicKey"].as_str().unwrap().len(), 87);
}

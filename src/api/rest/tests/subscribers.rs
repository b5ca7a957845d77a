//! Who is told of what: webhooks, browsers and calendars.

use serde_json::{Value, json};

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, OTHER, Who};
use crate::scheduler::Lobby;

const HOOKS: &str = "/api/admin/webhooks";

#[tokio::test]
async fn an_administrator_sets_a_webhook_up_tries_it_and_takes_it_away() {
    let counter = Counter::new();
    let new = json!({ "url": "https://hooks.example.org/a?key=b", "events": ["appointment.*", "call.ended"] });
    let made = counter.post(ADMIN, HOOKS, new.clone()).await.ok();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let list = counter.get(ADMIN, HOOKS).await.ok();
    assert_eq!((list.as_array().unwrap().len(), list[0].get("secret")), (1, None), "a secret is told once");
    let one = format!("{HOOKS}/{}", made["id"].as_str().unwrap());
    let other = counter.post(ADMIN, &format!("{one}/secret"), Value::Null).await.ok();
    assert_ne!(other["secret"], made["secret"]);

    let tried = counter.post(ADMIN, &format!("{one}/test"), Value::Null).await;
    assert_eq!(tried.status, 202);
    let list = counter.get(ADMIN, &format!("/api/admin/deliveries?webhookId={}", made["id"].as_str().unwrap())).await;
    let delivery = &list.ok()["items"][0];
    assert_eq!((&delivery["id"], &delivery["eventType"]), (&tried.json["deliveryId"], &json!("webhook.ping")));
    let replay = format!("/api/admin/deliveries/{}/replay", delivery["id"].as_str().unwrap());
    assert_eq!(counter.post(ADMIN, &replay, Value::Null).await.told(), (409, "not_repeatable"));
    counter.desk.sql("UPDATE webhook_deliveries SET state = 'failed', done_at = 1");
    let again = counter.post(ADMIN, &replay, Value::Null).await;
    assert_eq!(again.status, 202);
    let due = counter.get(ADMIN, "/api/admin/deliveries?state=due&limit=1").await.ok();
    assert_eq!((&due["items"][0]["replayOf"], due["nextCursor"].is_null()), (&delivery["id"], true));

    let off = counter.patch(ADMIN, &one, "*", json!({ "active": false })).await.ok();
    assert_eq!((&off["active"], &off["url"]), (&json!(false), &new["url"]));
    assert_eq!(counter.post(ADMIN, &format!("{one}/test"), Value::Null).await.told(), (422, "invalid_body"));
    counter.desk.sql("UPDATE webhook_deliveries SET state = 'failed', done_at = 1");
    assert_eq!(counter.post(ADMIN, &replay, Value::Null).await.told(), (409, "not_repeatable"));
    assert_eq!(counter.delete(ADMIN, &one).await.status, 204);
    assert_eq!(counter.delete(ADMIN, &one).await.told(), (404, "not_found"));
    assert_eq!(counter.post(ADMIN, &replay, Value::Null).await.told(), (404, "not_found"));
    assert!(
        counter.get(ADMIN, &format!("{HOOKS}/events")).await.ok().as_array().unwrap().contains(&json!("call.ended"))
    );
}

#[tokio::test]
async fn a_webhook_does_not_lead_into_private_networks() {
    let counter = Counter::new();
    let post = async |url: &str| counter.post(ADMIN, HOOKS, json!({ "url": url, "events": ["*"] })).await;
    for url in [
        "http://hooks.example.org/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:word@hooks.example.org/",
        "file:///etc/passwd",
        "hooks.example.org",
        "",
    ] {
        let refused = post(url).await;
        assert_eq!((refused.told(), refused.json["field"].as_str()), ((422, "invalid_body"), Some("url")), "{url}");
    }
    let made = post("https://hooks.example.org/").await.ok();
    let one = format!("{HOOKS}/{}", made["id"].as_str().unwrap());
    let refused = counter.patch(ADMIN, &one, "*", json!({ "url": "https://192.168.1.1/" })).await;
    assert_eq!(refused.told(), (422, "invalid_body"));
    for events in [json!([]), json!(["appointment.held"]), json!("*"), json!(vec!["*"; 51])] {
        let body = json!({ "url": "https://hooks.example.org/", "events": events });
        assert_eq!(counter.post(ADMIN, HOOKS, body).await.told(), (422, "invalid_body"));
    }
    for who in [CUSTOMER, EXPERT] {
        assert_eq!(counter.get(who, HOOKS).await.told(), (403, "wrong_role"));
        assert_eq!(counter.get(who, "/api/admin/deliveries").await.told(), (403, "wrong_role"));
    }
    assert_eq!(counter.get(Who::Nobody, HOOKS).await.told(), (401, "sign_in_required"));
    assert_eq!(counter.get(ADMIN, "/api/admin/deliveries?state=lost").await.told(), (400, "invalid_query"));
}

/// What a browser gives, with keys of the right form.
fn browser(endpoint: &str) -> Value {
    let (point, auth) = (format!("BA{}", "A".repeat(85)), "A".repeat(22));
    json!({ "endpoint": endpoint, "keys": { "p256dh": point, "auth": auth } })
}

#[tokio::test]
async fn a_browser_subscribes_and_only_its_owner_sees_it() {
    let counter = Counter::new();
    let path = "/api/me/push-subscriptions";
    let made = counter.post(CUSTOMER, path, browser("https://push.example.org/1?secret=x")).await;
    assert_eq!((made.status, &made.json["service"]), (201, &json!("push.example.org")), "{}", made.text);
    assert!(!made.text.contains("secret"));
    assert_eq!(counter.get(CUSTOMER, path).await.ok().as_array().unwrap().len(), 1);
    assert_eq!(counter.get(OTHER, path).await.ok(), json!([]));
    let one = format!("{path}/{}", made.json["id"].as_str().unwrap());
    assert_eq!(counter.delete(OTHER, &one).await.told(), (404, "not_found"));
    assert_eq!(counter.delete(CUSTOMER, &one).await.status, 204);
    counter.post(CUSTOMER, path, browser("https://push.example.org/2")).await.ok();
    let this = json!({ "endpoint": "https://push.example.org/2" }).to_string();
    assert_eq!(counter.send(OTHER, "DELETE", path, None, &this).await.told(), (404, "not_found"));
    assert_eq!(counter.send(CUSTOMER, "DELETE", path, None, &this).await.status, 204);
    for endpoint in ["http://push.example.org/1", "https://127.0.0.1/1", "https://[::1]/", "push", ""] {
        let refused = counter.post(CUSTOMER, path, browser(endpoint)).await;
        assert_eq!(refused.told(), (422, "invalid_body"), "{endpoint}");
    }
    let mut wrong = browser("https://push.example.org/3");
    wrong["keys"]["auth"] = json!("short");
    assert_eq!(counter.post(CUSTOMER, path, wrong).await.told(), (422, "invalid_body"));
    counter.desk.approved(Lobby::Off);
    let guest = counter.guest(1, "client");
    assert_eq!(counter.get(guest, path).await.told(), (403, "account_required"));
}

#[tokio::test]
async fn a_feed_is_read_by_whoever_knows_its_address_until_there_is_another() {
    let counter = Counter::new();
    let id = counter.desk.approved(Lobby::Off);
    let made = counter.post(CUSTOMER, "/api/me/feed", Value::Null).await;
    assert_eq!(made.status, 201);
    let path = made.json["url"].as_str().unwrap().strip_prefix("https://meet.example.org").unwrap().to_owned();
    assert!(path.starts_with("/feeds/") && path.ends_with(".ics"), "{path}");
    let feed = counter.get(Who::Nobody, &path).await;
    assert_eq!((feed.status, &feed.headers["content-type"]), (200, &"text/calendar; charset=utf-8".parse().unwrap()));
    let text = feed.text.replace("\r\n ", "");
    assert!(text.starts_with("BEGIN:VCALENDAR") && text.contains(&format!("/appointments/{id}")), "{text}");
    assert!(text.contains("Person 8") && !text.contains("p8@example.org"), "{text}");

    let other = counter.post(CUSTOMER, "/api/me/feed", Value::Null).await.ok();
    assert_ne!(other["url"], made.json["url"]);
    let without = path.trim_end_matches(".ics");
    for gone in [&*path, without, "/feeds/x.ics", "/feeds/.ics", "/feeds/x"] {
        assert_eq!(counter.get(Who::Nobody, gone).await.told(), (404, "not_found"), "{gone}");
    }
    assert_eq!(counter.delete(CUSTOMER, "/api/me/feed").await.status, 204);
    let last = other["url"].as_str().unwrap().strip_prefix("https://meet.example.org").unwrap();
    assert_eq!(counter.get(Who::Nobody, last).await.told(), (404, "not_found"));
    assert_eq!(counter.post(Who::Nobody, "/api/me/feed", Value::Null).await.told(), (401, "sign_in_required"));
    let guest = counter.guest(1, "client");
    assert_eq!(counter.post(guest, "/api/me/feed", Value::Null).await.told(), (403, "account_required"));
}

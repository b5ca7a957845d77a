//! Webhooks: what can be set up, what they are told, and that a secret is seen once.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::scheduler::testing::*;
use crate::scheduler::{Lobby, SchedulerSettings};

fn hook(url: &str, events: &[&str]) -> NewWebhook {
    NewWebhook { url: url.into(), events: events.iter().map(|it| (*it).to_owned()).collect() }
}

const URL: &str = "https://hooks.example.org/in?key=1";

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_again() {
    let desk = Desk::new();
    let (webhook, secret) = desk.scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap();
    assert_eq!((webhook.url.as_str(), webhook.active, webhook.created_by), (URL, true, person(10)));
    let key = secret.reveal().strip_prefix("whsec_").unwrap();
    assert_eq!(STANDARD.decode(key).unwrap().len(), 32);
    assert_eq!(desk.value::<String>("SELECT secret FROM webhooks"), secret.reveal());
    let next = desk.scheduler.rotate_webhook_secret(admin(), webhook.id).await.unwrap();
    assert!(next != secret && desk.value::<String>("SELECT secret FROM webhooks") == next.reveal());
    let listed = format!("{:?}", desk.scheduler.webhooks(admin()).await.unwrap());
    let audited: String = desk.value("SELECT group_concat(detail || action) FROM audit_log");
    for text in [listed, audited] {
        assert!(!text.contains(secret.reveal()) && !text.contains(next.reveal()), "{text}");
    }
    assert!(!desk.value::<String>("SELECT group_concat(detail) FROM audit_log").contains("key=1"));
}

#[tokio::test]
async fn urls_that_would_not_be_called_and_events_that_never_come_are_refused() {
    let desk = Desk::new();
    for url in [
        "",
        "hooks.example.org",
        "http://hooks.example.org/",
        "http://10.0.0.1/",
        "ftp://hooks.example.org/",
        "javascript:alert(1)",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org/#part",
        &format!("https://hooks.example.org/{}", "x".repeat(2_048)),
    ] {
        let refused = desk.scheduler.add_webhook(admin(), hook(url, &["*"])).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "url", .. })), "{url}: {refused:?}");
    }
    for events in [&[][..], &["appointment.held"], &["call.*", "nothing"], &["*"; 51]] {
        let refused = desk.scheduler.add_webhook(admin(), hook(URL, events)).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "events", .. })), "{events:?}: {refused:?}");
    }
    let twice = desk.scheduler.add_webhook(admin(), hook(URL, &["call.*", "call.*"])).await.unwrap().0;
    assert_eq!(twice.events, ["call.*"]);
    let changes = WebhookChanges { url: Some("http://x/".into()), ..WebhookChanges::default() };
    let refused = desk.scheduler.update_webhook(admin(), twice.id, changes).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "url", .. })));
}

#[tokio::test]
async fn http_leads_into_networks_that_the_operator_allows() {
    let mut settings = SchedulerSettings::default();
    settings.webhooks.allow_networks = vec!["10.0.0.0/8".parse().unwrap()];
    let desk = Desk::with(settings);
    for url in ["http://10.1.2.3/in", "http://intranet/in", "https://elsewhere.example/in"] {
        desk.scheduler.add_webhook(admin(), hook(url, &["*"])).await.unwrap();
    }
    for url in ["http://192.168.0.1/in", "http://[fd00::1]/in"] {
        assert!(desk.scheduler.add_webhook(admin(), hook(url, &["*"])).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_webhook_is_told_of_what_it_wants_as_long_as_it_is_on() {
    let desk = Desk::new();
    let scheduler = &desk.scheduler;
    desk.approved(Lobby::Off);
    let calls = scheduler.add_webhook(admin(), hook(URL, &["call.*"])).await.unwrap().0;
    let all = scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap().0;
    let off = scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap().0;
    let switch = WebhookChanges { active: Some(false), ..WebhookChanges::default() };
    assert!(!scheduler.update_webhook(admin(), off.id, switch).await.unwrap().active);
    desk.at(0);
    desk.joins(1, 8, "a").await;
    desk.joins(1, 1, "b").await;
    let told = |webhook: WebhookId| async move {
        let filter = DeliveryFilter { webhook: Some(webhook), ..DeliveryFilter::default() };
        let deliveries = scheduler.deliveries(admin(), filter, None, 100).await.unwrap();
        let mut types: Vec<_> = deliveries.into_iter().map(|it| it.event_type).collect();
        types.sort();
        types
    };
    assert_eq!(told(calls.id).await, ["call.started"]);
    assert_eq!(told(all.id).await, ["appointment.started", "call.started"]);
    assert!(told(off.id).await.is_empty());
    // The same event has the same id wherever it goes.
    let events: i64 =
        desk.value("SELECT count(DISTINCT event_id) FROM webhook_deliveries WHERE event_type = 'call.started'");
    assert_eq!(events, 1);
    scheduler.delete_webhook(admin(), all.id).await.unwrap();
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM webhook_deliveries"), 1);
    assert!(matches!(scheduler.delete_webhook(admin(), all.id).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_ping_goes_to_its_webhook_alone_whatever_that_subscribes_to() {
    let desk = Desk::new();
    let scheduler = &desk.scheduler;
    let one = scheduler.add_webhook(admin(), hook(URL, &["call.*"])).await.unwrap().0;
    scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap();
    let id = scheduler.ping_webhook(admin(), one.id).await.unwrap();
    let deliveries = scheduler.deliveries(admin(), DeliveryFilter::default(), None, 9).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    let ping = &deliveries[0];
    assert_eq!((ping.id, ping.webhook_id, ping.state, ping.attempts), (id, one.id, DeliveryState::Due, 0));
    assert_eq!((&ping.payload["type"], &ping.payload["id"]), (&"webhook.ping".into(), &ping.event_id.clone().into()));
    assert_eq!(ping.next_at, Some(scheduler.now()));
    let switch = WebhookChanges { active: Some(false), ..WebhookChanges::default() };
    scheduler.update_webhook(admin(), one.id, switch).await.unwrap();
    let refused = scheduler.ping_webhook(admin(), one.id).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "active", .. })));
}

#[tokio::test]
async fn deliveries_are_found_by_state_and_event_in_pieces() {
    let desk = Desk::new();
    let scheduler = &desk.scheduler;
    let one = scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap().0;
    for minute in 0..5 {
        desk.at(minute * MINUTE);
        scheduler.ping_webhook(admin(), one.id).await.unwrap();
    }
    desk.sql(&format!(
        "UPDATE webhook_deliveries SET state = 'failed', response_status = 500, last_error = 'answered 500', done_at = 1
         WHERE created_at = {}",
        START.0
    ));
    let all = DeliveryFilter::default();
    let first = scheduler.deliveries(admin(), all.clone(), None, 3).await.unwrap();
    let rest = scheduler.deliveries(admin(), all.clone(), first.last().map(Delivery::mark), 3).await.unwrap();
    assert_eq!((first.len(), rest.len()), (3, 2));
    assert!(first.iter().chain(&rest).is_sorted_by_key(|it| std::cmp::Reverse(it.created_at)));
    let failed = DeliveryFilter { state: Some(DeliveryState::Failed), ..all.clone() };
    let failed = scheduler.deliveries(admin(), failed, None, 9).await.unwrap();
    assert_eq!((failed.len(), failed[0].response_status, failed[0].next_at), (1, Some(500), None));
    let other = DeliveryFilter { event: Some("call.ended".into()), ..all };
    assert!(scheduler.deliveries(admin(), other, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_administrators_have_to_do_with_webhooks_and_they_do_not_set_up_too_many() {
    let desk = Desk::new();
    let scheduler = &desk.scheduler;
    let (one, _) = scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap();
    for actor in [customer(1), expert(8), Actor::Anonymous] {
        assert!(matches!(scheduler.webhooks(actor).await, Err(Error::NotYours)));
        assert!(matches!(scheduler.add_webhook(actor, hook(URL, &["*"])).await, Err(Error::NotYours)));
        let changed = scheduler.update_webhook(actor, one.id, WebhookChanges::default()).await;
        assert!(matches!(changed, Err(Error::NotYours)));
        assert!(matches!(scheduler.rotate_webhook_secret(actor, one.id).await, Err(Error::NotYours)));
        assert!(matches!(scheduler.delete_webhook(actor, one.id).await, Err(Error::NotYours)));
        assert!(matches!(scheduler.ping_webhook(actor, one.id).await, Err(Error::NotYours)));
        let deliveries = scheduler.deliveries(actor, DeliveryFilter::default(), None, 9).await;
        assert!(matches!(deliveries, Err(Error::NotYours)));
    }
    for _ in 1..MAX_WEBHOOKS {
        scheduler.add_webhook(admin(), hook(URL, &["*"])).await.unwrap();
    }
    let refused = scheduler.add_webhook(admin(), hook(URL, &["*"])).await;
    assert!(matches!(refused, Err(Error::Conflict(Conflict::TooMany { limit: MAX_WEBHOOKS }))));
}

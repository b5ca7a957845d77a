//! Webhooks against a receiver on loopback.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use super::*;
use crate::config::Secret;
use crate::ids::DeliveryId;
use crate::notify::testing::serve;
use crate::notify::webhook::SigningKey;
use crate::scheduler::{Kind, new_webhook_secret};

/// Says as told in turn and 200 after that; keeps what came.
#[derive(Clone, Default)]
struct Hook {
    answers: Arc<Mutex<VecDeque<u16>>>,
    came: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Hook {
    async fn start(answers: &[u16]) -> (Self, String) {
        let hook = Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let take = |State(hook): State<Self>, headers: HeaderMap, body: String| async move {
            hook.came.lock().unwrap().push((headers, body));
            let status = hook.answers.lock().unwrap().pop_front().unwrap_or(200);
            (StatusCode::from_u16(status).unwrap(), "words")
        };
        let at = serve(Router::new().route("/hook", post(take)).with_state(hook.clone())).await;
        (hook, format!("http://{at}/hook"))
    }

    fn came(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

fn world(allowed: &[&str]) -> World {
    World::with(Vec::new(), Duration::ZERO, allowed)
}

fn subscribe(world: &World, url: &str) -> Secret {
    let secret = new_webhook_secret(&mut rand::rng());
    world.desk.sql(&format!(
        "INSERT INTO webhooks (id, url, secret, events, created_by, created_at, updated_at)
         VALUES ('00000000-0000-7000-8005-000000000001', '{url}', '{}', '[\"appointment.*\"]', '{}', 0, 0)",
        secret.reveal(),
        person(10)
    ));
    secret
}

fn delivery(world: &World) -> String {
    world.desk.value(
        "SELECT state || ' ' || attempts || ' ' || coalesce(response_status, '-') || ' ' || coalesce(last_error, '-')
         FROM webhook_deliveries ORDER BY created_at DESC, id DESC LIMIT 1",
    )
}

#[tokio::test]
async fn events_arrive_signed() {
    let (hook, url) = Hook::start(&[]).await;
    let world = world(&["127.0.0.0/8"]);
    let secret = subscribe(&world, &url);
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    assert_eq!(delivery(&world), "delivered 1 200 -");
    let came = hook.came.lock().unwrap();
    let (headers, body) = &came[0];
    let text = |name: &str| headers[name].to_str().unwrap();
    let signature = SigningKey::new(&secret).unwrap().sign(text("webhook-id"), world.dispatcher.now(), body);
    assert_eq!(text("webhook-signature"), signature);
    let event: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&event["type"], &event["id"]), (&"appointment.approved".into(), &text("webhook-id").into()));
    assert_eq!(world.metrics.outward.deliveries.get(), [("delivered", 1)]);
}

#[tokio::test]
async fn a_network_that_is_not_allowed_is_not_called() {
    let (hook, url) = Hook::start(&[]).await;
    let world = world(&[]);
    subscribe(&world, &url);
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    let delivery = delivery(&world);
    assert!(delivery.starts_with("failed 1 - ") && delivery.contains("127.0.0.1"), "{delivery}");
    assert_eq!(hook.came(), 0);
}

#[tokio::test]
async fn a_receiver_in_trouble_has_a_day() {
    let (hook, url) = Hook::start(&[500; 1000]).await;
    let world = world(&["127.0.0.0/8"]);
    subscribe(&world, &url);
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    let begun = world.dispatcher.now();
    world.dispatch().await;
    assert_eq!(delivery(&world), "due 1 500 answered 500: words");
    while delivery(&world).starts_with("due") {
        let next: i64 = world.desk.value("SELECT next_at FROM webhook_deliveries");
        assert!(next <= begun.0 + 24 * 3_600_000);
        world.desk.at(next - START.0);
        world.dispatch().await;
    }
    assert!(delivery(&world).starts_with("failed "), "{}", delivery(&world));
    assert_eq!(world.dispatcher.now().0, begun.0 + 24 * 3_600_000, "the last attempt is a day after the first");
    let ids: std::collections::HashSet<_> =
        hook.came.lock().unwrap().iter().map(|(headers, _)| headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 1, "receivers tell repetitions by the id");
    assert!(hook.came() > 12);
}

#[tokio::test]
async fn a_receiver_that_recovers_gets_what_it_missed() {
    let (hook, url) = Hook::start(&[503, 429]).await;
    let world = world(&["127.0.0.0/8"]);
    subscribe(&world, &url);
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    for _ in 0..3 {
        world.dispatch().await;
        world.advance(60);
    }
    assert_eq!((delivery(&world).as_str(), hook.came()), ("delivered 3 200 -", 3));
}

#[tokio::test]
async fn a_receiver_that_says_it_is_gone_is_called_no_more() {
    let (hook, url) = Hook::start(&[410]).await;
    let world = world(&["127.0.0.0/8"]);
    subscribe(&world, &url);
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    assert!(delivery(&world).starts_with("failed 1 410"));
    assert_eq!(world.desk.value::<i64>("SELECT active FROM webhooks"), 0);
    assert_eq!(world.desk.value::<i64>("SELECT count(*) FROM audit_log WHERE action = 'webhook.gone'"), 1);
    world.desk.tell(Kind::Rescheduled, 1, expert(8)).await;
    world.dispatch().await;
    assert_eq!(hook.came(), 1);
}

#[tokio::test]
async fn a_delivery_is_repeated_on_request() {
    let (hook, url) = Hook::start(&[]).await;
    let world = world(&["127.0.0.0/8"]);
    subscribe(&world, &url);
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    let id: String = world.desk.value("SELECT id FROM webhook_deliveries");
    let id: DeliveryId = id.parse().unwrap();
    let store = world.desk.scheduler.store();
    let now = world.dispatcher.now();
    let early = replay(store, testing::admin(), id, now).await;
    assert!(matches!(early, Err(ReplayError::StillDue)));
    world.dispatch().await;
    let new = replay(store, testing::admin(), id, now).await.unwrap();
    world.dispatch().await;
    let came = hook.came.lock().unwrap();
    assert_eq!((came.len(), &came[0].1, &came[0].0["webhook-id"]), (2, &came[1].1, &came[1].0["webhook-id"]));
    let of: String = world.desk.value(&format!("SELECT replay_of FROM webhook_deliveries WHERE id = '{new}'"));
    assert_eq!(of, id.to_string());
}

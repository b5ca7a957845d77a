//! Our own webhooks: events of appointments and calls, as the scheduler has written them, signed and delivered to
//! whoever subscribed.
//!
//! Deliveries are repeated until the receiver has answered with 2xx, by [`Backoff::WEBHOOK`](super::retry::Backoff):
//! receivers tell repetitions by `webhook-id`, which is the event's.

mod sign;

use reqwest::Method;

use crate::config::Secret;
use crate::units::UnixTime;

use super::http::{Answer, Outbound, Request, SendError};
use super::retry::Retry;

pub use sign::{NotASecret, SigningKey};

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The receiver's secret is none.
    #[error(transparent)]
    Secret(#[from] NotASecret),
    /// The receiver does not want it, or not now.
    #[error("answered {}", .0.status)]
    Answered(Answer),
    /// No answer.
    #[error(transparent)]
    Unsent(#[from] SendError),
}

impl DeliveryError {
    /// Whether trying again makes sense. Any answer but success is worth another attempt, except for 410, by which
    /// receivers say that they are gone: who builds a receiver makes mistakes that deserve a day.
    pub fn retry(&self) -> Retry {
        match self {
            DeliveryError::Secret(_) => Retry::Never,
            DeliveryError::Answered(answer) if answer.status == 410 => Retry::Never,
            DeliveryError::Answered(answer) => Retry::Later(answer.retry_after),
            DeliveryError::Unsent(error) => error.retry(),
        }
    }

    /// The receiver's status, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            DeliveryError::Answered(answer) => Some(answer.status),
            _ => None,
        }
    }
}

/// Where a delivery goes.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The receiver's URL.
    pub url: Secret,
    /// Its secret.
    pub secret: Secret,
}

/// Delivers an event's body once. It was stored when the event happened, so a repetition is the same to the byte.
///
/// # Errors
///
/// When the receiver has not taken it.
pub async fn deliver(
    http: &Outbound,
    receiver: &Receiver,
    event_id: &str,
    body: &str,
    now: UnixTime,
) -> Result<Answer, DeliveryError> {
    let signature = SigningKey::new(&receiver.secret)?.sign(event_id, now, body);
    let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let request = Request {
        method: Method::POST,
        url: receiver.url.clone(),
        headers: vec![
            header("content-type", "application/json"),
            header("webhook-id", event_id),
            header("webhook-timestamp", &now.as_secs().to_string()),
            header("webhook-signature", &signature),
        ],
        body: body.as_bytes().to_vec(),
    };
    let answer = http.send(request).await?;
    if answer.is_success() { Ok(answer) } else { Err(DeliveryError::Answered(answer)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse;
    use axum::routing::post;

    use super::*;
    use crate::notify::http::{Guard, Refused};
    use crate::notify::testing::serve;
    use crate::scheduler::new_webhook_secret;

    const NOW: UnixTime = UnixTime(1_772_547_300_123);

    const BODY: &str =
        r#"{"id":"evt-1","type":"appointment.approved","createdAt":"2026-03-03T14:15:00.123Z","data":{"title":"ü\n"}}"#;

    fn guarded(allowed: &[&str]) -> Outbound {
        Outbound::new(Guard::new(allowed.iter().map(|net| net.parse().unwrap()).collect()), &[]).unwrap()
    }

    fn receiver(url: String) -> Receiver {
        Receiver { url: Secret::new(url), secret: new_webhook_secret(&mut rand::rng()) }
    }

    #[tokio::test]
    async fn an_event_arrives_with_a_signature_that_its_receiver_can_check() {
        type Log = Arc<Mutex<Vec<(HeaderMap, String)>>>;
        let log = Log::default();
        let take = |State(log): State<Log>, headers: HeaderMap, body: String| async move {
            log.lock().unwrap().push((headers, body));
            "taken"
        };
        let at = serve(Router::new().route("/hook", post(take)).with_state(Arc::clone(&log))).await;
        let receiver = receiver(format!("http://{at}/hook"));
        let answer = deliver(&guarded(&["127.0.0.0/8"]), &receiver, "evt-1", BODY, NOW).await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "taken"));
        let (headers, received) = log.lock().unwrap()[0].clone();
        assert_eq!(received, BODY);
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(
            (&headers["webhook-id"], &headers["webhook-timestamp"]),
            (&"evt-1".parse().unwrap(), &"1772547300".parse().unwrap())
        );
        let expected = SigningKey::new(&receiver.secret).unwrap().sign("evt-1", NOW, &received);
        assert_eq!(headers["webhook-signature"], expected.as_str());
    }

    #[tokio::test]
    async fn every_answer_but_success_and_gone_is_worth_another_attempt() {
        let app = Router::new()
            .route("/404", post(|| async { StatusCode::NOT_FOUND }))
            .route("/410", post(|| async { StatusCode::GONE }))
            .route("/302", post(|| async { (StatusCode::FOUND, [("location", "/200")]).into_response() }))
            .route(
                "/503",
                post(|| async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "60")]).into_response() }),
            );
        let at = serve(app).await;
        let http = guarded(&["127.0.0.0/8"]);
        let retry = async |path: &str| {
            let receiver = receiver(format!("http://{at}/{path}"));
            let error = deliver(&http, &receiver, "e", "{}", NOW).await.unwrap_err();
            (error.status().unwrap().to_string(), error.retry())
        };
        assert_eq!(retry("404").await, ("404".into(), Retry::Later(None)));
        assert_eq!(retry("302").await, ("302".into(), Retry::Later(None)));
        assert_eq!(retry("410").await, ("410".into(), Retry::Never));
        assert_eq!(retry("503").await, ("503".into(), Retry::Later(Some(Duration::from_secs(60)))));
    }

    #[tokio::test]
    async fn private_targets_are_refused_unless_allowed() {
        let at = serve(Router::new().route("/", post(|| async {}))).await;
        for url in [format!("http://{at}/"), format!("https://{at}/"), format!("http://localhost:{}/", at.port())] {
            let error = deliver(&guarded(&["10.0.0.0/8"]), &receiver(url.clone()), "e", "{}", NOW).await.unwrap_err();
            let DeliveryError::Unsent(SendError::Refused(Refused::Address { kind, .. })) = &error else {
                panic!("{url}: {error:?}");
            };
            assert_eq!((*kind, error.retry()), ("loopback", Retry::Never));
        }
    }
}

//! Web push: notifications to browsers that have no page of ours open, by way of their makers' push services.

mod encrypt;
mod vapid;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;

use crate::config::Secret;
use crate::units::UnixTime;

use super::http::{Guard, Outbound, Refused, Request, Scheme, SendError};
use super::retry::Retry;
use encrypt::{BrowserKeys, MAX_PLAINTEXT, encrypt};

pub use vapid::{NotAKey, VapidKey};

/// A browser's subscription, as its `PushSubscription` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The push service's URL for this browser; whoever knows it may write to it.
    pub endpoint: Secret,
    keys: BrowserKeys,
}

/// A subscription that nothing can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSubscription {
    /// Its URL.
    #[error("the subscription's endpoint: {0}")]
    Endpoint(#[from] Refused),
    /// Its keys.
    #[error("the subscription's `{0}` is no key in base64url")]
    Key(&'static str),
}

impl Subscription {
    /// Reads what a browser gave. The endpoint comes from whoever is signed in, so the guard has its say.
    ///
    /// # Errors
    ///
    /// When nothing can be sent to it.
    pub fn new(endpoint: &str, p256dh: &str, auth: &str, guard: &Guard) -> Result<Self, BadSubscription> {
        let (url, scheme) = guard.url(endpoint)?;
        if scheme != Scheme::Https {
            return Err(Refused::Scheme(url.scheme().to_owned()).into());
        }
        let public =
            key(p256dh).filter(|key: &[u8; encrypt::POINT]| key[0] == 4).ok_or(BadSubscription::Key("p256dh"))?;
        let auth = key(auth).ok_or(BadSubscription::Key("auth"))?;
        Ok(Self { endpoint: Secret::new(endpoint), keys: BrowserKeys { public, auth } })
    }
}

/// Some libraries pad what others do not.
fn key<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

/// How soon a notification should come (RFC 8030 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Some time.
    Low,
    /// Soon.
    Normal,
    /// Now: somebody waits.
    High,
}

impl Urgency {
    const fn as_str(self) -> &'static str {
        match self {
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        }
    }
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification<'a> {
    /// What our service worker gets.
    pub payload: &'a [u8],
    /// How long it is worth something while the browser is away.
    pub ttl: Duration,
    /// How soon it should come.
    pub urgency: Urgency,
}

/// Why a notification did not go.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The subscription is no longer there; forget it.
    #[error("the subscription is gone")]
    Gone,
    /// Too long, or for a key that is none.
    #[error("the notification cannot be encrypted for this subscription")]
    Unencryptable,
    /// Our own key does not sign.
    #[error(transparent)]
    Key(#[from] NotAKey),
    /// The push service does not take it.
    #[error("the push service answers {status}: {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
        /// Whether trying again makes sense.
        retry: Retry,
    },
    /// No answer.
    #[error("the push service cannot be reached: {0}")]
    Unreachable(#[from] SendError),
}

impl PushError {
    /// Whether trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            PushError::Gone | PushError::Unencryptable | PushError::Key(_) => Retry::Never,
            PushError::Refused { retry, .. } => *retry,
            PushError::Unreachable(error) => error.retry(),
        }
    }
}

/// Sends notifications.
#[derive(Debug)]
pub struct Push {
    http: Outbound,
    key: VapidKey,
    contact: String,
}

impl Push {
    /// Longest payload in bytes.
    pub const MAX_PAYLOAD: usize = MAX_PLAINTEXT;

    /// `contact` is a `mailto:` or `https:` URI at which push services reach this server's operator.
    pub fn new(http: Outbound, key: VapidKey, contact: impl Into<String>) -> Self {
        Self { http, key, contact: contact.into() }
    }

    /// The key that browsers subscribe with.
    pub fn public_key(&self) -> String {
        self.key.public()
    }

    /// The guard that subscriptions pass.
    pub fn guard(&self) -> &Guard {
        self.http.guard()
    }

    /// Sends a notification.
    ///
    /// # Errors
    ///
    /// When the push service has not taken it.
    pub async fn send(
        &self,
        subscription: &Subscription,
        notification: &Notification<'_>,
        now: UnixTime,
    ) -> Result<(), PushError> {
        let (url, _) = self.http.guard().url(subscription.endpoint.reveal()).map_err(SendError::from)?;
        let origin = url.origin().ascii_serialization();
        let body = encrypt(&subscription.keys, notification.payload).map_err(|_| PushError::Unencryptable)?;
        let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        let request = Request {
            method: Method::POST,
            url: subscription.endpoint.clone(),
            headers: vec![
                ("authorization".to_owned(), self.key.authorization(&origin, &self.contact, now)?),
                header("content-encoding", "aes128gcm"),
                header("content-type", "application/octet-stream"),
                header("ttl", &notification.ttl.as_secs().to_string()),
                header("urgency", notification.urgency.as_str()),
            ],
            body,
        };
        let answer = self.http.send(request).await?;
        match answer.status {
            200..300 => Ok(()),
            // RFC 8030 §7.3; some services say 410, some 404.
            404 | 410 => Err(PushError::Gone),
            status => Err(PushError::Refused { status, text: answer.text(), retry: answer.retry() }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::slice::from_ref;
    use std::sync::{Arc, Mutex};

    use super::encrypt::tests::{BROWSER_AUTH, BROWSER_PUBLIC, decrypt};
    use super::*;
    use crate::notify::http::Lookup;
    use crate::notify::testing::{Received, Secure};

    const NOW: UnixTime = UnixTime(1_772_547_300_000);

    /// A push service on loopback that answers every message so.
    fn service(answer: &'static str) -> (Push, Subscription, Arc<Mutex<Vec<Received>>>) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&log);
        let server = Secure::http("push.example.org", move |request| {
            taken.lock().unwrap().push(request);
            format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        });
        let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) }));
        let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let http = Outbound::with_lookup(guard, from_ref(&server.root), lookup).unwrap();
        let push = Push::new(http, VapidKey::generate().unwrap(), "mailto:admin@visavis.example");
        let endpoint = format!("https://push.example.org:{}/send/abc", server.port);
        let subscription = Subscription::new(&endpoint, BROWSER_PUBLIC, BROWSER_AUTH, push.guard()).unwrap();
        (push, subscription, log)
    }

    fn notification() -> Notification<'static> {
        Notification { payload: b"{\"title\":\"Ana waits\"}", ttl: Duration::from_secs(600), urgency: Urgency::High }
    }

    #[tokio::test]
    async fn a_notification_arrives_for_the_browser_alone() {
        let (push, subscription, log) = service("201 Created");
        push.send(&subscription, &notification(), NOW).await.unwrap();
        let log = log.lock().unwrap();
        let head = log[0].head.to_ascii_lowercase();
        assert!(head.starts_with("post /send/abc http/1.1"), "{head}");
        for header in
            ["\r\nttl: 600", "\r\nurgency: high", "\r\ncontent-encoding: aes128gcm", "\r\nauthorization: vapid t="]
        {
            assert!(head.contains(header), "{header} is not in {head}");
        }
        assert_eq!(decrypt(&log[0].body), notification().payload);
    }

    #[tokio::test]
    async fn the_answer_says_whether_the_subscription_lives() {
        for (answer, gone, retry) in [
            ("410 Gone", true, Retry::Never),
            ("404 Not Found", true, Retry::Never),
            ("403 Forbidden", false, Retry::Never),
            ("413 Too Large", false, Retry::Never),
            ("429 Too Many Requests\r\nretry-after: 30", false, Retry::Later(Some(Duration::from_secs(30)))),
            ("500 Oops", false, Retry::Later(None)),
        ] {
            let (push, subscription, _log) = service(answer);
            let error = push.send(&subscription, &notification(), NOW).await.unwrap_err();
            assert_eq!((matches!(error, PushError::Gone), error.retry()), (gone, retry), "{answer}");
        }
    }

    #[test]
    fn subscriptions_that_lead_elsewhere_or_hold_no_keys_are_refused() {
        let guard = Guard::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let new = |endpoint: &str, public: &str, auth: &str| Subscription::new(endpoint, public, auth, &guard);
        let fine = "https://push.example.org/send/abc";
        assert!(new(fine, BROWSER_PUBLIC, BROWSER_AUTH).is_ok());
        assert!(new(fine, BROWSER_PUBLIC, &format!("{BROWSER_AUTH}==")).is_ok());
        for endpoint in ["http://10.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "ftp://push.example.org/", ""] {
            let refused = new(endpoint, BROWSER_PUBLIC, BROWSER_AUTH);
            assert!(matches!(refused, Err(BadSubscription::Endpoint(_))), "{endpoint}: {refused:?}");
        }
        for (public, auth, which) in [
            ("", BROWSER_AUTH, "p256dh"),
            (&BROWSER_PUBLIC[1..], BROWSER_AUTH, "p256dh"),
            (BROWSER_PUBLIC, "AAAA", "auth"),
        ] {
            assert_eq!(new(fine, public, auth), Err(BadSubscription::Key(which)));
        }
        let debug = format!("{:?}", new(fine, BROWSER_PUBLIC, BROWSER_AUTH));
        assert!(!debug.contains("send/abc"), "{debug}");
    }
}

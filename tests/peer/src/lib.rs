//! An independent peer for integration tests: LiveKit's signaling on a WebSocket, media and data by the `webrtc`
//! crate, nothing of the server's own media code. The tests beside it start the server's binary and drive it from
//! outside, as a client or as an attacker would.
//!
//! [`server::Server`] starts the binary on free ports; [`client::Client`] joins it in either connection mode;
//! [`media`] makes Opus and VP8 packets; [`received`] keeps what arrived, to be asserted on; [`attack`]
//! holds what a decent client never sends. Everything goes over loopback, bounded in count and in time.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

pub mod attack;
pub mod client;
pub mod feedback;
pub mod http;
pub mod media;
pub mod peer;
pub mod publish;
pub mod received;
pub mod server;
pub mod signal;
pub mod token;

/// Whatever went wrong; a test only has to say it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of everything here.
pub type Outcome<T = ()> = Result<T, Failure>;

/// How long a test waits for what must happen. Generous, since the machine may be busy; nothing is slow on purpose.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `check` holds.
///
/// # Errors
///
/// Names `what` when [`DEADLINE`] has passed.
pub async fn eventually(what: &str, mut check: impl FnMut() -> bool) -> Outcome {
    eventually_some(what, || check().then_some(())).await
}

/// Waits until `find` finds something, and gives it.
///
/// # Errors
///
/// Names `what` when [`DEADLINE`] has passed.
pub async fn eventually_some<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> Outcome<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = find() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("waited {DEADLINE:?} in vain: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

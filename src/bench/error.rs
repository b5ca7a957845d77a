//! What goes wrong with a target, each in one clear line.

use std::io;

use crate::transport::FailureCause;

/// Why a run ended early, or a participant did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// Nobody is there.
    #[error("cannot connect to {url}: {why}")]
    Unreachable {
        /// The target.
        url: String,
        /// What the system says.
        why: String,
    },
    /// The server answered the token with a refusal.
    #[error("{url} refuses the token ({status}{text}); check --api-key and --api-secret")]
    TokenRefused {
        /// The target.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its words, with `: ` in front.
        text: String,
    },
    /// The server answered with an error of its own.
    #[error("{url} refuses a participant ({status}{text})")]
    Refused {
        /// The target.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its words, with `: ` in front.
        text: String,
    },
    /// Whoever is there is no LiveKit server.
    #[error("{url} does not speak LiveKit's signaling at /rtc/v1: {what}")]
    NotLiveKit {
        /// The target.
        url: String,
        /// What it did instead.
        what: String,
    },
    /// The connection ended in mid-run.
    #[error("the server is gone: {0}")]
    ServerGone(String),
    /// The server sent somebody away.
    #[error("the server sent a participant away: {0}")]
    SentAway(String),
    /// Signaling worked, media does not.
    #[error("media does not connect: {0}")]
    Media(String),
    /// The system gives no more.
    #[error("this machine gives no more sockets: {0}; raise the number of open files (ulimit -n)")]
    NoSocket(String),
    /// Somebody has had enough of it.
    #[error("interrupted; the figures are of what was played until then")]
    Interrupted,
    /// The settings cannot be played.
    #[error("{0}")]
    Impossible(String),
}

impl BenchError {
    /// Of ICE and DTLS.
    pub fn of_media(cause: FailureCause) -> Self {
        let why = match cause {
            FailureCause::IceTimeout => {
                "none of the server's addresses answers; does it advertise one that is reached from here?"
            }
            FailureCause::ConsentExpired => "the server's media port has fallen silent",
            FailureCause::Dtls => "the DTLS handshake failed",
            FailureCause::FingerprintMismatch => "the server shows another certificate than it announced",
            FailureCause::Closed => "the server closed the connection",
        };
        Self::Media(why.to_owned())
    }

    /// Of the lack of a socket.
    pub fn of_socket(kind: io::ErrorKind, text: &str) -> Self {
        match kind {
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported => Self::Media(text.to_owned()),
            _ => Self::NoSocket(text.to_owned()),
        }
    }
}

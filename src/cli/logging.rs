//! Where log lines go and what they look like: standard error, text or JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::LoggingSettings;

/// Starts logging. `RUST_LOG` wins over the settings, for whoever looks for a fault.
pub(super) fn start(settings: &LoggingSettings) {
    let level = settings.level.as_str();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(level)));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // An earlier one stays, which happens in tests only.
    let _ = if settings.json {
        logs.json().flatten_event(true).try_init().map_err(drop)
    } else {
        logs.with_ansi(stderr().is_terminal()).with_target(false).try_init().map_err(drop)
    };
}

/// Of the libraries only what is wrong: their decisions are no news to an operator. Those that read what anybody may
/// send say nothing at all, or strangers could fill the log; what they refuse is counted and our own code says what
/// it means.
fn directives(level: &str) -> String {
    format!("warn,sctp_proto=off,dimpl=off,visavis={level},visavis_signaling={level}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn strangers_cannot_make_the_parsers_of_their_packets_write_to_the_log() {
        let log = Log::default();
        let writer = log.clone();
        let filter = EnvFilter::builder().parse(directives("info")).unwrap();
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "sctp_proto::association", "hostile chunk");
            tracing::error!(target: "dimpl::incoming", "hostile record");
            tracing::error!(target: "other", "library fault");
            tracing::info!(target: "visavis::rooms", "ours");
            tracing::debug!(target: "visavis::rooms", "too much");
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("ours") && text.contains("library fault"), "{text}");
        assert!(!text.contains("hostile") && !text.contains("too much"), "{text}");
    }
}

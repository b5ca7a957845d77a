//! Where log lines go and what they look like: standard error, text or JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::LoggingSettings;

/// Starts logging. `RUST_LOG` wins over the settings, for whoever looks for a fault.
pub(super) fn start(settings: &LoggingSettings) {
    let level = settings.level.as_str();
    // Of the libraries only what is wrong: their decisions are no news to an operator.
    let ours = format!("warn,visavis={level},visavis_signaling={level}");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ours));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // An earlier one stays, which happens in tests only.
    let _ = if settings.json {
        logs.json().flatten_event(true).try_init().map_err(drop)
    } else {
        logs.with_ansi(stderr().is_terminal()).with_target(false).try_init().map_err(drop)
    };
}

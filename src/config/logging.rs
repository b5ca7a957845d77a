//! How much is logged, and in which form.

use serde::Serialize;

/// Logging (`logging`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoggingSettings {
    /// Least severe level that is written.
    pub level: LogLevel,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// A log level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What somebody should look at.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What was decided on the way.
    Debug,
}

impl LogLevel {
    /// The level's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

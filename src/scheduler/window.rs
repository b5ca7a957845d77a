//! When an appointment's room can be entered, and when it closes.
//!
//! All arithmetic is on instants, so no change of the clocks moves an edge. Windows are half-open: open at `opens`,
//! no longer open at `closes`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::units::{UnixTime, rfc3339};

/// The longest margin before or after.
pub const MAX_MARGIN: Duration = Duration::from_secs(24 * 3600);
/// The most that all extensions together may add.
pub const MAX_EXTENSION: Duration = Duration::from_secs(8 * 3600);
/// How long before the close everybody is warned, the earliest first.
pub const CLOSE_WARNINGS: [Duration; 3] = [Duration::from_secs(600), Duration::from_secs(300), Duration::from_secs(60)];

/// What "after the scheduled time" is counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseAnchor {
    /// The scheduled end: who loses the connection can come back until the close.
    #[default]
    End,
    /// The scheduled start, for new joins only; those already admitted keep until the end and its margin.
    Start,
}

impl CloseAnchor {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseAnchor::End => "end",
            CloseAnchor::Start => "start",
        }
    }

    /// What a word of the database stands for, which has no others.
    pub(super) fn of_word(word: &str) -> Self {
        if word == CloseAnchor::Start.as_str() { CloseAnchor::Start } else { CloseAnchor::End }
    }
}

/// By how much and how often the expert may prolong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionRules {
    /// What one extension adds.
    pub step: Duration,
    /// How many there may be.
    pub at_most: u8,
}

impl Default for ExtensionRules {
    fn default() -> Self {
        Self { step: Duration::from_secs(15 * 60), at_most: 2 }
    }
}

/// The margins in force for one appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRules {
    /// How long before the start the room opens.
    pub before: Duration,
    /// How long after the anchor it closes.
    pub after: Duration,
    /// What `after` is counted from.
    pub anchor: CloseAnchor,
    /// The expert's extensions.
    pub extension: ExtensionRules,
}

impl Default for WindowRules {
    fn default() -> Self {
        Self {
            before: Duration::from_secs(15 * 60),
            after: Duration::from_secs(30 * 60),
            anchor: CloseAnchor::End,
            extension: ExtensionRules::default(),
        }
    }
}

/// What a service, or one appointment, has otherwise than the layer above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowOverrides {
    /// See [`WindowRules::before`].
    pub before: Option<Duration>,
    /// See [`WindowRules::after`].
    pub after: Option<Duration>,
    /// See [`WindowRules::anchor`].
    pub anchor: Option<CloseAnchor>,
    /// See [`WindowRules::extension`].
    pub extension: Option<ExtensionRules>,
}

/// Margins that make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowRulesError {
    /// A margin is too long.
    #[error("the room may open and close at most 24 hours from the appointment")]
    Margin,
    /// The extensions are too long.
    #[error("all extensions together may add at most 8 hours")]
    Extension,
}

impl WindowRules {
    /// These rules with what a lower layer has otherwise: global, then service, then appointment.
    #[must_use]
    pub fn with(self, layer: &WindowOverrides) -> Self {
        Self {
            before: layer.before.unwrap_or(self.before),
            after: layer.after.unwrap_or(self.after),
            anchor: layer.anchor.unwrap_or(self.anchor),
            extension: layer.extension.unwrap_or(self.extension),
        }
    }

    /// Refuses margins that nobody can mean.
    pub fn check(&self) -> Result<(), WindowRulesError> {
        if self.before > MAX_MARGIN || self.after > MAX_MARGIN {
            return Err(WindowRulesError::Margin);
        }
        if self.longest_extension() > MAX_EXTENSION {
            return Err(WindowRulesError::Extension);
        }
        Ok(())
    }

    /// The window of an appointment. `extended` is what extensions have added so far; `opened_early` is when the
    /// expert opened the room before its time, which counts for everybody.
    pub fn window(
        &self,
        starts_at: UnixTime,
        ends_at: UnixTime,
        extended: Duration,
        opened_early: Option<UnixTime>,
    ) -> Window {
        let opens = starts_at.minus(self.before);
        let closes = ends_at.plus(self.after).plus(extended);
        let last_join = match self.anchor {
            CloseAnchor::End => closes,
            CloseAnchor::Start => starts_at.plus(self.after).plus(extended),
        };
        Window { opens: opened_early.map_or(opens, |early| early.min(opens)), last_join, closes }
    }

    /// One more extension of an open window: what `extended` becomes.
    pub fn extend(&self, window: &Window, extended: Duration, now: UnixTime) -> Result<Duration, ExtendError> {
        match window.state(now) {
            WindowState::NotOpen { opens } => return Err(ExtendError::NotOpen { opens }),
            WindowState::Closed { closed } => return Err(ExtendError::Closed { closed }),
            WindowState::Open { .. } => {}
        }
        let longer = extended.saturating_add(self.extension.step);
        if self.extension.step.is_zero() || longer > self.longest_extension() {
            return Err(ExtendError::LimitReached { extended });
        }
        Ok(longer)
    }

    fn longest_extension(&self) -> Duration {
        self.extension.step.saturating_mul(u32::from(self.extension.at_most))
    }
}

/// When one appointment's room is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From here on people may come in.
    pub opens: UnixTime,
    /// From here on nobody new is let in; never after `closes`.
    pub last_join: UnixTime,
    /// From here on nobody may be in.
    pub closes: UnixTime,
}

/// A window as a person sees it at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum WindowState {
    /// Too early.
    NotOpen {
        /// When it will open.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        opens: UnixTime,
    },
    /// Open, at least for those who have been in.
    Open {
        /// When it will close, unless it is extended.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        closes: UnixTime,
    },
    /// Too late.
    Closed {
        /// When it closed.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        closed: UnixTime,
    },
}

impl Window {
    /// Before, in or after it.
    pub fn state(&self, now: UnixTime) -> WindowState {
        if now >= self.closes {
            WindowState::Closed { closed: self.closes }
        } else if now < self.opens {
            WindowState::NotOpen { opens: self.opens }
        } else {
            WindowState::Open { closes: self.closes }
        }
    }

    /// Somebody who has not been in the room may come in.
    pub fn admits_new(&self, now: UnixTime) -> bool {
        self.opens <= now && now < self.last_join.min(self.closes)
    }

    /// When everybody is to be warned next, if the warnings up to `now` have been given: at the close there is none.
    pub fn next_warning(&self, now: UnixTime) -> UnixTime {
        let times = CLOSE_WARNINGS.iter().map(|before| self.closes.minus(*before));
        times.filter(|at| *at > now).min().unwrap_or(self.closes)
    }

    /// Those who have been admitted may be in, and come back.
    pub fn holds(&self, now: UnixTime) -> bool {
        self.opens <= now && now < self.closes
    }
}

/// Minutes until a close, the last begun one counted.
pub fn minutes_left(closes: UnixTime, now: UnixTime) -> i64 {
    let millis = closes.since(now).as_millis() as i64;
    (millis + 59_999) / 60_000
}

/// Why the window cannot be extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtendError {
    /// It has not opened yet.
    #[error("the room is not open yet")]
    NotOpen {
        /// When it will.
        opens: UnixTime,
    },
    /// It has closed.
    #[error("the room is closed")]
    Closed {
        /// When it did.
        closed: UnixTime,
    },
    /// No more extensions.
    #[error("the room cannot be kept open any longer")]
    LimitReached {
        /// What extensions have added already.
        extended: Duration,
    },
}

//! Why the scheduler says no. Each reason has a word that programs decide by; `api` gives it its status and its words
//! for people.

use serde_json::{Value, json};

use super::{ExtendError, IllegalTransition, Reason, ScheduleError, Status};
use crate::store::StoreError;
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

/// Why something was not done. Nothing of it has been stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none, or it is somebody else's: the two look the same.
    #[error("there is no such thing")]
    NotFound,
    /// A value is not possible.
    #[error("{field}: {message}")]
    Invalid {
        /// Which, as the API calls it.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// It has changed since the caller looked.
    #[error("it has changed in the meantime")]
    Stale,
    /// The caller is part of it, and yet this is another's to do.
    #[error("this is not yours to do")]
    NotYours,
    /// The present state of things does not allow it.
    #[error("{0}")]
    Conflict(Conflict),
    /// Not now, or not yet.
    #[error("{0}")]
    Denied(Denied),
    /// A file that is not taken.
    #[error(transparent)]
    Upload(UploadError),
    /// The database does not play along.
    #[error(transparent)]
    Store(StoreError),
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// The expert is not free then.
    #[error("somebody else has this time")]
    SlotTaken,
    /// The customer has another appointment then.
    #[error("the customer has another appointment at this time")]
    CustomerOverlap,
    /// A group session has no seat left.
    #[error("the session is full")]
    SessionFull,
    /// The expert does not offer this start.
    #[error("this time is not offered")]
    NotOffered(Vec<Reason>),
    /// The state machine has no such move.
    #[error("{0}")]
    IllegalTransition(IllegalTransition),
    /// What was held has lapsed.
    #[error("the hold has lapsed")]
    HoldExpired,
    /// Too many holds of one person at once.
    #[error("too many times are held already")]
    TooManyHolds,
    /// The notice that the service wants has passed.
    #[error("it is too late for this")]
    TooLate {
        /// Until when it was possible.
        until: UnixTime,
    },
    /// There is no proposal to accept.
    #[error("nothing is proposed")]
    NothingProposed,
    /// The service is not offered any more.
    #[error("the service is not offered")]
    ServiceInactive,
    /// Appointments refer to it.
    #[error("appointments refer to it")]
    ServiceInUse,
    /// It has been extended as often as is allowed, or cannot be.
    #[error("it cannot be extended: {0}")]
    NotExtended(ExtendError),
    /// It was rated before.
    #[error("it has been rated")]
    RatedAlready,
    /// The appointment is not approved (any more), so it has no room.
    #[error("the appointment is {0}")]
    NotJoinable(Status),
    /// It cannot be done to an appointment that stands so.
    #[error("this cannot be done to an appointment that is {0}")]
    WrongStatus(Status),
    /// Nothing that is written in the call is kept.
    #[error("chat is not kept with this appointment")]
    ChatNotKept,
    /// There are as many as there may be.
    #[error("there may be {limit} of them at most")]
    TooMany {
        /// How many there may be.
        limit: u64,
    },
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// Too large.
    #[error("a file has at most {limit} bytes")]
    TooLarge {
        /// The most that one may have.
        limit: u64,
    },
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Not a type that this installation takes.
    #[error("files of the type {0} are not taken")]
    TypeNotAllowed(String),
    /// The content is of another type than the request says.
    #[error("the content is {found}, not {declared}")]
    TypeMismatch {
        /// What the request says.
        declared: String,
        /// What the content is.
        found: String,
    },
    /// The appointment has as many files, or as large ones, as it may have.
    #[error("an appointment has at most {files} files of {bytes} bytes in all")]
    NoRoom {
        /// How many there may be.
        files: u64,
        /// How large they may be together.
        bytes: u64,
    },
}

/// Why somebody may not join.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Denied {
    /// The room is not open yet.
    #[error("the room opens at {}", rfc3339(*.opens_at))]
    WindowNotOpen {
        /// When it opens.
        opens_at: UnixTime,
    },
    /// The room has closed, or takes nobody new.
    #[error("the room closed at {}", rfc3339(*.closed_at))]
    WindowClosed {
        /// Since when.
        closed_at: UnixTime,
    },
    /// In the lobby.
    #[error("waiting in the lobby, place {position} of {waiting}")]
    LobbyWaiting {
        /// Place in the expert's queue, from 1.
        position: u32,
        /// How many wait.
        waiting: u32,
        /// Since when.
        since: UnixTime,
    },
    /// The request names another identity than the caller's.
    #[error("the identity is not the caller's")]
    IdentityMismatch,
    /// The expert has removed this participant.
    #[error("removed from this appointment")]
    Removed,
    /// The token was not made here.
    #[error("the token was not issued for this appointment")]
    ForeignToken,
    /// A guest's token opens one session.
    #[error("the token has been used")]
    TokenUsed,
}

impl Error {
    /// A value that is not possible.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Invalid { .. } => "invalid_body",
            Self::Stale => "precondition_failed",
            Self::NotYours => "not_yours",
            Self::Conflict(conflict) => conflict.code(),
            Self::Denied(denied) => denied.code(),
            Self::Upload(refusal) => refusal.code(),
            Self::Store(error) if error.is_passing() => "unavailable",
            Self::Store(_) => "internal",
        }
    }

    /// What else programs want to know, by name.
    pub fn extra(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Invalid { field, .. } => vec![("field", json!(field))],
            Self::Conflict(Conflict::NotOffered(reasons)) => vec![("reasons", json!(reasons))],
            Self::Conflict(Conflict::IllegalTransition(IllegalTransition { from, .. })) => {
                vec![("appointmentStatus", json!(from))]
            }
            Self::Conflict(Conflict::NotJoinable(status) | Conflict::WrongStatus(status)) => {
                vec![("appointmentStatus", json!(status))]
            }
            Self::Conflict(Conflict::TooMany { limit }) | Self::Upload(UploadError::TooLarge { limit }) => {
                vec![("limit", json!(limit))]
            }
            Self::Upload(UploadError::NoRoom { files, bytes }) => {
                vec![("maxFiles", json!(files)), ("maxBytes", json!(bytes))]
            }
            Self::Conflict(Conflict::TooLate { until }) => vec![("until", json!(rfc3339(*until)))],
            Self::Denied(Denied::WindowNotOpen { opens_at }) => vec![("opensAt", json!(rfc3339(*opens_at)))],
            Self::Denied(Denied::WindowClosed { closed_at }) => vec![("closedAt", json!(rfc3339(*closed_at)))],
            Self::Denied(Denied::LobbyWaiting { position, waiting, since }) => {
                vec![("position", json!(position)), ("waiting", json!(waiting)), ("since", json!(rfc3339(*since)))]
            }
            _ => Vec::new(),
        }
    }
}

impl Conflict {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SlotTaken => "slot_taken",
            Self::CustomerOverlap => "customer_overlap",
            Self::SessionFull => "session_full",
            Self::NotOffered(_) => "not_offered",
            Self::IllegalTransition(_) => "illegal_transition",
            Self::HoldExpired => "hold_expired",
            Self::TooManyHolds => "too_many_holds",
            Self::TooLate { .. } => "too_late",
            Self::NothingProposed => "nothing_proposed",
            Self::ServiceInactive => "service_inactive",
            Self::ServiceInUse => "service_in_use",
            Self::NotExtended(_) => "not_extended",
            Self::RatedAlready => "rated_already",
            Self::NotJoinable(_) => "not_joinable",
            Self::WrongStatus(_) => "wrong_status",
            Self::ChatNotKept => "chat_not_kept",
            Self::TooMany { .. } => "too_many",
        }
    }
}

impl UploadError {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "file_too_large",
            Self::Empty => "file_empty",
            Self::TypeNotAllowed(_) => "file_type_not_allowed",
            Self::TypeMismatch { .. } => "file_type_mismatch",
            Self::NoRoom { .. } => "files_full",
        }
    }
}

impl Denied {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WindowNotOpen { .. } => "window_not_open",
            Self::WindowClosed { .. } => "window_closed",
            Self::LobbyWaiting { .. } => "lobby_waiting",
            Self::IdentityMismatch => "identity_mismatch",
            Self::Removed => "removed",
            Self::ForeignToken => "foreign_token",
            Self::TokenUsed => "token_used",
        }
    }
}

/// Every word above, so that `api` can show that it has an answer to each.
pub const CODES: &[&str] = &[
    "not_found",
    "invalid_body",
    "precondition_failed",
    "not_yours",
    "unavailable",
    "internal",
    "slot_taken",
    "customer_overlap",
    "session_full",
    "not_offered",
    "illegal_transition",
    "hold_expired",
    "too_many_holds",
    "too_late",
    "nothing_proposed",
    "service_inactive",
    "service_in_use",
    "not_extended",
    "rated_already",
    "not_joinable",
    "wrong_status",
    "chat_not_kept",
    "too_many",
    "window_not_open",
    "window_closed",
    "lobby_waiting",
    "identity_mismatch",
    "removed",
    "foreign_token",
    "token_used",
    "file_too_large",
    "file_empty",
    "file_type_not_allowed",
    "file_type_mismatch",
    "files_full",
];

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<UploadError> for Error {
    fn from(refusal: UploadError) -> Self {
        Self::Upload(refusal)
    }
}

impl From<IllegalTransition> for Error {
    fn from(illegal: IllegalTransition) -> Self {
        Self::Conflict(Conflict::IllegalTransition(illegal))
    }
}

impl From<ScheduleError> for Error {
    fn from(error: ScheduleError) -> Self {
        Self::invalid("availability", error.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Error {
    /// What the database refuses by a trigger's word is what the scheduler refuses.
    fn from(error: StoreError) -> Self {
        let conflict = match error.refusal() {
            Some("slot_taken") => Conflict::SlotTaken,
            Some("customer_overlap") => Conflict::CustomerOverlap,
            Some("session_full") => Conflict::SessionFull,
            Some("service_in_use") => Conflict::ServiceInUse,
            Some("rated_already") => Conflict::RatedAlready,
            Some("not_yours_to_rate") => return Self::NotYours,
            _ => match error {
                StoreError::NotFound => return Self::NotFound,
                error => return Self::Store(error),
            },
        };
        Self::Conflict(conflict)
    }
}

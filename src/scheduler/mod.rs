//! The scheduler: the only authority over appointments.
//!
//! Its heart is pure, without database and clock: the time is an argument everywhere. Around it stand the records, the
//! commands and what follows from each change, all behind one handle, [`Scheduler`].
//!
//! | file | what it decides |
//! |---|---|
//! | `status` | an appointment's states and the moves between them |
//! | `window` | when its room opens, closes, and for whom |
//! | `availability`, `expand` | when an expert can be booked, and which instants that are |
//! | `slots` | which starts are offered of a service |
//! | `explain` | why one is not |
//! | `interval`, `zone` | stretches of time, and zones' clocks |
//!
//! | file | what it does |
//! |---|---|
//! | `records`, `error` | appointments and seats as they are stored; why the scheduler says no |
//! | `change` | what every change brings with it: audit, live events, letters, webhooks |
//! | `services`, `hours` | what experts offer, and when |
//! | `offers`, `why` | the slots that follow from it, and why one is not among them |
//! | `directory` | experts as the public finds them |
//! | `booking/` | holds, requests, decisions, moves, cancellations, seats |
//! | `listing`, `diary`, `history` | appointments as their participants see them |
//! | `access/` | tokens, lobby, admission to rooms, extensions |
//! | `facts`, `quality` | what the media shows of a call |
//! | `reports/` | what is told of calls afterwards |
//! | `content/` | messages, files, notes and ratings of an appointment |
//! | `webhooks/`, `push`, `feeds` | who is told of what, and by which way |
//! | `privacy` | how long data is kept |
//! | `backoffice/` | what administrators see and do |
//! | `sweep`, `closing` | what time alone brings about; of a close, that it is told before |
//! | `board` | the rooms that are open now |

mod access;
mod availability;
mod backoffice;
mod board;
mod booking;
mod change;
mod closing;
mod conditions;
mod consent;
mod content;
mod diary;
mod directory;
mod error;
mod expand;
mod explain;
mod facts;
mod feeds;
mod handle;
mod history;
mod hours;
mod interval;
mod listing;
mod offers;
mod privacy;
mod push;
mod quality;
mod records;
mod reports;
mod services;
mod slots;
mod status;
mod sweep;
mod texts;
mod webhooks;
mod why;
mod window;
mod zone;

#[cfg(test)]
mod facts_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use access::{
    Applicant, Door, Extended, IssuedToken, JoinExplanation, JoinReason, LobbyEntry, ROOM_PREFIX, TRIAL_PREFIX,
    TRIAL_TIME, TokenRequest, WAITING_IS_HEARD_OF, WindowChange,
};
pub use availability::{
    DAY_END, DateException, Entry, ExceptionKind, MAX_EXCEPTIONS, MAX_NOTE, MAX_RULES, Schedule, ScheduleError,
    WeeklyRule,
};
pub use backoffice::{
    AuditCheck, AuditFilter, AuditRow, Branding, BrandingChanges, BrokenRow, Health, LiveRoom, Present, QueueHealth,
};
pub use booking::{
    Action, BookFor, BookingRequest, Correction, HOLD_TIME, Held, HoldRequest, MAX_EXTRA_SEATS, MAX_HOLDS, MAX_MESSAGE,
    MAX_NOTE_TO_EXPERT, Move, NewSeat, SeatChange, Wanted,
};
pub use change::{Kind, REMINDERS};
pub use consent::{Consent, NewConsent};
pub use content::{
    File, History, MAX_BODY, MAX_COMMENT, MAX_FILES, MAX_FILES_SIZE, MAX_NOTE_BODY, MAX_NOTES, Mark, Message,
    NewMessage, NewNote, NewRating, Note, NoteChanges, Rating, RatingFigures, StoredFile, Upload, Visibility,
    display_name,
};
pub use diary::Day;
pub use directory::{Choices, ExpertPage, ExpertSearch, FoundExpert, Profile, ProfileDraft};
pub use error::{CODES, Conflict, Denied, Error, UploadError};
pub use explain::{Explanation, Reason};
pub use facts::{CallFact, CallFactKind, ChatFact, ChatOperation, LeaveReason, Whose};
pub use feeds::{FEED_AHEAD, FEED_PAST, Feed, FeedEntry};
pub use handle::{EndReason, RoomControl, Scheduler, SchedulerSettings};
pub use history::{HistoryEntry, Who};
pub use hours::Hours;
pub use interval::{Interval, Intervals};
pub use listing::{AppointmentFilter, Detail, Side, Tense};
pub use offers::{HoursPreview, LONGEST_SEARCH, NextFree, OfferedSlot, OfferedSlots, SlotSearch};
pub use privacy::{Cleared, DataClass, MAX_KEEP_DAYS, RetentionPolicy};
pub use push::{MAX_SUBSCRIPTIONS, NewPushSubscription, PushKeys, PushSubscription};
pub use quality::{Assessment, Cause, Figures, assess};
pub use records::{Appointment, Approval, Lobby, Permissions, Proposal, Seat, SeatRole, UnknownWord};
pub use reports::{
    CallLog, CallLogFilter, CallSummary, CauseMinutes, QualityMinute, QualityReport, QualitySummary, StayQuality,
};
pub use services::{MAX_DESCRIPTION, MAX_SERVICES, MAX_TITLE, Service, ServiceDraft};
pub use slots::{
    MAX_BUFFER, MAX_CAPACITY, MAX_DURATION, MAX_HORIZON, MAX_NOTICE, MAX_STEP, MIN_DURATION, Offer, ServiceRules,
    ServiceRulesError, Shared, Slot, SlotLocal,
};
pub use status::{INITIAL, IllegalTransition, NoShow, Status, TRANSITIONS};
pub use webhooks::{
    Delivery, DeliveryFilter, DeliveryState, MAX_WEBHOOKS, NewWebhook, WEBHOOK_EVENTS, Webhook, WebhookChanges,
    new_webhook_secret,
};
pub use why::WhyNot;
pub use window::{
    CLOSE_WARNINGS, CloseAnchor, ExtendError, ExtensionRules, MAX_EXTENSION, MAX_MARGIN, Window, WindowOverrides,
    WindowRules, WindowRulesError, WindowState, minutes_left,
};
pub use zone::{Instants, UnknownZone, Zone};

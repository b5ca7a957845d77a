//! The scheduler: the only authority over appointments.
//!
//! What stands here is its pure heart, without database and clock: the time is an argument everywhere.
//!
//! | file | what it decides |
//! |---|---|
//! | `status` | an appointment's states and the moves between them |
//! | `window` | when its room opens, closes, and for whom |
//! | `availability`, `expand` | when an expert can be booked, and which instants that are |
//! | `slots` | which starts are offered of a service |
//! | `explain` | why one is not |
//! | `interval`, `zone` | stretches of time, and zones' clocks |

mod availability;
mod expand;
mod explain;
mod interval;
mod slots;
mod status;
mod window;
mod zone;

#[cfg(test)]
mod tests;

pub use availability::{
    DAY_END, DateException, Entry, ExceptionKind, MAX_EXCEPTIONS, MAX_NOTE, MAX_RULES, Schedule, ScheduleError,
    WeeklyRule,
};
pub use explain::{Explanation, Reason};
pub use interval::{Interval, Intervals};
pub use slots::{
    MAX_BUFFER, MAX_CAPACITY, MAX_DURATION, MAX_HORIZON, MAX_STEP, MIN_DURATION, Offer, ServiceRules,
    ServiceRulesError, Shared, Slot, SlotLocal,
};
pub use status::{INITIAL, IllegalTransition, NoShow, Status, TRANSITIONS};
pub use window::{
    CloseAnchor, ExtendError, ExtensionRules, MAX_MARGIN, Window, WindowOverrides, WindowRules, WindowRulesError,
    WindowState,
};
pub use zone::{Instants, UnknownZone, Zone};

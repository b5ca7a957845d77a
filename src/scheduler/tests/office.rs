//! A desk at which experts offer something.

use super::*;
use crate::ids::ServiceId;
pub(super) use crate::scheduler::testing::*;

/// A start on the Monday of [`START`] that experts offer.
pub(super) const TEN: &str = "2027-01-11T10:00:00Z";
/// That Monday.
pub(super) const MONDAY: (&str, &str) = ("2027-01-11T00:00:00Z", "2027-01-12T00:00:00Z");

impl Desk {
    /// Nobody offers anything yet. It is Sunday, nine o'clock.
    pub(super) fn empty() -> Self {
        let desk = Self::new();
        desk.sql("DELETE FROM services");
        desk
    }

    /// Both experts work from 9 to 17 o'clock UTC on every day.
    pub(super) async fn open() -> Self {
        let desk = Self::empty();
        for number in [8, 9] {
            let hours = Hours { weekly: daily("9:00", "17:00", "UTC"), exceptions: Vec::new() };
            desk.scheduler.replace_hours(admin(), person(number), hours, None).await.unwrap();
        }
        desk
    }

    /// A service of expert 8.
    pub(super) async fn service(&self, draft: ServiceDraft) -> ServiceId {
        self.scheduler.create_service(expert(8), person(8), draft).await.unwrap().id
    }
}

/// An hour of advice that the expert decides on, without notice.
pub(super) fn advice() -> ServiceDraft {
    ServiceDraft { min_notice_min: 0, ..draft(r#"{"title":"Advice","durationMin":60}"#) }
}

pub(super) fn draft(json: &str) -> ServiceDraft {
    serde_json::from_str(json).unwrap()
}

/// The word of a refusal.
pub(super) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.expect_err("a refusal").code()
}

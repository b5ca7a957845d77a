//! A desk at which experts offer something.

use super::*;
use crate::ids::{AppointmentId, ServiceId};
pub(super) use crate::scheduler::testing::*;
use crate::store::Actor;

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

pub(super) fn wish(service: ServiceId, starts_at: &str) -> HoldRequest {
    HoldRequest { service, starts_at: at(starts_at), tz: "Europe/Rome".into(), replaces: None }
}

pub(super) fn asking(service: ServiceId, starts_at: &str) -> BookingRequest {
    let wanted = Wanted::Start { service, starts_at: at(starts_at), tz: "Europe/Rome".into() };
    BookingRequest { wanted, note: "My knee hurts".into(), companions: Vec::new(), consent: None }
}

pub(super) fn holding(hold: &Appointment) -> BookingRequest {
    BookingRequest {
        wanted: Wanted::Hold(hold.id),
        note: "My knee hurts".into(),
        companions: Vec::new(),
        consent: None,
    }
}

pub(super) fn moved_to(starts_at: &str) -> Move {
    Move { starts_at: at(starts_at), message: "Sorry".into(), outside_hours: false }
}

impl Desk {
    pub(super) async fn hold(&self, customer: Actor, wish: HoldRequest) -> Result<Appointment, Error> {
        match self.scheduler.hold(customer, wish).await? {
            Held::Slot(hold) => Ok(*hold),
            Held::Session(slot) => panic!("a session: {slot:?}"),
        }
    }

    /// A pending appointment of customer 1 at ten.
    pub(super) async fn pending(&self, service: ServiceId) -> Appointment {
        self.scheduler.request(customer(1), asking(service, TEN)).await.unwrap()
    }

    /// An approved appointment of customer 1 at ten.
    pub(super) async fn agreed(&self, service: ServiceId) -> Appointment {
        let asked = self.pending(service).await;
        self.scheduler.approve(expert(8), asked.id, "Welcome", None).await.unwrap()
    }

    /// The appointment as it is.
    pub(super) async fn look(&self, id: AppointmentId) -> Appointment {
        self.scheduler.read(Actor::System, move |reader| Appointment::load(reader, id)).await.unwrap()
    }

    /// The clock goes forward to that moment.
    pub(super) fn go_to(&self, time: UnixTime) {
        assert!(time >= self.scheduler.now(), "clocks go forward only");
        self.clock.advance(time.since(self.scheduler.now()));
    }

    /// Who was written to since the last time: the kind of each letter and to whom it goes, in order.
    pub(super) fn letters(&self) -> Vec<String> {
        let text: Option<String> = self.value(
            "SELECT group_concat(letter, ',') FROM (SELECT json_extract(payload, '$.kind') || ' '
               || ltrim(substr(user_id, 25), '0') AS letter FROM outbox WHERE channel = 'mail'
               AND json_extract(payload, '$.kind') <> 'reminder' AND state = 'due' ORDER BY 1)",
        );
        self.sql("UPDATE outbox SET state = 'sent', done_at = 1 WHERE json_extract(payload, '$.kind') <> 'reminder' AND state = 'due'");
        text.map_or_else(Vec::new, |text| text.split(',').map(str::to_owned).collect())
    }

    /// How many reminders wait for somebody.
    pub(super) fn reminders(&self, user: u32) -> i64 {
        self.value(&format!(
            "SELECT count(*) FROM outbox WHERE user_id = '{}' AND state = 'due' AND json_extract(payload, '$.kind') = 'reminder'",
            person(user)
        ))
    }

    /// What the audit log has of appointments.
    pub(super) fn audited(&self) -> String {
        self.value("SELECT group_concat(substr(action, 13), ' ') FROM audit_log WHERE action LIKE 'appointment.%'")
    }
}

//! Why a start is not offered, from what is stored.

use std::time::Duration;

use jiff::civil::DateTime;
use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use super::hours::schedule;
use super::offers::{Ground, own_overlap, zone};
use super::services::{Service, manages};
use super::{Error, Explanation, Instants, Interval, Reason, Schedule, Scheduler};
use crate::ids::{AppointmentId, ServiceId};
use crate::store::Actor;
use crate::units::UnixTime;

/// Explanations look this far for hours and starts that are near.
const AROUND: Duration = Duration::from_secs(63 * 24 * 3600);

/// What stands against one start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhyNot {
    /// The start and every reason; none if it is offered.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// An appointment of the caller's at that time, which stands in the way of booking it as well.
    pub own_appointment: Option<AppointmentId>,
}

impl Scheduler {
    /// Why a start of a service is not offered. Nobody is named who has it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a service that is not offered, unless it is the caller's own.
    pub async fn explain(&self, actor: Actor, service: ServiceId, starts_at: UnixTime) -> Result<WhyNot, Error> {
        let now = self.now();
        self.read(actor, move |reader| {
            let service = Service::load(reader, service)?;
            let ground = around(reader, &service, starts_at, now)?;
            let reasons = ground.offer().explain(starts_at, now);
            told(reader, actor, &service, Explanation { starts_at: Some(starts_at), reasons })
        })
        .await
    }

    /// As [`Self::explain`] for a time on a clock: two answers where the clock shows it twice.
    ///
    /// # Errors
    ///
    /// As [`Self::explain`], and [`Error::Invalid`] for an unknown zone.
    pub async fn explain_local(
        &self,
        actor: Actor,
        service: ServiceId,
        local: DateTime,
        tz: &str,
    ) -> Result<Vec<WhyNot>, Error> {
        let now = self.now();
        let zone = zone("tz", tz)?;
        self.read(actor, move |reader| {
            let service = Service::load(reader, service)?;
            let near = match zone.instants(local) {
                Instants::Once(at) | Instants::Twice(at, _) | Instants::Never { at, .. } => at,
                Instants::Beyond => return Err(Error::invalid("local", "no calendar goes that far")),
            };
            let ground = around(reader, &service, near, now)?;
            let explained = ground.offer().explain_local(local, &zone, now).into_iter();
            explained.map(|explanation| told(reader, actor, &service, explanation)).collect()
        })
        .await
    }
}

/// What has to be known to explain a start, and one up to a day later: no clock goes back further.
fn around(connection: &Connection, service: &Service, starts_at: UnixTime, now: UnixTime) -> Result<Ground, Error> {
    let near = Interval::new(starts_at, starts_at.plus(Duration::from_secs(24 * 3600)));
    let ground = Ground::load(connection, service, near, now, None)?;
    Ok(ground.under(hours_around(connection, service, starts_at)?))
}

/// The hours far around a start.
pub(super) fn hours_around(connection: &Connection, service: &Service, starts_at: UnixTime) -> Result<Schedule, Error> {
    schedule(connection, service.expert_id, Interval::new(starts_at.minus(AROUND), starts_at.plus(AROUND)))
}

fn told(
    connection: &Connection,
    actor: Actor,
    service: &Service,
    mut explanation: Explanation,
) -> Result<WhyNot, Error> {
    if !manages(actor, service.expert_id) {
        explanation.reasons = explanation.reasons.into_iter().map(Reason::without_note).collect();
    }
    let own_appointment = match (explanation.starts_at, actor.user()) {
        (Some(starts_at), Some(user)) => own_overlap(connection, user, service.rules().consultation(starts_at), None)?,
        _ => None,
    };
    Ok(WhyNot { explanation, own_appointment })
}

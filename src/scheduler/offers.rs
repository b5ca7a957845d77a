//! Which slots are offered, from what is stored. Anybody may ask: the search sees when experts are not free, and
//! neither why nor for whom.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use utoipa::ToSchema;

use super::hours::{Hours, schedule, tried};
use super::records::Appointment;
use super::services::{Service, manages};
use super::{Error, Interval, Intervals, Offer, Schedule, Scheduler, ServiceRules, Shared, Slot, SlotLocal, Zone};
use crate::ids::{AppointmentId, ServiceId, UserId};
use crate::store::{Actor, RowExt};
use crate::units::UnixTime;

/// The longest range that is searched at once.
pub const LONGEST_SEARCH: Duration = Duration::from_secs(62 * 24 * 3600);
/// The longest block of an appointment with its buffers, as the database has it.
const LONGEST_BLOCK: Duration = Duration::from_secs(24 * 3600);
/// Services of one expert that are looked at for the next free slot.
const SERVICES_LOOKED_AT: u32 = 50;
/// Where the next free slot is looked for first; nearly always it is there.
const FIRST_LOOK: Duration = Duration::from_secs(7 * 24 * 3600);

/// What somebody wants to book, and when about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSearch {
    /// Which service.
    pub service: ServiceId,
    /// In which range starts are looked for, at most [`LONGEST_SEARCH`].
    pub range: Interval,
    /// The zone in which whoever asks reads a clock.
    pub tz: String,
    /// An appointment that is to be moved: its own time does not stand in its way.
    pub moving: Option<AppointmentId>,
}

/// A slot with the time that a clock shows at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferedSlot {
    /// The slot.
    #[serde(flatten)]
    pub slot: Slot,
    /// As whoever asked reads it.
    pub local: SlotLocal,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferedSlots {
    /// The service.
    pub service: Service,
    /// The zone of the local times, as the database of zones writes it.
    pub tz: String,
    /// The slots in their order.
    pub slots: Vec<OfferedSlot>,
}

/// The next time that an expert can be booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextFree {
    /// For which service.
    pub service: ServiceId,
    /// When.
    #[serde(flatten)]
    pub slot: Slot,
}

/// What hours that are not stored yet would mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoursPreview {
    /// When the expert could be booked.
    pub open: Vec<Interval>,
    /// The slots of the service that was asked for, as customers would see them.
    pub slots: Vec<OfferedSlot>,
}

impl Scheduler {
    /// The slots of a service.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a service that is not offered, unless it is the caller's own; [`Error::Invalid`] for a
    /// range that is empty or too long, or an unknown zone.
    pub async fn slots(&self, actor: Actor, search: SlotSearch) -> Result<OfferedSlots, Error> {
        let now = self.now();
        check_range(search.range)?;
        let zone = zone("tz", &search.tz)?;
        self.read(actor, move |reader| {
            let service = Service::load(reader, search.service)?;
            let moving = match search.moving {
                Some(id) => Some(Appointment::load(reader, id)?),
                None => None,
            };
            let ground = Ground::load(reader, &service, search.range, now, moving.as_ref())?;
            let slots = localised(ground.offer().slots(search.range, now), &zone);
            Ok(OfferedSlots { service, tz: zone.name().to_owned(), slots })
        })
        .await
    }

    /// The next slot that an expert offers of any service, within [`LONGEST_SEARCH`].
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn next_free(&self, actor: Actor, expert: UserId) -> Result<Option<NextFree>, Error> {
        let now = self.now();
        self.read(actor, move |reader| next_free(reader, expert, now)).await
    }

    /// What hours would mean that are not stored yet, for the expert and for administrators.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`]; [`Error::NotFound`] for another's service; [`Error::Invalid`].
    pub async fn preview_hours(
        &self,
        actor: Actor,
        expert: UserId,
        hours: Hours,
        service: Option<ServiceId>,
        range: Interval,
        tz: &str,
    ) -> Result<HoursPreview, Error> {
        let now = self.now();
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        check_range(range)?;
        let zone = zone("tz", tz)?;
        let schedule = tried(hours)?;
        self.read(actor, move |reader| {
            let open = schedule.open(range).as_slice().to_vec();
            let Some(service) = service else { return Ok(HoursPreview { open, slots: Vec::new() }) };
            let service = Service::load(reader, service)?;
            if service.expert_id != expert {
                return Err(Error::NotFound);
            }
            let ground = Ground::load(reader, &service, range, now, None)?.under(schedule);
            Ok(HoursPreview { open, slots: localised(ground.offer().slots(range, now), &zone) })
        })
        .await
    }
}

/// All that decides over the slots of one service in a range of time.
pub(super) struct Ground {
    pub(super) schedule: Schedule,
    pub(super) rules: ServiceRules,
    busy: Intervals,
    shared: Vec<Shared>,
}

impl Ground {
    /// Reads it for starts in `range`, as anybody may know it. `moving` does not stand in its own way, and takes as
    /// long as it was booked for.
    pub(super) fn load(
        connection: &Connection,
        service: &Service,
        range: Interval,
        now: UnixTime,
        moving: Option<&Appointment>,
    ) -> Result<Self, Error> {
        let mut rules = service.rules();
        if let Some(moving) = moving {
            rules.duration = moving.ends_at.since(moving.starts_at);
            rules.buffer_before = moving.starts_at.since(moving.busy_from);
            rules.buffer_after = moving.busy_to.since(moving.ends_at);
        }
        let reach = Interval::new(rules.block(range.from).from, rules.block(range.to).to);
        let schedule = schedule(connection, service.expert_id, reach)?;
        let mut busy = busy(connection, service.expert_id, reach, now)?;
        if let Some(moving) = moving.filter(|moving| moving.status.is_active()) {
            // Of one expert no two blocks are alike.
            busy.retain(|block| *block != Interval::new(moving.busy_from, moving.busy_to));
        }
        // Whoever moves an appointment cannot move it into another's session.
        let shared =
            if rules.capacity > 1 && moving.is_none() { sessions(connection, service, range)? } else { Vec::new() };
        Ok(Self { schedule, rules, busy: Intervals::separate(busy), shared })
    }

    /// The same with other hours.
    pub(super) fn under(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// A session that starts then and has a seat left.
    pub(super) fn session_at(&self, starts_at: UnixTime) -> Option<Slot> {
        let here = self.shared.iter().filter(|session| session.starts_at == starts_at && session.seats_left > 0);
        here.max_by_key(|session| session.seats_left).map(Slot::from)
    }

    pub(super) fn offer(&self) -> Offer<'_> {
        Offer { schedule: &self.schedule, rules: &self.rules, busy: &self.busy, shared: &self.shared }
    }
}

/// What is taken of an expert's time. A hold that has lapsed takes nothing, whether it was swept away or not.
fn busy(connection: &Connection, expert: UserId, range: Interval, now: UnixTime) -> Result<Vec<Interval>, Error> {
    let sql = "SELECT busy_from, busy_to FROM public_busy WHERE expert_id = ?1 AND busy_from > ?2 AND busy_from < ?3
        AND busy_to > ?4 AND (lapses_at IS NULL OR lapses_at > ?5) ORDER BY busy_from";
    let mut statement = connection.prepare_cached(sql)?;
    // No block is longer than a day, so a day back is far enough to look.
    let params = (expert, range.from.minus(LONGEST_BLOCK).0, range.to.0, range.from.0, now.0);
    let rows = statement.query_map(params, |row| Ok(Interval::new(row.time(0)?, row.time(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sessions of a service that start in a range of time.
fn sessions(connection: &Connection, service: &Service, range: Interval) -> Result<Vec<Shared>, Error> {
    let sql = "SELECT starts_at, ends_at, seats_left FROM public_sessions
        WHERE expert_id = ?1 AND service_id = ?2 AND starts_at >= ?3 AND starts_at < ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map((service.expert_id, service.id, range.from.0, range.to.0), |row| {
        let seats_left = row.get::<_, i64>(2)?.max(0) as u32;
        Ok(Shared { starts_at: row.time(0)?, ends_at: row.time(1)?, seats_left })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The next slot that an expert offers of any service.
pub(super) fn next_free(connection: &Connection, expert: UserId, now: UnixTime) -> Result<Option<NextFree>, Error> {
    let services: Vec<Service> = {
        let sql = "SELECT * FROM my_services WHERE expert_id = ?1 AND active = 1 ORDER BY id LIMIT ?2";
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_map((expert, SERVICES_LOOKED_AT), Service::from_row)?.collect::<Result<_, _>>()?
    };
    if services.is_empty() {
        return Ok(None);
    }
    for (from, to) in [(now, now.plus(FIRST_LOOK)), (now.plus(FIRST_LOOK), now.plus(LONGEST_SEARCH))] {
        // Hours and bookings are the expert's; all services look at the same.
        let reach = Interval::new(from.minus(LONGEST_BLOCK), to.plus(LONGEST_BLOCK));
        let schedule = schedule(connection, expert, reach)?;
        let busy = Intervals::separate(busy(connection, expert, reach, now)?);
        let mut next: Option<NextFree> = None;
        for service in &services {
            // Nothing later than what another service has is of interest.
            let to = next.as_ref().map_or(to, |next| next.slot.starts_at);
            let (rules, range) = (service.rules(), Interval::new(from, to));
            let range = range.clip(rules.bookable(now));
            if range.is_empty() {
                continue;
            }
            let shared = if rules.capacity > 1 { sessions(connection, service, range)? } else { Vec::new() };
            let offer = Offer { schedule: &schedule, rules: &rules, busy: &busy, shared: &shared };
            if let Some(slot) = offer.slots(range, now).first() {
                next = Some(NextFree { service: service.id, slot: *slot });
            }
        }
        if next.is_some() {
            return Ok(next);
        }
    }
    Ok(None)
}

/// Another appointment in which somebody is a customer at that time.
pub(super) fn own_overlap(
    connection: &Connection,
    user: UserId,
    span: Interval,
    but: Option<AppointmentId>,
) -> Result<Option<AppointmentId>, Error> {
    let sql = "SELECT a.id FROM my_seats s JOIN my_appointments a ON a.id = s.appointment_id
        WHERE s.user_id = ?1 AND s.role = 'client' AND s.removed_at IS NULL AND a.starts_at < ?2 AND a.ends_at > ?3
          AND a.status IN ('hold', 'pending', 'approved', 'in_progress') AND a.id IS NOT ?4 LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row((user, span.to.0, span.from.0, but), |row| row.get(0)).optional()?)
}

fn localised(slots: Vec<Slot>, zone: &Zone) -> Vec<OfferedSlot> {
    slots.into_iter().map(|slot| OfferedSlot { slot, local: slot.local(zone) }).collect()
}

/// A zone by its name.
pub(super) fn zone(field: &'static str, name: &str) -> Result<Zone, Error> {
    Zone::named(name).map_err(|error| Error::invalid(field, error.to_string()))
}

fn check_range(range: Interval) -> Result<(), Error> {
    if range.is_empty() {
        return Err(Error::invalid("to", "the range ends before it begins"));
    }
    if range.to.since(range.from) > LONGEST_SEARCH {
        return Err(Error::invalid("to", "the range has at most 62 days"));
    }
    Ok(())
}

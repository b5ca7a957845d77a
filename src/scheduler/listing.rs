//! Appointments as those see them who have a part in them.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::booking::{Action, Part, Standing, actions};
use super::conditions::{Conditions, number, text};
use super::consent::{Consent, consents};
use super::content::{MOST, Mark};
use super::records::{Appointment, Seat, SeatRole};
use super::{Error, Scheduler, Status, Window, WindowRules};
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::store::{Actor, Reader};
use crate::units::UnixTime;

/// Before or behind us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// What will take place, or takes place, or is asked for; the next first.
    Upcoming,
    /// What is over, or came to nothing; the latest first.
    Past,
}

/// What the caller is in an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its expert.
    Expert,
    /// Who has booked it, or has a seat in it.
    Participant,
}

/// Which appointments are asked for; nothing stands for all. Without a [`Tense`] the next come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppointmentFilter {
    /// In one of these states. Holds are listed only where they are named.
    pub statuses: Vec<Status>,
    /// Before or behind us.
    pub tense: Option<Tense>,
    /// Starting then or later.
    pub from: Option<UnixTime>,
    /// Starting before then.
    pub to: Option<UnixTime>,
    /// In which the caller is this; administrators ask by `expert` and `customer`.
    pub side: Option<Side>,
    /// Of that expert.
    pub expert: Option<UserId>,
    /// Booked by that customer.
    pub customer: Option<UserId>,
}

/// One appointment with all that the caller may know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// The appointment.
    pub appointment: Appointment,
    /// When its room is open.
    pub window: Window,
    /// The seats, the host's first. In a group a customer sees none of other customers; only the expert and
    /// administrators see those that were taken away or given up.
    pub seats: Vec<Seat>,
    /// How many customers have a seat.
    pub customers: u32,
    /// The caller's own seat.
    pub own: Option<Seat>,
    /// The caller is the expert, or an administrator in the expert's stead.
    pub runs: bool,
    /// The address of each seat's holder, where one is known; for whoever runs it.
    pub contacts: Vec<(SeatId, String)>,
    /// What each seat's holder has agreed to, as far as the caller may know; not in lists.
    pub consents: Vec<(SeatId, Consent)>,
    /// What the caller can do with it now.
    pub actions: Vec<Action>,
}

impl Detail {
    /// The place of this appointment in a list.
    pub fn mark(&self) -> Mark<AppointmentId> {
        Mark { at: self.appointment.starts_at.0, id: self.appointment.id }
    }

    /// What the actor may know of an appointment that the actor sees, but for addresses.
    fn of(
        reader: &Reader<'_>,
        actor: Actor,
        appointment: Appointment,
        rules: &WindowRules,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let all = Seat::of_appointment(reader, appointment.id)?;
        let standing = Standing::among(appointment, &all, actor)?;
        let is_client = |seat: &&Seat| seat.role == SeatRole::Client && seat.removed_at.is_none();
        let customers = all.iter().filter(is_client).count();
        let actions = actions(reader, &standing, customers, rules, now)?;
        let (runs, appointment) = (standing.runs(), standing.appointment);
        let own = match standing.part {
            Part::Expert => all.iter().find(|seat| seat.role == SeatRole::Host).cloned(),
            Part::Customer(seat) | Part::Attendee(seat) => Some(seat),
            Part::Past | Part::Admin => None,
        };
        let group = appointment.capacity > 1;
        let shown = |seat: &Seat| {
            let other = own.as_ref().is_none_or(|own| own.id != seat.id);
            runs || !other || (seat.removed_at.is_none() && !(group && seat.role == SeatRole::Client))
        };
        let seats = all.into_iter().filter(shown).collect();
        let (window, customers) = (appointment.window(rules), customers as u32);
        let (contacts, consents) = (Vec::new(), Vec::new());
        Ok(Self { appointment, window, seats, customers, own, runs, contacts, consents, actions })
    }
}

impl Scheduler {
    /// The caller's appointments, of administrators everybody's, in pieces.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for somebody without a session.
    pub async fn appointments(
        &self,
        actor: Actor,
        filter: AppointmentFilter,
        after: Option<Mark<AppointmentId>>,
        limit: usize,
    ) -> Result<Vec<Detail>, Error> {
        let (now, rules, limit) = (self.now(), self.inner.settings.window, limit.min(MOST));
        if matches!(actor, Actor::Anonymous) {
            return Err(Error::NotYours);
        }
        let details = self.read(actor, move |reader| {
            let mut found = Vec::new();
            for (condition, values) in sources(actor, &filter) {
                found.extend(ask(reader, &filter, condition, values, after, limit)?);
            }
            let past = filter.tense == Some(Tense::Past);
            found.sort_by_key(|it: &Appointment| (it.starts_at, it.id));
            if past {
                found.reverse();
            }
            found.dedup_by_key(|it| it.id);
            found.truncate(limit);
            found.into_iter().map(|it| Detail::of(reader, actor, it, &rules, now)).collect()
        });
        self.with_contacts(details.await?).await
    }

    /// One appointment.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn appointment(&self, actor: Actor, id: AppointmentId) -> Result<Detail, Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        let detail = self.read(actor, move |reader| {
            let appointment = Appointment::load(reader, id)?;
            let mut detail = Detail::of(reader, actor, appointment, &rules, now)?;
            detail.consents = consents(reader, id)?;
            Ok(detail)
        });
        self.with_contacts(vec![detail.await?]).await?.pop().ok_or(Error::NotFound)
    }

    /// Adds the addresses in those of the appointments that the caller runs.
    async fn with_contacts(&self, mut details: Vec<Detail>) -> Result<Vec<Detail>, Error> {
        if !details.iter().any(|detail| detail.runs) {
            return Ok(details);
        }
        self.read(Actor::System, move |reader| {
            for detail in details.iter_mut().filter(|detail| detail.runs) {
                detail.contacts = contacts(reader, detail.appointment.id)?;
            }
            Ok(details)
        })
        .await
    }
}

/// The addresses of seats' holders that are known.
fn contacts(reader: &Reader<'_>, id: AppointmentId) -> Result<Vec<(SeatId, String)>, Error> {
    let sql = "SELECT s.id, coalesce(u.email, s.guest_email) AS email
        FROM system_seats s LEFT JOIN system_users u ON u.id = s.user_id
        WHERE s.appointment_id = ?1 AND coalesce(u.email, s.guest_email) IS NOT NULL";
    let mut statement = reader.prepare_cached(sql)?;
    Ok(statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Where the caller's appointments are found: each source has an index that gives them in their order.
fn sources(actor: Actor, filter: &AppointmentFilter) -> Vec<(&'static str, Vec<Value>)> {
    const SEATED: &str = "id IN (SELECT appointment_id FROM my_seats WHERE user_id = ? AND role <> 'host'
        AND removed_at IS NULL)";
    match actor {
        Actor::User(user, _) if !actor.is_admin() => {
            let of_expert = ("expert_id = ?", vec![text(user)]);
            let others = [("customer_id = ?", vec![text(user)]), (SEATED, vec![text(user)])];
            match filter.side {
                Some(Side::Expert) => vec![of_expert],
                Some(Side::Participant) => others.into(),
                None => [of_expert].into_iter().chain(others).collect(),
            }
        }
        Actor::Guest(seat) => vec![("id = (SELECT appointment_id FROM my_seats WHERE id = ?)", vec![text(seat)])],
        _ => vec![("starts_at IS NOT NULL", Vec::new())],
    }
}

fn ask(
    connection: &Connection,
    filter: &AppointmentFilter,
    source: &str,
    values: Vec<Value>,
    after: Option<Mark<AppointmentId>>,
    limit: usize,
) -> Result<Vec<Appointment>, Error> {
    let past = filter.tense == Some(Tense::Past);
    let mut conditions = Conditions::default();
    conditions.and(source, values);
    if !filter.statuses.is_empty() {
        let marks = vec!["?"; filter.statuses.len()].join(", ");
        conditions.and(&format!("status IN ({marks})"), filter.statuses.iter().map(text));
    }
    if !filter.statuses.contains(&Status::Hold) {
        // A hold that was given back or has lapsed is nobody's past; what became of one has it no more.
        conditions.and("hold_expires_at IS NULL", []);
    }
    match filter.tense {
        Some(Tense::Upcoming) => conditions.and("status IN ('hold', 'pending', 'approved', 'in_progress')", []),
        Some(Tense::Past) => conditions.and("status NOT IN ('hold', 'pending', 'approved', 'in_progress')", []),
        None => {}
    }
    let time = |time: UnixTime| [number(time.0)];
    if let Some(from) = filter.from {
        conditions.and("starts_at >= ?", time(from));
    }
    if let Some(to) = filter.to {
        conditions.and("starts_at < ?", time(to));
    }
    conditions.and_some("expert_id = ?", filter.expert);
    conditions.and_some("customer_id = ?", filter.customer);
    if let Some(mark) = after {
        let condition = if past { "(starts_at, id) < (?, ?)" } else { "(starts_at, id) > (?, ?)" };
        conditions.and(condition, [number(mark.at), text(mark.id)]);
    }
    let order = if past { "ORDER BY starts_at DESC, id DESC" } else { "ORDER BY starts_at, id" };
    let rest = format!("{order} LIMIT {limit}");
    conditions.query(connection, "SELECT * FROM my_appointments", &rest, Appointment::from_row)
}

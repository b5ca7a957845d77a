//! Seats beside those of the two sides: interpreters, observers, others who are advised. They come at booking or
//! while the call goes on, with permissions of their own.

use rusqlite::OptionalExtension;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::cancel::leave;
use super::group::{check_open, vacate};
use super::{Part, Standing, clients, touch};
use crate::accounts::Email;
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, Permissions, Seat, SeatRole};
use crate::scheduler::{Error, Scheduler, texts};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// The most seats of an appointment that are not customers' or the expert's, those that were taken away included.
pub const MAX_EXTRA_SEATS: usize = 100;
/// The most that a customer brings along.
const MAX_COMPANIONS: usize = 5;
/// The longest name of a guest, in characters.
const MAX_NAME: usize = 200;

/// Whom to give a seat to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSeat {
    /// Address. Whoever has an account by it gets the seat as that account.
    #[serde(default)]
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// Name of a guest.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// What for; anything but `host`.
    pub role: SeatRole,
    /// What may be published; as the role has it if left out.
    #[serde(default)]
    pub permissions: Option<Permissions>,
}

/// What becomes of a seat; what is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeatChange {
    /// Anything but `host`.
    #[serde(default)]
    pub role: Option<SeatRole>,
    /// What may be published.
    #[serde(default)]
    pub permissions: Option<Permissions>,
}

impl Scheduler {
    /// Gives somebody a seat, before the call or during it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but the expert and administrators, [`Error::Stale`],
    /// [`super::super::Conflict::NotJoinable`] for what is over, [`super::super::Conflict::SessionFull`],
    /// [`super::super::Conflict::CustomerOverlap`], [`Error::Invalid`].
    pub async fn add_seat(
        &self,
        actor: Actor,
        id: AppointmentId,
        new: NewSeat,
        expected: Option<i64>,
    ) -> Result<Seat, Error> {
        let now = self.now();
        self.write(move |tx| {
            let appointment = Standing::running(tx, actor, id, expected)?.appointment;
            check_open(&appointment)?;
            let person = find(tx, &new, true)?;
            add(tx, actor, &appointment, person, &new, now)
        })
        .await
    }

    /// Changes what somebody may in an appointment; who is in the call notices at once.
    ///
    /// # Errors
    ///
    /// As [`Self::add_seat`].
    pub async fn change_seat(
        &self,
        actor: Actor,
        seat: SeatId,
        change: SeatChange,
        expected: Option<i64>,
    ) -> Result<Seat, Error> {
        let now = self.now();
        let (appointment, after) = self
            .write(move |tx| {
                let before = Seat::load(tx, seat)?;
                let appointment = Standing::running(tx, actor, before.appointment_id, expected)?.appointment;
                check_open(&appointment)?;
                if before.removed_at.is_some() {
                    return Err(Error::NotFound);
                }
                let role = change.role.unwrap_or(before.role);
                if (role == SeatRole::Host) != (before.role == SeatRole::Host) {
                    return Err(Error::invalid("role", "the host is the expert, and nobody else"));
                }
                if before.role == SeatRole::Client && role != SeatRole::Client {
                    keeps_a_client(tx, &before)?;
                }
                let may = change.permissions.unwrap_or(match change.role {
                    Some(role) if role != before.role => Permissions::of(role),
                    _ => before.permissions,
                });
                write(tx, seat, role, may)?;
                let (appointment, after) = (touch(tx, appointment.id, now)?, Seat::load(tx, seat)?);
                let detail = json!({
                    "seatId": seat, "userId": after.user_id, "name": after.name, "role": role, "permissions": may,
                });
                Change::new(Kind::SeatChanged, &appointment, actor).detail(detail).record(tx, now)?;
                Ok((appointment, after))
            })
            .await?;
        if let (Some(rooms), Some(room)) = (self.rooms(), &appointment.meeting_room_name) {
            rooms.permit(room, &seat.to_string(), after.permissions);
        }
        Ok(after)
    }

    /// Takes a seat away; who is in the call is sent out of it. Whoever only attends can give up the own seat the
    /// same way; customers do by [`Scheduler::cancel`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`], [`Error::Stale`], [`super::super::Conflict::NotJoinable`] for what is
    /// over, [`Error::Invalid`] for the expert's own seat and for that of the only customer before the room opens:
    /// that is a cancellation.
    pub async fn remove_seat(&self, actor: Actor, seat: SeatId, expected: Option<i64>) -> Result<(), Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        let (appointment, before) = self
            .write(move |tx| {
                let before = Seat::load(tx, seat)?;
                let standing = Standing::of(tx, actor, before.appointment_id)?;
                let own = matches!(&standing.part, Part::Attendee(own) if own.id == seat);
                if !standing.runs() && !own {
                    return Err(Error::NotYours);
                }
                let appointment = standing.seen(expected)?.appointment;
                check_open(&appointment)?;
                if before.removed_at.is_some() {
                    return Err(Error::NotFound);
                }
                if before.role == SeatRole::Host {
                    return Err(Error::invalid("seat", "the expert's seat goes with the appointment"));
                }
                if own {
                    return Ok((leave(tx, actor, appointment.id, &before, "", now)?, before));
                }
                if before.role == SeatRole::Client && now < appointment.window(&rules).opens {
                    keeps_a_client(tx, &before)?;
                }
                vacate(tx, &before, now)?;
                let after = touch(tx, appointment.id, now)?;
                let detail = json!({
                    "seatId": seat, "userId": before.user_id, "name": before.name, "role": before.role,
                });
                Change::new(Kind::SeatRemoved, &after, actor).detail(detail).record(tx, now)?;
                Ok((after, before))
            })
            .await?;
        self.send_away(&appointment, &before);
        Ok(())
    }
}

/// Who a seat is for.
enum Person {
    Account(UserId),
    Guest { name: String, email: Option<String> },
}

/// Seats of those who come along from the beginning, and the appointment with them. A customer brings guests, who
/// interpret or observe: whether somebody has an account here is not for customers to find out.
pub(super) fn add_all(
    tx: &mut Tx<'_>,
    actor: Actor,
    appointment: Appointment,
    companions: &[NewSeat],
    now: UnixTime,
) -> Result<Appointment, Error> {
    let runs = actor.is_admin() || actor.user() == Some(appointment.expert_id);
    if companions.len() > MAX_COMPANIONS {
        return Err(Error::invalid("companions", format!("there are at most {MAX_COMPANIONS}")));
    }
    if companions.is_empty() {
        return Ok(appointment);
    }
    for new in companions {
        if !runs && (!matches!(new.role, SeatRole::Observer | SeatRole::Interpreter) || new.permissions.is_some()) {
            return Err(Error::invalid("companions", "who comes along interprets or observes"));
        }
        let person = find(tx, new, runs)?;
        add(tx, actor, &appointment, person, new, now)?;
    }
    Appointment::load(tx, appointment.id)
}

fn find(tx: &Tx<'_>, new: &NewSeat, accounts: bool) -> Result<Person, Error> {
    let email = new.email.as_deref().map(str::trim).filter(|email| !email.is_empty()).map(str::parse::<Email>);
    let email = email.transpose().map_err(|error| Error::invalid("email", error.to_string()))?;
    if let Some(email) = email.as_ref().filter(|_| accounts) {
        let sql = "SELECT id FROM users WHERE email = ?1 AND status = 'active'";
        if let Some(user) = tx.prepare_cached(sql)?.query_row([email.as_str()], |row| row.get(0)).optional()? {
            return Ok(Person::Account(user));
        }
    }
    let Some(name) = &new.name else {
        return Err(Error::invalid("name", "nobody here has this address: a guest needs a name"));
    };
    Ok(Person::Guest { name: texts::line("name", name, MAX_NAME)?, email: email.map(|email| email.to_string()) })
}

fn add(
    tx: &mut Tx<'_>,
    actor: Actor,
    appointment: &Appointment,
    person: Person,
    new: &NewSeat,
    now: UnixTime,
) -> Result<Seat, Error> {
    if new.role == SeatRole::Host {
        return Err(Error::invalid("role", "the host is the expert, and nobody else"));
    }
    let seats = Seat::of_appointment(tx, appointment.id)?;
    if seats.len() >= MAX_EXTRA_SEATS + 1 + appointment.capacity as usize {
        return Err(Error::invalid("role", "an appointment has no more seats than these"));
    }
    let may = new.permissions.unwrap_or(Permissions::of(new.role));
    let id = match person {
        Person::Account(user) => match seats.iter().find(|seat| seat.user_id == Some(user)) {
            Some(seat) if seat.removed_at.is_none() => {
                return Err(Error::invalid("email", "this person has a seat already"));
            }
            Some(seat) => {
                write(tx, seat.id, new.role, may)?;
                tx.prepare_cached("UPDATE seats SET removed_at = NULL, admitted_at = NULL WHERE id = ?1")?
                    .execute([seat.id])?;
                seat.id
            }
            None => insert(tx, actor, appointment.id, Some(user), None, None, (new.role, may), now)?,
        },
        Person::Guest { name, email } => {
            insert(tx, actor, appointment.id, None, Some(name), email, (new.role, may), now)?
        }
    };
    let (after, seat) = (touch(tx, appointment.id, now)?, Seat::load(tx, id)?);
    let detail = json!({ "seatId": id, "userId": seat.user_id, "name": seat.name, "role": seat.role });
    Change::new(Kind::SeatAdded, &after, actor).detail(detail).record(tx, now)?;
    Ok(seat)
}

#[allow(clippy::too_many_arguments, reason = "the columns of a row")]
fn insert(
    tx: &mut Tx<'_>,
    actor: Actor,
    appointment: AppointmentId,
    user: Option<UserId>,
    guest_name: Option<String>,
    guest_email: Option<String>,
    (role, may): (SeatRole, Permissions),
    now: UnixTime,
) -> Result<SeatId, Error> {
    let id = SeatId::new(now, tx.rng());
    tx.prepare_cached(
        "INSERT INTO seats (id, appointment_id, user_id, guest_name, guest_email, role, publish_audio, publish_video,
           publish_screen, publish_data, invited_by, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        id,
        appointment,
        user,
        guest_name,
        guest_email,
        role.as_str(),
        may.audio,
        may.video,
        may.screen,
        may.data,
        actor.user(),
        now.0,
    ))?;
    Ok(id)
}

fn write(tx: &Tx<'_>, seat: SeatId, role: SeatRole, may: Permissions) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE seats SET role = ?2, publish_audio = ?3, publish_video = ?4, publish_screen = ?5, publish_data = ?6
         WHERE id = ?1",
    )?
    .execute((seat, role.as_str(), may.audio, may.video, may.screen, may.data))?;
    Ok(())
}

/// Without a customer there is no appointment.
fn keeps_a_client(tx: &Tx<'_>, seat: &Seat) -> Result<(), Error> {
    if clients(tx, seat.appointment_id)?.iter().any(|other| other.id != seat.id) {
        return Ok(());
    }
    Err(Error::invalid("seat", "without its only customer there is no appointment: cancel it"))
}

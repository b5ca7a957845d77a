//! What a row is about at the moment of sending: the appointment and its receiver as they are now; and whether there
//! is still anything to say.

use std::time::Duration;

use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension};

use crate::config::QuietHours;
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::notify::message::{Change, Message};
use crate::notify::templates::{Locale, Side};
use crate::scheduler::{Appointment, Error, Seat, SeatRole, Status};
use crate::store::StoreError;
use crate::units::UnixTime;

use super::lanes::Lane;
use super::rows::Row;

/// How long it is worth telling that somebody waits.
const WAITING: Duration = Duration::from_secs(5 * 60);

/// Everything that a message is made from.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) row: Row,
    pub(super) message: Message,
    pub(super) appointment: Option<Appointment>,
    pub(super) receiver: Receiver,
    /// The organisation's name, where one is set.
    pub(super) brand: Option<String>,
}

/// Who is to get it.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) user: Option<UserId>,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) locale: Locale,
    pub(super) zone: TimeZone,
    pub(super) phone: Option<String>,
    pub(super) reminders_by_mail: bool,
    pub(super) reminders_by_sms: bool,
    pub(super) quiet_hours: Option<QuietHours>,
    pub(super) side: Side,
    /// The seat in the appointment, where there is one.
    pub(super) role: Option<SeatRole>,
    pub(super) seated: bool,
}

/// What looking at a row has shown.
#[derive(Debug)]
pub(super) enum Found {
    /// It is not due any more.
    Nothing,
    /// There is nobody left to tell.
    Moot(&'static str),
    /// It is no message.
    Broken(&'static str),
    /// This is to be sent.
    Subject(Box<Subject>),
}

/// Looks at a row and at everything that it is about, in one state of the database.
pub(super) fn find(connection: &Connection, id: &str, now: UnixTime) -> Result<Found, StoreError> {
    let Some(row) = super::rows::load(connection, id, now)? else { return Ok(Found::Nothing) };
    // serde's own words would repeat parts of what may be a secret.
    let Ok(message) = serde_json::from_str::<Message>(&row.payload) else {
        return Ok(Found::Broken("this is no message that is known here"));
    };
    let appointment = match row.appointment {
        Some(id) => appointment(connection, id)?,
        None => None,
    };
    if message.needs_appointment() && appointment.is_none() {
        return Ok(Found::Broken("the message is about an appointment that is not there"));
    }
    let receiver = match row.user {
        Some(user) => account(connection, user, &message, appointment.as_ref())?,
        None => guest(connection, &message, appointment.as_ref())?,
    };
    let receiver = match receiver {
        Ok(receiver) => receiver,
        Err(why) => return Ok(Found::Moot(why)),
    };
    let brand = "SELECT value FROM public_settings WHERE key = 'branding.name'";
    let brand: Option<String> = connection.prepare_cached(brand)?.query_row([], |row| row.get(0)).optional()?;
    let brand = brand.filter(|name| !name.trim().is_empty());
    Ok(Found::Subject(Box::new(Subject { row, message, appointment, receiver, brand })))
}

fn appointment(connection: &Connection, id: AppointmentId) -> Result<Option<Appointment>, StoreError> {
    match Appointment::load(connection, id) {
        Ok(appointment) => Ok(Some(appointment)),
        Err(Error::Store(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

fn account(
    connection: &Connection,
    user: UserId,
    message: &Message,
    it: Option<&Appointment>,
) -> Result<Result<Receiver, &'static str>, StoreError> {
    let sql =
        "SELECT name, email, locale, tz, phone, reminders_by_mail, reminders_by_sms, quiet_from_min, quiet_to_min,
           status FROM system_users WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        let quiet = row.get::<_, Option<u16>>(7)?.zip(row.get::<_, Option<u16>>(8)?);
        let receiver = Receiver {
            user: Some(user),
            name: row.get(0)?,
            email: row.get(1)?,
            locale: Locale::of(&row.get::<_, String>(2)?),
            zone: zone(&row.get::<_, String>(3)?),
            phone: row.get(4)?,
            reminders_by_mail: row.get(5)?,
            reminders_by_sms: row.get(6)?,
            quiet_hours: quiet.map(|(from, until)| QuietHours { from, until }),
            side: if it.is_some_and(|it| it.expert_id == user) { Side::Expert } else { Side::Client },
            role: None,
            seated: false,
        };
        Ok((receiver, row.get::<_, String>(9)?))
    };
    let Some((mut receiver, status)) = connection.prepare_cached(sql)?.query_row([user], read).optional()? else {
        return Ok(Err("the account is not there"));
    };
    if status != "active" {
        return Ok(Err("the account is closed"));
    }
    if let Some(to) = message.addressee() {
        receiver.email = to.email.to_owned();
        receiver.name = to.name.to_owned();
    }
    if let Some(it) = it {
        match Seat::of_user(connection, it.id, user) {
            Ok(seat) => {
                receiver.role = Some(seat.role);
                receiver.seated = seat.removed_at.is_none();
            }
            Err(Error::Store(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Ok(receiver))
}

/// Somebody without an account: whom a guest's link is for, or who has a guest's seat. In the expert's language where
/// no other is known.
fn guest(
    connection: &Connection,
    message: &Message,
    it: Option<&Appointment>,
) -> Result<Result<Receiver, &'static str>, StoreError> {
    let Some(it) = it else { return Ok(Err("there is nobody to send it to")) };
    let sql = "SELECT locale FROM system_users WHERE id = ?1";
    let language: Option<String> =
        connection.prepare_cached(sql)?.query_row([it.expert_id], |row| row.get(0)).optional()?;
    let mut receiver = Receiver {
        user: None,
        name: String::new(),
        email: String::new(),
        locale: Locale::of(&language.unwrap_or_default()),
        zone: zone(&it.tz),
        phone: None,
        reminders_by_mail: true,
        reminders_by_sms: false,
        quiet_hours: None,
        side: Side::Client,
        role: None,
        seated: true,
    };
    if let Message::GuestInvitation(link) = message {
        receiver.name.clone_from(&link.name);
        receiver.email.clone_from(&link.email);
        if !link.locale.is_empty() {
            receiver.locale = Locale::of(&link.locale);
        }
        if !link.tz.is_empty() {
            receiver.zone = zone(&link.tz);
        }
        return Ok(Ok(receiver));
    }
    let Some(seat) = message.change().and_then(|change| change.seat) else {
        return Ok(Err("there is nobody to send it to"));
    };
    Ok(seat_of(connection, seat, it.id)?.map_or(Err("the guest has no address"), |(name, email, role, seated)| {
        Ok(Receiver { name, email, role: Some(role), seated, ..receiver })
    }))
}

type GuestSeat = (String, String, SeatRole, bool);

fn seat_of(connection: &Connection, seat: SeatId, it: AppointmentId) -> Result<Option<GuestSeat>, StoreError> {
    use crate::store::RowExt;
    let sql = "SELECT guest_name, guest_email, role, removed_at IS NULL FROM system_seats
         WHERE id = ?1 AND appointment_id = ?2 AND guest_email IS NOT NULL";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.word(2)?, row.get(3)?));
    Ok(connection.prepare_cached(sql)?.query_row((seat, it), read).optional()?)
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

impl Subject {
    /// Why there is nothing to say any more, if so: the appointment has gone on since the row was written, and another
    /// row tells of that.
    pub(super) fn moot(&self, lane: Lane, now: UnixTime) -> Option<&'static str> {
        const GONE_ON: &str = "the appointment has changed since";
        const OVER: &str = "its time is over";
        if let Message::MagicLink(link)
        | Message::PasswordReset(link)
        | Message::Invitation(link)
        | Message::VerifyEmail(link) = &self.message
        {
            return (link.expiry() <= now).then_some("the link works no more");
        }
        let it = self.appointment.as_ref()?;
        let stands = matches!(it.status, Status::Approved | Status::InProgress);
        let open = stands || it.status == Status::Pending;
        let upcoming = |fits: bool| match fits {
            false => Some(GONE_ON),
            true => (now >= it.ends_at).then_some(OVER),
        };
        let ended = |status: Status| (it.status != status).then_some(GONE_ON);
        // A later change of the time has a letter of its own.
        let current = |change: &Change| change.sequence.is_none_or(|sequence| sequence == it.ical_sequence);
        match &self.message {
            Message::Requested(_) | Message::RequestReceived(_) => upcoming(it.status == Status::Pending),
            Message::Approved(change) => upcoming(stands && self.receiver.seated && current(change)),
            Message::Rescheduled(change) => upcoming(open && self.receiver.seated && current(change)),
            Message::Proposed(_) => upcoming(open && it.proposal.is_some()),
            Message::ProposalDeclined(_) => upcoming(open && it.proposal.is_none()),
            Message::Joined(_) | Message::Left(_) => upcoming(open),
            Message::Rejected(_) => ended(Status::Rejected),
            Message::Cancelled(_) => ended(Status::Cancelled),
            Message::Expired(_) => ended(Status::Expired),
            Message::Completed(_) => ended(Status::Completed),
            Message::NoShow(_) => ended(Status::NoShow),
            Message::SeatAdded(_) => upcoming(open && self.receiver.seated),
            Message::SeatRemoved(_) => upcoming(!self.receiver.seated),
            Message::GuestInvitation(_) => upcoming(open),
            Message::Waiting(_) if now > self.row.created_at.plus(WAITING) => Some(OVER),
            Message::Waiting(_) => upcoming(stands),
            Message::Reminder(reminder) => {
                let wanted = match lane {
                    Lane::Mail => self.receiver.reminders_by_mail,
                    Lane::Sms => self.receiver.reminders_by_sms,
                    Lane::Push | Lane::Webhook => true,
                };
                if !wanted {
                    Some("reminders are switched off")
                } else if it.status != Status::Approved
                    || it.starts_at != UnixTime(reminder.starts_at)
                    || !self.receiver.seated
                {
                    Some(GONE_ON)
                } else {
                    (now >= it.starts_at).then_some(OVER)
                }
            }
            Message::MagicLink(_)
            | Message::PasswordReset(_)
            | Message::Invitation(_)
            | Message::VerifyEmail(_)
            | Message::Test(_) => None,
        }
    }
}

//! From what a row is about to the message that goes out.

use std::time::Duration;

use serde_json::json;

use crate::notify::ical::{self, Alarm, Attendee, Event, Method, PartStat, Person, Role};
use crate::notify::mail::{Invite, Letter};
use crate::notify::message::Message;
use crate::notify::push::Urgency;
use crate::notify::templates::{self, Brand, NoAppointment, Reader, Rendered, Side};
use crate::scheduler::{Appointment, SeatRole, Status};
use crate::units::UnixTime;

use super::DispatchSettings;
use super::subject::Subject;

/// When calendars remind by themselves.
const ALARM: Duration = Duration::from_secs(15 * 60);
/// How long a notification is worth something.
const DAY: Duration = Duration::from_secs(24 * 3600);
const SHORT: Duration = Duration::from_secs(5 * 60);

/// Writes the message.
pub(super) fn render(subject: &Subject, settings: &DispatchSettings, now: UnixTime) -> Result<Rendered, NoAppointment> {
    let to = &subject.receiver;
    let reader =
        Reader { user: to.user, name: to.name.clone(), locale: to.locale, zone: to.zone.clone(), side: to.side };
    let brand = Brand { name: brand(subject.brand.as_deref(), settings), base: settings.base.clone() };
    templates::render(&subject.message, subject.appointment.as_ref(), &reader, &brand, now)
}

/// The organisation's name: as administrators have set it, as letters are signed, or the program's.
pub(super) fn brand(set: Option<&str>, settings: &DispatchSettings) -> String {
    let name = set.unwrap_or(&settings.from.name).trim();
    if name.is_empty() { "visavis".to_owned() } else { name.to_owned() }
}

/// The letter of a row.
pub(super) fn letter(
    id: &str,
    subject: &Subject,
    rendered: Rendered,
    settings: &DispatchSettings,
    now: UnixTime,
) -> Letter {
    let from = Person { name: brand(subject.brand.as_deref(), settings), email: settings.from.email.clone() };
    let invite = subject.appointment.as_ref().and_then(|it| {
        let method = method(&subject.message, it)?;
        let event = event(subject, it, &rendered, settings, &from);
        Some(Invite { method, ics: ical::invitation(method, &event, now) })
    });
    Letter {
        id: id.to_owned(),
        from,
        reply_to: None,
        to: Person { name: subject.receiver.name.clone(), email: subject.receiver.email.clone() },
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        invite,
        at: now,
    }
}

/// What the receiver's calendar shall do, if anything. Appointments are in calendars from their first approval on; that
/// is when they have a room.
fn method(message: &Message, it: &Appointment) -> Option<Method> {
    it.meeting_room_name.as_ref()?;
    match message {
        Message::Approved(_) | Message::Rescheduled(_) | Message::SeatAdded(_) | Message::GuestInvitation(_) => {
            Some(Method::Request)
        }
        Message::Cancelled(_) | Message::Rejected(_) | Message::Expired(_) | Message::SeatRemoved(_) => {
            Some(Method::Cancel)
        }
        _ => None,
    }
}

/// The appointment for the receiver's calendar. We invite, as calendars pass over what their owner seems to have sent
/// to himself; and each receiver sees nobody's address but ours and the own one.
fn event(
    subject: &Subject,
    it: &Appointment,
    rendered: &Rendered,
    settings: &DispatchSettings,
    from: &Person,
) -> Event {
    let to = &subject.receiver;
    let partner = match (to.side, it.capacity) {
        (Side::Client, _) => Some(&it.expert_name),
        (Side::Expert, 1) => Some(&it.customer_name),
        (Side::Expert, _) => None,
    };
    let stands = matches!(it.status, Status::Approved | Status::InProgress);
    let meeting_url = match &subject.message {
        Message::GuestInvitation(_) => rendered.link.clone(),
        _ => it.meeting_url.as_ref().map(|path| settings.base.link(path)),
    };
    let summary = partner.map_or_else(|| it.title.clone(), |partner| format!("{}: {partner}", it.title));
    let (role, status) = match (to.side, to.role) {
        (Side::Expert, _) => (Role::Chair, PartStat::Accepted),
        (Side::Client, Some(SeatRole::Observer | SeatRole::Interpreter)) => (Role::Optional, PartStat::NeedsAction),
        (Side::Client, _) if to.user == Some(it.customer_id) => (Role::Required, PartStat::Accepted),
        (Side::Client, _) => (Role::Required, PartStat::NeedsAction),
    };
    Event {
        uid: it.ical_uid.clone(),
        sequence: it.ical_sequence,
        created_at: it.created_at,
        modified_at: it.updated_at,
        starts_at: it.starts_at,
        ends_at: it.ends_at,
        description: rendered.short.clone(),
        meeting_url: meeting_url.filter(|_| stands),
        organizer: from.clone(),
        sent_by: None,
        attendees: vec![Attendee {
            person: Person { name: to.name.clone(), email: to.email.clone() },
            role,
            status,
            // Answers would come to us, and whether it takes place is settled here.
            rsvp: false,
        }],
        status: if stands { ical::Status::Confirmed } else { ical::Status::Tentative },
        alarms: vec![Alarm { before: ALARM, text: summary.clone() }],
        summary,
    }
}

/// What our service worker gets to show.
pub(super) fn notification(subject: &Subject, rendered: &Rendered, settings: &DispatchSettings) -> Vec<u8> {
    let tag = subject.appointment.as_ref().map(|it| it.id.to_string());
    let payload = json!({
        "title": brand(subject.brand.as_deref(), settings),
        "body": rendered.short,
        "url": rendered.link,
        "tag": tag,
    });
    payload.to_string().into_bytes()
}

/// How long a notification is worth something, and how soon it should come.
pub(super) fn haste(subject: &Subject, now: UnixTime) -> (Duration, Urgency) {
    match (&subject.message, &subject.appointment) {
        (Message::Waiting(_), _) => (SHORT, Urgency::High),
        (Message::Reminder(_), Some(it)) => (it.starts_at.since(now).min(DAY), Urgency::High),
        _ => (DAY, Urgency::Normal),
    }
}

//! Calendar objects: invitations for mail (RFC 5545, 5546 and 6047) and feeds that calendars subscribe to.
//!
//! Whoever builds an [`Event`] decides who may see whom: a customer of a group consultation gets one without the
//! other customers' addresses.

mod write;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::units::UnixTime;

use write::{Lines, mailto, quoted, utc};

/// Who wrote the object (RFC 5545 §3.7.3).
const PRODID: &str = concat!("-//visavis//visavis ", env!("CARGO_PKG_VERSION"), "//EN");

/// What a mailed calendar object asks of its reader (RFC 5546 §1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Enter this appointment, or change it.
    Request,
    /// Take it out.
    Cancel,
}

impl Method {
    /// The method's name, also the parameter of the MIME type (RFC 6047 §2.4).
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Request => "REQUEST",
            Method::Cancel => "CANCEL",
        }
    }
}

/// A person with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name for people.
    pub name: String,
    /// Mail address.
    pub email: String,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Who.
    pub person: Person,
    /// As what.
    pub role: Role,
    /// What we know of their coming.
    pub status: PartStat,
    /// Whether their calendar should ask them for an answer.
    pub rsvp: bool,
}

/// As what somebody takes part (RFC 5545 §3.2.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Leads the appointment.
    Chair,
    /// Must be there.
    Required,
    /// May be there: observers, interpreters.
    Optional,
}

/// What is known of somebody's coming (RFC 5545 §3.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartStat {
    /// Has not answered.
    NeedsAction,
    /// Will come.
    Accepted,
    /// Will not.
    Declined,
    /// Perhaps.
    Tentative,
}

/// How firm an appointment is (RFC 5545 §3.8.1.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Asked for.
    Tentative,
    /// Agreed.
    Confirmed,
    /// Off.
    Cancelled,
}

/// A reminder that the calendar itself gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// How long before the start, in whole minutes.
    pub before: Duration,
    /// What it says.
    pub text: String,
}

/// One appointment as calendars know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same for all the life of the appointment (`appointments.ical_uid`).
    pub uid: String,
    /// Rises with each change (`appointments.ical_sequence`).
    pub sequence: u32,
    /// When the appointment was made.
    pub created_at: UnixTime,
    /// When it last changed.
    pub modified_at: UnixTime,
    /// Start.
    pub starts_at: UnixTime,
    /// End.
    pub ends_at: UnixTime,
    /// Title.
    pub summary: String,
    /// Text; empty for none.
    pub description: String,
    /// Where the call is; none before it is approved.
    pub meeting_url: Option<String>,
    /// Who invites.
    pub organizer: Person,
    /// The address that mails in the organizer's name, where it is another.
    pub sent_by: Option<String>,
    /// Who takes part.
    pub attendees: Vec<Attendee>,
    /// How firm it is.
    pub status: Status,
    /// Reminders.
    pub alarms: Vec<Alarm>,
}

/// The calendar object of an invitation or of its withdrawal, for a mail's `text/calendar` part.
pub fn invitation(method: Method, event: &Event, now: UnixTime) -> String {
    let mut lines = Lines::default();
    open(&mut lines, method.as_str());
    lines.raw("BEGIN", "VEVENT");
    let status = if method == Method::Cancel { Status::Cancelled } else { event.status };
    common(&mut lines, event, status, now);
    organizer(&mut lines, event);
    for attendee in &event.attendees {
        self::attendee(&mut lines, attendee);
    }
    // A withdrawal holds no alarms (RFC 5546 §3.2.5).
    if method == Method::Request {
        alarms(&mut lines, event);
    }
    lines.raw("END", "VEVENT");
    lines.raw("END", "VCALENDAR");
    lines.finish()
}

/// A feed of appointments. Published events name no attendees (RFC 5546 §3.2.1); cancelled ones stay in it with their
/// status, so that subscribers take them out.
pub fn feed<'a>(name: &str, refresh: Duration, events: impl IntoIterator<Item = &'a Event>, now: UnixTime) -> String {
    let mut lines = Lines::default();
    open(&mut lines, "PUBLISH");
    lines.text("NAME", name);
    lines.text("X-WR-CALNAME", name);
    let refresh = format!("PT{}M", minutes(refresh).max(1));
    lines.raw("REFRESH-INTERVAL;VALUE=DURATION", &refresh);
    lines.raw("X-PUBLISHED-TTL", &refresh);
    for event in events {
        lines.raw("BEGIN", "VEVENT");
        common(&mut lines, event, event.status, now);
        organizer(&mut lines, event);
        if event.status != Status::Cancelled {
            alarms(&mut lines, event);
        }
        lines.raw("END", "VEVENT");
    }
    lines.raw("END", "VCALENDAR");
    lines.finish()
}

fn open(lines: &mut Lines, method: &str) {
    lines.raw("BEGIN", "VCALENDAR");
    lines.raw("VERSION", "2.0");
    lines.raw("PRODID", PRODID);
    lines.raw("CALSCALE", "GREGORIAN");
    lines.raw("METHOD", method);
}

fn common(lines: &mut Lines, event: &Event, status: Status, now: UnixTime) {
    lines.text("UID", &event.uid);
    lines.raw("SEQUENCE", &event.sequence.to_string());
    lines.raw("DTSTAMP", &utc(now));
    lines.raw("CREATED", &utc(event.created_at));
    lines.raw("LAST-MODIFIED", &utc(event.modified_at));
    lines.raw("DTSTART", &utc(event.starts_at));
    lines.raw("DTEND", &utc(event.ends_at));
    lines.text("SUMMARY", &event.summary);
    if !event.description.is_empty() {
        lines.text("DESCRIPTION", &event.description);
    }
    if let Some(url) = &event.meeting_url {
        lines.text("LOCATION", url);
        lines.uri("URL", url);
        lines.uri("CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO", url);
    }
    lines.raw(
        "STATUS",
        match status {
            Status::Tentative => "TENTATIVE",
            Status::Confirmed => "CONFIRMED",
            Status::Cancelled => "CANCELLED",
        },
    );
    lines.raw("TRANSP", if status == Status::Cancelled { "TRANSPARENT" } else { "OPAQUE" });
    // Who consults whom is nobody else's business, shared calendars included.
    lines.raw("CLASS", "PRIVATE");
}

fn organizer(lines: &mut Lines, event: &Event) {
    let mut name = String::from("ORGANIZER");
    common_name(&mut name, &event.organizer);
    if let Some(sender) = event.sent_by.as_ref().filter(|sender| **sender != event.organizer.email) {
        name.push_str(";SENT-BY=");
        name.push_str(&quoted(&mailto(sender)));
    }
    lines.raw(&name, &mailto(&event.organizer.email));
}

fn attendee(lines: &mut Lines, attendee: &Attendee) {
    let mut name = String::from("ATTENDEE;CUTYPE=INDIVIDUAL");
    name.push_str(match attendee.role {
        Role::Chair => ";ROLE=CHAIR",
        Role::Required => ";ROLE=REQ-PARTICIPANT",
        Role::Optional => ";ROLE=OPT-PARTICIPANT",
    });
    name.push_str(match attendee.status {
        PartStat::NeedsAction => ";PARTSTAT=NEEDS-ACTION",
        PartStat::Accepted => ";PARTSTAT=ACCEPTED",
        PartStat::Declined => ";PARTSTAT=DECLINED",
        PartStat::Tentative => ";PARTSTAT=TENTATIVE",
    });
    name.push_str(if attendee.rsvp { ";RSVP=TRUE" } else { ";RSVP=FALSE" });
    common_name(&mut name, &attendee.person);
    lines.raw(&name, &mailto(&attendee.person.email));
}

fn common_name(property: &mut String, person: &Person) {
    if !person.name.trim().is_empty() {
        property.push_str(";CN=");
        property.push_str(&quoted(&person.name));
    }
}

fn alarms(lines: &mut Lines, event: &Event) {
    for alarm in &event.alarms {
        lines.raw("BEGIN", "VALARM");
        lines.raw("ACTION", "DISPLAY");
        lines.text("DESCRIPTION", &alarm.text);
        lines.raw("TRIGGER", &format!("-PT{}M", minutes(alarm.before)));
        lines.raw("END", "VALARM");
    }
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs() / 60
}

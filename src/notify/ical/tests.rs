//! What is written, read back by a small reader that shares nothing with the writer.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// One property: its name, its parameters and its value as it was written.
#[derive(Debug, PartialEq)]
struct Property {
    name: String,
    params: Vec<(String, String)>,
    value: String,
}

impl Property {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            out.push(match c {
                '\\' => match chars.next().unwrap() {
                    'n' | 'N' => '\n',
                    c @ ('\\' | ';' | ',') => c,
                    other => panic!("`\\{other}` means nothing"),
                },
                ';' | ',' => panic!("a bare `{c}` in a text"),
                c => c,
            });
        }
        out
    }
}

fn read(text: &str) -> Vec<Property> {
    assert!(text.ends_with("\r\n"));
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(bytes[at + 1], b'\n', "a bare CR"),
            b'\n' => assert_eq!(bytes[at - 1], b'\r', "a bare LF"),
            b'\t' => {}
            byte => assert!(!byte.is_ascii_control(), "a control character"),
        }
    }
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "a line is too long");
    text.replace("\r\n ", "").split_terminator("\r\n").map(property).collect()
}

fn property(line: &str) -> Property {
    let mut inside = false;
    let mut cuts = Vec::new();
    let mut colon = None;
    for (at, c) in line.char_indices() {
        match c {
            '"' => inside = !inside,
            ';' if !inside => cuts.push(at),
            ':' if !inside => {
                colon = Some(at);
                break;
            }
            _ => {}
        }
    }
    let colon = colon.unwrap_or_else(|| panic!("no value in `{line}`"));
    cuts.push(colon);
    let name = line[..cuts[0]].to_owned();
    let params = cuts.windows(2).map(|cut| {
        let (key, value) = line[cut[0] + 1..cut[1]].split_once('=').unwrap();
        (key.to_owned(), value.trim_matches('"').to_owned())
    });
    Property { name, params: params.collect(), value: line[colon + 1..].to_owned() }
}

fn one<'a>(properties: &'a [Property], name: &str) -> &'a Property {
    let mut found = properties.iter().filter(|property| property.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} twice");
    first
}

fn all<'a>(properties: &'a [Property], name: &str) -> Vec<&'a Property> {
    properties.iter().filter(|property| property.name == name).collect()
}

fn person(name: &str, email: &str) -> Person {
    Person { name: name.into(), email: email.into() }
}

fn event() -> Event {
    Event {
        uid: "0199-a@visavis.example".into(),
        sequence: 2,
        created_at: UnixTime(1_772_000_000_000),
        modified_at: UnixTime(1_772_100_000_000),
        starts_at: UnixTime(1_772_547_300_000),
        ends_at: UnixTime(1_772_550_000_000),
        summary: "First talk, Dr. Rossi".into(),
        description: "Bring: papers; questions\nUntil then".into(),
        meeting_url: Some("https://visavis.example/call/appointment-1-ab?appointmentId=1".into()),
        organizer: person("Dr. Rossi", "rossi@example.org"),
        sent_by: Some("no-reply@visavis.example".into()),
        attendees: vec![
            Attendee {
                person: person("Dr. Rossi", "rossi@example.org"),
                role: Role::Chair,
                status: PartStat::Accepted,
                rsvp: false,
            },
            Attendee {
                person: person("Ana Customer", "ana@example.net"),
                role: Role::Required,
                status: PartStat::NeedsAction,
                rsvp: true,
            },
        ],
        status: Status::Confirmed,
        alarms: vec![Alarm { before: Duration::from_secs(900), text: "Starts in 15 minutes".into() }],
    }
}

const NOW: UnixTime = UnixTime(1_772_200_000_000);

#[test]
fn a_request_holds_what_calendars_ask_for() {
    let read = read(&invitation(Method::Request, &event(), NOW));
    assert_eq!(one(&read, "METHOD").value, "REQUEST");
    assert_eq!(one(&read, "VERSION").value, "2.0");
    assert_eq!(one(&read, "UID").text(), "0199-a@visavis.example");
    assert_eq!(one(&read, "SEQUENCE").value, "2");
    assert_eq!(one(&read, "DTSTAMP").value, "20260227T134640Z");
    assert_eq!(one(&read, "DTSTART").value, "20260303T141500Z");
    assert_eq!(one(&read, "DTEND").value, "20260303T150000Z");
    assert_eq!(one(&read, "SUMMARY").text(), "First talk, Dr. Rossi");
    assert_eq!(one(&read, "STATUS").value, "CONFIRMED");
    assert_eq!(one(&read, "TRIGGER").value, "-PT15M");
    let url = event().meeting_url.unwrap();
    assert_eq!(one(&read, "LOCATION").text(), url);
    assert_eq!(one(&read, "URL").value, url);
    let conference = one(&read, "CONFERENCE");
    assert_eq!((conference.value.as_str(), conference.param("VALUE")), (url.as_str(), Some("URI")));
    let organizer = one(&read, "ORGANIZER");
    assert_eq!(organizer.value, "mailto:rossi@example.org");
    assert_eq!(organizer.param("SENT-BY"), Some("mailto:no-reply@visavis.example"));
    let attendees = all(&read, "ATTENDEE");
    assert_eq!(attendees.len(), 2);
    assert_eq!(attendees[1].value, "mailto:ana@example.net");
    assert_eq!(attendees[1].param("ROLE"), Some("REQ-PARTICIPANT"));
    assert_eq!(attendees[1].param("PARTSTAT"), Some("NEEDS-ACTION"));
    assert_eq!(attendees[1].param("RSVP"), Some("TRUE"));
    assert_eq!(attendees[1].param("CN"), Some("Ana Customer"));
}

#[test]
fn a_cancellation_says_so_and_rings_no_more() {
    let read = read(&invitation(Method::Cancel, &event(), NOW));
    assert_eq!(one(&read, "METHOD").value, "CANCEL");
    assert_eq!(one(&read, "STATUS").value, "CANCELLED");
    assert_eq!(one(&read, "TRANSP").value, "TRANSPARENT");
    assert_eq!(one(&read, "UID").text(), event().uid);
    assert_eq!(all(&read, "ATTENDEE").len(), 2);
    assert!(all(&read, "TRIGGER").is_empty());
}

#[test]
fn a_feed_names_itself_and_its_pace_but_no_attendees() {
    let cancelled = Event { uid: "b".into(), status: Status::Cancelled, ..event() };
    let text = feed("Dr. Rossi: appointments, all", Duration::from_secs(3600), [&event(), &cancelled], NOW);
    let read = read(&text);
    assert_eq!(one(&read, "METHOD").value, "PUBLISH");
    assert_eq!(one(&read, "X-WR-CALNAME").text(), "Dr. Rossi: appointments, all");
    let refresh = one(&read, "REFRESH-INTERVAL");
    assert_eq!((refresh.value.as_str(), refresh.param("VALUE")), ("PT60M", Some("DURATION")));
    assert!(all(&read, "ATTENDEE").is_empty());
    let status: Vec<_> = all(&read, "STATUS").iter().map(|property| property.value.as_str()).collect();
    assert_eq!(status, ["CONFIRMED", "CANCELLED"]);
    assert_eq!(all(&read, "TRIGGER").len(), 1);
    assert_eq!(all(&read, "END").last().unwrap().value, "VCALENDAR");
}

#[test]
fn an_appointment_without_a_room_names_no_place() {
    let pending = Event { meeting_url: None, status: Status::Tentative, alarms: Vec::new(), ..event() };
    let text = invitation(Method::Request, &pending, NOW);
    for absent in ["LOCATION", "URL:", "CONFERENCE", "VALARM"] {
        assert!(!text.contains(absent), "{absent}");
    }
}

/// What of a text survives: every line end becomes a line feed, other control characters go.
fn kept(text: &str) -> String {
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = text.replace("\r\n", "\n").replace(ends, "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// Texts that try to be lines and parameters, and any others.
fn hostile() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\r\nATTENDEE:mailto:evil@example.org",
        "\";ROLE=CHAIR;CN=\"",
        "\r\n ",
        "\\n",
        ";",
        ",",
        ":",
        "\"",
        "\nEND:VEVENT\r\nBEGIN:VEVENT\r\n",
        "\u{2028}X:y",
        "\u{0}",
        "\t",
        "ü€𐍈",
    ]);
    let part = prop_oneof![any::<String>(), nasty.prop_map(str::to_owned)];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_comes_back_as_itself(
        summary in hostile(),
        description in hostile(),
        uid in hostile(),
        name in hostile(),
        email in hostile(),
    ) {
        let mut event = Event { uid, summary, description, ..event() };
        event.attendees[1].person = person(&name, &email);
        let text = invitation(Method::Request, &event, NOW);
        let read = read(&text);
        let expected = self::read(&invitation(Method::Request, &self::event(), NOW));
        let names = |read: &[Property]| -> Vec<String> {
            read.iter().map(|property| property.name.clone()).filter(|name| name != "DESCRIPTION").collect()
        };
        prop_assert_eq!(names(&read), names(&expected));
        prop_assert_eq!(one(&read, "UID").text(), kept(&event.uid));
        prop_assert_eq!(one(&read, "SUMMARY").text(), kept(&event.summary));
        if !event.description.is_empty() {
            prop_assert_eq!(all(&read, "DESCRIPTION")[0].text(), kept(&event.description));
        }
        let attendee = all(&read, "ATTENDEE")[1];
        let name = kept(event.attendees[1].person.name.trim()).replace('"', "'").replace('\n', " ");
        let shown = attendee.param("CN").unwrap_or_default();
        prop_assert_eq!(words(shown), words(&name));
        prop_assert_eq!(attendee.param("ROLE"), Some("REQ-PARTICIPANT"));
        prop_assert!(attendee.value.starts_with("mailto:"));
        prop_assert!(!attendee.value.contains(|c: char| !c.is_ascii_graphic()));
    }
}

fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

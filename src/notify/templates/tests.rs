//! Every message in both languages, and names that would like to be something else.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::notify::sms::parts;
use crate::scheduler::{Lobby, NoShow, Proposal, Status, WindowOverrides};

/// 3 March 2026, 14:00 in Rome.
const START: UnixTime = UnixTime(1_772_542_800_000);
const NOW: UnixTime = UnixTime(1_772_460_000_000);
const EXPERT: &str = "0199aabb-0000-7eef-8011-223344556677";
const CUSTOMER: &str = "0199aabb-1111-7eef-8011-223344556677";

pub(in crate::notify) fn appointment() -> Appointment {
    Appointment {
        id: "0199aabb-ccdd-7eef-8011-223344556677".parse().unwrap(),
        customer_id: CUSTOMER.parse().unwrap(),
        expert_id: EXPERT.parse().unwrap(),
        service_id: "0199aabb-2222-7eef-8011-223344556677".parse().unwrap(),
        title: "First talk".into(),
        starts_at: START,
        ends_at: START.plus(Duration::from_secs(45 * 60)),
        busy_from: START,
        busy_to: START.plus(Duration::from_secs(45 * 60)),
        tz: "Europe/Rome".into(),
        status: Status::Approved,
        capacity: 1,
        meeting_room_name: Some("appointment-1-ab".into()),
        meeting_url: Some("/call/appointment-1-ab?appointmentId=1".into()),
        ical_uid: "uid@visavis".into(),
        ical_sequence: 0,
        hold_expires_at: None,
        lobby: Lobby::On,
        keep_chat: true,
        overrides: WindowOverrides { before: None, after: None, anchor: None, extension: None },
        extended: Duration::ZERO,
        extensions: 0,
        opened_at: None,
        customer_note: "It hurts\nhere".into(),
        decision_message: String::new(),
        cancelled_by: None,
        proposal: Some(Proposal {
            starts_at: START.plus(Duration::from_secs(86_400)),
            ends_at: START.plus(Duration::from_secs(86_400 + 2700)),
            by: EXPERT.parse().unwrap(),
            message: "Rather then".into(),
        }),
        in_progress_at: None,
        emptied_at: None,
        completed_at: None,
        no_show: Some(NoShow::Expert),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
        customer_name: "Ana Kovač".into(),
        expert_name: "Dr. Rossi".into(),
    }
}

fn reader(side: Side, locale: Locale) -> Reader {
    let (name, user) = if side == Side::Expert { ("Dr. Rossi", EXPERT) } else { ("Ana Kovač", CUSTOMER) };
    Reader {
        user: Some(user.parse().unwrap()),
        name: name.into(),
        locale,
        zone: TimeZone::get("Europe/Rome").unwrap(),
        side,
    }
}

fn brand() -> Brand {
    Brand { name: "Praxis Süd".into(), base: "https://visavis.example".parse().unwrap() }
}

fn message(value: Value) -> Message {
    serde_json::from_value(value).unwrap()
}

fn write(value: Value, side: Side, locale: Locale) -> Rendered {
    render(&message(value), Some(&appointment()), &reader(side, locale), &brand(), NOW).unwrap()
}

/// Each kind with what else it holds.
fn every_kind() -> Vec<Value> {
    let link = |kind| {
        json!({"kind": kind, "token": "t0k3n-t0k3n-t0k3n-t0k3n-t0k3n-t0k3n-t0k3n", "email": "a@b.c", "name": "A",
            "locale": "de", "expires_at": NOW.0 + 900_000})
    };
    let change = |kind| json!({"kind": kind, "message": "See you & bye", "by": EXPERT, "version": 2, "sequence": 1});
    let mut all: Vec<Value> = [
        "requested",
        "request_received",
        "approved",
        "rejected",
        "proposed",
        "proposal_declined",
        "joined",
        "left",
        "rescheduled",
        "cancelled",
        "expired",
        "completed",
        "no_show",
        "seat_added",
        "seat_removed",
        "waiting",
    ]
    .map(change)
    .to_vec();
    all.push(json!({"kind": "reminder", "before": "24h", "startsAt": START.0}));
    all.extend(["magic_link", "password_reset", "invitation", "verify_email", "guest_invitation"].map(link));
    all.push(json!({"kind": "test"}));
    all
}

#[test]
fn every_message_says_something_in_every_language_and_to_both_sides() {
    for value in every_kind() {
        for side in [Side::Expert, Side::Client] {
            let english = write(value.clone(), side, Locale::En);
            let german = write(value.clone(), side, Locale::De);
            for (rendered, other) in [(&english, &german), (&german, &english)] {
                let at = format!("{value} to {side:?}: {rendered:?}");
                assert!(!rendered.subject.is_empty() && rendered.subject.chars().count() < 90, "{at}");
                assert!(rendered.text.lines().count() > 4 && rendered.html.contains("</html>"), "{at}");
                assert!(rendered.text.contains("Praxis Süd") && rendered.sms.starts_with("Praxis Süd: "), "{at}");
                assert_ne!((&rendered.subject, &rendered.short), (&other.subject, &other.short), "{at}");
                assert!(!rendered.text.contains("{}") && !rendered.text.contains("  \n"), "{at}");
                if let Some(link) = &rendered.link {
                    assert!(link.starts_with("https://visavis.example/"), "{at}");
                    assert!(rendered.text.contains(link) && rendered.sms.ends_with(link), "{at}");
                }
                assert!(parts(&rendered.sms) <= 2, "{at}");
            }
        }
    }
}

#[test]
fn a_confirmation_reads_like_this() {
    let rendered = write(every_kind()[2].clone(), Side::Client, Locale::En);
    assert_eq!(rendered.subject, "Confirmed: First talk, Tue 3 Mar, 14:00");
    let expected = "Good day Ana Kovač,

Your appointment with Dr. Rossi is confirmed.

  What:  First talk
  With:  Dr. Rossi
  When:  Tuesday, 3 March 2026, 14:00–14:45 (Europe/Rome, UTC+1)

Dr. Rossi writes:
> See you & bye

Join the call:
https://visavis.example/call/appointment-1-ab?appointmentId=1

The room opens shortly before the start. The appointment is attached for your calendar.

-- 
Praxis Süd
";
    assert_eq!(rendered.text, expected);
    let german = write(every_kind()[2].clone(), Side::Client, Locale::De);
    assert_eq!(german.subject, "Bestätigt: First talk, Di 3.3., 14:00");
    assert!(german.text.contains("  Wann:    Dienstag, 3. März 2026, 14:00–14:45 Uhr (Europe/Rome, UTC+1)\n"));
}

#[test]
fn the_expert_reads_what_the_customer_wrote_and_the_other_side_who_did_it() {
    let text = write(json!({"kind": "requested"}), Side::Expert, Locale::En).text;
    assert!(text.contains("Ana Kovač writes:\n> It hurts\n> here\n"), "{text}");
    let text = write(json!({"kind": "proposed", "by": EXPERT}), Side::Client, Locale::En).text;
    assert!(text.contains("Dr. Rossi proposes another time.") && text.contains("> Rather then"), "{text}");
    assert!(text.contains("Until now:") && text.contains("Wednesday, 4 March 2026, 14:00"), "{text}");
    let who = |by: Value, side| write(json!({"kind": "cancelled", "by": by}), side, Locale::En).text;
    assert!(who(json!(EXPERT), Side::Client).contains("Dr. Rossi has cancelled"));
    assert!(who(json!(EXPERT), Side::Expert).contains("You have cancelled"));
    assert!(who(json!(CUSTOMER), Side::Expert).contains("Ana Kovač has cancelled"));
    assert!(who(Value::Null, Side::Client).contains("Praxis Süd has cancelled"));
}

#[test]
fn who_did_not_come_is_told_from_the_readers_side() {
    let mut it = appointment();
    let mut told = |missing, side| {
        it.no_show = Some(missing);
        render(&message(json!({"kind": "no_show"})), Some(&it), &reader(side, Locale::En), &brand(), NOW).unwrap().short
    };
    assert!(told(NoShow::Expert, Side::Client).starts_with("Dr. Rossi did not come"));
    assert_eq!(told(NoShow::Customer, Side::Client), "You did not come to your appointment.");
    assert_eq!(told(NoShow::Customer, Side::Expert), "Ana Kovač did not come to the appointment.");
    assert_eq!(told(NoShow::Both, Side::Expert), "Nobody came to the appointment.");
}

#[test]
fn in_a_group_customers_do_not_learn_of_each_other() {
    let group = Appointment { capacity: 8, ..appointment() };
    for value in every_kind().into_iter().filter(|value| value["kind"] != "requested") {
        let value = match value["by"].is_string() {
            true => json!({"kind": value["kind"], "by": CUSTOMER}),
            false => value,
        };
        let other = Reader { user: None, name: "Bo".into(), ..reader(Side::Client, Locale::En) };
        let rendered = render(&message(value.clone()), Some(&group), &other, &brand(), NOW).unwrap();
        assert!(!format!("{rendered:?}").contains("Ana"), "{value}");
    }
}

#[test]
fn a_reminder_is_one_sms_when_its_names_allow() {
    let mut it = appointment();
    it.meeting_url = None;
    let reminder = message(json!({"kind": "reminder", "startsAt": START.0}));
    let rendered = render(&reminder, Some(&it), &reader(Side::Client, Locale::De), &brand(), NOW).unwrap();
    assert_eq!(
        rendered.sms,
        "Praxis Süd: Ihr Termin mit Dr. Rossi beginnt morgen um 14:00 Uhr \
         https://visavis.example/appointments/0199aabb-ccdd-7eef-8011-223344556677"
    );
    assert_eq!(parts(&rendered.sms), 1);
}

#[test]
fn a_message_of_an_appointment_needs_one() {
    for value in every_kind() {
        let message = message(value);
        let rendered = render(&message, None, &reader(Side::Client, Locale::En), &brand(), NOW);
        assert_eq!(rendered.is_err(), message.needs_appointment(), "{message:?}");
    }
}

#[test]
fn languages_are_chosen_by_tag() {
    for (tag, locale) in [
        ("de", Locale::De),
        ("de-AT", Locale::De),
        ("DE_ch", Locale::De),
        ("en", Locale::En),
        ("it", Locale::En),
        ("", Locale::En),
    ] {
        assert_eq!(Locale::of(tag), locale, "{tag}");
    }
}

proptest! {
    #[test]
    fn names_and_words_stay_what_they_are(
        name in "(?s).{0,300}",
        words in "(?s).{0,300}",
        nasty in prop::sample::select(vec!["</p><script>x</script>", "\r\n\r\n-- \r\n", "\u{2028}> x", "\u{202e}", "\" onload=\""]),
        kind in 0..20usize,
    ) {
        let mut it = appointment();
        it.title = format!("{name}{nasty}");
        it.expert_name = format!("{nasty}{name}");
        it.customer_name = format!("{name}{nasty}{name}");
        it.customer_note = format!("{words}{nasty}");
        let mut value = every_kind()[kind].clone();
        value["message"] = json!(format!("{words}{nasty}"));
        for side in [Side::Expert, Side::Client] {
            let reader = Reader { name: it.customer_name.clone(), ..reader(side, Locale::De) };
            let rendered = render(&message(value.clone()), Some(&it), &reader, &brand(), NOW).unwrap();
            for line in [&rendered.subject, &rendered.short, &rendered.sms] {
                prop_assert!(!line.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{202e}'), "{:?}", line);
            }
            prop_assert!(!rendered.html.contains("<script") && !rendered.html.contains("onload=\""));
            // What others write is marked line by line, so only our own signature begins like one.
            prop_assert_eq!(rendered.text.lines().filter(|line| *line == "-- ").count(), 1);
        }
    }
}

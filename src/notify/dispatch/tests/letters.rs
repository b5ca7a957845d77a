//! Letters about appointments and what calendars get of them.

use super::*;
use crate::notify::mail::reader::Part;
use crate::scheduler::Kind;

/// The calendar objects in a message as it goes over the wire, unfolded.
fn calendars(letter: &Letter) -> (String, Vec<String>) {
    let inbox = Inbox::default();
    futures_lite(inbox.send(letter));
    let raw = inbox.get(0).unwrap().raw;
    let mail = Part::read(&raw);
    let (mut kinds, mut found) = (String::new(), Vec::new());
    collect(&mail, &mut kinds, &mut found);
    (kinds, found)
}

fn futures_lite(sending: Sending<'_>) {
    std::thread::scope(|scope| {
        let run = || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(sending).unwrap();
        scope.spawn(run).join().unwrap();
    });
}

fn collect(part: &Part, kinds: &mut String, found: &mut Vec<String>) {
    if part.parts.is_empty() && (part.kind() == "text/calendar" || part.kind() == "application/ics") {
        if part.kind() == "text/calendar" {
            kinds.push_str(part.header("content-type").unwrap());
        }
        found.push(part.text.replace("\r\n ", ""));
    }
    part.parts.iter().for_each(|part| collect(part, kinds, found));
}

/// Method, UID, sequence, organizer, attendees of the one calendar object in a letter.
fn invitation(letter: &Letter) -> (String, String, String, String, Vec<String>) {
    let (kind, objects) = calendars(letter);
    assert_eq!(objects.len(), 2, "one as an alternative, and the same as a file");
    assert_eq!(objects[0], objects[1]);
    let lines: Vec<&str> = objects[0].split("\r\n").collect();
    let one = |name: &str| {
        let mut found = lines.iter().filter(|line| line.starts_with(name));
        let line = found.next().unwrap_or_else(|| panic!("no {name} in {}", objects[0]));
        assert!(found.next().is_none(), "{name} twice");
        line[name.len()..].to_owned()
    };
    assert_eq!(lines.iter().filter(|line| **line == "BEGIN:VEVENT").count(), 1);
    let method = one("METHOD:");
    assert!(kind.contains(&format!("method={method}")), "{kind}");
    let address = |line: &str| line.rsplit_once("mailto:").unwrap().1.to_owned();
    let attendees = lines.iter().filter(|line| line.starts_with("ATTENDEE")).map(|line| address(line)).collect();
    (method, one("UID:"), one("SEQUENCE:"), address(&one("ORGANIZER")), attendees)
}

#[tokio::test]
async fn an_approval_goes_to_both_sides_with_an_invitation_of_ones_own() {
    let world = World::new();
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    let letters = world.letters();
    assert_eq!(letters.len(), 2);
    for (letter, to) in letters.iter().zip(["p1@example.org", "p8@example.org"]) {
        assert_eq!((letter.to.email.as_str(), letter.from.email.as_str()), (to, "praxis@example.org"));
        let expected = ("REQUEST".into(), "uid-1".into(), "0".into(), "praxis@example.org".into(), vec![to.into()]);
        assert_eq!(invitation(letter), expected, "nobody else's address is in it");
    }
    assert_eq!(world.metrics.outward.sent.get(), [("mail", 2)]);
    assert_eq!(world.count("due"), 4, "reminders of an hour and of a quarter before wait for their time");
}

#[tokio::test]
async fn calendars_hear_of_another_time_and_of_the_end_under_the_same_uid() {
    let world = World::new();
    world.approved();
    let (from, to) = (START.0 + 7_200_000, START.0 + 10_800_000);
    world.desk.sql(&format!(
        "UPDATE appointments SET starts_at = {from}, ends_at = {to}, busy_from = {from}, busy_to = {to}, ical_sequence = 1"
    ));
    world.desk.tell(Kind::Rescheduled, 1, customer(1)).await;
    world.dispatch().await;
    for letter in world.letters() {
        let (method, uid, sequence, ..) = invitation(&letter);
        assert_eq!((method.as_str(), uid.as_str(), sequence.as_str()), ("REQUEST", "uid-1", "1"));
    }
    world.desk.sql("UPDATE appointments SET status = 'cancelled', ical_sequence = 2");
    world.desk.tell(Kind::Cancelled, 1, customer(1)).await;
    world.dispatch().await;
    let letters = world.letters();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        let (method, uid, sequence, ..) = invitation(&letter);
        assert_eq!((method.as_str(), uid.as_str(), sequence.as_str()), ("CANCEL", "uid-1", "2"));
    }
    assert_eq!(world.count("due"), 0);
}

#[tokio::test]
async fn guests_whose_address_is_known_get_letters_too() {
    let world = World::new();
    world.approved();
    world.desk.sql(&format!(
        "INSERT INTO seats (id, appointment_id, guest_name, guest_email, role, created_at) VALUES
           ('00000000-0000-7000-8003-000000000001', '{0}', 'Gast', 'gast@example.net', 'observer', 0),
           ('00000000-0000-7000-8003-000000000002', '{0}', 'Ohne', NULL, 'observer', 0)",
        appointment_id(1)
    ));
    world.desk.sql("UPDATE appointments SET status = 'cancelled', ical_sequence = 1");
    world.desk.tell(Kind::Cancelled, 1, expert(8)).await;
    world.dispatch().await;
    let letters = world.letters();
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0].to, Person { name: "Gast".into(), email: "gast@example.net".into() });
    assert_eq!(invitation(&letters[0]).0, "CANCEL");
}

#[tokio::test]
async fn an_approval_of_what_was_cancelled_since_is_not_sent() {
    let world = World::new();
    world.approved();
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.desk.sql("UPDATE appointments SET status = 'cancelled', ical_sequence = 1");
    world.desk.tell(Kind::Cancelled, 1, customer(1)).await;
    world.dispatch().await;
    let letters = world.letters();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|letter| invitation(letter).0 == "CANCEL"));
    assert_eq!(
        world.desk.value::<i64>("SELECT count(*) FROM outbox WHERE dedupe_key LIKE 'approved:%' AND state = 'dropped'"),
        2
    );
}

#[tokio::test]
async fn reminders_come_when_they_are_due_and_only_to_who_wants_them() {
    let world = World::new();
    world.approved();
    world.desk.sql(&format!("UPDATE users SET reminders_by_mail = 0 WHERE id = '{}'", person(8)));
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    world.letters();
    world.desk.at(-3_600_000 - 1);
    world.dispatch().await;
    assert_eq!(world.receivers(), Vec::<String>::new());
    world.desk.at(-3_600_000);
    world.dispatch().await;
    assert_eq!(world.receivers(), ["p1@example.org"]);
    world.desk.at(-900_000);
    world.dispatch().await;
    let reminder = world.letters();
    assert_eq!(reminder.len(), 1);
    assert!(reminder[0].invite.is_none() && reminder[0].text.contains("15 minutes"), "{}", reminder[0].text);
}

#[tokio::test]
async fn reminders_of_another_time_or_of_none_are_dropped() {
    let world = World::new();
    world.approved();
    let reminder = |at: i64| format!(r#"{{"kind":"reminder","before":"1h","startsAt":{at}}}"#);
    world.put(1, Some(1), Some(1), &reminder(START.0 - 60_000));
    world.put(2, Some(1), Some(1), &reminder(START.0));
    world.dispatch().await;
    assert_eq!((world.state(1), world.state(2)), ("dropped".into(), "sent".into()));
    world.desk.sql("UPDATE appointments SET status = 'cancelled'");
    world.put(3, Some(1), Some(1), &reminder(START.0));
    world.dispatch().await;
    assert_eq!((world.state(3), world.letters().len()), ("dropped".into(), 1));
}

#[tokio::test]
async fn whoever_is_gone_gets_nothing() {
    let world = World::new();
    world.approved();
    world.desk.sql(&format!("UPDATE users SET status = 'disabled' WHERE id = '{}'", person(1)));
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    assert_eq!(world.receivers(), ["p8@example.org"]);
    assert_eq!(
        world.desk.value::<String>("SELECT last_error FROM outbox WHERE state = 'dropped'"),
        "the account is closed"
    );
}

#[tokio::test]
async fn the_organisations_name_signs_once_it_is_set() {
    let world = World::new();
    world.approved();
    world.desk.sql("INSERT INTO settings (key, value, updated_at) VALUES ('branding.name', 'Haus am See', 0)");
    world.desk.tell(Kind::Approved, 1, expert(8)).await;
    world.dispatch().await;
    let letter = &world.letters()[0];
    assert_eq!(letter.from.name, "Haus am See");
    assert!(letter.text.contains("Haus am See"));
}

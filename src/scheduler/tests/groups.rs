//! Sessions of several customers, and seats of others.

use super::office::*;
use super::*;
use crate::ids::SeatId;
use crate::store::Actor;

fn group(approval: Approval) -> ServiceDraft {
    ServiceDraft { capacity: 2, approval, cancel_notice_min: 60, ..advice() }
}

fn seat_of(desk: &Desk, user: u32) -> SeatId {
    desk.value::<String>(&format!("SELECT id FROM seats WHERE user_id = '{}'", person(user))).parse().unwrap()
}

fn guest(role: SeatRole) -> NewSeat {
    NewSeat { email: Some("aunt@example.net".into()), name: Some("Aunt May".into()), role, permissions: None }
}

#[tokio::test]
async fn a_second_customer_takes_a_seat_in_the_same_session_and_a_third_finds_it_full() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Auto)).await;
    let first = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    desk.letters();
    let held = desk.scheduler.hold(customer(2), wish(service, TEN)).await.unwrap();
    assert!(matches!(held, Held::Session(Slot { seats_left: 1, shared: true, .. })), "{held:?}");
    let second = desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    assert_eq!((second.id, second.status), (first.id, Status::Approved));
    assert!(second.version > first.version);
    assert_eq!(desk.letters(), ["approved 2", "joined 8"]);
    assert_eq!(desk.reminders(2), 3);
    assert_eq!(code(desk.scheduler.request(customer(3), asking(service, TEN)).await), "session_full");
    // Whoever is in it is not in it twice.
    desk.scheduler.cancel(customer(1), first.id, "", None).await.unwrap();
    assert_eq!(code(desk.scheduler.request(customer(2), asking(service, TEN)).await), "customer_overlap");
}

#[tokio::test]
async fn a_session_waits_for_the_expert_with_all_who_joined_and_is_approved_for_all() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Manual)).await;
    let first = desk.pending(service).await;
    desk.letters();
    let second = desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    assert_eq!((second.id, second.status), (first.id, Status::Pending));
    assert_eq!(desk.letters(), ["joined 8", "request_received 2"]);
    desk.scheduler.approve(expert(8), first.id, "", None).await.unwrap();
    assert_eq!(desk.letters(), ["approved 1", "approved 2", "approved 8"]);
}

#[tokio::test]
async fn what_one_customer_has_proposed_nobody_takes_once_others_have_joined() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Manual)).await;
    let session = desk.pending(service).await;
    let to = Move { starts_at: at("2027-01-11T13:00:00Z"), message: String::new(), outside_hours: false };
    desk.scheduler.propose(customer(1), session.id, to, None).await.unwrap();
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    assert_eq!(code(desk.scheduler.accept_proposal(expert(8), session.id, None).await), "not_yours");
    // It can be taken where the other has gone again, and goes with whoever has proposed it.
    desk.scheduler.cancel(customer(2), session.id, "", None).await.unwrap();
    let moved = desk.scheduler.accept_proposal(expert(8), session.id, None).await.unwrap();
    assert_eq!(moved.starts_at, at("2027-01-11T13:00:00Z"));
    let back = Move { starts_at: at(TEN), message: String::new(), outside_hours: false };
    desk.scheduler.propose(customer(1), session.id, back, None).await.unwrap();
    let there = asking(service, "2027-01-11T13:00:00Z");
    assert_eq!(desk.scheduler.request(customer(2), there).await.unwrap().id, session.id);
    desk.scheduler.cancel(customer(1), session.id, "", None).await.unwrap();
    assert_eq!(code(desk.scheduler.accept_proposal(expert(8), session.id, None).await), "nothing_proposed");
}

#[tokio::test]
async fn a_customer_gives_up_the_own_seat_only_and_the_last_one_calls_it_off() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Auto)).await;
    let session = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    desk.letters();
    let left = desk.scheduler.cancel(customer(1), session.id, "Sorry", None).await.unwrap();
    assert_eq!(left.status, Status::Approved);
    let room = left.meeting_room_name.unwrap();
    assert_eq!(desk.rooms.take(), [format!("remove {room} {}", seat_of(&desk, 1))]);
    assert_eq!(desk.letters(), ["left 8", "seat_removed 1"]);
    assert_eq!((desk.reminders(1), desk.reminders(2), desk.reminders(8)), (0, 3, 3));
    // Whoever left has no say, and comes back into the same seat.
    assert_eq!(code(desk.scheduler.cancel(customer(1), session.id, "", None).await), "not_yours");
    let seat = seat_of(&desk, 1);
    desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    assert_eq!(seat_of(&desk, 1), seat);
    assert_eq!(desk.reminders(1), 3);
    desk.scheduler.cancel(customer(1), session.id, "", None).await.unwrap();
    desk.rooms.take();
    let last = desk.scheduler.cancel(customer(2), session.id, "", None).await.unwrap();
    assert_eq!(last.status, Status::Cancelled);
    assert_eq!(desk.rooms.take(), [format!("close {room} cancelled")]);
}

#[tokio::test]
async fn notice_counts_for_leaving_a_session_too() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Auto)).await;
    let session = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    desk.go_to(at(TEN).minus(minutes(60)).plus(Duration::from_secs(1)));
    assert_eq!(code(desk.scheduler.cancel(customer(2), session.id, "", None).await), "too_late");
}

#[tokio::test]
async fn one_customer_does_not_move_the_others_and_the_expert_does() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Auto)).await;
    let session = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    let to = moved_to("2027-01-11T12:00:00Z");
    for actor in [customer(1), customer(2)] {
        assert_eq!(code(desk.scheduler.reschedule(actor, session.id, to.clone(), None).await), "not_yours");
        assert_eq!(code(desk.scheduler.propose(actor, session.id, to.clone(), None).await), "not_yours");
    }
    assert_eq!(code(desk.scheduler.propose(expert(8), session.id, to.clone(), None).await), "not_yours");
    // Not onto what one of them has elsewhere.
    let other = desk.scheduler.create_service(expert(9), person(9), advice()).await.unwrap().id;
    let elsewhere = desk.scheduler.request(customer(2), asking(other, "2027-01-11T12:00:00Z")).await.unwrap();
    assert_eq!(code(desk.scheduler.reschedule(expert(8), session.id, to.clone(), None).await), "customer_overlap");
    desk.scheduler.cancel(customer(2), elsewhere.id, "", None).await.unwrap();
    desk.letters();
    desk.scheduler.reschedule(expert(8), session.id, to, None).await.unwrap();
    assert_eq!(desk.letters(), ["rescheduled 1", "rescheduled 2", "rescheduled 8"]);
}

#[tokio::test]
async fn what_a_customer_writes_is_for_the_expert_and_nobody_else_of_the_group() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Auto)).await;
    let session = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    let companions = vec![guest(SeatRole::Interpreter)];
    let back = BookingRequest { note: "My back hurts".into(), companions, ..asking(service, TEN) };
    desk.scheduler.request(customer(2), back).await.unwrap();
    let seen = async |actor| {
        let seen = desk.scheduler.read(actor, move |reader| {
            let notes: Vec<String> =
                Seat::of_appointment(reader, session.id)?.into_iter().map(|seat| seat.note).collect();
            let it = Appointment::load(reader, session.id)?;
            Ok((it.customer_note, it.customer_name, notes.concat()))
        });
        seen.await.unwrap()
    };
    let (knee, back, name) = ("My knee hurts", "My back hurts", "Person 1");
    let text = |parts: (&str, &str, &str)| (parts.0.to_owned(), parts.1.to_owned(), parts.2.to_owned());
    assert_eq!(seen(expert(8)).await, text((knee, name, back)));
    assert_eq!(seen(customer(1)).await, text((knee, name, "")));
    assert_eq!(seen(customer(2)).await, text(("", "", back)));
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM seats WHERE role = 'interpreter'"), 1);
    // Nor do live events name the others.
    let told: String = desk.value(&format!(
        "SELECT group_concat(data, ' ') FROM events WHERE kind = 'appointment.joined' AND user_id = '{}'",
        person(1)
    ));
    assert!(!told.contains("Person 2") && !told.contains(&person(2).to_string()), "{told}");
}

#[tokio::test]
async fn an_expert_books_a_customer_into_a_session() {
    let desk = Desk::open().await;
    let service = desk.service(group(Approval::Auto)).await;
    let session = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    let booking = |customer| BookFor {
        customer: person(customer),
        service,
        starts_at: at(TEN),
        outside_hours: false,
        message: String::new(),
        companions: Vec::new(),
    };
    let joined = desk.scheduler.book_for(expert(8), booking(2)).await.unwrap();
    assert_eq!(joined.id, session.id);
    let invited_by: String = desk.value(&format!("SELECT invited_by FROM seats WHERE user_id = '{}'", person(2)));
    assert_eq!(invited_by, person(8).to_string());
    assert_eq!(code(desk.scheduler.book_for(expert(8), booking(3)).await), "session_full");
}

#[tokio::test]
async fn a_customer_brings_an_interpreter_and_nobody_with_more_rights() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let with = |companions| BookingRequest { companions, ..asking(service, TEN) };
    for bad in [
        vec![guest(SeatRole::Client)],
        vec![guest(SeatRole::Host)],
        vec![NewSeat { permissions: Some(Permissions::of(SeatRole::Host)), ..guest(SeatRole::Observer) }],
        vec![NewSeat { name: None, ..guest(SeatRole::Observer) }],
        vec![NewSeat { email: Some("no address".into()), ..guest(SeatRole::Observer) }],
        vec![guest(SeatRole::Observer); 6],
    ] {
        assert_eq!(code(desk.scheduler.request(customer(1), with(bad)).await), "invalid_body");
    }
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM appointments"), 0);
    // Somebody's account is not found out by trying addresses.
    let known = NewSeat { email: Some("p2@example.org".into()), ..guest(SeatRole::Interpreter) };
    desk.scheduler.request(customer(1), with(vec![known])).await.unwrap();
    let seat: String = desk.value(
        "SELECT guest_name || ' ' || guest_email || ' ' || publish_audio || publish_screen FROM seats WHERE role = 'interpreter'",
    );
    assert_eq!(seat, "Aunt May p2@example.org 10");
}

#[tokio::test]
async fn the_expert_gives_changes_and_takes_seats_and_the_call_follows() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let agreed = desk.agreed(service).await;
    let room = agreed.meeting_room_name.clone().unwrap();
    desk.letters();
    for (actor, word) in [(customer(1), "not_yours"), (customer(2), "not_found"), (expert(9), "not_found")] {
        assert_eq!(code(desk.scheduler.add_seat(actor, agreed.id, guest(SeatRole::Observer), None).await), word);
    }
    let colleague =
        NewSeat { email: Some("P9@example.org".into()), name: None, role: SeatRole::Observer, permissions: None };
    let seat = desk.scheduler.add_seat(expert(8), agreed.id, colleague.clone(), Some(agreed.version)).await.unwrap();
    assert_eq!(
        (seat.user_id, seat.name.as_str(), seat.permissions),
        (Some(person(9)), "Person 9", Permissions::of(SeatRole::Observer))
    );
    assert_eq!(desk.letters(), ["seat_added 9"]);
    assert_eq!(code(desk.scheduler.add_seat(expert(8), agreed.id, colleague.clone(), None).await), "invalid_body");
    assert_eq!(
        code(desk.scheduler.add_seat(expert(8), agreed.id, colleague.clone(), Some(agreed.version)).await),
        "precondition_failed"
    );
    assert_eq!(
        code(desk.scheduler.add_seat(expert(8), agreed.id, guest(SeatRole::Client), None).await),
        "session_full"
    );
    let aunt = desk.scheduler.add_seat(admin(), agreed.id, guest(SeatRole::Observer), None).await.unwrap();
    assert_eq!(aunt.user_id, None);

    let speak = SeatChange { role: Some(SeatRole::Interpreter), permissions: None };
    assert_eq!(code(desk.scheduler.change_seat(Actor::Guest(aunt.id), aunt.id, speak, None).await), "not_yours");
    let changed = desk.scheduler.change_seat(expert(8), aunt.id, speak, None).await.unwrap();
    assert_eq!(changed.permissions, Permissions::of(SeatRole::Interpreter));
    assert!(desk.rooms.take()[0].starts_with(&format!("permit {room} {}", aunt.id)));
    let host = SeatChange { role: Some(SeatRole::Host), permissions: None };
    assert_eq!(code(desk.scheduler.change_seat(expert(8), aunt.id, host, None).await), "invalid_body");
    let client = seat_of(&desk, 1);
    let silent = SeatChange { role: Some(SeatRole::Observer), permissions: None };
    assert_eq!(code(desk.scheduler.change_seat(expert(8), client, silent, None).await), "invalid_body");

    assert_eq!(code(desk.scheduler.remove_seat(customer(1), aunt.id, None).await), "not_yours");
    desk.scheduler.remove_seat(expert(8), aunt.id, None).await.unwrap();
    assert_eq!(desk.rooms.take(), [format!("remove {room} {}", aunt.id)]);
    assert_eq!(code(desk.scheduler.remove_seat(expert(8), aunt.id, None).await), "not_found");
    // Whoever only attends may go as well, and be invited again.
    desk.scheduler.remove_seat(expert(9), seat.id, None).await.unwrap();
    let again = desk.scheduler.add_seat(expert(8), agreed.id, colleague, None).await.unwrap();
    assert_eq!((again.id, again.removed_at), (seat.id, None));
}

#[tokio::test]
async fn the_only_customer_is_sent_out_of_an_open_room_and_not_out_of_the_appointment_before() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { lobby: Some(Lobby::Off), ..advice() }).await;
    let agreed = desk.agreed(service).await;
    let (client, host) = (seat_of(&desk, 1), seat_of(&desk, 8));
    assert_eq!(code(desk.scheduler.remove_seat(expert(8), client, None).await), "invalid_body");
    assert_eq!(code(desk.scheduler.remove_seat(expert(8), host, None).await), "invalid_body");
    assert_eq!(code(desk.scheduler.remove_seat(customer(1), client, None).await), "not_yours");
    desk.go_to(at(TEN));
    let request = || TokenRequest { room_name: agreed.meeting_room_name.clone().unwrap(), identity: None };
    desk.scheduler.token(customer(1), request(), key()).await.unwrap();
    desk.scheduler.remove_seat(expert(8), client, None).await.unwrap();
    assert_eq!(code(desk.scheduler.token(customer(1), request(), key()).await), "removed");
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM room_tokens WHERE revoked_at IS NULL"), 0);
    let why = desk.scheduler.explain_join(customer(1), agreed.id, None).await.unwrap();
    assert!(!why.may_join && why.reasons.contains(&JoinReason::Removed), "{why:?}");
}

#[tokio::test]
async fn seats_do_not_change_once_it_is_over() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    let seat = desk.scheduler.add_seat(expert(8), asked.id, guest(SeatRole::Observer), None).await.unwrap().id;
    desk.scheduler.reject(expert(8), asked.id, "", None).await.unwrap();
    assert_eq!(
        code(desk.scheduler.add_seat(expert(8), asked.id, guest(SeatRole::Observer), None).await),
        "not_joinable"
    );
    assert_eq!(code(desk.scheduler.change_seat(expert(8), seat, SeatChange::default(), None).await), "not_joinable");
    assert_eq!(code(desk.scheduler.remove_seat(expert(8), seat, None).await), "not_joinable");
}

#[tokio::test]
async fn why_somebody_may_not_join_is_told_in_full() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    let why = async |actor| desk.scheduler.explain_join(actor, asked.id, None).await;
    let opens_at = at(TEN).minus(minutes(15));
    let early = JoinReason::WindowNotOpen { opens_at };
    let waits = JoinReason::LobbyWaiting { position: None, waiting: 0, since: None };
    assert_eq!(why(Actor::Anonymous).await.unwrap().reasons, [JoinReason::SignInRequired]);
    assert_eq!(code(why(customer(2)).await), "not_found");
    let pending = JoinReason::NotJoinable { appointment_status: Status::Pending };
    assert_eq!(why(customer(1)).await.unwrap().reasons, [pending, early.clone(), waits.clone()]);
    desk.scheduler.approve(expert(8), asked.id, "", None).await.unwrap();
    assert_eq!(why(expert(8)).await.unwrap().reasons, [early]);
    assert_eq!(why(admin()).await.unwrap().reasons, [JoinReason::NoSeat]);
    let of_seat = desk.scheduler.explain_join(expert(8), asked.id, Some(seat_of(&desk, 1))).await.unwrap();
    assert_eq!(of_seat.reasons.len(), 2);
    let foreign = desk.scheduler.explain_join(customer(1), asked.id, Some(seat_of(&desk, 8))).await;
    assert_eq!(code(foreign), "not_yours");

    desk.go_to(opens_at);
    assert!(why(expert(8)).await.unwrap().may_join);
    assert_eq!(why(customer(1)).await.unwrap().reasons, [waits]);
    let room_name = desk.look(asked.id).await.meeting_room_name.unwrap();
    let waiting = desk.scheduler.token(customer(1), TokenRequest { room_name, identity: None }, key()).await;
    assert_eq!(code(waiting), "lobby_waiting");
    let since = Some(opens_at);
    assert_eq!(
        why(customer(1)).await.unwrap().reasons,
        [JoinReason::LobbyWaiting { position: Some(1), waiting: 1, since }]
    );
    desk.scheduler.admit_next(expert(8)).await.unwrap();
    let why_not = why(customer(1)).await.unwrap();
    assert!(why_not.may_join && why_not.closes_at == Some(at("2027-01-11T11:30:00Z")));
    desk.go_to(at("2027-01-11T11:30:00Z"));
    let closed = JoinReason::WindowClosed { closed_at: at("2027-01-11T11:30:00Z") };
    assert_eq!(why(customer(1)).await.unwrap().reasons, [closed]);
}

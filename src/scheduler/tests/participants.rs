//! What participants see of their appointments, and what they can do with them.

use super::office::*;
use super::*;
use crate::ids::AppointmentId;
use crate::store::Actor;

async fn listed(desk: &Desk, actor: Actor, filter: AppointmentFilter) -> Vec<AppointmentId> {
    let listed = desk.scheduler.appointments(actor, filter, None, 100).await.unwrap();
    listed.into_iter().map(|it| it.appointment.id).collect()
}

fn tense(tense: Tense) -> AppointmentFilter {
    AppointmentFilter { tense: Some(tense), ..AppointmentFilter::default() }
}

#[tokio::test]
async fn everybody_lists_the_own_appointments_and_administrators_all() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let other = desk.scheduler.create_service(expert(9), person(9), advice()).await.unwrap().id;
    let first = desk.pending(service).await.id;
    let second = desk.scheduler.request(customer(2), asking(service, "2027-01-11T12:00:00Z")).await.unwrap().id;
    let third = desk.scheduler.request(customer(1), asking(other, "2027-01-11T15:00:00Z")).await.unwrap().id;
    let all = AppointmentFilter::default;
    assert_eq!(listed(&desk, customer(1), all()).await, [first, third]);
    assert_eq!(listed(&desk, customer(2), all()).await, [second]);
    assert_eq!(listed(&desk, customer(3), all()).await, []);
    assert_eq!(listed(&desk, expert(8), all()).await, [first, second]);
    assert_eq!(listed(&desk, admin(), all()).await, [first, second, third]);
    assert_eq!(code(desk.scheduler.appointments(Actor::Anonymous, all(), None, 10).await), "not_yours");
    let of_expert = AppointmentFilter { expert: Some(person(9)), ..all() };
    assert_eq!(listed(&desk, admin(), of_expert.clone()).await, [third]);
    // Asking for another's shows nothing of it.
    assert_eq!(listed(&desk, customer(2), of_expert).await, []);
    // A colleague who sits in sees it besides the own ones.
    let colleague =
        NewSeat { email: Some("p9@example.org".into()), name: None, role: SeatRole::Observer, permissions: None };
    desk.scheduler.add_seat(expert(8), first, colleague, None).await.unwrap();
    assert_eq!(listed(&desk, expert(9), all()).await, [first, third]);
    let side = |side| AppointmentFilter { side: Some(side), ..all() };
    assert_eq!(listed(&desk, expert(9), side(Side::Expert)).await, [third]);
    assert_eq!(listed(&desk, expert(9), side(Side::Participant)).await, [first]);
    let roles = desk.scheduler.appointments(expert(9), all(), None, 10).await.unwrap();
    assert_eq!(
        roles.iter().map(|it| it.own.as_ref().unwrap().role).collect::<Vec<_>>(),
        [SeatRole::Observer, SeatRole::Host]
    );
}

#[tokio::test]
async fn what_is_ahead_begins_with_the_next_and_what_is_behind_with_the_latest() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let mut ids = Vec::new();
    for hour in 9..14 {
        let start = format!("2027-01-11T{hour:02}:00:00Z");
        ids.push(desk.scheduler.request(customer(1), asking(service, &start)).await.unwrap().id);
    }
    desk.scheduler.reject(expert(8), ids[1], "", None).await.unwrap();
    desk.scheduler.cancel(customer(1), ids[3], "", None).await.unwrap();
    let hold = desk.hold(customer(1), wish(service, "2027-01-11T15:00:00Z")).await.unwrap().id;
    assert_eq!(listed(&desk, customer(1), tense(Tense::Upcoming)).await, [ids[0], ids[2], ids[4]]);
    assert_eq!(listed(&desk, customer(1), tense(Tense::Past)).await, [ids[3], ids[1]]);
    let statuses =
        |statuses: &[Status]| AppointmentFilter { statuses: statuses.to_vec(), ..AppointmentFilter::default() };
    assert_eq!(listed(&desk, customer(1), statuses(&[Status::Hold])).await, [hold]);
    assert_eq!(listed(&desk, expert(8), statuses(&[Status::Rejected, Status::Cancelled])).await, [ids[1], ids[3]]);
    let range =
        AppointmentFilter { from: Some(at(TEN)), to: Some(at("2027-01-11T12:00:00Z")), ..AppointmentFilter::default() };
    assert_eq!(listed(&desk, customer(1), range).await, [ids[1], ids[2]]);
    // What was only held, and given back, is nobody's past.
    desk.scheduler.cancel(customer(1), hold, "", None).await.unwrap();
    assert_eq!(listed(&desk, customer(1), tense(Tense::Past)).await, [ids[3], ids[1]]);
}

#[tokio::test]
async fn a_list_in_pieces_is_the_whole_list() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { duration_min: 30, ..advice() }).await;
    let other = desk
        .scheduler
        .create_service(expert(9), person(9), ServiceDraft { duration_min: 30, ..advice() })
        .await
        .unwrap()
        .id;
    for slot in 0..7u64 {
        let start = at("2027-01-11T09:00:00Z").plus(minutes(30 * slot));
        for (number, service) in [(1, service), (2, other)] {
            let wanted = Wanted::Start { service, starts_at: start, tz: "UTC".into() };
            let request = BookingRequest { wanted, note: String::new(), companions: Vec::new(), consent: None };
            desk.scheduler.request(customer(number), request).await.unwrap();
        }
    }
    for actor in [admin(), expert(8), customer(2)] {
        for filter in [AppointmentFilter::default(), tense(Tense::Upcoming), tense(Tense::Past)] {
            let whole = listed(&desk, actor, filter.clone()).await;
            let (mut pieces, mut after) = (Vec::new(), None);
            loop {
                let piece = desk.scheduler.appointments(actor, filter.clone(), after, 3).await.unwrap();
                after = piece.last().map(Detail::mark);
                if piece.is_empty() {
                    break;
                }
                pieces.extend(piece.into_iter().map(|it| it.appointment.id));
            }
            assert_eq!(pieces, whole, "{actor:?} {filter:?}");
        }
    }
}

#[tokio::test]
async fn lists_come_out_of_an_index_in_their_order() {
    let desk = Desk::empty();
    for (source, index) in [
        ("expert_id = 'x'", "appointments_expert (expert_id=?"),
        ("customer_id = 'x'", "appointments_customer (customer_id=?"),
        ("starts_at IS NOT NULL", "appointments_starts"),
    ] {
        // Readers may not explain; the writer sees the same views.
        let rows = desk
            .scheduler
            .write(move |tx| {
                let mut query = tx.prepare(&format!(
                    "EXPLAIN QUERY PLAN SELECT * FROM my_appointments WHERE {source} AND (starts_at, id) > (5, 'y')
                     ORDER BY starts_at, id LIMIT 50"
                ))?;
                let rows = query.query_map([], |row| row.get::<_, String>(3))?.collect::<Result<Vec<_>, _>>()?;
                Ok(rows.join("; "))
            })
            .await
            .unwrap();
        assert!(rows.contains(index), "{source}: {rows}");
        assert!(!rows.contains("TEMP B-TREE FOR ORDER BY"), "{source}: {rows}");
    }
}

#[tokio::test]
async fn an_appointment_is_seen_with_its_seats_by_its_own_people_only() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { capacity: 3, approval: Approval::Auto, ..advice() }).await;
    let id = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap().id;
    desk.clock.advance(minutes(1));
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    for stranger in [customer(3), expert(9), Actor::Anonymous] {
        assert_eq!(code(desk.scheduler.appointment(stranger, id).await), "not_found");
    }
    let names = async |actor| {
        let detail = desk.scheduler.appointment(actor, id).await.unwrap();
        let names: Vec<_> = detail.seats.iter().map(|seat| seat.name.clone()).collect();
        (names.join(","), detail.customers, detail.own.map(|seat| seat.name))
    };
    let name = |text: &str| Some(text.to_owned());
    assert_eq!(names(expert(8)).await, ("Person 8,Person 1,Person 2".into(), 2, name("Person 8")));
    assert_eq!(names(admin()).await, ("Person 8,Person 1,Person 2".into(), 2, None));
    assert_eq!(names(customer(2)).await, ("Person 8,Person 2".into(), 2, name("Person 2")));
    // Who left sees what was booked, and has no seat in it.
    desk.scheduler.cancel(customer(1), id, "", None).await.unwrap();
    assert_eq!(names(customer(1)).await.2, None);
    assert_eq!(names(expert(8)).await, ("Person 8,Person 1,Person 2".into(), 1, name("Person 8")));
    desk.scheduler.cancel(customer(2), id, "", None).await.unwrap();
}

#[tokio::test]
async fn actions_are_what_the_commands_would_let_pass() {
    use Action::*;
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { cancel_notice_min: 60, reschedule_notice_min: 120, ..advice() }).await;
    let can = async |actor, id| desk.scheduler.appointment(actor, id).await.unwrap().actions;
    let hold = desk.hold(customer(1), wish(service, TEN)).await.unwrap();
    assert_eq!(can(customer(1), hold.id).await, [Request, Cancel]);
    let id = desk.scheduler.request(customer(1), holding(&hold)).await.unwrap().id;
    assert_eq!(can(customer(1), id).await, [Reschedule, Cancel, Propose]);
    assert_eq!(can(expert(8), id).await, [Approve, Reject, Reschedule, Cancel, ChangeWindow, ChangeSeats, Propose]);
    desk.scheduler.propose(customer(1), id, moved_to("2027-01-11T12:00:00Z"), None).await.unwrap();
    assert_eq!(can(customer(1), id).await, [Reschedule, Cancel, Propose, DeclineProposal]);
    assert!(can(admin(), id).await.ends_with(&[Propose, AcceptProposal, DeclineProposal]));
    desk.scheduler.approve(expert(8), id, "", None).await.unwrap();
    // A service that was switched off keeps its terms.
    desk.scheduler.set_service_active(expert(8), service, false, None).await.unwrap();
    desk.go_to(at(TEN).minus(minutes(60)));
    assert_eq!(can(customer(1), id).await, [Cancel, Propose]);
    desk.go_to(at(TEN).minus(minutes(15)));
    assert_eq!(can(customer(1), id).await, [Join, Propose]);
    assert_eq!(can(expert(8), id).await, [Reschedule, Cancel, Extend, ChangeWindow, ChangeSeats, Join, Propose]);
    desk.scheduler.complete(expert(8), id, None).await.unwrap_err();
    desk.go_to(at(TEN));
    desk.scheduler.complete(expert(8), id, None).await.unwrap();
    assert_eq!((can(customer(1), id).await, can(expert(8), id).await), (vec![], vec![Correct]));
}

#[tokio::test]
async fn history_tells_who_did_what_without_the_audit_logs_secrets() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { capacity: 2, ..advice() }).await;
    let id = desk.pending(service).await.id;
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    desk.scheduler.approve(admin(), id, "", None).await.unwrap();
    desk.scheduler.reschedule(expert(8), id, moved_to("2027-01-11T12:00:00Z"), None).await.unwrap();
    let told = async |actor| {
        let entries = desk.scheduler.history(actor, id).await.unwrap();
        let one = |it: &HistoryEntry| format!("{} {:?} {}", it.what, it.by, it.name.as_deref().unwrap_or("-"));
        entries.iter().map(one).collect::<Vec<_>>()
    };
    let all =
        ["requested Customer Person 1", "joined Customer Person 2", "approved Admin -", "rescheduled Expert Person 8"];
    assert_eq!(told(expert(8)).await, all);
    assert_eq!(
        told(customer(2)).await,
        ["requested Customer -", "joined Customer Person 2", "approved Admin -", "rescheduled Expert Person 8"]
    );
    assert_eq!(
        told(customer(1)).await,
        ["requested Customer Person 1", "approved Admin -", "rescheduled Expert Person 8"]
    );
    let last = desk.scheduler.history(customer(1), id).await.unwrap().pop().unwrap();
    assert_eq!(last.detail["previousStartsAt"], "2027-01-11T10:00:00Z");
    assert!(!last.detail.contains_key("seatId") && !last.detail.contains_key("outsideHours"));
    assert_eq!(code(desk.scheduler.history(customer(3), id).await), "not_found");
}

#[tokio::test]
async fn a_day_is_as_long_as_its_clocks_have_it() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { buffer_after_min: 30, ..advice() }).await;
    let booking = |start: &str| BookFor {
        customer: person(1),
        service,
        starts_at: at(start),
        outside_hours: true,
        message: String::new(),
        companions: Vec::new(),
    };
    // Ends at midnight in Rome, with its buffer after it.
    let late = desk.scheduler.book_for(expert(8), booking("2027-01-11T22:00:00Z")).await.unwrap().id;
    let ten = desk.scheduler.book_for(expert(8), booking(TEN)).await.unwrap().id;
    let gone = desk.scheduler.book_for(expert(8), booking("2027-01-11T13:00:00Z")).await.unwrap().id;
    desk.scheduler.cancel(expert(8), gone, "", None).await.unwrap();
    let day =
        async |actor, date: &str| desk.scheduler.day(actor, person(8), date.parse().unwrap(), "europe/rome").await;
    let monday = day(expert(8), "2027-01-11").await.unwrap();
    assert_eq!(monday.appointments.iter().map(|it| it.id).collect::<Vec<_>>(), [ten, late]);
    assert_eq!(
        (monday.tz.as_str(), monday.span),
        ("Europe/Rome", span("2027-01-10T23:00:00Z", "2027-01-11T23:00:00Z"))
    );
    assert_eq!(monday.open, [span("2027-01-11T09:00:00Z", "2027-01-11T17:00:00Z")]);
    assert_eq!(day(admin(), "2027-01-12").await.unwrap().appointments.len(), 1);
    let short = day(expert(8), "2027-03-28").await.unwrap().span;
    assert_eq!(short.to.since(short.from), minutes(23 * 60));
    for stranger in [customer(1), expert(9), Actor::Anonymous] {
        assert_eq!(code(day(stranger, "2027-01-11").await), "not_yours");
    }
}

//! Other times, cancellations, and how appointments are put down as having ended.

use super::office::*;
use super::*;

const NOON: &str = "2027-01-11T12:00:00Z";

#[tokio::test]
async fn a_move_is_of_the_same_row_room_and_calendar_entry() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let before = desk.agreed(service).await;
    assert_eq!(desk.reminders(1), 3);
    desk.letters();
    let after = desk.scheduler.reschedule(expert(8), before.id, moved_to(NOON), Some(before.version)).await.unwrap();
    assert_eq!(
        (after.id, after.status, after.starts_at, after.ends_at),
        (before.id, Status::Approved, at(NOON), at(NOON).plus(minutes(60)))
    );
    assert_eq!((&after.meeting_room_name, &after.ical_uid), (&before.meeting_room_name, &before.ical_uid));
    assert!(after.ical_sequence > before.ical_sequence);
    assert_eq!(desk.letters(), ["rescheduled 1", "rescheduled 8"]);
    assert_eq!(desk.reminders(1), 3);
    let detail: String = desk.value("SELECT detail FROM audit_log WHERE action = 'appointment.rescheduled'");
    assert!(detail.contains(r#""previousStartsAt":"2027-01-11T10:00:00Z""#), "{detail}");
    // The old time is free, and may be taken up again by the same one.
    desk.scheduler.request(customer(2), asking(service, TEN)).await.unwrap();
    assert_eq!(code(desk.scheduler.reschedule(expert(8), before.id, moved_to(TEN), None).await), "slot_taken");
}

#[tokio::test]
async fn a_move_may_overlap_the_time_that_is_left() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { step_min: Some(15), reapprove: false, ..advice() }).await;
    let before = desk.agreed(service).await;
    let quarter_past = "2027-01-11T10:15:00Z";
    let search = SlotSearch { service, range: span(MONDAY.0, MONDAY.1), tz: "UTC".into(), moving: Some(before.id) };
    let offered = desk.scheduler.slots(customer(1), search.clone()).await.unwrap().slots;
    assert!(offered.iter().any(|offered| offered.slot.starts_at == at(quarter_past)));
    assert_eq!(code(desk.scheduler.slots(customer(2), search).await), "not_found");
    let after = desk.scheduler.reschedule(customer(1), before.id, moved_to(quarter_past), None).await.unwrap();
    assert_eq!((after.starts_at, after.status), (at(quarter_past), Status::Approved));
}

#[tokio::test]
async fn a_customers_move_wants_the_experts_answer_where_the_service_says_so() {
    let desk = Desk::open().await;
    for (approval, reapprove, status) in [
        (Approval::Manual, true, Status::Pending),
        (Approval::Manual, false, Status::Approved),
        (Approval::Auto, true, Status::Approved),
    ] {
        let service = desk.service(ServiceDraft { approval, reapprove, ..advice() }).await;
        let booking = BookFor {
            customer: person(1),
            service,
            starts_at: at(TEN),
            outside_hours: false,
            message: String::new(),
            companions: Vec::new(),
        };
        let before = desk.scheduler.book_for(expert(8), booking).await.unwrap();
        let after = desk.scheduler.reschedule(customer(1), before.id, moved_to(NOON), None).await.unwrap();
        assert_eq!((after.status, after.starts_at), (status, at(NOON)));
        assert_eq!(after.meeting_room_name, before.meeting_room_name);
        desk.scheduler.cancel(admin(), after.id, "", None).await.unwrap();
    }
}

#[tokio::test]
async fn a_customer_moves_until_the_notice_and_to_what_is_offered() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { reschedule_notice_min: 60, reapprove: false, ..advice() }).await;
    let agreed = desk.agreed(service).await;
    let to = |start| desk.scheduler.reschedule(customer(1), agreed.id, moved_to(start), None);
    assert_eq!(code(to("2027-01-11T12:30:00Z").await), "not_offered");
    assert_eq!(code(to("2027-01-11T20:00:00Z").await), "not_offered");
    let outside = Move { outside_hours: true, ..moved_to("2027-01-11T20:00:00Z") };
    assert_eq!(code(desk.scheduler.reschedule(customer(1), agreed.id, outside.clone(), None).await), "not_offered");
    let limit = at(TEN).minus(minutes(60));
    desk.go_to(limit.plus(Duration::from_secs(1)));
    match to(NOON).await {
        Err(Error::Conflict(Conflict::TooLate { until })) => assert_eq!(until, limit),
        other => panic!("{other:?}"),
    }
    // The expert is exempt, also from the hours when that is said.
    assert_eq!(
        code(desk.scheduler.reschedule(expert(8), agreed.id, moved_to("2027-01-11T20:00:00Z"), None).await),
        "not_offered"
    );
    desk.scheduler.reschedule(expert(8), agreed.id, outside, None).await.unwrap();
    let nowhere = moved_to("2027-01-11T20:00:00Z");
    assert_eq!(code(desk.scheduler.reschedule(expert(8), agreed.id, nowhere.clone(), None).await), "invalid_body");
    assert_eq!(code(desk.scheduler.propose(expert(8), agreed.id, nowhere, None).await), "invalid_body");
    for actor in [customer(2), expert(9)] {
        assert_eq!(code(desk.scheduler.reschedule(actor, agreed.id, moved_to(NOON), None).await), "not_found");
    }

    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { reschedule_notice_min: 60, reapprove: false, ..advice() }).await;
    let agreed = desk.agreed(service).await;
    desk.go_to(limit);
    desk.scheduler.reschedule(customer(1), agreed.id, moved_to(NOON), None).await.unwrap();
}

#[tokio::test]
async fn a_move_onto_another_appointment_of_the_customer_is_refused() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let other = desk.scheduler.create_service(expert(9), person(9), advice()).await.unwrap().id;
    let agreed = desk.agreed(service).await;
    desk.scheduler.request(customer(1), asking(other, NOON)).await.unwrap();
    assert_eq!(code(desk.scheduler.reschedule(expert(8), agreed.id, moved_to(NOON), None).await), "customer_overlap");
}

#[tokio::test]
async fn what_is_over_is_not_moved() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    desk.scheduler.reject(expert(8), asked.id, "", None).await.unwrap();
    assert_eq!(code(desk.scheduler.reschedule(expert(8), asked.id, moved_to(NOON), None).await), "illegal_transition");
    assert_eq!(code(desk.scheduler.propose(customer(1), asked.id, moved_to(NOON), None).await), "illegal_transition");
    assert_eq!(code(desk.scheduler.cancel(customer(1), asked.id, "", None).await), "illegal_transition");
}

/// An approved appointment whose room is open and has both sides in it.
async fn talking(desk: &Desk, draft: ServiceDraft) -> (Appointment, String) {
    let service = desk.service(draft).await;
    let agreed = desk.agreed(service).await;
    let room = agreed.meeting_room_name.clone().unwrap();
    desk.go_to(at(TEN));
    for user in [1, 8] {
        let seat: String = desk.value(&format!("SELECT id FROM seats WHERE user_id = '{}'", person(user)));
        let kind = CallFactKind::Joined { sid: format!("PA_{user}"), identity: seat, name: "x".into() };
        let fact = CallFact { room: room.clone(), at: desk.scheduler.now(), kind };
        desk.scheduler.witness(fact).await.unwrap();
    }
    assert_eq!(desk.look(agreed.id).await.status, Status::InProgress);
    (agreed, room)
}

#[tokio::test]
async fn a_call_that_is_moved_to_another_day_ends_and_what_was_granted_for_it_lapses() {
    let desk = Desk::open().await;
    let (agreed, room) = talking(&desk, advice()).await;
    let seat: String = desk.value("SELECT id FROM seats WHERE role = 'client'");
    desk.scheduler.admit(expert(8), seat.parse().unwrap()).await.unwrap();
    desk.scheduler.extend(expert(8), agreed.id).await.unwrap();
    assert_eq!(
        code(desk.scheduler.reschedule(customer(1), agreed.id, moved_to("2027-01-12T10:00:00Z"), None).await),
        "illegal_transition"
    );
    desk.rooms.take();
    let moved = desk.scheduler.reschedule(expert(8), agreed.id, moved_to("2027-01-12T10:00:00Z"), None).await.unwrap();
    assert_eq!(desk.rooms.take(), [format!("close {room} rescheduled")]);
    assert_eq!(
        (moved.status, moved.extended, moved.extensions, moved.in_progress_at),
        (Status::Approved, Duration::ZERO, 0, None)
    );
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM seats WHERE admitted_at IS NOT NULL"), 0);
    // Who came on the first day has not come on the second.
    desk.go_to(at("2027-01-12T12:00:00Z"));
    desk.scheduler.sweep().await.unwrap();
    assert_eq!(desk.look(agreed.id).await.no_show, Some(NoShow::Both));
}

#[tokio::test]
async fn whoever_is_in_a_room_that_stays_open_is_told_of_the_new_time() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { step_min: Some(15), ..advice() }).await;
    let agreed = desk.agreed(service).await;
    desk.go_to(at(TEN).minus(minutes(5)));
    desk.scheduler.reschedule(expert(8), agreed.id, moved_to("2027-01-11T10:10:00Z"), None).await.unwrap();
    let asked = desk.rooms.take();
    assert!(asked.len() == 1 && asked[0].starts_with("notice") && asked[0].contains("rescheduled"), "{asked:?}");
    // Moved by the customer it is not approved any more, and nobody may be in it.
    desk.scheduler.reschedule(customer(1), agreed.id, moved_to("2027-01-11T10:15:00Z"), None).await.unwrap();
    assert!(desk.rooms.take()[0].starts_with("close"));
}

#[tokio::test]
async fn a_customer_cancels_until_the_notice_and_experts_always() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { cancel_notice_min: 60, ..advice() }).await;
    let limit = at(TEN).minus(minutes(60));
    let agreed = desk.agreed(service).await;
    desk.letters();
    assert_eq!(code(desk.scheduler.cancel(customer(2), agreed.id, "", None).await), "not_found");
    assert_eq!(code(desk.scheduler.cancel(customer(1), agreed.id, "", Some(0)).await), "precondition_failed");
    desk.go_to(limit.plus(Duration::from_secs(1)));
    match desk.scheduler.cancel(customer(1), agreed.id, "", None).await {
        Err(Error::Conflict(Conflict::TooLate { until })) => assert_eq!(until, limit),
        other => panic!("{other:?}"),
    }
    let called_off = desk.scheduler.cancel(expert(8), agreed.id, "I am ill", None).await.unwrap();
    assert_eq!((called_off.status, called_off.cancelled_by.as_deref()), (Status::Cancelled, Some("expert")));
    assert_eq!(called_off.decision_message, "I am ill");
    assert_eq!(desk.letters(), ["cancelled 1", "cancelled 8"]);
    assert_eq!(desk.reminders(1), 0);
    assert_eq!(desk.rooms.take(), [format!("close {} cancelled", agreed.meeting_room_name.unwrap())]);

    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { cancel_notice_min: 60, ..advice() }).await;
    let agreed = desk.agreed(service).await;
    let asked = desk.scheduler.request(customer(2), asking(service, "2027-01-11T12:00:00Z")).await.unwrap();
    desk.go_to(limit);
    let cancelled = desk.scheduler.cancel(customer(1), agreed.id, "", None).await.unwrap();
    assert_eq!(cancelled.cancelled_by.as_deref(), Some("customer"));
    // What is only asked for binds nobody.
    desk.go_to(at("2027-01-11T11:59:59Z"));
    desk.scheduler.cancel(customer(2), asked.id, "", None).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_call_ends_and_a_customer_does_not_cancel_what_has_begun() {
    let desk = Desk::open().await;
    let (agreed, room) = talking(&desk, advice()).await;
    desk.clock.advance(Duration::from_secs(1));
    assert_eq!(code(desk.scheduler.cancel(customer(1), agreed.id, "", None).await), "too_late");
    desk.rooms.take();
    desk.scheduler.cancel(admin(), agreed.id, "", None).await.unwrap();
    assert_eq!(desk.rooms.take(), [format!("close {room} cancelled")]);
    assert_eq!(desk.look(agreed.id).await.cancelled_by.as_deref(), Some("admin"));
}

#[tokio::test]
async fn the_expert_says_that_it_is_done_and_corrects_what_was_put_down() {
    let desk = Desk::open().await;
    let (agreed, room) = talking(&desk, advice()).await;
    for actor in [customer(1), customer(2)] {
        let refused = desk.scheduler.complete(actor, agreed.id, None).await;
        assert_eq!(code(refused), if actor == customer(1) { "not_yours" } else { "not_found" });
    }
    desk.rooms.take();
    desk.letters();
    let done = desk.scheduler.complete(expert(8), agreed.id, None).await.unwrap();
    assert_eq!((done.status, done.completed_at), (Status::Completed, Some(desk.scheduler.now())));
    assert_eq!(desk.rooms.take(), [format!("close {room} completed")]);
    assert_eq!(desk.letters(), ["completed 1"]);
    assert_eq!(code(desk.scheduler.complete(expert(8), agreed.id, None).await), "illegal_transition");

    assert_eq!(code(desk.scheduler.correct(customer(1), agreed.id, Correction::Completed, None).await), "not_yours");
    let correct = |correction| desk.scheduler.correct(expert(8), agreed.id, correction, None);
    for side in [NoShow::Customer, NoShow::Both, NoShow::Expert] {
        let corrected = correct(Correction::NoShow(side)).await.unwrap();
        assert_eq!((corrected.status, corrected.no_show, corrected.completed_at), (Status::NoShow, Some(side), None));
    }
    let corrected = correct(Correction::Completed).await.unwrap();
    assert_eq!((corrected.status, corrected.no_show), (Status::Completed, None));
    assert!(desk.letters().is_empty());
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM audit_log WHERE action = 'appointment.corrected'"), 4);
    correct(Correction::Completed).await.unwrap();
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM audit_log WHERE action = 'appointment.corrected'"), 4);
}

#[tokio::test]
async fn what_has_not_begun_is_neither_done_nor_corrected() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let agreed = desk.agreed(service).await;
    desk.go_to(at(TEN).minus(Duration::from_secs(1)));
    assert_eq!(code(desk.scheduler.complete(expert(8), agreed.id, None).await), "illegal_transition");
    let no_show = Correction::NoShow(NoShow::Customer);
    assert_eq!(code(desk.scheduler.correct(admin(), agreed.id, no_show, None).await), "illegal_transition");
    desk.go_to(at(TEN));
    desk.scheduler.complete(expert(8), agreed.id, None).await.unwrap();
}

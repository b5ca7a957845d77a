//! Holds, requests and decisions, with every refusal.

use super::office::*;
use super::*;
use crate::store::{Actor, Role};

#[tokio::test]
async fn a_hold_is_the_customers_for_ten_minutes_and_becomes_a_request() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let hold = desk.hold(customer(1), wish(service, TEN)).await.unwrap();
    assert_eq!(hold.status, Status::Hold);
    assert_eq!(hold.hold_expires_at, Some(desk.scheduler.now().plus(HOLD_TIME)));
    assert_eq!(code(desk.hold(customer(2), wish(service, TEN)).await), "slot_taken");
    assert!(desk.letters().is_empty());

    desk.go_to(hold.hold_expires_at.unwrap().minus(Duration::from_millis(1)));
    assert_eq!(code(desk.hold(customer(2), wish(service, TEN)).await), "slot_taken");
    let asked = desk.scheduler.request(customer(1), holding(&hold)).await.unwrap();
    assert_eq!((asked.id, asked.status, asked.hold_expires_at), (hold.id, Status::Pending, None));
    assert_eq!(asked.customer_note, "My knee hurts");
    assert_eq!(asked.meeting_room_name, None);
    assert_eq!(desk.letters(), ["request_received 1", "requested 8"]);
    assert_eq!(desk.audited(), "held requested");
    // It is a hold no more.
    assert_eq!(code(desk.scheduler.request(customer(1), holding(&hold)).await), "illegal_transition");
}

#[tokio::test]
async fn a_hold_that_has_lapsed_is_somebody_elses_to_take() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let hold = desk.hold(customer(1), wish(service, TEN)).await.unwrap();
    desk.go_to(hold.hold_expires_at.unwrap());
    // Nobody has swept, and yet it is offered.
    let search = SlotSearch { service, range: span(MONDAY.0, MONDAY.1), tz: "UTC".into(), moving: None };
    let offered = desk.scheduler.slots(customer(2), search).await.unwrap().slots;
    assert!(offered.iter().any(|offered| offered.slot.starts_at == at(TEN)));
    desk.hold(customer(2), wish(service, TEN)).await.unwrap();
    assert_eq!(code(desk.scheduler.request(customer(1), holding(&hold)).await), "hold_expired");
    assert_eq!(desk.look(hold.id).await.status, Status::Expired);
}

#[tokio::test]
async fn a_customer_holds_three_times_at_once_and_may_change_one_for_another() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let mut last = None;
    for start in ["2027-01-11T09:00:00Z", TEN, "2027-01-11T11:00:00Z"] {
        last = Some(desk.hold(customer(1), wish(service, start)).await.unwrap());
    }
    let noon = wish(service, "2027-01-11T12:00:00Z");
    assert_eq!(code(desk.hold(customer(1), noon.clone()).await), "too_many_holds");
    desk.hold(customer(2), wish(service, "2027-01-11T13:00:00Z")).await.unwrap();
    let older = last.unwrap().id;
    let instead = HoldRequest { replaces: Some(older), ..noon };
    desk.hold(customer(1), instead).await.unwrap();
    assert_eq!(desk.look(older).await.status, Status::Cancelled);
    // Another's hold is not the caller's to change.
    let theirs = desk.hold(customer(2), wish(service, "2027-01-11T11:00:00Z")).await.unwrap().id;
    let foreign = HoldRequest { replaces: Some(theirs), ..wish(service, "2027-01-11T14:00:00Z") };
    assert_eq!(code(desk.hold(customer(3), foreign).await), "not_found");
    assert_eq!(desk.look(theirs).await.status, Status::Hold);
}

#[tokio::test]
async fn a_hold_is_given_back_without_a_word() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let hold = desk.hold(customer(1), wish(service, TEN)).await.unwrap();
    assert_eq!(code(desk.scheduler.cancel(customer(2), hold.id, "", None).await), "not_found");
    let given_back = desk.scheduler.cancel(customer(1), hold.id, "", None).await.unwrap();
    assert_eq!(given_back.status, Status::Cancelled);
    assert!(desk.letters().is_empty());
    desk.hold(customer(2), wish(service, TEN)).await.unwrap();
}

#[tokio::test]
async fn only_customers_book_for_themselves() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    for actor in [
        Actor::Anonymous,
        expert(8),
        expert(9),
        admin(),
        Actor::Guest("00000000-0000-7000-8003-000000000001".parse().unwrap()),
    ] {
        assert_eq!(code(desk.hold(actor, wish(service, TEN)).await), "not_yours");
        assert_eq!(code(desk.scheduler.request(actor, asking(service, TEN)).await), "not_yours");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_refused_with_its_reasons() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { min_notice_min: 60, ..advice() }).await;
    for (start, reason) in [
        ("2027-01-11T10:30:00Z", "off_grid"),
        ("2027-01-11T18:00:00Z", "outside_availability"),
        ("2027-01-10T09:30:00Z", "below_notice"),
        ("2027-01-10T08:00:00Z", "past"),
        ("2027-06-11T10:00:00Z", "beyond_horizon"),
    ] {
        for result in [
            desk.hold(customer(1), wish(service, start)).await,
            desk.scheduler.request(customer(1), asking(service, start)).await,
        ] {
            let Err(Error::Conflict(Conflict::NotOffered(reasons))) = result else { panic!("{start}: {result:?}") };
            let codes: Vec<_> = reasons.iter().map(|it| serde_json::to_value(it).unwrap()["code"].clone()).collect();
            assert!(codes.contains(&reason.into()), "{start}: {codes:?}");
        }
    }
    for time in [i64::MIN, i64::MAX] {
        let never = HoldRequest { starts_at: UnixTime(time), ..wish(service, TEN) };
        assert_eq!(code(desk.hold(customer(1), never).await), "not_offered");
    }
    let nowhere = HoldRequest { tz: "Nowhere".into(), ..wish(service, TEN) };
    assert_eq!(code(desk.hold(customer(1), nowhere).await), "invalid_body");
    let long = BookingRequest { note: "x".repeat(5_001), ..asking(service, TEN) };
    assert_eq!(code(desk.scheduler.request(customer(1), long).await), "invalid_body");
}

#[tokio::test]
async fn notice_counts_to_the_second() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { min_notice_min: 120, ..advice() }).await;
    let last = at(TEN).minus(minutes(120));
    desk.go_to(last.minus(Duration::from_secs(1)));
    desk.scheduler.explain(customer(1), service, at(TEN)).await.unwrap();
    desk.go_to(last);
    let hold = desk.hold(customer(1), wish(service, TEN)).await.unwrap();
    desk.scheduler.cancel(customer(1), hold.id, "", None).await.unwrap();
    desk.go_to(last.plus(Duration::from_secs(1)));
    assert_eq!(code(desk.hold(customer(1), wish(service, TEN)).await), "not_offered");
}

#[tokio::test]
async fn a_service_that_is_not_offered_takes_no_bookings_and_neither_does_a_hidden_expert() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let hold = desk.hold(customer(1), wish(service, TEN)).await.unwrap();
    desk.scheduler.set_service_active(expert(8), service, false, None).await.unwrap();
    assert_eq!(code(desk.scheduler.request(customer(1), holding(&hold)).await), "service_inactive");
    assert_eq!(code(desk.hold(customer(1), wish(service, TEN)).await), "service_inactive");
    desk.scheduler.set_service_active(expert(8), service, true, None).await.unwrap();
    desk.sql("UPDATE expert_profiles SET published = 0");
    assert_eq!(code(desk.scheduler.request(customer(2), asking(service, TEN)).await), "service_inactive");
    let unknown = "00000000-0000-7000-8001-999999999999".parse().unwrap();
    assert_eq!(code(desk.hold(customer(1), wish(unknown, TEN)).await), "not_found");
}

#[tokio::test]
async fn nobody_is_in_two_places() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let other = desk.scheduler.create_service(expert(9), person(9), advice()).await.unwrap().id;
    desk.pending(service).await;
    assert_eq!(code(desk.scheduler.request(customer(1), asking(other, TEN)).await), "customer_overlap");
    let why = desk.scheduler.explain(customer(1), other, at(TEN)).await.unwrap();
    assert!(why.explanation.reasons.is_empty() && why.own_appointment.is_some());
    desk.scheduler.request(customer(2), asking(other, TEN)).await.unwrap();
}

#[tokio::test]
async fn an_appointment_keeps_what_its_service_had() {
    let desk = Desk::open().await;
    let draft = draft(
        r#"{"title":"Advice","durationMin":60,"bufferBeforeMin":10,"bufferAfterMin":20,"minNoticeMin":0,
           "lobby":"off","keepChat":false,"openBeforeMin":5,"closeAfterMin":7,"closeAnchor":"start"}"#,
    );
    let service = desk.service(draft).await;
    let asked = desk.pending(service).await;
    desk.scheduler
        .update_service(expert(8), service, ServiceDraft { duration_min: 30, ..advice() }, None)
        .await
        .unwrap();
    let kept = desk.look(asked.id).await;
    assert_eq!((kept.busy_from, kept.busy_to), (at(TEN).minus(minutes(10)), at(TEN).plus(minutes(80))));
    assert_eq!((kept.lobby, kept.keep_chat, kept.title.as_str()), (Lobby::Off, false, "Advice"));
    let overrides = WindowOverrides {
        before: Some(minutes(5)),
        after: Some(minutes(7)),
        anchor: Some(CloseAnchor::Start),
        extension: None,
    };
    assert_eq!(kept.overrides, overrides);
    assert_eq!((kept.tz.as_str(), kept.ical_uid), ("Europe/Rome", format!("{}@visavis", kept.id)));
}

#[tokio::test]
async fn what_approves_itself_has_a_room_at_once_with_eighty_random_bits() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { approval: Approval::Auto, ..advice() }).await;
    let first = desk.scheduler.request(customer(1), asking(service, TEN)).await.unwrap();
    let hold = desk.hold(customer(2), wish(service, "2027-01-11T12:00:00Z")).await.unwrap();
    let second = desk.scheduler.request(customer(2), holding(&hold)).await.unwrap();
    let secret = |it: &Appointment| it.meeting_room_name.clone().unwrap().rsplit('-').next().unwrap().to_owned();
    for it in [&first, &second] {
        assert_eq!((it.status, secret(it).len()), (Status::Approved, 20));
    }
    assert_ne!(secret(&first), secret(&second));
    assert_eq!(desk.letters(), ["approved 1", "approved 2", "approved 8", "approved 8"]);
    assert_eq!(desk.reminders(1), 3);
}

#[tokio::test]
async fn the_expert_decides_and_says_something_to_it() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    desk.letters();
    for stranger in [customer(2), expert(9), Actor::Anonymous] {
        assert_eq!(code(desk.scheduler.approve(stranger, asked.id, "", None).await), "not_found");
        assert_eq!(code(desk.scheduler.reject(stranger, asked.id, "", None).await), "not_found");
    }
    assert_eq!(code(desk.scheduler.approve(customer(1), asked.id, "", None).await), "not_yours");
    assert_eq!(
        code(desk.scheduler.approve(expert(8), asked.id, "", Some(asked.version - 1)).await),
        "precondition_failed"
    );
    assert_eq!(code(desk.scheduler.approve(expert(8), asked.id, "\u{0}", None).await), "invalid_body");
    let agreed = desk.scheduler.approve(expert(8), asked.id, " Welcome ", Some(asked.version)).await.unwrap();
    assert_eq!((agreed.status, agreed.decision_message.as_str()), (Status::Approved, "Welcome"));
    assert!(agreed.meeting_url.is_some());
    assert_eq!(desk.letters(), ["approved 1", "approved 8"]);
    assert_eq!(code(desk.scheduler.approve(expert(8), asked.id, "", None).await), "illegal_transition");
    assert_eq!(code(desk.scheduler.reject(expert(8), asked.id, "", None).await), "illegal_transition");

    let other = desk.scheduler.request(customer(2), asking(service, "2027-01-11T12:00:00Z")).await.unwrap();
    desk.letters();
    let rejected = desk.scheduler.reject(admin(), other.id, "On holiday", Some(other.version)).await.unwrap();
    assert_eq!((rejected.status, rejected.decision_message.as_str()), (Status::Rejected, "On holiday"));
    assert_eq!(desk.letters(), ["rejected 2"]);
    desk.scheduler.request(customer(3), asking(service, "2027-01-11T12:00:00Z")).await.unwrap();
}

#[tokio::test]
async fn what_should_have_begun_is_approved_no_more() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    desk.go_to(at(TEN));
    assert_eq!(code(desk.scheduler.approve(expert(8), asked.id, "", None).await), "too_late");
}

#[tokio::test]
async fn experts_book_for_customers_without_notice_and_administrators_for_any_expert() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { min_notice_min: 24 * 60 * 3, ..advice() }).await;
    let booking = |start: &str| BookFor {
        customer: person(1),
        service,
        starts_at: at(start),
        outside_hours: false,
        message: "As discussed".into(),
        companions: Vec::new(),
    };
    let booked = desk.scheduler.book_for(expert(8), booking("2027-01-11T10:25:00Z")).await.unwrap();
    assert_eq!((booked.status, booked.customer_id), (Status::Approved, person(1)));
    assert_eq!(desk.letters(), ["approved 1", "approved 8"]);
    assert_eq!(code(desk.scheduler.book_for(expert(9), booking(TEN)).await), "not_yours");
    assert_eq!(code(desk.scheduler.book_for(customer(1), booking(TEN)).await), "not_yours");
    let elsewhere = BookFor { customer: person(2), ..booking(TEN) };
    assert_eq!(code(desk.scheduler.book_for(expert(8), elsewhere).await), "slot_taken");
    for start in ["2027-01-11T20:00:00Z", "2027-01-11T08:30:00Z"] {
        assert_eq!(code(desk.scheduler.book_for(admin(), booking(start)).await), "not_offered");
    }
    let late = BookFor { outside_hours: true, ..booking("2027-01-11T20:00:00Z") };
    desk.scheduler.book_for(admin(), late).await.unwrap();
    for start in ["2027-01-10T08:00:00Z", "2032-01-11T10:00:00Z"] {
        let anywhere = BookFor { outside_hours: true, ..booking(start) };
        assert_eq!(code(desk.scheduler.book_for(admin(), anywhere).await), "not_offered");
    }
    for nobody in [8, 9, 10, 99] {
        let nobody = BookFor { customer: person(nobody), ..booking("2027-01-11T14:00:00Z") };
        assert_eq!(code(desk.scheduler.book_for(expert(8), nobody).await), "invalid_body");
    }
}

#[tokio::test]
async fn each_side_proposes_and_the_other_one_answers() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    let id = asked.id;
    desk.letters();
    assert_eq!(code(desk.scheduler.accept_proposal(customer(1), id, None).await), "nothing_proposed");
    assert_eq!(code(desk.scheduler.propose(customer(2), id, moved_to(TEN), None).await), "not_found");
    let three = "2027-01-11T15:00:00Z";
    let proposed = desk.scheduler.propose(expert(8), id, moved_to(three), Some(asked.version)).await.unwrap();
    assert_eq!(proposed.starts_at, at(TEN));
    assert_eq!(desk.letters(), ["proposed 1"]);
    // The side that proposes cannot accept, an administrator is of the expert's side.
    for same in [expert(8), admin()] {
        assert_eq!(code(desk.scheduler.accept_proposal(same, id, None).await), "not_yours");
    }
    let stale = desk.scheduler.accept_proposal(customer(1), id, Some(asked.version)).await;
    assert_eq!(code(stale), "precondition_failed");
    let agreed = desk.scheduler.accept_proposal(customer(1), id, Some(proposed.version)).await.unwrap();
    assert_eq!(
        (agreed.status, agreed.starts_at, agreed.ends_at),
        (Status::Approved, at(three), at("2027-01-11T16:00:00Z"))
    );
    assert_eq!((agreed.proposal, agreed.ical_uid), (None, asked.ical_uid));
    assert_eq!(desk.letters(), ["approved 1", "approved 8"]);

    // An approved one stays approved, whoever proposes; the customer to what is offered only.
    let off_grid = desk.scheduler.propose(customer(1), id, moved_to("2027-01-11T12:30:00Z"), None).await;
    assert_eq!(code(off_grid), "not_offered");
    desk.scheduler.propose(customer(1), id, moved_to("2027-01-11T12:00:00Z"), None).await.unwrap();
    desk.letters();
    let moved = desk.scheduler.accept_proposal(expert(8), id, None).await.unwrap();
    assert_eq!((moved.status, moved.starts_at), (Status::Approved, at("2027-01-11T12:00:00Z")));
    assert_eq!(desk.letters(), ["rescheduled 1", "rescheduled 8"]);
}

#[tokio::test]
async fn a_proposal_is_declined_or_withdrawn_and_the_appointment_stays() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let agreed = desk.agreed(service).await;
    for who in [customer(1), expert(8)] {
        let proposed =
            desk.scheduler.propose(expert(8), agreed.id, moved_to("2027-01-11T15:00:00Z"), None).await.unwrap();
        desk.letters();
        let left = desk.scheduler.decline_proposal(who, agreed.id, "No", Some(proposed.version)).await.unwrap();
        assert_eq!((left.proposal, left.starts_at, left.status), (None, at(TEN), Status::Approved));
        let told = if who == customer(1) { "proposal_declined 8" } else { "proposal_declined 1" };
        assert_eq!(desk.letters(), [told]);
        assert_eq!(code(desk.scheduler.decline_proposal(who, agreed.id, "", None).await), "nothing_proposed");
    }
}

#[tokio::test]
async fn a_proposed_time_that_somebody_took_meanwhile_is_gone() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    let noon = "2027-01-11T12:00:00Z";
    desk.scheduler.propose(expert(8), asked.id, moved_to(noon), None).await.unwrap();
    desk.scheduler.request(customer(2), asking(service, noon)).await.unwrap();
    assert_eq!(code(desk.scheduler.accept_proposal(customer(1), asked.id, None).await), "slot_taken");
    assert_eq!(desk.look(asked.id).await.starts_at, at(TEN));
    desk.scheduler.propose(expert(8), asked.id, moved_to("2027-01-10T10:00:00Z"), None).await.unwrap();
    desk.go_to(at("2027-01-10T11:00:00Z"));
    assert_eq!(code(desk.scheduler.accept_proposal(customer(1), asked.id, None).await), "not_offered");
}

#[tokio::test]
async fn the_database_has_the_last_word_on_overlaps() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    // Behind the back of whoever asks what is offered.
    let refused = desk
        .scheduler
        .write(move |tx| {
            let service = Service::load(tx, service)?;
            for customer in [1, 2] {
                let end = at(TEN).plus(minutes(60)).0;
                tx.execute(
                    "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from,
                       busy_to, tz, status, room_secret, ical_uid, lobby, created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, 'x', ?5, ?6, ?5, ?6, 'UTC', 'pending', '0123456789abcdef0123', ?1, 'on', 0, 0)",
                    (appointment_id(customer), person(customer), service.expert_id, service.id, at(TEN).0, end),
                )?;
            }
            Ok(())
        })
        .await;
    assert_eq!(code(refused), "slot_taken");
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM appointments"), 0);
}

#[tokio::test]
async fn of_many_who_want_one_slot_exactly_one_has_it() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    for number in 100..164 {
        desk.sql(&format!(
            "INSERT INTO users (id, email, name, role, created_at, updated_at)
             VALUES ('{}', 'p{number}@example.org', 'Person {number}', 'customer', 0, 0)",
            person(number)
        ));
    }
    for round in 0..3 {
        let starts_at = at("2027-01-11T09:00:00Z").plus(minutes(60 * round));
        let bookers = (100..164).map(|number| {
            let scheduler = desk.scheduler.clone();
            let wish = HoldRequest { starts_at, ..wish(service, TEN) };
            let wanted = Wanted::Start { service, starts_at, tz: "UTC".into() };
            let request = BookingRequest { wanted, note: String::new(), companions: Vec::new(), consent: None };
            tokio::spawn(async move {
                match number % 2 {
                    0 => scheduler.hold(customer(number), wish).await.map(drop),
                    _ => scheduler.request(customer(number), request).await.map(drop),
                }
            })
        });
        let bookers: Vec<_> = bookers.collect();
        let mut outcomes = Vec::new();
        for booker in bookers {
            outcomes.push(booker.await.unwrap().map_err(|error| error.code()));
        }
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err("slot_taken"))), "{outcomes:?}");
    }
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM appointments"), 3);
}

#[tokio::test]
async fn a_role_that_was_forged_into_an_actor_changes_nothing_about_whose_it_is() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let asked = desk.pending(service).await;
    for forged in [Actor::User(person(1), Role::Expert), Actor::User(person(2), Role::Expert)] {
        assert_ne!(code(desk.scheduler.approve(forged, asked.id, "", None).await), "internal");
    }
    assert_eq!(desk.look(asked.id).await.status, Status::Pending);
}

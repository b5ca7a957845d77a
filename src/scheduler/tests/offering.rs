//! Services, hours and searches on a database.

use super::office::*;
use super::*;
use crate::store::Actor;

fn search(service: crate::ids::ServiceId, tz: &str) -> SlotSearch {
    SlotSearch { service, range: span(MONDAY.0, MONDAY.1), tz: tz.into(), moving: None }
}

async fn found(desk: &Desk, actor: Actor, service: crate::ids::ServiceId) -> Vec<String> {
    let found = desk.scheduler.slots(actor, search(service, "UTC")).await.unwrap();
    found.slots.into_iter().map(|slot| slot.local.time).collect()
}

#[tokio::test]
async fn a_service_is_as_it_was_written_down_and_what_was_left_out_as_usual() {
    let desk = Desk::empty();
    let service = desk.service(draft(r#"{"title":" Advice ","durationMin":45}"#)).await;
    let service = desk.scheduler.service(expert(8), service).await.unwrap();
    assert_eq!((service.title.as_str(), service.step_min, service.capacity), ("Advice", 45, 1));
    assert_eq!((service.approval, service.lobby, service.active), (Approval::Manual, Lobby::On, true));
    assert_eq!((service.min_notice_min, service.horizon_days, service.reapprove), (120, 60, true));
    let all = r#"{"title":"Group","description":"Two\nlines","durationMin":90,"bufferBeforeMin":5,"bufferAfterMin":10,
        "stepMin":30,"capacity":12,"approval":"auto","minNoticeMin":60,"horizonDays":30,"cancelNoticeMin":1440,
        "rescheduleNoticeMin":2880,"reapprove":false,"lobby":"until_start","keepChat":false,"openBeforeMin":5,
        "closeAfterMin":0,"closeAnchor":"start"}"#;
    let written: serde_json::Value = serde_json::from_str(all).unwrap();
    let id = desk.service(draft(all)).await;
    let read = serde_json::to_value(desk.scheduler.service(customer(1), id).await.unwrap()).unwrap();
    for (field, value) in written.as_object().unwrap() {
        assert_eq!(&read[field], value, "{field}");
    }
    assert!(serde_json::from_str::<ServiceDraft>(r#"{"title":"x","durationMin":60,"expertId":"y"}"#).is_err());
}

#[tokio::test]
async fn impossible_services_are_refused_with_the_field() {
    let desk = Desk::empty();
    type Change = fn(&mut ServiceDraft);
    let cases: &[(Change, &str)] = &[
        (|it| it.title = "  ".into(), "title"),
        (|it| it.title = "x".repeat(201), "title"),
        (|it| it.description = "\u{0}".into(), "description"),
        (|it| it.duration_min = 4, "durationMin"),
        (|it| it.duration_min = u32::MAX, "durationMin"),
        (|it| it.buffer_before_min = 241, "bufferBeforeMin"),
        (|it| it.buffer_after_min = u32::MAX, "bufferAfterMin"),
        (|it| it.step_min = Some(721), "stepMin"),
        (|it| it.step_min = Some(0), "stepMin"),
        (|it| it.capacity = 0, "capacity"),
        (|it| it.capacity = 101, "capacity"),
        (|it| it.horizon_days = 0, "horizonDays"),
        (|it| it.horizon_days = 731, "horizonDays"),
        (|it| it.min_notice_min = 60 * 24 * 60, "minNoticeMin"),
        (|it| it.cancel_notice_min = 527_041, "cancelNoticeMin"),
        (|it| it.open_before_min = Some(1_441), "openBeforeMin"),
        (|it| (it.duration_min, it.buffer_before_min, it.buffer_after_min) = (720, 240, 240), ""),
    ];
    for (change, field) in cases {
        let mut draft = advice();
        change(&mut draft);
        match desk.scheduler.create_service(expert(8), person(8), draft.clone()).await {
            Err(Error::Invalid { field: found, .. }) => assert_eq!(&found, field, "{draft:?}"),
            // The longest that fits into a day.
            other => assert!(field.is_empty() && other.is_ok(), "{draft:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn experts_make_their_own_services_and_administrators_anybodys() {
    let desk = Desk::empty();
    let id = desk.service(advice()).await;
    for (actor, whose) in [(expert(9), 8), (customer(1), 8), (customer(1), 1), (Actor::Anonymous, 8)] {
        assert_eq!(code(desk.scheduler.create_service(actor, person(whose), advice()).await), "not_yours");
    }
    assert_eq!(code(desk.scheduler.create_service(admin(), person(1), advice()).await), "not_found");
    desk.scheduler.create_service(admin(), person(8), advice()).await.unwrap();
    for stranger in [expert(9), customer(1), Actor::Anonymous] {
        assert_eq!(code(desk.scheduler.update_service(stranger, id, advice(), None).await), "not_found");
        assert_eq!(code(desk.scheduler.set_service_active(stranger, id, false, None).await), "not_found");
    }
    let before = desk.scheduler.service(expert(8), id).await.unwrap();
    let longer = ServiceDraft { duration_min: 90, ..advice() };
    let after = desk.scheduler.update_service(expert(8), id, longer.clone(), Some(before.version)).await.unwrap();
    assert!(after.duration_min == 90 && after.version > before.version);
    let stale = desk.scheduler.update_service(expert(8), id, longer, Some(before.version)).await;
    assert_eq!(code(stale), "precondition_failed");
    desk.scheduler.set_service_active(admin(), id, false, Some(after.version)).await.unwrap();
    let actions: String = desk.value("SELECT group_concat(action, ' ') FROM audit_log");
    assert_eq!(actions, "service.created service.created service.changed service.deactivated");
    let detail: String = desk.value("SELECT detail FROM audit_log WHERE action = 'service.changed'");
    assert_eq!(detail, r#"{"durationMin":[60,90],"stepMin":[60,90]}"#);
}

#[tokio::test]
async fn what_is_not_offered_is_seen_by_its_expert_only() {
    let desk = Desk::empty();
    let id = desk.service(advice()).await;
    assert_eq!(desk.scheduler.services(Actor::Anonymous, person(8)).await.unwrap().len(), 1);
    desk.scheduler.set_service_active(expert(8), id, false, None).await.unwrap();
    for stranger in [Actor::Anonymous, customer(1), expert(9)] {
        assert!(desk.scheduler.services(stranger, person(8)).await.unwrap().is_empty());
        assert_eq!(code(desk.scheduler.slots(stranger, search(id, "UTC")).await), "not_found");
    }
    assert_eq!(desk.scheduler.services(expert(8), person(8)).await.unwrap().len(), 1);
    desk.scheduler.set_service_active(expert(8), id, true, None).await.unwrap();
    desk.sql("UPDATE expert_profiles SET published = 0");
    assert_eq!(code(desk.scheduler.service(customer(1), id).await), "not_found");
}

#[tokio::test]
async fn hours_are_replaced_as_a_whole_and_read_back() {
    let desk = Desk::empty();
    let mut holiday = closed("2027-08-15", "0:00", "24:00", "europe/rome");
    holiday.note = Some("Ferragosto".into());
    let hours = Hours { weekly: daily("9:00", "17:00", "europe/rome"), exceptions: vec![holiday] };
    let kept = desk.scheduler.replace_hours(expert(8), person(8), hours.clone(), None).await.unwrap();
    assert_eq!(kept.weekly.len(), 7);
    assert!(kept.weekly.iter().all(|rule| rule.tz == "Europe/Rome"));
    assert_eq!(kept.exceptions[0].note.as_deref(), Some("Ferragosto"));
    assert_eq!(desk.scheduler.hours(admin(), person(8)).await.unwrap(), kept);

    let shorter = Hours { weekly: vec![rule(1, "9:00", "12:00", "UTC")], exceptions: Vec::new() };
    let version = Some(kept.version());
    let changed = desk.scheduler.replace_hours(expert(8), person(8), shorter, version).await.unwrap();
    assert_eq!(changed.weekly.len(), 1);
    assert_eq!(code(desk.scheduler.replace_hours(expert(8), person(8), hours, version).await), "precondition_failed");
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM audit_log WHERE action = 'hours.replaced'"), 2);
}

#[tokio::test]
async fn hours_are_the_experts_own_and_possible() {
    let desk = Desk::empty();
    let hours = |from, to, tz: &str| Hours { weekly: vec![rule(1, from, to, tz)], exceptions: Vec::new() };
    for stranger in [expert(9), customer(1), Actor::Anonymous] {
        let refused = desk.scheduler.replace_hours(stranger, person(8), hours("9:00", "10:00", "UTC"), None).await;
        assert_eq!(code(refused), "not_yours");
        assert_eq!(code(desk.scheduler.hours(stranger, person(8)).await), "not_yours");
    }
    for bad in [hours("10:00", "9:00", "UTC"), hours("9:00", "10:00", "Europe/Atlantis")] {
        assert_eq!(code(desk.scheduler.replace_hours(expert(8), person(8), bad, None).await), "invalid_body");
    }
    let long_ago = Hours { exceptions: vec![closed("-000001-01-01", "0:00", "24:00", "UTC")], ..Hours::default() };
    assert_eq!(code(desk.scheduler.replace_hours(expert(8), person(8), long_ago, None).await), "invalid_body");
    let nobodys = desk.scheduler.replace_hours(admin(), person(1), hours("9:00", "10:00", "UTC"), None).await;
    assert_eq!(code(nobodys), "not_found");
}

#[tokio::test]
async fn slots_are_found_by_anybody_and_read_in_their_own_zone() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let expected = ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"];
    for actor in [Actor::Anonymous, customer(1), expert(8), admin()] {
        assert_eq!(found(&desk, actor, service).await, expected);
    }
    let kathmandu = desk.scheduler.slots(customer(1), search(service, "asia/kathmandu")).await.unwrap();
    assert_eq!(kathmandu.tz, "Asia/Kathmandu");
    assert_eq!((kathmandu.slots[0].local.time.as_str(), kathmandu.slots[0].local.offset.as_str()), ("14:45", "+05:45"));
    for (range, tz) in [
        (span("2027-01-12T00:00:00Z", "2027-01-11T00:00:00Z"), "UTC"),
        (span("2027-01-11T00:00:00Z", "2027-03-14T00:00:00.001Z"), "UTC"),
        (span("2027-01-11T00:00:00Z", "2027-01-12T00:00:00Z"), "Mars/Olympus"),
    ] {
        let refused = desk.scheduler.slots(customer(1), SlotSearch { range, ..search(service, tz) }).await;
        assert_eq!(code(refused), "invalid_body");
    }
}

#[tokio::test]
async fn a_search_stays_inside_the_index() {
    let desk = Desk::empty();
    let plan: String = std::thread::scope(|scope| {
        let plan = scope.spawn(|| {
            let asked =
                "EXPLAIN QUERY PLAN SELECT busy_from, busy_to FROM public_busy WHERE expert_id = 'x' AND busy_from > 1
                AND busy_from < 9 AND busy_to > 5 AND (lapses_at IS NULL OR lapses_at > 7) ORDER BY busy_from";
            desk.scheduler.store().write_blocking(move |tx| {
                tx.query_row(asked, [], |row| row.get(3)).map_err(crate::store::StoreError::from)
            })
        });
        plan.join().unwrap().unwrap()
    });
    assert!(plan.contains("appointments_busy (expert_id=? AND busy_from>? AND busy_from<?)"), "{plan}");
}

#[tokio::test]
async fn hours_can_be_tried_before_they_are_kept() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let hours = Hours { weekly: daily("20:00", "22:00", "UTC"), exceptions: Vec::new() };
    let range = span(MONDAY.0, MONDAY.1);
    let try_it =
        |actor, service| desk.scheduler.preview_hours(actor, person(8), hours.clone(), service, range, "Europe/Rome");
    let preview = try_it(expert(8), Some(service)).await.unwrap();
    assert_eq!(preview.open, [span("2027-01-11T20:00:00Z", "2027-01-11T22:00:00Z")]);
    let times: Vec<_> = preview.slots.iter().map(|slot| slot.local.time.as_str()).collect();
    assert_eq!(times, ["21:00", "22:00"]);
    assert!(try_it(admin(), None).await.unwrap().slots.is_empty());
    assert_eq!(code(try_it(expert(9), Some(service)).await), "not_yours");
    // Nothing was stored.
    assert_eq!(found(&desk, customer(1), service).await.len(), 8);
}

#[tokio::test]
async fn why_a_start_is_not_offered_is_told_without_the_experts_note() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let mut holiday = closed("2027-01-11", "0:00", "24:00", "UTC");
    holiday.note = Some("at the dentist's".into());
    let hours = Hours { weekly: daily("9:00", "17:00", "UTC"), exceptions: vec![holiday] };
    desk.scheduler.replace_hours(expert(8), person(8), hours, None).await.unwrap();
    let why = desk.scheduler.explain(expert(8), service, at(TEN)).await.unwrap();
    assert!(serde_json::to_string(&why).unwrap().contains("dentist"));
    for stranger in [Actor::Anonymous, customer(1), expert(9)] {
        let why = desk.scheduler.explain(stranger, service, at(TEN)).await.unwrap();
        let text = serde_json::to_string(&why).unwrap();
        assert!(text.contains(r#""code":"closed""#) && !text.contains("dentist"), "{text}");
    }
    assert!(
        desk.scheduler
            .explain(customer(1), service, at("2027-01-12T10:00:00Z"))
            .await
            .unwrap()
            .explanation
            .reasons
            .is_empty()
    );
    for time in [UnixTime(i64::MIN), UnixTime(i64::MAX)] {
        assert!(!desk.scheduler.explain(customer(1), service, time).await.unwrap().explanation.reasons.is_empty());
    }
}

#[tokio::test]
async fn a_time_read_off_a_clock_is_explained_as_often_as_it_is_shown() {
    let desk = Desk::open().await;
    let service = desk.service(ServiceDraft { horizon_days: 400, ..advice() }).await;
    let why = async |local: &str, tz: &str| {
        desk.scheduler.explain_local(customer(1), service, local.parse().unwrap(), tz).await
    };
    assert_eq!(why("2027-01-11T11:00", "Europe/Rome").await.unwrap()[0].explanation.starts_at, Some(at(TEN)));
    assert_eq!(why("2027-11-07T01:30", "America/New_York").await.unwrap().len(), 2);
    let skipped = why("2027-03-14T02:30", "America/New_York").await.unwrap();
    assert!(matches!(skipped[0].explanation.reasons[..], [Reason::DoesNotExist { .. }]));
    assert_eq!(code(why("2027-01-11T12:00", "Nowhere/Else").await), "invalid_body");
}

#[tokio::test]
async fn the_next_free_slot_is_the_earliest_of_all_services() {
    let desk = Desk::open().await;
    assert_eq!(desk.scheduler.next_free(Actor::Anonymous, person(8)).await.unwrap(), None);
    let far = desk.service(ServiceDraft { min_notice_min: 20 * 24 * 60, ..advice() }).await;
    let next = desk.scheduler.next_free(Actor::Anonymous, person(8)).await.unwrap().unwrap();
    assert_eq!((next.service, next.slot.starts_at), (far, at("2027-01-30T09:00:00Z")));
    let near = desk.service(ServiceDraft { duration_min: 30, ..advice() }).await;
    let next = desk.scheduler.next_free(Actor::Anonymous, person(8)).await.unwrap().unwrap();
    assert_eq!((next.service, next.slot.starts_at), (near, desk.scheduler.now()));
}

//! Appointments from the request to what has become of them.

use serde_json::{Value, json};

use super::booking::hour;
use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, OTHER, STRANGE_EXPERT, Who};
use crate::clock::Clock;
use crate::scheduler::testing::MINUTE;
use crate::scheduler::{CallFact, CallFactKind};

impl Counter {
    /// Somebody's media connects in the room of an appointment.
    async fn enters(&self, appointment: &Value, role: &str) {
        let seats = appointment["seats"].as_array().unwrap();
        let seat = seats.iter().find(|seat| seat["role"] == role).unwrap();
        let kind = CallFactKind::Joined {
            sid: format!("PA_{role}"),
            identity: seat["id"].as_str().unwrap().into(),
            name: seat["name"].as_str().unwrap().into(),
        };
        let room = appointment["meetingRoomName"].as_str().unwrap().into();
        let fact = CallFact { room, at: self.desk.clock.unix(), kind };
        self.desk.scheduler.witness(fact).await.unwrap();
    }
}

fn actions(appointment: &Value) -> Vec<&str> {
    appointment["actions"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_customer_asks_an_expert_approves_they_meet_and_it_is_done() {
    let counter = Counter::new();
    let path = counter.pending(1).await;
    let asked = counter.get(CUSTOMER, &path).await.ok();
    assert_eq!(actions(&asked), ["reschedule", "cancel", "propose"]);
    assert_eq!(counter.get(CUSTOMER, &format!("{path}/join")).await.ok()["reasons"][0]["code"], "not_joinable");

    // The expert finds it, and decides on what was seen.
    let requests = counter.get(EXPERT, "/api/appointments?status=pending&role=expert&when=upcoming").await.ok();
    let request = &requests["items"][0];
    assert_eq!(request["id"], asked["id"]);
    assert_eq!(
        actions(request),
        ["approve", "reject", "reschedule", "cancel", "change_window", "change_seats", "propose"]
    );
    let tag = counter.get(EXPERT, &path).await.etag();
    let words = json!({ "message": "Bring your papers" });
    let approved = counter.tell(EXPERT, &format!("{path}/approve"), &tag, words.clone()).await;
    assert_ne!(approved.etag(), tag);
    let approved = approved.ok();
    let id = approved["id"].as_str().unwrap();
    let room = approved["meetingRoomName"].as_str().unwrap();
    assert!(room.starts_with(&format!("appointment-{id}-")));
    assert_eq!(approved["meetingUrl"], format!("https://meet.example.org/call/{room}?appointmentId={id}"));
    assert_eq!(
        counter.tell(EXPERT, &format!("{path}/approve"), &tag, words).await.told(),
        (412, "precondition_failed")
    );

    // Too early; a quarter of an hour before, it opens.
    let mine = counter.get(CUSTOMER, &path).await.ok();
    assert_eq!((&mine["decisionMessage"], &mine["window"]["state"]), (&json!("Bring your papers"), &json!("not_open")));
    assert_eq!(mine["window"]["opensAt"], "2027-01-11T09:45:00Z");
    let early = counter.get(CUSTOMER, &format!("{path}/join")).await.ok();
    assert_eq!(early["reasons"][0]["code"], "window_not_open");
    assert!(early["reasons"][0]["nextStep"].as_str().unwrap().contains("opensAt"));
    let token = json!({ "roomName": room });
    assert_eq!(counter.post(CUSTOMER, "/api/livekit/token", token.clone()).await.told(), (403, "window_not_open"));
    counter.desk.at(45 * MINUTE);
    let open = counter.get(CUSTOMER, &path).await.ok();
    assert!(actions(&open).contains(&"join") && open["window"]["state"] == "open");

    // The lobby, and being let in.
    assert_eq!(counter.post(CUSTOMER, "/api/livekit/token", token.clone()).await.told(), (403, "lobby_waiting"));
    let waiting = counter.get(EXPERT, "/api/lobby").await.ok();
    let seat = waiting[0]["seatId"].as_str().unwrap().to_owned();
    assert_eq!(counter.post(EXPERT, &format!("/api/seats/{seat}/admit"), Value::Null).await.status, 204);
    assert_eq!(counter.get(CUSTOMER, &format!("{path}/join")).await.ok()["mayJoin"], true);
    let issued = counter.post(CUSTOMER, "/api/livekit/token", token).await.ok();
    assert_eq!(issued["identity"], json!(seat));

    counter.enters(&open, "host").await;
    counter.enters(&open, "client").await;
    let going = counter.get(EXPERT, &path).await.ok();
    assert_eq!(going["status"], "in_progress");
    assert!(actions(&going).contains(&"complete") && actions(&going).contains(&"extend"));
    counter.desk.at(110 * MINUTE);
    let done = counter.tell(EXPERT, &format!("{path}/complete"), "*", Value::Null).await.ok();
    assert_eq!(done["status"], "completed");
    assert_eq!(actions(&done), ["correct"]);
    assert_eq!(actions(&counter.get(CUSTOMER, &path).await.ok()), Vec::<&str>::new());

    let history = counter.get(CUSTOMER, &format!("{path}/history")).await.ok();
    let told: Vec<_> = history.as_array().unwrap().iter().map(|it| (&it["what"], &it["by"])).collect();
    for expected in [("requested", "customer"), ("approved", "expert"), ("started", "system"), ("completed", "expert")]
    {
        assert!(told.contains(&(&json!(expected.0), &json!(expected.1))), "{expected:?} of {told:?}");
    }
    let wrong = json!({ "outcome": "no_show" });
    assert_eq!(counter.tell(EXPERT, &format!("{path}/outcome"), "*", wrong).await.told(), (422, "invalid_body"));
    let corrected = json!({ "outcome": "no_show", "noShow": "customer" });
    let corrected = counter.tell(EXPERT, &format!("{path}/outcome"), "*", corrected).await.ok();
    assert_eq!((&corrected["status"], &corrected["noShow"]), (&json!("no_show"), &json!("customer")));
    let past = counter.get(CUSTOMER, "/api/appointments?when=past").await.ok();
    assert_eq!(past["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn commands_are_for_who_they_are_for_and_say_what_they_are_based_on() {
    let counter = Counter::new();
    let path = counter.pending(1).await;
    let body = json!({ "message": "No" });
    for command in ["approve", "reject", "propose", "accept", "decline", "reschedule", "cancel", "complete", "outcome"]
    {
        let to = format!("{path}/{command}");
        let body = match command {
            "propose" | "reschedule" => json!({ "startsAt": hour(2) }),
            "outcome" => json!({ "outcome": "completed" }),
            "accept" | "complete" => Value::Null,
            _ => body.clone(),
        };
        assert_eq!(counter.tell(Who::Nobody, &to, "*", body.clone()).await.told(), (401, "sign_in_required"), "{to}");
        assert_eq!(counter.tell(STRANGE_EXPERT, &to, "*", body.clone()).await.told(), (404, "not_found"), "{to}");
        let others = if matches!(command, "approve" | "reject" | "complete" | "outcome") {
            (403, "wrong_role")
        } else {
            (404, "not_found")
        };
        assert_eq!(counter.tell(OTHER, &to, "*", body.clone()).await.told(), others, "{to}");
        assert_eq!(counter.post(EXPERT, &to, body.clone()).await.told(), (428, "precondition_required"), "{to}");
        for stale in ["\"999\"", "\"nonsense\"", "W/\"1\""] {
            let answer = counter.tell(EXPERT, &to, stale, body.clone()).await;
            assert_eq!(answer.told(), (412, "precondition_failed"), "{to} {stale}");
        }
        let mut more = if body.is_null() { continue } else { body };
        more["customerId"] = json!("x");
        assert_eq!(counter.tell(EXPERT, &to, "*", more).await.told(), (422, "unknown_field"), "{to}");
    }
    let long = json!({ "message": "x".repeat(5_001) });
    assert_eq!(counter.tell(EXPERT, &format!("{path}/approve"), "*", long).await.told(), (422, "invalid_body"));
    let unknown = "/api/appointments/00000000-0000-7000-8002-000000000099";
    assert_eq!(counter.get(EXPERT, unknown).await.told(), (404, "not_found"));
    assert_eq!(counter.get(OTHER, &path).await.told(), (404, "not_found"));
    assert_eq!(counter.get(OTHER, &format!("{path}/history")).await.told(), (404, "not_found"));
    assert_eq!(counter.get(OTHER, &format!("{path}/join")).await.told(), (404, "not_found"));
    assert_eq!(counter.get(OTHER, &format!("{path}/invite.ics")).await.told(), (404, "not_found"));
    assert_eq!(counter.get(ADMIN, &path).await.status, 200);
    assert_eq!(counter.get(EXPERT, "/api/appointments/1").await.told(), (400, "invalid_path"));
}

#[tokio::test]
async fn a_rejected_request_says_why_and_is_over() {
    let counter = Counter::new();
    let path = counter.pending(1).await;
    let words = json!({ "message": "Not my field" });
    let rejected = counter.tell(EXPERT, &format!("{path}/reject"), "*", words).await.ok();
    assert_eq!(rejected["status"], "rejected");
    let seen = counter.get(CUSTOMER, &path).await.ok();
    assert_eq!((&seen["decisionMessage"], actions(&seen).len()), (&json!("Not my field"), 0));
    let again = counter.tell(EXPERT, &format!("{path}/approve"), "*", json!({})).await;
    assert_eq!(again.told(), (409, "illegal_transition"));
    assert_eq!(again.json["appointmentStatus"], "rejected");
    // The time is free again.
    assert_eq!(counter.asks(OTHER, 1).await.status, 201);
}

#[tokio::test]
async fn another_time_is_proposed_and_taken_or_not() {
    let counter = Counter::new();
    let path = counter.pending(1).await;
    let time = json!({ "startsAt": hour(3), "message": "Rather then?" });
    let proposed = counter.tell(EXPERT, &format!("{path}/propose"), "*", time.clone()).await.ok();
    assert_eq!(proposed["proposal"]["startsAt"], json!(hour(3)));
    assert!(actions(&proposed).contains(&"decline_proposal") && !actions(&proposed).contains(&"accept_proposal"));
    assert_eq!(counter.tell(EXPERT, &format!("{path}/accept"), "*", Value::Null).await.told(), (403, "not_yours"));
    let seen = counter.get(CUSTOMER, &path).await.ok();
    assert!(actions(&seen).contains(&"accept_proposal") && seen["proposal"]["byCustomer"] == false);
    let declined = counter.tell(CUSTOMER, &format!("{path}/decline"), "*", json!({})).await.ok();
    assert_eq!(declined["proposal"], Value::Null);
    let nothing = counter.tell(CUSTOMER, &format!("{path}/accept"), "*", Value::Null).await;
    assert_eq!(nothing.told(), (409, "nothing_proposed"));

    counter.tell(EXPERT, &format!("{path}/propose"), "*", time).await.ok();
    let moved = counter.tell(CUSTOMER, &format!("{path}/accept"), "*", Value::Null).await.ok();
    assert_eq!((&moved["status"], &moved["startsAt"]), (&json!("approved"), &json!(hour(3))));
    let taken = json!({ "startsAt": "2020-01-06T10:00:00Z" });
    assert_eq!(counter.tell(CUSTOMER, &format!("{path}/propose"), "*", taken).await.told(), (409, "not_offered"));
}

#[tokio::test]
async fn an_appointment_is_moved_in_place_and_called_off_in_time() {
    let counter = Counter::new();
    let service = format!("/api/services/{}", crate::scheduler::testing::service_id(1));
    let draft = json!({
        "title": "Advice", "durationMin": 60, "cancelNoticeMin": 120, "rescheduleNoticeMin": 240, "reapprove": true,
    });
    counter.put(EXPERT, &service, "*", draft).await.ok();
    let path = counter.approved(5).await;
    let before = counter.get(CUSTOMER, &path).await.ok();
    let other = counter.asks(OTHER, 6).await.ok();
    let taken = counter.tell(CUSTOMER, &format!("{path}/reschedule"), "*", json!({ "startsAt": hour(6) })).await;
    assert_eq!(taken.told(), (409, "slot_taken"), "{other}");
    let moved = counter.tell(CUSTOMER, &format!("{path}/reschedule"), "*", json!({ "startsAt": hour(7) })).await.ok();
    assert_eq!((&moved["status"], &moved["startsAt"]), (&json!("pending"), &json!(hour(7))));
    assert_eq!(moved["meetingRoomName"], before["meetingRoomName"]);
    counter.tell(EXPERT, &format!("{path}/approve"), "*", json!({})).await.ok();

    counter.desk.at(4 * 60 * MINUTE);
    let late = counter.tell(CUSTOMER, &format!("{path}/reschedule"), "*", json!({ "startsAt": hour(8) })).await;
    assert_eq!((late.told(), &late.json["until"]), ((409, "too_late"), &json!(hour(3))));
    assert_eq!(actions(&counter.get(CUSTOMER, &path).await.ok()), ["cancel", "propose"]);
    counter.desk.at(6 * 60 * MINUTE);
    assert_eq!(counter.tell(CUSTOMER, &format!("{path}/cancel"), "*", json!({})).await.told(), (409, "too_late"));
    let off = counter.tell(EXPERT, &format!("{path}/cancel"), "*", json!({ "message": "I am ill" })).await.ok();
    assert_eq!((&off["status"], &off["cancelledBy"]), (&json!("cancelled"), &json!("expert")));
    assert_eq!(counter.get(CUSTOMER, &path).await.ok()["decisionMessage"], "I am ill");
    assert!(counter.get(CUSTOMER, &format!("{path}/invite.ics")).await.text.contains("STATUS:CANCELLED"));
}

#[tokio::test]
async fn lists_are_filtered_told_in_pieces_and_ones_own() {
    let counter = Counter::new();
    for hours in [1, 2, 3] {
        counter.pending(hours).await;
    }
    counter.asks(OTHER, 4).await.ok();
    counter
        .post(
            CUSTOMER,
            "/api/holds",
            json!({
                "serviceId": crate::scheduler::testing::service_id(1), "startsAt": hour(5), "tz": "UTC",
            }),
        )
        .await
        .ok();
    let starts = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|it| it["startsAt"].as_str().unwrap().to_owned()).collect()
    };
    let first = counter.get(CUSTOMER, "/api/appointments?when=upcoming&limit=2").await.ok();
    assert_eq!(starts(&first), [hour(1), hour(2)]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = counter.get(CUSTOMER, &format!("/api/appointments?when=upcoming&limit=2&cursor={cursor}")).await.ok();
    assert_eq!((starts(&second), &second["nextCursor"]), (vec![hour(3)], &Value::Null));
    let all = |query: &'static str| format!("/api/appointments?{query}");
    assert_eq!(starts(&counter.get(CUSTOMER, "/api/appointments").await.ok()), [hour(1), hour(2), hour(3)]);
    assert_eq!(starts(&counter.get(CUSTOMER, &all("status=hold")).await.ok()), [hour(5)]);
    assert_eq!(starts(&counter.get(EXPERT, &all("role=expert")).await.ok()).len(), 4);
    assert_eq!(starts(&counter.get(EXPERT, &all("role=participant")).await.ok()).len(), 0);
    assert_eq!(starts(&counter.get(STRANGE_EXPERT, &all("")).await.ok()).len(), 0);
    assert_eq!(starts(&counter.get(ADMIN, &all("status=pending,approved")).await.ok()).len(), 4);
    let range = format!("/api/appointments?from={}&to={}", hour(2), hour(4));
    assert_eq!(starts(&counter.get(EXPERT, &range).await.ok()), [hour(2), hour(3)]);
    for wrong in ["status=king", "when=soon", "role=customer", "from=yesterday", "x=1", "limit=0", "expertId=7"] {
        let refused = counter.get(CUSTOMER, &format!("/api/appointments?{wrong}")).await;
        assert_eq!(refused.told(), (400, "invalid_query"), "{wrong}");
    }
    assert_eq!(counter.get(CUSTOMER, &all("cursor=abc")).await.told(), (400, "invalid_cursor"));
}

#[tokio::test]
async fn an_appointment_goes_into_calendars_without_addresses() {
    let counter = Counter::new();
    let path = counter.approved(1).await;
    let file = counter.get(CUSTOMER, &format!("{path}/invite.ics")).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.headers["content-type"], "text/calendar; charset=utf-8");
    for line in ["DTSTART:20270111T100000Z", "SUMMARY:Advice: Person 8", "STATUS:CONFIRMED"] {
        assert!(file.text.contains(line), "{line} in {}", file.text);
    }
    assert!(!file.text.contains("@example.org"));
}

#[tokio::test]
async fn a_window_of_its_own_is_told_with_what_is_in_force_and_changed_on_the_version_that_was_seen() {
    let counter = Counter::new();
    let path = counter.approved(1).await;
    let to = format!("{path}/window");
    let seen = counter.get(EXPERT, &path).await;
    let (tag, window) = (seen.etag(), seen.ok()["window"].clone());
    assert_eq!((&window["openBeforeMin"], &window["closeAfterMin"]), (&json!(15), &json!(30)));
    let nothing = json!({ "openBeforeMin": null, "closeAfterMin": null, "closeAnchor": null });
    assert_eq!((&window["closeAnchor"], &window["own"]), (&json!("end"), &nothing));
    assert!(actions(&counter.get(EXPERT, &path).await.ok()).contains(&"change_window"));
    assert!(!actions(&counter.get(CUSTOMER, &path).await.ok()).contains(&"change_window"));

    let body = json!({ "closeAfterMin": 45, "closeAnchor": "start" });
    let changed = counter.patch(EXPERT, &to, &tag, body.clone()).await;
    assert_ne!(changed.etag(), tag);
    let window = changed.ok()["window"].clone();
    assert_eq!(window["closesAt"], "2027-01-11T11:45:00Z");
    assert_eq!((&window["closeAfterMin"], &window["own"]["openBeforeMin"]), (&json!(45), &Value::Null));
    assert_eq!((&window["own"]["closeAfterMin"], &window["own"]["closeAnchor"]), (&json!(45), &json!("start")));
    let back = counter.patch(ADMIN, &to, "*", json!({ "closeAfterMin": null, "closeAnchor": null })).await.ok();
    assert_eq!((&back["window"]["closesAt"], &back["window"]["own"]), (&json!("2027-01-11T11:30:00Z"), &nothing));

    assert_eq!(counter.patch(EXPERT, &to, &tag, body.clone()).await.told(), (412, "precondition_failed"));
    let untagged = counter.send(EXPERT, "PATCH", &to, None, &body.to_string()).await;
    assert_eq!(untagged.told(), (428, "precondition_required"));
    assert_eq!(counter.patch(CUSTOMER, &to, "*", body.clone()).await.told(), (403, "wrong_role"));
    assert_eq!(counter.patch(STRANGE_EXPERT, &to, "*", body.clone()).await.told(), (404, "not_found"));
    assert_eq!(counter.patch(Who::Nobody, &to, "*", body).await.told(), (401, "sign_in_required"));
    for (wrong, code) in [
        (json!({ "openBeforeMin": 1441 }), "invalid_body"),
        (json!({ "openBeforeMin": -1 }), "invalid_body"),
        (json!({ "closeAfterMin": 5_000_000_000_u64 }), "invalid_body"),
        (json!({ "closeAnchor": "middle" }), "invalid_body"),
        (json!({ "extendedMin": 60 }), "unknown_field"),
    ] {
        assert_eq!(counter.patch(EXPERT, &to, "*", wrong.clone()).await.told(), (422, code), "{wrong}");
    }
}

//! What is told of calls afterwards.

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, OTHER, STRANGE_EXPERT, Who};
use crate::scheduler::testing::person;
use crate::scheduler::{CallFactKind, LeaveReason, Lobby};

/// The customer and the expert were in the call for ten minutes.
async fn after_a_call() -> (Counter, String) {
    let counter = Counter::new();
    let id = counter.desk.approved(Lobby::Off);
    counter.desk.at(0);
    counter.desk.joins(1, 8, "PA_8").await;
    counter.desk.at(1_000);
    counter.desk.joins(1, 1, "PA_1").await;
    counter.desk.at(600_000);
    for sid in ["PA_8", "PA_1"] {
        counter.desk.fact(1, CallFactKind::Left { sid: sid.into(), reason: LeaveReason::ClientLeft }).await;
    }
    (counter, format!("/api/appointments/{id}/report"))
}

#[tokio::test]
async fn a_report_tells_each_as_much_as_is_theirs() {
    let (counter, path) = after_a_call().await;
    for who in [EXPERT, ADMIN] {
        let report = counter.get(who, &path).await.ok();
        let calls = report["calls"].as_array().unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!((&calls[0]["participantName"], &calls[0]["role"]), (&"Person 8".into(), &"host".into()));
        assert_eq!((calls[0]["durationSeconds"].as_u64(), calls[0]["guest"].as_bool()), (Some(600), Some(false)));
        assert!(calls[0]["startedAt"].is_string() && calls[0]["endedAt"].is_string(), "{calls:?}");
        assert!(calls[0]["endReason"].is_string());
        assert_eq!((report["callSeconds"].as_u64(), report["togetherSeconds"].as_u64()), (Some(600), Some(599)));
        assert!(report["minutes"].is_array() && report["summary"].is_object());
    }
    let own = counter.get(CUSTOMER, &path).await.ok();
    assert_eq!(own["calls"].as_array().unwrap().len(), 1);
    assert_eq!(own["calls"][0]["participantName"], "Person 1");
    assert!(own["togetherSeconds"].is_null());
    for stranger in [OTHER, STRANGE_EXPERT] {
        assert_eq!(counter.get(stranger, &path).await.told(), (404, "not_found"));
    }
    assert_eq!(counter.get(Who::Nobody, &path).await.told(), (401, "sign_in_required"));
}

#[tokio::test]
async fn calls_and_stays_are_listed_for_whom_they_concern() {
    let (counter, _) = after_a_call().await;
    let calls = counter.get(EXPERT, "/api/calls").await.ok();
    assert_eq!((calls["items"].as_array().unwrap().len(), calls["items"][0]["participants"].as_u64()), (1, Some(2)));
    let whose = format!("/api/calls?expertId={}", person(8));
    assert_eq!(counter.get(ADMIN, &whose).await.ok(), calls);
    assert_eq!(counter.get(STRANGE_EXPERT, &whose).await.told(), (403, "not_yours"));
    assert_eq!(counter.get(CUSTOMER, &whose).await.told(), (403, "wrong_role"));

    let count = async |who, query: &str| {
        let list = counter.get(who, &format!("/api/call-logs{query}")).await.ok();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((count(EXPERT, "").await, count(ADMIN, "").await, count(CUSTOMER, "").await), (2, 2, 1));
    assert_eq!((count(OTHER, "").await, count(STRANGE_EXPERT, "").await), (0, 0));
    assert_eq!(count(CUSTOMER, &format!("?userId={}", person(8))).await, 0);
    assert_eq!(count(ADMIN, "?from=2030-01-01T00:00:00Z").await, 0);
    let first = counter.get(ADMIN, "/api/call-logs?limit=1").await.ok();
    let next = first["nextCursor"].as_str().unwrap();
    assert_eq!(count(ADMIN, &format!("?limit=1&cursor={next}")).await, 1);
    assert_eq!(counter.get(ADMIN, "/api/call-logs?from=yesterday").await.told(), (400, "invalid_query"));
}

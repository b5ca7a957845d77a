//! Reports from facts: who sees what, and sums that are the sums of their minutes.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::scheduler::testing::*;
use crate::scheduler::{CallFactKind, Cause, Figures, LeaveReason, Lobby};

fn figures(rtt: u64, loss_up: f64) -> Figures {
    Figures { rtt: Some(Duration::from_millis(rtt)), loss_up: Some(loss_up), ..Figures::default() }
}

impl Desk {
    async fn leaves(&self, appointment: u32, sid: &str) {
        self.fact(appointment, CallFactKind::Left { sid: sid.into(), reason: LeaveReason::ClientLeft }).await;
    }

    async fn minute(&self, appointment: u32, sid: &str, number: i64, figures: Figures) {
        let minute = UnixTime(START.0 + number * MINUTE);
        self.fact(appointment, CallFactKind::Quality { sid: sid.into(), minute, figures }).await;
    }

    /// The expert is there from minute 0 to 20, the customer from 5 to 10 and from 12 to 30.
    async fn a_call(&self, number: u32) {
        self.joins(number, 8, &format!("PA_{number}_8")).await;
        self.at(5 * MINUTE);
        self.joins(number, 1, &format!("PA_{number}_1a")).await;
        self.at(10 * MINUTE);
        self.leaves(number, &format!("PA_{number}_1a")).await;
        self.at(12 * MINUTE);
        self.joins(number, 1, &format!("PA_{number}_1b")).await;
        self.at(20 * MINUTE);
        self.leaves(number, &format!("PA_{number}_8")).await;
        self.at(30 * MINUTE);
        self.leaves(number, &format!("PA_{number}_1b")).await;
    }
}

#[tokio::test]
async fn a_report_has_each_stay_with_its_minutes_and_their_sums() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.at(0);
    desk.a_call(1).await;
    desk.minute(1, "PA_1_8", 0, figures(20, 0.0)).await;
    desk.minute(1, "PA_1_8", 1, figures(40, 0.0)).await;
    desk.minute(1, "PA_1_1a", 5, figures(60, 0.3)).await;
    // A minute in which nothing was measured that can be judged.
    desk.minute(1, "PA_1_1a", 6, Figures::default()).await;
    let report = desk.scheduler.quality(expert(8), id).await.unwrap();
    assert_eq!((report.call_seconds, report.together_seconds), (30 * 60, Some((5 + 8) * 60)));
    assert_eq!(report.stays.iter().map(|stay| stay.minutes.len()).collect::<Vec<_>>(), [2, 2, 0]);
    let (all, host) = (&report.summary, &report.stays[0].summary);
    assert_eq!((all.minutes, all.rtt_ms_mean), (4, Some(40.0)));
    assert_eq!((host.minutes, host.rtt_ms_mean, host.good_share), (2, Some(30.0), Some(1.0)));
    assert_eq!(all.good_share, Some(2.0 / 3.0));
    assert!((all.loss_up_mean.unwrap() - 0.1).abs() < 1e-9);
    let worst = report.stays[1].minutes[0].mos.unwrap();
    assert_eq!(all.mos_min, Some(worst));
    assert!(all.mos_mean.unwrap() > worst && host.mos_min.unwrap() > worst);
    assert_eq!(all.causes, [CauseMinutes { cause: Cause::LossUp, minutes: 1 }]);
    assert!(!report.truncated);
}

#[tokio::test]
async fn one_sees_ones_own_stays_the_expert_and_administrators_see_all() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.at(0);
    desk.a_call(1).await;
    let own = desk.scheduler.quality(customer(1), id).await.unwrap();
    assert_eq!((own.stays.len(), own.call_seconds, own.together_seconds), (2, 23 * 60, None));
    assert!(own.stays.iter().all(|stay| stay.call.user_id == Some(person(1))));
    assert_eq!(desk.scheduler.quality(admin(), id).await.unwrap().stays.len(), 3);
    for stranger in [customer(2), expert(9), Actor::Anonymous] {
        assert!(matches!(desk.scheduler.quality(stranger, id).await, Err(Error::NotFound)));
    }
    let all = CallLogFilter::default();
    for (actor, seen) in [(customer(1), 2), (expert(8), 3), (admin(), 3), (customer(2), 0), (expert(9), 0)] {
        assert_eq!(desk.scheduler.call_logs(actor, all, None, 100).await.unwrap().len(), seen, "{actor:?}");
    }
}

#[tokio::test]
async fn a_call_that_goes_on_counts_until_now() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.at(0);
    desk.joins(1, 8, "a").await;
    desk.joins(1, 1, "b").await;
    desk.at(90_999);
    let report = desk.scheduler.quality(expert(8), id).await.unwrap();
    assert_eq!((report.call_seconds, report.together_seconds), (90, Some(90)));
    assert_eq!(report.stays[0].call.ended_at, None);
    assert_eq!((report.summary.mos_mean, report.summary.good_share), (None, None));
}

#[tokio::test]
async fn an_experts_calls_come_latest_first_in_pieces() {
    let desk = Desk::new();
    for number in 1..=5 {
        let start = UnixTime(START.0 + i64::from(number) * 120 * MINUTE);
        desk.approved_at(number, number % 3 + 1, 8, start, Lobby::Off);
    }
    desk.at(0);
    for number in [1, 2, 4, 5] {
        desk.joins(number, 8, &format!("PA_{number}")).await;
        desk.minute(number, &format!("PA_{number}"), 0, figures(20, 0.0)).await;
    }
    let scheduler = &desk.scheduler;
    let first = scheduler.calls(expert(8), person(8), None, 3).await.unwrap();
    let rest = scheduler.calls(expert(8), person(8), first.last().map(CallSummary::mark), 3).await.unwrap();
    let numbers: Vec<_> = first.iter().chain(&rest).map(|call| call.appointment_id).collect();
    assert_eq!(numbers, [5, 4, 2, 1].map(appointment_id), "the third never took place");
    assert_eq!((first[0].participants, first[0].summary.minutes), (1, 1));
    assert_eq!(first[0].together_seconds, 0);
    assert_eq!(scheduler.calls(admin(), person(8), None, 9).await.unwrap().len(), 4);
    for other in [customer(1), expert(9)] {
        assert!(matches!(scheduler.calls(other, person(8), None, 9).await, Err(Error::NotYours)));
    }
}

#[tokio::test]
async fn call_logs_are_found_by_appointment_person_and_time_in_pieces() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.approved_at(2, 2, 9, START, Lobby::Off);
    desk.at(0);
    desk.a_call(1).await;
    desk.joins(2, 2, "other").await;
    let find = |filter: CallLogFilter, after| desk.scheduler.call_logs(admin(), filter, after, 2);
    let all = CallLogFilter::default();
    let first = find(all, None).await.unwrap();
    let second = find(all, first.last().map(CallLog::mark)).await.unwrap();
    let third = find(all, second.last().map(CallLog::mark)).await.unwrap();
    assert_eq!((first.len(), second.len(), third.len()), (2, 2, 0));
    assert!(first.iter().chain(&second).is_sorted_by_key(|log| std::cmp::Reverse((log.started_at, log.id))));
    let of = CallLogFilter { appointment: Some(appointment_id(2)), ..all };
    assert_eq!(find(of, None).await.unwrap()[0].participant_name, "Person 2");
    let of = CallLogFilter { user: Some(person(8)), ..all };
    let log = &find(of, None).await.unwrap()[0];
    assert_eq!((log.duration_seconds, log.end_reason.as_deref()), (Some(20 * 60), Some("client_left")));
    let from = UnixTime(START.0 + 5 * MINUTE);
    let of = CallLogFilter { from: Some(from), to: Some(UnixTime(from.0 + 1)), ..all };
    assert_eq!(find(of, None).await.unwrap().len(), 1, "from its first moment up to its end");
    let of = CallLogFilter { from: Some(UnixTime(from.0 + 1)), to: Some(UnixTime(from.0 + 7 * MINUTE)), ..all };
    assert_eq!(find(of, None).await.unwrap().len(), 0);
}

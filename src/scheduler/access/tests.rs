//! Windows, tokens and the lobby at their edges.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use visavis_signaling::token::{KeyRing, VerifiedToken, verify};

use super::*;
use crate::scheduler::testing::*;
use crate::scheduler::{Applicant, IssuedToken, SchedulerSettings, TokenRequest};
use crate::store::Actor;

fn read(token: &str, now: UnixTime) -> VerifiedToken {
    let keys: KeyRing = [key()].into_iter().collect();
    verify(&keys, token, now).unwrap()
}

fn denied(result: Result<IssuedToken, Error>) -> Denied {
    match result {
        Err(Error::Denied(denied)) => denied,
        other => panic!("expected to be denied, got {other:?}"),
    }
}

/// What the rooms ask about somebody who holds a token.
fn holder(desk: &Desk, number: u32, token: &str) -> Applicant {
    let claims = read(token, desk.scheduler.now()).claims;
    Applicant { room: desk.room(number), identity: claims.identity, jti: claims.jti }
}

#[tokio::test]
async fn the_window_is_half_open_at_the_token_and_at_the_door() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    let open = -15 * MINUTE;
    desk.at(open - 1_000);
    let early = denied(desk.token(customer(1), 1).await);
    assert_eq!(early, Denied::WindowNotOpen { opens_at: UnixTime(START.0 + open) });
    desk.at(open);
    let token = desk.token(customer(1), 1).await.unwrap();
    desk.scheduler.may_enter(holder(&desk, 1, &token.token), true).await.unwrap();

    let close = 90 * MINUTE;
    desk.at(close - 1_000);
    let last = desk.token(customer(1), 1).await.unwrap();
    let applicant = holder(&desk, 1, &last.token);
    desk.scheduler.may_enter(applicant.clone(), true).await.unwrap();
    assert_eq!(desk.scheduler.closes_at(&desk.room(1)), Some(UnixTime(START.0 + close)));
    desk.at(close);
    let closed = Denied::WindowClosed { closed_at: UnixTime(START.0 + close) };
    assert_eq!(denied(desk.token(customer(1), 1).await), closed);
    // The token's signature still holds for a minute's leeway; the door does not care.
    let at_the_door = desk.scheduler.may_enter(applicant, false).await;
    assert!(matches!(at_the_door, Err(Error::Denied(denied)) if denied == closed));
    desk.at(close + 1_000);
    assert_eq!(denied(desk.token(expert(8), 1).await), closed);
}

#[tokio::test]
async fn a_token_says_who_one_is_and_no_more_than_the_role_allows_and_ends_with_the_window() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let token = desk.token(customer(1), 1).await.unwrap();
    let now = desk.scheduler.now();
    let verified = read(&token.token, now);
    assert_eq!(verified.claims.identity, desk.seat(1, 1).to_string());
    assert_eq!(verified.claims.name, "Person 1");
    assert_eq!(verified.expires_at, now.plus(Duration::from_secs(600)));
    let video = verified.claims.video.unwrap();
    assert!(video.room_join && video.room == desk.room(1));
    assert!(!video.room_admin && !video.room_create && !video.room_list && !video.hidden && !video.recorder);
    assert_eq!(video.can_publish_sources, ["microphone", "camera", "screen_share", "screen_share_audio"]);
    let host = read(&desk.token(expert(8), 1).await.unwrap().token, now).claims.video.unwrap();
    assert!(host.room_admin && !host.room_create && !host.room_list);

    desk.at(85 * MINUTE);
    let late = desk.token(customer(1), 1).await.unwrap();
    assert_eq!(read(&late.token, desk.scheduler.now()).expires_at, UnixTime(START.0 + 90 * MINUTE));
}

#[tokio::test]
async fn a_foreign_room_is_answered_like_none_at_all() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let unknown = TokenRequest { room_name: "appointment-guess".into(), identity: None };
    for actor in [customer(2), expert(9), admin(), Actor::Anonymous] {
        assert!(matches!(desk.token(actor, 1).await, Err(Error::NotFound)), "{actor:?}");
        let guess = desk.scheduler.token(actor, unknown.clone(), key()).await;
        assert!(matches!(guess, Err(Error::NotFound)), "{actor:?}");
    }
}

#[tokio::test]
async fn the_identity_that_a_client_sends_must_be_its_own() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let ask = |identity: String| {
        let request = TokenRequest { room_name: desk.room(1), identity: Some(identity) };
        desk.scheduler.token(customer(1), request, key())
    };
    for own in ["P1@example.org".to_owned(), person(1).to_string(), desk.seat(1, 1).to_string()] {
        ask(own).await.unwrap();
    }
    for other in ["p8@example.org".to_owned(), person(8).to_string(), desk.seat(1, 8).to_string()] {
        assert_eq!(denied(ask(other).await), Denied::IdentityMismatch);
    }
}

#[tokio::test]
async fn what_is_not_approved_has_no_room_to_enter() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let token = desk.token(customer(1), 1).await.unwrap();
    let applicant = holder(&desk, 1, &token.token);
    for status in ["pending", "cancelled"] {
        desk.sql(&format!("UPDATE appointments SET status = '{status}'"));
        let refused = desk.token(customer(1), 1).await;
        assert!(matches!(refused, Err(Error::Conflict(Conflict::NotJoinable(_)))), "{status}: {refused:?}");
        let door = desk.scheduler.may_enter(applicant.clone(), false).await;
        assert!(matches!(door, Err(Error::Conflict(Conflict::NotJoinable(_)))), "{status}: {door:?}");
    }
}

#[tokio::test]
async fn a_token_made_elsewhere_opens_no_appointment_unless_the_operator_wants_it() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let stranger =
        |room: String, jti: Option<&str>| Applicant { room, identity: "agent".into(), jti: jti.map(str::to_owned) };
    for jti in [None, Some("made-up")] {
        let refused = desk.scheduler.may_enter(stranger(desk.room(1), jti), true).await;
        assert!(matches!(refused, Err(Error::Denied(Denied::ForeignToken))), "{refused:?}");
        desk.scheduler.may_enter(stranger("some-room".into(), jti), true).await.unwrap();
    }
    // A token of ours does not serve another identity or room.
    let token = desk.token(customer(1), 1).await.unwrap();
    let mut applicant = holder(&desk, 1, &token.token);
    applicant.identity = desk.seat(1, 8).to_string();
    assert!(desk.scheduler.may_enter(applicant, true).await.is_err());

    let trusting = Desk::with(SchedulerSettings { trust_api_tokens: true, ..SchedulerSettings::default() });
    trusting.approved(Lobby::On);
    trusting.at(-15 * MINUTE - 1);
    let early = trusting.scheduler.may_enter(stranger(trusting.room(1), None), true).await;
    assert!(matches!(early, Err(Error::Denied(Denied::WindowNotOpen { .. }))), "{early:?}");
    trusting.at(0);
    trusting.scheduler.may_enter(stranger(trusting.room(1), None), true).await.unwrap();
}

#[tokio::test]
async fn the_lobby_is_a_queue_and_the_expert_lets_in_one_by_one() {
    let desk = Desk::new();
    desk.approved(Lobby::On);
    desk.approved_at(2, 2, 8, UnixTime(START.0 + 60 * MINUTE), Lobby::On);
    desk.at(46 * MINUTE);
    let place = |denied: Denied| match denied {
        Denied::LobbyWaiting { position, waiting, .. } => (position, waiting),
        other => panic!("{other}"),
    };
    assert_eq!(place(denied(desk.token(customer(1), 1).await)), (1, 1));
    desk.at(46 * MINUTE + 5_000);
    assert_eq!(place(denied(desk.token(customer(2), 2).await)), (2, 2));
    assert_eq!(place(denied(desk.token(customer(1), 1).await)), (1, 2));
    let waiting = desk.scheduler.lobby(expert(8), person(8)).await.unwrap();
    assert_eq!(waiting.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Person 1", "Person 2"]);
    assert!(desk.scheduler.lobby(expert(9), person(8)).await.is_err());
    assert!(desk.scheduler.admit(customer(1), desk.seat(1, 1)).await.is_err());
    assert!(desk.scheduler.admit(expert(9), desk.seat(1, 1)).await.is_err());

    let admitted = desk.scheduler.admit_next(expert(8)).await.unwrap();
    assert_eq!(admitted.seat, desk.seat(1, 1));
    desk.token(customer(1), 1).await.unwrap();
    assert_eq!(place(denied(desk.token(customer(2), 2).await)), (1, 1));
    let told: i64 = desk.value("SELECT count(*) FROM events WHERE kind = 'appointment.lobby_admitted'");
    assert_eq!(told, 2);
    // Nobody has asked for a minute: nobody waits.
    desk.at(49 * MINUTE);
    desk.scheduler.sweep().await.unwrap();
    assert!(desk.scheduler.lobby(expert(8), person(8)).await.unwrap().is_empty());
    assert!(matches!(desk.scheduler.admit_next(expert(8)).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn until_the_start_means_until_the_start_and_guests_wait_all_the_same() {
    let desk = Desk::new();
    desk.approved(Lobby::UntilStart);
    let seat = "00000000-0000-7000-8003-000000000001";
    desk.sql(&format!(
        "INSERT INTO seats (id, appointment_id, guest_name, role, created_at) VALUES ('{seat}', '{}', 'Gast', 'observer', 0)",
        appointment_id(1)
    ));
    let guest = Actor::Guest(seat.parse().unwrap());
    desk.at(-1);
    assert!(matches!(denied(desk.token(customer(1), 1).await), Denied::LobbyWaiting { .. }));
    desk.at(0);
    desk.token(customer(1), 1).await.unwrap();
    assert!(matches!(denied(desk.token(guest, 1).await), Denied::LobbyWaiting { .. }));
    desk.scheduler.admit(expert(8), seat.parse().unwrap()).await.unwrap();
    let token = desk.token(guest, 1).await.unwrap();
    let applicant = holder(&desk, 1, &token.token);
    desk.scheduler.may_enter(applicant.clone(), false).await.unwrap();
    desk.scheduler.may_enter(applicant.clone(), true).await.unwrap();
    // A guest's token is used once, unless its call is going on.
    let again = desk.scheduler.may_enter(applicant.clone(), true).await;
    assert!(matches!(again, Err(Error::Denied(Denied::TokenUsed))), "{again:?}");
    let kind =
        crate::scheduler::CallFactKind::Joined { sid: "PA_g".into(), identity: seat.into(), name: "Gast".into() };
    desk.fact(1, kind).await;
    desk.scheduler.may_enter(applicant, true).await.unwrap();
}

#[tokio::test]
async fn whoever_was_removed_stays_out() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.at(0);
    let token = desk.token(customer(1), 1).await.unwrap();
    let applicant = holder(&desk, 1, &token.token);
    desk.sql(&format!("UPDATE seats SET removed_at = 1 WHERE id = '{}'", desk.seat(1, 1)));
    assert_eq!(denied(desk.token(customer(1), 1).await), Denied::Removed);
    assert!(matches!(desk.scheduler.may_enter(applicant, false).await, Err(Error::Denied(Denied::Removed))));
}

#[tokio::test]
async fn the_expert_extends_twice_and_hears_whom_that_delays() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    let next = UnixTime(START.0 + 95 * MINUTE);
    desk.approved_at(2, 2, 8, next, Lobby::Off);
    desk.at(0);
    desk.token(customer(1), 1).await.unwrap();
    assert!(matches!(desk.scheduler.extend(customer(1), id).await, Err(Error::NotYours)));
    assert!(matches!(desk.scheduler.extend(expert(9), id).await, Err(Error::NotFound)));
    let first = desk.scheduler.extend(expert(8), id).await.unwrap();
    assert_eq!((first.closes_at, first.delays), (UnixTime(START.0 + 105 * MINUTE), Some(next)));
    assert!(desk.rooms.take()[0].contains("next_waits"));
    assert_eq!(desk.scheduler.closes_at(&desk.room(1)), Some(first.closes_at));
    desk.scheduler.extend(expert(8), id).await.unwrap();
    let third = desk.scheduler.extend(expert(8), id).await;
    assert!(matches!(third, Err(Error::Conflict(Conflict::NotExtended(_)))), "{third:?}");
    desk.at(119 * MINUTE);
    desk.token(customer(1), 1).await.unwrap();
    desk.at(120 * MINUTE);
    assert!(matches!(denied(desk.token(customer(1), 1).await), Denied::WindowClosed { .. }));
}

#[tokio::test]
async fn the_expert_opens_early_for_everybody() {
    let desk = Desk::new();
    let id = desk.approved(Lobby::Off);
    desk.at(-60 * MINUTE);
    assert!(desk.scheduler.open_early(customer(1), id).await.is_err());
    assert!(matches!(denied(desk.token(expert(8), 1).await), Denied::WindowNotOpen { .. }));
    desk.scheduler.open_early(expert(8), id).await.unwrap();
    desk.token(customer(1), 1).await.unwrap();
}

#[tokio::test]
async fn with_the_start_as_anchor_nobody_new_comes_late_and_who_was_in_may_return() {
    let desk = Desk::new();
    desk.approved(Lobby::Off);
    desk.sql("UPDATE appointments SET close_anchor = 'start'");
    desk.at(30 * MINUTE - 1);
    desk.token(customer(1), 1).await.unwrap();
    desk.at(30 * MINUTE);
    assert!(matches!(denied(desk.token(customer(1), 1).await), Denied::WindowClosed { .. }));
    // The expert is expected at any time, and so is who has been there.
    desk.token(expert(8), 1).await.unwrap();
    desk.joins(1, 1, "PA_1").await;
    desk.at(89 * MINUTE);
    desk.token(customer(1), 1).await.unwrap();
}

#[tokio::test]
async fn a_trial_room_is_ones_own_and_lasts_five_minutes() {
    let desk = Desk::new();
    let (room, tokens, closes) = desk.scheduler.trial(customer(1), key()).await.unwrap();
    assert!(desk.scheduler.trial(Actor::Anonymous, key()).await.is_err());
    let now = desk.scheduler.now();
    assert_eq!(closes, now.plus(TRIAL_TIME));
    let claims = read(&tokens[0], now).claims;
    let applicant = Applicant { room: room.clone(), identity: claims.identity, jti: claims.jti };
    desk.scheduler.may_enter(applicant.clone(), true).await.unwrap();
    let other = Applicant { jti: None, ..applicant.clone() };
    assert!(matches!(desk.scheduler.may_enter(other, true).await, Err(Error::NotFound)));
    desk.clock.advance(TRIAL_TIME);
    assert!(matches!(desk.scheduler.may_enter(applicant, true).await, Err(Error::NotFound)));
    assert_eq!(desk.scheduler.closes_at(&room), Some(closes));
}

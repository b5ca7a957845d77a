//! Sessions begin, last and end.

use super::*;

#[tokio::test]
async fn a_session_lasts_while_it_is_used_and_ends_when_it_is_not() {
    let office = Office::new();
    let SignedIn { session, .. } = office.signed_in("ada", Role::Customer).await;
    let ttl = AccountSettings::default().session_ttl;
    assert_eq!(session.expires_at, UnixTime(T0).plus(ttl));
    for _ in 0..3 {
        office.clock.advance(ttl - HOUR);
        let resolved = office.resolve(&session.token).await.unwrap();
        assert_eq!(resolved.expires_at, office.clock.unix().plus(ttl));
        let expected = office.clock.unix().0;
        while office.value::<i64>("SELECT last_seen_at FROM sessions").await != expected {
            tokio::task::yield_now().await;
        }
    }
    office.clock.advance(ttl - Duration::from_millis(1));
    office.resolve(&session.token).await.unwrap();
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends() {
    let office = Office::new();
    let SignedIn { session, .. } = office.signed_in("ada", Role::Customer).await;
    office.clock.advance(AccountSettings::default().session_ttl);
    refused(office.resolve(&session.token).await, "session_expired");
    office.clock.advance(DAY);
    let swept = office.accounts.sweep().await.unwrap();
    assert_eq!((swept.sessions, office.count("sessions").await), (1, 0));
}

#[tokio::test]
async fn when_it_was_seen_last_is_written_every_five_minutes_at_most() {
    let office = Office::new();
    let SignedIn { session, .. } = office.signed_in("ada", Role::Customer).await;
    let pieces = || office.store.counters().pieces.load(std::sync::atomic::Ordering::Relaxed);
    let before = pieces();
    for _ in 0..29 {
        office.clock.advance(Duration::from_secs(10));
        office.resolve(&session.token).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(pieces(), before);
    office.clock.advance(Duration::from_secs(10));
    office.resolve(&session.token).await.unwrap();
    while pieces() == before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn tokens_that_are_none_are_nobodys() {
    let office = Office::new();
    office.signed_in("ada", Role::Customer).await;
    let endless = "a".repeat(10_000);
    for token in ["", "x", "' OR 1=1 --", "\u{0}", &endless, &"A".repeat(43)] {
        refused(office.accounts.resolve(token).await, "session_expired");
    }
    // What is stored does not open anything.
    let hash: String = office.value("SELECT token_hash FROM sessions").await;
    refused(office.accounts.resolve(&hash).await, "session_expired");
}

#[tokio::test]
async fn a_disabled_persons_sessions_die_at_once_and_stay_dead() {
    let office = Office::new();
    let SignedIn { person, session } = office.signed_in("ada", Role::Customer).await;
    let bob = office.person("bob", Role::Expert).await;
    office.book(&person, &bob, 1, "approved").await;
    office
        .sql(&format!(
            "INSERT INTO room_tokens (jti, seat_id, room_name, identity, issued_at)
             SELECT role, id, 'room', id, {T0} FROM seats"
        ))
        .await;
    office.accounts.disable(Actor::System, person.id).await.unwrap();
    assert!(office.resolve(&session.token).await.is_err());
    let revoked = "SELECT group_concat(jti) FROM room_tokens WHERE revoked_at IS NOT NULL";
    assert_eq!(office.value::<String>(revoked).await, "client");
    office.accounts.enable(Actor::System, person.id).await.unwrap();
    refused(office.resolve(&session.token).await, "session_expired");
    // Also where the row was changed by other means.
    let SignedIn { session, .. } = office.sign_in("ada").await;
    office.sql("UPDATE users SET status = 'disabled'").await;
    refused(office.resolve(&session.token).await, "account_disabled");
}

#[tokio::test]
async fn people_see_their_own_devices_and_sign_them_out() {
    let office = Office::new();
    let here = office.signed_in("ada", Role::Customer).await;
    office.clock.advance(HOUR);
    let there = office.sign_in("ada").await;
    let bob = office.signed_in("bob", Role::Customer).await;
    let ada = actor(&here.person);
    let devices = office.accounts.sessions(ada).await.unwrap();
    assert_eq!(devices.iter().map(|row| row.id).collect::<Vec<_>>(), [there.session.id, here.session.id]);
    refused(office.accounts.sign_out(ada, bob.session.id).await, "not_found");
    office.accounts.sign_out(ada, there.session.id).await.unwrap();
    refused(office.resolve(&there.session.token).await, "session_expired");
    refused(office.accounts.sign_out(ada, there.session.id).await, "not_found");

    let (third, fourth) = (office.sign_in("ada").await, office.sign_in("ada").await);
    refused(office.accounts.sign_out_everywhere(actor(&bob.person), here.person.id, None).await, "wrong_role");
    let count = office.accounts.sign_out_everywhere(ada, here.person.id, Some(fourth.session.id)).await.unwrap();
    assert_eq!(count, 2);
    office.resolve(&fourth.session.token).await.unwrap();
    refused(office.resolve(&third.session.token).await, "session_expired");
    office.resolve(&bob.session.token).await.unwrap();

    let admin = office.person("root", Role::Admin).await;
    assert_eq!(office.accounts.sessions_of(actor(&admin), here.person.id).await.unwrap().len(), 1);
    refused(office.accounts.sessions_of(ada, bob.person.id).await, "wrong_role");
    assert_eq!(office.accounts.sign_out_everywhere(actor(&admin), here.person.id, None).await.unwrap(), 1);
}

#[tokio::test]
async fn the_oldest_of_too_many_devices_makes_room() {
    let office = Office::new();
    let first = office.signed_in("ada", Role::Customer).await;
    for _ in 0..49 {
        office.clock.advance(Duration::from_secs(1));
        office.sign_in("ada").await;
    }
    office.resolve(&first.session.token).await.unwrap();
    office.clock.advance(Duration::from_secs(1));
    office.sign_in("ada").await;
    refused(office.resolve(&first.session.token).await, "session_expired");
    assert_eq!(office.accounts.sessions(actor(&first.person)).await.unwrap().len(), 50);
}

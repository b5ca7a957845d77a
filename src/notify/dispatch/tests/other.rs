//! Failures, repetitions, secrets, SMS.

use super::*;

fn link(token: &str, expires_at: i64) -> String {
    format!(
        r#"{{"kind":"magic_link","token":"{token}","email":"p1@example.org","name":"P","locale":"en","expires_at":{expires_at}}}"#
    )
}

fn deferred() -> MailError {
    MailError::Deferred { code: 451, text: "later".into() }
}

#[tokio::test]
async fn the_secret_of_a_link_goes_with_the_letter_and_stays_nowhere_else() {
    let world = World::new();
    world.put(1, Some(1), None, &link("s3cret", START.0));
    world.dispatch().await;
    let letters = world.letters();
    assert!(letters[0].text.contains("https://visavis.example/link#magic=s3cret"), "{}", letters[0].text);
    let row: String = world.desk.value("SELECT state || payload || attempts FROM outbox");
    assert_eq!(row, r#"sent{"kind":"magic_link"}1"#);
}

#[tokio::test]
async fn a_link_that_works_no_more_is_not_sent() {
    let world = World::new();
    let expires_at = world.dispatcher.now().0;
    world.put(1, Some(1), None, &link("s3cret", expires_at));
    world.dispatch().await;
    assert_eq!((world.state(1), world.letters().len()), ("dropped".into(), 0));
    assert_eq!(world.desk.value::<String>("SELECT payload FROM outbox"), r#"{"kind":"magic_link"}"#);
}

#[tokio::test]
async fn what_a_server_defers_is_tried_again_and_what_it_refuses_is_not() {
    let refused = MailError::Refused { code: 550, text: "no such user".into() };
    let world = World::failing(vec![deferred(), deferred(), refused]);
    world.put(1, Some(1), None, &link("a", START.0));
    world.dispatch().await;
    assert_eq!(world.state(1), "due");
    let kept = "SELECT attempts || ' ' || last_error FROM outbox";
    assert_eq!(world.desk.value::<String>(kept), "1 the mail server asks to try later (451): later");
    world.dispatch().await;
    assert_eq!(world.desk.value::<i64>("SELECT attempts FROM outbox"), 1, "not before its time");
    world.advance(80);
    world.dispatch().await;
    world.advance(160);
    world.dispatch().await;
    assert_eq!((world.state(1), world.letters().len()), ("failed".into(), 0));
    assert_eq!(world.desk.value::<String>("SELECT attempts || payload FROM outbox"), r#"3{"kind":"magic_link"}"#);
    world.put(2, Some(1), None, &link("b", START.0));
    world.dispatch().await;
    assert_eq!((world.state(2), world.letters().len()), ("sent".into(), 1));
    let counts = &world.metrics.outward;
    assert_eq!((counts.retried.get(), counts.failed.get()), (vec![("mail", 2)], vec![("mail", 1)]));
}

#[tokio::test]
async fn after_a_day_of_attempts_a_letter_has_failed() {
    let world = World::failing((0..100).map(|_| deferred()).collect());
    let begun = world.dispatcher.now();
    // As old as reminders are when they become due: the day runs from the first attempt.
    world.put(1, Some(1), None, &link("a", i64::MAX));
    world.desk.sql("UPDATE outbox SET created_at = 0");
    let mut rounds = 0;
    while world.state(1) == "due" {
        world.dispatch().await;
        world.advance(60);
        rounds += 1;
        assert!(rounds < 2000);
    }
    let ended: i64 = world.desk.value("SELECT done_at FROM outbox");
    let day = 24 * 3_600_000;
    assert!((day..day + 120_000).contains(&(ended - begun.0)), "{}", ended - begun.0);
    assert_eq!(world.state(1), "failed");
    assert!(world.desk.value::<i64>("SELECT attempts FROM outbox") > 20);
}

#[tokio::test]
async fn rounds_that_overlap_send_nothing_twice() {
    let world = World::with(Vec::new(), Duration::from_millis(20), &[]);
    for id in 0..12 {
        world.put(id, Some(1), None, &link("a", START.0));
    }
    let rounds = (0..200).map(|_| {
        let dispatcher = world.dispatcher.clone();
        async move {
            let pause = rand::random::<u64>() % 100;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            dispatcher.round().await.unwrap();
        }
    });
    let rounds: Vec<_> = rounds.map(tokio::spawn).collect();
    for round in rounds {
        round.await.unwrap();
    }
    world.dispatch().await;
    world.dispatcher.settled().await;
    world.dispatch().await;
    assert_eq!((world.letters().len(), world.count("sent")), (12, 12));
}

#[tokio::test]
async fn one_row_that_cannot_be_read_holds_up_no_other() {
    let world = World::new();
    world.put(1, Some(1), None, r#"{"kind":"sung","token":"s3cret"}"#);
    world.put(2, Some(1), None, r#"{"kind":"approved"}"#);
    world.put(3, None, None, r#"{"kind":"test"}"#);
    world.put(4, Some(1), None, r#"{"kind":"test"}"#);
    world.dispatch().await;
    assert_eq!([1, 2, 3, 4].map(|id| world.state(id)), ["failed", "failed", "dropped", "sent"]);
    assert_eq!(world.desk.value::<i64>("SELECT count(*) FROM outbox WHERE last_error LIKE '%s3cret%'"), 0);
}

#[tokio::test]
async fn without_a_way_for_mail_it_waits() {
    let world = World::of(None, Arc::default(), &[]);
    world.put(1, Some(1), None, r#"{"kind":"test"}"#);
    world.dispatch().await;
    assert_eq!(world.state(1), "due");
}

#[tokio::test]
async fn the_dispatcher_wakes_for_what_is_written_and_ends_what_it_has_begun() {
    let world = World::with(Vec::new(), Duration::from_millis(100), &[]);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(world.dispatcher.clone().run(stopped));
    world.put(1, Some(1), None, r#"{"kind":"test"}"#);
    let mut under_way = world.dispatcher.inner.lanes.watch();
    under_way.wait_for(|count| *count == 1).await.unwrap();
    stop.send(true).unwrap();
    running.await.unwrap();
    assert_eq!((world.state(1), world.letters().len()), ("sent".into(), 1));
    world.put(2, Some(1), None, r#"{"kind":"test"}"#);
    world.dispatcher.measure().await;
    assert_eq!(world.metrics.outward.queue("mail").get(), 1);
}

#[tokio::test]
async fn sms_wait_for_the_morning_and_go_to_who_wants_them() {
    let world = World::new();
    world.approved();
    world
        .desk
        .sql(&format!("UPDATE users SET phone = '+391234567890', reminders_by_sms = 1 WHERE id = '{}'", person(1)));
    // 22:00 UTC of the day before.
    world.desk.at(-11 * 3_600_000);
    world.put_by("sms", 1, Some(1), Some(1), r#"{"kind":"approved"}"#);
    world.put_by("sms", 2, Some(8), Some(1), r#"{"kind":"approved"}"#);
    world.dispatch().await;
    assert_eq!((world.state(1), world.state(2), world.sms.list().len()), ("due".into(), "dropped".into(), 0));
    assert_eq!(world.desk.value::<i64>("SELECT due_at FROM outbox WHERE id = 'row-1'"), START.0 - 3_600_000);
    world.desk.at(-3_600_000);
    world.dispatch().await;
    let sms = world.sms.list();
    assert_eq!((world.state(1).as_str(), sms.len(), sms[0].sms.to.as_str()), ("sent", 1, "+391234567890"));
    assert!(sms[0].sms.text.contains("Praxis"));
}

#[tokio::test]
async fn the_key_of_notifications_is_made_once_and_shown_to_nobody() {
    let world = World::new();
    let store = world.desk.scheduler.store();
    let first = vapid_key(store, START).await.unwrap();
    assert_eq!(vapid_key(store, START).await.unwrap().public(), first.public());
    let seen = store
        .read(testing::admin(), |reader| {
            let sql = "SELECT count(*) FROM public_settings";
            Ok::<i64, StoreError>(reader.query_row(sql, [], |row| row.get(0))?)
        })
        .await;
    assert_eq!(seen.unwrap(), 0);
}

#[tokio::test]
async fn a_trial_says_what_the_server_said() {
    let world = World::failing(vec![MailError::Credentials { code: 535, text: "wrong password".into() }]);
    let to = Person { name: "Admin".into(), email: "admin@example.org".into() };
    let error = world.dispatcher.try_mail(to.clone(), "de").await.unwrap_err();
    assert!(error.to_string().contains("wrong password"), "{error}");
    world.dispatcher.try_mail(to, "de").await.unwrap();
    assert_eq!(world.receivers(), ["admin@example.org"]);
    world.dispatcher.try_sms("+391234567890".parse().unwrap(), "en").await.unwrap();
    assert_eq!(world.sms.list().len(), 1);
}

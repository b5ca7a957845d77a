//! Live status over server-sent events.

use super::world::{HOUR, Listener, START, Told, Who, World};

/// Moves the clock to so many minutes before the close and lets time take effect.
async fn before_the_close(world: &World, minutes: u32) {
    let close = START.plus(HOUR + HOUR / 2);
    world.clock.advance(close.minus(minutes * HOUR / 60).since(world.rest.scheduler.now()));
    world.rest.scheduler.sweep().await.unwrap();
}

async fn closing(listener: &mut Listener, minutes: u32) -> Told {
    let told = listener.next().await;
    assert_eq!((told.kind.as_str(), &told.data["minutesLeft"]), ("appointment.closing", &minutes.into()));
    told
}

#[tokio::test]
async fn pages_of_everybody_with_a_seat_hear_that_the_room_closes_soon_also_when_they_come_back() {
    let world = World::new().await;
    let mut listeners = Vec::new();
    for who in [Who::Customer(1), Who::Expert(1), Who::Guest(1), Who::Customer(2)] {
        let number = if who == Who::Customer(2) { 2 } else { 1 };
        listeners.push((number, world.as_(who).listen(None).await));
    }
    before_the_close(&world, 10).await;
    before_the_close(&world, 5).await;
    for (number, listener) in &mut listeners {
        for minutes in [10, 5] {
            let told = closing(listener, minutes).await;
            assert_eq!(told.data["appointmentId"], world.meeting(*number).appointment.to_string(), "one's own");
            assert_eq!(told.data["closesAt"], "2026-11-22T10:30:00Z");
        }
    }

    // The connection broke after the first warning; the last one comes while nobody listens.
    let customer = world.as_(Who::Customer(1));
    let first = closing(&mut customer.listen(Some(0)).await, 10).await.id;
    before_the_close(&world, 1).await;
    let mut again = customer.listen(Some(first)).await;
    closing(&mut again, 5).await;
    closing(&mut again, 1).await;
    before_the_close(&world, 0).await;
    assert_eq!(again.next().await.kind, "appointment.no_show", "the close itself is told as what has come of it");
}

#[tokio::test]
async fn a_close_that_is_moved_is_told_and_then_told_of_again() {
    let world = World::new().await;
    before_the_close(&world, 5).await;
    let customer = world.as_(Who::Customer(1));
    let mut listener = customer.listen(Some(0)).await;
    closing(&mut listener, 5).await;
    let path = format!("/api/appointments/{}/extend", world.meeting(1).appointment);
    world.as_(Who::Expert(1)).post(&path, serde_json::Value::Null).await.expect(200);
    let told = listener.next().await;
    assert_eq!((told.kind.as_str(), &told.data["closesAt"]), ("appointment.extended", &"2026-11-22T10:45:00Z".into()));
    world.clock.advance(HOUR / 6);
    world.rest.scheduler.sweep().await.unwrap();
    assert_eq!(closing(&mut listener, 10).await.data["closesAt"], "2026-11-22T10:45:00Z");
}

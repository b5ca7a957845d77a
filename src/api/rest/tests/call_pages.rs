//! The page of a call: its four checks, as a browser without scripts meets them.

use std::time::Duration;

use visavis_signaling::token::{ApiKey, Claims, mint};

use super::pages::state;
use super::world::{Answer, Client, HOUR, START, key};
use super::*;
use crate::clock::Clock;
use crate::units::UnixTime;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn room(world: &World, number: usize) -> String {
    format!("appointment-{}-0123456789abcdef0123", world.meeting(number).appointment)
}

fn page(world: &World, number: usize) -> String {
    format!("/call/{}", room(world, number))
}

/// Lets the calendar be at a moment; it does not go back.
fn at(world: &World, moment: UnixTime) {
    world.clock.advance(moment.since(world.clock.unix()));
}

/// The status of the page, the code in its state, its title.
fn told(answer: &Answer) -> (u16, String, String) {
    let state = state(answer);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!((answer.header("cache-control"), answer.header("referrer-policy")), ("no-store", "no-referrer"));
    assert_eq!(state["status"], answer.status.as_u16());
    let code = state["problem"]["code"].as_str().unwrap_or_default().to_owned();
    let title = answer.text.split_once("<h1>").map(|(_, rest)| rest.split("</h1>").next().unwrap().to_owned());
    assert_eq!(title.is_none(), answer.status == 200, "{}", answer.text);
    (answer.status.as_u16(), code, title.unwrap_or_default())
}

async fn code(client: &Client<'_>, path: &str) -> (u16, String) {
    let (status, code, _) = told(&client.get(path).await);
    (status, code)
}

fn says(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_comes_back() {
    let world = World::new().await;
    let path = page(&world, 1);
    let answer = world.as_(Who::Anonymous).get(&path).await;
    assert_eq!(told(&answer), (401, "sign_in_required".into(), "Please sign in".into()));
    assert!(answer.text.contains(&format!("<a href=\"/sign-in?next={path}\">Sign in</a>")), "{}", answer.text);
    // Nothing tells whether there is such a room.
    let nowhere = world.as_(Who::Anonymous).get("/call/appointment-of-nobody").await;
    let strip = |text: &str, path: &str| text.replace(path.trim_start_matches("/call/"), "ROOM");
    assert_eq!(strip(&nowhere.text, "/call/appointment-of-nobody"), strip(&answer.text, &path));
    let head = world.as_(Who::Anonymous).head(&path).await.expect(401);
    assert!(head.text.is_empty());
    let old = world.as_(Who::Anonymous).with("cookie", "__Host-visavis=a-session-that-has-ended");
    assert_eq!(code(&old, &path).await, says(401, "sign_in_required"));
}

#[tokio::test]
async fn a_foreign_call_looks_like_none_at_all() {
    let world = World::new().await;
    at(&world, START);
    let foreign = page(&world, 2);
    for who in [Who::Customer(1), Who::Expert(1), Who::Guest(1), Who::Admin] {
        let (foreign, unknown) =
            (world.as_(who).get(&foreign).await, world.as_(who).get("/call/appointment-guess").await);
        assert_eq!(told(&foreign), (404, "not_found".into(), "There is nothing here for you".into()), "{who:?}");
        let strip = |answer: &Answer, room: &str| answer.text.replace(room, "ROOM");
        assert_eq!(strip(&foreign, &room(&world, 2)), strip(&unknown, "appointment-guess"), "{who:?}");
        assert!(state(&foreign)["call"].get("opensAt").is_none());
    }
}

#[tokio::test]
async fn the_window_is_half_open_on_the_page_too() {
    let world = World::new().await;
    let (expert, path) = (world.as_(Who::Expert(1)), page(&world, 1));
    let opens = START.minus(15 * MINUTE);
    let closes = START.plus(90 * MINUTE);
    at(&world, opens.minus(SECOND));
    let early = expert.get(&path).await;
    assert_eq!(told(&early), (403, "window_not_open".into(), "The room is not open yet".into()));
    assert!(early.text.contains("It opens now (UTC).") || early.text.contains("It opens in one minute (UTC)."));
    let known = state(&early);
    assert_eq!(known["call"]["opensAt"], known["problem"]["opensAt"]);
    assert_eq!(known["call"]["appointmentId"], world.meeting(1).appointment.to_string());
    assert_eq!(
        (&known["call"]["opensAt"], &known["call"]["closesAt"]),
        (&"2026-11-22T08:45:00Z".into(), &"2026-11-22T10:30:00Z".into())
    );
    assert_eq!(known["call"]["serverTime"], "2026-11-22T08:44:59Z");
    assert!(early.text.contains(&format!("<a href=\"/appointments/{}\">", world.meeting(1).appointment)));
    at(&world, opens);
    let open = expert.get(&path).await;
    assert_eq!(told(&open), (200, String::new(), String::new()));
    assert_eq!(state(&open)["call"]["roomName"], room(&world, 1));
    at(&world, closes.minus(SECOND));
    assert_eq!(code(&expert, &path).await.0, 200);
    at(&world, closes);
    assert_eq!(told(&expert.get(&path).await), (410, "window_closed".into(), "The room has closed".into()));
    at(&world, closes.plus(SECOND));
    assert_eq!(code(&world.as_(Who::Customer(1)), &path).await, says(410, "window_closed"));
}

#[tokio::test]
async fn who_must_be_let_in_is_told_so_and_takes_no_place_in_the_lobby_by_looking() {
    let world = World::new().await;
    at(&world, START);
    for who in [Who::Customer(1), Who::Guest(1)] {
        let answer = world.as_(who).get(&page(&world, 1)).await;
        assert_eq!(told(&answer), (403, "lobby_waiting".into(), "The expert lets you in".into()), "{who:?}");
        assert!(state(&answer)["problem"].get("position").is_none());
    }
    assert!(world.as_(Who::Expert(1)).get("/api/lobby").await.expect(200).json.as_array().unwrap().is_empty());
    let seat = world.meeting(1).customer_seat;
    world.as_(Who::Expert(1)).post(&format!("/api/seats/{seat}/admit"), json!({})).await.expect(204);
    assert_eq!(code(&world.as_(Who::Customer(1)), &page(&world, 1)).await.0, 200);
    let logs: i64 = world.value("SELECT count(*) FROM room_tokens").await;
    assert_eq!(logs, 0);
}

#[tokio::test]
async fn what_has_become_of_the_appointment_is_on_the_page() {
    for (status, expected) in [
        ("pending", (403, "not_joinable", "The appointment is not confirmed yet")),
        ("cancelled", (410, "not_joinable", "The appointment was cancelled")),
        ("rejected", (410, "not_joinable", "The request was declined")),
        ("expired", (410, "not_joinable", "The request has lapsed")),
        ("completed", (410, "not_joinable", "The call is over")),
        ("no_show", (410, "not_joinable", "The call is over")),
    ] {
        let world = World::new().await;
        at(&world, START);
        let way = match status {
            "rejected" | "expired" => "pending",
            "completed" => "in_progress",
            _ => "approved",
        };
        let id = world.meeting(1).appointment;
        let set = async |status: &str| {
            let no_show = if status == "no_show" { ", no_show = 'both'" } else { "" };
            world.sql(&format!("UPDATE appointments SET status = '{status}'{no_show} WHERE id = '{id}'")).await;
        };
        if way != "approved" {
            set(way).await;
        }
        set(status).await;
        let (code, title) = (expected.1.to_owned(), expected.2.to_owned());
        for who in [Who::Customer(1), Who::Expert(1)] {
            let answer = world.as_(who).get(&page(&world, 1)).await;
            assert_eq!(told(&answer), (expected.0, code.clone(), title.clone()), "{status} {who:?}");
            assert_eq!(state(&answer)["problem"]["appointmentStatus"], status);
        }
    }
}

#[tokio::test]
async fn who_was_removed_hears_that_and_no_more() {
    let world = World::new().await;
    at(&world, START);
    let seat = world.meeting(1).guest_seat;
    world.sql(&format!("UPDATE seats SET removed_at = 1 WHERE id = '{seat}'")).await;
    let answer = world.as_(Who::Guest(1)).get(&page(&world, 1)).await;
    let (status, code, _) = told(&answer);
    // Whoever takes a guest's seat away ends its session with it, or at least its view of the appointment.
    assert!(status == 403 && code == "removed" || status == 401, "{status} {code}");
    assert!(state(&answer)["call"].get("closesAt").is_none());
}

#[tokio::test]
async fn another_appointments_number_beside_the_room_is_a_wrong_address() {
    let world = World::new().await;
    at(&world, START);
    let (expert, path) = (world.as_(Who::Expert(1)), page(&world, 1));
    let with = |id: &str| format!("{path}?appointmentId={id}&utm_source=mail");
    assert_eq!(code(&expert, &with(&world.meeting(1).appointment.to_string())).await.0, 200);
    assert_eq!(code(&expert, &with("")).await.0, 200);
    for wrong in [&*world.meeting(2).appointment.to_string(), "x", "%3Cscript%3E"] {
        assert_eq!(code(&expert, &with(wrong)).await, says(404, "not_found"), "{wrong}");
    }
}

#[tokio::test]
async fn a_token_stands_in_for_the_session_and_is_looked_at_whole() {
    let world = World::new().await;
    at(&world, START);
    let body = json!({ "roomName": room(&world, 1) });
    let issued = world.as_(Who::Expert(1)).post("/api/livekit/token", body).await.expect(200);
    let token = issued.json["token"].as_str().unwrap().to_owned();
    let stranger = world.as_(Who::Anonymous);
    let path = page(&world, 1);
    let with = |path: &str, token: &str| format!("{path}?token={token}");
    let answer = stranger.get(&with(&path, &token)).await;
    assert_eq!(told(&answer).0, 200);
    assert!(!answer.text.contains(&token));
    let id = world.meeting(1).appointment.to_string();
    assert_eq!(state(&answer)["call"]["appointmentId"], id);
    assert_eq!(code(&stranger, &format!("{path}?token={token}&appointmentId={id}")).await.0, 200);
    let other = world.meeting(2).appointment;
    assert_eq!(code(&stranger, &format!("{path}?token={token}&appointmentId={other}")).await, says(404, "not_found"));

    // Another room, another key, no token at all, and a session that would do beside it.
    assert_eq!(code(&stranger, &with(&page(&world, 2), &token)).await, says(403, "foreign_token"));
    let made = |key: &ApiKey, ttl: Duration| {
        mint(&Claims::join("somebody", &*room(&world, 1)), key, ttl, world.clock.unix()).unwrap()
    };
    let forged = made(&ApiKey::new("devkey", "another secret of thirty-two characters"), HOUR);
    let elsewhere = made(&key(), HOUR);
    for bad in ["", "x", "a.b.c", &*forged, &token[..token.len() - 2]] {
        assert_eq!(code(&stranger, &with(&path, bad)).await, says(401, "invalid_token"), "{bad}");
        assert_eq!(code(&world.as_(Who::Expert(1)), &with(&path, bad)).await, says(401, "invalid_token"), "{bad}");
    }
    // Made with our key and not by us.
    assert_eq!(code(&stranger, &with(&path, &elsewhere)).await, says(403, "foreign_token"));
    // Its end is an end.
    at(&world, START.plus(10 * MINUTE));
    assert_eq!(code(&stranger, &with(&path, &token)).await, says(401, "invalid_token"));
}

#[tokio::test]
async fn a_token_does_not_outlast_the_seat_or_the_appointment() {
    let world = World::new().await;
    at(&world, START);
    let body = json!({ "roomName": room(&world, 1) });
    let issued = world.as_(Who::Expert(1)).post("/api/livekit/token", body).await.expect(200);
    let path = format!("{}?token={}", page(&world, 1), issued.json["token"].as_str().unwrap());
    let stranger = world.as_(Who::Anonymous);
    world
        .sql(&format!("UPDATE appointments SET status = 'cancelled' WHERE id = '{}'", world.meeting(1).appointment))
        .await;
    assert_eq!(code(&stranger, &path).await, says(410, "not_joinable"));
    world.sql("UPDATE room_tokens SET revoked_at = 1").await;
    assert_eq!(code(&stranger, &path).await, says(403, "removed"));
}

#[tokio::test]
async fn the_page_speaks_the_visitors_language_and_tells_times_in_the_visitors_zone() {
    let world = World::new().await;
    let path = page(&world, 1);
    let german = world.as_(Who::Anonymous).with("accept-language", "de-CH,de;q=0.9,en;q=0.1");
    let answer = german.get(&path).await.expect(401);
    assert!(answer.text.contains("<h1>Bitte melden Sie sich an</h1>") && answer.text.contains("<html lang=\"de\">"));
    // The account's language counts, not the browser's.
    let id = world.person(Who::Customer(1)).id;
    world.sql(&format!("UPDATE users SET locale = 'de-AT', tz = 'Europe/Rome' WHERE id = '{id}'")).await;
    let answer = world.as_(Who::Customer(1)).with("accept-language", "en").get(&path).await.expect(403);
    assert!(answer.text.contains("Er öffnet morgen um 09:45 Uhr (Europe/Rome)."), "{}", answer.text);
    world.sql(&format!("UPDATE users SET locale = 'fr' WHERE id = '{id}'")).await;
    let answer = world.as_(Who::Customer(1)).get(&path).await.expect(403);
    assert!(answer.text.contains("It opens tomorrow at 09:45 (Europe/Rome)."), "{}", answer.text);
}

#[tokio::test]
async fn scripts_in_the_address_stay_text() {
    let world = World::new().await;
    let script = "%3C%2Fscript%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%26%3C!--page--%3E";
    for (who, status) in [(Who::Anonymous, 401), (Who::Customer(1), 404)] {
        for path in [format!("/call/{script}"), format!("/embed/call/{script}"), format!("/{script}")] {
            let status = if path.starts_with("/%3C") { 404 } else { status };
            let answer = world.as_(who).get(&path).await.expect(status);
            assert!(
                !answer.text.contains("<script>alert") && !answer.text.contains("alert(1)</script>"),
                "{}",
                answer.text
            );
            assert_eq!(answer.text.matches("</script>").count(), 2, "{}", answer.text);
        }
        let answer = world.as_(who).get(&format!("/call/{script}")).await;
        assert_eq!(state(&answer)["call"]["roomName"], "</script><script>alert(1)</script>\"'&<!--page-->");
    }
    let broken = world.as_(Who::Anonymous).get("/call/%FF").await.expect(400);
    assert!(broken.text.contains("<h1>") && state(&broken)["problem"]["code"] == "invalid_path");
    let twice = world.as_(Who::Anonymous).get("/call/x?token=a&token=b").await.expect(400);
    assert_eq!(state(&twice)["problem"]["code"], "invalid_query");
}

#[tokio::test]
async fn the_call_in_a_frame_is_judged_like_the_one_outside() {
    let world = World::at("https://meet.example.org", |settings| {
        settings.embedding.origins = vec!["https://www.example.org".parse().unwrap()];
    })
    .await;
    at(&world, START);
    for (who, status) in
        [(Who::Anonymous, 401), (Who::Customer(1), 403), (Who::Customer(2), 404), (Who::Expert(1), 200)]
    {
        let answer = world.as_(who).get(&format!("/embed{}", page(&world, 1))).await;
        assert_eq!(told(&answer).0, status, "{who:?}");
        assert!(answer.header("content-security-policy").ends_with("frame-ancestors https://www.example.org"));
    }
}

#[tokio::test]
async fn a_database_that_does_not_play_along_is_a_page_too() {
    let world = World::new().await;
    world.sql("ALTER TABLE seats RENAME TO seats_elsewhere").await;
    let answer = world.as_(Who::Customer(1)).get(&page(&world, 1)).await;
    assert!(answer.status == 500 && answer.text.contains("<h1>Something is wrong on our side</h1>"), "{}", answer.text);
    assert!(!answer.text.contains("seats"));
}

//! Every endpoint, every kind of caller, own and foreign things.
//!
//! What is held to: a caller whom a route's declaration keeps out is told so, in the declared way, before anything else;
//! a foreign thing is answered exactly like one that does not exist; nothing at all is a fault of the server.

use axum::http::Method;
use serde_json::{Value, json};

use super::super::routes;
use super::world::{Answer, Who, World};
use crate::api::office::{Access, Route};
use crate::store::Actor;

/// Whose things a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    /// Those of number 1, who asks.
    Own,
    /// Those of number 2.
    Foreign,
    /// Nobody's: such a thing does not exist.
    Unknown,
}

const MESSAGE: u32 = 1;
const FILE: u32 = 2;
const NOTE: u32 = 3;
const WEBHOOK: u32 = 4;
const DELIVERY: u32 = 5;
const HOLD: u32 = 6;
const PUSH: u32 = 7;

/// The id of a thing that the test has made itself.
fn made(kind: u32, number: usize) -> String {
    format!("00000000-0000-7000-9{kind:03}-{number:012}")
}

/// Services, experts and ratings are there for everybody to see.
fn is_public(route: &Route) -> bool {
    route.method == Method::GET && ["/api/services/", "/api/experts/"].iter().any(|start| route.path.starts_with(start))
}

async fn world() -> World {
    let world = World::at("https://meet.example.org", |settings| settings.rate_limits.enabled = false).await;
    for number in [1, 2] {
        let meeting = world.meeting(number);
        let (customer, expert) = (world.person(Who::Customer(number)).id, world.person(Who::Expert(number)).id);
        let (appointment, seat, service) = (meeting.appointment, meeting.customer_seat, meeting.service);
        let admin = world.person(Who::Admin).id;
        let id = |kind| made(kind, number);
        world
            .sql(&format!(
                "INSERT INTO messages (id, appointment_id, stream_id, seat_id, identity, name, body, sent_at)
                 VALUES ('{}', '{appointment}', 's', '{seat}', '{seat}', 'Name', 'words', 1);
                 INSERT INTO files (id, appointment_id, seat_id, name, content_type, size, sha256, created_at)
                 VALUES ('{}', '{appointment}', '{seat}', 'a.txt', 'text/plain', 1, 'x', 1);
                 INSERT INTO notes (id, appointment_id, author_id, body, visibility, created_at, updated_at)
                 VALUES ('{}', '{appointment}', '{expert}', 'words', 'shared', 1, 1);
                 INSERT INTO webhooks (id, url, secret, events, created_by, created_at, updated_at)
                 VALUES ('{}', 'https://example.org/', 'x', '[]', '{admin}', 1, 1);
                 INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, next_at, created_at)
                 VALUES ('{}', '{}', 'e', 'call.started', '{{}}', 9000000000000, 1);
                 INSERT INTO push_subscriptions (id, user_id, endpoint, p256dh, auth, created_at)
                 VALUES ('{}', '{customer}', 'https://push.example.org/{number}', 'x', 'x', 1);",
                id(MESSAGE),
                id(FILE),
                id(NOTE),
                id(WEBHOOK),
                id(DELIVERY),
                id(WEBHOOK),
                id(PUSH),
            ))
            .await;
        let start = super::world::START.plus(super::world::HOUR * 24 * number as u32).0;
        world
            .sql(&format!(
                "INSERT INTO appointments (id, customer_id, expert_id, service_id, title, starts_at, ends_at, busy_from,
                   busy_to, tz, status, room_secret, ical_uid, hold_expires_at, lobby, created_at, updated_at)
                 VALUES ('{}', '{customer}', '{expert}', '{service}', 'Advice', {start}, {start} + 1, {start}, {start} + 1,
                   'UTC', 'hold', '0123456789abcdef0123', 'hold-{number}', 9000000000000, 'on', 1, 1)",
                id(HOLD),
            ))
            .await;
    }
    world
}

/// The path with its parameters filled in.
async fn path(world: &World, route: &Route, thing: Thing) -> String {
    let number = if thing == Thing::Foreign { 2 } else { 1 };
    let (meeting, unknown) = (world.meeting(number), "00000000-0000-7000-afff-000000000000");
    let mut path = route.path.clone();
    while let Some(start) = path.find('{') {
        let end = path[start..].find('}').map(|at| start + at).unwrap();
        let name = path[start + 1..end].to_owned();
        let user = world.person(Who::Customer(number)).id;
        let value = match name.as_str() {
            "slug" | "expert" => {
                if thing == Thing::Unknown {
                    "nobody".into()
                } else {
                    format!("expert-{number}")
                }
            }
            // Secrets of calendar feeds are not guessed here.
            "token" | "address" => "a-secret-that-nobody-has.ics".into(),
            _ if thing == Thing::Unknown => unknown.to_owned(),
            "appointment_id" => meeting.appointment.to_string(),
            "service_id" => meeting.service.to_string(),
            "seat_id" => meeting.customer_seat.to_string(),
            "link_id" => meeting.guest_link.to_string(),
            "user_id" => user.to_string(),
            "session_id" => world.value(&format!("SELECT id FROM sessions WHERE user_id = '{user}' LIMIT 1")).await,
            "message_id" => made(MESSAGE, number),
            "file_id" => made(FILE, number),
            "note_id" => made(NOTE, number),
            "webhook_id" => made(WEBHOOK, number),
            "delivery_id" => made(DELIVERY, number),
            "hold_id" => made(HOLD, number),
            "subscription_id" => made(PUSH, number),
            other => panic!("{}: this test does not know what `{other}` is; tell it", route.path),
        };
        path.replace_range(start..=end, &value);
    }
    let query = match route.path.as_str() {
        "/api/services/{service_id}/slots" => "?from=2026-11-22T00:00:00Z&to=2026-11-24T00:00:00Z&tz=UTC",
        "/api/services/{service_id}/explain" => "?startsAt=2026-11-23T09:00:00Z",
        "/api/appointments/{appointment_id}/files" if route.method == Method::POST => "?name=a.txt",
        _ => "",
    };
    path + query
}

/// A body that gets past its reading where one is wanted, so that the thing itself is looked at.
fn body(world: &World, route: &Route, thing: Thing) -> Option<Value> {
    if ![Method::POST, Method::PUT, Method::PATCH].contains(&route.method) {
        return None;
    }
    let last = route.path.rsplit('/').next().unwrap_or_default();
    let number = if thing == Thing::Foreign { 2 } else { 1 };
    Some(match last {
        "approve" | "reject" | "cancel" | "decline" => json!({ "message": "words" }),
        "propose" | "reschedule" => json!({ "startsAt": "2026-11-23T12:00:00Z", "message": "words" }),
        "outcome" => json!({ "outcome": "no_show", "noShow": "customer" }),
        "window" => json!({ "closeAfterMin": 45 }),
        "messages" => json!({ "body": "words", "streamId": "of-a-test" }),
        "{message_id}" => json!({ "body": "other words" }),
        "notes" => json!({ "body": "words", "visibility": "private" }),
        "{note_id}" => json!({ "body": "other words" }),
        "rating" => json!({ "stars": 5, "comment": "" }),
        "seats" => json!({ "name": "Somebody", "role": "observer" }),
        "{seat_id}" => json!({ "permissions": { "audio": true, "video": true, "screen": false, "data": true } }),
        "token" => {
            let room = match thing {
                Thing::Unknown => "appointment-of-nobody".to_owned(),
                _ => format!("appointment-{}-0123456789abcdef0123", world.meeting(number).appointment),
            };
            json!({ "roomName": room, "participantName": "Anybody" })
        }
        _ => json!({}),
    })
}

async fn ask(world: &World, who: Who, route: &Route, thing: Thing) -> Answer {
    let client = world.as_(who).with("if-match", "*");
    client.request(route.method.clone(), &path(world, route, thing).await, body(world, route, thing)).await
}

/// How the two answers are told apart by a program: by status and code.
fn told(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code().to_owned())
}

fn names_a_thing(route: &Route) -> bool {
    (route.path.contains('{') && !route.path.contains("{token}") && !route.path.contains("{address}"))
        || route.path == "/api/livekit/token"
}

#[tokio::test]
async fn every_endpoint_keeps_out_whom_it_should_and_shows_nobody_what_is_anothers() {
    let table = routes(false).table().to_vec();
    assert!(table.len() > 80, "only {} routes", table.len());
    let mut findings = Vec::new();
    let shared = world().await;
    for route in table.iter().filter(|route| route.described && route.path != "/api/events") {
        // What changes something has a world of its own: some requests succeed.
        let own = if route.method == Method::GET { None } else { Some(world().await) };
        let world = own.as_ref().unwrap_or(&shared);
        for who in Who::ACTORS {
            let name = format!("{} {} by {who:?}", route.method, route.path);
            let actor = world.actor(who);
            if let Err(code) = route.access.admit(actor) {
                let answer = ask(world, who, route, Thing::Own).await;
                let expected = (code.status().as_u16(), code.as_str().to_owned());
                if told(&answer) != expected {
                    findings.push(format!("{name}: {:?} instead of {expected:?}", told(&answer)));
                }
                continue;
            }
            if names_a_thing(route) && !is_public(route) && who != Who::Admin {
                let (foreign, unknown) =
                    (ask(world, who, route, Thing::Foreign).await, ask(world, who, route, Thing::Unknown).await);
                // A stranger may be told to sign in, whatever the address.
                let nothing_told = foreign.json == unknown.json;
                let (foreign, unknown) = (told(&foreign), told(&unknown));
                // A public thing may be known to be another's.
                let public = route.path.contains("{service_id}") && foreign == (403, "not_yours".to_owned());
                if foreign != unknown && !public {
                    findings.push(format!("{name}: a foreign thing {foreign:?}, none at all {unknown:?}"));
                }
                if foreign.0 < 400 && !nothing_told {
                    findings.push(format!("{name}: a foreign thing is answered {foreign:?}"));
                }
            }
        }
        // Own things last: a request may end them. Whoever signs out here has asked before.
        for who in Who::ACTORS {
            if route.access.admit(world.actor(who)).is_err() || world.actor(who) == Actor::Anonymous {
                continue;
            }
            let answer = ask(world, who, route, Thing::Own).await;
            let (status, code) = told(&answer);
            if status >= 500 && status != 503
                || status == 405
                || status == 401 && !code.starts_with("invalid") && code != "sign_in_again"
            {
                findings
                    .push(format!("{} {} by {who:?}, own: {status} {code} {}", route.method, route.path, answer.json));
            }
        }
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn every_route_declares_who_may_call_it_and_nothing_but_reading_is_for_everybody() {
    let table = routes(true).table().to_vec();
    let document = routes(true);
    let paths = &document.document().paths.paths;
    for route in &table {
        // Pages are no part of the API; what is below its address is.
        let is_api = route.path.starts_with("/api");
        assert!(paths.contains_key(&route.path) == route.described && (route.described || !is_api), "{}", route.path);
    }
    // What strangers may change is short enough to be looked at: signing in, links, making an account.
    let open: Vec<String> = table
        .iter()
        .filter(|route| matches!(route.access, Access::Public | Access::Anyone) && route.method != Method::GET)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let known = [
        "DELETE /api/session",
        "POST /api/guest/open",
        "POST /api/links/magic",
        "POST /api/links/magic/open",
        "POST /api/links/reset",
        "POST /api/links/reset/open",
        "POST /api/links/verify",
        "POST /api/register",
        "POST /api/session",
    ];
    let unknown: Vec<_> = open.iter().filter(|route| !known.contains(&route.as_str())).collect();
    assert!(unknown.is_empty(), "strangers may call {unknown:?}");
}

//! Who gets to a handler, and from where.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::http::Method;

use super::super::*;
use super::world::{World, request, routes};
use crate::store::{Actor, Role};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A path of the table with something in place of its parameters.
fn concrete(path: &str) -> String {
    let parts =
        path.split('/').map(|part| if part.starts_with('{') { "00000000-0000-7000-8000-000000000001" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_of_the_table_keeps_out_who_may_not_come_in() {
    let table = routes(true).table().to_vec();
    assert!(table.len() > 20);
    for route in table.iter().filter(|route| route.path != "/api/never") {
        let world = World::new();
        for name in ["", "guest", "customer", "expert", "admin"] {
            let cookie = world.cookie(name);
            let headers: Vec<(&str, &str)> = if name.is_empty() { vec![JSON] } else { vec![JSON, ("cookie", &cookie)] };
            let response = world.respond(request(route.method.clone(), &concrete(&route.path), &headers, "")).await;
            let role = [Role::Customer, Role::Expert, Role::Admin].into_iter().find(|role| role.as_str() == name);
            let actor = match (name, role) {
                ("", _) => Actor::Anonymous,
                (_, Some(role)) => Actor::User(rand_user(), role),
                _ => Actor::Guest(rand_seat()),
            };
            let status = response.status().as_u16();
            match route.access.admit(actor) {
                Ok(()) => assert!(![401, 403].contains(&status), "{route:?} {name}: {status}"),
                Err(code) => assert_eq!(status, code.status().as_u16(), "{route:?} {name}"),
            }
        }
    }
}

fn rand_user() -> crate::ids::UserId {
    crate::ids::UserId::from_uuid(uuid::Uuid::nil())
}

fn rand_seat() -> crate::ids::SeatId {
    crate::ids::SeatId::from_uuid(uuid::Uuid::nil())
}

#[tokio::test]
async fn a_session_is_looked_up_only_where_it_matters() {
    let world = World::new();
    assert_eq!(world.get_as("customer", "/api/door/public").await.text, "anonymous 192.0.2.1");
    assert_eq!(world.lookups(), 0);
    assert_eq!(world.get_as("customer", "/api/door/anyone").await.text, "customer 192.0.2.1");
    assert_eq!(world.get_as("customer", "/api/door/customer").await.text, "customer 192.0.2.1");
    assert_eq!(world.lookups(), 2);
}

#[tokio::test]
async fn a_session_that_has_ended_is_told_from_none() {
    let world = World::new();
    let door = "/api/door/signed_in";
    assert_eq!(world.get(door).await.code(), "sign_in_required");
    let ended = world.get_as("ghost-of-a-session", door).await;
    assert_eq!((ended.status.as_u16(), ended.code().as_str()), (401, "session_expired"));
    assert_eq!(world.get_as("ghost-of-a-session", "/api/door/anyone").await.text, "anonymous 192.0.2.1");
    assert_eq!(world.get_as("guest", door).await.code(), "account_required");
    assert_eq!(world.get_as("customer", "/api/door/admin").await.code(), "wrong_role");
    assert_eq!(world.get_as("broken-disk", door).await.status, 503);
    // The cookie of the other scheme is none.
    let plain = world.send(request(Method::GET, door, &[("cookie", "visavis=session-of-a-customer")], "")).await;
    assert_eq!(plain.code(), "sign_in_required");
}

#[tokio::test]
async fn the_body_is_not_read_before_the_caller_is_let_in() {
    let world = World::new();
    let (too_large, broken) = ("x".repeat(100_000), "{");
    for body in [&too_large, broken] {
        assert_eq!(world.post("/api/things", &[JSON], body).await.status, 401);
    }
}

#[tokio::test]
async fn what_changes_something_comes_from_our_own_pages() {
    let world = World::new();
    let cookie = world.cookie("customer");
    let cookie = ("cookie", cookie.as_str());
    let body = r#"{"name":"a"}"#;
    let same = ("sec-fetch-site", "same-origin");
    let ours = ("origin", "https://meet.example.org");
    let theirs = ("origin", "https://evil.example.org");
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[JSON, cookie, same], 200),
        (&[JSON, cookie, ("sec-fetch-site", "none")], 200),
        (&[JSON, cookie, ours], 200),
        // A program: no browser says neither.
        (&[JSON, cookie], 200),
        (&[JSON, cookie, ("sec-fetch-site", "cross-site")], 403),
        // A neighbouring host is another site to us.
        (&[JSON, cookie, ("sec-fetch-site", "same-site")], 403),
        (&[JSON, cookie, theirs], 403),
        (&[JSON, cookie, ("origin", "null")], 403),
        (&[JSON, cookie, ("origin", "https://meet.example.org.evil.org")], 403),
        (&[FORM, cookie], 403),
        (&[("content-type", "text/plain"), cookie], 403),
        (&[cookie], 403),
        // A form of ours gets as far as the handler, which takes JSON.
        (&[FORM, cookie, same], 415),
        (&[JSON, cookie, same, theirs], 200),
    ];
    for (headers, status) in cases {
        let answer = world.post("/api/things", headers, body).await;
        assert_eq!(answer.status, *status, "{headers:?}: {}", answer.text);
        if *status == 403 {
            assert_eq!(answer.code(), "cross_site");
        }
    }
    // Signing somebody in from another site is an attack as well.
    assert_eq!(world.post("/api/sign-in", &[JSON, theirs], body).await.code(), "cross_site");
    assert_eq!(world.post("/api/sign-in", &[JSON], body).await.status, 200);
    // Reading is not, for the other site does not see the answer.
    let read = world.send(request(Method::GET, "/api/door/customer", &[cookie, theirs], "")).await;
    assert_eq!((read.status.as_u16(), read.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn without_tls_the_host_of_the_request_is_ours() {
    let world = World::at("http://localhost:7880", true, |_| {});
    let cookie = world.cookie("customer");
    assert!(cookie.starts_with("visavis="));
    let post = |origin: &'static str| {
        let headers = [JSON, ("cookie", cookie.as_str()), ("origin", origin)];
        let request = request(Method::POST, "/api/things", &headers, r#"{"name":"a"}"#);
        let world = &world;
        async move { world.send(request).await.status.as_u16() }
    };
    // The machine's other name, as the request's Host has it.
    assert_eq!(post("http://meet.example.org").await, 200);
    assert_eq!(post("http://localhost:7880").await, 200);
    assert_eq!(post("http://localhost:8080").await, 403);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let world = World::new();
    let sign_in = |name: &str, from: &str| {
        let body = format!(r#"{{"name":"{name}"}}"#);
        let headers = [JSON, ("x-forwarded-for", from)];
        let request = request(Method::POST, "/api/sign-in", &headers, &body);
        let world = &world;
        async move { world.send(request).await }
    };
    // One name, ten times at once.
    let mut passed = 0;
    let refused = loop {
        let answer = sign_in("eve", "").await;
        if answer.status != 200 {
            break answer;
        }
        passed += 1;
    };
    assert_eq!((passed, refused.code().as_str(), refused.header("retry-after")), (10, "too_many_requests", "30"));
    // Other names, until the address has had its share; what it says of proxies is not believed.
    let mut more = 0;
    while sign_in(&format!("n{more}"), "203.0.113.9").await.status == 200 {
        more += 1;
    }
    assert_eq!(more, 30 - 11);
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(sign_in("adam", "").await.status, 200);
    // Reading has a bucket of its own.
    assert_eq!(world.get("/api/time").await.status, 200);
    assert!(world.metrics.problems.get().contains(&("too_many_requests", 2)));
}

#[tokio::test]
async fn an_account_is_limited_wherever_it_comes_from() {
    let world = World::at("https://meet.example.org", false, |parts| {
        parts.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let cookie = world.cookie("customer");
    let mut passed = 0;
    loop {
        let from = format!("203.0.{}.{}", passed / 200, passed % 200);
        let headers = [JSON, ("cookie", cookie.as_str()), ("x-forwarded-for", from.as_str())];
        let answer = world.send(request(Method::POST, "/api/things", &headers, r#"{"name":"a"}"#)).await;
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.status, 200);
        passed += 1;
    }
    assert_eq!(passed, 60);
    let headers = [("cookie", cookie.as_str()), ("x-forwarded-for", "203.0.113.200")];
    let read = world.send(request(Method::GET, "/api/door/customer", &headers, "")).await;
    assert_eq!(read.text, "customer 203.0.113.200");
}

#[tokio::test]
async fn routes_of_development_are_not_there_otherwise() {
    let world = World::at("https://meet.example.org", false, |_| {});
    assert!(routes(false).table().iter().all(|route| route.access != Access::Development));
    for path in ["/dev/door", "/dev/clock"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
        assert_eq!(World::new().get(path).await.status, 200, "{path}");
    }
}

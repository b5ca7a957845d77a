//! What answers look like: headers, problems, bodies, pieces, versions, events.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::http::Method;
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures_util::StreamExt;
use tokio::time::timeout;
use tower::ServiceExt;

use super::super::{Access, Class, OfficeRoutes};
use super::world::{World, request};
use crate::api::problem::Code;

const JSON: (&str, &str) = ("content-type", "application/json");
const ID: &str = "0192d3a0-0000-7000-8000-000000000001";

#[tokio::test]
async fn answers_are_not_kept_nor_guessed_at_nor_framed() {
    let world = World::new();
    for path in ["/api/time", "/api/nowhere", "/api/door/admin", "/api/panic"] {
        let answer = world.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert!(answer.header("strict-transport-security").starts_with("max-age="));
    }
    let page = world.get("/page").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self' wss://meet.example.org;"));
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe-inline"));
    assert!(policy.ends_with("frame-ancestors 'none'"));
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert!(page.header("permissions-policy").contains("camera=(self)"));
    let plain = World::at("http://localhost:7880", true, |_| {});
    assert_eq!(plain.get("/api/time").await.header("strict-transport-security"), "");
}

#[tokio::test]
async fn pages_may_connect_to_the_server_that_calls_are_held_on() {
    let world = World::at("https://meet.example.org", false, |parts| {
        parts.livekit = Some("wss://x.livekit.cloud".parse().unwrap());
    });
    let page = world.get("/page").await;
    assert!(page.header("content-security-policy").contains("wss://x.livekit.cloud https://x.livekit.cloud;"));
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_problem() {
    let world = World::new();
    for (method, path, status, code) in [
        (Method::GET, "/api/nowhere", 404, "not_found"),
        (Method::POST, "/api", 404, "not_found"),
        (Method::GET, "/api/../etc/passwd", 404, "not_found"),
        (Method::DELETE, "/api/time", 405, "method_not_allowed"),
        (Method::GET, "/api/panic", 500, "internal"),
        (Method::GET, "/api/things/7", 400, "invalid_path"),
        (Method::GET, "/api/things/%FF", 400, "invalid_path"),
        (Method::GET, "/api/things?limit=1000", 400, "invalid_query"),
        (Method::GET, "/api/things?cursor=x", 400, "invalid_cursor"),
    ] {
        let answer = world.send(request(method, path, &[JSON], "")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert!(!answer.json()["nextStep"].as_str().unwrap().is_empty() && !answer.text.contains("secret"));
    }
    assert_eq!(world.get("/api/things/x?at=1").await.code(), "invalid_path");
    assert_eq!(world.get(&format!("/api/things/{ID}?at=1")).await.code(), "invalid_query");
    assert_eq!(world.get(&format!("/api/things/{ID}?to=1")).await.code(), "invalid_query");
    assert_eq!(world.metrics.handler_panics.get(), 1);
    assert!(world.metrics.problems.get().contains(&("invalid_path", 3)));
    assert_eq!(world.send(request(Method::DELETE, "/api/time", &[JSON], "")).await.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn whoever_opens_a_page_that_breaks_is_told_so_in_words() {
    async fn breaks() -> &'static str {
        panic!("a secret of ours")
    }
    fn in_words(_: World, methods: MethodRouter<World>) -> MethodRouter<World> {
        methods.layer(map_response(async |answer: Response| match answer.extensions().get::<Code>() {
            Some(code) => (code.status(), Html(code.title())).into_response(),
            None => answer,
        }))
    }
    let world = World::new();
    let routes = OfficeRoutes::new(false).page(Class::Read, Access::Public, "/page", get(breaks), Some(in_words));
    let answer = routes.into_router(world.clone()).oneshot(request(Method::GET, "/page", &[], "")).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(world.metrics.handler_panics.get(), 1, "counted once");
}

fn impatient(patience: Duration) -> World {
    World::at("https://meet.example.org", true, |parts| parts.patience.usual = patience)
}

#[tokio::test]
async fn a_handler_that_does_not_answer_is_given_up() {
    let answer = impatient(Duration::from_millis(20)).get("/api/never").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "timed_out"));
}

#[tokio::test]
async fn a_body_is_json_of_the_right_shape_and_size() {
    let world = World::new();
    let cookie = world.cookie("customer");
    let post = |kind: &'static str, body: String| {
        let headers = [("content-type", kind), ("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let request = request(Method::POST, "/api/things", &headers, &body);
        let world = &world;
        async move { world.send(request).await }
    };
    let json = "application/json; charset=utf-8";
    let good = post(json, r#"{"name":" a ","at":"2026-11-22T10:00:00+01:00"}"#.into()).await;
    assert_eq!(good.text, r#"{"name":"a","text":"","at":"2026-11-22T09:00:00Z"}"#);
    for (kind, body, status, code) in [
        ("text/plain", "{}", 415, "wrong_content_type"),
        (json, "", 400, "malformed_body"),
        (json, "{\"name\":\"\u{0}\"}", 400, "malformed_body"),
        (json, r#"{"name":"a"}}"#, 400, "malformed_body"),
        (json, r#"["a"]"#, 422, "invalid_body"),
        (json, r#"{"name":"longer than ten"}"#, 422, "invalid_body"),
        (json, r#"{"name":"a","at":"2026-02-30T00:00:00Z"}"#, 422, "invalid_body"),
        (json, r#"{"name":"a","role":"admin"}"#, 422, "unknown_field"),
    ] {
        let answer = post(kind, body.into()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}: {}", answer.text);
    }
    let at = post(json, r#"{"name":"a","at":"soon"}"#.into()).await.json();
    assert_eq!(
        (at["field"].as_str(), at["detail"].as_str().unwrap().starts_with("at: a time like")),
        (Some("at"), true)
    );
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(post(json, large).await.code(), "body_too_large");
}

#[tokio::test]
async fn a_list_goes_on_from_its_cursor() {
    let world = World::new();
    let (mut path, mut seen) = ("/api/things?limit=100".to_owned(), Vec::new());
    loop {
        let piece = world.get(&path).await.json();
        seen.extend(piece["items"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
        let Some(cursor) = piece["nextCursor"].as_str() else { break };
        path = format!("/api/things?limit=100&cursor={cursor}");
    }
    assert_eq!(seen, (0..120).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_change_says_which_version_it_changes() {
    let world = World::new();
    let path = format!("/api/things/{ID}");
    assert_eq!(world.get(&path).await.header("etag"), "\"7\"");
    let put = |tag: Option<&'static str>| {
        let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-match", tag)).into_iter().chain([JSON]).collect();
        let request = request(Method::PUT, &path, &headers, "");
        let world = &world;
        async move { world.send(request).await }
    };
    assert_eq!(put(None).await.status, 428);
    assert_eq!(put(Some("\"6\"")).await.code(), "precondition_failed");
    assert_eq!(put(Some("7")).await.code(), "invalid_header");
    let changed = put(Some("\"7\"")).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"8\""));
}

#[tokio::test]
async fn events_go_on_from_the_last_one_seen_and_end_with_the_server() {
    let world = impatient(Duration::from_secs(1));
    let response = world.respond(request(Method::GET, "/api/events", &[("last-event-id", "2")], "")).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-type").as_str(), header("x-accel-buffering").as_str()), ("text/event-stream", "no"));
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    while !text.contains("id: 3") {
        text += std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap();
    }
    assert!(text.starts_with("retry: 2000\n\n") && !text.contains("id: 2\n"), "{text}");
    assert!(text.contains("id: 3\nevent: thing.made\ndata: [\"two\\nlines\",3]\n\n"), "{text}");
    // The handler's time is over, the stream is not.
    assert!(timeout(Duration::from_millis(1_200), body.next()).await.is_err());
    world.stop.send(true).unwrap();
    assert!(timeout(Duration::from_secs(5), body.next()).await.unwrap().is_none());
    let wrong = world.send(request(Method::GET, "/api/events", &[("last-event-id", "x")], "")).await;
    assert_eq!(wrong.code(), "invalid_header");
}

#[tokio::test]
async fn the_clock_of_development_moves_the_servers_time() {
    let world = World::new();
    let time = async || world.get("/api/time").await.json();
    assert_eq!(time().await["now"], "2026-11-22T09:00:00Z");
    let shift = async |body: &str| world.post("/dev/clock", &[JSON], body).await;
    assert_eq!(shift(r#"{"offsetMs":-960000}"#).await.json()["now"], "2026-11-22T08:44:00Z");
    assert_eq!(time().await["unixMs"], 1_795_338_000_000_i64 - 960_000);
    let set = shift(r#"{"now":"2026-11-22T09:30:00Z"}"#).await.json();
    assert_eq!((&set["offsetMs"], &set["now"]), (&1_800_000.into(), &"2026-11-22T09:30:00Z".into()));
    assert_eq!(world.get("/dev/clock").await.json(), set);
    for wrong in ["{}", r#"{"offsetMs":1,"now":"2026-11-22T09:30:00Z"}"#, r#"{"offsetMs":99999999999999}"#] {
        assert_eq!(shift(wrong).await.code(), "invalid_body", "{wrong}");
    }
    let theirs = [JSON, ("origin", "https://evil.example.org")];
    assert_eq!(world.post("/dev/clock", &theirs, r#"{"offsetMs":0}"#).await.code(), "cross_site");
}

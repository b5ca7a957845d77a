//! Against servers on loopback, and names that mean what the test says.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::slice::from_ref;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};

use super::*;
use crate::notify::testing::{Received, Secure, serve};

fn request(url: &str) -> Request {
    Request { method: Method::POST, url: Secret::new(url), headers: Vec::new(), body: b"{}".to_vec() }
}

fn loopback() -> Guard {
    Guard::new(vec!["127.0.0.0/8".parse().unwrap()])
}

/// A resolver that answers a name with one list after the other, and counts.
fn names(answers: &[&[&str]]) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answers: Vec<Vec<std::net::IpAddr>> =
        answers.iter().map(|ips| ips.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
    let lookup: Lookup = Arc::new(move |_| {
        let at = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let answer = answers[at].clone();
        Box::pin(async move { Ok(answer) })
    });
    (lookup, asked)
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit_and_redirects_are_not_followed() {
    let hits = Arc::new(AtomicUsize::new(0));
    let app = Router::new()
        .route("/big", any(|| async { (StatusCode::OK, vec![b'x'; 1 << 20]) }))
        .route("/away", any(|| async { Redirect::temporary("/target") }))
        .route("/busy", any(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "120")]).into_response() }))
        .route(
            "/target",
            get(|State(hits): State<Arc<AtomicUsize>>| async move {
                hits.fetch_add(1, Ordering::SeqCst);
            }),
        )
        .with_state(Arc::clone(&hits));
    let at = serve(app).await;
    let outbound = Outbound::new(loopback(), &[]).unwrap();
    let answer = outbound.send(request(&format!("http://{at}/big"))).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, MAX_ANSWER));
    let answer = outbound.send(request(&format!("http://{at}/away"))).await.unwrap();
    assert_eq!((answer.status, hits.load(Ordering::SeqCst)), (307, 0));
    let answer = outbound.send(request(&format!("http://{at}/busy"))).await.unwrap();
    assert_eq!(answer.retry(), Retry::Later(Some(Duration::from_secs(120))));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_and_nobody_is_called() {
    let at = serve(Router::new().route("/", any(|| async {}))).await;
    for (ips, scheme) in [(["127.0.0.1"], "https"), (["::ffff:127.0.0.1"], "https"), (["8.8.8.8"], "http")] {
        let (lookup, asked) = names(&[&ips]);
        let outbound = Outbound::with_lookup(Guard::default(), &[], lookup).unwrap();
        let refused = outbound.send(request(&format!("{scheme}://hooks.example.org:{}/", at.port()))).await;
        assert!(matches!(refused, Err(SendError::Refused(_))), "{ips:?}: {refused:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(refused.unwrap_err().retry(), Retry::Never);
    }
}

#[tokio::test]
async fn the_connection_goes_to_the_addresses_that_were_checked() {
    let at = serve(Router::new().route("/", any(|| async { "here" }))).await;
    // The second answer leads elsewhere; it must be asked for by no one during the first request.
    let (lookup, asked) = names(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let outbound = Outbound::with_lookup(loopback(), &[], lookup).unwrap();
    let url = format!("http://rebind.example.org:{}/", at.port());
    assert_eq!(outbound.send(request(&url)).await.unwrap().body, b"here");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A new connection is a new question, and its answer is checked again.
    let outbound = Outbound { http: builder().dns_resolver(second(&outbound)).build().unwrap(), ..outbound };
    let refused = outbound.send(request(&url)).await;
    assert!(matches!(refused, Err(SendError::Refused(Refused::Address { .. }))), "{refused:?}");
}

fn second(outbound: &Outbound) -> Resolver {
    let (lookup, _) = names(&[&["10.0.0.1"]]);
    Resolver::new(Arc::clone(&outbound.guard), Scheme::Http, lookup)
}

#[tokio::test]
async fn https_works_with_a_root_of_the_configuration_and_not_without() {
    let answer = |request: Received| {
        assert_eq!((request.head.lines().next(), request.body.as_slice()), (Some("POST / HTTP/1.1"), &b"{}"[..]));
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsealed".to_owned()
    };
    let server = Secure::http("hooks.example.org", answer);
    let (lookup, _) = names(&[&["127.0.0.1"]]);
    let url = format!("https://hooks.example.org:{}/", server.port);
    let trusting = Outbound::with_lookup(loopback(), from_ref(&server.root), Arc::clone(&lookup)).unwrap();
    assert_eq!(trusting.send(request(&url)).await.unwrap().body, b"sealed");
    let other = Secure::http("hooks.example.org", answer);
    let doubting = Outbound::with_lookup(loopback(), from_ref(&other.root), lookup).unwrap();
    assert!(matches!(doubting.send(request(&url)).await, Err(SendError::Failed(_))));
}

#[tokio::test]
async fn a_header_with_a_line_break_is_not_sent() {
    let outbound = Outbound::new(loopback(), &[]).unwrap();
    let mut request = request("http://127.0.0.1:9/");
    request.headers.push(("x-token".into(), Secret::new("a\r\nx-admin: 1")));
    let error = outbound.send(request).await.unwrap_err();
    assert!(matches!(error, SendError::Malformed(_)), "{error:?}");
    assert!(!error.to_string().contains("x-admin"));
}

#[tokio::test]
async fn failures_tell_neither_url_nor_headers() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut request = request(&format!("http://{closed}/secret-path"));
    request.headers.push(("authorization".into(), Secret::new("Bearer hunter2")));
    assert!(!format!("{request:?}").contains("hunter2"));
    let error = Outbound::new(loopback(), &[]).unwrap().send(request).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Later(None));
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret-path") && !text.contains("hunter2"), "{text}");
}

/// Runs in a process of its own, by the test below.
#[test]
#[ignore = "needs an environment without certificates"]
fn without_certificates() {
    match Outbound::new(Guard::default(), &[]) {
        Err(error @ SetupError::Roots(_)) => println!("said: {}", chain(&error)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_machine_without_root_certificates_is_told_so() {
    let environment: HashMap<&str, &str> =
        [("SSL_CERT_FILE", "/nonexistent.pem"), ("SSL_CERT_DIR", "/nonexistent")].into();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "notify::http::tests::without_certificates", "--ignored", "--nocapture"])
        .envs(environment)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("said: ") && text.contains("ca-certificates"), "{text}");
}

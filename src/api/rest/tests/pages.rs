//! The app's document and its files, as browsers get them.

use std::collections::HashSet;

use super::desk::{Counter, Who as At};
use super::world::Answer;
use super::*;
use crate::api::office::Access;
use crate::api::rest::routes;

const SCRIPT: &str = "/assets/app-C_t8CAJy.js";

/// A page of each pattern, but for calls.
const PAGES: [&str; 25] = [
    "/",
    "/about",
    "/offline",
    "/experts",
    "/experts/expert-1",
    "/experts/expert-1/book",
    "/sign-in",
    "/sign-up?next=/experts",
    "/reset",
    "/link",
    "/guest",
    "/settings",
    "/appointments",
    "/appointments/0192d3a0-0000-7000-8000-000000000001",
    "/history",
    "/call-demo",
    "/test-call",
    "/expert",
    "/expert/requests",
    "/expert/calls/7",
    "/admin",
    "/admin/users",
    "/admin/webhooks/7",
    "/embed/booking",
    "/embed/booking/expert-1",
];

/// What the document tells the app.
pub(super) fn state(answer: &Answer) -> serde_json::Value {
    let begin = "<script type=\"application/json\" id=\"visavis-state\">";
    let rest = answer.text.split_once(begin).unwrap_or_else(|| panic!("no state: {}", answer.text)).1;
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[tokio::test]
async fn every_page_is_the_same_document_to_everybody() {
    let world = World::new().await;
    for path in PAGES {
        for who in Who::ACTORS {
            let answer = world.as_(who).get(path).await.expect(200);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
            assert_eq!(answer.header("referrer-policy"), "strict-origin-when-cross-origin", "{path}");
            assert!(answer.text.contains("<div id=\"root\"></div>"), "{path}: {}", answer.text);
            let state = state(&answer);
            assert_eq!((&state["status"], &state["development"]), (&200.into(), &false.into()));
            assert_eq!(state["branding"]["primaryColor"], "#1d4ed8");
            let tag = answer.header("etag");
            assert!(tag.starts_with('"') && tag.len() == 34, "{path}: {tag}");
            let again = world.as_(who).with("if-none-match", tag).get(path).await.expect(304);
            assert!(again.text.is_empty() && again.header("etag") == tag, "{path}");
            // A browser puts what comes with this in the place of what it has kept.
            for kept in ["content-type", "content-security-policy", "permissions-policy", "cross-origin-opener-policy"]
            {
                assert_eq!(again.header(kept), answer.header(kept), "{path}");
            }
            let head = world.as_(who).head(path).await.expect(200);
            assert!(head.text.is_empty() && head.header("etag") == tag, "{path}");
        }
    }
    let declared: Vec<String> =
        routes(false).table().iter().filter(|route| !route.described).map(|it| it.path.clone()).collect();
    // Each pattern has a page above, a call's page or a file in the other tests.
    let files = declared.iter().filter(|path| path.contains('.') || path.contains("{*")).count();
    let calls = declared.iter().filter(|path| path.contains("{room_name}")).count();
    assert_eq!((declared.len() - files - calls, calls), (PAGES.len(), 2), "{declared:?}");
}

#[test]
fn pages_and_files_are_got_by_anybody_and_nothing_else() {
    let table = routes(true).table().to_vec();
    let pages: Vec<_> = table.iter().filter(|route| !route.described).collect();
    assert!(pages.iter().all(|route| route.method == axum::http::Method::GET));
    assert!(pages.iter().all(|route| matches!(route.access, Access::Public | Access::Anyone)));
    let paths: HashSet<&str> = pages.iter().map(|route| route.path.as_str()).collect();
    assert_eq!(paths.len(), pages.len());
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_are_framed_by_nobody() {
    let world = World::new().await;
    let page = world.as_(Who::Anonymous).get("/experts").await;
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
         media-src 'self' blob:; font-src 'self'; connect-src 'self' wss://meet.example.org; worker-src 'self' blob:; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    let permissions = page.header("permissions-policy");
    for feature in ["camera", "microphone", "display-capture", "picture-in-picture"] {
        assert!(permissions.contains(&format!("{feature}=(self)")), "{permissions}");
    }
    // Nothing inline that would run: what is there is data, the app's script is a file.
    let scripts: Vec<&str> = page.text.split("<script").skip(1).collect();
    assert!(scripts.iter().all(|it| it.contains("src=") || it.contains("type=\"application/json\"")), "{}", page.text);
    assert!(!page.text.contains("style=") && !page.text.contains("<style"));
}

#[tokio::test]
async fn the_sites_that_the_settings_name_may_frame_what_is_made_for_it() {
    let world = World::at("https://meet.example.org", |settings| {
        settings.embedding.origins =
            vec!["https://www.example.org".parse().unwrap(), "https://*.example.com".parse().unwrap()];
    })
    .await;
    let anybody = world.as_(Who::Anonymous);
    for (path, ancestors) in [
        ("/embed/booking", "https://www.example.org https://*.example.com"),
        ("/embed/booking/expert-1", "https://www.example.org https://*.example.com"),
        ("/embed/call/appointment-x", "https://www.example.org https://*.example.com"),
        ("/embed/nothing", "https://www.example.org https://*.example.com"),
        ("/", "'none'"),
        ("/call/appointment-x", "'none'"),
        ("/embedded", "'none'"),
    ] {
        let answer = anybody.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.ends_with(&format!("; frame-ancestors {ancestors}")), "{path}: {policy}");
        let framed = if ancestors == "'none'" { "same-origin" } else { "cross-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), framed, "{path}");
    }
    let nobody = World::new().await;
    let framed = nobody.as_(Who::Anonymous).get("/embed/booking").await;
    assert!(framed.header("content-security-policy").ends_with("frame-ancestors 'none'"));
}

#[tokio::test]
async fn a_file_comes_in_the_form_that_the_browser_prefers() {
    let world = World::new().await;
    let anybody = world.as_(Who::Anonymous);
    let mut tags = HashSet::new();
    for (accepted, coding, text) in [
        ("gzip, deflate, br, zstd", "br", "br script"),
        ("gzip, deflate", "gzip", "gz script"),
        ("br;q=0, gzip;q=0", "", "whole script"),
        ("", "", "whole script"),
    ] {
        let answer = anybody.clone().with("accept-encoding", accepted).get(SCRIPT).await.expect(200);
        assert_eq!((answer.header("content-encoding"), answer.text.as_str()), (coding, text), "{accepted}");
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        let tag = answer.header("etag").to_owned();
        assert!(tag.starts_with('"') && !tag.starts_with("W/"), "{tag}");
        let known = anybody.clone().with("accept-encoding", accepted).with("if-none-match", &tag);
        let again = known.get(SCRIPT).await.expect(304);
        assert_eq!(
            (again.header("etag"), again.header("vary"), again.text.as_str()),
            (tag.as_str(), "accept-encoding", "")
        );
        assert_eq!(again.header("content-security-policy"), answer.header("content-security-policy"));
        let head = anybody.clone().with("accept-encoding", accepted).head(SCRIPT).await.expect(200);
        assert_eq!((head.header("etag"), head.text.as_str()), (tag.as_str(), ""));
        assert_eq!(head.header("content-length"), text.len().to_string());
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 3, "each form has its tag: {tags:?}");
}

#[tokio::test]
async fn files_have_their_types_and_their_lifetimes() {
    let world = World::new().await;
    for (path, kind, lifetime) in [
        ("/assets/blur-D36xa7QZ.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/assets/model-D36xa7QZ.tflite", "application/octet-stream", "public, max-age=31536000, immutable"),
        ("/icons/icon-192.png", "image/png", "public, max-age=86400"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/unsupported.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/embed.js", "text/javascript; charset=utf-8", "no-cache"),
    ] {
        let answer = world.as_(Who::Anonymous).get(path).await.expect(200);
        assert_eq!((answer.header("content-type"), answer.header("cache-control")), (kind, lifetime), "{path}");
        assert!(answer.header("etag").starts_with('"'), "{path}");
    }
    let worker = world.as_(Who::Anonymous).get("/sw.js").await;
    assert_eq!(worker.header("service-worker-allowed"), "/");
    // What a worker may fetch, the policy of its own script says.
    let policy = |answer: &Answer| answer.header("content-security-policy").to_owned();
    assert!(policy(&worker).contains("connect-src 'self'"));
    let model = world.as_(Who::Anonymous).get("/assets/model-D36xa7QZ.tflite").await;
    assert_eq!(policy(&model), "default-src 'none'; frame-ancestors 'none'");
    // Other sites load the elements that they embed us by.
    let elements = world.as_(Who::Anonymous).get("/embed.js").await;
    assert_eq!(elements.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(elements.header("access-control-allow-origin"), "*");
    let other = world.as_(Who::Anonymous).get(SCRIPT).await;
    assert_eq!(other.header("cross-origin-resource-policy"), "same-origin");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_no_page_and_its_forms_have_no_addresses() {
    let world = World::new().await;
    for path in [
        "/assets/app-OLDERone.js",
        "/assets/app-C_t8CAJy.js.br",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets/",
        "/icons/none.png",
        "/favicon.ico",
        "/plain/plain.css",
    ] {
        let answer = world.as_(Who::Anonymous).get(path).await.refused(404, "not_found");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.text.contains("<html"), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_page_that_says_so_and_below_the_api_a_problem() {
    let world = World::new().await;
    let german = world.as_(Who::Customer(1)).with("accept-language", "de-AT, en;q=0.5");
    for path in ["/nothing", "/index.html", "/experts/a/b/c", "/rtcx", "/%FF", "/admin/a/b/c", "/experts/"] {
        let answer = german.get(path).await.expect(404);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(
            (answer.header("cache-control"), state(&answer)["problem"]["code"].as_str()),
            ("no-store", Some("not_found"))
        );
        assert!(answer.text.contains("<h1>Hier ist nichts für Sie</h1>"), "{path}: {}", answer.text);
        assert!(answer.text.contains("<html lang=\"de\">") && answer.text.contains("app-C_t8CAJy.js"), "{path}");
        assert!(german.head(path).await.expect(404).text.is_empty());
        german.post(path, json!({})).await.refused(404, "not_found");
    }
    for path in ["/api", "/api/nothing", "/rtc/v9", "/twirp/nothing", "/dev/nothing"] {
        let answer = german.get(path).await.refused(404, "not_found");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    german.post("/experts", json!({})).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn who_asks_too_often_is_told_so_on_a_page_and_when_to_come_back() {
    let world = World::new().await;
    let anybody = world.as_(Who::Anonymous);
    let mut answer = anybody.get("/experts").await;
    for _ in 0..1_100 {
        answer = anybody.get("/experts").await;
    }
    let answer = answer.expect(429);
    assert!(answer.text.contains("<h1>Too many requests</h1>") && !answer.header("retry-after").is_empty());
    assert!(!answer.header("content-security-policy").is_empty());
}

#[tokio::test]
async fn what_the_place_is_called_stays_text() {
    let world = World::new().await;
    let name = "</script><script>alert(1)</script> & \"Söhne\"";
    world.as_(Who::Admin).put("/api/admin/branding", json!({ "name": name })).await.expect(200);
    for (path, status) in [("/", 200), ("/nothing", 404), ("/call/x", 401)] {
        let answer = world.as_(Who::Anonymous).get(path).await.expect(status);
        assert_eq!(state(&answer)["branding"]["name"], name);
        assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
        assert!(
            answer
                .text
                .contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;Söhne&quot;</title>")
        );
    }
}

#[tokio::test]
async fn livekits_clients_find_the_server_from_anywhere() {
    let world = World::new().await;
    let client = world.as_(Who::Anonymous).with("sec-fetch-site", "cross-site").with("origin", "https://other.example");
    assert_eq!(client.head("/").await.expect(200).header("access-control-allow-origin"), "*");
    assert_eq!(client.get("/experts").await.expect(200).header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_server_without_the_app_answers_the_same_addresses_and_still_opens_links() {
    let world = World::without_app().await;
    let anybody = world.as_(Who::Anonymous);
    for path in PAGES {
        let answer = anybody.get(path).await.expect(200);
        assert!(answer.text.contains("<html"), "{path}");
    }
    let link = anybody.get("/link").await.expect(200);
    assert!(link.text.contains("/plain/link.js") && link.text.contains("/plain/plain.css"));
    assert!(anybody.get("/plain/link.js").await.expect(200).text.contains("/api/links/magic/open"));
    anybody.get("/plain/plain.css").await.expect(200);
    assert!(!link.text.contains("<style") && !link.text.contains("style="));
    let unknown = anybody.get("/nothing").await.expect(404);
    assert!(unknown.text.contains("<h1>There is nothing here for you</h1>") && state(&unknown)["status"] == 404);
    anybody.get("/assets/app-C_t8CAJy.js").await.refused(404, "not_found");
}

#[tokio::test]
async fn development_modes_mail_is_a_page_to_who_goes_there_and_data_to_programs() {
    let counter = Counter::new();
    let page = counter.accepting(At::Nobody, "/dev/mail", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert!(page.status == 200 && page.text.contains("<div id=\"root\">"), "{}", page.text);
    for accepted in ["*/*", "application/json"] {
        let list = counter.accepting(At::Nobody, "/dev/mail", accepted).await;
        assert!(list.json.is_array() && list.headers["vary"] == "accept", "{}", list.text);
    }
}

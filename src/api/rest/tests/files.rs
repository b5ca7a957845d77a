//! Files of an appointment: in, out, and what is not taken.

use super::desk::{ADMIN, CUSTOMER, Counter, EXPERT, OTHER, STRANGE_EXPERT, Who};
use crate::scheduler::Lobby;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn path(counter: &Counter) -> String {
    format!("/api/appointments/{}/files", counter.desk.approved(Lobby::Off))
}

#[tokio::test]
async fn a_file_goes_in_and_comes_out_as_what_it_is() {
    let counter = Counter::new();
    let path = path(&counter);
    let text = "line\n".repeat(100_000);
    let named = format!("{path}?name=B%C3%BCcher%20%22x%22.txt");
    let made = counter.upload(CUSTOMER, &named, "text/plain", text.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let file = made.json;
    assert_eq!((file["size"].as_u64(), &file["contentType"]), (Some(500_000), &"text/plain".into()));
    assert_eq!(counter.get(EXPERT, &path).await.ok()[0], file);

    let one = format!("{path}/{}", file["id"].as_str().unwrap());
    let guest = counter.guest(1, "observer");
    for who in [CUSTOMER, EXPERT, guest] {
        let got = counter.get(who, &one).await;
        assert_eq!((got.status, got.text == text), (200, true));
        let header = |name: &str| got.headers[name].to_str().unwrap();
        assert_eq!(
            header("content-disposition"),
            "attachment; filename=\"B_cher _x_.txt\"; filename*=UTF-8''B%C3%BCcher%20%22x%22.txt"
        );
        assert_eq!((header("content-type"), header("content-length")), ("text/plain", "500000"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("sandbox"));
        assert_eq!(header("etag").trim_matches('"'), file["sha256"].as_str().unwrap());
    }
    // What is in files is not the administrators' business, and nobody else's either.
    assert_eq!(counter.get(ADMIN, &one).await.told(), (403, "not_yours"));
    for stranger in [OTHER, STRANGE_EXPERT] {
        assert_eq!(counter.get(stranger, &path).await.told(), (404, "not_found"));
        assert_eq!(counter.get(stranger, &one).await.told(), (404, "not_found"));
        assert_eq!(counter.delete(stranger, &one).await.told(), (404, "not_found"));
        let refused = counter.upload(stranger, &format!("{path}?name=a.txt"), "text/plain", "x").await;
        assert_eq!(refused.told(), (404, "not_found"));
    }
    assert_eq!(counter.get(Who::Nobody, &one).await.told(), (401, "sign_in_required"));
    assert_eq!(counter.delete(guest, &one).await.told(), (403, "not_yours"));
    assert_eq!(counter.delete(EXPERT, &one).await.status, 204);
    assert_eq!(counter.get(CUSTOMER, &one).await.told(), (404, "not_found"));
}

#[tokio::test]
async fn what_is_not_taken_is_refused_with_its_reason() {
    let counter = Counter::new();
    let path = path(&counter);
    let large = 25_000_001;
    for (name, kind, body, told) in [
        ("name=a.txt", "text/plain", Vec::new(), (422, "file_empty")),
        ("name=a.html", "text/html", b"<p>".to_vec(), (415, "file_type_not_allowed")),
        ("name=a.txt", "text/plain", PNG.to_vec(), (415, "file_type_mismatch")),
        ("name=a.exe", "application/octet-stream", b"MZ\x90\0\x03\0\0\0".to_vec(), (415, "file_type_not_allowed")),
        ("name=a.txt", "text/plain", vec![b'x'; large], (413, "file_too_large")),
        ("", "text/plain", b"x".to_vec(), (400, "invalid_query")),
        ("name=a.txt&folder=b", "text/plain", b"x".to_vec(), (400, "invalid_query")),
        ("name=a%00.txt", "text/plain", b"x".to_vec(), (400, "invalid_query")),
    ] {
        let refused = counter.upload(CUSTOMER, &format!("{path}?{name}"), kind, body).await;
        assert_eq!(refused.told(), told, "{name} {kind}: {}", refused.text);
    }
    let long = format!("{path}?name={}", "x".repeat(1_025));
    assert_eq!(counter.upload(CUSTOMER, &long, "text/plain", "x").await.told(), (400, "invalid_query"));
    let refused = counter.upload(ADMIN, &format!("{path}?name=a.txt"), "text/plain", "x").await;
    assert_eq!(refused.told(), (403, "not_yours"));
    assert_eq!(counter.get(CUSTOMER, &path).await.ok(), serde_json::json!([]), "nothing of it is left");
}

#[tokio::test]
async fn a_name_leads_nowhere() {
    let counter = Counter::new();
    let path = path(&counter);
    for (raw, shown) in [
        ("..%2F..%2Fetc%2Fpasswd", "passwd.txt"),
        ("..%5C..%5Cboot.ini", "boot.ini.txt"),
        ("%2E%2E", "file.txt"),
        ("invoice%E2%80%AEfdp.exe", "invoicefdp.exe.txt"),
    ] {
        let made = counter.upload(CUSTOMER, &format!("{path}?name={raw}"), "text/plain", "x").await;
        assert_eq!(made.ok()["name"], shown);
    }
    for id in ["..%2F..%2Fvisavis.db", "%2e%2e", "x"] {
        assert_eq!(counter.get(CUSTOMER, &format!("{path}/{id}")).await.told(), (400, "invalid_path"), "{id}");
    }
}

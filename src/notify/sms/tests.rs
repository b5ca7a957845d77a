//! SMS services on loopback.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use super::*;
use crate::config::{HttpFormat, HttpHeaders, Secret, SmsProvider as Configured};
use crate::notify::http::{Guard, Outbound, Refused};
use crate::notify::testing::serve;

fn sms(text: &str) -> Sms {
    Sms { id: "row-7".into(), to: "+391234567890".parse().unwrap(), text: text.into(), at: UnixTime(0) }
}

fn http() -> Outbound {
    Outbound::new(Guard::operator(), &[]).unwrap()
}

/// What a service was asked.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

type Log = Arc<Mutex<Vec<Asked>>>;

/// A service that answers everything the same way.
async fn service(status: u16, reply: &'static str) -> (String, Log) {
    let log = Log::default();
    let answer = move |State(log): State<Log>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        log.lock().unwrap().push(Asked { method, uri, headers, body: String::from_utf8(body.to_vec()).unwrap() });
        (StatusCode::from_u16(status).unwrap(), reply)
    };
    let at = serve(Router::new().fallback(answer).with_state(Arc::clone(&log))).await;
    (format!("http://{at}"), log)
}

fn twilio(base_url: &str) -> TwilioSettings {
    TwilioSettings {
        base_url: base_url.into(),
        account_sid: "AC123".into(),
        token: Secret::new("hunter2"),
        from: "+15550100".into(),
    }
}

fn gateway(url: String, body: &str, format: HttpFormat) -> GatewaySettings {
    GatewaySettings {
        url: Secret::new(url),
        method: "POST".into(),
        headers: vec![("x-api-key".into(), Secret::new("hunter2"))],
        body: body.into(),
        format,
        from: "Praxis".into(),
    }
}

#[tokio::test]
async fn a_twilio_shaped_service_gets_the_form_it_expects() {
    let (base, log) = service(201, r#"{"sid":"SM99","status":"queued"}"#).await;
    let provider = TwilioShaped::new(&twilio(&base), http()).unwrap();
    let id = provider.send(&sms("14:00 & more: ü+€")).await.unwrap();
    assert_eq!(id.as_deref(), Some("SM99"));
    let asked = log.lock().unwrap()[0].clone();
    assert_eq!((asked.method, asked.uri.path()), (Method::POST, "/Accounts/AC123/Messages.json"));
    assert_eq!(asked.headers["authorization"], "Basic QUMxMjM6aHVudGVyMg==");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.body, "To=%2B391234567890&From=%2B15550100&Body=14%3A00%20%26%20more%3A%20%C3%BC%2B%E2%82%AC");
}

#[tokio::test]
async fn a_messaging_service_stands_in_for_a_number() {
    let (base, log) = service(201, "{}").await;
    let from = format!("MG{}", "0".repeat(32));
    let settings = TwilioSettings { from: from.clone(), ..twilio(&base) };
    TwilioShaped::new(&settings, http()).unwrap().send(&sms("x")).await.unwrap();
    assert!(log.lock().unwrap()[0].body.contains(&format!("MessagingServiceSid={from}")));
}

#[tokio::test]
async fn the_services_answer_says_whether_to_try_again() {
    let send = async |status, reply| {
        let (base, _) = service(status, reply).await;
        TwilioShaped::new(&twilio(&base), http()).unwrap().send(&sms("x")).await.unwrap_err()
    };
    let error = send(400, r#"{"code":21610,"message":"unsubscribed"}"#).await;
    assert!(matches!(error, SmsError::OptedOut), "{error:?}");
    let error = send(400, r#"{"code":21211,"message":"Invalid 'To'"}"#).await;
    assert_eq!((error.retry(), error.to_string().contains("Invalid 'To'")), (Retry::Never, true));
    assert!(matches!(send(401, "no").await, SmsError::Credentials { .. }));
    assert!(matches!(send(401, "no").await.retry(), Retry::Later(_)));
    assert_eq!(send(503, "<html>").await.retry(), Retry::Later(None));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = TwilioShaped::new(&twilio(&format!("http://{closed}")), http()).unwrap();
    let error = provider.send(&sms("x")).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Later(None), "{error:?}");
    assert!(!format!("{error:?} {provider:?}").contains("hunter2"));
}

#[tokio::test]
async fn twilio_settings_that_do_not_work_are_refused() {
    let wrong = |change: fn(&mut TwilioSettings)| {
        let mut settings = twilio("https://api.example.org");
        change(&mut settings);
        TwilioShaped::new(&settings, http()).is_err()
    };
    assert!(wrong(|settings| settings.account_sid = "AC1/../x".into()));
    assert!(wrong(|settings| settings.from = String::new()));
    assert!(wrong(|settings| settings.base_url = "ftp://example.org".into()));
    assert!(!wrong(|_| {}));
}

#[tokio::test]
async fn a_gateway_gets_json_or_a_form_with_values_escaped() {
    let (base, log) = service(200, "ok").await;
    let text = "\"quoted\" {to} & co\n";
    let json =
        gateway(format!("{base}/send"), r#"{"to":"{to}","msg":{"text":"{text}"},"ref":"{id}"}"#, HttpFormat::Json);
    GenericHttp::new(&json, http()).unwrap().send(&sms(text)).await.unwrap();
    let form = gateway(format!("{base}/send"), "dest={to}&message={text}&sender={from}", HttpFormat::Form);
    GenericHttp::new(&form, http()).unwrap().send(&sms(text)).await.unwrap();
    let asked = log.lock().unwrap().clone();
    let body: serde_json::Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(body, serde_json::json!({"to": "+391234567890", "msg": {"text": text}, "ref": "row-7"}));
    assert_eq!(
        (&asked[0].headers["content-type"], &asked[0].headers["x-api-key"]),
        (&"application/json".parse().unwrap(), &"hunter2".parse().unwrap())
    );
    assert_eq!(asked[1].body, "dest=%2B391234567890&message=%22quoted%22%20%7Bto%7D%20%26%20co%0A&sender=Praxis");
    assert_eq!(asked[1].headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_gateway_may_want_everything_in_the_url() {
    let (base, log) = service(200, "ok").await;
    let mut settings = gateway(format!("{base}/send?key=k1&to={{to}}&text={{text}}"), "", HttpFormat::Form);
    settings.method = "GET".into();
    let provider = GenericHttp::new(&settings, http()).unwrap();
    provider.send(&sms("a&key=other")).await.unwrap();
    let asked = log.lock().unwrap()[0].clone();
    assert_eq!((asked.method, asked.body.as_str()), (Method::GET, ""));
    assert_eq!(asked.uri.query(), Some("key=k1&to=%2B391234567890&text=a%26key%3Dother"));
    assert!(!format!("{provider:?}").contains("k1"));
}

#[tokio::test]
async fn gateway_settings_that_do_not_work_are_refused() {
    let new = |url: &str, method: &str, body: &str| {
        let settings = GatewaySettings { method: method.into(), ..gateway(url.to_owned(), body, HttpFormat::Json) };
        GenericHttp::new(&settings, http())
    };
    let body = r#"{"to":"{to}","text":"{text}"}"#;
    assert!(new("https://sms.example.org/send", "POST", body).is_ok());
    assert!(new("https://sms.example.org/send/{to}", "POST", r#"{"text":"{text}"}"#).is_ok());
    assert!(new("https://sms.example.org?to={to}&text={text}", "GET", "").is_ok());
    assert!(matches!(new("https://sms.example.org/", "DELETE", body), Err(GatewaySetupError::Method(_))));
    assert!(matches!(new("https://sms.example.org/", "POST", "{}"), Err(GatewaySetupError::Missing("{to}"))));
    assert!(matches!(
        new("https://sms.example.org/", "POST", r#"{"to":"{to}"}"#),
        Err(GatewaySetupError::Missing("{text}"))
    ));
    assert!(matches!(
        new("https://sms.example.org/", "POST", r#"{"to":{to},"text":"{text}"}"#),
        Err(GatewaySetupError::NotJson(_))
    ));
    assert!(matches!(new("https://{id}.example.org/", "POST", body), Err(GatewaySetupError::HostTemplate)));
    assert!(matches!(new("https://sms.example.org{id}", "POST", body), Err(GatewaySetupError::HostTemplate)));
    assert!(matches!(new("http://8.8.8.8/", "POST", body), Err(GatewaySetupError::Url(Refused::Plain(_)))));
}

#[tokio::test]
async fn development_mode_keeps_the_newest_messages() {
    let provider = LogOnly::default();
    for number in 0..510 {
        provider.send(&sms(&format!("No. {number}"))).await.unwrap();
    }
    let list = provider.list();
    assert_eq!((list.len(), list[0].sms.text.as_str(), list[499].sms.text.as_str()), (500, "No. 509", "No. 10"));
    provider.clear();
    assert!(provider.list().is_empty());
}

#[tokio::test]
async fn each_provider_of_the_configuration_is_made() {
    let (base, log) = service(201, "{}").await;
    let twilio = Configured::Twilio {
        url: base.parse().unwrap(),
        account_sid: "AC123".into(),
        auth_token: Secret::new("hunter2"),
        from: "+15550100".into(),
    };
    let generic = Configured::Http {
        url: format!("{base}/send").parse().unwrap(),
        headers: HttpHeaders::new(vec![("x-api-key".into(), Secret::new("hunter2"))]),
        format: HttpFormat::Form,
        body: "to={to}&text={text}&from={from}".into(),
        from: "Praxis".into(),
    };
    for configured in [twilio, generic] {
        let provider = from_settings(&configured, http()).unwrap().unwrap();
        provider.send(&sms("x")).await.unwrap();
    }
    let paths: Vec<String> = log.lock().unwrap().iter().map(|asked| asked.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/Accounts/AC123/Messages.json", "/send"]);
    assert!(from_settings(&Configured::None, http()).unwrap().is_none());
    assert!(from_settings(&Configured::Log, http()).unwrap().is_none());
}

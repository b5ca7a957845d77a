//! Sign-in against a provider of our own on the loopback interface, which lies when told to.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;
use crate::accounts::tests::{Office, PASSWORD, new_person, refused};
use crate::accounts::{NewPerson, Person};
use crate::clock::Clock;
use crate::config::AccountSettings;

const CLIENT: &str = "visavis:client";
const SECRET: &str = "a secret & more";

/// The provider, which does as it is told.
struct Mock {
    issuer: String,
    rsa: EncodingKey,
    ec: EncodingKey,
    told: Mutex<Told>,
}

/// What the provider is told, and what it has heard.
#[derive(Default)]
struct Told {
    /// Claims that differ from the good ones; `null` leaves one out.
    claims: Value,
    /// The algorithm; none for an unsigned token.
    algorithm: Option<Algorithm>,
    unsigned: bool,
    kid: Option<&'static str>,
    /// Members of the configuration that differ.
    metadata: Value,
    user_info: Option<Value>,
    token_status: Option<(u16, &'static str)>,
    /// The nonce and the challenge of the authorization that is going on.
    nonce: String,
    challenge: String,
    now: i64,
    discoveries: usize,
    key_requests: usize,
    token_requests: Vec<HashMap<String, String>>,
}

struct Scene {
    office: Office,
    mock: Arc<Mock>,
    oidc: Oidc,
}

impl Scene {
    async fn new() -> Self {
        Self::with(Registration::Open).await
    }

    async fn with(registration: Registration) -> Self {
        let settings = AccountSettings { registration, max_concurrent_hashes: 1, ..AccountSettings::default() };
        let office = Office::with(settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let ec = rcgen::KeyPair::generate().unwrap();
        let mock = Mock {
            issuer: issuer.clone(),
            rsa: rsa_key(),
            ec: EncodingKey::from_ec_der(&ec.serialize_der()),
            told: Mutex::new(Told { algorithm: Some(Algorithm::RS256), kid: Some("rsa"), ..Told::default() }),
        };
        let mock = Arc::new(mock);
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/user", get(user_info))
            .with_state(Arc::clone(&mock));
        tokio::spawn(async move { axum::serve(listener, router).await });
        // An error means that there is one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let settings = OidcSettings {
            issuer: issuer.parse().unwrap(),
            client_id: CLIENT.into(),
            client_secret: Secret::new(SECRET),
            name: "Our directory".into(),
        };
        let base = "https://meet.example.org".parse().unwrap();
        let oidc = Oidc::new(office.accounts.clone(), &settings, &base, client);
        Self { office, mock, oidc }
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.mock.told.lock().unwrap());
    }

    /// Begins, and lets the person agree at the provider.
    async fn begin(&self) -> (Callback, Secret) {
        let begun = self.oidc.begin("/appointments?x=1").await.unwrap();
        let url = Url::parse(&begun.url).unwrap();
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["redirect_uri"], "https://meet.example.org/api/auth/oidc/callback");
        assert_eq!(asked["code_challenge_method"], "S256");
        let now = self.office.clock.unix().as_secs();
        self.tell(|told| {
            told.nonce.clone_from(&asked["nonce"]);
            told.challenge.clone_from(&asked["code_challenge"]);
            told.now = now;
        });
        let callback = Callback { state: asked["state"].clone(), code: Some("the code".into()), ..Callback::default() };
        (callback, begun.binding)
    }

    async fn finish(&self, (callback, binding): &(Callback, Secret)) -> Result<(SignedIn, String), AccountsError> {
        self.oidc.finish(callback, binding.reveal(), Device::default()).await
    }

    async fn sign_in(&self) -> Result<(SignedIn, String), AccountsError> {
        let begun = self.begin().await;
        self.finish(&begun).await
    }

    /// What comes of a sign-in with claims that differ.
    async fn with_claims(&self, claims: Value) -> Result<(SignedIn, String), AccountsError> {
        self.tell(|told| told.claims = claims);
        self.sign_in().await
    }
}

fn rsa_key() -> EncodingKey {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // The key itself, without the 26 bytes that say around it of which kind it is (RFC 5208 §5).
    EncodingKey::from_rsa_der(&der.as_ref()[26..])
}

fn merged(mut good: Value, differing: &Value) -> Value {
    for (key, value) in differing.as_object().into_iter().flatten() {
        if value.is_null() {
            good.as_object_mut().unwrap().remove(key);
        } else {
            good[key] = value.clone();
        }
    }
    good
}

async fn discovery(State(mock): State<Arc<Mock>>) -> String {
    let (mut told, at) = (mock.told.lock().unwrap(), &mock.issuer);
    told.discoveries += 1;
    let good = json!({
        "issuer": at, "authorization_endpoint": format!("{at}/authorize?tenant=1"), "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"), "userinfo_endpoint": format!("{at}/user"), "something_else": [1],
    });
    merged(good, &told.metadata).to_string()
}

async fn keys(State(mock): State<Arc<Mock>>) -> String {
    mock.told.lock().unwrap().key_requests += 1;
    let key = |key: &EncodingKey, algorithm, kid: &str| {
        let mut key = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
        (key["kid"], key["use"]) = (kid.into(), "sig".into());
        key
    };
    let unknown = json!({ "kty": "XYZ", "kid": "new", "alg": "ML-DSA-44" });
    json!({ "keys": [unknown, key(&mock.rsa, Algorithm::RS256, "rsa"), key(&mock.ec, Algorithm::ES256, "ec")] })
        .to_string()
}

async fn token(State(mock): State<Arc<Mock>>, headers: HeaderMap, body: String) -> axum::response::Response {
    let mut told = mock.told.lock().unwrap();
    let form = Url::parse(&format!("x:/?{body}")).unwrap();
    let mut fields: HashMap<String, String> = form.query_pairs().into_owned().collect();
    if let Some(basic) = headers.get("authorization") {
        fields.insert("authorization".into(), basic.to_str().unwrap().into());
    }
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, fields["code_verifier"].as_bytes()));
    told.token_requests.push(fields);
    if let Some((status, error)) = told.token_status {
        return (StatusCode::from_u16(status).unwrap(), json!({ "error": error }).to_string()).into_response();
    }
    if challenge != told.challenge {
        return (StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string()).into_response();
    }
    let good = json!({
        "iss": mock.issuer, "aud": CLIENT, "sub": "user-1", "nonce": told.nonce, "iat": told.now, "exp": told.now + 300,
        "email": "ada@example.org", "email_verified": true, "name": "Ada Lovelace", "locale": "de", "zoneinfo": "Europe/Rome",
    });
    let claims = merged(good, &told.claims);
    let id_token = if told.unsigned {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(json!({ "alg": "none", "typ": "JWT" })), part(claims))
    } else {
        let algorithm = told.algorithm.unwrap();
        let mut header = Header::new(algorithm);
        header.kid = told.kid.map(str::to_owned);
        let shared;
        let key = match algorithm {
            Algorithm::ES256 => &mock.ec,
            // Whoever takes the public key for a shared secret can be written to by anybody.
            Algorithm::HS256 => {
                let public =
                    serde_json::to_string(&Jwk::from_encoding_key(&mock.rsa, Algorithm::RS256).unwrap()).unwrap();
                shared = EncodingKey::from_secret(public.as_bytes());
                &shared
            }
            _ => &mock.rsa,
        };
        jsonwebtoken::encode(&header, &claims, key).unwrap()
    };
    json!({ "access_token": "access", "token_type": "Bearer", "id_token": id_token }).to_string().into_response()
}

async fn user_info(State(mock): State<Arc<Mock>>, headers: HeaderMap) -> axum::response::Response {
    assert_eq!(headers["authorization"], "Bearer access");
    match &mock.told.lock().unwrap().user_info {
        Some(claims) => claims.to_string().into_response(),
        None => (StatusCode::NOT_FOUND, Body::empty()).into_response(),
    }
}

async fn person(office: &Office, name: &str) -> Person {
    office.person(name, Role::Customer).await
}

#[tokio::test]
async fn whoever_the_provider_knows_has_an_account_from_then_on() {
    let scene = Scene::new().await;
    let (SignedIn { person, session }, page) = scene.sign_in().await.unwrap();
    assert_eq!(page, "/appointments?x=1");
    assert_eq!(
        (person.email.as_str(), person.name.as_str(), person.role),
        ("ada@example.org", "Ada Lovelace", Role::Customer)
    );
    assert_eq!((person.locale.as_str(), person.tz.as_str()), ("de", "Europe/Rome"));
    assert!(person.email_verified_at.is_some() && !person.has_password);
    assert_eq!(scene.office.resolve(&session.token).await.unwrap().actor.user(), Some(person.id));
    // The same person again, by another address: what the provider knows the person by counts.
    let (again, _) = scene.with_claims(json!({ "email": "new@example.org" })).await.unwrap();
    assert_eq!(again.person.id, person.id);
    assert_ne!(again.session.token, session.token);
    assert_eq!(scene.office.value::<i64>("SELECT count(*) FROM users").await, 1);

    let told = scene.mock.told.lock().unwrap();
    let request = &told.token_requests[0];
    // Both are written as in a form, then put together.
    let expected = format!("Basic {}", STANDARD.encode("visavis%3Aclient:a+secret+%26+more"));
    assert_eq!((request["authorization"].as_str(), request["code"].as_str()), (expected.as_str(), "the code"));
    assert_eq!((told.discoveries, told.key_requests), (1, 1), "what was asked once is known");
}

#[tokio::test]
async fn both_kinds_of_signatures_are_known_and_a_missing_key_id_where_there_is_one_key() {
    let scene = Scene::new().await;
    scene.tell(|told| (told.algorithm, told.kid) = (Some(Algorithm::ES256), Some("ec")));
    scene.sign_in().await.unwrap();
    scene.tell(|told| told.kid = None);
    scene.sign_in().await.unwrap();
}

#[tokio::test]
async fn an_account_of_a_verified_address_is_linked_and_what_others_had_set_up_is_gone() {
    let scene = Scene::new().await;
    let accounts = &scene.office.accounts;
    // Somebody has registered in Ada's name, and waits.
    let intruder = accounts.register(new_person("ada", Role::Customer), Device::default()).await.unwrap();
    let (ada, _) = scene.sign_in().await.unwrap();
    assert_eq!(ada.person.id, intruder.person.id);
    assert!(!ada.person.has_password);
    refused(scene.office.resolve(&intruder.session.token).await, "session_expired");
    refused(accounts.sign_in("ada@example.org", PASSWORD, Device::default()).await, "invalid_credentials");

    // An account whose owner has proved the address keeps its password.
    let bob = person(&scene.office, "bob").await;
    let (linked, _) = scene.with_claims(json!({ "sub": "user-2", "email": "BOB@example.org" })).await.unwrap();
    assert_eq!(linked.person.id, bob.id);
    assert!(linked.person.has_password);
    // And belongs to nobody else of the provider's any more.
    refused(scene.with_claims(json!({ "sub": "user-3", "email": "bob@example.org" })).await, "oidc_conflict");
}

#[tokio::test]
async fn an_address_that_nobody_vouches_for_opens_no_account() {
    let scene = Scene::new().await;
    person(&scene.office, "ada").await;
    for claims in [
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email_verified": "false" }),
        json!({ "email": "no address" }),
    ] {
        refused(scene.with_claims(claims.clone()).await, "oidc_email_unverified");
    }
    scene.with_claims(json!({ "email_verified": "true" })).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_stays_closed_and_invitations_are_still_needed() {
    let scene = Scene::with(Registration::Invite).await;
    refused(scene.sign_in().await, "registration_closed");
    let invited = NewPerson { password: None, ..new_person("ada", Role::Expert) };
    let ada = scene.office.accounts.create(Actor::System, invited).await.unwrap();
    let (signed_in, _) = scene.sign_in().await.unwrap();
    assert_eq!((signed_in.person.id, signed_in.person.role), (ada.id, Role::Expert));
    scene.office.accounts.disable(Actor::System, ada.id).await.unwrap();
    refused(scene.sign_in().await, "account_disabled");
}

#[tokio::test]
async fn a_token_that_is_not_wholly_right_is_not_believed() {
    let scene = Scene::new().await;
    let now = scene.office.clock.unix().as_secs();
    for (what, claims) in [
        ("nonce", json!({ "nonce": "another" })),
        ("no nonce", json!({ "nonce": null })),
        ("audience", json!({ "aud": "another client" })),
        ("audiences", json!({ "aud": ["another client", "a third"] })),
        ("several audiences and no party", json!({ "aud": [CLIENT, "another"] })),
        ("party", json!({ "aud": [CLIENT, "another"], "azp": "another" })),
        ("party alone", json!({ "azp": "another" })),
        ("no audience", json!({ "aud": null })),
        ("issuer", json!({ "iss": "https://evil.example.org" })),
        ("no issuer", json!({ "iss": null })),
        ("expired", json!({ "exp": now - 60 })),
        ("no expiry", json!({ "exp": null })),
        ("from the future", json!({ "iat": now + 61 })),
        ("from before", json!({ "iat": now - 61 })),
        ("no time", json!({ "iat": null })),
        ("not yet", json!({ "nbf": now + 61 })),
        ("nobody", json!({ "sub": "" })),
        ("no subject", json!({ "sub": null })),
        ("endless subject", json!({ "sub": "x".repeat(256) })),
    ] {
        let result = scene.with_claims(claims).await;
        match result {
            Err(error) => assert_eq!(error.code(), "oidc_token_invalid", "{what}: {error}"),
            Ok(_) => panic!("{what} was believed"),
        }
    }
    assert_eq!(scene.office.value::<i64>("SELECT count(*) FROM users").await, 0);
    // The edges from within.
    for claims in [
        json!({ "exp": now - 59 }),
        json!({ "iat": now + 60 }),
        json!({ "iat": now - 60 }),
        json!({ "aud": [CLIENT], "azp": null }),
        json!({ "aud": [CLIENT, "another"], "azp": CLIENT }),
    ] {
        scene.with_claims(claims).await.unwrap();
    }
}

#[tokio::test]
async fn a_signature_must_be_one_of_the_providers_keys() {
    let scene = Scene::new().await;
    let tell = |algorithm, kid, unsigned| {
        scene.tell(|told| (told.algorithm, told.kid, told.unsigned) = (Some(algorithm), kid, unsigned));
    };
    for (algorithm, kid, unsigned) in [
        // Unsigned; a shared secret; a key of another kind; nobody's key; another algorithm of the same key.
        (Algorithm::RS256, Some("rsa"), true),
        (Algorithm::HS256, Some("rsa"), false),
        (Algorithm::HS256, None, false),
        (Algorithm::RS256, Some("ec"), false),
        (Algorithm::RS256, Some("unknown"), false),
        (Algorithm::RS512, Some("rsa"), false),
        (Algorithm::PS256, Some("rsa"), false),
    ] {
        tell(algorithm, kid, unsigned);
        refused(scene.sign_in().await, "oidc_token_invalid");
    }
    tell(Algorithm::RS256, Some("rsa"), false);
    scene.sign_in().await.unwrap();
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_again_and_not_at_every_strangers_wish() {
    let scene = Scene::new().await;
    scene.sign_in().await.unwrap();
    scene.tell(|told| told.kid = Some("rotated"));
    for _ in 0..5 {
        refused(scene.sign_in().await, "oidc_token_invalid");
    }
    assert_eq!(scene.mock.told.lock().unwrap().key_requests, 1);
    scene.office.clock.advance(Duration::from_secs(60));
    for _ in 0..5 {
        refused(scene.sign_in().await, "oidc_token_invalid");
    }
    assert_eq!(scene.mock.told.lock().unwrap().key_requests, 2);
}

#[tokio::test]
async fn a_state_works_once_in_the_browser_that_began_within_ten_minutes() {
    let scene = Scene::new().await;
    let begun = scene.begin().await;
    scene.finish(&begun).await.unwrap();
    refused(scene.finish(&begun).await, "oidc_state_invalid");

    let (callback, binding) = scene.begin().await;
    // Another browser, led here by somebody else; and then it is used up.
    refused(scene.finish(&(callback.clone(), Secret::new("another"))).await, "oidc_state_invalid");
    refused(scene.finish(&(callback, binding.clone())).await, "oidc_state_invalid");

    let late = scene.begin().await;
    scene.office.clock.advance(Duration::from_secs(600));
    refused(scene.finish(&late).await, "oidc_state_invalid");
    let made_up = Callback { state: "made up".into(), code: Some("the code".into()), ..Callback::default() };
    refused(scene.finish(&(made_up, binding.clone())).await, "oidc_state_invalid");
    refused(scene.finish(&(Callback::default(), binding)).await, "oidc_state_invalid");
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_no_good() {
    let scene = Scene::new().await;
    let mine = scene.begin().await;
    // The provider remembers the challenge of the last one.
    let theirs = scene.begin().await;
    refused(scene.finish(&mine).await, "oidc_state_invalid");
    scene.finish(&theirs).await.unwrap();
}

#[tokio::test]
async fn what_the_provider_says_no_to_is_told_in_a_word() {
    let scene = Scene::new().await;
    let (callback, binding) = scene.begin().await;
    let error = Some("access_denied\r\n<script>".to_owned());
    let denied = Callback { code: None, error, ..callback };
    let error = scene.finish(&(denied, binding)).await.unwrap_err();
    assert_eq!(error.code(), "oidc_denied");
    assert!(error.to_string().ends_with(": access_deniedscript"), "{error}");

    let (callback, binding) = scene.begin().await;
    refused(scene.finish(&(Callback { code: None, ..callback }, binding)).await, "oidc_state_invalid");
}

#[tokio::test]
async fn an_answer_of_another_provider_is_told_apart_where_they_name_themselves() {
    let scene = Scene::new().await;
    let (callback, binding) = scene.begin().await;
    let mixed_up = Callback { iss: Some("https://evil.example.org".into()), ..callback };
    refused(scene.finish(&(mixed_up, binding)).await, "oidc_token_invalid");
    scene.tell(|told| told.metadata = json!({ "authorization_response_iss_parameter_supported": true }));
    scene.office.clock.advance(Duration::from_secs(3600));
    let (callback, binding) = scene.begin().await;
    refused(scene.finish(&(callback, binding)).await, "oidc_token_invalid");
    let (callback, binding) = scene.begin().await;
    let named = Callback { iss: Some(scene.mock.issuer.clone()), ..callback };
    scene.finish(&(named, binding)).await.unwrap();
}

#[tokio::test]
async fn an_address_may_come_from_the_user_info_of_the_same_person() {
    let scene = Scene::new().await;
    let without = json!({ "email": null, "email_verified": null, "name": null });
    scene.tell(|told| {
        told.user_info = Some(json!({ "sub": "somebody else", "email": "root@example.org", "email_verified": true }));
    });
    refused(scene.with_claims(without.clone()).await, "oidc_token_invalid");
    scene.tell(|told| {
        told.user_info = Some(json!({ "sub": "user-1", "email": "ada@example.org", "email_verified": true,
            "preferred_username": "ada" }));
    });
    let (signed_in, _) = scene.with_claims(without).await.unwrap();
    assert_eq!((signed_in.person.email.as_str(), signed_in.person.name.as_str()), ("ada@example.org", "ada"));
}

#[tokio::test]
async fn a_provider_that_is_not_what_it_was_configured_as_is_not_asked_further() {
    for metadata in [
        json!({ "issuer": "https://evil.example.org" }),
        json!({ "issuer": null }),
        json!({ "token_endpoint": "no address" }),
    ] {
        let scene = Scene::new().await;
        scene.tell(|told| told.metadata = metadata);
        for _ in 0..3 {
            assert_eq!(scene.oidc.begin("/").await.unwrap_err().code(), "oidc_misconfigured");
        }
        assert_eq!(scene.mock.told.lock().unwrap().discoveries, 1, "it is left alone for a while");
        scene.tell(|told| told.metadata = Value::Null);
        scene.office.clock.advance(Duration::from_secs(10));
        scene.oidc.begin("/").await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_that_gives_no_token_is_told_apart_from_a_code_that_is_none() {
    let scene = Scene::new().await;
    for (status, error, code) in [
        (400, "invalid_grant", "oidc_state_invalid"),
        (401, "invalid_client", "oidc_misconfigured"),
        (503, "", "oidc_unavailable"),
    ] {
        scene.tell(|told| told.token_status = Some((status, error)));
        refused(scene.sign_in().await, code);
    }
}

#[tokio::test]
async fn our_password_goes_into_the_body_where_the_provider_wants_it_there() {
    let scene = Scene::new().await;
    scene.tell(|told| told.metadata = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    scene.sign_in().await.unwrap();
    let told = scene.mock.told.lock().unwrap();
    let request = &told.token_requests[0];
    assert_eq!((request["client_id"].as_str(), request["client_secret"].as_str()), (CLIENT, SECRET));
    assert!(!request.contains_key("authorization"));
}

#[test]
fn only_pages_of_ours_are_gone_on_to() {
    for page in ["/", "/appointments/1?tab=chat#end", "/a//b"] {
        assert_eq!(local_page(page), Some(page));
    }
    let long = format!("/{}", "x".repeat(MAX_RETURN));
    for elsewhere in [
        "",
        "appointments",
        "//evil.example.org",
        "/\\evil.example.org",
        "https://evil.example.org",
        "/\r\nx",
        "/\t/evil.example.org",
        "/ü",
        &long,
    ] {
        assert_eq!(local_page(elsewhere), None, "{elsewhere:?}");
    }
}

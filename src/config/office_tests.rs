#![allow(clippy::unwrap_used)]

use super::*;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

const WHOLE: &str = "\
data_dir: /var/lib/visavis
public_url: https://meet.example.org
livekit_url: https://other.livekit.cloud
trusted_proxies: [10.0.0.1, '2001:db8::/32']
rate_limits: {enabled: false}
access: {open_before: 10m, close_after: 1h, close_anchor: start, extension: 5m, max_extensions: 1, lobby: false}
sfu: {trust_api_tokens_for_appointments: true}
accounts: {registration: invite, session_ttl: 7d, magic_link_ttl: 5m, max_concurrent_hashes: 3}
mail:
  from: Praxis <praxis@example.org>
  smtp: {host: mail.example.org, security: tls, username: visavis, password: hush-mail}
sms:
  quiet_hours: 21:00-08:00
  provider: twilio
  account_sid: AC1
  auth_token: hush-sms
  from: '+390000'
webhooks: {allow_networks: [10.0.0.0/8]}
files: {max_size: 10MB, types: [application/pdf]}
embedding: {origins: ['https://www.example.org', 'https://*.example.com']}
oidc: {issuer: 'https://id.example.org', client_id: visavis, client_secret: hush-oidc, name: Example}
";

fn load_text(text: &str) -> Result<Loaded, ConfigError> {
    let source = Source::Text { name: "visavis.yaml".into(), text: text.into() };
    let overrides = Overrides { api_key: Some(("k".into(), Secret::new("s".repeat(32)))), ..Overrides::default() };
    load(&source, &overrides, 2)
}

fn errors(text: &str) -> Vec<String> {
    load_text(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn dev(overrides: Overrides) -> Loaded {
    load(&Source::None, &Overrides { dev: true, ..overrides }, 4).unwrap()
}

#[test]
fn every_setting_of_the_office_is_read() {
    let office = load_text(WHOLE).unwrap().settings.office;
    assert_eq!(office.data_dir, Some(PathBuf::from("/var/lib/visavis")));
    assert_eq!(office.other_livekit(&office.base_url(1)).unwrap().as_str(), "wss://other.livekit.cloud");
    assert!(office.trusted_proxies[1].contains("2001:db8::7".parse().unwrap()) && !office.rate_limits.enabled);
    let access = AccessSettings {
        open_before: 10 * MINUTE,
        close_after: 60 * MINUTE,
        close_anchor: CloseAnchor::Start,
        extension: 5 * MINUTE,
        max_extensions: 1,
        lobby: false,
    };
    assert_eq!(office.access, access);
    assert!(office.sfu.trust_api_tokens_for_appointments);
    assert_eq!((office.accounts.registration, office.accounts.max_concurrent_hashes), (Registration::Invite, 3));
    let smtp = office.mail.smtp.unwrap();
    assert_eq!((smtp.port, smtp.security, smtp.password.reveal()), (465, SmtpSecurity::Tls, "hush-mail"));
    let SmsProvider::Twilio { url, account_sid, .. } = office.sms.provider else { panic!() };
    assert_eq!((url.as_str(), account_sid.as_str()), ("https://api.twilio.com/", "AC1"));
    assert!(office.sms.quiet_hours.unwrap().contains(0));
    assert_eq!((office.files.max_size.0, office.files.types.len()), (10_000_000, 1));
    assert_eq!(office.embedding.origins[1].as_str(), "https://*.example.com");
    assert_eq!(office.oidc.unwrap().name, "Example");
}

#[test]
fn printed_settings_of_the_office_read_back_as_themselves_but_for_the_secrets() {
    let http = "sms: {provider: http, url: 'https://sms.example.org', body: '{to} {text}', headers: {x-key: hush}}\n";
    let start = WHOLE.find("sms:").unwrap();
    let end = WHOLE.find("webhooks:").unwrap();
    for text in [WHOLE.to_owned(), format!("{}{http}{}", &WHOLE[..start], &WHOLE[end..])] {
        let printed = serde_saphyr::to_string(&load_text(&text).unwrap().settings).unwrap();
        assert!(!printed.contains("hush") && printed.contains("session_ttl: 7d"), "{printed}");
        let again = load_text(&printed).unwrap().settings;
        assert_eq!(serde_saphyr::to_string(&again).unwrap(), printed);
    }
}

#[test]
fn without_a_data_folder_there_is_no_office_outside_of_development() {
    let settings = load_text("").unwrap().settings;
    assert!(!settings.office.runs(settings.development));
    let settings = dev(Overrides::default()).settings;
    assert!(settings.office.runs(settings.development));
    assert_eq!(settings.office.public_url.unwrap().origin(), "http://localhost:7880");
    assert_eq!(settings.office.accounts.max_concurrent_hashes, 4);
    // A port of the system's choice is not known yet.
    let settings = dev(Overrides { port: Some(0), ..Overrides::default() }).settings;
    assert_eq!((settings.office.public_url.is_none(), settings.office.base_url(81).host()), (true, "localhost"));
}

#[test]
fn flags_win_over_the_file() {
    let source = Source::Text { name: "c".into(), text: WHOLE.into() };
    let overrides = Overrides {
        dev: true,
        data_dir: Some("/tmp/other".into()),
        public_url: Some("http://127.0.0.1:8080".parse().unwrap()),
        livekit_url: Some("ws://127.0.0.1:8080".parse().unwrap()),
        ..Overrides::default()
    };
    let office = load(&source, &overrides, 1).unwrap().settings.office;
    assert_eq!(office.data_dir, Some(PathBuf::from("/tmp/other")));
    // It is this server that it names.
    assert_eq!(office.other_livekit(&office.base_url(1)), None);
}

#[test]
fn links_need_a_base_and_whoever_forgets_mail_is_told() {
    let error = errors("data_dir: /d\n").join("\n");
    assert!(error.contains("public_url: is needed"), "{error}");
    let warned = |text: &str| -> Vec<String> {
        load_text(text).unwrap().warnings.into_iter().map(|warning| warning.key).collect()
    };
    assert_eq!(warned("data_dir: /d\npublic_url: http://a.b\n"), ["public_url", "mail.smtp"]);
    assert_eq!(warned("mail: {from: a@b.c, smtp: {host: h}}\n"), ["data_dir"]);
    let oidc = if cfg!(feature = "oidc") { 0 } else { 1 };
    assert_eq!(warned(WHOLE).len(), oidc);
}

#[test]
fn every_impossible_value_is_an_error_at_its_place() {
    for (text, start) in [
        ("public_url: meet\n", "visavis.yaml:1:13: public_url: expected a URL"),
        ("livekit_url: tcp://a.b\n", "visavis.yaml:1:14: livekit_url: "),
        ("trusted_proxies: [10.0.0.0/33]\n", "visavis.yaml:1:18: trusted_proxies: "),
        ("access: {open_before: 2d}\n", "visavis.yaml:1:23: access.open_before: out of range"),
        ("access: {close_anchor: middle}\n", "visavis.yaml:1:24: access.close_anchor: expected end, start"),
        ("access: {max_extensions: 99}\n", "visavis.yaml:1:26: access.max_extensions: 99 is out of range"),
        (
            "access: {open_befor: 1m}\n",
            "visavis.yaml:1:10: access.open_befor: unknown key; did you mean `open_before`?",
        ),
        ("accounts: {session_ttl: 500d}\n", "visavis.yaml:1:25: accounts.session_ttl: out of range"),
        ("accounts: {registration: all}\n", "visavis.yaml:1:26: accounts.registration: expected open, invite"),
        ("mail: {from: nobody}\n", "visavis.yaml:1:14: mail.from: "),
        ("mail: {smtp: {host: h}}\n", "visavis.yaml:1:7: mail.from: is needed"),
        ("mail: {from: a@b.c, smtp: {port: 5}}\n", "visavis.yaml:1:27: mail.smtp.host: is needed"),
        ("sms: {provider: pigeon}\n", "visavis.yaml:1:17: sms.provider: expected none, log, twilio, http"),
        ("sms: {provider: http, url: 'http://a.b', body: '{to}'}\n", "visavis.yaml:1:48: sms.body: has no {text}"),
        ("sms: {provider: log, from: me}\n", "visavis.yaml:1:22: sms.from: unknown key"),
        ("sms: {quiet_hours: night}\n", "visavis.yaml:1:20: sms.quiet_hours: "),
        ("files: {max_size: 3GB}\n", "visavis.yaml:1:19: files.max_size: 3GB is out of range"),
        ("files: {types: [pdf]}\n", "visavis.yaml:1:16: files.types: `pdf` is no MIME type"),
        ("webhooks: {allow_networks: [here]}\n", "visavis.yaml:1:28: webhooks.allow_networks: "),
        ("oidc: {client_id: a}\n", "visavis.yaml:1:7: oidc.issuer: is needed"),
    ] {
        let found = errors(text);
        assert!(found.len() == 1 && found[0].starts_with(start), "{text}: {found:#?}");
    }
}

#[test]
fn a_password_does_not_leave_unencrypted_and_has_a_user() {
    let smtp = |rest: &str| load_text(&format!("mail: {{from: a@b.c, smtp: {{host: {rest}}}}}\n"));
    let error = smtp("h, security: none, username: u, password: hush").unwrap_err().to_string();
    assert!(error.contains("mail.smtp.security") && !error.contains("hush"), "{error}");
    assert!(smtp("localhost, security: none, username: u, password: p").is_ok());
    assert!(smtp("h, username: u").unwrap_err().to_string().contains("go together"));
    let loaded = smtp("h, security: none").unwrap().settings;
    assert_eq!(loaded.office.mail.smtp.unwrap().port, 25);
}

#[test]
fn secrets_come_from_files_that_others_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let text = format!("sms: {{provider: twilio, account_sid: A, from: '1', auth_token_file: {}}}\n", path.display());
    assert!(errors(&text)[0].contains("sms.auth_token_file: cannot be read"));
    fs::write(&path, "hush\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(errors(&text)[0].contains("chmod o-rwx"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let SmsProvider::Twilio { auth_token, .. } = load_text(&text).unwrap().settings.office.sms.provider else {
        panic!()
    };
    assert_eq!(auth_token.reveal(), "hush");
    let none = errors("sms: {provider: twilio, account_sid: A, from: '1'}\n");
    assert!(none[0].contains("sms.auth_token: is needed"), "{none:?}");
}

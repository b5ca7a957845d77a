//! Links by mail.

use super::*;
use crate::accounts::links::LinkKind;

async fn send(office: &Office, kind: LinkKind, name: &str) {
    office.accounts.send(kind, format!("{name}@example.org").parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_magic_link_signs_in_once() {
    let office = Office::new();
    let ada = office.person("ada", Role::Customer).await;
    send(&office, LinkKind::Magic, "ADA").await;
    let mail = office.last_mail("magic_link").await;
    assert_eq!(mail["expires_at"], T0 + 15 * 60_000);
    let token = mail["token"].as_str().unwrap();
    let opened = office.accounts.open_magic_link(token, Device::default()).await.unwrap();
    assert_eq!(office.resolve(&opened.session.token).await.unwrap().actor, actor(&ada));
    refused(office.accounts.open_magic_link(token, Device::default()).await, "link_used");
    assert!(opened.person.has_password, "the address had been proved before");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_open_a_link_at_once_one_is_signed_in() {
    let office = Office::new();
    office.person("ada", Role::Customer).await;
    send(&office, LinkKind::Magic, "ada").await;
    let token = office.token("magic_link").await;
    let mut tasks = Vec::new();
    for _ in 0..32 {
        let (accounts, token) = (office.accounts.clone(), token.clone());
        tasks.push(tokio::spawn(async move { accounts.open_magic_link(&token, Device::default()).await }));
    }
    let mut opened = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => opened += 1,
            refusal => refused(refusal, "link_used"),
        }
    }
    assert_eq!((opened, office.count("sessions").await), (1, 1));
}

#[tokio::test]
async fn a_request_is_answered_the_same_whether_there_is_an_account_or_not() {
    let office = Office::new();
    office.person("ada", Role::Customer).await;
    for email in ["ada@example.org", "nobody@example.org"] {
        office.accounts.request_magic_link(email).unwrap();
        office.accounts.request_password_reset(email).unwrap();
    }
    refused(office.accounts.request_magic_link("no address"), "invalid_email");
    while office.count("outbox").await < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(office.count("outbox").await, 2);
    assert_eq!(office.value::<i64>("SELECT count(*) FROM outbox WHERE payload LIKE '%nobody%'").await, 0);
}

#[tokio::test]
async fn links_expire_and_are_swept_with_the_secrets_of_their_mails() {
    let office = Office::new();
    office.person("ada", Role::Customer).await;
    send(&office, LinkKind::Magic, "ada").await;
    let token = office.token("magic_link").await;
    office.clock.advance(AccountSettings::default().magic_link_ttl);
    refused(office.accounts.open_magic_link(&token, Device::default()).await, "link_invalid");
    assert_eq!(office.accounts.sweep().await.unwrap(), Swept::default());
    office.clock.advance(DAY);
    let swept = office.accounts.sweep().await.unwrap();
    assert_eq!((swept.links, office.count("login_tokens").await), (1, 0));
    assert!(office.last_mail("magic_link").await.get("token").is_none());
    assert_eq!(office.value::<String>("SELECT state FROM outbox").await, "dropped");
}

#[tokio::test]
async fn nobody_is_kept_out_or_flooded_by_whoever_asks_for_their_links() {
    let office = Office::new();
    office.person("ada", Role::Customer).await;
    send(&office, LinkKind::Magic, "ada").await;
    let first = office.token("magic_link").await;
    for _ in 0..20 {
        send(&office, LinkKind::Magic, "ada").await;
    }
    assert_eq!(office.count("outbox").await, 3);
    office.accounts.open_magic_link(&first, Device::default()).await.unwrap();
    send(&office, LinkKind::Reset, "ada").await;
    assert_eq!(office.count("outbox").await, 4);
}

#[tokio::test]
async fn a_link_of_one_kind_does_nothing_of_another() {
    let office = Office::new();
    office.person("ada", Role::Customer).await;
    send(&office, LinkKind::Magic, "ada").await;
    send(&office, LinkKind::Reset, "ada").await;
    let (magic, reset) = (office.token("magic_link").await, office.token("password_reset").await);
    refused(office.accounts.open_magic_link(&reset, Device::default()).await, "link_invalid");
    refused(office.accounts.verify_email(&magic).await, "link_invalid");
    refused(office.accounts.reset_password(&magic, "a better password", Device::default()).await, "link_invalid");
    refused(office.accounts.resolve(&magic).await, "session_expired");
}

#[tokio::test]
async fn a_reset_sets_the_password_and_signs_everybody_else_out() {
    let office = Office::new();
    let before = office.signed_in("ada", Role::Customer).await;
    send(&office, LinkKind::Reset, "ada").await;
    let token = office.token("password_reset").await;
    send(&office, LinkKind::Reset, "ada").await;
    let other = office.token("password_reset").await;
    let (hashes, _) = office.accounts.hasher().counts();
    refused(office.accounts.reset_password("rubbish", "a better password", Device::default()).await, "link_invalid");
    refused(office.accounts.reset_password(&token, "short", Device::default()).await, "weak_password");
    assert_eq!(office.accounts.hasher().counts().0, hashes, "no hash without a link and a password");
    let after = office.accounts.reset_password(&token, "a better password", Device::default()).await.unwrap();
    refused(office.resolve(&before.session.token).await, "session_expired");
    office.resolve(&after.session.token).await.unwrap();
    refused(office.accounts.reset_password(&token, "another password", Device::default()).await, "link_used");
    refused(office.accounts.reset_password(&other, "another password", Device::default()).await, "link_invalid");
    office.accounts.sign_in("ada@example.org", "a better password", Device::default()).await.unwrap();
}

#[tokio::test]
async fn a_reset_proves_the_address_and_keeps_the_new_password() {
    let office = Office::new();
    office.accounts.register(new_person("ada", Role::Customer), Device::default()).await.unwrap();
    send(&office, LinkKind::Reset, "ada").await;
    let token = office.token("password_reset").await;
    let after = office.accounts.reset_password(&token, "a better password", Device::default()).await.unwrap();
    assert!(after.person.has_password && after.person.email_verified_at.is_some());
}

#[tokio::test]
async fn an_account_that_was_made_in_anothers_name_is_its_owners_once_the_owner_opens_a_link() {
    let office = Office::new();
    let intruder = office.accounts.register(new_person("ada", Role::Customer), Device::default()).await.unwrap();
    send(&office, LinkKind::Magic, "ada").await;
    let token = office.token("magic_link").await;
    let ada = office.accounts.open_magic_link(&token, Device::default()).await.unwrap();
    assert!(!ada.person.has_password && ada.person.email_verified_at.is_some());
    refused(office.resolve(&intruder.session.token).await, "session_expired");
    refused(office.accounts.sign_in("ada@example.org", PASSWORD, Device::default()).await, "invalid_credentials");
    office.resolve(&ada.session.token).await.unwrap();
}

#[tokio::test]
async fn a_disabled_account_gets_no_links_and_opens_none() {
    let office = Office::new();
    let ada = office.person("ada", Role::Customer).await;
    send(&office, LinkKind::Magic, "ada").await;
    let token = office.token("magic_link").await;
    office.accounts.disable(Actor::System, ada.id).await.unwrap();
    refused(office.accounts.open_magic_link(&token, Device::default()).await, "link_invalid");
    send(&office, LinkKind::Magic, "ada").await;
    assert_eq!(office.count("outbox").await, 1);
}

#[tokio::test]
async fn a_confirmation_or_an_invitation_is_sent_again_on_request() {
    let office = Office::new();
    let admin = office.person("root", Role::Admin).await;
    let new = NewPerson { password: None, ..new_person("ada", Role::Customer) };
    let ada = office.accounts.create(actor(&admin), new).await.unwrap();
    refused(office.accounts.invite(actor(&ada), ada.id).await, "wrong_role");
    office.accounts.invite(actor(&admin), ada.id).await.unwrap();
    office.accounts.request_verification(ada.id).await.unwrap();
    assert_eq!(office.count("outbox").await, 3);
    office.accounts.verify_email(&office.token("verify_email").await).await.unwrap();
    office.accounts.request_verification(ada.id).await.unwrap();
    assert_eq!(office.count("outbox").await, 3);
}

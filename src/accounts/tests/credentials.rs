//! Signing in by password.

use super::*;

#[tokio::test]
async fn a_right_password_signs_in_with_a_session_that_is_always_new() {
    let office = Office::new();
    let first = office.signed_in("ada", Role::Customer).await;
    let device = Device { replaces: Some(first.session.id), ..Device::default() };
    let second = office.accounts.sign_in(" Ada@EXAMPLE.org", PASSWORD, device).await.unwrap();
    assert_ne!(first.session.token, second.session.token);
    office.resolve(&second.session.token).await.unwrap();
    refused(office.resolve(&first.session.token).await, "session_expired");
}

#[tokio::test]
async fn nobody_learns_whether_there_is_an_account_neither_by_the_answer_nor_by_the_work() {
    let office = Office::new();
    let ada = office.person("ada", Role::Customer).await;
    office.person("closed", Role::Customer).await;
    let by_link = NewPerson { password: None, ..new_person("link", Role::Customer) };
    office.accounts.create(Actor::System, by_link).await.unwrap();
    let closed = office.accounts.person_by_email(Actor::System, "closed@example.org").await.unwrap();
    office.accounts.disable(Actor::System, closed.id).await.unwrap();
    for email in ["ada", "nobody", "closed", "link"]
        .map(|name| format!("{name}@example.org"))
        .iter()
        .chain([&"not an address".to_owned(), &String::new()])
    {
        let (before, _) = office.accounts.hasher().counts();
        refused(office.accounts.sign_in(email, "some other words", Device::default()).await, "invalid_credentials");
        assert_eq!(office.accounts.hasher().counts().0 - before, 1, "{email}");
    }
    // Who knows the password may know that the account is closed.
    refused(office.accounts.sign_in("closed@example.org", PASSWORD, Device::default()).await, "account_disabled");
    office.accounts.sign_in(&ada.email, PASSWORD, Device::default()).await.unwrap();
    let endless = "x".repeat(100_000);
    refused(office.accounts.sign_in(&ada.email, &endless, Device::default()).await, "invalid_credentials");
}

#[tokio::test]
async fn a_password_kept_by_old_parameters_is_kept_by_new_ones_after_the_next_sign_in() {
    let office = Office::new();
    let ada = office.person("ada", Role::Customer).await;
    let newer = Accounts::with_hasher(
        office.store.clone(),
        Arc::clone(&office.clock) as SharedClock,
        AccountSettings::default(),
        Hasher::new(argon2::Params::new(128, 1, 1, None).unwrap(), 1),
    );
    newer.sign_in(&ada.email, PASSWORD, Device::default()).await.unwrap();
    let kept: String = office.value("SELECT password_hash FROM users").await;
    assert!(kept.contains("m=128,"), "{kept}");
    newer.sign_in(&ada.email, PASSWORD, Device::default()).await.unwrap();
    assert_eq!(office.value::<String>("SELECT password_hash FROM users").await, kept);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_signs_the_other_devices_out() {
    let office = Office::new();
    let (here, there) = (office.signed_in("ada", Role::Customer).await, office.sign_in("ada").await);
    let (ada, session) = (here.person.id, here.session.id);
    let accounts = &office.accounts;
    accounts.send(crate::accounts::links::LinkKind::Reset, "ada@example.org".parse().unwrap()).await.unwrap();
    let link = office.token("password_reset").await;
    refused(accounts.change_password(ada, session, "wrong password", "a better password").await, "invalid_credentials");
    refused(accounts.change_password(ada, session, PASSWORD, "short").await, "weak_password");
    refused(accounts.change_password(ada, session, PASSWORD, "Ada of Example").await, "weak_password");
    accounts.change_password(ada, session, PASSWORD, "a better password").await.unwrap();
    office.resolve(&here.session.token).await.unwrap();
    refused(office.resolve(&there.session.token).await, "session_expired");
    refused(accounts.reset_password(&link, "the intruder's words", Device::default()).await, "link_invalid");
    refused(accounts.sign_in("ada@example.org", PASSWORD, Device::default()).await, "invalid_credentials");
    accounts.sign_in("ada@example.org", "a better password", Device::default()).await.unwrap();
}

#[tokio::test]
async fn who_has_no_password_lets_a_link_set_one_and_signs_in_again_for_another_address() {
    let office = Office::new();
    let new = NewPerson { password: None, ..new_person("ada", Role::Customer) };
    let ada = office.accounts.create(Actor::System, new).await.unwrap();
    office.accounts.send(crate::accounts::links::LinkKind::Magic, ada.email.parse().unwrap()).await.unwrap();
    let token = office.token("magic_link").await;
    let session = office.accounts.open_magic_link(&token, Device::default()).await.unwrap().session.id;
    refused(office.accounts.change_password(ada.id, session, "", "a better password").await, "no_password");
    office.accounts.change_email(ada.id, session, None, "new@example.org").await.unwrap();
    office.clock.advance(Duration::from_secs(15 * 60));
    refused(office.accounts.change_email(ada.id, session, None, "evil@example.org").await, "sign_in_again");
    let bob = office.signed_in("bob", Role::Customer).await;
    let result = office.accounts.change_email(ada.id, bob.session.id, None, "evil@example.org").await;
    refused(result, "sign_in_again");
}

#[tokio::test]
async fn whoever_has_a_shell_sets_passwords_and_everybody_is_signed_out() {
    let office = Office::new();
    let SignedIn { person, session } = office.signed_in("ada", Role::Customer).await;
    refused(office.accounts.set_password(actor(&person), person.id, "a better password").await, "wrong_role");
    office.accounts.set_password(Actor::System, person.id, "a better password").await.unwrap();
    refused(office.resolve(&session.token).await, "session_expired");
    office.accounts.sign_in(&person.email, "a better password", Device::default()).await.unwrap();
}

#[tokio::test]
async fn what_was_done_is_in_the_audit_log_without_anything_personal() {
    let office = Office::new();
    let SignedIn { person, session } = office.signed_in("ada", Role::Customer).await;
    office.accounts.change_password(person.id, session.id, PASSWORD, "a better password").await.unwrap();
    let actions: String = office.value("SELECT group_concat(action) FROM (SELECT * FROM audit_log ORDER BY seq)").await;
    assert_eq!(actions, "user.created,user.signed_in,user.password_changed");
    let text: String = office.value("SELECT group_concat(actor || subject || detail) FROM audit_log").await;
    assert!(text.contains(&person.id.to_string()), "{text}");
    assert!(!text.contains("example.org") && !text.contains("Example"), "{text}");
}

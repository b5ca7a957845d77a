//! Making accounts and what they say.

use super::*;

#[tokio::test]
async fn whoever_registers_is_a_customer_signed_in_and_asked_to_confirm_the_address() {
    let office = Office::new();
    assert!(office.accounts.is_empty().await.unwrap());
    let new = NewPerson { tz: Some("europe/rome".into()), ..new_person("ada", Role::Admin) };
    let device = Device { user_agent: "Fire\nfox".into(), address: "192.0.2.1".into(), replaces: None };
    let SignedIn { person, session } = office.accounts.register(new, device).await.unwrap();
    assert_eq!((person.role, person.tz.as_str(), person.locale.as_str()), (Role::Customer, "Europe/Rome", "en"));
    assert!(person.has_password && person.email_verified_at.is_none());
    assert_eq!(office.resolve(&session.token).await.unwrap().actor, actor(&person));
    assert_eq!(office.accounts.sessions(actor(&person)).await.unwrap()[0].user_agent, "Firefox");

    let mail = office.last_mail("verify_email").await;
    assert_eq!((mail["email"].as_str(), mail["name"].as_str()), (Some("ada@example.org"), Some("ada of Example")));
    let verified = office.accounts.verify_email(mail["token"].as_str().unwrap()).await.unwrap();
    assert_eq!(verified.email_verified_at, Some(UnixTime(T0)));
    assert!(verified.has_password, "confirming takes no password away");
    assert!(!office.accounts.is_empty().await.unwrap());
}

#[tokio::test]
async fn where_accounts_are_by_invitation_nobody_registers_and_who_is_invited_chooses_a_password() {
    let office = Office::with(AccountSettings {
        registration: Registration::Invite,
        max_concurrent_hashes: 1,
        ..AccountSettings::default()
    });
    let result = office.accounts.register(new_person("ada", Role::Customer), Device::default()).await;
    refused(result, "registration_closed");

    let admin = office.person("root", Role::Admin).await;
    let new = NewPerson { password: None, ..new_person("ada", Role::Expert) };
    let ada = office.accounts.create(actor(&admin), new).await.unwrap();
    assert!(!ada.has_password && ada.email_verified_at.is_none());
    refused(office.accounts.sign_in("ada@example.org", PASSWORD, Device::default()).await, "invalid_credentials");
    let token = office.token("invitation").await;
    let opened = office.accounts.reset_password(&token, "a password of my own", Device::default()).await.unwrap();
    assert!(opened.person.has_password && opened.person.email_verified_at.is_some());
    assert_eq!(opened.person.role, Role::Expert);
    office.accounts.sign_in("ada@example.org", "a password of my own", Device::default()).await.unwrap();
}

#[tokio::test]
async fn an_address_has_one_account_however_it_is_written() {
    let office = Office::new();
    office.person("ada", Role::Customer).await;
    let again = NewPerson { email: "ADA@EXAMPLE.org".into(), ..new_person("x", Role::Customer) };
    let before = office.accounts.hasher().counts();
    refused(office.accounts.register(again.clone(), Device::default()).await, "email_taken");
    assert_eq!(office.accounts.hasher().counts(), before, "no hash for nothing");
    refused(office.accounts.create(Actor::System, again).await, "email_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_register_one_address_at_once_one_has_it() {
    let office = Office::new();
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let accounts = office.accounts.clone();
        let register = async move { accounts.register(new_person("ada", Role::Customer), Device::default()).await };
        tasks.push(tokio::spawn(register));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            refusal => refused(refusal, "email_taken"),
        }
    }
    assert_eq!((made, office.count("users").await), (1, 1));
}

#[tokio::test]
async fn only_administrators_make_accounts_for_others() {
    let office = Office::new();
    let expert = office.person("expert", Role::Expert).await;
    for nobody in [Actor::Anonymous, actor(&expert)] {
        refused(office.accounts.create(nobody, new_person("ada", Role::Admin)).await, "wrong_role");
    }
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let office = Office::new();
    let good = || new_person("ada", Role::Customer);
    let text = |text: &str| Some(text.to_owned());
    for (new, code) in [
        (NewPerson { email: "ada".into(), ..good() }, "invalid_email"),
        (NewPerson { name: " \n".into(), ..good() }, "invalid_name"),
        (NewPerson { password: text("short"), ..good() }, "weak_password"),
        (NewPerson { password: text("ada@example.org"), ..good() }, "weak_password"),
        (NewPerson { tz: text("Mars/Olympus"), ..good() }, "invalid_time_zone"),
        (NewPerson { locale: text("e"), ..good() }, "invalid_locale"),
        (NewPerson { phone: text("911"), ..good() }, "invalid_phone"),
    ] {
        refused(office.accounts.register(new, Device::default()).await, code);
    }
    assert_eq!(office.count("users").await, 0);
}

#[tokio::test]
async fn people_change_what_their_own_account_says_and_nobody_elses() {
    let office = Office::new();
    let (ada, bob) = (office.person("ada", Role::Customer).await, office.person("bob", Role::Expert).await);
    let changes = ProfileChanges {
        version: None,
        name: Some(" Ada L. ".into()),
        tz: Some("Asia/Kathmandu".into()),
        locale: Some("de-CH".into()),
        phone: Some(Some("+39 0471 123456".into())),
        reminders_by_mail: Some(false),
        reminders_by_sms: Some(true),
        quiet_hours: Some(Some((1260, 480))),
    };
    let changed = office.accounts.update(actor(&ada), ada.id, changes.clone()).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.tz.as_str()), ("Ada L.", "Asia/Kathmandu"));
    assert_eq!((changed.locale.as_str(), changed.phone.as_deref()), ("de-CH", Some("+390471123456")));
    assert!(!changed.reminders_by_mail && changed.reminders_by_sms && changed.version > ada.version);
    assert_eq!(changed.quiet_hours.unwrap().to_string(), "21:00-08:00");

    let untouched = office.accounts.update(actor(&ada), ada.id, ProfileChanges::default()).await.unwrap();
    assert_eq!(untouched.phone, changed.phone);
    assert_eq!(untouched.quiet_hours, changed.quiet_hours);
    let without = ProfileChanges { phone: Some(None), quiet_hours: Some(None), ..ProfileChanges::default() };
    let without = office.accounts.update(actor(&ada), ada.id, without).await.unwrap();
    assert!(without.phone.is_none() && !without.reminders_by_sms && without.quiet_hours.is_none());

    let sms = ProfileChanges { reminders_by_sms: Some(true), ..ProfileChanges::default() };
    refused(office.accounts.update(actor(&ada), ada.id, sms).await, "phone_missing");
    let quiet = ProfileChanges { quiet_hours: Some(Some((60, 60))), ..ProfileChanges::default() };
    refused(office.accounts.update(actor(&ada), ada.id, quiet).await, "invalid_quiet_hours");
    refused(office.accounts.update(actor(&bob), ada.id, changes).await, "wrong_role");
    refused(office.accounts.person(actor(&bob), ada.id).await, "not_found");
}

#[tokio::test]
async fn the_new_address_counts_once_its_mail_has_been_opened() {
    let office = Office::new();
    let SignedIn { person: ada, session } = office.signed_in("ada", Role::Customer).await;
    office.person("bob", Role::Customer).await;
    let accounts = &office.accounts;
    refused(
        accounts.change_email(ada.id, session.id, Some("wrong password"), "new@example.org").await,
        "invalid_credentials",
    );
    refused(accounts.change_email(ada.id, session.id, None, "new@example.org").await, "invalid_credentials");
    refused(accounts.change_email(ada.id, session.id, Some(PASSWORD), "BOB@example.org").await, "email_taken");
    accounts.change_email(ada.id, session.id, Some(PASSWORD), "old-mistake@example.org").await.unwrap();
    let mistake = office.token("verify_email").await;
    accounts.change_email(ada.id, session.id, Some(PASSWORD), "new@example.org").await.unwrap();
    assert_eq!(accounts.person(actor(&ada), ada.id).await.unwrap().email, "ada@example.org");
    refused(accounts.verify_email(&mistake).await, "link_invalid");

    accounts.send(crate::accounts::links::LinkKind::Magic, "ada@example.org".parse().unwrap()).await.unwrap();
    let old_mailbox = office.token("magic_link").await;
    let token = office.token("verify_email").await;
    let changed = accounts.verify_email(&token).await.unwrap();
    assert_eq!(changed.email, "new@example.org");
    refused(accounts.verify_email(&token).await, "link_used");
    refused(accounts.open_magic_link(&old_mailbox, Device::default()).await, "link_invalid");
    accounts.sign_in("new@example.org", PASSWORD, Device::default()).await.unwrap();
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_not_taken_over() {
    let office = Office::new();
    let SignedIn { person: ada, session } = office.signed_in("ada", Role::Customer).await;
    office.accounts.change_email(ada.id, session.id, Some(PASSWORD), "bob@example.org").await.unwrap();
    let token = office.token("verify_email").await;
    office.person("bob", Role::Customer).await;
    refused(office.accounts.verify_email(&token).await, "email_taken");
}

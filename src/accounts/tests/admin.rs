//! Administrators list, close and promote.

use super::*;

#[tokio::test]
async fn the_last_administrator_stays_whatever_is_tried() {
    let office = Office::new();
    let root = office.person("root", Role::Admin).await;
    let me = actor(&root);
    refused(office.accounts.disable(me, root.id).await, "last_admin");
    refused(office.accounts.set_role(me, root.id, Role::Customer).await, "last_admin");
    refused(office.accounts.erase(me, root.id).await, "last_admin");
    // One who cannot sign in does not count.
    let second = office.person("second", Role::Admin).await;
    office.accounts.disable(me, second.id).await.unwrap();
    refused(office.accounts.disable(me, root.id).await, "last_admin");
    office.accounts.enable(me, second.id).await.unwrap();
    office.accounts.disable(me, root.id).await.unwrap();
    refused(office.accounts.set_role(actor(&second), second.id, Role::Expert).await, "last_admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_who_close_each_other_at_once_leave_one() {
    for _ in 0..20 {
        let office = Office::new();
        let (one, two) = (office.person("one", Role::Admin).await, office.person("two", Role::Admin).await);
        let (first, second) = tokio::join!(
            office.accounts.disable(actor(&one), two.id),
            office.accounts.set_role(actor(&two), one.id, Role::Expert)
        );
        assert!(first.is_ok() != second.is_ok());
        let left = "SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'";
        assert_eq!(office.value::<i64>(left).await, 1);
    }
}

#[tokio::test]
async fn another_role_takes_the_sessions_of_the_old_one() {
    let office = Office::new();
    let root = office.person("root", Role::Admin).await;
    let ada = office.signed_in("ada", Role::Customer).await;
    refused(office.accounts.set_role(actor(&ada.person), ada.person.id, Role::Admin).await, "wrong_role");
    let promoted = office.accounts.set_role(actor(&root), ada.person.id, Role::Expert).await.unwrap();
    assert_eq!(promoted.role, Role::Expert);
    refused(office.resolve(&ada.session.token).await, "session_expired");
    let again = office.sign_in("ada").await;
    assert_eq!(office.resolve(&again.session.token).await.unwrap().actor.role(), Some(Role::Expert));
    // The same role again changes nothing.
    office.accounts.set_role(actor(&root), ada.person.id, Role::Expert).await.unwrap();
    office.resolve(&again.session.token).await.unwrap();
}

#[tokio::test]
async fn an_expert_with_consultations_ahead_stays_one() {
    let office = Office::new();
    let (ada, bob) = (office.person("ada", Role::Customer).await, office.person("bob", Role::Expert).await);
    let appointment = office.book(&ada, &bob, 1, "approved").await;
    refused(office.accounts.set_role(Actor::System, bob.id, Role::Admin).await, "has_appointments");
    office.accounts.set_role(Actor::System, ada.id, Role::Expert).await.unwrap();
    office.set_status(appointment, "cancelled").await;
    office.accounts.set_role(Actor::System, bob.id, Role::Admin).await.unwrap();
}

#[tokio::test]
async fn only_administrators_close_open_and_list() {
    let office = Office::new();
    let (ada, bob) = (office.person("ada", Role::Expert).await, office.person("bob", Role::Customer).await);
    for nobody in [Actor::Anonymous, actor(&ada), actor(&bob)] {
        refused(office.accounts.disable(nobody, bob.id).await, "wrong_role");
        refused(office.accounts.enable(nobody, bob.id).await, "wrong_role");
        refused(office.accounts.people(nobody, PeopleFilter::default(), None, 10).await, "wrong_role");
    }
}

#[tokio::test]
async fn people_are_listed_by_name_page_by_page_each_once() {
    let office = Office::new();
    let admin = Actor::User(office.person("root", Role::Admin).await.id, Role::Admin);
    let mut expected = vec!["root of Example".to_owned()];
    // Same names, and both cases.
    for number in 0..23 {
        let name = if number % 2 == 0 { format!("N{:02}", number / 4) } else { format!("n{:02}", number / 4) };
        let new = NewPerson { name: name.clone(), ..new_person(&format!("p{number}"), Role::Customer) };
        office.accounts.create(Actor::System, new).await.unwrap();
        expected.push(name);
    }
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = office.accounts.people(admin, PeopleFilter::default(), cursor.as_deref(), 5).await.unwrap();
        assert!(page.people.len() <= 5);
        found.extend(page.people.into_iter().map(|person| person.name));
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }
    assert!(found.is_sorted_by_key(|name| name.to_lowercase()), "{found:?}");
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for wrong in ["", "rubbish!", "eA", "eCB5"] {
        refused(office.accounts.people(admin, PeopleFilter::default(), Some(wrong), 5).await, "invalid_cursor");
    }
}

#[tokio::test]
async fn a_search_finds_parts_of_names_and_addresses_and_takes_no_pattern() {
    let office = Office::new();
    for (name, role) in [("ada", Role::Customer), ("bob", Role::Expert), ("ad_m", Role::Customer)] {
        office.person(name, role).await;
    }
    let found = async |filter: PeopleFilter| {
        let page = office.accounts.people(Actor::System, filter, None, 50).await.unwrap();
        page.people.into_iter().map(|person| person.email.replace("@example.org", "")).collect::<Vec<_>>().join(" ")
    };
    let search = |text: &str| PeopleFilter { search: Some(text.into()), ..PeopleFilter::default() };
    assert_eq!(found(search(" AD ")).await, "ad_m ada");
    assert_eq!(found(search("ad_")).await, "ad_m");
    assert_eq!(found(search("%")).await, "");
    assert_eq!(found(search("bob@")).await, "bob");
    assert_eq!(found(PeopleFilter { role: Some(Role::Expert), ..PeopleFilter::default() }).await, "bob");
    let ada = office.accounts.person_by_email(Actor::System, "ada@example.org").await.unwrap();
    office.accounts.disable(Actor::System, ada.id).await.unwrap();
    assert_eq!(found(PeopleFilter { status: Some(Status::Disabled), ..PeopleFilter::default() }).await, "ada");
    office.accounts.erase(Actor::System, ada.id).await.unwrap();
    assert_eq!(found(PeopleFilter::default()).await, "ad_m bob");
    assert_eq!(
        found(PeopleFilter { status: Some(Status::Erased), ..PeopleFilter::default() })
            .await
            .matches("erased-")
            .count(),
        1
    );
}

//! Guest links.

use super::*;

struct Scene {
    office: Office,
    host: Person,
    appointment: AppointmentId,
    seat: SeatId,
}

async fn scene() -> Scene {
    let office = Office::new();
    let (ada, host) = (office.person("ada", Role::Customer).await, office.person("host", Role::Expert).await);
    let appointment = office.book(&ada, &host, 1, "approved").await;
    let seat = office.guest_seat(appointment, "Gast", "gast@example.org").await;
    Scene { office, host, appointment, seat }
}

fn request(expires_at: UnixTime, max_uses: u16) -> GuestLinkRequest {
    GuestLinkRequest { expires_at, max_uses, invitation: None }
}

impl Scene {
    async fn link(&self, uses: u16) -> NewGuestLink {
        let until = self.office.clock.unix().plus(HOUR * 3);
        self.office.accounts.create_guest_link(actor(&self.host), self.seat, request(until, uses)).await.unwrap()
    }

    async fn open(&self, link: &NewGuestLink) -> Result<GuestOpened, AccountsError> {
        self.office.accounts.open_guest_link(link.token.reveal(), Device::default()).await
    }
}

#[tokio::test]
async fn a_guest_link_opens_a_session_of_its_seat_as_often_as_it_may() {
    let scene = scene().await;
    let link = scene.link(2).await;
    for _ in 0..2 {
        let opened = scene.open(&link).await.unwrap();
        assert_eq!((opened.seat, opened.appointment), (scene.seat, scene.appointment));
        let session = scene.office.resolve(&opened.session.token).await.unwrap();
        assert_eq!(session.actor, Actor::Guest(scene.seat));
    }
    refused(scene.open(&link).await, "link_used");
    let listed = scene.office.accounts.guest_links(actor(&scene.host), scene.appointment).await.unwrap();
    assert_eq!((listed[0].id, listed[0].uses, listed[0].max_uses), (link.id, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_at_once_are_counted_one_by_one() {
    let scene = Arc::new(scene().await);
    let link = Arc::new(scene.link(5).await);
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let (scene, link) = (Arc::clone(&scene), Arc::clone(&link));
        tasks.push(tokio::spawn(async move { scene.open(&link).await }));
    }
    let mut opened = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => opened += 1,
            refusal => refused(refusal, "link_used"),
        }
    }
    assert_eq!((opened, scene.office.count("sessions").await), (5, 5));
}

#[tokio::test]
async fn expiry_revocation_removal_and_the_end_of_the_appointment_each_close_a_link() {
    let scene = scene().await;
    let office = &scene.office;
    refused(office.accounts.open_guest_link("rubbish", Device::default()).await, "link_invalid");

    let (kept, revoked) = (scene.link(9).await, scene.link(9).await);
    let session = scene.open(&revoked).await.unwrap().session;
    office.accounts.revoke_guest_link(actor(&scene.host), revoked.id).await.unwrap();
    refused(scene.open(&revoked).await, "link_invalid");
    refused(office.resolve(&session.token).await, "session_expired");
    // Once more is no mistake, and signs nobody out.
    let session = scene.open(&kept).await.unwrap().session;
    office.accounts.revoke_guest_link(actor(&scene.host), revoked.id).await.unwrap();
    office.resolve(&session.token).await.unwrap();

    office.sql(&format!("UPDATE seats SET removed_at = {T0} WHERE id = '{}'", scene.seat)).await;
    refused(scene.open(&kept).await, "link_invalid");
    refused(office.resolve(&session.token).await, "session_expired");
    office.sql(&format!("UPDATE seats SET removed_at = NULL WHERE id = '{}'", scene.seat)).await;

    office.set_status(scene.appointment, "cancelled").await;
    refused(scene.open(&kept).await, "link_invalid");
    refused(office.resolve(&session.token).await, "session_expired");
}

#[tokio::test]
async fn a_link_expires_by_the_clock_and_its_session_by_the_longest_extension() {
    let scene = scene().await;
    let link = scene.link(9).await;
    scene.office.clock.advance(HOUR * 3 - Duration::from_millis(1));
    let session = scene.open(&link).await.unwrap().session;
    scene.office.clock.advance(Duration::from_millis(1));
    refused(scene.open(&link).await, "link_invalid");
    let resolved = scene.office.resolve(&session.token).await.unwrap();
    assert_eq!(resolved.expires_at, UnixTime(T0).plus(HOUR * 11));
    scene.office.clock.advance(HOUR * 8 - Duration::from_millis(1));
    assert_eq!(scene.office.resolve(&session.token).await.unwrap().expires_at, resolved.expires_at);
    scene.office.clock.advance(Duration::from_millis(1));
    refused(scene.office.resolve(&session.token).await, "session_expired");
    scene.office.clock.advance(DAY * 30);
    assert_eq!(scene.office.accounts.sweep().await.unwrap().guest_links, 1);
}

#[tokio::test]
async fn hosts_and_administrators_make_links_and_nobody_else() {
    let scene = scene().await;
    let office = &scene.office;
    let until = office.clock.unix().plus(HOUR);
    let (other, admin) = (office.person("other", Role::Expert).await, office.person("root", Role::Admin).await);
    let ada = office.accounts.person_by_email(Actor::System, "ada@example.org").await.unwrap();
    for stranger in [actor(&other), actor(&ada)] {
        refused(office.accounts.create_guest_link(stranger, scene.seat, request(until, 1)).await, "not_found");
    }
    refused(
        office.accounts.create_guest_link(Actor::Guest(scene.seat), scene.seat, request(until, 1)).await,
        "wrong_role",
    );
    let link = office.accounts.create_guest_link(actor(&admin), scene.seat, request(until, 1)).await.unwrap();
    refused(office.accounts.revoke_guest_link(actor(&ada), link.id).await, "not_found");
    refused(office.accounts.revoke_guest_link(Actor::Guest(scene.seat), link.id).await, "not_found");
    assert!(office.accounts.guest_links(actor(&ada), scene.appointment).await.unwrap().is_empty());
    assert_eq!(office.accounts.guest_links(actor(&scene.host), scene.appointment).await.unwrap().len(), 1);
}

#[tokio::test]
async fn links_are_for_guests_seats_within_bounds() {
    let scene = scene().await;
    let (office, host) = (&scene.office, actor(&scene.host));
    let (now, until) = (office.clock.unix(), office.clock.unix().plus(HOUR));
    let seat: String = office.value("SELECT id FROM seats WHERE role = 'client'").await;
    let result = office.accounts.create_guest_link(host, seat.parse().unwrap(), request(until, 1)).await;
    refused(result, "not_a_guest_seat");
    refused(office.accounts.create_guest_link(host, scene.seat, request(now, 1)).await, "invalid_expiry");
    for uses in [0, 1001] {
        refused(office.accounts.create_guest_link(host, scene.seat, request(until, uses)).await, "invalid_uses");
    }
    for _ in 0..10 {
        scene.link(1).await;
    }
    refused(office.accounts.create_guest_link(host, scene.seat, request(until, 1)).await, "too_many_links");
    office.set_status(scene.appointment, "cancelled").await;
    refused(office.accounts.create_guest_link(host, scene.seat, request(until, 1)).await, "not_a_guest_seat");
}

#[tokio::test]
async fn guests_sign_out() {
    let scene = scene().await;
    let link = scene.link(2).await;
    let (one, two) = (scene.open(&link).await.unwrap().session, scene.open(&link).await.unwrap().session);
    scene.office.accounts.sign_out(Actor::Guest(scene.seat), one.id).await.unwrap();
    refused(scene.office.resolve(&one.token).await, "session_expired");
    scene.office.resolve(&two.token).await.unwrap();
    assert!(scene.office.accounts.sessions(Actor::Guest(scene.seat)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_link_goes_by_mail_where_that_is_wanted_and_not_after_it_was_revoked() {
    let scene = scene().await;
    let (office, host) = (&scene.office, actor(&scene.host));
    let invitation = GuestInvitation { locale: "de".into(), tz: "Europe/Rome".into(), message: "Come in".into() };
    let by_mail = GuestLinkRequest { invitation: Some(invitation), ..request(office.clock.unix().plus(HOUR), 1) };
    let link = office.accounts.create_guest_link(host, scene.seat, by_mail.clone()).await.unwrap();
    let mail = office.last_mail("guest_invitation").await;
    assert_eq!(mail["token"], link.token.reveal());
    assert_eq!((mail["email"].as_str(), mail["name"].as_str()), (Some("gast@example.org"), Some("Gast")));
    office.accounts.revoke_guest_link(host, link.id).await.unwrap();
    assert!(office.last_mail("guest_invitation").await.get("token").is_none());
    assert_eq!(office.value::<String>("SELECT state FROM outbox").await, "dropped");
    let nowhere = office.guest_seat(scene.appointment, "Nobody", "").await;
    refused(office.accounts.create_guest_link(host, nowhere, by_mail).await, "invalid_email");
}

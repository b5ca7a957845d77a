//! Export and erasure.

use super::*;
use crate::accounts::erasure::ERASED_NAME;

/// A customer with traces in every table that holds some, and with nothing ahead.
async fn traces(office: &Office) -> (Person, Person, AppointmentId) {
    let (ada, bob) = (office.signed_in("ada", Role::Customer).await.person, office.person("bob", Role::Expert).await);
    let changes = ProfileChanges { phone: Some(Some("+390471123456".into())), ..ProfileChanges::default() };
    office.accounts.update(actor(&ada), ada.id, changes).await.unwrap();
    let appointment = office.book(&ada, &bob, -2, "approved").await;
    office.set_status(appointment, "completed").await;
    let (ada_id, bob_id) = (ada.id, bob.id);
    let guest = office.guest_seat(appointment, "Ada as a guest", "ADA@example.org").await;
    office.guest_seat(appointment, "Grandma", "gran@example.org").await;
    office
        .sql(&format!(
            "INSERT INTO call_logs (id, room_name, participant_identity, participant_name, user_id, started_at,
               created_at, updated_at, appointment_id, seat_id, seat_role, participant_sid, heartbeat_at)
             SELECT 'log-' || role, 'room', id, 'ada of Example', user_id, {T0}, {T0}, {T0}, appointment_id, id, role,
               'PA_' || id, {T0} FROM seats WHERE user_id = '{ada_id}' OR id = '{guest}';
             INSERT INTO call_quality (call_log_id, minute, rtt_ms) VALUES ('log-client', 0, 40);
             UPDATE call_logs SET ended_at = {T0} + 65000, end_reason = 'client_left';
             INSERT INTO messages (id, appointment_id, stream_id, seat_id, identity, name, body, sent_at)
               SELECT 'msg-' || role || rowid, appointment_id, id, id, id,
                 CASE role WHEN 'host' THEN 'bob' ELSE 'ada' END || ' of Example', 'hello', {T0} FROM seats
               WHERE role IN ('client', 'host') OR id = '{guest}';
             INSERT INTO files (id, appointment_id, seat_id, name, content_type, size, sha256, created_at)
               SELECT 'file', appointment_id, id, 'x-ray.png', 'image/png', 9, 'abc', {T0} FROM seats
               WHERE user_id = '{ada_id}';
             INSERT INTO consents (seat_id, version, text, agreed_at)
               SELECT id, 'booking-1', 'I, ada, agree', {T0} FROM seats WHERE user_id = '{ada_id}';
             INSERT INTO notes (id, appointment_id, author_id, body, visibility, created_at, updated_at) VALUES
               ('mine', '{appointment}', '{ada_id}', 'private thoughts', 'private', {T0}, {T0}),
               ('shared', '{appointment}', '{ada_id}', 'for both', 'shared', {T0}, {T0}),
               ('his', '{appointment}', '{bob_id}', 'about her', 'private', {T0}, {T0});
             INSERT INTO ratings VALUES ('{appointment}', '{ada_id}', 5, 'he saved me', {T0});
             INSERT INTO push_subscriptions VALUES ('push', '{ada_id}', 'https://push.example.org/1', 'k', 'a', {T0});
             INSERT INTO events (at, user_id, kind, data) VALUES ({T0}, '{ada_id}', 'approved', '{{\"n\":1}}');
             INSERT INTO outbox (id, channel, dedupe_key, user_id, payload, due_at, created_at) VALUES
               ('out', 'sms', 'k', '{ada_id}', '{{\"kind\":\"reminder\",\"to\":\"+390471123456\"}}', {T0}, {T0});"
        ))
        .await;
    office.accounts.send(crate::accounts::links::LinkKind::Reset, "ada@example.org".parse().unwrap()).await.unwrap();
    (ada, bob, appointment)
}

#[tokio::test]
async fn an_export_holds_everything_about_the_person_and_no_secret() {
    let office = Office::new();
    let (ada, bob, appointment) = traces(&office).await;
    refused(office.accounts.export(actor(&bob), ada.id).await, "wrong_role");
    let export = office.accounts.export(actor(&ada), ada.id).await.unwrap();
    assert_eq!(export["profile"]["email"], "ada@example.org");
    assert_eq!(export["profile"]["created_at"], "2027-01-15T08:00:00Z");
    assert_eq!(export["appointments"][0]["id"], appointment.to_string());
    assert_eq!(export["appointments"][0]["customer_note"], "my secret trouble");
    assert_eq!(export["call_logs"][0]["duration_seconds"], 65);
    for part in [
        "sessions",
        "links",
        "appointments",
        "seats",
        "consents",
        "call_logs",
        "call_quality",
        "messages",
        "files",
        "ratings",
        "push_subscriptions",
        "events",
    ] {
        assert_eq!(export[part].as_array().unwrap().len(), 1, "{part}: {}", export[part]);
    }
    assert_eq!(export["notes"].as_array().unwrap().len(), 2);
    assert_eq!(export["notifications"].as_array().unwrap().len(), 2);
    assert_eq!(export["events"][0]["data"]["n"], 1);
    let audit = export["audit"].as_array().unwrap();
    assert!(audit.iter().any(|row| row["action"] == "user.exported" && row["happened_at"] == "2027-01-15T08:00:00Z"));

    let text = export.to_string();
    for secret in ["argon2", "about her", "0123456789abcdef", &office.token("password_reset").await] {
        assert!(!text.contains(secret), "{secret}");
    }
    let hashes = "SELECT group_concat(token_hash) FROM (SELECT token_hash FROM sessions UNION SELECT token_hash FROM login_tokens)";
    for hash in office.value::<String>(hashes).await.split(',') {
        assert!(!text.contains(hash));
    }
    // For the expert: what is the customer's own is not in it.
    let export = office.accounts.export(Actor::System, bob.id).await.unwrap();
    assert_eq!(export["appointments"][0]["customer_note"], Value::Null);
    assert_eq!(export["services"][0]["title"], "Advice");
    assert_eq!(export["notes"][0]["body"], "about her");
}

#[tokio::test]
async fn every_table_that_names_a_person_is_in_the_export_or_known_not_to_be() {
    let office = Office::new();
    let tables: String = office
        .value(
            "SELECT group_concat(DISTINCT m.name) FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
             WHERE m.type = 'table' AND f.\"table\" IN ('users', 'seats')",
        )
        .await;
    // A webhook belongs to the installation, whoever set it up.
    let elsewhere = ["webhooks"];
    for table in tables.split(',').filter(|table| !elsewhere.contains(table)) {
        let view = format!("system_{table} ");
        let exported = include_str!("../export.rs").replace('\n', " ").contains(&view);
        assert!(exported, "{table} is not exported");
    }
}

#[tokio::test]
async fn an_erased_person_is_nowhere_to_be_found_and_the_facts_remain() {
    let office = Office::new();
    let (ada, bob, appointment) = traces(&office).await;
    refused(office.accounts.erase(actor(&bob), ada.id).await, "wrong_role");
    office.accounts.erase(actor(&ada), ada.id).await.unwrap();

    let person = office.accounts.person(Actor::System, ada.id).await.unwrap();
    assert_eq!((person.name.as_str(), person.status), (ERASED_NAME, Status::Erased));
    assert_eq!(person.email, format!("erased-{}@invalid", ada.id));
    assert!(person.phone.is_none() && !person.has_password);
    let everywhere = dump(&office).await;
    for trace in [
        "ada@example.org",
        "ADA@example.org",
        "ada of Example",
        "Ada as a guest",
        "390471123456",
        "secret trouble",
        "private thoughts",
        "he saved me",
        "x-ray.png",
        "push.example.org",
    ] {
        assert!(!everywhere.contains(trace), "{trace} is left");
    }
    for fact in ["Grandma", "about her", "for both", "bob of Example"] {
        assert!(everywhere.contains(fact), "{fact} is gone");
    }
    assert_eq!(office.value::<i64>("SELECT count(*) FROM files WHERE deleted_at IS NULL").await, 0);
    assert_eq!(office.value::<i64>("SELECT sum(duration_seconds) FROM call_logs").await, 130);
    assert_eq!(office.value::<i64>("SELECT stars FROM ratings").await, 5);
    for table in ["sessions", "login_tokens", "push_subscriptions", "events"] {
        assert_eq!(office.count(table).await, 0, "{table}");
    }
    assert_eq!(office.value::<i64>("SELECT count(*) FROM outbox WHERE state = 'due'").await, 0);
    let seen = format!("SELECT customer_id FROM appointments WHERE id = '{appointment}'");
    assert_eq!(office.value::<String>(&seen).await, ada.id.to_string());

    refused(office.accounts.sign_in("ada@example.org", PASSWORD, Device::default()).await, "invalid_credentials");
    refused(office.accounts.erase(Actor::System, ada.id).await, "not_found");
    refused(office.accounts.enable(Actor::System, ada.id).await, "not_found");
    // The address is free again, for another account.
    office.accounts.register(new_person("ada", Role::Customer), Device::default()).await.unwrap();
}

#[tokio::test]
async fn an_erased_expert_offers_nothing_any_more() {
    let office = Office::new();
    let (_, bob, _) = traces(&office).await;
    office
        .sql(&format!(
            "INSERT INTO expert_profiles (user_id, slug, headline, bio, published, updated_at)
               VALUES ('{0}', 'bob-the-wise', 'Wise', 'Bob knows', 1, {T0});
             INSERT INTO availability_rules (expert_id, weekday, from_min, to_min, tz) VALUES ('{0}', 1, 0, 60, 'UTC');
             INSERT INTO availability_exceptions (expert_id, date, kind, tz, note)
               VALUES ('{0}', '2027-01-01', 'closed', 'UTC', 'in hospital')",
            bob.id
        ))
        .await;
    office.accounts.erase(Actor::System, bob.id).await.unwrap();
    let everywhere = dump(&office).await;
    for trace in ["bob-the-wise", "Bob knows", "in hospital", "about her", "bob of Example"] {
        assert!(!everywhere.contains(trace), "{trace} is left");
    }
    assert_eq!(office.value::<i64>("SELECT count(*) FROM services WHERE active = 1").await, 0);
}

#[tokio::test]
async fn whoever_has_consultations_ahead_is_not_erased_nor_is_who_sits_in_one() {
    let office = Office::new();
    let (ada, bob) = (office.person("ada", Role::Customer).await, office.person("bob", Role::Expert).await);
    let third = office.person("third", Role::Customer).await;
    let appointment = office.book(&ada, &bob, 1, "pending").await;
    let seat = SeatId::new(UnixTime(T0), &mut rand::rng());
    office
        .sql(&format!(
            "INSERT INTO seats (id, appointment_id, user_id, role, created_at)
             VALUES ('{seat}', '{appointment}', '{}', 'interpreter', {T0})",
            third.id
        ))
        .await;
    for person in [&ada, &bob, &third] {
        refused(office.accounts.erase(Actor::System, person.id).await, "has_appointments");
    }
    office.sql(&format!("UPDATE seats SET removed_at = {T0} WHERE id = '{seat}'")).await;
    office.accounts.erase(Actor::System, third.id).await.unwrap();
    office.set_status(appointment, "cancelled").await;
    office.accounts.erase(Actor::System, ada.id).await.unwrap();
}

#[tokio::test]
async fn only_an_erased_persons_words_leave_a_rating_and_names_leave_a_closed_call() {
    let office = Office::new();
    let (ada, ..) = traces(&office).await;
    let refusal = async |sql: &str| match office.try_sql(sql).await {
        Err(StoreError::Refused(word)) => word,
        other => panic!("{other:?}: {sql}"),
    };
    assert_eq!(refusal("UPDATE ratings SET comment = ''").await, "rated_already");
    assert_eq!(refusal("UPDATE call_logs SET participant_name = 'Erased person'").await, "call_log_closed");
    office.accounts.erase(Actor::System, ada.id).await.unwrap();
    assert_eq!(refusal("UPDATE ratings SET stars = 1, comment = ''").await, "rated_already");
    assert_eq!(refusal("UPDATE ratings SET comment = 'he did not'").await, "rated_already");
    assert_eq!(refusal("UPDATE call_logs SET participant_name = 'Somebody'").await, "call_log_closed");
}

/// Every text of every table.
async fn dump(office: &Office) -> String {
    let dump = |tx: &mut crate::store::Tx<'_>| -> Result<String, StoreError> {
        let mut statement =
            tx.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
        let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut text = String::new();
        for table in tables {
            let mut statement = tx.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    text.push_str(row.get_ref(column)?.as_str().unwrap_or_default());
                    text.push('\n');
                }
            }
        }
        Ok(text)
    };
    office.store.write(dump).await.unwrap()
}

//! Everything that is held about a person, for the person to take along.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row};
use serde_json::{Map, Value, json};

use super::{Accounts, AccountsError, require_self_or_admin, subject};
use crate::ids::UserId;
use crate::store::{Actor, Reader, Tx};
use crate::units::{UnixTime, rfc3339};

/// Each part with the query that finds it. Secrets and their hashes are in none, nor what others wrote in confidence.
const PARTS: &[(&str, &str)] = &[
    (
        "expert_profile",
        "SELECT slug, headline, bio, specialities, languages, published, rating_sum, rating_count, updated_at
         FROM system_expert_profiles WHERE user_id = ?1",
    ),
    (
        "services",
        "SELECT id, title, description, duration_min, capacity, active, created_at, updated_at
         FROM system_services WHERE expert_id = ?1 ORDER BY id",
    ),
    (
        "availability_rules",
        "SELECT weekday, from_min, to_min, tz, valid_from, valid_to FROM system_availability_rules
         WHERE expert_id = ?1 ORDER BY id",
    ),
    (
        "availability_exceptions",
        "SELECT date, kind, from_min, to_min, tz, note FROM system_availability_exceptions
         WHERE expert_id = ?1 ORDER BY id",
    ),
    (
        "sessions",
        "SELECT id, user_agent, address, created_at, last_seen_at, expires_at, revoked_at FROM system_sessions
         WHERE user_id = ?1 ORDER BY id",
    ),
    (
        "links",
        "SELECT kind, email, created_at, expires_at, used_at FROM system_login_tokens WHERE user_id = ?1 ORDER BY id",
    ),
    (
        "appointments",
        "SELECT a.id, a.title, a.starts_at, a.ends_at, a.tz, a.status, e.name AS expert,
           CASE WHEN a.capacity = 1 OR ?1 IN (a.customer_id, a.expert_id) THEN c.name END AS customer,
           CASE WHEN a.customer_id = ?1 THEN a.customer_note END AS customer_note, a.decision_message,
           a.cancelled_by, a.proposed_starts_at, a.proposed_ends_at,
           CASE WHEN a.proposed_by = ?1 THEN a.proposed_message END AS proposed_message,
           a.in_progress_at, a.completed_at, a.no_show, a.created_at, a.updated_at
         FROM system_appointments a JOIN system_users e ON e.id = a.expert_id JOIN system_users c ON c.id = a.customer_id
         WHERE a.expert_id = ?1 OR a.customer_id = ?1
           OR a.id IN (SELECT appointment_id FROM system_seats WHERE user_id = ?1) ORDER BY a.id",
    ),
    (
        "seats",
        "SELECT id, appointment_id, role, publish_audio, publish_video, publish_screen, publish_data, note,
           admitted_at, waiting_since, waiting_seen_at, waited_ms, removed_at, created_at
         FROM system_seats WHERE user_id = ?1 ORDER BY created_at, id",
    ),
    (
        "consents",
        "SELECT s.appointment_id, c.version, c.text, c.agreed_at
         FROM system_consents c JOIN system_seats s ON s.id = c.seat_id WHERE s.user_id = ?1 ORDER BY c.id",
    ),
    (
        "call_logs",
        "SELECT id, appointment_id, room_name, participant_identity, participant_name, seat_role, started_at, ended_at,
           duration_seconds, end_reason
         FROM system_call_logs WHERE user_id = ?1 ORDER BY started_at, id",
    ),
    (
        "call_quality",
        "SELECT q.* FROM system_call_quality q
         WHERE q.call_log_id IN (SELECT id FROM system_call_logs WHERE user_id = ?1) ORDER BY q.call_log_id, q.minute",
    ),
    (
        "room_tokens",
        "SELECT room_name, identity, issued_at, used_at, revoked_at FROM system_room_tokens
         WHERE seat_id IN (SELECT id FROM system_seats WHERE user_id = ?1) ORDER BY issued_at",
    ),
    (
        "messages",
        "SELECT id, appointment_id, name, body, reply_to, sent_at, edited_at, deleted_at FROM system_messages
         WHERE seat_id IN (SELECT id FROM system_seats WHERE user_id = ?1) ORDER BY sent_at, id",
    ),
    (
        "files",
        "SELECT id, appointment_id, name, content_type, size, sha256, created_at, deleted_at FROM system_files
         WHERE seat_id IN (SELECT id FROM system_seats WHERE user_id = ?1) ORDER BY created_at, id",
    ),
    (
        "notes",
        "SELECT id, appointment_id, body, visibility, created_at, updated_at FROM system_notes
         WHERE author_id = ?1 ORDER BY id",
    ),
    (
        "ratings",
        "SELECT appointment_id, stars, comment, created_at FROM system_ratings WHERE user_id = ?1 ORDER BY created_at",
    ),
    (
        "guest_links",
        "SELECT id, seat_id, created_at, expires_at, max_uses, uses, revoked_at FROM system_guest_links
         WHERE created_by = ?1 ORDER BY id",
    ),
    (
        "push_subscriptions",
        "SELECT id, endpoint, created_at FROM system_push_subscriptions WHERE user_id = ?1 ORDER BY id",
    ),
    (
        "notifications",
        "SELECT id, channel, json_extract(payload, '$.kind') AS kind, appointment_id, due_at, state, attempts, created_at,
           done_at
         FROM system_outbox WHERE user_id = ?1 ORDER BY id",
    ),
    ("events", "SELECT at AS happened_at, kind, data FROM system_events WHERE user_id = ?1 ORDER BY seq"),
    (
        "audit",
        "SELECT at AS happened_at, actor, action, subject, detail FROM system_audit_log
         WHERE subject = 'user:' || ?1 OR actor = 'user:' || ?1 ORDER BY seq",
    ),
];

const PROFILE: &str =
    "SELECT id, email, name, role, status, tz, locale, phone, password_hash IS NOT NULL AS has_password,
    email_verified_at, oidc_subject, reminders_by_mail, reminders_by_sms, quiet_from_min, quiet_to_min,
    feed_token_hash IS NOT NULL AS has_feed, created_at, updated_at FROM system_users WHERE id = ?1";

/// Columns that hold JSON.
const JSON: &[&str] = &["specialities", "languages", "data", "detail"];

impl Accounts {
    /// Everything that is held about a person: an object of the `profile` and a list for each other kind of record.
    /// Times are RFC 3339 in UTC.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`].
    pub async fn export(&self, actor: Actor, user: UserId) -> Result<Value, AccountsError> {
        require_self_or_admin(actor, user)?;
        let now = self.now();
        let note = move |tx: &mut Tx<'_>| tx.audit(now, actor, "user.exported", &subject(user), &json!({}));
        self.store().write(note).await?;
        self.store().read(Actor::System, move |reader| export(reader, user)).await
    }
}

fn export(reader: &Reader<'_>, user: UserId) -> Result<Value, AccountsError> {
    let mut statement = reader.prepare_cached(PROFILE)?;
    let names = columns(&statement);
    let profile = statement.query_row([user], |row| object(row, &names)).optional()?.ok_or(AccountsError::NotFound)?;
    let mut all = Map::from_iter([("profile".to_owned(), profile)]);
    for (part, sql) in PARTS {
        let mut statement = reader.prepare(sql)?;
        let names = columns(&statement);
        let rows: Vec<Value> = statement.query_map([user], |row| object(row, &names))?.collect::<Result<_, _>>()?;
        all.insert((*part).to_owned(), Value::Array(rows));
    }
    Ok(Value::Object(all))
}

fn columns(statement: &rusqlite::Statement<'_>) -> Vec<String> {
    statement.column_names().into_iter().map(str::to_owned).collect()
}

fn object(row: &Row<'_>, names: &[String]) -> rusqlite::Result<Value> {
    let mut fields = Map::new();
    for (at, name) in names.iter().enumerate() {
        fields.insert(name.clone(), value(name, row.get_ref(at)?));
    }
    Ok(Value::Object(fields))
}

fn value(column: &str, value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(millis) if column.ends_with("_at") || column.ends_with("_since") => {
            rfc3339::format(UnixTime(millis)).into()
        }
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) if JSON.contains(&column) => serde_json::from_slice(text).unwrap_or_default(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(_) => Value::Null,
    }
}

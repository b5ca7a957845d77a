-- What a reader sees. Base tables are closed to readers by the authorizer (`read.rs`); each view shows the rows of the
-- actor that `actor_kind()` and `actor_id()` name. Views that begin with `system_` are made for every base table
-- besides, and show rows to the server itself only. Each names a column in its condition: SQLite asks the authorizer
-- about a table of which no column is used as if there were no view.

-- Whoever has or had a part in an appointment, and administrators. What its customer wrote is for the two sides, and
-- in a group so is who that is.
CREATE TEMP VIEW my_appointments AS
SELECT a.id, a.customer_id, a.expert_id, a.service_id, a.title, a.starts_at, a.ends_at, a.busy_from, a.busy_to, a.tz,
  a.status, a.capacity, a.meeting_room_name, a.meeting_url, a.ical_uid, a.ical_sequence, a.hold_expires_at, a.lobby,
  a.keep_chat, a.open_before_min, a.close_after_min, a.close_anchor, a.extended_min, a.extensions, a.opened_at,
  CASE WHEN actor_kind() IN ('admin', 'system') OR actor_id() IN (a.expert_id, a.customer_id) THEN a.customer_note ELSE '' END
    AS customer_note,
  a.decision_message, a.cancelled_by, a.proposed_starts_at, a.proposed_ends_at, a.proposed_by,
  a.proposed_message, a.in_progress_at, a.emptied_at, a.completed_at, a.no_show, a.version, a.created_at, a.updated_at,
  CASE WHEN a.capacity = 1 OR actor_kind() IN ('admin', 'system') OR actor_id() IN (a.expert_id, a.customer_id) THEN c.name
    ELSE '' END AS customer_name,
  e.name AS expert_name
FROM main.appointments a JOIN main.users c ON c.id = a.customer_id JOIN main.users e ON e.id = a.expert_id
WHERE actor_kind() IN ('admin', 'system') OR a.expert_id = actor_id() OR a.customer_id = actor_id()
  OR EXISTS (SELECT 1 FROM main.seats s WHERE s.appointment_id = a.id AND s.removed_at IS NULL
    AND (s.user_id = actor_id() OR (actor_kind() = 'guest' AND s.id = actor_id())));

CREATE TEMP VIEW my_seats AS
SELECT s.id, s.appointment_id, s.user_id, coalesce(u.name, s.guest_name) AS name, s.role, s.publish_audio,
  s.publish_video, s.publish_screen, s.publish_data,
  CASE WHEN actor_kind() IN ('admin', 'system') OR s.user_id = actor_id()
    OR EXISTS (SELECT 1 FROM main.appointments a WHERE a.id = s.appointment_id AND a.expert_id = actor_id())
    THEN s.note ELSE '' END AS note,
  s.admitted_at, s.waiting_since, s.waiting_seen_at, s.waited_ms, s.removed_at, s.invited_by, s.created_at,
  s.user_id IS NULL AS is_guest
FROM main.seats s LEFT JOIN main.users u ON u.id = s.user_id
WHERE actor_kind() IN ('admin', 'system') OR s.user_id = actor_id() OR (actor_kind() = 'guest' AND s.id = actor_id())
  OR EXISTS (SELECT 1 FROM my_appointments a WHERE a.id = s.appointment_id);

-- What a customer agreed to: the customer's own, and for whom it was given.
CREATE TEMP VIEW my_consents AS
SELECT c.id, c.seat_id, s.appointment_id, c.version, c.text, c.agreed_at
FROM main.consents c JOIN main.seats s ON s.id = c.seat_id
WHERE actor_kind() IN ('admin', 'system') OR (actor_kind() <> 'guest' AND (s.user_id = actor_id()
  OR EXISTS (SELECT 1 FROM main.appointments a WHERE a.id = s.appointment_id AND a.expert_id = actor_id())));

-- When experts are not free, and why not is nobody's business. What is only held is free again when the hold lapses.
CREATE TEMP VIEW public_busy AS
SELECT expert_id, busy_from, busy_to, CASE WHEN status = 'hold' THEN hold_expires_at END AS lapses_at
FROM main.appointments
WHERE status IN ('hold', 'pending', 'approved', 'in_progress');

-- Group sessions with the seats that are left in them.
CREATE TEMP VIEW public_sessions AS
SELECT a.id, a.expert_id, a.service_id, a.starts_at, a.ends_at, a.busy_from, a.busy_to,
  a.capacity - (SELECT count(*) FROM main.seats s
    WHERE s.appointment_id = a.id AND s.role = 'client' AND s.removed_at IS NULL) AS seats_left
FROM main.appointments a
WHERE a.capacity > 1 AND a.status IN ('pending', 'approved', 'in_progress');

CREATE TEMP VIEW public_experts AS
SELECT u.id, u.name, u.tz, p.slug, p.headline, p.bio, p.specialities, p.languages, p.rating_sum, p.rating_count
FROM main.users u JOIN main.expert_profiles p ON p.user_id = u.id
WHERE u.role = 'expert' AND u.status = 'active' AND p.published = 1;

CREATE TEMP VIEW my_expert_profiles AS
SELECT * FROM main.expert_profiles WHERE actor_kind() IN ('admin', 'system') OR user_id = actor_id();

-- Services on offer, and one's own whatever their state.
CREATE TEMP VIEW my_services AS
SELECT s.* FROM main.services s
WHERE actor_kind() IN ('admin', 'system') OR s.expert_id = actor_id()
  OR (s.active = 1 AND EXISTS (SELECT 1 FROM public_experts e WHERE e.id = s.expert_id));

-- What a service asks of whoever has booked it, also when it is offered no more.
CREATE TEMP VIEW my_terms AS
SELECT a.id AS appointment_id, s.cancel_notice_min, s.reschedule_notice_min
FROM my_appointments a JOIN main.services s ON s.id = a.service_id;

CREATE TEMP VIEW public_rules AS
SELECT id, expert_id, weekday, from_min, to_min, tz, valid_from, valid_to FROM main.availability_rules;
CREATE TEMP VIEW public_exceptions AS
SELECT id, expert_id, date, kind, from_min, to_min, tz,
  CASE WHEN actor_kind() IN ('admin', 'system') OR expert_id = actor_id() THEN note ELSE '' END AS note
FROM main.availability_exceptions;

CREATE TEMP VIEW my_users AS
SELECT id, email, name, role, status, tz, locale, phone, password_hash IS NOT NULL AS has_password, email_verified_at,
  reminders_by_mail, reminders_by_sms, quiet_from_min, quiet_to_min, feed_token_hash IS NOT NULL AS has_feed, version,
  created_at, updated_at
FROM main.users WHERE actor_kind() IN ('admin', 'system') OR (actor_kind() <> 'guest' AND id = actor_id());

CREATE TEMP VIEW my_sessions AS
SELECT id, user_id, user_agent, address, created_at, last_seen_at, expires_at
FROM main.sessions WHERE revoked_at IS NULL AND actor_kind() <> 'guest' AND user_id = actor_id();

CREATE TEMP VIEW my_push_subscriptions AS
SELECT id, user_id, endpoint, created_at FROM main.push_subscriptions
WHERE actor_kind() <> 'guest' AND user_id = actor_id();

CREATE TEMP VIEW my_guest_links AS
SELECT g.id, g.seat_id, s.appointment_id, g.created_by, g.created_at, g.expires_at, g.max_uses, g.uses, g.revoked_at
FROM main.guest_links g JOIN main.seats s ON s.id = g.seat_id JOIN main.appointments a ON a.id = s.appointment_id
WHERE actor_kind() IN ('admin', 'system') OR g.created_by = actor_id() OR a.expert_id = actor_id();

-- One's own calls; an expert's also those of others in their consultations.
CREATE TEMP VIEW my_call_logs AS
SELECT l.* FROM main.call_logs l
WHERE actor_kind() IN ('admin', 'system')
  OR (actor_kind() <> 'guest' AND (l.user_id = actor_id()
    OR EXISTS (SELECT 1 FROM main.appointments a WHERE a.id = l.appointment_id AND a.expert_id = actor_id())));

CREATE TEMP VIEW my_call_quality AS
SELECT q.*, l.appointment_id, l.seat_id, l.participant_name, l.user_id
FROM main.call_quality q JOIN my_call_logs l ON l.id = q.call_log_id;

CREATE TEMP VIEW my_messages AS
SELECT m.* FROM main.messages m
WHERE EXISTS (SELECT 1 FROM my_appointments a WHERE a.id = m.appointment_id);

CREATE TEMP VIEW my_files AS
SELECT f.* FROM main.files f
WHERE f.deleted_at IS NULL AND EXISTS (SELECT 1 FROM my_appointments a WHERE a.id = f.appointment_id);

-- A private note is its author's alone.
CREATE TEMP VIEW my_notes AS
SELECT n.*, u.name AS author_name FROM main.notes n JOIN main.users u ON u.id = n.author_id
WHERE n.author_id = actor_id() OR actor_kind() = 'system'
  OR (n.visibility = 'shared' AND EXISTS (SELECT 1 FROM my_appointments a WHERE a.id = n.appointment_id));

CREATE TEMP VIEW my_ratings AS
SELECT r.* FROM main.ratings r
WHERE actor_kind() IN ('admin', 'system') OR r.user_id = actor_id()
  OR EXISTS (SELECT 1 FROM main.appointments a WHERE a.id = r.appointment_id AND a.expert_id = actor_id());

CREATE TEMP VIEW my_events AS
SELECT seq, at, kind, data FROM main.events
WHERE (actor_kind() = 'guest' AND seat_id = actor_id()) OR (actor_kind() <> 'guest' AND user_id = actor_id());

-- For administrators. What a message says may hold links that sign in, so it is not among this.
CREATE TEMP VIEW admin_outbox AS
SELECT id, channel, dedupe_key, user_id, appointment_id, json_extract(payload, '$.kind') AS kind, due_at, state, attempts,
  last_error, created_at, done_at
FROM main.outbox WHERE typeof(created_at) <> '' AND actor_kind() IN ('admin', 'system');
CREATE TEMP VIEW admin_webhooks AS
SELECT id, url, events, active, created_by, created_at, updated_at FROM main.webhooks
WHERE typeof(created_at) <> '' AND actor_kind() IN ('admin', 'system');
CREATE TEMP VIEW admin_webhook_deliveries AS
SELECT * FROM main.webhook_deliveries WHERE typeof(created_at) <> '' AND actor_kind() IN ('admin', 'system');
CREATE TEMP VIEW admin_audit_log AS
SELECT * FROM main.audit_log WHERE typeof(at) <> '' AND actor_kind() IN ('admin', 'system');
CREATE TEMP VIEW admin_retention_policies AS
SELECT * FROM main.retention_policies WHERE typeof(keep_days) <> '' AND actor_kind() IN ('admin', 'system');
CREATE TEMP VIEW public_settings AS
SELECT * FROM main.settings
WHERE key LIKE 'branding.%' OR actor_kind() = 'system' OR (actor_kind() = 'admin' AND key NOT LIKE 'secret.%');

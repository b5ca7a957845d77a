-- What experts offer and when, and the consultations that follow from it.

CREATE TABLE services (
  id TEXT PRIMARY KEY,
  expert_id TEXT NOT NULL REFERENCES users (id),
  title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description TEXT NOT NULL DEFAULT '',
  duration_min INTEGER NOT NULL CHECK (duration_min BETWEEN 5 AND 720),
  buffer_before_min INTEGER NOT NULL DEFAULT 0 CHECK (buffer_before_min BETWEEN 0 AND 240),
  buffer_after_min INTEGER NOT NULL DEFAULT 0 CHECK (buffer_after_min BETWEEN 0 AND 240),
  -- Between the starts of two slots.
  step_min INTEGER NOT NULL CHECK (step_min BETWEEN 5 AND 720),
  capacity INTEGER NOT NULL DEFAULT 1 CHECK (capacity BETWEEN 1 AND 100),
  approval TEXT NOT NULL DEFAULT 'manual' CHECK (approval IN ('manual', 'auto')),
  min_notice_min INTEGER NOT NULL DEFAULT 120 CHECK (min_notice_min BETWEEN 0 AND 527040),
  horizon_days INTEGER NOT NULL DEFAULT 60 CHECK (horizon_days BETWEEN 1 AND 730),
  cancel_notice_min INTEGER NOT NULL DEFAULT 0 CHECK (cancel_notice_min BETWEEN 0 AND 527040),
  reschedule_notice_min INTEGER NOT NULL DEFAULT 0 CHECK (reschedule_notice_min BETWEEN 0 AND 527040),
  -- A customer's reschedule wants the expert's approval again.
  reapprove INTEGER NOT NULL DEFAULT 1 CHECK (reapprove IN (0, 1)),
  lobby TEXT NOT NULL DEFAULT 'on' CHECK (lobby IN ('on', 'until_start', 'off')),
  keep_chat INTEGER NOT NULL DEFAULT 1 CHECK (keep_chat IN (0, 1)),
  -- The window, where it differs from the server's settings.
  open_before_min INTEGER CHECK (open_before_min BETWEEN 0 AND 1440),
  close_after_min INTEGER CHECK (close_after_min BETWEEN 0 AND 1440),
  close_anchor TEXT CHECK (close_anchor IN ('end', 'start')),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (duration_min + buffer_before_min + buffer_after_min <= 1440)
) STRICT;
CREATE INDEX services_expert ON services (expert_id, active);
CREATE TRIGGER services_version AFTER UPDATE ON services WHEN NEW.version = OLD.version
BEGIN UPDATE services SET version = OLD.version + 1 WHERE id = NEW.id; END;
-- Appointments refer to them: one that is no longer offered is switched off.
CREATE TRIGGER services_stay BEFORE DELETE ON services WHEN EXISTS (SELECT 1 FROM appointments WHERE service_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'service_in_use'); END;

-- Weekly hours, in minutes of the civil day of the rule's zone.
CREATE TABLE availability_rules (
  id INTEGER PRIMARY KEY,
  expert_id TEXT NOT NULL REFERENCES users (id),
  -- ISO: Monday is 1.
  weekday INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),
  from_min INTEGER NOT NULL CHECK (from_min BETWEEN 0 AND 1439),
  to_min INTEGER NOT NULL CHECK (to_min BETWEEN 1 AND 1440),
  tz TEXT NOT NULL,
  valid_from TEXT,
  valid_to TEXT,
  CHECK (from_min < to_min)
) STRICT;
CREATE INDEX availability_rules_expert ON availability_rules (expert_id);

-- Dates that differ from the week: open besides, or closed (all day where no minutes are given).
CREATE TABLE availability_exceptions (
  id INTEGER PRIMARY KEY,
  expert_id TEXT NOT NULL REFERENCES users (id),
  date TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('open', 'closed')),
  from_min INTEGER CHECK (from_min BETWEEN 0 AND 1439),
  to_min INTEGER CHECK (to_min BETWEEN 1 AND 1440),
  tz TEXT NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  CHECK ((from_min IS NULL) = (to_min IS NULL) AND (from_min IS NULL OR from_min < to_min)),
  CHECK (kind = 'closed' OR from_min IS NOT NULL)
) STRICT;
CREATE INDEX availability_exceptions_expert ON availability_exceptions (expert_id, date);

CREATE TABLE appointments (
  id TEXT PRIMARY KEY,
  -- Who booked it first; in a group others have seats beside.
  customer_id TEXT NOT NULL REFERENCES users (id),
  expert_id TEXT NOT NULL REFERENCES users (id),
  service_id TEXT NOT NULL REFERENCES services (id),
  -- The service's title when it was booked.
  title TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  -- With the buffers around it: what the expert is not free for.
  busy_from INTEGER NOT NULL,
  busy_to INTEGER NOT NULL,
  -- The customer's zone when booking.
  tz TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN
    ('hold', 'pending', 'approved', 'in_progress', 'completed', 'no_show', 'rejected', 'cancelled', 'expired')),
  capacity INTEGER NOT NULL DEFAULT 1 CHECK (capacity BETWEEN 1 AND 100),
  -- Both come from triggers, on approval. The URL is a path; the server's public URL goes in front when it is shown.
  meeting_room_name TEXT UNIQUE,
  meeting_url TEXT,
  -- 80 random bits.
  room_secret TEXT NOT NULL CHECK (length(room_secret) = 20 AND room_secret NOT GLOB '*[^0-9a-f]*'),
  ical_uid TEXT NOT NULL UNIQUE,
  ical_sequence INTEGER NOT NULL DEFAULT 0,
  hold_expires_at INTEGER,
  lobby TEXT NOT NULL CHECK (lobby IN ('on', 'until_start', 'off')),
  keep_chat INTEGER NOT NULL DEFAULT 1 CHECK (keep_chat IN (0, 1)),
  open_before_min INTEGER CHECK (open_before_min BETWEEN 0 AND 1440),
  close_after_min INTEGER CHECK (close_after_min BETWEEN 0 AND 1440),
  close_anchor TEXT CHECK (close_anchor IN ('end', 'start')),
  extended_min INTEGER NOT NULL DEFAULT 0 CHECK (extended_min BETWEEN 0 AND 480),
  extensions INTEGER NOT NULL DEFAULT 0,
  -- The expert opened the room before its time.
  opened_at INTEGER,
  customer_note TEXT NOT NULL DEFAULT '' CHECK (length(customer_note) <= 5000),
  -- The expert's words on approving, rejecting or cancelling.
  decision_message TEXT NOT NULL DEFAULT '' CHECK (length(decision_message) <= 5000),
  cancelled_by TEXT,
  -- Another time that one side has proposed to the other.
  proposed_starts_at INTEGER,
  proposed_ends_at INTEGER,
  proposed_by TEXT REFERENCES users (id),
  proposed_message TEXT,
  in_progress_at INTEGER,
  -- When the last one left a call that is due to end.
  emptied_at INTEGER,
  completed_at INTEGER,
  no_show TEXT CHECK (no_show IN ('customer', 'expert', 'both')),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (ends_at > starts_at AND ends_at - starts_at <= 43200000),
  CHECK (busy_from <= starts_at AND busy_to >= ends_at AND busy_to - busy_from <= 86400000),
  CHECK (customer_id <> expert_id),
  CHECK ((status = 'no_show') = (no_show IS NOT NULL)),
  CHECK (status <> 'hold' OR hold_expires_at IS NOT NULL),
  CHECK ((proposed_starts_at IS NULL) = (proposed_ends_at IS NULL) AND (proposed_starts_at IS NULL) = (proposed_by IS NULL)),
  CHECK ((meeting_room_name IS NULL) = (meeting_url IS NULL))
) STRICT;
CREATE INDEX appointments_busy ON appointments (expert_id, busy_from, busy_to)
  WHERE status IN ('hold', 'pending', 'approved', 'in_progress');
CREATE INDEX appointments_expert ON appointments (expert_id, starts_at);
CREATE INDEX appointments_customer ON appointments (customer_id, starts_at);
CREATE INDEX appointments_holds ON appointments (hold_expires_at) WHERE status = 'hold';
CREATE INDEX appointments_pending ON appointments (starts_at) WHERE status = 'pending';
CREATE INDEX appointments_open ON appointments (ends_at) WHERE status IN ('approved', 'in_progress');
CREATE INDEX appointments_starts ON appointments (starts_at);

-- Which warning of a close comes next, of those that have been given; forgotten at the close. Apart from the
-- appointment: a warning does not make it another version.
CREATE TABLE close_warnings (
  appointment_id TEXT PRIMARY KEY REFERENCES appointments (id),
  closes_at INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  CHECK (next_at <= closes_at)
) STRICT, WITHOUT ROWID;

-- Somebody's place in an appointment; its id is the identity in the room.
CREATE TABLE seats (
  id TEXT PRIMARY KEY,
  appointment_id TEXT NOT NULL REFERENCES appointments (id),
  user_id TEXT REFERENCES users (id),
  guest_name TEXT CHECK (length(guest_name) BETWEEN 1 AND 200),
  guest_email TEXT,
  role TEXT NOT NULL CHECK (role IN ('host', 'client', 'observer', 'interpreter')),
  -- The appointment's, kept by triggers: by them a customer's appointments at a time are found.
  starts_at INTEGER,
  ends_at INTEGER,
  publish_audio INTEGER NOT NULL DEFAULT 1 CHECK (publish_audio IN (0, 1)),
  publish_video INTEGER NOT NULL DEFAULT 1 CHECK (publish_video IN (0, 1)),
  publish_screen INTEGER NOT NULL DEFAULT 1 CHECK (publish_screen IN (0, 1)),
  publish_data INTEGER NOT NULL DEFAULT 1 CHECK (publish_data IN (0, 1)),
  invited_by TEXT REFERENCES users (id),
  -- What somebody who joined a session wrote to the expert; whoever booked it first did so in the appointment.
  note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= 5000),
  admitted_at INTEGER,
  -- The lobby: since when somebody waits, when the waiting was last heard of, and for how long in all.
  waiting_since INTEGER,
  waiting_seen_at INTEGER,
  waited_ms INTEGER NOT NULL DEFAULT 0,
  removed_at INTEGER,
  created_at INTEGER NOT NULL,
  CHECK ((user_id IS NULL) <> (guest_name IS NULL)),
  CHECK (user_id IS NOT NULL OR role <> 'host'),
  UNIQUE (appointment_id, user_id)
) STRICT;
CREATE INDEX seats_appointment ON seats (appointment_id);
CREATE INDEX seats_user ON seats (user_id, starts_at, ends_at, role) WHERE removed_at IS NULL;
CREATE INDEX seats_waiting ON seats (waiting_since) WHERE waiting_since IS NOT NULL;

-- What a customer agreed to when booking: the words as they were read, and when. Whoever comes back into a session
-- agrees once more. Nothing of it changes, but the words go with the person who read them.
CREATE TABLE consents (
  id INTEGER PRIMARY KEY,
  seat_id TEXT NOT NULL REFERENCES seats (id),
  version TEXT NOT NULL CHECK (length(version) BETWEEN 1 AND 40),
  text TEXT NOT NULL CHECK (length(text) <= 2000),
  agreed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX consents_seat ON consents (seat_id);
CREATE TRIGGER consents_stand BEFORE UPDATE ON consents
 WHEN NEW.id <> OLD.id OR NEW.seat_id <> OLD.seat_id OR NEW.version <> OLD.version OR NEW.agreed_at <> OLD.agreed_at
  OR NEW.text NOT IN (OLD.text, '')
BEGIN SELECT RAISE(ABORT, 'consents_stand'); END;
CREATE TRIGGER consents_stay BEFORE DELETE ON consents
BEGIN SELECT RAISE(ABORT, 'consents_stand'); END;

CREATE TABLE guest_links (
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  seat_id TEXT NOT NULL REFERENCES seats (id),
  created_by TEXT NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  max_uses INTEGER NOT NULL CHECK (max_uses BETWEEN 1 AND 1000),
  uses INTEGER NOT NULL DEFAULT 0,
  revoked_at INTEGER,
  CHECK (uses <= max_uses)
) STRICT;
CREATE INDEX guest_links_seat ON guest_links (seat_id);

-- The state machine. src/scheduler/status.rs has the same table, and a test holds them together.
CREATE TABLE appointment_transitions (
  from_status TEXT NOT NULL,
  to_status TEXT NOT NULL,
  PRIMARY KEY (from_status, to_status)
) STRICT, WITHOUT ROWID;
INSERT INTO appointment_transitions VALUES
  ('hold', 'pending'), ('hold', 'approved'), ('hold', 'expired'), ('hold', 'cancelled'),
  ('pending', 'approved'), ('pending', 'rejected'), ('pending', 'cancelled'), ('pending', 'expired'),
  ('approved', 'pending'), ('approved', 'in_progress'), ('approved', 'cancelled'), ('approved', 'no_show'),
  ('approved', 'completed'),
  ('in_progress', 'completed'), ('in_progress', 'approved'), ('in_progress', 'cancelled'),
  ('no_show', 'completed'), ('completed', 'no_show');
CREATE TRIGGER appointment_transitions_insert BEFORE INSERT ON appointment_transitions
BEGIN SELECT RAISE(ABORT, 'state_machine_is_fixed'); END;
CREATE TRIGGER appointment_transitions_update BEFORE UPDATE ON appointment_transitions
BEGIN SELECT RAISE(ABORT, 'state_machine_is_fixed'); END;
CREATE TRIGGER appointment_transitions_delete BEFORE DELETE ON appointment_transitions
BEGIN SELECT RAISE(ABORT, 'state_machine_is_fixed'); END;

CREATE TRIGGER appointments_first_status BEFORE INSERT ON appointments
 WHEN NEW.status NOT IN ('hold', 'pending', 'approved')
BEGIN SELECT RAISE(ABORT, 'illegal_transition'); END;
CREATE TRIGGER appointments_no_room_of_ones_own BEFORE INSERT ON appointments
 WHEN NEW.meeting_room_name IS NOT NULL OR NEW.meeting_url IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'room_immutable'); END;
CREATE TRIGGER appointments_transition BEFORE UPDATE OF status ON appointments WHEN NEW.status <> OLD.status
BEGIN SELECT RAISE(ABORT, 'illegal_transition') WHERE NOT EXISTS (
  SELECT 1 FROM appointment_transitions t WHERE t.from_status = OLD.status AND t.to_status = NEW.status); END;

-- No block is longer than a day and no consultation than half a day (CHECKs above), so that far back is far enough to
-- look: however much has been booked, the searches stay inside a short piece of an index.
CREATE TRIGGER appointments_overlap_insert BEFORE INSERT ON appointments
 WHEN NEW.status IN ('hold', 'pending', 'approved', 'in_progress')
BEGIN SELECT RAISE(ABORT, 'slot_taken') WHERE EXISTS (
  SELECT 1 FROM appointments a WHERE a.expert_id = NEW.expert_id
    AND a.status IN ('hold', 'pending', 'approved', 'in_progress')
    AND a.busy_from < NEW.busy_to AND a.busy_from > NEW.busy_from - 86400000 AND a.busy_to > NEW.busy_from); END;
CREATE TRIGGER appointments_overlap_update
 BEFORE UPDATE OF starts_at, ends_at, busy_from, busy_to, expert_id, status ON appointments
 WHEN NEW.status IN ('hold', 'pending', 'approved', 'in_progress')
BEGIN SELECT RAISE(ABORT, 'slot_taken') WHERE EXISTS (
  SELECT 1 FROM appointments a WHERE a.id <> NEW.id AND a.expert_id = NEW.expert_id
    AND a.status IN ('hold', 'pending', 'approved', 'in_progress')
    AND a.busy_from < NEW.busy_to AND a.busy_from > NEW.busy_from - 86400000 AND a.busy_to > NEW.busy_from); END;
CREATE TRIGGER appointments_customer_overlap_update
 BEFORE UPDATE OF starts_at, ends_at, status ON appointments
 WHEN NEW.status IN ('hold', 'pending', 'approved', 'in_progress')
BEGIN SELECT RAISE(ABORT, 'customer_overlap') WHERE EXISTS (
  SELECT 1 FROM seats mine
    JOIN seats other ON other.user_id = mine.user_id AND other.role = 'client' AND other.removed_at IS NULL
      AND other.starts_at < NEW.ends_at AND other.starts_at > NEW.starts_at - 43200000
      AND other.ends_at > NEW.starts_at AND other.appointment_id <> NEW.id
    JOIN appointments a ON a.id = other.appointment_id
  WHERE mine.appointment_id = NEW.id AND mine.role = 'client' AND mine.removed_at IS NULL
    AND a.status IN ('hold', 'pending', 'approved', 'in_progress')); END;

-- Times stand once a consultation has begun or ended.
CREATE TRIGGER appointments_times BEFORE UPDATE OF starts_at, ends_at, busy_from, busy_to ON appointments
 WHEN OLD.status NOT IN ('hold', 'pending', 'approved')
  AND (NEW.starts_at <> OLD.starts_at OR NEW.ends_at <> OLD.ends_at OR NEW.busy_from <> OLD.busy_from OR NEW.busy_to <> OLD.busy_to)
BEGIN SELECT RAISE(ABORT, 'appointment_closed'); END;
CREATE TRIGGER appointments_fixed
 BEFORE UPDATE OF id, customer_id, expert_id, service_id, ical_uid, room_secret, created_at ON appointments
 WHEN NEW.id <> OLD.id OR NEW.customer_id <> OLD.customer_id OR NEW.expert_id <> OLD.expert_id
  OR NEW.service_id <> OLD.service_id OR NEW.ical_uid <> OLD.ical_uid OR NEW.room_secret <> OLD.room_secret
  OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'appointment_fixed'); END;
CREATE TRIGGER appointments_stay BEFORE DELETE ON appointments
BEGIN SELECT RAISE(ABORT, 'appointments_stay'); END;

-- Room and URL: from the id and the secret, on approval, and never anything else.
CREATE TRIGGER appointments_room_immutable BEFORE UPDATE OF meeting_room_name, meeting_url ON appointments
 WHEN (OLD.meeting_room_name IS NOT NULL
       AND (NEW.meeting_room_name IS NOT OLD.meeting_room_name OR NEW.meeting_url IS NOT OLD.meeting_url))
   OR (NEW.meeting_room_name IS NOT NULL AND (
       NEW.meeting_room_name IS NOT 'appointment-' || NEW.id || '-' || NEW.room_secret
       OR NEW.meeting_url IS NOT '/call/appointment-' || NEW.id || '-' || NEW.room_secret || '?appointmentId=' || NEW.id))
BEGIN SELECT RAISE(ABORT, 'room_immutable'); END;
CREATE TRIGGER appointments_room_on_approval AFTER UPDATE OF status ON appointments
 WHEN NEW.status = 'approved' AND NEW.meeting_room_name IS NULL
BEGIN UPDATE appointments SET
    meeting_room_name = 'appointment-' || NEW.id || '-' || NEW.room_secret,
    meeting_url = '/call/appointment-' || NEW.id || '-' || NEW.room_secret || '?appointmentId=' || NEW.id
  WHERE id = NEW.id; END;
CREATE TRIGGER appointments_room_on_insert AFTER INSERT ON appointments
 WHEN NEW.status = 'approved'
BEGIN UPDATE appointments SET
    meeting_room_name = 'appointment-' || NEW.id || '-' || NEW.room_secret,
    meeting_url = '/call/appointment-' || NEW.id || '-' || NEW.room_secret || '?appointmentId=' || NEW.id,
    -- What the trigger on versions would do after it.
    version = NEW.version + 1
  WHERE id = NEW.id; END;

-- Calendars take a change for news by its sequence (RFC 5546 §2.1.4).
CREATE TRIGGER appointments_sequence AFTER UPDATE OF starts_at, ends_at, status ON appointments
 WHEN NEW.ical_sequence = OLD.ical_sequence AND (NEW.starts_at <> OLD.starts_at OR NEW.ends_at <> OLD.ends_at
  OR (NEW.status <> OLD.status AND NEW.status IN ('cancelled', 'rejected', 'expired')))
BEGIN UPDATE appointments SET ical_sequence = OLD.ical_sequence + 1 WHERE id = NEW.id; END;
CREATE TRIGGER appointments_version AFTER UPDATE ON appointments WHEN NEW.version = OLD.version
BEGIN UPDATE appointments SET version = OLD.version + 1 WHERE id = NEW.id; END;

-- Both sides have a seat from the beginning.
CREATE TRIGGER appointments_seats AFTER INSERT ON appointments
BEGIN
  INSERT INTO seats (id, appointment_id, user_id, role, starts_at, ends_at, created_at)
    SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-'
      || substr(h, 21, 12), NEW.id, NEW.expert_id, 'host', NEW.starts_at, NEW.ends_at, NEW.created_at
    FROM (SELECT lower(hex(randomblob(16))) AS h);
  INSERT INTO seats (id, appointment_id, user_id, role, starts_at, ends_at, created_at)
    SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-'
      || substr(h, 21, 12), NEW.id, NEW.customer_id, 'client', NEW.starts_at, NEW.ends_at, NEW.created_at
    FROM (SELECT lower(hex(randomblob(16))) AS h);
END;
-- Seats have their appointment's times, and no others.
CREATE TRIGGER seats_times AFTER INSERT ON seats WHEN NEW.starts_at IS NULL OR NEW.ends_at IS NULL
BEGIN UPDATE seats SET (starts_at, ends_at) = (SELECT starts_at, ends_at FROM appointments WHERE id = NEW.appointment_id)
  WHERE id = NEW.id; END;
CREATE TRIGGER seats_times_insert BEFORE INSERT ON seats WHEN NEW.starts_at IS NOT NULL OR NEW.ends_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'seat_times') WHERE NOT EXISTS (SELECT 1 FROM appointments
  WHERE id = NEW.appointment_id AND starts_at IS NEW.starts_at AND ends_at IS NEW.ends_at); END;
CREATE TRIGGER seats_times_update BEFORE UPDATE OF starts_at, ends_at ON seats
BEGIN SELECT RAISE(ABORT, 'seat_times') WHERE NOT EXISTS (SELECT 1 FROM appointments
  WHERE id = NEW.appointment_id AND starts_at IS NEW.starts_at AND ends_at IS NEW.ends_at); END;
CREATE TRIGGER seats_times_move AFTER UPDATE OF starts_at, ends_at ON appointments
 WHEN NEW.starts_at <> OLD.starts_at OR NEW.ends_at <> OLD.ends_at
BEGIN UPDATE seats SET starts_at = NEW.starts_at, ends_at = NEW.ends_at WHERE appointment_id = NEW.id; END;
CREATE TRIGGER seats_customer_overlap BEFORE INSERT ON seats WHEN NEW.role = 'client' AND NEW.user_id IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'customer_overlap') WHERE EXISTS (
  SELECT 1 FROM appointments own
    JOIN seats other ON other.user_id = NEW.user_id AND other.role = 'client' AND other.removed_at IS NULL
      AND other.starts_at < own.ends_at AND other.starts_at > own.starts_at - 43200000
      AND other.ends_at > own.starts_at AND other.appointment_id <> own.id
    JOIN appointments a ON a.id = other.appointment_id
  WHERE own.id = NEW.appointment_id AND own.status IN ('hold', 'pending', 'approved', 'in_progress')
    AND a.status IN ('hold', 'pending', 'approved', 'in_progress')); END;
CREATE TRIGGER seats_capacity BEFORE INSERT ON seats WHEN NEW.role = 'client'
BEGIN SELECT RAISE(ABORT, 'session_full') WHERE
  (SELECT count(*) FROM seats s WHERE s.appointment_id = NEW.appointment_id AND s.role = 'client' AND s.removed_at IS NULL)
  >= (SELECT capacity FROM appointments WHERE id = NEW.appointment_id); END;
CREATE TRIGGER seats_capacity_return BEFORE UPDATE OF removed_at, role ON seats
 WHEN NEW.role = 'client' AND NEW.removed_at IS NULL AND (OLD.removed_at IS NOT NULL OR OLD.role <> 'client')
BEGIN SELECT RAISE(ABORT, 'session_full') WHERE
  (SELECT count(*) FROM seats s WHERE s.appointment_id = NEW.appointment_id AND s.role = 'client' AND s.removed_at IS NULL)
  >= (SELECT capacity FROM appointments WHERE id = NEW.appointment_id);
  SELECT RAISE(ABORT, 'customer_overlap') WHERE EXISTS (
  SELECT 1 FROM appointments own
    JOIN seats other ON other.user_id = NEW.user_id AND other.role = 'client' AND other.removed_at IS NULL
      AND other.starts_at < own.ends_at AND other.starts_at > own.starts_at - 43200000
      AND other.ends_at > own.starts_at AND other.appointment_id <> own.id
    JOIN appointments a ON a.id = other.appointment_id
  WHERE own.id = NEW.appointment_id AND own.status IN ('hold', 'pending', 'approved', 'in_progress')
    AND a.status IN ('hold', 'pending', 'approved', 'in_progress')); END;
CREATE TRIGGER seats_fixed BEFORE UPDATE OF id, appointment_id, user_id ON seats
 WHEN NEW.id <> OLD.id OR NEW.appointment_id <> OLD.appointment_id OR NEW.user_id IS NOT OLD.user_id
BEGIN SELECT RAISE(ABORT, 'seat_fixed'); END;
CREATE TRIGGER seats_stay BEFORE DELETE ON seats
BEGIN SELECT RAISE(ABORT, 'seats_stay'); END;

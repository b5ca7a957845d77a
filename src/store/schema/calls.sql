-- What happened in the rooms, and what belongs to an appointment and stays.

-- Tokens that this server has handed out for appointments' rooms. One that was refreshed keeps its id.
CREATE TABLE room_tokens (
  jti TEXT PRIMARY KEY,
  appointment_id TEXT REFERENCES appointments (id),
  seat_id TEXT REFERENCES seats (id),
  room_name TEXT NOT NULL,
  identity TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  -- A guest's opens one session, on its first use.
  used_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX room_tokens_seat ON room_tokens (seat_id);
CREATE INDEX room_tokens_issued ON room_tokens (issued_at);

CREATE TABLE call_logs (
  id TEXT PRIMARY KEY,
  room_name TEXT NOT NULL,
  participant_identity TEXT NOT NULL,
  participant_name TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  duration_seconds INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  appointment_id TEXT REFERENCES appointments (id),
  seat_id TEXT REFERENCES seats (id),
  seat_role TEXT,
  participant_sid TEXT NOT NULL UNIQUE,
  heartbeat_at INTEGER NOT NULL,
  end_reason TEXT CHECK (end_reason IN ('client_left', 'window_closed', 'removed', 'room_ended', 'connection_lost',
    'replaced', 'server_shutdown', 'crash_recovered')),
  CHECK (ended_at IS NULL OR ended_at >= started_at),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX call_logs_appointment ON call_logs (appointment_id, started_at);
CREATE INDEX call_logs_user ON call_logs (user_id, started_at);
CREATE INDEX call_logs_open ON call_logs (room_name) WHERE ended_at IS NULL;
CREATE INDEX call_logs_started ON call_logs (started_at, id);
CREATE INDEX call_logs_ended ON call_logs (ended_at);

CREATE TRIGGER call_logs_begin_open BEFORE INSERT ON call_logs
 WHEN NEW.ended_at IS NOT NULL OR NEW.duration_seconds IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'call_log_begins_open'); END;
-- Closed is what has its duration. The one change left is the name of somebody who was erased.
CREATE TRIGGER call_logs_closed BEFORE UPDATE ON call_logs WHEN OLD.duration_seconds IS NOT NULL
 AND NOT (NEW.participant_name IS coalesce((SELECT name FROM users WHERE id = OLD.user_id AND status = 'erased'),
   (SELECT guest_name FROM seats WHERE id = OLD.seat_id AND guest_name = 'Erased person'))
  AND NEW.id IS OLD.id AND NEW.room_name IS OLD.room_name AND NEW.participant_identity IS OLD.participant_identity
  AND NEW.user_id IS OLD.user_id AND NEW.started_at IS OLD.started_at AND NEW.ended_at IS OLD.ended_at
  AND NEW.duration_seconds IS OLD.duration_seconds AND NEW.created_at IS OLD.created_at
  AND NEW.appointment_id IS OLD.appointment_id AND NEW.seat_id IS OLD.seat_id AND NEW.seat_role IS OLD.seat_role
  AND NEW.participant_sid IS OLD.participant_sid AND NEW.end_reason IS OLD.end_reason)
BEGIN SELECT RAISE(ABORT, 'call_log_closed'); END;
CREATE TRIGGER call_logs_duration_is_computed BEFORE UPDATE OF duration_seconds ON call_logs
 WHEN NEW.duration_seconds IS NOT NULL AND NEW.duration_seconds IS NOT (NEW.ended_at - NEW.started_at) / 1000
BEGIN SELECT RAISE(ABORT, 'duration_is_computed'); END;
CREATE TRIGGER call_logs_begin_is_fixed BEFORE UPDATE OF id, started_at, room_name, participant_sid ON call_logs
 WHEN NEW.id <> OLD.id OR NEW.started_at <> OLD.started_at OR NEW.room_name <> OLD.room_name
  OR NEW.participant_sid <> OLD.participant_sid
BEGIN SELECT RAISE(ABORT, 'call_log_fixed'); END;
CREATE TRIGGER call_logs_duration AFTER UPDATE OF ended_at ON call_logs
 WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
BEGIN UPDATE call_logs SET duration_seconds = (NEW.ended_at - NEW.started_at) / 1000 WHERE id = NEW.id; END;

-- How long each class of data is kept; 0 days means for ever.
CREATE TABLE retention_policies (
  class TEXT PRIMARY KEY CHECK (class IN ('call_logs', 'messages', 'files', 'notes', 'quality', 'events', 'deliveries',
    'notifications', 'sessions')),
  keep_days INTEGER NOT NULL CHECK (keep_days BETWEEN 0 AND 36500),
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What the retention job may delete in the transaction that it runs in; empty otherwise.
CREATE TABLE retention_gate (
  class TEXT PRIMARY KEY,
  before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER call_logs_stay BEFORE DELETE ON call_logs
 WHEN OLD.ended_at IS NULL OR NOT EXISTS (
  SELECT 1 FROM retention_gate WHERE class = 'call_logs' AND OLD.ended_at < before)
BEGIN SELECT RAISE(ABORT, 'call_logs_stay'); END;

-- One row for each minute that somebody was in a call.
CREATE TABLE call_quality (
  call_log_id TEXT NOT NULL REFERENCES call_logs (id) ON DELETE CASCADE,
  minute INTEGER NOT NULL,
  rtt_ms INTEGER,
  jitter_ms INTEGER,
  loss_up REAL,
  loss_down REAL,
  bitrate_in INTEGER,
  bitrate_out INTEGER,
  layer TEXT,
  mos REAL,
  cause TEXT,
  PRIMARY KEY (call_log_id, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  appointment_id TEXT NOT NULL REFERENCES appointments (id),
  -- What the sender's client named it, by which doubles are known.
  stream_id TEXT NOT NULL,
  seat_id TEXT REFERENCES seats (id),
  identity TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL CHECK (length(body) <= 32768),
  reply_to TEXT,
  sent_at INTEGER NOT NULL,
  edited_at INTEGER,
  deleted_at INTEGER,
  UNIQUE (appointment_id, identity, stream_id)
) STRICT;
CREATE INDEX messages_sent ON messages (appointment_id, sent_at, id);
CREATE INDEX messages_age ON messages (sent_at);

CREATE TABLE files (
  id TEXT PRIMARY KEY,
  appointment_id TEXT NOT NULL REFERENCES appointments (id),
  seat_id TEXT NOT NULL REFERENCES seats (id),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size > 0),
  sha256 TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE INDEX files_appointment ON files (appointment_id, created_at);
CREATE INDEX files_seat ON files (seat_id);
CREATE INDEX files_age ON files (created_at);

CREATE TABLE notes (
  id TEXT PRIMARY KEY,
  appointment_id TEXT NOT NULL REFERENCES appointments (id),
  author_id TEXT NOT NULL REFERENCES users (id),
  body TEXT NOT NULL CHECK (length(body) <= 65536),
  visibility TEXT NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'shared')),
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notes_appointment ON notes (appointment_id);
CREATE INDEX notes_age ON notes (created_at);
CREATE TRIGGER notes_version AFTER UPDATE ON notes WHEN NEW.version = OLD.version
BEGIN UPDATE notes SET version = OLD.version + 1 WHERE id = NEW.id; END;

CREATE TABLE ratings (
  appointment_id TEXT NOT NULL REFERENCES appointments (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
  comment TEXT NOT NULL DEFAULT '' CHECK (length(comment) <= 2000),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (appointment_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER ratings_of_customers BEFORE INSERT ON ratings
BEGIN SELECT RAISE(ABORT, 'not_yours_to_rate') WHERE NOT EXISTS (
  SELECT 1 FROM seats s JOIN appointments a ON a.id = s.appointment_id
  WHERE s.appointment_id = NEW.appointment_id AND s.user_id = NEW.user_id AND s.role = 'client'
    AND a.status = 'completed'); END;
CREATE TRIGGER ratings_count AFTER INSERT ON ratings
BEGIN UPDATE expert_profiles SET rating_sum = rating_sum + NEW.stars, rating_count = rating_count + 1
  WHERE user_id = (SELECT expert_id FROM appointments WHERE id = NEW.appointment_id); END;
-- The one change left is that the words of somebody who was erased go.
CREATE TRIGGER ratings_stand BEFORE UPDATE ON ratings
 WHEN NOT (NEW.comment = '' AND NEW.appointment_id IS OLD.appointment_id AND NEW.user_id IS OLD.user_id
  AND NEW.stars IS OLD.stars AND NEW.created_at IS OLD.created_at
  AND EXISTS (SELECT 1 FROM users WHERE id = OLD.user_id AND status = 'erased'))
BEGIN SELECT RAISE(ABORT, 'rated_already'); END;
CREATE TRIGGER ratings_stay BEFORE DELETE ON ratings
BEGIN SELECT RAISE(ABORT, 'rated_already'); END;

-- People and what they sign in with. Times are milliseconds since 1970 UTC and come from the writer: no default,
-- trigger or query reads a clock. Ids are UUIDs as text.

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL COLLATE NOCASE UNIQUE CHECK (length(email) BETWEEN 3 AND 254),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  role TEXT NOT NULL CHECK (role IN ('customer', 'expert', 'admin')),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'erased')),
  tz TEXT NOT NULL DEFAULT 'UTC',
  locale TEXT NOT NULL DEFAULT 'en',
  -- E.164
  phone TEXT,
  -- A PHC string; null for those who sign in by link or by OpenID Connect alone.
  password_hash TEXT,
  email_verified_at INTEGER,
  oidc_subject TEXT UNIQUE,
  reminders_by_mail INTEGER NOT NULL DEFAULT 1 CHECK (reminders_by_mail IN (0, 1)),
  reminders_by_sms INTEGER NOT NULL DEFAULT 0 CHECK (reminders_by_sms IN (0, 1)),
  -- Minutes of the person's own day between which no SMS is sent; both or neither.
  quiet_from_min INTEGER CHECK (quiet_from_min BETWEEN 0 AND 1439),
  quiet_to_min INTEGER CHECK (quiet_to_min BETWEEN 0 AND 1439),
  -- SHA-256 of the secret in the calendar feed's address.
  feed_token_hash TEXT UNIQUE,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK ((quiet_from_min IS NULL) = (quiet_to_min IS NULL))
) STRICT;
CREATE INDEX users_role ON users (role, status, name);

CREATE TRIGGER users_are_erased_not_deleted BEFORE DELETE ON users
BEGIN SELECT RAISE(ABORT, 'users_are_erased_not_deleted'); END;
CREATE TRIGGER users_erased_stay_erased BEFORE UPDATE ON users WHEN OLD.status = 'erased'
BEGIN SELECT RAISE(ABORT, 'user_erased'); END;
CREATE TRIGGER users_version AFTER UPDATE ON users WHEN NEW.version = OLD.version
BEGIN UPDATE users SET version = OLD.version + 1 WHERE id = NEW.id AND status <> 'erased'; END;

CREATE TABLE expert_profiles (
  user_id TEXT PRIMARY KEY REFERENCES users (id),
  -- The last part of the public page's address.
  slug TEXT NOT NULL UNIQUE,
  headline TEXT NOT NULL DEFAULT '',
  bio TEXT NOT NULL DEFAULT '',
  -- JSON arrays of texts.
  specialities TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(specialities)),
  languages TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(languages)),
  published INTEGER NOT NULL DEFAULT 0 CHECK (published IN (0, 1)),
  rating_sum INTEGER NOT NULL DEFAULT 0,
  rating_count INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A signed-in device, of an account or of a guest's seat.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  user_id TEXT REFERENCES users (id),
  seat_id TEXT REFERENCES seats (id),
  user_agent TEXT NOT NULL DEFAULT '',
  address TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  CHECK ((user_id IS NULL) <> (seat_id IS NULL))
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_seat ON sessions (seat_id) WHERE seat_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Links that sign in or reset a password, once.
CREATE TABLE login_tokens (
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL CHECK (kind IN ('magic', 'reset', 'verify')),
  -- The address that it was sent to: what opening it proves, and the new one where it is to change.
  email TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;
CREATE INDEX login_tokens_user ON login_tokens (user_id);
CREATE INDEX login_tokens_expiry ON login_tokens (expires_at);
CREATE TRIGGER login_tokens_are_used_once BEFORE UPDATE OF used_at ON login_tokens WHEN OLD.used_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'link_used'); END;

CREATE TABLE push_subscriptions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  endpoint TEXT NOT NULL UNIQUE,
  p256dh TEXT NOT NULL,
  auth TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id);

-- What happened, by whom, to what: appended only, each row's hash covering the one before.
CREATE TABLE audit_log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_subject ON audit_log (subject, seq);
CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_append_only'); END;
CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_append_only'); END;

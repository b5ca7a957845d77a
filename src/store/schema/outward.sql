-- What goes outward. Rows are written in the transaction of the change that they tell of.

-- Live status: one row for each one who is to know. Clients resume after the last `seq` that they saw.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  user_id TEXT REFERENCES users (id),
  seat_id TEXT REFERENCES seats (id),
  kind TEXT NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data)),
  CHECK ((user_id IS NULL) <> (seat_id IS NULL))
) STRICT;
CREATE INDEX events_user ON events (user_id, seq) WHERE user_id IS NOT NULL;
CREATE INDEX events_seat ON events (seat_id, seq) WHERE seat_id IS NOT NULL;
CREATE INDEX events_age ON events (at);

-- Mail, SMS and push to be sent, each at most once by its key.
CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  channel TEXT NOT NULL CHECK (channel IN ('mail', 'sms', 'push')),
  dedupe_key TEXT NOT NULL UNIQUE,
  user_id TEXT REFERENCES users (id),
  appointment_id TEXT REFERENCES appointments (id),
  -- A JSON `notify::Message`.
  payload TEXT NOT NULL CHECK (json_valid(payload)),
  due_at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'failed', 'dropped')),
  attempts INTEGER NOT NULL DEFAULT 0,
  -- What time for further attempts runs from; it may have been due long after it was written.
  first_tried_at INTEGER,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  done_at INTEGER,
  CHECK ((state = 'due') = (done_at IS NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'due';
CREATE INDEX outbox_appointment ON outbox (appointment_id);
CREATE INDEX outbox_done ON outbox (done_at) WHERE state <> 'due';
CREATE TRIGGER outbox_once BEFORE UPDATE OF state ON outbox WHEN OLD.state <> 'due' AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'outbox_done'); END;

CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  secret TEXT NOT NULL,
  -- A JSON array of event types; `*` and `appointment.*` stand for many.
  events TEXT NOT NULL CHECK (json_valid(events)),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  created_by TEXT NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_deliveries (
  id TEXT PRIMARY KEY,
  webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  response_status INTEGER,
  last_error TEXT,
  -- The delivery that this one repeats.
  replay_of TEXT REFERENCES webhook_deliveries (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  done_at INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'due';
CREATE INDEX webhook_deliveries_hook ON webhook_deliveries (webhook_id, created_at);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);
-- Deleting a delivery looks for those that repeat it.
CREATE INDEX webhook_deliveries_replays ON webhook_deliveries (replay_of) WHERE replay_of IS NOT NULL;

//! What a piece of writing works with: SQL inside a savepoint, and what every change brings with it.

use std::ops::Deref;

use aws_lc_rs::digest::{SHA256, digest};
use rand::Rng;
use rand::rngs::StdRng;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use super::{Actor, StoreError};
use crate::ids::{AppointmentId, OutboxId, SeatId, UserId};
use crate::units::UnixTime;

/// One piece of writing. Everything in it is stored, or nothing.
pub struct Tx<'a> {
    connection: &'a Connection,
    rng: &'a mut StdRng,
    stirred: &'a mut bool,
}

/// Who is told of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// An account, on all its devices.
    User(UserId),
    /// A guest.
    Guest(SeatId),
}

/// Something to be sent, at most once by its key.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// `mail`, `sms` or `push`.
    pub channel: Channel,
    /// A second one of the same key is passed over.
    pub dedupe_key: &'a str,
    /// To whom, where the receiver has an account.
    pub user: Option<UserId>,
    /// What it is about.
    pub appointment: Option<AppointmentId>,
    /// What to say: a JSON object whose `kind` the senders know.
    pub payload: &'a Value,
    /// Not before.
    pub due_at: UnixTime,
}

/// How something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Mail.
    Mail,
    /// A text message.
    Sms,
    /// A notification in the browser.
    Push,
}

impl Channel {
    /// The channel as the database spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Mail => "mail",
            Channel::Sms => "sms",
            Channel::Push => "push",
        }
    }
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, rng: &'a mut StdRng, stirred: &'a mut bool) -> Self {
        Self { connection, rng, stirred }
    }

    /// Randomness for ids and secrets, seeded by the system.
    pub fn rng(&mut self) -> &mut impl Rng {
        self.rng
    }

    /// `N` random bytes in hexadecimal.
    pub fn random_hex<const N: usize>(&mut self) -> String {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        hex(&bytes)
    }

    /// Whoever waits for the outbox, the deliveries or live events is woken once this is stored.
    pub fn stir(&mut self) {
        *self.stirred = true;
    }

    /// Appends to the audit log: who did what to what.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn audit(
        &mut self,
        now: UnixTime,
        actor: Actor,
        action: &str,
        subject: &str,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let last = "SELECT hash FROM audit_log ORDER BY seq DESC LIMIT 1";
        let previous: Option<String> = self.prepare_cached(last)?.query_row([], |row| row.get(0)).optional()?;
        let (actor, detail) = (actor.subject(), detail.to_string());
        let hash = audit_hash(previous.as_deref().unwrap_or_default(), now, &actor, action, subject, &detail);
        self.prepare_cached(
            "INSERT INTO audit_log (at, actor, action, subject, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((now.0, &actor, action, subject, &detail, &hash))?;
        Ok(())
    }

    /// Tells somebody's devices of something, once this is stored.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn emit(&mut self, now: UnixTime, to: Audience, kind: &str, data: &Value) -> Result<(), StoreError> {
        let (user, seat) = match to {
            Audience::User(user) => (Some(user), None),
            Audience::Guest(seat) => (None, Some(seat)),
        };
        self.prepare_cached("INSERT INTO events (at, user_id, seat_id, kind, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((now.0, user, seat, kind, data.to_string()))?;
        self.stir();
        Ok(())
    }
}

impl Tx<'_> {
    /// Puts something into the outbox; it leaves once this is stored and due.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn send(&mut self, now: UnixTime, outgoing: &Outgoing<'_>) -> Result<(), StoreError> {
        let id = OutboxId::new(now, self.rng);
        self.prepare_cached(
            "INSERT INTO outbox (id, channel, dedupe_key, user_id, appointment_id, payload, due_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (dedupe_key) DO NOTHING",
        )?
        .execute((
            id,
            outgoing.channel.as_str(),
            outgoing.dedupe_key,
            outgoing.user,
            outgoing.appointment,
            outgoing.payload.to_string(),
            outgoing.due_at.0,
            now.0,
        ))?;
        self.stir();
        Ok(())
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// The hash of an audit row: SHA-256 over the hash before it and its own columns, separated by a byte that text
/// cannot hold.
pub fn audit_hash(previous: &str, at: UnixTime, actor: &str, action: &str, subject: &str, detail: &str) -> String {
    let at = at.0.to_string();
    let text = [previous, &at, actor, action, subject, detail].join("\u{0}");
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
